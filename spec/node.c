/* How it works: yajl calls back at the end of each token. What lies between two of them is only white space,
 * commas and colons, so the start of a token is found by skipping those from the end of the one before. */
#include "spec/node.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "spec/base/buf.h"
#include "spec/spec.h"

struct builder {
        struct document *doc;
        yajl_handle yajl;
        struct node *open; /* the innermost open array or object */
        char *key;         /* read, its value not yet */
        size_t key_offset;
        size_t end; /* of the token before */
        unsigned depth;
        struct error *err;
        int failed;
};

const char *node_type_name(enum node_type type)
{
        static const char *const names[] = {"null",     "true or false", "a number",
                                            "a string", "an array",      "an object"};

        return names[type];
}

static void add_path(struct buf *out, const struct node *n)
{
        if (n == NULL || n->parent == NULL) {
                (void)buf_adds(out, "$");
                return;
        }
        add_path(out, n->parent);
        if (n->key != NULL)
                (void)buf_addf(out, ".%.64s", n->key);
        else
                (void)buf_addf(out, "[%zu]", n->index);
}

static int fail_at(const struct document *doc, const struct node *path, size_t offset, struct error *err,
                   const char *reason)
{
        struct buf where = {0};
        size_t line = 1, column = 1;

        for (size_t i = 0; i < offset && i < doc->len; i++) {
                column++;
                if (doc->text[i] == '\n') {
                        line++;
                        column = 1;
                }
        }
        add_path(&where, path);
        (void)error_set(err, "spec", 0, "%.200s:%zu:%zu: %.300s: %s", doc->origin, line, column,
                        where.data != NULL ? where.data : "$", reason);
        buf_finish(&where);
        return -EINVAL;
}

int node_fail(const struct document *doc, const struct node *n, int at_key, struct error *err,
              const char *fmt, ...)
{
        char reason[256];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(reason, sizeof reason, fmt, ap);
        va_end(ap);
        return fail_at(doc, n, at_key ? n->key_offset : n->offset, err, reason);
}

static int stop(struct builder *b, size_t offset, const char *reason)
{
        b->failed = 1;
        (void)fail_at(b->doc, b->open, offset, b->err, reason);
        return 0;
}

/* The offset of the token that was just read. */
static size_t token_start(struct builder *b)
{
        const char *text = b->doc->text;
        size_t i = b->end;

        while (i < b->doc->len && strchr(" \t\r\n,:", text[i]) != NULL && text[i] != '\0')
                i++;
        b->end = yajl_get_bytes_consumed(b->yajl);
        return i;
}

static struct node *add(struct builder *b, enum node_type type)
{
        struct node *n = calloc(1, sizeof *n);
        size_t offset = token_start(b);

        if (n == NULL) {
                (void)stop(b, offset, "not enough memory");
                return NULL;
        }
        n->type = type;
        n->offset = offset;
        n->parent = b->open;
        if (b->open == NULL) {
                b->doc->root = n;
                return n;
        }
        n->key = b->key;
        n->key_offset = b->key_offset;
        b->key = NULL;
        n->index = b->open->n++;
        if (b->open->last != NULL)
                b->open->last->next = n;
        else
                b->open->first = n;
        b->open->last = n;
        return n;
}

static int on_null(void *ctx)
{
        return add(ctx, NODE_NULL) != NULL;
}

static int on_boolean(void *ctx, int truth)
{
        struct node *n = add(ctx, NODE_BOOL);

        if (n != NULL)
                n->truth = truth;
        return n != NULL;
}

static int on_text(struct builder *b, enum node_type type, const char *text, size_t len)
{
        struct node *n = add(b, type);

        if (n == NULL)
                return 0;
        if (memchr(text, '\0', len) != NULL)
                return stop(b, n->offset, "a string must not contain \\u0000");
        n->text = strndup(text, len);
        return n->text != NULL ? 1 : stop(b, n->offset, "not enough memory");
}

static int on_number(void *ctx, const char *text, size_t len)
{
        return on_text(ctx, NODE_NUMBER, text, len);
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
        return on_text(ctx, NODE_STRING, (const char *)text, len);
}

