# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each test in a cgroup of its own: its limits, what it used, whose limit it met, and what it left."""

import contextlib
import os
import re
from pathlib import Path

from behaviour import behaviour
from crowding import two_holders
from program import PTEST, run, shell, tests, text
from systemd import assert_nothing_is_left_of

HOG = 'Exec=python3 -c "x = bytearray({} << 20)"\n'
OTHERS = 12


def assert_the_others_passed(it):
    outcomes = {name: outcome for name, outcome in it.outcomes.items() if re.fullmatch(r"t\d+", name)}
    assert len(outcomes) == OTHERS and set(outcomes.values()) == {"pass"}, it.outcomes


def assert_one_worker_a_slot(it):
    """None of them had to be replaced."""
    assert {text(r, "PTEST_GENERATION") for r in it.records_of("WORKER_STARTED")} == {"1"}, it.records_of("WORKER_STARTED")


@contextlib.contextmanager
def limited(suite, name, **kwargs):
    """Whatever it proves, nothing is left behind after it: no process, directory, unit or cgroup."""
    with run(suite=suite, backend="system", options=["-j2", "--user=nobody"], name=name,
             env={"TMPDIR": None}, **kwargs) as it:
        yield it
        it.assert_nothing_is_left()
        assert_nothing_is_left_of(name)


@behaviour
def test_over_its_own_limit_dies_whole_and_alone():
    suite = ("[Suite]\nMemoryMax=60M\n[Worker]\nMemoryMax=400M\n"
             "[Test hog]\n" + HOG.format(200) +
             shell("grandchild", "sleep 300 & python3 -c 'x = bytearray(200 << 20)'; sleep 300") +
             "[Test tiny]\nExec=/bin/true\nMemoryMax=8K\n" +
             "[Test large]\n" + HOG.format(100) + "MemoryMax=infinity\n" + tests(OTHERS))
    with limited(suite, "own") as it:
        for name, limit in (("hog", 60 << 20), ("grandchild", 60 << 20), ("tiny", 8 << 10)):
            result = it.results[name]
            assert it.outcomes[name] == "oom", (name, result)
            assert text(result, "PTEST_OOM_OWNER") == "test", result
            assert text(result, "PTEST_OOM_LIMIT") == str(limit), result
            assert "own memory limit" in it.reason(name), it.reason(name)
        # Killed before it was its program, and called that all the same.
        assert text(it.results["tiny"], "PTEST_OOM_VICTIM").endswith(" true"), it.results["tiny"]
        for name in ("hog", "grandchild"):
            assert re.fullmatch(r"\d+ python3", text(it.results[name], "PTEST_OOM_VICTIM")), it.results[name]
            assert "python3 (pid " in it.reason(name), it.reason(name)
            peak = int(text(it.results[name], "PTEST_MEMORY_PEAK"))
            assert 50 << 20 < peak <= 60 << 20, peak
        assert it.outcomes["large"] == "pass", it.results["large"]
        assert int(text(it.results["large"], "PTEST_MEMORY_PEAK")) > 100 << 20, it.results["large"]
        assert_the_others_passed(it)
        assert_one_worker_a_slot(it)
        it.assert_whole()


@behaviour
def limit_of_the_worker_is_told_from_that_of_the_test():
    suite = "[Worker]\nMemoryMax=80M\n[Test hog]\n" + HOG.format(200) + "MemoryMax=1G\n" + tests(OTHERS)
    with limited(suite, "workers") as it:
        assert it.outcomes["hog"] == "oom", it.results["hog"]
        assert text(it.results["hog"], "PTEST_OOM_OWNER") == "worker", it.results["hog"]
        assert text(it.results["hog"], "PTEST_OOM_LIMIT") == str(80 << 20), it.results["hog"]
        assert "worker's memory limit of 80M" in it.reason("hog"), it.reason("hog")
        assert_the_others_passed(it)
        assert_one_worker_a_slot(it)


