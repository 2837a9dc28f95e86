/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Messages that are not what they should be: each is refused, and nothing is read or written that should not
 * be (which the sanitizers see)
 */

#include "test-wire-sample.h"

#include "wire/packer.h"

#include <errno.h>
#include <sys/resource.h>

#include "test-rounds.h"
#include "test-runner.h"

#define MUTATIONS        200000
#define MUTATIONS_OF_ONE 50

/* ---- Broken by chance ---- */

START_TEST(hostile_truncation_is_refused)
{
        MessageKind kind = (MessageKind)_i;
        Random random = random_new();

        for (unsigned i = 0; i < 20; i++) {
                _cleanup_(message_freep) Message *message = random_message(&random, kind);
                _cleanup_free_ void *data = NULL;
                size_t size;

                ck_assert_int_eq(message_pack(message, &data, &size), 0);
                for (size_t cut = 0; cut < size; cut++) {
                        Message *back = NULL;

                        ck_assert_int_eq(
                                        unpack_exactly(data, cut, PTEST_MESSAGE_SIZE_MAX, &back),
                                        -EBADMSG);
                        ck_assert_ptr_null(back);
                }
        }
}
END_TEST

static size_t mutate(Random *random, uint8_t *data, size_t size, size_t room) {
        for (uint64_t n = 1 + random_below(random, 4); n > 0; n--) {
                size_t at = random_below(random, size);

                switch (random_below(random, 5)) {
                case 0:
                        data[at] = (uint8_t)random_next(random);
                        break;
                case 1:
                        data[at] ^= (uint8_t)(1U << random_below(random, 8));
                        break;
                case 2: /* the types that matter */
                        data[at] = (uint8_t)(0xc0 + random_below(random, 32));
                        break;
                case 3:
                        if (size > 1) {
                                memmove(data + at, data + at + 1, size - at - 1);
                                size--;
                        }
                        break;
                default:
                        if (size < room) {
                                memmove(data + at + 1, data + at, size - at);
                                size++;
                        }
                }
        }
        return size;
}

START_TEST(hostile_mutation_never_crashes)
{
        Random random = random_new();
        unsigned good = 0;

        for (unsigned i = 0; i < rounds(MUTATIONS / MUTATIONS_OF_ONE); i++) {
                _cleanup_(message_freep) Message *message = random_message(
                                &random, (MessageKind)(i % MESSAGE_KIND_MAX));
                _cleanup_free_ void *data = NULL;
                size_t size;

                ck_assert_int_eq(message_pack(message, &data, &size), 0);
                for (unsigned j = 0; j < MUTATIONS_OF_ONE; j++) {
                        _cleanup_(message_freep) Message *back = NULL;
                        _cleanup_free_ uint8_t *mutant = malloc(size + 8);

                        memcpy(mutant, data, size);
                        size_t mutant_size = mutate(&random, mutant, size, size + 8);
                        int r = unpack_exactly(mutant, mutant_size, PTEST_MESSAGE_SIZE_MAX, &back);
                        ck_assert(r == 0 || r == -EBADMSG || r == -EPROTONOSUPPORT);
                        if (r == 0)
                                good++;
                }
        }
        /* Some bytes carry any value; were none or all taken, this would test nothing. */
        ck_assert_uint_gt(good, 0);
        ck_assert_uint_lt(good, MUTATIONS);
}
END_TEST

/* ---- Broken on purpose ---- */

typedef struct Sample {
        const char *name;
        const char *bytes;
        size_t size;
} Sample;

#define SAMPLE(name, literal) \
        { name, literal, sizeof(literal) - 1 }

