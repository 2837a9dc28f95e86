/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/event.h"

#include "ptest/journal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "basic/strv.h"
#include "record/event-kind.h"

static const struct {
        const char *name;
        const char *message_id;
} event_kinds[EVENT_KIND_MAX] = {
        [EVENT_RUN_STARTED] = {"run started",       PTEST_MESSAGE_RUN_STARTED     },
        [EVENT_RUN_FINISHED] = { "run finished",     PTEST_MESSAGE_RUN_FINISHED    },
        [EVENT_TEST_FINISHED] = { "test finished",    PTEST_MESSAGE_TEST_FINISHED   },
        [EVENT_WORKER_STARTED] = { "worker started",   PTEST_MESSAGE_WORKER_STARTED  },
        [EVENT_WORKER_STOPPED] = { "worker stopped",   PTEST_MESSAGE_WORKER_STOPPED  },
        [EVENT_WORKER_STUCK] = { "worker stuck",     PTEST_MESSAGE_WORKER_STUCK    },
        [EVENT_WORKER_LOST] = { "worker lost",      PTEST_MESSAGE_WORKER_LOST     },
        [EVENT_FIXTURE_FAILED] = { "fixture failed",   PTEST_MESSAGE_FIXTURE_FAILED  },
        [EVENT_TESTS_FOUND] = { "tests found",      PTEST_MESSAGE_TESTS_FOUND     },
        [EVENT_ATTEMPT_FINISHED] = { "attempt finished", PTEST_MESSAGE_ATTEMPT_FINISHED},
        [EVENT_RUN_PAUSED] = { "run paused",       PTEST_MESSAGE_RUN_PAUSED      },
        [EVENT_RUN_CONTINUED] = { "run continued",    PTEST_MESSAGE_RUN_CONTINUED   },
};

const char *event_kind_to_string(EventKind kind) {
        assert(kind >= 0 && kind < EVENT_KIND_MAX);

        return event_kinds[kind].name;
}

const char *event_kind_get_message_id(EventKind kind) {
        assert(kind >= 0 && kind < EVENT_KIND_MAX);

        return event_kinds[kind].message_id;
}

EventKind event_kind_from_message_id(const char *id) {
        for (EventKind kind = 0; kind < EVENT_KIND_MAX; kind++)
                if (strcmp(event_kinds[kind].message_id, id) == 0)
                        return kind;
        return EVENT_KIND_INVALID;
}

int event_new(EventKind kind, sd_id128_t run_id, const char *suite, Event **ret) {
        Event *event;

        assert(kind >= 0 && kind < EVENT_KIND_MAX);
        assert(suite);
        assert(ret);

        event = calloc(1, sizeof(Event));
        if (!event)
                return -ENOMEM;
        event->kind = kind;
        event->run_id = run_id;
        event->suite = strdup(suite);
        if (!event->suite) {
                event_free(event);
                return -ENOMEM;
        }
        *ret = event;
        return 0;
}

Event *event_free(Event *event) {
        if (!event)
                return NULL;
        free(event->suite);
        free(event->run_started.description);
        free(event->run_started.version);
        free(event->run_started.backend);
        strv_free(event->run_started.capabilities);
        strv_free(event->pressure);
        free(event->run_started.hostname);
        free(event->run_started.command);
        free(event->run_started.working_directory);
        free(event->run_started.run_file);
        free(event->run_started.degraded);
        free(event->run_started.seed);
        free(event->run_started.shard);
        strv_free(event->run_started.patterns);
        free(event->run_finished.reason);
        free(event->run_finished.run_file);
        result_free(event->result);
        free(event->fixture.context);
        free(event->tests_found.test);
        free(event->worker.unit);
        free(event->worker.why);
        free(event->worker.test);
        strv_free(event->worker.stuck);
        free(event);
        return NULL;
}
