/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * From events to records. A field that would say nothing (0, NULL, unknown) is left out, and means just that
 * when it is read back.
 */

#include "record/event.h"

#include "ptest/journal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <syslog.h>

#include "basic/parse.h"
#include "basic/strv.h"
#include "record/event-kind.h"
#include "record/event-list.h"

static int put_string(Record *record, const char *name, const char *value) {
        return value ? record_add_string(record, name, value) : 0;
}

static int put_id(Record *record, const char *name, sd_id128_t id) {
        char string[SD_ID128_STRING_MAX];

        return sd_id128_is_null(id) ?
                        0 :
                        record_add_string(record, name, sd_id128_to_string(id, string));
}

static int put_number(Record *record, const char *name, uint64_t value) {
        return value > 0 ? record_addf(record, name, "%" PRIu64, value) : 0;
}

/* A line for a person, whatever is in the strings that it is made of. */
static int put_message(Record *record, Buffer *line) {
        if (buffer_error(line) < 0)
                return buffer_error(line);
        for (size_t i = 0; i < line->size; i++)
                if ((unsigned char)line->data[i] < ' ' || line->data[i] == 0x7f)
                        line->data[i] = ' ';
        return record_add(record, "MESSAGE", line->data, line->size);
}

static int event_get_priority(const Event *event) {
        switch (event->kind) {
        case EVENT_TEST_FINISHED:
                if (outcome_is_bad(event->result->outcome))
                        return LOG_ERR;
                if (event->result->outcome == PTEST_OUTCOME_NOT_RUN)
                        return LOG_WARNING;
                return event->result->marks != 0 ? LOG_NOTICE : LOG_INFO;
        case EVENT_ATTEMPT_FINISHED:
                return outcome_is_bad(event->result->outcome) ? LOG_WARNING : LOG_INFO;
        case EVENT_RUN_FINISHED:
                return event->run_finished.verdict == VERDICT_PASSED ? LOG_NOTICE : LOG_ERR;
        case EVENT_WORKER_STUCK:
                return LOG_WARNING;
        case EVENT_WORKER_LOST:
        case EVENT_FIXTURE_FAILED:
                return LOG_ERR;
        default:
                return LOG_INFO;
        }
}

static void message_add_result(Buffer *line, const Event *event) {
        const Result *result = event->result;
        char duration[FORMAT_MAX];

        buffer_addf(line, "%s: ", result->address);
        if (event->kind == EVENT_ATTEMPT_FINISHED)
                buffer_addf(line,
                            "attempt %u of %u: ",
                            result->attempt,
                            MAX(result->attempts, result->attempt));
        buffer_add_string(line, outcome_to_string(result->outcome));
        if (result->reason) {
                buffer_add_string(line, ": ");
                buffer_add_string(line, result->reason);
        }
        if (result->start_usec > 0)
                buffer_addf(line, " (%s)", format_time(duration, result->duration_usec));
        for (unsigned bit = PTEST_MARK_SLOW; bit < PTEST_MARK_END; bit <<= 1)
                if (result->marks & bit)
                        buffer_addf(line, " [%s]", mark_to_string((PtestMark)bit));
        if (!sd_id128_is_null(event->carried_from)) {
                char id[SD_ID128_STRING_MAX];

                buffer_addf(line,
                            " [carried over from run %.8s]",
                            sd_id128_to_string(event->carried_from, id));
        }
}

static void message_add_run_finished(Buffer *line, const Event *event) {
        const Tally *tally = &event->run_finished.tally;
        char duration[FORMAT_MAX];

        buffer_addf(line,
                    "%s: run %s",
                    event->suite,
                    verdict_to_string(event->run_finished.verdict));
        if (event->run_finished.reason) {
                buffer_add_string(line, ": ");
                buffer_add_string(line, event->run_finished.reason);
        }
        buffer_addf(line, "; %zu tests", tally->planned);
        for (Outcome outcome = 0; outcome < PTEST_OUTCOME_MAX; outcome++)
                if (tally->count[outcome] > 0)
                        buffer_addf(line,
                                    ", %zu %s",
                                    tally->count[outcome],
                                    outcome_to_string(outcome));
        buffer_addf(line, " (%s)", format_time(duration, event->run_finished.duration_usec));
}

