/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Modules: loaded, listed and run by a real host process, which is this program once more
 */

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "worker/module-host.h"
#include "worker/module-list.h"
#include "worker/module-ring.h"
#include "worker/module.h"
#include "worker/stuck-report.h"

#include "test-runner.h"

/* On a loaded machine everything may take long; nothing here needs it but what hangs. */
#define PATIENCE_USEC (200 * USEC_PER_SEC)

/* One event in one line each: "kind name outcome". */
typedef struct Seen {
        ModuleHost *host;
        uint64_t grace_usec; /* 0: what can be interrupted is, however long that takes */
        char **lines;
        char **reasons, **outs, **errs, **dirty, **backtraces; /* of each line; "" for none */
        uint64_t next_id;
} Seen;

static void seen_done(Seen *seen) {
        module_host_free(seen->host);
        strv_free(seen->lines);
        strv_free(seen->reasons);
        strv_free(seen->outs);
        strv_free(seen->errs);
        strv_free(seen->dirty);
        strv_free(seen->backtraces);
}

static const char *const kinds[MODULE_RESULT_MAX] = {
        "test", "up", "down", "found", "done", "load"
};

static int seen_on_event(ModuleEvent *event, void *userdata) {
        _cleanup_free_ char *dirty = strv_join(event->dirty, "; ");
        const Result *result = event->result;
        Seen *seen = userdata;

        ck_assert_int_eq(
                        strv_extendf(&seen->lines,
                                     "%s %s%s%s",
                                     kinds[event->kind],
                                     event->kind == MODULE_RESULT_LOAD ? "" : event->name,
                                     result ? " " : "",
                                     result ? outcome_to_string(result->outcome) : ""),
                        0);
        ck_assert_int_eq(
                        strv_extend(&seen->reasons, result && result->reason ? result->reason : ""),
                        0);
        ck_assert_int_eq(
                        strv_extendf(&seen->outs,
                                     "%.*s",
                                     result ? (int)MIN(result->out.size, (size_t)4096) : 0,
                                     result && result->out.data ? result->out.data : ""),
                        0);
        ck_assert_int_eq(
                        strv_extendf(&seen->errs,
                                     "%.*s",
                                     result ? (int)MIN(result->err.size, (size_t)4096) : 0,
                                     result && result->err.data ? result->err.data : ""),
                        0);
        ck_assert_int_eq(strv_extend(&seen->dirty, dirty), 0);
        ck_assert_int_eq(strv_extend(&seen->backtraces, event->backtrace ?: ""), 0);
        return 0;
}

/* hooks: a module whose worker's set-up is called first; NULL: none */
static void seen_start_with(Seen *seen, const char *module, const char *hooks) {
        _cleanup_free_ char *path = NULL, *hooks_path = NULL,
                            *program = realpath("/proc/self/exe", NULL);
        const char *directory = getenv("PTEST_TEST_MODULES");

        ck_assert_ptr_nonnull(directory);
        ck_assert_int_gt(asprintf(&path, "%s/%s.so", directory, module), 0);
        if (hooks)
                ck_assert_int_gt(asprintf(&hooks_path, "%s/%s.so", directory, hooks), 0);
        ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        ck_assert_int_eq(
                        module_host_new(
                                        &(ModuleHostOptions){
                                                        .program = program, /* by its name: valgrind is what that link leads to for a child */
                                                        .path = path,
                                                        .worker_set_up = hooks_path,
                                                        .environment = environ,
                                                        .output_max = 4096,
                                                        .grace_usec = seen->grace_usec ?:
                                                                        PATIENCE_USEC / 2,
                                                        .handler = seen_on_event,
                                                        .userdata = seen },
                                        &seen->host),
                        0);
}

static void seen_start(Seen *seen, const char *module) {
        seen_start_with(seen, module, NULL);
}

static void seen_submit_full(
                Seen *seen, ModuleOp op, const char *name, uint64_t timeout_usec, bool isolate) {
        ck_assert_int_eq(
                        module_host_submit(
                                        seen->host,
                                        &(ModuleRequest){ .id = ++seen->next_id,
                                                          .op = op,
                                                          .name = name,
                                                          .timeout_usec = timeout_usec,
                                                          .isolate = isolate }),
                        0);
}

static void seen_submit(Seen *seen, const char *name) {
        seen_submit_full(seen, MODULE_OP_TEST, name, 0, false);
}

static void seen_step(Seen *seen, uint64_t until) {
        struct pollfd fds[MODULE_HOST_FDS_MAX];
        uint64_t now = clock_monotonic();

        ck_assert_uint_lt(now, until);
        module_host_get_fds(seen->host, fds);
        (void)poll(fds, ELEMENTSOF(fds), 10);
        ck_assert_int_eq(module_host_dispatch(seen->host), 0);
}

/* Until all is answered; as long as something is, it may go on. */
static void seen_wait(Seen *seen) {
        uint64_t until = clock_monotonic() + PATIENCE_USEC;

        ck_assert_int_eq(module_host_dispatch(seen->host), 0);
        for (size_t n; (n = module_host_count_pending(seen->host)) > 0;) {
                seen_step(seen, until);
                if (module_host_count_pending(seen->host) < n)
                        until = clock_monotonic() + PATIENCE_USEC;
        }
}

/* Until the host is gone, having torn down. */
static void seen_stop(Seen *seen) {
        uint64_t until = clock_monotonic() + PATIENCE_USEC;

        seen_wait(seen);
        module_host_begin_stop(seen->host);
        while (!module_host_is_gone(seen->host))
                seen_step(seen, until);
        ck_assert_int_eq(waitpid(-1, NULL, WNOHANG | __WALL), -1);
        ck_assert_int_eq(errno, ECHILD);
}

