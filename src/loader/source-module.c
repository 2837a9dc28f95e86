/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The tests of a module: a shared object with tests that ptest/test.h made
 *
 * ptest-worker lists it, in a child. An address is "MODULE::NAME", where MODULE is the name of the file without ".so"
 * and NAME what the test is called there; contexts are named alike. Modules of the same file name in one suite are told
 * apart by "#2", "#3", … in their order.
 */

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "loader/module-helper.h"
#include "loader/module-listing.h"
#include "loader/source.h"

/*
 * Loading a module takes milliseconds. As long as a test may take, within bounds: short tests are no reason to give up on a
 * module of 100,000 on a slow machine, and nobody wants to wait for five minutes before anything is to be seen.
 */
#define LIST_TIMEOUT_MIN (5 * USEC_PER_SEC)
#define LIST_TIMEOUT_MAX (60 * USEC_PER_SEC)

/* Addresses are to have room for the names in the module. */
#define PREFIX_MAX 100U

/* ---- Recognising ---- */

/* ".so", or ".so." and a version */
static const char *name_find_suffix(const char *name) {
        const char *suffix = NULL;

        for (const char *at = strstr(name, ".so"); at; at = strstr(at + 1, ".so"))
                if (at > name && strspn(at + 3, ".0123456789") == strlen(at + 3) &&
                    (at[3] == '\0' || at[3] == '.'))
                        suffix = at;
        return suffix;
}

/* A shared object and not a program, which has an interpreter to be started with; both for machines with our byte order. */
static bool fd_is_shared_object(int fd) {
        Elf64_Ehdr header;

        if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
            memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_type != ET_DYN)
                return false;

        const bool is_64 = header.e_ident[EI_CLASS] == ELFCLASS64;
        Elf32_Ehdr header_32;

        memcpy(&header_32, &header, sizeof(header_32));
        const uint64_t start = is_64 ? header.e_phoff : header_32.e_phoff;
        const size_t n = is_64 ? header.e_phnum : header_32.e_phnum;
        const size_t size = is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

        for (size_t i = 0; i < n; i++) {
                uint32_t type; /* the first member of both */

                if (pread(fd, &type, sizeof(type), (off_t)(start + i * size)) !=
                    (ssize_t)sizeof(type))
                        return false;
                if (type == PT_INTERP)
                        return false;
        }
        return true;
}

static bool source_module_recognise(const char *path) {
        _cleanup_close_ int fd = -1;
        struct stat st;

        /* Not open(): a fifo would block. */
        if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
                return false;
        if (name_find_suffix(path_basename(path)))
                return true;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        return fd >= 0 && fd_is_shared_object(fd);
}

static int source_module_name(const char *path, char **ret) {
        _cleanup_free_ char *name = strdup(path_basename(path));
        char *suffix;

        if (!name)
                return -ENOMEM;
        suffix = (char *)name_find_suffix(name);
        if (suffix)
                *suffix = '\0';
        return suite_name_sanitize(name, ret);
}

/* ---- The name in front ---- */

/* Of a module of another path; all tests of one have the same prefix. */
static int prefix_is_taken(const Suite *suite, const char *prefix, const char *path, bool *ret) {
        const size_t length = strlen(prefix);

        *ret = false;
        for (size_t i = 0; i < suite->n_tests; i++) {
                const PackedTest *packed = suite->tests[i];
                _cleanup_(test_freep) Test *test = NULL;
                int r;

                if (packed->traits->protocol != TEST_PROTOCOL_MODULE ||
                    strncmp(packed->address, prefix, length) != 0 ||
                    strncmp(packed->address + length, "::", 2) != 0)
                        continue;
                r = packed_test_unpack(packed, &test);
                if (r < 0)
                        return r;
                *ret = strcmp(test->argv[0], path) != 0;
                return 0;
        }
        return 0;
}

static int prefix_make(const Suite *suite, const char *path, char **ret) {
        _cleanup_free_ char *name = NULL, *prefix = NULL;
        size_t kept;
        bool taken;
        int r;

        r = source_module_name(path, &name);
        if (r < 0)
                return r;
        kept = MIN(strlen(name), PREFIX_MAX);
        while (kept > 0 && name[kept] != '\0' && ((unsigned char)name[kept] & 0xc0) == 0x80)
                kept--; /* not within a character */
        name[kept] = '\0';

        r = text_setf(&prefix, "%s", name);
        for (unsigned number = 2; r >= 0; number++) {
                r = prefix_is_taken(suite, prefix, path, &taken);
                if (r < 0 || !taken)
                        break;
                r = text_setf(&prefix, "%s#%u", name, number);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(prefix);
        return 0;
}

/* ---- Loading ---- */

static int listing_run(
                const SourceContext *context, const char *path, int *ret_fd, char **ret_why) {
        const Test *defaults = context->defaults;
        _cleanup_strv_ char **environment = NULL;
        int r;

        if (!context->options->worker)
                return problems_add(context->problems,
                                    path,
                                    0,
                                    "the program ptest-worker, which loads modules, was not found") <
                                                0 ?
                                -ENOMEM :
                                -ENOENT;
        r = env_apply(environ, defaults->env, defaults->n_env, &environment);
        if (r < 0)
                return r;
        return module_helper_run(
                        &(ModuleHelper){
                                        .worker = context->options->worker,
                                        .path = path,
                                        .user = context->options->user ?:
                                                        context->suite->settings.worker_user,
                                        .environment = environment,
                                        .workdir = defaults->workdir,
                                        .timeout_usec = MIN(
                                                        MAX(defaults->timeout_usec,
                                                            LIST_TIMEOUT_MIN),
                                                        LIST_TIMEOUT_MAX),
                        },
                        ret_fd,
                        ret_why);
}

static int source_module_load(SourceContext *context, const char *path) {
        _cleanup_free_ char *prefix = NULL, *why = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        r = listing_run(context, path, &fd, &why);
        if (r >= 0)
                r = prefix_make(context->suite, path, &prefix);
        if (r >= 0)
                r = module_listing_read(context, path, prefix, fd, why);
        if (r >= 0 || r == -ENOMEM || problems_count(context->problems) > 0)
                return r;
        return problems_add(context->problems,
                            why && text_starts_with(why, path) ? NULL : path,
                            0,
                            "%s",
                            why ? why : strerror(-r)) < 0 ?
                        -ENOMEM :
                        r;
}

const Source source_module = {
        .name = "module",
        .recognise = source_module_recognise,
        .name_suite = source_module_name,
        .load = source_module_load,
};
