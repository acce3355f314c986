/* The engine's pure parts: bounds on what untrusted processes say, and how reports become outcomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/json.h"
#include "runtime/engine/event.h"
#include "runtime/engine/result.h"
#include "runtime/engine/stack.h"
#include "runtime/engine/suite.h"
#include "runtime/engine/usage.h"
#include "runtime/engine/worker.h"
#include "sandbox/group.h"

static yajl_val parse(const char *text)
{
        yajl_val v = json_parse(text, strlen(text));

        assert_non_null(v);
        return v;
}

static void feed(struct suite *s, const char *text, int expected)
{
        yajl_val v = parse(text);
        int kept;

        assert_int_equal(suite_packet(s, v, &kept), expected);
        if (!kept)
                yajl_tree_free(v);
}

static void json_refuses_deep_nesting(void **state)
{
        char *deep = malloc(2000001);

        (void)state;
        memset(deep, '[', 2000000);
        deep[2000000] = '\0';
        assert_null(json_parse(deep, 2000000));
        free(deep);
        assert_null(json_parse("[1]", 3));
        assert_null(json_parse("{", 1));
        yajl_tree_free(parse("{\"a\": \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\"}"));
}

static void suite_checks_numbers(void **state)
{
        struct suite s = {0};
        struct part part;

        (void)state;
        feed(&s, "{\"t\":\"item\",\"i\":0,\"u\":0,\"nodeid\":\"a\"}", -EPROTO); /* no such unit */
        feed(&s, "{\"t\":\"unit\",\"u\":1,\"isolation\":\"test\"}", -EPROTO);   /* out of order */
        feed(&s,
             "{\"t\":\"unit\",\"u\":0,\"isolation\":\"module\",\"why\":\"module fixture 'db'\",\"last\":1}",
             0);
        feed(&s, "{\"t\":\"item\",\"i\":0,\"u\":0,\"nodeid\":\"a::x\",\"file\":\"a\",\"line\":3}", 0);
        feed(&s, "{\"t\":\"item\",\"i\":1,\"u\":0,\"nodeid\":\"a::y\",\"file\":\"a\",\"line\":5}", 0);
        feed(&s, "{\"t\":\"collected\",\"n\":3,\"exit\":0}", -EPROTO); /* it sent two */
        feed(&s, "{\"t\":\"collected\",\"n\":2,\"exit\":0}", 1);
        feed(&s, "{\"t\":\"surprise\"}", -EPROTO);
        assert_int_equal(suite_left(&s), 1);
        assert_int_equal(suite_next(&s, &part), 1);
        assert_int_equal(suite_next(&s, &part), 0);
        part.from = 1;
        assert_int_equal(suite_again(&s, part), 0);
        assert_int_equal(suite_left(&s), 1);
        assert_int_equal(suite_next(&s, &part), 1);
        assert_int_equal(part.from, 1);
        suite_finish(&s);
}

static enum worker_line say(struct worker *w, const struct suite *s, const char *line)
{
        enum worker_line kind;
        yajl_val v;

        assert_int_equal(buf_adds(&w->in, line), 0);
        assert_int_equal(worker_line(w, s, &kind, &v), 0); /* not a whole line yet */
        assert_int_equal(buf_adds(&w->in, "\n"), 0);
        assert_int_equal(worker_line(w, s, &kind, &v), 1);
        if (v != NULL)
                yajl_tree_free(v);
        return kind;
}

