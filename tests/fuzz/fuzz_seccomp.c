/* libFuzzer: a profile that is read, resolved and compiled decides as its policy says, whatever is called. */
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/abi.h"
#include "sandbox/bpf.h"
#include "sandbox/policy.h"
#include "spec/spec.h"
#include "tests/unit/bpf_sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const struct policy *p)
{
        CLEANUP_BPF struct bpf b = {0};
        struct error err = {0};
        uint64_t seed = 1;

        if (bpf_compile(&b, p, &err) < 0) {
                if (strcmp(err.phase, "seccomp") != 0)
                        abort();
                return;
        }
        for (int nr = 0; nr < 480; nr++)
                for (const struct policy_clause *c = p->calls[nr];; c = c->next) {
                        struct seccomp_data call = {.nr = nr, .arch = ABI_AUDIT};
                        uint64_t args[6];

                        for (size_t i = 0; i < 6; i++)
                                args[i] = seed = seed * 6364136223846793005u + 1442695040888963407u;
                        for (unsigned i = 0; c != NULL && i < c->n_tests; i++)
                                args[c->tests[i].arg] = c->tests[i].value + (seed >> 62) - 1;
                        for (size_t i = 0; i < 6; i++)
                                call.args[i] = args[i];
                        if (bpf_sim(b.v, b.n, &call) != policy_decide(p, nr, args))
                                abort();
                        if (c == NULL)
                                break;
                }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct policy_host host = {{6, 1}};
        struct spec_seccomp profile = {0};
        struct policy p = {0}, copy = {0};
        struct error err = {0};

        if (spec_seccomp_read(&profile, (const char *)data, size, "profile.json", &err) < 0) {
                if (strcmp(err.phase, "spec") != 0 || strncmp(err.what, "profile.json:", 13) != 0)
                        abort();
                return 0;
        }
        if (policy_make(&p, &profile, &host, &err) == 0) {
                if (policy_copy(&copy, &p, &err) < 0 || !policy_same(&p, &copy))
                        abort();
                compare(&p);
                policy_notify(&copy, -1);
                compare(&copy);
        } else if (strcmp(err.phase, "seccomp") != 0 || err.what[0] == '\0') {
                abort();
        }
        policy_finish(&copy);
        policy_finish(&p);
        spec_seccomp_finish(&profile);
        return 0;
}
