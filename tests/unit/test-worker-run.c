/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Real processes, run in a child that Check forks for each test: it is the sub-reaper of what the test starts
 */

#include <check.h>
#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/strv.h"
#include "worker/run.h"
#include "worker/spawn.h"
#include "worker/stuck-report.h"

#include "test-runner.h"

/* Loaded machines are slow; no test waits for this unless it fails. */
#define PATIENCE_USEC (200 * USEC_PER_SEC)

static Runner *runner;

static void runner_set_up(void) {
        char *environment[] = {
                (char *)"PATH=/usr/bin:/bin",
                (char *)"BASE=from-the-worker",
                NULL,
        };

        ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        ck_assert_int_eq(signals_prepare(), 0);
        ck_assert_int_eq(runner_new(environment, &runner), 0);
}

static void runner_tear_down(void) {
        /* Whatever a test does, nothing is left of it. */
        ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
        ck_assert_int_eq(errno, ECHILD);
        runner = runner_free(runner);
}

static Test *test_of_argv(const char *const *argv) {
        _cleanup_(test_freep) Test *test = NULL;

        ck_assert_int_eq(test_new("the/address", &test), 0);
        for (; *argv; argv++)
                ck_assert_int_eq(strv_extend(&test->argv, *argv), 0);
        return TAKE_PTR(test);
}

static Test *test_of_script(const char *script) {
        return test_of_argv((const char *const[]){ "/bin/sh", "-c", script, NULL });
}

/* One turn of a worker's loop. */
static void run_wait(Run *run) {
        struct pollfd fds[RUN_FDS_MAX];
        uint64_t deadline = run_get_deadline(run), now = clock_monotonic(), left;
        struct timespec timeout;

        left = deadline > now ? MIN(deadline - now, PATIENCE_USEC) : 0;
        timeout = (struct timespec){ left / USEC_PER_SEC, left % USEC_PER_SEC * 1000 };
        run_get_fds(run, fds);
        ck_assert_int_ge(ppoll(fds, RUN_FDS_MAX, &timeout, NULL), 0);
        ck_assert_int_eq(run_dispatch(run, fds), 0);
}

static Result *run_to_end(const Test *test) {
        _cleanup_(run_freep) Run *run = NULL;
        uint64_t start = clock_monotonic();
        Result *result = NULL;

        ck_assert_int_eq(run_start(runner, &(RunSpec){ .test = test }, &run), 0);
        while (!run_has_ended(run)) {
                run_wait(run);
                ck_assert_uint_lt(clock_monotonic() - start, PATIENCE_USEC);
        }
        ck_assert(!run_is_stuck(run));
        ck_assert_int_eq(run_finish(run, &result, &(char **){ NULL }), 0);
        return result;
}

static Result *script_to_end(const char *script) {
        _cleanup_(test_freep) Test *test = test_of_script(script);

        return run_to_end(test);
}

static void assert_outcome(const Result *result, Outcome outcome, const char *reason) {
        ck_assert_str_eq(outcome_to_string(result->outcome), outcome_to_string(outcome));
        if (!reason)
                ck_assert_ptr_null(result->reason);
        else {
                ck_assert_ptr_nonnull(result->reason);
                ck_assert_msg(fnmatch(reason, result->reason, 0) == 0,
                              "\"%s\" is not like \"%s\"",
                              result->reason,
                              reason);
        }
}

static void assert_output(const ResultOutput *output, const char *text) {
        ck_assert_uint_eq(output->size, strlen(text));
        ck_assert_int_eq(memcmp(output->data ?: "", text, output->size), 0);
        ck_assert_uint_eq(output->total, output->size);
}

/* ---- Ends ---- */

START_TEST(exit_status_zero_is_pass)
{
        _cleanup_(result_freep) Result *result = script_to_end("echo out; echo err >&2");

        assert_outcome(result, PTEST_OUTCOME_PASS, NULL);
        ck_assert_int_eq(result->exit_status, 0);
        ck_assert_int_eq(result->signal, 0);
        ck_assert_uint_eq(result->marks, 0);
        ck_assert_uint_gt(result->start_usec, 0);
        ck_assert_uint_gt(result->duration_usec, 0);
        assert_output(&result->out, "out\n");
        assert_output(&result->err, "err\n");
}
END_TEST

