/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "backend/backend.h"

/*
 * A worker's own process: started, watched through its pidfd, and reaped by its pid alone
 */

typedef struct Child Child;

struct Child {
        pid_t pid; /* 0: not started, or reaped */
        int pidfd;
        int code; /* CLD_*; 0 as long as it is not reaped */
        int status;
        sd_event_source *source;
        void (*on_exit)(void *userdata); /* once, after it was reaped */
        void *userdata;
};

#define CHILD_NULL           \
        (Child) {            \
                .pidfd = -1, \
        }

int child_start(Child *child,
                sd_event *event,
                const BackendWorkerSpec *spec,
                const char *mark,
                void (*on_exit)(void *userdata),
                void *userdata);
/* Kills what still lives, without waiting for its end. */
void child_done(Child *child);

/* Not yet a zombie */
bool child_is_alive(const Child *child);
bool child_is_reaped(const Child *child);
void child_signal(Child *child, int signo);

/* "exit status 3", "signal SIGKILL" */
int child_describe_end(const Child *child, char **ret);
