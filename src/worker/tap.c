/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/tap.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "basic/text.h"
#include "worker/lines.h"
#include "worker/points.h"
#include "worker/span.h"

/* Numbers up to this one are checked for coming twice: 128 KiB at most for a million points. */
#define TAP_NUMBERS_MAX (UINT64_C(1) << 20)

/* Of a bail-out's or plan's text in a reason. */
#define TAP_REASON_MAX 256U

struct Tap {
        Lines lines;
        Points points;
        bool in_yaml;
        size_t yaml_indent;
        bool after_point;  /* the line before was a point: only there a YAML block may begin */
        bool point_is_sub; /* that point belongs to a subtest */
        size_t point_indent;

        bool planned;
        bool planned_again;
        bool plan_in_middle; /* points came before the plan, and after it */
        uint64_t plan;
        uint64_t points_before_plan;
        char *plan_reason;

        bool bailed_out;
        char *bail_reason;

        uint8_t *seen; /* a bit for each number up to TAP_NUMBERS_MAX */
        size_t seen_size;
        uint64_t repeated; /* the first number that came twice; 0: none */
        uint64_t highest;
        bool zero; /* a point had the number 0 */

        bool begun; /* the first line was read */
        uint64_t version;
        bool strict;    /* between "pragma +strict" and "pragma -strict" */
        char *nonsense; /* the first line that was none of TAP's there */
};

int tap_new(Result *result, Tap **ret) {
        _cleanup_(tap_freep) Tap *tap = NULL;

        tap = calloc(1, sizeof(*tap));
        if (!tap)
                return -ENOMEM;
        points_init(&tap->points, result);
        *ret = TAKE_PTR(tap);
        return 0;
}

Tap *tap_free(Tap *tap) {
        if (!tap)
                return NULL;
        lines_done(&tap->lines);
        points_done(&tap->points);
        free(tap->plan_reason);
        free(tap->bail_reason);
        free(tap->nonsense);
        free(tap->seen);
        free(tap);
        return NULL;
}

static int span_to_text(Span span, char **text) {
        char *copy = NULL;

        span_strip(&span);
        if (span.size == 0)
                return 0;
        copy = text_escape(span.data, MIN(span.size, (size_t)TAP_REASON_MAX));
        if (!copy)
                return -ENOMEM;
        free(*text);
        *text = copy;
        return 0;
}

/* ---- Points ---- */

static int tap_note_number(Tap *tap, uint64_t number) {
        size_t byte = (size_t)(number / 8);
        uint8_t bit = (uint8_t)(1U << (number % 8));

        tap->highest = MAX(tap->highest, number);
        if (number == 0)
                tap->zero = true;
        if (number >= TAP_NUMBERS_MAX)
                return 0;

        if (byte >= tap->seen_size) {
                size_t size = MIN(MAX(2 * byte, (size_t)64), (size_t)TAP_NUMBERS_MAX / 8);
                uint8_t *seen = realloc(tap->seen, size);

                if (!seen)
                        return -ENOMEM;
                memset(seen + tap->seen_size, 0, size - tap->seen_size);
                tap->seen = seen;
                tap->seen_size = size;
        }
        if ((tap->seen[byte] & bit) && tap->repeated == 0)
                tap->repeated = number;
        tap->seen[byte] |= bit;
        return 0;
}

typedef enum Directive {
        DIRECTIVE_NONE,
        DIRECTIVE_SKIP,
        DIRECTIVE_TODO,
} Directive;

/* "SKIP why", "Skipped: why", "TODO why" behind a '#' */
static Directive directive_read(Span text, Span *ret_reason) {
        Directive directive = DIRECTIVE_NONE;

        span_skip_space(&text);
        if (span_starts_with_nocase(&text, "skip"))
                directive = DIRECTIVE_SKIP;
        else if (span_starts_with_nocase(&text, "todo") &&
                 (text.size == 4 || !isalnum((unsigned char)text.data[4])))
                directive = DIRECTIVE_TODO;
        else
                return DIRECTIVE_NONE;

        while (text.size > 0 && !char_is_space(text.data[0]))
                span_skip(&text, 1);
        span_strip(&text);
        *ret_reason = text;
        return directive;
}

