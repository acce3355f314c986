/* How it works: the methods of Python's own types, by the kind of the object and their name. */
#include <string.h>

#include "runtime/discover/interp_internal.h"
#include "runtime/discover/names.h"

static struct object *format(struct interp *x, const char *text, const struct object *a,
                             const struct object *keywords)
{
        const char *all = "", *p = text;
        size_t next = 0;

        while (*p != '\0') {
                size_t n = strcspn(p, "{}"), end;
                const struct object *o = NULL;
                const char *name, *value;

                all = arena_printf(x->arena, "%s%.*s", all, (int)n, p);
                p += n;
                if (*p == '\0')
                        break;
                end = strcspn(p, "}");
                if (p[0] == '}' || p[1] == '{' || p[end] != '}')
                        return &x->unknown;
                name = arena_strn(x->arena, p + 1, end - 1);
                p += end + 1;
                if (name == NULL)
                        return NULL;
                if (name[0] == '\0')
                        o = next < a->n ? a->items[next++] : NULL;
                else if (name[0] >= '0' && name[0] <= '9' && name[1] == '\0')
                        o = (size_t)(name[0] - '0') < a->n ? a->items[name[0] - '0'] : NULL;
                else
                        o = object_get(keywords, name);
                value = o != NULL && o->kind == OBJECT_VALUE ? value_str(x->arena, &o->value) : NULL;
                if (value == NULL || all == NULL || strlen(all) > INTERP_MAX_TEXT)
                        return &x->plain;
                all = arena_printf(x->arena, "%s%s", all, value);
        }
        return object_text(x, all);
}

static struct object *join(struct interp *x, const char *separator, struct object *list)
{
        struct object *all = object_iterate(x, list);
        const char *text = "";

        for (size_t i = 0; all != NULL && i < all->n; i++) {
                if (!object_is_text(all->items[i]) || strlen(text) > INTERP_MAX_TEXT)
                        return &x->plain;
                text = arena_printf(x->arena, "%s%s%s", text, i > 0 ? separator : "", all->items[i]->value.s);
                if (text == NULL)
                        return NULL;
        }
        return all != NULL ? object_text(x, text) : &x->unknown;
}

static struct object *replace(struct interp *x, const char *text, const char *from, const char *to)
{
        const char *all = "", *p;

        if (from[0] == '\0')
                return &x->unknown;
        while ((p = strstr(text, from)) != NULL) {
                all = arena_printf(x->arena, "%s%.*s%s", all, (int)(p - text), text, to);
                text = p + strlen(from);
                if (all == NULL || strlen(all) > INTERP_MAX_TEXT)
                        return all != NULL ? &x->plain : NULL;
        }
        return object_text(x, arena_printf(x->arena, "%s%s", all, text));
}

static struct object *split(struct interp *x, const char *text, const char *separator)
{
        struct object *list = object_new(x, OBJECT_LIST);

        if (list == NULL || (separator != NULL && separator[0] == '\0'))
                return NULL;
        for (const char *p = text; separator == NULL && *p != '\0'; p++) /* other blanks than these */
                if ((unsigned char)*p >= 0x80 || (*p >= '\x1c' && *p <= '\x1f'))
                        return &x->unknown;
        for (;;) {
                const char *end;

                if (separator == NULL) {
                        text += strspn(text, " \t\n\r\f\v");
                        if (*text == '\0')
                                return list;
                        end = text + strcspn(text, " \t\n\r\f\v");
                } else {
                        end = strstr(text, separator);
                        if (end == NULL)
                                return object_append(x, list, object_text(x, text)) ? list : NULL;
                }
                if (!object_append(x, list, object_text(x, arena_strn(x->arena, text, (size_t)(end - text)))))
                        return NULL;
                text = end + (separator != NULL ? strlen(separator) : 0);
        }
}

static bool is_ascii(const char *s)
{
        for (; *s != '\0'; s++)
                if ((unsigned char)*s >= 0x80)
                        return false;
        return true;
}

/* upper, lower, title, capitalize */
static struct object *recase(struct interp *x, const char *text, const char *how)
{
        char *s = arena_strn(x->arena, text, strlen(text));
        bool first = true;

