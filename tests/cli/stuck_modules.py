# SPDX-License-Identifier: LGPL-2.1-or-later
"""Modules whose tests and fixtures hang, crash, exit or leave dirt: each says in its head what must come of it."""

import stories
from behaviour import add, behaviour
from program import text


def check_story(name, options=("-j1",), **kwargs):
    with stories.StoryRun(name, options=[*options, "--junit=junit.xml", "--tap=out.tap"], **kwargs) as it:
        it.wait()
        stories.check(stories.Story(name), it)
        stories.check_reports(it)


for story in stories.NAMES:
    add(f"module {story} ends as it says", lambda story=story: check_story(story))
    add(f"module {story} ends so with three workers, too", lambda story=story: check_story(story, ["-j3"]))


@behaviour
def what_comes_after_a_stuck_test_is_run_by_the_next_worker():
    for name in ("busy-loop", "deadlock", "blocked-interrupt", "stops-itself"):
        with stories.StoryRun(name) as it:
            it.wait()
            stuck = it.results[f"{name}::server::stuck"]
            later = [r for address, r in it.results.items() if address.endswith(("::second", "::third"))]
            assert {text(r, "PTEST_SLOT") for r in later} == {text(stuck, "PTEST_SLOT")}, later
            assert all(int(text(r, "PTEST_GENERATION")) > int(text(stuck, "PTEST_GENERATION")) for r in later), later


@behaviour
def backtrace_of_a_crash_names_the_function():
    with stories.StoryRun("crashes") as it:
        it.wait()
        backtrace = text(it.results["crashes::server::segv"], "PTEST_BACKTRACE")
        assert "crashes.so" in backtrace, backtrace


@behaviour
def tests_in_processes_of_their_own_cost_nobody_else_anything():
    for name in ("crashes", "exits"):
        with stories.StoryRun(name, settings="Isolation=process\n") as it:
            it.wait()
            story = stories.Story(name)
            stories.check(story, it)
            # All were run by the same worker.
            assert {(text(r, "PTEST_SLOT"), text(r, "PTEST_GENERATION")) for r in it.results.values()} == {("1", "1")}
