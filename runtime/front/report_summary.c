/* What is told of the run as a whole: warnings, durations, what was not isolated or not reached, counts. */
#include "runtime/front/report_human.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "spec/base/buf.h"

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

void human_warnings(struct report *r)
{
        size_t shown = 0;

        if (r->n_warnings == 0 || !human_chooses(r, 'w'))
                return;
        human_banner(r, '=', YELLOW, "warnings summary");
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
                human_text(r, json_text(v, "message") != NULL ? json_text(v, "message") : "");
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

void human_durations(struct report *r)
{
        char title[64];
        size_t n = r->n_kept < r->choices->durations ? r->n_kept : r->choices->durations;
        yajl_val *sorted = n > 0 ? malloc(r->n_kept * sizeof(*sorted)) : NULL;

        if (sorted == NULL)
                return;
        memcpy(sorted, r->kept, r->n_kept * sizeof(*sorted));
        qsort(sorted, r->n_kept, sizeof(*sorted), slower);
        (void)snprintf(title, sizeof title, "slowest %zu durations", n);
        human_banner(r, '=', NULL, title);
        for (size_t i = 0; i < n; i++)
                (void)fprintf(r->out, "%.3fs %s\n", json_number(sorted[i], "duration"),
                              json_text(sorted[i], "nodeid"));
        free(sorted);
}

void human_unreachable(struct report *r)
{
        for (size_t i = 0; i < r->n_unreachable; i++) {
                const char *nodeid = json_text(r->unreachable[i], "nodeid");

                human_paint(r, YELLOW, "service %s: %s", json_text(r->unreachable[i], "service"),
                            json_text(r->unreachable[i], "why"));
                (void)fprintf(r->out, ", first for %s\n", nodeid != NULL ? nodeid : "the suite itself");
        }
}

void human_scopes(struct report *r)
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

/* How often what, after TITLE, and the end of the line. */
static void print_reasons(struct report *r, const char *title, yajl_val reasons)
{
        for (size_t i = 0; YAJL_IS_OBJECT(reasons) && i < reasons->u.object.len; i++)
                (void)fprintf(r->out, "%s%lld (%s)", i == 0 ? title : ", ",
                              json_int(reasons, reasons->u.object.keys[i], 0), reasons->u.object.keys[i]);
        (void)fputc('\n', r->out);
}

void human_cells(struct report *r)
{
        yajl_val cells = json_field(r->finish, "cells");

        if (!YAJL_IS_OBJECT(cells))
                return;
        (void)fprintf(r->out, "cells: %lld made, used again %lld times", json_int(cells, "made", 0),
                      json_int(cells, "reused", 0));
        print_reasons(r, "; thrown away after a test: ", json_field(cells, "thrown_away"));
}

void human_workers(struct report *r)
{
        yajl_val workers = json_field(r->finish, "workers");

        if (!YAJL_IS_OBJECT(workers))
                return;
        (void)fprintf(r->out, "workers: put back for another test %lld times",
                      json_int(workers, "rolled_back", 0));
        print_reasons(r, "; spent by a test: ", json_field(workers, "spent"));
}

/* pytest's order of the last line's parts; others come after. */
void human_counts(struct report *r)
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
        if (r->verbosity == -1)
                human_paint(r,
                            bad > 0                             ? RED
                            : json_int(counts, "passed", 0) > 0 ? GREEN
                                                                : YELLOW,
                            "%s\n", line.data);
        else if (r->verbosity >= 0)
                human_banner(r, '=',
                             bad > 0                             ? RED
                             : json_int(counts, "passed", 0) > 0 ? GREEN
                                                                 : YELLOW,
                             line.data);
        buf_finish(&line);
}
