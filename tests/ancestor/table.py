# SPDX-License-Identifier: LGPL-2.1-or-later
"""What was observed, as a table."""


def ended(seen):
    return f"hangs >{seen.seconds:.0f}s" if seen.hung else f"{seen.seconds:.1f}s"


def status(seen):
    return "killed" if seen.hung else str(seen.status)


def fixtures(scenario, seen):
    return f"{seen.count('+')}/{seen.count('-')}" if scenario.contexts else ""


def what_is_wrong(scenario, seen):
    """What nose's user is not told, or waits for."""
    should_fail = scenario.get("exit", default="0") != "0"
    ups, downs = seen.count("+"), seen.count("-")
    return ", ".join(filter(None, [
        "hangs" if seen.hung else "",
        "says OK" if should_fail and seen.says.endswith("OK") else "",
        "exit status 0" if should_fail and seen.status == 0 and not seen.says.endswith("OK") else "",
        f"says that {seen.blamed(scenario)} good test{'s' if seen.blamed(scenario) > 1 else ''} failed" if seen.blamed(scenario) else "",
        f"loses {seen.lost()} of {seen.planned}" if seen.lost() > 0 else "",
        "no report" if seen.says == "nothing" else "",
        f"{ups - downs} not torn down" if ups > downs else "",
        f"{seen.outside(scenario)} run after the tear-down" if seen.outside(scenario) else "",
        "wrong order: " + ", ".join(f"{b} before {a}" for a, b in seen.wrong_order(scenario)) if seen.wrong_order(scenario) else "",
        f"leaves {seen.left} process{'es' if seen.left > 1 else ''}" if seen.left else "",
    ]))


def cells_of_ptest(scenario, seen):
    if seen is None:
        return ["–", "", "", "", ""]
    return [f"{seen.told}/{seen.planned}", status(seen), ended(seen), fixtures(scenario, seen), seen.says]


def row(scenario, seen):
    nose = seen["nose"]
    return [scenario.name, f"{nose.told}/{nose.planned}", status(nose), ended(nose), fixtures(scenario, nose), nose.says,
            what_is_wrong(scenario, nose), *cells_of_ptest(scenario, seen.get("program")),
            *cells_of_ptest(scenario, seen.get("module"))]


HEADS = ["scenario", "told", "exit", "ended", "+/-", "nose says", "what is wrong",
         "told", "exit", "ended", "+/-", "ptest", "told", "exit", "ended", "+/-", "ptest"]
GROUPS = {0: "", 1: "nose, multiprocess", 7: "ptest, programs", 12: "ptest, in-process"}


def joined(cells, widths):
    parts = [("│ " if i in GROUPS and i else "") + cell.ljust(width) for i, (cell, width) in enumerate(zip(cells, widths))]
    return "  ".join(parts).rstrip()


def group_line(widths):
    line, starts = "", sorted(GROUPS)
    for start, end in zip(starts, starts[1:] + [len(widths)]):
        width = sum(widths[start:end]) + 2 * (end - start - 1)
        line += ("  │ " if start else "") + GROUPS[start].ljust(width)
    return line.rstrip()


def lines(observed):
    rows = [row(scenario, {form: future.result() for form, future in seen.items()})
            for scenario, seen in observed if all(future.done() and not future.exception() for future in seen.values())]
    widths = [max(len(r[i]) for r in [HEADS, *rows]) for i in range(len(HEADS))]
    yield "told: tests with an outcome of those planned; +/-: set-ups and tear-downs that were run; ended: hangs = ended by us"
    yield group_line(widths)
    yield joined(HEADS, widths)
    yield "─" * (sum(widths) + 2 * len(widths) + 4)
    for cells in rows:
        yield joined(cells, widths)
