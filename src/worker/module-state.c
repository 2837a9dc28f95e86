/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/module-state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/parse.h"
#include "basic/process.h"
#include "basic/strv.h"
#include "basic/text.h"

/* Real-time signals are left out: their handlers are rare, and each costs a system call. */
#define SIGNALS_END 32

/* What tests change, if they change any: looked at after each, as each costs a system call. */
static const int usual_signals[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGABRT, SIGUSR1, SIGSEGV,
                                     SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGCHLD };
static const int usual_limits[] = {
        RLIMIT_AS, RLIMIT_CORE, RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_STACK
};

/* All signals and limits are looked at once in so many tests: one of them did it. */
#define FULL_LOOK_EVERY 64U

/* Beyond these, fds are only counted. */
#define FDS_MAX 4096

/* The lines of one test; what is beyond says enough. */
#define LINES_DIRTY_MAX 16

/* Descendants seen at once. */
#define CHILDREN_MAX 1024

/* Two seconds in all: what is not gone by then goes with the host. */
#define KILL_ROUNDS_MAX 1000
#define KILL_PAUSE_USEC 2000

struct ModuleState {
        int out_fd, err_fd;   /* borrowed */
        int fd_directory;     /* /proc/self/fd; -1: no /proc */
        int task_directory;   /* /proc/self/task */
        bool size_counts_fds; /* Linux 6.2: the size of that directory is the number of fds */
        struct stat out, err; /* who they are; the sizes are those of the last look */

        unsigned n_looks; /* since the last full one */
        off_t n_fds;
        bool fds[FDS_MAX];
        nlink_t n_tasks;
        char directory[PATH_MAX];
        mode_t mask;
        sigset_t signals;
        void (*handlers[SIGNALS_END])(int);
        struct itimerval timer;
        struct rlimit limits[RLIM_NLIMITS];
        rlim_t data_before; /* the soft limit of data before any test had one of its own */
        bool has_data_max;
        uid_t user;
        char *locale;
        char **environ_seen; /* the pointers that environ had */
        size_t n_environ_seen;
        pid_t *children; /* that a fixture made */
        size_t n_children;
        char **environment; /* a copy */
};

ModuleState *module_state_free(ModuleState *state) {
        if (!state)
                return NULL;
        fd_close(state->fd_directory);
        fd_close(state->task_directory);
        strv_free(state->environment);
        free(state->environ_seen);
        free(state->children);
        free(state->locale);
        free(state);
        return NULL;
}

/* Out of the way of tests, which may expect the lowest numbers. */
static int directory_open(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int moved;

        if (fd < 0)
                return -errno;
        moved = fcntl(fd, F_DUPFD_CLOEXEC, 200);
        return moved < 0 ? TAKE_FD(fd) : moved;
}

static off_t lowest_free_fd(void) {
        int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);

        fd_close(fd);
        return fd;
}

/* A number that changes when an fd is left open, or missing */
static off_t fds_measure(const ModuleState *state) {
        struct stat st;

        if (state->size_counts_fds && fstat(state->fd_directory, &st) >= 0)
                return st.st_size;
        return lowest_free_fd();
}

static nlink_t tasks_measure(const ModuleState *state) {
        struct stat st;

        return state->task_directory >= 0 && fstat(state->task_directory, &st) >= 0 ? st.st_nlink :
                                                                                      0;
}

static void fds_list(bool fds[static FDS_MAX]) {
        DIR *directory = opendir("/proc/self/fd");

        memset(fds, 0, FDS_MAX * sizeof(bool));
        if (!directory)
                return;
        for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
                unsigned fd;

                if (parse_unsigned(entry->d_name, FDS_MAX - 1, &fd) >= 0 &&
                    (int)fd != dirfd(directory))
                        fds[fd] = true;
        }
        closedir(directory);
}

/* ---- The environment ---- */

static bool environment_is_same(const ModuleState *state) {
        size_t n = 0;

        if (!environ)
                return state->n_environ_seen == 0;
        while (n < state->n_environ_seen && environ[n] == state->environ_seen[n])
                n++;
        return n == state->n_environ_seen && !environ[n];
}

static int environment_take(ModuleState *state) {
        char **copy, **seen;
        size_t n = strv_length(environ);

        copy = strv_copy(environ);
        seen = malloc((n + 1) * sizeof(char *));
        if (!copy || !seen) {
                strv_free(copy);
                free(seen);
                return -ENOMEM;
        }
        if (n > 0)
                memcpy(seen, environ, n * sizeof(char *));
        strv_free(state->environment);
        free(state->environ_seen);
        state->environment = copy;
        state->environ_seen = seen;
        state->n_environ_seen = n;
        return 0;
}

