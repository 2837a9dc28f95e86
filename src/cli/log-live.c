/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * ptest log --live: asks the coordinator, who asks the worker
 *
 * Each look is for what came after the one before. What is too much for one look, or is not kept any more, is told as a
 * gap.
 */

#include "cli/log-live.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "basic/log.h"
#include "basic/text.h"
#include "cli/status-client.h"

#define FOLLOW_USEC (300 * USEC_PER_MSEC)

/* For how long a coordinator gives the same answer (coordinator/status-server.c), and a little more. */
#define STATUS_FRESH_USEC (250 * USEC_PER_MSEC)

/* What a look has to say about one stream. */
typedef struct Stream {
        uint64_t from, total;
        size_t head, size;
        const char *data;
} Stream;

/* ---- Who runs it ---- */

static bool status_runs(const json_t *status, const char *address) {
        const json_t *slots = json_object_get(status, "slots");

        for (size_t i = 0; i < json_array_size(slots); i++) {
                const json_t *running = json_object_get(json_array_get(slots, i), "running");
                const char *name = json_string_value(json_object_get(running, "address"));

                if (name && strcmp(name, address) == 0)
                        return true;
        }
        return false;
}

static void status_name_running(const json_t *all) {
        for (size_t i = 0; i < json_array_size(all); i++) {
                const json_t *status = json_array_get(all, i);
                const json_t *slots = json_object_get(status, "slots");

                for (size_t j = 0; j < json_array_size(slots); j++) {
                        const json_t *running = json_object_get(
                                        json_array_get(slots, j), "running");
                        const char *name = json_string_value(json_object_get(running, "address"));
                        _cleanup_free_ char *safe = name ? text_escape(name, strlen(name)) : NULL;

                        if (safe)
                                log_error("  %s", safe);
                }
        }
}

/* In how many runs it runs, and the id of the last of them. */
static int find_in(const json_t *all, const char *address, const char **ret_run) {
        int n = 0;

        for (size_t i = 0; i < json_array_size(all); i++) {
                const json_t *status = json_array_get(all, i);

                if (!status_runs(status, address))
                        continue;
                *ret_run = json_string_value(json_object_get(status, "run_id"));
                n++;
        }
        return n;
}

/* The id of the run that it runs in. What has just begun may be missing in an answer that was made for somebody before us. */
static int find_run(const LogLive *options, char **ret) {
        const char *found = NULL;
        json_t *all = NULL;
        int r, n;

        r = status_collect(options->run, &all);
        n = find_in(all, options->address, &found);
        if (r >= 0 && n == 0) {
                json_decref(all);
                all = NULL;
                (void)nanosleep(&(struct timespec){ .tv_nsec = STATUS_FRESH_USEC * 1000 }, NULL);
                r = status_collect(options->run, &all);
                n = find_in(all, options->address, &found);
        }
        if (r < 0)
                return log_error_errno(r, "Failed to find out what is running: %m");
        if (n == 1) {
                *ret = strdup(found);
                r = *ret ? 0 : log_error_errno(-ENOMEM, "Failed to find out what is running: %m");
        } else if (n > 1) {
                log_error("%s is running in %d runs; --run=RUN says in which to look",
                          options->address,
                          n);
                r = -ENOTUNIQ;
        } else {
                log_error("%s is not running now%s",
                          options->address,
                          json_array_size(all) > 0 ? "; what is running:" :
                                                     ", and nothing else is");
                status_name_running(all);
                r = -ENOENT;
        }
        json_decref(all);
        return r;
}

/* ---- One look ---- */

static int stream_parse(const json_t *object, const char *data, size_t size, Stream *ret) {
        json_int_t from = 0, total = 0, head = 0, n = 0;

        if (json_unpack((json_t *)object,
                        "{s:I,s:I,s:I,s:I}",
                        "from",
                        &from,
                        "total",
                        &total,
                        "head",
                        &head,
                        "size",
                        &n) < 0 ||
            n < 0 || (uint64_t)n > size || head < 0 || head > n || from < 0 || total < from ||
            total - from < n)
                return -EBADMSG;
        *ret = (Stream){ .from = (uint64_t)from,
                         .total = (uint64_t)total,
                         .head = (size_t)head,
                         .size = (size_t)n,
                         .data = data };
        return 0;
}

