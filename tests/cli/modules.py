# SPDX-License-Identifier: LGPL-2.1-or-later
"""Test modules as their user meets them: run and listed by path or from a suite file, with the settings that are for them."""

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

from behaviour import behaviour, skip
from program import MESSAGE_IDS, PTEST, Run, run, text

NOBODY = 65534

# All but what waits, or fails on purpose.
QUICK = ["-k!takes_long", "-k!fails", "-k!finds"]


def module(name):
    build = os.environ.get("PTEST_TESTS_MESON") or Path(PTEST).resolve().parents[2]
    path = Path(build) / "tests" / "cli" / "modules" / f"{name}.so"
    assert path.exists(), f"{path} is not built"
    return path


def suite_of(name, settings="", more=""):
    return f"[Suite]\nFrom=module:{module(name)}\nTimeoutSec=30\nGraceSec=500ms\n{settings}\n{more}\n"


def listed(*arguments, suite=None, **kwargs):
    with Run(*arguments, suite=suite, argv=(PTEST, "list"), **kwargs) as it:
        it.wait()
        return it.status, it.stdout, it.stderr


def output(it, address):
    return text(it.results[address], "PTEST_STDOUT")


def counts(it):
    """What the tests of everyday::counts saw: (count, pid) of each."""
    return [tuple(map(int, re.findall(r"=(\d+)", output(it, f"everyday::counts[{i}]")))) for i in range(6)]


# ---- Running ----

@behaviour
def a_module_is_run_by_its_path():
    with run(module("everyday"), options=["-j2", "-k!finds"]) as it:
        assert it.status == 1, it.stdout
        it.assert_whole()
        it.assert_nothing_is_left()
        bad = {a: o for a, o in it.outcomes.items() if o != "pass"}
        assert bad == {"everyday::fails": "fail", "everyday::is_a_known_bug": "xfail",
                       "everyday::takes_long": "timeout"}, bad
        assert len(it.outcomes) == 20, it.outcomes
        reason = it.reason("everyday::fails")
        assert re.search(r"everyday\.c:\d+: 6 \* 9 == 42: 54, 42; base 13$", reason), reason
        assert "bug 7" in it.reason("everyday::is_a_known_bug") or "still there" in it.reason("everyday::is_a_known_bug")
        assert text(it.records_of("RUN_STARTED")[0], "PTEST_SUITE") == "everyday"


@behaviour
def a_name_without_a_slash_and_a_version_will_do():
    with Run(argv=("true",)) as it:
        shutil.copy(module("everyday"), it.scratch / "mine.so")
        shutil.copy(module("everyday"), it.scratch / "mine.so.1.0")
        shutil.copy(module("everyday"), it.scratch / "no-suffix")
        for target, name in (("mine.so", "mine"), ("./mine.so.1.0", "mine"), ("./no-suffix", "no-suffix")):
            status, out, err = listed(target, "-k", "tastes", cwd=it.scratch)
            assert (status, out, err) == (0, f"{name}::tastes[0]\n{name}::tastes[1]\n", ""), (target, out, err)


@behaviour
def what_is_no_module_is_refused_or_is_one_failed_test():
    with run("/bin/true") as it:
        assert it.status == 2 and "neither a suite file" in it.stderr, it.stderr
    with run("./none.so") as it:
        assert it.status == 2 and "there is no such file" in it.stderr, it.stderr
    with run(module("plain-object")) as it:
        assert it.status == 1 and it.outcomes == {"plain-object.so": "error"}, it.stdout
        assert "is not a test module" in it.reason("plain-object.so")


@behaviour
def a_module_that_cannot_be_loaded_is_one_failed_test_with_the_words_of_the_loader():
    words = {
        "abort": "ended by SIGABRT as it was loaded; it said: the licence has expired",
        "assertion": "an assertion outside of any test",
        "exit": "its constructors ended the process that loaded it",
        "shared": "shared context once is within the split context many",
        "skip": "ptest_skip() outside of a test",
        "symbol": "undefined symbol: nobody_defines_this",
    }
    suite = "[Suite]\n" + "".join(f"From=module:{module(f'broken-{name}')}\n" for name in words)
    suite += f"From=module:{module('everyday')}\n"
    with run(suite=suite, options=[*QUICK, "-j2"]) as it:
        assert it.status == 1, it.stdout
        it.assert_whole()
        for name, expected in words.items():
            address = f"module:{module(f'broken-{name}')}"
            assert it.outcomes[address] == "error", it.outcomes
            assert expected in it.reason(address), it.reason(address)
            assert text(it.results[address], "PTEST_REASON") in it.stdout
        # The run went on.
        assert sum(outcome == "pass" for outcome in it.outcomes.values()) == 17, it.outcomes


