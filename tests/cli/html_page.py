# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page that --html writes, in headless Chromium, and without it."""

import contextlib
import json
import re
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

import run_files
from behaviour import behaviour
from browser import Browser
from program import MESSAGE_IDS, ptest, run, shell, tests, text

MIXED = ("[Suite]\nDescription=Some of each\nGraceSec=1s\n" +
         tests(12, name="good/t{:02}") +
         shell("bad/fails", "echo to stdout; echo to stderr >&2; exit 3") +
         shell("bad/crashes", "kill -SEGV $$") +
         shell("bad/hangs", "echo begun; sleep 60", "TimeoutSec=700ms") +
         shell("skipped", "echo because; exit 77"))

# Each would set window.hacked, ask for something, or break out of where it stands.
HOSTILE = ["</script><script>window.hacked=1</script>", "<img src=x onerror=window.hacked=1>", "\"onfocus=window.hacked=1 x=\"",
           "'><svg onload=window.hacked=1>", "</title></style></noscript></textarea><script>window.hacked=1</script>",
           "<!--<script>", "]]>&lt;&#60;script>window.hacked=1", "{{file page.js}}", "\\u003cscript\\u003e"]
ODD = ["\u202egnp.exe\u202c", "\u2028\u2029", "\ufeff\ufffe", "日本語 ünï", "\\"]