/* -ENOENT: it does not run any more */
static int look_parse(const char *data, size_t size, Stream *ret_out, Stream *ret_err) {
        const char *end = memchr(data, '\n', size);
        json_t *head = json_loadb(data, end ? (size_t)(end - data) : size, 0, NULL);
        const char *error = json_string_value(json_object_get(head, "error"));
        int r = -EBADMSG;

        if (error)
                r = strcmp(error, "not running") == 0 ? -ENOENT : -EIO;
        else if (end) {
                size -= (size_t)(end + 1 - data);
                r = stream_parse(json_object_get(head, "stdout"), end + 1, size, ret_out);
                if (r >= 0)
                        r = stream_parse(
                                        json_object_get(head, "stderr"),
                                        end + 1 + ret_out->size,
                                        size - ret_out->size,
                                        ret_err);
        }
        json_decref(head);
        return r;
}

/* ---- Printing ---- */

static int print_bytes(FILE *f, const LogLive *options, const char *data, size_t size) {
        _cleanup_free_ char *safe = NULL;

        if (size == 0)
                return 0;
        if (options->raw || !isatty(fileno(f))) {
                (void)fwrite(data, 1, size, f);
                return 0;
        }
        safe = text_escape_lines(data, size);
        if (!safe)
                return -ENOMEM;
        fputs(safe, f);
        return 0;
}

/* Of the stream from what was seen on; *seen is moved. */
static int print_stream(FILE *f, const LogLive *options, const Stream *stream, uint64_t *seen) {
        const uint64_t missing = stream->total - stream->from - stream->size;
        int r;

        if (stream->from != *seen) /* the answer to somebody else's question */
                return 0;
        r = print_bytes(f, options, stream->data, stream->head);
        if (r >= 0 && missing > 0)
                fprintf(f, "\n[%" PRIu64 " bytes are left out]\n", missing);
        if (r >= 0)
                r = print_bytes(f,
                                options,
                                stream->data + stream->head,
                                stream->size - stream->head);
        *seen = stream->total;
        return r < 0 ? r : fflush(f) != 0 ? -errno : 0;
}

static int look(RunSocket *socket, const LogLive *options, uint64_t *out_seen, uint64_t *err_seen) {
        _cleanup_free_ char *request = NULL, *data = NULL;
        Stream out = {}, err = {};
        size_t size = 0;
        int r;

        r = text_setf(&request,
                      "log %" PRIu64 " %" PRIu64 " %s",
                      *out_seen,
                      *err_seen,
                      options->address);
        if (r >= 0)
                r = run_socket_ask(socket, request, &data, &size);
        if (r >= 0)
                r = look_parse(data, size, &out, &err);
        if (r >= 0 && !options->only_err)
                r = print_stream(stdout, options, &out, out_seen);
        if (r >= 0 && !options->only_out)
                r = print_stream(options->only_err ? stdout : stderr, options, &err, err_seen);
        return r;
}

/* ---- The verb ---- */

static int follow(RunSocket *socket, const LogLive *options) {
        uint64_t out_seen = 0, err_seen = 0;
        bool any = false;
        int r;

        for (;;) {
                r = look(socket, options, &out_seen, &err_seen);
                /* A run that is paused goes on some time. */
                if (r < 0 && (r != -ETIME || !options->follow))
                        break;
                any = any || r >= 0;
                if (!options->follow)
                        return r;
                (void)nanosleep(&(struct timespec){ .tv_nsec = FOLLOW_USEC * 1000 }, NULL);
        }
        /* Who follows learns of its end, or of that of its run. */
        if (options->follow && any && (r == -ENOENT || r == -ECONNREFUSED || r == -ECONNRESET)) {
                log_warning("%s has ended; ptest log shows it with its last words",
                            options->address);
                return 0;
        }
        return r;
}

int log_live(const LogLive *options) {
        _cleanup_(run_socket_done) RunSocket socket = {};
        _cleanup_free_ char *run = NULL;
        int r;

        if (find_run(options, &run) < 0)
                return 1;
        r = run_socket_find(run, &socket);
        if (r >= 0)
                r = follow(&socket, options);
        if (r == -ENOENT)
                log_error("%s has ended: ptest log shows it", options->address);
        else if (r < 0)
                log_error("Cannot look at %s: %s",
                          options->address,
                          run_socket_explain(&socket, r));
        return r < 0 ? 1 : 0;
}
