/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The systemd backend against a manager that is played here, at the other end of a socket pair and in the same
 * loop. The workers are real processes; their cgroups are what the fake says.
 */

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/systemd.h"

#include "test-runner.h"

#define MANAGER "org.freedesktop.systemd1.Manager"
#define PATH    "/org/freedesktop/systemd1"
#define UNIT    "ptest-suite-0123456789abcdef0123456789abcdef-w1g1.scope"
#define GUARD   "ptest-suite-0123456789abcdef0123456789abcdef-guard1.scope"

typedef enum StartMode {
        START_DONE,
        START_JOB_FAILED,
        START_UNIT_EXISTS,
        START_NO_PROCESS,
        START_UNKNOWN_PROPERTY, /* once, then done */
        START_UNKNOWN_LIMIT,
        START_SILENT,    /* a job, but never its end */
        START_ELSEWHERE, /* done, but the process is in another cgroup */
        START_NO_REPLY,  /* carried out, but the reply gets lost */
} StartMode;

typedef enum StopMode {
        STOP_DONE,
        STOP_NO_SUCH_UNIT,
        STOP_SILENT,
} StopMode;

typedef struct Fake {
        sd_event *event;
        sd_bus *bus;
        Backend *backend;
        BackendWorker *worker;
        StartMode start;
        StopMode stop;
        uint64_t silence_usec; /* how long the end of a job is waited for that has none */
        bool stop_on_ready, forget_on_ready, kill_on_ready;
        bool active;
        pid_t pid;
        unsigned n_starts, n_stops, n_lists, n_unrefs;
        unsigned n_ready, n_gone, n_lost;
        const char *guard_program;
        bool guard_refused;
        unsigned n_guards, n_guard_stops;
        bool bound_to_guard;
        BackendWorkerEnd end;
        char *error;
} Fake;

/* Only one at a time, in a child process of its own */
static Fake fake;

static int fake_find_cgroup(pid_t pid, const CgroupLayout *layout, char **ret) {
        if (pid != fake.pid)
                *ret = strdup("/fake/" GUARD);
        else
                *ret = strdup(fake.start == START_ELSEWHERE ? "/fake/other.scope" : "/fake/" UNIT);
        return 0;
}

/* ---- The manager ---- */

static void fake_end_job(const char *job, const char *result) {
        ck_assert_int_ge(
                        sd_bus_emit_signal(
                                        fake.bus,
                                        PATH,
                                        MANAGER,
                                        "JobRemoved",
                                        "uoss",
                                        1,
                                        job,
                                        UNIT,
                                        result),
                        0);
}

static bool message_binds_to_guard(sd_bus_message *m) {
        const char *name, *unit = NULL;
        bool found = false;

        ck_assert_int_gt(sd_bus_message_enter_container(m, 'a', "(sv)"), 0);
        while (sd_bus_message_enter_container(m, 'r', "sv") > 0) {
                ck_assert_int_gt(sd_bus_message_read(m, "s", &name), 0);
                if (strcmp(name, "BindsTo") == 0) {
                        ck_assert_int_gt(sd_bus_message_read(m, "v", "as", 1, &unit), 0);
                        found = found || strcmp(unit, GUARD) == 0;
                } else
                        ck_assert_int_gt(sd_bus_message_skip(m, "v"), 0);
                ck_assert_int_ge(sd_bus_message_exit_container(m), 0);
        }

        return found;
}

static int fake_on_guard(sd_bus_message *m) {
        fake.n_guards++;
        /* The worker waits until the guard is in place. */
        ck_assert_uint_eq(fake.n_starts, 0);
        if (fake.guard_refused)
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED, "No.");

        ck_assert_int_ge(sd_bus_reply_method_return(m, "o", PATH "/job/9"), 0);
        ck_assert_int_ge(
                        sd_bus_emit_signal(
                                        fake.bus,
                                        PATH,
                                        MANAGER,
                                        "JobRemoved",
                                        "uoss",
                                        9,
                                        PATH "/job/9",
                                        GUARD,
                                        "done"),
                        0);
        return 1;
}

