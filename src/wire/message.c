/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Messages: between structs and the bytes of ptest/protocol.h
 *
 * Unpacking goes over the bytes three times, each time knowing more: bounds_check() before any memory is
 * taken, msgpack_unpack() into a tree that is as large as the message at most times 24, and the readers of
 * each kind, which check every value and copy what is kept. Packing refuses nothing but what is too large.
 */

#include "wire/message.h"

#include "basic/strv.h"
#include "wire/bounds.h"
#include "wire/message-peek.h"
#include "wire/message-result.h"
#include "wire/message-task.h"
#include "wire/packer.h"
#include "wire/reader.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

static const char *const kind_names[MESSAGE_KIND_MAX] = {
        [MESSAGE_HELLO] = "hello",
        [MESSAGE_TASKS] = "tasks",
        [MESSAGE_FINISHED] = "finished",
        [MESSAGE_SPILLED] = "spilled",
        [MESSAGE_FOUND] = "found",
        [MESSAGE_CANCEL] = "cancel",
        [MESSAGE_CANCELLED] = "cancelled",
        [MESSAGE_PAUSE] = "pause",
        [MESSAGE_PAUSED] = "paused",
        [MESSAGE_PEEK] = "peek",
        [MESSAGE_PEEKED] = "peeked",
        [MESSAGE_STOP] = "stop",
        [MESSAGE_BYE] = "bye",
};

const char *message_kind_to_string(MessageKind kind) {
        return kind >= 0 && kind < MESSAGE_KIND_MAX ? kind_names[kind] : NULL;
}

static MessageKind kind_from_string(const char *s) {
        for (MessageKind kind = 0; kind < MESSAGE_KIND_MAX; kind++)
                if (strcmp(kind_names[kind], s) == 0)
                        return kind;
        return MESSAGE_KIND_INVALID;
}

Message *message_free(Message *message) {
        if (!message)
                return NULL;

        for (size_t i = 0; i < message->tasks.n_items; i++)
                task_done(&message->tasks.items[i]);
        free(message->tasks.items);
        result_free(message->finished.result);
        strv_free(message->finished.exported);
        for (size_t i = 0; i < message->found.n_items; i++)
                strv_free(message->found.items[i]);
        free(message->found.items);
        free(message->cancel.ids);
        free(message->peek.out.data);
        free(message->peek.err.data);
        free(message);
        return NULL;
}

/* ---- Packing ---- */

static PackerFrame kind_pack(Packer *packer, MessageKind kind) {
        PackerFrame map = packer_open_map(packer);

        packer_key(packer, &map, PTEST_KEY_KIND);
        packer_text(packer, kind_names[kind]);
        return map;
}

static void number_pack(Packer *packer, PackerFrame *map, const char *key, uint64_t value) {
        packer_key(packer, map, key);
        packer_uint(packer, value);
}

static void ids_pack(Packer *packer, PackerFrame *map, const uint64_t *ids, size_t n_ids) {
        packer_key(packer, map, PTEST_KEY_IDS);
        PackerFrame array = packer_open_array(packer);
        for (size_t i = 0; i < n_ids; i++) {
                packer_element(&array);
                packer_uint(packer, ids[i]);
        }
        packer_close(packer, &array);
}

static void body_pack(Packer *packer, PackerFrame *map, const Message *message) {
        switch (message->kind) {
        case MESSAGE_HELLO:
                number_pack(packer, map, PTEST_KEY_VERSION, message->hello.version);
                number_pack(packer, map, PTEST_KEY_SLOT, message->hello.slot);
                number_pack(packer, map, PTEST_KEY_GENERATION, message->hello.generation);
                number_pack(packer, map, PTEST_KEY_PID, (uint64_t)message->hello.pid);
                break;
        case MESSAGE_FINISHED:
                number_pack(packer, map, PTEST_KEY_ID, message->finished.id);
                result_pack(packer, map, message->finished.result);
                exports_pack(packer, map, PTEST_KEY_EXPORTED, message->finished.exported);
                packer_flag_field(packer, map, PTEST_KEY_SPENT, message->finished.spent);
                break;
        case MESSAGE_SPILLED:
                number_pack(packer, map, PTEST_KEY_ID, message->spilled.id);
                number_pack(packer, map, PTEST_KEY_OFFSET, message->spilled.offset);
                number_pack(packer, map, PTEST_KEY_SIZE, message->spilled.size);
                break;
        case MESSAGE_CANCEL:
        case MESSAGE_CANCELLED:
                ids_pack(packer, map, message->cancel.ids, message->cancel.n_ids);
                break;
        case MESSAGE_PAUSE:
                packer_flag_field(packer, map, PTEST_KEY_ON, message->pause.on);
                break;
        case MESSAGE_PEEK:
        case MESSAGE_PEEKED:
                peek_pack(packer, map, message);
                break;
        case MESSAGE_STOP:
                packer_flag_field(packer, map, PTEST_KEY_NOW, message->stop.now);
                break;
        default: /* bye and paused have nothing; tasks and what was found are packed on their own */
                break;
        }
}

