/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The stacks of a process, asked of a debugger
 */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/file.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "worker/stuck-internal.h"

/* What is read of a debugger; a thread has at most 40 frames in it. */
#define OUTPUT_MAX ((size_t)1024 * 1024)
#define FRAMES     "40"

/* Functions of a thread in the short form, and what all are called by in the end. */
#define SHORT_FRAMES_MAX 8U
#define OUTERMOST        "__libc_start_"

char *debugger_find(void) {
        char *path = NULL;

        /* The first is smaller and quicker; the second also knows arguments and lines. */
        if (path_find_program("eu-stack", &path) < 0)
                (void)path_find_program("gdb", &path);
        return path;
}

/* ---- Running it ---- */

/* Root reads the memory and the files of a process as who owns it: they could be made to deceive. */
static bool privileges_drop(const char *pid) {
        _cleanup_free_ char *path = NULL;
        struct stat st;

        if (geteuid() != 0)
                return true;
        if (asprintf(&path, "/proc/%s", pid) < 0 || stat(path, &st) < 0)
                return false;
        return (st.st_uid == 0 && st.st_gid == 0) ||
                        (setgroups(0, NULL) == 0 && setgid(st.st_gid) == 0 &&
                         setuid(st.st_uid) == 0);
}

/*
 * The program as the kernel has it, for one whose file was removed; else NULL: by its name a debugger also finds
 * debugging information that lies beside it.
 */
static char *program_removed(const char *pid) {
        char target[PATH_MAX];
        char *path = NULL;
        ssize_t n;

        if (asprintf(&path, "/proc/%s/exe", pid) < 0)
                return NULL;
        n = readlink(path, target, sizeof(target) - 1);
        if (n > 0) {
                target[n] = '\0';
                if (text_ends_with(target, " (deleted)"))
                        return path;
        }
        free(path);
        return NULL;
}

/* No settings of a user, no look at a network, nothing that the program's directory may tell it to run. */
static void __attribute__((noreturn))
child_run(const char *debugger, const char *pid, const char *removed, int output_fd) {
        char *const gdb[] = {
                (char *)debugger,
                (char *)"-batch",
                (char *)"-nx",
                (char *)"-iex",
                (char *)"set auto-load off",
                (char *)"-iex",
                (char *)"set debuginfod enabled off",
                (char *)"-p",
                (char *)pid,
                (char *)"-ex",
                (char *)"set width 0",
                (char *)"-ex",
                (char *)"thread apply all backtrace " FRAMES,
                removed ? (char *)"-se" : NULL,
                (char *)removed,
                NULL,
        };
        char *const eu_stack[] = { (char *)debugger, (char *)"-n", (char *)FRAMES,
                                   (char *)"-p",     (char *)pid,  NULL };
        char *const environment[] = { (char *)"LC_ALL=C",
                                      (char *)"DEBUGINFOD_URLS=",
                                      (char *)"HOME=/nonexistent",
                                      (char *)"PATH=/usr/bin:/bin",
                                      NULL };
        const char *name = path_basename(debugger);
        int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);

        if (!privileges_drop(pid) || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
            dup2(null_fd, STDIN_FILENO) < 0 || dup2(output_fd, STDOUT_FILENO) < 0 ||
            dup2(null_fd, STDERR_FILENO) < 0)
                _exit(127);
        execve(debugger, strcmp(name, "gdb") == 0 ? gdb : eu_stack, environment);
        _exit(127);
}

/* To its end, at most so much and so long; NUL-terminated. */
static char *output_read(int fd, uint64_t deadline_usec) {
        char *data = malloc(OUTPUT_MAX + 1);
        size_t size = 0;

        if (!data)
                return NULL;
        while (size < OUTPUT_MAX) {
                const uint64_t now = clock_monotonic();
                struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
                ssize_t n;

                if (now >= deadline_usec ||
                    poll(&poll_fd, 1, (int)((deadline_usec - now) / USEC_PER_MSEC) + 1) <= 0)
                        break;
                n = read(fd, data + size, OUTPUT_MAX - size);
                if (n <= 0)
                        break;
                size += (size_t)n;
        }
        data[size] = '\0';
        return data;
}

