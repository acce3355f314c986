/* How it works: rootdir follows _pytest.config.findpaths.determine_setup; paths only, no Python is started.
 */
#include "runtime/front/project.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/front/config.h"
#include "spec/base/cleanup.h"
#include "spec/base/utf8.h"

#define MAX_INI       (1u << 20)
#define CPU_PERIOD_US 100000 /* in which a test may use its part of the processors */

static int exists(const char *dir, const char *name)
{
        char path[PATH_MAX];

        return snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path && access(path, F_OK) == 0;
}

/* Whether the ini file NAME of DIR has the line "[SECTION]". */
static int has_section(const char *dir, const char *name, const char *section)
{
        char path[PATH_MAX], line[512];
        size_t n = strlen(section);
        FILE *f;
        int found = 0;

        if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
                return 0;
        f = fopen(path, "re");
        while (f != NULL && !found && fgets(line, sizeof line, f) != NULL)
                found = line[0] == '[' && strncmp(line + 1, section, n) == 0 && line[n + 1] == ']';
        if (f != NULL)
                (void)fclose(f);
        return found;
}

static int configures_pytest(const char *dir)
{
        char path[PATH_MAX];

        if (exists(dir, "pytest.toml") || exists(dir, ".pytest.toml") || exists(dir, "pytest.ini") ||
            exists(dir, ".pytest.ini"))
                return 1;
        if (snprintf(path, sizeof path, "%s/pyproject.toml", dir) < (int)sizeof path &&
            (config_has_table(path, "tool.pytest") || config_has_table(path, "tool.pytest.ini_options")))
                return 1;
        return has_section(dir, "tox.ini", "pytest") || has_section(dir, "setup.cfg", "tool:pytest");
}

static void up(char *path)
{
        char *slash = strrchr(path, '/');

        slash[slash == path ? 1 : 0] = '\0';
}

/* Shortens COMMON until PATH lies in it. */
static void share(char *common, const char *path)
{
        for (;;) {
                size_t n = strlen(common);

                if (strcmp(common, "/") == 0 ||
                    (strncmp(common, path, n) == 0 && (path[n] == '/' || path[n] == '\0')))
                        return;
                up(common);
        }
}

static int common_ancestor(const struct args *args, const char *cwd, char *ret, struct error *err)
{
        ret[0] = '\0';
        for (size_t i = 0; i < args->paths.n; i++) {
                const char *given = args->paths.v[i], *colons = strstr(given, "::");
                char path[PATH_MAX], real[PATH_MAX];
                int n = colons != NULL ? (int)(colons - given) : (int)strlen(given);
                struct stat st;

                if (snprintf(path, sizeof path, "%s%s%.*s", given[0] == '/' ? "" : cwd,
                             given[0] == '/' ? "" : "/", n, given) >= (int)sizeof path)
                        return error_set(err, "project", ENAMETOOLONG, "%.200s", given);
                if (stat(path, &st) < 0)
                        continue;         /* pytest will say that it is not there */
                if (!S_ISDIR(st.st_mode)) /* a link to a file counts where the link is */
                        up(path);
                if (realpath(path, real) == NULL)
                        continue;
                if (ret[0] == '\0')
                        (void)strcpy(ret, real);
                else
                        share(ret, real);
        }
        if (ret[0] == '\0')
                (void)snprintf(ret, PATH_MAX, "%s", cwd);
        return 0;
}

int project_root(const struct args *args, const char *cwd, char *ret, struct error *err)
{
        char ancestor[PATH_MAX], dir[PATH_MAX];
        int r;

        if (args->rootdir != NULL) {
                if (realpath(args->rootdir, ret) == NULL)
                        return error_set(err, "project", errno, "--rootdir %.200s", args->rootdir);
                return 0;
        }
        r = common_ancestor(args, cwd, ancestor, err);
        if (r < 0)
                return r;
        if (args->config_file != NULL && realpath(args->config_file, ret) != NULL) {
                up(ret);
                return 0;
        }
        for (int setup = 0; setup < 2; setup++) {
                (void)strcpy(dir, ancestor);
                for (;;) {
                        if (setup ? exists(dir, "setup.py") : configures_pytest(dir)) {
                                (void)strcpy(ret, dir);
                                return 0;
                        }
                        if (strcmp(dir, "/") == 0)
                                break;
                        up(dir);
                }
        }
        (void)strcpy(dir, ancestor);
        share(dir, cwd);
        (void)strcpy(ret, strcmp(dir, "/") == 0 ? ancestor : dir);
        return 0;
}