int message_pack(const Message *message, void **ret_data, size_t *ret_size) {
        assert(message->kind >= 0 && message->kind < MESSAGE_KIND_MAX);

        if (message->kind == MESSAGE_TASKS) {
                _cleanup_free_ void *data = NULL;
                size_t size, n_packed;

                int r = message_pack_tasks(
                                message->tasks.items,
                                message->tasks.n_items,
                                &n_packed,
                                &data,
                                &size);
                if (r < 0)
                        return r;
                if (n_packed < message->tasks.n_items)
                        return -EMSGSIZE;
                *ret_data = TAKE_PTR(data);
                *ret_size = size;
                return 0;
        }

        if (message->kind == MESSAGE_FOUND) {
                _cleanup_free_ void *data = NULL;
                size_t size, n_packed;

                int r = message_pack_found(
                                message->found.id,
                                message->found.items,
                                message->found.n_items,
                                &n_packed,
                                &data,
                                &size);
                if (r < 0)
                        return r;
                if (n_packed < message->found.n_items)
                        return -EMSGSIZE;
                *ret_data = TAKE_PTR(data);
                *ret_size = size;
                return 0;
        }

        _cleanup_(packer_done) Packer packer;
        packer_init(&packer);
        PackerFrame map = kind_pack(&packer, message->kind);
        body_pack(&packer, &map, message);
        packer_close(&packer, &map);
        if (message->kind != MESSAGE_FINISHED && packer.buffer.size > PTEST_MESSAGE_SIZE_MAX)
                return -EMSGSIZE;
        return packer_finish(&packer, ret_data, ret_size);
}

int message_pack_tasks(
                const Task *tasks,
                size_t n_tasks,
                size_t *ret_packed,
                void **ret_data,
                size_t *ret_size) {
        assert(n_tasks > 0);

        _cleanup_(packer_done) Packer packer;
        packer_init(&packer);
        PackerFrame map = kind_pack(&packer, MESSAGE_TASKS);
        packer_key(&packer, &map, PTEST_KEY_TASKS);
        PackerFrame array = packer_open_array(&packer);
        for (size_t i = 0; i < MIN(n_tasks, PTEST_TASKS_MAX); i++) {
                size_t before = packer.buffer.size;

                packer_element(&array);
                task_pack(&packer, &tasks[i]);
                if (packer.error == 0 && packer.buffer.size > PTEST_MESSAGE_SIZE_MAX) {
                        packer_rewind(&packer, &array, before);
                        break;
                }
        }
        packer_close(&packer, &array);
        packer_close(&packer, &map);
        if (packer.error == 0 && array.count == 0)
                return -EMSGSIZE;

        int r = packer_finish(&packer, ret_data, ret_size);
        if (r < 0)
                return r;
        *ret_packed = array.count;
        return 0;
}

static void words_pack(Packer *packer, char *const *words) {
        PackerFrame array = packer_open_array(packer);

        strv_for_each(word, words) {
                packer_element(&array);
                packer_bytes(packer, *word, strlen(*word));
        }
        packer_close(packer, &array);
}

int message_pack_found(
                uint64_t id,
                char **const *items,
                size_t n_items,
                size_t *ret_packed,
                void **ret_data,
                size_t *ret_size) {
        assert(n_items > 0);

        _cleanup_(packer_done) Packer packer;
        packer_init(&packer);
        PackerFrame map = kind_pack(&packer, MESSAGE_FOUND);
        number_pack(&packer, &map, PTEST_KEY_ID, id);
        packer_key(&packer, &map, PTEST_KEY_FOUND);
        PackerFrame array = packer_open_array(&packer);
        for (size_t i = 0; i < MIN(n_items, PTEST_FOUND_MAX); i++) {
                size_t before = packer.buffer.size;

                packer_element(&array);
                words_pack(&packer, items[i]);
                if (packer.error == 0 && packer.buffer.size - before > PTEST_FOUND_SIZE_MAX &&
                    i == 0)
                        return -EMSGSIZE;
                if (packer.error == 0 &&
                    (packer.buffer.size - before > PTEST_FOUND_SIZE_MAX ||
                     packer.buffer.size > PTEST_MESSAGE_SIZE_MAX)) {
                        packer_rewind(&packer, &array, before);
                        break;
                }
        }
        packer_close(&packer, &array);
        packer_close(&packer, &map);

        int r = packer_finish(&packer, ret_data, ret_size);
        if (r < 0)
                return r;
        *ret_packed = array.count;
        return 0;
}

