/* How it works: what pytest asks a function for is what inspect.signature and num_mock_patch_args
 * (_pytest/compat.py) say: parameters without a default, less those that mock puts in. Decorators that are
 * not known may change both, so they are remembered with the marks. */
#include <string.h>

#include "runtime/discover/facts.h"
#include "runtime/discover/value.h"

#define MAX_SIGNATURE ((size_t)300)

static const char *keep(struct arena *arena, const char *s)
{
        return s != NULL ? arena_strn(arena, s, strlen(s)) : NULL;
}

static void read_parameters(struct arena *arena, const struct module *m, struct node list,
                            struct fact_function *f)
{
        struct nodes nodes = node_children(m, list);

        for (size_t i = 0; i < nodes.n; i++) {
                struct node name = nodes.v[i];

                if (node_is(name, "positional_separator"))
                        f->args.n = 0;
                if (node_is(name, "typed_parameter"))
                        name = node_named_child(name, 0);
                if (node_is(name, "identifier"))
                        (void)names_add(arena, &f->args, node_text(m, name));
        }
}

/* The text in parentheses on one line, as str(inspect.signature(f)) has it where it is plain. */
static const char *read_signature(struct arena *arena, const struct module *m, struct node list)
{
        const char *text = node_text(m, list);
        size_t n = strlen(text), k = 0;
        char *out;

        if (node_is(list, "lambda_parameters"))
                return arena_printf(arena, "(%s)", text);
        if (n > MAX_SIGNATURE || strchr(text, '#') != NULL)
                return "(...)";
        out = arena_get(arena, n + 1);
        for (size_t i = 0; out != NULL && i < n; i++) {
                bool blank = strchr(" \t\r\n", text[i]) != NULL;

                if (blank && (k == 0 || out[k - 1] == ' ' || out[k - 1] == '('))
                        continue;
                if (text[i] == ')' && i == n - 1)
                        while (k > 0 && (out[k - 1] == ' ' || out[k - 1] == ','))
                                k--;
                out[k++] = blank ? ' ' : text[i];
        }
        return out;
}

int facts_patch(const struct module *m, const struct scope *scope, struct node node)
{
        static const struct {
                const char *name;
                size_t before_new;
        } kinds[] = {{"mock.patch", 1}, {"mock.patch.object", 2}};
        const char *name =
            node_is(node, "call") ? facts_dotted(m, scope, node_field(node, "function")) : NULL;
        struct nodes arguments;
        size_t at = 0;

        if (name == NULL)
                return -1;
        if (strncmp(name, "unittest.", 9) == 0)
                name += 9;
        if (strcmp(name, "mock.patch.dict") == 0)
                return 0;
        if (strcmp(name, "mock.patch.multiple") == 0)
                return -2;
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
                if (strcmp(name, kinds[i].name) != 0)
                        continue;
                arguments = node_children(m, node_field(node, "arguments"));
                for (size_t k = 0; k < arguments.n; k++) {
                        struct node a = arguments.v[k];

                        if (node_is(a, "list_splat") || node_is(a, "dictionary_splat"))
                                return -2;
                        if (!node_is(a, "keyword_argument")) {
                                at++;
                        } else if (strcmp(node_text(m, node_field(a, "name")), "new") == 0) {
                                const char *value = node_text(m, node_field(a, "value"));

                                if (strstr(value, "DEFAULT") == NULL)
                                        return 0;
                        }
                }
                return at > kinds[i].before_new ? 0 : 1;
        }
        return -1;
}

/* hypothesis.given fills parameters by name, or from the right. */
static bool read_given(struct arena *arena, const struct module *m, const char *name, struct node node,
                       struct fact_function *f)
{
        struct nodes arguments;

