/* How it works: libxml2's writer; names, messages and elements are those of _pytest.junitxml (xunit2). */
#include <dlfcn.h>
#include <errno.h>
#include <libxml/xmlwriter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/json.h"
#include "runtime/front/report.h"
#include "spec/base/buf.h"
#include "spec/base/cleanup.h"

/* libxml2 brings ICU and the C++ library with it: it is loaded when a report is written, not with the
 * program. */
#define LIBXML2(x)                                                                                           \
        x(xmlBufferContent) x(xmlBufferCreate) x(xmlBufferFree) x(xmlBufferLength) x(xmlFreeTextWriter)      \
            x(xmlNewTextWriterMemory) x(xmlTextWriterEndDocument) x(xmlTextWriterEndElement)                 \
                x(xmlTextWriterStartDocument) x(xmlTextWriterStartElement) x(xmlTextWriterWriteAttribute)    \
                    x(xmlTextWriterWriteFormatAttribute) x(xmlTextWriterWriteString)

static struct {
#define MEMBER(name) __typeof__(name)(*(name));
        LIBXML2(MEMBER)
#undef MEMBER
} libxml2;

static int load(struct error *err)
{
        void *library = dlopen("libxml2.so.2", RTLD_NOW | RTLD_LOCAL);
        bool found = library != NULL;

#define FIND(name) found = found && (libxml2.name = (__typeof__(name) *)dlsym(library, #name)) != NULL;
        LIBXML2(FIND)
#undef FIND
        if (found)
                return 0;
        (void)error_set(err, "junit", ENOENT, "load libxml2: %s", dlerror());
        error_hint(err, "install the package libxml2");
        return -ENOENT;
}

/* Appends TEXT with what XML 1.0 cannot say written as #xNN, as pytest does. */
static void clean(struct buf *out, const char *text)
{
        for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
                if (*p < 0x20 && *p != '\t' && *p != '\n' && *p != '\r')
                        (void)buf_addf(out, "#x%02X", *p);
                else if (p[0] == 0xef && p[1] == 0xbf && (p[2] == 0xbe || p[2] == 0xbf)) {
                        (void)buf_addf(out, "#xFFF%c", p[2] == 0xbe ? 'E' : 'F');
                        p += 2;
                } else
                        (void)buf_add(out, p, 1);
        }
        (void)buf_add(out, "", 0);
}

static void attribute(xmlTextWriterPtr w, const char *name, const char *text)
{
        struct buf b = {0};

        clean(&b, text != NULL ? text : "");
        (void)libxml2.xmlTextWriterWriteAttribute(w, BAD_CAST name, BAD_CAST b.data);
        buf_finish(&b);
}

static void number(xmlTextWriterPtr w, const char *name, long v)
{
        (void)libxml2.xmlTextWriterWriteFormatAttribute(w, BAD_CAST name, "%ld", v);
}

static void seconds(xmlTextWriterPtr w, const char *name, double v)
{
        (void)libxml2.xmlTextWriterWriteFormatAttribute(w, BAD_CAST name, "%.3f", v);
}

/* <ELEMENT type="TYPE" message="MESSAGE">TEXT</ELEMENT> */
static void element(xmlTextWriterPtr w, const char *name, const char *type, const char *message,
                    const char *text)
{
        struct buf b = {0};

        (void)libxml2.xmlTextWriterStartElement(w, BAD_CAST name);
        if (type != NULL)
                attribute(w, "type", type);
        if (message != NULL)
                attribute(w, "message", message);
        if (text != NULL) {
                clean(&b, text);
                (void)libxml2.xmlTextWriterWriteString(w, BAD_CAST b.data);
                buf_finish(&b);
        }
        (void)libxml2.xmlTextWriterEndElement(w);
}