static void seen_expect(const Seen *seen, size_t n, const char *const *expected) {
        _cleanup_free_ char *is = strv_join(seen->lines, "\n");

        for (size_t i = 0; i < n; i++)
                ck_assert_msg(i < strv_length(seen->lines) &&
                                              strcmp(seen->lines[i], expected[i]) == 0,
                              "line %zu should be \"%s\", all are:\n%s",
                              i,
                              expected[i],
                              is);
        ck_assert_msg(strv_length(seen->lines) == n, "more lines than expected:\n%s", is);
}

#define EXPECT(seen, ...)                                              \
        do {                                                           \
                static const char *const expected[] = { __VA_ARGS__ }; \
                seen_expect(seen, ELEMENTSOF(expected), expected);     \
        } while (0)

/* ---- Kinds of tests ---- */

static const struct {
        const char *name, *outcome;
        const char *reason;    /* a part of it */
        const char *out, *err; /* parts of them; NULL: nothing there */
} cases[] = {
        {"passes",                 "pass",  "",                                                                      NULL,                        NULL              },
        { "prints",                "pass",  "",                                                                      "to stdout\nwithout an end", "a number: 7"     },
        { "fails_int",             "fail",  "2 + 2 == 5: 4, 5; after 3 rounds",                                      NULL,                        "kinds.c:"        },
        { "fails_uint",
         "fail",                            "UINT64_MAX < 16: 18446744073709551615 (0xffffffffffffffff), 16 (0x10)",
         NULL,                                                                                                                                    ""                },
        { "fails_string",
         "fail",                            "\"hello world\" == \"hello wOrld\": \"hello world\", \"hello wOrld\"",
         NULL,                                                                                                                                    "differ at byte 7"},
        { "fails_null",            "fail",  "s == \"x\": NULL, \"x\"",                                               NULL,                        ""                },
        { "fails_memory",          "fail",  "differs at byte 19 of 26",                                              NULL,                        "[74]"            },
        { "fails_float",           "fail",  "1.0 near 1.5: 1, 1.5, off by -0.5, tolerance 0.25",                     NULL,                        ""                },
        { "fails_pointer",         "fail",  "NULL != NULL: NULL",                                                    NULL,                        ""                },
        { "fails_condition",       "fail",  "1 > 2 is false",                                                        NULL,                        ""                },
        { "fails_bool",            "fail",  "1 > 2 is false",                                                        NULL,                        ""                },
        { "fails_ok",              "fail",  "-ENOENT >= 0: -2 (-ENOENT: No such file or directory)",                 NULL,                        ""                },
        { "fails_errno",           "fail",  "(-EBADF: Bad file descriptor)",                                         NULL,                        ""                },
        { "fails_error",           "fail",  "0 == -EPERM: 0, -1 (-EPERM: Operation not permitted)",                  NULL,                        ""                },
        { "fails_export",          "fail",  "ptest_export() of A=B: not a name, or not a value",                     NULL,                        ""                },
        { "fails_export_value",    "fail",  "kinds.c:",                                                              NULL,                        ""                },
        { "fails_message",         "fail",  "two\\nlines",                                                           NULL,                        ""                },
        { "holds",                 "pass",  "",                                                                      NULL,                        NULL              },
        { "skips",                 "skip",  "no printer here",                                                       NULL,                        NULL              },
        { "known_bug",             "xfail", "1 == 2: 1, 2",                                                          NULL,                        ""                },
        { "surprise",              "xpass", "bug 13",                                                                NULL,                        NULL              },
        { "square[0]",             "pass",  "",                                                                      NULL,                        NULL              },
        { "square[2]",             "fail",  "16, 15; row 2",                                                         NULL,                        ""                },
        { "named_square[three]",   "pass",  "",                                                                      NULL,                        NULL              },
        { "named_square[four]",    "fail",  "16, 15",                                                                NULL,                        ""                },
        { "small[-1]",             "pass",  "",                                                                      NULL,                        NULL              },
        { "small[1]",              "fail",  "i < 1: 1, 1",                                                           NULL,                        ""                },
        { "small[2]",              "error", "no test of this name",                                                  NULL,                        NULL              },
        { "made[x[y]]",            "pass",  "",                                                                      NULL,                        NULL              },
        { "made",                  "error", "no test of this name",                                                  NULL,                        NULL              },
        { "thread",                "fail",  "1 == 2: 1, 2",                                                          "went on",                   ""                },
        { "forked",                "fail",  "3 == 4: 3, 4",                                                          NULL,                        ""                },
        { "forked_comes_back",     "pass",  "",                                                                      NULL,                        NULL              },
        { "expects_abort",         "pass",  "",                                                                      NULL,                        NULL              },
        { "expects_abort_in_vain", "fail",  "should end by SIGABRT, but returned",                                   NULL,                        NULL              },
        { "expects_exit",          "pass",  "",                                                                      NULL,                        NULL              },
        { "expects_other_exit",    "fail",  "exit status 4",                                                         NULL,                        NULL              },
};

static void check_case(const Seen *seen, size_t i, size_t line) {
        _cleanup_free_ char *expected = NULL;

        ck_assert_int_gt(asprintf(&expected, "test %s %s", cases[i].name, cases[i].outcome), 0);
        ck_assert_msg(strcmp(seen->lines[line], expected) == 0,
                      "%s, not %s: %s",
                      seen->lines[line],
                      expected,
                      seen->reasons[line]);
        ck_assert_msg(strstr(seen->reasons[line], cases[i].reason) &&
                                      (cases[i].reason[0] || !seen->reasons[line][0]),
                      "%s: reason \"%s\"",
                      cases[i].name,
                      seen->reasons[line]);
        ck_assert_msg(cases[i].out ? strstr(seen->outs[line], cases[i].out) != NULL :
                                     !seen->outs[line][0],
                      "%s: stdout \"%s\"",
                      cases[i].name,
                      seen->outs[line]);
        ck_assert_msg(cases[i].err ? strstr(seen->errs[line], cases[i].err) != NULL :
                                     !seen->errs[line][0],
                      "%s: stderr \"%s\"",
                      cases[i].name,
                      seen->errs[line]);
        ck_assert_msg(!seen->dirty[line][0], "%s: dirty: %s", cases[i].name, seen->dirty[line]);
}

