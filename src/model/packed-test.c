/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The strings of a block stand one behind the other, each with its NUL, in the order that the headers of the
 * blocks say. Traits and sources are interned: equal ones share one block. A string that is not there (workdir,
 * description, load_error) is told from an empty one by a bit of its own.
 */

#include "model/packed-test.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <uthash.h>

#include "basic/array.h"
#include "basic/strv.h"

/* Much more than a test, and little enough that a suite with one is not to be noticed. */
#define CHUNK_SIZE ((size_t)64 * 1024)
#define ALIGNMENT  _Alignof(PackedTest)

typedef struct Chunk {
        struct Chunk *next;
        size_t size, used;
        _Alignas(PackedTest) char data[];
} Chunk;

/* A block that is there once. */
typedef struct Interned {
        char *data; /* weak: in a chunk; NULL: an empty place */
        size_t size;
} Interned;

/* An open table with uthash's hash function; uthash's own takes 70 bytes for each block. */
typedef struct InternTable {
        Interned *places;
        size_t n_places; /* a power of two, or 0 */
        size_t n;
        Interned last; /* mostly the next is the same */
} InternTable;

struct TestStore {
        Chunk *chunks;
        InternTable traits;
        InternTable sources;
        char *scratch; /* where traits are put together before they are looked up */
        size_t n_scratch;
};

/* ---- Memory ---- */

int test_store_new(TestStore **ret) {
        TestStore *store = calloc(1, sizeof(*store));

        if (!store)
                return -ENOMEM;
        *ret = store;
        return 0;
}

TestStore *test_store_free(TestStore *store) {
        if (!store)
                return NULL;

        while (store->chunks) {
                Chunk *chunk = store->chunks;

                store->chunks = chunk->next;
                free(chunk);
        }
        free(store->traits.places);
        free(store->sources.places);
        free(store->scratch);
        free(store);
        return NULL;
}

static void *store_allocate(TestStore *store, size_t size) {
        Chunk *chunk = store->chunks;

        size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        if (!chunk || chunk->size - chunk->used < size) {
                size_t n = MAX(size, CHUNK_SIZE - sizeof(Chunk));

                chunk = malloc(sizeof(Chunk) + n);
                if (!chunk)
                        return NULL;
                *chunk = (Chunk){ .next = store->chunks, .size = n };
                store->chunks = chunk;
        }

        void *block = chunk->data + chunk->used;
        chunk->used += size;
        return block;
}

/* ---- Blocks that are there once ---- */

static bool interned_is(const Interned *interned, const void *data, size_t size) {
        return interned->data && interned->size == size && memcmp(interned->data, data, size) == 0;
}

static Interned *table_find(const InternTable *table, const void *data, size_t size) {
        unsigned hash;

        HASH_JEN(data, size, hash);
        for (size_t i = hash;; i++) {
                Interned *place = &table->places[i & (table->n_places - 1)];

                if (!place->data || interned_is(place, data, size))
                        return place;
        }
}

/* At most half of the places are taken, so that a search ends soon. */
static int table_make_room(InternTable *table) {
        InternTable larger = { .n_places = MAX(table->n_places * 2, 16U), .n = table->n };

        if (table->n * 2 < table->n_places)
                return 0;
        larger.places = calloc(larger.n_places, sizeof(Interned));
        if (!larger.places)
                return -ENOMEM;
        for (size_t i = 0; i < table->n_places; i++) {
                const Interned *old = &table->places[i];

                if (old->data)
                        *table_find(&larger, old->data, old->size) = *old;
        }
        free(table->places);
        larger.last = table->last;
        *table = larger;
        return 0;
}

static int store_intern(
                TestStore *store,
                InternTable *table,
                const void *data,
                size_t size,
                const void **ret) {
        Interned *place;
        int r;

        if (!interned_is(&table->last, data, size)) {
                r = table_make_room(table);
                if (r < 0)
                        return r;
                place = table_find(table, data, size);
                if (!place->data) {
                        void *block = store_allocate(store, size);

                        if (!block)
                                return -ENOMEM;
                        memcpy(block, data, size);
                        *place = (Interned){ .data = block, .size = size };
                        table->n++;
                }
                table->last = *place;
        }
        *ret = table->last.data;
        return 0;
}

TestTraits *test_store_next_traits(TestStore *store, size_t *cursor) {
        InternTable *table = &store->traits;

        /* What is changed is not found again, and would be there twice. That costs only memory. */
        while (*cursor < table->n_places) {
                char *data = table->places[(*cursor)++].data;

                if (data)
                        return (TestTraits *)data;
        }
        return NULL;
}

/* ---- Packing ---- */

