/* ctl_top_draw.c - the page of the live view. */
#include "ctl_top_draw.h"

#include <langinfo.h>
#include <math.h>
#include <stdarg.h>
#include <curses.h>
#include <stdio.h>
#include <string.h>

#include "ctl_format.h"
#include "wire.h"

enum { PAIR_GOOD = 1, PAIR_WARN, PAIR_BAD, PAIR_GRAPH };

enum {
	GRAPH_ROWS = 5,
	GRAPHS = 3,
	GRAPHS_FROM_LINES = 16, /* a smaller screen shows no graphs */
};

void top_draw_init(struct top_page *p)
{
	p->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	if (!p->colour || !has_colors()) {
		p->colour = false;
		return;
	}
	start_color();
	use_default_colors();
	init_pair(PAIR_GOOD, COLOR_GREEN, -1);
	init_pair(PAIR_WARN, COLOR_YELLOW, -1);
	init_pair(PAIR_BAD, COLOR_RED, -1);
	init_pair(PAIR_GRAPH, COLOR_CYAN, -1);
}

static chtype pair(const struct top_page *p, short n)
{
	return p->colour ? COLOR_PAIR(n) : 0;
}

/* Text in a field, cut at its width and at the edge of the screen; half a number is none. */
static void put(int y, int x, int width, bool right, const char *text)
{
	int room = COLS - x;

	if (y < 0 || y >= LINES || room <= 0 || (right && room < width))
		return;
	if (width > room)
		width = room;
	mvprintw(y, x, right ? "%*.*s" : "%-*.*s", width, width, text);
}

/* ---- head ------------------------------------------------------------------------- */

/* A line of parts with two blanks between them, each whole or not at all. */
struct parts {
	char text[512];
	int width; /* that there is room for */
};

static void add_part(struct parts *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add_part(struct parts *p, const char *fmt, ...)
{
	size_t len = strlen(p->text), gap = len > 0 ? 2 : 0, room = sizeof(p->text) - len;
	va_list ap;
	int n;

	if (room <= gap)
		return;
	va_start(ap, fmt);
	n = vsnprintf(p->text + len + gap, room - gap, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room - gap || (int)(len + gap) + n > p->width)
		p->text[len] = '\0'; /* without it */
	else
		memset(p->text + len, ' ', gap);
}

static void draw_totals(const struct top_page *p, const struct top_model *m)
{
	struct parts line = { .width = COLS };
	double in = 0, out = 0, streams = 0;
	ctl_text a;

	for (size_t i = 0; i < m->tunnel_count; i++) {
		double i_now = series_get(&m->tunnels[i].in, 0);
		double o_now = series_get(&m->tunnels[i].out, 0);

		in += isfinite(i_now) ? i_now : 0;
		out += isfinite(o_now) ? o_now : 0;
		streams += m->tunnels[i].streams;
	}
	add_part(&line, "kcptund %s", m->version);
	add_part(&line, "up %s", ctl_age(a, m->uptime_s));
	add_part(&line, "in %s", ctl_rate(a, in));
	add_part(&line, "out %s", ctl_rate(a, out));
	add_part(&line, "tunnels %zu", m->tunnel_count);
	add_part(&line, "sessions %zu", m->session_count);
	add_part(&line, "streams %.0f", streams);
	add_part(&line, "every %gs", p->interval_s);
	put(0, 0, COLS, false, line.text);
}

static void draw_head(const struct top_page *p, const struct top_model *m)
{
	attron(A_REVERSE);
	draw_totals(p, m);
	attroff(A_REVERSE);
	if (p->trouble != NULL) {
		attron(pair(p, PAIR_BAD) | A_BOLD);
		put(1, 0, COLS, false, p->trouble);
		attroff(pair(p, PAIR_BAD) | A_BOLD);
	} else if (p->paused) {
		put(1, 0, COLS, false, "paused; p goes on");
	}
}

/* ---- keys ------------------------------------------------------------------------- */

/* In the order in which the foot has them, as far as there is room. */
static const struct {
	const char *keys, *foot, *help;
} keys[] = {
	{ "q", "q quit", "leave" },
	{ "?", "? keys", "show these, or show them no more" },
	{ "up, down, k, j", "up/down tunnel", "select another tunnel, whose graphs are shown" },
	{ "t", "t its sessions only", "sessions of the selected tunnel only, or of all" },
	{ "s, S", "s/S sort", "sort sessions by the next column, or the one before" },
	{ "r", "r reverse", "sort them the other way round" },
	{ "PgUp, PgDn", "PgUp/PgDn scroll", "move through the sessions" },
	{ "+, -", "+/- interval", "look half as often, or twice" },
	{ "p", "p pause", "look no more, or go on" },
};

static void draw_foot(void)
{
	struct parts line = { .width = COLS };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		add_part(&line, "%s", keys[i].foot);
	attron(A_REVERSE);
	put(LINES - 1, 0, COLS, false, line.text);
	attroff(A_REVERSE);
}

/* Over the middle of the page. */
static void draw_keys(void)
{
	enum { WIDTH = 72, ROWS = ARRAY_LEN(keys) + 2 };
	int width = COLS < WIDTH ? COLS : WIDTH, x = (COLS - width) / 2;
	int y = LINES > ROWS ? (LINES - ROWS) / 2 : 0;
	char line[WIDTH + 1];

	attron(A_REVERSE);
	put(y, x, width, false, " Keys");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		snprintf(line, sizeof(line), "  %-15s  %s", keys[i].keys, keys[i].help);
		put(y + 1 + (int)i, x, width, false, line);
	}
	put(y + ROWS - 1, x, width, false, "");
	attroff(A_REVERSE);
}

