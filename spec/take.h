/*
 * take: from a parsed value to a field of a struct. Only spec uses it.
 *
 * A table of fields says which keys an object has and which function takes each one's value. Functions return
 * 0 or -errno with the reader's error filled in; what they took before they failed stays where it is, to be
 * freed with the struct.
 */
#ifndef TACH_SPEC_TAKE_H
#define TACH_SPEC_TAKE_H

#include <stddef.h>
#include <stdint.h>

#include "spec/node.h"
#include "spec/spec.h"

struct reader {
        struct document doc;
        struct error *err;
};

/* Takes the value N into AT, which is OFFSET bytes into the struct of the object that it stands in. */
typedef int (*take_fn)(struct reader *rd, const struct node *n, void *at);

struct field {
        const char *name;
        take_fn take;
        size_t offset;
};

/* Every key must be one of FIELDS; the error names the nearest, or all of them. */
int take_object(struct reader *rd, const struct node *n, const struct field *fields, size_t n_fields,
                void *base);
#define TAKE_OBJECT(rd, n, fields, base) take_object(rd, n, fields, sizeof(fields) / sizeof *(fields), base)

/* The error of the value N (returns -EINVAL). */
#define refuse(rd, n, ...) node_fail(&(rd)->doc, n, 0, (rd)->err, __VA_ARGS__)

int take_expect(struct reader *rd, const struct node *n, enum node_type type);
/* The object N must have a member NAME. */
int take_need(struct reader *rd, const struct node *n, const char *name);

int take_bool(struct reader *rd, const struct node *n, void *at);       /* bool */
int take_string(struct reader *rd, const struct node *n, void *at);     /* char *, as are the next two */
int take_path(struct reader *rd, const struct node *n, void *at);       /* absolute */
int take_clean_path(struct reader *rd, const struct node *n, void *at); /* absolute, no "..", normalised */
int take_u32(struct reader *rd, const struct node *n, void *at);
int take_u64(struct reader *rd, const struct node *n, void *at);
int take_limit(struct reader *rd, const struct node *n, void *at); /* int64_t, -1: none */
int take_integer(struct reader *rd, const struct node *n, uint64_t max, uint64_t *ret);

/* The index of N's text in NAMES, or -EINVAL; WHAT is its kind, for the error. */
int take_name(struct reader *rd, const struct node *n, const char *const *names, const char *what);

int take_strv(struct reader *rd, const struct node *n, void *at);  /* struct spec_strv */
int take_paths(struct reader *rd, const struct node *n, void *at); /* struct spec_strv */
int take_strings(struct reader *rd, const struct node *n, struct spec_strv *out, take_fn take);
int take_pairs(struct reader *rd, const struct node *n, void *at); /* struct spec_pairs */

/* Room for the elements of the array N, of SIZE bytes each, in *V; *RET_N counts those that were begun. */
int take_array(struct reader *rd, const struct node *n, void *v, size_t *ret_n, size_t size, take_fn take);

/* linux.seccomp, or a profile of its own, into a struct spec_seccomp; seccomp.c. */
int take_seccomp(struct reader *rd, const struct node *n, void *at);

/* tach.select into a struct spec_select; select.c. */
int take_select(struct reader *rd, const struct node *n, void *at);

#endif
