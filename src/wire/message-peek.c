/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "wire/message-peek.h"

#include <errno.h>
#include <string.h>

typedef struct PeekKeys {
        const char *from, *data, *total, *head;
} PeekKeys;

static const PeekKeys out_keys = {
        PTEST_KEY_STDOUT_FROM,
        PTEST_KEY_STDOUT,
        PTEST_KEY_STDOUT_TOTAL,
        PTEST_KEY_STDOUT_HEAD,
};

static const PeekKeys err_keys = {
        PTEST_KEY_STDERR_FROM,
        PTEST_KEY_STDERR,
        PTEST_KEY_STDERR_TOTAL,
        PTEST_KEY_STDERR_HEAD,
};

static void stream_pack(
                Packer *packer, PackerFrame *map, const PeekKeys *keys, const PeekStream *stream) {
        packer_uint_field(packer, map, keys->from, stream->from, 0);
        packer_uint_field(packer, map, keys->total, stream->total, 0);
        packer_uint_field(packer, map, keys->head, stream->head, 0);
        if (stream->size > 0) {
                packer_key(packer, map, keys->data);
                packer_bytes(packer, stream->data, stream->size);
        }
}

void peek_pack(Packer *packer, PackerFrame *map, const Message *message) {
        packer_key(packer, map, PTEST_KEY_ID);
        packer_uint(packer, message->peek.id);
        packer_flag_field(packer, map, PTEST_KEY_RUNS, message->peek.runs);
        stream_pack(packer, map, &out_keys, &message->peek.out);
        stream_pack(packer, map, &err_keys, &message->peek.err);
}

/* What is said must fit together: who shows it does not look again. */
static void stream_unpack(Reader *reader, const PeekKeys *keys, PeekStream *ret) {
        const void *data = reader_bytes(reader, keys->data, &ret->size);

        ret->from = reader_uint(reader, keys->from, 0, INT64_MAX, 0);
        ret->total = reader_uint(reader, keys->total, 0, INT64_MAX, 0);
        ret->head = (size_t)reader_uint(reader, keys->head, 0, PTEST_PEEK_SIZE_MAX, 0);
        if (!data)
                ret->size = 0;
        if (ret->size > PTEST_PEEK_SIZE_MAX || ret->head > ret->size ||
            (ret->size > 0 && (ret->from > ret->total || ret->size > ret->total - ret->from))) {
                reader_fail(reader, -EBADMSG);
                return;
        }
        if (ret->size == 0)
                return;
        ret->data = malloc(ret->size);
        if (!ret->data) {
                reader_fail(reader, -ENOMEM);
                return;
        }
        memcpy(ret->data, data, ret->size);
}

void peek_unpack(Reader *reader, Message *message) {
        reader_require(reader, PTEST_KEY_ID);
        message->peek.id = reader_uint(reader, PTEST_KEY_ID, 1, UINT64_MAX, 0);
        message->peek.runs = reader_bool(reader, PTEST_KEY_RUNS);
        stream_unpack(reader, &out_keys, &message->peek.out);
        stream_unpack(reader, &err_keys, &message->peek.err);
}
