/* How it works: C3, as Python orders the bases of a class; bases that the file does not define are left out.
 */
#include "runtime/discover/module.h"

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
                    arena_grow(m->arena, c->mro, c->n_mro * sizeof(void *), (c->n_mro + 1) * sizeof(void *));
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

void module_mro(const struct module *module, struct class_def *c)
{
        size_t n = c->bases.n + 1;
        struct class_def ***lists = arena_get(module->arena, n * sizeof *lists);
        struct class_def **direct = arena_get(module->arena, n * sizeof *direct);
        size_t *lengths = arena_get(module->arena, n * sizeof *lengths), n_direct = 0;

        if (c->n_mro > 0 || c->mro_busy)
                return;
        c->mro_busy = true;
        c->mro = arena_get(module->arena, sizeof *c->mro);
        if (lists == NULL || direct == NULL || lengths == NULL || c->mro == NULL)
                return;
        c->mro[c->n_mro++] = c;
        for (size_t i = 0; i < c->bases.n; i++) {
                struct binding *b =
                    node_is(c->bases.v[i], "identifier")
                        ? module_resolve(module, c->scope.outer, node_text(module, c->bases.v[i]))
                        : NULL;

                if (b == NULL || b->kind != BINDING_CLASS || b->class_def == c || b->class_def->mro_busy)
                        continue;
                module_mro(module, b->class_def);
                lists[n_direct] = b->class_def->mro;
                lengths[n_direct] = b->class_def->n_mro;
                direct[n_direct++] = b->class_def;
        }
        lists[n_direct] = direct;
        lengths[n_direct] = n_direct;
        merge(module, c, lists, lengths, n_direct + 1);
        c->mro_busy = false;
}
