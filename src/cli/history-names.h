/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The addresses of several runs, each once, numbered from 0 in the order in which they were met
 */

typedef struct HistoryNames {
        char **names;
        size_t n_names, n_allocated;
        uint32_t *places; /* an open table of numbers, from 1; 0 is an empty place */
        size_t n_places;  /* a power of two */
} HistoryNames;

void history_names_done(HistoryNames *names);

/* The number of a name, which is added if it is not there. */
int history_names_add(HistoryNames *names, const char *name, size_t *ret);
/* False: it is not there. */
bool history_names_find(const HistoryNames *names, const char *name, size_t *ret);
