/* How it works: units and items come numbered from 0 and in order, which is checked, not trusted. */
#include "runtime/engine/suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/engine/verdict.h"

static int grow(void *array, size_t n, size_t *capacity, size_t size)
{
        void **p = array;
        void *grown;
        size_t wanted = *capacity != 0 ? 2 * *capacity : 64;

        if (n < *capacity)
                return 0;
        grown = reallocarray(*p, wanted, size);
        if (grown == NULL)
                return -ENOMEM;
        *p = grown;
        *capacity = wanted;
        return 0;
}

/* Units in units: more than any suite's classes in packages; each item is in the lists of all of them. */
#define MAX_NESTED 200

static char *copy_text(yajl_val packet, const char *key)
{
        const char *text = json_text(packet, key);

        return strdup(text != NULL ? text : "");
}

static int take_unit(struct suite *s, yajl_val packet)
{
        const char *isolation = json_text(packet, "isolation");
        long long parent = json_int(packet, "parent", -1);
        struct unit *u;

        if (json_int(packet, "u", -1) != (long long)s->n_units || s->n_units >= SUITE_MAX_ITEMS ||
            isolation == NULL || parent < -1 || parent >= (long long)s->n_units ||
            (parent >= 0 && s->units[parent].depth >= MAX_NESTED))
                return -EPROTO;
        if (grow(&s->units, s->n_units, &s->units_capacity, sizeof *s->units) < 0)
                return -ENOMEM;
        u = &s->units[s->n_units];
        *u = (struct unit){.why = copy_text(packet, "why"),
                           .nodeid = copy_text(packet, "nodeid"),
                           .lane = json_text(packet, "lane") != NULL ? copy_text(packet, "lane") : NULL,
                           .last = (uint32_t)json_int(packet, "last", -1),
                           .parent = (long)parent,
                           .depth = parent >= 0 ? s->units[parent].depth + 1 : 0};
        (void)snprintf(u->isolation, sizeof u->isolation, "%s", isolation);
        s->n_units++;
        s->n_roots += parent < 0;
        return u->why != NULL && u->nodeid != NULL ? 0 : -ENOMEM;
}

static int add_item(struct unit *u, uint32_t item)
{
        if (grow(&u->items, u->n, &u->capacity, sizeof *u->items) < 0)
                return -ENOMEM;
        u->items[u->n++] = item;
        return 0;
}

/* The item is the last of U now. INSIDE: the unit in U that it belongs to, or -1. */
static int add_entry(struct suite *s, struct unit *u, long inside)
{
        if (inside >= 0 && s->units[inside].is_entry)
                return 0;
        if (inside >= 0)
                s->units[inside].is_entry = 1;
        if (grow(&u->entries, u->n_entries, &u->entries_capacity, sizeof *u->entries) < 0)
                return -ENOMEM;
        u->entries[u->n_entries++] = (struct entry){.unit = inside, .at = u->n - 1};
        return 0;
}

static int take_item(struct suite *s, yajl_val packet)
{
        long long unit = json_int(packet, "u", -1);
        const uint32_t number = (uint32_t)s->n_items;
        struct item *item;
        long inside = -1;

        if (json_int(packet, "i", -1) != (long long)s->n_items || unit < 0 || unit >= (long long)s->n_units ||
            s->n_items >= SUITE_MAX_ITEMS)
                return -EPROTO;
        if (grow(&s->items, s->n_items, &s->items_capacity, sizeof *s->items) < 0)
                return -ENOMEM;
        item = &s->items[s->n_items++];
        *item = (struct item){.nodeid = copy_text(packet, "nodeid"),
                              .file = copy_text(packet, "file"),
                              .line = json_int(packet, "line", 0),
                              .unit = (uint32_t)unit,
                              .is_spawned = json_true(packet, "spawned")};
        for (long u = (long)unit; u >= 0; inside = u, u = s->units[u].parent) {
                struct unit *at = &s->units[u];

                if (add_item(at, number) < 0 ||
                    (strcmp(at->isolation, "test") != 0 && add_entry(s, at, inside) < 0))
                        return -ENOMEM;
        }
        return item->nodeid != NULL && item->file != NULL ? 0 : -ENOMEM;
}

