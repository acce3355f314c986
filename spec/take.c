/* How it works: see take.h. Strings are copied, since the document goes away before the spec does. */
#include "spec/take.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/utf8.h"
#include "spec/names.h"

#define MAX_PATH_BYTES 4095

static int no_memory(struct reader *rd)
{
        return error_set(rd->err, "spec", ENOMEM, "%s", rd->doc.origin);
}

int take_expect(struct reader *rd, const struct node *n, enum node_type type)
{
        return n->type == type
                   ? 0
                   : refuse(rd, n, "expected %s, found %s", node_type_name(type), node_type_name(n->type));
}

/* Says what NAME may have been meant to be: the nearest of KNOWN, else all of them where there is room. */
static void hint(struct error *err, const char *const *known, const char *name)
{
        const char *meant = names_nearest(known, name);
        char all[sizeof err->hint];
        size_t n = 0;

        if (meant != NULL) {
                error_hint(err, "did you mean \"%s\"?", meant);
                return;
        }
        for (size_t i = 0; known[i] != NULL && n < sizeof all; i++)
                n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i > 0 ? ", " : "", known[i]);
        if (n > 0 && n < sizeof all - sizeof "known: ")
                error_hint(err, "known: %s", all);
}

static int unknown_key(struct reader *rd, const struct node *n, const struct field *fields, size_t n_fields)
{
        const char *names[32];
        int r = node_fail(&rd->doc, n, 1, rd->err, "unknown key");

        for (size_t i = 0; i < n_fields && i < 31; i++)
                names[i] = fields[i].name;
        names[n_fields < 31 ? n_fields : 31] = NULL;
        if (rd->err != NULL)
                hint(rd->err, names, n->key);
        return r;
}

int take_object(struct reader *rd, const struct node *n, const struct field *fields, size_t n_fields,
                void *base)
{
        int r = take_expect(rd, n, NODE_OBJECT);

        for (const struct node *c = n->first; r == 0 && c != NULL; c = c->next) {
                size_t i = 0;

                while (i < n_fields && strcmp(fields[i].name, c->key) != 0)
                        i++;
                r = i == n_fields ? unknown_key(rd, c, fields, n_fields)
                                  : fields[i].take(rd, c, (char *)base + fields[i].offset);
        }
        return r;
}

int take_need(struct reader *rd, const struct node *n, const char *name)
{
        for (const struct node *c = n->first; c != NULL; c = c->next)
                if (strcmp(c->key, name) == 0)
                        return 0;
        return refuse(rd, n, "\"%s\" is missing", name);
}

int take_bool(struct reader *rd, const struct node *n, void *at)
{
        int r = take_expect(rd, n, NODE_BOOL);

        if (r == 0)
                *(bool *)at = n->truth;
        return r;
}

int take_string(struct reader *rd, const struct node *n, void *at)
{
        char **s = at;
        int r = take_expect(rd, n, NODE_STRING);

        if (r < 0)
                return r;
        free(*s);
        *s = strdup(n->text);
        return *s != NULL ? 0 : no_memory(rd);
}

static int check_absolute(struct reader *rd, const struct node *n)
{
        int r = take_expect(rd, n, NODE_STRING);

        if (r == 0 && n->text[0] != '/')
                return refuse(rd, n, "expected an absolute path");
        if (r == 0 && strlen(n->text) > MAX_PATH_BYTES)
                return refuse(rd, n, "a path of more than %d bytes", MAX_PATH_BYTES);
        return r;
}

int take_path(struct reader *rd, const struct node *n, void *at)
{
        int r = check_absolute(rd, n);

        return r == 0 ? take_string(rd, n, at) : r;
}

int take_clean_path(struct reader *rd, const struct node *n, void *at)
{
        char *path, *out;
        int r = take_path(rd, n, at);

        if (r < 0 || *(char **)at == NULL)
                return r;
        path = out = *(char **)at;
        for (const char *in = path; *in != '\0';) {
                size_t length;

                in += strspn(in, "/");
                length = strcspn(in, "/");
                if (length == 2 && in[0] == '.' && in[1] == '.')
                        return refuse(rd, n, "a path with \"..\"");
                if (length > 0 && !(length == 1 && in[0] == '.')) {
                        *out++ = '/';
                        memmove(out, in, length);
                        out += length;
                }
                in += length;
        }
        if (out == path)
                *out++ = '/';
        *out = '\0';
        return 0;
}