/* The same in the host's process and in one of its own. */
START_TEST(kinds_of_tests_end_as_they_should)
{
        _cleanup_(seen_done) Seen seen = {};

        seen_start(&seen, "module-kinds");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                seen_submit_full(&seen, MODULE_OP_TEST, cases[i].name, 0, _i == 1);
        seen_stop(&seen);

        ck_assert_uint_eq(strv_length(seen.lines), ELEMENTSOF(cases) + 1);
        ck_assert_str_eq(seen.lines[0], "load  pass");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                check_case(&seen, i, i + 1);
        ck_assert_uint_eq(module_host_count_starts(seen.host), 1);
}
END_TEST

START_TEST(test_adds_tests_found_before_its_own_result)
{
        _cleanup_(seen_done) Seen seen = {};

        seen_start(&seen, "module-kinds");
        seen_submit(&seen, "makes");
        seen_submit(&seen, "made[bad]");
        seen_submit(&seen, "makes_nonsense");
        seen_stop(&seen);
        EXPECT(&seen,
               "load  pass",
               "found made[good 1]",
               "found made[bad]",
               "test makes pass",
               "test made[bad] fail",
               "test makes_nonsense fail");
}
END_TEST

/* ---- Ends ---- */

static const struct {
        const char *name, *outcome, *reason;
        bool has_backtrace;
} ends[] = {
        {"segv",            "crash",   "SIGSEGV at address 0x10",                true },
        { "aborts",         "crash",   "SIGABRT",                                true },
        { "divides",        "crash",   "SIGFPE",                                 true },
        { "killed",         "crash",   "ended by SIGKILL",                       false},
        { "exits",          "error",   "exit status 0 before the test returned", false},
        { "exits_at_once",  "error",   "exit status 3 before the test returned", false},
        { "overflows",      "crash",   "SIGSEGV: stack overflow",                true },
        { "known_crash",    "xfail",   "SIGABRT",                                true },
        { "loops",          "timeout", "time limit of 100ms",                    true },
        { "deadlocks",      "timeout", "time limit of 100ms",                    true },
        { "stops",          "timeout", "time limit of 100ms",                    false},
        { "floods",         "timeout", "time limit of 300ms",                    true },
        { "blocks_signals", "timeout", "time limit of 100ms",                    false},
};
/* The last one cannot be interrupted. */
#define N_GENTLE_ENDS (ELEMENTSOF(ends) - 1)
#define SHORT_GRACE   (300 * USEC_PER_MSEC)

static void check_end(const Seen *seen, size_t i, size_t line) {
        _cleanup_free_ char *expected = NULL;

        ck_assert_int_gt(asprintf(&expected, "test %s %s", ends[i].name, ends[i].outcome), 0);
        ck_assert_str_eq(seen->lines[line], expected);
        ck_assert_msg(strstr(seen->reasons[line], ends[i].reason) != NULL,
                      "%s: %s",
                      ends[i].name,
                      seen->reasons[line]);
        ck_assert_msg(!ends[i].has_backtrace || seen->backtraces[line][0],
                      "%s has no backtrace",
                      ends[i].name);
}

static void check_ends(size_t first, size_t end, uint64_t grace_usec, bool isolate) {
        _cleanup_(seen_done) Seen seen = { .grace_usec = grace_usec };
        size_t line = 0, n = 0;

        seen_start(&seen, "module-ends");
        for (size_t i = first; i < end; i++) {
                seen_submit(&seen, "good");
                seen_submit_full(&seen, MODULE_OP_TEST, ends[i].name, 0, isolate);
                seen_submit(&seen, "good");
        }
        seen_stop(&seen);

        for (; seen.lines[line]; line++) {
                if (strncmp(seen.lines[line], "load", 4) == 0)
                        continue;
                if (n % 3 == 1)
                        check_end(&seen, first + n / 3, line);
                else
                        ck_assert_str_eq(seen.lines[line], "test good pass");
                if (first + n == 1)
                        ck_assert_str_eq(seen.outs[line], "said before");
                n++;
        }
        ck_assert_uint_eq(n, 3 * (end - first));
        ck_assert_uint_eq(module_host_count_starts(seen.host), isolate ? 1 : end - first + 1);
}

/* Each costs itself its outcome, and nothing else; in the host's process it costs the host as well. */
START_TEST(bad_end_costs_its_test_alone)
{
        check_ends(0, N_GENTLE_ENDS, 0, _i == 1);
        check_ends(N_GENTLE_ENDS, ELEMENTSOF(ends), SHORT_GRACE, _i == 1);
}
END_TEST

/* What was held as the one before was looked at goes on, and nothing else. */
START_TEST(test_that_stopped_itself_stays_so_whatever_was_before)
{
        _cleanup_(seen_done) Seen seen = {};

        seen_start(&seen, "module-ends");
        for (unsigned i = 0; i < 8; i++) {
                seen_submit_full(&seen, MODULE_OP_TEST, "deadlocks", 0, true);
                seen_submit_full(&seen, MODULE_OP_TEST, "stops", 0, true);
        }
        seen_stop(&seen);

        ck_assert_uint_eq(strv_length(seen.lines), 17);
        for (unsigned i = 1; i < 17; i += 2) {
                ck_assert_str_eq(seen.lines[i], "test deadlocks timeout");
                ck_assert_str_eq(seen.lines[i + 1], "test stops timeout");
        }
}
END_TEST

