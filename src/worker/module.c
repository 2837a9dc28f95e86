/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/module.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/parse.h"
#include "basic/process.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "worker/descendants.h"
#include "worker/module-crash.h"
#include "worker/module-host.h"
#include "worker/module-memory.h"
#include "worker/module-step.h"

/* How often a host is looked at while it works: the precision of time limits, and of what a flood may leave. */
#define TICK_USEC (20 * USEC_PER_MSEC)

/* From the last tear-down to the end of the process: exit handlers, sanitizers that look for leaks. */
#define LEAVE_USEC (10 * USEC_PER_SEC)

/* Hosts that may end one after the other while no test runs, before the next request pays for it. */
#define IDLE_DEATHS_MAX 3

typedef struct Pending {
        uint64_t id, timeout_usec;
        ModuleOp op;
        bool isolate;
        char *name;
} Pending;

typedef enum HostState {
        HOST_NONE,
        HOST_RUNNING,
        HOST_LEAVING,  /* tears down and ends by itself */
        HOST_SWEEPING, /* ended; what its tests left is being killed */
} HostState;

struct ModuleHost {
        ModuleHostOptions options; /* with copies of the strings */
        char *program, *path;
        char **environment;

        HostState state;
        ModuleMemory memory;
        int socket_fd;
        pid_t pid;
        int pid_fd;
        bool killed;
        int code, status; /* how the last one ended */
        uint64_t leave_usec;
        uint64_t interrupted_sequence, interrupted_usec; /* the step that was, and when */
        unsigned n_starts, n_idle_deaths;

        Pending *pending; /* in their order; the first n_sent are in the host's ring or done */
        size_t first, n_pending, n_sent, n_allocated;

        char *load_error;       /* the module cannot be used: every request gets it */
        char **failed_contexts; /* pairs: a name, and why its set-up ended its host */
        char *buffer;           /* of MODULE_RING_RECORD_MAX */
};

/* ---- Making ---- */

int module_host_new(const ModuleHostOptions *options, ModuleHost **ret) {
        _cleanup_(module_host_freep) ModuleHost *host = NULL;
        int r;

        host = calloc(1, sizeof(ModuleHost));
        if (!host)
                return -ENOMEM;
        host->options = *options;
        host->socket_fd = host->pid_fd = -1;
        r = module_memory_init(&host->memory);
        if (r < 0)
                return r;
        host->program = strdup(options->program ?: "/proc/self/exe");
        host->path = strdup(options->path);
        host->environment = strv_copy(options->environment);
        host->buffer = malloc(MODULE_RING_RECORD_MAX);
        if (!host->program || !host->path || !host->environment || !host->buffer)
                return -ENOMEM;
        *ret = TAKE_PTR(host);
        return 0;
}

static void pending_done(Pending *pending) {
        free(pending->name);
}

ModuleHost *module_host_free(ModuleHost *host) {
        if (!host)
                return NULL;
        if (host->pid > 0)
                (void)kill(host->pid, SIGKILL);
        for (size_t i = 0; i < host->n_pending; i++)
                pending_done(&host->pending[host->first + i]);
        free(host->pending);
        fd_close(host->socket_fd);
        fd_close(host->pid_fd);
        module_memory_done(&host->memory);
        strv_free(host->environment);
        strv_free(host->failed_contexts);
        free(host->load_error);
        free(host->program);
        free(host->path);
        free(host->buffer);
        free(host);
        return NULL;
}

int module_host_submit(ModuleHost *host, const ModuleRequest *request) {
        const size_t end = host->first + host->n_pending;
        char *name;

        if (end == host->n_allocated) {
                if (host->first > 0) {
                        memmove(host->pending,
                                host->pending + host->first,
                                host->n_pending * sizeof(Pending));
                        host->first = 0;
                } else {
                        size_t n = MAX(2 * host->n_allocated, (size_t)64);
                        Pending *larger = reallocarray(host->pending, n, sizeof(Pending));

                        if (!larger)
                                return -ENOMEM;
                        host->pending = larger;
                        host->n_allocated = n;
                }
        }
        name = strdup(request->name);
        if (!name)
                return -ENOMEM;
        host->pending[host->first + host->n_pending++] = (Pending){
                .id = request->id,
                .op = request->op,
                .timeout_usec = request->timeout_usec,
                .isolate = request->isolate,
                .name = name,
        };
        return 0;
}

