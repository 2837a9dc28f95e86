/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One task as an element of a "tasks" message
 *
 * The defaults of the wire stand in protocol.h and not in test_new(): they are part of the protocol's version.
 */

#include "wire/message-task.h"

#include "basic/strv.h"
#include "model/address.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* ---- Packing ---- */

static void chars_pack(Packer *packer, const char *s) {
        packer_bytes(packer, s, strlen(s));
}

static void argv_pack(Packer *packer, PackerFrame *map, char *const *argv) {
        packer_key(packer, map, PTEST_KEY_ARGV);
        PackerFrame array = packer_open_array(packer);
        strv_for_each(s, argv) {
                packer_element(&array);
                chars_pack(packer, *s);
        }
        packer_close(packer, &array);
}

static void env_pack(Packer *packer, PackerFrame *map, const EnvOp *ops, size_t n_ops) {
        if (n_ops == 0)
                return;

        packer_key(packer, map, PTEST_KEY_ENV);
        PackerFrame array = packer_open_array(packer);
        for (size_t i = 0; i < n_ops; i++) {
                packer_element(&array);
                PackerFrame op = packer_open_array(packer);
                op.count = 4;
                packer_uint(packer, (uint64_t)ops[i].kind);
                chars_pack(packer, ops[i].name);
                chars_pack(packer, ops[i].value ?: "");
                chars_pack(packer, ops[i].separator ?: "");
                packer_close(packer, &op);
        }
        packer_close(packer, &array);
}

void exports_pack(Packer *packer, PackerFrame *map, const char *key, char *const *exports) {
        if (!exports || !*exports)
                return;

        packer_key(packer, map, key);
        PackerFrame array = packer_open_array(packer);
        strv_for_each(s, exports) {
                packer_element(&array);
                chars_pack(packer, *s);
        }
        packer_close(packer, &array);
}

static void limits_pack(Packer *packer, PackerFrame *map, const TestLimits *limits) {
        packer_uint_field(packer, map, PTEST_KEY_MEMORY_MAX, limits->memory_max, SIZE_INFINITY);
        packer_uint_field(packer, map, PTEST_KEY_MEMORY_HIGH, limits->memory_high, SIZE_INFINITY);
        packer_uint_field(packer, map, PTEST_KEY_TASKS_MAX, limits->tasks_max, UINT64_MAX);
        packer_uint_field(packer, map, PTEST_KEY_CPU_QUOTA, limits->cpu_quota_usec, USEC_INFINITY);
        packer_uint_field(packer, map, PTEST_KEY_LEAK_POLICY, limits->leaks, LEAKS_MARK);
        packer_uint_field(packer, map, PTEST_KEY_STUCK_POLICY, limits->stuck, STUCK_STACKS);
        packer_uint_field(
                        packer,
                        map,
                        PTEST_KEY_LEAK_GRACE,
                        limits->leak_grace_usec,
                        PTEST_WIRE_LEAK_GRACE);
}

void task_pack(Packer *packer, const Task *task) {
        const Test *test = task->test;
        PackerFrame map = packer_open_map(packer);

        packer_key(packer, &map, PTEST_KEY_ID);
        packer_uint(packer, task->id);
        packer_uint_field(packer, &map, PTEST_KEY_ATTEMPT, task->attempt, 1);
        packer_key(packer, &map, PTEST_KEY_ADDRESS);
        packer_text(packer, test->address);
        argv_pack(packer, &map, test->argv);
        env_pack(packer, &map, test->env, test->n_env);
        if (test->workdir) {
                packer_key(packer, &map, PTEST_KEY_WORKDIR);
                chars_pack(packer, test->workdir);
        }
        packer_uint_field(
                        packer,
                        &map,
                        PTEST_KEY_PROTOCOL,
                        (uint64_t)test->protocol,
                        TEST_PROTOCOL_EXIT);
        packer_flag_field(packer, &map, PTEST_KEY_SHOULD_FAIL, test->should_fail);
        packer_uint_field(packer, &map, PTEST_KEY_TIMEOUT, test->timeout_usec, PTEST_WIRE_TIMEOUT);
        packer_uint_field(packer, &map, PTEST_KEY_GRACE, test->grace_usec, PTEST_WIRE_GRACE);
        packer_uint_field(
                        packer,
                        &map,
                        PTEST_KEY_TIMEOUT_SIGNAL,
                        (uint64_t)test->timeout_signal,
                        PTEST_WIRE_TIMEOUT_SIGNAL);
        packer_uint_field(
                        packer,
                        &map,
                        PTEST_KEY_OUTPUT_MAX,
                        test->output_max,
                        PTEST_OUTPUT_MAX_DEFAULT);
        packer_flag_field(packer, &map, PTEST_KEY_ISOLATE, test->isolate);
        packer_flag_field(packer, &map, PTEST_KEY_FINDS, test->finds);
        limits_pack(packer, &map, &test->limits);
        packer_uint_field(packer, &map, PTEST_KEY_PRIVATE, test->private_places & PRIVATE_ALL, 0);
        packer_flag_field(packer, &map, PTEST_KEY_KEEP_FAILED, test->keep_failed);
        packer_uint_field(packer, &map, PTEST_KEY_ROLE, (uint64_t)task->role, PTEST_ROLE_TEST);
        packer_uint_field(packer, &map, PTEST_KEY_INSTANCE, task->instance, 0);
        exports_pack(packer, &map, PTEST_KEY_EXPORTS, task->exports);
        packer_close(packer, &map);
}

