/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "loader/meson-helper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/file.h"
#include "basic/text.h"

/* Importing meson takes 0.2 s, and each 10,000 tests another; a machine under load takes ten times as long. */
#define HELPER_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define HELPER_LOOK_MSEC    5

/* The program meson is a script of a few lines. */
#define MESON_PROGRAM_MAX (64U * 1024U)

/* Exit statuses of the script. */
enum {
        HELPER_NO_MESON = 10,
        HELPER_OTHER_MESON = 11,
};

/*
 * The first entry of sys.path is the working directory, where anything may lie: it goes before the first
 * real import. A meson that is run from its source tree is found beside the program.
 */
static const char helper_script[] =
                "import sys\n"
                "sys.path = [p for p in sys.path if p]\n"
                "import json, os, pickle, shutil\n"
                "try:\n"
                "    import mesonbuild.coredata\n"
                "except ImportError:\n"
                "    sys.path.append(os.path.dirname(os.path.realpath(shutil.which('meson') or '/')))\n"
                "    try:\n"
                "        import mesonbuild.coredata\n"
                "    except ImportError:\n"
                "        sys.exit(10)\n"
                "version = mesonbuild.coredata.version\n"
                "try:\n"
                "    tests = pickle.load(open(sys.argv[1], 'rb'))\n"
                "except (AttributeError, ImportError):\n"
                "    sys.exit(11)\n"
                "def changes(env):\n"
                "    return ([[m.__name__.strip('_'), n, s.join(v), s] for m, n, v, s in env.envvars] +\n"
                "            [['unset', n, '', ''] for n in getattr(env, 'unset_vars', ())])\n"
                "setup = None\n"
                "if len(sys.argv) > 2:\n"
                "    from mesonbuild.mtest import TestHarness\n"
                "    build = pickle.load(open(sys.argv[2], 'rb'))\n"
                "    setup = build.test_setups.get(build.test_setup_default_name)\n"
                "for t in tests:\n"
                "    if t.version.split('.')[:2] != version.split('.')[:2]:\n"
                "        sys.exit(11)\n"
                "    env, error, wrapper, multiplier, excluded = changes(t.env), None, [], 1, False\n"
                "    if t.cmd_is_exe and t.is_cross_built and t.needs_exe_wrapper:\n"
                "        if t.exe_wrapper is None or not t.exe_wrapper.found():\n"
                "            error = 'is built for another machine, and no exe_wrapper is there to run it'\n"
                "        else:\n"
                "            wrapper = t.exe_wrapper.get_command()\n"
                "    if getattr(t, 'expected_exitcode', 0):\n"
                "        error = 'expects exit status %s, which is not supported' % t.expected_exitcode\n"
                "    fail = getattr(t, 'should_fail', False) or getattr(t, 'expected_fail', False)\n"
                "    if setup:\n"
                "        env = changes(setup.env) + env\n"
                "        wrapper = list(setup.exe_wrapper or []) + wrapper\n"
                "        multiplier = setup.timeout_multiplier\n"
                "        excluded = TestHarness.test_in_suites(t, setup.exclude_suites)\n"
                "    print(json.dumps({'name': t.name, 'should_fail': bool(fail), 'env': env, 'wrapper': wrapper,\n"
                "                      'multiplier': multiplier, 'excluded': excluded, 'error': error}))\n";

/*
 * A pickle can do anything that the reader can. Whoever owns the build directory decides what its tests
 * are, but root must not read it with more rights than that owner has.
 */
static void child_drop_privileges(const struct stat *st) {
        if (geteuid() != 0 || st->st_uid == 0)
                return;
        if (setgroups(0, NULL) < 0 || setresgid(st->st_gid, st->st_gid, st->st_gid) < 0 ||
            setresuid(st->st_uid, st->st_uid, st->st_uid) < 0)
                _exit(127);
}

/* Between fork and exec: only async-signal-safe calls. */
_Noreturn static void child_exec(
                const char *python,
                const char *pickle,
                const char *build_pickle,
                const struct stat *st,
                int output_fd,
                int null_fd) {
        const char *const argv[] = { "python3", "-c", helper_script, pickle, build_pickle, NULL };
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(output_fd, STDOUT_FILENO) < 0 ||
            dup2(null_fd, STDERR_FILENO) < 0)
                _exit(127);
        child_drop_privileges(st);
        execv(python, (char *const *)argv);
        _exit(127);
}