static Pending *host_get_first(ModuleHost *host) {
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

/* ---- Starting ---- */

typedef struct StartSpec {
        int fds[MODULE_FD_END - MODULE_FD_SOCKET];
        const char *program;
        char *const *argv;
        char *const *environment;
        pid_t parent;
} StartSpec;

/* Between vfork() and exec: only what is async-signal-safe. */
static void __attribute__((noreturn, noinline)) child_run(const StartSpec *spec) {
        sigset_t none;

        if (setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != spec->parent)
                _exit(127);
        for (int i = 0; i < (int)ELEMENTSOF(spec->fds); i++)
                if (dup2(spec->fds[i], MODULE_FD_SOCKET + i) < 0)
                        _exit(127);
        (void)syscall(SYS_close_range, MODULE_FD_END, ~0U, 0);
        sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        execve(spec->program, spec->argv, spec->environment);
        _exit(127);
}

/* The worker's memory is not copied, and no handler of a library runs in the child. */
static pid_t __attribute__((noinline)) child_start(const StartSpec *spec) {
        const pid_t pid = vfork();

        if (pid == 0)
                child_run(spec);
        return pid < 0 ? -errno : pid;
}

static int socket_pair(int *ret_ours, int *ret_theirs) {
        int pair[2], ours, theirs;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        ours = fcntl(pair[0], F_DUPFD_CLOEXEC, MODULE_FD_END);
        theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, MODULE_FD_END);
        close(pair[0]);
        close(pair[1]);
        if (ours < 0 || theirs < 0 || fd_set_nonblock(ours, true) < 0) {
                fd_close(ours);
                fd_close(theirs);
                return -EMFILE;
        }
        *ret_ours = ours;
        *ret_theirs = theirs;
        return 0;
}

static int host_start(ModuleHost *host) {
        _cleanup_close_ int ours = -1, theirs = -1;
        char *const argv[] = {
                (char *)"ptest-module-host", (char *)MODULE_HOST_OPTION, host->path, NULL
        };
        pid_t pid;
        int r;

        assert(host->state == HOST_NONE);
        r = socket_pair(&ours, &theirs);
        if (r < 0)
                return r;
        module_ring_clear(&host->memory.area->requests);
        module_ring_clear(&host->memory.area->results);
        host->memory.area->current = (ModuleCurrent){};
        host->memory.area->crash = (ModuleCrash){};
        host->n_sent = 0;
        host->killed = false;
        host->interrupted_sequence = 0;

        const StartSpec spec = {
                .fds = {theirs,
                        host->memory.area_fd,
                        host->memory.out_fd,
                        host->memory.err_fd,
                        host->memory.trace_fd},
                .program = host->program,
                .argv = argv,
                .environment = host->environment,
                .parent = getpid(),
        };

        pid = child_start(&spec);
        if (pid < 0)
                return pid;
        host->pid = pid;
        r = process_open(pid, &host->pid_fd);
        if (r < 0)
                return r;
        host->socket_fd = TAKE_FD(ours);
        host->n_starts++;
        host->state = HOST_RUNNING;
        return 0;
}

/* ---- Events ---- */

static void event_done(ModuleEvent *event) {
        result_free(event->result);
}

static int host_emit(ModuleHost *host, ModuleEvent *event) {
        return host->options.handler(event, host->options.userdata);
}

/* An answer that no host gave. */
static int host_answer(ModuleHost *host, Outcome outcome, const char *reason) {
        Pending *first = host_get_first(host);
        _cleanup_(event_done) ModuleEvent event = {
                .kind = first->op == MODULE_OP_TEST ? MODULE_RESULT_TEST : MODULE_RESULT_DONE,
                .id = first->id,
                .name = first->name,
        };
        int r;

        r = result_new(first->name, &event.result);
        if (r >= 0)
                r = result_set_reason(event.result, "%s", reason);
        if (r < 0)
                return r;
        event.result->outcome = outcome;
        r = host_emit(host, &event);
        host_drop_first(host);
        return r;
}

/* Of a result's three texts, as they stand behind it. */
typedef struct Texts {
        char *name, *reason, *dirty;
} Texts;

static void texts_done(Texts *texts) {
        free(texts->name);
        free(texts->reason);
        free(texts->dirty);
}

