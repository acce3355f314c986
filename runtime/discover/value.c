/* How it works: a small evaluator over the syntax tree. It knows literals, the names that the file itself
 * binds once, and arithmetic on what it knows; everything else is VALUE_UNKNOWN, never a guess. */
#include "runtime/discover/eval.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/discover/inline.h"
#include "runtime/discover/library.h"
#include "runtime/discover/names.h"
#include "runtime/discover/resolve.h"

#define MAX_DEPTH 60

static struct value eval(struct eval *e, const struct scope *scope, struct node node);

/* Builtins that have a __name__. Tables are words between blanks. */
static const char builtins[] =
    " "
    "ArithmeticError AssertionError AttributeError BaseException BlockingIOError "
    "BrokenPipeError BufferError BytesWarning ChildProcessError ConnectionAbortedError "
    "ConnectionError ConnectionRefusedError ConnectionResetError DeprecationWarning EOFError "
    "Exception FileExistsError FileNotFoundError FloatingPointError FutureWarning "
    "GeneratorExit ImportError ImportWarning IndentationError IndexError InterruptedError "
    "IsADirectoryError KeyError KeyboardInterrupt LookupError MemoryError "
    "ModuleNotFoundError NameError NotADirectoryError NotImplementedError OSError "
    "OverflowError PendingDeprecationWarning PermissionError ProcessLookupError "
    "RecursionError ReferenceError ResourceWarning RuntimeError RuntimeWarning "
    "StopAsyncIteration StopIteration SyntaxError SyntaxWarning SystemError SystemExit "
    "TabError TimeoutError TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError "
    "UnicodeError UnicodeTranslateError UnicodeWarning UserWarning ValueError Warning "
    "ZeroDivisionError abs all any ascii bin bool bytearray bytes callable chr classmethod "
    "compile complex delattr dict dir divmod enumerate eval exec filter float format "
    "frozenset getattr globals hasattr hash hex id input int isinstance issubclass iter len "
    "list locals map max memoryview min next object oct open ord pow print property range "
    "repr reversed round set setattr slice sorted staticmethod str sum super tuple type vars "
    "zip ";

/* Classes whose instances have no id of their own, as imports spell them. */
static const char classes[] =
    " collections.Counter collections.OrderedDict collections.defaultdict collections.deque datetime.date "
    "datetime.datetime datetime.time datetime.timedelta datetime.timezone decimal.Decimal fractions.Fraction "
    "io.BytesIO io.StringIO pathlib.Path pathlib.PurePath pathlib.PurePosixPath pathlib.PureWindowsPath "
    "types.SimpleNamespace uuid.UUID ";

/* Other calls and attributes that have none. */
static const char objects[] =
    " object dict list set frozenset tuple bytearray memoryview range slice iter enumerate zip map filter "
    "reversed Exception ValueError TypeError KeyError RuntimeError OSError IndexError AttributeError "
    "datetime.date.today datetime.datetime.now datetime.datetime.utcnow ipaddress.ip_address "
    "ipaddress.ip_network pathlib.Path.cwd sys.__stderr__ sys.__stdin__ sys.__stdout__ sys.stderr sys.stdin "
    "sys.stdout threading.Lock uuid.uuid4 ";

bool value_is_builtin(const char *name)
{
        return names_in_table(builtins, name);
}

enum nature {
        NATURE_UNKNOWN,
        NATURE_PLAIN, /* all bases are known, and none is a type with an id of its own */
        NATURE_ENUM,  /* enum.Enum alone */
        NATURE_TEXT_ENUM,
};

static enum nature class_nature(struct class_def *c)
{
        bool is_enum = false, is_text = false;

