/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Tests that leave their process changed: they pass, say so, and the next one gets a clean process
 *
 * expect: server::directory pass
 * expect: server::mask pass
 * expect: server::blocks pass
 * expect: server::variable pass
 * expect: server::limit pass
 * expect: server::file pass
 * expect: server::child pass
 * expect: server::first pass
 * expect: server::last pass
 * expect: clean pass
 * expect-dirty: server::directory *director*
 * expect-dirty: server::mask *umask*
 * expect-dirty: server::blocks *SIGUSR1*
 * expect-dirty: server::variable *STORY*
 * expect-dirty: server::limit *limit*
 * expect-dirty: server::file *fd*
 * expect-dirty: server::child *child*
 * expect-log: +server 1
 * expect-log: server.down 1
 * expect-exit: 0
 */

#include <sys/resource.h>
#include <sys/stat.h>

#include "story.h"

STORY_SERVER()

STORY_GOOD(first)

/* What each test begins with: nothing of what the others leave. */
static void world_check(void) {
        struct rlimit limit;
        sigset_t blocked;
        char path[4096];
        mode_t mask = umask(022);

        umask(mask);
        ptest_assert_str_ne(getcwd(path, sizeof(path)), "/usr");
        ptest_assert_uint_ne(mask, 0177);
        ptest_assert_errno(sigprocmask(SIG_SETMASK, NULL, &blocked));
        ptest_assert_false(sigismember(&blocked, SIGUSR1));
        ptest_assert_null(getenv("STORY"));
        ptest_assert_errno(getrlimit(RLIMIT_NOFILE, &limit));
        ptest_assert_uint_ne(limit.rlim_cur, 77);
}

#define DIRTY(name_)                     \
        static void name_##_leave(void); \
        PTEST_IN(server, name_) {        \
                story(#name_);           \
                world_check();           \
                name_##_leave();         \
        }                                \
        static void name_##_leave(void)

DIRTY(directory) {
        ptest_assert_errno(chdir("/usr"));
}

DIRTY(mask) {
        umask(0177);
}

DIRTY(blocks) {
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        ptest_assert_errno(sigprocmask(SIG_BLOCK, &set, NULL));
}

DIRTY(variable) {
        ptest_assert_errno(setenv("STORY", "told", 1));
}

DIRTY(limit) {
        struct rlimit limit;

        ptest_assert_errno(getrlimit(RLIMIT_NOFILE, &limit));
        limit.rlim_cur = 77;
        ptest_assert_errno(setrlimit(RLIMIT_NOFILE, &limit));
}

DIRTY(file) {
        ptest_assert_errno(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

DIRTY(child) {
        pid_t pid = fork();

        ptest_assert_errno(pid);
        if (pid == 0)
                for (;;)
                        pause();
}

STORY_GOOD(last)

PTEST(clean) {
        story("clean");
        world_check();
}
