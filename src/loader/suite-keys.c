/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The keys of suite files: where each may stand, how its value is read, and what would be right
 *
 * A setter returns -EINVAL or -ERANGE for a value that is wrong; the words for it come from the table. An
 * empty value takes back what was said before, as in unit files.
 */

#include <errno.h>
#include <string.h>

#include "basic/file.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "loader/suite-keys.h"
#include "ptest/protocol.h"

typedef struct Key {
        const char *name;
        unsigned sections; /* bits of SpecKind */
        KeySetter *set;
        const char *expected;
} Key;

#define IN(kind)    (1U << (kind))
#define IN_WORKERS  (IN(SPEC_SUITE) | IN(SPEC_WORKER))
#define IN_MODULES  (IN(SPEC_SUITE) | IN(SPEC_MATCH) | IN(SPEC_CONTEXT))
#define IN_TESTS    (IN(SPEC_TEST) | IN(SPEC_MATCH))
#define IN_ALL      (IN(SPEC_SUITE) | IN_TESTS)
#define IN_CONTEXTS (IN_TESTS | IN(SPEC_CONTEXT))
#define IN_EVERY    (IN_ALL | IN(SPEC_CONTEXT))

static bool value_is_empty(const KeyfileLine *line) {
        return *line->value == 0;
}

static int string_set(char **field, const char *value) {
        char *copy = NULL;

        if (*value) {
                copy = strdup(value);
                if (!copy)
                        return -ENOMEM;
        }
        free(*field);
        *field = copy;
        return 0;
}

static void spec_mark(Spec *spec, unsigned bit, bool given) {
        spec->given = given ? spec->given | bit : spec->given & ~bit;
}

/* ---- What tests have ---- */

static int set_description(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        return string_set(
                        spec->kind == SPEC_SUITE ? &file->description : &spec->values->description,
                        line->value);
}

static int set_protocol(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        TestProtocol protocol = TEST_PROTOCOL_EXIT;

        if (!value_is_empty(line)) {
                protocol = test_protocol_from_string(line->value);
                /* A program does not become a module by being called one. */
                if (protocol < 0 || protocol == TEST_PROTOCOL_MODULE)
                        return -EINVAL;
        }
        spec->values->protocol = protocol;
        spec_mark(spec, SPEC_PROTOCOL, !value_is_empty(line));
        return 0;
}

static void spec_clear_env(Spec *spec) {
        for (size_t i = 0; i < spec->values->n_env; i++) {
                free(spec->values->env[i].name);
                free(spec->values->env[i].value);
                free(spec->values->env[i].separator);
        }
        spec->values->n_env = 0;
}

static bool variable_is_valid(const char *name, size_t length) {
        for (size_t i = 0; i < length; i++)
                if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789",
                            name[i]))
                        return false;
        return length > 0 && !strchr("0123456789", name[0]);
}

