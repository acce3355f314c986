/* How it works: a call has a frame of its own, below the one that its function was defined in. */
#include <stdio.h>
#include <string.h>

#include "runtime/discover/classes.h"
#include "runtime/discover/interp_internal.h"
#include "runtime/discover/names.h"

#define MAX_PARAMETERS 32
#define MAX_CLASSES    2048 /* that are made of one module */
#define MAX_MRO        64

/* Whether calling the function NODE runs its body, and there is one: skim.h leaves a 0 of it. */
static bool runs(const struct module *m, struct node node)
{
        struct node body = node_field(node, "body"), only;
        bool in_it = true;

        if (node_is(node, "lambda"))
                return true;
        if (strncmp(node_text(m, node), "async", 5) == 0)
                return false;
        only = node_named_child(body, 0);
        if (node_named_child_count(body) == 1 && node_is(only, "expression_statement") &&
            strcmp(node_text(m, only), "0") == 0)
                return false;
        for (struct node n = body; !node_is_null(n); n = node_walk(body, n, in_it)) {
                in_it = !node_is(n, "function_definition") && !node_is(n, "lambda") &&
                        !node_is(n, "class_definition");
                if (node_is(n, "yield") || node_is(n, "global_statement") ||
                    node_is(n, "nonlocal_statement") || node_is(n, "named_expression"))
                        return false;
        }
        return true;
}

static void decorate(struct object *o, const char *text)
{
        if (strcmp(text, "staticmethod") == 0)
                o->is_static = true;
        else if (strcmp(text, "classmethod") == 0)
                o->is_class_method = true;
        else
                o->is_opaque = true;
}

struct object *function_of(struct interp *x, struct frame *frame, struct node node,
                           const struct nodes *decorators)
{
        const struct module *m = frame->module;
        struct nodes parameters = node_children(m, node_field(node, "parameters"));
        struct object *o = object_new(x, OBJECT_FUNCTION);

        if (o == NULL)
                return NULL;
        o->module = m;
        o->node = node;
        o->closure = frame->is_class ? frame->outer : frame;
        o->is_opaque = parameters.n > MAX_PARAMETERS || !runs(m, node);
        o->name = node_is(node, "lambda")
                      ? "<lambda>"
                      : arena_printf(x->arena, "%s", node_text(m, node_field(node, "name")));
        for (size_t i = 0; decorators != NULL && i < decorators->n; i++)
                decorate(o, node_text(m, decorators->v[i]));
        if (decorators != NULL)
                o->decorators = *decorators;
        for (size_t i = 0; i < parameters.n; i++) {
                struct node value = node_field(parameters.v[i], "value");
                struct object *standard = NULL;

                if (!node_is_null(value)) {
                        standard = eval_node(x, frame, value);
                        if (standard == NULL)
                                standard = &x->unknown;
                }
                if (!object_append(x, o, standard))
                        return NULL;
        }
        return o;
}

