/* How it works: one epoll loop over the engine's requests, the cells' listeners and their connections
 * (relay.h). */
#include "runtime/engine/proxy.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/engine/relay.h"
#include "sandbox/fds.h"

#define ROUNDS          16   /* accepts of one listener before others get their turn */
#define ACCEPTS_A_COUNT 1024 /* a count waits for what came before it, but not for a flood */
#define LINGER_SECONDS  2.0  /* for what a cell that is gone has sent: meanwhile its network stays */
#define QUIT_SECONDS    1.0
#define IDLE_SECONDS    3600.0
#define MAX_CONNECTIONS 16384u

/* The low bits of an event's data, beside RELAY_CLIENT and RELAY_SERVER. */
enum { TAG_REQUESTS = 0, TAG_LISTENER = 1 };

struct cell {
        struct cell *next;
        int name; /* the engine's; free for another once the owner is closed */
        int listeners[SERVICES_MAX];
        struct relay_owner owner;
};

static struct {
        const struct service *services;
        size_t n;
        int socket, epoll_fd;
        struct cell *cells;
        struct relays relays;
        double quit_at; /* 0: not yet */
} proxy;

static void accept_some(struct cell *cell, size_t index, int most)
{
        while (most-- > 0) {
                int client = accept4(cell->listeners[index], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

                if (client < 0)
                        return;
                relay_begin(&proxy.relays, &cell->owner, index, &proxy.services[index], client);
        }
}

static struct cell *find(int name)
{
        struct cell *cell = proxy.cells;

        while (cell != NULL && (cell->owner.closed || cell->name != name))
                cell = cell->next;
        return cell;
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
                                         .data.u64 = (uint64_t)(uintptr_t)&cell->listeners[i] | TAG_LISTENER};

                cell->listeners[i] = fds[i];
                if (epoll_ctl(proxy.epoll_fd, EPOLL_CTL_ADD, fds[i], &ev) < 0)
                        _exit(1);
        }
}

static void close_cell(struct cell *cell, double seconds)
{
        for (size_t i = 0; i < proxy.n; i++) {
                (void)epoll_ctl(proxy.epoll_fd, EPOLL_CTL_DEL, cell->listeners[i], NULL);
                (void)close(cell->listeners[i]);
                cell->listeners[i] = -1;
        }
        cell->owner.closed = 1;
        cell->owner.deadline = relay_now() + seconds;
        relay_owner_closed(&proxy.relays, &cell->owner);
}

static void count(struct cell *cell)
{
        for (size_t i = 0; i < proxy.n; i++)
                accept_some(cell, i, ACCEPTS_A_COUNT);
        if (send(proxy.socket, cell->owner.use, proxy.n * sizeof *cell->owner.use, MSG_NOSIGNAL) < 0)
                _exit(1);
        memset(cell->owner.use, 0, sizeof cell->owner.use);
}

/* The engine is gone, or says that the run is over. */
static void quit(void)
{
        (void)epoll_ctl(proxy.epoll_fd, EPOLL_CTL_DEL, proxy.socket, NULL);
        proxy.quit_at = relay_now() + QUIT_SECONDS;
        for (struct cell *cell = proxy.cells; cell != NULL; cell = cell->next)
                if (!cell->owner.closed)
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

/* An event of the same turn may name a listener that was closed, but none that was freed. */
static void on_listener(uint64_t data)
{
        for (struct cell *cell = proxy.cells; cell != NULL; cell = cell->next)
                for (size_t i = 0; i < proxy.n && !cell->owner.closed; i++)
                        if (((uint64_t)(uintptr_t)&cell->listeners[i] | TAG_LISTENER) == data)
                                accept_some(cell, i, ROUNDS);
}

static void free_cells(void)
{
        for (struct cell **at = &proxy.cells; *at != NULL;) {
                struct cell *cell = *at;

                if (cell->owner.closed && cell->owner.connections == 0) {
                        *at = cell->next;
                        free(cell);
                } else {
                        at = &cell->next;
                }
        }
}

/* Milliseconds until something is due. */
static int tick(void)
{
        const double t = relay_now();
        const double next = relay_tick(&proxy.relays, proxy.quit_at > 0 ? proxy.quit_at : t + IDLE_SECONDS);

        free_cells();
        return next > t ? (int)((next - t) * 1000) + 1 : 0;
}

/* Half of the descriptors for connections, two each; the other half is for listeners. */
static unsigned most_connections(void)
{
        struct rlimit lim;

        return getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur / 4 < MAX_CONNECTIONS
                   ? (unsigned)lim.rlim_cur / 4
                   : MAX_CONNECTIONS;
}

void proxy_main(int socket, const struct service *services, size_t n)
{
        struct epoll_event ev = {.events = EPOLLIN, .data.u64 = TAG_REQUESTS};
        struct error err;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)prctl(PR_SET_NAME, "tach-services");
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || fds_keep_only(&socket, 1, &err) < 0)
                _exit(1);
        proxy.services = services;
        proxy.n = n;
        proxy.socket = socket;
        proxy.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        proxy.relays = (struct relays){.epoll_fd = proxy.epoll_fd, .max = most_connections()};
        if (proxy.epoll_fd < 0 || epoll_ctl(proxy.epoll_fd, EPOLL_CTL_ADD, socket, &ev) < 0)
                _exit(1);
        for (;;) {
                struct epoll_event events[64];
                int got = epoll_wait(proxy.epoll_fd, events, 64, tick());

                if (got < 0 && errno != EINTR)
                        _exit(1);
                for (int i = 0; i < got; i++) {
                        const uint64_t data = events[i].data.u64;

                        if (data == TAG_REQUESTS)
                                on_request();
                        else if ((data & RELAY_TAGS) == TAG_LISTENER)
                                on_listener(data);
                        else
                                relay_event(&proxy.relays, data, events[i].events);
                }
                if (proxy.quit_at > 0 && (proxy.relays.n == 0 || relay_now() >= proxy.quit_at))
                        _exit(0);
        }
}