static int on_key(void *ctx, const unsigned char *text, size_t len)
{
        struct builder *b = ctx;

        b->key_offset = token_start(b);
        if (memchr(text, '\0', len) != NULL)
                return stop(b, b->key_offset, "a key must not contain \\u0000");
        if (b->open->n >= NODE_MAX_KEYS)
                return stop(b, b->key_offset, "more than 1024 keys");
        b->key = strndup((const char *)text, len);
        if (b->key == NULL)
                return stop(b, b->key_offset, "not enough memory");
        for (const struct node *n = b->open->first; n != NULL; n = n->next)
                if (strcmp(n->key, b->key) == 0) {
                        char reason[128];

                        (void)snprintf(reason, sizeof reason, "duplicate key \"%.64s\"", b->key);
                        return stop(b, b->key_offset, reason);
                }
        return 1;
}

static int open_node(struct builder *b, enum node_type type)
{
        struct node *n = add(b, type);

        if (n == NULL)
                return 0;
        b->open = n;
        if (++b->depth > SPEC_MAX_DEPTH) {
                char reason[64];

                (void)snprintf(reason, sizeof reason, "nested deeper than %d", SPEC_MAX_DEPTH);
                return stop(b, n->offset, reason);
        }
        return 1;
}

static int on_start_map(void *ctx)
{
        return open_node(ctx, NODE_OBJECT);
}

static int on_start_array(void *ctx)
{
        return open_node(ctx, NODE_ARRAY);
}

static int on_end(void *ctx)
{
        struct builder *b = ctx;

        (void)token_start(b);
        b->open = b->open->parent;
        b->depth--;
        return 1;
}

/* What yajl itself found wrong. */
static void syntax_error(struct builder *b)
{
        size_t offset = yajl_get_bytes_consumed(b->yajl);
        unsigned char *message = yajl_get_error(b->yajl, 0, NULL, 0);
        char reason[160];

        (void)snprintf(reason, sizeof reason, "not JSON: %s",
                       message != NULL ? (const char *)message : "syntax error");
        reason[strcspn(reason, "\n")] = '\0';
        if (message != NULL)
                yajl_free_error(b->yajl, message);
        if (offset > b->doc->len)
                offset = b->doc->len;
        /* the offset lies behind the offending byte */
        (void)fail_at(b->doc, b->open, offset > 0 && offset < b->doc->len ? offset - 1 : offset, b->err,
                      reason);
}

int document_parse(struct document *doc, struct error *err)
{
        static const yajl_callbacks callbacks = {
            .yajl_null = on_null,
            .yajl_boolean = on_boolean,
            .yajl_number = on_number,
            .yajl_string = on_string,
            .yajl_start_map = on_start_map,
            .yajl_map_key = on_key,
            .yajl_end_map = on_end,
            .yajl_start_array = on_start_array,
            .yajl_end_array = on_end,
        };
        struct builder b = {.doc = doc, .err = err};
        yajl_status status;
        int r = 0;

        doc->root = NULL;
        b.yajl = yajl_alloc(&callbacks, NULL, &b);
        if (b.yajl == NULL)
                return error_set(err, "spec", ENOMEM, "%s", doc->origin);
        status = yajl_parse(b.yajl, (const unsigned char *)doc->text, doc->len);
        if (status == yajl_status_ok) {
                status = yajl_complete_parse(b.yajl);
                if (status != yajl_status_ok) {
                        r = fail_at(doc, b.open, doc->len, err, "the text ends too early");
                        b.failed = 1;
                }
        }
        if (status != yajl_status_ok) {
                if (!b.failed)
                        syntax_error(&b);
                r = -EINVAL;
        }
        yajl_free(b.yajl);
        free(b.key);
        if (r < 0)
                document_finish(doc);
        return r;
}

static void free_node(struct node *n)
{
        while (n != NULL) { /* as deep as SPEC_MAX_DEPTH at most */
                struct node *next = n->next;

                free_node(n->first);
                free(n->key);
                free(n->text);
                free(n);
                n = next;
        }
}

void document_finish(struct document *doc)
{
        free_node(doc->root);
        doc->root = NULL;
}