/* Binds the parameters of F; false where the call does not fit, which would be a TypeError. */
static bool bind_parameters(struct interp *x, struct frame *frame, const struct object *f,
                            const struct object *arguments, const struct object *keywords)
{
        struct nodes parameters = node_children(f->module, node_field(f->node, "parameters"));
        bool by_name = false, taken[MAX_PARAMETERS * 2] = {false};
        struct object *rest;
        size_t at = 0;

        if (keywords != NULL && keywords->n > sizeof taken)
                return false;
        for (size_t i = 0; i < parameters.n; i++) {
                struct node p = parameters.v[i], name = node_field(p, "name");
                struct object *o = NULL;
                const char *text;

                if (node_is(p, "keyword_separator")) {
                        by_name = true;
                        continue;
                }
                if (node_is(p, "positional_separator"))
                        continue;
                if (node_is_null(name))
                        name = node_is(p, "identifier") ? p : node_named_child(p, 0);
                if (node_is(p, "typed_parameter") && !node_is(name, "identifier")) /* *args: T */
                        return false;
                text = node_text(f->module, name);
                if (node_is(p, "list_splat_pattern")) {
                        rest = object_new(x, OBJECT_TUPLE);
                        for (; rest != NULL && at < arguments->n; at++)
                                if (!object_append(x, rest, arguments->items[at]))
                                        return false;
                        if (rest == NULL || !frame_set(x, frame, text, rest))
                                return false;
                        by_name = true;
                        continue;
                }
                if (node_is(p, "dictionary_splat_pattern")) {
                        rest = object_new(x, OBJECT_DICT);
                        for (size_t k = 0; rest != NULL && keywords != NULL && k < keywords->n; k++) {
                                if (!taken[k] && !object_set(x, rest, keywords->keys[k], keywords->items[k]))
                                        return false;
                                taken[k] = true;
                        }
                        if (rest == NULL || !frame_set(x, frame, text, rest))
                                return false;
                        continue;
                }
                if (!by_name && at < arguments->n)
                        o = arguments->items[at++];
                for (size_t k = 0; o == NULL && keywords != NULL && k < keywords->n; k++)
                        if (strcmp(keywords->keys[k]->value.s, text) == 0) {
                                o = keywords->items[k];
                                taken[k] = true;
                        }
                if (o == NULL)
                        o = f->items[i];
                if (o == NULL || !frame_set(x, frame, text, o))
                        return false;
        }
        for (size_t k = 0; keywords != NULL && k < keywords->n; k++)
                if (!taken[k])
                        return false;
        return at == arguments->n;
}

/* What a call of something unknown gives; it may have changed what it was given. */
static struct object *unknown_call(struct interp *x, const struct object *arguments,
                                   const struct object *keywords)
{
        const struct object *const given[] = {arguments, keywords};

        for (size_t k = 0; k < 2; k++)
                for (size_t i = 0; given[k] != NULL && i < given[k]->n; i++) {
                        struct object *o = given[k]->items[i];

                        if (o->kind == OBJECT_GLOBALS || o->kind == OBJECT_MEMBERS)
                                return NULL;
                        if (o->kind == OBJECT_LIST || o->kind == OBJECT_DICT || o->kind == OBJECT_INSTANCE) {
                                o->kind = OBJECT_UNKNOWN;
                                o->is_plain = true;
                        }
                }
        return &x->unknown;
}

/* Whether a class, or what may have one, is among ARGUMENTS (or NULL). */
static bool is_given_class(const struct object *arguments)
{
        for (size_t i = 0; arguments != NULL && i < arguments->n; i++)
                if (arguments->items[i]->kind == OBJECT_CLASS || arguments->items[i]->kind == OBJECT_INSTANCE)
                        return true;
        return false;
}

/* Whether F's text has what makes classes, or changes something by its name. */
static bool is_telling(const struct object *f)
{
        static const char *const words[] = {"setattr",     "globals", "__dict__", "locals", "vars",
                                            "exec",        "eval",    "type(",    "class ", "new_class",
                                            "sys.modules", "global",  "nonlocal"};
        const char *text = node_text(f->module, f->node);

        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
                if (strstr(text, words[i]) != NULL)
                        return true;
        return false;
}

static struct object *call_function(struct interp *x, const struct object *f, const struct object *arguments,
                                    const struct object *keywords)
{
        struct frame *frame = arena_get(x->arena, sizeof *frame);
        const size_t done = x->n_changes + x->n_touched;
        struct node body = node_field(f->node, "body");
        enum flow flow;

        if (f->is_opaque)
                return is_given_class(arguments) || is_given_class(keywords) || is_telling(f)
                           ? NULL
                           : unknown_call(x, arguments, keywords);
        if (frame == NULL)
                return NULL;
        frame->module = f->module;
        frame->outer = f->closure;
        if (!bind_parameters(x, frame, f, arguments, keywords))
                return NULL;
        if (node_is(f->node, "lambda"))
                return eval_node(x, frame, body);
        flow = run_block(x, frame, body);
        if (flow == FLOW_RETURN || flow == FLOW_ON)
                return flow == FLOW_RETURN ? frame->result : &x->none;
        /* it is as if its text had been left out (skim.h) */
        return is_given_class(arguments) || is_given_class(keywords) || is_telling(f) ||
                       x->n_changes + x->n_touched != done
                   ? NULL
                   : unknown_call(x, arguments, keywords);
}