/*
 * Parts a description from its directive: a '#' that is not escaped, with white space before it ("done#skip"
 * and "http://x/#skipme" are descriptions) and a directive's word behind it ("issue #5" is a description).
 */
static Directive description_split(Span *description, Span *ret_reason) {
        for (size_t i = 0; i < description->size; i++) {
                Span rest = { description->data + i + 1, description->size - i - 1 };
                Directive directive;

                if (description->data[i] == '\\') {
                        i++;
                        continue;
                }
                if (description->data[i] != '#' ||
                    (i > 0 && !char_is_space(description->data[i - 1])))
                        continue;
                directive = directive_read(rest, ret_reason);
                if (directive == DIRECTIVE_NONE)
                        continue;
                description->size = i;
                span_strip(description);
                return directive;
        }
        return DIRECTIVE_NONE;
}

/* "\#" and "\\" stand for themselves without the backslash. */
static char *description_unescape(const Span *description, size_t *ret_size) {
        char *text = malloc(description->size + 1);
        size_t size = 0;

        if (!text)
                return NULL;
        for (size_t i = 0; i < description->size; i++) {
                if (description->data[i] == '\\' && i + 1 < description->size &&
                    (description->data[i + 1] == '#' || description->data[i + 1] == '\\'))
                        i++;
                text[size++] = description->data[i];
        }
        *ret_size = size;
        return text;
}

static Outcome point_judge(bool ok, Directive directive) {
        switch (directive) {
        case DIRECTIVE_SKIP:
                return PTEST_OUTCOME_SKIP;
        case DIRECTIVE_TODO:
                return ok ? PTEST_OUTCOME_XPASS : PTEST_OUTCOME_XFAIL;
        default:
                return ok ? PTEST_OUTCOME_PASS : PTEST_OUTCOME_FAIL;
        }
}

static int tap_read_point(Tap *tap, bool ok, Span rest) {
        _cleanup_free_ char *name = NULL;
        Directive directive;
        Span reason = {};
        uint64_t number = 0;
        size_t n, name_size;
        int r;

        span_skip_space(&rest);
        n = span_read_number(&rest, &number);
        if (n > 0 && (n == rest.size || char_is_space(rest.data[n]) || rest.data[n] == '#'))
                span_skip(&rest, n);
        else
                number = tap->points.total + 1; /* "ok", "ok 2nd thing works" */
        /* Also one that it has from here: another point may claim it. */
        r = tap_note_number(tap, number);
        if (r < 0)
                return r;

        span_strip(&rest);
        directive = description_split(&rest, &reason);
        if (rest.size > 0 && rest.data[0] == '-' && (rest.size == 1 || char_is_space(rest.data[1])))
                span_skip(&rest, 1);
        span_strip(&rest);

        name = description_unescape(&rest, &name_size);
        if (!name)
                return -ENOMEM;
        if (tap->planned && tap->points_before_plan > 0)
                tap->plan_in_middle = true;
        return points_add(
                        &tap->points,
                        point_judge(ok, directive),
                        number,
                        name,
                        name_size,
                        reason.data,
                        reason.size);
}

/* ---- Lines ---- */

/* "  ---" right behind a point; its lines, up to "  ...", say nothing but perhaps a message. */
static bool tap_begins_yaml(Tap *tap, size_t indent, const Span *text) {
        if (!tap->after_point || indent <= tap->point_indent || !span_starts_with(text, "---"))
                return false;
        tap->in_yaml = true;
        tap->yaml_indent = indent;
        return true;
}

