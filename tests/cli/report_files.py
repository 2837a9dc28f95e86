# SPDX-License-Identifier: LGPL-2.1-or-later
"""ptest report: what is made of a run's records later, and what others read in each format."""

import base64
import os
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

from behaviour import behaviour
from formats import (FORMATS, HOSTILE, SUITE, check_junit, compare_reports, hostile_directory, quiet_environment,
                     read_github, read_jq, read_prove, read_subunit, read_subunit_details, read_yocto, report_options)
from program import MESSAGE_IDS, PATIENCE, PTEST, ptest, run, shell, tests

def report(*argv, env=None, cwd=None):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GITHUB_")}
    return subprocess.run([PTEST, "report", *map(str, argv)], check=False, stdout=subprocess.PIPE, cwd=cwd,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env={**environment, **(env or {})},
                          timeout=PATIENCE)


def assert_report_repeats(it, live, run_name, *options):
    more, later = report_options(it.scratch, f"later-{uuid.uuid4().hex}")
    done = report(*more, *options, run_name)
    assert done.returncode == 0 and not done.stderr and not done.stdout, done
    assert not compare_reports(live, later), (run_name, compare_reports(live, later))


# ---- The same later ----

@behaviour
def reports_made_later_are_what_the_run_wrote():
    scratch = hostile_directory()
    options, live = report_options(scratch, "live")
    with run(suite=SUITE, options=options, scratch=scratch, env=quiet_environment()) as it:
        assert it.status == 1, (it.status, it.stderr)
        state = f"--state-dir={it.scratch}/state"
        assert_report_repeats(it, live, it.run_file)
        assert_report_repeats(it, live, "last", state)
        assert_report_repeats(it, live, "it", state)
        printed = report(state)
        assert printed.returncode == 0 and not printed.stderr, printed
        assert printed.stdout == it.out_path.read_bytes(), (printed.stdout.decode(), it.stdout)
        # One at a time, to stdout
        for name in FORMATS:
            alone = report(f"--{name}=-", state)
            assert alone.returncode == 0 and not alone.stderr, alone
            assert alone.stdout == live[name].read_bytes(), name


@behaviour
def reports_of_attempts_are_the_same_later():
    scratch = hostile_directory()
    suite = (shell("flaky", f"echo try; cat hostile; test -e {scratch}/was || {{ touch {scratch}/was; exit 1; }}") +
             shell("bad", "echo again >&2; exit 3") + tests(2))
    options, live = report_options(scratch, "live")
    with run(suite=suite, options=[*options, "--retries=2", "-v"], scratch=scratch, env=quiet_environment()) as it:
        assert it.status == 1 and it.outcomes["flaky"] == "pass" and it.outcomes["bad"] == "fail", it.outcomes
        assert_report_repeats(it, live, it.run_file)
        assert report("-v", it.run_file).stdout == it.out_path.read_bytes()
        check_junit(live["junit"])
        text = live["junit"].read_text()
        assert text.count("<flakyFailure ") == 1 and text.count("<rerunFailure ") == 2, text
        assert text.count("<failure ") == 1 and text.count("<testcase ") == 4, text
        assert read_subunit(live["subunit"])["Total"] == 4


@behaviour
def report_for_a_person_has_what_was_told_at_the_time():
    suite = "[Worker]\nMemoryMax=1G\n" + tests(3) + shell("broken", "exit 1")
    for options in (["-q"], ["-v"], ["--color=always"]):
        with run(suite=suite, options=["--allow-degraded", *options], env=quiet_environment()) as it:
            assert it.status == 1 and not it.stderr, (it.status, it.stderr)
            assert "-q" in options or "does not hold" in it.stdout, it.stdout
            assert report(*options, it.run_file).stdout == it.out_path.read_bytes()


# ---- What others read ----

