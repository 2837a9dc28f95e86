/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/run-file.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "basic/file.h"
#include "basic/strv.h"
#include "record/export.h"
#include "record/run-file-reader.h"
#include "test-rounds.h"
#include "test-runner.h"

static char directory[] = "/tmp/ptest-unit-XXXXXX";
static char path[64];

static void setup(void) {
        ck_assert_ptr_nonnull(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/runs/x.export", directory);
}

static void teardown(void) {
        ck_assert_int_eq(dir_remove(directory), 0);
}

static void write_entry(RunFile *file, const char *value, size_t size) {
        Buffer fields = {};

        export_add_field(&fields, "MESSAGE", "hello", 5);
        export_add_field(&fields, "VALUE", value, size);
        ck_assert_int_eq(run_file_write(file, 1795308767837061, &fields), 0);
        buffer_done(&fields);
}

static void write_file(const char *data, size_t size) {
        FILE *f;

        ck_assert(dir_make(directory, 0700) == 0);
        snprintf(path, sizeof(path), "%s/y.export", directory);
        f = fopen(path, "we");
        ck_assert_ptr_nonnull(f);
        ck_assert_uint_eq(fwrite(data, 1, size, f), size);
        fclose(f);
}

/* The number of entries; their VALUEs joined with commas in values. */
static unsigned read_file(char *values, size_t values_size, size_t *ret_problems) {
        RunFileReader *reader;
        unsigned n = 0;
        char **problems;
        Record *record;

        values[0] = '\0';
        ck_assert_int_eq(run_file_reader_new(path, 0, &reader), 0);
        ck_assert_int_eq(record_new(&record), 0);
        for (;; n++) {
                int r;

                record_reset(record);
                r = run_file_reader_read(reader, record);
                ck_assert_int_ge(r, 0);
                if (r == 0)
                        break;
                strncat(values,
                        record_get(record, "VALUE") ?: "?",
                        values_size - strlen(values) - 2);
                strcat(values, ",");
        }
        problems = run_file_reader_take_problems(reader);
        *ret_problems = strv_length(problems);
        strv_free(problems);
        record_free(record);
        run_file_reader_free(reader);
        return n;
}

START_TEST(run_file_entries_come_back_byte_for_byte)
{
        static const char binary[] = "a\0b\n\nc=\xff";
        char *large = malloc(3000000);
        RunFileReader *reader;
        struct stat st;
        Record *record;
        RunFile *file;

        memset(large, '\n', 3000000);
        ck_assert_int_eq(run_file_new(path, &file), 0);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_mode & 0137, 0);
        write_entry(file, "text", 4);
        write_entry(file, binary, sizeof(binary));
        write_entry(file, large, 3000000);
        write_entry(file, "", 0);
        ck_assert_int_eq(run_file_sync(file), 0);
        run_file_free(file);

        ck_assert_int_eq(run_file_reader_new(path, 0, &reader), 0);
        ck_assert_int_eq(record_new(&record), 0);
        ck_assert_int_eq(run_file_reader_read(reader, record), 1);
        ck_assert_str_eq(record_get(record, "VALUE"), "text");
        ck_assert_str_eq(record_get(record, "__REALTIME_TIMESTAMP"), "1795308767837061");
        ck_assert_ptr_nonnull(record_get(record, "__MONOTONIC_TIMESTAMP"));
        record_reset(record);
        ck_assert_int_eq(run_file_reader_read(reader, record), 1);
        ck_assert_uint_eq(record_find(record, "VALUE")->size, sizeof(binary));
        ck_assert_mem_eq(record_find(record, "VALUE")->data, binary, sizeof(binary));
        record_reset(record);
        ck_assert_int_eq(run_file_reader_read(reader, record), 1);
        ck_assert_uint_eq(record_find(record, "VALUE")->size, 3000000);
        ck_assert_mem_eq(record_find(record, "VALUE")->data, large, 3000000);
        record_reset(record);
        ck_assert_int_eq(run_file_reader_read(reader, record), 1);
        ck_assert_str_eq(record_get(record, "VALUE"), "");
        record_reset(record);
        ck_assert_int_eq(run_file_reader_read(reader, record), 0);
        ck_assert_ptr_null(run_file_reader_take_problems(reader));
        record_free(record);
        run_file_reader_free(reader);
        free(large);
}
END_TEST

