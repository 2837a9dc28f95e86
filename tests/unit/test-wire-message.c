/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test-wire-sample.h"

#include <errno.h>

#include "test-rounds.h"
#include "test-runner.h"

#define ROUNDS 300

/* ---- Equality, field by field ---- */

static void assert_chars_equal(const char *a, const char *b) {
        if (!a || !b)
                ck_assert_ptr_eq(a, b);
        else
                ck_assert_str_eq(a, b);
}

static void assert_strv_equal(char *const *a, char *const *b) {
        ck_assert_uint_eq(strv_length(a), strv_length(b));
        for (size_t i = 0; i < strv_length(a); i++)
                ck_assert_str_eq(a[i], b[i]);
}

static void assert_test_equal(const Test *a, const Test *b) {
        ck_assert_str_eq(a->address, b->address);
        assert_strv_equal(a->argv, b->argv);
        ck_assert_uint_eq(a->n_env, b->n_env);
        for (size_t i = 0; i < a->n_env; i++) {
                ck_assert_int_eq(a->env[i].kind, b->env[i].kind);
                ck_assert_str_eq(a->env[i].name, b->env[i].name);
                ck_assert_str_eq(a->env[i].value ?: "", b->env[i].value);
                ck_assert_str_eq(a->env[i].separator ?: "", b->env[i].separator);
        }
        assert_chars_equal(a->workdir, b->workdir);
        ck_assert_int_eq(a->protocol, b->protocol);
        ck_assert_int_eq(a->should_fail, b->should_fail);
        ck_assert_uint_eq(a->timeout_usec, b->timeout_usec);
        ck_assert_uint_eq(a->grace_usec, b->grace_usec);
        ck_assert_int_eq(a->timeout_signal, b->timeout_signal);
        ck_assert_uint_eq(a->output_max, b->output_max);
        ck_assert_uint_eq(a->limits.memory_max, b->limits.memory_max);
        ck_assert_uint_eq(a->limits.memory_high, b->limits.memory_high);
        ck_assert_uint_eq(a->limits.tasks_max, b->limits.tasks_max);
        ck_assert_uint_eq(a->limits.cpu_quota_usec, b->limits.cpu_quota_usec);
        ck_assert_uint_eq(a->limits.leak_grace_usec, b->limits.leak_grace_usec);
        ck_assert_uint_eq(a->limits.leaks, b->limits.leaks);
        ck_assert_uint_eq(a->limits.stuck, b->limits.stuck);
}

static void assert_output_equal(const ResultOutput *a, const ResultOutput *b) {
        ck_assert_uint_eq(a->size, b->size);
        ck_assert_uint_eq(a->total, b->total);
        if (a->size > 0)
                ck_assert_mem_eq(a->data, b->data, a->size);
}

static void assert_result_equal(const Result *a, const Result *b) {
        ck_assert_str_eq(b->address, "");
        ck_assert_int_eq(a->outcome, b->outcome);
        ck_assert_uint_eq(a->marks, b->marks);
        assert_chars_equal(a->reason, b->reason);
        ck_assert_uint_eq(a->start_usec, b->start_usec);
        ck_assert_uint_eq(a->duration_usec, b->duration_usec);
        ck_assert_uint_eq(a->cpu_user_usec, b->cpu_user_usec);
        ck_assert_uint_eq(a->cpu_system_usec, b->cpu_system_usec);
        ck_assert_uint_eq(a->memory_peak, b->memory_peak);
        ck_assert_uint_eq(a->tasks_peak, b->tasks_peak);
        ck_assert_uint_eq(a->read_bytes, b->read_bytes);
        ck_assert_uint_eq(a->write_bytes, b->write_bytes);
        ck_assert_int_eq(a->oom_owner, b->oom_owner);
        ck_assert_uint_eq(a->oom_limit, b->oom_limit);
        ck_assert_pstr_eq(a->oom_victim, b->oom_victim);
        ck_assert_int_eq(a->exit_status, b->exit_status);
        ck_assert_int_eq(a->signal, b->signal);
        ck_assert_int_eq(a->core_dumped, b->core_dumped);
        ck_assert_int_eq(a->pid, b->pid);
        ck_assert_uint_eq(a->n_points, b->n_points);
        for (size_t i = 0; i < a->n_points; i++) {
                ck_assert_int_eq(a->points[i].outcome, b->points[i].outcome);
                ck_assert_uint_eq(a->points[i].number, b->points[i].number);
                ck_assert_str_eq(a->points[i].name, b->points[i].name);
                assert_chars_equal(a->points[i].reason, b->points[i].reason);
        }
        assert_strv_equal(a->leaks, b->leaks);
        assert_strv_equal(a->dirty, b->dirty);
        assert_strv_equal(a->backtrace, b->backtrace);
        assert_strv_equal(a->stuck, b->stuck);
        assert_strv_equal(a->files, b->files);
        assert_chars_equal(a->directory, b->directory);
        assert_chars_equal(a->order, b->order);
        assert_output_equal(&a->out, &b->out);
        assert_output_equal(&a->err, &b->err);
}

