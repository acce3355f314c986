/* How it works: the scopes that module.c has read become facts, one by one; then one pass over the whole tree
 * looks for what the scopes do not show: star imports, fixtures made elsewhere than where a name is bound,
 * and code that can make names nobody can read. */
#include "runtime/discover/facts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/value.h"

#define MAX_DEPTH 60 /* of classes in classes */

struct builder {
        struct arena *arena;
        const struct module *m;
        struct facts *facts;
        uint32_t *bound; /* where the functions that scopes bind start */
        size_t n_bound, cap_bound;
        int depth;
};

static const char *keep(struct builder *b, const char *s)
{
        return s != NULL ? arena_strn(b->arena, s, strlen(s)) : NULL;
}

struct fact *facts_find(const struct fact_scope *scope, const char *name)
{
        for (size_t i = 0; i < scope->n; i++)
                if (strcmp(scope->v[i].name, name) == 0)
                        return &scope->v[i];
        return NULL;
}

static void remember(struct builder *b, struct node function)
{
        if (b->n_bound == b->cap_bound) {
                size_t cap = b->cap_bound * 2 + 64;
                uint32_t *v = arena_grow(b->m->arena, b->bound, b->n_bound * sizeof *v, cap * sizeof *v);

                if (v == NULL)
                        return;
                b->bound = v;
                b->cap_bound = cap;
        }
        b->bound[b->n_bound++] = node_start(function);
}

/* What an expression is worth as a fixture: nothing, if its value is one of Python's own kinds. */
static bool is_plain(const struct scope *scope, struct node node)
{
        static const char *const kinds[] = {"list",         "dictionary",
                                            "set",          "tuple",
                                            "string",       "list_comprehension",
                                            "float",        "comparison_operator",
                                            "not_operator", "integer",
                                            "none",         "dictionary_comprehension",
                                            "true",         "concatenated_string",
                                            "false",        "lambda",
                                            "yield",        "set_comprehension",
                                            "await",        "generator_expression",
                                            "ellipsis",     "binary_operator"};

        if (node_is_null(node))
                return false;
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
                if (node_is(node, kinds[i]))
                        return true;
        return value_read(scope, node, NULL).kind != VALUE_UNKNOWN;
}

static bool only_marks(const struct fact_marks *marks)
{
        for (size_t i = 0; i < marks->n; i++)
                if (marks->v[i].kind == MARK_UNKNOWN || marks->v[i].kind == MARK_PENDING)
                        return false;
        return marks->n > 0;
}

static void read_value(struct builder *b, const struct scope *scope, const struct binding *binding,
                       struct fact *fact)
{
        struct node node = binding->node;

        fact->kind = FACT_VALUE;
        fact->unsure |= binding->vague;
        if (node_is(node, "lambda")) {
                fact->kind = FACT_FUNCTION;
                fact->function = facts_function(b->arena, b->m, scope, node, NULL);
                return;
        }
        if (node_is(node, "identifier") && !binding->vague) {
                fact->kind = FACT_ALIAS;
                fact->from = keep(b, node_text(b->m, node));
                return;
        }
        facts_marks(b->arena, b->m, scope, node, &fact->marks);
        if (only_marks(&fact->marks) && !binding->vague) {
                fact->kind = FACT_MARKS;
                return;
        }
        fact->plain = !binding->vague && is_plain(scope, node);
        fact->from =
            keep(b, facts_dotted(b->m, scope, node_is(node, "call") ? node_field(node, "function") : node));
}

static void read_scope(struct builder *b, const struct scope *scope, const char *qualname,
                       struct fact_scope *ret);

static void read_bases(struct builder *b, const struct class_def *class_def, struct fact_class *c)
{
        for (size_t i = 0; i < class_def->bases.n; i++) {
                struct node base = class_def->bases.v[i], head;
                const char *dotted;
                struct binding *found;

                if (node_is(base, "subscript")) /* Generic[T] */
                        base = node_field(base, "value");
                dotted = facts_dotted(b->m, class_def->scope.outer, base);
                for (head = base; node_is(head, "attribute");)
                        head = node_field(head, "object");
                found = node_is(head, "identifier")
                            ? module_resolve(b->m, class_def->scope.outer, node_text(b->m, head))
                            : NULL;
                (void)names_add(b->arena, &c->bases, dotted != NULL ? node_text(b->m, base) : "");
                (void)names_add(b->arena, &c->froms,
                                dotted != NULL && (found == NULL || found->kind == BINDING_IMPORT ||
                                                   found->kind == BINDING_VALUE)
                                    ? dotted
                                    : "");
        }
}

