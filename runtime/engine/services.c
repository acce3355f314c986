/* How it works: one packet a call to the proxy; only a count waits for its answer. */
#include "runtime/engine/services.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/fds.h"

_Static_assert(SERVICES_MAX <= FDS_MAX_SENT, "a cell's sockets fit into one packet");

#define ANSWER_SECONDS 10
#define STOP_MS        2000

int services_plan(const struct spec *spec, struct service *list, size_t *ret_n, struct error *err)
{
        *ret_n = 0;
        if (spec->tach.isolation == SPEC_ISOLATION_NONE)
                return 0;
        for (size_t i = 0; i < spec->tach.services.n; i++) {
                struct service *service = &list[*ret_n];
                const char *wrong = i == SERVICES_MAX ? "too many services"
                                                      : service_parse(spec->tach.services.v[i], service);

                if (wrong != NULL)
                        return error_set(err, "service", EINVAL, "tach.services[%zu]: %s", i, wrong);
                if (service->address.any.sa_family != AF_UNIX && spec->tach.network == SPEC_NETWORK_NONE) {
                        int r =
                            error_set(err, "service", EINVAL,
                                      "tach.services[%zu]: %s with tach.network \"none\"", i, service->name);

                        error_hint(err, "use \"private\", or the service's Unix socket");
                        return r;
                }
                *ret_n +=
                    service->address.any.sa_family == AF_UNIX || spec->tach.network == SPEC_NETWORK_PRIVATE;
        }
        return 0;
}

int services_start(struct services *s, const struct listen_plan *plan, struct error *err)
{
        const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
        int ends[2];

        *s = (struct services){.list = plan->services, .n = plan->n, .socket = -1, .proxy = -1};
        memset(s->received, -1, sizeof s->received);
        if (s->n == 0)
                return 0;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
                return error_set(err, "service", errno, "socketpair");
        (void)setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        (void)setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        s->proxy = fork();
        if (s->proxy == 0)
                proxy_main(ends[1], s->list, s->n);
        (void)close(ends[1]);
        s->socket = ends[0];
        return s->proxy < 0 ? error_set(err, "service", errno, "start the proxy") : 0;
}

void services_receive(const struct services *s, int *received, int index, int fd)
{
        if (fd < 0)
                return;
        if (index < 0 || (size_t)index >= s->n) {
                (void)close(fd);
                return;
        }
        if (received[index] >= 0)
                (void)close(received[index]);
        received[index] = fd;
}

/* Only what listens as it should is handed on: the sender may be untrusted. */
static int is_listener(const struct service *s, int fd)
{
        int family = 0, listens = 0, type = 0;
        socklen_t n = sizeof family, m = sizeof listens, k = sizeof type;

        return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &n) == 0 &&
               getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &k) == 0 &&
               getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &m) == 0 && listens &&
               type == SOCK_STREAM && family == s->address.any.sa_family;
}

static int ask(const struct services *s, enum proxy_op op, int cell, const int *fds, struct error *err)
{
        const struct proxy_request q = {.op = (int32_t)op, .cell = cell};
        int r = fds_send(s->socket, &q, sizeof q, fds, fds != NULL ? s->n : 0);

        return r < 0 ? error_set(err, "service", r, "the proxy of the services ended") : 0;
}

int services_open(struct services *s, int *received, int cell, struct error *err)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < s->n; i++)
                if (!is_listener(&s->list[i], received[i]))
                        r = error_set(err, "service", EPROTO, "a cell came without its socket for %s",
                                      s->list[i].name);
        if (r == 0 && s->n > 0)
                r = ask(s, PROXY_OPEN, cell, received, err);
        for (size_t i = 0; i < s->n; i++) {
                if (received[i] >= 0)
                        (void)close(received[i]);
                received[i] = -1;
        }
        return r;
}

int services_count(struct services *s, int cell, struct service_use *use, struct error *err)
{
        const size_t size = s->n * sizeof *use;
        ssize_t n;
        int r = s->n > 0 ? ask(s, PROXY_COUNT, cell, NULL, err) : 0;

        if (r < 0 || s->n == 0)
                return r;
        do
                n = recv(s->socket, use, size, 0);
        while (n < 0 && errno == EINTR);
        return n == (ssize_t)size ? 0
                                  : error_set(err, "service", n < 0 ? errno : EPIPE,
                                              "the proxy of the services does not answer");
}

void services_close(struct services *s, int cell)
{
        if (s->n > 0 && s->socket >= 0)
                (void)ask(s, PROXY_CLOSE, cell, NULL, NULL);
}

void services_stop(struct services *s)
{
        if (s->n == 0)
                return;
        if (s->socket >= 0)
                (void)close(s->socket);
        if (s->proxy > 0) {
                int pidfd = (int)syscall(SYS_pidfd_open, s->proxy, 0);
                struct pollfd p = {.fd = pidfd, .events = POLLIN};

                if (pidfd < 0 || poll(&p, 1, STOP_MS) <= 0)
                        (void)kill(s->proxy, SIGKILL);
                while (waitpid(s->proxy, NULL, 0) < 0 && errno == EINTR)
                        continue;
                if (pidfd >= 0)
                        (void)close(pidfd);
        }
        for (size_t i = 0; i < s->n; i++)
                if (s->received[i] >= 0)
                        (void)close(s->received[i]);
        *s = (struct services){.socket = -1, .proxy = -1};
}

const char *services_why(int why, char *buf, size_t size)
{
        if (why == PROXY_TOO_MANY)
                (void)snprintf(buf, size, "more than %d connections at once", PROXY_MAX_CONNECTIONS);
        else
                (void)snprintf(buf, size, "%s (%s)", strerrorname_np(why), strerror(why));
        return buf;
}
