/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/*
 * What a coordinator and its workers say to each other
 *
 * Transport: nng over ipc://. One PUSH socket a worker carries tasks to it; one PULL socket at the
 * coordinator takes the events of all. Both live in one private directory whose path is given to the
 * worker on its command line; the sockets are named "e" (events) and "w<slot>g<generation>" (tasks). Workers
 * may have another user, who cannot write there: files of theirs lie in PTEST_FILES_DIRECTORY below, which is that user's.
 *
 * A message is one msgpack map with short string keys, one of which is "k", the kind. Unknown keys are
 * skipped. A message that is too large, too deep, has a value out of its bounds or bytes after its end is
 * broken: it costs its sender (a worker is stopped and replaced), never its receiver.
 *
 * An exchange:
 *
 *      worker                          coordinator
 *        hello {version,slot,gen,pid} ─▶
 *                                     ◀─ tasks [{id,…}, …]          any number of times
 *        finished {id,outcome,…}      ─▶                            one for each task, in the order sent
 *        spilled {id,offset,size}     ─▶                            the same, for one above PTEST_MESSAGE_SIZE_MAX
 *        found {id, [words, …]}       ─▶                            tests that the task of that id has brought forth
 *                                     ◀─ cancel [id, …]             tasks that need not be started any more
 *        cancelled [id, …]            ─▶                            those of them that had not been started
 *                                     ◀─ pause {on}                 all tests stand still; not on: they go on
 *        paused                       ─▶                            they stand still
 *                                     ◀─ peek {id}                  what has the task of that id printed so far?
 *        peeked {id, …}               ─▶                            that; or that it does not run
 *                                     ◀─ stop {now}                 end; now: without finishing what runs
 *        bye                          ─▶
 *                                     ◀─ stop {now: true}           the acknowledgement: the worker ends
 *
 * There is no message for the start of a task: PtestPage says what runs.
 *
 * What a worker says travels in packets of one message or more, one behind the other, at most PTEST_MESSAGE_SIZE_MAX
 * in all: tests of modules end faster than packets can be sent. A coordinator sends one message at a time.
 *
 * A task is a test, or the set-up or tear-down of an instance of a context. A worker keeps no order among them:
 * it runs what it is sent, as it is sent. What a set-up leaves running it keeps until the tear-down of the same
 * instance, after which it ends it. What a set-up exports comes back with its result, and goes with every task that is
 * to have it: so a test may run in another worker than its set-up, and a tear-down where the set-up's worker is gone.
 *
 * What a test finds are words, of which the coordinator makes a test: of a test of a module one word, the name of a
 * test there; of a program's all that is to be said behind the command that runs what it finds. They come before the
 * result of the test that found them, so that a run is never over with tests to come.
 *
 * A worker that says "spent" in a result starts nothing after it: its tasks that it has not started are to be
 * given to its successor.
 *
 * A worker that was started to do so (--hand-back) gives back all that it has not started, as "cancelled" without being
 * asked, behind each test with a bad outcome, and behind each program that has found tests, since not all that it found may
 * be such as to become one: whether there is more to be started is then for the coordinator to say, who sends such a worker
 * nothing while it has something.
 *
 * Inherited fds of a worker: PTEST_GATE_FD, one end of a stream socketpair; the worker waits for one byte on
 * it before it does anything, and ends itself and its tests when the other end is closed. PTEST_PAGE_FD, a
 * memfd of one PtestPage, which both map. PTEST_SPILL_FD, a memfd to which the worker appends messages that
 * are too large for the socket, each at an offset that it never uses again; "spilled" says where, and the
 * coordinator punches out what it has read. Only the two processes can reach it: no test can forge a result.
 */

#define PTEST_PROTOCOL_VERSION 4

/* The cgroup of a worker itself in that of its scope, once each test has one of its own beside it. */
#define PTEST_CGROUP_LEAF "worker"

