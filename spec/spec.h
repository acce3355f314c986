/*
 * spec: what a run is. run.json in the shape of the OCI runtime specification
 * (config.md, config-linux.md, v1.1), with a "tach" object for what OCI has no
 * word for. Pure: no system calls; bytes in, an immutable struct out.
 *
 * Ownership: spec_read fills a struct whose strings it owns; spec_finish frees
 * all of them. Absent strings are NULL; absent lists have n == 0.
 */
#ifndef TACH_SPEC_SPEC_H
#define TACH_SPEC_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/buf.h"
#include "spec/base/error.h"

#define SPEC_MAX_BYTES (16u << 20) /* longest run.json that is read */
#define SPEC_MAX_DEPTH 32          /* deepest nesting */
#define SPEC_MAX_KEEP  64          /* patterns of tach.keep */

struct spec_strv {
        char **v;
        size_t n;
};

struct spec_pair {
        char *key, *value;
};

struct spec_pairs {
        struct spec_pair *v;
        size_t n;
};

struct spec_id_map {
        uint32_t container_id, host_id, size;
};

struct spec_id_maps {
        struct spec_id_map *v;
        size_t n;
};

struct spec_rlimit {
        char *type; /* "RLIMIT_NOFILE", ... */
        uint64_t soft, hard;
};

struct spec_rlimits {
        struct spec_rlimit *v;
        size_t n;
};

struct spec_mount {
        char *destination; /* absolute, normalised */
        char *type;        /* "bind", "tmpfs", ... */
        char *source;
        struct spec_strv options;
};

struct spec_mounts {
        struct spec_mount *v;
        size_t n;
};

/* config-linux.md, Namespaces: a bit each */
enum spec_namespace {
        SPEC_NS_USER = 1 << 0,
        SPEC_NS_MOUNT = 1 << 1,
        SPEC_NS_PID = 1 << 2,
        SPEC_NS_NETWORK = 1 << 3,
        SPEC_NS_IPC = 1 << 4,
        SPEC_NS_UTS = 1 << 5,
        SPEC_NS_CGROUP = 1 << 6,
        SPEC_NS_ALL = (1 << 7) - 1,
};

/* config-linux.md, Seccomp; and what the profiles of container engines have beside it: archMap, and rules for
 * some machines only. Actions, operators and architectures keep their OCI names. */
struct spec_seccomp_arg {
        uint32_t index;
        uint64_t value, value_two;
        char *op; /* "SCMP_CMP_EQ", ... */
};

/* "includes" (all must hold) or "excludes" (none may). */
struct spec_seccomp_when {
        struct spec_strv caps, arches; /* "CAP_SYS_ADMIN"; "amd64", ... */
        bool has_min_kernel;
        uint32_t min_kernel[2]; /* major, minor */
};

struct spec_seccomp_rule {
        struct spec_strv names;
        char *action;      /* "SCMP_ACT_ERRNO", ... */
        int64_t errno_ret; /* -1: not given */
        struct spec_seccomp_arg *args;
        size_t n_args;
        struct spec_seccomp_when includes, excludes;
};

struct spec_seccomp_arch {
        char *architecture; /* "SCMP_ARCH_X86_64", ... */
        struct spec_strv sub_architectures;
};

struct spec_seccomp {
        char *default_action;      /* NULL: no linux.seccomp, the built-in profile applies */
        int64_t default_errno_ret; /* -1: not given */
        struct spec_strv architectures;
        struct spec_seccomp_arch *arch_map;
        size_t n_arch_map;
        struct spec_strv flags;
        struct spec_seccomp_rule *rules;
        size_t n_rules;
};

/* config-linux.md, Control groups. -1: not given. */
struct spec_resources {
        int64_t memory_limit, memory_reservation, memory_swap; /* bytes */
        int64_t pids_limit;
        int64_t cpu_shares, cpu_quota, cpu_period; /* -, microseconds, microseconds */
        char *cpu_cpus;
        struct spec_pairs unified;
};

enum spec_isolation {
        SPEC_ISOLATION_CELL, /* "cell": every test in a sandbox of its own */
        SPEC_ISOLATION_NONE, /* "none": plain forked workers */
};

