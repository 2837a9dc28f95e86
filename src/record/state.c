/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/state.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/array.h"
#include "basic/fd.h"
#include "basic/file.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "record/run-file-format.h"

#define STATE_SUFFIX    ".export"
/* Of a file name's 255 bytes 40 are for the id and the suffix. */
#define STATE_SUITE_MAX 200U

static const char *environment_get_path(const char *name) {
        const char *value = secure_getenv(name);

        return value && value[0] == '/' ? value : NULL;
}

/* All that come into question, in order; the last one is below a directory that anybody can write to. */
static int state_dir_candidates(char ***ret) {
        _cleanup_strv_ char **dirs = NULL;
        const char *service = environment_get_path("STATE_DIRECTORY");
        const char *xdg = environment_get_path("XDG_STATE_HOME");
        const char *home = environment_get_path("HOME");
        int r = 0;

        /* systemd gives a list, separated by colons, if a unit has several. */
        if (service)
                r = strv_extendf(&dirs, "%.*s", (int)strcspn(service, ":"), service);
        if (r >= 0 && geteuid() == 0)
                r = strv_extend(&dirs, "/var/lib/ptest");
        if (r >= 0 && xdg)
                r = strv_extendf(&dirs, "%s/ptest", xdg);
        else if (r >= 0 && home)
                r = strv_extendf(&dirs, "%s/.local/state/ptest", home);
        if (r >= 0)
                r = strv_extendf(
                                &dirs,
                                "%s/ptest-%u",
                                environment_get_path("TMPDIR") ?: "/tmp",
                                geteuid());
        if (r < 0)
                return r;
        *ret = TAKE_PTR(dirs);
        return 0;
}

/* A directory whose name can be guessed must be ours alone. */
static int dir_make_private(const char *path) {
        struct stat st;

        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return -errno;
        if (lstat(path, &st) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode))
                return -ENOTDIR;
        return st.st_uid == geteuid() && (st.st_mode & 0022) == 0 ? 0 : -EPERM;
}

int state_dir_get(char **ret) {
        _cleanup_strv_ char **dirs = NULL;
        int r;

        assert(ret);

        r = state_dir_candidates(&dirs);
        if (r < 0)
                return r;
        strv_for_each(dir, dirs) {
                r = dir[1] ? dir_make(*dir, 0755) : dir_make_private(*dir);
                if (r >= 0 && access(*dir, W_OK | X_OK) < 0)
                        r = -errno;
                if (r < 0)
                        continue;
                *ret = strdup(*dir);
                return *ret ? 0 : -ENOMEM;
        }
        return r;
}

int state_dir_find(char **ret) {
        _cleanup_strv_ char **dirs = NULL;
        char *found = NULL;
        int r;

        assert(ret);

        r = state_dir_candidates(&dirs);
        if (r < 0)
                return r;
        strv_for_each(dir, dirs) {
                _cleanup_free_ char *runs = NULL;

                r = path_join(*dir, "runs", &runs);
                if (r < 0)
                        return r;
                if (path_is_directory(runs)) {
                        found = *dir;
                        break;
                }
        }
        found = strdup(found ?: dirs[0]);
        if (!found)
                return -ENOMEM;
        *ret = found;
        return 0;
}

static bool character_is_plain(char c, bool first) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                        strchr("_+-@", c) || (c == '.' && !first);
}

/* The suite as it stands in a file's name. Letters of other languages remain: without them all names would be one. */
static char *suite_to_file_name(const char *suite) {
        char *name = strndup(suite, STATE_SUITE_MAX);
        size_t n;

        if (!name)
                return NULL;
        for (char *p = name; *p; p += n) {
                bool printable;

                n = text_measure_character(p, strlen(p), &printable);
                if (n > 1 && printable)
                        continue;
                n = 1;
                if (!character_is_plain(*p, p == name))
                        *p = '_';
        }
        return name;
}

int state_run_path(const char *state_dir, const char *suite, sd_id128_t run_id, char **ret) {
        _cleanup_free_ char *name = suite_to_file_name(suite);
        char id[SD_ID128_STRING_MAX];
        char *path;

        assert(ret);

        if (!name)
                return -ENOMEM;
        if (asprintf(&path,
                     "%s/runs/%s-%s" STATE_SUFFIX,
                     state_dir,
                     name,
                     sd_id128_to_string(run_id, id)) < 0)
                return -ENOMEM;
        *ret = path;
        return 0;
}

bool state_run_is_of_suite(const StateRun *run, const char *suite) {
        _cleanup_free_ char *name = suite_to_file_name(suite);

        return name && strcmp(run->suite, name) == 0;
}

