/*
 * project: where the suite's root is and which interpreter runs it, and the spec made of both.
 */
#ifndef TACH_FRONT_PROJECT_H
#define TACH_FRONT_PROJECT_H

#include "runtime/front/args.h"
#include "runtime/front/settings.h"
#include "spec/base/error.h"
#include "spec/spec.h"

/* pytest's rootdir for PATHS seen from CWD: the nearest folder above what they have in common with a
 * pytest.toml or pytest.ini, or a pyproject.toml, tox.ini or setup.cfg that configures pytest; else the
 * nearest with a setup.py; else what they have in common. RET has room for PATH_MAX. */
int project_root(const struct args *args, const char *cwd, char *ret, struct error *err);

/* The interpreter: PYTHON if given, else the active virtual environment's, ROOT's .venv, /usr/bin/python3. */
int project_python(const char *python, const char *root, const char *cwd, char *ret, struct error *err);

/* Fills SPEC (uninitialised) for a run of ARGS from CWD. */
int project_spec(const struct args *args, const struct settings *settings, const struct choices *choices,
                 const char *root, const char *cwd, struct spec *ret_spec, struct error *err);

#endif
