/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The reporter for people. Each event becomes one write: the live line is taken away, the text written, the
 * line drawn again. The cursor stays at the begin of the live line, so that whatever else writes there, and
 * a terminal that became narrower, leave nothing behind.
 */

#include "report/terminal.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "basic/log.h"
#include "basic/text.h"
#include "report/github.h"
#include "report/live-line.h"
#include "report/style.h"
#include "report/summary.h"
#include "report/terminal-result.h"

/* Of the summary's list where there is no screen. */
#define SUMMARY_ROWS_DEFAULT 50U
#define HEARTBEAT_USEC       USEC_PER_MINUTE

typedef struct Terminal {
        Reporter reporter;
        TerminalOptions options;
        Style style;
        Buffer text;         /* of the event at hand */
        char *live;          /* the live line as last drawn; NULL: none */
        bool live_is_hidden; /* while a message is written to stderr */
        Tally tally;
        Summary summary;
        char *run_file;            /* named in the end; NULL: not known */
        bool written;              /* since the last update */
        uint64_t quiet_since_usec; /* run time of the last output */
} Terminal;

/* ---- Writing ---- */

/* A terminal that is not UTF-8 may take bytes of it for control characters. */
static void buffer_make_ascii(Buffer *text) {
        size_t size = 0;

        for (size_t i = 0; i < text->size; i++) {
                unsigned char c = (unsigned char)text->data[i];

                if ((c & 0xc0) != 0x80)
                        text->data[size++] = c < 0x80 ? (char)c : '?';
        }
        text->size = size;
}

/* Waits where somebody made the terminal non-blocking. */
static int fd_write_waiting(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0 && errno == EAGAIN) {
                        struct pollfd wait = { .fd = fd, .events = POLLOUT };

                        if (poll(&wait, 1, -1) < 0 && errno != EINTR)
                                return -errno;
                        continue;
                }
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0) {
                        data += n;
                        size -= (size_t)n;
                }
        }
        return 0;
}

static int terminal_write(Terminal *terminal, Buffer *text) {
        if (buffer_error(text) < 0)
                return buffer_error(text);
        if (terminal->style.tty && !terminal->style.utf8)
                buffer_make_ascii(text);
        if (terminal->options.defuse)
                github_defuse(text);
        if (buffer_error(text) < 0)
                return buffer_error(text);
        return fd_write_waiting(terminal->options.fd, text->data, text->size);
}

/* Writes the text above the live line. */
static int terminal_flush(Terminal *terminal) {
        _cleanup_buffer_ Buffer all = {};

        if (terminal->text.size == 0 && buffer_error(&terminal->text) >= 0)
                return 0;
        terminal->written = true;
        if (!terminal->live || terminal->live_is_hidden)
                return terminal_write(terminal, &terminal->text);

        buffer_add_string(&all, "\r\033[J");
        buffer_add(&all, terminal->text.data, terminal->text.size);
        buffer_addf(&all, "%s\r", terminal->live);
        if (buffer_error(&terminal->text) < 0)
                return buffer_error(&terminal->text);
        return terminal_write(terminal, &all);
}

static void terminal_show_live(Terminal *terminal, bool show) {
        _cleanup_buffer_ Buffer all = {};

        if (!terminal->live || terminal->live_is_hidden == !show)
                return;
        terminal->live_is_hidden = !show;
        buffer_add_string(&all, "\r\033[J");
        if (show)
                buffer_addf(&all, "%s\r", terminal->live);
        terminal_write(terminal, &all);
}

static void terminal_on_log(void *userdata, int after) {
        terminal_show_live(userdata, after);
}

/* ---- A test ---- */

static void add_safe(Terminal *terminal, StyleColor color, const char *s) {
        style_add_safe(&terminal->style, &terminal->text, color, s);
}

/* On a screen what is well needs no line; what was not run is told once, in the end. */
static bool result_needs_line(const Terminal *terminal, const Result *result) {
        if (outcome_is_bad(result->outcome) || terminal->options.verbosity == TERMINAL_VERBOSE)
                return true;
        /* What it changed would be a riddle in the counts. */
        if ((result->marks & PTEST_MARK_DIRTY) && terminal->options.verbosity != TERMINAL_QUIET)
                return true;
        if (terminal->options.verbosity == TERMINAL_QUIET ||
            result->outcome == PTEST_OUTCOME_NOT_RUN)
                return false;
        return !terminal->style.tty;
}

