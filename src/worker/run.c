/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/run.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/file.h"
#include "basic/log.h"
#include "basic/process.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "model/escalation.h"
#include "worker/cgroup-tree.h"
#include "worker/descendants.h"
#include "worker/exports.h"
#include "worker/judge.h"
#include "worker/keep.h"
#include "worker/leak.h"
#include "worker/oom.h"
#include "worker/output.h"
#include "worker/private.h"
#include "worker/spawn.h"
#include "worker/stuck.h"

/* Between two rounds of killing what is left. */
#define SWEEP_REPEAT_USEC (10 * USEC_PER_MSEC)

/* A process that has not died of SIGKILL after this waits in the kernel, perhaps for ever. */
#define SWEEP_MAX_USEC (2 * USEC_PER_SEC)

/* A reason is one line; what is longer is no reason but an output. */
#define SKIP_REASON_MAX 200

typedef enum RunState {
        RUN_RUNNING,
        RUN_LINGERING,
        RUN_SWEEPING,
        RUN_ENDED,
} RunState;

/* Of RUN_FDS_MAX */
enum {
        RUN_FD_CHILD,
        RUN_FD_OUT,
        RUN_FD_ERR,
        RUN_FD_CELL,
};

struct Runner {
        Spawner *spawner;
        OomWatch *oom;
        CgroupTree *tree; /* NULL: tests have no cgroups of their own */
        int tree_error;   /* why, although they should */
        char **environment;
        int child_fd; /* signalfd: a child ended */
        char *buffer; /* OUTPUT_BUFFER_SIZE */
        Keep *keep;
        const char *places; /* weak; NULL: no test has private ones */
};

struct Run {
        Runner *runner; /* weak: owned by the worker */
        RunSpec spec;
        const Test *test; /* weak: owned by the task */
        Result *result;
        Output output;
        char **environment;
        CgroupCell *cell;     /* NULL: it has none */
        CgroupCell *released; /* of a tear-down: what was kept of the set-up */

        RunState state;
        Escalation escalation;
        uint64_t deadline_usec; /* of this state; in RUN_RUNNING the escalation has it */
        uint64_t started_usec;
        uint64_t sweep_end_usec;

        pid_t pid;   /* of the leader, 0 once it is reaped */
        int status;  /* wait status of the leader, once it is reaped */
        bool reaped; /* the leader is */
        bool alone;  /* nothing is left of the test */
        bool stuck;
        bool looked;      /* a report was begun, or could not be */
        Stuck *report;    /* NULL: none */
        Private *private; /* NULL: it has none */
        bool interrupted;
        bool sent_signal, sent_kill;
        long killed_maxrss; /* of who was killed by somebody else; KiB */
        pid_t killed_pid;   /* 0: nobody was */
        char killed_name[OOM_NAME_MAX];
        char *start_error;
        uint64_t user_usec, system_usec;
        long maxrss; /* KiB */
};

/* ---- Runner ---- */

int runner_new(char *const *environment, Runner **ret) {
        _cleanup_(runner_freep) Runner *runner = NULL;
        sigset_t mask;
        int r;

        runner = calloc(1, sizeof(*runner));
        if (!runner)
                return -ENOMEM;
        runner->child_fd = -1;

        runner->environment = strv_copy(environment);
        runner->buffer = malloc(OUTPUT_BUFFER_SIZE);
        if (!runner->environment || !runner->buffer)
                return -ENOMEM;
        r = spawner_new(&runner->spawner);
        if (r < 0)
                return r;
        r = keep_new(&runner->keep);
        if (r < 0)
                return r;
        r = oom_watch_new(&runner->oom);
        if (r < 0)
                return r;

        sigemptyset(&mask);
        sigaddset(&mask, SIGCHLD);
        runner->child_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
        if (runner->child_fd < 0)
                return -errno;

        *ret = TAKE_PTR(runner);
        return 0;
}

Runner *runner_free(Runner *runner) {
        if (!runner)
                return NULL;
        spawner_free(runner->spawner);
        cgroup_tree_free(runner->tree);
        oom_watch_free(runner->oom);
        keep_free(runner->keep);
        strv_free(runner->environment);
        fd_close(runner->child_fd);
        free(runner->buffer);
        free(runner);
        return NULL;
}

void runner_set_places(Runner *runner, const char *places) {
        runner->places = places;
}

Keep *runner_get_keep(Runner *runner) {
        return runner->keep;
}

