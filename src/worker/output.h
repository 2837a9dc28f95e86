/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <poll.h>

#include "model/output-order.h"
#include "model/test.h"
#include "worker/capture.h"
#include "worker/report.h"
#include "worker/rust.h"
#include "worker/tap.h"

/*
 * Output: the two pipes of a test, what is kept of them, and what its protocol reads from stdout
 *
 * The protocol reads all of stdout, also what is not kept.
 */

typedef struct Output {
        int out_fd, err_fd; /* our ends; -1: at their end */
        Capture out, err;
        OutputOrder order; /* of what was read, and when */
        uint64_t opened_usec;
        Tap *tap;
        Rust *rust;
        char *buffer; /* weak: OUTPUT_BUFFER_SIZE bytes, of who runs one test after the other */
} Output;

/* One read; a pipe's usual capacity. */
#define OUTPUT_BUFFER_SIZE ((size_t)64 * 1024)

/* Points go into the result. */
int output_init(Output *output, const Test *test, Result *result, char *buffer);
void output_done(Output *output);

/* Makes the pipes; the ends for the test are the caller's. */
int output_open(Output *output, int *ret_out_fd, int *ret_err_fd);

/* Reads a bounded amount of what waits in one of them. */
int output_read_out(Output *output);
int output_read_err(Output *output);

/* Reads what the pipes still hold, at most as much as a pipe can, and closes them. */
int output_close(Output *output);
/* The same, but who still has them may go on writing: they are the caller's. */
int output_give_away(Output *output, int *ret_out_fd, int *ret_err_fd);

/* Into the result; *ret_report is set and 1 returned if the test's protocol has one. */
int output_finish(Output *output, Result *result, Report *ret_report);
