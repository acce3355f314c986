/* How it works: every command has options in front of it that switch off what the repository configures;
 * filters have names of their own, which are asked for first and then set to nothing. */
#include "runtime/front/git.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spec/base/cleanup.h"
#include "spec/base/utf8.h"

#define MAX_OUTPUT ((size_t)1 << 30)
#define MAX_WORDS  24

/* In front of every command: what the repository configures must not run. */
static const char *const quiet[] = {"git",
                                    "--no-pager",
                                    "--no-optional-locks",
                                    "-c",
                                    "core.fsmonitor=false",
                                    "-c",
                                    "core.hooksPath=/dev/null",
                                    "-c",
                                    "core.untrackedCache=false",
                                    "-c",
                                    "protocol.allow=never",
                                    "-c",
                                    "submodule.recurse=false",
                                    "-C"};

/* Overrides the configuration's N-th key with nothing. */
static bool unset(size_t n, const char *key)
{
        char name[40], value[40];

        (void)snprintf(name, sizeof name, "GIT_CONFIG_KEY_%zu", n);
        (void)snprintf(value, sizeof value, "GIT_CONFIG_VALUE_%zu", n);
        return setenv(name, key, 1) == 0 && setenv(value, "", 1) == 0;
}

static void child(const struct git *git, const char *const *argv, int in, int out, int errors)
{
        char count[24];

        static const char *const environment[][2] = {{"GIT_NO_LAZY_FETCH", "1"},
                                                     {"GIT_ALLOW_PROTOCOL", ""},
                                                     {"GIT_TERMINAL_PROMPT", "0"},
                                                     {"LC_ALL", "C"}};

        for (size_t i = 0; i < sizeof environment / sizeof environment[0]; i++)
                if (setenv(environment[i][0], environment[i][1], 1) < 0)
                        _exit(126);
        (void)snprintf(count, sizeof count, "%zu", git->filters.n);
        if (setenv("GIT_CONFIG_COUNT", count, 1) < 0)
                _exit(126);
        for (size_t i = 0; i < git->filters.n; i++)
                if (!unset(i, git->filters.v[i]))
                        _exit(126);
        if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(errors, 2) < 0)
                _exit(126);
        (void)execvp("git", (char *const *)(uintptr_t)argv);
        _exit(errno == ENOENT ? 127 : 126);
}

static int no_git(struct error *err)
{
        int r = error_set(err, "changed", ENOENT, "git is needed for --changed and cannot be started");

        error_hint(err, "install git, or name the tests");
        return r;
}

int git_run(struct git *git, const char *const *words, int in, struct error *err)
{
        const char *argv[sizeof quiet / sizeof quiet[0] + MAX_WORDS + 2];
        CLEANUP_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        CLEANUP_CLOSE int errors = memfd_create("git-errors", MFD_CLOEXEC);
        size_t n = 0;
        int ends[2], status, r;
        ssize_t said;
        pid_t pid;

        for (; n < sizeof quiet / sizeof quiet[0]; n++)
                argv[n] = quiet[n];
        argv[n++] = git->tree;
        for (size_t i = 0; i < MAX_WORDS && words[i] != NULL; i++)
                argv[n++] = words[i];
        argv[n] = NULL;
        buf_reset(&git->out);
        if (null < 0 || errors < 0 || buf_add(&git->out, "", 0) < 0 || pipe2(ends, O_CLOEXEC) < 0)
                return error_set(err, "changed", errno != 0 ? errno : ENOMEM, "run git");
        pid = fork();
        if (pid == 0)
                child(git, argv, in >= 0 ? in : null, ends[1], errors);
        (void)close(ends[1]);
        CLEANUP_CLOSE int from = ends[0];
        if (pid < 0)
                return error_set(err, "changed", errno, "fork");
        r = buf_read_fd(&git->out, from, MAX_OUTPUT);
        (void)close(TAKE_FD(from)); /* git must not wait for a reader that reads no more */
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                continue;
        if (r < 0)
                return error_set(err, "changed", -r, "read what git says");
        git->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        said = pread(errors, git->said, sizeof git->said - 1, 0);
        git->said[said > 0 ? said : 0] = '\0';
        git->said[strcspn(git->said, "\n")] = '\0';
        return git->code == 127 ? no_git(err) : 0;
}

int git_need(struct git *git, const char *const *words, int in, struct error *err)
{
        char shown[400];
        int r = git_run(git, words, in, err);

        if (r == 0 && git->code != 0)
                r = error_set(err, "changed", 0, "git %s failed: %s", words[0],
                              utf8_show(shown, sizeof shown, git->said));
        return r;
}

char *git_line(const struct git *git)
{
        return strndup(git->out.data, strcspn(git->out.data, "\n"));
}

/* The work tree that DIR, which git->tree is so far, is in. */
static int find_tree(struct git *git, struct error *err)
{
        static const char *const words[] = {"rev-parse", "--show-toplevel", NULL};
        char shown[300];
        int r = git_run(git, words, -1, err);

        if (r < 0)
                return r;
        if (git->code != 0 && strstr(git->said, "not a git repository") != NULL)
                r = error_set(err, "changed", 0, "%.300s is not in a git repository", git->tree);
        else if (git->code != 0)
                r = error_set(err, "changed", 0, "git: %s", utf8_show(shown, sizeof shown, git->said));
        if (r < 0) {
                error_hint(err, "--changed asks git what has changed");
                return r;
        }
        free(git->tree);
        git->tree = git_line(git);
        return git->tree != NULL ? 0 : error_set(err, "changed", ENOMEM, "git");
}

/* The filters of the configuration, which later commands are told not to have. */
static int find_filters(struct git *git, struct error *err)
{
        static const char *const words[] = {"config",       "-z",         "--name-only",
                                            "--get-regexp", "^filter\\.", NULL};
        struct spec_strv found = {0};
        int r = git_run(git, words, -1, err);

        for (const char *p = git->out.data, *end = p + git->out.len; r == 0 && git->code == 0 && p < end;
             p += strlen(p) + 1)
                if (spec_strv_add(&found, p) < 0)
                        r = error_set(err, "changed", ENOMEM, "git config");
        if (r == 0 && git->code > 1)
                r = error_set(err, "changed", 0, "git config failed: %s", git->said);
        if (r == 0)
                git->filters = found;
        else
                spec_strv_finish(&found);
        return r;
}

int git_open(struct git *git, const char *dir, struct error *err)
{
        int r;

        *git = (struct git){.tree = strdup(dir)};
        if (git->tree == NULL)
                return error_set(err, "changed", ENOMEM, "git");
        r = find_tree(git, err);
        return r == 0 ? find_filters(git, err) : r;
}

void git_finish(struct git *git)
{
        buf_finish(&git->out);
        spec_strv_finish(&git->filters);
        free(git->tree);
        *git = (struct git){0};
}
