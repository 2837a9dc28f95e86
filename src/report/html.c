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
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uthash.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/strv.h"
#include "report/html-card.h"
#include "report/html-page.h"
#include "report/html-summary.h"
#include "report/html-text.h"

/* Of output in each card; less when the page has grown, and less again. At the end there are no more cards. */
#define HTML_FULL         (12U * 1024U * 1024U)
#define HTML_FULLER       (18U * 1024U * 1024U)
#define HTML_OVERFULL     (24U * 1024U * 1024U)
/* Cards that are open, and those that are seen without opening the list of the others */
#define HTML_CARDS_OPEN   3U
#define HTML_CARDS_SHOWN  20U
/* Attempts that are shown of a test; further ones are counted. */
#define HTML_ATTEMPTS_MAX 20U
/* A reason in the list of all tests */
#define HTML_REASON_MAX   300U
/* Tests of which it is told what came of them in earlier runs */
#define HTML_PAST_MAX     500U
/* What JSON's numbers can hold */
#define HTML_NUMBER_MAX   (UINT64_C(1) << 53)

/* Cards of a kind, in the order in which their tests ended. */
typedef struct HtmlCards {
        HtmlSpool spool;
        size_t n_cards; /* in the spool */
        size_t n_all;
        uint64_t shown; /* where those begin that are folded */
        struct {
                uint64_t offset; /* where the past of this test is to stand */
                size_t test;     /* its number among those that are asked for */
                Outcome outcome;
        } * places;
        size_t n_places;
} HtmlCards;

/* Attempts of a test that has not finished: where they are in their spool. */
typedef struct HtmlAttempts {
        char *address;
        struct {
                uint64_t offset, size;
        } parts[HTML_ATTEMPTS_MAX];
        size_t n_parts, n_all;
        UT_hash_handle hh;
} HtmlAttempts;

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
        HtmlSpool attempts_spool, rows, data;
        HtmlAttempts *attempts; /* by address */
        HtmlRanking slowest, hungriest;
        HtmlSummary summary;
} Html;

/* ---- Cards ---- */

static HtmlOutputLimits html_get_limits(const Html *html) {
        uint64_t written = html_spool_tell(&html->failures.spool) +
                        html_spool_tell(&html->noteworthy.spool);

        if (written < HTML_FULL)
                return (HtmlOutputLimits){ .head = 4 * KIB, .tail = 24 * KIB };
        if (written < HTML_FULLER)
                return (HtmlOutputLimits){ .head = 256, .tail = 1 * KIB };
        return (HtmlOutputLimits){};
}

static HtmlAttempts *html_attempts_free(HtmlAttempts *attempts) {
        free(attempts->address);
        free(attempts);
        return NULL;
}
DEFINE_CLEANUP(HtmlAttempts, html_attempts_free);

static HtmlAttempts *html_take_attempts(Html *html, const char *address) {
        HtmlAttempts *attempts;

        HASH_FIND_STR(html->attempts, address, attempts);
        if (attempts)
                HASH_DEL(html->attempts, attempts);
        return attempts;
}

static int html_make_attempts(Html *html, const char *address, HtmlAttempts **ret) {
        HtmlAttempts *attempts;

        HASH_FIND_STR(html->attempts, address, attempts);
        if (!attempts) {
                attempts = calloc(1, sizeof(*attempts));
                if (!attempts)
                        return -ENOMEM;
                attempts->address = strdup(address);
                if (!attempts->address) {
                        html_attempts_free(attempts);
                        return -ENOMEM;
                }
                HASH_ADD_KEYPTR(hh,
                                html->attempts,
                                attempts->address,
                                strlen(attempts->address),
                                attempts);
        }
        *ret = attempts;
        return 0;
}

