# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes run files as ptest would, of runs that never were: for what only many or exact results can show."""

import os
import pathlib
import subprocess
import uuid

from behaviour import skip
from program import MESSAGE_IDS

# Of the first run; the others follow it, an hour apart.
BEGIN = 1_700_000_000_000_000
HOUR = 3_600_000_000


def write_journal(path, lines):
    """Makes a journal file of what a run file has, as another machine would receive it."""
    remote = next((p for p in ("/lib/systemd/systemd-journal-remote", "/usr/lib/systemd/systemd-journal-remote")
                   if os.path.exists(p)), None)
    if not remote:
        skip("there is no systemd-journal-remote")
    subprocess.run([remote, "-o", path, "-"], input=lines, check=True, stderr=subprocess.DEVNULL)


def entry(kind, time, fields):
    lines = [f"__REALTIME_TIMESTAMP={time}", f"__MONOTONIC_TIMESTAMP={time}",
             "_BOOT_ID=ecfd03e224194e5b8fb35087bfe686e2", "_MACHINE_ID=3d1219c7c4c5404aaa1f6d2a48adfda4",
             "_HOSTNAME=machine", "_TRANSPORT=journal", "_PID=4711", "_UID=0", "_GID=0", f"MESSAGE={kind}",
             f"MESSAGE_ID={MESSAGE_IDS[kind]}", "PRIORITY=6", "SYSLOG_IDENTIFIER=ptest"]
    lines += [f"PTEST_{name}={value}" for name, value in fields if value is not None]
    return "\n".join(lines) + "\n\n"


class RunFile:
    """One run of the suite, the number-th (from 0) in time."""

    def __init__(self, state, number=0, suite="made", run_id=None, host="machine", backend="plain", planned=0, **more):
        self.run_id = run_id or uuid.uuid4().hex
        self.time = BEGIN + int(number * HOUR)
        self.common = [("RUN_ID", self.run_id), ("SUITE", suite)]
        self.path = os.path.join(state, "runs", f"{suite}-{self.run_id}.export")
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        self.file = open(self.path, "w", encoding="utf-8")  # pylint: disable=consider-using-with
        self.add("RUN_STARTED", VERSION="1", PLANNED=planned, WORKERS=2, BACKEND=backend, HOSTNAME=host,
                 COMMAND="ptest run", **more)

    def add(self, kind, **fields):
        self.file.write(entry(kind, self.time, [*self.common, ("TIME_USEC", self.time), *fields.items()]))

    def test(self, address, outcome="pass", seconds=0.01, memory=None, kind="TEST_FINISHED", **fields):
        """memory is in MiB."""
        ran = outcome != "not-run"
        self.time += 1000
        self.add(kind, TEST=address, OUTCOME=outcome, ATTEMPT=fields.pop("ATTEMPT", 1), SLOT=1 if ran else None,
                 GENERATION=1 if ran else None, START_USEC=self.time if ran else None,
                 DURATION_USEC=int(seconds * 1e6) if ran else None, CPU_USER_USEC=1000 if ran else None,
                 MEMORY_PEAK=int(memory * 1024 * 1024) if memory is not None else None, **fields)
        return self

    def finish(self, verdict="passed"):
        """Without it, the run died. The file's time is that of the run: later runs are later files."""
        self.add("RUN_FINISHED", VERDICT=verdict, DURATION_USEC=60_000_000)
        return self.close()

    def close(self):
        self.file.close()
        os.utime(self.path, (self.time / 1e6, self.time / 1e6))
        return self

    def write_journal(self, path):
        write_journal(path, pathlib.Path(self.path).read_bytes())