static struct fact_class *read_class(struct builder *b, const struct binding *binding, const char *qualname,
                                     const struct fact_scope *outer)
{
        const struct class_def *class_def = binding->class_def;
        struct fact_class *c = arena_get(b->arena, sizeof *c);

        if (c == NULL)
                return NULL;
        c->name = keep(b, class_def->name);
        c->qualname = qualname != NULL ? arena_printf(b->arena, "%s.%s", qualname, class_def->name) : c->name;
        c->line = module_line(b->m, binding->node);
        c->outer = outer;
        c->file = b->facts;
        c->unsure = class_def->has_keywords || b->depth >= MAX_DEPTH;
        read_bases(b, class_def, c);
        for (size_t i = class_def->decorators.n; i > 0; i--) {
                struct node node = class_def->decorators.v[i - 1];
                int patches = facts_patch(b->m, class_def->scope.outer, node);

                if (patches >= 0)
                        c->patches += (size_t)patches;
                else if (patches == -2)
                        c->unsure = true;
                else
                        facts_marks(b->arena, b->m, class_def->scope.outer, node, &c->marks);
        }
        if (c->qualname != NULL && b->depth < MAX_DEPTH)
                read_scope(b, &class_def->scope, c->qualname, &c->scope);
        return c;
}

/* "package.module.name", with the dots of a relative import before it. */
static const char *import_path(struct builder *b, const struct binding *binding)
{
        const struct import *import = &binding->import;

        if (import->name == NULL || import->module == NULL)
                return keep(b, binding->from);
        return arena_printf(b->arena, "%.*s%s.%s", import->level < 64 ? import->level : 64,
                            "................................................................",
                            import->module, import->name);
}

static void read_binding(struct builder *b, const struct scope *scope, const struct binding *binding,
                         const char *qualname, const struct fact_scope *outer, struct fact *fact)
{
        fact->name = keep(b, binding->name);
        fact->unsure = binding->maybe != NULL;
        switch (binding->kind) {
        case BINDING_FUNCTION:
                fact->kind = FACT_FUNCTION;
                fact->function = facts_function(b->arena, b->m, scope, binding->node, &binding->decorators);
                remember(b, binding->node);
                break;
        case BINDING_CLASS:
                fact->kind = FACT_CLASS;
                fact->class_def = read_class(b, binding, qualname, outer);
                break;
        case BINDING_IMPORT:
                fact->kind = FACT_IMPORT;
                fact->from = import_path(b, binding);
                fact->is_module = binding->is_module;
                fact->unsure |= binding->vague;
                break;
        default:
                read_value(b, scope, binding, fact);
        }
}

static void read_scope(struct builder *b, const struct scope *scope, const char *qualname,
                       struct fact_scope *ret)
{
        struct binding *marks = module_find(scope, "pytestmark");

        ret->v = arena_get(b->arena, (scope->n + 1) * sizeof *ret->v);
        b->depth++;
        for (size_t i = 0; ret->v != NULL && i < scope->n; i++)
                if (scope->v[i].kind != BINDING_DELETED)
                        read_binding(b, scope, &scope->v[i], qualname, ret, &ret->v[ret->n++]);
        b->depth--;
        if (marks == NULL)
                return;
        if (marks->kind == BINDING_VALUE)
                facts_marks(b->arena, b->m, scope, marks->node, &ret->marks);
        if (marks->kind != BINDING_VALUE || marks->vague)
                facts_marks(b->arena, b->m, scope, (struct node){0}, &ret->marks); /* and what else */
}

static int by_offset(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

        return x < y ? -1 : x > y;
}

/* Where the pass over the tree is. */
struct place {
        uint32_t function; /* where the outermost function around ends: a node's number; 0: there is none */
        bool running;      /* it is a test or a fixture: what it does comes after collection */
};

static bool looks_like_fixture(const struct module *m, struct node definition)
{
        struct node parent = node_parent(definition);
        struct nodes parts;

        if (!node_is(parent, "decorated_definition"))
                return false;
        parts = node_children(m, parent);
        for (size_t i = 0; i < parts.n; i++) {
                const char *text = node_is(parts.v[i], "decorator") ? node_text(m, parts.v[i]) : "";

                if (strstr(text, "usefixtures") == NULL && strstr(text, "fixture") != NULL)
                        return true;
        }
        return false;
}

