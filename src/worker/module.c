/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/module.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/array.h"
#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "worker/keep.h"
#include "worker/module-internal.h"
#include "worker/module-step.h"

/* How often a host is looked at while it works: the precision of time limits, and of what a flood may leave. */
#define TICK_USEC (20 * USEC_PER_MSEC)

/* From the last tear-down to the end of the process: exit handlers, sanitizers that look for leaks. */
#define LEAVE_USEC (10 * USEC_PER_SEC)

/* ---- Making ---- */

int module_host_new(const ModuleHostOptions *options, ModuleHost **ret) {
        _cleanup_(module_host_freep) ModuleHost *host = NULL;
        int r;

        host = calloc(1, sizeof(ModuleHost));
        if (!host)
                return -ENOMEM;
        host->options = *options;
        host->socket_fd = host->pid_fd = -1;
        host->cell = (HostCell){
                .tree = options->tree,
                .oom = options->oom,
                .limits = options->limits.memory_max > 0 ? options->limits : TEST_LIMITS_NONE,
        };
        r = module_memory_init(&host->memory);
        if (r < 0)
                return r;
        host->program = strdup(options->program ?: "/proc/self/exe");
        host->path = strdup(options->path);
        host->worker_set_up = options->worker_set_up ? strdup(options->worker_set_up) : NULL;
        host->workdir = options->workdir ? strdup(options->workdir) : NULL;
        host->environment = strv_copy(options->environment);
        host->buffer = malloc(MODULE_RING_RECORD_MAX);
        if (!host->program || !host->path || (options->worker_set_up && !host->worker_set_up) ||
            (options->workdir && !host->workdir) || !host->environment || !host->buffer)
                return -ENOMEM;
        *ret = TAKE_PTR(host);
        return 0;
}

static void pending_done(ModulePending *pending) {
        free(pending->name);
}

ModuleHost *module_host_free(ModuleHost *host) {
        if (!host)
                return NULL;
        if (host->pid > 0) {
                (void)kill(host->pid, SIGKILL);
                if (host->options.keep)
                        keep_drop_host(host->options.keep, host->pid);
        }
        for (size_t i = 0; i < host->n_pending; i++)
                pending_done(&host->pending[host->first + i]);
        stuck_free(host->report);
        host_cell_done(&host->cell);
        free(host->pending);
        fd_close(host->socket_fd);
        fd_close(host->pid_fd);
        module_memory_done(&host->memory);
        strv_free(host->environment);
        strv_free(host->failed_contexts);
        free(host->load_error);
        free(host->program);
        free(host->path);
        free(host->worker_set_up);
        free(host->workdir);
        free(host->buffer);
        free(host);
        return NULL;
}

void module_host_look_for_oom(ModuleHost *host, OomEvidence *ret) {
        host_cell_look(&host->cell, ret);
}

int module_host_tell_oom(const ModuleHost *host, Result *result) {
        return oom_evidence_tell(&host->cell.told, result);
}

bool module_host_has_limits(const ModuleHost *host, const TestLimits *limits) {
        return host_cell_has_limits(&host->cell, limits);
}

int module_host_set_limits(ModuleHost *host, const TestLimits *limits) {
        return host_cell_set_limits(&host->cell, limits);
}

int module_host_submit(ModuleHost *host, const ModuleRequest *request) {
        char *name;

        if (host->first > 0 && host->first + host->n_pending == host->n_allocated) {
                memmove(host->pending,
                        host->pending + host->first,
                        host->n_pending * sizeof(ModulePending));
                host->first = 0;
        }
        if (array_reserve(host->pending, host->n_allocated, host->first + host->n_pending + 1) < 0)
                return -ENOMEM;
        name = strdup(request->name);
        if (!name)
                return -ENOMEM;
        host->pending[host->first + host->n_pending++] = (ModulePending){
                .id = request->id,
                .op = request->op,
                .timeout_usec = request->timeout_usec,
                .isolate = request->isolate,
                .stuck = request->stuck,
                .name = name,
        };
        return 0;
}

