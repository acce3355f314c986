# Tach. See README.md; the layers are spec <- sandbox <- harness, runtime.
BUILD   ?= build
CC      ?= gcc
CFLAGS  ?= -O2 -g
LDFLAGS ?=
PYTHON  ?= /usr/bin/python3
PREFIX  ?= /usr/local
DESTDIR ?=
GRAMMARS := scripts/grammars/node_modules

WARN := -Wall -Wextra -Wshadow -Wconversion -Werror
SANDBOX_PKGS := libseccomp libcap mount libnl-3.0 libnl-route-3.0
PKGS := yajl $(SANDBOX_PKGS)
TACH_CFLAGS = -std=gnu17 -D_GNU_SOURCE -fPIC -I. $(WARN) $(CFLAGS) $(patsubst -I%,-isystem%,$(shell pkg-config --cflags $(PKGS)))

src = $(sort $(foreach d,$(1),$(wildcard $(d)/*.c)))
obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

SPEC_OBJ     := $(call obj,$(call src,spec/base spec))
SANDBOX_OBJ  := $(call obj,$(call src,sandbox))
ENGINE_OBJ   := $(call obj,$(call src,runtime/engine))
DISCOVER_OBJ := $(call obj,$(call src,runtime/discover))
FRONT_OBJ    := $(call obj,$(call src,runtime/front))
GRAMMAR_OBJ  := $(patsubst %,$(BUILD)/obj/%.o,$(foreach g,tree-sitter-python @tree-sitter-grammars/tree-sitter-toml,$(g)/parser $(g)/scanner))
UNIT         := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(call src,tests/unit))
HARNESS_PY   := $(patsubst harness/%,$(BUILD)/harness/%,$(wildcard harness/tach_harness/*.py))
EXTENSION    := $(BUILD)/harness/tach_harness/_tach.abi3.so
C_FILES      := $(shell git ls-files '*.c' '*.h' 2>/dev/null)
SCRIPTS      := scripts/bootstrap .ci/run

.PHONY: all programs bootstrap check unit pytest lint format asan bench demo install fuzz clean
all: programs

programs: $(BUILD)/libspec.a $(BUILD)/libsandbox.a $(EXTENSION) $(HARNESS_PY)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(TACH_CFLAGS) -MMD -MP -c $< -o $@

# generated code: not ours to warn about
$(BUILD)/obj/%/parser.o: $(GRAMMARS)/%/src/parser.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -fPIC -w -O2 $(filter -fsanitize%,$(CFLAGS)) -I$(<D) -c $< -o $@
$(BUILD)/obj/%/scanner.o: $(GRAMMARS)/%/src/scanner.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -fPIC -w -O2 $(filter -fsanitize%,$(CFLAGS)) -I$(<D) -c $< -o $@
$(GRAMMARS)/%.c: | bootstrap
	@test -e $@

$(BUILD)/libspec.a: $(SPEC_OBJ)
	rm -f $@ && $(AR) rcs $@ $^
$(BUILD)/libsandbox.a: $(SANDBOX_OBJ)
	rm -f $@ && $(AR) rcs $@ $^

$(EXTENSION): $(BUILD)/obj/harness/_tach.o $(SANDBOX_OBJ) $(SPEC_OBJ)
	@mkdir -p $(@D)
	$(CC) -shared $(CFLAGS) $^ -o $@ $(LDFLAGS) -Wl,--as-needed $(shell pkg-config --libs $(PKGS))
$(BUILD)/obj/harness/_tach.o: CFLAGS += -isystem $(shell $(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("include"))')

$(BUILD)/harness/%.py: harness/%.py
	@mkdir -p $(@D)
	cp $< $@

$(BUILD)/tach-run: $(ENGINE_OBJ) $(BUILD)/libsandbox.a $(BUILD)/libspec.a
	$(CC) $(CFLAGS) $^ -o $@ $(LDFLAGS) $(shell pkg-config --libs $(PKGS))
$(BUILD)/tach: $(FRONT_OBJ) $(DISCOVER_OBJ) $(GRAMMAR_OBJ) $(BUILD)/libspec.a
	$(CC) $(CFLAGS) $^ -o $@ $(LDFLAGS) $(shell pkg-config --libs yajl) -ltree-sitter

UNIT_LIBS := $(if $(FRONT_OBJ)$(DISCOVER_OBJ),$(filter-out %/main.o,$(DISCOVER_OBJ) $(FRONT_OBJ)) $(GRAMMAR_OBJ)) $(BUILD)/libsandbox.a $(BUILD)/libspec.a
$(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(UNIT_LIBS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $^ -o $@ $(LDFLAGS) $(shell pkg-config --libs $(PKGS)) $(if $(DISCOVER_OBJ),-ltree-sitter) -lcmocka

bootstrap:
	scripts/bootstrap

unit: $(UNIT)
	@for t in $^; do echo "# $$t"; $$t || exit 1; done

check: bootstrap
	$(MAKE) all unit

asan:
	$(MAKE) BUILD=$(BUILD)/asan CFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all' $(BUILD)/asan/libspec.a unit

format:
	clang-format -i $(C_FILES)

lint:
	clang-format --dry-run -Werror $(C_FILES)
	cppcheck --quiet --error-exitcode=1 --enable=warning,portability,performance --inline-suppr --suppress=missingIncludeSystem -I. -D_GNU_SOURCE $(filter spec/% sandbox/% runtime/%,$(C_FILES))
	shellcheck $(SCRIPTS)

clean:
	rm -rf $(BUILD)

.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
