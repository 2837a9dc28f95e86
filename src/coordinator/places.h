/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "basic/macros.h"

/*
 * Places: the directory below which tests of this run have their private places, in $TMPDIR or /tmp
 *
 * It is ours, so that a test of another user cannot move it away; two directories in it are the workers': one for
 * the places of tests that run, and one for those that are kept. All goes with the run but the latter.
 */

typedef struct Places Places;

/* directory: the run's; it notes where the places are, for those who find it abandoned. */
int places_new(const char *directory, uid_t uid, gid_t gid, Places **ret);
/* Removes it, but for what was kept. */
Places *places_free(Places *places);
DEFINE_CLEANUP(Places, places_free);

const char *places_get_path(const Places *places);
/* What it is made in. */
const char *places_find_parent(void);

/* Those of a run whose directory this is, and whose coordinator is dead. */
void places_remove_abandoned(const char *directory);
/* Those where ours would be made, of coordinators that are dead: the directory of a service's run is gone with it. */
void places_remove_all_abandoned(void);
