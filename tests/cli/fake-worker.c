/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A worker that does not keep to the protocol, in the way that FAKE_WORKER says; with PTEST_WORKER it takes
 * the place of ptest-worker. Words of FAKE_WORKER:
 *
 *      exit-held       ends before its gate opens
 *      exit-early      ends before it says hello
 *      mute            never says hello
 *      version         speaks another version of the protocol
 *      other-slot      says that it is another worker
 *      garbage         answers its first task with bytes that are no message
 *      oversized       answers its first task with a message above the limit
 *      late            sends each result twice, and one for a task that it never had
 *      skip-ahead      sends the result of its second task first
 *      stuck           takes tasks and says nothing more; ignores SIGTERM
 *      exit-task       ends at its first task
 *      good            passes every test at once
 *      spent           is spent with its first result, and drops what else it holds
 *      spent-exit      the same, and ends without a word
 *      spent-lies      the same, and passes every other test all the same
 *      found           each test finds two more, those that were found excepted
 *      found-twice     the same, and names each of them three times
 *      found-flood     the same with 20 times 1000
 *      found-bad       finds what makes no address
 *      found-other     finds tests for a task that it does not have
 *      found-late      finds tests for one whose result it has sent
 *
 * With FAKE_WORKER_ONCE=FILE all but the first worker of the run, which makes the file, are good.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "wire/channel.h"
#include "wire/message.h"

#define SEND_TIMEOUT (5 * USEC_PER_SEC)

typedef struct Fake {
        const char *mode;
        const char *directory;
        unsigned slot, generation;
        ChannelWorker *channel;
        PtestPage *page;
        bool spent;
} Fake;

static bool fake_is(const Fake *fake, const char *mode) {
        return strcmp(fake->mode, mode) == 0;
}

static void fake_send(Fake *fake, const Message *message) {
        _cleanup_free_ void *data = NULL;
        size_t size;

        if (message_pack(message, &data, &size) < 0 ||
            channel_worker_send(fake->channel, data, size, SEND_TIMEOUT) < 0)
                _exit(20);
}

/* Names that begin so, numbered from first on, each with an argument. */
static void fake_find(Fake *fake, uint64_t id, const char *name, unsigned first, unsigned n) {
        char **items[PTEST_FOUND_MAX];
        Message message = {
                .kind = MESSAGE_FOUND, .found = {.id = id, .items = items, .n_items = n}
        };

        for (unsigned i = 0; i < n; i++) {
                items[i] = NULL;
                if (strv_extendf(&items[i], "%s%u", name, first + i) < 0 ||
                    strv_extend(&items[i], "an argument") < 0)
                        _exit(23);
        }
        fake_send(fake, &message);
        for (unsigned i = 0; i < n; i++)
                strv_free(items[i]);
}

/* What the mode says that this test finds. */
static void fake_find_for(Fake *fake, const Task *task) {
        char *const bad[] = { (char *)"two\nlines", NULL };
        char **const bad_items[] = { (char **)bad };

        if (!task->test->finds || strstr(task->test->address, "::"))
                return;
        if (fake_is(fake, "found") || fake_is(fake, "found-twice"))
                fake_find(fake, task->id, "f", 1, 2);
        for (unsigned i = 0; i < 2 && fake_is(fake, "found-twice"); i++)
                fake_find(fake, task->id, "f", 1, 2);
        for (unsigned i = 0; i < 20 && fake_is(fake, "found-flood"); i++)
                fake_find(fake, task->id, "f", 1 + i * 1000, 1000);
        if (fake_is(fake, "found-other"))
                fake_find(fake, task->id + 1000000, "f", 1, 2);
        if (fake_is(fake, "found-bad"))
                fake_send(fake,
                          &(Message){
                                          .kind = MESSAGE_FOUND,
                                          .found = {.id = task->id,
                                                    .items = (char ***)bad_items,
                                                    .n_items = 1}
                });
}

static void fake_finish(Fake *fake, uint64_t id) {
        Result *result;

        if (result_new("", &result) < 0)
                _exit(21);
        fake_send(fake,
                  &(Message){
                                  .kind = MESSAGE_FINISHED,
                                  .finished = {.id = id,
                                               .result = result,
                                               .spent = fake->spent}
        });
        result_free(result);
}

static void fake_start(Fake *fake, uint64_t id) {
        __atomic_store_n(
                        &fake->page->started_count,
                        fake->page->started_count + 1,
                        __ATOMIC_RELEASE);
        __atomic_store_n(&fake->page->started_usec, clock_monotonic(), __ATOMIC_RELEASE);
        __atomic_store_n(&fake->page->task_id, id, __ATOMIC_RELEASE);
}

/* So that _exit() does not overtake what was sent. */
static void fake_wait(void) {
        (void)poll(NULL, 0, 200);
}

