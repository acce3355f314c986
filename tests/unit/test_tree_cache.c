/* runtime/discover/tree_*: what was parsed comes back as it was; what a file has become never does harm;
 * whose files are read; what is kept and dropped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/discover/source.h"
#include "runtime/discover/tree_cache.h"
#include "runtime/discover/tree_place.h"
#include "runtime/discover/tree_store.h"

static char home[] = "/tmp/test_tree_cache.XXXXXX";
static const struct tree_key maker = {{1}};
static const char text[] = "# first\nimport pytest\n\n\ndef helper(a):\n    return a\n\n\n@pytest.mark.slow\n"
                           "class TestA:\n    '''doc'''\n    def test_b(self): assert helper(1)\n";

static struct source parsed(const char *what)
{
        struct reader reader;
        struct source source;

        assert_true(reader_init(&reader, NULL));
        assert_int_equal(source_parse(&source, &reader, what, strlen(what)), 0);
        reader_finish(&reader);
        return source;
}

static bool same(const struct source *a, const struct source *b)
{
        return a->n == b->n && memcmp(a->text, b->text, a->n + 1) == 0 && a->tree.n == b->tree.n &&
               memcmp(a->tree.v, b->tree.v, a->tree.n * sizeof *a->tree.v) == 0 &&
               a->tree.n_rows == b->tree.n_rows &&
               memcmp(a->tree.rows, b->tree.rows, a->tree.n_rows * sizeof *a->tree.rows) == 0 &&
               (a->lines == NULL) == (b->lines == NULL) && a->n_lines == b->n_lines &&
               (a->lines == NULL || memcmp(a->lines, b->lines, a->n_lines * sizeof *a->lines) == 0) &&
               a->problem == b->problem && a->line == b->line;
}

static void hashes_are_blake2_s(void **state)
{
        static const uint8_t none[] = {0x0e, 0x57, 0x51, 0xc0, 0x26, 0xe5, 0x43, 0xb2},
                             abc[] = {0xbd, 0xdd, 0x81, 0x3c, 0x63, 0x42, 0x39, 0x72},
                             many[] = {0xea, 0xe4, 0xd3, 0xa7, 0x62, 0x75, 0x49, 0xb3};
        uint8_t hash[BLAKE2_SIZE], block[256];

        (void)state;
        memset(block, 'a', sizeof block);
        blake2b(hash, "", 0);
        assert_memory_equal(hash, none, sizeof none);
        blake2b(hash, "abc", 3);
        assert_memory_equal(hash, abc, sizeof abc);
        blake2b(hash, block, sizeof block); /* whole blocks */
        assert_memory_equal(hash, many, sizeof many);
}

static void a_record_is_its_source(void **state)
{
        static const char *const texts[] = {text, "", "x = 1", "x = '\xc3\xa9'\n"};

        (void)state;
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
                struct source source = parsed(texts[i]), seen;
                struct tree_record record;

                assert_int_equal(tree_record_make(&record, &source), 0);
                assert_true(tree_record_see(&record, &seen));
                assert_true(same(&source, &seen));
                for (size_t n = 0; n < record.len; n++)
                        assert_false(tree_record_see(&(struct tree_record){record.data, n}, &seen));
                free(record.data);
                source_finish(&source);
        }
}

/* A store with TEXT and two more. */
static int make_store(const char *path)
{
        static const char *const texts[] = {text, "y = 2\n", "z = [3]\n"};
        struct tree_addition additions[3] = {0};
        struct tree_store none = {.fd = -EBADF};
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        for (size_t i = 0; i < 3; i++) {
                struct source source = parsed(texts[i]);

                tree_cache_key(&additions[i].key, texts[i], strlen(texts[i]), TREE_CACHE_SKIMMED);
                additions[i].bytes = (uint32_t)strlen(texts[i]);
                assert_int_equal(tree_record_make(&additions[i].record, &source), 0);
                source_finish(&source);
        }
        assert_int_equal(tree_store_write(fd, &maker, &none, NULL, NULL, additions, 3), 0);
        for (size_t i = 0; i < 3; i++)
                free(additions[i].record.data);
        return fd;
}

/* What the store at PATH says of TEXT: 1 what it is, 0 nothing; anything else fails. */
static int ask(const char *path, const struct tree_key *who)
{
        struct source expected = parsed(text), found;
        struct tree_store store;
        struct tree_key key;
        int r = 0;
        ptrdiff_t at;

        tree_store_open(&store, open(path, O_RDONLY | O_CLOEXEC), who);
        tree_cache_key(&key, text, strlen(text), TREE_CACHE_SKIMMED);
        at = tree_store_find(&store, &key);
        if (at >= 0 && tree_store_read(&store, (size_t)at, &found)) {
                assert_true(same(&expected, &found));
                source_finish(&found);
                r = 1;
        }
        tree_store_close(&store);
        source_finish(&expected);
        return r;
}