static int tap_read_yaml(Tap *tap, size_t indent, Span text) {
        if (indent == tap->yaml_indent && span_starts_with(&text, "...")) {
                tap->in_yaml = false;
                return 0;
        }
        if (indent != tap->yaml_indent || !span_starts_with(&text, "message:"))
                return 0;

        span_skip(&text, strlen("message:"));
        span_strip(&text);
        if (text.size >= 2 && (text.data[0] == '"' || text.data[0] == '\'') &&
            text.data[text.size - 1] == text.data[0]) {
                span_skip(&text, 1);
                text.size--;
        } else if (text.size > 0 && (text.data[0] == '|' || text.data[0] == '>'))
                return 0; /* a block on the next lines */
        return tap->point_is_sub ? 0 : points_explain_last(&tap->points, text.data, text.size);
}

static bool span_read_plan(Span line, uint64_t *ret_plan, Span *ret_reason) {
        size_t n;

        if (!span_starts_with(&line, "1.."))
                return false;
        span_skip(&line, strlen("1.."));
        n = span_read_number(&line, ret_plan);
        if (n == 0 || (n < line.size && !char_is_space(line.data[n]) && line.data[n] != '#'))
                return false;
        span_skip(&line, n);
        span_skip_space(&line);
        if (line.size > 0 && line.data[0] == '#')
                span_skip(&line, 1);
        *ret_reason = line;
        return true;
}

static int tap_read_plan(Tap *tap, uint64_t plan, Span reason) {
        Span skip_reason = {};

        if (tap->planned) {
                tap->planned_again = true;
                return 0;
        }
        tap->planned = true;
        tap->plan = plan;
        tap->points_before_plan = tap->points.total;
        if (directive_read(reason, &skip_reason) == DIRECTIVE_SKIP && skip_reason.size > 0)
                reason = skip_reason;
        return span_to_text(reason, &tap->plan_reason);
}

static int tap_read_bail_out(Tap *tap, Span rest) {
        if (tap->bailed_out)
                return 0;
        tap->bailed_out = true;
        return span_to_text(rest, &tap->bail_reason);
}

/* "ok", "not ok" as a whole word; what stands behind it is left in the line. */
static bool span_take_status(Span *line, bool *ret_ok) {
        Span rest = *line;
        bool ok = true;

        if (span_starts_with(&rest, "not ")) {
                span_skip(&rest, strlen("not "));
                span_skip_space(&rest);
                ok = false;
        }
        if (!span_starts_with(&rest, "ok"))
                return false;
        span_skip(&rest, strlen("ok"));
        if (rest.size > 0 && (isalnum((unsigned char)rest.data[0]) || rest.data[0] == '_'))
                return false;
        *line = rest;
        *ret_ok = ok;
        return true;
}

/* "pragma +strict -other", "pragma +strict,-other": the last word of each kind holds. */
static bool tap_read_pragma(Tap *tap, Span line) {
        if (!span_starts_with(&line, "pragma ") && !span_starts_with(&line, "pragma\t"))
                return false;
        span_skip(&line, strlen("pragma"));
        while (line.size > 0) {
                Span word;

                while (line.size > 0 && (char_is_space(line.data[0]) || line.data[0] == ','))
                        span_skip(&line, 1);
                word = line;
                while (line.size > 0 && !char_is_space(line.data[0]) && line.data[0] != ',')
                        span_skip(&line, 1);
                word.size -= line.size;
                if (word.size == strlen("+strict") && memcmp(word.data + 1, "strict", 6) == 0 &&
                    (word.data[0] == '+' || word.data[0] == '-'))
                        tap->strict = word.data[0] == '+';
        }
        return true;
}

static bool tap_read_version(Tap *tap, Span line) {
        if (!span_starts_with_nocase(&line, "TAP version "))
                return false;
        span_skip(&line, strlen("TAP version "));
        span_skip_space(&line);
        span_read_number(&line, &tap->version);
        return true;
}

