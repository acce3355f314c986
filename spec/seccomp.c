/* How it works: the tables say which keys a filter, a rule and a test have. The profiles of container engines
 * say "no arguments" and "no condition" also by null, and an error also by its name. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/utf8.h"
#include "spec/names.h"
#include "spec/spec.h"
#include "spec/take.h"

#define MAX_ERRNO 4095

static int take_one_of(struct reader *rd, const struct node *n, void *at, const char *const *names,
                       const char *what)
{
        int i = take_name(rd, n, names, what);

        return i < 0 ? i : take_string(rd, n, at);
}

static int take_action(struct reader *rd, const struct node *n, void *at)
{
        return take_one_of(rd, n, at, names_seccomp_actions, "action");
}

static int take_operator(struct reader *rd, const struct node *n, void *at)
{
        return take_one_of(rd, n, at, names_seccomp_operators, "operator");
}

static int take_architecture(struct reader *rd, const struct node *n, void *at)
{
        return take_one_of(rd, n, at, names_seccomp_architectures, "architecture");
}

static int take_capability(struct reader *rd, const struct node *n, void *at)
{
        return take_one_of(rd, n, at, names_capabilities, "capability");
}

static int take_index(struct reader *rd, const struct node *n, void *at)
{
        uint64_t v;
        int r = take_integer(rd, n, 5, &v);

        if (r == 0)
                *(uint32_t *)at = (uint32_t)v;
        return r;
}

/* Two ways to say the same must say the same. */
static int give_errno(struct reader *rd, const struct node *n, int64_t v, int64_t *at)
{
        if (*at >= 0 && *at != v)
                return refuse(rd, n, "another error than the one beside it");
        *at = v;
        return 0;
}

static int take_errno(struct reader *rd, const struct node *n, void *at)
{
        uint64_t v;
        int r = take_integer(rd, n, MAX_ERRNO, &v);

        return r == 0 ? give_errno(rd, n, (int64_t)v, at) : r;
}

static int take_errno_name(struct reader *rd, const struct node *n, void *at)
{
        int r = take_expect(rd, n, NODE_STRING);

        for (int v = 1; r == 0 && v <= MAX_ERRNO; v++) {
                const char *name = strerrorname_np(v);

                if (name != NULL && strcmp(name, n->text) == 0)
                        return give_errno(rd, n, v, at);
        }
        return r < 0 ? r : refuse(rd, n, "unknown error \"%s\"", UTF8_SHOW(n->text));
}

static int take_comment(struct reader *rd, const struct node *n, void *at)
{
        (void)at;
        return take_expect(rd, n, NODE_STRING);
}

static int take_architectures(struct reader *rd, const struct node *n, void *at)
{
        return n->type == NODE_NULL ? 0 : take_strings(rd, n, at, take_architecture);
}

static int take_capabilities(struct reader *rd, const struct node *n, void *at)
{
        return take_strings(rd, n, at, take_capability);
}

/* "4.8" */
static int take_min_kernel(struct reader *rd, const struct node *n, void *at)
{
        struct spec_seccomp_when *when = at;
        int r = take_expect(rd, n, NODE_STRING);
        const char *s;

        if (r < 0)
                return r;
        s = n->text;
        for (int i = 0; i < 2; i++) {
                size_t digits = strspn(s, "0123456789");

                if (digits == 0 || digits > 6 || s[digits] != (i == 0 ? '.' : '\0'))
                        return refuse(rd, n, "expected a version \"MAJOR.MINOR\", found \"%s\"",
                                      UTF8_SHOW(n->text));
                when->min_kernel[i] = (uint32_t)strtoul(s, NULL, 10);
                s += digits + 1;
        }
        when->has_min_kernel = true;
        return 0;
}

static int take_when(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"caps", take_capabilities, offsetof(struct spec_seccomp_when, caps)},
            {"arches", take_strv, offsetof(struct spec_seccomp_when, arches)},
            {"minKernel", take_min_kernel, 0},
        };

        return n->type == NODE_NULL ? 0 : TAKE_OBJECT(rd, n, fields, at);
}

static int take_arg(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"index", take_index, offsetof(struct spec_seccomp_arg, index)},
            {"value", take_u64, offsetof(struct spec_seccomp_arg, value)},
            {"valueTwo", take_u64, offsetof(struct spec_seccomp_arg, value_two)},
            {"op", take_operator, offsetof(struct spec_seccomp_arg, op)},
        };
        int r = TAKE_OBJECT(rd, n, fields, at);

        return r == 0 ? take_need(rd, n, "op") : r;
}