static void fake_on_tasks(Fake *fake, const Message *message) {
        static char bytes[2 * PTEST_MESSAGE_SIZE_MAX];
        size_t n = message->tasks.n_items;

        if (fake_is(fake, "exit-task"))
                _exit(7);
        if (fake_is(fake, "garbage") || fake_is(fake, "oversized")) {
                size_t size = fake_is(fake, "garbage") ? 100 : sizeof(bytes);

                fake_start(fake, message->tasks.items[0].id);
                memset(bytes, 0xc1, sizeof(bytes));
                (void)channel_worker_send(fake->channel, bytes, size, SEND_TIMEOUT);
                return;
        }
        if (fake_is(fake, "skip-ahead") && n > 1)
                fake_finish(fake, message->tasks.items[1].id);
        for (size_t i = 0; i < n; i++) {
                const Task *task = &message->tasks.items[i];
                uint64_t id = task->id;

                if (fake->spent && task->role != PTEST_ROLE_TEAR_DOWN &&
                    !fake_is(fake, "spent-lies"))
                        continue;
                fake_start(fake, id);
                if (fake_is(fake, "stuck"))
                        return;
                fake_find_for(fake, task);
                __atomic_store_n(&fake->page->task_id, 0, __ATOMIC_RELEASE);
                fake->spent = text_starts_with(fake->mode, "spent") &&
                                task->role == PTEST_ROLE_TEST;
                fake_finish(fake, id);
                if (fake->spent && fake_is(fake, "spent-exit")) {
                        fake_wait();
                        _exit(0);
                }
                if (fake_is(fake, "found-late"))
                        fake_find(fake, id, "f", 1, 2);
                if (!fake_is(fake, "late"))
                        continue;
                fake_finish(fake, id);
                fake_finish(fake, id + 1000000);
        }
}

/* false: to end */
static bool fake_on_message(Fake *fake, const Message *message) {
        switch (message->kind) {
        case MESSAGE_TASKS:
                fake_on_tasks(fake, message);
                return true;
        case MESSAGE_STOP:
                if (message->stop.now)
                        return false;
                fake_send(fake, &(Message){ .kind = MESSAGE_BYE });
                return true;
        default:
                return true;
        }
}

static void fake_hello(Fake *fake) {
        fake_send(
                        fake,
                        &(Message) {
                                .kind = MESSAGE_HELLO,
                                .hello = {
                                        .version = fake_is(fake, "version") ? 99 : PTEST_PROTOCOL_VERSION,
                                        .slot = fake->slot + fake_is(fake, "other-slot"),
                                        .generation = fake->generation,
                                        .pid = getpid(),
                                },
                        });
}

static void fake_parse(Fake *fake, int argc, char **argv) {
        for (int i = 1; i < argc; i++) {
                const char *value = strchr(argv[i], '=');

                if (!value)
                        continue;
                if (text_starts_with(argv[i], "--directory="))
                        fake->directory = value + 1;
                else if (text_starts_with(argv[i], "--slot="))
                        (void)parse_unsigned(value + 1, UINT32_MAX, &fake->slot);
                else if (text_starts_with(argv[i], "--generation="))
                        (void)parse_unsigned(value + 1, UINT32_MAX, &fake->generation);
        }
}

static const char *fake_choose_mode(void) {
        const char *mode = getenv("FAKE_WORKER"), *once = getenv("FAKE_WORKER_ONCE");
        int fd;

        if (!mode)
                return "good";
        if (!once)
                return mode;
        fd = open(once, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
        if (fd < 0)
                return "good";
        (void)close(fd);
        return mode;
}

static void fake_loop(Fake *fake) {
        struct pollfd fds[] = {
                {.fd = PTEST_GATE_FD,                         .events = POLLIN},
                { .fd = channel_worker_get_fd(fake->channel), .events = POLLIN},
        };

        for (;;) {
                _cleanup_(message_freep) Message *message = NULL;
                _cleanup_free_ void *data = NULL;
                size_t size;

                if (poll(fds, ELEMENTSOF(fds), -1) < 0 && errno != EINTR)
                        return;
                if (fds[0].revents)
                        return;
                if (channel_worker_receive(fake->channel, &data, &size) < 0)
                        continue;
                if (message_unpack(data, size, PTEST_MESSAGE_SIZE_MAX, &message) < 0)
                        return;
                if (!fake_on_message(fake, message))
                        return;
        }
}

int main(int argc, char **argv) {
        Fake fake = { .mode = fake_choose_mode() };
        char byte;

        fake_parse(&fake, argc, argv);
        if (fake_is(&fake, "exit-held"))
                _exit(5);
        if (fake_is(&fake, "stuck"))
                (void)signal(SIGTERM, SIG_IGN);
        if (read(PTEST_GATE_FD, &byte, 1) != 1 || fake_is(&fake, "exit-early"))
                _exit(6);
        fake.page = mmap(
                        NULL,
                        sizeof(*fake.page),
                        PROT_READ | PROT_WRITE,
                        MAP_SHARED,
                        PTEST_PAGE_FD,
                        0);
        if (fake.page == MAP_FAILED ||
            channel_worker_new(fake.directory, fake.slot, fake.generation, &fake.channel) < 0)
                _exit(22);
        if (!fake_is(&fake, "mute"))
                fake_hello(&fake);
        fake_loop(&fake);
        fake_wait();
        _exit(0);
}
