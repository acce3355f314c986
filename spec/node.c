/* How it works: yajl calls back at the end of each token. What lies between two of them is only white space,
 * commas and colons, so the start of a token is found by skipping those from the end of the one before. What
 * yajl lets pass though it is not JSON (white space, UTF-8, surrogates) is checked in the text itself. */
#include "spec/node.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "spec/base/buf.h"
#include "spec/base/utf8.h"
#include "spec/spec.h"

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

static const char too_deep[] = "nested deeper than " TEXT(SPEC_MAX_DEPTH);
static const char no_space[] = "not JSON: a vertical tab or form feed";

struct builder {
        struct document *doc;
        yajl_handle yajl;
        struct node *open; /* the innermost open array or object */
        char *key;         /* read, its value not yet */
        size_t key_offset;
        size_t end; /* of the token before */
        unsigned depth;
        size_t n_values;
        unsigned char seen[SPEC_MAX_DEPTH + 1]
                          [1024]; /* at each depth, hashes of the object's keys: a bit each */
        struct error *err;
        int failed;
};

const char *node_type_name(enum node_type type)
{
        static const char *const names[] = {"null",     "true or false", "a number",
                                            "a string", "an array",      "an object"};

        return names[type];
}

/* ".key", or ["key"] where the key is not a plain word. */
static void add_key(struct buf *out, const char *key)
{
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

        (void)buf_addf(out, key[0] != '\0' && key[strspn(key, plain)] == '\0' ? ".%s" : "[\"%s\"]",
                       UTF8_SHOW(key));
}

static void add_path(struct buf *out, const struct node *n)
{
        if (n == NULL || n->parent == NULL) {
                (void)buf_adds(out, "$");
                return;
        }
        add_path(out, n->parent);
        if (n->key != NULL)
                add_key(out, n->key);
        else
                (void)buf_addf(out, "[%zu]", n->index);
}

static int fail_at(const struct document *doc, const char *path, size_t offset, struct error *err,
                   const char *reason)
{
        char origin[160], shown[320];
        size_t line = 1, column = 1;

        for (size_t i = 0; i < offset && i < doc->len; i++) {
                if (doc->text[i] == '\n') {
                        line++;
                        column = 1;
                } else if ((doc->text[i] & 0xc0) != 0x80) {
                        column++; /* continuation bytes stand in their character's column */
                }
        }
        return error_set(err, "spec", 0, "%s:%zu:%zu: %s: %s", utf8_show(origin, sizeof origin, doc->origin),
                         line, column, utf8_show(shown, sizeof shown, path), reason);
}

int node_fail(const struct document *doc, const struct node *n, int at_key, struct error *err,
              const char *fmt, ...)
{
        CLEANUP_BUF struct buf path = {0};
        char reason[192];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(reason, sizeof reason, fmt, ap);
        va_end(ap);
        add_path(&path, n);
        return fail_at(doc, path.data != NULL ? path.data : "$", at_key ? n->key_offset : n->offset, err,
                       reason);
}

/* Fails at OFFSET, in the path of the value that is being read. */
static int stop(struct builder *b, size_t offset, const char *reason)
{
        CLEANUP_BUF struct buf path = {0};

        add_path(&path, b->open);
        if (b->key != NULL)
                add_key(&path, b->key);
        else if (b->open != NULL && b->open->type == NODE_ARRAY)
                (void)buf_addf(&path, "[%zu]", b->open->n);
        b->failed = 1;
        (void)fail_at(b->doc, path.data != NULL ? path.data : "$", offset, b->err, reason);
        return 0;
}

static size_t skip(const struct builder *b, const char *bytes)
{
        const char *text = b->doc->text;
        size_t i = b->end;

        while (i < b->doc->len && text[i] != '\0' && strchr(bytes, text[i]) != NULL)
                i++;
        return i;
}

/* Sets *RET to the offset of the token that was just read. */
static int token_start(struct builder *b, size_t *ret)
{
        *ret = skip(b, " \t\r\n,:");
        if (*ret < b->doc->len && (b->doc->text[*ret] == '\v' || b->doc->text[*ret] == '\f'))
                return stop(b, *ret, no_space); /* yajl takes it for white space */
        b->end = yajl_get_bytes_consumed(b->yajl);
        return 1;
}

/* 0xffff and more: not an escape of UTF-16. */
static unsigned escape(const char *s, size_t n)
{
        unsigned v = 0;

        if (n < 6 || s[0] != '\\' || s[1] != 'u')
                return 0x10000;
        for (int i = 2; i < 6; i++)
                v = v << 4 | (unsigned)(s[i] <= '9' ? s[i] - '0' : (s[i] | 0x20) - 'a' + 10);
        return v;
}

/* Checks the string that was just read and starts at START, as it is written: yajl itself takes overlong
 * UTF-8 and halves of surrogate pairs. */
