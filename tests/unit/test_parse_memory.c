/* runtime/discover/parse_memory: what tree-sitter allocates keeps what is in it, overlaps nothing, and is
 * gone at the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/parse_memory.h"

/* tree-sitter's own, set by parse_memory.c */
extern void *(*ts_current_malloc)(size_t size);
extern void *(*ts_current_calloc)(size_t n, size_t size);
extern void *(*ts_current_realloc)(void *p, size_t size);
extern void (*ts_current_free)(void *p);

static void is_filled(const unsigned char *p, unsigned char with, size_t n)
{
        for (size_t i = 0; i < n; i++)
                assert_int_equal(p[i], with);
}

/* Blocks of sizes at and around each limit, all there at once, twice: the second time from what was freed. */
static void blocks_are_apart(void)
{
        static const size_t sizes[] = {0,
                                       1,
                                       15,
                                       16,
                                       17,
                                       1008,
                                       1023,
                                       1024,
                                       1025,
                                       2047,
                                       2048,
                                       2049,
                                       (1 << 19) - 48,
                                       (1 << 19) - 16,
                                       1 << 19,
                                       (1 << 20) + 1};
        enum { N = sizeof sizes / sizeof sizes[0] };
        unsigned char *blocks[N];

        for (int round = 0; round < 3; round++) {
                for (size_t i = 0; i < N; i++) {
                        blocks[i] = i % 2 == 0 ? ts_current_malloc(sizes[i]) : ts_current_calloc(sizes[i], 1);
                        assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
                        if (i % 2 == 1)
                                is_filled(blocks[i], 0, sizes[i]);
                        memset(blocks[i], (int)i + 1, sizes[i]);
                }
                for (size_t i = 0; i < N; i++) {
                        is_filled(blocks[i], (unsigned char)(i + 1), sizes[i]);
                        blocks[i] = ts_current_realloc(blocks[i], sizes[i] * 3 + 1);
                        is_filled(blocks[i], (unsigned char)(i + 1), sizes[i]);
                        memset(blocks[i], (int)i + 1, sizes[i] * 3 + 1);
                }
                for (size_t i = 0; i < N; i++) {
                        blocks[i] = ts_current_realloc(blocks[i], sizes[i]);
                        is_filled(blocks[i], (unsigned char)(i + 1), sizes[i]);
                        ts_current_free(blocks[i]);
                }
        }
        ts_current_free(NULL);
        blocks[0] = ts_current_realloc(NULL, 100);
        memset(blocks[0], 1, 100);
        ts_current_free(blocks[0]);
}

static void with_and_without(void **state)
{
        struct parse_memory *memory = parse_memory_create();
        unsigned char *before = ts_current_malloc(40), *after;

        (void)state;
        assert_non_null(memory);
        memset(before, 7, 40);
        blocks_are_apart();
        for (int i = 0; i < 4; i++) {
                parse_memory_begin(memory);
                blocks_are_apart();
                if (i == 1) { /* malloc's goes back to malloc */
                        ts_current_free(before);
                        before = NULL;
                }
                parse_memory_end(memory);
                if (before != NULL)
                        is_filled(before, 7, 40);
        }
        after = ts_current_malloc(40);
        parse_memory_destroy(memory);
        memset(after, 8, 40);
        ts_current_free(after);
        parse_memory_destroy(NULL);
}

/* What is not freed is gone at the end, whatever it was. */
static void all_is_let_go(void **state)
{
        struct parse_memory *memory = parse_memory_create();
        size_t first = 0;

        (void)state;
        assert_non_null(memory);
        if (parse_memory_lets_go())
                for (int i = 0; i < 50; i++) {
                        parse_memory_begin(memory);
                        for (size_t n = 1; n < (1 << 22); n *= 3)
                                memset(ts_current_malloc(n), 1, n);
                        parse_memory_end(memory);
                        if (i == 5)
                                first = mallinfo2().uordblks + mallinfo2().hblkhd;
                }
        assert_true(!parse_memory_lets_go() || mallinfo2().uordblks + mallinfo2().hblkhd <= first + 4096);
        parse_memory_destroy(memory);
}

/* tree-sitter gives back the middle of a block where it counted wrong. */
static void what_is_no_block_is_left_alone(void **state)
{
        struct parse_memory *memory = parse_memory_create();
        unsigned char *block;

        (void)state;
        assert_non_null(memory);
        parse_memory_begin(memory);
        block = ts_current_malloc(4096);
        memset(block, 9, 4096);
        ts_current_free(block + 1024);
        is_filled(block, 9, 4096);
        ts_current_free(block);
        parse_memory_end(memory);
        parse_memory_destroy(memory);
}

static void *in_a_thread(void *unused)
{
        for (int i = 0; i < 20; i++)
                with_and_without(NULL);
        return unused;
}

static void threads_have_their_own(void **state)
{
        pthread_t threads[4];

        (void)state;
        for (size_t i = 0; i < 4; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, in_a_thread, NULL), 0);
        for (size_t i = 0; i < 4; i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(with_and_without),
            cmocka_unit_test(all_is_let_go),
            cmocka_unit_test(what_is_no_block_is_left_alone),
            cmocka_unit_test(threads_have_their_own),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
