/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/junit-case.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* An allocation that fails leaves the test outside, and the table as it was. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "basic/strv.h"
#include "basic/text.h"
#include "record/buffer.h"
#include "report/output-tail.h"

/*
 * GitLab takes 30 MB a file, libxml2 10 MB a text. Each stream is cut to the first size, when the file has
 * grown to JUNIT_FULL to the second, and beyond JUNIT_OVERFULL there is no output any more.
 */
#define JUNIT_TEXTS_MAX    200U
#define JUNIT_STREAM_MAX   (64U * 1024U)
#define JUNIT_STREAM_MIN   (2U * 1024U)
#define JUNIT_STREAM_AGAIN (8U * 1024U) /* of an attempt that does not count */
#define JUNIT_FULL         (16U * 1024U * 1024U)
#define JUNIT_OVERFULL     (24U * 1024U * 1024U)
/* Shown of a test; the first ones, because what comes after them is mostly the same. */
#define JUNIT_ATTEMPTS_MAX 10U

/* Texts are printable; NULL: there is none. */
typedef struct JunitAttempt {
        struct JunitAttempt *next;
        unsigned attempt;
        Outcome outcome;
        char *message;
        char *text;
        char *out, *err;
} JunitAttempt;

typedef struct JunitTest {
        UT_hash_handle hh;
        JunitAttempt *first, **last; /* in their order */
        unsigned n_attempts;
        char address[];
} JunitTest;

static JunitAttempt *attempt_free(JunitAttempt *attempt) {
        if (attempt) {
                free(attempt->message);
                free(attempt->text);
                free(attempt->out);
                free(attempt->err);
                free(attempt);
        }
        return NULL;
}
DEFINE_CLEANUP(JunitAttempt, attempt_free);

static JunitTest *test_free(JunitTest *test) {
        if (!test)
                return NULL;
        while (test->first) {
                JunitAttempt *attempt = test->first;

                test->first = attempt->next;
                attempt_free(attempt);
        }
        free(test);
        return NULL;
}
DEFINE_CLEANUP(JunitTest, test_free);

/* ---- Text ---- */

static bool outcome_is_failure(Outcome outcome) {
        return outcome == PTEST_OUTCOME_FAIL || outcome == PTEST_OUTCOME_XPASS;
}

/* In the text of a failure, each on a line of its own. */
static void text_add_texts(Buffer *text, const char *title, char *const *texts) {
        size_t n = 0;

        strv_for_each(item, texts) {
                if (n == 0)
                        buffer_addf(text, "\n%s", title);
                if (n++ == JUNIT_TEXTS_MAX)
                        return;
                buffer_addf(text, "\n  %s", *item);
        }
}

static void text_add_points(Buffer *text, const Result *result) {
        size_t n = 0;

        for (size_t i = 0; i < result->n_points && n < JUNIT_TEXTS_MAX; i++)
                if (outcome_is_bad(result->points[i].outcome)) {
                        buffer_addf(text,
                                    "\n%s: %s",
                                    outcome_to_string(result->points[i].outcome),
                                    result->points[i].name);
                        n++;
                }
}

/* "fail: exit status 1" */
static char *result_get_message(const Result *result) {
        _cleanup_buffer_ Buffer text = {};

        buffer_add_string(&text, outcome_to_string(result->outcome));
        if (result->reason)
                buffer_addf(&text, ": %s", result->reason);
        return buffer_take_string(&text);
}

/* All that is known of a failure but for its output; NULL: no memory */
static char *result_get_text(const Result *result, const char *message) {
        _cleanup_buffer_ Buffer text = {};

        buffer_add_string(&text, message);
        text_add_points(&text, result);
        text_add_texts(&text, "backtrace:", result->backtrace);
        text_add_texts(&text, "at its time limit:", result->stuck);
        text_add_texts(&text, "left changed in its process:", result->dirty);
        text_add_texts(&text, "left in its private places:", result->files);
        if (result->directory)
                buffer_addf(&text, "\nkept in:\n  %s", result->directory);
        return buffer_take_string(&text);
}

/* The end of what it wrote, as much as the file has room for; *ret NULL: nothing */
static int output_get_text(
                const JunitCases *cases, const ResultOutput *output, size_t max, char **ret) {
        _cleanup_output_tail_ OutputTail tail = {};
        int r;

        *ret = NULL;
        if (output->size == 0 || cases->written > JUNIT_OVERFULL)
                return 0;
        if (cases->written > JUNIT_FULL)
                max = JUNIT_STREAM_MIN;
        r = output_tail_init(&tail, output, SIZE_MAX, max);
        if (r < 0)
                return r;
        return text_setf(ret, "%s%s", tail.truncated ? "[the begin is left out]\n" : "", tail.text);
}

