/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * ptest top: the status, again and again; on a terminal over the whole screen, which is as it was afterwards
 */

#include <argp.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "cli/status-client.h"
#include "cli/status-text.h"
#include "cli/verb.h"

/* Faster than this is for nobody's eyes, and the coordinators have other things to do. */
#define DELAY_MIN (100 * USEC_PER_MSEC)

#define SCREEN_ENTER "\033[?1049h\033[?25l"
#define SCREEN_LEAVE "\033[?25h\033[?1049l"

typedef struct TopArguments {
        const char *run; /* NULL: all */
        uint64_t delay_usec;
        unsigned count; /* 0: until it is ended */
} TopArguments;

typedef struct Top {
        TopArguments arguments;
        Style style;
        bool screen; /* it is ours */
        struct termios before;
        bool has_before; /* the terminal of stdin was changed */
        int signal_fd;
} Top;

/* ---- Options ---- */

static const struct argp_option top_options[] = {
        {"delay",                              'd', "TIME", 0, "Between two looks; 1 s by default", 0 },
        { "count",                              'n', "NUMBER", 0, "End after so many looks", 0 },
        {                                  },
};

static error_t top_on_option(int key, char *value, struct argp_state *state) {
        TopArguments *arguments = state->input;

        switch (key) {
        case 'd':
                if (parse_time(value, &arguments->delay_usec) < 0 ||
                    arguments->delay_usec < DELAY_MIN ||
                    arguments->delay_usec > 24 * 60 * USEC_PER_MINUTE)
                        argp_error(state, "not a time from 100ms to 1d: %s", value);
                break;
        case 'n':
                if (parse_unsigned(value, UINT32_MAX, &arguments->count) < 0 ||
                    arguments->count == 0)
                        argp_error(state, "not a number from 1: %s", value);
                break;
        case ARGP_KEY_ARG:
                if (state->arg_num > 0)
                        argp_error(state, "more than one run given");
                arguments->run = value;
                break;
        default:
                return ARGP_ERR_UNKNOWN;
        }
        return 0;
}

static const struct argp top_argp = {
        .options = top_options,
        .parser = top_on_option,
        .args_doc = "[RUN]",
        .doc = "Show what is running, as ptest status does, again and again."
               "\vOn a terminal q or Ctrl-C ends it; without one each look is printed behind the one before.",
};

/* ---- The screen ---- */

static void screen_write(const char *text) {
        (void)fd_write_all(STDOUT_FILENO, text, strlen(text));
}

static void screen_enter(Top *top) {
        struct termios raw;

        if (!top->style.tty || top->screen)
                return;
        if (tcgetattr(STDIN_FILENO, &top->before) >= 0) {
                raw = top->before;
                raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
                raw.c_cc[VMIN] = 0;
                raw.c_cc[VTIME] = 0;
                top->has_before = tcsetattr(STDIN_FILENO, TCSANOW, &raw) >= 0;
        }
        top->screen = true;
        screen_write(SCREEN_ENTER);
}

static void screen_leave(Top *top) {
        if (!top->screen)
                return;
        top->screen = false;
        screen_write(SCREEN_LEAVE);
        if (top->has_before)
                (void)tcsetattr(STDIN_FILENO, TCSANOW, &top->before);
        top->has_before = false;
}

/* As many lines as there is room for, each to its end: what was there is overwritten, and nothing flickers. */
static void screen_add(Buffer *screen, const char *text, unsigned rows) {
        unsigned row = 0;

        buffer_add_string(screen, "\033[H");
        for (const char *line = text; *line && row < rows; row++) {
                size_t n = strcspn(line, "\n");

                if (row > 0)
                        buffer_add_string(screen, "\r\n");
                buffer_add(screen, line, n);
                buffer_add_string(screen, "\033[K");
                line += n + (line[n] == '\n');
        }
        buffer_add_string(screen, "\033[J");
}

/* ---- Looking ---- */

