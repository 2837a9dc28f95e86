# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is kept of a test to see what it did: what it was doing when it was stuck, its output, what it left in files."""

import os
import signal
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

from behaviour import behaviour, skip
from program import ptest, run, shell, text, Run

LISTENER = (
    "import socket, threading, time\n"
    "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); print(s.getsockname()[1], flush=True)\n"
    "u = socket.socket(socket.AF_UNIX); u.bind('\\0ptest-evidence-%d' % s.getsockname()[1]); u.listen()\n"
    "lock = threading.Lock(); lock.acquire()\n"
    "threading.Thread(target=lock.acquire, daemon=True).start()\n"
    "time.sleep(1000)\n")


READ = f"{sys.executable} {Path(__file__).resolve().parents[1]}/lib/until_read.py"


def stuck(it, address):
    return text(it.results[address], "PTEST_STUCK_REPORT").splitlines()


def log(it, *arguments):
    return ptest("log", f"--state-dir={it.scratch}/state", *arguments)


def debugger(directory, script):
    """A directory for $PATH with a debugger that says what it is told to."""
    path = Path(directory) / "eu-stack"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    return f"{directory}:/usr/bin:/bin"


# ---- What a stuck test was doing ----

@behaviour
def a_timeout_tells_what_each_process_was_doing():
    with run(suite="[Suite]\nTimeoutSec=1\nGraceSec=0\n" + shell("tree", "sleep 1000 & exec sleep 1001")) as it:
        assert it.outcomes == {"tree": "timeout"}, it.stdout
        lines = stuck(it, "tree")
        assert any(line.split()[1:3] == ["sleep", "1001:"] and not line.startswith(" ") for line in lines), lines
        assert any(line.startswith("└─ ") and " sleep 1000: sleeping" in line for line in lines), lines
        assert any(line.strip().startswith("fd 0: /dev/null") for line in lines), lines
        assert any("parent " in line and "started " in line for line in lines), lines
        # The short form where it failed, all of it in the log.
        assert "at its time limit:" in it.stdout and "sleep 1000: sleeping" in it.stdout, it.stdout
        assert "fd 0: /dev/null" not in it.stdout, it.stdout
        assert "fd 0: /dev/null" in log(it, "tree"), log(it, "tree")
        it.assert_nothing_is_left()


@behaviour
def a_stuck_report_names_threads_and_listening_sockets():
    with run(suite=f"[Suite]\nTimeoutSec=2\nGraceSec=0\n[Test t]\nExec={sys.executable} listen.py\nWorkingDirectory=.\n",
             argv=["/bin/sh", "-c", f"printf %s \"$LISTENER\" >listen.py && exec {os.environ.get('PTEST', 'ptest')} run "
                   "--backend=plain --state-dir=state it.suite"], env={"LISTENER": LISTENER}) as it:
        assert it.outcomes == {"t": "timeout"}, (it.stdout, it.stderr)
        port = text(it.results["t"], "PTEST_STDOUT").strip()
        lines = stuck(it, "t")
        assert any("(2 threads)" in line for line in lines), lines
        assert sum(line.strip().startswith("thread ") for line in lines) == 2, lines
        assert any(f"tcp listening on 127.0.0.1:{port}" in line for line in lines), lines
        assert any(f"unix listening on @ptest-evidence-{port}" in line for line in lines), lines


@behaviour
def how_closely_a_stuck_test_is_looked_at_can_be_chosen():
    suite = ("[Suite]\nTimeoutSec=1\nGraceSec=0\nWorkers=3\n"
             "[Test stacks]\nExec=/bin/sleep 1000\n"
             "[Test processes]\nExec=/bin/sleep 1000\nStuckReport=processes\n"
             "[Test none]\nExec=/bin/sleep 1000\nStuckReport=no\n")
    with Run(suite="[Test t]\nExec=true\n", argv=["/bin/true"]) as tools:
        tools.wait()
        path = debugger(tools.scratch, "echo 'TID 4711:'; echo '#0  0x0001 inner'\n")
        with run(suite=suite, env={"PATH": path}) as it:
            assert set(it.outcomes.values()) == {"timeout"}, it.outcomes
            assert "4711 at inner" in stuck(it, "stacks"), stuck(it, "stacks")
            assert any("sleep 1000: sleeping" in line for line in stuck(it, "processes")), stuck(it, "processes")
            assert any(line.strip().startswith("fd 0: ") for line in stuck(it, "processes")), stuck(it, "processes")
            assert not any("4711" in line for line in stuck(it, "processes")), stuck(it, "processes")
            assert stuck(it, "none") == [], stuck(it, "none")
        # What the command line says holds for all.
        with run(suite=suite, env={"PATH": path}, options=["--stuck-report=no"]) as it:
            assert set(it.outcomes.values()) == {"timeout"}, it.outcomes
            assert [stuck(it, name) for name in it.results] == [[], [], []], it.results
    with run(suite=suite, options=["--stuck-report=perhaps"]) as it:
        assert it.status == 2 and "stacks, processes or no" in it.stderr, it.stderr


