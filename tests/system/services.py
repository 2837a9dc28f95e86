# SPDX-License-Identifier: LGPL-2.1-or-later
"""ptest@.service, as it was installed."""

import os
import re
import signal
import subprocess

from behaviour import behaviour, eventually
from program import MESSAGE_IDS, shell, tests, text
from systemd import QUICK_WATCHDOG, Service, assert_nothing_is_left_of, journal, output, scopes_of, show

LONG = "[Suite]\nEnvironment=MARKS=@MARKS@\nWorkers=2\nStopSec=2\n" + "".join(
    shell(f"long{i}", f"touch $MARKS/long{i}; while [ ! -e $MARKS/go ]; do sleep 0.05; done") for i in (1, 2)
) + tests(10)
STUBBORN = "[Suite]\nEnvironment=MARKS=@MARKS@\nWorkers=2\n" + "".join(
    shell(f"long{i}", f"trap '' INT TERM; touch $MARKS/long{i}; while :; do sleep 1; done", "TimeoutSec=1h\nGraceSec=1h")
    for i in (1, 2)) + tests(10)


@behaviour
def start_waits_for_the_verdict_and_succeeds_if_all_pass():
    with Service("good", tests(5)) as service:
        assert service.start() == 0
        assert service.show("ActiveState", "Result") == {"ActiveState": "inactive", "Result": "success"}
        assert set(service.outcomes.values()) == {"pass"} and len(service.outcomes) == 5
        assert text(service.records[0], "PTEST_BACKEND") == "system"
        assert_nothing_is_left_of("good")
        assert not os.path.exists("/run/ptest/good")


@behaviour
def failed_run_leaves_the_unit_failed():
    with Service("bad", tests(5) + shell("broken", "exit 1")) as service:
        assert service.start() != 0
        assert service.show("ActiveState", "ExecMainStatus") == {"ActiveState": "failed", "ExecMainStatus": "1"}
        assert_nothing_is_left_of("bad")


@behaviour
def suite_with_nothing_to_run_leaves_the_unit_failed():
    with Service("empty", "[Suite]\nDescription=empty\n") as service:
        assert service.start() != 0
        assert service.show("ActiveState", "ExecMainStatus") == {"ActiveState": "failed", "ExecMainStatus": "4"}


@behaviour
def status_shows_how_far_it_is():
    with Service("progress", LONG) as service:
        service.start_no_block()
        service.until("long1", "long2")
        found = eventually(lambda: re.search(r"Status: \"(\d+)/12, (\d+) failed, (\d+) running\"",
                                             output("systemctl", "status", "--no-pager", service.unit, check=False)),
                           what="that the status tells how far the run is")
        assert found[2] == "0", found
        assert service.show("ActiveState")["ActiveState"] == "activating"
        service.let_go()
        service.until_over()
        assert set(service.outcomes.values()) == {"pass"}


@behaviour
def scopes_are_bound_to_the_service():
    with Service("bound", LONG) as service:
        service.start_no_block()
        service.until("long1", "long2")
        scopes = scopes_of("bound")
        assert len(scopes) == 2, scopes
        for scope in scopes:
            found = show(scope, "BindsTo", "Before")
            assert service.unit in found["BindsTo"].split() and service.unit in found["Before"].split(), found
        service.let_go()
        service.until_over()


@behaviour
def stop_ends_stubborn_tests_in_time_with_everything_recorded():
    with Service("stopped", STUBBORN) as service:
        service.start_no_block()
        service.until("long1", "long2")
        output("systemctl", "stop", service.unit)
        # Had it taken longer than TimeoutStopSec= (tests would have an hour), systemd would have killed it, and the result
        # would be "timeout".
        found = service.show("ActiveState", "Result", "ExecMainStatus")
        assert found == {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "5"}, found
        assert set(service.outcomes.values()) == {"not-run"} and len(service.outcomes) == 12, service.outcomes
        finished, = service.records_of("RUN_FINISHED")
        assert text(finished, "PTEST_VERDICT") == "incomplete", finished
        assert_nothing_is_left_of("stopped")


