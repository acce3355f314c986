/* How it works: one pass over the statements of each body binds names in its scope. Where the program may go
 * one way or another, both are read, and what they bind is marked with the condition. A statement that ends
 * the module (raise, an import of what is not there) is noted; in a try statement, the handler that catches
 * it is read instead of the rest. */
#include "runtime/discover/read_internal.h"

#include <string.h>

#include "runtime/discover/execs.h"
#include "runtime/discover/library.h"
#include "runtime/discover/names.h"

#define MAX_DEPTH 100 /* of nested blocks; Python itself ends at 100 levels of indentation */

static void read_block(struct reading *r, struct scope *scope, struct node block);

/* Text that lives as long as the module. */
const char *read_keep(const struct module *m, struct node node)
{
        uint32_t start = node_is_null(node) ? 0 : node_start(node);
        const char *s =
            node_is_null(node) ? NULL : arena_strn(m->own, m->text + start, node_end(node) - start);

        return s != NULL ? s : "";
}

const char *read_keep_quote(const struct module *m, struct node node)
{
        const char *s = node_quote(m, node);

        s = arena_strn(m->own, s, strlen(s));
        return s != NULL ? s : "";
}

static struct nodes keep_nodes(const struct module *m, struct nodes nodes)
{
        struct nodes kept = {
            nodes.n > 0 ? arena_grow(m->own, nodes.v, nodes.n * sizeof *nodes.v, nodes.n * sizeof *nodes.v)
                        : NULL,
            nodes.n};

        if (kept.v == NULL)
                kept.n = 0;
        return kept;
}

/* Whether a decorator of B mentions parameters. */
static bool is_parametrized(const struct module *m, const struct binding *b)
{
        for (size_t i = 0; i < b->decorators.n; i++)
                if (strstr(node_text(m, b->decorators.v[i]), "param") != NULL)
                        return true;
        return false;
}

struct binding *read_bind(struct reading *r, struct scope *scope, const char *name, struct binding what)
{
        const struct binding *old = module_find(scope, name);

        what.maybe = r->maybe;
        if (old != NULL && r->maybe != NULL) {
                if (old->maybe == NULL)
                        what.maybe = NULL;
                else if (old->maybe == r->maybe && r->otherwise) {
                        what.maybe = r->outer; /* one branch or the other binds it */
                        what.either = is_parametrized(r->module, old) || is_parametrized(r->module, &what);
                }
        }
        return scope_bind(r->module->own, scope, name, what);
}

static void add_event(struct reading *r, struct event event)
{
        struct module *m = r->module;

        event.maybe = r->maybe;
        if (m->n_events == m->cap_events) {
                size_t cap = m->cap_events * 2 + 16;
                struct event *v = arena_grow(m->own, m->events, m->n_events * sizeof *v, cap * sizeof *v);

                if (v == NULL)
                        return;
                m->events = v;
                m->cap_events = cap;
        }
        m->events[m->n_events++] = event;
}

/* The module ends here, if what is around it holds. */
void read_stop(struct reading *r, struct node node, bool by_import, const char *why)
{
        if (r->class_def != NULL && !by_import)
                return;
        if (r->maybe == NULL && r->tries > 0) {
                r->stopped = why;
                r->by_import = by_import;
        }
        add_event(r, (struct event){.kind = EVENT_STOP, .node = node, .why = why});
}

/* The expressions behind the @ of a decorated_definition. */
static struct nodes decorators_of(const struct module *m, struct node decorated)
{
        struct nodes all = node_children(m, decorated), found = {all.v, 0};

        for (size_t i = 0; i < all.n; i++)
                if (node_is(all.v[i], "decorator"))
                        found.v[found.n++] = node_named_child(all.v[i], 0);
        return keep_nodes(m, found);
}

/* "class A(A)": what the base is. */
static struct binding *before(const struct module *m, const struct scope *scope, const struct class_def *c)
{
        const struct binding *b = module_find(scope, c->name);
        struct binding *copy = NULL;

        for (size_t i = 0; b != NULL && copy == NULL && c->bases.v != NULL && i < c->bases.n; i++)
                if (node_is(c->bases.v[i], "identifier") && strcmp(node_text(m, c->bases.v[i]), c->name) == 0)
                        copy = arena_get(m->own, sizeof *copy);
        if (copy != NULL)
                *copy = *b;
        return copy;
}

