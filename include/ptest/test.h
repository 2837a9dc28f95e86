/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/* Pedantic compilers complain about macros without options; where they are defined in a system header, they do not. */
#pragma GCC system_header
#ifdef __clang__
#        pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif

/*
 * How to write tests in C or C++ that a ptest worker loads and calls
 *
 *      #include <ptest/test.h>
 *
 *      PTEST(addition_is_commutative) {
 *              ptest_assert_int_eq(add(2, 3), add(3, 2));
 *      }
 *
 *      static void database_open(void) { … }
 *      static void database_close(void) { … }
 *      PTEST_CONTEXT(database, .set_up = database_open, .tear_down = database_close)
 *
 *      PTEST_IN(database, finds_what_was_stored, .timeout_ms = 2000, .tags = "slow disk") {
 *              ptest_assert_str_eq(find("key"), "value", "after %d rounds", rounds);
 *      }
 *
 * Compile and link it as a shared object ("cc -shared -fPIC -o my-tests.so my-tests.c"); it needs no library of ptest.
 * C11 or C++11 and later, GCC or Clang, glibc or another libc with dlopen(). Any number of source files may go
 * into one module.
 *
 * Who calls what, and from where
 *
 *   - Everything of a module is called by one process, the module host, from one thread, one thing at a time: tests,
 *     set-ups, tear-downs. The host loads a module once and runs thousands of tests. Static variables stay as the test before left them.
 *     The order of tests is the caller's; no test may rely on another one.
 *   - A failing assertion, ptest_fail() and ptest_skip() leave the test at once, from any depth of calls, then what
 *     comes after each test and the tear-downs run. In C that is a longjmp(): locks that the test holds stay
 *     locked, memory stays allocated. In C++ it is an exception that only this header catches, so destructors run
 *     (without exceptions it is the longjmp, and they do not). Do not call them from signal handlers, nor from destructors.
 *   - In a thread that the test made, an assertion that fails counts for the test and ends that thread alone, as pthread_exit() does:
 *     the test's own thread goes on, and the test has failed whatever it does then. End your threads before the test ends.
 *   - In a process that the test forked, it counts for the test as well, and ends that process with status 1.
 *   - A module owns all that it gives (names, tables, options) and keeps it unchanged until the process ends; a module is never unloaded.
 *     What a macro takes as a message is copied.
 *   - What a test prints on stdout and stderr is captured. It may do as it likes with its process, but is to leave
 *     the working directory, umask, signal mask and handlers, environment, limits and open fds as they were, and no child and no thread:
 *     otherwise it is marked "dirty" and the process is replaced.
 *   - A test that crashes, exits or hangs costs itself its outcome, and the process is replaced.
 *     After a crash in its own thread (a fault, abort()) and after its time limit, what is set up in that process is torn down there
 *     first, as far as the damage lets it. A test that ends its process otherwise (_exit(), exit(), SIGKILL, a
 *     crash in another thread), or that cannot be interrupted (it blocks all signals), takes with it what
 *     set-ups had made there: no tear-down is called then.
 *
 * Options are designated initialisers, in any order in C, in the order of the structs below in C++. Times are in
 * milliseconds; 0 is the default.
 */

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
#        include <exception>
#        if defined(__cpp_exceptions) && defined(__GLIBCXX__)
#                include <cxxabi.h>
#        endif
extern "C" {
#endif

/* The version of the structs below. Members are only added at their ends: each begins with its size. */
#define PTEST_MODULE_ABI 1U

/* How a context is spread over workers. A shared context cannot be within a split one. */
typedef enum PtestMode {
        PTEST_MODE_WHOLE, /* one worker sets up, runs all its tests, and tears down */
        PTEST_MODE_SPLIT, /* any worker runs any of its tests, and sets up and tears down for itself */
        PTEST_MODE_SHARED, /* set up once, in a process of its own; what it exports is in its tests' environment */
} PtestMode;

typedef enum PtestIsolation {
        PTEST_ISOLATION_DEFAULT, /* as the suite says, in the host's process if it says nothing */
        PTEST_ISOLATION_NONE,    /* in the host's process */
        PTEST_ISOLATION_PROCESS, /* in a forked child, which inherits what set-ups made */
} PtestIsolation;

typedef enum PtestKind {
        PTEST_KIND_SINGLE,
        PTEST_KIND_TABLE,
        PTEST_KIND_RANGE,
        PTEST_KIND_TEMPLATE, /* not run by itself: PTEST_ADD() makes tests of it */
} PtestKind;

typedef void (*PtestFunction)(void);

typedef struct PtestContext PtestContext;
typedef struct PtestTest PtestTest;

typedef struct PtestContextOptions {
        int reserved_;           /* of this header */
        PtestContext *parent;    /* ptest_context(name); or use PTEST_CONTEXT_IN() */
        PtestMode mode;          /* whole */
        PtestFunction set_up;    /* before the first test; if it fails, the tests are not run */
        PtestFunction tear_down; /* after the last, if the set-up was good; may fail as well */
        PtestFunction before_each; /* before each test, those of outer contexts first; part of the test */
        PtestFunction after_each; /* after each test whose before_each was good, inner contexts first */
        unsigned set_up_timeout_ms;    /* 5 min */
        unsigned tear_down_timeout_ms; /* 5 min */
        const char *description;
} PtestContextOptions;

typedef struct PtestOptions {
        int reserved_; /* of this header */
        unsigned timeout_ms; /* the suite's, which is 5 min if it says nothing; before_each and after_each included */
        const char *should_fail; /* why: a failure is expected, a pass is a surprise and fails the run */
        const char *tags;        /* words, separated by spaces */
        int priority;            /* higher first; 0 */
        bool exclusive;          /* nothing runs beside it, in no worker */
        PtestIsolation isolation;
        int expect_signal; /* the test passes if its process is ended by this signal; implies its own process */
        int expect_exit_; /* of this header: use PTEST_EXITS(status) */
        const char *description;
} PtestOptions;

/* An option: the test passes if its process ends with this exit status before the test returns. Implies its own process. */
#define PTEST_EXITS(status)   .expect_exit_ = (status) + 1
/* For other frameworks: it passes if it returns, and also if its process exits with status 0 before. Its own process. */
#define PTEST_EXIT_OR_RETURN_ (-1)

/* ---- What the macros make: the interface between a module and its host ---- */

/* What a test function is called with. */
typedef struct PtestCall {
        uint32_t size;
        size_t index;    /* of a table's row */
        int64_t value;   /* of a range */
        const char *arg; /* of a template; NULL otherwise */
        const PtestTest *test;
} PtestCall;

struct PtestContext {
        uint32_t size;
        const char *name;
        const char *file;
        unsigned line;
        PtestContextOptions options;
        /* Calls a fixture of it; NULL: may be called as it is */
        void (*guard)(const PtestContext *context, PtestFunction function);
        PtestContext *next;
        void *host; /* the host's own */
};

struct PtestTest {
        uint32_t size;
        PtestKind kind;
        const char *name;
        const char *file;
        unsigned line;
        PtestContext *context; /* NULL: in none */
        void (*run)(const PtestCall *call);
        size_t count;                       /* of a table and a range */
        int64_t first;                      /* of a range */
        const char *(*label)(size_t index); /* of a table's row; NULL: rows are numbered */
        PtestOptions options;
        PtestTest *next;
        void *host; /* the host's own */
};

typedef enum PtestValueKind {
        PTEST_VALUE_NONE,
        PTEST_VALUE_INT,
        PTEST_VALUE_UINT,
        PTEST_VALUE_FLOAT,
        PTEST_VALUE_POINTER,
        PTEST_VALUE_STRING,
        PTEST_VALUE_MEMORY,
        PTEST_VALUE_BOOL,
        PTEST_VALUE_ERRNO, /* a negative errno, or a positive one: its name and text are shown */
} PtestValueKind;

typedef struct PtestValue {
        int64_t i;
        uint64_t u;
        double d;
        const void *p; /* of a pointer, a string, memory */
} PtestValue;

/* What failed. All that it points to need only be there for the call. */
typedef struct PtestFailure {
        uint32_t size;
        const char *file;
        unsigned line;
        const char *left_text; /* the expression as it was written; NULL: there is only a message */
        const char *operation; /* "==", "contains"; NULL: the expression stands alone */
        const char *right_text;
        PtestValueKind kind;
        PtestValue left, right;
        double tolerance;
        size_t memory_size;
} PtestFailure;

/* What the host does for a module. Set after the module's constructors have run. */
typedef struct PtestRunner {
        uint32_t abi;
        uint32_t size;
        /* Notes a failure and returns. Formats begin with one character that is not shown. Any thread, forked children. */
        void (*fail)(const PtestFailure *failure, const char *format, va_list ap);
        /* Notes that the test cannot run here and returns. The test's own thread. */
        void (*skip)(const char *file, unsigned line, const char *format, va_list ap);
        /* Leaves the test; from another thread or process: ends that. Does not return. */
        void (*leave)(void);
        /* One line of text for the test's output, with its place. Any thread, forked children. */
        void (*log)(const char *file, unsigned line, const char *format, va_list ap);
        /* Adds a test to the run. The test's own thread and process: elsewhere it is a failure. Returns. */
        void (*add)(const char *file,
                    unsigned line,
                    const PtestTest *test,
                    const char *format,
                    va_list ap);
        /* Whether the caller is the test's own thread, in its own process */
        bool (*is_own)(void);
        /* Sets a variable here, and for tests elsewhere. False: it noted a failure. */
        bool (*export_variable)(
                        const char *file,
                        unsigned line,
                        const char *name,
                        const char *format,
                        va_list ap);
} PtestRunner;

typedef struct PtestModule {
        uint32_t abi;
        uint32_t size;
        PtestContext *first_context, *last_context;
        PtestTest *first_test, *last_test;
        PtestFunction populate;      /* called once after loading: may register more */
        PtestFunction worker_set_up; /* called once in each host, before the first test */
        const PtestRunner *runner;   /* set by the host */
} PtestModule;

/* The one symbol that a module exports. Each source file brings it, and the linker keeps one. */
extern __attribute__((weak, visibility("default"))) PtestModule ptest_module_v1;
__attribute__((weak, visibility("default"))) PtestModule ptest_module_v1 = {
        PTEST_MODULE_ABI, sizeof(PtestModule), NULL, NULL, NULL, NULL, NULL, NULL, NULL,
};

#define PTEST_UNUSED_       __attribute__((unused))
#define PTEST_COLD_         __attribute__((unused, cold, noinline))
#define PTEST_FORMAT_(a, b) __attribute__((format(printf, a, b)))

/* Adds what is made by hand rather than by a macro: from a constructor or PTEST_POPULATE. It is not copied. */
PTEST_UNUSED_ static inline void ptest_register_test(PtestTest *test) {
        if (ptest_module_v1.last_test)
                ptest_module_v1.last_test->next = test;
        else
                ptest_module_v1.first_test = test;
        ptest_module_v1.last_test = test;
}

PTEST_UNUSED_ static inline void ptest_register_context(PtestContext *context) {
        if (ptest_module_v1.last_context)
                ptest_module_v1.last_context->next = context;
        else
                ptest_module_v1.first_context = context;
        ptest_module_v1.last_context = context;
}

#ifdef __cplusplus
} /* extern "C" */
#endif

