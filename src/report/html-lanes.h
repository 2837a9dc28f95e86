/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "report/html-timeline.h"

/*
 * The picture of a timeline: SVG, a lane for each place
 */

/* As it stands in the timeline's spool */
typedef struct HtmlSpan {
        uint64_t begin, end; /* since the begin of the run */
        uint64_t memory;
        uint32_t slot;
        int32_t outcome;
} HtmlSpan;

int html_lanes_add(Buffer *html, HtmlTimeline *timeline);
