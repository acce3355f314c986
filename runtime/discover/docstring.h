/*
 * docstring: what docstring an object has, where it is, and what is left of it by decorators.
 */
#ifndef TACH_DISCOVER_DOCSTRING_H
#define TACH_DISCOVER_DOCSTRING_H

#include "runtime/discover/module.h"
#include "runtime/discover/value.h"

/* What a decorator leaves of a function for DocTestFinder. */
enum leaves {
        LEAVES_DOC,      /* a function of the same module with the same docstring */
        LEAVES_PROPERTY, /* a property */
        LEAVES_NOTHING,
        LEAVES_UNKNOWN,
};

/* The docstring that BODY, of a module, class or function, begins with; VALUE_NONE where there is none. */
struct value docstring_of(const struct scope *scope, struct node body);
bool docstring_has_examples(const struct value *doc);

/* What the function with DECORATOR is for DocTestFinder. *RET_MORE is set, unless it was, to why it may have
 * another docstring. */
enum leaves docstring_after(const struct scope *scope, struct node decorator, bool in_class,
                            const char **ret_more);

/* The function that "@NAME.setter" and the like were put on first, a property of the same class body; null
 * where there is none. */
struct node docstring_getter(const struct scope *scope, struct node function, const char *name);

/* DocTestFinder._find_lineno: of what begins in LINE, with NODE, or is the class NAME. */
uint32_t docstring_line(const struct module *m, uint32_t line);
uint32_t docstring_line_of(const struct module *m, struct node node);
uint32_t docstring_class_line(const struct module *m, const char *name);

/* What M is called once pytest has imported it from the folder above its outermost package. */
const char *docstring_module(const struct module *m);

#endif