/* ---- Unpacking ---- */

/* Those of one set-up in its result; of all that a task is in with the task. */
char **exports_unpack(Reader *reader, const char *key) {
        _cleanup_strv_ char **exports = NULL;
        msgpack_object_array array = reader_array(reader, key, PTEST_MESSAGE_VALUES_MAX);

        for (uint32_t i = 0; i < array.size && reader->error == 0; i++) {
                char *s = reader_chars_of(reader, &array.ptr[i]);

                if (s && (s[0] == '=' || !strchr(s, '='))) {
                        free(s);
                        reader_fail(reader, -EBADMSG);
                        break;
                }
                if (s && strv_consume(&exports, s) < 0)
                        reader_fail(reader, -ENOMEM);
        }
        return TAKE_PTR(exports);
}

static void role_unpack(Reader *reader, Task *task) {
        task->role = (PtestRole)reader_uint(
                        reader, PTEST_KEY_ROLE, 0, PTEST_ROLE_MAX - 1, PTEST_ROLE_TEST);
        task->instance = (uint32_t)reader_uint(reader, PTEST_KEY_INSTANCE, 1, UINT32_MAX, 0);
        if ((task->role == PTEST_ROLE_TEST) != (task->instance == 0))
                reader_fail(reader, -EBADMSG);
        task->exports = exports_unpack(reader, PTEST_KEY_EXPORTS);
}

/* Of a test of a module: where it is, and its name; anything else is a program's. */
static void module_check(Reader *reader, const Test *test) {
        if (test->protocol != TEST_PROTOCOL_MODULE || !test->argv || reader->error < 0)
                return;
        if (strv_length(test->argv) != 2 || test->argv[0][0] != '/' || !test->argv[1][0])
                reader_fail(reader, -EBADMSG);
}

static void argv_unpack(Reader *reader, const Task *task) {
        Test *test = task->test;

        reader_require(reader, PTEST_KEY_ARGV);
        msgpack_object_array array = reader_array(reader, PTEST_KEY_ARGV, PTEST_MESSAGE_VALUES_MAX);
        if (reader->error < 0)
                return;
        if (array.size == 0) {
                if (task->role != PTEST_ROLE_TEAR_DOWN)
                        reader_fail(reader, -EBADMSG);
                return;
        }

        test->argv = calloc(array.size + 1, sizeof(char *));
        if (!test->argv) {
                reader_fail(reader, -ENOMEM);
                return;
        }
        for (uint32_t i = 0; i < array.size && reader->error == 0; i++)
                test->argv[i] = reader_chars_of(reader, &array.ptr[i]);
        if (test->argv[0] && !test->argv[0][0])
                reader_fail(reader, -EBADMSG);
}

static void env_op_unpack(Reader *reader, const msgpack_object *value, EnvOp *op) {
        msgpack_object_array array = reader_array_of(reader, value, 4, 4);
        if (reader->error < 0)
                return;

        op->kind = (EnvOpKind)reader_uint_of(reader, &array.ptr[0], 0, ENV_OP_MAX - 1);
        op->name = reader_chars_of(reader, &array.ptr[1]);
        op->value = reader_chars_of(reader, &array.ptr[2]);
        op->separator = reader_chars_of(reader, &array.ptr[3]);
        if (op->name && (!op->name[0] || strchr(op->name, '=')))
                reader_fail(reader, -EBADMSG);
}

