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

int pytest_words_read(struct pytest_words *ret, const struct ini *ini, const struct settings *settings)
{
        struct pytest_words w = {0};
        const char *variable = getenv("PYTEST_ADDOPTS"), *value;
        int r = add_all(&w.all, &ini->addopts);

        if (r == 0 && variable != NULL)
                r = ini_words(&w.all, variable);
        if (r == 0)
                r = add_all(&w.all, &settings->file_args);
        if (r == 0)
                r = add_all(&w.all, &settings->pytest_args);
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
        struct spec_strv *const lists[] = {&w->plugins, &w->all};

        for (size_t k = 0; k < 2; k++) {
                for (size_t i = 0; i < lists[k]->n; i++)
                        free(lists[k]->v[i]);
                free(lists[k]->v);
        }
        *w = (struct pytest_words){0};
}
