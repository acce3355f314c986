/* How it works: `git diff-index` compares the commit with the index and, where the file's times and size
 * differ from the index's, says that its contents are not known. Those are hashed as they are: a comparison
 * by git itself would run the filters that the repository configures. */
#include "runtime/front/changed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/front/git.h"
#include "spec/base/buf.h"
#include "spec/base/cleanup.h"
#include "spec/base/utf8.h"

#define MAX_OID 64 /* hexadecimal digits of SHA-256 */

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
                r = git_run(git, words, -1, err);
        }
        if (r == 0 && git->code != 0 && given) {
                char shown[120];

                r = error_set(err, "changed", 0, "no commit %s", utf8_show(shown, sizeof shown, rev));
                error_hint(err, "git log shows which there are; a shallow clone has few");
        } else if (r == 0 && git->code != 0) {
                r = git_need(git, empty, -1, err);
        }
        if (r < 0)
                return r;
        *ret = git_line(git);
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
        spec_strv_finish(&d->paths);
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
        if (git_run(git, words, in, err) < 0)
                return -EINVAL;
        is = git->code == 0 ? git->out.data : ""; /* one vanished: all count as changed */
        for (size_t i = 0; i < d->paths.n; i++) {
                size_t n = strcspn(was, "\n"), m = strcspn(is, "\n");

                if ((n != m || memcmp(was, is, n) != 0) && add(&c->paths, git->tree, d->paths.v[i]) < 0)
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
        int r = git_need(git, words, -1, err);

        for (const char *p = git->out.data, *end = p + git->out.len; r == 0 && p < end;) {
                const char *path = p + strlen(p) + 1;

                if (path >= end)
                        return error_set(err, "changed", EPROTO, "git diff-index");
                r = take_difference(c, &d, git->tree, p, path);
                if (r < 0)
                        return error_set(err, "changed", -r, "git diff-index");
                p = path + strlen(path) + 1;
        }
        return r == 0 ? settle(git, c, &d, err) : r;
}

static int read_untracked(struct git *git, struct changed *c, struct error *err)
{
        static const char *const words[] = {"ls-files", "-z", "--others", "--exclude-standard", NULL};
        int r = git_need(git, words, -1, err);

        for (const char *p = git->out.data, *end = p + git->out.len; r == 0 && p < end; p += strlen(p) + 1)
                if (add(&c->paths, git->tree, p) < 0)
                        r = error_set(err, "changed", ENOMEM, "git ls-files");
        return r;
}

int changed_read(struct changed *ret, const char *dir, const char *rev, struct error *err)
{
        struct git git;
        struct changed changed = {0};
        CLEANUP_FREE char *commit = NULL;
        int r = git_open(&git, dir, err);

        if (r == 0)
                r = find_commit(&git, rev, &commit, err);
        if (r == 0)
                r = read_differences(&git, &changed, commit, err);
        if (r == 0)
                r = read_untracked(&git, &changed, err);
        if (r == 0)
                changed.tree = TAKE_PTR(git.tree);
        git_finish(&git);
        if (r < 0)
                changed_finish(&changed);
        else
                *ret = changed;
        return r;
}

void changed_finish(struct changed *c)
{
        spec_strv_finish(&c->paths);
        spec_strv_finish(&c->gone);
        free(c->tree);
        *c = (struct changed){0};
}