static int terminal_on_fixture_failed(Terminal *terminal, const Result *result) {
        int r = summary_add(&terminal->summary, result);

        if (r < 0)
                return r;
        terminal_result_add_line(&terminal->style, &terminal->text, result, &terminal->tally);
        terminal_result_add_details(&terminal->style, &terminal->text, result);
        return terminal_flush(terminal);
}

/* Who goes on with a run has seen it: failures come once more in the end. */
static bool event_is_news(const Terminal *terminal, const Event *event) {
        return terminal->options.verbosity == TERMINAL_VERBOSE ||
                        sd_id128_is_null(event->carried_from);
}

static int terminal_on_test_finished(Terminal *terminal, const Event *event) {
        const Result *result = event->result;
        int r;

        tally_add(&terminal->tally, result->outcome, result->marks);
        r = summary_add(&terminal->summary, result);
        if (r < 0)
                return r;
        summary_add_carried(&terminal->summary, event->carried_from);
        if (!result_needs_line(terminal, result) || !event_is_news(terminal, event))
                return 0;

        terminal_result_add_line(&terminal->style, &terminal->text, result, &terminal->tally);
        if (outcome_is_bad(result->outcome))
                terminal_result_add_details(&terminal->style, &terminal->text, result);
        else
                terminal_result_add_dirty(&terminal->style, &terminal->text, result);
        return terminal_flush(terminal);
}

/* It is not its test's outcome, which comes later and is counted. */
static int terminal_on_attempt_finished(Terminal *terminal, const Event *event) {
        const Result *result = event->result;
        bool bad = outcome_is_bad(result->outcome);
        bool verbose = terminal->options.verbosity == TERMINAL_VERBOSE;
        Buffer *text = &terminal->text;
        _cleanup_free_ char *part = NULL;

        if (terminal->options.verbosity == TERMINAL_QUIET || (!bad && !verbose) ||
            !event_is_news(terminal, event))
                return 0;
        add_safe(terminal, STYLE_PLAIN, result->address);
        if (text_setf(&part,
                      "  attempt %u of %u: %s",
                      result->attempt,
                      MAX(result->attempts, result->attempt),
                      outcome_to_string(result->outcome)) < 0)
                return -ENOMEM;
        style_add(&terminal->style, text, bad ? STYLE_WARNING : STYLE_DIM, part);
        if (result->reason) {
                buffer_add_string(text, ": ");
                add_safe(terminal, STYLE_PLAIN, result->reason);
        }
        terminal_result_add_duration_and_marks(&terminal->style, text, result);
        buffer_add_string(text, ", again\n");
        if (bad && verbose)
                terminal_result_add_details(&terminal->style, &terminal->text, result);
        return terminal_flush(terminal);
}

/* ---- A run ---- */

static int terminal_on_run_started(Terminal *terminal, const Event *event) {
        Buffer *text = &terminal->text;

        terminal->tally.planned = event->run_started.planned;
        free(terminal->run_file);
        terminal->run_file = event->run_started.run_file ? strdup(event->run_started.run_file) :
                                                           NULL;
        if (event->run_started.run_file && !terminal->run_file)
                return -ENOMEM;
        if (terminal->options.verbosity == TERMINAL_QUIET)
                return 0;
        add_safe(terminal, STYLE_BOLD, event->suite);
        buffer_addf(text,
                    ": %zu %s, %u %s, ",
                    event->run_started.planned,
                    event->run_started.planned == 1 ? "test" : "tests",
                    event->run_started.workers,
                    event->run_started.workers == 1 ? "worker" : "workers");
        add_safe(terminal, STYLE_PLAIN, event->run_started.backend ?: "unknown");
        buffer_add_string(text, " backend");
        summary_add_origin(text, event);
        buffer_add(text, "\n", 1);
        if (event->run_started.degraded) {
                add_safe(terminal, STYLE_WARNING, event->run_started.degraded);
                buffer_add(text, "\n", 1);
        }
        return terminal_flush(terminal);
}

