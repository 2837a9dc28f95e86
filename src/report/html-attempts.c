/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/html-attempts.h"

#include <errno.h>
#include <string.h>

#include <uthash.h>

#include "report/html-card.h"
#include "report/html-text.h"

/* Attempts that are shown of a test; further ones are counted. */
#define ATTEMPTS_MAX 20U

struct HtmlPending {
        char *address;
        struct {
                uint64_t offset, size;
        } parts[ATTEMPTS_MAX];
        size_t n_parts, n_all;
        UT_hash_handle hh;
};

static HtmlPending *pending_free(HtmlPending *pending) {
        free(pending->address);
        free(pending);
        return NULL;
}
DEFINE_CLEANUP(HtmlPending, pending_free);

int html_attempts_open(HtmlAttempts *attempts, const char *directory) {
        return html_spool_open(&attempts->spool, directory);
}

void html_attempts_done(HtmlAttempts *attempts) {
        HtmlPending *pending, *next;

        HASH_ITER(hh, attempts->pending, pending, next) {
                HASH_DEL(attempts->pending, pending);
                pending_free(pending);
        }
        html_spool_done(&attempts->spool);
}

static int attempts_find_or_add(HtmlAttempts *attempts, const char *address, HtmlPending **ret) {
        _cleanup_(pending_freep) HtmlPending *added = NULL;
        HtmlPending *pending;

        HASH_FIND_STR(attempts->pending, address, pending);
        if (!pending) {
                added = calloc(1, sizeof(*added));
                if (!added)
                        return -ENOMEM;
                added->address = strdup(address);
                if (!added->address)
                        return -ENOMEM;
                pending = TAKE_PTR(added);
                HASH_ADD_KEYPTR(hh,
                                attempts->pending,
                                pending->address,
                                strlen(pending->address),
                                pending);
        }
        *ret = pending;
        return 0;
}

int html_attempts_add(
                HtmlAttempts *attempts, const Result *result, const HtmlOutputLimits *limits) {
        uint64_t begin = html_spool_tell(&attempts->spool);
        HtmlPending *pending;
        int r;

        r = attempts_find_or_add(attempts, result->address, &pending);
        if (r < 0)
                return r;
        if (pending->n_all++ >= ATTEMPTS_MAX)
                return 0;
        html_card_add_attempt(&attempts->spool.buffer, result, limits);
        pending->parts[pending->n_parts].offset = begin;
        pending->parts[pending->n_parts++].size = html_spool_tell(&attempts->spool) - begin;
        return html_spool_flush(&attempts->spool);
}

int html_attempts_take(HtmlAttempts *attempts, const char *address, Buffer *to, size_t *ret_n) {
        _cleanup_(pending_freep) HtmlPending *pending = NULL;
        int r = 0;

        *ret_n = 0;
        HASH_FIND_STR(attempts->pending, address, pending);
        if (!pending)
                return 0;
        HASH_DEL(attempts->pending, pending);
        for (size_t i = 0; i < pending->n_parts && r >= 0; i++)
                r = html_spool_move(
                                &attempts->spool,
                                pending->parts[i].offset,
                                pending->parts[i].size,
                                to);
        if (pending->n_all > pending->n_parts) {
                buffer_add_string(to, "<p class=\"note\">");
                html_add_count(to, pending->n_all - pending->n_parts);
                buffer_add_string(to, " more attempts are left out.</p>\n");
        }
        *ret_n = pending->n_all;
        return r < 0 ? r : buffer_error(to);
}
