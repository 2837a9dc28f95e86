/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * TAP version 13, which every consumer reads (prove knows nothing later)
 *
 * The consumer's verdict must be ours, so outcomes become:
 *
 *      pass                    ok
 *      skip                    ok # SKIP reason
 *      xfail                   not ok # TODO reason      (a failure that does not count)
 *      xpass, the bad ones     not ok                    ("ok # TODO" would be a pass for prove)
 *      not-run                 not ok                    (as a SKIP an interrupted run would look good)
 *
 * A run that failed although its tests did not (the machinery failed, nothing ran) ends with "Bail out!".
 * Numbers are sequential in the order of the results; the plan comes first, or last where tests may bring forth
 * more of them. What a test printed appears behind "# " only, and a '#' in a name cannot begin a directive.
 */

#include "report/reporter.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/text.h"
#include "record/buffer.h"
#include "report/counts.h"
#include "report/result-text.h"

/* Of each stream of a failed test; all of it is in the records. */
#define TAP_OUTPUT_LINES_MAX 200U
#define TAP_OUTPUT_BYTES_MAX (64U * 1024U)

typedef struct Tap {
        Reporter reporter;
        int fd;
        size_t number;  /* of the last test */
        bool plan_last; /* how many there will be is not known before */
        bool failed;    /* there was a "not ok" that counts */
        Buffer text;
} Tap;

static bool begins_directive(const char *s) {
        s += strspn(s, " \t");
        return strncasecmp(s, "skip", 4) == 0 || strncasecmp(s, "todo", 4) == 0;
}

/*
 * A name or reason inside a test line. Some consumers look for "#skip" without knowing of escapes, so that
 * it needs something in between.
 */
static void tap_add_escaped(Buffer *text, const char *s) {
        _cleanup_free_ char *safe = text_escape(s, strlen(s));

        if (!safe) {
                text->error = -ENOMEM;
                return;
        }
        for (const char *p = safe; *p; p++) {
                if (*p == '#' || *p == '\\')
                        buffer_add(text, "\\", 1);
                buffer_add(text, p, 1);
                if (*p == '#' && begins_directive(p + 1))
                        buffer_add(text, "_", 1);
        }
}

static void tap_add_points(Buffer *text, const Result *result) {
        for (size_t i = 0; i < result->n_points; i++) {
                const ResultPoint *point = result->points + i;

                buffer_addf(text, "#   %s", outcome_to_string(point->outcome));
                if (point->number > 0)
                        buffer_addf(text, " %" PRIu64, point->number);
                buffer_add_string(text, " - ");
                result_text_add_safe(text, point->name);
                if (point->reason && point->reason[0]) {
                        buffer_add_string(text, ": ");
                        result_text_add_safe(text, point->reason);
                }
                buffer_add(text, "\n", 1);
        }
}

static void tap_add_details(Buffer *text, const Result *result) {
        result_text_add_details(text, "# ", result, TAP_OUTPUT_LINES_MAX, TAP_OUTPUT_BYTES_MAX);
}

/* "fail: exit status 1", to the end of the line */
static void tap_add_outcome(Buffer *text, const Result *result) {
        buffer_add_string(text, outcome_to_string(result->outcome));
        if (result->reason) {
                buffer_add_string(text, ": ");
                result_text_add_safe(text, result->reason);
        }
        buffer_add(text, "\n", 1);
}

static void tap_add_result(Tap *tap, const Result *result) {
        bool ok = result->outcome == PTEST_OUTCOME_PASS || result->outcome == PTEST_OUTCOME_SKIP;
        bool counts = !ok && result->outcome != PTEST_OUTCOME_XFAIL;
        Buffer *text = &tap->text;

        buffer_addf(text, "%s %zu - ", ok ? "ok" : "not ok", ++tap->number);
        tap_add_escaped(text, result->address);
        if (result->outcome == PTEST_OUTCOME_SKIP || result->outcome == PTEST_OUTCOME_XFAIL) {
                buffer_add_string(text, ok ? " # SKIP " : " # TODO ");
                tap_add_escaped(text, result->reason ?: (ok ? "skipped" : "expected failure"));
        }
        buffer_add(text, "\n", 1);

        tap_add_points(text, result);
        result_text_add_texts(
                        text,
                        "# ",
                        "left changed in its process",
                        result->dirty,
                        TAP_OUTPUT_LINES_MAX);
        if (!counts)
                return;
        tap->failed = true;
        buffer_add_string(text, "# ");
        tap_add_outcome(text, result);
        tap_add_details(text, result);
}