        if (s == NULL || !is_ascii(text))
                return s != NULL ? &x->unknown : NULL;
        for (char *p = s; *p != '\0'; p++) {
                bool is_lower = *p >= 'a' && *p <= 'z', is_upper = *p >= 'A' && *p <= 'Z';
                bool up = how[0] == 'u' || (how[0] != 'l' && first);

                if (up ? is_lower : is_upper)
                        *p = (char)(*p ^ 32);
                first = how[0] == 't' && !is_lower && !is_upper;
        }
        return object_text(x, s);
}

/* text.startswith(END), or endswith; END may be a tuple */
static struct object *has_end(struct interp *x, const char *text, const struct object *end, bool at_start)
{
        size_t n = strlen(text), m;

        if (x->steps++ > INTERP_MAX_STEPS)
                return NULL;
        if (end->kind == OBJECT_TUPLE) {
                for (size_t i = 0; i < end->n; i++) {
                        struct object *one = has_end(x, text, end->items[i], at_start);

                        if (one == NULL || one->kind == OBJECT_UNKNOWN || one->value.i != 0)
                                return one;
                }
                return object_bool(x, false);
        }
        if (!object_is_text(end))
                return &x->unknown;
        m = strlen(end->value.s);
        return object_bool(x, n >= m && memcmp(at_start ? text : text + n - m, end->value.s, m) == 0);
}

static struct object *text_method(struct interp *x, const char *text, const char *name,
                                  const struct object *a, const struct object *keywords, bool *ret_known)
{
        const char *first = a->n > 0 && object_is_text(a->items[0]) ? a->items[0]->value.s : NULL;
        const char *second = a->n > 1 && object_is_text(a->items[1]) ? a->items[1]->value.s : NULL;

        *ret_known = true;
        if (strcmp(name, "format") == 0)
                return format(x, text, a, keywords);
        if (strcmp(name, "join") == 0 && a->n == 1)
                return join(x, text, a->items[0]);
        if (a->n == 0 && names_in_table(" upper lower title capitalize ", name))
                return recase(x, text, name);
        if (a->n == 1 && names_in_table(" startswith endswith ", name))
                return has_end(x, text, a->items[0], name[0] == 's');
        if (strcmp(name, "replace") == 0 && a->n == 2 && first != NULL && second != NULL)
                return replace(x, text, first, second);
        if (strcmp(name, "split") == 0 && (a->n == 0 || (a->n == 1 && first != NULL)))
                return split(x, text, first);
        *ret_known = false;
        return NULL;
}

/* items, keys and values of a dict */
static struct object *view(struct interp *x, const struct object *dict, const char *name)
{
        struct object *list = object_new(x, OBJECT_TUPLE);

        for (size_t i = 0; list != NULL && i < dict->n; i++) {
                struct object *o = name[0] == 'i'   ? native_pair(x, dict->keys[i], dict->items[i])
                                   : name[0] == 'k' ? dict->keys[i]
                                                    : dict->items[i];

                if (o == NULL || !object_append(x, list, o))
                        return NULL;
        }
        return list;
}

/* What is in the class's own __dict__, in its order. */
static struct object *members_of(struct interp *x, struct object *c)
{
        struct object *dict = object_new(x, OBJECT_DICT);

        if (dict == NULL || !object_set(x, dict, object_text(x, "__module__"), &x->unknown))
                return NULL;
        for (size_t i = 0; i < c->class_def->scope.n; i++) {
                struct binding *b = &c->class_def->scope.v[i];
                struct object *o =
                    b->kind != BINDING_DELETED ? static_binding(x, &c->class_def->scope, b) : NULL;

                if (b->maybe != NULL)
                        return NULL;
                if (o != NULL && !object_set(x, dict, object_text(x, b->name), o))
                        return NULL;
        }
        for (size_t i = 0; i < c->n; i++)
                if (!object_set(x, dict, c->keys[i], c->items[i]))
                        return NULL;
        return dict;
}

/* The globals of another module, which have all that its text says. */
static struct object *a_module(struct interp *x, const struct module *m)
{
        struct object *dict = m != x->m ? object_new(x, OBJECT_DICT) : NULL;

