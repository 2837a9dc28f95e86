/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/journal-reader.h"

#include "ptest/journal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <systemd/sd-journal.h>

#include "basic/strv.h"
#include "record/field-filter.h"

struct JournalReader {
        sd_journal *journal;
        Record *run; /* of journal_reader_next_run() */
        bool listing;
        FieldFilter filter;
};

JournalReader *journal_reader_free(JournalReader *reader) {
        if (!reader)
                return NULL;
        sd_journal_close(reader->journal);
        record_free(reader->run);
        free(reader);
        return NULL;
}

static int reader_open(JournalReader *reader, const JournalPlace *place) {
        if (place->directory)
                return sd_journal_open_directory(&reader->journal, place->directory, 0);
        if (strv_length(place->files) > 0)
                return sd_journal_open_files(&reader->journal, (const char **)place->files, 0);
        if (place->journal_namespace && strcmp(place->journal_namespace, "*") == 0)
                return sd_journal_open(
                                &reader->journal,
                                SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_ALL_NAMESPACES);
        return sd_journal_open_namespace(
                        &reader->journal, place->journal_namespace, SD_JOURNAL_LOCAL_ONLY);
}

int journal_reader_new(const JournalPlace *place, unsigned skip, JournalReader **ret) {
        _cleanup_(journal_reader_freep) JournalReader *reader = NULL;
        const JournalPlace here = {};
        int r;

        assert(ret);

        reader = calloc(1, sizeof(JournalReader));
        if (!reader)
                return -ENOMEM;
        reader->filter.skip = skip;
        r = record_new(&reader->run);
        if (r < 0)
                return r;
        r = reader_open(reader, place ?: &here);
        if (r < 0)
                return r;
        /* By default values are cut at 64 KiB. */
        r = sd_journal_set_data_threshold(reader->journal, 0);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(reader);
        return 0;
}

static int reader_add_match(JournalReader *reader, const char *name, const char *value) {
        _cleanup_free_ char *match = NULL;

        if (asprintf(&match, "%s=%s", name, value) < 0) {
                match = NULL;
                return -ENOMEM;
        }
        return sd_journal_add_match(reader->journal, match, 0);
}

/* The fields of the current entry; with trusted those too that journald added. */
static int reader_fill_record(JournalReader *reader, Record *record, bool trusted) {
        const void *data;
        size_t size;
        int r;

        sd_journal_restart_data(reader->journal);
        while ((r = sd_journal_enumerate_available_data(reader->journal, &data, &size)) > 0) {
                const char *equals = memchr(data, '=', size);
                size_t name_size;

                if (!equals || (!trusted && *(const char *)data == '_'))
                        continue;
                name_size = (size_t)(equals - (const char *)data);
                if (field_filter_drops(&reader->filter, data, name_size, size - name_size - 1))
                        continue;
                r = record_add_field(record, data, name_size, equals + 1, size - name_size - 1);
                if (r < 0 && r != -EINVAL && r != -E2BIG)
                        return r;
        }
        return r < 0 ? r : field_filter_finish(&reader->filter, record);
}

int journal_reader_next_run(JournalReader *reader, JournalRun *ret) {
        int r;

        if (!reader->listing) {
                sd_journal_flush_matches(reader->journal);
                r = reader_add_match(reader, "MESSAGE_ID", PTEST_MESSAGE_RUN_STARTED);
                if (r >= 0)
                        r = sd_journal_seek_tail(reader->journal);
                if (r < 0)
                        return r;
                reader->listing = true;
        }
        for (;;) {
                r = sd_journal_previous(reader->journal);
                if (r <= 0)
                        return r;
                record_reset(reader->run);
                r = reader_fill_record(reader, reader->run, false);
                if (r < 0)
                        return r;
                ret->run_id = record_get(reader->run, PTEST_FIELD_RUN_ID);
                ret->suite = record_get(reader->run, PTEST_FIELD_SUITE);
                if (ret->run_id && ret->suite)
                        return 1;
        }
}

int journal_reader_select(JournalReader *reader, const char *run_id) {
        static const char *const identity[] = { "_PID", "_UID", "_BOOT_ID" };
        int r;

        reader->listing = false;
        sd_journal_flush_matches(reader->journal);
        r = reader_add_match(reader, PTEST_FIELD_RUN_ID, run_id);
        if (r >= 0)
                r = reader_add_match(reader, "MESSAGE_ID", PTEST_MESSAGE_RUN_STARTED);
        if (r >= 0)
                r = sd_journal_seek_head(reader->journal);
        if (r >= 0)
                r = sd_journal_next(reader->journal);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        record_reset(reader->run);
        r = reader_fill_record(reader, reader->run, true);
        if (r < 0)
                return r;

        sd_journal_flush_matches(reader->journal);
        r = reader_add_match(reader, PTEST_FIELD_RUN_ID, run_id);
        for (size_t i = 0; i < ELEMENTSOF(identity) && r >= 0; i++) {
                const char *value = record_get(reader->run, identity[i]);

                if (value)
                        r = reader_add_match(reader, identity[i], value);
        }
        return r < 0 ? r : sd_journal_seek_head(reader->journal);
}

int journal_reader_select_ends(JournalReader *reader, const char *run_id) {
        int r = journal_reader_select(reader, run_id);

        /* Matches of one field are alternatives. */
        if (r >= 0)
                r = reader_add_match(reader, "MESSAGE_ID", PTEST_MESSAGE_RUN_STARTED);
        if (r >= 0)
                r = reader_add_match(reader, "MESSAGE_ID", PTEST_MESSAGE_RUN_FINISHED);
        return r < 0 ? r : sd_journal_seek_head(reader->journal);
}

int journal_reader_read(JournalReader *reader, Record *record) {
        int r;

        assert(record->n_fields == 0);

        r = sd_journal_next(reader->journal);
        if (r <= 0)
                return r;
        r = reader_fill_record(reader, record, false);
        return r < 0 ? r : 1;
}