int junit_address(const char *nodeid, char **ret_class, char **ret_name)
{
        const char *bracket = strchr(nodeid, '[');
        size_t n = bracket != NULL ? (size_t)(bracket - nodeid) : strlen(nodeid), file = n, last = 0;
        struct buf out = {0};
        const char *colons = strstr(nodeid, "::");

        if (colons != NULL && (size_t)(colons - nodeid) < n)
                file = (size_t)(colons - nodeid);
        for (size_t i = 0; i < n; i++) {
                if (i < file && nodeid[i] == '/') {
                        (void)buf_adds(&out, ".");
                } else if (i + 3 == file && strncmp(nodeid + i, ".py", 3) == 0) {
                        i += 2;
                } else if (i >= file && nodeid[i] == ':' && nodeid[i + 1] == ':') {
                        last = out.len + 1;
                        (void)buf_adds(&out, ".");
                        i++;
                } else {
                        (void)buf_add(&out, nodeid + i, 1);
                }
        }
        if (bracket != NULL)
                (void)buf_adds(&out, bracket);
        (void)buf_add(&out, "", 0);
        *ret_class = strndup(out.data, last > 0 ? last - 1 : 0);
        *ret_name = strdup(out.data + last);
        buf_finish(&out);
        return *ret_class != NULL && *ret_name != NULL ? 0 : -ENOMEM;
}

/* pytest's message of a failure: that of the exception. */
static const char *failure_message(yajl_val v)
{
        const char *message = json_text(json_field(v, "crash"), "message");

        if (message == NULL)
                message = json_text(v, "reason");
        return message != NULL ? message : json_text(v, "longrepr");
}

static void properties(xmlTextWriterPtr w, yajl_val list)
{
        if (!YAJL_IS_ARRAY(list) || YAJL_GET_ARRAY(list)->len == 0)
                return;
        (void)libxml2.xmlTextWriterStartElement(w, BAD_CAST "properties");
        for (size_t i = 0; i < YAJL_GET_ARRAY(list)->len; i++) {
                yajl_val pair = YAJL_GET_ARRAY(list)->values[i], value;

                if (!YAJL_IS_ARRAY(pair) || YAJL_GET_ARRAY(pair)->len != 2)
                        continue;
                value = YAJL_GET_ARRAY(pair)->values[1];
                (void)libxml2.xmlTextWriterStartElement(w, BAD_CAST "property");
                attribute(w, "name", YAJL_GET_STRING(YAJL_GET_ARRAY(pair)->values[0]));
                attribute(w, "value",
                          YAJL_IS_STRING(value)   ? YAJL_GET_STRING(value)
                          : YAJL_IS_NUMBER(value) ? YAJL_GET_NUMBER(value)
                          : YAJL_IS_TRUE(value)   ? "True"
                          : YAJL_IS_FALSE(value)  ? "False"
                                                  : "None");
                (void)libxml2.xmlTextWriterEndElement(w);
        }
        (void)libxml2.xmlTextWriterEndElement(w);
}

static void outcome_elements(xmlTextWriterPtr w, yajl_val v)
{
        const char *outcome = json_text(v, "outcome"), *longrepr = json_text(v, "longrepr"),
                   *reason = json_text(v, "reason");
        yajl_val more = json_field(v, "errors");
        struct buf message = {0};

        if (strcmp(outcome, "failed") == 0 || strcmp(outcome, "crashed") == 0 ||
            strcmp(outcome, "timeout") == 0) {
                element(w, "failure", NULL, failure_message(v), longrepr);
        } else if (strcmp(outcome, "error") == 0) {
                (void)buf_addf(&message, "failed on %s with \"%s\"",
                               json_number(json_field(v, "phases"), "call") > 0 ? "teardown" : "setup",
                               failure_message(v) != NULL ? failure_message(v) : "");
                element(w, "error", NULL, message.data, longrepr);
        } else if (strcmp(outcome, "skipped") == 0) {
                element(w, "skipped", "pytest.skip", reason, longrepr);
        } else if (strcmp(outcome, "xfailed") == 0) {
                element(w, "skipped", "pytest.xfail", reason, NULL);
        }
        buf_finish(&message);
        for (size_t i = 0; YAJL_IS_ARRAY(more) && i < YAJL_GET_ARRAY(more)->len; i++)
                element(w, "error", NULL, "failed on teardown",
                        json_text(YAJL_GET_ARRAY(more)->values[i], "longrepr"));
}

static void start_case(xmlTextWriterPtr w, const char *nodeid, double time)
{
        char *class = NULL, *name = NULL;

        (void)libxml2.xmlTextWriterStartElement(w, BAD_CAST "testcase");
        if (junit_address(nodeid, &class, &name) == 0) {
                attribute(w, "classname", class);
                attribute(w, "name", name);
        }
        free(class);
        free(name);
        seconds(w, "time", time);
}