/* ---- Leaving a test ---- */

/* Without a host there is no test to fail: a constructor used an assertion. */
PTEST_COLD_ static const PtestRunner *ptest_runner_(const char *file, unsigned line) {
        if (!ptest_module_v1.runner) {
                fprintf(stderr, "%s:%u: an assertion outside of any test\n", file, line);
                abort();
        }
        return ptest_module_v1.runner;
}

#if defined(__cplusplus) && defined(__cpp_exceptions)
/* What leaves a test in C++. It is caught by this header alone. */
struct PtestStop_ {};

/* In threads and children of the test nobody catches it, and the host knows what to do there. */
__attribute__((noreturn)) PTEST_COLD_ static void ptest_leave_(bool catchable) {
        if (catchable && ptest_module_v1.runner->is_own())
                throw PtestStop_();
        ptest_module_v1.runner->leave();
        abort();
}
/* Set while the guard below is on this thread's stack. */
static __thread bool ptest_guarded_ PTEST_UNUSED_ = false;
#        define PTEST_CATCHABLE_ ptest_guarded_
#else
__attribute__((noreturn)) PTEST_COLD_ static void ptest_leave_(bool catchable) {
        (void)catchable;
        ptest_module_v1.runner->leave();
        abort();
}
#        define PTEST_CATCHABLE_ false
#endif

