/* How it works: toml_table() hands over each key; settings_name() knows which there are. */
#include "runtime/front/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/toml.h"
#include "spec/base/buf.h"
#include "spec/base/cleanup.h"
#include "spec/names.h"

#define MAX_FILE (4u << 20)

struct reading {
        struct settings *s;
        const char *path;
        struct error *err;
};

static int unknown(const struct reading *rd, const struct toml_value *v)
{
        const char *known[SETTING_COUNT + 6], *meant;

        for (size_t i = 0; i < SETTING_COUNT; i++)
                known[i] = settings_name((enum setting)i);
        known[SETTING_COUNT] = "pytest-args";
        known[SETTING_COUNT + 1] = "services";
        known[SETTING_COUNT + 2] = "shared";
        known[SETTING_COUNT + 3] = "keep";
        known[SETTING_COUNT + 4] = "spawn";
        known[SETTING_COUNT + 5] = NULL;
        meant = names_nearest(known, v->key);
        (void)error_set(rd->err, "settings", 0, "%s:%u: tool.tach.%.60s: unknown key", rd->path, v->line,
                        v->key);
        if (meant != NULL)
                error_hint(rd->err, "did you mean \"%s\"?", meant);
        return -EINVAL;
}

static int add_to_list(const struct reading *rd, const char *key, const char *text, const char *origin)
{
        if (strcmp(key, "services") == 0)
                return settings_add_service(rd->s, text, origin, rd->err);
        if (strcmp(key, "keep") == 0)
                return settings_add_keep(rd->s, text, origin, rd->err);
        return spec_strv_add(strcmp(key, "shared") == 0  ? &rd->s->shared
                             : strcmp(key, "spawn") == 0 ? &rd->s->spawn
                                                         : &rd->s->file_args,
                             text) < 0
                   ? error_set(rd->err, "settings", ENOMEM, "%s", rd->path)
                   : 0;
}

static int take(void *ctx, const struct toml_value *v)
{
        const struct reading *rd = ctx;
        char origin[PATH_MAX + 128];

        (void)snprintf(origin, sizeof origin, "%s:%u: tool.tach.%.60s", rd->path, v->line, v->key);
        if (strcmp(v->key, "pytest-args") == 0 || strcmp(v->key, "services") == 0 ||
            strcmp(v->key, "shared") == 0 || strcmp(v->key, "keep") == 0 || strcmp(v->key, "spawn") == 0) {
                int r = v->type == TOML_ARRAY ? 0
                                              : error_set(rd->err, "settings", 0,
                                                          "%.600s: expected an array of strings", origin);

                for (size_t i = 0; r == 0 && i < v->array->n; i++)
                        r = add_to_list(rd, v->key, v->array->v[i], origin);
                return r;
        }
        for (size_t i = 0; i < SETTING_COUNT; i++) {
                if (strcmp(settings_name((enum setting)i), v->key) != 0)
                        continue;
                if (i == SETTING_DISCOVERY_CACHE && v->type != TOML_BOOLEAN)
                        return error_set(rd->err, "settings", 0, "%.600s: expected true or false", origin);
                if (i != SETTING_DISCOVERY_CACHE && v->type != TOML_STRING && v->type != TOML_NUMBER)
                        return error_set(rd->err, "settings", 0, "%.600s: expected a string or a number",
                                         origin);
                return settings_give(rd->s, (enum setting)i, v->text, origin, RANK_FILE, rd->err);
        }
        return unknown(rd, v);
}

int config_read(struct settings *s, const char *root, struct error *err)
{
        char path[PATH_MAX];
        CLEANUP_BUF struct buf text = {0};
        struct reading rd = {s, path, err};
        int found, r;

        if (snprintf(path, sizeof path, "%s/pyproject.toml", root) >= (int)sizeof path)
                return error_set(err, "settings", ENAMETOOLONG, "%s", root);
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : error_set(err, "settings", errno, "open %s", path);
        r = buf_read_fd(&text, fd, MAX_FILE);
        if (r < 0)
                return error_set(err, "settings", -r, "read %s", path);
        /* other tools' tables are not our business unless ours is there */
        if (text.data == NULL || memmem(text.data, text.len, "tach", 4) == NULL)
                return 0;
        return toml_table(text.data, text.len, path, "tool.tach", take, &rd, &found, err);
}

static int nothing(void *ctx, const struct toml_value *v)
{
        (void)ctx;
        (void)v;
        return 0;
}

int config_has_table(const char *path, const char *table)
{
        CLEANUP_BUF struct buf text = {0};
        struct error err = {0};
        int found = 0;

        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || buf_read_fd(&text, fd, MAX_FILE) < 0 || text.data == NULL)
                return 0;
        return toml_table(text.data, text.len, path, table, nothing, NULL, &found, &err) == 0 && found;
}
