/* How it works: each statement that may have an effect was noted by read.c. A call of a function of the
 * project has the effects that its own text mentions, one level deep. */
#include "runtime/discover/effects.h"

#include <string.h>

#include "runtime/discover/classes.h"
#include "runtime/discover/names.h"
#include "runtime/discover/resolve.h"

static bool is_namespace(const char *text)
{
        return strstr(text, "globals()") != NULL || strstr(text, "vars()") != NULL ||
               strstr(text, "locals()") != NULL || strstr(text, "sys.modules") != NULL;
}

static void grows(struct effects *f, const struct module *m, TSNode node, const char *what)
{
        if (f->grows != NULL)
                return;
        f->grows = arena_printf(m->arena, "%s %s", node_quote(m, node), what);
        f->line = module_line(m, node);
}

/* setattr(X, ...) */
static void set_attribute(struct effects *f, const struct module *m, TSNode call)
{
        struct nodes arguments = node_children(m, node_field(call, "arguments"));
        struct entity e = {.kind = ENTITY_UNKNOWN};

        if (arguments.n > 0)
                e = resolve_node(&m->scope, arguments.v[0]);
        if (e.kind == ENTITY_BINDING && e.binding->kind == BINDING_CLASS) {
                if (e.binding->class_def->grows == NULL)
                        e.binding->class_def->grows =
                            arena_printf(m->own, "setattr() on line %u", module_line(m, call));
        } else if (e.kind == ENTITY_BINDING || e.kind == ENTITY_UNKNOWN) {
                grows(f, m, call, "may add tests");
        }
}

static bool mentions_any(const struct entity *e, const char *const *words, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (entity_mentions(e, words[i]))
                        return true;
        return false;
}

static void of_call(struct effects *f, const struct module *m, const struct event *event)
{
        static const char *const skips[] = {"SkipTest", "pytest.skip", "importorskip", "ResourceDenied"};
        static const char *const adds[] = {"globals()", "setattr(", "sys.modules["};
        TSNode function = node_field(event->node, "function");
        const char *text = node_text(m, event->node);
        const char *name = node_text(m, function);
        struct entity e;

        if (strcmp(name, "setattr") == 0 || strcmp(name, "delattr") == 0) {
                set_attribute(f, m, event->node);
                return;
        }
        if (is_namespace(text)) {
                grows(f, m, event->node, "may add tests");
                return;
        }
        e = resolve_node(&m->scope, function);
        if (e.kind != ENTITY_BINDING || e.binding->kind != BINDING_FUNCTION)
                return;
        if (f->maybe == NULL && mentions_any(&e, skips, sizeof skips / sizeof skips[0]))
                f->maybe = arena_printf(m->arena, "%s may leave the module out", node_quote(m, event->node));
        if (e.scope->module == m && mentions_any(&e, adds, sizeof adds / sizeof adds[0]))
                grows(f, m, event->node, "may add tests");
}

struct effects effects_of(struct module *m)
{
        struct effects f = {0};

        for (size_t i = 0; i < m->n_events; i++) {
                const struct event *event = &m->events[i];
                TSNode left = event->node;

                switch (event->kind) {
                case EVENT_STOP:
                        if (event->maybe != NULL) {
                                if (f.maybe == NULL)
                                        f.maybe = arena_printf(m->arena, "%s, depending on %s", event->why,
                                                               event->maybe);
                        } else if (f.stop == NULL) {
                                f.stop = event->why;
                                f.line = module_line(m, event->node);
                        }
                        break;
                case EVENT_ASSIGN:
                        if (node_is(left, "subscript") && is_namespace(node_text(m, left)))
                                grows(&f, m, left, "is assigned to");
                        break;
                case EVENT_CALL:
                        of_call(&f, m, event);
                        break;
                }
        }
        return f;
}
