/* How it works: libmount finds the v2 tree and /proc/self/cgroup our place in it. flock on the group's
 * directory keeps runs that start and end in the same group apart. */
#include "sandbox/delegation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "sandbox/group.h"
#include "sandbox/mountinfo.h"
#include "spec/base/cleanup.h"

#define STARTERS   "tach-starters"
#define ROUNDS     100 /* in which all processes of a group that fork must be moved */
#define MAX_LEVELS 256 /* of a process's ancestors that are looked at */

/* The v2 path of process PID ("self", "1"), or "". */
static void group_of(const char *pid, char *ret, size_t size)
{
        char path[64], line[PATH_MAX];

        ret[0] = '\0';
        (void)snprintf(path, sizeof path, "/proc/%s/cgroup", pid);
        CLEANUP_FCLOSE FILE *f = fopen(path, "re");
        while (f != NULL && fgets(line, sizeof line, f) != NULL)
                if (strncmp(line, "0::", 3) == 0) {
                        line[strcspn(line, "\n")] = '\0';
                        if (strlen(line + 3) < size)
                                (void)strcpy(ret, line + 3);
                }
}

/* Where the group OWN is mounted: its folder in RET, and how long the mount's own part of that is. */
static int folder_of(const char *own, char *ret, size_t size, size_t *ret_mount)
{
        CLEANUP_MOUNTINFO struct mountinfo mounts;
        struct mountinfo_entry m;
        struct error err = {0};
        int found = 0;

        if (mountinfo_open(&mounts, &err) < 0)
                return 0;
        while (own[0] != '\0' && !found && mountinfo_next(&mounts, &m)) {
                size_t n = m.root != NULL ? strlen(m.root) : 0;

                if (m.type == NULL || strcmp(m.type, "cgroup2") != 0 || n == 0)
                        continue;
                if (strcmp(m.root, "/") == 0)
                        n = 0;
                if (strncmp(own, m.root, n) != 0 || (own[n] != '/' && own[n] != '\0'))
                        continue;
                int length = snprintf(ret, size, "%s%s", m.target, strcmp(own + n, "/") == 0 ? "" : own + n);

                found = length > 0 && (size_t)length < size;
                *ret_mount = strlen(m.target);
        }
        return found;
}

static int ends_with(const char *text, size_t n, const char *suffix)
{
        const size_t k = strlen(suffix);

        return n > k && strncmp(text + n - k, suffix, k) == 0;
}

/* Whether systemd, if PATH lies in a unit of its, has left the unit to its user. */
static int is_left_to_us(const char *path, size_t mount)
{
        char unit[PATH_MAX];
        size_t n = strlen(path);

        while (n > mount) {
                if (ends_with(path, n, ".scope") || ends_with(path, n, ".service") ||
                    ends_with(path, n, ".slice")) {
                        char value[8] = "";

                        (void)snprintf(unit, sizeof unit, "%.*s", (int)n, path);
                        return (getxattr(unit, "user.delegate", value, sizeof value) == 1 ||
                                getxattr(unit, "trusted.delegate", value, sizeof value) == 1) &&
                               value[0] == '1';
                }
                while (n > mount && path[--n] != '/')
                        continue;
        }
        return 1;
}

/* Opens D's path if its group is ours; else why says what it is. */
static void open_own(struct delegation *d, size_t mount)
{
        struct stat st;
        CLEANUP_CLOSE int fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 || fstat(fd, &st) < 0)
                (void)snprintf(d->why, sizeof d->why, "it cannot be opened (%s)", strerrorname_np(errno));
        else if (st.st_uid != geteuid() || faccessat(fd, ".", W_OK, AT_EACCESS) < 0 ||
                 faccessat(fd, "cgroup.procs", W_OK, AT_EACCESS) < 0)
                (void)snprintf(d->why, sizeof d->why, "the group is not this user's");
        else if (!is_left_to_us(d->path, mount))
                (void)snprintf(d->why, sizeof d->why, "systemd manages the group and has not delegated it");
        else
                d->fd = TAKE_FD(fd);
}

void delegation_find(struct delegation *ret)
{
        char own[PATH_MAX - 64], *last;
        size_t mount = 0;

        *ret = (struct delegation){.fd = -1};
        group_of("self", own, sizeof own);
        if (!folder_of(own, ret->path, sizeof ret->path, &mount)) {
                ret->path[0] = '\0';
                (void)snprintf(ret->why, sizeof ret->why,
                               "no cgroup v2 tree is mounted that holds this process");
                return;
        }
        last = strrchr(ret->path, '/');
        if (last != NULL && (size_t)(last - ret->path) >= mount && strcmp(last + 1, STARTERS) == 0)
                *last = '\0'; /* another run has put those there that started this one */
        open_own(ret, mount);
        if (ret->fd >= 0 && flock(ret->fd, LOCK_EX) < 0) {
                (void)snprintf(ret->why, sizeof ret->why, "it cannot be locked (%s)", strerrorname_np(errno));
                (void)close(ret->fd);
                ret->fd = -1;
        }
}

