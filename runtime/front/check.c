/* How it works: tach-run probes; this prints. Where a cell can be made, the interpreter says in one what it
 * is and which pytest it imports: the project may bring both, and they are no more trusted than its tests. */
#include "runtime/front/check.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "runtime/base/json.h"
#include "runtime/front/engine.h"
#include "runtime/front/project.h"
#include "spec/base/buf.h"
#include "spec/base/cleanup.h"

static const char ask[] = "import json, platform\n"
                          "try:\n"
                          "    import pytest\n"
                          "    version = pytest.__version__\n"
                          "except ImportError:\n"
                          "    version = None\n"
                          "print(json.dumps({'python': platform.python_version(), 'pytest': version}))\n";

/* What of the front's is there or not. */
struct row {
        const char *status, *cause, *fix;
        char version[32]; /* "": not known */
        char text[PATH_MAX];
};

struct check {
        yajl_val features, answer; /* NULL: none came */
        char *line;                /* FEATURES as it came */
        struct row python, pytest;
};

static int take_features(void *ctx, const char *text, size_t n)
{
        struct check *c = ctx;

        if (c->features != NULL)
                return 0;
        c->features = json_parse(text, n);
        c->line = strndup(text, n);
        return c->features != NULL && c->line != NULL ? 0 : -EPROTO;
}

/* The last line that is an object: what is imported may print, too. */
static int take_answer(void *ctx, const char *text, size_t n)
{
        struct check *c = ctx;
        yajl_val v = json_parse(text, n);

        if (v != NULL) {
                yajl_tree_free(c->answer);
                c->answer = v;
        }
        return 0;
}

/* VERSION against MAJOR.MINOR. */
static int is_as_new(const char *version, int major, int minor)
{
        int have[2] = {0, 0};

        if (sscanf(version, "%d.%d", &have[0], &have[1]) != 2)
                return 0;
        return have[0] > major || (have[0] == major && have[1] >= minor);
}

static void judge(struct row *row, const char *version, int major, int minor, const char *old,
                  const char *fix)
{
        (void)snprintf(row->version, sizeof row->version, "%s", version);
        row->status = is_as_new(version, major, minor) ? "ok" : "missing";
        if (row->status[0] != 'o') {
                row->cause = old;
                row->fix = fix;
        }
}

/* Starts the interpreter in a cell, with the script above. */
static int ask_python(struct check *c, struct spec *spec, struct error *err)
{
        const char *version;
        int r;

        (void)snprintf(c->python.text, sizeof c->python.text, "%s", spec->tach.python);
        spec->tach.has_tests = false;
        if (spec_strv_add(&spec->process.args, spec->tach.python) < 0 ||
            spec_strv_add(&spec->process.args, "-c") < 0 || spec_strv_add(&spec->process.args, ask) < 0)
                return error_set(err, "check", ENOMEM, "make a spec");
        r = engine_run(spec, take_answer, NULL, c, NULL, err);
        if (r < 0)
                return r;
        version = json_text(c->answer, "python");
        if (version == NULL) {
                c->python.status = "missing";
                c->python.cause = "it does not run in a cell";
                c->python.fix = "give another one: --python PATH";
                return 0;
        }
        judge(&c->python, version, 3, 10, "it is older than 3.10", "give a newer one: --python PATH");
        version = json_text(c->answer, "pytest");
        if (version != NULL)
                judge(&c->pytest, version, 7, 2, "it is older than 7.2", "PYTHON -m pip install -U pytest");
        else {
                c->pytest.status = "missing";
                c->pytest.cause = "the interpreter cannot import it";
                c->pytest.fix =
                    "PYTHON -m pip install pytest, or give the interpreter that has it: --python PATH";
        }
        return 0;
}

