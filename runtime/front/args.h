/*
 * args: the command line of tach.
 */
#ifndef TACH_FRONT_ARGS_H
#define TACH_FRONT_ARGS_H

#include "runtime/front/settings.h"
#include "spec/base/error.h"
#include "spec/spec.h"

enum command {
        COMMAND_RUN,
        COMMAND_LIST,
        COMMAND_SPEC,
        COMMAND_CHECK,
        COMMAND_SECCOMP,
        COMMAND_VERSION,
        COMMAND_HELP
};

enum list_what { LIST_TESTS, LIST_FIXTURES, LIST_FIXTURE_GRAPH, LIST_IMPORT_GRAPH };

struct args {
        enum command command;
        struct spec_strv paths; /* PATH[::NODE], as given */
        char *rootdir;          /* --rootdir, NULL: found */
        char *config_file;      /* -c, NULL: found */
        char *changed;          /* --changed[=REV]: REV, "" without one; NULL: not given */
        uint32_t shard, shards; /* --shard K/N; 0: not given */
        int watch;              /* --watch */
        int verify_rollback;
        int passes;          /* pytest's options show output as tests run: -s, --capture=no, --pdb, --trace */
        int debugs;          /* --pdb */
        enum list_what list; /* what tach list prints */
        int verbosity;       /* -v counts up, -q down */
};

/* Parses ARGV; settings go to S with RANK_FLAG, pytest's own options to S->pytest_args.
 * Errors: phase "usage", with the nearest option as hint. */
int args_parse(struct args *ret, struct settings *s, int argc, char **argv, struct error *err);
void args_finish(struct args *args);

extern const char args_help[];

#endif