/* No line of the plan is a fixture's: a run that failed for nothing else bails out at its end. */
static void tap_add_fixture(Tap *tap, const Result *result) {
        Buffer *text = &tap->text;

        buffer_add_string(text, "# ");
        result_text_add_safe(text, result->address);
        buffer_add_string(text, ": ");
        tap_add_outcome(text, result);
        tap_add_details(text, result);
}

/* As a comment: a test is one point, of its last attempt. */
static void tap_add_attempt(Tap *tap, const Result *result) {
        Buffer *text = &tap->text;

        buffer_addf(text, "# attempt %u of ", result->attempt);
        result_text_add_safe(text, result->address);
        buffer_add_string(text, ": ");
        tap_add_outcome(text, result);
        if (outcome_is_bad(result->outcome))
                tap_add_details(text, result);
}

static void tap_add_run_finished(Tap *tap, const Event *event) {
        Buffer *text = &tap->text;

        if (tap->plan_last)
                buffer_addf(text, "1..%zu\n", event->run_finished.tally.planned);
        buffer_add_string(text, "# ");
        counts_add(text, &event->run_finished.tally);
        buffer_add(text, "\n", 1);
        if (event->run_finished.verdict == VERDICT_PASSED || tap->failed)
                return;
        buffer_addf(text, "Bail out! %s", verdict_to_sentence(event->run_finished.verdict));
        if (event->run_finished.reason) {
                buffer_add_string(text, ": ");
                tap_add_escaped(text, event->run_finished.reason);
        }
        buffer_add(text, "\n", 1);
}

static int tap_on_event(Reporter *reporter, const Event *event) {
        Tap *tap = (Tap *)reporter;

        buffer_reset(&tap->text, 1 * MIB);
        switch (event->kind) {
        case EVENT_RUN_STARTED:
                buffer_add_string(&tap->text, "TAP version 13\n");
                tap->plan_last = event->run_started.grows;
                if (!tap->plan_last)
                        buffer_addf(&tap->text, "1..%zu\n", event->run_started.planned);
                break;
        case EVENT_TEST_FINISHED:
                tap_add_result(tap, event->result);
                break;
        case EVENT_FIXTURE_FAILED:
                tap_add_fixture(tap, event->result);
                break;
        case EVENT_ATTEMPT_FINISHED:
                tap_add_attempt(tap, event->result);
                break;
        case EVENT_RUN_FINISHED:
                tap_add_run_finished(tap, event);
                break;
        default:
                return 0;
        }
        if (buffer_error(&tap->text) < 0)
                return buffer_error(&tap->text);
        return fd_write_all(tap->fd, tap->text.data, tap->text.size);
}

static void tap_free(Reporter *reporter) {
        Tap *tap = (Tap *)reporter;

        fd_close(tap->fd);
        buffer_done(&tap->text);
        free(tap);
}

int tap_new(const char *path, Reporter **ret) {
        static const ReporterVTable vtable = { .on_event = tap_on_event, .free = tap_free };
        _cleanup_(reporter_freep) Reporter *reporter = NULL;
        Tap *tap;

        assert(path);
        assert(ret);

        tap = calloc(1, sizeof(Tap));
        if (!tap)
                return -ENOMEM;
        reporter = &tap->reporter;
        reporter->vtable = &vtable;
        tap->fd = reporter_open_output(path);
        if (tap->fd < 0)
                return tap->fd;
        *ret = TAKE_PTR(reporter);
        return 0;
}
