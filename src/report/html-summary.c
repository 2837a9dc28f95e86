/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/html-summary.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "basic/strv.h"
#include "report/counts.h"
#include "report/html-card.h"
#include "report/html-text.h"

/* ---- Rankings ---- */

int html_ranking_add(HtmlRanking *ranking, const Result *result, uint64_t value) {
        size_t at = ranking->n_rows;
        char *address;

        while (at > 0 && ranking->rows[at - 1].value < value)
                at--;
        if (value == 0 || at == HTML_RANKING_MAX)
                return 0;
        address = strdup(result->address);
        if (!address)
                return -ENOMEM;
        memmove(&ranking->rows[at + 1],
                &ranking->rows[at],
                (ranking->n_rows - at) * sizeof(ranking->rows[0]));
        ranking->rows[at].address = address;
        ranking->rows[at].outcome = result->outcome;
        ranking->rows[at].value = value;
        if (++ranking->n_rows > HTML_RANKING_MAX)
                free(ranking->rows[--ranking->n_rows].address);
        return 0;
}

void html_ranking_done(HtmlRanking *ranking) {
        for (size_t i = 0; i < ranking->n_rows; i++)
                free(ranking->rows[i].address);
        ranking->n_rows = 0;
}

static void add_ranking(
                Buffer *html,
                const char *title,
                const HtmlRanking *ranking,
                void (*add_value)(Buffer *, uint64_t)) {
        if (ranking->n_rows == 0)
                return;
        buffer_addf(html, "<div><h3>%s</h3>\n<ol class=\"ranking\">\n", title);
        for (size_t i = 0; i < ranking->n_rows; i++) {
                uint64_t max = MAX(ranking->rows[0].value, 1U), value = ranking->rows[i].value;
                unsigned part = (unsigned)((unsigned __int128)value * 1000 / max);

                buffer_addf(html,
                            "<li><span class=\"line\"><span class=\"dot %s\" title=\"%s\"></span>"
                            "<b class=\"address\">",
                            outcome_to_class(ranking->rows[i].outcome),
                            outcome_to_string(ranking->rows[i].outcome));
                html_add_string(html, ranking->rows[i].address);
                buffer_add_string(html, "</b> <span class=\"n\">");
                add_value(html, value);
                buffer_addf(html,
                            "</span></span><svg class=\"share\" viewBox=\"0 0 1000 1\" "
                            "preserveAspectRatio=\"none\" aria-hidden=\"true\">"
                            "<rect width=\"%u\" height=\"1\"/></svg></li>\n",
                            part);
        }
        buffer_add_string(html, "</ol></div>\n");
}

void html_summary_add_rankings(Buffer *html, const HtmlSummary *summary) {
        if (summary->slowest->n_rows + summary->hungriest->n_rows == 0)
                return;
        buffer_addf(html,
                    "<section id=\"largest\" aria-labelledby=\"largest-title\">\n"
                    "<h2 id=\"largest-title\">Slowest%s</h2>\n<div class=\"two\">\n",
                    summary->hungriest->n_rows > 0 ? " and hungriest" : "");
        add_ranking(html, "Longest time", summary->slowest, html_add_duration);
        add_ranking(html, "Largest memory", summary->hungriest, html_add_size);
        buffer_add_string(html, "</div>\n</section>\n");
}

/* ---- Verdict and counts ---- */

static const char *verdict_to_class(Verdict verdict) {
        switch (verdict) {
        case VERDICT_PASSED:
                return "good";
        case VERDICT_FAILED:
        case VERDICT_MACHINERY_FAILED:
                return "bad";
        default:
                return "odd";
        }
}

static const char *verdict_to_headline(Verdict verdict) {
        static const char *const headlines[VERDICT_MAX] = {
                [VERDICT_PASSED] = "Passed",
                [VERDICT_FAILED] = "Failed",
                [VERDICT_MACHINERY_FAILED] = "The machinery failed",
                [VERDICT_NOTHING_TO_RUN] = "Nothing to run",
                [VERDICT_INCOMPLETE] = "Incomplete",
        };

        return headlines[verdict];
}

void html_summary_add_title(Buffer *html, const HtmlSummary *summary) {
        html_add_string(html, summary->started->suite);
        buffer_addf(html,
                    ": %s – ptest",
                    verdict_to_sentence(summary->finished->run_finished.verdict));
}