static int look_at_python(struct check *c, const struct args *args, const struct settings *settings,
                          const struct choices *choices, const char *root, const char *cwd, struct error *err)
{
        CLEANUP_SPEC struct spec spec = {0};
        struct error none = {0};

        c->python.status = c->pytest.status = "missing";
        c->python.cause = c->pytest.cause = "not looked at: that takes a cell";
        if (project_spec(args, settings, choices, root, cwd, &spec, &none) < 0) {
                (void)snprintf(c->python.text, sizeof c->python.text, "%s", none.what);
                c->python.cause = "there is no interpreter";
                c->python.fix = "give one: --python PATH";
                return 0;
        }
        (void)snprintf(c->python.text, sizeof c->python.text, "%s", spec.tach.python);
        if (!json_true(c->features, "isolated"))
                return 0;
        c->python.cause = c->pytest.cause = NULL;
        return ask_python(c, &spec, err);
}

static int is_ready(const struct check *c)
{
        return json_true(c->features, "isolated") && c->python.status[0] == 'o' && c->pytest.status[0] == 'o';
}

static void put(yajl_gen g, const char *text)
{
        if (text != NULL && text[0] != '\0')
                (void)yajl_gen_string(g, (const unsigned char *)text, strlen(text));
        else
                (void)yajl_gen_null(g);
}

static void put_row(yajl_gen g, const char *name, const struct row *row)
{
        put(g, name);
        (void)yajl_gen_map_open(g);
        put(g, "status");
        put(g, row->status);
        put(g, "path");
        put(g, row->text);
        put(g, "version");
        put(g, row->version);
        put(g, "cause");
        put(g, row->cause);
        put(g, "fix");
        put(g, row->fix);
        (void)yajl_gen_map_close(g);
}

static int print_json(const struct check *c, FILE *out)
{
        yajl_gen g = yajl_gen_alloc(NULL);
        const unsigned char *text;
        size_t n = 0;

        if (g == NULL)
                return -ENOMEM;
        (void)yajl_gen_map_open(g);
        put(g, "event");
        put(g, "check");
        put(g, "ready");
        (void)yajl_gen_bool(g, is_ready(c));
        put_row(g, "python", &c->python);
        put_row(g, "pytest", &c->pytest);
        (void)yajl_gen_map_close(g);
        if (yajl_gen_get_buf(g, &text, &n) == yajl_gen_status_ok)
                (void)fprintf(out, "%s\n%.*s\n", c->line, (int)n, (const char *)text);
        yajl_gen_free(g);
        return 0;
}

/* A value that the probe found: a word, or words. */
static void add_value(struct buf *line, const char *key, yajl_val v)
{
        if (YAJL_IS_TRUE(v))
                (void)buf_addf(line, " %s", key);
        else if (YAJL_IS_STRING(v))
                (void)buf_addf(line, " %s: %s", key, YAJL_GET_STRING(v));
        else if (YAJL_IS_NUMBER(v))
                (void)buf_addf(line, " %s: %s", key, YAJL_GET_NUMBER(v));
        if (!YAJL_IS_ARRAY(v) || v->u.array.len == 0)
                return;
        (void)buf_addf(line, " %s:", key);
        for (size_t i = 0; i < v->u.array.len; i++)
                if (YAJL_IS_STRING(v->u.array.values[i]))
                        (void)buf_addf(line, " %s", YAJL_GET_STRING(v->u.array.values[i]));
}

static void add_values(struct buf *line, yajl_val feature)
{
        static const char *const told[] = {"status", "needed", "step", "errno", "cause", "fix"};

        for (size_t i = 0; i < feature->u.object.len; i++) {
                const char *key = feature->u.object.keys[i];
                size_t k = 0;

                while (k < sizeof told / sizeof *told && strcmp(told[k], key) != 0)
                        k++;
                if (k == sizeof told / sizeof *told)
                        add_value(line, key, feature->u.object.values[i]);
        }
}

