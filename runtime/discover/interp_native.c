/* How it works: a table of functions by dotted name. */
#include <string.h>

#include "runtime/discover/classes.h"
#include "runtime/discover/interp_internal.h"
#include "runtime/discover/library.h"
#include "runtime/discover/names.h"

#define MAX_RANGE 4096

static int native_is_type(const char *name)
{
        static const char types[] = " bool bytearray bytes classmethod complex dict enumerate filter float "
                                    "frozenset int list map memoryview object property range reversed set "
                                    "slice staticmethod str super tuple type zip collections.OrderedDict "
                                    "collections.defaultdict ";

        return names_in_table(types, name) || (value_is_builtin(name) && name[0] >= 'A' && name[0] <= 'Z');
}

/* Types that an object of ours surely is of, or is not. */
static int is_of(const struct object *o, const char *type)
{
        static const struct {
                const char *type;
                enum object_kind kind;
        } kinds[] = {{"list", OBJECT_LIST}, {"tuple", OBJECT_TUPLE}, {"dict", OBJECT_DICT}};
        enum value_kind value;

        if (o->is_plain && strcmp(type, "type") == 0)
                return 0;
        if (o->kind == OBJECT_UNKNOWN || o->kind == OBJECT_FOREIGN || o->kind == OBJECT_INSTANCE)
                return o->kind == OBJECT_INSTANCE && strcmp(type, "type") == 0 ? 0 : -1;
        if (strcmp(type, "object") == 0)
                return 1;
        if (strcmp(type, "type") == 0)
                return o->kind == OBJECT_NATIVE ? native_is_type(o->name) : o->kind == OBJECT_CLASS;
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
                if (strcmp(type, kinds[i].type) == 0)
                        return o->kind == kinds[i].kind;
        value = strcmp(type, "str") == 0     ? VALUE_STR
                : strcmp(type, "bytes") == 0 ? VALUE_BYTES
                : strcmp(type, "bool") == 0  ? VALUE_BOOL
                : strcmp(type, "float") == 0 ? VALUE_FLOAT
                : strcmp(type, "int") == 0   ? VALUE_INT
                                             : VALUE_UNKNOWN;
        if (value == VALUE_UNKNOWN)
                return -1;
        return o->kind == OBJECT_VALUE &&
               (o->value.kind == value || (value == VALUE_INT && o->value.kind == VALUE_BOOL));
}

/* Something that is not read: no class of a module that imports it is above it. */
static int foreign_is_subclass(const struct interp *x, const struct object *c, const struct object *of)
{
        if (c->kind == OBJECT_NATIVE && (of->kind == OBJECT_CLASS || strchr(of->name, '.') != NULL))
                return 0;
        if (c->kind != OBJECT_FOREIGN)
                return -1;
        if (of->kind == OBJECT_CLASS)
                return 0;
        return of->kind == OBJECT_FOREIGN && strcmp(of->name, "unittest.TestCase") == 0 &&
                       (resolve_is_plain(c->name)
                            ? strncmp(c->name, "unittest.", 9) != 0
                            : c->import != NULL && x->m->library != NULL &&
                                  !library_may_be_test(x->m->library, c->module, &c->import->import))
                   ? 0
                   : -1;
}

/* Whether the base of C that is not known is an attribute of a module that it imports, in whose text nothing
 * speaks of tests: then it is neither a TestCase nor a class of C's own module. */
static bool base_is_elsewhere(const struct interp *x, const struct class_def *c)
{
        const struct module *m = c->scope.module;
        const char *dot = strchr(c->unknown_base, '.');
        const struct binding *b;
        struct import import;

        if (dot == NULL || strpbrk(c->unknown_base, "([ ") != NULL || x->m->library == NULL)
                return false;
        b = module_find(&m->scope, arena_strn(x->arena, c->unknown_base, (size_t)(dot - c->unknown_base)));
        if (b == NULL || b->kind != BINDING_IMPORT || b->import.name != NULL || b->import.level > 0)
                return false;
        import = (struct import){.module = b->import.module, .name = dot + 1};
        return !library_may_be_test(x->m->library, m, &import);
}

