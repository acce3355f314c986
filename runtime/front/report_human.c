/* How it works: progress while tests run (a bar on a terminal, letters or lines elsewhere), then pytest's
 * sections in pytest's order. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/json.h"
#include "runtime/front/report.h"
#include "spec/base/buf.h"

#define RED    "31"
#define GREEN  "32"
#define YELLOW "33"
#define BOLD   "1"

static const struct {
        const char *outcome, *word, *color;
        char letter;
} looks[] = {
    {"passed", "PASSED", GREEN, '.'},    {"failed", "FAILED", RED, 'F'},    {"error", "ERROR", RED, 'E'},
    {"skipped", "SKIPPED", YELLOW, 's'}, {"xfailed", "XFAIL", YELLOW, 'x'}, {"xpassed", "XPASS", YELLOW, 'X'},
    {"crashed", "CRASHED", RED, 'C'},    {"timeout", "TIMEOUT", RED, 'T'},
};

static size_t look_of(const char *outcome)
{
        for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
                if (outcome != NULL && strcmp(looks[i].outcome, outcome) == 0)
                        return i;
        return 2;
}

static void paint(struct report *r, const char *color, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void paint(struct report *r, const char *color, const char *fmt, ...)
{
        va_list ap;

        if (r->color)
                (void)fprintf(r->out, "\033[%sm", color);
        va_start(ap, fmt);
        (void)vfprintf(r->out, fmt, ap);
        va_end(ap);
        if (r->color)
                (void)fputs("\033[0m", r->out);
}

/* "==== TITLE ====" over the whole width. */
static void banner(struct report *r, char fill, const char *color, const char *title)
{
        const char *text = title != NULL ? title : "?";
        size_t n = strlen(text), sides = r->width > n + 2 ? r->width - n - 2 : 2;
        char line[512];

        memset(line, fill, sizeof line);
        if (r->color && color != NULL)
                (void)fprintf(r->out, "\033[%sm", color);
        (void)fprintf(r->out, "%.*s %s %.*s", (int)(sides / 2), line, text, (int)(sides - sides / 2), line);
        (void)fputs(r->color && color != NULL ? "\033[0m\n" : "\n", r->out);
}

static void clear_bar(struct report *r)
{
        if (r->bar)
                (void)fputs("\r\033[K", r->out);
        r->bar = false;
}

static void on_start(struct report *r, yajl_val v)
{
        const char *mode = json_text(json_field(v, "isolation"), "mode");
        yajl_val missing = json_field(json_field(v, "isolation"), "not_enforced");
        int isolated = mode != NULL && strcmp(mode, "cell") == 0;

        if (r->verbosity < 0)
                return;
        banner(r, '=', BOLD, "test session starts");
        (void)fprintf(r->out, "tach %s -- Python %s, pytest-%s, %lld workers, %s\n", json_text(v, "version"),
                      json_text(v, "python") != NULL ? json_text(v, "python") : "?",
                      json_text(v, "pytest") != NULL ? json_text(v, "pytest") : "?",
                      json_int(v, "workers", 0), isolated ? "each test in a cell" : "no isolation");
        (void)fprintf(r->out, "root: %s\n", json_text(v, "root"));
        (void)fprintf(r->out, "seed: %lld\n", json_int(v, "seed", 0));
        for (size_t i = 0; YAJL_IS_ARRAY(missing) && isolated && i < YAJL_GET_ARRAY(missing)->len; i++)
                if (r->verbosity > 0 ||
                    strcmp(json_text(YAJL_GET_ARRAY(missing)->values[i], "what"), "cgroup leaf") != 0)
                        paint(r, YELLOW, "not enforced: %s (%s)\n",
                              json_text(YAJL_GET_ARRAY(missing)->values[i], "what"),
                              json_text(YAJL_GET_ARRAY(missing)->values[i], "why"));
}

