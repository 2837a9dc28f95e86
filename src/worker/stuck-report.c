/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker/stuck-report.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/file.h"
#include "basic/parse.h"
#include "basic/process.h"
#include "basic/text.h"
#include "worker/stuck-internal.h"

/* How long the freezer may take: processes that wait in the kernel come late, or never. */
#define FREEZE_MAX_USEC (200 * USEC_PER_MSEC)

/* Asking a debugger takes some time for each process; a test with more is not clearer for it. */
#define STACKS_MAX          8U
#define STACK_MAX_USEC      (1500 * USEC_PER_MSEC)
/* Not worth to begin with less. */
#define STACK_MIN_LEFT_USEC (100 * USEC_PER_MSEC)

#define LINE_MAX_SIZE ((size_t)512)

/* ---- Lines ---- */

void findings_add(Findings *findings, const char *format, ...) {
        static const char end[] = "the rest of this report is cut\n";
        _cleanup_free_ char *text = NULL, *line = NULL;
        va_list arguments;
        size_t size;
        int n;

        if (findings_are_full(findings))
                return;
        va_start(arguments, format);
        n = vasprintf(&text, format, arguments);
        va_end(arguments);
        line = n < 0 ? NULL : text_escape(text, MIN((size_t)n, LINE_MAX_SIZE));
        if (!line)
                return;
        size = strlen(line);
        if (size + 1 + sizeof(end) > findings->left) {
                (void)fd_write_all(findings->fd, end, sizeof(end) - 1);
                findings->left = 0;
                return;
        }
        line[size] = '\n';
        (void)fd_write_all(findings->fd, line, size + 1);
        findings->left -= size + 1;
}

bool findings_are_full(const Findings *findings) {
        return findings->left == 0;
}

/* ---- Which processes ---- */

typedef struct StuckReport {
        Findings findings;
        uint64_t deadline_usec;
        const char *freeze; /* a cgroup; NULL: none */
        bool below, brief;
        ProcessFacts processes[STUCK_REPORT_PROCESSES_MAX];
        size_t n_processes;
        size_t n_not_shown;
} StuckReport;

static void report_done(StuckReport *report) {
        for (size_t i = 0; i < report->n_processes; i++)
                process_facts_done(&report->processes[i]);
}

static void report_add_process(StuckReport *report, pid_t pid) {
        for (size_t i = 0; i < report->n_processes; i++)
                if (report->processes[i].pid == pid)
                        return;
        if (report->n_processes == STUCK_REPORT_PROCESSES_MAX) {
                report->n_not_shown++;
                return;
        }
        if (process_facts_read(pid, &report->processes[report->n_processes]) >= 0)
                report->n_processes++;
}

static void report_add_descendants(StuckReport *report, pid_t pid) {
        _cleanup_free_ pid_t *pids = NULL;
        size_t n = 0;

        if (process_list_descendants(pid, 4096, &pids, &n) < 0)
                return;
        for (size_t i = 0; i < n; i++)
                if (pids[i] != getpid())
                        report_add_process(report, pids[i]);
}

static int report_read_words(StuckReport *report, char *const *words) {
        for (; *words; words++) {
                uint64_t more;
                unsigned pid;

                if (strcmp(*words, STUCK_REPORT_BELOW) == 0)
                        report->below = true;
                else if (strcmp(*words, STUCK_REPORT_BRIEF) == 0) {
                        report->brief = true;
                        report->deadline_usec = usec_add(
                                        clock_monotonic(), STUCK_REPORT_BRIEF_LOOK_USEC);
                } else if (text_starts_with(*words, STUCK_REPORT_FREEZE))
                        report->freeze = *words + strlen(STUCK_REPORT_FREEZE);
                else if (text_starts_with(*words, STUCK_REPORT_MORE)) {
                        if (parse_uint64(*words + strlen(STUCK_REPORT_MORE), &more) < 0)
                                return -EINVAL;
                        report->n_not_shown += more;
                } else if (parse_unsigned(*words, INT32_MAX, &pid) < 0 || pid == 0)
                        return -EINVAL;
                else {
                        report_add_process(report, (pid_t)pid);
                        if (report->below)
                                report_add_descendants(report, (pid_t)pid);
                }
        }
        return 0;
}

