/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/prune.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "ptest/journal.h"
#include "record/run-file-format.h"
#include "record/run-file-reader.h"
#include "record/run-file.h"
#include "record/source.h"
#include "record/state.h"

/* What the run that writes this file takes its tests or results from. */
static int pins_add_origin(char ***pins, const char *path) {
        _cleanup_(run_file_reader_freep) RunFileReader *reader = NULL;
        _cleanup_(record_freep) Record *record = NULL;
        const char *origin;
        int r;

        r = record_new(&record);
        if (r < 0)
                return r;
        r = run_file_reader_new(path, SOURCE_WITHOUT_OUTPUT | SOURCE_WITHOUT_LISTS, &reader);
        if (r >= 0)
                r = run_file_reader_read(reader, record);
        if (r <= 0)
                return r == -ENOMEM ? r : 0;
        strv_free(run_file_reader_take_problems(reader));
        origin = record_get(record, PTEST_FIELD_RESUMES);
        r = origin ? strv_extend(pins, origin) : 0;
        origin = record_get(record, PTEST_FIELD_RERUN_OF);
        return r < 0 || !origin ? r : strv_extend(pins, origin);
}

/* Only a file that is not closed can be one that is written. */
static int pins_collect(const StateRuns *runs, char ***ret) {
        _cleanup_strv_ char **pins = NULL;

        for (size_t i = 0; i < runs->n_runs; i++) {
                const char *path = runs->runs[i].path;
                int r = 0;

                if (!text_ends_with(path, RUN_FILE_COMPRESSED_SUFFIX) &&
                    run_file_is_written(path) > 0)
                        r = pins_add_origin(&pins, path);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(pins);
        return 0;
}

/* With the writer's lock, so that it cannot be one that begins to write it just now. */
static bool run_remove(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);

        if (fd < 0)
                return false;
        if (fcntl(fd, F_OFD_SETLK, &(struct flock){ .l_type = F_WRLCK }) < 0 &&
            (errno == EAGAIN || errno == EACCES))
                return false;
        return unlink(path) >= 0;
}

/* The plain file that a crash left beside the compressed one would become a run again. */
static bool run_remove_both(const char *path) {
        _cleanup_free_ char *plain = NULL;

        if (text_ends_with(path, RUN_FILE_COMPRESSED_SUFFIX)) {
                plain = strndup(path, strlen(path) - strlen(RUN_FILE_COMPRESSED_SUFFIX));
                if (!plain || (access(plain, F_OK) >= 0 && !run_remove(plain)))
                        return false;
        }
        return run_remove(path);
}

/* ".NAME.export.zst.new", whose writer is gone */
static void remove_unfinished(const char *directory) {
        static const char suffix[] = RUN_FILE_COMPRESSED_SUFFIX RUN_FILE_UNFINISHED_SUFFIX;
        DIR *dir = opendir(directory);
        const struct dirent *entry;

        while (dir && (entry = readdir(dir))) {
                _cleanup_free_ char *path = NULL, *plain = NULL;
                size_t size = strlen(entry->d_name);

                if (entry->d_name[0] != '.' || !text_ends_with(entry->d_name, suffix))
                        continue;
                if (asprintf(&plain,
                             "%s/%.*s",
                             directory,
                             (int)(size - strlen(suffix) - 1),
                             entry->d_name + 1) < 0)
                        plain = NULL;
                if (plain && path_join(directory, entry->d_name, &path) >= 0 &&
                    run_file_is_written(plain) <= 0)
                        (void)unlink(path);
        }
        if (dir)
                closedir(dir);
}

int runs_prune(const char *state_dir,
               const char *suite,
               const KeepRuns *keep,
               size_t *ret_removed) {
        _cleanup_(state_runs_done) StateRuns runs = {};
        _cleanup_free_ char *directory = NULL;
        _cleanup_strv_ char **pins = NULL;
        size_t n = 0, removed = 0;
        uint64_t size = 0;
        int r;

        r = path_join(state_dir, "runs", &directory);
        if (r >= 0)
                r = state_list_runs(state_dir, &runs);
        if (r >= 0)
                r = pins_collect(&runs, &pins);
        if (r < 0)
                return r;
        for (size_t i = 0; i < runs.n_runs; i++) {
                const StateRun *run = runs.runs + i;

                if (!state_run_is_of_suite(run, suite))
                        continue;
                size += run->size;
                if (!keep_runs_hold(keep, n++, size) && !strv_contains(pins, run->run_id) &&
                    run_remove_both(run->path))
                        removed++;
        }
        remove_unfinished(directory);
        if (ret_removed)
                *ret_removed = removed;
        return 0;
}
