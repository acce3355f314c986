/* How it works: yajl_gen writes; what is absent is left out, what has a default is written with its value. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "spec/base/utf8.h"
#include "spec/names.h"
#include "spec/spec.h"

static void text(yajl_gen g, const char *s)
{
        (void)yajl_gen_string(g, (const unsigned char *)s, strlen(s));
}

static void put_text(yajl_gen g, const char *key, const char *s)
{
        if (s == NULL)
                return;
        text(g, key);
        text(g, s);
}

static void put_bool(yajl_gen g, const char *key, bool v)
{
        text(g, key);
        (void)yajl_gen_bool(g, v);
}

static void put_unsigned(yajl_gen g, const char *key, uint64_t v)
{
        char digits[24];
        int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)v);

        text(g, key);
        (void)yajl_gen_number(g, digits, (size_t)n);
}

/* Left out where V is -1. */
static void put_limit(yajl_gen g, const char *key, int64_t v)
{
        if (v >= 0)
                put_unsigned(g, key, (uint64_t)v);
}

static void put_seconds(yajl_gen g, const char *key, double v)
{
        char digits[64];
        int n = 0;

        for (int precision = 15; precision <= 17; precision++) { /* the shortest that reads as the same */
                n = snprintf(digits, sizeof digits, "%.*g", precision, v);
                if (strtod(digits, NULL) == v)
                        break;
        }

        text(g, key);
        (void)yajl_gen_number(g, digits, (size_t)n);
}

static void put_strv(yajl_gen g, const char *key, const struct spec_strv *strv)
{
        text(g, key);
        (void)yajl_gen_array_open(g);
        for (size_t i = 0; i < strv->n; i++)
                text(g, strv->v[i]);
        (void)yajl_gen_array_close(g);
}

static void put_pairs(yajl_gen g, const char *key, const struct spec_pairs *pairs)
{
        if (pairs->n == 0)
                return;
        text(g, key);
        (void)yajl_gen_map_open(g);
        for (size_t i = 0; i < pairs->n; i++)
                put_text(g, pairs->v[i].key, pairs->v[i].value);
        (void)yajl_gen_map_close(g);
}

static void write_process(yajl_gen g, const struct spec *s)
{
        text(g, "process");
        (void)yajl_gen_map_open(g);
        put_bool(g, "terminal", s->process.terminal);
        if (s->process.rows > 0 || s->process.columns > 0) {
                text(g, "consoleSize");
                (void)yajl_gen_map_open(g);
                put_unsigned(g, "height", s->process.rows);
                put_unsigned(g, "width", s->process.columns);
                (void)yajl_gen_map_close(g);
        }
        put_bool(g, "noNewPrivileges", s->process.no_new_privileges);
        put_text(g, "cwd", s->process.cwd);
        put_strv(g, "env", &s->process.env);
        if (s->process.args.n > 0)
                put_strv(g, "args", &s->process.args);
        if (s->process.has_user) {
                text(g, "user");
                (void)yajl_gen_map_open(g);
                put_unsigned(g, "uid", s->process.uid);
                put_unsigned(g, "gid", s->process.gid);
                (void)yajl_gen_map_close(g);
        }
        if (s->process.has_capabilities) {
                text(g, "capabilities");
                (void)yajl_gen_map_open(g);
                put_strv(g, "bounding", &s->process.bounding);
                put_strv(g, "effective", &s->process.effective);
                put_strv(g, "permitted", &s->process.permitted);
                put_strv(g, "inheritable", &s->process.inheritable);
                put_strv(g, "ambient", &s->process.ambient);
                (void)yajl_gen_map_close(g);
        }
        if (s->process.rlimits.n > 0) {
                text(g, "rlimits");
                (void)yajl_gen_array_open(g);
                for (size_t i = 0; i < s->process.rlimits.n; i++) {
                        (void)yajl_gen_map_open(g);
                        put_text(g, "type", s->process.rlimits.v[i].type);
                        put_unsigned(g, "soft", s->process.rlimits.v[i].soft);
                        put_unsigned(g, "hard", s->process.rlimits.v[i].hard);
                        (void)yajl_gen_map_close(g);
                }
                (void)yajl_gen_array_close(g);
        }
        (void)yajl_gen_map_close(g);
}