static void read_class(struct reading *r, struct scope *scope, struct node node, struct nodes decorators)
{
        struct module *m = r->module;
        struct class_def *c = arena_get(m->own, sizeof *c), *outer = r->class_def;
        struct nodes arguments = node_children(m, node_field(node, "superclasses"));

        if (c == NULL)
                return;
        c->name = read_keep(m, node_field(node, "name"));
        c->decorators = decorators;
        arguments = keep_nodes(m, arguments);
        c->bases.v = arguments.v;
        for (size_t i = 0; i < arguments.n; i++)
                if (node_is(arguments.v[i], "keyword_argument") ||
                    node_is(arguments.v[i], "dictionary_splat")) {
                        c->has_keywords = true;
                        if (strcmp(node_text(m, node_field(arguments.v[i], "name")), "metaclass") == 0)
                                c->metaclass = node_field(arguments.v[i], "value");
                } else {
                        c->bases.v[c->bases.n++] = arguments.v[i];
                }
        c->scope.outer = scope;
        c->scope.module = m;
        c->before = before(m, scope, c);
        r->class_def = c;
        read_block(r, &c->scope, node_field(node, "body"));
        r->class_def = outer;
        if (c->grows == NULL && !node_is_null(execs_find(m, node_field(node, "body"), true)))
                c->grows = "its body calls exec()";
        (void)read_bind(
            r, scope, c->name,
            (struct binding){.kind = BINDING_CLASS, .node = node, .decorators = decorators, .class_def = c});
}

static void read_definition(struct reading *r, struct scope *scope, struct node node, struct nodes decorators)
{
        if (node_is(node, "class_definition"))
                read_class(r, scope, node, decorators);
        else if (node_is(node, "function_definition"))
                (void)read_bind(
                    r, scope, read_keep(r->module, node_field(node, "name")),
                    (struct binding){.kind = BINDING_FUNCTION, .node = node, .decorators = decorators});
}

/* OWNER.NAME = VALUE */
static void bind_attribute(struct reading *r, struct scope *scope, struct node left, struct node right)
{
        struct module *m = r->module;
        struct binding *b = module_resolve(m, scope, node_text(m, node_field(left, "object")));
        const char *name = node_text(m, node_field(left, "attribute"));

        if (b == NULL)
                return;
        if (strcmp(name, "__test__") == 0)
                b->test_flag = node_is(right, "true") ? 1 : -1;
        else if (b->kind == BINDING_CLASS && b->class_def != NULL && !node_is_null(right))
                (void)read_bind(r, &b->class_def->scope, read_keep(m, node_field(left, "attribute")),
                                (struct binding){.kind = BINDING_VALUE, .node = right});
}

static void bind_pattern(struct reading *r, struct scope *scope, struct node left, struct node right)
{
        struct module *m = r->module;

        if (node_is(left, "identifier")) {
                (void)read_bind(r, scope, read_keep(m, left),
                                (struct binding){.kind = BINDING_VALUE, .node = right});
        } else if (node_is(left, "attribute")) {
                bind_attribute(r, scope, left, right);
        } else if (node_is(left, "subscript")) {
                struct binding *b = module_resolve(m, scope, node_text(m, node_field(left, "value")));

                if (b != NULL)
                        b->vague = true;
        } else {
                struct nodes parts = node_children(m, left);
                bool paired = (node_is(right, "expression_list") || node_is(right, "tuple") ||
                               node_is(right, "list")) &&
                              node_named_child_count(right) == parts.n;

                for (size_t i = 0; i < parts.n && i < 64; i++) {
                        struct binding *b;

                        bind_pattern(r, scope, parts.v[i],
                                     paired                   ? node_named_child(right, (uint32_t)i)
                                     : node_is(right, "call") ? right
                                                              : (struct node){0});
                        b = paired || !node_is(parts.v[i], "identifier")
                                ? NULL
                                : module_find(scope, node_text(m, parts.v[i]));
                        if (b != NULL) /* a part of what node is */
                                b->vague = true;
                }
        }
}

/* The literal text of a call's first argument, or NULL. */
static const char *first_string(const struct module *m, struct node call)
{
        struct nodes arguments = node_children(m, node_field(call, "arguments"));
        const char *text =
            arguments.n > 0 && node_is(arguments.v[0], "string") ? node_text(m, arguments.v[0]) : "";
        size_t n = strlen(text);

        return n > 2 && (text[0] == '"' || text[0] == '\'') && text[n - 1] == text[0] &&
                       strchr("\"'", text[1]) == NULL
                   ? arena_strn(m->arena, text + 1, n - 2)
                   : NULL;
}