/* Nothing else runs while a suite is loaded, so looking now and then is enough, and works on every kernel. */
static int child_wait(pid_t pid, int *ret_status) {
        uint64_t deadline = clock_monotonic() + HELPER_TIMEOUT_USEC;
        bool late = false;
        int status;

        for (;;) {
                pid_t ended = waitpid(pid, &status, late ? 0 : WNOHANG);

                if (ended < 0 && errno != EINTR)
                        return -errno;
                if (ended == pid)
                        break;
                if (ended == 0 && clock_monotonic() >= deadline) {
                        kill(pid, SIGKILL);
                        late = true;
                } else if (ended == 0)
                        (void)poll(NULL, 0, HELPER_LOOK_MSEC);
        }
        if (late)
                return -ETIMEDOUT;
        *ret_status = status;
        return 0;
}

/* The child becomes the owner of one; the other must not be somebody else's. */
static int pickles_look_up(
                const char *pickle, const char *build_pickle, struct stat *ret, char **ret_reason) {
        struct stat st, build_st;

        if (stat(pickle, &st) < 0 || (build_pickle && stat(build_pickle, &build_st) < 0))
                return -errno;
        if (build_pickle && build_st.st_uid != st.st_uid) {
                (void)text_setf(ret_reason, "the files in meson-private have several owners");
                return -EPERM;
        }
        *ret = st;
        return 0;
}

static int helper_run(
                const char *python,
                const char *pickle,
                const char *build_pickle,
                int *ret_fd,
                char **ret_reason) {
        _cleanup_close_ int output = memfd_create("ptest-meson", MFD_CLOEXEC);
        _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        struct stat st = {};
        int r, status = 0;

        if (output < 0 || null < 0)
                return -errno;
        r = pickles_look_up(pickle, build_pickle, &st, ret_reason);
        if (r < 0)
                return r;

        pid_t pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                child_exec(python, pickle, build_pickle, &st, output, null);

        r = child_wait(pid, &status);
        if (r == -ETIMEDOUT)
                (void)text_setf(ret_reason, "Python did not answer in time");
        if (r < 0)
                return r;

        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

                (void)text_setf(ret_reason,
                                code == HELPER_NO_MESON ?
                                                "Python has no module mesonbuild" :
                                                code == HELPER_OTHER_MESON ?
                                                "the build was set up by another version of meson" :
                                                "Python could not read meson-private");
                return code == HELPER_NO_MESON ? -ENOPKG : -EOPNOTSUPP;
        }
        if (lseek(output, 0, SEEK_SET) < 0)
                return -errno;
        *ret_fd = TAKE_FD(output);
        return 0;
}

/*
 * The Python that runs meson itself, by the first line of that program: the first python3 in $PATH may be
 * another one, which has no meson. NULL: there is none.
 */
static char *find_python_of_meson(void) {
        _cleanup_free_ char *meson = NULL, *text = NULL;
        size_t size;

        if (path_find_program("meson", &meson) < 0 ||
            file_read(meson, MESON_PROGRAM_MAX, &text, &size) < 0 || !text_starts_with(text, "#!"))
                return NULL;

        text[strcspn(text, "\r\n")] = 0;
        char *path = text_strip(text + strlen("#!"));
        path[strcspn(path, " \t")] = 0;
        /* "/usr/bin/env python3" is what $PATH has. */
        if (*path != '/' || !text_starts_with(path_basename(path), "python"))
                return NULL;
        return strdup(path);
}

int meson_helper_run(const char *build, bool with_setup, int *ret_fd, char **ret_reason) {
        _cleanup_free_ char *of_meson = find_python_of_meson(), *of_path = NULL, *pickle = NULL;
        _cleanup_free_ char *build_pickle = NULL, *reason = NULL;
        int r;

        r = path_join(build, "meson-private/meson_test_setup.dat", &pickle);
        if (r >= 0 && with_setup)
                r = path_join(build, "meson-private/build.dat", &build_pickle);
        if (r < 0)
                return r;
        r = -ENOENT;
        (void)path_find_program("python3", &of_path);

        const char *const candidates[] = { of_meson, of_path, "/usr/bin/python3" };
        for (size_t i = 0; i < ELEMENTSOF(candidates); i++) {
                if (!candidates[i] || access(candidates[i], X_OK) < 0)
                        continue;
                /* Only for want of meson is another Python worth the time. */
                r = helper_run(candidates[i], pickle, build_pickle, ret_fd, &reason);
                if (r != -ENOPKG)
                        break;
        }
        if (r < 0) {
                if (!reason)
                        (void)text_setf(&reason, "there is no Python that could tell");
                *ret_reason = TAKE_PTR(reason);
        }
        return r;
}
