/* How it works: lists, dicts and the attributes of classes and instances are arrays; a dict is searched from
 * its beginning, which is fine for what stands in a program's text. */
#include <string.h>

#include "runtime/discover/interp_internal.h"

#define MAX_ITEMS 4096
#define MAX_KEYS  1024 /* of a dict, which is searched */
#define MAX_EQUAL 4096 /* items that are compared */

struct object *object_new(struct interp *x, enum object_kind kind)
{
        struct object *o = arena_get(x->arena, sizeof *o);

        if (o != NULL)
                o->kind = kind;
        return o;
}

struct object *object_of(struct interp *x, struct value value)
{
        struct object *o;

        if (value.kind == VALUE_UNKNOWN || value.kind == VALUE_OBJECT || value.kind == VALUE_NAMED ||
            value.kind == VALUE_SEQUENCE || (value.kind == VALUE_STR && strlen(value.s) != value.n))
                return &x->unknown;
        if (value.kind == VALUE_STR || value.kind == VALUE_BYTES) {
                if (value.n > INTERP_MAX_TEXT)
                        return &x->plain;
                x->steps += value.n / 8;
        }
        o = object_new(x, OBJECT_VALUE);
        if (o != NULL)
                o->value = value;
        return o;
}

struct object *object_text(struct interp *x, const char *text)
{
        return text != NULL ? object_of(x, value_of_text(VALUE_STR, text, strlen(text))) : NULL;
}

struct object *object_bool(struct interp *x, bool is_true)
{
        return object_of(x, (struct value){.kind = VALUE_BOOL, .i = is_true});
}

struct object *object_native(struct interp *x, const char *name)
{
        struct object *o = object_new(x, OBJECT_NATIVE);

        if (o != NULL)
                o->name = name;
        return o;
}

/* Room for one more in each of the arrays that O has. */
static bool make_room(struct interp *x, struct object *o, bool has_keys)
{
        size_t cap = o->cap * 2 + 8;

        if (o->n < o->cap)
                return true;
        if (o->n >= MAX_ITEMS)
                return false;
        o->items = arena_grow(x->arena, o->items, o->n * sizeof *o->items, cap * sizeof *o->items);
        if (has_keys)
                o->keys = arena_grow(x->arena, o->keys, o->n * sizeof *o->keys, cap * sizeof *o->keys);
        o->cap = cap;
        return !x->arena->failed;
}

bool object_append(struct interp *x, struct object *list, struct object *item)
{
        if (!make_room(x, list, false))
                return false;
        list->items[list->n++] = item;
        return true;
}

struct object *object_find(const struct object *dict, const struct object *key)
{
        for (size_t i = 0; i < dict->n; i++)
                if (object_equal(dict->keys[i], key) == 1)
                        return dict->items[i];
        return NULL;
}

struct object *object_get(const struct object *dict, const char *name)
{
        for (size_t i = 0; i < dict->n; i++)
                if (object_is_text(dict->keys[i]) && strcmp(dict->keys[i]->value.s, name) == 0)
                        return dict->items[i];
        return NULL;
}

bool object_set(struct interp *x, struct object *dict, struct object *key, struct object *item)
{
        if (dict->n > MAX_KEYS)
                return false;
        for (size_t i = 0; i < dict->n; i++)
                if (object_equal(dict->keys[i], key) == 1) {
                        dict->items[i] = item;
                        return true;
                }
        if (!make_room(x, dict, true))
                return false;
        dict->keys[dict->n] = key;
        dict->items[dict->n++] = item;
        return true;
}

bool object_is_text(const struct object *o)
{
        return o->kind == OBJECT_VALUE && o->value.kind == VALUE_STR;
}

bool object_is_plain(const struct object *o)
{
        return o->is_plain || o->kind == OBJECT_VALUE;
}

bool object_is_none(const struct object *o)
{
        return o->kind == OBJECT_VALUE && o->value.kind == VALUE_NONE;
}

int object_truth(const struct object *o)
{
        switch (o->kind) {
        case OBJECT_VALUE:
                return value_truth(&o->value);
        case OBJECT_TUPLE:
        case OBJECT_LIST:
        case OBJECT_DICT:
                return o->n > 0;
        case OBJECT_FUNCTION: /* what decorators make of it */
                return o->decorators.n == 0 || o->is_static || o->is_class_method ? 1 : -1;
        case OBJECT_CLASS:
        case OBJECT_METHOD:
        case OBJECT_MODULE:
                return 1;
        default:
                return -1;
        }
}

