/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Search, filters, sorting, keys and what is below the pointer. All of the page can be read without this. Text goes into
 * the page as text only: nothing here makes HTML of a string.
 */
"use strict";
(() => {
        const data = JSON.parse(document.getElementById("data").textContent);
        /* A row, as html.c writes it */
        const [NAME, OUTCOME, MARKS, TOOK, CPU, MEMORY, SLOT, GENERATION, ATTEMPT, BEGIN, CARD, REASON] = Array(12).keys();
        const BAD = ["fail", "xpass", "error", "timeout", "crash", "oom", "lost"];
        const get = id => document.getElementById(id);
        const rows = data.rows;

        function make(name, properties, ...children) {
                const element = document.createElement(name);

                for (const [key, value] of Object.entries(properties ?? {}))
                        if (key === "class")
                                element.className = value;
                        else
                                element.setAttribute(key, value);
                element.append(...children);
                return element;
        }

        /* ---- Numbers, as ptest prints them elsewhere ---- */

        function count(n) {
                return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
        }

        function pair(usec, unit, name, rest, restName) {
                const whole = Math.floor(usec / unit), part = Math.floor(usec % unit / rest);

                return usec % unit === 0 ? `${whole}${name}` : `${whole}${name} ${String(part).padStart(2, "0")}${restName}`;
        }

        function duration(usec) {
                const second = 1e6, minute = 60 * second, hour = 60 * minute, day = 24 * hour;

                if (usec < 0)
                        return "";
                if (usec >= day)
                        return pair(usec, day, "d", hour, "h");
                if (usec >= hour)
                        return pair(usec, hour, "h", minute, "min");
                if (usec >= minute)
                        return pair(usec, minute, "min", second, "s");
                if (usec >= second && usec % second !== 0)
                        return `${Math.floor(usec / second)}.${Math.floor(usec % second / 1e5)}s`;
                if (usec >= second || usec === 0)
                        return `${usec / second}s`;
                return usec >= 1000 ? `${Math.floor(usec / 1000)}ms` : `${usec}us`;
        }

        function size(bytes) {
                let unit = 0;

                if (bytes < 0)
                        return "–";
                while (unit < 6 && bytes >= 1024) {
                        bytes /= 1024;
                        unit++;
                }
                const tenths = Math.floor(bytes * 10 % 10);

                return Math.floor(bytes) + (tenths > 0 ? `.${tenths}` : "") + "BKMGTPE"[unit];
        }

        function words(row) {
                return data.marks.filter((word, i) => row[MARKS] & 1 << i);
        }

        function badge(row) {
                const outcome = data.outcomes[row[OUTCOME]];

                return make("span", { class: `badge o-${outcome}` }, outcome);
        }

        /* ---- The list: what is to be seen, and in which order ---- */

        const columns = [
                { title: "Outcome", value: row => BAD.indexOf(data.outcomes[row[OUTCOME]]) * -100 - row[OUTCOME] },
                { title: "Test", text: true },
                { title: "Took", value: row => row[TOOK], descends: true },
                { title: "CPU", value: row => row[CPU], descends: true },
                { title: "Memory", value: row => row[MEMORY], descends: true },
                { title: "Worker", value: row => row[SLOT] },
                { title: "Started", value: row => row[BEGIN] },
        ];
        const state = { query: "", outcomes: new Set(), marks: new Set(), column: -1, descends: false };
        const HEIGHT = 34; /* of a row, in pixels, as page.css has it */
        const PRINTED = 5000; /* rows, at most: more paper than anybody wants */
        const body = get("table").tBodies[0];
        const pane = get("window");
        const collator = new Intl.Collator(undefined, { numeric: true });
        let names = null; /* what is searched: made when it is needed first */
        let shown = rows.map((row, i) => i);
        let selected = 0;
        let painted = "";
        /* By name once, because comparing 100,000 names takes longer than a person likes to wait each time. */
        let ranks = null;

        function rank() {
                if (!ranks) {
                        const order = rows.map((row, i) => i).sort((a, b) => collator.compare(rows[a][NAME], rows[b][NAME]));

                        ranks = new Uint32Array(rows.length);
                        order.forEach((i, at) => { ranks[i] = at; });
                }
                return ranks;
        }

        function matches(i, terms) {
                const row = rows[i];

                if (state.outcomes.size > 0 && !state.outcomes.has(row[OUTCOME]))
                        return false;
                if (state.marks.size > 0 && ![...state.marks].some(mark => row[MARKS] & 1 << mark))
                        return false;
                return terms.every(term => names[i].includes(term));
        }

        function refresh() {
                const terms = state.query.toLowerCase().split(/\s+/).filter(term => term);
                const { column, descends } = state;

                names ??= rows.map(row => `${row[NAME]}\n${row[REASON]}`.toLowerCase());
                shown = [];
                for (let i = 0; i < rows.length; i++)
                        if (matches(i, terms))
                                shown.push(i);
                if (column >= 0) {
                        const keys = columns[column].text ? rank() : rows.map(columns[column].value);
                        const sign = descends ? -1 : 1;

                        shown.sort((a, b) => sign * (keys[a] - keys[b]) || a - b);
                }
                selected = 0;
                pane.scrollTop = 0;
                get("shown").textContent = (shown.length === rows.length ? "" : `${count(shown.length)} of `) +
                        `${count(rows.length)} ${rows.length === 1 ? "test" : "tests"}`;
                paint(true);
        }

        function cell(...children) {
                return make("td", null, ...children);
        }

        function line(at) {
                const row = rows[shown[at]];
                const name = cell(make("span", { class: "address" }, row[NAME]));

                for (const word of words(row))
                        name.append(make("span", { class: "mark" }, word));
                if (row[REASON])
                        name.append(make("span", { class: "why" }, row[REASON]));
                name.title = row[REASON] ? `${row[NAME]}\n${row[REASON]}` : row[NAME];
                return make("tr", { "data-at": at, tabindex: at === selected ? 0 : -1, "aria-rowindex": at + 2 },
                        cell(badge(row)), name, cell(duration(row[TOOK])), cell(duration(row[CPU])),
                        cell(row[TOOK] < 0 ? "" : size(row[MEMORY])), cell(row[SLOT] > 0 ? `w${row[SLOT]}` : ""),
                        cell(row[BEGIN] < 0 ? "" : `+${duration(row[BEGIN])}`));
        }

        function space(rows) {
                /* Of one column: on a narrow page there are not all of them. */
                const td = make("td");
                const tr = make("tr", { class: "space", "aria-hidden": "true" }, td);

                td.style.height = `${rows * HEIGHT}px`;
                tr.hidden = rows === 0;
                return tr;
        }

        /* Only what can be seen is there, with some rows before and behind it, and empty space instead of the rest. */
        function paint(anew, all = false) {
                /* It is never higher than what it is seen in, and has no height of its own yet when it is empty. */
                const fit = Math.ceil(innerHeight / HEIGHT);
                const first = all ? 0 : Math.max(0, Math.floor(pane.scrollTop / HEIGHT) - 10);
                const end = Math.min(shown.length, all ? PRINTED : first + fit + 20);
                const now = `${first} ${end}`;

                if (!anew && now === painted)
                        return;
                const focused = body.contains(document.activeElement);

                painted = now;
                body.replaceChildren(space(first), ...Array.from({ length: end - first }, (unused, i) => line(first + i)),
                        space(shown.length - end));
                if (shown.length === 0)
                        body.append(make("tr", { class: "none" }, cell(), cell(rows.length > 0 ? "No test is like that." : "There are none.")));
                get("table").setAttribute("aria-rowcount", shown.length + 1);
                if (focused)
                        body.querySelector(`[data-at="${selected}"]`)?.focus({ preventScroll: true });
        }

        function select(at) {
                if (shown.length === 0)
                        return;
                selected = Math.min(Math.max(at, 0), shown.length - 1);
                const top = selected * HEIGHT, head = get("table").tHead.offsetHeight;

                if (top < pane.scrollTop)
                        pane.scrollTop = top;
                if (top + HEIGHT + head > pane.scrollTop + pane.clientHeight)
                        pane.scrollTop = top + HEIGHT + head - pane.clientHeight;
                paint(true);
                body.querySelector(`[data-at="${selected}"]`)?.focus({ preventScroll: true });
        }

        function sortBy(column) {
                const first = columns[column].descends ?? false;

                /* Once, the other way, and back to the order in which tests ended. */
                if (state.column !== column)
                        Object.assign(state, { column, descends: first });
                else if (state.descends === first)
                        state.descends = !first;
                else
                        state.column = -1;
                [...get("table").tHead.rows[0].cells].forEach((th, i) => th.setAttribute("aria-sort",
                        i !== state.column ? "none" : state.descends ? "descending" : "ascending"));
                refresh();
        }

        function addFilter(set, value, word, n, style) {
                const button = make("button", { type: "button", class: style, "aria-pressed": "false" }, word, make("span", null, count(n)));

                button.addEventListener("click", () => {
                        if (!set.delete(value))
                                set.add(value);
                        button.setAttribute("aria-pressed", set.has(value));
                        refresh();
                });
                get("filters").append(button);
        }

        function addFilters() {
                const outcomes = data.outcomes.map(() => 0), marks = data.marks.map(() => 0);

                for (const row of rows) {
                        outcomes[row[OUTCOME]]++;
                        for (let i = 0; row[MARKS] >> i; i++)
                                marks[i] += row[MARKS] >> i & 1;
                }
                outcomes.forEach((n, i) => n > 0 && addFilter(state.outcomes, i, data.outcomes[i], n, `o-${data.outcomes[i]}`));
                marks.forEach((n, i) => n > 0 && addFilter(state.marks, i, data.marks[i], n, "of-mark"));
        }

        function clear() {
                state.query = get("search").value = "";
                state.outcomes.clear();
                state.marks.clear();
                for (const button of get("filters").children)
                        button.setAttribute("aria-pressed", "false");
                refresh();
        }

        /* ---- One test ---- */

        function addFacts(list, facts) {
                for (const [name, value] of facts)
                        if (value !== "" && value !== "–")
                                list.append(make("div", null, make("dt", null, name), make("dd", null, value)));
        }

        function quote(text) {
                return /^[\w./:@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
        }

        function showDetail(i) {
                const row = rows[i], card = row[CARD] >= 0 ? get(`c${row[CARD]}`) : null;
                const facts = make("dl", { class: "facts" });
                const content = get("detail-body");

                get("detail-title").replaceChildren(badge(row), " ", make("span", { class: "address" }, row[NAME]));
                content.replaceChildren();
                if (row[REASON])
                        content.append(make("p", { class: "reason" }, row[REASON]));
                if (card) {
                        content.append(card.querySelector(".body").cloneNode(true));
                } else {
                        addFacts(facts, [["Took", duration(row[TOOK])], ["CPU", duration(row[CPU])], ["Memory", size(row[MEMORY])],
                                ["Worker", row[SLOT] > 0 ? `${row[SLOT]}, generation ${row[GENERATION]}` : ""],
                                ["Started", row[BEGIN] < 0 ? "" : `${duration(row[BEGIN])} into the run`],
                                ["Attempt", row[ATTEMPT] > 1 ? String(row[ATTEMPT]) : ""], ["Marks", words(row).join(", ")]]);
                        content.append(facts, make("p", { class: "command" },
                                make("code", null, `ptest log --run=${data.run} ${row[NAME].startsWith("-") ? "-- " : ""}${quote(row[NAME])}`)));
                }
                get("detail").showModal();
        }

        /* ---- The timeline ---- */

        let lanes = null; /* by slot: its tests by their begin */

        function findTest(slot, at, slack) {
                if (!lanes) {
                        lanes = new Map();
                        rows.forEach((row, i) => {
                                if (row[BEGIN] >= 0 && row[SLOT] > 0)
                                        (lanes.get(row[SLOT]) ?? lanes.set(row[SLOT], []).get(row[SLOT])).push(i);
                        });
                        for (const lane of lanes.values())
                                lane.sort((a, b) => rows[a][BEGIN] - rows[b][BEGIN]);
                }
                const lane = lanes.get(slot) ?? [];
                let low = 0, high = lane.length;

                while (low < high) {
                        const middle = low + high >> 1;

                        if (rows[lane[middle]][BEGIN] <= at)
                                low = middle + 1;
                        else
                                high = middle;
                }
                const away = i => Math.max(rows[i][BEGIN] - at, at - rows[i][BEGIN] - rows[i][TOOK], 0);
                const near = lane.slice(Math.max(low - 1, 0), low + 1).filter(i => away(i) <= slack);

                return near.sort((a, b) => away(a) - away(b))[0] ?? -1;
        }

        function addTimeline() {
                const picture = get("lanes"), readout = get("readout");

                if (!picture)
                        return;
                const length = Number(picture.dataset.length);
                const below = event => {
                        const lane = event.target.closest(".lane[data-slot]"), svg = lane?.querySelector(".ran");

                        if (!svg)
                                return null;
                        const box = svg.getBoundingClientRect();
                        const at = (event.clientX - box.left) / box.width * length;

                        return { slot: Number(lane.dataset.slot), at, test: findTest(Number(lane.dataset.slot), at, length / box.width * 3) };
                };

                picture.addEventListener("pointermove", event => {
                        const found = below(event);

                        if (!found || found.at < 0) {
                                readout.replaceChildren();
                        } else if (found.test < 0) {
                                readout.replaceChildren(`w${found.slot} at ${duration(Math.floor(found.at))}: nothing`);
                        } else {
                                const row = rows[found.test];

                                readout.replaceChildren(badge(row), ` w${found.slot} `, make("b", { class: "address" }, row[NAME]),
                                        ` ${duration(row[TOOK])} from ${duration(row[BEGIN])}, ${size(row[MEMORY])}`);
                        }
                });
                picture.addEventListener("pointerleave", () => readout.replaceChildren());
                picture.addEventListener("click", event => {
                        const found = below(event);

                        if (found && found.test >= 0)
                                showDetail(found.test);
                });
        }

        /* ---- Keys ---- */

        const isOpen = () => document.querySelector("dialog[open]") !== null;
        /* Of the cards that are not folded away; the first that is folded opens what it is in. */
        let cards = null;
        let card = -1;

        function goToCard(step) {
                cards ??= [...document.querySelectorAll(".card")];
                const focused = cards.indexOf(document.activeElement?.closest(".card"));

                card = Math.min(Math.max((focused >= 0 ? focused : card) + step, 0), cards.length - 1);
                const target = cards[card], fold = target.closest("details.more");

                if (fold)
                        fold.open = true;
                target.firstElementChild.focus({ preventScroll: true });
                target.scrollIntoView({ block: "nearest", behavior: "instant" });
        }

        function step(by) {
                if (body.contains(document.activeElement) || document.querySelector(".card") === null)
                        select(body.contains(document.activeElement) ? selected + by : selected);
                else
                        goToCard(by);
        }

        function jump(id) {
                const section = get(id);

                if (!section)
                        return;
                section.scrollIntoView();
                if (id === "tests")
                        select(selected);
                else
                        section.querySelector("summary")?.focus({ preventScroll: true });
        }

        function toggleTheme() {
                const root = document.documentElement;
                const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

                root.dataset.theme = dark ? "light" : "dark";
                try {
                        localStorage.setItem("ptest-theme", root.dataset.theme);
                } catch (error) {
                        /* Then it holds until the page is left. */
                }
        }

        const keys = {
                "/": () => get("search").focus(),
                "j": () => step(1),
                "k": () => step(-1),
                "f": () => jump("failures"),
                "l": () => jump("timeline"),
                "t": () => jump("tests"),
                "d": toggleTheme,
                "?": () => get("help").showModal(),
                "Escape": clear,
        };

        function onKey(event) {
                const typing = event.target.closest("input, textarea, select");

                if (event.ctrlKey || event.metaKey || event.altKey || isOpen() || (typing && event.key !== "Escape"))
                        return;
                if (body.contains(event.target) && onRowKey(event.key)) {
                        event.preventDefault();
                        return;
                }
                if (typing)
                        event.target.blur();
                if (keys[event.key]) {
                        event.preventDefault();
                        keys[event.key]();
                }
        }

        function onRowKey(key) {
                const page = Math.floor(pane.clientHeight / HEIGHT) - 1;
                const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -rows.length, End: rows.length };

                if (key === "Enter" && shown.length > 0)
                        showDetail(shown[selected]);
                else if (key in steps)
                        select(selected + steps[key]);
                else
                        return false;
                return true;
        }

        /* ---- All of it ---- */

        function start() {
                columns.forEach((column, i) => {
                        const button = make("button", { type: "button" }, column.title);

                        button.addEventListener("click", () => sortBy(i));
                        get("table").tHead.rows[0].append(make("th", { scope: "col", "aria-sort": "none" }, button));
                });
                addFilters();
                addTimeline();
                get("browser").hidden = false;
                get("search").addEventListener("input", event => {
                        state.query = event.target.value;
                        refresh();
                });
                get("search").addEventListener("keydown", event => {
                        if (event.key === "Enter" || event.key === "ArrowDown") {
                                event.preventDefault();
                                select(0);
                        }
                });
                pane.addEventListener("scroll", () => paint(false), { passive: true });
                addEventListener("resize", () => paint(false));
                addEventListener("beforeprint", () => paint(true, true));
                addEventListener("afterprint", () => paint(true));
                body.addEventListener("click", event => {
                        const at = event.target.closest("tr")?.dataset.at;

                        if (at !== undefined && getSelection().isCollapsed) {
                                select(Number(at));
                                showDetail(shown[selected]);
                        }
                });
                document.addEventListener("keydown", onKey);
                get("theme").addEventListener("click", toggleTheme);
                get("keys").addEventListener("click", keys["?"]);
                for (const dialog of document.querySelectorAll("dialog"))
                        dialog.addEventListener("click", event => event.target === dialog && dialog.close());
                refresh();
        }

        start();
})();
