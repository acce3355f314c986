/* How it works: progress while tests run (a bar on a terminal, letters or lines elsewhere), then pytest's
 * sections in pytest's order. */
#include "runtime/front/report_human.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "runtime/base/json.h"

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

        if (r->verbosity < 0 || r->asks)
                return;
        human_banner(r, '=', BOLD, "test session starts");
        if (r->no_header)
                return;
        (void)fprintf(r->out, "tach %s -- Python %s, pytest-%s, %lld workers, %s\n", json_text(v, "version"),
                      json_text(v, "python") != NULL ? json_text(v, "python") : "?",
                      json_text(v, "pytest") != NULL ? json_text(v, "pytest") : "?",
                      json_int(v, "workers", 0), isolated ? "each test in a cell" : "no isolation");
        (void)fprintf(r->out, "root: %s\n", json_text(v, "root"));
        (void)fprintf(r->out, "seed: %lld\n", json_int(v, "seed", 0));
        for (size_t i = 0; YAJL_IS_ARRAY(missing) && isolated && i < YAJL_GET_ARRAY(missing)->len; i++)
                if (r->verbosity > 0 ||
                    strcmp(json_text(YAJL_GET_ARRAY(missing)->values[i], "what"), "cgroup leaf") != 0)
                        human_paint(r, YELLOW, "not enforced: %s (%s)\n",
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
        if (!r->no_header) {
                print_list(r, "plugins: ", ", ", json_field(v, "plugins"));
                print_list(r, "", "\n", json_field(v, "header"));
        }
        (void)fprintf(r->out, "collected %lld item%s", json_int(v, "number", 0) + deselected,
                      json_int(v, "number", 0) + deselected == 1 ? "" : "s");
        if (deselected > 0)
                (void)fprintf(r->out, " / %lld deselected / %lld selected", deselected,
                              json_int(v, "number", 0));
        (void)fputc('\n', r->out);
        print_list(r, "", "\n", json_field(v, "notes"));
        (void)fputc('\n', r->out);
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
        const struct human_look *look = human_look(json_text(v, "outcome"));
        const char *reason = json_text(v, "reason");

        if (r->passes != NULL) {
                output_test(r, v);
                return;
        }
        if (r->verbosity > 0) {
                (void)fprintf(r->out, "%s ", json_text(v, "nodeid"));
                human_paint(r, look->color, "%s", look->word);
                if (reason != NULL && reason[0] != '\0')
                        (void)fprintf(r->out, " (%.200s)", reason);
                (void)fprintf(r->out, " [%3d%%]\n", percent(r));
        } else if (r->live) {
                if (strcmp(look->color, RED) == 0) {
                        clear_bar(r);
                        human_paint(r, RED, "%s", look->word);
                        (void)fprintf(r->out, " %s\n", json_text(v, "nodeid"));
                }
                report_tick(r);
        } else {
                char letter[2] = {look->letter, '\0'};

                human_paint(r, look->color, "%s", letter);
                if (++r->column >= r->width - 10) {
                        (void)fprintf(r->out, " [%3d%%]\n", percent(r));
                        r->column = 0;
                }
        }
        if (fflush(r->out) != 0 && r->lost == 0)
                r->lost = errno;
}

/* A fixture that is missing or cannot be set up, known before anything has run. */
static void on_problem(struct report *r, yajl_val v)
{
        const char *hint = json_text(v, "hint");
        long long tests = json_int(v, "tests", 1);

        clear_bar(r);
        end_letters(r);
        human_paint(r, YELLOW, "%s:%lld: %s%s%s%s", json_text(v, "file"), json_int(v, "line", 0),
                    json_text(v, "message"), hint != NULL ? " (" : "", hint != NULL ? hint : "",
                    hint != NULL ? ")" : "");
        (void)fprintf(r->out, tests > 1 ? ": %s and %lld more\n" : ": %s\n", json_text(v, "nodeid"),
                      tests - 1);
        if (fflush(r->out) != 0 && r->lost == 0)
                r->lost = errno;
}

/* pytest did something else than running tests, which is all that there is to tell. */
static bool is_instead(const struct report *r)
{
        return YAJL_IS_TRUE(json_field(r->collected, "instead"));
}

void human_event(struct report *r, const char *event, yajl_val v)
{
        if (strcmp(event, "start") == 0) {
                on_start(r, v);
        } else if (strcmp(event, "collected") == 0) {
                if (!YAJL_IS_TRUE(json_field(v, "instead")))
                        on_collected(r, v);
        } else if (strcmp(event, "test") == 0) {
                on_test(r, v);
        } else if (strcmp(event, "output") == 0) {
                output_event(r, v);
        } else if (strcmp(event, "phase") == 0) {
                output_phase(r, v);
        } else if (strcmp(event, "fixture_problem") == 0) {
                on_problem(r, v);
        } else if (strcmp(event, "error") == 0 && json_text(v, "phase") != NULL &&
                   strcmp(json_text(v, "phase"), "exit") == 0) {
                clear_bar(r);
                end_letters(r);
                human_paint(r, RED, "!!! %s !!!\n", json_text(v, "what"));
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

void human_end(struct report *r)
{
        clear_bar(r);
        end_letters(r);
        if (r->finish == NULL || is_instead(r))
                return;
        if (r->number > 0 && r->verbosity >= 0)
                (void)fputc('\n', r->out);
        if (!YAJL_IS_TRUE(json_field(r->collected, "no_summary"))) {
                human_errors(r);
                human_failures(r);
                human_warnings(r);
                if (r->choices->durations > 0)
                        human_durations(r);
        }
        human_unreachable(r);
        human_scopes(r);
        writes_print(r);
        human_text(r, json_text(r->session, "text"));
        if (!YAJL_IS_TRUE(json_field(r->collected, "no_summary")))
                human_short_summary(r);
        if (YAJL_IS_TRUE(json_field(r->finish, "interrupted")))
                human_banner(r, '!', RED, "interrupted: the tests that had not ended are not reported");
        if (r->verbosity > 0) {
                human_cells(r);
                human_workers(r);
        }
        human_counts(r);
}