@behaviour
def reports_are_read_by_programs_of_others():
    scratch = hostile_directory()
    options, live = report_options(scratch, "live")
    with run(suite=SUITE, options=options, scratch=scratch, env=quiet_environment()) as it:
        outcomes = it.outcomes
        bad = [t for t, outcome in outcomes.items() if outcome in (
            "fail", "crash", "timeout", "xpass", "error", "oom", "lost")]
        fixtures = len(it.records_of("FIXTURE_FAILED"))
        assert len(outcomes) == 12 and len(bad) == 7 and fixtures == 2, (outcomes, fixtures)

        check_junit(live["junit"])
        assert "forged\"/" not in live["junit"].read_text().replace("&quot;", "'"), "a case was forged"

        status, said = read_prove(live["tap"])
        assert status == 1 and f"Tests: {len(outcomes)}" in said.replace("  ", " "), said

        counts = read_subunit(live["subunit"])
        assert counts["Total"] == len(outcomes) + fixtures, counts
        # An unexpected success is none of its failures, so that the run has one if that is all.
        assert counts["Failed"] == len(bad) - 1 + fixtures, counts
        details = {name: (status, tags, files) for name, status, tags, files in read_subunit_details(live["subunit"])}
        assert "forged" not in details and set(outcomes) < set(details), details
        hostile = details["fail (1), # SKIP: \"100%\" ::x::"]
        assert hostile[0] == "fail" and hostile[2]["stdout"].encode("latin-1") == HOSTILE, hostile
        assert "timeout" in details["slow"][1] and details["xfail"][0] == "xfail", details

        assert dict(read_jq(live["jsonl"], 'select(.event == "test-finished") | [.test, .outcome]')) == outcomes
        assert set(read_jq(live["jsonl"], ".format")) == {1}
        kept = read_jq(live["jsonl"], 'select(.stdout_base64 != null) | .stdout_base64')
        assert [base64.b64decode(item) for item in kept] == [HOSTILE], kept

        sections, results = read_yocto(live["yocto"])
        assert set(results) == {"it"} and len(results["it"]) == len(outcomes) + fixtures, results
        assert list(results["it"].values()).count("FAIL") == len(bad) + fixtures, results
        assert sections["it"]["ERROR"] == "1" and sections["it"]["DURATION"].isdigit(), sections

        commands = read_github(live["github"].read_text().splitlines())
        assert {command for command, _, _ in commands} == {"error"}, commands
        assert {properties["title"] for _, properties, _ in commands} >= set(bad), commands
        assert len(commands) == len(bad) + fixtures, commands


@behaviour
def environment_is_in_no_report():
    options, live = report_options(Path("."), "live")
    with run(suite=SUITE, options=options, env=quiet_environment(MY_PASSWORD="seven-secret-words")) as it:
        for path in live.values():
            assert b"seven-secret-words" not in (it.scratch / path).read_bytes(), path