static void assert_peek_stream_equal(const PeekStream *a, const PeekStream *b) {
        ck_assert_uint_eq(a->from, b->from);
        ck_assert_uint_eq(a->total, b->total);
        ck_assert_uint_eq(a->head, b->head);
        ck_assert_uint_eq(a->size, b->size);
        ck_assert_mem_eq(a->data ?: "", b->data ?: "", a->size);
}

static void assert_message_equal(const Message *a, const Message *b) {
        ck_assert_int_eq(a->kind, b->kind);
        ck_assert_uint_eq(a->hello.version, b->hello.version);
        ck_assert_uint_eq(a->hello.slot, b->hello.slot);
        ck_assert_uint_eq(a->hello.generation, b->hello.generation);
        ck_assert_int_eq(a->hello.pid, b->hello.pid);
        ck_assert_uint_eq(a->tasks.n_items, b->tasks.n_items);
        for (size_t i = 0; i < a->tasks.n_items; i++) {
                ck_assert_uint_eq(a->tasks.items[i].id, b->tasks.items[i].id);
                ck_assert_uint_eq(a->tasks.items[i].attempt, b->tasks.items[i].attempt);
                assert_test_equal(a->tasks.items[i].test, b->tasks.items[i].test);
                ck_assert_int_eq(a->tasks.items[i].role, b->tasks.items[i].role);
                ck_assert_uint_eq(a->tasks.items[i].instance, b->tasks.items[i].instance);
                assert_strv_equal(a->tasks.items[i].exports, b->tasks.items[i].exports);
        }
        ck_assert_uint_eq(a->found.id, b->found.id);
        ck_assert_uint_eq(a->found.n_items, b->found.n_items);
        for (size_t i = 0; i < a->found.n_items; i++)
                assert_strv_equal(a->found.items[i], b->found.items[i]);
        ck_assert_int_eq(a->finished.spent, b->finished.spent);
        ck_assert_uint_eq(a->finished.id, b->finished.id);
        ck_assert_int_eq(!a->finished.result, !b->finished.result);
        if (a->finished.result)
                assert_result_equal(a->finished.result, b->finished.result);
        assert_strv_equal(a->finished.exported, b->finished.exported);
        ck_assert_uint_eq(a->spilled.id, b->spilled.id);
        ck_assert_uint_eq(a->spilled.offset, b->spilled.offset);
        ck_assert_uint_eq(a->spilled.size, b->spilled.size);
        ck_assert_uint_eq(a->cancel.n_ids, b->cancel.n_ids);
        for (size_t i = 0; i < a->cancel.n_ids; i++)
                ck_assert_uint_eq(a->cancel.ids[i], b->cancel.ids[i]);
        ck_assert_int_eq(a->pause.on, b->pause.on);
        ck_assert_uint_eq(a->peek.id, b->peek.id);
        ck_assert_int_eq(a->peek.runs, b->peek.runs);
        assert_peek_stream_equal(&a->peek.out, &b->peek.out);
        assert_peek_stream_equal(&a->peek.err, &b->peek.err);
        ck_assert_int_eq(a->stop.now, b->stop.now);
}

/* ---- Tests ---- */

START_TEST(message_of_every_kind_survives_the_wire)
{
        MessageKind kind = (MessageKind)_i;
        Random random = random_new();

        ck_assert_ptr_nonnull(message_kind_to_string(kind));
        for (unsigned i = 0; i < rounds(ROUNDS); i++) {
                _cleanup_(message_freep) Message *message = random_message(&random, kind),
                                                 *back = NULL;
                _cleanup_free_ void *data = NULL;
                size_t size;

                ck_assert_int_eq(message_pack(message, &data, &size), 0);
                ck_assert_int_eq(unpack_exactly(data, size, PTEST_MESSAGE_SIZE_MAX, &back), 0);
                assert_message_equal(message, back);
        }
}
END_TEST

