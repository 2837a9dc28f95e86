/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "backend/backend.h"

/*
 * Asking whether a systemd manager can be used from here; blocks, for a few seconds at most
 */

/* 0, or negative with the reason in words. */
int probe_manager(BackendKind kind, char **ret_reason);

/* What a call or a connection failed for is that the bus went away. */
bool probe_bus_is_away(int error);

/* The controllers that this manager can use for its units */
void probe_controllers(BackendKind kind, bool *ret_memory, bool *ret_tasks);

/* What it can give to cgroups below those of its units: only in version 2. NULL: nothing */
char **probe_list_delegated(BackendKind kind);

/* The manager's version, as "252.39-1~deb12u2" */
int probe_version(BackendKind kind, char **ret);
