/* test_ctl.c - what kcptunctl makes of documents: numbers, tables, graphs, the live view's model. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl_client.h"
#include "ctl_format.h"
#include "ctl_graph.h"
#include "ctl_show.h"
#include "ctl_table.h"
#include "ctl_top_model.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- numbers ---------------------------------------------------------------------- */

static void numbers_have_the_units_that_people_read(void **state)
{
	static const struct {
		const char *(*format)(ctl_text out, double v);
		double v;
		const char *text;
	} rows[] = {
		{ ctl_bytes, 0, "0 B" },
		{ ctl_bytes, 999, "999 B" },
		{ ctl_bytes, 1023, "1.0 KiB" },
		{ ctl_bytes, 1536, "1.5 KiB" },
		{ ctl_bytes, 102400, "100 KiB" },
		{ ctl_bytes, 1048576, "1.0 MiB" },
		{ ctl_bytes, 1e18, "888 PiB" },
		{ ctl_rate, 2048, "2.0 KiB/s" },
		{ ctl_count, 999999, "999999" },
		{ ctl_count, 1234567, "1.2 M" },
		{ ctl_per_second, 0, "0" },
		{ ctl_per_second, 0.25, "0.2" },
		{ ctl_per_second, 42.4, "42" },
		{ ctl_ms, 0.84, "0.8 ms" },
		{ ctl_ms, 41.4, "41 ms" },
		{ ctl_ms, 1250, "1.25 s" },
		{ ctl_age, 0, "0s" },
		{ ctl_age, 59.9, "59s" },
		{ ctl_age, 60, "1m0s" },
		{ ctl_age, 3600 * 3 + 60 * 20, "3h20m" },
		{ ctl_age, 86400 * 3 + 3600 * 4, "3d4h" },
		{ ctl_share, 0, "0.00 %" },
		{ ctl_share, 0.00123, "0.12 %" },
		{ ctl_share, 0.123, "12.3 %" },
		{ ctl_share, 1, "100.0 %" },
		{ ctl_ratio, 1.349, "1.35" },
	};
	ctl_text out;

	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_string_equal(rows[i].format(out, rows[i].v), rows[i].text);
		assert_string_equal(rows[i].format(out, (double)NAN), "-");
	}
}

static void two_numbers_share_a_unit(void **state)
{
	static const struct {
		const char *(*format)(ctl_text out, double a, double b);
		double a, b;
		const char *text;
	} rows[] = {
		{ ctl_two_rates, 0, 0, "0/0 B/s" },
		{ ctl_two_rates, 512, 2048, "0.5/2.0 KiB/s" },
		{ ctl_two_rates, 12.34 * 1048576, 1048576, "12.3/1.0 MiB/s" },
		{ ctl_two_rates, 204800, (double)NAN, "200/- KiB/s" },
		{ ctl_two_rates, (double)NAN, 2048, "-/2.0 KiB/s" },
		{ ctl_two_ms, 0.84, 41.4, "0.8/41 ms" },
		{ ctl_two_ms, 160, 1250, "0.16/1.25 s" },
		{ ctl_two_ms, (double)NAN, 7, "-/7.0 ms" },
		{ ctl_two_shares, 0.00123, 0.123, "0.12/12.3 %" },
		{ ctl_two_shares, (double)NAN, 0, "-/0.00 %" },
		{ ctl_two_rates, (double)NAN, (double)NAN, "-" },
		{ ctl_two_ms, (double)NAN, (double)NAN, "-" },
		{ ctl_two_shares, (double)NAN, (double)NAN, "-" },
	};
	ctl_text out;

	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(rows[i].format(out, rows[i].a, rows[i].b), rows[i].text);
	/* a daemon that says something wild does no harm */
	assert_non_null(strchr(ctl_two_ms(out, 1e300, -1e300), '/'));
	assert_non_null(strchr(ctl_two_shares(out, 1e300, 1e-300), '/'));
}

/* ---- tables ----------------------------------------------------------------------- */

static char *print_table(const struct table *t, bool colour)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	table_print(t, f, colour, "");
	fclose(f);
	return text;
}

