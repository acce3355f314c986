# Tach. See README.md; the layers are spec <- sandbox <- harness, runtime.
BUILD   ?= build
ifeq ($(origin CC),default)
CC      := gcc
endif
CFLAGS  ?= -O2 -g
LDFLAGS ?=
PYTHON  ?= /usr/bin/python3
PREFIX  ?= /usr/local
DESTDIR ?=
GRAMMARS := scripts/grammars/node_modules

WARN := -Wall -Wextra -Wshadow -Wconversion -Werror
SANDBOX_PKGS := libseccomp libcap mount libnl-3.0 libnl-route-3.0
PKGS := yajl libxml-2.0 $(SANDBOX_PKGS)
TACH_CFLAGS = -std=gnu17 -D_GNU_SOURCE -fPIC -I. $(WARN) $(CFLAGS) $(patsubst -I%,-isystem%,$(shell pkg-config --cflags $(PKGS)))

PYTHON_INCLUDE = $(shell $(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("include"))')

src = $(sort $(foreach d,$(1),$(wildcard $(d)/*.c)))
obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

SPEC_OBJ     := $(call obj,$(call src,spec/base spec))
SANDBOX_OBJ  := $(call obj,$(call src,sandbox))
ENGINE_OBJ   := $(call obj,$(call src,runtime/engine))
BASE_OBJ     := $(call obj,$(call src,runtime/base))
DISCOVER_OBJ := $(call obj,$(call src,runtime/discover))
FRONT_OBJ    := $(call obj,$(call src,runtime/front))
GRAMMAR_OBJ  := $(patsubst %,$(BUILD)/obj/%.o,$(foreach g,tree-sitter-python @tree-sitter-grammars/tree-sitter-toml,$(g)/parser $(g)/scanner))
UNIT         := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(call src,tests/unit))
HARNESS_PY   := $(patsubst harness/%,$(BUILD)/harness/%,$(wildcard harness/tach_harness/*.py))
EXTENSION    := $(BUILD)/harness/tach_harness/_tach.abi3.so
C_FILES      := $(shell git ls-files '*.c' '*.h' 2>/dev/null)
PY_TESTS     := $(wildcard tests/sandbox tests/spec tests/harness tests/cli tests/parity tests/plugins tests/rollback tests/security tests/fault tests/soak tests/shim tests/vm)
SCRIPTS      := scripts/bootstrap .ci/run tests/parity/fetch tests/parity/run tests/parity/select tests/pytests/unpack tests/rollback/suites

.PHONY: all programs bootstrap check unit pytest fault soak vm-check parity selection rollback-suites pytest-versions pytest-suite lint tidy clang format asan bench bench-discover bench-fixtures every-file every-file-short demo install fuzz fuzz-short clean
all: programs

programs: $(BUILD)/tach $(BUILD)/tach-run $(EXTENSION) $(HARNESS_PY)

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
$(GRAMMARS)/%.c:
	scripts/bootstrap

$(BUILD)/obj/spec/seccomp.o: spec/seccomp.json
$(BUILD)/libspec.a: $(SPEC_OBJ)
	rm -f $@ && $(AR) rcs $@ $^
$(BUILD)/libsandbox.a: $(SANDBOX_OBJ)
	rm -f $@ && $(AR) rcs $@ $^

# the extension is loaded by interpreters that no sanitizer was built into: objects of its own
EXT_OBJ := $(patsubst %.c,$(BUILD)/ext/%.o,harness/_tach.c $(call src,sandbox spec/base))
$(BUILD)/ext/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(filter-out -fsanitize% -fno-sanitize%,$(TACH_CFLAGS)) -isystem $(PYTHON_INCLUDE) -MMD -MP -c $< -o $@
# bound at once: what puts memory back must not change the table of addresses itself
$(EXTENSION): $(EXT_OBJ)
	@mkdir -p $(@D)
	$(CC) -shared $^ -o $@ -Wl,--as-needed,-z,now $(shell pkg-config --libs $(PKGS))

$(BUILD)/harness/%.py: harness/%.py
	@mkdir -p $(@D)
	cp $< $@

$(BUILD)/libbase.a: $(BASE_OBJ)
	rm -f $@ && $(AR) rcs $@ $^
# every shared library costs the start of a run some 60 us: Debian has archives of all but libmount, which is
# loaded when it is needed
ENGINE_LIBS := -Wl,-Bstatic -lyajl_s -lseccomp -lcap -lnl-route-3 -lnl-3 -Wl,-Bdynamic -lpthread -lm
$(BUILD)/tach-run: $(ENGINE_OBJ) $(BUILD)/libbase.a $(BUILD)/libsandbox.a $(BUILD)/libspec.a
	$(CC) $(CFLAGS) $^ -o $@ $(LDFLAGS) $(ENGINE_LIBS)
$(BUILD)/tach: $(FRONT_OBJ) $(DISCOVER_OBJ) $(BUILD)/libbase.a $(GRAMMAR_OBJ) $(BUILD)/libspec.a
	$(CC) $(CFLAGS) $^ -o $@ $(LDFLAGS) -Wl,--build-id,-Bstatic -lyajl_s -ltree-sitter -Wl,-Bdynamic -lm

UNIT_LIBS := $(filter-out %/main.o,$(BASE_OBJ) $(ENGINE_OBJ) $(DISCOVER_OBJ) $(FRONT_OBJ)) $(if $(DISCOVER_OBJ)$(FRONT_OBJ),$(GRAMMAR_OBJ)) $(BUILD)/libsandbox.a $(BUILD)/libspec.a
$(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(UNIT_LIBS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $^ -o $@ $(LDFLAGS) -Wl,--build-id,-z,now $(shell pkg-config --libs $(PKGS)) -ltree-sitter -lcmocka

# makes system calls fail, for the tests
$(BUILD)/deny: tests/shim/deny.c
	@mkdir -p $(@D)
	$(CC) $(TACH_CFLAGS) $< -o $@ $(LDFLAGS) -lseccomp

bootstrap:
	scripts/bootstrap

unit: $(UNIT)
	@for t in $^; do $$t >$$t.log 2>&1 || { cat $$t.log; exit 1; }; echo "$$t: $$(tail -n 1 $$t.log)"; done

# the suites that drive the built programs; TACH and TACH_RUN say which
pytest: programs $(BUILD)/deny
	d=$$(mktemp -d /tmp/tach-check.XXXXXX) && \
	TACH=$(abspath $(BUILD))/tach TACH_RUN=$(abspath $(BUILD))/tach-run DENY=$(abspath $(BUILD))/deny \
		$(PYTHON) -m pytest -q -p no:cacheprovider --basetemp=$$d/t $(PY_TESTS); r=$$?; rm -rf $$d; exit $$r

check: bootstrap
	$(MAKE) all unit pytest every-file-short fuzz-short

# the same tests with the programs (not the extension) under AddressSanitizer and UBSan
asan: bootstrap
	$(MAKE) BUILD=$(BUILD)/asan CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all' all unit pytest

FUZZ_SECONDS ?= 600
$(BUILD)/fuzz_spec: tests/fuzz/fuzz_spec.c $(call src,spec/base spec)
	@mkdir -p $(@D)
	clang -std=gnu17 -D_GNU_SOURCE -I. -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $^ -o $@ $(shell pkg-config --cflags --libs yajl)
# the profile's reader and what it becomes
$(BUILD)/fuzz_seccomp: tests/fuzz/fuzz_seccomp.c sandbox/policy.c sandbox/bpf.c $(call src,spec/base spec) spec/seccomp.json
	@mkdir -p $(@D)
	clang -std=gnu17 -D_GNU_SOURCE -I. -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $(filter %.c,$^) -o $@ $(shell pkg-config --cflags --libs yajl libseccomp)
# the discovery library: any text as a test file
$(BUILD)/fuzz_discover: tests/fuzz/fuzz_discover.c $(call src,runtime/discover) $(call src,runtime/base spec/base spec) spec/seccomp.json $(GRAMMAR_OBJ)
	@mkdir -p $(@D)
	clang -std=gnu17 -D_GNU_SOURCE -I. -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $(filter-out %.json,$^) -o $@ $(shell pkg-config --cflags --libs yajl) -ltree-sitter
# the engine's side of the channels that hostile code may write to
$(BUILD)/fuzz_worker: tests/fuzz/fuzz_worker.c $(filter-out %/main.c %/toml.c,$(call src,runtime/engine runtime/base sandbox spec/base spec)) spec/seccomp.json
	@mkdir -p $(@D)
	clang -std=gnu17 -D_GNU_SOURCE -I. -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $(filter-out %.json,$^) -o $@ $(shell pkg-config --cflags --libs $(PKGS))
# what is kept of parsed texts, damaged
$(BUILD)/fuzz_trees: tests/fuzz/fuzz_trees.c $(call src,runtime/discover) $(call src,runtime/base spec/base spec) spec/seccomp.json $(GRAMMAR_OBJ)
	@mkdir -p $(@D)
	clang -std=gnu17 -D_GNU_SOURCE -I. -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $(filter-out %.json,$^) -o $@ $(shell pkg-config --cflags --libs yajl) -ltree-sitter
fuzz: bootstrap $(BUILD)/fuzz_spec $(BUILD)/fuzz_seccomp $(BUILD)/fuzz_discover $(BUILD)/fuzz_trees $(BUILD)/fuzz_worker
	@mkdir -p $(BUILD)/corpus
	$(BUILD)/fuzz_spec -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 $(addprefix -dict=,$(wildcard tests/fuzz/spec.dict)) $(BUILD)/corpus $(wildcard tests/spec/valid tests/spec/invalid)
	@mkdir -p $(BUILD)/corpus_seccomp && cp spec/seccomp.json $(BUILD)/corpus_seccomp
	$(BUILD)/fuzz_seccomp -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 $(addprefix -dict=,$(wildcard tests/fuzz/spec.dict)) $(BUILD)/corpus_seccomp
	@mkdir -p $(BUILD)/corpus_worker
	$(BUILD)/fuzz_worker -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 -dict=tests/fuzz/worker.dict $(BUILD)/corpus_worker tests/fuzz/worker
	$(PYTHON) tests/fuzz/seeds.py $(BUILD)/corpus_discover
	$(BUILD)/fuzz_discover -max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=2048 -max_len=20000 -print_final_stats=1 -verbosity=0 -dict=tests/fuzz/python.dict $(BUILD)/corpus_discover tests/cli tests/example tests/harness
	@mkdir -p $(BUILD)/corpus_trees
	$(BUILD)/fuzz_trees -max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=2048 -max_len=4000 -print_final_stats=1 -verbosity=0 -dict=tests/fuzz/python.dict $(BUILD)/corpus_trees tests/cli
fuzz-short:
	$(MAKE) fuzz FUZZ_SECONDS=30

# every system call of making a sandbox fails in turn (make check: a part of them)
fault: programs $(BUILD)/deny
	FAULT_EVERY=1 TACH=$(abspath $(BUILD))/tach TACH_RUN=$(abspath $(BUILD))/tach-run DENY=$(abspath $(BUILD))/deny \
		$(PYTHON) -m pytest -q -p no:cacheprovider tests/fault

# 10,000 tests, 200 cells at a time, 100 deaths (make check: a twentieth)
soak: programs
	SOAK=20 TACH=$(abspath $(BUILD))/tach TACH_RUN=$(abspath $(BUILD))/tach-run \
		$(PYTHON) -m pytest -q -s -p no:cacheprovider tests/soak

# tests in a virtual machine with Debian's kernel: as root, as a user with a cgroup v2 subtree, and as one without
# (VM_TESTS: which; scripts/vm says what else can be chosen)
VM_TESTS ?=
vm-check: bootstrap
	scripts/bootstrap vm
	$(MAKE) programs $(BUILD)/deny
	BUILD=$(abspath $(BUILD)) scripts/vm -- $(VM_TESTS)

# real suites (Debian's sources, fetched) under pytest and under tach, compared; make check: small suites of its own
PARITY ?= jinja2 python-h11 rich loguru cloudpickle
parity: programs
	r=0; for p in $(PARITY); do TACH=$(abspath $(BUILD))/tach tests/parity/run $$p || r=1; done; exit $$r

# the same suites with processes rolled back, cells used again and neither, in shuffled orders: nothing may differ
rollback-suites: programs
	r=0; for p in $(PARITY); do TACH=$(abspath $(BUILD))/tach tests/rollback/suites $$p || r=1; done; exit $$r

# what -k and -m select and which files test files import, on the same suites, beside pytest
EXPRESSIONS ?= 200
selection: programs
	r=0; for p in $(PARITY); do TACH=$(abspath $(BUILD))/tach EXPRESSIONS=$(EXPRESSIONS) tests/parity/select $$p || r=1; done; exit $$r

# other versions of pytest than the machine's, from its public repository (or a clone of it)
PYTEST_GIT      ?= https://github.com/pytest-dev/pytest.git
PLUGGY_GIT      ?= https://github.com/pytest-dev/pluggy.git
PYTEST_VERSIONS ?= 7.4.4 8.4.2 9.1.1
VERSION_TESTS   := tests/harness tests/cli/test_terminal.py tests/cli/test_scopes.py tests/cli/test_asking.py tests/cli/test_options.py tests/cli/test_session.py tests/cli/test_run.py tests/cli/test_example.py tests/cli/test_fixtures.py tests/parity
pytest-versions: programs $(BUILD)/deny
	r=0; for v in $(PYTEST_VERSIONS); do tests/pytests/unpack $(BUILD)/pytests/$$v $$v $(PYTEST_GIT) 1.6.0 $(PLUGGY_GIT) && echo "pytest $$v" && \
	PYTHONPATH=$(abspath $(BUILD))/pytests/$$v $(MAKE) pytest PY_TESTS="$(VERSION_TESTS)" || r=1; done; exit $$r

# pytest's own tests, of the installed version, under pytest and under tach
pytest-suite: bootstrap
	scripts/bootstrap pytest
	$(MAKE) programs
	TACH=$(abspath $(BUILD))/tach $(PYTHON) tests/pytests/suite.py $(BUILD)/pytests/own $(PYTEST_GIT)

$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/libsandbox.a $(BUILD)/libspec.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $^ -o $@ $(LDFLAGS) -Wl,-z,now $(shell pkg-config --libs $(PKGS))

# nothing but tree-sitter's parser
$(BUILD)/bench/parse: $(BUILD)/obj/tests/bench/parse.o $(filter %/tree-sitter-python/parser.o %/tree-sitter-python/scanner.o,$(GRAMMAR_OBJ))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $^ -o $@ $(LDFLAGS) -Wl,-Bstatic -ltree-sitter -Wl,-Bdynamic -lpthread

# every Python file of the machine is read, and once more without leaving anything out (make check: one in EVERY)
$(BUILD)/every: $(BUILD)/obj/tests/discover/every.o $(DISCOVER_OBJ) $(BUILD)/libbase.a $(GRAMMAR_OBJ) $(BUILD)/libspec.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $^ -o $@ $(LDFLAGS) -Wl,-Bstatic -lyajl_s -ltree-sitter -Wl,-Bdynamic -lpthread -lm
EVERY ?= 1
every-file: $(BUILD)/every
	find / -xdev -name '*.py' -type f -print0 2>/dev/null | sort -z | awk -v RS='\0' -v ORS='\0' 'NR % $(EVERY) == 0' | xargs -0 -P 2 -n 500 $(BUILD)/every
every-file-short:
	$(MAKE) every-file EVERY=200

# tach list beside pytest --collect-only and a bare parser, on real suites (fetched) and generated ones
bench-discover: programs $(BUILD)/bench/parse
	TACH=$(abspath $(BUILD))/tach PARSE=$(abspath $(BUILD))/bench/parse $(PYTHON) tests/bench/discover.py

# the fixtures of every test beside pytest's, on the same suites
bench-fixtures: programs
	TACH=$(abspath $(BUILD))/tach $(PYTHON) tests/bench/fixtures.py

bench: programs $(BUILD)/bench/rollback
	$(BUILD)/bench/rollback
	$(PYTHON) tests/bench/bench.py

# runs the bundled example suite, whose tests misbehave as their files announce: some fail by design
demo: bootstrap
	$(MAKE) all
	$(BUILD)/tach tests/example || test $$? -eq 1
	TACH=$(abspath $(BUILD))/tach TACH_RUN=$(abspath $(BUILD))/tach-run $(PYTHON) -m pytest -q -p no:cacheprovider tests/cli/test_example.py

install: programs
	install -D -m 755 $(BUILD)/tach $(DESTDIR)$(PREFIX)/bin/tach
	install -D -m 755 $(BUILD)/tach-run $(DESTDIR)$(PREFIX)/bin/tach-run
	install -D -m 644 spec/seccomp.json $(DESTDIR)$(PREFIX)/share/tach/seccomp.json
	install -d $(DESTDIR)$(PREFIX)/lib/tach/harness/tach_harness
	install -m 644 $(BUILD)/harness/tach_harness/*.py $(DESTDIR)$(PREFIX)/lib/tach/harness/tach_harness
	install -m 755 $(EXTENSION) $(DESTDIR)$(PREFIX)/lib/tach/harness/tach_harness

format:
	clang-format -i $(C_FILES)

LINT_C = $(filter spec/% sandbox/% runtime/% harness/%,$(filter %.c,$(C_FILES)))
TIDY_FLAGS = -std=gnu17 -D_GNU_SOURCE -I. $(patsubst -I%,-isystem%,$(shell pkg-config --cflags $(PKGS))) -isystem $(PYTHON_INCLUDE)
tidy:
	printf '%s\n' $(LINT_C) | xargs -P 2 -n 4 sh -c 'clang-tidy --quiet "$$@" -- $(TIDY_FLAGS) 2>/dev/null' tidy

# no warning with the other compiler either
clang:
	$(MAKE) CC=clang BUILD=$(BUILD)/clang all

lint: tidy clang
	clang-format --dry-run -Werror $(C_FILES)
	cppcheck --quiet --error-exitcode=1 --enable=warning,portability,performance --inline-suppr --suppress=missingIncludeSystem -I. -D_GNU_SOURCE $(filter spec/% sandbox/% runtime/%,$(C_FILES))
	shellcheck $(SCRIPTS)

clean:
	rm -rf $(BUILD)

.SECONDARY:
-include $(shell find $(BUILD) -name vm -prune -o -type f -name '*.d' -print 2>/dev/null)
