# straitd: make help

prefix        ?= /usr/local
exec_prefix   ?= $(prefix)
bindir        ?= $(exec_prefix)/bin
sbindir       ?= $(exec_prefix)/sbin
libdir        ?= $(exec_prefix)/lib
libexecdir    ?= $(exec_prefix)/lib/straitd
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

pkgs_main := libevent_core libevent_extra dbus-1 sqlite3 nettle libzstd libsystemd libseccomp
pkg_cflags := $(shell $(PKG_CONFIG) --cflags $(pkgs_main) 2>/dev/null)

warnings := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wwrite-strings \
	-Wpointer-arith -Wformat=2 -Wundef -Wswitch-enum $(if $(WERROR),-Werror)
# Flags that a compiler or processor may not know are tried once. They stand behind the user's CFLAGS, so that a distribution's own
# level of _FORTIFY_SOURCE is neither an error nor the weaker one; it needs optimising. tests/hardening looks at what came out.
tried = $(foreach flag,$(1),$(shell echo 'int x;' | $(CC) -Werror $(flag) -x c -c -o /dev/null - 2>/dev/null && echo $(flag)))
hardening := -fstack-protector-strong $(call tried,-fstack-clash-protection -fcf-protection=full)
optimised = $(filter-out -O0,$(filter -O%,$(CFLAGS)))
fortify = $(if $(SANITIZE),,$(if $(optimised),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3))
sanitize := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)

all_cflags = -std=gnu11 $(warnings) -fPIE $(sanitize) -fvisibility=hidden -D_GNU_SOURCE -Iinclude -Idaemon \
	$(pkg_cflags) -MMD -MP $(CPPFLAGS) $(CFLAGS) $(hardening) $(fortify)
hard_ldflags = -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code
all_ldflags = $(sanitize) -pie $(LDFLAGS) $(hard_ldflags)
main_libs := $(shell $(PKG_CONFIG) --libs $(pkgs_main) 2>/dev/null) -liniparser -ldl -lm

paths := -DSTRAITD_VERSION='"$(VERSION)"' -DSYSCONFDIR='"$(sysconfdir)"' -DLOCALSTATEDIR='"$(localstatedir)"' \
	-DLIBEXECDIR='"$(libexecdir)"' -DPLUGINDIR='"$(plugindir)"' -DVENDORDIR='"$(prefix)/lib/straitd"'