static void a_store_that_is_damaged_says_nothing_wrong(void **state)
{
        char path[64];
        uint8_t byte, other;
        size_t found = 0;
        struct stat st;
        int fd;

        (void)state;
        (void)snprintf(path, sizeof path, "%s/store", home);
        fd = make_store(path);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(ask(path, &maker), 1);
        assert_int_equal(ask(path, &(struct tree_key){{2}}), 0); /* another tach's */
        for (off_t i = 0; i < st.st_size; i++)
                for (int k = 0; k < 2; k++) {
                        assert_int_equal(pread(fd, &byte, 1, i), 1);
                        other = k == 0 ? (uint8_t)~byte : byte ^ 1;
                        assert_int_equal(pwrite(fd, &other, 1, i), 1);
                        found += (size_t)ask(path, &maker);
                        assert_int_equal(pwrite(fd, &byte, 1, i), 1);
                }
        assert_true(found > 0); /* where another record was damaged */
        assert_int_equal(ask(path, &maker), 1);
        for (off_t n = st.st_size - 1; n >= 0; n--) {
                assert_int_equal(ftruncate(fd, n), 0);
                assert_int_equal(ask(path, &maker), 0);
        }
        assert_int_equal(close(fd), 0);
        assert_int_equal(unlink(path), 0);
}

static int write_x(void *ctx, int fd)
{
        (void)ctx;
        return write(fd, "x", 1) == 1 ? 0 : -EIO;
}

static int no_space(void *ctx, int fd)
{
        (void)ctx;
        (void)fd;
        return -ENOSPC;
}

static size_t entries(const char *dir)
{
        DIR *stream = opendir(dir);
        size_t n = 0;

        assert_non_null(stream);
        for (const struct dirent *d; (d = readdir(stream)) != NULL;)
                n += d->d_name[0] != '.';
        (void)closedir(stream);
        return n;
}

static void only_what_is_the_user_s_own_is_read(void **state)
{
        char dir[128], outer[64], file[256] = "";
        DIR *stream;
        int fd;

        (void)state;
        (void)snprintf(outer, sizeof outer, "%s/.cache", home);
        (void)snprintf(dir, sizeof dir, "%s/tach", outer);
        assert_int_equal(unsetenv("XDG_CACHE_HOME"), 0);
        assert_int_equal(setenv("HOME", home, 1), 0);
        assert_int_equal(tree_place_read("/p"), -ENOENT);
        assert_int_equal(access(outer, F_OK), -1); /* reading makes nothing */
        assert_int_equal(tree_place_write("/p", write_x, NULL), 0);
        fd = tree_place_read("/p");
        assert_true(fd >= 0);
        assert_int_equal(close(fd), 0);
        assert_int_equal(tree_place_read("/q"), -ENOENT); /* another project's */
        assert_int_equal(entries(dir), 2);                /* with the tag */
        assert_int_equal(tree_place_write("/q", no_space, NULL), -ENOSPC);
        assert_int_equal(entries(dir), 2);

        stream = opendir(dir);
        assert_non_null(stream);
        for (const struct dirent *d; (d = readdir(stream)) != NULL;)
                if (strstr(d->d_name, ".trees") != NULL)
                        (void)snprintf(file, sizeof file, "%s/%.60s", dir, d->d_name);
        (void)closedir(stream);
        assert_int_equal(chmod(file, 0620), 0);
        assert_int_equal(tree_place_read("/p"), -EPERM); /* its group can write it */
        assert_int_equal(chmod(file, 0600), 0);
        assert_int_equal(chmod(dir, 0777), 0);
        assert_int_equal(tree_place_read("/p"), -EPERM);
        assert_int_equal(tree_place_write("/p", write_x, NULL), -EPERM);
        assert_int_equal(chmod(dir, 0700), 0);
        if (geteuid() == 0) { /* another user's */
                assert_int_equal(chown(file, 65534, 65534), 0);
                assert_int_equal(tree_place_read("/p"), -EPERM);
                assert_int_equal(chown(file, 0, 0), 0);
                assert_int_equal(chown(home, 65534, 65534), 0);
                assert_int_equal(tree_place_write("/p", write_x, NULL), -EPERM);
                assert_int_equal(chown(home, 0, 0), 0);
        }
        assert_int_equal(unlink(file), 0);
        assert_int_equal(symlink("/etc/passwd", file), 0);
        assert_int_equal(tree_place_read("/p"), -ELOOP);
        assert_int_equal(unlink(file), 0);
        assert_int_equal(mkfifo(file, 0600), 0);
        assert_int_equal(tree_place_read("/p"), -EPERM);
        assert_int_equal(tree_place_write("/p", write_x, NULL), 0); /* takes its place */
        fd = tree_place_read("/p");
        assert_true(fd >= 0);
        assert_int_equal(close(fd), 0);

        assert_int_equal(setenv("XDG_CACHE_HOME", "relative", 1), 0); /* as if it were not set */
        fd = tree_place_read("/p");
        assert_true(fd >= 0);
        assert_int_equal(close(fd), 0);
        assert_int_equal(unsetenv("XDG_CACHE_HOME"), 0);
        assert_int_equal(unsetenv("HOME"), 0);
        assert_int_equal(tree_place_read("/p"), -ENOENT);
        assert_int_equal(tree_place_write("/p", write_x, NULL), -ENOENT);
        assert_int_equal(setenv("HOME", home, 1), 0);
}