static int html_add_attempt(Html *html, const Result *result) {
        HtmlOutputLimits limits = html_get_limits(html);
        HtmlAttempts *attempts;
        uint64_t begin = html_spool_tell(&html->attempts_spool);
        int r = html_timeline_add_result(&html->timeline, result);

        if (r >= 0)
                r = html_make_attempts(html, result->address, &attempts);
        if (r < 0)
                return r;
        attempts->n_all++;
        if (attempts->n_parts == HTML_ATTEMPTS_MAX)
                return 0;
        /* There are many of those, if the test is in question at all. */
        limits.head /= 4;
        limits.tail /= 4;
        html_card_add_attempt(&html->attempts_spool.buffer, result, &limits);
        attempts->parts[attempts->n_parts].offset = begin;
        attempts->parts[attempts->n_parts++].size = html_spool_tell(&html->attempts_spool) - begin;
        return html_spool_flush(&html->attempts_spool);
}

static int html_get_attempts(Html *html, const HtmlAttempts *attempts, Buffer *to) {
        int r = 0;

        if (!attempts)
                return 0;
        for (size_t i = 0; i < attempts->n_parts && r >= 0; i++)
                r = html_spool_move(
                                &html->attempts_spool,
                                attempts->parts[i].offset,
                                attempts->parts[i].size,
                                to);
        if (attempts->n_all > attempts->n_parts) {
                buffer_add_string(to, "<p class=\"note\">");
                html_add_count(to, attempts->n_all - attempts->n_parts);
                buffer_add_string(to, " more attempts are left out.</p>\n");
        }
        return r < 0 ? r : buffer_error(to);
}

static int html_ask_past(Html *html, HtmlCards *cards, const Event *event, uint64_t offset) {
        int r;

        if (!html->history || html->n_asked == HTML_PAST_MAX || event->kind == EVENT_FIXTURE_FAILED)
                return 0;
        if (!cards->places)
                cards->places = calloc(HTML_PAST_MAX, sizeof(cards->places[0]));
        if (!cards->places)
                return -ENOMEM;
        r = strv_extend(&html->asked, event->result->address);
        if (r < 0)
                return r;
        cards->places[cards->n_places].offset = offset;
        cards->places[cards->n_places].outcome = event->result->outcome;
        cards->places[cards->n_places++].test = html->n_asked++;
        return 0;
}

/* *ret_number is SIZE_MAX where the page has no room for it. */
static int html_add_card(
                Html *html,
                HtmlCards *cards,
                const Event *event,
                const HtmlAttempts *attempts,
                size_t *ret_number) {
        _cleanup_buffer_ Buffer before = {};
        HtmlCard card = {
                .result = event->result,
                .run_id = html->summary.run_id,
                .fixture = event->kind == EVENT_FIXTURE_FAILED,
                .open = cards == &html->failures && cards->n_cards < HTML_CARDS_OPEN,
                .number = html->failures.n_cards + html->noteworthy.n_cards + 1,
                .limits = html_get_limits(html),
        };
        uint64_t begin = html_spool_tell(&cards->spool);
        int r;

        cards->n_all++;
        *ret_number = SIZE_MAX;
        if (html_spool_tell(&html->failures.spool) + html_spool_tell(&html->noteworthy.spool) >
            HTML_OVERFULL)
                return 0;
        r = html_get_attempts(html, attempts, &before);
        if (r < 0)
                return r;
        card.attempts = before.data;
        card.attempts_size = before.size;
        r = html_ask_past(html, cards, event, begin + html_card_add(&cards->spool.buffer, &card));
        if (r < 0)
                return r;
        if (++cards->n_cards == HTML_CARDS_SHOWN)
                cards->shown = html_spool_tell(&cards->spool);
        *ret_number = card.number;
        return html_spool_flush(&cards->spool);
}

/* What has not failed, but is more than a line in the list. */
static bool result_is_noteworthy(const Result *result, const HtmlAttempts *attempts) {
        return (result->marks & (PTEST_MARK_FLAKY | PTEST_MARK_LEAKY | PTEST_MARK_DIRTY)) ||
                        (attempts && result->outcome != PTEST_OUTCOME_PASS);
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
        add_number(json, result->start_usec - begin, ran && result->start_usec >= begin);
        add_number(json, card, card != SIZE_MAX);
        buffer_add_string(json, ",");
        html_add_json(json, reason);
        buffer_add_string(json, "]");
}