@behaviour
def a_debugger_that_is_there_tells_the_stacks():
    with Run(suite="[Suite]\nTimeoutSec=1\nGraceSec=0\n[Test t]\nExec=/bin/sleep 1000\n", argv=["/bin/true"]) as tools:
        tools.wait()
        path = debugger(tools.scratch, "echo 'TID 4711:'; echo '#0  0x0001 inner'; echo '#1  0x0002 outer'\n")
        with run(tools.scratch / "it.suite", env={"PATH": path}) as it:
            lines = stuck(it, "t")
            assert "4711 at inner < outer" in lines and "    #1  0x0002 outer" in lines, lines
            assert "4711 at inner < outer" in it.stdout, it.stdout


@behaviour
def a_debugger_that_hangs_delays_the_end_by_its_limit_only():
    with Run(suite="[Suite]\nTimeoutSec=1\nGraceSec=0\n[Test t]\nExec=/bin/sleep 1000\n", argv=["/bin/true"]) as tools:
        tools.wait()
        path = debugger(tools.scratch, "trap '' TERM INT; sleep 1000; sleep 1000\n")
        with run(tools.scratch / "it.suite", env={"PATH": path}) as it:
            assert it.outcomes == {"t": "timeout"}, it.stdout
            assert int(text(it.results["t"], "PTEST_DURATION_USEC")) < 60e6, it.stdout
            assert any("no stack of" in line for line in stuck(it, "t")), stuck(it, "t")
            it.assert_nothing_is_left()


@behaviour
def what_is_stopped_is_looked_at_and_ended_too():
    with run(suite="[Suite]\nTimeoutSec=1\n" + shell("t", "sleep 1000 & kill -STOP $! $$; wait")) as it:
        assert it.outcomes == {"t": "timeout"}, it.stdout
        assert sum("stopped by a signal" in line for line in stuck(it, "t")) >= 2, stuck(it, "t")
        assert text(it.results["t"], "PTEST_SIGNAL") == "SIGINT", it.stdout
        it.assert_nothing_is_left()


@behaviour
def a_test_that_is_asked_to_end_after_the_report_can_still_clean_up():
    script = "trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.1; done"
    with run(suite="[Suite]\nTimeoutSec=1\n" + shell("t", script)) as it:
        assert it.outcomes == {"t": "timeout"}, it.stdout
        assert text(it.results["t"], "PTEST_STDOUT") == "ready\ncaught\n", it.results["t"]
        assert "exit status 3" in it.reason("t"), it.reason("t")


@behaviour
def names_in_a_stuck_report_break_no_report():
    name = "\x1b[31m]]>&<\\n# not ok 1"
    with run(suite="[Suite]\nTimeoutSec=1\nGraceSec=0\n[Test t]\nExec=/bin/bash -c 'exec -a \"$NAME\" sleep 1000'\n",
             env={"NAME": name}, options=["--tap=it.tap", "--junit=it.xml"]) as it:
        assert it.outcomes == {"t": "timeout"}, it.stdout
        for output in (it.stdout, (it.scratch / "it.tap").read_text(), log(it, "t")):
            assert "not ok 1" in output and "\x1b[31m" not in output, output
        tap = (it.scratch / "it.tap").read_text().splitlines()
        assert sum(line.startswith(("ok", "not ok")) for line in tap) == 1, tap
        xml.etree.ElementTree.parse(it.scratch / "it.xml")


@behaviour
def an_interrupted_run_makes_no_reports():
    with Run(suite=shell("t", "echo on; sleep 1000")) as it:
        it.until(lambda: any("sleep 1000" in Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                             for pid in it.processes()), "that the test runs")
        os.kill(it.pid, signal.SIGINT)
        it.until(lambda: "Interrupted" in it.stderr, "that the first signal was seen")
        os.kill(it.pid, signal.SIGINT)
        it.wait()
        assert it.outcomes == {"t": "not-run"}, it.outcomes
        assert not stuck(it, "t"), stuck(it, "t")