static struct object *with_self(struct interp *x, struct object *self, const struct object *arguments)
{
        struct object *all = object_new(x, OBJECT_TUPLE);

        if (all == NULL || !object_append(x, all, self))
                return NULL;
        for (size_t i = 0; i < arguments->n; i++)
                if (!object_append(x, all, arguments->items[i]))
                        return NULL;
        return all;
}

static bool has_only(const struct class_def *c, const char *table)
{
        for (size_t i = 0; i < c->n_foreign; i++)
                if (!names_in_table(table, c->foreign[i]))
                        return false;
        return c->unknown_base == NULL;
}

static bool is_metaclass(struct class_def *c)
{
        module_mro(c->scope.module, c);
        for (size_t i = 0; i < c->n_foreign; i++)
                if (names_in_table(" type abc.ABCMeta ", c->foreign[i]))
                        return true;
        return false;
}

bool class_makes_instances(struct class_def *c)
{
        module_mro(c->scope.module, c);
        return has_only(c, " object abc.ABC typing.Generic dict list Exception ") && !c->has_keywords &&
               resolve_member(c, "__new__", NULL) == NULL;
}

static struct object *instantiate(struct interp *x, struct object *c, struct object *arguments,
                                  struct object *keywords)
{
        struct class_def *def = c->class_def;
        struct object *o, *init;
        bool missing;

        if (is_metaclass(def)) {
                if (arguments->n != 3 || !object_is_text(arguments->items[0]) ||
                    arguments->items[1]->kind != OBJECT_TUPLE || arguments->items[2]->kind != OBJECT_DICT)
                        return NULL;
                return class_new(x, arguments->items[0]->value.s, arguments->items[1], arguments->items[2],
                                 c);
        }
        if (!has_only(def, " object abc.ABC typing.Generic ") || def->decorators.n > 0 || c->type != NULL ||
            def->has_keywords || resolve_member(def, "__new__", NULL) != NULL)
                return unknown_call(x, arguments, keywords);
        o = object_new(x, OBJECT_INSTANCE);
        if (o == NULL)
                return NULL;
        o->type = c;
        init = object_get(c, "__init__");
        if (init == NULL && resolve_member(def, "__init__", NULL) == NULL)
                return o;
        init = attribute_get(x, o, "__init__", &missing);
        return init != NULL && init->kind == OBJECT_METHOD &&
                       call_object(x, init, arguments, keywords) != NULL
                   ? o
                   : NULL;
}

bool call_gives_plain(const char *dotted)
{
        static const char modules[] =
            " errno math os os.path platform posix posixpath re select signal struct sys sysconfig time ";
        const char *dot = strrchr(dotted, '.');
        char head[16];

        if (dot == NULL || (size_t)(dot - dotted) >= sizeof head)
                return false;
        (void)snprintf(head, sizeof head, "%.*s", (int)(dot - dotted), dotted);
        return names_in_table(modules, head);
}

struct object *call_object(struct interp *x, struct object *f, struct object *arguments,
                           struct object *keywords)
{
        struct object *o = NULL;
        bool known = false;

        if (arguments == NULL || x->depth > 100)
                return NULL;
        x->depth++;
        switch (f->kind) {
        case OBJECT_FUNCTION:
                o = call_function(x, f, arguments, keywords);
                break;
        case OBJECT_METHOD:
                arguments = with_self(x, f->self, arguments);
                o = arguments != NULL ? call_function(x, f->type, arguments, keywords) : NULL;
                break;
        case OBJECT_CLASS:
                o = instantiate(x, f, arguments, keywords);
                break;
        case OBJECT_NATIVE:
                o = native_call(x, f->name, arguments, keywords, &known);
                if (!known)
                        o = unknown_call(x, arguments, keywords);
                break;
        case OBJECT_BOUND:
                o = native_method(x, f->self, f->name, arguments, keywords, &known);
                if (!known) /* a list may have been changed */
                        o = f->self->kind == OBJECT_VALUE && unknown_call(x, arguments, keywords) != NULL
                                ? &x->plain
                                : NULL;
                break;
        default:
                o = unknown_call(x, arguments, keywords);
                if (o != NULL && f->kind == OBJECT_FOREIGN && call_gives_plain(f->name))
                        o = &x->plain;
                break;
        }
        x->depth--;
        return o;
}