/* The same for what is asked for by name: also where that module imports what is not there. */
static bool is_unavailable(const struct module *m, const char *name)
{
        const struct module *found;
        const char *path = NULL;

        if (m->library == NULL)
                return false;
        if (library_find(m->library, m, 0, name, &path) != FOUND_SOURCE || path == NULL)
                return read_is_missing(m, 0, name);
        found = library_load(m->library, path);
        for (size_t i = 0; found != NULL && i < found->n_events; i++)
                if (found->events[i].kind == EVENT_STOP && found->events[i].maybe == NULL)
                        return true;
        return false;
}

/* A call whose result may be thrown away: what it does may be to end the module, or to add tests. */
static void read_call(struct reading *r, struct scope *scope, struct node call)
{
        struct module *m = r->module;
        const char *dotted = module_dotted(m, scope, node_field(call, "function"));
        const char *word = names_last_word(dotted), *name;

        if (word != NULL && (strcmp(word, "importorskip") == 0 || strcmp(word, "import_module") == 0 ||
                             strcmp(word, "import_fresh_module") == 0)) {
                name = first_string(m, call);
                if (name != NULL && strcmp(word, "import_fresh_module") != 0 && is_unavailable(m, name))
                        read_stop(r, call, true, read_missing(m, name));
                else if (name == NULL)
                        add_event(r, (struct event){.kind = EVENT_CALL, .node = call});
        } else if (dotted != NULL &&
                   (strcmp(dotted, "pytest.skip") == 0 || strcmp(dotted, "_pytest.outcomes.skip") == 0)) {
                read_stop(r, call, false, "pytest.skip() leaves the module out");
        } else {
                if (r->class_def != NULL) {
                        const char *text = node_text(m, call);

                        if (strstr(text, "locals()") != NULL || strstr(text, "vars()") != NULL)
                                r->class_def->grows = "its body changes locals()";
                }
                add_event(r, (struct event){.kind = EVENT_CALL, .node = call});
        }
}

static void read_assignment(struct reading *r, struct scope *scope, struct node node)
{
        struct module *m = r->module;
        struct node value = node_field(node, "right"), end = value;

        while (node_is(end, "assignment"))
                end = node_field(end, "right");
        if (node_is_null(value))
                return; /* a bare annotation binds nothing */
        for (struct node n = node; node_is(n, "assignment"); n = node_field(n, "right")) {
                struct node left = node_field(n, "left");

                if (r->class_def != NULL && node_is(left, "subscript") &&
                    node_is(node_field(left, "value"), "call"))
                        r->class_def->grows = "its body changes locals()";
                else if (node_is(left, "subscript") || node_is(left, "attribute"))
                        add_event(r, (struct event){.kind = EVENT_ASSIGN, .node = left});
                if (!(node_is(left, "identifier") && node_is(end, "identifier") &&
                      strcmp(node_text(m, left), node_text(m, end)) == 0 &&
                      module_find(scope, node_text(m, left)) != NULL)) /* "a = a" */
                        bind_pattern(r, scope, left, end);
        }
        if (node_is(end, "call")) {
                const char *word = names_last_word(module_dotted(m, scope, node_field(end, "function")));
                const char *name = first_string(m, end);

                if (word != NULL && name != NULL &&
                    (strcmp(word, "importorskip") == 0 || strcmp(word, "import_module") == 0)) {
                        if (is_unavailable(m, name))
                                read_stop(r, end, true, read_missing(m, name));
                } else if (r->class_def == NULL) {
                        add_event(r, (struct event){.kind = EVENT_CALL, .node = end, .assigned = true});
                }
        }
}

static void read_expression(struct reading *r, struct scope *scope, struct node node)
{
        struct module *m = r->module;
        struct binding *b = NULL;

        if (node_is(node, "assignment")) {
                read_assignment(r, scope, node);
        } else if (node_is(node, "augmented_assignment")) {
                b = module_resolve(m, scope, node_text(m, node_field(node, "left")));
        } else if (node_is(node, "call")) {
                if (node_is(node_field(node, "function"), "attribute")) /* X.append(...) */
                        b = module_resolve(m, scope,
                                           node_text(m, node_field(node_field(node, "function"), "object")));
                read_call(r, scope, node);
        }
        if (b != NULL && b->kind == BINDING_VALUE)
                b->vague = true;
}

