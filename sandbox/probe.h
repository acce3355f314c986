/*
 * probe: what this machine lets a sandbox do, tried live.
 *
 * One probe a feature, each run in a process of its own with a time limit; nothing of it stays behind. Where
 * a feature is not there, the report names the cause and the fix (advice.h).
 */
#ifndef TACH_SANDBOX_PROBE_H
#define TACH_SANDBOX_PROBE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "spec/base/error.h"

#define PROBE_SECONDS   10
#define PROBE_MAX_FACTS 8

enum probe_status { PROBE_OK, PROBE_DEGRADED, PROBE_MISSING };

enum probe_kind { FACT_NONE, FACT_INT, FACT_BOOL, FACT_TEXT, FACT_LIST };

struct probe_fact {
        char key[48];
        enum probe_kind kind;
        long long number; /* FACT_INT, FACT_BOOL; FACT_NONE: null */
        char text[600];   /* FACT_TEXT; FACT_LIST: words, a newline after each */
};

/* No pointers: it lies in memory shared with the probe's process. */
struct probe_report {
        enum probe_status status;
        int errnum;      /* of the step that failed, 0: none */
        char step[300];  /* the step that failed */
        char cause[600]; /* "" where nothing is wrong */
        char fix[1500];  /* lines; the first is the shortest way. "": none */
        struct probe_fact facts[PROBE_MAX_FACTS];
        size_t n_facts;
        char folder[4096]; /* given: the project, or the current folder */
};

struct probe {
        const char *name; /* stable: the key in JSON */
        int needed;       /* no run is isolated without it */
        void (*run)(struct probe_report *r);
};

/* In the order in which one needs the other; ends with name NULL. */
extern const struct probe probes[];

/* Runs PROBE for FOLDER (NULL: the current folder). Always fills RET. */
void probe_run(const struct probe *probe, const char *folder, struct probe_report *ret);

/* The same for a probe that is not in the table. */
void probe_call(void (*run)(struct probe_report *r), const char *folder, struct probe_report *ret);

/* Where ERR is an isolation step that this machine does not allow, makes its hint what the first probe that
 * fails says: cause and fix. Else, and where every probe succeeds, ERR stays as it is. Costs up to a second.
 */
void probe_explain(struct error *err, const char *folder);

/* For probes. A step failed: the feature is missing; returns -ERRNUM. */
int probe_step(struct probe_report *r, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void probe_cause(struct probe_report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* It is missing because the feature NAME is: no step of its own failed. */
void probe_needs(struct probe_report *r, const char *name);
/* Adds a line. */
void probe_fix(struct probe_report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void probe_fact_int(struct probe_report *r, const char *key, long long value);
void probe_fact_bool(struct probe_report *r, const char *key, int value);
void probe_fact_text(struct probe_report *r, const char *key, const char *text); /* NULL: null */
void probe_fact_list(struct probe_report *r, const char *key);                   /* empty */
void probe_fact_add(struct probe_report *r, const char *key, const char *word);  /* to the list KEY */

/* Runs BODY in a child with a user namespace and NAMESPACES (CLONE_NEW*), its ids mapped: 0, or -errno of
 * what failed, which the report then says. */
int probe_inside(uint64_t namespaces, int (*body)(struct probe_report *r), struct probe_report *r);

/* In such a child with CLONE_NEWNS: no mount reaches outside, and /tmp is an empty tmpfs. */
int probe_private_mounts(struct probe_report *r);

/* The probes, by file. */
void probe_kernel(struct probe_report *r); /* probe_call.c */
void probe_openat2(struct probe_report *r);
void probe_clone3(struct probe_report *r);
void probe_close_range(struct probe_report *r);
void probe_pidfd(struct probe_report *r);
void probe_landlock(struct probe_report *r);
void probe_keyrings(struct probe_report *r);
void probe_userfaultfd(struct probe_report *r);
void probe_pagemap_scan(struct probe_report *r);
void probe_user_namespaces(struct probe_report *r); /* probe_ns.c */
void probe_namespaces(struct probe_report *r);
void probe_capabilities(struct probe_report *r);
void probe_loopback(struct probe_report *r);
void probe_time_namespace(struct probe_report *r);
void probe_mount(struct probe_report *r); /* probe_mount.c */
void probe_mount_api(struct probe_report *r);
void probe_overlay(struct probe_report *r);
void probe_overlay_on_overlay(struct probe_report *r);
void probe_proc(struct probe_report *r);
void probe_folder(struct probe_report *r);
void probe_seccomp(struct probe_report *r); /* probe_seccomp.c */
void probe_seccomp_notify(struct probe_report *r);
void probe_cgroup(struct probe_report *r); /* probe_cgroup.c */

#endif
