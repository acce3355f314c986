/* How it works: each statement that may have an effect was noted by read.c. A call of a function of the
 * project has the effects that its own text mentions, one level deep. */
#include "runtime/discover/effects.h"

#include <ctype.h>
#include <string.h>

#include "runtime/discover/classes.h"
#include "runtime/discover/execs.h"
#include "runtime/discover/inline.h"
#include "runtime/discover/library.h"
#include "runtime/discover/names.h"
#include "runtime/discover/read.h"
#include "runtime/discover/resolve.h"
#include "runtime/discover/value.h"

#define MAX_BLOCKS 20 /* in a function */
#define MAX_CALLS  4  /* one in another */

static void grows(struct effects *f, const struct module *m, struct node node, const char *what)
{
        if (f->grows != NULL)
                return;
        f->grows = arena_printf(m->arena, "%s %s", node_quote(m, node), what);
        f->line = module_line(m, node);
}

/* setattr(X, ...) */
static void set_attribute(struct effects *f, const struct module *m, struct node call)
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

/* "a" of a.b.c */
static const char *first_word(const struct module *m, struct node node)
{
        const char *text = node_text(m, node);

        return arena_strn(m->arena, text, strcspn(text, "."));
}

static bool mentions_any(const struct entity *e, const char *const *words, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (entity_mentions(e, words[i]))
                        return true;
        return false;
}

/* Whether STATEMENT, in a function whose parameters are in SCOPE, can leave the module out. *RET_ENDS: what
 * follows is not reached. */
static bool may_skip(const struct scope *scope, struct node block, int depth, bool *ret_ends)
{
        const struct module *m = scope->module;
        struct nodes statements = node_children(m, block);
        bool ends = false;

        if (depth > MAX_BLOCKS)
                return true;
        for (size_t i = 0; i < statements.n && !ends; i++) {
                struct node s = statements.v[i];
                const char *type = node_type(s);

                if (strcmp(type, "raise_statement") == 0)
                        return true;
                if (strcmp(type, "return_statement") == 0)
                        ends = true;
                else if (strcmp(type, "expression_statement") == 0 &&
                         strstr(node_text(m, s), "skip(") != NULL)
                        return true;
                else if (strcmp(type, "if_statement") == 0) {
                        int holds = condition_holds(scope, node_field(s, "condition"));
                        struct nodes parts = node_children(m, s);
                        bool inner = false;

                        if (holds != 0 && may_skip(scope, node_field(s, "consequence"), depth + 1, &inner))
                                return true;
                        ends = holds == 1 && inner;
                        for (size_t k = 0; holds != 1 && k < parts.n; k++)
                                if (node_is(parts.v[k], "elif_clause") ||
                                    node_is(parts.v[k], "else_clause")) {
                                        struct node body = node_field(
                                            parts.v[k],
                                            node_is(parts.v[k], "elif_clause") ? "consequence" : "body");

                                        if (may_skip(scope, body, depth + 1, &inner))
                                                return true;
                                }
                } else if (strcmp(type, "function_definition") != 0 &&
                           strcmp(type, "class_definition") != 0 && strstr(node_text(m, s), "raise") != NULL)
                        return true; /* in a loop, a try, a with */
        }
        *ret_ends = ends;
        return false;
}

/* Whether the call NODE in SCOPE of the function E can. */
static bool call_may_skip(const struct scope *scope, struct node node, const struct entity *e)
{
        const struct scope *inside = inline_scope(scope, node, e);
        bool ends;

        return inside == NULL || may_skip(inside, node_field(e->binding->node, "body"), 0, &ends);
}

/* Whether E is of a file of the project's. */
static bool is_own_s(const struct module *m, const struct entity *e)
{
        const struct module *other = e->scope->module;

        return other == m ||
               (other->path != NULL && m->library != NULL && library_is_project_s(m->library, other->path));
}

static bool adds(const struct entity *e, int depth);

/* Whether a function or method that E calls, of the same module, may add to a class or a module. The text is
 * looked at: not all functions are parsed. */
