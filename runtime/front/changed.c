/* How it works: `git diff-index` compares the commit with the index and, where the file's times and size
 * differ from the index's, says that its contents are not known. Those are hashed as they are: a comparison
 * by git itself would run the filters that the repository configures. */
#include "runtime/front/changed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spec/base/buf.h"
#include "spec/base/cleanup.h"
#include "spec/base/utf8.h"

#define MAX_OUTPUT ((size_t)1 << 30)
#define MAX_WORDS  24
#define MAX_OID    64 /* hexadecimal digits of SHA-256 */

/* In front of every command: what the repository configures must not run. */
static const char *const quiet[] = {"git",
                                    "--no-pager",
                                    "--no-optional-locks",
                                    "--literal-pathspecs",
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

struct git {
        const char *dir;
        struct buf out;
        char said[400];           /* the first line of its errors */
        int code;                 /* exit code */
        struct spec_strv filters; /* keys of the configuration that name programs */
};

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

/* Runs git with WORDS (up to a NULL) in git->dir; IN is its standard input, or -1. Its exit code is no error,
 * but that it could not be started is. */
static int run(struct git *git, const char *const *words, int in, struct error *err)
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
        argv[n++] = git->dir;
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

/* Runs git, which must succeed. */
static int need(struct git *git, const char *const *words, int in, struct error *err)
{
        char shown[400];
        int r = run(git, words, in, err);

        if (r == 0 && git->code != 0)
                r = error_set(err, "changed", 0, "git %s failed: %s", words[0],
                              utf8_show(shown, sizeof shown, git->said));
        return r;
}

static char *first_line(struct git *git)
{
        return strndup(git->out.data, strcspn(git->out.data, "\n"));
}

/* The work tree that DIR is in. */
static int find_tree(struct git *git, char **ret, struct error *err)
{
        static const char *const words[] = {"rev-parse", "--show-toplevel", NULL};
        char shown[300];
        int r = run(git, words, -1, err);

        if (r < 0)
                return r;
        if (git->code != 0 && strstr(git->said, "not a git repository") != NULL)
                r = error_set(err, "changed", 0, "%.300s is not in a git repository", git->dir);
        else if (git->code != 0)
                r = error_set(err, "changed", 0, "git: %s", utf8_show(shown, sizeof shown, git->said));
        if (r < 0) {
                error_hint(err, "--changed asks git what has changed");
                return r;
        }
        *ret = first_line(git);
        return *ret != NULL ? 0 : error_set(err, "changed", ENOMEM, "git");
}

static void strv_finish(struct spec_strv *strv)
{
        for (size_t i = 0; i < strv->n; i++)
                free(strv->v[i]);
        free(strv->v);
        *strv = (struct spec_strv){0};
}

/* The filters of the configuration, which later commands are told not to have. */
static int find_filters(struct git *git, struct error *err)
{
        static const char *const words[] = {"config",       "-z",         "--name-only",
                                            "--get-regexp", "^filter\\.", NULL};
        struct spec_strv found = {0};
        int r = run(git, words, -1, err);

        for (const char *p = git->out.data, *end = p + git->out.len; r == 0 && git->code == 0 && p < end;
             p += strlen(p) + 1)
                if (spec_strv_add(&found, p) < 0)
                        r = error_set(err, "changed", ENOMEM, "git config");
        if (r == 0 && git->code > 1)
                r = error_set(err, "changed", 0, "git config failed: %s", git->said);
        if (r == 0)
                git->filters = found;
        else
                strv_finish(&found);
        return r;
}

/* The id of the commit that REV names; without REV and commits, of the empty tree. */
static int find_commit(struct git *git, const char *rev, char **ret, struct error *err)
{
        static const char *const empty[] = {"hash-object", "-t", "tree", "/dev/null", NULL};
        const bool given = rev != NULL && rev[0] != '\0';
        char commit[512];
        const char *words[] = {"rev-parse", "--verify", "--quiet", commit, NULL};
        int r = 0;

        if (given && (rev[0] == '-' || strlen(rev) > 400))
                git->code = 1;
        else {
                (void)snprintf(commit, sizeof commit, "%s^{commit}", given ? rev : "HEAD");
                r = run(git, words, -1, err);
        }
        if (r == 0 && git->code != 0 && given) {
                char shown[120];

                r = error_set(err, "changed", 0, "no commit %s", utf8_show(shown, sizeof shown, rev));
                error_hint(err, "git log shows which there are; a shallow clone has few");
        } else if (r == 0 && git->code != 0) {
                r = need(git, empty, -1, err);
        }
        if (r < 0)
                return r;
        *ret = first_line(git);
        return *ret != NULL ? 0 : error_set(err, "changed", ENOMEM, "git");
}

static int add(struct spec_strv *to, const char *tree, const char *path)
{
        CLEANUP_FREE char *joined = NULL;

        if (asprintf(&joined, "%s/%s", strcmp(tree, "/") == 0 ? "" : tree, path) < 0) {
                joined = NULL;
                return -ENOMEM;
        }
        return spec_strv_add(to, joined);
}

/* Files that may be as they were, in order: their names, one a line, and the ids that they had. */
struct doubtful {
        struct buf names, ids;
        struct spec_strv paths;
};

static void doubtful_finish(struct doubtful *d)
{
        buf_finish(&d->names);
        buf_finish(&d->ids);
        strv_finish(&d->paths);
}

/* ":100644 100644 OLD NEW M" and the path behind it. */
static int take_difference(struct changed *c, struct doubtful *d, const char *tree, const char *about,
                           const char *path)
{
        char old_mode[8], new_mode[8], old_id[MAX_OID + 1], new_id[MAX_OID + 1], status;

        if (sscanf(about, ":%7s %7s %64s %64s %c", old_mode, new_mode, old_id, new_id, &status) != 5)
                return -EPROTO;
        if (status == 'M' && strcmp(old_mode, new_mode) == 0 && strncmp(old_mode, "100", 3) == 0 &&
            new_id[strspn(new_id, "0")] == '\0' && strchr(path, '\n') == NULL) {
                int r = buf_addf(&d->names, "%s\n", path);

                if (r == 0)
                        r = buf_addf(&d->ids, "%s\n", old_id);
                return r == 0 ? spec_strv_add(&d->paths, path) : r;
        }
        if (status == 'D' && add(&c->gone, tree, path) < 0)
                return -ENOMEM;
        return add(&c->paths, tree, path);
}

/* Keeps those whose contents have another id now. */
static int settle(struct git *git, struct changed *c, struct doubtful *d, struct error *err)
{
        static const char *const words[] = {"hash-object", "--no-filters", "--stdin-paths", NULL};
        CLEANUP_CLOSE int in = memfd_create("git-paths", MFD_CLOEXEC);
        const char *was = d->ids.data, *is;

        if (d->paths.n == 0)
                return 0;
        if (in < 0 || pwrite(in, d->names.data, d->names.len, 0) != (ssize_t)d->names.len)
                return error_set(err, "changed", errno, "write to memory");
        if (run(git, words, in, err) < 0)
                return -EINVAL;
        is = git->code == 0 ? git->out.data : ""; /* one vanished: all count as changed */
        for (size_t i = 0; i < d->paths.n; i++) {
                size_t n = strcspn(was, "\n"), m = strcspn(is, "\n");

                if ((n != m || memcmp(was, is, n) != 0) && add(&c->paths, git->dir, d->paths.v[i]) < 0)
                        return error_set(err, "changed", ENOMEM, "git");
                was += n + 1;
                is += m + (is[m] == '\n');
        }
        return 0;
}

static int read_differences(struct git *git, struct changed *c, const char *commit, struct error *err)
{
        const char *words[] = {"diff-index",
                               "-z",
                               "--raw",
                               "--no-renames",
                               "--no-ext-diff",
                               "--no-textconv",
                               "--ignore-submodules=dirty",
                               commit,
                               "--",
                               NULL};
        __attribute__((cleanup(doubtful_finish))) struct doubtful d = {0};
        int r = need(git, words, -1, err);

        for (const char *p = git->out.data, *end = p + git->out.len; r == 0 && p < end;) {
                const char *path = p + strlen(p) + 1;

                if (path >= end)
                        return error_set(err, "changed", EPROTO, "git diff-index");
                r = take_difference(c, &d, git->dir, p, path);
                if (r < 0)
                        return error_set(err, "changed", -r, "git diff-index");
                p = path + strlen(path) + 1;
        }
        return r == 0 ? settle(git, c, &d, err) : r;
}

static int read_untracked(struct git *git, struct changed *c, struct error *err)
{
        static const char *const words[] = {"ls-files", "-z", "--others", "--exclude-standard", NULL};
        int r = need(git, words, -1, err);

        for (const char *p = git->out.data, *end = p + git->out.len; r == 0 && p < end; p += strlen(p) + 1)
                if (add(&c->paths, git->dir, p) < 0)
                        r = error_set(err, "changed", ENOMEM, "git ls-files");
        return r;
}

int changed_read(struct changed *ret, const char *dir, const char *rev, struct error *err)
{
        struct git git = {.dir = dir};
        struct changed changed = {0};
        CLEANUP_FREE char *tree = NULL, *commit = NULL;
        int r = find_tree(&git, &tree, err);

        if (r == 0) {
                git.dir = tree;
                r = find_filters(&git, err);
        }
        if (r == 0) {
                r = find_commit(&git, rev, &commit, err);
        }
        if (r == 0)
                r = read_differences(&git, &changed, commit, err);
        if (r == 0)
                r = read_untracked(&git, &changed, err);
        buf_finish(&git.out);
        strv_finish(&git.filters);
        if (r == 0)
                changed.tree = TAKE_PTR(tree);
        if (r < 0)
                changed_finish(&changed);
        else
                *ret = changed;
        return r;
}

void changed_finish(struct changed *c)
{
        strv_finish(&c->paths);
        strv_finish(&c->gone);
        free(c->tree);
        *c = (struct changed){0};
}