/* clang-format off */
static const Sample bad_samples[] = {
        SAMPLE("nothing", ""),
        SAMPLE("no map", "\xa3" "bye"),
        SAMPLE("an array", "\x91\xa3" "bye"),
        SAMPLE("empty map", "\x80"),
        SAMPLE("no kind", "\x81\xa1" "x\xa3" "bye"),
        SAMPLE("unknown kind", "\x81\xa1" "k\xa3" "boo"),
        SAMPLE("kind is a number", "\x81\xa1" "k\x01"),
        SAMPLE("kind with NUL", "\x81\xa1" "k\xa4" "bye\x00"),
        SAMPLE("kind is binary", "\x81\xa1" "k\xc4\x03" "bye"),
        SAMPLE("byte after the end", "\x81\xa1" "k\xa3" "bye\x00"),
        SAMPLE("key is a number", "\x82\xa1" "k\xa3" "bye\x01\x01"),
        SAMPLE("key is binary", "\x82\xa1" "k\xa3" "bye\xc4\x01" "x\x01"),
        SAMPLE("kind twice", "\x82\xa1" "k\xa3" "bye\xa1" "k\xa3" "bye"),
        SAMPLE("unknown key twice", "\x83\xa1" "k\xa3" "bye\xa1" "x\x01\xa1" "x\x01"),
        SAMPLE("stop: now is a number", "\x82\xa1" "k\xa4" "stop\xa3" "now\x01"),
        SAMPLE("hello: no version", "\x84\xa1" "k\xa5" "hello\xa1" "w\x01\xa1" "g\x01\xa1" "p\x01"),
        SAMPLE("hello: slot 0", "\x85\xa1" "k\xa5" "hello\xa1" "v\x04\xa1" "w\x00\xa1" "g\x01\xa1" "p\x01"),
        SAMPLE("hello: negative pid", "\x85\xa1" "k\xa5" "hello\xa1" "v\x04\xa1" "w\x01\xa1" "g\x01\xa1" "p\xff"),
        SAMPLE("hello: pid beyond int", "\x85\xa1" "k\xa5" "hello\xa1" "v\x04\xa1" "w\x01\xa1" "g\x01\xa1" "p\xce\x80\x00\x00\x00"),
        SAMPLE("hello: slot is a float", "\x85\xa1" "k\xa5" "hello\xa1" "v\x04\xa1" "w\xca\x3f\x80\x00\x00\xa1" "g\x01\xa1" "p\x01"),
        SAMPLE("cancel: no ids", "\x81\xa1" "k\xa6" "cancel"),
        SAMPLE("cancel: ids is a map", "\x82\xa1" "k\xa6" "cancel\xa3" "ids\x80"),
        SAMPLE("cancel: id 0", "\x82\xa1" "k\xa6" "cancel\xa3" "ids\x91\x00"),
        SAMPLE("spilled: size 0", "\x84\xa1" "k\xa7" "spilled\xa1" "i\x01\xa3" "off\x00\xa2" "sz\x00"),
        SAMPLE("spilled: too large", "\x84\xa1" "k\xa7" "spilled\xa1" "i\x01\xa3" "off\x00\xa2" "sz\xce\x01\x00\x00\x01"),
        SAMPLE("spilled: offset beyond off_t", "\x84\xa1" "k\xa7" "spilled\xa1" "i\x01\xa3" "off\xcf\x80\x00\x00\x00\x00\x00\x00\x00\xa2" "sz\x01"),
        SAMPLE("finished: no id", "\x82\xa1" "k\xa8" "finished\xa1" "o\x00"),
        SAMPLE("finished: no outcome", "\x82\xa1" "k\xa8" "finished\xa1" "i\x01"),
        SAMPLE("finished: outcome 11", "\x83\xa1" "k\xa8" "finished\xa1" "i\x01\xa1" "o\x0b"),
        SAMPLE("finished: unknown mark", "\x84\xa1" "k\xa8" "finished\xa1" "i\x01\xa1" "o\x00\xa1" "m\x10"),
        SAMPLE("found: nothing", "\x83\xa1" "k\xa5" "found\xa1" "i\x01\xa2" "fo\x90"),
        SAMPLE("found: no words", "\x83\xa1" "k\xa5" "found\xa1" "i\x01\xa2" "fo\x91\x90"),
        SAMPLE("found: an empty word", "\x83\xa1" "k\xa5" "found\xa1" "i\x01\xa2" "fo\x91\x91\xa0"),
        SAMPLE("found: a number", "\x83\xa1" "k\xa5" "found\xa1" "i\x01\xa2" "fo\x91\x91\x07"),
        SAMPLE("found: by no task", "\x83\xa1" "k\xa5" "found\xa1" "i\x00\xa2" "fo\x91\x91\xa1" "a"),
        SAMPLE("finished: exit status 256", "\x84\xa1" "k\xa8" "finished\xa1" "i\x01\xa1" "o\x00\xa1" "x\xcd\x01\x00"),
        SAMPLE("finished: signal 65", "\x84\xa1" "k\xa8" "finished\xa1" "i\x01\xa1" "o\x00\xa2" "sg\x41"),
        SAMPLE("finished: reason no UTF-8", "\x84\xa1" "k\xa8" "finished\xa1" "i\x01\xa1" "o\x00\xa1" "r\xa2\xc3\x28"),
        SAMPLE("finished: reason with NUL", "\x84\xa1" "k\xa8" "finished\xa1" "i\x01\xa1" "o\x00\xa1" "r\xa3" "a\x00" "b"),
        SAMPLE("finished: point without name", "\x84\xa1" "k\xa8" "finished\xa1" "i\x01\xa1" "o\x00\xa2" "pt\x91\x92\x00\x01"),
        SAMPLE("finished: point of five", "\x84\xa1" "k\xa8" "finished\xa1" "i\x01\xa1" "o\x00\xa2" "pt\x91\x95\x00\x01\xa1" "a\xa1" "b\xa1" "c"),
        SAMPLE("finished: leaks a string", "\x84\xa1" "k\xa8" "finished\xa1" "i\x01\xa1" "o\x00\xa2" "lk\xa1" "a"),
        SAMPLE("finished: output a number", "\x84\xa1" "k\xa8" "finished\xa1" "i\x01\xa1" "o\x00\xa3" "out\x01"),
        SAMPLE("finished: fewer written than kept", "\x85\xa1" "k\xa8" "finished\xa1" "i\x01\xa1" "o\x00\xa3" "out\xc4\x02" "ab\xa4" "outn\x01"),
        SAMPLE("tasks: none", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x90"),
        SAMPLE("tasks: missing", "\x81\xa1" "k\xa5" "tasks"),
        SAMPLE("task: no map", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x91\x01"),
        SAMPLE("task: no argv", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x91\x82\xa1" "i\x01\xa1" "n\xa1" "a"),
        SAMPLE("task: empty argv", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x91\x83\xa1" "i\x01\xa1" "n\xa1" "a\xa1" "c\x90"),
        SAMPLE("task: empty program", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x91\x83\xa1" "i\x01\xa1" "n\xa1" "a\xa1" "c\x91\xa0"),
        SAMPLE("task: id 0", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x91\x83\xa1" "i\x00\xa1" "n\xa1" "a\xa1" "c\x91\xa1" "a"),
        SAMPLE("task: attempt 0", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x91\x84\xa1" "i\x01\xa1" "n\xa1" "a\xa1" "c\x91\xa1" "a\xa1" "a\x00"),
        SAMPLE("task: address empty", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x91\x83\xa1" "i\x01\xa1" "n\xa0\xa1" "c\x91\xa1" "a"),
        SAMPLE("task: address of two lines", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x91\x83\xa1" "i\x01\xa1" "n\xa3" "a\nb\xa1" "c\x91\xa1" "a"),
        SAMPLE("peek: no id", "\x81\xa1" "k\xa4" "peek"),
        SAMPLE("peeked: head beyond data", "\x84\xa1" "k\xa6" "peeked\xa1" "i\x01\xa4" "outn\x09\xa4" "outh\x01"),
        SAMPLE("peeked: more data than bytes", "\x84\xa1" "k\xa6" "peeked\xa1" "i\x01\xa4" "outn\x01\xa3" "out\xc4\x02" "ab"),
        SAMPLE("peeked: from behind the end", "\x85\xa1" "k\xa6" "peeked\xa1" "i\x01\xa4" "errn\x03\xa4" "errf\x04\xa3" "err\xc4\x01" "a"),
        SAMPLE("task: argument with NUL", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x91\x83\xa1" "i\x01\xa1" "n\xa1" "a\xa1" "c\x91\xc4\x03" "a\x00" "b"),
        SAMPLE("task: relative workdir", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x91\x84\xa1" "i\x01\xa1" "n\xa1" "a\xa1" "c\x91\xa1" "a\xa1" "d\xa1" "x"),
        SAMPLE("task: unknown protocol", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x91\x84\xa1" "i\x01\xa1" "n\xa1" "a\xa1" "c\x91\xa1" "a\xa1" "p\x04"),
        SAMPLE("task: signal 0", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x91\x84\xa1" "i\x01\xa1" "n\xa1" "a\xa1" "c\x91\xa1" "a\xa1" "s\x00"),
        SAMPLE("task: env of three", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x91\x84\xa1" "i\x01\xa1" "n\xa1" "a\xa1" "c\x91\xa1" "a\xa1" "e\x91\x93\x00\xa1" "N\xa1" "v"),
        SAMPLE("task: module by a relative path", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x91\x84\xa1" "i\x01\xa1" "n\xa1" "a\xa1" "c\x92\xa1" "a\xa1" "b\xa1" "p\x04"),
        SAMPLE("task: module without a test", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x91\x84\xa1" "i\x01\xa1" "n\xa1" "a\xa1" "c\x91\xa2" "/a\xa1" "p\x04"),
        SAMPLE("task: env of unknown kind", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x91\x84\xa1" "i\x01\xa1" "n\xa1" "a\xa1" "c\x91\xa1" "a\xa1" "e\x91\x94\x04\xa1" "N\xa1" "v\xa0"),
        SAMPLE("task: env name with =", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x91\x84\xa1" "i\x01\xa1" "n\xa1" "a\xa1" "c\x91\xa1" "a\xa1" "e\x91\x94\x00\xa2" "N=\xa1" "v\xa0"),
};

static const Sample good_samples[] = {
        SAMPLE("bye", "\x81\xa1" "k\xa3" "bye"),
        SAMPLE("unknown keys are skipped", "\x83\xa1" "k\xa3" "bye\xa1" "x\x92\x01\xc4\x01\xff\xa1" "y\xd4\x01\x02"),
        SAMPLE("any order", "\x82\xa3" "now\xc3\xa1" "k\xa4" "stop"),
        SAMPLE("finished", "\x83\xa1" "k\xa8" "finished\xa1" "i\x01\xa1" "o\x0a"),
        SAMPLE("finished: output as str", "\x84\xa1" "k\xa8" "finished\xa1" "i\x01\xa1" "o\x00\xa3" "out\xa2\xff\x00"),
        SAMPLE("task", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x91\x83\xa1" "i\x01\xa1" "n\xa1" "a\xa1" "c\x91\xa1" "a"),
        SAMPLE("task: argument no UTF-8", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x91\x83\xa1" "i\x01\xa1" "n\xa1" "a\xa1" "c\x91\xc4\x02\xc3\x28"),
        SAMPLE("task: env", "\x82\xa1" "k\xa5" "tasks\xa1" "t\x91\x84\xa1" "i\x01\xa1" "n\xa1" "a\xa1" "c\x91\xa1" "a\xa1" "e\x91\x94\x03\xa1" "N\xa1" "v\xa1" ":"),
};
/* clang-format on */

START_TEST(hostile_sample_is_refused)
{
        const Sample *sample = &bad_samples[_i];
        Message *back = NULL;

        int r = unpack_exactly(sample->bytes, sample->size, PTEST_MESSAGE_SIZE_MAX, &back);
        ck_assert_msg(r == -EBADMSG && !back, "%s: %d", sample->name, r);
}
END_TEST

/* What the bad samples are variations of is good: they are refused for what they are named after. */
START_TEST(hostile_sample_without_its_flaw_is_taken)
{
        const Sample *sample = &good_samples[_i];
        _cleanup_(message_freep) Message *back = NULL;

        int r = unpack_exactly(sample->bytes, sample->size, PTEST_MESSAGE_SIZE_MAX, &back);
        ck_assert_msg(r == 0, "%s: %d", sample->name, r);
}
END_TEST

/* A map with one key more than may be, all different */
START_TEST(hostile_number_of_keys_is_refused)
{
        _cleanup_(packer_done) Packer packer;
        _cleanup_free_ void *data = NULL;
        size_t size;

        packer_init(&packer);
        PackerFrame map = packer_open_map(&packer);
        packer_key(&packer, &map, PTEST_KEY_KIND);
        packer_text(&packer, "bye");
        for (unsigned i = 0; i < PTEST_MESSAGE_KEYS_MAX; i++) {
                char key[8];

                snprintf(key, sizeof(key), "x%u", i);
                packer_key(&packer, &map, key);
                packer_uint(&packer, i);
        }
        packer_close(&packer, &map);
        ck_assert_int_eq(packer_finish(&packer, &data, &size), 0);

        Message *back = NULL;
        ck_assert_int_eq(unpack_exactly(data, size, PTEST_MESSAGE_SIZE_MAX, &back), -EBADMSG);
}
END_TEST

START_TEST(hostile_number_of_elements_is_refused)
{
        static const struct {
                const char *kind, *key;
                size_t max;
        } arrays[] = {
                {"cancel",    PTEST_KEY_IDS,    PTEST_TASKS_MAX  },
                { "tasks",    PTEST_KEY_TASKS,  PTEST_TASKS_MAX  },
                { "finished", PTEST_KEY_POINTS, RESULT_POINTS_MAX},
        };

        for (size_t i = 0; i < ELEMENTSOF(arrays); i++) {
                _cleanup_(packer_done) Packer packer;
                _cleanup_free_ void *data = NULL;
                size_t size;

                packer_init(&packer);
                PackerFrame map = packer_open_map(&packer);
                packer_key(&packer, &map, PTEST_KEY_KIND);
                packer_text(&packer, arrays[i].kind);
                packer_key(&packer, &map, PTEST_KEY_ID);
                packer_uint(&packer, 1);
                packer_key(&packer, &map, PTEST_KEY_OUTCOME);
                packer_uint(&packer, 0);
                packer_key(&packer, &map, arrays[i].key);
                PackerFrame array = packer_open_array(&packer);
                for (size_t n = 0; n <= arrays[i].max; n++) {
                        packer_element(&array);
                        packer_uint(&packer, 1);
                }
                packer_close(&packer, &array);
                packer_close(&packer, &map);
                ck_assert_int_eq(packer_finish(&packer, &data, &size), 0);

                Message *back = NULL;
                ck_assert_int_eq(unpack_exactly(data, size, PTEST_SPILL_SIZE_MAX, &back), -EBADMSG);
        }
}
END_TEST

static size_t peak_of_memory(void) {
        struct rusage usage;

        getrusage(RUSAGE_SELF, &usage);
        return (size_t)usage.ru_maxrss * 1024;
}

/* 12 bytes that say they are arrays of four billion elements, and as many as fit of arrays within arrays */
START_TEST(hostile_bomb_takes_no_memory)
{
        _cleanup_free_ char *nested = malloc(PTEST_MESSAGE_SIZE_MAX);
        size_t before = peak_of_memory();
        Message *back = NULL;

        memset(nested, 0x91, PTEST_MESSAGE_SIZE_MAX);
        for (unsigned i = 0; i < 1000; i++) {
                ck_assert_int_eq(
                                message_unpack(nested,
                                               PTEST_MESSAGE_SIZE_MAX,
                                               PTEST_MESSAGE_SIZE_MAX,
                                               &back),
                                -EBADMSG);
                ck_assert_int_eq(
                                message_unpack("\x81\xa1k\xdd\xff\xff\xff\xff",
                                               8,
                                               PTEST_MESSAGE_SIZE_MAX,
                                               &back),
                                -EBADMSG);
                ck_assert_int_eq(
                                message_unpack("\x81\xa1k\xdf\xff\xff\xff\xff",
                                               8,
                                               PTEST_MESSAGE_SIZE_MAX,
                                               &back),
                                -EBADMSG);
                ck_assert_int_eq(
                                message_unpack("\x81\xa1k\xdd\x01\x00\x00\x00",
                                               8,
                                               PTEST_MESSAGE_SIZE_MAX,
                                               &back),
                                -EBADMSG);
        }
        ck_assert_uint_lt(peak_of_memory() - before, 8 * MIB);
}
END_TEST

/* Address space is what msgpack would take at the five bytes of an array; there is none to take here. */
START_TEST(hostile_bomb_takes_no_address_space)
{
#ifdef __SANITIZE_ADDRESS__
        return; /* which needs terabytes of it */
#endif
        struct rlimit limit;
        _cleanup_free_ char *statm = NULL;
        size_t room = 0;
        unsigned long pages;
        FILE *f = fopen("/proc/self/statm", "re");

        ck_assert_ptr_nonnull(f);
        ck_assert_int_gt(getline(&statm, &room, f), 0);
        fclose(f);
        ck_assert_int_eq(sscanf(statm, "%lu", &pages), 1);

        getrlimit(RLIMIT_AS, &limit);
        limit.rlim_cur = pages * (unsigned long)sysconf(_SC_PAGESIZE) + 4 * MIB;
        ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);

        /* With memory that is not there it would be -ENOMEM. */
        Message *back = NULL;
        ck_assert_int_eq(
                        message_unpack("\xdd\x01\x00\x00\x00", 5, PTEST_MESSAGE_SIZE_MAX, &back),
                        -EBADMSG);
        ck_assert_int_eq(
                        message_unpack("\xdf\x01\x00\x00\x00", 5, PTEST_MESSAGE_SIZE_MAX, &back),
                        -EBADMSG);
}
END_TEST

/* Several messages in one packet, which may end anywhere: what is whole before its end is taken, the rest refused. */
START_TEST(hostile_packet_is_taken_up_to_its_flaw)
{
        uint64_t ids[] = { 1, 2, 300 };
        const Message messages[] = {
                {.kind = MESSAGE_BYE       },
                { .kind = MESSAGE_CANCELLED, .cancel = { .ids = ids, .n_ids = 3 } },
                { .kind = MESSAGE_BYE                        },
        };
        char packet[256];
        size_t ends[ELEMENTSOF(messages)], size = 0;

        for (size_t i = 0; i < ELEMENTSOF(messages); i++) {
                _cleanup_free_ void *data = NULL;
                size_t n;

                ck_assert_int_eq(message_pack(&messages[i], &data, &n), 0);
                memcpy(packet + size, data, n);
                ends[i] = size += n;
        }
        for (size_t cut = 0; cut <= size; cut++) {
                _cleanup_free_ char *copy = malloc(MAX(cut, (size_t)1));
                size_t offset = 0, n = 0;

                memcpy(copy, packet, cut);
                for (;;) {
                        _cleanup_(message_freep) Message *message = NULL;
                        const bool whole = n > 0 && ends[n - 1] == cut;
                        int r = message_unpack_next(copy, cut, &offset, &message);

                        if (n < ELEMENTSOF(messages) && cut >= ends[n]) {
                                ck_assert_int_eq(r, 0);
                                ck_assert_int_eq(message->kind, messages[n].kind);
                                ck_assert_uint_eq(offset, ends[n++]);
                                continue;
                        }
                        ck_assert_int_eq(r, whole ? -EAGAIN : -EBADMSG);
                        break;
                }
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("wire/hostile");
        TCase *tcase = tcase_create("hostile");

        tcase_add_loop_test(tcase, hostile_truncation_is_refused, 0, MESSAGE_KIND_MAX);
        tcase_add_test(tcase, hostile_mutation_never_crashes);
        tcase_add_loop_test(tcase, hostile_sample_is_refused, 0, (int)ELEMENTSOF(bad_samples));
        tcase_add_loop_test(
                        tcase,
                        hostile_sample_without_its_flaw_is_taken,
                        0,
                        (int)ELEMENTSOF(good_samples));
        tcase_add_test(tcase, hostile_number_of_keys_is_refused);
        tcase_add_test(tcase, hostile_number_of_elements_is_refused);
        tcase_add_test(tcase, hostile_packet_is_taken_up_to_its_flaw);
        tcase_add_test(tcase, hostile_bomb_takes_no_memory);
        tcase_add_test(tcase, hostile_bomb_takes_no_address_space);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
