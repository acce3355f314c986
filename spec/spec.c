/* Defaults, ownership and derived specs. */
#include "spec/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int add(void **array, size_t n, size_t size)
{
        void *grown = reallocarray(*array, n + 1, size);

        if (grown == NULL)
                return -ENOMEM;
        *array = grown;
        return 0;
}

int spec_strv_add(struct spec_strv *strv, const char *s)
{
        void *v = strv->v;
        char *copy = strdup(s);

        if (copy == NULL || add(&v, strv->n, sizeof *strv->v) < 0) {
                free(copy);
                return -ENOMEM;
        }
        strv->v = v;
        strv->v[strv->n++] = copy;
        return 0;
}

int spec_pairs_add(struct spec_pairs *pairs, const char *key, const char *value)
{
        void *v = pairs->v;
        struct spec_pair pair = {strdup(key), strdup(value)};

        if (pair.key == NULL || pair.value == NULL || add(&v, pairs->n, sizeof *pairs->v) < 0) {
                free(pair.key);
                free(pair.value);
                return -ENOMEM;
        }
        pairs->v = v;
        pairs->v[pairs->n++] = pair;
        return 0;
}

int spec_init(struct spec *ret_spec, struct error *err)
{
        struct spec s = {0};

        s.process.no_new_privileges = true;
        s.root.readonly = true;
        s.linux_.namespaces = SPEC_NS_ALL;
        s.linux_.seccomp.default_errno_ret = -1;
        s.linux_.resources.memory_limit = s.linux_.resources.memory_reservation = -1;
        s.linux_.resources.memory_swap = s.linux_.resources.pids_limit = -1;
        s.linux_.resources.cpu_shares = s.linux_.resources.cpu_quota = s.linux_.resources.cpu_period = -1;
        s.tach.timeout = 60.0;
        s.tach.collect_memory = -1;
        s.oci_version = strdup("1.1.0");
        s.root.path = strdup("/");
        s.hostname = strdup("tach");
        s.tach.python = strdup("/usr/bin/python3");
        if (s.oci_version == NULL || s.root.path == NULL || s.hostname == NULL || s.tach.python == NULL) {
                spec_finish(&s);
                return error_set(err, "spec", ENOMEM, "a default spec");
        }
        *ret_spec = s;
        return 0;
}

bool spec_passes_output(const struct spec *spec)
{
        return spec->process.terminal || spec->tach.output != SPEC_OUTPUT_KEPT;
}

int spec_derive_test(const struct spec *run, const char *nodeid, struct spec *ret_test, struct error *err)
{
        CLEANUP_BUF struct buf text = {0};
        CLEANUP_SPEC struct spec test = {0};
        int r = spec_write(run, &text, err);

        if (r == 0)
                r = spec_read(&test, text.data, text.len, "derived spec", err);
        if (r < 0)
                return r;
        spec_strv_finish(&test.tach.tests);
        test.tach.has_tests = true;
        test.tach.workers = 1;
        for (size_t i = 0; i < test.annotations.n; i++)
                if (strcmp(test.annotations.v[i].key, "tach.nodeid") == 0) {
                        free(test.annotations.v[i].key);
                        free(test.annotations.v[i].value);
                        test.annotations.v[i] = test.annotations.v[--test.annotations.n];
                }
        if (spec_strv_add(&test.tach.tests, nodeid) < 0 ||
            spec_pairs_add(&test.annotations, "tach.nodeid", nodeid) < 0)
                return error_set(err, "spec", ENOMEM, "derive the spec of %s", nodeid);
        *ret_test = test;
        test = (struct spec){0};
        return 0;
}

bool spec_strv_has(const struct spec_strv *strv, const char *s)
{
        for (size_t i = 0; i < strv->n; i++)
                if (strcmp(strv->v[i], s) == 0)
                        return true;
        return false;
}

void spec_strv_finish(struct spec_strv *strv)
{
        for (size_t i = 0; i < strv->n; i++)
                free(strv->v[i]);
        free(strv->v);
        *strv = (struct spec_strv){0};
}

static void free_pairs(struct spec_pairs *p)
{
        for (size_t i = 0; i < p->n; i++) {
                free(p->v[i].key);
                free(p->v[i].value);
        }
        free(p->v);
}

static void free_when(struct spec_seccomp_when *w)
{
        spec_strv_finish(&w->caps);
        spec_strv_finish(&w->arches);
}

void spec_seccomp_finish(struct spec_seccomp *s)
{
        for (size_t i = 0; i < s->n_rules; i++) {
                spec_strv_finish(&s->rules[i].names);
                free(s->rules[i].action);
                for (size_t k = 0; k < s->rules[i].n_args; k++)
                        free(s->rules[i].args[k].op);
                free(s->rules[i].args);
                free_when(&s->rules[i].includes);
                free_when(&s->rules[i].excludes);
        }
        free(s->rules);
        for (size_t i = 0; i < s->n_arch_map; i++) {
                free(s->arch_map[i].architecture);
                spec_strv_finish(&s->arch_map[i].sub_architectures);
        }
        free(s->arch_map);
        free(s->default_action);
        spec_strv_finish(&s->architectures);
        spec_strv_finish(&s->flags);
        *s = (struct spec_seccomp){.default_errno_ret = -1};
}

void spec_finish(struct spec *s)
{
        struct spec_strv *const lists[] = {
            &s->process.env,
            &s->process.args,
            &s->process.bounding,
            &s->process.effective,
            &s->process.permitted,
            &s->process.inheritable,
            &s->process.ambient,
            &s->linux_.masked_paths,
            &s->linux_.readonly_paths,
            &s->tach.tests,
            &s->tach.pytest_args,
            &s->tach.python_path,
            &s->tach.services,
            &s->tach.shared,
            &s->tach.keep,
            &s->tach.spawn,
            &s->tach.select.read,
            &s->tach.select.excluded,
            &s->tach.select.included,
            &s->tach.select.python_classes,
            &s->tach.select.python_functions,
        };

        for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
                spec_strv_finish(lists[i]);
        for (size_t i = 0; i < s->process.rlimits.n; i++)
                free(s->process.rlimits.v[i].type);
        free(s->process.rlimits.v);
        for (size_t i = 0; i < s->mounts.n; i++) {
                free(s->mounts.v[i].destination);
                free(s->mounts.v[i].type);
                free(s->mounts.v[i].source);
                spec_strv_finish(&s->mounts.v[i].options);
        }
        free(s->mounts.v);
        free(s->linux_.uid_mappings.v);
        free(s->linux_.gid_mappings.v);
        spec_seccomp_finish(&s->linux_.seccomp);
        free(s->linux_.resources.cpu_cpus);
        free_pairs(&s->linux_.resources.unified);
        free_pairs(&s->annotations);
        free(s->oci_version);
        free(s->process.cwd);
        free(s->root.path);
        free(s->hostname);
        for (size_t i = 0; i < s->tach.select.n_unmatched; i++)
                free(s->tach.select.unmatched[i].file);
        free(s->tach.select.unmatched);
        free(s->tach.select.keyword);
        free(s->tach.select.mark);
        free(s->tach.python);
        free(s->tach.project);
        free(s->tach.harness);
        free(s->tach.django_settings);
        *s = (struct spec){0};
}