struct object *class_new(struct interp *x, const char *name, struct object *bases,
                         const struct object *members, struct object *meta)
{
        struct module *m = x->m;
        struct class_def *c = arena_get(m->own, sizeof *c), **known;
        const char **foreign;
        size_t n_known = 0, n_foreign = 0;
        struct object *o;

        known = arena_get(m->own, (bases->n + 1) * sizeof *known);
        foreign = arena_get(m->own, (bases->n + 1) * sizeof *foreign);
        if (c == NULL || known == NULL || foreign == NULL)
                return NULL;
        for (size_t i = 0; i < bases->n; i++) {
                const struct object *base = bases->items[i];

                if (base->kind == OBJECT_CLASS)
                        known[n_known++] = base->class_def;
                else if (base->kind == OBJECT_FOREIGN || base->kind == OBJECT_NATIVE)
                        foreign[n_foreign++] = base->name;
                else
                        return NULL;
        }
        if (x->n_made++ > MAX_CLASSES)
                return NULL;
        for (size_t i = 0; i < n_known; i++)
                if (known[i]->n_mro > MAX_MRO)
                        return NULL;
        c->name = arena_printf(m->own, "%s", name);
        c->scope.module = m;
        c->scope.outer = &m->scope;
        module_mro_of(c, known, n_known, foreign, n_foreign);
        o = static_class(x, c);
        if (o == NULL)
                return NULL;
        o->type = meta;
        for (size_t i = 0; i < members->n; i++)
                if (!object_is_text(members->keys[i]) ||
                    !member_set(x, o, members->keys[i]->value.s, members->items[i]))
                        return NULL;
        return class_begin(x, o, bases) ? o : NULL;
}

bool class_begin(struct interp *x, struct object *o, struct object *bases)
{
        static const char *const others[] = {"__new__",     "__call__",    "__prepare__", "__getattribute__",
                                             "__setattr__", "__delattr__", "__getattr__"};
        struct class_def *c = o->class_def;
        struct object *init, *arguments, *members;
        bool missing;

        module_mro(c->scope.module, c);
        for (size_t i = 1; i < c->n_mro && o->type == NULL; i++) {
                struct object *base = static_class(x, c->mro[i]);

                if (base == NULL)
                        return false;
                if (base->type == NULL && !c->mro[i]->has_begun && !class_has_plain_metaclass(c->mro[i]))
                        return false; /* of another module: it was not played */
                o->type = base->type;
        }
        for (size_t i = 1; i < c->n_mro; i++)
                if (module_find(&c->mro[i]->scope, "__init_subclass__") != NULL)
                        return false;
        if (o->type == NULL)
                return true;
        module_mro(o->type->class_def->scope.module, o->type->class_def);
        if (!has_only(o->type->class_def, " type abc.ABCMeta "))
                return false;
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
                if (resolve_member(o->type->class_def, others[i], NULL) != NULL)
                        return false;
        if (resolve_member(o->type->class_def, "__init__", NULL) == NULL)
                return true;
        init = attribute_get(x, o->type, "__init__", &missing);
        arguments = object_new(x, OBJECT_TUPLE);
        members = object_new(x, OBJECT_MEMBERS);
        if (init == NULL || init->kind != OBJECT_FUNCTION || arguments == NULL || members == NULL)
                return false;
        members->self = o;
        return object_append(x, arguments, o) && object_append(x, arguments, object_text(x, o->name)) &&
               object_append(x, arguments, bases) && object_append(x, arguments, members) &&
               call_object(x, init, arguments, NULL) != NULL;
}