static int set_environment(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        _cleanup_strv_ char **words = NULL;
        int r;

        if (value_is_empty(line)) {
                spec_clear_env(spec);
                return 0;
        }
        r = strv_split_words(line->value, &words);
        if (r < 0)
                return r;

        strv_for_each(word, words) {
                char *equals = strchr(*word, '=');

                if (!equals || !variable_is_valid(*word, (size_t)(equals - *word)))
                        return -EINVAL;
                *equals = 0;
                r = test_add_env(spec->values, ENV_OP_SET, *word, equals + 1, NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int set_working_directory(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        _cleanup_free_ char *joined = NULL, *path = NULL;
        int r;

        if (!value_is_empty(line)) {
                r = path_join(file->directory, line->value, &joined);
                if (r >= 0)
                        r = path_make_absolute(joined, &path);
                if (r < 0)
                        return r;
        }
        free(spec->values->workdir);
        spec->values->workdir = TAKE_PTR(path);
        return 0;
}

static int time_set(
                Spec *spec, unsigned bit, const char *value, bool may_be_zero, uint64_t *field) {
        uint64_t usec = 0;
        int r;

        if (*value) {
                r = parse_time(value, &usec);
                if (r < 0)
                        return r;
                if (usec == 0 && !may_be_zero)
                        return -ERANGE;
        }
        *field = usec;
        spec_mark(spec, bit, *value);
        return 0;
}

static int set_timeout(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        return time_set(spec, SPEC_TIMEOUT, line->value, false, &spec->values->timeout_usec);
}

static int set_grace(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        return time_set(spec, SPEC_GRACE, line->value, true, &spec->values->grace_usec);
}

static int set_timeout_signal(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        int r, signo = 0;

        if (!value_is_empty(line)) {
                r = parse_signal(line->value, &signo);
                if (r < 0)
                        return r;
        }
        spec->values->timeout_signal = signo;
        spec_mark(spec, SPEC_SIGNAL, !value_is_empty(line));
        return 0;
}

static int flag_set(Spec *spec, unsigned bit, const char *value, bool *field) {
        bool flag = false;
        int r;

        if (*value) {
                r = parse_bool(value, &flag);
                if (r < 0)
                        return r;
        }
        *field = flag;
        spec_mark(spec, bit, *value);
        return 0;
}

static int set_should_fail(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        return flag_set(spec, SPEC_SHOULD_FAIL, line->value, &spec->values->should_fail);
}

static int set_exclusive(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        return flag_set(spec, SPEC_EXCLUSIVE, line->value, &spec->values->exclusive);
}

static int set_isolation(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        const bool process = strcmp(line->value, "process") == 0;

        if (!process && !value_is_empty(line) && strcmp(line->value, "none") != 0)
                return -EINVAL;
        spec->values->isolate = process;
        spec_mark(spec, SPEC_ISOLATION, !value_is_empty(line));
        return 0;
}

static int set_priority(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        int r, priority = 0;

        if (!value_is_empty(line)) {
                r = parse_int(line->value, &priority);
                if (r < 0)
                        return r;
        }
        spec->values->priority = priority;
        spec_mark(spec, SPEC_PRIORITY, !value_is_empty(line));
        return 0;
}

static int set_tags(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        _cleanup_strv_ char **words = NULL;
        int r;

        if (value_is_empty(line)) {
                spec->values->tags = strv_free(spec->values->tags);
                return 0;
        }
        r = strv_split_words(line->value, &words);
        return r < 0 ? r : strv_extend_strv(&spec->values->tags, words);
}

static int set_output_max(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        uint64_t size = 0;
        int r;

        if (!value_is_empty(line)) {
                r = parse_size(line->value, &size);
                if (r < 0)
                        return r;
                if (size > PTEST_OUTPUT_MAX_LARGEST)
                        return -ERANGE;
        }
        spec->values->output_max = size;
        spec_mark(spec, SPEC_OUTPUT_MAX, !value_is_empty(line));
        return 0;
}

/* ---- Contexts ---- */

static int set_context(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        uint32_t number = CONTEXT_NONE;
        int r;

        if (!value_is_empty(line)) {
                r = suite_file_name_context(file, line->value, line, &number);
                if (r < 0)
                        return r;
        }
        if (spec->context)
                spec->context->parent = number;
        else
                spec->values->context = number;
        spec_mark(spec, SPEC_CONTEXT_NAME, true);
        return 0;
}

static int set_set_up_timeout(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        return time_set(spec, 0, line->value, false, &spec->context->set_up.timeout_usec);
}

static int set_tear_down_timeout(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        return time_set(spec, 0, line->value, false, &spec->context->tear_down.timeout_usec);
}

static int set_mode(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        ContextMode mode = CONTEXT_WHOLE;

        if (!value_is_empty(line)) {
                mode = context_mode_from_string(line->value);
                if (mode < 0)
                        return -EINVAL;
        }
        spec->context->mode = mode;
        return 0;
}

/* ---- The table ---- */

#define EXPECT_MEMORY \
        "a size such as 512M or 1G, a percentage of the memory such as 10%, or infinity"
#define EXPECT_COMMAND "a program and its arguments, with each quote closed and a backslash as \\\\"
#define EXPECT_TEXT    "a text"
#define EXPECT_BOOL    "yes or no"
#define EXPECT_TIME    "a time such as 30s, 5min 20s or infinity"
#define EXPECT_TIMEOUT "a time above 0 such as 30s, 5min 20s or infinity"

static const Key keys[] = {
        {"AllowNoTests",        IN(SPEC_SUITE),             suite_file_set_allow_no_tests, EXPECT_BOOL                                                   },
        { "CPUWeight",          IN(SPEC_WORKER),            suite_file_set_weight,         "a number from 1 to 10000"                                    },
        { "CPUQuota",
         IN_EVERY,                                          suite_file_set_limit,
         "a percentage of one CPU above 0 such as 50% or 200%, or infinity"                                                                              },
        { "Context",            IN_CONTEXTS,                set_context,                   "the name of a context"                                       },
        { "Description",        IN_EVERY,                   set_description,               EXPECT_TEXT                                                   },
        { "Environment",
         IN_EVERY,                                          set_environment,
         "words NAME=value, quoted where a value has spaces"                                                                                             },
        { "Exclusive",          IN_CONTEXTS,                set_exclusive,                 EXPECT_BOOL                                                   },
        { "Exec",               IN(SPEC_TEST),              suite_file_set_exec,           EXPECT_COMMAND                                                },
        { "FailFast",
         IN(SPEC_SUITE),
         suite_file_set_fail_fast,                                                         "yes, no, or after how many failures to stop"                 },
        { "Flaky",              IN_EVERY,                   suite_file_set_limit,          "pass or fail"                                                },
        { "FoundExec",          IN(SPEC_TEST),              suite_file_set_found_exec,     EXPECT_COMMAND                                                },
        { "From",
         IN(SPEC_SUITE),
         suite_file_set_from,                                                              "meson:DIR, installed-tests:DIR, directory:DIR or module:FILE"},
        { "GraceSec",           IN_ALL,                     set_grace,                     EXPECT_TIME                                                   },
        { "IOWeight",           IN(SPEC_WORKER),            suite_file_set_weight,         "a number from 1 to 10000"                                    },
        { "Isolation",          IN_MODULES,                 set_isolation,                 "process or none"                                             },
        { "KeepRuns",           IN(SPEC_SUITE),             suite_file_set_keep_runs,      KEEP_RUNS_EXPECTED                                            },
        { "Mode",               IN(SPEC_CONTEXT),           set_mode,                      "whole, split or shared"                                      },
        { "LeakGraceSec",       IN_EVERY,                   suite_file_set_limit,          "a finite time such as 200ms or 1s"                           },
        { "Leaks",              IN_EVERY,                   suite_file_set_limit,          "fail, mark or ignore"                                        },
        { "MemoryHigh",         IN_EVERY,                   suite_file_set_limit,          EXPECT_MEMORY                                                 },
        { "MemoryMax",          IN_EVERY | IN(SPEC_WORKER), suite_file_set_memory_max,     EXPECT_MEMORY                                                 },
        { "OOMScoreAdjust",
         IN(SPEC_WORKER),
         suite_file_set_oom_score,                                                         "a number from -1000 to 1000"                                 },
        { "OutputMax",          IN(SPEC_SUITE),             set_output_max,                "a size of at most 4M"                                        },
        { "Priority",           IN_TESTS,                   set_priority,                  "a whole number, higher is earlier"                           },
        { "Protocol",           IN_TESTS,                   set_protocol,                  "exit, tap, gtest or rust"                                    },
        { "PrivateHome",        IN_EVERY,                   suite_file_set_private,        EXPECT_BOOL                                                   },
        { "PrivateTmp",         IN_EVERY,                   suite_file_set_private,        EXPECT_BOOL                                                   },
        { "RecycleAfter",
         IN_WORKERS,                                        suite_file_set_recycle_after,
         "a number of tests, 0 for never"                                                                                                                },
        { "RecycleMemory",
         IN_WORKERS,                                        suite_file_set_recycle_memory,
         "a size such as 64M or 1G, a percentage of the memory such as 5%, or infinity"                                                                  },
        { "Retries",            IN_EVERY,                   suite_file_set_limit,          "a number from 0 to 100"                                      },
        { "RunTimeoutSec",      IN(SPEC_SUITE),             suite_file_set_run_timeout,    EXPECT_TIMEOUT                                                },
        { "SetUp",              IN(SPEC_CONTEXT),           suite_file_set_set_up,         EXPECT_COMMAND                                                },
        { "SetUpTimeoutSec",    IN(SPEC_CONTEXT),           set_set_up_timeout,            EXPECT_TIMEOUT                                                },
        { "ShouldFail",         IN_TESTS,                   set_should_fail,               EXPECT_BOOL                                                   },
        { "SliceMemoryMax",     IN(SPEC_SUITE),             suite_file_set_slice_memory,   EXPECT_MEMORY                                                 },
        { "StopSec",            IN(SPEC_SUITE),             suite_file_set_stop,           EXPECT_TIME                                                   },
        { "StuckReport",        IN_EVERY,                   suite_file_set_limit,          "stacks, processes or no"                                     },
        { "Tags",               IN_TESTS,                   set_tags,                      "words"                                                       },
        { "TasksMax",
         IN_EVERY | IN(SPEC_WORKER),
         suite_file_set_tasks_max,                                                         "a number above 0, or infinity"                               },
        { "TearDown",           IN(SPEC_CONTEXT),           suite_file_set_tear_down,      EXPECT_COMMAND                                                },
        { "TearDownTimeoutSec", IN(SPEC_CONTEXT),           set_tear_down_timeout,         EXPECT_TIMEOUT                                                },
        { "TestCgroups",        IN(SPEC_WORKER),            suite_file_set_test_cgroups,   EXPECT_BOOL                                                   },
        { "TimeoutMultiplier",
         IN(SPEC_SUITE),
         suite_file_set_timeout_multiplier,                                                "a number such as 2 or 0.5; 0 means no timeouts"              },
        { "TimeoutSec",         IN_ALL,                     set_timeout,                   EXPECT_TIMEOUT                                                },
        { "TimeoutSignal",      IN_ALL,                     set_timeout_signal,            "a signal such as SIGINT"                                     },
        { "User",               IN(SPEC_WORKER),            suite_file_set_user,           "the name of a user"                                          },
        { "Workers",            IN(SPEC_SUITE),             suite_file_set_workers,        "a number from 1 to 1000"                                     },
        { "WorkerSetUp",        IN_WORKERS,                 suite_file_set_worker_set_up,  "the path of a module"                                        },
        { "WorkingDirectory",   IN_EVERY,                   set_working_directory,         "a directory"                                                 },
};

const char *spec_kind_to_string(SpecKind kind) {
        static const char *const names[SPEC_KIND_MAX] = {
                [SPEC_SUITE] = "[Suite]",       [SPEC_WORKER] = "[Worker]",
                [SPEC_TEST] = "[Test …]",       [SPEC_MATCH] = "[Match …]",
                [SPEC_CONTEXT] = "[Context …]",
        };

        return names[kind];
}

static const Key *key_find(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (strcmp(keys[i].name, name) == 0)
                        return &keys[i];
        return NULL;
}

static int complain_unknown(SuiteFile *file, const KeyfileLine *line) {
        const char *known[ELEMENTSOF(keys) + 1] = {}, *nearest;
        _cleanup_free_ char *list = NULL;
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (keys[i].sections & IN(file->section))
                        known[n++] = keys[i].name;

        nearest = problems_find_nearest(line->key, known, n);
        if (nearest)
                return problems_add(
                                file->problems,
                                line->path,
                                line->line,
                                "unknown key \"%s\" in [%s]; did you mean \"%s\"?",
                                line->key,
                                line->section,
                                nearest);

        list = strv_join((char *const *)known, ", ");
        return problems_add(
                        file->problems,
                        line->path,
                        line->line,
                        "unknown key \"%s\" in [%s]; known there: %s",
                        line->key,
                        line->section,
                        list ? list : "");
}

static int complain_misplaced(SuiteFile *file, const KeyfileLine *line, const Key *key) {
        const char *places[SPEC_KIND_MAX + 1] = {};
        _cleanup_free_ char *list = NULL;
        size_t n = 0;

        for (SpecKind kind = 0; kind < SPEC_KIND_MAX; kind++)
                if (key->sections & IN(kind))
                        places[n++] = spec_kind_to_string(kind);
        list = strv_join((char *const *)places, " or ");
        return problems_add(
                        file->problems,
                        line->path,
                        line->line,
                        "\"%s\" has no meaning in [%s]; it belongs in %s",
                        line->key,
                        line->section,
                        list ? list : "");
}

int suite_file_assign(SuiteFile *file, const KeyfileLine *line) {
        const Key *key = key_find(line->key);
        int r;

        if (!key)
                return complain_unknown(file, line);
        if (!(key->sections & IN(file->section)))
                return complain_misplaced(file, line, key);

        r = key->set(file, file->current, line);
        if (r == -EINVAL || r == -ERANGE)
                return problems_add(
                                file->problems,
                                line->path,
                                line->line,
                                "%s=%.100s is %s; write %s",
                                line->key,
                                line->value,
                                r == -EINVAL ? "not understood" : "out of range",
                                key->expected);
        return r;
}
