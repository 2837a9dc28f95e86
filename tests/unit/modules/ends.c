/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tests that do not come to an end as they should, and tests that leave something behind. */

#include <ptest/test.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

PTEST(good) {
}
PTEST(pid) {
        printf("%d\n", (int)getpid());
}

/* ---- The process ends ---- */

PTEST(segv) {
        printf("said before");
        *(volatile int *)16 = 0;
}
PTEST(aborts) {
        abort();
}
PTEST(divides) {
        volatile int zero = 0;

        printf("%d\n", 7 / zero);
}
PTEST(killed) {
        raise(SIGKILL);
}
PTEST(exits) {
        printf("bye");
        exit(0);
}
PTEST(exits_at_once) {
        _exit(3);
}

static int deeper(volatile int *p) {
        volatile int local[100] = { 0 };

        local[0] = *p + 1;
        return local[0] < 0 ? 0 : deeper(local) + local[1];
}
PTEST(overflows) {
        int zero = 0;

        printf("%d\n", deeper(&zero));
}
PTEST(known_crash, .should_fail = "crashes") {
        abort();
}

/* ---- It does not end ---- */

PTEST(loops, .timeout_ms = 100) {
        for (volatile int i = 0;; i++)
                ;
}
PTEST(deadlocks, .timeout_ms = 100) {
        pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

        pthread_mutex_lock(&mutex);
        pthread_mutex_lock(&mutex);
}
PTEST(blocks_signals, .timeout_ms = 100) {
        sigset_t all;

        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        for (;;)
                pause();
}
PTEST(stops, .timeout_ms = 100) {
        raise(SIGSTOP);
}
PTEST(floods, .timeout_ms = 300) {
        static char block[65536];

        memset(block, 'x', sizeof(block));
        for (;;)
                if (write(STDOUT_FILENO, block, sizeof(block)) < 0)
                        break;
}

/* ---- It leaves something ---- */

PTEST(leaves_directory) {
        ptest_assert_errno(chdir("/"));
}
PTEST(leaves_removed_directory) {
        char path[] = "/tmp/ptest-removed.XXXXXX";

        ptest_assert_not_null(mkdtemp(path));
        ptest_assert_errno(chdir(path));
        ptest_assert_errno(rmdir(path));
}
PTEST(leaves_umask) {
        umask(0123);
}
PTEST(leaves_mask) {
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigprocmask(SIG_BLOCK, &set, NULL);
}
PTEST(leaves_handler) {
        signal(SIGUSR2, SIG_IGN);
}
PTEST(leaves_environment) {
        setenv("PTEST_LEFT", "1", 1);
}
PTEST(changes_environment_back) {
        setenv("PTEST_LEFT", "1", 1);
        unsetenv("PTEST_LEFT");
}
PTEST(leaves_limit) {
        struct rlimit limit;

        getrlimit(RLIMIT_CORE, &limit);
        limit.rlim_cur = limit.rlim_cur == 4096 ? 8192 : 4096;
        setrlimit(RLIMIT_CORE, &limit);
}
PTEST(leaves_fd) {
        ptest_assert_errno(open("/dev/null", O_RDONLY));
}
PTEST(leaves_child) {
        if (fork() == 0)
                for (;;)
                        pause();
}
PTEST(leaves_zombie) {
        const pid_t child = fork();
        siginfo_t info;

        if (child == 0)
                _exit(0);
        waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
}
PTEST(leaves_alarm) {
        alarm(1000);
}
PTEST(closes_stdout) {
        close(STDOUT_FILENO);
}

static void *thread_waits(void *userdata) {
        while (pause())
                ;
        return NULL;
}
PTEST(leaves_thread) {
        pthread_t id;

        pthread_create(&id, NULL, thread_waits, NULL);
        pthread_detach(id);
}
