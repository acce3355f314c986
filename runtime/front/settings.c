/* How it works: names[] is the one list; the variable's name is the file's in capitals. */
#include "runtime/front/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/glob.h"
#include "spec/names.h"
#include "spec/service.h"

static const char *const names[] = {"workers",
                                    "timeout",
                                    "max-fail",
                                    "isolation",
                                    "enforce",
                                    "python",
                                    "format",
                                    "junit-xml",
                                    "color",
                                    "durations",
                                    "reuse",
                                    "network",
                                    "memory",
                                    "pids",
                                    "cpu",
                                    "seccomp",
                                    "session_fixtures",
                                    "seed",
                                    "django_settings",
                                    "collect_memory",
                                    "discovery_cache"};

const char *settings_name(enum setting which)
{
        return which < SETTING_COUNT ? names[which] : NULL;
}

int settings_give(struct settings *s, enum setting which, const char *text, const char *origin,
                  enum rank rank, struct error *err)
{
        char *copy, *from;

        if (s->v[which].rank > rank)
                return 0;
        copy = strdup(text);
        from = strdup(origin);
        if (copy == NULL || from == NULL) {
                free(copy);
                free(from);
                return error_set(err, "settings", ENOMEM, "%s", origin);
        }
        free(s->v[which].text);
        free(s->v[which].origin);
        s->v[which].text = copy;
        s->v[which].origin = from;
        s->v[which].rank = rank;
        return 0;
}

int settings_add_service(struct settings *s, const char *text, const char *origin, struct error *err)
{
        struct service service;
        const char *wrong = service_parse(text, &service);

        for (size_t i = 0; wrong == NULL && i < s->services.n; i++)
                if (strcmp(s->services.v[i], text) == 0)
                        return 0;
        if (wrong == NULL && s->services.n == SERVICES_MAX)
                wrong = "too many services";
        if (wrong != NULL)
                return error_set(err, "settings", 0, "%.600s: %s: found \"%.120s\"", origin, wrong, text);
        return spec_strv_add(&s->services, text) < 0 ? error_set(err, "settings", ENOMEM, "%s", origin) : 0;
}

int settings_add_keep(struct settings *s, const char *text, const char *origin, struct error *err)
{
        const char *wrong = glob_check(text);

        for (size_t i = 0; wrong == NULL && i < s->keep.n; i++)
                if (strcmp(s->keep.v[i], text) == 0)
                        return 0;
        if (wrong == NULL && s->keep.n == SPEC_MAX_KEEP)
                wrong = "too many patterns";
        if (wrong != NULL)
                return error_set(err, "settings", 0, "%.600s: %s: found \"%.120s\"", origin, wrong, text);
        return spec_strv_add(&s->keep, text) < 0 ? error_set(err, "settings", ENOMEM, "%s", origin) : 0;
}

int settings_from_environment(struct settings *s, char *const *environ, struct error *err)
{
        for (size_t i = 0; i < SETTING_COUNT; i++) {
                char variable[32];
                size_t n = (size_t)snprintf(variable, sizeof variable, "TACH_%s", names[i]);

                for (char *p = variable; *p != '\0'; p++)
                        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
                for (size_t k = 0; environ[k] != NULL; k++)
                        if (strncmp(environ[k], variable, n) == 0 && environ[k][n] == '=') {
                                int r = settings_give(s, (enum setting)i, environ[k] + n + 1, variable,
                                                      RANK_VARIABLE, err);

                                if (r < 0)
                                        return r;
                        }
        }
        return 0;
}

static int refuse(const struct settings *s, enum setting which, struct error *err, const char *expected)
{
        return error_set(err, "settings", 0, "%s: expected %s, found \"%.60s\"", s->v[which].origin, expected,
                         s->v[which].text);
}

static int choose_number(const struct settings *s, enum setting which, uint32_t max, uint32_t *ret,
                         struct error *err)
{
        char expected[64], *end;
        unsigned long v;

