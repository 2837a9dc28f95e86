/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking at processes through /proc
 *
 * A process may go at any moment: whatever then fails (no such file, ESRCH from a file that was open) is
 * -ESRCH for the caller.
 */
#include "basic/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/array.h"
#include "basic/fd.h"
#include "basic/file.h"
#include "basic/macros.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "basic/text.h"

/* Of a command line; more says nothing to a person. */
#define COMMAND_MAX ((size_t)1024)

/* Of files in /proc; the largest is a list of children, 11 bytes each. */
#define PROC_FILE_MAX ((size_t)4 * 1024 * 1024)

static void closedirp(DIR **dir) {
        if (*dir)
                closedir(*dir);
}

#define _cleanup_closedir_ _cleanup_(closedirp)

int process_open(pid_t pid, int *ret_pidfd) {
        long fd = syscall(SYS_pidfd_open, pid, 0U);

        if (fd < 0)
                return -errno;
        *ret_pidfd = (int)fd;
        return 0;
}

int process_signal(int pidfd, int signo) {
        return syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0U) < 0 ? -errno : 0;
}

static int process_read(pid_t pid, const char *name, char **ret) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "/proc/%i/%s", (int)pid, name) < 0)
                return -ENOMEM;

        int r = file_read(path, PROC_FILE_MAX, ret, NULL);

        return r == -ENOENT ? -ESRCH : r;
}

static int process_get_comm(pid_t pid, char **ret) {
        _cleanup_free_ char *comm = NULL, *escaped = NULL, *name = NULL;
        int r = process_read(pid, "comm", &comm);

        if (r < 0)
                return r;
        comm[strcspn(comm, "\n")] = '\0';
        escaped = text_escape(comm, strlen(comm));
        if (!escaped || asprintf(&name, "[%s]", escaped) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(name);
        return 0;
}

/* Reads what is wanted of a command line and no more: a process may have megabytes of it. */
static int process_read_cmdline(pid_t pid, char *buf, size_t size, size_t *ret_length) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "/proc/%i/cmdline", (int)pid) < 0)
                return -ENOMEM;

        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return errno == ENOENT ? -ESRCH : -errno;

        size_t length = 0;

        while (length < size) {
                ssize_t n = read(fd, buf + length, size - length);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (n == 0)
                        break;
                length += (size_t)n;
        }
        *ret_length = length;
        return 0;
}

/*
 * Without the NUL that ends the last word; an empty last word stays. Programs that write a title over their
 * arguments leave any number of NULs behind it, which are no words.
 */
static size_t command_trim(const char *buf, size_t length) {
        size_t end = length;

        while (end > 0 && buf[end - 1] == '\0')
                end--;
        return end > 0 && length - end == 2 ? end + 1 : end;
}