START_TEST(exit_status_one_is_fail)
{
        _cleanup_(result_freep) Result *result = script_to_end("exit 1");

        assert_outcome(result, PTEST_OUTCOME_FAIL, "exit status 1");
        ck_assert_int_eq(result->exit_status, 1);
}
END_TEST

START_TEST(exit_status_77_is_skip_with_last_line)
{
        _cleanup_(result_freep)
                        Result *out = script_to_end("echo no; echo ' no printer '; echo; exit 77");
        _cleanup_(result_freep) Result *err = script_to_end("echo no scanner >&2; exit 77");
        _cleanup_(result_freep) Result *none = script_to_end("exit 77");

        assert_outcome(out, PTEST_OUTCOME_SKIP, "no printer");
        assert_outcome(err, PTEST_OUTCOME_SKIP, "no scanner");
        assert_outcome(none, PTEST_OUTCOME_SKIP, "exit status 77");
}
END_TEST

START_TEST(own_signal_is_crash)
{
        _cleanup_(result_freep) Result *result = script_to_end("ulimit -c 0; kill -SEGV $$");

        assert_outcome(result, PTEST_OUTCOME_CRASH, "killed by SIGSEGV*");
        ck_assert_int_eq(result->signal, SIGSEGV);
        ck_assert_int_eq(result->exit_status, -1);
}
END_TEST

START_TEST(sigkill_from_elsewhere_is_crash)
{
        _cleanup_(result_freep) Result *result = script_to_end("kill -KILL $$");

        assert_outcome(result, PTEST_OUTCOME_CRASH, "killed by SIGKILL");
}
END_TEST

START_TEST(killed_group_is_only_its_own)
{
        _cleanup_(result_freep) Result *result = script_to_end("kill -TERM 0; sleep 60");

        assert_outcome(result, PTEST_OUTCOME_CRASH, "killed by SIGTERM");
}
END_TEST

/* ---- Starts ---- */

START_TEST(missing_program_is_error)
{
        _cleanup_(test_freep)
                        Test *test = test_of_argv((const char *const[]){ "/does/not/exist", NULL });
        _cleanup_(result_freep) Result *result = run_to_end(test);

        assert_outcome(result,
                       PTEST_OUTCOME_ERROR,
                       "cannot execute /does/not/exist: No such file or directory");
        ck_assert_int_eq(result->exit_status, -1);
}
END_TEST

static void file_make(const char *path, const char *text) {
        FILE *f = fopen(path, "we");

        ck_assert_ptr_nonnull(f);
        ck_assert_int_ge(fputs(text, f), 0);
        ck_assert_int_eq(fclose(f), 0);
        ck_assert_int_eq(chmod(path, 0755), 0);
}

START_TEST(missing_interpreter_is_named)
{
        char directory[] = "/tmp/ptest-run-XXXXXX";
        _cleanup_(test_freep) Test *test = test_of_argv((const char *const[]){ "./script", NULL });
        _cleanup_(result_freep) Result *result = NULL;

        ck_assert_ptr_nonnull(mkdtemp(directory));
        test->workdir = strdup(directory);
        ck_assert_int_eq(chdir(directory), 0);
        file_make("script", "#! /no/such/shell -e\nexit 0\n");
        result = run_to_end(test);
        assert_outcome(result,
                       PTEST_OUTCOME_ERROR,
                       "cannot execute ./script: its interpreter /no/such/shell is missing");
        result = result_free(result);

        file_make("script", "#!/bin/sh\r\nexit 0\r\n");
        result = run_to_end(test);
        assert_outcome(result,
                       PTEST_OUTCOME_ERROR,
                       "cannot execute ./script: its interpreter /bin/sh\\\\r is missing; the script has the line ends of DOS");
        result = result_free(result);

        file_make("script", "exit 0\n");
        result = run_to_end(test);
        assert_outcome(result, PTEST_OUTCOME_ERROR, "cannot execute ./script: neither a program*");
        result = result_free(result);

        ck_assert_int_eq(unlink("script"), 0);
        ck_assert_int_eq(rmdir(directory), 0);
        result = run_to_end(test);
        assert_outcome(result,
                       PTEST_OUTCOME_ERROR,
                       "cannot change to the directory /tmp/ptest-run-*");
}
END_TEST

