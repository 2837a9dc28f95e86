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
 */

#include "report/reporter.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <libxml/xmlwriter.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "report/counts.h"
#include "report/output-tail.h"

/*
 * GitLab takes 30 MB a file, libxml2 10 MB a text. Each stream is cut to the first size, when the file has
 * grown to JUNIT_FULL to the second, and beyond JUNIT_OVERFULL there is no output any more.
 */
#define JUNIT_TEXTS_MAX  200U
#define JUNIT_STREAM_MAX (64U * 1024U)
#define JUNIT_STREAM_MIN (2U * 1024U)
#define JUNIT_FULL       (16U * 1024U * 1024U)
#define JUNIT_OVERFULL   (24U * 1024U * 1024U)
/* Beyond what the head has at the start: counts and times that have become longer. */
#define JUNIT_HEAD_SPARE 256U

typedef struct Junit {
        Reporter reporter;
        char *path;
        char *temporary_path; /* NULL: there is no such file */
        int fd;
        int stream_fd; /* where all goes at the end; -1: into the file's place */

        char *suite;
        char *hostname;
        char *backend;
        char *version;
        char run_id[SD_ID128_STRING_MAX];
        uint64_t start_usec;
        size_t head_size;
        uint64_t written; /* bytes of cases */
        size_t n_failures, n_errors, n_skipped, n_cases;
        uint64_t duration_usec;

        xmlBuffer *buffer;
        xmlTextWriter *writer; /* into the buffer */
        bool failed;           /* the writer had no memory */
} Junit;

/* ---- Text ---- */

/* Printable text has all that XML forbids escaped, but for two characters that Unicode calls none. */
static char *xml_replace_nonchars(char *s) {
        for (char *p = s; p && (p = strstr(p, "\xef\xbf")); p += 3)
                if (p[2] == '\xbe' || p[2] == '\xbf')
                        p[2] = '\xbd';
        return s;
}

static void junit_check(Junit *junit, int r) {
        if (r < 0)
                junit->failed = true;
}

static void junit_add_attribute(Junit *junit, const char *name, const char *value) {
        _cleanup_free_ char *safe = xml_replace_nonchars(text_escape(value, strlen(value)));

        junit_check(junit, safe ? 0 : -ENOMEM);
        if (safe)
                junit_check(junit,
                            xmlTextWriterWriteAttribute(
                                            junit->writer, BAD_CAST name, BAD_CAST safe));
}

static void junit_add_count(Junit *junit, const char *name, size_t count) {
        junit_check(junit,
                    xmlTextWriterWriteFormatAttribute(junit->writer, BAD_CAST name, "%zu", count));
}

/* Seconds with three digits, whatever the locale */
static void junit_add_time(Junit *junit, uint64_t usec) {
        uint64_t msec = usec / USEC_PER_MSEC;

        junit_check(junit,
                    xmlTextWriterWriteFormatAttribute(
                                    junit->writer,
                                    BAD_CAST "time",
                                    "%" PRIu64 ".%03" PRIu64,
                                    msec / 1000,
                                    msec % 1000));
}

static void junit_add_text(Junit *junit, const char *text) {
        _cleanup_free_ char *safe = xml_replace_nonchars(text_escape_lines(text, strlen(text)));

        junit_check(junit, safe ? 0 : -ENOMEM);
        if (safe)
                junit_check(junit, xmlTextWriterWriteString(junit->writer, BAD_CAST safe));
}

static void junit_begin(Junit *junit, const char *element) {
        junit_check(junit, xmlTextWriterStartElement(junit->writer, BAD_CAST element));
}

static void junit_end(Junit *junit) {
        junit_check(junit, xmlTextWriterEndElement(junit->writer));
}

/* ---- The file ---- */

static int junit_flush(Junit *junit) {
        int r;

        junit_check(junit, xmlTextWriterFlush(junit->writer));
        if (junit->failed)
                return -ENOMEM;
        r = fd_write_all(
                        junit->fd,
                        xmlBufferContent(junit->buffer),
                        (size_t)xmlBufferLength(junit->buffer));
        junit->written += (uint64_t)xmlBufferLength(junit->buffer);
        xmlBufferEmpty(junit->buffer);
        return r;
}

static void junit_add_property(Junit *junit, const char *name, const char *value) {
        if (!value)
                return;
        junit_begin(junit, "property");
        junit_add_attribute(junit, "name", name);
        junit_add_attribute(junit, "value", value);
        junit_end(junit);
}

