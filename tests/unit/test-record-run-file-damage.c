/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/run-file-reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "basic/file.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "record/entry-sum.h"
#include "record/export.h"
#include "record/run-file-input.h"
#include "record/run-file.h"
#include "record/source.h"
#include "test-record-sample.h"
#include "test-rounds.h"
#include "test-runner.h"

#define ENTRIES    400U
#define LARGE      200U /* this one takes several frames */
#define LARGE_SIZE 1300000U

static char directory[] = "/tmp/ptest-unit-XXXXXX";
static char path[80], damaged[80];
static char *values[ENTRIES];
static size_t sizes[ENTRIES];

/* What entry i has as its value: text, bytes, and what looks like an entry of its own. */
static char *make_value(unsigned i, size_t *ret_size) {
        static const char forged[] = "\n\nMESSAGE=hello\nNUMBER=7\nVALUE=forged\n\n";
        size_t size = i == LARGE ? LARGE_SIZE : 30 + i * 37 % 3000;
        char *value = malloc(size + sizeof(forged));

        ck_assert_ptr_nonnull(value);
        sample_seed(i + 1);
        for (size_t k = 0; k < size; k++)
                value[k] = (char)(sample_random() % (i % 2 ? 3 : 256));
        memcpy(value + size / 2, forged, sizeof(forged) - 1);
        *ret_size = size;
        return value;
}

/* A run file of its own for each test, closed and compressed or not. */
static void make_file(bool compressed) {
        RunFile *file;

        snprintf(path, sizeof(path), "%s/x.export", directory);
        ck_assert_int_eq(run_file_new(path, &file), 0);
        for (unsigned i = 0; i < ENTRIES; i++) {
                Buffer fields = {};

                buffer_addf(&fields, "MESSAGE=hello\nNUMBER=%u\n", i);
                export_add_field(&fields, "VALUE", values[i], sizes[i]);
                ck_assert_int_eq(run_file_write(file, i, &fields), 0);
                buffer_done(&fields);
        }
        if (compressed) {
                ck_assert_int_eq(run_file_finish(file), 0);
                ck_assert_int_eq(access(path, F_OK), -1);
                snprintf(path, sizeof(path), "%s", run_file_get_path(file));
        }
        run_file_free(file);
        snprintf(damaged, sizeof(damaged), "%s/%s", directory, compressed ? "y.zst" : "y.export");
}

static void setup(void) {
        ck_assert_ptr_nonnull(mkdtemp(directory));
        for (unsigned i = 0; i < ENTRIES; i++)
                values[i] = make_value(i, &sizes[i]);
/* Whatever a damaged length says, memory stays bounded. */
#if !defined(__SANITIZE_ADDRESS__)
        ck_assert_int_eq(
                        setrlimit(RLIMIT_AS,
                                  &(struct rlimit){ UINT64_C(1) << 29, UINT64_C(1) << 29 }),
                        0);
#endif
}

static void teardown(void) {
        ck_assert_int_eq(dir_remove(directory), 0);
        for (unsigned i = 0; i < ENTRIES; i++)
                free(values[i]);
}

static void write_damaged(const char *data, size_t size) {
        FILE *f = fopen(damaged, "we");

        ck_assert_ptr_nonnull(f);
        ck_assert_uint_eq(fwrite(data, 1, size, f), size);
        fclose(f);
}

/* The number of the entry, which is checked to be as it was written. */
static unsigned check_entry(const Record *record) {
        const RecordField *value = record_find(record, "VALUE");
        const char *number = record_get(record, "NUMBER");
        unsigned i = 0;

        ck_assert_ptr_nonnull(value);
        ck_assert_ptr_nonnull(number);
        ck_assert_int_eq(parse_unsigned(number, ENTRIES - 1, &i), 0);
        ck_assert_str_eq(record_get(record, "MESSAGE"), "hello");
        ck_assert_uint_eq(value->size, sizes[i]);
        ck_assert_mem_eq(value->data, values[i], sizes[i]);
        return i;
}

