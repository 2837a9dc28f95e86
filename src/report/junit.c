/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * JUnit XML: what Jenkins, GitLab and the others agree on
 *
 * Cases are written as they come, so that memory does not grow with the run. The counts must stand before
 * them: room for the head is left at the begin of the file, and filled at the end (white space is allowed
 * there). The file takes its name only when it is complete. What is no file, a pipe or /dev/stdout, gets all at
 * the end.
 *
 * Outcomes: fail and xpass are <failure>; error, timeout, crash, oom and lost are <error> of that type; skip,
 * xfail and not-run are <skipped>. A run whose verdict is bad for another reason than a test gets one more
 * case, "(run)", with that <error>: a report never looks better than the run was.
 *
 * Nothing of the environment is in it, where passwords can be.
 */

#include "report/reporter.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "report/counts.h"
#include "report/junit-case.h"
#include "report/junit-xml.h"
#include "report/report-file.h"

/* Beyond what the head has at the start: counts and times that have become longer. */
#define JUNIT_HEAD_SPARE 256U

typedef struct Junit {
        Reporter reporter;
        char *path;
        char *temporary_path; /* NULL: there is no such file */
        int fd;
        int stream_fd; /* where all goes at the end; -1: into the file's place */

        bool started;
        char *suite;
        char *hostname;
        char *backend;
        char *version;
        char run_id[SD_ID128_STRING_MAX];
        uint64_t start_usec, duration_usec;
        size_t head_size;
        JunitCases cases;
        JunitXml xml;
} Junit;

/* ---- The file ---- */

static int junit_flush(Junit *junit) {
        const char *data = NULL;
        size_t size = 0;
        int r;

        r = junit_xml_flush(&junit->xml, &data, &size);
        if (r < 0)
                return r;
        r = fd_write_all(junit->fd, data, size);
        junit->cases.written += size;
        junit_xml_clear(&junit->xml);
        return r;
}

static void junit_add_property(Junit *junit, const char *name, const char *value) {
        if (!value)
                return;
        junit_xml_begin(&junit->xml, "property");
        junit_xml_add_attribute(&junit->xml, "name", name);
        junit_xml_add_attribute(&junit->xml, "value", value);
        junit_xml_end(&junit->xml);
}

static void junit_add_counts(Junit *junit, bool skipped) {
        junit_xml_add_count(&junit->xml, "tests", junit->cases.n_cases);
        junit_xml_add_count(&junit->xml, "failures", junit->cases.n_failures);
        junit_xml_add_count(&junit->xml, "errors", junit->cases.n_errors);
        /* Some schemas do not allow it in <testsuites>. */
        if (skipped)
                junit_xml_add_count(&junit->xml, "skipped", junit->cases.n_skipped);
        junit_xml_add_time(&junit->xml, junit->duration_usec);
}

