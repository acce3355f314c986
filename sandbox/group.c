/* How it works: names[] is the one list of controllers, in the order of the enum. */
#include "sandbox/group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spec/base/cleanup.h"

static const char *const names[GROUP_N] = {"cpuset",  "cpu",  "io",   "memory",
                                           "hugetlb", "pids", "rdma", "misc"};

int group_write(int dir, const char *file, const char *text)
{
        CLEANUP_CLOSE int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, text, strlen(text)) < 0)
                return -errno;
        return 0;
}

int group_read(int dir, const char *file, char *text, size_t size)
{
        CLEANUP_CLOSE int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

        if (n < 0)
                return -errno;
        text[n] = '\0';
        return 0;
}

long long group_find(const char *text, const char *key)
{
        const size_t n = key != NULL ? strlen(key) : 0;
        long long value;
        char *end;

        while (key != NULL && (strncmp(text, key, n) != 0 || text[n] != ' ')) {
                text = strchr(text, '\n');
                if (text++ == NULL)
                        return -1;
        }
        value = strtoll(text + n, &end, 10);
        return end == text + n ? -1 : value;
}

long long group_number(int dir, const char *file, const char *key)
{
        char text[2048];

        return group_read(dir, file, text, sizeof text) < 0 ? -1 : group_find(text, key);
}

unsigned group_controllers(int dir, const char *file)
{
        char text[512], *state = NULL;
        unsigned found = 0;

        if (group_read(dir, file, text, sizeof text) < 0)
                return 0;
        for (char *word = strtok_r(text, " \n", &state); word != NULL; word = strtok_r(NULL, " \n", &state))
                for (unsigned i = 0; i < GROUP_N; i++)
                        if (strcmp(word, names[i]) == 0)
                                found |= 1u << i;
        return found;
}

unsigned group_enable(int dir, unsigned wanted)
{
        unsigned failed = 0;

        for (unsigned i = 0; i < GROUP_N; i++) {
                char text[16];

                (void)snprintf(text, sizeof text, "+%s", names[i]);
                if ((wanted & 1u << i) != 0 && group_write(dir, "cgroup.subtree_control", text) < 0)
                        failed |= 1u << i;
        }
        return failed;
}

unsigned group_controller_of(const char *name)
{
        const size_t n = strcspn(name, ".");

        if (n == strlen("cgroup") && strncmp(name, "cgroup", n) == 0)
                return 0;
        for (unsigned i = 0; i < GROUP_N; i++)
                if (strlen(names[i]) == n && strncmp(name, names[i], n) == 0)
                        return 1u << i;
        return ~0u;
}

const char *group_names(unsigned controllers, char *ret, size_t size)
{
        size_t used = 0;

        ret[0] = '\0';
        for (unsigned i = 0; i < GROUP_N; i++)
                if ((controllers & 1u << i) != 0 && used < size)
                        used +=
                            (size_t)snprintf(ret + used, size - used, "%s%s", used > 0 ? ", " : "", names[i]);
        return ret;
}