/* CVE-like: a test that finds its result channel must not speak for another test. */
static void worker_speaks_for_its_own_test_only(void **state)
{
        struct suite s = {0};
        uint32_t items[] = {0, 1};
        struct worker w;

        (void)state;
        worker_init(&w, 0);
        w.items = items;
        w.n_items = 2;
        feed(&s, "{\"t\":\"unit\",\"u\":0,\"isolation\":\"module\",\"why\":\"\",\"last\":1}", 0);
        feed(&s, "{\"t\":\"item\",\"i\":0,\"u\":0,\"nodeid\":\"a::x\"}", 0);
        feed(&s, "{\"t\":\"item\",\"i\":1,\"u\":0,\"nodeid\":\"a::y\"}", 0);
        assert_int_equal(say(&w, &s, "{\"t\":\"report\",\"i\":0}"), WORKER_BROKEN); /* nothing runs */
        assert_int_equal(say(&w, &s, "{\"t\":\"begin\",\"i\":1}"), WORKER_BROKEN);  /* not its turn */
        assert_int_equal(say(&w, &s, "{\"t\":\"done\"}"), WORKER_BROKEN);           /* tests are left */
        assert_int_equal(say(&w, &s, "{\"t\":\"begin\",\"i\":0}"), WORKER_BEGIN);
        w.current = 0;
        w.next = 1;
        assert_int_equal(say(&w, &s, "{\"t\":\"report\",\"i\":1}"), WORKER_BROKEN);
        assert_int_equal(say(&w, &s, "{\"t\":\"end\",\"i\":1}"), WORKER_BROKEN);
        assert_int_equal(say(&w, &s, "{\"t\":\"enter_failed\"}"), WORKER_BROKEN);
        assert_int_equal(say(&w, &s, "garbage"), WORKER_BROKEN);
        assert_int_equal(say(&w, &s, "{\"t\":\"ask\",\"i\":1}"), WORKER_BROKEN);
        assert_int_equal(say(&w, &s, "{\"t\":\"ask\",\"i\":0}"), WORKER_ASK);
        assert_int_equal(say(&w, &s, "{\"t\":\"report\",\"i\":0}"), WORKER_REPORT);
        assert_int_equal(say(&w, &s, "{\"t\":\"end\",\"i\":0}"), WORKER_END);
        w.current = 1;
        w.next = 2;
        assert_int_equal(say(&w, &s, "{\"t\":\"ask\",\"i\":1}"), WORKER_BROKEN); /* a test ran before */
        buf_finish(&w.in);
        suite_finish(&s);
}

/* Descriptor 0 among what it does not own. */
static void worker_owns_nothing_at_first(void **state)
{
        const int copy = fcntl(0, F_DUPFD_CLOEXEC, 3), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        struct worker w;

        (void)state;
        assert_true(null >= 0 && dup2(null, 0) == 0);
        worker_init(&w, 7);
        worker_reset(&w);
        assert_true(fcntl(0, F_GETFD) >= 0);
        assert_int_equal(w.slot, 7);
        assert_int_equal(w.stage, WORKER_FREE);
        if (copy >= 0) {
                (void)dup2(copy, 0);
                (void)close(copy);
        }
        if (null > 0)
                (void)close(null);
}

/* A snapshot offers entries of its unit and reports its teardown, each in its time, and nothing else. */
static void snapshot_says_what_is_its_own(void **state)
{
        struct suite s = {.snapshots = 1};
        struct worker w;
        struct part part;

        (void)state;
        worker_init(&w, 0);
        feed(&s, "{\"t\":\"unit\",\"u\":0,\"isolation\":\"session\",\"why\":\"s\",\"last\":2}", 0);
        feed(&s, "{\"t\":\"unit\",\"u\":1,\"parent\":0,\"isolation\":\"module\",\"why\":\"m\",\"last\":2}",
             0);
        feed(&s, "{\"t\":\"item\",\"i\":0,\"u\":1,\"nodeid\":\"a::x\"}", 0);
        feed(&s, "{\"t\":\"item\",\"i\":1,\"u\":0,\"nodeid\":\"a::y\"}", 0);
        feed(&s, "{\"t\":\"item\",\"i\":2,\"u\":1,\"nodeid\":\"a::z\"}", 0);
        feed(&s, "{\"t\":\"collected\",\"n\":3,\"exit\":0}", 1);
        assert_int_equal(s.items[2].waits, 2);
        assert_int_equal(suite_left(&s), 1);
        assert_int_equal(suite_next(&s, &part), 1);
        assert_true(part.is_snapshot && part.unit == 0);
        assert_int_equal(s.units[0].n_entries, 2);
        w.snapshot = snapshot_new(0);
        assert_int_equal(say(&w, &s, "{\"t\":\"done\"}"), WORKER_BROKEN);
        assert_int_equal(say(&w, &s, "{\"t\":\"report\",\"i\":2}"), WORKER_BROKEN);
        assert_int_equal(say(&w, &s, "{\"t\":\"up\"}"), WORKER_UP);
        w.next = 1;
        assert_int_equal(say(&w, &s, "{\"t\":\"enter_failed\"}"), WORKER_BROKEN);
        assert_int_equal(say(&w, &s, "{\"t\":\"begin\",\"i\":0}"), WORKER_BROKEN);
        assert_int_equal(say(&w, &s, "{\"t\":\"ask\",\"i\":3}"), WORKER_BROKEN);
        assert_int_equal(say(&w, &s, "{\"t\":\"ask\",\"i\":1}"), WORKER_ASK);
        assert_int_equal(say(&w, &s, "{\"t\":\"offer\"}"), WORKER_OFFER);
        assert_int_equal(snapshot_offer(w.snapshot, &s.units[0], 0, 3, -1), -EPROTO);
        assert_int_equal(snapshot_offer(w.snapshot, &s.units[0], 1, 2, -1), -EPROTO);
        assert_int_equal(snapshot_offer(w.snapshot, &s.units[0], 0, 2, -1), 0);
        assert_int_equal(say(&w, &s, "{\"t\":\"offer\"}"), WORKER_BROKEN);
        assert_int_equal(snapshot_next(w.snapshot, &s, 0, &part), 1);
        assert_true(part.is_snapshot && part.unit == 1 && part.from == 0);
        assert_int_equal(snapshot_next(w.snapshot, &s, 0, &part), 1);
        assert_true(!part.is_snapshot && part.unit == 0 && part.from == 1 && part.to == 2);
        assert_int_equal(snapshot_next(w.snapshot, &s, 0, &part), 0);
        assert_int_equal(say(&w, &s, "{\"t\":\"ask\",\"i\":1}"), WORKER_BROKEN);
        /* what was asked for does not change what is offered */
        w.snapshot->phase = SNAPSHOT_SETTING_UP;
        w.snapshot->ask.item = 1;
        assert_int_equal(snapshot_again(w.snapshot, part), 0);
        assert_int_equal(snapshot_offer(w.snapshot, &s.units[0], 0, 1, -1), -EPROTO);
        assert_int_equal(snapshot_offer(w.snapshot, &s.units[0], 0, 2, -1), 0);
        assert_int_equal(snapshot_left(w.snapshot), 1);
        assert_int_equal(snapshot_next(w.snapshot, &s, 0, &part), 1);
        assert_int_equal(snapshot_next(w.snapshot, &s, 0, &part), 0);
        w.snapshot->phase = SNAPSHOT_TEARING_DOWN;
        assert_int_equal(say(&w, &s, "{\"t\":\"report\",\"i\":1}"), WORKER_BROKEN);
        assert_int_equal(say(&w, &s, "{\"t\":\"report\",\"i\":2}"), WORKER_REPORT);
        assert_int_equal(say(&w, &s, "{\"t\":\"done\"}"), WORKER_DONE);
        snapshot_free(w.snapshot);
        buf_finish(&w.in);
        suite_finish(&s);
}