/* The total has grown, which is said in the end; who found what is for those who want to know all. */
static int terminal_on_tests_found(Terminal *terminal, const Event *event) {
        Buffer *text = &terminal->text;
        _cleanup_free_ char *part = NULL;

        terminal->tally.planned = event->tests_found.planned;
        terminal->summary.n_found += event->tests_found.found;
        if (terminal->options.verbosity != TERMINAL_VERBOSE || event->tests_found.found == 0)
                return 0;
        if (text_setf(&part,
                      "+%zu found by %s",
                      event->tests_found.found,
                      event->tests_found.test) < 0)
                return -ENOMEM;
        add_safe(terminal, STYLE_DIM, part);
        buffer_add(text, "\n", 1);
        return terminal_flush(terminal);
}

static int terminal_on_worker(Terminal *terminal, const Event *event) {
        const EventWorker *worker = &event->worker;
        bool trouble = event->kind == EVENT_WORKER_STUCK || event->kind == EVENT_WORKER_LOST;
        _cleanup_buffer_ Buffer line = {};
        _cleanup_free_ char *s = NULL;

        if (terminal->options.verbosity != TERMINAL_VERBOSE &&
            (!trouble || terminal->options.verbosity == TERMINAL_QUIET))
                return 0;
        buffer_addf(&line,
                    "%s: w%ug%u",
                    event_kind_to_string(event->kind),
                    worker->slot,
                    worker->generation);
        if (worker->unit)
                buffer_addf(&line, " in %s", worker->unit);
        if (worker->test)
                buffer_addf(&line, " at %s", worker->test);
        if (worker->why)
                buffer_addf(&line, ": %s", worker->why);
        s = buffer_take_string(&line);
        if (!s)
                return -ENOMEM;
        add_safe(terminal, trouble ? STYLE_WARNING : STYLE_DIM, s);
        buffer_add(&terminal->text, "\n", 1);
        return terminal_flush(terminal);
}

/* A shell writes where the live line was; the next update draws it again. */
static int terminal_on_pause(Terminal *terminal, const Event *event) {
        Buffer *text = &terminal->text;

        terminal_show_live(terminal, false);
        free(TAKE_PTR(terminal->live));
        terminal->live_is_hidden = false;

        if (terminal->options.verbosity == TERMINAL_QUIET)
                return 0;
        if (event->kind == EVENT_RUN_PAUSED)
                buffer_addf(text,
                            "Paused, %zu %s running\n",
                            event->pause.running,
                            event->pause.running == 1 ? "test" : "tests");
        else {
                buffer_add_string(text, "Going on after a pause of ");
                style_add_age(text, event->pause.away_usec);
                buffer_add(text, "\n", 1);
        }
        return terminal_flush(terminal);
}

/* The failures again, where they would not be in sight anyhow: at most a screen of them. */
static void add_failures(Terminal *terminal) {
        size_t columns = 0, rows = SUMMARY_ROWS_DEFAULT;

        if (terminal->style.tty) {
                columns = style_get_columns(terminal->options.fd);
                rows = style_get_rows(terminal->options.fd);
                rows = rows > 18 ? rows - 8 : 10;
        }
        summary_add_failures(&terminal->summary, &terminal->style, &terminal->text, columns, rows);
}

static void add_records(Terminal *terminal, const Event *event) {
        /* When the run is over its file is compressed, and has another name. */
        const char *file = event->run_finished.run_file ?: terminal->run_file;
        Buffer *text = &terminal->text;

        if (!file)
                return;
        if (terminal->summary.n_bad > 0)
                buffer_add_string(text, "ptest log ADDRESS shows a test's output; records in ");
        else
                buffer_add_string(text, "Records in ");
        add_safe(terminal, STYLE_PLAIN, file);
        buffer_add(text, "\n", 1);
}