/* FORMAT's line, without what could steer a terminal: names of folders and versions are anybody's text. */
static void __attribute__((format(printf, 2, 3))) print_line(FILE *out, const char *format, ...)
{
        char *text = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        for (unsigned char *c = (unsigned char *)text; c != NULL && *c != '\0'; c++)
                if (*c < 0x20 || *c == 0x7f)
                        *c = '?';
        if (text != NULL)
                (void)fprintf(out, "%s\n", text);
        free(text);
}

/* A row of the table: its columns, then TEXT. */
static void print_columns(FILE *out, const char *status, const char *name, const struct buf *text)
{
        if (text->len > 0)
                print_line(out, "%-9s %-19s%s", status, name, text->data);
        else
                print_line(out, "%-9s %s", status, name);
}

static void print_feature(FILE *out, const char *name, yajl_val f)
{
        const char *status = json_text(f, "status"), *step = json_text(f, "step"),
                   *code = json_text(f, "errno"), *cause = json_text(f, "cause");
        yajl_val fix = json_field(f, "fix");
        CLEANUP_BUF struct buf line = {0};

        if (status == NULL)
                return;
        if (!json_true(f, "needed"))
                (void)buf_adds(&line, " (optional)");
        if (strcmp(status, "ok") == 0)
                add_values(&line, f);
        else if (cause != NULL)
                (void)buf_addf(&line, " %s", cause);
        print_columns(out, status, name, &line);
        if (step != NULL)
                print_line(out, "          step: %s%s%s", step, code != NULL ? ": " : "",
                           code != NULL ? code : "");
        for (size_t i = 0; YAJL_IS_ARRAY(fix) && i < fix->u.array.len; i++)
                if (YAJL_IS_STRING(fix->u.array.values[i]))
                        print_line(out, "          %s%s", i == 0 ? "fix:  " : "      ",
                                   YAJL_GET_STRING(fix->u.array.values[i]));
}

static void print_row(FILE *out, const char *name, const struct row *row)
{
        const char *const parts[] = {row->version, row->text, row->cause};
        CLEANUP_BUF struct buf line = {0};

        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
                if (parts[i] != NULL && parts[i][0] != '\0')
                        (void)buf_addf(&line, " %s", parts[i]);
        print_columns(out, row->status, name, &line);
        if (row->fix != NULL)
                print_line(out, "          fix:  %s", row->fix);
}

static void print_table(const struct check *c, FILE *out)
{
        yajl_val features = json_field(c->features, "features");

        for (size_t i = 0; YAJL_IS_OBJECT(features) && i < features->u.object.len; i++)
                print_feature(out, features->u.object.keys[i], features->u.object.values[i]);
        print_row(out, "python", &c->python);
        print_row(out, "pytest", &c->pytest);
        (void)fputs(
            is_ready(c) ? "\nTests can run isolated here.\n"
            : json_true(c->features, "isolated")
                ? "\nCells can be made here, but there is no pytest to run in them.\n"
                : "\nTests cannot run isolated here: mend what is missing and not optional, from the top, or "
                  "use --no-isolation.\n",
            out);
}

int check_run(const struct args *args, const struct settings *settings, const struct choices *choices,
              const char *root, const char *cwd, FILE *out, struct error *err)
{
        struct check c = {0};
        int r = engine_features(take_features, &c, err);

        if (r == 0 && c.features == NULL)
                r = -EPROTO;
        if (r > 0 || r == -EPROTO)
                r = error_set(err, "engine", EPROTO, "tach-run features");
        if (r == 0)
                r = look_at_python(&c, args, settings, choices, root, cwd, err);
        if (r == 0 && choices->format == FORMAT_JSON)
                r = print_json(&c, out);
        else if (r == 0)
                print_table(&c, out);
        if (r == 0 && fflush(out) != 0)
                r = error_set(err, "engine", errno, "write to standard output");
        if (r == 0)
                r = is_ready(&c) ? 0 : 1;
        yajl_tree_free(c.features);
        yajl_tree_free(c.answer);
        free(c.line);
        return r;
}
