/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/text.h"
#include "worker/cgroup-cell.h"

typedef enum SpawnStage {
        SPAWN_STAGE_NONE,
        SPAWN_STAGE_SETUP,
        SPAWN_STAGE_CELL,
        SPAWN_STAGE_CHDIR,
        SPAWN_STAGE_EXEC,
} SpawnStage;

/* How far a failed child came. In shared memory: where vfork() is a fork() (valgrind) it arrives as well. */
typedef struct SpawnFailure {
        SpawnStage stage;
        int error;
} SpawnFailure;

struct Spawner {
        SpawnFailure *failure; /* mapped */
        int null_fd;
        int enter_fd; /* weak: the cell's, which the child being started is to enter by itself; -1: none */
        bool lacks_clone; /* the kernel cannot start a process in a cell, or nobody may ask it to */
        pid_t pid;        /* our own */
};

/* A limit from which on what a program needs before it runs is no matter; arguments of the largest size included. */
#define CELL_MEMORY_SMALL (16 * MIB)

/* What a shell has for a command that it cannot find; nobody reads it, the failure is told by SpawnFailure. */
#define SPAWN_FAILED_STATUS 127

int signals_prepare(void) {
        struct sigaction action = { .sa_handler = SIG_DFL };
        sigset_t all;

        sigfillset(&all);
        if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
                return -errno;
        for (int signo = 1; signo <= SIGRTMAX; signo++)
                /* SIGKILL, SIGSTOP and libc's own two refuse. */
                (void)sigaction(signo, &action, NULL);
        return 0;
}

int spawner_new(Spawner **ret) {
        _cleanup_(spawner_freep) Spawner *spawner = NULL;
        void *shared = NULL;

        spawner = malloc(sizeof(*spawner));
        if (!spawner)
                return -ENOMEM;
        *spawner = (Spawner){ .null_fd = -1, .enter_fd = -1, .pid = getpid() };

        shared = mmap(NULL,
                      sizeof(SpawnFailure),
                      PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS,
                      -1,
                      0);
        if (shared == MAP_FAILED)
                return -errno;
        spawner->failure = shared;

        spawner->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (spawner->null_fd < 0) {
                /* In a bare chroot: a pipe that nobody writes to is at its end as well. */
                int fds[2];

                if (pipe2(fds, O_CLOEXEC) < 0)
                        return -errno;
                spawner->null_fd = fds[0];
                fd_close(fds[1]);
        }

        *ret = TAKE_PTR(spawner);
        return 0;
}

Spawner *spawner_free(Spawner *spawner) {
        if (!spawner)
                return NULL;
        fd_close(spawner->null_fd);
        if (spawner->failure)
                munmap(spawner->failure, sizeof(SpawnFailure));
        free(spawner);
        return NULL;
}

/* ---- In the child: only what is async-signal-safe ---- */

static void __attribute__((noreturn)) child_fail(const Spawner *spawner, SpawnStage stage) {
        spawner->failure->error = errno;
        spawner->failure->stage = stage;
        _exit(SPAWN_FAILED_STATUS);
}

/* dup2(fd, fd) would leave the fd close-on-exec. */
static void child_move_fd(const Spawner *spawner, int fd, int to) {
        int r = fd == to ? fcntl(fd, F_SETFD, 0) : dup2(fd, to);

        if (r < 0)
                child_fail(spawner, SPAWN_STAGE_SETUP);
}

/* Where it could not be born in its cell. */
static void child_enter_cell(const Spawner *spawner, int cell_fd) {
        int fd = openat(cell_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, "0", 1) < 0)
                child_fail(spawner, SPAWN_STAGE_CELL);
        close(fd);
}

static void child_limit_data(const Spawner *spawner, uint64_t bytes) {
        const struct rlimit limit = { .rlim_cur = bytes, .rlim_max = bytes };

        if (setrlimit(RLIMIT_DATA, &limit) < 0)
                child_fail(spawner, SPAWN_STAGE_SETUP);
}

