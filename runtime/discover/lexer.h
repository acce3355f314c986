/*
 * lexer: Python's tokens, as far as skim.c needs them.
 */
#ifndef TACH_DISCOVER_LEXER_H
#define TACH_DISCOVER_LEXER_H

#include <stddef.h>
#include <stdint.h>

enum token {
        TOKEN_END,
        TOKEN_BAD,     /* an unterminated string, a character that is no Python */
        TOKEN_NEWLINE, /* an end of line, also one in brackets */
        TOKEN_NAME,
        TOKEN_NUMBER,
        TOKEN_STRING,
        TOKEN_OPEN,     /* ( [ { */
        TOKEN_CLOSE,    /* ) ] } */
        TOKEN_OPERATOR, /* everything else */
};

struct lexer {
        const char *p, *end; /* the text ends with a NUL behind end */
        const char *start;   /* of the token */
        uint32_t line;       /* that p is in, from 1 */
};

/* The next token of L: from l->start up to l->p. Blanks, comments and joined lines are passed over. */
enum token lexer_next(struct lexer *l);

#endif