/* A branch that is taken if HOLDS is 1, or perhaps if it is -1. */
static void read_branch(struct reading *r, struct scope *scope, struct node block, int holds,
                        const char *maybe, bool otherwise)
{
        struct reading saved = *r;

        if (holds < 0) {
                r->outer = r->maybe;
                r->maybe = maybe;
                r->otherwise = otherwise;
        }
        read_block(r, scope, block);
        r->maybe = saved.maybe;
        r->outer = saved.outer;
        r->otherwise = saved.otherwise;
}

static void read_if(struct reading *r, struct scope *scope, struct node node)
{
        struct nodes parts = node_children(r->module, node);
        int holds = condition_holds(scope, node_field(node, "condition"));
        bool sure = holds >= 0; /* so far */
        const char *maybe = sure ? NULL : read_keep_quote(r->module, node_field(node, "condition"));

        if (holds != 0)
                read_branch(r, scope, node_field(node, "consequence"), holds, maybe, false);
        for (size_t i = 0; i < parts.n && holds != 1; i++)
                if (node_is(parts.v[i], "elif_clause")) {
                        holds = condition_holds(scope, node_field(parts.v[i], "condition"));
                        if (holds < 0 && maybe == NULL)
                                maybe = read_keep_quote(r->module, node_field(parts.v[i], "condition"));
                        sure &= holds >= 0;
                        if (holds != 0)
                                read_branch(r, scope, node_field(parts.v[i], "consequence"),
                                            sure ? holds : -1, maybe, true);
                } else if (node_is(parts.v[i], "else_clause")) {
                        read_branch(r, scope, node_field(parts.v[i], "body"), sure ? 1 : -1, maybe, true);
                }
}

/* Whether the handler CLAUSE catches an ImportError. */
static bool catches_import(const struct module *m, struct node clause)
{
        struct nodes parts = node_children(m, clause);
        const char *text = parts.n > 1 ? node_text(m, parts.v[0]) : "";

        return parts.n == 1 || strstr(text, "ImportError") != NULL ||
               strstr(text, "ModuleNotFoundError") != NULL || strstr(text, "Exception") != NULL ||
               strstr(text, "SkipTest") != NULL;
}

static bool is_handler(struct node node)
{
        return node_is(node, "except_clause") || node_is(node, "except_group_clause");
}

/* Whether BLOCK does nothing but import what has no tests. */
static bool only_imports(const struct module *m, struct node block)
{
        struct nodes statements = node_children(m, block);

        for (size_t i = 0; i < statements.n; i++) {
                const char *text = node_text(m, statements.v[i]);

                if (!node_is(statements.v[i], "pass_statement") &&
                    !node_is(statements.v[i], "import_statement") &&
                    (!node_is(statements.v[i], "import_from_statement") || strstr(text, "Test") != NULL ||
                     strstr(text, "test_") != NULL || strchr(text, '*') != NULL))
                        return false;
        }
        return true;
}

/* Whether it makes a difference to the try statement of PARTS whether its imports fail. */
static bool handles_import(const struct module *m, const struct nodes *parts)
{
        bool handles = false, matters = false;

        for (size_t i = 0; i < parts->n; i++) {
                struct node body = node_named_child(parts->v[i], node_named_child_count(parts->v[i]) - 1);

                if (node_is(parts->v[i], "block"))
                        body = parts->v[i];
                handles |= is_handler(parts->v[i]) && catches_import(m, parts->v[i]);
                matters |= !node_is(parts->v[i], "finally_clause") && !only_imports(m, body);
        }
        return handles && matters;
}

/* A handler that is executed, or perhaps is if UNSURE is why. */
static void read_handler(struct reading *r, struct scope *scope, struct node clause, const char *unsure)
{
        read_branch(r, scope, node_named_child(clause, node_named_child_count(clause) - 1),
                    unsure != NULL ? -1 : 1, unsure, true);
}

