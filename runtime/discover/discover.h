/*
 * discover: the tests of a project, read from its text. No Python is started and nothing is imported.
 *
 * The order and the spelling of the node ids are pytest's (checked against 7.2.1): of each folder first its
 * files by name, then its folders; of each class first what it inherits (reverse MRO), then its own methods
 * in the order of the class's dict; unittest.TestCase methods by name. Names that are imported are looked up
 * in the files that they come from.
 *
 * A hint: what pytest collects is the truth. What the text does not tell for sure is marked as dynamic, with
 * the reason: a test whose ids are not known is listed once, without brackets; a class or a file that may
 * have tests which are made by code (a metaclass, setattr, globals()) has an entry of its own.
 */
#ifndef TACH_DISCOVER_DISCOVER_H
#define TACH_DISCOVER_DISCOVER_H

#include <stddef.h>
#include <stdio.h>

#include <stdbool.h>

#include "runtime/discover/ini.h"
#include "runtime/discover/match.h"
#include "runtime/discover/walk.h"
#include "spec/base/error.h"
#include "spec/spec.h"

enum discover_format {
        DISCOVER_IDS,   /* one node id a line: what could be handed to pytest */
        DISCOVER_HUMAN, /* the same with "  (dynamic: why)", and entries for classes and files */
        DISCOVER_JSON,  /* one object a line: nodeid, file, line, markers, conditions, fixtures, dynamic */
};

struct tree_cache;

struct discover_options {
        const char
            *root; /* pytest's rootdir, absolute: node ids are relative to it and its ini file counts */
        const char *python; /* whose modules imports are looked up in; NULL: only the project's */
        char *const
            *paths; /* files, folders and node ids as pytest takes them, relative to the current folder; */
        size_t n_paths; /* none: testpaths (if the current folder is the root), else the current folder */
        enum discover_format format;
        const struct matcher *matcher; /* tests that it does not select are left out; NULL: none are */
        struct tree_cache *cache;      /* or NULL */
};

/* What is known of the tests of one file of a walk. */
struct discover_count {
        size_t tests;  /* all of them */
        size_t wanted; /* those that are, or may be, selected */
        bool exact;    /* they are all known */
};

/* Counts, for each file of WALK, its tests. Files that LEFT_OUT (NULL: none) says are not read have none. 0
 * or -errno with ERR. */
int discover_count(const struct discover_options *options, const struct ini *ini, const struct walk *walk,
                   const bool *left_out, struct discover_count *ret, struct error *err);

/* As discover_print, for the files of WALK but those that are LEFT_OUT. */
int discover_print_walk(const struct discover_options *options, const struct ini *ini,
                        const struct walk *walk, const bool *left_out, FILE *out, struct error *err);

/* Prints the tests on OUT, as `pytest --collect-only -q` orders them.
 * A file with a syntax error or one that cannot be read is named on stderr as a warning, and the others are
 * listed; so is an argument that matches no test.
 * Returns 0, 5 (pytest's "no tests") or -errno with ERR (phase "list"): a path that does not exist, an ini
 * file that cannot be read, no memory, a failed write. */
int discover_print(const struct discover_options *options, FILE *out, struct error *err);

/* The same, ids only. */
int discover_list(const char *root, char *const *paths, size_t n, FILE *out, struct error *err);

#endif
