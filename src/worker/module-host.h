/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Module host: the process that loads a test module and runs its tests, warm
 *
 * Started by a worker (worker/module.h) with the fds of worker/module-area.h. It takes requests from the ring until
 * its socket's other end is closed, or until it is not fit for another test; then it tears down and ends.
 */

/*
 * What the worker's program is called with to be a host: MODULE_HOST_OPTION PATH [MODULE_WORKER_SET_UP_OPTION PATH]. The second is a
 * module whose PTEST_WORKER_SET_UP is called before the first is loaded.
 */
#define MODULE_HOST_OPTION          "--module-host"
#define MODULE_WORKER_SET_UP_OPTION "--worker-set-up"

/* The exit status; WorkerStatus. For a main() whose argv[1] is MODULE_HOST_OPTION. Everything above stderr is expected to be free. */
int module_host_main(int argc, char **argv);
