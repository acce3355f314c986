/* How it works: the names that __all__ lists, else all that do not begin with an underscore. Where __all__
 * cannot be told, any of the names may be bound; where code makes names, others. */
#include "runtime/discover/star.h"

#include <string.h>

#include "runtime/discover/effects.h"
#include "runtime/discover/names.h"
#include "runtime/discover/value.h"

static void add(struct star *star, struct arena *arena, const char *name)
{
        name = arena_strn(arena, name, strlen(name));
        if (name != NULL)
                star->names[star->n++] = name;
}

/* Whether a glance at its text tells that a module makes no names by code. */
static bool is_plain(const struct module *m)
{
        static const char *const words[] = {"globals()", "sys.modules", "vars()",    "locals()",
                                            "setattr(",  "_getframe",   "f_globals", "exec("};

        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
                if (strstr(m->text, words[i]) != NULL)
                        return false;
        return true;
}

static const char *keep(struct arena *arena, const struct module *from, const char *what)
{
        const char *name = names_last_word(from->path) != NULL ? strrchr(from->path, '/') + 1 : "";

        return arena_printf(arena, "%s in %s", what, name);
}

/* The names in __all__; false: they are not known. */
static bool read_all(struct module *from, const struct binding *all, struct star *star, struct arena *arena)
{
        struct value v;

        if (all->kind != BINDING_VALUE || all->vague || all->maybe != NULL)
                return false;
        v = value_read(&from->scope, all->node, NULL);
        star->names = v.kind == VALUE_SEQUENCE ? arena_get(arena, (v.n + 1) * sizeof *star->names) : NULL;
        for (size_t i = 0; star->names != NULL && i < v.n; i++) {
                if (v.items[i].kind != VALUE_STR)
                        return false;
                if (module_find(&from->scope, v.items[i].s) != NULL)
                        add(star, arena, v.items[i].s);
        }
        return star->names != NULL;
}

struct star star_of(struct module *from, struct arena *arena)
{
        const struct binding *all = module_find(&from->scope, "__all__");
        struct star star = {0};
        struct effects effects;

        if (!is_plain(from)) {
                effects = effects_of(from);
                if (effects.grows != NULL)
                        star.grows = keep(arena, from, effects.grows);
        } else if (from->grows != NULL) {
                star.grows = arena_strn(arena, from->grows, strlen(from->grows));
        }
        if (all != NULL && all->kind != BINDING_DELETED) {
                if (read_all(from, all, &star, arena))
                        return star;
                star.unsure = keep(arena, from, "__all__");
                star.grows = star.unsure;
        }
        star.n = 0;
        star.names = arena_get(arena, (from->scope.n + 1) * sizeof *star.names);
        for (size_t i = 0; star.names != NULL && i < from->scope.n; i++)
                if (from->scope.v[i].name[0] != '_')
                        add(&star, arena, from->scope.v[i].name);
        return star;
}
