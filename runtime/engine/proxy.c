/* How it works: one epoll loop. A connection is two sockets and a way in each direction; what the far side
 * does not take yet is kept (one read's worth), and nothing more is read until it has: that is all the
 * buffering there is. Only the side that matters is watched, so a slow or dead peer costs no time. */
#include "runtime/engine/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/fds.h"

#define CHUNK           65536
#define ROUNDS          16 /* reads of one connection, and accepts of one listener, before others get their turn */
#define ACCEPTS_A_COUNT 1024 /* a count waits for what came before it, but not for a flood */
#define RETRY_SECONDS   0.02 /* a Unix socket whose backlog is full */
#define CONNECT_SECONDS 5.0
#define LINGER_SECONDS  2.0 /* for what a cell that is gone has sent: meanwhile its network stays */
#define QUIT_SECONDS    1.0
#define MAX_CONNECTIONS 16384u

#define CLOSED (-2) /* no cell is called that */

struct cell {
        struct cell *next;
        int name; /* CLOSED: it has none any more */
        int listeners[SERVICES_MAX];
        unsigned connections;
        double deadline; /* once it is closed */
        struct service_use use[SERVICES_MAX];
};

/* From fd[i] to fd[1 - i]. */
struct way {
        char *kept;
        size_t from, to; /* what is left of KEPT */
        int ended;       /* nothing more comes */
        int shut;        /* and the far side knows */
};

struct connection {
        struct connection *next, *previous;
        struct cell *cell;
        size_t service;
        int fd[2]; /* the cell's, the service's */
        uint32_t watched[2];
        int gone[2]; /* hung up: no longer watched */
        int connecting;
        double retry, give_up; /* RETRY 0: the kernel tells */
        struct way way[2];
        int dead; /* freed after this turn: events of the same turn may still name it */
};

enum kind { KIND_REQUESTS, KIND_LISTENER, KIND_CLIENT, KIND_SERVER };

static struct {
        const struct service *services;
        size_t n;
        int socket, epoll_fd;
        struct cell *cells;
        struct connection *connections;
        unsigned n_connections, max_connections;
        int quitting;
        double quit_at;
        char chunk[CHUNK];
} proxy;

