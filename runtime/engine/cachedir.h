/*
 * cachedir: writes pytest's cache folder of the project. The suite ran in a sandbox, where the project is
 * copy-on-write; what it says about its cache comes from untrusted code.
 */
#ifndef TACH_ENGINE_CACHEDIR_H
#define TACH_ENGINE_CACHEDIR_H

#include "spec/base/error.h"

/* Does what the JSON object in the memory file FD says: {"folder": absolute, below PROJECT; "files": {path
 * below it: text, or null: remove}}. The folder is made if it is missing; one that is there must bear
 * pytest's CACHEDIR.TAG. Only that, README.md, .gitignore and files below v/ are written, each at once or not
 * at all; no link is followed. Errors: phase "cache"; what was done before stays. */
int cachedir_write(const char *project, int fd, struct error *err);

#endif
