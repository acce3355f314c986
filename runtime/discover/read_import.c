/* How it works: an import binds names, or ends the module, or the try statement around it, where what it
 * imports is not there. */
#include <string.h>

#include "runtime/discover/library.h"
#include "runtime/discover/read_internal.h"
#include "runtime/discover/star.h"

const char *read_missing(const struct module *m, const char *name)
{
        const char *why = arena_printf(m->own, "module %s is not found", name);

        return why != NULL ? why : "";
}

bool read_is_missing(const struct module *m, int level, const char *name)
{
        return m->library != NULL && library_find(m->library, m, level, name, NULL) == FOUND_NOT;
}

/* "from X import *" */
static void bind_star(struct reading *r, struct scope *scope, struct node node, struct import import)
{
        struct module *m = r->module, *from = NULL;
        const char *path = NULL, *maybe = r->maybe, *outer = r->outer;
        enum found found =
            m->library != NULL ? library_find(m->library, m, import.level, import.module, &path) : FOUND_NOT;
        struct star star;

        if (found == FOUND_SOURCE && path != NULL)
                from = library_load(m->library, path);
        if (from == NULL) {
                if (found == FOUND_MAYBE && m->grows == NULL)
                        m->grows = arena_printf(m->own, "%s is not known", import.module);
                return;
        }
        star = star_of(from, m->own);
        if (star.grows != NULL && m->grows == NULL)
                m->grows = star.grows;
        for (size_t i = 0; i < star.n; i++) {
                const struct binding *b = module_find(&from->scope, star.names[i]);
                const char *unsure = b != NULL && b->maybe != NULL && star.unsure == NULL
                                         ? arena_strn(m->own, b->maybe, strlen(b->maybe))
                                         : star.unsure;

                r->maybe = maybe != NULL ? maybe : unsure;
                r->outer = maybe != NULL ? outer : NULL;
                import.name = star.names[i];
                (void)read_bind(
                    r, scope, import.name,
                    (struct binding){.kind = BINDING_IMPORT,
                                     .node = node,
                                     .from = arena_printf(m->own, "%s.%s", import.module, import.name),
                                     .import = import});
        }
        r->maybe = maybe;
        r->outer = outer;
}

/* The dotted name NODE, without the blanks that may stand in it. */
static const char *keep_dotted(const struct module *m, struct node node)
{
        const char *text = node_text(m, node);
        char *copy = arena_strn(m->own, text, strlen(text));
        size_t n = 0;

        for (size_t i = 0; copy != NULL && text[i] != '\0'; i++)
                if (strchr(" \t\f\r\n\\", text[i]) == NULL)
                        copy[n++] = text[i];
        if (copy != NULL)
                copy[n] = '\0';
        return copy != NULL ? copy : "";
}

/* An import in a try statement that handles its failing: false if it fails. */
static bool try_import(struct reading *r, struct node node, const struct import *import)
{
        struct module *m = r->module;
        enum found found = m->library != NULL ? library_import(m->library, m, import) : FOUND_SOURCE;

        if (found == FOUND_NOT)
                read_stop(r, node, true, read_missing(m, import->module));
        else if (found == FOUND_MAYBE && r->maybe == NULL)
                r->import_unsure = r->maybe = read_keep_quote(m, node); /* what follows it in the statement */
        return found != FOUND_NOT;
}

/* "a.b" in "import a.b" binds a; with "as c", c is a.b. */
void read_import(struct reading *r, struct scope *scope, struct node node)
{
        struct module *m = r->module;
        bool from = node_is(node, "import_from_statement");
        const char *spelled = from ? keep_dotted(m, node_field(node, "module_name")) : "";
        struct import import = {.level = (int)strspn(spelled, ".")};
        struct nodes names = node_children(m, node);

        if (from && read_is_missing(m, import.level, spelled + import.level)) {
                read_stop(r, node, true, read_missing(m, spelled));
                return;
        }
        for (size_t i = from ? 1 : 0; i < names.n; i++) {
                struct node name = names.v[i], alias = {0};
                const char *dotted, *bound;

                if (node_is(name, "wildcard_import")) {
                        import.module = spelled + import.level;
                        if (r->catching > 0 && !try_import(r, node, &import))
                                return;
                        bind_star(r, scope, node, import);
                        continue;
                }
                if (node_is(name, "aliased_import")) {
                        alias = node_field(name, "alias");
                        name = node_field(name, "name");
                }
                if (!node_is(name, "dotted_name"))
                        continue;
                dotted = keep_dotted(m, name);
                if (!from && read_is_missing(m, 0, dotted)) {
                        read_stop(r, node, true, read_missing(m, dotted));
                        return;
                }
                import.module = from ? spelled + import.level : dotted;
                import.name = from ? dotted : NULL;
                if (r->catching > 0 && !try_import(r, node, &import))
                        return;
                bound = node_is_null(alias) ? dotted : read_keep(m, alias);
                if (!from && node_is_null(alias))
                        bound = dotted = arena_strn(m->own, dotted, strcspn(dotted, "."));
                if (!from)
                        import.module = dotted;
                else
                        dotted = arena_printf(m->own, "%s.%s", spelled, dotted);
                if (bound != NULL && dotted != NULL)
                        (void)read_bind(r, scope, bound,
                                        (struct binding){.kind = BINDING_IMPORT,
                                                         .node = node,
                                                         .from = dotted,
                                                         .import = import,
                                                         .is_module = !from});
        }
}
