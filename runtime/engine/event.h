/*
 * event: the NDJSON stream on standard output. One object a line, "event" first, written whole and at once.
 * yajl writes the JSON; text that is not UTF-8 is mended, never refused.
 */
#ifndef TACH_ENGINE_EVENT_H
#define TACH_ENGINE_EVENT_H

#include <stdint.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_tree.h>

#include "spec/base/buf.h"
#include "spec/base/error.h"

struct event {
        yajl_gen gen;
};

/* Starts {"event": NAME. Ends with event_send, which writes the line to FD and frees: 0 or -errno. */
int event_begin(struct event *ev, const char *name);
int event_send(struct event *ev, int fd);

/* KEY NULL: an element of the array that is open. TEXT NULL: null. */
void event_text(struct event *ev, const char *key, const char *text);
void event_bytes(struct event *ev, const char *key, const char *bytes, size_t n);
void event_int(struct event *ev, const char *key, int64_t value);
void event_seconds(struct event *ev, const char *key, double value); /* six decimals */
void event_bool(struct event *ev, const char *key, int value);
void event_open(struct event *ev, const char *key, char bracket);                  /* '{' or '[' */
void event_close(struct event *ev, char bracket);                                  /* '}' or ']' */
void event_texts(struct event *ev, const char *key, char *const *texts, size_t n); /* an array */
/* A value as it was parsed. NULL: null. */
void event_value(struct event *ev, const char *key, yajl_val value);

/* Appends N bytes to OUT as valid UTF-8: each byte that is none becomes U+FFFD. */
int utf8_mend(struct buf *out, const char *bytes, size_t n);

#endif
