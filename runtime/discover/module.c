/* How it works: one pass over the statements of each body binds names in a scope, which is an array in dict
 * order with a hash table beside it. A name bound again keeps its place, as in a dict; a deleted one that
 * comes back goes to the end. */
#include "runtime/discover/module.h"

#include <stdio.h>
#include <string.h>

#define MAX_DEPTH 100 /* of nested blocks; Python itself ends at 100 levels of indentation */

struct reader {
        struct module *module;
        int depth;
};

static void read_block(struct reader *r, struct scope *scope, TSNode block);

bool node_is(TSNode node, const char *type)
{
        return !ts_node_is_null(node) && strcmp(ts_node_type(node), type) == 0;
}

TSNode node_field(TSNode node, const char *name)
{
        return ts_node_is_null(node) ? node : ts_node_child_by_field_name(node, name, (uint32_t)strlen(name));
}

const char *node_text(const struct module *module, TSNode node)
{
        uint32_t start;
        const char *s;

        if (ts_node_is_null(node))
                return "";
        start = ts_node_start_byte(node);
        s = arena_strn(module->arena, module->text + start, ts_node_end_byte(node) - start);
        return s != NULL ? s : "";
}

struct nodes node_children(const struct module *module, TSNode node)
{
        struct nodes nodes = {0};
        TSTreeCursor cursor;
        uint32_t n;

        if (ts_node_is_null(node) || (n = ts_node_named_child_count(node)) == 0)
                return nodes;
        nodes.v = arena_get(module->arena, n * sizeof *nodes.v);
        if (nodes.v == NULL)
                return nodes;
        cursor = ts_tree_cursor_new(node);
        if (ts_tree_cursor_goto_first_child(&cursor)) {
                do {
                        TSNode child = ts_tree_cursor_current_node(&cursor);

                        if (ts_node_is_named(child) && !ts_node_is_extra(child) && nodes.n < n)
                                nodes.v[nodes.n++] = child;
                } while (ts_tree_cursor_goto_next_sibling(&cursor));
        }
        ts_tree_cursor_delete(&cursor);
        return nodes;
}

static uint32_t hash(const char *s)
{
        uint32_t h = 2166136261u;

        for (; *s != '\0'; s++)
                h = (h ^ (unsigned char)*s) * 16777619u;
        return h;
}

static uint32_t *slot_of(const struct scope *scope, const char *name)
{
        size_t at = hash(name) & (scope->n_slots - 1);

        while (scope->slots[at] != 0 && strcmp(scope->v[scope->slots[at] - 1].name, name) != 0)
                at = (at + 1) & (scope->n_slots - 1);
        return &scope->slots[at];
}

struct binding *module_find(const struct scope *scope, const char *name)
{
        uint32_t *slot = scope->n_slots > 0 ? slot_of(scope, name) : NULL;

        return slot == NULL || *slot == 0 || scope->v[*slot - 1].kind == BINDING_DELETED
                   ? NULL
                   : &scope->v[*slot - 1];
}

struct binding *module_resolve(const struct module *module, const struct scope *scope, const char *name)
{
        struct binding *b = scope != NULL ? module_find(scope, name) : NULL;

        if (scope != NULL && scope->module != NULL)
                module = scope->module;
        return b != NULL || scope == &module->scope ? b : module_find(&module->scope, name);
}

static bool make_room(struct arena *arena, struct scope *scope)
{
        size_t cap = scope->cap * 2 + 16, n_slots = 64;
        struct binding *v;

        if (scope->n < scope->cap)
                return true;
        while (n_slots < cap * 2)
                n_slots *= 2;
        v = arena_grow(arena, scope->v, scope->n * sizeof *v, cap * sizeof *v);
        scope->slots = arena_get(arena, n_slots * sizeof *scope->slots);
        scope->n_slots = scope->slots != NULL ? n_slots : 0;
        if (v == NULL || scope->slots == NULL) {
                scope->n = 0;
                return false;
        }
        scope->v = v;
        scope->cap = cap;
        for (size_t i = 0; i < scope->n; i++)
                *slot_of(scope, v[i].name) = (uint32_t)i + 1;
        return true;
}

static struct binding *bind(struct reader *r, struct scope *scope, const char *name, struct binding what)
{
        uint32_t *slot;

