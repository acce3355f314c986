/* How it works: an expression above a definition, or in pytestmark, is a mark, a list of them, a variable
 * that holds some, or something that nobody here knows. What a name stands for is followed within the file; a
 * name of another file is kept for later. */
#include <string.h>

#include "runtime/discover/facts.h"
#include "runtime/discover/value.h"

#define MAX_STEPS 4096 /* names that stand for lists of names can double at each */
#define MAX_DEPTH 20

struct reader {
        struct arena *arena;
        const struct module *m;
        struct fact_marks *marks;
        int depth;
        size_t steps;
};

const char *const fixture_scope_names[] = {"function", "class",   "module", "package",
                                           "session",  "unknown", NULL};

bool names_has(const struct names *names, const char *name)
{
        for (size_t i = 0; i < names->n; i++)
                if (strcmp(names->v[i], name) == 0)
                        return true;
        return false;
}

bool names_add(struct arena *arena, struct names *names, const char *name)
{
        if (names->n == names->cap) {
                size_t cap = names->cap * 2 + 4;
                const char **v =
                    arena_grow(arena, names->v, names->n * sizeof *names->v, cap * sizeof *names->v);

                if (v == NULL)
                        return false;
                names->v = v;
                names->cap = cap;
        }
        names->v[names->n] = arena_strn(arena, name, strlen(name));
        return names->v[names->n++] != NULL;
}

const char *facts_dotted(const struct module *m, const struct scope *scope, struct node node)
{
        for (int i = 0; i < MAX_DEPTH && node_is(node, "identifier"); i++) {
                struct binding *b = module_resolve(m, scope, node_text(m, node));

                if (b == NULL || b->kind != BINDING_VALUE || b->vague ||
                    (!node_is(b->node, "identifier") && !node_is(b->node, "attribute")))
                        break;
                node = b->node;
        }
        return module_dotted(m, scope, node);
}

static struct fact_mark *add(struct reader *r, enum mark_kind kind)
{
        struct fact_marks *marks = r->marks;

        if (marks->n == marks->cap) {
                size_t cap = marks->cap * 2 + 4;
                struct fact_mark *v = arena_grow(r->arena, marks->v, marks->n * sizeof *v, cap * sizeof *v);

                if (v == NULL)
                        return NULL;
                marks->v = v;
                marks->cap = cap;
        }
        marks->v[marks->n] = (struct fact_mark){.kind = kind, .scope = SCOPE_UNKNOWN};
        return &marks->v[marks->n++];
}

/* "a, b" or a sequence of strings. False: not all of them are known. */
static bool add_names(struct reader *r, struct names *names, const struct value *v)
{
        if (v->kind == VALUE_STR) {
                for (const char *p = v->s; *p != '\0';) {
                        size_t n = strcspn(p, ","), left = strspn(p, " \t\n"), right = n;
                        char *word;

                        while (right > left && strchr(" \t\n", p[right - 1]) != NULL)
                                right--;
                        word = right > left ? arena_strn(r->arena, p + left, right - left) : NULL;
                        if (word != NULL)
                                (void)names_add(r->arena, names, word);
                        p += n + (p[n] == ',');
                }
                return true;
        }
        if (v->kind != VALUE_SEQUENCE)
                return false;
        for (size_t i = 0; i < v->n; i++)
                if (v->items[i].kind != VALUE_STR || !names_add(r->arena, names, v->items[i].s))
                        return false;
        return true;
}

static void read_used(struct reader *r, const struct scope *scope, struct nodes arguments)
{
        struct fact_mark *mark = add(r, MARK_USED);

        for (size_t i = 0; mark != NULL && i < arguments.n; i++) {
                struct value v = value_read(scope, arguments.v[i], NULL);

                if (node_is(arguments.v[i], "list_splat")) {
                        v = value_read(scope, node_named_child(arguments.v[i], 0), NULL);
                        mark->names_unsure |= v.kind != VALUE_SEQUENCE || !add_names(r, &mark->names, &v);
                } else if (v.kind != VALUE_STR || !names_add(r->arena, &mark->names, v.s)) {
                        mark->names_unsure = true;
                }
        }
}