/* How many entries are lost; all others come in their order, as they were written, and what is lost is told. */
static unsigned read_damaged(size_t *ret_problems) {
        unsigned n = 0, next = 0;
        RunFileReader *reader;
        char **problems;
        Record *record;
        int r;

        ck_assert_int_eq(run_file_reader_new(damaged, 0, &reader), 0);
        ck_assert_int_eq(record_new(&record), 0);
        while ((r = run_file_reader_read(reader, record)) > 0) {
                unsigned i = check_entry(record);

                ck_assert_uint_ge(i, next);
                next = i + 1;
                n++;
                record_reset(record);
        }
        ck_assert_int_eq(r, 0);
        problems = run_file_reader_take_problems(reader);
        *ret_problems = strv_length(problems);
        strv_for_each(problem, problems)
                ck_assert_ptr_nonnull(strstr(*problem, damaged));
        strv_free(problems);
        record_free(record);
        run_file_reader_free(reader);
        return ENTRIES - n;
}

static void flip_bits(bool compressed, unsigned lost_max) {
        size_t size, problems, total = 0;
        char *data;

        make_file(compressed);
        ck_assert_int_eq(file_read(path, 100000000, &data, &size), 0);
        write_damaged(data, size);
        ck_assert_uint_eq(read_damaged(&problems), 0);
        ck_assert_uint_eq(problems, 0);

        for (unsigned round = 0; round < rounds(80); round++) {
                size_t at;
                unsigned lost;

                /* Half of them near the ends, where the markers and the first fields are. */
                sample_seed(1000 + round);
                at = sample_random() % size;
                if (round % 4 == 0)
                        at = sample_random() % 700;
                else if (round % 4 == 1)
                        at = size - 1 - sample_random() % 700;
                data[at] ^= (char)(1 << (round % 8));
                write_damaged(data, size);
                data[at] ^= (char)(1 << (round % 8));

                lost = read_damaged(&problems);
                ck_assert_msg(lost <= lost_max, "byte %zu: %u are lost", at, lost);
                ck_assert_msg(problems > 0 || lost == 0, "byte %zu: %u are lost, untold", at, lost);
                total += lost;
        }
        ck_assert_uint_gt(total, 0);
        free(data);
}

START_TEST(damage_of_a_bit_costs_an_entry)
{ flip_bits(false, 2); }
END_TEST

/* The frame with the entries before the large one, or those after it; each about as many */
START_TEST(damage_of_a_bit_costs_what_is_in_a_compressed_frame)
{ flip_bits(true, ENTRIES * 6 / 10); }
END_TEST

static void cut_off(bool compressed) {
        size_t size, problems;
        char *data;

        make_file(compressed);
        ck_assert_int_eq(file_read(path, 100000000, &data, &size), 0);
        for (unsigned round = 0; round < rounds(40); round++) {
                size_t cut;
                unsigned lost;

                sample_seed(2000 + round);
                cut = round < 10 ? round * 7 : sample_random() % size;
                write_damaged(data, cut);
                lost = read_damaged(&problems);
                /* An empty file, or one that ends between two entries, is not known to be cut off. */
                ck_assert_msg(problems > 0 || cut == 0 || !compressed || lost == 0,
                              "cut at %zu of %zu: %u are lost, untold",
                              cut,
                              size,
                              lost);
                if (cut > 0)
                        ck_assert_msg(problems > 0, "cut at %zu", cut);
        }
        free(data);
}

START_TEST(damage_by_cutting_off_leaves_what_is_before)
{ cut_off(false); }
END_TEST

START_TEST(damage_by_cutting_off_a_compressed_file_leaves_what_is_before)
{ cut_off(true); }
END_TEST

START_TEST(damage_of_whole_blocks_leaves_the_rest)
{
        size_t size, problems;
        char *data;

        for (unsigned round = 0; round < 20; round++) {
                size_t at;

                if (round % 10 == 0) {
                        make_file(round > 0);
                        ck_assert_int_eq(file_read(path, 100000000, &data, &size), 0);
                        (void)unlink(path);
                }
                sample_seed(3000 + round);
                at = sample_random() % (size - 4096);
                memset(data + at, round % 2 ? 0 : (int)(sample_random() % 256), 4096);
                write_damaged(data, size);
                ck_assert_uint_lt(read_damaged(&problems), ENTRIES);
                ck_assert_uint_gt(problems, 0);
                if (round % 10 == 9)
                        free(data);
        }
}
END_TEST

