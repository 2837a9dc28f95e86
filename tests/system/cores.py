# SPDX-License-Identifier: LGPL-2.1-or-later
"""What takes the cores of a machine knows where a test crashed. A kernel of our own: the pattern is one for all of it."""

import contextlib
import os
from pathlib import Path

from behaviour import behaviour
from program import run, shell, text

PATTERN = Path("/proc/sys/kernel/core_pattern")
PLACE = Path("/run/cores")
# In their places, so that it is known what they say; the first knows a core a moment after the process has ended.
TAKER = f"#!/bin/sh\ncat >/dev/null\n( sleep 0.3; echo $1 >{PLACE}/taken ) >/dev/null 2>&1 </dev/null &\n"
TELLER = (f"#!/bin/sh\nfor pid; do :; done\n[ \"$(cat {PLACE}/taken 2>/dev/null)\" = \"$pid\" ] || exit 1\n"
          "printf '  PID: %s (sh)\\n  Stack trace of thread 1:\\n  #0  0x1 inner (x + 0x1)\\n  #1  0x2 outer (x + 0x2)\\n' $pid\n")
CRASH = shell("crash", "ulimit -c unlimited; kill -SEGV $$")


@contextlib.contextmanager
def machine_that_takes_cores():
    before = PATTERN.read_text()
    PLACE.mkdir(exist_ok=True)
    for name, script in (("systemd-coredump", TAKER), ("coredumpctl", TELLER)):
        (PLACE / name).write_text(script)
        (PLACE / name).chmod(0o755)
    PATTERN.write_text(f"|{PLACE}/systemd-coredump %P")
    try:
        yield {"PATH": f"{PLACE}:{os.environ['PATH']}"}
    finally:
        PATTERN.write_text(before)
        for path in PLACE.iterdir():
            path.unlink()
        PLACE.rmdir()


def backtrace_of_a_crash(env):
    with run(suite=CRASH, backend="system", env=env) as it:
        assert it.outcomes == {"crash": "crash"}, it.stdout
        assert text(it.results["crash"], "PTEST_CORE_DUMPED") == "1", it.results["crash"]
        it.assert_whole()
        it.assert_nothing_is_left()
        backtrace = text(it.results["crash"], "PTEST_BACKTRACE").splitlines()
        assert ("#0  0x1 inner" in it.stdout) == (backtrace != []), it.stdout
        return backtrace


@behaviour
def the_stacks_of_a_core_are_joined_to_the_result():
    """If they are known within the two seconds that a result waits for them: on a busy machine not those of each core are."""
    with machine_that_takes_cores() as env:
        backtrace = next(filter(None, (backtrace_of_a_crash(env) for _ in range(10))), [])
        assert backtrace == ["Stack trace of thread 1:", "#0  0x1 inner (x + 0x1)", "#1  0x2 outer (x + 0x2)"], backtrace


@behaviour
def a_core_that_nobody_tells_of_delays_a_result_by_its_limit_only():
    with machine_that_takes_cores() as env:
        (PLACE / "coredumpctl").write_text("#!/bin/sh\nexec sleep 1000\n")
        with run(suite=CRASH + shell("other", "true"), backend="system", env=env) as it:
            assert it.outcomes == {"crash": "crash", "other": "pass"}, it.stdout
            assert "PTEST_BACKTRACE" not in it.results["crash"], it.results["crash"]
            it.assert_whole()
            it.assert_nothing_is_left()