/* LIST in one line, after TITLE; nothing where it is empty. */
static void print_list(struct report *r, const char *title, const char *between, yajl_val list)
{
        const size_t n = YAJL_IS_ARRAY(list) ? list->u.array.len : 0;

        for (size_t i = 0; i < n; i++)
                (void)fprintf(r->out, "%s%s", i == 0 ? title : between,
                              YAJL_GET_STRING(list->u.array.values[i]));
        if (n > 0)
                (void)fputc('\n', r->out);
}

static void on_collected(struct report *r, yajl_val v)
{
        long long deselected = json_int(v, "deselected", 0);

        if (r->verbosity < 0)
                return;
        print_list(r, "plugins: ", ", ", json_field(v, "plugins"));
        print_list(r, "", "\n", json_field(v, "header"));
        (void)fprintf(r->out, "collected %lld item%s", json_int(v, "number", 0) + deselected,
                      json_int(v, "number", 0) + deselected == 1 ? "" : "s");
        if (deselected > 0)
                (void)fprintf(r->out, " / %lld deselected / %lld selected", deselected,
                              json_int(v, "number", 0));
        (void)fputs("\n\n", r->out);
        if (fflush(r->out) != 0 && r->lost == 0)
                r->lost = errno;
}

static void end_letters(struct report *r)
{
        if (r->column > 0)
                (void)fputc('\n', r->out);
        r->column = 0;
}

static int percent(const struct report *r)
{
        return r->number > 0 ? (int)(100 * r->done / r->number) : 100;
}

static void on_test(struct report *r, yajl_val v)
{
        size_t look = look_of(json_text(v, "outcome"));
        const char *reason = json_text(v, "reason");

        if (r->verbosity > 0) {
                (void)fprintf(r->out, "%s ", json_text(v, "nodeid"));
                paint(r, looks[look].color, "%s", looks[look].word);
                if (reason != NULL && reason[0] != '\0')
                        (void)fprintf(r->out, " (%.200s)", reason);
                (void)fprintf(r->out, " [%3d%%]\n", percent(r));
        } else if (r->live) {
                if (strcmp(looks[look].color, RED) == 0) {
                        clear_bar(r);
                        paint(r, RED, "%s", looks[look].word);
                        (void)fprintf(r->out, " %s\n", json_text(v, "nodeid"));
                }
                report_tick(r);
        } else {
                char letter[2] = {looks[look].letter, '\0'};

                paint(r, looks[look].color, "%s", letter);
                if (++r->column >= r->width - 10) {
                        (void)fprintf(r->out, " [%3d%%]\n", percent(r));
                        r->column = 0;
                }
        }
        if (fflush(r->out) != 0 && r->lost == 0)
                r->lost = errno;
}

void human_event(struct report *r, const char *event, yajl_val v)
{
        if (strcmp(event, "start") == 0) {
                on_start(r, v);
        } else if (strcmp(event, "collected") == 0) {
                on_collected(r, v);
        } else if (strcmp(event, "test") == 0) {
                on_test(r, v);
        } else if (strcmp(event, "error") == 0 && json_text(v, "phase") != NULL &&
                   strcmp(json_text(v, "phase"), "exit") == 0) {
                clear_bar(r);
                end_letters(r);
                paint(r, RED, "!!! %s !!!\n", json_text(v, "what"));
        }
}

void human_tick(struct report *r)
{
        struct timespec ts;
        double elapsed;
        char line[640];
        int cells = 24, full, n;

        if (r->number == 0 || r->finish != NULL)
                return;
        (void)clock_gettime(CLOCK_MONOTONIC, &ts);
        elapsed = (double)ts.tv_sec + (double)ts.tv_nsec / 1e9 - r->begin;
        full = (int)((long)cells * r->done / r->number);
        n = snprintf(line, sizeof line, "[%.*s%*s] %ld/%ld", full, "########################", cells - full,
                     "", r->done, r->number);
        if (r->failed > 0)
                n += snprintf(line + n, sizeof line - (size_t)n, ", %ld failed", r->failed);
        n += snprintf(line + n, sizeof line - (size_t)n, ", %.0f s", elapsed);
        if (r->done > 0 && r->done < r->number && elapsed > 1)
                (void)snprintf(line + n, sizeof line - (size_t)n, ", %.0f s left",
                               elapsed * (double)(r->number - r->done) / (double)r->done);
        (void)fprintf(r->out, "\r%.*s\033[K", (int)r->width - 1, line);
        if (fflush(r->out) != 0 && r->lost == 0)
                r->lost = errno;
        r->bar = true;
}

