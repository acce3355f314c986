/* How it works: the words are looked at as pytest's option parser would. */
#include "runtime/front/interactive.h"

#include <errno.h>
#include <string.h>

/* Whether WORD is a group of pytest's short options with -s: "-sv". */
static bool has_short_s(const char *word)
{
        static const char with_value[] = "kmocpWrn";

        if (word[0] != '-' || word[1] == '-')
                return false;
        for (const char *c = word + 1; *c != '\0' && strchr(with_value, *c) == NULL; c++)
                if (*c == 's')
                        return true;
        return false;
}

/* What of pytest's options concerns us: as pytest reads them, those after "--" too. Returns what has tests
 * run one after another, for a message. */
static const char *look(struct args *a, const struct spec_strv *words)
{
        const char *which = "-s, --pdb or --trace";

        for (size_t i = 0; i < words->n; i++) {
                const char *word = words->v[i], *next = i + 1 < words->n ? words->v[i + 1] : "";

                if (word[0] == '-' && word[1] != '\0' && word[2] == '\0' &&
                    strchr("kmocpWrn", word[1]) != NULL) {
                        i++; /* its value */
                } else if (strcmp(word, "--pdb") == 0 || strcmp(word, "--trace") == 0) {
                        a->passes = 1;
                        a->debugs |= word[2] == 'p';
                } else if (strcmp(word, "--setup-show") == 0 || strcmp(word, "--setupshow") == 0) {
                        which = a->passes ? which : "--setup-show";
                        a->passes = 1;
                } else if (strcmp(word, "--capture=no") == 0 || has_short_s(word) ||
                           (strcmp(word, "--capture") == 0 && strcmp(next, "no") == 0)) {
                        a->passes = 1;
                }
        }
        return which;
}

/* Tests of which the user sees what they print run one after another. */
static int check_workers(const struct args *a, const struct settings *s, const char *which, struct error *err)
{
        const char *text = s->v[SETTING_WORKERS].text;

        if (!a->passes || text == NULL || s->v[SETTING_WORKERS].rank < RANK_FLAG || strcmp(text, "1") == 0 ||
            strcmp(text, "auto") == 0)
                return 0;
        (void)error_set(err, "usage", 0, "-n %.40s: with %s tests run one after another", text, which);
        error_hint(err, "leave it out");
        return -EINVAL;
}

int interactive_look(struct args *a, const struct settings *s, struct error *err)
{
        const char *which = look(a, &s->pytest_args);

        return check_workers(a, s, which, err);
}