/* One entry runs before the others, once. */
static void snapshot_has_a_first_entry(void **state)
{
        struct suite s = {.snapshots = 1};
        struct snapshot *one = snapshot_new(0);
        struct part part;

        (void)state;
        feed(&s, "{\"t\":\"unit\",\"u\":0,\"isolation\":\"module\",\"why\":\"m\",\"last\":2}", 0);
        feed(&s, "{\"t\":\"item\",\"i\":0,\"u\":0,\"nodeid\":\"a::x\"}", 0);
        feed(&s, "{\"t\":\"item\",\"i\":1,\"u\":0,\"nodeid\":\"a::y\"}", 0);
        feed(&s, "{\"t\":\"item\",\"i\":2,\"u\":0,\"nodeid\":\"a::z\"}", 0);
        assert_int_equal(snapshot_offer(one, &s.units[0], 0, 3, 3), -EPROTO);
        assert_int_equal(snapshot_offer(one, &s.units[0], 0, 3, 1), 0);
        assert_int_equal(snapshot_left(one), 3);
        assert_int_equal(snapshot_next(one, &s, 0, &part), 1);
        assert_int_equal(part.from, 1);
        assert_int_equal(one->first_state, SNAPSHOT_FIRST_RUNS);
        assert_int_equal(snapshot_left(one), 2);
        one->first_state = SNAPSHOT_FIRST_RAN;
        assert_int_equal(snapshot_next(one, &s, 0, &part), 1);
        assert_int_equal(part.from, 0);
        assert_int_equal(snapshot_left(one), 1);
        assert_int_equal(snapshot_next(one, &s, 0, &part), 1);
        assert_int_equal(part.from, 2);
        assert_int_equal(snapshot_next(one, &s, 0, &part), 0);
        assert_int_equal(snapshot_left(one), 0);
        snapshot_free(one);
        suite_finish(&s);
}