/* ---- Taking ---- */

static void handlers_take(void (*handlers[static SIGNALS_END])(int)) {
        for (int signo = 1; signo < SIGNALS_END; signo++) {
                struct sigaction action = {};

                (void)sigaction(signo, NULL, &action);
                handlers[signo] = action.sa_handler;
        }
}

static mode_t umask_get(void) {
        mode_t mask = umask(0);

        (void)umask(mask);
        return mask;
}

/* Without a child at all: 0 at the price of one system call. */
static int children_list(pid_t **ret_pids, size_t *ret_count) {
        siginfo_t info = {};

        *ret_pids = NULL;
        *ret_count = 0;
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0)
                return 0;
        return process_list_descendants(getpid(), CHILDREN_MAX, ret_pids, ret_count);
}

int module_state_take(ModuleState *state) {
        _cleanup_free_ char *locale = NULL;
        int r;

        if (fstat(state->out_fd, &state->out) < 0 || fstat(state->err_fd, &state->err) < 0)
                return -errno;
        if (!getcwd(state->directory, sizeof(state->directory)))
                state->directory[0] = '\0';
        state->n_fds = fds_measure(state);
        fds_list(state->fds);
        state->n_tasks = tasks_measure(state);
        state->mask = umask_get();
        (void)sigprocmask(SIG_SETMASK, NULL, &state->signals);
        handlers_take(state->handlers);
        (void)getitimer(ITIMER_REAL, &state->timer);
        for (int i = 0; i < (int)RLIM_NLIMITS; i++)
                (void)getrlimit(i, &state->limits[i]);
        state->user = geteuid();

        free(state->children);
        r = children_list(&state->children, &state->n_children);
        if (r < 0)
                return r;

        locale = strdup(setlocale(LC_ALL, NULL) ?: "");
        if (!locale)
                return -ENOMEM;
        free(state->locale);
        state->locale = TAKE_PTR(locale);
        return environment_take(state);
}

int module_state_new(int out_fd, int err_fd, ModuleState **ret) {
        _cleanup_(module_state_freep) ModuleState *state = NULL;
        struct stat st;
        int r;

        state = calloc(1, sizeof(ModuleState));
        if (!state)
                return -ENOMEM;
        state->out_fd = out_fd;
        state->err_fd = err_fd;
        state->fd_directory = directory_open("/proc/self/fd");
        state->task_directory = directory_open("/proc/self/task");
        state->size_counts_fds = state->fd_directory >= 0 && fstat(state->fd_directory, &st) >= 0 &&
                        st.st_size > 0;
        r = module_state_take(state);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(state);
        return 0;
}

/* ---- Comparing ---- */

typedef struct Words {
        char **lines;
        int error;
} Words;

static void words_add(Words *words, const char *format, ...) _printf_(2, 3);

static void words_add(Words *words, const char *format, ...) {
        _cleanup_free_ char *line = NULL;
        va_list ap;

        if (words->error < 0 || strv_length(words->lines) >= LINES_DIRTY_MAX)
                return;
        va_start(ap, format);
        int n = vasprintf(&line, format, ap);
        va_end(ap);
        if (n < 0) {
                line = NULL;
                words->error = -ENOMEM;
                return;
        }
        words->error = strv_consume(&words->lines, text_escape(line, (size_t)n));
}

static void stream_compare(
                Words *words, int number, int own, struct stat *before, const char *name) {
        struct stat now;

        if (fstat(number, &now) < 0)
                words_add(words, "%s is closed", name);
        else if (now.st_ino != before->st_ino || now.st_dev != before->st_dev)
                words_add(words, "%s is another file", name);
        else {
                before->st_size = now.st_size;
                return;
        }
        if (fstat(own, &now) >= 0)
                before->st_size = now.st_size;
        (void)dup2(own, number);
}

static void fds_explain(const ModuleState *state, Words *words) {
        bool now[FDS_MAX];

        fds_list(now);
        for (int fd = 0; fd < FDS_MAX; fd++) {
                char path[64], target[256];
                ssize_t n;

                if (now[fd] == state->fds[fd])
                        continue;
                if (!now[fd]) {
                        words_add(words, "fd %d was closed", fd);
                        continue;
                }
                snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
                n = readlink(path, target, sizeof(target) - 1);
                words_add(words, "fd %d is open: %.*s", fd, (int)MAX(n, (ssize_t)0), target);
        }
        if (strv_length(words->lines) == 0)
                words_add(words, "other fds are open than before");
}

static const char *environment_find(char *const *environment, const char *entry) {
        size_t n = strcspn(entry, "=");

        strv_for_each(e, environment)
                if (strncmp(*e, entry, n) == 0 && (*e)[n] == entry[n])
                        return *e;
        return NULL;
}

