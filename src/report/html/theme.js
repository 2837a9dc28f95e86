/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Before anything is painted: that there are scripts, and the theme that was chosen last. */
"use strict";
document.documentElement.classList.add("script");
try {
        const theme = localStorage.getItem("ptest-theme");

        if (theme === "light" || theme === "dark")
                document.documentElement.dataset.theme = theme;
} catch (error) {
        /* A page in a sandbox has no storage; then the system's theme it is. */
}
