/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "loader/json-stream.h"
#include "loader/problems.h"

/*
 * What a meson build directory says about itself, beside its tests
 */

typedef struct MesonBuild {
        const char *path;      /* weak: its loader's */
        char *tests_path;      /* intro-tests.json */
        bool sanitized;        /* b_sanitize is set */
        bool has_expectations; /* a test may be expected to fail */
        bool has_env_changes;  /* a test may append to the environment, not only set */
        bool has_default_setup;
        bool is_cross;
        json_t *missing; /* target id → a file of it that is not built; NULL: not read yet */
} MesonBuild;

int meson_build_init(MesonBuild *build, const char *path, LoadProblems *problems);
void meson_build_done(MesonBuild *build);

/* Opens a file of meson-info as a stream; -EBADMSG and other errors come without a problem. */
int meson_build_open(const char *path, JsonStream *stream);

/* A file of this target that does not exist, or NULL. */
const char *meson_build_find_missing(MesonBuild *build, const char *target_id);

/* meson-info is there */
bool meson_build_is_one(const char *path);

/* The project's name */
int meson_build_get_project(const char *path, char **ret);
