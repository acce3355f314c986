/* What a worker has for standard input and output where these are passed on; base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "runtime/base/base64.h"
#include "runtime/engine/console.h"

static const struct winsize size = {.ws_row = 7, .ws_col = 99};

static void open_console(struct console *c, struct console_ends *ends, const struct spec *spec)
{
        struct error err = {0};

        if (console_open(c, spec, 1, &size, ends, &err) < 0)
                fail_msg("%s: %s", err.what, strerror(err.errnum));
}

static void base64_is_rfc_4648s(void **state)
{
        static const char *const pairs[][2] = {
            {"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
            {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xff\xfe\xfd?", "//79Pw=="}};
        static const char *const wrong[] = {"Z", "Zg=", "Zg==Zg==", "====", "Zm9v*g==", "=m9v"};

        (void)state;
        for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
                struct buf there = {0}, back = {0};

                assert_int_equal(base64_encode(&there, pairs[i][0], strlen(pairs[i][0])), 0);
                assert_string_equal(there.data != NULL ? there.data : "", pairs[i][1]);
                assert_int_equal(base64_decode(&back, pairs[i][1]), 0);
                assert_string_equal(back.data != NULL ? back.data : "", pairs[i][0]);
                buf_finish(&there);
                buf_finish(&back);
        }
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                struct buf back = {0};

                assert_int_equal(base64_decode(&back, wrong[i]), -EINVAL);
                buf_finish(&back);
        }
}

/* A line at a time, and only when the one before was read; what was not read comes back. */
static void pipes_are_fed_by_the_line(void **state)
{
        const struct spec spec = {.tach = {.output = SPEC_OUTPUT_STREAMS}};
        struct buf pending = {0};
        struct console_ends ends;
        struct console c;
        char got[64];

        (void)state;
        open_console(&c, &ends, &spec);
        assert_int_equal(buf_adds(&pending, "one\ntwo\nthree\nrest"), 0);
        assert_int_equal(console_feed(&c, &pending, 0), 1);
        assert_int_equal(console_feed(&c, &pending, 0), 1);
        assert_string_equal(pending.data, "two\nthree\nrest");
        assert_int_equal(read(ends.fds[0], got, sizeof got), 4);
        assert_int_equal(console_feed(&c, &pending, 0), 1);
        assert_int_equal(console_take_back(&c, &pending), 0);
        assert_string_equal(pending.data, "two\nthree\nrest");
        assert_int_equal(read(ends.fds[0], got, sizeof got), 0);
        console_close_ends(&ends);
        console_finish(&c);

        open_console(&c, &ends, &spec);
        buf_consume(&pending, strlen("two\nthree\n"));
        assert_int_equal(console_feed(&c, &pending, 1), 1);
        assert_int_equal(read(ends.fds[0], got, sizeof got), 4);
        assert_int_equal(console_feed(&c, &pending, 1), 0);
        assert_int_equal(read(ends.fds[0], got, sizeof got), 0); /* the end */
        console_close_ends(&ends);
        assert_int_equal(console_read(&c, CONSOLE_OUT, got, sizeof got), -EPIPE);
        assert_int_equal(console_read(&c, CONSOLE_ERR, got, sizeof got), -EPIPE);
        console_finish(&c);
        assert_false(console_is_open(&c));
        buf_finish(&pending);
}

static void streams_are_joined_or_apart(void **state)
{
        struct spec spec = {.tach = {.output = SPEC_OUTPUT_STREAMS}};
        struct console_ends ends;
        struct console c;
        char got[64];

        (void)state;
        open_console(&c, &ends, &spec);
        assert_int_equal(write(ends.fds[1], "out", 3), 3);
        assert_int_equal(write(ends.fds[2], "errors", 6), 6);
        assert_int_equal(console_read(&c, CONSOLE_OUT, got, sizeof got), 3);
        assert_int_equal(console_read(&c, CONSOLE_OUT, got, sizeof got), 0);
        assert_int_equal(console_read(&c, CONSOLE_ERR, got, sizeof got), 6);
        console_close_ends(&ends);
        console_finish(&c);
        spec.tach.output = SPEC_OUTPUT_JOINED;
        open_console(&c, &ends, &spec);
        assert_int_equal(write(ends.fds[1], "a", 1) + write(ends.fds[2], "b", 1) + write(ends.fds[1], "c", 1),
                         3);
        assert_int_equal(console_read(&c, CONSOLE_OUT, got, sizeof got), 3);
        assert_memory_equal(got, "abc", 3);
        console_close_ends(&ends);
        console_finish(&c);
}

static void terminals_are_terminals(void **state)
{
        const struct spec spec = {.process = {.terminal = true}};
        const struct winsize other = {.ws_row = 8, .ws_col = 100};
        struct buf pending = {0};
        struct console_ends ends;
        struct winsize found;
        struct console c;
        char got[64];

        (void)state;
        open_console(&c, &ends, &spec);
        for (int i = 0; i < 3; i++)
                assert_true(isatty(ends.fds[i]));
        assert_int_equal(ioctl(ends.fds[2], TIOCGWINSZ, &found), 0);
        assert_int_equal(found.ws_row, 7);
        assert_int_equal(found.ws_col, 99);
        console_resize(&c, &other);
        assert_int_equal(ioctl(ends.fds[0], TIOCGWINSZ, &found), 0);
        assert_int_equal(found.ws_col, 100);
        assert_int_equal(buf_adds(&pending, "line\rmore"), 0);
        assert_int_equal(console_feed(&c, &pending, 0), 0);
        assert_int_equal(pending.len, 0);
        assert_int_equal(read(ends.fds[0], got, sizeof got), 5);
        assert_memory_equal(got, "line\n", 5);
        assert_int_equal(console_read(&c, CONSOLE_OUT, got, sizeof got), 10); /* the echo */
        assert_memory_equal(got, "line\r\nmore", 10);
        console_close_ends(&ends);
        assert_int_equal(console_read(&c, CONSOLE_OUT, got, sizeof got), -EPIPE);
        console_finish(&c);
        buf_finish(&pending);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(base64_is_rfc_4648s),
            cmocka_unit_test(pipes_are_fed_by_the_line),
            cmocka_unit_test(streams_are_joined_or_apart),
            cmocka_unit_test(terminals_are_terminals),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