static void environment_compare(ModuleState *state, Words *words) {
        if (environment_is_same(state))
                return;
        strv_for_each(entry, environ) {
                const char *before = environment_find(state->environment, *entry);

                if (!before)
                        words_add(words, "environment: %s was added", *entry);
                else if (strcmp(before, *entry) != 0)
                        words_add(words, "environment: %s, it was %s", *entry, before);
        }
        strv_for_each(entry, state->environment)
                if (!environment_find(environ, *entry))
                        words_add(words, "environment: %s was removed", *entry);
        /* Set and set back: other pointers, the same values. */
        if (words->error >= 0 && strv_length(words->lines) == 0)
                words->error = environment_take(state);
}

static void signals_compare(const ModuleState *state, Words *words) {
        sigset_t now;

        (void)sigprocmask(SIG_SETMASK, NULL, &now);
        if (memcmp(&now, &state->signals, NSIG / 8) != 0)
                for (int signo = 1; signo < NSIG; signo++) {
                        int is = sigismember(&now, signo);

                        if (is != sigismember(&state->signals, signo))
                                words_add(words,
                                          "%s is %s",
                                          signal_to_name(signo),
                                          is > 0 ? "blocked" : "not blocked any more");
                }
}

static void handler_compare(const ModuleState *state, int signo, const char *who, Words *words) {
        struct sigaction action = {};

        (void)sigaction(signo, NULL, &action);
        if (action.sa_handler != state->handlers[signo])
                words_add(words,
                          "%s %s%s",
                          signal_to_name(signo),
                          action.sa_handler == SIG_IGN                 ? "is ignored" :
                                          action.sa_handler == SIG_DFL ? "has lost its handler" :
                                                                         "has another handler",
                          who);
}

static void limit_compare(const ModuleState *state, int i, const char *who, Words *words) {
        static const char *const names[RLIM_NLIMITS] = {
                [RLIMIT_AS] = "AS",
                [RLIMIT_CORE] = "CORE",
                [RLIMIT_CPU] = "CPU",
                [RLIMIT_DATA] = "DATA",
                [RLIMIT_FSIZE] = "FSIZE",
                [RLIMIT_LOCKS] = "LOCKS",
                [RLIMIT_MEMLOCK] = "MEMLOCK",
                [RLIMIT_MSGQUEUE] = "MSGQUEUE",
                [RLIMIT_NICE] = "NICE",
                [RLIMIT_NOFILE] = "NOFILE",
                [RLIMIT_NPROC] = "NPROC",
                [RLIMIT_RSS] = "RSS",
                [RLIMIT_RTPRIO] = "RTPRIO",
                [RLIMIT_RTTIME] = "RTTIME",
                [RLIMIT_SIGPENDING] = "SIGPENDING",
                [RLIMIT_STACK] = "STACK",
        };

        const struct rlimit *before = &state->limits[i];
        struct rlimit now;

        if (getrlimit(i, &now) >= 0 &&
            (now.rlim_cur != before->rlim_cur || now.rlim_max != before->rlim_max))
                words_add(words,
                          "limit RLIMIT_%s is %llu:%llu, it was %llu:%llu%s",
                          names[i] ?: "?",
                          (unsigned long long)now.rlim_cur,
                          (unsigned long long)now.rlim_max,
                          (unsigned long long)before->rlim_cur,
                          (unsigned long long)before->rlim_max,
                          who);
}

void module_state_limit_data(ModuleState *state, uint64_t max) {
        struct rlimit limit;

        if ((max == 0 && !state->has_data_max) || getrlimit(RLIMIT_DATA, &limit) < 0)
                return;
        if (!state->has_data_max)
                state->data_before = limit.rlim_cur;
        state->has_data_max = max > 0;
        limit.rlim_cur = max > 0 ? MIN((rlim_t)max, state->data_before) : state->data_before;
        if (setrlimit(RLIMIT_DATA, &limit) >= 0)
                state->limits[RLIMIT_DATA] = limit;
}

static bool int_is_among(int value, const int *values, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (values[i] == value)
                        return true;
        return false;
}

/* The rare ones: which test it was is not known any more. */
static void rare_compare(const ModuleState *state, Words *words) {
        static const char who[] = " (by this test or one of the last 64)";

        for (int signo = 1; signo < SIGNALS_END; signo++)
                if (!int_is_among(signo, usual_signals, ELEMENTSOF(usual_signals)))
                        handler_compare(state, signo, who, words);
        for (int i = 0; i < (int)RLIM_NLIMITS; i++)
                if (!int_is_among(i, usual_limits, ELEMENTSOF(usual_limits)))
                        limit_compare(state, i, who, words);
}

