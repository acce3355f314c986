/* How it works: three values, as in SQL. Python 3.10 is the oldest that is supported: what holds for it holds
 * for all. A name is followed to what it is bound to, in other files too. */
#include <stdio.h>
#include <string.h>

#include "runtime/discover/inline.h"
#include "runtime/discover/names.h"
#include "runtime/discover/read.h"
#include "runtime/discover/resolve.h"
#include "runtime/discover/value.h"

#define MAX_DEPTH 20

static int holds(const struct scope *scope, struct node node, int depth);

static int compare_version(const char *op, struct node tuple, const struct module *m)
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

static const char *const facts[][2] = {{"__name__", ""},
                                       {"sys.platform", "linux"},
                                       {"os.name", "posix"},
                                       {"platform.system()", "Linux"},
                                       {"sys.implementation.name", "cpython"},
                                       {"platform.python_implementation()", "CPython"}};

/* What the machine says of the expression TEXT, or NULL. */
static const char *fact(const char *text)
{
        for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
                if (strcmp(text, facts[i][0]) == 0)
                        return facts[i][1];
        return NULL;
}

static bool is_quoted(const char *literal, const char *text)
{
        size_t n = strlen(text);

        return strlen(literal) == n + 2 && memcmp(literal + 1, text, n) == 0;
}

/* FACT in ("a", "b"): 1 or 0; -1 where it is no such list. */
static int is_member(const struct module *m, const char *known, struct node list)
{
        struct nodes items = node_children(m, list);

        if (!node_is(list, "tuple") && !node_is(list, "list") && !node_is(list, "set"))
                return -1;
        for (size_t i = 0; i < items.n; i++) {
                if (!node_is(items.v[i], "string"))
                        return -1;
                if (is_quoted(node_text(m, items.v[i]), known))
                        return 1;
        }
        return 0;
}

/* X is None, X is not None */
static int compare_none(const struct scope *scope, struct node left, bool negated)
{
        struct entity e = resolve_node(scope, left);
        int none = -1;

        if (e.kind == ENTITY_MODULE || e.kind == ENTITY_FOREIGN)
                none = 0;
        else if (e.kind == ENTITY_BINDING && e.binding->maybe == NULL &&
                 (e.binding->kind == BINDING_CLASS || e.binding->kind == BINDING_FUNCTION))
                none = 0;
        else if (e.kind == ENTITY_BINDING && e.binding->known != NULL)
                none = e.binding->known->kind == VALUE_NONE      ? 1
                       : e.binding->known->kind == VALUE_UNKNOWN ? -1
                                                                 : 0;
        else if (e.kind == ENTITY_BINDING && e.binding->kind == BINDING_VALUE && e.binding->maybe == NULL &&
                 !e.binding->vague)
                none = node_is(e.binding->node, "none") ? 1 : -1;
        return none < 0 ? -1 : none != negated;
}

static int compare_values(const struct scope *scope, const struct nodes *parts, bool negated)
{
        struct value a = value_read(scope, parts->v[0], NULL), b = value_read(scope, parts->v[1], NULL);
        int r = value_equal(&a, &b);

        return r < 0 ? r : r != negated;
}

static int comparison(const struct scope *scope, struct node node)
{
        const struct module *m = scope->module;
        struct nodes parts = node_children(m, node);
        const char *op, *left, *known;
        int r = -1;

        if (node_child_count(node) != 3 || parts.n != 2)
                return -1;
        op = node_text(m, node_child(node, 1));
        left = node_text(m, parts.v[0]);
        if (strcmp(left, "sys.version_info") == 0 && node_is(parts.v[1], "tuple"))
                return compare_version(op, parts.v[1], m);
        if ((strcmp(op, "is") == 0 || strcmp(op, "is not") == 0) && node_is(parts.v[1], "none"))
                return compare_none(scope, parts.v[0], strcmp(op, "is not") == 0);
        known = fact(left);
        if (known == NULL)
                return strcmp(op, "==") == 0 || strcmp(op, "!=") == 0
                           ? compare_values(scope, &parts, op[0] == '!')
                           : -1;
        if ((strcmp(op, "==") == 0 || strcmp(op, "!=") == 0) && node_is(parts.v[1], "string")) {
                r = is_quoted(node_text(m, parts.v[1]), known);
                return op[0] == '=' ? r : !r;
        }
        if (strcmp(op, "in") == 0 || strcmp(op, "not in") == 0) {
                r = is_member(m, known, parts.v[1]);
                return r < 0 ? r : op[0] == 'i' ? r : !r;
        }
        return -1;
}

