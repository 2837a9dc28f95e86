/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a meson build directory says about itself
 *
 * Everything comes from files in meson-info, as introspection version 1 defines them; neither meson nor
 * ninja is needed.
 */

#include "loader/meson-build.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/strv.h"
#include "basic/text.h"

#define INTROSPECTION_MAJOR 1

/* A meson.build of this size was not written by a person; what it may contain is then assumed. */
#define BUILD_FILE_MAX (4U * 1024U * 1024U)

static int info_load(const char *build, const char *name, json_t **ret, json_error_t *error) {
        _cleanup_free_ char *directory = NULL, *path = NULL;
        int r;

        *error = (json_error_t){};
        r = path_join(build, "meson-info", &directory);
        if (r >= 0)
                r = path_join(directory, name, &path);
        if (r < 0)
                return r;
        if (access(path, R_OK) < 0)
                return -errno;
        *ret = json_load_file(path, JSON_REJECT_DUPLICATES, error);
        return *ret ? 0 : -EBADMSG;
}

bool meson_build_is_one(const char *path) {
        _cleanup_free_ char *info = NULL;

        return path_join(path, "meson-info", &info) >= 0 && path_is_directory(info);
}

int meson_build_get_project(const char *path, char **ret) {
        _cleanup_json_ json_t *info = NULL;
        json_error_t error;
        const char *name;
        int r;

        r = info_load(path, "intro-projectinfo.json", &info, &error);
        if (r < 0)
                return r;
        name = json_string_value(json_object_get(info, "descriptive_name"));
        if (!name)
                return -EBADMSG;
        *ret = strdup(name);
        return *ret ? 0 : -ENOMEM;
}

/* ---- meson-info.json ---- */

static int build_check_info(MesonBuild *build, const json_t *info, LoadProblems *problems) {
        json_t *introspection = json_object_get(info, "introspection");
        json_t *version = json_object_get(json_object_get(introspection, "version"), "major");
        json_t *files = json_object_get(introspection, "information");
        const char *name = json_string_value(
                        json_object_get(json_object_get(files, "tests"), "file"));
        json_t *failed = json_object_get(info, "error");
        int r;

        if (!json_is_integer(version) || json_integer_value(version) != INTROSPECTION_MAJOR) {
                r = problems_add(
                                problems,
                                build->path,
                                0,
                                "meson-info/meson-info.json has an unknown version; version %d is understood",
                                INTROSPECTION_MAJOR);
                return r < 0 ? r : -EBADMSG;
        }
        if (failed && !json_is_false(failed)) {
                r = problems_add(
                                problems,
                                build->path,
                                0,
                                "meson's last configuration failed; run \"meson setup --reconfigure %s\"",
                                build->path);
                return r < 0 ? r : -EBADMSG;
        }

        /* Only a file of that directory: the name is from outside. */
        if (!name || !*name || strchr(name, '/'))
                name = "intro-tests.json";
        _cleanup_free_ char *directory = NULL;
        r = path_join(build->path, "meson-info", &directory);
        return r < 0 ? r : path_join(directory, name, &build->tests_path);
}

/* ---- The project's meson.build files: what may be meant that the JSON does not say ---- */

static void build_scan_file(MesonBuild *build, const char *path) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        if (file_read(path, BUILD_FILE_MAX, &text, &size) < 0) {
                build->has_expectations = build->has_env_changes = true;
                return;
        }
        build->has_expectations |= strstr(text, "should_fail") || strstr(text, "expected_");
        build->has_env_changes |= strstr(text, "append") || strstr(text, "prepend") ||
                        strstr(text, "unset");
        build->has_default_setup |= strstr(text, "is_default") && strstr(text, "add_test_setup");
}

static void build_scan(MesonBuild *build) {
        _cleanup_json_ json_t *files = NULL;
        json_error_t error;
        json_t *file;
        size_t i;

        if (info_load(build->path, "intro-buildsystem_files.json", &files, &error) < 0 ||
            !json_is_array(files)) {
                build->has_expectations = build->has_env_changes = true;
                return;
        }
        json_array_foreach(files, i, file) if (json_is_string(file))
                        build_scan_file(build, json_string_value(file));
}

