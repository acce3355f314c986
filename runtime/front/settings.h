/*
 * settings: what a run can be told by a flag, a TACH_* variable or [tool.tach] in pyproject.toml. A flag
 * beats a variable, a variable beats the file.
 */
#ifndef TACH_FRONT_SETTINGS_H
#define TACH_FRONT_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/base/error.h"
#include "spec/spec.h"

enum setting {
        SETTING_WORKERS,
        SETTING_TIMEOUT,
        SETTING_MAX_FAIL,
        SETTING_ISOLATION,
        SETTING_ENFORCE,
        SETTING_PYTHON,
        SETTING_FORMAT,
        SETTING_JUNIT_XML,
        SETTING_COLOR,
        SETTING_DURATIONS,
        SETTING_REUSE,
        SETTING_NETWORK,
        SETTING_MEMORY,
        SETTING_PIDS,
        SETTING_CPU,
        SETTING_SECCOMP,
        SETTING_SESSION_FIXTURES,
        SETTING_SEED,
        SETTING_DJANGO_SETTINGS,
        SETTING_COLLECT_MEMORY,
        SETTING_DISCOVERY_CACHE,
        SETTING_COUNT
};

enum rank { RANK_DEFAULT, RANK_FILE, RANK_VARIABLE, RANK_FLAG };

/* Texts as they were given, with where. */
struct settings {
        struct {
                char *text;
                char *origin; /* "--timeout", "TACH_TIMEOUT", "pyproject.toml:12: timeout" */
                enum rank rank;
        } v[SETTING_COUNT];
        struct spec_strv file_args;   /* pytest's options in the file */
        struct spec_strv pytest_args; /* and on the command line, which come after */
        struct spec_strv shared;      /* of the file */
        struct spec_strv spawn;       /* of the file; "." for --spawn */
        struct spec_strv services;    /* of the command line and of the file, each once */
        struct spec_strv keep;        /* likewise: patterns of what is written back */
};

enum format { FORMAT_HUMAN, FORMAT_JSON };
enum color { COLOR_AUTO, COLOR_YES, COLOR_NO };

/* The same, checked. Strings are the settings'. */
struct choices {
        uint32_t workers, max_fail, durations, seed;
        double timeout;
        int64_t memory, pids;   /* bytes, processes; -1: no limit */
        int64_t collect_memory; /* bytes; 0: no limit; -1: not given */
        double cpu;             /* processors; 0: no limit */
        enum spec_isolation isolation;
        enum spec_enforce enforce;
        enum spec_reuse reuse;
        enum spec_network network;
        enum spec_session_fixtures session_fixtures;
        enum format format;
        enum color color;
        bool discovery_cache;           /* what was parsed is kept for the next run */
        const char *python, *junit_xml; /* NULL: not given */
        const char *django_settings;    /* "": none; NULL: DJANGO_SETTINGS_MODULE, which beats the file */
};

/* The setting's name in the file ("max-fail"), or NULL past the last. */
const char *settings_name(enum setting which);

/* Gives WHICH the value TEXT unless a higher rank has. */
int settings_give(struct settings *s, enum setting which, const char *text, const char *origin,
                  enum rank rank, struct error *err);

/* Adds a service of the host, unless it was given before. Errors: phase "settings", what = "ORIGIN: reason".
 */
int settings_add_service(struct settings *s, const char *text, const char *origin, struct error *err);

/* The same for a pattern of paths that tests may write for good (spec/glob.h). */
int settings_add_keep(struct settings *s, const char *text, const char *origin, struct error *err);

/* Takes the TACH_* variables of ENVIRON. */
int settings_from_environment(struct settings *s, char *const *environ, struct error *err);

/* Checks every value. Errors: phase "settings", what = "ORIGIN: reason". */
int settings_choose(const struct settings *s, struct choices *ret, struct error *err);

/* Whether settings of Django are named, here or by DJANGO_SETTINGS_MODULE. */
bool settings_have_django(const struct settings *s);

void settings_finish(struct settings *s);

#endif
