/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Records of a run: message ids and field names
 *
 * The same fields stand in the journal and in the run file (Journal Export Format). Times are in
 * microseconds, sizes in bytes; numbers are decimal. Each record also has MESSAGE (one line for a person),
 * MESSAGE_ID, PRIORITY and SYSLOG_IDENTIFIER=ptest. Ids are 128 bits as 32 lower-case hexadecimal digits.
 */

#define PTEST_MESSAGE_RUN_STARTED      "990e3766e42d4f2580a80353c734d7b1"
#define PTEST_MESSAGE_RUN_FINISHED     "451a4dd723e94002b6d6997f0a1eec37"
#define PTEST_MESSAGE_TEST_FINISHED    "6c5658d8b5124b0b8f2d169b43d56922"
#define PTEST_MESSAGE_WORKER_STARTED   "ea90ff70dd2f4bafacad90679fcaf2fc"
#define PTEST_MESSAGE_WORKER_STOPPED   "624e515375194234a9c8325890dad4ef"
#define PTEST_MESSAGE_WORKER_STUCK     "3dceb16c0c1f458886147a95e7855406"
#define PTEST_MESSAGE_WORKER_LOST      "dd278add1ae7483eb1ecb5fd7789b848"
#define PTEST_MESSAGE_FIXTURE_FAILED   "bd51cc5566c3416db1d817d7f246b5d4"
#define PTEST_MESSAGE_TESTS_FOUND      "1bd60ab9765d4ea18cb2969afc8d176b"
/* One attempt at a test that was run again; its last attempt, and so its outcome, is in test finished */
#define PTEST_MESSAGE_ATTEMPT_FINISHED "36b5132bab8041368b178e299308a362"
#define PTEST_MESSAGE_RUN_PAUSED       "f90338796e5c4585b0b8566d2d7c53fc"
#define PTEST_MESSAGE_RUN_CONTINUED    "7d398e8a36324ff0bedef7c24f493de3"

/* In every record */
#define PTEST_FIELD_RUN_ID "PTEST_RUN_ID"
#define PTEST_FIELD_SUITE  "PTEST_SUITE"
/* CLOCK_REALTIME of the event itself, as the coordinator saw it */
#define PTEST_FIELD_TIME   "PTEST_TIME_USEC"

/* In every record of a run file, and there only: its last field, a checksum of the bytes before it */
#define PTEST_FIELD_CHECKSUM "PTEST_CHECKSUM"

/* Run started */
#define PTEST_FIELD_DESCRIPTION "PTEST_DESCRIPTION"
#define PTEST_FIELD_VERSION     "PTEST_VERSION"
#define PTEST_FIELD_PLANNED \
        "PTEST_PLANNED" /* tests planned; also in run finished and tests found */
#define PTEST_FIELD_WORKERS "PTEST_WORKERS" /* slots */
#define PTEST_FIELD_BACKEND "PTEST_BACKEND" /* system, user, plain */
#define PTEST_FIELD_CAPABILITY \
        "PTEST_CAPABILITY" /* repeated: name=yes|no, as ptest doctor prints it */
#define PTEST_FIELD_GROWS             "PTEST_GROWS" /* 1: tests may bring forth more of them; or absent */
#define PTEST_FIELD_HOSTNAME          "PTEST_HOSTNAME"
#define PTEST_FIELD_COMMAND           "PTEST_COMMAND" /* the command line, quoted for a shell */
#define PTEST_FIELD_WORKING_DIRECTORY "PTEST_WORKING_DIRECTORY" /* where the command was given */
#define PTEST_FIELD_RUN_FILE \
        "PTEST_RUN_FILE" /* its path, while the run goes on; also in run finished: from then on */
#define PTEST_FIELD_DEGRADED \
        "PTEST_DEGRADED" /* which limits are not held, as a sentence; or absent */
#define PTEST_FIELD_RESUMES  "PTEST_RESUMES"  /* the run id of the run that this one goes on with */
#define PTEST_FIELD_RERUN_OF "PTEST_RERUN_OF" /* the run id of the run whose tests are run again */
#define PTEST_FIELD_SEED     "PTEST_SEED"     /* of the order, if tests were shuffled */
#define PTEST_FIELD_SHARD    "PTEST_SHARD"    /* "2/5": which part of the suite this is */
#define PTEST_FIELD_PATTERNS \
        "PTEST_PATTERNS" /* lines: patterns of --keyword=, which chose the tests; or absent */

/*
 * Run started and run finished: how scarce things were on the machine, as the kernel's /proc/pressure has it. Lines:
 * "cpu some avg10=0.00 avg60=0.00 avg300=0.00 total=0"; with memory and io as well.
 */
#define PTEST_FIELD_PRESSURE "PTEST_PRESSURE"

/* Test finished, attempt finished */
#define PTEST_FIELD_TEST    "PTEST_TEST" /* the address */
#define PTEST_FIELD_OUTCOME "PTEST_OUTCOME"
#define PTEST_FIELD_REASON \
        "PTEST_REASON" /* one line; absent for a plain pass; also in run finished */
#define PTEST_FIELD_MARK    "PTEST_MARK"    /* repeated */
#define PTEST_FIELD_ATTEMPT "PTEST_ATTEMPT" /* from 1 */
#define PTEST_FIELD_ATTEMPTS \
        "PTEST_ATTEMPTS" /* test finished: how many were made; attempt finished: at most; absent: 1 */