static void build_read_options(MesonBuild *build) {
        _cleanup_json_ json_t *options = NULL;
        _cleanup_free_ char *path = NULL, *text = NULL;
        json_error_t error;
        json_t *option;
        size_t i, size;

        if (info_load(build->path, "intro-buildoptions.json", &options, &error) >= 0)
                json_array_foreach(options, i, option) {
                        const char *name = json_string_value(json_object_get(option, "name"));
                        json_t *value = json_object_get(option, "value");

                        if (!name || strcmp(name, "b_sanitize") != 0)
                                continue;
                        /* A list since meson 1.8 */
                        if (json_is_string(value))
                                build->sanitized = strcmp(json_string_value(value), "none") != 0;
                        else
                                build->sanitized = json_array_size(value) > 0;
                }

        if (path_join(build->path, "meson-private/cmd_line.txt", &path) >= 0 &&
            file_read(path, BUILD_FILE_MAX, &text, &size) >= 0)
                build->is_cross = strstr(text, "cross_file") != NULL;
}

int meson_build_init(MesonBuild *build, const char *path, LoadProblems *problems) {
        _cleanup_json_ json_t *info = NULL;
        json_error_t error;
        int r;

        *build = (MesonBuild){ .path = path };
        r = info_load(path, "meson-info.json", &info, &error);
        if (r == -EBADMSG)
                problems_add(problems,
                             path,
                             0,
                             "meson-info/meson-info.json is broken: %s",
                             error.text);
        else if (r < 0)
                problems_add(problems,
                             path,
                             0,
                             "meson-info/meson-info.json cannot be read: %s; run \"meson setup\" to the end",
                             strerror(-r));
        if (r < 0)
                return r;

        r = build_check_info(build, info, problems);
        if (r < 0)
                return r;
        build_scan(build);
        build_read_options(build);
        return 0;
}

void meson_build_done(MesonBuild *build) {
        free(build->tests_path);
        json_decref(build->missing);
        *build = (MesonBuild){};
}

/* ---- Streams and targets ---- */

int meson_build_open(const char *path, JsonStream *stream) {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

        return fd < 0 ? -errno : json_stream_init(stream, fd);
}

/* Targets without a file of their own (run, alias) have nothing to miss. */
static bool target_has_files(const json_t *target) {
        const char *type = json_string_value(json_object_get(target, "type"));

        return type &&
                        !strv_contains((char *const[]){ (char *)"run", (char *)"alias", NULL },
                                       type);
}

static int missing_add_target(json_t *missing, const json_t *target) {
        const char *id = json_string_value(json_object_get(target, "id"));
        json_t *files = json_object_get(target, "filename"), *file;
        size_t i;

        if (!id || !target_has_files(target))
                return 0;
        json_array_foreach(files, i, file) {
                const char *path = json_string_value(file);

                if (path && access(path, F_OK) < 0)
                        return json_object_set_new_nocheck(missing, id, json_string_nocheck(path));
        }
        return 0;
}

static int build_read_targets(MesonBuild *build) {
        _cleanup_free_ char *path = NULL;
        _cleanup_(json_stream_done) JsonStream stream = {};
        json_error_t error;
        int r;

        build->missing = json_object();
        if (!build->missing)
                return -ENOMEM;
        r = path_join(build->path, "meson-info/intro-targets.json", &path);
        if (r >= 0)
                r = meson_build_open(path, &stream);
        while (r == 0) {
                _cleanup_json_ json_t *target = NULL;

                r = json_stream_next(&stream, &target, &error);
                if (r == 0)
                        r = missing_add_target(build->missing, target);
        }
        return r < 0 ? r : 0;
}

const char *meson_build_find_missing(MesonBuild *build, const char *target_id) {
        /* Without a list of targets, what is missing shows when the test runs. */
        if (!build->missing && build_read_targets(build) < 0 && !build->missing)
                return NULL;
        return json_string_value(json_object_get(build->missing, target_id));
}