@behaviour
def a_listing_that_breaks_off_is_one_failed_test():
    with Run(argv=("true",)) as it:
        worker, path = it.scratch / "worker", it.scratch / "x.so"
        worker.write_text('#!/bin/sh\necho \'{"context":"inner"}\'; echo \'{"test":"inner::a","context":"inner"}\'; exit 1\n')
        worker.chmod(0o755)
        path.write_text("")
        suite = f"[Suite]\nLeaks=fail\nFrom=module:{path}\n[Test t]\nExec=true\n"
        status, out, err = listed(suite=suite, env={"PTEST_WORKER": str(worker)})
        assert (status, out, err) == (0, f"module:{path}\nt\n", ""), (status, out, err)


@behaviour
def a_module_for_another_machine_is_told_so():
    with Run(argv=("true",)) as it:
        elf = bytearray(module("everyday").read_bytes())
        elf[18] ^= 0x80
        (it.scratch / "foreign.so").write_bytes(elf)
        with run(it.scratch / "foreign.so") as other:
            reason = other.reason("foreign.so")
            assert other.status == 1 and "it was built for another machine" in reason, reason


@behaviour
def only_a_test_brings_forth_tests():
    with run(module("outside")) as it:
        it.assert_whole()
        assert it.status == 1 and it.outcomes == {
            "outside::first::one": "not-run", "outside::last::one": "pass", "outside::each::one": "pass",
            "outside::leaf[of a fixture]": "pass"}, it.outcomes
        assert "PTEST_ADD() outside of a test" in it.reason("outside::first::one")


@behaviour
def a_list_does_not_wait_for_the_destructors_of_a_module():
    with Run(argv=("true",)) as it:
        trace = it.scratch / "destroyed"
        assert listed(module("outside"), env={"DESTROYED": str(trace)})[0] == 0
        assert not trace.exists()
        with run(module("outside"), options=["-k", "last"], env={"DESTROYED": str(trace)}):
            assert trace.exists()


@behaviour
def text_that_is_no_shared_object_is_told_so():
    with Run(argv=("true",)) as it:
        (it.scratch / "text.so").write_text("#!/bin/sh\n")
        (it.scratch / "empty.so").write_text("")
        with run(it.scratch / "text.so", it.scratch / "empty.so") as other:
            assert other.status == 1 and len(other.outcomes) == 2, other.stdout
            for address in other.outcomes:
                assert re.search("invalid ELF header|file too short", other.reason(address)), other.reason(address)


@behaviour
def modules_and_suites_are_run_together():
    with Run(argv=("true",)) as it:
        shutil.copy(module("everyday"), it.scratch / "everyday.so")
        with run(module("everyday"), it.scratch / "everyday.so", suite="[Test plain]\nExec=/bin/true\n",
                 options=["-j2", "-kcounts", "-kserver", "-kplain", "-kfinds"],
                 env={"STORY": str(it.scratch / "story")}) as other:
            assert "everyday#2/everyday::server::table::row[1]" in other.outcomes, other.outcomes
            assert other.outcomes["it/plain"] == "pass"
            found = [a for a in other.outcomes if "sleeps" in a]
            assert "everyday/everyday::sleeps[1]" in found and "everyday#2/everyday::sleeps[1]" in found, found
            assert (it.scratch / "story").read_text().split().count("+server") == 2


# ---- Listing ----

