# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a user without any privilege has in a manager of their own: limits, measures and leaks of tests, as far as it is delegated."""

import json
import os
import pwd
import re
import subprocess
from pathlib import Path

from behaviour import behaviour, eventually
from program import PTEST, Run, shell, tests, text
from some_user import NAME, environment, user_with_manager
from systemd import output

HOG = 'Exec=python3 -c "x = bytearray(200 << 20)"\nMemoryMax=60M\n'


def user_run(uid, **kwargs):
    return Run(backend="user", user=uid, env=environment(uid), **kwargs)


def delegated(uid):
    group = Path(f"/sys/fs/cgroup/user.slice/user-{uid}.slice/user@{uid}.service/cgroup.controllers")
    return set(group.read_text().split())


def assert_nothing_is_left_of_user(it, uid, name):
    it.assert_nothing_is_left()
    eventually(lambda: not output("systemctl", f"--machine={NAME}@", "--user", "list-units", "--all", "--plain",
                                  "--no-legend", f"ptest-{name}*").strip(), what="that its units are gone")
    top = Path(f"/sys/fs/cgroup/user.slice/user-{uid}.slice/user@{uid}.service")
    # What goes meanwhile is nothing to os.walk().
    eventually(lambda: not any(group.startswith(f"ptest-{name}") for _, groups, _ in os.walk(top) for group in groups),
               what="that its cgroups are gone")


@behaviour
def tests_of_a_user_have_their_limits():
    uid = user_with_manager()
    controllers = delegated(uid)
    # Debian's user@.service has Delegate=pids memory cpu since systemd 252; else this proves the wrong thing.
    assert {"memory", "pids"} <= controllers, controllers
    suite = ("[Test hog]\n" + HOG + shell("bomb", "for i in 1 2 3 4 5 6 7 8 9; do sleep 300 & done; wait") + "TasksMax=5\n" +
             shell("daemon", "(setsid sleep 300 </dev/null >/dev/null 2>&1 &); exit 0") +
             "[Test large]\n" + HOG.replace("60M", "infinity") + tests(5))
    with user_run(uid, suite=suite, name="userlimits", options=["-j2"]) as it:
        it.wait()
        assert text(it.records_of("RUN_STARTED")[0], "PTEST_BACKEND") == "user", it.stderr
        assert it.outcomes["hog"] == "oom", (it.results["hog"], it.stderr)
        assert text(it.results["hog"], "PTEST_OOM_OWNER") == "test", it.results["hog"]
        assert text(it.results["hog"], "PTEST_OOM_LIMIT") == str(60 << 20), it.results["hog"]
        assert it.outcomes["bomb"] == "fail" and "limit of 5 tasks" in it.reason("bomb"), it.results["bomb"]
        assert it.outcomes["daemon"] == "pass" and text(it.results["daemon"], "PTEST_MARK") == "leaky", it.results["daemon"]
        assert "sleep 300" in text(it.results["daemon"], "PTEST_LEAKS"), it.results["daemon"]
        assert it.outcomes["large"] == "pass", it.results["large"]
        assert int(text(it.results["large"], "PTEST_MEMORY_PEAK")) > 200 << 20, it.results["large"]
        assert {it.outcomes[f"t{i:04}"] for i in range(1, 6)} == {"pass"}, it.outcomes
        assert {text(r, "PTEST_GENERATION") for r in it.records_of("WORKER_STARTED")} == {"1"}
        assert_nothing_is_left_of_user(it, uid, "userlimits")


@behaviour
def limits_that_are_not_delegated_to_a_user_are_refused_by_name():
    uid = user_with_manager()
    if "cpu" in delegated(uid):
        Path("/run/systemd/system/user@.service.d").mkdir(parents=True, exist_ok=True)
        Path("/run/systemd/system/user@.service.d/fewer.conf").write_text("[Service]\nDelegate=\nDelegate=pids memory\n")
        output("systemctl", "daemon-reload")
        output("systemctl", "restart", f"user@{uid}.service")
        eventually(lambda: os.path.exists(f"/run/user/{uid}/bus"), what="that the user's bus is there")
    assert "cpu" not in delegated(uid) and "memory" in delegated(uid), delegated(uid)
    suite = "[Suite]\nCPUQuota=50%\nMemoryMax=100M\n" + tests(2)
    with user_run(uid, suite=suite, name="fewer") as it:
        it.wait()
        assert it.status == 2 and re.search(r"user backend cannot hold CPUQuota= of tests", it.stderr), (it.status, it.stderr)
    with user_run(uid, suite=suite + shell("daemon", "(setsid sleep 300 &); exit 0"), name="fewer", options=["--allow-degraded"]) as it:
        it.wait()
        assert it.status == 0 and "does not hold CPUQuota=" in it.stdout, (it.status, it.stdout)
        assert text(it.results["daemon"], "PTEST_MARK") == "leaky", it.results["daemon"]
        # What is delegated is there all the same.
        assert int(text(it.results["daemon"], "PTEST_MEMORY_PEAK")) > 0, it.results["daemon"]
        assert_nothing_is_left_of_user(it, uid, "fewer")
    doctor = subprocess.run([PTEST, "doctor", "--backend=user", "--json"], stdout=subprocess.PIPE, check=False, user=uid, group=pwd.getpwuid(uid).pw_gid,
                            env={**{k: v for k, v in environment(uid).items() if v}, "PATH": os.environ["PATH"]})
    told = {c["name"]: c for c in json.loads(doctor.stdout)["capabilities"]}
    assert not told["test-limits"]["holds"] and "CPUQuota=" in told["test-limits"]["reason"], told