static void old_stores_go(void **state)
{
        char dir[64], root[16], path[128];
        static const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
        int fd, lock;

        (void)state;
        (void)snprintf(dir, sizeof dir, "%s/.cache/tach", home);
        (void)snprintf(path, sizeof path, "%s/99.writing", dir);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600); /* of a tach that was killed */
        assert_true(fd >= 0);
        assert_int_equal(futimens(fd, old), 0);
        assert_int_equal(close(fd), 0);
        for (int i = 0; i < TREE_PLACE_FILES + 5; i++) {
                (void)snprintf(root, sizeof root, "/many/%d", i);
                assert_int_equal(tree_place_write(root, write_x, NULL), 0);
                if (i == 0) {
                        fd = tree_place_read(root);
                        assert_int_equal(futimens(fd, old), 0);
                        assert_int_equal(close(fd), 0);
                }
        }
        assert_int_equal(entries(dir), TREE_PLACE_FILES + 1);
        assert_int_equal(tree_place_read("/many/0"), -ENOENT); /* was the oldest */
        fd = tree_place_read(root);
        assert_true(fd >= 0);
        assert_int_equal(close(fd), 0);

        lock =
            open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* one writes at a time, the other goes without */
        assert_int_equal(flock(lock, LOCK_EX), 0);
        assert_int_equal(tree_place_write("/p", write_x, NULL), -EAGAIN);
        assert_int_equal(close(lock), 0);
}

static char *big_text(int n)
{
        char *big = malloc(1 << 20), *p = big;

        assert_non_null(big);
        for (int i = 0; i < 2000; i++)
                p += sprintf(p, "name_%d_%d = [%d, 'value', None]\n", n, i, i);
        return big;
}

/* Whether the cache of ROOT has WHAT, which is put there if it has not. */
static bool has(const char *root, const char *what)
{
        struct tree_cache *cache = tree_cache_open(root);
        struct source source, expected = parsed(what);
        struct tree_key key;
        bool found;

        assert_non_null(cache);
        tree_cache_key(&key, what, strlen(what), TREE_CACHE_SKIMMED);
        found = tree_cache_get(cache, &key, &source);
        if (found) {
                assert_true(same(&source, &expected));
                source_finish(&source);
        } else {
                tree_cache_put(cache, &key, "/root/of/a.py", strlen(what), &expected);
                assert_true(tree_cache_get(cache, &key, &source)); /* in the same run already */
                assert_true(same(&source, &expected));
                source_finish(&source);
        }
        tree_cache_close(cache);
        source_finish(&expected);
        return found;
}

static void what_was_parsed_is_there_the_next_time(void **state)
{
        char *big = big_text(0), *other;

        (void)state;
        assert_false(has("/root/of", big));
        assert_true(has("/root/of", big));
        assert_false(has("/root/of", text)); /* too little to be written */
        assert_false(has("/root/of", text));
        assert_false(has("/root/other", big)); /* outside of it: everybody's */
        assert_true(has("/root/third", big));
        for (int i = 1; i < 30; i++) { /* what is of no use any more goes after a while */
                other = big_text(i);
                assert_false(has("/root/of", other));
                assert_true(has("/root/of", other));
                free(other);
                if (i == 10) {
                        struct tree_cache *cache = tree_cache_open("/root/of");
                        struct tree_key key;
                        struct source source;

                        tree_cache_key(&key, big, strlen(big), TREE_CACHE_SKIMMED);
                        assert_true(tree_cache_get(cache, &key, &source));
                        source_finish(&source);
                        tree_cache_close(cache);
                }
        }
        assert_true(has("/root/third", big));
        other = big_text(1);
        assert_false(has("/root/of", other));
        free(other);
        free(big);
}

static int make_home(void **state)
{
        (void)state;
        return mkdtemp(home) == NULL;
}

static int remove_home(void **state)
{
        char command[64];

        (void)state;
        (void)snprintf(command, sizeof command, "rm -rf %s", home);
        return system(command);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
            cmocka_unit_test(hashes_are_blake2_s),
            cmocka_unit_test(a_record_is_its_source),
            cmocka_unit_test(a_store_that_is_damaged_says_nothing_wrong),
            cmocka_unit_test(only_what_is_the_user_s_own_is_read),
            cmocka_unit_test(old_stores_go),
            cmocka_unit_test(what_was_parsed_is_there_the_next_time),
        };

        return cmocka_run_group_tests(tests, make_home, remove_home);
}