static int check_string(struct builder *b, size_t start)
{
        const char *text = b->doc->text;

        for (size_t i = start; i < b->end;) {
                const size_t left = b->end - i;
                unsigned v = escape(text + i, left);
                size_t length = v > 0xffff && text[i] == '\\' && left > 1 ? 2 : utf8_char(text + i, left);

                if (v <= 0xffff)
                        length = 6;
                if (length == 0)
                        return stop(b, i, "not UTF-8");
                if (v == 0)
                        return stop(b, i, "a string must not contain \\u0000");
                if (v >= 0xd800 && v <= 0xdbff) {
                        v = escape(text + i + 6, left - 6);
                        length = v >= 0xdc00 && v <= 0xdfff ? 12 : 0;
                } else if (v >= 0xdc00 && v <= 0xdfff) {
                        length = 0;
                }
                if (length == 0)
                        return stop(b, i, "half of a surrogate pair");
                i += length;
        }
        return 1;
}

/* The next value, whose place is kept; NULL after a failure. */
static struct node *add(struct builder *b, enum node_type type)
{
        struct node *n;
        size_t offset;

        if (!token_start(b, &offset) || (type == NODE_STRING && !check_string(b, offset)))
                return NULL;
        if (++b->n_values > NODE_MAX_VALUES) {
                (void)stop(b, offset, "more than 1048576 values");
                return NULL;
        }
        n = calloc(1, sizeof *n);
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

/* Whether the open object may have KEY already; where its hash (FNV-1a) is new there is nothing to compare.
 */
static int may_be_duplicate(struct builder *b, const char *key)
{
        uint32_t hash = 2166136261u;
        unsigned char *byte, bit;
        int seen;

        for (; *key != '\0'; key++)
                hash = (hash ^ (unsigned char)*key) * 16777619u;
        hash ^= hash >> 16;
        byte = &b->seen[b->depth][hash / 8 % sizeof b->seen[0]];
        bit = (unsigned char)(1u << hash % 8);
        seen = (*byte & bit) != 0;
        *byte |= bit;
        return seen;
}

static int on_key(void *ctx, const unsigned char *text, size_t len)
{
        struct builder *b = ctx;

        if (!token_start(b, &b->key_offset) || !check_string(b, b->key_offset))
                return 0;
        if (b->open->n >= NODE_MAX_KEYS)
                return stop(b, b->key_offset, "more than 1024 keys");
        b->key = strndup((const char *)text, len);
        if (b->key == NULL)
                return stop(b, b->key_offset, "not enough memory");
        if (!may_be_duplicate(b, b->key))
                return 1;
        for (const struct node *n = b->open->first; n != NULL; n = n->next)
                if (strcmp(n->key, b->key) == 0)
                        return stop(b, b->key_offset, "duplicate key");
        return 1;
}

static int open_node(struct builder *b, enum node_type type)
{
        struct node *n;

        if (b->depth == SPEC_MAX_DEPTH)
                return stop(b, skip(b, " \t\r\n,:"), too_deep);
        n = add(b, type);
        if (n == NULL)
                return 0;
        b->open = n;
        b->depth++;
        if (type == NODE_OBJECT)
                memset(b->seen[b->depth], 0, sizeof b->seen[0]);
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

        size_t offset;

        if (!token_start(b, &offset))
                return 0;
        b->open = b->open->parent;
        b->depth--;
        return 1;
}

/* What yajl itself found wrong: at the byte where that lies inside a string, else at the token. */
static void syntax_error(struct builder *b)
{
        size_t consumed = yajl_get_bytes_consumed(b->yajl), offset = skip(b, " \t\r\n,:");
        unsigned char *message = yajl_get_error(b->yajl, 0, NULL, 0);
        const char *text = message != NULL ? (const char *)message : "syntax error";
        char reason[160];

        if (strstr(text, ": ") != NULL)
                text = strstr(text, ": ") + 2; /* without "lexical error: " */
        (void)snprintf(reason, sizeof reason, "not JSON: %.*s", (int)strcspn(text, "\n"), text);
        if (message != NULL)
                yajl_free_error(b->yajl, message);
        if (offset < b->doc->len && b->doc->text[offset] == '"' && strstr(reason, "string") != NULL)
                offset = consumed; /* the lexer stops in front of the byte */
        else if (consumed > 0 && consumed <= offset && strchr(",:", b->doc->text[consumed - 1]) != NULL)
                offset = consumed - 1; /* the token is a comma or colon, skipped above */
        (void)stop(b, offset, reason);
}

/* What may follow the document. */
static int check_end(struct builder *b)
{
        size_t end = skip(b, " \t\r\n");

        if (end == b->doc->len)
                return 1;
        return stop(b, end,
                    strchr("\v\f", b->doc->text[end]) != NULL ? no_space : "not JSON: trailing garbage");
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
        (void)yajl_config(b.yajl, yajl_dont_validate_strings, 1); /* check_string does, strictly */
        status = yajl_parse(b.yajl, (const unsigned char *)doc->text, doc->len);
        if (status != yajl_status_ok && !b.failed)
                syntax_error(&b);
        else if (status == yajl_status_ok && doc->root != NULL && b.open == NULL)
                (void)check_end(&b);
        else if (!b.failed && (b.open != NULL || yajl_complete_parse(b.yajl) != yajl_status_ok))
                (void)stop(&b, doc->len, "the text ends too early"); /* complete: a number, and no more */
        if (b.failed)
                r = -EINVAL;
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
