/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/leak.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/file.h"
#include "basic/parse.h"
#include "basic/process.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "worker/sockets.h"

/* Of one process: those that are named, and those that are looked at. */
#define LEAK_NAMES_MAX 6U
#define LEAK_FILES_MAX 1024U

/* What one process has open, in words. */
typedef struct LeakView {
        char **listens;
        char **open;
        unsigned n_more; /* that are not named */
} LeakView;

/* What holds for all processes of a list. Ages are as of one moment: to look at a process takes its time. */
typedef struct LeakLook {
        const LeakPipes *pipes;
        Sockets *sockets;
        uint64_t now_usec; /* CLOCK_BOOTTIME */
} LeakLook;

static void look_done(LeakLook *look) {
        sockets_free(look->sockets);
}

static void view_done(LeakView *view) {
        strv_free(view->listens);
        strv_free(view->open);
}

static void closedirp(DIR **dir) {
        if (*dir)
                closedir(*dir);
}

/* ---- Age ---- */

/* The 22nd value of /proc/PID/stat: ticks since boot. What comes before may have any bytes, up to its last ')'. */
static int process_get_age(pid_t pid, uint64_t now_usec, uint64_t *ret) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        long ticks = sysconf(_SC_CLK_TCK);
        uint64_t start;
        const char *at;
        int r;

        r = text_setf(&path, "/proc/%d/stat", (int)pid);
        if (r >= 0)
                r = file_read(path, 64 * KIB, &text, NULL);
        if (r < 0)
                return r;
        at = strrchr(text, ')');
        for (unsigned i = 2; at && i < 22; i++)
                at = strchr(at + 1, ' ');
        if (!at || ticks <= 0)
                return -ENODATA;
        start = strtoull(at + 1, NULL, 10) * USEC_PER_SEC / (uint64_t)ticks;
        *ret = now_usec > start ? now_usec - start : 0;
        return 0;
}

/* ---- What it has open ---- */

static bool fd_has_inode(int fd, uint64_t inode) {
        struct stat st;

        return fd >= 0 && fstat(fd, &st) >= 0 && S_ISFIFO(st.st_mode) && st.st_ino == inode;
}

static int view_add(LeakView *view, char ***list, const char *text) {
        _cleanup_free_ char *safe = text_escape(text, strlen(text));

        if (!safe)
                return -ENOMEM;
        if (strv_contains(*list, safe))
                return 0;
        if (strv_length(*list) >= LEAK_NAMES_MAX) {
                view->n_more++;
                return 0;
        }
        return strv_extend(list, safe);
}

static int view_add_socket(LeakView *view, LeakLook *look, pid_t pid, uint64_t inode) {
        _cleanup_free_ char *what = NULL;
        bool listening = false;
        int r = sockets_ensure(&look->sockets, pid);

        if (r >= 0)
                r = sockets_describe(look->sockets, inode, &what, &listening);
        if (r == -ENOMEM)
                return r;
        return view_add(view, listening ? &view->listens : &view->open, what ?: "a socket");
}

/* Every process has /dev/null; events, timers and the like are its own matter. */
static bool target_is_dull(const char *target) {
        return strcmp(target, "/dev/null") == 0 || text_starts_with(target, "anon_inode:");
}

static int view_add_file(LeakView *view, LeakLook *look, pid_t pid, int dir_fd, const char *name) {
        char target[PATH_MAX];
        uint64_t inode;
        ssize_t n = readlinkat(dir_fd, name, target, sizeof(target) - 1);

        if (n < 0)
                return 0;
        target[n] = '\0';
        if (target_is_dull(target))
                return 0;
        if (sscanf(target, "socket:[%" SCNu64 "]", &inode) == 1)
                return view_add_socket(view, look, pid, inode);
        if (sscanf(target, "pipe:[%" SCNu64 "]", &inode) == 1) {
                if (fd_has_inode(look->pipes->out_fd, inode))
                        return view_add(view, &view->open, "the test's stdout");
                if (fd_has_inode(look->pipes->err_fd, inode))
                        return view_add(view, &view->open, "the test's stderr");
                return view_add(view, &view->open, "a pipe");
        }
        return view_add(view, &view->open, target);
}

