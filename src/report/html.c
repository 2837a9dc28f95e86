/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One page for people, complete in itself
 *
 * What it looks like stands in html/, from which the build makes pieces of text; this writes the run between them.
 * Counts stand before what they count, so that nothing can be written before the run is over: until then rows and cards
 * wait in spools, and memory does not grow with the output of tests. The file takes its name only when it is complete.
 *
 * It needs no script to be read: scripts add search, sorting and keys. All text goes through html-text.h, and the page's
 * own policy allows its two scripts and its style only: should something of a test get through, nothing executes it.
 */

#include "report/reporter.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/strv.h"
#include "report/html-attempts.h"
#include "report/html-cards.h"
#include "report/html-page.h"
#include "report/html-summary.h"
#include "report/html-text.h"
#include "report/report-file.h"

/* Of output in each card; less when the page has grown, and less again. At the end there are no more cards. */
#define HTML_FULL       (12U * 1024U * 1024U)
#define HTML_FULLER     (18U * 1024U * 1024U)
#define HTML_OVERFULL   (24U * 1024U * 1024U)
/* Cards that are open */
#define HTML_CARDS_OPEN 3U
/* A reason in the list of all tests */
#define HTML_REASON_MAX 300U
/* Tests of which it is told what came of them in earlier runs */
#define HTML_PAST_MAX   500U
/* What JSON's numbers can hold */
#define HTML_NUMBER_MAX (UINT64_C(1) << 53)

typedef struct Html {
        Reporter reporter;
        char *path;
        char *temporary_path; /* NULL: there is no such file */
        char *directory;      /* of spools */
        int fd;
        Event *started;
        HtmlHistory history;
        void *history_userdata;
        char **asked; /* the addresses of tests whose past is asked for */
        size_t n_asked;

        HtmlTimeline timeline;
        HtmlCards failures, noteworthy;
        HtmlAttempts attempts;
        HtmlSpool rows, data;
        HtmlRanking slowest, hungriest;
        HtmlSummary summary;
} Html;

/* ---- Cards ---- */

static uint64_t html_get_cards_size(const Html *html) {
        return html_spool_tell(&html->failures.spool) + html_spool_tell(&html->noteworthy.spool);
}

static HtmlOutputLimits html_get_limits(const Html *html) {
        uint64_t written = html_get_cards_size(html);

        if (written < HTML_FULL)
                return (HtmlOutputLimits){ .head = 4 * KIB, .tail = 24 * KIB };
        if (written < HTML_FULLER)
                return (HtmlOutputLimits){ .head = 256, .tail = 1 * KIB };
        return (HtmlOutputLimits){};
}

static int html_add_attempt(Html *html, const Result *result) {
        HtmlOutputLimits limits = html_get_limits(html);
        int r = html_timeline_add_result(&html->timeline, result);

        /* There are many of those, if the test is in question at all. */
        limits.head /= 4;
        limits.tail /= 4;
        return r < 0 ? r : html_attempts_add(&html->attempts, result, &limits);
}

/* SIZE_MAX: enough were asked for. */
static int html_ask_past(Html *html, const Event *event, size_t *ret) {
        int r;

        *ret = SIZE_MAX;
        if (!html->history || html->n_asked == HTML_PAST_MAX || event->kind == EVENT_FIXTURE_FAILED)
                return 0;
        r = strv_extend(&html->asked, event->result->address);
        if (r >= 0)
                *ret = html->n_asked++;
        return r;
}

/* *ret_number is SIZE_MAX where the page has no room for it. */
static int html_add_card(
                Html *html,
                HtmlCards *cards,
                const Event *event,
                const Buffer *attempts,
                size_t *ret_number) {
        HtmlCard card = {
                .result = event->result,
                .run_id = html->summary.run_id,
                .fixture = event->kind == EVENT_FIXTURE_FAILED,
                .open = cards == &html->failures && cards->n_cards < HTML_CARDS_OPEN,
                .number = html->failures.n_cards + html->noteworthy.n_cards + 1,
                .limits = html_get_limits(html),
                .attempts = attempts->data,
                .attempts_size = attempts->size,
        };
        size_t test;
        int r;

        *ret_number = SIZE_MAX;
        if (html_get_cards_size(html) > HTML_OVERFULL) {
                cards->n_all++;
                return 0;
        }
        r = html_ask_past(html, event, &test);
        if (r < 0)
                return r;
        *ret_number = card.number;
        return html_cards_add(cards, &card, test);
}