static void columns_are_as_wide_as_what_stands_in_them(void **state)
{
	static const char *const heads[] = { "NAME", ">N", "WORD" };
	struct table t;
	char *text;

	table_init(&t, heads, 3);
	table_add(&t, "a");
	table_addf(&t, "%d", 12345);
	table_add(&t, "x");
	table_add(&t, "longer");
	table_addf(&t, "%d", 7);
	table_add(&t, "yz");
	text = print_table(&t, false);
	assert_string_equal(text, "NAME        N  WORD\n"
				  "a       12345  x\n"
				  "longer      7  yz\n");
	free(text);
	table_dispose(&t);
}

static void a_cell_cannot_speak_to_the_terminal(void **state)
{
	static const char *const heads[] = { "A" };
	struct table t;
	char *text;

	table_init(&t, heads, 1);
	table_add(&t, "\033[2Jx\ny\x7f");
	text = print_table(&t, false);
	assert_string_equal(text, "A\n?[2Jx?y?\n");
	free(text);
	text = print_table(&t, true);
	assert_non_null(strstr(text, "\033[1mA\033[0m\n?[2Jx?y?\n"));
	free(text);
	table_dispose(&t);
}

static json_t *busy_session(double at_s, long long wire_out)
{
	return json_pack("{s:s, s:I, s:f, s:[{s:s, s:s, s:s, s:{s:f, s:f}, s:I, s:I, s:f, s:f, s:f, "
			 "s:f, s:f, s:i, s:s, s:s}]}",
			 "type", "sessions", "monotonic_us", (json_int_t)(at_s * 1e6), "uptime_s",
			 at_s, "sessions", "session", "home/1", "peer", "203.0.113.7:29900",
			 "state", "open", "rates", "wire_in", 20480.0, "wire_out", 3145728.0,
			 "wire_out_bytes", (json_int_t)wire_out, "path_bytes_s",
			 (json_int_t)4194304, "min_rtt_ms", 160.0, "srtt_ms", 182.0, "queue_ms",
			 22.0, "medium_loss", 0.012, "total_loss", 0.023, "inflight_segs", 512,
			 "limit", "peer-window", "conv", "0badcafe");
}

static char *show(const struct ctl_view *how, json_t *document, json_t *before)
{
	struct ctl_view v = *how;
	char *text = NULL;
	size_t len;

	v.out = open_memstream(&text, &len);
	assert_non_null(v.out);
	assert_true(ctl_show(&v, document, before));
	fclose(v.out);
	json_decref(document);
	json_decref(before);
	return text;
}

static void a_session_is_told_in_one_line_of_a_screen(void **state)
{
	const struct ctl_view in_short = { 0 }, whole = { .all = true };
	char *text = show(&in_short, busy_session(10, 0), NULL);

	/* clang-format off */
	assert_string_equal(text,
		"SESSION  PEER               STATE          IN       OUT/PATH     MIN/RTT  QUEUE  "
		"MEDIUM/LOSS  INFLIGHT  LIMIT\n"
		"home/1   203.0.113.7:29900  open   20.0 KiB/s  3.0/4.0 MiB/s  160/182 ms  22 ms  "
		"1.20/2.30 %       512  peer's window\n");
	/* clang-format on */
	free(text);
	text = show(&whole, busy_session(10, 0), NULL);
	assert_non_null(strstr(text, "peer's window  0badcafe"));
	free(text);
}

/* The first line of what is shown of a session, in a terminal as wide as this. */
static char *heads_within(size_t columns)
{
	const struct ctl_view v = { .columns = columns };
	char *text = show(&v, busy_session(10, 0), NULL);

	for (char *p = text, *end; (end = strchr(p, '\n')) != NULL; p = end + 1)
		assert_true(columns == 0 || (size_t)(end - p) <= columns);
	strchr(text, '\n')[0] = '\0';
	return text;
}

