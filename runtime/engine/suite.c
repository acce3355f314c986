/* How it works: units and items come numbered from 0 and in order, which is checked, not trusted. */
#include "runtime/engine/suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"

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

static char *copy_text(yajl_val packet, const char *key)
{
        const char *text = json_text(packet, key);

        return strdup(text != NULL ? text : "");
}

static int take_unit(struct suite *s, yajl_val packet)
{
        const char *isolation = json_text(packet, "isolation");
        struct unit *u;

        if (json_int(packet, "u", -1) != (long long)s->n_units || s->n_units >= SUITE_MAX_ITEMS ||
            isolation == NULL)
                return -EPROTO;
        if (grow(&s->units, s->n_units, &s->units_capacity, sizeof *s->units) < 0)
                return -ENOMEM;
        u = &s->units[s->n_units];
        *u = (struct unit){.why = copy_text(packet, "why")};
        (void)snprintf(u->isolation, sizeof u->isolation, "%s", isolation);
        s->n_units++;
        return u->why != NULL ? 0 : -ENOMEM;
}

static int take_item(struct suite *s, yajl_val packet)
{
        long long unit = json_int(packet, "u", -1);
        struct item *item;
        struct unit *u;

        if (json_int(packet, "i", -1) != (long long)s->n_items || unit < 0 || unit >= (long long)s->n_units ||
            s->n_items >= SUITE_MAX_ITEMS)
                return -EPROTO;
        u = &s->units[unit];
        if (grow(&s->items, s->n_items, &s->items_capacity, sizeof *s->items) < 0 ||
            grow(&u->items, u->n, &u->capacity, sizeof *u->items) < 0)
                return -ENOMEM;
        item = &s->items[s->n_items];
        *item = (struct item){.nodeid = copy_text(packet, "nodeid"),
                              .file = copy_text(packet, "file"),
                              .line = json_int(packet, "line", 0),
                              .unit = (uint32_t)unit};
        u->items[u->n++] = (uint32_t)s->n_items++;
        return item->nodeid != NULL && item->file != NULL ? 0 : -ENOMEM;
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
                s->exit = (int)json_int(packet, "exit", 3);
                free(s->text);
                s->text = copy_text(packet, "text");
                s->last = packet;
                *ret_kept = 1;
                return s->exit == 0 && json_int(packet, "n", -1) != (long long)s->n_items ? -EPROTO : 1;
        }
        return -EPROTO;
}

int suite_next(struct suite *s, struct part *ret)
{
        if (s->n_again > 0) {
                *ret = s->again[--s->n_again];
                return 1;
        }
        while (s->next_unit < s->n_units && s->units[s->next_unit].n == 0)
                s->next_unit++;
        if (s->next_unit == s->n_units)
                return 0;
        *ret = (struct part){.unit = (uint32_t)s->next_unit++};
        return 1;
}

size_t suite_left(const struct suite *s)
{
        return s->n_again + (s->n_units - s->next_unit);
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
        }
        for (size_t i = 0; i < s->n_units; i++) {
                free(s->units[i].why);
                free(s->units[i].items);
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
