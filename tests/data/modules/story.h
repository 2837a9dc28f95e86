/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the modules here have in common: a log of what was called, and a shared context with good tests
 *
 * The log lies beside the module, so each run has its module in a directory of its own. It is written to by one write() each: after
 * whatever happens next, it tells what began.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ptest/test.h>

static void story(const char *entry) {
        char path[4096], line[256];
        Dl_info info;
        char *slash;
        int fd, size;

        ptest_assert(dladdr(&ptest_module_v1, &info) != 0);
        ptest_assert_int_lt(strlen(info.dli_fname), sizeof(path) - sizeof("log"));
        strcpy(path, info.dli_fname);
        slash = strrchr(path, '/');
        ptest_assert_not_null(slash);
        strcpy(slash + 1, "log");
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
        ptest_assert_errno(fd, "%s", path);
        size = snprintf(line, sizeof(line), "%s\n", entry);
        ptest_assert_int_eq(write(fd, line, (size_t)size), size);
        close(fd);
}

/* For ever, whatever interrupts it. */
PTEST_UNUSED_ static void story_sleep(void) {
        for (;;)
                pause();
}

/* A context with the name that is said of it in the log. */
#define STORY_CONTEXT(name_, set_up_, tear_down_, ...) \
        static void name_##_set_up(void) {             \
                story("+" #name_);                     \
                set_up_;                               \
        }                                              \
        static void name_##_tear_down(void) {          \
                story("-" #name_);                     \
                tear_down_;                            \
        }                                              \
        PTEST_CONTEXT(name_, .set_up = name_##_set_up, .tear_down = name_##_tear_down, __VA_ARGS__)

/* The shared one: its tests run elsewhere, and see what it exports. */
#define STORY_SERVER()                                \
        STORY_CONTEXT(server,                         \
                      ptest_export("SERVER", "runs"), \
                      story("server.down"),           \
                      .mode = PTEST_MODE_SHARED)

#define STORY_GOOD(name_)                                      \
        PTEST_IN(server, name_) {                              \
                story(#name_);                                 \
                ptest_assert_str_eq(getenv("SERVER"), "runs"); \
        }

#define STORY_FREE(name_)      \
        PTEST(name_) {         \
                story(#name_); \
        }

#define STORY_IN(context_, name_)   \
        PTEST_IN(context_, name_) { \
                story(#name_);      \
        }
