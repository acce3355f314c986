/* How it works: what a name of a module or class stands for is resolved as resolve.h does, and made an object
 * when it is first asked for. */
#include <string.h>
#include <strings.h>

#include "runtime/discover/classes.h"
#include "runtime/discover/interp_internal.h"
#include "runtime/discover/library.h"
#include "runtime/discover/names.h"

#define MAX_DEPTH 90

struct object *static_class(struct interp *x, struct class_def *c)
{
        struct object *o;

        for (size_t i = 0; i < x->n_classes; i++)
                if (x->classes[i]->class_def == c)
                        return x->classes[i];
        if (!arena_room(x->arena, &x->classes, x->n_classes, &x->cap_classes, sizeof *x->classes))
                return NULL;
        o = object_new(x, OBJECT_CLASS);
        if (o != NULL) {
                o->class_def = c;
                o->name = c->name;
                x->classes[x->n_classes++] = o;
        }
        return o;
}

static struct object *named(struct interp *x, enum object_kind kind, const char *name)
{
        struct object *o = object_new(x, kind);

        if (o != NULL)
                o->name = name;
        return o;
}

/* What DOTTED, of a module that is not read, is. */
static struct object *foreign(struct interp *x, const char *dotted)
{
        return native_has(dotted) ? object_native(x, dotted) : named(x, OBJECT_FOREIGN, dotted);
}

static struct object *of_value(struct interp *x, const struct scope *scope, const struct binding *b)
{
        struct frame *frame, *outer;
        struct object *o;

        if (b->known != NULL)
                return object_of(x, *b->known);
        if (b->vague || b->maybe != NULL || node_is_null(b->node) || x->depth > MAX_DEPTH)
                return &x->unknown;
        outer = scope->module == x->m ? x->globals : frame_of_module(x, scope->module);
        frame = arena_get(x->arena, sizeof *frame);
        if (frame == NULL || outer == NULL)
                return NULL;
        frame->module = scope->module;
        frame->scope = scope;
        x->depth++;
        o = eval_node(x, frame, b->node);
        if (o == NULL && node_is(b->node, "call")) { /* not to the end: but an instance is no class */
                o = eval_node(x, frame, node_field(b->node, "function"));
                o = o != NULL && o->kind == OBJECT_CLASS && class_makes_instances(o->class_def) ? &x->plain
                                                                                                : NULL;
        }
        x->depth--;
        return o != NULL ? o : x->arena->failed ? NULL : &x->unknown;
}

/* What is imported and not known. */
static struct object *import_of(struct interp *x, const struct module *m, struct binding *b)
{
        struct object *o = named(x, OBJECT_FOREIGN, b->from);

        if (o != NULL) {
                o->import = b;
                o->module = m;
        }
        return o;
}

/* Whether B is of a module of which nothing but its functions' names need be known. */
static bool is_known_by_name(const struct module *m, const struct binding *b)
{
        const char *name = b->is_module ? arena_printf(m->arena, "%s.", b->from) : b->from;

        return b->target == NULL && m->library != NULL && name != NULL && call_gives_plain(name) &&
               library_is_standard(m->library, m, &b->import);
}

static struct object *of_binding(struct interp *x, const struct scope *scope, struct binding *b)
{
        struct entity e;
        struct frame *frame;
        struct object *o;

        if (b->kind == BINDING_IMPORT && native_has(b->from))
                return object_native(x, b->from);
        if (b->kind == BINDING_IMPORT && is_known_by_name(scope->module, b))
                return foreign(x, b->from);
        e = resolve_binding(scope, b);
        switch (e.kind) {
        case ENTITY_MODULE:
                o = named(x, OBJECT_MODULE, b->kind == BINDING_IMPORT ? b->from : "");
                if (o != NULL)
                        o->module = e.module;
                return o;
        case ENTITY_FOREIGN:
                return e.dotted != NULL ? foreign(x, e.dotted) : &x->unknown;
        case ENTITY_BINDING:
                break;
        default:
                return &x->unknown;
        }
        if (e.binding->maybe != NULL || e.scope->module == NULL)
                return &x->unknown;
        switch (e.binding->kind) {
        case BINDING_CLASS:
                return e.binding->vague ? &x->unknown : static_class(x, e.binding->class_def);
        case BINDING_FUNCTION:
                frame = e.scope->module == x->m ? x->globals : frame_of_module(x, e.scope->module);
                o = e.binding->vague || frame == NULL
                        ? &x->unknown
                        : function_of(x, frame, e.binding->node, &e.binding->decorators);
                if (o != NULL && o->kind == OBJECT_FUNCTION) {
                        o->static_binding = e.binding;
                        o->static_scope = e.scope;
                }
                return o;
        case BINDING_VALUE:
                return of_value(x, e.scope, e.binding);
        default:
                return &x->unknown;
        }
}

