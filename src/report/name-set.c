/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/name-set.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An allocation that fails leaves the item outside, and the table as it was. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

typedef struct NameSetItem {
        UT_hash_handle hh;
        unsigned n_used; /* the last number that was put behind it */
        char name[];
} NameSetItem;

void name_set_done(NameSet *set) {
        NameSetItem *item, *next;

        HASH_ITER(hh, set->items, item, next) {
                HASH_DEL(set->items, item);
                free(item);
        }
}

static NameSetItem *name_set_find(NameSet *set, const char *name) {
        NameSetItem *item;

        HASH_FIND_STR(set->items, name, item);
        return item;
}

static int name_set_insert(NameSet *set, const char *name) {
        size_t size = strlen(name) + 1;
        NameSetItem *item = malloc(sizeof(NameSetItem) + size);

        if (!item)
                return -ENOMEM;
        item->n_used = 1;
        memcpy(item->name, name, size);
        HASH_ADD_KEYPTR(hh, set->items, item->name, size - 1, item);
        if (!item->hh.tbl) {
                free(item);
                return -ENOMEM;
        }
        return 0;
}

int name_set_add(NameSet *set, const char *name, const char *separator, char **ret) {
        _cleanup_free_ char *free_name = NULL;
        NameSetItem *first;
        int r;

        assert(set);
        assert(name);
        assert(ret);

        first = name_set_find(set, name);
        free_name = strdup(name);
        while (free_name && name_set_find(set, free_name)) {
                free(free_name);
                if (asprintf(&free_name, "%s%s%u", name, separator, ++first->n_used) < 0)
                        free_name = NULL;
        }
        if (!free_name)
                return -ENOMEM;
        r = name_set_insert(set, free_name);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(free_name);
        return 0;
}
