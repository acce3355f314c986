/* How it works: a scope is an array in dict order with a hash table beside it. Names are bound by read.c. */
#include "runtime/discover/module.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/discover/read.h"

#define MAX_QUOTE 60

const char *node_text(const struct module *module, struct node node)
{
        uint32_t start;
        const char *s;

        if (node_is_null(node))
                return "";
        start = node_start(node);
        s = arena_strn(module->arena, module->text + start, node_end(node) - start);
        return s != NULL ? s : "";
}

const char *node_quote(const struct module *module, struct node node)
{
        char *s = arena_get(module->arena, MAX_QUOTE + 4), *p = s;
        const char *text = module->text + (node_is_null(node) ? 0 : node_start(node));
        size_t n = node_is_null(node) ? 0 : node_end(node) - node_start(node), i;

        if (s == NULL)
                return "";
        for (i = 0; i < n && p < s + MAX_QUOTE; i++)
                if ((unsigned char)text[i] > ' ' && text[i] != 0x7f)
                        *p++ = text[i];
                else if (p > s && p[-1] != ' ')
                        *p++ = ' ';
        if (i < n) {
                while (p > s && ((unsigned char)p[-1] & 0xc0) == 0x80) /* no half characters */
                        p--;
                if (p > s && (unsigned char)p[-1] >= 0xc0)
                        p--;
                memcpy(p, "...", sizeof "...");
        }
        return s;
}

struct nodes node_children(const struct module *module, struct node node)
{
        struct nodes nodes = {0};
        uint32_t n;

        if (node_is_null(node) || (n = node_named_child_count(node)) == 0)
                return nodes;
        nodes.v = arena_get(module->arena, n * sizeof *nodes.v);
        if (nodes.v == NULL)
                return nodes;
        for (struct node at = node_first(node); !node_is_null(at); at = node_beside(node, at))
                if (node_named(at) && !node_extra(at))
                        nodes.v[nodes.n++] = at;
        return nodes;
}

uint32_t module_line(const struct module *module, struct node node)
{
        uint32_t row = node_row(node);

        return module->lines != NULL && row < module->n_lines ? module->lines[row] : row + 1;
}

static uint32_t hash(const char *s)
{
        uint32_t h = 2166136261u;

        for (; *s != '\0'; s++)
                h = (h ^ (unsigned char)*s) * 16777619u;
        return h;
}

static uint32_t *slot_of(const struct scope *scope, const char *name)
{
        size_t at = hash(name) & (scope->n_slots - 1);

        while (scope->slots[at] != 0 && strcmp(scope->v[scope->slots[at] - 1].name, name) != 0)
                at = (at + 1) & (scope->n_slots - 1);
        return &scope->slots[at];
}

struct binding *module_find(const struct scope *scope, const char *name)
{
        uint32_t *slot = scope->n_slots > 0 ? slot_of(scope, name) : NULL;

        return slot == NULL || *slot == 0 || scope->v[*slot - 1].kind == BINDING_DELETED
                   ? NULL
                   : &scope->v[*slot - 1];
}

struct binding *module_resolve(const struct module *module, const struct scope *scope, const char *name)
{
        struct binding *b = scope != NULL ? module_find(scope, name) : NULL;

        if (scope != NULL && scope->module != NULL)
                module = scope->module;
        return b != NULL || scope == &module->scope ? b : module_find(&module->scope, name);
}

static bool make_room(struct arena *arena, struct scope *scope)
{
        size_t cap = scope->cap * 2 + 8, n_slots = 16;
        struct binding *v;

        if (scope->n < scope->cap)
                return true;
        while (n_slots < cap * 2)
                n_slots *= 2;
        v = arena_grow(arena, scope->v, scope->n * sizeof *v, cap * sizeof *v);
        scope->slots = arena_get(arena, n_slots * sizeof *scope->slots);
        scope->n_slots = scope->slots != NULL ? n_slots : 0;
        if (v == NULL || scope->slots == NULL) {
                scope->n = 0;
                return false;
        }
        scope->v = v;
        scope->cap = cap;
        for (size_t i = 0; i < scope->n; i++)
                *slot_of(scope, v[i].name) = (uint32_t)i + 1;
        return true;
}

struct binding *scope_bind(struct arena *arena, struct scope *scope, const char *name, struct binding what)
{
        uint32_t *slot;

        if (!make_room(arena, scope))
                return NULL;
        what.name = name;
        slot = slot_of(scope, name);
        if (*slot != 0 && scope->v[*slot - 1].kind != BINDING_DELETED) {
                what.vague = true;
                scope->v[*slot - 1] = what;
        } else {
                scope->v[scope->n++] = what;
                *slot = (uint32_t)scope->n;
        }
        return &scope->v[*slot - 1];
}

const char *module_dotted(const struct module *module, const struct scope *scope, struct node node)
{
        const struct module *m = scope != NULL && scope->module != NULL ? scope->module : module;
        struct binding *b;
        const char *text, *rest;
        struct node head = node;

        while (node_is(head, "attribute"))
                head = node_field(head, "object");
        if (!node_is(head, "identifier"))
                return NULL;
        text = node_text(m, node);
        if (strpbrk(text, " \t\n\\#") != NULL)
                return NULL;
        rest = text + strcspn(text, ".");
        b = module_resolve(m, scope, node_text(m, head));
        if (b != NULL && b->kind == BINDING_IMPORT)
                return arena_printf(module->arena, "%s%s", b->from, rest);
        return text;
}
