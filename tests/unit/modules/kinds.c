/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A test of each kind, and of each way for a test to say how it went. */

#include <ptest/test.h>

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

PTEST(passes,
      .description = "does nothing",
      .tags = "one two",
      .priority = 3,
      .exclusive = true,
      .timeout_ms = 1500000) {
}

PTEST(prints) {
        printf("to stdout\n");
        fprintf(stderr, "to stderr\n");
        printf("without an end");
        ptest_log("a number: %d", 7);
}

PTEST(prints_environment) {
        printf("%s %s",
               getenv("PTEST_HOOKED") ? getenv("PTEST_HOOKED") : "never",
               getenv("PTEST_POPULATED") ? "populated" : "");
}

PTEST(fails_int) {
        ptest_assert_int_eq(2 + 2, 5, "after %d rounds", 3);
        printf("not reached\n");
}
PTEST(fails_uint) {
        ptest_assert_uint_lt(UINT64_MAX, 16);
}
PTEST(fails_string) {
        ptest_assert_str_eq("hello world", "hello wOrld");
}
PTEST(fails_null) {
        const char *s = NULL;

        ptest_assert_str_eq(s, "x");
}
PTEST(fails_memory) {
        ptest_assert_mem_eq("abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrsTuvwxyz", 26);
}
PTEST(fails_float) {
        ptest_assert_float_near(1.0, 1.5, 0.25);
}
PTEST(fails_pointer) {
        ptest_assert_not_null(NULL);
}
PTEST(fails_condition) {
        ptest_assert(1 > 2);
}
PTEST(fails_bool) {
        ptest_assert_true(1 > 2);
}
PTEST(fails_ok) {
        ptest_assert_ok(-ENOENT);
}
PTEST(fails_errno) {
        ptest_assert_errno(close(-1));
}
PTEST(fails_error) {
        ptest_assert_error(0, EPERM);
}
PTEST(fails_export) {
        ptest_export("A=B", "yes");
        printf("not reached\n");
}
PTEST(fails_export_value) {
        ptest_export("A", "two\nlines");
}
PTEST(fails_message) {
        ptest_fail("%s\n%s", "two", "lines");
}

PTEST(holds) {
        int one = 1;

        ptest_assert(one);
        ptest_assert_true(one == 1);
        ptest_assert_false(one == 2, "why");
        ptest_assert_int_ne(-1, 1);
        ptest_assert_int_le(INT64_MIN, INT64_MAX);
        ptest_assert_uint_eq(UINT64_MAX, UINT64_MAX);
        ptest_assert_float_near(0.1 + 0.2, 0.3, 1e-9);
        ptest_assert_float_near(INFINITY, INFINITY, 0);
        ptest_assert_float_gt(2, 1);
        ptest_assert_ptr_eq(&one, &one);
        ptest_assert_null(NULL);
        ptest_assert_str_ne("a", NULL);
        ptest_assert_str_contains("abc", "b");
        ptest_assert_str_starts("abc", "ab");
        ptest_assert_mem_eq("a", "b", 0);
        ptest_assert_mem_ne("a", "b", 1);
        ptest_assert_ok(0);
        ptest_assert_error(-EPERM, EPERM);
        ptest_assert_errno(getppid());
}

PTEST(skips) {
        ptest_skip("no %s here", "printer");
}
PTEST(known_bug, .should_fail = "bug 12") {
        ptest_assert_int_eq(1, 2);
}
PTEST(surprise, .should_fail = "bug 13") {
}

static const struct {
        const char *name;
        int in, out;
} squares[] = {
        {"two",    2, 4 },
        { "three", 3, 9 },
        { "four",  4, 15}
};

PTEST_TABLE(square, squares) {
        ptest_assert_int_eq(row->in * row->in, row->out, "row %zu", index);
}
PTEST_TABLE_BY(named_square, squares, name) {
        ptest_assert_int_eq(row->in * row->in, row->out);
}
PTEST_RANGE(small, -1, 2) {
        ptest_assert_int_lt(i, 1);
}

PTEST_TEMPLATE(made) {
        ptest_assert_str_ne(arg, "bad");
}
PTEST(makes) {
        PTEST_ADD(made, "good %d", 1);
        PTEST_ADD(made, "bad");
}
PTEST(makes_nonsense) {
        PTEST_ADD(made, "two\nlines");
}

static void *thread_fails(void *userdata) {
        ptest_assert_int_eq(1, 2);
        return NULL;
}

PTEST(thread) {
        pthread_t id;

        pthread_create(&id, NULL, thread_fails, NULL);
        pthread_join(id, NULL);
        printf("went on\n");
}

PTEST(forked) {
        pid_t pid = fork();

        if (pid == 0)
                ptest_assert_int_eq(3, 4);
        waitpid(pid, NULL, 0);
}
PTEST(forked_comes_back) {
        pid_t pid = fork();

        if (pid > 0)
                waitpid(pid, NULL, 0);
}

PTEST(expects_abort, .expect_signal = SIGABRT) {
        abort();
}
PTEST(expects_abort_in_vain, .expect_signal = SIGABRT) {
}
PTEST(expects_exit, PTEST_EXITS(3)) {
        exit(3);
}
PTEST(expects_other_exit, PTEST_EXITS(3)) {
        _exit(4);
}
