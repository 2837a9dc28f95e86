# SPDX-License-Identifier: LGPL-2.1-or-later
"""A run that goes on until it is told to end, so that something can happen to it meanwhile."""

import contextlib
import tempfile
from pathlib import Path

from program import Run, shell, tests

# Two tests that say that they run, in $MARKS, and go on until they are told to stop.
LONG = "".join(shell(f"long{i}", f"touch $MARKS/long{i}; while [ ! -e $MARKS/go ]; do sleep 0.05; done",
                     "GraceSec=1") for i in (1, 2))


def marks(it):
    return it.scratch / "tmp"


class LongRun(Run):
    """Two long tests run on two workers, and ten others wait behind them."""

    def __init__(self, suite=LONG + tests(10), options=("-j", "2"), settings="", **kwargs):
        suite = "[Suite]\nStopSec=2\nEnvironment=MARKS=@MARKS@\n" + settings + suite
        scratch = tempfile.mkdtemp(prefix="pt.")
        super().__init__(suite=suite.replace("@MARKS@", f"{scratch}/tmp"), options=options, scratch=scratch, **kwargs)

    def until_both_run(self):
        for i in (1, 2):
            self.until_marked(f"long{i}")
        return self

    def until_marked(self, mark):
        self.until((marks(self) / mark).exists, f"{mark} had begun")

    def let_go(self):
        (marks(self) / "go").touch()

    def litter(self):
        return [path for path in super().litter() if Path(path).name not in ("long1", "long2", "leaver", "go")]


def parent_with_name(it, address):
    """The worker that runs a test: the parent of the process that has the test's name in its command."""
    workers = it.workers()
    # What the test starts looks the same for a moment, or is gone the next.
    for pid in it.processes():
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            if f"/{address};".encode() in command and parent in workers:
                return parent
    raise AssertionError(f"no process runs {address}")
