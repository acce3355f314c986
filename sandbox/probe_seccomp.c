/* How it works: a flag that the kernel knows gets as far as reading the filter, which is not there (EFAULT).
 * Filter and listener are then used for real, on a system call that nobody needs here. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/advice.h"
#include "sandbox/probe.h"
#include "sandbox/sys.h"
#include "spec/base/cleanup.h"

#define ANSWER 4711

/* From now on ACTION says what getppid returns: the listener with that flag, 0, or -errno. */
static int filter(uint32_t action, unsigned flags, struct probe_report *r)
{
        struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                                     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
                                     BPF_STMT(BPF_RET | BPF_K, action),
                                     BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
        const struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
        int e = 0;

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return probe_step(r, errno, "set no_new_privs");
        e = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
        return e < 0 ? probe_step(r, errno, "install a seccomp filter") : e;
}

void probe_seccomp(struct probe_report *r)
{
        static const struct {
                const char *name;
                unsigned flags;
        } flags[] = {{"log", SECCOMP_FILTER_FLAG_LOG},
                     {"tsync", SECCOMP_FILTER_FLAG_TSYNC},
                     {"spec_allow", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
                     {"new_listener", SECCOMP_FILTER_FLAG_NEW_LISTENER},
                     {"tsync_esrch", SECCOMP_FILTER_FLAG_TSYNC_ESRCH},
                     {"wait_killable_recv",
                      SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV | SECCOMP_FILTER_FLAG_NEW_LISTENER}};

        probe_fact_bool(r, "filtered", advice_has_filter());
        probe_fact_list(r, "flags");
        for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
                if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags[i].flags, NULL) < 0 &&
                    errno == EFAULT)
                        probe_fact_add(r, "flags", flags[i].name);
        if (filter(SECCOMP_RET_ERRNO | EOWNERDEAD, 0, r) == 0 &&
            (syscall(SYS_getppid) != -1 || errno != EOWNERDEAD))
                (void)probe_step(r, 0, "a seccomp filter that was installed does nothing");
        if (r->status == PROBE_OK)
                return;
        if (r->errnum == EINVAL) {
                probe_cause(r, "the kernel was built without filters (CONFIG_SECCOMP_FILTER)");
                probe_fix(r, "boot a kernel that has them");
        } else
                advice_call(r, "seccomp", 3, 17);
}

/* Answers the one call that is made. */
static int answer_one(int listener, struct probe_report *r)
{
        struct pollfd p = {.fd = listener, .events = POLLIN};
        struct seccomp_notif *call = NULL;
        struct seccomp_notif_resp *answer = NULL;
        int e = 0;

        if (seccomp_notify_alloc(&call, &answer) < 0 || poll(&p, 1, PROBE_SECONDS * 500) != 1 ||
            seccomp_notify_receive(listener, call) < 0)
                e = probe_step(r, errno, "receive a seccomp notification");
        if (e == 0) {
                answer->id = call->id;
                answer->val = ANSWER;
                if (seccomp_notify_respond(listener, answer) < 0)
                        e = probe_step(r, errno, "answer a seccomp notification");
        }
        seccomp_notify_free(call, answer);
        return e;
}

void probe_seccomp_notify(struct probe_report *r)
{
        CLEANUP_CLOSE int listener = filter(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER, r);
        int status = 0;
        pid_t child;

        if (listener < 0) {
                if (r->errnum == EBUSY) {
                        probe_cause(r,
                                    "somebody supervises this process by seccomp already, and there can be "
                                    "one supervisor only");
                        probe_fix(r, "run it outside of that sandbox");
                } else if (r->errnum == EINVAL)
                        probe_cause(r, "seccomp user notification came with Linux 5.0");
                else
                        advice_call(r, "seccomp user notification", 5, 0);
                return;
        }
        child = fork();
        if (child == 0)
                _exit(syscall(SYS_getppid) == ANSWER ? 0 : 1);
        if (child < 0)
                (void)probe_step(r, errno, "fork");
        else if (answer_one(listener, r) < 0)
                (void)kill(child, SIGKILL);
        if (child > 0 && waitpid(child, &status, 0) == child && status != 0 && r->status == PROBE_OK)
                (void)probe_step(r, 0, "the answer to a seccomp notification did not arrive");
        if (r->status != PROBE_OK)
                advice_call(r, "seccomp user notification", 5, 0);
}