        if (s->v[which].text == NULL)
                return 0;
        v = strtoul(s->v[which].text, &end, 10);
        if (*end != '\0' || !isdigit((unsigned char)s->v[which].text[0]) || v > max) {
                (void)snprintf(expected, sizeof expected, "a whole number up to %u", max);
                return refuse(s, which, err, expected);
        }
        *ret = (uint32_t)v;
        return 0;
}

/* "64M" or "64MiB": a whole number of bytes, or of the next larger units by 1024. With NONE, 0 is one. */
static int choose_bytes(const struct settings *s, enum setting which, int none, int64_t *ret,
                        struct error *err)
{
        static const char units[] = "KMGT";
        const char *text = s->v[which].text, *unit;
        char *end;
        unsigned long long v;
        unsigned shift = 0;

        if (text == NULL)
                return 0;
        v = strtoull(text, &end, 10);
        unit = *end != '\0' ? strchr(units, toupper((unsigned char)*end)) : NULL;
        if (unit != NULL) {
                shift = 10 * ((unsigned)(unit - units) + 1);
                end += strcmp(end + 1, "iB") == 0 ? 3 : 1;
        }
        if (*end != '\0' || !isdigit((unsigned char)text[0]) || (v == 0 && !none) ||
            v > (uint64_t)(INT64_MAX >> shift))
                return refuse(s, which, err,
                              none ? "bytes such as 500000000, \"64M\" or \"2G\"; 0: no limit"
                                   : "bytes such as 500000000, \"64M\" or \"2G\"");
        *ret = (int64_t)(v << shift);
        return 0;
}

static int choose_limits(const struct settings *s, struct choices *c, struct error *err)
{
        uint32_t pids = 0;
        char *end;
        int r = choose_bytes(s, SETTING_MEMORY, 0, &c->memory, err);

        if (r == 0)
                r = choose_bytes(s, SETTING_COLLECT_MEMORY, 1, &c->collect_memory, err);
        if (r == 0)
                r = choose_number(s, SETTING_PIDS, 4194304, &pids, err);
        if (r < 0)
                return r;
        if (s->v[SETTING_PIDS].text != NULL) {
                if (pids == 0)
                        return refuse(s, SETTING_PIDS, err, "a whole number from 1 to 4194304");
                c->pids = pids;
        }
        if (s->v[SETTING_CPU].text != NULL) {
                c->cpu = strtod(s->v[SETTING_CPU].text, &end);
                if (*end != '\0' || end == s->v[SETTING_CPU].text || !(c->cpu >= 0.01 && c->cpu <= 10000))
                        return refuse(s, SETTING_CPU, err, "processors, 0.01 to 10000, such as 0.5");
        }
        return 0;
}

static int choose_word(const struct settings *s, enum setting which, const char *const *words,
                       const char *expected, int otherwise, struct error *err)
{
        int i = otherwise;

        if (s->v[which].text != NULL) {
                i = names_find(words, s->v[which].text);
                if (i < 0)
                        return refuse(s, which, err, expected);
        }
        return i;
}