        module_mro(c->scope.module, c);
        if (c->unknown_base != NULL)
                return NATURE_UNKNOWN;
        for (size_t i = 0; i < c->n_mro; i++)
                if (c->mro[i]->has_keywords)
                        return NATURE_UNKNOWN;
        for (size_t i = 0; i < c->n_foreign; i++) {
                const char *name = c->foreign[i];

                if (strcmp(name, "enum.Enum") == 0)
                        is_enum = true;
                else if (strcmp(name, "str") == 0)
                        is_text = true;
                else if (!names_in_table(
                             " object dict list set frozenset abc.ABC typing.Generic typing.Protocol ",
                             name) &&
                         (!value_is_builtin(name) || !(name[0] >= 'A' && name[0] <= 'Z')))
                        return NATURE_UNKNOWN;
        }
        if (is_enum)
                return is_text ? NATURE_TEXT_ENUM : NATURE_ENUM;
        return is_text ? NATURE_UNKNOWN : NATURE_PLAIN;
}

/* Whether B, an empty list or dict of a module, is filled by a function of its file. */
static bool is_filled(const struct scope *scope, const struct binding *b)
{
        const struct module *m = scope->module;

        return (node_is(b->node, "list") || node_is(b->node, "dictionary")) &&
               node_children(m, b->node).n == 0 && m->library != NULL && m->path != NULL &&
               library_fills(m->library, m->path, b->name);
}

static struct value of_entity(struct eval *e, struct entity entity)
{
        const struct binding *b = entity.binding;

        if (entity.kind != ENTITY_BINDING)
                return value_of_kind(VALUE_UNKNOWN);
        switch (b->kind) {
        case BINDING_FUNCTION:
        case BINDING_CLASS:
                return b->decorators.n == 0 || b->kind == BINDING_CLASS ? value_of_name(b->name)
                                                                        : value_of_kind(VALUE_UNKNOWN);
        case BINDING_VALUE:
                if (b->known != NULL)
                        return *b->known;
                if (b->vague || b->maybe != NULL || node_is_null(b->node) || is_filled(entity.scope, b))
                        return value_of_kind(VALUE_UNKNOWN);
                return eval(e, entity.scope, b->node);
        default:
                return value_of_kind(VALUE_UNKNOWN);
        }
}

static struct value of_binding(struct eval *e, const struct scope *scope, struct binding *b)
{
        struct entity entity;

        if (b->kind != BINDING_IMPORT)
                return of_entity(e, (struct entity){.kind = ENTITY_BINDING, .scope = scope, .binding = b});
        if (!b->is_module && names_in_table(classes, b->from))
                return value_of_name(strrchr(b->from, '.') + 1);
        if (b->is_module && strchr(b->from, '.') == NULL)
                return value_of_name(b->from);
        entity = resolve_binding(scope, b);
        return entity.kind == ENTITY_MODULE && b->import.level == 0 ? value_of_name(b->from)
                                                                    : of_entity(e, entity);
}

static struct value identifier(struct eval *e, const struct scope *scope, struct node node)
{
        const char *name = node_text(e->m, node);
        const struct scope *where = module_find(scope, name) != NULL ? scope : &e->m->scope;
        struct binding *b = module_find(where, name);

        if (b != NULL)
                return of_binding(e, where, b);
        if (value_is_builtin(name))
                return value_of_name(strcmp(name, "IOError") == 0 ? "OSError" : name);
        return value_of_kind(strcmp(name, "NotImplemented") == 0 || strcmp(name, "Ellipsis") == 0
                                 ? VALUE_OBJECT
                                 : VALUE_UNKNOWN);
}

/* CLASS.NAME */
static struct value member(struct eval *e, struct class_def *c, const char *name)
{
        const struct scope *owner = NULL;
        struct binding *b = resolve_member(c, name, &owner);

        switch (class_nature(c)) {
        case NATURE_ENUM:
                if (b == NULL || b->kind != BINDING_VALUE || name[0] == '_' ||
                    resolve_member(c, "__str__", NULL) != NULL)
                        return value_of_kind(VALUE_UNKNOWN);
                return value_of_name(arena_printf(e->m->arena, "%s.%s", c->name, name));
        case NATURE_TEXT_ENUM:
                if (b == NULL || b->kind != BINDING_VALUE || name[0] == '_')
                        return value_of_kind(VALUE_UNKNOWN);
                return of_binding(e, owner, b);
        default:
                return b != NULL && c->unknown_base == NULL ? of_binding(e, owner, b)
                                                            : value_of_kind(VALUE_UNKNOWN);
        }
}