/* nng 1.5.2 loses or hangs on large last messages (above 200 kB, measured); larger ones are spilled. */
#define PTEST_MESSAGE_SIZE_MAX (64U * 1024U)

/* Nesting of a message: map → array of tasks → map → array of strings, and some room. */
#define PTEST_MESSAGE_DEPTH_MAX 8U

/* Values in one message, keys included: memory for 24 bytes each is taken before they are understood. */
#define PTEST_MESSAGE_VALUES_MAX (128U * 1024U)

/* Keys in one map. */
#define PTEST_MESSAGE_KEYS_MAX 64U

/* Tasks in one message, and tasks that a worker holds at once. */
#define PTEST_TASKS_MAX 256U

/* One spilled message: two streams at their cap, and the points of a test. */
#define PTEST_SPILL_SIZE_MAX (16U * 1024U * 1024U)

/* What a set-up may export: lines NAME=value, and the bytes of all. */
#define PTEST_EXPORTS_MAX      256U
#define PTEST_EXPORTS_SIZE_MAX (16U * 1024U)

/* What one message of found tests may bring, and the bytes of one of them. */
#define PTEST_FOUND_MAX      1024U
#define PTEST_FOUND_SIZE_MAX 4096U

/* Bytes of each output stream in one peeked message. */
#define PTEST_PEEK_SIZE_MAX (28U * 1024U)

/* Bytes kept of each output stream of a test; head and tail are kept, the middle is counted. */
#define PTEST_OUTPUT_MAX_DEFAULT (1024U * 1024U)
#define PTEST_OUTPUT_MAX_LARGEST (4U * 1024U * 1024U)

/*
 * Keys. Types: u an unsigned integer, b a boolean, s text (UTF-8 without NUL), c bytes without NUL, o any
 * bytes; c and o are packed as bin and may come as str. A value that is the default stays away; those
 * without a default are required.
 */
#define PTEST_KEY_KIND \
        "k" /* s: hello, tasks, finished, spilled, found, cancel, cancelled, pause, paused, peek, peeked, stop, bye */

#define PTEST_KEY_VERSION    "v" /* hello, u */
#define PTEST_KEY_SLOT       "w" /* hello, u from 1 */
#define PTEST_KEY_GENERATION "g" /* hello, u from 1 */
#define PTEST_KEY_PID        "p" /* hello, u from 1 */

#define PTEST_KEY_TASKS "t" /* tasks, array of maps of the following */

#define PTEST_KEY_ID             "i" /* task, finished, spilled, found; u from 1 */
#define PTEST_KEY_ATTEMPT        "a" /* u from 1; 1 */
#define PTEST_KEY_ADDRESS        "n" /* s, an address */
#define PTEST_KEY_ARGV           "c" /* array of c, the first not empty */
#define PTEST_KEY_ENV            "e" /* array of arrays [EnvOpKind u, name c, value c, separator c]; none */
#define PTEST_KEY_WORKDIR        "d"  /* c, absolute; none */
#define PTEST_KEY_PROTOCOL       "p"  /* u, TestProtocol; 0 */
#define PTEST_KEY_SHOULD_FAIL    "f"  /* b; false */
#define PTEST_KEY_TIMEOUT        "to" /* u, microseconds; PTEST_WIRE_TIMEOUT */
#define PTEST_KEY_GRACE          "g"  /* u, microseconds; PTEST_WIRE_GRACE */
#define PTEST_KEY_TIMEOUT_SIGNAL "s"  /* u, 1 to 64; PTEST_WIRE_TIMEOUT_SIGNAL */
#define PTEST_KEY_OUTPUT_MAX     "m"  /* u, bytes; PTEST_OUTPUT_MAX_DEFAULT */
#define PTEST_KEY_ISOLATE        "is" /* b; false */
#define PTEST_KEY_FINDS          "fi" /* b; false */
#define PTEST_KEY_MEMORY_MAX     "mm" /* u, bytes; none */
#define PTEST_KEY_MEMORY_HIGH    "mh" /* u, bytes; none */
#define PTEST_KEY_TASKS_MAX      "tm" /* u from 1; none */
#define PTEST_KEY_CPU_QUOTA      "cq" /* u from 1, microseconds a second; none */
#define PTEST_KEY_LEAK_POLICY    "lp" /* u, LeakPolicy; 0 */
#define PTEST_KEY_LEAK_GRACE     "lg" /* u, microseconds; PTEST_WIRE_LEAK_GRACE */
#define PTEST_KEY_STUCK_POLICY   "sr" /* u, StuckPolicy; 0 */
#define PTEST_KEY_PRIVATE        "pp" /* u, PrivatePlace bits; 0 */
#define PTEST_KEY_KEEP_FAILED    "kf" /* b; false */
#define PTEST_KEY_ROLE           "r"  /* u, PtestRole; 0 */
#define PTEST_KEY_INSTANCE       "in" /* u from 1, of a set-up or tear-down; none */
#define PTEST_KEY_EXPORTS        "x" /* array of c, NAME=value: set last in the environment; none */