/* "TestA.test_b[x]" of a node id, as pytest's banners have it. */
static void domain(struct buf *out, const char *nodeid)
{
        const char *p = strstr(nodeid, "::");
        int in_params = 0;

        for (p = p != NULL ? p + 2 : nodeid; *p != '\0'; p++) {
                in_params |= *p == '[';
                if (!in_params && p[0] == ':' && p[1] == ':') {
                        (void)buf_adds(out, ".");
                        p++;
                } else {
                        (void)buf_add(out, p, 1);
                }
        }
        (void)buf_add(out, "", 0);
}

static void print_text(struct report *r, const char *text)
{
        size_t n = text != NULL ? strlen(text) : 0;

        if (n == 0)
                return;
        (void)fwrite(text, 1, n, r->out);
        if (text[n - 1] != '\n')
                (void)fputc('\n', r->out);
}

static void print_sections(struct report *r, yajl_val v)
{
        yajl_val sections = json_field(v, "sections");

        for (size_t i = 0; YAJL_IS_ARRAY(sections) && i < YAJL_GET_ARRAY(sections)->len; i++) {
                yajl_val pair = YAJL_GET_ARRAY(sections)->values[i];

                if (!YAJL_IS_ARRAY(pair) || YAJL_GET_ARRAY(pair)->len != 2)
                        continue;
                banner(r, '-', NULL, YAJL_GET_STRING(YAJL_GET_ARRAY(pair)->values[0]));
                print_text(r, YAJL_GET_STRING(YAJL_GET_ARRAY(pair)->values[1]));
        }
}

static void print_failure(struct report *r, yajl_val v, const char *prefix, const char *longrepr)
{
        struct buf title = {0};

        (void)buf_adds(&title, prefix);
        domain(&title, json_text(v, "nodeid"));
        banner(r, '_', RED, title.data);
        buf_finish(&title);
        if (longrepr != NULL)
                print_text(r, longrepr);
        print_sections(r, v);
}

static int outcome_is(yajl_val v, const char *outcome)
{
        return json_text(v, "outcome") != NULL && strcmp(json_text(v, "outcome"), outcome) == 0;
}

static double phase(yajl_val v, const char *name)
{
        return json_number(json_field(v, "phases"), name);
}

static void print_errors(struct report *r)
{
        yajl_val collect = json_field(r->collected, "errors");
        int any = 0;

        for (size_t i = 0; YAJL_IS_ARRAY(collect) && i < YAJL_GET_ARRAY(collect)->len; i++) {
                yajl_val v = YAJL_GET_ARRAY(collect)->values[i];

                if (!outcome_is(v, "failed"))
                        continue;
                if (!any++)
                        banner(r, '=', NULL, "ERRORS");
                {
                        char title[400];

                        (void)snprintf(title, sizeof title, "ERROR collecting %.350s",
                                       json_text(v, "nodeid"));
                        banner(r, '_', RED, title);
                        print_text(r, json_text(v, "longrepr"));
                }
        }
        for (size_t i = 0; i < r->n_kept; i++) {
                yajl_val v = r->kept[i], more = json_field(v, "errors");

                if (!outcome_is(v, "error") && !YAJL_IS_ARRAY(more))
                        continue;
                if (!any++)
                        banner(r, '=', NULL, "ERRORS");
                if (outcome_is(v, "error"))
                        print_failure(r, v,
                                      phase(v, "call") > 0 ? "ERROR at teardown of " : "ERROR at setup of ",
                                      json_text(v, "longrepr"));
                for (size_t k = 0; YAJL_IS_ARRAY(more) && k < YAJL_GET_ARRAY(more)->len; k++)
                        print_failure(r, v, "ERROR at teardown of ",
                                      json_text(YAJL_GET_ARRAY(more)->values[k], "longrepr"));
        }
}

