/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A run is read once, and only results that may be meant are kept. Near addresses are looked for in a second pass, when
 * there is none.
 */

#include "cli/log-find.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/log.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "model/pattern.h"

/* Addresses that are named where a pattern matches several. */
#define CANDIDATES_MAX 20U
/* That many near ones are named where there is none. */
#define NEAREST_MAX    5U
/* Longer addresses are compared as far as that. */
#define ADDRESS_MAX    256U

/* What was found for the address or pattern. */
typedef struct LogMatch {
        Result *exact; /* the test with that very address, in the attempt that is wanted */
        Result *first; /* the first one that the pattern selects */
        char *first_address;
        bool exact_seen;   /* in whatever attempt */
        unsigned attempts; /* the last one that was seen of the exact or first one */
        char **candidates; /* all that it selects, at most CANDIDATES_MAX */
        size_t n_candidates;
        bool ended; /* the run */
} LogMatch;

static void log_match_done(LogMatch *match) {
        result_free(match->exact);
        result_free(match->first);
        free(match->first_address);
        strv_free(match->candidates);
}

static bool attempt_is_wanted(const LogWanted *wanted, const Result *result) {
        return wanted->attempt == 0 || result->attempt == wanted->attempt;
}

static void match_take(Result **kept, Result **result) {
        result_free(*kept);
        *kept = TAKE_PTR(*result);
}

static int match_add_candidate(LogMatch *match, const LogWanted *wanted, Result **result) {
        const char *found = (*result)->address;

        if (match->n_candidates == 0) {
                match->first_address = strdup(found);
                if (!match->first_address)
                        return -ENOMEM;
        } else if (strv_contains(match->candidates, found) &&
                   strcmp(match->first_address, found) != 0)
                return 0;
        if (strcmp(match->first_address, found) == 0) {
                match->attempts = MAX(match->attempts, (*result)->attempt);
                if (match->n_candidates > 0) {
                        if (attempt_is_wanted(wanted, *result))
                                match_take(&match->first, result);
                        return 0;
                }
        }
        match->n_candidates++;
        if (match->n_candidates <= CANDIDATES_MAX) {
                int r = strv_extend(&match->candidates, found);

                if (r < 0)
                        return r;
        }
        if (match->n_candidates == 1 && attempt_is_wanted(wanted, *result))
                match_take(&match->first, result);
        return 0;
}

static int match_add(LogMatch *match, const LogWanted *wanted, bool is_pattern, Result **result) {
        char *const patterns[] = { (char *)wanted->address, NULL };

        if (strcmp((*result)->address, wanted->address) == 0) {
                if (!match->exact_seen)
                        match->attempts = 0;
                match->exact_seen = true;
                match->attempts = MAX(match->attempts, (*result)->attempt);
                if (attempt_is_wanted(wanted, *result))
                        match_take(&match->exact, result);
                return 0;
        }
        if (!is_pattern || match->exact_seen || !pattern_selects(patterns, (*result)->address))
                return 0;
        return match_add_candidate(match, wanted, result);
}

static bool event_has_result(const Event *event) {
        return event->kind == EVENT_TEST_FINISHED || event->kind == EVENT_ATTEMPT_FINISHED ||
                        event->kind == EVENT_FIXTURE_FAILED;
}

static int match_read(LogMatch *match, const LogWanted *wanted, Source *source) {
        bool is_pattern = wanted->address[0] != '!' && pattern_is_valid(wanted->address);

        for (;;) {
                _cleanup_(event_freep) Event *event = NULL;
                int r;

                r = source_read(source, &event);
                if (r <= 0)
                        return r;
                match->ended |= event->kind == EVENT_RUN_FINISHED;
                if (!event_has_result(event))
                        continue;
                r = match_add(match, wanted, is_pattern, &event->result);
                if (r < 0)
                        return r;
        }
}

/* ---- What may have been meant ---- */

typedef struct Near {
        char *address;
        unsigned distance;
} Near;

/* The number of letters to add, drop or change (Levenshtein), case aside; at most max + 1. */
static unsigned address_get_distance(const char *a, const char *b, unsigned max) {
        size_t n = strnlen(a, ADDRESS_MAX), m = strnlen(b, ADDRESS_MAX);
        unsigned row[ADDRESS_MAX + 1];

        if (MAX(n, m) - MIN(n, m) > max)
                return max + 1;
        for (size_t j = 0; j <= m; j++)
                row[j] = (unsigned)j;
        for (size_t i = 0; i < n; i++) {
                unsigned diagonal = row[0], least;

                least = row[0] = (unsigned)i + 1;
                for (size_t j = 0; j < m; j++) {
                        unsigned changed = diagonal + ((a[i] | 0x20) != (b[j] | 0x20));

                        diagonal = row[j + 1];
                        row[j + 1] = MIN(changed, MIN(diagonal, row[j]) + 1);
                        least = MIN(least, row[j + 1]);
                }
                if (least > max)
                        return max + 1;
        }
        return row[m];
}