static void message_add_worker(Buffer *line, const Event *event) {
        const EventWorker *worker = &event->worker;

        buffer_addf(line,
                    "%s: %s: w%ug%u",
                    event->suite,
                    event_kind_to_string(event->kind),
                    worker->slot,
                    worker->generation);
        if (worker->unit)
                buffer_addf(line, " in %s", worker->unit);
        if (worker->test)
                buffer_addf(line, " at %s", worker->test);
        if (worker->why)
                buffer_addf(line, ": %s", worker->why);
}

static void message_add_tests_found(Buffer *line, const Event *event) {
        buffer_addf(line,
                    "%s: found %zu %s, %zu in all",
                    event->tests_found.test,
                    event->tests_found.found,
                    event->tests_found.found == 1 ? "test" : "tests",
                    event->tests_found.planned);
        if (event->tests_found.duplicates > 0)
                buffer_addf(line,
                            "; %zu more %s there already",
                            event->tests_found.duplicates,
                            event->tests_found.duplicates == 1 ? "was" : "were");
}

static void message_add_pause(Buffer *line, const Event *event) {
        char away[FORMAT_MAX];

        if (event->kind == EVENT_RUN_CONTINUED)
                buffer_addf(line,
                            "%s: run continued after a pause of %s",
                            event->suite,
                            format_time(away, event->pause.away_usec));
        else
                buffer_addf(line,
                            "%s: run paused, %zu %s running",
                            event->suite,
                            event->pause.running,
                            event->pause.running == 1 ? "test" : "tests");
}

static void message_add(Buffer *line, const Event *event) {
        switch (event->kind) {
        case EVENT_RUN_STARTED:
                buffer_addf(line,
                            "%s: run started: %zu tests, %u workers, %s backend",
                            event->suite,
                            event->run_started.planned,
                            event->run_started.workers,
                            event->run_started.backend ?: "unknown");
                return;
        case EVENT_RUN_FINISHED:
                message_add_run_finished(line, event);
                return;
        case EVENT_TEST_FINISHED:
        case EVENT_ATTEMPT_FINISHED:
        case EVENT_FIXTURE_FAILED:
                message_add_result(line, event);
                return;
        case EVENT_TESTS_FOUND:
                message_add_tests_found(line, event);
                return;
        case EVENT_RUN_PAUSED:
        case EVENT_RUN_CONTINUED:
                message_add_pause(line, event);
                return;
        default:
                message_add_worker(line, event);
        }
}

static int put_head(Record *record, const Event *event) {
        char id[SD_ID128_STRING_MAX];
        _cleanup_buffer_ Buffer line = {};
        int r;

        message_add(&line, event);
        r = put_message(record, &line);
        if (r >= 0)
                r = record_add_string(record, "MESSAGE_ID", event_kind_get_message_id(event->kind));
        if (r >= 0)
                r = record_addf(record, "PRIORITY", "%i", event_get_priority(event));
        if (r >= 0)
                r = record_add_string(record, "SYSLOG_IDENTIFIER", "ptest");
        if (r >= 0)
                r = record_add_string(
                                record, PTEST_FIELD_RUN_ID, sd_id128_to_string(event->run_id, id));
        if (r >= 0)
                r = record_add_string(record, PTEST_FIELD_SUITE, event->suite);
        if (r >= 0)
                r = put_number(record, PTEST_FIELD_TIME, event->time_usec);
        return r;
}

static int put_texts(Record *record, const char *name, char *const *texts) {
        _cleanup_buffer_ Buffer list = {};

        event_list_add_texts(&list, texts);
        if (buffer_error(&list) < 0)
                return buffer_error(&list);
        return list.size > 0 ? record_add(record, name, list.data, list.size) : 0;
}

/* What another run, or only a part of the suite, has to do with it. */
static int put_run_again(Record *record, const Event *event) {
        int r;

        r = put_string(record, PTEST_FIELD_WORKING_DIRECTORY, event->run_started.working_directory);
        if (r >= 0)
                r = put_id(record, PTEST_FIELD_RESUMES, event->run_started.resumes);
        if (r >= 0)
                r = put_id(record, PTEST_FIELD_RERUN_OF, event->run_started.rerun_of);
        if (r >= 0)
                r = put_string(record, PTEST_FIELD_SEED, event->run_started.seed);
        if (r >= 0)
                r = put_string(record, PTEST_FIELD_SHARD, event->run_started.shard);
        return r < 0 ? r : put_texts(record, PTEST_FIELD_PATTERNS, event->run_started.patterns);
}