@behaviour
def a_list_shows_what_is_in_a_module():
    status, out, err = listed(module("everyday"))
    assert (status, err) == (0, ""), err
    addresses = out.splitlines()
    assert addresses[0] == "everyday::tells_its_surroundings" and len(addresses) == 21, addresses
    assert "everyday::server::table::row[2]" in addresses and "everyday::sleeps" not in out, addresses

    status, out, _ = listed("--tree", "-k!counts", module("everyday"))
    assert status == 0
    assert "\neveryday::server (shared)\n  everyday::server::is_known\n  everyday::server::table (whole)\n" \
           "    everyday::server::table::row[0]\n" in out, out
    assert "everyday::cache (split)\n" in out and "everyday::sleeps[…] (as others find them)\n" in out, out

    status, out, _ = listed("--json", module("everyday"))
    tests = {test["address"]: test for test in json.loads(out)}
    fails = tests["everyday::fails"]
    assert fails["tags"] == ["bad"] and fails["description"] == "One that fails" and fails["protocol"] == "module"
    assert fails["source"].endswith("everyday.c") and fails["line"] > 0 and fails["isolation"] == "none"
    assert fails["exec"] == [str(module("everyday")), "fails"], fails
    assert tests["everyday::takes_long"]["timeout_usec"] == 300000
    row = tests["everyday::server::table::row[0]"]
    assert (row["context"], row["mode"]) == ("everyday::server::table", "whole"), row


@behaviour
def a_list_with_a_module_that_cannot_be_loaded_names_it():
    status, out, err = listed(module("broken-symbol"))
    assert (status, out, err) == (0, "broken-symbol.so\n", ""), (status, out, err)
    status, out, _ = listed("--json", module("broken-symbol"))
    assert "undefined symbol" in json.loads(out)[0]["load_error"], out


@behaviour
def a_module_of_a_user_is_loaded_as_that_user():
    if os.geteuid() != 0:
        skip("only root can become somebody else")
    with Run(argv=("true",)) as it:
        worker = it.scratch / "worker"
        worker.write_text('#!/bin/sh\necho "{\\"test\\":\\"uid$(id -u)\\"}"; echo \'{"end":true,"contexts":0,"tests":1}\'\n')
        worker.chmod(0o755)
        path = it.scratch / "x.so"
        path.write_text("")
        env = {"PTEST_WORKER": str(worker)}
        assert listed(path, env=env)[1] == "x::uid0\n"
        os.chown(path, NOBODY, NOBODY)
        assert listed(path, env=env)[1] == f"x::uid{NOBODY}\n"
        os.chown(path, 0, 0)
        status, out, err = listed(suite=f"[Suite]\nFrom=module:{path}\n[Worker]\nUser=nobody\n", env=env)
        assert out == f"x::uid{NOBODY}\n", (out, err)


# ---- What a suite says of them ----

@behaviour
def settings_of_the_suite_reach_the_tests():
    suite = suite_of("everyday", "WorkingDirectory=/usr\nEnvironment=COLOR=red",
                     "[Match everyday::tells*]\nEnvironment=SERVER=matched\n"
                     "[Match everyday::takes_long]\nTimeoutSec=1\n"
                     "[Match everyday::fails]\nTags=known\nPriority=3\n")
    with run(suite=suite, options=["-ktells", "-ktakes", "-kfails", "-j1"]) as it:
        told = output(it, "everyday::tells_its_surroundings")
        assert "COLOR=red\nSERVER=matched\nHOOKED=-\nDIRECTORY=/usr\n" in told, told
        assert it.outcomes["everyday::takes_long"] == "timeout"
        assert "1s" in it.reason("everyday::takes_long"), it.reason("everyday::takes_long")
        assert next(iter(it.results)) == "everyday::fails"


@behaviour
def a_match_says_which_tests_of_a_module_should_fail():
    with run(suite=suite_of("everyday", "", "[Match everyday::fails]\nShouldFail=yes\n"), options=["-kfails"]) as it:
        assert it.status == 0 and it.outcomes == {"everyday::fails": "xfail"}, (it.outcomes, it.stdout)


@behaviour
def a_match_reaches_what_is_found_later():
    suite = suite_of("everyday", "", "[Match everyday::sleeps]\nTimeoutSec=1\n")
    with run(suite=suite, options=["-kfinds", "-j2"]) as it:
        it.assert_whole()
        assert it.outcomes == {"everyday::finds": "pass", "everyday::sleeps[1]": "pass",
                               "everyday::sleeps[3000]": "timeout"}, it.outcomes


