/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/summary.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "basic/array.h"
#include "basic/parse.h"
#include "basic/text.h"
#include "model/pattern.h"
#include "report/counts.h"

/* Points that are named; the rest is seen in the test's output. */
#define SUMMARY_POINTS_MAX          3U
/* Addresses are padded to the widest, within reason. */
#define SUMMARY_ADDRESS_COLUMNS_MAX 50U
/* With less room than this what happened gets a line of its own. */
#define SUMMARY_WHAT_COLUMNS_MIN    20U

void summary_done(Summary *summary) {
        for (size_t i = 0; i < summary->n_failures; i++) {
                free(summary->failures[i].address);
                free(summary->failures[i].what);
        }
        free(summary->failures);
        free(summary->not_run_reason);
        *summary = (Summary){};
}

static void add_points(Buffer *text, const Result *result) {
        size_t n = 0;

        for (size_t i = 0; i < result->n_points; i++) {
                const ResultPoint *point = result->points + i;

                if (!outcome_is_bad(point->outcome))
                        continue;
                if (n == SUMMARY_POINTS_MAX) {
                        buffer_add_string(text, ", ...");
                        break;
                }
                buffer_add_string(text, n++ == 0 ? " (" : ", ");
                if (point->number > 0)
                        buffer_addf(text, "%" PRIu64, point->number);
                if (point->number > 0 && point->name[0])
                        buffer_add_string(text, " ");
                buffer_add_string(text, point->name);
        }
        if (n > 0)
                buffer_add_string(text, ")");
}

static char *result_describe(const Result *result) {
        _cleanup_buffer_ Buffer text = {};

        buffer_add_string(&text, outcome_to_string(result->outcome));
        if (result->reason)
                buffer_addf(&text, ": %s", result->reason);
        /* The reason of a failure names its points. */
        if (result->outcome != PTEST_OUTCOME_FAIL && result->outcome != PTEST_OUTCOME_XPASS)
                add_points(&text, result);
        return buffer_error(&text) < 0 ? NULL : text_escape(text.data, text.size);
}

int summary_add(Summary *summary, const Result *result) {
        SummaryFailure failure = { .outcome = result->outcome };

        if (result->outcome == PTEST_OUTCOME_NOT_RUN && result->reason &&
            !summary->not_run_reason) {
                summary->not_run_reason = text_escape(result->reason, strlen(result->reason));
                return summary->not_run_reason ? 0 : -ENOMEM;
        }
        if (!outcome_is_bad(result->outcome) || summary->n_bad++ >= SUMMARY_FAILURES_MAX)
                return 0;

        if (array_reserve(summary->failures, summary->n_allocated, summary->n_failures + 1) < 0)
                return -ENOMEM;
        failure.address = text_escape(result->address, strlen(result->address));
        failure.what = result_describe(result);
        if (!failure.address || !failure.what) {
                free(failure.address);
                free(failure.what);
                return -ENOMEM;
        }
        summary->failures[summary->n_failures++] = failure;
        return 0;
}

void summary_add_carried(Summary *summary, sd_id128_t run_id) {
        if (sd_id128_is_null(run_id))
                return;
        summary->carried_from_more |= summary->n_carried > 0 &&
                        !sd_id128_equal(summary->carried_from, run_id);
        summary->carried_from = run_id;
        summary->n_carried++;
}

static void add_run(Buffer *text, const char *what, sd_id128_t run_id) {
        char id[SD_ID128_STRING_MAX];

        if (!sd_id128_is_null(run_id))
                buffer_addf(text, "; %s run %.8s", what, sd_id128_to_string(run_id, id));
}

static void add_escaped(Buffer *text, const char *what, const char *s) {
        _cleanup_free_ char *safe = s ? text_escape(s, strlen(s)) : NULL;

        if (safe)
                buffer_addf(text, "; %s %s", what, safe);
        else if (s)
                text->error = -ENOMEM;
}

void summary_add_origin(Buffer *text, const Event *event) {
        add_run(text, "goes on with", event->run_started.resumes);
        add_run(text, "again, of", event->run_started.rerun_of);
        if (event->run_started.patterns) {
                _cleanup_free_ char *words = patterns_describe(event->run_started.patterns);

                add_escaped(text, "part", words ?: "");
        }
        add_escaped(text, "part", event->run_started.shard);
        add_escaped(text, "shuffled with seed", event->run_started.seed);
}

