/* libFuzzer: what spec_read accepts, spec_write writes so that it reads as the same, and never otherwise
 * than in one line does it refuse. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/utf8.h"
#include "spec/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct spec first = {0}, second = {0}, test = {0};
        struct buf a = {0}, b = {0};
        struct error err;

        if (spec_read(&first, (const char *)data, size, "run.json", &err) < 0) {
                if (strcmp(err.phase, "spec") != 0 || strncmp(err.what, "run.json:", 9) != 0 ||
                    strchr(err.what, '\n') != NULL || utf8_span(err.what, sizeof err.what) < strlen(err.what))
                        abort();
                return 0;
        }
        if (spec_write(&first, &a, &err) < 0 || spec_read(&second, a.data, a.len, "written", &err) < 0 ||
            spec_write(&second, &b, &err) < 0)
                abort();
        if (a.len != b.len || memcmp(a.data, b.data, a.len) != 0)
                abort();
        if (spec_derive_test(&first, "t.py::test", &test, &err) < 0 || test.tach.tests.n != 1)
                abort();
        spec_finish(&first);
        spec_finish(&second);
        spec_finish(&test);
        buf_finish(&a);
        buf_finish(&b);
        return 0;
}
