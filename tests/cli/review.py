# SPDX-License-Identifier: LGPL-2.1-or-later
"""Run files: closed, kept, listed, damaged, taken to a journal; and what ptest runs, results and log make of them."""

import contextlib
import json
import os
import pty
import random
import re
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

from behaviour import behaviour, eventually, skip
from program import MESSAGE_IDS, PATIENCE, PTEST, Run, ptest, run, shell, tests
from run_files import write_journal
from surroundings import needs_root

MIXED = tests(3) + shell("bad", "echo wrong; exit 1") + shell("leaver", "sleep 1000 & exit 0") + shell("skipped", "exit 77")


def again(it, suite, *options, name="it"):
    """One more run in the same state directory."""
    (it.scratch / f"{name}.suite").write_text(suite)
    return subprocess.run([PTEST, "run", "--backend=plain", f"--state-dir={it.scratch}/state", *options, f"{name}.suite"],
                          cwd=it.scratch, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
                          check=False)


def listed(it, *options):
    return json.loads(ptest("runs", f"--state-dir={it.scratch}/state", "--json", *options))["runs"]


@behaviour
def run_file_is_compressed_when_it_is_closed_and_found_by_both_names():
    with run(suite=tests(3)) as it:
        printed = re.search(r"Records in (\S+)", it.stdout)[1]
        assert printed.endswith(".export.zst") and os.path.exists(printed), it.stdout
        assert os.listdir(it.scratch / "state" / "runs") == [os.path.basename(printed)]
        subprocess.run(["zstd", "-tq", printed], check=True)
        whole = ptest("results", printed)
        assert "3 passed" in whole
        # The name that it had meanwhile, and the plain file again
        assert ptest("results", printed[:-len(".zst")]) == whole
        subprocess.run(["zstd", "-dq", "--rm", printed], check=True)
        assert ptest("results", printed[:-len(".zst")]) == whole
        shutil.copy(printed[:-len(".zst")], it.scratch / "mine")
        done = subprocess.run([PTEST, "results", f"--state-dir={it.scratch}/state", "mine"], cwd=it.scratch, text=True,
                              stderr=subprocess.PIPE, check=False)
        assert done.returncode == 1 and "the file of that name is ./mine" in done.stderr, done
        done = ptest("results", f"--state-dir={it.scratch}/state", "last-1", check=False)
        assert done.returncode == 1 and "there is only 1 run\n" in done.stderr, done
        assert ptest("results", f"--state-dir={it.scratch}/state") == whole


@behaviour
def closed_run_file_becomes_a_journal_file():
    with run(suite=MIXED) as it:
        journal = it.scratch / "j" / "run.journal"
        journal.parent.mkdir()
        plain = subprocess.run(["zstd", "-dcq", it.run_file], check=True, stdout=subprocess.PIPE).stdout
        write_journal(journal, plain)
        told = subprocess.run(["journalctl", "--file", journal, "-o", "json", "PTEST_OUTCOME=fail"], check=True,
                              stdout=subprocess.PIPE).stdout
        [bad] = [json.loads(line) for line in told.splitlines()]
        assert bad["PTEST_TEST"] == "bad" and bad["PTEST_STDOUT"] == "wrong\n", bad
        # The lines below the header are the same, wherever they come from.
        expected = ptest("results", it.run_file)
        for where in ([journal], ["--file", journal], [f"--file={journal.parent}/*.journal", "last"],
                      ["-D", journal.parent, "it"]):
            assert ptest("results", *where) == expected, where
        assert "wrong" in ptest("log", "--directory", journal.parent, "bad")
        [listing] = json.loads(ptest("runs", "--file", journal, "--json"))["runs"]
        assert listing["verdict"] == "failed" and listing["counts"]["fail"] == 1, listing
        for wrong in (["--file", "nowhere.journal"], ["-D", "nowhere"]):
            done = ptest("results", *wrong, check=False)
            assert done.returncode == 1 and "nowhere" in done.stderr, done
        for content, why in ((journal.read_bytes()[:5000], "cut off"), (b"text\n" * 5000, "not a journal file")):
            (it.scratch / "bad.journal").write_bytes(content)
            done = ptest("runs", f"--file={it.scratch}/bad.journal", check=False)
            assert done.returncode == 1 and why in done.stderr, done
        done = ptest("results", "--file=x", "--namespace=y", check=False)
        assert done.returncode == 2 and "exclude each other" in done.stderr, done


