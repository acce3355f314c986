/* import_graph_internal: the graph's structs, for import_graph.c and import_affected.c. */
#ifndef TACH_DISCOVER_IMPORT_GRAPH_INTERNAL_H
#define TACH_DISCOVER_IMPORT_GRAPH_INTERNAL_H

#include "runtime/discover/arena.h"
#include "runtime/discover/import_graph.h"
#include "runtime/discover/import_index.h"
#include "runtime/discover/imports.h"

/* Of one file, by its number in the index. */
struct graph_file {
        struct arena arena;
        struct imports imports;
        struct import_list edges;  /* files that it may execute */
        struct import_list typing; /* and those that only a type checker follows */
        int r;                     /* -errno where it could not be read */
};

struct import_graph {
        struct arena arena;
        struct import_index index;
        struct graph_file *files; /* index.n of them */
        uint32_t *tests;          /* numbers of the test files */
        size_t n_tests;
};

#endif
