/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/array.h"
#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/file.h"
#include "basic/log.h"
#include "basic/process.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "worker/descendants.h"
#include "worker/leak.h"
#include "worker/run-internal.h"

/* Between two rounds of killing what is left. */
#define SWEEP_REPEAT_USEC (10 * USEC_PER_MSEC)

/*
 * A process that has not died of SIGKILL after this waits in the kernel, perhaps for ever. So often it was tried then: who
 * stood still meanwhile, as the whole machine may, has not tried at all.
 */
#define SWEEP_MAX_USEC (2 * USEC_PER_SEC)
#define SWEEPS_MIN     20U

/* Of RUN_FDS_MAX */
enum {
        RUN_FD_CHILD,
        RUN_FD_OUT,
        RUN_FD_ERR,
        RUN_FD_CELL,
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

int runner_contain(Runner *runner, unsigned slot, unsigned generation) {
        int r = cgroup_tree_new(slot, generation, &runner->tree);

        if (r < 0 && r != -ENOMEM) {
                log_warning("Failed to divide the cgroup of this worker: %s", strerror(-r));
                runner->tree_error = r;
                r = 0;
        }
        return r < 0 ? r : runner_watch_tree(runner);
}

void runner_set_kernel_log(Runner *runner, int fd) {
        oom_watch_set_log(runner->oom, fd);
}

bool runner_kill_all(Runner *runner) {
        keep_forget(runner->keep);
        uint64_t end = usec_add(clock_monotonic(), SWEEP_MAX_USEC);

        for (unsigned i = 0; i < SWEEPS_MIN || clock_monotonic() < end; i++) {
                struct pollfd fd = { .fd = runner->child_fd, .events = POLLIN };
                struct signalfd_siginfo info;

                descendants_kill(NULL);
                (void)poll(&fd, 1, (int)(SWEEP_REPEAT_USEC / USEC_PER_MSEC));
                (void)!read(runner->child_fd, &info, sizeof(info));
                while (waitpid(-1, NULL, WNOHANG) > 0)
                        ;
                if (waitpid(-1, NULL, WNOHANG) < 0)
                        return true;
        }
        return false;
}

bool run_is_alone(const Run *run, bool no_children) {
        if ((run->cell && !cell_is_empty(run->cell)) ||
            (run->released && !cell_is_empty(run->released)))
                return false;
        if (no_children)
                return true;
        /* Those that are kept are children too; whether there are others is looked up. */
        return run->reaped && !keep_is_empty(run->runner->keep) &&
                        descendants_are_gone(run->runner->keep);
}

void run_kill_all(Run *run) {
        if (run->cell)
                cell_kill(run->cell);
        if (run->released)
                cell_kill(run->released);
        descendants_kill(run->runner->keep);
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
        _cleanup_free_ pid_t *pids = NULL, *inside = NULL;
        size_t n_inside = 0, n = 0;
        int r;

        r = descendants_list(run->runner->keep, &pids, &n);
        if (r >= 0 && run->cell)
                r = cell_list(run->cell, DESCENDANTS_MAX, &inside, &n_inside);
        if (r >= 0)
                r = array_fit(pids, n + n_inside);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_inside; i++) {
                bool known = false;

                for (size_t j = 0; j < n && !known; j++)
                        known = pids[j] == inside[i];
                if (!known)
                        pids[n++] = inside[i];
        }
        *ret_pids = TAKE_PTR(pids);
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
void run_begin_linger(Run *run, uint64_t now) {
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
        if (now < run->deadline_usec)
                return 0;
        run_kill_all(run);
        run_reap(run);
        run->deadline_usec = usec_add(now, SWEEP_REPEAT_USEC);
        if (run->alone)
                return run_end(run);
        if (++run->n_sweeps < SWEEPS_MIN || now < run->sweep_end_usec)
                return 0;
        run->stuck = true;
        return run_end(run);
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
        if (run->test->limits.stuck == STUCK_NONE ||
            descendants_list(run->runner->keep, &pids, &n) < 0)
                return false;
        return stuck_start(
                               &(StuckSpec){
                                               .pids = pids,
                                               .n_pids = n,
                                               .cgroup_fd = run->cell ? cell_get_fd(run->cell) : -1,
                                               .policy = (StuckPolicy)run->test->limits.stuck,
                               },
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

bool run_is_looked_at(const Run *run) {
        return run->report && !stuck_is_made(run->report);
}

bool run_has_ended(const Run *run) {
        return run->state == RUN_ENDED;
}

bool run_is_stuck(const Run *run) {
        return run->stuck;
}
