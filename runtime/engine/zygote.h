/*
 * zygote: the engine's end of the control socket. The zygote is the interpreter that collected the suite; it
 * is untrusted as soon as it imports the first test, so whatever it says is checked.
 *
 * Engine to zygote: one JSON packet with its configuration, then RUN packets (harness/run_message.h).
 * Zygote to engine: JSON packets, "t" says which: header, unit, item, collect_report, warning, collected;
 * then for each worker started (with a pidfd), exited or clone_failed; last summary and finished.
 */
#ifndef TACH_ENGINE_ZYGOTE_H
#define TACH_ENGINE_ZYGOTE_H

#include <stddef.h>
#include <stdint.h>
#include <yajl/yajl_tree.h>

#include "harness/run_message.h"
#include "runtime/engine/keeper.h"
#include "runtime/engine/plan.h"
#include "spec/base/error.h"

struct zygote {
        int control;   /* SOCK_SEQPACKET, ours, non-blocking */
        int log;       /* memfd with what the interpreter printed before any test ran */
        off_t printed; /* bytes of the log before the session's end */
        pid_t pid;     /* only where there is no keeper; else -1 */
        struct keeper keeper;
};

/* Starts interpreter (in the outer sandbox where the plan isolates) and sends its configuration. */
int zygote_start(struct zygote *z, const struct plan *plan, struct error *err);

/* One packet of CONTROL, a zygote's or a snapshot's: its bytes and *RET (yajl_tree_free) and *RET_FD (or -1);
 * 0: none now; -EPIPE: the zygote closed; -EPROTO: not a packet. */
int zygote_receive(int control, yajl_val *ret, int *ret_fd);

/* Sends HEAD with its items on CONTROL, a zygote's or a snapshot's, waiting at most PATIENCE_MS. FDS: result,
 * out, err, for a snapshot its control socket, then the console's four, the cell's pidfd and the leaf where
 * the flags say so. */
int zygote_ask(int control, const struct run_head *head, const uint32_t *items, const int *fds, size_t n_fds,
               int patience_ms, struct error *err);

/* Asks it to end its session, telling what is in JOURNAL_FD (-1: nothing). It answers "finished" and closes
 * the control socket when it has. */
int zygote_quit(struct zygote *z, int journal_fd);

/* What the interpreter printed before it was asked to end, the last 16 KiB of it, in TEXT (mended). */
int zygote_log(const struct zygote *z, struct buf *text);

/* What it printed since then, or while it collected, at most 1 MiB. */
int zygote_last_words(const struct zygote *z, struct buf *text);

/* What it printed from the byte AT on, at most N bytes, whole lines if that is possible, as they are: bytes
 * in BUF, 0 at the end, or -errno. */
ssize_t zygote_words(const struct zygote *z, off_t at, char *buf, size_t n);

/* Kills what is left and frees. */
void zygote_stop(struct zygote *z);

#endif