/* ---- What is left ---- */

static const struct {
        const char *name, *dirty;
} dirty_cases[] = {
        {"leaves_directory",          "working directory is /, it was "      },
        { "leaves_removed_directory", "working directory is removed, it was "},
        { "leaves_umask",             "umask is 123"                         },
        { "leaves_mask",              "SIGUSR1 is blocked"                   },
        { "leaves_handler",           "SIGUSR2 is ignored"                   },
        { "leaves_environment",       "environment: PTEST_LEFT=1 was added"  },
        { "leaves_limit",             "RLIMIT_CORE"                          },
        { "leaves_fd",                "is open: /dev/null"                   },
        { "leaves_child",             "lives"                                },
        { "leaves_zombie",            "was not waited for"                   },
        { "leaves_alarm",             "an alarm is set"                      },
        { "closes_stdout",            "stdout is closed"                     },
        { "leaves_thread",            "a thread lives"                       },
};

START_TEST(what_is_left_is_told_and_costs_the_host)
{
        _cleanup_(seen_done) Seen seen = {};
        size_t n = 0;

        seen_start(&seen, "module-ends");
        seen_submit(&seen, "changes_environment_back");
        for (size_t i = 0; i < ELEMENTSOF(dirty_cases); i++)
                seen_submit(&seen, dirty_cases[i].name);
        seen_submit(&seen, "good");
        seen_stop(&seen);

        for (size_t line = 0; seen.lines[line]; line++) {
                if (strncmp(seen.lines[line], "load", 4) == 0)
                        continue;
                ck_assert_msg(text_ends_with(seen.lines[line], " pass"), "%s", seen.lines[line]);
                if (n == 0 || n > ELEMENTSOF(dirty_cases))
                        ck_assert_str_eq(seen.dirty[line], "");
                else
                        ck_assert_msg(strstr(seen.dirty[line], dirty_cases[n - 1].dirty) != NULL,
                                      "%s: \"%s\"",
                                      seen.lines[line],
                                      seen.dirty[line]);
                n++;
        }
        ck_assert_uint_eq(n, ELEMENTSOF(dirty_cases) + 2);
        ck_assert_uint_eq(module_host_count_starts(seen.host), ELEMENTSOF(dirty_cases) + 1);
}
END_TEST

/* ---- Contexts ---- */

START_TEST(contexts_are_set_up_once_and_torn_down_in_reverse)
{
        _cleanup_(seen_done) Seen seen = {};

        seen_start(&seen, "module-contexts");
        seen_submit(&seen, "outer::inner::fails");
        seen_submit(&seen, "outer::first");
        seen_submit(&seen, "outer::inner::last");
        seen_submit_full(&seen, MODULE_OP_TEAR_DOWN, "outer::inner", 0, false);
        seen_submit(&seen, "outer::first");
        seen_stop(&seen);
        EXPECT(&seen,
               "load  pass",
               "up outer pass",
               "up outer::inner pass",
               "test outer::inner::fails fail",
               "test outer::first pass",
               "test outer::inner::last pass",
               "down outer::inner fail",
               "done outer::inner pass",
               "test outer::first pass",
               "down outer pass");
        ck_assert_str_eq(seen.outs[1], "outer up");
        ck_assert_str_eq(seen.outs[3], "(outer (inner fails inner) outer)");
        ck_assert_str_eq(seen.dirty[3], "");
        ck_assert_ptr_nonnull(strstr(seen.reasons[6], "inner does not go"));
        ck_assert_str_eq(seen.outs[9], "outer down");
}
END_TEST

START_TEST(contexts_are_set_up_again_after_a_crash)
{
        _cleanup_(seen_done) Seen seen = {};

        seen_start(&seen, "module-contexts");
        seen_submit(&seen, "outer::inner::aborts");
        seen_submit(&seen, "outer::first");
        seen_stop(&seen);
        EXPECT(&seen,
               "load  pass",
               "up outer pass",
               "up outer::inner pass",
               "test outer::inner::aborts crash",
               "down outer::inner fail",
               "down outer pass",
               "load  pass",
               "up outer pass",
               "test outer::first pass",
               "down outer pass");
}
END_TEST

START_TEST(failed_set_up_leaves_tests_not_run)
{
        _cleanup_(seen_done) Seen seen = {};

        seen_start(&seen, "module-contexts");
        seen_submit(&seen, "bad::one");
        seen_submit(&seen, "bad::two");
        seen_submit(&seen, "absent::one");
        seen_submit(&seen, "crashing::one");
        seen_submit(&seen, "crashing::two");
        seen_submit(&seen, "hanging::one");
        seen_submit(&seen, "outer::first");
        seen_stop(&seen);
        EXPECT(&seen,
               "load  pass",
               "up bad fail",
               "test bad::one not-run",
               "test bad::two not-run",
               "up absent skip",
               "test absent::one skip",
               "up crashing crash",
               "test crashing::one not-run",
               "test crashing::two not-run",
               "load  pass",
               "up hanging timeout",
               "test hanging::one not-run",
               "load  pass",
               "up outer pass",
               "test outer::first pass",
               "down outer pass");
        ck_assert_ptr_nonnull(strstr(seen.reasons[3], "set-up of context bad failed: "));
        ck_assert_str_eq(seen.reasons[5], "not on this machine");
        ck_assert_ptr_nonnull(
                        strstr(seen.reasons[8], "set-up of context crashing failed: SIGABRT"));
}
END_TEST