@behaviour
def what_earlier_tests_left_in_memory_is_told_at_the_limit_of_a_worker():
    left = Path("/dev/shm/ptest-left")
    suite = ("[Worker]\nMemoryMax=150M\n[Context one-worker]\n" +
             shell("leaver", f"head -c 60M /dev/zero >{left}") + "Context=one-worker\nPriority=1\n" +
             "[Test hog]\n" + HOG.format(200) + "Context=one-worker\n")
    try:
        with limited(suite, "beside") as it:
            assert it.outcomes == {"leaver": "pass", "hog": "oom"}, it.stdout
            assert text(it.results["hog"], "PTEST_OOM_OWNER") == "worker", it.results["hog"]
            beside = re.search(r"; (\d+)[.0-9]*M more were not its own", it.reason("hog"))
            assert beside and 60 <= int(beside[1]) < 150, it.reason("hog")
    finally:
        left.unlink(missing_ok=True)


@behaviour
def tasks_and_cpu_are_limited():
    suite = (shell("bomb", "for i in 1 2 3 4 5 6 7 8 9; do sleep 300 & done; wait") + "TasksMax=5\n" +
             "[Test spin]\nExec=python3 -c \"import time; end = time.time() + 3\\nwhile time.time() < end: pass\"\n"
             "CPUQuota=20%\n" + tests(OTHERS))
    with limited(suite, "cpu") as it:
        assert it.outcomes["bomb"] == "fail", it.results["bomb"]
        assert "could not fork" in it.reason("bomb") and "limit of 5 tasks" in it.reason("bomb"), it.reason("bomb")
        spin = it.results["spin"]
        cpu = int(text(spin, "PTEST_CPU_USER_USEC", "0")) + int(text(spin, "PTEST_CPU_SYSTEM_USEC", "0"))
        assert it.outcomes["spin"] == "pass" and cpu < 0.6 * int(text(spin, "PTEST_DURATION_USEC")), spin
        assert_the_others_passed(it)


@behaviour
def leaks_are_found_and_ended_whatever_they_did():
    away = "(setsid python3 -c 'import os,time; os.closerange(0, 99); time.sleep(300)' >/dev/null 2>&1 </dev/null &); exit 0"
    suite = (shell("away", away) + shell("holds", "sleep 300 & exit 0") +
             shell("many", "i=0; while [ $i -lt 40 ]; do sleep 300 & i=$((i+1)); done; exit 0") + "Leaks=fail\n" +
             shell("below", "mkdir /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/below; sleep 300 & "
                            "echo $! > /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/below/cgroup.procs; exit 0") +
             tests(OTHERS))
    with limited(suite, "leaks") as it:
        for name in ("away", "holds", "below"):
            assert it.outcomes[name] == "pass", it.results[name]
            assert text(it.results[name], "PTEST_MARK") == "leaky", it.results[name]
            assert "300" in text(it.results[name], "PTEST_LEAKS"), it.results[name]
        assert it.outcomes["many"] == "fail" and "sleep 300" in it.reason("many"), it.results["many"]
        assert "and 8 more" in text(it.results["many"], "PTEST_LEAKS"), it.results["many"]
        assert_the_others_passed(it)
        assert_one_worker_a_slot(it)


@behaviour
def server_of_a_set_up_is_told_from_what_tests_leave():
    """It forks away from its session, again and again: only its cgroup says whose it is."""
    server = ("(setsid sh -c 'while sleep 0.2; do (setsid sleep 0.5 &) & done' </dev/null >/dev/null 2>&1 &); exit 0")
    suite = ("[Suite]\nWorkers=1\n[Context c]\nSetUp=/bin/sh -c \"" + server + "\"\n" +
             "".join(shell(f"t{i}", "sleep 0.6") + "Context=c\n" for i in range(4)) +
             # Until it is known by its name.
             shell("leaky", "sleep 300 & until grep -qx sleep /proc/$!/comm; do :; done; exit 0") + "Context=c\n")
    with limited(suite, "server") as it:
        assert set(it.outcomes.values()) == {"pass"} and len(it.outcomes) == 5, it.outcomes
        for i in range(4):
            assert "PTEST_MARK" not in it.results[f"t{i}"], it.results[f"t{i}"]
        assert re.fullmatch(r"\d+ sleep 300 .*", text(it.results["leaky"], "PTEST_LEAKS")), it.results["leaky"]


