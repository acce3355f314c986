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
        free(s->carriers);
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

int snapshot_offer(struct snapshot *s, const struct unit *unit, long long from, long long to, long long first)
{
        if (s->phase != SNAPSHOT_SETTING_UP || to <= from || to > (long long)unit->n_entries)
                return -EPROTO;
        if (s->ask.item >= 0 ? from != (long long)s->from || to != (long long)s->to
                             : from != (long long)s->to)
                return -EPROTO;
        if (first != -1 && (first < from || first >= to || s->ask.item >= 0))
                return -EPROTO;
        if (s->ask.item < 0) {
                s->first = first >= 0 ? (size_t)first : 0;
                s->first_state = first >= 0 ? SNAPSHOT_FIRST_IS_NEXT : SNAPSHOT_NO_FIRST;
        }
        s->phase = SNAPSHOT_OFFERING;
        s->ask.item = -1;
        s->from = (size_t)from;
        s->to = (size_t)to;
        return 0;
}

/* The entry number AT, if it is not finished. */
static int part_of(const struct suite *suite, uint32_t unit, size_t at, struct part *ret)
{
        const struct unit *u = &suite->units[unit];
        const struct entry *e = &u->entries[at];

        if (e->unit >= 0)
                return suite_part(suite, (uint32_t)e->unit, ret);
        *ret = (struct part){.unit = unit, .from = e->at, .to = e->at + 1};
        return !suite->items[u->items[e->at]].finished;
}

static int is_first(const struct snapshot *s, const struct suite *suite, uint32_t unit,
                    const struct part *part)
{
        struct part first;

        return part_of(suite, unit, s->first, &first) && first.unit == part->unit && first.from == part->from;
}

int snapshot_next(struct snapshot *s, const struct suite *suite, uint32_t unit, struct part *ret)
{
        if (s->phase != SNAPSHOT_OFFERING)
                return 0;
        if (s->n_again > 0) {
                *ret = s->again[--s->n_again];
                /* it has asked, and may ask again: the others wait until it has run to its end */
                if (s->first_state == SNAPSHOT_FIRST_RAN && is_first(s, suite, unit, ret))
                        s->first_state = SNAPSHOT_FIRST_RUNS;
                return 1;
        }
        if (s->first_state == SNAPSHOT_FIRST_IS_NEXT) {
                s->first_state = SNAPSHOT_FIRST_RUNS;
                if (part_of(suite, unit, s->first, ret))
                        return 1;
                s->first_state = SNAPSHOT_FIRST_RAN;
        }
        for (; s->next < s->to; s->next++) {
                if (s->first_state != SNAPSHOT_NO_FIRST && s->next == s->first)
                        continue;
                if (part_of(suite, unit, s->next, ret)) {
                        s->next++;
                        return 1;
                }
        }
        return 0;
}

int snapshot_peek(const struct snapshot *s, const struct suite *suite, uint32_t unit, struct part *ret)
{
        size_t at = s->next;

        if (s->phase != SNAPSHOT_OFFERING)
                return 0;
        if (s->n_again > 0) {
                *ret = s->again[s->n_again - 1];
                return 1;
        }
        if (s->first_state == SNAPSHOT_FIRST_IS_NEXT && part_of(suite, unit, s->first, ret))
                return 1;
        for (; at < s->to; at++)
                if ((s->first_state == SNAPSHOT_NO_FIRST || at != s->first) && part_of(suite, unit, at, ret))
                        return 1;
        return 0;
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
        const int is_cloned = s->first_state == SNAPSHOT_FIRST_RUNS || s->first_state == SNAPSHOT_FIRST_RAN;

        if (s->phase != SNAPSHOT_OFFERING)
                return 0;
        return s->n_again + (s->to - s->next) - (is_cloned && s->next <= s->first);
}

int snapshot_carry(struct snapshot *s, const struct suite *suite, long long item)
{
        if (item < 0 || item >= (long long)suite->n_items || s->n_carriers > 2 * suite->n_items)
                return 0; /* it is hostile */
        if (s->n_carriers == s->carriers_capacity) {
                size_t capacity = s->carriers_capacity * 2 + 8;
                uint32_t *grown = reallocarray(s->carriers, capacity, sizeof *grown);

                if (grown == NULL)
                        return -ENOMEM;
                s->carriers = grown;
                s->carriers_capacity = capacity;
        }
        s->carriers[s->n_carriers++] = (uint32_t)item;
        return 0;
}

int snapshot_is_told(const struct snapshot *s, const struct suite *suite)
{
        for (size_t i = 0; i < s->n_carriers; i++)
                if (suite->items[s->carriers[i]].finished)
                        return 1;
        return 0;
}
