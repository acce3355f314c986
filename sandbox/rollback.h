/*
 * rollback: a process that can be put back to where it was, memory (memory.h) and kernel state (state.h), or
 * says why it cannot.
 *
 * Single-threaded callers only. Whatever it cannot prove, it does not put back.
 */
#ifndef TACH_SANDBOX_ROLLBACK_H
#define TACH_SANDBOX_ROLLBACK_H

struct rollback;

/* The point to come back to. OWN: a descriptor of the caller's that lives through it, or -1. Returns 0, and
 * again after each rollback_back(): how often that was. Else -errno, *RET_WHY says what is in the way, and
 * there is no point. *RET stays the same. VERIFY: all memory is compared each time. */
int rollback_point(struct rollback **ret, int own, int other, int verify, const char **ret_why);

/* Goes back to the point, and does not return; or returns why it cannot, with everything as it was. A process
 * that fails on its way ends (ROLLBACK_BROKEN). */
const char *rollback_back(struct rollback *r);

#define ROLLBACK_BROKEN 70

/* What differed after the last time: "" or text, with VERIFY. */
const char *rollback_differs(void);

/* Whether this kernel can do it. */
int rollback_is_possible(void);

#endif
