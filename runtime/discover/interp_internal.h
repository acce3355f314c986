/*
 * interp_internal: what the parts of interp.h share: objects, frames and the rules of giving up.
 *
 * Functions that return an object return NULL where the statement at hand is to be given up. An object that
 * is not known (OBJECT_UNKNOWN) is no reason for that, as long as nothing depends on it. All memory is the
 * module's own arena's.
 */
#ifndef TACH_DISCOVER_INTERP_INTERNAL_H
#define TACH_DISCOVER_INTERP_INTERNAL_H

#include "runtime/discover/import_index.h"
#include "runtime/discover/module.h"
#include "runtime/discover/resolve.h"
#include "runtime/discover/value.h"

enum object_kind {
        OBJECT_UNKNOWN,
        OBJECT_VALUE, /* None, a bool, a number, a str, bytes */
        OBJECT_TUPLE,
        OBJECT_LIST,
        OBJECT_DICT,
        OBJECT_CLASS,
        OBJECT_FUNCTION, /* a def or a lambda */
        OBJECT_METHOD,   /* a function with its self */
        OBJECT_INSTANCE,
        OBJECT_MODULE,
        OBJECT_FOREIGN, /* of a module that is not read; name is dotted */
        OBJECT_NATIVE,  /* what interp_native.c knows by its name */
        OBJECT_BOUND,   /* a native method: of self, by name */
        OBJECT_GLOBALS, /* of a module */
        OBJECT_MEMBERS, /* CLASS.__dict__ */
};

struct object {
        enum object_kind kind;
        struct value value;
        struct object **keys, **items; /* keys: of a dict, strings; of an instance and a class: attributes */
        size_t n, cap;
        struct object *self;         /* method, bound: its object; members: the class; dict: its factory */
        struct object *type;         /* instance: its class; class: its metaclass; method: the function */
        const char *name;            /* __name__; dotted name of a module and what is foreign */
        const struct module *module; /* function: where its text is; module, globals */
        struct class_def *class_def;
        struct node node;        /* function */
        struct frame *closure;   /* function: where it is defined */
        struct nodes decorators; /* function */
        bool is_spoiled;         /* class: a statement that changed it was given up */
        bool is_opaque;          /* function: what a call does is not known (decorators, yield, no body) */
        bool is_plain;           /* unknown: it is no class, function or module */
        bool is_static;          /* function: staticmethod */
        bool is_class_method;    /* function: classmethod */
        struct binding *import;  /* foreign: how it was imported, where that is known */
        struct binding *static_binding; /* function: as the module's text has it, or NULL */
        const struct scope *static_scope;
};

/* Names and what they are. */
struct frame {
        const struct module *module;
        const struct scope *scope; /* where names that are not here are looked for: a class body, a module */
        struct frame *outer;       /* the function around; NULL: the module */
        bool is_class;             /* functions in it do not see its names */
        struct import_table numbers;
        const char **names;
        struct object **v;
        size_t n, cap;
        struct object *result; /* of return */
};

struct change {
        struct object *owner; /* a class */
        const char *name;
        struct object *what;
};

struct interp {
        struct module *m; /* the module that is played */
        struct arena *arena;
        struct frame *globals; /* of it */
        struct frame **others; /* of other modules */
        size_t n_others, cap_others;
        struct object **classes;
        size_t n_classes, cap_classes;
        struct object unknown, plain, none; /* plain: not known, but no class, function or module */
        size_t steps, n_made;               /* classes */
        int depth;
        /* A condition that is not known may have led elsewhere, where nothing more is done: so nothing may be
         * done here either. */
        bool is_barren;
        int is_trying;     /* statements around that catch what fails */
        const char *doubt; /* a statement that may have changed what was made; NULL: none */
        /* of the statement at hand */
        struct change *changes;
        size_t n_changes, cap_changes;
        struct object **touched; /* lists and dicts that were changed: no longer known if it is given up */
        size_t n_touched, cap_touched;
};

#define INTERP_MAX_STEPS 200000 /* of one module */
#define INTERP_MAX_TEXT  4096   /* bytes; a longer text is not known */

enum flow { FLOW_GIVE_UP = -1, FLOW_ON, FLOW_RETURN, FLOW_BREAK, FLOW_CONTINUE };

