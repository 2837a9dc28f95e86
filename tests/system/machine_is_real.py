# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine that the other tests run in is what they take it for."""

import json
import subprocess

from behaviour import behaviour, eventually


def output(*argv, **kwargs):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True, **kwargs).stdout


@behaviour
def machine_has_systemd_as_its_first_process_and_nothing_failed():
    assert open("/proc/1/comm", encoding="ascii").read() == "systemd\n"
    assert output("systemctl", "list-units", "--failed", "--no-legend").strip() == ""


@behaviour
def machine_has_a_bus_that_knows_our_own_process():
    reply = output("busctl", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                   "org.freedesktop.systemd1.Manager", "GetUnitByPID", "u", "0")
    assert "/org/freedesktop/systemd1/unit/" in reply


@behaviour
def machine_has_a_cgroup_of_version_2_for_a_scope():
    cgroup = output("systemd-run", "--quiet", "--scope", "--unit=machine-is-real", "cat", "/proc/self/cgroup")
    assert "0::/system.slice/machine-is-real.scope" in cgroup.splitlines()


@behaviour
def machine_keeps_a_journal_entry_with_its_fields():
    entry = "MESSAGE=a line\nPTEST_PROOF=%d\n" % 4711
    subprocess.run(["logger", "--journald"], input=entry, check=True, text=True)

    def found():
        lines = output("journalctl", "--quiet", "--output=json", "PTEST_PROOF=4711").splitlines()
        return [json.loads(line) for line in lines]

    assert eventually(found)[0]["MESSAGE"] == "a line"


@behaviour
def machine_gives_a_user_without_a_session_a_manager():
    subprocess.run(["useradd", "--create-home", "lingerer"], check=False)
    subprocess.run(["loginctl", "enable-linger", "lingerer"], check=True)
    uid = output("id", "-u", "lingerer").strip()
    eventually(lambda: subprocess.run(
        ["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "env", f"XDG_RUNTIME_DIR=/run/user/{uid}",
         "systemd-run", "--user", "--quiet", "--scope", "true"],
        check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0)
