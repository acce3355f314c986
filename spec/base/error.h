/*
 * error: what went wrong, where, and what to do about it.
 *
 * Library code never prints; it fills one of these and returns a negative
 * errno. The struct holds no pointers, so a cloned child can write it to a
 * pipe as it is and the parent can read it back.
 */
#ifndef TACH_SPEC_BASE_ERROR_H
#define TACH_SPEC_BASE_ERROR_H

struct error {
        int errnum;     /* positive errno, 0 where none applies */
        char phase[24]; /* the step that failed: "spec", "mount", "cgroup", ... */
        char what[768]; /* what failed: the path, key or call by name */
        char hint[384]; /* what to do about it; may be empty */
};

/* Fills ERR (NULL is allowed) and returns -ERRNUM, or -EINVAL where ERRNUM is 0.
 * ERR's hint is cleared. Over-long text is cut. */
int error_set(struct error *err, const char *phase, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts "CONTEXT: " in front of what ERR already says. */
void error_context(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Sets the hint. */
void error_hint(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Writes "PROGRAM: PHASE: WHAT: ERRNAME (text): HINT" without a newline into BUF
 * (always terminated; control characters become '?') and returns BUF. */
char *error_format(const struct error *err, const char *program, char *buf, unsigned long size);

#endif
