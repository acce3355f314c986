/*
 * library: the modules that test files import, found as Python would find them, read when they are first
 * asked for and kept. One library serves one thread.
 */
#ifndef TACH_DISCOVER_LIBRARY_H
#define TACH_DISCOVER_LIBRARY_H

#include "runtime/discover/module.h"
#include "runtime/discover/search.h"
#include "runtime/discover/source.h"

struct library;
struct tree_cache;

enum found {
        FOUND_NOT,    /* no such module: importing it fails */
        FOUND_SOURCE, /* a .py file or a package */
        FOUND_BINARY, /* built in or a shared object: its text cannot be read */
        FOUND_MAYBE,  /* not found, but an import hook of the environment may know it */
};

/* NULL: no memory. SEARCH and CACHE (or NULL) must outlive it. */
struct library *library_create(const struct search *search, struct tree_cache *cache);
void library_destroy(struct library *library);

/* pytest's rootdir, "" where there is none. */
const char *library_root(const struct library *library);

/* Memory for what is worked out about the file at hand, let go by library_reset. */
struct arena *library_scratch(struct library *library);
void library_reset(struct library *library);

/* The module of SOURCE, of which PATH is the file, for module_read: it lasts until library_reset. */
struct module library_module(struct library *library, const char *path, const struct source *source);

/* Where the module that FROM spells as DOTTED ("a.b") with LEVEL dots before it is. RET_PATH, which may be
 * NULL, gets its file ("" for a folder without __init__.py), which lives as long as LIBRARY. */
enum found library_find(struct library *library, const struct module *from, int level, const char *dotted,
                        const char **ret_path);

/* What becomes of IMPORT in a try statement of FROM: FOUND_NOT also where the module has no such name, or is
 * the project's and imports itself what is not there. */
enum found library_import(struct library *library, const struct module *from, const struct import *import);

/* Whether the file PATH is not in a folder of the interpreter's. */
bool library_is_project_s(const struct library *library, const char *path);

/* Whether what IMPORT names may be a TestCase of the project's: told from words in the texts that it comes
 * from, so that what tests import is not all parsed. */
bool library_may_be_test(struct library *library, const struct module *from, const struct import *import);

/* Whether a class derived from what IMPORT names may be a TestCase or have a __test__, told in the same way.
 */
bool library_may_be_base(struct library *library, const struct module *from, const struct import *import);

/* Whether IMPORT is the standard library's, of a module without "test" in its name: no class of those is a
 * TestCase, has tests or makes any (tests/cli/test_list_library.py looks at all of them). Its text is not
 * read. */
bool library_is_standard(struct library *library, const struct module *from, const struct import *import);

/* Whether IMPORT is from a file of the project's whose text may have fixtures that are autouse, or have a
 * name of their own. */
bool library_has_fixtures(struct library *library, const struct module *from, const struct import *import);

/* Whether IMPORT surely is a class, as its text's words tell. */
bool library_is_class(struct library *library, const struct module *from, const struct import *import);

/* Whether B (NULL: false) is defined in FROM, or imported from a file of the project's whose text has WORD.
 */
bool library_has_word(struct library *library, const struct module *from, const struct binding *b,
                      const char *word);

/* Whether the text of the file PATH puts something into what NAME stands for. */
bool library_fills(struct library *library, const char *path, const char *name);

/* The module in the file PATH; NULL if it cannot be read, or is being read further up. */
struct module *library_load(struct library *library, const char *path);

#endif