static struct value attribute(struct eval *e, const struct scope *scope, struct node node)
{
        const char *dotted = module_dotted(e->m, scope, node);
        struct entity owner;

        if (dotted == NULL)
                return value_of_kind(VALUE_UNKNOWN);
        if (strcmp(dotted, "math.inf") == 0 || strcmp(dotted, "math.nan") == 0)
                return (struct value){.kind = VALUE_FLOAT,
                                      .f = dotted[5] == 'i' ? (double)INFINITY : (double)NAN};
        if (names_in_table(classes, dotted))
                return value_of_name(strrchr(dotted, '.') + 1);
        if (names_in_table(objects, dotted) && strncmp(dotted, "sys.", 4) == 0)
                return value_of_kind(VALUE_OBJECT);
        owner = resolve_node(scope, node_field(node, "object"));
        if (owner.kind == ENTITY_BINDING && owner.binding->kind == BINDING_CLASS)
                return member(e, owner.binding->class_def, node_text(e->m, node_field(node, "attribute")));
        if (owner.kind == ENTITY_MODULE)
                return of_entity(e, resolve_node(scope, node));
        return value_of_kind(VALUE_UNKNOWN);
}

static struct value sequence(struct eval *e, const struct scope *scope, struct nodes nodes)
{
        struct value v = {.kind = VALUE_SEQUENCE,
                          .items = arena_get(e->m->arena, (nodes.n + 1) * sizeof(struct value))};

        if (v.items == NULL)
                return value_of_kind(VALUE_UNKNOWN);
        for (size_t i = 0; i < nodes.n; i++) {
                struct value rest;

                if (!node_is(nodes.v[i], "list_splat")) {
                        v.items[v.n++] = eval(e, scope, nodes.v[i]);
                        continue;
                }
                rest = eval(e, scope, node_named_child(nodes.v[i], 0));
                if (rest.kind != VALUE_SEQUENCE || rest.n > VALUE_MAX_ITEMS)
                        return value_of_kind(VALUE_UNKNOWN);
                v.items = arena_grow(e->m->arena, v.items, v.n * sizeof *v.items,
                                     (v.n + rest.n + nodes.n - i) * sizeof *v.items);
                if (v.items == NULL)
                        return value_of_kind(VALUE_UNKNOWN);
                if (rest.n > 0)
                        memcpy(v.items + v.n, rest.items, rest.n * sizeof *rest.items);
                v.n += rest.n;
        }
        return v;
}

static struct value param(struct eval *e, const struct scope *scope, struct nodes arguments)
{
        struct nodes values = {arguments.v, 0};
        const char *given = NULL;
        struct value v;

        for (size_t i = 0; i < arguments.n; i++) {
                struct node argument = arguments.v[i];

                if (!node_is(argument, "keyword_argument")) {
                        if (node_is(argument, "dictionary_splat"))
                                return value_of_kind(VALUE_UNKNOWN);
                        values.v[values.n++] = argument;
                } else if (strcmp(node_text(e->m, node_field(argument, "name")), "id") == 0) {
                        v = eval(e, scope, node_field(argument, "value"));
                        if (v.kind == VALUE_STR)
                                given = value_escape(e->m->arena, v.s, v.n, false);
                        else if (v.kind != VALUE_NONE)
                                return value_of_kind(VALUE_UNKNOWN);
                }
        }
        v = sequence(e, scope, values);
        v.is_param = true;
        v.param_id = given;
        return v;
}

static struct value range(struct eval *e, const struct scope *scope, struct nodes arguments)
{
        int64_t bound[3] = {0, 0, 1};
        struct value v = value_of_kind(VALUE_SEQUENCE);