/* 0: the name of a run file; *ret_suite_size is the length of the suite in it */
static int run_name_parse(const char *name, size_t *ret_suite_size, char *ret_id) {
        size_t size = strlen(name), id_begin;

        if (text_ends_with(name, STATE_SUFFIX RUN_FILE_COMPRESSED_SUFFIX))
                size -= strlen(RUN_FILE_COMPRESSED_SUFFIX);
        else if (!text_ends_with(name, STATE_SUFFIX))
                return -EINVAL;
        if (size < 1 + 1 + 32 + strlen(STATE_SUFFIX))
                return -EINVAL;
        id_begin = size - strlen(STATE_SUFFIX) - 32;
        if (name[id_begin - 1] != '-' || strspn(name + id_begin, "0123456789abcdef") != 32)
                return -EINVAL;
        *ret_suite_size = id_begin - 1;
        *(char *)mempcpy(ret_id, name + id_begin, 32) = '\0';
        return 0;
}

static int runs_add(StateRuns *runs, const char *dir, const char *name, const struct stat *st) {
        StateRun run = {};
        size_t suite_size;

        if (run_name_parse(name, &suite_size, run.run_id) < 0)
                return 0;
        if (array_reserve(runs->runs, runs->n_allocated, runs->n_runs + 1) < 0)
                return -ENOMEM;
        run.suite = strndup(name, suite_size);
        if (!run.suite)
                return -ENOMEM;
        if (asprintf(&run.path, "%s/%s", dir, name) < 0) {
                free(run.suite);
                return -ENOMEM;
        }
        run.written_nsec = (uint64_t)st->st_mtim.tv_sec * UINT64_C(1000000000) +
                        (uint64_t)st->st_mtim.tv_nsec;
        run.size = (uint64_t)st->st_size;
        runs->runs[runs->n_runs++] = run;
        return 0;
}

static int run_compare(const void *a, const void *b) {
        const StateRun *x = a, *y = b;

        if (x->written_nsec != y->written_nsec)
                return x->written_nsec > y->written_nsec ? -1 : 1;
        return strcmp(x->path, y->path);
}

static int run_compare_path(const void *a, const void *b) {
        const StateRun *x = a, *y = b;

        return strcmp(x->path, y->path);
}

/*
 * A run whose writer died just when its file was compressed has both files, which are the same. By their paths the
 * plain one stands right before the other.
 */
static void runs_drop_plain(StateRuns *runs) {
        size_t n = 0;

        qsort(runs->runs, runs->n_runs, sizeof(StateRun), run_compare_path);
        for (size_t i = 0; i < runs->n_runs; i++) {
                StateRun *run = runs->runs + i;
                size_t size = strlen(run->path);

                if (i + 1 < runs->n_runs && strncmp(run->path, run[1].path, size) == 0 &&
                    strcmp(run[1].path + size, RUN_FILE_COMPRESSED_SUFFIX) == 0) {
                        free(run->path);
                        free(run->suite);
                } else
                        runs->runs[n++] = *run;
        }
        runs->n_runs = n;
}

static void closedirp(DIR **dir) {
        if (*dir)
                closedir(*dir);
}

int state_list_runs(const char *state_dir, StateRuns *ret) {
        _cleanup_(state_runs_done) StateRuns runs = {};
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        r = path_join(state_dir, "runs", &path);
        if (r < 0)
                return r;
        dir = opendir(path);
        if (!dir && errno != ENOENT)
                return -errno;

        while (dir) {
                struct dirent *entry;
                struct stat st;

                errno = 0;
                entry = readdir(dir);
                if (!entry && errno != 0)
                        return -errno;
                if (!entry)
                        break;
                if (entry->d_name[0] == '.' || fstatat(dirfd(dir), entry->d_name, &st, 0) < 0 ||
                    !S_ISREG(st.st_mode))
                        continue;
                r = runs_add(&runs, path, entry->d_name, &st);
                if (r < 0)
                        return r;
        }
        if (runs.n_runs > 0) {
                runs_drop_plain(&runs);
                qsort(runs.runs, runs.n_runs, sizeof(StateRun), run_compare);
        }
        *ret = runs;
        runs = (StateRuns){};
        return 0;
}

void state_runs_done(StateRuns *runs) {
        for (size_t i = 0; i < runs->n_runs; i++) {
                free(runs->runs[i].path);
                free(runs->runs[i].suite);
        }
        free(runs->runs);
        *runs = (StateRuns){};
}
