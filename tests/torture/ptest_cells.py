# SPDX-License-Identifier: LGPL-2.1-or-later
"""The matrix' cells of ptest: each row is run among neighbours, and all of it is asserted.

A cell's result is asserted and, whatever that gave, added to the results that the table is made of.
"""

import contextlib
import fnmatch
import os
import signal
import subprocess
import time
import uuid
from pathlib import Path

import results
from behaviour import add, eventually
from program import Run, process_name, text
from rows import ROWS

NEIGHBOURS = 4
# How long a whole cell may take beside its test's own timeout, on the slowest machine.
SPARE_SEC = 300
# So often a test that hangs is given four times as much time to come to that.
TRIES = 4


class TooEarly(AssertionError):
    """The test was at its time limit before it had done what it is there for."""

# The worker has this much beside what it keeps of a test's output.
WORKER_MEMORY_MAX = 64 << 20


class Cell(Run):
    """One row under ptest."""

    def __init__(self, row, tier, programs, timeout):
        self.row, self.tier, self.backend = row, tier, "plain" if tier == "plain" else "system"
        self.timeout = timeout
        self.torture_mark = uuid.uuid4().hex
        self.worker_memory = self.tasks = 0
        binary = (programs / row.program).read_bytes()
        self.scratch = results.make_directory(row.name)
        # Who runs the tests can read the copy, wherever the build is.
        (self.scratch / row.program).write_bytes(binary)
        (self.scratch / row.program).chmod(0o755)
        (self.scratch / "tmp").mkdir()
        self.has_tmp = bool(row.tmp)
        if row.tmp:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={row.tmp}m,mode=1777", "torture",
                            self.scratch / "tmp"], check=True)
        self.began = time.monotonic()
        self.ended = None
        size = row.sizes.get("vm" if tier == "vm" and "vm" in row.sizes else "ptest")
        super().__init__(suite=self.suite(), backend=self.backend, scratch=self.scratch, name="torture",
                         options=["-j2", *(["--allow-degraded"] if self.degraded else [])],
                         env={"TORTURE_MARK": self.torture_mark, "TORTURE_SIZE": str(size) if size else None,
                              "TORTURE_LIFE": str(SPARE_SEC + timeout)})

    @property
    def degraded(self):
        return self.tier == "plain" and bool(self.row.degraded)

    def suite(self):
        neighbours = "".join(f"[Test neighbour-{i}]\nExec=/bin/sleep 0.1\n" for i in range(NEIGHBOURS))
        worker = "[Worker]\nUser=root\n" if self.row.root else ""
        limits = self.row.limits if self.tier == "vm" else ""
        return (f"[Suite]\nGraceSec=1\nStopSec=2\n{self.row.suite}{worker}"
                f"[Test it]\nExec={self.scratch}/{self.row.program}\nProtocol={self.row.protocol}\nPriority=1\n"
                f"TimeoutSec={self.timeout}\n{self.row.test}{limits}{neighbours}")

    def watch(self):
        """Waits for the end; meanwhile its workers are looked at."""
        end = self.began + self.timeout + SPARE_SEC
        while self.process.poll() is None:
            assert time.monotonic() < end, f"the run did not end within {end - self.began:.0f} s"
            self.look()
            time.sleep(0.2)
        self.ended = time.monotonic()

    def look(self):
        """Only if the row asks for it: it disturbs."""
        if "flood_was_capped" in self.row.checks:
            for pid in self.workers():
                with contextlib.suppress(OSError, IndexError):
                    peak = Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]
                    self.worker_memory = max(self.worker_memory, int(peak) << 10)
        if "tasks_were_held" in self.row.checks:
            self.tasks = max(self.tasks, sum(process_name(pid) == self.row.program for pid in self.processes()))

    @property
    def seconds(self):
        return (self.ended or time.monotonic()) - self.began

    @property
    def result(self):
        return self.results["it"]

    def observe(self, left):
        """For the table, also when it is not what it must be."""
        try:
            outcome = " ".join([self.outcomes["it"], *(m for m in self.marks("it") if m != "slow")])
        except (AssertionError, OSError, KeyError):
            outcome = f"no result (exit status {self.status})" if self.ended else "hangs"
        results.add(self.tier, self.row.name, outcome, self.seconds, left)

    def litter(self):
        return [path for path in super().litter() if not (self.has_tmp and path.startswith(f"{self.scratch}/tmp"))]

    def __exit__(self, kind, value, trace):
        if self.has_tmp:
            subprocess.run(["umount", "--lazy", self.scratch / "tmp"], check=False)
        if value is not None:
            with contextlib.suppress(AssertionError, OSError, KeyError):
                print(f"# result: {self.result}"[:2000])
        # A fork bomb does not end by one look at who is there.
        end = time.monotonic() + 60
        while (left := self.processes()) and time.monotonic() < end:
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        super().__exit__(kind, value, trace)
        results.remove_cgroups(self.torture_mark)


# ---- What some rows must show beside outcome, reason and marks ----


def one_leak(it):
    leaks = text(it.result, "PTEST_LEAKS")
    assert it.row.program in leaks and len(leaks.splitlines()) == 1, leaks