static int is_failed(yajl_val v)
{
        return outcome_is(v, "failed") || outcome_is(v, "crashed") || outcome_is(v, "timeout");
}

static void print_failures(struct report *r)
{
        int any = 0;

        for (size_t i = 0; i < r->n_kept; i++)
                if (is_failed(r->kept[i])) {
                        if (!any++)
                                banner(r, '=', NULL, "FAILURES");
                        print_failure(r, r->kept[i], "", json_text(r->kept[i], "longrepr"));
                }
}

static int same_warning(yajl_val a, yajl_val b)
{
        static const char *const keys[] = {"message", "category", "file"};

        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
                const char *x = json_text(a, keys[i]), *y = json_text(b, keys[i]);

                if (x == NULL || y == NULL || strcmp(x, y) != 0)
                        return 0;
        }
        return json_int(a, "line", 0) == json_int(b, "line", 0);
}

static void print_warnings(struct report *r)
{
        size_t shown = 0;

        if (r->n_warnings == 0)
                return;
        banner(r, '=', YELLOW, "warnings summary");
        for (size_t i = 0; i < r->n_warnings && shown < 200; i++) {
                yajl_val v = r->warnings[i];
                size_t seen = 0, again = 0;

                for (size_t k = 0; k < i && seen == 0; k++)
                        seen += (size_t)same_warning(v, r->warnings[k]);
                if (seen > 0)
                        continue;
                for (size_t k = i + 1; k < r->n_warnings; k++)
                        again += (size_t)same_warning(v, r->warnings[k]);
                if (json_text(v, "nodeid") != NULL && json_text(v, "nodeid")[0] != '\0')
                        (void)fprintf(r->out, "%s", json_text(v, "nodeid"));
                if (again > 0)
                        (void)fprintf(r->out, " (and %zu more)", again);
                (void)fprintf(r->out, "\n  %s:%lld: %s: ", json_text(v, "file"), json_int(v, "line", 0),
                              json_text(v, "category"));
                print_text(r, json_text(v, "message") != NULL ? json_text(v, "message") : "");
                (void)fputc('\n', r->out);
                shown++;
        }
}

static int slower(const void *a, const void *b)
{
        const double x = json_number(*(const yajl_val *)a, "duration"),
                     y = json_number(*(const yajl_val *)b, "duration");

        return x < y ? 1 : x > y ? -1 : 0;
}

static void print_durations(struct report *r)
{
        char title[64];
        size_t n = r->n_kept < r->choices->durations ? r->n_kept : r->choices->durations;
        yajl_val *sorted = n > 0 ? malloc(r->n_kept * sizeof(*sorted)) : NULL;

        if (sorted == NULL)
                return;
        memcpy(sorted, r->kept, r->n_kept * sizeof(*sorted));
        qsort(sorted, r->n_kept, sizeof(*sorted), slower);
        (void)snprintf(title, sizeof title, "slowest %zu durations", n);
        banner(r, '=', NULL, title);
        for (size_t i = 0; i < n; i++)
                (void)fprintf(r->out, "%.3fs %s\n", json_number(sorted[i], "duration"),
                              json_text(sorted[i], "nodeid"));
        free(sorted);
}

/* The first line that says what went wrong: the exception's message, else the first "E   " line, else the
 * reason. */
static void print_message(struct report *r, yajl_val v, const char *longrepr)
{
        const char *text = json_text(json_field(v, "crash"), "message");

        if (text == NULL && longrepr != NULL) {
                text = strncmp(longrepr, "E   ", 4) == 0 ? longrepr : strstr(longrepr, "\nE   ");
                if (text != NULL)
                        text += strspn(text, "\n") + strlen("E   ");
        }
        if (text == NULL)
                text = json_text(v, "reason");
        if (text != NULL && text[strspn(text, " ")] != '\0') {
                size_t n;

                text += strspn(text, " ");
                n = strcspn(text, "\n");
                (void)fprintf(r->out, " - %.*s", (int)(n < 200 ? n : 200), text);
        }
}

