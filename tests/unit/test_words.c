/* runtime/discover/words: what stands in a text is found in whatever way it is spelled, in time that grows as
 * the text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/discover/words.h"

#ifdef __SANITIZE_ADDRESS__ /* whose strstr() measures all of the text each time */
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

/* All that TEXT imports: "bound=..module:name". */
static void imports_are(const char *text, const char *expected)
{
        struct words_imports walk = {.p = text};
        struct arena arena = {0};
        struct import import;
        const char *bound;
        char all[1024] = "";

        while (words_next_import(&walk, &arena, &import, &bound)) {
                size_t n = strlen(all);

                (void)snprintf(all + n, sizeof all - n, "%s%s=%.*s%s%s%s", n > 0 ? " " : "",
                               bound != NULL ? bound : "*", import.level, "....", import.module,
                               import.name != NULL ? ":" : "", import.name != NULL ? import.name : "");
        }
        assert_string_equal(all, expected);
        arena_finish(&arena);
}

static void imports(void **state)
{
        (void)state;
        imports_are("", "");
        imports_are("import", "");
        imports_are("import a", "a=a");
        imports_are("import a.b, c as d;import e . f as g\n", "a=a d=c g=e.f");
        imports_are("from a import b", "b=a:b");
        imports_are("x = 1;from . import b as c, d\n", "c=.:b d=.:d");
        imports_are("if x:from..a . b import*", "*=..a.b");
        imports_are("from a import ( # b, (\n  c, # d\n\n  e as f\n ,)\nfrom.g import(h)",
                    "c=a:c f=a:e h=.g:h");
        imports_are("from a import (\r b,\r # c\r d)\r", "b=a:b d=a:d");
        imports_are("from \\\n a \\\r\n import \\\r b", "b=a:b");
        imports_are("# from here \\\nfrom a import b", "b=a:b");
        imports_are("xfrom a import b\nfrom a importb\nimporting = important\n", "");
        imports_are("from a import importlib, fromage", "importlib=a:importlib fromage=a:fromage");
        imports_are("from import b\nfrom a b import c\nfrom a import", "");
        imports_are("from a import (", "");
        imports_are("from a import (b, c", "b=a:b c=a:c");
        imports_are("yield from a\nimport b", "b=b");
        imports_are("\ffrom a import b", "b=a:b");
}

/* All bindings of "A" in TEXT. */
static void bindings_are(const char *text, const char *expected)
{
        static const char letters[] = "-cfav";
        enum words_binding how;
        const char *p = text;
        char all[64] = "";

        while ((how = words_next_binding(text, &p, "A")) != WORDS_NONE) {
                const char one[] = {letters[how], '\0'};

                (void)strcat(all, one);
        }
        assert_string_equal(all, expected);
}

static void bindings(void **state)
{
        (void)state;
        bindings_are("", "");
        bindings_are("A", "");
        bindings_are("x = {\n    A: {\n        A: {1},\n    },\n}\n", "");
        bindings_are("class A", "c");
        bindings_are("class A: pass\nclass \\\n A(B): pass\ndef A(): pass\nasync def\tA(): pass", "ccff");
        bindings_are("AA = 1; BA = 2; A_ = 3; A.b = 4; A == 5; A + 6; A[7] = 8", "");
        bindings_are("A = b\nA = b.c # why\nA=b;A = B = c", "aaaa");
        bindings_are("A = 1\nA = b()\nA = [b]\nA = b + c\nA = None", "vvvvv");
        bindings_are("A: int\nA: int = b\nA: dict[int,\n int] = b\nA: 'a=b' = 3\n", "aav");
        bindings_are(
            "A: it isn't so\nf(A)\nf(b, A)\nf(b, A=c)\nb: A = c\nself.b: A = c\ndef f(b: A = c): pass", "");
        bindings_are("A, b = c\nb, A = c\n(A) = c\nb, (c, A) = d\n[A] = c\n*b, A = c", "aaaaaa");
        bindings_are(
            "for A in b: pass\nfor b, A in c: pass\nwith b as A: pass\n(A := b)\nglobal A\ncase A: pass",
            "aaaaaa");
        bindings_are("for A\nif A in b: pass\nif b: A = c\nelse: A = c", "aa");
}

