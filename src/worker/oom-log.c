/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/oom-log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/text.h"

/* Larger than the ring buffer of any sensible kernel has records. */
#define RECORDS_MAX 100000U

/* The kernel's own limit of what one read() gives. */
#define RECORD_MAX 8192

int oom_log_open(void) {
        int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

        if (fd < 0)
                return -errno;
        if (lseek(fd, 0, SEEK_END) < 0) {
                int r = -errno;

                fd_close(fd);
                return r;
        }
        return fd;
}

/* As the log has it: a backslash, as in escaped names of units, is \\x5c there. */
static char *cgroup_escape(const char *cgroup) {
        char *escaped = malloc(strlen(cgroup) * 4 + 1), *to = escaped;

        for (; escaped && *cgroup; cgroup++) {
                unsigned char c = (unsigned char)*cgroup;

                if (c < ' ' || c >= 127 || c == '\\') {
                        static const char digits[] = "0123456789abcdef";

                        *to++ = '\\';
                        *to++ = 'x';
                        *to++ = digits[c >> 4];
                        *to++ = digits[c & 15];
                } else
                        *to++ = (char)c;
        }
        if (escaped)
                *to = 0;
        return escaped;
}

/* The value of ",key=" in a record; up to the next comma. */
static const char *record_find(const char *record, const char *key, size_t *ret_size) {
        size_t n = strlen(key);

        for (const char *at = strstr(record, key); at; at = strstr(at + 1, key))
                if (at > record && at[-1] == ',' && at[n] == '=') {
                        *ret_size = strcspn(at + n + 1, ",\n");
                        return at + n + 1;
                }
        return NULL;
}

/*
 * "6,812,12850000,-;oom-kill:constraint=CONSTRAINT_MEMCG,…,oom_memcg=PATH,task_memcg=PATH,task=NAME,pid=N,uid=N"
 *
 * A name can have any bytes, commas too. It cannot make its process one of another cgroup: that stands before.
 */
static bool record_is_victim_of(const char *record, const char *cgroup) {
        const char *message = strchr(record, ';');
        size_t n = strlen(cgroup), size;
        const char *path;

        if (!message || !text_starts_with(message + 1, "oom-kill:"))
                return false;
        path = record_find(message, "task_memcg", &size);
        /* A test may have made cgroups below its own. */
        for (size_t i = 0; path && i + n <= size; i++)
                if (strncmp(path + i, cgroup, n) == 0 && (i + n == size || path[i + n] == '/'))
                        return true;
        return false;
}

static bool record_get_victim(const char *record, pid_t *ret_pid, char *ret_name, size_t size) {
        _cleanup_free_ char *name = NULL;
        size_t n_name, n_pid;
        const char *task = record_find(record, "task", &n_name);
        const char *pid = record_find(record, "pid", &n_pid);

        if (!task || !pid)
                return false;
        name = text_escape(task, n_name);
        if (!name)
                return false;
        *ret_pid = (pid_t)strtoul(pid, NULL, 10);
        (void)snprintf(ret_name, size, "%s", name);
        return *ret_pid > 0;
}

bool oom_log_find_victim(int fd, const char *cgroup, pid_t *ret_pid, char *ret_name, size_t size) {
        _cleanup_free_ char *escaped = cgroup_escape(cgroup);
        char record[RECORD_MAX + 1];
        bool found = false;

        if (!escaped)
                return false;

        for (unsigned i = 0; i < RECORDS_MAX; i++) {
                ssize_t n = read(fd, record, RECORD_MAX);

                if (n < 0 && (errno == EPIPE || errno == EINTR)) /* some were overwritten */
                        continue;
                if (n <= 0)
                        break;
                record[n] = 0;
                if (record_is_victim_of(record, escaped))
                        found = record_get_victim(record, ret_pid, ret_name, size) || found;
        }
        return found;
}