/* What the first test of a context comes to, and what is torn down after it in the same process. */
static const struct {
        const char *test, *outcome, *reason, *out;
        const char *downs[2]; /* NULL: none; with their outcomes */
} after_ends[] = {
        {"inner::crashes",
         "crash",                             "SIGSEGV at address 0x10",
         "body(inner after)(outer after)",                                                               { "inner pass", " pass" }          },
        { "inner::loops",
         "timeout",                           "time limit of 100ms",
         "(inner after)(outer after)",                                                                   { "inner pass", " pass" }          },
        { "inner::deadlocks",
         "timeout",                           "time limit of 100ms",
         "(inner after)(outer after)",                                                                   { "inner pass", " pass" }          },
        { "inner::stops",
         "timeout",                           "time limit of 100ms",
         "(inner after)(outer after)",                                                                   { "inner pass", " pass" }          },
        { "inner::blocks_signals", "timeout", "could not be interrupted",               "",              { NULL }                           },
        { "inner::exits",          "error",   "exit status 0 before the test returned", "",              { NULL }                           },
        { "inner::thread_crashes", "crash",   "SIGSEGV at address 0x10",                "",              { NULL }                           },
        { "before::never",         "crash",   "SIGSEGV at address 0x10",                "(outer after)", { " pass" }                        },
        { "after::good",           "crash",   "SIGSEGV at address 0x10",                "(outer after)", { " pass" }                        },
        { "after::fails",          "crash",   "; after: ",                              "(outer after)", { " pass" }                        },
        { "after::crashes",        "crash",   "SIGABRT",                                "(outer after)", { " pass" }                        },
        { "hanging::crashes",
         "crash",                             "SIGSEGV at address 0x10",
         "(outer after)",                                                                                { "hanging pass", " pass" }        },
        { "down::crashes",         "crash",   "SIGABRT",                                "(outer after)", { "down crash", " pass" }          },
        { "hanging_down::crashes",
         "crash",                             "SIGSEGV at address 0x10",
         "(outer after)",                                                                                { "hanging_down timeout", " pass" }},
};

static const char *down_make(char *buffer, size_t size, const char *down) {
        snprintf(buffer, size, "down outer%s%s", down[0] == ' ' ? "" : "::", down);
        return buffer;
}

/* 0: its own time limit. False: it hung before it crashed, which where that is short may be so on a busy machine. */
static bool run_bad_end(Seen *seen, size_t i, const char *name, uint64_t timeout_usec) {
        *seen = (Seen){
                .grace_usec = strstr(name, "blocks_signals") ? SHORT_GRACE : 0,
        };
        seen_start(seen, "module-crashes");
        seen_submit_full(seen, MODULE_OP_TEST, name, timeout_usec, false);
        seen_submit(seen, "outer::inner::good");
        seen_stop(seen);
        return strcmp(after_ends[i].outcome, "crash") != 0 ||
                        !text_ends_with(seen->lines[2], " timeout");
}

/* Also for the next host: it sets up anew, and its tests are none the worse. */
START_TEST(bad_end_is_followed_by_tear_down)
{
        _cleanup_(seen_done) Seen seen = {};
        char name[256], line[512];
        size_t n = 0;

        snprintf(name, sizeof(name), "outer::%s", after_ends[_i].test);
        for (uint64_t timeout_usec = 0; !run_bad_end(&seen, (size_t)_i, name, timeout_usec);
             timeout_usec = timeout_usec * 2 ?: 200 * USEC_PER_MSEC)
                seen_done(&seen);

        ck_assert_str_eq(seen.lines[n++], "load  pass");
        ck_assert_str_eq(seen.lines[n++], "up outer pass");
        snprintf(line, sizeof(line), "test %s %s", name, after_ends[_i].outcome);
        ck_assert_str_eq(seen.lines[n], line);
        ck_assert_msg(strstr(seen.reasons[n], after_ends[_i].reason) != NULL,
                      "%s",
                      seen.reasons[n]);
        ck_assert_str_eq(seen.outs[n], after_ends[_i].out);
        ck_assert_str_eq(seen.dirty[n++], "");
        for (size_t i = 0; i < ELEMENTSOF(after_ends[_i].downs) && after_ends[_i].downs[i]; i++)
                ck_assert_str_eq(
                                seen.lines[n++],
                                down_make(line, sizeof(line), after_ends[_i].downs[i]));
        ck_assert_str_eq(seen.lines[n++], "load  pass");
        ck_assert_str_eq(seen.lines[n++], "up outer pass");
        ck_assert_str_eq(seen.lines[n++], "test outer::inner::good pass");
        ck_assert_str_eq(seen.lines[n++], "down outer::inner pass");
        ck_assert_str_eq(seen.lines[n++], "down outer pass");
        ck_assert_ptr_null(seen.lines[n]);
        ck_assert_uint_eq(module_host_count_starts(seen.host), 2);
}
END_TEST

START_TEST(crash_elsewhere_costs_no_host)
{
        _cleanup_(seen_done) Seen seen = {};

        seen_start(&seen, "module-crashes");
        seen_submit(&seen, "outer::inner::crashes_isolated");
        seen_submit(&seen, "outer::inner::child_crashes");
        seen_submit(&seen, "outer::inner::good");
        seen_stop(&seen);
        EXPECT(&seen,
               "load  pass",
               "up outer pass",
               "test outer::inner::crashes_isolated crash",
               "test outer::inner::child_crashes pass",
               "test outer::inner::good pass",
               "down outer::inner pass",
               "down outer pass");
        ck_assert_str_eq(seen.backtraces[3], "");
}
END_TEST