static void write_mounts(yajl_gen g, const struct spec_mounts *mounts)
{
        if (mounts->n == 0)
                return;
        text(g, "mounts");
        (void)yajl_gen_array_open(g);
        for (size_t i = 0; i < mounts->n; i++) {
                (void)yajl_gen_map_open(g);
                put_text(g, "destination", mounts->v[i].destination);
                put_text(g, "type", mounts->v[i].type);
                put_text(g, "source", mounts->v[i].source);
                if (mounts->v[i].options.n > 0)
                        put_strv(g, "options", &mounts->v[i].options);
                (void)yajl_gen_map_close(g);
        }
        (void)yajl_gen_array_close(g);
}

static void write_id_maps(yajl_gen g, const char *key, const struct spec_id_maps *maps)
{
        if (maps->n == 0)
                return;
        text(g, key);
        (void)yajl_gen_array_open(g);
        for (size_t i = 0; i < maps->n; i++) {
                (void)yajl_gen_map_open(g);
                put_unsigned(g, "containerID", maps->v[i].container_id);
                put_unsigned(g, "hostID", maps->v[i].host_id);
                put_unsigned(g, "size", maps->v[i].size);
                (void)yajl_gen_map_close(g);
        }
        (void)yajl_gen_array_close(g);
}

static void write_seccomp_when(yajl_gen g, const char *key, const struct spec_seccomp_when *w)
{
        char version[32];

        if (w->caps.n + w->arches.n == 0 && !w->has_min_kernel)
                return;
        text(g, key);
        (void)yajl_gen_map_open(g);
        if (w->caps.n > 0)
                put_strv(g, "caps", &w->caps);
        if (w->arches.n > 0)
                put_strv(g, "arches", &w->arches);
        (void)snprintf(version, sizeof version, "%u.%u", w->min_kernel[0], w->min_kernel[1]);
        put_text(g, "minKernel", w->has_min_kernel ? version : NULL);
        (void)yajl_gen_map_close(g);
}

static void write_seccomp_rule(yajl_gen g, const struct spec_seccomp_rule *rule)
{
        (void)yajl_gen_map_open(g);
        put_strv(g, "names", &rule->names);
        put_text(g, "action", rule->action);
        put_limit(g, "errnoRet", rule->errno_ret);
        if (rule->n_args > 0) {
                text(g, "args");
                (void)yajl_gen_array_open(g);
                for (size_t i = 0; i < rule->n_args; i++) {
                        (void)yajl_gen_map_open(g);
                        put_unsigned(g, "index", rule->args[i].index);
                        put_unsigned(g, "value", rule->args[i].value);
                        put_unsigned(g, "valueTwo", rule->args[i].value_two);
                        put_text(g, "op", rule->args[i].op);
                        (void)yajl_gen_map_close(g);
                }
                (void)yajl_gen_array_close(g);
        }
        write_seccomp_when(g, "includes", &rule->includes);
        write_seccomp_when(g, "excludes", &rule->excludes);
        (void)yajl_gen_map_close(g);
}

static void write_arch_map(yajl_gen g, const struct spec_seccomp *s)
{
        text(g, "archMap");
        (void)yajl_gen_array_open(g);
        for (size_t i = 0; i < s->n_arch_map; i++) {
                (void)yajl_gen_map_open(g);
                put_text(g, "architecture", s->arch_map[i].architecture);
                put_strv(g, "subArchitectures", &s->arch_map[i].sub_architectures);
                (void)yajl_gen_map_close(g);
        }
        (void)yajl_gen_array_close(g);
}

static void write_seccomp(yajl_gen g, const struct spec_seccomp *s)
{
        if (s->default_action == NULL)
                return;
        text(g, "seccomp");
        (void)yajl_gen_map_open(g);
        put_text(g, "defaultAction", s->default_action);
        put_limit(g, "defaultErrnoRet", s->default_errno_ret);
        put_strv(g, "architectures", &s->architectures);
        if (s->n_arch_map > 0)
                write_arch_map(g, s);
        put_strv(g, "flags", &s->flags);
        text(g, "syscalls");
        (void)yajl_gen_array_open(g);
        for (size_t i = 0; i < s->n_rules; i++)
                write_seccomp_rule(g, &s->rules[i]);
        (void)yajl_gen_array_close(g);
        (void)yajl_gen_map_close(g);
}

