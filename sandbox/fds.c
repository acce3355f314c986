/* How it works: one close_range a gap. */
#include "sandbox/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void fds_close_others(const int *keep, size_t n)
{
        unsigned from = 3;

        for (size_t i = 0; i < n; i++) {
                if (keep[i] < (int)from)
                        continue;
                if ((unsigned)keep[i] > from)
                        (void)close_range(from, (unsigned)keep[i] - 1, 0);
                from = (unsigned)keep[i] + 1;
        }
        (void)close_range(from, ~0u, 0);
}

static int ascending(const void *a, const void *b)
{
        const int x = *(const int *)a, y = *(const int *)b;

        return x < y ? -1 : x > y;
}

int fds_keep_only(int *keep, size_t n, struct error *err)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null < 0)
                return error_set(err, "fds", errno, "open /dev/null");
        qsort(keep, n, sizeof *keep, ascending);
        for (int fd = 0; fd < 3; fd++) {
                int kept = 0;

                for (size_t i = 0; i < n; i++)
                        kept |= keep[i] == fd;
                if (!kept && null != fd && dup2(null, fd) < 0)
                        return error_set(err, "fds", errno, "dup2");
        }
        fds_close_others(keep, n);
        return 0;
}
