/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <check.h>
#include <signal.h>
#include <string.h>

#include "model/outcome.h"
#include "worker/judge.h"

#include "test-runner.h"

static Report pass_of_three = { .outcome = PTEST_OUTCOME_PASS, .n_points = 3, .planned = true };
static Report pass_of_one = { .outcome = PTEST_OUTCOME_PASS, .n_points = 1, .planned = true };
static Report fail_of_three = {
        .outcome = PTEST_OUTCOME_FAIL,
        .reason = (char *)"1 of 3 points failed: 2",
        .n_points = 3,
        .n_failed = 1,
        .planned = true,
};
static Report too_few = {
        .outcome = PTEST_OUTCOME_FAIL,
        .reason = (char *)"plan says 5 points, 3 were reported",
        .n_points = 3,
        .planned = true,
};
static Report empty = { .outcome = PTEST_OUTCOME_FAIL, .reason = (char *)"no TAP output" };
static Report planned_none = {
        .outcome = PTEST_OUTCOME_FAIL,
        .reason = (char *)"plan says 5 points, none was reported",
        .planned = true,
};
static Report skip_all = {
        .outcome = PTEST_OUTCOME_SKIP,
        .reason = (char *)"no printer",
        .n_points = 2,
        .planned = true,
};
static Report bailed_out = {
        .outcome = PTEST_OUTCOME_ERROR,
        .reason = (char *)"bailed out: no disk",
        .bailed_out = true,
};
static Report xpass = {
        .outcome = PTEST_OUTCOME_XPASS,
        .reason = (char *)"1 of 2 points passed although marked TODO: 1",
        .n_points = 2,
        .planned = true,
};
static Report rust_silent = { .outcome = PTEST_OUTCOME_SKIP, .reason = (char *)"it ran no test" };

#define EXITED(n)  .code = CLD_EXITED, .status = (n)
#define KILLED(n)  .code = CLD_KILLED, .status = (n)
#define TIMED_OUT  .timed_out = true, .timeout_usec = 2 * USEC_PER_SEC, .sent_signal = SIGINT
#define OOM(...)   .oom = { .kill = true, __VA_ARGS__ }
#define OOM_AT_64M OOM(.owner = OOM_OWNER_WORKER, .memory_max = 64 * MIB), .memory_peak = 63 * MIB
#define OOM_IN_CELL                  \
        OOM(.in_cell = true,         \
            .owner = OOM_OWNER_TEST, \
            .memory_max = 64 * MIB,  \
            .victim = 12,            \
            .victim_name = "hog"),   \
                        .memory_peak = 63 * MIB

