/*
 * fixtures: which fixtures a test gets, in pytest's order, and what is wrong with them, told from the text
 * alone (FixtureManager in _pytest/fixtures.py; checked against 7.2.1).
 *
 * A test's fixtures are looked for in its classes, its module, the conftest.py files from its folder up to
 * the root, and the plugins: those that are installed for the interpreter (their files are read like the
 * project's own, or a list that pytest itself gave in an earlier run is taken) and those that pytest_plugins
 * and -p name.
 *
 * What cannot be known is said so ("unsure"), and no problem is reported where code that nobody reads could
 * explain it: see fixtures_check.
 */
#ifndef TACH_DISCOVER_FIXTURES_H
#define TACH_DISCOVER_FIXTURES_H

#include "runtime/discover/ini.h"
#include "runtime/discover/sources.h"
#include "spec/base/buf.h"
#include "spec/base/error.h"

/* One fixture, as pytest's FixtureDef. */
struct fixture_def {
        const char *name;
        const char *attribute; /* the name that it is bound to */
        const char *baseid;    /* "", "tests", "tests/test_a.py", "tests/test_a.py::TestA": who sees it */
        const char *plugin;    /* the plugin that has it, or NULL */
        const char *path;      /* absolute; NULL where it is not known */
        uint32_t line;
        const char *function, *signature; /* "database", "(request)" */
        struct names args;
        struct names asked; /* by request.getfixturevalue in its body */
        enum fixture_scope scope;
        enum known params, autouse;
        bool unsure;    /* its parameters or its nature cannot be read */
        bool generated; /* pytest's own, for setup_module and the like */
};

/* What a module, class or plugin provides. */
struct holder {
        const char *baseid;
        const struct facts *file;
        struct fixture_def *v; /* in pytest's order */
        size_t n;
        bool any_name;      /* some fixture's name is not known */
        bool stars;         /* imports * from where nobody can look */
        bool unsure;        /* an unreadable base class, metaclass or decorator */
        struct names maybe; /* names that are bound to what may be a fixture */
};

struct fixtures {
        struct sources *sources;
        const struct ini *ini;
        struct holder **plugins; /* in the order in which they are registered */
        size_t n_plugins, cap_plugins;
        bool plugins_known;      /* no other plugin can be there */
        const char *plugins_why; /* where not: what it is that cannot be known */
        const char *given;       /* names of others that are there, with blanks around each; or NULL */
        unsigned dynamic;        /* of plugins that are not pytest's own: enum facts_dynamic */
        int pytest_major;        /* 0: not known */
        bool depth_first;        /* it goes through fixtures depth first: since 9 */
        struct arena *arena;     /* of what stays, which is its sources' */
        struct arena scratch;    /* of the test at hand */
        struct names conftests;  /* folders whose conftest.py has been looked at */
        struct holder **holders; /* of conftest files, modules and classes, by their facts */
        size_t n_holders, cap_holders;
};

enum problem_kind { PROBLEM_MISSING, PROBLEM_CYCLE, PROBLEM_SCOPE };

struct problem {
        enum problem_kind kind;
        const char *nodeid; /* of the test, without brackets */
        const char *path;   /* of who asks, as the node id spells it, or absolute */
        uint32_t line;
        const char *text; /* in pytest's words, one line */
        const char *hint; /* or NULL */
        const char *name; /* the fixture */
};

/* The fixtures of one test. */
struct view;

struct closure {
        struct view *view;
        struct names names;              /* pytest's item.fixturenames */
        struct names order;              /* those that are fixtures, as they are set up */
        struct names direct;             /* arguments that parametrize gives */
        const struct fixture_def **defs; /* of each of NAMES, nearest; NULL: none, or direct */
        bool unsure;                     /* pytest may have more, less or others */
        const char *why;                 /* where unsure */
        const char *path;                /* of the test function */
        uint32_t line;
        struct problem *problems;
        size_t n_problems;
};

/* Reads the plugins for a project at ROOT; PYTHON is the interpreter (not started), or NULL. OPTIONS are
 * pytest's arguments, from which -p counts. 0 or -errno with ERR. */
int fixtures_init(struct fixtures *f, struct sources *sources, const struct ini *ini,
                  const struct spec_strv *options, struct error *err);

void fixtures_finish(struct fixtures *f);

/* Says that PATH (NODEID without ::) is going to be collected: its pytest_plugins count for everyone. */
void fixtures_announce(struct fixtures *f, const char *path);

/* The fixtures of test NODEID ("tests/test_a.py::TestA::test_b", no brackets) of the file PATH. False: there
 * is no such test, or no memory. RET is good until the next call; its problems live as long as F's sources.
 */
bool fixtures_of(struct fixtures *f, const char *path, const char *nodeid, struct closure *ret);

/* plugins.c */
int fixtures_plugins(struct fixtures *f, const struct spec_strv *options, struct error *err);
bool fixtures_add_plugin(struct fixtures *f, const struct facts *file, const char *name);
/* Follows pytest_plugins of FILE. */
void fixtures_follow_plugins(struct fixtures *f, const struct facts *file);

/* holders.c: what FILE (nodeid BASEID; NULL for a plugin called PLUGIN) or a class of it provides. */
struct holder *fixtures_holder(struct fixtures *f, const struct facts *file, const char *baseid,
                               const char *plugin);
struct holder *fixtures_class(struct fixtures *f, struct fact_class *c, const char *baseid);

/* view.c: what a test sees. */
struct view {
        struct fixtures *f;
        const struct facts *file;
        const char *nodeid;
        const struct holder **v;     /* from the plugins to the innermost class */
        size_t n, cap, first_own;    /* FIRST_OWN: the first that is no plugin */
        struct fact_class **classes; /* outermost first */
        size_t n_classes;
        struct fact_function *function;
        const struct fact_mark **marks; /* closest first */
        size_t n_marks;
        struct names args;    /* that the function asks for */
        struct names initial; /* names that the test asks for itself: by marks, arguments and autouse */
        bool args_unsure, skips, hooks;
};

/* What test NODEID of FILE, at PATH, sees; *RET_OWNER is the class that its function is written in, or NULL.
 * False: there is no such test, or no memory. */
bool fixtures_view(struct fixtures *f, struct facts *file, const char *path, const char *nodeid,
                   struct view *ret, struct fact_class **ret_owner);

/* The last of the definitions of NAME that VIEW shows, the one below BELOW (NULL: the nearest). */
const struct fixture_def *fixtures_find(const struct view *view, const char *name,
                                        const struct fixture_def *below);

/* check.c: fills in ORDER and the problems of CLOSURE. A problem is only reported if nothing that cannot be
 * read could be the reason for it: other plugins than are known, hooks, names made by code (setattr, globals,
 * exec), star imports of unknown modules, decorators, base classes and marks that are not known, marks that
 * skip the test, and any string or variable that has the missing name. */
void fixtures_check(struct view *view, struct closure *closure);

#endif
