/* libFuzzer: what code under test may write on the channels to the engine. The first byte says who speaks:
 * the interpreter that collects, whose packets become a suite; or a worker, whose lines become events, each
 * of which must be one line of JSON about the test that runs, whatever was said. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/json.h"
#include "runtime/engine/result.h"
#include "runtime/engine/suite.h"
#include "runtime/engine/worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void collect(struct suite *s, const char *text, size_t len)
{
        int over = 0;

        while (len > 0 && over == 0) {
                const char *end = memchr(text, '\n', len);
                const size_t n = end != NULL ? (size_t)(end - text) : len;
                char *line = strndup(text, n); /* as a packet is: what follows is not readable */
                yajl_val v = json_parse(line, strlen(line));
                int kept = 0;

                if (json_text(v, "t") != NULL) /* which zygote_receive() has looked at */
                        over = suite_packet(s, v, &kept);
                if (v != NULL && !kept)
                        yajl_tree_free(v);
                free(line);
                text += n + (end != NULL);
                len -= n + (end != NULL);
        }
        if (over == 1) {
                struct part part;

                while (suite_next(s, &part) == 1)
                        if (part.unit >= s->n_units || part.to > s->units[part.unit].n)
                                abort();
        }
}

static void check_event(int fd, const char *nodeid)
{
        const off_t n = lseek(fd, 0, SEEK_CUR);
        char *text = malloc((size_t)n + 1);
        yajl_val v;

        if (text == NULL || pread(fd, text, (size_t)n, 0) != n)
                abort();
        text[n] = '\0';
        if (n < 2 || text[n - 1] != '\n' || memchr(text, '\n', (size_t)n) != text + n - 1)
                abort();
        text[n - 1] = '\0';
        v = json_parse(text, (size_t)n - 1);
        if (v == NULL || strcmp(json_text(v, "event"), "test") != 0 ||
            strcmp(json_text(v, "nodeid"), nodeid) != 0)
                abort();
        yajl_tree_free(v);
        free(text);
}

static void end_test(struct worker *w, struct suite *s, yajl_val usage, struct counts *counts, int fd)
{
        struct refusals none = {0};
        const struct place place = {.isolation = "test", .why = "", .refusals = &none};
        const struct death death = {.outcome = "crashed", .reason = "it ended", .out_fd = -1, .err_fd = -1};

        if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0 ||
            result_send(&w->result, &s->items[w->current], &place, usage, usage == NULL ? &death : NULL,
                        counts, fd) < 0)
                abort();
        check_event(fd, s->items[w->current].nodeid);
        result_finish(&w->result);
        w->result = (struct result){0};
        w->current = -1;
}

static void speak(struct suite *s, const char *text, size_t len, int fd)
{
        struct worker w;
        struct counts counts = {0};
        enum worker_line kind;
        yajl_val v;

        worker_init(&w, 0);
        w.items = calloc(2, sizeof *w.items);
        w.n_items = 2;
        w.items[1] = 1;
        if (buf_add(&w.in, text, len) < 0 || buf_adds(&w.in, "\n") < 0)
                abort();
        while (worker_line(&w, s, &kind, &v) && kind != WORKER_BROKEN) {
                if (kind == WORKER_BEGIN) {
                        w.current = w.items[w.next++];
                } else if (kind == WORKER_REPORT) {
                        if (result_add(&w.result, v) < 0)
                                abort();
                        v = NULL;
                } else if (kind == WORKER_END) {
                        end_test(&w, s, v, &counts, fd);
                }
                if (v != NULL)
                        yajl_tree_free(v);
                v = NULL;
        }
        if (v != NULL)
                yajl_tree_free(v);
        if (w.current >= 0)
                end_test(&w, s, NULL, &counts, fd);
        worker_reset(&w);
        buf_finish(&w.in); /* which the next worker of the slot would use */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char packets[] =
            "{\"t\":\"unit\",\"u\":0,\"isolation\":\"module\",\"why\":\"\",\"last\":1}\n"
            "{\"t\":\"item\",\"i\":0,\"u\":0,\"nodeid\":\"a::x\"}\n"
            "{\"t\":\"item\",\"i\":1,\"u\":0,\"nodeid\":\"a::y\"}\n";
        static int fd = -1;
        struct suite s = {0};

        if (size == 0)
                return 0;
        if (fd < 0)
                fd = memfd_create("events", MFD_CLOEXEC);
        if (data[0] & 1) {
                collect(&s, (const char *)data + 1, size - 1);
        } else {
                collect(&s, packets, sizeof packets - 1);
                speak(&s, (const char *)data + 1, size - 1, fd);
        }
        suite_finish(&s);
        return 0;
}
