/* How it works: what is parsed is the text without its functions' bodies; where that does not parse, all of
 * it, so that errors are found where they are. */
#include "runtime/discover/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/discover/decode.h"
#include "runtime/discover/lexer.h"
#include "runtime/discover/parse_memory.h"
#include "runtime/discover/skim.h"
#include "runtime/discover/tree_cache.h"
#include "spec/base/cleanup.h"

#define MAX_BLOCKS   99   /* CPython's MAXINDENT */
#define MAX_BRACKETS 200  /* CPython's MAXLEVEL */
#define MAX_DEEP     2500 /* nodes in one another: some 3,000 are too many for its compiler */
#define MAX_SECONDS                                                                                          \
        5 /* for a file, and one more for each million bytes: some texts take time                           \
             that grows as their square does */
#define MAX_BYTES ((off_t)256 << 20) /* of one file */

const TSLanguage *tree_sitter_python(void);

bool reader_init(struct reader *ret, struct tree_cache *cache)
{
        *ret = (struct reader){.memory = parse_memory_create(), .cache = cache};
        return ret->memory != NULL;
}

void reader_finish(struct reader *reader)
{
        parse_memory_destroy(reader->memory);
        *reader = (struct reader){0};
}

void source_finish(struct source *source)
{
        free(source->record);
        if (!source->kept) {
                free((void *)source->tree.v);
                free((void *)source->tree.rows);
                free(source->text);
                free(source->lines);
        }
        *source = (struct source){0};
}

static uint32_t first_error(TSNode root)
{
        TSTreeCursor cursor;
        uint32_t line = 0;

        if (!ts_node_has_error(root))
                return 0;
        cursor = ts_tree_cursor_new(root);
        while (line == 0) {
                TSNode node = ts_tree_cursor_current_node(&cursor);

                if (strcmp(ts_node_type(node), "ERROR") == 0 || ts_node_is_missing(node)) {
                        line = ts_node_start_point(node).row + 1;
                        break;
                }
                if (ts_node_has_error(node) && ts_tree_cursor_goto_first_child(&cursor))
                        continue;
                while (!ts_tree_cursor_goto_next_sibling(&cursor))
                        if (!ts_tree_cursor_goto_parent(&cursor)) {
                                line = 1;
                                break;
                        }
        }
        ts_tree_cursor_delete(&cursor);
        return line;
}

/* The line, from 1, in which brackets lie deeper in one another than CPython's tokenizer allows; 0: none. */
static uint32_t too_many_brackets(const struct source *source)
{
        struct lexer l = {.p = source->text, .end = source->text + source->n, .line = 1};
        enum token token;
        int depth = 0;

        while ((token = lexer_next(&l)) != TOKEN_END && token != TOKEN_BAD) {
                depth += token == TOKEN_OPEN ? 1 : token == TOKEN_CLOSE ? -1 : 0;
                if (depth > MAX_BRACKETS)
                        return l.line;
        }
        return 0;
}

/* The line, from 1, that is indented by more levels than CPython allows; 0: none. */
static uint32_t too_many_blocks(const struct tree *tree)
{
        uint32_t ends[MAX_BLOCKS], n = 0;

        for (uint32_t at = 0; at < tree->n; at++) {
                const struct node node = {tree, at};

                while (n > 0 && at >= ends[n - 1])
                        n--;
                if (!node_is(node, "block"))
                        continue;
                if (n == MAX_BLOCKS)
                        return node_row(node) + 1;
                ends[n++] = node_behind(node);
        }
        return 0;
}