static void junit_add_counts(Junit *junit, bool skipped) {
        junit_add_count(junit, "tests", junit->n_cases);
        junit_add_count(junit, "failures", junit->n_failures);
        junit_add_count(junit, "errors", junit->n_errors);
        /* Some schemas do not allow it in <testsuites>. */
        if (skipped)
                junit_add_count(junit, "skipped", junit->n_skipped);
        junit_add_time(junit, junit->duration_usec);
}

/* All up to the first case, into the buffer. The elements are ended by the foot of the file. */
static void junit_add_head(Junit *junit) {
        time_t seconds = (time_t)(junit->start_usec / USEC_PER_SEC);
        char timestamp[64] = "";
        struct tm tm;

        if (gmtime_r(&seconds, &tm))
                strftime(timestamp, sizeof(timestamp), "%Y-%m-%dT%H:%M:%S", &tm);

        junit_check(junit,
                    xmlTextWriterWriteRaw(
                                    junit->writer,
                                    BAD_CAST "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
        junit_begin(junit, "testsuites");
        junit_add_attribute(junit, "name", junit->suite);
        junit_add_counts(junit, false);
        junit_begin(junit, "testsuite");
        junit_add_attribute(junit, "name", junit->suite);
        junit_add_counts(junit, true);
        junit_add_attribute(junit, "timestamp", timestamp);
        junit_add_attribute(junit, "hostname", junit->hostname ?: "localhost");
        junit_begin(junit, "properties");
        junit_add_property(junit, "ptest.run-id", junit->run_id);
        junit_add_property(junit, "ptest.backend", junit->backend);
        junit_add_property(junit, "ptest.version", junit->version);
        junit_end(junit);
}

/* A writer that is at the top of a document, with an empty buffer. */
static int junit_renew_writer(Junit *junit) {
        if (junit->writer)
                xmlFreeTextWriter(junit->writer);
        if (!junit->buffer)
                junit->buffer = xmlBufferCreate();
        if (!junit->buffer)
                return -ENOMEM;
        junit->writer = xmlNewTextWriterMemory(junit->buffer, 0);
        /* Freeing the old one may have closed its elements into the buffer. */
        xmlBufferEmpty(junit->buffer);
        return junit->writer ? 0 : -ENOMEM;
}

/* The head, with spaces to the size that was left for it, at the begin of the file. */
static int junit_write_head(Junit *junit) {
        _cleanup_free_ char *head = NULL;
        size_t size;
        int r;

        junit_add_head(junit);
        junit_check(junit, xmlTextWriterFlush(junit->writer));
        if (junit->failed)
                return -ENOMEM;
        size = (size_t)xmlBufferLength(junit->buffer);
        if (junit->head_size == 0)
                junit->head_size = size + JUNIT_HEAD_SPARE;
        if (size >= junit->head_size)
                return -ENOSPC;

        head = malloc(junit->head_size);
        if (!head)
                return -ENOMEM;
        memcpy(head, xmlBufferContent(junit->buffer), size);
        memset(head + size, ' ', junit->head_size - size);
        head[junit->head_size - 1] = '\n';
        if (lseek(junit->fd, 0, SEEK_SET) < 0)
                return -errno;
        r = fd_write_all(junit->fd, head, junit->head_size);
        return r < 0 ? r : junit_renew_writer(junit);
}

/* ---- Cases ---- */

static const char *outcome_to_element(Outcome outcome) {
        switch (outcome) {
        case PTEST_OUTCOME_FAIL:
        case PTEST_OUTCOME_XPASS:
                return "failure";
        case PTEST_OUTCOME_SKIP:
        case PTEST_OUTCOME_XFAIL:
        case PTEST_OUTCOME_NOT_RUN:
                return "skipped";
        case PTEST_OUTCOME_PASS:
                return NULL;
        default:
                return "error";
        }
}

/* "suite.dir.dir" of dir/dir/name: what tools group by. The name is the whole address, which is unique. */
static void junit_add_classname(Junit *junit, const char *address) {
        _cleanup_free_ char *classname = NULL;
        const char *end = strstr(address, "::") ?: address + strlen(address);
        const char *slash = memrchr(address, '/', (size_t)(end - address));
        int size = slash ? (int)(slash - address) : 0;

        if (asprintf(&classname, "%s%s%.*s", junit->suite, size > 0 ? "." : "", size, address) <
            0) {
                classname = NULL;
                junit->failed = true;
                return;
        }
        for (char *p = classname + strlen(junit->suite); *p; p++)
                if (*p == '/')
                        *p = '.';
        junit_add_attribute(junit, "classname", classname);
}

static void junit_add_name(Junit *junit, const Result *result) {
        _cleanup_free_ char *name = NULL;

        if (result->attempt <= 1) {
                junit_add_attribute(junit, "name", result->address);
                return;
        }
        if (asprintf(&name, "%s (attempt %u)", result->address, result->attempt) < 0) {
                name = NULL;
                junit->failed = true;
                return;
        }
        junit_add_attribute(junit, "name", name);
}

/* In the text of a failure, each on a line of its own. */
static void junit_add_texts(Junit *junit, const char *title, char *const *texts) {
        size_t n = 0;

        strv_for_each(item, texts) {
                if (n == 0) {
                        junit_add_text(junit, "\n");
                        junit_add_text(junit, title);
                }
                if (n++ == JUNIT_TEXTS_MAX)
                        return;
                junit_add_text(junit, "\n  ");
                junit_add_text(junit, *item);
        }
}

static void junit_add_points(Junit *junit, const Result *result) {
        for (size_t i = 0; i < result->n_points; i++)
                if (outcome_is_bad(result->points[i].outcome)) {
                        junit_add_text(junit, "\n");
                        junit_add_text(junit, outcome_to_string(result->points[i].outcome));
                        junit_add_text(junit, ": ");
                        junit_add_text(junit, result->points[i].name);
                }
}

static void junit_add_outcome(Junit *junit, const Result *result) {
        const char *element = outcome_to_element(result->outcome);
        const char *outcome = outcome_to_string(result->outcome);
        _cleanup_free_ char *message = NULL;

        if (!element)
                return;
        if (asprintf(&message,
                     "%s%s%s",
                     outcome,
                     result->reason ? ": " : "",
                     result->reason ?: "") < 0) {
                message = NULL;
                junit->failed = true;
                return;
        }
        junit_begin(junit, element);
        junit_add_attribute(
                        junit,
                        "message",
                        result->outcome == PTEST_OUTCOME_SKIP && result->reason ? result->reason :
                                                                                  message);
        if (strcmp(element, "skipped") != 0) {
                junit_add_attribute(junit, "type", outcome);
                junit_add_text(junit, message);
                junit_add_points(junit, result);
                junit_add_texts(junit, "backtrace:", result->backtrace);
                junit_add_texts(junit, "at its time limit:", result->stuck);
                junit_add_texts(junit, "left changed in its process:", result->dirty);
                junit_add_texts(junit, "left in its private places:", result->files);
                if (result->directory)
                        junit_add_texts(junit,
                                        "kept in:",
                                        (char *const[]){ result->directory, NULL });
        }
        junit_end(junit);
}

/* Of a test that is well but for that: there is no failure to say it in. */
static void junit_add_dirty(Junit *junit, const Result *result) {
        if (!result->dirty || !result->dirty[0])
                return;
        junit_begin(junit, "system-err");
        junit_add_texts(junit, "left changed in its process:", result->dirty);
        junit_end(junit);
}

static void junit_add_output(Junit *junit, const char *element, const ResultOutput *output) {
        size_t max = junit->written < JUNIT_FULL ? JUNIT_STREAM_MAX : JUNIT_STREAM_MIN;
        _cleanup_output_tail_ OutputTail tail = {};

        if (output->size == 0 || junit->written > JUNIT_OVERFULL)
                return;
        if (output_tail_init(&tail, output, SIZE_MAX, max) < 0) {
                junit->failed = true;
                return;
        }
        junit_begin(junit, element);
        if (tail.truncated)
                junit_add_text(junit, "[the begin is left out]\n");
        junit_add_text(junit, tail.text);
        junit_end(junit);
}

static int junit_add_result(Junit *junit, const Result *result) {
        const char *element = outcome_to_element(result->outcome);
        bool bad = element && strcmp(element, "skipped") != 0;

        junit->n_cases++;
        junit->n_failures += element && strcmp(element, "failure") == 0;
        junit->n_errors += element && strcmp(element, "error") == 0;
        junit->n_skipped += element && !bad;

        junit_begin(junit, "testcase");
        junit_add_name(junit, result);
        junit_add_classname(junit, result->address);
        junit_add_time(junit, result->duration_usec);
        junit_add_outcome(junit, result);
        if (bad) {
                junit_add_output(junit, "system-out", &result->out);
                junit_add_output(junit, "system-err", &result->err);
        } else
                junit_add_dirty(junit, result);
        junit_end(junit);
        junit_check(junit, xmlTextWriterWriteRaw(junit->writer, BAD_CAST "\n"));
        return junit_flush(junit);
}

/* ---- The run ---- */

static int junit_start_run(Junit *junit, const Event *event) {
        junit->suite = strdup(event->suite);
        junit->hostname = event->run_started.hostname ? strdup(event->run_started.hostname) : NULL;
        junit->backend = event->run_started.backend ? strdup(event->run_started.backend) : NULL;
        junit->version = event->run_started.version ? strdup(event->run_started.version) : NULL;
        if (!junit->suite)
                return -ENOMEM;
        junit->start_usec = event->time_usec;
        sd_id128_to_string(event->run_id, junit->run_id);
        return junit_write_head(junit);
}

/* The run as a case, where its verdict does not follow from the others. */
static int junit_add_verdict(Junit *junit, const Event *event) {
        _cleanup_(result_freep) Result *result = NULL;
        Verdict verdict = event->run_finished.verdict;
        const char *reason = event->run_finished.reason;
        int r;

        if (verdict == VERDICT_PASSED ||
            (verdict == VERDICT_FAILED && junit->n_failures + junit->n_errors > 0))
                return 0;
        r = result_new("(run)", &result);
        if (r < 0)
                return r;
        result->outcome = PTEST_OUTCOME_ERROR;
        r = result_set_reason(
                        result,
                        "%s%s%s",
                        verdict_to_sentence(verdict),
                        reason ? ": " : "",
                        reason ?: "");
        return r < 0 ? r : junit_add_result(junit, result);
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
        junit_check(junit,
                    xmlTextWriterWriteRaw(junit->writer, BAD_CAST "</testsuite></testsuites>\n"));
        r = junit_flush(junit);
        if (r >= 0)
                r = junit_write_head(junit);
        if (r < 0)
                return r;
        if (junit->stream_fd >= 0)
                return junit_copy_to_stream(junit);
        if (rename(junit->temporary_path, junit->path) < 0)
                return -errno;
        free(TAKE_PTR(junit->temporary_path));
        return 0;
}

static int junit_on_event(Reporter *reporter, const Event *event) {
        Junit *junit = (Junit *)reporter;

        if (event->kind == EVENT_RUN_STARTED)
                return junit_start_run(junit, event);
        if (!junit->suite)
                return -EINVAL;
        if (event->kind == EVENT_TEST_FINISHED || event->kind == EVENT_FIXTURE_FAILED)
                return junit_add_result(junit, event->result);
        if (event->kind == EVENT_RUN_FINISHED)
                return junit_finish_run(junit, event);
        return 0;
}

static void junit_free(Reporter *reporter) {
        Junit *junit = (Junit *)reporter;

        if (junit->temporary_path)
                unlink(junit->temporary_path);
        if (junit->writer)
                xmlFreeTextWriter(junit->writer);
        if (junit->buffer)
                xmlBufferFree(junit->buffer);
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
        junit->stream_fd = fd_open_output(junit->path);
        if (junit->stream_fd < 0)
                return junit->stream_fd;
        junit->fd = memfd_create("junit", MFD_CLOEXEC);
        return junit->fd < 0 ? -errno : 0;
}

static int junit_open(Junit *junit) {
        char id[SD_ID128_STRING_MAX];
        struct stat st;
        sd_id128_t random;
        int r;

        /* A rename would replace a device, a pipe or a link, and /dev/stdout is one. */
        if (lstat(junit->path, &st) >= 0 && !S_ISREG(st.st_mode))
                return S_ISDIR(st.st_mode) ? -EISDIR : junit_open_stream(junit);
        if (fd_is_path(STDOUT_FILENO, junit->path))
                return junit_open_stream(junit);
        r = sd_id128_randomize(&random);
        if (r < 0)
                return r;
        if (asprintf(&junit->temporary_path,
                     "%s.%.8s",
                     junit->path,
                     sd_id128_to_string(random, id)) < 0) {
                junit->temporary_path = NULL;
                return -ENOMEM;
        }
        junit->fd = open(
                        junit->temporary_path,
                        O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY,
                        0666);
        if (junit->fd < 0) {
                free(TAKE_PTR(junit->temporary_path));
                return -errno;
        }
        return 0;
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
        r = path_make_absolute(path, &junit->path);
        if (r >= 0)
                r = junit_open(junit);
        if (r >= 0)
                r = junit_renew_writer(junit);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(reporter);
        return 0;
}