static int is_subclass(const struct interp *x, struct object *c, const struct object *of)
{
        struct class_def *def = c->class_def;
        const char *why = NULL;

        if (c->kind != OBJECT_CLASS)
                return foreign_is_subclass(x, c, of);
        module_mro(def->scope.module, def);
        if (of->kind == OBJECT_CLASS) {
                for (size_t i = 0; i < def->n_mro; i++)
                        if (def->mro[i] == of->class_def)
                                return 1;
                return def->unknown_base == NULL ||
                               (def->scope.module == of->class_def->scope.module && base_is_elsewhere(x, def))
                           ? 0
                           : -1;
        }
        if (of->kind != OBJECT_FOREIGN && of->kind != OBJECT_NATIVE)
                return -1;
        for (size_t i = 0; i < def->n_foreign; i++)
                if (strcmp(def->foreign[i], of->name) == 0)
                        return 1;
        if (strcmp(of->name, "unittest.TestCase") == 0)
                return class_is_testcase(def, &why)                             ? 1
                       : why == NULL                                            ? 0
                       : def->unknown_base != NULL && base_is_elsewhere(x, def) ? 0
                                                                                : -1;
        return def->n_foreign == 0 && def->unknown_base == NULL ? 0 : -1;
}

/* isinstance() and issubclass() */
static struct object *test_type(struct interp *x, struct object *o, struct object *type, bool instance)
{
        int any = 0;

        if (x->steps++ > INTERP_MAX_STEPS)
                return NULL;
        if (type->kind == OBJECT_TUPLE) {
                for (size_t i = 0; i < type->n && any != 1; i++) {
                        struct object *one = test_type(x, o, type->items[i], instance);

                        any = one == NULL || one->kind == OBJECT_UNKNOWN ? -1 : one->value.i != 0 ? 1 : any;
                }
        } else if (!instance) {
                any = is_subclass(x, o, type);
        } else if (o->kind == OBJECT_INSTANCE) {
                any = is_subclass(x, o->type, type);
        } else if (type->kind == OBJECT_NATIVE) {
                any = is_of(o, type->name);
        } else {
                any = type->kind == OBJECT_CLASS && (o->kind == OBJECT_VALUE || o->kind == OBJECT_LIST ||
                                                     o->kind == OBJECT_TUPLE || o->kind == OBJECT_DICT)
                          ? 0
                          : -1;
        }
        return any < 0 ? &x->plain : object_bool(x, any);
}

static struct object *isinstance(struct interp *x, struct object *a, struct object *keywords)
{
        (void)keywords;
        return a->n == 2 ? test_type(x, a->items[0], a->items[1], true) : NULL;
}

static struct object *issubclass(struct interp *x, struct object *a, struct object *keywords)
{
        (void)keywords;
        return a->n == 2 ? test_type(x, a->items[0], a->items[1], false) : NULL;
}

/* Attributes that what we have of Python's own types surely has: 1, or surely not: 0. */
static int native_attribute(const struct object *o, const char *name)
{
        static const char of_all[] = " __iter__ __len__ __getitem__ __contains__ ";
        static const char of_dicts[] = " keys values items ";
        bool contains =
            o->kind == OBJECT_LIST || o->kind == OBJECT_TUPLE || o->kind == OBJECT_DICT ||
            (o->kind == OBJECT_VALUE && (o->value.kind == VALUE_STR || o->value.kind == VALUE_BYTES));

        if (o->kind != OBJECT_VALUE && !contains)
                return -1;
        if (names_in_table(of_all, name))
                return contains;
        return names_in_table(of_dicts, name) ? o->kind == OBJECT_DICT : -1;
}

static struct object *hasattr_(struct interp *x, struct object *a, struct object *keywords)
{
        struct object *o;
        bool missing;
        int r;

