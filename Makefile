# straitd: make help

prefix        ?= /usr/local
exec_prefix   ?= $(prefix)
bindir        ?= $(exec_prefix)/bin
sbindir       ?= $(exec_prefix)/sbin
libdir        ?= $(exec_prefix)/lib
sysconfdir    ?= $(if $(filter /usr,$(prefix)),/etc,$(prefix)/etc)
localstatedir ?= $(if $(filter /usr,$(prefix)),/var,$(prefix)/var)
datadir       ?= $(prefix)/share
includedir    ?= $(prefix)/include
docdir        ?= $(datadir)/doc/straitd
plugindir     ?= $(libdir)/straitd/plugins
DESTDIR       ?=
INSTALL       ?= install
CC            ?= gcc
PKG_CONFIG    ?= pkg-config
BUILD         ?= build
CFLAGS        ?= -O2 -g
SANITIZE      ?=
WERROR        ?=

VERSION := 0.1.0
Q := $(if $(V),,@)

pkgs_main := libevent_core libevent_extra dbus-1 sqlite3 nettle libsystemd
pkg_cflags := $(shell $(PKG_CONFIG) --cflags $(pkgs_main) 2>/dev/null)

warnings := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wwrite-strings \
	-Wpointer-arith -Wformat=2 -Wundef -Wswitch-enum $(if $(WERROR),-Werror)
hardening := $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2) -fstack-protector-strong -fPIE
sanitize := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)

all_cflags = -std=gnu11 $(warnings) $(hardening) $(sanitize) -fvisibility=hidden -D_GNU_SOURCE -Iinclude -Idaemon \
	$(pkg_cflags) -MMD -MP $(CPPFLAGS) $(CFLAGS)
all_ldflags = $(sanitize) -pie -Wl,-z,relro,-z,now,-z,noexecstack $(LDFLAGS)
main_libs := $(shell $(PKG_CONFIG) --libs $(pkgs_main) 2>/dev/null) -liniparser -ldl -lm

paths := -DSTRAITD_VERSION='"$(VERSION)"' -DSYSCONFDIR='"$(sysconfdir)"' -DLOCALSTATEDIR='"$(localstatedir)"' \
	-DPLUGINDIR='"$(plugindir)"' -DVENDORDIR='"$(prefix)/lib/straitd"'