CgroupTree *runner_get_tree(Runner *runner) {
        return runner->tree;
}

OomWatch *runner_get_oom(Runner *runner) {
        return runner->oom;
}

/* Where limits of memory are counted, once the worker has moved below it. */
static int runner_watch_tree(Runner *runner) {
        OomWatch *watch = NULL;
        int r;

        if (!runner->tree || !cgroup_tree_has_controller(runner->tree, "memory"))
                return 0;
        r = oom_watch_new_at(cgroup_tree_get_directory(runner->tree), NULL, &watch);
        if (r < 0)
                return r;
        oom_watch_free(runner->oom);
        runner->oom = watch;
        return 0;
}

int runner_contain(Runner *runner, unsigned slot, unsigned generation, int kernel_log_fd) {
        int r = cgroup_tree_new(slot, generation, &runner->tree);

        if (r < 0 && r != -ENOMEM) {
                log_warning("Failed to divide the cgroup of this worker: %s", strerror(-r));
                runner->tree_error = r;
                r = 0;
        }
        if (r >= 0)
                r = runner_watch_tree(runner);
        oom_watch_set_log(runner->oom, kernel_log_fd > 0 ? kernel_log_fd : -1);
        return r;
}

bool runner_kill_all(Runner *runner) {
        keep_forget(runner->keep);
        uint64_t end = usec_add(clock_monotonic(), SWEEP_MAX_USEC);

        do {
                struct pollfd fd = { .fd = runner->child_fd, .events = POLLIN };
                struct signalfd_siginfo info;

                descendants_kill(NULL);
                (void)poll(&fd, 1, (int)(SWEEP_REPEAT_USEC / USEC_PER_MSEC));
                (void)!read(runner->child_fd, &info, sizeof(info));
                while (waitpid(-1, NULL, WNOHANG) > 0)
                        ;
                if (waitpid(-1, NULL, WNOHANG) < 0)
                        return true;
        } while (clock_monotonic() < end);
        return false;
}

static void run_begin_linger(Run *run, uint64_t now);

/*
 * Nothing of the test is there any more: no descendant but those that are kept, and nobody in its cgroup. A process may
 * be reaped a moment before its cgroup knows.
 */
static bool run_is_alone(const Run *run, bool no_children) {
        if ((run->cell && !cell_is_empty(run->cell)) ||
            (run->released && !cell_is_empty(run->released)))
                return false;
        if (no_children)
                return true;
        /* Those that are kept are children too; whether there are others is looked up. */
        return run->reaped && !keep_is_empty(run->runner->keep) &&
                        descendants_are_gone(run->runner->keep);
}

/* Also those that left its cgroup, which takes permission, or have none. */
static void run_kill_all(Run *run) {
        if (run->cell)
                cell_kill(run->cell);
        if (run->released)
                cell_kill(run->released);
        descendants_kill(run->runner->keep);
}

/* ---- Start ---- */

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

