/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/parse.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "basic/macros.h"
#include "test-rounds.h"
#include "test-runner.h"

#define HOUR (60 * USEC_PER_MINUTE)
#define DAY  (24 * HOUR)

/* What none of the parsers takes. */
static const char *const garbage[] = {
        "",           " ",         "-",         "+",
        ".",          "x",         "-1s",       "1 2 x",
        "0x10",       "1e",        "1..2",      "1.2.3",
        "1.",         ".K",        "1KK",       "1KiB ",
        " 1s",        "1s ",       "1s\n",      "\t1",
        "nan",        "inf",       "INF",       "-inf",
        "NaN",        "Infinity",  "infinity ", "infinit",
        "infinitys",  "1q",        "1 q",       "\xff",
        "1\xff",      "\xc2\xb5s", "s",         "min",
        "1min x",     "1,5",       "１",        "--1",
        "+-1",        "1-",        "1+",        "99999999999999999999x",
        "SIG",        "SIGFOO",    "sigint",    "SIGINT ",
        "RTMIN+",     "RTMIN-1",   "RTMAX+1",   "SIGRTMIN+-1",
        "SIGRTMIN+x", "SIGRTMINx", "yes ",      "y",
};

START_TEST(parse_garbage_is_einval_and_leaves_the_result)
{
        for (size_t i = 0; i < ELEMENTSOF(garbage); i++) {
                const char *s = garbage[i];
                bool b = true;
                uint64_t u = 11;
                unsigned v = 12;
                int n = 13;
                double d = 14.5;

                ck_assert_msg(parse_bool(s, &b) == -EINVAL, "bool: '%s'", s);
                ck_assert_msg(parse_uint64(s, &u) == -EINVAL, "uint64: '%s'", s);
                ck_assert_msg(parse_unsigned(s, 100, &v) == -EINVAL, "unsigned: '%s'", s);
                ck_assert_msg(parse_int(s, &n) == -EINVAL, "int: '%s'", s);
                if (strcmp(s, "1.") != 0)
                        ck_assert_msg(parse_factor(s, &d) == -EINVAL, "factor: '%s'", s);
                ck_assert_msg(parse_size(s, &u) == -EINVAL, "size: '%s'", s);
                ck_assert_msg(parse_time(s, &u) == -EINVAL, "time: '%s'", s);
                ck_assert_msg(parse_signal(s, &n) == -EINVAL, "signal: '%s'", s);

                ck_assert(b);
                ck_assert_uint_eq(u, 11);
                ck_assert_uint_eq(v, 12);
                ck_assert_int_eq(n, 13);
                ck_assert_double_eq(d, 14.5);
        }
}
END_TEST

/* Random strings of the characters that mean something: an error or a value, never anything else. */
START_TEST(parse_random_text_gives_a_value_or_an_error)
{
        static const char alphabet[] = "0123456789..eE+-KMGTsmin uhdwyINFt SIGRTA\xc2\xb5\xff";
        unsigned seed = 1;

        for (unsigned round = 0; round < rounds(100000); round++) {
                char s[25];
                size_t length = (size_t)rand_r(&seed) % (sizeof(s) - 1);
                bool b = false;
                uint64_t u = 0;
                unsigned v = 0;
                int n = 0;
                double d = 0;

                for (size_t i = 0; i < length; i++)
                        s[i] = alphabet[(size_t)rand_r(&seed) % (sizeof(alphabet) - 1)];
                s[length] = '\0';

                const int results[] = {
                        parse_bool(s, &b), parse_uint64(s, &u), parse_unsigned(s, UINT_MAX, &v),
                        parse_int(s, &n),  parse_factor(s, &d), parse_size(s, &u),
                        parse_time(s, &u), parse_signal(s, &n),
                };

                for (size_t i = 0; i < ELEMENTSOF(results); i++)
                        ck_assert_msg(results[i] == 0 || results[i] == -EINVAL ||
                                                      results[i] == -ERANGE,
                                      "'%s' gives %i",
                                      s,
                                      results[i]);
                ck_assert(isfinite(d) && d >= 0);
        }
}
END_TEST

