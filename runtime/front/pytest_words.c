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
