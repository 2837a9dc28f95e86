/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <stdbool.h>

/*
 * The timeline of a test that runs too long
 *
 *   started ──timeout──▶ SIGNAL, again each 100 ms until it is caught ──grace──▶ KILL ──2 s──▶ GIVE_UP
 *
 * Pure: who owns one asks for the action that is due, does it, and sets its timer to the next deadline. Each
 * action but SIGNAL comes once. The grace begins with the first signal, so that a test gets all of it also
 * when its owner was late.
 */

typedef enum EscalationAction {
        ESCALATION_NONE,
        ESCALATION_SIGNAL,  /* send the timeout signal to all processes of the test */
        ESCALATION_KILL,    /* SIGKILL to all of them */
        ESCALATION_GIVE_UP, /* it is still not gone: what is left cannot be ended from here */
} EscalationAction;

typedef enum EscalationStage {
        ESCALATION_STAGE_RUNNING,
        ESCALATION_STAGE_SIGNALLED, /* the signal is repeated */
        ESCALATION_STAGE_CAUGHT,    /* the signal was caught: the test has until the grace ends */
        ESCALATION_STAGE_KILLED,
        ESCALATION_STAGE_GIVEN_UP,
} EscalationStage;

typedef struct Escalation {
        EscalationStage stage;
        uint64_t grace_usec;
        uint64_t next_usec; /* of the next action in this stage; USEC_INFINITY: none */
        uint64_t kill_usec; /* when the grace ends; once it has begun */
} Escalation;

/* What most programs need to get from one loop of theirs to the next. */
#define ESCALATION_REPEAT_USEC  (100 * USEC_PER_MSEC)
/* A killed process that is in the kernel may end late; one that waits for dead storage never does. */
#define ESCALATION_GIVE_UP_USEC (2 * USEC_PER_SEC)

/* timeout USEC_INFINITY: never; grace 0: killed at the timeout without a signal, USEC_INFINITY: never killed */
void escalation_init(
                Escalation *escalation,
                uint64_t timeout_usec,
                uint64_t grace_usec,
                uint64_t started_usec);

/*
 * The action that is due now, which the caller then does; ESCALATION_NONE if nothing is due yet. To be called until
 * it gives that. caught: the test is known to have caught the signal, which is then not repeated.
 */
EscalationAction escalation_next(Escalation *escalation, uint64_t now, bool caught);

/* Absolute time of the next action; USEC_INFINITY if there will be none. */
uint64_t escalation_get_deadline(const Escalation *escalation);

/* Begins now instead of at the timeout, for a run that is stopped. Nothing if it has begun already. */
void escalation_interrupt(Escalation *escalation, uint64_t now);

/* Whether an action has been given: what the test says afterwards is not the answer of a test left alone. */
bool escalation_has_begun(const Escalation *escalation);