/* Of PID; 0: none that is seen from here. */
static pid_t parent_of(pid_t pid)
{
        char path[48], text[512], *end;
        int parent = 0;

        (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        if (group_read(AT_FDCWD, path, text, sizeof text) < 0 || (end = strrchr(text, ')')) == NULL ||
            sscanf(end + 1, " %*c %d", &parent) != 1)
                return 0;
        return parent;
}

static int is_own(pid_t pid)
{
        char path[48];
        struct stat st;

        (void)snprintf(path, sizeof path, "/proc/%d", (int)pid);
        return stat(path, &st) == 0 && st.st_uid == geteuid();
}

/* The first of those that this process comes from, of this user's and in the same group. */
static pid_t first_starter(void)
{
        char own[PATH_MAX], name[16], group[PATH_MAX];
        pid_t first = getpid(), parent;

        group_of("self", own, sizeof own);
        while ((parent = parent_of(first)) > 0 && is_own(parent)) {
                (void)snprintf(name, sizeof name, "%d", (int)parent);
                group_of(name, group, sizeof group);
                if (strcmp(group, own) != 0)
                        break;
                first = parent;
        }
        return first;
}

static int comes_from(pid_t pid, pid_t first)
{
        for (int level = 0; level < MAX_LEVELS && pid > 0; level++) {
                if (pid == first)
                        return 1;
                pid = parent_of(pid);
        }
        return 0;
}

/* Puts what FIRST has started, and is in the group, into a child of the group. Returns how many, or -errno.
 */
static int move_round(const struct delegation *d, pid_t first)
{
        CLEANUP_CLOSE int fd = openat(d->fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
        CLEANUP_FCLOSE FILE *f = fd >= 0 ? fdopen(fd, "re") : NULL;
        int pid, moved = 0;

        if (f == NULL)
                return -errno;
        (void)TAKE_FD(fd); /* the stream's */
        while (fscanf(f, "%d", &pid) == 1) {
                char text[16];
                int r;

                if (!is_own(pid) || !comes_from(pid, first))
                        continue;
                (void)snprintf(text, sizeof text, "%d", pid);
                r = group_write(d->fd, STARTERS "/cgroup.procs", text);
                if (r < 0 && r != -ESRCH)
                        return r;
                moved += r == 0;
        }
        return moved;
}

/* Puts this process, those that it comes from and what they have started aside. 0 or -errno. */
static int move_starters(const struct delegation *d)
{
        const pid_t first = first_starter();
        int r = mkdirat(d->fd, STARTERS, 0755) < 0 && errno != EEXIST ? -errno : 1;

        for (int round = 0; r > 0 && round < ROUNDS; round++)
                r = move_round(d, first);
        return r < 0 ? r : 0;
}

/* Who else is in the group. */
static void say_who(struct delegation *d)
{
        const long long pid = group_number(d->fd, "cgroup.procs", NULL);
        char path[48], name[32] = "";

        (void)snprintf(path, sizeof path, "/proc/%lld/comm", pid);
        (void)group_read(AT_FDCWD, path, name, sizeof name);
        name[strcspn(name, "\n")] = '\0';
        if (pid >= 0)
                (void)snprintf(d->why, sizeof d->why, "other processes are in the group (%lld, %s)", pid,
                               name);
}

/* Only the root of all groups may hold processes and hand controllers on. Handing on the threaded ones (cpu,
 * pids) is not refused elsewhere, but makes the children useless. */
static int may_not_hold_processes(const struct delegation *d)
{
        return faccessat(d->fd, "cgroup.type", F_OK, 0) == 0;
}

unsigned delegation_enable(struct delegation *d, unsigned wanted)
{
        const unsigned there = group_controllers(d->fd, "cgroup.controllers");
        const unsigned off = wanted & there & ~group_controllers(d->fd, "cgroup.subtree_control");
        unsigned failed = off;
        int r = 0;

        if ((wanted & ~there) != 0)
                (void)snprintf(d->why, sizeof d->why, "the group was not given them");
        if (off != 0 && may_not_hold_processes(d) && group_number(d->fd, "cgroup.procs", NULL) >= 0)
                r = move_starters(d);
        if (off != 0 && may_not_hold_processes(d) && group_number(d->fd, "cgroup.procs", NULL) >= 0)
                say_who(d);
        else if (off != 0 && r == 0)
                failed = group_enable(d->fd, off);
        if (failed != 0 && d->why[0] == '\0')
                (void)snprintf(d->why, sizeof d->why, "they cannot be switched on there%s%s",
                               r < 0 ? ": " : "", r < 0 ? strerrorname_np(-r) : "");
        return failed | (wanted & ~there);
}

void delegation_unlock(const struct delegation *d)
{
        if (d->fd >= 0)
                (void)flock(d->fd, LOCK_UN);
}

/* Whether STARTERS is the group's only child. */
static int only_starters(const struct delegation *d)
{
        DIR *dir = opendir(d->path);
        struct dirent *e;
        int others = 0, starters = 0;

        while (dir != NULL && (e = readdir(dir)) != NULL)
                if (e->d_type == DT_DIR && e->d_name[0] != '.') {
                        starters |= strcmp(e->d_name, STARTERS) == 0;
                        others |= strcmp(e->d_name, STARTERS) != 0;
                }
        if (dir != NULL)
                (void)closedir(dir);
        return starters && !others;
}

static void disable_all(int dir)
{
        char text[512], off[600] = "", *state = NULL;

        if (group_read(dir, "cgroup.subtree_control", text, sizeof text) < 0)
                return;
        for (char *word = strtok_r(text, " \n", &state); word != NULL; word = strtok_r(NULL, " \n", &state)) {
                (void)strcat(off, " -");
                (void)strcat(off, word);
        }
        (void)group_write(dir, "cgroup.subtree_control", off);
}

void delegation_restore(const struct delegation *d)
{
        if (d->fd < 0 || flock(d->fd, LOCK_EX) < 0)
                return;
        if (only_starters(d)) {
                disable_all(d->fd);
                for (int round = 0; round < ROUNDS; round++) {
                        const long long pid = group_number(d->fd, STARTERS "/cgroup.procs", NULL);
                        char text[24];

                        (void)snprintf(text, sizeof text, "%lld", pid);
                        if (pid < 0 || group_write(d->fd, "cgroup.procs", text) == -EBUSY)
                                break;
                }
                (void)unlinkat(d->fd, STARTERS, AT_REMOVEDIR);
        }
        delegation_unlock(d);
}