static void __attribute__((noreturn, noinline))
child_run(const Spawner *spawner, const SpawnSpec *spec) {
        const char *slash = strrchr(spec->argv[0], '/');
        sigset_t none;

        /* Who dies before it is its program, at a limit of memory, is named after that in the kernel's log. */
        (void)prctl(PR_SET_NAME, slash ? slash + 1 : spec->argv[0]);

        if (spawner->enter_fd >= 0)
                child_enter_cell(spawner, spawner->enter_fd);
        if (spec->data_max > 0)
                child_limit_data(spawner, spec->data_max);

        if (setsid() < 0)
                child_fail(spawner, SPAWN_STAGE_SETUP);

        /* The worker may be killed at any moment: between fork and prctl() as well, hence the second question. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                child_fail(spawner, SPAWN_STAGE_SETUP);
        if (getppid() != spawner->pid)
                _exit(SPAWN_FAILED_STATUS);

        child_move_fd(spawner, spawner->null_fd, STDIN_FILENO);
        child_move_fd(spawner, spec->out_fd, STDOUT_FILENO);
        child_move_fd(spawner, spec->err_fd, STDERR_FILENO);
        /* All others are close-on-exec already; this is for those that a library forgot. Before Linux 5.9: -ENOSYS */
        (void)syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);

        if (spec->workdir && chdir(spec->workdir) < 0)
                child_fail(spawner, SPAWN_STAGE_CHDIR);

        sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        execve(spec->argv[0], spec->argv, spec->environment);
        child_fail(spawner, SPAWN_STAGE_EXEC);
}

/* ---- */

/*
 * vfork() into a cgroup. The child runs on our stack while we stand still, so that there must be no return between the
 * system call and child_run(): hence not by syscall(). The C library has no function for it.
 */
#if defined(__x86_64__)
#        define CLONE_IS_VFORK (CLONE_VM | CLONE_VFORK)
static long __attribute__((noinline))
cell_clone(const Spawner *spawner, const SpawnSpec *spec, struct clone_args *args) {
        long pid;

        __asm__ volatile("syscall"
                         : "=a"(pid)
                         : "0"((long)SYS_clone3), "D"(args), "S"(sizeof(*args))
                         : "rcx", "r11", "memory");
        if (pid == 0)
                child_run(spawner, spec);
        return pid;
}
#elif defined(__aarch64__)
#        define CLONE_IS_VFORK (CLONE_VM | CLONE_VFORK)
static long __attribute__((noinline))
cell_clone(const Spawner *spawner, const SpawnSpec *spec, struct clone_args *args) {
        register long number __asm__("x8") = SYS_clone3;
        register long first __asm__("x0") = (long)args;
        register long second __asm__("x1") = sizeof(*args);

        __asm__ volatile("svc 0" : "+r"(first) : "r"(number), "r"(second) : "memory");
        if (first == 0)
                child_run(spawner, spec);
        return first;
}
#else
/* A copy of the address space is not touched by who returns. */
#        define CLONE_IS_VFORK 0
static long __attribute__((noinline))
cell_clone(const Spawner *spawner, const SpawnSpec *spec, struct clone_args *args) {
        long pid = syscall(SYS_clone3, args, sizeof(*args));

        if (pid == 0)
                child_run(spawner, spec);
        return pid < 0 ? -errno : pid;
}
#endif

/*
 * Until it is its program the child has our address space. The kernel kills all that have one of a victim for lack of
 * memory: where the limit is so small that it could be that early, the child gets a copy.
 */
static long spawner_clone_into_cell(Spawner *spawner, const SpawnSpec *spec) {
        bool is_small = spec->cell_memory_max != 0 && spec->cell_memory_max < CELL_MEMORY_SMALL;
        struct clone_args args = {
                .flags = CLONE_INTO_CGROUP | (is_small ? 0 : CLONE_IS_VFORK),
                .exit_signal = SIGCHLD,
                .cgroup = (uint64_t)cell_get_fd(spec->cell),
        };

        return cell_clone(spawner, spec, &args);
}

/* Not vfork(), for the same reason: to move itself it must be in no cell, but all until its program is there counts. */
static pid_t spawner_fork_for_cell(Spawner *spawner, const SpawnSpec *spec) {
        pid_t pid;

        spawner->enter_fd = cell_get_fd(spec->cell);
        pid = fork();
        if (pid == 0)
                child_run(spawner, spec);
        spawner->enter_fd = -1;
        return pid < 0 ? -errno : pid;
}

static long spawner_start_in_cell(Spawner *spawner, const SpawnSpec *spec) {
        long pid = spawner->lacks_clone ? -ENOSYS : spawner_clone_into_cell(spawner, spec);

        /* Before Linux 5.7: one of the first two. EPERM: a filter of system calls; ENOENT, EBUSY are the cell's. */
        if (pid == -ENOSYS || pid == -E2BIG || pid == -EINVAL || pid == -EPERM) {
                spawner->lacks_clone = true;
                pid = spawner_fork_for_cell(spawner, spec);
        }
        return pid;
}