class RunFile:
    """A run file that is written by hand: what has no time to run."""

    def __init__(self, path, planned, workers=4):
        self.file = open(path, "wb")
        self.start = 1793000000 * 10**6
        self.run_id = uuid.uuid4().hex
        self.add("RUN_STARTED", 0, PLANNED=planned, WORKERS=workers, BACKEND="plain", VERSION="1", HOSTNAME="host",
                 COMMAND="ptest run")
        for slot in range(1, workers + 1):
            self.add("WORKER_STARTED", 0, SLOT=slot, GENERATION=1, PID=slot)

    def add(self, kind, at, **fields):
        record = {"MESSAGE_ID": MESSAGE_IDS[kind], "PTEST_RUN_ID": self.run_id, "PTEST_SUITE": "made",
                  "PTEST_TIME_USEC": self.start + at, "MESSAGE": "x", "PRIORITY": 6, "SYSLOG_IDENTIFIER": "ptest",
                  **{f"PTEST_{name}": value for name, value in fields.items()}}
        for name, values in record.items():
            for value in values if isinstance(values, list) else [values]:
                data = value if isinstance(value, bytes) else str(value).encode()
                self.file.write(name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n")
        self.file.write(b"\n")

    def test(self, address, outcome, at, kind="TEST_FINISHED", slot=1, took=1000, **fields):
        self.add(kind, at + took, **{"TEST": address, "OUTCOME": outcome, "ATTEMPT": 1, "SLOT": slot, "GENERATION": 1,
                                     "START_USEC": self.start + at, "DURATION_USEC": took, **fields})

    def finish(self, at, verdict, **counts):
        self.add("RUN_FINISHED", at, VERDICT=verdict, PLANNED=sum(counts.values()), DURATION_USEC=at,
                 COUNT=[f"{outcome}={count}" for outcome, count in counts.items()])
        self.file.close()


@contextlib.contextmanager
def scratch():
    path = Path(tempfile.mkdtemp(prefix="pt."))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def report(directory):
    """Of made.export in it"""
    ptest("report", f"--html={directory}/page.html", f"{directory}/made.export")
    return directory / "page.html"


def assert_calm(page):
    """It said nothing, asked for nothing, and nothing of a test was executed."""
    assert not page.complaints, page.complaints
    assert all(url.startswith(("file:", "data:")) for url in page.requests), page.requests
    assert sum(url.startswith("file:") for url in page.requests) == 1, page.requests
    assert page("window.hacked") is None and page("document.title") != "hacked"
    assert page("document.querySelectorAll('img, iframe, object, embed, link:not([rel=icon])').length") == 0
    assert page("document.scripts.length") == 3


def names(page):
    """What the list of tests shows"""
    return page.texts("#table tbody .address")


@behaviour
def page_tells_how_a_run_went():
    with run(suite=MIXED, options=["-j", "3", "--html=page.html"]) as it, Browser() as browser:
        assert it.status == 1 and not it.stderr, (it.status, it.stderr)
        page = browser.open(it.scratch / "page.html")
        assert page("document.title").startswith("it: failed"), page("document.title")
        assert page.texts(".verdict") == ["Failed"] and page.texts(".description") == ["Some of each"]
        counts = dict(zip(page.texts(".counts dt"), page.texts(".counts dd")))
        assert counts["tests"] == "16" and counts["passed"] == "12" and counts["timed out"] == "1", counts
        cards = page.texts("#failures .card summary .address")
        assert sorted(cards) == ["bad/crashes", "bad/fails", "bad/hangs"], cards
        shown = page("document.querySelector('#failures').textContent")
        for word in ("to stdout", "to stderr", "exit status 3", "SIGSEGV", "begun", "sleep 60", "ptest log"):
            assert word in shown, (word, shown)
        # A worker that was slow to start may have had nothing to do.
        slots, busy = ({text(r, "PTEST_SLOT") for r in records} for records in (it.records_of("WORKER_STARTED"), it.results.values()))
        lanes = "[...document.querySelectorAll('.lane[data-slot]')]"
        assert set(page(f"{lanes}.map(l => l.dataset.slot)")) == slots, slots
        assert set(page(f"{lanes}.filter(l => l.querySelector('.ran path')).map(l => l.dataset.slot)")) == busy <= slots, (busy, slots)
        assert page.texts("#largest .ranking .address")[0] == "bad/hangs"
        assert len(names(page)) == 16 and page.texts("#shown") == ["16 tests"]
        assert_calm(page)


@behaviour
def page_of_a_run_that_was_cut_off_shows_what_is_missing():
    with scratch() as directory, Browser() as browser:
        run_file = RunFile(directory / "made.export", 5, workers=1)
        run_file.test("only", "pass", 1000)
        run_file.file.close()
        ptest("report", f"--html={directory}/page.html", f"{directory}/made.export", check=False)
        page = browser.open(directory / "page.html")
        counts = dict(zip(page.texts(".counts dt"), page.texts(".counts dd")))
        assert counts == {"tests": "5", "passed": "1", "without a result": "4"}, counts
        widths = page("[...document.querySelectorAll('.proportions, .proportions rect')].map(e => e.getBoundingClientRect().width)")
        assert len(widths) == 2 and 0.19 < widths[1] / widths[0] < 0.21, widths
        assert page.texts("#shown") == ["1 test"], page.texts("#shown")
        assert_calm(page)


@behaviour
def page_is_the_same_from_the_records():
    with run(suite=MIXED, options=["--retries=1", "--html=page.html"]) as it:
        assert "Attempt 1" in (it.scratch / "page.html").read_text()
        ptest("report", f"--html={it.scratch}/again.html", it.run_file)
        assert (it.scratch / "page.html").read_bytes() == (it.scratch / "again.html").read_bytes()
        piped = ptest("report", "--html=-", it.run_file)
        assert piped.encode() == (it.scratch / "page.html").read_bytes()
        assert not list(it.scratch.glob("page.html.*")), list(it.scratch.iterdir())


@behaviour
def page_tells_of_the_runs_before():
    with scratch() as directory, Browser() as browser:
        suite = directory / "it.suite"

        def run_with(script, page):
            suite.write_text(shell("changes", script) + shell("stays", "exit 1"))
            ptest("run", "--backend=plain", f"--state-dir={directory}", "--quiet", f"--html={directory}/{page}.html", suite, check=False)

        run_with("true", "first")
        assert 'class="history"' not in (directory / "first.html").read_text()
        run_with("true", "second")
        run_with("exit 1", "third")
        run_with("true", "fourth")
        page = browser.open(directory / "third.html")
        assert page.texts(".history h2") == ["2 runs before, 0 passed"], page.texts(".history h2")
        assert page("document.querySelectorAll('.history li').length") == 3
        assert dict(zip(page.texts("#failures summary .address"), page("[...document.querySelectorAll('.past p')].map(p => p.textContent)"))) == \
            {"changes": "New: it was well in all of the 2 runs before", "stays": "It failed in all of the 2 runs before"}
        assert_calm(page)
        # Later runs change nothing of it.
        third = re.search(r"ptest log --run=(\w+)", (directory / "third.html").read_text())[1]
        ptest("report", f"--state-dir={directory}", f"--html={directory}/again.html", third)
        assert (directory / "again.html").read_bytes() == (directory / "third.html").read_bytes()


@behaviour
def page_tells_of_a_run_whose_duration_is_more_than_its_records_span():
    with scratch() as directory:
        run_files.RunFile(directory).test("it").finish()
        last = run_files.RunFile(directory, 0.01).test("it", "fail").finish("failed")
        page = ptest("report", f"--state-dir={directory}", "--html=-", last.run_id)
        assert "1 run before" in page


@behaviour
def commands_on_the_page_find_what_begins_with_a_dash():
    with scratch() as directory, Browser() as browser:
        made = RunFile(directory / "made.export", 2, workers=1)
        made.test("-k it", "fail", 1000)
        made.test("--run", "pass", 2000)
        made.finish(4000, "failed", **{"pass": 1, "fail": 1})
        page = browser.open(report(directory))
        run = f"ptest log --run={made.run_id[:12]} -- "
        assert page.texts("#failures .command") == [f"{run}'-k it'"], page.texts("#failures .command")
        page("[...document.querySelectorAll('#table tbody tr')].find(r => r.innerText.includes('--run')).click()")
        assert page.texts("#detail-body .command") == [f"{run}--run"], page.texts("#detail-body .command")
        assert_calm(page)


@behaviour
def page_that_cannot_be_written_is_not_a_success():
    for path in ("/no/such/directory/page.html", "/dev/full"):
        with run(suite=tests(2), options=[f"--html={path}"]) as it:
            assert it.status in (2, 3) and path in it.stderr, (it.status, it.stderr)


@behaviour
def page_is_searched_filtered_and_sorted():
    with scratch() as directory, Browser() as browser:
        made = RunFile(directory / "made.export", 300)
        for i in range(300):
            outcome = "fail" if i % 100 == 7 else "skip" if i % 10 == 3 else "pass"
            made.test(f"area{i % 3}/case-{i}", outcome, i * 100, took=(i * 7919) % 1000 + 1, slot=i % 4 + 1, MEMORY_PEAK=i * 1000,
                      **({"REASON": "no network"} if outcome == "skip" else {}), **({"MARK": "slow"} if i == 50 else {}))
        made.finish(40000, "failed", **{"pass": 267, "fail": 3, "skip": 30})
        page = browser.open(report(directory))

        def search(query):
            page("document.getElementById('search').value = ''")
            page.click("#search")
            page.type(query)
            page("document.getElementById('search').dispatchEvent(new Event('input'))")

        assert page.texts("#shown") == ["300 tests"]
        search("AREA1 case-10")
        expected = [f"area1/case-{i}" for i in range(300) if i % 3 == 1 and f"case-{i}".startswith("case-10")]
        assert names(page) == expected, names(page)
        assert page.texts("#shown") == [f"{len(expected)} of 300 tests"]
        search("network")
        assert page.texts("#shown") == ["30 of 300 tests"]
        search("no such test")
        assert not names(page) and page.texts("#shown") == ["0 of 300 tests"]
        page.press("Escape")
        assert page.texts("#shown") == ["300 tests"]

        page.click("#filters .o-fail")
        assert names(page) == ["area1/case-7", "area2/case-107", "area0/case-207"], names(page)
        page.click("#filters .of-mark")
        assert not names(page)
        page.click("#filters .o-fail")
        assert names(page) == ["area2/case-50"]
        page.press("Escape")

        def sort(column):
            page.click(f"#table th:nth-child({column}) button")
            return names(page), page(f"document.querySelector('#table th:nth-child({column})').ariaSort")

        slowest = sorted(range(300), key=lambda i: -((i * 7919) % 1000))
        assert sort(3) == ([f"area{i % 3}/case-{i}" for i in slowest[:len(names(page))]], "descending")
        assert sort(3)[0][0] == f"area{slowest[-1] % 3}/case-{slowest[-1]}"
        assert sort(2)[0][:4] == ["area0/case-0", "area0/case-3", "area0/case-6", "area0/case-9"], names(page)[:4]
        assert sort(1)[0][:3] == ["area1/case-7", "area2/case-107", "area0/case-207"], names(page)[:3]
        assert sort(5)[0][0] == "area2/case-299"
        assert_calm(page)


@behaviour
def page_is_walked_with_keys():
    with run(suite=MIXED, options=["--html=page.html"]) as it, Browser() as browser:
        page = browser.open(it.scratch / "page.html")
        focused = "document.activeElement"
        page.press("?")
        assert page("document.getElementById('help').open") is True
        page.press("Escape")
        assert page("document.getElementById('help').open") is False
        page.press("j")
        assert page(f"{focused}.closest('.card').id") == page("document.querySelectorAll('.card')[0].id")
        page.press("j")
        second = page("document.querySelectorAll('.card')[1].id")
        assert page(f"{focused}.closest('.card').id") == second
        before = page(f"document.getElementById('{second}').open")
        page.press("Enter")
        assert page(f"document.getElementById('{second}').open") is not before
        page.press("k")
        assert page(f"{focused}.closest('.card').id") == page("document.querySelectorAll('.card')[0].id")
        page.press("/")
        assert page(f"{focused}.id") == "search"
        page.type("good")
        page.press("Enter", "j")
        assert page(f"{focused}.querySelector('.address').innerText") == names(page)[1]
        page.press("Enter")
        assert page("document.getElementById('detail').open") is True
        assert names(page)[1] in page.texts("#detail-title")[0]
        page.press("Escape")
        assert page("document.getElementById('detail').open") is False
        page.press("Escape")
        assert page.texts("#shown") == ["16 tests"]
        ground = page("getComputedStyle(document.body).backgroundColor")
        page.press("d")
        assert page("getComputedStyle(document.body).backgroundColor") != ground
        assert_calm(page)


@behaviour
def page_shows_what_is_below_the_pointer():
    with run(suite=MIXED, options=["-j", "2", "--html=page.html"]) as it, Browser() as browser:
        page = browser.open(it.scratch / "page.html")
        slot = text(it.results["bad/hangs"], "PTEST_SLOT")
        lane = f".lane[data-slot=\"{slot}\"] .ran"
        page(f"document.querySelector('{lane}').scrollIntoView({{block: 'center', behavior: 'instant'}})")
        page.settle()
        # That it took most of the run's time is what is known of it.
        started = (int(text(it.results["bad/hangs"], "PTEST_START_USEC")) + int(text(it.results["bad/hangs"], "PTEST_DURATION_USEC")) / 2
                   - int(text(it.records_of("RUN_STARTED")[0], "PTEST_TIME_USEC")))
        x, y = page(f"(() => {{ const b = document.querySelector('{lane}').getBoundingClientRect(), l = document.getElementById('lanes').dataset.length;"
                    f" return [b.x + b.width * {started} / l, b.y + b.height / 2]; }})()")
        page.move_to(x, y)
        page.settle()
        assert "bad/hangs" in page.texts("#readout")[0], page.texts("#readout")
        page.click_at(x, y)
        assert "bad/hangs" in page.texts("#detail-title")[0] and "begun" in page.texts("#detail-body")[0]
        assert_calm(page)


@behaviour
def page_is_whole_without_scripts():
    with run(suite=MIXED, options=["--html=page.html"]) as it, Browser() as browser:
        page = browser.open(it.scratch / "page.html", scripts=False)
        rows = page.texts("table.all tbody tr")
        assert len(rows) == 16, rows
        for address, outcome in it.outcomes.items():
            assert any(address in row and row.startswith(outcome) for row in rows), (address, rows)
        page("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        shown = page("document.body.innerText")
        for word in ("Failed", "to stdout", "begun", "Timeline", "Slowest", "ptest log"):
            assert word in shown, (word, shown)
        assert page("document.getElementById('browser').offsetHeight") == 0
        assert page("document.querySelectorAll('.lane[data-slot] .ran path').length") > 0


@behaviour
def page_executes_nothing_of_what_tests_say():
    with scratch() as directory, Browser() as browser:
        made = RunFile(directory / "made.export", 100)
        texts = HOSTILE + ODD + [HOSTILE[0] * 20]
        for i, hostile in enumerate(texts):
            lines = "\n".join((hostile, *HOSTILE, *ODD)).encode() + b"\n\x1b]0;title\7\x1b[31m\0\xff\xc0\x80\r\n"
            # A name is printable, whatever a record says.
            name = f"{hostile if hostile not in ODD else 'odd'} {i}"
            made.test(name, "fail", i * 1000, REASON=hostile, STDOUT=lines, STDERR=b"</pre></details>" + lines,
                      BACKTRACE=lines[:200], STUCK_REPORT=hostile, LEAKS=f"1 {hostile}", DIRTY=hostile, FILES=hostile, DIRECTORY=hostile,
                      OOM_VICTIM=f"1 {hostile}", POINTS=f"fail 1 {hostile}")
            made.test(f"again {name}", "fail", i * 1000, kind="ATTEMPT_FINISHED", REASON=hostile, STDOUT=lines)
            made.test(f"again {name}", "pass", i * 1000, ATTEMPT=2, MARK="flaky", REASON=hostile)
            made.add("WORKER_STUCK", i * 1000, SLOT=1, GENERATION=1, PID=1, WHY=hostile, TEST=name, STUCK_REPORT=hostile, UNIT=hostile)
        made.test("long", "fail", 10**5, STDOUT=b"<b>" * 350000, STDERR=b"\xf0\x9f\x98\x80" * 10000)
        made.finish(10**6, "failed", **{"fail": len(texts) + 1, "pass": len(texts)})
        page = browser.open(report(directory), height=3000)
        page("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        for hostile in HOSTILE:
            assert page(f"document.querySelector('#failures').textContent.includes({json.dumps(hostile)})"), hostile
        shown = page("document.body.textContent")
        assert not re.search("[\u202a-\u202e\u2028\u2029\u0080-\u009f\\x00-\\x08\\x0b-\\x1f]", shown)
        assert "\\x1b[31m\\x00\\xff\\xc0\\x80" in shown and "left out" in shown
        assert len(names(page)) == 2 * len(texts) + 1, names(page)
        page.click("#table tbody tr[data-at='0']")
        page.click_at(5, 5)
        for query in HOSTILE:
            page.click("#search")
            page.type(query)
        assert_calm(page)


def policy(path):
    return re.search(r'Content-Security-Policy" content="([^"]*)"', path.read_text())[1]


@behaviour
def page_forbids_scripts_that_are_not_its_own():
    with run(suite=tests(1), options=["--html=page.html"]) as it, Browser() as browser:
        path = it.scratch / "page.html"
        assert "default-src 'none'" in policy(path) and "unsafe" not in policy(path)
        # As if something of a test had come through.
        path.write_text(path.read_text().replace("</main>", "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'></main>"))
        page = browser.open(path)
        assert page("window.hacked") is None and len(page.complaints) >= 2, page.complaints
        assert len(names(page)) == 1


@behaviour
def page_of_ten_thousand_failures_stays_small():
    with scratch() as directory, Browser() as browser:
        made = RunFile(directory / "made.export", 10000, workers=32)
        output = b"".join(b"line %d of what a test wrote <&>\n" % i for i in range(250))
        for i in range(10000):
            made.test(f"t{i}", "fail", i * 100, slot=i % 32 + 1, REASON="exit status 1", STDOUT=output, MEMORY_PEAK=i)
        made.finish(10**6, "failed", fail=10000)
        path = report(directory)
        assert path.stat().st_size < 50 * 10**6, path.stat().st_size
        page = browser.open(path)
        assert page("document.querySelectorAll('.lane[data-slot] .ran path').length") == 32
        assert page.texts("#failures h2 .n") == ["10,000"] and page.texts("#shown") == ["10,000 tests"]
        assert page("document.querySelectorAll('#table tbody tr').length") < 100
        page("document.getElementById('window').scrollTop = 1e9")
        page.settle()
        assert names(page)[-1] == "t9999" and page("document.querySelectorAll('#table tbody tr').length") < 100
        took = page("(() => { const s = document.getElementById('search'), t = performance.now(); s.value = '777';"
                    " s.dispatchEvent(new Event('input')); document.body.offsetHeight; return performance.now() - t; })()")
        print(f"# search: {took:.0f} ms, page: {path.stat().st_size >> 20} MiB")
        assert page.texts("#shown") == ["29 of 10,000 tests"] or "777" in names(page)[0], page.texts("#shown")
        assert_calm(page)


@behaviour
def page_is_valid_html():
    with run(suite=MIXED, options=["--html=page.html"]) as it:
        # Debian's python, which has it.
        done = subprocess.run(["/usr/bin/python3", "-c",
                               "import html5lib, sys\nparser = html5lib.HTMLParser()\nparser.parse(open(sys.argv[1], encoding='utf-8').read())\n"
                               "print(parser.errors[:9])", it.scratch / "page.html"], check=True, stdout=subprocess.PIPE, text=True)
        assert done.stdout == "[]\n", done.stdout


@behaviour
def page_fits_a_narrow_window_and_a_dark_one():
    with run(suite=MIXED, options=["--html=page.html"]) as it, Browser() as browser:
        page = browser.open(it.scratch / "page.html", width=400, height=800, dark=True)
        assert page("document.documentElement.scrollWidth") <= 400
        assert page("getComputedStyle(document.body).backgroundColor") == "rgb(21, 23, 26)"
        # Text that can be read: contrast of 4.5 at least, of outcomes and of what is less important.
        for theme in ("light", "dark"):
            page(f"document.documentElement.dataset.theme = '{theme}'")
            assert not page(CONTRASTS), (theme, page(CONTRASTS))


@behaviour
def page_has_room_for_names_at_every_width():
    with scratch() as directory, Browser() as browser:
        run_file = RunFile(directory / "made.export", 1)
        run_file.test("some/directory/with::a_test[that has a long name]", "fail", 0, REASON="because of a reason " * 20)
        run_file.finish(5000, "failed", fail=1)
        path = report(directory)
        for width in (320, 400, 640, 650, 700, 900, 1024, 1100, 1600):
            page = browser.open(path, width=width)
            name, table, window = page("['#table tbody td:nth-child(2)', '#table', '.window']"
                                       ".map(s => document.querySelector(s).getBoundingClientRect().width)")
            assert name > min(220, width / 4) and table <= window and page("document.documentElement.scrollWidth") <= width, (
                width, name, table, window)


# Names of colours of the page whose contrast with its ground is too small
CONTRASTS = """(() => {
        const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
        const luminance = name => {
                const probe = document.body.appendChild(document.createElement('i'));
                probe.style.color = `var(--${name})`;
                canvas.fillStyle = getComputedStyle(probe).color;
                probe.remove();
                canvas.fillRect(0, 0, 1, 1);
                const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map(c => c / 255)
                        .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const ground = ['ground', 'panel'].map(luminance);
        return ['ink', 'soft', 'accent', 'pass', 'fail', 'error', 'timeout', 'crash', 'oom', 'lost', 'skip', 'xfail', 'xpass', 'not-run']
                .filter(name => ground.some(g => {
                        const [a, b] = [luminance(name), g].sort((x, y) => y - x);
                        return (a + 0.05) / (b + 0.05) < 4.5;
                }));
})()"""
