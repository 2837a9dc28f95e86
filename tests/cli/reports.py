# SPDX-License-Identifier: LGPL-2.1-or-later
"""What other tools read, and what tests may print without harm."""

import datetime
import json
import os
import signal
import subprocess
import tempfile
import time
import xml.etree.ElementTree
from pathlib import Path

from behaviour import behaviour
from program import Run, ptest, run, shell, tests

# One of each, with text that every format has to escape.
NASTY = (shell("pass<&>", "echo fine") +
         shell('fail "quoted"', "printf 'a]]>b\\0\\033[2J\\377\\n'; exit 1") +
         shell("skip", "echo because '<'; exit 77") +
         shell("crash", "kill -SEGV $$"))


def tree(it):
    return xml.etree.ElementTree.parse(it.scratch / "junit.xml").getroot()


@behaviour
def junit_is_well_formed_whatever_tests_print():
    with run(suite=NASTY, options=["--junit=junit.xml"]) as it:
        assert it.status == 1 and not it.stderr, (it.status, it.stderr)
        subprocess.run(["xmllint", "--noout", it.scratch / "junit.xml"], check=True)
        cases = {case.get("name"): case for case in tree(it).iter("testcase")}
        assert len(cases) == 4, list(cases)
        assert tree(it).find(".//failure") is not None and tree(it).find(".//skipped") is not None
        assert tree(it).find(".//error") is not None


@behaviour
def reports_tell_when_the_run_was():
    before = int(time.time())
    with run(suite=tests(2), options=["--junit=junit.xml"]) as it:
        stamp = next(tree(it).iter("testsuite")).get("timestamp")
        when = datetime.datetime.fromisoformat(stamp).replace(tzinfo=datetime.timezone.utc).timestamp()
        assert before <= when <= time.time(), stamp
        shown = json.loads(ptest("results", "--json", it.run_file))
        for event in (shown["started"], shown["finished"]):
            assert before <= event["time_usec"] / 1e6 <= time.time(), event


@behaviour
def tap_is_what_prove_understands():
    suite = tests(3, name="good{}") + shell("skipped # SKIP not", "exit 77") + shell("odd\\# name", "exit 0")
    with run(suite=suite, options=["--tap=out.tap"]) as it:
        assert it.status == 0, (it.status, it.stderr)
        done = subprocess.run(["prove", "--exec", "cat", it.scratch / "out.tap"], check=False,
                              stdout=subprocess.PIPE, text=True)
        assert done.returncode == 0 and "Tests=5" in done.stdout, done.stdout
    with run(suite=suite + shell("broken", "exit 1"), options=["--tap=out.tap"]) as it:
        assert it.status == 1
        done = subprocess.run(["prove", "--exec", "cat", it.scratch / "out.tap"], check=False,
                              stdout=subprocess.PIPE, text=True)
        assert done.returncode == 1 and "Failed 1/6" in done.stdout, done.stdout


@behaviour
def tap_on_stdout_is_all_that_is_on_stdout():
    with run(suite=tests(3) + shell("loud", "echo ok 99 - a forged point; exit 1"), options=["--tap"]) as it:
        lines = it.stdout.splitlines()
        assert sum(line.startswith(("ok", "not ok")) for line in lines) == 4, lines
        assert all(line.startswith(("TAP version", "1..", "ok", "not ok", "#", " ")) for line in lines), lines


@behaviour
def report_on_dev_stdout_is_all_that_is_on_stdout():
    suite = tests(3) + shell("broken", "exit 1")
    with run(suite=suite, options=["--junit=/dev/stdout"]) as it:
        assert it.status == 1 and not it.stderr, it.stderr
        assert len(xml.etree.ElementTree.fromstring(it.stdout).findall(".//testcase")) == 4, it.stdout
        assert os.path.islink("/dev/stdout")
    for option in ("--tap=/dev/stdout", "--tap=-"):
        with run(suite=suite, options=[option]) as it:
            assert it.status == 1 and it.stdout.startswith("TAP version 13\n"), it.stdout
            assert it.stdout.count("\nok ") == 3 and "did not pass" not in it.stdout, it.stdout
    with run(suite=suite, options=["--tap", "-"]) as it:
        assert it.status == 1 and it.stdout.startswith("TAP version 13\n"), (it.stdout, it.stderr)