static bool span_is_of_subtest(Span text) {
        Span reason;
        uint64_t plan;

        return span_read_plan(text, &plan, &reason) || span_starts_with(&text, "pragma ") ||
                        span_starts_with_nocase(&text, "TAP version ") ||
                        span_starts_with_nocase(&text, "bail out!");
}

/* A line that is neither point nor plan nor bail-out. Before version 13 there was no pragma: that was a line as any. */
static int tap_read_rest(Tap *tap, size_t indent, Span text) {
        if (indent == 0 &&
            (tap_read_version(tap, text) || (tap->version >= 13 && tap_read_pragma(tap, text))))
                return 0;
        if (!tap->strict || tap->nonsense || text.size == 0 || text.data[0] == '#' ||
            (indent > 0 && span_is_of_subtest(text)))
                return 0;
        return span_to_text(text, &tap->nonsense);
}

/* What some programs for another system begin their output with, so that it is known to be UTF-8. */
static void tap_skip_mark(Tap *tap, Span *line) {
        static const char mark[] = "\xef\xbb\xbf";

        if (!tap->begun && span_starts_with(line, mark))
                span_skip(line, strlen(mark));
        tap->begun = true;
}

static int tap_on_line(const char *data, size_t size, void *userdata) {
        Tap *tap = userdata;
        Span line = { data, size }, text, reason = {};
        size_t indent;
        uint64_t plan;
        bool ok;

        tap_skip_mark(tap, &line);
        text = line;
        indent = span_skip_space(&text);

        if (tap->in_yaml && (indent >= tap->yaml_indent || text.size == 0))
                return tap_read_yaml(tap, indent, text);
        tap->in_yaml = false;
        if (tap_begins_yaml(tap, indent, &text))
                return 0;
        tap->after_point = false;

        if (span_starts_with_nocase(&text, "bail out!") &&
            (indent % 4 == 0 || (indent > 0 && line.data[0] == '\t'))) {
                span_skip(&text, strlen("bail out!"));
                return tap_read_bail_out(tap, text);
        }
        if (indent == 0 && span_read_plan(line, &plan, &reason))
                return tap_read_plan(tap, plan, reason);
        if (!span_take_status(&text, &ok))
                return tap_read_rest(tap, indent, text);

        tap->after_point = true;
        tap->point_is_sub = indent > 0;
        tap->point_indent = indent;
        return tap->point_is_sub ? 0 : tap_read_point(tap, ok, text);
}

int tap_feed(Tap *tap, const char *data, size_t size) {
        return lines_feed(&tap->lines, data, size, tap_on_line, tap);
}

/* ---- The end ---- */

static int defect_make_plan_mismatch(const Tap *tap, char **ret) {
        uint64_t reported = tap->points.total;
        const char *plural = tap->plan == 1 ? "" : "s";
        char *text = NULL;
        int r;

        if (reported == 0)
                r = asprintf(&text,
                             "plan says %" PRIu64 " point%s, none was reported",
                             tap->plan,
                             plural);
        else
                r = asprintf(&text,
                             "plan says %" PRIu64 " point%s, %" PRIu64 " %s reported",
                             tap->plan,
                             plural,
                             reported,
                             reported == 1 ? "was" : "were");
        if (r < 0)
                return -ENOMEM;
        *ret = text;
        return 0;
}

/* The first thing that is wrong with the stream as a whole; *ret is NULL if nothing is. */
static int tap_find_defect(const Tap *tap, char **ret) {
        uint64_t reported = tap->points.total;
        char *text = NULL;
        int r = 0;

        if (!tap->planned && reported == 0)
                r = asprintf(&text, "no TAP output: neither a plan nor a point");
        else if (!tap->planned)
                r = asprintf(&text,
                             "no plan: whether the %" PRIu64 " reported point%s all is unknown",
                             reported,
                             reported == 1 ? " is" : "s are");
        else if (tap->planned_again)
                r = asprintf(&text, "more than one plan");
        else if (tap->plan_in_middle)
                r = asprintf(&text,
                             "the plan stands in the middle, after %" PRIu64 " of %" PRIu64
                             " points",
                             tap->points_before_plan,
                             reported);
        else if (tap->repeated > 0)
                r = asprintf(&text, "point %" PRIu64 " was reported twice", tap->repeated);
        else if (tap->plan != reported)
                return defect_make_plan_mismatch(tap, ret);
        else if (tap->zero || tap->highest > tap->plan)
                r = asprintf(&text,
                             "point %" PRIu64 " is outside of the plan 1..%" PRIu64,
                             tap->zero ? 0 : tap->highest,
                             tap->plan);
        else if (tap->nonsense)
                r = asprintf(&text, "not a line of TAP, which is strict here: %s", tap->nonsense);
        if (r < 0)
                return -ENOMEM;
        *ret = text;
        return 0;
}

