/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The start of a slot's worker: its page, its memory file, its socket, its process; then its gate is opened
 */

#include "coordinator/slot-internal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/log.h"
#include "basic/strv.h"

static void slot_on_held(BackendWorker *worker, void *userdata) {
        Slot *slot = userdata;

        if (slot->state != SLOT_HELD)
                return;
        (void)channel_hub_listen_again(slot->context->hub, false);
        slot_set_state(slot, SLOT_STARTING);
        if (send(slot->gate_fd, "g", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
                log_debug("worker %u.%u ended at its gate", slot->number, slot->generation);
}

static int slot_make_memory(const char *name, size_t size, int *ret_fd) {
        _cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC);

        if (fd < 0)
                return -errno;
        if (ftruncate(fd, (off_t)size) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int slot_prepare(Slot *slot) {
        int r;

        r = slot_make_memory("ptest-page", sizeof(PtestPage), &slot->page_fd);
        if (r < 0)
                return r;
        r = slot_make_memory("ptest-spill", 0, &slot->spill_fd);
        if (r < 0)
                return r;
        slot->page = mmap(
                        NULL,
                        sizeof(*slot->page),
                        PROT_READ | PROT_WRITE,
                        MAP_SHARED,
                        slot->page_fd,
                        0);
        if (slot->page == MAP_FAILED) {
                slot->page = NULL;
                return -errno;
        }
        return outbox_new(
                        slot->context->event,
                        slot->context->directory,
                        slot->number,
                        slot->generation,
                        slot->context->uid,
                        &slot->outbox);
}

/* In scopes weights do what can be done; processes can be nice. */
static int slot_add_polite(const SlotContext *context, char ***argv) {
        const SuiteSettings *settings = &context->suite->settings;
        int r;

        r = strv_extendf(argv, "--oom-score=%d", settings->worker_oom_score);
        if (r < 0 || backend_get_kind(context->backend) != BACKEND_PLAIN)
                return r;
        r = strv_extendf(argv, "--cpu-weight=%u", settings->worker_cpu_weight);
        return r < 0 ? r : strv_extendf(argv, "--io-weight=%u", settings->worker_io_weight);
}

static int slot_spawn(Slot *slot, int gate_fd) {
        static const BackendWorkerHandlers handlers = {
                .on_ready = slot_on_held,
                .on_gone = slot_on_gone,
                .on_lost = slot_on_lost,
        };
        const SlotContext *context = slot->context;
        const SuiteSettings *settings = &context->suite->settings;
        _cleanup_strv_ char **argv = NULL;
        int fds[] = { gate_fd, slot->page_fd, slot->spill_fd };
        int r;

        r = strv_extend(&argv, context->worker_path);
        if (r >= 0)
                r = strv_extendf(&argv, "--directory=%s", context->directory);
        if (r >= 0)
                r = strv_extendf(&argv, "--slot=%u", slot->number);
        if (r >= 0)
                r = strv_extendf(&argv, "--generation=%u", slot->generation);
        if (r >= 0 && context->user)
                r = strv_extendf(&argv, "--user=%s", context->user);
        if (r >= 0 && settings->recycle_after > 0)
                r = strv_extendf(&argv, "--recycle-after=%u", settings->recycle_after);
        if (r >= 0 && settings->recycle_memory != SIZE_INFINITY)
                r = strv_extendf(&argv, "--recycle-memory=%" PRIu64, settings->recycle_memory);
        if (r >= 0 && context->hands_back)
                r = strv_extend(&argv, "--hand-back");
        if (r >= 0 && settings->worker_set_up)
                r = strv_extendf(&argv, "--worker-set-up=%s", settings->worker_set_up);
        if (r >= 0 && context->places)
                r = strv_extendf(&argv, "--places=%s", context->places);
        if (r >= 0 && settings->no_test_cgroups)
                r = strv_extend(&argv, "--no-test-cgroups");
        if (r >= 0)
                r = slot_add_polite(context, &argv);
        if (r < 0)
                return r;
        return backend_start_worker(
                        context->backend,
                        &(BackendWorkerSpec){
                                        .slot = slot->number,
                                        .generation = slot->generation,
                                        .argv = argv,
                                        .fds = fds,
                                        .n_fds = ELEMENTSOF(fds),
                        },
                        &handlers,
                        slot,
                        &slot->worker);
}

int slot_start(Slot *slot) {
        _cleanup_close_ int theirs = -1;
        int pair[2], r;

        assert(slot->state == SLOT_EMPTY);

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        slot->gate_fd = pair[0];
        theirs = pair[1];
        slot->generation++;
        r = slot_prepare(slot);
        if (r >= 0)
                r = slot_spawn(slot, theirs);
        if (r < 0) {
                slot_clear(slot);
                return r;
        }
        slot->pid = backend_worker_get_pid(slot->worker);
        outbox_set_peer(slot->outbox, slot->pid, slot->context->uid);
        /* Held as it is, it has not used it yet. Tests are to find the limit that we were given. */
        (void)prlimit(slot->pid, RLIMIT_NOFILE, &slot->context->nofile, NULL);
        slot_set_state(slot, SLOT_HELD);
        return 0;
}
