/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/escalation.h"

void escalation_init(
                Escalation *escalation,
                uint64_t timeout_usec,
                uint64_t grace_usec,
                uint64_t started_usec) {
        *escalation = (Escalation){
                .stage = ESCALATION_STAGE_RUNNING,
                .grace_usec = grace_usec,
                .next_usec = usec_add(started_usec, timeout_usec),
                .kill_usec = USEC_INFINITY,
        };
}

static EscalationAction escalation_kill(Escalation *escalation, uint64_t now) {
        escalation->stage = ESCALATION_STAGE_KILLED;
        escalation->next_usec = usec_add(now, ESCALATION_GIVE_UP_USEC);
        return ESCALATION_KILL;
}

static EscalationAction escalation_signal(Escalation *escalation, uint64_t now) {
        if (escalation->stage == ESCALATION_STAGE_RUNNING)
                escalation->kill_usec = usec_add(now, escalation->grace_usec);
        escalation->stage = ESCALATION_STAGE_SIGNALLED;
        /* From now and not from when it was due: who is late does not catch up with a burst of signals. */
        escalation->next_usec = MIN(usec_add(now, ESCALATION_REPEAT_USEC), escalation->kill_usec);
        return ESCALATION_SIGNAL;
}

EscalationAction escalation_next(Escalation *escalation, uint64_t now, bool caught) {
        if (caught && escalation->stage == ESCALATION_STAGE_SIGNALLED) {
                escalation->stage = ESCALATION_STAGE_CAUGHT;
                escalation->next_usec = escalation->kill_usec;
        }
        if (escalation->next_usec == USEC_INFINITY || now < escalation->next_usec)
                return ESCALATION_NONE;

        switch (escalation->stage) {
        case ESCALATION_STAGE_RUNNING:
                return escalation->grace_usec == 0 ? escalation_kill(escalation, now) :
                                                     escalation_signal(escalation, now);
        case ESCALATION_STAGE_SIGNALLED:
                return now >= escalation->kill_usec ? escalation_kill(escalation, now) :
                                                      escalation_signal(escalation, now);
        case ESCALATION_STAGE_CAUGHT:
                return escalation_kill(escalation, now);
        case ESCALATION_STAGE_KILLED:
                escalation->stage = ESCALATION_STAGE_GIVEN_UP;
                escalation->next_usec = USEC_INFINITY;
                return ESCALATION_GIVE_UP;
        case ESCALATION_STAGE_GIVEN_UP:
                break;
        }
        return ESCALATION_NONE;
}

uint64_t escalation_get_deadline(const Escalation *escalation) {
        return escalation->next_usec;
}

void escalation_interrupt(Escalation *escalation, uint64_t now) {
        /* Never later than it would have been: the timeout may have come in the meantime. */
        if (escalation->stage == ESCALATION_STAGE_RUNNING)
                escalation->next_usec = MIN(escalation->next_usec, now);
}

bool escalation_has_begun(const Escalation *escalation) {
        return escalation->stage != ESCALATION_STAGE_RUNNING;
}
