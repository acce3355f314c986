/* How it works: texts with a NUL behind each; the first letter says what it is. */
#include "runtime/front/watch_results.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/json.h"
#include "runtime/discover/names.h"
#include "runtime/discover/walk.h"
#include "spec/base/buf.h"
#include "spec/base/cleanup.h"
#include "spec/glob.h"

#define MAX_RESULTS ((off_t)64 << 20)

enum told {
        TOLD_REFUSED = 'r',
        TOLD_ANYTHING = 'n',
        TOLD_KEEP = 'k',
        TOLD_WRITTEN = 'w',
        TOLD_FAILED = 'f',
        TOLD_AGAIN = 'a',
        TOLD_WHOLE = 'e',
};

static void tell(const struct watch_run *run, enum told what, const char *text, size_t n)
{
        (void)dprintf(run->results, "%c%.*s%c", (char)what, (int)n, text, '\0');
}

void watch_tell_refusal(const struct watch_run *run)
{
        tell(run, TOLD_REFUSED, "", 0);
}

void watch_tell_whole(const struct watch_run *run)
{
        tell(run, TOLD_WHOLE, "", 0);
}

void watch_tell_writes(const struct watch_run *run, const struct spec *spec, const char *junit_xml)
{
        char cwd[PATH_MAX], path[PATH_MAX];

        if (spec->tach.isolation == SPEC_ISOLATION_NONE)
                tell(run, TOLD_ANYTHING, "", 0);
        for (size_t i = 0; i < spec->tach.keep.n; i++)
                tell(run, TOLD_KEEP, spec->tach.keep.v[i], strlen(spec->tach.keep.v[i]));
        if (junit_xml != NULL && getcwd(cwd, sizeof cwd) != NULL &&
            walk_absolute(path, cwd, junit_xml, strlen(junit_xml)) == 0)
                tell(run, TOLD_WRITTEN, path, strlen(path));
}

/* Events with an outcome each: the files of those that failed, the same ones in a row once. */
static void tell_failures(const struct watch_run *run, const yajl_val *v, size_t n)
{
        const char *last = "";
        size_t n_last = 0;

        for (size_t i = 0; i < n; i++) {
                const char *nodeid = json_text(v[i], "nodeid"), *colons;
                size_t length;

                if (nodeid == NULL || !report_is_failure(json_text(v[i], "outcome")))
                        continue;
                colons = strstr(nodeid, "::");
                length = colons != NULL ? (size_t)(colons - nodeid) : strlen(nodeid);
                if (length != n_last || strncmp(nodeid, last, length) != 0)
                        tell(run, TOLD_FAILED, nodeid, length);
                last = nodeid;
                n_last = length;
        }
}

void watch_tell_outcomes(const struct watch_run *run, const struct report *r,
                         const struct spec_select *select)
{
        yajl_val collect = json_field(r->collected, "errors");
        long long code;

        for (size_t i = 0; r->finish != NULL && i < run->failing->n; i++)
                if (!spec_strv_has(&select->excluded, run->failing->v[i]))
                        tell(run, TOLD_AGAIN, run->failing->v[i], strlen(run->failing->v[i]));
        if (YAJL_IS_ARRAY(collect))
                tell_failures(run, YAJL_GET_ARRAY(collect)->values, YAJL_GET_ARRAY(collect)->len);
        tell_failures(run, r->kept, r->n_kept);
        code = json_int(r->finish, "exit_code", 3);
        if (r->finish != NULL && !json_true(r->finish, "interrupted") && r->done >= r->number &&
            (code == 0 || code == 1 || code == 5))
                watch_tell_whole(run);
}

static int take(struct watch_results *ret, const char *text)
{
        switch (text[0]) {
        case TOLD_REFUSED:
                ret->refused = true;
                return 0;
        case TOLD_WHOLE:
                ret->whole = true;
                return 0;
        case TOLD_ANYTHING:
                ret->writes_anything = true;
                return 0;
        case TOLD_KEEP:
                return spec_strv_add(&ret->keep, text + 1);
        case TOLD_WRITTEN:
                return spec_strv_add(&ret->written, text + 1);
        case TOLD_FAILED:
                return spec_strv_has(&ret->failed, text + 1) ? 0 : spec_strv_add(&ret->failed, text + 1);
        case TOLD_AGAIN:
                return spec_strv_add(&ret->again, text + 1);
        default:
                return 0;
        }
}

int watch_results_read(struct watch_results *ret, int fd)
{
        CLEANUP_BUF struct buf text = {0};
        struct stat st;
        ssize_t n;
        int r;

        *ret = (struct watch_results){0};
        if (fstat(fd, &st) < 0)
                return -errno;
        r = st.st_size > MAX_RESULTS ? -EFBIG : buf_reserve(&text, (size_t)st.st_size + 1);
        if (r < 0)
                return r;
        /* by position: the run may be writing, and has the same file offset */
        n = pread(fd, text.data, (size_t)st.st_size, 0);
        if (n < 0)
                return -errno;
        text.data[n] = '\0';
        for (const char *p = text.data, *end = text.data + n; r == 0 && p < end; p += strlen(p) + 1)
                if (p + strlen(p) < end) /* else the run is in the middle of it */
                        r = take(ret, p);
        return r;
}

void watch_results_finish(struct watch_results *results)
{
        spec_strv_finish(&results->failed);
        spec_strv_finish(&results->again);
        spec_strv_finish(&results->keep);
        spec_strv_finish(&results->written);
}

bool watch_is_code(const char *path)
{
        static const char *const ends[] = {".py", ".toml", ".ini", ".cfg"};

        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
                if (names_end_with(path, ends[i]))
                        return true;
        return false;
}

bool watch_results_wrote(const struct watch_results *results, const char *root, const char *path)
{
        size_t n = strlen(root);

        if (spec_strv_has(&results->written, path) || (results->writes_anything && !watch_is_code(path)))
                return true;
        if (strncmp(path, root, n) != 0 || path[n] != '/')
                return false;
        for (size_t i = 0; i < results->keep.n; i++)
                if (glob_match(results->keep.v[i], path + n + 1))
                        return true;
        return false;
}