void html_summary_add_icon(Buffer *html, const HtmlSummary *summary) {
        Verdict verdict = summary->finished->run_finished.verdict;

        buffer_addf(html,
                    "data:image/svg+xml,%%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%%3E"
                    "%%3Ccircle cx='8' cy='8' r='7' fill='%%23%s'/%%3E%%3C/svg%%3E",
                    verdict == VERDICT_PASSED ? "2e7d4f" :
                                    verdict == VERDICT_FAILED ||
                                                    verdict == VERDICT_MACHINERY_FAILED ?
                                                "c2352b" :
                                                "a86412");
}

void html_summary_add_navigation(Buffer *html, const HtmlSummary *summary) {
        buffer_add_string(html, "<a href=\"#verdict\" class=\"home\">");
        html_add_string(html, summary->started->suite);
        buffer_add_string(html, "</a>\n");
        if (summary->n_failures > 0) {
                buffer_add_string(html, "<a href=\"#failures\">Failures <span class=\"n\">");
                html_add_count(html, summary->n_failures);
                buffer_add_string(html, "</span></a>\n");
        }
        if (summary->n_noteworthy > 0)
                buffer_add_string(html, "<a href=\"#noteworthy\">Noteworthy</a>\n");
        buffer_add_string(html, "<a href=\"#timeline\">Timeline</a>\n");
        if (summary->slowest->n_rows + summary->hungriest->n_rows > 0)
                buffer_add_string(html, "<a href=\"#largest\">Slowest</a>\n");
        buffer_add_string(html, "<a href=\"#tests\">Tests</a>\n<a href=\"#run\">Run</a>");
}

void html_summary_add_verdict(Buffer *html, const HtmlSummary *summary) {
        const Event *started = summary->started, *finished = summary->finished;
        Verdict verdict = finished->run_finished.verdict;

        buffer_addf(html,
                    "<p class=\"verdict %s\">%s</p>\n<h1>",
                    verdict_to_class(verdict),
                    verdict_to_headline(verdict));
        html_add_string(html, started->suite);
        buffer_add_string(html, "</h1>\n");
        if (started->run_started.description) {
                buffer_add_string(html, "<p class=\"description\">");
                html_add_string(html, started->run_started.description);
                buffer_add_string(html, "</p>\n");
        }
        if (finished->run_finished.reason) {
                buffer_addf(html, "<p class=\"why %s\">", verdict_to_class(verdict));
                html_add_string(html, finished->run_finished.reason);
                buffer_add_string(html, "</p>\n");
        }
        buffer_add_string(html, "<p class=\"when\">");
        html_add_date(html, started->time_usec);
        buffer_add_string(html, " · took ");
        html_add_duration(html, finished->run_finished.duration_usec);
        buffer_add_string(html, " · ");
        html_add_string(html, started->run_started.hostname);
        buffer_addf(html, " · run <code>%.12s</code></p>\n", summary->run_id);
}

static void add_count(Buffer *html, const char *class, size_t count, const char *noun) {
        if (count == 0)
                return;
        buffer_addf(html, "<div class=\"%s\"><dt>%s</dt><dd>", class, noun);
        html_add_count(html, count);
        buffer_add_string(html, "</dd></div>");
}

/* Of a run that was cut off: tests that have no record */
static size_t count_missing(const Tally *tally) {
        size_t reported = tally_reported(tally);

        return tally->planned > reported ? tally->planned - reported : 0;
}

/*
 * A bar with a part for each outcome, the bad ones at its end; each can be seen, however small. What is not known is
 * left empty.
 */
static void add_proportions(Buffer *html, const Tally *tally) {
        size_t total = 0, at = 0;

        for (Outcome outcome = 0; outcome < PTEST_OUTCOME_MAX; outcome++)
                total += tally->count[outcome] > 0 ?
                                MAX(tally->count[outcome], tally_reported(tally) / 200 + 1) :
                                0;
        if (total == 0)
                return;
        total += count_missing(tally);
        buffer_addf(html,
                    "<svg class=\"proportions\" viewBox=\"0 0 %zu 1\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
                    total);
        for (Outcome outcome = 0; outcome < PTEST_OUTCOME_MAX; outcome++) {
                size_t width = tally->count[outcome] > 0 ?
                                MAX(tally->count[outcome], tally_reported(tally) / 200 + 1) :
                                0;

                if (width > 0)
                        buffer_addf(html,
                                    "<rect class=\"%s\" x=\"%zu\" width=\"%zu\" height=\"1\"/>",
                                    outcome_to_class(outcome),
                                    at,
                                    width);
                at += width;
        }
        buffer_add_string(html, "</svg>\n");
}

