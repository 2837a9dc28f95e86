/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How many workers a run gets when the command line does not say
 *
 * The first of these that is set and is a number: the suite's Workers=, $PTEST_WORKERS, parallel=N in
 * $DEB_BUILD_OPTIONS, $RPM_BUILD_NCPUS, $MESON_NUM_PROCESSES, $MESON_TESTTHREADS; else the CPUs that this
 * process may use. Never more than JOBS_MAX.
 */

#define JOBS_MAX 1000U

/* suite_workers: 0 for not given */
unsigned jobs_get_default(unsigned suite_workers);
