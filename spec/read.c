/* How it works: node.c parses and keeps every value's place, take.c turns values into fields; the tables here
 * say which keys each object has. Deepest objects first, the root last. run.schema.json says the same. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/utf8.h"
#include "spec/glob.h"
#include "spec/names.h"
#include "spec/service.h"
#include "spec/spec.h"
#include "spec/take.h"

#define MAX_TIMEOUT 604800.0 /* a week */

static int take_workers(struct reader *rd, const struct node *n, void *at)
{
        uint64_t v;
        int r = take_integer(rd, n, 1024, &v);

        if (r == 0)
                *(uint32_t *)at = (uint32_t)v;
        return r;
}

static int take_timeout(struct reader *rd, const struct node *n, void *at)
{
        char *end;
        double v;
        int r = take_expect(rd, n, NODE_NUMBER);

        if (r < 0)
                return r;
        v = strtod(n->text, &end);
        if (*end != '\0' || !(v >= 0.0 && v <= MAX_TIMEOUT))
                return refuse(rd, n, "out of range: 0 to %.0f seconds, found %s", MAX_TIMEOUT,
                              UTF8_SHOW(n->text));
        *(double *)at = v;
        return 0;
}

static int take_isolation(struct reader *rd, const struct node *n, void *at)
{
        int i = take_name(rd, n, names_isolation, "isolation");

        if (i >= 0)
                *(enum spec_isolation *)at = (enum spec_isolation)i;
        return i < 0 ? i : 0;
}

static int take_enforce(struct reader *rd, const struct node *n, void *at)
{
        int i = take_name(rd, n, names_enforce, "way to enforce");

        if (i >= 0)
                *(enum spec_enforce *)at = (enum spec_enforce)i;
        return i < 0 ? i : 0;
}

static int take_reuse(struct reader *rd, const struct node *n, void *at)
{
        int i = take_name(rd, n, names_reuse, "kind of reuse");

        if (i >= 0)
                *(enum spec_reuse *)at = (enum spec_reuse)i;
        return i < 0 ? i : 0;
}

static int take_output(struct reader *rd, const struct node *n, void *at)
{
        int i = take_name(rd, n, names_output, "way of the output");

        if (i >= 0)
                *(enum spec_output *)at = (enum spec_output)i;
        return i < 0 ? i : 0;
}

static int take_session_fixtures(struct reader *rd, const struct node *n, void *at)
{
        int i = take_name(rd, n, names_session_fixtures, "way to set session fixtures up");

        if (i >= 0)
                *(enum spec_session_fixtures *)at = (enum spec_session_fixtures)i;
        return i < 0 ? i : 0;
}

static int take_network(struct reader *rd, const struct node *n, void *at)
{
        int i = take_name(rd, n, names_network, "network");

        if (i >= 0)
                *(enum spec_network *)at = (enum spec_network)i;
        return i < 0 ? i : 0;
}

static int take_rlimit_type(struct reader *rd, const struct node *n, void *at)
{
        int i = take_name(rd, n, names_rlimits, "limit");

        return i < 0 ? i : take_string(rd, n, at);
}

static int take_hostname(struct reader *rd, const struct node *n, void *at)
{
        static const char host[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
        int r = take_expect(rd, n, NODE_STRING);

        if (r == 0 && (n->text[0] == '\0' || strlen(n->text) > 64 || n->text[strspn(n->text, host)] != '\0'))
                return refuse(rd, n, "expected 1 to 64 letters, digits, '-', '.' or '_'");
        return r == 0 ? take_string(rd, n, at) : r;
}

static int take_version(struct reader *rd, const struct node *n, void *at)
{
        int r = take_expect(rd, n, NODE_STRING);

        if (r == 0 && strncmp(n->text, "1.", 2) != 0)
                return refuse(rd, n, "expected a version 1.x, found \"%s\"", UTF8_SHOW(n->text));
        return r == 0 ? take_string(rd, n, at) : r;
}

static int take_variable(struct reader *rd, const struct node *n, void *at)
{
        int r = take_expect(rd, n, NODE_STRING);

        if (r == 0 && (strchr(n->text, '=') == NULL || n->text[0] == '='))
                return refuse(rd, n, "expected NAME=value");
        return r == 0 ? take_string(rd, n, at) : r;
}

static int take_env(struct reader *rd, const struct node *n, void *at)
{
        return take_strings(rd, n, at, take_variable);
}

static int take_args(struct reader *rd, const struct node *n, void *at)
{
        int r = take_strings(rd, n, at, take_string);

        if (r == 0 && n->first != NULL && n->first->text[0] == '\0')
                return refuse(rd, n->first, "the program's name is empty");
        return r;
}

static int take_capability(struct reader *rd, const struct node *n, void *at)
{
        int i = take_name(rd, n, names_capabilities, "capability");

        return i < 0 ? i : take_string(rd, n, at);
}

static int take_capability_set(struct reader *rd, const struct node *n, void *at)
{
        return take_strings(rd, n, at, take_capability);
}

/* ---- process ---- */

static int take_rlimit(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"type", take_rlimit_type, offsetof(struct spec_rlimit, type)},
            {"soft", take_u64, offsetof(struct spec_rlimit, soft)},
            {"hard", take_u64, offsetof(struct spec_rlimit, hard)},
        };
        const struct spec_rlimit *limit = at;
        int r = TAKE_OBJECT(rd, n, fields, at);

        for (size_t i = 0; r == 0 && i < sizeof fields / sizeof *fields; i++)
                r = take_need(rd, n, fields[i].name);
        if (r == 0 && limit->soft > limit->hard)
                return refuse(rd, n, "soft is above hard");
        return r;
}