        if (name == NULL || strcmp(name, "hypothesis.given") != 0 || !node_is(node, "call"))
                return false;
        arguments = node_children(m, node_field(node, "arguments"));
        for (size_t i = 0; i < arguments.n; i++)
                if (node_is(arguments.v[i], "keyword_argument"))
                        (void)names_add(arena, &f->given, node_text(m, node_field(arguments.v[i], "name")));
                else if (node_is(arguments.v[i], "list_splat") ||
                         node_is(arguments.v[i], "dictionary_splat") || node_is(arguments.v[i], "ellipsis"))
                        f->args_unsure = true;
                else
                        f->filled++;
        return true;
}

static enum known truth(const struct value *v)
{
        switch (v->kind) {
        case VALUE_BOOL:
        case VALUE_INT:
                return v->i ? KNOWN_YES : KNOWN_NO;
        case VALUE_NONE:
                return KNOWN_NO;
        default:
                return KNOWN_UNSURE;
        }
}

static void read_fixture(struct arena *arena, const struct module *m, const struct scope *scope,
                         struct node node, struct fact_function *f)
{
        struct nodes arguments =
            node_is(node, "call") ? node_children(m, node_field(node, "arguments")) : (struct nodes){0};

        f->is_fixture = true;
        for (size_t i = 0; i < arguments.n; i++) {
                struct node a = arguments.v[i];
                struct value v;
                const char *name;

                if (!node_is(a, "keyword_argument")) {
                        if (node_is(a, "dictionary_splat") || node_is(a, "list_splat")) {
                                f->fixture_unsure = f->any_name = true;
                                f->params = f->autouse = KNOWN_UNSURE;
                                f->scope = SCOPE_UNKNOWN;
                        }
                        continue;
                }
                name = node_text(m, node_field(a, "name"));
                v = value_read(scope, node_field(a, "value"), NULL);
                if (strcmp(name, "name") == 0 && v.kind != VALUE_NONE) {
                        f->any_name = v.kind != VALUE_STR;
                        f->fixture_name = v.kind == VALUE_STR && v.s[0] != '\0' ? keep(arena, v.s) : NULL;
                } else if (strcmp(name, "scope") == 0) {
                        f->scope = SCOPE_UNKNOWN;
                        for (int k = SCOPE_FUNCTION; k < SCOPE_UNKNOWN; k++)
                                if (v.kind == VALUE_STR && strcmp(v.s, fixture_scope_names[k]) == 0)
                                        f->scope = (enum fixture_scope)k;
                } else if (strcmp(name, "params") == 0) {
                        f->params = v.kind == VALUE_NONE ? KNOWN_NO : KNOWN_YES;
                } else if (strcmp(name, "autouse") == 0) {
                        f->autouse = truth(&v);
                }
        }
}

/* Whether the decorator NODE makes a fixture: KNOWN_UNSURE for what only sounds like it. */
static enum known makes_fixture(const struct module *m, const struct scope *scope, struct node node,
                                struct node *ret_call)
{
        static const char *const makers[] = {"pytest.fixture",           "pytest.yield_fixture",
                                             "_pytest.fixtures.fixture", "_pytest.fixtures.yield_fixture",
                                             "pytest_asyncio.fixture",   "pytest_asyncio.plugin.fixture"};
        const char *name, *word;
        struct binding *b;

        *ret_call = node;
        if (node_is(node, "identifier")) { /* session_fixture = pytest.fixture(scope="session") */
                b = module_resolve(m, scope, node_text(m, node));
                if (b != NULL && b->kind == BINDING_VALUE && !b->vague && node_is(b->node, "call"))
                        *ret_call = b->node;
        }
        name = facts_dotted(m, scope,
                            node_is(*ret_call, "call") ? node_field(*ret_call, "function") : *ret_call);
        for (size_t i = 0; name != NULL && i < sizeof makers / sizeof *makers; i++)
                if (strcmp(name, makers[i]) == 0)
                        return KNOWN_YES;
        name = node_text(m, node);
        word = strrchr(name, '.') != NULL ? strrchr(name, '.') + 1 : name;
        word = strncmp(name, "pytest.mark.", 12) == 0 ? NULL : strstr(word, "fixture");
        return word != NULL ? KNOWN_UNSURE : KNOWN_NO;
}

