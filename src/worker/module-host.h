/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Module host: the process that loads a test module and runs its tests, warm
 *
 * Started by a worker (worker/module.h) with the fds of worker/module-area.h. It takes requests from the ring until
 * its socket's other end is closed, or until it is not fit for another test; then it tears down and ends.
 */

/* What the worker's program is called with to be a host: this and the module's path. */
#define MODULE_HOST_OPTION "--module-host"

/* The exit status; WorkerStatus. Everything above stderr is expected to be free. */
int module_host_main(const char *path);
