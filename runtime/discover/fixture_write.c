#include "runtime/discover/fixture_write.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "spec/base/utf8.h"

void fixture_write_begin(struct fixture_writer *w, const struct fixture_request *request,
                         const struct fixtures *fixtures, FILE *out)
{
        *w = (struct fixture_writer){.request = request, .fixtures = fixtures, .out = out};
        if (request->format == FIXTURES_DOT)
                (void)fputs("digraph fixtures {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n", out);
}

void fixture_write_finish(struct fixture_writer *w)
{
        free(w->slots);
        free(w->defs);
        *w = (struct fixture_writer){0};
}

static size_t mix(const void *a, const void *b)
{
        return ((uintptr_t)a >> 4) * 1099511628211u ^ ((uintptr_t)b >> 4) * 14029467366897019727u;
}

/* 1: the pair is new, 0: it is not, -ENOMEM. */
static int is_new(struct fixture_writer *w, const void *a, const void *b)
{
        if (w->n * 4 >= w->n_slots) {
                size_t n = w->n_slots > 0 ? w->n_slots * 2 : 1024;
                const void **slots = calloc(n, sizeof *slots);

                if (slots == NULL)
                        return -ENOMEM;
                for (size_t i = 0; i < w->n_slots; i += 2)
                        if (w->slots[i] != NULL) {
                                size_t at = mix(w->slots[i], w->slots[i + 1]) % (n / 2) * 2;

                                while (slots[at] != NULL)
                                        at = (at + 2) % n;
                                slots[at] = w->slots[i];
                                slots[at + 1] = w->slots[i + 1];
                        }
                free(w->slots);
                w->slots = slots;
                w->n_slots = n;
        }
        size_t at = mix(a, b) % (w->n_slots / 2) * 2;
        for (; w->slots[at] != NULL; at = (at + 2) % w->n_slots)
                if (w->slots[at] == a && w->slots[at + 1] == b)
                        return 0;
        w->slots[at] = a;
        w->slots[at + 1] = b;
        w->n++;
        return 1;
}

