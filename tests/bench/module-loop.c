/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * module-loop MODULE COUNT TEST: runs one test of a module COUNT times in one module host
 *
 * What a worker's part of in-process tests costs without coordinator and wire: requests, the host's calls and its look
 * at what a test left, results.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/parse.h"
#include "worker/module-host.h"
#include "worker/module.h"

/* As many as a worker may hold. */
#define BATCH 256U

typedef struct Counts {
        uint64_t answered, passed;
} Counts;

static int counts_on_event(ModuleEvent *event, void *userdata) {
        Counts *counts = userdata;

        if (event->kind == MODULE_RESULT_TEST) {
                counts->answered++;
                counts->passed += event->result->outcome == PTEST_OUTCOME_PASS;
        }
        return 0;
}

static int loop_run(ModuleHost *host, const Counts *counts, uint64_t n, const char *test) {
        uint64_t submitted = 0;

        while (counts->answered < n) {
                struct pollfd fds[MODULE_HOST_FDS_MAX];
                int r;

                while (submitted < n && module_host_count_pending(host) < BATCH) {
                        r = module_host_submit(
                                        host,
                                        &(ModuleRequest){ .id = ++submitted,
                                                          .op = MODULE_OP_TEST,
                                                          .name = test });
                        if (r < 0)
                                return r;
                }
                r = module_host_dispatch(host);
                if (r < 0)
                        return r;
                module_host_get_fds(host, fds);
                if (module_host_count_pending(host) >= BATCH / 2)
                        (void)poll(fds, MODULE_HOST_FDS_MAX, 20);
        }
        return 0;
}

int main(int argc, char **argv) {
        ModuleHost *host = NULL;
        Counts counts = {};
        uint64_t n, start;
        int r;

        if (argc == 3 && strcmp(argv[1], MODULE_HOST_OPTION) == 0)
                return module_host_main(argc, argv);
        if (argc != 4 || parse_uint64(argv[2], &n) < 0 || n == 0) {
                fprintf(stderr, "usage: module-loop MODULE COUNT TEST\n");
                return 2;
        }
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
        r = module_host_new(
                        &(ModuleHostOptions){ .path = argv[1],
                                              .environment = environ,
                                              .output_max = 65536,
                                              .grace_usec = USEC_PER_SEC,
                                              .handler = counts_on_event,
                                              .userdata = &counts },
                        &host);
        start = clock_monotonic();
        if (r >= 0)
                r = loop_run(host, &counts, n, argv[3]);
        if (r < 0) {
                fprintf(stderr, "module-loop: %s\n", strerror(-r));
                return 1;
        }

        const double seconds = (double)(clock_monotonic() - start) / USEC_PER_SEC;

        printf("%" PRIu64 " tests, %" PRIu64 " passed, %u hosts, %.3f s, %.0f tests/s\n",
               counts.answered,
               counts.passed,
               module_host_count_starts(host),
               seconds,
               (double)n / seconds);
        module_host_free(host);
        return counts.passed == n ? 0 : 1;
}