        if (!make_room(r->module->arena, scope))
                return NULL;
        what.name = name;
        slot = slot_of(scope, name);
        if (*slot != 0 && scope->v[*slot - 1].kind != BINDING_DELETED) {
                what.vague = true;
                scope->v[*slot - 1] = what;
        } else {
                scope->v[scope->n++] = what;
                *slot = (uint32_t)scope->n;
        }
        return &scope->v[*slot - 1];
}

/* The expressions behind the @ of a decorated_definition. */
static struct nodes decorators_of(const struct module *m, TSNode decorated)
{
        struct nodes all = node_children(m, decorated), found = {all.v, 0};

        for (size_t i = 0; i < all.n; i++)
                if (node_is(all.v[i], "decorator"))
                        found.v[found.n++] = ts_node_named_child(all.v[i], 0);
        return found;
}

static void read_class(struct reader *r, struct scope *scope, TSNode node, struct nodes decorators)
{
        struct module *m = r->module;
        struct class_def *c = arena_get(m->arena, sizeof *c);
        struct nodes arguments = node_children(m, node_field(node, "superclasses"));

        if (c == NULL)
                return;
        c->name = node_text(m, node_field(node, "name"));
        c->decorators = decorators;
        c->bases.v = arguments.v;
        for (size_t i = 0; i < arguments.n; i++)
                if (node_is(arguments.v[i], "keyword_argument") ||
                    node_is(arguments.v[i], "dictionary_splat"))
                        c->has_keywords = true;
                else
                        c->bases.v[c->bases.n++] = arguments.v[i];
        c->scope.outer = scope;
        c->scope.module = m;
        read_block(r, &c->scope, node_field(node, "body"));
        (void)bind(
            r, scope, c->name,
            (struct binding){.kind = BINDING_CLASS, .node = node, .decorators = decorators, .class_def = c});
}

static void read_definition(struct reader *r, struct scope *scope, TSNode node, struct nodes decorators)
{
        if (node_is(node, "class_definition"))
                read_class(r, scope, node, decorators);
        else if (node_is(node, "function_definition"))
                (void)bind(
                    r, scope, node_text(r->module, node_field(node, "name")),
                    (struct binding){.kind = BINDING_FUNCTION, .node = node, .decorators = decorators});
}

static void bind_pattern(struct reader *r, struct scope *scope, TSNode left, TSNode right)
{
        struct module *m = r->module;

        if (node_is(left, "identifier")) {
                (void)bind(r, scope, node_text(m, left),
                           (struct binding){.kind = BINDING_VALUE, .node = right});
        } else if (node_is(left, "attribute")) {
                struct binding *b = module_resolve(m, scope, node_text(m, node_field(left, "object")));

                if (b != NULL && strcmp(node_text(m, node_field(left, "attribute")), "__test__") == 0)
                        b->test_flag = node_is(right, "true") ? 1 : -1;
        } else if (node_is(left, "subscript")) {
                struct binding *b = module_resolve(m, scope, node_text(m, node_field(left, "value")));

                if (b != NULL)
                        b->vague = true;
        } else {
                struct nodes parts = node_children(m, left);
                bool paired = (node_is(right, "expression_list") || node_is(right, "tuple") ||
                               node_is(right, "list")) &&
                              ts_node_named_child_count(right) == parts.n;

                for (size_t i = 0; i < parts.n && i < 64; i++)
                        bind_pattern(r, scope, parts.v[i],
                                     paired ? ts_node_named_child(right, (uint32_t)i) : (TSNode){0});
        }
}

static void read_expression(struct reader *r, struct scope *scope, TSNode node)
{
        struct module *m = r->module;
        struct binding *b = NULL;

        if (node_is(node, "assignment")) {
                TSNode value = node_field(node, "right"), end = value;

                while (node_is(end, "assignment"))
                        end = node_field(end, "right");
                if (ts_node_is_null(value))
                        return; /* a bare annotation binds nothing */
                for (; node_is(node, "assignment"); node = node_field(node, "right"))
                        bind_pattern(r, scope, node_field(node, "left"), end);
        } else if (node_is(node, "augmented_assignment")) {
                b = module_resolve(m, scope, node_text(m, node_field(node, "left")));
        } else if (node_is(node, "call") && node_is(node_field(node, "function"), "attribute")) {
                /* X.append(...) */
                b = module_resolve(m, scope,
                                   node_text(m, node_field(node_field(node, "function"), "object")));
        }
        if (b != NULL && b->kind == BINDING_VALUE)
                b->vague = true;
}

