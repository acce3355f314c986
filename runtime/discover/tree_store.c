/* How it works: a header, the records, and behind them the index, sorted, with a checksum in the header. A
 * record is a head and four arrays: nodes, rows, lines, text. */
#include "runtime/discover/tree_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/base/cleanup.h"

#define MAX_ENTRIES 1000000

static const char magic[8] = {'t', 'a', 'c', 'h', 't', 'r', 'e', 'e'};

struct header {
        char magic[8];
        struct tree_key maker;
        uint64_t index_at, n; /* of the index; N entries */
        uint64_t len;         /* of the file */
        uint64_t sum;         /* of the index */
};

struct head {
        uint64_t sum; /* of all that follows */
        uint32_t n_nodes, n_rows, n_lines, n_text;
        uint32_t has_lines, unused;
};

/* Not against people: against what a disk or a crash leaves. */
static uint64_t checksum(const void *data, size_t n)
{
        const uint8_t *p = data;
        uint64_t h = 0x9e3779b97f4a7c15U ^ n, word;

        for (; n > 0; p += sizeof word) {
                size_t some = n < sizeof word ? n : sizeof word;

                word = 0;
                memcpy(&word, p, some);
                n -= some;
                h = (h ^ word) * 0xff51afd7ed558ccdU;
                h ^= h >> 32;
        }
        return h;
}

static bool read_at(int fd, void *data, size_t n, uint64_t at)
{
        uint8_t *p = data;

        while (n > 0) {
                ssize_t got = pread(fd, p, n, (off_t)at);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        return false;
                p += got;
                at += (size_t)got;
                n -= (size_t)got;
        }
        return true;
}

static int by_key(const void *a, const void *b)
{
        return memcmp(a, b, sizeof(struct tree_key));
}

static bool read_index(struct tree_store *store, const struct tree_key *maker)
{
        struct header header;
        struct stat st;
        struct tree_entry *index;
        size_t size;

        if (fstat(store->fd, &st) < 0 || st.st_size > (off_t)TREE_STORE_MAX ||
            !read_at(store->fd, &header, sizeof header, 0) ||
            memcmp(header.magic, magic, sizeof magic) != 0 || by_key(&header.maker, maker) != 0 ||
            header.len != (uint64_t)st.st_size || header.n == 0 || header.n > MAX_ENTRIES)
                return false;
        size = header.n * sizeof *index;
        if (header.index_at > header.len || header.len - header.index_at != size ||
            (index = malloc(size)) == NULL)
                return false;
        store->index = index;
        store->n = header.n;
        if (!read_at(store->fd, index, size, header.index_at) || checksum(index, size) != header.sum)
                return false;
        for (size_t i = 0; i < store->n; i++)
                if (index[i].at > header.index_at || index[i].len > header.index_at - index[i].at ||
                    (i > 0 && by_key(&index[i - 1], &index[i]) >= 0))
                        return false;
        return true;
}

void tree_store_open(struct tree_store *ret, int fd, const struct tree_key *maker)
{
        *ret = (struct tree_store){.fd = fd};
        if (!read_index(ret, maker))
                tree_store_close(ret);
}

void tree_store_close(struct tree_store *store)
{
        free(store->index);
        if (store->fd >= 0)
                (void)close(store->fd);
        *store = (struct tree_store){.fd = -EBADF};
}

ptrdiff_t tree_store_find(const struct tree_store *store, const struct tree_key *key)
{
        const struct tree_entry *found =
            store->n > 0 ? bsearch(key, store->index, store->n, sizeof *store->index, by_key) : NULL;

        return found != NULL ? found - store->index : -1;
}

/* How long a record with HEAD is. */
static uint64_t length(const struct head *head)
{
        return sizeof *head + (uint64_t)head->n_nodes * sizeof(struct tree_node) +
               ((uint64_t)head->n_rows + head->n_lines) * sizeof(uint32_t) + head->n_text + 1;
}

bool tree_record_see(const struct tree_record *record, struct source *ret)
{
        const struct head *head = record->data;
        uint8_t *p = record->data;
        struct source s = {.kept = true};

        if (record->len < sizeof *head || length(head) != record->len || p[record->len - 1] != '\0')
                return false;
        p += sizeof *head;
        s.tree.v = (void *)p;
        s.tree.n = head->n_nodes;
        p += head->n_nodes * sizeof *s.tree.v;
        s.tree.rows = (void *)p;
        s.tree.n_rows = head->n_rows;
        p += head->n_rows * sizeof *s.tree.rows;
        s.lines = head->has_lines ? (void *)p : NULL;
        s.n_lines = head->n_lines;
        s.text = (char *)p + head->n_lines * sizeof *s.lines;
        s.n = head->n_text;
        if (!tree_is_sound(s.tree.v, s.tree.n, s.n))
                return false;
        *ret = s;
        return true;
}