ModulePending *module_host_get_first(ModuleHost *host) {
        return host->n_pending > 0 ? &host->pending[host->first] : NULL;
}

static void host_drop_first(ModuleHost *host) {
        pending_done(&host->pending[host->first]);
        host->first++;
        host->n_pending--;
        if (host->n_sent > 0)
                host->n_sent--;
        if (host->n_pending == 0)
                host->first = 0;
}

/* ---- Events ---- */

static void event_done(ModuleEvent *event) {
        result_free(event->result);
}

static int host_emit(ModuleHost *host, ModuleEvent *event) {
        event->posthumous = host->posthumous || host->pid == 0;
        return host->options.handler(event, host->options.userdata);
}

/* An answer that no host gave. */
int module_host_answer(ModuleHost *host, Outcome outcome, const char *reason) {
        ModulePending *first = module_host_get_first(host);
        _cleanup_free_ char *name = TAKE_PTR(first->name);
        _cleanup_(event_done) ModuleEvent event = {
                .kind = first->op == MODULE_OP_TEST ? MODULE_RESULT_TEST : MODULE_RESULT_DONE,
                .id = first->id,
                .name = name,
        };
        int r;

        /* First of all: the handler may look at what is pending. */
        host_drop_first(host);
        r = result_new(name, &event.result);
        if (r >= 0)
                r = result_set_reason(event.result, "%s", reason);
        if (r < 0)
                return r;
        event.result->outcome = outcome;
        event.unfit = host->posthumous;
        return host_emit(host, &event);
}

void module_texts_done(ModuleTexts *texts) {
        free(texts->name);
        free(texts->reason);
        free(texts->dirty);
}

static int texts_take(
                const char *data, size_t size, const ModuleResultRecord *record, ModuleTexts *ret) {
        if (size != (uint64_t)record->name_size + record->reason_size + record->dirty_size)
                return -EBADMSG;
        ret->name = text_escape(data, record->name_size);
        ret->reason = text_escape(data + record->name_size, record->reason_size);
        ret->dirty = text_escape_lines(
                        data + record->name_size + record->reason_size, record->dirty_size);
        return ret->name && ret->reason && ret->dirty ? 0 : -ENOMEM;
}

static int record_to_result(
                ModuleHost *host,
                const ModuleResultRecord *record,
                const ModuleTexts *texts,
                Result **ret) {
        _cleanup_(result_freep) Result *result = NULL;
        const uint64_t max = host->options.output_max;
        int r;

        r = result_new(texts->name, &result);
        if (r < 0)
                return r;
        if (texts->reason[0]) {
                result->reason = strdup(texts->reason);
                if (!result->reason)
                        return -ENOMEM;
        }
        result->outcome = (Outcome)record->outcome;
        result->start_usec = record->start_usec;
        result->duration_usec = record->duration_usec;
        result->cpu_user_usec = record->cpu_user_usec;
        result->cpu_system_usec = record->cpu_system_usec;
        result->exit_status = record->exit_status < 0 || record->exit_status > 255 ?
                        -1 :
                        record->exit_status;
        result->signal = record->signal < 0 || record->signal >= NSIG ? 0 : record->signal;
        r = module_memory_read(
                        host->memory.out_fd, record->out_start, record->out_end, max, &result->out);
        if (r >= 0)
                r = module_memory_read(
                                host->memory.err_fd,
                                record->err_start,
                                record->err_end,
                                max,
                                &result->err);
        if (r < 0)
                return r;
        module_memory_punch(&host->memory, record->out_end, record->err_end);
        *ret = TAKE_PTR(result);
        return 0;
}