static int put_run_started(Record *record, const Event *event) {
        int r;

        r = put_string(record, PTEST_FIELD_DESCRIPTION, event->run_started.description);
        if (r >= 0)
                r = put_string(record, PTEST_FIELD_VERSION, event->run_started.version);
        if (r >= 0)
                r = put_number(record, PTEST_FIELD_PLANNED, event->run_started.planned);
        if (r >= 0)
                r = put_number(record, PTEST_FIELD_GROWS, event->run_started.grows);
        if (r >= 0)
                r = put_number(record, PTEST_FIELD_WORKERS, event->run_started.workers);
        if (r >= 0)
                r = put_string(record, PTEST_FIELD_BACKEND, event->run_started.backend);
        if (r >= 0)
                r = put_string(record, PTEST_FIELD_HOSTNAME, event->run_started.hostname);
        if (r >= 0)
                r = put_string(record, PTEST_FIELD_COMMAND, event->run_started.command);
        if (r >= 0)
                r = put_string(record, PTEST_FIELD_RUN_FILE, event->run_started.run_file);
        if (r >= 0)
                r = put_string(record, PTEST_FIELD_DEGRADED, event->run_started.degraded);
        if (r >= 0)
                r = put_run_again(record, event);
        strv_for_each(capability, event->run_started.capabilities)
                if (r >= 0)
                        r = record_add_string(record, PTEST_FIELD_CAPABILITY, *capability);
        return r < 0 ? r : put_texts(record, PTEST_FIELD_PRESSURE, event->pressure);
}

static int put_count(Record *record, const char *word, size_t count) {
        return count > 0 ? record_addf(record, PTEST_FIELD_COUNT, "%s=%zu", word, count) : 0;
}

static int put_run_finished(Record *record, const Event *event) {
        const Tally *tally = &event->run_finished.tally;
        int r;

        r = record_add_string(
                        record,
                        PTEST_FIELD_VERDICT,
                        verdict_to_string(event->run_finished.verdict));
        if (r >= 0)
                r = put_string(record, PTEST_FIELD_REASON, event->run_finished.reason);
        if (r >= 0)
                r = put_number(record, PTEST_FIELD_PLANNED, tally->planned);
        if (r >= 0)
                r = put_number(record, PTEST_FIELD_DURATION, event->run_finished.duration_usec);
        if (r >= 0)
                r = put_number(record, PTEST_FIELD_JOURNAL_LOST, event->run_finished.journal_lost);
        if (r >= 0)
                r = put_string(record, PTEST_FIELD_RUN_FILE, event->run_finished.run_file);
        for (Outcome outcome = 0; outcome < PTEST_OUTCOME_MAX && r >= 0; outcome++)
                r = put_count(record, outcome_to_string(outcome), tally->count[outcome]);
        if (r >= 0)
                r = put_count(record, mark_to_string(PTEST_MARK_SLOW), tally->marked_slow);
        if (r >= 0)
                r = put_count(record, mark_to_string(PTEST_MARK_FLAKY), tally->marked_flaky);
        if (r >= 0)
                r = put_count(record, mark_to_string(PTEST_MARK_LEAKY), tally->marked_leaky);
        if (r >= 0)
                r = put_count(record, mark_to_string(PTEST_MARK_DIRTY), tally->marked_dirty);
        return r < 0 ? r : put_texts(record, PTEST_FIELD_PRESSURE, event->pressure);
}

static int put_output(
                Record *record,
                const char *name,
                const char *size_name,
                const ResultOutput *output) {
        int r = 0;

        if (output->size > 0)
                r = record_add(record, name, output->data, output->size);
        if (r >= 0 && output->total != output->size)
                r = record_addf(record, size_name, "%" PRIu64, output->total);
        return r;
}

