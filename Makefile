# Tach. Targets: all (default) check lint format asan install clean; see README.md.
BUILD  ?= build
CC     ?= gcc
CFLAGS ?= -O2 -g
PKGS   := yajl cmocka

WARN   := -Wall -Wextra -Wshadow -Wconversion -Werror
TACH_CFLAGS = -std=gnu17 -D_GNU_SOURCE -fPIC -I. $(WARN) $(CFLAGS) $(shell pkg-config --cflags $(PKGS))

SPEC_SRC := $(sort $(wildcard spec/base/*.c spec/*.c))
UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
C_FILES  := $(shell git ls-files '*.c' '*.h' 2>/dev/null)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

.PHONY: all check unit lint format asan clean bootstrap
all: $(BUILD)/libspec.a

$(BUILD)/libspec.a: $(call obj,$(SPEC_SRC))
	$(AR) rcs $@ $^

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(TACH_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/libspec.a
	@mkdir -p $(@D)
	$(CC) $(TACH_CFLAGS) $^ -o $@ $(shell pkg-config --libs $(PKGS))

bootstrap:
	scripts/bootstrap

unit: $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRC))
	@for t in $^; do echo "# $$t"; $$t || exit 1; done

check: bootstrap
	$(MAKE) all unit

asan:
	$(MAKE) BUILD=$(BUILD)/asan CFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all' all unit

format:
	clang-format -i $(C_FILES)

lint:
	clang-format --dry-run -Werror $(C_FILES)
	cppcheck --quiet --error-exitcode=1 --enable=warning,portability,performance --inline-suppr --suppress=missingIncludeSystem -I. -D_GNU_SOURCE $(filter spec/% sandbox/% runtime/%,$(C_FILES))
	shellcheck scripts/bootstrap .ci/run

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
