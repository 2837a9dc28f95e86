/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Writing messages
 *
 * Every container takes the header with a count of 16 bits, which can be filled in afterwards; that costs two
 * bytes against the shortest form, and no field has to be counted ahead of being written.
 */

#include "wire/packer.h"

#include "basic/text.h"

#include <errno.h>
#include <string.h>

#define HEADER_SIZE 3 /* type, and a count of 16 bits */

void packer_init(Packer *packer) {
        msgpack_sbuffer_init(&packer->buffer);
        msgpack_packer_init(&packer->packer, &packer->buffer, msgpack_sbuffer_write);
        packer->error = 0;
}

void packer_done(Packer *packer) {
        msgpack_sbuffer_destroy(&packer->buffer);
}

int packer_finish(Packer *packer, void **ret_data, size_t *ret_size) {
        if (packer->error < 0)
                return packer->error;

        *ret_size = packer->buffer.size;
        *ret_data = msgpack_sbuffer_release(&packer->buffer);
        return 0;
}

/* msgpack's packing functions fail for want of memory only. */
static void packer_note(Packer *packer, int r) {
        if (r < 0 && packer->error == 0)
                packer->error = -ENOMEM;
}

static PackerFrame packer_open(Packer *packer, char type) {
        PackerFrame frame = { .offset = packer->buffer.size };
        const char header[HEADER_SIZE] = { type };

        if (packer->error == 0)
                packer_note(packer, msgpack_sbuffer_write(&packer->buffer, header, sizeof(header)));
        return frame;
}

PackerFrame packer_open_map(Packer *packer) {
        return packer_open(packer, (char)0xde);
}

PackerFrame packer_open_array(Packer *packer) {
        return packer_open(packer, (char)0xdc);
}

void packer_close(Packer *packer, const PackerFrame *frame) {
        if (frame->count > UINT16_MAX && packer->error == 0)
                packer->error = -EMSGSIZE;
        if (packer->error < 0)
                return;

        packer->buffer.data[frame->offset + 1] = (char)(frame->count >> 8);
        packer->buffer.data[frame->offset + 2] = (char)(frame->count & 0xff);
}

void packer_rewind(Packer *packer, PackerFrame *frame, size_t size) {
        packer->buffer.size = size;
        frame->count--;
}

void packer_element(PackerFrame *array) {
        array->count++;
}

void packer_key(Packer *packer, PackerFrame *map, const char *key) {
        map->count++;
        packer_text(packer, key);
}

void packer_uint(Packer *packer, uint64_t value) {
        if (packer->error == 0)
                packer_note(packer, msgpack_pack_uint64(&packer->packer, value));
}

void packer_bool(Packer *packer, bool value) {
        if (packer->error == 0)
                packer_note(packer,
                            value ? msgpack_pack_true(&packer->packer) :
                                    msgpack_pack_false(&packer->packer));
}

void packer_text(Packer *packer, const char *s) {
        size_t size = strlen(s);

        if (packer->error < 0)
                return;

        _cleanup_free_ char *escaped = NULL;
        if (!text_is_utf8(s, size)) {
                escaped = text_escape(s, size);
                if (!escaped) {
                        packer->error = -ENOMEM;
                        return;
                }
                s = escaped;
                size = strlen(s);
        }
        packer_note(packer, msgpack_pack_str(&packer->packer, size));
        packer_note(packer, msgpack_pack_str_body(&packer->packer, s, size));
}

void packer_bytes(Packer *packer, const void *data, size_t size) {
        if (packer->error < 0)
                return;

        packer_note(packer, msgpack_pack_bin(&packer->packer, size));
        packer_note(packer, msgpack_pack_bin_body(&packer->packer, data, size));
}

void packer_uint_field(
                Packer *packer,
                PackerFrame *map,
                const char *key,
                uint64_t value,
                uint64_t unless) {
        if (value == unless)
                return;
        packer_key(packer, map, key);
        packer_uint(packer, value);
}

void packer_flag_field(Packer *packer, PackerFrame *map, const char *key, bool value) {
        if (!value)
                return;
        packer_key(packer, map, key);
        packer_bool(packer, true);
}
