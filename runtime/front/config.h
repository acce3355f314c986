/*
 * config: [tool.tach] of pyproject.toml.
 */
#ifndef TACH_FRONT_CONFIG_H
#define TACH_FRONT_CONFIG_H

#include "runtime/front/settings.h"
#include "spec/base/error.h"

/* Reads ROOT/pyproject.toml into S with RANK_FILE; no file or no such table is no error. An unknown key is,
 * with file, line and the nearest known one. */
int config_read(struct settings *s, const char *root, struct error *err);

/* Whether the pyproject.toml at PATH has [TABLE]. A broken file has none. */
int config_has_table(const char *path, const char *table);

#endif