/*
 * GCC does not say that a format and its values do not fit where a macro of a system header puts something in front: this
 * shows it both as they were written, and is never called.
 */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
PTEST_UNUSED_ PTEST_FORMAT_(1, 2) static inline int ptest_look_(const char *format, ...) {
        (void)format;
        return 0;
}
#        define PTEST_LOOK_(...) __VA_OPT__((void)(0 && ptest_look_(__VA_ARGS__)), )
#else
#        define PTEST_LOOK_(...)
#endif

/* Members are called as (runner->member)(…): old frameworks have macros of such names. */
__attribute__((noreturn)) PTEST_COLD_ PTEST_FORMAT_(2, 3) static void ptest_fail_at_(
                const PtestFailure *failure, const char *format, ...) {
        const PtestRunner *runner = ptest_runner_(failure->file, failure->line);
        va_list ap;

        va_start(ap, format);
        (runner->fail)(failure, format, ap);
        va_end(ap);
        ptest_leave_(PTEST_CATCHABLE_);
}

__attribute__((noreturn)) PTEST_COLD_ PTEST_FORMAT_(3, 4) static void ptest_skip_at_(
                const char *file, unsigned line, const char *format, ...) {
        const PtestRunner *runner = ptest_runner_(file, line);
        va_list ap;

        va_start(ap, format);
        (runner->skip)(file, line, format, ap);
        va_end(ap);
        ptest_leave_(PTEST_CATCHABLE_);
}

PTEST_UNUSED_ PTEST_FORMAT_(3, 4) static void ptest_log_at_(
                const char *file, unsigned line, const char *format, ...) {
        const PtestRunner *runner = ptest_runner_(file, line);
        va_list ap;

        va_start(ap, format);
        (runner->log)(file, line, format, ap);
        va_end(ap);
}

PTEST_UNUSED_ PTEST_FORMAT_(4, 5) static void ptest_add_at_(
                const char *file, unsigned line, const PtestTest *test, const char *format, ...) {
        const PtestRunner *runner = ptest_runner_(file, line);
        va_list ap;

        va_start(ap, format);
        (runner->add)(file, line, test, format, ap);
        va_end(ap);
}

PTEST_UNUSED_ PTEST_FORMAT_(4, 5) static void ptest_export_at_(
                const char *file, unsigned line, const char *name, const char *format, ...) {
        const PtestRunner *runner = ptest_runner_(file, line);
        va_list ap;
        bool done;

        va_start(ap, format);
        done = (runner->export_variable)(file, line, name, format, ap);
        va_end(ap);
        if (!done)
                ptest_leave_(PTEST_CATCHABLE_);
}

PTEST_UNUSED_ static inline PtestFailure ptest_failure_(
                const char *file,
                unsigned line,
                PtestValueKind kind,
                const char *left_text,
                const char *operation,
                const char *right_text) {
        PtestFailure failure;

        memset(&failure, 0, sizeof(failure));
        failure.size = sizeof(failure);
        failure.file = file;
        failure.line = line;
        failure.kind = kind;
        failure.left_text = left_text;
        failure.operation = operation;
        failure.right_text = right_text;
        return failure;
}

#if defined(__cplusplus) && defined(__cpp_exceptions)
PTEST_COLD_ static void ptest_fail_exception_(const char *what) {
        PtestFailure failure = ptest_failure_(NULL, 0, PTEST_VALUE_NONE, NULL, NULL, NULL);
        struct Caller {
                PTEST_FORMAT_(2, 3)
                static void call(const PtestFailure *f, const char *format, ...) {
                        va_list ap;

                        va_start(ap, format);
                        (ptest_runner_("C++", 0)->fail)(f, format, ap);
                        va_end(ap);
                }
        };

        Caller::call(&failure, " uncaught exception: %s", what);
}

