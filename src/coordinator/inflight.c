/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/inflight.h"

#include <errno.h>
#include <string.h>

int in_flight_add(InFlight *in_flight, const InFlightTask *task) {
        if (in_flight->n_tasks == ELEMENTSOF(in_flight->tasks))
                return -ENOBUFS;
        in_flight->tasks[in_flight->n_tasks++] = *task;
        return 0;
}

size_t in_flight_find(const InFlight *in_flight, uint64_t id) {
        size_t i = 0;

        while (i < in_flight->n_tasks && in_flight->tasks[i].id != id)
                i++;
        return i;
}

static InFlightTask in_flight_take(InFlight *in_flight, size_t at) {
        InFlightTask task = in_flight->tasks[at];

        in_flight->n_tasks--;
        memmove(in_flight->tasks + at,
                in_flight->tasks + at + 1,
                (in_flight->n_tasks - at) * sizeof(in_flight->tasks[0]));
        return task;
}

int in_flight_finish(InFlight *in_flight, uint64_t id, InFlightTask *ret) {
        size_t at = in_flight_find(in_flight, id);

        if (at == in_flight->n_tasks)
                return -ENOENT;
        if (at > 0)
                return -EBADMSG;
        *ret = in_flight_take(in_flight, at);
        in_flight->n_finished++;
        return 0;
}

int in_flight_cancel(InFlight *in_flight, uint64_t id, InFlightTask *ret) {
        size_t at = in_flight_find(in_flight, id);

        if (at == in_flight->n_tasks)
                return -ENOENT;
        *ret = in_flight_take(in_flight, at);
        return 0;
}

Settlement in_flight_settle(const InFlight *in_flight, size_t i, const PtestPage *page) {
        uint64_t started = page->started_count;
        uint64_t pending = started > in_flight->n_finished ? started - in_flight->n_finished : 0;

        /* The id is written last at a start: it decides where the counts are one behind. */
        if (page->task_id != 0 && in_flight->tasks[i].id == page->task_id)
                return SETTLEMENT_RUNNING;
        return i < pending ? SETTLEMENT_MISSING : SETTLEMENT_UNSTARTED;
}
