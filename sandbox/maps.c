/* How it works: the text is parsed by hand, since it is read after every test and stdio allocates. */
#include "sandbox/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t take_hex(const char **at)
{
        uint64_t v = 0;

        for (;; (*at)++) {
                const char c = **at;

                if (c >= '0' && c <= '9')
                        v = v << 4 | (uint64_t)(c - '0');
                else if (c >= 'a' && c <= 'f')
                        v = v << 4 | (uint64_t)(c - 'a' + 10);
                else
                        return v;
        }
}

static uint64_t take_decimal(const char **at)
{
        uint64_t v = 0;

        for (; **at >= '0' && **at <= '9'; (*at)++)
                v = v * 10 + (uint64_t)(**at - '0');
        return v;
}

static enum map_kind kind_of(const char *name)
{
        if (strncmp(name, "[stack]", 7) == 0)
                return MAPPED_STACK;
        return strncmp(name, "[v", 2) == 0 ? MAPPED_KERNEL : MAPPED_ORDINARY;
}

/* "start-end perms offset major:minor inode   name": the begin of the next line, or NULL. */
static const char *take_line(const char *at, struct map *ret)
{
        const char *end = strchr(at, '\n');

        if (end == NULL)
                return NULL;
        ret->start = take_hex(&at);
        at++;
        ret->end = take_hex(&at);
        at++;
        ret->prot =
            (at[0] == 'r' ? PROT_READ : 0) | (at[1] == 'w' ? PROT_WRITE : 0) | (at[2] == 'x' ? PROT_EXEC : 0);
        ret->is_shared = at[3] == 's';
        at += 5;
        ret->offset = take_hex(&at);
        at++;
        ret->major = (uint32_t)take_hex(&at);
        at++;
        ret->minor = (uint32_t)take_hex(&at);
        at++;
        ret->inode = take_decimal(&at);
        while (*at == ' ')
                at++;
        ret->kind = kind_of(at);
        return end + 1;
}

int map_is_like(const struct map *a, const struct map *b)
{
        return a->inode == b->inode && a->major == b->major && a->minor == b->minor && a->prot == b->prot &&
               a->is_shared == b->is_shared && a->kind == b->kind &&
               (a->inode == 0 || a->offset - a->start == b->offset - b->start);
}

static ssize_t read_text(char *text, size_t size)
{
        const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
        size_t len = 0;
        ssize_t n;

        if (fd < 0)
                return -errno;
        while ((n = read(fd, text + len, size - 1 - len)) > 0)
                len += (size_t)n;
        if (n < 0)
                n = -errno;
        else if (len == size - 1)
                n = -E2BIG;
        (void)close(fd);
        text[len] = '\0';
        return n < 0 ? n : (ssize_t)len;
}

int maps_read(struct maps *ret)
{
        const ssize_t len = read_text(ret->text, sizeof ret->text);
        const char *at = ret->text;

        if (len < 0)
                return (int)len;
        ret->n = 0;
        while (*at != '\0') {
                struct map m;

                at = take_line(at, &m);
                if (at == NULL)
                        return -EIO;
                if (ret->n > 0 && ret->v[ret->n - 1].end == m.start && map_is_like(&ret->v[ret->n - 1], &m)) {
                        ret->v[ret->n - 1].end = m.end;
                        continue;
                }
                if (ret->n == MAPS_MAX)
                        return -E2BIG;
                ret->v[ret->n++] = m;
        }
        return 0;
}
