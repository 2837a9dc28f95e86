/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/source.h"
#include "report/reporter.h"

/*
 * What a page tells of the runs before its own
 *
 * It must be the same when the page is made again later: only runs count that were over before this one began.
 */

typedef struct PageHistory PageHistory;

/* They are looked for where the run of this run file is; NULL: where the options look. */
int page_history_new(const SourceOptions *options, const char *run_file, PageHistory **ret);
PageHistory *page_history_free(PageHistory *history);
DEFINE_CLEANUP(PageHistory, page_history_free);

/* An HtmlHistory; userdata is the PageHistory. */
int page_history_give(
                const Event *started,
                char *const *tests,
                HtmlHistoryRun **ret,
                size_t *ret_n,
                void *userdata);
