/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/output-tail.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "basic/macros.h"
#include "basic/text.h"

/* Where the last lines begin; data does not end in a newline. */
static size_t find_lines_begin(const char *data, size_t size, size_t lines_max) {
        size_t begin = size;

        while (begin > 0) {
                const char *newline = memrchr(data, '\n', begin);

                if (lines_max-- == 0)
                        return begin + 1;
                if (!newline)
                        return 0;
                begin = (size_t)(newline - data);
        }
        return lines_max == 0 ? 1 : 0;
}

/* The head that is shown on lines of its own, so that its last one is not taken for one with the first of the tail */
static int text_mark_gap(char **text, const ResultOutput *output, size_t begin, size_t end) {
        const size_t head = MIN(result_output_get_head(output), end);
        _cleanup_free_ char *before = text_escape_lines(output->data + begin, head - begin);
        _cleanup_free_ char *after = text_escape_lines(output->data + head, end - head);

        if (!before || !after)
                return -ENOMEM;
        return text_setf(
                        text,
                        "%s%s[%" PRIu64 " bytes were not kept]%s%s",
                        before,
                        text_ends_with(before, "\n") ? "" : "\n",
                        output->total - output->size,
                        end > head ? "\n" : "",
                        after);
}

int output_tail_init(
                OutputTail *tail, const ResultOutput *output, size_t lines_max, size_t bytes_max) {
        const char *data = output->data;
        size_t size = output->size, begin;
        int r = 0;

        *tail = (OutputTail){};
        while (size > 0 && (data[size - 1] == '\n' || data[size - 1] == '\r'))
                size--;
        begin = size > 0 ? find_lines_begin(data, size, lines_max) : 0;
        if (size - begin > bytes_max) {
                begin = size - bytes_max;
                /* Not in the middle of a character */
                for (int i = 0;
                     i < 3 && begin < size && ((unsigned char)data[begin] & 0xc0) == 0x80;
                     i++)
                        begin++;
        }

        if (size > 0 && output->total > output->size && begin < result_output_get_head(output))
                r = text_mark_gap(&tail->text, output, begin, size);
        else
                tail->text = size > 0 ? text_escape_lines(data + begin, size - begin) : strdup("");
        if (r < 0 || !tail->text)
                return -ENOMEM;
        tail->truncated = begin > 0;
        tail->n_lines = size > 0;
        for (const char *p = tail->text; (p = strchr(p, '\n')); p++)
                tail->n_lines++;
        return 0;
}

void output_tail_done(OutputTail *tail) {
        free(tail->text);
        *tail = (OutputTail){};
}
