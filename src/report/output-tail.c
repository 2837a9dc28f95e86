/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/output-tail.h"

#include <errno.h>
#include <string.h>

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

int output_tail_init(
                OutputTail *tail, const ResultOutput *output, size_t lines_max, size_t bytes_max) {
        const char *data = output->data;
        size_t size = output->size, begin;

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

        tail->text = size > 0 ? text_escape_lines(data + begin, size - begin) : strdup("");
        if (!tail->text)
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
