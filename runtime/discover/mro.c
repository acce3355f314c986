/* How it works: C3, as Python orders the bases of a class; bases whose source is not read are left out and
 * remembered by name. */
#include "runtime/discover/module.h"

#include <string.h>

#include "runtime/discover/resolve.h"

/* docs.python.org/3/howto/mro.html: merges the orders of the bases and the list of bases. */
static void merge(const struct module *m, struct class_def *c, struct class_def ***lists, size_t *lengths,
                  size_t n)
{
        for (;;) {
                struct class_def *next = NULL;

                for (size_t i = 0; i < n && next == NULL; i++) {
                        bool in_tail = false;

                        if (lengths[i] == 0)
                                continue;
                        for (size_t k = 0; k < n && !in_tail; k++)
                                for (size_t j = 1; j < lengths[k] && !in_tail; j++)
                                        in_tail = lists[k][j] == lists[i][0];
                        if (!in_tail)
                                next = lists[i][0];
                }
                if (next == NULL) /* at the end, or no consistent order: Python would refuse the class */
                        return;
                c->mro =
                    arena_grow(m->own, c->mro, c->n_mro * sizeof(void *), (c->n_mro + 1) * sizeof(void *));
                if (c->mro == NULL) {
                        c->n_mro = 0;
                        return;
                }
                c->mro[c->n_mro++] = next;
                for (size_t i = 0; i < n; i++)
                        if (lengths[i] > 0 && lists[i][0] == next) {
                                lists[i]++;
                                lengths[i]--;
                        }
        }
}

static void add_foreign(struct class_def *c, const char *name)
{
        struct arena *own = c->scope.module->own;
        const char **v =
            arena_grow(own, c->foreign, c->n_foreign * sizeof *v, (c->n_foreign + 1) * sizeof *v);

        if (v == NULL)
                return;
        v[c->n_foreign] = arena_strn(own, name, strlen(name));
        c->foreign = v;
        if (v[c->n_foreign] != NULL)
                c->n_foreign++;
}

/* What C inherits of what is not known. */
static void inherit_gaps(struct class_def *c, const struct class_def *base)
{
        for (size_t i = 0; i < base->n_foreign; i++)
                add_foreign(c, base->foreign[i]);
        if (c->unknown_base == NULL)
                c->unknown_base = base->unknown_base;
}

/* The class that the base NODE is; else its name is noted. */
static struct class_def *base_of(struct class_def *c, struct node node)
{
        const struct module *m = c->scope.module;
        struct entity e;

        if (node_is(node, "subscript")) /* Generic[T] */
                node = node_field(node, "value");
        e = c->before != NULL && node_is(node, "identifier") && strcmp(node_text(m, node), c->name) == 0
                ? resolve_binding(c->scope.outer, c->before)
                : resolve_node(c->scope.outer, node);
        if (e.kind == ENTITY_BINDING && e.binding->kind == BINDING_CLASS)
                return e.binding->class_def;
        if (e.kind == ENTITY_FOREIGN && e.dotted != NULL) {
                add_foreign(c, e.dotted);
        } else {
                const char *text = node_quote(m, node);

                if (e.dotted != NULL)
                        add_foreign(c, e.dotted);
                c->unknown_base = arena_strn(m->own, text, strlen(text));
        }
        return NULL;
}

void module_mro(const struct module *module, struct class_def *c)
{
        size_t n = c->bases.n + 1, *lengths, n_direct = 0;
        struct class_def ***lists, **direct;
        const struct module *m = c->scope.module;

        (void)module;
        if (c->n_mro > 0 || c->mro_busy)
                return;
        lists = arena_get(m->arena, n * sizeof *lists);
        direct = arena_get(m->arena, n * sizeof *direct);
        lengths = arena_get(m->arena, n * sizeof *lengths);
        c->mro_busy = true;
        c->mro = arena_get(m->own, sizeof *c->mro);
        if (lists == NULL || direct == NULL || lengths == NULL || c->mro == NULL)
                return;
        c->mro[c->n_mro++] = c;
        for (size_t i = 0; i < c->bases.n; i++) {
                struct class_def *base = base_of(c, c->bases.v[i]);

                if (base == NULL || base == c || base->mro_busy)
                        continue;
                module_mro(m, base);
                inherit_gaps(c, base);
                lists[n_direct] = base->mro;
                lengths[n_direct] = base->n_mro;
                direct[n_direct++] = base;
        }
        lists[n_direct] = direct;
        lengths[n_direct] = n_direct;
        merge(m, c, lists, lengths, n_direct + 1);
        c->mro_busy = false;
}

void module_mro_of(struct class_def *c, struct class_def **bases, size_t n, const char **foreign,
                   size_t n_foreign)
{
        const struct module *m = c->scope.module;
        struct class_def ***lists = arena_get(m->arena, (n + 1) * sizeof *lists);
        size_t *lengths = arena_get(m->arena, (n + 1) * sizeof *lengths);

        c->mro = arena_get(m->own, sizeof *c->mro);
        if (lists == NULL || lengths == NULL || c->mro == NULL)
                return;
        c->mro[c->n_mro++] = c;
        for (size_t i = 0; i < n; i++) {
                module_mro(m, bases[i]);
                inherit_gaps(c, bases[i]);
                lists[i] = bases[i]->mro;
                lengths[i] = bases[i]->n_mro;
        }
        for (size_t i = 0; i < n_foreign; i++)
                add_foreign(c, foreign[i]);
        lists[n] = bases;
        lengths[n] = n;
        merge(m, c, lists, lengths, n + 1);
}
