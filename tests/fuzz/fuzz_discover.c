/* Any bytes as a test file: read, collected and printed as JSON, its doctests and its fixtures' facts with
 * it, once as it is and once by a node id that is in it; and as a text with doctests. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/collect.h"
#include "runtime/discover/docstrings.h"
#include "runtime/discover/doctest.h"
#include "runtime/discover/facts.h"
#include "runtime/discover/format.h"
#include "runtime/discover/library.h"
#include "runtime/discover/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sink {
        struct buf out;
        char *first;
};

static int keep(void *ctx, const struct test *test)
{
        struct sink *sink = ctx;

        if (sink->first == NULL)
                sink->first = strdup(test->nodeid);
        if (sink->out.len > 1 << 20)
                buf_reset(&sink->out);
        return format_test(&sink->out, DISCOVER_JSON, "/nonexistent", test);
}

static void collect(struct library *library, const struct ini *ini, const struct source *source,
                    const char *select, struct sink *sink)
{
        struct arena *arena = library_scratch(library);
        struct module module = library_module(library, "/nonexistent/test_it.py", source);

        module_read(&module, tree_root(&source->tree));
        (void)facts_read(arena, &module, tree_root(&source->tree), module.path);
        (void)docstrings_collect(&module, tree_root(&source->tree), ini, "test_it.py", select, keep, sink);
        (void)collect_module(&module, ini, "test_it.py", select, keep, sink);
        library_reset(library);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct search search = {.complete = true};
        static struct library *library;
        static struct reader reader;
        static struct ini ini;
        struct sink sink = {0};
        struct source source;
        struct error err;
        size_t line;

        (void)doctest_find((const char *)data, size, &line);
        if (library == NULL) {
                library = library_create(&search, NULL);
                if (!reader_init(&reader, NULL) || library == NULL ||
                    ini_read(&ini, "/nonexistent", NULL, &err) < 0)
                        abort();
        }
        if (source_parse(&source, &reader, (const char *)data, size) < 0)
                return 0;
        if (source.tree.n > 0) {
                collect(library, &ini, &source, NULL, &sink);
                if (sink.first != NULL && strstr(sink.first, "::") != NULL)
                        collect(library, &ini, &source, strstr(sink.first, "::") + 2, &sink);
        }
        source_finish(&source);
        buf_finish(&sink.out);
        free(sink.first);
        return 0;
}
