/* ctl_show.c - the daemon's documents as people read them. */
#include "ctl_show_impl.h"

#include <math.h>
#include <string.h>

#include "config_effective.h"
#include "derived.h"
#include "wire.h"

const char *show_or_dash(const char *s)
{
	return s[0] != '\0' ? s : "-";
}

enum table_look show_state_look(const char *state)
{
	if (strcmp(state, "running") == 0 || strcmp(state, "open") == 0)
		return LOOK_GOOD;
	return strcmp(state, "ended") == 0 || strcmp(state, "closing") == 0 ||
			       strcmp(state, "failed") == 0 || strcmp(state, "down") == 0
		       ? LOOK_BAD
		       : LOOK_WARN;
}

const char *show_shards(ctl_text out, const json_t *row, const char *key)
{
	const json_t *s = json_object_get(row, key);

	if (!json_is_object(s)) /* a word, or null */
		snprintf(out, CTL_TEXT_BYTES, "%s", show_or_dash(ctl_string(row, key)));
	else
		snprintf(out, CTL_TEXT_BYTES, "%.0f+%.0f", ctl_number(s, "data"),
			 ctl_number(s, "parity"));
	return out;
}

bool show_is_empty(const struct ctl_view *v, const json_t *rows, const char *what)
{
	if (json_array_size(rows) > 0)
		return false;
	fprintf(v->out, "no %s\n", what);
	return true;
}

/* ---- status ----------------------------------------------------------------------- */

/* What is not well, in a line each. */
static void show_troubles(const struct ctl_view *v, const json_t *rows)
{
	bool first = true;
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		const char *health = ctl_string(row, "health");

		if (health[0] == '\0' || strcmp(health, "well") == 0)
			continue;
		fprintf(v->out, "%s%s %s: %s\n", first ? "\n" : "", ctl_string(row, "tunnel"),
			health, ctl_string(row, "health_text"));
		first = false;
	}
}

/* One that runs may be of no use all the same. */
static const char *status_word(const json_t *row)
{
	const char *state = ctl_string(row, "state"), *health = ctl_string(row, "health");

	if (strcmp(state, "running") != 0 || health[0] == '\0' || strcmp(health, "well") == 0)
		return state;
	return health;
}

static void show_status(const struct ctl_view *v, const json_t *doc, const json_t *before)
{
	static const char *const heads[] = { "TUNNEL",    "ROLE",     "STATE", "LOCAL",
					     "REMOTE",    "CRYPT",    "FEC",   "AGE",
					     ">SESSIONS", ">STREAMS", ">IN",   ">OUT" };
	const json_t *rows = json_object_get(doc, "tunnels");
	struct table t;
	ctl_text a, b;
	json_t *row;
	size_t i;

	table_init(&t, heads, ARRAY_LEN(heads));
	json_array_foreach(rows, i, row) {
		table_add(&t, ctl_string(row, "tunnel"));
		table_add(&t, ctl_string(row, "role"));
		table_add_look(&t, show_state_look(status_word(row)), status_word(row));
		table_add(&t, ctl_string(row, "local"));
		table_add(&t, ctl_string(row, "remote"));
		table_add(&t, ctl_string(row, "crypt"));
		table_add(&t, show_shards(a, row, "fec"));
		table_add(&t, ctl_age(a, ctl_number(row, "age_s")));
		table_addf(&t, "%.0f", ctl_number(row, "sessions"));
		table_addf(&t, "%.0f", ctl_number(row, "streams"));
		table_add(&t, ctl_rate(a, ctl_number_in(row, "rates", "goodput_in")));
		table_add(&t, ctl_rate(b, ctl_number_in(row, "rates", "goodput_out")));
	}
	fprintf(v->out, "kcptund %s, pid %.0f, up %s, log level %s\n\n", ctl_string(doc, "version"),
		ctl_number(doc, "pid"), ctl_age(a, ctl_number(doc, "uptime_s")),
		ctl_string(doc, "loglevel"));
	table_print(&t, v->out, v->colour, "");
	table_dispose(&t);
	show_troubles(v, rows);
}

/* ---- stats ------------------------------------------------------------------------ */

/* One tunnel's figures of a look: what was counted in how many seconds. */
struct figures {
	const json_t *row;
	struct counters total, part; /* part: since the look before, else the same as total */
	double seconds;              /* that `part` was counted in */
	bool since_look;
};

static void take_figures(struct figures *f, const json_t *row, const json_t *before_row,
			 double between_s)
{
	struct counters before;

	f->row = row;
	ctl_counters(row, &f->total);
	f->part = f->total;
	f->seconds = ctl_number(row, "counted_s");
	f->since_look = before_row != NULL && isfinite(between_s);
	if (!f->since_look)
		return;
	ctl_counters(before_row, &before);
	ctl_counters_since(&f->total, &before, &f->part);
	f->seconds = between_s;
}