static int whole_number(struct reader *rd, const struct node *n, const char *least, uint64_t max,
                        uint64_t *ret)
{
        char *end;
        int r = take_expect(rd, n, NODE_NUMBER);

        if (r < 0)
                return r;
        errno = 0;
        *ret = strtoull(n->text, &end, 10);
        if (*end != '\0')
                return refuse(rd, n, "expected a whole number, found %s", UTF8_SHOW(n->text));
        if (n->text[0] == '-' || errno == ERANGE || *ret > max)
                return refuse(rd, n, "out of range: %s to %" PRIu64 ", found %s", least, max,
                              UTF8_SHOW(n->text));
        return 0;
}

int take_integer(struct reader *rd, const struct node *n, uint64_t max, uint64_t *ret)
{
        return whole_number(rd, n, "0", max, ret);
}

int take_u32(struct reader *rd, const struct node *n, void *at)
{
        uint64_t v;
        int r = take_integer(rd, n, UINT32_MAX, &v);

        if (r == 0)
                *(uint32_t *)at = (uint32_t)v;
        return r;
}

int take_u64(struct reader *rd, const struct node *n, void *at)
{
        return take_integer(rd, n, UINT64_MAX, at);
}

/* -1 says "no limit", which is what an absent one says. */
int take_limit(struct reader *rd, const struct node *n, void *at)
{
        uint64_t v;
        int r;

        if (n->type == NODE_NUMBER && strcmp(n->text, "-1") == 0) {
                *(int64_t *)at = -1;
                return 0;
        }
        r = whole_number(rd, n, "-1", INT64_MAX, &v);
        if (r == 0)
                *(int64_t *)at = (int64_t)v;
        return r;
}

int take_name(struct reader *rd, const struct node *n, const char *const *names, const char *what)
{
        int i, r = take_expect(rd, n, NODE_STRING);

        if (r < 0)
                return r;
        i = names_find(names, n->text);
        if (i >= 0)
                return i;
        r = refuse(rd, n, "unknown %s \"%s\"", what, UTF8_SHOW(n->text));
        if (rd->err != NULL)
                hint(rd->err, names, n->text);
        return r;
}

int take_strings(struct reader *rd, const struct node *n, struct spec_strv *out, take_fn check)
{
        int r = take_expect(rd, n, NODE_ARRAY);

        if (r == 0 && n->n > 0) {
                out->v = calloc(n->n, sizeof *out->v);
                if (out->v == NULL)
                        return no_memory(rd);
        }
        for (const struct node *c = n->first; r == 0 && c != NULL; c = c->next) {
                r = check(rd, c, &out->v[out->n]);
                if (out->v[out->n] != NULL)
                        out->n++;
        }
        return r;
}

int take_strv(struct reader *rd, const struct node *n, void *at)
{
        return take_strings(rd, n, at, take_string);
}

int take_paths(struct reader *rd, const struct node *n, void *at)
{
        return take_strings(rd, n, at, take_path);
}

int take_pairs(struct reader *rd, const struct node *n, void *at)
{
        struct spec_pairs *pairs = at;
        int r = take_expect(rd, n, NODE_OBJECT);

        for (const struct node *c = n->first; r == 0 && c != NULL; c = c->next) {
                r = take_expect(rd, c, NODE_STRING);
                if (r == 0 && c->key[0] == '\0')
                        r = node_fail(&rd->doc, c, 1, rd->err, "the key is empty");
                if (r == 0 && spec_pairs_add(pairs, c->key, c->text) < 0)
                        r = no_memory(rd);
        }
        return r;
}

int take_array(struct reader *rd, const struct node *n, void *v, size_t *ret_n, size_t size, take_fn take)
{
        void **array = v;
        int r = take_expect(rd, n, NODE_ARRAY);

        if (r == 0 && n->n > 0) {
                *array = calloc(n->n, size);
                if (*array == NULL)
                        return no_memory(rd);
        }
        for (const struct node *c = n->first; r == 0 && c != NULL; c = c->next) {
                void *at = (char *)*array + *ret_n * size;

                ++*ret_n; /* first, so that what a failing element took is freed */
                r = take(rd, c, at);
        }
        return r;
}
