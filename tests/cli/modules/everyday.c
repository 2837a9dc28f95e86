/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A module as people write them; what its tests print tells where and with what they ran. */

#include <unistd.h>

#include <ptest/test.h>

static void story(const char *text) {
        const char *path = getenv("STORY");
        FILE *f = path ? fopen(path, "ae") : NULL;

        if (!f)
                return;
        fprintf(f, "%s\n", text);
        fclose(f);
}

PTEST(tells_its_surroundings) {
        char directory[4096];

        ptest_assert_not_null(getcwd(directory, sizeof(directory)));
        printf("COLOR=%s\nSERVER=%s\nHOOKED=%s\nDIRECTORY=%s\nUID=%d\n",
               getenv("COLOR") ?: "-",
               getenv("SERVER") ?: "-",
               getenv("HOOKED") ?: "-",
               directory,
               (int)getuid());
}

PTEST(fails, .tags = "bad", .description = "One that fails") {
        ptest_assert_int_eq(6 * 9, 42, "base %d", 13);
}

PTEST(is_a_known_bug, .should_fail = "bug 7") {
        ptest_fail("still there");
}

PTEST(takes_long, .timeout_ms = 300) {
        sleep(60);
}

/* Static variables stay as they were left, unless each test has a process of its own. */
PTEST_RANGE(counts, 0, 6) {
        static int count;

        printf("count=%d pid=%d\n", ++count, (int)getpid());
}

static const char *const fruits[] = { "apple", "pear" };

PTEST_TABLE(tastes, fruits) {
        ptest_assert_not_null(*row);
}

/* ---- Contexts ---- */

static void server_start(void) {
        story("+server");
        ptest_export("SERVER", "unix:%d", 7);
}

static void server_stop(void) {
        story("-server");
}

PTEST_CONTEXT(server, .mode = PTEST_MODE_SHARED, .set_up = server_start, .tear_down = server_stop)

PTEST_IN(server, is_known) {
        ptest_assert_str_eq(getenv("SERVER"), "unix:7");
        story("server::is_known");
}

static void table_make(void) {
        story("+table");
}

static void table_drop(void) {
        story("-table");
}

PTEST_CONTEXT_IN(server, table, .set_up = table_make, .tear_down = table_drop)

PTEST_RANGE_IN(table, row, 0, 3) {
        ptest_assert_str_eq(getenv("SERVER"), "unix:7");
        story("row");
}

static void cache_fill(void) {
        story("+cache");
}

PTEST_CONTEXT(cache, .mode = PTEST_MODE_SPLIT, .set_up = cache_fill)

PTEST_RANGE_IN(cache, lookup, 0, 4) {
        story("lookup");
}

/* ---- Found ---- */

PTEST_TEMPLATE(sleeps) {
        usleep((unsigned)atoi(arg) * 1000);
}

PTEST(finds) {
        PTEST_ADD(sleeps, "%d", 1);
        PTEST_ADD(sleeps, "%d", 1);
        PTEST_ADD(sleeps, "%d", 3000);
}