static enum fixture_scope scope_named(const struct value *v)
{
        for (int i = SCOPE_FUNCTION; i < SCOPE_UNKNOWN; i++)
                if (v->kind == VALUE_STR && strcmp(v->s, fixture_scope_names[i]) == 0)
                        return (enum fixture_scope)i;
        return SCOPE_UNKNOWN;
}

static void read_params(struct reader *r, const struct scope *scope, struct nodes arguments)
{
        static const char *const positions[] = {"argnames", "argvalues", "indirect", "ids", "scope"};
        struct fact_mark *mark = add(r, MARK_PARAMS);

        if (mark == NULL)
                return;
        mark->names_unsure = true;
        for (size_t i = 0; i < arguments.n; i++) {
                const char *name = i < sizeof positions / sizeof *positions ? positions[i] : "";
                struct node value = arguments.v[i];
                struct value v;

                if (node_is(value, "list_splat") || node_is(value, "dictionary_splat")) {
                        mark->names_unsure = mark->scope_unsure = true;
                        mark->indirect = KNOWN_UNSURE;
                        return;
                }
                if (node_is(value, "keyword_argument")) {
                        name = node_text(r->m, node_field(value, "name"));
                        value = node_field(value, "value");
                }
                if (strcmp(name, "ids") == 0)
                        continue;
                if (strcmp(name, "argvalues") == 0) {
                        const char *text = node_text(r->m, value);

                        mark->no_values = strstr(text, "marks") != NULL ||
                                          ((node_is(value, "list") || node_is(value, "tuple")) &&
                                           node_named_child_count(value) == 0) ||
                                          (!node_is(value, "list") && !node_is(value, "tuple"));
                        continue;
                }
                v = value_read(scope, value, NULL);
                if (strcmp(name, "argnames") == 0) {
                        mark->names_unsure = !add_names(r, &mark->names, &v);
                } else if (strcmp(name, "indirect") == 0) {
                        mark->indirect = v.kind == VALUE_BOOL                   ? (v.i ? KNOWN_YES : KNOWN_NO)
                                         : v.kind == VALUE_SEQUENCE && v.n == 0 ? KNOWN_NO
                                                                                : KNOWN_UNSURE;
                        if (mark->indirect == KNOWN_UNSURE && !add_names(r, &mark->indirect_names, &v))
                                mark->indirect_names.n = 0;
                } else if (strcmp(name, "scope") == 0 && v.kind != VALUE_NONE) {
                        mark->scope = scope_named(&v);
                        mark->scope_unsure = mark->scope == SCOPE_UNKNOWN;
                }
        }
}

static bool is_one_of(const char *word, const char *list)
{
        size_t n = strlen(word);

        for (const char *p = list; n > 0 && (p = strstr(p, word)) != NULL; p += n)
                if (p[-1] == ' ' && p[n] == ' ')
                        return true;
        return false;
}

/* NAME(ARGUMENTS), or NAME alone: false where it is no mark of pytest. */
static bool read_mark(struct reader *r, const struct scope *scope, const char *name, struct nodes arguments)
{
        static const char skips[] = " skip skipif xfail ";
        const char *word = strstr(name, "mark.");

        if (strncmp(name, "unittest.skip", 13) == 0 || strcmp(name, "unittest.expectedFailure") == 0) {
                struct fact_mark *mark = add(r, MARK_SKIP);

                if (mark != NULL && name[9] == 's')
                        mark->unittest = name[13] == '\0' ? KNOWN_YES : KNOWN_UNSURE;
                return true;
        }
        if (word == NULL || (strcmp(name, word) != 0 && strncmp(name, "pytest.mark.", 12) != 0 &&
                             strncmp(name, "_pytest.mark.", 13) != 0))
                return false;
        word = name + (strrchr(name, '.') - name) + 1;
        if (strcmp(word, "usefixtures") == 0)
                read_used(r, scope, arguments);
        else if (strcmp(word, "parametrize") == 0)
                read_params(r, scope, arguments);
        else
                (void)add(r, is_one_of(word, skips) ? MARK_SKIP : MARK_OTHER);
        return true;
}