static void a_session_has_the_columns_that_there_is_room_for(void **state)
{
	static const struct {
		size_t columns;
		const char *heads;
	} rows[] = {
		{ 0, "SESSION  PEER               STATE          IN       OUT/PATH     MIN/RTT  QUEUE  "
		     "MEDIUM/LOSS  INFLIGHT  LIMIT" },
		{ 120, "SESSION  PEER               STATE          IN       OUT/PATH     MIN/RTT  QUEUE  "
		       "MEDIUM/LOSS  INFLIGHT  LIMIT" },
		{ 100,
		  "SESSION  PEER               STATE          IN       OUT/PATH     RTT  QUEUE    LOSS  LIMIT" },
		{ 80,
		  "SESSION  PEER               STATE          IN       OUT/PATH     MIN/RTT    LOSS" },
		{ 60, "SESSION  PEER                       IN        OUT     RTT" },
		{ 40, "SESSION  PEER                     OUT" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text = heads_within(rows[i].columns);

		assert_string_equal(text, rows[i].heads);
		free(text);
	}
	for (size_t columns = 30; columns < 130; columns++)
		free(heads_within(columns));
}

static void a_table_that_has_no_room_keeps_its_first_column(void **state)
{
	static const char *const heads[] = { "FIRST", ">B", "LONGER" };
	static const struct table_wish wishes[] = { { 0, 0 }, { 1, 1 }, { 2, 1 } };
	static const struct {
		size_t width;
		const char *text;
	} rows[] = {
		{ 1, "FIRST\nx\n" },
		{ 7, "FIRST\nx\n" },
		{ 8, "FIRST  B\nx      7\n" },
		{ 12, "FIRST  B\nx      7\n" },
		{ 13, "FIRST  LONGER\nx      y\n" },
		{ 0, "FIRST  LONGER\nx      y\n" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct table t;
		char *text;

		table_init(&t, heads, 3);
		table_add(&t, "x");
		table_add(&t, "7");
		table_add(&t, "y");
		table_fit(&t, wishes, COUNT(wishes), rows[i].width);
		text = print_table(&t, false);
		assert_string_equal(text, rows[i].text);
		free(text);
		table_dispose(&t);
	}
}

static void stats_tell_what_the_sessions_have_between_them(void **state)
{
	const struct ctl_view v = { 0 };
	json_t *document = json_pack(
		"{s:s, s:[{s:s, s:{s:f, s:f}, s:{s:f}, s:{s:f}, s:I, s:{s:i, s:i, s:i}}]}", "type",
		"stats", "tunnels", "tunnel", "home", "queue_ms", "mean", 12.0, "max", 40.0,
		"medium_loss", "mean", 0.01, "total_loss", "mean", 0.03, "path_bytes_s",
		(json_int_t)3145728, "limits", "application", 0, "path", 2, "peer-window", 1);
	char *text = show(&v, document, NULL);

	assert_non_null(strstr(text, "  queueing             12 ms, at most 40 ms\n"));
	assert_non_null(strstr(text, "  path takes           3.0 MiB/s\n"));
	assert_non_null(strstr(text, "  lost lately          3.00 %: by the medium 1.00 %, in queues that were full "
				     "2.00 %\n"));
	assert_non_null(strstr(text, "  held back by         path 2, peer's window 1\n"));
	free(text);
}

static json_t *stats_of_loss(double medium)
{
	return json_pack("{s:s, s:[{s:s, s:{s:f}, s:{s:i, s:i, s:i, s:I, s:i}}]}", "type", "stats",
			 "tunnels", "tunnel", "home", "medium_loss", "mean", medium, "counters",
			 "OutDataSegs", 1000, "RetransSegs", 580, "PayloadOutBytes", 1000000,
			 "OutBytes", (json_int_t)2400000, "InBytes", 1766343);
}

static void stats_tell_whose_a_loss_is(void **state)
{
	const struct ctl_view v = { 0 };
	char *text = show(&v, stats_of_loss(0.01), NULL);

	assert_non_null(strstr(text, "  retransmitted        58.0 %\n"));
	assert_non_null(strstr(text, "  loss out, estimate   58.0 %: by the medium 1.00 %, in queues that "
				     "were full 57.0 %\n"));
	free(text);
	text = show(&v, stats_of_loss(0.6), NULL); /* of now, and worse than it was */
	assert_non_null(strstr(text, "  loss out, estimate   58.0 %: by the medium 58.0 %, in queues that "
				     "were full 0.00 %\n"));
	free(text);
}

static void stats_leave_out_what_a_one_way_transfer_has_none_of(void **state)
{
	const struct ctl_view v = { 0 };
	char *text = show(&v, stats_of_loss(0.01), NULL);

	assert_non_null(strstr(text, "  wire overhead out    2.40\n"));
	assert_null(strstr(text, "wire overhead in"));
	free(text);
}

static void a_log_level_is_told_with_its_end(void **state)
{
	const struct ctl_view v = { 0 };
	char *text = show(&v, json_pack("{s:s, s:s}", "type", "loglevel", "loglevel", "debug"), NULL);

	assert_string_equal(text, "log level is debug, until the next start, or a reload with another "
				  "loglevel\n");
	free(text);
}

static void rates_of_sessions_are_those_since_the_look_before(void **state)
{
	const struct ctl_view in_short = { 0 };
	char *text = show(&in_short, busy_session(12, 2097152), busy_session(10, 0));

	assert_non_null(strstr(text, "  1.0/4.0 MiB/s  "));
	free(text);
}

/* ---- nobody there ----------------------------------------------------------------- */

static void a_socket_that_nobody_answers_on_has_the_name_of_its_unit(void **state)
{
	static const struct {
		const char *path, *text;
	} rows[] = {
		{ "/run/kcptun/no-such.sock",
		  ": kcptund@no-such is not running; see why: systemctl status "
		  "kcptund@no-such, or start it: systemctl start kcptund@no-such" },
		{ "/run/kcptun/no-such/a.sock",
		  ": kcptund is not running, or its control key names another path" },
		{ "/run/kcptun/.sock",
		  ": kcptund is not running, or its control key names another path" },
		{ "/run/kcptun/no-such.socket",
		  ": kcptund is not running, or its control key names another path" },
		{ "/nowhere/no-such.sock",
		  ": kcptund is not running, or its control key names another path" },
	};
	struct ctl_client c;

	ctl_client_init(&c);
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_false(ctl_client_connect(&c, rows[i].path));
		assert_string_equal(strchr(c.why, ':'), rows[i].text);
	}
	ctl_client_close(&c);
}

/* ---- graphs ----------------------------------------------------------------------- */

static void a_series_keeps_the_newest_numbers(void **state)
{
	struct series s = { 0 };

	assert_true(isnan(series_get(&s, 0)));
	assert_true(series_max(&s, 10) == 0);
	for (int i = 0; i < SERIES_MAX + 10; i++)
		series_push(&s, i);
	assert_true(series_get(&s, 0) == SERIES_MAX + 9);
	assert_true(series_get(&s, SERIES_MAX - 1) == 10);
	assert_true(isnan(series_get(&s, SERIES_MAX)));
	assert_true(series_max(&s, 3) == SERIES_MAX + 9);
	series_push(&s, (double)NAN);
	assert_true(series_max(&s, 2) == SERIES_MAX + 9);
}

static void a_graph_grows_from_its_lowest_cell(void **state)
{
	/* two cells high */
	assert_string_equal(graph_cell(100, 100, 2, 0, true), "█");
	assert_string_equal(graph_cell(100, 100, 2, 1, true), "█");
	assert_string_equal(graph_cell(50, 100, 2, 0, true), " ");
	assert_string_equal(graph_cell(50, 100, 2, 1, true), "█");
	assert_string_equal(graph_cell(75, 100, 2, 0, true), "▄");
	assert_string_equal(graph_cell(25, 100, 2, 1, true), "▄");
	/* little is more than nothing, and nothing, unknown and beyond are none of the rest */
	assert_string_equal(graph_cell(0.001, 100, 2, 1, true), "▁");
	assert_string_equal(graph_cell(0, 100, 2, 1, true), " ");
	assert_string_equal(graph_cell((double)NAN, 100, 2, 1, true), " ");
	assert_string_equal(graph_cell(1e9, 100, 2, 0, false), "#");
	assert_string_equal(graph_cell(5, 0, 1, 0, true), " ");
}

/* ---- the live view ---------------------------------------------------------------- */

static json_t *stats(double at_s, double uptime_s, long long payload_in)
{
	return json_pack("{s:s, s:s, s:I, s:f, s:[{s:s, s:s, s:i, s:i, s:{s:f}, s:{s:I}}]}", "type",
			 "stats", "version", "1.2", "monotonic_us", (json_int_t)(at_s * 1e6),
			 "uptime_s", uptime_s, "tunnels", "tunnel", "home", "role", "client",
			 "sessions", 1, "streams", 2, "rtt_ms", "mean", 40.0, "counters",
			 "PayloadInBytes", (json_int_t)payload_in);
}

static json_t *sessions(double at_s, double uptime_s, const char *first, long long received)
{
	return json_pack("{s:s, s:I, s:f, s:[{s:s, s:s, s:f, s:I, s:s}, {s:s, s:s, s:n, s:I, s:s}]}",
			 "type", "sessions", "monotonic_us", (json_int_t)(at_s * 1e6), "uptime_s",
			 uptime_s, "sessions", "session", first, "tunnel", "home", "srtt_ms", 30.0,
			 "wire_in_bytes", (json_int_t)received, "limit", "peer-window", "session",
			 "home/10", "tunnel", "away", "srtt_ms", "wire_in_bytes", (json_int_t)0,
			 "limit", "application");
}

static double rate_in(const struct top_model *m, const char *id)
{
	for (size_t i = 0; i < m->session_count; i++)
		if (strcmp(m->sessions[i].id, id) == 0)
			return m->sessions[i].v[TOP_IN];
	fail_msg("no session %s", id);
	return 0;
}

static void rates_are_those_between_two_looks(void **state)
{
	struct top_model m;

	top_model_init(&m);
	top_model_update(&m, stats(100, 10, 5000), sessions(100, 10, "home/2", 1000));
	assert_int_equal(m.tunnel_count, 1);
	assert_true(isnan(series_get(&m.tunnels[0].in, 0)));
	top_model_update(&m, stats(102, 12, 9000), sessions(102, 12, "home/2", 4000));
	assert_true(fabs(series_get(&m.tunnels[0].in, 0) - 2000) < 1);
	assert_true(series_get(&m.tunnels[0].rtt_ms, 0) == 40);
	assert_string_equal(m.sessions[0].id, "home/2");
	assert_true(fabs(m.sessions[0].v[TOP_IN] - 1500) < 1);
	assert_true(isnan(m.sessions[1].v[TOP_RTT]));
	top_model_dispose(&m);
}

static void a_new_daemon_or_a_reset_gives_no_wild_rates(void **state)
{
	struct top_model m;

	top_model_init(&m);
	top_model_update(&m, stats(100, 10, 5000), sessions(100, 10, "home/2", 1000));
	top_model_update(&m, stats(102, 12, 600), sessions(102, 12, "home/2", 0));
	assert_true(fabs(series_get(&m.tunnels[0].in, 0) - 300) < 1); /* counted since the reset */
	assert_true(isnan(rate_in(&m, "home/2")));
	assert_true(rate_in(&m, "home/10") == 0);
	top_model_update(&m, stats(110, 3, 900000), sessions(110, 3, "home/2", 900000));
	assert_true(isnan(series_get(&m.tunnels[0].in, 0)));
	assert_true(isnan(rate_in(&m, "home/2")));
	top_model_dispose(&m);
}

static void sessions_are_sorted_by_what_is_asked_for(void **state)
{
	struct top_model m;

	top_model_init(&m);
	top_model_update(&m, stats(100, 10, 0), sessions(100, 10, "home/9", 0));
	m.sort = TOP_SESSION;
	m.reverse = false;
	top_model_sort(&m);
	assert_string_equal(m.sessions[0].id, "home/9"); /* 9 before 10 */
	m.reverse = true;
	top_model_sort(&m);
	assert_string_equal(m.sessions[0].id, "home/10");
	m.sort = TOP_RTT; /* not known is least */
	top_model_sort(&m);
	assert_string_equal(m.sessions[0].id, "home/9");
	m.sort = TOP_LIMIT_TEXT;
	top_model_sort(&m);
	assert_string_equal(m.sessions[0].limit, "peer's window");
	assert_true(top_column_is_text(m.sort) && !top_column_is_text(TOP_MIN_RTT));
	m.only_selected = true;
	assert_true(top_model_shows(&m, &m.sessions[0]));
	assert_false(top_model_shows(&m, &m.sessions[1])); /* of another tunnel */
	top_model_dispose(&m);
}

static void a_tunnel_that_is_gone_is_forgotten(void **state)
{
	struct top_model m;

	top_model_init(&m);
	top_model_update(&m, stats(100, 10, 0), sessions(100, 10, "home/9", 0));
	top_model_update(&m, json_pack("{s:s, s:[]}", "type", "stats", "tunnels"),
			 json_pack("{s:[]}", "sessions"));
	assert_int_equal(m.tunnel_count, 0);
	assert_int_equal(m.session_count, 0);
	assert_int_equal(m.selected, 0);
	top_model_dispose(&m);
}

/* ---- documents -------------------------------------------------------------------- */

static void strange_documents_do_no_harm(void **state)
{
	/* clang-format off */
	static const char *const texts[] = {
		"{\"type\": \"status\"}", "{\"type\": \"stats\", \"tunnels\": [1, {}, {\"rtt_ms\": 3, \"limits\": 4, \"queue_ms\": []}]}",
		"{\"type\": \"sessions\", \"sessions\": [{}, [], 4, {\"session\": 3, \"fec_in\": {}}]}",
		"{\"type\": \"streams\", \"streams\": [null]}", "{\"type\": \"config\", \"sections\": [{}]}",
		"{\"type\": \"config\", \"sections\": [{\"values\": [{}, 3, {\"value\": null}]}]}",
		"{\"type\": \"reload\", \"lines\": [{}, 4]}", "{\"type\": \"reset\"}", "{\"type\": \"close\"}",
		"{\"type\": \"version\"}", "{\"type\": \"loglevel\"}",
	};
	/* clang-format on */
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	struct ctl_view v = { .out = f, .all = true };

	for (size_t i = 0; i < COUNT(texts); i++) {
		json_t *document = json_loads(texts[i], 0, NULL);

		assert_true(ctl_show(&v, document, NULL));
		assert_true(ctl_show(&v, document, document));
		json_decref(document);
	}
	fclose(f);
	assert_true(len > 0);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_have_the_units_that_people_read),
		cmocka_unit_test(two_numbers_share_a_unit),
		cmocka_unit_test(columns_are_as_wide_as_what_stands_in_them),
		cmocka_unit_test(a_cell_cannot_speak_to_the_terminal),
		cmocka_unit_test(a_session_is_told_in_one_line_of_a_screen),
		cmocka_unit_test(a_session_has_the_columns_that_there_is_room_for),
		cmocka_unit_test(a_table_that_has_no_room_keeps_its_first_column),
		cmocka_unit_test(rates_of_sessions_are_those_since_the_look_before),
		cmocka_unit_test(stats_tell_what_the_sessions_have_between_them),
		cmocka_unit_test(stats_tell_whose_a_loss_is),
		cmocka_unit_test(stats_leave_out_what_a_one_way_transfer_has_none_of),
		cmocka_unit_test(a_log_level_is_told_with_its_end),
		cmocka_unit_test(a_socket_that_nobody_answers_on_has_the_name_of_its_unit),
		cmocka_unit_test(a_series_keeps_the_newest_numbers),
		cmocka_unit_test(a_graph_grows_from_its_lowest_cell),
		cmocka_unit_test(rates_are_those_between_two_looks),
		cmocka_unit_test(a_new_daemon_or_a_reset_gives_no_wild_rates),
		cmocka_unit_test(sessions_are_sorted_by_what_is_asked_for),
		cmocka_unit_test(a_tunnel_that_is_gone_is_forgotten),
		cmocka_unit_test(strange_documents_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
