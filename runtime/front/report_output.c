/* How it works: as pytest -s does it, what a test prints stands between the letters (-v: between its name and
 * its outcome), and its letter comes as soon as its outcome is known, before its teardown. */
#include "runtime/front/report_human.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/base64.h"
#include "runtime/base/json.h"
#include "spec/base/cleanup.h"

static bool is_shown(const struct report *r, const char *nodeid)
{
        return nodeid != NULL && r->shown != NULL && strcmp(nodeid, r->shown) == 0;
}

static void flush(struct report *r)
{
        if (fflush(r->out) != 0 && r->lost == 0)
                r->lost = errno;
}

static bool is_same_file(const char *a, const char *b)
{
        const size_t n = strcspn(a, ":"), m = strcspn(b, ":");

        return n == m && memcmp(a, b, n) == 0;
}

/* The test NODEID is the one that prints from here on. */
static void turn_to(struct report *r, const char *nodeid)
{
        if (nodeid == NULL || is_shown(r, nodeid))
                return;
        if (r->verbosity == 0 && (r->shown == NULL || !is_same_file(r->shown, nodeid)))
                (void)fprintf(r->out, "%s%.*s ", r->shown != NULL ? "\n" : "", (int)strcspn(nodeid, ":"),
                              nodeid);
        free(r->shown);
        r->shown = strdup(nodeid);
        r->letters[0] = '\0';
        if (r->verbosity > 0)
                (void)fprintf(r->out, "%s ", nodeid);
}

void output_event(struct report *r, yajl_val v)
{
        const char *text = json_text(v, "text"), *base64 = json_text(v, "base64"),
                   *stream = json_text(v, "stream");
        CLEANUP_BUF struct buf bytes = {0};
        size_t n;
        int lost;

        if (text == NULL && (base64 == NULL || base64_decode(&bytes, base64) < 0))
                return;
        if (text == NULL)
                text = bytes.data != NULL ? bytes.data : "";
        n = bytes.data != NULL ? bytes.len : strlen(text);
        turn_to(r, json_text(v, "nodeid"));
        flush(r);
        if (r->passes == NULL) {
                if (fwrite(text, 1, n, r->out) != n && r->lost == 0)
                        r->lost = errno;
                flush(r);
                return;
        }
        lost = terminal_write(r->passes,
                              stream != NULL && strcmp(stream, "stderr") == 0 ? STDERR_FILENO : STDOUT_FILENO,
                              text, n);
        if (lost < 0 && r->lost == 0)
                r->lost = -lost;
        if (n > 0)
                r->column = text[n - 1] == '\n' ? 0 : r->column + 1;
}

/* Prints LOOK, of the test that is shown. */
static void print_letter(struct report *r, const struct human_look *look, const char *reason)
{
        const char letter[2] = {look->letter, '\0'};
        const size_t n = strlen(r->letters);

        if (n + 1 >= sizeof r->letters)
                return;
        memcpy(r->letters + n, letter, sizeof letter);
        if (r->verbosity > 0) {
                if (n > 0) /* the first stands above what was printed since */
                        (void)fprintf(r->out, "%s ", r->shown);
                human_paint(r, look->color, "%s", look->word);
                if (reason != NULL && reason[0] != '\0')
                        (void)fprintf(r->out, " (%.200s)", reason);
                (void)fputc('\n', r->out);
                r->column = 0;
        } else {
                human_paint(r, look->color, "%s", letter);
                r->column++;
        }
        flush(r);
}

void output_phase(struct report *r, yajl_val v)
{
        const char *when = json_text(v, "when"), *outcome = json_text(v, "outcome");
        const struct human_look *look = human_look(outcome);

        if (r->passes == NULL || when == NULL || outcome == NULL || strcmp(look->outcome, outcome) != 0)
                return;
        turn_to(r, json_text(v, "nodeid"));
        if (strcmp(when, "call") == 0 || strcmp(outcome, "passed") != 0)
                print_letter(r, look, json_text(v, "reason"));
}

void output_test(struct report *r, yajl_val v)
{
        const struct human_look *look = human_look(json_text(v, "outcome"));

        if (is_shown(r, json_text(v, "nodeid")) && strchr(r->letters, look->letter) != NULL)
                return;
        turn_to(r, json_text(v, "nodeid"));
        print_letter(r, look, json_text(v, "reason"));
}
