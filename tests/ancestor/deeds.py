# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tests and fixtures can do: the same in Python, for nose; in shell, for a program; and in C, for a module.

None: it has no meaning there, or cannot be done. LOG is the log's path.
"""

from dataclasses import dataclass


@dataclass
class Deed:
    python: str
    shell: str
    c: str


DEEDS = {
    "pass": Deed("pass", ":", ";"),
    "fail": Deed("assert False, 'broken'", "echo broken; exit 1", 'ptest_fail("broken");'),
    # A moment, so that something else can happen meanwhile.
    "nap": Deed("time.sleep(0.4)", "sleep 0.4", "nap(400);"),
    "long nap": Deed("time.sleep(1.5)", "sleep 1.5", "nap(1500);"),
    # Until we have seen that ptest took notice of it; of nose that is not known.
    "wait for the interrupt": Deed(
        "time.sleep(1.5)", "until [ -e LOG.interrupted ]; do sleep 0.05; done", 'while (access(LOG ".interrupted", F_OK) < 0) nap(50);'),
    "wait for the tear-down": Deed(
        "time.sleep(1.5)", "until grep -qxe -server LOG; do sleep 0.05; done", 'until_noted("-server");'),
    "hang": Deed("time.sleep(1000)", "sleep 1000", "nap(1000000);"),
    # SIGILL is what nose sends. It can still be ended by SIGTERM.
    "ignore interrupts": Deed(
        "signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGILL, signal.SIG_IGN); time.sleep(1000)",
        "trap '' INT ILL; while :; do sleep 1; done",
        "signal(SIGINT, SIG_IGN); signal(SIGILL, SIG_IGN); for (;;) nap(1000);"),
    "ignore all signals": Deed(
        "[signal.signal(s, signal.SIG_IGN) for s in (1, 2, 3, 4, 6, 10, 11, 12, 15)]\n    while True: time.sleep(1)",
        "trap '' HUP INT QUIT ILL ABRT USR1 USR2 TERM; while :; do sleep 1; done",
        "block_all(); for (;;) nap(1000);"),
    "stop": Deed("os.kill(os.getpid(), signal.SIGSTOP)", "kill -STOP $$", "raise(SIGSTOP);"),
    "crash": Deed("os.kill(os.getpid(), signal.SIGSEGV)", "kill -SEGV $$", "*(volatile int *)8 = 1;"),
    "kill the worker": Deed("os.kill(os.getpid(), signal.SIGKILL)", "kill -KILL $PPID; sleep 5", "raise(SIGKILL);"),
    "_exit": Deed("os._exit(0)", None, "_exit(0);"),
    "exit": Deed("sys.exit(0)", None, "exit(0);"),
    # Like a server that a test starts and forgets: it has the output open.
    "daemon": Deed("subprocess.Popen(['sleep', '1000'], start_new_session=True)", "setsid sleep 1000 & :", "daemon_start();"),
    "thread": Deed("threading.Thread(target=time.sleep, args=(1000,)).start()", None, "thread_start();"),
    "change directory": Deed("os.chdir('/')", None, 'ptest_assert_errno(chdir("/"));'),
    "need the directory": Deed("assert os.getcwd() != '/'", '[ "$PWD" != / ]',
                               'char path[4096]; ptest_assert_str_ne(getcwd(path, sizeof(path)), "/");'),
}

# What does not end by itself: it gets the scenario's time limit, for which it is waited. All else is given the time that it
# takes, however slow the machine is.
ENDLESS = ("hang", "ignore interrupts", "ignore all signals", "stop")

HEAD_OF_C = r"""
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ptest/test.h>

PTEST_UNUSED_ static void note(const char *entry) {
        const int fd = open(LOG, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
        char line[256];
        const int size = snprintf(line, sizeof(line), "%s\n", entry);

        ptest_assert_errno(fd);
        ptest_assert_errno(write(fd, line, (size_t)size));
        close(fd);
}
PTEST_UNUSED_ static void nap(long ms) {
        struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

        while (nanosleep(&left, &left) < 0)
                ;
}
PTEST_UNUSED_ static void until_noted(const char *entry) {
        for (;;) {
                FILE *file = fopen(LOG, "re");
                char line[256];

                while (file && fgets(line, sizeof(line), file)) {
                        line[strcspn(line, "\n")] = '\0';
                        if (strcmp(line, entry) == 0) {
                                fclose(file);
                                return;
                        }
                }
                if (file)
                        fclose(file);
                nap(50);
        }
}
PTEST_UNUSED_ static void block_all(void) {
        sigset_t all;

        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
}
PTEST_UNUSED_ static void daemon_start(void) {
        const pid_t pid = fork();

        ptest_assert_errno(pid);
        if (pid == 0) {
                setsid();
                execlp("sleep", "sleep", "1000", (char *)NULL);
                _exit(127);
        }
}
static void *thread_run(void *unused) {
        nap(1000000);
        return unused;
}
PTEST_UNUSED_ static void thread_start(void) {
        pthread_t thread;

        ptest_assert_int_eq(pthread_create(&thread, NULL, thread_run, NULL), 0);
}
"""