enum spec_enforce {
        SPEC_ENFORCE_REQUIRED,    /* "required": what cannot be enforced ends the run */
        SPEC_ENFORCE_BEST_EFFORT, /* "best-effort": it runs and the start event says what was not */
};

enum spec_reuse {
        SPEC_REUSE_ROLLBACK, /* "rollback": the next test gets the same process, put back to where it began,
                                and its cell, if both are provably as they were; else as for "cell" */
        SPEC_REUSE_CELL,     /* "cell": the next test gets the same cell if it is provably clean */
        SPEC_REUSE_NEVER,    /* "never": every worker gets a cell that nobody was in */
};

/* Of session-scoped fixtures that no other process can be cloned with. */
enum spec_session_fixtures {
        SPEC_SESSION_FIXTURES_WORKER, /* "worker": each worker sets them up for its share of the tests */
        SPEC_SESSION_FIXTURES_ONCE,   /* "once": one worker runs all these tests */
};

enum spec_network {
        SPEC_NETWORK_PRIVATE, /* "private": a loopback interface of its own, nothing else */
        SPEC_NETWORK_HOST,    /* "host": the host's; not isolated */
        SPEC_NETWORK_NONE,    /* "none": not even loopback */
};

/* Where the output of tests goes that pytest does not capture. Unless it is kept, they run one after another.
 */
enum spec_output {
        SPEC_OUTPUT_KEPT,    /* "kept": into their results */
        SPEC_OUTPUT_JOINED,  /* "joined": into "output" events, standard error among standard output */
        SPEC_OUTPUT_STREAMS, /* "streams": into "output" events, each stream by itself */
};

/* A test file, and how many tests it has. */
struct spec_count {
        char *file; /* relative to pytest's rootdir, as are all files of a selection */
        uint32_t tests;
};

/* What need not be imported: found by reading the files, before pytest collects. */
struct spec_select {
        bool given;
        char *keyword, *mark; /* the values of -k and -m that "unmatched" is about; NULL: not given */
        struct spec_strv python_classes, python_functions; /* the settings that it is about */
        bool doctest_modules;                              /* so is --doctest-modules */
        struct spec_count *unmatched;                      /* files of which no test matches them */
        size_t n_unmatched;
        struct spec_strv read;     /* files whose hooks were looked at: they do not change what matches */
        struct spec_strv excluded; /* files that are left out whatever is in them */
        struct spec_strv included; /* with shards: files that are collected */
        uint32_t shard, shards;    /* which part of other files is collected; 0: all of them */
};

