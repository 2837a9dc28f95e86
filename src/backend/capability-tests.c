/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is done for each test: to hold it, to see what became of it, and to clean up after it; and what instead where it
 * has no cgroup of its own (version 1, the plain backend, no delegation)
 */

#include "backend/capability-survey.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "backend/probe.h"
#include "basic/file.h"
#include "basic/strv.h"
#include "basic/text.h"

int backend_find_unheld_test_limits(BackendKind kind, unsigned wanted, char **ret) {
        static const struct {
                BackendTestLimit limit;
                const char *name, *controller;
        } table[] = {
                {BACKEND_TEST_MEMORY_MAX,   "MemoryMax=",  "memory"},
                { BACKEND_TEST_MEMORY_HIGH, "MemoryHigh=", "memory"},
                { BACKEND_TEST_TASKS_MAX,   "TasksMax=",   "pids"  },
                { BACKEND_TEST_CPU_QUOTA,   "CPUQuota=",   "cpu"   },
        };
        _cleanup_strv_ char **controllers = wanted ? probe_list_delegated(kind) : NULL;
        _cleanup_strv_ char **names = NULL;
        char *text = NULL;

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                if (!(wanted & table[i].limit) || strv_contains(controllers, table[i].controller))
                        continue;
                int r = strv_extend(&names, table[i].name);
                if (r < 0)
                        return r;
        }
        if (names) {
                text = strv_join(names, ", ");
                if (!text)
                        return -ENOMEM;
        }
        *ret = text;
        return 0;
}

typedef struct TestSurvey {
        Survey *survey;
        char **controllers; /* that tests can have */
        bool cells;         /* tests have cgroups of their own */
        bool memory;        /* with the memory controller */
} TestSurvey;

static void tests_survey_limits(TestSurvey *tests) {
        const unsigned all = BACKEND_TEST_MEMORY_MAX | BACKEND_TEST_MEMORY_HIGH |
                        BACKEND_TEST_TASKS_MAX | BACKEND_TEST_CPU_QUOTA;
        Survey *survey = tests->survey;
        _cleanup_free_ char *unheld = NULL;

        int r = backend_find_unheld_test_limits(survey->kind, all, &unheld);
        if (r < 0)
                survey->error = r;
        else if (survey->kind != BACKEND_PLAIN && !survey->reachable)
                survey_add(survey,
                           "test-limits",
                           "Limits of tests",
                           false,
                           "the manager cannot be used");
        else if (!unheld)
                survey_add(survey,
                           "test-limits",
                           "Limits of tests",
                           true,
                           "MemoryMax=, MemoryHigh=, TasksMax= and CPUQuota= hold for each test in a cgroup of its own");
        else
                survey_add(survey,
                           "test-limits",
                           "Limits of tests",
                           false,
                           "no cgroups of tests with controllers for %s: a suite that has them is refused; instead, with "
                           "--allow-degraded, MemoryMax= holds for each process by itself (RLIMIT_DATA), the others not at all",
                           unheld);
}

static void tests_survey_oom(TestSurvey *tests) {
        survey_add(tests->survey,
                   "test-oom",
                   "Tests out of memory",
                   tests->memory,
                   "%s",
                   tests->memory ? "told with the limit, whose it was, the peak and the victim; a test over its own limit dies "
                                   "whole, a mere victim is run again" :
                                   "no counters of a test's cgroup; instead those of the worker's, where there are any, tell what "
                                   "the kernel killed, and else it is a crash by SIGKILL. What is over RLIMIT_DATA fails by itself");
}

static void tests_survey_leaks(TestSurvey *tests) {
        survey_add(tests->survey,
                   "leaks",
                   "Leaks of tests",
                   true,
                   "%s",
                   tests->cells ? "whoever is still in a test's cgroup is found, whatever it did, and killed by cgroup.kill" :
                                  "no cgroups of tests; instead workers are sub-reapers, and all their descendants are looked for "
                                  "and killed: daemons in sessions of their own, too");
}

