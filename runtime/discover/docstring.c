/* How it works: what inspect and DocTestFinder ask an object for, told from the text that makes it. */
#include "runtime/discover/docstring.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/discover/classes.h"
#include "runtime/discover/doctest.h"
#include "runtime/discover/names.h"
#include "runtime/discover/resolve.h"

static bool is_name(char c)
{
        return isalnum((unsigned char)c) || c == '_' || ((unsigned char)c & 0x80) != 0;
}

/* DocTestFinder._find_lineno: the first line from LINE on that has a quote in front or behind a colon. */
uint32_t docstring_line(const struct module *m, uint32_t line)
{
        const char *p = m->text;
        uint32_t at = 1;

        for (; at < line && (p = strchr(p, '\n')) != NULL; at++)
                p++;
        for (; p != NULL; at++) {
                size_t n = strcspn(p, "\n");

                for (size_t i = 0; i < n; i++) {
                        size_t k = i;

                        if (p[i] != '"' && p[i] != '\'')
                                continue;
                        while (k > 0 && is_name(p[k - 1]))
                                k--;
                        while (k > 0 && (p[k - 1] == ' ' || p[k - 1] == '\t'))
                                k--;
                        if (k == 0 || memchr(p, ':', k) != NULL)
                                return at;
                }
                p = p[n] == '\n' ? p + n + 1 : NULL;
        }
        return line;
}

uint32_t docstring_line_of(const struct module *m, struct node node)
{
        return docstring_line(m, module_line(m, node));
}

uint32_t docstring_class_line(const struct module *m, const char *name)
{
        const char *p = m->text;
        size_t n = strlen(name);

        for (uint32_t at = 1; p != NULL; at++) {
                const char *q = p + strspn(p, " \t\f");

                if (strncmp(q, "class", 5) == 0) {
                        q += 5;
                        q += strspn(q, " \t");
                        if (strncmp(q, name, n) == 0 && !is_name(q[n]))
                                return at;
                }
                p = strchr(p, '\n');
                p = p != NULL ? p + 1 : NULL;
        }
        return 1;
}

/* The docstring that BODY, of a module, class or function, begins with. */
struct value docstring_of(const struct scope *scope, struct node body)
{
        struct nodes statements = node_children(scope->module, body);
        struct node node = statements.n > 0 && node_is(statements.v[0], "expression_statement")
                               ? node_named_child(statements.v[0], 0)
                               : (struct node){0};
        struct value none = value_of_kind(VALUE_NONE);

        while (node_is(node, "parenthesized_expression"))
                node = node_named_child(node, 0);
        if (!node_is(node, "string") && !node_is(node, "concatenated_string"))
                return none;
        for (uint32_t i = 0; i < node_named_child_count(node); i++) {
                struct node part = node_named_child(node, i);

                if (node_is(part, "interpolation"))
                        return none;
                for (uint32_t k = 0; node_is(part, "string") && k < node_named_child_count(part); k++)
                        if (node_is(node_named_child(part, k), "interpolation"))
                                return none;
        }
        if (strpbrk(arena_strn(scope->module->arena, node_text(scope->module, node),
                               strcspn(node_text(scope->module, node), "\"'")),
                    "fF") != NULL)
                return none; /* an f-string without fields is no docstring either */
        return value_read(scope, node, NULL);
}

bool docstring_has_examples(const struct value *doc)
{
        size_t at;

        return doc->kind == VALUE_STR && doctest_find(doc->s, doc->n, &at) != DOCTEST_NONE;
}

/* Decorators that return the function, or one that has its docstring and module. */
static const char faithful[] =
    " abc.abstractmethod abstractmethod functools.cache functools.lru_cache functools.singledispatch "
    "functools.wraps contextlib.contextmanager contextlib.asynccontextmanager typing.final "
    "typing.no_type_check typing.runtime_checkable typing_extensions.final typing.override "
    "typing_extensions.override atexit.register unittest.skip unittest.skipIf unittest.skipUnless "
    "unittest.expectedFailure types.coroutine asyncio.coroutine unittest.mock.patch "
    "unittest.mock.patch.object unittest.mock.patch.dict ";

static bool is_faithful_name(const char *dotted)
{
        return dotted != NULL &&
               (names_in_table(faithful, dotted) || strncmp(dotted, "pytest.mark.", 12) == 0);
}

/* The first parameter of the function E, or "". */
static const char *first_parameter(const struct entity *e)
{
        const struct module *m = e->scope->module;
        struct nodes parameters = node_children(m, node_field(e->binding->node, "parameters"));

        return parameters.n > 0 && node_is(parameters.v[0], "identifier") ? node_text(m, parameters.v[0])
                                                                          : "";
}

