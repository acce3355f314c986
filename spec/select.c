/* How it works: the tables say which keys tach.select and a file of it have. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spec/spec.h"
#include "spec/take.h"

#define MAX_SHARDS 65536

static int take_file(struct reader *rd, const struct node *n, void *at)
{
        int r = take_expect(rd, n, NODE_STRING);

        if (r == 0 && (n->text[0] == '/' || n->text[0] == '\0'))
                return refuse(rd, n, "expected a path relative to pytest's rootdir");
        return r == 0 ? take_string(rd, n, at) : r;
}

static int take_files(struct reader *rd, const struct node *n, void *at)
{
        return take_strings(rd, n, at, take_file);
}

static int take_count(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"file", take_file, offsetof(struct spec_count, file)},
            {"tests", take_u32, offsetof(struct spec_count, tests)},
        };
        int r = TAKE_OBJECT(rd, n, fields, at);

        if (r == 0)
                r = take_need(rd, n, "file");
        return r == 0 ? take_need(rd, n, "tests") : r;
}

static int take_unmatched(struct reader *rd, const struct node *n, void *at)
{
        struct spec_select *s = at;

        return take_array(rd, n, &s->unmatched, &s->n_unmatched, sizeof *s->unmatched, take_count);
}

static int take_shards(struct reader *rd, const struct node *n, void *at)
{
        uint64_t v;
        int r = take_integer(rd, n, MAX_SHARDS, &v);

        if (r == 0 && v == 0)
                return refuse(rd, n, "out of range: 1 to %d", MAX_SHARDS);
        if (r == 0)
                *(uint32_t *)at = (uint32_t)v;
        return r;
}

int take_select(struct reader *rd, const struct node *n, void *at)
{
        static const struct field fields[] = {
            {"keyword", take_string, offsetof(struct spec_select, keyword)},
            {"mark", take_string, offsetof(struct spec_select, mark)},
            {"pythonClasses", take_strv, offsetof(struct spec_select, python_classes)},
            {"pythonFunctions", take_strv, offsetof(struct spec_select, python_functions)},
            {"doctestModules", take_bool, offsetof(struct spec_select, doctest_modules)},
            {"unmatched", take_unmatched, 0},
            {"read", take_files, offsetof(struct spec_select, read)},
            {"excluded", take_files, offsetof(struct spec_select, excluded)},
            {"included", take_files, offsetof(struct spec_select, included)},
            {"shard", take_shards, offsetof(struct spec_select, shard)},
            {"shards", take_shards, offsetof(struct spec_select, shards)},
        };
        struct spec_select *s = at;
        int r;

        s->given = true;
        r = TAKE_OBJECT(rd, n, fields, s);
        if (r == 0 && (s->shard == 0) != (s->shards == 0))
                r = take_need(rd, n, s->shard == 0 ? "shard" : "shards");
        if (r == 0 && s->shard > s->shards)
                r = refuse(rd, n, "shard %u of %u", s->shard, s->shards);
        return r;
}