/* Of a process that we may not look into nothing is told. */
static int view_fill(LeakView *view, LeakLook *look, pid_t pid) {
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_free_ char *path = NULL;
        unsigned number, n = 0;
        int r;

        r = text_setf(&path, "/proc/%d/fd", (int)pid);
        if (r < 0)
                return r;
        dir = opendir(path);
        if (!dir)
                return 0;
        for (struct dirent *entry = readdir(dir); entry && r >= 0; entry = readdir(dir))
                if (parse_unsigned(entry->d_name, INT_MAX, &number) >= 0 && n++ < LEAK_FILES_MAX)
                        r = view_add_file(view, look, pid, dirfd(dir), entry->d_name);
        return r;
}

/* ---- The lines ---- */

static int leak_add_words(char **details, const char *title, char *const *words, unsigned n_more) {
        _cleanup_free_ char *list = NULL, *begin = TAKE_PTR(*details), *more = NULL;
        int r = 0;

        if (strv_length(words) == 0) {
                *details = TAKE_PTR(begin);
                return 0;
        }
        list = strv_join(words, ", ");
        if (!list)
                return -ENOMEM;
        if (n_more > 0)
                r = text_setf(&more, ", %u more", n_more);
        return r < 0 ? r :
                       text_setf(details,
                                 "%s%s%s: %s%s",
                                 begin ?: "",
                                 begin ? "; " : "",
                                 title,
                                 list,
                                 more ?: "");
}

static int leak_describe(LeakLook *look, pid_t pid, char ***lines) {
        _cleanup_(view_done) LeakView view = {};
        _cleanup_free_ char *command = NULL, *details = NULL;
        char age[FORMAT_MAX], state;
        uint64_t usec;
        int r;

        if (process_get_state(pid, &state) < 0 || state == 'Z' || state == 'X')
                return 0;
        r = process_get_command(pid, &command);
        if (r < 0) /* gone since, or hidden from us */
                return r == -ENOMEM ? r : 0;
        r = view_fill(&view, look, pid);
        if (r >= 0 && process_get_age(pid, look->now_usec, &usec) >= 0)
                r = text_setf(&details, "%s old", format_time(age, usec));
        if (r >= 0)
                r = leak_add_words(&details, "listens", view.listens, 0);
        if (r >= 0)
                r = leak_add_words(&details, "open", view.open, view.n_more);
        if (r < 0)
                return r;
        return details ? strv_extendf(lines, "%d %s (%s)", (int)pid, command, details) :
                         strv_extendf(lines, "%d %s", (int)pid, command);
}

int leaks_describe(const pid_t *pids, size_t n, const LeakPipes *pipes, char ***ret) {
        _cleanup_(look_done) LeakLook look = {
                .pipes = pipes,
                .now_usec = clock_now(CLOCK_BOOTTIME),
        };
        _cleanup_strv_ char **lines = NULL;
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++) {
                if (strv_length(lines) == LEAKS_NAMED_MAX) {
                        r = strv_extendf(&lines, "and %zu more", n - i);
                        break;
                }
                r = leak_describe(&look, pids[i], &lines);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(lines);
        return 0;
}

int leaks_judge(LeakPolicy policy, Result *result) {
        size_t n = strv_length(result->leaks);
        _cleanup_free_ char *before = NULL;
        bool good = result->outcome == PTEST_OUTCOME_PASS ||
                        result->outcome == PTEST_OUTCOME_SKIP ||
                        result->outcome == PTEST_OUTCOME_XFAIL;

        if (n == 0)
                return 0;
        if (policy == LEAKS_IGNORE) {
                result->leaks = strv_free(result->leaks);
                result->marks &= ~(unsigned)PTEST_MARK_LEAKY;
                return 0;
        }
        result->marks |= PTEST_MARK_LEAKY;
        if (policy != LEAKS_FAIL || !good)
                return 0;

        result->outcome = PTEST_OUTCOME_FAIL;
        before = TAKE_PTR(result->reason);
        return result_set_reason(
                        result,
                        "%s%sleft something running: %s%s",
                        before ?: "",
                        before ? "; and " : "",
                        result->leaks[0],
                        n > 1 ? ", and others" : "");
}