@behaviour
def contexts_of_all_modes_are_set_up_and_torn_down_around_their_tests():
    with Run(argv=("true",)) as scratch:
        story = scratch.scratch / "story"
        with run(module("everyday"), options=["-kserver", "-kcache", "-j3"], env={"STORY": str(story)}) as it:
            assert it.status == 0, it.stdout
            it.assert_whole()
            it.assert_nothing_is_left()
            told = story.read_text().split()
            assert told.count("+server") == told.count("-server") == 1, told
            assert told.count("+table") == told.count("-table") == 1 and told.count("row") == 3, told
            inner = told[told.index("+table"):told.index("-table") + 1]
            assert inner.count("row") == 3, told
            assert told.index("+server") < told.index("+table") < told.index("-table") < told.index("-server"), told
            assert 1 <= told.count("+cache") <= 3 and told.count("lookup") == 4, told


@behaviour
def a_context_of_the_suite_goes_around_those_of_a_module():
    with Run(argv=("true",)) as scratch:
        story = scratch.scratch / "story"
        suite = suite_of("everyday", f"Environment=STORY={story}",
                         "[Context around]\nMode=shared\n"
                         "SetUp=/bin/sh -c 'echo +around >>$STORY; echo COLOR=blue >>$PTEST_ENV'\n"
                         "TearDown=/bin/sh -c 'echo -around >>$STORY'\n"
                         "[Match everyday::server*]\nContext=around\n"
                         "[Match everyday::tells*]\nContext=around\n")
        with run(suite=suite, options=["-kserver", "-ktells", "-j2"]) as it:
            assert it.status == 0, it.stdout
            assert "COLOR=blue\n" in output(it, "everyday::tells_its_surroundings")
            told = story.read_text().split()
            assert told[0] == "+around" and told[-1] == "-around" and told.count("+around") == 1, told
            assert told[1] == "+server" and told[-2] == "-server", told


# ---- Isolation ----

@behaviour
def tests_share_a_process_unless_they_are_isolated():
    with run(module("everyday"), options=["-kcounts", "-j1"]) as it:
        seen = counts(it)
        assert sorted(count for count, _ in seen) == [1, 2, 3, 4, 5, 6] and len({pid for _, pid in seen}) == 1, seen
    for options, suite in ((["--isolation=process"], suite_of("everyday")),
                           ([], suite_of("everyday", "Isolation=process")),
                           ([], suite_of("everyday", "", "[Match *counts*]\nIsolation=process\n"))):
        with run(suite=suite, options=[*options, "-kcounts", "-j1"]) as it:
            seen = counts(it)
            assert [count for count, _ in seen] == [1] * 6 and len({pid for _, pid in seen}) == 6, seen


@behaviour
def the_command_line_stands_above_the_isolation_of_the_suite():
    with run(suite=suite_of("everyday", "Isolation=process"), options=["--isolation=none", "-kcounts", "-j1"]) as it:
        assert len({pid for _, pid in counts(it)}) == 1, counts(it)


@behaviour
def the_isolation_of_a_context_is_that_of_its_tests():
    suite = suite_of("everyday", "Isolation=process",
                     "[Context c]\nIsolation=none\n[Match *counts*]\nContext=c\n[Match *counts[[]5]]\nIsolation=process\n")
    with run(suite=suite, options=["-kcounts", "-j1"]) as it:
        seen = counts(it)
        assert len({pid for _, pid in seen[:5]}) == 1 and seen[5][1] != seen[0][1], seen


# ---- Replacing workers ----

def generations(it):
    return len(it.records_of("WORKER_STARTED"))


@behaviour
def a_worker_is_replaced_after_so_many_tests():
    for options, settings, expected in ((["--recycle-after=2"], "", 3), ([], "RecycleAfter=2", 3),
                                        (["--recycle-after=0"], "RecycleAfter=2", 1), ([], "RecycleAfter=100", 1)):
        with run(suite=suite_of("everyday", settings), options=[*options, "-kcounts", "-j1"]) as it:
            assert it.status == 0, it.stdout
            it.assert_whole()
            assert generations(it) == expected, (options, settings, generations(it))
            why = [text(r, "PTEST_WHY") for r in it.records_of("WORKER_STOPPED")]
            assert sum("recycled after 2 tests" in w for w in why) in ((2, 3) if expected == 3 else (0,)), why
            # One is gone before the next one starts.
            order = [r["MESSAGE_ID"].decode() for r in it.records]
            order = [o for o in order if o in (MESSAGE_IDS["WORKER_STARTED"], MESSAGE_IDS["WORKER_STOPPED"])]
            assert order == [MESSAGE_IDS["WORKER_STARTED"], MESSAGE_IDS["WORKER_STOPPED"]] * expected, order