/* Nobody tries again what crashes or hangs. */
START_TEST(bad_set_up_is_tried_once)
{
        _cleanup_(seen_done) Seen seen = {};

        seen_start(&seen, "module-crashes");
        seen_submit(&seen, "outer::up::one");
        seen_submit(&seen, "outer::up::two");
        seen_submit(&seen, "outer::hanging_up::one");
        seen_submit(&seen, "outer::hanging_up::two");
        seen_submit(&seen, "outer::down::good");
        seen_stop(&seen);
        EXPECT(&seen,
               "load  pass",
               "up outer pass",
               "up outer::up crash",
               "test outer::up::one not-run",
               "down outer pass",
               "test outer::up::two not-run",
               "load  pass",
               "up outer pass",
               "up outer::hanging_up timeout",
               "test outer::hanging_up::one not-run",
               "down outer pass",
               "test outer::hanging_up::two not-run",
               "load  pass",
               "up outer pass",
               "test outer::down::good pass",
               "down outer::down crash",
               "down outer pass");
        ck_assert_str_eq(
                        seen.reasons[3],
                        "set-up of context outer::up failed: SIGSEGV at address 0x10");
        ck_assert_str_eq(seen.reasons[5], seen.reasons[3]);
        ck_assert_ptr_nonnull(strstr(seen.reasons[11], "time limit of 100ms"));
}
END_TEST

START_TEST(hanging_tear_down_times_out)
{
        _cleanup_(seen_done) Seen seen = {};

        seen_start(&seen, "module-contexts");
        seen_submit(&seen, "lingering::one");
        seen_stop(&seen);
        EXPECT(&seen, "load  pass", "test lingering::one pass", "down lingering timeout");
}
END_TEST

START_TEST(shared_context_is_set_up_by_request_alone)
{
        _cleanup_(seen_done) Seen seen = {};
        _cleanup_free_ char *exports = NULL;
        char path[] = "/tmp/test-worker-module-XXXXXX";
        int fd = mkstemp(path);
        size_t size;

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(setenv("PTEST_ENV", path, 1), 0);
        seen_start(&seen, "module-contexts");
        seen_submit(&seen, "shared::one");
        seen_submit_full(&seen, MODULE_OP_SET_UP, "shared", 0, false);
        seen_submit(&seen, "shared::one");
        seen_stop(&seen);
        EXPECT(&seen,
               "load  pass",
               "test shared::one pass",
               "up shared pass",
               "done shared pass",
               "test shared::one pass");
        ck_assert_str_eq(seen.outs[1], "elsewhere");
        ck_assert_str_eq(seen.outs[4], "here");
        ck_assert_int_eq(fd_read_all(fd, MIB, &exports, &size), 0);
        ck_assert_str_eq(exports, "PTEST_SHARED=yes\nPTEST_NUMBER=a 7\nPTEST_EMPTY=\n");
        close(fd);
        unlink(path);
}
END_TEST

START_TEST(what_is_after_each_runs_if_what_is_before_was_good)
{
        _cleanup_(seen_done) Seen seen = {};

        seen_start(&seen, "module-contexts");
        seen_submit(&seen, "each::one");
        seen_submit(&seen, "each::two");
        seen_stop(&seen);
        EXPECT(&seen, "load  pass", "test each::one fail", "test each::two pass");
        ck_assert_str_eq(seen.outs[1], "");
        ck_assert_str_eq(seen.outs[2], "two after");
}
END_TEST

/* ---- Modules that cannot be used ---- */

static const struct {
        const char *module, *why;
} bad[] = {
        {"module-bad-abi",          "another version of ptest/test.h: 99"                    },
        { "module-bad-circle",      "is within itself"                                       },
        { "module-bad-constructor", "exit status 0"                                          },
        { "module-bad-duplicate",   "two tests are named context::twice"                     },
        { "module-bad-shared",      "shared context shared is within the split context split"},
        { "module-bad-symbol",      "nobody_defines_this"                                    },
        { "module-bad-worker",      "set-up of the worker failed: "                          },
        { "module-none",            "No such file"                                           },
};

START_TEST(bad_module_is_an_error_of_each_test)
{
        _cleanup_(seen_done) Seen seen = {};
        size_t n;

        seen_start(&seen, bad[_i].module);
        seen_submit(&seen, "good");
        seen_submit(&seen, "good");
        seen_wait(&seen);
        seen_submit(&seen, "good");
        seen_stop(&seen);

        n = strv_length(seen.lines);
        ck_assert_uint_ge(n, 3);
        for (size_t i = n - 3; i < n; i++) {
                ck_assert_str_eq(seen.lines[i], "test good error");
                ck_assert_msg(strstr(seen.reasons[i], bad[_i].why) != NULL, "%s", seen.reasons[i]);
        }
        ck_assert_uint_eq(module_host_count_starts(seen.host), 1);
}
END_TEST

START_TEST(worker_is_set_up_once_in_each_host)
{
        _cleanup_(seen_done) Seen other = {}, same = {};

        seen_start_with(&other, "module-kinds", "module-hooks");
        seen_submit(&other, "prints_environment");
        seen_submit(&other, "prints_environment");
        seen_stop(&other);
        EXPECT(&other,
               "load  pass",
               "test prints_environment pass",
               "test prints_environment pass");
        ck_assert_str_eq(other.outs[0], "hooked ");
        ck_assert_str_eq(other.outs[1], "once ");
        ck_assert_str_eq(other.outs[2], "once ");

        seen_start_with(&same, "module-hooks", "module-hooks");
        seen_submit(&same, "is_hooked");
        seen_stop(&same);
        EXPECT(&same, "load  pass", "test is_hooked pass");
        ck_assert_str_eq(same.outs[0], "hooked ");
}
END_TEST

