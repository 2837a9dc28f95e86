/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/html-card.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "basic/parse.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "report/html-text.h"

/* Of lists: more than a person reads of one test. */
#define CARD_LINES_MAX  200U
#define CARD_LINE_MAX   2000U
#define CARD_POINTS_MAX 100U

/* ---- Small parts ---- */

const char *outcome_to_class(Outcome outcome) {
        static const char *const classes[PTEST_OUTCOME_MAX] = {
                [PTEST_OUTCOME_PASS] = "o-pass",       [PTEST_OUTCOME_FAIL] = "o-fail",
                [PTEST_OUTCOME_SKIP] = "o-skip",       [PTEST_OUTCOME_XFAIL] = "o-xfail",
                [PTEST_OUTCOME_XPASS] = "o-xpass",     [PTEST_OUTCOME_ERROR] = "o-error",
                [PTEST_OUTCOME_TIMEOUT] = "o-timeout", [PTEST_OUTCOME_CRASH] = "o-crash",
                [PTEST_OUTCOME_OOM] = "o-oom",         [PTEST_OUTCOME_LOST] = "o-lost",
                [PTEST_OUTCOME_NOT_RUN] = "o-not-run",
        };

        return classes[outcome];
}

void html_add_badge(Buffer *html, Outcome outcome) {
        buffer_addf(html,
                    "<span class=\"badge %s\">%s</span>",
                    outcome_to_class(outcome),
                    outcome_to_string(outcome));
}

void html_add_marks(Buffer *html, unsigned marks) {
        for (unsigned mark = 1; mark < PTEST_MARK_END; mark <<= 1)
                if (marks & mark)
                        buffer_addf(html,
                                    " <span class=\"mark\">%s</span>",
                                    mark_to_string((PtestMark)mark));
}

static void begin_fact(Buffer *html, const char *name) {
        buffer_addf(html, "<div><dt>%s</dt><dd>", name);
}

static void end_fact(Buffer *html) {
        buffer_add_string(html, "</dd></div>");
}

static void add_fact(Buffer *html, const char *name, const char *value) {
        if (!value)
                return;
        begin_fact(html, name);
        html_add_string(html, value);
        end_fact(html);
}

static void add_time_fact(Buffer *html, const char *name, uint64_t usec) {
        begin_fact(html, name);
        html_add_duration(html, usec);
        end_fact(html);
}

static void add_size_fact(Buffer *html, const char *name, uint64_t bytes) {
        if (bytes == SIZE_UNKNOWN)
                return;
        begin_fact(html, name);
        html_add_size(html, bytes);
        end_fact(html);
}

/* ---- Facts ---- */

static void add_end(Buffer *html, const Result *result) {
        if (result->exit_status >= 0) {
                begin_fact(html, "Exit status");
                buffer_addf(html, "%d", result->exit_status);
                end_fact(html);
        }
        if (result->signal > 0) {
                begin_fact(html, "Signal");
                html_add_string(html, signal_to_name(result->signal));
                if (result->core_dumped) {
                        buffer_add_string(html, ", core dumped");
                        if (result->pid > 0)
                                buffer_addf(html, " by process %" PRIi64, result->pid);
                }
                end_fact(html);
        }
        if (oom_owner_to_string(result->oom_owner)) {
                begin_fact(html, "Out of memory");
                buffer_addf(html, "limit of the %s", oom_owner_to_string(result->oom_owner));
                if (result->oom_limit != SIZE_INFINITY) {
                        buffer_add_string(html, ", ");
                        html_add_size(html, result->oom_limit);
                }
                end_fact(html);
                add_fact(html, "Killed", result->oom_victim);
        }
}

static void add_facts(Buffer *html, const Result *result) {
        buffer_add_string(html, "<dl class=\"facts\">");
        if (result->start_usec > 0) {
                begin_fact(html, "Started");
                html_add_date(html, result->start_usec);
                end_fact(html);
                add_time_fact(html, "Took", result->duration_usec);
                add_time_fact(html,
                              "CPU",
                              usec_add(result->cpu_user_usec, result->cpu_system_usec));
        }
        add_size_fact(html, "Memory", result->memory_peak);
        if (result->tasks_peak != UINT64_MAX && result->tasks_peak > 0) {
                begin_fact(html, "Processes");
                html_add_count(html, result->tasks_peak);
                end_fact(html);
        }
        add_size_fact(html, "Read", result->read_bytes);
        add_size_fact(html, "Written", result->write_bytes);
        if (result->slot > 0) {
                begin_fact(html, "Worker");
                buffer_addf(html, "%u, generation %u", result->slot, result->generation);
                end_fact(html);
        }
        if (result->attempt > 1) {
                begin_fact(html, "Attempt");
                buffer_addf(html, "%u", result->attempt);
                end_fact(html);
        }
        add_end(html, result);
        buffer_add_string(html, "</dl>\n");
}

/* ---- Lists ---- */

static void add_lines(Buffer *html, const char *title, char *const *lines) {
        size_t n = 0, length = strv_length(lines);

        if (length == 0)
                return;
        buffer_addf(html, "<h4>%s</h4>\n<pre tabindex=\"0\">\n", title);
        strv_for_each(line, lines) {
                size_t size = strlen(*line);

                if (n++ == CARD_LINES_MAX)
                        break;
                html_add_text(html, *line, MIN(size, CARD_LINE_MAX));
                buffer_add_string(html, size > CARD_LINE_MAX ? " …\n" : "\n");
        }
        if (length > CARD_LINES_MAX) {
                buffer_add_string(html, "<span class=\"gap\">⋯ ");
                html_add_count(html, length - CARD_LINES_MAX);
                buffer_add_string(html, " more lines ⋯</span>\n");
        }
        buffer_add_string(html, "</pre>\n");
}

