/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The program ptest: finds the verb and hands over to it
 *
 * What all verbs share is set up here: the locale of texts, the exit status of wrong use, open standard
 * streams, and that what was printed has really been written. Everything else is a verb's own.
 */

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/log.h"
#include "basic/macros.h"
#include "basic/text.h"
#include "cli/verb.h"
#include "config.h"

/* As in the table of exit statuses in ptest(1). */
#define EXIT_WRONG_USE 2
#define EXIT_MACHINERY 3

/* Further off than this, a name is no longer a slip of the fingers. */
#define SUGGESTION_DISTANCE_MAX 3

/* Longer words are not compared: no verb is nearly as long. */
#define WORD_LENGTH_MAX 15

typedef struct Verb {
        const char *name;
        int (*run)(int argc, char **argv);
        const char *invocation; /* what argp sees as the program's name */
        const char *summary;
} Verb;

/* In the order in which somebody new meets them. */
static const Verb VERBS[] = {
        {"run",      verb_run,     "ptest run",     "Run suites and judge them"             },
        { "list",    verb_list,    "ptest list",    "Print the addresses of a suite's tests"},
        { "runs",    verb_runs,    "ptest runs",    "List the runs that were recorded"      },
        { "results", verb_results, "ptest results", "Print how a run went"                  },
        { "log",     verb_log,     "ptest log",     "Print what a test wrote"               },
        { "report",  verb_report,  "ptest report",  "Make the reports of a run again"       },
        { "diff",    verb_diff,    "ptest diff",    "Compare a run with the one before it"  },
        { "history", verb_history, "ptest history", "Print how tests ended in many runs"    },
        { "flaky",   verb_flaky,   "ptest flaky",   "Print tests that cannot be relied on"  },
        { "slowest", verb_slowest, "ptest slowest", "Print where a run's time went"         },
        { "status",  verb_status,  "ptest status",  "Print what is running now"             },
        { "top",     verb_top,     "ptest top",     "Show what is running, again and again" },
        { "doctor",  verb_doctor,  "ptest doctor",  "Print what this machine can hold"      },
};

static const Verb *verb_find(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(VERBS); i++)
                if (strcmp(VERBS[i].name, name) == 0)
                        return VERBS + i;

        return NULL;
}

/* The number of letters to add, drop or change (Levenshtein); both words fit WORD_LENGTH_MAX. */
static unsigned word_distance(const char *a, const char *b) {
        unsigned row[WORD_LENGTH_MAX + 1];
        size_t length = strlen(b);

        for (size_t j = 0; j <= length; j++)
                row[j] = (unsigned)j;

        for (size_t i = 0; a[i] != '\0'; i++) {
                unsigned diagonal = row[0];

                row[0] = (unsigned)i + 1;
                for (size_t j = 0; j < length; j++) {
                        unsigned changed = diagonal + (a[i] != b[j]);

                        diagonal = row[j + 1];
                        row[j + 1] = MIN(changed, MIN(diagonal, row[j]) + 1);
                }
        }

        return row[length];
}

/* The verb that was probably meant, or NULL. */
static const Verb *verb_find_nearest(const char *name) {
        const Verb *nearest = NULL;
        unsigned best = SUGGESTION_DISTANCE_MAX + 1;

        if (strlen(name) > WORD_LENGTH_MAX)
                return NULL;

        for (size_t i = 0; i < ELEMENTSOF(VERBS); i++) {
                /* A beginning is nearer than any other word: "doc" means "doctor", not "log". */
                unsigned distance = text_starts_with(VERBS[i].name, name) ?
                                0 :
                                word_distance(name, VERBS[i].name);

                /* A word that shares no letter with the verb is as far off as the verb is long. */
                if (distance < best && distance < strlen(VERBS[i].name)) {
                        nearest = VERBS + i;
                        best = distance;
                }
        }

        return nearest;
}