@behaviour
def what_a_test_used_is_measured_for_all_its_processes():
    # Both hold their memory until both have it, on a machine however slow.
    script = ("import os", "told, tell = os.pipe()", "wait, go = os.pipe()",
              "for i in range(2):",
              "    if os.fork() == 0:",
              "        os.close(go)", "        x = bytearray(40 << 20)", "        os.write(tell, b'x')",
              "        os.read(wait, 1)", "        os._exit(0)",
              "os.read(told, 1)", "os.read(told, 1)", "os.close(go)", "os.wait()", "os.wait()")
    suite = "[Test three]\nExec=python3 -c \"" + "\\n".join(script) + "\"\n" + tests(OTHERS)
    with limited(suite, "measured") as it:
        result = it.results["three"]
        assert it.outcomes["three"] == "pass", result
        assert 80 << 20 < int(text(result, "PTEST_MEMORY_PEAK")) < 140 << 20, result
        assert text(result, "PTEST_TASKS_PEAK") == "3", result
        assert int(text(result, "PTEST_CPU_USER_USEC")) > 0, result
        assert "PTEST_IO_READ" in result and "PTEST_IO_WRITE" in result, result
        # A cgroup is nobody's but this test's: the next ones need little.
        assert all(int(text(it.results[f"t{i:04}"], "PTEST_MEMORY_PEAK")) < 20 << 20 for i in range(1, OTHERS)), it.results


@behaviour
def victim_of_the_slice_is_run_again_alone():
    """Two that have room alone, and not beside each other; and one that never has."""
    with two_holders(80) as holders, limited("[Suite]\nSliceMemoryMax=130M\n" + holders + "[Test never]\n" + HOG.format(200) +
                                             tests(OTHERS), "slice") as it:
        again = [it.results[name] for name in ("one", "two") if text(it.results[name], "PTEST_ATTEMPT") == "2"]
        assert it.outcomes["one"] == it.outcomes["two"] == "pass" and again, it.outcomes
        for result in again:
            assert "flaky" in text(result, "PTEST_MARK"), result
            assert "run again alone" in text(result, "PTEST_REASON") and "ptest-slice.slice" in text(result, "PTEST_REASON")
        never = it.results["never"]
        assert it.outcomes["never"] == "oom" and text(never, "PTEST_ATTEMPT") == "2", never
        assert text(never, "PTEST_OOM_OWNER") == "slice" and text(never, "PTEST_OOM_LIMIT") == str(130 << 20), never
        assert re.search(r"attempt 1 of 2: oom: .*ptest-slice\.slice.*, again", it.stdout), it.stdout
        assert_the_others_passed(it)
        it.assert_whole()


@behaviour
def worker_that_is_killed_after_an_oom_of_a_test_is_not_an_oom_itself():
    suite = ("[Suite]\nWorkers=1\n[Test hog]\nMemoryMax=40M\nPriority=2\n" + HOG.format(200) +
             shell("killer", "kill -9 $PPID; sleep 300") + "Priority=1\n" + tests(OTHERS))
    with limited(suite, "killed") as it:
        assert it.outcomes["hog"] == "oom" and it.outcomes["killer"] == "lost", it.outcomes
        assert "SIGKILL" in it.reason("killer"), it.reason("killer")
        assert_the_others_passed(it)


@behaviour
def tests_of_modules_have_the_limits_of_their_process():
    build = os.environ.get("PTEST_TESTS_MESON") or Path(PTEST).resolve().parents[2]
    suite = (f"[Suite]\nWorkers=1\nFrom=module:{build}/tests/unit/modules/module-eats-memory.so\nMemoryMax=60M\n"
             "[Match *after]\nMemoryMax=50M\n")
    with limited(suite, "modules") as it:
        outcomes = {name.rpartition("::")[2]: outcome for name, outcome in it.outcomes.items()}
        assert outcomes == {"before": "pass", "eats_in_the_host": "oom", "eats_in_a_child": "oom", "after": "pass"}, outcomes
        for name in it.outcomes:
            if it.outcomes[name] == "oom":
                assert text(it.results[name], "PTEST_OOM_OWNER") == "test", it.results[name]
                assert text(it.results[name], "PTEST_OOM_LIMIT") == str(60 << 20), it.results[name]
