/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/text.h"
#include "record/buffer.h"
#include "test-report-sample.h"

#include "test-runner.h"

/* A reader of packets that is as simple as it can be, and shares nothing with the writer. */
typedef struct Packet {
        unsigned flags;
        uint32_t seconds, nsec;
        char id[2048], tags[512], mime[64], file[64];
        const unsigned char *content;
        size_t content_size;
} Packet;

static uint32_t sum_bits(const unsigned char *data, size_t size) {
        uint32_t crc = 0xffffffff;

        for (size_t i = 0; i < size; i++) {
                crc ^= data[i];
                for (int bit = 0; bit < 8; bit++)
                        crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
        }
        return ~crc;
}

static uint32_t read_big(const unsigned char **p, unsigned bytes) {
        uint32_t n = 0;

        while (bytes-- > 0)
                n = n << 8 | *(*p)++;
        return n;
}

static uint32_t read_number(const unsigned char **p) {
        unsigned bytes = (**p >> 6) + 1;

        return read_big(p, bytes) & ~(3U << (8 * bytes - 2));
}

static void read_string(const unsigned char **p, char *to, size_t max) {
        uint32_t size = read_number(p);

        ck_assert_uint_lt(size, max);
        memcpy(to, *p, size);
        to[size] = '\0';
        ck_assert(text_is_utf8(to, size));
        *p += size;
}

static void read_packet(const unsigned char **p, const unsigned char *end, Packet *ret) {
        const unsigned char *begin = *p, *sum;
        uint32_t size;

        *ret = (Packet){};
        ck_assert_int_eq(read_big(p, 1), 0xb3);
        ret->flags = read_big(p, 2);
        ck_assert_uint_eq(ret->flags >> 12, 2);
        size = read_number(p);
        ck_assert_uint_le(size, end - begin);
        sum = begin + size - 4;
        if (ret->flags & 0x0200) {
                ret->seconds = read_big(p, 4);
                ret->nsec = read_number(p);
        }
        if (ret->flags & 0x0800)
                read_string(p, ret->id, sizeof(ret->id));
        if (ret->flags & 0x0080)
                for (uint32_t n = read_number(p); n > 0; n--) {
                        char tag[64];

                        read_string(p, tag, sizeof(tag));
                        strcat(ret->tags, tag);
                        strcat(ret->tags, " ");
                }
        if (ret->flags & 0x0020)
                read_string(p, ret->mime, sizeof(ret->mime));
        if (ret->flags & 0x0040) {
                read_string(p, ret->file, sizeof(ret->file));
                ret->content_size = read_number(p);
                ret->content = *p;
                *p += ret->content_size;
        }
        ck_assert_ptr_eq(*p, sum);
        ck_assert_uint_eq(sum_bits(begin, size - 4), read_big(p, 4));
}

/* "id: 2@1 skip …" of each packet, a line each */
static char *describe(void) {
        size_t size;
        char *data = report_read_bytes(&size);
        const unsigned char *p = (const unsigned char *)data, *end = p + size;
        Buffer text = {};

        while (p < end) {
                Packet packet;

                read_packet(&p, end, &packet);
                buffer_addf(&text, "%s: %u", packet.id, packet.flags & 7);
                if (packet.flags & 0x0200)
                        buffer_addf(&text, "@%u.%09u", packet.seconds, packet.nsec);
                if (packet.flags & 0x0080)
                        buffer_addf(&text, " tags %s", packet.tags);
                if (packet.flags & 0x0040)
                        buffer_addf(&text,
                                    " %s(%s) %zu%s",
                                    packet.file,
                                    text_starts_with(packet.mime, "text/plain") ? "text" : "bytes",
                                    packet.content_size,
                                    packet.flags & 0x0010 ? "" : "+");
                buffer_add_string(&text, "\n");
        }
        free(data);
        return buffer_take_string(&text);
}

static void assert_packets(const char *expected) {
        char *text = describe();

        ck_assert_str_eq(text, expected);
        free(text);
}

START_TEST(subunit_tests_have_a_begin_and_one_end)
{
        Reporter *reporter;
        Event *event;

        ck_assert_int_eq(subunit_new(report_path, &reporter), 0);
        emit(reporter, started(3));
        event = tested("a", PTEST_OUTCOME_PASS, NULL);
        event->result->start_usec = 5 * USEC_PER_SEC + 1;
        event->result->duration_usec = 2 * USEC_PER_SEC;
        event->result->slot = 3;
        emit(reporter, event);
        event = tried("b", 1, PTEST_OUTCOME_FAIL, "no");
        event->time_usec = USEC_PER_SEC;
        emit(reporter, event);
        event = tested("b", PTEST_OUTCOME_PASS, NULL);
        event->time_usec = 2 * USEC_PER_SEC;
        event->result->marks = PTEST_MARK_FLAKY;
        event->result->attempt = 2;
        emit(reporter, event);
        event = tested("c", PTEST_OUTCOME_OOM, "1G");
        output_set(&event->result->out, "\xff", 1);
        output_set(&event->result->err, "x\n", 2);
        emit(reporter, event);
        emit(reporter, finished(VERDICT_FAILED));
        reporter_free(reporter);
        assert_packets("a: 2@5.000001000\n"
                       "a: 3@7.000001000 tags worker-3 \n"
                       "b: 2@1.000000000\n"
                       "b: 0 attempt 1: reason(text) 8\n"
                       "b: 2@2.000000000\n"
                       "b: 3@2.000000000 tags flaky \n"
                       "c: 2@0.000000000\n"
                       "c: 0 reason(text) 7\n"
                       "c: 0 stdout(bytes) 1\n"
                       "c: 0 stderr(text) 2\n"
                       "c: 6@0.000000000 tags oom \n");
}
END_TEST

