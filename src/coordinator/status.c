/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/status.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "basic/text.h"
#include "coordinator/status-memory.h"
#include "coordinator/status-server.h"

/* Of the document: what reads it has to know only what it asks for. */
#define STATUS_VERSION 1

static const char *const phase_names[] = {
        [RUN_GOING] = "running",     [RUN_WINDING_DOWN] = "winding-down",
        [RUN_STOPPING] = "stopping", [RUN_ENDING] = "ending",
        [RUN_OVER] = "over",
};

/* ---- The document ---- */

/* Takes the value; the first failure is the document's. */
static void object_add(json_t *object, int *error, const char *key, json_t *value) {
        if (json_object_set_new(object, key, value) < 0)
                *error = -ENOMEM;
}

static json_t *usec_to_json(uint64_t usec) {
        return usec > INT64_MAX ? json_null() : json_integer((json_int_t)usec);
}

static json_t *text_to_json(const char *text) {
        _cleanup_free_ char *safe = NULL;
        json_t *value = text ? json_string(text) : json_null();

        if (value)
                return value;
        /* Not UTF-8 */
        safe = text_escape(text, strlen(text));
        return safe ? json_string(safe) : NULL;
}

static json_t *running_to_json(const Slot *slot, const SlotRunning *running, int *error) {
        const uint64_t now = clock_monotonic();
        const char *source = NULL;
        uint64_t memory = 0;
        json_t *test = json_object();
        bool known = status_measure_memory(
                                     running->leader_pid, slot_get_pid(slot), &memory, &source) >=
                        0;

        object_add(test, error, "address", text_to_json(running->address));
        object_add(test, error, "age_usec", usec_to_json(now - MIN(running->started_usec, now)));
        object_add(test, error, "timeout_usec", usec_to_json(running->timeout_usec));
        object_add(test,
                   error,
                   "pid",
                   running->leader_pid > 0 ? json_integer(running->leader_pid) : json_null());
        object_add(test, error, "memory", known ? usec_to_json(memory) : json_null());
        object_add(test, error, "memory_from", text_to_json(source));
        return test;
}

static json_t *slot_to_json(const Coordinator *coordinator, unsigned i, int *error) {
        const Slot *slot = pool_get_slot(coordinator->pool, i);
        json_t *object = json_object();
        SlotRunning running;
        bool shared = i >= coordinator->config.workers;
        pid_t pid = slot_get_pid(slot);

        object_add(object, error, "slot", json_integer(slot_get_number(slot)));
        object_add(object, error, "generation", json_integer(slot_get_generation(slot)));
        object_add(object, error, "state", json_string(slot_state_to_string(slot_get_state(slot))));
        object_add(object, error, "pid", pid > 0 ? json_integer(pid) : json_null());
        object_add(object, error, "unit", text_to_json(slot_get_unit(slot)));
        object_add(object, error, "shared", json_boolean(shared));
        object_add(object, error, "in_flight", json_integer((json_int_t)slot_get_in_flight(slot)));
        object_add(object,
                   error,
                   "running",
                   slot_get_running(slot, &running) ? running_to_json(slot, &running, error) :
                                                      json_null());
        return object;
}

static json_t *counts_to_json(const Tally *tally, int *error) {
        json_t *counts = json_object();

        for (Outcome outcome = 0; outcome < PTEST_OUTCOME_MAX; outcome++)
                if (tally->count[outcome] > 0)
                        object_add(counts,
                                   error,
                                   outcome_to_string(outcome),
                                   json_integer((json_int_t)tally->count[outcome]));
        return counts;
}

static void status_add_run(const Coordinator *coordinator, json_t *status, int *error) {
        const Tally *tally = plan_get_tally(coordinator->plan);
        CoordinatorProgress progress;
        char id[SD_ID128_STRING_MAX];

        coordinator_get_progress(coordinator, &progress);
        object_add(status, error, "version", json_integer(STATUS_VERSION));
        object_add(status,
                   error,
                   "run_id",
                   json_string(sd_id128_to_string(coordinator->config.run_id, id)));
        object_add(status, error, "suite", text_to_json(coordinator->suite->name));
        object_add(status, error, "description", text_to_json(coordinator->suite->description));
        object_add(status, error, "pid", json_integer(getpid()));
        object_add(status, error, "uid", json_integer((json_int_t)geteuid()));
        object_add(status,
                   error,
                   "backend",
                   text_to_json(backend_kind_to_string(coordinator->config.backend)));
        object_add(status,
                   error,
                   "state",
                   json_string(coordinator->pausing ? "pausing" : phase_names[coordinator->phase]));
        object_add(status,
                   error,
                   "run_file",
                   text_to_json(recorder_get_path(coordinator->log.recorder)));
        object_add(status, error, "planned", json_integer((json_int_t)progress.planned));
        object_add(status, error, "reported", json_integer((json_int_t)progress.reported));
        object_add(status, error, "bad", json_integer((json_int_t)progress.bad));
        object_add(status, error, "counts", counts_to_json(tally, error));
        object_add(status, error, "elapsed_usec", usec_to_json(progress.elapsed_usec));
        object_add(status, error, "remaining_usec", usec_to_json(progress.remaining_usec));
}

int coordinator_make_status(const Coordinator *coordinator, char **ret) {
        json_t *status = json_object(), *slots = json_array();
        char *text = NULL;
        int error = 0;

        status_add_run(coordinator, status, &error);
        for (unsigned i = 0; i < pool_get_size(coordinator->pool); i++)
                if (json_array_append_new(slots, slot_to_json(coordinator, i, &error)) < 0)
                        error = -ENOMEM;
        object_add(status, &error, "slots", slots);
        if (error >= 0)
                text = json_dumps(status, JSON_COMPACT);
        json_decref(status);
        if (!text)
                return -ENOMEM;
        *ret = text;
        return 0;
}

/* ---- Who asks ---- */

static int coordinator_on_ask(char **ret, void *userdata) {
        return coordinator_make_status(userdata, ret);
}

/* -ENOENT: no such test runs */
static int coordinator_on_look(const StatusLook *look, void *userdata, uint64_t *ret_id) {
        Coordinator *coordinator = userdata;

        for (unsigned i = 0; i < pool_get_size(coordinator->pool); i++) {
                Slot *slot = pool_get_slot(coordinator->pool, i);
                SlotRunning running;
                int r;

                if (!slot_get_running(slot, &running) ||
                    strcmp(running.address, look->address) != 0)
                        continue;
                r = slot_peek(slot, running.id, look->out_from, look->err_from);
                if (r >= 0)
                        *ret_id = running.id;
                return r;
        }
        return -ENOENT;
}

void coordinator_on_slot_peeked(Slot *slot, const Message *message, void *userdata) {
        const Coordinator *coordinator = userdata;

        if (coordinator->status_server)
                status_server_on_peeked(coordinator->status_server, message);
}

int coordinator_open_status(Coordinator *coordinator) {
        static const StatusHandlers handlers = {
                .on_ask = coordinator_on_ask,
                .on_look = coordinator_on_look,
        };

        return status_server_new(
                        coordinator->event,
                        run_directory_get_path(coordinator->directory),
                        &handlers,
                        coordinator,
                        &coordinator->status_server);
}