static size_t string_size(const char *s) {
        return s ? strlen(s) + 1 : 0;
}

/* Nothing for NULL. Returns the end. */
static char *string_put(char *to, const char *s) {
        size_t size = string_size(s);

        if (size > 0)
                memcpy(to, s, size);
        return to + size;
}

/* The kind of a change and whether it has a separator, as one character that is not NUL. */
static char env_op_get_tag(const EnvOp *op) {
        return (char)(1 + op->kind * 2 + (op->separator ? 1 : 0));
}

static size_t traits_get_size(const Test *test) {
        size_t size = offsetof(TestTraits, strings);

        for (size_t i = 0; i < test->n_env; i++)
                size += 1 + string_size(test->env[i].name) + string_size(test->env[i].value) +
                                string_size(test->env[i].separator);
        strv_for_each(tag, test->tags)
                size += string_size(*tag);
        strv_for_each(word, test->found_argv)
                size += string_size(*word);
        return size + string_size(test->workdir);
}

static void traits_put(TestTraits *traits, const Test *test) {
        char *to = traits->strings;

        /* Compared and hashed by its bytes, so none between the members may be what it happened to be. */
        memset(traits, 0, offsetof(TestTraits, strings));
        traits->timeout_usec = test->timeout_usec;
        traits->grace_usec = test->grace_usec;
        traits->output_max = test->output_max;
        traits->limits = test->limits;
        traits->timeout_signal = test->timeout_signal;
        traits->n_env = (uint32_t)test->n_env;
        traits->n_tags = (uint32_t)strv_length(test->tags);
        traits->context = test->context;
        traits->protocol = (uint8_t)test->protocol;
        traits->should_fail = test->should_fail;
        traits->has_workdir = test->workdir != NULL;
        traits->isolate = test->isolate;
        traits->finds = test->finds;
        traits->keep_failed = test->keep_failed;
        traits->private_places = (uint8_t)test->private_places;
        traits->n_found_argv = (uint32_t)strv_length(test->found_argv);
        for (size_t i = 0; i < test->n_env; i++) {
                *to++ = env_op_get_tag(&test->env[i]);
                to = string_put(to, test->env[i].name);
                to = string_put(to, test->env[i].value);
                to = string_put(to, test->env[i].separator);
        }
        strv_for_each(tag, test->tags)
                to = string_put(to, *tag);
        strv_for_each(word, test->found_argv)
                to = string_put(to, *word);
        string_put(to, test->workdir);
}

static int store_intern_traits(TestStore *store, const Test *test, const TestTraits **ret) {
        size_t size = traits_get_size(test);
        const void *traits;
        int r;

        /* The structure is longer than the begin of its strings: it ends with padding. */
        r = array_reserve(store->scratch, store->n_scratch, MAX(size, sizeof(TestTraits)));
        if (r < 0)
                return r;
        traits_put((TestTraits *)store->scratch, test);
        r = store_intern(store, &store->traits, store->scratch, size, &traits);
        if (r < 0)
                return r;
        *ret = traits;
        return 0;
}

/* What is needed beyond the block, which is to come; its own words are no source that others have. */
static int store_intern_shared(TestStore *store, const Test *test, PackedTest *header) {
        bool is_program = test->source && test->argv && strcmp(test->source, test->argv[0]) == 0;
        const void *source = NULL;
        int r;

        r = store_intern_traits(store, test, &header->traits);
        if (r >= 0 && test->source && !is_program)
                r = store_intern(
                                store,
                                &store->sources,
                                test->source,
                                string_size(test->source),
                                &source);
        header->source = source;
        return r;
}

static size_t test_get_packed_size(const Test *test) {
        size_t size = offsetof(PackedTest, address) + string_size(test->address);

        strv_for_each(word, test->argv)
                size += string_size(*word);
        return size + string_size(test->description) + string_size(test->load_error);
}

static void packed_put(PackedTest *packed, const PackedTest *header, const Test *test) {
        /* Not an assignment, which may write the padding behind the header: that is another test's then. */
        memcpy(packed, header, offsetof(PackedTest, address));

        char *to = string_put(packed->address, test->address);

        if (test->source && !packed->source)
                packed->source = to;
        strv_for_each(word, test->argv)
                to = string_put(to, *word);
        to = string_put(to, test->description);
        string_put(to, test->load_error);
}

static int header_init(TestStore *store, const Test *test, PackedTest *ret) {
        size_t n_argv = strv_length(test->argv);

        if (n_argv >= 1U << 29)
                return -E2BIG;
        *ret = (PackedTest){
                .line = test->line,
                .priority = test->priority,
                .n_argv = (uint32_t)n_argv,
                .exclusive = test->exclusive,
                .has_description = test->description != NULL,
                .has_load_error = test->load_error != NULL,
        };
        return store_intern_shared(store, test, ret);
}