static int tap_judge_bail_out(const Tap *tap, const char *failed, char **ret) {
        const char *reason = tap->bail_reason;
        int r;

        r = asprintf(ret,
                     "bailed out%s%s%s%s",
                     reason ? ": " : "",
                     reason ?: "",
                     failed ? "; " : "",
                     failed ?: "");
        return r < 0 ? -ENOMEM : PTEST_OUTCOME_ERROR;
}

static int tap_judge_skips(const Tap *tap, char **ret) {
        const Points *points = &tap->points;
        int r;

        if (points->total == 0)
                r = asprintf(ret, "%s", tap->plan_reason ?: "plan says 0 points");
        else if (points->total == 1)
                r = asprintf(ret, "%s", points->first_skip_reason ?: "its only point was skipped");
        else
                r = asprintf(ret,
                             "all %" PRIu64 " points skipped%s%s",
                             points->total,
                             points->first_skip_reason ? ": " : "",
                             points->first_skip_reason ?: "");
        return r < 0 ? -ENOMEM : PTEST_OUTCOME_SKIP;
}

/* The outcome, or -ENOMEM */
static int tap_judge(const Tap *tap, char **ret) {
        _cleanup_free_ char *defect = NULL, *failed = NULL;
        const Points *points = &tap->points;
        int r;

        if (points->count[PTEST_OUTCOME_FAIL] > 0) {
                r = points_describe(points, PTEST_OUTCOME_FAIL, "points", "failed", &failed);
                if (r < 0)
                        return r;
        }
        if (tap->bailed_out)
                return tap_judge_bail_out(tap, failed, ret);

        r = tap_find_defect(tap, &defect);
        if (r < 0)
                return r;
        if (failed) {
                if (asprintf(ret, "%s%s%s", failed, defect ? "; " : "", defect ?: "") < 0)
                        return -ENOMEM;
                return PTEST_OUTCOME_FAIL;
        }
        if (defect) {
                *ret = TAKE_PTR(defect);
                return PTEST_OUTCOME_FAIL;
        }
        if (points->count[PTEST_OUTCOME_XPASS] > 0) {
                r = points_describe(
                                points,
                                PTEST_OUTCOME_XPASS,
                                "points",
                                "passed although marked TODO",
                                ret);
                return r < 0 ? r : PTEST_OUTCOME_XPASS;
        }
        if (points->count[PTEST_OUTCOME_SKIP] == points->total)
                return tap_judge_skips(tap, ret);
        return PTEST_OUTCOME_PASS;
}

int tap_finish(Tap *tap, Report *ret) {
        _cleanup_free_ char *reason = NULL;
        int outcome, r;

        r = lines_finish(&tap->lines, tap_on_line, tap);
        if (r < 0)
                return r;
        outcome = tap_judge(tap, &reason);
        if (outcome < 0)
                return outcome;

        *ret = (Report){
                .outcome = (Outcome)outcome,
                .reason = TAKE_PTR(reason),
                .n_points = tap->points.total,
                .n_failed = tap->points.count[PTEST_OUTCOME_FAIL],
                .planned = tap->planned,
                .bailed_out = tap->bailed_out,
        };
        return 0;
}