/* Sends the REPORTS and returns the test event's outcome as parsed back. */
static void outcome_is(const char *const *reports, size_t n, const char *outcome, const char *counted)
{
        char nodeid[] = "a::x", file[] = "a", text[4096];
        struct item item = {.nodeid = nodeid, .file = file, .line = 1};
        struct result r = {0};
        struct counts counts = {0};
        const struct refusals none = {0};
        int fd = memfd_create("events", 0);
        ssize_t got;
        yajl_val event;

        for (size_t i = 0; i < n; i++)
                assert_int_equal(result_add(&r, parse(reports[i])), 0);
        assert_int_equal(result_send(&r, &item,
                                     &(struct place){.isolation = "test", .cell = "fresh", .refusals = &none},
                                     NULL, NULL, &counts, fd),
                         0);
        got = pread(fd, text, sizeof text - 1, 0);
        assert_true(got > 0);
        text[got] = '\0';
        assert_int_equal(strncmp(text, "{\"event\":\"test\"", 15), 0);
        event = parse(text);
        assert_string_equal(json_text(event, "outcome"), outcome);
        assert_string_equal(counts.v[0].name, counted);
        yajl_tree_free(event);
        result_finish(&r);
        (void)close(fd);
}

#define SETUP    "{\"when\":\"setup\",\"outcome\":\"passed\",\"category\":\"\"}"
#define TEARDOWN "{\"when\":\"teardown\",\"outcome\":\"passed\",\"category\":\"\"}"

static void reports_become_pytests_outcomes(void **state)
{
        static const struct {
                const char *reports[3], *outcome, *counted;
        } cases[] = {
            {{SETUP, "{\"when\":\"call\",\"outcome\":\"passed\",\"category\":\"passed\"}", TEARDOWN},
             "passed",
             "passed"},
            {{SETUP, "{\"when\":\"call\",\"outcome\":\"failed\",\"category\":\"failed\"}", TEARDOWN},
             "failed",
             "failed"},
            {{SETUP, "{\"when\":\"call\",\"outcome\":\"skipped\",\"category\":\"xfailed\"}", TEARDOWN},
             "xfailed",
             "xfailed"},
            {{SETUP, "{\"when\":\"call\",\"outcome\":\"passed\",\"category\":\"xpassed\"}", TEARDOWN},
             "xpassed",
             "xpassed"},
            {{SETUP, "{\"when\":\"call\",\"outcome\":\"passed\",\"category\":\"passed\"}",
              "{\"when\":\"teardown\",\"outcome\":\"failed\",\"category\":\"error\"}"},
             "error",
             "passed"},
            {{SETUP, "{\"when\":\"call\",\"outcome\":\"failed\",\"category\":\"failed\"}",
              "{\"when\":\"teardown\",\"outcome\":\"failed\",\"category\":\"error\"}"},
             "failed",
             "failed"},
        };
        const char *const setup_error[] = {
            "{\"when\":\"setup\",\"outcome\":\"failed\",\"category\":\"error\"}", TEARDOWN};
        const char *const setup_skip[] = {
            "{\"when\":\"setup\",\"outcome\":\"skipped\",\"category\":\"skipped\"}", TEARDOWN};

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                outcome_is(cases[i].reports, 3, cases[i].outcome, cases[i].counted);
        outcome_is(setup_error, 2, "error", "error");
        outcome_is(setup_skip, 2, "skipped", "skipped");
}

static void stacks_lose_pytests_own_frames(void **state)
{
        char text[] = "words\n\nCurrent thread 0x1 (most recent call first):\n"
                      "  File \"/t.py\", line 3 in inner\n  File \"/t.py\", line 5 in test_it\n"
                      "  File \"/_pytest/python.py\", line 195 in pytest_pyfunc_call\n  File \"/x.py\", line "
                      "1 in <module>\n"
                      "\nExtension modules: none\n  File tail";
        static const char expected[] =
            "words\n\nCurrent thread 0x1 (most recent call first):\n"
            "  File \"/t.py\", line 3 in inner\n  File \"/t.py\", line 5 in test_it\n"
            "\nExtension modules: none\n  File tail";

        (void)state;
        text[stack_trim(text, strlen(text))] = '\0';
        assert_string_equal(text, expected);
        assert_int_equal(stack_trim(text, 0), 0);
}