static void add_text_element(JunitXml *xml, const char *element, const char *text) {
        if (!text)
                return;
        junit_xml_begin(xml, element);
        junit_xml_add_text(xml, text, strlen(text));
        junit_xml_end(xml);
}

/* ---- Attempts ---- */

static int attempt_new(const JunitCases *cases, const Result *result, JunitAttempt **ret) {
        _cleanup_(attempt_freep) JunitAttempt *attempt = calloc(1, sizeof(JunitAttempt));
        int r;

        if (!attempt)
                return -ENOMEM;
        attempt->attempt = result->attempt;
        attempt->outcome = result->outcome;
        attempt->message = result_get_message(result);
        if (!attempt->message)
                return -ENOMEM;
        attempt->text = result_get_text(result, attempt->message);
        if (!attempt->text)
                return -ENOMEM;
        r = output_get_text(cases, &result->out, JUNIT_STREAM_AGAIN, &attempt->out);
        if (r >= 0)
                r = output_get_text(cases, &result->err, JUNIT_STREAM_AGAIN, &attempt->err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(attempt);
        return 0;
}

static int cases_get_test(JunitCases *cases, const char *address, JunitTest **ret) {
        size_t size = strlen(address) + 1;
        JunitTest *test;

        HASH_FIND_STR(cases->tests, address, test);
        if (!test) {
                test = calloc(1, sizeof(JunitTest) + size);
                if (!test)
                        return -ENOMEM;
                test->last = &test->first;
                memcpy(test->address, address, size);
                HASH_ADD_KEYPTR(hh, cases->tests, test->address, size - 1, test);
                if (!test->hh.tbl) {
                        free(test);
                        return -ENOMEM;
                }
        }
        *ret = test;
        return 0;
}

int junit_cases_hold_attempt(JunitCases *cases, const Result *result) {
        JunitAttempt *attempt;
        JunitTest *test;
        int r;

        /* There is no element for a good one: what counts is that some were bad. */
        if (!outcome_is_bad(result->outcome))
                return 0;
        r = cases_get_test(cases, result->address, &test);
        if (r < 0)
                return r;
        if (test->n_attempts++ >= JUNIT_ATTEMPTS_MAX)
                return 0;
        r = attempt_new(cases, result, &attempt);
        if (r < 0)
                return r;
        *test->last = attempt;
        test->last = &attempt->next;
        return 0;
}

static void add_attempt(JunitXml *xml, const char *element, const JunitAttempt *attempt) {
        _cleanup_free_ char *message = NULL;

        if (text_setf(&message, "attempt %u: %s", attempt->attempt, attempt->message) < 0) {
                xml->failed = true;
                return;
        }
        junit_xml_begin(xml, element);
        junit_xml_add_attribute(xml, "message", message);
        junit_xml_add_attribute(xml, "type", outcome_to_string(attempt->outcome));
        add_text_element(xml, "stackTrace", attempt->text);
        add_text_element(xml, "system-out", attempt->out);
        add_text_element(xml, "system-err", attempt->err);
        junit_xml_end(xml);
}

/* One kind of them, because a schema may want all of a kind in one place. A result can repeat the last attempt. */
static void add_attempts(
                JunitXml *xml, const JunitTest *test, const Result *result, bool failures) {
        bool bad = outcome_is_bad(result->outcome);
        const char *element = failures ? (bad ? "rerunFailure" : "flakyFailure") :
                                         (bad ? "rerunError" : "flakyError");

        for (JunitAttempt *attempt = test ? test->first : NULL; attempt; attempt = attempt->next)
                if (outcome_is_failure(attempt->outcome) == failures &&
                    attempt->attempt != result->attempt)
                        add_attempt(xml, element, attempt);
}

/* ---- Cases ---- */

/* A part of a class name, in which tools take '.' for the end of one. */
static void class_add_part(Buffer *class, const char *part, size_t size) {
        size_t begin = class->size;

        buffer_add(class, part, size);
        for (size_t i = begin; i < class->size; i++)
                if (class->data[i] == '.')
                        class->data[i] = '_';
}

/*
 * What tools group by, all but the last part of an address: "suite.dir.program.context" of
 * "dir/program::context::case". The name is the whole address, which is what the program takes.
 */
static void add_class(const JunitCases *cases, JunitXml *xml, const char *address) {
        const char *part = address, *bracket = strchr(address, '[');
        _cleanup_buffer_ Buffer class = {};
        _cleanup_free_ char *name = NULL;

        class_add_part(&class, cases->suite, strlen(cases->suite));
        for (const char *p = address; *p && p != bracket;) {
                size_t separator = *p == '/' ? 1 : text_starts_with(p, "::") ? 2 : 0;

                if (separator == 0) {
                        p++;
                        continue;
                }
                if (p > part) {
                        buffer_add(&class, ".", 1);
                        class_add_part(&class, part, (size_t)(p - part));
                }
                part = p += separator;
        }
        name = buffer_take_string(&class);
        if (name)
                junit_xml_add_attribute(xml, "classname", name);
        else
                xml->failed = true;
}

static void add_failure(JunitXml *xml, const Result *result) {
        _cleanup_free_ char *message = result_get_message(result), *text = NULL;

        if (message)
                text = result_get_text(result, message);
        if (!text) {
                xml->failed = true;
                return;
        }
        junit_xml_begin(xml, outcome_is_failure(result->outcome) ? "failure" : "error");
        junit_xml_add_attribute(xml, "message", message);
        junit_xml_add_attribute(xml, "type", outcome_to_string(result->outcome));
        junit_xml_add_text(xml, text, strlen(text));
        junit_xml_end(xml);
}

static void add_skipped(JunitXml *xml, const Result *result) {
        _cleanup_free_ char *message = result_get_message(result);

        if (!message) {
                xml->failed = true;
                return;
        }
        junit_xml_begin(xml, "skipped");
        junit_xml_add_attribute(
                        xml,
                        "message",
                        result->outcome == PTEST_OUTCOME_SKIP && result->reason ? result->reason :
                                                                                  message);
        junit_xml_end(xml);
}

static int add_outputs(JunitCases *cases, JunitXml *xml, const Result *result) {
        _cleanup_free_ char *out = NULL, *err = NULL;
        int r;

        if (!outcome_is_bad(result->outcome)) {
                _cleanup_buffer_ Buffer text = {};

                /* There is no failure to say it in. */
                text_add_texts(&text, "left changed in its process:", result->dirty);
                if (text.size > 0)
                        err = buffer_take_string(&text);
                add_text_element(xml, "system-err", err);
                return buffer_error(&text);
        }
        r = output_get_text(cases, &result->out, JUNIT_STREAM_MAX, &out);
        if (r >= 0)
                r = output_get_text(cases, &result->err, JUNIT_STREAM_MAX, &err);
        if (r < 0)
                return r;
        add_text_element(xml, "system-out", out);
        add_text_element(xml, "system-err", err);
        return 0;
}

static void cases_count(JunitCases *cases, Outcome outcome) {
        cases->n_cases++;
        if (outcome_is_failure(outcome))
                cases->n_failures++;
        else if (outcome_is_bad(outcome))
                cases->n_errors++;
        else if (outcome != PTEST_OUTCOME_PASS)
                cases->n_skipped++;
}

/* In the order of Surefire's schema: failures, skipped, errors, output. */
static int add_contents(
                JunitCases *cases, JunitXml *xml, const Result *result, const JunitTest *test) {
        bool bad = outcome_is_bad(result->outcome), failure = outcome_is_failure(result->outcome);

        if (failure)
                add_failure(xml, result);
        add_attempts(xml, test, result, true);
        if (!bad && result->outcome != PTEST_OUTCOME_PASS)
                add_skipped(xml, result);
        if (bad && !failure)
                add_failure(xml, result);
        add_attempts(xml, test, result, false);
        return add_outputs(cases, xml, result);
}

int junit_cases_add(JunitCases *cases, JunitXml *xml, const Result *result) {
        _cleanup_(test_freep) JunitTest *test = NULL;
        _cleanup_free_ char *name = NULL;
        int r;

        r = name_set_add(&cases->names, result->address, " #", &name);
        if (r < 0)
                return r;
        HASH_FIND_STR(cases->tests, result->address, test);
        if (test)
                HASH_DEL(cases->tests, test);
        cases_count(cases, result->outcome);

        junit_xml_begin(xml, "testcase");
        junit_xml_add_attribute(xml, "name", name);
        add_class(cases, xml, result->address);
        junit_xml_add_time(xml, result->duration_usec);
        r = add_contents(cases, xml, result, test);
        junit_xml_end(xml);
        junit_xml_add_raw(xml, "\n");
        return r;
}

/* ---- Life ---- */

int junit_cases_init(JunitCases *cases, const char *suite) {
        assert(!cases->suite);

        cases->suite = strdup(suite);
        return cases->suite ? 0 : -ENOMEM;
}

void junit_cases_done(JunitCases *cases) {
        JunitTest *test, *next;

        HASH_ITER(hh, cases->tests, test, next) {
                HASH_DEL(cases->tests, test);
                test_free(test);
        }
        name_set_done(&cases->names);
        free(cases->suite);
        *cases = (JunitCases){};
}