static void show_rates(const struct ctl_view *v, const struct figures *f)
{
	const json_t *r = json_object_get(f->row, "rates");
	const char *what = "average of the last";
	double window = ctl_number(r, "window_s");
	ctl_text a, b, c;

	if (f->since_look) {
		fprintf(v->out, "  %-20s in %s, out %s\n", "goodput",
			ctl_rate(a, (double)f->part.payload_in_bytes / f->seconds),
			ctl_rate(b, (double)f->part.payload_out_bytes / f->seconds));
		fprintf(v->out, "  %-20s in %s, out %s\n", "on the wire",
			ctl_rate(a, (double)f->part.in_bytes / f->seconds),
			ctl_rate(b, (double)f->part.out_bytes / f->seconds));
		return;
	}
	fprintf(v->out, "  %-20s in %s, out %s (%s %s)\n", "goodput",
		ctl_rate(a, ctl_number(r, "goodput_in")), ctl_rate(b, ctl_number(r, "goodput_out")),
		what, ctl_age(c, window));
	fprintf(v->out, "  %-20s in %s, out %s\n", "on the wire",
		ctl_rate(a, ctl_number(r, "wire_in")), ctl_rate(b, ctl_number(r, "wire_out")));
}

/* What the medium loses is lost whatever is sent; the rest is of queues that were overfilled. */
static void show_causes(const struct ctl_view *v, double loss, double medium)
{
	double by_medium = medium < loss ? medium : loss;
	ctl_text a, b;

	if (isfinite(loss) && isfinite(medium))
		fprintf(v->out, ": by the medium %s, in queues that were full %s",
			ctl_share(a, by_medium), ctl_share(b, loss - by_medium));
}

static void show_derived(const struct ctl_view *v, const struct figures *f)
{
	double medium = ctl_number_in(f->row, "medium_loss", "mean");
	struct derived d;
	ctl_text a;

	derived_compute(&d, &f->part);
	for (size_t i = 0; i < derived_count; i++) {
		double value = derived_get(&d, i);
		bool is_ratio = strncmp(derived_infos[i].name, "overhead", 8) == 0;

		if (!isfinite(value))
			continue;
		fprintf(v->out, "  %-20s %s", derived_infos[i].label,
			is_ratio ? ctl_ratio(a, value) : ctl_share(a, value));
		if (strcmp(derived_infos[i].name, "loss_out") == 0)
			show_causes(v, value, medium);
		fputc('\n', v->out);
	}
}

/* "path 2, application 1": what holds back how many sessions, NULL without any. */
static const char *limits_text(char *out, size_t cap, const json_t *row)
{
	json_t *limits = json_object_get(row, "limits"), *count;
	const char *word;
	size_t n = 0;

	json_object_foreach(limits, word, count) {
		if (json_number_value(count) > 0 && n < cap)
			n += (size_t)snprintf(out + n, cap - n, "%s%s %.0f", n > 0 ? ", " : "",
					      ctl_limit(word), json_number_value(count));
	}
	return n > 0 ? out : NULL;
}

/* Where the mean of the sessions is known. */
static void show_path(const struct ctl_view *v, const json_t *row)
{
	double queue = ctl_number_in(row, "queue_ms", "mean");
	double medium = ctl_number_in(row, "medium_loss", "mean");
	double total = ctl_number_in(row, "total_loss", "mean");
	const char *limits;
	char text[160];
	ctl_text a, b;

	if (isfinite(queue))
		fprintf(v->out, "  %-20s %s, at most %s\n", "queueing", ctl_ms(a, queue),
			ctl_ms(b, ctl_number_in(row, "queue_ms", "max")));
	if (isfinite(ctl_number(row, "path_bytes_s")))
		fprintf(v->out, "  %-20s %s\n", "path takes",
			ctl_rate(a, ctl_number(row, "path_bytes_s")));
	if (isfinite(total)) {
		fprintf(v->out, "  %-20s %s", "lost lately", ctl_share(a, total));
		show_causes(v, total, medium);
		fputc('\n', v->out);
	}
	limits = limits_text(text, sizeof(text), row);
	if (limits != NULL)
		fprintf(v->out, "  %-20s %s\n", "held back by", limits);
}

static void show_state(const struct ctl_view *v, const json_t *row)
{
	const json_t *rtt = json_object_get(row, "rtt_ms");
	ctl_text a, b, c;

	if (json_is_object(rtt))
		fprintf(v->out, "  %-20s %s (%s to %s)\n", "round trip",
			ctl_ms(a, ctl_number(rtt, "mean")), ctl_ms(b, ctl_number(rtt, "min")),
			ctl_ms(c, ctl_number(rtt, "max")));
	show_path(v, row);
	fprintf(v->out, "  %-20s %.0f segments in flight, %s unacknowledged\n", "under way",
		ctl_number(row, "inflight_segs"), ctl_bytes(a, ctl_number(row, "queued_bytes")));
	fprintf(v->out, "  %-20s %s for sessions, %s for streams, together at most %s\n", "memory",
		ctl_bytes(a, ctl_number(row, "memory_bytes")),
		ctl_bytes(b, ctl_number(row, "buffer_bytes")),
		ctl_bytes(c, ctl_number(row, "held_bytes_max")));
}