START_TEST(start_error_is_not_an_expected_failure)
{
        _cleanup_(test_freep)
                        Test *test = test_of_argv((const char *const[]){ "/does/not/exist", NULL });
        _cleanup_(result_freep) Result *result = NULL;

        test->should_fail = true;
        result = run_to_end(test);
        assert_outcome(result, PTEST_OUTCOME_ERROR, "cannot execute *");
}
END_TEST

START_TEST(exit_status_127_is_fail)
{
        _cleanup_(result_freep) Result *first = NULL, *second = NULL;
        _cleanup_(test_freep) Test *missing = test_of_argv(
                        (const char *const[]){ "/does/not/exist", NULL });

        /* The failure of the one before is not remembered. */
        first = run_to_end(missing);
        second = script_to_end("exit 127");
        assert_outcome(second, PTEST_OUTCOME_FAIL, "exit status 127");
}
END_TEST

START_TEST(program_starts_clean)
{
        _cleanup_(test_freep) Test *test = test_of_script(
                        "test \"$(readlink /proc/self/fd/0)\" = /dev/null || exit 2\n"
                        "test \"$(cut -d' ' -f6 /proc/$$/stat)\" = $$ || exit 3\n"
                        "for fd in 3 4 5 6 7 8 9 10 11 12; do ! test -e /proc/$$/fd/$fd || exit 4; done\n"
                        "grep -q '^SigBlk:[[:space:]]*0*$' /proc/self/status || exit 5\n"
                        "grep -q '^SigIgn:[[:space:]]*0*$' /proc/self/status || exit 6\n"
                        "test \"$PWD\" = / || exit 7\n"
                        "test \"$BASE-$ADDED-$PTEST_ADDRESS\" = from-the-worker-yes-the/address || exit 8\n");
        _cleanup_(result_freep) Result *result = NULL;
        int forgotten = dup(2);

        ck_assert_int_ge(forgotten, 3);
        test->workdir = strdup("/");
        ck_assert_int_eq(test_add_env(test, ENV_OP_SET, "ADDED", "yes", NULL), 0);
        result = run_to_end(test);
        close(forgotten);
        assert_outcome(result, PTEST_OUTCOME_PASS, NULL);
}
END_TEST

/* What was just started in the background has become the program that it is to be. */
#define UNTIL_IT_SLEEPS \
        "until tr '\\0' ' ' </proc/$!/cmdline | grep -q '^sleep 60'; do sleep 0.01; done\n"

/* ---- Time ---- */

static Result *script_with_limit(const char *script, uint64_t timeout_usec, uint64_t grace_usec) {
        _cleanup_(test_freep) Test *test = test_of_script(script);

        test->timeout_usec = timeout_usec;
        test->grace_usec = grace_usec;
        return run_to_end(test);
}

START_TEST(hanging_test_ends_by_the_signal)
{
        _cleanup_(result_freep) Result *result = script_with_limit(
                        "exec sleep 600", 100 * USEC_PER_MSEC, PATIENCE_USEC);

        assert_outcome(result, PTEST_OUTCOME_TIMEOUT, "ran longer than 100ms; ended by SIGINT");
        ck_assert_int_eq(result->signal, SIGINT);
        ck_assert(result->marks & PTEST_MARK_SLOW);
        ck_assert(!(result->marks & PTEST_MARK_LEAKY));
}
END_TEST

/* With a limit that is long enough for the script to say "ready", however slow the machine is. */
static Result *script_with_limit_when_ready(const char *script, uint64_t grace_usec) {
        for (uint64_t timeout_usec = 200 * USEC_PER_MSEC;; timeout_usec *= 2) {
                Result *result = script_with_limit(script, timeout_usec, grace_usec);

                if (result->out.size >= 6 && memcmp(result->out.data, "ready\n", 6) == 0)
                        return result;
                ck_assert_int_eq(result->outcome, PTEST_OUTCOME_TIMEOUT);
                result_free(result);
        }
}

