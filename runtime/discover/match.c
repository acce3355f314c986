/* How it works: each word of the expression is looked for among the names that are certain, then among those
 * that are possible; where more names may exist than are known, a word that was not found is unknown. */
#include "runtime/discover/match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/names.h"
#include "runtime/discover/resolve.h"
#include "runtime/discover/unicode.h"
#include "runtime/discover/value.h"
#include "spec/base/cleanup.h"

/* One test, while it is looked at. */
struct subject {
        const struct matcher *matcher;
        const struct match_file *file;
        const struct test *test;
        struct arena *arena;
        struct ids own;   /* names of the item and its classes, in lower case */
        int unsure_marks; /* it may have marks that are not known; -1: not found out yet */
        bool is_decorated;
};

/* Names that known decorators leave in a function's __dict__; pytest 9 ignores most of them. */
static const char *const left_by_decorators[] = {"pytestmark",
                                                 "__wrapped__",
                                                 "patchings",
                                                 "__unittest_skip__",
                                                 "__unittest_skip_why__",
                                                 "__unittest_expecting_failure__",
                                                 "hypothesis",
                                                 "is_hypothesis_test",
                                                 "_hypothesis_internal_use_settings",
                                                 "_hypothesis_internal_use_seed",
                                                 "_hypothesis_internal_use_reproduce_failure",
                                                 "_hypothesis_internal_settings_applied",
                                                 "hypothesis_explicit_examples",
                                                 "cache_parameters"};

static const char *lower(struct arena *arena, const char *s)
{
        CLEANUP_FREE char *text = unicode_lower(s);

        return text != NULL ? arena_strn(arena, text, strlen(text)) : NULL;
}

/* The parts of the node id behind the file: one for each class, and the item. */
static void split(struct subject *s)
{
        const char *rest = s->test->nodeid + strlen(s->file->nodeid);
        size_t classes = 0;

        for (const struct chain *c = s->test->chain; c != NULL; c = c->outer)
                classes++;
        s->own.v = arena_get(s->arena, (classes + 1) * sizeof *s->own.v);
        while (s->own.v != NULL && strncmp(rest, "::", 2) == 0) {
                const char *end;

                rest += 2;
                end = classes > 0 ? strstr(rest, "::") : NULL;
                if (end == NULL)
                        end = rest + strlen(rest);
                s->own.v[s->own.n] = lower(s->arena, arena_strn(s->arena, rest, (size_t)(end - rest)));
                if (s->own.v[s->own.n++] == NULL || classes-- == 0)
                        return;
                rest = end;
        }
}

static bool any_has(const struct ids *names, const char *word)
{
        for (size_t i = 0; i < names->n; i++)
                if (names->v[i] != NULL && strstr(names->v[i], word) != NULL)
                        return true;
        return false;
}

/* Whether the decorator NODE does no more than is known: a mark, a fixture, unittest.mock ... */
static bool is_plain(const struct scope *scope, struct node node)
{
        static const char plain[] =
            " staticmethod classmethod fixture patch object dict multiple given settings example "
            "seed reproduce_failure skip skipIf skipUnless expectedFailure freeze_time "
            "contextmanager coroutine no_type_check ";
        struct node function = node_is(node, "call") ? node_field(node, "function") : node;
        const char *dotted = module_dotted(scope->module, scope, function), *word = names_last_word(dotted);
        struct marks marks = {0};

        marks_add(&marks, scope, node);
        if (marks.vague != NULL)
                return false;
        if (marks.n > 0 || (dotted != NULL && strstr(dotted, "mark.") != NULL))
                return true;
        return word != NULL && dotted != NULL && names_in_table(plain, word) &&
               (strchr(dotted, '.') != NULL || module_resolve(scope->module, scope, word) == NULL);
}

static bool are_plain(const struct scope *scope, const struct nodes *decorators)
{
        for (size_t i = 0; i < decorators->n; i++)
                if (!is_plain(scope, decorators->v[i]))
                        return false;
        return true;
}