static double now(void)
{
        struct timespec ts;

        (void)clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int is_closed(const struct cell *cell)
{
        return cell->name == CLOSED;
}

/* Pointers are aligned: the low bits say what they point to, the high ones which service. */
static uint64_t tag(const void *p, enum kind kind)
{
        return (uint64_t)(uintptr_t)p | kind;
}

static void failed(struct cell *cell, size_t service, int why)
{
        struct service_use *use = &cell->use[service];

        if (use->failed++ == 0)
                use->why = why;
}

/* The peer sees a reset, not an end that looks like a good one. */
static void close_hard(int fd)
{
        const struct linger none = {.l_onoff = 1, .l_linger = 0};

        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        (void)close(fd);
}

static void end(struct connection *c, int hard)
{
        if (c->dead)
                return;
        c->dead = 1;
        for (int i = 0; i < 2; i++) {
                if (c->fd[i] >= 0)
                        hard ? close_hard(c->fd[i]) : (void)close(c->fd[i]);
                c->fd[i] = -1;
                free(c->way[i].kept);
                c->way[i].kept = NULL;
        }
        c->cell->connections--;
        proxy.n_connections--;
}

static void watch(struct connection *c, int i, uint32_t events)
{
        struct epoll_event ev = {.events = events, .data.u64 = tag(c, i == 0 ? KIND_CLIENT : KIND_SERVER)};

        if (c->gone[i] || c->watched[i] == events)
                return;
        if (epoll_ctl(proxy.epoll_fd, EPOLL_CTL_MOD, c->fd[i], &ev) < 0 &&
            (errno != ENOENT || epoll_ctl(proxy.epoll_fd, EPOLL_CTL_ADD, c->fd[i], &ev) < 0))
                end(c, 1);
        c->watched[i] = events;
}

static void drop_way(struct way *w)
{
        free(w->kept);
        *w = (struct way){.ended = 1, .shut = 1};
}

/* Writes N bytes, and keeps what is not taken: 0, or -1 where the far side takes no more. */
static int deliver(struct way *w, int to, const char *bytes, size_t n)
{
        size_t done = 0;

        while (done < n) {
                ssize_t sent = send(to, bytes + done, n - done, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (sent < 0 && errno == EINTR)
                        continue;
                if (sent < 0 && errno != EAGAIN)
                        return -1;
                if (sent < 0)
                        break;
                done += (size_t)sent;
        }
        if (w->kept != NULL && bytes == w->kept + w->from) {
                w->from += done;
        } else if (done < n) {
                w->kept = malloc(n - done);
                if (w->kept == NULL)
                        return -1;
                memcpy(w->kept, bytes + done, n - done);
                w->from = 0;
                w->to = n - done;
        }
        if (w->kept != NULL && w->from == w->to) {
                free(w->kept);
                w->kept = NULL;
        }
        return 0;
}

/* Passes on what there is from side I. -1: the connection was reset. */
static int pump(struct connection *c, int i)
{
        struct way *w = &c->way[i];
        const int from = c->fd[i], to = c->fd[1 - i];

        for (int round = 0; round < ROUNDS || c->gone[i]; round++) {
                ssize_t n;

                if (w->kept != NULL && deliver(w, to, w->kept + w->from, w->to - w->from) < 0)
                        drop_way(w);
                if (w->kept != NULL)
                        return 0;
                if (w->ended) {
                        if (!w->shut)
                                (void)shutdown(to, SHUT_WR);
                        w->shut = 1;
                        return 0;
                }
                n = recv(from, proxy.chunk, sizeof proxy.chunk, MSG_DONTWAIT);
                if (n < 0 && (errno == EAGAIN || errno == EINTR) && !c->gone[i])
                        return 0;
                if (n < 0 && errno != EAGAIN)
                        return -1;
                if (n <= 0)
                        w->ended = 1;
                else if (deliver(w, to, proxy.chunk, (size_t)n) < 0)
                        drop_way(w);
        }
        return 0;
}

/* Nothing is left to pass on, or nobody is left to pass it on to. */
static int is_over(const struct connection *c)
{
        if (c->way[0].shut && (c->way[1].shut || is_closed(c->cell) || c->gone[0]))
                return 1;
        return c->way[1].shut && c->gone[1];
}

static void serve(struct connection *c)
{
        if (pump(c, 0) < 0 || pump(c, 1) < 0) {
                end(c, 1);
                return;
        }
        if (is_over(c)) {
                end(c, 0);
                return;
        }
        for (int i = 0; i < 2 && !c->dead; i++) {
                const int reads = c->way[i].kept == NULL && !c->way[i].ended;
                const int writes = c->way[1 - i].kept != NULL;

                watch(c, i, (reads ? EPOLLIN : 0u) | (writes ? EPOLLOUT : 0u));
        }
}

static void refuse(struct connection *c, int why)
{
        failed(c->cell, c->service, why);
        end(c, 1);
}

static void connected(struct connection *c)
{
        const int one = 1;

        c->connecting = 0;
        for (int i = 0; i < 2; i++)
                (void)setsockopt(c->fd[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        serve(c);
}

static void try_connect(struct connection *c)
{
        const struct service *s = &proxy.services[c->service];

        c->retry = 0;
        if (connect(c->fd[1], &s->address.any, s->length) == 0) {
                connected(c);
        } else if (errno == EINPROGRESS) {
                watch(c, 1, EPOLLOUT);
        } else if (errno == EAGAIN && now() < c->give_up) {
                c->retry = now() + RETRY_SECONDS;
        } else {
                refuse(c, errno);
        }
}

/* The kernel has an answer. */
static void finish_connect(struct connection *c)
{
        int why = 0;
        socklen_t n = sizeof why;

        if (getsockopt(c->fd[1], SOL_SOCKET, SO_ERROR, &why, &n) < 0)
                why = errno;
        why == 0 ? connected(c) : refuse(c, why);
}

static void begin(struct cell *cell, size_t service, int client)
{
        const int family = proxy.services[service].address.any.sa_family;
        struct connection *c = NULL;
        int server = -1, why = PROXY_TOO_MANY;

        cell->use[service].connections++;
        if (cell->connections < PROXY_MAX_CONNECTIONS && proxy.n_connections < proxy.max_connections) {
                c = calloc(1, sizeof *c);
                server = c != NULL ? socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
                why = errno;
        }
        if (server < 0) {
                failed(cell, service, why);
                close_hard(client);
                free(c);
                return;
        }
        *c = (struct connection){.next = proxy.connections,
                                 .cell = cell,
                                 .service = service,
                                 .fd = {client, server},
                                 .connecting = 1,
                                 .give_up = now() + CONNECT_SECONDS};
        if (c->next != NULL)
                c->next->previous = c;
        proxy.connections = c;
        cell->connections++;
        proxy.n_connections++;
        try_connect(c);
}

static void accept_some(struct cell *cell, size_t service, int most)
{
        while (most-- > 0) {
                int client = accept4(cell->listeners[service], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

                if (client < 0)
                        return;
                begin(cell, service, client);
        }
}

static void on_connection(struct connection *c, int side, uint32_t events)
{
        if (c->dead)
                return;
        if (c->connecting) {
                finish_connect(c);
                return;
        }
        if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
                /* told again and again, whatever is asked for; what it sent can still be read */
                (void)epoll_ctl(proxy.epoll_fd, EPOLL_CTL_DEL, c->fd[side], NULL);
                c->gone[side] = 1;
        }
        serve(c);
}

static struct cell *find(int name)
{
        struct cell *cell = proxy.cells;

        while (cell != NULL && cell->name != name)
                cell = cell->next;
        return cell;
}

static void close_cell(struct cell *cell, double seconds)
{
        for (size_t i = 0; i < proxy.n; i++)
                if (cell->listeners[i] >= 0) {
                        (void)epoll_ctl(proxy.epoll_fd, EPOLL_CTL_DEL, cell->listeners[i], NULL);
                        (void)close(cell->listeners[i]);
                }
        memset(cell->listeners, -1, sizeof cell->listeners);
        cell->name = CLOSED;
        cell->deadline = now() + seconds;
        for (struct connection *c = proxy.connections; c != NULL; c = c->next)
                if (c->cell == cell && !c->dead && !c->connecting)
                        serve(c);
}

static void open_cell(int name, const int *fds)
{
        struct cell *cell = calloc(1, sizeof *cell);

        if (cell == NULL)
                _exit(1);
        cell->name = name;
        cell->next = proxy.cells;
        proxy.cells = cell;
        for (size_t i = 0; i < proxy.n; i++) {
                struct epoll_event ev = {.events = EPOLLIN,
                                         .data.u64 = tag(&cell->listeners[i], KIND_LISTENER)};

                cell->listeners[i] = fds[i];
                if (epoll_ctl(proxy.epoll_fd, EPOLL_CTL_ADD, fds[i], &ev) < 0)
                        _exit(1);
        }
}

static void count(struct cell *cell)
{
        for (size_t i = 0; i < proxy.n; i++)
                if (cell->listeners[i] >= 0)
                        accept_some(cell, i, ACCEPTS_A_COUNT);
        if (send(proxy.socket, cell->use, proxy.n * sizeof *cell->use, MSG_NOSIGNAL) < 0)
                _exit(1);
        memset(cell->use, 0, sizeof cell->use);
}

/* The engine is gone, or says that the run is over. */
static void quit(void)
{
        (void)epoll_ctl(proxy.epoll_fd, EPOLL_CTL_DEL, proxy.socket, NULL);
        proxy.quitting = 1;
        proxy.quit_at = now() + QUIT_SECONDS;
        for (struct cell *cell = proxy.cells; cell != NULL; cell = cell->next)
                if (!is_closed(cell))
                        close_cell(cell, QUIT_SECONDS);
}

static void on_request(void)
{
        struct proxy_request q;
        struct cell *cell;
        int fds[FDS_MAX_SENT];
        size_t n_fds;
        ssize_t got = fds_receive(proxy.socket, &q, sizeof q, fds, &n_fds);

        if (got == -EAGAIN || got == -EINTR)
                return;
        if (got != (ssize_t)sizeof q) {
                quit();
                return;
        }
        cell = find(q.cell);
        if (q.op == PROXY_OPEN) {
                /* too few where this process may not hold so many */
                if (n_fds != proxy.n || cell != NULL)
                        _exit(1);
                open_cell(q.cell, fds);
        } else if (q.op == PROXY_COUNT) {
                if (cell == NULL)
                        _exit(1);
                count(cell);
        } else if (cell != NULL) {
                close_cell(cell, LINGER_SECONDS);
        }
}

static void on_listener(int *listener)
{
        for (struct cell *cell = proxy.cells; cell != NULL; cell = cell->next)
                for (size_t i = 0; i < proxy.n; i++)
                        if (&cell->listeners[i] == listener && *listener >= 0)
                                accept_some(cell, i, ROUNDS);
}

static void on_event(const struct epoll_event *ev)
{
        void *p = (void *)(uintptr_t)(ev->data.u64 & ~3ull); // NOLINT

        switch ((enum kind)(ev->data.u64 & 3)) {
        case KIND_REQUESTS:
                on_request();
                break;
        case KIND_LISTENER:
                on_listener(p);
                break;
        case KIND_CLIENT:
                on_connection(p, 0, ev->events);
                break;
        case KIND_SERVER:
                on_connection(p, 1, ev->events);
                break;
        }
}

static void free_connections(void)
{
        for (struct connection *c = proxy.connections, *next; c != NULL; c = next) {
                next = c->next;
                if (!c->dead)
                        continue;
                if (c->previous != NULL)
                        c->previous->next = next;
                else
                        proxy.connections = next;
                if (next != NULL)
                        next->previous = c->previous;
                free(c);
        }
}

static void free_cells(void)
{
        for (struct cell **at = &proxy.cells; *at != NULL;) {
                struct cell *cell = *at;

                if (is_closed(cell) && cell->connections == 0) {
                        *at = cell->next;
                        free(cell);
                } else {
                        at = &cell->next;
                }
        }
}

/* What is due; returns the milliseconds until the next, -1: nothing is. */
static int tick(void)
{
        const double t = now();
        double next = proxy.quitting ? proxy.quit_at : t + 3600;

        for (struct connection *c = proxy.connections; c != NULL; c = c->next) {
                if (!c->dead && is_closed(c->cell) && t >= c->cell->deadline)
                        end(c, 1);
                if (!c->dead && c->retry > 0 && t >= c->retry)
                        try_connect(c);
                if (!c->dead && is_closed(c->cell) && c->cell->deadline < next)
                        next = c->cell->deadline;
                if (!c->dead && c->retry > 0 && c->retry < next)
                        next = c->retry;
        }
        free_connections();
        free_cells();
        return next > t ? (int)((next - t) * 1000) + 1 : 0;
}

/* Half of the descriptors for connections, two each; the other half is for listeners. */
static void limit_connections(void)
{
        struct rlimit lim;

        proxy.max_connections = MAX_CONNECTIONS;
        if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur / 4 < MAX_CONNECTIONS)
                proxy.max_connections = (unsigned)lim.rlim_cur / 4;
}

void proxy_main(int socket, const struct service *services, size_t n)
{
        struct epoll_event ev = {.events = EPOLLIN, .data.u64 = KIND_REQUESTS};
        struct error err;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)prctl(PR_SET_NAME, "tach-services");
        proxy.socket = socket;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || fds_keep_only(&proxy.socket, 1, &err) < 0)
                _exit(1);
        proxy.services = services;
        proxy.n = n;
        limit_connections();
        proxy.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (proxy.epoll_fd < 0 || epoll_ctl(proxy.epoll_fd, EPOLL_CTL_ADD, socket, &ev) < 0)
                _exit(1);
        for (;;) {
                struct epoll_event events[64];
                int got = epoll_wait(proxy.epoll_fd, events, 64, tick());

                if (got < 0 && errno != EINTR)
                        _exit(1);
                for (int i = 0; i < got; i++)
                        on_event(&events[i]);
                if (proxy.quitting && (proxy.connections == NULL || now() >= proxy.quit_at))
                        _exit(0);
        }
}
