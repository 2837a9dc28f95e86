/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * An open table, with the hash function of uthash, of which less than half is ever taken: 100,000 addresses cost little
 * more than their text.
 */

#include "cli/history-names.h"

#include <errno.h>
#include <string.h>

#include <uthash.h>

#include "basic/macros.h"

void history_names_done(HistoryNames *names) {
        for (size_t i = 0; i < names->n_names; i++)
                free(names->names[i]);
        free(names->names);
        free(names->places);
        *names = (HistoryNames){};
}

/* The place of this name, or the empty one where it is to go. */
static uint32_t *names_find(const HistoryNames *names, const char *name) {
        unsigned hash;

        HASH_JEN(name, strlen(name), hash);
        for (size_t i = hash;; i++) {
                uint32_t *place = names->places + (i & (names->n_places - 1));

                if (*place == 0 || strcmp(names->names[*place - 1], name) == 0)
                        return place;
        }
}

static int names_grow(HistoryNames *names) {
        size_t n = MAX(names->n_allocated * 2, 256U);
        HistoryNames larger = *names;
        char **grown;

        larger.n_places = n * 4;
        larger.places = calloc(larger.n_places, sizeof(uint32_t));
        if (!larger.places)
                return -ENOMEM;
        for (size_t i = 0; i < names->n_names; i++)
                *names_find(&larger, names->names[i]) = (uint32_t)i + 1;
        free(names->places);
        names->places = larger.places;
        names->n_places = larger.n_places;

        grown = realloc(names->names, n * sizeof(char *));
        if (!grown)
                return -ENOMEM;
        names->names = grown;
        names->n_allocated = n;
        return 0;
}

int history_names_add(HistoryNames *names, const char *name, size_t *ret) {
        uint32_t *place;
        char *copy;
        int r;

        if (names->n_names == names->n_allocated) {
                r = names_grow(names);
                if (r < 0)
                        return r;
        }
        place = names_find(names, name);
        if (*place == 0) {
                copy = strdup(name);
                if (!copy)
                        return -ENOMEM;
                names->names[names->n_names++] = copy;
                *place = (uint32_t)names->n_names;
        }
        *ret = *place - 1;
        return 0;
}

bool history_names_find(const HistoryNames *names, const char *name, size_t *ret) {
        uint32_t *place = names->n_names > 0 ? names_find(names, name) : NULL;

        if (!place || *place == 0)
                return false;
        *ret = *place - 1;
        return true;
}