static void output_is_mended_to_utf8(void **state)
{
        static const char bad[] = "ok \xff\xc3\xa9 \xed\xa0\x80 \xf4\x90\x80\x80";
        struct buf out = {0};

        (void)state;
        assert_int_equal(utf8_mend(&out, bad, sizeof bad - 1), 0);
        assert_string_equal(out.data, "ok \xef\xbf\xbd\xc3\xa9 \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd "
                                      "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
        buf_finish(&out);
}

static void put(int dir, const char *name, const char *text)
{
        int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        (void)close(fd);
}

/* A folder with the files of a leaf. */
static int fake_leaf(char *path)
{
        static const char *const files[][2] = {
            {"memory.peak", "67108864\n"},
            {"memory.max", "67108864\n"},
            {"memory.events", "low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\noom_group_kill 0\n"},
            {"pids.events", "max 13\n"},
            {"pids.max", "20\n"},
            {"cpu.stat",
             "usage_usec 9\nuser_usec 2000000\nsystem_usec 5\nnr_throttled 4\nthrottled_usec 2500000\n"},
            {"cpu.max", "50000 100000\n"},
        };
        int dir;

        assert_non_null(mkdtemp(path));
        dir = open(path, O_RDONLY | O_DIRECTORY);
        assert_true(dir >= 0);
        for (size_t i = 0; i < sizeof files / sizeof *files; i++)
                put(dir, files[i][0], files[i][1]);
        return dir;
}

static void remove_leaf(int dir, const char *path)
{
        static const char *const files[] = {"memory.peak", "memory.max", "memory.events", "pids.events",
                                            "pids.max",    "cpu.stat",   "cpu.max"};

        for (size_t i = 0; i < sizeof files / sizeof *files; i++)
                (void)unlinkat(dir, files[i], 0);
        (void)close(dir);
        (void)rmdir(path);
}

static void limits_say_what_they_did(void **state)
{
        char path[] = "/tmp/tach-unit-XXXXXX", text[192];
        int dir = fake_leaf(path);
        struct usage u, before;

        (void)state;
        usage_read(dir, 1u << GROUP_MEMORY | 1u << GROUP_PIDS, &u);
        assert_int_equal(u.memory_peak, 67108864);
        assert_int_equal(u.pids_peak, -1); /* this kernel does not say */
        assert_int_equal(usage_killed(&u, dir, text, sizeof text), 1);
        assert_string_equal(text, "killed: out of memory, limit 64 MiB, peak 64 MiB");
        usage_note(&u, dir, text, sizeof text);
        assert_string_equal(text, "1 process of the test killed: out of memory, limit 64 MiB, peak 64 MiB");
        usage_throttled(&u, dir, text, sizeof text);
        assert_string_equal(text, " (throttled for 2.5 s by the cpu limit 0.5)");
        before = u;
        put(dir, "pids.events", "max 15\n");
        usage_read(dir, 1u << GROUP_MEMORY | 1u << GROUP_PIDS, &u);
        usage_since(&u, &before);
        assert_int_equal(usage_killed(&u, dir, text, sizeof text), 0);
        usage_note(&u, dir, text, sizeof text);
        assert_string_equal(text, "pids limit 20 reached: 2 forks or threads refused");
        put(dir, "memory.max", "max\n");
        assert_int_equal(usage_killed(&before, dir, text, sizeof text), 1);
        assert_string_equal(text, "killed: out of memory, by no limit of its own, peak 64 MiB");
        usage_read(-1, ~0u, &u);
        usage_note(&u, -1, text, sizeof text);
        assert_string_equal(text, "");
        remove_leaf(dir, path);
}

static void files_of_a_group_have_controllers(void **state)
{
        char text[64];

        (void)state;
        assert_int_equal(group_controller_of("memory.high"), 1u << GROUP_MEMORY);
        assert_int_equal(group_controller_of("cpuset.cpus"), 1u << GROUP_CPUSET);
        assert_int_equal(group_controller_of("cpu.max"), 1u << GROUP_CPU);
        assert_int_equal(group_controller_of("hugetlb.2MB.max"), 1u << GROUP_HUGETLB);
        assert_int_equal(group_controller_of("cgroup.freeze"), 0);
        assert_int_equal(group_controller_of("mem.max"), ~0u);
        assert_int_equal(group_controller_of(""), ~0u);
        assert_string_equal(group_names(1u << GROUP_CPU | 1u << GROUP_PIDS, text, sizeof text), "cpu, pids");
        assert_string_equal(group_names(0, text, sizeof text), "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(json_refuses_deep_nesting),
            cmocka_unit_test(suite_checks_numbers),
            cmocka_unit_test(worker_speaks_for_its_own_test_only),
            cmocka_unit_test(worker_owns_nothing_at_first),
            cmocka_unit_test(snapshot_says_what_is_its_own),
            cmocka_unit_test(snapshot_has_a_first_entry),
            cmocka_unit_test(reports_become_pytests_outcomes),
            cmocka_unit_test(stacks_lose_pytests_own_frames),
            cmocka_unit_test(output_is_mended_to_utf8),
            cmocka_unit_test(limits_say_what_they_did),
            cmocka_unit_test(files_of_a_group_have_controllers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