START_TEST(test_that_catches_the_signal_may_exit)
{
        _cleanup_(result_freep) Result *result = script_with_limit_when_ready(
                        "trap 'echo cleaning up; exit 3' INT; echo ready; while :; do sleep 0.01; done",
                        PATIENCE_USEC);

        assert_outcome(result,
                       PTEST_OUTCOME_TIMEOUT,
                       "ran longer than *; ended by SIGINT with exit status 3");
        /* Caught once, not again and again. */
        assert_output(&result->out, "ready\ncleaning up\n");
}
END_TEST

START_TEST(test_that_ignores_signals_is_killed)
{
        _cleanup_(result_freep) Result *result = script_with_limit_when_ready(
                        "trap '' INT TERM; sleep 600 & echo ready; while :; do sleep 0.01; done",
                        200 * USEC_PER_MSEC);

        assert_outcome(result,
                       PTEST_OUTCOME_TIMEOUT,
                       "ran longer than *; did not end on SIGINT, ended by SIGKILL");
        ck_assert_ptr_null(result->leaks);
}
END_TEST

START_TEST(stopped_test_times_out)
{
        _cleanup_(result_freep) Result *result = script_with_limit(
                        "kill -STOP $$", 100 * USEC_PER_MSEC, PATIENCE_USEC);

        assert_outcome(result, PTEST_OUTCOME_TIMEOUT, "ran longer than 100ms; ended by SIGINT");
}
END_TEST

START_TEST(timeout_reaches_other_sessions)
{
        _cleanup_(result_freep) Result *result = script_with_limit_when_ready(
                        "setsid sleep 600 </dev/null >/dev/null 2>&1 &\n" UNTIL_IT_SLEEPS
                        "echo ready; wait",
                        200 * USEC_PER_MSEC);

        ck_assert_int_eq(result->outcome, PTEST_OUTCOME_TIMEOUT);
}
END_TEST

START_TEST(interrupted_test_is_not_run)
{
        _cleanup_(test_freep) Test *test = test_of_script("exec sleep 600");
        _cleanup_(result_freep) Result *result = NULL;
        _cleanup_(run_freep) Run *run = NULL;

        ck_assert_int_eq(run_start(runner, &(RunSpec){ .test = test }, &run), 0);
        run_interrupt(run);
        while (!run_has_ended(run))
                run_wait(run);
        ck_assert_int_eq(run_finish(run, &result, &(char **){ NULL }), 0);
        assert_outcome(result, PTEST_OUTCOME_NOT_RUN, "interrupted after *");
}
END_TEST

START_TEST(freed_run_leaves_nothing)
{
        _cleanup_(test_freep) Test *test = test_of_script(
                        "trap '' INT TERM; setsid sleep 600 & exec sleep 600");
        _cleanup_(run_freep) Run *run = NULL;

        ck_assert_int_eq(run_start(runner, &(RunSpec){ .test = test }, &run), 0);
        ck_assert(runner_kill_all(runner));
}
END_TEST

/* ---- Containment ---- */

START_TEST(daemon_in_a_session_of_its_own_is_a_leak)
{
        _cleanup_(result_freep) Result *result = script_to_end(
                        "setsid sleep 601 </dev/null >/dev/null 2>&1 &\n" UNTIL_IT_SLEEPS
                        "(setsid sleep 602 </dev/null >/dev/null 2>&1 &\n" UNTIL_IT_SLEEPS
                        ")\n"
                        "exit 0");
        _cleanup_free_ char *leaks = NULL;

        assert_outcome(result, PTEST_OUTCOME_PASS, NULL);
        ck_assert(result->marks & PTEST_MARK_LEAKY);
        leaks = strv_join(result->leaks, "|");
        ck_assert_msg(fnmatch("*[0-9] sleep 60[12] (* old)|*[0-9] sleep 60[12] (* old)",
                              leaks,
                              0) == 0,
                      "%s",
                      leaks);
}
END_TEST