static int put_lists(Record *record, const Result *result) {
        _cleanup_buffer_ Buffer points = {};
        int r = 0;

        for (size_t i = 0; i < result->n_points; i++)
                event_list_add_point(&points, result->points + i);
        if (buffer_error(&points) < 0)
                return buffer_error(&points);

        if (points.size > 0)
                r = record_add(record, PTEST_FIELD_POINTS, points.data, points.size);
        if (r >= 0)
                r = put_texts(record, PTEST_FIELD_LEAKS, result->leaks);
        if (r >= 0)
                r = put_texts(record, PTEST_FIELD_DIRTY, result->dirty);
        if (r >= 0)
                r = put_texts(record, PTEST_FIELD_BACKTRACE, result->backtrace);
        if (r >= 0)
                r = put_texts(record, PTEST_FIELD_STUCK, result->stuck);
        if (r >= 0)
                r = put_texts(record, PTEST_FIELD_FILES, result->files);
        if (r >= 0)
                r = put_string(record, PTEST_FIELD_DIRECTORY, result->directory);
        if (r >= 0)
                r = put_string(record, PTEST_FIELD_ORDER, result->order);
        return r;
}

static int put_known(Record *record, const char *name, uint64_t number, uint64_t unknown) {
        return number == unknown ? 0 : record_addf(record, name, "%" PRIu64, number);
}

static int put_memory_and_io(Record *record, const Result *result) {
        int r;

        r = put_known(record, PTEST_FIELD_MEMORY_PEAK, result->memory_peak, SIZE_UNKNOWN);
        if (r >= 0)
                r = put_known(record, PTEST_FIELD_TASKS_PEAK, result->tasks_peak, UINT64_MAX);
        if (r >= 0)
                r = put_known(record, PTEST_FIELD_IO_READ, result->read_bytes, SIZE_UNKNOWN);
        if (r >= 0)
                r = put_known(record, PTEST_FIELD_IO_WRITE, result->write_bytes, SIZE_UNKNOWN);
        if (r >= 0)
                r = put_string(record,
                               PTEST_FIELD_OOM_OWNER,
                               oom_owner_to_string(result->oom_owner));
        if (r >= 0)
                r = put_known(record, PTEST_FIELD_OOM_LIMIT, result->oom_limit, SIZE_INFINITY);
        return r < 0 ? r : put_string(record, PTEST_FIELD_OOM_VICTIM, result->oom_victim);
}

static int put_where_and_when(Record *record, const Result *result) {
        int r;

        r = put_number(record, PTEST_FIELD_ATTEMPT, result->attempt);
        if (r >= 0 && result->attempts > 1)
                r = put_number(record, PTEST_FIELD_ATTEMPTS, result->attempts);
        if (r >= 0)
                r = put_number(record, PTEST_FIELD_SLOT, result->slot);
        if (r >= 0)
                r = put_number(record, PTEST_FIELD_GENERATION, result->generation);
        if (r >= 0)
                r = put_number(record, PTEST_FIELD_START, result->start_usec);
        if (r >= 0)
                r = put_number(record, PTEST_FIELD_DURATION, result->duration_usec);
        if (r >= 0)
                r = put_number(record, PTEST_FIELD_CPU_USER, result->cpu_user_usec);
        if (r >= 0)
                r = put_number(record, PTEST_FIELD_CPU_SYSTEM, result->cpu_system_usec);
        return r < 0 ? r : put_memory_and_io(record, result);
}

static int put_identity(Record *record, const Event *event) {
        int r;

        if (event->kind != EVENT_FIXTURE_FAILED)
                return record_add_string(record, PTEST_FIELD_TEST, event->result->address);
        r = record_add_string(record, PTEST_FIELD_CONTEXT, event->fixture.context);
        return r < 0 ? r :
                       record_add_string(
                                       record,
                                       PTEST_FIELD_FIXTURE,
                                       event->fixture.tear_down ? "tear-down" : "set-up");
}

