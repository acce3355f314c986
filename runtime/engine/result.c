/* How it works: outcome_of() folds the reports in pytest's way: set-up decides first, then the call; a
 * teardown that fails makes a passed test an error and is listed beside a failed one. */
#include "runtime/engine/result.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/json.h"
#include "runtime/engine/event.h"
#include "runtime/engine/stack.h"
#include "spec/base/cleanup.h"
#include "spec/base/utf8.h"

#define OUTPUT_TAIL (256 * 1024) /* bytes of a dead worker's output that are shown */
#define MERGED_MAX  64           /* sections of snapshots' teardowns that may go on in others */

static const char *const phase_names[] = {"setup", "call", "teardown"};

static int same(const char *a, const char *b)
{
        return a != NULL && strcmp(a, b) == 0;
}

void counts_add(struct counts *counts, const char *given, long n)
{
        char name[sizeof counts->v->name];

        (void)utf8_show(name, sizeof name, given); /* a plugin's, or forged */
        for (size_t i = 0; i < counts->n; i++)
                if (same(counts->v[i].name, name)) {
                        counts->v[i].n += n;
                        return;
                }
        if (counts->n == sizeof counts->v / sizeof *counts->v)
                return;
        (void)snprintf(counts->v[counts->n].name, sizeof counts->v->name, "%s", name);
        counts->v[counts->n++].n = n;
}

int result_add(struct result *r, yajl_val report)
{
        if (same(json_text(report, "outcome"), "failed"))
                r->failed++;
        if (r->n == RESULT_MAX_REPORTS) {
                yajl_tree_free(report);
                return 0;
        }
        if (r->n == r->capacity) {
                size_t capacity = r->capacity != 0 ? 2 * r->capacity : 4;
                yajl_val *grown = realloc(r->reports, capacity * sizeof(*grown));

                if (grown == NULL) {
                        yajl_tree_free(report);
                        return -ENOMEM;
                }
                r->reports = grown;
                r->capacity = capacity;
        }
        r->reports[r->n++] = report;
        return 0;
}

void result_finish(struct result *r)
{
        for (size_t i = 0; i < r->n; i++)
                yajl_tree_free(r->reports[i]);
        free(r->reports);
        *r = (struct result){0};
}

static const char *when(yajl_val report)
{
        const char *w = json_text(report, "when");

        return w != NULL ? w : "call";
}

static const char *outcome_of(const struct result *r)
{
        const char *outcome = NULL;

        for (size_t i = 0; i < r->n; i++) {
                const char *category = json_text(r->reports[i], "category");
                int failed = same(json_text(r->reports[i], "outcome"), "failed");

                if (same(when(r->reports[i]), "call")) {
                        if (failed && !same(category, "xpassed") && !same(category, "xfailed"))
                                outcome = "failed";
                        else if (!same(outcome, "failed") && category != NULL && category[0] != '\0')
                                outcome = category;
                } else if (failed && (outcome == NULL || same(outcome, "passed"))) {
                        outcome = "error";
                } else if (outcome == NULL && category != NULL && category[0] != '\0') {
                        outcome = category;
                }
        }
        if (outcome == NULL)
                return "error";
        for (size_t i = 0; i < 6; i++) {
                static const char *const known[] = {"passed",  "failed",  "error",
                                                    "skipped", "xfailed", "xpassed"};

                if (same(outcome, known[i]))
                        return known[i];
        }
        return r->failed > 0 ? "failed" : "passed"; /* a plugin's own category */
}

