/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The corpus in tests/data/tap/corpus, each file fed whole and byte by byte; and what is too large for a file
 */

#include <check.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "basic/file.h"
#include "basic/text.h"
#include "worker/tap.h"

#include "test-rounds.h"
#include "test-runner.h"

static glob_t corpus;

/* The same words as in the .expect files */
static char *report_to_text(const Report *report, const Result *result) {
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);

        ck_assert_ptr_nonnull(f);
        fprintf(f,
                "%s%s%s\n",
                outcome_to_string(report->outcome),
                report->reason ? " " : "",
                report->reason ?: "");
        for (size_t i = 0; i < result->n_points; i++) {
                const ResultPoint *point = &result->points[i];

                fprintf(f,
                        "%s %llu %s%s%s\n",
                        outcome_to_string(point->outcome),
                        (unsigned long long)point->number,
                        point->name,
                        point->reason ? " # " : "",
                        point->reason ?: "");
        }
        ck_assert_int_eq(fclose(f), 0);
        return text;
}

/* chunk: bytes fed at once */
static char *tap_to_text(const char *data, size_t size, size_t chunk) {
        _cleanup_(result_freep) Result *result = NULL;
        _cleanup_(report_done) Report report = {};
        _cleanup_(tap_freep) Tap *tap = NULL;

        ck_assert_int_eq(result_new("a", &result), 0);
        ck_assert_int_eq(tap_new(result, &tap), 0);
        for (size_t i = 0; i < size; i += chunk)
                ck_assert_int_eq(tap_feed(tap, data + i, MIN(chunk, size - i)), 0);
        ck_assert_int_eq(tap_finish(tap, &report), 0);
        ck_assert_uint_ge(report.n_points, result->n_points);
        return report_to_text(&report, result);
}

START_TEST(corpus_file_gives_what_is_expected)
{
        const char *path = corpus.gl_pathv[_i];
        _cleanup_free_ char *data = NULL, *expect = NULL, *expect_path = NULL;
        const size_t step = rounds(20) == 20 ? 1 : 4;
        size_t size;

        ck_assert_int_eq(file_read(path, 10 * MIB, &data, &size), 0);
        ck_assert_int_ge(asprintf(&expect_path, "%.*s.expect", (int)strlen(path) - 4, path), 0);
        ck_assert_int_eq(file_read(expect_path, MIB, &expect, NULL), 0);

        for (size_t chunk = 1; chunk < 2 * MAX(size, (size_t)1);
             chunk = chunk < 8 ? chunk + step : chunk * 8) {
                _cleanup_free_ char *text = tap_to_text(data, size, chunk);

                ck_assert_msg(strcmp(text, expect) == 0,
                              "%s, fed by %zu bytes, gives\n%sand not\n%s",
                              path,
                              chunk,
                              text,
                              expect);
                ck_assert(text_is_utf8(text, strlen(text)));
        }
        /* The first letter of the name says whether it is good. */
        ck_assert_int_eq(
                        path_basename(path)[0] == 'y',
                        text_starts_with(expect, "pass") || text_starts_with(expect, "skip"));
}
END_TEST

START_TEST(more_points_than_are_kept_are_counted)
{
        _cleanup_(result_freep) Result *result = NULL;
        _cleanup_(report_done) Report report = {};
        _cleanup_(tap_freep) Tap *tap = NULL;
        const unsigned count = RESULT_POINTS_MAX + 5000;
        char line[64];

        ck_assert_int_eq(result_new("a", &result), 0);
        ck_assert_int_eq(tap_new(result, &tap), 0);
        for (unsigned i = 1; i <= count; i++) {
                int n = snprintf(line, sizeof(line), "%sok %u - p\n", i == count ? "not " : "", i);

                ck_assert_int_eq(tap_feed(tap, line, (size_t)n), 0);
        }
        snprintf(line, sizeof(line), "1..%u\n", count);
        ck_assert_int_eq(tap_feed(tap, line, strlen(line)), 0);
        ck_assert_int_eq(tap_finish(tap, &report), 0);

        ck_assert_uint_eq(result->n_points, RESULT_POINTS_MAX);
        ck_assert_uint_eq(report.n_points, count);
        ck_assert_str_eq(report.reason, "1 of 15000 points failed: 15000 - p");
}
END_TEST

/* A result must fit into a spilled message, whatever is in it. */
START_TEST(long_names_are_bounded_together)
{
        _cleanup_(result_freep) Result *result = NULL;
        _cleanup_(report_done) Report report = {};
        _cleanup_(tap_freep) Tap *tap = NULL;
        char line[2048];
        size_t sum = 0;

        memset(line, 1, sizeof(line)); /* each becomes \x01 */
        memcpy(line, "ok - ", 5);
        line[sizeof(line) - 1] = '\n';
        ck_assert_int_eq(result_new("a", &result), 0);
        ck_assert_int_eq(tap_new(result, &tap), 0);
        for (unsigned i = 0; i < RESULT_POINTS_MAX; i++)
                ck_assert_int_eq(tap_feed(tap, line, sizeof(line)), 0);
        ck_assert_int_eq(tap_finish(tap, &report), 0);

        for (size_t i = 0; i < result->n_points; i++)
                sum += strlen(result->points[i].name);
        ck_assert_uint_le(sum, 4 * MIB);
        ck_assert_uint_gt(sum, 3 * MIB);
        ck_assert_uint_eq(report.n_points, RESULT_POINTS_MAX);
}
END_TEST

static Suite *suite_make(void) {
        Suite *suite = suite_create("worker/tap");
        TCase *files = tcase_create("corpus"), *bounds = tcase_create("bounds");
        _cleanup_free_ char *pattern = NULL;
        const char *data = getenv("PTEST_TEST_DATA");

        if (!data || asprintf(&pattern, "%s/tap/corpus/*.tap", data) < 0 ||
            glob(pattern, 0, NULL, &corpus) != 0) {
                fprintf(stderr, "PTEST_TEST_DATA does not name tests/data\n");
                exit(1);
        }
        suite_add_tcase(suite, files);
        suite_add_tcase(suite, bounds);
        tcase_add_loop_test(files, corpus_file_gives_what_is_expected, 0, (int)corpus.gl_pathc);
        tcase_add_test(bounds, more_points_than_are_kept_are_counted);
        tcase_add_test(bounds, long_names_are_bounded_together);
        return suite;
}

int main(void) {
        int status = suite_run(suite_make());

        globfree(&corpus);
        return status;
}
