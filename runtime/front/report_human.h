/*
 * report_human: what the files of the report for people call of each other. All print to the report's OUT.
 */
#ifndef TACH_FRONT_REPORT_HUMAN_H
#define TACH_FRONT_REPORT_HUMAN_H

#include "runtime/front/report.h"

/* ---- report_look.c */

/* SGR parameters (ECMA-48) */
#define RED    "31"
#define GREEN  "32"
#define YELLOW "33"
#define BOLD   "1"

/* How an outcome is shown: pytest's words and letters, and tach's own. */
struct human_look {
        const char *outcome, *word, *color;
        char letter;
};

/* Of an outcome that is unknown (or NULL): that of an error. */
const struct human_look *human_look(const char *outcome);

/* printf() in COLOR, where the report has colours. */
void human_paint(struct report *r, const char *color, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* How many of the N bytes of UTF-8 at TEXT fit in WIDTH columns of a terminal; *COLUMNS: how many those take.
 */
size_t human_fitting(const char *text, size_t n, size_t width, size_t *columns);
/* "==== TITLE ====" over the whole width; COLOR may be NULL. */
void human_banner(struct report *r, char fill, const char *color, const char *title);

/* TEXT, which may be NULL, and the end of its last line. */
void human_text(struct report *r, const char *text);

/* ---- report_failures.c: sections, each only where there is something in it */

void human_errors(struct report *r);
void human_failures(struct report *r);
/* A line for each test, of the kinds that pytest's -r chooses. */
void human_short_summary(struct report *r);
/* Whether pytest's -r has the letter C. */
int human_chooses(const struct report *r, char c);

/* ---- report_summary.c: the same */

void human_warnings(struct report *r);
void human_durations(struct report *r);
/* Services that tests could not reach: a test sees no more of it than a connection that is reset. */
void human_unreachable(struct report *r);
/* Tests that shared a worker because of what their fixtures left running: how many; with -v, why. */
void human_scopes(struct report *r);
/* What became of the cells, and of the processes that tests ran in. */
void human_cells(struct report *r);
void human_workers(struct report *r);
/* The last line. */
void human_counts(struct report *r);

#endif