@behaviour
def fail_fast_starts_no_test_of_a_module_after_the_failure():
    # The process of the module has all of them before the first has ended, whoever finds that it was bad.
    for kind, first_bad, more in (("warm", 40, ""), ("forked", 40, ""), ("warm", 30, "[Match fails::warm\\[30\\]]\nShouldFail=yes"),
                                  ("warm", 77, "[Match fails::warm\\[40\\]]\nShouldFail=yes\n[Match fails::warm\\[77\\]]\nShouldFail=yes")):
        with run(suite=suite_of("fails", "", more), options=["-j1", "--fail-fast", f"-kfails::{kind}"]) as it:
            assert it.status == 1, it.stdout
            ran = [a for a, outcome in it.outcomes.items() if outcome != "not-run"]
            assert sorted(ran) == sorted(f"fails::{kind}[{i}]" for i in range(first_bad + 1)), (kind, first_bad, ran)
            it.assert_whole()
    # With two, the second of them, although there was one in between.
    with run(suite=suite_of("fails"), options=["-j1", "--fail-fast=2"]) as it:
        assert Counter(it.outcomes.values()) == {"pass": 99 + 40, "fail": 2, "not-run": 59}, it.outcomes
        it.assert_whole()


@behaviour
def a_worker_that_grows_is_replaced():
    for options, settings, grows in ((["--recycle-memory=10M"], "", True), ([], "[Worker]\nRecycleMemory=10M", True),
                                     ([], "", False)):
        with run(suite=suite_of("grows", settings), options=[*options, "-j1"]) as it:
            assert it.status == 0, it.stdout
            it.assert_whole()
            # The first is what the others are compared with, and the fourth the one too many.
            tests = Counter(int(text(r, "PTEST_GENERATION")) for r in it.results.values())
            assert tests == ({1: 4, 2: 4, 3: 4} if grows else {1: 12}), (options, settings, tests)


# ---- The worker hook ----

@behaviour
def the_hook_of_a_module_is_called_once_in_each_process():
    with Run(argv=("true",)) as scratch:
        log = scratch.scratch / "hook"
        for options, settings in (([f"--worker-set-up={module('hook')}"], ""),
                                  ([], f"[Worker]\nWorkerSetUp={module('hook')}")):
            log.write_text("")
            with run(suite=suite_of("everyday", settings), env={"HOOK_LOG": str(log)},
                     options=[*options, "-ktells", "-kcounts", "-j1", "--recycle-after=4"]) as it:
                assert it.status == 0, it.stdout
                assert "HOOKED=yes\n" in output(it, "everyday::tells_its_surroundings")
                called = log.read_text().split()
                assert len(called) == len(set(called)) == generations(it) == 2, called


@behaviour
def a_hook_that_fails_makes_errors_with_its_words():
    with run(module("everyday"), options=[f"--worker-set-up={module('hook')}", "-ktastes", "-j1"],
             env={"HOOK_FAILS": "1"}) as it:
        it.assert_whole()
        assert it.status == 1 and set(it.outcomes.values()) == {"error"}, it.outcomes
        assert "the hook is broken" in it.reason("everyday::tastes[0]"), it.reason("everyday::tastes[0]")


@behaviour
def a_hook_that_is_not_there_is_told_before_anything_runs():
    with run(module("everyday"), options=["--worker-set-up=./none.so"]) as it:
        assert it.status == 2 and '"./none.so" is not the path of a module that is there' in it.stderr, it.stderr
    with run(suite=suite_of("everyday", "WorkerSetUp=none.so")) as it:
        assert it.status == 2 and re.search(r"it\.suite:5: the module .*/none\.so of WorkerSetUp= is not there", it.stderr)


# ---- What is wrong ----

