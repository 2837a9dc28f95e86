# SPDX-License-Identifier: LGPL-2.1-or-later
"""The matrix' cells of other runners: the same programs, each with a runner's own time limit, as observed.

A cell is one runner with one test, in a PID namespace of its own: so nothing of it can outlive it. What the runner
leaves alive there is counted. A runner that does not end is ended.
"""

import concurrent.futures
import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
import uuid
from pathlib import Path

import results
from behaviour import add, skip
from program import process_name
from rows import COMMON_ROWS, TIMEOUT

# A runner that has not ended so long after its test's time is not waited for any longer.
SPARE_SEC = 7
# What tests may take that have much to do.
BUSY_TIMEOUT = 8
# What is about to die has died.
SETTLE_SEC = 0.5
# The first process of the cell's own namespace. It tells how the runner ended, and stays while there is something to see.
NAMESPACE = ("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child=KILL", "bash", "-c")
INIT = 'setsid "$@" </dev/null & wait $!; echo $? >status.new; mv status.new status; read -r end'
# Cells wait for most of their time.
AT_ONCE = 8


class Cell:
    """One row under one runner; a context that leaves nothing alive."""

    def __init__(self, runner, row, programs):
        self.runner, self.row = runner, row
        self.mark = uuid.uuid4().hex
        binary = (programs / row.program).read_bytes()
        self.directory = results.make_directory(f"{runner.name}-{row.program}")
        self.program = self.directory / row.program
        self.program.write_bytes(binary)
        self.program.chmod(0o755)
        self.tmp = self.directory / "tmp"
        self.tmp.mkdir()
        self.init = None
        self.seconds = 0.0
        # As a shell has it; none if the runner did not end.
        self.status = None

    @property
    def timeout(self):
        return BUSY_TIMEOUT if self.row.busy else TIMEOUT

    @property
    def environment(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PTEST", "MESON", "TAP", "HARNESS"))}
        environment.update(TORTURE_MARK=self.mark, TORTURE_LIFE="60",
                           HOME=str(self.directory), TMPDIR=str(self.tmp), LC_ALL="C.UTF-8")
        if "others" in self.row.sizes:
            environment["TORTURE_SIZE"] = str(self.row.sizes["others"])
        if self.runner.tap_only and self.row.protocol != "tap":
            environment["TORTURE_TAP"] = "1"
        return environment

    def file(self, name, content):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def run(self):
        """To its end, or the cell's."""
        environment = self.environment
        argv = self.runner.prepare(self)
        began = time.monotonic()
        with open(self.directory / "output", "wb") as output:
            self.init = subprocess.Popen([*NAMESPACE, INIT, "init", *argv], cwd=self.directory, env=environment,
                                         stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT)
        status = self.directory / "status"
        while not status.exists() and time.monotonic() < began + self.timeout + SPARE_SEC:
            time.sleep(0.02)
        self.seconds = time.monotonic() - began
        self.status = int(status.read_text()) if status.exists() else None

    @property
    def output(self):
        return (self.directory / "output").read_bytes()[-1 << 20:].decode(errors="replace")

    def processes(self):
        """Of the cell, beside its first one and the runner."""
        mark = f"TORTURE_MARK={self.mark}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if mark in (entry / "environ").read_bytes().split(b"\0") and process_name(entry.name) == self.row.program:
                        found.append(int(entry.name))
        return found

    def outcome(self):
        """In the runner's own words."""
        if self.status is None:
            return "not over"
        if self.status > 128:
            with contextlib.suppress(ValueError):
                return f"dies of {signal.Signals(self.status - 128).name}"
        words = self.runner.read(self)
        for long, short in SHORTER:
            words = words.replace(long, short)
        return words or f"no result (exit status {self.status})"

    def observe(self):
        time.sleep(SETTLE_SEC)
        outcome, left = self.outcome(), len(self.processes())
        if any(self.tmp.glob("torture-*")):
            outcome += ", files stay"
        results.add(self.runner.name, self.row.program, outcome, self.seconds, left)
        return f"{self.row.program}: {outcome}, {self.seconds:.1f} s, {left} alive"

    def __enter__(self):
        if self.row.tmp:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.row.tmp}m", "torture", self.tmp], check=True)
        return self

    def __exit__(self, *_):
        # With its first process goes all of the namespace; its parent ends when it is gone.
        if self.init:
            for pid in Path(f"/proc/{self.init.pid}/task/{self.init.pid}/children").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            self.init.communicate(timeout=200)
        if self.row.tmp:
            subprocess.run(["umount", "--lazy", self.tmp], check=False)
        results.remove_cgroups(self.mark)
        shutil.rmtree(self.directory)


