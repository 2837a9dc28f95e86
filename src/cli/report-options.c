/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/report-options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/log.h"
#include "basic/text.h"
#include "cli/option-value.h"

/* A number each of their own: the keys of a verb's options begin at 0x100. */
enum {
        OPTION_COLOR = 0x400,
        OPTION_GITHUB,
        OPTION_FORMATS, /* and the formats, from here on */
        OPTION_JUNIT = OPTION_FORMATS + REPORT_JUNIT,
        OPTION_TAP = OPTION_FORMATS + REPORT_TAP,
        OPTION_JSONL = OPTION_FORMATS + REPORT_JSONL,
        OPTION_SUBUNIT = OPTION_FORMATS + REPORT_SUBUNIT,
        OPTION_YOCTO = OPTION_FORMATS + REPORT_YOCTO,
        OPTION_HTML = OPTION_FORMATS + REPORT_HTML,
};

static const struct argp_option options_table[] = {
        {"quiet",                                  'q', NULL, 0, "Print failures and the last line only", 0 },
        { "verbose",                                    'v', NULL, 0, "Print a line for every test, and what workers do", 0 },
        { "color", OPTION_COLOR, "WHEN", 0, "auto (default), always or never", 0 },
        { "junit",
         OPTION_JUNIT, "FILE",
         0, "Write JUnit XML; - is stdout, for this and the next",
         0 },
        { "tap",
         OPTION_TAP, "FILE",
         OPTION_ARG_OPTIONAL, "Write TAP 13; without FILE to stdout",
         0 },
        { "jsonl",                                       OPTION_JSONL, "FILE", 0, "Write all events as JSON, one a line", 0 },
        { "subunit",                                       OPTION_SUBUNIT, "FILE", 0, "Write subunit v2", 0 },
        { "yocto",                                 OPTION_YOCTO, "FILE", 0, "Write a log as that of Yocto's ptest-runner", 0 },
        { "html",                                  OPTION_HTML, "FILE", 0, "Write a page to look at in a browser", 0 },
        { "github",
         OPTION_GITHUB, "WHEN",
         OPTION_ARG_OPTIONAL, "Annotations for GitHub: auto (if $GITHUB_ACTIONS is set), yes, no, or the file that gets them",
         0 },
        {                            }
};

static const char *const format_names[REPORT_FORMAT_MAX] = {
        [REPORT_JUNIT] = "junit",     [REPORT_TAP] = "tap",     [REPORT_JSONL] = "jsonl",
        [REPORT_SUBUNIT] = "subunit", [REPORT_YOCTO] = "yocto", [REPORT_HTML] = "html",
        [REPORT_GITHUB] = "github",
};

const char *report_format_to_string(ReportFormat format) {
        return format_names[format];
}

static int options_parse_color(ReportOptions *options, const char *arg) {
        static const char *const words[] = {
                [COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never"
        };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcmp(arg, words[i]) == 0) {
                        options->color = (ColorMode)i;
                        return 0;
                }
        return -EINVAL;
}

/* What is stdout anyway, "-" or "/dev/stdout", gets this report instead of the terminal's. */
static int options_parse_path(ReportOptions *options, ReportFormat format, const char *arg) {
        if (arg && !*arg)
                return -EINVAL;
        options->paths[format] = !arg || fd_is_path(STDOUT_FILENO, arg) ? "-" : arg;
        return 0;
}

static int options_parse_github(ReportOptions *options, const char *arg) {
        static const char *const words[] = { [REPORT_GITHUB_AUTO] = "auto",
                                             [REPORT_GITHUB_NO] = "no",
                                             [REPORT_GITHUB_YES] = "yes" };

        options->paths[REPORT_GITHUB] = NULL;
        options->github = REPORT_GITHUB_YES;
        if (!arg)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcmp(arg, words[i]) == 0) {
                        options->github = (ReportGithub)i;
                        return 0;
                }
        options->github = REPORT_GITHUB_NO;
        return options_parse_path(options, REPORT_GITHUB, arg);
}

/* "--tap results.tap" is meant as "--tap=results.tap", which is all that getopt knows of optional values. */
static char *options_take_tap_path(struct argp_state *state) {
        char *next = state->next < state->argc ? state->argv[state->next] : NULL;

        if (!next || (strcmp(next, "-") != 0 && (next[0] == '-' || !text_ends_with(next, ".tap"))))
                return NULL;
        state->next++;
        return next;
}

static int options_parse_value(
                ReportOptions *options, int key, const char *arg, const char **want) {
        switch (key) {
        case OPTION_COLOR:
                *want = "auto, always or never";
                return options_parse_color(options, arg);
        case OPTION_GITHUB:
                *want = "auto, yes, no or the path of a file";
                return options_parse_github(options, arg);
        default:
                *want = "the path of a file";
                return options_parse_path(options, (ReportFormat)(key - OPTION_FORMATS), arg);
        }
}

/* Two reports on one stream are none. */
static int options_check_stdout(const ReportOptions *options) {
        const char *first = NULL;

        for (ReportFormat format = 0; format < REPORT_FORMAT_MAX; format++) {
                if (!options->paths[format] || strcmp(options->paths[format], "-") != 0)
                        continue;
                if (first) {
                        log_error("--%s and --%s cannot both go to stdout; give one of them a file",
                                  first,
                                  format_names[format]);
                        return EINVAL;
                }
                first = format_names[format];
        }
        return 0;
}

static error_t options_parse_one(int key, char *arg, struct argp_state *state) {
        ReportOptions *options = state->input;
        const char *want = NULL;

        switch (key) {
        case 'q':
                options->verbosity = TERMINAL_QUIET;
                return 0;
        case 'v':
                if (options->verbosity == TERMINAL_VERBOSE)
                        log_set_level(LOG_DEBUG);
                options->verbosity = TERMINAL_VERBOSE;
                return 0;
        case ARGP_KEY_END:
                return options_check_stdout(options);
        case OPTION_TAP:
                arg = arg ?: options_take_tap_path(state);
                break;
        case OPTION_COLOR:
        case OPTION_GITHUB:
        case OPTION_JUNIT:
        case OPTION_JSONL:
        case OPTION_SUBUNIT:
        case OPTION_YOCTO:
        case OPTION_HTML:
                break;
        default:
                return ARGP_ERR_UNKNOWN;
        }
        if (options_parse_value(options, key, arg, &want) >= 0)
                return 0;
        return option_value_reject(options_table, key, arg, want);
}

const struct argp report_options_argp = { .options = options_table, .parser = options_parse_one };

bool report_options_want_terminal(const ReportOptions *options) {
        bool files = false;

        for (ReportFormat format = 0; format < REPORT_FORMAT_MAX; format++) {
                if (options->paths[format] && strcmp(options->paths[format], "-") == 0)
                        return false;
                files = files || options->paths[format];
        }
        return !files || !options->files_only || options->github == REPORT_GITHUB_YES;
}

bool report_options_want_annotations(const ReportOptions *options) {
        const char *actions = getenv("GITHUB_ACTIONS");

        if (!report_options_want_terminal(options))
                return false;
        if (options->github == REPORT_GITHUB_AUTO)
                return actions && actions[0] && strcmp(actions, "false") != 0;
        return options->github == REPORT_GITHUB_YES;
}