/* The tail of what FD holds, as one section. */
static void send_output(struct event *ev, const char *name, int fd)
{
        CLEANUP_FREE char *tail = malloc(OUTPUT_TAIL);
        struct stat st;
        ssize_t n;

        if (tail == NULL || fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
                return;
        n = pread(fd, tail, OUTPUT_TAIL, st.st_size > OUTPUT_TAIL ? st.st_size - OUTPUT_TAIL : 0);
        if (n <= 0)
                return;
        event_open(ev, NULL, '[');
        if (st.st_size > OUTPUT_TAIL) {
                char title[96];

                (void)snprintf(title, sizeof title, "%s (the last %d of %lld bytes)", name, OUTPUT_TAIL,
                               (long long)st.st_size);
                event_text(ev, NULL, title);
        } else {
                event_text(ev, NULL, name);
        }
        event_bytes(ev, NULL, tail, stack_trim(tail, (size_t)n));
        event_close(ev, ']');
}

static void send_refused_section(struct event *ev, const struct refusals *refusals)
{
        CLEANUP_BUF struct buf text = {0};

        if (refusals_text(refusals, &text) < 0)
                return;
        event_open(ev, NULL, '[');
        event_text(ev, NULL, "System calls that the sandbox refused");
        event_text(ev, NULL, text.data);
        event_close(ev, ']');
}

static void send_refused(struct event *ev, const struct refusals *refusals)
{
        event_open(ev, "refused", '[');
        for (size_t i = 0; i < refusals->n; i++) {
                char line[256];

                event_text(ev, NULL, refusals_line(line, sizeof line, &refusals->v[i]));
        }
        event_close(ev, ']');
}

/* Sections [name, text] in order: those of the test, then those of the snapshots' teardowns. */
struct sections {
        yajl_val *v;
        size_t n, own; /* the first OWN are the test's */
};

static size_t add_sections(struct sections *list, yajl_val report)
{
        yajl_val sections = json_field(report, "sections");
        const size_t n = YAJL_IS_ARRAY(sections) ? YAJL_GET_ARRAY(sections)->len : 0;
        yajl_val *grown = n > 0 ? realloc(list->v, (list->n + n) * sizeof *grown) : NULL;

        if (grown == NULL)
                return 0;
        list->v = grown;
        memcpy(list->v + list->n, YAJL_GET_ARRAY(sections)->values, n * sizeof *grown);
        list->n += n;
        return n;
}

static const char *part_of(yajl_val section, size_t k)
{
        yajl_val part = YAJL_IS_ARRAY(section) && YAJL_GET_ARRAY(section)->len == 2
                            ? YAJL_GET_ARRAY(section)->values[k]
                            : NULL;

        return YAJL_IS_STRING(part) ? YAJL_GET_STRING(part) : NULL;
}

/* Whether section I, what a snapshot's teardown printed, goes on in pytest's one section with what J holds.
 */
static int continues(const struct sections *list, size_t i, size_t j)
{
        const char *name = part_of(list->v[i], 0);

        if (i < list->own || i >= list->own + MERGED_MAX || part_of(list->v[i], 1) == NULL ||
            part_of(list->v[j], 1) == NULL)
                return 0;
        return name != NULL && strncmp(name, "Captured ", 9) == 0 && same(part_of(list->v[j], 0), name);
}

static void send_section(struct event *ev, const struct sections *list, size_t i)
{
        CLEANUP_BUF struct buf text = {0};
        size_t parts = 0;

        for (size_t j = 0; i >= list->own && j < i; j++)
                if (continues(list, i, j))
                        return;
        for (size_t k = i < list->own ? list->own : i + 1; k < list->n && k < list->own + MERGED_MAX; k++) {
                if (!continues(list, k, i))
                        continue;
                if ((parts++ == 0 && buf_adds(&text, part_of(list->v[i], 1)) < 0) ||
                    buf_adds(&text, part_of(list->v[k], 1)) < 0)
                        return;
        }
        if (parts == 0) {
                event_value(ev, NULL, list->v[i]);
                return;
        }
        event_open(ev, NULL, '[');
        event_text(ev, NULL, part_of(list->v[i], 0));
        event_text(ev, NULL, text.data);
        event_close(ev, ']');
}

/* REFUSALS: NULL where none are of interest. */
static void send_sections(struct event *ev, const struct result *r, const struct death *death,
                          const struct refusals *refusals)
{
        struct sections list = {0};

        event_open(ev, "sections", '[');
        /* a report repeats the sections of the phases before it, but a snapshot's teardown does not */
        for (size_t i = r->n; i > 0; i--)
                if (!json_true(r->reports[i - 1], "scope") && add_sections(&list, r->reports[i - 1]) > 0)
                        break;
        list.own = list.n;
        for (size_t i = 0; i < r->n; i++)
                if (json_true(r->reports[i], "scope"))
                        (void)add_sections(&list, r->reports[i]);
        for (size_t i = 0; i < list.n; i++)
                send_section(ev, &list, i);
        free(list.v);
        if (death != NULL) {
                send_output(ev, "Captured stdout", death->out_fd);
                send_output(ev, "Captured stderr", death->err_fd);
        }
        if (refusals != NULL)
                send_refused_section(ev, refusals);
        event_close(ev, ']');
}

/* Where the first failure was raised, and with which message. */
static void send_crash(struct event *ev, const struct result *r)
{
        yajl_val crash = NULL;

        for (size_t i = 0; crash == NULL && i < r->n; i++)
                if (same(json_text(r->reports[i], "outcome"), "failed"))
                        crash = json_field(r->reports[i], "crash");
        event_value(ev, "crash", crash);
}

static void send_longrepr(struct event *ev, const struct result *r, const char *outcome,
                          const struct death *death, const char *note, const char *order)
{
        CLEANUP_BUF struct buf text = {0};

        for (size_t i = 0; i < r->n; i++) {
                const char *part = json_text(r->reports[i], "longrepr");

                if (part == NULL ||
                    (!same(json_text(r->reports[i], "outcome"), "failed") && !same(outcome, "skipped")))
                        continue;
                if (same(when(r->reports[i]), "teardown") && text.len > 0)
                        continue;
                if ((text.len > 0 && buf_adds(&text, "\n") < 0) || buf_adds(&text, part) < 0)
                        break;
        }
        if (death != NULL && buf_addf(&text, "%s%s", text.len > 0 ? "\n" : "", death->reason) < 0)
                buf_reset(&text);
        if (note != NULL && text.len > 0 && buf_addf(&text, "\n%s", note) < 0)
                buf_reset(&text);
        if (order != NULL && buf_addf(&text,
                                      "\nIt depends on an earlier test: when %s runs in one worker, in "
                                      "order, it passes. To have that, "
                                      "write into pyproject.toml:\n[tool.tach]\nshared = [\"%s\"]",
                                      order, order) < 0)
                buf_reset(&text);
        event_text(ev, "longrepr", text.len > 0 ? text.data : NULL);
}

/* A teardown's failure that is not the test's own outcome. */
static void send_errors(struct event *ev, const struct result *r, const char *outcome)
{
        int open = 0;

        for (size_t i = 0; i < r->n; i++) {
                yajl_val report = r->reports[i];

                if (!same(when(report), "teardown") || !same(json_text(report, "outcome"), "failed") ||
                    same(outcome, "error"))
                        continue;
                if (!open++)
                        event_open(ev, "errors", '[');
                event_open(ev, NULL, '{');
                event_text(ev, "when", when(report));
                event_text(ev, "longrepr", json_text(report, "longrepr"));
                event_close(ev, '}');
        }
        if (open)
                event_close(ev, ']');
}

void death_by_limit(struct death *death, const struct usage *used, int leaf_fd, const char *note)
{
        char throttled[96] = "";
        const size_t n = strlen(death->reason);

        if (death->by_sigkill && usage_killed(used, leaf_fd, death->reason, sizeof death->reason))
                return;
        if (same(death->outcome, "timeout"))
                usage_throttled(used, leaf_fd, throttled, sizeof throttled);
        (void)snprintf(death->reason + n, sizeof death->reason - n, "%s%s%s", throttled,
                       note != NULL ? "; " : "", note != NULL ? note : "");
}

static void count(const struct result *r, const struct death *death, struct counts *counts)
{
        for (size_t i = 0; i < r->n; i++) {
                const char *category = json_text(r->reports[i], "category");

                if (category != NULL && category[0] != '\0')
                        counts_add(counts, category, 1);
        }
        counts->failed += r->failed;
        if (death != NULL) {
                counts_add(counts, "failed", 1);
                counts->failed++;
        }
}

static size_t phase_of_death(const struct result *r)
{
        size_t k = 0;

        for (size_t i = 0; i < r->n; i++)
                if (!json_true(r->reports[i], "subtest"))
                        k = same(when(r->reports[i]), "setup") ? 1 : 2;
        return k;
}

const char *result_phase_of_death(const struct result *r)
{
        return phase_names[phase_of_death(r)];
}

/* OWN: those of the test's last report that has any, which repeats what the others have; or NULL. */
static void send_properties(struct event *ev, const struct result *r, yajl_val own)
{
        int open = 0;

        for (size_t i = 0; i <= r->n; i++) {
                yajl_val list = i == 0 ? own
                                : json_true(r->reports[i - 1], "scope")
                                    ? json_field(r->reports[i - 1], "user_properties")
                                    : NULL;

                for (size_t k = 0; YAJL_IS_ARRAY(list) && k < YAJL_GET_ARRAY(list)->len; k++) {
                        if (!open++)
                                event_open(ev, "user_properties", '[');
                        event_value(ev, NULL, YAJL_GET_ARRAY(list)->values[k]);
                }
        }
        if (open)
                event_close(ev, ']');
}

int result_send(const struct result *r, const struct item *item, const struct place *place, yajl_val usage,
                const struct death *death, struct counts *counts, int fd)
{
        const char *outcome = death != NULL ? death->outcome : outcome_of(r), *reason = NULL;
        const int did_fail = r->failed > 0 || death != NULL;
        const struct refusals *refusals = did_fail && place->refusals->n > 0 ? place->refusals : NULL;
        double phases[3] = {0}, total = 0;
        yajl_val properties = NULL;
        struct event ev;

        for (size_t i = 0; i < r->n; i++) {
                yajl_val report = r->reports[i], own = json_field(report, "user_properties");

                for (size_t k = 0; k < 3; k++)
                        if (same(when(report), phase_names[k]) && !json_true(report, "subtest"))
                                phases[k] += json_number(report, "duration");
                if (json_text(report, "reason") != NULL && reason == NULL)
                        reason = json_text(report, "reason");
                if (!json_true(report, "scope") && YAJL_IS_ARRAY(own) && YAJL_GET_ARRAY(own)->len > 0)
                        properties = own;
        }
        if (death != NULL) {
                size_t k = phase_of_death(r);

                phases[k] += death->elapsed - phases[0] - phases[1] - phases[2];
        }
        total = phases[0] + phases[1] + phases[2];
        count(r, death, counts);
        if (event_begin(&ev, "test") < 0)
                return -ENOMEM;
        event_text(&ev, "nodeid", item->nodeid);
        event_text(&ev, "outcome", outcome);
        event_seconds(&ev, "duration", total);
        event_open(&ev, "phases", '{');
        for (size_t k = 0; k < 3; k++)
                event_seconds(&ev, phase_names[k], phases[k]);
        event_close(&ev, '}');
        event_open(&ev, "location", '{');
        event_text(&ev, "file", item->file);
        event_int(&ev, "line", item->line);
        event_close(&ev, '}');
        const int failed = same(outcome, "failed") || same(outcome, "error");
        const char *note = death == NULL && failed ? place->note : NULL;

        send_longrepr(&ev, r, outcome, death, note, place->order);
        send_crash(&ev, r);
        event_text(&ev, "reason", death != NULL ? death->reason : note != NULL ? note : reason);
        send_sections(&ev, r, death, refusals);
        if (refusals != NULL)
                send_refused(&ev, refusals);
        send_errors(&ev, r, outcome);
        send_properties(&ev, r, properties);
        event_int(&ev, "attempt", item->attempt);
        event_text(&ev, "isolation", place->isolation);
        event_text(&ev, "why", place->why);
        event_text(&ev, "snapshot", place->snapshot);
        event_text(&ev, "depends_on", place->order);
        event_text(&ev, "cell", place->cell);
        event_text(&ev, "worker", place->worker);
        event_text(&ev, "spent", place->spent);
        event_open(&ev, "usage", '{');
        event_value(&ev, "cpu_s", json_field(usage, "cpu_s"));
        event_value(&ev, "max_rss_bytes", json_field(usage, "max_rss_bytes"));
        if (place->used != NULL)
                usage_send(place->used, &ev);
        event_close(&ev, '}');
        return event_send(&ev, fd);
}