        if (arguments.n == 0 || arguments.n > 3)
                return value_of_kind(VALUE_UNKNOWN);
        for (size_t i = 0; i < arguments.n; i++) {
                struct value b = eval(e, scope, arguments.v[i]);

                if (!value_is_integer(&b) || b.i > INT32_MAX || b.i < INT32_MIN)
                        return value_of_kind(VALUE_UNKNOWN);
                bound[arguments.n == 1 ? 1 : i] = b.i;
        }
        if (bound[2] == 0 || (bound[1] - bound[0]) / bound[2] > (int64_t)VALUE_MAX_ITEMS)
                return value_of_kind(VALUE_UNKNOWN);
        if ((bound[1] - bound[0]) / bound[2] >= 0)
                v.items = arena_get(e->m->arena,
                                    ((size_t)((bound[1] - bound[0]) / bound[2]) + 2) * sizeof *v.items);
        for (int64_t i = bound[0]; v.items != NULL && (bound[2] > 0 ? i < bound[1] : i > bound[1]);
             i += bound[2])
                v.items[v.n++] = value_of_int(i);
        return v;
}

static struct value zip(struct eval *e, const struct scope *scope, struct nodes arguments)
{
        struct value lists[8], v = value_of_kind(VALUE_SEQUENCE);

        if (arguments.n == 0 || arguments.n > sizeof lists / sizeof lists[0])
                return value_of_kind(VALUE_OBJECT);
        v.n = SIZE_MAX;
        for (size_t i = 0; i < arguments.n; i++) {
                lists[i] = eval(e, scope, arguments.v[i]);
                if (lists[i].kind != VALUE_SEQUENCE)
                        return value_of_kind(VALUE_OBJECT);
                v.n = lists[i].n < v.n ? lists[i].n : v.n;
        }
        v.items = arena_get(e->m->arena, (v.n + 1) * sizeof *v.items);
        for (size_t k = 0; k < v.n && v.items != NULL; k++) {
                struct value *set = arena_get(e->m->arena, arguments.n * sizeof *set);

                for (size_t i = 0; i < arguments.n && set != NULL; i++)
                        set[i] = lists[i].items[k];
                v.items[k] = (struct value){
                    .kind = set != NULL ? VALUE_SEQUENCE : VALUE_UNKNOWN, .items = set, .n = arguments.n};
        }
        return v.items != NULL ? v : value_of_kind(VALUE_UNKNOWN);
}

/* A call of a method on a constant. */
static struct value method(struct eval *e, const struct scope *scope, struct node function,
                           struct nodes arguments)
{
        struct value self = eval(e, scope, node_field(function, "object"));
        const char *name = node_text(e->m, node_field(function, "attribute"));

        if (self.kind == VALUE_STR && strcmp(name, "encode") == 0) {
                struct value codec =
                    arguments.n == 1 ? eval(e, scope, arguments.v[0]) : value_of_text(VALUE_STR, "utf-8", 5);

                if (arguments.n > 1 || codec.kind != VALUE_STR ||
                    (strcasecmp(codec.s, "utf-8") != 0 && strcasecmp(codec.s, "utf8") != 0 &&
                     strcasecmp(codec.s, "ascii") != 0))
                        return value_of_kind(VALUE_UNKNOWN);
                return value_of_text(VALUE_BYTES, self.s, self.n);
        }
        if (self.kind != VALUE_UNKNOWN && arguments.n <= 1) {
                struct value given = arguments.n == 1 ? eval(e, scope, arguments.v[0])
                                                      : value_of_kind(VALUE_UNKNOWN),
                             v;

                if (eval_method(e, &self, name, &given, arguments.n, &v))
                        return v;
        }
        return value_of_kind(VALUE_UNKNOWN);
}

/* Whether calls of what is spelled so give what has no id of its own. */
static bool is_table_object(const char *dotted)
{
        return names_in_table(objects, dotted) || names_in_table(classes, dotted);
}

/* A function of the project that is nothing but a return. */
static struct value call_of_function(struct eval *e, const struct scope *scope, struct node node,
                                     struct node function)
{
        const struct module *m = scope->module;
        const struct binding *b =
            node_is(function, "identifier") ? module_resolve(m, scope, node_text(m, function)) : NULL;
        struct entity entity;
        struct scope *inside;
        struct node result;