START_TEST(leak_is_told_with_what_it_holds)
{
        _cleanup_(result_freep) Result *result = script_to_end(
                        "exec python3 -c 'import os, socket, time\n"
                        "zero = open(\"/dev/zero\")\n"
                        "r, w = os.pipe()\n"
                        "if os.fork() == 0:\n"
                        "    s = socket.socket(); s.bind((\"127.0.0.1\", 0)); s.listen()\n"
                        "    os.write(w, b\"x\"); time.sleep(600)\n"
                        "os.read(r, 1)\n"
                        "os._exit(0)'");

        assert_outcome(result, PTEST_OUTCOME_PASS, NULL);
        ck_assert_uint_eq(strv_length(result->leaks), 1);
        ck_assert_msg(fnmatch("[0-9]* python3 * (*s old; listens: tcp listening on 127.0.0.1:[0-9]*; open: *)",
                              result->leaks[0],
                              0) == 0,
                      "%s",
                      result->leaks[0]);
        ck_assert_ptr_nonnull(strstr(result->leaks[0], "the test's stdout"));
        ck_assert_ptr_nonnull(strstr(result->leaks[0], "the test's stderr"));
        ck_assert_ptr_nonnull(strstr(result->leaks[0], "/dev/zero"));
        ck_assert_ptr_null(strstr(result->leaks[0], "/dev/null"));
}
END_TEST

static Result *leaky_script(LeakPolicy policy, const char *script) {
        _cleanup_(test_freep) Test *test = test_of_script(script);

        test->limits.leaks = policy;
        return run_to_end(test);
}

START_TEST(leaks_mean_what_their_policy_says)
{
        static const char sleeps[] = "sleep 604 >/dev/null 2>&1 &\n" UNTIL_IT_SLEEPS "exit 0";
        _cleanup_(result_freep)
                        Result *fail = leaky_script(LEAKS_FAIL, sleeps),
                               *ignore = leaky_script(LEAKS_IGNORE, sleeps),
                               *bad = leaky_script(LEAKS_FAIL, "sleep 605 & exit 3"),
                               *skip = leaky_script(LEAKS_FAIL, "sleep 606 & echo no tea; exit 77"),
                               *tidy = leaky_script(LEAKS_FAIL, "exit 0");

        ck_assert_int_eq(fail->outcome, PTEST_OUTCOME_FAIL);
        ck_assert_msg(fnmatch("left something running: [0-9]* sleep 604 (*)", fail->reason, 0) == 0,
                      "%s",
                      fail->reason);
        ck_assert(fail->marks & PTEST_MARK_LEAKY);

        assert_outcome(ignore, PTEST_OUTCOME_PASS, NULL);
        ck_assert(!(ignore->marks & PTEST_MARK_LEAKY));
        ck_assert_uint_eq(strv_length(ignore->leaks), 0);

        assert_outcome(bad, PTEST_OUTCOME_FAIL, "exit status 3");
        ck_assert(bad->marks & PTEST_MARK_LEAKY);

        ck_assert_int_eq(skip->outcome, PTEST_OUTCOME_FAIL);
        ck_assert_msg(fnmatch("no tea; and left something running: *", skip->reason, 0) == 0,
                      "%s",
                      skip->reason);
        assert_outcome(tidy, PTEST_OUTCOME_PASS, NULL);
}
END_TEST

START_TEST(grace_for_leaks_is_the_tests)
{
        _cleanup_(test_freep) Test *test = test_of_script("(sleep 0.6; echo late) & exit 0");
        bool leaky = false;

        test->limits.leak_grace_usec = PATIENCE_USEC;
        _cleanup_(result_freep) Result *patient = run_to_end(test);

        assert_outcome(patient, PTEST_OUTCOME_PASS, NULL);
        ck_assert_uint_eq(patient->marks, 0);
        assert_output(&patient->out, "late\n");

        /* Where the machine stands still, what was left may end meanwhile; not if it takes long enough. */
        for (unsigned ms = 600; !leaky && ms < 60000; ms *= 2) {
                _cleanup_(result_freep) Result *harsh = NULL;

                free(test->argv[2]);
                ck_assert_int_gt(
                                asprintf(&test->argv[2],
                                         "(sleep %u.%03u; echo late) & exit 0",
                                         ms / 1000,
                                         ms % 1000),
                                0);
                test->limits.leak_grace_usec = 0;
                harsh = run_to_end(test);
                leaky = harsh->marks & PTEST_MARK_LEAKY;
        }
        ck_assert(leaky);
}
END_TEST