static void show_counters(const struct ctl_view *v, const struct figures *f)
{
	const char *const heads[] = { "COUNTER", ">TOTAL",
				      f->since_look ? ">PER SECOND" : ">AVERAGE/S", "" };
	struct table t;
	ctl_text a, b;

	table_init(&t, heads, ARRAY_LEN(heads));
	for (size_t i = 0; i < counter_count; i++) {
		const struct counter_info *info = &counter_infos[i];
		bool bytes = strstr(info->name, "Bytes") != NULL;
		double total = (double)counters_get(&f->total, i);
		double per_s = (double)counters_get(&f->part, i) / f->seconds;

		if (total == 0 && !v->all)
			continue;
		table_add(&t, info->name);
		table_add(&t, bytes ? ctl_bytes(a, total) : ctl_count(a, total));
		if (info->kind == COUNTER)
			table_add(&t, bytes ? ctl_rate(b, per_s) : ctl_per_second(b, per_s));
		else
			table_add(&t, "");
		table_add_look(&t, LOOK_FAINT, info->help);
	}
	if (t.count > 0) {
		fputc('\n', v->out);
		table_print(&t, v->out, v->colour, "  ");
	}
	table_dispose(&t);
}

static void show_stats(const struct ctl_view *v, const json_t *doc, const json_t *before)
{
	const json_t *rows = json_object_get(doc, "tunnels");
	const json_t *rows_before = json_object_get(before, "tunnels");
	double between_s = ctl_seconds_between(doc, before);
	struct figures f;
	ctl_text a;
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		take_figures(&f, row, ctl_same_row(rows_before, row, "tunnel"), between_s);
		fprintf(v->out, "%s%s%s%s (%s), sessions %.0f, streams %.0f, counted for %s\n",
			i > 0 ? "\n" : "", v->colour ? "\033[1m" : "", ctl_string(row, "tunnel"),
			v->colour ? "\033[0m" : "", ctl_string(row, "role"),
			ctl_number(row, "sessions"), ctl_number(row, "streams"),
			ctl_age(a, ctl_number(row, "counted_s")));
		show_rates(v, &f);
		show_state(v, row);
		show_derived(v, &f);
		show_counters(v, &f);
	}
}

/* ---- streams ---------------------------------------------------------------------- */

/* As `close` takes it; put together for a daemon that does not say it. */
static void add_stream_name(struct table *t, const json_t *row)
{
	const char *name = ctl_string(row, "stream");

	if (name[0] != '\0')
		table_add(t, name);
	else
		table_addf(t, "%s/%.0f", ctl_string(row, "session"), ctl_number(row, "sid"));
}

static void show_streams(const struct ctl_view *v, const json_t *doc, const json_t *before)
{
	static const char *const heads[] = { "STREAM", "LOCAL PEER", "STATE",   ">AGE",   ">IDLE",
					     ">IN",    ">OUT",       ">UNREAD", ">UNSENT" };
	const json_t *rows = json_object_get(doc, "streams");
	struct table t;
	ctl_text a;
	json_t *row;
	size_t i;

	if (show_is_empty(v, rows, "streams"))
		return;
	table_init(&t, heads, ARRAY_LEN(heads));
	json_array_foreach(rows, i, row) {
		add_stream_name(&t, row);
		table_add(&t, show_or_dash(ctl_string(row, "peer")));
		table_add_look(&t, show_state_look(ctl_string(row, "state")),
			       ctl_string(row, "state"));
		table_add(&t, ctl_age(a, ctl_number(row, "age_s")));
		table_add(&t, ctl_age(a, ctl_number(row, "idle_s")));
		table_add(&t, ctl_bytes(a, ctl_number(row, "bytes_in")));
		table_add(&t, ctl_bytes(a, ctl_number(row, "bytes_out")));
		table_add(&t, ctl_bytes(a, ctl_number(row, "unread_bytes")));
		table_add(&t, ctl_bytes(a, ctl_number(row, "unsent_bytes")));
	}
	table_print(&t, v->out, v->colour, "");
	table_dispose(&t);
}

/* ---- config ----------------------------------------------------------------------- */

