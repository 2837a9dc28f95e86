/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "basic/macros.h"

/*
 * State: what a test must leave as it was, in the process that runs the next one
 *
 * Looked at after each test with some thirty cheap system calls (5 to 10 µs) and compared with what was before the first:
 * stdout and stderr, number of fds, working directory, umask, signal mask and handlers, interval timer, environment,
 * limits, effective user, children, number of threads, locale. Rare signals and limits are looked at once in 64 tests,
 * and the words say so. Not seen: what else a test does to memory, a
 * handler's flags, an fd that was replaced by another, a change that was undone.
 */

typedef struct ModuleState ModuleState;

/* out_fd and err_fd: what 1 and 2 are; borrowed. */
int module_state_new(int out_fd, int err_fd, ModuleState **ret);
ModuleState *module_state_free(ModuleState *state);
DEFINE_CLEANUP(ModuleState, module_state_free);

/* What is so now is how it has to be: a set-up or a tear-down may change what it likes. */
int module_state_take(ModuleState *state);

/* What each process may allocate from now on: that is how it has to be, too. 0: as much as before the first time */
void module_state_limit_data(ModuleState *state, uint64_t max);

/* What differs, in words, one a line; 1 if something does, 0 and NULL if nothing. Children that ended are reaped. */
int module_state_compare(ModuleState *state, char **ret_words);

/* Ends the children that are not those of the last module_state_take(), and theirs. */
void module_state_kill_children(const ModuleState *state);

/* Bytes written to stdout and stderr so far, as the last comparison found them */
uint64_t module_state_out_size(const ModuleState *state);
uint64_t module_state_err_size(const ModuleState *state);