/* The bases of the class whose name ends at TEXT, with blanks between. */
static void bases_are(const char *text, const char *expected)
{
        struct arena arena = {0};
        const char *base, *p = text;
        char all[256] = "";

        for (int i = 0; i < 20 && (base = words_next_base(&p, &arena)) != NULL; i++) {
                (void)strcat(all, all[0] != '\0' ? " " : "");
                (void)strcat(all, base[0] != '\0' ? base : "?");
                if (p[0] == '\0')
                        break;
        }
        assert_string_equal(all, expected);
        arena_finish(&arena);
}

static void bases(void **state)
{
        (void)state;
        bases_are("", "");
        bases_are(": pass", "");
        bases_are("(): pass", "");
        bases_are("(a): pass", "a");
        bases_are(" ( # (\n a . b, # )\n c,\n): pass", "a.b c");
        bases_are("(a[b, (c)], d): pass", "a d");
        bases_are("[T: (int, str)](a): pass", "a");
        bases_are("(a, metaclass=b): pass", "a");
        bases_are("(metaclass=b(c, d), *e): pass", "?");
        bases_are("(a(b), *c, **d): pass", "? ? ?");
        bases_are("(a if b else c): pass", "?");
        bases_are("(", "?");
        bases_are("(a", "?");
        bases_are("(a, ", "a ?");
        bases_are("(a=b", "?");
        bases_are("(a[", "?");
}

static void walk_all(const char *text)
{
        struct words_imports walk = {.p = text};
        struct arena arena = {0};
        struct import import;
        const char *bound, *p = text;

        for (int n = 0; n < 4096 && words_next_import(&walk, &arena, &import, &bound);)
                n++;
        for (int n = 0; n < 64;) {
                enum words_binding how = words_next_binding(text, &p, "A");
                const char *q = p, *base = how == WORDS_CLASS ? "?" : NULL;

                if (how == WORDS_NONE)
                        break;
                for (int k = 0; k < 64 && base != NULL && base[0] != '\0'; k++)
                        base = words_next_base(&q, &arena);
                n++;
        }
        arena_finish(&arena);
}

/* Each would take hours if a part of it were looked at again for each other part. */
static void time_grows_as_the_text(void **state)
{
        static const char *const parts[] = {"import ",
                                            "import\n",
                                            "from a import (",
                                            "from a import a,",
                                            "from ",
                                            "from a.",
                                            ".import",
                                            ". ",
                                            "\\\n",
                                            "import \\\n",
                                            "class A(",
                                            "class A(\n",
                                            "class A(x=\n",
                                            "#class A\n",
                                            "#class A(\n",
                                            "class A\n",
                                            "class A(a[",
                                            "class A(x=(",
                                            "A:",
                                            "A: int\n",
                                            "A=",
                                            "A==",
                                            "A,",
                                            "A)",
                                            "A ",
                                            "(A",
                                            "f(A=3,",
                                            "b: A = ",
                                            "for A ",
                                            "A \\\n",
                                            "A in ",
                                            "\\",
                                            "(",
                                            "class ",
                                            "A: '",
                                            "import a.a",
                                            "from . import *",
                                            "a,A,",
                                            "[A",
                                            "a.A.b"};
        const size_t n = IS_SANITIZED ? 64 << 10 : 2 << 20;
        char *text = malloc(n + 1);

        (void)state;
        assert_non_null(text);
        (void)alarm(120);
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
                const size_t len = strlen(parts[i]);

                for (size_t at = 0; at < n; at++)
                        text[at] = parts[i][at % len];
                text[n] = '\0';
                walk_all(text);
        }
        (void)alarm(0);
        free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(imports),
            cmocka_unit_test(bindings),
            cmocka_unit_test(bases),
            cmocka_unit_test(time_grows_as_the_text),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