static void add_value(struct table *t, const json_t *value)
{
	static const struct {
		const char *origin, *text;
	} origins[] = {
		{ "default", "built in" }, { "mode", "by mode" },
		{ "given", "given" },      { "defaults", "[defaults]" },
		{ "section", "" },         { "kept", "before the reload" },
	};
	const json_t *v = json_object_get(value, "value");
	const char *origin = ctl_string(value, "origin"), *text = origin;
	const char *file = ctl_string(value, "file");
	double line = ctl_number(value, "line");

	for (size_t i = 0; i < ARRAY_LEN(origins); i++)
		if (strcmp(origins[i].origin, origin) == 0)
			text = origins[i].text;
	table_add(t, ctl_string(value, "key"));
	if (json_is_null(v))
		table_add_look(t, LOOK_FAINT, CONF_NOT_SHOWN);
	else if (json_is_boolean(v))
		table_add(t, json_is_true(v) ? "yes" : "no");
	else if (json_is_integer(v))
		table_addf(t, "%lld", (long long)json_integer_value(v));
	else
		table_add(t, ctl_string(value, "value"));
	if (isfinite(line))
		table_addf(t, "%s%sline %.0f%s%s", text, text[0] != '\0' ? " " : "", line,
			   file[0] != '\0' ? " of " : "", file);
	else
		table_add_look(t, LOOK_FAINT, text);
}

static void show_config(const struct ctl_view *v, const json_t *doc, const json_t *before)
{
	static const char *const heads[] = { "KEY", "VALUE", "FROM" };
	const json_t *sections = json_object_get(doc, "sections");
	json_t *section, *value;
	size_t i, k;

	json_array_foreach(sections, i, section) {
		const char *name = ctl_string(section, "tunnel");
		struct table t;

		fprintf(v->out, "%s[%s%s%s]\n", i > 0 ? "\n" : "", ctl_string(section, "section"),
			name[0] != '\0' ? " " : "", name);
		table_init(&t, heads, ARRAY_LEN(heads));
		json_array_foreach(json_object_get(section, "values"), k, value)
			add_value(&t, value);
		table_print(&t, v->out, v->colour, "  ");
		table_dispose(&t);
	}
}

/* ---- short answers ---------------------------------------------------------------- */

/* Also of a restart. */
static void show_reload(const struct ctl_view *v, const json_t *doc, const json_t *before)
{
	const json_t *lines = json_object_get(doc, "lines");
	json_t *line;
	size_t i;

	json_array_foreach(lines, i, line) {
		const char *tunnel = ctl_string(line, "tunnel");

		fprintf(v->out, "%s%s%s\n", tunnel, tunnel[0] != '\0' ? ": " : "",
			ctl_string(line, "text"));
	}
	if (json_array_size(lines) == 0)
		fputs("nothing changed\n", v->out);
}

static void show_reset(const struct ctl_view *v, const json_t *doc, const json_t *before)
{
	fprintf(v->out, "counters of %zu tunnels set to zero\n",
		json_array_size(json_object_get(doc, "tunnels")));
}

static void show_loglevel(const struct ctl_view *v, const json_t *doc, const json_t *before)
{
	fprintf(v->out, "log level is %s, until the next start, or a reload with another loglevel\n",
		ctl_string(doc, "loglevel"));
}

static void show_close(const struct ctl_view *v, const json_t *doc, const json_t *before)
{
	const char *stream = ctl_string(doc, "stream");

	if (stream[0] != '\0')
		fprintf(v->out, "stream %s reset\n", stream);
	else
		fprintf(v->out, "session %s closed\n", ctl_string(doc, "session"));
}

static void show_drain(const struct ctl_view *v, const json_t *doc, const json_t *before)
{
	double streams = ctl_number(doc, "streams");

	fprintf(v->out, "%s takes no new connections, %.0f stream%s left\n",
		ctl_string(doc, "tunnel"), streams, streams == 1 ? "" : "s");
}

static void show_version(const struct ctl_view *v, const json_t *doc, const json_t *before)
{
	fprintf(v->out, "kcptunctl " KT_VERSION "\nkcptund %s, pid %.0f\n",
		ctl_string(doc, "version"), ctl_number(doc, "pid"));
}

static const struct {
	const char *type;
	void (*show)(const struct ctl_view *v, const json_t *doc, const json_t *before);
} shows[] = {
	{ "status", show_status },   { "stats", show_stats },       { "sessions", show_sessions },
	{ "streams", show_streams }, { "config", show_config },     { "reload", show_reload },
	{ "reset", show_reset },     { "loglevel", show_loglevel }, { "close", show_close },
	{ "version", show_version }, { "drain", show_drain },       { "restart", show_reload },
};

bool ctl_show(const struct ctl_view *v, const json_t *document, const json_t *before)
{
	const char *type = ctl_string(document, "type");

	for (size_t i = 0; i < ARRAY_LEN(shows); i++) {
		if (strcmp(shows[i].type, type) == 0) {
			shows[i].show(v, document, before);
			return true;
		}
	}
	return false;
}
