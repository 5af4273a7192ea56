home_office_pkgs := libzip expat libxml-2.0
$(BUILD)/plugins/home_office/%.o: all_cflags += $(shell $(PKG_CONFIG) --cflags libxml-2.0)