static bool calls_what_adds(const struct entity *e, int depth)
{
        const struct module *m = e->scope->module;
        const char *text = m->text + node_start(e->binding->node),
                   *end = m->text + node_end(e->binding->node);

        for (const char *p = text; (p = memchr(p, '(', (size_t)(end - p))) != NULL; p++) {
                struct entity callee = {.kind = ENTITY_BINDING, .scope = &m->scope};
                const char *start = p, *name;

                while (start > text && (isalnum((unsigned char)start[-1]) || start[-1] == '_'))
                        start--;
                if (start == p)
                        continue;
                if (start > text && start[-1] == '.')
                        callee.scope = e->scope; /* cls.method() */
                name = arena_strn(m->arena, start, (size_t)(p - start));
                callee.binding = name != NULL ? module_find(callee.scope, name) : NULL;
                if (callee.binding != NULL && callee.binding != e->binding && adds(&callee, depth + 1))
                        return true;
        }
        return false;
}

/* Whether calling E may give attributes to a class or names to a module. */
static bool adds(const struct entity *e, int depth)
{
        static const char *const words[] = {"globals()", "setattr(", "sys.modules", "_getframe",
                                            "f_globals", "__dict__", "vars(",       "exec("};

        if ((e->binding->kind != BINDING_FUNCTION && e->binding->kind != BINDING_CLASS) || depth >= MAX_CALLS)
                return false;
        return mentions_any(e, words, sizeof words / sizeof words[0]) || calls_what_adds(e, depth);
}

/* Whether a class of the module is an argument of CALL. */
static bool gives_class(const struct module *m, struct node call)
{
        struct nodes arguments = node_children(m, node_field(call, "arguments"));

        for (size_t i = 0; i < arguments.n; i++) {
                const struct binding *b = node_is(arguments.v[i], "identifier")
                                              ? module_find(&m->scope, node_text(m, arguments.v[i]))
                                              : NULL;

                if (b != NULL && b->kind == BINDING_CLASS)
                        return true;
        }
        return false;
}

static void of_call(struct effects *f, const struct module *m, const struct event *event)
{
        static const char *const skips[] = {"SkipTest", "pytest.skip", "importorskip", "ResourceDenied"};
        struct node function = node_field(event->node, "function");
        const char *text = node_text(m, event->node);
        const char *name = node_text(m, function);
        struct entity e;

        if (strcmp(name, "setattr") == 0 || strcmp(name, "delattr") == 0) {
                set_attribute(f, m, event->node);
                return;
        }
        if (strcmp(name, "exec") == 0) /* effects_of looks for all of them */
                return;
        if (execs_is_namespace(event->assigned ? node_text(m, node_field(event->node, "arguments")) : text) &&
            !(event->assigned && value_is_builtin(name))) {
                grows(f, m, event->node, "may add tests");
                return;
        }
        if (event->assigned && !gives_class(m, event->node) &&
            !library_has_word(m->library, m, module_find(&m->scope, first_word(m, function)), "SkipTest"))
                return;
        if (resolve_is_standard(&m->scope, function)) /* logging.basicConfig() */
                return;
        e = resolve_node(&m->scope, function);
        if (e.kind != ENTITY_BINDING)
                return;
        if (is_own_s(m, &e) && adds(&e, 0))
                grows(f, m, event->node, "may add tests");
        if (e.binding->kind != BINDING_FUNCTION)
                return;
        if (f->maybe == NULL && mentions_any(&e, skips, sizeof skips / sizeof skips[0]) &&
            call_may_skip(&m->scope, event->node, &e))
                f->maybe = arena_printf(m->arena, "%s may leave the module out", node_quote(m, event->node));
}

struct effects effects_of(struct module *m)
{
        struct effects f = {0};
        struct node exec;

        for (size_t i = 0; i < m->n_events; i++) {
                const struct event *event = &m->events[i];
                struct node left = event->node;

                if (event->is_played)
                        continue;
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
                        if (node_is(left, "subscript") && execs_is_namespace(node_text(m, left)))
                                grows(&f, m, left, "is assigned to");
                        break;
                case EVENT_CALL:
                        of_call(&f, m, event);
                        break;
                }
        }
        exec = execs_find(m, m->root, false);
        if (!node_is_null(exec))
                grows(&f, m, exec, "may add tests");
        if (f.grows == NULL)
                f.grows = m->grows;
        return f;
}
