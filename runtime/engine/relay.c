/* How it works: a connection is two sockets and a way in each direction; what the far side does not take yet
 * is kept (one read's worth), and nothing more is read until it has: that is all the buffering there is. Only
 * the side that matters is watched, so a slow or dead peer costs no time. */
#include "runtime/engine/relay.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define CHUNK           65536
#define ROUNDS          16   /* reads of one connection before others get their turn */
#define RETRY_SECONDS   0.02 /* a Unix socket whose backlog is full */
#define CONNECT_SECONDS 5.0

/* From fd[i] to fd[1 - i]. */
struct way {
        char *kept;
        size_t from, to; /* what is left of KEPT */
        int ended;       /* nothing more comes */
        int shut;        /* and the far side knows */
};

struct relay {
        struct relay *next, *previous;
        struct relay_owner *owner;
        const struct service *service;
        size_t index;
        int fd[2]; /* the cell's, the service's */
        uint32_t watched[2];
        int gone[2]; /* hung up: no longer watched */
        int connecting;
        double retry, give_up; /* RETRY 0: the kernel tells */
        struct way way[2];
        int dead; /* freed in the next tick */
};

double relay_now(void)
{
        struct timespec ts;

        (void)clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void failed(struct relay_owner *owner, size_t index, int why)
{
        struct service_use *use = &owner->use[index];

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

static void end(struct relays *all, struct relay *c, int hard)
{
        if (c->dead)
                return;
        c->dead = 1;
        for (int i = 0; i < 2; i++) {
                hard ? close_hard(c->fd[i]) : (void)close(c->fd[i]);
                free(c->way[i].kept);
                c->way[i].kept = NULL;
        }
        c->owner->connections--;
        all->n--;
}

static void watch(struct relays *all, struct relay *c, int i, uint32_t events)
{
        struct epoll_event ev = {.events = events,
                                 .data.u64 = (uint64_t)(uintptr_t)c | (i == 0 ? RELAY_CLIENT : RELAY_SERVER)};

        if (c->gone[i] || c->watched[i] == events)
                return;
        c->watched[i] = events;
        if (epoll_ctl(all->epoll_fd, EPOLL_CTL_MOD, c->fd[i], &ev) < 0 &&
            (errno != ENOENT || epoll_ctl(all->epoll_fd, EPOLL_CTL_ADD, c->fd[i], &ev) < 0))
                end(all, c, 1);
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
static int pump(struct relay *c, int i)
{
        static char chunk[CHUNK];
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
                n = recv(from, chunk, sizeof chunk, MSG_DONTWAIT);
                if (n < 0 && (errno == EAGAIN || errno == EINTR) && !c->gone[i])
                        return 0;
                if (n < 0 && errno != EAGAIN)
                        return -1;
                if (n <= 0)
                        w->ended = 1;
                else if (deliver(w, to, chunk, (size_t)n) < 0)
                        drop_way(w);
        }
        return 0;
}

/* Nothing is left to pass on, or nobody is left to pass it on to. */
static int is_over(const struct relay *c)
{
        if (c->way[0].shut && (c->way[1].shut || c->owner->closed || c->gone[0]))
                return 1;
        return c->way[1].shut && c->gone[1];
}

static void serve(struct relays *all, struct relay *c)
{
        if (pump(c, 0) < 0 || pump(c, 1) < 0) {
                end(all, c, 1);
                return;
        }
        if (is_over(c)) {
                end(all, c, 0);
                return;
        }
        for (int i = 0; i < 2 && !c->dead; i++) {
                const int reads = c->way[i].kept == NULL && !c->way[i].ended;
                const int writes = c->way[1 - i].kept != NULL;

                watch(all, c, i, (reads ? EPOLLIN : 0u) | (writes ? EPOLLOUT : 0u));
        }
}

static void refuse(struct relays *all, struct relay *c, int why)
{
        failed(c->owner, c->index, why);
        end(all, c, 1);
}

static void connected(struct relays *all, struct relay *c)
{
        const int one = 1;

        c->connecting = 0;
        for (int i = 0; i < 2; i++)
                (void)setsockopt(c->fd[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        serve(all, c);
}

static void try_connect(struct relays *all, struct relay *c)
{
        c->retry = 0;
        if (connect(c->fd[1], &c->service->address.any, c->service->length) == 0)
                connected(all, c);
        else if (errno == EINPROGRESS)
                watch(all, c, 1, EPOLLOUT);
        else if (errno == EAGAIN && relay_now() < c->give_up)
                c->retry = relay_now() + RETRY_SECONDS;
        else
                refuse(all, c, errno);
}

/* The kernel has an answer. */
static void finish_connect(struct relays *all, struct relay *c)
{
        int why = 0;
        socklen_t n = sizeof why;

        if (getsockopt(c->fd[1], SOL_SOCKET, SO_ERROR, &why, &n) < 0)
                why = errno;
        why == 0 ? connected(all, c) : refuse(all, c, why);
}

void relay_begin(struct relays *all, struct relay_owner *owner, size_t index, const struct service *s,
                 int client)
{
        struct relay *c = NULL;
        int server = -1, why = PROXY_TOO_MANY;

        owner->use[index].connections++;
        if (owner->connections < PROXY_MAX_CONNECTIONS && all->n < all->max) {
                c = calloc(1, sizeof *c);
                server = c != NULL
                             ? socket(s->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)
                             : -1;
                why = errno;
        }
        if (server < 0) {
                failed(owner, index, why);
                close_hard(client);
                free(c);
                return;
        }
        *c = (struct relay){.next = all->first,
                            .owner = owner,
                            .service = s,
                            .index = index,
                            .fd = {client, server},
                            .connecting = 1,
                            .give_up = relay_now() + CONNECT_SECONDS};
        if (c->next != NULL)
                c->next->previous = c;
        all->first = c;
        owner->connections++;
        all->n++;
        try_connect(all, c);
}

void relay_event(struct relays *all, uint64_t data, uint32_t events)
{
        struct relay *c = (void *)(uintptr_t)(data & ~(uint64_t)RELAY_TAGS); // NOLINT
        const int side = (data & RELAY_TAGS) == RELAY_SERVER;

        if (c->dead)
                return;
        if (c->connecting) {
                finish_connect(all, c);
                return;
        }
        if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
                /* told again and again, whatever is asked for; what it sent can still be read */
                (void)epoll_ctl(all->epoll_fd, EPOLL_CTL_DEL, c->fd[side], NULL);
                c->gone[side] = 1;
        }
        serve(all, c);
}

void relay_owner_closed(struct relays *all, const struct relay_owner *owner)
{
        for (struct relay *c = all->first; c != NULL; c = c->next)
                if (c->owner == owner && !c->dead && !c->connecting)
                        serve(all, c);
}

static void free_dead(struct relays *all)
{
        for (struct relay *c = all->first, *next; c != NULL; c = next) {
                next = c->next;
                if (!c->dead)
                        continue;
                if (c->previous != NULL)
                        c->previous->next = next;
                else
                        all->first = next;
                if (next != NULL)
                        next->previous = c->previous;
                free(c);
        }
}

double relay_tick(struct relays *all, double next)
{
        const double t = relay_now();

        for (struct relay *c = all->first; c != NULL; c = c->next) {
                if (!c->dead && c->owner->closed && t >= c->owner->deadline)
                        end(all, c, 1);
                if (!c->dead && c->retry > 0 && t >= c->retry)
                        try_connect(all, c);
                if (!c->dead && c->owner->closed && c->owner->deadline < next)
                        next = c->owner->deadline;
                if (!c->dead && c->retry > 0 && c->retry < next)
                        next = c->retry;
        }
        free_dead(all);
        return next;
}
