/* How it works: a module of the project fails if one of the imports does that begin a line of its text: those
 * in a try statement or a function are indented. Where one seems to, the module is read to be sure. What is
 * installed is taken to work, but must have the name that is asked for. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "runtime/discover/library_internal.h"

#define MAX_DEPTH 40 /* modules that import each other */
#define MAX_NAME  ((size_t)300)

static enum found becomes(struct library *library, const char *path, int depth);

/* What becomes of the module in the file PATH, which is read: what looks like an import may stand in a
 * string. */
static enum found ends(struct library *library, const char *path)
{
        const struct module *m = library_load(library, path);
        enum found found = FOUND_SOURCE;

        for (size_t i = 0; m != NULL && i < m->n_events; i++)
                if (m->events[i].kind == EVENT_STOP && m->events[i].maybe == NULL)
                        return FOUND_NOT;
                else if (m->events[i].kind == EVENT_STOP)
                        found = FOUND_MAYBE;
        return found;
}

/* "import a.b as c, d" or "from ..a import b" at P, which may be INDENTED: then only what is not there
 * counts. */
static enum found of_line(struct library *library, const struct module *from, const char *p, bool indented,
                          int depth)
{
        bool is_from = strncmp(p, "from ", 5) == 0;
        enum found found = FOUND_SOURCE;

        for (p += is_from ? 5 : 7; found == FOUND_SOURCE;) {
                char name[MAX_NAME];
                const char *path = NULL;
                size_t n, dots;

                p += strspn(p, " \t");
                n = strcspn(p, " \t\r\n,;#\\");
                if (n == 0 || n >= sizeof name)
                        break;
                memcpy(name, p, n);
                name[n] = '\0';
                dots = is_from ? strspn(name, ".") : 0;
                if (name[dots] != '\0') {
                        found = library_find(library, from, (int)dots, name + dots, &path);
                        if (found == FOUND_NOT)
                                return ends(library, from->path);
                        found = found == FOUND_SOURCE && path != NULL && !indented
                                    ? becomes(library, path, depth + 1)
                                    : FOUND_SOURCE;
                }
                p += n;
                p += strcspn(p, ",\r\n;#\\");
                if (is_from || *p++ != ',')
                        break;
        }
        return found;
}

/* Whether the statement at LINE, which is not indented, may have others in it that belong to the module. */
static bool has_block(const char *line)
{
        static const char *const words[] = {"try:", "if ", "else:", "elif ", "except", "finally:", "with "};

        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
                if (strncmp(line, words[i], strlen(words[i])) == 0)
                        return strstr(line, "TYPE_CHECKING") == NULL ||
                               strcspn(line, "\n") < (size_t)(strstr(line, "TYPE_CHECKING") - line);
        return false;
}

/* What the imports in TEXT make of the module, but for those in functions. */
static enum found of_text(struct library *library, const struct module *from, const char *text, int depth)
{
        enum found found = FOUND_SOURCE;
        bool within = false; /* of a statement with a block */

        for (const char *line = text; line != NULL && found == FOUND_SOURCE; line = strchr(line, '\n')) {
                const char *p;

                line += *line == '\n';
                p = line + strspn(line, " \t");
                if (p == line && strchr("\r\n#)]}", *line) == NULL)
                        within = has_block(line);
                if (p > line && !within)
                        continue;
                if (strncmp(p, "import ", 7) == 0 || strncmp(p, "from ", 5) == 0)
                        found = of_line(library, from, p, p > line, depth);
                else if (strncmp(p, "raise ImportError", 17) == 0)
                        found = ends(library, from->path);
        }
        return found;
}

/* FOUND_SOURCE: importing the module in the file PATH works. */
static enum found becomes(struct library *library, const char *path, int depth)
{
        const struct module from = {.path = path};
        struct shelf *answer, *text;
        char key[PATH_MAX + 2];

        if (depth > MAX_DEPTH || !library_is_project_s(library, path) ||
            snprintf(key, sizeof key, "!%s", path) >= (int)sizeof key ||
            (answer = library_shelf(library, key)) == NULL)
                return FOUND_SOURCE;
        if (answer->tried)
                return answer->found;
        answer->tried = true;
        answer->found = FOUND_SOURCE; /* also of one that is under way */
        text = library_text(library, path);
        if (text != NULL && text->text.data != NULL)
                answer->found = of_text(library, &from, text->text.data, depth);
        return answer->found;
}

/* Whether the module in the file PATH may have NAME, as far as a glance at its text tells. */
static bool may_have(struct library *library, const char *path, const char *name)
{
        struct shelf *text = library_text(library, path);

        return text == NULL || text->text.data == NULL || strstr(text->text.data, name) != NULL ||
               strstr(text->text.data, "import *") != NULL ||
               strstr(text->text.data, "__getattr__") != NULL ||
               strstr(text->text.data, "globals()") != NULL || strstr(text->text.data, "sys.modules") != NULL;
}

enum found library_import(struct library *library, const struct module *from, const struct import *import)
{
        const char *path = NULL, *module = import->module;
        enum found found = library_find(library, from, import->level, module, &path), below;
        size_t n;

        if (found != FOUND_SOURCE || path == NULL)
                return found;
        found = becomes(library, path, 0);
        if (found != FOUND_SOURCE)
                return found;
        n = strlen(path);
        if (import->name == NULL)
                return FOUND_SOURCE;
        if (n > 0 && path[n - 1] == '/') /* a folder without __init__.py has only modules */
                return library_find(library, from, import->level,
                                    arena_printf(&library->scratch, "%s%s%s", module,
                                                 *module != '\0' ? "." : "", import->name),
                                    NULL);
        if (may_have(library, path, import->name))
                return FOUND_SOURCE;
        if (n < 12 || strcmp(path + n - 12, "/__init__.py") != 0)
                return FOUND_NOT;
        below = library_find(
            library, from, import->level,
            arena_printf(&library->scratch, "%s%s%s", module, *module != '\0' ? "." : "", import->name),
            &path);
        return below == FOUND_SOURCE && path != NULL ? becomes(library, path, 0) : below;
}
