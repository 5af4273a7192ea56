home_office_pkgs := libzip expat
