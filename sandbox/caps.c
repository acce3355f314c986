/* How it works: the bounding set can only be emptied while CAP_SETPCAP is effective, so it goes
 * first; then securebits (same capability), then the ambient set, then the other three at once. */
#include "sandbox/caps.h"

#include <errno.h>
#include <linux/securebits.h>
#include <stddef.h>
#include <sys/prctl.h>

/* Every kernel that Tach is made for knows all up to this one. */
#define KNOWN_TO_ALL CAP_CHECKPOINT_RESTORE

/* Empties the bounding set but for the N of KEEP. The end of the kernel's capabilities is told by EINVAL
 * alone: asking for it (CAP_IS_SUPPORTED) would take any failure for the end. */
static int drop_bound(const cap_value_t *keep, int n, struct error *err)
{
        for (cap_value_t c = 0; c < 64; c++) {
                int kept = 0;

                for (int i = 0; i < n; i++)
                        kept |= keep[i] == c;
                if (kept || cap_drop_bound(c) == 0)
                        continue;
                if (errno == EINVAL && c > KNOWN_TO_ALL)
                        break;
                return error_set(err, "caps", errno, "drop capability %d from the bounding set", c);
        }
        return 0;
}

int caps_drop_all(cap_t empty, struct error *err)
{
        int r = drop_bound(NULL, 0, err);

        if (r < 0)
                return r;
        if (prctl(PR_SET_SECUREBITS,
                  SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                      SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                      SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
                  0, 0, 0) < 0)
                return error_set(err, "caps", errno, "lock securebits");
        if (cap_reset_ambient() < 0)
                return error_set(err, "caps", errno, "empty the ambient set");
        if (cap_set_proc(empty) < 0)
                return error_set(err, "caps", errno, "empty the capability sets");
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return error_set(err, "caps", errno, "set no_new_privs");
        /* entering a user namespace made the process undumpable, and with it /proc/self unreadable */
        if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
                return error_set(err, "caps", errno, "set dumpable");
        return 0;
}

int caps_bound(const cap_value_t *caps, int n, struct error *err)
{
        return drop_bound(caps, n, err);
}

int caps_make_ambient(const cap_value_t *caps, int n, struct error *err)
{
        cap_t now = cap_get_proc();
        int r = 0;

        if (now == NULL || cap_set_flag(now, CAP_INHERITABLE, n, caps, CAP_SET) < 0 || cap_set_proc(now) < 0)
                r = error_set(err, "caps", errno, "raise the inheritable set");
        for (int i = 0; r == 0 && i < n; i++)
                if (cap_set_ambient(caps[i], CAP_SET) < 0)
                        r = error_set(err, "caps", errno, "raise capability %d to ambient", caps[i]);
        if (now != NULL)
                cap_free(now);
        return r;
}
