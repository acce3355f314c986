/*
 * cleanup: owners that let go when they leave their scope (gcc's and clang's
 * cleanup attribute). Cleaning keeps errno. A closed fd becomes -EBADF.
 */
#ifndef TACH_SPEC_BASE_CLEANUP_H
#define TACH_SPEC_BASE_CLEANUP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free_(void *p)
{
        free(*(void **)p);
}

static inline void cleanup_close_(int *fd)
{
        if (*fd >= 0) {
                int saved = errno;
                (void)close(*fd);
                errno = saved;
        }
        *fd = -EBADF;
}

static inline void cleanup_fclose_(FILE **f)
{
        if (*f != NULL) {
                int saved = errno;
                (void)fclose(*f);
                errno = saved;
        }
        *f = NULL;
}

#define CLEANUP_FREE   __attribute__((cleanup(cleanup_free_)))
#define CLEANUP_CLOSE  __attribute__((cleanup(cleanup_close_)))
#define CLEANUP_FCLOSE __attribute__((cleanup(cleanup_fclose_)))

/* Hands the value over and leaves the owner empty: return TAKE_FD(fd); */
#define TAKE_FD(fd)                                                                                          \
        __extension__({                                                                                      \
                int taken_ = (fd);                                                                           \
                (fd) = -EBADF;                                                                               \
                taken_;                                                                                      \
        })
#define TAKE_PTR(p)                                                                                          \
        __extension__({                                                                                      \
                __typeof__(p) taken_ = (p);                                                                  \
                (p) = NULL;                                                                                  \
                taken_;                                                                                      \
        })

#endif
