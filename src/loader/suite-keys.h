/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "loader/suite-file.h"

/*
 * The setters of keys, which the table in suite-keys.c names
 *
 * Each takes one line of the section that is open, and returns -EINVAL or -ERANGE for a value that is wrong.
 */

typedef int KeySetter(SuiteFile *file, Spec *spec, const KeyfileLine *line);

/* Commands of tests and fixtures */
KeySetter suite_file_set_exec;
KeySetter suite_file_set_found_exec;
KeySetter suite_file_set_set_up;
KeySetter suite_file_set_tear_down;

KeySetter suite_file_set_from;

/* The run */
KeySetter suite_file_set_workers;
KeySetter suite_file_set_timeout_multiplier;
KeySetter suite_file_set_stop;
KeySetter suite_file_set_run_timeout;
KeySetter suite_file_set_fail_fast;
KeySetter suite_file_set_keep_runs;
KeySetter suite_file_set_allow_no_tests;
KeySetter suite_file_set_slice_memory;

/* Its workers; the first two limit tests elsewhere than in [Worker] */
KeySetter suite_file_set_memory_max;
KeySetter suite_file_set_tasks_max;
KeySetter suite_file_set_user;
KeySetter suite_file_set_recycle_after;
KeySetter suite_file_set_recycle_memory;
KeySetter suite_file_set_worker_set_up;
KeySetter suite_file_set_weight;
KeySetter suite_file_set_oom_score;
KeySetter suite_file_set_test_cgroups;

/* All that limits a test; its private places */
KeySetter suite_file_set_limit;
KeySetter suite_file_set_private;

/* A size of memory, and a number of tasks; what is empty or "infinity" is no limit */
int suite_parse_memory(const char *value, uint64_t *ret);
int suite_parse_tasks(const char *value, uint64_t *ret);
