/*
 * sources: the facts of Python files, found by path or by module name, each read once. Names are looked for
 * where the project's own modules are (what pytest puts on sys.path, and the root) and then in the folders of
 * an interpreter, which is not started. For one thread.
 */
#ifndef TACH_DISCOVER_SOURCES_H
#define TACH_DISCOVER_SOURCES_H

#include "runtime/discover/facts.h"
#include "runtime/discover/ini.h"
#include "runtime/discover/library.h"
#include "runtime/discover/search.h"
#include "runtime/discover/source.h"
#include "spec/base/error.h"

struct entry; /* what was looked for */

struct sources {
        struct arena arena;  /* of all facts */
        const char *root;    /* pytest's rootdir */
        struct names roots;  /* folders of the project that modules are found in */
        struct names stdlib; /* of the interpreter: its own library, then what is installed */
        struct names site;
        struct search search;
        struct library *library; /* for what expressions name in other files */
        struct entry **slots;
        size_t n_slots, n;
        struct reader reader;
};

/* PYTHON is the path of an interpreter, or NULL for none; CACHE may be NULL. 0 or -ENOMEM with ERR. */
int sources_init(struct sources *s, const char *root, const struct ini *ini, const char *python,
                 struct tree_cache *cache, struct error *err);
void sources_finish(struct sources *s);

/* The facts of PATH, absolute; NULL where it cannot be read. */
struct facts *sources_file(struct sources *s, const char *path);
/* Reads PATH anew, and returns what EACH does with it; 0 where it cannot be read. */
int sources_read(struct sources *s, const char *path, int (*each)(void *ctx, struct module *module),
                 void *ctx);
/* Whether the text of PATH has WORD. */
bool sources_mentions(const char *path, const char *word);

/* The same of the package that the module PATH is in, without its subpackages. */
bool sources_package_mentions(const char *path, const char *word);

/* Makes the folder that PATH's modules are imported from known as one of the project's. */
void sources_add_root(struct sources *s, const char *path);
/* PATH's module name ("pkg.test_a"), seen from the first folder above it that is no package. */
const char *sources_module_name(struct sources *s, const char *path);

/* The path of module DOTTED ("a.b", ".a"; relative to FROM's), NULL where there is none. */
const char *sources_find(struct sources *s, const struct facts *from, const char *dotted);
struct facts *sources_module(struct sources *s, const struct facts *from, const char *dotted);
/* Whether DOTTED's first word is a module of the interpreter's own library. */
bool sources_is_stdlib(struct sources *s, const char *dotted);
/* Whether PATH lies in the project. */
bool sources_is_project(const struct sources *s, const char *path);

/* What a name stands for, imports and aliases followed. */
struct meaning {
        const struct facts *file; /* where it is defined; of a module: itself */
        struct fact *fact;        /* NULL: a module, or not known */
        enum { MEANS_FACT, MEANS_MODULE, MEANS_NOTHING, MEANS_UNKNOWN } kind;
};

/* NAME in SCOPE (a class's body or the module's) of FILE. Names that only installed code could explain are
 * followed there if EVERYWHERE. MEANS_NOTHING: surely not bound. */
struct meaning sources_resolve(struct sources *s, const struct facts *file, const struct fact_scope *scope,
                               const char *name, bool everywhere);
/* "package.module.name" as FILE would import it. */
struct meaning sources_import(struct sources *s, const struct facts *file, const char *from, bool everywhere);

/* Fills in C's mro; mro_unsure where some base cannot be found. */
void sources_mro(struct sources *s, struct fact_class *c);
/* NAME in the classes of C's MRO; RET_CLASS (may be NULL) is where. */
struct fact *sources_attribute(struct sources *s, struct fact_class *c, const char *name,
                               struct fact_class **ret_class);

#endif
