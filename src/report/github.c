/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/github.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "basic/fd.h"
#include "basic/text.h"
#include "report/counts.h"
#include "report/output-tail.h"
#include "report/result-text.h"

/* GitHub shows ten of each level of a step; the last place is for how many there are more. */
#define GITHUB_ANNOTATIONS_MAX 9U
/* An annotation is read in a box below a line of code. */
#define GITHUB_OUTPUT_LINES    10U
#define GITHUB_OUTPUT_BYTES    2048U
#define GITHUB_TEXTS_MAX       10U

typedef struct Github {
        Reporter reporter;
        int fd;
        Buffer errors, warnings; /* lines */
        size_t n_errors, n_warnings;
} Github;

/* ---- Workflow commands ---- */

/* A command is one line; its properties end at "," and "::". */
static void github_add_escaped(Buffer *line, const char *s, size_t size, bool property) {
        for (size_t i = 0; i < size; i++) {
                if (s[i] == '%' || s[i] == '\r' || s[i] == '\n' ||
                    (property && (s[i] == ':' || s[i] == ',')))
                        buffer_addf(line, "%%%02X", (unsigned char)s[i]);
                else
                        buffer_add(line, s + i, 1);
        }
}

/*
 * "file.c:12: what" of a failed assertion: the file as it is in the repository, where builds one directory down
 * begin with "../". 0 bytes: there is none
 */
static size_t reason_measure_file(const char *reason, const char **ret_file, unsigned *ret_line) {
        size_t size;

        while (text_starts_with(reason, "../"))
                reason += strlen("../");
        size = strcspn(reason, ": \t");
        if (size == 0 || !memchr(reason, '.', size) || reason[size] != ':' ||
            !isdigit((unsigned char)reason[size + 1]))
                return 0;
        *ret_line = 0;
        for (const char *p = reason + size + 1; *p != ':'; p++) {
                if (!isdigit((unsigned char)*p) || *ret_line > 100 * 1000 * 1000)
                        return 0;
                *ret_line = *ret_line * 10 + (unsigned)(*p - '0');
        }
        *ret_file = reason;
        return size;
}

static void github_begin(Buffer *line, const char *command, const Result *result) {
        const char *file = NULL;
        unsigned number = 0;
        size_t size = result->reason ? reason_measure_file(result->reason, &file, &number) : 0;
        _cleanup_free_ char *title = text_escape(result->address, strlen(result->address));

        if (!title) {
                line->error = -ENOMEM;
                return;
        }
        buffer_addf(line, "::%s ", command);
        if (size > 0) {
                buffer_add_string(line, "file=");
                github_add_escaped(line, file, size, true);
                buffer_addf(line, ",line=%u,", number);
        }
        buffer_add_string(line, "title=");
        github_add_escaped(line, title, strlen(title), true);
        buffer_add_string(line, "::");
}

/* What a person needs to know what happened, without opening the log. */
static void github_add_result(Buffer *line, const Result *result) {
        _cleanup_buffer_ Buffer text = {};
        size_t n = 0;

        buffer_add_string(&text, outcome_to_string(result->outcome));
        if (result->reason) {
                buffer_add_string(&text, ": ");
                result_text_add_safe(&text, result->reason);
        }
        buffer_add(&text, "\n", 1);
        for (size_t i = 0; i < result->n_points && n < GITHUB_TEXTS_MAX; i++)
                if (outcome_is_bad(result->points[i].outcome)) {
                        buffer_addf(&text, "%s: ", outcome_to_string(result->points[i].outcome));
                        result_text_add_safe(&text, result->points[i].name);
                        buffer_add(&text, "\n", 1);
                        n++;
                }
        if (outcome_is_bad(result->outcome))
                result_text_add_details(
                                &text, "", result, GITHUB_OUTPUT_LINES, GITHUB_OUTPUT_BYTES);
        if (buffer_error(&text) < 0) {
                line->error = buffer_error(&text);
                return;
        }
        github_add_escaped(line, text.data, text.size - 1, false);
        buffer_add(line, "\n", 1);
}

