/* How it works: what a scope binds is followed to where it is from; of imports only those are that may matter
 * before they are asked for, as the words of their texts tell. */
#include "runtime/discover/fixture_table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/classes.h"
#include "runtime/discover/function.h"
#include "runtime/discover/library.h"
#include "runtime/discover/names.h"
#include "runtime/discover/resolve.h"
#include "runtime/discover/value.h"

static int rank_of(const char *text)
{
        static const char *const ranks[] = {"function", "class", "module", "package", "session"};

        for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++)
                if (strncmp(text + (text[0] == '"' || text[0] == '\''), ranks[i], strlen(ranks[i])) == 0)
                        return (int)i;
        return 0;
}

static void read_keyword(struct fixture *f, const char *key, struct node value)
{
        const struct module *m = f->scope->module;
        struct value v;

        if (strcmp(key, "params") == 0) {
                f->has_params = !node_is(value, "none");
                f->params = value;
        } else if (strcmp(key, "ids") == 0) {
                f->ids = value;
        } else if (strcmp(key, "autouse") == 0) {
                f->autouse = !node_is(value, "false") && !node_is(value, "none");
        } else if (strcmp(key, "scope") == 0) {
                f->rank = rank_of(node_text(m, value));
        } else if (strcmp(key, "name") == 0) {
                v = value_read(f->scope, value, NULL);
                if (v.kind == VALUE_STR)
                        f->name = arena_strn(m->own, v.s, v.n);
                else if (v.kind != VALUE_NONE)
                        f->unsure = "its name cannot be read";
        }
}

static void read_unpacked(struct fixture *f)
{
        f->unsure = "its arguments are unpacked";
        f->autouse = true;
}

/* Whether NODE, or what it calls, is pytest.fixture; the arguments are then read, the first SKIP positions
 * not. */
static bool read_call(struct fixture *f, const struct scope *scope, struct node node, size_t skip)
{
        static const char *const positions[] = {"scope", "params", "autouse", "ids", "name"};
        const struct module *m = scope->module;
        struct node function = node_is(node, "call") ? node_field(node, "function") : node;
        const char *word = names_last_word(module_dotted(m, scope, function));
        struct nodes arguments = node_children(m, node_field(node, "arguments"));
        struct entity e;

        if (word == NULL || !names_end_with(word, "fixture"))
                return false;
        f->scope = scope;
        if (strcmp(word, "fixture") != 0 && strcmp(word, "yield_fixture") != 0) { /* the project's own */
                e = resolve_node(scope, function);
                f->autouse = e.kind == ENTITY_BINDING && entity_mentions(&e, "autouse");
                if (f->autouse || (e.kind == ENTITY_BINDING && entity_mentions(&e, "params")))
                        f->unsure = arena_printf(m->own, "%s may say more of it", node_text(m, function));
        }
        for (size_t k = 0; node_is(node, "call") && k < arguments.n; k++)
                if (node_is(arguments.v[k], "keyword_argument"))
                        read_keyword(f, node_text(m, node_field(arguments.v[k], "name")),
                                     node_field(arguments.v[k], "value"));
                else if (node_is(arguments.v[k], "dictionary_splat") || node_is(arguments.v[k], "list_splat"))
                        read_unpacked(f);
                else if (k >= skip && k < sizeof positions / sizeof positions[0])
                        read_keyword(f, positions[k], arguments.v[k]);
        return true;
}

/* "@pytest.fixture(...)" */
static bool of_function(const struct scope *scope, const struct binding *b, struct fixture *ret)
{
        for (size_t i = 0; i < b->decorators.n; i++)
                if (read_call(ret, scope, b->decorators.v[i], 0)) {
                        ret->function = b;
                        return true;
                }
        return false;
}

/* A lambda that asks for no other fixtures. */
static bool is_plain_lambda(const struct module *m, struct node node)
{
        struct node parameters = node_field(node, "parameters");

        return node_is(node, "lambda") &&
               (node_is_null(parameters) || strcmp(node_text(m, parameters), "request") == 0);
}

/* "pytest.fixture(function)", "pytest.fixture(...)(function)", or a call of a function that has one in it. */
static bool of_call(const struct scope *scope, struct node node, struct fixture *ret)
{
        const struct module *m = scope->module;
        struct node callee = node_field(node, "function");
        struct nodes arguments = node_children(m, node_field(node, "arguments"));
        struct entity e;
        bool direct = read_call(ret, scope, node, 1);

        if (!direct && !(node_is(callee, "call") && read_call(ret, scope, callee, 0))) {
                if (resolve_is_standard(scope, callee))
                        return false;
                e = resolve_node(scope, callee);
                if (e.kind != ENTITY_BINDING || e.binding->kind != BINDING_FUNCTION ||
                    !entity_mentions(&e, "fixture"))
                        return false;
                ret->scope = scope;
                ret->unsure = arena_printf(m->own, "%s may make it", node_text(m, callee));
                return true;
        }
        if (arguments.n == 0 || node_is(arguments.v[0], "keyword_argument"))
                return false; /* a decorator that is kept for later */
        e = resolve_node(scope, arguments.v[0]);
        if (e.kind == ENTITY_BINDING && e.binding->kind == BINDING_FUNCTION)
                ret->function = e.binding;
        else if (!is_plain_lambda(m, arguments.v[0]))
                ret->unsure = "its function is not known";
        return true;
}

