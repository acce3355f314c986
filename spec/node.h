/*
 * node: a JSON document with the place of every value, as yajl read it. Only spec uses it.
 */
#ifndef TACH_SPEC_NODE_H
#define TACH_SPEC_NODE_H

#include <stddef.h>

#include "spec/base/error.h"

#define NODE_MAX_KEYS   1024      /* members of one object */
#define NODE_MAX_VALUES (1 << 20) /* in one document: bounds the memory that it takes */

enum node_type { NODE_NULL, NODE_BOOL, NODE_NUMBER, NODE_STRING, NODE_ARRAY, NODE_OBJECT };

struct node {
        enum node_type type;
        size_t offset;              /* of the value's first byte in the text */
        char *key;                  /* in an object, else NULL */
        size_t key_offset;          /* of the key */
        size_t index;               /* in an array */
        size_t n;                   /* children */
        char *text;                 /* string, or number as written */
        int truth;                  /* of a boolean */
        struct node *parent, *next; /* NEXT: sibling */
        struct node *first, *last;  /* children */
};

struct document {
        const char *origin, *text;
        size_t len;
        struct node *root;
};

/* Reads all of DOC->text (len bytes); 0 and root, or -errno with ERR as node_fail writes it. */
int document_parse(struct document *doc, struct error *err);
void document_finish(struct document *doc);

/* Fills ERR with "ORIGIN:LINE:COLUMN: $.path: reason" for the value N (its key with AT_KEY) and returns
 * -EINVAL. */
int node_fail(const struct document *doc, const struct node *n, int at_key, struct error *err,
              const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* "a string", "a number", ... */
const char *node_type_name(enum node_type type);

#endif
