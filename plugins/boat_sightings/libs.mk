boat_sightings_pkgs := jansson
