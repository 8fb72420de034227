/* top.c - tunnels and sessions as they change, on the whole screen. */
#include "ctl.h"

#include <curses.h>
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl_client.h"
#include "ctl_show.h"
#include "ctl_top_draw.h"
#include "ctl_top_model.h"

static const double INTERVAL_MIN_S = 0.1, INTERVAL_MAX_S = 60.;
/* A daemon that says nothing for so long is as good as none. */
static const double ANSWER_S = 10.;

enum phase { RESTING, WAIT_STATS, WAIT_SESSIONS };

struct top {
	struct ctl_client client;
	struct top_model model;
	struct top_page page;
	enum phase phase;
	json_t *stats; /* of the look under way */
	double next_s; /* when to look again */
	double asked_s;
	bool over, stale; /* stale: the page is to be drawn again */
	char trouble[CTL_WHY_BYTES + 32];
};

static volatile sig_atomic_t stopped;

static void on_stop(int signum)
{
	stopped = 1;
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* ---- looks ------------------------------------------------------------------------ */

static void rest(struct top *t)
{
	json_decref(t->stats);
	t->stats = NULL;
	t->phase = RESTING;
	t->stale = true;
}

static void tell_trouble(struct top *t)
{
	snprintf(t->trouble, sizeof(t->trouble), "%s; trying again", t->client.why);
	t->page.trouble = t->trouble;
	ctl_client_disconnect(&t->client);
	rest(t);
}

static void ask(struct top *t, const char *command, enum phase phase)
{
	t->asked_s = now_s();
	t->phase = phase;
	if (!ctl_client_send(&t->client, command))
		tell_trouble(t);
}

static void begin_look(struct top *t)
{
	t->next_s = now_s() + t->page.interval_s;
	if (t->client.fd < 0 && !ctl_client_connect(&t->client, ctl_options.socket)) {
		tell_trouble(t);
		return;
	}
	ask(t, "stats", WAIT_STATS);
}

static void take_answer(struct top *t)
{
	json_t *document = ctl_client_json(&t->client);

	if (document == NULL || json_object_get(document, "error") != NULL) {
		snprintf(t->client.why, sizeof(t->client.why), "%s: no proper answer",
			 ctl_options.socket);
		json_decref(document);
		tell_trouble(t);
	} else if (t->phase == WAIT_STATS) {
		t->stats = document;
		ask(t, "sessions", WAIT_SESSIONS);
	} else {
		top_model_update(&t->model, t->stats, document);
		t->stats = NULL;
		t->page.trouble = NULL;
		rest(t);
	}
}

static void go_on(struct top *t)
{
	double now = now_s();

	if (t->phase == RESTING) {
		if (now >= t->next_s && !t->page.paused)
			begin_look(t);
		return;
	}
	switch (ctl_client_receive(&t->client)) {
	case CTL_WHOLE:
		take_answer(t);
		break;
	case CTL_LOST:
		tell_trouble(t);
		break;
	case CTL_PART:
		if (now - t->asked_s < ANSWER_S)
			break;
		snprintf(t->client.why, sizeof(t->client.why), "kcptund does not answer");
		tell_trouble(t);
		break;
	}
}

/* ---- keys ------------------------------------------------------------------------- */

static void change_sort(struct top *t, int step)
{
	t->model.sort = (enum top_column)(((int)t->model.sort + step + TOP_COLUMNS) % TOP_COLUMNS);
	/* numbers from the largest, texts from the first */
	t->model.reverse = !top_column_is_text(t->model.sort);
}

static void change_interval(struct top *t, double factor)
{
	double s = t->page.interval_s * factor;

	t->page.interval_s = s < INTERVAL_MIN_S   ? INTERVAL_MIN_S
			     : s > INTERVAL_MAX_S ? INTERVAL_MAX_S
						  : s;
	t->next_s = now_s();
}

static void scroll_by(struct top *t, int lines)
{
	if (lines < 0 && (size_t)-lines > t->page.scroll)
		t->page.scroll = 0;
	else
		t->page.scroll += (size_t)lines;
}

static void take_key(struct top *t, int key)
{
	struct top_model *m = &t->model;

	switch (key) {
	case 'q':
	case 'Q':
		t->over = true;
		break;
	case '?':
		t->page.keys = !t->page.keys;
		break;
	case KEY_UP:
	case 'k':
		m->selected -= m->selected > 0;
		break;
	case KEY_DOWN:
	case 'j':
		m->selected += m->selected + 1 < m->tunnel_count;
		break;
	case 't':
		m->only_selected = !m->only_selected;
		break;
	case 's':
		change_sort(t, 1);
		break;
	case 'S':
		change_sort(t, -1);
		break;
	case 'r':
		m->reverse = !m->reverse;
		break;
	case 'p':
		t->page.paused = !t->page.paused;
		break;
	case KEY_NPAGE:
		scroll_by(t, LINES / 2);
		break;
	case KEY_PPAGE:
		scroll_by(t, -LINES / 2);
		break;
	case '+':
		change_interval(t, 2);
		break;
	case '-':
		change_interval(t, 0.5);
		break;
	default: /* KEY_RESIZE and whatever else: draw again */
		break;
	}
	top_model_sort(m);
	t->stale = true;
}

/* ---- the loop --------------------------------------------------------------------- */

static int wait_ms(const struct top *t)
{
	double s = t->page.paused ? 1. : t->next_s - now_s();

	if (t->phase != RESTING)
		s = 1.;
	return s <= 0 ? 0 : s > 1 ? 1000 : (int)(s * 1000) + 1;
}

static void run(struct top *t)
{
	while (!t->over && !stopped) {
		struct pollfd fds[2] = {
			{ .fd = STDIN_FILENO, .events = POLLIN },
			{ .fd = t->phase != RESTING ? t->client.fd : -1, .events = POLLIN },
		};
		int key;

		if (t->stale)
			top_draw(&t->page, &t->model);
		t->stale = false;
		if (poll(fds, 2, wait_ms(t)) < 0 && errno != EINTR)
			return;
		if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
			return; /* the terminal is gone */
		while ((key = getch()) != ERR)
			take_key(t, key);
		go_on(t);
	}
}

static void watch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_stop };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
}

static void run_on_screen(struct top *t)
{
	setlocale(LC_CTYPE, "");
	initscr();
	watch_signals(); /* ncurses has handlers of its own for these */
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	set_escdelay(50);
	curs_set(0);
	t->page.colour = ctl_options.colour;
	top_draw_init(&t->page);
	run(t);
	endwin();
}

int ctl_top(int argc, char **argv)
{
	struct top t = { .page = { .interval_s = 1. } };
	int status = ctl_parse_options(argc, argv);

	if (status >= 0)
		return status;
	if (argc != optind || ctl_options.format != CTL_TABLE)
		return ctl_usage(argv[0]);
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		fprintf(stderr, "kcptunctl: top needs a terminal\n");
		return CTL_USAGE;
	}
	if (ctl_options.watch_s > 0)
		t.page.interval_s = ctl_options.watch_s;
	ctl_client_init(&t.client);
	top_model_init(&t.model);
	if (ctl_client_connect(&t.client, ctl_options.socket)) {
		run_on_screen(&t);
	} else {
		fprintf(stderr, "kcptunctl: %s\n", t.client.why);
		status = CTL_UNREACHABLE;
	}
	rest(&t);
	top_model_dispose(&t.model);
	ctl_client_close(&t.client);
	return status < 0 ? CTL_DONE : status;
}