static const struct {
        const char *hooks, *why;
} bad_hooks[] = {
        {"module-bad-worker",   "module-bad-worker.so failed: "            },
        { "module-hooks-crash", "module-hooks-crash.so failed: SIGABRT"    },
        { "module-ends",        "module-ends.so has no PTEST_WORKER_SET_UP"},
        { "module-none",        "No such file"                             },
};

START_TEST(bad_set_up_of_the_worker_is_an_error_of_each_test)
{
        _cleanup_(seen_done) Seen seen = {};

        seen_start_with(&seen, "module-kinds", bad_hooks[_i].hooks);
        seen_submit(&seen, "passes");
        seen_submit(&seen, "passes");
        seen_stop(&seen);
        ck_assert_uint_eq(strv_length(seen.lines), 3);
        for (size_t i = 1; i < 3; i++) {
                ck_assert_str_eq(seen.lines[i], "test passes error");
                ck_assert_msg(strstr(seen.reasons[i], bad_hooks[_i].why) != NULL,
                              "%s",
                              seen.reasons[i]);
        }
}
END_TEST

/* ---- C++ ---- */

START_TEST(cplusplus_unwinds)
{
        static const char *const modules[] = { "module-plus-11", "module-plus-20" };
        _cleanup_(seen_done) Seen seen = {};
        _cleanup_free_ char *path = NULL;

        ck_assert_int_gt(asprintf(&path, "%s/%s.so", getenv("PTEST_TEST_MODULES"), modules[_i]), 0);
        if (access(path, F_OK) < 0) {
                fprintf(stderr, "no C++ compiler: %s was not built, and is not tested\n", path);
                return;
        }
        seen_start(&seen, modules[_i]);
        seen_submit(&seen, "context::fails");
        seen_submit(&seen, "context::skips");
        seen_submit(&seen, "bad::never");
        seen_submit(&seen, "throws");
        seen_submit(&seen, "throws_number");
        seen_submit(&seen, "catches");
        seen_submit(&seen, "thread");
        seen_submit(&seen, "forked");
        seen_submit(&seen, "table[two]");
        seen_submit(&seen, "range[1]");
        seen_stop(&seen);
        EXPECT(&seen,
               "load  pass",
               "up context pass",
               "test context::fails fail",
               "test context::skips skip",
               "up bad fail",
               "test bad::never not-run",
               "test throws fail",
               "test throws_number fail",
               "test catches fail",
               "test thread fail",
               "test forked fail",
               "test table[two] pass",
               "test range[1] pass");
        ck_assert_str_eq(seen.outs[1], "up destroyed ");
        ck_assert_str_eq(seen.outs[2], "destroyed ");
        ck_assert_str_eq(seen.outs[3], "destroyed ");
        ck_assert_ptr_nonnull(strstr(seen.reasons[6], "uncaught exception: out of ideas"));
        ck_assert_uint_eq(module_host_count_starts(seen.host), 1);
}
END_TEST

/* ---- Many ---- */

START_TEST(thousands_are_answered_in_order)
{
        enum {
                N = 20000
        };
        _cleanup_(seen_done) Seen seen = {};

        seen_start(&seen, "module-kinds");
        for (size_t i = 0; i < N; i++)
                seen_submit(&seen, i % 2 ? "passes" : "square[2]");
        seen_stop(&seen);
        ck_assert_uint_eq(strv_length(seen.lines), N + 1);
        for (size_t i = 0; i < N; i++)
                ck_assert_str_eq(
                                seen.lines[i + 1],
                                i % 2 ? "test passes pass" : "test square[2] fail");
}
END_TEST

/* ---- Listing ---- */

static void list_module(const char *module, int expected, char **ret) {
        _cleanup_free_ char *path = NULL, *program = realpath("/proc/self/exe", NULL);
        int pipe_fds[2], status;
        size_t size;
        pid_t pid;

        ck_assert_int_gt(asprintf(&path, "%s/%s.so", getenv("PTEST_TEST_MODULES"), module), 0);
        ck_assert_int_eq(pipe(pipe_fds), 0);
        pid = fork();
        if (pid == 0) {
                dup2(pipe_fds[1], STDOUT_FILENO);
                execl(program, "test", "--list-module", path, NULL);
                _exit(127);
        }
        close(pipe_fds[1]);
        ck_assert_int_eq(fd_read_all(pipe_fds[0], MIB, ret, &size), 0);
        close(pipe_fds[0]);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(WEXITSTATUS(status), expected);
}

START_TEST(listing_has_what_is_in_the_module)
{
        _cleanup_free_ char *list = NULL, *contexts = NULL, *broken = NULL;

        list_module("module-kinds", 0, &list);
        ck_assert_ptr_nonnull(strstr(
                        list,
                        "{\"test\":\"passes\",\"timeout_usec\":1500000000,\"tags\":[\"one\",\"two\"],\"priority\":3,\"exclusive\":true,\"description\":\"does nothing\""));
        ck_assert_ptr_nonnull(strstr(list, "{\"test\":\"named_square[four]\""));
        ck_assert_ptr_nonnull(strstr(list, "{\"test\":\"small[-1]\""));
        ck_assert_ptr_nonnull(strstr(list, "{\"template\":\"made\""));
        ck_assert_ptr_nonnull(strstr(list, "\"should_fail\":\"bug 12\""));
        ck_assert_ptr_nonnull(strstr(list, "{\"end\":true,\"contexts\":0,\"tests\":"));

        list_module("module-contexts", 0, &contexts);
        ck_assert_ptr_nonnull(strstr(
                        contexts,
                        "{\"context\":\"outer::inner\",\"parent\":\"outer\",\"mode\":\"split\",\"set_up\":true,\"tear_down\":true"));
        ck_assert_ptr_nonnull(strstr(
                        contexts, "{\"test\":\"outer::inner::last\",\"context\":\"outer::inner\""));

        list_module("module-bad-shared", 1, &broken);
        ck_assert_str_eq(broken, "");
}
END_TEST

