/*
 * module: the names of one Python file, as executing it would leave them: what each scope (the module, every
 * class body) binds, in the order of its dict. Statements under if, try, with and loops count as the module
 * would run them when all goes well; what depends on a condition that cannot be told is remembered as such.
 */
#ifndef TACH_DISCOVER_MODULE_H
#define TACH_DISCOVER_MODULE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/discover/arena.h"
#include "runtime/discover/tree.h"

enum binding_kind {
        BINDING_FUNCTION,
        BINDING_CLASS,
        BINDING_VALUE,   /* node: the expression; null where it is not known */
        BINDING_IMPORT,  /* import; from: its dotted name */
        BINDING_DELETED, /* was bound, is not any more */
};

struct nodes {
        struct node *v;
        size_t n;
};

struct class_def;
struct value;
struct library;
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
        struct node node;
        struct nodes decorators; /* expressions, as written from top to bottom */
        struct class_def *class_def;
        const char *from; /* "package.module" or "package.module.name", relative ones with their dots */
        struct import import;
        const struct value *known; /* inline.h: its value; node is then null */
        struct binding *target;    /* interp.h: it is what this binding is, of another scope */
        const struct scope *target_scope;
        const char *maybe; /* the text of the condition that it depends on, where that cannot be told */
        bool either;       /* by one branch of several, and parameters may be another branch's */
        bool is_module;    /* an import of a module, not of a name in one */
        bool is_made;      /* interp.h: by code */
        bool vague;        /* bound more than once, or changed in place: its value is not that of node */
        int test_flag;     /* X.__test__ = ...: 1 true, -1 false, 0 not set */
};

struct scope {
        const struct module *module; /* whose text the bindings' nodes are of */
        struct binding *v;
        size_t n, cap;
        uint32_t *slots; /* hash table of index + 1 */
        size_t n_slots;
        struct scope *outer; /* the scope that a class body is in */
        void *fixtures;      /* params.c */
};

struct class_def {
        const char *name;
        struct scope scope;
        struct nodes bases; /* positional arguments of the class statement */
        struct nodes decorators;
        struct node metaclass; /* of the class statement, or null */
        struct binding
            *before;       /* what its name stood for until its class statement, as a base of it: or NULL */
        bool has_keywords; /* metaclass=... or others */
        struct class_def **mro;
        size_t n_mro;
        bool mro_busy;
        const char **foreign; /* dotted names of bases, its own and inherited, whose source is not read */
        size_t n_foreign;
        const char *unknown_base; /* text of a base of which nothing is known, or NULL */
        const char *grows;        /* why it may have more tests than its text shows, or NULL */
        bool has_begun;           /* interp.h: what its metaclass does is in its scope */
        bool is_decorated;        /* and what its decorators do */
};

/* What reading a module met that has a say in whether its tests can be collected. */
enum event_kind {
        EVENT_CALL,   /* a call as a statement; node */
        EVENT_STOP,   /* the rest of the module is not executed: raise, a module that is not there */
        EVENT_ASSIGN, /* something other than a name is assigned to; node: the assignment */
};

struct event {
        enum event_kind kind;
        struct node node;
        const char *maybe; /* as in a binding */
        const char *why;   /* EVENT_STOP */
        bool assigned;     /* EVENT_CALL: its result is used */
        bool is_played;    /* interp.h: what it does is in the scopes */
};

struct module {
        const char *path; /* absolute; NULL where the text is from nowhere */
        const char *text;
        struct arena *arena;     /* of what is worked out from the module: short-lived */
        struct arena *own;       /* of what the module consists of */
        struct library *library; /* where imported names are looked up; NULL: nowhere */
        struct node root;
        struct scope scope;
        const char *grows; /* interp.h: why it may have more than its scope shows, or NULL */
        struct event *events;
        size_t n_events, cap_events;
        const uint32_t *lines; /* the file's line of each line of the text; NULL: the same */
        uint32_t n_lines;
        uint32_t error_line; /* first line that is no Python, from 1; 0: none */
};

/* Reads the tree of MODULE's text below ROOT; path, text, arena, own, library and lines are set by the
 * caller, all else is zero. Text and tree must outlive the module. */
void module_read(struct module *module, struct node root);

/* The line of the file that NODE begins in, from 1. */
uint32_t module_line(const struct module *module, struct node node);

/* The binding of NAME in SCOPE itself, or NULL. */
struct binding *module_find(const struct scope *scope, const char *name);

/* As Python resolves NAME in SCOPE: itself, then the module. */
struct binding *module_resolve(const struct module *module, const struct scope *scope, const char *name);

/* Works out CLASS_DEF's mro: the same classes as CLASS.__mro__, without those whose source is not read, which
 * are in foreign and unknown_base. */
void module_mro(const struct module *module, struct class_def *class_def);

/* The same of a class without a class statement, from the N classes BASES and the N_FOREIGN names of others.
 */
void module_mro_of(struct class_def *class_def, struct class_def **bases, size_t n, const char **foreign,
                   size_t n_foreign);

/* The dotted name that NODE spells ("pytest.mark.skip") with the first word's import resolved ("import pytest
 * as pt" makes "pt.mark" "pytest.mark"), or NULL where NODE is no dotted name. */
const char *module_dotted(const struct module *module, const struct scope *scope, struct node node);

const char *node_text(const struct module *module, struct node node);
/* The same on one line, cut where it is long: for messages. */
const char *node_quote(const struct module *module, struct node node);
/* The named children of NODE without comments. */
struct nodes node_children(const struct module *module, struct node node);

#endif