static int fake_on_start(sd_bus_message *m) {
        const char *unit;

        ck_assert_int_gt(sd_bus_message_read(m, "ss", &unit, NULL), 0);
        if (strcmp(unit, GUARD) == 0)
                return fake_on_guard(m);

        fake.bound_to_guard = message_binds_to_guard(m);
        fake.n_starts++;
        fake.active = fake.start != START_JOB_FAILED;

        switch (fake.start) {
        case START_UNIT_EXISTS:
                return sd_bus_reply_method_errorf(
                                m, "org.freedesktop.systemd1.UnitExists", "Unit exists.");
        case START_NO_PROCESS:
                return sd_bus_reply_method_errorf(
                                m,
                                "org.freedesktop.DBus.Error.UnixProcessIdUnknown",
                                "No such process.");
        case START_UNKNOWN_LIMIT:
                return sd_bus_reply_method_errorf(
                                m,
                                SD_BUS_ERROR_PROPERTY_READ_ONLY,
                                "Cannot set property MemoryMax, or unknown property.");
        case START_NO_REPLY:
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_NO_REPLY, "Lost.");
        case START_UNKNOWN_PROPERTY:
                if (fake.n_starts == 1)
                        return sd_bus_reply_method_errorf(
                                        m,
                                        SD_BUS_ERROR_PROPERTY_READ_ONLY,
                                        "Cannot set property OOMPolicy, or unknown property.");
                break;
        default:
                break;
        }

        ck_assert_int_ge(sd_bus_reply_method_return(m, "o", PATH "/job/1"), 0);

        /* A job of the slice ends first; it must not be taken for ours. */
        ck_assert_int_ge(
                        sd_bus_emit_signal(
                                        fake.bus,
                                        PATH,
                                        MANAGER,
                                        "JobRemoved",
                                        "uoss",
                                        7,
                                        PATH "/job/7",
                                        "ptest-suite.slice",
                                        "failed"),
                        0);
        if (fake.start != START_SILENT)
                fake_end_job(PATH "/job/1", fake.start == START_JOB_FAILED ? "failed" : "done");
        return 1;
}

static int fake_on_stop(sd_bus_message *m) {
        const char *unit;

        ck_assert_int_gt(sd_bus_message_read(m, "ss", &unit, NULL), 0);
        if (strcmp(unit, GUARD) == 0) {
                fake.n_guard_stops++;
                return sd_bus_reply_method_return(m, "o", PATH "/job/8");
        }

        fake.n_stops++;

        if (fake.stop == STOP_SILENT)
                return sd_bus_reply_method_return(m, "o", PATH "/job/2");

        fake.active = false;
        if (fake.pid > 0)
                (void)kill(fake.pid, SIGTERM);
        if (fake.stop == STOP_NO_SUCH_UNIT)
                return sd_bus_reply_method_errorf(
                                m, "org.freedesktop.systemd1.NoSuchUnit", "Not loaded.");

        ck_assert_int_ge(sd_bus_reply_method_return(m, "o", PATH "/job/2"), 0);
        fake_end_job(PATH "/job/2", "done");
        return 1;
}

static int fake_on_list(sd_bus_message *m) {
        sd_bus_message *reply = NULL;

        fake.n_lists++;
        ck_assert_int_ge(sd_bus_message_new_method_return(m, &reply), 0);
        ck_assert_int_ge(sd_bus_message_open_container(reply, 'a', "(ssssssouso)"), 0);
        if (fake.active)
                ck_assert_int_ge(
                                sd_bus_message_append(
                                                reply,
                                                "(ssssssouso)",
                                                UNIT,
                                                "",
                                                "loaded",
                                                "active",
                                                "running",
                                                "",
                                                PATH,
                                                0,
                                                "",
                                                PATH),
                                0);
        ck_assert_int_ge(sd_bus_message_close_container(reply), 0);
        ck_assert_int_ge(sd_bus_send(fake.bus, reply, NULL), 0);
        sd_bus_message_unref(reply);
        return 1;
}

static int fake_on_message(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        if (sd_bus_message_is_method_call(m, MANAGER, "Subscribe"))
                return sd_bus_reply_method_return(m, NULL);
        if (sd_bus_message_is_method_call(m, MANAGER, "StartTransientUnit"))
                return fake_on_start(m);
        if (sd_bus_message_is_method_call(m, MANAGER, "StopUnit"))
                return fake_on_stop(m);
        if (sd_bus_message_is_method_call(m, MANAGER, "ListUnitsByPatterns"))
                return fake_on_list(m);
        if (sd_bus_message_is_method_call(m, MANAGER, "UnrefUnit"))
                fake.n_unrefs++;
        if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "Get"))
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_PROPERTY, "None.");
        return 0;
}

