/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From text to values and back
 *
 * Sizes and times are computed in integers, so that a value is exact and a round trip changes nothing.
 */
#include "basic/parse.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "basic/macros.h"

#define DIGITS "0123456789"

int parse_bool(const char *s, bool *ret) {
        static const char *const yes[] = { "yes", "true", "on", "1" };
        static const char *const no[] = { "no", "false", "off", "0" };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
                if (strcasecmp(s, yes[i]) == 0) {
                        *ret = true;
                        return 0;
                }
                if (strcasecmp(s, no[i]) == 0) {
                        *ret = false;
                        return 0;
                }
        }
        return -EINVAL;
}

/* Reads digits at *s, at least one. */
static int read_digits(const char **s, uint64_t *ret) {
        size_t length = strspn(*s, DIGITS);
        uint64_t value = 0;

        if (length == 0)
                return -EINVAL;
        for (size_t i = 0; i < length; i++)
                if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
                    __builtin_add_overflow(value, (uint64_t)((*s)[i] - '0'), &value))
                        return -ERANGE;
        *s += length;
        *ret = value;
        return 0;
}

int parse_uint64(const char *s, uint64_t *ret) {
        /* What is not a number at all is -EINVAL, also if it begins with too many digits. */
        if (s[0] == '\0' || s[strspn(s, DIGITS)] != '\0')
                return -EINVAL;
        return read_digits(&s, ret);
}

int parse_unsigned(const char *s, unsigned max, unsigned *ret) {
        uint64_t value;
        int r = parse_uint64(s, &value);

        if (r < 0)
                return r;
        if (value > max)
                return -ERANGE;
        *ret = (unsigned)value;
        return 0;
}

int parse_int(const char *s, int *ret) {
        const bool negative = s[0] == '-';
        uint64_t value;
        int r = parse_uint64(negative || s[0] == '+' ? s + 1 : s, &value);

        if (r < 0)
                return r;
        if (value > (uint64_t)INT_MAX + (negative ? 1 : 0))
                return -ERANGE;
        *ret = (int)(negative ? -(int64_t)value : (int64_t)value);
        return 0;
}

/* Whether all of s is digits, one point, and an exponent; strtod() takes more than people mean. */
static bool factor_is_decimal(const char *s) {
        size_t before = strspn(s, DIGITS), after = 0;

        s += before;
        if (*s == '.') {
                after = strspn(s + 1, DIGITS);
                s += 1 + after;
        }
        if (before + after == 0)
                return false;
        if (*s == 'e' || *s == 'E') {
                s += s[1] == '-' || s[1] == '+' ? 2 : 1;

                size_t exponent = strspn(s, DIGITS);

                if (exponent == 0)
                        return false;
                s += exponent;
        }
        return *s == '\0';
}

int parse_factor(const char *s, double *ret) {
        if (!factor_is_decimal(s))
                return -EINVAL;

        locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);

        if (!c_locale)
                return -errno;

        double value = strtod_l(s, NULL, c_locale);

        freelocale(c_locale);
        if (!isfinite(value))
                return -ERANGE;
        *ret = value;
        return 0;
}

/* A decimal number in two parts: whole, and a fraction of 10^18. */
typedef struct Decimal {
        uint64_t whole;
        uint64_t fraction;
        bool has_point;
} Decimal;

#define FRACTION_DIGITS 18U
#define FRACTION_ONE    UINT64_C(1000000000000000000)

/* Reads "12" or "1.5" at *s. Digits of the fraction that cannot matter are dropped. */
static int read_decimal(const char **s, Decimal *ret) {
        Decimal decimal = {};
        int r = read_digits(s, &decimal.whole);

        if (r < 0)
                return r;
        if (**s == '.') {
                size_t length = strspn(*s + 1, DIGITS);

                if (length == 0)
                        return -EINVAL;
                for (unsigned i = 0; i < FRACTION_DIGITS; i++)
                        decimal.fraction = decimal.fraction * 10 +
                                        (i < length ? (uint64_t)((*s)[1 + i] - '0') : 0);
                decimal.has_point = true;
                *s += 1 + length;
        }
        *ret = decimal;
        return 0;
}

static int decimal_multiply(const Decimal *decimal, uint64_t unit, uint64_t *ret) {
        uint64_t whole,
                        part =
                                        (uint64_t)((unsigned __int128)decimal->fraction * unit /
                                                   FRACTION_ONE);

        if (__builtin_mul_overflow(decimal->whole, unit, &whole) ||
            __builtin_add_overflow(whole, part, ret))
                return -ERANGE;
        return 0;
}

