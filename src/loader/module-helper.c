/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Listing a module in a child
 *
 * Between this process and the one that loads the module stands a supervisor, a fork of this process: it is the
 * sub-reaper of whatever the module starts, so that it finds all of it, and can end it without touching other children
 * of ours. It looks at its child every few milliseconds, and at whether we are still there.
 */

#include "loader/module-helper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/file.h"
#include "basic/process.h"
#include "basic/text.h"

#define LOOK_MSEC 2

/* A million tests with all that can be said of them have room. */
#define OUTPUT_MAX (512 * MIB)
/* What a module prints as it is loaded; of it only the end is shown. */
#define ERRORS_MAX (4 * MIB)
#define WORDS_MAX  (16U * 1024U)
#define LINE_SHOWN 1000U

/* How long what was killed may take to be gone: a process in the kernel takes its time. */
#define GONE_TIMEOUT_USEC (5 * USEC_PER_SEC)
#define GONE_LOOK_MAX     1000U

/* WORKER_STATUS_MODULE: the last line says why. */
#define MODULE_HELPER_REFUSED 72

/* What the supervisor and this process tell each other; in memory that both have. */
typedef struct Ending {
        bool cancelled; /* by this process */
        bool ended;     /* status is there */
        int status;
        bool late;
        bool flooded;
} Ending;

typedef struct Listing {
        const ModuleHelper *helper;
        int null_fd, output_fd, errors_fd;
        const char *user; /* NULL: the groups are dropped */
        bool changes_user;
        uid_t uid;
        gid_t gid;
        pid_t parent;
        Ending *ending; /* shared memory */
} Listing;

static void listing_done(Listing *listing) {
        fd_close(listing->null_fd);
        fd_close(listing->output_fd);
        fd_close(listing->errors_fd);
        if (listing->ending)
                munmap(listing->ending, sizeof(Ending));
}

/* ---- The child that loads it ---- */

static int child_change_user(const Listing *listing) {
        int r = listing->user ? initgroups(listing->user, listing->gid) : setgroups(0, NULL);

        if (r < 0 || setresgid(listing->gid, listing->gid, listing->gid) < 0 ||
            setresuid(listing->uid, listing->uid, listing->uid) < 0)
                return -errno;
        return 0;
}

_Noreturn static void child_fail(const char *what, const char *name) {
        dprintf(STDERR_FILENO, "%s %s: %s\n", what, name, strerror(errno));
        _exit(127);
}

