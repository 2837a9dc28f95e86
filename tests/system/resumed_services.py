# SPDX-License-Identifier: LGPL-2.1-or-later
"""ptest@.service whose coordinator is killed: it goes on by itself, and a suite that fails does not."""

import os
import signal
from collections import Counter
from pathlib import Path

from behaviour import behaviour, eventually
from program import MESSAGE_IDS, read_export, shell, text
from systemd import Service, assert_nothing_is_left_of, output


def noting(name, script="true", more=""):
    return shell(name, f"echo {name} >>$MARKS/ran; {script}", more)


def suite(script):
    """Quick tests, then two that wait, then one more."""
    return ("[Suite]\nEnvironment=MARKS=@MARKS@\nWorkers=2\n[Worker]\nUser=root\n" +
            "".join(noting(f"quick{i}", more="Priority=2\n") for i in range(6)) +
            noting("broken", "exit 1", "Priority=2\n") +
            "".join(noting(f"long{i}", f"touch $MARKS/long{i}; {script}", "Priority=1\n") for i in (1, 2)) +
            noting("late"))


def ran(service):
    path = service.marks / "ran"
    return Counter(path.read_text().split()) if path.exists() else Counter()


def runs(service):
    """The records of each of its runs, as they began."""
    found = [read_export(path) for path in Path("/var/lib/ptest/runs").glob(f"{service.name}-*.export*")]
    return sorted((r for r in found if r), key=lambda r: int(text(r[0], "PTEST_TIME_USEC")))


def results(records):
    found = {}
    for record in records:
        if text(record, "MESSAGE_ID") == MESSAGE_IDS["TEST_FINISHED"]:
            assert text(record, "PTEST_TEST") not in found, record
            found[text(record, "PTEST_TEST")] = record
    return found


@behaviour
def killed_coordinator_comes_back_and_goes_on():
    with Service("resumed", suite("while [ ! -e $MARKS/go ]; do sleep 0.05; done")) as service:
        service.start_no_block()
        service.until("long1", "long2")
        eventually(lambda: len(results(runs(service)[0])) == 7, what="that the quick ones are recorded")
        for n in (1, 2):
            os.kill(service.main_pid, signal.SIGKILL)
            eventually(lambda: ran(service)["long1"] == ran(service)["long2"] == n + 1, 60,  # pylint: disable=cell-var-from-loop
                       "that both run again")
        service.let_go()
        service.until_over()
        # Its verdict is the run's, and no reason to start again.
        found = service.show("ActiveState", "ExecMainStatus", "NRestarts")
        assert found == {"ActiveState": "failed", "ExecMainStatus": "1", "NRestarts": "2"}, found
        first, *_, last = runs(service)
        assert set(results(last)) == {*(f"quick{i}" for i in range(6)), "broken", "long1", "long2", "late"}
        assert len(runs(service)) == 3 and "PTEST_RESUMES" in last[0], last[0]
        for name, record in results(last).items():
            before = name in results(first)
            assert ("PTEST_CARRIED_FROM" in record) == before, record
            assert ran(service)[name] == (1 if before or name == "late" else 3), ran(service)
        assert text(results(last)["broken"], "PTEST_OUTCOME") == "fail"
        assert_nothing_is_left_of("resumed")


@behaviour
def suite_that_fails_or_is_stopped_is_not_started_again():
    with Service("once", suite("true")) as service:
        assert service.start() != 0
        assert service.show("ActiveState", "NRestarts") == {"ActiveState": "failed", "NRestarts": "0"}
        assert len(runs(service)) == 1 and set(ran(service).values()) == {1}
    with Service("halted", suite("sleep 1000")) as service:
        service.start_no_block()
        service.until("long1", "long2")
        output("systemctl", "stop", service.unit)
        assert service.show("ActiveState", "NRestarts") == {"ActiveState": "failed", "NRestarts": "0"}
        # The next start is a run of its own: somebody meant that one to end.
        (service.marks / "long1").unlink()
        service.start_no_block()
        service.until("long1")
        assert "PTEST_RESUMES" not in runs(service)[-1][0]
