/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The private places of tests in suite files: a test's own section and [Match] sections first, then the contexts
 * around it, then [Suite]
 *
 * Tests of a module share its process, and with it TMPDIR and HOME: what is said for all is not for them, and what is said
 * for one of them is refused.
 */

#include <errno.h>
#include <string.h>

#include "basic/parse.h"
#include "loader/problems.h"
#include "loader/suite-keys.h"

#define PLACE_GIVEN(place) ((place) << 2)

_Static_assert(PLACE_GIVEN(PRIVATE_ALL) == (PRIVATE_TMP_GIVEN | PRIVATE_HOME_GIVEN),
               "in the same order");

int suite_file_set_private(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        const unsigned place = strcmp(line->key, "PrivateHome") == 0 ? PRIVATE_HOME : PRIVATE_TMP;
        unsigned *places = &spec->values->private_places;
        bool flag = false;
        int r = *line->value ? parse_bool(line->value, &flag) : 0;

        if (r < 0)
                return r;
        *places &= ~(place | PLACE_GIVEN(place));
        if (flag)
                *places |= place;
        if (*line->value)
                *places |= PLACE_GIVEN(place);
        file->has_private = true;
        return 0;
}

/* Those of them that from gives. */
static unsigned places_take(unsigned places, unsigned from, unsigned which) {
        which &= from >> 2 & PRIVATE_ALL;
        return (places & ~which) | (from & which) | PLACE_GIVEN(which);
}

unsigned private_places_apply(unsigned places, unsigned over) {
        return places_take(places, over, PRIVATE_ALL);
}

static unsigned places_inherit(unsigned places, unsigned under) {
        return places_take(places, under, ~(places >> 2) & PRIVATE_ALL);
}

static unsigned places_resolve(
                const SuiteFile *file, const Suite *suite, uint32_t context, unsigned places) {
        for (; context != CONTEXT_NONE; context = suite->contexts[context - 1]->parent)
                if (context <= file->n_contexts) /* behind them are those of modules */
                        places = places_inherit(
                                        places,
                                        file->contexts[context - 1]->spec->values->private_places);
        return places_inherit(places, file->defaults->values->private_places);
}

int suite_file_resolve_private(const SuiteFile *file, Suite *suite) {
        TestTraits *traits;
        size_t cursor = 0;

        if (!file->has_private)
                return 0;
        while ((traits = test_store_next_traits(suite->store, &cursor))) {
                const unsigned own = traits->private_places;

                if (traits->protocol != TEST_PROTOCOL_MODULE) {
                        traits->private_places = (uint8_t)places_resolve(
                                        file, suite, traits->context, own);
                        continue;
                }
                traits->private_places = 0;
                if (own & PRIVATE_ALL)
                        return problems_add(
                                        file->problems,
                                        file->path,
                                        0,
                                        "PrivateTmp= and PrivateHome= have no meaning for tests of a module, which share "
                                        "its process");
        }
        return 0;
}
