/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/fd.h"

struct Helper {
        pid_t pid;
        int output_fd; /* memfd */
        uint64_t deadline_usec;
};

typedef struct HelperSpec {
        char *const *argv;
        char *const *environment;
        int null_fd, output_fd;
        pid_t parent;
} HelperSpec;

/* ---- In the child: only what is async-signal-safe ---- */

static void __attribute__((noreturn, noinline)) child_run(const HelperSpec *spec) {
        sigset_t none;

        /* Not a session: a coordinator knows its own children by the one that they are in. */
        if (setpgid(0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != spec->parent)
                _exit(127);
        if (dup2(spec->null_fd, STDIN_FILENO) < 0 || dup2(spec->output_fd, STDOUT_FILENO) < 0 ||
            dup2(spec->null_fd, STDERR_FILENO) < 0)
                _exit(127);
        (void)syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
        sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        execve(spec->argv[0], spec->argv, spec->environment);
        _exit(127);
}

/* vfork() and not fork(): nothing of the caller is copied, and no handler of a library runs in the child. */
static pid_t __attribute__((noinline)) child_start(const HelperSpec *spec) {
        const pid_t pid = vfork();

        if (pid == 0)
                child_run(spec);
        return pid < 0 ? -errno : pid;
}

/* ---- */

/* Above the three that they become: dup2() of an fd to itself would leave it close-on-exec. */
static int fd_move_up(int *fd) {
        int moved;

        if (*fd < 0)
                return -errno;
        moved = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (moved < 0)
                return -errno;
        fd_close(*fd);
        *fd = moved;
        return 0;
}

int helper_start(
                char *const *argv, char *const *environment, uint64_t deadline_usec, Helper **ret) {
        _cleanup_(helper_freep) Helper *helper = NULL;
        _cleanup_close_ int null_fd = -1;
        HelperSpec spec;
        int r;

        helper = malloc(sizeof(*helper));
        if (!helper)
                return -ENOMEM;
        *helper = (Helper){ .output_fd = -1, .deadline_usec = deadline_usec };

        helper->output_fd = memfd_create("ptest-helper", MFD_CLOEXEC);
        r = fd_move_up(&helper->output_fd);
        if (r < 0)
                return r;
        null_fd = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
        if (null_fd <
            0) /* a bare chroot: what it says there is too much, and its owner reads only so much */
                null_fd = memfd_create("ptest-null", MFD_CLOEXEC);
        r = fd_move_up(&null_fd);
        if (r < 0)
                return r;

        spec = (HelperSpec){
                .argv = argv,
                .environment = environment,
                .null_fd = null_fd,
                .output_fd = helper->output_fd,
                .parent = getpid(),
        };
        r = child_start(&spec);
        if (r < 0)
                return r;
        helper->pid = r;
        *ret = TAKE_PTR(helper);
        return 0;
}

Helper *helper_free(Helper *helper) {
        if (!helper)
                return NULL;
        helper_kill(helper);
        fd_close(helper->output_fd);
        free(helper);
        return NULL;
}

pid_t helper_get_pid(const Helper *helper) {
        return helper->pid;
}

uint64_t helper_get_deadline(const Helper *helper) {
        return helper->deadline_usec;
}

void helper_kill(Helper *helper) {
        if (helper->pid <= 0)
                return;
        /* It is not reaped, so neither is its number another's; setpgid() made it the group's. */
        (void)kill(-helper->pid, SIGKILL);
        (void)kill(helper->pid, SIGKILL);
        helper->deadline_usec = USEC_INFINITY;
}

void helper_on_reaped(Helper *helper) {
        helper->pid = 0;
        helper->deadline_usec = USEC_INFINITY;
}

int helper_read(const Helper *helper, size_t max, char **ret_data, size_t *ret_size) {
        char *data = malloc(max + 1);
        size_t size = 0;

        if (!data)
                return -ENOMEM;
        while (size < max) {
                ssize_t n = pread(helper->output_fd, data + size, max - size, (off_t)size);

                if (n < 0) {
                        const int error = errno;

                        free(data);
                        return -error;
                }
                if (n == 0)
                        break;
                size += (size_t)n;
        }
        data[size] = '\0';
        *ret_data = data;
        *ret_size = size;
        return 0;
}