@behaviour
def SIGKILL_of_the_coordinator_leaves_no_scope():
    with Service("killed", STUBBORN) as service:
        service.start_no_block()
        service.until("long1", "long2")
        scopes = set(scopes_of("killed"))
        os.kill(service.main_pid, signal.SIGKILL)
        eventually(lambda: not scopes & set(scopes_of("killed")), what="that its scopes are gone")
        # It goes on by itself, until it is stopped.
        output("systemctl", "stop", service.unit)
        service.until_over()
        eventually(lambda: not scopes_of("killed"), what="that all scopes are gone")
        eventually(lambda: subprocess.run(["pgrep", "--uid", "ptest-worker"], check=False,
                                          stdout=subprocess.DEVNULL).returncode == 1,
                   what="that no process of its tests is there")
        assert not os.path.exists("/run/ptest/killed")


@behaviour
def watchdog_ends_a_coordinator_that_stands_still():
    """The setting is a minute; here it is seconds, so that the test is not minutes."""
    directory = "/run/systemd/system/ptest@watched.service.d"
    os.makedirs(directory, exist_ok=True)
    with open(f"{directory}/quick.conf", "w", encoding="ascii") as conf:
        conf.write(f"[Service]\nWatchdogSec={QUICK_WATCHDOG}s\nRestart=no\n")
    output("systemctl", "daemon-reload")
    with Service("watched", LONG) as service:
        service.start_no_block()
        service.until("long1", "long2")
        # It is fed while it turns: longer than the limit.
        pid, begin = service.main_pid, service.last_fed
        eventually(lambda: service.last_fed - begin > QUICK_WATCHDOG, what="that it is fed beyond the limit")
        assert service.main_pid == pid
        os.kill(pid, signal.SIGSTOP)
        service.until_over()
        assert service.show("Result")["Result"] == "watchdog", service.show("Result")
        eventually(lambda: not scopes_of("watched"), what="that its scopes are gone")


@behaviour(seconds=900)
def twenty_thousand_results_are_all_in_the_journal():
    with Service("burst", "[Suite]\nTimeoutSec=5min\n" + tests(20000, name="t{:05}")) as service:
        assert service.start() == 0
        finished, = service.records_of("RUN_FINISHED")
        assert text(finished, "PTEST_JOURNAL_LOST", "0") == "0", finished
        entries = journal(f"PTEST_RUN_ID={service.run_id}", f"MESSAGE_ID={MESSAGE_IDS['TEST_FINISHED']}")
        found = {entry["PTEST_TEST"] for entry in entries if entry["PTEST_OUTCOME"] == "pass"}
        assert len(entries) == len(found) == 20000, (len(entries), len(found))


@behaviour
def journal_finds_and_explains_a_failure():
    with Service("explained", tests(2) + shell("broken", "echo what it said; exit 3")) as service:
        service.start()
        run = f"PTEST_RUN_ID={service.run_id}"
        entry, = journal(run, "PTEST_OUTCOME=fail")
        assert entry["PTEST_TEST"] == "broken" and entry["PTEST_EXIT_STATUS"] == "3", entry
        assert entry["PTEST_STDOUT"].strip() == "what it said" and "broken" in entry["MESSAGE"], entry
        assert entry["_SYSTEMD_UNIT"] == service.unit, entry
        explained = output("journalctl", "--no-pager", "-x", run, "PTEST_OUTCOME=fail")
        assert "Subject:" in explained and explained.count("broken") > 1, explained
        assert "@PTEST" not in explained, explained
        plain = output("journalctl", "--no-pager", "--output=cat", "--unit", service.unit)
        assert "broken" in plain and "exit status 3" in plain, plain


@behaviour
def journal_and_run_file_tell_the_same():
    with Service("twice", tests(20) + shell("broken", "printf 'a\\nb\\001'; exit 3")) as service:
        service.start()
        mine = [{k: v.decode(errors="replace") for k, v in r.items() if k.startswith("PTEST_") and isinstance(v, bytes)}
                for r in service.records]
        entries = journal(f"PTEST_RUN_ID={service.run_id}")
        assert len(entries) == len(mine), (len(entries), len(mine))
        for record, entry in zip(mine, entries):
            for name, value in record.items():
                if name == "PTEST_CHECKSUM":
                    continue  # Of the entry in the file.
                seen = entry[name]
                seen = bytes(seen).decode(errors="replace") if isinstance(seen, list) and seen and \
                    isinstance(seen[0], int) else seen
                assert seen == value, (name, value, seen)