static int take_args(struct reader *rd, const struct node *n, void *at)
{
        struct spec_seccomp_rule *rule = at;

        if (n->type == NODE_NULL)
                return 0;
        if (n->n > 6)
                return refuse(rd, n, "more than 6 arguments");
        return take_array(rd, n, &rule->args, &rule->n_args, sizeof *rule->args, take_arg);
}

static int take_rule(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"names", take_strv, offsetof(struct spec_seccomp_rule, names)},
            {"action", take_action, offsetof(struct spec_seccomp_rule, action)},
            {"errnoRet", take_errno, offsetof(struct spec_seccomp_rule, errno_ret)},
            {"errno", take_errno_name, offsetof(struct spec_seccomp_rule, errno_ret)},
            {"args", take_args, 0},
            {"comment", take_comment, 0},
            {"includes", take_when, offsetof(struct spec_seccomp_rule, includes)},
            {"excludes", take_when, offsetof(struct spec_seccomp_rule, excludes)},
        };
        int r;

        ((struct spec_seccomp_rule *)at)->errno_ret = -1;
        r = TAKE_OBJECT(rd, n, fields, at);
        if (r == 0)
                r = take_need(rd, n, "names");
        return r == 0 ? take_need(rd, n, "action") : r;
}

static int take_rules(struct reader *rd, const struct node *n, void *at)
{
        struct spec_seccomp *s = at;

        return take_array(rd, n, &s->rules, &s->n_rules, sizeof *s->rules, take_rule);
}

static int take_arch(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"architecture", take_architecture, offsetof(struct spec_seccomp_arch, architecture)},
            {"subArchitectures", take_architectures, offsetof(struct spec_seccomp_arch, sub_architectures)},
        };
        int r = TAKE_OBJECT(rd, n, fields, at);

        return r == 0 ? take_need(rd, n, "architecture") : r;
}

static int take_arch_map(struct reader *rd, const struct node *n, void *at)
{
        struct spec_seccomp *s = at;

        return take_array(rd, n, &s->arch_map, &s->n_arch_map, sizeof *s->arch_map, take_arch);
}

int take_seccomp(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"defaultAction", take_action, offsetof(struct spec_seccomp, default_action)},
            {"defaultErrnoRet", take_errno, offsetof(struct spec_seccomp, default_errno_ret)},
            {"defaultErrno", take_errno_name, offsetof(struct spec_seccomp, default_errno_ret)},
            {"architectures", take_architectures, offsetof(struct spec_seccomp, architectures)},
            {"archMap", take_arch_map, 0},
            {"flags", take_strv, offsetof(struct spec_seccomp, flags)},
            {"syscalls", take_rules, 0},
        };
        int r = TAKE_OBJECT(rd, n, fields, at);

        return r == 0 ? take_need(rd, n, "defaultAction") : r;
}

int spec_seccomp_read(struct spec_seccomp *ret, const char *json, size_t len, const char *origin,
                      struct error *err)
{
        struct reader rd = {.doc = {.origin = origin, .text = json, .len = len}, .err = err};
        struct spec_seccomp profile = {.default_errno_ret = -1};
        int r;

        if (len > SPEC_MAX_BYTES)
                return error_set(err, "spec", 0, "%s:1:1: $: longer than %u bytes", origin, SPEC_MAX_BYTES);
        r = document_parse(&rd.doc, err);
        if (r < 0)
                return r;
        r = take_seccomp(&rd, rd.doc.root, &profile);
        document_finish(&rd.doc);
        if (r < 0)
                spec_seccomp_finish(&profile);
        else
                *ret = profile;
        return r;
}

/* The file's bytes, as the assembler includes them. */
extern const char seccomp_json[];
extern const uint64_t seccomp_json_length;
__asm__(".pushsection .rodata\n"
        ".global seccomp_json\n"
        ".global seccomp_json_length\n"
        "seccomp_json:\n"
        ".incbin \"spec/seccomp.json\"\n"
        "1:\n"
        ".byte 0\n"
        ".balign 8\n"
        "seccomp_json_length:\n"
        ".quad 1b - seccomp_json\n"
        ".popsection\n");

const char *spec_seccomp_default(size_t *ret_len)
{
        *ret_len = (size_t)seccomp_json_length;
        return seccomp_json;
}
