# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same scenarios on ptest and on its ancestor, nose with its multiprocess plugin. Arguments choose some by name.

One test for each scenario asserts what ptest tells; of nose nothing is asserted but that it is there and can be
observed. A table shows both, as comment lines at the end. $PTEST is the program under test.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import make  # noqa: E402
import table  # noqa: E402
from behaviour import add, main  # noqa: E402
from deeds import DEEDS  # noqa: E402
from observe import observe  # noqa: E402
from scenario import SCENARIOS  # noqa: E402

# They sleep most of the time.
AT_ONCE = 6


def can_do(scenario, form):
    """Programs cannot do all that a function can."""
    deeds = [DEEDS[t.does] for t in scenario.tests] + [DEEDS[d] for c in scenario.contexts for d in (c.set_up, c.tear_down)]
    return form in scenario.forms and (form != "program" or all(deed.shell for deed in deeds))


def base_name(address):
    """The name in the scenario: what stands before it is the module, what stands behind it brought it forth."""
    parts = address.partition("[")[0].split("::")
    for part in reversed(parts):
        name = part.removesuffix("_one")
        if name != "one":
            return name
    return parts[-1]


def assert_outcomes(scenario, form, seen):
    expected = {test.name: test.expect[form] for test in scenario.tests}
    makers = {test.name for test in scenario.tests if test.generates}
    for address, outcome in seen.outcomes.items():
        name = base_name(address)
        # What brings forth others does no more than that.
        wanted = ["pass"] if name in makers and "[" not in address else expected.get(name)
        if name not in expected:
            assert scenario.get("broken") == "module" and outcome in ("fail", "error"), f"{address} is {outcome}"
            assert seen.reasons[address], f"{address} has no reason"
        else:
            assert outcome in wanted, f"{address} is {outcome} ({seen.reasons[address]}), not {'/'.join(wanted)}"


def assert_fixtures(scenario, seen):
    for context in scenario.contexts:
        (up_least, up_most), (down_least, down_most) = scenario.how_often(context)
        ups, downs = seen.count("+", context.name), seen.count("-", context.name)
        assert up_least <= ups <= up_most, f"{ups} set-ups of {context.name}, not {up_least}-{up_most}: {seen.log}"
        assert down_least <= downs <= down_most, f"{downs} tear-downs of {context.name}: {seen.log}"
        if not context.tear_downs:
            assert ups == downs, f"{ups} set-ups of {context.name}, {downs} tear-downs: {seen.log}"


def assert_order(scenario, seen):
    assert not seen.wrong_order(scenario), f"{seen.wrong_order(scenario)}: {seen.log}"
    assert not seen.outside(scenario), f"{seen.outside(scenario)} tests were run outside of their context: {seen.log}"


def assert_once(scenario, seen):
    """No test was begun twice, whatever happened to its worker."""
    for test in scenario.tests:
        begun = seen.log.count(test.name)
        assert begun <= max(1, test.generates), f"{test.name} was begun {begun} times: {seen.log}"


def check(scenario, form, seen):
    try:
        assert not seen.hung, f"it hangs: {seen.log}"
        assert not seen.problems, seen.problems
        assert seen.told == seen.planned, f"{seen.planned} planned, {seen.told} told: {seen.outcomes}"
        assert_outcomes(scenario, form, seen)
        exit_status = int(scenario.get("exit", form, "0"))
        assert seen.status == exit_status, f"exit status {seen.status}, not {exit_status}"
        assert_fixtures(scenario, seen)
        assert_order(scenario, seen)
        assert_once(scenario, seen)
        assert seen.left == 0, f"{seen.left} processes are left"
    except AssertionError:
        print(f"# form: {form}")
        for line in seen.output.splitlines()[-25:]:
            print(f"# ptest: {line}")
        raise


def check_scenario(scenario, seen):
    for form, future in seen.items():
        if form == "nose":
            observed = future.result()
            assert observed.hung or observed.output or observed.status, "nose did nothing at all"
        else:
            check(scenario, form, future.result())


def show_table(observed):
    for line in table.lines(observed):
        print(f"# {line}", flush=True)


def nose_is_here():
    return subprocess.run([make.NOSE_PYTHON, "-c", "import nose"], check=False, stderr=subprocess.DEVNULL).returncode == 0


def run():
    if not nose_is_here():
        print("1..0 # SKIP there is no nose here: Debian 12 is the last release that has python3-nose")
        return
    observed = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        patterns = sys.argv[1:]
        for scenario in SCENARIOS:
            if patterns and not any(pattern in scenario.name for pattern in patterns):
                continue
            seen = {form: pool.submit(observe, scenario, form) for form in ("nose", "program", "module") if can_do(scenario, form)}
            observed.append((scenario, seen))
            add(f"{scenario.name}: {scenario.title}", lambda scenario=scenario, seen=seen: check_scenario(scenario, seen), 900)
        sys.argv[1:] = []
        try:
            main()
        finally:
            show_table(observed)


run()
