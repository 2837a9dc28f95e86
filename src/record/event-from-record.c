/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * From records back to events. A record may come from anybody who can write to the journal, or from a
 * damaged file: each value is checked.
 */

#include "record/event.h"

#include "ptest/journal.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "basic/parse.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "model/address.h"
#include "record/event-kind.h"
#include "record/event-list.h"

/* Untouched if the field is not there. */
static int get_string(const Record *record, const char *name, char **ret) {
        const char *value;
        char *s;

        if (!record_find(record, name))
                return 0;
        value = record_get(record, name);
        if (!value)
                return -EBADMSG;
        s = strdup(value);
        if (!s)
                return -ENOMEM;
        free(*ret);
        *ret = s;
        return 0;
}

/* Untouched if the field is not there. */
static int get_id(const Record *record, const char *name, sd_id128_t *ret) {
        const char *value;

        if (!record_find(record, name))
                return 0;
        value = record_get(record, name);
        return value && sd_id128_from_string(value, ret) >= 0 ? 0 : -EBADMSG;
}

/* Untouched if the field is not there. */
static int get_number(const Record *record, const char *name, uint64_t max, uint64_t *ret) {
        const char *value;
        uint64_t n;

        if (!record_find(record, name))
                return 0;
        value = record_get(record, name);
        if (!value || parse_uint64(value, &n) < 0 || n > max)
                return -EBADMSG;
        *ret = n;
        return 0;
}

static int get_time(const Record *record, const char *name, uint64_t *ret) {
        return get_number(record, name, UINT64_MAX, ret);
}

static int get_unsigned(const Record *record, const char *name, unsigned *ret) {
        uint64_t n = *ret;
        int r;

        r = get_number(record, name, UINT_MAX, &n);
        if (r >= 0)
                *ret = (unsigned)n;
        return r;
}

static int get_size(const Record *record, const char *name, size_t *ret) {
        uint64_t n = *ret;
        int r;

        r = get_number(record, name, SIZE_MAX, &n);
        if (r >= 0)
                *ret = (size_t)n;
        return r;
}

static int get_texts(const Record *record, const char *name, char ***texts) {
        const RecordField *field = record_find(record, name);

        return field ? event_list_parse_texts(field->data, field->size, texts) : 0;
}

static int get_run_again(const Record *record, Event *event) {
        int r;

        r = get_string(record,
                       PTEST_FIELD_WORKING_DIRECTORY,
                       &event->run_started.working_directory);
        if (r >= 0)
                r = get_id(record, PTEST_FIELD_RESUMES, &event->run_started.resumes);
        if (r >= 0)
                r = get_id(record, PTEST_FIELD_RERUN_OF, &event->run_started.rerun_of);
        if (r >= 0)
                r = get_string(record, PTEST_FIELD_SEED, &event->run_started.seed);
        if (r >= 0)
                r = get_string(record, PTEST_FIELD_SHARD, &event->run_started.shard);
        return r < 0 ? r : get_texts(record, PTEST_FIELD_PATTERNS, &event->run_started.patterns);
}

static int get_run_started(const Record *record, Event *event) {
        int r;

        event->run_started.grows = record_find(record, PTEST_FIELD_GROWS);
        r = get_string(record, PTEST_FIELD_DESCRIPTION, &event->run_started.description);
        if (r >= 0)
                r = get_string(record, PTEST_FIELD_VERSION, &event->run_started.version);
        if (r >= 0)
                r = get_size(record, PTEST_FIELD_PLANNED, &event->run_started.planned);
        if (r >= 0)
                r = get_unsigned(record, PTEST_FIELD_WORKERS, &event->run_started.workers);
        if (r >= 0)
                r = get_string(record, PTEST_FIELD_BACKEND, &event->run_started.backend);
        if (r >= 0)
                r = get_string(record, PTEST_FIELD_HOSTNAME, &event->run_started.hostname);
        if (r >= 0)
                r = get_string(record, PTEST_FIELD_COMMAND, &event->run_started.command);
        if (r >= 0)
                r = get_string(record, PTEST_FIELD_RUN_FILE, &event->run_started.run_file);
        if (r >= 0)
                r = get_string(record, PTEST_FIELD_DEGRADED, &event->run_started.degraded);
        if (r >= 0)
                r = get_run_again(record, event);

        for (const RecordField *field = record_find(record, PTEST_FIELD_CAPABILITY);
             field && r >= 0;
             field = record_find_next(record, field))
                r = strv_extend(&event->run_started.capabilities, field->data);
        return r;
}

