/* What is kept of parsed texts, damaged: any bytes as a store and as a record in it; and a record of a real
 * text, some bytes of which are others. What is taken for sound is collected from, as if it came from a file.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/discover/collect.h"
#include "runtime/discover/facts.h"
#include "runtime/discover/format.h"
#include "runtime/discover/library.h"
#include "runtime/discover/source.h"
#include "runtime/discover/tree_store.h"

#define MAX_TEXT 2000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct library *library;
static struct reader reader;
static struct ini ini;

static int keep(void *ctx, const struct test *test)
{
        struct buf *out = ctx;

        if (out->len > 1 << 20)
                buf_reset(out);
        return format_test(out, DISCOVER_JSON, "/nonexistent", test);
}

static void collect(const struct source *source)
{
        struct arena *arena = library_scratch(library);
        struct buf out = {0};
        struct module module = library_module(library, "/nonexistent/test_it.py", source);

        module_read(&module, tree_root(&source->tree));
        (void)facts_read(arena, &module, tree_root(&source->tree), module.path);
        (void)collect_module(&module, &ini, "test_it.py", NULL, keep, &out);
        library_reset(library);
        buf_finish(&out);
}

static void as_record(const uint8_t *data, size_t size)
{
        struct tree_record record = {.data = malloc(size + 1), .len = size};
        struct source source;

        if (record.data == NULL)
                return;
        if (size > 0)
                memcpy(record.data, data, size);
        if (tree_record_see(&record, &source))
                collect(&source);
        free(record.data);
}

/* The maker that a file is asked for is the one that it names. */
static void as_store(const uint8_t *data, size_t size)
{
        struct tree_key maker = {0};
        struct tree_store store;
        struct source source;
        int fd = memfd_create("store", MFD_CLOEXEC);

        if (fd < 0 || (size > 0 && write(fd, data, size) != (ssize_t)size))
                abort();
        if (size >= 8 + sizeof maker)
                memcpy(&maker, data + 8, sizeof maker);
        tree_store_open(&store, fd, &maker);
        for (size_t i = 0; i < store.n; i++)
                if (tree_store_find(&store, &store.index[i].key) == (ptrdiff_t)i &&
                    tree_store_read(&store, i, &source)) {
                        collect(&source);
                        source_finish(&source);
                }
        tree_store_close(&store);
}

/* N changes of one byte (where, what), then a text; STORED: the whole file is damaged, else the record. */
static void damaged(const uint8_t *data, size_t size, bool stored)
{
        size_t n = size > 0 ? data[0] % 8 : 0;
        const uint8_t *change = data + 1;
        struct tree_addition addition = {0};
        struct tree_store none = {.fd = -EBADF};
        struct source source;
        uint8_t *bytes;
        off_t len;
        int fd;

        if (size < 1 + n * 5 || size - 1 - n * 5 > MAX_TEXT ||
            source_parse(&source, &reader, (const char *)data + 1 + n * 5, size - 1 - n * 5) < 0)
                return;
        if (source.tree.n > 0 && tree_record_make(&addition.record, &source) == 0) {
                fd = memfd_create("store", MFD_CLOEXEC);
                if (fd < 0 ||
                    tree_store_write(fd, &(struct tree_key){0}, &none, NULL, NULL, &addition, 1) < 0 ||
                    (len = lseek(fd, 0, SEEK_END)) < 0 || (bytes = malloc((size_t)len)) == NULL ||
                    pread(fd, bytes, (size_t)len, 0) != len)
                        abort();
                if (!stored)
                        memcpy(bytes, addition.record.data, addition.record.len);
                for (; n > 0; n--, change += 5) {
                        uint32_t where;

                        memcpy(&where, change, sizeof where);
                        bytes[where % (stored ? (size_t)len : addition.record.len)] = change[4];
                }
                if (stored)
                        as_store(bytes, (size_t)len);
                else
                        as_record(bytes, addition.record.len);
                free(bytes);
                (void)close(fd);
        }
        free(addition.record.data);
        source_finish(&source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct search search = {.complete = true};
        struct error err;

        if (library == NULL) {
                library = library_create(&search, NULL);
                if (!reader_init(&reader, NULL) || library == NULL ||
                    ini_read(&ini, "/nonexistent", NULL, &err) < 0)
                        abort();
        }
        if (size == 0)
                return 0;
        switch (data[0] % 4) {
        case 0:
                as_store(data + 1, size - 1);
                break;
        case 1:
                as_record(data + 1, size - 1);
                break;
        default:
                damaged(data + 1, size - 1, data[0] % 4 == 2);
        }
        return 0;
}