static void read_try(struct reading *r, struct scope *scope, struct node node)
{
        struct nodes parts = node_children(r->module, node);
        const char *maybe = r->maybe, *outer = r->outer, *unsure = r->import_unsure;
        size_t events = r->module->n_events;
        bool caught = false, catching = handles_import(r->module, &parts);

        r->import_unsure = NULL;
        for (size_t i = 0; i < parts.n; i++)
                if (node_is(parts.v[i], "block")) {
                        r->tries++;
                        r->catching += catching;
                        read_block(r, scope, parts.v[i]);
                        r->catching -= catching;
                        r->tries--;
                } else if (is_handler(parts.v[i])) {
                        if (r->stopped == NULL && r->import_unsure != NULL && !caught &&
                            catches_import(r->module, parts.v[i])) {
                                r->maybe = maybe;
                                read_handler(r, scope, parts.v[i], r->import_unsure);
                                r->maybe = r->import_unsure;
                                continue;
                        }
                        if (r->stopped == NULL || caught ||
                            (r->by_import && !catches_import(r->module, parts.v[i])))
                                continue;
                        r->stopped = NULL;
                        r->module->n_events = events;
                        caught = true;
                        read_handler(r, scope, parts.v[i], NULL);
                } else if (node_is(parts.v[i], "else_clause") && !caught && r->stopped == NULL) {
                        read_block(r, scope, node_field(parts.v[i], "body"));
                } else if (node_is(parts.v[i], "finally_clause")) {
                        struct nodes body = node_children(r->module, parts.v[i]);

                        r->maybe = maybe;
                        if (body.n > 0)
                                read_block(r, scope, body.v[body.n - 1]);
                }
        r->maybe = maybe;
        r->outer = outer;
        if (catching || r->import_unsure == NULL)
                r->import_unsure = unsure;
        else if (maybe == NULL) /* for the try statement around it */
                r->maybe = r->import_unsure;
        if (r->tries == 0)
                r->stopped = NULL;
}

static void read_delete(struct reading *r, struct scope *scope, struct node node)
{
        struct nodes names = node_children(r->module, node);

        for (size_t i = 0; i < names.n; i++) {
                struct binding *b = node_is(names.v[i], "identifier")
                                        ? module_find(scope, node_text(r->module, names.v[i]))
                                        : NULL;

                if (b != NULL && r->maybe == NULL)
                        b->kind = BINDING_DELETED;
                else if (b != NULL)
                        b->maybe = r->maybe;
                else if (node_is(names.v[i], "expression_list"))
                        read_delete(r, scope, names.v[i]);
        }
}

static void read_statement(struct reading *r, struct scope *scope, struct node node)
{
        const char *type = node_type(node);

        if (strcmp(type, "expression_statement") == 0) {
                read_expression(r, scope, node_named_child(node, 0));
        } else if (strcmp(type, "decorated_definition") == 0) {
                read_definition(r, scope, node_field(node, "definition"), decorators_of(r->module, node));
        } else if (strcmp(type, "function_definition") == 0 || strcmp(type, "class_definition") == 0) {
                read_definition(r, scope, node, (struct nodes){0});
        } else if (strcmp(type, "import_statement") == 0 || strcmp(type, "import_from_statement") == 0) {
                read_import(r, scope, node);
        } else if (strcmp(type, "if_statement") == 0) {
                read_if(r, scope, node);
        } else if (strcmp(type, "try_statement") == 0) {
                read_try(r, scope, node);
        } else if (strcmp(type, "delete_statement") == 0) {
                read_delete(r, scope, node);
        } else if (strcmp(type, "for_statement") == 0) {
                bind_pattern(r, scope, node_field(node, "left"), (struct node){0});
                read_block(r, scope, node_field(node, "body"));
        } else if (strcmp(type, "with_statement") == 0 || strcmp(type, "while_statement") == 0) {
                read_block(r, scope, node_field(node, "body"));
        } else if (strcmp(type, "raise_statement") == 0) {
                read_stop(r, node, false, arena_printf(r->module->own, "%s", node_quote(r->module, node)));
        }
}

static void read_block(struct reading *r, struct scope *scope, struct node block)
{
        struct nodes statements;

        if (node_is_null(block) || r->depth >= MAX_DEPTH || r->stopped != NULL)
                return;
        r->depth++;
        statements = node_children(r->module, block);
        for (size_t i = 0; i < statements.n && r->stopped == NULL; i++)
                read_statement(r, scope, statements.v[i]);
        r->depth--;
}

void module_read(struct module *module, struct node root)
{
        struct reading r = {.module = module};

        module->root = root;
        module->scope.module = module;
        read_block(&r, &module->scope, root);
}
