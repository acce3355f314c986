/*
 * input: what the user types for tests that have a console, as packets on a socket (tach-run --input): the
 * first byte says which.
 */
#ifndef TACH_ENGINE_INPUT_H
#define TACH_ENGINE_INPUT_H

#include <stdint.h>
#include <sys/ioctl.h>

#include "spec/base/buf.h"

#define INPUT_PACKET 4096      /* bytes at most */
#define INPUT_HELD   (1 << 16) /* so many that nobody has read are kept; then no packet is taken */

enum input_kind {
        INPUT_BYTES = 'i', /* typed; follow */
        INPUT_SIZE = 'w',  /* the terminal's: struct input_size follows */
};

struct input_size {
        uint16_t rows, columns;
};

struct input {
        int fd;             /* SOCK_SEQPACKET; -1: nothing comes, or no more */
        int is_watched;     /* the run hears of what comes there */
        struct buf pending; /* not given to a test yet */
        struct winsize size;
};

#endif
