/* tach-run: reads a spec, runs it, writes events. All that `tach` can do, a JSON file can. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/engine/bench.h"
#include "runtime/engine/command.h"
#include "runtime/engine/features.h"
#include "runtime/engine/plan.h"
#include "runtime/engine/run.h"
#include "runtime/engine/signals.h"
#include "sandbox/probe.h"
#include "spec/base/buf.h"
#include "spec/base/cleanup.h"
#include "spec/spec.h"

#ifndef TACH_VERSION
#define TACH_VERSION "0.1.0"
#endif

static const char usage[] =
    "usage: tach-run --spec FILE|-\n"
    "       tach-run features     what this machine allows, as JSON\n"
    "\n"
    "Runs the spec (run.json) in FILE, or on standard input with -. A run of tests writes\n"
    "one JSON event a line on standard output and returns pytest's exit code; a spec with\n"
    "process.args runs that command in a cell and returns its exit code.\n"
    "\n"
    "  --spec FILE|-     the spec\n"
    "  --input FD        a socket on which packets come of what the user types (\"i\" and the bytes), and\n"
    "                    of the terminal's size (\"w\", rows, columns): for process.terminal and "
    "tach.output\n"
    "  --bench-clone N   instead of running the tests: time N workers in cells beside N plain\n"
    "                    forks of the same interpreter, and print both as JSON\n"
    "  --version\n"
    "  --help\n";

static int complain(const struct error *err, int code)
{
        char line[1400];

        (void)fprintf(stderr, "%s\n", error_format(err, "tach-run", line, sizeof line));
        return code;
}

static int read_spec(const char *path, struct spec *spec, struct error *err)
{
        CLEANUP_BUF struct buf text = {0};
        const char *origin = strcmp(path, "-") == 0 ? "<stdin>" : path;
        CLEANUP_CLOSE int file = strcmp(path, "-") == 0 ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);
        int r;

        if (file < 0)
                return error_set(err, "spec", errno, "open %s", path);
        /* one byte more than is read: the reader then says that it is too long */
        r = buf_read_fd(&text, file, SPEC_MAX_BYTES + 1);
        if (r < 0)
                return error_set(err, "spec", -r, "read %s", origin);
        return spec_read(spec, text.data != NULL ? text.data : "", text.len, origin, err);
}

/* The socket that the word names, or -1. */
static int take_input(const char *word)
{
        const long fd = strtol(word, NULL, 10);
        int type = 0;
        socklen_t n = sizeof type;

        if (fd < 3 || fd > INT_MAX || getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0 ||
            type != SOCK_SEQPACKET)
                return -1;
        (void)fcntl((int)fd, F_SETFD, FD_CLOEXEC);
        return (int)fd;
}

/* Every worker costs some descriptors. */
static void raise_descriptor_limit(void)
{
        struct rlimit lim;

        if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < lim.rlim_max) {
                lim.rlim_cur = lim.rlim_max;
                (void)setrlimit(RLIMIT_NOFILE, &lim);
        }
}

/* The engine needs nothing of its environment, and the processes of the sandbox are its clones: what the spec
 * does not hand on must not lie in their memory, where /proc/PID/environ is the least way to it. */
static void forget_environment(void)
{
        for (char **e = environ; e != NULL && *e != NULL; e++)
                explicit_bzero(*e, strlen(*e));
        (void)clearenv();
}

int main(int argc, char **argv)
{
        static const struct option options[] = {{"spec", required_argument, NULL, 's'},
                                                {"input", required_argument, NULL, 'i'},
                                                {"bench-clone", required_argument, NULL, 'b'},
                                                {"version", no_argument, NULL, 'v'},
                                                {"help", no_argument, NULL, 'h'},
                                                {NULL, 0, NULL, 0}};
        CLEANUP_SPEC struct spec spec = {0};
        struct plan plan;
        struct error err = {0};
        const char *path = NULL;
        unsigned long rounds = 0;
        int c, r, input = -1;

        if (argc == 2 && strcmp(argv[1], "features") == 0) {
                if ((r = features_write(STDOUT_FILENO, TACH_VERSION)) < 0)
                        (void)error_set(&err, "features", r, "write to standard output");
                return r < 0 ? complain(&err, 3) : 0;
        }
        while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
                switch (c) {
                case 's':
                        path = optarg;
                        break;
                case 'i':
                        input = take_input(optarg);
                        break;
                case 'b':
                        rounds = strtoul(optarg, NULL, 10);
                        break;
                case 'v':
                        (void)printf("tach-run %s\n", TACH_VERSION);
                        return 0;
                case 'h':
                        (void)fputs(usage, stdout);
                        return 0;
                default:
                        return 4;
                }
        if (path == NULL || optind != argc) {
                (void)fputs(usage, stderr);
                return 4;
        }
        forget_environment();
        signals_block();
        if (read_spec(path, &spec, &err) < 0)
                return complain(&err, 4);
        if (!spec.tach.has_tests && spec.process.args.n == 0) {
                (void)error_set(&err, "spec", 0, "nothing to run");
                error_hint(&err, "give tach.tests (may be empty: pytest's default) or process.args");
                return complain(&err, 4);
        }
        if (plan_make(&plan, &spec, &err) < 0) {
                probe_explain(&err, spec.tach.project);
                return complain(&err, 4);
        }
        raise_descriptor_limit(); /* after the plan, which gives tests the limit as it was */
        if (rounds > 0)
                r = bench_clone(&plan, (unsigned)rounds, &err);
        else if (spec.tach.has_tests)
                r = run_tests(&plan, STDOUT_FILENO, input);
        else
                r = command_run(&plan, &err);
        if (r < 0 && plan.isolated)
                probe_explain(&err, plan.project);
        plan_finish(&plan);
        return r < 0 ? complain(&err, 3) : r;
}