/* Decorators that keep a function's parameters as they are. */
static bool is_harmless(const char *name)
{
        static const char names[] =
            " staticmethod classmethod property functools.cached_property functools.lru_cache "
            "functools.cache typing.no_type_check typing.final "
            "typing.overload "
            "typing.override typing_extensions.final typing_extensions.override types.coroutine "
            "asyncio.coroutine abc.abstractmethod hypothesis.settings hypothesis.example hypothesis.seed "
            "hypothesis.reproduce_failure hypothesis.note pytest.hookimpl unittest.mock.patch.dict "
            "warnings.deprecated typing_extensions.deprecated typing.runtime_checkable ";

        return is_one_of(name, names);
}

static void read(struct reader *r, const struct scope *scope, struct node node);

static void pending(struct reader *r, const char *from, bool is_import, bool is_call)
{
        struct fact_mark *mark = add(r, MARK_PENDING);

        if (mark == NULL)
                return;
        mark->from = arena_strn(r->arena, from, strlen(from));
        mark->is_import = is_import;
        mark->is_call = is_call;
}

/* NAME, or NAME(...). */
static void read_name(struct reader *r, const struct scope *scope, struct node node, bool is_call)
{
        const char *name = node_text(r->m, node);
        struct binding *b = module_resolve(r->m, scope, name);

        if (b != NULL && b->kind == BINDING_VALUE && !b->vague && !is_call && !node_is_null(b->node))
                read(r, scope, b->node);
        else if (b != NULL && b->kind == BINDING_IMPORT)
                pending(r, b->from, true, is_call);
        else if (b != NULL && b->kind == BINDING_FUNCTION)
                pending(r, name, false, is_call);
        else
                (void)add(r, MARK_UNKNOWN);
}

static void read_parts(struct reader *r, const struct scope *scope, struct nodes parts)
{
        for (size_t i = 0; i < parts.n; i++)
                read(r, scope, parts.v[i]);
}

static void read(struct reader *r, const struct scope *scope, struct node node)
{
        bool is_call = node_is(node, "call");
        struct node function = is_call ? node_field(node, "function") : node;
        const char *name;

        if (node_is_null(node) || r->depth >= MAX_DEPTH || r->steps++ > MAX_STEPS) {
                (void)add(r, MARK_UNKNOWN);
                return;
        }
        r->depth++;
        name = facts_dotted(r->m, scope, function);
        if (node_is(node, "list") || node_is(node, "tuple") || node_is(node, "parenthesized_expression"))
                read_parts(r, scope, node_children(r->m, node));
        else if (name != NULL &&
                 read_mark(r, scope, name,
                           is_call ? node_children(r->m, node_field(node, "arguments")) : (struct nodes){0}))
                ; /* it has been added */
        else if (name != NULL && is_harmless(name))
                (void)add(r, MARK_OTHER);
        else if (node_is(function, "identifier"))
                read_name(r, scope, function, is_call);
        else if (node_is(function, "attribute") && name != NULL) /* helpers.needs_network */
                pending(r, name, true, is_call);
        else
                (void)add(r, MARK_UNKNOWN);
        r->depth--;
}

void facts_marks(struct arena *arena, const struct module *m, const struct scope *scope, struct node node,
                 struct fact_marks *marks)
{
        struct reader r = {.arena = arena, .m = m, .marks = marks};

        read(&r, scope, node);
}
