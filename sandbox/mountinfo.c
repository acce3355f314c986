/* How it works: every function of libmount that is used stands in the table below, by the name it has there.
 */
#include "sandbox/mountinfo.h"

#include <dlfcn.h>
#include <errno.h>
#include <libmount/libmount.h>

#define FUNCTIONS(F)                                                                                         \
        F(mnt_new_table_from_file)                                                                           \
        F(mnt_unref_table)                                                                                   \
        F(mnt_new_iter)                                                                                      \
        F(mnt_free_iter)                                                                                     \
        F(mnt_table_next_fs)                                                                                 \
        F(mnt_fs_get_target)                                                                                 \
        F(mnt_fs_get_root)                                                                                   \
        F(mnt_fs_get_fstype)                                                                                 \
        F(mnt_optstr_get_option)

static struct {
#define MEMBER(name) __typeof__(name)(*(name));
        FUNCTIONS(MEMBER)
#undef MEMBER
} libmount;

int mountinfo_prepare(struct error *err)
{
        static void *library;
        int found = 1;

        if (library != NULL)
                return 0;
        library = dlopen("libmount.so.1", RTLD_NOW | RTLD_LOCAL);
#define FIND(name) found = found && (libmount.name = (__typeof__(name) *)dlsym(library, #name)) != NULL;
        if (library != NULL) {
                FUNCTIONS(FIND)
        }
#undef FIND
        if (library != NULL && found)
                return 0;
        (void)error_set(err, "mount", ENOENT, "load libmount: %s", dlerror());
        error_hint(err, "install the package libmount1");
        if (library != NULL)
                (void)dlclose(library);
        library = NULL;
        return -ENOENT;
}

int mountinfo_open(struct mountinfo *ret, struct error *err)
{
        int r = mountinfo_prepare(err);

        *ret = (struct mountinfo){0};
        if (r < 0)
                return r;
        ret->table = libmount.mnt_new_table_from_file("/proc/self/mountinfo");
        ret->iter = libmount.mnt_new_iter(MNT_ITER_FORWARD);
        if (ret->table == NULL || ret->iter == NULL)
                return error_set(err, "mount", EIO, "read /proc/self/mountinfo");
        return 0;
}

int mountinfo_next(struct mountinfo *m, struct mountinfo_entry *ret)
{
        struct libmnt_fs *fs;

        if (libmount.mnt_table_next_fs(m->table, m->iter, &fs) != 0)
                return 0;
        *ret = (struct mountinfo_entry){.target = libmount.mnt_fs_get_target(fs),
                                        .root = libmount.mnt_fs_get_root(fs),
                                        .type = libmount.mnt_fs_get_fstype(fs)};
        return 1;
}

void mountinfo_close(struct mountinfo *m)
{
        if (m->iter != NULL)
                libmount.mnt_free_iter(m->iter);
        if (m->table != NULL)
                libmount.mnt_unref_table(m->table);
        *m = (struct mountinfo){0};
}

int mountinfo_option(const char *options, const char *name, const char **ret_value, size_t *ret_n)
{
        char *value = NULL;

        if (libmount.mnt_optstr_get_option(options, name, &value, ret_n) != 0 || value == NULL)
                return 0;
        *ret_value = value;
        return 1;
}