/* A test or a fixture of C++: no exception leaves it. That of a thread's cancellation goes on. */
#        ifdef __GLIBCXX__
#                define PTEST_CATCH_FORCED_              \
                        catch (abi::__forced_unwind &) { \
                                ptest_guarded_ = false;  \
                                throw;                   \
                        }
#        else
#                define PTEST_CATCH_FORCED_
#        endif
#        define PTEST_GUARDED_(...)                                                   \
                do {                                                                  \
                        ptest_guarded_ = true;                                        \
                        try {                                                         \
                                __VA_ARGS__;                                          \
                        } catch (const PtestStop_ &) {                                \
                        }                                                             \
                        PTEST_CATCH_FORCED_ catch (const std::exception &exception) { \
                                ptest_fail_exception_(exception.what());              \
                        }                                                             \
                        catch (...) {                                                 \
                                ptest_fail_exception_("of a type of its own");        \
                        }                                                             \
                        ptest_guarded_ = false;                                       \
                } while (0)

PTEST_UNUSED_ static void ptest_guard_(const PtestContext *context, PtestFunction function) {
        (void)context;
        PTEST_GUARDED_(function());
}
#        define PTEST_GUARD_ ptest_guard_
#else
#        define PTEST_GUARDED_(...) __VA_ARGS__
#        define PTEST_GUARD_        NULL
#endif

/* ---- Defining contexts and tests ---- */

/* Before C++20, designated initialisers are an extension; GCC has had its own word for that since 12. */
#if defined(__cplusplus) && __cplusplus < 202002L && !defined(__clang__) && __GNUC__ >= 12
#        define PTEST_QUIET_MORE_ _Pragma("GCC diagnostic ignored \"-Wc++20-extensions\"")
#else
#        define PTEST_QUIET_MORE_
#endif

/* Options that are not given are 0: what -Wextra says to that is silenced here and nowhere else. */
#define PTEST_QUIET_                                                                       \
        _Pragma("GCC diagnostic push")                                                     \
                        _Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"") \
                                        _Pragma("GCC diagnostic ignored \"-Wpedantic\"")   \
                                                        PTEST_QUIET_MORE_
#define PTEST_LOUD_ _Pragma("GCC diagnostic pop")

#define PTEST_CONTEXT_VARIABLE_(name_) \
        __attribute__((visibility("hidden"))) PtestContext ptest_context_##name_

/* A context by its name, for .parent = ptest_context(outer). */
#define ptest_context(name_) (&ptest_context_##name_)

/* PTEST_CONTEXT(name, options…). Names of contexts are those of the whole module. */
#define PTEST_CONTEXT(name_, ...)                                                                  \
        PTEST_CONTEXT_EXTERN(name_)                                                                \
        PTEST_QUIET_                                                                               \
        PTEST_CONTEXT_VARIABLE_(name_) = {                                                         \
                sizeof(PtestContext), #name_, __FILE__, __LINE__, {.reserved_ = 0, __VA_ARGS__}, \
                PTEST_GUARD_,         NULL,   NULL                                                 \
        };                                                                                         \
        PTEST_LOUD_                                                                                \
        __attribute__((constructor)) static void ptest_context_add_##name_(void) {                 \
                ptest_register_context(&ptest_context_##name_);                                    \
        }                                                                                          \
        PTEST_SEMICOLON_(name_)

/* A context within another one: set up after it, torn down before it. */
#define PTEST_CONTEXT_IN(parent_, name_, ...) \
        PTEST_CONTEXT(name_, .parent = ptest_context(parent_), __VA_ARGS__)

/* Declares a context that another source file defines, for PTEST_IN() here. */
#define PTEST_CONTEXT_EXTERN(name_) \
        extern __attribute__((visibility("hidden"))) PtestContext ptest_context_##name_;

/* Both with and without a semicolon behind it. */
#define PTEST_SEMICOLON_(name_) extern int ptest_semicolon_##name_;

#define PTEST_REGISTER_(id_, string_, kind_, context_, count_, first_, label_, ...) \
        PTEST_QUIET_                                                                \
        static PtestTest id_##_test = {                                             \
                sizeof(PtestTest),                                                  \
                kind_,                                                              \
                string_,                                                            \
                __FILE__,                                                           \
                __LINE__,                                                           \
                context_,                                                           \
                id_##_run,                                                          \
                count_,                                                             \
                first_,                                                             \
                label_,                                                             \
                {.reserved_ = 0, __VA_ARGS__},                                    \
                NULL,                                                               \
                NULL                                                                \
        };                                                                          \
        PTEST_LOUD_                                                                 \
        __attribute__((constructor)) static void id_##_add(void) {                  \
                ptest_register_test(&id_##_test);                                   \
        }

#define PTEST_SINGLE_(id_, string_, context_, ...)                                          \
        static void id_##_body(void);                                                       \
        static void id_##_run(const PtestCall *call) {                                      \
                (void)call;                                                                 \
                PTEST_GUARDED_(id_##_body());                                               \
        }                                                                                   \
        PTEST_REGISTER_(id_, string_, PTEST_KIND_SINGLE, context_, 1, 0, NULL, __VA_ARGS__) \
        static void id_##_body(void)