static void see_function(struct builder *b, struct node node, struct place *place)
{
        const char *name = node_text(b->m, node_field(node, "name"));
        uint32_t start = node_start(node);
        bool fixture = looks_like_fixture(b->m, node);

        if (fixture &&
            (b->n_bound == 0 || bsearch(&start, b->bound, b->n_bound, sizeof start, by_offset) == NULL)) {
                if (place->function > 0)
                        b->facts->dynamic |= DYNAMIC_FACTORY;
                (void)names_add(b->arena, &b->facts->loose, name);
        }
        if (place->function == 0) {
                place->function = node_behind(node);
                place->running = fixture || strncmp(name, "test", 4) == 0;
        }
}

static bool in_table(const char *word, const char *const *table)
{
        for (; *table != NULL; table++)
                if (strcmp(word, *table) == 0)
                        return true;
        return false;
}

static void see_call(struct builder *b, struct node node, const struct place *place)
{
        static const char *const writes[] = {"setattr", "globals",  "exec", "locals",     "vars", "eval",
                                             "delattr", "execfile", "type", "__import__", NULL};
        static const char *const skips[] = {"pytest.skip",  "pytest.importorskip",
                                            "pytest.exit",  "pytest.fail",
                                            "pytest.xfail", "sys.exit",
                                            "os._exit",     NULL};
        struct node function = node_field(node, "function");
        const char *name;

        if (place->running)
                return;
        if (node_is(function, "identifier") && in_table(node_text(b->m, function), writes) &&
            (strcmp(node_text(b->m, function), "type") != 0 ||
             node_named_child_count(node_field(node, "arguments")) == 3))
                b->facts->dynamic |= DYNAMIC_NAMESPACE;
        if (place->function > 0)
                return;
        name = module_dotted(b->m, &b->m->scope, function);
        if (name != NULL && in_table(name, skips))
                b->facts->dynamic |= DYNAMIC_SKIP;
}

static void see_attribute(struct builder *b, struct node node, const struct place *place)
{
        static const char *const plugins[] = {"pluginmanager",  "import_plugin",    "_fixturemanager",
                                              "parsefactories", "_arg2fixturedefs", NULL};
        const char *name;

        if (place->running)
                return;
        name = node_text(b->m, node_field(node, "attribute"));
        if (in_table(name, plugins))
                b->facts->dynamic |= DYNAMIC_PLUGIN;
        if (strcmp(name, "__dict__") == 0 || strcmp(name, "modules") == 0)
                b->facts->dynamic |= DYNAMIC_NAMESPACE;
}

/* A string that is one word may be the name of a fixture that code makes. */
static void see_string(struct builder *b, struct node node, const struct place *place)
{
        const char *text = b->m->text + node_start(node);
        size_t n = node_end(node) - node_start(node);
        char *word;

        if (place->running || n < 3 || n > 80 || (text[0] != '"' && text[0] != '\''))
                return;
        for (size_t i = 1; i < n - 1; i++)
                if (text[i] != '_' && !isalnum((unsigned char)text[i]))
                        return;
        word = arena_strn(b->m->arena, text + 1, n - 2);
        if (word != NULL)
                (void)names_add(b->arena, &b->facts->strings, word);
}

static void see_star(struct builder *b, struct node node)
{
        struct node statement = node_parent(node);

        if (node_is(statement, "import_from_statement"))
                (void)names_add(b->arena, &b->facts->stars,
                                node_text(b->m, node_field(statement, "module_name")));
}