/* ---- Events ---- */

static int html_open_spools(Html *html) {
        HtmlSpool *spools[] = { &html->failures.spool,
                                &html->noteworthy.spool,
                                &html->attempts_spool,
                                &html->rows,
                                &html->data };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(spools) && r >= 0; i++)
                r = html_spool_open(spools[i], html->directory);
        return r;
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
        _cleanup_(html_attempts_freep)
                        HtmlAttempts *attempts = html_take_attempts(html, result->address);
        bool bad = outcome_is_bad(result->outcome);
        size_t card = SIZE_MAX;
        int r = html_timeline_add_result(&html->timeline, result);

        if (r >= 0 && (bad || event->kind == EVENT_FIXTURE_FAILED))
                r = html_add_card(html, &html->failures, event, attempts, &card);
        else if (r >= 0 && result_is_noteworthy(result, attempts))
                r = html_add_card(html, &html->noteworthy, event, attempts, &card);
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

static int html_write(Html *html, Buffer *text) {
        int r = buffer_error(text);

        if (r >= 0)
                r = fd_write_all(html->fd, text->data, text->size);
        buffer_reset(text, 64 * KIB);
        return r;
}

static int html_write_spool(Html *html, HtmlSpool *spool) {
        return html_spool_copy(spool, 0, html_spool_tell(spool), html->fd);
}

static void html_add_cards_head(
                Buffer *text, const HtmlCards *cards, const char *id, const char *title) {
        buffer_addf(text,
                    "<section id=\"%s\" class=\"cards\" aria-labelledby=\"%s-title\">\n"
                    "<h2 id=\"%s-title\">%s <span class=\"n\">",
                    id,
                    id,
                    id,
                    title);
        html_add_count(text, cards->n_all);
        buffer_add_string(text, "</span></h2>\n");
}

/* Cards from an offset to another, with what was asked for put in. */
static int html_copy_cards(Html *html, HtmlCards *cards, uint64_t from, uint64_t to) {
        _cleanup_buffer_ Buffer text = {};
        int r = 0;

        for (size_t i = 0; i < cards->n_places && r >= 0; i++) {
                uint64_t offset = cards->places[i].offset;

                if (offset < from || offset >= to)
                        continue;
                r = html_spool_copy(&cards->spool, from, offset - from, html->fd);
                html_summary_add_past(
                                &text,
                                &html->summary,
                                cards->places[i].test,
                                cards->places[i].outcome);
                if (r >= 0)
                        r = html_write(html, &text);
                from = offset;
        }
        return r < 0 ? r : html_spool_copy(&cards->spool, from, to - from, html->fd);
}

static int html_write_cards(Html *html, HtmlCards *cards, const char *id, const char *title) {
        _cleanup_buffer_ Buffer text = {};
        uint64_t size = html_spool_tell(&cards->spool);
        bool folds = cards->n_cards > HTML_CARDS_SHOWN;
        uint64_t shown = folds ? cards->shown : size;
        int r;

        if (cards->n_all == 0)
                return 0;
        html_add_cards_head(&text, cards, id, title);
        r = html_write(html, &text);
        if (r >= 0)
                r = html_copy_cards(html, cards, 0, shown);
        if (folds) {
                buffer_add_string(&text, "<details class=\"more\"><summary>");
                html_add_count(&text, cards->n_cards - HTML_CARDS_SHOWN);
                buffer_add_string(&text, " more</summary>\n");
        }
        if (r >= 0)
                r = html_write(html, &text);
        if (r >= 0)
                r = html_copy_cards(html, cards, shown, size);
        if (folds)
                buffer_add_string(&text, "</details>\n");
        if (cards->n_all > cards->n_cards) {
                buffer_add_string(
                                &text,
                                "<p class=\"note\">The page has no room for the details of ");
                html_add_count(&text, cards->n_all - cards->n_cards);
                buffer_addf(&text,
                            " more. They are in the list of tests; <code>ptest log --run=%.12s "
                            "ADDRESS</code> shows each.</p>\n",
                            html->summary.run_id);
        }
        buffer_add_string(&text, "</section>\n");
        return r < 0 ? r : html_write(html, &text);
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
        r = html_write(html, &text);
        if (r >= 0)
                r = html_write_spool(html, &html->data);
        buffer_add_string(&text, "]}");
        return r < 0 ? r : html_write(html, &text);
}