static int is_program(const char *path)
{
        struct stat st;

        return access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int project_python(const char *python, const char *root, const char *cwd, char *ret, struct error *err)
{
        const char *venv = getenv("VIRTUAL_ENV"), *path = getenv("PATH");
        int r;

        if (python != NULL && strchr(python, '/') == NULL && path != NULL) {
                CLEANUP_FREE char *copy = strdup(path);
                char *state = NULL;

                for (char *dir = copy != NULL ? strtok_r(copy, ":", &state) : NULL; dir != NULL;
                     dir = strtok_r(NULL, ":", &state))
                        if (snprintf(ret, PATH_MAX, "%s/%s", dir, python) < PATH_MAX && dir[0] == '/' &&
                            is_program(ret))
                                return 0;
        } else if (python != NULL) {
                (void)snprintf(ret, PATH_MAX, "%s%s%s", python[0] == '/' ? "" : cwd,
                               python[0] == '/' ? "" : "/", python);
                if (is_program(ret))
                        return 0;
        }
        if (python != NULL) {
                r = error_set(err, "project", ENOENT, "the interpreter %.300s", python);
                error_hint(err, "check --python or TACH_PYTHON");
                return r;
        }
        if (venv != NULL && venv[0] == '/') {
                (void)snprintf(ret, PATH_MAX, "%s/bin/python", venv);
                if (is_program(ret))
                        return 0;
        }
        (void)snprintf(ret, PATH_MAX, "%s/.venv/bin/python", root);
        if (is_program(ret))
                return 0;
        (void)strcpy(ret, "/usr/bin/python3");
        if (is_program(ret))
                return 0;
        r = error_set(err, "project", ENOENT, "no Python interpreter (.venv/bin/python, /usr/bin/python3)");
        error_hint(err, "give --python PATH");
        return r;
}

static int lies_in(const char *path, const char *dir)
{
        size_t n = strlen(dir);

        return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0' || strcmp(dir, "/") == 0);
}

/* Whether something is mounted below DIR: it could not be seen copy-on-write. */
static int has_mount_below(const char *dir)
{
        FILE *f = fopen("/proc/self/mountinfo", "re");
        char line[8192], target[PATH_MAX];
        int found = 0;

        while (f != NULL && !found && fgets(line, sizeof line, f) != NULL)
                if (sscanf(line, "%*s %*s %*s %*s %4095s", target) == 1)
                        found = lies_in(target, dir) && strcmp(target, dir) != 0;
        if (f != NULL)
                (void)fclose(f);
        return found;
}

/* What tests see copy-on-write: the root, or the folder that tach was started in where that is wider. */
static const char *tree_of(const char *root, const char *cwd)
{
        if (strcmp(cwd, "/") != 0 && strcmp(cwd, root) != 0 && lies_in(root, cwd) && !has_mount_below(cwd))
                return cwd;
        return root;
}

/* The profile that --seccomp or the project names: a relative path of the file's is relative to its folder.
 */
static int read_profile(const struct settings *settings, const char *root, const char *cwd,
                        struct spec_seccomp *ret, struct error *err)
{
        const char *given = settings->v[SETTING_SECCOMP].text;
        const char *base = settings->v[SETTING_SECCOMP].rank == RANK_FILE ? root : cwd;
        CLEANUP_BUF struct buf text = {0};
        char path[PATH_MAX];
        int r;

        if (given == NULL)
                return 0;
        if (snprintf(path, sizeof path, "%s%s%s", given[0] == '/' ? "" : base, given[0] == '/' ? "" : "/",
                     given) >= (int)sizeof path)
                return error_set(err, "seccomp", ENAMETOOLONG, "%.200s", given);
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
        r = fd < 0 ? -errno : buf_read_fd(&text, fd, SPEC_MAX_BYTES + 1);
        if (r < 0) {
                r = error_set(err, "seccomp", r, "%.100s: read %.500s", settings->v[SETTING_SECCOMP].origin,
                              path);
                error_hint(err, "tach seccomp prints a profile to start from");
                return r;
        }
        return spec_seccomp_read(ret, text.data != NULL ? text.data : "", text.len, path, err);
}

static int replace(char **at, const char *text)
{
        free(*at);
        *at = strdup(text);
        return *at != NULL ? 0 : -ENOMEM;
}

int project_spec(const struct args *args, const struct settings *settings, const struct choices *choices,
                 const char *root, const char *cwd, struct spec *ret_spec, struct error *err)
{
        CLEANUP_SPEC struct spec spec = {0};
        char python[PATH_MAX];
        int r = spec_init(&spec, err);

        if (r == 0)
                r = project_python(choices->python, root, cwd, python, err);
        if (r == 0)
                r = read_profile(settings, root, cwd, &spec.linux_.seccomp, err);
        if (r < 0)
                return r;
        if (args->rootdir != NULL) {
                struct buf option = {0};

                r = buf_addf(&option, "--rootdir=%s", root);
                if (r == 0)
                        r = spec_strv_add(&spec.tach.pytest_args, option.data);
                buf_finish(&option);
        }
        for (size_t i = 0; r == 0 && i < settings->file_args.n; i++)
                r = spec_strv_add(&spec.tach.pytest_args, settings->file_args.v[i]);
        for (size_t i = 0; r == 0 && i < settings->pytest_args.n; i++)
                r = spec_strv_add(&spec.tach.pytest_args, settings->pytest_args.v[i]);
        for (size_t i = 0; r == 0 && i < args->paths.n; i++)
                r = spec_strv_add(&spec.tach.tests, args->paths.v[i]);
        for (size_t i = 0; r == 0 && i < settings->shared.n; i++)
                r = spec_strv_add(&spec.tach.shared, settings->shared.v[i]);
        for (size_t i = 0; r == 0 && i < settings->spawn.n; i++)
                r = spec_strv_add(&spec.tach.spawn, settings->spawn.v[i]);
        for (size_t i = 0; r == 0 && i < settings->services.n; i++)
                r = spec_strv_add(&spec.tach.services, settings->services.v[i]);
        for (size_t i = 0; r == 0 && i < settings->keep.n; i++)
                r = spec_strv_add(&spec.tach.keep, settings->keep.v[i]);
        for (size_t i = 0; r == 0 && environ[i] != NULL; i++)
                if (strncmp(environ[i], "TACH_CONTROL_FD=", 16) != 0 &&
                    strchr(environ[i], '=') > environ[i] &&
                    utf8_span(environ[i], strlen(environ[i])) ==
                        strlen(environ[i])) /* JSON can say no other */
                        r = spec_strv_add(&spec.process.env, environ[i]);
        if (r == 0)
                r = replace(&spec.tach.python, python);
        if (r == 0 && choices->django_settings != NULL)
                r = replace(&spec.tach.django_settings, choices->django_settings);
        if (r == 0)
                r = replace(&spec.tach.project, tree_of(root, cwd));
        if (r == 0)
                r = replace(&spec.process.cwd, cwd);
        if (r < 0)
                return error_set(err, "project", ENOMEM, "make the spec");
        spec.tach.has_tests = true;
        spec.tach.cache = true;
        spec.tach.verify_rollback = args->verify_rollback != 0;
        spec.tach.report_writes = args->verbosity > 0;
        spec.tach.workers = choices->workers;
        spec.tach.timeout = choices->timeout;
        spec.tach.max_fail = choices->max_fail;
        spec.tach.seed = choices->seed;
        spec.tach.isolation = choices->isolation;
        spec.tach.enforce = choices->enforce;
        spec.tach.reuse = choices->reuse;
        spec.tach.network = choices->network;
        spec.tach.session_fixtures = choices->session_fixtures;
        spec.linux_.resources.memory_limit = choices->memory;
        spec.linux_.resources.pids_limit = choices->pids;
        spec.tach.collect_memory = choices->collect_memory;
        if (choices->cpu > 0) {
                spec.linux_.resources.cpu_period = CPU_PERIOD_US;
                spec.linux_.resources.cpu_quota = (int64_t)(choices->cpu * CPU_PERIOD_US);
        }
        *ret_spec = spec;
        spec = (struct spec){0};
        return 0;
}
