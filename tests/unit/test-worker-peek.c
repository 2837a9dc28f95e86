/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker/peek.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <check.h>

#include "basic/fd.h"
#include "test-runner.h"

/* The i-th byte of what is printed: any part of it tells where it is from. */
static char byte_at(uint64_t i) {
        return (char)(i * 7 + i / 251);
}

static char *make_bytes(uint64_t n) {
        char *data = malloc(n + 1);

        ck_assert_ptr_nonnull(data);
        for (uint64_t i = 0; i < n; i++)
                data[i] = byte_at(i);
        return data;
}

static void capture_fill(Capture *capture, uint64_t max, uint64_t total) {
        char *data = make_bytes(total);

        capture_init(capture, max);
        /* In pieces that fit into nothing. */
        for (uint64_t at = 0; at < total; at += 997)
                ck_assert_int_eq(capture_add(capture, data + at, (size_t)MIN(total - at, 997U)), 0);
        free(data);
}

/* What is there is what was printed there, as much as fits, and nothing is counted twice. */
static void assert_stream(const PeekStream *stream, uint64_t from, uint64_t total) {
        size_t wrong = 0;

        ck_assert_uint_eq(stream->total, total);
        ck_assert_uint_eq(stream->from, MIN(from, total));
        ck_assert_uint_le(stream->size, PTEST_PEEK_SIZE_MAX);
        ck_assert_uint_le(stream->head, stream->size);
        ck_assert_uint_le(stream->size, total - stream->from);
        for (size_t i = 0; i < stream->size; i++) {
                uint64_t at = i < stream->head ? stream->from + i : total - (stream->size - i);

                wrong += stream->data[i] != byte_at(at);
        }
        ck_assert_uint_eq(wrong, 0);
}

START_TEST(peek_shows_all_of_a_capture_or_its_ends)
{
        static const uint64_t totals[] = { 0, 1, 99, 100, 101, 150, 199, 200, 201, 5000, 100000 };
        static const uint64_t maxima[] = { 0, 1, 200, 1000000 };

        for (size_t t = 0; t < ELEMENTSOF(totals); t++)
                for (size_t m = 0; m < ELEMENTSOF(maxima); m++) {
                        const uint64_t total = totals[t],
                                       froms[] = { 0, 1, total / 2, total, total + 9 };
                        Capture capture;

                        capture_fill(&capture, maxima[m], total);
                        for (size_t f = 0; f < ELEMENTSOF(froms); f++) {
                                PeekStream stream = { .from = froms[f] };

                                ck_assert_int_eq(peek_capture(&capture, &stream), 0);
                                assert_stream(&stream, froms[f], total);
                                if (maxima[m] >= total && total <= PTEST_PEEK_SIZE_MAX)
                                        ck_assert_uint_eq(stream.size, total - stream.from);
                                /* The end is what one wants to see. */
                                if (maxima[m] > 0 && froms[f] < total)
                                        ck_assert_uint_gt(stream.size, 0);
                                free(stream.data);
                        }
                        capture_done(&capture);
                }
}
END_TEST

START_TEST(peek_at_memory_begins_where_the_test_began)
{
        static const uint64_t totals[] = { 0, 10, 300, 100000 };
        static const uint64_t start = 1234;

        for (size_t t = 0; t < ELEMENTSOF(totals); t++) {
                _cleanup_close_ int fd = memfd_create("peek", MFD_CLOEXEC);
                static const uint64_t froms[] = { 0, 5, 1000000 };
                char *data;

                ck_assert_int_ge(fd, 0);
                ck_assert_int_eq(ftruncate(fd, (off_t)start), 0);
                data = make_bytes(totals[t]);
                ck_assert_int_eq(
                                pwrite(fd, data, (size_t)totals[t], (off_t)start),
                                (ssize_t)totals[t]);
                free(data);
                for (size_t f = 0; f < ELEMENTSOF(froms); f++) {
                        PeekStream stream = { .from = froms[f] };

                        ck_assert_int_eq(peek_memory(fd, start, 256, &stream), 0);
                        assert_stream(&stream, froms[f], totals[t]);
                        /* The middle of more than it keeps may have been punched out. */
                        ck_assert_uint_le(
                                        stream.size, MAX(totals[t] <= 256 ? totals[t] : 256, 256U));
                        free(stream.data);
                }
        }
}
END_TEST

START_TEST(peek_at_memory_that_was_cut_off_shows_what_is_there)
{
        _cleanup_close_ int fd = memfd_create("peek", MFD_CLOEXEC);
        PeekStream stream = {};

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(peek_memory(fd, 4711, 256, &stream), 0);
        ck_assert_uint_eq(stream.total, 0);
        ck_assert_uint_eq(stream.size, 0);
        free(stream.data);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("worker-peek");
        TCase *tcase = tcase_create("peek");

        tcase_add_test(tcase, peek_shows_all_of_a_capture_or_its_ends);
        tcase_add_test(tcase, peek_at_memory_begins_where_the_test_began);
        tcase_add_test(tcase, peek_at_memory_that_was_cut_off_shows_what_is_there);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
