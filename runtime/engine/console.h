/*
 * console: what a worker has for standard input, output and error where the run passes these on: a
 * pseudo-terminal, or pipes. Each worker gets one of its own, so that nothing of a test, its terminal's
 * settings, what it pushed into its input or a process that it left, reaches the next.
 *
 * The terminal's peer is opened by its descriptor (TIOCGPTPEER, ioctl_tty(2)), never by a path, which a
 * sandbox could have changed (CVE-2025-52565); the master stays here.
 */
#ifndef TACH_ENGINE_CONSOLE_H
#define TACH_ENGINE_CONSOLE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "spec/base/buf.h"
#include "spec/base/error.h"
#include "spec/spec.h"

enum console_stream { CONSOLE_OUT, CONSOLE_ERR, CONSOLE_STREAMS };

struct console {
        int is_terminal;
        int from[CONSOLE_STREAMS];    /* what it prints, non-blocking; -1: nothing more comes */
        int input;                    /* where its input goes, non-blocking; -1: nowhere */
        int input_peer;               /* of a pipe: the other end, to see what was not read; -1 */
        int ack;                      /* a byte there lets it go on that waits until all was passed on; -1 */
        char cut[CONSOLE_STREAMS][4]; /* the beginning of a character whose end is still to come */
        size_t n_cut[CONSOLE_STREAMS];
        uint64_t passed; /* bytes */
};

/* The worker's side: standard input, output and error, and where it waits. All are to be closed. */
struct console_ends {
        int fds[3], ack;
};

void console_init(struct console *c);

/* Opens C and RET as OUTPUT says, or with IS_TERMINAL and of SIZE. HAS_INPUT: else standard input is at its
 * end. */
int console_open(struct console *c, const struct spec *spec, int has_input, const struct winsize *size,
                 struct console_ends *ret, struct error *err);
void console_close_ends(struct console_ends *ends);

/* Whether there is one. */
int console_is_open(const struct console *c);

/* Reads at most SIZE bytes of STREAM: how many; 0: nothing now; -EPIPE: nothing more will come. */
long console_read(struct console *c, enum console_stream stream, char *bytes, size_t size);

/* Gives input from PENDING, as much as can be taken back: a pipe gets a line when it has read the one before,
 * so that one test does not read ahead what is another's. ENDED: after that comes no more. Returns whether
 * there is something to try again soon. */
int console_feed(struct console *c, struct buf *pending, int ended);

/* Ctrl-D, where nobody is at the terminal. */
void console_hang_up(const struct console *c);

/* Puts back into PENDING what was not read. */
int console_take_back(struct console *c, struct buf *pending);

void console_ack(const struct console *c);
void console_resize(const struct console *c, const struct winsize *size);
void console_finish(struct console *c);

#endif
