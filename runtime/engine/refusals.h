/*
 * refusals: which system calls the sandbox refused to a test. The filter asks the engine about each call that
 * it does not let through (seccomp_unotify(2)); the engine answers with the profile's error, never otherwise,
 * and remembers the call for the report of a test that fails. A call that is let through costs nothing.
 */
#ifndef TACH_ENGINE_REFUSALS_H
#define TACH_ENGINE_REFUSALS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "spec/base/buf.h"

#define REFUSALS_MAX 16 /* different calls of one test that are kept */

struct refusal {
        int nr;
        uint64_t args[6];
        int errnum;
        unsigned long times; /* calls with this number and error */
};

/* Zero-initialised is empty. */
struct refusals {
        struct refusal v[REFUSALS_MAX];
        size_t n;
        unsigned long others; /* calls beyond */
};

/* A call that waits for its answer. */
struct refused_call {
        uint64_t id;
        pid_t pid; /* thread */
        int nr;
        uint64_t args[6];
};

/* Whether FD is a filter's listener: it comes from where untrusted code runs, and reading something else
 * might wait for ever. */
int refusals_is_listener(int fd);

/* Takes a call that LISTENER has: 1, or 0 where it is gone, or -errno where the listener is no more. */
int refusals_receive(int listener, struct refused_call *ret);
void refusals_answer(int listener, const struct refused_call *call, int errnum);
/* Lets it pass. */
void refusals_pass(int listener, const struct refused_call *call);

/* The inode of the pid namespace of PID, or 0. */
ino_t refusals_pid_namespace(pid_t pid);

void refusals_add(struct refusals *r, const struct refused_call *call, int errnum);

/* "mount(0x1, 0x2, 0x3, 0x0, 0x0)" of a call of the native ABI. Returns OUT. */
char *refusals_call(char *out, size_t size, int nr, const uint64_t args[6]);
/* The same with what it got: " = EPERM (3 times)". */
char *refusals_line(char *out, size_t size, const struct refusal *r);
/* Appends a line for each: 0 or -ENOMEM. */
int refusals_text(const struct refusals *r, struct buf *out);

#endif
