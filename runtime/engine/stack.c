/* How it works: a frame is a line '  File "...", line N in NAME'; from the first that is pytest's call of a
 * test or a fixture on, all frames up to the stack's end go. */
#include "runtime/engine/stack.h"

#include <string.h>

static const char frame[] = "  File \"";

static int ends_with(const char *line, size_t n, const char *word)
{
        size_t length = strlen(word);

        return n >= length && memcmp(line + n - length, word, length) == 0;
}

/* Where pytest calls what the user wrote. */
static int is_call(const char *line, size_t n)
{
        static const char *const calls[] = {" in pytest_pyfunc_call", " in call_fixture_func",
                                            " in _call_fixture_func", " in _callTestMethod",
                                            " in _multicall"};

        for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
                if (ends_with(line, n, calls[i]))
                        return 1;
        return 0;
}

size_t stack_trim(char *text, size_t n)
{
        size_t from = 0, to = 0;
        int cutting = 0;

        while (from < n) {
                const char *end = memchr(text + from, '\n', n - from);
                size_t length = end != NULL ? (size_t)(end - text) - from : n - from;
                size_t whole = length + (end != NULL);

                if (length < sizeof frame - 1 || memcmp(text + from, frame, sizeof frame - 1) != 0)
                        cutting = 0;
                else if (!cutting)
                        cutting = is_call(text + from, length);
                if (!cutting) {
                        memmove(text + to, text + from, whole);
                        to += whole;
                }
                from += whole;
        }
        return to;
}