/* ---- tunnels ---------------------------------------------------------------------- */

/* The columns behind the name; it has what 80 columns leave, and some more of a wider screen. */
enum {
	ROLE_AT = 1,
	SESSIONS_AT = 8,
	STREAMS_AT = 17,
	IN_AT = 25,
	OUT_AT = 36,
	RTT_AT = 47,
	LOSS_AT = 56,
	GRAPH_AT = 65
};
enum { NAME_MIN = 15, NAME_MAX = 30 };

static int name_width(void)
{
	int width = NAME_MIN + COLS - 80;

	return width < NAME_MIN ? NAME_MIN : width > NAME_MAX ? NAME_MAX : width;
}

static void draw_tunnel(const struct top_page *p, const struct top_tunnel *t, int y, bool selected)
{
	double rtt = series_get(&t->rtt_ms, 0), loss = series_get(&t->loss, 0);
	int name = name_width(), graph = name + GRAPH_AT;
	char number[24];
	ctl_text a;

	put(y, 0, 2, false, selected ? "> " : "  ");
	attron(selected ? A_BOLD : A_NORMAL);
	put(y, 2, name - 2, false, t->name);
	attroff(A_BOLD);
	put(y, name + ROLE_AT, 6, false, t->role);
	snprintf(number, sizeof(number), "%.0f", t->sessions);
	put(y, name + SESSIONS_AT, 8, true, number);
	snprintf(number, sizeof(number), "%.0f", t->streams);
	put(y, name + STREAMS_AT, 7, true, number);
	put(y, name + IN_AT, 10, true, ctl_rate(a, series_get(&t->in, 0)));
	put(y, name + OUT_AT, 10, true, ctl_rate(a, series_get(&t->out, 0)));
	put(y, name + RTT_AT, 8, true, ctl_ms(a, rtt));
	attron(loss > 0.01 ? pair(p, PAIR_WARN) : A_NORMAL);
	put(y, name + LOSS_AT, 7, true, ctl_share(a, loss));
	attroff(pair(p, PAIR_WARN));
	for (int x = graph; x < COLS; x++)
		put(y, x, 4, false,
		    graph_cell(series_get(&t->both, (size_t)(COLS - 1 - x)),
			       series_max(&t->both, (size_t)(COLS - graph)), 1, 0, p->utf8));
}

static void draw_tunnel_heads(int y)
{
	int name = name_width();

	attron(A_BOLD);
	put(y, 2, name - 2, false, "TUNNEL");
	put(y, name + ROLE_AT, 6, false, "ROLE");
	put(y, name + SESSIONS_AT, 8, true, "SESSIONS");
	put(y, name + STREAMS_AT, 7, true, "STREAMS");
	put(y, name + IN_AT, 10, true, "IN");
	put(y, name + OUT_AT, 10, true, "OUT");
	put(y, name + RTT_AT, 8, true, "RTT");
	put(y, name + LOSS_AT, 7, true, "LOSS");
	put(y, name + GRAPH_AT, 20, false, "THROUGHPUT");
	attroff(A_BOLD);
}

