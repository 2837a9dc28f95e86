/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Where each thread of a process waits
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/parse.h"
#include "basic/process.h"
#include "basic/text.h"
#include "worker/stuck-internal.h"

#define PROC_FILE_MAX ((size_t)64 * 1024)

/* Functions of a kernel stack that are shown. */
#define KERNEL_FRAMES_MAX 12

/* ---- System calls ---- */

/* Those in which a program can wait; others are told by their number. */
typedef struct SystemCall {
        long number;
        const char *name;
        bool on_fd; /* its first argument is one */
} SystemCall;

#define CALL(n) \
        { SYS_##n, #n, false }
#define CALL_FD(n) \
        { SYS_##n, #n, true }

static const SystemCall system_calls[] = {
#ifdef SYS_accept
        CALL_FD(accept),
#endif
        CALL_FD(accept4),
        CALL(clock_nanosleep),
        CALL(clone),
#ifdef SYS_clone3
        CALL(clone3),
#endif
        CALL_FD(close),
        CALL_FD(connect),
        CALL_FD(copy_file_range),
        CALL_FD(epoll_pwait),
#ifdef SYS_epoll_pwait2
        CALL_FD(epoll_pwait2),
#endif
#ifdef SYS_epoll_wait
        CALL_FD(epoll_wait),
#endif
        CALL(execve),
        CALL(exit),
        CALL(exit_group),
        CALL_FD(fallocate),
        CALL_FD(fcntl),
        CALL_FD(fdatasync),
        CALL_FD(flock),
#ifdef SYS_fork
        CALL(fork),
#endif
        CALL_FD(fsync),
        CALL(futex),
#ifdef SYS_futex_waitv
        CALL(futex_waitv),
#endif
        CALL_FD(getdents64),
        CALL(io_getevents),
        CALL_FD(ioctl),
#ifdef SYS_io_uring_enter
        CALL_FD(io_uring_enter),
#endif
        CALL(kill),
        CALL(mount),
        CALL_FD(mq_timedreceive),
        CALL_FD(mq_timedsend),
        CALL(msgrcv),
        CALL(msgsnd),
        CALL(msync),
        CALL(munmap),
        CALL(nanosleep),
#ifdef SYS_open
        CALL(open),
#endif
        CALL(openat),
#ifdef SYS_pause
        CALL(pause),
#endif
#ifdef SYS_poll
        CALL(poll),
#endif
        CALL(ppoll),
        CALL_FD(pread64),
        CALL_FD(preadv),
        CALL(pselect6),
        CALL(ptrace),
        CALL_FD(pwrite64),
        CALL_FD(pwritev),
        CALL_FD(read),
        CALL_FD(readv),
        CALL_FD(recvfrom),
        CALL_FD(recvmmsg),
        CALL_FD(recvmsg),
        CALL(restart_syscall),
        CALL(rt_sigsuspend),
        CALL(rt_sigtimedwait),
#ifdef SYS_select
        CALL(select),
#endif
        CALL(semop),
        CALL(semtimedop),
        CALL_FD(sendfile),
        CALL_FD(sendmmsg),
        CALL_FD(sendmsg),
        CALL_FD(sendto),
        CALL_FD(splice),
        CALL(sync),
        CALL_FD(syncfs),
        CALL_FD(tee),
        CALL(tgkill),
        CALL(tkill),
        CALL(umount2),
        CALL(unlinkat),
#ifdef SYS_vfork
        CALL(vfork),
#endif
        CALL_FD(vmsplice),
        CALL(wait4),
        CALL(waitid),
        CALL_FD(write),
        CALL_FD(writev),
};

/* A program of 32 bits on a kernel of 64 has other numbers. */
static bool process_has_our_numbers(pid_t pid) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -1;
        unsigned char ident[5];

        if (asprintf(&path, "/proc/%d/exe", (int)pid) < 0)
                return false;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd >= 0 && read(fd, ident, sizeof(ident)) == (ssize_t)sizeof(ident) &&
                        ident[4] == (sizeof(void *) == 8 ? 2 : 1); /* EI_CLASS */
}

/* "NUMBER ARGUMENT … SP PC"; "running"; "-1 SP PC": waits, but not in a system call */
static int system_call_describe(const char *text, bool ours, char **ret) {
        unsigned long long argument;
        long number;

        if (sscanf(text, "%ld %llx", &number, &argument) != 2)
                return 0;
        if (number < 0)
                return text_setf(ret, "in no system call");
        for (size_t i = 0; ours && i < ELEMENTSOF(system_calls); i++) {
                if (system_calls[i].number != number)
                        continue;
                if (system_calls[i].on_fd)
                        return text_setf(
                                        ret,
                                        "system call %s of fd %d",
                                        system_calls[i].name,
                                        (int)argument);
                return text_setf(ret, "system call %s", system_calls[i].name);
        }
        return text_setf(ret, "system call number %ld", number);
}

/* ---- A thread ---- */

int proc_read(pid_t pid, pid_t tid, const char *name, size_t max, char **ret) {
        _cleanup_free_ char *path = NULL, *data = NULL;
        int r;

        r = tid > 0 ? asprintf(&path, "/proc/%d/task/%d/%s", (int)pid, (int)tid, name) :
                      asprintf(&path, "/proc/%d/%s", (int)pid, name);
        if (r < 0)
                return -ENOMEM;
        r = file_read(path, max, &data, NULL);
        if (r < 0)
                return r == -ENOENT ? -ESRCH : r;
        *ret = TAKE_PTR(data);
        return 0;
}

static const char *state_to_word(char state) {
        switch (state) {
        case 'R':
                return "running";
        case 'S':
                return "sleeping";
        case 'D':
                return "in uninterruptible sleep";
        case 'T':
                return "stopped by a signal";
        case 't':
                return "stopped by a debugger";
        case 'Z':
                return "ended, not waited for";
        case 'X':
        case 'x':
                return "ended";
        case 'I':
                return "idle";
        default:
                return "in an unknown state";
        }
}

/* "[<0>] do_wait+0x5c/0x150" a line: the names. */
static int kernel_stack_read(pid_t pid, pid_t tid, char **ret) {
        _cleanup_free_ char *text = NULL, *names = NULL;
        char *rest, *line;
        unsigned n = 0;
        int r;

        r = proc_read(pid, tid, "stack", PROC_FILE_MAX, &text);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        rest = text;
        while ((line = strsep(&rest, "\n")) && n < KERNEL_FRAMES_MAX) {
                char *name = strstr(line, "] ");

                if (!name)
                        continue;
                name += 2;
                name[strcspn(name, "+ ")] = '\0';
                r = text_setf(&names, n++ > 0 ? "%s < %s" : "%s%s", names ?: "", name);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(names);
        return 0;
}

static bool word_is_known(const char *s) {
        return s && s[0] && strcmp(s, "0") != 0;
}

static int thread_describe(pid_t pid, bool ours, ThreadFacts *facts) {
        _cleanup_free_ char *wchan = NULL, *call = NULL, *call_text = NULL;
        int r;

        /* Both need the right to look into the process; a thread that runs is nowhere. */
        r = proc_read(pid, facts->tid, "wchan", PROC_FILE_MAX, &wchan);
        if (r != -ENOMEM)
                r = proc_read(pid, facts->tid, "syscall", PROC_FILE_MAX, &call_text);
        if (r == -ENOMEM)
                return r;
        if (call_text) {
                r = system_call_describe(call_text, ours, &call);
                if (r < 0)
                        return r;
        }
        return text_setf(
                        &facts->doing,
                        "%s%s%s%s%s",
                        state_to_word(facts->state),
                        word_is_known(wchan) ? " in " : "",
                        word_is_known(wchan) ? wchan : "",
                        call ? ", " : "",
                        call ?: "");
}

static int thread_facts_read(pid_t pid, pid_t tid, bool ours, ThreadFacts *ret) {
        _cleanup_free_ char *stat = NULL;
        const char *open, *close;
        int r;

        r = proc_read(pid, tid, "stat", PROC_FILE_MAX, &stat);
        if (r < 0)
                return r;
        /* The name is in parentheses, and may have any of them in it. */
        open = strchr(stat, '(');
        close = strrchr(stat, ')');
        if (!open || !close || close < open || close[1] != ' ')
                return -EBADMSG;
        ret->tid = tid;
        ret->state = close[2];
        ret->name = strndup(open + 1, (size_t)(close - open - 1));
        if (!ret->name)
                return -ENOMEM;
        r = thread_describe(pid, ours, ret);
        if (r < 0)
                return r;
        return kernel_stack_read(pid, tid, &ret->kernel);
}

/* ---- A process ---- */

static void closedirp(DIR **dir) {
        if (*dir)
                closedir(*dir);
}

static int process_facts_add_threads(ProcessFacts *facts) {
        const bool ours = process_has_our_numbers(facts->pid);
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_free_ char *path = NULL;
        struct dirent *entry;

        if (asprintf(&path, "/proc/%d/task", (int)facts->pid) < 0)
                return -ENOMEM;
        dir = opendir(path);
        if (!dir)
                return errno == ENOENT ? -ESRCH : -errno;
        facts->threads = calloc(PROCESS_THREADS_MAX, sizeof(ThreadFacts));
        if (!facts->threads)
                return -ENOMEM;
        while ((entry = readdir(dir))) {
                ThreadFacts *thread = &facts->threads[facts->n_threads];
                unsigned tid;
                int r;

                if (parse_unsigned(entry->d_name, INT32_MAX, &tid) < 0)
                        continue;
                if (facts->n_threads == PROCESS_THREADS_MAX) {
                        facts->n_not_shown++;
                        continue;
                }
                facts->n_threads++;
                r = thread_facts_read(facts->pid, (pid_t)tid, ours, thread);
                if (r == -ENOMEM)
                        return r;
                if (r < 0) { /* gone meanwhile */
                        free(thread->name);
                        *thread = (ThreadFacts){};
                        facts->n_threads--;
                        continue;
                }
                facts->hangs = facts->hangs || thread->state == 'D';
        }
        return facts->n_threads > 0 ? 0 : -ESRCH;
}

int process_facts_read(pid_t pid, ProcessFacts *ret) {
        ProcessFacts facts = { .pid = pid };
        int r;

        /* What is quick to change comes first; a command line can even hang. */
        r = process_facts_add_threads(&facts);
        if (r >= 0)
                r = process_get_parent(pid, &facts.parent);
        if (r >= 0)
                r = process_get_command(pid, &facts.command);
        if (r < 0) {
                process_facts_done(&facts);
                return r;
        }
        facts.was_stopped = facts.threads[0].state == 'T' || facts.threads[0].state == 't';
        *ret = facts;
        return 0;
}

void process_facts_done(ProcessFacts *facts) {
        for (size_t i = 0; i < facts->n_threads; i++) {
                free(facts->threads[i].name);
                free(facts->threads[i].doing);
                free(facts->threads[i].kernel);
        }
        free(facts->threads);
        free(facts->command);
        *facts = (ProcessFacts){};
}