/* The lines that say the most, and the others folded. */
static void add_stuck(Buffer *html, const Result *result) {
        _cleanup_free_ char **lines = result_find_stuck_short(result->stuck);
        size_t n = strv_length(result->stuck);

        if (!lines) {
                html->error = -ENOMEM;
                return;
        }
        if (n == 0)
                return;
        if (strv_length(lines) > 0)
                add_lines(html, "At its time limit", lines);
        if (strv_length(lines) == n)
                return;
        buffer_add_string(html, "<details class=\"more\"><summary>The whole report, ");
        html_add_count(html, n);
        buffer_add_string(html, " lines</summary>\n");
        add_lines(html, "What its processes were doing", result->stuck);
        buffer_add_string(html, "</details>\n");
}

static void add_point(Buffer *html, const ResultPoint *point) {
        buffer_add_string(html, "<li>");
        html_add_badge(html, point->outcome);
        buffer_add_string(html, " ");
        if (point->number > 0)
                buffer_addf(html, "%" PRIu64 " ", point->number);
        html_add_text(html, point->name, strnlen(point->name, CARD_LINE_MAX));
        if (point->reason) {
                buffer_add_string(html, " – ");
                html_add_text(html, point->reason, strnlen(point->reason, CARD_LINE_MAX));
        }
        buffer_add_string(html, "</li>\n");
}

/* Those that are bad; the others are counted. */
static void add_points(Buffer *html, const Result *result) {
        size_t bad = 0;

        for (size_t i = 0; i < result->n_points; i++)
                bad += outcome_is_bad(result->points[i].outcome);
        if (bad == 0)
                return;
        buffer_add_string(html, "<h4>Points <small>");
        html_add_count(html, bad);
        buffer_add_string(html, " of ");
        html_add_count(html, result->n_points);
        buffer_add_string(html, bad > CARD_POINTS_MAX ? " are bad; the first of them" : " are bad");
        buffer_add_string(html, "</small></h4>\n<ul class=\"points\">\n");
        for (size_t i = 0, n = 0; i < result->n_points && n < CARD_POINTS_MAX; i++)
                if (outcome_is_bad(result->points[i].outcome)) {
                        add_point(html, &result->points[i]);
                        n++;
                }
        buffer_add_string(html, "</ul>\n");
}

static void add_content(Buffer *html, const Result *result, const HtmlOutputLimits *limits) {
        add_facts(html, result);
        add_points(html, result);
        add_stuck(html, result);
        add_lines(html, "Backtrace", result->backtrace);
        html_output_add(html, result, limits);
        add_lines(html, "Processes that it left behind", result->leaks);
        add_lines(html, "Left changed in its process", result->dirty);
        add_lines(html, "Left in its private places", result->files);
        if (result->directory)
                add_lines(html, "Kept in", (char *const[]){ result->directory, NULL });
}

/* ---- Cards ---- */

/* What a card and an attempt have in common: marks, the reason, how long it took */
static void add_summary_end(Buffer *html, const Result *result) {
        html_add_marks(html, result->marks);
        if (result->reason) {
                buffer_add_string(html, "<span class=\"reason\">");
                html_add_text(html, result->reason, strnlen(result->reason, CARD_LINE_MAX));
                buffer_add_string(html, "</span>");
        }
        buffer_add_string(html, "</span><span class=\"took\">");
        if (result->start_usec > 0)
                html_add_duration(html, result->duration_usec);
        buffer_add_string(html, "</span></summary>\n");
}

static void add_summary(Buffer *html, const Result *result) {
        buffer_add_string(html, "<summary>");
        html_add_badge(html, result->outcome);
        buffer_add_string(html, "<span class=\"what\"><b class=\"address\">");
        html_add_string(html, result->address);
        buffer_add_string(html, "</b>");
        add_summary_end(html, result);
}

/* How to see all of it; a fixture is not a test that could be asked for. */
static void add_command(Buffer *html, const HtmlCard *card) {
        _cleanup_free_ char *address = text_quote_shell(card->result->address);

        if (card->fixture)
                return;
        buffer_add_string(html, "<p class=\"command\"><code>ptest log ");
        buffer_addf(html, "--run=%.12s ", card->run_id);
        if (card->result->address[0] == '-')
                buffer_add_string(html, "-- ");
        html_add_string(html, address);
        buffer_add_string(html, "</code></p>\n");
}

void html_card_add_attempt(Buffer *html, const Result *result, const HtmlOutputLimits *limits) {
        buffer_addf(html,
                    "<details class=\"attempt %s\"><summary>",
                    outcome_to_class(result->outcome));
        html_add_badge(html, result->outcome);
        buffer_addf(html, "<span class=\"what\"><b>Attempt %u</b>", result->attempt);
        add_summary_end(html, result);
        buffer_add_string(html, "<div class=\"body\">\n");
        add_content(html, result, limits);
        buffer_add_string(html, "</div></details>\n");
}

size_t html_card_add(Buffer *html, const HtmlCard *card) {
        size_t begin = html->size, place;

        buffer_addf(html,
                    "<details class=\"card %s\" id=\"c%zu\"%s>",
                    outcome_to_class(card->result->outcome),
                    card->number,
                    card->open ? " open" : "");
        add_summary(html, card->result);
        buffer_add_string(html, "<div class=\"body\">\n");
        place = html->size - begin;
        add_content(html, card->result, &card->limits);
        if (card->attempts_size > 0) {
                buffer_add_string(html, "<h4>Earlier attempts</h4>\n");
                buffer_add(html, card->attempts, card->attempts_size);
        }
        add_command(html, card);
        buffer_add_string(html, "</div></details>\n");
        return place;
}