/* What has not failed, but is more than a line in the list. */
static bool result_is_noteworthy(const Result *result, size_t n_attempts) {
        return (result->marks & (PTEST_MARK_FLAKY | PTEST_MARK_LEAKY | PTEST_MARK_DIRTY)) ||
                        (n_attempts > 0 && result->outcome != PTEST_OUTCOME_PASS);
}

/* ---- The list of all tests ---- */

static void html_add_row(Html *html, const Result *result) {
        Buffer *rows = &html->rows.buffer;
        const char *outcome = outcome_to_string(result->outcome);

        buffer_addf(rows,
                    "<tr><td class=\"%s\">%s<td>",
                    outcome_to_class(result->outcome),
                    outcome);
        html_add_string(rows, result->address);
        html_add_marks(rows, result->marks);
        if (result->reason) {
                buffer_add_string(rows, "<small>");
                html_add_text(rows, result->reason, strnlen(result->reason, HTML_REASON_MAX));
                buffer_add_string(rows, "</small>");
        }
        if (result->start_usec == 0) {
                buffer_add_string(rows, "<td><td><td><td>\n");
                return;
        }
        buffer_add_string(rows, "<td>");
        html_add_duration(rows, result->duration_usec);
        buffer_add_string(rows, "<td>");
        html_add_duration(rows, usec_add(result->cpu_user_usec, result->cpu_system_usec));
        buffer_add_string(rows, "<td>");
        html_add_size(rows, result->memory_peak);
        buffer_addf(rows, "<td>%u\n", result->slot);
}

static void add_number(Buffer *json, uint64_t value, bool known) {
        if (known)
                buffer_addf(json, ",%" PRIu64, MIN(value, HTML_NUMBER_MAX));
        else
                buffer_add_string(json, ",-1");
}

/* The same for scripts: page.js names the columns. */
static void html_add_data(Html *html, const Result *result, size_t card) {
        Buffer *json = &html->data.buffer;
        uint64_t begin = html->started->time_usec;
        bool ran = result->start_usec > 0;
        _cleanup_free_ char *reason = result->reason ? strndup(result->reason, HTML_REASON_MAX) :
                                                       NULL;

        buffer_add_string(json, html_spool_tell(&html->data) > 0 ? ",\n[" : "[");
        html_add_json(json, result->address);
        buffer_addf(json, ",%d,%u", (int)result->outcome, result->marks);
        add_number(json, result->duration_usec, ran);
        add_number(json, usec_add(result->cpu_user_usec, result->cpu_system_usec), ran);
        add_number(json, result->memory_peak, result->memory_peak != SIZE_UNKNOWN);
        buffer_addf(json, ",%u,%u,%u", result->slot, result->generation, result->attempt);
        add_number(json,
                   html_timeline_get_time(&html->timeline, result->start_usec),
                   ran && result->start_usec >= begin);
        add_number(json, card, card != SIZE_MAX);
        buffer_add_string(json, ",");
        html_add_json(json, reason);
        buffer_add_string(json, "]");
}

/* ---- Events ---- */

static int html_open_spools(Html *html) {
        int r = html_cards_open(&html->failures, html->directory);

        if (r >= 0)
                r = html_cards_open(&html->noteworthy, html->directory);
        if (r >= 0)
                r = html_attempts_open(&html->attempts, html->directory);
        if (r >= 0)
                r = html_spool_open(&html->rows, html->directory);
        return r < 0 ? r : html_spool_open(&html->data, html->directory);
}

/* By way of a record, which is what an event can be copied by. */
static int event_copy(const Event *event, Event **ret) {
        _cleanup_(record_freep) Record *record = NULL;
        int r = event_to_record(event, &record);

        return r < 0 ? r : event_from_record(record, ret);
}

static int html_start_run(Html *html, const Event *event) {
        int r;

        if (html->started)
                return -EINVAL;
        r = event_copy(event, &html->started);
        if (r >= 0)
                r = html_open_spools(html);
        if (r >= 0)
                r = html_timeline_start(&html->timeline, html->directory, html->started);
        if (r < 0)
                return r;
        sd_id128_to_string(event->run_id, html->summary.run_id);
        html->summary.started = html->started;
        html->summary.slowest = &html->slowest;
        html->summary.hungriest = &html->hungriest;
        return 0;
}

