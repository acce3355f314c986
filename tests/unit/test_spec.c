/* spec: the reader on the corpus of tests/spec, the writer, derived specs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/buf.h"
#include "spec/base/cleanup.h"
#include "spec/base/utf8.h"
#include "spec/spec.h"

static void read_file(const char *path, struct buf *out)
{
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                fail_msg("%s: %s (run from the project's folder)", path, strerror(errno));
        buf_reset(out);
        assert_int_equal(buf_adds(out, ""), 0);
        assert_int_equal(buf_read_fd(out, fd, SPEC_MAX_BYTES), 0);
}

/* The next file of DIR whose name ends in .json, as a path; 0 at the end. */
static int next_document(DIR *dir, const char *folder, char *path, size_t size)
{
        struct dirent *e;

        while ((e = readdir(dir)) != NULL) {
                const char *dot = strrchr(e->d_name, '.');

                if (dot != NULL && strcmp(dot, ".json") == 0) {
                        (void)snprintf(path, size, "%s/%s", folder, e->d_name);
                        return 1;
                }
        }
        return 0;
}

static int read_text(struct spec *spec, const char *json, struct error *err)
{
        return spec_read(spec, json, strlen(json), "run.json", err);
}

static void valid_documents_are_read_and_written_alike(void **state)
{
        static const char folder[] = "tests/spec/valid";
        DIR *dir = opendir(folder);
        char path[512];
        int n = 0;

        (void)state;
        assert_non_null(dir);
        for (; next_document(dir, folder, path, sizeof path); n++) {
                CLEANUP_BUF struct buf text = {0};
                CLEANUP_BUF struct buf first = {0};
                CLEANUP_BUF struct buf second = {0};
                CLEANUP_SPEC struct spec spec = {0};
                CLEANUP_SPEC struct spec again = {0};
                struct error err;

                read_file(path, &text);
                if (spec_read(&spec, text.data, text.len, path, &err) < 0)
                        fail_msg("%s", err.what);
                assert_int_equal(spec_write(&spec, &first, &err), 0);
                if (spec_read(&again, first.data, first.len, "written", &err) < 0)
                        fail_msg("%s: %s", path, err.what);
                assert_int_equal(spec_write(&again, &second, &err), 0);
                assert_string_equal(first.data, second.data);
        }
        (void)closedir(dir);
        assert_true(n >= 10);
}

static void refuse_documents(const char *folder, int at_least)
{
        DIR *dir = opendir(folder);
        char path[512], line[2048];
        int n = 0;

        assert_non_null(dir);
        for (; next_document(dir, folder, path, sizeof path); n++) {
                CLEANUP_BUF struct buf text = {0};
                CLEANUP_BUF struct buf expected = {0};
                struct spec spec = {.hostname = path};
                struct error err;

                read_file(path, &text);
                if (spec_read(&spec, text.data, text.len, "run.json", &err) != -EINVAL)
                        fail_msg("%s was accepted", path);
                assert_ptr_equal(spec.hostname, path); /* untouched */
                (void)error_format(&err, "tach-run", line, sizeof line - 1);
                strcat(line, "\n");
                memcpy(strrchr(path, '.'), ".err", 5);
                read_file(path, &expected);
                if (strcmp(line, expected.data) != 0)
                        fail_msg("%s:\n  expected %s     found %s", path, expected.data, line);
        }
        (void)closedir(dir);
        assert_true(n >= at_least);
}

static void invalid_documents_are_refused_in_one_line(void **state)
{
        (void)state;
        refuse_documents("tests/spec/invalid", 60);
        refuse_documents("tests/spec/invalid/text", 50);
}

static void errors_may_go_nowhere(void **state)
{
        struct spec spec;

        (void)state;
        assert_int_equal(read_text(&spec, "{\"x\":1}", NULL), -EINVAL);
        assert_int_equal(read_text(&spec, "{\"linux\":{\"namespaces\":[{\"type\":\"x\"}]}}", NULL), -EINVAL);
        assert_int_equal(read_text(&spec, "[", NULL), -EINVAL);
}

static void defaults_are_as_documented(void **state)
{
        CLEANUP_SPEC struct spec s = {0};
        CLEANUP_SPEC struct spec read = {0};
        CLEANUP_BUF struct buf a = {0};
        CLEANUP_BUF struct buf b = {0};
        struct error err;

        (void)state;
        assert_int_equal(spec_init(&s, &err), 0);
        assert_true(s.process.no_new_privileges && s.root.readonly && !s.process.terminal);
        assert_string_equal(s.root.path, "/");
        assert_string_equal(s.hostname, "tach");
        assert_string_equal(s.tach.python, "/usr/bin/python3");
        assert_int_equal(s.linux_.namespaces, SPEC_NS_ALL);
        assert_true(s.tach.timeout > 59.9 && s.tach.timeout < 60.1);
        assert_int_equal(s.tach.enforce, SPEC_ENFORCE_REQUIRED);
        assert_int_equal(s.tach.isolation, SPEC_ISOLATION_CELL);
        assert_int_equal(s.linux_.resources.memory_limit, -1);
        assert_null(s.linux_.seccomp.default_action);
        assert_false(s.tach.has_tests || s.linux_.has_masked || s.linux_.has_readonly);
        assert_int_equal(read_text(&read, "{\"ociVersion\":\"1.1.0\"}", &err), 0);
        assert_int_equal(spec_write(&s, &a, &err), 0);
        assert_int_equal(spec_write(&read, &b, &err), 0);
        assert_string_equal(a.data, b.data);
}

