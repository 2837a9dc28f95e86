/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Tests of modules in the built ptest-worker, with this test as its coordinator
 *
 * Each test that was sent gets one result or is not answered at all, as what its worker says about itself demands.
 */

#include "test-worker-peer.h"

#include "test-runner.h"

#define GONE "the process that it was set up in is gone"

/* ---- Sending ---- */

typedef struct Sent {
        const char *module, *name;
        PtestRole role;
        uint32_t instance;
        uint64_t timeout_usec; /* 0: a minute */
        const char *exports;   /* one; NULL: none */
        const char *own;       /* of PTEST_OWN in its environment; NULL: none */
        const char *workdir;
        bool isolate;
} Sent;

static char *module_find(const char *noun) {
        const char *directory = getenv("PTEST_TEST_MODULES");
        char *path = NULL;

        ck_assert_ptr_nonnull(directory);
        ck_assert_int_gt(asprintf(&path, "%s/module-%s.so", directory, noun), 0);
        return path;
}

static void task_make(const Sent *sent, uint64_t id, Task *ret) {
        _cleanup_free_ char *path = module_find(sent->module ?: "held");
        Task task = { .id = id, .attempt = 1, .role = sent->role, .instance = sent->instance };

        ck_assert_int_eq(test_new("module::name", &task.test), 0);
        task.test->protocol = TEST_PROTOCOL_MODULE;
        task.test->timeout_usec = sent->timeout_usec ?: USEC_PER_MINUTE;
        task.test->grace_usec = PATIENCE_USEC / 2;
        task.test->isolate = sent->isolate;
        if (sent->workdir)
                task.test->workdir = strdup(sent->workdir);
        ck_assert_int_eq(strv_extend(&task.test->argv, path), 0);
        ck_assert_int_eq(strv_extend(&task.test->argv, sent->name), 0);
        if (sent->own)
                ck_assert_int_eq(
                                test_add_env(task.test, ENV_OP_SET, "PTEST_OWN", sent->own, NULL),
                                0);
        if (sent->exports)
                ck_assert_int_eq(strv_extend(&task.exports, sent->exports), 0);
        *ret = task;
}

/* As many messages as it takes. Ids count from first_id. */
static void send_all(uint64_t first_id, const Sent *sent, size_t n) {
        Task tasks[PTEST_TASKS_MAX];

        ck_assert_uint_le(n, PTEST_TASKS_MAX);
        for (size_t i = 0; i < n; i++)
                task_make(&sent[i], first_id + i, &tasks[i]);
        for (size_t i = 0; i < n;) {
                _cleanup_free_ void *data = NULL;
                size_t size, packed;

                ck_assert_int_eq(message_pack_tasks(tasks + i, n - i, &packed, &data, &size), 0);
                send_data(data, size);
                i += packed;
        }
        for (size_t i = 0; i < n; i++) {
                test_free(tasks[i].test);
                strv_free(tasks[i].exports);
        }
}

#define SEND(first_id, ...)                                   \
        do {                                                  \
                const Sent sent_[] = { __VA_ARGS__ };         \
                send_all(first_id, sent_, ELEMENTSOF(sent_)); \
        } while (0)

/* The same test many times, each with its index. */
static void send_quick(uint64_t first_id, size_t n) {
        Sent sent[PTEST_TASKS_MAX] = {};
        char *names[PTEST_TASKS_MAX];

        for (size_t i = 0; i < n; i++) {
                ck_assert_int_gt(asprintf(&names[i], "quick[%zu]", i), 0);
                sent[i].name = names[i];
        }
        send_all(first_id, sent, n);
        for (size_t i = 0; i < n; i++)
                free(names[i]);
}

/* ---- Expecting ---- */

typedef struct Expected {
        Outcome outcome;
        bool spent;
        unsigned marks;     /* slow is not looked at */
        const char *reason; /* a part of it; NULL: any */
        const char *out;    /* all of it; NULL: any */
} Expected;

