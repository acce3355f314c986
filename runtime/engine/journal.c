/* How it works: lines are written as the events are. The first that fails ends the journal: the zygote then
 * gets none, since half of one would tell plugins of another run. */
#include "runtime/engine/journal.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/json.h"
#include "runtime/engine/event.h"

int journal_open(struct journal *j, struct error *err)
{
        *j = (struct journal){.fd = memfd_create("tach-journal", MFD_CLOEXEC)};
        return j->fd < 0 ? error_set(err, "run", errno, "make the journal") : 0;
}

static int begin(struct journal *j, struct event *ev, const char *name)
{
        if (j->failed < 0)
                return j->failed;
        j->failed = event_begin(ev, name);
        return j->failed;
}

static void send(struct journal *j, struct event *ev)
{
        j->failed = event_send(ev, j->fd);
}

/* A snapshot's teardown that has nothing to say: under pytest it is part of the last test's. */
static int is_silent(yajl_val report)
{
        yajl_val sections = json_field(report, "sections");
        const char *outcome = json_text(report, "outcome");

        return json_true(report, "scope") && outcome != NULL && strcmp(outcome, "passed") == 0 &&
               (!YAJL_IS_ARRAY(sections) || YAJL_GET_ARRAY(sections)->len == 0);
}

void journal_test(struct journal *j, uint32_t index, const struct result *r, const struct death *death)
{
        static const char *const keys[] = {"nodeid",          "when",     "outcome", "duration", "sections",
                                           "user_properties", "longrepr", "data"};
        struct event ev;

        if (begin(j, &ev, "test") < 0)
                return;
        event_int(&ev, "i", index);
        event_open(&ev, "reports", '[');
        for (size_t i = 0; i < r->n; i++) {
                if (is_silent(r->reports[i]))
                        continue;
                event_open(&ev, NULL, '{');
                for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
                        event_value(&ev, keys[k], json_field(r->reports[i], keys[k]));
                event_close(&ev, '}');
        }
        event_close(&ev, ']');
        if (death != NULL) {
                event_open(&ev, "died", '{');
                event_text(&ev, "when", result_phase_of_death(r));
                event_text(&ev, "reason", death->reason);
                event_seconds(&ev, "elapsed", death->elapsed);
                event_close(&ev, '}');
        } else {
                event_text(&ev, "died", NULL);
        }
        send(j, &ev);
}

void journal_line(struct journal *j, const char *event, yajl_val line, const char *const *keys)
{
        struct event ev;

        if (begin(j, &ev, event) < 0)
                return;
        for (; *keys != NULL; keys++)
                event_value(&ev, *keys, json_field(line, *keys));
        send(j, &ev);
}

void journal_end(struct journal *j, int code, int stopped, const char *reason)
{
        struct event ev;

        if (begin(j, &ev, "end") < 0)
                return;
        event_int(&ev, "code", code);
        event_bool(&ev, "stopped", stopped);
        event_text(&ev, "reason", reason != NULL ? reason : "");
        send(j, &ev);
}

void journal_finish(struct journal *j)
{
        if (j->fd >= 0)
                (void)close(j->fd);
        *j = (struct journal){.fd = -1};
}