/* PTEST(name, options…) { … }: a test */
#define PTEST(name_, ...) PTEST_SINGLE_(ptest_0_##name_, #name_, NULL, __VA_ARGS__)
/* PTEST_IN(context, name, options…) { … }: a test of a context; its name is its own within it */
#define PTEST_IN(context_, name_, ...) \
        PTEST_SINGLE_(ptest_1_##context_##_##name_, #name_, ptest_context(context_), __VA_ARGS__)

#define PTEST_TABLE_(id_, string_, context_, table_, label_, ...)                 \
        static void id_##_body(const __typeof__((table_)[0]) *row, size_t index); \
        static void id_##_run(const PtestCall *call) {                            \
                PTEST_GUARDED_(id_##_body(&(table_)[call->index], call->index));  \
        }                                                                         \
        PTEST_REGISTER_(id_,                                                      \
                        string_,                                                  \
                        PTEST_KIND_TABLE,                                         \
                        context_,                                                 \
                        sizeof(table_) / sizeof((table_)[0]),                     \
                        0,                                                        \
                        label_,                                                   \
                        __VA_ARGS__)                                              \
        static void id_##_body(                                                   \
                        const __typeof__((table_)[0]) *row PTEST_UNUSED_,         \
                        size_t index PTEST_UNUSED_)

/* PTEST_TABLE(name, array, options…) { … row->member … index … }: a test for each element, "name[index]" */
#define PTEST_TABLE(name_, table_, ...) \
        PTEST_TABLE_(ptest_0_##name_, #name_, NULL, table_, NULL, __VA_ARGS__)
#define PTEST_TABLE_IN(context_, name_, table_, ...) \
        PTEST_TABLE_(ptest_1_##context_##_##name_,   \
                     #name_,                         \
                     ptest_context(context_),        \
                     table_,                         \
                     NULL,                           \
                     __VA_ARGS__)
/* The same, and the element's member, a string, is its name: "name[member]". */
#define PTEST_TABLE_BY(name_, table_, member_, ...)            \
        static const char *ptest_0_##name_##_label(size_t i) { \
                return (table_)[i].member_;                    \
        }                                                      \
        PTEST_TABLE_(ptest_0_##name_, #name_, NULL, table_, ptest_0_##name_##_label, __VA_ARGS__)
#define PTEST_TABLE_BY_IN(context_, name_, table_, member_, ...)            \
        static const char *ptest_1_##context_##_##name_##_label(size_t i) { \
                return (table_)[i].member_;                                 \
        }                                                                   \
        PTEST_TABLE_(ptest_1_##context_##_##name_,                          \
                     #name_,                                                \
                     ptest_context(context_),                               \
                     table_,                                                \
                     ptest_1_##context_##_##name_##_label,                  \
                     __VA_ARGS__)

#define PTEST_RANGE_(id_, string_, context_, first_, end_, ...)                \
        static void id_##_body(int64_t i);                                     \
        static void id_##_run(const PtestCall *call) {                         \
                PTEST_GUARDED_(id_##_body(call->value));                       \
        }                                                                      \
        PTEST_REGISTER_(id_,                                                   \
                        string_,                                               \
                        PTEST_KIND_RANGE,                                      \
                        context_,                                              \
                        ((end_) > (first_) ? (size_t)((end_) - (first_)) : 0), \
                        first_,                                                \
                        NULL,                                                  \
                        __VA_ARGS__)                                           \
        static void id_##_body(int64_t i PTEST_UNUSED_)