static void result_expect(const Message *message, uint64_t id, const Expected *expected) {
        const Result *result = message->finished.result;

        ck_assert_uint_eq(message->finished.id, id);
        ck_assert_msg(result->outcome == expected->outcome,
                      "%d is %s (%s)",
                      (int)id,
                      outcome_to_string(result->outcome),
                      result->reason ?: "");
        ck_assert_int_eq(message->finished.spent, expected->spent);
        ck_assert_uint_eq(result->marks & ~(unsigned)PTEST_MARK_SLOW, expected->marks);
        if (expected->reason)
                ck_assert_msg(result->reason && strstr(result->reason, expected->reason),
                              "\"%s\" has no \"%s\"",
                              result->reason ?: "",
                              expected->reason);
        if (expected->out)
                ck_assert_msg(result->out.size == strlen(expected->out) &&
                                              memcmp(result->out.data,
                                                     expected->out,
                                                     result->out.size) == 0,
                              "%.*s",
                              (int)result->out.size,
                              result->out.data ?: "");
}

static Message *expect_message(uint64_t id, Expected expected) {
        Message *message = receive_message(MESSAGE_FINISHED);

        result_expect(message, id, &expected);
        return message;
}

static void expect(uint64_t id, Expected expected) {
        message_free(expect_message(id, expected));
}

