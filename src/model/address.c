/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/address.h"

#include <errno.h>
#include <string.h>

#include "basic/macros.h"
#include "basic/text.h"

bool address_is_valid(const char *address) {
        size_t length = strlen(address);

        if (length == 0 || length > ADDRESS_MAX)
                return false;
        if (address[0] == ' ' || address[length - 1] == ' ')
                return false;

        for (size_t i = 0; i < length;) {
                bool printable;

                i += text_measure_character(address + i, length - i, &printable);
                if (!printable)
                        return false;
        }
        return true;
}

int address_sanitize(const char *text, char **ret) {
        _cleanup_free_ char *copy = strdup(text), *address = NULL;

        if (!copy)
                return -ENOMEM;

        const char *from = text_strip(copy);
        size_t length = strlen(from), n = 0;

        address = malloc(ADDRESS_MAX + 1);
        if (!address)
                return -ENOMEM;

        for (size_t i = 0, step; i < length; i += step) {
                bool printable;

                step = text_measure_character(from + i, length - i, &printable);

                const size_t room = printable ? step : 1;

                if (n + room > ADDRESS_MAX)
                        break;
                if (printable)
                        memcpy(address + n, from + i, step);
                else
                        address[n] = '_';
                n += room;
        }
        /* The cut may have come behind a space. */
        while (n > 0 && address[n - 1] == ' ')
                n--;
        if (n == 0)
                address[n++] = '_';
        address[n] = '\0';

        /* Addresses are kept by the hundred thousand: not in a buffer for the longest. */
        char *fitting = strdup(address);

        if (!fitting)
                return -ENOMEM;
        *ret = fitting;
        return 0;
}