START_TEST(parse_bool_words)
{
        static const char *const yes[] = { "yes", "true", "on", "1", "Yes", "TRUE" },
                                 *const no[] = { "no", "false", "off", "0", "No", "OFF" };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
                bool value = false;

                ck_assert_int_eq(parse_bool(yes[i], &value), 0);
                ck_assert(value);
                ck_assert_int_eq(parse_bool(no[i], &value), 0);
                ck_assert(!value);
        }
}
END_TEST

START_TEST(parse_memory_takes_percentages)
{
        uint64_t all = 0, half = 0, size = 0;

        ck_assert_int_eq(parse_memory("100%", &all), 0);
        ck_assert_int_eq(parse_memory("50%", &half), 0);
        ck_assert_uint_gt(half, 0);
        ck_assert_uint_le(all - 2 * half, 1);
        ck_assert_int_eq(parse_memory("512M", &size), 0);
        ck_assert_uint_eq(size, UINT64_C(512) << 20);
        ck_assert_int_eq(parse_memory("infinity", &size), 0);
        ck_assert_uint_eq(size, SIZE_INFINITY);

        ck_assert_int_eq(parse_memory("101%", &size), -ERANGE);
        ck_assert_int_eq(parse_memory("%", &size), -EINVAL);
        ck_assert_int_eq(parse_memory("-1%", &size), -EINVAL);
        ck_assert_int_eq(parse_memory("5%%", &size), -EINVAL);
        ck_assert_int_eq(parse_memory("", &size), -EINVAL);
        ck_assert_uint_eq(size, SIZE_INFINITY);
}
END_TEST

START_TEST(parse_integers_at_their_limits)
{
        uint64_t u = 0;
        unsigned v = 0;
        int n = 0;

        ck_assert_int_eq(parse_uint64("18446744073709551615", &u), 0);
        ck_assert_uint_eq(u, UINT64_MAX);
        ck_assert_int_eq(parse_uint64("0000", &u), 0);
        ck_assert_uint_eq(u, 0);
        ck_assert_int_eq(parse_uint64("18446744073709551616", &u), -ERANGE);
        ck_assert_int_eq(parse_uint64("99999999999999999999999999", &u), -ERANGE);

        ck_assert_int_eq(parse_unsigned("10", 10, &v), 0);
        ck_assert_uint_eq(v, 10);
        ck_assert_int_eq(parse_unsigned("11", 10, &v), -ERANGE);
        ck_assert_int_eq(parse_unsigned("4294967296", UINT_MAX, &v), -ERANGE);

        ck_assert_int_eq(parse_int("2147483647", &n), 0);
        ck_assert_int_eq(n, INT_MAX);
        ck_assert_int_eq(parse_int("-2147483648", &n), 0);
        ck_assert_int_eq(n, INT_MIN);
        ck_assert_int_eq(parse_int("+7", &n), 0);
        ck_assert_int_eq(n, 7);
        ck_assert_int_eq(parse_int("-0", &n), 0);
        ck_assert_int_eq(n, 0);
        ck_assert_int_eq(parse_int("2147483648", &n), -ERANGE);
        ck_assert_int_eq(parse_int("-2147483649", &n), -ERANGE);
}
END_TEST

static void check_factor(const char *s, double expected) {
        double value = -1;

        ck_assert_int_eq(parse_factor(s, &value), 0);
        ck_assert_double_eq_tol(value, expected, 1e-12);
}

START_TEST(parse_factor_takes_decimals)
{
        check_factor("0", 0);
        check_factor("1", 1);
        check_factor("2.5", 2.5);
        check_factor(".5", 0.5);
        check_factor("1.", 1);
        check_factor("1e3", 1000);
        check_factor("25E-1", 2.5);
        check_factor("1e+1", 10);

        double value = 7;

        ck_assert_int_eq(parse_factor("1e999", &value), -ERANGE);
        ck_assert_int_eq(parse_factor("0x1p3", &value), -EINVAL);
        ck_assert_int_eq(parse_factor("1e+", &value), -EINVAL);
        ck_assert_int_eq(parse_factor("e3", &value), -EINVAL);
        ck_assert_double_eq(value, 7);
}
END_TEST

