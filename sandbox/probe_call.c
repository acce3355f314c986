/* How it works: each makes the system call once, in the way in which a run makes it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/keyctl.h>
#include <linux/userfaultfd.h>

#include "sandbox/advice.h"
#include "sandbox/pagemap.h"
#include "sandbox/probe.h"
#include "sandbox/sys.h"
#include "spec/base/cleanup.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#define LANDLOCK_VERSION 1u /* LANDLOCK_CREATE_RULESET_VERSION */

void probe_kernel(struct probe_report *r)
{
        struct utsname u;

        if (uname(&u) < 0) {
                (void)probe_step(r, errno, "uname");
                return;
        }
        probe_fact_text(r, "release", u.release);
        probe_fact_text(r, "machine", u.machine);
        if (!advice_kernel_is(5, 14)) {
                (void)probe_step(r, 0, "Linux %s", u.release);
                probe_cause(r, "Tach is made for Linux 5.14 or newer");
                probe_fix(r, "boot a newer kernel");
        }
}

void probe_openat2(struct probe_report *r)
{
        const struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                                     .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
        CLEANUP_CLOSE int fd = sys_openat2(AT_FDCWD, "/", &how);

        if (fd < 0) {
                (void)probe_step(r, errno, "openat2");
                advice_call(r, "openat2", 5, 6);
        }
}

void probe_clone3(struct probe_report *r)
{
        int pidfd = -1;
        const pid_t pid = sys_clone3(CLONE_CLEAR_SIGHAND, &pidfd, -1, SIGCHLD);

        if (pid == 0)
                _exit(0);
        if (pid < 0) {
                (void)probe_step(r, errno, "clone3");
                advice_call(r, "clone3", 5, 5);
                return;
        }
        (void)waitpid(pid, NULL, 0);
        (void)close(pidfd);
}

void probe_close_range(struct probe_report *r)
{
        const int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 100);

        if (close_range(100, ~0u, CLOSE_RANGE_CLOEXEC) < 0 || close_range(100, ~0u, 0) < 0) {
                (void)probe_step(r, errno, "close_range");
                advice_call(r, "close_range", 5, 11);
        } else if (fd >= 0 && fcntl(fd, F_GETFD) >= 0) {
                (void)probe_step(r, 0, "close_range left a descriptor open");
                probe_cause(r, "something pretends that it closed them");
        }
}

void probe_pidfd(struct probe_report *r)
{
        const pid_t pid = fork();
        struct pollfd p = {.events = POLLIN};

        if (pid == 0)
                for (;;)
                        (void)pause();
        p.fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
        if (p.fd < 0)
                (void)probe_step(r, errno, "pidfd_open");
        else if (syscall(SYS_pidfd_send_signal, p.fd, SIGKILL, NULL, 0) < 0)
                (void)probe_step(r, errno, "pidfd_send_signal");
        else if (poll(&p, 1, PROBE_SECONDS * 500) != 1)
                (void)probe_step(r, errno, "poll a pidfd");
        if (r->status != PROBE_OK)
                advice_call(r, "pidfd_open", 5, 3);
        if (pid > 0) {
                (void)kill(pid, SIGKILL);
                (void)waitpid(pid, NULL, 0);
        }
}

void probe_landlock(struct probe_report *r)
{
        const long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);

        probe_fact_int(r, "abi", abi < 0 ? 0 : abi);
        if (abi >= 0)
                return;
        (void)probe_step(r, errno, "landlock_create_ruleset");
        if (r->errnum == EOPNOTSUPP) {
                probe_cause(r, "landlock is not among the security modules that this kernel was booted with");
                probe_fix(r, "add landlock to the kernel's lsm= parameter");
        } else
                advice_call(r, "landlock", 5, 13);
}

void probe_keyrings(struct probe_report *r)
{
        if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0) {
                (void)probe_step(r, errno, "keyctl: join a session keyring of its own");
                advice_call(r, "keyctl", 2, 6);
        }
}

void probe_userfaultfd(struct probe_report *r)
{
        struct uffdio_api api = {.api = UFFD_API};
        CLEANUP_CLOSE int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

        probe_fact_bool(r, "wp_async", 0);
        if (fd < 0) {
                (void)probe_step(r, errno, "userfaultfd");
                advice_call(r, "userfaultfd for user mode", 5, 11);
        } else if (ioctl(fd, UFFDIO_API, &api) < 0) {
                (void)probe_step(r, errno, "userfaultfd: UFFDIO_API");
                advice_call(r, "userfaultfd", 5, 11);
        } else if ((api.features & UFFD_WP_ASYNC) == 0) {
                (void)probe_step(r, 0, "userfaultfd: no write protection without notifications (WP_ASYNC)");
                if (advice_kernel_is(6, 7))
                        probe_cause(r, "the kernel was built without it (CONFIG_PTE_MARKER_UFFD_WP)");
                else
                        advice_call(r, "WP_ASYNC", 6, 7);
        } else
                probe_fact_bool(r, "wp_async", 1);
}

void probe_pagemap_scan(struct probe_report *r)
{
        const size_t page = (size_t)sysconf(_SC_PAGESIZE);
        char *memory = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CLEANUP_CLOSE int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
        struct page_region region = {0};
        struct page_scan scan = {.size = sizeof scan,
                                 .start = (uint64_t)(uintptr_t)memory,
                                 .end = (uint64_t)(uintptr_t)memory + page,
                                 .vec = (uint64_t)(uintptr_t)&region,
                                 .vec_len = 1,
                                 .category_mask = PAGE_CATEGORY_THERE,
                                 .return_mask = PAGE_CATEGORY_THERE};

        if (memory == MAP_FAILED || fd < 0) {
                (void)probe_step(r, errno, "open /proc/self/pagemap");
                probe_cause(r, "/proc does not show it");
                return;
        }
        *(volatile char *)memory = 1;
        if (ioctl(fd, PAGEMAP_SCAN_IOCTL, &scan) == 1)
                return;
        (void)probe_step(r, errno, "ioctl PAGEMAP_SCAN");
        advice_call(r, "PAGEMAP_SCAN", 6, 7);
}