/* Lines used.  The selected one is always among those shown. */
static int draw_tunnels(const struct top_page *p, const struct top_model *m, int y, int lines)
{
	size_t room = lines > 1 ? (size_t)lines - 1 : 0;
	size_t first = m->selected >= room ? m->selected + 1 - room : 0;
	int at = y + 1;

	draw_tunnel_heads(y);
	for (size_t i = first; i < m->tunnel_count && i - first < room; i++)
		draw_tunnel(p, &m->tunnels[i], at++, i == m->selected);
	return at - y;
}

/* ---- graphs ----------------------------------------------------------------------- */

static void draw_graph(const struct top_page *p, const struct series *s, const char *title, int y,
		       int x, int width, double least)
{
	double max = series_max(s, (size_t)width);

	put(y, x, width, false, title);
	max = max > least ? max : least;
	attron(pair(p, PAIR_GRAPH));
	for (unsigned row = 0; row < GRAPH_ROWS; row++)
		for (int i = 0; i < width && x + i < COLS; i++)
			mvaddstr(y + 1 + (int)row, x + i,
				 graph_cell(series_get(s, (size_t)(width - 1 - i)), max, GRAPH_ROWS,
					    row, p->utf8));
	attroff(pair(p, PAIR_GRAPH));
}

/* Throughput, round trip and loss of the selected tunnel. */
static int draw_graphs(const struct top_page *p, const struct top_tunnel *t, int y)
{
	int width = (COLS - 2 * (GRAPHS - 1)) / GRAPHS;
	size_t n = width > 0 ? (size_t)width : 0;
	char title[160];
	ctl_text a, b;

	if (width < 12)
		return 0;
	snprintf(title, sizeof(title), "%s throughput %s, top %s", t->name,
		 ctl_rate(a, series_get(&t->both, 0)), ctl_rate(b, series_max(&t->both, n)));
	draw_graph(p, &t->both, title, y, 0, width, 1);
	snprintf(title, sizeof(title), "round trip %s, top %s",
		 ctl_ms(a, series_get(&t->rtt_ms, 0)), ctl_ms(b, series_max(&t->rtt_ms, n)));
	draw_graph(p, &t->rtt_ms, title, y, width + 2, width, 1);
	snprintf(title, sizeof(title), "loss %s, top %s", ctl_share(a, series_get(&t->loss, 0)),
		 ctl_share(b, series_max(&t->loss, n)));
	draw_graph(p, &t->loss, title, y, 2 * (width + 2), width, 0.01);
	return GRAPH_ROWS + 2;
}

/* ---- sessions --------------------------------------------------------------------- */

static const struct {
	const char *head;
	int width; /* of the first three at most, unless the screen is wide */
	bool right;
	/* clang-format off */
} columns[TOP_COLUMNS] = {
	[TOP_SESSION] = { "SESSION", 14, false },
	[TOP_PEER_TEXT] = { "PEER", 21, false },
	[TOP_STATE_TEXT] = { "STATE", 10, false },
	[TOP_IN] = { "IN", 10, true },
	[TOP_OUT] = { "OUT", 10, true },
	[TOP_RTT] = { "RTT", 7, true },
	[TOP_LOSS] = { "LOSS", 7, true },
	[TOP_QUEUE] = { "QUEUE", 7, true },
	[TOP_LIMIT_TEXT] = { "LIMIT", 13, false },
	[TOP_PATH] = { "PATH", 10, true },
	[TOP_MIN_RTT] = { "MIN RTT", 7, true },
	[TOP_MEDIUM] = { "MEDIUM", 7, true },
	[TOP_INFLIGHT] = { "INFLIGHT", 8, true },
	[TOP_STREAMS] = { "STREAMS", 7, true },
	[TOP_QUEUED] = { "QUEUED", 9, true },
	[TOP_AGE] = { "AGE", 7, true },
	[TOP_IDLE] = { "IDLE", 7, true },
};
/* clang-format on */

static const char *session_text(const struct top_session *s, enum top_column c, ctl_text out)
{
	switch (c) {
	case TOP_SESSION:
		return s->id;
	case TOP_PEER_TEXT:
		return s->peer;
	case TOP_STATE_TEXT:
		return s->state;
	case TOP_LIMIT_TEXT:
		return s->limit;
	case TOP_RTT:
	case TOP_MIN_RTT:
	case TOP_QUEUE:
		return ctl_ms(out, s->v[c]);
	case TOP_QUEUED:
		return ctl_bytes(out, s->v[c]);
	case TOP_LOSS:
	case TOP_MEDIUM:
		return ctl_share(out, s->v[c]);
	case TOP_IN:
	case TOP_OUT:
	case TOP_PATH:
		return ctl_rate(out, s->v[c]);
	case TOP_AGE:
	case TOP_IDLE:
		return ctl_age(out, s->v[c]);
	default:
		return ctl_count(out, s->v[c]);
	}
}

