platform_response_pkgs := jansson
