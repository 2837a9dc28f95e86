# SPDX-License-Identifier: LGPL-2.1-or-later
"""The limit of all workers together, where the kernel keeps one."""

from behaviour import behaviour
from crowding import two_holders
from program import run, shell, text
from systemd import assert_nothing_is_left_of


@behaviour
def a_slice_has_the_limit_that_was_asked_for():
    script = "systemctl show -p MemoryMax -p MemorySwapMax ptest-sliced.slice"
    with run(suite="[Suite]\nSliceMemoryMax=300M\n" + shell("t", script), backend="system", name="sliced") as it:
        assert it.status == 0 and not it.stderr, (it.status, it.stderr)
        assert sorted(text(it.results["t"], "PTEST_STDOUT").split()) == [
            f"MemoryMax={300 << 20}", "MemorySwapMax=0"], it.results["t"]
    assert_nothing_is_left_of("sliced")


@behaviour
def tests_over_the_limit_of_the_slice_are_oom_together():
    with two_holders(90) as holders, run(suite="[Suite]\nSliceMemoryMax=150M\n" + holders + shell("small", "true"), backend="system",
                                         options=["-j2"], name="crowded") as it:
        outcomes = it.outcomes
        assert outcomes.pop("small") == "pass", it.outcomes
        assert "oom" in outcomes.values() or any("again" in it.reason(a) for a in outcomes), (outcomes, it.stdout)
        it.assert_whole()
        it.assert_nothing_is_left()
    assert_nothing_is_left_of("crowded")
