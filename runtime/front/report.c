/* How it works: parses each line once; JSON passes through as it came. */
#include "runtime/front/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/json.h"

static double now(void)
{
        struct timespec ts;

        (void)clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static unsigned terminal_width(int fd)
{
        const char *columns = getenv("COLUMNS");
        struct winsize size;
        long n = columns != NULL ? strtol(columns, NULL, 10) : 0;

        if (n <= 0 && ioctl(fd, TIOCGWINSZ, &size) == 0)
                n = size.ws_col;
        return n >= 40 && n <= 500 ? (unsigned)n : 80;
}

void report_begin(struct report *r, const struct choices *choices, int verbosity, FILE *out)
{
        const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
        bool tty = isatty(fileno(out)) && term != NULL && strcmp(term, "dumb") != 0;

        *r = (struct report){.choices = choices, .out = out, .verbosity = verbosity, .begin = now()};
        r->live = tty && verbosity == 0;
        r->color = choices->color == COLOR_YES ||
                   (choices->color == COLOR_AUTO && tty && (no_color == NULL || no_color[0] == '\0'));
        r->width = terminal_width(fileno(out));
}

void report_pass(struct report *r, struct terminal *terminal)
{
        r->passes = terminal;
        r->live = r->live && terminal == NULL;
}

static int keep(yajl_val **list, size_t *n, size_t *capacity, yajl_val v)
{
        if (*n == *capacity) {
                size_t wanted = *capacity != 0 ? 2 * *capacity : 64;
                yajl_val *grown = reallocarray(*list, wanted, sizeof(*grown));

                if (grown == NULL)
                        return -ENOMEM;
                *list = grown;
                *capacity = wanted;
        }
        (*list)[(*n)++] = v;
        return 0;
}

static bool is_quiet_outcome(const char *outcome)
{
        return outcome != NULL && strcmp(outcome, "passed") == 0;
}

static bool keep_service(struct report *r, yajl_val v)
{
        const char *name = json_text(v, "service");

        if (name == NULL || json_text(v, "why") == NULL || r->n_unreachable == SERVICES_MAX)
                return false;
        for (size_t i = 0; i < r->n_unreachable; i++)
                if (strcmp(json_text(r->unreachable[i], "service"), name) == 0)
                        return false;
        r->unreachable[r->n_unreachable++] = v;
        return true;
}

/* Takes V if it is needed at the end: returns whether it did. */
static bool store(struct report *r, const char *event, yajl_val v)
{
        yajl_val *slot = NULL;

        if (strcmp(event, "test") == 0)
                return (r->choices->junit_xml != NULL || r->choices->durations > 0 ||
                        !is_quiet_outcome(json_text(v, "outcome"))) &&
                       keep(&r->kept, &r->n_kept, &r->capacity, v) == 0;
        if (strcmp(event, "warning") == 0)
                return r->n_warnings < 10000 &&
                       keep(&r->warnings, &r->n_warnings, &r->warnings_capacity, v) == 0;
        if (strcmp(event, "scope") == 0)
                return keep(&r->scopes, &r->n_scopes, &r->scopes_capacity, v) == 0;
        if (strcmp(event, "summary") == 0)
                return keep(&r->more, &r->n_more, &r->more_capacity, v) == 0;
        if (strcmp(event, "wrote") == 0)
                return r->verbosity > 0 && keep(&r->writes, &r->n_writes, &r->writes_capacity, v) == 0;
        if (strcmp(event, "service") == 0)
                return keep_service(r, v);
        if (strcmp(event, "start") == 0)
                slot = &r->start;
        else if (strcmp(event, "collected") == 0)
                slot = &r->collected;
        else if (strcmp(event, "session") == 0)
                slot = &r->session;
        else if (strcmp(event, "finish") == 0)
                slot = &r->finish;
        if (slot == NULL || *slot != NULL)
                return false;
        *slot = v;
        return true;
}

bool report_is_failure(const char *outcome)
{
        static const char *const names[] = {"failed", "error", "crashed", "timeout"};

        for (size_t i = 0; outcome != NULL && i < sizeof names / sizeof *names; i++)
                if (strcmp(outcome, names[i]) == 0)
                        return true;
        return false;
}

int report_line(struct report *r, const char *text, size_t n)
{
        yajl_val v = json_parse(text, n);
        const char *event = json_text(v, "event");

        if (event == NULL) {
                if (v != NULL)
                        yajl_tree_free(v);
                return -EPROTO;
        }
        if (strcmp(event, "test") == 0) {
                r->done++;
                r->failed += report_is_failure(json_text(v, "outcome"));
        } else if (strcmp(event, "collected") == 0) {
                r->number = (long)json_int(v, "number", 0);
        } else if (strcmp(event, "wrote") == 0) {
                r->n_kept_paths += json_int(v, "n_kept", 0);
                r->n_lost_paths += json_int(v, "n_lost", 0);
        }
        if (r->choices->format == FORMAT_JSON) {
                (void)fwrite(text, 1, n, r->out);
                (void)fputc('\n', r->out);
                if (fflush(r->out) != 0 && r->lost == 0)
                        r->lost = errno;
        } else {
                human_event(r, event, v);
        }
        if (!store(r, event, v))
                yajl_tree_free(v);
        return 0;
}

void report_tick(struct report *r)
{
        double t = now();

        if (r->choices->format == FORMAT_HUMAN && r->live && t - r->drawn >= 0.05) {
                r->drawn = t;
                human_tick(r);
        }
}

int report_end(struct report *r, int code, struct error *err)
{
        int result = 0;

        if (r->choices->format == FORMAT_HUMAN)
                human_end(r);
        if (fflush(r->out) != 0 && r->lost == 0)
                r->lost = errno;
        if (r->lost != 0 || ferror(r->out))
                return error_set(err, "engine", r->lost != 0 ? r->lost : EIO, "write the report");
        if (r->choices->junit_xml != NULL && r->start != NULL)
                result = junit_write(r, r->choices->junit_xml, err);
        if (result < 0)
                return result;
        if (r->finish == NULL && code >= 128) {
                (void)error_set(err, "engine", 0, "tach-run was ended by SIG%s", sigabbrev_np(code - 128));
                error_hint(err, "run it again");
                return -EINTR;
        }
        /* a spec that tach wrote and tach-run refuses, a missing program: it said so itself */
        return r->finish == NULL && code != 4 ? 3 : code;
}

void report_finish(struct report *r)
{
        const yajl_val single[] = {r->start, r->collected, r->session, r->finish};

        for (size_t i = 0; i < r->n_kept; i++)
                yajl_tree_free(r->kept[i]);
        for (size_t i = 0; i < r->n_warnings; i++)
                yajl_tree_free(r->warnings[i]);
        for (size_t i = 0; i < r->n_unreachable; i++)
                yajl_tree_free(r->unreachable[i]);
        for (size_t i = 0; i < r->n_scopes; i++)
                yajl_tree_free(r->scopes[i]);
        free(r->scopes);
        for (size_t i = 0; i < r->n_more; i++)
                yajl_tree_free(r->more[i]);
        free(r->more);
        for (size_t i = 0; i < r->n_writes; i++)
                yajl_tree_free(r->writes[i]);
        free(r->writes);
        for (size_t i = 0; i < sizeof single / sizeof *single; i++)
                if (single[i] != NULL)
                        yajl_tree_free(single[i]);
        free(r->kept);
        free(r->shown);
        free(r->warnings);
        *r = (struct report){0};
}