static int put_result(Record *record, const Event *event) {
        const Result *result = event->result;
        int r;

        r = put_identity(record, event);
        if (r >= 0)
                r = put_id(record, PTEST_FIELD_CARRIED_FROM, event->carried_from);
        if (r >= 0)
                r = record_add_string(
                                record, PTEST_FIELD_OUTCOME, outcome_to_string(result->outcome));
        if (r >= 0)
                r = put_string(record, PTEST_FIELD_REASON, result->reason);
        for (unsigned bit = PTEST_MARK_SLOW; bit < PTEST_MARK_END && r >= 0; bit <<= 1)
                if (result->marks & bit)
                        r = record_add_string(
                                        record, PTEST_FIELD_MARK, mark_to_string((PtestMark)bit));
        if (r >= 0)
                r = put_where_and_when(record, result);
        if (r >= 0 && result->exit_status >= 0)
                r = record_addf(record, PTEST_FIELD_EXIT_STATUS, "%i", result->exit_status);
        if (r >= 0 && result->signal > 0)
                r = record_add_string(record, PTEST_FIELD_SIGNAL, signal_to_name(result->signal));
        if (r >= 0 && result->core_dumped)
                r = record_add_string(record, PTEST_FIELD_CORE, "1");
        if (r >= 0)
                r = put_lists(record, result);
        if (r >= 0)
                r = put_output(record, PTEST_FIELD_STDOUT, PTEST_FIELD_STDOUT_SIZE, &result->out);
        if (r >= 0)
                r = put_output(record, PTEST_FIELD_STDERR, PTEST_FIELD_STDERR_SIZE, &result->err);
        return r;
}

static int put_tests_found(Record *record, const Event *event) {
        int r;

        r = record_add_string(record, PTEST_FIELD_TEST, event->tests_found.test);
        if (r >= 0)
                r = put_number(record, PTEST_FIELD_FOUND, event->tests_found.found);
        if (r >= 0)
                r = put_number(record, PTEST_FIELD_DUPLICATES, event->tests_found.duplicates);
        if (r >= 0)
                r = put_number(record, PTEST_FIELD_PLANNED, event->tests_found.planned);
        return r;
}

static int put_pause(Record *record, const Event *event) {
        int r = put_number(record, PTEST_FIELD_RUNNING, event->pause.running);

        return r < 0 ? r : put_number(record, PTEST_FIELD_AWAY, event->pause.away_usec);
}

static int put_worker(Record *record, const EventWorker *worker) {
        int r;

        r = put_number(record, PTEST_FIELD_SLOT, worker->slot);
        if (r >= 0)
                r = put_number(record, PTEST_FIELD_GENERATION, worker->generation);
        if (r >= 0 && worker->pid > 0)
                r = put_number(record, PTEST_FIELD_PID, (uint64_t)worker->pid);
        if (r >= 0)
                r = put_string(record, PTEST_FIELD_UNIT, worker->unit);
        if (r >= 0)
                r = put_string(record, PTEST_FIELD_WHY, worker->why);
        if (r >= 0)
                r = put_string(record, PTEST_FIELD_TEST, worker->test);
        if (r >= 0)
                r = put_texts(record, PTEST_FIELD_STUCK, worker->stuck);
        return r;
}

int event_fill_record(const Event *event, Record *record) {
        int r;

        assert(event);
        assert(record && record->n_fields == 0);
        assert((event->kind != EVENT_TEST_FINISHED && event->kind != EVENT_ATTEMPT_FINISHED &&
                event->kind != EVENT_FIXTURE_FAILED) ||
               event->result);

        r = put_head(record, event);
        if (r < 0)
                return r;
        switch (event->kind) {
        case EVENT_RUN_STARTED:
                return put_run_started(record, event);
        case EVENT_RUN_FINISHED:
                return put_run_finished(record, event);
        case EVENT_TEST_FINISHED:
        case EVENT_ATTEMPT_FINISHED:
        case EVENT_FIXTURE_FAILED:
                return put_result(record, event);
        case EVENT_TESTS_FOUND:
                return put_tests_found(record, event);
        case EVENT_RUN_PAUSED:
        case EVENT_RUN_CONTINUED:
                return put_pause(record, event);
        default:
                return put_worker(record, &event->worker);
        }
}

int event_to_record(const Event *event, Record **ret) {
        _cleanup_(record_freep) Record *record = NULL;
        int r;

        assert(ret);

        r = record_new(&record);
        if (r < 0)
                return r;
        r = event_fill_record(event, record);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(record);
        return 0;
}
