/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The log of Yocto's ptest-runner, as OEQA's parser reads it: one section, named by the suite, with lines of
 * "PASS: name", "FAIL: name" and "SKIP: name"
 *
 * The parser keeps what a line says by its name, and what comes after the results cuts names at '#' or '(' and
 * joins what blanks part; so names have none of these here, and are unique without them. It knows three words only:
 *
 *      pass                    PASS
 *      skip, xfail, not-run    SKIP
 *      the bad ones            FAIL
 *
 * A run with another verdict than passed has an "ERROR: Exit status is N", with ptest run's status: a run of which
 * nothing failed but which is incomplete is seen by that. All else stands behind "# ", where no test can forge a result.
 */

#include "report/reporter.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "basic/fd.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "record/buffer.h"
#include "report/counts.h"
#include "report/name-set.h"
#include "report/result-text.h"

/* Of each stream of a test that failed; all of it is in the records. */
#define YOCTO_OUTPUT_LINES_MAX 200U
#define YOCTO_OUTPUT_BYTES_MAX (64U * 1024U)

typedef struct Yocto {
        Reporter reporter;
        int fd;
        char *section; /* the suite, as it can stand in a path */
        NameSet names;
        size_t n_lines; /* with a result: a section without any is a failure for the parser */
        Buffer text;
} Yocto;

/* What names are cut at or joined by, and what ends a part of a path. */
static char *yocto_mangle(const char *name, const char *forbidden) {
        char *mangled = text_escape(name, strlen(name));

        for (char *p = mangled; p && *p; p++)
                if (strchr(forbidden, *p))
                        *p = '_';
        return mangled;
}

static const char *outcome_to_word(Outcome outcome) {
        if (outcome == PTEST_OUTCOME_PASS)
                return "PASS";
        return outcome_is_bad(outcome) ? "FAIL" : "SKIP";
}

/* What the word leaves open, and for what failed all that helps. */
static void yocto_add_details(Buffer *text, const Result *result) {
        if (result->outcome != PTEST_OUTCOME_PASS || result->reason) {
                buffer_addf(text, "# %s", outcome_to_string(result->outcome));
                if (result->reason) {
                        buffer_add_string(text, ": ");
                        result_text_add_safe(text, result->reason);
                }
                buffer_add(text, "\n", 1);
        }
        if (outcome_is_bad(result->outcome))
                result_text_add_details(
                                text, "# ", result, YOCTO_OUTPUT_LINES_MAX, YOCTO_OUTPUT_BYTES_MAX);
}

static int yocto_add_result(Yocto *yocto, const Result *result) {
        _cleanup_free_ char *mangled = yocto_mangle(result->address, " \t()#"), *name = NULL;
        int r;

        if (!mangled)
                return -ENOMEM;
        r = name_set_add(&yocto->names, mangled, "_", &name);
        if (r < 0)
                return r;
        /* The name first: it is what the details are about. */
        buffer_addf(&yocto->text, "%s: %s\n", outcome_to_word(result->outcome), name);
        yocto_add_details(&yocto->text, result);
        yocto->n_lines++;
        return 0;
}

/* To the minute, as ptest-runner has it; in UTC, so that it is the same wherever it is written. */
static void yocto_add_time(Buffer *text, uint64_t usec) {
        time_t seconds = (time_t)(usec / USEC_PER_SEC);
        char minute[64] = "";
        struct tm tm;

        if (gmtime_r(&seconds, &tm))
                strftime(minute, sizeof(minute), "%Y-%m-%dT%H:%M", &tm);
        buffer_addf(text, "%s\n", minute);
}

static int yocto_start_run(Yocto *yocto, const Event *event) {
        Buffer *text = &yocto->text;

        free(yocto->section);
        yocto->section = yocto_mangle(event->suite, " \t()#/");
        if (!yocto->section)
                return -ENOMEM;
        buffer_add_string(text, "START: ptest\n");
        yocto_add_time(text, event->time_usec);
        buffer_addf(text, "BEGIN: /usr/lib/%s/ptest\n", yocto->section);
        return 0;
}

static void yocto_finish_run(Yocto *yocto, const Event *event) {
        Verdict verdict = event->run_finished.verdict;
        bool passed = verdict == VERDICT_PASSED;
        Buffer *text = &yocto->text;

        if (!passed) {
                buffer_addf(text, "# %s", verdict_to_sentence(verdict));
                if (event->run_finished.reason) {
                        buffer_add_string(text, ": ");
                        result_text_add_safe(text, event->run_finished.reason);
                }
                /* With the empty line before it that ptest-runner has. */
                buffer_addf(text,
                            "\n\nERROR: Exit status is %i\n",
                            verdict_to_exit_status(verdict));
        }
        buffer_addf(text,
                    "DURATION: %" PRIu64 "\n",
                    event->run_finished.duration_usec / USEC_PER_SEC);
        buffer_addf(text, "END: /usr/lib/%s/ptest\n", yocto->section);
        yocto_add_time(text, event->time_usec);
        buffer_addf(text, "STOP: ptest\nTOTAL: 1 FAIL: %i\n", !passed);
}

static int yocto_on_event(Reporter *reporter, const Event *event) {
        Yocto *yocto = (Yocto *)reporter;
        int r = 0;

        buffer_reset(&yocto->text, 1 * MIB);
        if (event->kind == EVENT_RUN_STARTED)
                r = yocto_start_run(yocto, event);
        else if (!yocto->section)
                return -EINVAL;
        else if (event->kind == EVENT_TEST_FINISHED || event->kind == EVENT_FIXTURE_FAILED)
                r = yocto_add_result(yocto, event->result);
        else if (event->kind == EVENT_RUN_FINISHED)
                yocto_finish_run(yocto, event);
        if (r < 0 || buffer_error(&yocto->text) < 0)
                return r < 0 ? r : buffer_error(&yocto->text);
        return fd_write_all(yocto->fd, yocto->text.data, yocto->text.size);
}

static void yocto_free(Reporter *reporter) {
        Yocto *yocto = (Yocto *)reporter;

        fd_close(yocto->fd);
        free(yocto->section);
        name_set_done(&yocto->names);
        buffer_done(&yocto->text);
        free(yocto);
}

int yocto_new(const char *path, Reporter **ret) {
        static const ReporterVTable vtable = { .on_event = yocto_on_event, .free = yocto_free };
        _cleanup_(reporter_freep) Reporter *reporter = NULL;
        Yocto *yocto;

        assert(path);
        assert(ret);

        yocto = calloc(1, sizeof(Yocto));
        if (!yocto)
                return -ENOMEM;
        reporter = &yocto->reporter;
        reporter->vtable = &vtable;
        yocto->fd = reporter_open_output(path);
        if (yocto->fd < 0)
                return yocto->fd;
        *ret = TAKE_PTR(reporter);
        return 0;
}