static SpawnSpec run_get_spec(const Run *run) {
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

/* ---- Ends ---- */

static uint64_t timeval_to_usec(const struct timeval *tv) {
        return (uint64_t)tv->tv_sec * USEC_PER_SEC + (uint64_t)tv->tv_usec;
}

/*
 * Who was killed by SIGKILL, and not by us, may be the kernel's victim; of several the largest one is. Its name is there
 * until it is reaped.
 */
static void run_note_killed(Run *run, pid_t pid, const char *name, long maxrss) {
        if (maxrss < run->killed_maxrss)
                return;
        run->killed_maxrss = maxrss;
        run->killed_pid = pid;
        (void)snprintf(run->killed_name, sizeof(run->killed_name), "%s", name);
}

static void killed_get_name(const siginfo_t *info, char *ret, size_t size) {
        _cleanup_free_ char *path = NULL, *text = NULL, *name = NULL;

        ret[0] = 0;
        if (text_setf(&path, "/proc/%d/comm", (int)info->si_pid) < 0 ||
            file_read(path, 256, &text, NULL) < 0)
                return;
        name = text_escape(text_strip(text), strlen(text_strip(text)));
        if (name)
                (void)snprintf(ret, size, "%s", name);
}

/* As wait4() for any child, which does not wait. */
static pid_t run_wait(Run *run, int *ret_status, struct rusage *ret_usage) {
        char name[OOM_NAME_MAX] = "";
        siginfo_t info = {};
        pid_t pid;

        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
                return -1;
        if (info.si_pid == 0)
                return 0;
        if (info.si_code == CLD_KILLED && info.si_status == SIGKILL && !run->sent_kill &&
            run->state != RUN_SWEEPING)
                killed_get_name(&info, name, sizeof(name));
        pid = wait4(info.si_pid, ret_status, WNOHANG, ret_usage);
        if (pid > 0 && name[0])
                run_note_killed(run, pid, name, ret_usage->ru_maxrss);
        return pid;
}

/* Takes every process that has ended. The orphans of a test count for its use of CPU and memory. */
static void run_reap(Run *run) {
        for (;;) {
                struct rusage usage;
                int status;
                pid_t pid = run_wait(run, &status, &usage);

                if (pid <= 0) {
                        run->alone = run_is_alone(run, pid < 0); /* ECHILD */
                        return;
                }
                if (keep_note_end(run->runner->keep, pid, status) ||
                    (run->report && stuck_note_end(run->report, pid)))
                        continue;
                run->user_usec += timeval_to_usec(&usage.ru_utime);
                run->system_usec += timeval_to_usec(&usage.ru_stime);
                run->maxrss = MAX(run->maxrss, usage.ru_maxrss);
                if (pid == run->pid) {
                        run->result->duration_usec = clock_monotonic() - run->started_usec;
                        run->status = status;
                        run->reaped = true;
                }
        }
}

static void run_set_state(Run *run, RunState state, uint64_t deadline_usec) {
        run->state = state;
        run->deadline_usec = deadline_usec;
}

static int run_end(Run *run) {
        run_set_state(run, RUN_ENDED, 0);
        return output_close(&run->output);
}

/* All of the test that is there: what it left in its cgroup, and what left that. */
static int run_list_processes(const Run *run, pid_t **ret_pids, size_t *ret_count) {
        _cleanup_free_ pid_t *inside = NULL;
        size_t n_inside = 0, n = 0;
        pid_t *pids = NULL, *grown;
        int r;

        r = descendants_list(run->runner->keep, &pids, &n);
        if (r >= 0 && run->cell)
                r = cell_list(run->cell, DESCENDANTS_MAX, &inside, &n_inside);
        grown = r < 0 ? NULL : reallocarray(pids, n + n_inside + 1, sizeof(pid_t));
        if (!grown) {
                free(pids);
                return r < 0 ? r : -ENOMEM;
        }
        for (size_t i = 0; i < n_inside; i++) {
                bool known = false;

                for (size_t j = 0; j < n && !known; j++)
                        known = grown[j] == inside[i];
                if (!known)
                        grown[n++] = inside[i];
        }
        *ret_pids = grown;
        *ret_count = n;
        return 0;
}

/* Who was asked to end, by the clock or a user, was not left the time to clean up: that is no leak. */
static int run_note_leaks(Run *run) {
        _cleanup_free_ pid_t *pids = NULL;
        const LeakPipes pipes = { .out_fd = run->output.out_fd, .err_fd = run->output.err_fd };
        size_t n = 0;
        int r;

        if (escalation_has_begun(&run->escalation) ||
            (run->test->limits.leaks == LEAKS_IGNORE && run->spec.role == PTEST_ROLE_TEST))
                return 0;
        r = run_list_processes(run, &pids, &n);
        if (r < 0) /* no /proc: they are killed by their group, unnamed */
                return r == -ENOMEM ? r : 0;
        return leaks_describe(pids, n, &pipes, &run->result->leaks);
}

/* What a set-up leaves running stays, unless it skipped: then there is nothing to be torn down. */
static bool run_keeps(const Run *run) {
        return run->spec.role == PTEST_ROLE_SET_UP &&
                        !(WIFEXITED(run->status) && WEXITSTATUS(run->status) == 77);
}

static int run_keep(Run *run) {
        int r;

        r = keep_add(run->runner->keep, run->spec.instance, run->pid, &run->output);
        if (r < 0)
                return r;
        keep_add_cell(run->runner->keep, run->spec.instance, run->runner->tree, &run->cell);
        return run_end(run);
}

/* Who was started by the set-up is told that it is over: daemons end properly at that. */
static void run_begin_linger(Run *run, uint64_t now) {
        if (run->spec.role == PTEST_ROLE_TEAR_DOWN)
                descendants_signal(run->runner->keep, SIGTERM);
        run_set_state(run, RUN_LINGERING, usec_add(now, run->test->limits.leak_grace_usec));
}

static int run_begin_sweep(Run *run, uint64_t now) {
        int r;

        r = run_note_leaks(run);
        if (r < 0)
                return r;
        r = output_close(&run->output);
        if (r < 0)
                return r;
        run->sweep_end_usec = usec_add(now, SWEEP_MAX_USEC);
        run_set_state(run, RUN_SWEEPING, usec_add(now, SWEEP_REPEAT_USEC));
        run_kill_all(run);
        return 0;
}

static int run_dispatch_sweep(Run *run, uint64_t now) {
        if (now >= run->sweep_end_usec) {
                run->stuck = true;
                return run_end(run);
        }
        if (now >= run->deadline_usec) {
                run_kill_all(run);
                run_reap(run);
                run->deadline_usec = usec_add(now, SWEEP_REPEAT_USEC);
        }
        return 0;
}

/* ---- Time ---- */

static void run_kill(Run *run) {
        run->sent_kill = true;
        /* The leader is not reaped, so its pid cannot be another's; setsid() made it the group's id. */
        (void)kill(-run->pid, SIGKILL);
        run_kill_all(run);
}

static bool run_catches_signal(const Run *run) {
        bool catches = false;

        return run->sent_signal &&
                        process_catches_signal(run->pid, run->test->timeout_signal, &catches) >=
                        0 &&
                        catches;
}

/* At its time limit, before anything is done to it. True: its signal has to wait for that. */
static bool run_look(Run *run, uint64_t now) {
        _cleanup_free_ pid_t *pids = NULL;
        size_t n = 0;

        if (run->report && !stuck_is_made(run->report)) {
                stuck_dispatch(run->report, now);
                return true;
        }
        if (run->looked || run->interrupted || now < escalation_get_deadline(&run->escalation))
                return false;
        run->looked = true;
        return descendants_list(run->runner->keep, &pids, &n) >= 0 &&
                        stuck_start(pids,
                                    n,
                                    run->cell ? cell_get_fd(run->cell) : -1,
                                    &run->report) >= 0;
}

/* It ended by itself in the meantime: what was held of it is free to end too. */
static void run_end_look(Run *run) {
        if (!run->report || stuck_is_made(run->report))
                return;
        stuck_abort(run->report);
        descendants_signal(run->runner->keep, SIGCONT);
}

static int run_escalate(Run *run, uint64_t now) {
        if (run_look(run, now))
                return 0;
        for (;;) {
                bool due = escalation_get_deadline(&run->escalation) <= now;

                /* Looking up whether it catches is not for free. */
                switch (escalation_next(&run->escalation, now, due && run_catches_signal(run))) {
                case ESCALATION_NONE:
                        return 0;
                case ESCALATION_SIGNAL:
                        run->sent_signal = true;
                        descendants_signal(run->runner->keep, run->test->timeout_signal);
                        if (run->report)
                                stuck_release(run->report);
                        break;
                case ESCALATION_KILL:
                        run_kill(run);
                        break;
                case ESCALATION_GIVE_UP:
                        run->stuck = true;
                        run->result->duration_usec = now - run->started_usec;
                        return run_end(run);
                }
        }
}

void run_interrupt(Run *run) {
        if (run->state != RUN_RUNNING || run->looked || escalation_has_begun(&run->escalation))
                return;
        run->interrupted = true;
        escalation_interrupt(&run->escalation, clock_monotonic());
}

/* ---- Events ---- */

void run_get_fds(const Run *run, struct pollfd fds[static RUN_FDS_MAX]) {
        fds[RUN_FD_CHILD] = (struct pollfd){ .fd = run->runner->child_fd, .events = POLLIN };
        fds[RUN_FD_OUT] = (struct pollfd){ .fd = run->output.out_fd, .events = POLLIN };
        fds[RUN_FD_ERR] = (struct pollfd){ .fd = run->output.err_fd, .events = POLLIN };
        fds[RUN_FD_CELL] = (struct pollfd){
                .fd = run->reaped && run->cell ? cell_get_events_fd(run->cell) : -1,
                .events = POLLPRI,
        };
}

uint64_t run_get_deadline(const Run *run) {
        if (run->state != RUN_RUNNING)
                return run->deadline_usec;
        if (run->report && !stuck_is_made(run->report))
                return stuck_get_deadline(run->report);
        return escalation_get_deadline(&run->escalation);
}

static void run_take_child_signal(Run *run) {
        struct signalfd_siginfo info;

        /* Signals of several children are one. */
        (void)!read(run->runner->child_fd, &info, sizeof(info));
        run_reap(run);
}

int run_dispatch(Run *run, const struct pollfd fds[static RUN_FDS_MAX]) {
        uint64_t now;
        int r;

        if (fds[RUN_FD_CHILD].revents || fds[RUN_FD_CELL].revents)
                run_take_child_signal(run);
        if (fds[RUN_FD_OUT].revents) {
                r = output_read_out(&run->output);
                if (r < 0)
                        return r;
        }
        if (fds[RUN_FD_ERR].revents) {
                r = output_read_err(&run->output);
                if (r < 0)
                        return r;
        }

        if (run->alone)
                return run_end(run);

        now = clock_monotonic();
        switch (run->state) {
        case RUN_RUNNING:
                if (!run->reaped)
                        return run_escalate(run, now);
                run_end_look(run);
                if (run_keeps(run))
                        return run_keep(run);
                run_begin_linger(run, now);
                return 0;
        case RUN_LINGERING:
                return now >= run->deadline_usec ? run_begin_sweep(run, now) : 0;
        case RUN_SWEEPING:
                return run_dispatch_sweep(run, now);
        default:
                return 0;
        }
}

bool run_has_ended(const Run *run) {
        return run->state == RUN_ENDED;
}

bool run_is_stuck(const Run *run) {
        return run->stuck;
}

/* ---- The result ---- */

/*
 * What a process used before it became its program counts in the kernel's number, and that was our memory: a
 * peak below our own says nothing of the test.
 */
static uint64_t run_get_memory_peak(const Run *run) {
        struct rusage own;

        if (run->maxrss <= 0 || getrusage(RUSAGE_SELF, &own) < 0 || run->maxrss <= own.ru_maxrss)
                return SIZE_UNKNOWN;
        return (uint64_t)run->maxrss * KIB;
}

/* What the kernel counted for all of the test together, instead of what its processes told when they ended. */
static void run_fill_cell_usage(Run *run) {
        Result *result = run->result;
        CellUsage usage;

        cell_read_usage(run->cell, &usage);
        if (usage.has_cpu) {
                result->cpu_user_usec = usage.user_usec;
                result->cpu_system_usec = usage.system_usec;
        }
        if (usage.memory_peak != SIZE_UNKNOWN)
                result->memory_peak = usage.memory_peak;
        result->tasks_peak = usage.tasks_peak;
        result->read_bytes = usage.read_bytes;
        result->write_bytes = usage.write_bytes;
}

static void run_fill_usage(Run *run) {
        Result *result = run->result;
        uint64_t timeout = run->test->timeout_usec;

        result->cpu_user_usec = run->user_usec;
        result->cpu_system_usec = run->system_usec;
        result->memory_peak = run_get_memory_peak(run);
        if (run->cell)
                run_fill_cell_usage(run);
        if (timeout != USEC_INFINITY && result->duration_usec > timeout / 2)
                result->marks |= PTEST_MARK_SLOW;
}

static void run_fill_status(Run *run, JudgeFacts *facts) {
        Result *result = run->result;

        if (!run->reaped || run->start_error)
                return;
        if (WIFEXITED(run->status)) {
                facts->code = CLD_EXITED;
                facts->status = result->exit_status = WEXITSTATUS(run->status);
                return;
        }
        facts->code = WCOREDUMP(run->status) ? CLD_DUMPED : CLD_KILLED;
        facts->status = result->signal = WTERMSIG(run->status);
        result->core_dumped = WCOREDUMP(run->status);
        if (result->core_dumped)
                result->pid = run->pid;
}

static int run_find_start_error(Run *run) {
        SpawnSpec spec = run_get_spec(run);

        if (run->start_error || !run->reaped || !run->test->argv || !WIFEXITED(run->status))
                return 0;
        return spawner_explain(run->runner->spawner, &spec, &run->start_error);
}

static int run_find_last_line(const Run *run, char **ret) {
        int r;

        r = capture_find_last_line(&run->result->out, SKIP_REASON_MAX, ret);
        if (r < 0 || *ret)
                return r;
        return capture_find_last_line(&run->result->err, SKIP_REASON_MAX, ret);
}

/* What the kernel did to it. */
static void run_fill_evidence(Run *run, JudgeFacts *facts) {
        CellEvents events = {};

        if (run->cell)
                cell_read_events(run->cell, &events);
        facts->forks_refused = events.forks_refused;
        if (run->cell && cgroup_tree_has_controller(run->runner->tree, "memory"))
                oom_watch_look_in(run->runner->oom, run->cell, &(CellEvents){}, &facts->oom);
        else
                oom_watch_look(run->runner->oom, &facts->oom);
        if (facts->oom.kill && facts->oom.victim == 0 && run->killed_pid > 0) {
                facts->oom.victim = run->killed_pid;
                memcpy(facts->oom.victim_name, run->killed_name, sizeof(run->killed_name));
        }
        facts->tasks_max = run->test->limits.tasks_max;
        facts->memory_peak = run->result->memory_peak;
        if (facts->memory_peak == SIZE_UNKNOWN)
                facts->memory_peak = facts->oom.memory_peak;
}

static int run_judge(Run *run, const Report *report) {
        _cleanup_free_ char *last_line = NULL, *reason = NULL;
        bool begun = escalation_has_begun(&run->escalation);
        JudgeFacts facts = {
                .protocol = run->test->protocol,
                .should_fail = run->test->should_fail,
                .start_error = run->start_error,
                .timed_out = begun && !run->interrupted,
                .interrupted = begun && run->interrupted,
                .timeout_usec = run->test->timeout_usec,
                .sent_signal = run->sent_signal ? run->test->timeout_signal : 0,
                .sent_kill = run->sent_kill,
                .report = report,
                .duration_usec = run->result->duration_usec,
        };
        int r;

        run_fill_status(run, &facts);
        run_fill_evidence(run, &facts);

        r = run_find_last_line(run, &last_line);
        if (r < 0)
                return r;
        facts.last_line = last_line;

        r = judge(&facts, &run->result->outcome, &reason);
        if (r >= 0)
                r = oom_evidence_tell(&facts.oom, run->result);
        if (r < 0)
                return r;
        free(run->result->reason);
        run->result->reason = TAKE_PTR(reason);
        return 0;
}

/* What a fixture said last is the best reason that there is. */
static int run_explain_fixture(Run *run) {
        _cleanup_free_ char *last_line = NULL, *old = NULL;
        int r;

        if (run->spec.role == PTEST_ROLE_TEST || run->result->outcome == PTEST_OUTCOME_PASS ||
            run->result->outcome == PTEST_OUTCOME_SKIP)
                return 0;
        r = capture_find_last_line(&run->result->err, SKIP_REASON_MAX, &last_line);
        if (r >= 0 && !last_line)
                r = capture_find_last_line(&run->result->out, SKIP_REASON_MAX, &last_line);
        if (r < 0 || !last_line)
                return r;
        old = TAKE_PTR(run->result->reason);
        return result_set_reason(
                        run->result,
                        "%s: %s",
                        old ?: outcome_to_string(run->result->outcome),
                        last_line);
}

/* What it wrote that cannot be understood fails a set-up. */
static int run_read_exports(Run *run, char ***ret) {
        _cleanup_free_ char *problem = NULL;
        int r;

        if (!run->spec.exports_path)
                return 0;
        r = exports_read(run->spec.exports_path, ret, &problem);
        if (r < 0 || !problem || run->result->outcome != PTEST_OUTCOME_PASS)
                return r;
        run->result->outcome = PTEST_OUTCOME_ERROR;
        return result_set_reason(run->result, "%s", problem);
}

int run_finish(Run *run, Result **ret, char ***ret_exported) {
        _cleanup_strv_ char **exported = NULL;
        _cleanup_(report_done) Report report = {};
        int r;

        assert(run->state == RUN_ENDED);
        assert(run->result);

        r = run_find_start_error(run);
        if (r < 0)
                return r;
        r = output_finish(&run->output, run->result, &report);
        if (r < 0)
                return r;
        run_fill_usage(run);
        r = run_judge(run, r > 0 ? &report : NULL);
        if (r >= 0)
                r = leaks_judge(run->spec.role == PTEST_ROLE_TEST ?
                                                (LeakPolicy)run->test->limits.leaks :
                                                LEAKS_MARK,
                                run->result);
        if (r < 0)
                return r;
        r = run_explain_fixture(run);
        if (r >= 0)
                r = run_read_exports(run, &exported);
        if (r < 0)
                return r;
        r = run->report ? stuck_take(run->report, &run->result->stuck) : 0;
        if (r >= 0 && run->private)
                r = private_end(run->private, run->test->keep_failed, run->result);
        if (r < 0)
                return r;
        *ret_exported = TAKE_PTR(exported);
        *ret = TAKE_PTR(run->result);
        return 0;
}