#define PTEST_KEY_OUTCOME     "o"  /* finished, u, PtestOutcome; and so all that follow */
#define PTEST_KEY_MARKS       "m"  /* u, PtestMark bits; 0 */
#define PTEST_KEY_REASON      "r"  /* s; none */
#define PTEST_KEY_START       "st" /* u, microseconds of CLOCK_REALTIME; 0 */
#define PTEST_KEY_DURATION    "du" /* u, microseconds; 0 */
#define PTEST_KEY_CPU_USER    "cu" /* u, microseconds; 0 */
#define PTEST_KEY_CPU_SYSTEM  "cs" /* u, microseconds; 0 */
#define PTEST_KEY_MEMORY      "mp" /* u, bytes; unknown */
#define PTEST_KEY_TASKS_PEAK  "tp" /* u; unknown */
#define PTEST_KEY_READ        "rb" /* u, bytes; unknown */
#define PTEST_KEY_WRITTEN     "wb" /* u, bytes; unknown */
#define PTEST_KEY_OOM_OWNER   "oo" /* u, OomOwner; 0 */
#define PTEST_KEY_OOM_LIMIT   "ol" /* u, bytes; none */
#define PTEST_KEY_OOM_VICTIM  "ov" /* s; none */
#define PTEST_KEY_EXIT_STATUS "x"  /* u, 0 to 255; none */
#define PTEST_KEY_SIGNAL      "sg" /* u, 1 to 64; none */
#define PTEST_KEY_CORE        "cd" /* b; false */
#define PTEST_KEY_CORE_PID    "cp" /* u from 1, of the process whose core it is; none */
#define PTEST_KEY_POINTS \
        "pt" /* array of [PtestOutcome u, number u, name s] or the same and reason s */
#define PTEST_KEY_LEAKS        "lk"   /* array of s; none */
#define PTEST_KEY_DIRTY        "dy"   /* array of s; none */
#define PTEST_KEY_BACKTRACE    "bt"   /* array of s; none */
#define PTEST_KEY_STUCK        "su"   /* array of s; none */
#define PTEST_KEY_FILES        "fl"   /* array of s; none */
#define PTEST_KEY_DIRECTORY    "kd"   /* s; none */
#define PTEST_KEY_ORDER        "or"   /* s, see model/output-order.h; none */
#define PTEST_KEY_STDOUT       "out"  /* o; none */
#define PTEST_KEY_STDOUT_TOTAL "outn" /* u, bytes written; the size of what is there */
#define PTEST_KEY_STDERR       "err"
#define PTEST_KEY_STDERR_TOTAL "errn"

#define PTEST_KEY_EXPORTED "ex" /* finished, of a set-up: array of c, NAME=value; none */