static int html_write_timeline(Html *html) {
        _cleanup_buffer_ Buffer text = {};
        int r = html_timeline_write(&html->timeline, &text);

        return r < 0 ? r : html_write(html, &text);
}

static int html_write_summary(Html *html, void (*add)(Buffer *, const HtmlSummary *)) {
        _cleanup_buffer_ Buffer text = {};

        add(&text, &html->summary);
        return html_write(html, &text);
}

static int html_write_slot(Html *html, HtmlSlot slot) {
        int r;

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
                r = html_write_cards(html, &html->failures, "failures", "Failures");
                return r < 0 ? r :
                               html_write_cards(
                                               html, &html->noteworthy, "noteworthy", "Noteworthy");
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
        if (rename(html->temporary_path, html->path) < 0)
                return -errno;
        free(TAKE_PTR(html->temporary_path));
        return 0;
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
        case EVENT_RUN_FINISHED:
                return html_finish_run(html, event);
        default:
                return 0;
        }
}

/* ---- The reporter ---- */

static void html_free(Reporter *reporter) {
        Html *html = (Html *)reporter;
        HtmlAttempts *attempts, *next;

        HASH_ITER(hh, html->attempts, attempts, next) {
                HASH_DEL(html->attempts, attempts);
                html_attempts_free(attempts);
        }
        html_timeline_done(&html->timeline);
        html_spool_done(&html->failures.spool);
        html_spool_done(&html->noteworthy.spool);
        html_spool_done(&html->attempts_spool);
        html_spool_done(&html->rows);
        html_spool_done(&html->data);
        html_ranking_done(&html->slowest);
        html_ranking_done(&html->hungriest);
        html_history_free(html->summary.history, html->summary.n_history);
        strv_free(html->asked);
        free(html->failures.places);
        free(html->noteworthy.places);
        event_free(html->started);
        if (html->temporary_path)
                unlink(html->temporary_path);
        fd_close(html->fd);
        free(html->path);
        free(html->temporary_path);
        free(html->directory);
        free(html);
}

/* A rename would replace a device, a pipe or a link, and /dev/stdout is one. */
static bool path_is_stream(const char *path) {
        struct stat st;

        return (lstat(path, &st) >= 0 && !S_ISREG(st.st_mode)) || fd_is_path(STDOUT_FILENO, path);
}

static int html_open(Html *html) {
        char id[SD_ID128_STRING_MAX];
        sd_id128_t random;
        int r;

        if (path_is_directory(html->path))
                return -EISDIR;
        if (path_is_stream(html->path)) {
                const char *directory = getenv("TMPDIR");

                html->directory = strdup(directory && directory[0] == '/' ? directory : "/tmp");
                html->fd = fd_open_output(html->path);
                return html->fd < 0 ? html->fd : html->directory ? 0 : -ENOMEM;
        }
        html->directory = strndup(html->path, (size_t)(path_basename(html->path) - html->path));
        r = sd_id128_randomize(&random);
        if (r < 0 || !html->directory)
                return r < 0 ? r : -ENOMEM;
        if (asprintf(&html->temporary_path, "%s.%.8s", html->path, sd_id128_to_string(random, id)) <
            0) {
                html->temporary_path = NULL;
                return -ENOMEM;
        }
        html->fd = open(html->temporary_path,
                        O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY,
                        0666);
        if (html->fd >= 0)
                return 0;
        r = -errno;
        free(TAKE_PTR(html->temporary_path));
        return r;
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
                        html->attempts_spool = html->rows = html->data = (HtmlSpool)HTML_SPOOL_NONE;
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
