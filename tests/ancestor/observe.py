# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a scenario in one of its forms, and sees what the runner tells and what it leaves behind."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import make
from program import SOURCE, Run, text

# Longer than the longest way of nose: a timeout, then 5 s of signals for each of two workers.
NOSE_SECONDS = 14
PTEST_SECONDS = 400
# What ends on its own accord after nose has this long to do so.
NOSE_SETTLE_SECONDS = 1.0
PTEST_SETTLE_SECONDS = 60

NOSE_TEST = re.compile(r"^(test_\S+(?:\(.*\))?)(?: \(.*\))? \.\.\. (ok|FAIL|ERROR|SKIP)", re.MULTILINE)
NOSE_RAN = re.compile(r"^Ran (\d+) tests?", re.MULTILINE)
NOSE_SAYS = re.compile(r"^(OK|FAILED \(.*\))$", re.MULTILINE)


@dataclass
class Observation:
    planned: int
    told: int = 0  # planned tests of which it says an outcome
    says: str = ""
    status: int = None  # None: it hung, and was ended
    seconds: float = 0
    left: int = 0  # processes
    log: list = field(default_factory=list)
    outcomes: dict = field(default_factory=dict)
    reasons: dict = field(default_factory=dict)
    problems: list = field(default_factory=list)
    output: str = ""

    @property
    def hung(self):
        return self.status is None

    def count(self, sign, context=""):
        return sum(1 for entry in self.log if entry == sign + context or (not context and entry.startswith(sign)))

    def lost(self):
        return self.planned - self.told

    def outside(self, scenario):
        """How many tests were begun while their context was certainly not set up."""
        inside = {test.name: test.context for test in scenario.tests}
        return sum(1 for i, entry in enumerate(self.log) if inside.get(entry)
                   and self.log[:i].count("+" + inside[entry]) <= self.log[:i].count("-" + inside[entry]))

    def wrong_order(self, scenario):
        """Pairs of the scenario's order that are there and not in it."""
        pairs = [pair.split(" < ") for pair in scenario.get("order").split(", ") if pair]
        return [(first, second) for first, second in pairs
                if second in self.log and first not in self.log[:self.log.index(second)]]

    def blamed(self, scenario):
        """Good tests of which it says that they are bad."""
        good = {test.name for test in scenario.tests if test.expect["nose"] == ["pass"]}
        return sum(1 for name, outcome in self.outcomes.items() if outcome in ("ERROR", "FAIL")
                   and re.split(r"[.(]test_|[(]", name)[1] in good)


def through_a_pipe(scenario):
    return ["bash", "-c", 'set -o pipefail; "$0" "$@" 2>&1 | cat'] if scenario.get("pipe") == "yes" else []


def wait_for(it, end, condition):
    """While it runs, and until then."""
    while time.monotonic() < end and it.process.poll() is None:
        if condition():
            return True
        time.sleep(0.02)
    return False


def interrupt_when_it_is_time(it, scenario, log, end):
    entry = scenario.get("interrupt")
    if not entry or not wait_for(it, end, lambda: log.exists() and entry in log.read_text().split()):
        return
    os.killpg(it.pid, signal.SIGINT)  # as a terminal does
    if wait_for(it, end, lambda: "nterrupt" in it.stdout + it.stderr):
        Path(f"{log}.interrupted").touch()


def follow(it, scenario, log, seconds, settle_seconds, seen):
    begun = time.monotonic()
    interrupt_when_it_is_time(it, scenario, log, begun + seconds)
    with contextlib.suppress(subprocess.TimeoutExpired):
        seen.status = it.process.wait(max(0.1, begun + seconds - time.monotonic()))
        end = time.monotonic() + settle_seconds
        while (left := len(it.processes())) and time.monotonic() < end:
            time.sleep(0.05)
        seen.left = left
    seen.seconds = time.monotonic() - begun
    seen.log = log.read_text().split("\n")[:-1] if log.exists() else []
    seen.output = it.stdout + it.stderr


@contextlib.contextmanager
def scratch(scenario, form):
    path = Path(tempfile.mkdtemp(prefix=f"pa.{scenario.name}.{form}."))
    try:
        (path / "tests").mkdir()
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def observe_nose(scenario):
    seen = Observation(scenario.planned("nose"))
    with scratch(scenario, "nose") as path:
        argv = make.make_nose(scenario, path / "tests", path / "log")
        with Run(argv=argv, scratch=path, within=through_a_pipe(scenario), cwd=path / "tests") as it:
            follow(it, scenario, path / "log", NOSE_SECONDS, NOSE_SETTLE_SECONDS, seen)
            said = NOSE_SAYS.findall(seen.output)
            ran = NOSE_RAN.findall(seen.output)
            seen.outcomes = dict(NOSE_TEST.findall(seen.output))
            seen.told = len(seen.outcomes)
            seen.says = " ".join(filter(None, [f"Ran {ran[-1]}" if ran else "", said[-1] if said else ""])) or "nothing"
    return seen


def observe_ptest(scenario, form):
    seen = Observation(scenario.planned(form))
    with scratch(scenario, form) as path:
        path.chmod(0o755)
        if form == "program":
            suite = make.make_program(scenario, path / "tests", path / "log")
        else:
            suite = make.make_module(scenario, path / "tests", path / "log", SOURCE / "include")
        options = [f"-j{scenario.workers}"] + (["--fail-fast"] if "fail-fast" in scenario.get("options") else [])
        env = {"PTEST_WORKER": "/bin/false"} if scenario.get("broken") == "worker" else {}
        with Run(suite, scratch=path, options=options, env=env, within=through_a_pipe(scenario)) as it:
            follow(it, scenario, path / "log", PTEST_SECONDS, PTEST_SETTLE_SECONDS, seen)
            if not seen.hung:
                take_records(it, seen)
            seen.problems += litter_of(it)
    return seen


def take_records(it, seen):
    try:
        seen.outcomes = it.outcomes
        seen.reasons = {address: it.reason(address) for address in seen.outcomes}
        seen.told = len(seen.outcomes)
        seen.says = it.verdict
        it.assert_whole()
    except (AssertionError, IndexError) as problem:
        seen.problems.append(str(problem))


def litter_of(it):
    return [f"left behind: {path}" for path in it.litter()]


def observe(scenario, form):
    return observe_nose(scenario) if form == "nose" else observe_ptest(scenario, form)
