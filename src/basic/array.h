/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Arrays that grow
 *
 * The caller owns the array, and frees it with free(). Both forms see to room for n items in all, of which those
 * that are there stay; the others are not initialised. 0, or -ENOMEM: then the array is what it was, with as much
 * room as it had, and still the caller's. A pointer into the array does not outlive either.
 */

#include <stddef.h>

/*
 * For an array that says in n_allocated, a size_t, how many items it has room for: 0 where there is none. It has at
 * least twice the room whenever it grows. Each argument is evaluated once.
 */
#define array_reserve(items, n_allocated, n)                                                  \
        ({                                                                                    \
                typeof(items) *_items = &(items);                                             \
                size_t *_n_allocated = &(n_allocated), _n = (n);                              \
                void *_larger = *_items;                                                      \
                int _error = 0;                                                               \
                                                                                              \
                if (_n > *_n_allocated)                                                       \
                        _error = array_enlarge(&_larger, _n_allocated, _n, sizeof(**_items)); \
                *_items = _larger;                                                            \
                _error;                                                                       \
        })

/*
 * For a short array that keeps no such number: it asks for the next power of two each time, so that realloc() has
 * nothing to do most of the time. Nothing is assumed of how it was allocated before, but that n includes all items
 * that are there. Each argument is evaluated once.
 */
#define array_fit(items, n)                                                          \
        ({                                                                           \
                typeof(items) *_items = &(items);                                    \
                void *_larger = *_items;                                             \
                int _error = array_enlarge_fitting(&_larger, (n), sizeof(**_items)); \
                                                                                     \
                *_items = _larger;                                                   \
                _error;                                                              \
        })

/* What the two are made of */
int array_enlarge(void **items, size_t *n_allocated, size_t n, size_t item_size);
int array_enlarge_fitting(void **items, size_t n, size_t item_size);
