/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "coordinator/coordinator.h"

/*
 * Carry: results of a run that this one goes on with
 *
 * They are told and counted as those of this run, before anything runs, so that its records are whole in themselves. What
 * belongs to a test that the suite has not yet, because another one is to find it, waits until that was found.
 */

typedef struct CarriedTest CarriedTest;

typedef struct Carry {
        CarriedTest *waiting;
        size_t n_bad; /* outcomes that were carried */
} Carry;

void carry_done(Carry *carry);

/* Takes in all that the config's carried results are. What cannot be read is run again. */
void carry_begin(Carry *carry, Coordinator *coordinator);
/* The test was found: true: it has its outcome already. */
bool carry_complete_found(Carry *carry, Coordinator *coordinator, uint32_t test);
