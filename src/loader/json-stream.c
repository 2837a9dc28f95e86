/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "loader/json-stream.h"

#include <errno.h>
#include <string.h>

#include "basic/fd.h"

static int stream_skip_space(JsonStream *stream) {
        int c;

        do
                c = getc(stream->file);
        while (c == ' ' || c == '\t' || c == '\n' || c == '\r');
        return c;
}

int json_stream_init(JsonStream *stream, int fd) {
        int c;

        *stream = (JsonStream){ .file = fdopen(fd, "re") };
        if (!stream->file) {
                int r = -errno;

                fd_close(fd);
                return r;
        }

        c = stream_skip_space(stream);
        if (c == '[')
                stream->array = true;
        else if (c == EOF)
                stream->ended = true;
        else
                ungetc(c, stream->file);
        return c == '[' || c == '{' ? 0 : -EBADMSG;
}

void json_stream_done(JsonStream *stream) {
        if (stream->file)
                fclose(stream->file);
        stream->file = NULL;
}

static int stream_fail(JsonStream *stream, json_error_t *error, const char *text) {
        stream->ended = true;
        snprintf(error->text, sizeof(error->text), "%s", text);
        return -EBADMSG;
}

int json_stream_next(JsonStream *stream, json_t **ret, json_error_t *error) {
        int c;

        if (stream->ended)
                return 1;

        c = stream_skip_space(stream);
        if (stream->array && stream->count > 0 && c == ',')
                c = stream_skip_space(stream);
        else if (stream->array && stream->count > 0 && c != ']')
                return stream_fail(stream, error, "the file ends too early, or a comma is missing");

        if (stream->array ? c == ']' : c == EOF) {
                stream->ended = true;
                return 1;
        }
        if (c != '{')
                return stream_fail(stream, error, "an object is missing");
        ungetc(c, stream->file);

        /* An object ends with its brace: jansson reads no byte beyond it. */
        json_t *value = json_loadf(stream->file, JSON_DISABLE_EOF_CHECK, error);
        if (!value) {
                stream->ended = true;
                return -EBADMSG;
        }
        stream->count++;
        *ret = value;
        return 0;
}