static void settings_compare(ModuleState *state, Words *words) {
        signals_compare(state, words);
        for (size_t i = 0; i < ELEMENTSOF(usual_signals); i++)
                handler_compare(state, usual_signals[i], "", words);
        for (size_t i = 0; i < ELEMENTSOF(usual_limits); i++)
                limit_compare(state, usual_limits[i], "", words);
        if (++state->n_looks >= FULL_LOOK_EVERY) {
                state->n_looks = 0;
                rare_compare(state, words);
        }
}

static bool child_is_known(const ModuleState *state, pid_t pid) {
        for (size_t i = 0; i < state->n_children; i++)
                if (state->children[i] == pid)
                        return true;
        return false;
}

/* Dead ones, that nobody waited for; not those of a fixture, which may want to. */
static void children_reap(const ModuleState *state, Words *words) {
        for (unsigned i = 0; i < CHILDREN_MAX; i++) {
                siginfo_t info = {};

                if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 ||
                    info.si_pid == 0 || child_is_known(state, info.si_pid))
                        return;
                (void)waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG | __WALL);
                if (words)
                        words_add(words, "child %d ended and was not waited for", (int)info.si_pid);
        }
}

static void children_compare(const ModuleState *state, Words *words) {
        _cleanup_free_ pid_t *pids = NULL;
        siginfo_t info = {};
        size_t count = 0;

        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0)
                return;
        children_reap(state, words);
        if (children_list(&pids, &count) < 0)
                return;
        for (size_t i = 0; i < count; i++) {
                _cleanup_free_ char *command = NULL;

                if (child_is_known(state, pids[i]))
                        continue;
                (void)process_get_command(pids[i], &command);
                words_add(words, "child %d lives: %s", (int)pids[i], command ?: "?");
        }
}

void module_state_kill_children(const ModuleState *state) {
        /* Children of killed ones become ours, and are seen in the next round. */
        for (unsigned round = 0; round < KILL_ROUNDS_MAX; round++) {
                _cleanup_free_ pid_t *pids = NULL;
                size_t count = 0, n_killed = 0;

                if (children_list(&pids, &count) < 0)
                        return;
                for (size_t i = 0; i < count; i++)
                        if (!child_is_known(state, pids[i])) {
                                (void)kill(pids[i], SIGKILL);
                                n_killed++;
                        }
                children_reap(state, NULL);
                if (n_killed == 0)
                        return;
                usleep(KILL_PAUSE_USEC);
        }
}

int module_state_compare(ModuleState *state, char **ret_words) {
        Words words = {};
        char directory[PATH_MAX];
        struct itimerval timer;
        const char *locale;
        mode_t mask;

        stream_compare(&words, STDOUT_FILENO, state->out_fd, &state->out, "stdout");
        stream_compare(&words, STDERR_FILENO, state->err_fd, &state->err, "stderr");
        if (fds_measure(state) != state->n_fds)
                fds_explain(state, &words);
        environment_compare(state, &words);

        if (!getcwd(directory, sizeof(directory)))
                directory[0] = '\0';
        if (strcmp(directory, state->directory) != 0)
                words_add(&words,
                          "working directory is %s, it was %s",
                          directory[0] ? directory : "removed",
                          state->directory[0] ? state->directory : "removed");
        mask = umask(state->mask);
        if (mask != state->mask)
                words_add(&words, "umask is %03o, it was %03o", mask, state->mask);
        settings_compare(state, &words);
        if (getitimer(ITIMER_REAL, &timer) >= 0 &&
            timerisset(&timer.it_value) != timerisset(&state->timer.it_value))
                words_add(&words,
                          "an alarm is %s",
                          timerisset(&timer.it_value) ? "set" : "not set any more");
        if (geteuid() != state->user)
                words_add(&words,
                          "user is %u, it was %u",
                          (unsigned)geteuid(),
                          (unsigned)state->user);
        locale = setlocale(LC_ALL, NULL);
        if (locale && strcmp(locale, state->locale) != 0)
                words_add(&words, "locale is %s, it was %s", locale, state->locale);
        if (tasks_measure(state) > state->n_tasks)
                words_add(&words, "a thread lives");
        children_compare(state, &words);

        if (words.error < 0 || !words.lines) {
                strv_free(words.lines);
                *ret_words = NULL;
                return words.error;
        }
        *ret_words = strv_join(words.lines, "\n");
        strv_free(words.lines);
        return *ret_words ? 1 : -ENOMEM;
}

uint64_t module_state_out_size(const ModuleState *state) {
        return (uint64_t)state->out.st_size;
}

uint64_t module_state_err_size(const ModuleState *state) {
        return (uint64_t)state->err.st_size;
}