static void summary_line(struct report *r, yajl_val v, const char *word, const char *longrepr)
{
        paint(r, RED, "%s", word);
        (void)fprintf(r->out, " %s", json_text(v, "nodeid"));
        print_message(r, v, longrepr);
        (void)fputc('\n', r->out);
}

static void print_short_summary(struct report *r)
{
        yajl_val collect = json_field(r->collected, "errors");
        int any = 0;

        for (size_t i = 0; i < r->n_kept; i++)
                any += is_failed(r->kept[i]) || outcome_is(r->kept[i], "error");
        for (size_t i = 0; YAJL_IS_ARRAY(collect) && i < YAJL_GET_ARRAY(collect)->len; i++)
                any += outcome_is(YAJL_GET_ARRAY(collect)->values[i], "failed");
        if (any == 0)
                return;
        banner(r, '=', NULL, "short test summary info");
        for (size_t i = 0; i < r->n_kept; i++)
                if (is_failed(r->kept[i]))
                        summary_line(r, r->kept[i], looks[look_of(json_text(r->kept[i], "outcome"))].word,
                                     json_text(r->kept[i], "longrepr"));
        for (size_t i = 0; i < r->n_kept; i++)
                if (outcome_is(r->kept[i], "error"))
                        summary_line(r, r->kept[i], "ERROR", json_text(r->kept[i], "longrepr"));
        for (size_t i = 0; YAJL_IS_ARRAY(collect) && i < YAJL_GET_ARRAY(collect)->len; i++)
                if (outcome_is(YAJL_GET_ARRAY(collect)->values[i], "failed"))
                        summary_line(r, YAJL_GET_ARRAY(collect)->values[i], "ERROR",
                                     json_text(YAJL_GET_ARRAY(collect)->values[i], "longrepr"));
}

/* pytest's order of the last line's parts; others come after. */
static void print_counts(struct report *r)
{
        static const char *const order[] = {"failed",  "passed",  "skipped",  "deselected",
                                            "xfailed", "xpassed", "warnings", "error"};
        yajl_val counts = json_field(r->finish, "counts");
        struct buf line = {0};
        long long n, bad = json_int(counts, "failed", 0) + json_int(counts, "error", 0);

        for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
                n = json_int(counts, order[i], 0);
                if (n == 0)
                        continue;
                (void)buf_addf(&line, "%s%lld ", line.len > 0 ? ", " : "", n);
                if (strcmp(order[i], "warnings") == 0)
                        (void)buf_adds(&line, n == 1 ? "warning" : "warnings");
                else if (strcmp(order[i], "error") == 0)
                        (void)buf_adds(&line, n == 1 ? "error" : "errors");
                else
                        (void)buf_adds(&line, order[i]);
        }
        for (size_t i = 0; YAJL_IS_OBJECT(counts) && i < counts->u.object.len; i++) {
                size_t k = 0;

                while (k < sizeof order / sizeof *order && strcmp(order[k], counts->u.object.keys[i]) != 0)
                        k++;
                if (k == sizeof order / sizeof *order)
                        (void)buf_addf(&line, "%s%lld %s", line.len > 0 ? ", " : "",
                                       json_int(counts, counts->u.object.keys[i], 0),
                                       counts->u.object.keys[i]);
        }
        if (line.len == 0)
                (void)buf_adds(&line, "no tests ran");
        (void)buf_addf(&line, " in %.2fs", json_number(r->finish, "wall"));
        banner(r, '=', bad > 0 ? RED : json_int(counts, "passed", 0) > 0 ? GREEN : YELLOW, line.data);
        buf_finish(&line);
}