static size_t failures_get_columns(
                const Summary *summary, const Style *style, size_t n, size_t columns) {
        size_t widest = 0, max = SUMMARY_ADDRESS_COLUMNS_MAX;

        /* Half of a narrow terminal is for the reasons. */
        if (columns > 0)
                max = MIN(max, columns / 2);
        for (size_t i = 0; i < n; i++)
                widest = MAX(widest, style_measure(style, summary->failures[i].address));
        return MIN(widest, max);
}

/* Behind the address, or where that leaves too little, on a line of its own. */
static void failure_add_what(
                const Style *style, Buffer *text, const char *what, size_t used, size_t columns) {
        if (columns == 0) {
                buffer_addf(text, "  %s", what);
                return;
        }
        if (used + 2 + MIN(style_measure(style, what), SUMMARY_WHAT_COLUMNS_MIN) > columns) {
                buffer_add_string(text, "\n  ");
                used = 2;
        }
        buffer_add_string(text, "  ");
        if (used + 2 < columns)
                style_add_cut(style, text, STYLE_PLAIN, what, columns - used - 2);
}

void summary_add_failures(
                const Summary *summary,
                const Style *style,
                Buffer *text,
                size_t columns,
                size_t rows) {
        size_t n = MIN(summary->n_failures, rows), address_columns;

        if (summary->n_bad == 0)
                return;
        address_columns = failures_get_columns(summary, style, n, columns);
        buffer_addf(text,
                    "\n%zu %s did not pass:\n",
                    summary->n_bad,
                    summary->n_bad == 1 ? "test" : "tests");

        for (size_t i = 0; i < n; i++) {
                const SummaryFailure *failure = summary->failures + i;
                size_t width = style_measure(style, failure->address);

                buffer_add_string(text, "  ");
                style_add(style, text, STYLE_BAD, style->bad);
                buffer_addf(text, " %s", failure->address);
                buffer_fill(text, ' ', width < address_columns ? address_columns - width : 0);
                failure_add_what(
                                style,
                                text,
                                failure->what,
                                4 + MAX(width, address_columns),
                                columns);
                buffer_add(text, "\n", 1);
        }
        if (summary->n_bad > n)
                buffer_addf(text, "  %s and %zu more\n", style->ellipsis, summary->n_bad - n);
}

void summary_add_verdict(
                const Summary *summary, const Style *style, Buffer *text, const Event *event) {
        const Tally *tally = &event->run_finished.tally;
        Verdict verdict = event->run_finished.verdict;
        StyleColor color = verdict == VERDICT_PASSED ? STYLE_GOOD : STYLE_BAD;
        _cleanup_free_ char *reason = NULL, *title = NULL;
        size_t lost = event->run_finished.journal_lost;
        char duration[FORMAT_MAX];

        if (event->run_finished.reason)
                reason = text_escape(
                                event->run_finished.reason, strlen(event->run_finished.reason));
        if (text_setf(&title,
                      "%s %s: %s",
                      verdict == VERDICT_PASSED ? style->good : style->bad,
                      event->suite,
                      verdict_to_sentence(verdict)) < 0) {
                text->error = -ENOMEM;
                return;
        }
        style_add(style, text, color, title);
        if (reason)
                buffer_addf(text, " (%s)", reason);
        buffer_add_string(text, style->dot);
        counts_add(text, tally);
        buffer_addf(text, " in %s\n", format_time(duration, event->run_finished.duration_usec));

        if (summary->n_found > 0)
                buffer_addf(text,
                            "%zu of the tests %s found by others while the run went on\n",
                            summary->n_found,
                            summary->n_found == 1 ? "was" : "were");
        if (summary->n_carried > 0) {
                char id[SD_ID128_STRING_MAX];

                buffer_addf(text,
                            "%zu of the results %s carried over from run %.8s%s\n",
                            summary->n_carried,
                            summary->n_carried == 1 ? "was" : "were",
                            sd_id128_to_string(summary->carried_from, id),
                            summary->carried_from_more ? " and those before it" : "");
        }
        if (tally->count[PTEST_OUTCOME_NOT_RUN] > 0 && summary->not_run_reason)
                buffer_addf(text,
                            "%zu not run: %s\n",
                            tally->count[PTEST_OUTCOME_NOT_RUN],
                            summary->not_run_reason);
        if (lost > 0)
                buffer_addf(text,
                            "The journal did not take %zu %s; the run file has all.\n",
                            lost,
                            lost == 1 ? "record" : "records");
}