/* ---- The coordinator ---- */

static void on_ready(BackendWorker *worker, void *userdata) {
        fake.n_ready++;
        if (fake.stop_on_ready)
                backend_worker_begin_stop(worker);
        if (fake.kill_on_ready)
                (void)kill(backend_worker_get_pid(worker), SIGSEGV);
        if (fake.forget_on_ready) {
                fake.active = false;
                ck_assert_int_ge(
                                sd_bus_emit_signal(
                                                fake.bus,
                                                PATH,
                                                MANAGER,
                                                "UnitRemoved",
                                                "so",
                                                UNIT,
                                                PATH),
                                0);
        }
}

static void on_gone(BackendWorker *worker, const BackendWorkerEnd *end, void *userdata) {
        fake.n_gone++;
        fake.end = *end;
        fake.error = end->error ? strdup(end->error) : NULL;
        sd_event_exit(fake.event, 0);
}

static void on_lost(BackendWorker *worker, const char *why, void *userdata) {
        fake.n_lost++;
        sd_event_exit(fake.event, 0);
}

static sd_bus *bus_new(int fd, bool server) {
        const sd_id128_t id = SD_ID128_MAKE(
                        01, 23, 45, 67, 89, ab, cd, ef, 01, 23, 45, 67, 89, ab, cd, ef);
        sd_bus *bus = NULL;

        ck_assert_int_ge(sd_bus_new(&bus), 0);
        ck_assert_int_ge(sd_bus_set_fd(bus, fd, fd), 0);
        if (server)
                ck_assert_int_ge(sd_bus_set_server(bus, true, id), 0);
        ck_assert_int_ge(sd_bus_start(bus), 0);
        return bus;
}

