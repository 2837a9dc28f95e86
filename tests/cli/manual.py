# SPDX-License-Identifier: LGPL-2.1-or-later
"""The manual pages tell of all options and keys that there are, once, and of no others."""

import re
import subprocess

from behaviour import add, behaviour
from program import PTEST, SOURCE, run

MAN = SOURCE / "packaging" / "man"
VERBS = ("run", "list", "runs", "results", "log", "report", "diff", "history", "flaky", "slowest", "status", "top", "doctor")
# argp's, of each verb; told of once.
COMMON = {"--help", "--usage", "--version", "-?", "-V"}
SECTIONS = {"[Suite]": "SUITE", "[Worker]": "WORKER", "[Test a]": "TEST ADDRESS", "[Context c]": "CONTEXT NAME"}


def chapters(page):
    text = (MAN / page).read_text()
    return {title.strip("[]"): body for title, body in re.findall(r"^# ([^\n]+)\n(.*?)(?=^# |\Z)", text, re.S | re.M)}


def told_options(chapter):
    return re.findall(r"\*(--?[a-z][a-z-]*|-[a-zA-Z])\*", "".join(re.findall(r"^\*-.*\n", chapter, re.M)))


def shown_options(verb):
    """argp gives each option a line of its own, with the short name in front."""
    text = subprocess.run([PTEST, verb, "--help"], check=True, stdout=subprocess.PIPE, text=True).stdout
    options = set()
    for names in re.findall(r"^ {2}(?:-|    --)\S.*$", text, re.M):
        options.update(re.findall(r"(?:^ {2}|, | {6})(--?[a-zA-Z?][a-z-]*)", names))
    return options - COMMON


def told_keys(section):
    """Those of the section's chapter, and those of chapters about several sections."""
    told = chapters("ptest.suite.5.scd")
    own = re.findall(r"\*(\w+)=\*", "".join(re.findall(r"^\*\w+=\*.*\n(?=\t)", told[SECTIONS[section]], re.M)))
    assert len(own) == len(set(own)), f"twice in {section}: {own}"
    anywhere = re.findall(r"^\*(\w+)=\*", "".join(body for body in told.values() if "\nThese keys can be " in body), re.M)
    if section == "[Suite]" and "These three can also stand in [SUITE]." in told["WORKER"]:
        own += re.findall(r"^\*(\w+)=\*", told["WORKER"], re.M)[-3:]
    return set(own), set(anywhere)


def options_are_told_of(verb):
    chapter = chapters("ptest.1.scd")[f"PTEST {verb.upper()}"]
    told, shown = told_options(chapter), shown_options(verb)
    if verb == "report":
        # Its chapter names those of other verbs, in running text.
        told = sorted(set(re.findall(r"\*(--[a-z][a-z-]*|-[a-zA-Z])\*", chapter)))
    assert len(told) == len(set(told)), f"told of twice: {[o for o in told if told.count(o) > 1]}"
    assert set(told) == shown, (f"not told: {shown - set(told)}", f"not there: {set(told) - shown}")


for _verb in VERBS:
    add(f"manual tells of all options of {_verb}", lambda verb=_verb: options_are_told_of(verb))


@behaviour
def manual_tells_of_all_keys_of_suite_files():
    for section in SECTIONS:
        with run(suite=f"{section}\nQqqqqq=1\n") as it:
            known = re.search(r"known there: (.*)", it.stderr)
        assert known, it.stderr
        known = set(known[1].split(", "))
        own, anywhere = told_keys(section)
        assert known <= own | anywhere, (section, "not told", known - own - anywhere)
        assert own <= known, (section, "not there", own - known)
        assert anywhere <= known or section == "[Worker]", (section, "not there", anywhere - known)
