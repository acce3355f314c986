/* How it works: the tree is walked where it has the word at all; what is handed to exec() as a literal is
 * looked at for words that define or import names. */
#include "runtime/discover/execs.h"

#include <ctype.h>
#include <string.h>

bool execs_is_namespace(const char *text)
{
        return strstr(text, "globals()") != NULL || strstr(text, "vars()") != NULL ||
               strstr(text, "locals()") != NULL || strstr(text, "sys.modules") != NULL;
}

/* Whether the literal TEXT does nothing but import modules or what defines no tests. */
static bool is_harmless(const char *text)
{
        static const char *const words[] = {"def", "class", "lambda", "from",    "est",
                                            "\\",  "{",     "exec",   "globals", "setattr"};

        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
                if (strstr(text, words[i]) != NULL)
                        return false;
        return strchr(text, '=') == NULL;
}

/* Whether the text of BODY has the name exec. */
static bool mentions_exec(const struct module *m, struct node body)
{
        static const char name[] = "exec";
        const char *p = m->text + node_start(body), *end = m->text + node_end(body);

        for (; (p = memmem(p, (size_t)(end - p), name, strlen(name))) != NULL; p++) {
                const char after = p[strlen(name)];

                if (!isalnum((unsigned char)after) && after != '_' &&
                    (p == m->text || (!isalnum((unsigned char)p[-1]) && p[-1] != '_')))
                        return true;
        }
        return false;
}

enum where { ELSEWHERE, HERE, IN_GLOBALS };

/* In which names the CALL of exec() may define something. */
static enum where where_of(const struct module *m, struct node call)
{
        struct nodes arguments = node_children(m, node_field(call, "arguments"));
        const char *names = arguments.n > 1 ? node_text(m, arguments.v[1]) : "";

        if (arguments.n == 0 ||
            (node_is(arguments.v[0], "string") && is_harmless(node_text(m, arguments.v[0]))))
                return ELSEWHERE;
        if (arguments.n > 2 && execs_is_namespace(node_text(m, arguments.v[2])))
                return HERE;
        if (arguments.n == 1 || strcmp(names, "None") == 0)
                return HERE;
        if (strstr(names, "globals()") != NULL || strstr(names, "sys.modules") != NULL ||
            strstr(names, "__dict__") != NULL)
                return IN_GLOBALS;
        return execs_is_namespace(names) ? HERE : ELSEWHERE;
}

static bool is_exec(const struct module *m, struct node node)
{
        return (node_is(node, "identifier") && strcmp(node_text(m, node), "exec") == 0) ||
               (node_is(node, "attribute") && (strcmp(node_text(m, node), "builtins.exec") == 0 ||
                                               strcmp(node_text(m, node), "__builtins__.exec") == 0));
}

static bool is_function(struct node node)
{
        return node_is(node, "function_definition") || node_is(node, "lambda");
}

struct node execs_find(const struct module *m, struct node body, bool of_class)
{
        uint32_t in_class = 0; /* as far as this */
        struct node next;

        if (node_is_null(body) || module_find(&m->scope, "exec") != NULL || !mentions_exec(m, body))
                return (struct node){0};
        for (struct node n = body; !node_is_null(n); n = next) {
                const struct node function =
                    node_is(n, "call") ? node_field(n, "function") : (struct node){0};
                bool called = !node_is_null(function) && is_exec(m, function);

                next = node_walk(body, n, !is_function(n) && !is_exec(m, n));
                if (node_is(n, "class_definition") && n.at >= in_class && n.at != body.at) {
                        in_class = node_behind(n);
                } else if (called) {
                        enum where where = where_of(m, n);

                        if (where == IN_GLOBALS ? !of_class : where == HERE && n.at >= in_class)
                                return n;
                        next = node_walk(body, function, false);
                } else if (is_exec(m, n) && n.at >= in_class) { /* handed on */
                        return n;
                }
        }
        return (struct node){0};
}
