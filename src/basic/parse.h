/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * From text to values and back
 *
 * Parsers take the whole string (no space around it, no rest after it) and return -EINVAL for what they do
 * not understand, -ERANGE for what does not fit; *ret is then untouched.
 */

/* yes/no, true/false, on/off, 1/0, also in capitals */
int parse_bool(const char *s, bool *ret);
int parse_uint64(const char *s, uint64_t *ret);
int parse_unsigned(const char *s, unsigned max, unsigned *ret);
int parse_int(const char *s, int *ret);
/* A finite decimal number ≥ 0, independent of the locale. */
int parse_factor(const char *s, double *ret);

/* Bytes: "512K", "1G", "1.5M" (base 1024), a plain number, "infinity"; also "12B" */
int parse_size(const char *s, uint64_t *ret);
/* The same, or a percentage of the memory that the machine has: "10%" */
int parse_memory(const char *s, uint64_t *ret);

/* Microseconds: systemd's time spans, "5min 20s", "300ms", "1h", "2.5s"; a plain number is seconds; "infinity" */
int parse_time(const char *s, uint64_t *ret);

/* "SIGINT", "INT", "2", "SIGRTMIN+2" */
int parse_signal(const char *s, int *ret);
/* "SIGINT"; "SIGRTMIN+2"; "unknown signal"; never NULL, never to be freed */
const char *signal_to_name(int signo);

/*
 * For people: "840ms", "12.3s", "2min 05s", "1h 02min", "1d 03h"; "infinity". What is exact has no rest ("30s", "5min"),
 * other values are cut, not rounded. The parsers take what these give. buf has FORMAT_MAX bytes and is returned.
 */
#define FORMAT_MAX 64
char *format_time(char *buf, uint64_t usec);
/* "1.5G", "640K", "12B"; "infinity" */
char *format_size(char *buf, uint64_t bytes);

/* A time of CLOCK_REALTIME as people have it here: "2026-11-22 07:10:05". False: it is not known (0), buf is untouched */
bool format_local_time(char *buf, uint64_t usec);