/* "word=number"; words that are not known are of a newer version */
static int tally_parse_count(Tally *tally, const char *text) {
        const char *equals = strchr(text, '=');
        Outcome outcome;
        uint64_t count;
        char word[32];

        if (!equals || (size_t)(equals - text) >= sizeof(word) ||
            parse_uint64(equals + 1, &count) < 0 || count > SIZE_MAX)
                return -EBADMSG;
        *(char *)mempcpy(word, text, (size_t)(equals - text)) = '\0';

        outcome = outcome_from_string(word);
        if (outcome >= 0) {
                tally->count[outcome] = (size_t)count;
                return 0;
        }
        switch (mark_from_string(word)) {
        case PTEST_MARK_SLOW:
                tally->marked_slow = (size_t)count;
                break;
        case PTEST_MARK_FLAKY:
                tally->marked_flaky = (size_t)count;
                break;
        case PTEST_MARK_DIRTY:
                tally->marked_dirty = (size_t)count;
                break;
        case PTEST_MARK_LEAKY:
                tally->marked_leaky = (size_t)count;
                break;
        case PTEST_MARK_END:
                break;
        }
        return 0;
}

static int get_run_finished(const Record *record, Event *event) {
        const char *verdict = record_get(record, PTEST_FIELD_VERDICT);
        int r;

        event->run_finished.verdict = verdict ? verdict_from_string(verdict) : VERDICT_INVALID;
        if (event->run_finished.verdict < 0)
                return -EBADMSG;

        r = get_string(record, PTEST_FIELD_REASON, &event->run_finished.reason);
        if (r >= 0)
                r = get_size(record, PTEST_FIELD_PLANNED, &event->run_finished.tally.planned);
        if (r >= 0)
                r = get_time(record, PTEST_FIELD_DURATION, &event->run_finished.duration_usec);
        if (r >= 0)
                r = get_size(record, PTEST_FIELD_JOURNAL_LOST, &event->run_finished.journal_lost);
        if (r >= 0)
                r = get_string(record, PTEST_FIELD_RUN_FILE, &event->run_finished.run_file);
        for (const RecordField *field = record_find(record, PTEST_FIELD_COUNT); field && r >= 0;
             field = record_find_next(record, field))
                r = tally_parse_count(&event->run_finished.tally, field->data);
        return r;
}

static int get_output(
                const Record *record,
                const char *name,
                const char *size_name,
                ResultOutput *output) {
        const RecordField *field = record_find(record, name);

        if (field && field->size > 0) {
                output->data = malloc(field->size + 1);
                if (!output->data)
                        return -ENOMEM;
                memcpy(output->data, field->data, field->size + 1);
                output->size = field->size;
        }
        output->total = output->size;
        return get_time(record, size_name, &output->total);
}

static int get_end(const Record *record, Result *result) {
        const char *name = record_get(record, PTEST_FIELD_SIGNAL);
        uint64_t status = UINT64_MAX;
        int r;

        r = get_number(record, PTEST_FIELD_EXIT_STATUS, INT_MAX, &status);
        if (r < 0)
                return r;
        if (status != UINT64_MAX)
                result->exit_status = (int)status;
        if (name && parse_signal(name, &result->signal) < 0)
                return -EBADMSG;
        result->core_dumped = record_find(record, PTEST_FIELD_CORE);
        return 0;
}

static int get_memory_and_io(const Record *record, Result *result) {
        const char *owner = record_get(record, PTEST_FIELD_OOM_OWNER);
        int r;

        r = get_time(record, PTEST_FIELD_MEMORY_PEAK, &result->memory_peak);
        if (r >= 0)
                r = get_time(record, PTEST_FIELD_TASKS_PEAK, &result->tasks_peak);
        if (r >= 0)
                r = get_time(record, PTEST_FIELD_IO_READ, &result->read_bytes);
        if (r >= 0)
                r = get_time(record, PTEST_FIELD_IO_WRITE, &result->write_bytes);
        if (r >= 0)
                r = get_time(record, PTEST_FIELD_OOM_LIMIT, &result->oom_limit);
        if (owner && oom_owner_from_string(owner) >= 0) /* others are of a later version */
                result->oom_owner = oom_owner_from_string(owner);
        return r < 0 ? r : get_string(record, PTEST_FIELD_OOM_VICTIM, &result->oom_victim);
}

