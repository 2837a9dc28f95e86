/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Listing: what is in a module, one JSON object a line
 *
 *      {"module": PATH, "abi": 1}
 *      {"context": "outer::inner", "parent": "outer", "mode": "whole|split|shared", "set_up": true, "tear_down": true,
 *       "set_up_timeout_usec": N, "tear_down_timeout_usec": N, "description": TEXT, "file": TEXT, "line": N}
 *      {"test": "outer::case[arg]", "context": "outer", "timeout_usec": N, "should_fail": "why", "tags": [...],
 *       "priority": N, "exclusive": true, "isolation": "none|process", "description": TEXT, "file": TEXT, "line": N}
 *      {"template": …}     as a test; it is not run by itself
 *      {"end": true, "contexts": N, "tests": N}
 *
 * What is the default is left out. Without the last line it is not whole: a constructor ended the process. Contexts
 * stand behind those around them or before them: read all first.
 */

/* Loads it into this process. What it prints goes to stderr. -ELIBBAD: why stands on stderr */
int module_list(const char *path);