@behaviour
def runs_are_listed_with_how_they_ended():
    with run(suite=tests(2)) as it:
        again(it, MIXED, name="other")
        with Run(suite=shell("long", "sleep 1000"), scratch=it.scratch, name="slow") as slow:
            # Its file is there, and named after the suite, a moment before the record of its start.
            slow.until(lambda: listed(it)[0]["suite"] == "slow" and listed(it)[0]["planned"] == 1, "its start was recorded")
            ends = [(run["suite"], run["end"], run["verdict"]) for run in listed(it)]
            assert ends == [("slow", "running", None), ("other", "finished", "failed"), ("it", "finished", "passed")], ends
            slow.until(lambda: listed(it)[0]["duration_usec"] > 100_000, "it has gone on for a while")
            table = ptest("runs", f"--state-dir={it.scratch}/state")
            lines = table.splitlines()
            done = ptest("log", f"--state-dir={it.scratch}/state", "long", check=False)
            assert done.returncode == 1 and "--live" in done.stderr, done
            assert len(lines) == 4 and "running" in lines[1] and "0 of 1 tests" in lines[1], table
            assert "failed" in lines[2] and "1 failed" in lines[2] and "4 passed" in lines[2], table
            os.kill(slow.pid, signal.SIGKILL)
            eventually(lambda: listed(it, "-n1")[0]["end"] == "died", PATIENCE, "its death was seen")
            # The context below removes what the killed run left.
            assert [run["suite"] for run in listed(it, "other")] == ["other"]
            ids = ptest("runs", f"--state-dir={it.scratch}/state", "--quiet").split()
            assert len(ids) == 3 and all(re.fullmatch("[0-9a-f]{32}", i) for i in ids), ids
            state = f"--state-dir={it.scratch}/state"
            assert ids[1] in ptest("results", state, "last-1") and ids[2] in ptest("results", state, "last-2")
            done = ptest("results", state, "last-3", check=False)
            assert done.returncode == 1 and "only 3 runs" in done.stderr, done
            shutil.copytree(it.scratch / "state", it.scratch / "kept")
    done = ptest("runs", "--state-dir=/nowhere", check=False)
    assert done.returncode == 1 and "no runs" in done.stderr, done
    done = ptest("runs", "glib", "glib-2", check=False)
    assert done.returncode == 2 and "more than one suite" in done.stderr, done


@behaviour
def run_that_died_before_its_first_record_is_listed():
    with run(suite=tests(1)) as it:
        (it.run_file.parent / f"early-{'0123abcd' * 4}.export").write_bytes(b"")
        [early] = [line for line in ptest("runs", f"--state-dir={it.scratch}/state").splitlines() if "early" in line]
        assert re.search(r"0123abcd +died .* 0 of 0 tests$", early) and "no tests" not in early, early


@behaviour
def run_files_in_which_nothing_can_be_read_are_named():
    with run(suite=tests(1)) as it:
        state = f"--state-dir={it.scratch}/state"
        first = subprocess.run(["zstd", "-dcq", it.run_file], check=True, stdout=subprocess.PIPE).stdout[:100]
        for number, (suffix, content, why) in enumerate([(".export", first, "the entry is cut off"), (".export", b"a=b\n\n", None),
                                                         (".export.zst", first, "neither a frame"), (".export.zst", b"", None)]):
            run_id = str(number) * 32
            damaged = it.run_file.parent / f"it-{run_id}{suffix}"
            damaged.write_bytes(content)
            done = ptest("runs", state, check=False)
            [line] = [line for line in done.stdout.splitlines() if f" {run_id[:8]} " in line]
            assert re.search(r"unreadable .* its run file has no readable records$", line), line
            assert f"{damaged} has no records of a run" in done.stderr and (not why or why in done.stderr), done.stderr
            assert len(done.stdout.splitlines()) == 3 and "1 passed" in done.stdout, done.stdout
            done = ptest("runs", state, "--json", check=False)
            assert [r["end"] for r in json.loads(done.stdout)["runs"] if r["run_id"] == run_id] == ["unreadable"], done
            damaged.unlink()