@behaviour
def values_that_are_not_understood_name_the_line_and_what_would_be_right():
    for settings, expected in (
            ("Isolation=fork", "Isolation=fork is not understood; write process or none"),
            ("RecycleAfter=often", "RecycleAfter=often is not understood; write a number of tests, 0 for never"),
            ("RecycleAfter=-1", "RecycleAfter=-1 is "),
            ("RecycleMemory=much", "RecycleMemory=much is not understood; write a size"),
            ("RecycleMemory=0", "RecycleMemory=0 is out of range; write a size"),
            ("Recycleafter=1", 'unknown key "Recycleafter" in [Suite]; did you mean "RecycleAfter"?'),
            ("FoundExec=/bin/true", '"FoundExec" has no meaning in [Suite]; it belongs in [Test …]'),
            ("From=modul:x.so", "write meson:DIR, installed-tests:DIR, directory:DIR or module:FILE"),
            ("[Test x]\nExec=/bin/true\nIsolation=process", '"Isolation" has no meaning in [Test x]'),
            ("[Test x]\nExec=/bin/true\nFoundExec=/no/such/program", "the program /no/such/program of [Test x] does not exist"),
            ("[Test x]\nExec=/bin/true\nProtocol=module", "Protocol=module is not understood"),
    ):
        status, _, err = listed(suite=f"[Suite]\n{settings}\n")
        assert status == 2 and "it.suite:" in err and expected in err, (settings, err)


@behaviour
def options_that_are_not_understood_say_what_would_be_right():
    for option, expected in (("--isolation=vm", '"vm" is not process or none'),
                             ("--recycle-after=x", '"x" is not a number of tests'),
                             ("--recycle-memory=0", '"0" is not a size above zero')):
        with run(module("everyday"), options=[option]) as it:
            assert it.status == 2 and expected in it.stderr, it.stderr


# ---- As its user builds it ----

@behaviour
def compilers_tell_of_messages_that_do_not_fit_their_values():
    compiler = shutil.which("cc")
    version = subprocess.run([compiler, "-dM", "-E", "-xc", "/dev/null"], check=True, stdout=subprocess.PIPE, text=True).stdout if compiler else ""
    if "__clang__" not in version and int(re.search(r"__GNUC__ (\d+)|$", version)[1] or 0) < 12:
        skip("no compiler that could")
    wrong = ['ptest_fail("%s", 1)', 'ptest_skip("%s", 1)', 'ptest_log("%s", 1)', 'ptest_assert(i, "%s", 1)', 'PTEST_ADD(leaf, "%s", 1)',
             'ptest_assert_str_eq("", "", "%s", 1)', 'ptest_assert_float_near(0, 0, 0, "%s", 1)', 'ptest_export("A", "%s", 1)']
    right = ["ptest_fail()", 'ptest_log("%d", 1)', 'ptest_assert(i, "%d", 1)', "ptest_assert(i)", 'PTEST_ADD(leaf, "%d", 1)']
    with Run(argv=("true",)) as it:
        for statements, n in ((wrong, len(wrong)), (right, 0)):
            source = it.scratch / "messages.c"
            source.write_text("#include <ptest/test.h>\nPTEST_TEMPLATE(leaf) {\n}\nPTEST_RANGE(messages, 0, 2) {\n"
                              + "".join(f"        {statement};\n" for statement in statements) + "}\n")
            told = subprocess.run([compiler, "-fsyntax-only", "-Wall", "-Wextra", f"-I{Path(__file__).parents[2]}/include", source],
                                  check=True, stderr=subprocess.PIPE, text=True).stderr
            assert told.count("[-Wformat") == n and told.count("warning:") == n, told


@behaviour
def the_example_is_built_with_the_header_alone_and_passes():
    compiler = shutil.which("cc")
    if not compiler:
        skip("no compiler")
    source = Path(__file__).resolve().parents[2]
    with Run(argv=("true",)) as it:
        path = it.scratch / "queue-tests.so"
        subprocess.run([compiler, "-std=c11", "-shared", "-fPIC", f"-I{source}/include", "-Wall", "-Wextra", "-Wpedantic",
                        "-Werror", "-o", path, source / "packaging/examples/module/queue-tests.c"], check=True)
        with run("./queue-tests.so", cwd=it.scratch, options=["-j2"]) as example:
            assert example.status == 0, example.stdout
            example.assert_whole()
            assert example.outcomes["queue-tests::knows_its_size"] == "xfail"
            assert "queue-tests::is_readable[/proc/self/status]" in example.outcomes
