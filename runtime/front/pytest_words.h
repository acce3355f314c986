/*
 * pytest_words: the options that pytest will be started with, in its order: addopts of the ini file, those of
 * PYTEST_ADDOPTS, of the project's [tool.tach], of the command line.
 */
#ifndef TACH_FRONT_PYTEST_WORDS_H
#define TACH_FRONT_PYTEST_WORDS_H

#include <stdbool.h>

#include "runtime/discover/ini.h"
#include "runtime/front/settings.h"
#include "spec/spec.h"

struct pytest_words {
        const char *keyword, *mark; /* the last -k and -m; NULL: not given, or empty */
        struct spec_strv plugins;   /* of -p, without those that are switched off */
        const char *junit_xml;      /* the last --junit-xml, or NULL */
        bool asks; /* for something else than running tests: --collect-only, --fixtures ... */
        bool no_header;
        int verbosity; /* -v counts up, -q down */
        struct spec_strv all;
};

/* Fills RET: 0 or -ENOMEM. The harness checks keyword and mark against what pytest made of its options. */
int pytest_words_read(struct pytest_words *ret, const struct ini *ini, const struct settings *settings);
void pytest_words_finish(struct pytest_words *words);

#endif
