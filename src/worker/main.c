/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * ptest-worker: becomes what a worker must be, and works
 *
 * Started by a coordinator only, with the fds of ptest/protocol.h. Nothing happens before its gate is opened:
 * until then it can be moved into its scope.
 */

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "config.h"
#include "ptest/protocol.h"
#include "worker/identity.h"
#include "worker/module-host.h"
#include "worker/module-list.h"
#include "worker/oom-log.h"
#include "worker/polite.h"
#include "worker/spawn.h"
#include "worker/stuck-report.h"
#include "worker/worker.h"

const char *argp_program_version = "ptest-worker " PTEST_VERSION;

typedef struct Arguments {
        const char *directory;
        const char *user;
        const char *list_module;
        const char *worker_set_up;
        const char *places;
        Politeness politeness;
        uint64_t recycle_memory;
        unsigned recycle_after;
        unsigned slot, generation;
        bool hands_back;
        bool no_test_cgroups;
        bool guard;
} Arguments;

enum {
        OPTION_DIRECTORY = 256,
        OPTION_SLOT,
        OPTION_GENERATION,
        OPTION_USER,
        OPTION_WORKER_SET_UP,
        OPTION_PLACES,
        OPTION_CPU_WEIGHT,
        OPTION_IO_WEIGHT,
        OPTION_OOM_SCORE,
        OPTION_NO_TEST_CGROUPS,
        OPTION_RECYCLE_AFTER,
        OPTION_RECYCLE_MEMORY,
        OPTION_HAND_BACK,
        OPTION_LIST_MODULE,
        OPTION_GUARD,
};

static const struct argp_option options[] = {
        {"directory",                                                              OPTION_DIRECTORY, "DIR", 0, "Where the coordinator's sockets are", 0 },
        { "slot",                                                                   OPTION_SLOT, "NUMBER", 0, "Slot of this worker, from 1", 0 },
        { "generation",                                   OPTION_GENERATION, "NUMBER", 0, "Generation in that slot, from 1", 0 },
        { "user",                                                                       OPTION_USER, "NAME", 0, "Become this user first", 0 },
        { "worker-set-up",
         OPTION_WORKER_SET_UP, "PATH",
         0, "A module whose set-up of workers each process for modules calls first",
         0 },
        { "recycle-after",                                                                       OPTION_RECYCLE_AFTER, "NUMBER", 0, "Be spent after so many tests", 0 },
        { "recycle-memory",
         OPTION_RECYCLE_MEMORY, "BYTES",
         0, "Be spent when grown by so much",
         0 },
        { "hand-back",
         OPTION_HAND_BACK, NULL,
         0, "Give back what waits behind a test that did not do well",
         0 },
        { "places",                                                                OPTION_PLACES, "DIR", 0, "Below which tests have their private places", 0 },
        { "cpu-weight",                                       OPTION_CPU_WEIGHT, "NUMBER", 0, "Be as nice as below 100", 0 },
        { "io-weight",                                                                       OPTION_IO_WEIGHT, "NUMBER", 0, "The same for input and output", 0 },
        { "oom-score",
         OPTION_OOM_SCORE, "NUMBER",
         0, "Be killed first for lack of memory, above 0",
         0 },
        { "no-test-cgroups",
         OPTION_NO_TEST_CGROUPS, NULL,
         0, "Leave tests in the cgroup of this worker",
         0 },
        { "list-module",
         OPTION_LIST_MODULE, "PATH",
         0, "Print what is in a test module, as JSON lines, and exit",
         0 },
        { "guard",                                                         OPTION_GUARD, NULL, 0, "Only end together with the coordinator", 0 },
        {},
};

