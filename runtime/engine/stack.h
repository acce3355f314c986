/*
 * stack: the Python stack that faulthandler wrote when a worker died.
 */
#ifndef TACH_ENGINE_STACK_H
#define TACH_ENGINE_STACK_H

#include <stddef.h>

/* Takes pytest's own frames, below the test's or the fixture's, out of each stack in the N bytes of TEXT, in
 * place; returns how many bytes are left. */
size_t stack_trim(char *text, size_t n);

#endif