/* What was written may also be like the last part of an address alone. */
static unsigned address_measure(const char *wanted, const char *address, unsigned max) {
        unsigned best = address_get_distance(wanted, address, max);

        for (const char *p = address; *p && best > 0; p++)
                if (*p == ':' || *p == '/')
                        best = MIN(best, address_get_distance(wanted, p + 1, max));
        return best;
}

/* Into its place among the nearest ones, each of them once. */
static int near_add(Near *nearest, const char *address, unsigned distance) {
        size_t at = NEAREST_MAX;

        for (size_t i = 0; i < NEAREST_MAX; i++) {
                if (nearest[i].address && strcmp(nearest[i].address, address) == 0)
                        return 0;
                if (at == NEAREST_MAX && (!nearest[i].address || nearest[i].distance > distance))
                        at = i;
        }
        if (at == NEAREST_MAX)
                return 0;
        free(nearest[NEAREST_MAX - 1].address);
        memmove(nearest + at + 1, nearest + at, (NEAREST_MAX - 1 - at) * sizeof(Near));
        nearest[at] = (Near){ strdup(address), distance };
        return nearest[at].address ? 0 : -ENOMEM;
}

static int near_find(Source *source, const char *wanted, Near *nearest) {
        /* A third of the letters may be wrong; with more nothing is alike any longer. */
        unsigned max = (unsigned)MIN(strlen(wanted), (size_t)ADDRESS_MAX) / 3 + 1;

        for (;;) {
                _cleanup_(event_freep) Event *event = NULL;
                unsigned distance;
                int r;

                r = source_read(source, &event);
                if (r <= 0)
                        return r;
                if (!event_has_result(event))
                        continue;
                distance = address_measure(wanted, event->result->address, max);
                r = distance <= max ? near_add(nearest, event->result->address, distance) : 0;
                if (r < 0)
                        return r;
        }
}

static void print_address(const char *address) {
        _cleanup_free_ char *safe = text_escape(address, strlen(address));

        fprintf(stderr, "  %s\n", safe ?: "");
}

static void log_nearest(const ReviewOptions *options, const char *wanted) {
        _cleanup_(source_freep) Source *source = NULL;
        ReviewOptions light = *options;
        Near nearest[NEAREST_MAX] = {};

        light.source.skip = SOURCE_WITHOUT_OUTPUT | SOURCE_WITHOUT_LISTS;
        if (review_open(&light, &source) >= 0)
                (void)near_find(source, wanted, nearest);
        if (nearest[0].address)
                fprintf(stderr, "Did you mean:\n");
        for (size_t i = 0; i < NEAREST_MAX; i++) {
                if (nearest[i].address)
                        print_address(nearest[i].address);
                free(nearest[i].address);
        }
}

/* ---- The one that is meant ---- */

static void log_several(const LogMatch *match, const char *address) {
        log_error("\"%s\" matches %zu tests:", address, match->n_candidates);
        strv_for_each(candidate, match->candidates)
                print_address(*candidate);
        if (match->n_candidates > CANDIDATES_MAX)
                fprintf(stderr, "  ... and %zu more\n", match->n_candidates - CANDIDATES_MAX);
}

static int match_get(
                LogMatch *match,
                const ReviewOptions *options,
                const LogWanted *wanted,
                const char *where,
                Result **ret) {
        Result **found = match->exact_seen ? &match->exact : &match->first;

        if (!match->exact_seen && match->n_candidates == 0) {
                log_error("No test matches \"%s\" in %s%s",
                          wanted->address,
                          where,
                          match->ended ? "" :
                                         ", which has no end; --live shows a test that is running");
                log_nearest(options, wanted->address);
                return -ENOENT;
        }
        if (!match->exact_seen && match->n_candidates > 1) {
                log_several(match, wanted->address);
                return -ENOENT;
        }
        if (!*found) {
                log_error("There is no attempt %u at %s: %s%u%s",
                          wanted->attempt,
                          match->exact_seen ? wanted->address : match->first_address,
                          match->attempts == 1 ? "there was " : "there were ",
                          match->attempts,
                          match->attempts == 1 ? " only" : "");
                return -ENOENT;
        }
        *ret = TAKE_PTR(*found);
        return 0;
}

int log_find(const ReviewOptions *options, const LogWanted *wanted, Result **ret) {
        _cleanup_(log_match_done) LogMatch match = {};
        _cleanup_(source_freep) Source *source = NULL;
        int r;

        r = review_open(options, &source);
        if (r < 0)
                return r;
        r = match_read(&match, wanted, source);
        source_log_problems(source);
        if (r < 0)
                return log_error_errno(r, "Failed to read %s: %m", source_get_name(source));
        return match_get(&match, options, wanted, source_get_name(source), ret);
}