lib_objects    := $(patsubst %.c,$(BUILD)/%.o,$(filter-out daemon/main.c daemon/fetcher%,$(wildcard daemon/*.c)))
lib            := $(BUILD)/libstrait.a
daemon         := $(BUILD)/straitd
fetcher_objects := $(patsubst %.c,$(BUILD)/%.o,$(wildcard daemon/fetcher*.c))
fetcher        := $(BUILD)/straitd-fetcher
ctl_objects    := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tools/*.c))
ctl            := $(BUILD)/straitctl
ctl_shared     := $(BUILD)/tools/shared/ods.o
plugin_names   := $(notdir $(patsubst %/,%,$(wildcard plugins/*/)))
plugins        := $(plugin_names:%=$(BUILD)/plugins/%.so)
bad_plugins    := $(patsubst tests/plugins/%.c,$(BUILD)/tests/plugins/%.so,$(wildcard tests/plugins/*.c))
support        := $(BUILD)/libsupport.a
support_objects := $(patsubst %.c,$(BUILD)/%.o,$(filter-out tests/support/fake_%.c,$(wildcard tests/support/*.c)))
unit_tests     := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c))
integration_tests := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/integration/test_*.c))

.PHONY: all
all: $(daemon) $(fetcher) $(ctl) $(plugins)

# Directories are built in: what was compiled for others is compiled again.
$(shell mkdir -p $(BUILD); printf '%s\n' '$(paths)' | cmp -s - $(BUILD)/paths || printf '%s\n' '$(paths)' > $(BUILD)/paths)

# ── objects ──────────────────────────────────────────────────────────────────────────────────────

$(addprefix $(BUILD)/,daemon/fetch.o daemon/spawn.o daemon/options.o daemon/straitd.o daemon/bus_manager.o tools/straitctl.o): $(BUILD)/paths
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

# A program of its own: only it carries libcurl and what that brings.
pkgs_fetcher := libcurl libxml-2.0
$(fetcher_objects): all_cflags += $(shell $(PKG_CONFIG) --cflags $(pkgs_fetcher))
$(fetcher): $(fetcher_objects) $(lib)
	$(Q)$(CC) $(all_ldflags) -o $@ $^ $(shell $(PKG_CONFIG) --libs $(pkgs_fetcher) libevent_core nettle libseccomp libsystemd)

# The daemon with points where tests let it crash, and that tells what it does to its disk (tests/hooks); never installed.
faulty := $(BUILD)/tests/straitd-faulty
$(faulty): $(BUILD)/daemon/main.o $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/hooks/*.c)) $(lib) daemon/plugin_api.sym
	$(Q)$(CC) $(all_ldflags) -Wl,--dynamic-list=daemon/plugin_api.sym -o $@ $(filter %.o,$^) -Wl,--whole-archive $(lib) \
		-Wl,--no-whole-archive $(main_libs)

# The daemon whose disk, memory, fds and clock fail when a test says so (tests/weak); never installed.
weak := $(BUILD)/tests/straitd-weak
$(weak): $(BUILD)/daemon/main.o $(BUILD)/tests/weak/faults.o $(lib) daemon/plugin_api.sym
	$(Q)$(CC) $(all_ldflags) -Wl,--dynamic-list=daemon/plugin_api.sym -o $@ $(filter %.o,$^) -Wl,--whole-archive $(lib) \
		-Wl,--no-whole-archive $(main_libs)
$(BUILD)/tests/weak/%.o: all_cflags += -U_FORTIFY_SOURCE -fno-builtin

$(ctl): $(ctl_objects) $(ctl_shared) $(lib)
	$(Q)$(CC) $(all_ldflags) -o $@ $(ctl_objects) $(ctl_shared) $(lib) \
		$(shell $(PKG_CONFIG) --libs dbus-1 jansson smartcols libzip expat libzstd) -lm
$(BUILD)/tools/%.o: all_cflags += -Iplugins
# straitctl explain --show finds a cell as the plugin did; of its names only these are seen.
$(BUILD)/tools/shared/ods.o: $(BUILD)/plugins/home_office/ods.o $(BUILD)/plugins/home_office/table.o
	@mkdir -p $(@D)
	$(Q)$(LD) -r -o $@ $^ && objcopy -G ods_open -G ods_read -G ods_close $@

# plugins/NAME/*.c → NAME.so; libraries in plugins/NAME/libs.mk as `NAME_pkgs := …`
-include $(wildcard plugins/*/libs.mk)
define plugin_rule
$(BUILD)/plugins/$(1).so: $$(patsubst %.c,$(BUILD)/%.o,$$(wildcard plugins/$(1)/*.c))
	$$(Q)$$(CC) -shared $$(sanitize) $$(LDFLAGS) $$(hard_ldflags) -o $$@ $$^ $$(if $$($(1)_pkgs),$$(shell $$(PKG_CONFIG) --libs $$($(1)_pkgs))) $$($(1)_libs) -lm
	@chmod go-w $$(@D) $$@
endef
$(foreach name,$(plugin_names),$(eval $(call plugin_rule,$(name))))

$(BUILD)/tests/plugins/%.so: tests/plugins/%.c include/strait/plugin.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(all_cflags) -fPIC -shared $< -o $@
	@chmod go-w $(@D) $@

$(support): $(support_objects)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# A unit test may bring fakes (tests/support/fake_*.c), which take the place of what the library has: `// needs: fake_x`
# in its first lines names them. test_plugin_NAME[_MORE].c is linked with the plugin's own objects and fake_host.
.SECONDARY: # objects are kept between runs
.SECONDEXPANSION:
fakes_of = $(patsubst %,$(BUILD)/tests/support/%.o,$(shell sed -n 's,^// needs: *,,p' $(1)))
objects_of_plugin = $(patsubst %.c,$(BUILD)/%.o,$(wildcard plugins/$(1)/*.c))

define plugin_test_rule
$(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_plugin_$(1).c tests/unit/test_plugin_$(1)_*.c)): %: %.o \
		$$(call objects_of_plugin,$(1)) $(BUILD)/tests/support/fake_host.o $(support) $(lib)
	$$(Q)$$(CC) $$(all_ldflags) -o $$@ $$^ $$(shell $$(PKG_CONFIG) --libs check jansson libzip $$($(1)_pkgs)) $$(main_libs)
endef
$(foreach name,$(plugin_names),$(eval $(call plugin_test_rule,$(name))))

$(BUILD)/tests/unit/test_%: $(BUILD)/tests/unit/test_%.o $$(call fakes_of,tests/unit/test_$$*.c) $(support) $(lib)
	$(Q)$(CC) $(all_ldflags) -Wl,--dynamic-list=daemon/plugin_api.sym -o $@ $^ \
		$(shell $(PKG_CONFIG) --libs check) $(main_libs)

$(BUILD)/tests/integration/test_%: $(BUILD)/tests/integration/test_%.o $(support) $(lib)
	$(Q)$(CC) $(all_ldflags) -o $@ $^ $(shell $(PKG_CONFIG) --libs check jansson expat zlib) $(main_libs)

$(BUILD)/tests/%.o: all_cflags += -Itests/support -Iplugins -Wno-missing-prototypes

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# Small programs that tests and the demo use; never installed.
tools_for_tests := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/tools/*.c))
$(BUILD)/tests/tools/%: tests/tools/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(all_cflags) -o $@ $< $(all_ldflags) $(shell $(PKG_CONFIG) --libs libzip)

# ── tests ────────────────────────────────────────────────────────────────────────────────────────
# make check            everything      make check T=test_period    one program
.PHONY: check unit integration
test_programs := $(if $(T),$(filter %/$(T),$(unit_tests) $(integration_tests)),$(unit_tests) $(integration_tests))
check: all $(bad_plugins) $(faulty) $(weak) $(tools_for_tests) $(test_programs)
	$(Q)BUILD=$(BUILD) tests/run $(test_programs)
unit: $(bad_plugins) $(unit_tests)
	$(Q)BUILD=$(BUILD) tests/run $(unit_tests)

# The crash campaign: make torture [SEED=n] [ROWS=n] [SECONDS=n] [POINTS=all|points [PART=i/n]] [ONLY=run], or QUICK=1 for about a minute
.PHONY: torture
torture_objects := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/torture/*.c))
torture := $(BUILD)/tests/torture/torture
$(torture): $(torture_objects) $(support) $(lib)
	$(Q)$(CC) $(all_ldflags) -o $@ $^ $(shell $(PKG_CONFIG) --libs check jansson expat) $(main_libs)
torture: all $(faulty) $(torture)
	$(Q)BUILD=$(BUILD) TORTURE_SEED=$(SEED) TORTURE_ROWS=$(or $(ROWS),$(if $(QUICK),20000)) TORTURE_ONLY=$(ONLY) \
		TORTURE_SECONDS=$(or $(SECONDS),$(if $(QUICK),60)) TORTURE_POINTS=$(POINTS) TORTURE_PART=$(PART) \
		tests/torture/run $(torture)

# The real published files: make check-real DATA=DIR
.PHONY: check-real check-asan check-clang cover lint hardening format
check-real: all $(tools_for_tests)
	$(Q)BUILD=$(BUILD) tests/real/run $(or $(DATA),$(error say where the files are: make check-real DATA=DIR))
check-asan:
	$(Q)$(MAKE) --no-print-directory check BUILD=$(BUILD)-asan SANITIZE=address,undefined CFLAGS='-O1 -g'
check-clang:
	$(Q)$(MAKE) --no-print-directory check BUILD=$(BUILD)-clang CC=clang
# Lines and branches that the tests run; tests of the sandbox fail in such a build, which has none (tests/cover).
cover_quiet := -Wno-format-overflow -Wno-format-truncation # gcc 12 crashes in that look when it instruments
cover:
	-$(Q)find $(BUILD)-cover -name '*.gcda' -delete 2>/dev/null
	-$(Q)$(MAKE) --no-print-directory check BUILD=$(BUILD)-cover CC=gcc CFLAGS='-O0 -g --coverage -DSTRAIT_COVERAGE $(cover_quiet)' LDFLAGS=--coverage
	$(Q)BUILD=$(BUILD)-cover tests/cover
lint:
	$(Q)tests/lint
# HARDENED: other files than those built here, such as the installed ones
hardening: all
	$(Q)tests/hardening $(or $(HARDENED),$(daemon) $(fetcher) $(ctl) $(plugins))
format:
	$(Q)clang-format -i $$(git ls-files '*.c' '*.h')

# ── speed ────────────────────────────────────────────────────────────────────────────────────────
# make bench [PEERS=1] [B='calls import']   ratios of medians, interleaved in one run (tests/bench/run says how)
.PHONY: bench
bench_programs := $(patsubst %.c,$(BUILD)/%,$(shell grep -l '^int main\>' tests/bench/*.c 2>/dev/null))
bench: all $(bad_plugins) $(bench_programs)
	$(Q)BUILD=$(BUILD) PEERS=$(PEERS) tests/bench/run $(B)
# What a bench needs besides the tests' own: `// packages: …` in its first lines.
$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(support) $(lib)
	$(Q)$(CC) $(all_ldflags) -o $@ $^ $(shell $(PKG_CONFIG) --libs check jansson $(shell sed -n 's,^// packages: *,,p' tests/bench/$*.c)) $(main_libs)

# ── fuzzing ──────────────────────────────────────────────────────────────────────────────────────
# tests/fuzz/README.md. A target is linked with the library and with what its `// links: FILES` names; the compiler, the
# sanitizers and the folder come from tests/fuzz/run, so that objects are made once for all targets.
.PHONY: fuzz fuzz-afl fuzz-targets
fuzz_targets := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz_links = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(shell sed -n 's,^// links: *,,p' $(1))))
fuzz_libs := $(shell $(PKG_CONFIG) --libs libzip zlib expat libxml-2.0 jansson libzstd libcurl 2>/dev/null)
fuzz:
	$(Q)tests/fuzz/run $(T)
fuzz-afl:
	$(Q)tests/fuzz/run --afl $(T)
fuzz-targets: $(if $(T),$(T:%=$(BUILD)/tests/fuzz/%),$(fuzz_targets)) $(BUILD)/tests/fuzz/make_seeds $(BUILD)/tests/tools/make_ods
$(fuzz_targets): %: %.o $$(call fuzz_links,tests/fuzz/$$(@F).c) $(lib)
	$(Q)$(CC) $(all_ldflags) -fsanitize=fuzzer -o $@ $(filter-out $(lib),$^) $(lib) $(fuzz_libs) $(main_libs)
$(BUILD)/tests/fuzz/%: tests/fuzz/%.c $(lib)
	@mkdir -p $(@D)
	$(Q)$(CC) $(all_cflags) -o $@ $< $(lib) $(all_ldflags) $(fuzz_libs) $(main_libs)

# ── to see it work ───────────────────────────────────────────────────────────────────────────────
.PHONY: demo demo-shell
demo demo-shell: all $(tools_for_tests)
	$(Q)BUILD=$(BUILD) tests/demo/$(if $(filter demo,$@),run,shell)

# ── installing ───────────────────────────────────────────────────────────────────────────────────
.PHONY: install install-strip uninstall installcheck
systemdsystemunitdir ?= $(prefix)/lib/systemd/system
sysusersdir          ?= $(prefix)/lib/sysusers.d
tmpfilesdir          ?= $(prefix)/lib/tmpfiles.d
install_file = $(INSTALL) -D -m $(1) $(2) $(DESTDIR)$(3)

# what goes where: MODE SOURCE TARGET, one a line
define installed
755 $(daemon) $(sbindir)/straitd
755 $(ctl) $(bindir)/straitctl
755 $(fetcher) $(libexecdir)/straitd-fetcher
$(foreach name,$(plugin_names),644 $(BUILD)/plugins/$(name).so $(plugindir)/$(name).so
)$(foreach header,$(wildcard include/strait/*.h),644 $(header) $(includedir)/strait/$(notdir $(header))
)644 $(BUILD)/straitd-plugin.pc $(libdir)/pkgconfig/straitd-plugin.pc
644 conf/straitd.conf $(docdir)/straitd.conf
$(foreach example,$(wildcard conf/conf.d/*),644 $(example) $(docdir)/conf.d/$(notdir $(example))
)644 conf/dbus/org.straitd.Straitd1.conf $(datadir)/dbus-1/system.d/org.straitd.Straitd1.conf
$(foreach xml,$(wildcard conf/dbus/*.xml),644 $(xml) $(datadir)/dbus-1/interfaces/$(notdir $(xml))
)644 $(BUILD)/org.straitd.Straitd1.service $(datadir)/dbus-1/system-services/org.straitd.Straitd1.service
644 $(BUILD)/straitd.service $(systemdsystemunitdir)/straitd.service
644 systemd/straitd.sysusers $(sysusersdir)/straitd.conf
644 $(BUILD)/straitd.tmpfiles $(tmpfilesdir)/straitd.conf
644 README.md $(docdir)/README.md
$(foreach page,$(wildcard docs/*.md),644 $(page) $(docdir)/$(notdir $(page))
)
endef

# Files that name directories are written for the prefix they are installed under.
substituted := $(addprefix $(BUILD)/,straitd.service org.straitd.Straitd1.service straitd.tmpfiles straitd-plugin.pc)
$(substituted): $(BUILD)/%: systemd/% $(BUILD)/paths
	@mkdir -p $(@D)
	$(Q)sed -e 's,@sbindir@,$(sbindir),g' -e 's,@bindir@,$(bindir),g' -e 's,@sysconfdir@,$(sysconfdir),g' \
		-e 's,@localstatedir@,$(localstatedir),g' -e 's,@plugindir@,$(plugindir),g' \
		-e 's,@includedir@,$(includedir),g' -e 's,@prefix@,$(prefix),g' -e 's,@version@,$(VERSION),g' $< > $@

export installed
install: all $(substituted)
	$(Q)printf '%s\n' "$$installed" | while read -r mode source target; do \
		[ -z "$$mode" ] || $(INSTALL) -D -m "$$mode" "$$source" "$(DESTDIR)$$target" || exit 1; done
	$(Q)$(INSTALL) -d $(DESTDIR)$(sysconfdir)/straitd/conf.d
install-strip:
	$(Q)$(MAKE) install INSTALL='$(INSTALL) -s --strip-program=true'
	$(Q)strip $(DESTDIR)$(sbindir)/straitd $(DESTDIR)$(bindir)/straitctl $(DESTDIR)$(plugindir)/*.so
uninstall:
	$(Q)printf '%s\n' "$$installed" | while read -r mode source target; do [ -z "$$mode" ] || rm -f "$(DESTDIR)$$target"; done
installcheck:
	$(Q)$(DESTDIR)$(sbindir)/straitd --version && $(DESTDIR)$(bindir)/straitctl --version
	$(Q)$(DESTDIR)$(sbindir)/straitd --introspect > /dev/null && echo "installed programs run"

.PHONY: clean distclean help
clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-clang $(BUILD)-fuzz $(BUILD)-afl $(BUILD)-cover
distclean: clean
	rm -rf build build-*
help:
	@echo "make              the daemon, straitctl and the plugins, into $(BUILD)/"
	@echo "make demo         what it does, in half a minute; make demo-shell: a prompt with it running"
	@echo "make check        all tests that need nothing but this folder (T=test_NAME: one program)"
	@echo "make check-asan   the same under AddressSanitizer and UndefinedBehaviorSanitizer; check-clang: with clang"
	@echo "make torture      crashes and power cuts, ten minutes; QUICK=1: one. SEED=n repeats one, ROWS= SECONDS= POINTS=all"
	@echo "make check-real DATA=DIR   over real published files"
	@echo "make bench        speed, as ratios (PEERS=1: to other programs too; B=NAME: one bench)"
	@echo "make cover        what of the code the tests run: lines and branches by file"
	@echo "make fuzz         every fuzz target for FUZZ_SECONDS (60), T=fuzz_NAME: one; make fuzz-afl: the same with AFL++"
	@echo "make lint         budgets, include rules, formatting; make format: puts formatting right"
	@echo "make hardening    that programs and plugins are built as SECURITY.md says"
	@echo "make install      GNU variables: prefix (now $(prefix)), DESTDIR, sysconfdir, plugindir …"
