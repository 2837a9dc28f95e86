/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Between the files that make a stuck report
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "basic/macros.h"
#include "worker/sockets.h"

/* The lines of a report, written as they are found: who is killed meanwhile has said what it knew. */
typedef struct Findings {
        int fd;
        size_t left; /* bytes that may still be written */
} Findings;

/* One line, made safe to show. The first one that does not fit ends the report, and says so. */
void findings_add(Findings *findings, const char *format, ...) _printf_(2, 3);
bool findings_are_full(const Findings *findings);

/* A file of /proc/PID, or with tid of /proc/PID/task/TID; at most max bytes of it. -ESRCH: gone */
int proc_read(pid_t pid, pid_t tid, const char *name, size_t max, char **ret);

/* ---- Threads ---- */

typedef struct ThreadFacts {
        pid_t tid;
        char state;
        char *name;
        char *doing;  /* "sleeping in do_wait, system call wait4" */
        char *kernel; /* "schedule < do_wait < …"; NULL: not to be had */
} ThreadFacts;

typedef struct ProcessFacts {
        pid_t pid, parent;
        unsigned depth; /* below the first that is reported */
        char *command;
        ThreadFacts *threads; /* the first is the main one */
        size_t n_threads;
        size_t n_not_shown; /* threads beyond PROCESS_THREADS_MAX */
        bool was_stopped;   /* before anybody touched it */
        bool hangs;         /* a thread waits in the kernel and cannot be interrupted */
} ProcessFacts;

#define PROCESS_THREADS_MAX 64U

/* What changes as soon as a process is held: states, and where each thread waits. -ESRCH: gone */
int process_facts_read(pid_t pid, ProcessFacts *ret);
void process_facts_done(ProcessFacts *facts);

/* ---- Files, stacks ---- */

/* What a process has open, a line each, with the addresses of sockets, which are kept for the next one. */
void files_report(Findings *findings, Sockets **sockets, pid_t pid);

/* eu-stack or gdb; NULL if neither is there. */
char *debugger_find(void);
/* Where each thread is in its program; false: not to be had in the time that is left. */
bool stack_report(Findings *findings, const char *debugger, pid_t pid, uint64_t deadline_usec);