static int html_add_result(Html *html, const Event *event) {
        const Result *result = event->result;
        _cleanup_buffer_ Buffer attempts = {};
        bool bad = outcome_is_bad(result->outcome) || event->kind == EVENT_FIXTURE_FAILED;
        size_t n_attempts, card = SIZE_MAX;
        int r = html_timeline_add_result(&html->timeline, result);

        if (r >= 0)
                r = html_attempts_take(&html->attempts, result->address, &attempts, &n_attempts);
        if (r >= 0 && bad)
                r = html_add_card(html, &html->failures, event, &attempts, &card);
        else if (r >= 0 && result_is_noteworthy(result, n_attempts))
                r = html_add_card(html, &html->noteworthy, event, &attempts, &card);
        if (r < 0 || event->kind == EVENT_FIXTURE_FAILED)
                return r;

        html_add_row(html, result);
        html_add_data(html, result, card);
        r = html_ranking_add(&html->slowest, result, result->duration_usec);
        if (r >= 0 && result->memory_peak != SIZE_UNKNOWN)
                r = html_ranking_add(&html->hungriest, result, result->memory_peak);
        if (r >= 0)
                r = html_spool_flush(&html->rows);
        return r < 0 ? r : html_spool_flush(&html->data);
}

/* ---- The page ---- */

static int html_write_spool(Html *html, HtmlSpool *spool) {
        return html_spool_copy(spool, 0, html_spool_tell(spool), html->fd);
}

/* As JSON; the words that its numbers stand for go before the rows. */
static int html_write_data(Html *html) {
        _cleanup_buffer_ Buffer text = {};
        int r;

        buffer_addf(&text, "{\"run\":\"%.12s\",\"outcomes\":[", html->summary.run_id);
        for (Outcome outcome = 0; outcome < PTEST_OUTCOME_MAX; outcome++)
                buffer_addf(&text, "%s\"%s\"", outcome > 0 ? "," : "", outcome_to_string(outcome));
        buffer_add_string(&text, "],\"marks\":[");
        for (unsigned mark = 1; mark < PTEST_MARK_END; mark <<= 1)
                buffer_addf(&text,
                            "%s\"%s\"",
                            mark > 1 ? "," : "",
                            mark_to_string((PtestMark)mark));
        buffer_add_string(&text, "],\"rows\":[\n");
        r = html_buffer_write(&text, html->fd);
        if (r >= 0)
                r = html_write_spool(html, &html->data);
        buffer_add_string(&text, "]}");
        return r < 0 ? r : html_buffer_write(&text, html->fd);
}

static int html_write_timeline(Html *html) {
        _cleanup_buffer_ Buffer text = {};
        int r = html_timeline_write(&html->timeline, &text);

        return r < 0 ? r : html_buffer_write(&text, html->fd);
}

static int html_write_summary(Html *html, void (*add)(Buffer *, const HtmlSummary *)) {
        _cleanup_buffer_ Buffer text = {};

        add(&text, &html->summary);
        return html_buffer_write(&text, html->fd);
}

static int html_write_cards(Html *html) {
        const HtmlSummary *summary = &html->summary;
        int r = html_cards_write(&html->failures, "failures", "Failures", summary, html->fd);

        return r < 0 ? r :
                       html_cards_write(
                                       &html->noteworthy,
                                       "noteworthy",
                                       "Noteworthy",
                                       summary,
                                       html->fd);
}

static int html_write_slot(Html *html, HtmlSlot slot) {
        switch (slot) {
        case HTML_SLOT_TITLE:
                return html_write_summary(html, html_summary_add_title);
        case HTML_SLOT_ICON:
                return html_write_summary(html, html_summary_add_icon);
        case HTML_SLOT_NAVIGATION:
                return html_write_summary(html, html_summary_add_navigation);
        case HTML_SLOT_VERDICT:
                return html_write_summary(html, html_summary_add_verdict);
        case HTML_SLOT_COUNTS:
                return html_write_summary(html, html_summary_add_counts);
        case HTML_SLOT_HISTORY:
                return html_write_summary(html, html_summary_add_history);
        case HTML_SLOT_CARDS:
                return html_write_cards(html);
        case HTML_SLOT_TIMELINE:
                return html_write_timeline(html);
        case HTML_SLOT_RANKINGS:
                return html_write_summary(html, html_summary_add_rankings);
        case HTML_SLOT_ROWS:
                return html_write_spool(html, &html->rows);
        case HTML_SLOT_FACTS:
                return html_write_summary(html, html_summary_add_facts);
        case HTML_SLOT_FOOTER:
                return html_write_summary(html, html_summary_add_footer);
        case HTML_SLOT_DATA:
                return html_write_data(html);
        case HTML_SLOT_END:
                return 0;
        }
        return -EINVAL;
}

static int html_write_page(Html *html) {
        int r = 0;

        for (const HtmlPiece *piece = html_pieces; r >= 0; piece++) {
                r = fd_write_all(html->fd, piece->text, strlen(piece->text));
                if (r >= 0)
                        r = html_write_slot(html, piece->slot);
                if (piece->slot == HTML_SLOT_END)
                        break;
        }
        return r;
}

