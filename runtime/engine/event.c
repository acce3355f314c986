/* How it works: a yajl generator a line; the line leaves with as few writes as the pipe takes. */
#include "runtime/engine/event.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "spec/base/utf8.h"

int utf8_mend(struct buf *out, const char *bytes, size_t n)
{
        int r = 0;

        while (n > 0 && r == 0) {
                size_t good = utf8_span(bytes, n);

                r = buf_add(out, bytes, good);
                bytes += good;
                n -= good;
                if (n > 0 && r == 0) {
                        r = buf_adds(out, "\xef\xbf\xbd");
                        bytes++;
                        n--;
                }
        }
        return r == 0 ? buf_add(out, "", 0) : r;
}

static void raw(struct event *ev, const char *bytes, size_t n)
{
        (void)yajl_gen_string(ev->gen, (const unsigned char *)bytes, n);
}

static void put_key(struct event *ev, const char *key)
{
        if (key != NULL)
                raw(ev, key, strlen(key));
}

int event_begin(struct event *ev, const char *name)
{
        ev->gen = yajl_gen_alloc(NULL);
        if (ev->gen == NULL)
                return -ENOMEM;
        (void)yajl_gen_map_open(ev->gen);
        event_text(ev, "event", name);
        return 0;
}

void event_bytes(struct event *ev, const char *key, const char *bytes, size_t n)
{
        struct buf clean = {0};

        put_key(ev, key);
        if (utf8_mend(&clean, bytes, n) == 0)
                raw(ev, clean.data != NULL ? clean.data : "", clean.len);
        else
                (void)yajl_gen_null(ev->gen);
        buf_finish(&clean);
}

void event_text(struct event *ev, const char *key, const char *text)
{
        if (text != NULL) {
                event_bytes(ev, key, text, strlen(text));
                return;
        }
        put_key(ev, key);
        (void)yajl_gen_null(ev->gen);
}

void event_int(struct event *ev, const char *key, int64_t value)
{
        put_key(ev, key);
        (void)yajl_gen_integer(ev->gen, value);
}

void event_seconds(struct event *ev, const char *key, double value)
{
        char text[64];
        /* reports come from untrusted processes */
        int n = snprintf(text, sizeof text, "%.6f", value >= 0 && value < 1e12 ? value : 0.0);

        put_key(ev, key);
        (void)yajl_gen_number(ev->gen, text, (size_t)n);
}

void event_bool(struct event *ev, const char *key, int value)
{
        put_key(ev, key);
        (void)yajl_gen_bool(ev->gen, value);
}

void event_open(struct event *ev, const char *key, char bracket)
{
        put_key(ev, key);
        if (bracket == '{')
                (void)yajl_gen_map_open(ev->gen);
        else
                (void)yajl_gen_array_open(ev->gen);
}

void event_close(struct event *ev, char bracket)
{
        if (bracket == '}')
                (void)yajl_gen_map_close(ev->gen);
        else
                (void)yajl_gen_array_close(ev->gen);
}

void event_texts(struct event *ev, const char *key, char *const *texts, size_t n)
{
        event_open(ev, key, '[');
        for (size_t i = 0; i < n; i++)
                event_text(ev, NULL, texts[i]);
        event_close(ev, ']');
}

void event_value(struct event *ev, const char *key, yajl_val v)
{
        put_key(ev, key);
        if (YAJL_IS_STRING(v))
                event_text(ev, NULL, YAJL_GET_STRING(v));
        else if (YAJL_IS_NUMBER(v))
                (void)yajl_gen_number(ev->gen, YAJL_GET_NUMBER(v), strlen(YAJL_GET_NUMBER(v)));
        else if (YAJL_IS_TRUE(v) || YAJL_IS_FALSE(v))
                (void)yajl_gen_bool(ev->gen, YAJL_IS_TRUE(v));
        else if (YAJL_IS_ARRAY(v)) {
                (void)yajl_gen_array_open(ev->gen);
                for (size_t i = 0; i < v->u.array.len; i++)
                        event_value(ev, NULL, v->u.array.values[i]);
                (void)yajl_gen_array_close(ev->gen);
        } else if (YAJL_IS_OBJECT(v)) {
                (void)yajl_gen_map_open(ev->gen);
                for (size_t i = 0; i < v->u.object.len; i++)
                        event_value(ev, v->u.object.keys[i], v->u.object.values[i]);
                (void)yajl_gen_map_close(ev->gen);
        } else
                (void)yajl_gen_null(ev->gen);
}

static int write_all(int fd, const char *bytes, size_t n)
{
        while (n > 0) {
                ssize_t w = write(fd, bytes, n);

                if (w < 0 && errno == EAGAIN) {
                        struct pollfd p = {.fd = fd, .events = POLLOUT};

                        (void)poll(&p, 1, -1);
                        continue;
                }
                if (w < 0 && errno == EINTR)
                        continue;
                if (w < 0)
                        return -errno;
                bytes += w;
                n -= (size_t)w;
        }
        return 0;
}

int event_send(struct event *ev, int fd)
{
        const unsigned char *text;
        struct buf line = {0};
        size_t n;
        int r;

        (void)yajl_gen_map_close(ev->gen);
        r = yajl_gen_get_buf(ev->gen, &text, &n) == yajl_gen_status_ok ? buf_add(&line, text, n) : -EINVAL;
        if (r == 0)
                r = buf_adds(&line, "\n");
        if (r == 0)
                r = write_all(fd, line.data, line.len);
        buf_finish(&line);
        yajl_gen_free(ev->gen);
        ev->gen = NULL;
        return r;
}
