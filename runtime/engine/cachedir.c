/* How it works: every path is opened from the project's descriptor by openat2, which keeps it below and takes
 * no links; a file is written beside its place and renamed. */
#include "runtime/engine/cachedir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/json.h"
#include "sandbox/sys.h"
#include "spec/base/buf.h"
#include "spec/base/cleanup.h"

#define MAX_BYTES (64u << 20)
#define MAX_FILES 10000u

static const char tag[] = "Signature: 8a477f597d28d172789f06886806bc55";
static const char *const about[] = {"CACHEDIR.TAG", "README.md", ".gitignore"};

static int open_below(int dir, const char *path, int flags)
{
        const struct open_how how = {.flags = (uint64_t)((unsigned)flags | O_CLOEXEC | O_NOFOLLOW),
                                     .resolve =
                                         RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};

        return sys_openat2(dir, path, &how);
}

/* Opens the folder that PATH (below DIR) lies in, and makes those that are missing where CREATE: a descriptor
 * or -errno. *RET_NAME: PATH's last part. */
static int open_parent(int dir, const char *path, int create, const char **ret_name)
{
        CLEANUP_CLOSE int at = open_below(dir, ".", O_DIRECTORY | O_RDONLY);
        const char *slash;

        if (at < 0)
                return -errno;
        while ((slash = strchr(path, '/')) != NULL) {
                char part[NAME_MAX + 1];
                int next;

                if (slash == path ||
                    snprintf(part, sizeof part, "%.*s", (int)(slash - path), path) > NAME_MAX)
                        return -EINVAL;
                if (create && mkdirat(at, part, 0777) < 0 && errno != EEXIST)
                        return -errno;
                next = open_below(at, part, O_DIRECTORY | O_RDONLY);
                if (next < 0)
                        return -errno;
                (void)close(at);
                at = next;
                path = slash + 1;
        }
        if (path[0] == '\0' || strcmp(path, ".") == 0 || strcmp(path, "..") == 0 ||
            strlen(path) > NAME_MAX - 16)
                return -EINVAL;
        *ret_name = path;
        return TAKE_FD(at);
}

static int has_tag(int folder)
{
        char text[sizeof tag];
        CLEANUP_CLOSE int file = open_below(folder, about[0], O_RDONLY | O_NONBLOCK);

        return file >= 0 && read(file, text, sizeof tag - 1) == (ssize_t)sizeof tag - 1 &&
               memcmp(text, tag, sizeof tag - 1) == 0;
}

/* Without a tag too, where a plugin made it before pytest did: pytest then leaves it at that. */
static int has_only_its_parts(int folder)
{
        DIR *dir = fdopendir(open_below(folder, ".", O_DIRECTORY | O_RDONLY));
        const struct dirent *e;
        int parts = 0, others = 0;

        while (dir != NULL && (e = readdir(dir)) != NULL)
                if (strcmp(e->d_name, "d") == 0 || strcmp(e->d_name, "v") == 0)
                        parts++;
                else if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
                        others++;
        if (dir != NULL)
                (void)closedir(dir);
        return parts > 0 && others == 0;
}

/* A descriptor or -errno; -EEXIST: there is such a folder, and it is no cache. */
static int open_folder(int project, const char *path, int *ret_fresh)
{
        const char *name = "";
        CLEANUP_CLOSE int parent = open_parent(project, path, 0, &name);
        CLEANUP_CLOSE int folder = -1;

        if (parent < 0)
                return parent;
        *ret_fresh = mkdirat(parent, name, 0777) == 0;
        if (!*ret_fresh && errno != EEXIST)
                return -errno;
        folder = open_below(parent, name, O_DIRECTORY | O_RDONLY);
        if (folder < 0)
                return -errno;
        return !*ret_fresh && !has_tag(folder) && !has_only_its_parts(folder) ? -EEXIST : TAKE_FD(folder);
}

static int is_about(const char *path)
{
        for (size_t i = 0; i < sizeof about / sizeof *about; i++)
                if (strcmp(path, about[i]) == 0)
                        return 1;
        return 0;
}