void html_summary_add_counts(Buffer *html, const HtmlSummary *summary) {
        const Tally *tally = &summary->finished->run_finished.tally;

        add_proportions(html, tally);
        buffer_add_string(html, "<dl class=\"counts\">");
        add_count(html, "all", tally->planned, tally->planned == 1 ? "test" : "tests");
        for (Outcome outcome = 0; outcome < PTEST_OUTCOME_MAX; outcome++)
                add_count(html,
                          outcome_to_class(outcome),
                          tally->count[outcome],
                          outcome_to_count_noun(outcome, tally->count[outcome]));
        add_count(html, "o-not-run", count_missing(tally), "without a result");
        add_count(html, "mark-count", tally->marked_flaky, "flaky");
        add_count(html, "mark-count", tally->marked_leaky, "leaky");
        add_count(html, "mark-count", tally->marked_slow, "slow");
        add_count(html, "mark-count", tally->marked_dirty, "dirty");
        buffer_add_string(html, "</dl>");
}

/* ---- History ---- */

static void add_history_run(Buffer *html, const HtmlHistoryRun *run, uint64_t longest) {
        uint64_t height = 20 + run->duration_usec / (longest / 80 + 1);

        buffer_addf(html,
                    "<li class=\"%s\"><svg viewBox=\"0 0 10 100\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
                    "<rect y=\"%" PRIu64 "\" width=\"10\" height=\"%" PRIu64
                    "\"/></svg><span class=\"tip\">",
                    verdict_to_class(run->verdict),
                    100 - MIN(height, 100U),
                    MIN(height, 100U));
        html_add_date(html, run->start_usec);
        buffer_addf(html, ": %s, ", verdict_to_sentence(run->verdict));
        counts_add(html, &run->tally);
        buffer_add_string(html, "; took ");
        html_add_duration(html, run->duration_usec);
        buffer_add_string(html, "</span></li>\n");
}

void html_summary_add_history(Buffer *html, const HtmlSummary *summary) {
        const Event *finished = summary->finished;
        HtmlHistoryRun this = {
                .start_usec = summary->started->time_usec,
                .duration_usec = finished->run_finished.duration_usec,
                .verdict = finished->run_finished.verdict,
                .tally = finished->run_finished.tally,
        };
        uint64_t longest = this.duration_usec;
        size_t passed = 0;

        if (summary->n_history == 0)
                return;
        for (size_t i = 0; i < summary->n_history; i++) {
                longest = MAX(longest, summary->history[i].duration_usec);
                passed += summary->history[i].verdict == VERDICT_PASSED;
        }
        buffer_add_string(
                        html,
                        "<section class=\"history\" aria-labelledby=\"history-title\"><h2 id=\"history-title\">");
        html_add_count(html, summary->n_history);
        buffer_add_string(html, summary->n_history == 1 ? " run before" : " runs before");
        buffer_add_string(html, ", ");
        html_add_count(html, passed);
        buffer_add_string(html, " passed</h2>\n<ol>\n");
        for (size_t i = 0; i < summary->n_history; i++)
                add_history_run(html, &summary->history[i], longest);
        add_history_run(html, &this, longest);
        buffer_add_string(html, "</ol></section>");
}

static void add_past_sentence(Buffer *html, size_t bad, size_t n, bool now_bad) {
        if (now_bad && bad == 0)
                buffer_add_string(html, "New: it was well in ");
        else if (bad == 0)
                buffer_add_string(html, "It was well in ");
        else
                buffer_add_string(html, "It failed in ");
        if (bad > 0 && bad < n) {
                html_add_count(html, bad);
                buffer_add_string(html, " of ");
        } else if (n > 1) {
                buffer_add_string(html, "all of ");
        }
        buffer_add_string(html, "the ");
        html_add_count(html, n);
        buffer_add_string(html, n == 1 ? " run before" : " runs before");
}