@behaviour
def junit_goes_through_a_pipe_and_keeps_a_link():
    scratch = tempfile.mkdtemp(prefix="pt.")
    os.symlink("real.xml", f"{scratch}/link.xml")
    with run(suite=tests(3), options=["--junit=link.xml"], scratch=scratch) as it:
        assert it.status == 0 and os.path.islink(it.scratch / "link.xml"), it.stderr
        assert len(xml.etree.ElementTree.parse(it.scratch / "real.xml").findall(".//testcase")) == 3
    scratch = tempfile.mkdtemp(prefix="pt.")
    os.mkfifo(f"{scratch}/fifo")
    with run(suite=tests(3), options=["--junit=fifo"], scratch=scratch) as it:
        assert it.status == 3 and "fifo" in it.stderr, (it.status, it.stderr)


@behaviour
def unfinished_reports_of_the_dead_are_removed_and_those_of_the_living_are_not():
    options = ["--junit=junit.xml", "--html=page.html"]
    scratch = Path(tempfile.mkdtemp(prefix="pt."))

    def unfinished():
        return {p.name for p in scratch.iterdir() if p.name.endswith(".unfinished")}

    with run(suite=tests(1)) as it, Run(suite=shell("long", "sleep 1000"), scratch=scratch, name="dies", options=options) as dead:
        dead.until(lambda: len(unfinished()) == 2, "its reports were begun")
        left = unfinished()
        os.kill(dead.pid, signal.SIGKILL)
        dead.process.wait()
        assert unfinished() == left
        for name in ("page.html.20261122", ".page.html.0123456.unfinished", ".other.html.01234567.unfinished"):
            (scratch / name).write_text("kept")
        with Run(suite=shell("long", "sleep 1000"), name="lives", options=[f"--html={scratch}/page.html"]) as living:
            living.until(lambda: len(unfinished() - left) == 3, "its report was begun")
            assert len(left & unfinished()) == 1, (left, unfinished())
            ptest("report", "--junit", scratch / "junit.xml", "--html", scratch / "page.html", it.run_file)
            assert not unfinished() & left and len(unfinished()) == 3, (left, unfinished())
            assert (scratch / "page.html").exists() and (scratch / "junit.xml").exists()
        assert (scratch / "page.html.20261122").read_text() == "kept"


@behaviour
def report_that_cannot_be_written_is_not_a_success():
    with run(suite=tests(3), options=["--junit=/no/such/directory/junit.xml"]) as it:
        assert it.status in (2, 3) and it.stderr, (it.status, it.stderr)
    with run(suite=tests(3), options=["--tap=/dev/full"]) as it:
        assert it.status == 3 and it.stderr, (it.status, it.stderr)


@behaviour
def output_above_the_cap_is_cut_in_the_middle_and_counted():
    suite = "[Suite]\nOutputMax=4K\n" + shell("loud", "echo HEAD; seq 100000; echo TAIL")
    with run(suite=suite) as it:
        result = it.results["loud"]
        output = result["PTEST_STDOUT"]
        assert it.status == 0 and len(output) <= 4096, len(output)
        assert output.startswith(b"HEAD\n1\n") and output.endswith(b"100000\nTAIL\n")
        size = len("HEAD\n" + "".join(f"{i}\n" for i in range(1, 100001)) + "TAIL\n")
        assert int(result["PTEST_STDOUT_SIZE"]) == size, result["PTEST_STDOUT_SIZE"]


@behaviour
def output_of_any_bytes_is_kept_as_it_was():
    script = "printf '\\000\\001\\377\\nMESSAGE=forged\\n\\nPTEST_OUTCOME=pass\\n'; exit 1"
    with run(suite=shell("binary", script)) as it:
        result = it.results["binary"]
        assert result["PTEST_STDOUT"] == b"\0\1\xff\nMESSAGE=forged\n\nPTEST_OUTCOME=pass\n", result
        assert result["PTEST_OUTCOME"] == b"fail"
        assert len(it.records_of("TEST_FINISHED")) == 1
