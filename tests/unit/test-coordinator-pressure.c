/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "coordinator/pressure.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "basic/file.h"
#include "basic/strv.h"
#include "test-runner.h"

static char directory[] = "/tmp/ptest-pressure-XXXXXX";

static void file_write(const char *name, const char *text) {
        char path[128];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        f = fopen(path, "we");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_ge(fputs(text, f), 0);
        ck_assert_int_eq(fclose(f), 0);
}

START_TEST(lines_are_told_with_what_they_are_of)
{
        _cleanup_strv_ char **lines = NULL;

        ck_assert_ptr_nonnull(mkdtemp(directory));
        file_write("cpu", "some avg10=1.50 avg60=0.00 avg300=0.00 total=7\n");
        file_write("io",
                   "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
                   "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
        ck_assert_int_eq(pressure_read_at(directory, &lines), 0);
        ck_assert_uint_eq(strv_length(lines), 3);
        ck_assert_str_eq(lines[0], "cpu some avg10=1.50 avg60=0.00 avg300=0.00 total=7");
        ck_assert_str_eq(lines[2], "io full avg10=0.00 avg60=0.00 avg300=0.00 total=0");
        ck_assert_int_eq(dir_remove(directory), 0);
}
END_TEST

START_TEST(without_it_nothing_is_told)
{
        _cleanup_strv_ char **lines = NULL;

        ck_assert_int_eq(pressure_read_at("/does/not/exist", &lines), 0);
        ck_assert_ptr_null(lines);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("coordinator/pressure");
        TCase *tcase = tcase_create("files");

        suite_add_tcase(suite, tcase);
        tcase_add_test(tcase, lines_are_told_with_what_they_are_of);
        tcase_add_test(tcase, without_it_nothing_is_told);
        return suite_run(suite);
}
