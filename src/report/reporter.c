/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/reporter.h"

#include <assert.h>

int reporter_on_event(Reporter *reporter, const Event *event) {
        assert(reporter);
        assert(event);

        return reporter->vtable->on_event(reporter, event);
}

Reporter *reporter_free(Reporter *reporter) {
        if (reporter)
                reporter->vtable->free(reporter);
        return NULL;
}
