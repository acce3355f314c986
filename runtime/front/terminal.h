/*
 * terminal: the way of what the user types to the test that runs, and of what tests print to the user, where
 * the run passes output on (-s, --pdb, --trace).
 *
 * Where standard input and output are a terminal, tests have a pseudo-terminal each
 * (runtime/engine/console.h), whose line discipline does the editing and the echo. Ours then hands on every
 * key as it is, except those that send signals: Ctrl-C is the debugger's while one is entered, else it ends
 * the run; Ctrl-\ always ends it; Ctrl-Z stops tach. However tach ends, the terminal is as it was: a process
 * of its own waits for that.
 */
#ifndef TACH_FRONT_TERMINAL_H
#define TACH_FRONT_TERMINAL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <sys/types.h>
#include <termios.h>

#include "runtime/engine/input.h"
#include "runtime/front/args.h"
#include "spec/base/error.h"
#include "spec/spec.h"

struct terminal {
        int input;        /* a socket, for what is typed; -1: none, or no more */
        int theirs;       /* its other end, until tach-run has it; -1 */
        bool is_terminal; /* tests have one */
        bool is_wanted;   /* keys are for tests now */
        bool is_raw;
        bool debugs;         /* --pdb: a Ctrl-C is where the test fails into the debugger */
        bool has_debugger;   /* the test that runs has entered one */
        bool is_interrupted; /* since then, by one Ctrl-C */
        struct termios before;
        int guard; /* says that all is well; -1 */
        pid_t guard_pid;
        char held[INPUT_PACKET]; /* what the engine has no room for yet */
        size_t n_held;
};

/* Says in SPEC how output is to be passed on, as ARGS and this process's standard streams have it. IS_JSON:
 * events are what is printed. */
void terminal_choose(struct spec *spec, const struct args *args, bool is_json);

/* For a run of SPEC; where it passes nothing on this does nothing, and neither do the others. */
int terminal_begin(struct terminal *t, const struct spec *spec, const struct args *args, struct error *err);

/* Signals that it wants to hear of, added to SET. */
void terminal_signals(const struct terminal *t, sigset_t *set);

/* SI came: whether that is all; else it is for the engine, which may be another signal by now. */
bool terminal_signal(struct terminal *t, struct signalfd_siginfo *si);

/* What to wait for until terminal_read() can do something; -1: nothing. */
int terminal_source(const struct terminal *t);
void terminal_read(struct terminal *t);

/* A line of the event stream is about to be reported. */
void terminal_event(struct terminal *t, const char *line);

/* Writes what a test printed to FD: 0 or -errno. */
int terminal_write(struct terminal *t, int fd, const char *bytes, size_t n);

void terminal_end(struct terminal *t);

#endif
