/* How it works: questions about the mro that mro.c has worked out, and about the bases that it left out. */
#include "runtime/discover/classes.h"

#include <string.h>

#include "runtime/discover/library.h"
#include "runtime/discover/names.h"
#include "runtime/discover/value.h"

#define MAX_BASES 8 /* one above another, of the same file */

static const char testcases[] = " unittest.TestCase unittest.case.TestCase unittest.IsolatedAsyncioTestCase "
                                "unittest.async_case.IsolatedAsyncioTestCase unittest.FunctionTestCase ";

/* Classes without source that have an __init__ or a __new__ of their own. */
static const char constructed[] =
    " BaseException Enum Flag IntEnum IntFlag NamedTuple Protocol StrEnum TypedDict bytes bytearray complex "
    "dict float "
    "frozenset int list memoryview object_ property set slice str super tuple type ReprEnum ";

/* Classes without source that have not. */
static const char plain[] = " object abc.ABC typing.Generic typing.Protocol typing.Any ";

bool class_is_testcase(struct class_def *c, const char **ret_maybe)
{
        bool likely = false;

        module_mro(c->scope.module, c);
        for (size_t i = 0; i < c->n_foreign; i++) {
                if (names_in_table(testcases, c->foreign[i]))
                        return true;
                likely |= names_end_with(c->foreign[i], "TestCase");
        }
        if (likely || c->unknown_base != NULL)
                *ret_maybe = arena_printf(c->scope.module->arena, "its base %s is not known",
                                          c->unknown_base != NULL ? c->unknown_base : c->foreign[0]);
        return likely;
}

static bool is_other(const struct class_def *c, int depth);

/* Whether the base NODE of C makes it no TestCase. */
static bool is_other_base(const struct class_def *c, struct node node, int depth)
{
        const struct module *m = c->scope.module;
        const struct binding *b;

        if (node_is(node, "subscript")) /* Generic[T] */
                node = node_field(node, "value");
        if (resolve_is_standard(c->scope.outer, node))
                return true;
        if (!node_is(node, "identifier"))
                return false;
        b = module_resolve(m, c->scope.outer, node_text(m, node));
        if (b == NULL)
                return value_is_builtin(node_text(m, node));
        if (b->kind == BINDING_IMPORT)
                return b->target == NULL && !b->vague && b->maybe == NULL && m->library != NULL &&
                       !library_may_be_base(m->library, m, &b->import);
        return b->kind == BINDING_CLASS && !b->vague && b->maybe == NULL && b->target == NULL &&
               b->test_flag == 0 && is_other(b->class_def, depth + 1);
}

static bool is_other(const struct class_def *c, int depth)
{
        if (depth > MAX_BASES || c->n_mro > 0 || c->mro_busy || c->before != NULL || c->has_keywords ||
            c->grows != NULL || c->scope.module->grows != NULL || module_find(&c->scope, "__test__") != NULL)
                return false;
        for (size_t i = 0; i < c->bases.n; i++)
                if (!is_other_base(c, c->bases.v[i], depth))
                        return false;
        return true;
}

bool class_is_other(const struct class_def *c)
{
        return is_other(c, 0);
}

static bool is_constructed(const char *dotted)
{
        const char *word = names_last_word(dotted);

        return !names_in_table(plain, dotted) &&
               (names_in_table(constructed, word) || names_end_with(word, "Error") ||
                names_end_with(word, "Exception") || names_end_with(word, "Warning"));
}

bool class_has_constructor(struct class_def *c, const char **ret_maybe)
{
        struct binding *b = resolve_member(c, "__init__", NULL);

        if (b == NULL)
                b = resolve_member(c, "__new__", NULL);
        if (b != NULL) {
                if (b->maybe != NULL)
                        *ret_maybe = b->maybe;
                return true;
        }
        for (size_t i = 0; i < c->n_foreign; i++)
                if (is_constructed(c->foreign[i]))
                        return true;
        for (size_t i = 0; i < c->n_foreign; i++)
                if (!names_in_table(plain, c->foreign[i]) && !names_in_table(testcases, c->foreign[i]) &&
                    *ret_maybe == NULL)
                        *ret_maybe =
                            arena_printf(c->scope.module->arena, "its base %s is not known", c->foreign[i]);
        if (c->unknown_base != NULL && *ret_maybe == NULL)
                *ret_maybe =
                    arena_printf(c->scope.module->arena, "its base %s is not known", c->unknown_base);
        return false;
}

int class_test_flag(struct class_def *c, const char **ret_maybe)
{
        struct binding *b = resolve_member(c, "__test__", NULL);

        if (b == NULL || b->kind == BINDING_DELETED)
                return 0;
        if (b->kind != BINDING_VALUE || b->maybe != NULL || b->vague ||
            !names_in_table(" true false none ", node_is_null(b->node) ? "" : node_type(b->node)))
                *ret_maybe = "its __test__ is not known";
        if (b->kind != BINDING_VALUE)
                return 0;
        return node_is(b->node, "true") ? 1 : node_is(b->node, "false") || node_is(b->node, "none") ? -1 : 0;
}

bool entity_mentions(const struct entity *e, const char *word)
{
        const struct module *m = e->scope->module;
        struct node node = e->binding->node;
        uint32_t start;

        if (node_is_null(node))
                return false;
        start = node_start(node);
        return memmem(m->text + start, node_end(node) - start, word, strlen(word)) != NULL;
}

