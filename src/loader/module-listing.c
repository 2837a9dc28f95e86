/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Contexts may stand behind what is in them: then the listing is read twice. What is not whole brings nothing.
 */

#include "loader/module-listing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <uthash.h>

#include "basic/array.h"
#include "basic/fd.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "loader/json-stream.h"

typedef struct NamedContext {
        char *name; /* in the module */
        char *parent;
        Context *context;
        uint32_t number; /* in the module, from 1 */
        UT_hash_handle hh;
} NamedContext;

typedef struct Listing {
        SourceContext *context;
        const char *path;
        const char *prefix;
        int fd;
        NamedContext *contexts; /* by name, in their order */
        Test **templates;
        size_t n_templates, n_allocated, n_tests, n_contexts;
        size_t n_before; /* tests of the suite */
        bool deferred;   /* tests are for the second reading */
        bool ended;      /* the line that says so was there */
} Listing;

static void listing_done(Listing *listing) {
        NamedContext *context, *next;

        HASH_ITER(hh, listing->contexts, context, next) {
                HASH_DEL(listing->contexts, context);
                context_free(context->context);
                free(context->name);
                free(context->parent);
                free(context);
        }
        for (size_t i = 0; i < listing->n_templates; i++)
                test_free(listing->templates[i]);
        free(listing->templates);
}

static int listing_refuse(const Listing *listing, const char *text) {
        int r = problems_add(listing->context->problems, listing->path, 0, "%s", text);

        return r < 0 ? r : -EBADMSG;
}

/* The loader's words often begin with the path already. */
static int listing_refuse_why(const Listing *listing, const char *why) {
        const bool named = text_starts_with(why, listing->path);
        int r = problems_add(
                        listing->context->problems, named ? NULL : listing->path, 0, "%s", why);

        return r < 0 ? r : -EBADMSG;
}

/* ---- Fields: what is not there leaves the value as it is; -EBADMSG for a wrong type, which was told ---- */

static int field_refuse(const Listing *listing, const json_t *object, const char *key) {
        _cleanup_free_ char *line = json_dumps(object, JSON_COMPACT);
        int r = problems_add(
                        listing->context->problems,
                        listing->path,
                        0,
                        "\"%s\" of what is listed is not understood: %.200s",
                        key,
                        line ? line : "");

        return r < 0 ? r : -EBADMSG;
}

static int field_get_text(
                const Listing *listing, const json_t *object, const char *key, char **ret) {
        const json_t *value = json_object_get(object, key);

        if (!value)
                return 0;
        if (!json_is_string(value))
                return field_refuse(listing, object, key);
        return text_setf(ret, "%s", json_string_value(value));
}

static int field_get_number(
                const Listing *listing,
                const json_t *object,
                const char *key,
                int64_t min,
                int64_t max,
                int64_t *ret) {
        const json_t *value = json_object_get(object, key);

        if (!value)
                return 0;
        if (!json_is_integer(value) || json_integer_value(value) < min ||
            json_integer_value(value) > max)
                return field_refuse(listing, object, key);
        *ret = json_integer_value(value);
        return 0;
}

static int field_get_timeout(
                const Listing *listing, const json_t *object, const char *key, uint64_t *ret) {
        int64_t usec = 0;
        int r = field_get_number(listing, object, key, 1, INT64_MAX, &usec);

        if (usec > 0)
                *ret = (uint64_t)usec;
        return r;
}

static int field_get_line(const Listing *listing, const json_t *object, unsigned *ret) {
        int64_t line = *ret;
        int r = field_get_number(listing, object, "line", 0, INT32_MAX, &line);

        *ret = (unsigned)line;
        return r;
}