/* -v: what became of the cells. */
static void print_cells(struct report *r)
{
        yajl_val cells = json_field(r->finish, "cells"), away = json_field(cells, "thrown_away");

        if (!YAJL_IS_OBJECT(cells))
                return;
        (void)fprintf(r->out, "cells: %lld made, used again %lld times", json_int(cells, "made", 0),
                      json_int(cells, "reused", 0));
        for (size_t i = 0; YAJL_IS_OBJECT(away) && i < away->u.object.len; i++)
                (void)fprintf(r->out, "%s%lld (%s)", i == 0 ? "; thrown away after a test: " : ", ",
                              json_int(away, away->u.object.keys[i], 0), away->u.object.keys[i]);
        (void)fputc('\n', r->out);
}

/* -v: what became of the processes that tests ran in. */
static void print_workers(struct report *r)
{
        yajl_val workers = json_field(r->finish, "workers"), spent = json_field(workers, "spent");

        if (!YAJL_IS_OBJECT(workers))
                return;
        (void)fprintf(r->out, "workers: put back for another test %lld times",
                      json_int(workers, "rolled_back", 0));
        for (size_t i = 0; YAJL_IS_OBJECT(spent) && i < spent->u.object.len; i++)
                (void)fprintf(r->out, "%s%lld (%s)", i == 0 ? "; spent by a test: " : ", ",
                              json_int(spent, spent->u.object.keys[i], 0), spent->u.object.keys[i]);
        (void)fputc('\n', r->out);
}

/* Tests that shared a worker because of what their fixtures left running: how many; with -v, why. */
static void print_scopes(struct report *r)
{
        long long tests = 0;

        for (size_t i = 0; i < r->n_scopes; i++) {
                const char *nodeid = json_text(r->scopes[i], "nodeid");
                const char *fixture = json_text(r->scopes[i], "fixture"),
                           *why = json_text(r->scopes[i], "why");

                tests += json_int(r->scopes[i], "tests", 0);
                if (r->verbosity > 0 && fixture != NULL && why != NULL)
                        (void)fprintf(r->out, "%s: %lld tests one after another: %s: %s\n",
                                      nodeid != NULL && nodeid[0] != '\0' ? nodeid : "all",
                                      json_int(r->scopes[i], "tests", 0), fixture, why);
        }
        if (tests > 0)
                (void)fprintf(
                    r->out, "%lld %s not isolated from one another: fixtures of %zu %s cannot be cloned%s\n",
                    tests, tests == 1 ? "test was" : "tests were", r->n_scopes,
                    r->n_scopes == 1 ? "scope" : "scopes", r->verbosity > 0 ? "" : " (-v says why)");
}

/* A test sees no more of it than a connection that is reset. */
static void print_unreachable(struct report *r)
{
        for (size_t i = 0; i < r->n_unreachable; i++) {
                const char *nodeid = json_text(r->unreachable[i], "nodeid");

                paint(r, YELLOW, "service %s: %s", json_text(r->unreachable[i], "service"),
                      json_text(r->unreachable[i], "why"));
                (void)fprintf(r->out, ", first for %s\n", nodeid != NULL ? nodeid : "the suite itself");
        }
}

void human_end(struct report *r)
{
        clear_bar(r);
        end_letters(r);
        if (r->finish == NULL)
                return;
        if (r->number > 0 && r->verbosity >= 0)
                (void)fputc('\n', r->out);
        print_errors(r);
        print_failures(r);
        print_warnings(r);
        if (r->choices->durations > 0)
                print_durations(r);
        print_unreachable(r);
        print_scopes(r);
        writes_print(r);
        print_text(r, json_text(r->session, "text"));
        print_short_summary(r);
        if (YAJL_IS_TRUE(json_field(r->finish, "interrupted")))
                banner(r, '!', RED, "interrupted: the tests that had not ended are not reported");
        if (r->verbosity > 0) {
                print_cells(r);
                print_workers(r);
        }
        print_counts(r);
}
