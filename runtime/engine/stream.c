/* How it works: one function an event. */
#include "runtime/engine/stream.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/base64.h"
#include "runtime/base/json.h"
#include "runtime/engine/event.h"
#include "spec/base/buf.h"
#include "spec/base/utf8.h"
#include "spec/names.h"

#ifndef TACH_VERSION
#define TACH_VERSION "0.1.0"
#endif

static void emit(struct stream *s, struct event *ev)
{
        int r = event_send(ev, s->fd);

        if (r < 0 && s->lost == 0)
                s->lost = r;
}

void stream_error(struct stream *s, const char *phase, const char *what, const char *hint)
{
        struct event ev;

        if (event_begin(&ev, "error") < 0)
                return;
        event_text(&ev, "phase", phase);
        event_text(&ev, "what", what);
        event_text(&ev, "hint", hint != NULL && hint[0] != '\0' ? hint : NULL);
        emit(s, &ev);
}

void stream_fail(struct stream *s, const struct error *err)
{
        char line[1400], what[1000];

        (void)fprintf(stderr, "%s\n", error_format(err, "tach-run", line, sizeof line));
        if (err->errnum != 0)
                (void)snprintf(what, sizeof what, "%s: %s (%s)", err->what, strerrorname_np(err->errnum),
                               strerror(err->errnum));
        else
                (void)snprintf(what, sizeof what, "%s", err->what);
        stream_error(s, err->phase, what, err->hint);
}

static void not_enforced(struct event *ev, const char *what, const char *why)
{
        event_open(ev, NULL, '{');
        event_text(ev, "what", what);
        event_text(ev, "why", why);
        event_close(ev, '}');
}

static void send_isolation(const struct plan *p, int unheard, struct event *ev)
{
        static const char *const enforced[] = {"user",         "mount",       "pid",     "ipc",
                                               "uts",          "cgroup",      "seccomp", "rlimits",
                                               "capabilities", "no_new_privs"};

        event_open(ev, "isolation", '{');
        event_text(ev, "mode", p->isolated ? "cell" : "none");
        event_open(ev, "enforced", '[');
        for (size_t i = 0; p->isolated && i < sizeof enforced / sizeof *enforced; i++)
                event_text(ev, NULL, enforced[i]);
        if (p->isolated && p->cell.network != SPEC_NETWORK_HOST)
                event_text(ev, NULL, "network");
        if (p->isolated && p->project != NULL)
                event_text(ev, NULL, "overlay");
        if (p->cgroup.base_fd >= 0)
                event_text(ev, NULL, "cgroup leaf");
        if (!p->isolated)
                event_text(ev, NULL, "rlimits");
        event_close(ev, ']');
        event_text(ev, "network", p->isolated ? names_network[p->cell.network] : "host");
        event_open(ev, "services", '[');
        for (size_t i = 0; i < p->spec->tach.services.n; i++)
                event_text(ev, NULL, p->spec->tach.services.v[i]);
        event_close(ev, ']');
        event_open(ev, "not_enforced", '[');
        if (!p->isolated)
                not_enforced(ev, "sandbox", "isolation is switched off");
        else if (p->cgroup.base_fd < 0)
                not_enforced(ev, "cgroup leaf", p->cgroup.parent.why);
        if (p->isolated && p->cell.network == SPEC_NETWORK_HOST)
                not_enforced(ev, "network",
                             "tach.network is \"host\": tests reach what this machine reaches");
        if (unheard)
                not_enforced(ev, "names of refused system calls",
                             "another supervisor listens to this process's system call filters");
        if (p->missing[0] != '\0')
                not_enforced(ev, "resource limits", p->missing);
        else if (!p->isolated &&
                 (cgroup_has_limits(&p->spec->linux_.resources) || p->spec->tach.collect_memory > 0))
                not_enforced(ev, "resource limits", "isolation is switched off");
        event_close(ev, ']');
        event_close(ev, '}');
}

void stream_start(struct stream *s, const struct plan *plan, const struct suite *suite)
{
        struct event ev;

        if (s->started++ || event_begin(&ev, "start") < 0)
                return;
        event_text(&ev, "version", TACH_VERSION);
        event_text(&ev, "root", plan->project != NULL ? plan->project : plan->cwd);
        event_int(&ev, "workers", plan->workers);
        event_int(&ev, "seed", plan->seed);
        event_text(&ev, "python", suite->python);
        event_text(&ev, "pytest", suite->pytest);
        send_isolation(plan, s->unheard, &ev);
        emit(s, &ev);
}

void stream_service(struct stream *s, const char *nodeid, const char *name, const struct service_use *use)
{
        struct event ev;
        char why[128];

        if (event_begin(&ev, "service") < 0)
                return;
        event_text(&ev, "nodeid", nodeid);
        event_text(&ev, "service", name);
        event_int(&ev, "connections", use->connections);
        event_int(&ev, "failed", use->failed);
        event_text(&ev, "why", use->failed > 0 ? services_why(use->why, why, sizeof why) : NULL);
        emit(s, &ev);
}