/* Whether B of SCOPE is a fixture, or another name of one. */
static bool of_binding(const struct scope *scope, struct binding *b, struct fixture *ret)
{
        struct entity e = {.kind = ENTITY_BINDING, .scope = scope, .binding = b};
        bool found;

        *ret = (struct fixture){.attribute = b->name};
        if (b->kind == BINDING_IMPORT || (b->kind == BINDING_VALUE && !node_is(b->node, "call")))
                e = resolve_binding(scope, b);
        if (e.kind == ENTITY_BINDING && e.binding == b && b->kind == BINDING_VALUE &&
            node_is(b->node, "identifier")) {
                ret->name = b->name; /* of a name that is not bound any more */
                ret->scope = scope;
                ret->unsure =
                    arena_printf(scope->module->own, "%s is not known", node_text(scope->module, b->node));
                return true;
        }
        if (e.kind != ENTITY_BINDING)
                return false;
        if (e.binding->kind == BINDING_VALUE)
                found = node_is(e.binding->node, "call") && of_call(e.scope, e.binding->node, ret);
        else
                found = e.binding->kind == BINDING_FUNCTION && of_function(e.scope, e.binding, ret);
        if (ret->name == NULL)
                ret->name = b->name;
        if (found && ret->unsure == NULL && (b->either || e.binding->either))
                ret->unsure = "it depends on a condition";
        else if (found && ret->unsure == NULL && ret->has_params &&
                 (b->maybe != NULL || e.binding->maybe != NULL))
                ret->unsure = arena_printf(scope->module->own, "it depends on %s",
                                           b->maybe != NULL ? b->maybe : e.binding->maybe);
        return found;
}

/* Whether what NODE, an attribute, is taken of may have fixtures: a class of the same file, or what is
 * imported. */
static bool has_fixtures(const struct scope *scope, struct node node)
{
        const struct module *m = scope->module;
        const struct binding *b;

        while (node_is(node, "attribute"))
                node = node_field(node, "object");
        b = module_resolve(m, scope, node_is(node, "identifier") ? node_text(m, node) : "");
        return b != NULL && (b->kind == BINDING_CLASS ? strstr(m->text, "fixture") != NULL
                                                      : b->kind == BINDING_IMPORT &&
                                                            library_has_word(m->library, m, b, "fixture"));
}

/* Whether B is worth a look before anyone asks for it: it may be a fixture that is used all the same. */
static bool is_looked_at(const struct scope *scope, const struct binding *b)
{
        const struct module *m = scope->module;

        switch (b->kind) {
        case BINDING_FUNCTION:
                return b->decorators.n > 0;
        case BINDING_VALUE:
                return node_is(b->node, "identifier") ||
                       (node_is(b->node, "attribute") && has_fixtures(scope, b->node)) ||
                       (node_is(b->node, "call") && strstr(node_text(m, b->node), "fixture") != NULL);
        case BINDING_IMPORT:
                return m->library != NULL && library_has_fixtures(m->library, m, &b->import);
        default:
                return false;
        }
}

static int by_attribute(const void *a, const void *b)
{
        return strcmp(((const struct fixture *)a)->attribute, ((const struct fixture *)b)->attribute);
}

const struct fixtures_of *fixture_table(const struct scope *scope)
{
        const struct module *m = scope->module;
        struct scope *changed = (struct scope *)(uintptr_t)scope;
        struct fixtures_of *all = scope->fixtures;
        size_t cap = 0;

        if (all != NULL)
                return all;
        all = arena_get(m->own, sizeof *all);
        if (all == NULL)
                return NULL;
        changed->fixtures = all; /* following names may come here again */
        for (size_t i = 0; i < scope->n; i++) {
                struct binding *b = &scope->v[i];
                struct fixture f;

                if (!is_looked_at(scope, b) || !of_binding(scope, b, &f) ||
                    (b->kind != BINDING_FUNCTION && !f.autouse && strcmp(f.name, b->name) == 0))
                        continue;
                if (!arena_room(m->own, &all->v, all->n, &cap, sizeof f))
                        break;
                all->v[all->n++] = f;
        }
        if (all->n > 1)
                qsort(all->v, all->n, sizeof *all->v, by_attribute);
        return all;
}

bool fixture_find(const struct scope *scope, const char *name, struct fixture *ret)
{
        const struct fixtures_of *all = fixture_table(scope);
        struct binding *b;

        for (size_t i = all != NULL ? all->n : 0; i > 0; i--) /* the last one overrides the others */
                if (strcmp(all->v[i - 1].name, name) == 0) {
                        *ret = all->v[i - 1];
                        return true;
                }
        b = module_find(scope, name);
        return b != NULL && b->kind != BINDING_FUNCTION && of_binding(scope, b, ret) &&
               strcmp(ret->name, name) == 0;
}