static int equal(const struct object *a, const struct object *b, int *budget)
{
        int all = 1;

        if (a->kind == OBJECT_UNKNOWN || b->kind == OBJECT_UNKNOWN || --*budget < 0)
                return -1;
        if (a == b)
                return 1;
        if (a->kind == OBJECT_VALUE && b->kind == OBJECT_VALUE)
                return value_equal(&a->value, &b->value);
        if (a->kind == OBJECT_FOREIGN || b->kind == OBJECT_FOREIGN || a->kind == OBJECT_NATIVE ||
            b->kind == OBJECT_NATIVE || a->kind == OBJECT_INSTANCE || b->kind == OBJECT_INSTANCE)
                return object_is_none(a) || object_is_none(b) ? 0 : -1;
        if (a->kind != b->kind)
                return 0;
        if (a->kind != OBJECT_TUPLE && a->kind != OBJECT_LIST)
                return a->kind == OBJECT_CLASS || a->kind == OBJECT_MODULE ? 0 : -1;
        if (a->n != b->n)
                return 0;
        for (size_t i = 0; i < a->n && all == 1; i++)
                all = equal(a->items[i], b->items[i], budget);
        return all;
}

int object_equal(const struct object *a, const struct object *b)
{
        int budget = MAX_EQUAL; /* a list may be in itself */

        return equal(a, b, &budget);
}

struct object *object_iterate(struct interp *x, struct object *o)
{
        struct object *list = object_new(x, OBJECT_TUPLE);

        if (list == NULL)
                return NULL;
        x->steps += o->n / 4;
        if (o->kind == OBJECT_TUPLE || o->kind == OBJECT_LIST) {
                for (size_t i = 0; i < o->n; i++)
                        if (!object_append(x, list, o->items[i]))
                                return NULL;
                return list;
        }
        if (o->kind == OBJECT_DICT) {
                for (size_t i = 0; i < o->n; i++)
                        if (!object_append(x, list, o->keys[i]))
                                return NULL;
                return list;
        }
        if (o->kind == OBJECT_MEMBERS || o->kind == OBJECT_GLOBALS) {
                struct object *keys;
                bool known = false;

                keys = native_method(x, o, "keys", list, NULL, &known);
                return known ? keys : NULL;
        }
        if (!object_is_text(o))
                return NULL;
        for (size_t i = 0; i < o->value.n; i++) {
                const char *c = arena_strn(x->arena, o->value.s + i, 1);

                if ((unsigned char)o->value.s[i] >= 0x80 || !object_append(x, list, object_text(x, c)))
                        return NULL;
        }
        return list;
}

bool object_touch(struct interp *x, struct object *o)
{
        if (x->is_barren)
                return false;
        if (!arena_room(x->arena, &x->touched, x->n_touched, &x->cap_touched, sizeof *x->touched))
                return false;
        x->touched[x->n_touched++] = o;
        return true;
}

struct object *frame_get(const struct frame *frame, const char *name)
{
        uint32_t at = import_table_get(&frame->numbers, name, strlen(name));

        return at != IMPORT_NONE ? frame->v[at] : NULL;
}

bool frame_set(struct interp *x, struct frame *frame, const char *name, struct object *o)
{
        uint32_t at = import_table_get(&frame->numbers, name, strlen(name));

        if (at != IMPORT_NONE) {
                frame->v[at] = o;
                return true;
        }
        if (frame->n == frame->cap) {
                size_t cap = frame->cap * 2 + 8;

                frame->v =
                    arena_grow(x->arena, frame->v, frame->n * sizeof *frame->v, cap * sizeof *frame->v);
                frame->names = arena_grow(x->arena, frame->names, frame->n * sizeof *frame->names,
                                          cap * sizeof *frame->names);
                if (frame->v == NULL || frame->names == NULL)
                        return false;
                frame->cap = cap;
        }
        name = arena_strn(x->arena, name, strlen(name));
        if (name == NULL || !import_table_set(x->arena, &frame->numbers, name, (uint32_t)frame->n))
                return false;
        frame->names[frame->n] = name;
        frame->v[frame->n++] = o;
        return true;
}

struct frame *frame_of_module(struct interp *x, const struct module *m)
{
        struct frame *frame;

        for (size_t i = 0; i < x->n_others; i++)
                if (x->others[i]->module == m)
                        return x->others[i];
        if (!arena_room(x->arena, &x->others, x->n_others, &x->cap_others, sizeof *x->others))
                return NULL;
        frame = arena_get(x->arena, sizeof *frame);
        if (frame != NULL) {
                frame->module = m;
                frame->scope = &m->scope;
                x->others[x->n_others++] = frame;
        }
        return frame;
}