        for (size_t i = 0; dict != NULL && i < m->scope.n; i++) {
                struct binding *b = &m->scope.v[i];
                struct object *o = b->kind != BINDING_DELETED ? static_binding(x, &m->scope, b) : NULL;

                if (o != NULL && !object_set(x, dict, object_text(x, b->name), o))
                        return NULL;
        }
        return dict;
}

static struct object *dict_method(struct interp *x, struct object *dict, const char *name,
                                  const struct object *a, const struct object *keywords, bool *ret_known)
{
        struct object *o;

        *ret_known = true;
        if (a->n == 0 && names_in_table(" items keys values ", name))
                return view(x, dict, name);
        if ((strcmp(name, "get") == 0 || strcmp(name, "setdefault") == 0) && a->n >= 1 && a->n <= 2 &&
            a->items[0]->kind != OBJECT_UNKNOWN) {
                struct object *other = a->n == 2 ? a->items[1] : &x->none;

                o = object_find(dict, a->items[0]);
                if (o != NULL || name[0] == 'g')
                        return o != NULL ? o : other;
                return object_touch(x, dict) && object_set(x, dict, a->items[0], other) ? other : NULL;
        }
        if (strcmp(name, "copy") == 0 && a->n == 0) {
                struct object *list = object_new(x, OBJECT_TUPLE);

                return list != NULL && object_append(x, list, dict) ? native_dict(x, list, NULL) : NULL;
        }
        if (strcmp(name, "update") == 0 && a->n <= 1 && (a->n == 0 || a->items[0]->kind == OBJECT_DICT)) {
                const struct object *const from[] = {a->n == 1 ? a->items[0] : NULL, keywords};

                if (!object_touch(x, dict))
                        return NULL;
                for (size_t k = 0; k < 2; k++)
                        for (size_t i = 0; from[k] != NULL && i < from[k]->n; i++)
                                if (!object_set(x, dict, from[k]->keys[i], from[k]->items[i]))
                                        return NULL;
                return &x->none;
        }
        *ret_known = false;
        return NULL;
}

static struct object *list_method(struct interp *x, struct object *list, const char *name,
                                  const struct object *a, bool *ret_known)
{
        struct object *all;

        *ret_known = list->kind == OBJECT_LIST && a->n == 1;
        if (*ret_known && strcmp(name, "append") == 0)
                return object_touch(x, list) && object_append(x, list, a->items[0]) ? &x->none : NULL;
        if (*ret_known && strcmp(name, "extend") == 0) {
                all = object_iterate(x, a->items[0]);
                if (all == NULL || !object_touch(x, list))
                        return NULL;
                for (size_t i = 0; i < all->n; i++)
                        if (!object_append(x, list, all->items[i]))
                                return NULL;
                return &x->none;
        }
        *ret_known = false;
        return NULL;
}

struct object *native_method(struct interp *x, struct object *self, const char *name,
                             struct object *arguments, struct object *keywords, bool *ret_known)
{
        struct object *none = keywords != NULL ? keywords : object_new(x, OBJECT_DICT), *members;

        if (none == NULL)
                return NULL;
        switch (self->kind) {
        case OBJECT_VALUE:
                return object_is_text(self) ? text_method(x, self->value.s, name, arguments, none, ret_known)
                                            : NULL;
        case OBJECT_DICT:
                return dict_method(x, self, name, arguments, none, ret_known);
        case OBJECT_MEMBERS:
                members = members_of(x, self->self);
                if (members == NULL || strcmp(name, "setdefault") == 0 || strcmp(name, "update") == 0)
                        return NULL;
                return dict_method(x, members, name, arguments, none, ret_known);
        case OBJECT_LIST:
        case OBJECT_TUPLE:
                return list_method(x, self, name, arguments, ret_known);
        case OBJECT_GLOBALS:
                members = a_module(x, self->module);
                return members != NULL && names_in_table(" items keys values get ", name)
                           ? dict_method(x, members, name, arguments, none, ret_known)
                           : NULL;
        default:
                return NULL;
        }
}
