/* How it works: the bytes become UTF-8 as PEP 263 and Python's tokenizer have it: a byte order mark, else a
 * coding cookie in the first two lines, else UTF-8. What is parsed is the text without its functions' bodies;
 * where that does not parse, all of it, so that errors are found where they are. */
#include "runtime/discover/source.h"

#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/discover/module.h"
#include "runtime/discover/skim.h"
#include "runtime/discover/tree_cache.h"
#include "spec/base/cleanup.h"
#include "spec/base/utf8.h"

#define MAX_BYTES  ((off_t)256 << 20) /* of one file */
#define MAX_COOKIE 40

const TSLanguage *tree_sitter_python(void);

bool reader_init(struct reader *ret, struct tree_cache *cache)
{
        *ret = (struct reader){.parser = ts_parser_new(), .cache = cache};
        if (ret->parser != NULL && ts_parser_set_language(ret->parser, tree_sitter_python()))
                return true;
        reader_finish(ret);
        return false;
}

void reader_finish(struct reader *reader)
{
        if (reader->parser != NULL)
                ts_parser_delete(reader->parser);
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

static uint32_t line_of(const char *text, size_t at)
{
        uint32_t line = 1;

        for (size_t i = 0; i < at; i++)
                line += text[i] == '\n';
        return line;
}

static void fail(struct source *source, const char *problem, size_t at)
{
        source->problem = problem;
        source->line = line_of(source->text, at);
}

/* PEP 263: ^[ \t\f]*#.*?coding[:=][ \t]*([-_.a-zA-Z0-9]+) in one of the first two lines, the first of which
 * must else be blank or a comment. */
static bool find_cookie(const char *text, size_t n, char name[MAX_COOKIE])
{
        const char *p = text, *end = text + n;

        for (int line = 0; line < 2 && p < end; line++) {
                const char *stop = memchr(p, '\n', (size_t)(end - p)), *coding;
                size_t len = 0;

                if (stop == NULL)
                        stop = end;
                while (p < stop && (*p == ' ' || *p == '\t' || *p == '\f'))
                        p++;
                if (p < stop && *p != '#' && *p != '\r')
                        return false;
                for (coding = p; (coding = memmem(coding, (size_t)(stop - coding), "coding", 6)) != NULL;) {
                        coding += 6;
                        if (coding >= stop || (*coding != ':' && *coding != '='))
                                continue;
                        for (coding++; coding < stop && (*coding == ' ' || *coding == '\t');)
                                coding++;
                        while (coding + len < stop && len + 1 < MAX_COOKIE &&
                               (strchr("-_.", coding[len]) != NULL ||
                                (coding[len] >= '0' && coding[len] <= '9') ||
                                ((coding[len] | 32) >= 'a' && (coding[len] | 32) <= 'z')) &&
                               coding[len] != '\0')
                                len++;
                        if (len > 0) {
                                memcpy(name, coding, len);
                                name[len] = '\0';
                                return true;
                        }
                }
                p = stop + 1;
        }
        return false;
}

static bool is_utf8_name(const char *name)
{
        return strcasecmp(name, "utf-8") == 0 || strcasecmp(name, "utf8") == 0 ||
               strncasecmp(name, "utf-8-", 6) == 0 || strcasecmp(name, "utf_8") == 0 ||
               strcasecmp(name, "utf_8_sig") == 0 || strcasecmp(name, "u8") == 0;
}

/* Python's name of a codec as iconv spells it. */
static void iconv_name(const char *name, char out[MAX_COOKIE + 8])
{
        static const char *const alias[][2] = {{"latin-1", "ISO-8859-1"}, {"latin1", "ISO-8859-1"},
                                               {"l1", "ISO-8859-1"},      {"iso8859-1", "ISO-8859-1"},
                                               {"ascii", "US-ASCII"},     {"us-ascii", "US-ASCII"},
                                               {"mac-roman", "MACINTOSH"}};
        char plain[MAX_COOKIE];
        size_t n = strlen(name);

        for (size_t i = 0; i <= n; i++)
                plain[i] = name[i] == '_' ? '-' : name[i];
        for (size_t i = 0; i < sizeof alias / sizeof alias[0]; i++)
                if (strcasecmp(plain, alias[i][0]) == 0) {
                        (void)strcpy(out, alias[i][1]);
                        return;
                }
        if (strncasecmp(plain, "iso8859-", 8) == 0)
                (void)sprintf(out, "ISO-8859-%s", plain + 8);
        else
                (void)strcpy(out, plain);
}

/* Makes UTF-8 of SOURCE's text, which is in the codec NAME. */
static int recode(struct source *source, const char *name)
{
        char codec[MAX_COOKIE + 8], *in = source->text, *out, *to;
        size_t left = source->n, room = source->n * 4 + 16;
        iconv_t cd;

        iconv_name(name, codec);
        cd = iconv_open("UTF-8", codec);
        if (cd == (iconv_t)-1) {
                fail(source, "the encoding that its first lines name is not known here", 0);
                return 0;
        }
        out = to = malloc(room + 1);
        if (out == NULL) {
                (void)iconv_close(cd);
                return -ENOMEM;
        }
        if (iconv(cd, &in, &left, &to, &room) == (size_t)-1)
                fail(source, "not in the encoding that its first lines name", source->n - left);
        (void)iconv_close(cd);
        *to = '\0';
        free(source->text);
        source->text = out;
        source->n = (size_t)(to - out);
        return 0;
}

/* The first byte of TEXT that is not UTF-8, N if all is. */
static size_t first_bad(const char *text, size_t n)
{
        for (size_t i = 0; i < n;) {
                uint64_t eight;

                while (i + sizeof eight <= n) {
                        memcpy(&eight, text + i, sizeof eight);
                        if ((eight & 0x8080808080808080U) != 0)
                                break;
                        i += sizeof eight;
                }
                if (i >= n)
                        break;

                unsigned char c = (unsigned char)text[i];
                size_t len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

                if (len == 0 || len > n - i)
                        return i;
                for (size_t k = 1; k < len; k++)
                        if (((unsigned char)text[i + k] & 0xc0) != 0x80)
                                return i;
                if ((c == 0xe0 && (unsigned char)text[i + 1] < 0xa0) ||
                    (c == 0xed && (unsigned char)text[i + 1] > 0x9f) ||
                    (c == 0xf0 && (unsigned char)text[i + 1] < 0x90) ||
                    (c == 0xf4 && (unsigned char)text[i + 1] > 0x8f))
                        return i;
                i += len;
        }
        return n;
}

/* The source's text becomes UTF-8. */
static int decode(struct source *source)
{
        bool bom = source->n >= 3 && memcmp(source->text, "\xef\xbb\xbf", 3) == 0;
        char cookie[MAX_COOKIE];
        const char *nul;
        size_t bad;
        int r;

        if (source->n >= 2 &&
            (memcmp(source->text, "\xff\xfe", 2) == 0 || memcmp(source->text, "\xfe\xff", 2) == 0)) {
                fail(source, "in UTF-16, which Python does not take as source", 0);
                return 0;
        }
        if (bom) {
                source->n -= 3;
                memmove(source->text, source->text + 3, source->n + 1);
        }
        nul = source->n > 0 ? memchr(source->text, '\0', source->n) : NULL;
        if (nul != NULL) {
                fail(source, "contains a NUL byte", (size_t)(nul - source->text));
                return 0;
        }
        if (find_cookie(source->text, source->n, cookie) && !is_utf8_name(cookie)) {
                if (bom) {
                        fail(source, "begins with UTF-8's mark but names another encoding", 0);
                        return 0;
                }
                r = recode(source, cookie);
                if (r < 0 || source->problem != NULL)
                        return r;
        }
        bad = first_bad(source->text, source->n);
        if (bad < source->n)
                fail(source, "not UTF-8, and its first lines name no other encoding", bad);
        return 0;
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

/* SOURCE's tree becomes that of its text, below ROOT. */
static int pack(struct source *source, TSNode root)
{
        int r = tree_pack(&source->tree, root);

        return r == 0 ? tree_find_rows(&source->tree, source->text, source->n) : r;
}

/* The tree of the text without what skim.c leaves out; 0 where that cannot be used, 1 where it can. */
static int parse_skimmed(struct source *source, TSParser *parser)
{
        struct skim skim;
        TSTree *tree;
        int r = 0;

        if (!skim_text(&skim, source->text, source->n))
                return 0;
        tree = ts_parser_parse_string(parser, NULL, skim.text, (uint32_t)skim.n);
        if (tree != NULL && !ts_node_has_error(ts_tree_root_node(tree))) {
                free(source->text);
                *source = (struct source){
                    .text = skim.text, .n = skim.n, .lines = skim.lines, .n_lines = skim.n_lines};
                skim = (struct skim){0};
                r = pack(source, ts_tree_root_node(tree));
                r = r < 0 ? r : 1;
        }
        if (tree != NULL)
                ts_tree_delete(tree);
        skim_finish(&skim);
        return r;
}

static int parse(struct source *source, TSParser *parser, bool whole)
{
        int r = decode(source);
        TSTree *tree;

        if (r < 0 || source->problem != NULL || (!whole && (r = parse_skimmed(source, parser)) != 0))
                return r < 0 ? r : 0;
        tree = ts_parser_parse_string(parser, NULL, source->text, (uint32_t)source->n);
        if (tree == NULL)
                return -ENOMEM;
        source->line = first_error(ts_tree_root_node(tree));
        if (source->line > 0)
                source->problem = "syntax error";
        r = pack(source, ts_tree_root_node(tree));
        ts_tree_delete(tree);
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
                return parse(source, reader->parser, whole);
        tree_cache_key(&key, source->text, bytes, whole);
        if (tree_cache_get(reader->cache, &key, &found)) {
                source_finish(source);
                *source = found;
                return 0;
        }
        r = parse(source, reader->parser, whole);
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
                r = parse(&source, reader->parser, false);
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

        if (r == 0)
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
