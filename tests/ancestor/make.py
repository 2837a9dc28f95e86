# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes of a scenario what each runner reads. LOG is a path: that of the log."""

import subprocess

from deeds import DEEDS, ENDLESS, HEAD_OF_C

# ---- nose ----

# That of the Debian package; another one may come first in $PATH.
NOSE_PYTHON = "/usr/bin/python3"

HEAD_OF_PYTHON = """\
import os, signal, subprocess, sys, threading, time

{worker}
def note(entry):
    with open({log!r}, "a") as file:
        file.write(entry + "\\n")
"""
WORKER_DIES = "os.register_at_fork(after_in_child=lambda: os._exit(1))\n"
PYTHON_MODES = {"whole": "", "split": "_multiprocess_can_split_ = True\n", "shared": "_multiprocess_shared_ = True\n"}


def python_test(test, method):
    parameter = "self" if method else ""
    body = f"    note({test.name!r})\n    {DEEDS[test.does].python}\n    note({test.name + '.'!r})\n"
    if test.generates:
        return (f"def check_{test.name}(number):\n{body}\n"
                f"def test_{test.name}():\n    for number in range({test.generates}):\n        yield check_{test.name}, number\n\n")
    return f"def test_{test.name}({parameter}):\n{body}\n"


def python_fixtures(context, method):
    """nose calls a class's fixtures setup_class, a module's setup_module."""
    of, decorator, parameter = ("class", "@classmethod\n", "cls") if method else ("module", "", "")
    return PYTHON_MODES[context.mode] + "".join(
        f"{decorator}def {name}_{of}({parameter}):\n    note({sign + context.name!r})\n    {DEEDS[deed].python}\n\n"
        for name, sign, deed in (("setup", "+", context.set_up), ("teardown", "-", context.tear_down)))


def indented(text):
    return "".join(f"    {line}\n" if line else "\n" for line in text.splitlines())


def python_class(name, text):
    return f"class {name}:\n{indented(text)}\n"


def make_nose(scenario, directory, log):
    """Gives nose's arguments. A context is a module, one that is nested in it a class of that module."""
    head = HEAD_OF_PYTHON.format(log=str(log), worker=WORKER_DIES if scenario.get("broken") == "worker" else "")
    files = {}
    for context in scenario.contexts:
        own = "".join(python_test(t, bool(context.parent)) for t in scenario.tests if t.context == context.name)
        text = python_fixtures(context, bool(context.parent)) + own
        if context.parent:
            files[f"test_{context.parent}"] += python_class(f"Test_{context.name}", text)
        else:
            files[f"test_{context.name}"] = text
    free = [t for t in scenario.tests if not t.context]
    if free:
        alone = "".join(python_test(t, True) for t in free if t.exclusive)
        files["test_free"] = "".join(python_test(t, False) for t in free if not t.exclusive)
        if alone:
            files["test_free"] += python_class("Test_alone", f"_multiprocess_ = False\n{alone}")
    if scenario.get("broken") == "module":
        files["test_broken"] = "import there_is_no_such_module\n\ndef test_broken():\n    pass\n"
    for name, text in files.items():
        (directory / f"{name}.py").write_text(head + "\n" + text)
    options = ["-x"] if "fail-fast" in scenario.get("options") else []
    return [NOSE_PYTHON, "-m", "nose", "-v", f"--processes={scenario.workers}", f"--process-timeout={scenario.timeout}",
            *options, str(directory)]


# ---- ptest: programs ----

# What comes to its end may take that long.
PATIENCE = 200


def is_endless(scenario, test):
    return test.does in ENDLESS or scenario.get("tight") == "yes"


def fixture_limit(deed):
    return 2 if deed in ENDLESS else PATIENCE


def shell_line(key, script):
    # As systemd would, quotes are taken off once.
    script = script.replace("\\", "\\\\").replace('"', '\\"')
    return f'{key}=/bin/sh -c "{script}"\n'


def test_script(test, log):
    return f"echo {test.name} >>{log}; {DEEDS[test.does].shell.replace('LOG', str(log))}; echo {test.name}. >>{log}"


