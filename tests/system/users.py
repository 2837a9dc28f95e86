# SPDX-License-Identifier: LGPL-2.1-or-later
"""The manager of a user, without any privilege."""

import os
import pwd
from pathlib import Path

from behaviour import behaviour, eventually
from long_run import LongRun
from program import Run, shell, tests, text
from some_user import NAME, environment, user_with_manager
from systemd import Service, cgroup_of, output


@behaviour
def auto_backend_of_a_user_is_the_users_manager():
    uid = user_with_manager()
    with Run(suite=tests(5) + shell("who", "id -u"), backend="auto", user=uid, env=environment(uid)) as it:
        it.wait()
        assert it.status == 0 and not it.stderr, (it.status, it.stderr)
        assert text(it.records_of("RUN_STARTED")[0], "PTEST_BACKEND") == "user"
        assert it.results["who"]["PTEST_STDOUT"].strip() == str(uid).encode()


@behaviour
def scopes_of_a_user_are_below_the_users_manager_and_gone_at_the_end():
    uid = user_with_manager()
    with LongRun(backend="user", user=uid, env=environment(uid), name="mine") as it:
        it.until_both_run()
        for record in it.records_of("WORKER_STARTED"):
            cgroup = cgroup_of(int(text(record, "PTEST_PID")))
            expected = f"/user.slice/user-{uid}.slice/user@{uid}.service/ptest.slice/ptest-mine.slice/"
            assert cgroup.startswith(expected + text(record, "PTEST_UNIT")), cgroup
        it.let_go()
        it.wait()
        assert it.status == 0 and not it.stderr, (it.status, it.stderr)
        it.assert_nothing_is_left()
        eventually(lambda: not output("systemctl", f"--machine={NAME}@", "--user", "list-units", "--all", "--plain",
                                      "--no-legend", "ptest-mine*").strip(), what="that its units are gone")
        assert not os.path.exists(f"/run/user/{uid}/ptest") or not os.listdir(f"/run/user/{uid}/ptest")


@behaviour
def user_without_a_manager_gets_the_plain_backend():
    nobody = pwd.getpwnam("nobody").pw_uid
    with Run(suite=tests(3), backend="auto", user=nobody, env={"HOME": "/nonexistent"}) as it:
        it.wait()
        assert it.status == 0 and not it.stderr, (it.status, it.stderr)
        assert text(it.records_of("RUN_STARTED")[0], "PTEST_BACKEND") == "plain"


@behaviour
def user_cannot_have_the_system_backend():
    uid = user_with_manager()
    with Run(suite=tests(3), backend="system", user=uid, env=environment(uid)) as it:
        it.wait()
        assert it.status not in (0, 1) and it.stderr, (it.status, it.stderr)


@behaviour
def test_of_the_workers_user_cannot_tamper_with_its_run():
    """It knows where the sockets are, and is the same user as its worker."""
    script = Path("/opt/tamper")
    script.write_text(r"""#!/bin/sh
exec 2>/dev/null
sockets=$(tr '\0' '\n' <"/proc/$PPID/cmdline" | sed -n 's/^--directory=//p')
[ -d "$sockets" ] || echo unknown
echo >"$sockets/mine" && echo made
for socket in $(cut -d' ' -f8- /proc/net/unix | grep "^$sockets/"); do rm -f "$socket" && echo removed; done
mv "$sockets" "$sockets.old" && echo moved
head -c 1 "/proc/$PPID/environ" && echo looked
for file in /var/lib/ptest/runs/*; do echo >>"$file" && echo wrote; done
echo end
""")
    script.chmod(0o755)
    with Service("tamper", "[Suite]\nWorkers=2\n[Test tamper]\nExec=/opt/tamper\n" + tests(20)) as service:
        assert service.start() == 0, service.outcomes
        result, = [r for r in service.records_of("TEST_FINISHED") if text(r, "PTEST_TEST") == "tamper"]
        assert text(result, "PTEST_STDOUT") == "end\n", text(result, "PTEST_STDOUT")
