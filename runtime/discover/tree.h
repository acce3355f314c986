/*
 * tree: the syntax tree of a Python text as one array of nodes in the order of the text, each before what is
 * in it: those that have a name in the grammar, or are a field of another (an operator). It has no pointers:
 * it can be stored, and many threads can read it.
 */
#ifndef TACH_DISCOVER_TREE_H
#define TACH_DISCOVER_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tree_sitter/api.h>

enum tree_flag {
        TREE_NAMED = 1,
        TREE_EXTRA = 2, /* a comment, or what is no Python */
        TREE_ERROR = 4, /* it is no Python, or something in it */
};

struct tree_node {
        uint32_t start, end; /* in the text, in bytes */
        uint32_t size;       /* nodes, with those in it */
        uint16_t symbol;
        uint8_t field; /* of the node around it, 0: none */
        uint8_t flags; /* enum tree_flag */
};

struct tree {
        const struct tree_node *v;
        uint32_t n;
        const uint32_t *rows; /* where the text's second line begins, and all that follow */
        uint32_t n_rows;
};

/* A node of TREE; {0} is none. */
struct node {
        const struct tree *tree;
        uint32_t at;
};

/* RET's v is malloc'ed, rows are not set. *RET_DEEPEST: how many nodes the deepest one is in. 0, -ENOMEM, or
 * -ETIME where CLOCK_MONOTONIC passes UNTIL, in microseconds; 0: there is no such time. */
int tree_pack(struct tree *ret, TSNode root, uint64_t until, uint32_t *ret_deepest);

/* Sets RET's rows, malloc'ed, from the N bytes of its text. 0 or -ENOMEM. */
int tree_find_rows(struct tree *ret, const char *text, size_t n);

/* Whether the N nodes at V are a tree of a text of LEN bytes that every function here can be used on. */
bool tree_is_sound(const struct tree_node *v, size_t n, size_t len);

static inline struct node tree_root(const struct tree *tree)
{
        return (struct node){tree, 0};
}

static inline bool node_is_null(struct node node)
{
        return node.tree == NULL;
}

static inline bool node_eq(struct node a, struct node b)
{
        return a.tree == b.tree && a.at == b.at;
}

/* Of the null node: 0. */
static inline uint32_t node_start(struct node node)
{
        return node_is_null(node) ? 0 : node.tree->v[node.at].start;
}

static inline uint32_t node_end(struct node node)
{
        return node_is_null(node) ? 0 : node.tree->v[node.at].end;
}

static inline bool node_has_error(struct node node)
{
        return !node_is_null(node) && (node.tree->v[node.at].flags & TREE_ERROR) != 0;
}

/* The number of its first line, from 0. */
uint32_t node_row(struct node node);

/* As tree-sitter's grammar calls it; the node is not the null node. */
const char *node_type(struct node node);
bool node_is(struct node node, const char *type);

/* The first node in NODE that has the field NAME; null where there is none. */
struct node node_field(struct node node, const char *name);

/* All that is in NODE, or only what has a name in the grammar; null behind the last. */
uint32_t node_child_count(struct node node);
uint32_t node_named_child_count(struct node node);
struct node node_child(struct node node, uint32_t i);
struct node node_named_child(struct node node, uint32_t i);
struct node node_parent(struct node node);

/* The number of the node behind NODE and all that is in it. */
static inline uint32_t node_behind(struct node node)
{
        return node.at + node.tree->v[node.at].size;
}

/* The first node in NODE, and the next one beside AT in it; null behind the last. */
struct node node_first(struct node node);
struct node node_beside(struct node node, struct node at);

/* To go through all of NODE, beginning with itself: the node behind AT, IN_IT or else behind all that is in
 * it; null behind the last. */
struct node node_walk(struct node node, struct node at, bool in_it);

static inline bool node_named(struct node node)
{
        return !node_is_null(node) && (node.tree->v[node.at].flags & TREE_NAMED) != 0;
}

static inline bool node_extra(struct node node)
{
        return !node_is_null(node) && (node.tree->v[node.at].flags & TREE_EXTRA) != 0;
}

#endif
