/*
 * state: what the kernel keeps of the calling process, beside its memory, as it was at one moment; the proof
 * that it is so again, and the way back where there is one.
 *
 * What can neither be read nor put back is a tripwire (policy.h): the engine hears of it.
 */
#ifndef TACH_SANDBOX_STATE_H
#define TACH_SANDBOX_STATE_H

#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define STATE_MAX_FDS 1024
#define STATE_SIGNALS 64
#define STATE_TEXT    8192
#define STATE_PRCTLS  16

struct state_fd {
        int fd, flags, fd_flags, queued; /* QUEUED: bytes in a pipe */
        struct stat st;
        off_t offset;
};

/* As the kernel has it. */
struct state_action {
        unsigned long words[8];
};

struct state {
        struct state_fd fds[STATE_MAX_FDS];
        size_t n_fds;
        int own[4]; /* descriptors of the caller's, which may be what others may not; -1: none */
        int extra[STATE_MAX_FDS];
        size_t n_extra; /* open now, and not before */
        char status[STATE_TEXT], now[STATE_TEXT], raw[STATE_TEXT];
        uint64_t ignored, caught, ignored_now, caught_now;
        unsigned long threads;
        struct state_action actions[STATE_SIGNALS];
        stack_t altstack;
        char cwd[PATH_MAX], name[16];
        struct stat folder, output, error; /* the last two: of 1 and 2 */
        mode_t mask;
        struct rlimit limits[RLIM_NLIMITS];
        cpu_set_t cpus;
        unsigned char scheduling[128];
        long prctls[STATE_PRCTLS];
        long io_priority, personality;
        char written[256]; /* what files in /proc/self say that a process may write */
        void *robust_list;
        size_t robust_size;
        struct rusage used;
};

/* Takes the state with OWN set: 0 or -errno, and *RET_WHY says what stands in the way. */
int state_take(struct state *s, const char **ret_why);

/* Whether it can be put back: NULL, or what is in the way. Reaps children that have ended. */
const char *state_check(struct state *s);

/* Puts it back, once state_check() has said that it can: 0 or -errno. */
int state_back(struct state *s);

#endif