static void write_resources(yajl_gen g, const struct spec_resources *r)
{
        text(g, "resources");
        (void)yajl_gen_map_open(g);
        text(g, "memory");
        (void)yajl_gen_map_open(g);
        put_limit(g, "limit", r->memory_limit);
        put_limit(g, "reservation", r->memory_reservation);
        put_limit(g, "swap", r->memory_swap);
        (void)yajl_gen_map_close(g);
        text(g, "pids");
        (void)yajl_gen_map_open(g);
        put_limit(g, "limit", r->pids_limit);
        (void)yajl_gen_map_close(g);
        text(g, "cpu");
        (void)yajl_gen_map_open(g);
        put_limit(g, "shares", r->cpu_shares);
        put_limit(g, "quota", r->cpu_quota);
        put_limit(g, "period", r->cpu_period);
        put_text(g, "cpus", r->cpu_cpus);
        (void)yajl_gen_map_close(g);
        put_pairs(g, "unified", &r->unified);
        (void)yajl_gen_map_close(g);
}

static void write_linux(yajl_gen g, const struct spec *s)
{
        text(g, "linux");
        (void)yajl_gen_map_open(g);
        text(g, "namespaces");
        (void)yajl_gen_array_open(g);
        for (unsigned i = 0; names_namespaces[i] != NULL; i++)
                if ((s->linux_.namespaces & 1u << i) != 0) {
                        (void)yajl_gen_map_open(g);
                        put_text(g, "type", names_namespaces[i]);
                        (void)yajl_gen_map_close(g);
                }
        (void)yajl_gen_array_close(g);
        write_id_maps(g, "uidMappings", &s->linux_.uid_mappings);
        write_id_maps(g, "gidMappings", &s->linux_.gid_mappings);
        write_seccomp(g, &s->linux_.seccomp);
        write_resources(g, &s->linux_.resources);
        if (s->linux_.has_masked)
                put_strv(g, "maskedPaths", &s->linux_.masked_paths);
        if (s->linux_.has_readonly)
                put_strv(g, "readonlyPaths", &s->linux_.readonly_paths);
        (void)yajl_gen_map_close(g);
}

static void write_select(yajl_gen g, const struct spec_select *s)
{
        (void)yajl_gen_map_open(g);
        put_text(g, "keyword", s->keyword);
        put_text(g, "mark", s->mark);
        put_strv(g, "pythonClasses", &s->python_classes);
        put_strv(g, "pythonFunctions", &s->python_functions);
        put_bool(g, "doctestModules", s->doctest_modules);
        text(g, "unmatched");
        (void)yajl_gen_array_open(g);
        for (size_t i = 0; i < s->n_unmatched; i++) {
                (void)yajl_gen_map_open(g);
                put_text(g, "file", s->unmatched[i].file);
                put_unsigned(g, "tests", s->unmatched[i].tests);
                (void)yajl_gen_map_close(g);
        }
        (void)yajl_gen_array_close(g);
        put_strv(g, "read", &s->read);
        put_strv(g, "excluded", &s->excluded);
        put_strv(g, "included", &s->included);
        if (s->shards > 0) {
                put_unsigned(g, "shard", s->shard);
                put_unsigned(g, "shards", s->shards);
        }
        (void)yajl_gen_map_close(g);
}