void html_summary_add_past(Buffer *html, const HtmlSummary *summary, size_t test, Outcome outcome) {
        size_t n = 0, bad = 0;

        for (size_t i = 0; i < summary->n_history; i++) {
                const uint8_t *outcomes = summary->history[i].outcomes;

                n += outcomes && outcomes[test] < PTEST_OUTCOME_MAX;
                bad += outcomes && outcome_is_bad((Outcome)outcomes[test]);
        }
        if (n == 0)
                return;
        buffer_add_string(html, "<div class=\"past\"><p>");
        add_past_sentence(html, bad, n, outcome_is_bad(outcome));
        buffer_add_string(html, "</p><ol>");
        for (size_t i = 0; i < summary->n_history; i++) {
                const uint8_t *outcomes = summary->history[i].outcomes;
                Outcome then = outcomes ? (Outcome)outcomes[test] : PTEST_OUTCOME_MAX;

                if (then < PTEST_OUTCOME_MAX)
                        buffer_addf(html,
                                    "<li class=\"%s\" title=\"%s\"><span class=\"unseen\">%s</span></li>",
                                    outcome_to_class(then),
                                    outcome_to_string(then),
                                    outcome_to_string(then));
        }
        buffer_add_string(html, "</ol></div>\n");
}

/* ---- The run ---- */

static void add_fact(Buffer *html, const char *name, const char *value) {
        if (!value)
                return;
        buffer_addf(html, "<div><dt>%s</dt><dd>", name);
        html_add_string(html, value);
        buffer_add_string(html, "</dd></div>\n");
}

static void add_facts(Buffer *html, const char *name, const char *class, char *const *values) {
        if (!values || !values[0])
                return;
        buffer_addf(html, "<div><dt>%s</dt><dd class=\"%s\">", name, class);
        strv_for_each(value, values) {
                buffer_add_string(html, "<span>");
                html_add_string(html, *value);
                buffer_add_string(html, "</span>\n");
        }
        buffer_add_string(html, "</dd></div>\n");
}

static int capability_compare(const void *a, const void *b) {
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In an order of their own: that of the record is none that the journal keeps. */
static void add_capabilities(Buffer *html, char *const *capabilities) {
        size_t n = strv_length(capabilities);
        _cleanup_free_ char **sorted = calloc(n + 1, sizeof(char *));

        if (!sorted) {
                html->error = -ENOMEM;
                return;
        }
        for (size_t i = 0; i < n; i++)
                sorted[i] = capabilities[i];
        qsort(sorted, n, sizeof(char *), capability_compare);
        add_facts(html, "What this machine can do", "items", sorted);
}

static void add_id_fact(Buffer *html, const char *name, sd_id128_t id) {
        char text[SD_ID128_STRING_MAX];

        if (!sd_id128_is_null(id))
                add_fact(html, name, sd_id128_to_string(id, text));
}

void html_summary_add_facts(Buffer *html, const HtmlSummary *summary) {
        const Event *started = summary->started, *finished = summary->finished;

        buffer_add_string(
                        html,
                        "<section id=\"run\" aria-labelledby=\"run-title\">\n<h2 id=\"run-title\">Run</h2>\n"
                        "<dl class=\"run\">\n");
        add_fact(html, "Run", summary->run_id);
        add_fact(html, "Command", started->run_started.command);
        add_fact(html, "In", started->run_started.working_directory);
        add_id_fact(html, "Goes on with run", started->run_started.resumes);
        add_id_fact(html, "Again tests of run", started->run_started.rerun_of);
        add_fact(html, "Seed", started->run_started.seed);
        add_fact(html, "Shard", started->run_started.shard);
        add_facts(html, "Tests chosen with", "lines", started->run_started.patterns);
        add_fact(html, "Host", started->run_started.hostname);
        add_fact(html, "Backend", started->run_started.backend);
        buffer_addf(html, "<div><dt>Workers</dt><dd>%u</dd></div>\n", started->run_started.workers);
        buffer_add_string(html, "<div><dt>From</dt><dd>");
        html_add_date(html, started->time_usec);
        buffer_add_string(html, "</dd></div>\n<div><dt>Until</dt><dd>");
        html_add_date(html, finished->time_usec);
        buffer_add_string(html, "</dd></div>\n");
        add_capabilities(html, started->run_started.capabilities);
        add_facts(html, "Pressure at its begin", "lines", started->pressure);
        add_facts(html, "Pressure at its end", "lines", finished->pressure);
        if (finished->run_finished.journal_lost > 0) {
                buffer_add_string(html, "<div><dt>Records that the journal did not take</dt><dd>");
                html_add_count(html, finished->run_finished.journal_lost);
                buffer_add_string(html, "</dd></div>\n");
        }
        buffer_add_string(html, "</dl>\n</section>\n");
}

void html_summary_add_footer(Buffer *html, const HtmlSummary *summary) {
        buffer_add_string(html, "<p>Written by ptest ");
        html_add_string(html, summary->started->run_started.version);
        buffer_addf(html,
                    ". <code>ptest report --html=FILE %.12s</code> writes it again.</p>",
                    summary->run_id);
}
