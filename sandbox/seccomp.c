/* How it works: a filter is compiled once, in the engine; workers install the bytes as they are. */
#include "sandbox/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/bpf.h"
#include "spec/base/cleanup.h"

int seccomp_compile(const struct policy *p, int *ret_fd, struct error *err)
{
        CLEANUP_BPF struct bpf b = {0};
        CLEANUP_CLOSE int fd = memfd_create("seccomp", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        int r = fd < 0 ? error_set(err, "seccomp", errno, "memfd_create") : bpf_compile(&b, p, err);

        if (r < 0)
                return r;
        if (write(fd, b.v, b.n * sizeof *b.v) != (ssize_t)(b.n * sizeof *b.v) ||
            fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return error_set(err, "seccomp", errno, "store the filter");
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int install(const void *bpf, size_t n_bytes, unsigned flags)
{
        struct sock_fprog prog = {
            .len = (unsigned short)(n_bytes / sizeof(struct sock_filter)),
            .filter = (struct sock_filter *)(uintptr_t)bpf,
        };
        int r = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);

        return r < 0 ? -errno : r;
}

int seccomp_install(const void *bpf, size_t n_bytes, struct error *err)
{
        int r = install(bpf, n_bytes, 0);

        return r < 0 ? error_set(err, "seccomp", r, "install the filter") : 0;
}

int seccomp_install_everywhere(const void *bpf, size_t n_bytes, struct error *err)
{
        int r = install(bpf, n_bytes, SECCOMP_FILTER_FLAG_TSYNC);

        return r != 0 ? error_set(err, "seccomp", r < 0 ? r : EBUSY, "install the filter in every thread")
                      : 0;
}

static int install_fd(int fd, unsigned flags)
{
        struct stat st;
        void *bpf;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        bpf = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bpf == MAP_FAILED)
                return -errno;
        r = install(bpf, (size_t)st.st_size, flags);
        (void)munmap(bpf, (size_t)st.st_size);
        return r;
}

int seccomp_install_listening(int fd, int plain_fd, int *ret_listener, struct error *err)
{
        int listener = install_fd(fd, SECCOMP_FILTER_FLAG_NEW_LISTENER), r = listener;

        if (r == -EBUSY) {
                listener = -1;
                r = install_fd(plain_fd, 0);
        }
        if (r < 0)
                return error_set(err, "seccomp", r, "install the filter");
        *ret_listener = listener;
        return 0;
}