/* ---- The tree ---- */

static bool process_is_below(const StuckReport *report, size_t i) {
        for (size_t j = 0; j < report->n_processes; j++)
                if (report->processes[j].pid == report->processes[i].parent)
                        return true;
        return false;
}

static void report_tree_of(StuckReport *report, size_t i, unsigned depth) {
        ProcessFacts *process = &report->processes[i];
        _cleanup_free_ char *branch = NULL, *threads = NULL;

        process->depth = depth;
        for (unsigned level = 0; level < MIN(depth, 20U); level++)
                if (text_setf(&branch, "%s%s", branch ?: "", level == 0 ? "└─" : "─") < 0)
                        return;
        if (process->n_threads > 1 &&
            text_setf(&threads, " (%zu threads)", process->n_threads + process->n_not_shown) < 0)
                return;
        findings_add(&report->findings,
                     "%s%s%d %.200s%s: %s",
                     branch ?: "",
                     branch ? " " : "",
                     (int)process->pid,
                     process->command,
                     threads ?: "",
                     process->threads[0].doing);
        for (size_t j = 0; j < report->n_processes; j++)
                if (j != i && report->processes[j].parent == process->pid)
                        report_tree_of(report, j, depth + 1);
}

static void report_tree(StuckReport *report) {
        for (size_t i = 0; i < report->n_processes; i++)
                if (!process_is_below(report, i))
                        report_tree_of(report, i, 0);
        if (report->n_not_shown > 0)
                findings_add(&report->findings, "and %zu more processes", report->n_not_shown);
}

/* ---- Holding them ---- */

static int cgroup_write_freeze(const char *cgroup, const char *value) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        r = path_join(cgroup, "cgroup.freeze", &path);
        if (r < 0)
                return r;
        fd = open(path, O_WRONLY | O_CLOEXEC);
        return fd < 0 ? -errno : fd_write_all(fd, value, strlen(value));
}

static bool cgroup_is_frozen(const char *cgroup) {
        _cleanup_free_ char *path = NULL, *events = NULL;

        return path_join(cgroup, "cgroup.events", &path) >= 0 &&
                        file_read(path, 4096, &events, NULL) >= 0 && strstr(events, "frozen 1");
}

static bool cgroup_freeze(const char *cgroup) {
        const uint64_t end = usec_add(clock_monotonic(), FREEZE_MAX_USEC);

        if (cgroup_write_freeze(cgroup, "1") < 0)
                return false;
        while (!cgroup_is_frozen(cgroup)) {
                if (clock_monotonic() >= end)
                        return false;
                (void)nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
        }
        return true;
}

static void report_stop_all(StuckReport *report) {
        for (size_t i = 0; i < report->n_processes; i++)
                if (!report->processes[i].was_stopped)
                        (void)kill(report->processes[i].pid, SIGSTOP);
}

/*
 * A debugger cannot have what is frozen: its attaching waits for a stop that does not come (gdb 13 on Linux 6.1 and 6.18, and
 * so in the kernel's source). Stopped by a signal they can be had, so that is what they are when the freezer lets them
 * go.
 */
static void report_make_traceable(StuckReport *report, bool frozen) {
        if (!frozen)
                return;
        report_stop_all(report);
        (void)cgroup_write_freeze(report->freeze, "0");
}

/* ---- The details ---- */