# ---- Output ----

@behaviour
def the_order_of_both_streams_is_known():
    script = f"for i in 1 2 3; do echo out $i; sleep 0.1; {READ}; echo err $i >&2; sleep 0.1; {READ}; done"
    with run(suite=shell("t", script)) as it:
        assert it.outcomes == {"t": "pass"}, it.stdout
        shown = log(it, "t").splitlines()
        lines = [line.split(maxsplit=2)[2] for line in shown if line.startswith(("out ", "err "))]
        assert lines == ["out 1", "err 1", "out 2", "err 2", "out 3", "err 3"], shown
        assert log(it, "t", "--stdout") == "out 1\nout 2\nout 3\n"
        assert log(it, "t", "--stderr") == "err 1\nerr 2\nerr 3\n"
        apart = log(it, "t", "--apart")
        assert "stdout (18 bytes):\nout 1\nout 2\nout 3\n" in apart and "stderr (18 bytes):\nerr 1\n" in apart, apart
        times = [float(line.split()[0]) for line in log(it, "t", "--times").splitlines() if " out " in line]
        assert times == sorted(times) and times[2] >= 0.35, times


@behaviour
def a_line_that_is_written_in_parts_stays_one():
    script = f"printf 'a'; {READ}; echo x >&2; {READ}; printf 'b\\nc'; {READ}; printf y >&2"
    with run(suite=shell("t", script)) as it:
        shown = log(it, "t").splitlines()
        lines = [line.split()[2] for line in shown if line.startswith(("out ", "err "))]
        assert lines == ["x", "ab", "c", "y"], shown


@behaviour
def what_was_not_kept_is_marked_where_it_was():
    script = f"echo first >&2; {READ}; head -c 100000 /dev/zero | tr '\\0' 'x'; {READ}; echo last >&2"
    with run(suite="[Suite]\nOutputMax=1K\n" + shell("t", script)) as it:
        shown = log(it, "t").splitlines()
        lines = [line.split(maxsplit=2)[2] for line in shown if line.startswith(("out ", "err "))]
        assert lines == ["first", "x" * 512, "(98976 bytes were not kept)", "x" * 512, "last"], shown


@behaviour
def what_was_not_kept_of_one_stream_alone_is_marked_where_it_was():
    script = "printf first; head -c 100000 /dev/zero | tr '\\0' 'x'; echo; echo last; exit 1"
    with run(suite="[Suite]\nOutputMax=200\n" + shell("t", script), options=["--junit=it.xml"]) as it:
        # What is between is no line that the test has written.
        before, after = "first" + 95 * "x", 94 * "x"
        shown = log(it, "t").splitlines()
        assert "stdout (100011 bytes, of which 200 were kept):" in shown, shown
        at = shown.index(before)
        assert shown[at:at + 4] == [before, "(99811 bytes were not kept)", after, "last"], shown
        # What is asked for alone is what was kept, and nothing else.
        assert log(it, "--stdout", "t") == before + after + "\nlast\n", log(it, "--stdout", "t")
        marked = f"{before}\n[99811 bytes were not kept]\n{after}\nlast"
        case, = xml.etree.ElementTree.parse(it.scratch / "it.xml").iter("testcase")
        assert case.findtext("system-out") == marked, case.findtext("system-out")
        assert "[99811 bytes were not kept]" in it.stdout, it.stdout


@behaviour
def any_bytes_are_kept_as_they_are():
    data = bytes(range(256)) * 3
    script = "printf %b \"$BYTES\"; printf %b \"$BYTES\" >&2"
    escaped = "".join(f"\\\\0{byte:03o}" for byte in data)
    with run(suite=shell("t", script), env={"BYTES": escaped.replace("\\\\", "\\")}, options=["--junit=it.xml", "-v"]) as it:
        assert it.results["t"]["PTEST_STDOUT"] == data, it.results["t"]["PTEST_STDOUT"]
        assert it.results["t"]["PTEST_STDERR"] == data
        done = subprocess.run([os.environ.get("PTEST", "ptest"), "log", f"--state-dir={it.scratch}/state", "--stdout", "t"],
                              check=True, stdout=subprocess.PIPE)
        assert done.stdout == data
        xml.etree.ElementTree.parse(it.scratch / "it.xml")


# ---- Private places ----

def kept(it, address):
    return text(it.results[address], "PTEST_DIRECTORY")


