/* spec/base: the error object and the buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "spec/base/buf.h"
#include "spec/base/cleanup.h"
#include "spec/base/error.h"

static void error_reads_as_one_line(void **state)
{
        struct error err;
        char line[2048];

        (void)state;
        assert_int_equal(error_set(&err, "mount", EINVAL, "overlay on %s", "/srv/p"), -EINVAL);
        error_hint(&err, "unmount it");
        error_context(&err, "cell 3\n");
        assert_string_equal(
            error_format(&err, "tach-run", line, sizeof line),
            "tach-run: mount: cell 3?: overlay on /srv/p: EINVAL (Invalid argument): unmount it");
}

static void error_without_errno_is_einval(void **state)
{
        (void)state;
        assert_int_equal(error_set(NULL, "spec", 0, "x"), -EINVAL);
}

static void error_cuts_long_text(void **state)
{
        struct error err;
        char big[4096], line[128];

        (void)state;
        memset(big, 'a', sizeof big - 1);
        big[sizeof big - 1] = '\0';
        (void)error_set(&err, "spec", EIO, "%s", big);
        assert_int_equal(strlen(err.what), sizeof err.what - 1);
        error_context(&err, "%s", big);
        assert_int_equal(strlen(error_format(&err, "p", line, sizeof line)), sizeof line - 1);
}

static void buf_grows_and_consumes(void **state)
{
        CLEANUP_BUF struct buf b = {0};

        (void)state;
        for (int i = 0; i < 1000; i++)
                assert_int_equal(buf_addf(&b, "%03d", i), 0);
        assert_int_equal(b.len, 3000);
        buf_consume(&b, 2997);
        assert_string_equal(b.data, "999");
        buf_consume(&b, 99);
        assert_int_equal(b.len, 0);
}

static void buf_reads_up_to_its_limit(void **state)
{
        CLEANUP_BUF struct buf b = {0};
        CLEANUP_CLOSE int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);

        (void)state;
        assert_int_equal(buf_read_fd(&b, zero, 100000), -EFBIG);
        assert_int_equal(buf_read_fd(&b, -1, 10), -EBADF);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(error_reads_as_one_line),   cmocka_unit_test(error_without_errno_is_einval),
            cmocka_unit_test(error_cuts_long_text),      cmocka_unit_test(buf_grows_and_consumes),
            cmocka_unit_test(buf_reads_up_to_its_limit),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