        (void)keywords;
        if (a->n != 2 || !object_is_text(a->items[1]))
                return NULL;
        r = native_attribute(a->items[0], a->items[1]->value.s);
        if (r >= 0)
                return object_bool(x, r);
        if (a->items[0]->kind != OBJECT_CLASS && a->items[0]->kind != OBJECT_INSTANCE)
                return &x->plain;
        o = attribute_get(x, a->items[0], a->items[1]->value.s, &missing);
        if (missing)
                return object_bool(x, false);
        return o == NULL ? NULL : o->kind == OBJECT_UNKNOWN ? &x->plain : object_bool(x, true);
}

static struct object *getattr_(struct interp *x, struct object *a, struct object *keywords)
{
        struct object *o;
        bool missing;

        (void)keywords;
        if (a->n < 2 || a->n > 3 || !object_is_text(a->items[1]))
                return NULL;
        o = attribute_get(x, a->items[0], a->items[1]->value.s, &missing);
        return !missing ? o : a->n == 3 ? a->items[2] : NULL;
}

static struct object *setattr_(struct interp *x, struct object *a, struct object *keywords)
{
        (void)keywords;
        return a->n == 3 && object_is_text(a->items[1]) &&
                       attribute_set(x, a->items[0], a->items[1]->value.s, a->items[2])
                   ? &x->none
                   : NULL;
}

static struct object *type_(struct interp *x, struct object *a, struct object *keywords)
{
        struct object *o = a->n > 0 ? a->items[0] : NULL;

        (void)keywords;
        if (a->n == 3)
                return object_is_text(o) && a->items[1]->kind == OBJECT_TUPLE &&
                               a->items[2]->kind == OBJECT_DICT
                           ? class_new(x, o->value.s, a->items[1], a->items[2], NULL)
                           : NULL;
        if (a->n != 1)
                return NULL;
        return o->kind == OBJECT_INSTANCE                   ? o->type
               : o->kind == OBJECT_CLASS && o->type != NULL ? o->type
                                                            : &x->unknown;
}

static struct object *new_class(struct interp *x, struct object *a, struct object *keywords)
{
        struct object *bases = a->n > 1 ? a->items[1] : object_new(x, OBJECT_TUPLE);

        return a->n > 0 && a->n < 3 && keywords->n == 0 && object_is_text(a->items[0]) && bases != NULL &&
                       bases->kind == OBJECT_TUPLE
                   ? class_new(x, a->items[0]->value.s, bases, object_new(x, OBJECT_DICT), NULL)
                   : NULL;
}

static struct object *str_(struct interp *x, struct object *a, struct object *keywords)
{
        const char *text = a->n == 1 && keywords->n == 0 && a->items[0]->kind == OBJECT_VALUE
                               ? value_str(x->arena, &a->items[0]->value)
                               : NULL;

        return text != NULL ? object_text(x, text) : &x->unknown;
}

static struct object *len_(struct interp *x, struct object *a, struct object *keywords)
{
        struct object *all = a->n == 1 ? object_iterate(x, a->items[0]) : NULL;

        (void)keywords;
        return all != NULL ? object_of(x, value_of_int((int64_t)all->n)) : &x->unknown;
}

static struct object *range_(struct interp *x, struct object *a, struct object *keywords)
{
        int64_t v[3] = {0, 0, 1};
        struct object *list = object_new(x, OBJECT_TUPLE);

        (void)keywords;
        for (size_t i = 0; i < a->n && i < 3; i++) {
                if (a->items[i]->kind != OBJECT_VALUE || !value_is_integer(&a->items[i]->value))
                        return &x->unknown;
                v[a->n == 1 ? 1 : i] = a->items[i]->value.i;
        }
        if (list == NULL || a->n == 0 || a->n > 3 || v[2] == 0)
                return NULL;
        for (int64_t i = v[0]; v[2] > 0 ? i < v[1] : i > v[1];) {
                if (list->n >= MAX_RANGE || !object_append(x, list, object_of(x, value_of_int(i))))
                        return NULL;
                if (__builtin_add_overflow(i, v[2], &i))
                        break;
        }
        return list;
}

struct object *native_pair(struct interp *x, struct object *a, struct object *b)
{
        struct object *o = object_new(x, OBJECT_TUPLE);

