/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * ptest doctor: what this machine can hold, and why not
 *
 * It looks and tells; that something is missing is no failure of the verb, unless a backend was asked for that
 * cannot be used here at all.
 */

#include <argp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <jansson.h>

#include "backend/backend.h"
#include "backend/capability.h"
#include "basic/log.h"
#include "cli/verb.h"

#define DOCTOR_EXIT_GOOD      0
#define DOCTOR_EXIT_UNUSABLE  1
#define DOCTOR_EXIT_WRONG_USE 2
/* As run has it for a machinery that fails: here, no memory. */
#define DOCTOR_EXIT_MACHINERY 3

/* Narrower columns are not worth it. */
#define REASON_WIDTH_MIN 30

#define ANSI_GREEN  "\x1b[32m"
#define ANSI_YELLOW "\x1b[33m"
#define ANSI_BOLD   "\x1b[1m"
#define ANSI_NORMAL "\x1b[0m"

typedef struct DoctorArguments {
        BackendKind kind; /* BACKEND_KIND_INVALID: the best */
        bool json;
} DoctorArguments;

static const struct argp_option doctor_options[] = {
        {.name = "backend",
         .key = 'b',
         .arg = "KIND",
         .doc = "Look at this one: auto (the best that works; default), system, user or plain" },
        { .name = "json",     .key = 'j', .doc = "An object for machines" },
        {  },
};

static error_t doctor_on_option(int key, char *value, struct argp_state *state) {
        DoctorArguments *arguments = state->input;

        switch (key) {
        case 'b':
                arguments->kind = backend_kind_from_string(value);
                if (arguments->kind == BACKEND_KIND_INVALID && strcmp(value, "auto") != 0)
                        argp_error(state,
                                   "\"%s\" is no backend; there are auto, system, user and plain",
                                   value);
                break;
        case 'j':
                arguments->json = true;
                break;
        case ARGP_KEY_ARG:
                argp_error(state, "\"%s\" is too much: there are no arguments", value);
                break;
        default:
                return ARGP_ERR_UNKNOWN;
        }

        return 0;
}

static const struct argp doctor_argp = {
        .options = doctor_options,
        .parser = doctor_on_option,
        .doc = "Print what this machine can hold, and where it cannot, why and what would help.",
};

static bool stdout_has_color(void) {
        const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

        return isatty(STDOUT_FILENO) && !(no_color && no_color[0] != '\0') &&
                        !(term && strcmp(term, "dumb") == 0);
}

/* On a terminal; 0: lines are as long as they are. */
static int stdout_get_width(void) {
        struct winsize size;

        return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) >= 0 ? size.ws_col :
                                                                                       0;
}

/* The words of a text, in lines of at most that width that begin where the first one does. */
static void doctor_print_wrapped(const char *text, int indent, int width) {
        const int room = width - indent;
        int used = 0;

        if (room < REASON_WIDTH_MIN) {
                printf("%s\n", text);
                return;
        }
        while (*text) {
                const int n = (int)strcspn(text, " ");

                if (used > 0 && used + 1 + n > room) {
                        printf("\n%*s", indent, "");
                        used = 0;
                }
                used += printf("%s%.*s", used > 0 ? " " : "", n, text);
                text += n;
                text += strspn(text, " ");
        }
        putchar('\n');
}

/* Why it is this one, if there are better ones; and if this one does not work, why. */
static void doctor_print_kind(BackendKind kind, bool chosen, bool color, int columns) {
        _cleanup_free_ char *trouble = NULL;
        bool usable = backend_probe(kind, &trouble) >= 0;

        printf("Backend: %s%s%s%s%s\n",
               color ? ANSI_BOLD : "",
               backend_kind_to_string(kind),
               color ? ANSI_NORMAL : "",
               usable ? "" : ", which cannot be used here: ",
               usable                  ? "" :
                               trouble ?:
                                         "?");
        for (BackendKind better = BACKEND_SYSTEM; chosen && kind == BACKEND_PLAIN && better < kind;
             better++) {
                _cleanup_free_ char *reason = NULL;

                if (backend_probe(better, &reason) >= 0)
                        continue;
                doctor_print_wrapped(
                                reason ?: "?",
                                printf("Not %s: ", backend_kind_to_string(better)),
                                columns);
        }
        putchar('\n');
}

static void doctor_print(
                BackendKind kind, bool chosen, const Capability *capabilities, size_t count) {
        const int columns = stdout_get_width();
        bool color = stdout_has_color();
        int width = 0;

        for (size_t i = 0; i < count; i++)
                width = MAX(width, (int)strlen(capabilities[i].title));

        doctor_print_kind(kind, chosen, color, columns);
        for (size_t i = 0; i < count; i++) {
                const Capability *c = &capabilities[i];
                const char *start = c->holds ? ANSI_GREEN : ANSI_YELLOW;

                printf("%-*s  %s%-3s%s  ",
                       width,
                       c->title,
                       color ? start : "",
                       c->holds ? "yes" : "no",
                       color ? ANSI_NORMAL : "");
                doctor_print_wrapped(c->reason, width + 7, columns);
        }
}

static int doctor_print_json(BackendKind kind, const Capability *capabilities, size_t count) {
        _cleanup_(json_decrefp) json_t *list = json_array();

        for (size_t i = 0; i < count; i++) {
                const Capability *c = &capabilities[i];
                json_t *item = json_pack(
                                "{s:s, s:s, s:b, s:s}",
                                "name",
                                c->name,
                                "title",
                                c->title,
                                "holds",
                                c->holds,
                                "reason",
                                c->reason);

                if (!item || json_array_append_new(list, item) < 0)
                        return -1;
        }

        _cleanup_(json_decrefp) json_t *all = json_pack(
                        "{s:s, s:O}",
                        "backend",
                        backend_kind_to_string(kind),
                        "capabilities",
                        list);
        if (!all || json_dumpf(all, stdout, JSON_INDENT(2)) < 0)
                return -1;

        putchar('\n');
        return 0;
}

int verb_doctor(int argc, char **argv) {
        DoctorArguments arguments = { .kind = BACKEND_KIND_INVALID };
        Capability *capabilities = NULL;
        size_t count = 0;

        if (argp_parse(&doctor_argp, argc, argv, 0, NULL, &arguments) != 0)
                return DOCTOR_EXIT_WRONG_USE;

        BackendKind kind = arguments.kind == BACKEND_KIND_INVALID ? backend_find_best() :
                                                                    arguments.kind;

        int r = capability_probe(kind, &capabilities, &count);
        if (r < 0) {
                (void)log_error_errno(r, "Failed to look at this machine: %m");
                return DOCTOR_EXIT_MACHINERY;
        }

        if (arguments.json)
                r = doctor_print_json(kind, capabilities, count);
        else
                doctor_print(kind, arguments.kind == BACKEND_KIND_INVALID, capabilities, count);
        capability_free_many(capabilities, count);
        if (r < 0) {
                log_error("Failed to write the findings as JSON");
                return DOCTOR_EXIT_MACHINERY;
        }

        return backend_probe(kind, NULL) < 0 ? DOCTOR_EXIT_UNUSABLE : DOCTOR_EXIT_GOOD;
}
