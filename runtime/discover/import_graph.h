/*
 * import_graph: which files of a project each of its files may execute, and so which test files a change can
 * affect. Read once, it can be asked again and again; a program that watches the project reads it anew when
 * files come, go or change their imports.
 *
 * A test file has edges to what it imports, to the __init__.py files of its packages and to the conftest.py
 * files above it. What is unknown is taken for affected: a file whose imports are computed, or one that
 * reaches such a file, is affected by every change; and every test file by a change of something that is
 * neither Python nor prose.
 */
#ifndef TACH_DISCOVER_IMPORT_GRAPH_H
#define TACH_DISCOVER_IMPORT_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "runtime/discover/walk.h"
#include "spec/base/buf.h"
#include "spec/base/error.h"
#include "spec/spec.h"

struct import_graph;
struct tree_cache;

struct import_options {
        const char *root; /* absolute: pytest's rootdir */
        const char *tree; /* absolute: the root, or a folder above it: its Python files are the graph's */
        const struct walk *tests; /* the test files */
        const struct spec_strv
            *path; /* more folders of sys.path: absolute, or relative to the root; or NULL */
        const struct spec_strv *plugins; /* modules that every run imports (-p), or NULL */
        struct tree_cache *cache;        /* of what files import, or NULL */
        const struct spec_strv *gone;    /* absolute paths of files that are not there any more, or NULL: what
                                            imports them still has an edge to them */
};

/* Reads all Python files below the tree. Errors: phase "imports". */
int import_graph_read(struct import_graph **ret, const struct import_options *options, struct error *err);

/* Sets RET[i], of as many as there are test files, to whether the test file i is affected by a change of
 * CHANGED, absolute paths of files (or of submodules: folders) that changed, came or went. WHY, if not NULL,
 * gets lines for people on what made all or many of them affected. 0 or -ENOMEM. */
int import_graph_affected(struct import_graph *graph, const struct spec_strv *changed, bool *ret,
                          struct buf *why);

/* Prints the files that the test files reach but those that are LEFT_OUT (NULL: none), and their imports, in
 * Graphviz' language. 0 or -errno. */
int import_graph_print(struct import_graph *graph, const bool *left_out, FILE *out);

/* Whether the folder NAME in the folder FD is passed over: it holds other people's code, or none. */
bool import_graph_skips(int fd, const char *name);

void import_graph_free(struct import_graph *graph);

#endif