static int terminal_on_run_finished(Terminal *terminal, const Event *event) {
        bool quiet = terminal->options.verbosity == TERMINAL_QUIET;

        terminal_show_live(terminal, false);
        free(TAKE_PTR(terminal->live));
        terminal->live_is_hidden = false;

        if (!quiet) {
                add_failures(terminal);
                buffer_add(&terminal->text, "\n", 1);
        }
        summary_add_verdict(&terminal->summary, &terminal->style, &terminal->text, event);
        if (!quiet)
                add_records(terminal, event);
        return terminal_flush(terminal);
}

static int terminal_on_event(Reporter *reporter, const Event *event) {
        Terminal *terminal = (Terminal *)reporter;

        buffer_reset(&terminal->text, 64 * KIB);
        switch (event->kind) {
        case EVENT_RUN_STARTED:
                return terminal_on_run_started(terminal, event);
        case EVENT_RUN_FINISHED:
                return terminal_on_run_finished(terminal, event);
        case EVENT_TEST_FINISHED:
                return terminal_on_test_finished(terminal, event);
        case EVENT_FIXTURE_FAILED:
                return terminal_on_fixture_failed(terminal, event->result);
        case EVENT_ATTEMPT_FINISHED:
                return terminal_on_attempt_finished(terminal, event);
        case EVENT_TESTS_FOUND:
                return terminal_on_tests_found(terminal, event);
        case EVENT_RUN_PAUSED:
        case EVENT_RUN_CONTINUED:
                return terminal_on_pause(terminal, event);
        default:
                return terminal_on_worker(terminal, event);
        }
}

/* ---- Progress ---- */

static void terminal_draw_live(Terminal *terminal, const TerminalProgress *progress) {
        unsigned columns = style_get_columns(terminal->options.fd);
        _cleanup_buffer_ Buffer line = {}, all = {};
        char *s;

        /* The last column stays free: some terminals go to the next line when it is written. */
        live_line_add(&terminal->style, &line, progress, columns - 1);
        s = buffer_take_string(&line);
        if (!s)
                return;
        if (terminal->live && strcmp(terminal->live, s) == 0) {
                free(s);
                return;
        }
        free(terminal->live);
        terminal->live = s;
        if (terminal->live_is_hidden)
                return;
        buffer_addf(&all, "\r%s\033[J\r", s);
        terminal_write(terminal, &all);
}

/* Time is the run's own, as the caller tells it. */
static void terminal_beat(Terminal *terminal, const TerminalProgress *progress) {
        if (terminal->written) {
                terminal->written = false;
                terminal->quiet_since_usec = progress->elapsed_usec;
        }
        if (progress->elapsed_usec < usec_add(terminal->quiet_since_usec, HEARTBEAT_USEC))
                return;
        terminal->quiet_since_usec = progress->elapsed_usec;
        buffer_reset(&terminal->text, 64 * KIB);
        heartbeat_add(&terminal->style, &terminal->text, progress);
        terminal_write(terminal, &terminal->text);
}

void terminal_update(Reporter *reporter, const TerminalProgress *progress) {
        Terminal *terminal = (Terminal *)reporter;

        if (terminal->options.verbosity == TERMINAL_QUIET)
                return;
        if (terminal->style.tty)
                terminal_draw_live(terminal, progress);
        else
                terminal_beat(terminal, progress);
}

/* ---- Life ---- */

static void terminal_free(Reporter *reporter) {
        Terminal *terminal = (Terminal *)reporter;

        log_set_hook(NULL, NULL);
        terminal_show_live(terminal, false);
        free(terminal->live);
        buffer_done(&terminal->text);
        summary_done(&terminal->summary);
        free(terminal->run_file);
        style_done(&terminal->style);
        free(terminal);
}

int terminal_new(const TerminalOptions *options, Reporter **ret) {
        static const ReporterVTable vtable = { .on_event = terminal_on_event,
                                               .free = terminal_free };
        Terminal *terminal;

        assert(options && options->fd >= 0);
        assert(ret);

        terminal = calloc(1, sizeof(Terminal));
        if (!terminal)
                return -ENOMEM;
        terminal->reporter.vtable = &vtable;
        terminal->options = *options;
        style_init(&terminal->style, options->fd, options->color);
        if (options->log)
                terminal->style.tty = false;
        log_set_hook(terminal_on_log, terminal);
        *ret = &terminal->reporter;
        return 0;
}