def suite_test(scenario, test, log):
    more = f"Context={test.context}\n" if test.context else ""
    more += f"TimeoutSec={scenario.timeout}\n" if is_endless(scenario, test) else ""
    more += "Exclusive=yes\n" if test.exclusive else ""
    if not test.generates:
        return f"[Test {test.name}]\n{shell_line('Exec', test_script(test, log))}{more}\n"
    finds = f"for i in $(seq {test.generates}); do echo one $i >>$PTEST_FOUND; done"
    return (f"[Test {test.name}]\n{shell_line('Exec', finds)}"
            f"{shell_line('FoundExec', test_script(test, log))}{more}\n")


def suite_context(context, log):
    return (f"[Context {context.name}]\nMode={context.mode}\n" + (f"Context={context.parent}\n" if context.parent else "")
            + shell_line("SetUp", f"echo +{context.name} >>{log}; {DEEDS[context.set_up].shell}")
            + shell_line("TearDown", f"echo -{context.name} >>{log}; {DEEDS[context.tear_down].shell}")
            + f"SetUpTimeoutSec={fixture_limit(context.set_up)}\nTearDownTimeoutSec={fixture_limit(context.tear_down)}\n\n")


def suite_head():
    return f"[Suite]\nTimeoutSec={PATIENCE}\nGraceSec=1\nStopSec=1\n"


def make_program(scenario, directory, log):
    suite = suite_head() + "\n" + "".join(suite_context(c, log) for c in scenario.contexts)
    suite += "".join(suite_test(scenario, t, log) for t in scenario.tests)
    if scenario.get("broken") == "module":
        (directory / "broken").write_text("#!/there/is/no/such/interpreter\n")
        (directory / "broken").chmod(0o755)
        suite += "[Test broken]\nExec=./broken\n"
    path = directory / "scenario.suite"
    path.write_text(suite)
    return path


# ---- ptest: a module ----


def c_test(scenario, test):
    what = f"{test.context}, {test.name}" if test.context else test.name
    within = "_IN" if test.context else ""
    options = ", .exclusive = true" if test.exclusive else ""
    options += f", .timeout_ms = {int(scenario.timeout * 1000)}" if is_endless(scenario, test) else ""
    body = f'        note("{test.name}");\n        {DEEDS[test.does].c}\n        note("{test.name}.");\n'
    if not test.generates:
        return f"PTEST{within}({what}{options}) {{\n{body}}}\n\n"
    case = what.replace(test.name, f"{test.name}_one")
    return (f"PTEST_TEMPLATE{within}({case}{options}) {{\n{body}}}\n\n"
            f"PTEST{within}({what}) {{\n        for (int i = 0; i < {test.generates}; i++)\n"
            f'                PTEST_ADD{within}({case}, "%d", i);\n}}\n\n')


def c_context(context):
    parent = f"        .parent = ptest_context({context.parent}),\n" if context.parent else ""
    return "".join(
        f'static void {context.name}_{what}(void) {{\n        note("{sign}{context.name}");\n        {DEEDS[deed].c}\n}}\n'
        for what, sign, deed in (("set_up", "+", context.set_up), ("tear_down", "-", context.tear_down))) + (
        f"PTEST_CONTEXT({context.name},\n{parent}        .mode = PTEST_MODE_{context.mode.upper()},\n"
        f"        .set_up = {context.name}_set_up,\n        .tear_down = {context.name}_tear_down,\n"
        f"        .set_up_timeout_ms = {fixture_limit(context.set_up)}000,\n"
        f"        .tear_down_timeout_ms = {fixture_limit(context.tear_down)}000)\n\n")


def compile_module(source, include):
    """Gives its path. It is linked against nothing, and what it lacks is missed when it is loaded."""
    target = source.with_suffix(".so")
    subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", f"-I{include}", "-o", target, source], check=True)
    return target


def make_module(scenario, directory, log, include):
    source = directory / "scenario.c"
    source.write_text(f'#define LOG "{log}"\n{HEAD_OF_C}\n' + "".join(map(c_context, scenario.contexts))
                      + "".join(c_test(scenario, test) for test in scenario.tests))
    suite = suite_head() + f"From=module:{compile_module(source, include)}\n"
    if scenario.get("broken") == "module":
        broken = directory / "broken.c"
        broken.write_text("#include <ptest/test.h>\nvoid there_is_no_such_function(void);\n"
                          "void *needed = (void *)there_is_no_such_function;\nPTEST(broken) {\n}\n")
        suite += f"From=module:{compile_module(broken, include)}\n"
    path = directory / "scenario.suite"
    path.write_text(suite)
    return path