START_TEST(message_kind_invalid_has_no_name)
{
        ck_assert_ptr_null(message_kind_to_string(MESSAGE_KIND_MAX));
        ck_assert_ptr_null(message_kind_to_string(MESSAGE_KIND_INVALID));
}
END_TEST

START_TEST(message_plain_pass_is_small)
{
        _cleanup_(message_freep) Message *message = calloc(1, sizeof(Message));
        _cleanup_free_ void *data = NULL;
        size_t size;

        message->kind = MESSAGE_FINISHED;
        message->finished.id = 1000;
        ck_assert_int_eq(result_new("", &message->finished.result), 0);
        ck_assert_int_eq(message_pack(message, &data, &size), 0);
        ck_assert_uint_lt(size, 32);
}
END_TEST

START_TEST(message_hello_of_another_version_is_named)
{
        Message message = {
                .kind = MESSAGE_HELLO,
                .hello = {.version = PTEST_PROTOCOL_VERSION + 1,
                          .slot = 1,
                          .generation = 1,
                          .pid = 1},
        };
        _cleanup_(message_freep) Message *back = NULL;
        _cleanup_free_ void *data = NULL;
        size_t size;

        ck_assert_int_eq(message_pack(&message, &data, &size), 0);
        ck_assert_int_eq(
                        unpack_exactly(data, size, PTEST_MESSAGE_SIZE_MAX, &back),
                        -EPROTONOSUPPORT);
        ck_assert_ptr_nonnull(back);
        ck_assert_uint_eq(back->hello.version, PTEST_PROTOCOL_VERSION + 1);
}
END_TEST

START_TEST(message_text_that_is_no_utf8_is_escaped)
{
        _cleanup_(message_freep) Message *message = calloc(1, sizeof(Message)), *back = NULL;
        _cleanup_free_ void *data = NULL;
        size_t size;

        message->kind = MESSAGE_FINISHED;
        message->finished.id = 1;
        ck_assert_int_eq(result_new("", &message->finished.result), 0);
        ck_assert_int_eq(result_set_reason(message->finished.result, "bad \xff byte"), 0);
        ck_assert_int_eq(
                        result_add_point(
                                        message->finished.result,
                                        PTEST_OUTCOME_PASS,
                                        1,
                                        "\xc3",
                                        "\xed\xa0\x80"),
                        0);
        ck_assert_int_eq(message_pack(message, &data, &size), 0);
        ck_assert_int_eq(unpack_exactly(data, size, PTEST_MESSAGE_SIZE_MAX, &back), 0);
        ck_assert_str_eq(back->finished.result->reason, "bad \\xff byte");
        ck_assert_str_eq(back->finished.result->points[0].name, "\\xc3");
        ck_assert_str_eq(back->finished.result->points[0].reason, "\\xed\\xa0\\x80");
}
END_TEST

START_TEST(message_finished_may_be_as_large_as_a_spill)
{
        _cleanup_(message_freep) Message *message = calloc(1, sizeof(Message)), *back = NULL;
        _cleanup_free_ void *data = NULL;
        size_t size;

        message->kind = MESSAGE_FINISHED;
        message->finished.id = 1;
        ck_assert_int_eq(result_new("", &message->finished.result), 0);
        Result *result = message->finished.result;
        result->out.size = result->out.total = PTEST_OUTPUT_MAX_DEFAULT;
        result->out.data = calloc(1, result->out.size);
        for (unsigned i = 0; i < RESULT_POINTS_MAX; i++)
                ck_assert_int_eq(
                                result_add_point(result, PTEST_OUTCOME_SKIP, i, "name", "reason"),
                                0);

        ck_assert_int_eq(message_pack(message, &data, &size), 0);
        ck_assert_uint_gt(size, PTEST_OUTPUT_MAX_DEFAULT);
        ck_assert_uint_le(size, PTEST_SPILL_SIZE_MAX);
        ck_assert_int_eq(unpack_exactly(data, size, PTEST_MESSAGE_SIZE_MAX, &back), -EBADMSG);
        ck_assert_int_eq(unpack_exactly(data, size, PTEST_SPILL_SIZE_MAX, &back), 0);
        assert_message_equal(message, back);
}
END_TEST

