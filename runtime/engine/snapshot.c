/* How it works: entries are numbers that only grow; what was finished before is passed over. */
#include "runtime/engine/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct snapshot *snapshot_new(size_t first)
{
        struct snapshot *s = calloc(1, sizeof *s);

        if (s != NULL) {
                s->control = -1;
                s->from = s->next = s->to = first;
                s->ask.item = -1;
                memset(s->received, -1, sizeof s->received);
        }
        return s;
}

void snapshot_free(struct snapshot *s)
{
        if (s == NULL)
                return;
        if (s->control >= 0)
                (void)close(s->control);
        for (size_t i = 0; i < SERVICES_MAX; i++)
                if (s->received[i] >= 0)
                        (void)close(s->received[i]);
        keep_close(&s->layers);
        free(s->again);
        free(s);
}

static int holds(const struct suite *suite, long unit, uint32_t item)
{
        for (long u = suite->items[item].unit; u >= 0; u = suite->units[u].parent)
                if (u == unit)
                        return 1;
        return 0;
}

size_t snapshot_entry(const struct suite *suite, uint32_t unit, size_t at)
{
        const struct unit *u = &suite->units[unit];
        size_t i = 0;

        while (i + 1 < u->n_entries &&
               (u->entries[i].unit < 0 ? u->entries[i].at != at
                                       : !holds(suite, u->entries[i].unit, u->items[at])))
                i++;
        return i;
}

int snapshot_offer(struct snapshot *s, const struct unit *unit, long long from, long long to)
{
        if (s->phase != SNAPSHOT_SETTING_UP || to <= from || to > (long long)unit->n_entries)
                return -EPROTO;
        if (s->ask.item >= 0 ? from != (long long)s->from || to != (long long)s->to
                             : from != (long long)s->to)
                return -EPROTO;
        s->phase = SNAPSHOT_OFFERING;
        s->ask.item = -1;
        s->from = (size_t)from;
        s->to = (size_t)to;
        return 0;
}

int snapshot_next(struct snapshot *s, const struct suite *suite, uint32_t unit, struct part *ret)
{
        const struct unit *u = &suite->units[unit];

        if (s->phase != SNAPSHOT_OFFERING)
                return 0;
        if (s->n_again > 0) {
                *ret = s->again[--s->n_again];
                return 1;
        }
        while (s->next < s->to) {
                const struct entry *e = &u->entries[s->next++];

                if (e->unit >= 0 && suite_part(suite, (uint32_t)e->unit, ret))
                        return 1;
                if (e->unit < 0 && !suite->items[u->items[e->at]].finished) {
                        *ret = (struct part){.unit = unit, .from = e->at, .to = e->at + 1};
                        return 1;
                }
        }
        return 0;
}

int snapshot_is_snapshot_next(const struct snapshot *s, const struct suite *suite, uint32_t unit)
{
        const struct unit *u = &suite->units[unit];
        struct part part;

        if (s->n_again > 0)
                return s->again[s->n_again - 1].is_snapshot;
        return s->next < s->to && u->entries[s->next].unit >= 0 &&
               suite_part(suite, (uint32_t)u->entries[s->next].unit, &part) && part.is_snapshot;
}

int snapshot_again(struct snapshot *s, struct part part)
{
        if (s->n_again == s->again_capacity) {
                size_t capacity = s->again_capacity * 2 + 8;
                struct part *grown = reallocarray(s->again, capacity, sizeof *grown);

                if (grown == NULL)
                        return -ENOMEM;
                s->again = grown;
                s->again_capacity = capacity;
        }
        s->again[s->n_again++] = part;
        return 0;
}

size_t snapshot_left(const struct snapshot *s)
{
        return s->phase == SNAPSHOT_OFFERING ? s->n_again + (s->to - s->next) : 0;
}