/* What this platform surely has, and what it surely has not. */
static const char present[] =
    " os.fork os.forkpty os.getuid os.geteuid os.getgid os.kill os.killpg os.link os.mkfifo os.openpty "
    "os.pipe os.pipe2 "
    "os.popen os.pread os.readlink os.sched_getaffinity os.sched_setaffinity os.sendfile os.setsid "
    "os.symlink "
    "os.umask os.wait3 os.wait4 select.epoll select.poll select.select signal.SIGALRM signal.SIGKILL "
    "signal.SIGUSR1 signal.pthread_kill signal.setitimer socket.AF_INET socket.AF_INET6 socket.AF_UNIX "
    "sys.addaudithook "
    "sys.audit sys.flags sys.gettrace sys.settrace time.tzset ";
static const char absent[] =
    " os.startfile os.O_BINARY select.devpoll select.kevent select.kqueue socket.AF_LINK "
    "sys.getwindowsversion sys.gettotalrefcount sys.winver ";

/* hasattr(X, "name") */
static int has_attribute(const struct scope *scope, const struct nodes *arguments)
{
        struct value name =
            arguments->n == 2 ? value_read(scope, arguments->v[1], NULL) : value_of_kind(VALUE_UNKNOWN);
        struct entity e = arguments->n == 2 ? resolve_node(scope, arguments->v[0]) : (struct entity){0};
        const char *dotted = arguments->n == 2 ? module_dotted(scope->module, scope, arguments->v[0]) : NULL;
        struct binding *b;

        if (name.kind != VALUE_STR || dotted == NULL)
                return -1;
        dotted = arena_printf(scope->module->arena, "%s.%s", dotted, name.s);
        if (dotted != NULL && names_in_table(present, dotted))
                return 1;
        if (dotted != NULL && names_in_table(absent, dotted))
                return 0;
        b = e.kind == ENTITY_MODULE ? module_find(&e.module->scope, name.s) : NULL;
        if (e.kind != ENTITY_MODULE || module_find(&e.module->scope, "__getattr__") != NULL)
                return -1;
        return b == NULL ? 0 : b->maybe == NULL ? 1 : -1;
}

/* What BLOCK, in a function, returns, if only conditions that can be told stand before it. *RET_DONE: it
 * does.
 */
static int of_block(const struct scope *scope, struct node block, int depth, bool *ret_done)
{
        struct nodes statements = node_children(scope->module, block);

        for (size_t i = 0; i < statements.n; i++) {
                struct node s = statements.v[i], taken = {0};
                struct nodes parts;
                int truth;

                if (node_is(s, "expression_statement") && node_is(node_named_child(s, 0), "string"))
                        continue;
                *ret_done = true;
                if (node_is(s, "return_statement"))
                        return node_named_child_count(s) == 1
                                   ? holds(scope, node_named_child(s, 0), depth + 1)
                                   : 0;
                if (!node_is(s, "if_statement") || depth > MAX_DEPTH)
                        return -1;
                truth = holds(scope, node_field(s, "condition"), depth + 1);
                if (truth == 1)
                        taken = node_field(s, "consequence");
                parts = node_children(scope->module, s);
                for (size_t k = 0; truth == 0 && k < parts.n; k++)
                        if (node_is(parts.v[k], "elif_clause")) {
                                truth = holds(scope, node_field(parts.v[k], "condition"), depth + 1);
                                if (truth == 1)
                                        taken = node_field(parts.v[k], "consequence");
                        } else if (node_is(parts.v[k], "else_clause")) {
                                taken = node_field(parts.v[k], "body");
                        }
                if (truth < 0)
                        return -1;
                *ret_done = false;
                if (!node_is_null(taken)) {
                        truth = of_block(scope, taken, depth + 1, ret_done);
                        if (*ret_done)
                                return truth;
                }
        }
        return -1;
}

