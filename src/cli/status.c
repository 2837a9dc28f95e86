/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * ptest status: what is running on this machine, now
 */

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/log.h"
#include "cli/status-client.h"
#include "cli/status-text.h"
#include "cli/verb.h"

typedef struct StatusArguments {
        const char *run; /* NULL: all */
        bool json;
} StatusArguments;

enum {
        OPTION_JSON = 0x100,
};

static const struct argp_option status_options[] = {
        {"json",                OPTION_JSON, NULL, 0, "As a JSON document", 0 },
        {},
};

static error_t status_on_option(int key, char *value, struct argp_state *state) {
        StatusArguments *arguments = state->input;

        switch (key) {
        case OPTION_JSON:
                arguments->json = true;
                break;
        case ARGP_KEY_ARG:
                if (state->arg_num > 0)
                        argp_error(state, "more than one run given");
                arguments->run = value;
                break;
        default:
                return ARGP_ERR_UNKNOWN;
        }
        return 0;
}

static const struct argp status_argp = {
        .options = status_options,
        .parser = status_on_option,
        .args_doc = "[RUN]",
        .doc = "Print the runs that are going on on this machine: how far they are, what runs, and what the workers do."
               "\vThose of this user; root sees those of all. RUN is the begin of a run's id or the name of a suite.",
};

static int status_print_json(json_t *all) {
        json_t *document = json_pack("{s:O}", "runs", all);
        int r = document ? json_dumpf(document, stdout, JSON_INDENT(2)) : -1;

        json_decref(document);
        if (r < 0)
                return -ENOMEM;
        putchar('\n');
        return 0;
}

static int status_print(const json_t *all) {
        _cleanup_(style_done) Style style = {};
        _cleanup_buffer_ Buffer text = {};

        style_init(&style, STDOUT_FILENO, COLOR_AUTO);
        status_text_add_all(&text, &style, style.tty ? style_get_columns(STDOUT_FILENO) : 0, all);
        if (buffer_error(&text) < 0)
                return buffer_error(&text);
        (void)fwrite(text.data, 1, text.size, stdout);
        return 0;
}

int verb_status(int argc, char **argv) {
        StatusArguments arguments = {};
        json_t *all = NULL;
        bool found;
        int r;

        if (argp_parse(&status_argp, argc, argv, 0, NULL, &arguments) != 0)
                return 2;
        r = status_collect(arguments.run, &all);
        if (r < 0) {
                log_error_errno(r, "Failed to find out what is running: %m");
                return 1;
        }
        found = json_array_size(all) > 0;
        if (arguments.json)
                r = status_print_json(all);
        else if (!found && arguments.run)
                log_error("No run \"%s\" is going on", arguments.run);
        else
                r = status_print(all);
        json_decref(all);
        if (r < 0) {
                log_error_errno(r, "Failed to print what is running: %m");
                return 1;
        }
        return found || !arguments.run ? 0 : 1;
}
