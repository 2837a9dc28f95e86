/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "coordinator/cores.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/file.h"
#include "basic/strv.h"
#include "test-runner.h"

static const char said[] =
                "           PID: 7 (x)\n"
                "        Signal: 11 (SEGV)\n"
                "       Message: Process 7 (x) of user 0 dumped core.\n"
                "                \n"
                "                Stack trace of thread 7:\n"
                "                #0  0x01 inner (/x + 0x1)\n"
                "                #1  0x02 outer (/x + 0x2)\n"
                "                ELF object binary architecture: AMD x86-64\n"
                "                Stack trace of thread 8:\n"
                "                #0  0x03 other (/x + 0x3)\n";

static char directory[] = "/tmp/ptest-unit-cores-XXXXXX";
static char *program;
static sd_event *event_loop;
static Cores *cores;
static unsigned n_done;
static char **frames; /* of the last one */

static void on_done(Event *event, void *userdata) {
        n_done++;
        strv_free(frames);
        frames = strv_copy(event->result->backtrace);
        event_free(event);
        if (userdata)
                sd_event_exit(event_loop, 0);
}

static void make_program(const char *script) {
        _cleanup_close_ int fd = open(program, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fd_write_all(fd, script, strlen(script)), 0);
}

static void cores_make(void) {
        ck_assert_int_ge(sd_event_new(&event_loop), 0);
        ck_assert_int_eq(cores_new_with(event_loop, program, on_done, &n_done, &cores), 0);
        n_done = 0;
}

static void cores_drop(void) {
        cores = cores_free(cores);
        event_loop = sd_event_unref(event_loop);
}

static void set_up(void) {
        ck_assert_ptr_nonnull(mkdtemp(directory));
        ck_assert_int_eq(setenv("SAID", said, 1), 0);
        ck_assert_int_eq(setenv("PLACE", directory, 1), 0);
        ck_assert_int_eq(path_join(directory, "coredumpctl", &program), 0);
        cores_make();
}

static void tear_down(void) {
        cores_drop();
        strv_free(frames);
        free(program);
        ck_assert_int_eq(dir_remove(directory), 0);
}

static Event *make_event(bool core_dumped) {
        Event *event = NULL;

        ck_assert_int_eq(event_new(EVENT_TEST_FINISHED, SD_ID128_NULL, "s", &event), 0);
        ck_assert_int_eq(result_new("a", &event->result), 0);
        event->result->core_dumped = core_dumped;
        event->result->pid = 7;
        event->result->start_usec = 1234 * USEC_PER_SEC;
        return event;
}

static void check_frames(void) {
        ck_assert_uint_eq(strv_length(frames), 5);
        ck_assert_str_eq(frames[0], "Stack trace of thread 7:");
        ck_assert_str_eq(frames[1], "#0  0x01 inner (/x + 0x1)");
        ck_assert_str_eq(frames[4], "#0  0x03 other (/x + 0x3)");
}

START_TEST(what_has_no_core_does_not_wait)
{
        Event *event = make_event(false);

        ck_assert(!cores_keep(cores, event));
        event->result->core_dumped = true;
        event->result->pid = 0;
        ck_assert(!cores_keep(cores, event));
        event_free(event);
        ck_assert_uint_eq(n_done, 0);
}
END_TEST

START_TEST(without_a_program_nothing_waits)
{
        Event *event = make_event(true);
        Cores *none = NULL;

        ck_assert_int_eq(cores_new_with(event_loop, NULL, on_done, NULL, &none), 0);
        ck_assert(!cores_keep(none, event));
        cores_free(none);
        event_free(event);
}
END_TEST

/* Where the machine stands still it is not told in time, which is no mistake: then all of it once more. */
static void ask_until_told(unsigned n, void (*wait)(void)) {
        _cleanup_free_ char *asked = NULL;

        ck_assert_int_eq(path_join(directory, "asked", &asked), 0);
        for (unsigned i = 0; i < 20 && strv_length(frames) == 0; i++) {
                cores_drop();
                cores_make();
                (void)unlink(asked);
                for (unsigned k = 0; k < n; k++)
                        ck_assert(cores_keep(cores, make_event(true)));
                wait();
                ck_assert_uint_eq(n_done, n);
        }
        check_frames();
}

static void wait_in_loop(void) {
        ck_assert_int_ge(sd_event_loop(event_loop), 0);
}

static void wait_without_loop(void) {
        cores_finish(cores);
}

START_TEST(stacks_become_the_backtrace)
{
        make_program("#!/bin/sh\necho \"$*\" >$PLACE/arguments; printf %s \"$SAID\"\n");
        ask_until_told(1, wait_in_loop);

        _cleanup_free_ char *path = NULL, *arguments = NULL;

        ck_assert_int_eq(path_join(directory, "arguments", &path), 0);
        ck_assert_int_eq(file_read(path, 1000, &arguments, NULL), 0);
        ck_assert_str_eq(arguments, "--no-pager --since=@1234 info 7\n");
}
END_TEST

START_TEST(it_is_asked_again_until_it_is_known)
{
        make_program("#!/bin/sh\nif [ -e $PLACE/asked ]; then printf %s \"$SAID\"; else >$PLACE/asked; exit 1; fi\n");
        ask_until_told(1, wait_in_loop);
}
END_TEST

START_TEST(what_hangs_is_waited_for_a_bounded_time)
{
        const uint64_t begin = clock_monotonic();

        make_program("#!/bin/sh\nexec sleep 1000\n");
        ck_assert(cores_keep(cores, make_event(true)));
        ck_assert_int_ge(sd_event_loop(event_loop), 0);
        ck_assert_uint_eq(n_done, 1);
        ck_assert_uint_eq(strv_length(frames), 0);
        ck_assert_uint_lt(clock_monotonic() - begin, 200 * USEC_PER_SEC);
}
END_TEST

START_TEST(at_the_end_they_are_waited_for_without_a_loop)
{
        make_program("#!/bin/sh\nprintf %s \"$SAID\"\n");
        ask_until_told(2, wait_without_loop);
}
END_TEST

START_TEST(what_still_waits_is_dropped_with_it)
{
        make_program("#!/bin/sh\nexec sleep 1000\n");
        ck_assert(cores_keep(cores, make_event(true)));
        cores = cores_free(cores);
        ck_assert_uint_eq(n_done, 0);
}
END_TEST

START_TEST(parse_takes_stacks_only)
{
        char **lines = NULL;

        ck_assert_int_eq(cores_parse("#0 not in a stack\nnothing\n", &lines), 0);
        ck_assert_ptr_null(lines);
        ck_assert_int_eq(cores_parse("", &lines), 0);
        ck_assert_ptr_null(lines);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("coordinator/cores");
        TCase *tcase = tcase_create("cores");

        tcase_add_checked_fixture(tcase, set_up, tear_down);
        tcase_add_test(tcase, what_has_no_core_does_not_wait);
        tcase_add_test(tcase, without_a_program_nothing_waits);
        tcase_add_test(tcase, stacks_become_the_backtrace);
        tcase_add_test(tcase, it_is_asked_again_until_it_is_known);
        tcase_add_test(tcase, what_hangs_is_waited_for_a_bounded_time);
        tcase_add_test(tcase, at_the_end_they_are_waited_for_without_a_loop);
        tcase_add_test(tcase, what_still_waits_is_dropped_with_it);
        tcase_add_test(tcase, parse_takes_stacks_only);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
