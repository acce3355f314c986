/* How it works: the probes' table is the order of the object's keys; last comes a whole cell, made as for a
 * spec with process.args, in which this very program is started. */
#include "runtime/engine/features.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/engine/command.h"
#include "runtime/engine/event.h"
#include "runtime/engine/plan.h"
#include "sandbox/probe.h"
#include "spec/base/cleanup.h"
#include "spec/spec.h"

/* The leak checker traces, which a cell forbids. */
#ifdef __SANITIZE_ADDRESS__
#define CELL_ENVIRONMENT "ASAN_OPTIONS=detect_leaks=0"
#else
#define CELL_ENVIRONMENT "LANG=C"
#endif

/* What runs in the cell: this program, also where its file cannot be seen there. */
static int cell_spec(struct spec *spec, const char *folder, struct error *err)
{
        int r = spec_init(spec, err);

        if (r < 0)
                return r;
        free(spec->tach.project);
        free(spec->process.cwd);
        spec->tach.project = strdup(folder);
        spec->process.cwd = strdup(folder);
        if (spec->tach.project == NULL || spec->process.cwd == NULL ||
            spec_strv_add(&spec->process.env, CELL_ENVIRONMENT) < 0 ||
            spec_strv_add(&spec->process.args, "/proc/self/exe") < 0 ||
            spec_strv_add(&spec->process.args, "--version") < 0)
                return error_set(err, "cell", ENOMEM, "make a spec");
        return 0;
}

static void block_signals(void)
{
        static const int awaited[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
        sigset_t set;

        sigemptyset(&set);
        for (size_t i = 0; i < sizeof awaited / sizeof *awaited; i++)
                sigaddset(&set, awaited[i]);
        (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

static void probe_cell(struct probe_report *r)
{
        CLEANUP_SPEC struct spec spec = {0};
        const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        struct error err = {0};
        struct plan plan;
        int code;

        for (int fd = 0; fd < 3; fd++)
                if (null < 0 || dup2(null, fd) < 0) {
                        (void)probe_step(r, errno, "open /dev/null");
                        return;
                }
        block_signals();
        code = cell_spec(&spec, r->folder, &err);
        if (code == 0)
                code = plan_make(&plan, &spec, &err);
        if (code == 0) {
                code = command_run(&plan, &err);
                plan_finish(&plan);
        }
        if (code < 0) {
                (void)probe_step(r, err.errnum, "%s: %s", err.phase, err.what);
                probe_cause(r, "%s",
                            err.hint[0] != '\0' ? err.hint : "none of the features above explains it");
        } else if (code > 0) {
                (void)probe_step(r, 0, "a command in a cell ended with %d", code);
                probe_cause(r, "none of the features above explains it");
        }
}

static void write_lines(struct event *ev, const char *key, const char *text)
{
        event_open(ev, key, '[');
        while (*text != '\0') {
                const size_t n = strcspn(text, "\n");

                event_bytes(ev, NULL, text, n);
                text += n + (text[n] != '\0');
        }
        event_close(ev, ']');
}

static void write_fact(struct event *ev, const struct probe_fact *f)
{
        switch (f->kind) {
        case FACT_INT:
                event_int(ev, f->key, f->number);
                break;
        case FACT_BOOL:
                event_bool(ev, f->key, f->number != 0);
                break;
        case FACT_LIST:
                write_lines(ev, f->key, f->text);
                break;
        case FACT_TEXT:
        case FACT_NONE:
                event_text(ev, f->key, f->kind == FACT_TEXT ? f->text : NULL);
        }
}

static void write_feature(struct event *ev, const char *name, int needed, const struct probe_report *r)
{
        static const char *const words[] = {"ok", "degraded", "missing"};

        event_open(ev, name, '{');
        event_text(ev, "status", words[r->status]);
        event_bool(ev, "needed", needed);
        event_text(ev, "step", r->step[0] != '\0' ? r->step : NULL);
        event_text(ev, "errno", r->errnum != 0 ? strerrorname_np(r->errnum) : NULL);
        event_text(ev, "cause", r->cause[0] != '\0' ? r->cause : NULL);
        write_lines(ev, "fix", r->fix);
        for (size_t i = 0; i < r->n_facts; i++)
                write_fact(ev, &r->facts[i]);
        event_close(ev, '}');
}

int features_write(int fd, const char *version)
{
        static struct probe_report reports[32], cell;
        char program[PATH_MAX];
        const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
        const char *first = NULL; /* what is needed and missing */
        struct event ev;
        size_t n = 0;

        for (; n < sizeof reports / sizeof *reports && probes[n].name != NULL; n++) {
                probe_run(&probes[n], NULL, &reports[n]);
                if (first == NULL && probes[n].needed && reports[n].status == PROBE_MISSING)
                        first = probes[n].name;
        }
        probe_call(probe_cell, NULL, &cell);
        if (cell.status == PROBE_MISSING && first != NULL)
                probe_needs(&cell, first);
        if (event_begin(&ev, "features") < 0)
                return -ENOMEM;
        event_text(&ev, "version", version);
        event_bytes(&ev, "program", program, length > 0 ? (size_t)length : 0);
        event_bool(&ev, "isolated", first == NULL && cell.status == PROBE_OK);
        event_open(&ev, "features", '{');
        for (size_t i = 0; i < n; i++)
                write_feature(&ev, probes[i].name, probes[i].needed, &reports[i]);
        write_feature(&ev, "cell", 1, &cell);
        event_close(&ev, '}');
        return event_send(&ev, fd);
}