static void fields_arrive(void **state)
{
        CLEANUP_BUF struct buf text = {0};
        CLEANUP_SPEC struct spec s = {0};
        struct error err;

        (void)state;
        read_file("tests/spec/valid/full.json", &text);
        assert_int_equal(spec_read(&s, text.data, text.len, "full.json", &err), 0);
        assert_true(s.process.has_user && s.process.has_capabilities);
        assert_int_equal(s.process.uid, 1000);
        assert_int_equal(s.process.gid, UINT32_MAX);
        assert_int_equal(s.process.env.n, 2);
        assert_string_equal(s.process.env.v[1], "LANG=C.UTF-8");
        assert_int_equal(s.process.rlimits.n, 3);
        assert_true(s.process.rlimits.v[1].hard == UINT64_MAX);
        assert_int_equal(s.process.bounding.n, 2);
        assert_string_equal(s.process.ambient.v[0], "CAP_CHECKPOINT_RESTORE");
        assert_int_equal(s.mounts.n, 4);
        assert_string_equal(s.mounts.v[0].options.v[1], "ro");
        assert_string_equal(s.mounts.v[1].destination, "/var/cache");
        assert_string_equal(s.mounts.v[2].destination, "/");
        assert_string_equal(s.mounts.v[3].destination, "/a/...");
        assert_null(s.mounts.v[2].type);
        assert_int_equal(s.linux_.uid_mappings.v[0].host_id, 100000);
        assert_int_equal(s.linux_.gid_mappings.v[0].container_id, 1000);
        assert_int_equal(s.linux_.seccomp.n_rules, 3);
        assert_int_equal(s.linux_.seccomp.default_errno_ret, 38);
        assert_int_equal(s.linux_.seccomp.rules[0].errno_ret, -1);
        assert_int_equal(s.linux_.seccomp.rules[1].n_args, 3);
        assert_true(s.linux_.seccomp.rules[1].args[1].value == UINT64_MAX);
        assert_int_equal(s.linux_.resources.memory_swap, -1);
        assert_int_equal(s.linux_.resources.memory_reservation, 0);
        assert_string_equal(s.linux_.resources.cpu_cpus, "0-1");
        assert_string_equal(s.linux_.resources.unified.v[0].key, "memory.high");
        assert_int_equal(s.linux_.readonly_paths.n, 2);
        assert_string_equal(s.annotations.v[2].key, "n\xc3\xa4me mit Leerzeichen");
        assert_string_equal(s.tach.tests.v[1], "tests/test_a.py::test_x[\xc3\xa4-\xf0\x9f\x98\x80]");
        assert_int_equal(s.tach.workers, 1024);
        assert_true(s.tach.timeout > 2.49 && s.tach.timeout < 2.51);
        assert_int_equal(s.tach.enforce, SPEC_ENFORCE_BEST_EFFORT);
}

static void over_long_text_is_not_parsed(void **state)
{
        CLEANUP_FREE char *big = malloc(SPEC_MAX_BYTES + 1);
        struct error err;
        struct spec s;

        (void)state;
        assert_non_null(big);
        memset(big, ' ', SPEC_MAX_BYTES + 1);
        memcpy(big, "{\"ociVersion\":\"1.1.0\"}", 22);
        assert_int_equal(spec_read(&s, big, SPEC_MAX_BYTES + 1, "<stdin>", &err), -EINVAL);
        assert_string_equal(err.what, "<stdin>:1:1: $: longer than 16777216 bytes");
        assert_int_equal(spec_read(&s, big, SPEC_MAX_BYTES, "<stdin>", &err), 0);
        spec_finish(&s);
}

static void values_are_bounded(void **state)
{
        CLEANUP_BUF struct buf text = {0};
        struct error err;
        struct spec s;

        (void)state;
        assert_int_equal(buf_adds(&text, "{\"ociVersion\":\"1.1.0\",\"tach\":{\"tests\":[\"\""), 0);
        for (int i = 0; i < 1 << 20; i++)
                assert_int_equal(buf_adds(&text, ",\"\""), 0);
        assert_int_equal(buf_adds(&text, "]}}"), 0);
        assert_int_equal(spec_read(&s, text.data, text.len, "run.json", &err), -EINVAL);
        assert_string_equal(err.what, "run.json:1:3145756: $.tach.tests[1048572]: more than 1048576 values");
}

