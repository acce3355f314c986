/* How it works: a table of cells, searched linearly; there are few more of them than workers. */
#include "runtime/engine/pool.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/init.h"

#define ANSWER_SECONDS 2.0

int pool_init(struct pool *p, struct keeper *keeper, struct services *services, struct keep *keep,
              unsigned workers, struct error *err)
{
        /* as many run, as many are leaving, the rest is ready, on its way or asked, or a snapshot's */
        *p = (struct pool){.keeper = keeper,
                           .services = services,
                           .keep = keep,
                           .ahead = workers + 1u,
                           .n = POOL_CELLS(workers)};
        p->v = calloc(p->n, sizeof *p->v);
        if (p->v == NULL) {
                p->n = 0;
                return error_set(err, "run", ENOMEM, "prepare the cells of %u workers", workers);
        }
        for (size_t i = 0; i < p->n; i++)
                p->v[i] = (struct pool_cell){.pidfd = -1, .socket = -1};
        return 0;
}

size_t pool_ready(const struct pool *p, int owner)
{
        size_t n = 0;

        for (size_t i = 0; i < p->n; i++)
                n += p->v[i].state == POOL_READY && p->v[i].owner == owner;
        return n;
}

size_t pool_near(const struct pool *p, int owner)
{
        size_t n = 0;

        for (size_t i = 0; i < p->n; i++)
                n += (p->v[i].state == POOL_READY || p->v[i].state == POOL_ASKED) && p->v[i].owner == owner;
        return n;
}

size_t pool_room(const struct pool *p)
{
        size_t n = 0;

        for (size_t i = 0; i < p->n; i++)
                n += p->v[i].state == POOL_NONE;
        return n;
}

int pool_fill(struct pool *p, size_t wanted, struct error *err)
{
        if (wanted > p->ahead)
                wanted = p->ahead;
        while (pool_near(p, -1) + p->coming < wanted && pool_room(p) > p->coming) {
                int r = keeper_ask_cell(p->keeper);

                if (r == -EAGAIN || r == -EPIPE) /* later; and that it is gone is told elsewhere */
                        break;
                if (r < 0)
                        return error_set(err, "keeper", r, "ask for a cell");
                p->coming++;
        }
        return 0;
}

int pool_add(struct pool *p, int owner, int pidfd, int socket)
{
        size_t i = 0;

        while (i < p->n && p->v[i].state != POOL_NONE)
                i++;
        if (i == p->n || (owner < 0 && p->coming == 0) || pidfd < 0)
                return -1;
        p->coming -= owner < 0;
        p->made++;
        p->v[i] = (struct pool_cell){.state = POOL_READY, .pidfd = pidfd, .socket = socket, .owner = owner};
        return (int)i;
}

int pool_take(struct pool *p, int owner)
{
        for (size_t i = 0; i < p->n; i++)
                if (p->v[i].state == POOL_READY && p->v[i].owner == owner) {
                        p->v[i].state = POOL_TAKEN;
                        p->reused += p->v[i].uses++ > 0;
                        return (int)i;
                }
        return -1;
}

static void end(struct pool *p, int index, enum dirt why)
{
        struct pool_cell *c = &p->v[index];

        p->asked -= c->state == POOL_ASKED;
        p->thrown_away[why]++;
        (void)syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0);
        services_close(p->services, index);
        keep_end(p->keep, index, c->pidfd);
        (void)close(c->pidfd);
        if (c->socket >= 0)
                (void)close(c->socket);
        *c = (struct pool_cell){.pidfd = -1, .socket = -1};
}

void pool_discard(struct pool *p, int index, enum dirt why)
{
        if (p->v[index].state != POOL_NONE)
                end(p, index, why);
}

void pool_disown(struct pool *p, int owner, int all)
{
        for (size_t i = 0; i < p->n; i++)
                if (p->v[i].owner == owner &&
                    (p->v[i].state == POOL_READY || (all && p->v[i].state != POOL_NONE)))
                        end(p, (int)i, DIRT_NONE);
}

void pool_give_back(struct pool *p, int index, double now)
{
        struct pool_cell *c = &p->v[index];

        c->stale += c->state == POOL_PROVING;
        if (c->socket < 0 ||
            send(c->socket, (const char[]){INIT_CHECK}, 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1) {
                end(p, index, DIRT_NONE);
                return;
        }
        c->state = POOL_ASKED;
        c->due = now + ANSWER_SECONDS;
        p->asked++;
}

int pool_prove(struct pool *p, int index)
{
        struct pool_cell *c = &p->v[index];

        if (c->socket < 0 || send(c->socket, (const char[]){INIT_PROVE}, 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
                return -EPIPE;
        c->state = POOL_PROVING;
        return 0;
}

int pool_proved(struct pool *p, int index, enum dirt *ret)
{
        struct pool_cell *c = &p->v[index];
        unsigned char dirt = DIRT_UNKNOWN;
        ssize_t n = recv(c->socket, &dirt, 1, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        *ret = n == 1 && dirt < DIRT_N ? (enum dirt)dirt : DIRT_UNKNOWN;
        c->state = POOL_TAKEN;
        if (n != 1) { /* it is gone */
                (void)close(c->socket);
                c->socket = -1;
        }
        if (*ret == DIRT_NONE)
                keep_clean(p->keep, index);
        return 1;
}

void pool_expire(struct pool *p, double now)
{
        for (size_t i = 0; p->asked > 0 && i < p->n; i++)
                if (p->v[i].state == POOL_ASKED && now >= p->v[i].due)
                        end(p, (int)i, DIRT_UNKNOWN);
}

int pool_answer(struct pool *p, int index)
{
        struct pool_cell *c = &p->v[index];
        unsigned char dirt = DIRT_UNKNOWN;
        ssize_t n = c->socket < 0 ? -1 : recv(c->socket, &dirt, 1, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n == 1 && c->stale > 0) {
                c->stale--;
                return 0;
        }
        if (n == 1 && dirt == DIRT_NONE && c->state == POOL_ASKED) {
                c->state = POOL_READY;
                p->asked--;
                keep_clean(p->keep, index);
                return 1;
        }
        if (c->state != POOL_TAKEN)
                end(p, index, n == 1 && dirt != DIRT_NONE && dirt < DIRT_N ? (enum dirt)dirt : DIRT_UNKNOWN);
        else { /* it speaks unasked, or is gone under a test, whose end is told elsewhere */
                (void)close(c->socket);
                c->socket = -1;
        }
        return 0;
}

void pool_finish(struct pool *p)
{
        for (size_t i = 0; i < p->n; i++) {
                if (p->v[i].pidfd >= 0)
                        (void)close(p->v[i].pidfd);
                if (p->v[i].socket >= 0)
                        (void)close(p->v[i].socket);
        }
        free(p->v);
        *p = (struct pool){0};
}