        return o != NULL && a != NULL && b != NULL && object_append(x, o, a) && object_append(x, o, b) ? o
                                                                                                       : NULL;
}

static struct object *enumerate(struct interp *x, struct object *a, struct object *keywords)
{
        struct object *all = a->n == 1 && keywords->n == 0 ? object_iterate(x, a->items[0]) : NULL;

        for (size_t i = 0; all != NULL && i < all->n; i++) {
                all->items[i] = native_pair(x, object_of(x, value_of_int((int64_t)i)), all->items[i]);
                if (all->items[i] == NULL)
                        return NULL;
        }
        return all != NULL ? all : &x->unknown;
}

static struct object *copied(struct interp *x, struct object *a, enum object_kind kind)
{
        struct object *all = a->n == 0   ? object_new(x, kind)
                             : a->n == 1 ? object_iterate(x, a->items[0])
                                         : NULL;

        if (all == NULL)
                return &x->unknown;
        all->kind = kind;
        return all;
}

static struct object *list_(struct interp *x, struct object *a, struct object *keywords)
{
        (void)keywords;
        return copied(x, a, OBJECT_LIST);
}

static struct object *tuple_(struct interp *x, struct object *a, struct object *keywords)
{
        (void)keywords;
        return copied(x, a, OBJECT_TUPLE);
}

/* dict(), dict(a=1), dict(other) */
struct object *native_dict(struct interp *x, struct object *a, struct object *keywords)
{
        struct object *o = object_new(x, OBJECT_DICT);
        const struct object *const from[] = {a->n == 1 ? a->items[0] : NULL, keywords};

        if (o == NULL || a->n > 1 || (a->n == 1 && a->items[0]->kind != OBJECT_DICT))
                return o != NULL ? &x->unknown : NULL;
        for (size_t k = 0; k < 2; k++)
                for (size_t i = 0; from[k] != NULL && i < from[k]->n; i++)
                        if (!object_set(x, o, from[k]->keys[i], from[k]->items[i]))
                                return NULL;
        return o;
}

static struct object *defaultdict(struct interp *x, struct object *a, struct object *keywords)
{
        struct object *o = object_new(x, OBJECT_DICT);

        if (o == NULL || a->n > 1 || keywords->n > 0)
                return o != NULL ? &x->unknown : NULL;
        o->self = a->n == 1 && !object_is_none(a->items[0]) ? a->items[0] : NULL;
        return o;
}

static struct object *give_up(struct interp *x, struct object *a, struct object *keywords)
{
        (void)x;
        (void)a;
        (void)keywords;
        return NULL;
}

static const struct {
        const char *name;
        struct object *(*f)(struct interp *x, struct object *arguments, struct object *keywords);
} functions[] = {{"isinstance", isinstance},
                 {"issubclass", issubclass},
                 {"hasattr", hasattr_},
                 {"getattr", getattr_},
                 {"setattr", setattr_},
                 {"type", type_},
                 {"types.new_class", new_class},
                 {"str", str_},
                 {"len", len_},
                 {"range", range_},
                 {"enumerate", enumerate},
                 {"list", list_},
                 {"tuple", tuple_},
                 {"dict", native_dict},
                 {"collections.OrderedDict", native_dict},
                 {"collections.defaultdict", defaultdict},
                 {"delattr", give_up},
                 {"eval", give_up},
                 {"exec", give_up},
                 {"locals", give_up},
                 {"super", give_up},
                 {"vars", give_up}};

bool native_has(const char *name)
{
        for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
                if (strcmp(name, functions[i].name) == 0)
                        return true;
        return false;
}

struct object *native_call(struct interp *x, const char *name, struct object *arguments,
                           struct object *keywords, bool *ret_known)
{
        if (keywords == NULL)
                keywords = object_new(x, OBJECT_DICT);
        for (size_t i = 0; keywords != NULL && i < sizeof functions / sizeof functions[0]; i++)
                if (strcmp(name, functions[i].name) == 0) {
                        *ret_known = true;
                        return functions[i].f(x, arguments, keywords);
                }
        return NULL;
}
