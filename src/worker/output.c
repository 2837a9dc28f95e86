/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/output.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/fd.h"

/* Reads of one pipe after each poll(): enough for speed, too few to be noticed by a timer. */
#define READS_PER_WAKEUP 4

/* Reads of one pipe after the end: what the largest pipe of an unprivileged process holds (1 MiB). */
#define READS_AT_END 16

int output_init(Output *output, const Test *test, Result *result, char *buffer) {
        *output = (Output){ .out_fd = -1, .err_fd = -1, .buffer = buffer };
        capture_init(&output->out, test->output_max);
        capture_init(&output->err, test->output_max);

        switch (test->protocol) {
        case TEST_PROTOCOL_TAP:
                return tap_new(result, &output->tap);
        case TEST_PROTOCOL_RUST:
                return rust_new(result, &output->rust);
        default:
                return 0;
        }
}

void output_done(Output *output) {
        output->out_fd = fd_close(output->out_fd);
        output->err_fd = fd_close(output->err_fd);
        capture_done(&output->out);
        capture_done(&output->err);
        output_order_done(&output->order);
        output->tap = tap_free(output->tap);
        output->rust = rust_free(output->rust);
}

/* The end for reading does not block; the other does, as programs expect of their stdout. */
static int pipe_new(int *ret_read_fd, int *ret_write_fd) {
        _cleanup_close_ int read_fd = -1, write_fd = -1;
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        read_fd = fds[0];
        write_fd = fds[1];
        if (fcntl(read_fd, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        *ret_read_fd = TAKE_FD(read_fd);
        *ret_write_fd = TAKE_FD(write_fd);
        return 0;
}

int output_open(Output *output, int *ret_out_fd, int *ret_err_fd) {
        _cleanup_close_ int out_fd = -1, err_fd = -1;
        int r;

        r = pipe_new(&output->out_fd, &out_fd);
        if (r < 0)
                return r;
        r = pipe_new(&output->err_fd, &err_fd);
        if (r < 0)
                return r;
        output->opened_usec = clock_monotonic();
        *ret_out_fd = TAKE_FD(out_fd);
        *ret_err_fd = TAKE_FD(err_fd);
        return 0;
}

static int output_take_out(Output *output, const char *data, size_t size) {
        int r = 0;

        if (output->tap)
                r = tap_feed(output->tap, data, size);
        else if (output->rust)
                r = rust_feed(output->rust, data, size);
        if (r < 0)
                return r;
        return capture_add(&output->out, data, size);
}

static int output_read(Output *output, int *fd, unsigned reads) {
        for (unsigned i = 0; i < reads && *fd >= 0; i++) {
                ssize_t n = read(*fd, output->buffer, OUTPUT_BUFFER_SIZE);
                int r;

                if (n < 0) /* nothing now: a pipe has no other errors */
                        return 0;
                if (n == 0) {
                        *fd = fd_close(*fd);
                        return 0;
                }
                if (fd == &output->out_fd)
                        r = output_take_out(output, output->buffer, (size_t)n);
                else
                        r = capture_add(&output->err, output->buffer, (size_t)n);
                if (r >= 0)
                        r = output_order_add(
                                        &output->order,
                                        fd != &output->out_fd,
                                        (uint64_t)n,
                                        clock_monotonic() - output->opened_usec);
                if (r < 0)
                        return r;
        }
        return 0;
}

int output_read_out(Output *output) {
        return output_read(output, &output->out_fd, READS_PER_WAKEUP);
}

int output_read_err(Output *output) {
        return output_read(output, &output->err_fd, READS_PER_WAKEUP);
}

int output_close(Output *output) {
        int r;

        r = output_read(output, &output->out_fd, READS_AT_END);
        if (r >= 0)
                r = output_read(output, &output->err_fd, READS_AT_END);
        output->out_fd = fd_close(output->out_fd);
        output->err_fd = fd_close(output->err_fd);
        return r;
}

int output_give_away(Output *output, int *ret_out_fd, int *ret_err_fd) {
        int r;

        r = output_read(output, &output->out_fd, READS_AT_END);
        if (r >= 0)
                r = output_read(output, &output->err_fd, READS_AT_END);
        *ret_out_fd = TAKE_FD(output->out_fd);
        *ret_err_fd = TAKE_FD(output->err_fd);
        return r;
}

int output_finish(Output *output, Result *result, Report *ret_report) {
        int r;

        r = capture_take(&output->out, &result->out);
        if (r < 0)
                return r;
        r = capture_take(&output->err, &result->err);
        if (r >= 0)
                r = output_order_format(&output->order, &result->order);
        if (r < 0)
                return r;

        if (output->tap)
                r = tap_finish(output->tap, ret_report);
        else if (output->rust)
                r = rust_finish(output->rust, ret_report);
        else
                return 0;
        return r < 0 ? r : 1;
}