int parse_size(const char *s, uint64_t *ret) {
        static const char units[] = "BKMGTPE";
        Decimal decimal;
        uint64_t value;

        if (strcmp(s, "infinity") == 0) {
                *ret = SIZE_INFINITY;
                return 0;
        }

        size_t number = strspn(s, DIGITS ".");
        const char *unit = s[number] == '\0' ? units : strchr(units, s[number]);

        if (number == 0 || !unit || (s[number] != '\0' && s[number + 1] != '\0'))
                return -EINVAL;

        const char *end = s;
        int r = read_decimal(&end, &decimal);

        if (r < 0)
                return r;
        /* A second point, or a part of a byte */
        if (end != s + number || (decimal.has_point && unit == units))
                return -EINVAL;

        r = decimal_multiply(&decimal, UINT64_C(1) << (10 * (unit - units)), &value);
        if (r < 0)
                return r;
        if (value == SIZE_INFINITY)
                return -ERANGE;
        *ret = value;
        return 0;
}

int parse_memory(const char *s, uint64_t *ret) {
        const long pages = sysconf(_SC_PHYS_PAGES), page_size = sysconf(_SC_PAGESIZE);
        const size_t length = strlen(s);
        double percent;
        int r;

        if (length == 0 || s[length - 1] != '%')
                return parse_size(s, ret);

        _cleanup_free_ char *number = strndup(s, length - 1);

        if (!number)
                return -ENOMEM;
        r = parse_factor(number, &percent);
        if (r < 0)
                return r;
        if (percent > 100 || pages <= 0 || page_size <= 0)
                return -ERANGE;
        *ret = (uint64_t)((double)pages * (double)page_size * percent / 100);
        return 0;
}

/* The units that systemd.time(7) knows; months and years are their mean length. */
static const struct {
        const char *name;
        uint64_t usec;
} time_units[] = {
        {"seconds",  USEC_PER_SEC                 },
        { "second",  USEC_PER_SEC                 },
        { "sec",     USEC_PER_SEC                 },
        { "s",       USEC_PER_SEC                 },
        { "minutes", USEC_PER_MINUTE              },
        { "minute",  USEC_PER_MINUTE              },
        { "min",     USEC_PER_MINUTE              },
        { "m",       USEC_PER_MINUTE              },
        { "msec",    USEC_PER_MSEC                },
        { "ms",      USEC_PER_MSEC                },
        { "hours",   60 * USEC_PER_MINUTE         },
        { "hour",    60 * USEC_PER_MINUTE         },
        { "hr",      60 * USEC_PER_MINUTE         },
        { "h",       60 * USEC_PER_MINUTE         },
        { "days",    24 * 60 * USEC_PER_MINUTE    },
        { "day",     24 * 60 * USEC_PER_MINUTE    },
        { "d",       24 * 60 * USEC_PER_MINUTE    },
        { "weeks",   7 * 24 * 60 * USEC_PER_MINUTE},
        { "week",    7 * 24 * 60 * USEC_PER_MINUTE},
        { "w",       7 * 24 * 60 * USEC_PER_MINUTE},
        { "months",  2629800 * USEC_PER_SEC       },
        { "month",   2629800 * USEC_PER_SEC       },
        { "M",       2629800 * USEC_PER_SEC       },
        { "years",   31557600 * USEC_PER_SEC      },
        { "year",    31557600 * USEC_PER_SEC      },
        { "y",       31557600 * USEC_PER_SEC      },
        { "usec",    1                            },
        { "us",      1                            },
        { "µs",     1                            }, /* U+00B5 */
        { "μs",     1                            }, /* U+03BC */
};

/* Reads a unit at *s, a word that ends at a space, a digit or the end; none is a second. */
static int read_time_unit(const char **s, uint64_t *ret) {
        size_t length = strcspn(*s, " \t" DIGITS);

        if (length == 0) {
                *ret = USEC_PER_SEC;
                return 0;
        }
        for (size_t i = 0; i < ELEMENTSOF(time_units); i++)
                if (strlen(time_units[i].name) == length &&
                    memcmp(time_units[i].name, *s, length) == 0) {
                        *s += length;
                        *ret = time_units[i].usec;
                        return 0;
                }
        return -EINVAL;
}

static size_t count_spaces(const char *s) {
        return strspn(s, " \t");
}

