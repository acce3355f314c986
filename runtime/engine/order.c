/* How it works: modules are runs of items whose node ids have the same part before "::". */
#include "runtime/engine/order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t module_length(const char *nodeid)
{
        const char *end = strstr(nodeid, "::");

        return end != NULL ? (size_t)(end - nodeid) : strlen(nodeid);
}

static int same_module(const char *a, const char *b)
{
        size_t n = module_length(a);

        return n == module_length(b) && strncmp(a, b, n) == 0;
}

int order_begin(struct order *o, const struct suite *suite)
{
        o->v = calloc(suite->n_items + 1, sizeof *o->v);
        o->of_item = calloc(suite->n_items + 1, sizeof *o->of_item);
        if (o->v == NULL || o->of_item == NULL)
                return -ENOMEM;
        for (uint32_t i = 0; i < suite->n_items; i++) {
                if (i == 0 || !same_module(suite->items[i - 1].nodeid, suite->items[i].nodeid))
                        o->v[o->n++].first = i;
                o->of_item[i] = (uint32_t)(o->n - 1);
                o->v[o->n - 1].n++;
                o->v[o->n - 1].left++;
        }
        return 0;
}

int order_ended(struct order *o, const struct suite *suite, struct verdict *v, struct part *ret_part)
{
        struct order_module *m;
        int kept = 0;

        *ret_part = (struct part){0};
        if (o->v == NULL)
                return 0;
        m = &o->v[o->of_item[v->item]];
        m->left -= m->left > 0;
        if (v->result.failed > 0 && !v->has_death && strcmp(v->isolation, "test") == 0 &&
            v->item != m->first) {
                if (m->failed == NULL)
                        m->failed = calloc(m->n, sizeof(*m->failed));
                if (m->failed == NULL)
                        return -ENOMEM;
                m->failed[m->n_failed++] = v;
                kept = 1;
        }
        if (m->left == 0 && m->n_failed > 0)
                *ret_part =
                    (struct part){.unit = suite->items[m->first].unit, .from = m->first, .is_order = 1};
        return kept;
}

size_t order_items(const struct order *o, const struct suite *suite, const struct part *part, uint32_t *items)
{
        const struct order_module *m = &o->v[o->of_item[part->from]];
        uint32_t last = m->first;
        size_t n = 0;

        for (size_t i = 0; i < m->n_failed; i++)
                if (m->failed[i]->item > last)
                        last = m->failed[i]->item;
        for (uint32_t i = m->first; i <= last; i++)
                if (!suite->items[i].died)
                        items[n++] = i;
        return n;
}

int order_passed(struct order *o, const struct suite *suite, uint32_t item)
{
        const struct order_module *m = &o->v[o->of_item[item]];
        const char *nodeid = suite->items[item].nodeid;

        for (size_t i = 0; i < m->n_failed; i++)
                if (m->failed[i]->item == item && m->failed[i]->order == NULL) {
                        m->failed[i]->order = strndup(nodeid, module_length(nodeid));
                        return m->failed[i]->order != NULL ? 0 : -ENOMEM;
                }
        return 0;
}

/* Of the module the verdict whose item comes first. */
static struct verdict *take_first(struct order_module *m)
{
        struct verdict *found;
        size_t first = 0;

        if (m->n_failed == 0)
                return NULL;
        for (size_t i = 1; i < m->n_failed; i++)
                if (m->failed[i]->item < m->failed[first]->item)
                        first = i;
        found = m->failed[first];
        m->failed[first] = m->failed[--m->n_failed];
        return found;
}

struct verdict *order_take(struct order *o, long item)
{
        if (item >= 0)
                return o->v != NULL ? take_first(&o->v[o->of_item[item]]) : NULL;
        for (size_t i = 0; i < o->n; i++)
                if (o->v[i].n_failed > 0)
                        return take_first(&o->v[i]);
        return NULL;
}

void order_finish(struct order *o)
{
        for (size_t i = 0; i < o->n; i++) {
                for (size_t k = 0; k < o->v[i].n_failed; k++)
                        verdict_free(o->v[i].failed[k]);
                free(o->v[i].failed);
        }
        free(o->v);
        free(o->of_item);
        *o = (struct order){0};
}
