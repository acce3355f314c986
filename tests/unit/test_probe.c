/* The runner of the probes: what a probe says arrives, and nothing of it stays, however it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/probe.h"

static struct probe_report report;

static void says(struct probe_report *r)
{
        (void)probe_step(r, EPERM, "step %d", 1);
        probe_cause(r, "cause");
        probe_fix(r, "first");
        probe_fix(r, "second");
        probe_fact_bool(r, "yes", 7);
        probe_fact_text(r, "none", NULL);
        probe_fact_add(r, "list", "one");
        probe_fact_add(r, "list", "two");
}

static void what_a_probe_says_arrives(void **state)
{
        (void)state;
        probe_call(says, "/somewhere", &report);
        assert_int_equal(report.status, PROBE_MISSING);
        assert_int_equal(report.errnum, EPERM);
        assert_string_equal(report.step, "step 1");
        assert_string_equal(report.cause, "cause");
        assert_string_equal(report.fix, "first\nsecond");
        assert_int_equal(report.n_facts, 3);
        assert_int_equal(report.facts[0].number, 1);
        assert_int_equal(report.facts[1].kind, FACT_NONE);
        assert_string_equal(report.facts[2].text, "one\ntwo\n");
        assert_string_equal(report.folder, "/somewhere");
}

static void says_too_much(struct probe_report *r)
{
        char long_word[1000] = "";

        memset(long_word, 'x', sizeof long_word - 1);
        for (int i = 0; i < 100; i++) {
                (void)probe_step(r, EPERM, "%s", long_word);
                probe_cause(r, "%s", long_word);
                probe_fix(r, "%s", long_word);
                probe_fact_add(r, "list", i == 0 ? long_word : "word");
        }
        for (int i = 0; i < 100; i++) {
                const char key[] = {(char)('A' + i % 26), (char)('a' + i / 26), '\0'};

                probe_fact_int(r, key, i);
        }
}

static void too_much_is_cut(void **state)
{
        (void)state;
        probe_call(says_too_much, NULL, &report);
        assert_int_equal(report.errnum, EPERM);
        assert_int_equal(strlen(report.fix), sizeof report.fix - 1);
        assert_int_equal(strlen(report.cause), sizeof report.cause - 1);
        assert_int_equal(report.n_facts, PROBE_MAX_FACTS);
        assert_int_equal(strncmp(report.facts[0].text, "word\nword\n", 10), 0);
}

static void crashes(struct probe_report *r)
{
        (void)r;
        (void)signal(SIGSYS, SIG_DFL); /* cmocka has a handler */
        (void)raise(SIGSYS);
}

static void a_probe_that_is_killed_is_named(void **state)
{
        (void)state;
        probe_call(crashes, NULL, &report);
        assert_int_equal(report.status, PROBE_MISSING);
        assert_string_equal(report.step, "killed by SIGSYS");
        assert_non_null(strstr(report.cause, "seccomp"));
}

static void hangs(struct probe_report *r)
{
        const pid_t pid = fork();

        if (pid > 0)
                probe_fact_int(r, "child", pid);
        for (;;)
                (void)pause();
}

static void a_probe_that_hangs_is_ended_with_its_children(void **state)
{
        int status = 0;
        pid_t child;

        (void)state;
        assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0); /* the child's child becomes ours */
        probe_call(hangs, NULL, &report);
        assert_int_equal(report.status, PROBE_MISSING);
        assert_int_equal(report.errnum, ETIMEDOUT);
        child = (pid_t)report.facts[0].number;
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_a_probe_says_arrives),
            cmocka_unit_test(too_much_is_cut),
            cmocka_unit_test(a_probe_that_is_killed_is_named),
            cmocka_unit_test(a_probe_that_hangs_is_ended_with_its_children),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
