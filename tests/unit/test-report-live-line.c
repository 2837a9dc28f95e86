/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/live-line.h"

#include <stdio.h>
#include <string.h>

#include <check.h>

#include "basic/text.h"
#include "test-runner.h"

static const TerminalRunning running[] = {
        {"gobject/closure",                12 * USEC_PER_SEC },
        { "glib/\xe6\x97\xa5\xe6\x9c\xac", 185 * USEC_PER_SEC},
        { "glib/thread",                   3 * USEC_PER_SEC  },
};

static const TerminalProgress progress = {
        .planned = 1200,
        .reported = 412,
        .bad = 3,
        .remaining_usec = 118 * USEC_PER_SEC,
        .running = running,
        .n_running = 3,
};

static char *draw(const TerminalProgress *p, size_t columns, size_t *ret_columns) {
        Style style;
        Buffer text = {};
        char *s;

        setenv("LC_ALL", "C.UTF-8", 1);
        style_init(&style, -1, COLOR_NEVER);
        live_line_add(&style, &text, p, columns);
        s = buffer_take_string(&text);
        ck_assert_ptr_nonnull(s);
        *ret_columns = style_measure(&style, s);
        style_done(&style);
        return s;
}

START_TEST(live_line_wide_terminal_shows_all)
{
        size_t columns;
        char *s = draw(&progress, 200, &columns);

        ck_assert_str_eq(
                        s,
                        "[412/1200] 3 failed · 3 running: gobject/closure 12s, glib/\xe6\x97\xa5\xe6\x9c\xac 3min 05s, glib/thread 3s · ~2min left");
        free(s);
}
END_TEST

START_TEST(live_line_never_exceeds_its_columns)
{
        for (size_t width = 1; width < 160; width++) {
                size_t columns;
                char *s = draw(&progress, width, &columns);

                ck_assert_uint_le(columns, width);
                ck_assert(text_is_utf8(s, strlen(s)));
                free(s);
        }
}
END_TEST

START_TEST(live_line_cuts_names_before_numbers)
{
        size_t columns;
        char *s = draw(&progress, 63, &columns);

        ck_assert_str_eq(s, "[412/1200] 3 failed · 3 running: gobject/c… 12s, … · ~2min left");
        ck_assert_uint_eq(columns, 63);
        free(s);
        s = draw(&progress, 44, &columns);
        ck_assert_str_eq(s, "[412/1200] 3 failed · 3 running · ~2min left");
        free(s);
}
END_TEST

START_TEST(live_line_without_estimate_and_failures_is_short)
{
        TerminalProgress p = { .planned = 2, .remaining_usec = USEC_INFINITY };
        size_t columns;
        char *s = draw(&p, 80, &columns);

        ck_assert_str_eq(s, "[0/2]");
        free(s);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("report-live-line");
        TCase *tcase = tcase_create("live-line");

        tcase_add_test(tcase, live_line_wide_terminal_shows_all);
        tcase_add_test(tcase, live_line_never_exceeds_its_columns);
        tcase_add_test(tcase, live_line_cuts_names_before_numbers);
        tcase_add_test(tcase, live_line_without_estimate_and_failures_is_short);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