static int field_get_words(
                const Listing *listing, const json_t *object, const char *key, char ***ret) {
        const json_t *list = json_object_get(object, key), *word;
        size_t i;

        if (list && !json_is_array(list))
                return field_refuse(listing, object, key);
        json_array_foreach(list, i, word) {
                int r;

                if (!json_is_string(word))
                        return field_refuse(listing, object, key);
                r = strv_extend(ret, json_string_value(word));
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- Contexts ---- */

static NamedContext *listing_find_context(const Listing *listing, const char *name) {
        NamedContext *found = NULL;

        HASH_FIND_STR(listing->contexts, name, found);
        return found;
}

/* Both are always there: what is set up in a worker's process follows the schedule, also where the module has no function for it. */
static int fixture_new(
                const Listing *listing,
                const json_t *object,
                const NamedContext *named,
                const char *what,
                const char *timeout_key,
                Test **ret) {
        _cleanup_free_ char *address = NULL;
        _cleanup_(test_freep) Test *test = NULL;
        int r;

        r = text_setf(&address, "%s (%s)", named->context->name, what);
        if (r >= 0)
                r = source_new_test(listing->context, address, &test);
        if (r >= 0)
                r = field_get_timeout(listing, object, timeout_key, &test->timeout_usec);
        if (r >= 0)
                r = strv_extend(&test->argv, listing->path);
        if (r >= 0)
                r = strv_extend(&test->argv, named->name);
        if (r < 0)
                return r;
        test->protocol = TEST_PROTOCOL_MODULE;
        *ret = TAKE_PTR(test);
        return 0;
}

static int context_fill(const Listing *listing, const json_t *object, NamedContext *named) {
        _cleanup_free_ char *address = NULL, *mode = NULL;
        Context *context;
        int r;

        r = text_setf(&address, "%s::%s", listing->prefix, named->name);
        if (r >= 0)
                r = context_new(address, &named->context);
        if (r < 0)
                return r;
        context = named->context;
        r = field_get_text(listing, object, "parent", &named->parent);
        if (r >= 0)
                r = field_get_text(listing, object, "mode", &mode);
        if (r >= 0 && mode) {
                context->mode = context_mode_from_string(mode);
                if (context->mode < 0)
                        r = field_refuse(listing, object, "mode");
        }
        if (r >= 0)
                r = field_get_text(listing, object, "description", &context->description);
        if (r >= 0)
                r = field_get_text(listing, object, "file", &context->source);
        if (r >= 0)
                r = field_get_line(listing, object, &context->line);
        if (r >= 0)
                r = fixture_new(listing,
                                object,
                                named,
                                "set-up",
                                "set_up_timeout_usec",
                                &context->set_up);
        if (r >= 0)
                r = fixture_new(listing,
                                object,
                                named,
                                "tear-down",
                                "tear_down_timeout_usec",
                                &context->tear_down);
        return r;
}

static int listing_add_context(Listing *listing, const json_t *object) {
        _cleanup_free_ char *name = NULL;
        NamedContext *named;
        int r;

        r = field_get_text(listing, object, "context", &name);
        if (r < 0)
                return r;
        if (listing_find_context(listing, name))
                return field_refuse(listing, object, "context");
        if (listing->n_contexts + listing->context->suite->n_contexts >= SUITE_CONTEXTS_MAX)
                return listing_refuse(listing, "there are too many contexts");

        named = calloc(1, sizeof(NamedContext));
        if (!named)
                return -ENOMEM;
        named->name = TAKE_PTR(name);
        named->number = (uint32_t)++listing->n_contexts;
        HASH_ADD_KEYPTR(hh, listing->contexts, named->name, strlen(named->name), named);
        return context_fill(listing, object, named);
}

/* As they are nested in the module; numbers are those in it. */
static int contexts_examine(const Listing *listing, Context *const *contexts) {
        uint32_t number = 0;
        const ContextProblem problem = contexts_check(contexts, listing->n_contexts, &number);
        const Context *context, *split;
        int r;

        if (problem == CONTEXT_GOOD)
                return 0;
        context = contexts[number - 1];
        if (problem == CONTEXT_IS_CYCLE) {
                r = problems_add(
                                listing->context->problems,
                                context->source,
                                context->line,
                                "the context %s is nested in itself",
                                context->name);
                return r < 0 ? r : -EBADMSG;
        }
        split = contexts_find_split(contexts, number);
        r = problems_add(
                        listing->context->problems,
                        context->source,
                        context->line,
                        "context %s is " CONTEXT_TEXT_SHARED_IN_SPLIT,
                        context->name,
                        split->name,
                        split->source ? split->source : listing->path,
                        split->line);
        return r < 0 ? r : -EBADMSG;
}

static int listing_nest_contexts(const Listing *listing) {
        _cleanup_free_ Context **contexts = calloc(listing->n_contexts + 1, sizeof(Context *));

        if (!contexts)
                return -ENOMEM;
        for (NamedContext *named = listing->contexts; named; named = named->hh.next) {
                contexts[named->number - 1] = named->context;
                if (!named->parent)
                        continue;

                const NamedContext *parent = listing_find_context(listing, named->parent);

                if (!parent)
                        return listing_refuse(listing, "a context is in one that is not listed");
                named->context->parent = parent->number;
        }
        return contexts_examine(listing, contexts);
}

/* ---- Tests ---- */

static int test_set_context(const Listing *listing, const json_t *object, Test *test) {
        const json_t *name = json_object_get(object, "context");
        const NamedContext *named;

        if (!name)
                return 0;
        named = json_is_string(name) ? listing_find_context(listing, json_string_value(name)) :
                                       NULL;
        if (!named)
                return listing->ended ? field_refuse(listing, object, "context") : -EAGAIN;
        test->context = (uint32_t)listing->context->suite->n_contexts + named->number;
        return 0;
}

static int test_set_isolation(const Listing *listing, const json_t *object, Test *test) {
        const json_t *value = json_object_get(object, "isolation");
        const char *word = json_string_value(value);

        test->isolate = listing->context->defaults->isolate;
        if (!value)
                return 0;
        if (!word || (strcmp(word, "process") != 0 && strcmp(word, "none") != 0))
                return field_refuse(listing, object, "isolation");
        test->isolate = *word == 'p';
        return 0;
}

static int test_fill(const Listing *listing, const json_t *object, Test *test) {
        int64_t priority = 0;
        int r;

        r = field_get_timeout(listing, object, "timeout_usec", &test->timeout_usec);
        if (r >= 0)
                r = field_get_number(listing, object, "priority", INT32_MIN, INT32_MAX, &priority);
        if (r >= 0)
                r = field_get_words(listing, object, "tags", &test->tags);
        if (r >= 0)
                r = field_get_text(listing, object, "description", &test->description);
        if (r >= 0)
                r = field_get_text(listing, object, "file", &test->source);
        if (r >= 0)
                r = field_get_line(listing, object, &test->line);
        if (r >= 0)
                r = test_set_context(listing, object, test);
        if (r >= 0)
                r = test_set_isolation(listing, object, test);
        test->priority = (int)priority;
        test->exclusive = json_is_true(json_object_get(object, "exclusive"));
        return r;
}

/* That a test should fail is the module's own business: its result says so already. */
static int listing_make_test(
                const Listing *listing, const json_t *object, const char *key, Test **ret) {
        const char *name = json_string_value(json_object_get(object, key));
        _cleanup_(test_freep) Test *test = NULL;
        _cleanup_free_ char *address = NULL;
        int r;

        if (!name)
                return field_refuse(listing, object, key);
        r = text_setf(&address, "%s::%s", listing->prefix, name);
        if (r >= 0)
                r = source_new_test(listing->context, address, &test);
        if (r >= 0)
                r = strv_extend(&test->argv, listing->path);
        if (r >= 0)
                r = strv_extend(&test->argv, name);
        if (r < 0)
                return r;
        test->protocol = TEST_PROTOCOL_MODULE;
        r = test_fill(listing, object, test);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(test);
        return 0;
}

static int listing_keep_template(Listing *listing, const json_t *object) {
        int r = array_reserve(listing->templates, listing->n_allocated, listing->n_templates + 1);

        if (r < 0)
                return r;
        r = listing_make_test(
                        listing, object, "template", &listing->templates[listing->n_templates]);
        if (r >= 0)
                listing->n_templates++;
        return r;
}

/* ---- The listing, read twice ---- */

/* -EAGAIN: its context is not there yet */
static int listing_take(Listing *listing, const json_t *object) {
        _cleanup_(test_freep) Test *test = NULL;
        int r;

        if (json_object_get(object, "template"))
                return listing_keep_template(listing, object);
        if (!json_object_get(object, "test"))
                return 0;
        r = listing_make_test(listing, object, "test", &test);
        if (r >= 0)
                r = suite_add(listing->context->suite, TAKE_PTR(test));
        return r == -E2BIG ? listing_refuse(listing, "there are too many tests") : r;
}

static void listing_drop_tests(Listing *listing) {
        if (listing->context->suite->n_tests > listing->n_before)
                suite_truncate(listing->context->suite, listing->n_before);
        while (listing->n_templates > 0)
                test_free(listing->templates[--listing->n_templates]);
}

/* Tests mostly stand behind their contexts. From the first on that does not, only contexts are looked at. */
static int listing_try(Listing *listing, const json_t *object) {
        int r;

        if (listing->deferred)
                return 0;
        r = listing_take(listing, object);
        if (r != -EAGAIN)
                return r;
        listing_drop_tests(listing);
        listing->deferred = true;
        return 0;
}

static int listing_on_object(Listing *listing, const json_t *object) {
        const bool is_test = json_object_get(object, "test");

        if (listing->ended)
                return listing_refuse(listing, "there is more behind the end of its listing");
        if (is_test || json_object_get(object, "template")) {
                listing->n_tests += is_test;
                return listing_try(listing, object);
        }
        if (json_object_get(object, "context"))
                return listing_add_context(listing, object);
        if (!json_object_get(object, "end"))
                return 0;
        listing->ended = true;
        if (json_integer_value(json_object_get(object, "tests")) != (json_int_t)listing->n_tests ||
            json_integer_value(json_object_get(object, "contexts")) !=
                            (json_int_t)listing->n_contexts)
                return listing_refuse(listing, "its listing has lost a part");
        return 0;
}

/* What is no JSON ends it: the listing is not whole then. */
static int listing_read(
                Listing *listing, int (*on_object)(Listing *listing, const json_t *object)) {
        _cleanup_(json_stream_done) JsonStream stream = {};
        int fd, r;

        if (lseek(listing->fd, 0, SEEK_SET) < 0)
                return -errno;
        fd = fcntl(listing->fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                return -errno;
        r = json_stream_init(&stream, fd);
        while (r >= 0) {
                _cleanup_json_ json_t *object = NULL;
                json_error_t error;

                r = json_stream_next(&stream, &object, &error);
                if (r == 1)
                        return 0;
                if (r >= 0)
                        r = on_object(listing, object);
        }
        return r == -EBADMSG && problems_count(listing->context->problems) == 0 ? 0 : r;
}

/* Nothing is added before all of it could be read. */
static int listing_commit(Listing *listing) {
        Suite *suite = listing->context->suite;
        const uint32_t before = (uint32_t)suite->n_contexts;
        int r = 0;

        for (NamedContext *named = listing->contexts; named && r >= 0; named = named->hh.next) {
                if (named->context->parent != CONTEXT_NONE)
                        named->context->parent += before;
                r = suite_add_context(suite, TAKE_PTR(named->context));
        }
        for (size_t i = 0; i < listing->n_templates && r >= 0; i++)
                r = suite_add_template(suite, TAKE_PTR(listing->templates[i]));
        return r;
}

int module_listing_read(
                SourceContext *context,
                const char *path,
                const char *prefix,
                int fd,
                const char *why) {
        _cleanup_(listing_done) Listing listing = {
                .context = context,
                .path = path,
                .prefix = prefix,
                .fd = fd,
                .n_before = context->suite->n_tests,
        };
        int r;

        r = listing_read(&listing, listing_on_object);
        /* One that ends badly after it was listed, in a destructor, is listed. */
        if (r >= 0 && !listing.ended)
                r = why ? listing_refuse_why(&listing, why) :
                          listing_refuse(&listing,
                                         "its constructors ended the process that loaded it");
        if (r >= 0)
                r = listing_nest_contexts(&listing);
        if (r >= 0 && listing.deferred)
                r = listing_read(&listing, listing_take);
        if (r < 0) {
                listing_drop_tests(&listing);
                return r;
        }
        return listing_commit(&listing);
}