int process_get_command(pid_t pid, char **ret) {
        _cleanup_free_ char *buf = malloc(COMMAND_MAX + 1);
        _cleanup_strv_ char **words = NULL;
        size_t length = 0;

        if (!buf)
                return -ENOMEM;

        int r = process_read_cmdline(pid, buf, COMMAND_MAX + 1, &length);

        if (r < 0)
                return r;

        const bool cut = length > COMMAND_MAX;

        length = MIN(length, COMMAND_MAX);
        length = command_trim(buf, length);
        if (length == 0)
                return process_get_comm(pid, ret);

        for (size_t i = 0; i <= length;) {
                size_t n = strnlen(buf + i, length - i);

                r = strv_consume(&words, text_escape(buf + i, n));
                if (r < 0)
                        return r;
                i += n + 1;
        }

        _cleanup_free_ char *command = text_quote_words(words);

        if (!command)
                return -ENOMEM;
        if (cut) {
                r = text_setf(&command, "%s…", command);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(command);
        return 0;
}

int process_get_stat(pid_t pid, ProcessStat *ret) {
        _cleanup_free_ char *stat = NULL;
        int r = process_read(pid, "stat", &stat);

        if (r < 0)
                return r;

        /* The name stands in parentheses and may have any character in it, also a parenthesis. */
        const char *p = strrchr(stat, ')');
        char state;
        int parent, session;
        unsigned n_threads;

        if (!p ||
            sscanf(p + 1,
                   " %c %d %*s %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %u",
                   &state,
                   &parent,
                   &session,
                   &n_threads) != 4)
                return -EBADMSG;

        *ret = (ProcessStat){
                .state = state,
                .parent = parent,
                .session = session,
                .n_threads = n_threads,
        };
        return 0;
}

int process_get_state(pid_t pid, char *ret) {
        ProcessStat stat;
        int r = process_get_stat(pid, &stat);

        if (r < 0)
                return r;
        *ret = stat.state;
        return 0;
}

/* A first thread that ended while others live looks like a zombie, and is none. */
static bool process_stat_is_living(const ProcessStat *stat) {
        if (stat->state == 'Z')
                return stat->n_threads > 1;
        return stat->state != 'X' && stat->state != 'x';
}

int process_catches_signal(pid_t pid, int signo, bool *ret) {
        _cleanup_free_ char *status = NULL;
        unsigned long long mask;

        if (signo < 1 || signo > 64)
                return -EINVAL;

        int r = process_read(pid, "status", &status);

        if (r < 0)
                return r;

        /* The name, which comes first, is escaped by the kernel: it cannot forge a line. */
        const char *line = strstr(status, "\nSigCgt:");

        if (!line || sscanf(line, "\nSigCgt: %llx", &mask) != 1)
                return -EBADMSG;
        *ret = mask >> (signo - 1) & 1;
        return 0;
}

typedef struct PidList {
        pid_t *pids;
        size_t n, n_allocated, max;
} PidList;

static void pid_list_done(PidList *list) {
        free(list->pids);
}

/* 1: the list is full */
static int pid_list_add(PidList *list, pid_t pid) {
        if (list->n >= list->max)
                return 1;
        if (array_reserve(list->pids, list->n_allocated, list->n + 1) < 0)
                return -ENOMEM;
        list->pids[list->n++] = pid;
        return 0;
}

static bool pid_list_contains(const PidList *list, size_t from, pid_t pid) {
        for (size_t i = from; i < list->n; i++)
                if (list->pids[i] == pid)
                        return true;
        return false;
}

static int parse_pid(const char *s, pid_t *ret) {
        unsigned value;

        if (parse_unsigned(s, INT32_MAX, &value) < 0 || value == 0)
                return -EINVAL;
        *ret = (pid_t)value;
        return 0;
}

/* The children of one thread. Those of a thread that ends pass to another one of its process meanwhile. */
static int list_add_children_of_thread(PidList *list, pid_t pid, const char *tid, size_t first) {
        _cleanup_free_ char *name = NULL, *children = NULL;

        if (asprintf(&name, "task/%s/children", tid) < 0)
                return -ENOMEM;

        int r = process_read(pid, name, &children);

        if (r == -ESRCH)
                return 0;
        if (r < 0)
                return r;

        const size_t end_of_others = list->n;
        char *rest = children, *word;

        while ((word = strsep(&rest, " "))) {
                ProcessStat stat;
                pid_t child;

                if (parse_pid(word, &child) < 0)
                        continue;
                if (process_get_stat(child, &stat) < 0 || !process_stat_is_living(&stat))
                        continue;
                if (end_of_others > first && pid_list_contains(list, first, child))
                        continue;
                r = pid_list_add(list, child);
                if (r != 0)
                        return r;
        }
        return 0;
}

static int list_add_children(PidList *list, pid_t pid) {
        _cleanup_free_ char *path = NULL;
        const size_t first = list->n;

        if (asprintf(&path, "/proc/%i/task", (int)pid) < 0)
                return -ENOMEM;

        _cleanup_closedir_ DIR *dir = opendir(path);

        if (!dir)
                return errno == ENOENT ? -ESRCH : -errno;

        struct dirent *entry;

        while ((entry = readdir(dir))) {
                if (entry->d_name[0] == '.')
                        continue;

                int r = list_add_children_of_thread(list, pid, entry->d_name, first);

                if (r != 0)
                        return r;
        }
        return 0;
}

/* Breadth first: the list itself is the queue. */
static int list_add_descendants_by_children(PidList *list, pid_t pid) {
        int r = list_add_children(list, pid);

        for (size_t i = 0; r == 0 && i < list->n; i++) {
                r = list_add_children(list, list->pids[i]);
                if (r == -ESRCH)
                        r = 0;
        }
        return r;
}

typedef struct PidPair {
        pid_t pid, parent;
} PidPair;

/* All living processes with their parents. */
static int process_list_all(PidPair **ret, size_t *ret_n) {
        _cleanup_free_ PidPair *pairs = NULL;
        size_t n = 0, n_allocated = 0;
        _cleanup_closedir_ DIR *dir = opendir("/proc");

        if (!dir)
                return -errno;

        struct dirent *entry;

        while ((entry = readdir(dir))) {
                ProcessStat stat;
                pid_t pid;

                if (parse_pid(entry->d_name, &pid) < 0)
                        continue;
                if (process_get_stat(pid, &stat) < 0 || !process_stat_is_living(&stat))
                        continue;
                if (array_reserve(pairs, n_allocated, n + 1) < 0)
                        return -ENOMEM;
                pairs[n++] = (PidPair){ .pid = pid, .parent = stat.parent };
        }
        *ret = TAKE_PTR(pairs);
        *ret_n = n;
        return 0;
}

/* For kernels without CONFIG_PROC_CHILDREN. */
static int list_add_descendants_by_scan(PidList *list, pid_t pid) {
        _cleanup_free_ PidPair *pairs = NULL;
        size_t n_pairs = 0;
        ProcessStat stat;
        int r = process_get_stat(pid, &stat);

        if (r < 0)
                return r;
        r = process_list_all(&pairs, &n_pairs);
        if (r < 0)
                return r;

        pid_t parent = pid;
        size_t next = 0;

        for (;;) {
                for (size_t i = 0; i < n_pairs; i++) {
                        if (pairs[i].parent != parent)
                                continue;
                        r = pid_list_add(list, pairs[i].pid);
                        if (r != 0)
                                return r;
                        /* Pids that were used again during the scan could make a circle. */
                        pairs[i].parent = 0;
                }
                if (next == list->n)
                        return 0;
                parent = list->pids[next++];
        }
}

int process_list_descendants(pid_t pid, size_t max, pid_t **ret_pids, size_t *ret_count) {
        _cleanup_(pid_list_done) PidList list = { .max = max };
        int r;

        if (access("/proc/thread-self/children", F_OK) == 0)
                r = list_add_descendants_by_children(&list, pid);
        else
                r = list_add_descendants_by_scan(&list, pid);
        if (r < 0)
                return r;

        *ret_pids = TAKE_PTR(list.pids);
        *ret_count = list.n;
        return 0;
}

int process_get_parent(pid_t pid, pid_t *ret) {
        ProcessStat stat;
        int r = process_get_stat(pid, &stat);

        if (r < 0)
                return r;
        *ret = stat.parent;
        return 0;
}

/* The path in the line "number:controller:/path" of /proc/PID/cgroup; it ends at the line's end. */
static const char *cgroup_find_path(const char *text, const char *controller) {
        for (const char *line = text; *line;) {
                const char *colon = strchr(line, ':');

                if (colon && text_starts_with(colon + 1, controller))
                        return colon + 1 + strlen(controller);
                line += strcspn(line, "\n");
                line += *line == '\n' ? 1 : 0;
        }
        return NULL;
}

int process_get_memory(pid_t pid, uint64_t *ret) {
        _cleanup_free_ char *statm = NULL;
        int r = process_read(pid, "statm", &statm);

        if (r < 0)
                return r;

        const char *resident = strchr(statm, ' '); /* behind its size; both in pages */

        if (!resident)
                return -EBADMSG;
        *ret = strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
        return 0;
}

int process_get_cgroup(pid_t pid, char **ret) {
        _cleanup_free_ char *text = NULL;
        int r = process_read(pid, "cgroup", &text);

        if (r < 0)
                return r;

        const char *path = cgroup_find_path(text, ":");
        const char *named = cgroup_find_path(text, "name=systemd:");

        /* On cgroup v1 "0::/" may stand there too, once somebody has mounted cgroup2 anywhere. */
        if (named && (!path || text_starts_with(path, "/\n")))
                path = named;
        if (!path)
                return -ENODATA;

        char *copy = strndup(path, strcspn(path, "\n"));

        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

unsigned process_count_cpus(void) {
        /* The kernel refuses a mask smaller than its own. */
        for (size_t n = 1024; n <= 1024 * 1024; n *= 2) {
                cpu_set_t *set = CPU_ALLOC(n);

                if (!set)
                        return 1;

                size_t size = CPU_ALLOC_SIZE(n);
                int count = sched_getaffinity(0, size, set) < 0 ? -errno : CPU_COUNT_S(size, set);

                CPU_FREE(set);
                if (count != -EINVAL)
                        return count > 0 ? (unsigned)count : 1;
        }
        return 1;
}