struct object *static_binding(struct interp *x, const struct scope *scope, struct binding *b)
{
        struct object *o = of_binding(x, scope, b);

        return o == &x->unknown && b->kind == BINDING_IMPORT ? import_of(x, scope->module, b) : o;
}

struct object *static_name(struct interp *x, const struct frame *frame, const char *name)
{
        const struct scope *scopes[] = {frame->scope, &frame->module->scope};
        struct binding *b;

        for (size_t i = 0; i < 2; i++) {
                b = scopes[i] != NULL ? module_find(scopes[i], name) : NULL;
                if (b != NULL)
                        return static_binding(x, scopes[i], b);
        }
        return value_is_builtin(name) || native_has(name) ? object_native(x, name) : &x->unknown;
}

/* CLASS.NAME as the interpreter has set it, in the order of the mro. */
static struct object *set_member(struct interp *x, struct class_def *c, const char *name)
{
        for (size_t i = 0; i < x->n_classes; i++)
                if (x->classes[i]->class_def == c)
                        return object_get(x->classes[i], name);
        return NULL;
}

static struct object *class_attribute(struct interp *x, struct object *o, const char *name, bool *ret_missing)
{
        struct class_def *c = o->class_def;
        struct object *found;

        if (o->is_spoiled)
                return &x->unknown;
        if (strcmp(name, "__name__") == 0 || strcmp(name, "__qualname__") == 0)
                return object_text(x, o->name);
        if (strcmp(name, "__dict__") == 0) {
                found = object_new(x, OBJECT_MEMBERS);
                if (found != NULL)
                        found->self = o;
                return found;
        }
        module_mro(c->scope.module, c);
        for (size_t i = 0; i < c->n_mro; i++) {
                struct binding *b;

                found = set_member(x, c->mro[i], name);
                if (found != NULL)
                        return found;
                b = module_find(&c->mro[i]->scope, name);
                if (b == NULL)
                        continue;
                found = static_binding(x, &c->mro[i]->scope, b);
                /* others may have changed it since */
                return found != NULL && (found->kind == OBJECT_LIST || found->kind == OBJECT_DICT) ? &x->plain
                                                                                                   : found;
        }
        *ret_missing = c->n_foreign == 0 && c->unknown_base == NULL && strncmp(name, "__", 2) != 0 &&
                       resolve_member(c, "__getattr__", NULL) == NULL &&
                       resolve_member(c, "__getattribute__", NULL) == NULL;
        return &x->unknown;
}

static struct object *bind(struct interp *x, struct object *self, struct object *function)
{
        struct object *o;

        if (function->kind != OBJECT_FUNCTION || function->is_static)
                return function;
        if (function->decorators.n > 0 && !function->is_class_method) /* a property */
                return &x->unknown;
        o = object_new(x, OBJECT_METHOD);
        if (o != NULL) {
                o->self = function->is_class_method && self->kind == OBJECT_INSTANCE ? self->type : self;
                o->type = function;
                o->name = function->name;
        }
        return o;
}

/* A method of what the interpreter itself has. */
static struct object *native(struct interp *x, struct object *o, const char *name)
{
        struct object *found = named(x, OBJECT_BOUND, name);

        if (found != NULL)
                found->self = o;
        return found;
}

struct object *attribute_get(struct interp *x, struct object *o, const char *name, bool *ret_missing)
{
        struct object *found;
        struct binding *b;
        struct entity e;
        const char *dotted;