#define PTEST_KEY_SPENT "sp" /* finished, b; false */

#define PTEST_KEY_FOUND \
        "fo" /* found, array of arrays of c, none of them empty; neither are the arrays */

#define PTEST_KEY_OFFSET "off" /* spilled, u */
#define PTEST_KEY_SIZE   "sz"  /* spilled, u from 1 */

#define PTEST_KEY_IDS "ids" /* cancel, cancelled; array of u from 1 */

#define PTEST_KEY_NOW "now" /* stop, b; false */

#define PTEST_KEY_ON "on" /* pause, b; false */

/*
 * peek: from which byte of each stream on, u; 0. peeked: whether the task runs, b; false; with the keys of a result's
 * streams: the bytes from there on, of which those in the middle are left out where they are too many or not kept any
 * more, and how many of them are before that gap, u; 0.
 */
#define PTEST_KEY_RUNS        "rn"
#define PTEST_KEY_STDOUT_FROM "outf"
#define PTEST_KEY_STDERR_FROM "errf"
#define PTEST_KEY_STDOUT_HEAD "outh"
#define PTEST_KEY_STDERR_HEAD "errh"

/* In the directory that a worker is given for private places of tests: of those that run, and of those that are kept. */
#define PTEST_PLACES_NEW  "t"
#define PTEST_PLACES_KEPT "kept"

/*
 * ptest-worker --stuck-report [--below] [--no-stacks] PID… tells on its stdout what these processes are doing, with --below
 * also their descendants, with --no-stacks without asking a debugger: at most so many bytes, and by itself within less than so
 * many microseconds, fewer without a debugger.
 */
#define PTEST_STUCK_REPORT_OPTION    "--stuck-report"
#define PTEST_STUCK_REPORT_BELOW     "--below"
#define PTEST_STUCK_REPORT_NO_STACKS "--no-stacks"
#define PTEST_STUCK_REPORT_SIZE_MAX  (64U * 1024U)
#define PTEST_STUCK_REPORT_MAX       3000000U
#define PTEST_STUCK_REPORT_BRIEF_MAX 1000000U

/* What a task is. A tear-down may have an empty argv: then there is only to be ended what the set-up left running. */
typedef enum PtestRole {
        PTEST_ROLE_TEST,
        PTEST_ROLE_SET_UP,
        PTEST_ROLE_TEAR_DOWN,
        PTEST_ROLE_MAX,
} PtestRole;

/* What a task has if it does not say otherwise; part of this version. */
#define PTEST_WIRE_TIMEOUT        300000000U /* 5 min */
#define PTEST_WIRE_LEAK_GRACE     200000U    /* 200 ms */
#define PTEST_WIRE_GRACE          5000000U   /* 5 s */
#define PTEST_WIRE_TIMEOUT_SIGNAL 2          /* SIGINT */

/* The largest number of a signal. */
#define PTEST_SIGNAL_MAX 64

#define PTEST_FILES_DIRECTORY "files"

#define PTEST_GATE_FD  3
#define PTEST_PAGE_FD  4
#define PTEST_SPILL_FD 5

/*
 * One page that a worker writes and the coordinator reads, so that it is known what a worker was doing
 * when it died, without a message for each start. All fields are written and read with C11 atomics
 * (release and acquire). task_id 0 is no task: ids start at 1.
 *
 * What runs of a module its host writes here itself, so that it is true also when the worker is killed in the middle of a batch. Tests
 * share that process: one that writes wherever it likes can change what is believed of its own worker, and of no other.
 */
typedef struct PtestPage {
        uint64_t task_id; /* the task that runs now; written last at its start, 0 first at its end */
        uint64_t started_usec;   /* CLOCK_MONOTONIC at that start */
        uint64_t started_count;  /* tasks started so far by this worker */
        uint64_t finished_count; /* results handed to nng so far */
        int64_t leader_pid;      /* pid of that task's process, 0 for none */
} PtestPage;