int settings_choose(const struct settings *s, struct choices *ret, struct error *err)
{
        static const char *const formats[] = {"human", "json", NULL};
        static const char *const colors[] = {"auto", "yes", "no", NULL};
        static const char *const switches[] = {"false", "true", "0", "1", "no", "yes", NULL};
        struct choices c = {.timeout = 60.0, .memory = -1, .pids = -1, .collect_memory = -1};
        char *end;
        int i, r = 0;

        if (s->v[SETTING_WORKERS].text != NULL && strcmp(s->v[SETTING_WORKERS].text, "auto") != 0)
                r = choose_number(s, SETTING_WORKERS, 1024, &c.workers, err);
        if (r == 0)
                r = choose_number(s, SETTING_MAX_FAIL, 1000000, &c.max_fail, err);
        if (r == 0)
                r = choose_number(s, SETTING_SEED, UINT32_MAX, &c.seed, err);
        if (r == 0)
                r = choose_number(s, SETTING_DURATIONS, 1000000, &c.durations, err);
        if (r == 0)
                r = choose_limits(s, &c, err);
        if (r < 0)
                return r;
        if (s->v[SETTING_TIMEOUT].text != NULL) {
                c.timeout = strtod(s->v[SETTING_TIMEOUT].text, &end);
                if (*end != '\0' || end == s->v[SETTING_TIMEOUT].text ||
                    !(c.timeout >= 0 && c.timeout <= 604800))
                        return refuse(s, SETTING_TIMEOUT, err, "seconds, 0 to 604800 (0: no limit)");
        }
        i = choose_word(s, SETTING_ISOLATION, names_isolation, "\"cell\" or \"none\"", SPEC_ISOLATION_CELL,
                        err);
        if (i < 0)
                return i;
        c.isolation = (enum spec_isolation)i;
        i = choose_word(s, SETTING_ENFORCE, names_enforce, "\"required\" or \"best-effort\"",
                        SPEC_ENFORCE_REQUIRED, err);
        if (i < 0)
                return i;
        c.enforce = (enum spec_enforce)i;
        i = choose_word(s, SETTING_REUSE, names_reuse, "\"rollback\", \"cell\" or \"never\"",
                        SPEC_REUSE_ROLLBACK, err);
        if (i < 0)
                return i;
        c.reuse = (enum spec_reuse)i;
        i = choose_word(s, SETTING_NETWORK, names_network, "\"private\", \"host\" or \"none\"",
                        SPEC_NETWORK_PRIVATE, err);
        if (i < 0)
                return i;
        c.network = (enum spec_network)i;
        i = choose_word(s, SETTING_SESSION_FIXTURES, names_session_fixtures, "\"worker\" or \"once\"",
                        SPEC_SESSION_FIXTURES_WORKER, err);
        if (i < 0)
                return i;
        c.session_fixtures = (enum spec_session_fixtures)i;
        i = choose_word(s, SETTING_FORMAT, formats, "\"human\" or \"json\"", FORMAT_HUMAN, err);
        if (i < 0)
                return i;
        c.format = (enum format)i;
        i = choose_word(s, SETTING_COLOR, colors, "\"auto\", \"yes\" or \"no\"", COLOR_AUTO, err);
        if (i < 0)
                return i;
        c.color = (enum color)i;
        i = choose_word(s, SETTING_DISCOVERY_CACHE, switches, "true or false", 1, err);
        if (i < 0)
                return i;
        c.discovery_cache = i % 2 == 1;
        c.django_settings = s->v[SETTING_DJANGO_SETTINGS].text;
        if (s->v[SETTING_DJANGO_SETTINGS].rank == RANK_FILE && c.django_settings[0] != '\0' &&
            getenv("DJANGO_SETTINGS_MODULE") != NULL)
                c.django_settings = NULL;
        c.python = s->v[SETTING_PYTHON].text;
        c.junit_xml = s->v[SETTING_JUNIT_XML].text;
        *ret = c;
        return 0;
}

bool settings_have_django(const struct settings *s)
{
        const char *text = s->v[SETTING_DJANGO_SETTINGS].text;

        if (text == NULL)
                text = getenv("DJANGO_SETTINGS_MODULE");
        return text != NULL && text[0] != '\0';
}

void settings_finish(struct settings *s)
{
        for (size_t i = 0; i < SETTING_COUNT; i++) {
                free(s->v[i].text);
                free(s->v[i].origin);
        }
        spec_strv_finish(&s->file_args);
        spec_strv_finish(&s->keep);
        spec_strv_finish(&s->pytest_args);
        spec_strv_finish(&s->services);
        spec_strv_finish(&s->shared);
        spec_strv_finish(&s->spawn);
        *s = (struct settings){0};
}