int parse_time(const char *s, uint64_t *ret) {
        uint64_t sum = 0;
        bool too_large = false;

        if (strcmp(s, "infinity") == 0) {
                *ret = USEC_INFINITY;
                return 0;
        }

        do {
                Decimal decimal = {};
                uint64_t unit, usec;
                int r = read_decimal(&s, &decimal);

                if (r == -ERANGE) {
                        /* The rest must still make sense: nonsense is -EINVAL. */
                        too_large = true;
                        s += strspn(s, DIGITS ".");
                } else if (r < 0) {
                        return r;
                }

                size_t spaces = count_spaces(s);

                if (spaces > 0 && s[spaces] == '\0')
                        return -EINVAL;
                s += spaces;
                r = read_time_unit(&s, &unit);
                if (r < 0)
                        return r;
                if (decimal_multiply(&decimal, unit, &usec) < 0 ||
                    __builtin_add_overflow(sum, usec, &sum))
                        too_large = true;

                spaces = count_spaces(s);
                if (spaces > 0 && s[spaces] == '\0')
                        return -EINVAL;
                s += spaces;
        } while (*s != '\0');

        if (too_large || sum == USEC_INFINITY)
                return -ERANGE;
        *ret = sum;
        return 0;
}

static const char *const signal_names[] = {
        [SIGHUP] = "SIGHUP",       [SIGINT] = "SIGINT",   [SIGQUIT] = "SIGQUIT",
        [SIGILL] = "SIGILL",       [SIGTRAP] = "SIGTRAP", [SIGABRT] = "SIGABRT",
        [SIGBUS] = "SIGBUS",       [SIGFPE] = "SIGFPE",   [SIGKILL] = "SIGKILL",
        [SIGUSR1] = "SIGUSR1",     [SIGSEGV] = "SIGSEGV", [SIGUSR2] = "SIGUSR2",
        [SIGPIPE] = "SIGPIPE",     [SIGALRM] = "SIGALRM", [SIGTERM] = "SIGTERM",
#ifdef SIGSTKFLT
        [SIGSTKFLT] = "SIGSTKFLT",
#endif
        [SIGCHLD] = "SIGCHLD",     [SIGCONT] = "SIGCONT", [SIGSTOP] = "SIGSTOP",
        [SIGTSTP] = "SIGTSTP",     [SIGTTIN] = "SIGTTIN", [SIGTTOU] = "SIGTTOU",
        [SIGURG] = "SIGURG",       [SIGXCPU] = "SIGXCPU", [SIGXFSZ] = "SIGXFSZ",
        [SIGVTALRM] = "SIGVTALRM", [SIGPROF] = "SIGPROF", [SIGWINCH] = "SIGWINCH",
        [SIGIO] = "SIGIO",         [SIGPWR] = "SIGPWR",   [SIGSYS] = "SIGSYS",
};

/* The names are constants, so that nobody has to own them. Linux has at most 32 of these signals. */
#define RT(n) "SIGRTMIN+" #n
static const char *const realtime_names[] = {
        "SIGRTMIN", RT(1),  RT(2),  RT(3),  RT(4),  RT(5),  RT(6),  RT(7),  RT(8),  RT(9),  RT(10),
        RT(11),     RT(12), RT(13), RT(14), RT(15), RT(16), RT(17), RT(18), RT(19), RT(20), RT(21),
        RT(22),     RT(23), RT(24), RT(25), RT(26), RT(27), RT(28), RT(29), RT(30), RT(31), RT(32),
};
#undef RT

const char *signal_to_name(int signo) {
        if (signo > 0 && signo < (int)ELEMENTSOF(signal_names) && signal_names[signo])
                return signal_names[signo];
        if (signo >= SIGRTMIN && signo <= SIGRTMAX &&
            signo - SIGRTMIN < (int)ELEMENTSOF(realtime_names))
                return realtime_names[signo - SIGRTMIN];
        /* 32 and 33 are the C library's own. */
        return "unknown signal";
}

/* The rest of a name behind "RTMIN" or "RTMAX": nothing, or a distance. */
static int parse_realtime(const char *rest, int base, int direction, int *ret) {
        unsigned distance = 0;

        if (rest[0] != '\0') {
                if (rest[0] != (direction > 0 ? '+' : '-'))
                        return -EINVAL;

                int r = parse_unsigned(rest + 1, (unsigned)(SIGRTMAX - SIGRTMIN), &distance);

                if (r < 0)
                        return r;
        }
        *ret = base + direction * (int)distance;
        return 0;
}