/* "a.b" in "import a.b" binds a; with "as c", c is a.b. */
static void read_import(struct reader *r, struct scope *scope, TSNode node)
{
        struct module *m = r->module;
        bool from = node_is(node, "import_from_statement");
        const char *spelled = from ? node_text(m, node_field(node, "module_name")) : "";
        struct import import = {.level = (int)strspn(spelled, ". ")};
        struct nodes names = node_children(m, node);

        for (size_t i = from ? 1 : 0; i < names.n; i++) {
                TSNode name = names.v[i], alias = {0};
                const char *dotted, *bound;

                if (node_is(name, "aliased_import")) {
                        alias = node_field(name, "alias");
                        name = node_field(name, "name");
                }
                if (!node_is(name, "dotted_name"))
                        continue;
                dotted = node_text(m, name);
                bound = ts_node_is_null(alias) ? dotted : node_text(m, alias);
                if (!from && ts_node_is_null(alias))
                        bound = dotted = arena_strn(m->arena, dotted, strcspn(dotted, "."));
                import.module = from ? spelled + import.level : dotted;
                import.name = from ? dotted : NULL;
                if (from)
                        dotted = arena_printf(m->arena, "%s.%s", spelled, dotted);
                if (bound != NULL && dotted != NULL)
                        (void)bind(r, scope, bound,
                                   (struct binding){.kind = BINDING_IMPORT,
                                                    .node = node,
                                                    .from = dotted,
                                                    .import = import,
                                                    .is_module = !from});
        }
}

/* Python 3.10 is the oldest that is supported: what holds for it holds for all. */
static int compare_version(const char *op, TSNode tuple, const struct module *m)
{
        struct nodes parts = node_children(m, tuple);
        int major = 0, minor = 0;

        if (parts.n == 0 || sscanf(node_text(m, parts.v[0]), "%d", &major) != 1 ||
            (parts.n > 1 && sscanf(node_text(m, parts.v[1]), "%d", &minor) != 1))
                return -1;
        if (major > 3 || (major == 3 && minor >= 10 && (minor > 10 || op[0] == '>')))
                return major == 3 && minor == 10 && strcmp(op, ">=") == 0 ? 1 : -1;
        return op[0] == '>' ? 1 : op[0] == '<' ? 0 : op[0] == '=' ? 0 : -1;
}

/* 1: holds, 0: does not, -1: cannot be known. */
static int condition(const struct module *m, TSNode node)
{
        const char *text = node_text(m, node);
        struct nodes parts;
        int r;

        if (node_is(node, "parenthesized_expression"))
                return condition(m, ts_node_named_child(node, 0));
        if (node_is(node, "true") || strcmp(text, "1") == 0)
                return 1;
        if (node_is(node, "false") || node_is(node, "none") || strcmp(text, "0") == 0 ||
            strcmp(text, "TYPE_CHECKING") == 0 || strcmp(text, "typing.TYPE_CHECKING") == 0)
                return 0;
        if (node_is(node, "not_operator")) {
                r = condition(m, node_field(node, "argument"));
                return r < 0 ? r : !r;
        }
        if (!node_is(node, "comparison_operator") || ts_node_child_count(node) != 3)
                return -1;
        parts = node_children(m, node);
        text = parts.n == 2 ? node_text(m, parts.v[0]) : "";
        if (strcmp(text, "sys.version_info") == 0 && node_is(parts.v[1], "tuple"))
                return compare_version(node_text(m, ts_node_child(node, 1)), parts.v[1], m);
        if (node_is(ts_node_child(node, 1), "==") || node_is(ts_node_child(node, 1), "!=")) {
                static const char *const known[][2] = {
                    {"__name__", ""}, {"sys.platform", "linux"}, {"os.name", "posix"}};

                for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
                        if (strcmp(text, known[i][0]) == 0 && node_is(parts.v[1], "string")) {
                                const char *value = node_text(m, parts.v[1]);
                                size_t n = strlen(known[i][1]);

                                r = strlen(value) == n + 2 && memcmp(value + 1, known[i][1], n) == 0;
                                return node_is(ts_node_child(node, 1), "==") ? r : !r;
                        }
        }
        return -1;
}