static void task_fill(Task *task, uint64_t id, size_t argument) {
        char address[32];
        char *big = malloc(argument + 1);

        memset(big, 'x', argument);
        big[argument] = 0;
        snprintf(address, sizeof(address), "test-%llu", (unsigned long long)id);
        *task = (Task){ .id = id, .attempt = 1 };
        ck_assert_int_eq(test_new(address, &task->test), 0);
        ck_assert_int_eq(strv_extend(&task->test->argv, "/bin/true"), 0);
        ck_assert_int_eq(strv_consume(&task->test->argv, big), 0);
}

/* Packs all tasks in as many messages as it takes, and checks that each arrives once and in order. */
static unsigned assert_tasks_arrive(const Task *tasks, size_t n_tasks) {
        unsigned n_messages = 0;

        for (size_t done = 0; done < n_tasks; n_messages++) {
                _cleanup_(message_freep) Message *back = NULL;
                _cleanup_free_ void *data = NULL;
                size_t size, packed;

                ck_assert_int_eq(
                                message_pack_tasks(
                                                tasks + done,
                                                n_tasks - done,
                                                &packed,
                                                &data,
                                                &size),
                                0);
                ck_assert_uint_ge(packed, 1);
                ck_assert_uint_le(size, PTEST_MESSAGE_SIZE_MAX);
                ck_assert_int_eq(unpack_exactly(data, size, PTEST_MESSAGE_SIZE_MAX, &back), 0);
                ck_assert_uint_eq(back->tasks.n_items, packed);
                for (size_t i = 0; i < packed; i++) {
                        ck_assert_uint_eq(back->tasks.items[i].id, tasks[done + i].id);
                        assert_test_equal(back->tasks.items[i].test, tasks[done + i].test);
                }
                done += packed;
        }
        return n_messages;
}

START_TEST(message_tasks_are_split_at_the_size_limit)
{
        Task tasks[40];

        for (size_t i = 0; i < ELEMENTSOF(tasks); i++)
                task_fill(&tasks[i], i + 1, 10000);
        ck_assert_uint_eq(assert_tasks_arrive(tasks, ELEMENTSOF(tasks)), 7); /* six in each */
        for (size_t i = 0; i < ELEMENTSOF(tasks); i++)
                test_free(tasks[i].test);
}
END_TEST

START_TEST(message_tasks_are_split_at_the_number_limit)
{
        size_t n_tasks = 2 * PTEST_TASKS_MAX + 1;
        Task *tasks = calloc(n_tasks, sizeof(Task));

        for (size_t i = 0; i < n_tasks; i++)
                task_fill(&tasks[i], i + 1, 1);
        ck_assert_uint_eq(assert_tasks_arrive(tasks, n_tasks), 3);
        for (size_t i = 0; i < n_tasks; i++)
                test_free(tasks[i].test);
        free(tasks);
}
END_TEST

START_TEST(message_too_large_is_refused)
{
        Task task;
        void *data = NULL;
        size_t size, packed;

        task_fill(&task, 1, PTEST_MESSAGE_SIZE_MAX);
        ck_assert_int_eq(message_pack_tasks(&task, 1, &packed, &data, &size), -EMSGSIZE);

        Message message = {
                .kind = MESSAGE_TASKS, .tasks = {.items = &task, .n_items = 1}
        };
        ck_assert_int_eq(message_pack(&message, &data, &size), -EMSGSIZE);
        ck_assert_ptr_null(data);
        test_free(task.test);

        uint64_t ids[PTEST_MESSAGE_SIZE_MAX / 4] = {};
        Message cancel = {
                .kind = MESSAGE_CANCEL, .cancel = {.ids = ids, .n_ids = ELEMENTSOF(ids)}
        };
        for (size_t i = 0; i < ELEMENTSOF(ids); i++)
                ids[i] = UINT64_MAX;
        ck_assert_int_eq(message_pack(&cancel, &data, &size), -EMSGSIZE);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("wire/message");
        TCase *tcase = tcase_create("message");

        tcase_add_loop_test(tcase, message_of_every_kind_survives_the_wire, 0, MESSAGE_KIND_MAX);
        tcase_add_test(tcase, message_kind_invalid_has_no_name);
        tcase_add_test(tcase, message_plain_pass_is_small);
        tcase_add_test(tcase, message_hello_of_another_version_is_named);
        tcase_add_test(tcase, message_text_that_is_no_utf8_is_escaped);
        tcase_add_test(tcase, message_finished_may_be_as_large_as_a_spill);
        tcase_add_test(tcase, message_tasks_are_split_at_the_size_limit);
        tcase_add_test(tcase, message_tasks_are_split_at_the_number_limit);
        tcase_add_test(tcase, message_too_large_is_refused);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