/* Looks at NODE; false: not at what is in it. */
static bool see(struct builder *b, struct node node, struct place *place)
{
        const char *type = node_type(node);

        if (strcmp(type, "function_definition") == 0)
                see_function(b, node, place);
        else if (strcmp(type, "lambda") == 0 && place->function == 0)
                place->function = node_behind(node);
        else if (strcmp(type, "call") == 0)
                see_call(b, node, place);
        else if (strcmp(type, "attribute") == 0)
                see_attribute(b, node, place);
        else if (strcmp(type, "string") == 0)
                see_string(b, node, place);
        else if (strcmp(type, "wildcard_import") == 0)
                see_star(b, node);
        else if (strcmp(type, "raise_statement") == 0 && place->function == 0)
                b->facts->dynamic |= DYNAMIC_SKIP;
        else if (strcmp(type, "subscript") == 0 && place->function == 0 &&
                 strstr(node_text(b->m, node), "globals") != NULL)
                b->facts->dynamic |= DYNAMIC_NAMESPACE;
        if (strcmp(type, "string") == 0)
                return false;
        if (strcmp(type, "call") == 0) { /* these name fixtures and arguments, they make none */
                const char *name = node_text(b->m, node_field(node, "function"));
                const char *word = strrchr(name, '.') != NULL ? strrchr(name, '.') + 1 : name;

                return strcmp(word, "usefixtures") != 0 && strcmp(word, "parametrize") != 0;
        }
        return true;
}

static void walk(struct builder *b, struct node root)
{
        struct place place = {0};

        if (b->n_bound > 0)
                qsort(b->bound, b->n_bound, sizeof *b->bound, by_offset);
        for (struct node at = root; !node_is_null(at);) {
                if (at.at >= place.function)
                        place.function = 0, place.running = false;
                at = node_walk(root, at, see(b, at, &place));
        }
}

static void read_list(struct builder *b, const char *variable, struct names *names, bool *unsure)
{
        struct binding *binding = module_find(&b->m->scope, variable);
        struct value v;

        if (binding == NULL)
                return;
        if (binding->kind != BINDING_VALUE || binding->vague) {
                *unsure = true;
                return;
        }
        v = value_read(&b->m->scope, binding->node, NULL);
        if (v.kind == VALUE_STR) {
                for (const char *p = v.s; *p != '\0';) {
                        size_t left = strspn(p, " \t,"), n = strcspn(p + left, " \t,");
                        char *word = arena_strn(b->m->arena, p + left, n);

                        if (n > 0 && word != NULL)
                                (void)names_add(b->arena, names, word);
                        p += left + n;
                }
                return;
        }
        *unsure = v.kind != VALUE_SEQUENCE;
        for (size_t i = 0; v.kind == VALUE_SEQUENCE && i < v.n; i++)
                if (v.items[i].kind == VALUE_STR)
                        (void)names_add(b->arena, names, v.items[i].s);
                else
                        *unsure = true;
}

/* Functions of a conftest file or plugin that pytest calls while it collects and before it sets fixtures up.
 */
static void see_hooks(struct builder *b)
{
        static const char *const hooks[] = {"pytest_generate_tests",         "pytest_pycollect_makeitem",
                                            "pytest_pycollect_makemodule",   "pytest_collect_file",
                                            "pytest_collect_directory",      "pytest_collection",
                                            "pytest_collection_modifyitems", "pytest_itemcollected",
                                            "pytest_collectstart",           "pytest_runtestloop",
                                            "pytest_runtest_protocol",       "pytest_runtest_setup",
                                            "pytest_fixture_setup",          "pytest_plugin_registered",
                                            "pytest_sessionstart",           "pytest_ignore_collect",
                                            "pytest_make_collect_report",    NULL};

        for (size_t i = 0; i < b->facts->scope.n; i++)
                if (strncmp(b->facts->scope.v[i].name, "pytest_", 7) == 0 &&
                    in_table(b->facts->scope.v[i].name, hooks))
                        b->facts->dynamic |= DYNAMIC_HOOK;
        if (facts_find(&b->facts->scope, "__getattr__") != NULL ||
            facts_find(&b->facts->scope, "__dir__") != NULL)
                b->facts->dynamic |= DYNAMIC_GETATTR;
}

struct facts *facts_read(struct arena *arena, const struct module *m, struct node root, const char *path)
{
        struct facts *facts = arena_get(arena, sizeof *facts);
        struct builder b = {.arena = arena, .m = m, .facts = facts};
        bool unsure = false;

        if (facts == NULL)
                return NULL;
        facts->path = keep(&b, path);
        facts->error_line = m->error_line;
        read_scope(&b, &m->scope, NULL, &facts->scope);
        read_list(&b, "pytest_plugins", &facts->plugins, &facts->plugins_unsure);
        facts->has_all = module_find(&m->scope, "__all__") != NULL;
        read_list(&b, "__all__", &facts->all, &unsure);
        if (unsure)
                facts->has_all = false;
        see_hooks(&b);
        walk(&b, root);
        return arena->failed || m->arena->failed ? NULL : facts;
}