START_TEST(memory_that_no_cgroup_limits_is_limited_for_each_process)
{
        _cleanup_(test_freep)
                        Test *test = test_of_script("exec python3 -c 'x = bytearray(300 << 20)'");

        test->limits.memory_max = 100 * MIB;
        _cleanup_(result_freep) Result *result = run_to_end(test);

        ck_assert_int_eq(result->outcome, PTEST_OUTCOME_FAIL);
        ck_assert_ptr_nonnull(result->err.data);
        ck_assert_ptr_nonnull(memmem(result->err.data, result->err.size, "MemoryError", 11));
}
END_TEST

START_TEST(held_pipe_does_not_hold_the_test)
{
        _cleanup_(result_freep) Result *result = script_to_end("echo said; sleep 603 & exit 0");

        assert_outcome(result, PTEST_OUTCOME_PASS, NULL);
        ck_assert(result->marks & PTEST_MARK_LEAKY);
        ck_assert_uint_lt(result->duration_usec, PATIENCE_USEC);
        assert_output(&result->out, "said\n");
}
END_TEST

START_TEST(child_that_ends_at_once_is_no_leak)
{
        _cleanup_(test_freep) Test *test = test_of_script("(sleep 0.02; echo late) & exit 0");

        /* It is not about how long that is: a machine that is busy needs more for both. */
        test->limits.leak_grace_usec = PATIENCE_USEC;
        _cleanup_(result_freep) Result *result = run_to_end(test);

        assert_outcome(result, PTEST_OUTCOME_PASS, NULL);
        ck_assert_uint_eq(result->marks, 0);
        assert_output(&result->out, "late\n");
}
END_TEST

START_TEST(family_that_forks_on_is_ended)
{
        _cleanup_(result_freep) Result *result = script_to_end(
                        "f() { sleep 0.01; f & }\n"
                        "f & f & f &\n"
                        "exit 0");

        ck_assert_int_eq(result->outcome, PTEST_OUTCOME_PASS);
}
END_TEST

START_TEST(closed_stdout_does_not_end_the_test)
{
        _cleanup_(result_freep) Result *result = script_to_end("exec >&- 2>&-; sleep 0.1; exit 4");

        assert_outcome(result, PTEST_OUTCOME_FAIL, "exit status 4");
}
END_TEST

START_TEST(flood_is_counted_and_cut)
{
        _cleanup_(test_freep) Test *test = test_of_script(
                        "echo first; yes | head -c 20000000; echo last");
        _cleanup_(result_freep) Result *result = NULL;

        test->output_max = 1000;
        result = run_to_end(test);
        assert_outcome(result, PTEST_OUTCOME_PASS, NULL);
        ck_assert_uint_eq(result->out.size, 1000);
        ck_assert_uint_eq(result->out.total, 20000000 + strlen("first\nlast\n"));
        ck_assert_int_eq(memcmp(result->out.data, "first\n", 6), 0);
        ck_assert_int_eq(memcmp(result->out.data + 995, "last\n", 5), 0);
}
END_TEST

START_TEST(flood_does_not_hold_up_the_clock)
{
        _cleanup_(result_freep) Result *result = script_with_limit(
                        "exec yes", 200 * USEC_PER_MSEC, PATIENCE_USEC);

        assert_outcome(result, PTEST_OUTCOME_TIMEOUT, "ran longer than 200ms; ended by SIGINT");
        ck_assert_uint_lt(result->duration_usec, PATIENCE_USEC);
}
END_TEST

START_TEST(zombies_are_reaped_while_the_test_runs)
{
        _cleanup_(result_freep) Result *result = script_to_end(
                        "for i in 1 2 3 4 5; do (sleep 0.01 &); done\n"
                        "until [ \"$(grep -l \"^PPid:.$PPID$\" /proc/[0-9]*/status 2>/dev/null)\" = /proc/$$/status ]\n"
                        "do sleep 0.01; done");

        assert_outcome(result, PTEST_OUTCOME_PASS, NULL);
}
END_TEST

/* ---- Protocols ---- */