START_TEST(run_file_existing_is_not_touched)
{
        RunFile *file, *second;

        ck_assert_int_eq(run_file_new(path, &file), 0);
        ck_assert_int_eq(run_file_new(path, &second), -EEXIST);
        run_file_free(file);
}
END_TEST

/* A limit of the file's size is the nearest that a test can have to a full disk. */
START_TEST(run_file_full_disk_is_told_and_leaves_whole_entries)
{
        char values[200], large[5000];
        Buffer fields = {};
        size_t problems;
        RunFile *file;

        signal(SIGXFSZ, SIG_IGN);
        memset(large, 'x', sizeof(large));
        export_add_field(&fields, "VALUE", large, sizeof(large));
        ck_assert_int_eq(run_file_new(path, &file), 0);
        write_entry(file, "kept", 4);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 3000, 3000 }), 0);
        ck_assert_int_eq(run_file_write(file, 1, &fields), -EFBIG);
        write_entry(file, "after", 5);
        run_file_free(file);
        buffer_done(&fields);
        ck_assert_uint_eq(read_file(values, sizeof(values), &problems), 2);
        ck_assert_str_eq(values, "kept,after,");
        ck_assert_uint_eq(problems, 0);
}
END_TEST

START_TEST(run_file_reader_cut_off_anywhere_reads_what_is_before)
{
        char values[200], *data;
        size_t size, problems;
        RunFile *file;

        ck_assert_int_eq(run_file_new(path, &file), 0);
        write_entry(file, "one", 3);
        write_entry(file, "two\nlines", 9);
        run_file_free(file);
        ck_assert_int_eq(file_read(path, 100000, &data, &size), 0);

        for (size_t cut = 1; cut < size; cut++) {
                unsigned n;

                write_file(data, cut);
                n = read_file(values, sizeof(values), &problems);
                ck_assert_uint_le(n, 1);
                if (n == 1)
                        ck_assert_str_eq(values, "one,");
                /* Just behind the first entry nothing is missing. */
                ck_assert_uint_le(problems, 1);
                ck_assert(problems == 1 || n == 1);
        }
        write_file(data, size);
        ck_assert_uint_eq(read_file(values, sizeof(values), &problems), 2);
        ck_assert_uint_eq(problems, 0);
        free(data);
}
END_TEST

START_TEST(run_file_reader_garbage_is_skipped_to_the_next_entry)
{
        static const char *const garbage[] = {
                "VALUE=lost\nlower=case\nVALUE=x\n\n",
                "no field at all\nVALUE=x\n\n",
                "\x01\xff\x7f\n\n",
                "BIG\n\xff\xff\xff\xff\xff\xff\xff\x7f data\n\n",
                "=empty\n\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(garbage); i++) {
                char data[500], values[200];
                size_t problems;
                int n;

                n = snprintf(data, sizeof(data), "VALUE=one\n\n%s\n\nVALUE=two\n\n", garbage[i]);
                write_file(data, (size_t)n);
                ck_assert_uint_eq(read_file(values, sizeof(values), &problems), 2);
                ck_assert_str_eq(values, "one,two,");
                ck_assert_uint_eq(problems, 1);
        }
}
END_TEST

START_TEST(run_file_reader_random_bytes_end)
{
        uint64_t x = 88172645463325252u;

        for (unsigned round = 0; round < rounds(300); round++) {
                char data[2000], values[20000];
                size_t problems;

                for (size_t i = 0; i < sizeof(data); i++) {
                        x ^= x << 13;
                        x ^= x >> 7;
                        x ^= x << 17;
                        data[i] = "AB=\n\n\0\1x"[x % 8];
                }
                write_file(data, sizeof(data));
                read_file(values, sizeof(values), &problems);
                ck_assert_uint_le(problems, 21);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("record-run-file");
        TCase *tcase = tcase_create("run-file");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, run_file_entries_come_back_byte_for_byte);
        tcase_add_test(tcase, run_file_existing_is_not_touched);
        tcase_add_test(tcase, run_file_full_disk_is_told_and_leaves_whole_entries);
        tcase_add_test(tcase, run_file_reader_cut_off_anywhere_reads_what_is_before);
        tcase_add_test(tcase, run_file_reader_garbage_is_skipped_to_the_next_entry);
        tcase_add_test(tcase, run_file_reader_random_bytes_end);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
