# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asks systemd, the bus and the journal; and runs suites as services."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from behaviour import eventually
from program import MESSAGE_IDS, read_export, text

SERVICE_PATIENCE = 500
# Seconds; so many that even on a busy machine none that turns has to wait for as long, and not as many as the service has.
QUICK_WATCHDOG = 12


def output(*argv, check=True, quiet=False):
    return subprocess.run(argv, check=check, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL if quiet else None, text=True, errors="replace").stdout


def show(unit, *properties, manager=()):
    lines = output("systemctl", *manager, "show", f"--property={','.join(properties)}", "--", unit).splitlines()
    return dict(line.split("=", 1) for line in lines)


def main_pid(unit):
    """Waits for it: a 0 given to kill() would be the whole test program."""
    return eventually(lambda: int(show(unit, "MainPID")["MainPID"]), what=f"that {unit} has a process")


def units(pattern, manager=()):
    listing = output("systemctl", *manager, "list-units", "--all", "--plain", "--no-legend", pattern)
    return [line.split()[0] for line in listing.splitlines() if line.strip()]


def journal(*matches):
    output("journalctl", "--sync")
    lines = output("journalctl", "--quiet", "--all", "--output=json", *matches).splitlines()
    return [json.loads(line) for line in lines]


def scopes_of(name):
    """Of its workers; there is one more, of the guard."""
    return units(f"ptest-{name}-*-w*g*.scope")


def cgroups_of(name):
    """In all hierarchies."""
    return [os.path.join(path, directory) for path, directories, _ in os.walk("/sys/fs/cgroup") for directory in directories
            if directory.startswith((f"ptest-{name}-", f"ptest-{name}."))]


def nothing_is_left_of(name):
    return not units(f"ptest-{name}-*.scope") and not units(f"ptest-{name}.slice") and not cgroups_of(name)


def assert_nothing_is_left_of(name):
    eventually(lambda: nothing_is_left_of(name), what=f"that no scope, slice and cgroup of {name} is left")


def cgroup_of(pid):
    return Path(f"/proc/{pid}/cgroup").read_text().splitlines()[-1].split(":", 2)[2]


class Signals:
    """What the manager is asked and tells on the bus, in its order; a context."""

    MEMBERS = {"JobNew", "JobRemoved", "UnitNew", "UnitRemoved", "StopUnit"}
    MATCHES = ("type='signal',interface='org.freedesktop.systemd1.Manager'",
               "type='method_call',interface='org.freedesktop.systemd1.Manager',member='StopUnit'")

    pokes = 0

    def __enter__(self):
        self.file = tempfile.NamedTemporaryFile("w+b")
        self.process = subprocess.Popen(
            ["busctl", "monitor", "--json=short", *(f"--match={match}" for match in self.MATCHES)],
            stdout=self.file, stderr=subprocess.DEVNULL)
        # It is there when it hears.
        eventually(lambda: self.poke() and self.all(), what="that the monitor hears signals")
        return self

    def poke(self):
        """Lets the manager tell of a unit that nobody else has."""
        self.pokes += 1
        unit = f"poke-{os.getpid()}-{id(self)}-{self.pokes}.service"
        output("systemd-run", "--quiet", "--collect", f"--unit={unit}", "true")
        return unit

    def settle(self):
        """Until it has heard what was told before this, which may take it a moment."""
        unit = self.poke()
        eventually(lambda: self.about(unit), what="that the monitor has heard all")

    def all(self):
        """Lists of member and its arguments."""
        found = []
        for line in Path(self.file.name).read_bytes().splitlines():
            with contextlib.suppress(ValueError):
                message = json.loads(line)
                if message.get("member") in self.MEMBERS:
                    found.append([message["member"], *message["payload"]["data"]])
        return found

    def about(self, unit):
        """Positions and members of what was told of a unit."""
        return [(i, message[0]) for i, message in enumerate(self.all()) if unit in message[1:]]

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.file.close()


class Service:
    """ptest@NAME.service with a suite of its own; a context."""

    def __init__(self, name, suite):
        self.name, self.unit = name, f"ptest@{name}.service"
        self.marks = Path(tempfile.mkdtemp(prefix=f"{name}."))
        self.marks.chmod(0o1777)
        Path("/etc/ptest").mkdir(exist_ok=True)
        self.suite = Path(f"/etc/ptest/{name}.suite")
        self.suite.write_text(suite.replace("@MARKS@", str(self.marks)))

    def start(self):
        """Waits for the verdict; gives systemctl's exit status."""
        return subprocess.run(["systemctl", "start", self.unit], check=False, stdin=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=SERVICE_PATIENCE).returncode

    def start_no_block(self):
        output("systemctl", "start", "--no-block", self.unit)

    def until(self, *marks):
        for mark in marks:
            eventually((self.marks / mark).exists, what=f"that {mark} runs")

    def until_over(self):
        eventually(lambda: self.show("ActiveState")["ActiveState"] in ("inactive", "failed"),
                   what=f"that {self.unit} has ended")

    def let_go(self):
        (self.marks / "go").touch()

    def show(self, *properties):
        return show(self.unit, *properties)

    @property
    def main_pid(self):
        return main_pid(self.unit)

    @property
    def last_fed(self):
        """When its watchdog was, in seconds."""
        return int(self.show("WatchdogTimestampMonotonic")["WatchdogTimestampMonotonic"]) / 1e6

    @property
    def records(self):
        files = sorted(Path("/var/lib/ptest/runs").glob(f"{self.name}-*.export*"), key=os.path.getmtime)
        return read_export(files[-1])

    def records_of(self, kind):
        return [r for r in self.records if text(r, "MESSAGE_ID") == MESSAGE_IDS[kind]]

    @property
    def outcomes(self):
        return {text(r, "PTEST_TEST"): text(r, "PTEST_OUTCOME") for r in self.records_of("TEST_FINISHED")}

    @property
    def run_id(self):
        return text(self.records[0], "PTEST_RUN_ID")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if value is not None:
            for line in output("journalctl", "--no-pager", "--lines=30", "--unit", self.unit).splitlines():
                print(f"# journal: {line}")
        output("systemctl", "kill", "--kill-who=main", "--signal=SIGKILL", self.unit, check=False, quiet=True)
        subprocess.run(["systemctl", "stop", self.unit], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(["systemctl", "reset-failed", self.unit], check=False, stderr=subprocess.DEVNULL)
        for path in Path("/var/lib/ptest/runs").glob(f"{self.name}-*.export*"):
            path.unlink()
        self.suite.unlink()
        shutil.rmtree(self.marks, ignore_errors=True)
