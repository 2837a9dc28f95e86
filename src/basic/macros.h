/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Small macros: cleanup attributes, taking ownership, units
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_       __attribute__((unused))

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))

/* The value of an owning variable, which is left empty. */
#define TAKE_PTR(p)                      \
        ({                               \
                typeof(p) *_pp = &(p);   \
                typeof(p) _value = *_pp; \
                *_pp = NULL;             \
                _value;                  \
        })
#define TAKE_FD(fd)                 \
        ({                          \
                int *_fdp = &(fd);  \
                int _value = *_fdp; \
                *_fdp = -1;         \
                _value;             \
        })

/* A cleanup function for locals of a pointer type, from its free function. */
#define DEFINE_CLEANUP(type, func)             \
        static inline void func##p(type **p) { \
                if (*p)                        \
                        func(*p);              \
        }                                      \
        struct _cleanup_needs_semicolon_

static inline void freep(void *p) {
        free(*(void **)p);
}

#define _cleanup_free_ _cleanup_(freep)

/* Time is uint64_t microseconds. */
#define USEC_PER_MSEC   UINT64_C(1000)
#define USEC_PER_SEC    UINT64_C(1000000)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_INFINITY   UINT64_MAX

/* Sizes are uint64_t bytes. */
#define SIZE_INFINITY UINT64_MAX
#define SIZE_UNKNOWN  UINT64_MAX
#define KIB           UINT64_C(1024)
#define MIB           (KIB * KIB)

static inline uint64_t usec_add(uint64_t a, uint64_t b) {
        return a > USEC_INFINITY - b ? USEC_INFINITY : a + b;
}
