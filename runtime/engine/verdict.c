/* How it works: owned copies of what result_send() is given. */
#include "runtime/engine/verdict.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/base/json.h"

struct verdict *verdict_new(uint32_t item)
{
        struct verdict *v = calloc(1, sizeof *v);

        if (v != NULL) {
                v->item = item;
                v->death.out_fd = v->death.err_fd = -1;
        }
        return v;
}

static void close_output(struct verdict *v)
{
        if (v->death.out_fd >= 0)
                (void)close(v->death.out_fd);
        if (v->death.err_fd >= 0)
                (void)close(v->death.err_fd);
}

void verdict_died(struct verdict *v, const struct death *death)
{
        close_output(v);
        v->death = *death;
        v->has_death = 1;
        v->death.out_fd = death->out_fd >= 0 ? fcntl(death->out_fd, F_DUPFD_CLOEXEC, 3) : -1;
        v->death.err_fd = death->err_fd >= 0 ? fcntl(death->err_fd, F_DUPFD_CLOEXEC, 3) : -1;
}

int verdict_send(const struct verdict *v, const struct item *item, struct stream *stream,
                 struct journal *journal)
{
        const struct death *death = v->has_death ? &v->death : NULL;
        const struct place place = {.isolation = v->isolation,
                                    .why = v->why != NULL ? v->why : "",
                                    .snapshot = v->snapshot,
                                    .order = v->order,
                                    .cell = v->cell[0] != '\0' ? v->cell : NULL,
                                    .worker = v->worker,
                                    .spent = v->spent[0] != '\0' ? v->spent : NULL,
                                    .used = &v->used,
                                    .note = v->note[0] != '\0' ? v->note : NULL,
                                    .refusals = &v->refusals};
        int r = result_send(&v->result, item, &place, json_field(v->end, "usage"), death, &stream->counts,
                            stream->fd);

        journal_test(journal, v->item, &v->result, death);
        return r;
}

void verdict_free(struct verdict *v)
{
        if (v == NULL)
                return;
        close_output(v);
        result_finish(&v->result);
        if (v->end != NULL)
                yajl_tree_free(v->end);
        free(v->why);
        free(v->snapshot);
        free(v->order);
        free(v);
}
