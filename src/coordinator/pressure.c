/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/pressure.h"

#include <errno.h>

#include "basic/file.h"
#include "basic/strv.h"
#include "basic/text.h"

static const char *const resources[] = { "cpu", "memory", "io" };

/* -EOPNOTSUPP where the kernel has it and it was not turned on (psi=1): as if it was not there */
static int pressure_add(const char *directory, const char *resource, char ***lines) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        _cleanup_strv_ char **all = NULL;
        int r;

        r = path_join(directory, resource, &path);
        if (r < 0)
                return r;
        r = file_read(path, 4096, &text, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        r = strv_split(text, "\n", &all);
        strv_for_each(line, all)
                if (r >= 0)
                        r = strv_extendf(lines, "%s %s", resource, *line);
        return r;
}

int pressure_read_at(const char *directory, char ***ret) {
        _cleanup_strv_ char **lines = NULL;

        for (size_t i = 0; i < ELEMENTSOF(resources); i++) {
                int r = pressure_add(directory, resources[i], &lines);

                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(lines);
        return 0;
}

int pressure_read(char ***ret) {
        return pressure_read_at("/proc/pressure", ret);
}
