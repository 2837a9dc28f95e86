# SPDX-License-Identifier: LGPL-2.1-or-later
"""A page in headless Chromium, driven through its debugging pipe.

    with Browser() as browser:
        page = browser.open(path)
        page.click("#search"); page.type("net"); page.press("Enter")
        assert page("document.title") == "…" and not page.complaints
"""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PATIENCE = 60

# What keys are called, and the text that they make.
KEYS = {"Enter": ("Enter", 13, "\r"), "Escape": ("Escape", 27, ""), "Tab": ("Tab", 9, ""),
        "ArrowDown": ("ArrowDown", 40, ""), "End": ("End", 35, "")}


def find_program():
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def make_pipe():
    """Descriptors that are not among the first, which the browser has of its own."""
    pipe = os.pipe()
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in pipe]
    for fd in pipe:
        os.close(fd)
    return high


class Browser:
    def __init__(self):
        program = find_program()
        assert program, f"none of {PROGRAMS} is here"
        self.directory = tempfile.mkdtemp(prefix="pt-browser.")
        commands, self.commands = make_pipe()
        self.events, events = make_pipe()
        # It reads from descriptor 3 and writes to 4.
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{commands} 4>&{events} {commands}<&- {events}>&-', "bash", program,
             "--remote-debugging-pipe", "--no-sandbox", "--headless", "--disable-gpu", "--no-first-run",
             "--disable-dev-shm-usage", "--disable-background-networking", f"--user-data-dir={self.directory}"],
            pass_fds=(commands, events), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, "HOME": self.directory}, start_new_session=True)
        os.close(commands)
        os.close(events)
        self.rest, self.number, self.pages = b"", 0, {}

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 9)
        self.process.wait()
        os.close(self.commands)
        os.close(self.events)
        shutil.rmtree(self.directory, ignore_errors=True)

    def read(self, end):
        """The next message; events go to their page."""
        while b"\0" not in self.rest:
            ready = select.select([self.events], [], [], max(end - time.monotonic(), 0))[0]
            assert ready, "the browser does not answer"
            data = os.read(self.events, 1 << 20)
            assert data, "the browser has ended"
            self.rest += data
        message, _, self.rest = self.rest.partition(b"\0")
        message = json.loads(message)
        if "id" not in message and message.get("sessionId") in self.pages:
            self.pages[message["sessionId"]].take(message["method"], message["params"])
        return message

    def call(self, method, session=None, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.commands, data):]
        end = time.monotonic() + PATIENCE
        while True:
            answer = self.read(end)
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def open(self, path, **kwargs):
        return Page(self, Path(path), **kwargs)


class Page:
    def __init__(self, browser, path, width=1200, height=900, dark=False, scripts=True):
        self.browser = browser
        self.complaints, self.requests, self.loaded = [], [], False
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        browser.pages[self.session] = self
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.call("Page.navigate", url=path.resolve().as_uri())
        end = time.monotonic() + PATIENCE
        while not self.loaded:
            browser.read(end)

    def call(self, method, **params):
        return self.browser.call(method, session=self.session, **params)

    def take(self, method, params):
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"])[:500])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(f"console: {json.dumps(params['args'])[:500]}")
        elif method == "Log.entryAdded":
            self.complaints.append(f"{params['entry']['level']}: {params['entry']['text']}")
        elif method == "Page.javascriptDialogOpening":
            self.complaints.append(f"dialog: {params['message']}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def __call__(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, (expression, answer["exceptionDetails"])
        return answer["result"].get("value")

    def texts(self, selector):
        return self(f"[...document.querySelectorAll({json.dumps(selector)})].map(e => e.innerText)")

    def settle(self):
        """Until what was asked for is painted."""
        self("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")

    def click(self, selector):
        self(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center', behavior: 'instant'}})")
        self.settle()
        box = self(f"(() => {{ const b = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
                   " return [b.x + b.width / 2, b.y + b.height / 2]; })()")
        self.click_at(*box)

    def move_to(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click_at(self, x, y):
        self.move_to(x, y)
        for what in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=what, x=x, y=y, button="left", clickCount=1)
        self.settle()

    def press(self, *keys):
        for key in keys:
            name, code, text = KEYS.get(key, (key, ord(key[0].upper()), key))
            self.call("Input.dispatchKeyEvent", type="keyDown", key=name, windowsVirtualKeyCode=code, text=text)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=name, windowsVirtualKeyCode=code)
        self.settle()

    def type(self, text):
        self.call("Input.insertText", text=text)
        self.settle()

    def screenshot(self, path, whole=True):
        data = self.call("Page.captureScreenshot", captureBeyondViewport=whole,
                         **({"clip": {**self.size(), "scale": 1}} if whole else {}))["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def size(self):
        box = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"x": 0, "y": 0, "width": box["width"], "height": min(box["height"], 16000)}

    def print(self, path):
        Path(path).write_bytes(base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"]))
