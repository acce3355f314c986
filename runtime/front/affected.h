/*
 * affected: which test files a change can affect: one that git knows of, or one that was watched.
 */
#ifndef TACH_FRONT_AFFECTED_H
#define TACH_FRONT_AFFECTED_H

#include <stdbool.h>
#include <stdio.h>

#include "runtime/discover/import_graph.h"
#include "runtime/discover/ini.h"
#include "runtime/discover/walk.h"
#include "runtime/front/changed.h"
#include "spec/base/buf.h"
#include "spec/base/error.h"

struct affected_request {
        const struct ini *ini;
        const struct walk *walk;
        const struct spec_strv *plugins; /* modules that every run imports (-p) */
        const char *root;                /* pytest's rootdir */
        struct tree_cache *cache;        /* or NULL */
        const char *rev;                 /* of --changed */
        const struct spec_strv *touched; /* absolute paths; NULL: what git says */
};

/* Sets RET[i] to whether the walk's file i is affected; RET_CHANGED is the number of paths that changed. WHY
 * as import_graph_affected. Errors: phases "changed" and "imports". */
int affected_read(const struct affected_request *request, bool *ret, size_t *ret_changed, struct buf *why,
                  struct error *err);

/* Says for people that N of ALL test files are left, and WHY. */
void affected_say(FILE *out, const struct affected_request *request, size_t n_changed, size_t n, size_t all,
                  const struct buf *why);

/* The import graph of the walk's files; CHANGED: what git says, or NULL. */
int affected_graph(const struct affected_request *request, const struct changed *changed,
                   struct import_graph **ret, struct error *err);

/* Adds to RET the folders that modules are imported from beside ROOT, absolute: PYTHONPATH and the pythonpath
 * of the ini file, as far as they are there. 0 or -ENOMEM. */
int affected_folders(const struct ini *ini, const char *root, struct spec_strv *ret);

#endif