bool tree_store_read(const struct tree_store *store, size_t i, struct source *ret)
{
        const struct tree_entry *entry = &store->index[i];
        struct tree_record record = {.len = entry->len};
        const struct head *head;

        if (record.len < sizeof *head || (record.data = malloc(record.len)) == NULL)
                return false;
        head = record.data;
        if (!read_at(store->fd, record.data, record.len, entry->at) ||
            checksum(&head->n_nodes, record.len - offsetof(struct head, n_nodes)) != head->sum ||
            !tree_record_see(&record, ret)) {
                free(record.data);
                return false;
        }
        ret->record = record.data;
        return true;
}

static void *append(void *to, const void *from, size_t n)
{
        if (n > 0)
                memcpy(to, from, n);
        return (uint8_t *)to + n;
}

int tree_record_make(struct tree_record *ret, const struct source *source)
{
        struct head head = {.n_nodes = source->tree.n,
                            .n_rows = source->tree.n_rows,
                            .n_lines = source->lines != NULL ? source->n_lines : 0,
                            .n_text = (uint32_t)source->n,
                            .has_lines = source->lines != NULL};
        uint8_t *data, *p;

        if (source->n >= UINT32_MAX || length(&head) > TREE_STORE_MAX / 4)
                return -EFBIG;
        data = p = malloc(length(&head));
        if (data == NULL)
                return -ENOMEM;
        p = append(p, &head, sizeof head);
        p = append(p, source->tree.v, head.n_nodes * sizeof *source->tree.v);
        p = append(p, source->tree.rows, head.n_rows * sizeof *source->tree.rows);
        p = append(p, source->lines, head.n_lines * sizeof *source->lines);
        (void)append(p, source->text, source->n + 1);
        head.sum =
            checksum(data + offsetof(struct head, n_nodes), length(&head) - offsetof(struct head, n_nodes));
        memcpy(data, &head.sum, sizeof head.sum);
        *ret = (struct tree_record){data, length(&head)};
        return 0;
}

static int write_all(int fd, const void *data, size_t n)
{
        const uint8_t *p = data;

        while (n > 0) {
                ssize_t put = write(fd, p, n);

                if (put < 0 && errno == EINTR)
                        continue;
                if (put <= 0)
                        return put < 0 ? -errno : -EIO;
                p += put;
                n -= (size_t)put;
        }
        return 0;
}

/* Records begin at multiples of eight. */
static int write_record(int fd, const void *data, size_t n, uint64_t *at)
{
        static const uint8_t zero[8] = {0};
        size_t more = (8 - n % 8) % 8;
        int r = write_all(fd, data, n);

        if (r == 0 && more > 0)
                r = write_all(fd, zero, more);
        *at += n + more;
        return r;
}

int tree_store_write(int fd, const struct tree_key *maker, const struct tree_store *old, const bool *keep,
                     const bool *used, struct tree_addition *additions, size_t n)
{
        struct header header = {.maker = *maker};
        CLEANUP_FREE struct tree_entry *index = calloc(old->n + n + 1, sizeof *index);
        uint64_t at = sizeof header;
        struct source source;
        size_t count = 0;
        int r = index != NULL ? write_all(fd, &header, sizeof header) : -ENOMEM;

        for (size_t i = 0; r == 0 && i < old->n; i++) {
                if (!keep[i] || !tree_store_read(old, i, &source))
                        continue;
                index[count] = old->index[i];
                index[count].at = at;
                index[count++].age = used[i] ? 0 : old->index[i].age + 1;
                r = write_record(fd, source.record, old->index[i].len, &at);
                source_finish(&source);
        }
        for (size_t i = 0; r == 0 && i < n; i++) {
                index[count++] = (struct tree_entry){.key = additions[i].key,
                                                     .at = at,
                                                     .len = additions[i].record.len,
                                                     .bytes = additions[i].bytes};
                r = write_record(fd, additions[i].record.data, additions[i].record.len, &at);
        }
        if (r < 0)
                return r;
        qsort(index, count, sizeof *index, by_key);
        memcpy(header.magic, magic, sizeof magic);
        header.index_at = at;
        header.n = count;
        header.len = at + count * sizeof *index;
        header.sum = checksum(index, count * sizeof *index);
        r = write_all(fd, index, count * sizeof *index);
        if (r == 0 && pwrite(fd, &header, sizeof header, 0) != (ssize_t)sizeof header)
                r = -EIO;
        return r;
}