static void columns_count_characters(void **state)
{
        struct error err;
        struct spec s;

        (void)state;
        assert_int_equal(read_text(&s, "{\"annotations\":{\"\xc3\xa4\xe2\x82\xac\":1}}", &err), -EINVAL);
        assert_string_equal(
            err.what,
            "run.json:1:22: $.annotations[\"\xc3\xa4\xe2\x82\xac\"]: expected a string, found a number");
}

static void a_test_gets_the_runs_sandbox(void **state)
{
        CLEANUP_SPEC struct spec run = {0};
        CLEANUP_SPEC struct spec test = {0};
        struct error err;

        (void)state;
        assert_int_equal(
            read_text(&run,
                      "{\"ociVersion\":\"1.1.0\",\"hostname\":\"w\",\"annotations\":{\"tach.nodeid\":"
                      "\"old\",\"a\":\"b\"},\"tach\":{\"tests\":[\"x\",\"y\"],\"workers\":7}}",
                      &err),
            0);
        assert_int_equal(spec_derive_test(&run, "t.py::test_a", &test, &err), 0);
        assert_string_equal(test.hostname, "w");
        assert_int_equal(test.tach.workers, 1);
        assert_int_equal(test.tach.tests.n, 1);
        assert_string_equal(test.tach.tests.v[0], "t.py::test_a");
        assert_int_equal(test.annotations.n, 2);
        for (size_t i = 0; i < 2; i++)
                if (strcmp(test.annotations.v[i].key, "tach.nodeid") == 0)
                        assert_string_equal(test.annotations.v[i].value, "t.py::test_a");
        assert_int_equal(run.tach.tests.n, 2);
        assert_int_equal(run.tach.workers, 7);
}

static void seconds_keep_their_value(void **state)
{
        static const double values[] = {0.1, 1.0 / 3.0, 604800.0, 5e-324, 2.5};

        (void)state;
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
                CLEANUP_SPEC struct spec s = {0};
                CLEANUP_SPEC struct spec again = {0};
                CLEANUP_BUF struct buf text = {0};
                struct error err;

                assert_int_equal(spec_init(&s, &err), 0);
                s.tach.timeout = values[i];
                assert_int_equal(spec_write(&s, &text, &err), 0);
                assert_int_equal(spec_read(&again, text.data, text.len, "written", &err), 0);
                assert_memory_equal(&again.tach.timeout, &values[i], sizeof *values);
                if (i == 0)
                        assert_non_null(strstr(text.data, "\"timeout\": 0.1,"));
        }
}

static void what_no_reader_takes_is_not_written(void **state)
{
        CLEANUP_SPEC struct spec s = {0};
        CLEANUP_BUF struct buf text = {0};
        struct error err;

        (void)state;
        assert_int_equal(spec_init(&s, &err), 0);
        assert_int_equal(spec_strv_add(&s.tach.tests, "t\xff.py"), 0);
        s.tach.has_tests = true;
        assert_int_equal(spec_write(&s, &text, &err), -EILSEQ);
        assert_string_equal(err.what, "write a spec: not UTF-8: \"t?.py\"");
        assert_int_equal(text.len, 0);
        spec_finish(&s);
        assert_int_equal(spec_init(&s, &err), 0);
        s.tach.timeout = (double)NAN;
        assert_int_equal(spec_write(&s, &text, &err), -EINVAL);
}

static void messages_show_only_whole_characters(void **state)
{
        char out[8];

        (void)state;
        assert_string_equal(utf8_show(out, sizeof out, "abcdefg"), "abcdefg");
        assert_string_equal(utf8_show(out, sizeof out, "abcdefgh"), "abcd...");
        assert_string_equal(utf8_show(out, sizeof out, "abc\xc3\xa4xyz"), "abc...");
        assert_string_equal(utf8_show(out, sizeof out, "a\n\x7f\xff"), "a???");
        assert_string_equal(utf8_show(out, 4, "\xf0\x9f\x98\x80"), "...");
        assert_int_equal(utf8_span("a\xc3\xa4\xed\xa0\x80", 6), 3);
        assert_int_equal(utf8_span("\xf4\x8f\xbf\xbf", 4), 4);
        assert_int_equal(utf8_span("\xe2\x82\xac", 2), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(valid_documents_are_read_and_written_alike),
            cmocka_unit_test(invalid_documents_are_refused_in_one_line),
            cmocka_unit_test(errors_may_go_nowhere),
            cmocka_unit_test(defaults_are_as_documented),
            cmocka_unit_test(fields_arrive),
            cmocka_unit_test(over_long_text_is_not_parsed),
            cmocka_unit_test(values_are_bounded),
            cmocka_unit_test(columns_count_characters),
            cmocka_unit_test(a_test_gets_the_runs_sandbox),
            cmocka_unit_test(seconds_keep_their_value),
            cmocka_unit_test(what_no_reader_takes_is_not_written),
            cmocka_unit_test(messages_show_only_whole_characters),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