START_TEST(subunit_words_fit_the_outcomes)
{
        Reporter *reporter;

        ck_assert_int_eq(subunit_new(report_path, &reporter), 0);
        emit(reporter, started(4));
        emit(reporter, tested("a", PTEST_OUTCOME_SKIP, "no network"));
        emit(reporter, tested("b", PTEST_OUTCOME_XFAIL, NULL));
        emit(reporter, tested("c", PTEST_OUTCOME_XPASS, NULL));
        emit(reporter, tested("d", PTEST_OUTCOME_NOT_RUN, "fail-fast"));
        emit(reporter, set_up_failed("e", NULL));
        emit(reporter, set_up_failed("e", NULL));
        emit(reporter, finished(VERDICT_MACHINERY_FAILED));
        reporter_free(reporter);
        assert_packets("a: 2@0.000000000\na: 0 reason(text) 10\na: 5@0.000000000\n"
                       "b: 2@0.000000000\nb: 0 reason(text) 5\nb: 7@0.000000000\n"
                       "c: 2@0.000000000\nc: 0 reason(text) 5\nc: 4@0.000000000\n"
                       "d: 2@0.000000000\nd: 0 reason(text) 18\nd: 5@0.000000000 tags not-run \n"
                       "e: 2@0.000000000\ne: 0 reason(text) 4\ne: 6@0.000000000\n"
                       "e #2: 2@0.000000000\ne #2: 0 reason(text) 4\ne #2: 6@0.000000000\n"
                       "(run): 2@0.000000000\n(run): 0 reason(text) 27\n(run): 6@0.000000000 tags error \n");
}
END_TEST

/* Readers let it pass. */
START_TEST(subunit_unexpected_success_alone_is_a_failed_run)
{
        Reporter *reporter;

        ck_assert_int_eq(subunit_new(report_path, &reporter), 0);
        emit(reporter, started(1));
        emit(reporter, tested("c", PTEST_OUTCOME_XPASS, NULL));
        emit(reporter, finished(VERDICT_FAILED));
        reporter_free(reporter);
        assert_packets("c: 2@0.000000000\nc: 0 reason(text) 5\nc: 4@0.000000000\n"
                       "(run): 2@0.000000000\n(run): 0 reason(text) 13\n(run): 6@0.000000000 tags error \n");
}
END_TEST

START_TEST(subunit_much_output_is_in_parts)
{
        Reporter *reporter;
        Event *event = tested("a", PTEST_OUTCOME_PASS, NULL);
        char *data = malloc(600000);

        memset(data, 'x', 600000);
        output_set(&event->result->out, data, 600000);
        free(data);
        ck_assert_int_eq(subunit_new(report_path, &reporter), 0);
        emit(reporter, started(1));
        emit(reporter, event);
        reporter_free(reporter);
        assert_packets("a: 2@0.000000000\n"
                       "a: 0 reason(text) 4\n"
                       "a: 0 stdout(text) 262144+\n"
                       "a: 0 stdout(text) 262144+\n"
                       "a: 0 stdout(text) 75712\n"
                       "a: 3@0.000000000\n");
}
END_TEST

/* The sizes at which the length of a packet, which counts itself, becomes longer */
START_TEST(subunit_lengths_count_themselves)
{
        Reporter *reporter;
        char *text;

        ck_assert_int_eq(subunit_new(report_path, &reporter), 0);
        emit(reporter, started(1));
        for (size_t size = 1; size < 1000; size++) {
                char name[1000];

                memset(name, 'n', size);
                name[size] = '\0';
                emit(reporter, tested(name, PTEST_OUTCOME_PASS, NULL));
        }
        for (size_t size = 16300; size < 16400; size++) {
                Event *event = tested("o", PTEST_OUTCOME_PASS, NULL);
                char data[16400];

                memset(data, 'n', sizeof(data));
                output_set(&event->result->out, data, size);
                emit(reporter, event);
        }
        reporter_free(reporter);
        text = describe();
        free(text);
}
END_TEST

START_TEST(subunit_hostile_results_are_whole_packets)
{
        Reporter *reporter;
        size_t n = 0;
        char *text;

        ck_assert_int_eq(subunit_new(report_path, &reporter), 0);
        emit_hostile_run(reporter, 31, 500);
        reporter_free(reporter);
        text = describe();
        for (const char *p = text; *p; p++)
                n += *p == '\n';
        ck_assert_uint_gt(n, 1000);
        free(text);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("report-subunit");
        TCase *tcase = tcase_create("subunit");

        tcase_add_checked_fixture(tcase, report_set_up, report_tear_down);
        tcase_add_test(tcase, subunit_tests_have_a_begin_and_one_end);
        tcase_add_test(tcase, subunit_words_fit_the_outcomes);
        tcase_add_test(tcase, subunit_unexpected_success_alone_is_a_failed_run);
        tcase_add_test(tcase, subunit_much_output_is_in_parts);
        tcase_add_test(tcase, subunit_lengths_count_themselves);
        tcase_add_test(tcase, subunit_hostile_results_are_whole_packets);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