/* The columns that there is room for, and how wide each is. */
struct fitted {
	int width[TOP_COLUMNS];
	enum top_column count;
};

static int text_width(const struct top_model *m, enum top_column c)
{
	size_t width = strlen(columns[c].head);
	ctl_text text;

	for (size_t i = 0; i < m->session_count; i++) {
		size_t w = strlen(session_text(&m->sessions[i], c, text));

		width = w > width ? w : width;
	}
	return (int)width;
}

/* As wide as their texts, so that a narrow screen has room for more; the long ones are IPv6 addresses. */
static void fit(struct fitted *f, const struct top_model *m)
{
	enum { WIDE = 120, MORE = 26 };
	int x = 0;

	*f = (struct fitted){ .count = 0 };
	for (enum top_column c = 0; c < TOP_COLUMNS; c++) {
		int width = columns[c].width;

		if (c <= TOP_STATE_TEXT) {
			int most = width + (COLS >= WIDE ? MORE : 0);

			width = text_width(m, c);
			width = width < most ? width : most;
		}
		if (c > 0 && x + width > COLS)
			return;
		f->width[c] = width;
		f->count = c + 1;
		x += width + 1;
	}
}

static void draw_session_heads(const struct fitted *f, const struct top_model *m, int y)
{
	int x = 0;

	for (enum top_column c = 0; c < f->count; c++) {
		chtype look = A_BOLD | (c == m->sort ? A_UNDERLINE : 0);

		attron(look);
		put(y, x, f->width[c], columns[c].right, columns[c].head);
		attroff(look);
		x += f->width[c] + 1;
	}
}

static void draw_session(const struct top_page *p, const struct fitted *f,
			 const struct top_session *s, int y)
{
	bool good = strcmp(s->state, "open") == 0;
	int x = 0;
	ctl_text text;

	for (enum top_column c = 0; c < f->count; c++) {
		chtype look = 0;

		if (c == TOP_STATE_TEXT)
			look = pair(p, good ? PAIR_GOOD : PAIR_WARN);
		else if (c == TOP_LOSS && s->v[c] > 0.01)
			look = pair(p, s->v[c] > 0.1 ? PAIR_BAD : PAIR_WARN);
		attron(look);
		put(y, x, f->width[c], columns[c].right, session_text(s, c, text));
		attroff(look);
		x += f->width[c] + 1;
	}
}

static size_t count_shown(const struct top_model *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->session_count; i++)
		n += top_model_shows(m, &m->sessions[i]);
	return n;
}

static void draw_sessions(struct top_page *p, const struct top_model *m, int y, int lines)
{
	size_t shown = count_shown(m), room = lines > 1 ? (size_t)lines - 1 : 0, skip;
	struct fitted f;

	if (p->scroll + room > shown)
		p->scroll = shown > room ? shown - room : 0;
	skip = p->scroll;
	fit(&f, m);
	draw_session_heads(&f, m, y++);
	for (size_t i = 0; i < m->session_count && room > 0; i++) {
		if (!top_model_shows(m, &m->sessions[i]))
			continue;
		if (skip > 0) {
			skip--;
			continue;
		}
		draw_session(p, &f, &m->sessions[i], y++);
		room--;
	}
}

/* ---- page ------------------------------------------------------------------------- */

void top_draw(struct top_page *p, const struct top_model *m)
{
	int y = 2, third = (LINES - 3) / 3, wanted = (int)m->tunnel_count + 1;

	erase();
	draw_head(p, m);
	y += draw_tunnels(p, m, y, wanted < third || third < 2 ? wanted : third) + 1;
	if (LINES >= GRAPHS_FROM_LINES && m->selected < m->tunnel_count)
		y += draw_graphs(p, &m->tunnels[m->selected], y);
	if (y < LINES - 2)
		draw_sessions(p, m, y, LINES - 1 - y);
	draw_foot();
	if (p->keys)
		draw_keys();
	refresh();
}