static const char *shown(const struct fixture_writer *w, const char *path)
{
        size_t n = strlen(w->request->root);

        if (path == NULL)
                return "?";
        return strncmp(path, w->request->root, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

static void key(yajl_gen g, const char *name)
{
        (void)yajl_gen_string(g, (const unsigned char *)name, strlen(name));
}

/* Text of a project: whatever is no UTF-8 is shown otherwise. */
static void put(yajl_gen g, const char *name, const char *value)
{
        key(g, name);
        if (value == NULL)
                (void)yajl_gen_null(g);
        else if (utf8_span(value, strlen(value)) == strlen(value))
                key(g, value);
        else
                key(g, UTF8_SHOW(value));
}

static void put_names(yajl_gen g, const char *name, const struct names *names)
{
        key(g, name);
        (void)yajl_gen_array_open(g);
        for (size_t i = 0; i < names->n; i++)
                key(g, names->v[i]);
        (void)yajl_gen_array_close(g);
}

static void put_known(yajl_gen g, const char *name, enum known known)
{
        key(g, name);
        if (known == KNOWN_UNSURE)
                (void)yajl_gen_null(g);
        else
                (void)yajl_gen_bool(g, known == KNOWN_YES);
}

static void put_place(yajl_gen g, const struct fixture_writer *w, const char *path, uint32_t line)
{
        put(g, "file", path != NULL ? shown(w, path) : NULL);
        key(g, "line");
        if (line > 0)
                (void)yajl_gen_integer(g, line);
        else
                (void)yajl_gen_null(g);
}

static int end_line(struct fixture_writer *w, yajl_gen g)
{
        const unsigned char *text;
        size_t n;
        int r = 0;

        (void)yajl_gen_map_close(g);
        if (yajl_gen_get_buf(g, &text, &n) != yajl_gen_status_ok)
                r = -ENOMEM;
        else if (fwrite(text, 1, n, w->out) != n || fputc('\n', w->out) == EOF)
                r = -errno;
        yajl_gen_free(g);
        return r;
}

static yajl_gen begin_line(const char *event)
{
        yajl_gen g = yajl_gen_alloc(NULL);

        if (g != NULL) {
                (void)yajl_gen_map_open(g);
                put(g, "event", event);
        }
        return g;
}

static int json_def(struct fixture_writer *w, const struct fixture_def *def,
                    const struct fixture_def *overrides)
{
        yajl_gen g = begin_line("fixture");

        if (g == NULL)
                return -ENOMEM;
        put(g, "name", def->name);
        put(g, "scope", fixture_scope_names[def->scope]);
        put_place(g, w, def->path, def->line);
        put(g, "function", def->function);
        put(g, "baseid", def->baseid);
        put(g, "plugin", def->plugin);
        put_known(g, "params", def->params);
        put_known(g, "autouse", def->autouse);
        put_names(g, "requests", &def->args);
        put_names(g, "asks", &def->asked);
        key(g, "overrides");
        if (overrides == NULL) {
                (void)yajl_gen_null(g);
        } else {
                (void)yajl_gen_map_open(g);
                put_place(g, w, overrides->path, overrides->line);
                put(g, "plugin", overrides->plugin);
                (void)yajl_gen_map_close(g);
        }
        return end_line(w, g);
}

static int json_test(struct fixture_writer *w, const char *nodeid, const struct closure *c)
{
        yajl_gen g = begin_line("test");

        if (g == NULL)
                return -ENOMEM;
        put(g, "nodeid", nodeid);
        if (c != NULL) {
                put_place(g, w, c->path, c->line);
                put_names(g, "fixtures", &c->names);
                put_names(g, "order", &c->order);
                put_names(g, "parametrized", &c->direct);
        }
        put(g, "unsure", c == NULL ? "a function that cannot be found" : c->unsure ? c->why : NULL);
        return end_line(w, g);
}

/* A string in quotes, as the language DOT has it. */
static void quoted(FILE *out, const char *s)
{
        (void)fputc('"', out);
        for (; *s != '\0'; s++) {
                if (*s == '"' || *s == '\\')
                        (void)fputc('\\', out);
                (void)fputc(*s, out);
        }
        (void)fputc('"', out);
}

static int dot_def(struct fixture_writer *w, const struct fixture_def *def)
{
        (void)fprintf(w->out, "  f%zx [label=", (size_t)(uintptr_t)def);
        quoted(w->out, def->name);
        (void)fprintf(w->out, ", tooltip=");
        if (def->plugin != NULL)
                quoted(w->out, def->plugin);
        else
                quoted(w->out, shown(w, def->path));
        (void)fprintf(w->out, ", comment=\"%s%s%s line %u\"%s%s];\n", fixture_scope_names[def->scope],
                      def->autouse == KNOWN_YES ? " autouse" : "", def->params == KNOWN_YES ? " params" : "",
                      def->line, def->autouse == KNOWN_YES ? ", style=\"rounded,bold\"" : "",
                      def->plugin != NULL ? ", color=gray" : "");
        return ferror(w->out) ? -EIO : 0;
}

static int write_def(struct fixture_writer *w, const struct fixture_def *def,
                     const struct fixture_def *overrides)
{
        if (w->request->format == FIXTURES_JSON)
                return json_def(w, def, overrides);
        if (w->request->format == FIXTURES_DOT)
                return dot_def(w, def);
        if (w->n_defs == w->cap_defs) {
                size_t cap = w->cap_defs * 2 + 64;
                struct listed *v = realloc(w->defs, cap * sizeof *v);

                if (v == NULL)
                        return -ENOMEM;
                w->defs = v;
                w->cap_defs = cap;
        }
        w->defs[w->n_defs++] = (struct listed){def, overrides};
        return 0;
}

/* An edge from A, a test (its node id) or a fixture, to the fixture DEF. */
static int dot_edge(struct fixture_writer *w, const void *from, bool is_test, const struct fixture_def *def,
                    bool asked)
{
        int r = is_new(w, from, def);

        if (r <= 0)
                return r;
        (void)fputs("  ", w->out);
        if (is_test)
                quoted(w->out, from);
        else
                (void)fprintf(w->out, "f%zx", (size_t)(uintptr_t)from);
        (void)fprintf(w->out, " -> f%zx%s;\n", (size_t)(uintptr_t)def, asked ? " [style=dashed]" : "");
        return ferror(w->out) ? -EIO : 0;
}

static int dot_requests(struct fixture_writer *w, const struct view *view, const struct fixture_def *def)
{
        const struct names *lists[] = {&def->args, &def->asked};
        int r = 0;

        for (size_t l = 0; l < 2; l++)
                for (size_t i = 0; r >= 0 && i < lists[l]->n; i++) {
                        const char *name = lists[l]->v[i];
                        const struct fixture_def *to =
                            fixtures_find(view, name, strcmp(name, def->name) == 0 ? def : NULL);

                        if (to != NULL)
                                r = dot_edge(w, def, false, to, l == 1);
                }
        return r;
}

static int dot_test(struct fixture_writer *w, const char *nodeid, const struct closure *c)
{
        const struct view *view = c->view;
        int r = 0;

        (void)fputs("  ", w->out);
        quoted(w->out, nodeid);
        (void)fputs(" [shape=plain];\n", w->out);
        for (size_t i = 0; r >= 0 && i < c->names.n; i++) {
                const struct fixture_def *def = c->defs[i];

                if (def == NULL)
                        continue;
                if (names_has(&view->initial, c->names.v[i]))
                        r = dot_edge(w, nodeid, true, def, false);
        }
        for (size_t i = 0; r >= 0 && view->function != NULL && i < view->function->asked.n; i++) {
                const struct fixture_def *def = fixtures_find(view, view->function->asked.v[i], NULL);

                if (def != NULL)
                        r = dot_edge(w, nodeid, true, def, true);
        }
        return r;
}

/* Of what a test sees, all that is the project's; of plugins what it uses, or all if that is wanted. */
static int write_defs(struct fixture_writer *w, const struct closure *c)
{
        const struct view *view = c->view;
        bool dot = w->request->format == FIXTURES_DOT;
        int r = 0;

        for (size_t i = w->request->all && !dot ? 0 : view->first_own; r >= 0 && i < view->n; i++)
                for (size_t k = 0; r >= 0 && k < view->v[i]->n; k++) {
                        const struct fixture_def *def = &view->v[i]->v[k];

                        r = def->generated ? 0 : is_new(w, def, NULL);
                        if (r > 0)
                                r = write_def(w, def, fixtures_find(view, def->name, def));
                        if (r >= 0 && dot)
                                r = dot_requests(w, view, def);
                }
        for (size_t i = 0; r >= 0 && dot && i < c->names.n; i++)
                if (c->defs[i] != NULL && (c->defs[i]->plugin != NULL || c->defs[i]->generated)) {
                        r = is_new(w, c->defs[i], NULL);
                        if (r > 0)
                                r = dot_def(w, c->defs[i]);
                        if (r >= 0)
                                r = dot_requests(w, view, c->defs[i]);
                }
        return r;
}

int fixture_write_test(struct fixture_writer *w, const char *nodeid, const struct closure *c)
{
        int r = write_defs(w, c);

        if (r >= 0 && w->request->format == FIXTURES_JSON)
                r = json_test(w, nodeid, c);
        else if (r >= 0 && w->request->format == FIXTURES_DOT)
                r = dot_test(w, nodeid, c);
        return r < 0 ? r : 0;
}

int fixture_write_unknown(struct fixture_writer *w, const char *nodeid)
{
        return w->request->format == FIXTURES_JSON ? json_test(w, nodeid, NULL) : 0;
}

int fixture_write_problem(struct fixture_writer *w, const struct fixture_report *report)
{
        static const char *const kinds[] = {"missing", "cycle", "scope"};
        const struct problem *p = report->problem;
        yajl_gen g;

        if (w->request->format != FIXTURES_JSON && w->request->format != FIXTURES_PROBLEMS)
                return 0;
        g = begin_line("fixture_problem");
        if (g == NULL)
                return -ENOMEM;
        put(g, "kind", kinds[p->kind]);
        put(g, "name", p->name);
        put(g, "file", p->path);
        key(g, "line");
        (void)yajl_gen_integer(g, p->line);
        put(g, "message", p->text);
        put(g, "hint", p->hint);
        put(g, "nodeid", p->nodeid);
        key(g, "tests");
        (void)yajl_gen_integer(g, (long long)report->n_tests);
        return end_line(w, g);
}

static int by_place(const void *a, const void *b)
{
        const struct fixture_def *x = ((const struct listed *)a)->def, *y = ((const struct listed *)b)->def;
        int r = (x->plugin != NULL) - (y->plugin != NULL);

        if (r == 0 && x->path != NULL && y->path != NULL)
                r = strcmp(x->path, y->path);
        return r != 0 ? r : x->line < y->line ? -1 : x->line > y->line;
}

static void human_def(struct fixture_writer *w, const struct listed *listed)
{
        const struct fixture_def *def = listed->def, *over = listed->overrides;

        (void)fprintf(w->out, "%s:%u: %s", shown(w, def->path), def->line, def->name);
        (void)fprintf(w->out, " [%s%s%s%s]", fixture_scope_names[def->scope],
                      def->autouse == KNOWN_YES ? ", autouse" : "",
                      def->params == KNOWN_YES ? ", params" : "", def->unsure ? ", unsure" : "");
        for (size_t i = 0; i < def->args.n; i++)
                (void)fprintf(w->out, "%s%s", i == 0 ? " <- " : ", ", def->args.v[i]);
        if (over != NULL)
                (void)fprintf(w->out, " (overrides %s:%u)", shown(w, over->path), over->line);
        (void)fputc('\n', w->out);
}

int fixture_write_end(struct fixture_writer *w)
{
        if (w->request->format == FIXTURES_DOT)
                (void)fputs("}\n", w->out);
        if (w->n_defs > 1)
                qsort(w->defs, w->n_defs, sizeof *w->defs, by_place);
        for (size_t i = 0; i < w->n_defs; i++)
                human_def(w, &w->defs[i]);
        return fflush(w->out) != 0 ? -errno : 0;
}