START_TEST(damage_of_the_checksums_name_is_not_believed)
{
        size_t size, problems;
        char *data, *name;

        make_file(false);
        ck_assert_int_eq(file_read(path, 100000000, &data, &size), 0);
        name = memmem(data, size, "\nPTEST_CHECKSUM=", 16);
        ck_assert_ptr_nonnull(name);
        name[3] ^= 1;
        /* With it a line is joined to the one before it. */
        name[0] ^= 1;
        write_damaged(data, size);
        ck_assert_uint_eq(read_damaged(&problems), 1);
        ck_assert_uint_eq(problems, 1);
        free(data);
}
END_TEST

START_TEST(run_file_last_entry_is_found_without_the_others)
{
        RunFileReader *reader;
        Record *record;

        make_file(true);
        ck_assert_int_eq(record_new(&record), 0);
        ck_assert_int_eq(run_file_reader_new(path, SOURCE_WITHOUT_OUTPUT, &reader), 0);
        ck_assert_int_eq(run_file_reader_read(reader, record), 1);
        ck_assert_uint_eq(check_entry(record), 0);
        ck_assert_int_eq(run_file_reader_seek_last(reader), 1);
        record_reset(record);
        ck_assert_int_eq(run_file_reader_read(reader, record), 1);
        ck_assert_uint_eq(check_entry(record), ENTRIES - 1);
        record_reset(record);
        ck_assert_int_eq(run_file_reader_read(reader, record), 0);
        ck_assert_ptr_null(run_file_reader_take_problems(reader));
        run_file_reader_free(reader);

        make_file(false);
        ck_assert_int_eq(run_file_reader_new(path, 0, &reader), 0);
        ck_assert_int_eq(run_file_reader_seek_last(reader), 0);
        ck_assert_int_eq(run_file_reader_read(reader, record), 1);
        ck_assert_uint_eq(check_entry(record), 0);
        run_file_reader_free(reader);
        record_free(record);
}
END_TEST

START_TEST(entry_sum_is_the_same_however_it_is_cut)
{
        char data[100];
        EntrySum whole;

        for (size_t i = 0; i < sizeof(data); i++)
                data[i] = (char)(i * 7);
        entry_sum_init(&whole);
        entry_sum_add(&whole, data, sizeof(data));
        for (size_t a = 0; a <= sizeof(data); a++)
                for (size_t b = a; b <= sizeof(data); b += 3) {
                        EntrySum sum;

                        entry_sum_init(&sum);
                        entry_sum_add(&sum, data, a);
                        entry_sum_add(&sum, data + a, b - a);
                        entry_sum_add(&sum, data + b, sizeof(data) - b);
                        ck_assert_uint_eq(entry_sum_get(&sum), entry_sum_get(&whole));
                }
        for (size_t bit = 0; bit < sizeof(data) * 8; bit++) {
                EntrySum sum;

                data[bit / 8] ^= (char)(1 << (bit % 8));
                entry_sum_init(&sum);
                entry_sum_add(&sum, data, sizeof(data));
                ck_assert_uint_ne(entry_sum_get(&sum), entry_sum_get(&whole));
                data[bit / 8] ^= (char)(1 << (bit % 8));
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("record-run-file-damage");
        TCase *tcase = tcase_create("damage");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, damage_of_a_bit_costs_an_entry);
        tcase_add_test(tcase, damage_of_a_bit_costs_what_is_in_a_compressed_frame);
        tcase_add_test(tcase, damage_by_cutting_off_leaves_what_is_before);
        tcase_add_test(tcase, damage_by_cutting_off_a_compressed_file_leaves_what_is_before);
        tcase_add_test(tcase, damage_of_whole_blocks_leaves_the_rest);
        tcase_add_test(tcase, damage_of_the_checksums_name_is_not_believed);
        tcase_add_test(tcase, run_file_last_entry_is_found_without_the_others);
        tcase_add_test(tcase, entry_sum_is_the_same_however_it_is_cut);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