static void github_on_result(Github *github, const Result *result) {
        if (outcome_is_bad(result->outcome)) {
                if (github->n_errors++ >= GITHUB_ANNOTATIONS_MAX)
                        return;
                github_begin(&github->errors, "error", result);
                github_add_result(&github->errors, result);
        } else if (result->marks & PTEST_MARK_FLAKY) {
                if (github->n_warnings++ >= GITHUB_ANNOTATIONS_MAX)
                        return;
                github_begin(&github->warnings, "warning", result);
                github_add_escaped(
                                &github->warnings,
                                "flaky: passed after an attempt that did not\n",
                                strlen("flaky: passed after an attempt that did not"),
                                false);
                buffer_add(&github->warnings, "\n", 1);
        }
}

static void github_add_more(Buffer *lines, const char *command, const char *what, size_t n) {
        if (n > GITHUB_ANNOTATIONS_MAX)
                buffer_addf(lines,
                            "::%s title=ptest::%zu more tests %s\n",
                            command,
                            n - GITHUB_ANNOTATIONS_MAX,
                            what);
}

static void github_add_verdict(Github *github, const Event *event) {
        const char *reason = event->run_finished.reason;
        Verdict verdict = event->run_finished.verdict;
        _cleanup_free_ char *safe = reason ? text_escape(reason, strlen(reason)) : NULL;
        Buffer *lines = &github->errors;

        /* It follows from the tests. */
        if (verdict == VERDICT_PASSED || (verdict == VERDICT_FAILED && github->n_errors > 0))
                return;
        buffer_add_string(lines, "::error title=");
        github_add_escaped(lines, event->suite, strlen(event->suite), true);
        buffer_addf(lines, "::%s", verdict_to_sentence(verdict));
        if (safe) {
                buffer_add_string(lines, ": ");
                github_add_escaped(lines, safe, strlen(safe), false);
        }
        buffer_add(lines, "\n", 1);
}

static int github_finish_run(Github *github, const Event *event) {
        int r;

        github_add_more(&github->errors, "error", "did not pass", github->n_errors);
        github_add_more(&github->warnings, "warning", "are flaky", github->n_warnings);
        github_add_verdict(github, event);
        if (buffer_error(&github->errors) < 0 || buffer_error(&github->warnings) < 0)
                return -ENOMEM;
        r = fd_write_all(github->fd, github->errors.data, github->errors.size);
        if (r < 0)
                return r;
        return fd_write_all(github->fd, github->warnings.data, github->warnings.size);
}

static int github_on_event(Reporter *reporter, const Event *event) {
        Github *github = (Github *)reporter;

        if (event->kind == EVENT_TEST_FINISHED || event->kind == EVENT_FIXTURE_FAILED)
                github_on_result(github, event->result);
        if (event->kind == EVENT_RUN_FINISHED)
                return github_finish_run(github, event);
        return 0;
}

static void github_free(Reporter *reporter) {
        Github *github = (Github *)reporter;

        fd_close(github->fd);
        buffer_done(&github->errors);
        buffer_done(&github->warnings);
        free(github);
}

int github_new(const char *path, Reporter **ret) {
        static const ReporterVTable vtable = { .on_event = github_on_event, .free = github_free };
        _cleanup_(reporter_freep) Reporter *reporter = NULL;
        Github *github;

        assert(path);
        assert(ret);

        github = calloc(1, sizeof(Github));
        if (!github)
                return -ENOMEM;
        reporter = &github->reporter;
        reporter->vtable = &vtable;
        github->fd = reporter_open_output(path);
        if (github->fd < 0)
                return github->fd;
        *ret = TAKE_PTR(reporter);
        return 0;
}

/* ---- What is no command ---- */

void github_defuse(Buffer *text) {
        _cleanup_buffer_ Buffer safe = {};
        bool begin = true; /* of a line, but for blanks; the runner knows blanks of Unicode */
        Buffer all;

        for (size_t i = 0; i < text->size; i++) {
                const char *p = text->data + i;
                size_t left = text->size - i;

                if (left >= 3 && memcmp(p, "##[", 3) == 0)
                        buffer_add_string(&safe, "#\\x23[");
                else if (begin && left >= 2 && memcmp(p, "::", 2) == 0)
                        buffer_add_string(&safe, "\\x3a:");
                else {
                        begin = *p == '\n' ||
                                        (begin && (isspace((unsigned char)*p) || (*p & 0x80)));
                        buffer_add(&safe, p, 1);
                        continue;
                }
                begin = false;
                i += *p == '#' ? 2 : 1;
        }
        if (buffer_error(&safe) < 0) {
                text->error = buffer_error(&safe);
                return;
        }
        all = *text;
        *text = safe;
        safe = all;
}
