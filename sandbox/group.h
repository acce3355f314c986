/*
 * group: the files of one control group (cgroups(7), cgroup v2), by the descriptor of its directory.
 */
#ifndef TACH_SANDBOX_GROUP_H
#define TACH_SANDBOX_GROUP_H

#include <stddef.h>

/* A set of controllers is a mask of 1 << enum. */
enum group_controller {
        GROUP_CPUSET,
        GROUP_CPU,
        GROUP_IO,
        GROUP_MEMORY,
        GROUP_HUGETLB,
        GROUP_PIDS,
        GROUP_RDMA,
        GROUP_MISC,
        GROUP_N
};

/* 0 or -errno. */
int group_write(int dir, const char *file, const char *text);

/* Reads at most SIZE - 1 bytes: 0 or -errno. */
int group_read(int dir, const char *file, char *text, size_t size);

/* The number that TEXT begins with, or of its line "KEY number" where KEY is not NULL; -1: there is none
 * ("max" too). */
long long group_find(const char *text, const char *key);

/* The same of a file; -1 also where it cannot be read. */
long long group_number(int dir, const char *file, const char *key);

/* The controllers that FILE lists. */
unsigned group_controllers(int dir, const char *file);

/* Switches on WANTED for the children, one by one; returns those that could not be. */
unsigned group_enable(int dir, unsigned wanted);

/* The controller that the interface file NAME ("memory.high") belongs to, as a mask; 0: the core's
 * ("cgroup.procs"); ~0u: nobody's. */
unsigned group_controller_of(const char *name);

/* Writes "cpu, memory" to RET and returns it. */
const char *group_names(unsigned controllers, char *ret, size_t size);

#endif