/* A function of nothing but conditions and what it returns. */
static int of_function(const struct scope *scope, struct node node, int depth)
{
        struct entity e = resolve_node(scope, node_field(node, "function"));
        struct scope *inside;
        bool done = false;

        if (e.kind != ENTITY_BINDING || e.binding->kind != BINDING_FUNCTION || e.binding->decorators.n > 0 ||
            e.binding->maybe != NULL)
                return -1;
        inside = inline_scope(scope, node, &e);
        return inside != NULL ? of_block(inside, node_field(e.binding->node, "body"), depth + 1, &done) : -1;
}

/* sys.platform.startswith("win") */
static int call(const struct scope *scope, struct node node, int depth)
{
        const struct module *m = scope->module;
        struct node function = node_field(node, "function");
        struct nodes arguments = node_children(m, node_field(node, "arguments"));
        const char *known =
            node_is(function, "attribute") ? fact(node_text(m, node_field(function, "object"))) : NULL;
        const char *text;
        size_t n;

        if (strcmp(node_text(m, function), "hasattr") == 0)
                return has_attribute(scope, &arguments);
        if (known == NULL)
                return of_function(scope, node, depth);
        if (arguments.n != 1 || !node_is(arguments.v[0], "string") ||
            strcmp(node_text(m, node_field(function, "attribute")), "startswith") != 0)
                return -1;
        text = node_text(m, arguments.v[0]);
        n = strlen(text);
        return n >= 2 && strncmp(known, text + 1, n - 2) == 0;
}

static int of_entity(const struct scope *scope, struct node node, int depth)
{
        struct entity e = resolve_node(scope, node);

        if (e.kind == ENTITY_MODULE)
                return 1;
        if (e.kind != ENTITY_BINDING || e.binding->maybe != NULL || e.binding->vague)
                return -1;
        if (e.binding->known != NULL)
                return value_truth(e.binding->known);
        if (e.binding->kind == BINDING_CLASS || e.binding->kind == BINDING_FUNCTION)
                return 1;
        return e.binding->kind == BINDING_VALUE && !node_is_null(e.binding->node)
                   ? holds(e.scope, e.binding->node, depth + 1)
                   : -1;
}

static int holds(const struct scope *scope, struct node node, int depth)
{
        const struct module *m = scope->module;
        const char *text;
        int a, b;

        if (depth > MAX_DEPTH || node_is_null(node))
                return -1;
        if (node_is(node, "parenthesized_expression"))
                return holds(scope, node_named_child(node, 0), depth + 1);
        if (node_is(node, "boolean_operator")) {
                bool is_and = node_is(node_field(node, "operator"), "and");

                a = holds(scope, node_field(node, "left"), depth + 1);
                b = holds(scope, node_field(node, "right"), depth + 1);
                if (is_and)
                        return a == 0 || b == 0 ? 0 : a == 1 && b == 1 ? 1 : -1;
                return a == 1 || b == 1 ? 1 : a == 0 && b == 0 ? 0 : -1;
        }
        if (node_is(node, "not_operator")) {
                a = holds(scope, node_field(node, "argument"), depth + 1);
                return a < 0 ? a : !a;
        }
        if (node_is(node, "comparison_operator"))
                return comparison(scope, node);
        if (node_is(node, "call"))
                return call(scope, node, depth);
        text = node_text(m, node);
        if (node_is(node, "true") || strcmp(text, "1") == 0 || strcmp(text, "__debug__") == 0)
                return 1;
        if (node_is(node, "false") || node_is(node, "none") || strcmp(text, "0") == 0 ||
            strcmp(text, "TYPE_CHECKING") == 0 || strcmp(text, "typing.TYPE_CHECKING") == 0)
                return 0;
        if (node_is(node, "identifier") || node_is(node, "attribute"))
                return of_entity(scope, node, depth);
        return -1;
}

int condition_holds(const struct scope *scope, struct node node)
{
        return scope->module == NULL ? -1 : holds(scope, node, 0);
}
