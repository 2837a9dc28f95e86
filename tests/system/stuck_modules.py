# SPDX-License-Identifier: LGPL-2.1-or-later
"""Modules whose tests and fixtures hang or crash, in real scopes: stopped over the bus, replaced when they are gone."""

import re

import stories
from behaviour import add
from program import text
from systemd import Signals, assert_nothing_is_left_of

# A test costs its worker, and others are left: its place must have another worker.
REPLACED = {"blocked-interrupt", "busy-loop", "crashes", "deadlock", "dirty", "exits", "stops-itself", "stuck-in-whole"}


def check_stop_on_the_bus(it, signals):
    """Who is stuck is stopped by a job that the coordinator asked for."""
    for record in it.records_of("WORKER_STUCK"):
        told = signals.about(text(record, "PTEST_UNIT"))
        stops = [i for i, member in told if member == "StopUnit"]
        ends = [i for i, member in told if member == "JobRemoved"]
        # The job of its start, and that of its stop.
        assert stops and len(ends) == 2 and ends[0] < stops[0] < ends[1], told


def check_order_on_the_bus(name, it, signals):
    """Also of workers that had crashed or were left dirty: the next one starts when the unit is gone."""
    workers = [(text(r, "PTEST_SLOT"), int(text(r, "PTEST_GENERATION")), text(r, "PTEST_UNIT"))
               for r in it.records_of("WORKER_STARTED")]
    replaced = [(old[2], new[2]) for old in workers for new in workers if new[:2] == (old[0], old[1] + 1)]
    assert replaced or name not in REPLACED, workers
    for old, new in replaced:
        last = max(i for i, member in signals.about(old) if member in ("JobRemoved", "UnitRemoved"))
        first = signals.about(new)[0][0]
        assert last < first, (old, signals.about(old), new, signals.about(new))
        assert "UnitRemoved" in [member for _, member in signals.about(old)], signals.about(old)


def check_story(name):
    with Signals() as signals:
        with stories.StoryRun(name, backend="system") as it:
            it.wait()
            stories.check(stories.Story(name), it)
            signals.settle()
            check_stop_on_the_bus(it, signals)
            units = {text(r, "PTEST_UNIT") for r in it.records_of("WORKER_STARTED")}
            assert all(re.search(r"-w\d+g\d+\.scope$", unit) for unit in units), units
            assert_nothing_is_left_of(name.replace("-", r"\x2d"))
            signals.settle()
            check_order_on_the_bus(name, it, signals)


for story in stories.NAMES:
    add(f"module {story} ends as it says, in scopes", lambda story=story: check_story(story))