struct spec {
        char *oci_version;
        struct {
                bool terminal;          /* tests have a pseudo-terminal, whose output is "output" events */
                uint32_t rows, columns; /* "consoleSize": of it; 0: not known */
                bool no_new_privileges; /* default true */
                char *cwd;              /* absolute; default: tach.project, else "/" */
                struct spec_strv env;   /* "NAME=value"; the whole environment of the interpreter */
                struct spec_strv args;  /* with args and no tach.tests: run that one command */
                bool has_user;
                uint32_t uid, gid;
                bool has_capabilities;
                struct spec_strv bounding, effective, permitted, inheritable, ambient;
                struct spec_rlimits rlimits;
        } process;
        struct {
                char *path;    /* default "/" */
                bool readonly; /* default true */
        } root;
        char *hostname; /* default "tach" */
        struct spec_mounts mounts;
        struct {
                unsigned namespaces; /* enum spec_namespace bits; default SPEC_NS_ALL */
                struct spec_id_maps uid_mappings, gid_mappings;
                struct spec_seccomp seccomp;
                struct spec_resources resources;
                bool has_masked, has_readonly; /* given, even if empty: replaces the OCI defaults */
                struct spec_strv masked_paths, readonly_paths;
        } linux_;
        struct spec_pairs annotations;
        struct {
                char *python;                 /* interpreter, absolute; default "/usr/bin/python3" */
                char *project;                /* absolute; the tree that tests see copy-on-write */
                bool has_tests;               /* "tests" was given (even if empty: pytest's own default) */
                struct spec_strv tests;       /* paths and node ids, as pytest takes them */
                struct spec_strv pytest_args; /* "pytestArgs": further pytest options (-k EXPR, -m ...) */
                struct spec_strv python_path; /* "pythonPath": put in front of sys.path, absolute */
                struct spec_select select;    /* files that are not collected */
                uint32_t workers;             /* 0: one per CPU; at most 1024 */
                double timeout;               /* seconds a test; 0: none; default 60 */
                uint32_t max_fail;            /* "maxFail": stop after that many failures; 0: never */
                enum spec_isolation isolation;
                enum spec_enforce enforce;                   /* default required */
                enum spec_reuse reuse;                       /* default rollback */
                enum spec_output output;                     /* default kept */
                enum spec_network network;                   /* default private */
                enum spec_session_fixtures session_fixtures; /* default worker */
                char *django_settings;   /* module; "": none; NULL: DJANGO_SETTINGS_MODULE of process.env */
                struct spec_strv shared; /* "tests/test_a.py", "tests/test_a.py::TestA": run in one worker */
                struct spec_strv spawn;  /* "tests/test_gpu.py", "tests": each test in a fresh interpreter */
                int64_t collect_memory;  /* "collectMemory": bytes for the interpreter that collects and what
                                            it starts; 0: no limit; -1: half of the machine's */
                uint32_t seed;           /* of random numbers; 0: another for each run */
                struct spec_strv services; /* sockets of the host (service_parse); all different */
                bool cache;                /* pytest's cache folder is written back; default false */
                struct spec_strv keep; /* patterns (glob_check) of what tests write and the project gets */
                bool verify_rollback;  /* "verifyRollback": compare all memory with what it was, each time */
                bool report_writes;    /* "reportWrites": say what each test wrote, without keep too */
                char *harness;         /* folder that holds tach_harness; NULL: beside the program */
        } tach;
};

/* Whether what tests print is passed on as they run. */
bool spec_passes_output(const struct spec *spec);

/* Parses LEN bytes of JSON. ORIGIN names them in errors ("run.json", "<stdin>").
 * Errors: one of phase "spec", what = "ORIGIN:LINE:COLUMN: $.path.to[3].key: reason",
 * hint = the nearest known key where that helps. SPEC is untouched on failure. */
int spec_read(struct spec *ret_spec, const char *json, size_t len, const char *origin, struct error *err);

/* Appends SPEC as run.json (indented); spec_read of it gives an equal spec. Defaults are written too. */
int spec_write(const struct spec *spec, struct buf *out, struct error *err);

/* Appends SELECT alone as one JSON object on one line: 0 or -ENOMEM. */
int spec_write_select(const struct spec_select *select, struct buf *out);

/* A spec with every default filled in and nothing else. */
int spec_init(struct spec *ret_spec, struct error *err);

/* Derives the spec of the one test NODEID from the run's: same sandbox, tach.tests = [NODEID],
 * workers = 1, annotations["tach.nodeid"] = NODEID. */
int spec_derive_test(const struct spec *run, const char *nodeid, struct spec *ret_test, struct error *err);

void spec_finish(struct spec *spec);

/* Reads a profile of its own: a document that is what linux.seccomp would hold. As spec_read. */
int spec_seccomp_read(struct spec_seccomp *ret, const char *json, size_t len, const char *origin,
                      struct error *err);
void spec_seccomp_finish(struct spec_seccomp *profile);

/* The profile that applies where a spec has none, as text (spec/seccomp.json); LEN bytes. */
const char *spec_seccomp_default(size_t *ret_len);

/* Appends a copy of S: 0 or -ENOMEM. */
int spec_strv_add(struct spec_strv *strv, const char *s);
bool spec_strv_has(const struct spec_strv *strv, const char *s);
void spec_strv_finish(struct spec_strv *strv); /* it is empty then */
int spec_pairs_add(struct spec_pairs *pairs, const char *key, const char *value);

#define CLEANUP_SPEC __attribute__((cleanup(spec_finish)))
#define CLEANUP_STRV __attribute__((cleanup(spec_strv_finish)))

#endif