int module_host_take_record(
                ModuleHost *host, const ModuleResultRecord *record, const ModuleTexts *texts) {
        _cleanup_strv_ char **dirty = NULL;
        _cleanup_free_ char *backtrace = NULL;
        _cleanup_(event_done) ModuleEvent event = { .kind = record->kind,
                                                    .id = record->id,
                                                    .name = texts->name };
        const bool answers = record->kind == MODULE_RESULT_TEST ||
                        record->kind == MODULE_RESULT_DONE;
        ModulePending *first = module_host_get_first(host);
        int r = 0;

        /* It answers what it was asked, in that order, and nothing else. */
        if (answers && (!first || first->id != record->id || host->n_sent == 0))
                return -EBADMSG;
        if (record->kind != MODULE_RESULT_FOUND)
                r = record_to_result(host, record, texts, &event.result);
        if (r >= 0 && event.result)
                r = module_host_take_report(host, event.result);
        if (r >= 0 && record->trace_end > 0)
                r = module_memory_take_trace(&host->memory, record->trace_end, &backtrace);
        if (r >= 0 && texts->dirty[0])
                r = strv_split(texts->dirty, "\n", &dirty);
        if (r < 0)
                return r;
        if (answers)
                host->interrupting = false;
        event.dirty = dirty;
        event.backtrace = backtrace;
        if (record->kind == MODULE_RESULT_LOAD && record->outcome != PTEST_OUTCOME_PASS) {
                r = text_setf(&host->load_error, "%s", texts->reason);
                if (r < 0)
                        return r;
        }
        if (record->kind == MODULE_RESULT_SET_UP && record->leaving &&
            record->outcome != PTEST_OUTCOME_PASS) {
                r = module_host_note_failed_context(host, texts->name, texts->reason);
                if (r < 0)
                        return r;
        }
        if (record->leaving && host->state == MODULE_HOST_RUNNING) {
                host->state = MODULE_HOST_LEAVING;
                host->leave_usec = USEC_INFINITY;
        }
        host->n_idle_deaths = 0;
        event.unfit = record->kind != MODULE_RESULT_LOAD && (record->leaving || host->posthumous);
        if (answers)
                host_drop_first(host);
        return host_emit(host, &event);
}