_Noreturn static void child_exec(const Listing *listing) {
        const ModuleHelper *helper = listing->helper;
        const char *const argv[] = { helper->worker, "--list-module", helper->path, NULL };
        sigset_t none;

        if (dup2(listing->null_fd, STDIN_FILENO) < 0 ||
            dup2(listing->output_fd, STDOUT_FILENO) < 0 ||
            dup2(listing->errors_fd, STDERR_FILENO) < 0)
                _exit(127);
        (void)signal(SIGPIPE, SIG_DFL);
        (void)signal(SIGXFSZ, SIG_DFL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (listing->changes_user && child_change_user(listing) < 0)
                child_fail("cannot become user", listing->user ? listing->user : "of the file");
        if (helper->workdir && chdir(helper->workdir) < 0)
                child_fail("cannot change to", helper->workdir);
        execve(helper->worker, (char *const *)argv, helper->environment);
        child_fail("cannot execute", helper->worker);
}

/* ---- The supervisor ---- */

static bool fd_has_more_than(int fd, uint64_t max) {
        struct stat st;

        return fstat(fd, &st) >= 0 && (uint64_t)st.st_size > max;
}

/* Whatever is left of the module's doings; all of it is a descendant of this process. */
static void supervisor_clear(pid_t pid) {
        const uint64_t deadline = clock_monotonic() + GONE_TIMEOUT_USEC;
        const pid_t self = getpid();
        size_t n;

        (void)kill(-pid, SIGKILL);
        do {
                _cleanup_free_ pid_t *pids = NULL;

                n = 0;
                /* One that ends as it is looked at is no reason to leave the others. */
                if (process_list_descendants(self, GONE_LOOK_MAX, &pids, &n) < 0)
                        n = 0;
                for (size_t i = 0; i < n; i++)
                        (void)kill(pids[i], SIGKILL);
                while (waitpid(-1, NULL, WNOHANG) > 0)
                        ;
                /* What cannot be listed may still be waited for. */
                if (n == 0 && waitid(P_ALL, 0, &(siginfo_t){}, WEXITED | WNOHANG | WNOWAIT) == 0)
                        n = 1;
                if (n > 0)
                        (void)poll(NULL, 0, 1);
        } while (n > 0 && clock_monotonic() < deadline);
}

static void supervisor_watch(const Listing *listing, pid_t pid) {
        Ending *ending = listing->ending;
        const uint64_t now = clock_monotonic();
        const uint64_t deadline = usec_add(now, listing->helper->timeout_usec);

        for (;;) {
                pid_t gone = waitpid(pid, &ending->status, WNOHANG);

                if (gone == pid)
                        ending->ended = true;
                if (gone != 0 && !(gone < 0 && errno == EINTR))
                        return;
                ending->late = clock_monotonic() >= deadline;
                ending->flooded = fd_has_more_than(listing->output_fd, OUTPUT_MAX) ||
                                fd_has_more_than(listing->errors_fd, ERRORS_MAX);
                if (ending->late || ending->flooded || ending->cancelled ||
                    getppid() != listing->parent)
                        return;
                (void)poll(NULL, 0, LOOK_MSEC);
        }
}

/* A fork of a process with one thread: it may call what it likes. */
_Noreturn static void supervisor_run(const Listing *listing) {
        pid_t pid;

        if (setsid() < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
                _exit(1);
        pid = fork();
        if (pid < 0)
                _exit(1);
        if (pid == 0) {
                (void)setpgid(0, 0);
                child_exec(listing);
        }
        (void)setpgid(pid, pid);
        supervisor_watch(listing, pid);
        supervisor_clear(pid);
        _exit(0);
}

/* ---- This process ---- */

static int fd_above_standard(int fd) {
        int moved;

        if (fd < 0)
                return -errno;
        moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        fd_close(fd);
        return moved < 0 ? -errno : moved;
}

static int listing_open(Listing *listing) {
        listing->output_fd = fd_above_standard(memfd_create("ptest-module", MFD_CLOEXEC));
        listing->errors_fd = fd_above_standard(memfd_create("ptest-module-errors", MFD_CLOEXEC));
        listing->null_fd = fd_above_standard(open("/dev/null", O_RDWR | O_CLOEXEC));
        if (listing->output_fd < 0)
                return listing->output_fd;
        if (listing->errors_fd < 0)
                return listing->errors_fd;
        if (listing->null_fd < 0)
                return listing->null_fd;

        void *memory = mmap(
                        NULL,
                        sizeof(Ending),
                        PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS,
                        -1,
                        0);
        if (memory == MAP_FAILED)
                return -errno;
        listing->ending = memory;
        return 0;
}

/* Who owns a module decides what its tests are, but root must not run it with more rights than that owner has. */
static int listing_find_user(Listing *listing, char **why) {
        const char *name = listing->helper->user;
        const struct passwd *user;
        struct stat st;
        int r;

        if (geteuid() != 0)
                return 0;
        if (!name) {
                if (stat(listing->helper->path, &st) < 0)
                        return 0; /* the dynamic loader has the words for it */
                listing->changes_user = st.st_uid != 0;
                listing->uid = st.st_uid;
                listing->gid = st.st_gid;
                return 0;
        }
        user = getpwnam(name);
        if (!user) {
                r = text_setf(why, "there is no user %s to load it as", name);
                return r < 0 ? r : -ELIBBAD;
        }
        listing->user = name;
        listing->changes_user = user->pw_uid != 0;
        listing->uid = user->pw_uid;
        listing->gid = user->pw_gid;
        return 0;
}

/* Somebody asks us to end, by a signal that is blocked until the run has begun. */
static bool signal_is_pending(void) {
        sigset_t set;

        return sigpending(&set) >= 0 &&
                        (sigismember(&set, SIGINT) || sigismember(&set, SIGTERM) ||
                         sigismember(&set, SIGHUP));
}

/* -EINTR: it was given up */
static int supervisor_wait(const Listing *listing, pid_t pid) {
        for (;;) {
                pid_t gone = waitpid(pid, NULL, WNOHANG);

                if (gone < 0 && errno != EINTR)
                        return -errno;
                if (gone == pid)
                        return listing->ending->cancelled ? -EINTR : 0;
                listing->ending->cancelled |= signal_is_pending();
                (void)poll(NULL, 0, LOOK_MSEC);
        }
}

static int listing_supervise(Listing *listing) {
        pid_t pid;

        listing->parent = getpid();
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                supervisor_run(listing);
        return supervisor_wait(listing, pid);
}

/* ---- How it ended, in words ---- */

/* As glibc writes them: "PROGRAM(+0x1181)[0x55f3af6a4181]" */
static bool line_is_of_backtrace(const char *line) {
        return strstr(line, "[0x") && text_ends_with(line, "]");
}

/* The last line that says something; cuts what is behind it. */
static char *text_find_last_line(char *text) {
        for (;;) {
                char *line, *newline;

                text = text_strip(text);
                newline = strrchr(text, '\n');
                line = newline ? newline + 1 : text;
                if (!newline || !line_is_of_backtrace(line))
                        return line;
                *newline = '\0';
        }
}

/* The last line that it wrote on stderr, without the name of the program in front; "" if there is none. */
static int errors_get_last(const Listing *listing, char **ret) {
        _cleanup_free_ char *text = calloc(1, WORDS_MAX + 1), *prefix = NULL;
        struct stat st;
        ssize_t n;
        int r;

        if (!text)
                return -ENOMEM;
        if (fstat(listing->errors_fd, &st) < 0)
                return -errno;
        n = pread(listing->errors_fd, text, WORDS_MAX, MAX(st.st_size - (off_t)WORDS_MAX, 0));
        if (n < 0)
                return -errno;
        for (ssize_t i = 0; i < n; i++)
                if (text[i] == '\0')
                        text[i] = ' ';
        r = text_setf(&prefix, "%s: ", path_basename(listing->helper->worker));
        if (r < 0)
                return r;

        const char *last = text_find_last_line(text);

        if (text_starts_with(last, prefix))
                last += strlen(prefix);
        *ret = strndup(last, LINE_SHOWN);
        return *ret ? 0 : -ENOMEM;
}

static int listing_explain(const Listing *listing, const char *last, char **ret) {
        const Ending *ending = listing->ending;
        const double seconds = (double)listing->helper->timeout_usec / (double)USEC_PER_SEC;
        const char *separator = *last ? "; it said: " : "";

        if (ending->late)
                return text_setf(
                                ret,
                                "was not loaded within %.3g s: a constructor of it hangs, or PTEST_POPULATE does%s%s",
                                seconds,
                                separator,
                                last);
        if (ending->flooded)
                return text_setf(ret, "wrote too much as it was loaded%s%s", separator, last);
        if (!ending->ended)
                return text_setf(ret, "no process could be started to load it");
        if (WIFSIGNALED(ending->status))
                return text_setf(
                                ret,
                                "ended by SIG%s as it was loaded%s%s",
                                sigabbrev_np(WTERMSIG(ending->status)) ?: "?",
                                separator,
                                last);
        if (WEXITSTATUS(ending->status) == MODULE_HELPER_REFUSED && *last)
                return text_setf(ret, "%s", last);
        if (WEXITSTATUS(ending->status) != 0)
                return text_setf(
                                ret,
                                "exited with status %d as it was loaded%s%s",
                                WEXITSTATUS(ending->status),
                                separator,
                                last);
        return 0;
}

int module_helper_run(const ModuleHelper *helper, int *ret_fd, char **ret_why) {
        _cleanup_(listing_done) Listing listing = {
                .helper = helper, .null_fd = -1, .output_fd = -1, .errors_fd = -1
        };
        _cleanup_free_ char *last = NULL, *why = NULL;
        int r;

        r = listing_find_user(&listing, ret_why);
        if (r < 0)
                return r;
        r = listing_open(&listing);
        if (r >= 0)
                r = listing_supervise(&listing);
        if (r == -EINTR) {
                r = text_setf(ret_why, "interrupted as it was loaded");
                return r < 0 ? r : -ELIBBAD;
        }
        if (r >= 0)
                r = errors_get_last(&listing, &last);
        if (r >= 0)
                r = listing_explain(&listing, last, &why);
        if (r >= 0 && lseek(listing.output_fd, 0, SEEK_SET) < 0)
                r = -errno;
        if (r < 0)
                return r;
        *ret_why = TAKE_PTR(why);
        *ret_fd = TAKE_FD(listing.output_fd);
        return 0;
}
