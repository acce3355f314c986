/* How it works: `git check-ignore` gets the paths and prints those that are ignored, in the same order. */
#include "runtime/front/ignored.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/discover/names.h"
#include "runtime/front/git.h"
#include "spec/base/buf.h"
#include "spec/base/cleanup.h"

/* Python files count by who imports them, ignored or not. */
static bool is_asked(const struct git *git, const char *path)
{
        size_t n = strlen(git->tree);

        return !names_end_with(path, ".py") && strncmp(path, git->tree, n) == 0 && path[n] == '/';
}

/* The paths to ask for, each with a NUL behind it. */
static int questions(const struct git *git, const struct spec_strv *paths, struct buf *ret)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < paths->n; i++)
                if (is_asked(git, paths->v[i]))
                        r = buf_add(ret, paths->v[i], strlen(paths->v[i]) + 1);
        return r;
}

static void drop(struct spec_strv *paths, const char *answers, size_t n_answers)
{
        const char *next = answers, *end = answers + n_answers;
        size_t n = 0;

        for (size_t i = 0; i < paths->n; i++)
                if (next < end && strcmp(next, paths->v[i]) == 0) {
                        next += strlen(next) + 1;
                        free(paths->v[i]);
                } else {
                        paths->v[n++] = paths->v[i];
                }
        paths->n = n;
}

int ignored_drop(struct spec_strv *paths, const char *dir)
{
        static const char *const words[] = {"check-ignore", "-z", "--stdin", NULL};
        CLEANUP_BUF struct buf text = {0};
        CLEANUP_CLOSE int in = memfd_create("git-paths", MFD_CLOEXEC);
        struct git git = {0};
        bool any = false;
        int r = 0;

        for (size_t i = 0; i < paths->n; i++)
                any = any || !names_end_with(paths->v[i], ".py");
        if (!any || in < 0 || git_open(&git, dir, NULL) < 0)
                goto out;
        r = questions(&git, paths, &text);
        if (r == 0 && text.len > 0 && pwrite(in, text.data, text.len, 0) == (ssize_t)text.len &&
            git_run(&git, words, in, NULL) == 0 && git.code == 0)
                drop(paths, git.out.data, git.out.len);
out:
        git_finish(&git);
        return r;
}