        if (b != NULL && b->kind == BINDING_IMPORT && b->target == NULL && m->library != NULL &&
            library_is_class(m->library, m, &b->import))
                return value_of_kind(VALUE_UNKNOWN); /* its text is not parsed */
        entity = resolve_node(scope, function);
        if (entity.kind != ENTITY_BINDING || entity.binding->kind != BINDING_FUNCTION ||
            entity.binding->decorators.n > 0)
                return value_of_kind(VALUE_UNKNOWN);
        result = inline_result(&entity);
        inside = node_is_null(result) ? NULL : inline_scope(scope, node, &entity);
        return inside != NULL ? eval(e, inside, result) : value_of_kind(VALUE_UNKNOWN);
}

static struct value call(struct eval *e, const struct scope *scope, struct node node)
{
        struct node function = node_field(node, "function"), list = node_field(node, "arguments");
        const char *name = module_dotted(e->m, scope, function);
        struct nodes arguments = node_children(e->m, list);
        struct value v = value_of_kind(VALUE_UNKNOWN);
        struct binding *b;

        if (!node_is(list, "argument_list"))
                return v;
        if (name == NULL)
                return node_is(function, "attribute") ? method(e, scope, function, arguments) : v;
        if (strcmp(name, "pytest.param") == 0)
                return param(e, scope, arguments);
        b = node_is(function, "identifier") ? module_resolve(e->m, scope, node_text(e->m, function)) : NULL;
        if (b != NULL && b->kind == BINDING_CLASS)
                return value_of_kind(b->decorators.n == 0 && class_nature(b->class_def) == NATURE_PLAIN &&
                                             module_find(&b->class_def->scope, "__new__") == NULL &&
                                             module_find(&b->class_def->scope, "__getattr__") == NULL &&
                                             module_find(&b->class_def->scope, "__name__") == NULL
                                         ? VALUE_OBJECT
                                         : VALUE_UNKNOWN);
        if (strchr(name, '.') != NULL && is_table_object(name) && resolve_is_standard(scope, function))
                return value_of_kind(VALUE_OBJECT); /* its text is not read */
        if (b != NULL || !node_is(function, "identifier"))
                v = call_of_function(e, scope, node, function);
        if (v.kind != VALUE_UNKNOWN || (b != NULL && b->kind != BINDING_IMPORT))
                return v;
        if (eval_builtin(e, scope, name, arguments, &v))
                return v;
        if (b == NULL && node_is(function, "attribute") && strchr(name, '.') != NULL &&
            module_resolve(e->m, scope, arena_strn(e->m->arena, name, strcspn(name, "."))) != NULL)
                v = method(e, scope, function, arguments);
        if (v.kind != VALUE_UNKNOWN)
                return v;
        if (strcmp(name, "float") == 0 && arguments.n == 1) {
                v = eval(e, scope, arguments.v[0]);
                if (value_is_integer(&v))
                        return (struct value){.kind = VALUE_FLOAT, .f = (double)v.i};
                if (v.kind == VALUE_STR && (strcasecmp(v.s, "inf") == 0 || strcasecmp(v.s, "-inf") == 0 ||
                                            strcasecmp(v.s, "nan") == 0))
                        return (struct value){.kind = VALUE_FLOAT, .f = strtod(v.s, NULL)};
                return v.kind == VALUE_FLOAT ? v : value_of_kind(VALUE_UNKNOWN);
        }
        if (strcmp(name, "re.compile") == 0 && arguments.n >= 1) {
                v = eval(e, scope, arguments.v[0]);
                return v.kind == VALUE_STR || v.kind == VALUE_BYTES ? v : value_of_kind(VALUE_UNKNOWN);
        }
        if (strcmp(name, "zip") == 0)
                v = zip(e, scope, arguments);
        if (strcmp(name, "range") == 0)
                v = range(e, scope, arguments);
        if ((strcmp(name, "list") == 0 || strcmp(name, "tuple") == 0) && arguments.n == 1) {
                v = eval(e, scope, arguments.v[0]);
                v = value_iterate(e->m, &v);
        }
        if (v.kind == VALUE_SEQUENCE)
                return v;
        return value_of_kind(is_table_object(name) ? VALUE_OBJECT : VALUE_UNKNOWN);
}