lib_objects    := $(patsubst %.c,$(BUILD)/%.o,$(filter-out daemon/main.c,$(wildcard daemon/*.c)))
lib            := $(BUILD)/libstrait.a
daemon         := $(BUILD)/straitd
ctl_objects    := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tools/*.c))
ctl            := $(BUILD)/straitctl
plugin_names   := $(notdir $(patsubst %/,%,$(wildcard plugins/*/)))
plugins        := $(plugin_names:%=$(BUILD)/plugins/%.so)
bad_plugins    := $(patsubst tests/plugins/%.c,$(BUILD)/tests/plugins/%.so,$(wildcard tests/plugins/*.c))
support        := $(BUILD)/libsupport.a
support_objects := $(patsubst %.c,$(BUILD)/%.o,$(filter-out tests/support/fake_%.c,$(wildcard tests/support/*.c)))
unit_tests     := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c))
integration_tests := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/integration/test_*.c))

.PHONY: all
all: $(daemon) $(ctl) $(plugins)

# ── objects ──────────────────────────────────────────────────────────────────────────────────────

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(all_cflags) $(paths) -c $< -o $@

$(BUILD)/plugins/%.o: plugins/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(all_cflags) -fPIC -Iplugins -c $< -o $@

$(lib): $(lib_objects)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# Only the plugin API is exported from the daemon (daemon/plugin_api.sym).
$(daemon): $(BUILD)/daemon/main.o $(lib) daemon/plugin_api.sym
	$(Q)$(CC) $(all_ldflags) -Wl,--dynamic-list=daemon/plugin_api.sym -o $@ $< -Wl,--whole-archive $(lib) \
		-Wl,--no-whole-archive $(main_libs)

# The daemon with points where tests let it crash (tests/hooks); never installed.
faulty := $(BUILD)/tests/straitd-faulty
$(faulty): $(BUILD)/daemon/main.o $(BUILD)/tests/hooks/fault_point.o $(lib) daemon/plugin_api.sym
	$(Q)$(CC) $(all_ldflags) -Wl,--dynamic-list=daemon/plugin_api.sym -o $@ $(filter %.o,$^) -Wl,--whole-archive $(lib) \
		-Wl,--no-whole-archive $(main_libs)

$(ctl): $(ctl_objects) $(lib)
	$(Q)$(CC) $(all_ldflags) -o $@ $(ctl_objects) $(lib) $(shell $(PKG_CONFIG) --libs dbus-1 jansson smartcols) -lm

# plugins/NAME/*.c → NAME.so; libraries in plugins/NAME/libs.mk as `NAME_pkgs := …`
-include $(wildcard plugins/*/libs.mk)
define plugin_rule
$(BUILD)/plugins/$(1).so: $$(patsubst %.c,$(BUILD)/%.o,$$(wildcard plugins/$(1)/*.c))
	$$(Q)$$(CC) -shared $$(sanitize) -Wl,-z,relro,-z,now,-z,noexecstack $$(LDFLAGS) -o $$@ $$^ $$(if $$($(1)_pkgs),$$(shell $$(PKG_CONFIG) --libs $$($(1)_pkgs))) $$($(1)_libs) -lm
	@chmod go-w $$@
endef
$(foreach name,$(plugin_names),$(eval $(call plugin_rule,$(name))))

$(BUILD)/tests/plugins/%.so: tests/plugins/%.c include/strait/plugin.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(all_cflags) -fPIC -shared $< -o $@
	@chmod go-w $@

$(support): $(support_objects)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# A unit test may bring fakes (tests/support/fake_*.c), which take the place of what the library has: `// needs: fake_x`
# in its first lines names them. test_plugin_NAME.c is linked with the plugin's own objects and fake_host.
.SECONDEXPANSION:
fakes_of = $(patsubst %,$(BUILD)/tests/support/%.o,$(shell sed -n 's,^// needs: *,,p' $(1)))
objects_of_plugin = $(patsubst %.c,$(BUILD)/%.o,$(wildcard plugins/$(1)/*.c))

$(BUILD)/tests/unit/test_plugin_%: $(BUILD)/tests/unit/test_plugin_%.o $$(call objects_of_plugin,$$*) \
		$(BUILD)/tests/support/fake_host.o $(support) $(lib)
	$(Q)$(CC) $(all_ldflags) -o $@ $^ $(shell $(PKG_CONFIG) --libs check jansson libzip expat) $(main_libs)

$(BUILD)/tests/unit/test_%: $(BUILD)/tests/unit/test_%.o $$(call fakes_of,tests/unit/test_$$*.c) $(support) $(lib)
	$(Q)$(CC) $(all_ldflags) -Wl,--dynamic-list=daemon/plugin_api.sym -o $@ $^ \
		$(shell $(PKG_CONFIG) --libs check) $(main_libs)

$(BUILD)/tests/integration/test_%: $(BUILD)/tests/integration/test_%.o $(support) $(lib)
	$(Q)$(CC) $(all_ldflags) -o $@ $^ $(shell $(PKG_CONFIG) --libs check jansson) $(main_libs)

$(BUILD)/tests/%.o: all_cflags += -Itests/support -Iplugins -Wno-missing-prototypes

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# ── tests ────────────────────────────────────────────────────────────────────────────────────────
# make check            everything      make check T=test_period    one program
.PHONY: check unit integration
test_programs := $(if $(T),$(filter %/$(T),$(unit_tests) $(integration_tests)),$(unit_tests) $(integration_tests))
check: all $(bad_plugins) $(faulty) $(test_programs)
	$(Q)BUILD=$(BUILD) tests/run $(test_programs)
unit: $(unit_tests)
	$(Q)BUILD=$(BUILD) tests/run $(unit_tests)