static void fake_run(const char *program) {
        const SystemdTimeouts timeouts = {
                .start_usec = fake.silence_usec ?: 60 * USEC_PER_SEC,
                .stop_usec = (fake.stop == STOP_SILENT ? 50 : 60000) * USEC_PER_MSEC,
                .kill_usec = (fake.stop == STOP_SILENT ? 100 : 60000) * USEC_PER_MSEC,
                .query_usec = 60 * USEC_PER_SEC,
        };
        const BackendConfig config = {
                .suite = "suite",
                .run_id = "0123456789abcdef0123456789abcdef",
                .guard_program = fake.guard_program,
                .memory_max = 64 * MIB,
                .tasks_max = 16,
                .stop_usec = 50 * USEC_PER_MSEC,
                .runtime_max_usec = USEC_INFINITY,
        };
        char *const argv[] = { (char *)program, (char *)"1000", NULL };
        const BackendWorkerSpec spec = { .slot = 1, .generation = 1, .argv = argv };
        const BackendWorkerHandlers handlers = { on_ready, on_gone, on_lost };
        int fds[2];

        ck_assert_int_ge(
                        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
        ck_assert_int_ge(sd_event_new(&fake.event), 0);
        fake.bus = bus_new(fds[1], true);
        ck_assert_int_ge(sd_bus_add_filter(fake.bus, NULL, fake_on_message, NULL), 0);
        ck_assert_int_ge(sd_bus_attach_event(fake.bus, fake.event, 0), 0);
        ck_assert_int_ge(
                        systemd_new_with_bus(
                                        fake.event,
                                        BACKEND_SYSTEM,
                                        &config,
                                        bus_new(fds[0], false),
                                        &timeouts,
                                        fake_find_cgroup,
                                        &fake.backend),
                        0);

        ck_assert_int_ge(
                        backend_start_worker(fake.backend, &spec, &handlers, NULL, &fake.worker),
                        0);
        ck_assert_uint_eq(fake.n_ready + fake.n_gone + fake.n_lost, 0);
        fake.pid = backend_worker_get_pid(fake.worker);
        ck_assert_int_ge(sd_event_loop(fake.event), 0);
        ck_assert_uint_eq(fake.n_gone + fake.n_lost, 1);

        /* Whatever happened, no process is left, not even a zombie. */
        if (fake.pid > 0)
                ck_assert_int_eq(kill(fake.pid, 0), -1);
        backend_worker_free(fake.worker);
        backend_free(fake.backend);
        sd_bus_flush_close_unref(fake.bus);
        sd_event_unref(fake.event);
        free(fake.error);
}

/* The end's error text is checked before fake_run() frees it: by what it says the cause is. */
static void fake_run_failing(const char *program) {
        fake_run(program);
        ck_assert_uint_eq(fake.n_ready, 0);
        ck_assert_uint_eq(fake.n_gone, 1);
        ck_assert(!fake.end.started);
}

START_TEST(job_done_makes_ready_and_stop_makes_gone)
{
        fake = (Fake){ .stop_on_ready = true };
        fake_run("/bin/sleep");
        ck_assert_uint_eq(fake.n_ready, 1);
        ck_assert_uint_eq(fake.n_gone, 1);
        ck_assert_uint_eq(fake.n_starts, 1);
        ck_assert_uint_eq(fake.n_stops, 1);
        ck_assert(fake.end.started);
        ck_assert_int_eq(fake.end.code, CLD_KILLED);
        ck_assert_int_eq(fake.end.status, SIGTERM);
}
END_TEST

START_TEST(job_failed_means_not_started)
{
        fake = (Fake){ .start = START_JOB_FAILED };
        fake_run_failing("/bin/sleep");
        ck_assert_int_eq(fake.end.status, SIGKILL);
}
END_TEST

START_TEST(existing_unit_means_not_started)
{
        fake = (Fake){ .start = START_UNIT_EXISTS };
        fake_run_failing("/bin/sleep");
        ck_assert_uint_eq(fake.n_starts, 1);
}
END_TEST

START_TEST(unknown_process_means_not_started)
{
        fake = (Fake){ .start = START_NO_PROCESS, .stop = STOP_NO_SUCH_UNIT };
        fake_run_failing("/bin/sleep");
}
END_TEST

START_TEST(unknown_property_is_dropped_and_call_repeated)
{
        fake = (Fake){ .start = START_UNKNOWN_PROPERTY, .stop_on_ready = true };
        fake_run("/bin/sleep");
        ck_assert_uint_eq(fake.n_ready, 1);
        ck_assert_uint_eq(fake.n_starts, 2);
}
END_TEST

START_TEST(unknown_limit_means_not_started)
{
        fake = (Fake){ .start = START_UNKNOWN_LIMIT };
        fake_run_failing("/bin/sleep");
        ck_assert_uint_eq(fake.n_starts, 1);
}
END_TEST

START_TEST(silent_job_runs_into_deadline)
{
        uint64_t silence_usec = 100 * USEC_PER_MSEC;

        /* On a busy machine the time may be over before the manager is asked, and there is nothing to stop then. */
        do {
                fake = (Fake){ .start = START_SILENT, .silence_usec = silence_usec };
                fake_run_failing("/bin/sleep");
                silence_usec *= 2;
        } while (fake.n_starts == 0);
        ck_assert_uint_eq(fake.n_stops, 1);
}
END_TEST

START_TEST(process_in_other_cgroup_is_not_released)
{
        fake = (Fake){ .start = START_ELSEWHERE };
        fake_run_failing("/bin/sleep");
}
END_TEST

START_TEST(lost_reply_is_resolved_by_reading_state)
{
        fake = (Fake){ .start = START_NO_REPLY, .stop_on_ready = true };
        fake_run("/bin/sleep");
        ck_assert_uint_eq(fake.n_ready, 1);
        ck_assert_uint_eq(fake.n_gone, 1);
        ck_assert_uint_eq(fake.n_starts, 1);
}
END_TEST

START_TEST(forgotten_unit_costs_living_worker_its_life)
{
        fake = (Fake){ .forget_on_ready = true, .stop = STOP_NO_SUCH_UNIT };
        fake_run("/bin/sleep");
        ck_assert_uint_eq(fake.n_ready, 1);
        ck_assert_uint_eq(fake.n_gone, 1);
        ck_assert_int_eq(fake.end.status, SIGKILL);
}
END_TEST

START_TEST(crashed_worker_has_its_unit_stopped)
{
        fake = (Fake){ .kill_on_ready = true };
        fake_run("/bin/sleep");
        ck_assert_uint_eq(fake.n_gone, 1);
        ck_assert_uint_eq(fake.n_stops, 1);
        ck_assert_int_eq(fake.end.status, SIGSEGV);
}
END_TEST

START_TEST(vanished_unit_counts_as_stopped)
{
        fake = (Fake){ .stop_on_ready = true, .stop = STOP_NO_SUCH_UNIT };
        fake_run("/bin/sleep");
        ck_assert_uint_eq(fake.n_gone, 1);
        ck_assert_uint_eq(fake.n_stops, 1);
}
END_TEST

START_TEST(silent_stop_is_escalated_and_gone_without_manager)
{
        fake = (Fake){ .stop_on_ready = true, .stop = STOP_SILENT };
        fake_run("/bin/sleep");
        ck_assert_uint_eq(fake.n_gone, 1);
        ck_assert_int_eq(fake.end.status, SIGKILL);
}
END_TEST

START_TEST(missing_program_means_not_started)
{
        fake = (Fake){};
        fake_run_failing("/nonexistent/worker");
        ck_assert_uint_eq(fake.n_starts, 0);
        ck_assert_int_eq(fake.end.code, 0);
}
END_TEST

START_TEST(worker_waits_for_guard_and_is_bound_to_it)
{
        fake = (Fake){ .stop_on_ready = true, .guard_program = "/proc/self/exe" };
        fake_run("/bin/sleep");
        ck_assert_uint_eq(fake.n_guards, 1);
        ck_assert_uint_eq(fake.n_ready, 1);
        ck_assert_uint_eq(fake.n_gone, 1);
        ck_assert(fake.bound_to_guard);
        /* It ended with the backend. */
        ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

START_TEST(worker_without_guard_is_bound_to_none)
{
        fake = (Fake){ .stop_on_ready = true };
        fake_run("/bin/sleep");
        ck_assert_uint_eq(fake.n_guards, 0);
        ck_assert(!fake.bound_to_guard);
}
END_TEST

START_TEST(refused_guard_does_not_keep_worker_from_starting)
{
        fake = (Fake){ .stop_on_ready = true,
                       .guard_program = "/proc/self/exe",
                       .guard_refused = true };
        fake_run("/bin/sleep");
        ck_assert_uint_eq(fake.n_guards, 1);
        ck_assert_uint_eq(fake.n_ready, 1);
        ck_assert(!fake.bound_to_guard);
}
END_TEST

START_TEST(missing_guard_does_not_keep_worker_from_starting)
{
        fake = (Fake){ .stop_on_ready = true, .guard_program = "/nonexistent/guard" };
        fake_run("/bin/sleep");
        ck_assert_uint_eq(fake.n_guards, 0);
        ck_assert_uint_eq(fake.n_ready, 1);
}
END_TEST

/* What a guard does */
static int guard_main(void) {
        char byte;

        return read(3, &byte, 1) == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
        if (argc > 1 && strcmp(argv[1], "--guard") == 0)
                return guard_main();

        Suite *suite = suite_create("backend-systemd");
        TCase *tc = tcase_create("systemd");

        tcase_add_test(tc, job_done_makes_ready_and_stop_makes_gone);
        tcase_add_test(tc, job_failed_means_not_started);
        tcase_add_test(tc, existing_unit_means_not_started);
        tcase_add_test(tc, unknown_process_means_not_started);
        tcase_add_test(tc, unknown_property_is_dropped_and_call_repeated);
        tcase_add_test(tc, unknown_limit_means_not_started);
        tcase_add_test(tc, silent_job_runs_into_deadline);
        tcase_add_test(tc, process_in_other_cgroup_is_not_released);
        tcase_add_test(tc, lost_reply_is_resolved_by_reading_state);
        tcase_add_test(tc, forgotten_unit_costs_living_worker_its_life);
        tcase_add_test(tc, crashed_worker_has_its_unit_stopped);
        tcase_add_test(tc, vanished_unit_counts_as_stopped);
        tcase_add_test(tc, silent_stop_is_escalated_and_gone_without_manager);
        tcase_add_test(tc, missing_program_means_not_started);
        tcase_add_test(tc, worker_waits_for_guard_and_is_bound_to_it);
        tcase_add_test(tc, worker_without_guard_is_bound_to_none);
        tcase_add_test(tc, refused_guard_does_not_keep_worker_from_starting);
        tcase_add_test(tc, missing_guard_does_not_keep_worker_from_starting);
        suite_add_tcase(suite, tc);
        return suite_run(suite);
}