static int get_where_and_when(const Record *record, Result *result) {
        int r;

        r = get_unsigned(record, PTEST_FIELD_ATTEMPT, &result->attempt);
        if (r >= 0)
                r = get_unsigned(record, PTEST_FIELD_ATTEMPTS, &result->attempts);
        if (r >= 0)
                r = get_unsigned(record, PTEST_FIELD_SLOT, &result->slot);
        if (r >= 0)
                r = get_unsigned(record, PTEST_FIELD_GENERATION, &result->generation);
        if (r >= 0)
                r = get_time(record, PTEST_FIELD_START, &result->start_usec);
        if (r >= 0)
                r = get_time(record, PTEST_FIELD_DURATION, &result->duration_usec);
        if (r >= 0)
                r = get_time(record, PTEST_FIELD_CPU_USER, &result->cpu_user_usec);
        if (r >= 0)
                r = get_time(record, PTEST_FIELD_CPU_SYSTEM, &result->cpu_system_usec);
        if (r >= 0)
                r = get_memory_and_io(record, result);
        return r;
}

static int get_lists(const Record *record, Result *result) {
        const RecordField *points = record_find(record, PTEST_FIELD_POINTS);
        int r = 0;

        if (points)
                r = event_list_parse_points(points->data, points->size, result);
        if (r >= 0)
                r = get_texts(record, PTEST_FIELD_LEAKS, &result->leaks);
        if (r >= 0)
                r = get_texts(record, PTEST_FIELD_DIRTY, &result->dirty);
        if (r >= 0)
                r = get_texts(record, PTEST_FIELD_BACKTRACE, &result->backtrace);
        if (r >= 0)
                r = get_texts(record, PTEST_FIELD_STUCK, &result->stuck);
        if (r >= 0)
                r = get_texts(record, PTEST_FIELD_FILES, &result->files);
        if (r >= 0)
                r = get_string(record, PTEST_FIELD_DIRECTORY, &result->directory);
        if (r >= 0)
                r = get_string(record, PTEST_FIELD_ORDER, &result->order);
        return r == -E2BIG ? -EBADMSG : r;
}

/* What a fixture is called; -EBADMSG */
static int get_fixture(const Record *record, Event *event, char **ret_address) {
        const char *context = record_get(record, PTEST_FIELD_CONTEXT);
        const char *fixture = record_get(record, PTEST_FIELD_FIXTURE);

        if (!context || !fixture ||
            (strcmp(fixture, "set-up") != 0 && strcmp(fixture, "tear-down") != 0))
                return -EBADMSG;
        event->fixture.tear_down = fixture[0] == 't';
        event->fixture.context = strdup(context);
        if (!event->fixture.context)
                return -ENOMEM;
        return text_setf(ret_address, "%s (%s)", context, fixture);
}