def write_run(path, results, finished=True, begin=True):
    """A run file by hand: (address, outcome, more fields) each."""
    run_id = uuid.uuid4().hex
    out = bytearray()
    planned = str(len({address for address, _, _ in results}))

    def add(kind, fields):
        for name, value in {"MESSAGE_ID": MESSAGE_IDS[kind], "PTEST_RUN_ID": run_id, "PTEST_SUITE": "it",
                            "PTEST_TIME_USEC": "1795333940000000", **fields}.items():
            value = value if isinstance(value, bytes) else value.encode()
            out.extend(name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n")
        out.extend(b"\n")

    if begin:
        add("RUN_STARTED", {"PTEST_PLANNED": planned, "PTEST_WORKERS": "2", "PTEST_BACKEND": "plain"})
    for address, outcome, more in results:
        fields = {"PTEST_TEST": address, "PTEST_OUTCOME": outcome, "PTEST_ATTEMPT": "1", **more}
        add(fields.pop("kind", "TEST_FINISHED"), fields)
    if finished:
        add("RUN_FINISHED", {"PTEST_VERDICT": "failed", "PTEST_PLANNED": planned,
                             "PTEST_DURATION_USEC": "1000000"})
    Path(path).write_bytes(out)
    return path


@behaviour
def ten_thousand_tests_with_a_mebibyte_here_and_there_stay_readable():
    scratch = Path(tempfile.mkdtemp(prefix="pt."))
    try:
        large = (HOSTILE + b"x" * 100 + b"\n") * (1024 * 1024 // (len(HOSTILE) + 101))
        results = []
        for i in range(10000):
            name = ("a ", "b#", "c(", "::d::", "e\\", "f%0A", "g]]>", "h\"", "i'", "j&amp;")[i % 10] + f"/{i // 10} # TODO"
            more = {"PTEST_STDOUT": large} if i % 500 == 0 else {"PTEST_STDOUT": HOSTILE} if i % 10 == 0 else {}
            outcome = "fail" if i % 10 == 0 else "skip" if i % 10 == 1 else "pass"
            results.append((name, outcome, {"PTEST_REASON": f"{i}: <]]> # SKIP ::", **more} if i % 10 < 2 else more))
        path = write_run(scratch / "large.export", results)
        options, files = report_options(scratch, "out")
        done = report(*options, path)
        assert done.returncode == 0 and not done.stderr, done

        check_junit(files["junit"])
        assert files["junit"].stat().st_size < 30 * 1000 * 1000
        assert read_prove(files["tap"])[0] == 1
        counts = read_subunit(files["subunit"])
        assert counts == {"Total": 10000, "Passed": 8000, "Failed": 1000, "Skipped": 1000}, counts
        assert len(read_jq(files["jsonl"], ".test // empty")) == 10000
        sections, read = read_yocto(files["yocto"])
        assert len(read["it"]) == 10000 and sections["it"]["ERROR"] == "1", sections
        assert list(read["it"].values()).count("FAIL") == 1000
        commands = read_github(files["github"].read_text(errors="surrogateescape").split("\n"))
        assert len(commands) == 10 and "991 more" in commands[-1][2], commands[-1]
    finally:
        shutil.rmtree(scratch)


@behaviour
def attempts_are_shown_and_counted_once():
    scratch = Path(tempfile.mkdtemp(prefix="pt."))
    try:
        again = {"kind": "ATTEMPT_FINISHED"}
        path = write_run(scratch / "again.export", [
            ("flaky", "crash", {**again, "PTEST_SIGNAL": "SIGSEGV", "PTEST_STDOUT": HOSTILE}),
            ("bad", "fail", {**again, "PTEST_REASON": "exit status 1"}),
            ("flaky", "fail", {**again, "PTEST_ATTEMPT": "2", "PTEST_STDERR": "no\n"}),
            ("bad", "timeout", {**again, "PTEST_ATTEMPT": "2"}),
            ("flaky", "pass", {"PTEST_ATTEMPT": "3", "PTEST_MARK": "flaky"}),
            ("bad", "fail", {"PTEST_ATTEMPT": "3"})])
        options, files = report_options(scratch, "out")
        done = report(*options, path)
        assert done.returncode == 0 and not done.stderr, done
        check_junit(files["junit"])
        text = files["junit"].read_text()
        for element, count in (("testcase", 2), ("flakyFailure", 1), ("flakyError", 1), ("failure", 1), ("error", 0),
                               ("rerunFailure", 1), ("rerunError", 1)):
            assert text.count(f"<{element} ") == count, (element, text)
        assert read_subunit(files["subunit"]) == {"Total": 2, "Passed": 1, "Failed": 1, "Skipped": 0}
        details = {name: more for name, _, _, more in read_subunit_details(files["subunit"])}
        assert details["flaky"]["attempt 1: stdout"].encode("latin-1") == HOSTILE, details
        assert details["flaky"]["attempt 2: stderr"] == "no\n", details
        assert read_jq(files["jsonl"], 'select(.event == "attempt-finished") | [.test, .attempt]') == \
            [["flaky", 1], ["bad", 1], ["flaky", 2], ["bad", 2]]
        assert "Tests=2" in read_prove(files["tap"])[1]
        assert read_yocto(files["yocto"])[1]["it"] == {"flaky": "PASS", "bad": "FAIL"}
        commands = read_github(files["github"].read_text().splitlines())
        assert [(command, properties["title"]) for command, properties, _ in commands] == \
            [("error", "bad"), ("warning", "flaky")], commands
    finally:
        shutil.rmtree(scratch)


# ---- GitHub ----

@behaviour
def annotations_come_by_themselves_where_github_reads_them():
    scratch = hostile_directory()
    summary = scratch / "summary.md"
    suite = shell("broken", "cat hostile; exit 1") + tests(2)
    env = quiet_environment(GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))
    with run(suite=suite, scratch=scratch, env=env) as it:
        commands = read_github(it.stdout.split("\n"))
        assert [(command, properties) for command, properties, _ in commands] == [("error", {"title": "broken"})], \
            commands
        assert commands[0][2].startswith("fail: exit status 1\nstdout, its last lines:\n"), commands
        assert "1 test did not pass" in it.stdout, it.stdout
        text = summary.read_text()
        assert text.startswith("### it: failed\n") and "| broken | fail | exit status 1 |" in text, text
        later = report(it.run_file, env={"GITHUB_ACTIONS": "true"})
        assert later.stdout == it.out_path.read_bytes(), later.stdout.decode(errors="replace")
        assert report("--github", it.run_file).stdout == later.stdout
        assert b"::error" not in report("--github=no", it.run_file, env={"GITHUB_ACTIONS": "true"}).stdout.replace(
            b"\xe2\x94\x82 ::error::forged", b"")
    for options in (["--github=no"], ["--tap"], ["--jsonl=-"]):
        with run(suite=shell("broken", "exit 1"), options=options, env=env) as it:
            assert "::error " not in it.stdout, it.stdout
    # As in a container that has the variables of its host.
    with run(suite=tests(1), env={**env, "GITHUB_STEP_SUMMARY": "/no/such/summary.md"}) as it:
        assert it.status == 0 and "GITHUB_STEP_SUMMARY, /no/such/summary.md, cannot be written: No such file" in it.stderr, (it.status, it.stderr)
    with run(suite=shell("broken", "exit 1"), options=["--github"], env=quiet_environment()) as it:
        assert it.stdout.endswith("::error title=broken::fail: exit status 1\n"), it.stdout


# ---- Runs that have no end, and wrong use ----

@behaviour
def report_of_a_run_that_was_cut_off_says_so_in_each_format():
    scratch = Path(tempfile.mkdtemp(prefix="pt."))
    try:
        for begin in (True, False):
            path = write_run(scratch / "cut.export", [("a", "pass", {}), ("b", "pass", {})], finished=False,
                             begin=begin)
            options, files = report_options(scratch, "out")
            done = report(*options, path)
            assert done.returncode == 0 and b"end of the run is not there" in done.stderr, done
            assert begin or b"begin of the run is not there" in done.stderr, done
            check_junit(files["junit"])
            assert "(run)" in files["junit"].read_text()
            assert read_prove(files["tap"])[0] != 0
            assert read_subunit(files["subunit"])["Failed"] == 1
            assert read_yocto(files["yocto"])[0]["it"]["ERROR"] == "5"
            assert read_github(files["github"].read_text().splitlines())[0][2].startswith("incomplete")
            assert read_jq(files["jsonl"], "select(.event == \"run-finished\") | .verdict") == ["incomplete"]
            assert b"incomplete" in report(path).stdout
    finally:
        shutil.rmtree(scratch)


@behaviour
def report_tells_what_is_wrong_with_its_use():
    with run(suite=tests(2), env=quiet_environment()) as it:
        state = f"--state-dir={it.scratch}/state"
        for argv, status, words in (
                (["--junit=-", "--tap", state], 2, "cannot both go to stdout"),
                (["--junit=/dev/stdout", "--jsonl=-", state], 2, "cannot both go to stdout"),
                (["--jsonl=", state], 2, "is not the path of a file"),
                (["--color=blue", state], 2, "auto, always or never"),
                (["--json", state], 2, "--jsonl"),
                (["nonesuch", state], 1, "nonesuch"),
                (["last", "again", state], 2, "more than one"),
                (["--junit=/no/such/directory/x.xml", state], 3, "/no/such/directory/x.xml"),
                (["--yocto=/dev/full", state], 3, "/dev/full"),
                (["--subunit=/dev/full", state], 3, "/dev/full")):
            done = report(*argv, cwd=it.scratch)
            assert done.returncode == status and words in done.stderr.decode(), (argv, done)
        with run(suite=tests(1), options=["--junit=-", "--subunit=-"]) as wrong:
            assert wrong.status == 2 and "cannot both go to stdout" in wrong.stderr, wrong.stderr
    assert "--jsonl" in ptest("report", "--help") and "--jsonl" in ptest("run", "--help")
