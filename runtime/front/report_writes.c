/* What tests wrote to the project: a line for each that did with -v, and how much of it was kept. */
#include "runtime/base/json.h"
#include "runtime/front/report.h"

/* VERB: the first N of the paths, and how many more. */
static void print_paths(struct report *r, yajl_val v, const char *sep, const char *verb, const char *key,
                        const char *number)
{
        yajl_val paths = json_field(v, key);
        const size_t n = YAJL_IS_ARRAY(paths) ? YAJL_GET_ARRAY(paths)->len : 0;
        const long long more = json_int(v, number, 0) - (long long)n;

        if (n == 0)
                return;
        (void)fprintf(r->out, "%s %s", sep, verb);
        for (size_t i = 0; i < n; i++) {
                const char *path = YAJL_GET_STRING(YAJL_GET_ARRAY(paths)->values[i]);

                (void)fputs(i > 0 ? ", " : " ", r->out);
                for (const char *p = path != NULL ? path : "?"; *p != '\0'; p++)
                        (void)fputc((unsigned char)*p < 32 || *p == 127 ? '?' : *p, r->out);
        }
        if (more > 0)
                (void)fprintf(r->out, " and %lld more", more);
}

void writes_print(struct report *r)
{
        for (size_t i = 0; i < r->n_writes; i++) {
                const char *who = json_text(r->writes[i], "who");

                const int both = json_int(r->writes[i], "n_kept", 0) > 0;

                (void)fputs(who != NULL ? who : "?", r->out);
                print_paths(r, r->writes[i], ":", "kept", "kept", "n_kept");
                print_paths(r, r->writes[i], both ? ";" : ":", "lost", "lost", "n_lost");
                (void)fputc('\n', r->out);
        }
        if (r->n_kept_paths > 0)
                (void)fprintf(r->out, "%lld project path%s kept, %lld lost%s\n", r->n_kept_paths,
                              r->n_kept_paths == 1 ? "" : "s", r->n_lost_paths,
                              r->verbosity > 0 ? "" : " (-v lists them)");
        else if (r->n_lost_paths > 0)
                (void)fprintf(r->out,
                              "%lld path%s that tests wrote to the project %s with their cells (keep)\n",
                              r->n_lost_paths, r->n_lost_paths == 1 ? "" : "s",
                              r->n_lost_paths == 1 ? "is gone" : "are gone");
}
