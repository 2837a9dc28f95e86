/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/host-cell.h"

#include <errno.h>

void host_cell_done(HostCell *cell) {
        if (cell->cell)
                cell_kill(cell->cell);
        cell->cell = cell_free(cell->cell);
}

int host_cell_begin(HostCell *cell) {
        int r;

        if (cell->oom)
                oom_watch_begin(cell->oom);
        cell->seen = (CellEvents){};
        if (!cell->tree)
                return 0;
        r = cgroup_tree_add_cell(cell->tree, &TEST_LIMITS_NONE, &cell->cell);
        if (r >= 0)
                return cell_set_whole(cell->cell, false);
        /* Nothing else would hold its limits. */
        return r == -ENOMEM || test_limits_are_any(&cell->limits) ? r : 0;
}

int host_cell_get_fd(const HostCell *cell) {
        return cell->cell ? cell_get_fd(cell->cell) : -1;
}

uint64_t host_cell_get_data_max(const HostCell *cell) {
        if (cell->limits.memory_max == SIZE_INFINITY ||
            (cell->cell && cgroup_tree_has_controller(cell->tree, "memory")))
                return 0;
        return cell->limits.memory_max;
}

int host_cell_on_started(HostCell *cell) {
        if (!cell->cell || !test_limits_are_any(&cell->limits))
                return 0;
        return cell_set_limits(cell->cell, &cell->limits);
}

bool host_cell_has_limits(const HostCell *cell, const TestLimits *limits) {
        return cell->limits.memory_max == limits->memory_max &&
                        cell->limits.memory_high == limits->memory_high &&
                        cell->limits.tasks_max == limits->tasks_max &&
                        cell->limits.cpu_quota_usec == limits->cpu_quota_usec;
}

int host_cell_set_limits(HostCell *cell, const TestLimits *limits) {
        if (host_cell_has_limits(cell, limits))
                return 0;
        cell->limits = *limits;
        return cell->cell ? cell_set_limits(cell->cell, limits) : 0;
}

bool host_cell_end(HostCell *cell) {
        if (!cell->cell)
                return true;
        if (!cell_is_empty(cell->cell)) {
                cell_kill(cell->cell);
                return false;
        }
        cell->cell = cell_free(cell->cell);
        return true;
}

void host_cell_look(HostCell *cell, OomEvidence *ret) {
        if (cell->cell && cgroup_tree_has_controller(cell->tree, "memory"))
                oom_watch_look_in(cell->oom, cell->cell, &cell->seen, ret);
        else
                oom_watch_look(cell->oom, ret);
        cell->told = *ret;
}
