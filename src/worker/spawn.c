/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/text.h"

typedef enum SpawnStage {
        SPAWN_STAGE_NONE,
        SPAWN_STAGE_SETUP,
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
        pid_t pid; /* our own */
};

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
        *spawner = (Spawner){ .null_fd = -1, .pid = getpid() };

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

static void __attribute__((noreturn, noinline))
child_run(const Spawner *spawner, const SpawnSpec *spec) {
        sigset_t none;

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

int spawner_start(Spawner *spawner, const SpawnSpec *spec, pid_t *ret_pid) {
        pid_t pid;

        *spawner->failure = (SpawnFailure){};

        pid = vfork();
        if (pid == 0)
                child_run(spawner, spec);
        if (pid < 0)
                return -errno;
        *ret_pid = pid;
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