static void write_tach(yajl_gen g, const struct spec *s)
{
        text(g, "tach");
        (void)yajl_gen_map_open(g);
        put_text(g, "python", s->tach.python);
        put_text(g, "project", s->tach.project);
        if (s->tach.has_tests)
                put_strv(g, "tests", &s->tach.tests);
        if (s->tach.select.given) {
                text(g, "select");
                write_select(g, &s->tach.select);
        }
        put_strv(g, "pytestArgs", &s->tach.pytest_args);
        put_strv(g, "pythonPath", &s->tach.python_path);
        put_unsigned(g, "workers", s->tach.workers);
        put_seconds(g, "timeout", s->tach.timeout);
        put_unsigned(g, "maxFail", s->tach.max_fail);
        put_text(g, "isolation", names_isolation[s->tach.isolation]);
        put_text(g, "enforce", names_enforce[s->tach.enforce]);
        put_text(g, "reuse", names_reuse[s->tach.reuse]);
        put_text(g, "output", names_output[s->tach.output]);
        put_text(g, "network", names_network[s->tach.network]);
        put_text(g, "sessionFixtures", names_session_fixtures[s->tach.session_fixtures]);
        put_text(g, "djangoSettings", s->tach.django_settings);
        put_strv(g, "shared", &s->tach.shared);
        put_strv(g, "spawn", &s->tach.spawn);
        put_limit(g, "collectMemory", s->tach.collect_memory);
        put_unsigned(g, "seed", s->tach.seed);
        put_strv(g, "services", &s->tach.services);
        put_bool(g, "cache", s->tach.cache);
        put_strv(g, "keep", &s->tach.keep);
        put_bool(g, "verifyRollback", s->tach.verify_rollback);
        put_bool(g, "reportWrites", s->tach.report_writes);
        put_text(g, "harness", s->tach.harness);
        (void)yajl_gen_map_close(g);
}

int spec_write_select(const struct spec_select *s, struct buf *out)
{
        yajl_gen g = yajl_gen_alloc(NULL);
        const unsigned char *bytes;
        size_t n;
        int r = -ENOMEM;

        if (g == NULL)
                return r;
        write_select(g, s);
        if (yajl_gen_get_buf(g, &bytes, &n) == yajl_gen_status_ok)
                r = buf_add(out, bytes, n);
        yajl_gen_free(g);
        return r;
}

/* What is written must be read again: the bytes at BYTES[BAD] are not UTF-8. */
static int not_utf8(const char *bytes, size_t bad, struct error *err)
{
        char line[256];

        while (bad > 0 && bytes[bad - 1] != '\n')
                bad--;
        bad += strspn(bytes + bad, " ");
        (void)snprintf(line, sizeof line, "%.*s", (int)strcspn(bytes + bad, "\n"), bytes + bad);
        return error_set(err, "spec", EILSEQ, "write a spec: not UTF-8: %s", UTF8_SHOW(line));
}

int spec_write(const struct spec *s, struct buf *out, struct error *err)
{
        yajl_gen g = yajl_gen_alloc(NULL);
        const unsigned char *bytes;
        size_t n;
        int r = -ENOMEM;

        if (g == NULL)
                return error_set(err, "spec", ENOMEM, "write a spec");
        if (!isfinite(s->tach.timeout)) {
                yajl_gen_free(g);
                return error_set(err, "spec", EINVAL, "write a spec: tach.timeout is not a number");
        }
        (void)yajl_gen_config(g, yajl_gen_beautify, 1);
        (void)yajl_gen_config(g, yajl_gen_indent_string, "  ");
        (void)yajl_gen_map_open(g);
        put_text(g, "ociVersion", s->oci_version);
        write_process(g, s);
        text(g, "root");
        (void)yajl_gen_map_open(g);
        put_text(g, "path", s->root.path);
        put_bool(g, "readonly", s->root.readonly);
        (void)yajl_gen_map_close(g);
        put_text(g, "hostname", s->hostname);
        write_mounts(g, &s->mounts);
        write_linux(g, s);
        put_pairs(g, "annotations", &s->annotations);
        write_tach(g, s);
        (void)yajl_gen_map_close(g);
        if (yajl_gen_get_buf(g, &bytes, &n) == yajl_gen_status_ok) {
                const size_t good = utf8_span((const char *)bytes, n);

                r = good == n ? buf_add(out, bytes, n) : not_utf8((const char *)bytes, good, err);
        }
        yajl_gen_free(g);
        return r == -ENOMEM ? error_set(err, "spec", ENOMEM, "write a spec") : r;
}
