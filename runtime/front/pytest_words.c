/* How it works: short options may have their value behind them ("-kEXPR") or in the next word, as argparse
 * takes them; everything else is passed over. */
#include "runtime/front/pytest_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int add_all(struct spec_strv *to, const struct spec_strv *from)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < from->n; i++)
                r = spec_strv_add(to, from->v[i]);
        return r;
}

/* The value of the option -LETTER, if the word at *I is it; *I is then at the last of its words. */
static const char *value_of(const struct spec_strv *words, size_t *i, char letter)
{
        const char *word = words->v[*i];

        if (word == NULL || word[0] != '-' || word[1] != letter)
                return NULL;
        if (word[2] != '\0')
                return word + 2;
        return *i + 1 < words->n ? words->v[++*i] : NULL;
}

static const char *or_nothing(const char *text)
{
        return text[strspn(text, " \t")] != '\0' ? text : NULL;
}

/* The addopts of -o or --override-ini, the last one, or NULL. */
static const char *overridden(const struct spec_strv *words)
{
        static const char name[] = "addopts=", option[] = "--override-ini";
        const char *found = NULL;

        for (size_t i = 0; i < words->n; i++) {
                const char *word = words->v[i], *value = value_of(words, &i, 'o');

                if (word != NULL && value == NULL && strncmp(word, option, sizeof option - 1) == 0)
                        value = word[sizeof option - 1] == '=' ? word + sizeof option
                                : i + 1 < words->n             ? words->v[++i]
                                                               : NULL;
                if (value != NULL && strncmp(value, name, sizeof name - 1) == 0)
                        found = value + sizeof name - 1;
        }
        return found;
}

static bool is_one_of(const char *word, const char *const *names)
{
        for (; *names != NULL; names++)
                if (strcmp(word, *names) == 0)
                        return true;
        return false;
}

/* The value of the long option NAME, if the word at *I is it; *I is then at the last of its words. */
static const char *long_value(const struct spec_strv *words, size_t *i, const char *name)
{
        const char *word = words->v[*i];
        const size_t n = strlen(name);

        if (word == NULL || strncmp(word, name, n) != 0 || (word[n] != '\0' && word[n] != '='))
                return NULL;
        if (word[n] == '=')
                return word + n + 1;
        return *i + 1 < words->n ? words->v[++*i] : NULL;
}

/* "-vrA": letters up to one that has a value, which may be in the next word. */
static void read_letters(struct pytest_words *w, size_t *i)
{
        static const char with_value[] = "kmocpWrn";
        const char *c = w->all.v[*i] + 1;

        for (; *c != '\0' && strchr(with_value, *c) == NULL; c++) {
                w->verbosity += (*c == 'v') - (*c == 'q');
                w->asks |= *c == 'h' || *c == 'V';
        }
        if (*c != '\0' && c[1] == '\0')
                ++*i;
}

/* What the options ask of the report. */
static void read_look(struct pytest_words *w)
{
        static const char *const asking[] = {"--collect-only", "--collectonly",
                                             "--co",           "--fixtures",
                                             "--funcargs",     "--fixtures-per-test",
                                             "--markers",      "--setup-plan",
                                             "--setup-only",   "--setupplan",
                                             "--setuponly",    "--version",
                                             "--help",         NULL};
        const char *value;

        for (size_t i = 0; i < w->all.n; i++) {
                const char *word = w->all.v[i];

                if (word[0] == '-' && word[1] != '-' && word[1] != '\0')
                        read_letters(w, &i);
                else if ((value = long_value(&w->all, &i, "--junit-xml")) != NULL ||
                         (value = long_value(&w->all, &i, "--junitxml")) != NULL)
                        w->junit_xml = value;
                else if ((value = long_value(&w->all, &i, "--verbosity")) != NULL)
                        w->verbosity = (int)strtol(value, NULL, 10);
                else if (is_one_of(word, asking) || strncmp(word, "--cache-show", 12) == 0)
                        w->asks = true;
                else if (strcmp(word, "--no-header") == 0)
                        w->no_header = true;
                else if (strcmp(word, "--verbose") == 0)
                        w->verbosity++;
                else if (strcmp(word, "--quiet") == 0)
                        w->verbosity--;
        }
}

int pytest_words_read(struct pytest_words *ret, const struct ini *ini, const struct settings *settings)
{
        struct pytest_words w = {0};
        struct spec_strv given = {0};
        const char *variable = getenv("PYTEST_ADDOPTS"), *value;
        int r = variable != NULL ? ini_words(&given, variable) : 0;

        if (r == 0)
                r = add_all(&given, &settings->file_args);
        if (r == 0)
                r = add_all(&given, &settings->pytest_args);
        value = overridden(&given);
        if (r == 0)
                r = value != NULL ? ini_words(&w.all, value) : add_all(&w.all, &ini->addopts);
        if (r == 0)
                r = add_all(&w.all, &given);
        spec_strv_finish(&given);
        for (size_t i = 0; r == 0 && i < w.all.n; i++)
                if ((value = value_of(&w.all, &i, 'k')) != NULL)
                        w.keyword = or_nothing(value);
                else if ((value = value_of(&w.all, &i, 'm')) != NULL)
                        w.mark = or_nothing(value);
                else if ((value = value_of(&w.all, &i, 'p')) != NULL && strncmp(value, "no:", 3) != 0)
                        r = spec_strv_add(&w.plugins, value);
        if (r == 0)
                read_look(&w);
        *ret = w;
        if (r < 0)
                pytest_words_finish(ret);
        return r;
}

void pytest_words_finish(struct pytest_words *w)
{
        spec_strv_finish(&w->plugins);
        spec_strv_finish(&w->all);
        *w = (struct pytest_words){0};
}