void stream_wrote(struct stream *s, const struct keep_job *job, unsigned kept, unsigned lost)
{
        struct event ev;

        if (event_begin(&ev, "wrote") < 0)
                return;
        event_text(&ev, "who", job->cell.owner);
        event_int(&ev, "n_kept", kept);
        event_int(&ev, "n_lost", lost);
        event_texts(&ev, "kept", job->paths[0], job->n_paths[0]);
        event_texts(&ev, "lost", job->paths[1], job->n_paths[1]);
        emit(s, &ev);
}

void stream_unkept(struct stream *s, const struct error *err)
{
        stream_fail(s, err);
        counts_add(&s->counts, "error", 1);
        s->errors++;
}

void stream_scope(struct stream *s, const struct unit *unit, const char *why, size_t tests)
{
        struct event ev;

        if (event_begin(&ev, "scope") < 0)
                return;
        event_text(&ev, "nodeid", unit->nodeid);
        event_text(&ev, "scope", unit->isolation);
        event_text(&ev, "fixture", unit->why);
        event_text(&ev, "why", why);
        event_int(&ev, "tests", (int64_t)tests);
        emit(s, &ev);
}

void stream_output(struct stream *s, const char *nodeid, const char *stream, const char *bytes, size_t n)
{
        CLEANUP_BUF struct buf text = {0};
        struct event ev;

        if (event_begin(&ev, "output") < 0)
                return;
        event_text(&ev, "nodeid", nodeid);
        event_text(&ev, "stream", stream);
        if (memchr(bytes, 0, n) == NULL && utf8_span(bytes, n) == n)
                event_bytes(&ev, "text", bytes, n);
        else if (base64_encode(&text, bytes, n) == 0)
                event_bytes(&ev, "base64", text.data, text.len);
        emit(s, &ev);
}

void stream_phase(struct stream *s, const char *nodeid, yajl_val report)
{
        const char *category = json_text(report, "category");
        struct event ev;

        if (event_begin(&ev, "phase") < 0)
                return;
        event_text(&ev, "nodeid", nodeid);
        event_text(&ev, "when", json_text(report, "when"));
        event_text(&ev, "outcome",
                   category != NULL && category[0] != '\0' ? category : json_text(report, "outcome"));
        event_text(&ev, "reason", json_text(report, "reason"));
        emit(s, &ev);
}

void stream_debugger(struct stream *s, const char *nodeid)
{
        struct event ev;

        if (event_begin(&ev, "debugger") < 0)
                return;
        event_text(&ev, "nodeid", nodeid);
        emit(s, &ev);
}

void stream_warning(struct stream *s, yajl_val v)
{
        static const char *const keys[] = {"message", "category", "file", "line", "nodeid"};
        struct event ev;

        if (event_begin(&ev, "warning") < 0)
                return;
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
                event_value(&ev, keys[i], json_field(v, keys[i]));
        emit(s, &ev);
        counts_add(&s->counts, "warnings", 1);
}

void stream_cache(struct stream *s, const struct error *err)
{
        struct event ev;
        char text[1400];

        if (event_begin(&ev, "warning") < 0)
                return;
        event_text(&ev, "message", error_format(err, "tach-run", text, sizeof text));
        event_text(&ev, "category", "PytestCacheWarning");
        event_text(&ev, "file", "");
        event_int(&ev, "line", 0);
        event_text(&ev, "nodeid", "");
        emit(s, &ev);
        counts_add(&s->counts, "warnings", 1);
}

/* LIST comes from the zygote: only what is an array of texts is passed on. */
static void send_texts(struct event *ev, const char *key, yajl_val list)
{
        event_open(ev, key, '[');
        for (size_t i = 0; YAJL_IS_ARRAY(list) && i < list->u.array.len; i++)
                if (YAJL_IS_STRING(list->u.array.values[i]))
                        event_text(ev, NULL, YAJL_GET_STRING(list->u.array.values[i]));
        event_close(ev, ']');
}

void stream_session(struct stream *s, const char *text)
{
        struct event ev;

        if (event_begin(&ev, "session") < 0)
                return;
        event_text(&ev, "text", text);
        emit(s, &ev);
}

void stream_summary(struct stream *s, yajl_val v)
{
        struct event ev;

        if (event_begin(&ev, "summary") < 0)
                return;
        event_text(&ev, "char", json_text(v, "char"));
        event_text(&ev, "text", json_text(v, "text"));
        emit(s, &ev);
}