static const struct {
        JudgeFacts facts;
        Outcome outcome;
        const char *reason;
} cases[] = {
  /* Exit statuses */
        {{ EXITED(0) },                                                                            PTEST_OUTCOME_PASS,  NULL                                                                                                                                        },
        { { EXITED(1) },                                                                           PTEST_OUTCOME_FAIL,  "exit status 1"                                                                                                                             },
        { { EXITED(255) },                                                                         PTEST_OUTCOME_FAIL,  "exit status 255"                                                                                                                           },
        { { EXITED(77) },                                                                          PTEST_OUTCOME_SKIP,  "exit status 77"                                                                                                                            },
        { { EXITED(77), .last_line = "no printer" },                                               PTEST_OUTCOME_SKIP,  "no printer"                                                                                                                                },
        { { EXITED(99) },                                                                          PTEST_OUTCOME_ERROR, "exit status 99: the test could not do its work"                                                                                            },
        { { EXITED(0), .protocol = TEST_PROTOCOL_GTEST },                                          PTEST_OUTCOME_PASS,  NULL                                                                                                                                        },

 /* Signals */
        { { KILLED(SIGSEGV) },                                                                     PTEST_OUTCOME_CRASH, "killed by SIGSEGV"                                                                                                                         },
        { { .code = CLD_DUMPED, .status = SIGSEGV },
         PTEST_OUTCOME_CRASH,                                                                                           "killed by SIGSEGV (core dumped)"                                                                                                           },
        { { KILLED(SIGKILL) },                                                                     PTEST_OUTCOME_CRASH, "killed by SIGKILL"                                                                                                                         },
        { { KILLED(SIGABRT), .report = &pass_of_three },
         PTEST_OUTCOME_CRASH,                                                                                           "killed by SIGABRT after 3 points"                                                                                                          },

 /* Should fail: 77 and 99 come before the inversion, a signal is a failure */
        { { EXITED(0), .should_fail = true },
         PTEST_OUTCOME_XPASS,                                                                                           "passed although it should fail"                                                                                                            },
        { { EXITED(1), .should_fail = true },
         PTEST_OUTCOME_XFAIL,                                                                                           "failed as expected: exit status 1"                                                                                                         },
        { { EXITED(77), .should_fail = true },                                                     PTEST_OUTCOME_SKIP,  "exit status 77"                                                                                                                            },
        { { EXITED(99), .should_fail = true },
         PTEST_OUTCOME_ERROR,                                                                                           "exit status 99: the test could not do its work"                                                                                            },
        { { KILLED(SIGABRT), .should_fail = true },
         PTEST_OUTCOME_XFAIL,                                                                                           "failed as expected: killed by SIGABRT"                                                                                                     },
        { { KILLED(SIGINT), .should_fail = true, TIMED_OUT },
         PTEST_OUTCOME_TIMEOUT,                                                                                         "ran longer than 2s; ended by SIGINT"                                                                                                       },
        { { KILLED(SIGKILL), .should_fail = true, OOM_AT_64M },
         PTEST_OUTCOME_OOM,                                                                                             "killed at its worker's memory limit of 64M (its peak was 63M)"                                                                             },
        { { EXITED(0), .should_fail = true, .report = &xpass },
         PTEST_OUTCOME_XFAIL,                                                                                           "failed as expected: 1 of 2 points passed although marked TODO: 1"                                                                          },

 /* Starts */
        { { .start_error = "cannot execute x" },                                                   PTEST_OUTCOME_ERROR, "cannot execute x"                                                                                                                          },
        { { .start_error = "cannot execute x", .should_fail = true },
         PTEST_OUTCOME_ERROR,                                                                                           "cannot execute x"                                                                                                                          },

 /* Time: what we sent is never a crash, and no exit status makes it good */
        { { KILLED(SIGINT), TIMED_OUT },
         PTEST_OUTCOME_TIMEOUT,                                                                                         "ran longer than 2s; ended by SIGINT"                                                                                                       },
        { { EXITED(0), TIMED_OUT },
         PTEST_OUTCOME_TIMEOUT,                                                                                         "ran longer than 2s; ended by SIGINT with exit status 0"                                                                                    },
        { { KILLED(SIGKILL), TIMED_OUT, .sent_kill = true },
         PTEST_OUTCOME_TIMEOUT,                                                                                         "ran longer than 2s; did not end on SIGINT, ended by SIGKILL"                                                                               },
        { { KILLED(SIGKILL), .timed_out = true, .timeout_usec = USEC_PER_SEC, .sent_kill = true },
         PTEST_OUTCOME_TIMEOUT,                                                                                         "ran longer than 1s; ended by SIGKILL"                                                                                                      },
        { { TIMED_OUT, .sent_kill = true },
         PTEST_OUTCOME_TIMEOUT,                                                                                         "ran longer than 2s; could not be ended, not even by SIGKILL"                                                                               },
        { { EXITED(0), .timed_out = true, .timeout_usec = 2 * USEC_PER_SEC },
         PTEST_OUTCOME_TIMEOUT,                                                                                         "ran longer than 2s; ended by itself with exit status 0"                                                                                    },
        { { EXITED(0),
            .seen_late = true,
            .timeout_usec = 2 * USEC_PER_SEC,
            .duration_usec = 9 * USEC_PER_SEC },
         PTEST_OUTCOME_TIMEOUT,                                                                                         "its limit of 2s was over by far when its end was seen, after 9s: its worker had stood still"                                               },
        { { KILLED(SIGINT), .interrupted = true, .duration_usec = 3 * USEC_PER_SEC },
         PTEST_OUTCOME_NOT_RUN,                                                                                         "interrupted after 3s"                                                                                                                      },
        { { .interrupted = true, .duration_usec = 3 * USEC_PER_SEC },
         PTEST_OUTCOME_NOT_RUN,                                                                                         "interrupted after 3s"                                                                                                                      },

 /* Memory */
        { { KILLED(SIGKILL), OOM_AT_64M },
         PTEST_OUTCOME_OOM,                                                                                             "killed at its worker's memory limit of 64M (its peak was 63M)"                                                                             },
        { { EXITED(137), OOM_AT_64M },
         PTEST_OUTCOME_OOM,                                                                                             "one of its processes was killed at its worker's memory limit of 64M (its peak was 63M); exit status 137"                                   },
        { { KILLED(SIGKILL), OOM(.memory_max = SIZE_INFINITY), .memory_peak = SIZE_UNKNOWN },
         PTEST_OUTCOME_OOM,                                                                                             "killed for lack of memory, at a limit above its worker's or of the machine"                                                                },
        { { EXITED(0), OOM_AT_64M },                                                               PTEST_OUTCOME_PASS,  NULL                                                                                                                                        },
        { { EXITED(1), OOM_AT_64M },                                                               PTEST_OUTCOME_FAIL,  "exit status 1"                                                                                                                             },
        { { KILLED(SIGSEGV), OOM_AT_64M },                                                         PTEST_OUTCOME_CRASH, "killed by SIGSEGV"                                                                                                                         },
        { { KILLED(SIGKILL), OOM_IN_CELL },
         PTEST_OUTCOME_OOM,                                                                                             "hog (pid 12) was killed at its own memory limit of 64M (its peak was 63M)"                                                                 },
        { { EXITED(1), OOM_IN_CELL },
         PTEST_OUTCOME_OOM,                                                                                             "hog (pid 12) was killed at its own memory limit of 64M (its peak was 63M); exit status 1"                                                  },
        { { EXITED(0), OOM_IN_CELL },                                                              PTEST_OUTCOME_PASS,  NULL                                                                                                                                        },
        { { EXITED(77), OOM_IN_CELL, .last_line = "no room" },                                     PTEST_OUTCOME_SKIP,  "no room"                                                                                                                                   },
        { { KILLED(SIGKILL),
            OOM(.in_cell = true,
                .owner = OOM_OWNER_SLICE,
                .unit = "ptest-x.slice",
                .memory_max = 64 * MIB),
            .memory_peak = 3 * MIB },
         PTEST_OUTCOME_OOM,                                                                                             "killed at the memory limit of ptest-x.slice, 64M (its peak was 3M)"                                                                        },
        { { KILLED(SIGKILL),
            OOM(.in_cell = true, .owner = OOM_OWNER_MACHINE, .memory_max = SIZE_INFINITY),
            .memory_peak = 3 * MIB },
         PTEST_OUTCOME_OOM,                                                                                             "killed because the machine had no memory left (its peak was 3M)"                                                                           },
        { { KILLED(SIGKILL),
            OOM(.in_cell = true,
                .owner = OOM_OWNER_WORKER,
                .memory_max = 64 * MIB,
                .memory_beside = 40 * MIB),
            .memory_peak = 24 * MIB },
         PTEST_OUTCOME_OOM,                                                                                             "killed at its worker's memory limit of 64M (its peak was 24M; 40M more were not its own, such as files that earlier tests left in a tmpfs)"},
        { { KILLED(SIGKILL),
            OOM(.in_cell = true,
                .owner = OOM_OWNER_WORKER,
                .memory_max = 64 * MIB,
                .memory_beside = 2 * MIB),
            .memory_peak = 62 * MIB },
         PTEST_OUTCOME_OOM,                                                                                             "killed at its worker's memory limit of 64M (its peak was 62M)"                                                                             },
        { { EXITED(2), .forks_refused = 1, .tasks_max = 1 },
         PTEST_OUTCOME_FAIL,                                                                                            "exit status 2; it could not fork once, at its limit of 1 task"                                                                             },
        { { EXITED(2), .forks_refused = 3, .tasks_max = 6 },
         PTEST_OUTCOME_FAIL,                                                                                            "exit status 2; it could not fork 3 times, at its limit of 6 tasks"                                                                         },
        { { EXITED(2), .forks_refused = 1, .tasks_max = UINT64_MAX },
         PTEST_OUTCOME_FAIL,                                                                                            "exit status 2; it could not fork once, at a limit of tasks above its own"                                                                  },
        { { EXITED(0), .forks_refused = 3, .tasks_max = 6 },                                       PTEST_OUTCOME_PASS,  NULL                                                                                                                                        },
        { { EXITED(137) },                                                                         PTEST_OUTCOME_FAIL,  "exit status 137"                                                                                                                           },

 /* Reports */
        { { EXITED(0), .report = &pass_of_three },                                                 PTEST_OUTCOME_PASS,  NULL                                                                                                                                        },
        { { EXITED(1), .report = &pass_of_three },
         PTEST_OUTCOME_FAIL,                                                                                            "all 3 points passed, but exit status 1"                                                                                                    },
        { { EXITED(2), .report = &pass_of_one },
         PTEST_OUTCOME_FAIL,                                                                                            "its only point passed, but exit status 2"                                                                                                  },
        { { EXITED(77), .report = &pass_of_three },
         PTEST_OUTCOME_FAIL,                                                                                            "all 3 points passed, but exit status 77"                                                                                                   },
        { { EXITED(0), .report = &fail_of_three },                                                 PTEST_OUTCOME_FAIL,  "1 of 3 points failed: 2"                                                                                                                   },
        { { EXITED(1), .report = &fail_of_three },                                                 PTEST_OUTCOME_FAIL,  "1 of 3 points failed: 2"                                                                                                                   },
        { { EXITED(99), .report = &fail_of_three },
         PTEST_OUTCOME_ERROR,                                                                                           "exit status 99: the test could not do its work"                                                                                            },
        { { EXITED(0), .report = &too_few },
         PTEST_OUTCOME_FAIL,                                                                                            "plan says 5 points, 3 were reported"                                                                                                       },
        { { EXITED(1), .report = &too_few },
         PTEST_OUTCOME_FAIL,                                                                                            "plan says 5 points, 3 were reported; exit status 1"                                                                                        },
        { { EXITED(0), .report = &empty },                                                         PTEST_OUTCOME_FAIL,  "no TAP output"                                                                                                                             },
        { { EXITED(77), .report = &empty, .last_line = "no printer" },
         PTEST_OUTCOME_SKIP,                                                                                            "no printer"                                                                                                                                },
        { { EXITED(77), .report = &planned_none },
         PTEST_OUTCOME_FAIL,                                                                                            "plan says 5 points, none was reported; exit status 77"                                                                                     },
        { { EXITED(0), .report = &skip_all },                                                      PTEST_OUTCOME_SKIP,  "no printer"                                                                                                                                },
        { { EXITED(1), .report = &skip_all },
         PTEST_OUTCOME_FAIL,                                                                                            "skipped (no printer), but exit status 1"                                                                                                   },
        { { EXITED(1), .report = &bailed_out },                                                    PTEST_OUTCOME_ERROR, "bailed out: no disk"                                                                                                                       },
        { { KILLED(SIGABRT), .report = &bailed_out },
         PTEST_OUTCOME_ERROR,                                                                                           "bailed out: no disk; killed by SIGABRT"                                                                                                    },
        { { EXITED(0), .report = &xpass },
         PTEST_OUTCOME_XPASS,                                                                                           "1 of 2 points passed although marked TODO: 1"                                                                                              },
        { { EXITED(0), .report = &rust_silent },                                                   PTEST_OUTCOME_SKIP,  "it ran no test"                                                                                                                            },
        { { EXITED(101), .report = &rust_silent },                                                 PTEST_OUTCOME_FAIL,  "exit status 101"                                                                                                                           },
};

START_TEST(facts_give_outcome_and_reason)
{
        _cleanup_free_ char *reason = NULL;
        Outcome outcome = PTEST_OUTCOME_INVALID;

        ck_assert_int_eq(judge(&cases[_i].facts, &outcome, &reason), 0);
        ck_assert_msg(outcome == cases[_i].outcome &&
                                      strcmp(reason ?: "", cases[_i].reason ?: "") == 0,
                      "case %d gives %s: %s",
                      _i,
                      outcome_to_string(outcome),
                      reason ?: "");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("worker/judge");
        TCase *tcase = tcase_create("table");

        suite_add_tcase(suite, tcase);
        tcase_add_loop_test(tcase, facts_give_outcome_and_reason, 0, (int)ELEMENTSOF(cases));
        return suite_run(suite);
}