@behaviour
def old_runs_are_removed_by_count_and_by_size():
    with run(suite=tests(1)) as it:
        for _ in range(3):
            again(it, tests(1), "--keep-runs=2")
        again(it, tests(1), name="other")
        assert [run["suite"] for run in listed(it)] == ["other", "it", "it"], listed(it)
        again(it, tests(1), "--keep-runs=1B")
        assert [run["suite"] for run in listed(it)] == ["it", "other"], listed(it)
        again(it, "[Suite]\nKeepRuns=1\n" + tests(1), name="other")
        assert [run["suite"] for run in listed(it)] == ["other", "it"], listed(it)
        done = again(it, "[Suite]\nKeepRuns=soon\n" + tests(1))
        assert done.returncode == 2 and "it.suite:2" in done.stderr and "20 500M" in done.stderr, done
        done = again(it, tests(1), "--keep-runs=0")
        assert done.returncode == 2 and "--keep-runs" in done.stderr, done


@behaviour
def results_are_chosen_by_mark_and_named():
    with run(suite=MIXED) as it:
        def addresses(*options):
            return ptest("results", it.run_file, "--addresses", *options).split()
        assert addresses("--mark=leaky") == ["leaver"]
        assert addresses("--mark=flaky,leaky", "--outcome=fail") == []
        assert sorted(addresses("--outcome=fail,skip")) == ["bad", "skipped"]
        assert len(addresses()) == 6
        done = ptest("results", it.run_file, "--mark=odd", check=False)
        assert done.returncode == 2 and "slow, flaky, leaky, dirty" in done.stderr, done


@behaviour
def log_shows_attempts_fixtures_and_near_addresses():
    suite = ("[Suite]\n" + shell("shaky::case", 'echo >>tries; echo "try $(wc -l <tries)"; test $(wc -l <tries) -gt 2')
             + "[Context ctx]\nSetUp=/bin/sh -c 'echo setting; exit 3'\n" + shell("inside", "true", "Context=ctx\n"))
    with run(suite=suite, options=["--retries=3", "-j1"], cwd=None) as it:
        def log(*options, check=True):
            return ptest("log", f"--state-dir={it.scratch}/state", *options, check=check)
        attempts = [r for r in it.records_of("ATTEMPT_FINISHED")]
        assert it.marks("shaky::case") and attempts, (it.stdout, it.stderr)
        first = log("--stdout", "--attempt=1", "shaky::case")
        last = log("--stdout", "shaky::case")
        assert first.startswith("try ") and last.startswith("try ") and first != last, (first, last)
        done = log("--attempt=9", "case", check=False)
        assert done.returncode == 1 and "no attempt 9" in done.stderr, done
        assert "setting" in log("ctx (set-up)")
        assert json.loads(log("--json", "ctx (set-up)"))["stdout"] == "setting\n"
        done = log("shaky:case", check=False)
        assert done.returncode == 1 and "Did you mean" in done.stderr and "shaky::case" in done.stderr, done


@behaviour
def damaged_run_file_is_read_as_far_as_it_goes():
    loud = "".join(shell(f"loud{i:03}", "seq 3000") for i in range(150))
    with run(suite=loud, options=["-j2", "-q"]) as it:
        whole = it.run_file.read_bytes()
        expected = {t["address"]: t for t in json.loads(ptest("results", it.run_file, "--json"))["tests"]}
        assert len(expected) == 150
        damaged = it.scratch / "damaged.export.zst"
        chance = random.Random(5)
        for number in range(12):
            data = bytearray(whole)
            if number % 3 == 0:
                del data[chance.randrange(1, len(data)):]
            else:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            damaged.write_bytes(data)
            done = ptest("results", damaged, "--json", check=False)
            assert done.returncode in (0, 1), done
            found = json.loads(done.stdout)["tests"] if done.returncode == 0 else []
            for test in found:
                assert test == expected[test["address"]], test
            if len(found) < 150:
                assert re.search(r"damaged\.export\.zst: byte \d+", done.stderr), done.stderr


