/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <check.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/file.h"
#include "record/export.h"
#include "test-runner.h"

static char directory[] = "/tmp/ptest-unit-XXXXXX";
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static int server = -1;

static void bind_server(void) {
        server = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ck_assert_int_ge(server, 0);
        ck_assert_int_eq(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void setup(void) {
        ck_assert_ptr_nonnull(mkdtemp(directory));
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
        bind_server();
}

static void teardown(void) {
        server = fd_close(server);
        ck_assert_int_eq(dir_remove(directory), 0);
}

static void make_entry(Buffer *entry, size_t size) {
        *entry = (Buffer){};
        export_add_field(entry, "MESSAGE", "a\nb", 3);
        buffer_add_string(entry, "PTEST_STDOUT=");
        buffer_fill(entry, 'x', size);
        buffer_add(entry, "\n", 1);
        ck_assert_int_eq(buffer_error(entry), 0);
}

START_TEST(journal_without_journald_is_enoent)
{
        Journal *journal;

        ck_assert_int_eq(journal_new("/nowhere/at/all", &journal), -ENOENT);
}
END_TEST

START_TEST(journal_small_entry_is_one_datagram)
{
        Journal *journal;
        char data[500];
        Buffer entry;

        make_entry(&entry, 100);
        ck_assert_int_eq(journal_new(address.sun_path, &journal), 0);
        ck_assert_int_eq(journal_send(journal, &entry), 0);
        ck_assert_int_eq(recv(server, data, sizeof(data), 0), (ssize_t)entry.size);
        ck_assert_mem_eq(data, entry.data, entry.size);
        buffer_done(&entry);
        journal_free(journal);
}
END_TEST

START_TEST(journal_large_entry_goes_as_sealed_memfd)
{
        union {
                struct cmsghdr head;
                char space[CMSG_SPACE(sizeof(int))];
        } control;
        struct msghdr message = { .msg_control = &control, .msg_controllen = sizeof(control) };
        Journal *journal;
        Buffer entry;
        char *data;
        int fd;

        make_entry(&entry, 20000000);
        ck_assert_int_eq(journal_new(address.sun_path, &journal), 0);
        ck_assert_int_eq(journal_send(journal, &entry), 0);
        ck_assert_int_eq(recvmsg(server, &message, MSG_CMSG_CLOEXEC), 0);
        ck_assert_ptr_nonnull(CMSG_FIRSTHDR(&message));
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
        ck_assert_int_eq(
                        fcntl(fd, F_GET_SEALS),
                        F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
        data = malloc(entry.size);
        ck_assert_ptr_nonnull(data);
        ck_assert_int_eq(pread(fd, data, entry.size, 0), (ssize_t)entry.size);
        ck_assert_mem_eq(data, entry.data, entry.size);
        free(data);
        fd_close(fd);
        buffer_done(&entry);
        journal_free(journal);
}
END_TEST

START_TEST(journal_that_does_not_read_costs_one_wait_and_recovers)
{
        Journal *journal;
        uint64_t begin;
        char data[500];
        Buffer entry;
        int r;

        make_entry(&entry, 10);
        ck_assert_int_eq(journal_new(address.sun_path, &journal), 0);
        do
                r = journal_send(journal, &entry);
        while (r == 0);
        ck_assert_int_eq(r, -EAGAIN);

        /* With a wait each these would take more than an hour. */
        begin = clock_monotonic();
        for (unsigned i = 0; i < 5000; i++)
                ck_assert_int_eq(journal_send(journal, &entry), -EAGAIN);
        ck_assert_uint_lt(clock_monotonic() - begin, 300 * USEC_PER_SEC);

        while (recv(server, data, sizeof(data), 0) > 0)
                ;
        ck_assert_int_eq(journal_send(journal, &entry), 0);
        buffer_done(&entry);
        journal_free(journal);
}
END_TEST

START_TEST(journal_restarted_is_found_again)
{
        Journal *journal;
        char data[500];
        Buffer entry;

        make_entry(&entry, 10);
        ck_assert_int_eq(journal_new(address.sun_path, &journal), 0);
        server = fd_close(server);
        ck_assert_int_lt(journal_send(journal, &entry), 0);
        ck_assert_int_eq(unlink(address.sun_path), 0);
        ck_assert_int_lt(journal_send(journal, &entry), 0);
        bind_server();
        ck_assert_int_eq(journal_send(journal, &entry), 0);
        ck_assert_int_gt(recv(server, data, sizeof(data), 0), 0);
        buffer_done(&entry);
        journal_free(journal);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("record-journal");
        TCase *tcase = tcase_create("journal");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, journal_without_journald_is_enoent);
        tcase_add_test(tcase, journal_small_entry_is_one_datagram);
        tcase_add_test(tcase, journal_large_entry_goes_as_sealed_memfd);
        tcase_add_test(tcase, journal_that_does_not_read_costs_one_wait_and_recovers);
        tcase_add_test(tcase, journal_restarted_is_found_again);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