/* LONGREPR, and what the sandbox refused meanwhile. */
static void send_collect_longrepr(struct event *ev, const char *longrepr, const struct refusals *refusals)
{
        CLEANUP_BUF struct buf text = {0};

        if (buf_addf(&text, "%s\n\nSystem calls that the sandbox refused:\n", longrepr) == 0 &&
            refusals_text(refusals, &text) == 0)
                event_text(ev, "longrepr", text.data);
        else
                event_text(ev, "longrepr", longrepr);
}

void stream_collected(struct stream *s, const struct suite *suite, const struct refusals *refusals)
{
        struct event ev;

        if (event_begin(&ev, "collected") < 0)
                return;
        event_int(&ev, "number", (int64_t)suite->n_items);
        event_int(&ev, "deselected", suite->deselected);
        event_open(&ev, "errors", '[');
        for (size_t i = 0; i < suite->n_reports; i++) {
                yajl_val report = suite->reports[i];
                const char *outcome = json_text(report, "outcome");
                int failed = outcome != NULL && strcmp(outcome, "failed") == 0;

                event_open(&ev, NULL, '{');
                event_value(&ev, "nodeid", json_field(report, "nodeid"));
                event_value(&ev, "outcome", json_field(report, "outcome"));
                if (failed && refusals->n > 0 && json_text(report, "longrepr") != NULL)
                        send_collect_longrepr(&ev, json_text(report, "longrepr"), refusals);
                else
                        event_value(&ev, "longrepr", json_field(report, "longrepr"));
                event_close(&ev, '}');
                counts_add(&s->counts, failed ? "error" : "skipped", 1);
                s->errors += failed;
        }
        event_close(&ev, ']');
        send_texts(&ev, "plugins", json_field(suite->last, "plugins"));
        send_texts(&ev, "header", json_field(suite->last, "header"));
        send_texts(&ev, "notes", json_field(suite->last, "notes"));
        event_text(&ev, "report_chars", json_text(suite->last, "report_chars"));
        event_bool(&ev, "no_summary", json_true(suite->last, "no_summary"));
        event_bool(&ev, "whole_messages", json_true(suite->last, "whole_messages"));
        event_text(&ev, "traceback", json_text(suite->last, "traceback"));
        event_text(&ev, "show_capture", json_text(suite->last, "show_capture"));
        event_bool(&ev, "instead", suite->instead);
        emit(s, &ev);
        if (suite->deselected > 0)
                counts_add(&s->counts, "deselected", suite->deselected);
        /* 2: the errors above say it; 5: nothing was collected */
        if ((suite->exit == 3 || suite->exit == 4 || (suite->exit == 1 && !suite->instead)) &&
            suite->text != NULL && suite->text[0] != '\0') {
                (void)fprintf(stderr, "%s%s", suite->text,
                              suite->text[strlen(suite->text) - 1] == '\n' ? "" : "\n");
                stream_error(s, "pytest", suite->text, NULL);
        }
}

/* How many cells were made, how often one was used again, and why others were not. */
static void send_cells(struct event *ev, const struct pool *pool)
{
        event_open(ev, "cells", '{');
        event_int(ev, "made", pool->made);
        event_int(ev, "reused", pool->reused);
        event_open(ev, "thrown_away", '{');
        for (int i = DIRT_NONE + 1; i < DIRT_N; i++)
                if (pool->thrown_away[i] > 0)
                        event_int(ev, dirt_name((enum dirt)i), pool->thrown_away[i]);
        event_close(ev, '}');
        event_close(ev, '}');
}

void stream_finish(struct stream *s, int exit_code, double wall, int interrupted, const struct pool *pool,
                   const struct again *again)
{
        struct event ev;

        if (event_begin(&ev, "finish") < 0)
                return;
        event_open(&ev, "counts", '{');
        for (size_t i = 0; i < s->counts.n; i++)
                event_int(&ev, s->counts.v[i].name, s->counts.v[i].n);
        event_close(&ev, '}');
        event_int(&ev, "exit_code", exit_code);
        event_seconds(&ev, "wall", wall);
        event_bool(&ev, "interrupted", interrupted);
        if (pool != NULL)
                send_cells(&ev, pool);
        if (again != NULL) {
                event_open(&ev, "workers", '{');
                event_int(&ev, "rolled_back", again->rolled_back);
                event_open(&ev, "spent", '{');
                for (size_t i = 0; i < again->n_spent; i++)
                        event_int(&ev, again->spent[i].why, again->spent[i].n);
                event_close(&ev, '}');
                event_close(&ev, '}');
        }
        emit(s, &ev);
}

long stream_outcomes(const struct stream *s)
{
        long n = 0;

        for (size_t i = 0; i < s->counts.n; i++)
                if (strcmp(s->counts.v[i].name, "warnings") != 0 &&
                    strcmp(s->counts.v[i].name, "deselected") != 0)
                        n += s->counts.v[i].n;
        return n;
}