/* ---- Unpacking ---- */

static void hello_unpack(Reader *reader, Message *message) {
        reader_require(reader, PTEST_KEY_VERSION);
        message->hello.version = (unsigned)reader_uint(reader, PTEST_KEY_VERSION, 0, UINT_MAX, 0);
        if (reader->error == 0 && message->hello.version != PTEST_PROTOCOL_VERSION) {
                /* Another version may mean anything by the other keys. */
                reader_fail(reader, -EPROTONOSUPPORT);
                return;
        }

        reader_require(reader, PTEST_KEY_SLOT);
        reader_require(reader, PTEST_KEY_GENERATION);
        reader_require(reader, PTEST_KEY_PID);
        message->hello.slot = (unsigned)reader_uint(reader, PTEST_KEY_SLOT, 1, UINT_MAX, 0);
        message->hello.generation = (unsigned)reader_uint(
                        reader, PTEST_KEY_GENERATION, 1, UINT_MAX, 0);
        message->hello.pid = (int64_t)reader_uint(reader, PTEST_KEY_PID, 1, INT_MAX, 0);
}

static void tasks_unpack(Reader *reader, Message *message) {
        msgpack_object_array array = reader_array(reader, PTEST_KEY_TASKS, PTEST_TASKS_MAX);

        if (array.size == 0) {
                reader_fail(reader, -EBADMSG);
                return;
        }
        message->tasks.items = calloc(array.size, sizeof(Task));
        if (!message->tasks.items) {
                reader_fail(reader, -ENOMEM);
                return;
        }
        for (uint32_t i = 0; i < array.size && reader->error == 0; i++) {
                message->tasks.n_items++;
                int r = task_unpack(&array.ptr[i], &message->tasks.items[i]);
                if (r < 0)
                        reader_fail(reader, r);
        }
}

static uint64_t id_unpack(Reader *reader) {
        reader_require(reader, PTEST_KEY_ID);
        return reader_uint(reader, PTEST_KEY_ID, 1, UINT64_MAX, 0);
}

static void finished_unpack(Reader *reader, Message *message) {
        message->finished.id = id_unpack(reader);
        message->finished.exported = exports_unpack(reader, PTEST_KEY_EXPORTED);
        message->finished.spent = reader_bool(reader, PTEST_KEY_SPENT);
        int r = result_unpack(reader, &message->finished.result);
        if (r < 0)
                reader_fail(reader, r);
}

static void spilled_unpack(Reader *reader, Message *message) {
        message->spilled.id = id_unpack(reader);
        reader_require(reader, PTEST_KEY_OFFSET);
        reader_require(reader, PTEST_KEY_SIZE);
        /* Both are for pread(), where an offset is signed. */
        message->spilled.offset = reader_uint(
                        reader, PTEST_KEY_OFFSET, 0, INT64_MAX - PTEST_SPILL_SIZE_MAX, 0);
        message->spilled.size = reader_uint(reader, PTEST_KEY_SIZE, 1, PTEST_SPILL_SIZE_MAX, 0);
}

static char **words_unpack(Reader *reader, const msgpack_object *value) {
        msgpack_object_array array = reader_array_of(reader, value, 1, PTEST_FOUND_SIZE_MAX);
        char **words = array.size > 0 ? calloc(array.size + 1, sizeof(char *)) : NULL;

        if (!words) {
                reader_fail(reader, array.size > 0 ? -ENOMEM : -EBADMSG);
                return NULL;
        }
        for (uint32_t i = 0; i < array.size && reader->error == 0; i++)
                words[i] = reader_chars_of(reader, &array.ptr[i]);
        if (words[0] && !words[0][0])
                reader_fail(reader, -EBADMSG);
        return words;
}

