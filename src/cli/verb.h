/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The verbs of the program ptest, one file each
 *
 * argv[0] is "ptest VERB", for argp's texts. The value is the program's exit status (design 11 for run; for
 * the others 0 good, 1 what was asked for does not hold or is not there, 2 wrong use).
 */

int verb_run(int argc, char **argv);
int verb_list(int argc, char **argv);
int verb_runs(int argc, char **argv);
int verb_results(int argc, char **argv);
int verb_log(int argc, char **argv);
int verb_report(int argc, char **argv);
int verb_diff(int argc, char **argv);
int verb_history(int argc, char **argv);
int verb_flaky(int argc, char **argv);
int verb_slowest(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_top(int argc, char **argv);
int verb_doctor(int argc, char **argv);
