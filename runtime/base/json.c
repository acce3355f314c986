/* How it works: nesting is counted before yajl sees the text. */
#include "runtime/base/json.h"

#include <string.h>

static int too_deep(const char *text, size_t n)
{
        int depth = 0, in_string = 0;

        for (size_t i = 0; i < n; i++) {
                if (in_string) {
                        if (text[i] == '\\')
                                i++;
                        else if (text[i] == '"')
                                in_string = 0;
                } else if (text[i] == '"') {
                        in_string = 1;
                } else if (text[i] == '[' || text[i] == '{') {
                        if (++depth > JSON_MAX_DEPTH)
                                return 1;
                } else if (text[i] == ']' || text[i] == '}') {
                        depth--;
                }
        }
        return 0;
}

yajl_val json_parse(const char *text, size_t n)
{
        char why[64];
        yajl_val v = too_deep(text, n) ? NULL : yajl_tree_parse(text, why, sizeof why);

        if (v != NULL && !YAJL_IS_OBJECT(v)) {
                yajl_tree_free(v);
                v = NULL;
        }
        return v;
}

yajl_val json_field(yajl_val object, const char *key)
{
        if (!YAJL_IS_OBJECT(object))
                return NULL;
        for (size_t i = 0; i < object->u.object.len; i++)
                if (strcmp(object->u.object.keys[i], key) == 0)
                        return object->u.object.values[i];
        return NULL;
}

const char *json_text(yajl_val object, const char *key)
{
        return YAJL_GET_STRING(json_field(object, key));
}

long long json_int(yajl_val object, const char *key, long long none)
{
        yajl_val v = json_field(object, key);

        return YAJL_IS_INTEGER(v) ? YAJL_GET_INTEGER(v) : none;
}

double json_number(yajl_val object, const char *key)
{
        yajl_val v = json_field(object, key);

        return YAJL_IS_NUMBER(v) && (v->u.number.flags & YAJL_NUMBER_DOUBLE_VALID) ? v->u.number.d : 0.0;
}

int json_true(yajl_val object, const char *key)
{
        return YAJL_IS_TRUE(json_field(object, key));
}