@behaviour
def each_test_has_its_own_temporary_directory():
    script = "cd $TMPDIR && ls -A && mkdir x && echo $TMPDIR"
    with run(suite="[Suite]\nPrivateTmp=yes\nPrivateHome=yes\n" + shell("a", script) + shell("b", script)
             + shell("c", "cd && pwd && touch x && stat -c %a .")
             + shell("d", "echo $TMPDIR $HOME", "PrivateTmp=no\nPrivateHome=no"), options=["-j2"]) as it:
        assert it.status == 0, it.stdout
        a, b = (text(it.results[x], "PTEST_STDOUT").strip() for x in "ab")
        assert a != b and not Path(a).exists() and not Path(b).exists(), (a, b)
        home, mode = text(it.results["c"], "PTEST_STDOUT").split()
        assert mode == "700" and not Path(home).exists(), home
        assert text(it.results["d"], "PTEST_STDOUT").split()[0] == f"{it.scratch}/tmp", it.results["d"]
        it.assert_nothing_is_left()


@behaviour
def what_a_failing_test_left_is_told_and_removed():
    script = ("cd $TMPDIR; mkdir -p d/e; echo hello >d/e/f; ln -s / d/root; mkfifo p; chmod 0 d/e; chmod 500 d; "
              "touch \"$(printf 'a\\nb')\"; exit 1")
    with run(suite="[Suite]\nPrivateTmp=yes\n" + shell("t", script)) as it:
        assert it.outcomes == {"t": "fail"}, it.stdout
        files = text(it.results["t"], "PTEST_FILES").splitlines()
        assert "tmp/d/e/f (6B)" in files or os.geteuid() != 0, files
        assert {"tmp/d/", "tmp/d/root (a link)", "tmp/p (a fifo)"} <= set(files), files
        assert len(files) in (6, 5), files
        assert "left in its private places:" in it.stdout and "tmp/p (a fifo)" in it.stdout, it.stdout
        assert Path("/usr").exists() and not kept(it, "t")
        it.assert_nothing_is_left()


@behaviour
def what_a_failing_test_left_is_kept_if_that_is_wanted():
    with run(suite="[Suite]\nPrivateTmp=yes\n" + shell("bad", "echo hello >$TMPDIR/x; exit 1") + shell("good", "echo >$TMPDIR/x"),
             options=["--keep-failed"]) as it:
        assert it.outcomes == {"bad": "fail", "good": "pass"}, it.stdout
        path = kept(it, "bad")
        assert (Path(path) / "tmp" / "x").read_text() == "hello\n", path
        assert f"kept in {path}" in it.stdout and path in log(it, "bad"), it.stdout
        assert not kept(it, "good")
        # Nothing else stays of where the places were.
        everything = [p for p in (it.scratch / "tmp").rglob("*") if p.is_file()]
        assert everything == [Path(path) / "tmp" / "x"], everything


@behaviour
def contexts_and_matches_say_who_has_private_places():
    script = "test $TMPDIR = $OUTER && echo no || echo yes"
    with run(suite="[Context c]\nPrivateTmp=yes\n[Match m*]\nPrivateTmp=yes\n" + shell("a", script) + shell("m", script)
             + shell("in", script, "Context=c") + shell("out", script, "Context=c\nPrivateTmp=no"),
             argv=["/bin/sh", "-c", f"OUTER=$TMPDIR exec {os.environ.get('PTEST', 'ptest')} run --backend=plain "
                   "--state-dir=state it.suite"]) as it:
        assert {a: text(r, "PTEST_STDOUT").strip() for a, r in it.results.items()} == {
            "a": "no", "m": "yes", "in": "yes", "out": "no"}, (it.stdout, it.stderr)


@behaviour
def private_places_of_a_dead_coordinator_go_with_the_next_run():
    with Run(suite="[Suite]\nPrivateTmp=yes\n" + shell("t", "touch $TMPDIR/x; sleep 1000")) as it:
        it.until(lambda: list((it.scratch / "tmp").rglob("x")), "that the test runs")
        it.process.kill()
        it.wait()
        with run(suite="[Test t]\nExec=/bin/true\n", scratch=it.scratch, name="next",
                 env={"RUNTIME_DIRECTORY": str(it.scratch / "runtime")}) as after:
            after.wait()
            assert not list((it.scratch / "tmp").rglob("*")), list((it.scratch / "tmp").rglob("*"))