static void tests_survey_stuck(TestSurvey *tests) {
        static const char *const debuggers[] = { "eu-stack", "gdb" };
        const char *debugger = NULL;

        for (size_t i = 0; i < ELEMENTSOF(debuggers) && !debugger; i++) {
                _cleanup_free_ char *path = NULL;

                if (path_find_program(debuggers[i], &path) >= 0)
                        debugger = debuggers[i];
        }
        const bool kernel = access("/proc/self/stack", R_OK) >= 0 && geteuid() == 0;

        survey_add(tests->survey,
                   "stuck-report",
                   "Stuck reports",
                   true,
                   "what each process and thread of a test at its time limit waits for, and has open%s; %s%s; %s",
                   kernel ? ", with its kernel's stack" :
                            "; the kernel's stacks only root can read",
                   debugger ? "stacks by " :
                              "no stacks: neither eu-stack (elfutils) nor gdb is installed",
                   debugger ?: "",
                   tests->cells ? "all are frozen at once meanwhile" :
                                  "they are stopped one by one (SIGSTOP) instead of frozen at once");
}

static void tests_survey_measures(TestSurvey *tests) {
        survey_add(tests->survey,
                   "measures",
                   "What tests use",
                   tests->memory,
                   "%s%s",
                   tests->memory ? "CPU, peaks of memory and tasks of all processes of a test together" :
                                   tests->cells ?
                                   "no memory controller for tests; instead CPU of all their processes, memory of the largest one" :
                                   "no cgroups of tests; instead, from getrusage(), CPU of the processes that were waited for "
                                   "and memory of the largest one; no number of tasks, no input and output",
                   !tests->memory ? "" :
                                   strv_contains(tests->controllers, "io") ?
                                    ", and what it read and wrote" :
                                    "; what it read and wrote only with the io controller");
}

/* What a manager takes, and a kernel without the controller does not do: "CPUWeight=, IOWeight="; NULL: nothing */
static char *tests_find_unheld_weights(const TestSurvey *tests) {
        static const char *const table[][2] = {
                {"cpu",     "CPUWeight="     },
                { "io",     "IOWeight="      },
                { "memory", "SliceMemoryMax="},
        };
        _cleanup_strv_ char **names = NULL;

        /* Version 1 gives them to systemd itself, whatever it can delegate. */
        if (!tests->cells)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (!strv_contains(tests->controllers, table[i][0]) &&
                    strv_extend(&names, table[i][1]) < 0)
                        return NULL;
        return names ? strv_join(names, ", ") : NULL;
}

static void tests_survey_politeness(TestSurvey *tests) {
        _cleanup_free_ char *unheld = tests_find_unheld_weights(tests);

        if (unheld) {
                survey_add(tests->survey,
                           "politeness",
                           "Politeness",
                           true,
                           "oom_score_adj, and weights of scopes; without effect, because the manager has no controllers for them: %s",
                           unheld);
                return;
        }
        if (tests->survey->kind != BACKEND_PLAIN && !tests->survey->reachable) {
                survey_add(tests->survey,
                           "politeness",
                           "Politeness",
                           false,
                           "no weights of scopes: the manager cannot be used");
                return;
        }
        survey_add(tests->survey,
                   "politeness",
                   "Politeness",
                   true,
                   "%s",
                   tests->survey->kind != BACKEND_PLAIN ?
                                   "CPUWeight= and IOWeight= of scopes, SliceMemoryMax= of their slice, oom_score_adj" :
                                   "no weights of scopes; instead nice, the priority of input and output (ionice) and "
                                   "oom_score_adj; SliceMemoryMax= does not hold");
}

/* What is the same everywhere, so that nobody has to guess. */
static void tests_survey_rest(TestSurvey *tests) {
        survey_add(tests->survey,
                   "output",
                   "Output of tests",
                   true,
                   "stdout and stderr apart, in their order, each kept up to OutputMax=; needs nothing of the machine");
        survey_add(tests->survey,
                   "private-places",
                   "Private places",
                   true,
                   "PrivateTmp= and PrivateHome= are directories that are removed afterwards; need nothing of the machine");
}

void survey_tests(Survey *survey) {
        _cleanup_strv_ char **controllers = survey->reachable ? probe_list_delegated(survey->kind) :
                                                                NULL;
        TestSurvey tests = {
                .survey = survey,
                .controllers = controllers,
                .cells = survey->kind != BACKEND_PLAIN && survey->reachable &&
                                survey->layout.unified,
                .memory = strv_contains(controllers, "memory"),
        };

        tests_survey_limits(&tests);
        tests_survey_oom(&tests);
        tests_survey_leaks(&tests);
        tests_survey_stuck(&tests);
        tests_survey_measures(&tests);
        tests_survey_politeness(&tests);
        tests_survey_rest(&tests);
}