/* Whether all that the function E returns is its own argument. */
static bool returns_argument(const struct entity *e)
{
        const struct module *m = e->scope->module;
        struct nodes body = node_children(m, node_field(e->binding->node, "body"));
        const char *name = first_parameter(e);

        if (body.n == 0 || name[0] == '\0' || !node_is(body.v[body.n - 1], "return_statement"))
                return false;
        for (size_t i = 0; i + 1 < body.n; i++)
                if (strstr(node_text(m, body.v[i]), "return") != NULL)
                        return false;
        return strcmp(node_text(m, node_named_child(body.v[body.n - 1], 0)), name) == 0;
}

enum leaves docstring_after(const struct scope *scope, struct node decorator, bool in_class,
                            const char **ret_more)
{
        struct node function = node_is(decorator, "call") ? node_field(decorator, "function") : decorator;
        const char *dotted = module_dotted(scope->module, scope, function);
        const char *word = names_last_word(dotted);
        struct entity e;

        if (dotted != NULL && (strcmp(dotted, "staticmethod") == 0 || strcmp(dotted, "classmethod") == 0))
                return in_class ? LEAVES_DOC : LEAVES_UNKNOWN;
        if (dotted != NULL &&
            (strcmp(dotted, "property") == 0 || strcmp(dotted, "abc.abstractproperty") == 0))
                return in_class ? LEAVES_PROPERTY : LEAVES_NOTHING;
        if (is_faithful_name(dotted))
                return LEAVES_DOC;
        if (word != NULL && strcmp(word, "overload") == 0)
                return LEAVES_NOTHING;
        e = resolve_node(scope, function);
        if (is_faithful_name(e.dotted))
                return LEAVES_DOC;
        if (e.kind == ENTITY_BINDING && e.binding->kind == BINDING_FUNCTION && e.binding->decorators.n == 0 &&
            !entity_mentions(&e, "__doc__") && !entity_mentions(&e, "__module__") &&
            !entity_mentions(&e, "setattr")) {
                if (!node_is(decorator, "call") && returns_argument(&e))
                        return LEAVES_DOC;
                if (entity_mentions(&e, "wraps(") || entity_mentions(&e, "update_wrapper("))
                        return LEAVES_DOC;
        }
        if (*ret_more == NULL && (e.dotted == NULL || strncmp(e.dotted, "pytest.", 7) != 0))
                *ret_more = arena_printf(scope->module->arena, "the decorator %s may give a docstring",
                                         node_quote(scope->module, decorator));
        return LEAVES_UNKNOWN;
}

/* The function that "@NAME.setter" and the like were put on first, a property of the same class body. */
struct node docstring_getter(const struct scope *scope, struct node function, const char *name)
{
        struct node found = {0};
        const struct module *m = scope->module;
        struct node body = node_parent(node_parent(function));
        struct nodes statements = node_children(m, body);

        for (size_t i = 0; i < statements.n; i++) {
                struct node d = node_field(statements.v[i], "definition");

                if (node_is(statements.v[i], "decorated_definition") && node_is(d, "function_definition") &&
                    strcmp(node_text(m, node_field(d, "name")), name) == 0) {
                        if (!node_eq(d, function))
                                found = d;
                        break;
                }
        }
        return found;
}

static bool is_identifier(const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!is_name(s[i]))
                        return false;
        return n > 0 && !isdigit((unsigned char)s[0]);
}

static bool is_package(const char *dir, size_t n)
{
        char path[PATH_MAX];

        return snprintf(path, sizeof path, "%.*s/__init__.py", (int)n, dir) < (int)sizeof path &&
               access(path, F_OK) == 0;
}

/* What the module is called once pytest has imported it from the folder above its outermost package. */
const char *docstring_module(const struct module *m)
{
        const char *path = m->path, *base = strrchr(path, '/') + 1;
        size_t n = (size_t)(base - path) - 1, len = strlen(base) - 3, start = (size_t)(base - path);
        bool is_init = strcmp(base, "__init__.py") == 0;
        char *name;

        while (n > 0 && is_package(path, n)) {
                size_t at = n;

                while (at > 0 && path[at - 1] != '/')
                        at--;
                if (!is_identifier(path + at, n - at))
                        break;
                start = at;
                n = at > 0 ? at - 1 : 0;
        }
        if (start == (size_t)(base - path))
                return arena_strn(m->arena, base, len);
        name = arena_strn(m->arena, path + start,
                          is_init ? (size_t)(base - path) - 1 - start : (size_t)(base - path) + len - start);
        for (char *p = name; p != NULL && *p != '\0'; p++)
                if (*p == '/')
                        *p = '.';
        return name;
}
