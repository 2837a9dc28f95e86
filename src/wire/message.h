/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ptest/protocol.h"

#include "model/result.h"
#include "model/test.h"

/*
 * Messages: between structs and the bytes of ptest/protocol.h
 *
 * Packing borrows, unpacking gives what the caller owns. Unpacking believes nothing: -EBADMSG for anything
 * that is not exactly a message of a known kind within all bounds, -EPROTONOSUPPORT for a hello of another
 * version (ret is then set, so that the version can be named).
 */

typedef enum MessageKind {
        MESSAGE_HELLO,
        MESSAGE_TASKS,
        MESSAGE_FINISHED,
        MESSAGE_SPILLED,
        MESSAGE_FOUND,
        MESSAGE_CANCEL,
        MESSAGE_CANCELLED,
        MESSAGE_PAUSE,
        MESSAGE_PAUSED,
        MESSAGE_PEEK,
        MESSAGE_PEEKED,
        MESSAGE_STOP,
        MESSAGE_BYE,
        MESSAGE_KIND_MAX,
        MESSAGE_KIND_INVALID = -22, /* -EINVAL */
} MessageKind;

typedef struct Task {
        uint64_t id;      /* from 1 */
        unsigned attempt; /* from 1 */
        Test *test;       /* owned in a message that was unpacked; and so the exports */
        PtestRole role;
        uint32_t instance; /* of a set-up or tear-down, from 1 */
        char **exports;    /* "NAME=value"; may be NULL */
} Task;

/*
 * What a stream has after its first from bytes: the data's first head bytes are those that follow, the rest are the last
 * ones of all. Between the two total - from - size bytes are left out.
 */
typedef struct PeekStream {
        uint64_t from, total;
        char *data; /* owned in a message that was unpacked */
        size_t size, head;
} PeekStream;

typedef struct Message {
        MessageKind kind;
        struct {
                unsigned version, slot, generation;
                int64_t pid;
        } hello;
        struct {
                Task *items;
                size_t n_items; /* 1 to PTEST_TASKS_MAX */
        } tasks;
        struct {
                uint64_t id;
                char **exported; /* by a set-up: "NAME=value"; may be NULL */
                bool spent;      /* the worker is to be replaced */
                Result *result; /* address, slot, generation and attempt are not sent: the receiver knows them */
        } finished;
        struct {
                uint64_t id, offset, size; /* size: 1 to PTEST_SPILL_SIZE_MAX */
        } spilled;
        struct {
                uint64_t id;
                char ***items;  /* words; owned in a message that was unpacked */
                size_t n_items; /* 1 to PTEST_FOUND_MAX */
        } found;
        struct {
                uint64_t *ids;
                size_t n_ids; /* 0 to PTEST_TASKS_MAX */
        } cancel;             /* and of cancelled */
        struct {
                bool on;
        } pause;
        struct {
                uint64_t id;
                bool runs;           /* peeked */
                PeekStream out, err; /* of peek only from */
        } peek;                      /* and of peeked */
        struct {
                bool now;
        } stop;
} Message;

Message *message_free(Message *message);
DEFINE_CLEANUP(Message, message_free);

/*
 * One message. Any size: a finished one may be above PTEST_MESSAGE_SIZE_MAX and is then to be spilled. -EMSGSIZE for
 * every other kind above it.
 */
int message_pack(const Message *message, void **ret_data, size_t *ret_size);

/* As many of the tasks as fit into one message, in order; at least one, or -EMSGSIZE if the first alone does not fit. */
int message_pack_tasks(
                const Task *tasks,
                size_t n_tasks,
                size_t *ret_packed,
                void **ret_data,
                size_t *ret_size);

/* The same for what was found: as many as fit. -EMSGSIZE: the first alone is larger than PTEST_FOUND_SIZE_MAX */
int message_pack_found(
                uint64_t id,
                char **const *items,
                size_t n_items,
                size_t *ret_packed,
                void **ret_data,
                size_t *ret_size);

/* max is PTEST_MESSAGE_SIZE_MAX for what came over a socket, PTEST_SPILL_SIZE_MAX for what was spilled. */
int message_unpack(const void *data, size_t size, size_t max, Message **ret);

/*
 * The next message of a packet, which may have several, one behind the other: *offset, 0 at first, is moved behind it.
 * -EAGAIN: there is no further one
 */
int message_unpack_next(const void *data, size_t size, size_t *offset, Message **ret);

const char *message_kind_to_string(MessageKind kind);
