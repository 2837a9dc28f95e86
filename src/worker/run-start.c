/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How a run begins: its environment, its places and its cgroup, and then its program
 */

#include "worker/run-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "worker/exports.h"

/* Its address for a test; for a set-up where its exports go. What was exported comes last: nothing else is as new. */
static int run_make_environment(Run *run) {
        const Test *test = run->test;
        int r;

        r = env_apply(run->runner->environment, test->env, test->n_env, &run->environment);
        if (r >= 0 && run->spec.exports)
                r = exports_apply(run->spec.exports, &run->environment);
        if (r < 0)
                return r;
        if (run->spec.found_path) {
                r = strv_extendf(&run->environment, "PTEST_FOUND=%s", run->spec.found_path);
                if (r < 0)
                        return r;
        }
        if (run->spec.role == PTEST_ROLE_TEST)
                return strv_extendf(&run->environment, "PTEST_ADDRESS=%s", test->address);
        if (run->spec.exports_path)
                return strv_extendf(&run->environment, "PTEST_ENV=%s", run->spec.exports_path);
        return 0;
}

/* Without what it was to have a test is not run. */
static int run_make_private(Run *run) {
        const unsigned places = run->test->private_places & PRIVATE_ALL;
        int r;

        if (run->spec.role != PTEST_ROLE_TEST || places == 0 || !run->runner->places)
                return 0;
        r = private_new(run->runner->places, places, &run->private);
        if (r >= 0)
                r = private_apply(run->private, &run->environment);
        if (r >= 0 || r == -ENOMEM)
                return r;
        return text_setf(
                        &run->start_error,
                        "cannot make the private places of the test: %s",
                        strerror(-r));
}

static int run_new(Runner *runner, const RunSpec *spec, Run **ret) {
        _cleanup_(run_freep) Run *run = NULL;
        const Test *test = spec->test;
        int r;

        run = malloc(sizeof(*run));
        if (!run)
                return -ENOMEM;
        *run = (Run){
                .runner = runner,
                .spec = *spec,
                .test = test,
                .output = {.out_fd = -1, .err_fd = -1}
        };

        r = result_new(test->address, &run->result);
        if (r < 0)
                return r;
        r = output_init(&run->output, test, run->result, runner->buffer);
        if (r < 0)
                return r;

        r = run_make_environment(run);
        if (r >= 0)
                r = run_make_private(run);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(run);
        return 0;
}

/* No cgroup is no test where it has limits: nothing else would hold them. */
static int run_make_cell(Run *run) {
        const TestLimits *limits = &run->test->limits;
        int r = run->runner->tree_error;

        if (run->runner->tree)
                r = cgroup_tree_add_cell(run->runner->tree, limits, &run->cell);
        if (r >= 0 || r == -ENOMEM || !test_limits_are_any(limits))
                return r == -ENOMEM ? r : 0;
        (void)text_setf(&run->start_error,
                        "cannot make a cgroup with the limits of the test: %s",
                        strerror(-r));
        return r;
}

/* Where no cgroup holds it, the next best: each process by itself. */
static uint64_t run_get_data_max(const Run *run) {
        uint64_t memory_max = run->test->limits.memory_max;

        if (memory_max == SIZE_INFINITY ||
            (run->cell && cgroup_tree_has_controller(run->runner->tree, "memory")))
                return 0;
        return memory_max;
}

SpawnSpec run_get_spec(const Run *run) {
        return (SpawnSpec){
                .argv = run->test->argv,
                .environment = run->environment,
                .workdir = run->test->workdir,
                .out_fd = -1,
                .err_fd = -1,
                .cell = run->cell,
                .cell_memory_max = run->test->limits.memory_max,
                .data_max = run_get_data_max(run),
        };
}

static int run_spawn(Run *run) {
        _cleanup_close_ int out_fd = -1, err_fd = -1;
        SpawnSpec spec;
        int r;

        if (run->start_error)
                return -ECANCELED;
        r = run_make_cell(run);
        if (r < 0)
                return r;
        spec = run_get_spec(run);
        r = output_open(&run->output, &out_fd, &err_fd);
        if (r < 0)
                return r;
        spec.out_fd = out_fd;
        spec.err_fd = err_fd;
        return spawner_start(run->runner->spawner, &spec, &run->pid);
}

/* A tear-down without a command: what the set-up left is all that there is to do. */
static void run_start_nothing(Run *run) {
        run->reaped = true;
        run->alone = run_is_alone(run, false);
        if (run->alone)
                run->state = RUN_ENDED;
        else
                run_begin_linger(run, run->started_usec);
}

int run_start(Runner *runner, const RunSpec *spec, Run **ret) {
        _cleanup_(run_freep) Run *run = NULL;
        const Test *test = spec->test;
        int r;

        r = run_new(runner, spec, &run);
        if (r < 0)
                return r;

        run->result->start_usec = clock_realtime();
        run->started_usec = clock_monotonic();
        escalation_init(&run->escalation, test->timeout_usec, test->grace_usec, run->started_usec);
        oom_watch_begin(runner->oom);

        if (spec->role == PTEST_ROLE_TEAR_DOWN)
                run->released = keep_release(runner->keep, spec->instance);
        if (!test->argv) {
                run_start_nothing(run);
                *ret = TAKE_PTR(run);
                return 0;
        }
        r = run_spawn(run);
        if (r < 0) {
                SpawnSpec spawn = run_get_spec(run);

                r = run->start_error ? 0 : spawn_explain_error(&spawn, r, &run->start_error);
                if (r < 0)
                        return r;
                run->alone = true;
                run->state = RUN_ENDED;
        }
        *ret = TAKE_PTR(run);
        return 0;
}

Run *run_free(Run *run) {
        if (!run)
                return NULL;
        if (run->pid > 0 && !run->alone)
                run_kill_all(run);
        cell_free(run->cell);
        cell_free(run->released);
        stuck_free(run->report);
        private_free(run->private);
        output_done(&run->output);
        result_free(run->result);
        strv_free(run->environment);
        free(run->start_error);
        free(run);
        return NULL;
}

pid_t run_get_pid(const Run *run) {
        return run->pid;
}