static void env_unpack(Reader *reader, Test *test) {
        msgpack_object_array array = reader_array(reader, PTEST_KEY_ENV, PTEST_MESSAGE_VALUES_MAX);

        if (array.size == 0)
                return;

        test->env = calloc(array.size, sizeof(EnvOp));
        if (!test->env) {
                reader_fail(reader, -ENOMEM);
                return;
        }
        for (uint32_t i = 0; i < array.size && reader->error == 0; i++) {
                test->n_env++;
                env_op_unpack(reader, &array.ptr[i], &test->env[i]);
        }
}

static void workdir_unpack(Reader *reader, Test *test) {
        test->workdir = reader_chars(reader, PTEST_KEY_WORKDIR);
        if (test->workdir && test->workdir[0] != '/')
                reader_fail(reader, -EBADMSG);
}

static void limits_unpack(Reader *reader, TestLimits *limits) {
        limits->memory_max = reader_uint(
                        reader, PTEST_KEY_MEMORY_MAX, 1, UINT64_MAX, SIZE_INFINITY);
        limits->memory_high = reader_uint(
                        reader, PTEST_KEY_MEMORY_HIGH, 1, UINT64_MAX, SIZE_INFINITY);
        limits->tasks_max = reader_uint(reader, PTEST_KEY_TASKS_MAX, 1, UINT64_MAX, UINT64_MAX);
        limits->cpu_quota_usec = reader_uint(
                        reader, PTEST_KEY_CPU_QUOTA, 1, UINT64_MAX, USEC_INFINITY);
        limits->leaks = (uint16_t)reader_uint(
                        reader, PTEST_KEY_LEAK_POLICY, 0, LEAKS_MAX - 1, LEAKS_MARK);
        limits->stuck = (uint16_t)reader_uint(
                        reader, PTEST_KEY_STUCK_POLICY, 0, STUCK_MAX - 1, STUCK_STACKS);
        limits->leak_grace_usec = reader_uint(
                        reader, PTEST_KEY_LEAK_GRACE, 0, UINT64_MAX, PTEST_WIRE_LEAK_GRACE);
}

static void settings_unpack(Reader *reader, Test *test) {
        test->protocol = (TestProtocol)reader_uint(
                        reader, PTEST_KEY_PROTOCOL, 0, TEST_PROTOCOL_MAX - 1, TEST_PROTOCOL_EXIT);
        test->should_fail = reader_bool(reader, PTEST_KEY_SHOULD_FAIL);
        test->isolate = reader_bool(reader, PTEST_KEY_ISOLATE);
        test->finds = reader_bool(reader, PTEST_KEY_FINDS);
        limits_unpack(reader, &test->limits);
        test->private_places = (unsigned)reader_uint(reader, PTEST_KEY_PRIVATE, 0, PRIVATE_ALL, 0);
        test->keep_failed = reader_bool(reader, PTEST_KEY_KEEP_FAILED);
        test->timeout_usec = reader_uint(
                        reader, PTEST_KEY_TIMEOUT, 0, UINT64_MAX, PTEST_WIRE_TIMEOUT);
        test->grace_usec = reader_uint(reader, PTEST_KEY_GRACE, 0, UINT64_MAX, PTEST_WIRE_GRACE);
        test->timeout_signal = (int)reader_uint(
                        reader,
                        PTEST_KEY_TIMEOUT_SIGNAL,
                        1,
                        PTEST_SIGNAL_MAX,
                        PTEST_WIRE_TIMEOUT_SIGNAL);
        test->output_max = reader_uint(
                        reader, PTEST_KEY_OUTPUT_MAX, 0, UINT64_MAX, PTEST_OUTPUT_MAX_DEFAULT);
}

int task_unpack(const msgpack_object *value, Task *ret) {
        Reader reader = reader_new(value);

        reader_require(&reader, PTEST_KEY_ID);
        ret->id = reader_uint(&reader, PTEST_KEY_ID, 1, UINT64_MAX, 0);
        ret->attempt = (unsigned)reader_uint(&reader, PTEST_KEY_ATTEMPT, 1, UINT_MAX, 1);

        reader_require(&reader, PTEST_KEY_ADDRESS);
        _cleanup_free_ char *address = reader_text(&reader, PTEST_KEY_ADDRESS);
        if (reader.error < 0)
                return reader.error;
        if (!address_is_valid(address))
                return -EBADMSG;

        int r = test_new(address, &ret->test);
        if (r < 0)
                return r;

        role_unpack(&reader, ret);
        argv_unpack(&reader, ret);
        env_unpack(&reader, ret->test);
        workdir_unpack(&reader, ret->test);
        settings_unpack(&reader, ret->test);
        module_check(&reader, ret->test);
        return reader.error;
}

void task_done(Task *task) {
        task->test = test_free(task->test);
        task->exports = strv_free(task->exports);
}
