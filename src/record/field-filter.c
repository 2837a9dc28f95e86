/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/field-filter.h"

#include "ptest/journal.h"

#include <inttypes.h>
#include <string.h>

#include "record/source.h"

#define name_is(name, size, other) \
        ((size) == strlen(other) && memcmp((name), (other), strlen(other)) == 0)

static bool name_is_list(const char *name, size_t size) {
        return name_is(name, size, PTEST_FIELD_POINTS) || name_is(name, size, PTEST_FIELD_LEAKS) ||
                        name_is(name, size, PTEST_FIELD_DIRTY) ||
                        name_is(name, size, PTEST_FIELD_BACKTRACE) ||
                        name_is(name, size, PTEST_FIELD_STUCK) ||
                        name_is(name, size, PTEST_FIELD_FILES) ||
                        name_is(name, size, PTEST_FIELD_DIRECTORY);
}

bool field_filter_drops(
                FieldFilter *filter, const char *name, size_t name_size, uint64_t value_size) {
        /* The journal's own fields are no part of an event. */
        if (filter->skip != 0 && name_size > 0 && name[0] == '_')
                return true;
        if (filter->skip & SOURCE_WITHOUT_OUTPUT) {
                if (name_is(name, name_size, PTEST_FIELD_STDOUT)) {
                        filter->out_size = value_size;
                        filter->dropped_out = true;
                        return true;
                }
                if (name_is(name, name_size, PTEST_FIELD_STDERR)) {
                        filter->err_size = value_size;
                        filter->dropped_err = true;
                        return true;
                }
                if (name_is(name, name_size, PTEST_FIELD_ORDER))
                        return true;
        }
        return (filter->skip & SOURCE_WITHOUT_LISTS) && name_is_list(name, name_size);
}

int field_filter_finish(FieldFilter *filter, Record *record) {
        int r = 0;

        if (filter->dropped_out && !record_find(record, PTEST_FIELD_STDOUT_SIZE))
                r = record_addf(record, PTEST_FIELD_STDOUT_SIZE, "%" PRIu64, filter->out_size);
        if (r >= 0 && filter->dropped_err && !record_find(record, PTEST_FIELD_STDERR_SIZE))
                r = record_addf(record, PTEST_FIELD_STDERR_SIZE, "%" PRIu64, filter->err_size);
        field_filter_reset(filter);
        return r;
}

void field_filter_reset(FieldFilter *filter) {
        filter->dropped_out = filter->dropped_err = false;
}