@behaviour
def full_disk_leaves_the_report_on_the_terminal_whole():
    needs_root()
    script = 'mount -t tmpfs tmpfs state -o size=64k; "$@"'
    loud = "".join(shell(f"loud{i:02}", "seq 4000") for i in range(20))
    with Run(suite=loud, argv=["unshare", "--mount", "sh", "-uc", script, "sh", PTEST, "run", "--backend=plain"],
             options=["--state-dir=state", "-j2"]) as it:
        it.wait()
        assert it.status == 3, (it.status, it.stderr)
        assert all(f"loud{i:02}" in it.stdout for i in range(20)), it.stdout
        assert "20 passed" in it.stdout and "the machinery failed" in it.stdout, it.stdout
        assert "No space left" in it.stdout, it.stdout


@behaviour
def run_file_that_cannot_be_compressed_stays_as_it_is():
    """The file system has room for three files: two directories, and the run file."""
    needs_root()
    script = 'mount -t tmpfs tmpfs state -o nr_inodes=3; "$@"; status=$?; cp state/runs/* copy.export; exit $status'
    with Run(suite=tests(3), argv=["unshare", "--mount", "sh", "-uc", script, "sh", PTEST, "run", "--backend=plain"],
             options=["--state-dir=state", "-j2"]) as it:
        it.wait()
        assert it.status == 0 and "Failed to compress" in it.stderr, (it.status, it.stderr)
        assert re.search(r"Records in \S+\.export$", it.stdout, re.MULTILINE), it.stdout
        assert "3 passed" in ptest("results", it.scratch / "copy.export")


@behaviour
def thousand_runs_are_listed_without_reading_them_whole():
    with run(suite=tests(1)) as it:
        runs = it.scratch / "state" / "runs"
        # A file that is mostly one that cannot be read: only its first and its last entry are looked at.
        data = bytearray(it.run_file.read_bytes())
        for number in range(1000):
            (runs / f"many-{number:032x}.export.zst").write_bytes(data)
        begin = time.monotonic()
        assert len(listed(it)) == 1001
        assert time.monotonic() - begin < 100
        assert len(listed(it, "-n", "5")) == 5


