/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/page.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>

int page_map(int fd, PtestPage **ret) {
        struct stat st;
        void *page = NULL;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(PtestPage))
                return -EBADF;
        page = mmap(NULL, sizeof(PtestPage), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (page == MAP_FAILED)
                return -errno;
        *ret = page;
        return 0;
}

/* Who reads a task's id reads the fields of that task: the id comes last at a start, and goes first at an end. */

void page_note_start(PtestPage *page, uint64_t task_id, uint64_t now) {
        __atomic_store_n(&page->started_usec, now, __ATOMIC_RELEASE);
        if (__atomic_load_n(&page->task_id, __ATOMIC_ACQUIRE) == task_id)
                return;
        __atomic_fetch_add(&page->started_count, 1, __ATOMIC_RELEASE);
        __atomic_store_n(&page->task_id, task_id, __ATOMIC_RELEASE);
}

void page_note_leader(PtestPage *page, int64_t pid) {
        __atomic_store_n(&page->leader_pid, pid, __ATOMIC_RELEASE);
}

void page_note_idle(PtestPage *page) {
        __atomic_store_n(&page->task_id, 0, __ATOMIC_RELEASE);
}

void page_note_time(PtestPage *page, uint64_t now) {
        __atomic_store_n(&page->started_usec, now, __ATOMIC_RELEASE);
}

void page_note_unstarted(PtestPage *page, uint64_t task_id) {
        if (__atomic_load_n(&page->task_id, __ATOMIC_ACQUIRE) == task_id)
                page_note_idle(page);
        else
                __atomic_fetch_add(&page->started_count, 1, __ATOMIC_RELEASE);
}

void page_undo_start(PtestPage *page, uint64_t task_id) {
        if (__atomic_load_n(&page->task_id, __ATOMIC_ACQUIRE) != task_id)
                return;
        page_note_idle(page);
        __atomic_fetch_sub(&page->started_count, 1, __ATOMIC_RELEASE);
}

void page_note_sent(PtestPage *page) {
        __atomic_fetch_add(&page->finished_count, 1, __ATOMIC_RELEASE);
}

void page_note_end(PtestPage *page) {
        __atomic_store_n(&page->task_id, 0, __ATOMIC_RELEASE);
        __atomic_store_n(&page->leader_pid, 0, __ATOMIC_RELEASE);
        __atomic_fetch_add(&page->finished_count, 1, __ATOMIC_RELEASE);
}