/* Whether a decorator of the function or of one of its classes may add marks or attributes. */
static bool is_odd(struct subject *s)
{
        const struct test *t = s->test;

        s->is_decorated = t->function->decorators.n > 0;
        if (!are_plain(t->scope, &t->function->decorators))
                return true;
        for (const struct chain *c = t->chain; c != NULL; c = c->outer)
                for (size_t i = 0; i < c->class_def->n_mro; i++)
                        if (!are_plain(c->class_def->mro[i]->scope.outer, &c->class_def->mro[i]->decorators))
                                return true;
        return false;
}

/* Whether the values of a parametrize may bring marks of their own. */
static bool brings_marks(const struct mark *mark)
{
        const struct module *m = mark->scope->module;
        struct nodes arguments, values;

        if (strcmp(mark->name, "parametrize") != 0 || node_is_null(mark->call))
                return false;
        if (strstr(node_text(m, mark->call), "marks") != NULL)
                return true;
        arguments = node_children(m, node_field(mark->call, "arguments"));
        for (size_t i = 0; i < arguments.n; i++) {
                struct node node = node_is(arguments.v[i], "keyword_argument")
                                       ? node_field(arguments.v[i], "value")
                                       : arguments.v[i];

                if (node_is(node, "list") || node_is(node, "tuple"))
                        values = node_children(m, node);
                else
                        values = (struct nodes){&node, 1};
                for (size_t k = 0; k < values.n; k++) {
                        struct entity e = {0};

                        if (node_is(values.v[k], "identifier") || node_is(values.v[k], "attribute"))
                                e = resolve_node(mark->scope, values.v[k]);
                        else if (node_is(values.v[k], "list_splat") || node_is(values.v[k], "call") ||
                                 node_is(values.v[k], "list_comprehension") ||
                                 node_is(values.v[k], "binary_operator"))
                                /* made from something else: of this file, which has no such word, or not */
                                e.kind = strstr(m->text, "marks=") != NULL ? ENTITY_BINDING : ENTITY_UNKNOWN;
                        else
                                continue;
                        if (e.kind == ENTITY_BINDING &&
                            (e.binding == NULL ||
                             (e.binding->kind == BINDING_VALUE &&
                              (e.scope->module != m || strstr(m->text, "marks=") != NULL))))
                                return true;
                }
        }
        return false;
}

static bool has_unsure_marks(struct subject *s)
{
        if (s->unsure_marks < 0) {
                const struct test *t = s->test;

                if (t->function == NULL) /* a doctest: the module's marks are its own in some versions */
                        s->unsure_marks = t->dynamic != NULL || module_find(t->scope, "pytestmark") != NULL;
                else
                        s->unsure_marks = t->dynamic != NULL || t->marks->vague != NULL || is_odd(s);
                for (size_t i = 0; i < t->marks->n && !s->unsure_marks; i++)
                        s->unsure_marks = brings_marks(&t->marks->v[i]);
        }
        return s->unsure_marks > 0;
}

static bool is_added(const struct subject *s, const char *word, bool whole)
{
        for (size_t i = 0; i < s->matcher->added.n; i++)
                if (whole ? strcmp(s->matcher->added.v[i], word) == 0
                          : strstr(s->matcher->added.v[i], word) != NULL)
                        return true;
        return false;
}

static enum truth match_keyword(void *ctx, const char *name, const struct expr_kwargs *kwargs)
{
        struct subject *s = ctx;
        const char *word = lower(s->arena, name);
        const struct marks *marks = s->test->marks;

        if (word == NULL || kwargs->n > 0) /* pytest says what is wrong with that */
                return TRUTH_UNKNOWN;
        if (any_has(&s->own, word) || any_has(&s->file->certain, word))
                return TRUTH_YES;
        for (size_t i = 0; i < marks->n; i++) {
                const char *mark = marks->v[i].foreign ? NULL : lower(s->arena, marks->v[i].name);

                if (mark != NULL && strstr(mark, word) != NULL)
                        return TRUTH_YES;
        }
        if (any_has(&s->file->possible, word) || is_added(s, word, false) || has_unsure_marks(s))
                return TRUTH_UNKNOWN;
        for (size_t i = 0; s->is_decorated && i < sizeof left_by_decorators / sizeof left_by_decorators[0];
             i++)
                if (strstr(left_by_decorators[i], word) != NULL)
                        return TRUTH_UNKNOWN;
        return TRUTH_NO;
}

