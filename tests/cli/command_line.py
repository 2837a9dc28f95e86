# SPDX-License-Identifier: LGPL-2.1-or-later
"""Options, suites, exit statuses."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

from behaviour import behaviour
from program import PTEST, ptest, run, shell, tests, text

THREE = tests(3, name="part/{}")


def workers_used(options=(), env=None, suite=tests(8)):
    with run(suite=suite, options=options, env=env) as it:
        assert it.status == 0, it.stderr
        return int(text(it.records_of("RUN_STARTED")[0], "PTEST_WORKERS"))


@behaviour
def list_prints_the_addresses_in_their_order():
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "some.suite"
        path.write_text(THREE)
        assert ptest("list", path) == "part/1\npart/2\npart/3\n"
        assert [t["address"] for t in json.loads(ptest("list", "--json", path))] == ["part/1", "part/2", "part/3"]
        assert ptest("list", "-k", "part/[13]", path) == "part/1\npart/3\n"


@behaviour
def list_of_a_directory_of_executables_names_each():
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("b", "a"):
            path = Path(scratch) / name
            path.write_text("#!/bin/sh\n")
            path.chmod(0o755)
        (Path(scratch) / "README").write_text("no test\n")
        assert sorted(ptest("list", scratch).split()) == ["a", "b"]


@behaviour
def directory_above_has_its_own_name():
    with tempfile.TemporaryDirectory() as scratch:
        inner = Path(scratch) / "these" / "inner"
        inner.mkdir(parents=True)
        inner.with_name("a").write_text("#!/bin/sh\n")
        inner.with_name("a").chmod(0o755)
        for target, cwd in ((".", inner.parent), ("..", inner), ("inner/..", inner.parent)):
            with run(target, cwd=cwd) as it:
                assert it.status == 0 and it.stdout.startswith("these: 1 test"), (it.stdout, it.stderr)


@behaviour
def what_cannot_be_listed_in_a_directory_is_a_failed_test():
    """As a user who may not read everything: root may."""
    for suffix, good in (("", "#!/bin/sh\n"), (".test", "[Test]\nType=session\nExec=/bin/true\n")):
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o755)
            (Path(directory) / f"good{suffix}").write_text(good)
            (Path(directory) / f"good{suffix}").chmod(0o755)
            (Path(directory) / f"gone{suffix}").symlink_to("/nowhere")
            (Path(directory) / "d").mkdir(mode=0)
            with run(directory, user=65534) as it:
                assert it.status == 1, (it.status, it.stderr)
                assert it.outcomes == {"good": "pass", "gone": "error", "d": "error"}, it.outcomes
                it.assert_whole()


@behaviour
def patterns_select_and_exclude():
    suite = tests(3, name="glib/{}") + tests(3, name="gio/{}")
    for options, expected in (
            (["-k", "glib/*"], {"glib/1", "glib/2", "glib/3"}),
            (["-k", "!glib/*"], {"gio/1", "gio/2", "gio/3"}),
            (["-k", "*/1", "-k", "gio/*", "-k", "!*/2"], {"glib/1", "gio/1", "gio/3"}),
    ):
        with run(suite=suite, options=options) as it:
            assert it.status == 0 and set(it.results) == expected, (options, it.outcomes)


@behaviour
def pattern_that_fits_nothing_is_not_a_success():
    with run(suite=THREE, options=["-k", "nothing-of-the-kind", "-k", "!part/*"]) as it:
        assert it.status == 4, it.status
        assert "no test matches -k nothing-of-the-kind -k '!part/*'" in it.stdout, it.stdout
    with run(suite=THREE, options=["-k", "nothing-of-the-kind", "--allow-no-tests"]) as it:
        assert it.status == 0, it.status


@behaviour
def jobs_option_has_precedence_over_all_else():
    assert workers_used(["-j", "3"], {"DEB_BUILD_OPTIONS": "parallel=2"}, "[Suite]\nWorkers=4\n" + tests(8)) == 3


@behaviour
def jobs_come_from_the_suite_then_from_the_build():
    build = {"DEB_BUILD_OPTIONS": "nocheck parallel=5 terse", "RPM_BUILD_NCPUS": "6", "MESON_NUM_PROCESSES": "7",
             "MESON_TESTTHREADS": "4"}
    assert workers_used(env=build, suite="[Suite]\nWorkers=3\n" + tests(8)) == 3
    expected = {"DEB_BUILD_OPTIONS": 5, "RPM_BUILD_NCPUS": 6, "MESON_NUM_PROCESSES": 7, "MESON_TESTTHREADS": 4}
    for name, number in expected.items():
        assert workers_used(env=build) == number, name
        del build[name]


@behaviour
def jobs_default_to_the_cpus_that_we_may_use():
    assert workers_used() == min(8, len(os.sched_getaffinity(0)))


@behaviour
def timeout_of_the_command_line_holds_and_is_multiplied():
    with run(suite=shell("slow", "sleep 60", "GraceSec=1"),
             options=["--timeout=50ms", "--timeout-multiplier=2"]) as it:
        assert it.status == 1 and it.outcomes == {"slow": "timeout"}
        assert int(text(it.results["slow"], "PTEST_DURATION_USEC")) >= 100_000
    with run(suite=shell("slow", "sleep 1", "GraceSec=1"),
             options=["--timeout=50ms", "--timeout-multiplier=0"]) as it:
        assert it.status == 0 and it.outcomes == {"slow": "pass"}


@behaviour
def failure_is_printed_with_its_reason_and_output_and_again_at_the_end():
    with run(suite=shell("broken", "echo what it said; exit 3") + shell("fine", "echo said-nothing-bad")) as it:
        assert it.status == 1 and not it.stderr, (it.status, it.stderr)
        assert it.stdout.count("broken") >= 2 and "what it said" in it.stdout and "said-nothing-bad" not in it.stdout


@behaviour
def output_without_a_terminal_has_no_control_characters():
    with run(suite=shell("broken", "exit 3") + THREE) as it:
        assert not set(it.stdout) & {chr(c) for c in range(32) if c != 10}, it.stdout


@behaviour
def color_is_given_when_asked_for():
    with run(suite=shell("broken", "exit 3"), options=["--color=always"], env={"NO_COLOR": "1"}) as it:
        assert "\x1b[" in it.stdout


@behaviour
def wrong_use_is_told_on_stderr_with_status_2():
    for options in (["--no-such-option"], ["-j", "0"], ["-j", "many"], ["--timeout=soon"], ["--backend=magic"],
                    ["--memory-max=lots"], ["--color=red"]):
        with run(suite=THREE, options=options) as it:
            assert it.status == 2 and it.stderr and not it.processes(), (options, it.status, it.stderr)
    with run() as it:
        assert it.status == 2 and it.stderr


@behaviour
def suite_that_is_not_there_is_status_2_and_is_named():
    with run("no-such-suite-of-that-name") as it:
        assert it.status == 2 and "no-such-suite-of-that-name" in it.stderr, (it.status, it.stderr)


@behaviour
def name_that_was_escaped_for_systemd_is_told_from_one_that_is_not_there():
    escaped = ptest("run", "--backend=plain", "my\\x2dlib", check=False)
    assert escaped.returncode == 2 and "systemd-escape" in escaped.stderr, escaped
    assert "systemd-escape" not in ptest("run", "--backend=plain", "my-lib", check=False).stderr


@behaviour
def mistakes_in_a_suite_file_are_told_with_file_and_line():
    suite = "[Suite]\nWrokers=3\n\n[Test a]\nExec=/bin/true\nTimeoutSec=soon\n\n[Test b]\nExec=/no/such/program\n"
    with run(suite=suite) as it:
        assert it.status == 2, it.status
        for line in (2, 6, 9):
            assert f"it.suite:{line}:" in it.stderr, it.stderr


@behaviour
def address_that_is_given_twice_is_refused():
    with run(suite="[Test a]\nExec=/bin/true\n[Test a]\nExec=/bin/false\n") as it:
        assert it.status == 2 and "it.suite:3" in it.stderr, (it.status, it.stderr)


@behaviour
def limit_that_the_plain_backend_cannot_hold_is_refused_by_name():
    with run(suite="[Worker]\nMemoryMax=64M\n" + THREE) as it:
        assert it.status == 2, it.status
        assert "MemoryMax" in it.stderr and "plain" in it.stderr and "--allow-degraded" in it.stderr, it.stderr
        assert not (it.scratch / "state" / "runs").exists() or not list((it.scratch / "state/runs").iterdir())
    with run(suite="[Worker]\nMemoryMax=64M\n" + THREE, options=["--allow-degraded"]) as it:
        assert it.status == 0 and set(it.outcomes.values()) == {"pass"}


@behaviour
def several_suites_are_one_run_with_prefixes():
    with tempfile.TemporaryDirectory() as scratch:
        paths = []
        for name in ("one", "two"):
            path = Path(scratch) / f"{name}.suite"
            path.write_text(tests(2, name="t{}"))
            paths.append(path)
        with run(*paths) as it:
            assert it.status == 0 and set(it.results) == {"one/t1", "one/t2", "two/t1", "two/t2"}, it.outcomes


@behaviour
def suite_is_found_by_name_in_the_search_path():
    with tempfile.TemporaryDirectory() as scratch:
        for name, count in (("first", 1), ("second", 2)):
            (Path(scratch) / name).mkdir()
            (Path(scratch) / name / "mine.suite").write_text(tests(count, name="t{}"))
        (Path(scratch) / "second" / "mine.suite.d").mkdir()
        (Path(scratch) / "second" / "mine.suite.d" / "more.conf").write_text("[Test added]\nExec=/bin/true\n")
        with run("mine", env={"PTEST_SUITE_PATH": f"{scratch}/first:{scratch}/second"}) as it:
            assert it.status == 0 and set(it.results) == {"t1", "added"}, it.outcomes


@behaviour
def results_and_log_show_the_last_run():
    with run(suite=shell("broken", "echo to stdout; echo to stderr >&2; exit 3") + shell("fine", "exit 0")) as it:
        state = {"XDG_STATE_HOME": "", "STATE_DIRECTORY": str(it.scratch / "state")}
        table = ptest("results", env=state, check=False).stdout
        assert "broken" in table and "fail" in table and "fine" in table, table
        log = ptest("log", "broken", env=state, check=False).stdout
        assert "to stdout" in log and "to stderr" in log, log
        machine = json.loads(ptest("results", "--json", env=state, check=False).stdout)
        found = {t["address"]: t["outcome"] for t in machine["tests"]}
        assert found == {"broken": "fail", "fine": "pass"}, machine
        other = ptest("log", "no-such-test", env=state, check=False)
        assert other.returncode == 1 and other.stderr, other
        other = ptest("results", "-k", "no-such-test", env=state, check=False)
        assert other.returncode == 1 and "No test" in other.stderr, other


@behaviour
def empty_paths_are_refused():
    for option in ("--junit=", "--tap=", "--state-dir="):
        done = ptest("run", "--backend=plain", option, "/nonexistent", check=False)
        assert done.returncode == 2 and "path" in done.stderr, done


@behaviour
def doctor_gives_a_reason_for_each_no():
    done = ptest("doctor", "--json", check=False)
    capabilities = json.loads(done.stdout)
    capabilities = capabilities.get("capabilities", capabilities) if isinstance(capabilities, dict) else capabilities
    assert capabilities
    for capability in capabilities:
        assert capability["holds"] or capability["reason"], capability
    assert done.returncode == 0, done.returncode


@behaviour
def doctor_says_what_is_done_for_tests_instead_without_cgroups_of_their_own():
    capabilities = json.loads(ptest("doctor", "--backend=plain", "--json"))["capabilities"]
    reasons = {capability["name"]: capability["reason"] for capability in capabilities}
    for name, instead in (("test-limits", "RLIMIT_DATA"), ("test-oom", "of the worker's"), ("leaks", "sub-reapers"),
                          ("stuck-report", "SIGSTOP"), ("measures", "getrusage()"), ("output", "OutputMax="),
                          ("politeness", "nice"), ("private-places", "PrivateTmp=")):
        assert instead in reasons[name], (name, reasons)
    # The records carry it.
    with run(suite="[Test t]\nExec=true\n") as it:
        told = it.records_of("RUN_STARTED")[0]["PTEST_CAPABILITY"]
        assert b"test-oom=no" in told and b"leaks=yes" in told, told


@behaviour
def doctor_fails_for_a_backend_that_cannot_be_used():
    nowhere = {**os.environ, "XDG_RUNTIME_DIR": "/nonexistent", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}
    assert ptest("doctor", "--backend=user", env=nowhere, check=False).returncode == 1
    assert ptest("doctor", "--backend=plain", env=nowhere, check=False).returncode == 0


@behaviour
def doctor_says_why_a_better_backend_was_not_chosen():
    nowhere = {**os.environ, "XDG_RUNTIME_DIR": "/nonexistent", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent",
               "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}
    told = ptest("doctor", env=nowhere).splitlines()
    assert told[0] == "Backend: plain", told
    assert told[1].startswith("Not system: ") and told[2].startswith("Not user: "), told
    # One that was asked for is not called another one, and what only it could hold does not hold.
    told = ptest("doctor", "--backend=user", env=nowhere, check=False).stdout
    assert told.startswith("Backend: user, which cannot be used here: ") and "the plain backend" not in told, told
    done = ptest("doctor", "--backend=user", "--json", env=nowhere, check=False)
    holds = {capability["name"]: capability["holds"] for capability in json.loads(done.stdout)["capabilities"]}
    for name in ("manager", "memory-limit", "tasks-limit", "freeze", "kill", "test-limits", "politeness"):
        assert holds[name] is False, (name, holds)


@behaviour
def help_is_there_with_each_of_its_options_and_not_lost_in_silence():
    usage = ptest("run", "--help")
    assert usage.startswith("Usage: ptest run ") and ptest("run", "-h") == usage and ptest("help", "run") == usage
    with open("/dev/full", "wb") as full:
        for argv in (["--help"], ["run", "--help"], ["run", "-h"], ["run", "--usage"], ["run", "--version"], ["--version"]):
            it = subprocess.run([PTEST, *argv], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
            assert it.returncode == 3 and "standard output" in it.stderr, (argv, it)
