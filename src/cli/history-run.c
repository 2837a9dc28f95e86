/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/history-run.h"

#include <errno.h>
#include <string.h>

#include "basic/array.h"
#include "basic/strv.h"
#include "model/pattern.h"

void history_run_done(HistoryRun *run) {
        for (size_t i = 0; i < run->n_results; i++)
                free(run->results[i].reason);
        free(run->results);
        free(run->suite);
        free(run->hostname);
        free(run->backend);
        free(run->shard);
        strv_free(run->patterns);
        *run = (HistoryRun){};
}

const HistoryResult *history_run_get(const HistoryRun *run, size_t test) {
        return test < run->n_results && run->results[test].present ? run->results + test : NULL;
}

bool history_run_is_partial(const HistoryRun *run) {
        return run->shard || run->patterns || !sd_id128_is_null(run->rerun_of);
}

static int run_make_room(HistoryRun *run, size_t test) {
        const size_t n = run->n_results;

        if (array_reserve(run->results, run->n_results, test + 1) < 0)
                return -ENOMEM;
        memset(run->results + n, 0, (run->n_results - n) * sizeof(HistoryResult));
        return 0;
}

/* The last record of a test counts, should there be several. */
static int run_set_result(HistoryRun *run, size_t test, Event *event, bool reason) {
        Result *result = event->result;
        HistoryResult *to;
        int r;

        r = run_make_room(run, test);
        if (r < 0)
                return r;
        to = run->results + test;
        free(to->reason);
        *to = (HistoryResult){
                .present = true,
                .started = result->start_usec > 0,
                .carried = !sd_id128_is_null(event->carried_from),
                .outcome = (uint8_t)result->outcome,
                .marks = (uint8_t)result->marks,
                .attempt = MAX(result->attempt, 1U),
                .duration_usec = result->duration_usec,
                .cpu_usec = usec_add(result->cpu_user_usec, result->cpu_system_usec),
                .memory_peak = result->memory_peak,
        };
        if (reason && result->outcome != PTEST_OUTCOME_PASS)
                to->reason = TAKE_PTR(result->reason);
        return 0;
}

static int run_add_result(
                HistoryRun *run,
                const HistoryReadOptions *options,
                HistoryNames *names,
                Event *event) {
        size_t test;
        int r;

        tally_add(&run->tally, event->result->outcome, event->result->marks);
        if (!sd_id128_is_null(event->carried_from)) {
                run->carried_from = event->carried_from;
                run->n_carried++;
        }
        if (!pattern_selects(options->patterns, event->result->address))
                return 0;
        if (options->known_only && !history_names_find(names, event->result->address, &test))
                return 0;
        r = history_names_add(names, event->result->address, &test);
        return r < 0 ? r : run_set_result(run, test, event, options->reasons);
}

static void run_set_started(HistoryRun *run, Event *event) {
        run->started_usec = event->time_usec;
        run->tally.planned = event->run_started.planned;
        run->grows = event->run_started.grows;
        run->resumes = event->run_started.resumes;
        run->rerun_of = event->run_started.rerun_of;
        free(run->hostname);
        free(run->backend);
        free(run->shard);
        strv_free(run->patterns);
        run->hostname = TAKE_PTR(event->run_started.hostname);
        run->backend = TAKE_PTR(event->run_started.backend);
        run->shard = TAKE_PTR(event->run_started.shard);
        run->patterns = TAKE_PTR(event->run_started.patterns);
}

static int run_add(
                HistoryRun *run,
                const HistoryReadOptions *options,
                HistoryNames *names,
                Event *event) {
        if (!run->suite) {
                run->run_id = event->run_id;
                run->started_usec = event->time_usec;
                run->suite = TAKE_PTR(event->suite);
        }
        if (event->kind == EVENT_TEST_FINISHED)
                return run_add_result(run, options, names, event);
        if (event->kind == EVENT_RUN_STARTED)
                run_set_started(run, event);
        else if (event->kind == EVENT_RUN_FINISHED) {
                run->finished = true;
                run->verdict = event->run_finished.verdict;
                run->duration_usec = event->run_finished.duration_usec;
                run->finished_usec = event->time_usec;
        }
        return 0;
}

int history_run_read(
                Source *source,
                const HistoryReadOptions *options,
                HistoryNames *names,
                HistoryRun *ret) {
        _cleanup_(history_run_done) HistoryRun run = {};
        int r;

        for (;;) {
                _cleanup_(event_freep) Event *event = NULL;

                r = source_read(source, &event);
                if (r < 0)
                        return r;
                if (r == 0)
                        break;
                r = run_add(&run, options, names, event);
                if (r < 0)
                        return r;
        }
        source_log_problems(source);
        run.damaged = source_get_problems(source);
        if (!run.suite)
                return -ENODATA;
        *ret = run;
        run = (HistoryRun){};
        return 0;
}