static int top_look(const Top *top) {
        _cleanup_buffer_ Buffer text = {}, screen = {};
        _cleanup_free_ char *s = NULL;
        json_t *all = NULL;
        int r;

        r = status_collect(top->arguments.run, &all);
        if (r < 0)
                return r;
        status_text_add_all(
                        &text,
                        &top->style,
                        top->screen ? style_get_columns(STDOUT_FILENO) : 0,
                        all);
        json_decref(all);
        if (!top->screen) {
                buffer_add(&text, "\n", 1);
                if (buffer_error(&text) < 0)
                        return buffer_error(&text);
                return fd_write_all(STDOUT_FILENO, text.data, text.size);
        }
        s = buffer_take_string(&text);
        if (!s)
                return -ENOMEM;
        screen_add(&screen, s, style_get_rows(STDOUT_FILENO));
        if (buffer_error(&screen) < 0)
                return buffer_error(&screen);
        return fd_write_all(STDOUT_FILENO, screen.data, screen.size);
}

/* Stopped with the terminal as it was, and back on the screen when it goes on. */
static void top_stop(Top *top) {
        screen_leave(top);
        (void)raise(SIGSTOP);
        screen_enter(top);
}

/* True: it is over. */
static bool top_take_signal(Top *top) {
        struct signalfd_siginfo info;

        if (read(top->signal_fd, &info, sizeof(info)) != sizeof(info))
                return false;
        if (info.ssi_signo == SIGTSTP)
                top_stop(top);
        return info.ssi_signo != SIGTSTP && info.ssi_signo != SIGWINCH;
}

static bool top_take_key(void) {
        char keys[64];
        ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

        return n > 0 && (memchr(keys, 'q', (size_t)n) || memchr(keys, 'Q', (size_t)n));
}

/* Until the next look. 1: it is over */
static int top_wait(Top *top) {
        const uint64_t end = clock_machine() + top->arguments.delay_usec;

        for (;;) {
                struct pollfd fds[] = {
                        {.fd = top->signal_fd, .events = POLLIN },
                        { .fd = top->has_before ? STDIN_FILENO : -1,                   .events = POLLIN },
 /* Whoever read has gone. */
                        { .fd = STDOUT_FILENO},
                };
                const uint64_t now = clock_machine();

                if (now >= end)
                        return 0;
                if (poll(fds, ELEMENTSOF(fds), (int)((end - now) / USEC_PER_MSEC) + 1) < 0)
                        return -errno;
                if (fds[2].revents & (POLLERR | POLLNVAL))
                        return 1;
                if (fds[0].revents)
                        return top_take_signal(top) ? 1 : 0;
                if (fds[1].revents & (POLLHUP | POLLERR | POLLNVAL))
                        return 1;
                if (fds[1].revents && top_take_key())
                        return 1;
        }
}

static int top_run(Top *top) {
        for (unsigned i = 0;;) {
                int r = top_look(top);

                if (r == -EPIPE)
                        return 0;
                if (r < 0 || ++i == top->arguments.count)
                        return r;
                r = top_wait(top);
                if (r != 0)
                        return MIN(r, 0);
        }
}

static int top_open_signals(Top *top) {
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        sigaddset(&set, SIGTSTP);
        sigaddset(&set, SIGWINCH);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        (void)signal(SIGPIPE, SIG_IGN);
        top->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return top->signal_fd < 0 ? -errno : 0;
}

int verb_top(int argc, char **argv) {
        Top top = { .arguments.delay_usec = USEC_PER_SEC, .signal_fd = -1 };
        int r;

        if (argp_parse(&top_argp, argc, argv, 0, NULL, &top.arguments) != 0)
                return 2;
        style_init(&top.style, STDOUT_FILENO, COLOR_AUTO);
        r = top_open_signals(&top);
        if (r >= 0) {
                screen_enter(&top);
                r = top_run(&top);
                screen_leave(&top);
        }
        fd_close(top.signal_fd);
        style_done(&top.style);
        if (r < 0) {
                log_error_errno(r, "Failed to show what is running: %m");
                return 1;
        }
        return 0;
}