/* ---- The ring ---- */

START_TEST(ring_keeps_order_and_bounds)
{
        _cleanup_free_ ModuleRing *ring = calloc(1, sizeof(ModuleRing));
        _cleanup_free_ char *in = malloc(MODULE_RING_RECORD_MAX),
                            *out = malloc(MODULE_RING_RECORD_MAX);
        uint64_t written = 0, read = 0;
        size_t size;

        srand(_i);
        for (unsigned i = 0; i < 100000; i++) {
                if (rand() % 2) {
                        size_t n = (size_t)rand() %
                                                        (rand() % 20 == 0 ? MODULE_RING_RECORD_MAX -
                                                                                         16 :
                                                                            200) +
                                        8;

                        memset(in, (int)(written & 0xff), n);
                        memcpy(in, &written, 8);
                        if (module_ring_write(ring, in, n) == 0)
                                written++;
                } else if (module_ring_read(ring, out, &size) == 1) {
                        ck_assert_mem_eq(out, &read, 8);
                        ck_assert_uint_eq(
                                        (unsigned char)out[size - 1],
                                        size > 8 ? read & 0xff : (unsigned char)out[7]);
                        read++;
                }
        }
        while (module_ring_read(ring, out, &size) == 1)
                read++;
        ck_assert_uint_gt(read, 1000);
        ck_assert_uint_eq(read, written);
        ck_assert_int_eq(module_ring_write(ring, in, MODULE_RING_RECORD_MAX), -EMSGSIZE);
}
END_TEST

START_TEST(ring_survives_nonsense)
{
        _cleanup_free_ ModuleRing *ring = calloc(1, sizeof(ModuleRing));
        _cleanup_free_ char *out = malloc(MODULE_RING_RECORD_MAX);
        size_t size;

        srand(_i);
        for (unsigned i = 0; i < 20000; i++) {
                uint64_t nonsense = ((uint64_t)rand() << 33) ^ (uint64_t)rand() >> (rand() % 31);
                int r;

                atomic_store(&ring->written, nonsense);
                atomic_store(&ring->read,
                             rand() % 2 ? nonsense - (uint64_t)rand() % 4096 : (uint64_t)rand());
                memcpy(ring->data + (uint64_t)rand() % (MODULE_RING_SIZE - 8), &nonsense, 8);
                r = module_ring_read(ring, out, &size);
                ck_assert(r == 0 || r == -EBADMSG || (r == 1 && size <= MODULE_RING_RECORD_MAX));
        }
}
END_TEST

static Suite *module_suite(void) {
        Suite *suite = suite_create("worker-module");
        TCase *tcase = tcase_create("module");

        tcase_add_loop_test(tcase, kinds_of_tests_end_as_they_should, 0, 2);
        tcase_add_test(tcase, test_adds_tests_found_before_its_own_result);
        tcase_add_loop_test(tcase, bad_end_costs_its_test_alone, 0, 2);
        tcase_add_test(tcase, test_that_stopped_itself_stays_so_whatever_was_before);
        tcase_add_test(tcase, what_is_left_is_told_and_costs_the_host);
        tcase_add_test(tcase, contexts_are_set_up_once_and_torn_down_in_reverse);
        tcase_add_test(tcase, contexts_are_set_up_again_after_a_crash);
        tcase_add_test(tcase, failed_set_up_leaves_tests_not_run);
        tcase_add_loop_test(
                        tcase, bad_end_is_followed_by_tear_down, 0, (int)ELEMENTSOF(after_ends));
        tcase_add_test(tcase, crash_elsewhere_costs_no_host);
        tcase_add_test(tcase, bad_set_up_is_tried_once);
        tcase_add_test(tcase, hanging_tear_down_times_out);
        tcase_add_test(tcase, shared_context_is_set_up_by_request_alone);
        tcase_add_test(tcase, what_is_after_each_runs_if_what_is_before_was_good);
        tcase_add_loop_test(tcase, bad_module_is_an_error_of_each_test, 0, (int)ELEMENTSOF(bad));
        tcase_add_test(tcase, worker_is_set_up_once_in_each_host);
        tcase_add_loop_test(
                        tcase,
                        bad_set_up_of_the_worker_is_an_error_of_each_test,
                        0,
                        (int)ELEMENTSOF(bad_hooks));
        tcase_add_loop_test(tcase, cplusplus_unwinds, 0, 2);
        tcase_add_test(tcase, thousands_are_answered_in_order);
        tcase_add_test(tcase, listing_has_what_is_in_the_module);
        tcase_add_loop_test(tcase, ring_keeps_order_and_bounds, 0, 5);
        tcase_add_loop_test(tcase, ring_survives_nonsense, 0, 5);
        suite_add_tcase(suite, tcase);
        return suite;
}

int main(int argc, char **argv) {
        /* What ptest-worker's main() does for a worker and a loader. */
        if (argc > 1 && strcmp(argv[1], MODULE_HOST_OPTION) == 0)
                return module_host_main(argc, argv);
        if (argc == 3 && strcmp(argv[1], "--list-module") == 0)
                return module_list(argv[2]) < 0;
        /* test-worker-stuck-report has that one. */
        if (argc > 1 && strcmp(argv[1], STUCK_REPORT_OPTION) == 0)
                return 0;
        return suite_run(module_suite());
}
