/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ptest/test.h in C++: what leaves a test is an exception, and destructors run. */

#include <ptest/test.h>

#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

struct Loud {
        ~Loud() {
                std::printf("destroyed ");
        }
};

void set_up() {
        Loud loud;

        std::printf("up ");
}

void bad_set_up() {
        throw std::runtime_error("no luck");
}

const struct {
        const char *name;
        int value;
} rows[] = {
        {"one",  1},
        { "two", 2}
};

} // namespace

PTEST_CONTEXT(context, .set_up = set_up)
PTEST_CONTEXT(bad, .set_up = bad_set_up)

PTEST_IN(context, fails, .timeout_ms = 1000000, .tags = "cpp") {
        Loud loud;

        ptest_assert_str_eq(std::string("a string that no small buffer holds").c_str(), "b");
}
PTEST_IN(context, skips) {
        Loud loud;

        ptest_skip("not today");
}
PTEST_IN(bad, never) {
}
PTEST(throws) {
        throw std::runtime_error("out of ideas");
}
PTEST(throws_number) {
        throw 7;
}
PTEST(catches) {
        try {
                ptest_assert_int_eq(1, 2);
        } catch (const std::exception &) {
                std::printf("caught ");
        }
}
PTEST(thread) {
        std::thread thread([] { ptest_assert_int_eq(3, 4); });

        thread.join();
}
PTEST(forked) {
        pid_t pid = fork();

        if (pid == 0)
                ptest_assert_true(false);
        waitpid(pid, nullptr, 0);
}
PTEST_TABLE_BY(table, rows, name) {
        ptest_assert_int_le(row->value, 2);
}
PTEST_RANGE(range, 0, 2) {
        ptest_assert_int_ge(i, 0);
}
