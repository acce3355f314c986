/*
 * suspect: whether a run of statements surely has no syntax error. It knows the common part of Python's
 * grammar and suspects all else: what it passes need not be parsed.
 */
#ifndef TACH_DISCOVER_SUSPECT_H
#define TACH_DISCOVER_SUSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/discover/lexer.h"

#define SUSPECT_MAX_DEPTH  64 /* of brackets */
#define SUSPECT_MAX_BLOCKS 32 /* one in another */

struct suspect {
        /* ( of a call, P of a group, [ of a list, S of a subscript, {, L of a lambda's parameters, D of a
         * def's */
        char brackets[SUSPECT_MAX_DEPTH];
        bool valued[SUSPECT_MAX_DEPTH]; /* of a dict's pair the colon was read, of a parameter the : or = */
        int depth;
        uint32_t columns[SUSPECT_MAX_BLOCKS]; /* of the blocks that the line is in */
        char chain[SUSPECT_MAX_BLOCKS]; /* of each block, what may follow its last statement: suspect.c */
        int blocks;
        bool at_start; /* no token of the line was read */
        bool opened;   /* the line before ended with a colon */
        bool bad;

        /* the statement at hand */
        unsigned char want, rule;
        char last;   /* what the last token was: suspect.c says how */
        char before; /* and the one before it */
        bool colon;
        bool target; /* what is read so far could be assigned to */
};

/* A body whose first line is indented by COLUMN. */
void suspect_begin(struct suspect *s, uint32_t column);
/* A logical line, which is indented by COLUMN, begins; its tokens follow, then its end. */
void suspect_line(struct suspect *s, uint32_t column);
void suspect_token(struct suspect *s, enum token token, const char *text, size_t n);
void suspect_line_end(struct suspect *s);
/* True where something is not surely right. */
bool suspect_end(struct suspect *s);

#endif