# What runners say at length.
SHORTER = [("Child process killed by ", ""), ("Child process exited with code ", "exit "),
           ("Test case timed out", "timed out"), ("Returned non-success exit", "exit"),
           ("TAP test program yielded invalid data", "invalid data"), ("Received signal", "signal"),
           ("Parse errors: No plan found in TAP output", "no plan"), ("Wstat: 256 (exited 1)", "exit 1")]


class Runner:
    """How a runner is given one test, and how its answer is read."""

    name = needs = ""
    # All that it understands; the others are told where a test speaks TAP.
    tap_only = False
    answer = r"$^"

    def prepare(self, cell):
        """Writes what it needs into the cell's directory; gives the command."""
        raise NotImplementedError

    def read(self, cell):
        """In its own words; "" if it said nothing."""
        match = re.search(self.answer, cell.output)
        return " ".join(word for word in match.groups() if word).strip() if match else ""


class Meson(Runner):
    name = needs = "meson"
    answer = r"1/1 \S+ +(\w+)"

    def prepare(self, cell):
        protocol = "tap" if cell.row.protocol == "tap" else "exitcode"
        cell.file("meson.build", "project('torture')\n"
                  f"test('it', find_program('{cell.program}'), protocol: '{protocol}', timeout: {cell.timeout})\n")
        subprocess.run(["meson", "setup", "build"], cwd=cell.directory, check=True, stdout=subprocess.DEVNULL)
        return ["meson", "test", "-C", "build", "--no-rebuild"]


class CTest(Runner):
    name = needs = "ctest"
    answer = r"1/1 Test #1: it [ .]*(?:\*\*\*)?(\w+)"

    def prepare(self, cell):
        cell.file("CTestTestfile.cmake",
                  f'add_test(it "{cell.program}")\nset_tests_properties(it PROPERTIES TIMEOUT {cell.timeout})\n')
        return ["ctest"]


class Kyua(Runner):
    name = needs = "kyua"
    answer = r":main +-> +(\w+:?)(?: ([^:\[]*))?.* \["

    def prepare(self, cell):
        kind = "tap" if cell.row.protocol == "tap" else "plain"
        cell.file("Kyuafile", 'syntax(2)\ntest_suite("torture")\n'
                  f'{kind}_test_program{{name="{cell.row.program}", timeout={cell.timeout}}}\n')
        return ["kyua", "--logfile=kyua.log", "test", "--results-file=results.db"]


class GnomeDesktopTesting(Runner):
    name = needs = "gnome-desktop-testing-runner"
    answer = r"(PASS|FAIL|SKIP|TIMEOUT): torture/it.test ?(\(.*\))?"

    def prepare(self, cell):
        cell.file("share/installed-tests/torture/it.test", f"[Test]\nType=session\nExec={cell.program}\n")
        return [self.needs, "-d", "share", f"--timeout={cell.timeout}"]


class Parallel(Runner):
    name = needs = "parallel"

    def prepare(self, cell):
        return ["parallel", "--will-cite", f"--timeout={cell.timeout}", "--joblog=log", ":::", str(cell.program)]

    def read(self, cell):
        lines = (cell.directory / "log").read_text().splitlines()
        if len(lines) < 2:
            return ""
        status, killer = lines[1].split("\t")[6:8]
        return f"signal {killer}" if killer != "0" else f"exit {status}"


class Prove(Runner):
    """Has no time limit at all."""

    name = needs = "prove"
    tap_only = True

    def prepare(self, cell):
        return ["prove", "--exec", "", str(cell.program)]

    def read(self, cell):
        match = re.search(r"Result: (\w+)", cell.output)
        why = re.search(r"(Parse errors: .*|Wstat: \d+ \(.*?\))", cell.output)
        return match[1] + (f" ({why[1]})" if why else "") if match else ""


RUNNERS = [Meson(), CTest(), Kyua(), GnomeDesktopTesting(), Parallel(), Prove()]


def run_cell(runner, row, programs):
    with Cell(runner, row, programs) as cell:
        cell.run()
        line = cell.observe()
        if os.environ.get("TORTURE_OUTPUT"):
            line += "\n" + cell.output[-2000:]
    return line, cell


def observe_runner(runner, programs):
    """All its cells, and nothing is left of any: that much is asserted, of us."""
    if os.getuid() != 0:
        skip("only root can make a namespace of its own")
    if not shutil.which(runner.needs):
        skip(f"{runner.needs} is not installed")
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        # Most of those that take long stand at the end.
        done = list(pool.map(lambda row: run_cell(runner, row, programs), reversed(COMMON_ROWS)))
    for line, cell in reversed(done):
        print("\n".join(f"# {part}" for part in line.splitlines()), flush=True)
        assert not cell.processes() and not cell.directory.exists(), cell.row.program


def add_runners(programs):
    for runner in RUNNERS:
        add(f"{runner.name}, as observed", lambda runner=runner: observe_runner(runner, programs), 1800)
