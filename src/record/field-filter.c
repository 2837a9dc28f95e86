/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/field-filter.h"

#include "ptest/journal.h"

#include <inttypes.h>
#include <string.h>

#include "record/source.h"

static const char *const LISTS[] = {
        PTEST_FIELD_POINTS, PTEST_FIELD_LEAKS, PTEST_FIELD_DIRTY,     PTEST_FIELD_BACKTRACE,
        PTEST_FIELD_STUCK,  PTEST_FIELD_FILES, PTEST_FIELD_DIRECTORY,
};

static bool name_is(const char *name, size_t size, const char *other) {
        return strlen(other) == size && memcmp(name, other, size) == 0;
}

bool field_filter_drops(
                FieldFilter *filter, const char *name, size_t name_size, uint64_t value_size) {
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
        if (filter->skip & SOURCE_WITHOUT_LISTS)
                for (size_t i = 0; i < ELEMENTSOF(LISTS); i++)
                        if (name_is(name, name_size, LISTS[i]))
                                return true;
        return false;
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