static void found_unpack(Reader *reader, Message *message) {
        msgpack_object_array array = reader_array(reader, PTEST_KEY_FOUND, PTEST_FOUND_MAX);

        message->found.id = id_unpack(reader);
        if (array.size == 0) {
                reader_fail(reader, -EBADMSG);
                return;
        }
        message->found.items = calloc(array.size, sizeof(char **));
        if (!message->found.items) {
                reader_fail(reader, -ENOMEM);
                return;
        }
        for (uint32_t i = 0; i < array.size && reader->error == 0; i++)
                message->found.items[message->found.n_items++] = words_unpack(
                                reader, &array.ptr[i]);
}

static void ids_unpack(Reader *reader, Message *message) {
        reader_require(reader, PTEST_KEY_IDS);
        msgpack_object_array array = reader_array(reader, PTEST_KEY_IDS, PTEST_TASKS_MAX);
        if (array.size == 0)
                return;

        message->cancel.ids = calloc(array.size, sizeof(uint64_t));
        if (!message->cancel.ids) {
                reader_fail(reader, -ENOMEM);
                return;
        }
        message->cancel.n_ids = array.size;
        for (uint32_t i = 0; i < array.size; i++)
                message->cancel.ids[i] = reader_uint_of(reader, &array.ptr[i], 1, UINT64_MAX);
}

static void body_unpack(Reader *reader, Message *message) {
        switch (message->kind) {
        case MESSAGE_HELLO:
                hello_unpack(reader, message);
                break;
        case MESSAGE_TASKS:
                tasks_unpack(reader, message);
                break;
        case MESSAGE_FINISHED:
                finished_unpack(reader, message);
                break;
        case MESSAGE_SPILLED:
                spilled_unpack(reader, message);
                break;
        case MESSAGE_FOUND:
                found_unpack(reader, message);
                break;
        case MESSAGE_CANCEL:
        case MESSAGE_CANCELLED:
                ids_unpack(reader, message);
                break;
        case MESSAGE_PAUSE:
                message->pause.on = reader_bool(reader, PTEST_KEY_ON);
                break;
        case MESSAGE_PEEK:
        case MESSAGE_PEEKED:
                peek_unpack(reader, message);
                break;
        case MESSAGE_STOP:
                message->stop.now = reader_bool(reader, PTEST_KEY_NOW);
                break;
        default: /* bye has nothing */
                break;
        }
}

static int value_unpack(const msgpack_object *value, Message **ret) {
        _cleanup_(message_freep) Message *message = NULL;
        Reader reader = reader_new(value);

        reader_require(&reader, PTEST_KEY_KIND);
        _cleanup_free_ char *name = reader_text(&reader, PTEST_KEY_KIND);
        if (reader.error < 0)
                return reader.error;

        message = calloc(1, sizeof(Message));
        if (!message)
                return -ENOMEM;
        message->kind = kind_from_string(name);
        if (message->kind < 0)
                return -EBADMSG;

        body_unpack(&reader, message);
        if (reader.error < 0 && reader.error != -EPROTONOSUPPORT)
                return reader.error;
        *ret = TAKE_PTR(message);
        return reader.error;
}

/* Exactly one, whose bounds were checked. */
static int one_unpack(const void *data, size_t size, Message **ret) {
        _cleanup_(msgpack_zone_destroy) msgpack_zone zone;
        if (!msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE))
                return -ENOMEM;

        msgpack_object value;
        size_t offset = 0;
        msgpack_unpack_return unpacked = msgpack_unpack(data, size, &offset, &zone, &value);
        if (unpacked == MSGPACK_UNPACK_NOMEM_ERROR)
                return -ENOMEM;
        if (unpacked != MSGPACK_UNPACK_SUCCESS || offset != size)
                return -EBADMSG;
        return value_unpack(&value, ret);
}

int message_unpack(const void *data, size_t size, size_t max, Message **ret) {
        if (size > max)
                return -EBADMSG;

        int r = bounds_check(data, size);
        if (r < 0)
                return r;
        return one_unpack(data, size, ret);
}

int message_unpack_next(const void *data, size_t size, size_t *offset, Message **ret) {
        if (size > PTEST_MESSAGE_SIZE_MAX)
                return -EBADMSG;
        if (*offset == size && size > 0)
                return -EAGAIN;

        const char *next = (const char *)data + *offset;
        size_t used;
        int r = bounds_measure(next, size - *offset, &used);
        if (r < 0)
                return r;
        *offset += used;
        return one_unpack(next, used, ret);
}
