/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The summary of a step, which GitHub shows on the page of a workflow's run: Markdown, appended to what other parts of
 * the step have written. It may have 1 MiB; only what did not pass is in it, and of that the first.
 */

#include "report/github.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/parse.h"
#include "basic/text.h"
#include "report/counts.h"

#define SUMMARY_ROWS_MAX 50U
#define SUMMARY_CELL_MAX 500U

typedef struct GithubSummary {
        Reporter reporter;
        int fd;
        Buffer rows;
        size_t n_rows;
} GithubSummary;

/* Nothing that Markdown or HTML knows survives: punctuation becomes character references. */
static void summary_add_escaped(Buffer *text, const char *s) {
        _cleanup_free_ char *safe = text_escape(s, strnlen(s, SUMMARY_CELL_MAX));

        if (!safe) {
                text->error = -ENOMEM;
                return;
        }
        for (const char *p = safe; *p; p++) {
                if (ispunct((unsigned char)*p))
                        buffer_addf(text, "&#%i;", *p);
                else
                        buffer_add(text, p, 1);
        }
        if (strlen(s) > SUMMARY_CELL_MAX)
                buffer_add_string(text, "...");
}

static void summary_add_result(GithubSummary *summary, const Result *result) {
        Buffer *rows = &summary->rows;

        if (!outcome_is_bad(result->outcome) && !(result->marks & PTEST_MARK_FLAKY))
                return;
        if (summary->n_rows++ >= SUMMARY_ROWS_MAX)
                return;
        buffer_add_string(rows, "| ");
        summary_add_escaped(rows, result->address);
        buffer_addf(rows,
                    " | %s | ",
                    outcome_is_bad(result->outcome) ? outcome_to_string(result->outcome) : "flaky");
        if (result->reason)
                summary_add_escaped(rows, result->reason);
        buffer_add_string(rows, " |\n");
}

static int summary_finish(GithubSummary *summary, const Event *event) {
        Verdict verdict = event->run_finished.verdict;
        _cleanup_buffer_ Buffer text = {};
        char duration[FORMAT_MAX];

        buffer_add_string(&text, "### ");
        summary_add_escaped(&text, event->suite);
        buffer_addf(&text, ": %s\n\n", verdict_to_sentence(verdict));
        if (event->run_finished.reason) {
                summary_add_escaped(&text, event->run_finished.reason);
                buffer_add_string(&text, "\n\n");
        }
        counts_add(&text, &event->run_finished.tally);
        buffer_addf(&text, " in %s\n\n", format_time(duration, event->run_finished.duration_usec));
        if (summary->n_rows > 0) {
                buffer_add_string(&text, "| Test | Outcome | Reason |\n|---|---|---|\n");
                buffer_add(&text, summary->rows.data, summary->rows.size);
                buffer_add(&text, "\n", 1);
        }
        if (summary->n_rows > SUMMARY_ROWS_MAX)
                buffer_addf(&text, "and %zu more\n\n", summary->n_rows - SUMMARY_ROWS_MAX);
        if (buffer_error(&text) < 0 || buffer_error(&summary->rows) < 0)
                return -ENOMEM;
        return fd_write_all(summary->fd, text.data, text.size);
}

static int summary_on_event(Reporter *reporter, const Event *event) {
        GithubSummary *summary = (GithubSummary *)reporter;

        if (event->kind == EVENT_TEST_FINISHED || event->kind == EVENT_FIXTURE_FAILED)
                summary_add_result(summary, event->result);
        if (event->kind == EVENT_RUN_FINISHED)
                return summary_finish(summary, event);
        return 0;
}

static void summary_free(Reporter *reporter) {
        GithubSummary *summary = (GithubSummary *)reporter;

        fd_close(summary->fd);
        buffer_done(&summary->rows);
        free(summary);
}

int github_summary_new(const char *path, Reporter **ret) {
        static const ReporterVTable vtable = { .on_event = summary_on_event, .free = summary_free };
        _cleanup_(reporter_freep) Reporter *reporter = NULL;
        GithubSummary *summary;

        assert(path);
        assert(ret);

        summary = calloc(1, sizeof(GithubSummary));
        if (!summary)
                return -ENOMEM;
        reporter = &summary->reporter;
        reporter->vtable = &vtable;
        summary->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
        if (summary->fd < 0)
                return -errno;
        *ret = TAKE_PTR(reporter);
        return 0;
}