static void help_print(FILE *f) {
        fputs("Usage: ptest VERB [OPTION...] [ARGUMENT...]\n"
              "Run test suites in parallel on supervised workers, and review their results.\n"
              "\n",
              f);

        for (size_t i = 0; i < ELEMENTSOF(VERBS); i++)
                fprintf(f, "  %-10s %s\n", VERBS[i].name, VERBS[i].summary);

        fputs("\n"
              "  help VERB  The same as ptest VERB --help\n"
              "  --version  Print the program's version\n"
              "\n"
              "See ptest(1) for all options, ptest.suite(5) for how to write a suite.\n",
              f);
}

static int verb_reject(const char *name) {
        const Verb *nearest = verb_find_nearest(name);

        if (nearest)
                log_error("Unknown verb \"%s\"; did you mean \"ptest %s\"?", name, nearest->name);
        else
                log_error("Unknown verb \"%s\"; \"ptest --help\" lists those that exist.", name);
        return EXIT_WRONG_USE;
}

static int verb_start(const Verb *verb, int argc, char **argv) {
        /* argp prints argv[0] in its usage texts, so it has to be what the user would type. */
        argv[0] = (char *)verb->invocation;
        /* Where it is all that was said it can only be that; argp knows --help and -?. */
        if (argc == 2 && strcmp(argv[1], "-h") == 0)
                argv[1] = (char *)"--help";
        return verb->run(argc, argv);
}

/* ptest help [VERB] */
static int help_run(int argc, char **argv) {
        const Verb *verb;

        if (argc < 2 || strcmp(argv[1], "help") == 0) {
                help_print(stdout);
                return 0;
        }

        verb = verb_find(argv[1]);
        if (!verb)
                return verb_reject(argv[1]);

        char *help[] = { NULL, (char *)"--help", NULL };
        return verb_start(verb, 2, help);
}

static int command_run(int argc, char **argv) {
        const Verb *verb;

        if (argc < 2) {
                help_print(stderr);
                return EXIT_WRONG_USE;
        }

        if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
                puts(argp_program_version);
                return 0;
        }
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
            strcmp(argv[1], "-?") == 0) {
                help_print(stdout);
                return 0;
        }
        if (strcmp(argv[1], "help") == 0)
                return help_run(argc - 1, argv + 1);
        if (argv[1][0] == '-') {
                log_error("Unknown option \"%s\"; options stand after the verb: ptest VERB %s",
                          argv[1],
                          argv[1]);
                return EXIT_WRONG_USE;
        }

        verb = verb_find(argv[1]);
        return verb ? verb_start(verb, argc - 1, argv + 1) : verb_reject(argv[1]);
}

/*
 * A standard stream that is closed would give its number to the first socket or file that is opened, and
 * the next message would be written into it.
 */
static int standard_streams_open(void) {
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
                if (fcntl(fd, F_GETFD) >= 0)
                        continue;
                /* The lowest number that is free is this one. */
                if (open("/dev/null", O_RDWR) < 0)
                        return log_error_errno(-errno, "Failed to open /dev/null: %m");
        }
        return 0;
}

/*
 * A full disk behind the redirected output must not look like success; where it does not, it was told. At exit, because
 * argp leaves by itself when it has printed its help.
 */
static void output_check(int status, void *userdata _unused_) {
        if ((fflush(stdout) != 0 || ferror(stdout)) && status == 0) {
                log_error("Failed to write to standard output.");
                _exit(EXIT_MACHINERY);
        }
}

int main(int argc, char **argv) {
        if (standard_streams_open() < 0)
                return EXIT_MACHINERY;
        /* A file that may not grow any more (ulimit -f) is as a full disk: told, and no sudden death. */
        (void)signal(SIGXFSZ, SIG_IGN);

        /* Only how characters look: numbers and messages are the same everywhere. */
        setlocale(LC_CTYPE, "");
        argp_program_version = "ptest " PTEST_VERSION;
        argp_err_exit_status = EXIT_WRONG_USE;

        if (on_exit(output_check, NULL) != 0)
                return EXIT_MACHINERY;
        return command_run(argc, argv);
}
