/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/results-json.h"

#include "basic/parse.h"
#include "cli/json-value.h"

static json_t *json_points(const Result *result) {
        json_t *array = json_array();

        for (size_t i = 0; i < result->n_points; i++)
                json_array_append_new(
                                array,
                                json_pack("{s:s, s:o, s:o, s:o}",
                                          "outcome",
                                          outcome_to_string(result->points[i].outcome),
                                          "number",
                                          json_from_number(result->points[i].number, 0),
                                          "name",
                                          json_from_text(result->points[i].name),
                                          "reason",
                                          json_from_text(result->points[i].reason)));
        return array;
}

json_t *json_from_marks(unsigned marks) {
        json_t *array = json_array();

        for (unsigned bit = PTEST_MARK_SLOW; bit < PTEST_MARK_END; bit <<= 1)
                if (marks & bit)
                        json_array_append_new(array, json_string(mark_to_string((PtestMark)bit)));
        return array;
}

json_t *json_from_result(const Result *result) {
        return json_pack(
                        "{s:o, s:s, s:o, s:o, s:i, s:i, s:i, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I}",
                        "address",
                        json_from_text(result->address),
                        "outcome",
                        outcome_to_string(result->outcome),
                        "reason",
                        json_from_text(result->reason),
                        "marks",
                        json_from_marks(result->marks),
                        "attempt",
                        (int)result->attempt,
                        "slot",
                        (int)result->slot,
                        "generation",
                        (int)result->generation,
                        "start_usec",
                        json_from_number(result->start_usec, 0),
                        "duration_usec",
                        (json_int_t)result->duration_usec,
                        "cpu_user_usec",
                        (json_int_t)result->cpu_user_usec,
                        "cpu_system_usec",
                        (json_int_t)result->cpu_system_usec,
                        "memory_peak",
                        json_from_number(result->memory_peak, SIZE_UNKNOWN),
                        "tasks_peak",
                        json_from_number(result->tasks_peak, UINT64_MAX),
                        "io_read",
                        json_from_number(result->read_bytes, SIZE_UNKNOWN),
                        "io_write",
                        json_from_number(result->write_bytes, SIZE_UNKNOWN),
                        "oom_owner",
                        json_from_text(oom_owner_to_string(result->oom_owner)),
                        "oom_limit",
                        json_from_number(result->oom_limit, SIZE_INFINITY),
                        "oom_victim",
                        json_from_text(result->oom_victim),
                        "exit_status",
                        result->exit_status >= 0 ? json_integer(result->exit_status) : json_null(),
                        "signal",
                        result->signal > 0 ? json_string(signal_to_name(result->signal)) :
                                             json_null(),
                        "core_dumped",
                        result->core_dumped,
                        "points",
                        json_points(result),
                        "leaks",
                        json_from_texts(result->leaks),
                        "dirty",
                        json_from_texts(result->dirty),
                        "backtrace",
                        json_from_texts(result->backtrace),
                        "stuck_report",
                        json_from_texts(result->stuck),
                        "files",
                        json_from_texts(result->files),
                        "directory",
                        json_from_text(result->directory),
                        "stdout_size",
                        (json_int_t)result->out.total,
                        "stderr_size",
                        (json_int_t)result->err.total);
}

/* Where the run came from, and what part it was */
static void json_add_origin(json_t *object, const Event *event) {
        json_object_set_new(object, "grows", json_boolean(event->run_started.grows));
        json_object_set_new(
                        object,
                        "working_directory",
                        json_from_text(event->run_started.working_directory));
        json_object_set_new(object, "run_file", json_from_text(event->run_started.run_file));
        json_object_set_new(object, "degraded", json_from_text(event->run_started.degraded));
        json_object_set_new(object, "resumes", json_from_id(event->run_started.resumes));
        json_object_set_new(object, "rerun_of", json_from_id(event->run_started.rerun_of));
        json_object_set_new(object, "seed", json_from_text(event->run_started.seed));
        json_object_set_new(object, "shard", json_from_text(event->run_started.shard));
        json_object_set_new(object, "patterns", json_from_texts(event->run_started.patterns));
        json_object_set_new(object, "pressure", json_from_texts(event->pressure));
}

json_t *json_from_started(const Event *event) {
        char id[SD_ID128_STRING_MAX];
        json_t *object;

        if (!event)
                return json_null();
        object = json_pack(
                        "{s:s, s:o, s:I, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o}",
                        "run_id",
                        sd_id128_to_string(event->run_id, id),
                        "suite",
                        json_from_text(event->suite),
                        "time_usec",
                        (json_int_t)event->time_usec,
                        "description",
                        json_from_text(event->run_started.description),
                        "version",
                        json_from_text(event->run_started.version),
                        "planned",
                        (json_int_t)event->run_started.planned,
                        "workers",
                        (json_int_t)event->run_started.workers,
                        "backend",
                        json_from_text(event->run_started.backend),
                        "capabilities",
                        json_from_texts(event->run_started.capabilities),
                        "hostname",
                        json_from_text(event->run_started.hostname),
                        "command",
                        json_from_text(event->run_started.command));
        if (object)
                json_add_origin(object, event);
        return object;
}

json_t *json_from_counts(const Tally *tally) {
        json_t *object = json_object();

        for (Outcome outcome = 0; outcome < PTEST_OUTCOME_MAX; outcome++)
                json_object_set_new(
                                object,
                                outcome_to_string(outcome),
                                json_integer((json_int_t)tally->count[outcome]));
        return object;
}

json_t *json_from_finished(const Event *event) {
        if (!event)
                return json_null();
        return json_pack(
                        "{s:I, s:s, s:o, s:I, s:I, s:I, s:o, s:o}",
                        "time_usec",
                        (json_int_t)event->time_usec,
                        "verdict",
                        verdict_to_string(event->run_finished.verdict),
                        "reason",
                        json_from_text(event->run_finished.reason),
                        "duration_usec",
                        (json_int_t)event->run_finished.duration_usec,
                        "planned",
                        (json_int_t)event->run_finished.tally.planned,
                        "journal_lost",
                        (json_int_t)event->run_finished.journal_lost,
                        "run_file",
                        json_from_text(event->run_finished.run_file),
                        "pressure",
                        json_from_texts(event->pressure));
}