static uint64_t now(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* The tree of the text, NULL if there is none by the time UNTIL, in microseconds. */
static TSTree *parse_until(TSParser *parser, const char *text, size_t n, uint64_t until)
{
        const uint64_t from = now();

        if (from >= until)
                return NULL;
        ts_parser_reset(parser);
        ts_parser_set_timeout_micros(parser, until - from);
        return ts_parser_parse_string(parser, NULL, text, (uint32_t)n);
}

static int too_slow(struct source *source)
{
        source->problem = "takes too long to parse";
        source->line = 1;
        return 0;
}

/* SOURCE's tree becomes that of its text, below ROOT. */
static int pack(struct source *source, TSNode root, uint64_t until)
{
        uint32_t deepest, line = 0;
        int r = tree_pack(&source->tree, root, until, &deepest);

        if (r == -ETIME)
                return too_slow(source);
        if (r < 0)
                return r;
        r = tree_find_rows(&source->tree, source->text, source->n);
        if (r == 0 && deepest > MAX_BLOCKS)
                line = too_many_blocks(&source->tree);
        if (line == 0 && deepest > MAX_BRACKETS)
                line = too_many_brackets(source);
        if (line == 0 && deepest > MAX_DEEP)
                line = 1;
        if (line > 0 && source->problem == NULL) {
                source->problem = "nested more deeply than Python allows";
                source->line =
                    source->lines != NULL && line <= source->n_lines ? source->lines[line - 1] : line;
        }
        return r;
}

static void drop(TSTree *tree)
{
        if (tree != NULL && !parse_memory_lets_go())
                ts_tree_delete(tree);
}

/* The tree of the text without what skim.c leaves out; 0 where that cannot be used, 1 where it can. */
static int parse_skimmed(struct source *source, TSParser *parser, uint64_t until)
{
        struct skim skim;
        TSTree *tree;
        int r = 0;

        if (!skim_text(&skim, source->text, source->n))
                return 0;
        tree = parse_until(parser, skim.text, skim.n, until);
        if (tree != NULL && !ts_node_has_error(ts_tree_root_node(tree))) {
                free(source->text);
                *source = (struct source){
                    .text = skim.text, .n = skim.n, .lines = skim.lines, .n_lines = skim.n_lines};
                skim = (struct skim){0};
                r = pack(source, ts_tree_root_node(tree), until);
                r = r < 0 ? r : 1;
        }
        drop(tree);
        skim_finish(&skim);
        return r;
}

static int parse_text(struct source *source, TSParser *parser, bool whole)
{
        const uint64_t until = now() + MAX_SECONDS * 1000000 + source->n;
        TSTree *tree;
        int r;

        if (!whole && (r = parse_skimmed(source, parser, until)) != 0)
                return r < 0 ? r : 0;
        tree = parse_until(parser, source->text, source->n, until);
        if (tree == NULL)
                return too_slow(source);
        source->line = first_error(ts_tree_root_node(tree));
        if (source->line > 0)
                source->problem = "syntax error";
        r = pack(source, ts_tree_root_node(tree), until);
        drop(tree);
        return r;
}

static int parse(struct source *source, const struct reader *reader, bool whole)
{
        int r = source_decode(source);
        TSParser *parser;

        if (r < 0 || source->problem != NULL)
                return r;
        parse_memory_begin(reader->memory);
        parser = ts_parser_new();
        r = ts_parser_set_language(parser, tree_sitter_python()) ? parse_text(source, parser, whole)
                                                                 : -EINVAL;
        ts_parser_delete(parser);
        parse_memory_end(reader->memory);
        return r;
}

/* SOURCE, whose text is the file's bytes, is looked up in the cache, or parsed: WHOLE, or skimmed. */
static int parse_once(struct source *source, struct reader *reader, const char *path, bool whole)
{
        struct tree_key key;
        struct source found;
        size_t bytes = source->n;
        int r;

        if (reader->cache == NULL)
                return parse(source, reader, whole);
        tree_cache_key(&key, source->text, bytes, whole ? TREE_CACHE_WHOLE : TREE_CACHE_SKIMMED);
        if (tree_cache_get(reader->cache, &key, &found)) {
                source_finish(source);
                *source = found;
                return 0;
        }
        r = parse(source, reader, whole);
        if (r == 0 && source->problem == NULL)
                tree_cache_put(reader->cache, &key, path, bytes, source);
        return r;
}

int source_parse(struct source *ret, struct reader *reader, const char *bytes, size_t n)
{
        struct source source = {.text = malloc(n + 1), .n = n};
        int r = source.text != NULL ? 0 : -ENOMEM;

        if (r == 0) {
                memcpy(source.text, bytes, n);
                source.text[n] = '\0';
                r = parse(&source, reader, false);
        }
        if (r < 0)
                source_finish(&source);
        *ret = source;
        return r;
}

/* A file may grow or shrink meanwhile: what read gives is what counts. */
static int read_all(int fd, struct source *source)
{
        struct stat st;
        ssize_t got;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        if (st.st_size > MAX_BYTES)
                return -EFBIG;
        source->text = malloc((size_t)st.st_size + 1);
        if (source->text == NULL)
                return -ENOMEM;
        while (source->n < (size_t)st.st_size) {
                got = read(fd, source->text + source->n, (size_t)st.st_size - source->n);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return -errno;
                if (got == 0)
                        break;
                source->n += (size_t)got;
        }
        source->text[source->n] = '\0';
        return 0;
}

/* WORD: it is taken whole if it has that. */
static int read_path(struct source *ret, struct reader *reader, const char *path, const char *word)
{
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        struct source source = {0};
        int r = fd < 0 ? -errno : read_all(fd, &source);

        if (r == 0 && source.text != NULL)
                r = parse_once(&source, reader, path,
                               word != NULL && memmem(source.text, source.n, word, strlen(word)) != NULL);
        if (r < 0)
                source_finish(&source);
        *ret = source;
        return r;
}

int source_read(struct source *ret, struct reader *reader, const char *path)
{
        return read_path(ret, reader, path, NULL);
}

int source_read_whole(struct source *ret, struct reader *reader, const char *path)
{
        return read_path(ret, reader, path, "");
}

int source_read_with(struct source *ret, struct reader *reader, const char *path, const char *word)
{
        return read_path(ret, reader, path, word);
}