static int take_rlimits(struct reader *rd, const struct node *n, void *at)
{
        struct spec_rlimits *limits = at;
        int r = take_array(rd, n, &limits->v, &limits->n, sizeof *limits->v, take_rlimit);
        const struct node *c = n->first;

        for (size_t i = 0; r == 0 && i < limits->n; i++, c = c->next)
                for (size_t k = 0; r == 0 && k < i; k++)
                        if (strcmp(limits->v[i].type, limits->v[k].type) == 0)
                                r = refuse(rd, c, "duplicate limit %s", limits->v[i].type);
        return r;
}

struct user {
        uint32_t uid, gid;
};

static int take_user(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"uid", take_u32, offsetof(struct user, uid)},
            {"gid", take_u32, offsetof(struct user, gid)},
        };
        struct spec *s = at;
        struct user user = {0};
        int r = TAKE_OBJECT(rd, n, fields, &user);

        if (r == 0)
                r = take_need(rd, n, "uid");
        if (r == 0)
                r = take_need(rd, n, "gid");
        s->process.has_user = true;
        s->process.uid = user.uid;
        s->process.gid = user.gid;
        return r;
}

static int take_capabilities(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"bounding", take_capability_set, offsetof(struct spec, process.bounding)},
            {"effective", take_capability_set, offsetof(struct spec, process.effective)},
            {"permitted", take_capability_set, offsetof(struct spec, process.permitted)},
            {"inheritable", take_capability_set, offsetof(struct spec, process.inheritable)},
            {"ambient", take_capability_set, offsetof(struct spec, process.ambient)},
        };

        ((struct spec *)at)->process.has_capabilities = true;
        return TAKE_OBJECT(rd, n, fields, at);
}

/* Rows or columns, as the kernel has room for (struct winsize). */
static int take_size(struct reader *rd, const struct node *n, void *at)
{
        uint64_t v = 0;
        int r = take_integer(rd, n, UINT16_MAX, &v);

        *(uint32_t *)at = (uint32_t)v;
        return r;
}

static int take_console_size(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"height", take_size, offsetof(struct spec, process.rows)},
            {"width", take_size, offsetof(struct spec, process.columns)},
        };
        int r = TAKE_OBJECT(rd, n, fields, at);

        for (size_t i = 0; r == 0 && i < sizeof fields / sizeof *fields; i++)
                r = take_need(rd, n, fields[i].name);
        return r;
}

static int take_process(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"terminal", take_bool, offsetof(struct spec, process.terminal)},
            {"consoleSize", take_console_size, 0},
            {"noNewPrivileges", take_bool, offsetof(struct spec, process.no_new_privileges)},
            {"cwd", take_path, offsetof(struct spec, process.cwd)},
            {"env", take_env, offsetof(struct spec, process.env)},
            {"args", take_args, offsetof(struct spec, process.args)},
            {"user", take_user, 0},
            {"capabilities", take_capabilities, 0},
            {"rlimits", take_rlimits, offsetof(struct spec, process.rlimits)},
        };

        return TAKE_OBJECT(rd, n, fields, at);
}

/* ---- root, mounts ---- */

static int take_root(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"path", take_path, offsetof(struct spec, root.path)},
            {"readonly", take_bool, offsetof(struct spec, root.readonly)},
        };

        return TAKE_OBJECT(rd, n, fields, at);
}

static int take_mount(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"destination", take_clean_path, offsetof(struct spec_mount, destination)},
            {"type", take_string, offsetof(struct spec_mount, type)},
            {"source", take_string, offsetof(struct spec_mount, source)},
            {"options", take_strv, offsetof(struct spec_mount, options)},
        };
        int r = TAKE_OBJECT(rd, n, fields, at);

        return r == 0 ? take_need(rd, n, "destination") : r;
}

