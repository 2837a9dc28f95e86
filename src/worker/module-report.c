/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/module-report.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/parse.h"
#include "basic/text.h"
#include "worker/module-crash.h"
#include "worker/module-step.h"

/* The worker looks at least that often while results come. */
#define WAKE_USEC (2 * USEC_PER_MSEC)

/* For the worker to make room in the ring; it is another process and may wait for a CPU. */
#define ROOM_PAUSE_USEC 100

/* ---- Results ---- */

void module_report_done(ModuleReport *report) {
        free(report->reason);
        free(report->dirty);
}

void module_runner_wake(ModuleRunner *runner) {
        /* A full socket: it is told already. */
        (void)send(runner->socket_fd, "r", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        runner->woken_usec = clock_monotonic();
}

static size_t record_append(char *record, size_t size, const char *text, uint32_t *ret_size) {
        size_t n = text ? strnlen(text, MODULE_REASON_MAX) : 0;

        if (n > 0)
                memcpy(record + size, text, n);
        *ret_size = (uint32_t)n;
        return size + n;
}

int module_report_send(ModuleRunner *runner, ModuleReport *report) {
        size_t size = sizeof(ModuleResultRecord);
        int r;

        size = record_append(runner->record, size, report->name, &report->head.name_size);
        size = record_append(runner->record, size, report->reason, &report->head.reason_size);
        size = record_append(runner->record, size, report->dirty, &report->head.dirty_size);
        memcpy(runner->record, &report->head, sizeof(ModuleResultRecord));

        for (;;) {
                struct pollfd poll_fd = { .fd = runner->socket_fd };

                r = module_ring_write(&runner->area->results, runner->record, size);
                if (r != -EAGAIN)
                        break;
                module_runner_wake(runner);
                if (poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLHUP | POLLERR)))
                        return -EPIPE;
                usleep(ROOM_PAUSE_USEC);
        }
        if (r >= 0 && report->head.kind == MODULE_RESULT_TEST)
                runner->n_bad += outcome_is_bad((Outcome)report->head.outcome);
        if (r >= 0 && clock_monotonic() - runner->woken_usec > WAKE_USEC)
                module_runner_wake(runner);
        return r;
}

/* ---- What a step costs and prints ---- */

static uint64_t usec_from_timeval(const struct timeval *tv) {
        return (uint64_t)tv->tv_sec * USEC_PER_SEC + (uint64_t)tv->tv_usec;
}

ModuleMeter module_meter_start(int who) {
        ModuleMeter meter = { .monotonic = clock_monotonic(),
                              .realtime = clock_realtime(),
                              .who = who };

        (void)getrusage(who, &meter.usage);
        return meter;
}

void module_meter_stop(const ModuleMeter *meter, ModuleResultRecord *record) {
        struct rusage usage = {};

        (void)getrusage(meter->who, &usage);
        record->start_usec = meter->realtime;
        record->duration_usec = clock_monotonic() - meter->monotonic;
        record->cpu_user_usec = usec_from_timeval(&usage.ru_utime) -
                        usec_from_timeval(&meter->usage.ru_utime);
        record->cpu_system_usec = usec_from_timeval(&usage.ru_stime) -
                        usec_from_timeval(&meter->usage.ru_stime);
}

void module_report_begin(
                ModuleRunner *runner,
                ModulePhase phase,
                uint64_t timeout_usec,
                const char *context,
                ModuleReport *report) {
        step_begin(phase, runner->id, timeout_usec, context, runner->out_size, runner->err_size);
        report->head.out_start = runner->out_size;
        report->head.err_start = runner->err_size;
        report->head.exit_status = -1;
}

/* What was printed belongs to this step; what differs from before is in report->dirty. */
int module_report_look(ModuleRunner *runner, ModuleReport *report) {
        int r;

        (void)fflush(stdout);
        r = module_state_compare(runner->state, &report->dirty);
        runner->out_size = module_state_out_size(runner->state);
        runner->err_size = module_state_err_size(runner->state);
        report->head.out_end = MAX(runner->out_size, report->head.out_start);
        report->head.err_end = MAX(runner->err_size, report->head.err_start);
        return r;
}

/* The step is over only when its result is visible: who dies in between has one result, not two. */
int module_report_end(ModuleRunner *runner, ModuleReport *report) {
        struct stat trace;
        int r;

        if (atomic_load(&runner->area->crash.ready) && fstat(runner->trace_fd, &trace) >= 0)
                report->head.trace_end = (uint64_t)trace.st_size;
        report->head.leaving = runner->leaving;
        r = module_report_send(runner, report);
        step_finish();
        return r;
}

int module_timeout_describe(uint64_t timeout_usec, char **reason) {
        char buffer[FORMAT_MAX];
        const char *verdict = NULL;
        Outcome outcome;

        return step_get_verdict(&outcome, &verdict) ?
                        text_setf(reason,
                                  "ran into its time limit of %s, after: %s",
                                  format_time(buffer, timeout_usec),
                                  verdict) :
                        text_setf(reason,
                                  "ran into its time limit of %s",
                                  format_time(buffer, timeout_usec));
}

int module_report_describe_crash(ModuleReport *report) {
        const ModuleCrash *crash = step_get_crash();
        _cleanup_free_ char *ended = NULL;
        const char *verdict = NULL;
        Outcome outcome;
        int r;

        r = module_crash_describe(crash, CLD_KILLED, crash->signal, &ended);
        if (r < 0)
                return r;
        if (step_get_verdict(&outcome, &verdict))
                return text_setf(&report->reason, "%s; after: %s", ended, verdict);
        report->reason = TAKE_PTR(ended);
        return 0;
}