static void report_usage(StuckReport *report, const ProcessFacts *process) {
        _cleanup_free_ char *stat = NULL;
        char age[FORMAT_MAX], cpu[FORMAT_MAX], cwd[1024];
        _cleanup_free_ char *link = NULL;
        unsigned long long user, system, start;
        const uint64_t tick = USEC_PER_SEC / (uint64_t)MAX(sysconf(_SC_CLK_TCK), 1L);
        struct timespec now;
        const char *p;
        ssize_t n;

        if (proc_read(process->pid, 0, "stat", 4096, &stat) < 0 || !(p = strrchr(stat, ')')) ||
            sscanf(p + 1,
                   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %llu",
                   &user,
                   &system,
                   &start) != 3 ||
            clock_gettime(CLOCK_BOOTTIME, &now) < 0)
                return;
        if (asprintf(&link, "/proc/%d/cwd", (int)process->pid) < 0)
                return;
        n = readlink(link, cwd, sizeof(cwd) - 1);
        cwd[MAX(n, (ssize_t)0)] = '\0';

        const uint64_t uptime = (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;

        findings_add(&report->findings,
                     "  process %d: parent %d, started %s ago, CPU %s, in %s",
                     (int)process->pid,
                     (int)process->parent,
                     format_time(age, uptime > start * tick ? uptime - start * tick : 0),
                     format_time(cpu, (user + system) * tick),
                     cwd[0] ? cwd : "an unknown directory");
}

static void report_threads(StuckReport *report, const ProcessFacts *process) {
        for (size_t i = 0; i < process->n_threads; i++) {
                const ThreadFacts *thread = &process->threads[i];

                if (process->n_threads > 1)
                        findings_add(&report->findings,
                                     "    thread %d %s: %s",
                                     (int)thread->tid,
                                     thread->name,
                                     thread->doing);
                if (thread->kernel)
                        findings_add(&report->findings, "    kernel: %s", thread->kernel);
        }
        if (process->n_not_shown > 0)
                findings_add(&report->findings, "    and %zu more threads", process->n_not_shown);
}

static void report_details(StuckReport *report) {
        _cleanup_(sockets_freep) Sockets *sockets = NULL;

        for (size_t i = 0; i < report->n_processes; i++) {
                const ProcessFacts *process = &report->processes[i];

                if (findings_are_full(&report->findings) ||
                    clock_monotonic() >= report->deadline_usec)
                        return;
                report_usage(report, process);
                report_threads(report, process);
                files_report(&report->findings, &sockets, process->pid);
        }
}

static void report_stacks(StuckReport *report, const char *debugger) {
        for (size_t i = 0; i < MIN(report->n_processes, STACKS_MAX); i++) {
                const ProcessFacts *process = &report->processes[i];
                const uint64_t now = clock_monotonic();
                const uint64_t deadline = MIN(usec_add(now, STACK_MAX_USEC), report->deadline_usec);

                if (now + STACK_MIN_LEFT_USEC > report->deadline_usec ||
                    findings_are_full(&report->findings))
                        return;
                if (process->hangs) {
                        findings_add(&report->findings,
                                     "  no stack of %d: it cannot be interrupted",
                                     (int)process->pid);
                        continue;
                }
                if (!stack_report(&report->findings, debugger, process->pid, deadline))
                        findings_add(&report->findings,
                                     "  no stack of %d: %s did not tell%s",
                                     (int)process->pid,
                                     path_basename(debugger),
                                     clock_monotonic() < deadline ? "" : " in time");
        }
}

/* ---- */

/* Who is short of memory kills this first: it is worth less than what it looks at. */
static void oom_score_raise(void) {
        _cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

        if (fd >= 0)
                (void)fd_write_all(fd, "1000", 4);
}

int stuck_report_main(char *const *words) {
        _cleanup_(report_done) StuckReport report = {
                .findings = {.fd = STDOUT_FILENO, .left = STUCK_REPORT_SIZE_MAX},
                .deadline_usec = usec_add(clock_monotonic(), STUCK_REPORT_LOOK_USEC),
        };
        _cleanup_free_ char *debugger = NULL;
        bool frozen;

        oom_score_raise();
        if (report_read_words(&report, words) < 0)
                return 64;
        report_tree(&report);
        frozen = report.freeze && cgroup_freeze(report.freeze);
        if (!frozen)
                report_stop_all(&report);
        report_details(&report);

        debugger = report.brief ? NULL : debugger_find();
        if (!debugger)
                return 0;
        report_make_traceable(&report, frozen);
        report_stacks(&report, debugger);
        return 0;
}