static int html_finish_run(Html *html, const Event *event) {
        HtmlSummary *summary = &html->summary;
        int r;

        summary->finished = event;
        summary->n_failures = html->failures.n_all;
        summary->n_noteworthy = html->noteworthy.n_all;
        html_timeline_set_length(&html->timeline, event->run_finished.duration_usec);
        /* A page without history is better than none. */
        if (html->history)
                (void)html->history(
                                html->started,
                                html->asked,
                                &summary->history,
                                &summary->n_history,
                                html->history_userdata);
        r = html_write_page(html);
        if (r < 0 || !html->temporary_path)
                return r;
        return report_file_finish(&html->temporary_path, html->path);
}

static int html_on_event(Reporter *reporter, const Event *event) {
        Html *html = (Html *)reporter;

        if (event->kind == EVENT_RUN_STARTED)
                return html_start_run(html, event);
        if (!html->started)
                return -EINVAL;
        switch (event->kind) {
        case EVENT_TEST_FINISHED:
        case EVENT_FIXTURE_FAILED:
                return html_add_result(html, event);
        case EVENT_ATTEMPT_FINISHED:
                return html_add_attempt(html, event->result);
        case EVENT_WORKER_STARTED:
        case EVENT_WORKER_STOPPED:
        case EVENT_WORKER_STUCK:
        case EVENT_WORKER_LOST:
                return html_timeline_add_worker(&html->timeline, event);
        case EVENT_RUN_PAUSED:
        case EVENT_RUN_CONTINUED:
                html_timeline_add_pause(&html->timeline, event);
                return 0;
        case EVENT_RUN_FINISHED:
                return html_finish_run(html, event);
        default:
                return 0;
        }
}

/* ---- The reporter ---- */

static void html_free(Reporter *reporter) {
        Html *html = (Html *)reporter;
        html_timeline_done(&html->timeline);
        html_cards_done(&html->failures);
        html_cards_done(&html->noteworthy);
        html_attempts_done(&html->attempts);
        html_spool_done(&html->rows);
        html_spool_done(&html->data);
        html_ranking_done(&html->slowest);
        html_ranking_done(&html->hungriest);
        html_history_free(html->summary.history, html->summary.n_history);
        strv_free(html->asked);
        event_free(html->started);
        if (html->temporary_path)
                unlink(html->temporary_path);
        fd_close(html->fd);
        free(html->path);
        free(html->temporary_path);
        free(html->directory);
        free(html);
}

static int html_open(Html *html) {
        if (path_is_directory(html->path))
                return -EISDIR;
        if (report_file_is_stream(html->path)) {
                const char *directory = getenv("TMPDIR");

                html->directory = strdup(directory && directory[0] == '/' ? directory : "/tmp");
                html->fd = fd_open_output(html->path);
                return html->fd < 0 ? html->fd : html->directory ? 0 : -ENOMEM;
        }
        html->directory = strndup(html->path, (size_t)(path_basename(html->path) - html->path));
        if (!html->directory)
                return -ENOMEM;
        html->fd = report_file_create(html->path, &html->temporary_path);
        return MIN(html->fd, 0);
}

int html_new(const char *path, Reporter **ret) {
        static const ReporterVTable vtable = { .on_event = html_on_event, .free = html_free };
        _cleanup_(reporter_freep) Reporter *reporter = NULL;
        Html *html;
        int r;

        assert(path);
        assert(ret);

        html = calloc(1, sizeof(Html));
        if (!html)
                return -ENOMEM;
        reporter = &html->reporter;
        reporter->vtable = &vtable;
        html->fd = -1;
        html->timeline.spans = html->failures.spool = html->noteworthy.spool =
                        html->attempts.spool = html->rows = html->data = (HtmlSpool)HTML_SPOOL_NONE;
        /* Absolute: the working directory at the end is nobody's promise. */
        r = path_make_absolute(strcmp(path, "-") == 0 ? "/dev/stdout" : path, &html->path);
        if (r >= 0)
                r = html_open(html);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(reporter);
        return 0;
}

HtmlHistoryRun *html_history_free(HtmlHistoryRun *runs, size_t n) {
        for (size_t i = 0; runs && i < n; i++)
                free(runs[i].outcomes);
        free(runs);
        return NULL;
}

void html_set_history(Reporter *reporter, HtmlHistory history, void *userdata) {
        Html *html = (Html *)reporter;

        assert(reporter->vtable->free == html_free);

        html->history = history;
        html->history_userdata = userdata;
}
