/* What failed: pytest's ERRORS and FAILURES, and a line for each in its short summary. */
#include "runtime/front/report_human.h"

#include <string.h>

#include "runtime/base/json.h"
#include "spec/base/buf.h"

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

/* Whether pytest's option NAME has the value VALUE. */
static bool option_is(const struct report *r, const char *name, const char *value)
{
        const char *given = json_text(r->collected, name);

        return given != NULL && strcmp(given, value) == 0;
}

static bool is_shown(const struct report *r, const char *section)
{
        const char *which = json_text(r->collected, "show_capture");

        return which == NULL || section == NULL || strcmp(which, "all") == 0 ||
               strstr(section, which) != NULL;
}

static void print_sections(struct report *r, yajl_val v)
{
        yajl_val sections = option_is(r, "show_capture", "no") ? NULL : json_field(v, "sections");

        for (size_t i = 0; YAJL_IS_ARRAY(sections) && i < YAJL_GET_ARRAY(sections)->len; i++) {
                yajl_val pair = YAJL_GET_ARRAY(sections)->values[i];

                if (!YAJL_IS_ARRAY(pair) || YAJL_GET_ARRAY(pair)->len != 2 ||
                    !is_shown(r, YAJL_GET_STRING(YAJL_GET_ARRAY(pair)->values[0])))
                        continue;
                human_banner(r, '-', NULL, YAJL_GET_STRING(YAJL_GET_ARRAY(pair)->values[0]));
                human_text(r, YAJL_GET_STRING(YAJL_GET_ARRAY(pair)->values[1]));
        }
}

static void print_failure(struct report *r, yajl_val v, const char *prefix, const char *longrepr)
{
        struct buf title = {0};

        (void)buf_adds(&title, prefix);
        domain(&title, json_text(v, "nodeid"));
        human_banner(r, '_', RED, title.data);
        buf_finish(&title);
        if (longrepr != NULL)
                human_text(r, longrepr);
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

void human_errors(struct report *r)
{
        yajl_val collect = json_field(r->collected, "errors");
        int any = 0;

        if (option_is(r, "traceback", "no"))
                return;
        for (size_t i = 0; YAJL_IS_ARRAY(collect) && i < YAJL_GET_ARRAY(collect)->len; i++) {
                yajl_val v = YAJL_GET_ARRAY(collect)->values[i];

                if (!outcome_is(v, "failed"))
                        continue;
                if (!any++)
                        human_banner(r, '=', NULL, "ERRORS");
                {
                        char title[400];

                        (void)snprintf(title, sizeof title, "ERROR collecting %.350s",
                                       json_text(v, "nodeid"));
                        human_banner(r, '_', RED, title);
                        human_text(r, json_text(v, "longrepr"));
                }
        }
        for (size_t i = 0; i < r->n_kept; i++) {
                yajl_val v = r->kept[i], more = json_field(v, "errors");

                if (!outcome_is(v, "error") && !YAJL_IS_ARRAY(more))
                        continue;
                if (!any++)
                        human_banner(r, '=', NULL, "ERRORS");
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

void human_failures(struct report *r)
{
        const bool in_lines = option_is(r, "traceback", "line");
        int any = 0;

        if (option_is(r, "traceback", "no"))
                return;
        for (size_t i = 0; i < r->n_kept; i++)
                if (is_failed(r->kept[i])) {
                        if (!any++)
                                human_banner(r, '=', NULL, "FAILURES");
                        if (in_lines)
                                human_text(r, json_text(r->kept[i], "longrepr"));
                        else
                                print_failure(r, r->kept[i], "", json_text(r->kept[i], "longrepr"));
                }
}

/* " - MESSAGE" of an exception, as pytest has it: whole where it says so (on a CI system), else the first
 * line, cut to what is left of the terminal's width after USED columns, or nothing where not even "..." fits.
 */
static void print_exception(struct report *r, const char *message, size_t used)
{
        const size_t around = strlen(" - "), ellipsis = strlen("..."), width = r->width;
        size_t n = strcspn(message, "\n"), columns, fit;

        if (YAJL_IS_TRUE(json_field(r->collected, "whole_messages"))) {
                (void)fprintf(r->out, " - %s", message);
                return;
        }
        if (used + around + ellipsis > width)
                return;
        if (human_fitting(message, n, width - used - around, &columns) == n) {
                (void)fprintf(r->out, " - %.*s", (int)n, message);
                return;
        }
        fit = human_fitting(message, n, width - used - around - ellipsis, &columns);
        (void)fprintf(r->out, " - %.*s...", (int)fit, message);
}

/* What went wrong, behind a line of USED columns: the exception's message, else the first "E   " line, else
 * the reason. */
static void print_message(struct report *r, yajl_val v, const char *longrepr, size_t used)
{
        const char *text = json_text(json_field(v, "crash"), "message");

        if (text != NULL) {
                print_exception(r, text, used);
                return;
        }
        if (longrepr != NULL) {
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
        const char *nodeid = json_text(v, "nodeid");
        size_t columns = 0;

        if (nodeid == NULL)
                nodeid = "?";
        (void)human_fitting(nodeid, strlen(nodeid), SIZE_MAX, &columns);
        human_paint(r, RED, "%s", word);
        (void)fprintf(r->out, " %s", nodeid);
        print_message(r, v, longrepr, strlen(word) + 1 + columns);
        (void)fputc('\n', r->out);
}

int human_chooses(const struct report *r, char c)
{
        const char *chars = json_text(r->collected, "report_chars");

        return strchr(chars != NULL ? chars : "wfE", c) != NULL;
}

/* The lines of one letter; DRY: only whether there are any. */
static int short_lines(struct report *r, char c, bool dry)
{
        yajl_val collect = json_field(r->collected, "errors");
        int any = 0;

        for (size_t i = 0; c == 'E' && YAJL_IS_ARRAY(collect) && i < YAJL_GET_ARRAY(collect)->len; i++) {
                yajl_val v = YAJL_GET_ARRAY(collect)->values[i];

                if (!outcome_is(v, "failed"))
                        continue;
                any = 1;
                if (!dry)
                        summary_line(r, v, "ERROR", json_text(v, "longrepr"));
        }
        for (size_t i = 0; c == 'f' && i < r->n_kept; i++) {
                if (!is_failed(r->kept[i]))
                        continue;
                any = 1;
                if (!dry)
                        summary_line(r, r->kept[i], human_look(json_text(r->kept[i], "outcome"))->word,
                                     json_text(r->kept[i], "longrepr"));
        }
        for (size_t i = 0; c == 'E' && i < r->n_kept; i++) {
                if (!outcome_is(r->kept[i], "error"))
                        continue;
                any = 1;
                if (!dry)
                        summary_line(r, r->kept[i], "ERROR", json_text(r->kept[i], "longrepr"));
        }
        for (size_t i = 0; i < r->n_more; i++) {
                const char *letter = json_text(r->more[i], "char");

                if (letter == NULL || letter[0] != c)
                        continue;
                any = 1;
                if (!dry)
                        human_text(r, json_text(r->more[i], "text"));
        }
        return any;
}

void human_short_summary(struct report *r)
{
        const char *chars = json_text(r->collected, "report_chars");
        int any = 0;

        if (chars == NULL)
                chars = "fE";
        for (const char *c = chars; *c != '\0'; c++)
                any |= short_lines(r, *c, true);
        if (any)
                human_banner(r, '=', NULL, "short test summary info");
        for (const char *c = chars; any && *c != '\0'; c++)
                (void)short_lines(r, *c, false);
}
