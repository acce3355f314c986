/*
 * verdict: all that is to be said of one test, until it is said. That of a collector's last test waits for
 * the teardown of what the collector's tests share, which pytest counts to it.
 */
#ifndef TACH_ENGINE_VERDICT_H
#define TACH_ENGINE_VERDICT_H

#include "runtime/engine/journal.h"
#include "runtime/engine/refusals.h"
#include "runtime/engine/result.h"
#include "runtime/engine/stream.h"
#include "runtime/engine/usage.h"

struct verdict {
        uint32_t item;
        struct result result;
        yajl_val end; /* the worker's last line about the test, with its usage; or NULL */
        int has_death;
        struct death death; /* its descriptors are the verdict's */
        struct usage used;
        struct refusals refusals;
        char isolation[16], note[192], cell[8]; /* "": no cell */
        char spent[96];                         /* why its worker was not put back; "" */
        const char *worker;                     /* "fresh", "rolled back"; NULL: it is never put back */
        char *order;                            /* the module in whose order it would have passed; or NULL */
        char *why, *snapshot;                   /* why it shared a worker; what it was cloned from, or NULL */
};

/* NULL: no memory. */
struct verdict *verdict_new(uint32_t item);

/* Says DEATH instead of how the test ended; takes copies of its descriptors. */
void verdict_died(struct verdict *v, const struct death *death);

/* Sends it as ITEM's test event and counts it: 0 or -errno of the write. */
int verdict_send(const struct verdict *v, const struct item *item, struct stream *stream,
                 struct journal *journal);

void verdict_free(struct verdict *v);

#endif