/* Items that a unit's end is counted to are told when that has come. */
static int wait_for_ends(struct suite *s)
{
        for (size_t i = 0; i < s->n_units; i++) {
                struct unit *u = &s->units[i];

                u->is_over = u->n_entries == 0 || u->lane != NULL;
                if (u->is_over)
                        continue;
                if (u->last >= s->n_items)
                        return -EPROTO;
                s->items[u->last].waits += s->snapshots != 0;
        }
        return 0;
}

int suite_packet(struct suite *s, yajl_val packet, int *ret_kept)
{
        const char *t = json_text(packet, "t");

        *ret_kept = 0;
        if (strcmp(t, "unit") == 0)
                return take_unit(s, packet);
        if (strcmp(t, "item") == 0)
                return take_item(s, packet);
        if (strcmp(t, "header") == 0) {
                free(s->pytest);
                free(s->python);
                s->pytest = copy_text(packet, "pytest");
                s->python = copy_text(packet, "python");
                return 0;
        }
        if (strcmp(t, "collect_report") == 0) {
                if (s->n_reports >= 100000 ||
                    grow(&s->reports, s->n_reports, &s->reports_capacity, sizeof(*s->reports)) < 0)
                        return -ENOMEM;
                s->reports[s->n_reports++] = packet;
                *ret_kept = 1;
                return 0;
        }
        if (strcmp(t, "collected") == 0) {
                s->deselected = (long)json_int(packet, "deselected", 0);
                s->max_fail = json_int(packet, "maxfail", 0);
                s->stepwise = json_int(packet, "stepwise", 0);
                s->exit = (int)json_int(packet, "exit", 3);
                s->instead = json_true(packet, "instead");
                free(s->text);
                s->text = copy_text(packet, "text");
                s->last = packet;
                *ret_kept = 1;
                if (s->exit == 0 && json_int(packet, "n", -1) != (long long)s->n_items)
                        return -EPROTO;
                return wait_for_ends(s) < 0 ? -EPROTO : 1;
        }
        return -EPROTO;
}

int suite_part(const struct suite *s, uint32_t unit, struct part *ret)
{
        const struct unit *u = &s->units[unit];
        size_t from = 0;

        while (from < u->n && s->items[u->items[from]].finished)
                from++;
        *ret = (struct part){.unit = unit,
                             .from = from,
                             .to = u->n,
                             .is_snapshot = s->snapshots && u->n_entries > 0 && u->lane == NULL &&
                                            u->depth < SUITE_MAX_DEPTH};
        return from < u->n;
}

int suite_peek(const struct suite *s, struct part *ret)
{
        if (s->n_again > 0) {
                *ret = s->again[s->n_again - 1];
                return 1;
        }
        for (size_t i = s->next_unit; i < s->n_units; i++)
                if (s->units[i].parent < 0 && suite_part(s, (uint32_t)i, ret))
                        return 1;
        return 0;
}

int suite_next(struct suite *s, struct part *ret)
{
        if (s->n_again > 0) {
                *ret = s->again[--s->n_again];
                return 1;
        }
        while (s->next_unit < s->n_units) {
                const uint32_t unit = (uint32_t)s->next_unit++;

                if (s->units[unit].parent >= 0)
                        continue;
                s->n_taken++;
                if (suite_part(s, unit, ret))
                        return 1;
        }
        return 0;
}

size_t suite_left(const struct suite *s)
{
        return s->n_again + (s->n_roots - s->n_taken);
}

int suite_again(struct suite *s, struct part part)
{
        if (grow(&s->again, s->n_again, &s->again_capacity, sizeof *s->again) < 0)
                return -ENOMEM;
        s->again[s->n_again++] = part;
        return 0;
}

void suite_finish(struct suite *s)
{
        for (size_t i = 0; i < s->n_items; i++) {
                free(s->items[i].nodeid);
                free(s->items[i].file);
                verdict_free(s->items[i].held);
                result_finish(&s->items[i].later);
        }
        for (size_t i = 0; i < s->n_units; i++) {
                free(s->units[i].why);
                free(s->units[i].nodeid);
                free(s->units[i].lane);
                free(s->units[i].items);
                free(s->units[i].entries);
        }
        for (size_t i = 0; i < s->n_reports; i++)
                yajl_tree_free(s->reports[i]);
        free(s->items);
        free(s->units);
        free(s->again);
        free(s->reports);
        free(s->pytest);
        free(s->python);
        free(s->text);
        yajl_tree_free(s->last);
        *s = (struct suite){0};
}