static error_t argument_parse(int key, char *value, struct argp_state *state) {
        Arguments *arguments = state->input;

        switch (key) {
        case OPTION_DIRECTORY:
                arguments->directory = value;
                return 0;
        case OPTION_SLOT:
                if (parse_unsigned(value, UINT32_MAX, &arguments->slot) < 0)
                        argp_error(state, "not a slot: %s", value);
                return 0;
        case OPTION_GENERATION:
                if (parse_unsigned(value, UINT32_MAX, &arguments->generation) < 0)
                        argp_error(state, "not a generation: %s", value);
                return 0;
        case OPTION_USER:
                arguments->user = value;
                return 0;
        case OPTION_GUARD:
                arguments->guard = true;
                return 0;
        case OPTION_NO_TEST_CGROUPS:
                arguments->no_test_cgroups = true;
                return 0;
        case OPTION_PLACES:
                arguments->places = value;
                return 0;
        case OPTION_CPU_WEIGHT:
                if (parse_unsigned(value, 10000, &arguments->politeness.cpu_weight) < 0)
                        argp_error(state, "not a weight: %s", value);
                return 0;
        case OPTION_IO_WEIGHT:
                if (parse_unsigned(value, 10000, &arguments->politeness.io_weight) < 0)
                        argp_error(state, "not a weight: %s", value);
                return 0;
        case OPTION_OOM_SCORE:
                if (parse_int(value, &arguments->politeness.oom_score) < 0)
                        argp_error(state, "not a score: %s", value);
                return 0;
        case OPTION_WORKER_SET_UP:
                arguments->worker_set_up = value;
                return 0;
        case OPTION_RECYCLE_AFTER:
                if (parse_unsigned(value, UINT32_MAX, &arguments->recycle_after) < 0)
                        argp_error(state, "not a number of tests: %s", value);
                return 0;
        case OPTION_RECYCLE_MEMORY:
                if (parse_size(value, &arguments->recycle_memory) < 0)
                        argp_error(state, "not a size: %s", value);
                return 0;
        case OPTION_HAND_BACK:
                arguments->hands_back = true;
                return 0;
        case OPTION_LIST_MODULE:
                arguments->list_module = value;
                return 0;
        case ARGP_KEY_END:
                if (arguments->list_module)
                        return 0;
                if (arguments->guard)
                        return 0;
                if (!arguments->directory || arguments->slot == 0 || arguments->generation == 0)
                        argp_error(state, "--directory, --slot and --generation are needed");
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static const struct argp argp = {
        .options = options,
        .parser = argument_parse,
        .doc = "Runs tests for a coordinator. Started by ptest, not by hand.",
};

/* ---- What was inherited ---- */

static bool fd_is_of_type(int fd, mode_t type) {
        struct stat st;

        return fstat(fd, &st) >= 0 && (st.st_mode & S_IFMT) == type;
}

static int inherited_check(void) {
        if (!fd_is_of_type(PTEST_GATE_FD, S_IFSOCK) || !fd_is_of_type(PTEST_PAGE_FD, S_IFREG) ||
            !fd_is_of_type(PTEST_SPILL_FD, S_IFREG))
                return -EBADF;

        for (int fd = PTEST_GATE_FD; fd <= PTEST_SPILL_FD; fd++) {
                int r = fd_set_cloexec(fd, true);

                if (r < 0)
                        return r;
        }
        /* Nothing else is ours. Before Linux 5.9 (ENOSYS) we trust who started us. */
        (void)syscall(SYS_close_range, PTEST_SPILL_FD + 1, ~0U, 0);

        /* No fd of a test may get one of the first three numbers. */
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_NOCTTY) != fd)
                        return -EBADF;
        return 0;
}

/* True when it was opened, false when it was closed: the coordinator needs no worker any more. */
static bool gate_wait(void) {
        char byte;
        ssize_t n;

        do
                n = read(PTEST_GATE_FD, &byte, 1);
        while (n < 0 && errno == EINTR);
        return n == 1;
}

/* ---- What it becomes ---- */

static int process_prepare(void) {
        /* A test of the same user must not be able to look into its worker, or to write there. */
        if (prctl(PR_SET_DUMPABLE, 0) < 0)
                return -errno;
        if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
                return -errno;
        /* A stopped worker must see its gate close: it wakes up when its coordinator dies. */
        if (prctl(PR_SET_PDEATHSIG, SIGCONT) < 0)
                return -errno;
        return signals_prepare();
}

static int signal_fd_new(void) {
        sigset_t mask;
        int fd;

        /* SIGINT is for the coordinator, who shares our terminal: it is blocked and never looked at. */
        sigemptyset(&mask);
        sigaddset(&mask, SIGTERM);
        fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
        return fd < 0 ? -errno : fd;
}

