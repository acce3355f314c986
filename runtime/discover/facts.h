/*
 * facts: what one Python file says of fixtures, marks, classes and imports, without its syntax tree: plain
 * data that can be kept, shared and resolved across files (fixtures.h).
 */
#ifndef TACH_DISCOVER_FACTS_H
#define TACH_DISCOVER_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/discover/arena.h"
#include "runtime/discover/module.h"

struct names {
        const char **v;
        size_t n, cap;
};

/* From low to high, as pytest compares them. */
enum fixture_scope { SCOPE_FUNCTION, SCOPE_CLASS, SCOPE_MODULE, SCOPE_PACKAGE, SCOPE_SESSION, SCOPE_UNKNOWN };

extern const char *const fixture_scope_names[]; /* NULL-terminated, "unknown" last */

enum known { KNOWN_NO, KNOWN_YES, KNOWN_UNSURE };

enum mark_kind {
        MARK_USED,    /* usefixtures: names */
        MARK_PARAMS,  /* parametrize: names, indirect, scope */
        MARK_SKIP,    /* skip, skipif, xfail: the test may never ask for its fixtures */
        MARK_OTHER,   /* any other mark of pytest: nothing to do with fixtures */
        MARK_PENDING, /* a name that must be looked up: it may stand for marks, or make some */
        MARK_UNKNOWN, /* what cannot be read, or changes what it decorates */
};

struct fact_mark {
        enum mark_kind kind;
        struct names names;
        bool names_unsure;
        enum known indirect;          /* KNOWN_UNSURE: not told, or only INDIRECT_NAMES are */
        struct names indirect_names;  /* a list was given */
        enum fixture_scope scope;     /* of parametrize(scope=); SCOPE_UNKNOWN: none is given */
        bool scope_unsure, no_values; /* argvalues is empty, or its items have marks of their own */
        const char *from;             /* MARK_PENDING: the name, or where it is imported from */
        bool is_import, is_call;      /* MARK_PENDING */
        enum known unittest;          /* MARK_SKIP: by unittest.skip; KNOWN_UNSURE: on a condition */
};

struct fact_marks {
        struct fact_mark *v; /* in the order of Python's pytestmark list */
        size_t n, cap;
};

/* What a function does that is used as a decorator. */
enum decorates {
        DECORATES_UNKNOWN,
        DECORATES_WRAPS, /* the same parameters: functools.wraps */
        DECORATES_MARKS, /* gives a mark that has nothing to do with fixtures */
};

struct fact_function {
        uint32_t line;      /* of its first decorator, as co_firstlineno */
        uint32_t last_line; /* of the def */
        struct names args;  /* parameters that must be given and can be by name, "self" included */
        struct names given; /* by decorators that call with them by name (hypothesis) */
        size_t patches;     /* arguments that unittest.mock puts in */
        size_t filled;      /* arguments from the right that a decorator puts in */
        bool is_static, args_unsure;
        const char *signature; /* "(self, request)" */
        enum decorates decorates;
        struct fact_marks marks;
        struct names asked; /* request.getfixturevalue("literal") in its body */
        /* a fixture: */
        bool is_fixture, fixture_unsure;
        const char *fixture_name; /* name=, or NULL */
        enum fixture_scope scope;
        enum known params, autouse;
        bool any_name; /* name= is not literal */
};

enum fact_kind {
        FACT_FUNCTION,
        FACT_CLASS,
        FACT_IMPORT, /* from, "package.module.name", dots first where relative */
        FACT_ALIAS,  /* of the name "from" in the same scope */
        FACT_MARKS,  /* a variable that holds marks */
        FACT_VALUE,  /* something else; plain: certainly no fixture */
};

struct fact_class;

struct fact {
        const char *name;
        enum fact_kind kind;
        bool unsure; /* bound more than once, or under a condition */
        bool plain;
        bool is_module; /* FACT_IMPORT: of a module, not of a name in one */
        const char *from;
        struct fact_function *function;
        struct fact_class *class_def;
        struct fact_marks marks;
};

struct fact_scope {
        struct fact *v; /* in the order of the scope's dict */
        size_t n;
        struct fact_marks marks; /* the variable pytestmark */
};

struct fact_class {
        const char *name, *qualname;
        uint32_t line;
        struct names bases; /* dotted, with the first word as it is written; "" where it is no name */
        struct names froms; /* of each base, where it is imported from, or "" */
        struct fact_scope scope;
        struct fact_marks marks; /* of its decorators */
        size_t patches;          /* put into every test method */
        bool unsure;             /* metaclass, unknown decorator */
        const struct fact_scope *outer;
        const struct facts *file;
        /* resolve.c: */
        struct fact_class **mro; /* itself first */
        size_t n_mro;
        bool mro_busy, mro_unsure, is_testcase;
        void *holder; /* holders.c */
};

/* Code that may make fixtures which nobody can read. */
enum facts_dynamic {
        DYNAMIC_NAMESPACE = 1, /* setattr, globals(), exec, ... */
        DYNAMIC_HOOK = 2,      /* a hook that can change tests or their arguments */
        DYNAMIC_PLUGIN = 4,    /* registers or imports plugins */
        DYNAMIC_FACTORY = 8,   /* makes fixtures inside functions */
        DYNAMIC_SKIP = 16,     /* may skip the whole module */
        DYNAMIC_GETATTR = 32,  /* module-level __getattr__ */
};

struct facts {
        const char *path; /* absolute */
        struct fact_scope scope;
        struct names stars; /* modules of "from MODULE import *" */
        struct names all;   /* __all__ */
        bool has_all;
        struct names plugins; /* pytest_plugins */
        bool plugins_unsure;
        struct names loose;   /* fixtures that are defined elsewhere than where SCOPE has them */
        struct names strings; /* identifiers in string literals outside of known places */
        unsigned dynamic;     /* enum facts_dynamic */
        uint32_t error_line;
        void *holder; /* holders.c */
};

/* Reads the facts of MODULE, whose tree begins at ROOT, into ARENA. PATH is copied. NULL: no memory. */
struct facts *facts_read(struct arena *arena, const struct module *module, struct node root,
                         const char *path);

/* The fact of NAME in SCOPE itself, or NULL. */
struct fact *facts_find(const struct fact_scope *scope, const char *name);

bool names_has(const struct names *names, const char *name);
bool names_add(struct arena *arena, struct names *names, const char *name);

/* facts_marks.c: what the decorator NODE, or pytestmark, says. */
void facts_marks(struct arena *arena, const struct module *module, const struct scope *scope,
                 struct node node, struct fact_marks *marks);
/* facts_function.c: a function or lambda with its decorators, from top to bottom. */
struct fact_function *facts_function(struct arena *arena, const struct module *module,
                                     const struct scope *scope, struct node node,
                                     const struct nodes *decorators);
/* How many arguments the decorator NODE, of unittest.mock, puts in; -1: it is none of its; -2: not known. */
int facts_patch(const struct module *module, const struct scope *scope, struct node node);
/* The dotted name of NODE through variables that only rename. */
const char *facts_dotted(const struct module *module, const struct scope *scope, struct node node);

#endif
