/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * spawn-loop WIDTH COUNT PROGRAM [ARGUMENT…]: runs a program COUNT times, WIDTH at a time
 *
 * The least that a runner of programs can do: what tests/bench/run measures all others against. It knows
 * nothing, keeps nothing and reports nothing but that all of them ended with 0.
 */

#include <errno.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

static bool number_parse(const char *s, uintmax_t *ret) {
        char *end;

        errno = 0;
        *ret = strtoumax(s, &end, 10);
        return errno == 0 && *s >= '0' && *s <= '9' && *end == 0 && *ret > 0;
}

static int loop_run(uintmax_t width, uintmax_t count, char **argv) {
        uintmax_t n_started = 0, n_running = 0;
        bool good = true;

        while (n_started < count || n_running > 0) {
                if (n_started < count && n_running < width) {
                        pid_t pid;
                        int r = posix_spawn(&pid, argv[0], NULL, NULL, argv, environ);
                        if (r != 0) {
                                fprintf(stderr, "spawn-loop: %s: %s\n", argv[0], strerror(r));
                                return EXIT_FAILURE;
                        }
                        n_started++;
                        n_running++;
                        continue;
                }

                int status;
                if (waitpid(-1, &status, 0) < 0) {
                        fprintf(stderr, "spawn-loop: waitpid: %s\n", strerror(errno));
                        return EXIT_FAILURE;
                }
                n_running--;
                good = good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        }
        return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
        uintmax_t width, count;

        if (argc < 4 || !number_parse(argv[1], &width) || !number_parse(argv[2], &count)) {
                fprintf(stderr, "usage: spawn-loop WIDTH COUNT PROGRAM [ARGUMENT...]\n");
                return 2;
        }
        return loop_run(width, count, argv + 3);
}