int test_store_add(TestStore *store, const Test *test, PackedTest **ret) {
        PackedTest header, *packed;
        int r;

        r = header_init(store, test, &header);
        if (r < 0)
                return r;
        packed = store_allocate(store, MAX(test_get_packed_size(test), sizeof(PackedTest)));
        if (!packed)
                return -ENOMEM;
        packed_put(packed, &header, test);
        *ret = packed;
        return 0;
}

/* ---- Unpacking ---- */

/* The string behind this one. */
static const char *string_next(const char *s) {
        return s + strlen(s) + 1;
}

static const char *packed_skip_argv(const PackedTest *packed) {
        const char *s = string_next(packed->address);

        for (size_t i = 0; i < packed->n_argv; i++)
                s = string_next(s);
        return s;
}

const char *packed_test_get_load_error(const PackedTest *packed) {
        if (!packed->has_load_error)
                return NULL;

        const char *s = packed_skip_argv(packed);
        return packed->has_description ? string_next(s) : s;
}

static size_t packed_get_size(const PackedTest *packed) {
        const char *s = packed_skip_argv(packed);

        if (packed->has_description)
                s = string_next(s);
        if (packed->has_load_error)
                s = string_next(s);
        return (size_t)(s - (const char *)packed);
}

int test_store_replace(TestStore *store, const Test *test, PackedTest **packed) {
        PackedTest header;
        int r;

        if (test_get_packed_size(test) > packed_get_size(*packed))
                return test_store_add(store, test, packed);
        r = header_init(store, test, &header);
        if (r < 0)
                return r;
        packed_put(*packed, &header, test);
        return 0;
}

static int strings_unpack(const char **s, size_t n, char ***ret) {
        _cleanup_strv_ char **strings = NULL;

        if (n == 0)
                return 0;
        strings = calloc(n + 1, sizeof(char *));
        if (!strings)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                strings[i] = strdup(*s);
                if (!strings[i])
                        return -ENOMEM;
                *s = string_next(*s);
        }
        *ret = TAKE_PTR(strings);
        return 0;
}

static int string_unpack(const char **s, bool is_there, char **ret) {
        if (!is_there)
                return 0;
        *ret = strdup(*s);
        if (!*ret)
                return -ENOMEM;
        *s = string_next(*s);
        return 0;
}

static int env_unpack(const char **s, size_t n, Test *test) {
        for (size_t i = 0; i < n; i++) {
                int tag = *(*s)++ - 1, r;
                const char *name = *s, *value = string_next(name), *separator = NULL;

                *s = string_next(value);
                if (tag % 2 != 0) {
                        separator = *s;
                        *s = string_next(separator);
                }
                r = test_add_env(test, (EnvOpKind)(tag / 2), name, value, separator);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int traits_unpack(const TestTraits *traits, Test *test) {
        const char *s = traits->strings;
        int r;

        test->timeout_usec = traits->timeout_usec;
        test->grace_usec = traits->grace_usec;
        test->output_max = traits->output_max;
        test->limits = traits->limits;
        test->timeout_signal = traits->timeout_signal;
        test->protocol = (TestProtocol)traits->protocol;
        test->should_fail = traits->should_fail;
        test->context = traits->context;
        test->isolate = traits->isolate;
        test->finds = traits->finds;
        test->keep_failed = traits->keep_failed;
        test->private_places = traits->private_places;

        r = env_unpack(&s, traits->n_env, test);
        if (r >= 0)
                r = strings_unpack(&s, traits->n_tags, &test->tags);
        if (r >= 0)
                r = strings_unpack(&s, traits->n_found_argv, &test->found_argv);
        return r < 0 ? r : string_unpack(&s, traits->has_workdir, &test->workdir);
}

int packed_test_unpack(const PackedTest *packed, Test **ret) {
        _cleanup_(test_freep) Test *test = NULL;
        const char *s = string_next(packed->address), *source = packed->source;
        int r;

        r = test_new(packed->address, &test);
        if (r < 0)
                return r;
        test->line = packed->line;
        test->priority = packed->priority;
        test->exclusive = packed->exclusive;

        r = strings_unpack(&s, packed->n_argv, &test->argv);
        if (r >= 0)
                r = string_unpack(&s, packed->has_description, &test->description);
        if (r >= 0)
                r = string_unpack(&s, packed->has_load_error, &test->load_error);
        if (r >= 0)
                r = string_unpack(&source, source != NULL, &test->source);
        if (r >= 0)
                r = traits_unpack(packed->traits, test);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(test);
        return 0;
}
