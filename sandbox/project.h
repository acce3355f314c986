/*
 * project: the tree that tests see copy-on-write: one overlay where that is possible.
 *
 * An overlay in a user namespace refuses a lower folder with mounts below it. Such a folder becomes a tmpfs
 * with copies of its files; each folder in it, and each mount, gets an overlay of its own. Of
 * a project at / only the folders that are not the system's are copy-on-write; the rest is read-only.
 */
#ifndef TACH_SANDBOX_PROJECT_H
#define TACH_SANDBOX_PROJECT_H

#include <stddef.h>

#include "spec/base/error.h"

#define PROJECT_MAX_PARTS 512

enum project_kind {
        PROJECT_OVERLAY, /* a folder without mounts below it */
        PROJECT_FOLDER,  /* one with mounts below it: its files are copied */
        PROJECT_FILE,    /* a file that is a mount: bound, read-only */
};

struct project_part {
        enum project_kind kind;
        char *path; /* below the project, "" for the project itself */
};

/* Parents come before what is in them. */
struct project_parts {
        struct project_part *v;
        size_t n;
};

/* Finds the parts of PROJECT (a real path) from the mounts that the caller sees. */
int project_scan(const char *project, struct project_parts *ret, struct error *err);
void project_finish(struct project_parts *parts);

#define PROJECT_MAX_LEVELS 24

/* Who gets the upper layer of each overlay before anything runs on it: 0 or -errno. */
struct project_hand_over {
        int socket;
        int (*layer)(int socket, size_t part, int fd); /* NULL: nobody; FD (O_PATH) is borrowed */
};

/* Mounts the parts on PROJECT. LAYERS_FD: the folder that has the original below "project", and below
 * "written/0" to "written/LEVELS - 1" what those wrote that the caller comes from: the outer sandbox, then
 * the cells around this one. SCRATCH: the folder for what is written now. OPTIONS: of a tmpfs. */
struct project_layers {
        const char *project;
        const struct project_parts *parts;
        int layers_fd;
        unsigned levels;
        const char *scratch;
        const char *tmpfs_options;
        struct project_hand_over hand_over;
};
int project_mount(const struct project_layers *l, struct error *err);

#endif