@behaviour
def completion_of_bash_names_runs_and_addresses():
    completions = Path(__file__).resolve().parents[2] / "packaging" / "completions" / "ptest.bash"
    script = """
        _init_completion() { words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=${words[cword]}; prev=${words[cword-1]}; }
        __ltrim_colon_completions() { :; }
        _filedir() { :; }
        compopt() { :; }
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _ptest
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    with run(suite=MIXED) as it:
        state = f"--state-dir={it.scratch}/state"
        run_id = ptest("runs", state, "-q").strip()

        def complete(*words):
            done = subprocess.run(["bash", "-c", script, "bash", completions, *words], check=True, text=True,
                                  capture_output=True, env={**os.environ, "PATH": f"{os.path.dirname(PTEST)}:{os.environ['PATH']}"})
            assert not done.stderr, done.stderr
            return done.stdout.split()
        assert complete("ptest", "log", state, "le") == ["leaver"]
        assert run_id[:8] in complete("ptest", "results", state, run_id[:3])
        assert complete("ptest", "log", state, "--run", "las") == ["last", "last-1"]
        assert "it" in complete("ptest", "results", state, "i")
        assert "runs" in complete("ptest", "ru")
        assert complete("ptest", "runs", "--num") == ["--number="]
        assert complete("ptest", "results", "--mark", "l") == ["leaky"]


ODD_NAMES = ("name with [x y]", "it's", 'a "quoted" $one', "run $(touch was-run)", "back\\slash")


@behaviour
def completion_of_bash_quotes_addresses_as_they_were_begun():
    completions = Path(__file__).resolve().parents[2] / "packaging" / "completions" / "ptest.bash"
    script = """
        _init_completion() { words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=${words[cword]}; prev=${words[cword-1]}; }
        __ltrim_colon_completions() { :; }
        source "$1"
        COMP_WORDS=(ptest log -D somewhere "$2"); COMP_CWORD=4; _ptest
        printf '%s\n' "${COMPREPLY[@]}"
    """
    with run(suite=tests(1)) as it:
        program = it.scratch / "bin" / "ptest"
        program.parent.mkdir()
        program.write_text('#!/bin/sh\ntest "$3" = --directory=somewhere && cat "${0%/*}/names"\n')
        program.chmod(0o755)
        (program.parent / "names").write_text("".join(f"{name}\n" for name in ODD_NAMES))

        def complete(typed):
            done = subprocess.run(["bash", "-c", script, "bash", completions, typed], check=True, text=True, cwd=it.scratch,
                                  capture_output=True, env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"})
            assert not done.stderr, done.stderr
            return done.stdout.splitlines()

        def words(line):
            return subprocess.run(["bash", "-c", f"printf '%s\n' {line}"], check=True, text=True, cwd=it.scratch,
                                  capture_output=True).stdout.splitlines()
        assert len(complete("")) == len(ODD_NAMES) and tuple(words(" ".join(complete("")))) == ODD_NAMES, complete("")
        for typed in ("name\\ wi", "it\\'", "a\\ \\\"q", "run\\ \\$", "back\\\\"):
            [found] = complete(typed)
            assert found.startswith(typed) and words(found)[0] in ODD_NAMES, (typed, found)
        for typed in ('"name wi', '"it', '"a \\"q', '"run \\$', '"back\\\\'):
            [found] = complete(typed)
            assert words(f'"{found}"')[0] in ODD_NAMES, (typed, found)
        for typed in ("'name wi", "'a \"q", "'run $", "'back\\"):
            [found] = complete(typed)
            assert words(f"'{found}'")[0] in ODD_NAMES, (typed, found)
        assert not (it.scratch / "was-run").exists()


@behaviour
def completion_of_fish_looks_where_the_command_line_says():
    if not shutil.which("fish"):
        skip("fish is not installed")
    completions = Path(__file__).resolve().parents[2] / "packaging" / "completions" / "ptest.fish"
    with run(suite=MIXED) as it:
        state = it.scratch / "state"
        run_id = ptest("runs", f"--state-dir={state}", "-q").strip()
        for line, expected in ((f"log --state-dir={state} le", "leaver"), (f"log --state-dir {state} --run {run_id} le", "leaver"),
                               (f"results --state-dir {state} {run_id[:3]}", run_id[:8])):
            done = subprocess.run(["fish", "--no-config", "-c", 'source $argv[1]; complete -C "ptest $argv[2]"', completions, line],
                                  check=True, text=True, capture_output=True,
                                  env={**os.environ, "HOME": str(it.scratch),
                                       "PATH": f"{os.path.dirname(PTEST)}:{os.environ['PATH']}"})
            assert expected in [found.split("\t")[0] for found in done.stdout.splitlines()], (line, done)


ZSH = """
fpath=("$1" $fpath); autoload -Uz compinit; compinit -D -u; PS1=
# What is offered is printed, and then it is over.
compadd() {
        [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]] && { builtin compadd "$@"; return }
        local -a hits
        builtin compadd -A hits "$@"
        builtin compadd "$@"
        print
        print -rl -- "<"$^hits">"
}
comppostfuncs=(exit)
print "zsh is" ready
"""


@behaviour
def completion_of_zsh_offers_names_as_they_are():
    if not shutil.which("zsh"):
        skip("zsh is not installed")
    completions = Path(__file__).resolve().parents[2] / "packaging" / "completions"
    with run(suite=MIXED) as it:
        (it.scratch / "script").write_text(ZSH)
        run_file = it.run_file
        suites = it.scratch / "suites"
        suites.mkdir()
        for name in (*ODD_NAMES, "plain"):
            (suites / f"{name}.suite").touch()
            shutil.copy(run_file, it.scratch / "state" / "runs" / f"{name}-{'0' * 32}.export.zst")

        def complete(line):
            pid, fd = pty.fork()
            if pid == 0:
                os.chdir(it.scratch)
                os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, "TERM": "dumb", "PTEST_SUITE_PATH": str(suites),
                                                         "PATH": f"{os.path.dirname(PTEST)}:{os.environ['PATH']}"})
            shown = b""
            os.write(fd, f"source {it.scratch}/script {completions}\n".encode())
            with contextlib.suppress(OSError):
                while b"zsh is ready" not in shown:
                    shown += os.read(fd, 4096)
                os.write(fd, f"{line}\t".encode())
                while data := os.read(fd, 4096):
                    shown += data
            os.close(fd)
            os.waitpid(pid, 0)
            return [word for quoted in re.findall("^<(.*)>\r$", shown.decode(), re.MULTILINE) for word in shlex.split(quoted)]
        found = complete("ptest run ")
        assert {*ODD_NAMES, "plain"} <= set(found) and "name" not in found, found
        state = f"--state-dir={it.scratch}/state"
        found = complete(f"ptest results {state} ")
        assert {*ODD_NAMES, "plain", "it", "00000000", "last", "last-1"} <= set(found) and "name" not in found, found
        assert complete(f"ptest log {state} --run=it le") == ["leaver"]
        assert not (suites / "was-run").exists() and not (it.scratch / "was-run").exists()


def documented_fields():
    """What the table in ptest.journal(7) says: field to the entries that have it."""
    page = (Path(__file__).resolve().parents[2] / "packaging" / "man" / "ptest.journal.7.scd").read_text()
    groups = {"results": ["test finished", "attempt finished", "fixture failed"],
              "workers": ["worker started", "worker stopped", "worker stuck", "worker lost"]}
    return {field: [kind for word in entries.split(", ") for kind in groups.get(word, [word])]
            for field, entries in re.findall(r"^\|  _(PTEST_[A-Z_]+)_\n:  .*\n:  (.*)$", page, re.MULTILINE)}


@behaviour
def results_for_machines_have_all_that_is_recorded_of_the_run():
    with run(suite=MIXED, options=["-k", "good*", "-k", "bad"]) as it:
        document = json.loads(ptest("results", "--json", it.run_file))
        names = {"capability": "capabilities"}
        for kind in ("started", "finished"):
            expected = {name[len("PTEST_"):].lower() for name, kinds in documented_fields().items()
                        if {"all", f"run {kind}"} & set(kinds)} - {"checksum", "count"}
            if kind == "finished":
                expected -= {"run_id", "suite"}
            missing = {names.get(name, name) for name in expected} - set(document[kind])
            assert not missing, (kind, missing)
        assert document["started"]["patterns"] == ["good*", "bad"], document["started"]
        assert document["finished"]["run_file"] == str(it.run_file), document["finished"]


@behaviour
def records_have_the_fields_that_the_manual_says():
    documented = documented_fields()
    kinds = {value: name.lower().replace("_", " ") for name, value in MESSAGE_IDS.items()}
    suite = ("[Suite]\n" + MIXED + shell("slow", "sleep 60", "TimeoutSec=200ms\n") + "[Context ctx]\nSetUp=/bin/false\n"
             + shell("inside", "true", "Context=ctx\n"))
    seen = set()
    with run(suite=suite, options=["--retries=1", "--shuffle=7"]) as it:
        for record in it.records:
            kind = kinds[record["MESSAGE_ID"].decode()]
            seen.add(kind)
            for name in record:
                if not name.startswith("PTEST_"):
                    continue
                assert documented[name][0] == "all" or kind in documented[name], (name, kind)
    assert {"run started", "run finished", "test finished", "attempt finished", "fixture failed",
            "worker started", "worker stopped"} <= seen, seen