static struct value concatenated(struct eval *e, const struct scope *scope, struct node node)
{
        struct nodes parts = node_children(e->m, node);
        struct value v = parts.n > 0 ? eval(e, scope, parts.v[0]) : value_of_kind(VALUE_UNKNOWN);

        for (size_t i = 1; i < parts.n && v.kind != VALUE_UNKNOWN; i++)
                v = value_binary(e->m, "+", v, eval(e, scope, parts.v[i]));
        return v;
}

static struct value eval_node(struct eval *e, const struct scope *scope, struct node node)
{
        static const char displays[] = " dictionary set ellipsis list_comprehension generator_expression "
                                       "dictionary_comprehension set_comprehension ";
        const char *type = node_type(node);

        struct value v;

        if (strcmp(type, "string") == 0) {
                v = value_string(e->m, node);
                if (v.kind != VALUE_UNKNOWN || (node_text(e->m, node)[0] | 0x20) != 'f')
                        return v;
        }
        if (eval_computed(e, scope, node, type, &v))
                return v;
        if (strcmp(type, "integer") == 0 || strcmp(type, "float") == 0)
                return value_number(e->m, node, type[0] == 'f');
        if (strcmp(type, "tuple") == 0 || strcmp(type, "list") == 0 || strcmp(type, "expression_list") == 0)
                return sequence(e, scope, node_children(e->m, node));
        if (strcmp(type, "true") == 0 || strcmp(type, "false") == 0)
                return (struct value){.kind = VALUE_BOOL, .i = type[0] == 't'};
        if (strcmp(type, "none") == 0)
                return value_of_kind(VALUE_NONE);
        if (strcmp(type, "identifier") == 0)
                return identifier(e, scope, node);
        if (strcmp(type, "call") == 0)
                return call(e, scope, node);
        if (strcmp(type, "attribute") == 0)
                return attribute(e, scope, node);
        if (strcmp(type, "concatenated_string") == 0)
                return concatenated(e, scope, node);
        if (strcmp(type, "parenthesized_expression") == 0)
                return eval(e, scope, node_named_child(node, 0));
        if (strcmp(type, "unary_operator") == 0)
                return value_unary(e->m, node_text(e->m, node)[0],
                                   eval(e, scope, node_field(node, "argument")));
        if (strcmp(type, "binary_operator") == 0)
                return value_binary(e->m, node_text(e->m, node_field(node, "operator")),
                                    eval(e, scope, node_field(node, "left")),
                                    eval(e, scope, node_field(node, "right")));
        if (strcmp(type, "lambda") == 0)
                return value_of_name("<lambda>");
        return value_of_kind(names_in_table(displays, type) ? VALUE_OBJECT : VALUE_UNKNOWN);
}

struct value eval_any(struct eval *e, const struct scope *scope, struct node node)
{
        return eval(e, scope, node);
}

static struct value eval(struct eval *e, const struct scope *scope, struct node node)
{
        const struct module *m = e->m;
        struct value v;

        if (node_is_null(node) || e->depth >= MAX_DEPTH || e->steps++ >= VALUE_MAX_STEPS ||
            node_has_error(node))
                return value_of_kind(VALUE_UNKNOWN);
        e->depth++;
        e->m = scope->module;
        v = eval_node(e, scope, node);
        if (v.kind == VALUE_UNKNOWN && e->why_m == NULL) {
                e->why = node;
                e->why_m = e->m;
        }
        e->m = m;
        e->depth--;
        return v;
}

struct value value_read(const struct scope *scope, struct node node, const char **why)
{
        struct eval e = {.m = scope->module};
        struct value v = eval(&e, scope, node);

        if (why != NULL && e.why_m != NULL)
                *why = node_quote(e.why_m, e.why);
        return v;
}