#define PTEST_FIELD_CARRIED_FROM \
        "PTEST_CARRIED_FROM" /* the run id of the run in which it ran; absent: this one; also in fixture failed */
#define PTEST_FIELD_SLOT       "PTEST_SLOT"          /* from 1; also in worker records */
#define PTEST_FIELD_GENERATION "PTEST_GENERATION"    /* from 1; also in worker records */
#define PTEST_FIELD_START      "PTEST_START_USEC"    /* CLOCK_REALTIME */
#define PTEST_FIELD_DURATION   "PTEST_DURATION_USEC" /* also in run finished */
#define PTEST_FIELD_CPU_USER   "PTEST_CPU_USER_USEC"
#define PTEST_FIELD_CPU_SYSTEM "PTEST_CPU_SYSTEM_USEC"
#define PTEST_FIELD_MEMORY_PEAK \
        "PTEST_MEMORY_PEAK" /* bytes; of the largest process unless the cgroup is measured */
#define PTEST_FIELD_TASKS_PEAK "PTEST_TASKS_PEAK" /* processes and threads at a time */
#define PTEST_FIELD_IO_READ    "PTEST_IO_READ"    /* bytes, from block devices */
#define PTEST_FIELD_IO_WRITE   "PTEST_IO_WRITE"
#define PTEST_FIELD_OOM_OWNER \
        "PTEST_OOM_OWNER" /* whose limit it was: test, worker, slice, machine */
#define PTEST_FIELD_OOM_LIMIT   "PTEST_OOM_LIMIT"  /* bytes */
#define PTEST_FIELD_OOM_VICTIM  "PTEST_OOM_VICTIM" /* "pid name" of the process that was killed */
#define PTEST_FIELD_EXIT_STATUS "PTEST_EXIT_STATUS"
#define PTEST_FIELD_SIGNAL      "PTEST_SIGNAL"      /* its name, SIGSEGV */
#define PTEST_FIELD_CORE        "PTEST_CORE_DUMPED" /* 1 or absent */
/*
 * Lists stand in one field with one item a line: the journal keeps neither the order nor the duplicates of
 * repeated fields, and takes at most 1024 fields an entry. Newlines and backslashes in an item are written
 * as \n and \\; '#' in a point's name as \#.
 */
#define PTEST_FIELD_POINTS \
        "PTEST_POINTS" /* lines: "outcome number name" or "outcome number name # reason" */
#define PTEST_FIELD_LEAKS     "PTEST_LEAKS" /* lines: "pid command line" */
#define PTEST_FIELD_DIRTY     "PTEST_DIRTY" /* lines: what it left changed in its process, in words */
#define PTEST_FIELD_BACKTRACE "PTEST_BACKTRACE" /* lines: frames, the innermost first */
#define PTEST_FIELD_STUCK \
        "PTEST_STUCK_REPORT" /* lines: what its processes were doing at its time limit; also in worker stuck */
#define PTEST_FIELD_FILES     "PTEST_FILES"     /* lines: what it left in its private places */
#define PTEST_FIELD_DIRECTORY "PTEST_DIRECTORY" /* where its private places were kept */
#define PTEST_FIELD_ORDER \
        "PTEST_OUTPUT_ORDER" /* parts of stdout (o) and stderr (e) as they were read: "o120 e33+1500" */
#define PTEST_FIELD_STDOUT "PTEST_STDOUT" /* as the test wrote it, any bytes; absent if empty */
#define PTEST_FIELD_STDERR "PTEST_STDERR"
#define PTEST_FIELD_STDOUT_SIZE \
        "PTEST_STDOUT_SIZE" /* bytes written, where that is more than was kept */
#define PTEST_FIELD_STDERR_SIZE "PTEST_STDERR_SIZE"

/* Fixture failed; it has the fields of test finished too, but for PTEST_TEST */
#define PTEST_FIELD_CONTEXT "PTEST_CONTEXT" /* the context's name */
#define PTEST_FIELD_FIXTURE "PTEST_FIXTURE" /* set-up or tear-down */

/* Tests found; PTEST_TEST is the test that found them, PTEST_PLANNED how many are planned with them */
#define PTEST_FIELD_FOUND      "PTEST_FOUND"      /* how many */
#define PTEST_FIELD_DUPLICATES "PTEST_DUPLICATES" /* how many there were already; or absent */

/* Worker started, stopped, stuck, lost; PTEST_TEST in stuck is the test that it was at */
#define PTEST_FIELD_PID  "PTEST_PID"
#define PTEST_FIELD_UNIT "PTEST_UNIT" /* the scope; absent on the plain backend */
#define PTEST_FIELD_WHY  "PTEST_WHY"  /* one line */

/*
 * Run paused, run continued: the run was stopped from outside (Ctrl-Z), with all its tests and clocks. Durations are without
 * that time. A run that was killed while it was paused has no "run continued".
 */
#define PTEST_FIELD_RUNNING "PTEST_RUNNING"   /* run paused: tests that were running */
#define PTEST_FIELD_AWAY    "PTEST_AWAY_USEC" /* run continued: for how long it was paused */

/* Run finished */
#define PTEST_FIELD_VERDICT \
        "PTEST_VERDICT" /* passed, failed, machinery-failed, nothing-to-run, incomplete */
#define PTEST_FIELD_COUNT \
        "PTEST_COUNT" /* repeated: outcome=number, mark=number; zeros are absent */
#define PTEST_FIELD_JOURNAL_LOST "PTEST_JOURNAL_LOST" /* records that the journal did not take */