def both_were_looked_at(it):
    """Before the first signal, wherever the child had gone."""
    report = text(it.result, "PTEST_STUCK_REPORT")
    if sum(f"{it.row.program}: " in line for line in report.splitlines()) != 2:
        raise TooEarly(report)


def stop_was_seen(it):
    if f"{it.row.program}: stopped by a signal" not in text(it.result, "PTEST_STUCK_REPORT"):
        raise TooEarly(it.result)


def memory_was_held(it):
    if it.degraded:
        # Without a cgroup it is told by its own malloc().
        said = text(it.result, "PTEST_STDERR")
        assert said.startswith("no more memory after ") and int(said.split()[4]) <= 64, said
    else:
        assert 32 << 20 <= int(text(it.result, "PTEST_MEMORY_PEAK")) <= 65 << 20, it.result


def tasks_were_held(it):
    # Without a limit it is the program that stops at 200.
    least, most = (10, 50) if it.tier == "vm" else (100, 300)
    assert it.tasks <= most, it.tasks
    if it.tasks < least:
        raise TooEarly(it.tasks)


def flood_was_capped(it):
    size = it.row.sizes["vm" if it.tier == "vm" else "ptest"] << 20
    assert int(text(it.result, "PTEST_STDOUT_SIZE")) == size, text(it.result, "PTEST_STDOUT_SIZE")
    assert text(it.result, "PTEST_STDERR") == "all was written\n", it.result["PTEST_STDERR"]
    assert len(it.result["PTEST_STDOUT"]) <= (1 << 20) + 200, len(it.result["PTEST_STDOUT"])
    assert it.run_file.stat().st_size < 2 << 20, it.run_file.stat().st_size
    assert 0 < it.worker_memory < WORKER_MEMORY_MAX, it.worker_memory


def end_was_kept(it):
    assert it.result["PTEST_STDOUT"].endswith(b"xxx" + b"the end"), it.result["PTEST_STDOUT"][-100:]
    assert int(text(it.result, "PTEST_STDOUT_SIZE")) == (8 << 20) + 7, text(it.result, "PTEST_STDOUT_SIZE")


def both_were_kept(it):
    assert it.result["PTEST_STDOUT"] == b"before\n" and b"after\n" in it.result["PTEST_STDERR"], it.result


def tmp_was_full(it):
    assert b"No space left" in it.result["PTEST_STDERR"], it.result["PTEST_STDERR"]


def tmp_is_empty(it):
    left = [path for path in (it.scratch / "tmp").rglob("*") if path.name != "ptest"]
    assert not left, left


def it_moved(it):
    assert ": moved there" in text(it.result, "PTEST_STDOUT"), it.result


def trace_was_told(it):
    """Either it was refused, or the worker stood still and was replaced."""
    refused = text(it.result, "PTEST_STDOUT").startswith("refused")
    assert refused == (it.outcomes["it"] == "pass"), it.result


# ---- All of them ----


def check(it):
    row = it.row
    it.assert_whole()
    assert it.status in (0, 1), (it.status, it.stderr)
    outcomes = it.outcomes
    outcome, reason = outcomes.pop("it"), it.reason("it")
    expected, glob = ((row.degraded[0],), row.degraded[1]) if it.degraded else (row.outcomes, row.reason)
    if it.timeout != row.timeout:
        glob = glob.replace(f" {row.timeout}s", " *")
    assert outcome in expected and fnmatch.fnmatchcase(reason, glob), f"{outcome}: {reason!r}"
    assert set(outcomes.values()) == {"pass"} and len(outcomes) == NEIGHBOURS, outcomes
    for mark in row.marks:
        assert mark in it.marks("it"), it.marks("it")
    if "leaky" not in row.marks and outcome == "pass":
        assert "leaky" not in it.marks("it"), it.result
    for name in row.checks:
        globals()[name](it)


def check_nothing_is_left(it):
    it.assert_nothing_is_left()
    if it.backend == "system":
        # Only where there is a systemd to ask.
        from systemd import assert_nothing_is_left_of  # pylint: disable=import-outside-toplevel

        assert_nothing_is_left_of("torture")
        eventually(lambda: not results.cgroups_of_run(), what="that no cgroup of the run is left")


def run_cell(row, tier, programs, timeout):
    with Cell(row, tier, programs, timeout) as it:
        try:
            it.watch()
        finally:
            it.observe(len(it.processes()) - (0 if it.ended else 1))
        check_nothing_is_left(it)
        check(it)


def run_cell_until_it_hangs(row, tier, programs):
    timeout = row.timeout
    for _ in range(TRIES - 1):
        try:
            run_cell(row, tier, programs, timeout)
            return
        except TooEarly as why:
            print(f"# too early: {str(why)[:500]!r}")
        timeout *= 4
    run_cell(row, tier, programs, timeout)


def add_cells(tier, programs):
    for row in ROWS:
        # A box has no controllers; that is what the machine is for. On the plain backend all is done as root.
        if (row.memory and tier == "box") or (row.root and tier == "plain"):
            continue
        add(f"ptest {tier}: {row.name}", lambda row=row: run_cell_until_it_hangs(row, tier, programs),
            row.timeout + 2 * SPARE_SEC)