static int take_mounts(struct reader *rd, const struct node *n, void *at)
{
        struct spec_mounts *mounts = at;

        return take_array(rd, n, &mounts->v, &mounts->n, sizeof *mounts->v, take_mount);
}

/* ---- linux ---- */

static int take_namespace_type(struct reader *rd, const struct node *n, void *at)
{
        int i = take_name(rd, n, names_namespaces, "namespace");

        if (i >= 0)
                *(unsigned *)at = 1u << i;
        return i < 0 ? i : 0;
}

static int take_namespaces(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {{"type", take_namespace_type, 0}};
        unsigned all = 0;
        int r = take_expect(rd, n, NODE_ARRAY);

        for (const struct node *c = n->first; r == 0 && c != NULL; c = c->next) {
                unsigned bit = 0;

                r = TAKE_OBJECT(rd, c, fields, &bit);
                if (r == 0)
                        r = take_need(rd, c, "type");
                if (r == 0 && (all & bit) != 0)
                        r = refuse(rd, c, "duplicate namespace %s", c->first->text);
                all |= bit;
        }
        *(unsigned *)at = all;
        return r;
}

static int take_id_map(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"containerID", take_u32, offsetof(struct spec_id_map, container_id)},
            {"hostID", take_u32, offsetof(struct spec_id_map, host_id)},
            {"size", take_u32, offsetof(struct spec_id_map, size)},
        };
        int r = TAKE_OBJECT(rd, n, fields, at);

        for (size_t i = 0; r == 0 && i < sizeof fields / sizeof *fields; i++)
                r = take_need(rd, n, fields[i].name);
        return r;
}

static int take_id_maps(struct reader *rd, const struct node *n, void *at)
{
        struct spec_id_maps *maps = at;

        return take_array(rd, n, &maps->v, &maps->n, sizeof *maps->v, take_id_map);
}

static int take_memory(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"limit", take_limit, offsetof(struct spec_resources, memory_limit)},
            {"reservation", take_limit, offsetof(struct spec_resources, memory_reservation)},
            {"swap", take_limit, offsetof(struct spec_resources, memory_swap)},
        };

        return TAKE_OBJECT(rd, n, fields, at);
}

static int take_pids(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"limit", take_limit, offsetof(struct spec_resources, pids_limit)}};

        return TAKE_OBJECT(rd, n, fields, at);
}

static int take_cpu(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"shares", take_limit, offsetof(struct spec_resources, cpu_shares)},
            {"quota", take_limit, offsetof(struct spec_resources, cpu_quota)},
            {"period", take_limit, offsetof(struct spec_resources, cpu_period)},
            {"cpus", take_string, offsetof(struct spec_resources, cpu_cpus)},
        };

        return TAKE_OBJECT(rd, n, fields, at);
}

static int take_resources(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"memory", take_memory, 0},
            {"pids", take_pids, 0},
            {"cpu", take_cpu, 0},
            {"unified", take_pairs, offsetof(struct spec_resources, unified)},
        };

        return TAKE_OBJECT(rd, n, fields, at);
}

static int take_masked(struct reader *rd, const struct node *n, void *at)
{
        struct spec *s = at;

        s->linux_.has_masked = true;
        return take_paths(rd, n, &s->linux_.masked_paths);
}

static int take_readonly(struct reader *rd, const struct node *n, void *at)
{
        struct spec *s = at;

        s->linux_.has_readonly = true;
        return take_paths(rd, n, &s->linux_.readonly_paths);
}

static int take_linux(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"namespaces", take_namespaces, offsetof(struct spec, linux_.namespaces)},
            {"uidMappings", take_id_maps, offsetof(struct spec, linux_.uid_mappings)},
            {"gidMappings", take_id_maps, offsetof(struct spec, linux_.gid_mappings)},
            {"seccomp", take_seccomp, offsetof(struct spec, linux_.seccomp)},
            {"resources", take_resources, offsetof(struct spec, linux_.resources)},
            {"maskedPaths", take_masked, 0},
            {"readonlyPaths", take_readonly, 0},
        };

        return TAKE_OBJECT(rd, n, fields, at);
}

/* ---- tach ---- */

static int take_tests(struct reader *rd, const struct node *n, void *at)
{
        struct spec *s = at;

        s->tach.has_tests = true;
        return take_strv(rd, n, &s->tach.tests);
}

static int take_service(struct reader *rd, const struct node *n, void *at)
{
        struct service service;
        const char *wrong;
        int r = take_string(rd, n, at);

        if (r < 0)
                return r;
        wrong = service_parse(n->text, &service);
        return wrong != NULL ? refuse(rd, n, "%s", wrong) : 0;
}