static long __attribute__((noinline)) spawner_vfork(Spawner *spawner, const SpawnSpec *spec) {
        pid_t pid = vfork();

        if (pid == 0)
                child_run(spawner, spec);
        return pid < 0 ? -errno : pid;
}

int spawner_start(Spawner *spawner, const SpawnSpec *spec, pid_t *ret_pid) {
        long pid;

        *spawner->failure = (SpawnFailure){};

        pid = spec->cell ? spawner_start_in_cell(spawner, spec) : spawner_vfork(spawner, spec);
        if (pid < 0)
                return (int)pid;
        *ret_pid = (pid_t)pid;
        return 0;
}

/* The interpreter in a program's first line, NULL if there is none; *ret is owned by the caller. */
static int program_find_interpreter(const char *path, char **ret) {
        _cleanup_close_ int fd = -1;
        _cleanup_free_ char *name = NULL;
        char line[1024]; /* the kernel looks at 256 bytes */
        ssize_t n;
        const char *start;
        char *end;

        *ret = NULL;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return 0;
        n = read(fd, line, sizeof(line) - 1);
        if (n < 2 || line[0] != '#' || line[1] != '!')
                return 0;
        line[n] = 0;
        end = strchr(line, '\n');
        if (end)
                *end = 0;
        start = line + 2 + strspn(line + 2, " \t");
        /* A carriage return is part of the name for the kernel, and shown. */
        name = text_escape(start, strcspn(start, " \t"));
        if (!name)
                return -ENOMEM;
        *ret = TAKE_PTR(name);
        return 0;
}

/* A program that is there and yet "No such file or directory": what it needs is missing. */
static int explain_missing(const char *path, const char *shown, char **ret) {
        _cleanup_free_ char *interpreter = NULL;
        int r;

        if (access(path, F_OK) < 0)
                return text_setf(ret, "cannot execute %s: No such file or directory", shown);

        r = program_find_interpreter(path, &interpreter);
        if (r < 0)
                return r;
        if (interpreter)
                return text_setf(
                                ret,
                                "cannot execute %s: its interpreter %s is missing%s",
                                shown,
                                interpreter,
                                text_ends_with(interpreter, "\\r") ?
                                                "; the script has the line ends of DOS" :
                                                "");
        return text_setf(ret, "cannot execute %s: the loader that it needs is missing", shown);
}

static int explain_exec(const SpawnSpec *spec, int error, char **ret) {
        _cleanup_free_ char *path = NULL, *shown = NULL;
        int r;

        shown = text_escape(spec->argv[0], strlen(spec->argv[0]));
        if (!shown)
                return -ENOMEM;
        r = path_join(spec->workdir, spec->argv[0], &path);
        if (r < 0)
                return r;

        if (error == ENOENT)
                return explain_missing(path, shown, ret);
        if (error == ENOEXEC)
                return text_setf(
                                ret,
                                "cannot execute %s: neither a program of this machine nor a script with #!",
                                shown);
        return text_setf(ret, "cannot execute %s: %s", shown, strerror(error));
}

int spawner_explain(Spawner *spawner, const SpawnSpec *spec, char **ret) {
        _cleanup_free_ char *shown = NULL;

        switch (spawner->failure->stage) {
        case SPAWN_STAGE_NONE:
                *ret = NULL;
                return 0;
        case SPAWN_STAGE_CHDIR:
                shown = text_escape(spec->workdir, strlen(spec->workdir));
                if (!shown)
                        return -ENOMEM;
                *ret = NULL;
                return text_setf(
                                ret,
                                "cannot change to the directory %s: %s",
                                shown,
                                strerror(spawner->failure->error));
        case SPAWN_STAGE_EXEC:
                *ret = NULL;
                return explain_exec(spec, spawner->failure->error, ret);
        default:
                return spawn_explain_error(spec, -spawner->failure->error, ret);
        }
}

int spawn_explain_error(const SpawnSpec *spec, int error, char **ret) {
        _cleanup_free_ char *shown = NULL;

        shown = text_escape(spec->argv[0], strlen(spec->argv[0]));
        if (!shown)
                return -ENOMEM;
        *ret = NULL;
        return text_setf(ret, "cannot start %s: %s", shown, strerror(-error));
}