START_TEST(tap_is_judged_beyond_the_cap)
{
        _cleanup_(test_freep) Test *test = test_of_script(
                        "i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo ok $i; done\n"
                        "echo not ok 501 - the last one; echo 1..501");
        _cleanup_(result_freep) Result *result = NULL;

        test->protocol = TEST_PROTOCOL_TAP;
        test->output_max = 100;
        result = run_to_end(test);
        assert_outcome(result, PTEST_OUTCOME_FAIL, "1 of 501 points failed: 501 - the last one");
        ck_assert_uint_eq(result->n_points, 501);
        ck_assert_uint_eq(result->out.size, 100);
}
END_TEST

START_TEST(rust_lines_become_points)
{
        _cleanup_(test_freep) Test *test = test_of_script(
                        "echo 'test a::b ... ok'; echo 'test c ... FAILED'; exit 101");
        _cleanup_(result_freep) Result *result = NULL;

        test->protocol = TEST_PROTOCOL_RUST;
        result = run_to_end(test);
        assert_outcome(result, PTEST_OUTCOME_FAIL, "1 of 2 tests failed: c");
}
END_TEST

static Suite *suite_make(void) {
        Suite *suite = suite_create("worker/run");
        TCase *ends = tcase_create("ends"), *starts = tcase_create("starts"),
              *time = tcase_create("time");
        TCase *containment = tcase_create("containment"), *protocols = tcase_create("protocols");
        TCase *all[] = { ends, starts, time, containment, protocols };

        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                tcase_add_checked_fixture(all[i], runner_set_up, runner_tear_down);
                suite_add_tcase(suite, all[i]);
        }
        tcase_add_test(ends, exit_status_zero_is_pass);
        tcase_add_test(ends, exit_status_one_is_fail);
        tcase_add_test(ends, exit_status_77_is_skip_with_last_line);
        tcase_add_test(ends, own_signal_is_crash);
        tcase_add_test(ends, sigkill_from_elsewhere_is_crash);
        tcase_add_test(ends, killed_group_is_only_its_own);
        tcase_add_test(starts, missing_program_is_error);
        tcase_add_test(starts, missing_interpreter_is_named);
        tcase_add_test(starts, start_error_is_not_an_expected_failure);
        tcase_add_test(starts, exit_status_127_is_fail);
        tcase_add_test(starts, program_starts_clean);
        tcase_add_test(time, hanging_test_ends_by_the_signal);
        tcase_add_test(time, test_that_catches_the_signal_may_exit);
        tcase_add_test(time, test_that_ignores_signals_is_killed);
        tcase_add_test(time, stopped_test_times_out);
        tcase_add_test(time, timeout_reaches_other_sessions);
        tcase_add_test(time, interrupted_test_is_not_run);
        tcase_add_test(time, freed_run_leaves_nothing);
        tcase_add_test(containment, daemon_in_a_session_of_its_own_is_a_leak);
        tcase_add_test(containment, leak_is_told_with_what_it_holds);
        tcase_add_test(containment, leaks_mean_what_their_policy_says);
        tcase_add_test(containment, grace_for_leaks_is_the_tests);
        tcase_add_test(containment, memory_that_no_cgroup_limits_is_limited_for_each_process);
        tcase_add_test(containment, held_pipe_does_not_hold_the_test);
        tcase_add_test(containment, child_that_ends_at_once_is_no_leak);
        tcase_add_test(containment, family_that_forks_on_is_ended);
        tcase_add_test(containment, closed_stdout_does_not_end_the_test);
        tcase_add_test(containment, flood_is_counted_and_cut);
        tcase_add_test(containment, flood_does_not_hold_up_the_clock);
        tcase_add_test(containment, zombies_are_reaped_while_the_test_runs);
        tcase_add_test(protocols, tap_is_judged_beyond_the_cap);
        tcase_add_test(protocols, rust_lines_become_points);
        return suite;
}

int main(int argc, char **argv) {
        /* Who is started instead of ptest-worker; test-worker-stuck-report has that one. */
        if (argc > 1 && strcmp(argv[1], STUCK_REPORT_OPTION) == 0)
                return 0;
        return suite_run(suite_make());
}