/* Whether the argument VALUE of a mark equals what the expression asks for. */
static enum truth equals(const struct scope *scope, struct node node, const struct expr_kwarg *kwarg)
{
        struct value v = value_read(scope, node, NULL);
        bool is_number = v.kind == VALUE_INT || v.kind == VALUE_BOOL;

        if (v.kind == VALUE_UNKNOWN || v.kind == VALUE_FLOAT)
                return TRUTH_UNKNOWN;
        if (kwarg->type == EXPR_NONE)
                return v.kind == VALUE_NONE ? TRUTH_YES : TRUTH_NO;
        if (kwarg->type == EXPR_STRING)
                return v.kind == VALUE_STR && strcmp(v.s, kwarg->text) == 0 ? TRUTH_YES : TRUTH_NO;
        if (!is_number) /* numbers too large to be kept may still be numbers */
                return v.kind == VALUE_OBJECT ? TRUTH_UNKNOWN : TRUTH_NO;
        return v.i == (kwarg->type == EXPR_BOOL ? kwarg->truth : strtoll(kwarg->text, NULL, 10)) ? TRUTH_YES
                                                                                                 : TRUTH_NO;
}

static enum truth has_kwargs(const struct mark *mark, const struct expr_kwargs *kwargs)
{
        const struct module *m = mark->scope->module;
        struct nodes arguments = node_children(m, node_field(mark->call, "arguments"));
        enum truth all = TRUTH_YES;

        for (size_t i = 0; i < kwargs->n; i++) {
                enum truth one = TRUTH_NO;

                for (size_t k = 0; k < arguments.n; k++)
                        if (node_is(arguments.v[k], "dictionary_splat"))
                                one = TRUTH_UNKNOWN;
                        else if (node_is(arguments.v[k], "keyword_argument") &&
                                 strcmp(node_text(m, node_field(arguments.v[k], "name")),
                                        kwargs->v[i].name) == 0)
                                one = equals(mark->scope, node_field(arguments.v[k], "value"), &kwargs->v[i]);
                if (one == TRUTH_NO)
                        return one;
                if (one == TRUTH_UNKNOWN)
                        all = one;
        }
        return all;
}

static enum truth match_mark(void *ctx, const char *name, const struct expr_kwargs *kwargs)
{
        struct subject *s = ctx;
        const struct marks *marks = s->test->marks;
        bool maybe = false;

        for (size_t i = 0; i < marks->n; i++) {
                enum truth one;

                if (marks->v[i].foreign || strcmp(marks->v[i].name, name) != 0)
                        continue;
                one = has_kwargs(&marks->v[i], kwargs);
                if (one == TRUTH_YES)
                        return one;
                maybe = maybe || one == TRUTH_UNKNOWN;
        }
        const char *word = lower(s->arena, name);
        return maybe || word == NULL || is_added(s, word, true) || has_unsure_marks(s) ? TRUTH_UNKNOWN
                                                                                       : TRUTH_NO;
}

enum truth match_test(const struct matcher *matcher, const struct match_file *file, const struct test *test)
{
        struct subject s = {.matcher = matcher, .file = file, .test = test, .unsure_marks = -1};
        enum truth keyword = TRUTH_YES, mark = TRUTH_YES;

        if (matcher->keyword == NULL && matcher->mark == NULL)
                return TRUTH_YES;
        if (test->partial || test->scope == NULL || matcher->opaque)
                return TRUTH_UNKNOWN;
        s.arena = test->scope->module->arena;
        split(&s);
        if (matcher->keyword != NULL)
                keyword = expr_evaluate(matcher->keyword, match_keyword, &s);
        if (keyword != TRUTH_NO && matcher->mark != NULL)
                mark = expr_evaluate(matcher->mark, match_mark, &s);
        if (s.arena->failed)
                return TRUTH_UNKNOWN;
        return keyword == TRUTH_NO || mark == TRUTH_NO             ? TRUTH_NO
               : keyword == TRUTH_UNKNOWN || mark == TRUTH_UNKNOWN ? TRUTH_UNKNOWN
                                                                   : TRUTH_YES;
}