#define EXPECT(id, outcome_, ...) \
        expect(id, (Expected){ .outcome = PTEST_OUTCOME_##outcome_, __VA_ARGS__ })

static char *expect_output(uint64_t id) {
        _cleanup_(message_freep) Message *message = expect_message(
                        id, (Expected){ .outcome = PTEST_OUTCOME_PASS });
        const ResultOutput *out = &message->finished.result->out;
        char *text = strndup(out->data ?: "", out->size);

        ck_assert_ptr_nonnull(text);
        return text;
}

/* Nothing but its end is said any more. */
static void stop_well(void) {
        send_message(&(Message){ .kind = MESSAGE_STOP });
        assert_good_bye();
        ck_assert_uint_eq(peer.page->task_id, 0);
}

/* ---- Many tests ---- */

START_TEST(tests_are_finished_in_their_order)
{
        worker_start();
        send_quick(1, 256);
        for (uint64_t id = 1; id <= 256; id++)
                EXPECT(id, PASS);
        send_quick(257, 100);
        for (uint64_t id = 257; id <= 356; id++)
                EXPECT(id, PASS);
        stop_well();
        ck_assert_uint_eq(peer.page->started_count, 356);
        ck_assert_uint_eq(peer.page->finished_count, 356);
}
END_TEST

START_TEST(tests_share_a_process_and_programs_have_their_own)
{
        _cleanup_free_ char *first = NULL, *second = NULL;

        worker_start();
        SEND(1, { .name = "pid" });
        send_scripts(2, (const char *const[]){ "exit 3", NULL });
        SEND(3, { .name = "pid" });
        send_scripts(4, (const char *const[]){ "setsid sleep 600 & exit 0", NULL });
        SEND(5, { .name = "pid" });
        first = expect_output(1);
        EXPECT(2, FAIL);
        second = expect_output(3);
        ck_assert_str_eq(first, second);
        EXPECT(4, PASS, .marks = PTEST_MARK_LEAKY);
        free(second);
        second = expect_output(5);
        /* What the program left was ended, and the host, which is as old, was not. */
        ck_assert_str_eq(first, second);
        ck_assert_int_eq(kill(atoi(first), 0), 0);
        stop_well();
        ck_assert_int_eq(kill(atoi(first), 0), -1);
}
END_TEST

START_TEST(modules_and_environments_have_a_process_each)
{
        _cleanup_free_ char *first = NULL, *second = NULL;

        worker_start();
        SEND(1,
             { .name = "environment", .own = "a", .workdir = "/" },
             { .name = "environment", .own = "b", .workdir = "/usr" },
             { .name = "environment", .own = "a", .workdir = "/", .exports = "PTEST_HELD=c d" },
             { .name = "environment", .own = "a", .workdir = "/" },
             { .module = "kinds", .name = "passes" },
             { .name = "pid" },
             { .name = "pid", .own = "a" });
        EXPECT(1, PASS, .out = "- a /");
        EXPECT(2, PASS, .out = "- b /usr");
        EXPECT(3, PASS, .out = "c d a /");
        EXPECT(4, PASS, .out = "- a /");
        EXPECT(5, PASS);
        first = expect_output(6);
        second = expect_output(7);
        ck_assert_str_ne(first, second);
        stop_well();
}
END_TEST

START_TEST(found_tests_come_before_their_finder)
{
        size_t n = 0;

        worker_start();
        SEND(1, { .name = "makes" });
        for (;;) {
                _cleanup_(message_freep) Message *message = receive_any();

                ck_assert_ptr_nonnull(message);
                if (message->kind == MESSAGE_FINISHED) {
                        result_expect(message, 1, &(Expected){ .outcome = PTEST_OUTCOME_PASS });
                        break;
                }
                ck_assert_int_eq(message->kind, MESSAGE_FOUND);
                ck_assert_uint_eq(message->found.id, 1);
                for (size_t i = 0; i < message->found.n_items; i++, n++) {
                        _cleanup_free_ char *name = NULL;

                        ck_assert_int_gt(asprintf(&name, "made[%zu]", n), 0);
                        ck_assert_uint_eq(strv_length(message->found.items[i]), 1);
                        ck_assert_str_eq(message->found.items[i][0], name);
                }
        }
        ck_assert_uint_eq(n, 3000);
        SEND(2, { .name = "made[7]" });
        EXPECT(2, PASS);
        stop_well();
}
END_TEST

START_TEST(module_that_cannot_be_loaded_is_an_error_of_each_test)
{
        worker_start();
        SEND(1, { .module = "bad-abi", .name = "one" }, { .module = "bad-abi", .name = "two" });
        EXPECT(1, ERROR);
        EXPECT(2, ERROR);
        SEND(3, { .name = "quick[0]" });
        EXPECT(3, PASS);
        stop_well();
        ck_assert_uint_eq(peer.page->started_count, 3);
}
END_TEST

/* ---- Ends of processes ---- */

static const struct {
        const char *name;
        Expected expected;
        uint64_t timeout_usec;
} ends[] = {
        {"segv",    { .outcome = PTEST_OUTCOME_CRASH, .reason = "SIGSEGV" }},
        { "dies",   { .outcome = PTEST_OUTCOME_CRASH, .reason = "SIGKILL" }},
        { "sleeps", { .outcome = PTEST_OUTCOME_TIMEOUT, .reason = "100ms" }, 100000 },
        { "dirties",        { .outcome = PTEST_OUTCOME_PASS, .marks = PTEST_MARK_DIRTY }                                                     },
        { "leaves_child",
         { .outcome = PTEST_OUTCOME_PASS, .marks = PTEST_MARK_DIRTY | PTEST_MARK_LEAKY }},
};

/* Each other test has one outcome or none: those behind it go to another worker. */
START_TEST(end_in_the_middle_spends_the_worker)
{
        _cleanup_(message_freep) Message *message = NULL;
        Expected expected = ends[_i].expected;

        worker_start();
        SEND(1,
             { .name = "quick[1]" },
             { .name = "quick[2]" },
             { .name = ends[_i].name, .timeout_usec = ends[_i].timeout_usec },
             { .name = "quick[3]" },
             { .name = "quick[4]" });
        EXPECT(1, PASS);
        EXPECT(2, PASS);
        expected.spent = true;
        message = expect_message(3, expected);
        ck_assert_int_eq(message->finished.result->dirty != NULL, expected.marks != 0);
        ck_assert_int_eq(
                        message->finished.result->leaks != NULL,
                        (expected.marks & PTEST_MARK_LEAKY) != 0);
        if (strcmp(ends[_i].name, "segv") == 0)
                ck_assert_uint_gt(strv_length(message->finished.result->backtrace), 2);
        /* Nothing is started after it, be it sent before or after. */
        SEND(6, { .name = "quick[5]" });
        send_scripts(7, (const char *const[]){ "exit 0", NULL });
        stop_well();
        ck_assert_uint_eq(peer.page->started_count, 3);
        ck_assert_uint_eq(peer.page->finished_count, 3);
}
END_TEST

START_TEST(isolated_tests_spend_nothing)
{
        worker_start();
        SEND(1,
             { .name = "segv", .isolate = true },
             { .name = "leaves_child", .isolate = true },
             { .name = "dies", .isolate = true },
             { .name = "quick[1]" });
        EXPECT(1, CRASH);
        EXPECT(2, PASS, .marks = PTEST_MARK_LEAKY);
        EXPECT(3, CRASH);
        EXPECT(4, PASS);
        stop_well();
}
END_TEST

START_TEST(sigkill_of_worker_names_the_running_test)
{
        pid_t host;

        worker_start();
        SEND(1, { .name = "quick[1]" }, { .name = "sleeps" }, { .name = "quick[2]" });
        EXPECT(1, PASS);
        host = page_wait(2);
        ck_assert_int_eq(kill(peer.pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(peer.pid, NULL, 0), peer.pid);
        peer.pid = 0;
        assert_gone(host);
        ck_assert_uint_eq(peer.page->task_id, 2);
        ck_assert_uint_eq(peer.page->started_count, 2);
}
END_TEST

START_TEST(closed_gate_ends_the_hosts)
{
        pid_t host;

        worker_start();
        SEND(1, { .name = "leaves_child" });
        EXPECT(1, PASS, .spent = true, .marks = PTEST_MARK_DIRTY | PTEST_MARK_LEAKY);
        send_message(&(Message){ .kind = MESSAGE_STOP });
        assert_good_bye();

        peer_tear_down();
        peer_set_up();
        worker_start();
        SEND(1, { .name = "sleeps" });
        host = page_wait(1);
        close(peer.gate_fd);
        ck_assert_int_eq(worker_wait(), WORKER_STATUS_ORPHAN);
        assert_gone(host);
}
END_TEST

START_TEST(sigterm_ends_the_hosts)
{
        pid_t host;

        worker_start();
        SEND(1, { .name = "sleeps" });
        host = page_wait(1);
        ck_assert_int_eq(kill(peer.pid, SIGTERM), 0);
        ck_assert_int_eq(worker_wait(), WORKER_STATUS_STOPPED);
        assert_gone(host);
}
END_TEST

/* ---- Taking back ---- */

/* What the next test waits for is then not the loading of its module. */
static void warm_up(void) {
        SEND(1000, { .name = "quick[0]" });
        EXPECT(1000, PASS);
}

START_TEST(cancelled_are_those_that_no_host_has_begun)
{
        _cleanup_(message_freep) Message *cancelled = NULL;
        uint64_t ids[] = { 1, 2, 4, 99 };

        worker_start();
        warm_up();
        SEND(1,
             { .name = "waits" },
             { .name = "quick[1]" },
             { .name = "quick[2]" },
             { .name = "quick[3]" },
             { .name = "quick[4]" });
        page_wait(1);
        send_message(&(Message){
                        .kind = MESSAGE_CANCEL,
                        .cancel = {.ids = ids, .n_ids = ELEMENTSOF(ids)}
        });
        cancelled = receive_message(MESSAGE_CANCELLED);
        ck_assert_uint_eq(cancelled->cancel.n_ids, 2);
        ck_assert_uint_eq(cancelled->cancel.ids[0], 2);
        ck_assert_uint_eq(cancelled->cancel.ids[1], 4);
        let_go();
        EXPECT(1, PASS);
        EXPECT(3, PASS);
        EXPECT(5, PASS);
        stop_well();
        ck_assert_uint_eq(peer.page->started_count, 4);
}
END_TEST

/* Whatever the host is about to begin meanwhile: each test is finished or cancelled, and none is both. */
START_TEST(each_test_is_finished_or_cancelled)
{
        worker_start();
        for (uint64_t round = 0; round < 30; round++) {
                const uint64_t first = 1 + round * 200;
                uint64_t ids[200];
                bool seen[200] = {};
                size_t n_seen = 0;

                for (uint64_t i = 0; i < 200; i++)
                        ids[i] = first + i;
                send_quick(first, 200);
                poll(NULL, 0, (int)(round % 3));
                send_message(&(Message){
                                .kind = MESSAGE_CANCEL,
                                .cancel = {.ids = ids + 50, .n_ids = 150}
                });
                while (n_seen < 200) {
                        _cleanup_(message_freep) Message *message = receive_any();
                        const bool is_result = message && message->kind == MESSAGE_FINISHED;
                        const size_t n = is_result ? 1 : message->cancel.n_ids;

                        for (size_t i = 0; i < n; i++) {
                                const uint64_t id = is_result ? message->finished.id :
                                                                message->cancel.ids[i];

                                ck_assert_uint_ge(id, first);
                                ck_assert_uint_lt(id, first + 200);
                                ck_assert(!seen[id - first]);
                                seen[id - first] = true;
                                n_seen++;
                        }
                        if (is_result)
                                ck_assert_int_eq(
                                                message->finished.result->outcome,
                                                PTEST_OUTCOME_PASS);
                }
                /* The answer may come behind the last result. */
                if (peer.page->finished_count > 0 && seen[199]) {
                        SEND(100000 + round, { .name = "quick[0]" });
                        for (bool done = false; !done;) {
                                _cleanup_(message_freep) Message *message = receive_any();

                                done = message->kind == MESSAGE_FINISHED;
                                if (!done)
                                        ck_assert_uint_eq(message->cancel.n_ids, 0);
                        }
                }
        }
        send_message(&(Message){ .kind = MESSAGE_STOP });
        for (bool done = false; !done;) {
                _cleanup_(message_freep) Message *message = receive_any();

                done = message->kind == MESSAGE_BYE;
        }
        ck_assert_uint_eq(peer.page->started_count, peer.page->finished_count);
}
END_TEST

START_TEST(stop_lets_the_running_test_finish)
{
        worker_start();
        warm_up();
        SEND(1, { .name = "waits" }, { .name = "quick[1]" });
        page_wait(1);
        send_message(&(Message){ .kind = MESSAGE_STOP });
        settle();
        let_go();
        EXPECT(1, PASS);
        assert_good_bye(); /* and nothing of the second */
        ck_assert_uint_eq(peer.page->started_count, 2);
}
END_TEST

START_TEST(stop_now_interrupts_the_running_test)
{
        worker_start();
        warm_up();
        SEND(1, { .name = "sleeps" }, { .name = "quick[1]" });
        page_wait(1);
        send_message(&(Message){ .kind = MESSAGE_STOP, .stop = { .now = true } });
        EXPECT(1, NOT_RUN, .spent = true, .reason = "interrupted after");
        assert_good_bye();
}
END_TEST

/* ---- Contexts ---- */

#define UP(name_, instance_) \
        { .name = name_, .role = PTEST_ROLE_SET_UP, .instance = instance_ }
#define DOWN(name_, instance_) \
        { .name = name_, .role = PTEST_ROLE_TEAR_DOWN, .instance = instance_ }

START_TEST(context_is_set_up_and_torn_down_in_its_process)
{
        _cleanup_(message_freep) Message *up = NULL;
        _cleanup_free_ char *exported = NULL, *shown = NULL, *expected = NULL;
        int pid;

        worker_start();
        SEND(1,
             { .name = "environment", .workdir = "/" },
             { .name = "home", .role = PTEST_ROLE_SET_UP, .instance = 7, .workdir = "/" });
        EXPECT(1, PASS, .out = "- - /");
        up = expect_message(2, (Expected){ .outcome = PTEST_OUTCOME_PASS });
        ck_assert_uint_eq(strv_length(up->finished.exported), 1);
        ck_assert_int_eq(sscanf(up->finished.exported[0], "PTEST_HELD=home %d", &pid), 1);

        /* Its own tests have what it exported, in the same process; others have not, once it is gone. */
        SEND(3,
             { .name = "home::environment", .exports = up->finished.exported[0], .workdir = "/" },
             { .name = "home",
               .role = PTEST_ROLE_TEAR_DOWN,
               .instance = 7,
               .exports = up->finished.exported[0],
               .workdir = "/" },
             { .name = "environment", .workdir = "/" });
        ck_assert_int_gt(asprintf(&expected, "home %d %d", pid, pid), 0);
        EXPECT(3, PASS, .out = expected);
        free(expected);
        ck_assert_int_gt(asprintf(&expected, "down in %d", pid), 0);
        EXPECT(4, PASS, .out = expected);
        EXPECT(5, PASS, .out = "- - /");
        stop_well();
}
END_TEST

/* What a process tore down by itself, because it had to leave, is told when it is asked for, and not done again. */
START_TEST(tear_down_that_was_before_is_told)
{
        worker_start();
        SEND(1, UP("home", 1), UP("bare", 2), { .name = "home::segv" });
        EXPECT(1, PASS);
        EXPECT(2, PASS);
        EXPECT(3, CRASH, .spent = true);
        SEND(4, DOWN("bare", 2), DOWN("home", 1), DOWN("home", 1));
        EXPECT(4, PASS);
        {
                _cleanup_(message_freep) Message *message = expect_message(
                                5, (Expected){ .outcome = PTEST_OUTCOME_PASS });

                ck_assert_uint_gt(message->finished.result->out.size, 7);
        }
        EXPECT(6, SKIP, .reason = GONE);
        stop_well();
}
END_TEST

START_TEST(tear_down_that_failed_before_is_told)
{
        worker_start();
        SEND(1, UP("bad", 1), { .name = "bad::dirties" }, { .name = "quick[1]" }, DOWN("bad", 1));
        EXPECT(1, PASS);
        EXPECT(2, PASS, .spent = true, .marks = PTEST_MARK_DIRTY);
        EXPECT(4, FAIL, .reason = "does not go");
        stop_well();
}
END_TEST

START_TEST(tear_down_of_what_went_is_skipped)
{
        worker_start();
        SEND(1, UP("home", 1), { .name = "home::exits" }, DOWN("home", 1), DOWN("home", 2));
        EXPECT(1, PASS);
        EXPECT(2, ERROR, .spent = true);
        EXPECT(3, SKIP, .reason = GONE);
        EXPECT(4, SKIP, .reason = GONE);
        stop_well();
}
END_TEST

/* Its process was killed while nothing ran: the next one does what it needs, and its worker is spent. */
START_TEST(context_whose_process_went_is_set_up_again)
{
        _cleanup_free_ char *pid = NULL;

        worker_start();
        SEND(1, UP("home", 1), { .name = "pid" });
        EXPECT(1, PASS);
        pid = expect_output(2);
        ck_assert_int_eq(kill(atoi(pid), SIGKILL), 0);
        assert_gone(atoi(pid));
        SEND(3, { .name = "home::environment" }, DOWN("home", 1));
        EXPECT(3, PASS, .spent = true);
        EXPECT(4, SKIP, .reason = GONE);
        stop_well();
}
END_TEST

START_TEST(shared_context_is_set_up_by_its_own_worker_alone)
{
        worker_start();
        /* As in the worker of such a context, and then as in another one. */
        SEND(1,
             UP("shared", 1),
             { .name = "shared::environment" },
             DOWN("shared", 1),
             { .name = "shared::environment", .exports = "PTEST_HELD=from elsewhere" },
             { .name = "shared::environment", .own = "other" });
        EXPECT(1, PASS);
        EXPECT(2, PASS, .out = "shared");
        EXPECT(3, PASS);
        EXPECT(4, PASS, .out = "from elsewhere");
        EXPECT(5, PASS, .out = "-");
        stop_well();
}
END_TEST

START_TEST(set_up_that_fails_has_its_words)
{
        worker_start();
        SEND(1,
             { .module = "contexts", .name = "bad", .role = PTEST_ROLE_SET_UP, .instance = 1 },
             { .module = "contexts", .name = "absent", .role = PTEST_ROLE_SET_UP, .instance = 2 },
             { .module = "contexts", .name = "hanging", .role = PTEST_ROLE_SET_UP, .instance = 3 });
        EXPECT(1, FAIL, .reason = "1 == 2");
        EXPECT(2, SKIP, .reason = "not on this machine");
        EXPECT(3, TIMEOUT, .spent = true);
        stop_well();
}
END_TEST

/* ---- Recycling ---- */

START_TEST(worker_is_spent_after_its_number_of_tests)
{
        worker_start_with((const char *const[]){ "--recycle-after=5", NULL });
        SEND(1, UP("home", 1));
        EXPECT(1, PASS);
        send_quick(2, 3);
        send_scripts(5, (const char *const[]){ "exit 0", NULL });
        send_quick(6, 100);
        for (uint64_t id = 2; id <= 5; id++)
                EXPECT(id, PASS);
        EXPECT(6, PASS, .spent = true);
        SEND(200, DOWN("home", 1));
        EXPECT(200, PASS);
        stop_well();
        ck_assert_uint_eq(peer.page->started_count, 7);
}
END_TEST

START_TEST(worker_is_spent_when_it_has_grown)
{
        Sent sent[40] = {};
        uint64_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(sent); i++)
                sent[i].name = "leaks";
        worker_start_with((const char *const[]){ "--recycle-memory=60M", NULL });
        send_all(1, sent, ELEMENTSOF(sent));
        for (bool spent = false; !spent;) {
                _cleanup_(message_freep) Message *message = receive_message(MESSAGE_FINISHED);

                ck_assert_uint_eq(message->finished.id, ++n);
                ck_assert_int_eq(message->finished.result->outcome, PTEST_OUTCOME_PASS);
                spent = message->finished.spent;
        }
        /* The first one is what it is compared with, and 60 MiB are more than seven times 8. */
        ck_assert_uint_ge(n, 8);
        ck_assert_uint_lt(n, 40);
        stop_well();
        ck_assert_uint_eq(peer.page->started_count, n);
}
END_TEST

START_TEST(worker_set_up_is_called_in_each_process)
{
        _cleanup_free_ char *path = module_find("hooks"), *option = NULL;

        ck_assert_int_gt(asprintf(&option, "--worker-set-up=%s", path), 0);
        worker_start_with((const char *const[]){ option, NULL });
        SEND(1,
             { .module = "hooks", .name = "is_hooked" },
             { .module = "hooks", .name = "is_hooked", .own = "other" });
        EXPECT(1, PASS);
        EXPECT(2, PASS);
        stop_well();
}
END_TEST

START_TEST(bad_worker_set_up_is_an_error_of_each_test)
{
        worker_start_with((const char *const[]){ "--worker-set-up=/no/such.so", NULL });
        SEND(1, { .name = "quick[1]" }, { .name = "quick[2]" });
        EXPECT(1, ERROR, .reason = "/no/such.so");
        EXPECT(2, ERROR, .reason = "/no/such.so");
        stop_well();
}
END_TEST

/* ---- What programs find ---- */

static void send_finder(uint64_t id, const char *script) {
        _cleanup_(test_freep) Test *test = NULL;
        Task task = { .id = id, .attempt = 1 };

        ck_assert_int_eq(test_new("an/address", &test), 0);
        ck_assert_int_eq(strv_extend(&test->argv, "/bin/sh"), 0);
        ck_assert_int_eq(strv_extend(&test->argv, "-c"), 0);
        ck_assert_int_eq(strv_extend(&test->argv, script), 0);
        test->finds = true;
        task.test = test;
        send_message(&(Message){
                        .kind = MESSAGE_TASKS, .tasks = {.items = &task, .n_items = 1}
        });
}

START_TEST(program_finds_tests)
{
        _cleanup_(message_freep) Message *found = NULL;

        worker_start();
        send_finder(1,
                    "printf '%s\\n' one 'two \"a b\" c' '' '  three\\x20d' > $PTEST_FOUND; exit 1");
        found = receive_message(MESSAGE_FOUND);
        ck_assert_uint_eq(found->found.id, 1);
        ck_assert_uint_eq(found->found.n_items, 3);
        ck_assert_str_eq(found->found.items[0][0], "one");
        ck_assert_uint_eq(strv_length(found->found.items[1]), 3);
        ck_assert_str_eq(found->found.items[1][1], "a b");
        ck_assert_str_eq(found->found.items[2][0], "three d");
        EXPECT(1, FAIL);

        /* Nothing of the one before is there any more. */
        send_finder(2, "test -n \"$PTEST_FOUND\" && test ! -e \"$PTEST_FOUND\"");
        EXPECT(2, PASS);
        send_finder(3, "echo fine > $PTEST_FOUND; echo 'an \"open quote' >> $PTEST_FOUND");
        message_free(receive_message(MESSAGE_FOUND));
        EXPECT(3, ERROR, .reason = "line 2 of what it found cannot be understood");
        send_finder(4, "printf 'a\\0b\\n' > $PTEST_FOUND");
        EXPECT(4, ERROR, .reason = "NUL");
        stop_well();
}
END_TEST

int main(void) {
        Suite *suite = suite_create("worker/modules");
        TCase *tcase = tcase_create("modules");

        suite_add_tcase(suite, tcase);
        tcase_add_checked_fixture(tcase, peer_set_up, peer_tear_down);
        tcase_add_test(tcase, tests_are_finished_in_their_order);
        tcase_add_test(tcase, tests_share_a_process_and_programs_have_their_own);
        tcase_add_test(tcase, modules_and_environments_have_a_process_each);
        tcase_add_test(tcase, found_tests_come_before_their_finder);
        tcase_add_test(tcase, module_that_cannot_be_loaded_is_an_error_of_each_test);
        tcase_add_loop_test(tcase, end_in_the_middle_spends_the_worker, 0, (int)ELEMENTSOF(ends));
        tcase_add_test(tcase, isolated_tests_spend_nothing);
        tcase_add_test(tcase, sigkill_of_worker_names_the_running_test);
        tcase_add_test(tcase, closed_gate_ends_the_hosts);
        tcase_add_test(tcase, sigterm_ends_the_hosts);
        tcase_add_test(tcase, cancelled_are_those_that_no_host_has_begun);
        tcase_add_test(tcase, each_test_is_finished_or_cancelled);
        tcase_add_test(tcase, stop_lets_the_running_test_finish);
        tcase_add_test(tcase, stop_now_interrupts_the_running_test);
        tcase_add_test(tcase, context_is_set_up_and_torn_down_in_its_process);
        tcase_add_test(tcase, tear_down_that_was_before_is_told);
        tcase_add_test(tcase, tear_down_that_failed_before_is_told);
        tcase_add_test(tcase, tear_down_of_what_went_is_skipped);
        tcase_add_test(tcase, context_whose_process_went_is_set_up_again);
        tcase_add_test(tcase, shared_context_is_set_up_by_its_own_worker_alone);
        tcase_add_test(tcase, set_up_that_fails_has_its_words);
        tcase_add_test(tcase, worker_is_spent_after_its_number_of_tests);
        tcase_add_test(tcase, worker_is_spent_when_it_has_grown);
        tcase_add_test(tcase, worker_set_up_is_called_in_each_process);
        tcase_add_test(tcase, bad_worker_set_up_is_an_error_of_each_test);
        tcase_add_test(tcase, program_finds_tests);
        return suite_run(suite);
}
