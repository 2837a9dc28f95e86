/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The plain backend with real processes and a real loop; nothing depends on how long anything takes. */

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/backend.h"
#include "backend/launch.h"
#include "basic/process.h"

#include "test-runner.h"

typedef struct Fixture {
        sd_event *event;
        Backend *backend;
        BackendWorker *worker;
        int pipe_fds[2]; /* the script's fd 3 */
        unsigned n_ready, n_gone, n_lost;
        bool stop_when_told; /* begin_stop once the script wrote a byte */
        BackendWorkerEnd end;
        char *error;
} Fixture;

static void on_ready(BackendWorker *worker, void *userdata) {
        Fixture *f = userdata;

        f->n_ready++;
}

static void on_gone(BackendWorker *worker, const BackendWorkerEnd *end, void *userdata) {
        Fixture *f = userdata;

        f->n_gone++;
        f->end = *end;
        f->error = end->error ? strdup(end->error) : NULL;
        sd_event_exit(f->event, 0);
}

static void on_lost(BackendWorker *worker, const char *why, void *userdata) {
        Fixture *f = userdata;

        f->n_lost++;
        sd_event_exit(f->event, 0);
}

static int on_told(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Fixture *f = userdata;

        /* Before it is ready a worker is just killed. */
        if (f->n_ready == 0)
                return 0;

        (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
        if (f->stop_when_told)
                backend_worker_begin_stop(f->worker);
        return 0;
}

static void fixture_run(Fixture *f, const char *program, const char *script, uint64_t stop_usec) {
        const BackendConfig config = {
                .suite = "suite",
                .run_id = "0123456789abcdef0123456789abcdef",
                .memory_max = SIZE_INFINITY,
                .tasks_max = UINT64_MAX,
                .stop_usec = stop_usec,
                .runtime_max_usec = USEC_INFINITY,
        };
        char *const argv[] = { (char *)program, (char *)"-c", (char *)script, NULL };
        const BackendWorkerHandlers handlers = { on_ready, on_gone, on_lost };

        ck_assert_int_eq(pipe(f->pipe_fds), 0);
        ck_assert_int_ge(sd_event_new(&f->event), 0);
        ck_assert_int_ge(backend_new(f->event, BACKEND_PLAIN, &config, &f->backend, NULL), 0);
        ck_assert_int_ge(sd_event_add_io(f->event, NULL, f->pipe_fds[0], EPOLLIN, on_told, f), 0);

        const BackendWorkerSpec spec = {
                .slot = 1, .generation = 1, .argv = argv, .fds = &f->pipe_fds[1], .n_fds = 1
        };
        ck_assert_int_ge(backend_start_worker(f->backend, &spec, &handlers, f, &f->worker), 0);
        ck_assert_uint_eq(f->n_gone + f->n_ready, 0);
        close(f->pipe_fds[1]);

        ck_assert_int_ge(sd_event_loop(f->event), 0);
        f->worker = backend_worker_free(f->worker);
        ck_assert_uint_eq(f->n_gone + f->n_lost, 1);
}

static void fixture_done(Fixture *f) {
        pid_t *pids = NULL;
        size_t n = 1;

        ck_assert_int_ge(process_list_descendants(getpid(), 16, &pids, &n), 0);
        ck_assert_uint_eq(n, 0);
        free(pids);
        backend_free(f->backend);
        ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
        ck_assert_int_eq(errno, ECHILD);
        sd_event_unref(f->event);
        close(f->pipe_fds[0]);
        free(f->error);
}

START_TEST(worker_that_exits_is_gone_with_status)
{
        Fixture f = {};

        /* Ready comes from the loop's first turn; the script waits for more than that: its reader. */
        fixture_run(&f, "/bin/sh", "sleep 0.2; exit 3", USEC_PER_SEC);
        ck_assert_uint_eq(f.n_gone, 1);
        ck_assert(f.end.started);
        ck_assert_ptr_null(f.end.error);
        ck_assert_int_eq(f.end.code, CLD_EXITED);
        ck_assert_int_eq(f.end.status, 3);
        fixture_done(&f);
}
END_TEST

START_TEST(worker_that_ignores_sigterm_is_killed)
{
        Fixture f = { .stop_when_told = true };

        fixture_run(&f,
                    "/bin/sh",
                    "trap '' TERM; echo x >&3; while :; do sleep 100; done",
                    50 * USEC_PER_MSEC);
        ck_assert_uint_eq(f.n_gone, 1);
        ck_assert_int_eq(f.end.code, CLD_KILLED);
        ck_assert_int_eq(f.end.status, SIGKILL);
        fixture_done(&f);
}
END_TEST

START_TEST(stopped_worker_ends_by_sigterm)
{
        Fixture f = { .stop_when_told = true };

        fixture_run(&f, "/bin/sh", "echo x >&3; kill -STOP $$", 30 * USEC_PER_SEC);
        ck_assert_uint_eq(f.n_gone, 1);
        ck_assert_int_eq(f.end.code, CLD_KILLED);
        ck_assert_int_eq(f.end.status, SIGTERM);
        fixture_done(&f);
}
END_TEST

START_TEST(what_a_worker_leaves_behind_is_killed)
{
        Fixture f = {};

        fixture_run(&f,
                    "/bin/sh",
                    "trap '' TERM; setsid sleep 100 & (setsid setsid sleep 101 &); (env -i setsid sleep 102 &); "
                    "sleep 0.2; exit 0",
                    USEC_PER_SEC);
        ck_assert_uint_eq(f.n_gone, 1);
        ck_assert_int_eq(f.end.code, CLD_EXITED);
        fixture_done(&f);
}
END_TEST

START_TEST(what_has_the_mark_of_a_worker_that_is_gone_is_killed)
{
        Fixture f = {};

        /* One of this run, and one of a run that a test has made. */
        fixture_run(&f,
                    "/bin/sh",
                    "export " LAUNCH_MARK_VARIABLE
                    "=0123456789abcdef0123456789abcdef-w7g7; (setsid sleep 100 &); "
                    "export " LAUNCH_MARK_VARIABLE
                    "=fedcba9876543210fedcba9876543210-w1g1; (setsid sleep 101 &); "
                    "sleep 0.2; exit 0",
                    USEC_PER_SEC);
        ck_assert_uint_eq(f.n_gone, 1);
        fixture_done(&f);
}
END_TEST

START_TEST(children_of_others_are_left_alone)
{
        Fixture f = {};
        pid_t other = fork();

        ck_assert_int_ge(other, 0);
        if (other == 0) {
                execl("/bin/sleep", "sleep", "1000", NULL);
                _exit(127);
        }

        fixture_run(&f, "/bin/sh", "setsid sleep 100 & sleep 0.1; exit 0", USEC_PER_SEC);
        ck_assert_int_eq(waitpid(other, NULL, WNOHANG), 0);
        ck_assert_int_eq(kill(other, SIGKILL), 0);
        ck_assert_int_eq(waitpid(other, NULL, 0), other);
        fixture_done(&f);
}
END_TEST

START_TEST(program_that_cannot_be_executed_is_gone_unstarted)
{
        Fixture f = {};

        fixture_run(&f, "/nonexistent/worker", "", USEC_PER_SEC);
        ck_assert_uint_eq(f.n_gone, 1);
        ck_assert_uint_eq(f.n_ready, 0);
        ck_assert(!f.end.started);
        ck_assert_int_eq(f.end.code, 0);
        ck_assert_ptr_nonnull(strstr(f.error, "/nonexistent/worker"));
        fixture_done(&f);
}
END_TEST

START_TEST(limits_are_not_held)
{
        const BackendConfig some = { .memory_max = MIB,
                                     .tasks_max = 3,
                                     .slice_memory_max = SIZE_INFINITY };
        const BackendConfig none = {
                .memory_max = SIZE_INFINITY,
                .tasks_max = UINT64_MAX,
                .slice_memory_max = SIZE_INFINITY,
        };
        char *text = NULL;

        ck_assert_int_ge(backend_find_unheld_limits(BACKEND_PLAIN, &some, &text), 0);
        ck_assert_str_eq(text, "MemoryMax= and TasksMax=");
        free(text);
        ck_assert_int_ge(backend_find_unheld_limits(BACKEND_PLAIN, &none, &text), 0);
        ck_assert_ptr_null(text);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("backend-plain");
        TCase *tc = tcase_create("plain");

        tcase_add_test(tc, worker_that_exits_is_gone_with_status);
        tcase_add_test(tc, worker_that_ignores_sigterm_is_killed);
        tcase_add_test(tc, stopped_worker_ends_by_sigterm);
        tcase_add_test(tc, what_a_worker_leaves_behind_is_killed);
        tcase_add_test(tc, what_has_the_mark_of_a_worker_that_is_gone_is_killed);
        tcase_add_test(tc, children_of_others_are_left_alone);
        tcase_add_test(tc, program_that_cannot_be_executed_is_gone_unstarted);
        tcase_add_test(tc, limits_are_not_held);
        suite_add_tcase(suite, tc);
        return suite_run(suite);
}
