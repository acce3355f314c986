/* How it works: the figures are read from the leaf's files, and so are the limits that a message names: they
 * may stand in linux.resources, in its unified part, or in a group above. */
#include "runtime/engine/usage.h"

#include <stdio.h>
#include <string.h>

#include "sandbox/group.h"

#define MEMORY (1u << GROUP_MEMORY)
#define PIDS   (1u << GROUP_PIDS)

void usage_read(int leaf_fd, unsigned controllers, struct usage *ret)
{
        char stat[1024];

        *ret = (struct usage){-1, -1, -1, -1, -1, -1, -1, -1};
        if (leaf_fd < 0 || controllers == 0)
                return;
        if ((controllers & MEMORY) != 0) {
                ret->memory_peak = group_number(leaf_fd, "memory.peak", NULL);
                ret->oom_kills = group_number(leaf_fd, "memory.events", "oom_kill");
        }
        if ((controllers & PIDS) != 0) {
                ret->pids_peak = group_number(leaf_fd, "pids.peak", NULL);
                ret->pids_refused = group_number(leaf_fd, "pids.events", "max");
        }
        if (group_read(leaf_fd, "cpu.stat", stat, sizeof stat) == 0) {
                ret->user_us = group_find(stat, "user_usec");
                ret->system_us = group_find(stat, "system_usec");
                ret->throttled = group_find(stat, "nr_throttled");
                ret->throttled_us = group_find(stat, "throttled_usec");
        }
}

static void since(long long *now, long long before)
{
        if (*now >= 0 && before > 0)
                *now -= before;
}

void usage_since(struct usage *now, const struct usage *before)
{
        since(&now->oom_kills, before->oom_kills);
        since(&now->pids_refused, before->pids_refused);
        since(&now->user_us, before->user_us);
        since(&now->system_us, before->system_us);
        since(&now->throttled, before->throttled);
        since(&now->throttled_us, before->throttled_us);
}

void usage_own_peaks(struct usage *now, const struct usage *before)
{
        if (now->memory_peak <= before->memory_peak)
                now->memory_peak = -1;
        if (now->pids_peak <= before->pids_peak)
                now->pids_peak = -1;
}

static void send_count(struct event *ev, const char *key, long long value)
{
        if (value >= 0)
                event_int(ev, key, value);
}

static void send_time(struct event *ev, const char *key, long long us)
{
        if (us >= 0)
                event_seconds(ev, key, (double)us / 1e6);
}

void usage_send(const struct usage *u, struct event *ev)
{
        send_count(ev, "memory_peak", u->memory_peak);
        send_count(ev, "oom_kills", u->oom_kills);
        send_count(ev, "pids_peak", u->pids_peak);
        send_count(ev, "pids_refused", u->pids_refused);
        send_time(ev, "cpu_user_s", u->user_us);
        send_time(ev, "cpu_system_s", u->system_us);
        send_count(ev, "throttled", u->throttled);
        send_time(ev, "throttled_s", u->throttled_us);
}

static const char *bytes(long long n, char ret[32])
{
        static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
        double value = (double)n;
        size_t i = 0;

        for (; value >= 1024 && i + 1 < sizeof units / sizeof *units; i++)
                value /= 1024;
        (void)snprintf(ret, 32, "%.4g %s", value, units[i]);
        return ret;
}

/* "out of memory, limit 64 MiB, peak 64 MiB" */
static void out_of_memory(const struct usage *u, int leaf_fd, char *ret, size_t size)
{
        const long long limit = group_number(leaf_fd, "memory.max", NULL);
        char of[32], peak[32], at_most[48] = "";

        if (u->memory_peak >= 0)
                (void)snprintf(at_most, sizeof at_most, ", peak %s", bytes(u->memory_peak, peak));
        if (limit >= 0)
                (void)snprintf(ret, size, "out of memory, limit %s%s", bytes(limit, of), at_most);
        else
                (void)snprintf(ret, size, "out of memory, by no limit of its own%s", at_most);
}

int usage_killed(const struct usage *u, int leaf_fd, char *ret, size_t size)
{
        char text[160];

        if (u->oom_kills <= 0)
                return 0;
        out_of_memory(u, leaf_fd, text, sizeof text);
        (void)snprintf(ret, size, "killed: %s", text);
        return 1;
}

void usage_note(const struct usage *u, int leaf_fd, char *ret, size_t size)
{
        ret[0] = '\0';
        if (u->oom_kills > 0) {
                char text[160];

                out_of_memory(u, leaf_fd, text, sizeof text);
                (void)snprintf(ret, size, "%lld process%s of the test killed: %s", u->oom_kills,
                               u->oom_kills == 1 ? "" : "es", text);
        } else if (u->pids_refused > 0) {
                (void)snprintf(ret, size, "pids limit %lld reached: %lld fork%s or thread%s refused",
                               group_number(leaf_fd, "pids.max", NULL), u->pids_refused,
                               u->pids_refused == 1 ? "" : "s", u->pids_refused == 1 ? "" : "s");
        }
}

void usage_throttled(const struct usage *u, int leaf_fd, char *ret, size_t size)
{
        char quota[64] = "";
        long long of = 0, period = 1;

        ret[0] = '\0';
        if (u->throttled_us > 0 && group_read(leaf_fd, "cpu.max", quota, sizeof quota) == 0 &&
            sscanf(quota, "%lld %lld", &of, &period) == 2 && period > 0)
                (void)snprintf(ret, size, " (throttled for %.1f s by the cpu limit %.4g)",
                               (double)u->throttled_us / 1e6, (double)of / (double)period);
}
