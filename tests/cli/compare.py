# SPDX-License-Identifier: LGPL-2.1-or-later
"""diff, history, flaky, slowest: what is said of several runs, of real ones and of ones that were made up."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile

from behaviour import behaviour
from program import PATIENCE, PTEST, Run, ptest, shell, tests
from run_files import RunFile


@contextlib.contextmanager
def state_directory():
    path = tempfile.mkdtemp(prefix="pt.")
    os.chmod(path, 0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def run_in(scratch, suite, name="it", options=()):
    """A real run; its records are in scratch/state."""
    it = Run(suite=suite, scratch=scratch, name=name, options=options)
    it.wait()
    assert not it.stderr, it.stderr
    return it


def look(verb, state, *argv, status=0, env=None):
    """What a verb prints: parsed if it is JSON."""
    done = subprocess.run([PTEST, verb, f"--state-dir={state}", *argv], check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, timeout=PATIENCE,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC", **(env or {})})
    assert done.returncode == status, (done.returncode, done.stderr, done.stdout)
    if status < 2 and "--json" in argv:
        return json.loads(done.stdout)
    return done.stdout if status < 2 and not done.stderr else done.stderr


def changes(document):
    return {test["address"]: sorted(test["changes"]) for test in document["tests"]}


def changes_of_outcomes(document):
    """Of runs that were really made: how long a test takes is a matter of what else the machine does."""
    found = {address: [c for c in all if c not in ("slower", "faster", "hungrier", "leaner")] for address, all in changes(document).items()}
    return {address: some for address, some in found.items() if some}


def sections(text):
    """Title to the lines below it, of what diff prints."""
    found = {}
    for block in text.split("\n\n")[1:-1]:
        title, *lines = block.splitlines()
        found[title.rpartition(" (")[0]] = lines
    return found


# ---- diff ----

BEFORE = (shell("good", "exit 0") + shell("breaks", "exit 0") + shell("broken", "exit 1") + shell("fixed", "exit 1") +
          shell("worsens", "exit 1") + shell("skipped-now", "exit 0") + shell("vanishes", "exit 0") +
          shell("ran-now", "exit 77"))
AFTER = (shell("good", "exit 0") + shell("breaks", "exit 3") + shell("broken", "exit 1") + shell("fixed", "exit 0") +
         shell("worsens", "kill -SEGV $$") + shell("skipped-now", "exit 77") + shell("new", "exit 0") +
         shell("new-and-bad", "exit 1") + shell("ran-now", "exit 0"))
EXPECTED = {
    "breaks": ["newly_failing"],
    "broken": ["still_failing"],
    "fixed": ["newly_passing"],
    "worsens": ["failing_otherwise"],
    "skipped-now": ["newly_skipped"],
    "vanishes": ["removed"],
    "new": ["added"],
    "new-and-bad": ["added", "newly_failing"],
    "ran-now": ["changed"],
}


@behaviour
def diff_of_real_runs_names_each_change():
    with state_directory() as scratch:
        run_in(scratch, BEFORE)
        run_in(scratch, AFTER)
        shown = look("diff", f"{scratch}/state", "--json", status=1)
        assert changes_of_outcomes(shown) == EXPECTED, changes(shown)
        assert shown["worse"] is True and shown["counts"]["newly_failing"] == 2, shown["counts"]
        assert shown["counts"]["same"] + ("good" in changes(shown)) == 1, shown["counts"]
        text = look("diff", f"{scratch}/state", status=1)
        found = sections(text)
        assert list(found)[0] == "Newly failing" and len(found["Newly failing"]) == 2, text
        assert "pass    → fail     breaks" in found["Newly failing"][0], text
        assert "exit status 3" in found["Newly failing"][0], text
        assert "fail    → crash    worsens" in found["Failing otherwise"][0], text
        assert "vanishes" in found["Removed"][0] and "fixed" in found["Newly passing"][0], text
        assert text.splitlines()[-1].startswith("✗ 2 newly failing, "), text


@behaviour
def diff_the_other_way_round_is_the_mirror_image():
    with state_directory() as scratch:
        run_in(scratch, BEFORE)
        run_in(scratch, AFTER)
        found = changes(look("diff", f"{scratch}/state", "last", "last-1", "--json", status=1))
        assert found["breaks"] == ["newly_passing"] and found["fixed"] == ["newly_failing"], found
        assert found["vanishes"] == ["added"] and found["new"] == ["removed"], found


@behaviour
def diff_of_runs_that_went_alike_is_good():
    with state_directory() as scratch:
        for _ in range(2):
            run_in(scratch, tests(3) + shell("broken", "exit 1"))
        text = look("diff", f"{scratch}/state")
        timings = {"Slower", "Faster", "Hungrier", "Leaner"}
        found = set(sections(text))
        assert found - timings == {"Still failing"}, text
        assert text.splitlines()[-1].startswith("✓ 1 still failing, "), text
        assert found & timings or text.splitlines()[-1] == "✓ 1 still failing, 3 as before", text


@behaviour
def diff_compares_with_the_run_of_the_same_suite():
    with state_directory() as scratch:
        first = run_in(scratch, tests(2), name="one")
        run_in(scratch, tests(5), name="two")
        run_in(scratch, tests(3), name="one")
        shown = look("diff", f"{scratch}/state", "--json")
        assert shown["before"]["suite"] == "one" and shown["counts"]["added"] == 1, shown
        assert shown["before"]["run_id"] in " ".join(os.listdir(f"{first.scratch}/state/runs")), shown
        assert shown == look("diff", f"{scratch}/state", "one", "--json"), "a suite's name is its latest run"
        message = look("diff", f"{scratch}/state", "two", status=2)
        assert "no run of two before" in message and "ptest diff A B" in message, message
        assert look("diff", f"{scratch}/state", "last-2", "last", "--json") == shown


@behaviour
def diff_takes_run_files_and_ids_and_refuses_nonsense():
    with state_directory() as state:
        first, second = (RunFile(state, number).test("a", outcome).finish()
                         for number, outcome in enumerate(("pass", "fail")))
        assert look("diff", "/nonexistent", first.path, second.path, "--json", status=1)["counts"]["newly_failing"] == 1
        assert look("diff", state, first.run_id[:8], second.run_id, "--json", status=1)["worse"]
        assert "Both are the run" in look("diff", state, "last", second.run_id, status=2)
        assert "No run 'nosuch'" in look("diff", state, "nosuch", status=2)
        assert "more than two runs" in look("diff", state, "last", "last-1", "last", status=2)
        assert "not where other runs are looked for" in look("diff", "/nonexistent", second.path, status=2)
        assert "selected" in look("diff", state, "-k", "nosuch", status=2)
        assert "pattern" in look("diff", state, "-k", "", status=2)
        assert changes(look("diff", state, "-k", "!a", "--json")) == {}


@behaviour
def diff_is_no_worse_where_a_test_was_not_run():
    with state_directory() as state:
        run = RunFile(state, 0)
        for address, outcome in (("bad", "fail"), ("good", "pass"), ("never", "not-run"), ("later", "not-run")):
            run.test(address, outcome)
        run.finish()
        run = RunFile(state, 1)
        for address, outcome in (("bad", "not-run"), ("good", "not-run"), ("never", "not-run"), ("later", "pass")):
            run.test(address, outcome)
        run.finish("incomplete")
        shown = look("diff", state, "--json")
        assert changes(shown) == {"bad": ["not_run"], "good": ["not_run"], "later": ["changed"]}, changes(shown)


@behaviour
def diff_with_a_run_that_died_tells_what_has_no_result():
    with state_directory() as state:
        run = RunFile(state, 0)
        for address in ("a", "b", "c"):
            run.test(address)
        run.finish()
        RunFile(state, 1).test("a").test("new", "fail").close()
        shown = look("diff", state, "--json", status=1)
        assert changes(shown) == {"b": ["unreported"], "c": ["unreported"], "new": ["added", "newly_failing"]}, shown
        assert shown["after"]["verdict"] is None and "cut off" in look("diff", state, status=1)
        run = RunFile(state, 2)
        for address in ("a", "b", "c", "d"):
            run.test(address)
        run.finish()
        shown = look("diff", state, "--json")
        assert changes(shown) == {"new": ["removed"]}, "what a dead run has no result of is not added"


@behaviour
def diff_ignores_attempts_and_names_what_is_flaky_now():
    with state_directory() as state:
        RunFile(state, 0).test("a").test("b", MARK="flaky").test("c", "fail").finish()
        run = RunFile(state, 1)
        run.test("a", "fail", kind="ATTEMPT_FINISHED").test("a", ATTEMPT=2, MARK="flaky")
        run.test("b", "fail", kind="ATTEMPT_FINISHED").test("b", ATTEMPT=2, MARK="flaky")
        run.test("c", "fail", kind="ATTEMPT_FINISHED").test("c", "fail", ATTEMPT=2).finish()
        shown = look("diff", state, "--json")
        assert changes(shown) == {"a": ["newly_flaky"], "c": ["still_failing"]}, changes(shown)
        assert shown["after"]["counts"]["fail"] == 1, shown["after"]
        assert "in attempt 2" in sections(look("diff", state))["Newly flaky"][0]


@behaviour
def diff_knows_slower_and_hungrier_from_noise():
    def make(number, **tests_):
        run = RunFile(state, number)
        for address, (seconds, memory) in tests_.items():
            run.test(address, seconds=seconds, memory=memory)
        run.finish()

    with state_directory() as state:
        make(0, slow=(1, 10), short=(0.01, 1), little=(1, 10), hungry=(1, 40), small=(1, 2), quick=(3, 10))
        make(1, slow=(1.5, 10), short=(0.1, 1), little=(1.4, 13), hungry=(1, 60), small=(1, 8), quick=(1, 10))
        shown = look("diff", state, "--json")
        assert changes(shown) == {"slow": ["slower"], "hungry": ["hungrier"], "quick": ["faster"]}, changes(shown)
        text = look("diff", state)
        assert "1.5×  slow" in sections(text)["Slower"][0] and "40M → 60M" in sections(text)["Hungrier"][0], text


@behaviour
def diff_learns_from_earlier_runs_how_much_a_test_varies():
    with state_directory() as state:
        for number, (steady, wild) in enumerate(((1, 1), (1.02, 2.5), (0.99, 0.6), (1.01, 1.9), (1, 1), (1.3, 2.2))):
            RunFile(state, number).test("steady", seconds=steady).test("wild", seconds=wild).finish()
        shown = look("diff", state, "--json")
        assert changes(shown) == {"steady": ["slower"]}, changes(shown)
        assert len(shown["earlier"]) == 4 and shown["tests"][0]["usual_duration_usec"]["n"] == 5, shown
        assert "in 5 runs" in sections(look("diff", state))["Slower"][0]
        shown = look("diff", state, "--earlier=0", "--json")
        assert changes(shown) == {"wild": ["slower"]}, "one pair alone"
        assert shown["earlier"] == []


@behaviour
def diff_compares_no_durations_of_tests_that_failed_or_of_other_machines():
    with state_directory() as state:
        RunFile(state, 0).test("a", "timeout", seconds=9).test("b", "fail").test("c", memory=10).finish()
        RunFile(state, 1, backend="system").test("a", seconds=1).test("b", "fail", 9).test("c", memory=99).finish()
        shown = changes(look("diff", state, "--json"))
        assert shown == {"a": ["newly_passing"], "b": ["still_failing"]}, shown
        assert "different backends" in look("diff", state)
        RunFile(state, 2, host="other", backend="system").test("a", seconds=9).test("b", "fail").test("c").finish()
        assert changes(look("diff", state, "--json")) == {"b": ["still_failing"]}
        assert "different machines" in look("diff", state)


@behaviour
def diff_of_a_resumed_run_is_with_the_run_before_the_one_that_it_resumed():
    with state_directory() as state:
        RunFile(state, 0).test("a").test("b").test("c").finish()
        died = RunFile(state, 1).test("a", "fail").close()
        again = RunFile(state, 2, RESUMES=died.run_id).test("a", "fail", CARRIED_FROM=died.run_id).close()
        run = RunFile(state, 3, RESUMES=again.run_id).test("a", "fail", CARRIED_FROM=died.run_id)
        run.test("b").test("c", "fail").finish()
        shown = look("diff", state, "--json", status=1)
        assert changes(shown) == {"a": ["newly_failing"], "c": ["newly_failing"]}, changes(shown)
        assert "1 result of the later run is of run" in look("diff", state, status=1)


@behaviour
def diff_of_a_rerun_is_with_the_run_whose_tests_it_ran():
    with state_directory() as state:
        first = RunFile(state, 0).test("a").test("b", "fail").test("c", "fail").finish()
        RunFile(state, 1).test("other").finish()
        RunFile(state, 2, RERUN_OF=first.run_id).test("b").test("c", "fail").finish()
        shown = look("diff", state, "--json")
        assert shown["before"]["run_id"] == first.run_id
        assert changes(shown) == {"b": ["newly_passing"], "c": ["still_failing"]}, "a was not to be run"
        assert shown["counts"]["not_chosen"] == 1 and "1 not chosen" in look("diff", state)


@behaviour
def diff_of_a_whole_run_is_with_a_whole_run():
    with state_directory() as state:
        whole = RunFile(state, 0).test("a").test("b", "fail").finish()
        RunFile(state, 1, SHARD="1/2").test("a").finish()
        second = RunFile(state, 2, SHARD="2/2").test("b").finish()
        RunFile(state, 3, RERUN_OF=whole.run_id).test("b").finish()
        RunFile(state, 4).test("a", "fail").test("b").test("c").finish()
        shown = look("diff", state, "--json", status=1)
        assert shown["before"]["run_id"] == whole.run_id, shown["before"]
        assert changes(shown) == {"a": ["newly_failing"], "b": ["newly_passing"], "c": ["added"]}, changes(shown)
        RunFile(state, 5, SHARD="2/2").test("b", "fail").finish()
        os.unlink(whole.path)
        assert look("diff", state, "last-1", "--json", status=1)["before"]["verdict"] == "passed", "there is no other"
        RunFile(state, 6, SHARD="2/2").test("b").finish()
        shown = look("diff", state, second.run_id, "last", "--json")
        assert shown["counts"]["same"] == 1, shown["counts"]
        shown = look("diff", state, "--json")
        assert changes(shown) == {"b": ["newly_passing"]}, "of the same part"


@behaviour
def diff_of_real_runs_again_and_flaky_ones():
    with state_directory() as scratch:
        once = f"test -e {scratch}/mark && exit 0; touch {scratch}/mark; exit 1"
        suite = shell("sometimes", once) + shell("bad", "exit 1") + shell("good", "exit 0")
        run_in(scratch, suite.replace("exit 1", "exit 0"))
        os.unlink(f"{scratch}/mark")
        run_in(scratch, suite, options=["--retries=1"])
        state = f"{scratch}/state"
        shown = look("diff", state, "--json", status=1)
        assert changes_of_outcomes(shown) == {"sometimes": ["newly_flaky"], "bad": ["newly_failing"]}, changes(shown)
        assert [t["address"] for t in look("flaky", state, "--json")["tests"]] == ["sometimes", "bad"]
        run_in(scratch, suite.replace("exit 1", "exit 0"), options=["--rerun=failed"])
        shown = look("diff", state, "--json")
        assert changes_of_outcomes(shown) == {"bad": ["newly_passing"]} and shown["counts"]["not_chosen"] == 2, shown
        assert [r and r["outcome"] for r in look("history", state, "bad", "--json")["tests"][0]["results"]] == [
            "pass", "fail", "pass"]


def known_runs(state):
    """The oldest first"""
    return json.loads(ptest("runs", f"--state-dir={state}", "--json"))["runs"][::-1]


@behaviour
def diff_says_what_a_narrowed_run_was_not_to_run():
    suite = shell("gio/a", "exit 0") + shell("gio/b", "exit 1") + shell("slow/gio", "exit 0") + shell("other", "exit 1")
    with state_directory() as scratch:
        run_in(scratch, suite)
        run_in(scratch, shell("gio/b", "exit 0") + shell("slow/gio", "exit 0"),
               options=["-k", "gio", "-k", "!slow/*"])
        state = f"{scratch}/state"
        shown = look("diff", state, "--json")
        assert changes(shown) == {"gio/a": ["removed"], "gio/b": ["newly_passing"]}, changes(shown)
        assert shown["counts"]["not_chosen"] == 2 and shown["after"]["patterns"] == ["gio", "!slow/*"], shown
        assert shown["before"]["patterns"] == [], shown["before"]
        text = look("diff", state)
        assert "The later run was of a part of the suite: -k gio -k '!slow/*'\n" in text, text
        assert text.endswith("✓ 1 newly passing, 1 removed, 2 not chosen, 0 as before\n"), text
        # The other way round, what was not chosen is not added.
        shown = look("diff", state, "last", "last-1", "--json", status=1)
        assert changes(shown) == {"gio/a": ["added"], "gio/b": ["newly_failing"], "other": ["newly_failing"]}, shown
        # What was whole is compared with what was whole, and the same part with the same part.
        run_in(scratch, suite)
        assert look("diff", state, "--json")["before"]["run_id"] == known_runs(state)[0]["run_id"]
        run_in(scratch, suite, options=["-k", "gio", "-k", "!slow/*"])
        run_in(scratch, suite, options=["-k", "gio", "-k", "!slow/*"])
        assert changes_of_outcomes(look("diff", state, "--json")) == {"gio/b": ["still_failing"]}
        patterns = ["gio", "!slow/*"]
        assert [run["patterns"] for run in known_runs(state)] == [[], patterns, [], patterns, patterns]
        assert "(-k gio -k '!slow/*')\n" in ptest("runs", f"--state-dir={state}")


@behaviour
def diff_that_cannot_be_printed_is_no_answer():
    with state_directory() as state:
        RunFile(state, 0).test("a").finish()
        RunFile(state, 1).test("a", "fail").finish()
        for options in ([], ["--json"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([PTEST, "diff", f"--state-dir={state}", *options], check=False, stdout=full,
                                      stderr=subprocess.PIPE, text=True)
            assert done.returncode == 2 and "print the differences" in done.stderr, done


@behaviour
def diff_takes_no_damage_for_a_test_that_is_gone():
    with state_directory() as state:
        RunFile(state, 0).test("a").test("b").finish()
        RunFile(state, 1).test("a", "garbled").test("b").finish()
        RunFile(state, 2).test("a").test("b").finish()
        for later, run, expected in (("last-1", "later", {"a": ["unreported"]}), ("last", "earlier", {})):
            done = subprocess.run([PTEST, "diff", f"--state-dir={state}", "--json", later], check=False, text=True,
                                  capture_output=True)
            assert done.returncode == 0 and "left out" in done.stderr, done
            assert changes(json.loads(done.stdout)) == expected, done.stdout
            done = ptest("diff", f"--state-dir={state}", later, check=False)
            assert f"Not all records of the {run} run can be read." in done.stdout, done


@behaviour
def diff_does_not_miss_tests_whose_finder_was_not_chosen():
    with state_directory() as state:
        RunFile(state, 0, GROWS=1).test("lister").test("found/a").finish()
        RunFile(state, 1, PATTERNS="found").test("found/b").finish()
        shown = look("diff", state, "--json")
        assert changes(shown) == {"found/b": ["added"]} and shown["counts"]["not_chosen"] == 2, shown


@behaviour
def parts_by_duration_are_not_of_a_narrowed_run():
    with state_directory() as scratch:
        suite = tests(4)
        run_in(scratch, suite, options=["-k", "t*"])
        again = Run(suite=suite, scratch=scratch, options=["--shard=1/2", "--shard-by=duration"])
        again.wait()
        assert "No whole run of it is recorded" in again.stderr, again.stderr
        run_in(scratch, suite)
        run_in(scratch, suite, options=["-k", "t*"])
        run_in(scratch, suite, options=["--shard=1/2", "--shard-by=duration"])


@behaviour
def diff_prints_so_many_of_each_kind_and_all_if_asked():
    with state_directory() as state:
        runs = [RunFile(state, number) for number in range(2)]
        for i in range(30):
            runs[0].test(f"t[{i}]")
            runs[1].test(f"t[{i}]", "fail")
        for run in runs:
            run.finish()
        text = look("diff", state, status=1)
        assert "… and 10 more; --all shows them" in text and text.count("→") == 20, text
        assert text.index("t[2]") < text.index("t[10]"), "numbers in addresses are compared as numbers"
        assert look("diff", state, "--all", status=1).count("→") == 30


@behaviour
def what_compares_escapes_what_tests_say():
    with state_directory() as state:
        RunFile(state, 0, suite="made").test("a").finish()
        RunFile(state, 1, suite="made").test("a", "fail", REASON="\033[2Jgone\u202e").finish()
        for verb, argv, status in (("diff", [], 1), ("history", ["a"], 0), ("flaky", [], 0)):
            text = look(verb, state, *argv, status=status)
            assert "\033" not in text and "\u202e" not in text, (verb, text)


# ---- history ----


@behaviour
def history_of_real_runs_is_a_strip():
    with state_directory() as scratch:
        for number, script in enumerate(("exit 0", "exit 1", "exit 77", "exit 0", "kill -SEGV $$")):
            run_in(scratch, shell("it", script) + tests(2) + (shell("sometimes", "exit 0") if number % 2 else ""))
        state = f"{scratch}/state"
        text = look("history", state, "it")
        assert "outcome   ✓✗○✓✗\n" in text, text
        assert "2 passed, 1 failed, 1 skipped, 1 crashed" in text, text
        assert "50% of 4 results: 2 bad, 0 tried again" in text, text
        assert text.split("reason\n")[1].startswith("20") and "crash" in text.split("reason\n")[1].splitlines()[0], text
        test = look("history", state, "it", "--json")["tests"][0]
        assert [r["outcome"] for r in test["results"]] == ["pass", "fail", "skip", "pass", "crash"], test
        assert test["flakiness"] == {"flaky": True, "changed_once": False, "rate": 0.5, "judged": 4, "bad": 2,
                                     "marked": 0, "changes": 3}, test["flakiness"]
        assert [r and r["outcome"] for r in look("history", state, "sometimes", "--json")["tests"][0]["results"]] == [
            None, "pass", None, "pass", None]
        assert "outcome   ✓✗\n" in look("history", state, "-n2", "it")
        several = look("history", state, "*")
        assert "✓✗○✓✗" in several and "·✓·✓·" in several and several.count("✓✓✓✓✓") == 2, several
        assert [t["address"] for t in look("history", state, "t00*", "--json")["tests"]] == ["t0001", "t0002"]


@behaviour
def history_finds_the_suite_that_has_the_test():
    with state_directory() as state:
        RunFile(state, 0, suite="one").test("first").test("gone").finish()
        RunFile(state, 1, suite="one").test("first").finish()
        RunFile(state, 2, suite="two").test("second").test("first/too").finish()
        assert look("history", state, "second", "--json")["runs"][0]["suite"] == "two"
        assert [run["suite"] for run in look("history", state, "gone", "--json")["runs"]] == ["one", "one"]
        assert look("history", state, "first", "--run=one", "--json")["runs"][0]["suite"] == "one"
        assert len(look("history", state, "first", "--run=last-2", "--json")["runs"]) == 1, "up to that run"
        assert "No run has a test" in look("history", state, "nosuch", status=1)
        assert "no address given" in look("history", state, status=2)
        assert "not a number" in look("history", state, "-n0", "first", status=2)
        assert "There are no runs" in look("history", f"{state}/nosuch", "first", status=1)


@behaviour
def history_means_a_whole_address_before_a_part_of_one():
    with state_directory() as state:
        RunFile(state, 0).test("db").test("db/query").finish()
        assert [t["address"] for t in look("history", state, "db", "--json")["tests"]] == ["db"]
        assert [t["address"] for t in look("history", state, "d", "--json")["tests"]] == ["db", "db/query"]


@behaviour
def history_tells_the_trend_of_durations():
    with state_directory() as state:
        for number in range(12):
            run = RunFile(state, number).test("grows", seconds=0.2 + number / 5).test("steady", seconds=0.2)
            run.test("shrinks", seconds=5 - number / 3).test("fails", "fail").finish()
        trends = {t["address"]: t["trend"] and t["trend"]["change"] for t in look("history", state, "*", "--json")["tests"]}
        assert trends == {"grows": "slower", "steady": "steady", "shrinks": "faster", "fails": None}, trends
        text = look("history", state, "grows")
        assert "▁▂▂▃▄▄▅▆▆▇██" in text and "slower: from 500ms to 2.1s" in text, text
        plain = look("history", state, "grows", env={"LC_ALL": "C"})
        assert plain.isascii() and "122344566788" in plain, plain


@behaviour
def history_counts_a_result_once_that_was_carried_over():
    with state_directory() as state:
        RunFile(state, 0).test("a").finish()
        died = RunFile(state, 1).test("a", "fail").close()
        RunFile(state, 2, RESUMES=died.run_id).test("a", "fail", CARRIED_FROM=died.run_id).finish()
        test = look("history", state, "a", "--json")["tests"][0]
        assert test["flakiness"]["judged"] == 2 and test["flakiness"]["bad"] == 1, test
        assert "✓✗✗" in look("history", state, "a") and "carried over" in look("history", state, "a")
        os.unlink(died.path)
        assert look("history", state, "a", "--json")["tests"][0]["flakiness"]["judged"] == 2, "its own run is not there"


# ---- flaky ----


@behaviour
def flaky_tests_of_real_runs_are_ranked():
    with state_directory() as scratch:
        for number in range(4):
            suite = (shell("often", "exit %d" % (number % 2)) + shell("breaks", "exit %d" % (number > 2)) +
                     shell("always", "exit 1") + shell("never", "exit 0") +
                     shell("once", "exit %d" % (number == 1)))
            run_in(scratch, suite)
        state = f"{scratch}/state"
        shown = look("flaky", state, "--json")
        assert [t["address"] for t in shown["tests"]] == ["often", "once", "breaks"], shown["tests"]
        assert [t["flakiness"]["flaky"] for t in shown["tests"]] == [True, True, False]
        assert shown["tests"][0]["outcomes"] == ["pass", "fail", "pass", "fail"]
        assert shown["tests"][1]["last_seen"] == shown["runs"][1], shown["tests"][1]
        text = look("flaky", state)
        assert "50%      2/4" in text and "2 of 5 tests are flaky" in text, text
        assert "bad since" in text.split("Changed once")[1] and "breaks" in text.split("Changed once")[1], text
        assert look("flaky", state, "-n1") .splitlines()[-1] == "No test is flaky, of 5"
        assert [t["address"] for t in look("flaky", state, "-k", "on*", "--json")["tests"]] == ["once"]


@behaviour
def flaky_are_those_that_passed_when_tried_again():
    with state_directory() as state:
        RunFile(state, 0).test("a", "fail", kind="ATTEMPT_FINISHED").test("a", ATTEMPT=2, MARK="flaky").test("b").finish()
        RunFile(state, 1).test("a").test("b").test("new").finish()
        shown = look("flaky", state, "--json")
        assert [t["address"] for t in shown["tests"]] == ["a"], shown
        assert shown["tests"][0]["flakiness"]["marked"] == 1 and shown["tests"][0]["flakiness"]["rate"] == 0.5
        assert "~✓" in look("flaky", state)


@behaviour
def flaky_says_nothing_of_what_was_not_run():
    with state_directory() as state:
        for number, outcome in enumerate(("pass", "not-run", "pass", "skip", "pass")):
            RunFile(state, number).test("a", outcome).finish()
        assert look("flaky", state, "--json")["tests"] == []
        assert "There are no runs" in look("flaky", f"{state}/nosuch", status=1)


# ---- slowest ----


@behaviour
def slowest_tests_stand_first_with_their_share():
    with state_directory() as state:
        run = RunFile(state, 0).test("short", seconds=1, memory=30).test("long", seconds=6, memory=10)
        run.test("middle", "timeout", seconds=3, memory=20, MARK="slow").test("never", "not-run").finish()
        shown = look("slowest", state, "--json")
        assert [t["address"] for t in shown["tests"]] == ["long", "middle", "short"], shown
        assert shown["total"] == {"duration_usec": 10_000_000}, shown["total"]
        text = look("slowest", state, "-n2")
        assert "60.0%" in text and "middle  timeout  [slow]" in text and "short" not in text, text
        assert "2 of 3 tests, 90.0% of the 10s" in text, text
        assert [t["address"] for t in look("slowest", state, "--by=memory", "--json")["tests"]] == [
            "short", "middle", "long"]
        assert [t["address"] for t in look("slowest", state, "-k", "!long", "--json", "last")["tests"]] == [
            "middle", "short"]
        assert "none of time, cpu and memory" in look("slowest", state, "--by=size", status=2)
        assert "No run 'nosuch'" in look("slowest", state, "nosuch", status=1)


# ---- all of them ----


@behaviour
def verbs_that_compare_read_what_is_left_of_damaged_runs():
    with state_directory() as state:
        for number, outcome in enumerate(("pass", "fail", "pass")):
            RunFile(state, number).test("a", outcome).test("b").finish()
        damaged = RunFile(state, 3).test("a", "fail").test("b").finish()
        with open(damaged.path, "r+b") as file:
            file.truncate(os.path.getsize(damaged.path) - 300)
        empty = RunFile(state, 4).close()
        os.truncate(empty.path, 0)
        os.utime(empty.path, (1, 1))
        assert "cut off" in look("history", state, "a") + look("diff", state, status=1)
        done = subprocess.run([PTEST, "history", f"--state-dir={state}", "a", "--json"], check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert [r["outcome"] for r in json.loads(done.stdout)["tests"][0]["results"]] == ["pass", "fail", "pass", "fail"]


@behaviour
def verbs_that_compare_read_journals_of_other_machines():
    with state_directory() as state:
        for number, outcome in enumerate(("pass", "fail", "pass", "crash")):
            run = RunFile(state, number).test("a", outcome).test("b").finish()
            run.write_journal(f"{state}/{number}.journal")
        shutil.rmtree(f"{state}/runs")

        def read(verb, *argv, status=0):
            done = subprocess.run([PTEST, verb, "--json", *argv], check=False, stdout=subprocess.PIPE, text=True)
            assert done.returncode == status, (verb, argv, done)
            return json.loads(done.stdout)

        for where in (f"--directory={state}", f"--file={state}/*.journal"):
            assert changes(read("diff", where, status=1)) == {"a": ["newly_failing"]}
            assert [r["outcome"] for r in read("history", where, "a")["tests"][0]["results"]] == [
                "pass", "fail", "pass", "crash"]
            assert [t["address"] for t in read("flaky", where)["tests"]] == ["a"]
            assert len(read("slowest", where)["tests"]) == 2
        for verb in ("diff", "flaky", "history", "slowest"):
            done = ptest(verb, "--directory=/nowhere", *(["a"] if verb == "history" else []), check=False)
            assert done.returncode and "/nowhere" in done.stderr, (verb, done)


@behaviour
def a_suites_name_wins_over_run_ids_in_a_journal_too():
    with state_directory() as state:
        for number, (suite, begin) in enumerate((("cafe", "1"), ("one", "cafe1"), ("two", "cafe2"))):
            run = RunFile(state, number, suite=suite, run_id=begin.ljust(32, "0")).test(suite).finish()
            run.write_journal(f"{state}/{number}.journal")
        for where in (f"--state-dir={state}", f"--directory={state}"):
            assert ptest("results", where, "cafe").startswith("cafe, run 1000"), where
            assert ptest("results", where, "cafe2").startswith("two, run cafe2"), where
            done = ptest("results", where, "caf", check=False)
            assert done.returncode == 1 and "neither a suite" in done.stderr, done
            shutil.rmtree(f"{state}/runs", ignore_errors=where.startswith("--directory"))
        os.unlink(f"{state}/0.journal")
        done = ptest("results", f"--directory={state}", "cafe", check=False)
        assert done.returncode == 1 and "several run ids: cafe2000" in done.stderr, done


@behaviour
def diff_keeps_no_output_in_memory():
    with state_directory() as state:
        for number in range(2):
            run = RunFile(state, number)
            for i in range(4000):
                run.test(f"t{i}", STDOUT="x" * 10000)
            run.finish()
        process = subprocess.Popen([PTEST, "diff", f"--state-dir={state}"], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0 and usage.ru_maxrss < 60 * 1024, f"{usage.ru_maxrss} KiB of 80 MB"


@behaviour
def lines_fit_a_narrow_terminal_but_for_addresses():
    def columns_of(verb, *argv):
        command = f"stty cols 60; exec {PTEST} {verb} --state-dir={state} {' '.join(argv)}"
        done = subprocess.run(["script", "-qec", command, "/dev/null"], check=False, stdout=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, text=True, timeout=PATIENCE,
                              env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", "NO_COLOR": "1"})
        return [line for line in done.stdout.splitlines() if len(line) > 60]

    with state_directory() as state:
        for number in range(90):
            run = RunFile(state, number)
            for address in ("a", "b"):
                run.test(address, "fail" if number % 3 == 0 else "pass", REASON="because " * 20)
            run.finish()
        for verb, *argv in (("diff", "last-2"), ("diff", ""), ("history", "a"), ("slowest", "")):
            assert not columns_of(verb, *argv), (verb, columns_of(verb, *argv))


@behaviour
def help_tells_the_exit_status_of_diff():
    assert "1 if a test is newly failing" in " ".join(ptest("diff", "--help").split())