        *ret_missing = false;
        switch (o->kind) {
        case OBJECT_CLASS:
                found = class_attribute(x, o, name, ret_missing);
                return found != NULL && found->kind == OBJECT_FUNCTION && found->is_class_method
                           ? bind(x, o, found)
                           : found;
        case OBJECT_INSTANCE:
                found = object_get(o, name);
                if (found != NULL)
                        return found;
                if (strcmp(name, "__class__") == 0)
                        return o->type;
                found = class_attribute(x, o->type, name, ret_missing);
                return found != NULL ? bind(x, o, found) : NULL;
        case OBJECT_MODULE:
                dotted = arena_printf(x->arena, "%s.%s", o->name, name);
                if (dotted != NULL && native_has(dotted))
                        return object_native(x, dotted);
                b = module_find(&o->module->scope, name);
                if (b != NULL)
                        return static_binding(x, &o->module->scope, b);
                e = resolve_name(o->module, name); /* a submodule */
                if (e.kind != ENTITY_MODULE)
                        return dotted != NULL ? named(x, OBJECT_FOREIGN, dotted) : NULL;
                found = named(x, OBJECT_MODULE, dotted);
                if (found != NULL)
                        found->module = e.module;
                return found;
        case OBJECT_FOREIGN:
                dotted = arena_printf(x->arena, "%s.%s", o->name, name);
                return dotted != NULL ? foreign(x, dotted) : NULL;
        case OBJECT_FUNCTION:
        case OBJECT_METHOD:
                if (strcmp(name, "__name__") == 0 && o->name != NULL)
                        return object_text(x, o->name);
                return strcmp(name, "__func__") == 0 && o->kind == OBJECT_METHOD ? o->type : &x->unknown;
        case OBJECT_NATIVE:
                return strcmp(name, "__name__") == 0 ? object_text(x, names_last_word(o->name)) : &x->unknown;
        case OBJECT_VALUE:
        case OBJECT_TUPLE:
        case OBJECT_LIST:
        case OBJECT_DICT:
        case OBJECT_GLOBALS:
        case OBJECT_MEMBERS:
                return native(x, o, name);
        default:
                return &x->unknown;
        }
}

/* Whether a class with this attribute is collected otherwise than its functions tell. */
static bool changes_collection(const char *name)
{
        return names_in_table(" __test__ __unittest_skip__ __init__ __new__ pytestmark "
                              "pytest_generate_tests runTest __getattr__ ",
                              name);
}

static bool note_change(struct interp *x, struct object *o, const char *name, struct object *what)
{
        if (x->is_barren)
                return false;
        if (!arena_room(x->arena, &x->changes, x->n_changes, &x->cap_changes, sizeof *x->changes))
                return false;
        x->changes[x->n_changes++] = (struct change){o, name, what};
        return true;
}

bool object_may_be_test(const struct object *o, const char *name)
{
        return o->kind == OBJECT_CLASS || o->kind == OBJECT_FUNCTION || o->kind == OBJECT_METHOD ||
               (o->kind == OBJECT_UNKNOWN && !o->is_plain && strncasecmp(name, "test", 4) == 0);
}

bool member_set(struct interp *x, struct object *c, const char *name, struct object *what)
{
        struct object *key = object_text(x, name);

        if (strcmp(name, "__test__") == 0 || strcmp(name, "__new__") == 0 ||
            (what->kind == OBJECT_UNKNOWN && strncmp(name, "test", 4) == 0))
                return false;
        return key != NULL && note_change(x, c, name, what) && object_set(x, c, key, what);
}

bool attribute_set(struct interp *x, struct object *o, const char *name, struct object *what)
{
        struct object *key = object_text(x, name);

        if (key == NULL)
                return false;
        switch (o->kind) {
        case OBJECT_INSTANCE:
                return object_touch(x, o) && object_set(x, o, key, what);
        case OBJECT_CLASS:
                if (changes_collection(name) || o->class_def->scope.module != x->m ||
                    (what->kind == OBJECT_UNKNOWN && strncmp(name, "test", 4) == 0))
                        return false;
                if (strcmp(name, "__name__") == 0 && object_is_text(what))
                        o->name = what->value.s;
                if (strncmp(name, "__", 2) == 0)
                        return true;
                return object_touch(x, o) && note_change(x, o, name, what) && object_set(x, o, key, what);
        case OBJECT_FUNCTION:
                if (strcmp(name, "__name__") == 0 && object_is_text(what))
                        o->name = what->value.s;
                else if (changes_collection(name) || o->static_binding != NULL)
                        return strncmp(name, "__", 2) == 0 && !changes_collection(name);
                return true;
        case OBJECT_MODULE: /* of which nothing is asked that could depend on it */
        case OBJECT_UNKNOWN:
        case OBJECT_FOREIGN:
                return !changes_collection(name) && !object_may_be_test(what, name);
        default:
                return false;
        }
}
