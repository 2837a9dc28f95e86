# SPDX-License-Identifier: LGPL-2.1-or-later
"""What others make of the reports: schemas, parsers and programs that are not ours, or that are written as theirs."""

import json
import re
import subprocess
import tempfile
from pathlib import Path

from program import SOURCE, shell

FORMATS = ("junit", "tap", "jsonl", "subunit", "yocto", "html", "github")

# What each format would take for something of its own, in one output.
HOSTILE = (b"]]>\0\x1b[2J\xff\xfe\xc3\n\r\nok 1 - forged\nnot ok 2 - forged\n1..9\nBail out! forged\nPASS: forged\n"
           b"END: /usr/lib/it/ptest\nERROR: Exit status is 0\nSTOP: ptest\n::error::forged\n##[error]forged\n"
           b"  ::set-output name=forged::x\n{\"event\": \"forged\"}\n\xe2\x80\xa8\xc2\x85</system-out></testcase>"
           b"<testcase name=\"forged\"/>\xb3\x29\x01\x0c\x03foo\x08\x55\x5f\x1b\xef\xbf\xbf\xed\xa0\x80")

# Suites with one of nearly each way to end; attempts, fixtures that fail, what is found while the run goes on.
SUITE = ("[Context broken]\nSetUp=/bin/false\n[Context whole]\nSetUp=/bin/true\nTearDown=/bin/false\n" +
         shell("in broken", "exit 0", "Context=broken") + shell("in whole", "exit 0", "Context=whole") +
         shell("dir/sub/pass<&>", "echo fine") + shell("fail (1), # SKIP: \"100%\" ::x::", "cat hostile; exit 1") +
         shell("skip", "echo 'because ]]>'; exit 77") + shell("crash", "kill -SEGV $$") +
         shell("slow", "sleep 5", "TimeoutSec=300ms") + shell("xfail", "exit 1", "ShouldFail=yes") +
         shell("xpass", "exit 0", "ShouldFail=yes") + shell("hard error", "exit 99") +
         "[Test points]\nExec=/bin/sh -c \"echo 1..2; echo ok 1 - a#b; echo not ok 2 - '<c>'\"\nProtocol=tap\n" +
         shell("große Übung", "echo 日本 >&2; exit 1"))


def hostile_directory():
    """A place for a run, with what its tests print."""
    scratch = Path(tempfile.mkdtemp(prefix="pt."))
    (scratch / "hostile").write_bytes(HOSTILE)
    return scratch


def quiet_environment(**more):
    return {"GITHUB_ACTIONS": None, "GITHUB_STEP_SUMMARY": None, **more}


def report_options(directory, prefix):
    """Options for a file of each format; and the files, by format."""
    files = {name: directory / f"{prefix}.{name}" for name in FORMATS}
    return [f"--{name}={path}" for name, path in files.items()], files


def compare_reports(live, later):
    """Where formats differ, with what is there: nowhere, it is hoped."""
    differences = {}
    for name, path in live.items():
        one, other = path.read_bytes(), later[name].read_bytes()
        if one != other:
            at = next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
            differences[name] = at, one[max(at - 100, 0):at + 100], other[max(at - 100, 0):at + 100]
    return differences


def _run(argv, path, **kwargs):
    with open(path, "rb") as file:
        return subprocess.run(argv, check=False, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)


def check_junit(path):
    schema = SOURCE / "tests/data/formats/junit.xsd"
    done = subprocess.run(["xmllint", "--noout", "--schema", schema, path], check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[:2000]


def read_prove(path):
    """Its exit status, and what it says."""
    done = subprocess.run(["prove", "--exec", "cat", path], check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    assert "Parse errors" not in done.stdout, done.stdout[:2000]
    return done.returncode, done.stdout


def read_subunit(path):
    """The counts of subunit-stats, by word."""
    done = _run(["subunit-stats"], path, text=True)
    assert not done.stderr, done.stderr
    return {word: int(count) for word, count in re.findall(r"(\w+) tests: +(\d+)", done.stdout)}


def read_subunit_details(path):
    """Names of tests to their files, as Debian's library reads them."""
    program = """
import json, sys
from subunit import ByteStreamToStreamResult
from testtools import StreamToDict
def on_test(test):
    files = {name: b"".join(content.iter_bytes()).decode("latin-1") for name, content in test["details"].items()}
    print(json.dumps([test["id"], test["status"], sorted(test["tags"]), files]))
result = StreamToDict(on_test)
result.startTestRun()
ByteStreamToStreamResult(sys.stdin.buffer, non_subunit_name="forged").run(result)
result.stopTestRun()
"""
    done = _run(["/usr/bin/python3", "-c", program], path, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def read_jq(path, program):
    """What jq says, a line each; it reads the whole file."""
    done = _run(["jq", "-c", program], path)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def read_yocto(path):
    """Sections and results, with the regular expressions of OEQA's logparser.py."""
    section, sections, results = "No-section", {}, {}
    with open(path, errors="replace", encoding="utf-8") as file:
        for line in file:
            if found := re.search("^BEGIN: .*/(.+)/ptest", line):
                section = found[1]
            elif found := re.search("^END: .*/(.+)/ptest", line):
                assert found[1] == section and section not in results.get("ended", ()), (found[1], section)
                section = "No-section"
            elif found := re.search("^(DURATION): (.+)|^(ERROR): Exit status is (.+)|^(TIMEOUT): .*/(.+)/ptest", line):
                sections.setdefault(section, {})[found[1] or found[3] or found[5]] = found[2] or found[4] or found[6]
            elif found := re.search("^(PASS|FAIL|SKIP):(.+)", line):
                name = re.sub(r"[ \t()]+", "_", found[2].strip().partition("#")[0])
                assert name not in results.setdefault(section, {}), f"{name} is there twice"
                results[section][name] = found[1]
    return sections, results


def read_github(lines):
    """The commands that GitHub's runner would take out of lines of a log: (command, properties, message)."""
    commands = []
    for line in lines:
        head, properties, message = line.lstrip(), {}, ""
        if found := re.match("::([^: ]+) ?(.*?)::(.*)", head):
            for item in filter(None, found[2].split(",")):
                name, _, value = item.partition("=")
                for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
                    value = value.replace(code, character)
                properties[name] = value
            message = found[3].replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
            commands.append((found[1], properties, message))
        elif found := re.search(r"##\[([^ \]]+)([^\]]*)\](.*)", line):
            commands.append((found[1], {}, found[3]))
    return commands
