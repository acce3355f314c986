/* decode: a Python file's bytes as UTF-8. */
#ifndef TACH_DISCOVER_DECODE_H
#define TACH_DISCOVER_DECODE_H

#include "runtime/discover/source.h"

/* SOURCE's text, the file's bytes, becomes UTF-8 without a byte order mark, as PEP 263 and Python's tokenizer
 * have it. What Python would not take is SOURCE's problem, not an error. 0 or -ENOMEM. */
int source_decode(struct source *source);

#endif