/* Where a locale with a decimal comma is installed, it must make no difference. */
START_TEST(parse_and_format_do_not_depend_on_the_locale)
{
        static const char *const names[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8" };
        char buf[FORMAT_MAX];
        uint64_t u = 0;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                if (!setlocale(LC_ALL, names[i]))
                        continue;
                check_factor("2.5", 2.5);
                ck_assert_int_eq(parse_time("2.5s", &u), 0);
                ck_assert_uint_eq(u, 2500000);
                ck_assert_str_eq(format_time(buf, 12300001), "12.3s");
                ck_assert_str_eq(format_size(buf, 3 * MIB / 2), "1.5M");
        }
}
END_TEST

static void check_size(const char *s, uint64_t expected) {
        uint64_t value = 1;

        ck_assert_msg(parse_size(s, &value) == 0, "'%s'", s);
        ck_assert_uint_eq(value, expected);
}

START_TEST(parse_size_units)
{
        check_size("0", 0);
        check_size("12", 12);
        check_size("12B", 12);
        check_size("512K", 512 * KIB);
        check_size("1G", 1024 * MIB);
        check_size("1.5M", MIB + MIB / 2);
        check_size("0.5K", 512);
        check_size("1.0K", 1024);
        check_size("0.0001K", 0);
        check_size("1.99999999999999999999999999K", 2047);
        check_size("1T", 1024 * 1024 * MIB);
        check_size("2P", UINT64_C(2) << 50);
        check_size("15E", UINT64_C(15) << 60);
        check_size("18446744073709551614", UINT64_MAX - 1);
        check_size("infinity", SIZE_INFINITY);
}
END_TEST

START_TEST(parse_size_overflow_is_erange)
{
        static const char *const large[] = {
                "99999999999G",          "16E",
                "18446744073709551615",  "18446744073709551616",
                "18446744073709551615K", "99999999999999999999999G",
        };
        uint64_t value = 5;

        for (size_t i = 0; i < ELEMENTSOF(large); i++)
                ck_assert_msg(parse_size(large[i], &value) == -ERANGE, "'%s'", large[i]);
        ck_assert_int_eq(parse_size("1.5", &value), -EINVAL);
        ck_assert_int_eq(parse_size("1.5B", &value), -EINVAL);
        ck_assert_int_eq(parse_size("1k", &value), -EINVAL);
        ck_assert_int_eq(parse_size("-1K", &value), -EINVAL);
        ck_assert_int_eq(parse_size("1 K", &value), -EINVAL);
        ck_assert_uint_eq(value, 5);
}
END_TEST

static void check_time(const char *s, uint64_t expected) {
        uint64_t value = 1;

        ck_assert_msg(parse_time(s, &value) == 0, "'%s'", s);
        ck_assert_uint_eq(value, expected);
}

START_TEST(parse_time_units)
{
        check_time("0", 0);
        check_time("30", 30 * USEC_PER_SEC);
        check_time("2.5", 2500000);
        check_time("2.5s", 2500000);
        check_time("300ms", 300000);
        check_time("7us", 7);
        check_time("7µs", 7);
        check_time("7μs", 7);
        check_time("1h", HOUR);
        check_time("5min 20s", 5 * USEC_PER_MINUTE + 20 * USEC_PER_SEC);
        check_time("5min20s", 5 * USEC_PER_MINUTE + 20 * USEC_PER_SEC);
        check_time("5 min\t20 s", 5 * USEC_PER_MINUTE + 20 * USEC_PER_SEC);
        check_time("1m", USEC_PER_MINUTE);
        check_time("1M", 2629800 * USEC_PER_SEC);
        check_time("2 hours 3 minutes 4 seconds",
                   2 * HOUR + 3 * USEC_PER_MINUTE + 4 * USEC_PER_SEC);
        check_time("1y 1w 1d", 31557600 * USEC_PER_SEC + 8 * DAY);
        check_time("1min 5", USEC_PER_MINUTE + 5 * USEC_PER_SEC);
        check_time("0.0000001s", 0);
        check_time("infinity", USEC_INFINITY);
}
END_TEST

START_TEST(parse_time_overflow_is_erange)
{
        static const char *const large[] = {
                "18446744073709551615",   "99999999999999999999s",
                "18446744073709551615us", "9999999y",
                "584542y 584542y",        "99999999999999999999 min 1s",
        };
        uint64_t value = 5;

        for (size_t i = 0; i < ELEMENTSOF(large); i++)
                ck_assert_msg(parse_time(large[i], &value) == -ERANGE, "'%s'", large[i]);
        ck_assert_int_eq(parse_time("99999999999999999999 bananas", &value), -EINVAL);
        ck_assert_int_eq(parse_time("1s infinity", &value), -EINVAL);
        ck_assert_int_eq(parse_time("1s -1s", &value), -EINVAL);
        ck_assert_uint_eq(value, 5);
}
END_TEST

