/*
 * module: the names of one Python file, as executing it would leave them: what each scope (the module, every
 * class body) binds, in the order of its dict. Statements under if, try, with and loops count as the module
 * would run them when all goes well.
 */
#ifndef TACH_DISCOVER_MODULE_H
#define TACH_DISCOVER_MODULE_H

#include <stdbool.h>
#include <stdint.h>
#include <tree_sitter/api.h>

#include "runtime/discover/arena.h"

enum binding_kind {
        BINDING_FUNCTION,
        BINDING_CLASS,
        BINDING_VALUE,   /* node: the expression; null where it is not known */
        BINDING_IMPORT,  /* import; from: its dotted name */
        BINDING_DELETED, /* was bound, is not any more */
};

struct nodes {
        TSNode *v;
        size_t n;
};

struct class_def;
struct module;

/* "import MODULE" or "from ..MODULE import NAME"; LEVEL counts the dots. */
struct import {
        const char *module;
        const char *name; /* NULL: the module itself */
        int level;
};

struct binding {
        const char *name;
        enum binding_kind kind;
        TSNode node;
        struct nodes decorators; /* expressions, as written from top to bottom */
        struct class_def *class_def;
        const char *from; /* "package.module" or "package.module.name", relative ones with their dots */
        struct import import;
        bool is_module; /* an import of a module, not of a name in one */
        bool vague;     /* bound more than once, or changed in place: its value is not that of node */
        int test_flag;  /* X.__test__ = ...: 1 true, -1 false, 0 not set */
};

struct scope {
        const struct module *module; /* whose text the bindings' nodes are of */
        struct binding *v;
        size_t n, cap;
        uint32_t *slots; /* hash table of index + 1 */
        size_t n_slots;
        struct scope *outer; /* the scope that a class body is in */
};

struct class_def {
        const char *name;
        struct scope scope;
        struct nodes bases; /* positional arguments of the class statement */
        struct nodes decorators;
        bool has_keywords; /* metaclass=... or others */
        struct class_def **mro;
        size_t n_mro;
        bool mro_busy;
};

struct module {
        const char *text;
        struct arena *arena;
        struct scope scope;
        uint32_t error_line; /* first line that is no Python, from 1; 0: none */
};

/* Reads the tree of TEXT below ROOT. RET's memory is ARENA's; TEXT and the tree must outlive it. */
void module_read(struct module *ret, struct arena *arena, const char *text, TSNode root);

/* The binding of NAME in SCOPE itself, or NULL. */
struct binding *module_find(const struct scope *scope, const char *name);

/* As Python resolves NAME in SCOPE: itself, then the module. */
struct binding *module_resolve(const struct module *module, const struct scope *scope, const char *name);

/* The same classes as CLASS.__mro__, without those that this file does not define. */
void module_mro(const struct module *module, struct class_def *class_def);

/* The dotted name that NODE spells ("pytest.mark.skip") with the first word's import resolved ("import pytest
 * as pt" makes "pt.mark" "pytest.mark"), or NULL where NODE is no dotted name. */
const char *module_dotted(const struct module *module, const struct scope *scope, TSNode node);

bool node_is(TSNode node, const char *type);
TSNode node_field(TSNode node, const char *name);
const char *node_text(const struct module *module, TSNode node);
/* The named children of NODE without comments. */
struct nodes node_children(const struct module *module, TSNode node);

#endif