static void test_cases(xmlTextWriterPtr w, const struct report *r)
{
        yajl_val collect = json_field(r->collected, "errors");

        for (size_t i = 0; YAJL_IS_ARRAY(collect) && i < YAJL_GET_ARRAY(collect)->len; i++) {
                yajl_val v = YAJL_GET_ARRAY(collect)->values[i];
                int failed =
                    json_text(v, "outcome") != NULL && strcmp(json_text(v, "outcome"), "failed") == 0;

                start_case(w, json_text(v, "nodeid"), 0);
                element(w, failed ? "error" : "skipped", failed ? NULL : "pytest.skip",
                        failed ? "collection failure" : "collection skipped", json_text(v, "longrepr"));
                (void)libxml2.xmlTextWriterEndElement(w);
        }
        for (size_t i = 0; i < r->n_kept; i++) {
                yajl_val v = r->kept[i];

                start_case(w, json_text(v, "nodeid"), json_number(v, "duration"));
                properties(w, json_field(v, "user_properties"));
                outcome_elements(w, v);
                (void)libxml2.xmlTextWriterEndElement(w);
        }
}

/* The folders above PATH; what cannot be made, opening the file tells. */
static void make_folders(const char *path)
{
        CLEANUP_FREE char *copy = strdup(path);

        for (char *slash = copy != NULL ? strchr(copy + 1, '/') : NULL; slash != NULL;
             slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                (void)mkdir(copy, 0777);
                *slash = '/';
        }
}

static int write_file(const char *path, const char *text, size_t n, struct error *err)
{
        FILE *f;
        int r = 0;

        make_folders(path);
        f = fopen(path, "we");
        if (f == NULL || fwrite(text, 1, n, f) != n)
                r = error_set(err, "junit", errno, "write %s", path);
        if (f != NULL && fclose(f) != 0 && r == 0)
                r = error_set(err, "junit", errno, "write %s", path);
        return r;
}

int junit_write(const struct report *report, const char *path, struct error *err)
{
        yajl_val counts = json_field(report->finish, "counts");
        xmlBufferPtr xml;
        xmlTextWriterPtr w;
        char host[256] = "", stamp[64] = "";
        time_t t = time(NULL);
        struct tm tm;
        long failures = (long)json_int(counts, "failed", 0), errors = (long)json_int(counts, "error", 0);
        long skipped = (long)json_int(counts, "skipped", 0) + (long)json_int(counts, "xfailed", 0);
        int r = load(err);

        if (r < 0)
                return r;
        xml = libxml2.xmlBufferCreate();
        w = xml != NULL ? libxml2.xmlNewTextWriterMemory(xml, 0) : NULL;
        if (w == NULL) {
                if (xml != NULL)
                        libxml2.xmlBufferFree(xml);
                return error_set(err, "junit", ENOMEM, "write %s", path);
        }
        (void)gethostname(host, sizeof host - 1);
        (void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S.000000", localtime_r(&t, &tm));
        (void)libxml2.xmlTextWriterStartDocument(w, NULL, "utf-8", NULL);
        (void)libxml2.xmlTextWriterStartElement(w, BAD_CAST "testsuites");
        (void)libxml2.xmlTextWriterStartElement(w, BAD_CAST "testsuite");
        attribute(w, "name", "pytest");
        number(w, "errors", errors);
        number(w, "failures", failures);
        number(w, "skipped", skipped);
        number(w, "tests",
               (long)json_int(counts, "passed", 0) + (long)json_int(counts, "xpassed", 0) + failures +
                   errors + skipped);
        seconds(w, "time", json_number(report->finish, "wall"));
        attribute(w, "timestamp", stamp);
        attribute(w, "hostname", host);
        test_cases(w, report);
        r = libxml2.xmlTextWriterEndDocument(w) < 0 ? error_set(err, "junit", ENOMEM, "write %s", path) : 0;
        libxml2.xmlFreeTextWriter(w); /* flushes into the buffer */
        if (r == 0)
                r = write_file(path, (const char *)libxml2.xmlBufferContent(xml),
                               (size_t)libxml2.xmlBufferLength(xml), err);
        libxml2.xmlBufferFree(xml);
        return r;
}