START_TEST(parse_signal_takes_names_and_numbers)
{
        static const struct {
                const char *s;
                int signo;
        } cases[] = {
                {"SIGINT", SIGINT },
                { "INT",   SIGINT },
                { "2",     2      },
                { "KILL",  SIGKILL},
                { "64",    64     }
        };
        int signo = 0;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ck_assert_int_eq(parse_signal(cases[i].s, &signo), 0);
                ck_assert_int_eq(signo, cases[i].signo);
        }
        ck_assert_int_eq(parse_signal("SIGRTMIN", &signo), 0);
        ck_assert_int_eq(signo, SIGRTMIN);
        ck_assert_int_eq(parse_signal("RTMIN+2", &signo), 0);
        ck_assert_int_eq(signo, SIGRTMIN + 2);
        ck_assert_int_eq(parse_signal("SIGRTMAX-1", &signo), 0);
        ck_assert_int_eq(signo, SIGRTMAX - 1);
        ck_assert_int_eq(parse_signal("RTMAX", &signo), 0);
        ck_assert_int_eq(signo, SIGRTMAX);

        signo = 7;
        ck_assert_int_eq(parse_signal("0", &signo), -ERANGE);
        ck_assert_int_eq(parse_signal("65", &signo), -ERANGE);
        ck_assert_int_eq(parse_signal("RTMIN+99", &signo), -ERANGE);
        ck_assert_int_eq(parse_signal("-2", &signo), -EINVAL);
        ck_assert_int_eq(signo, 7);
}
END_TEST

START_TEST(signal_to_name_round_trip)
{
        for (int i = -5; i < 200; i++) {
                const char *name = signal_to_name(i);
                int signo = 0;

                ck_assert_ptr_nonnull(name);
                if (i >= 1 && i <= SIGRTMAX && (i < 32 || i >= SIGRTMIN)) {
                        ck_assert_int_eq(parse_signal(name, &signo), 0);
                        ck_assert_int_eq(signo, i);
                } else {
                        ck_assert_str_eq(name, "unknown signal");
                }
        }
        ck_assert_str_eq(signal_to_name(SIGSEGV), "SIGSEGV");
        ck_assert_str_eq(signal_to_name(SIGRTMIN + 2), "SIGRTMIN+2");
}
END_TEST

START_TEST(format_time_reads_well)
{
        static const struct {
                uint64_t usec;
                const char *text;
        } cases[] = {
                {0,                     "0s"       },
                { 1,                    "1us"      },
                { 999,                  "999us"    },
                { 1000,                 "1ms"      },
                { 840 * USEC_PER_MSEC,  "840ms"    },
                { 999999,               "999ms"    },
                { USEC_PER_SEC,         "1s"       },
                { USEC_PER_SEC + 1,     "1.0s"     },
                { 12345678,             "12.3s"    },
                { 30 * USEC_PER_SEC,    "30s"      },
                { 59999999,             "59.9s"    },
                { USEC_PER_MINUTE,      "1min"     },
                { 125 * USEC_PER_SEC,   "2min 05s" },
                { HOUR - 1,             "59min 59s"},
                { HOUR,                 "1h"       },
                { 62 * USEC_PER_MINUTE, "1h 02min" },
                { HOUR + USEC_PER_SEC,  "1h 00min" },
                { DAY - 1,              "23h 59min"},
                { DAY,                  "1d"       },
                { 27 * HOUR,            "1d 03h"   },
                { USEC_INFINITY,        "infinity" },
        };
        char buf[FORMAT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ck_assert_ptr_eq(format_time(buf, cases[i].usec), buf);
                ck_assert_str_eq(buf, cases[i].text);
        }
}
END_TEST

START_TEST(format_size_reads_well)
{
        static const struct {
                uint64_t bytes;
                const char *text;
        } cases[] = {
                {0,               "0B"      },
                { 12,             "12B"     },
                { 1023,           "1023B"   },
                { 1024,           "1K"      },
                { 640 * KIB,      "640K"    },
                { 1536 * MIB,     "1.5G"    },
                { MIB - 1,        "1023.9K" },
                { UINT64_MAX - 1, "15.9E"   },
                { SIZE_INFINITY,  "infinity"},
        };
        char buf[FORMAT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ck_assert_ptr_eq(format_size(buf, cases[i].bytes), buf);
                ck_assert_str_eq(buf, cases[i].text);
        }
}
END_TEST

