/*
 * fixture_table: the fixtures that a module or a class has, as pytest finds them among its attributes:
 * defined there, imported, or given another name.
 */
#ifndef TACH_DISCOVER_FIXTURE_TABLE_H
#define TACH_DISCOVER_FIXTURE_TABLE_H

#include "runtime/discover/module.h"

struct fixture {
        const char *name;          /* that tests ask for it by */
        const char *attribute;     /* that it is found under */
        const struct scope *scope; /* where FUNCTION, PARAMS and IDS are from */
        const struct binding
            *function; /* NULL: a lambda that asks for nothing, or not known: UNSURE says why */
        struct node params, ids;
        bool has_params, autouse;
        const char *unsure; /* what cannot be read */
        int rank;           /* of its scope: 0 function ... 4 session */
};

struct fixtures_of {
        struct fixture *v;
        size_t n;
};

/* The fixtures of SCOPE that count whether their attribute's name is asked for or not (defined there,
 * autouse, with a name= of their own), in the order of the attributes' names, as dir() has them. NULL: no
 * memory. */
const struct fixtures_of *fixture_table(const struct scope *scope);

/* The fixture that SCOPE has for NAME. */
bool fixture_find(const struct scope *scope, const char *name, struct fixture *ret);

#endif