int parse_signal(const char *s, int *ret) {
        unsigned number;
        int r = parse_unsigned(s, (unsigned)SIGRTMAX, &number);

        if (r == -ERANGE || (r >= 0 && number == 0))
                return -ERANGE;
        if (r >= 0) {
                *ret = (int)number;
                return 0;
        }

        const char *name = strncmp(s, "SIG", 3) == 0 ? s + 3 : s;

        if (strncmp(name, "RTMIN", 5) == 0)
                return parse_realtime(name + 5, SIGRTMIN, 1, ret);
        if (strncmp(name, "RTMAX", 5) == 0)
                return parse_realtime(name + 5, SIGRTMAX, -1, ret);
        for (size_t i = 0; i < ELEMENTSOF(signal_names); i++)
                if (signal_names[i] && strcmp(signal_names[i] + 3, name) == 0) {
                        *ret = (int)i;
                        return 0;
                }
        return -EINVAL;
}

/* "2min 05s", or "2min" if that is exact: most settings are, and then read as they were written. */
static char *format_pair(
                char *buf,
                uint64_t usec,
                uint64_t large,
                const char *large_name,
                uint64_t small,
                const char *small_name) {
        if (usec % large == 0)
                snprintf(buf, FORMAT_MAX, "%ju%s", (uintmax_t)(usec / large), large_name);
        else
                snprintf(buf,
                         FORMAT_MAX,
                         "%ju%s %02ju%s",
                         (uintmax_t)(usec / large),
                         large_name,
                         (uintmax_t)(usec % large / small),
                         small_name);
        return buf;
}

char *format_time(char *buf, uint64_t usec) {
        const uint64_t hour = 60 * USEC_PER_MINUTE, day = 24 * hour;

        if (usec == USEC_INFINITY)
                return strcpy(buf, "infinity");
        if (usec >= day)
                return format_pair(buf, usec, day, "d", hour, "h");
        if (usec >= hour)
                return format_pair(buf, usec, hour, "h", USEC_PER_MINUTE, "min");
        if (usec >= USEC_PER_MINUTE)
                return format_pair(buf, usec, USEC_PER_MINUTE, "min", USEC_PER_SEC, "s");

        if (usec >= USEC_PER_SEC && usec % USEC_PER_SEC != 0)
                snprintf(buf,
                         FORMAT_MAX,
                         "%ju.%jus",
                         (uintmax_t)(usec / USEC_PER_SEC),
                         (uintmax_t)(usec % USEC_PER_SEC / (USEC_PER_SEC / 10)));
        else if (usec >= USEC_PER_SEC || usec == 0)
                snprintf(buf, FORMAT_MAX, "%jus", (uintmax_t)(usec / USEC_PER_SEC));
        else if (usec >= USEC_PER_MSEC)
                snprintf(buf, FORMAT_MAX, "%jums", (uintmax_t)(usec / USEC_PER_MSEC));
        else
                snprintf(buf, FORMAT_MAX, "%juus", (uintmax_t)usec);
        return buf;
}

char *format_size(char *buf, uint64_t bytes) {
        static const char units[] = "BKMGTPE";
        unsigned unit = 0;

        if (bytes == SIZE_INFINITY)
                return strcpy(buf, "infinity");
        while (unit + 2 < sizeof(units) && bytes >> (10 * (unit + 1)) > 0)
                unit++;

        const unsigned shift = 10 * unit;
        const uint64_t whole = bytes >> shift, rest = bytes & ((UINT64_C(1) << shift) - 1);
        const uint64_t tenths = (uint64_t)((unsigned __int128)rest * 10 >> shift);

        if (tenths > 0)
                snprintf(buf,
                         FORMAT_MAX,
                         "%ju.%ju%c",
                         (uintmax_t)whole,
                         (uintmax_t)tenths,
                         units[unit]);
        else
                snprintf(buf, FORMAT_MAX, "%ju%c", (uintmax_t)whole, units[unit]);
        return buf;
}

bool format_local_time(char *buf, uint64_t usec) {
        const time_t seconds = (time_t)(usec / USEC_PER_SEC);
        struct tm tm;

        return usec > 0 && localtime_r(&seconds, &tm) &&
                        strftime(buf, FORMAT_MAX, "%Y-%m-%d %H:%M:%S", &tm) > 0;
}