static int take_services(struct reader *rd, const struct node *n, void *at)
{
        int r = take_expect(rd, n, NODE_ARRAY);

        if (r == 0 && n->n > SERVICES_MAX)
                return refuse(rd, n, "more than %d services", SERVICES_MAX);
        r = r == 0 ? take_strings(rd, n, at, take_service) : r;
        for (const struct node *c = n->first; r == 0 && c != NULL; c = c->next)
                for (const struct node *before = n->first; r == 0 && before != c; before = before->next)
                        if (strcmp(c->text, before->text) == 0)
                                r = refuse(rd, c, "duplicate service");
        return r;
}

static int take_pattern(struct reader *rd, const struct node *n, void *at)
{
        const char *wrong;
        int r = take_string(rd, n, at);

        if (r < 0)
                return r;
        wrong = glob_check(n->text);
        return wrong != NULL ? refuse(rd, n, "%s", wrong) : 0;
}

static int take_keep(struct reader *rd, const struct node *n, void *at)
{
        int r = take_expect(rd, n, NODE_ARRAY);

        if (r == 0 && n->n > SPEC_MAX_KEEP)
                return refuse(rd, n, "more than %d patterns", SPEC_MAX_KEEP);
        return r == 0 ? take_strings(rd, n, at, take_pattern) : r;
}

static int take_tach(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"python", take_path, offsetof(struct spec, tach.python)},
            {"project", take_path, offsetof(struct spec, tach.project)},
            {"tests", take_tests, 0},
            {"select", take_select, offsetof(struct spec, tach.select)},
            {"pytestArgs", take_strv, offsetof(struct spec, tach.pytest_args)},
            {"pythonPath", take_paths, offsetof(struct spec, tach.python_path)},
            {"workers", take_workers, offsetof(struct spec, tach.workers)},
            {"timeout", take_timeout, offsetof(struct spec, tach.timeout)},
            {"maxFail", take_u32, offsetof(struct spec, tach.max_fail)},
            {"isolation", take_isolation, offsetof(struct spec, tach.isolation)},
            {"enforce", take_enforce, offsetof(struct spec, tach.enforce)},
            {"reuse", take_reuse, offsetof(struct spec, tach.reuse)},
            {"output", take_output, offsetof(struct spec, tach.output)},
            {"network", take_network, offsetof(struct spec, tach.network)},
            {"sessionFixtures", take_session_fixtures, offsetof(struct spec, tach.session_fixtures)},
            {"djangoSettings", take_string, offsetof(struct spec, tach.django_settings)},
            {"shared", take_strv, offsetof(struct spec, tach.shared)},
            {"spawn", take_strv, offsetof(struct spec, tach.spawn)},
            {"collectMemory", take_limit, offsetof(struct spec, tach.collect_memory)},
            {"seed", take_u32, offsetof(struct spec, tach.seed)},
            {"services", take_services, offsetof(struct spec, tach.services)},
            {"cache", take_bool, offsetof(struct spec, tach.cache)},
            {"keep", take_keep, offsetof(struct spec, tach.keep)},
            {"verifyRollback", take_bool, offsetof(struct spec, tach.verify_rollback)},
            {"reportWrites", take_bool, offsetof(struct spec, tach.report_writes)},
            {"harness", take_path, offsetof(struct spec, tach.harness)},
        };

        return TAKE_OBJECT(rd, n, fields, at);
}

static const struct field root_fields[] = {
    {"ociVersion", take_version, offsetof(struct spec, oci_version)},
    {"process", take_process, 0},
    {"root", take_root, 0},
    {"hostname", take_hostname, offsetof(struct spec, hostname)},
    {"mounts", take_mounts, offsetof(struct spec, mounts)},
    {"linux", take_linux, 0},
    {"annotations", take_pairs, offsetof(struct spec, annotations)},
    {"tach", take_tach, 0},
};

int spec_read(struct spec *ret_spec, const char *json, size_t len, const char *origin, struct error *err)
{
        struct reader rd = {.doc = {.origin = origin, .text = json, .len = len}, .err = err};
        CLEANUP_SPEC struct spec spec = {0};
        int r;

        if (len > SPEC_MAX_BYTES)
                return error_set(err, "spec", 0, "%s:1:1: $: longer than %u bytes", origin, SPEC_MAX_BYTES);
        r = spec_init(&spec, err);
        if (r == 0)
                r = document_parse(&rd.doc, err);
        if (r < 0)
                return r;
        r = TAKE_OBJECT(&rd, rd.doc.root, root_fields, &spec);
        if (r == 0)
                r = take_need(&rd, rd.doc.root, "ociVersion");
        document_finish(&rd.doc);
        if (r == 0) {
                *ret_spec = spec;
                spec = (struct spec){0};
        }
        return r;
}