/* Whether the function E assigns to attributes of its first parameter. */
static bool assigns_attributes(const struct entity *e)
{
        const struct module *m = e->scope->module;
        struct nodes parameters = node_children(m, node_field(e->binding->node, "parameters"));
        const char *text = node_text(m, e->binding->node), *name, *p;

        if (e->binding->kind != BINDING_FUNCTION || parameters.n == 0)
                return false;
        name = arena_printf(m->arena, " %s.", node_text(m, parameters.v[0]));
        for (p = text; name != NULL && (p = strstr(p, name)) != NULL;) {
                p += strlen(name);
                p += strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
                p += strspn(p, " ");
                if (p[0] == '=' && p[1] != '=')
                        return true;
        }
        return false;
}

/* What the class's decorator number I is; *RET_NODE: its name, without the arguments. */
static struct entity decorator_of(const struct class_def *c, size_t i, struct node *ret_node)
{
        const struct node node = c->decorators.v[i];

        *ret_node = node_is(node, "call") ? node_field(node, "function") : node;
        return resolve_node(c->scope.outer, *ret_node);
}

const char *class_sets(struct class_def *c, const char *name)
{
        for (size_t i = 0; i < c->n_mro; i++) {
                struct class_def *base = c->mro[i];

                for (size_t k = 0; k < base->decorators.n && !base->is_decorated; k++) {
                        struct node node;
                        const struct entity e = decorator_of(base, k, &node);

                        if (e.kind == ENTITY_BINDING && assigns_attributes(&e) && entity_mentions(&e, name))
                                return arena_printf(c->scope.module->arena, "the decorator %s may set it",
                                                    node_quote(base->scope.module, node));
                }
        }
        return NULL;
}

const char *class_changed(struct class_def *c)
{
        const struct module *m = c->scope.module;

        for (size_t i = 0; i < c->decorators.n; i++) {
                struct node node;
                const struct entity e = decorator_of(c, i, &node);

                if (e.kind == ENTITY_BINDING &&
                    (entity_mentions(&e, "wraps(") || entity_mentions(&e, "delattr") ||
                     (assigns_attributes(&e) && entity_mentions(&e, "__test__"))))
                        return arena_printf(m->arena, "its decorator %s may change it", node_quote(m, node));
        }
        return NULL;
}

/* A decorator that adds to the class: a function of the project that sets attributes by name. */
static const char *decorated(struct class_def *c)
{
        const struct module *m = c->scope.module;

        for (size_t i = 0; i < c->decorators.n; i++) {
                struct node node;
                const struct entity e = decorator_of(c, i, &node);

                if (e.kind == ENTITY_BINDING && (entity_mentions(&e, "setattr") ||
                                                 entity_mentions(&e, "__dict__") || assigns_attributes(&e)))
                        return arena_printf(m->arena, "its decorator %s sets attributes",
                                            node_quote(m, node));
                if (e.dotted != NULL && strncmp(e.dotted, "parameterized.", 14) == 0)
                        return arena_printf(m->arena, "%s makes classes", e.dotted);
        }
        return NULL;
}

bool class_has_plain_metaclass(const struct class_def *c)
{
        const char *meta;

        if (node_is_null(c->metaclass))
                return true;
        meta = names_last_word(module_dotted(c->scope.module, c->scope.outer, c->metaclass));
        return meta != NULL && names_in_table(" ABCMeta type EnumMeta EnumType ", meta);
}

const char *class_grows(struct class_def *c)
{
        struct entity e = {.kind = ENTITY_BINDING};

        module_mro(c->scope.module, c);
        for (size_t i = 0; i < c->n_mro; i++) {
                struct class_def *base = c->mro[i];

                if (base->grows != NULL)
                        return base->grows;
                if (base->decorators.n > 0 && !base->is_decorated && decorated(base) != NULL)
                        return decorated(base);
                if (!base->has_begun && !class_has_plain_metaclass(base))
                        return arena_printf(base->scope.module->arena, "its metaclass %s may make tests",
                                            node_quote(base->scope.module, base->metaclass));
                e.scope = &base->scope;
                e.binding = i > 0 ? module_find(&base->scope, "__init_subclass__") : NULL;
                if (e.binding != NULL && entity_mentions(&e, "setattr"))
                        return arena_printf(c->scope.module->arena, "%s.__init_subclass__ sets attributes",
                                            base->name);
        }
        if (c->unknown_base != NULL)
                return arena_printf(c->scope.module->arena, "its base %s is not known", c->unknown_base);
        for (size_t i = 0; i < c->n_foreign; i++)
                if (!resolve_is_plain(c->foreign[i]))
                        return arena_printf(c->scope.module->arena, "its base %s cannot be read",
                                            c->foreign[i]);
        return NULL;
}

bool class_has_tests(struct class_def *c)
{
        module_mro(c->scope.module, c);
        for (size_t i = 0; i < c->n_mro; i++)
                for (size_t k = 0; k < c->mro[i]->scope.n; k++)
                        if (strncmp(c->mro[i]->scope.v[k].name, "test", 4) == 0)
                                return true;
        return false;
}