/* PTEST_RANGE(name, first, end, options…) { … i … }: a test for each i with first ≤ i < end, "name[i]" */
#define PTEST_RANGE(name_, first_, end_, ...) \
        PTEST_RANGE_(ptest_0_##name_, #name_, NULL, first_, end_, __VA_ARGS__)
#define PTEST_RANGE_IN(context_, name_, first_, end_, ...) \
        PTEST_RANGE_(ptest_1_##context_##_##name_,         \
                     #name_,                               \
                     ptest_context(context_),              \
                     first_,                               \
                     end_,                                 \
                     __VA_ARGS__)

#define PTEST_TEMPLATE_(id_, string_, context_, ...)                                          \
        static void id_##_body(const char *arg);                                              \
        static void id_##_run(const PtestCall *call) {                                        \
                PTEST_GUARDED_(id_##_body(call->arg));                                        \
        }                                                                                     \
        PTEST_REGISTER_(id_, string_, PTEST_KIND_TEMPLATE, context_, 0, 0, NULL, __VA_ARGS__) \
        static void id_##_body(const char *arg PTEST_UNUSED_)

/*
 * PTEST_TEMPLATE(name, options…) { … arg … }: what tests are made of while the run goes on
 *
 * Any test of the same source file calls PTEST_ADD(name, "format", …): this adds the test "name[formatted]", which
 * any worker may then run, once. Whoever runs it knows the argument alone: it must be all that is needed. It is printable
 * text without line breaks, at most 512 bytes; a test that is already there is not added again.
 */
#define PTEST_TEMPLATE(name_, ...) PTEST_TEMPLATE_(ptest_0_##name_, #name_, NULL, __VA_ARGS__)
#define PTEST_TEMPLATE_IN(context_, name_, ...) \
        PTEST_TEMPLATE_(ptest_1_##context_##_##name_, #name_, ptest_context(context_), __VA_ARGS__)
#define PTEST_ADD(name_, ...)                    \
        (PTEST_LOOK_(__VA_ARGS__) ptest_add_at_( \
                        __FILE__, __LINE__, &ptest_0_##name_##_test, " " __VA_ARGS__))
#define PTEST_ADD_IN(context_, name_, ...)                                   \
        (PTEST_LOOK_(__VA_ARGS__)                                            \
                         ptest_add_at_(__FILE__,                             \
                                       __LINE__,                             \
                                       &ptest_1_##context_##_##name_##_test, \
                                       " " __VA_ARGS__))

/* Those of other source files are called first, in the order of linking. */
#define PTEST_HOOK_(name_)                                                    \
        static void ptest_##name_##_body_(void);                              \
        static PtestFunction ptest_##name_##_before_;                         \
        static void ptest_##name_##_run_(void) {                              \
                if (ptest_##name_##_before_)                                  \
                        ptest_##name_##_before_();                            \
                PTEST_GUARDED_(ptest_##name_##_body_());                      \
        }                                                                     \
        __attribute__((constructor)) static void ptest_##name_##_add_(void) { \
                ptest_##name_##_before_ = ptest_module_v1.name_;              \
                ptest_module_v1.name_ = ptest_##name_##_run_;                 \
        }                                                                     \
        static void ptest_##name_##_body_(void)

/* PTEST_WORKER_SET_UP { … }: once in each process that runs tests of this module, before the first; one in a source file */
#define PTEST_WORKER_SET_UP PTEST_HOOK_(worker_set_up)
/* PTEST_POPULATE { … }: once after loading; may call ptest_register_test() and _context(); one in a source file */
#define PTEST_POPULATE      PTEST_HOOK_(populate)

/* ---- In a test ---- */

/* Ends the test: it failed. A format as of printf(), and its values. */
#define ptest_fail(...)                                                                  \
        do {                                                                             \
                const PtestFailure ptest_f_ = ptest_failure_(                            \
                                __FILE__, __LINE__, PTEST_VALUE_NONE, NULL, NULL, NULL); \
                (PTEST_LOOK_(__VA_ARGS__) ptest_fail_at_(&ptest_f_, " " __VA_ARGS__));   \
        } while (0)

/* Ends the test: it cannot run here. In a set-up: none of the context's tests can. */
#define ptest_skip(...) \
        (PTEST_LOOK_(__VA_ARGS__) ptest_skip_at_(__FILE__, __LINE__, " " __VA_ARGS__))
#define ptest_skip_if(condition_, ...)           \
        do {                                     \
                if (condition_)                  \
                        ptest_skip(__VA_ARGS__); \
        } while (0)

/* A line in the test's output, with file and line. */
#define ptest_log(...) (PTEST_LOOK_(__VA_ARGS__) ptest_log_at_(__FILE__, __LINE__, " " __VA_ARGS__))

/*
 * ptest_export("NAME", "value %d", …): in the set-up of a shared context, this variable is in the environment of its tests, wherever
 * they run, and here. In any other place it is set in this process alone. Neither name nor value has a line break.
 */
#define ptest_export(name_, ...) ptest_export_at_(__FILE__, __LINE__, name_, __VA_ARGS__)

/*
 * Assertions. Each takes a format and its values behind its arguments, or nothing: what they say is shown with the failure.
 * Arguments are evaluated once. All are statements.
 */

#define PTEST_CHECK_(                                                                          \
                kind_,                                                                         \
                type_,                                                                         \
                member_,                                                                       \
                left_text_,                                                                    \
                left_,                                                                         \
                operation_text_,                                                               \
                right_text_,                                                                   \
                right_,                                                                        \
                holds_,                                                                        \
                ...)                                                                           \
        do {                                                                                   \
                const type_ ptest_l_ = (left_);                                                \
                const type_ ptest_r_ = (right_);                                               \
                if (__builtin_expect(!(holds_), 0)) {                                          \
                        PtestFailure ptest_f_ = ptest_failure_(                                \
                                        __FILE__,                                              \
                                        __LINE__,                                              \
                                        kind_,                                                 \
                                        left_text_,                                            \
                                        operation_text_,                                       \
                                        right_text_);                                          \
                        ptest_f_.left.member_ = ptest_l_;                                      \
                        ptest_f_.right.member_ = ptest_r_;                                     \
                        (PTEST_LOOK_(__VA_ARGS__) ptest_fail_at_(&ptest_f_, " " __VA_ARGS__)); \
                }                                                                              \
        } while (0)

#define ptest_assert(condition_, ...)      \
        PTEST_CHECK_(PTEST_VALUE_NONE,     \
                     int,                  \
                     i,                    \
                     #condition_,          \
                     (condition_) ? 1 : 0, \
                     NULL,                 \
                     NULL,                 \
                     0,                    \
                     ptest_l_ != ptest_r_, \
                     __VA_ARGS__)
#define ptest_assert_true(condition_, ...) \
        PTEST_CHECK_(PTEST_VALUE_BOOL,     \
                     int,                  \
                     i,                    \
                     #condition_,          \
                     (condition_) ? 1 : 0, \
                     "==",                 \
                     "true",               \
                     1,                    \
                     ptest_l_ == ptest_r_, \
                     __VA_ARGS__)
#define ptest_assert_false(condition_, ...) \
        PTEST_CHECK_(PTEST_VALUE_BOOL,      \
                     int,                   \
                     i,                     \
                     #condition_,           \
                     (condition_) ? 1 : 0,  \
                     "==",                  \
                     "false",               \
                     0,                     \
                     ptest_l_ == ptest_r_,  \
                     __VA_ARGS__)

/* Signed integers, of up to 64 bits */
#define PTEST_INT_(a_, ta_, op_, b_, tb_, ...) \
        PTEST_CHECK_(PTEST_VALUE_INT,          \
                     int64_t,                  \
                     i,                        \
                     ta_,                      \
                     a_,                       \
                     #op_,                     \
                     tb_,                      \
                     b_,                       \
                     ptest_l_ op_ ptest_r_,    \
                     __VA_ARGS__)
#define ptest_assert_int_eq(a_, b_, ...) PTEST_INT_(a_, #a_, ==, b_, #b_, __VA_ARGS__)
#define ptest_assert_int_ne(a_, b_, ...) PTEST_INT_(a_, #a_, !=, b_, #b_, __VA_ARGS__)
#define ptest_assert_int_lt(a_, b_, ...) PTEST_INT_(a_, #a_, <, b_, #b_, __VA_ARGS__)
#define ptest_assert_int_le(a_, b_, ...) PTEST_INT_(a_, #a_, <=, b_, #b_, __VA_ARGS__)
#define ptest_assert_int_gt(a_, b_, ...) PTEST_INT_(a_, #a_, >, b_, #b_, __VA_ARGS__)
#define ptest_assert_int_ge(a_, b_, ...) PTEST_INT_(a_, #a_, >=, b_, #b_, __VA_ARGS__)

/* Unsigned ones; shown in decimal and hexadecimal */
#define PTEST_UINT_(a_, ta_, op_, b_, tb_, ...) \
        PTEST_CHECK_(PTEST_VALUE_UINT,          \
                     uint64_t,                  \
                     u,                         \
                     ta_,                       \
                     a_,                        \
                     #op_,                      \
                     tb_,                       \
                     b_,                        \
                     ptest_l_ op_ ptest_r_,     \
                     __VA_ARGS__)
#define ptest_assert_uint_eq(a_, b_, ...) PTEST_UINT_(a_, #a_, ==, b_, #b_, __VA_ARGS__)
#define ptest_assert_uint_ne(a_, b_, ...) PTEST_UINT_(a_, #a_, !=, b_, #b_, __VA_ARGS__)
#define ptest_assert_uint_lt(a_, b_, ...) PTEST_UINT_(a_, #a_, <, b_, #b_, __VA_ARGS__)
#define ptest_assert_uint_le(a_, b_, ...) PTEST_UINT_(a_, #a_, <=, b_, #b_, __VA_ARGS__)
#define ptest_assert_uint_gt(a_, b_, ...) PTEST_UINT_(a_, #a_, >, b_, #b_, __VA_ARGS__)
#define ptest_assert_uint_ge(a_, b_, ...) PTEST_UINT_(a_, #a_, >=, b_, #b_, __VA_ARGS__)

/* Numbers with a fraction. NaN is near nothing. A tolerance of 0: exactly equal */
#define PTEST_FLOAT_(a_, ta_, op_, b_, tb_, ...) \
        PTEST_CHECK_(PTEST_VALUE_FLOAT,          \
                     double,                     \
                     d,                          \
                     ta_,                        \
                     a_,                         \
                     #op_,                       \
                     tb_,                        \
                     b_,                         \
                     ptest_l_ op_ ptest_r_,      \
                     __VA_ARGS__)
#define ptest_assert_float_lt(a_, b_, ...) PTEST_FLOAT_(a_, #a_, <, b_, #b_, __VA_ARGS__)
#define ptest_assert_float_le(a_, b_, ...) PTEST_FLOAT_(a_, #a_, <=, b_, #b_, __VA_ARGS__)
#define ptest_assert_float_gt(a_, b_, ...) PTEST_FLOAT_(a_, #a_, >, b_, #b_, __VA_ARGS__)
#define ptest_assert_float_ge(a_, b_, ...) PTEST_FLOAT_(a_, #a_, >=, b_, #b_, __VA_ARGS__)
#define ptest_assert_float_near(a_, b_, tolerance_, ...)                                          \
        do {                                                                                      \
                const double ptest_l_ = (a_), ptest_r_ = (b_), ptest_t_ = (tolerance_);           \
                if (__builtin_expect(!ptest_near_(ptest_l_, ptest_r_, ptest_t_), 0)) {            \
                        PtestFailure ptest_f_ = ptest_failure_(                                   \
                                        __FILE__, __LINE__, PTEST_VALUE_FLOAT, #a_, "near", #b_); \
                        ptest_f_.left.d = ptest_l_;                                               \
                        ptest_f_.right.d = ptest_r_;                                              \
                        ptest_f_.tolerance = ptest_t_;                                            \
                        (PTEST_LOOK_(__VA_ARGS__) ptest_fail_at_(&ptest_f_, " " __VA_ARGS__));    \
                }                                                                                 \
        } while (0)

/* Pointers */
#define PTEST_POINTER_(a_, ta_, opt_, b_, tb_, holds_, ...) \
        PTEST_CHECK_(PTEST_VALUE_POINTER,                   \
                     void *const,                           \
                     p,                                     \
                     ta_,                                   \
                     (void *)(uintptr_t)(a_),               \
                     opt_,                                  \
                     tb_,                                   \
                     (void *)(uintptr_t)(b_),               \
                     holds_,                                \
                     __VA_ARGS__)
#define ptest_assert_ptr_eq(a_, b_, ...) \
        PTEST_POINTER_(a_, #a_, "==", b_, #b_, ptest_l_ == ptest_r_, __VA_ARGS__)
#define ptest_assert_ptr_ne(a_, b_, ...) \
        PTEST_POINTER_(a_, #a_, "!=", b_, #b_, ptest_l_ != ptest_r_, __VA_ARGS__)
#define ptest_assert_null(a_, ...) \
        PTEST_POINTER_(a_, #a_, "==", 0, "NULL", ptest_l_ == ptest_r_, __VA_ARGS__)
#define ptest_assert_not_null(a_, ...) \
        PTEST_POINTER_(a_, #a_, "!=", 0, "NULL", ptest_l_ != ptest_r_, __VA_ARGS__)

/*
 * Strings and memory may be those of a temporary object of C++, which lives as long as one expression: comparing and
 * failing are one.
 */
#define PTEST_WITHIN_(check_, ...)                                                               \
        do {                                                                                     \
                PtestFailure ptest_f_;                                                           \
                (void)((check_) ? (void)0 :                                                      \
                                  (PTEST_LOOK_(__VA_ARGS__)                                      \
                                                   ptest_fail_at_(&ptest_f_, " " __VA_ARGS__))); \
        } while (0)

/* Strings; NULL is equal to NULL alone, and contains nothing */
#define PTEST_STRING_(a_, ta_, opt_, b_, tb_, ...)                                                \
        PTEST_WITHIN_(ptest_check_string_(&ptest_f_, __FILE__, __LINE__, a_, ta_, opt_, b_, tb_), \
                      __VA_ARGS__)
#define ptest_assert_str_eq(a_, b_, ...) PTEST_STRING_(a_, #a_, "==", b_, #b_, __VA_ARGS__)
#define ptest_assert_str_ne(a_, b_, ...) PTEST_STRING_(a_, #a_, "!=", b_, #b_, __VA_ARGS__)
#define ptest_assert_str_contains(a_, b_, ...) \
        PTEST_STRING_(a_, #a_, "contains", b_, #b_, __VA_ARGS__)
#define ptest_assert_str_starts(a_, b_, ...) \
        PTEST_STRING_(a_, #a_, "starts with", b_, #b_, __VA_ARGS__)

/* Memory of size_ bytes; where they differ first is shown in hexadecimal */
#define PTEST_MEMORY_(a_, ta_, opt_, b_, tb_, size_, ...) \
        PTEST_WITHIN_(ptest_check_memory_(                \
                                      &ptest_f_,          \
                                      __FILE__,           \
                                      __LINE__,           \
                                      a_,                 \
                                      ta_,                \
                                      opt_,               \
                                      b_,                 \
                                      tb_,                \
                                      size_),             \
                      __VA_ARGS__)
#define ptest_assert_mem_eq(a_, b_, size_, ...) \
        PTEST_MEMORY_(a_, #a_, "==", b_, #b_, size_, __VA_ARGS__)
#define ptest_assert_mem_ne(a_, b_, size_, ...) \
        PTEST_MEMORY_(a_, #a_, "!=", b_, #b_, size_, __VA_ARGS__)

/* A call that returns a negative errno when it fails: it did not */
#define ptest_assert_ok(r_, ...)           \
        PTEST_CHECK_(PTEST_VALUE_ERRNO,    \
                     int64_t,              \
                     i,                    \
                     #r_,                  \
                     r_,                   \
                     ">=",                 \
                     "0",                  \
                     0,                    \
                     ptest_l_ >= ptest_r_, \
                     __VA_ARGS__)
/* The same: it failed with this errno, ptest_assert_error(file_open("/none"), ENOENT) */
#define ptest_assert_error(r_, error_, ...) \
        PTEST_CHECK_(PTEST_VALUE_ERRNO,     \
                     int64_t,               \
                     i,                     \
                     #r_,                   \
                     r_,                    \
                     "==",                  \
                     "-" #error_,           \
                     -(int64_t)(error_),    \
                     ptest_l_ == ptest_r_,  \
                     __VA_ARGS__)
/* A call that returns -1 and sets errno when it fails: it did not */
#define ptest_assert_errno(call_, ...)               \
        PTEST_CHECK_(PTEST_VALUE_ERRNO,              \
                     int64_t,                        \
                     i,                              \
                     #call_,                         \
                     ptest_errno_((int64_t)(call_)), \
                     ">=",                           \
                     "0",                            \
                     0,                              \
                     ptest_l_ >= ptest_r_,           \
                     __VA_ARGS__)

PTEST_UNUSED_ static inline bool ptest_near_(double a, double b, double tolerance) {
        return fabs(a - b) <= tolerance || (a <= b && a >= b);
}

PTEST_UNUSED_ static inline bool ptest_string_holds_(const char *a, char operation, const char *b) {
        if (!a || !b)
                return operation == '=' ? a == b : operation == '!' && a != b;
        switch (operation) {
        case '=':
                return strcmp(a, b) == 0;
        case '!':
                return strcmp(a, b) != 0;
        case 'c':
                return strstr(a, b) != NULL;
        default:
                return strncmp(a, b, strlen(b)) == 0;
        }
}

/* True if it holds; otherwise *ret says what does not. */
PTEST_UNUSED_ static inline bool ptest_check_string_(
                PtestFailure *ret,
                const char *file,
                unsigned line,
                const char *left,
                const char *left_text,
                const char *operation,
                const char *right,
                const char *right_text) {
        if (ptest_string_holds_(left, operation[0], right))
                return true;
        *ret = ptest_failure_(file, line, PTEST_VALUE_STRING, left_text, operation, right_text);
        ret->left.p = left;
        ret->right.p = right;
        return false;
}

PTEST_UNUSED_ static inline bool ptest_check_memory_(
                PtestFailure *ret,
                const char *file,
                unsigned line,
                const void *left,
                const char *left_text,
                const char *operation,
                const void *right,
                const char *right_text,
                size_t size) {
        const bool same = left == right || size == 0 ||
                        (left && right && memcmp(left, right, size) == 0);

        if (same == (operation[0] == '='))
                return true;
        *ret = ptest_failure_(file, line, PTEST_VALUE_MEMORY, left_text, operation, right_text);
        ret->left.p = left;
        ret->right.p = right;
        ret->memory_size = size;
        return false;
}

PTEST_UNUSED_ static inline int64_t ptest_errno_(int64_t r) {
        return r < 0 && errno > 0 ? -errno : r;
}