static int get_result(const Record *record, const char *address, Result **ret) {
        _cleanup_(result_freep) Result *result = NULL;
        const char *outcome = record_get(record, PTEST_FIELD_OUTCOME);
        int r;

        if (!address || !address_is_valid(address) || !outcome || outcome_from_string(outcome) < 0)
                return -EBADMSG;
        r = result_new(address, &result);
        if (r < 0)
                return r;
        result->outcome = outcome_from_string(outcome);
        for (const RecordField *field = record_find(record, PTEST_FIELD_MARK); field;
             field = record_find_next(record, field))
                result->marks |= mark_from_string(field->data);

        r = get_string(record, PTEST_FIELD_REASON, &result->reason);
        if (r >= 0)
                r = get_where_and_when(record, result);
        if (r >= 0)
                r = get_end(record, result);
        if (r >= 0)
                r = get_lists(record, result);
        if (r >= 0)
                r = get_output(record, PTEST_FIELD_STDOUT, PTEST_FIELD_STDOUT_SIZE, &result->out);
        if (r >= 0)
                r = get_output(record, PTEST_FIELD_STDERR, PTEST_FIELD_STDERR_SIZE, &result->err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(result);
        return 0;
}

static int get_tests_found(const Record *record, Event *event) {
        const char *test = record_get(record, PTEST_FIELD_TEST);
        int r;

        if (!test || !address_is_valid(test))
                return -EBADMSG;
        r = get_string(record, PTEST_FIELD_TEST, &event->tests_found.test);
        if (r >= 0)
                r = get_size(record, PTEST_FIELD_FOUND, &event->tests_found.found);
        if (r >= 0)
                r = get_size(record, PTEST_FIELD_DUPLICATES, &event->tests_found.duplicates);
        if (r >= 0)
                r = get_size(record, PTEST_FIELD_PLANNED, &event->tests_found.planned);
        return r;
}

static int get_pause(const Record *record, Event *event) {
        int r = get_size(record, PTEST_FIELD_RUNNING, &event->pause.running);

        return r < 0 ? r : get_time(record, PTEST_FIELD_AWAY, &event->pause.away_usec);
}

static int get_worker(const Record *record, EventWorker *worker) {
        uint64_t pid = 0;
        int r;

        r = get_unsigned(record, PTEST_FIELD_SLOT, &worker->slot);
        if (r >= 0)
                r = get_unsigned(record, PTEST_FIELD_GENERATION, &worker->generation);
        if (r >= 0)
                r = get_number(record, PTEST_FIELD_PID, INT_MAX, &pid);
        if (r >= 0)
                r = get_string(record, PTEST_FIELD_UNIT, &worker->unit);
        if (r >= 0)
                r = get_string(record, PTEST_FIELD_WHY, &worker->why);
        if (r >= 0)
                r = get_string(record, PTEST_FIELD_TEST, &worker->test);
        if (r >= 0)
                r = get_texts(record, PTEST_FIELD_STUCK, &worker->stuck);
        worker->pid = (pid_t)pid;
        return r;
}

int event_from_record(const Record *record, Event **ret) {
        _cleanup_(event_freep) Event *event = NULL;
        _cleanup_free_ char *address = NULL;
        const char *message_id = record_get(record, "MESSAGE_ID");
        const char *run_id = record_get(record, PTEST_FIELD_RUN_ID);
        const char *suite = record_get(record, PTEST_FIELD_SUITE);
        EventKind kind;
        sd_id128_t id;
        int r;

        assert(ret);

        kind = message_id ? event_kind_from_message_id(message_id) : EVENT_KIND_INVALID;
        if (kind < 0 || !suite || !run_id || sd_id128_from_string(run_id, &id) < 0)
                return -EBADMSG;
        r = event_new(kind, id, suite, &event);
        if (r < 0)
                return r;
        r = get_time(record, PTEST_FIELD_TIME, &event->time_usec);
        if (r < 0)
                return r;

        if (kind == EVENT_RUN_STARTED)
                r = get_run_started(record, event);
        else if (kind == EVENT_RUN_FINISHED)
                r = get_run_finished(record, event);
        else if (kind == EVENT_TEST_FINISHED || kind == EVENT_ATTEMPT_FINISHED)
                r = get_result(record, record_get(record, PTEST_FIELD_TEST), &event->result);
        else if (kind == EVENT_FIXTURE_FAILED) {
                r = get_fixture(record, event, &address);
                if (r >= 0)
                        r = get_result(record, address, &event->result);
        } else if (kind == EVENT_TESTS_FOUND)
                r = get_tests_found(record, event);
        else if (kind == EVENT_RUN_PAUSED || kind == EVENT_RUN_CONTINUED)
                r = get_pause(record, event);
        else
                r = get_worker(record, &event->worker);
        if (r >= 0 && event->result)
                r = get_id(record, PTEST_FIELD_CARRIED_FROM, &event->carried_from);
        if (r >= 0 && (kind == EVENT_RUN_STARTED || kind == EVENT_RUN_FINISHED))
                r = get_texts(record, PTEST_FIELD_PRESSURE, &event->pressure);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(event);
        return 0;
}
