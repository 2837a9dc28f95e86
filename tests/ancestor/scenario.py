# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads scenarios; README.md says what stands in them."""

import configparser
from dataclasses import dataclass, field
from pathlib import Path

FORMS = ("nose", "program", "module")
DIRECTORY = Path(__file__).resolve().parent / "scenarios"


@dataclass
class Context:
    name: str
    mode: str = "whole"
    parent: str = ""
    set_up: str = "pass"
    tear_down: str = "pass"
    set_ups: str = ""
    tear_downs: str = ""


@dataclass
class Test:
    name: str
    context: str = ""
    does: str = "pass"
    exclusive: bool = False
    generates: int = 0
    expect: dict = field(default_factory=dict)  # form to outcomes


@dataclass
class Scenario:
    name: str
    title: str
    settings: dict
    contexts: list
    tests: list

    def get(self, key, form="", default=""):
        return self.settings.get(f"{key}-{form}", self.settings.get(key, default))

    @property
    def workers(self):
        return int(self.get("workers", default="2"))

    @property
    def timeout(self):
        return float(self.get("timeout", default="1"))

    @property
    def forms(self):
        return self.get("forms", default=" ".join(FORMS)).split()

    def planned(self, form):
        """How many tests are to be told of. What only brings forth others is no test for nose."""
        count = sum(1 + test.generates for test in self.tests)
        if form == "nose":
            count -= sum(1 for test in self.tests if test.generates)
        return count + (self.get("broken") == "module")

    def how_often(self, context):
        """Least and most set-ups, then tear-downs, in ptest."""
        most = self.workers if context.mode == "split" else 1
        ups = _range(context.set_ups or f"1-{most}")
        return ups, _range(context.tear_downs) if context.tear_downs else ups


def _range(text):
    low, _, high = text.partition("-")
    return int(low), int(high or low)


KNOWN = {
    "scenario": {"workers", "timeout", "forms", "options", "tight", "interrupt", "broken", "pipe", "exit", "order"},
    "context": {"mode", "in", "set-up", "tear-down", "set-ups", "tear-downs"},
    "test": {"context", "does", "exclusive", "generates", "expect"},
}


def _check(path, kind, section):
    for key in section:
        plain = key.removesuffix("-program").removesuffix("-module")
        assert plain in KNOWN[kind], f"{path}: unknown key {key} in [{section.name}]"


def read(path):
    lines = path.read_text().splitlines()
    assert lines[0].startswith("# "), f"{path}: the first line says what happens"
    ini = configparser.ConfigParser(interpolation=None)
    ini.optionxform = str
    ini.read(path)
    scenario = Scenario(path.stem, lines[0][2:], {}, [], [])
    for title in ini.sections():
        kind, *names = title.split()
        section = ini[title]
        _check(path, kind, section)
        if kind == "scenario":
            scenario.settings = dict(section)
        elif kind == "context":
            scenario.contexts.append(Context(
                names[0], section.get("mode", "whole"), section.get("in", ""), section.get("set-up", "pass"),
                section.get("tear-down", "pass"), section.get("set-ups", ""), section.get("tear-downs", "")))
        else:
            for name in names:
                expect = {form: section.get(f"expect-{form}", section.get("expect", "pass")).split("/") for form in FORMS}
                scenario.tests.append(Test(name, section.get("context", ""), section.get("does", "pass"),
                                           section.getboolean("exclusive", False), section.getint("generates", 0), expect))
    return scenario


SCENARIOS = [read(path) for path in sorted(DIRECTORY.glob("*.scenario"))]