static void read_decorator(struct arena *arena, const struct module *m, const struct scope *scope,
                           struct node node, struct fact_function *f)
{
        struct node call;
        int patches = facts_patch(m, scope, node);
        const char *name =
            facts_dotted(m, scope, node_is(node, "call") ? node_field(node, "function") : node);
        enum known fixture = makes_fixture(m, scope, node, &call);

        if (patches >= 0) {
                f->patches += (size_t)patches;
        } else if (patches == -2) {
                f->args_unsure = true;
        } else if (fixture == KNOWN_YES) {
                read_fixture(arena, m, scope, call, f);
        } else if (name != NULL && strcmp(name, "staticmethod") == 0) {
                f->is_static = true;
        } else if (!read_given(arena, m, name, node, f)) {
                if (fixture == KNOWN_UNSURE)
                        f->fixture_unsure = true;
                facts_marks(arena, m, scope, node, &f->marks);
        }
}

/* The literals that the body asks for by request.getfixturevalue. */
static void read_asked(struct arena *arena, const struct module *m, struct node node, struct fact_function *f)
{
        for (struct node at = node; !node_is_null(at); at = node_walk(node, at, true)) {
                struct node function = node_is(at, "call") ? node_field(at, "function") : (struct node){0};
                struct node list = node_is(at, "call") ? node_field(at, "arguments") : (struct node){0};

                if (node_is(function, "attribute") && node_named_child_count(list) == 1 &&
                    strcmp(node_text(m, node_field(function, "attribute")), "getfixturevalue") == 0) {
                        struct value v = value_read(&m->scope, node_named_child(list, 0), NULL);

                        if (v.kind == VALUE_STR && !names_has(&f->asked, v.s))
                                (void)names_add(arena, &f->asked, v.s);
                }
        }
}

static bool mentions(const struct module *m, struct node node, const char *word)
{
        const char *text = m->text + node_start(node);

        return memmem(text, node_end(node) - node_start(node), word, strlen(word)) != NULL;
}

/* What a function is as a decorator, or as a maker of one, by the words in it. */
static enum decorates read_decorates(const struct module *m, struct node node)
{
        struct node body = node_field(node, "body");

        if (node_is_null(body) || mentions(m, body, "fixture") || mentions(m, body, "__signature__") ||
            mentions(m, body, "__wrapped__") || mentions(m, body, "parametrize"))
                return DECORATES_UNKNOWN;
        if (mentions(m, body, "wraps(") && !mentions(m, body, "mark"))
                return DECORATES_WRAPS;
        if (mentions(m, body, "pytest.mark.") && !mentions(m, body, "def ") && !mentions(m, body, "lambda"))
                return DECORATES_MARKS;
        return DECORATES_UNKNOWN;
}

struct fact_function *facts_function(struct arena *arena, const struct module *m, const struct scope *scope,
                                     struct node node, const struct nodes *decorators)
{
        struct fact_function *f = arena_get(arena, sizeof *f);
        struct node list = node_field(node, "parameters");

        if (f == NULL)
                return NULL;
        f->scope = SCOPE_FUNCTION;
        f->last_line = module_line(m, node);
        f->line = f->last_line;
        if (decorators != NULL && decorators->n > 0)
                f->line = module_line(m, decorators->v[0]);
        read_parameters(arena, m, list, f);
        f->signature = node_is_null(list) ? "()" : read_signature(arena, m, list);
        for (size_t i = decorators != NULL ? decorators->n : 0; i > 0; i--)
                read_decorator(arena, m, scope, decorators->v[i - 1], f);
        f->decorates = read_decorates(m, node);
        if (mentions(m, node, "getfixturevalue"))
                read_asked(arena, m, node, f);
        return f;
}
