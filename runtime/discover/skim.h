/*
 * skim: leaves out of a Python text what says nothing about its tests: the bodies of functions, comments and
 * blank lines. Parsing is what takes the time, and most of a suite's text is in those.
 */
#ifndef TACH_DISCOVER_SKIM_H
#define TACH_DISCOVER_SKIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct skim {
        char *text; /* malloc'ed, NUL-terminated */
        size_t n;
        uint32_t *lines; /* malloc'ed; the line in the original of each line of the text */
        uint32_t n_lines;
};

/* Fills RET from the N bytes of UTF-8 at TEXT. A function loses its annotations, and its body becomes "0",
 * unless it is short, has words that tell something (getfixturevalue, SkipTest, setattr...) or is not surely
 * free of syntax errors: a text with a syntax error still has it. False, with RET empty, where the text
 * cannot be told into lines: take it whole. */
bool skim_text(struct skim *ret, const char *text, size_t n);

void skim_finish(struct skim *skim);

#endif