/* interp_object.c */
struct object *object_new(struct interp *x, enum object_kind kind);
struct object *object_of(struct interp *x, struct value value);
struct object *object_text(struct interp *x, const char *text);
struct object *object_bool(struct interp *x, bool is_true);
struct object *object_native(struct interp *x, const char *name);
bool object_append(struct interp *x, struct object *list, struct object *item);
bool object_set(struct interp *x, struct object *dict, struct object *key, struct object *item);
struct object *object_get(const struct object *dict, const char *name);
struct object *object_find(const struct object *dict, const struct object *key);
/* 1, 0, or -1 where it is not known. */
int object_truth(const struct object *o);
int object_equal(const struct object *a, const struct object *b);
/* What iterating over it gives, as a tuple, or NULL. */
struct object *object_iterate(struct interp *x, struct object *o);
bool object_is_text(const struct object *o);
bool object_is_none(const struct object *o);
/* O under the NAME: pytest may look into it. */
bool object_may_be_test(const struct object *o, const char *name);
bool object_is_plain(const struct object *o); /* no class, function or module */
/* It is about to be changed. */
bool object_touch(struct interp *x, struct object *o);
struct object *frame_get(const struct frame *frame, const char *name);
bool frame_set(struct interp *x, struct frame *frame, const char *name, struct object *o);
struct frame *frame_of_module(struct interp *x, const struct module *m);

/* interp_static.c: what the text says without being played */
struct object *static_binding(struct interp *x, const struct scope *scope, struct binding *b);
struct object *static_class(struct interp *x, struct class_def *c);
struct object *static_name(struct interp *x, const struct frame *frame, const char *name);
/* O.NAME; *RET_MISSING: it surely has none. */
struct object *attribute_get(struct interp *x, struct object *o, const char *name, bool *ret_missing);
/* A name of the body of the new class C. */
bool member_set(struct interp *x, struct object *c, const char *name, struct object *what);
bool attribute_set(struct interp *x, struct object *o, const char *name, struct object *what);

/* interp_eval.c */
struct object *eval_node(struct interp *x, struct frame *frame, struct node node);

/* interp_operators.c: expressions of these kinds */
struct object *operator_unary(struct interp *x, struct frame *frame, struct node node);
struct object *operator_binary(struct interp *x, struct frame *frame, struct node node);
struct object *operator_comparison(struct interp *x, struct frame *frame, struct node node);
struct object *operator_either(struct interp *x, struct frame *frame, struct node node);
struct object *operator_conditional(struct interp *x, struct frame *frame, struct node node);
struct object *operator_subscript(struct interp *x, struct frame *frame, struct node node);

/* interp_call.c */
/* Whether calls of what DOTTED names, of Python's own, give no classes, functions or modules. */
bool call_gives_plain(const char *dotted);
struct object *call_object(struct interp *x, struct object *f, struct object *arguments,
                           struct object *keywords);
struct object *function_of(struct interp *x, struct frame *frame, struct node node,
                           const struct nodes *decorators);
/* type(NAME, BASES, MEMBERS) */
struct object *class_new(struct interp *x, const char *name, struct object *bases,
                         const struct object *members, struct object *meta);
/* Calling C gives an instance of it, which is no class. */
bool class_makes_instances(struct class_def *c);
/* What META and the bases' metaclasses do to the new class C. False: give up. */
bool class_begin(struct interp *x, struct object *c, struct object *bases);

/* interp_native.c: *RET_KNOWN: there is such a function */
struct object *native_call(struct interp *x, const char *name, struct object *arguments,
                           struct object *keywords, bool *ret_known);
bool native_has(const char *name);
/* (A, B), and dict(*ARGUMENTS, **KEYWORDS) */
struct object *native_pair(struct interp *x, struct object *a, struct object *b);
struct object *native_dict(struct interp *x, struct object *arguments, struct object *keywords);

/* interp_methods.c: likewise */
struct object *native_method(struct interp *x, struct object *self, const char *name,
                             struct object *arguments, struct object *keywords, bool *ret_known);

/* interp_wanted.c: whether playing is worth while: a module, a class statement, a call that is a statement,
 * what B stands for; and the first class of the module that is an argument of the call NODE, or NULL */
bool wanted_module(const struct module *m);
bool wanted_class(const struct class_def *c);
bool wanted_call(const struct module *m, struct node node);
bool wanted_value(const struct module *m, const struct binding *b);
bool wanted_within(const struct module *m, struct node node); /* a call in NODE */
struct class_def *wanted_class_of_call(const struct module *m, struct node node);

/* interp_made.c: what the statement made goes into the scopes, or is forgotten */
void made_apply(struct interp *x);
void made_forget(struct interp *x);
/* Names of the module that now stand for classes and functions are bound. */
void made_bind_names(struct interp *x);
/* All that code made is less sure, because of WHY. */
void made_doubt(struct interp *x, const char *why);
/* Lists, dicts and instances that the module has names for may have changed. */
void made_poison(struct interp *x);
/* What effects.h would say of NODE has been played. */
void made_mark_events(struct interp *x, struct node node);

/* interp_run.c */
enum flow run_block(struct interp *x, struct frame *frame, struct node block);
enum flow run_statement(struct interp *x, struct frame *frame, struct node statement);
bool run_assign(struct interp *x, struct frame *frame, struct node target, struct object *o);
/* All names that NODE may bind are no longer known. */
void run_forget(struct interp *x, struct frame *frame, struct node node);
struct object *run_class(struct interp *x, struct frame *frame, struct node node);

#endif