static void host_wake(const ModuleHost *host) {
        (void)send(host->socket_fd, "t", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* A bad outcome was looked at. */
static void host_let_go_on(ModuleHost *host) {
        ModuleClaim *claim = &host->memory.area->claim;

        if (!claim->stops_at_bad)
                return;
        atomic_fetch_add(&claim->n_bad_read, 1);
        host_wake(host);
}

int module_host_take_results(ModuleHost *host) {
        for (;;) {
                _cleanup_(module_texts_done) ModuleTexts texts = {};
                ModuleResultRecord record;
                size_t size;
                int r;

                r = module_ring_read(&host->memory.area->results, host->buffer, &size);
                if (r <= 0)
                        return r;
                if (size < sizeof(record))
                        return -EBADMSG;
                memcpy(&record, host->buffer, sizeof(record));
                if (record.kind >= MODULE_RESULT_MAX || record.outcome >= PTEST_OUTCOME_MAX)
                        return -EBADMSG;
                r = texts_take(host->buffer + sizeof(record),
                               size - sizeof(record),
                               &record,
                               &texts);
                if (r >= 0)
                        r = module_host_take_record(host, &record, &texts);
                if (r < 0)
                        return r;
                if (record.kind == MODULE_RESULT_TEST && outcome_is_bad((Outcome)record.outcome))
                        host_let_go_on(host);
        }
}

/* ---- Requests ---- */

static const char *host_find_failed_context(const ModuleHost *host, const char *name) {
        for (char **pair = host->failed_contexts; pair && pair[0]; pair += 2) {
                const size_t n = strlen(pair[0]);

                if (strncmp(name, pair[0], n) == 0 &&
                    (name[n] == '\0' || strncmp(name + n, "::", 2) == 0))
                        return pair[1];
        }
        return NULL;
}

/* Those at the head of the queue that no host needs to see. */
static int host_answer_hopeless(ModuleHost *host) {
        for (ModulePending *first = module_host_get_first(host); first && host->n_sent == 0;
             first = module_host_get_first(host)) {
                const char *why = NULL;
                int r;

                if (host->load_error)
                        r = module_host_answer(host, PTEST_OUTCOME_ERROR, host->load_error);
                else if (first->op != MODULE_OP_TEAR_DOWN &&
                         (why = host_find_failed_context(host, first->name)))
                        r = module_host_answer(host, PTEST_OUTCOME_NOT_RUN, why);
                else
                        return 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int host_send(ModuleHost *host) {
        ModuleRing *ring = &host->memory.area->requests;
        bool sent = false;

        while (host->n_sent < host->n_pending) {
                ModulePending *pending = &host->pending[host->first + host->n_sent];
                const ModuleRequestRecord record = {
                        .id = pending->id,
                        .op = pending->op,
                        .timeout_usec = pending->timeout_usec,
                        .grace_usec = host->options.grace_usec,
                        .data_max = host_cell_get_data_max(&host->cell),
                        .isolate = pending->isolate,
                        .name_size = (uint32_t)strlen(pending->name),
                };
                int r;

                if (host_find_failed_context(host, pending->name))
                        break;
                if (sizeof(record) + record.name_size > MODULE_RING_RECORD_MAX / 2)
                        return -EMSGSIZE;
                pending->ring_start = atomic_load_explicit(&ring->written, memory_order_relaxed);
                memcpy(host->buffer, &record, sizeof(record));
                memcpy(host->buffer + sizeof(record), pending->name, record.name_size);
                r = module_ring_write(ring, host->buffer, sizeof(record) + record.name_size);
                if (r == -EAGAIN)
                        break;
                if (r < 0)
                        return r;
                host->n_sent++;
                host->n_written++;
                sent = true;
        }
        if (sent)
                host_wake(host);
        return 0;
}

void module_host_unsend(ModuleHost *host) {
        ModuleArea *area = host->memory.area;
        uint64_t n_claimed;
        size_t n = 0;

        atomic_store(&area->claim.hold, 1);
        n_claimed = atomic_load(&area->claim.n_claimed);
        if (n_claimed < host->n_written)
                n = (size_t)MIN(host->n_written - n_claimed, (uint64_t)host->n_sent);
        if (n > 0) {
                host->n_sent -= n;
                host->n_written -= n;
                module_ring_rewind(
                                &area->requests,
                                host->pending[host->first + host->n_sent].ring_start);
        }
        atomic_store(&area->claim.hold, 0);
}

size_t module_host_withdraw(ModuleHost *host) {
        const bool is_fit = host->state == MODULE_HOST_RUNNING;
        size_t n = 0;

        if (host->pid > 0) {
                module_host_unsend(host);
                /* One that it had claimed it has put back: it looks once more. */
                host_wake(host);
        }
        while (host->n_pending > host->n_sent) {
                ModulePending *last = &host->pending[host->first + host->n_pending - 1];

                /* What is no task goes with its process. */
                if (last->id == 0 && is_fit)
                        break;
                n += last->id != 0;
                pending_done(last);
                host->n_pending--;
        }
        return n;
}

/* ---- Time ---- */

static void host_kill(ModuleHost *host) {
        host->killed = true;
        (void)kill(host->pid, SIGKILL);
}

/* Interrupts what is beyond its time limit, and kills what does not care. */
static void host_look_at_time(ModuleHost *host, uint64_t now) {
        ModuleCurrent *current = &host->memory.area->current;
        const uint64_t sequence = atomic_load(&current->sequence);
        const uint64_t started = atomic_load(&current->started_usec);
        const uint64_t timeout = atomic_load(&current->timeout_usec);

        if (host->killed)
                return;
        module_host_look_at_child(host, sequence, now);
        if (atomic_load(&current->phase) == MODULE_PHASE_IDLE) {
                if (host->state != MODULE_HOST_LEAVING)
                        return;
                if (host->leave_usec == USEC_INFINITY)
                        host->leave_usec = usec_add(now, LEAVE_USEC);
                else if (now >= host->leave_usec)
                        host_kill(host);
                return;
        }
        host->leave_usec = USEC_INFINITY;
        if (sequence == host->interrupted_sequence && sequence != 0) {
                if (now >= usec_add(host->interrupted_usec, host->options.grace_usec))
                        host_kill(host);
                return;
        }
        if ((now < usec_add(started, timeout) && !host->interrupting) ||
            atomic_load(&current->sequence) != sequence)
                return;
        if (module_host_look(host, sequence, now))
                return;
        host->interrupting = false;
        host->interrupted_sequence = sequence;
        host->interrupted_usec = now;
        atomic_store(&current->interrupt, sequence);
        (void)syscall(SYS_tgkill, host->pid, host->pid, MODULE_SIGNAL);
        /* One that stopped itself can still leave its test, and tear down. */
        module_host_let_go(host);
}

/* ---- The loop ---- */

static void socket_drain(int fd) {
        char bytes[256];

        while (read(fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes))
                ;
}

int module_host_dispatch(ModuleHost *host) {
        int r;

        if (host->state == MODULE_HOST_RUNNING || host->state == MODULE_HOST_LEAVING) {
                socket_drain(host->socket_fd);
                r = module_host_take_results(host);
                /* Its memory was overwritten: nothing that it says can be trusted. */
                if (r == -EBADMSG)
                        host_kill(host);
                else if (r < 0)
                        return r;
                module_memory_punch_middle(&host->memory, host->options.output_max);
                host_look_at_time(host, clock_monotonic());
                r = module_host_reap(host);
                if (r < 0)
                        return r;
        }
        if (host->state == MODULE_HOST_SWEEPING)
                module_host_sweep(host);
        r = host_answer_hopeless(host);
        if (r < 0)
                return r;
        if (host->state == MODULE_HOST_NONE && host->n_pending > 0) {
                r = module_host_start(host);
                if (r < 0)
                        return r;
        }
        return host->state == MODULE_HOST_RUNNING ? host_send(host) : 0;
}

void module_host_get_fds(const ModuleHost *host, struct pollfd fds[static MODULE_HOST_FDS_MAX]) {
        fds[0] = (struct pollfd){ .fd = host->socket_fd, .events = POLLIN };
        fds[1] = (struct pollfd){ .fd = host->pid_fd, .events = POLLIN };
}

uint64_t module_host_get_deadline(const ModuleHost *host) {
        if (host->state == MODULE_HOST_NONE && host->n_pending == 0)
                return USEC_INFINITY;
        if (host->state == MODULE_HOST_RUNNING && host->n_pending == 0)
                return USEC_INFINITY;
        return clock_monotonic() + TICK_USEC;
}

void module_host_interrupt(ModuleHost *host) {
        host->interrupting = host->n_pending > 0;
}

bool module_host_is_quiet(const ModuleHost *host) {
        return host->n_pending == 0 &&
                        (host->state == MODULE_HOST_NONE || host->state == MODULE_HOST_RUNNING);
}

bool module_host_is_preparing(const ModuleHost *host) {
        return host->n_pending > 0 && host->pid > 0 &&
                        atomic_load(&host->memory.area->current.phase) == MODULE_PHASE_LOAD;
}

bool module_host_left_in_order(const ModuleHost *host) {
        return host->left_in_order;
}

pid_t module_host_get_pid(const ModuleHost *host) {
        return host->pid;
}

size_t module_host_count_pending(const ModuleHost *host) {
        return host->n_pending;
}

void module_host_note_away(ModuleHost *host) {
        __atomic_store_n(&host->memory.area->away_usec, clock_get_away(), __ATOMIC_RELEASE);
}

void module_host_begin_stop(ModuleHost *host) {
        if (host->state != MODULE_HOST_RUNNING)
                return;
        (void)shutdown(host->socket_fd, SHUT_WR);
        host->state = MODULE_HOST_LEAVING;
        host->leave_usec = USEC_INFINITY;
}

bool module_host_is_gone(const ModuleHost *host) {
        return host->state == MODULE_HOST_NONE;
}

unsigned module_host_count_starts(const ModuleHost *host) {
        return host->n_starts;
}