/* TEXT NULL: removes it. */
static int write_file(int folder, const char *path, const char *text)
{
        char beside[NAME_MAX + 1];
        const char *name = "";
        CLEANUP_CLOSE int parent = open_parent(folder, path, text != NULL, &name);
        int r = 0;

        if (parent < 0)
                return text == NULL && parent == -ENOENT ? 0 : parent;
        if (text == NULL)
                return unlinkat(parent, name, 0) < 0 && errno != ENOENT ? -errno : 0;
        (void)snprintf(beside, sizeof beside, ".%s.%d", name, (int)getpid());
        CLEANUP_CLOSE int file =
            openat(parent, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (file < 0)
                return -errno;
        for (size_t n = strlen(text), done = 0; r == 0 && done < n;) {
                ssize_t w = write(file, text + done, n - done);

                if (w < 0)
                        r = -errno;
                else
                        done += (size_t)w;
        }
        if (r == 0 && renameat(parent, beside, parent, name) < 0)
                r = -errno;
        if (r < 0)
                (void)unlinkat(parent, beside, 0);
        return r;
}

static int write_files(int folder, int fresh, yajl_val files, const char **ret_path)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < files->u.object.len; i++) {
                const char *path = files->u.object.keys[i];
                yajl_val text = files->u.object.values[i];

                *ret_path = path;
                if (i == MAX_FILES || !(YAJL_IS_STRING(text) || YAJL_IS_NULL(text)) ||
                    (strncmp(path, "v/", 2) != 0 && !is_about(path)))
                        r = -EINVAL;
                else if (fresh || !is_about(path))
                        r = write_file(folder, path, YAJL_IS_STRING(text) ? YAJL_GET_STRING(text) : NULL);
        }
        return r;
}

static int write_parsed(const char *project, yajl_val changes, struct error *err)
{
        const char *folder = json_text(changes, "folder"), *path = "";
        yajl_val files = json_field(changes, "files");
        const size_t n = strlen(project);
        CLEANUP_CLOSE int root = open(project, O_PATH | O_DIRECTORY | O_CLOEXEC);
        CLEANUP_CLOSE int dir = -1;
        int fresh = 0, r;

        if (folder == NULL || !YAJL_IS_OBJECT(files))
                return error_set(err, "cache", EPROTO, "what the interpreter says of pytest's cache");
        if (root < 0)
                return error_set(err, "cache", errno, "open %s", project);
        if (strncmp(folder, project, n) != 0 || folder[n] != '/') {
                r = error_set(err, "cache", 0,
                              "pytest's cache folder %.300s is not below %.300s: it is not written", folder,
                              project);
                error_hint(err, "set cache_dir to a folder of the project, or -p no:cacheprovider");
                return r;
        }
        dir = open_folder(root, folder + n + 1, &fresh);
        if (dir == -EEXIST) {
                r = error_set(err, "cache", 0,
                              "%.300s is no cache folder of pytest's: it has no CACHEDIR.TAG", folder);
                error_hint(err, "remove it, or set cache_dir to another folder");
                return r;
        }
        r = dir < 0 ? dir : write_files(dir, fresh, files, &path);
        return r < 0 ? error_set(err, "cache", r, "write %.300s/%.300s", folder, path) : 0;
}

int cachedir_write(const char *project, int fd, struct error *err)
{
        CLEANUP_BUF struct buf text = {0};
        yajl_val changes;
        int r;

        /* seals: only a file in memory has them, and reading that cannot block */
        if (fcntl(fd, F_GET_SEALS) < 0 || lseek(fd, 0, SEEK_SET) < 0)
                return error_set(err, "cache", EPROTO, "what the interpreter says of pytest's cache");
        r = buf_read_fd(&text, fd, MAX_BYTES + 1);
        if (r < 0 || text.len > MAX_BYTES)
                return error_set(err, "cache", r < 0 ? -r : EFBIG, "read the changes of pytest's cache");
        changes = json_parse(text.data, text.len);
        r = changes != NULL ? write_parsed(project, changes, err)
                            : error_set(err, "cache", EPROTO, "what the interpreter says of pytest's cache");
        if (changes != NULL)
                yajl_tree_free(changes);
        return r;
}