static WorkerStatus run(const Arguments *arguments) {
        _cleanup_strv_ char **environment = NULL;
        /* As who we are started: others may not read it. */
        int r, signal_fd, log_fd = oom_log_open();

        /* As who we are started: the files of a process that became another user belong to root. */
        politeness_take(&arguments->politeness);
        if (arguments->user) {
                r = identity_become(arguments->user);
                if (r < 0) {
                        log_error_errno(r, "Failed to become user %s: %m", arguments->user);
                        return WORKER_STATUS_USER;
                }
        }
        r = identity_make_environment(environ, arguments->user, &environment);
        if (r < 0) {
                log_error_errno(r, "Failed to make the environment of tests: %m");
                return WORKER_STATUS_USER;
        }

        r = process_prepare();
        signal_fd = r < 0 ? r : signal_fd_new();
        if (signal_fd < 0) {
                log_error_errno(signal_fd, "Failed to prepare the worker: %m");
                return WORKER_STATUS_MACHINE;
        }
        return worker_run(&(WorkerOptions){
                        .directory = arguments->directory,
                        .slot = arguments->slot,
                        .generation = arguments->generation,
                        .environment = environment,
                        .worker_set_up = arguments->worker_set_up,
                        .places = arguments->places,
                        .no_test_cgroups = arguments->no_test_cgroups,
                        .recycle_after = arguments->recycle_after,
                        .hands_back = arguments->hands_back,
                        .recycle_memory = arguments->recycle_memory,
                        .gate_fd = PTEST_GATE_FD,
                        .page_fd = PTEST_PAGE_FD,
                        .spill_fd = PTEST_SPILL_FD,
                        .signal_fd = signal_fd,
                        .kernel_log_fd = MAX(log_fd, 0),
        });
}

/* Ends with the coordinator: by the signal also when it was stopped, by the pipe also when that was before the signal was asked for. */
static void __attribute__((noreturn)) guard(void) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                _exit(WORKER_STATUS_MACHINE);

        (void)gate_wait();
        _exit(WORKER_STATUS_GOOD);
}

/*
 * posix_spawn() leaves the two signals that the C library keeps for itself ignored in what it starts, and a
 * test would inherit that. sigaction() refuses them; there is no thread yet whose business they are.
 */
static void signals_of_libc_reset(void) {
        const unsigned long by_default
                        [4] = {}; /* the kernel's struct sigaction: SIG_DFL, no flags, no mask */

        for (int signo = __SIGRTMIN; signo < SIGRTMIN; signo++)
                (void)syscall(SYS_rt_sigaction, signo, by_default, NULL, _NSIG / 8);
}

int main(int argc, char **argv) {
        Arguments arguments = { .recycle_memory = SIZE_INFINITY };
        int r;

        signals_of_libc_reset();

        /* Not an option for people: how a worker starts the process that its tests run in. */
        if (argc > 1 && strcmp(argv[1], MODULE_HOST_OPTION) == 0)
                return module_host_main(argc, argv);

        /* Nor is this: how it finds out what a test is doing that does not end. */
        if (argc >= 3 && strcmp(argv[1], STUCK_REPORT_OPTION) == 0)
                return stuck_report_main(argv + 2);

        argp_err_exit_status = WORKER_STATUS_USAGE;
        argp_parse(&argp, argc, argv, 0, NULL, &arguments);

        if (arguments.guard)
                guard();

        if (arguments.list_module) {
                r = module_list(arguments.list_module);
                /* Not exit(): it is listed, and what its destructors do is no matter of a list. */
                (void)fflush(NULL);
                _exit(r < 0 ? WORKER_STATUS_MODULE : WORKER_STATUS_GOOD);
        }

        r = inherited_check();
        if (r < 0) {
                log_error_errno(r, "Worker was not started by ptest: %m");
                return WORKER_STATUS_USAGE;
        }
        if (!gate_wait())
                _exit(WORKER_STATUS_GOOD);

        /* Not exit(): nng's threads are alive, and its handlers could wait for them. */
        _exit(run(&arguments));
}