static char *debugger_run(const char *debugger, pid_t pid, uint64_t deadline_usec) {
        _cleanup_free_ char *removed = NULL;
        _cleanup_close_ int read_fd = -1;
        char *output, number[16];
        int fds[2];
        pid_t child;

        snprintf(number, sizeof(number), "%d", (int)pid);
        removed = program_removed(number);
        if (pipe2(fds, O_CLOEXEC) < 0)
                return NULL;
        read_fd = fds[0];
        child = fork();
        if (child == 0)
                child_run(debugger, number, removed, fds[1]);
        fd_close(fds[1]);
        if (child < 0)
                return NULL;
        output = output_read(read_fd, deadline_usec);
        /* It has said all, or its time is over: its end lets go of the process in any case. */
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
        return output;
}

/* ---- What it said ---- */

typedef struct Stack {
        pid_t tid;
        char *functions; /* "innermost < its caller < …" */
        unsigned n_functions;
        bool complete; /* the functions are */
        char **frames;
} Stack;

static void stack_flush(Findings *findings, Stack *stack) {
        if (stack->functions)
                findings_add(findings, "%d at %s", (int)stack->tid, stack->functions);
        strv_for_each(frame, stack->frames)
                findings_add(findings, "    %s", *frame);
        free(stack->functions);
        strv_free(stack->frames);
        *stack = (Stack){};
}

/*
 * "#1  0x00007f12 in read () from /lib/libc.so.6", "#2  main (argc=1) at x.c:3", "#1  0x00007f12 read": the name.
 * "?": not known; NULL on ENOMEM
 */
static char *frame_get_function(const char *frame) {
        const char *p = frame + strcspn(frame, " ");
        size_t n;

        p += strspn(p, " ");
        if (text_starts_with(p, "0x")) {
                p += strcspn(p, " ");
                p += strspn(p, " ");
        }
        if (text_starts_with(p, "in "))
                p += 3;
        n = strstr(p, " (") ? (size_t)(strstr(p, " (") - p) : strcspn(p, "@");
        return n == 0 || p[0] == '?' ? strdup("?") : strndup(p, n);
}

static int stack_add_frame(Stack *stack, const char *line) {
        _cleanup_free_ char *function = frame_get_function(line);
        int r;

        if (!function)
                return -ENOMEM;
        r = strv_extend(&stack->frames, line);
        /* A program without symbols says it once. */
        if (r >= 0 && strcmp(function, "?") == 0 && stack->functions &&
            text_ends_with(stack->functions, "?"))
                return 0;
        stack->complete = stack->complete || stack->n_functions == SHORT_FRAMES_MAX ||
                        text_starts_with(function, OUTERMOST);
        if (r < 0 || stack->complete)
                return r;
        return text_setf(
                        &stack->functions,
                        stack->n_functions++ > 0 ? "%s < %s" : "%s%s",
                        stack->functions ?: "",
                        function);
}

/* "TID 12:" of eu-stack, "Thread 1 (Thread 0x7f (LWP 12) "name"):", "Thread 1 (process 12):" of gdb; 0: neither */
static pid_t line_get_thread(const char *line) {
        const char *p;
        int tid = 0;

        if (sscanf(line, "TID %d:", &tid) == 1)
                return tid;
        if (!text_starts_with(line, "Thread "))
                return 0;
        p = strstr(line, "(LWP ");
        if (p && sscanf(p, "(LWP %d", &tid) == 1)
                return tid;
        p = strstr(line, "(process ");
        return p && sscanf(p, "(process %d", &tid) == 1 ? tid : 0;
}

bool stack_report(Findings *findings, const char *debugger, pid_t pid, uint64_t deadline_usec) {
        _cleanup_free_ char *output = debugger_run(debugger, pid, deadline_usec);
        char *rest = output, *line;
        Stack stack = {};
        bool any = false;

        while (output && (line = strsep(&rest, "\n"))) {
                const pid_t tid = line_get_thread(line);

                if (tid > 0) {
                        stack_flush(findings, &stack);
                        stack.tid = tid;
                } else if (line[0] == '#' && stack.tid > 0) {
                        any = true;
                        if (stack_add_frame(&stack, line) < 0)
                                break;
                }
        }
        stack_flush(findings, &stack);
        return any;
}