START_TEST(format_local_time_is_of_the_zone_that_is_set)
{
        char buf[FORMAT_MAX] = "as it was";

        ck_assert_int_eq(setenv("TZ", "XYZ-2", true), 0); /* two hours before UTC */
        tzset();
        ck_assert(!format_local_time(buf, 0));
        ck_assert_str_eq(buf, "as it was");
        ck_assert(format_local_time(buf, UINT64_C(1795324205) * USEC_PER_SEC + 999999));
        ck_assert_str_eq(buf, "2026-11-22 07:10:05");
        ck_assert(format_local_time(buf, UINT64_MAX));
}
END_TEST

/* A number with random length in bits, so that all units come up. */
static uint64_t random_number(unsigned *seed) {
        uint64_t value = 0;

        for (unsigned i = 0; i < 5; i++)
                value = value << 15 ^ (uint64_t)rand_r(seed);
        return value >> (rand_r(seed) % 64);
}

/* What is formatted is parsed to something not above it, and formats to the same again. */
START_TEST(format_round_trip_of_any_value)
{
        unsigned seed = 1;

        for (unsigned round = 0; round < rounds(100000); round++) {
                const uint64_t value = random_number(&seed);
                char buf[FORMAT_MAX], again[FORMAT_MAX];
                uint64_t parsed = 0;

                format_time(buf, value);
                ck_assert_msg(parse_time(buf, &parsed) == 0, "'%s'", buf);
                ck_assert_uint_le(parsed, value);
                ck_assert_uint_ge(parsed, value - value / 2);
                /* A rest of zero is not written for what is exact: "1h" instead of "1h 00min". */
                uint64_t twice = 0;

                ck_assert_int_eq(parse_time(format_time(again, parsed), &twice), 0);
                ck_assert_uint_eq(twice, parsed);

                format_size(buf, value);
                ck_assert_msg(parse_size(buf, &parsed) == 0, "'%s'", buf);
                ck_assert_uint_le(parsed, value);
                ck_assert_uint_ge(parsed, value - value / 8);
        }
}
END_TEST

/* Times of whole units are what settings are made of: they survive exactly. */
START_TEST(format_time_round_trip_of_settings_is_exact)
{
        static const uint64_t units[] = {
                1, USEC_PER_MSEC, USEC_PER_SEC, USEC_PER_MINUTE, HOUR, DAY
        };
        static const uint64_t limits[] = { 1000, 1000, 60, 60, 24, 100 };
        char buf[FORMAT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                for (uint64_t n = 0; n < limits[i]; n++)
                        check_time(format_time(buf, n * units[i]), n * units[i]);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("basic-parse");
        TCase *tcase = tcase_create("parse");

        tcase_add_test(tcase, parse_garbage_is_einval_and_leaves_the_result);
        tcase_add_test(tcase, parse_random_text_gives_a_value_or_an_error);
        tcase_add_test(tcase, parse_bool_words);
        tcase_add_test(tcase, parse_integers_at_their_limits);
        tcase_add_test(tcase, parse_memory_takes_percentages);
        tcase_add_test(tcase, parse_factor_takes_decimals);
        tcase_add_test(tcase, parse_and_format_do_not_depend_on_the_locale);
        tcase_add_test(tcase, parse_size_units);
        tcase_add_test(tcase, parse_size_overflow_is_erange);
        tcase_add_test(tcase, parse_time_units);
        tcase_add_test(tcase, parse_time_overflow_is_erange);
        tcase_add_test(tcase, parse_signal_takes_names_and_numbers);
        tcase_add_test(tcase, signal_to_name_round_trip);
        tcase_add_test(tcase, format_time_reads_well);
        tcase_add_test(tcase, format_size_reads_well);
        tcase_add_test(tcase, format_local_time_is_of_the_zone_that_is_set);
        tcase_add_test(tcase, format_round_trip_of_any_value);
        tcase_add_test(tcase, format_time_round_trip_of_settings_is_exact);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