@behaviour
def private_places_go_also_when_nothing_else_tells_of_them():
    """As with a service, whose runtime directory goes when it is killed; those of others, and of who lives, stay."""
    with Run(suite="[Suite]\nPrivateTmp=yes\n" + shell("t", "touch $TMPDIR/x; sleep 1000")) as it:
        places = it.scratch / "tmp"
        it.until(lambda: list(places.rglob("x")), "that the test runs")
        (places / "ptest-master" / "t").mkdir(parents=True)
        (places / "ptest-master" / "kept").mkdir()
        with run(suite="[Test t]\nExec=/bin/true\n", env={"TMPDIR": str(places)}) as beside:
            assert beside.status == 0 and list(places.rglob("x")), list(places.rglob("*"))
        it.process.kill()
        it.wait()
        with run(suite="[Test t]\nExec=/bin/true\n", env={"TMPDIR": str(places)}) as after:
            assert after.status == 0
            assert sorted(path.name for path in places.rglob("*")) == ["kept", "ptest-master", "t"], list(places.rglob("*"))


@behaviour
def private_places_that_cannot_be_made_are_no_run():
    with run(suite="[Suite]\nPrivateTmp=yes\n" + shell("t", "true"), env={"TMPDIR": "/nowhere"}) as it:
        assert it.status == 3 and "private places of tests in /nowhere: " in it.stderr, (it.status, it.stderr)


# ---- Politeness ----

@behaviour
def tests_are_nice_and_die_first():
    own = os.nice(0)
    with run(suite=shell("t", "nice; cat /proc/self/oom_score_adj")) as it:
        nice, score = text(it.results["t"], "PTEST_STDOUT").split()
        assert int(nice) == min(own + 3, 19) and int(score) >= 500, (nice, score)
    with run(suite="[Worker]\nCPUWeight=100\nIOWeight=100\nOOMScoreAdjust=700\n" + shell("t", "nice; cat /proc/self/oom_score_adj")) as it:
        nice, score = text(it.results["t"], "PTEST_STDOUT").split()
        assert int(nice) == own and int(score) >= 700, (nice, score)


@behaviour
def keys_of_politeness_are_checked():
    for line in ("CPUWeight=0", "CPUWeight=10001", "IOWeight=x", "OOMScoreAdjust=1001", "OOMScoreAdjust=-1001"):
        with run(suite=f"[Worker]\n{line}\n[Test t]\nExec=/bin/true\n") as it:
            assert it.status == 2 and "it.suite:2" in it.stderr, (line, it.stderr)
    with run(suite="[Suite]\nPrivateTmp=maybe\n[Test t]\nExec=/bin/true\n") as it:
        assert it.status == 2 and "it.suite:2" in it.stderr, it.stderr


@behaviour
def a_limit_of_the_slice_is_not_taken_where_there_is_none():
    suite = "[Suite]\nSliceMemoryMax=100M\n[Test t]\nExec=/bin/true\n"
    with run(suite=suite) as it:
        assert it.status == 2 and "SliceMemoryMax=" in it.stderr, (it.status, it.stderr)
    with run(suite=suite, options=["--allow-degraded"]) as it:
        assert it.status == 0, it.stderr


# ---- A stuck worker ----

@behaviour
def a_stuck_worker_is_looked_at_before_it_is_stopped():
    suite = "[Suite]\nTimeoutSec=1\nGraceSec=0\nStopSec=1\n" + shell("t", "exec sleep 1000")
    with Run(suite=suite) as it:
        worker = it.until(lambda: [pid for pid in it.workers() if Path(f"/proc/{pid}/task/{pid}/children").read_text()],
                          "that the test runs")[0]
        os.kill(worker, signal.SIGSTOP)
        it.wait()
        record, = it.records_of("WORKER_STUCK")
        lines = text(record, "PTEST_STUCK_REPORT").splitlines()
        assert any(line.startswith(f"{worker} ") and "stopped by a signal" in line for line in lines), lines
        assert any(line.startswith("└─") and "sleep 1000: sleeping" in line for line in lines), lines
        assert it.outcomes == {"t": "timeout"}, it.outcomes
        it.assert_nothing_is_left()


@behaviour
def a_stuck_test_of_a_module_is_looked_at_in_its_process():
    module = Path(os.environ.get("PTEST", "ptest")).resolve().parents[2] / "tests/data/modules/deadlock.so"
    if not module.exists():
        skip("the module of a deadlock was not built")
    with run(module) as it:
        lines = stuck(it, "deadlock::server::stuck")
        assert any("--module-host" in line and "sleeping in futex" in line for line in lines), lines
        assert sum(bool(stuck(it, address)) for address in it.outcomes) == 1, it.outcomes
        it.assert_nothing_is_left()