static int texts_take(const char *data, size_t size, const ModuleResultRecord *record, Texts *ret) {
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
                const Texts *texts,
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

static int host_take_record(
                ModuleHost *host, const ModuleResultRecord *record, const Texts *texts) {
        _cleanup_strv_ char **dirty = NULL;
        _cleanup_free_ char *backtrace = NULL;
        _cleanup_(event_done) ModuleEvent event = { .kind = record->kind,
                                                    .id = record->id,
                                                    .name = texts->name };
        const bool answers = record->kind == MODULE_RESULT_TEST ||
                        record->kind == MODULE_RESULT_DONE;
        Pending *first = host_get_first(host);
        int r = 0;

        /* It answers what it was asked, in that order, and nothing else. */
        if (answers && (!first || first->id != record->id || host->n_sent == 0))
                return -EBADMSG;
        if (record->kind != MODULE_RESULT_FOUND)
                r = record_to_result(host, record, texts, &event.result);
        if (r >= 0 && record->trace_end > 0)
                r = module_memory_take_trace(&host->memory, record->trace_end, &backtrace);
        if (r >= 0 && texts->dirty[0])
                r = strv_split(texts->dirty, "\n", &dirty);
        if (r < 0)
                return r;
        event.dirty = dirty;
        event.backtrace = backtrace;
        if (record->kind == MODULE_RESULT_LOAD && record->outcome != PTEST_OUTCOME_PASS) {
                r = text_setf(&host->load_error, "%s", texts->reason);
                if (r < 0)
                        return r;
        }
        if (record->leaving && host->state == HOST_RUNNING) {
                host->state = HOST_LEAVING;
                host->leave_usec = USEC_INFINITY;
        }
        host->n_idle_deaths = 0;
        r = host_emit(host, &event);
        if (answers)
                host_drop_first(host);
        return r;
}

static int host_take_results(ModuleHost *host) {
        for (;;) {
                _cleanup_(texts_done) Texts texts = {};
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
                        r = host_take_record(host, &record, &texts);
                if (r < 0)
                        return r;
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
        for (Pending *first = host_get_first(host); first && host->n_sent == 0;
             first = host_get_first(host)) {
                const char *why = NULL;
                int r;

                if (host->load_error)
                        r = host_answer(host, PTEST_OUTCOME_ERROR, host->load_error);
                else if (first->op != MODULE_OP_TEAR_DOWN &&
                         (why = host_find_failed_context(host, first->name)))
                        r = host_answer(host, PTEST_OUTCOME_NOT_RUN, why);
                else
                        return 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int host_send(ModuleHost *host) {
        bool sent = false;

        while (host->n_sent < host->n_pending) {
                const Pending *pending = &host->pending[host->first + host->n_sent];
                const ModuleRequestRecord record = {
                        .id = pending->id,
                        .op = pending->op,
                        .timeout_usec = pending->timeout_usec,
                        .grace_usec = host->options.grace_usec,
                        .isolate = pending->isolate,
                        .name_size = (uint32_t)strlen(pending->name),
                };
                int r;

                if (host_find_failed_context(host, pending->name))
                        break;
                if (sizeof(record) + record.name_size > MODULE_RING_RECORD_MAX / 2)
                        return -EMSGSIZE;
                memcpy(host->buffer, &record, sizeof(record));
                memcpy(host->buffer + sizeof(record), pending->name, record.name_size);
                r = module_ring_write(
                                &host->memory.area->requests,
                                host->buffer,
                                sizeof(record) + record.name_size);
                if (r == -EAGAIN)
                        break;
                if (r < 0)
                        return r;
                host->n_sent++;
                sent = true;
        }
        if (sent)
                (void)send(host->socket_fd, "t", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        return 0;
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
        if (atomic_load(&current->phase) == MODULE_PHASE_IDLE) {
                if (host->state != HOST_LEAVING)
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
        if (now < usec_add(started, timeout) || atomic_load(&current->sequence) != sequence)
                return;
        host->interrupted_sequence = sequence;
        host->interrupted_usec = now;
        atomic_store(&current->interrupt, sequence);
        (void)syscall(SYS_tgkill, host->pid, host->pid, MODULE_SIGNAL);
}

/* ---- Its end ---- */

/* The step that the host was at, as a record of its own; not yet judged. */
static void step_to_record(ModuleHost *host, ModuleResultRecord *record) {
        const ModuleCurrent *current = &host->memory.area->current;
        const uint64_t now = clock_monotonic(), started = atomic_load(&current->started_usec);

        *record = (ModuleResultRecord){
                .id = atomic_load(&current->id),
                .duration_usec = now > started ? now - started : 0,
                .out_start = atomic_load(&current->out_start),
                .err_start = atomic_load(&current->err_start),
                .out_end = module_memory_get_size(host->memory.out_fd),
                .err_end = module_memory_get_size(host->memory.err_fd),
                .trace_end = module_memory_get_size(host->memory.trace_fd),
                .exit_status = host->code == CLD_EXITED ? host->status : -1,
                .signal = host->code == CLD_EXITED || host->killed ? 0 : host->status,
        };
        record->start_usec = clock_realtime() - record->duration_usec;
}

static int death_judge(ModuleHost *host, Outcome *ret_outcome, char **ret_reason) {
        ModuleArea *area = host->memory.area;
        char buffer[FORMAT_MAX];
        int r;

        if (host->killed) {
                *ret_outcome = PTEST_OUTCOME_TIMEOUT;
                r = text_setf(ret_reason,
                              "ran into its time limit of %s and could not be interrupted",
                              format_time(buffer, atomic_load(&area->current.timeout_usec)));
        } else {
                *ret_outcome = host->code == CLD_EXITED ? PTEST_OUTCOME_ERROR : PTEST_OUTCOME_CRASH;
                r = module_crash_describe(&area->crash, host->code, host->status, ret_reason);
        }
        if (r < 0 || atomic_load(&area->verdict.state) != VERDICT_GIVEN)
                return r;
        /* An assertion had failed, and then it came to this. */
        _cleanup_free_ char *said = text_escape(
                        area->verdict.reason, strnlen(area->verdict.reason, MODULE_REASON_MAX));
        _cleanup_free_ char *ended = TAKE_PTR(*ret_reason);

        if (!said)
                return -ENOMEM;
        return text_setf(ret_reason, "%s; after: %s", ended, said);
}

static int host_note_failed_context(ModuleHost *host, const char *name, const char *reason) {
        int r;

        r = strv_extend(&host->failed_contexts, name);
        return r < 0 ? r :
                       strv_extendf(&host->failed_contexts,
                                    "set-up of context %s failed: %s",
                                    name,
                                    reason);
}

/* What ran when it ended has this outcome now. */
static int host_bury_step(ModuleHost *host, ModulePhase phase) {
        _cleanup_(texts_done) Texts texts = {};
        ModuleCurrent *current = &host->memory.area->current;
        const Pending *first = host_get_first(host);
        ModuleResultRecord record;
        Outcome outcome;
        int r;

        step_to_record(host, &record);
        r = death_judge(host, &outcome, &texts.reason);
        if (r < 0)
                return r;
        if (phase == MODULE_PHASE_LOAD)
                return text_setf(&host->load_error, "loading the module failed: %s", texts.reason);

        record.kind = phase == MODULE_PHASE_SET_UP      ? MODULE_RESULT_SET_UP :
                        phase == MODULE_PHASE_TEAR_DOWN ? MODULE_RESULT_TEAR_DOWN :
                                                          MODULE_RESULT_TEST;
        if (record.kind == MODULE_RESULT_TEST) {
                if (!first || first->op != MODULE_OP_TEST || first->id != record.id)
                        return 0;
                texts.name = strdup(first->name);
                if (atomic_load(&current->should_fail)) {
                        r = module_outcome_expect_failure(&outcome, NULL, &texts.reason);
                        if (r < 0)
                                return r;
                }
        } else
                texts.name = text_escape(
                                current->context,
                                strnlen(current->context, sizeof(current->context)));
        texts.dirty = strdup("");
        if (!texts.name || !texts.dirty)
                return -ENOMEM;
        record.outcome = outcome;
        if (phase == MODULE_PHASE_SET_UP) {
                r = host_note_failed_context(host, texts.name, texts.reason);
                if (r < 0)
                        return r;
        }
        host->n_sent = MAX(host->n_sent, (size_t)1);
        r = host_take_record(host, &record, &texts);
        if (r < 0 || phase != MODULE_PHASE_TEAR_DOWN || !first ||
            first->op != MODULE_OP_TEAR_DOWN || first->id != record.id)
                return r;
        /* The context went with its process. */
        return host_answer(host, outcome, texts.reason);
}

/* A host ended. What it said before holds. */
static int host_bury(ModuleHost *host) {
        const bool left = host->state == HOST_LEAVING;
        ModulePhase phase;
        int r;

        r = host_take_results(host);
        phase = atomic_load(&host->memory.area->current.phase);
        host->pid_fd = fd_close(host->pid_fd);
        host->socket_fd = fd_close(host->socket_fd);
        host->pid = 0;
        host->state = HOST_SWEEPING;
        if (r < 0 && r != -EBADMSG)
                return r;
        if (r >= 0 && phase != MODULE_PHASE_IDLE && phase < MODULE_PHASE_MAX) {
                r = host_bury_step(host, phase);
                if (r < 0 && r != -EBADMSG)
                        return r;
        } else if (r >= 0 && left)
                ;
        else if (++host->n_idle_deaths >= IDLE_DEATHS_MAX || r < 0) {
                _cleanup_free_ char *reason = NULL;

                r = module_crash_describe(
                                &host->memory.area->crash, host->code, host->status, &reason);
                host->n_sent = 0;
                if (r >= 0 && host_get_first(host))
                        r = host_answer(host, PTEST_OUTCOME_LOST, reason);
                if (r < 0)
                        return r;
                host->n_idle_deaths = 0;
        }
        host->n_sent = 0;
        return 0;
}

static int host_reap(ModuleHost *host) {
        siginfo_t info = {};

        if (waitid(P_PID, (id_t)host->pid, &info, WEXITED | WNOHANG) < 0)
                return -errno;
        if (info.si_pid == 0)
                return 0;
        host->code = info.si_code == CLD_DUMPED ? CLD_KILLED : info.si_code;
        host->status = info.si_status;
        return host_bury(host);
}

/* Until nothing is left of it. */
static void host_sweep(ModuleHost *host) {
        pid_t pid;

        descendants_kill();
        do
                pid = waitpid(-1, NULL, WNOHANG | __WALL);
        while (pid > 0);
        if (pid < 0 && errno == ECHILD)
                host->state = HOST_NONE;
}

/* ---- The loop ---- */

static void socket_drain(int fd) {
        char bytes[256];

        while (read(fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes))
                ;
}

int module_host_dispatch(ModuleHost *host) {
        int r;

        if (host->state == HOST_RUNNING || host->state == HOST_LEAVING) {
                socket_drain(host->socket_fd);
                r = host_take_results(host);
                /* Its memory was overwritten: nothing that it says can be trusted. */
                if (r == -EBADMSG)
                        host_kill(host);
                else if (r < 0)
                        return r;
                module_memory_punch_middle(&host->memory, host->options.output_max);
                host_look_at_time(host, clock_monotonic());
                r = host_reap(host);
                if (r < 0)
                        return r;
        }
        if (host->state == HOST_SWEEPING)
                host_sweep(host);
        r = host_answer_hopeless(host);
        if (r < 0)
                return r;
        if (host->state == HOST_NONE && host->n_pending > 0) {
                r = host_start(host);
                if (r < 0)
                        return r;
        }
        return host->state == HOST_RUNNING ? host_send(host) : 0;
}

void module_host_get_fds(const ModuleHost *host, struct pollfd fds[static MODULE_HOST_FDS_MAX]) {
        fds[0] = (struct pollfd){ .fd = host->socket_fd, .events = POLLIN };
        fds[1] = (struct pollfd){ .fd = host->pid_fd, .events = POLLIN };
}

uint64_t module_host_get_deadline(const ModuleHost *host) {
        if (host->state == HOST_NONE && host->n_pending == 0)
                return USEC_INFINITY;
        if (host->state == HOST_RUNNING && host->n_pending == 0)
                return USEC_INFINITY;
        return clock_monotonic() + TICK_USEC;
}

size_t module_host_count_pending(const ModuleHost *host) {
        return host->n_pending;
}

void module_host_begin_stop(ModuleHost *host) {
        if (host->state != HOST_RUNNING)
                return;
        (void)shutdown(host->socket_fd, SHUT_WR);
        host->state = HOST_LEAVING;
        host->leave_usec = USEC_INFINITY;
}

bool module_host_is_gone(const ModuleHost *host) {
        return host->state == HOST_NONE;
}

unsigned module_host_count_starts(const ModuleHost *host) {
        return host->n_starts;
}
