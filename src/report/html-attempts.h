/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "report/html-output.h"
#include "report/html-spool.h"

/*
 * Attempts at tests that have not finished yet: they wait in a spool for their test's card, if it gets one
 */

typedef struct HtmlPending HtmlPending;

typedef struct HtmlAttempts {
        HtmlSpool spool;
        HtmlPending *pending; /* by address */
} HtmlAttempts;

int html_attempts_open(HtmlAttempts *attempts, const char *directory);
void html_attempts_done(HtmlAttempts *attempts);

int html_attempts_add(HtmlAttempts *attempts, const Result *result, const HtmlOutputLimits *limits);
/* Those at a test that has finished, as a part of its card, which are then forgotten; and how many there were. */
int html_attempts_take(HtmlAttempts *attempts, const char *address, Buffer *to, size_t *ret_n);