static void read_if(struct reader *r, struct scope *scope, TSNode node)
{
        struct nodes parts = node_children(r->module, node);
        int holds = condition(r->module, node_field(node, "condition"));

        if (holds != 0)
                read_block(r, scope, node_field(node, "consequence"));
        for (size_t i = 0; i < parts.n && holds != 1; i++)
                if (node_is(parts.v[i], "elif_clause")) {
                        holds = condition(r->module, node_field(parts.v[i], "condition"));
                        if (holds != 0)
                                read_block(r, scope, node_field(parts.v[i], "consequence"));
                } else if (node_is(parts.v[i], "else_clause")) {
                        read_block(r, scope, node_field(parts.v[i], "body"));
                }
}

static void read_try(struct reader *r, struct scope *scope, TSNode node)
{
        struct nodes parts = node_children(r->module, node);

        for (size_t i = 0; i < parts.n; i++)
                if (node_is(parts.v[i], "block"))
                        read_block(r, scope, parts.v[i]);
                else if (node_is(parts.v[i], "else_clause"))
                        read_block(r, scope, node_field(parts.v[i], "body"));
                else if (node_is(parts.v[i], "finally_clause"))
                        read_block(r, scope, ts_node_named_child(parts.v[i], 0));
}

static void read_delete(struct reader *r, struct scope *scope, TSNode node)
{
        struct nodes names = node_children(r->module, node);

        for (size_t i = 0; i < names.n; i++) {
                struct binding *b = node_is(names.v[i], "identifier")
                                        ? module_find(scope, node_text(r->module, names.v[i]))
                                        : NULL;

                if (b != NULL)
                        b->kind = BINDING_DELETED;
                else if (node_is(names.v[i], "expression_list"))
                        read_delete(r, scope, names.v[i]);
        }
}

static void read_statement(struct reader *r, struct scope *scope, TSNode node)
{
        const char *type = ts_node_type(node);

        if (strcmp(type, "expression_statement") == 0) {
                read_expression(r, scope, ts_node_named_child(node, 0));
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
                bind_pattern(r, scope, node_field(node, "left"), (TSNode){0});
                read_block(r, scope, node_field(node, "body"));
        } else if (strcmp(type, "with_statement") == 0 || strcmp(type, "while_statement") == 0) {
                read_block(r, scope, node_field(node, "body"));
        }
}

static void read_block(struct reader *r, struct scope *scope, TSNode block)
{
        struct nodes statements;

        if (ts_node_is_null(block) || r->depth >= MAX_DEPTH)
                return;
        r->depth++;
        statements = node_children(r->module, block);
        for (size_t i = 0; i < statements.n; i++)
                read_statement(r, scope, statements.v[i]);
        r->depth--;
}

static uint32_t first_error(TSNode root)
{
        TSTreeCursor cursor;
        uint32_t line = 0;

        if (!ts_node_has_error(root))
                return 0;
        cursor = ts_tree_cursor_new(root);
        while (line == 0) {
                TSNode node = ts_tree_cursor_current_node(&cursor);

                if (node_is(node, "ERROR") || ts_node_is_missing(node)) {
                        line = ts_node_start_point(node).row + 1;
                        break;
                }
                if (ts_node_has_error(node) && ts_tree_cursor_goto_first_child(&cursor))
                        continue;
                while (!ts_tree_cursor_goto_next_sibling(&cursor))
                        if (!ts_tree_cursor_goto_parent(&cursor)) {
                                line = 1;
                                break;
                        }
        }
        ts_tree_cursor_delete(&cursor);
        return line;
}

void module_read(struct module *ret, struct arena *arena, const char *text, TSNode root)
{
        struct reader r = {.module = ret};

        *ret = (struct module){.text = text, .arena = arena, .error_line = first_error(root)};
        ret->scope.module = ret;
        read_block(&r, &ret->scope, root);
}

const char *module_dotted(const struct module *module, const struct scope *scope, TSNode node)
{
        struct binding *b;
        const char *text, *rest;
        TSNode head = node;

        while (node_is(head, "attribute"))
                head = node_field(head, "object");
        if (!node_is(head, "identifier"))
                return NULL;
        text = node_text(module, node);
        if (strpbrk(text, " \t\n\\#") != NULL)
                return NULL;
        rest = text + strcspn(text, ".");
        b = module_resolve(module, scope, node_text(module, head));
        if (b != NULL && b->kind == BINDING_IMPORT)
                return arena_printf(module->arena, "%s%s", b->from, rest);
        return text;
}
