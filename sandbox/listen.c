/* How it works: SO_REUSEADDR and SO_REUSEPORT stay off, so nothing else can take an address while it is
 * listened on. */
#include "sandbox/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/mnt.h"
#include "spec/base/cleanup.h"

#define BACKLOG 1024

static int refuse(const struct service *s, int errnum, struct error *err)
{
        int r = error_set(err, "service", errnum, "listen on %s in a cell", s->name);

        if (errnum == EROFS || errnum == EACCES || errnum == EPERM)
                error_hint(err, "its folder is read-only there: let the service listen below /run, /tmp, "
                                "/var/tmp, /dev/shm or the project");
        else if (errnum == EADDRINUSE && s->address.any.sa_family == AF_UNIX)
                error_hint(err, "something that is no socket has that path");
        else if (errnum == EADDRNOTAVAIL || errnum == EAFNOSUPPORT)
                error_hint(err, "IPv6 is off on this machine");
        return r;
}

/* The folder, and the path free: what the host has there is not what a cell shall reach. */
static int make_way(const struct service *s, struct error *err)
{
        char folder[sizeof s->address.un.sun_path];
        struct stat st;
        const char *path = s->address.un.sun_path;

        (void)strcpy(folder, path);
        *(strrchr(folder, '/') + (strrchr(folder, '/') == folder)) = '\0';
        CLEANUP_CLOSE int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return refuse(s, errno, err);
        CLEANUP_CLOSE int made = mnt_resolve(root, folder, 1, 0, NULL);
        if (made < 0)
                return refuse(s, -made, err);
        if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && unlink(path) < 0)
                return refuse(s, errno, err);
        return 0;
}

static int listen_on(const struct service *s, struct error *err)
{
        const int family = s->address.any.sa_family, one = 1;
        int r = family == AF_UNIX ? make_way(s, err) : 0;

        if (r < 0)
                return r;
        CLEANUP_CLOSE int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return refuse(s, errno, err);
        if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0)
                return refuse(s, errno, err);
        if (bind(fd, &s->address.any, s->length) < 0)
                return refuse(s, errno, err);
        if (family == AF_UNIX && chmod(s->address.un.sun_path, 0777) < 0)
                return refuse(s, errno, err);
        if (listen(fd, BACKLOG) < 0)
                return refuse(s, errno, err);
        return TAKE_FD(fd);
}

int listen_services(const struct listen_plan *plan, struct error *err)
{
        for (size_t i = 0; i < plan->n; i++) {
                CLEANUP_CLOSE int fd = listen_on(&plan->services[i], err);
                int r = fd < 0 ? fd : plan->hand_over(plan->socket, i, fd);

                if (fd >= 0 && r < 0)
                        return error_set(err, "service", r, "hand over %s", plan->services[i].name);
                if (r < 0)
                        return r;
        }
        return 0;
}