/* All up to the first case, into the buffer. The elements are ended by the foot of the file. */
static void junit_add_head(Junit *junit) {
        time_t seconds = (time_t)(junit->start_usec / USEC_PER_SEC);
        char timestamp[64] = "";
        struct tm tm;

        /* Without a zone, as schemas have it: tools take it for UTC. */
        if (gmtime_r(&seconds, &tm))
                strftime(timestamp, sizeof(timestamp), "%Y-%m-%dT%H:%M:%S", &tm);

        junit_xml_add_raw(&junit->xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        junit_xml_begin(&junit->xml, "testsuites");
        junit_xml_add_attribute(&junit->xml, "name", junit->suite);
        junit_add_counts(junit, false);
        junit_xml_begin(&junit->xml, "testsuite");
        junit_xml_add_attribute(&junit->xml, "name", junit->suite);
        junit_add_counts(junit, true);
        junit_xml_add_attribute(&junit->xml, "timestamp", timestamp);
        junit_xml_add_attribute(&junit->xml, "hostname", junit->hostname ?: "localhost");
        junit_xml_begin(&junit->xml, "properties");
        junit_add_property(junit, "ptest.run-id", junit->run_id);
        junit_add_property(junit, "ptest.backend", junit->backend);
        junit_add_property(junit, "ptest.version", junit->version);
        junit_xml_end(&junit->xml);
}

/* The head, with spaces to the size that was left for it, at the begin of the file. */
static int junit_write_head(Junit *junit) {
        _cleanup_free_ char *head = NULL;
        const char *data = NULL;
        size_t size = 0;
        int r;

        junit_add_head(junit);
        r = junit_xml_flush(&junit->xml, &data, &size);
        if (r < 0)
                return r;
        if (junit->head_size == 0)
                junit->head_size = size + JUNIT_HEAD_SPARE;
        if (size >= junit->head_size)
                return -ENOSPC;

        head = malloc(junit->head_size);
        if (!head)
                return -ENOMEM;
        memcpy(head, data, size);
        memset(head + size, ' ', junit->head_size - size);
        head[junit->head_size - 1] = '\n';
        if (lseek(junit->fd, 0, SEEK_SET) < 0)
                return -errno;
        r = fd_write_all(junit->fd, head, junit->head_size);
        return r < 0 ? r : junit_xml_init(&junit->xml);
}

/* ---- The run ---- */

static int string_copy(char **to, const char *from) {
        *to = from ? strdup(from) : NULL;
        return from && !*to ? -ENOMEM : 0;
}

static int junit_start_run(Junit *junit, const Event *event) {
        if (junit->started)
                return -EINVAL;
        if (string_copy(&junit->suite, event->suite) < 0 ||
            string_copy(&junit->hostname, event->run_started.hostname) < 0 ||
            string_copy(&junit->backend, event->run_started.backend) < 0 ||
            string_copy(&junit->version, event->run_started.version) < 0 ||
            junit_cases_init(&junit->cases, event->suite) < 0)
                return -ENOMEM;
        junit->started = true;
        junit->start_usec = event->time_usec;
        sd_id128_to_string(event->run_id, junit->run_id);
        return junit_write_head(junit);
}

static int junit_add_result(Junit *junit, const Result *result) {
        int r = junit_cases_add(&junit->cases, &junit->xml, result);

        return r < 0 ? r : junit_flush(junit);
}

/* The run as a case, where its verdict does not follow from the others. */
static int junit_add_verdict(Junit *junit, const Event *event) {
        _cleanup_(result_freep) Result *result = NULL;
        int r;

        r = verdict_to_result(event, junit->cases.n_failures + junit->cases.n_errors > 0, &result);
        return r <= 0 ? r : junit_add_result(junit, result);
}

static int junit_copy_to_stream(Junit *junit) {
        char data[16 * 1024];
        off_t at = 0;

        for (;;) {
                ssize_t n = pread(junit->fd, data, sizeof(data), at);
                int r;

                if (n < 0)
                        return -errno;
                if (n == 0)
                        return 0;
                r = fd_write_all(junit->stream_fd, data, (size_t)n);
                if (r < 0)
                        return r;
                at += n;
        }
}

static int junit_finish_run(Junit *junit, const Event *event) {
        int r;

        junit->duration_usec = event->run_finished.duration_usec;
        r = junit_add_verdict(junit, event);
        if (r < 0)
                return r;
        junit_xml_add_raw(&junit->xml, "</testsuite></testsuites>\n");
        r = junit_flush(junit);
        if (r >= 0)
                r = junit_write_head(junit);
        if (r < 0)
                return r;
        if (junit->stream_fd >= 0)
                return junit_copy_to_stream(junit);
        return report_file_finish(&junit->temporary_path, junit->path);
}

static int junit_on_event(Reporter *reporter, const Event *event) {
        Junit *junit = (Junit *)reporter;

        if (event->kind == EVENT_RUN_STARTED)
                return junit_start_run(junit, event);
        if (!junit->started)
                return -EINVAL;
        if (event->kind == EVENT_TEST_FINISHED || event->kind == EVENT_FIXTURE_FAILED)
                return junit_add_result(junit, event->result);
        if (event->kind == EVENT_ATTEMPT_FINISHED)
                return junit_cases_hold_attempt(&junit->cases, event->result);
        if (event->kind == EVENT_RUN_FINISHED)
                return junit_finish_run(junit, event);
        return 0;
}

static void junit_free(Reporter *reporter) {
        Junit *junit = (Junit *)reporter;

        if (junit->temporary_path)
                unlink(junit->temporary_path);
        junit_xml_done(&junit->xml);
        junit_cases_done(&junit->cases);
        fd_close(junit->fd);
        fd_close(junit->stream_fd);
        free(junit->path);
        free(junit->temporary_path);
        free(junit->suite);
        free(junit->hostname);
        free(junit->backend);
        free(junit->version);
        free(junit);
}

static int junit_open_stream(Junit *junit) {
        junit->stream_fd = reporter_open_output(junit->path);
        if (junit->stream_fd < 0)
                return junit->stream_fd;
        junit->fd = memfd_create("junit", MFD_CLOEXEC);
        return junit->fd < 0 ? -errno : 0;
}

static int junit_open(Junit *junit) {
        if (strcmp(junit->path, "-") == 0)
                return junit_open_stream(junit);
        if (path_is_directory(junit->path))
                return -EISDIR;
        if (report_file_is_stream(junit->path))
                return junit_open_stream(junit);
        junit->fd = report_file_create(junit->path, &junit->temporary_path);
        return MIN(junit->fd, 0);
}

int junit_new(const char *path, Reporter **ret) {
        static const ReporterVTable vtable = { .on_event = junit_on_event, .free = junit_free };
        _cleanup_(reporter_freep) Reporter *reporter = NULL;
        Junit *junit;
        int r;

        assert(path);
        assert(ret);

        junit = calloc(1, sizeof(Junit));
        if (!junit)
                return -ENOMEM;
        reporter = &junit->reporter;
        reporter->vtable = &vtable;
        junit->fd = junit->stream_fd = -1;
        /* Absolute: the working directory at the end is nobody's promise. */
        r = strcmp(path, "-") == 0 ? string_copy(&junit->path, path) :
                                     path_make_absolute(path, &junit->path);
        if (r >= 0)
                r = junit_open(junit);
        if (r >= 0)
                r = junit_xml_init(&junit->xml);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(reporter);
        return 0;
}
