/* openmetrics.c - the documents of the control channel as text for Prometheus. */
#include "openmetrics.h"

#include <string.h>

#include "counters.h"
#include "wire.h"

/* What is a point of which family.  Rows of one family stand together. */
struct metric {
	const char *family; /* without _total */
	enum counter_kind kind;
	const char *object, *member; /* of the row: row[member], or row[object][member] */
	double scale;                /* from the document's unit to the base unit; 0: none */
	const char *label, *value;   /* one more label, or NULL */
	const char *help;
};

/* clang-format off */
/* A member that is a word is a family with a point for each word that it can be: 1 for the
 * one that it is, and 0 for all others. */
#define WORD(family, member, word, help) { family, GAUGE, NULL, member, 0, member, word, help }

/* What the sessions of a tunnel have between them. */
#define SPREAD(family, object, scale, help) \
	{ family, GAUGE, object, "mean", scale, "stat", "mean", help }, \
	{ family, GAUGE, object, "min", scale, "stat", "min", NULL }, \
	{ family, GAUGE, object, "max", scale, "stat", "max", NULL }

#define LIMITED(word, help) \
	{ "kcptun_sessions_limited", GAUGE, "limits", word, 0, "limit", word, help }
/* clang-format on */

#define X(field, name, kind, help) \
	{ "kcptun_" #field, kind, "counters", name, 0, NULL, NULL, help },

static const struct metric stats_metrics[] = {
	KT_COUNTERS(X){ "kcptun_tunnel_up", GAUGE, NULL, "up", 0, NULL, NULL,
			"1 for a tunnel that runs, 0 for one that could not be started" },
	WORD("kcptun_tunnel_health", "health", "well",
	     "1 for how the tunnel is, as kcptunctl check says"),
	WORD("kcptun_tunnel_health", "health", "degraded", NULL),
	WORD("kcptun_tunnel_health", "health", "down", NULL),
	{ "kcptun_uptime_seconds", GAUGE, NULL, "age_s", 1, NULL, NULL, "age of the tunnel" },
	SPREAD("kcptun_rtt_seconds", "rtt_ms", 1e-3, "smoothed round trips of the sessions"),
	SPREAD("kcptun_min_rtt_seconds", "min_rtt_ms", 1e-3, "shortest round trips of the sessions"),
	SPREAD("kcptun_queue_seconds", "queue_ms", 1e-3,
	       "queueing on the ways: smoothed less shortest round trips"),
	SPREAD("kcptun_path_medium_loss_ratio", "medium_loss", 1,
	       "shares of what was sent lately that are lost whatever we send"),
	SPREAD("kcptun_path_total_loss_ratio", "total_loss", 1,
	       "shares of what was sent lately that were lost for any cause"),
	{ "kcptun_path_bytes_per_second", GAUGE, NULL, "path_bytes_s", 0, NULL, NULL,
	  "datagram bytes that the paths take together, as the controllers measured" },
	LIMITED("application", "sessions by what holds the sender back"),
	LIMITED("path", NULL),
	LIMITED("peer-window", NULL),
	LIMITED("sndwnd", NULL),
	LIMITED("ratelimit", NULL),
	{ "kcptun_inflight_segments", GAUGE, NULL, "inflight_segs", 0, NULL, NULL,
	  "segments sent, neither acknowledged nor found lost" },
	{ "kcptun_queued_bytes", GAUGE, NULL, "queued_bytes", 0, NULL, NULL,
	  "stream bytes handed to KCP and not acknowledged" },
	{ "kcptun_session_memory_bytes", GAUGE, NULL, "memory_bytes", 0, NULL, NULL,
	  "memory of the sessions, stream buffers apart" },
	{ "kcptun_buffer_bytes", GAUGE, NULL, "buffer_bytes", 0, NULL, NULL,
	  "memory of the stream buffers" },
	{ "kcptun_held_bytes", GAUGE, NULL, "held_bytes", 0, NULL, NULL,
	  "memory of the stream buffers and the sessions together" },
	{ "kcptun_held_max_bytes", GAUGE, NULL, "held_bytes_max", 0, NULL, NULL,
	  "what that may come to (memory)" },
	{ "kcptun_goodput_bytes_per_second", GAUGE, "rates", "goodput_in", 0, "direction", "in",
	  "payload over the last seconds" },
	{ "kcptun_goodput_bytes_per_second", GAUGE, "rates", "goodput_out", 0, "direction", "out",
	  NULL },
	{ "kcptun_wire_overhead_ratio", GAUGE, "derived", "overhead_in", 1, "direction", "in",
	  "bytes on the wire per byte of payload" },
	{ "kcptun_wire_overhead_ratio", GAUGE, "derived", "overhead_out", 1, "direction", "out", NULL },
	{ "kcptun_retransmitted_ratio", GAUGE, "derived", "retransmitted", 1, NULL, NULL,
	  "share of the data segments sent that were sent again" },
	{ "kcptun_fec_recovered_ratio", GAUGE, "derived", "fec_recovered", 1, NULL, NULL,
	  "share of the packets received that parity rebuilt" },
	{ "kcptun_loss_ratio", GAUGE, "derived", "loss_in", 1, "direction", "in",
	  "estimated share of packets lost" },
	{ "kcptun_loss_ratio", GAUGE, "derived", "loss_out", 1, "direction", "out", NULL },
};

#undef X

static const struct metric status_metrics[] = {
	{ "kcptun_tunnel_up", GAUGE, NULL, "up", 0, NULL, NULL,
	  "1 for a tunnel that runs, 0 for one that could not be started" },
	WORD("kcptun_tunnel_health", "health", "well",
	     "1 for how the tunnel is, as kcptunctl check says"),
	WORD("kcptun_tunnel_health", "health", "degraded", NULL),
	WORD("kcptun_tunnel_health", "health", "down", NULL),
	{ "kcptun_uptime_seconds", GAUGE, NULL, "age_s", 1, NULL, NULL, "age of the tunnel" },
	{ "kcptun_sessions", GAUGE, NULL, "sessions", 0, NULL, NULL, "sessions now" },
	{ "kcptun_streams", GAUGE, NULL, "streams", 0, NULL, NULL, "streams now" },
	{ "kcptun_buffer_bytes", GAUGE, NULL, "buffer_bytes", 0, NULL, NULL,
	  "memory of the stream buffers" },
	{ "kcptun_held_bytes", GAUGE, NULL, "held_bytes", 0, NULL, NULL,
	  "memory of the stream buffers and the sessions together" },
	{ "kcptun_held_max_bytes", GAUGE, NULL, "held_bytes_max", 0, NULL, NULL,
	  "what that may come to (memory)" },
	{ "kcptun_goodput_bytes_per_second", GAUGE, "rates", "goodput_in", 0, "direction", "in",
	  "payload over the last seconds" },
	{ "kcptun_goodput_bytes_per_second", GAUGE, "rates", "goodput_out", 0, "direction", "out",
	  NULL },
	{ "kcptun_wire_bytes_per_second", GAUGE, "rates", "wire_in", 0, "direction", "in",
	  "datagram bytes over the last seconds" },
	{ "kcptun_wire_bytes_per_second", GAUGE, "rates", "wire_out", 0, "direction", "out", NULL },
};

static const struct metric session_metrics[] = {
	{ "kcptun_session_age_seconds", GAUGE, NULL, "age_s", 1, NULL, NULL, "since it began" },
	{ "kcptun_session_idle_seconds", GAUGE, NULL, "idle_s", 1, NULL, NULL,
	  "since the peer was heard" },
	{ "kcptun_session_srtt_seconds", GAUGE, NULL, "srtt_ms", 1e-3, NULL, NULL,
	  "smoothed round trip" },
	{ "kcptun_session_rttvar_seconds", GAUGE, NULL, "rttvar_ms", 1e-3, NULL, NULL,
	  "variation of the round trip" },
	{ "kcptun_session_min_rtt_seconds", GAUGE, NULL, "min_rtt_ms", 1e-3, NULL, NULL,
	  "shortest round trip" },
	{ "kcptun_session_rto_seconds", GAUGE, NULL, "rto_ms", 1e-3, NULL, NULL,
	  "retransmission timeout" },
	{ "kcptun_session_queue_seconds", GAUGE, NULL, "queue_ms", 1e-3, NULL, NULL,
	  "queueing on the way: smoothed less shortest round trip" },
	{ "kcptun_session_wire_bytes_per_second", GAUGE, "rates", "wire_in", 0, "direction", "in",
	  "datagram bytes over the last seconds" },
	{ "kcptun_session_wire_bytes_per_second", GAUGE, "rates", "wire_out", 0, "direction", "out",
	  NULL },
	{ "kcptun_session_path_bytes_per_second", GAUGE, NULL, "path_bytes_s", 0, NULL, NULL,
	  "datagram bytes that the path takes, as the controller measured" },
	{ "kcptun_session_pacing_bytes_per_second", GAUGE, NULL, "pacing_bytes_s", 0, NULL, NULL,
	  "datagram bytes that may leave at most; 0 for no bound" },
	WORD("kcptun_session_limit", "limit", "application", "1 for what holds the sender back"),
	WORD("kcptun_session_limit", "limit", "path", NULL),
	WORD("kcptun_session_limit", "limit", "peer-window", NULL),
	WORD("kcptun_session_limit", "limit", "sndwnd", NULL),
	WORD("kcptun_session_limit", "limit", "ratelimit", NULL),
	{ "kcptun_session_window_segments", GAUGE, NULL, "snd_wnd", 0, "window", "send",
	  "windows, in segments" },
	{ "kcptun_session_window_segments", GAUGE, NULL, "rcv_wnd", 0, "window", "receive", NULL },
	{ "kcptun_session_window_segments", GAUGE, NULL, "rmt_wnd", 0, "window", "remote", NULL },
	{ "kcptun_session_window_segments", GAUGE, NULL, "cc_wnd", 0, "window", "congestion", NULL },
	{ "kcptun_session_inflight_segments", GAUGE, NULL, "inflight_segs", 0, NULL, NULL,
	  "segments sent, neither acknowledged nor found lost" },
	{ "kcptun_session_unacknowledged_segments", GAUGE, NULL, "unacked_segs", 0, NULL, NULL,
	  "segments sent and not acknowledged" },
	{ "kcptun_session_mtu_bytes", GAUGE, NULL, "mtu_in_bytes", 0, "direction", "in",
	  "the longest datagram that came, and the longest that are sent" },
	{ "kcptun_session_mtu_bytes", GAUGE, NULL, "mtu_bytes", 0, "direction", "out", NULL },
	{ "kcptun_session_queued_bytes", GAUGE, NULL, "queued_bytes", 0, NULL, NULL,
	  "stream bytes handed to KCP and not acknowledged" },
	{ "kcptun_session_streams", GAUGE, NULL, "streams", 0, NULL, NULL, "streams now" },
	{ "kcptun_session_loss_ratio", GAUGE, NULL, "loss_in", 1, "direction", "in",
	  "estimated share of packets lost" },
	{ "kcptun_session_loss_ratio", GAUGE, NULL, "loss_out", 1, "direction", "out", NULL },
	{ "kcptun_session_path_medium_loss_ratio", GAUGE, NULL, "medium_loss", 1, NULL, NULL,
	  "share of what was sent lately that is lost whatever we send" },
	{ "kcptun_session_path_total_loss_ratio", GAUGE, NULL, "total_loss", 1, NULL, NULL,
	  "share of what was sent lately that was lost for any cause" },
	{ "kcptun_session_memory_bytes", GAUGE, NULL, "memory_bytes", 0, NULL, NULL,
	  "memory, stream buffers apart" },
	{ "kcptun_session_stream_bytes", COUNTER, NULL, "bytes_received", 0, "direction", "in",
	  "stream bytes, as compressed" },
	{ "kcptun_session_stream_bytes", COUNTER, NULL, "bytes_sent", 0, "direction", "out", NULL },
	{ "kcptun_session_wire_bytes", COUNTER, NULL, "wire_in_bytes", 0, "direction", "in",
	  "datagram bytes" },
	{ "kcptun_session_wire_bytes", COUNTER, NULL, "wire_out_bytes", 0, "direction", "out", NULL },
	{ "kcptun_session_retransmitted_segments", COUNTER, NULL, "retrans_segs", 0, NULL, NULL,
	  "segments sent again" },
	{ "kcptun_session_copied_segments", COUNTER, NULL, "copy_segs_in", 0, "direction", "in",
	  "copies: sent before any loss, and those received that were not needed" },
	{ "kcptun_session_copied_segments", COUNTER, NULL, "copy_segs_out", 0, "direction", "out",
	  NULL },
	{ "kcptun_session_fec_recovered_packets", COUNTER, NULL, "fec_recovered", 0, NULL, NULL,
	  "packets rebuilt from parity" },
};

static const struct metric stream_metrics[] = {
	{ "kcptun_stream_age_seconds", GAUGE, NULL, "age_s", 1, NULL, NULL, "since it began" },
	{ "kcptun_stream_idle_seconds", GAUGE, NULL, "idle_s", 1, NULL, NULL, "since bytes passed" },
	{ "kcptun_stream_bytes", COUNTER, NULL, "bytes_in", 0, "direction", "in", "payload bytes" },
	{ "kcptun_stream_bytes", COUNTER, NULL, "bytes_out", 0, "direction", "out", NULL },
};

static const char *const tunnel_labels[] = { "tunnel", "role", NULL };
static const char *const session_labels[] = { "tunnel", "session", "peer", "conv", NULL };
static const char *const stream_labels[] = { "tunnel", "session", "sid", "peer", NULL };

static const struct kind {
	const char *type, *list;
	const struct metric *metrics;
	size_t count;
	const char *const *labels; /* members of each row */
} kinds[] = {
	{ "status", "tunnels", status_metrics, ARRAY_LEN(status_metrics), tunnel_labels },
	{ "stats", "tunnels", stats_metrics, ARRAY_LEN(stats_metrics), tunnel_labels },
	{ "sessions", "sessions", session_metrics, ARRAY_LEN(session_metrics), session_labels },
	{ "streams", "streams", stream_metrics, ARRAY_LEN(stream_metrics), stream_labels },
};

static const struct kind *find_kind(const char *type)
{
	for (size_t i = 0; type != NULL && i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].type, type) == 0)
			return &kinds[i];
	return NULL;
}

bool openmetrics_has(const char *type)
{
	return find_kind(type) != NULL;
}

/* ---- lines ------------------------------------------------------------------------ */

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && strcmp(s + n - m, end) == 0;
}

static const char *unit_of(const char *family)
{
	if (ends_with(family, "_bytes"))
		return "bytes";
	if (ends_with(family, "_seconds"))
		return "seconds";
	return ends_with(family, "_ratio") ? "ratio" : NULL;
}

static const char *total(enum counter_kind kind)
{
	return kind == COUNTER ? "_total" : "";
}

static void add_family(struct text *out, bool old, const char *name, enum counter_kind kind,
		       const char *help)
{
	const char *unit = unit_of(name), *end = old ? total(kind) : "";

	text_printf(out, "# TYPE %s%s %s\n", name, end, kind == COUNTER ? "counter" : "gauge");
	if (unit != NULL && !old)
		text_printf(out, "# UNIT %s %s\n", name, unit);
	text_printf(out, "# HELP %s%s %s\n", name, end, help);
}

static void add_label(struct text *out, const char *name, const char *value, bool first)
{
	text_printf(out, "%s%s=\"", first ? "{" : ",", name);
	for (const char *p = value; *p != '\0'; p++) {
		if (*p == '\n')
			text_str(out, "\\n");
		else if (*p == '"' || *p == '\\')
			text_printf(out, "\\%c", *p);
		else
			text_add(out, p, 1);
	}
	text_str(out, "\"");
}

static void add_labels(struct text *out, const struct kind *k, const struct metric *m,
		       const json_t *row)
{
	char number[24];

	for (size_t i = 0; k->labels[i] != NULL; i++) {
		const json_t *v = json_object_get(row, k->labels[i]);
		const char *s = json_string_value(v);

		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(v));
		add_label(out, k->labels[i], s != NULL ? s : number, i == 0);
	}
	if (m->label != NULL)
		add_label(out, m->label, m->value, false);
	text_str(out, "}");
}

static bool is_word(const struct metric *m)
{
	return m->label != NULL && strcmp(m->label, m->member) == 0;
}

static void add_word(struct text *out, const struct kind *k, const struct metric *m,
		     const json_t *row, const char *word)
{
	text_str(out, m->family);
	add_labels(out, k, m, row);
	text_printf(out, " %d\n", strcmp(word, m->value) == 0);
}

/* A point, if the row has a number for it, or one of some words. */
static void add_point(struct text *out, const struct kind *k, const struct metric *m, const json_t *row)
{
	const json_t *from = m->object != NULL ? json_object_get(row, m->object) : row;
	const json_t *v = json_object_get(from, m->member);

	if (is_word(m) && json_is_string(v))
		add_word(out, k, m, row, json_string_value(v));
	if (!json_is_number(v) && !json_is_boolean(v))
		return;
	text_printf(out, "%s%s", m->family, total(m->kind));
	add_labels(out, k, m, row);
	if (json_is_boolean(v))
		text_printf(out, " %d\n", json_is_true(v));
	else if (json_is_integer(v) && m->scale == 0)
		text_printf(out, " %lld\n", (long long)json_integer_value(v));
	else
		text_printf(out, " %.10g\n", json_number_value(v) * (m->scale != 0 ? m->scale : 1));
}

/* ---- the whole -------------------------------------------------------------------- */

static void add_head(struct text *out, bool old, const json_t *document)
{
	const char *version = json_string_value(json_object_get(document, "version"));

	text_str(out, old ? "# TYPE kcptun_build_info gauge\n# HELP kcptun_build_info"
			  : "# TYPE kcptun_build info\n# HELP kcptun_build");
	text_str(out, " the version of the daemon\n");
	text_str(out, "kcptun_build_info");
	add_label(out, "version", version != NULL ? version : "", true);
	text_str(out, "} 1\n");
	add_family(out, old, "kcptun_daemon_uptime_seconds", GAUGE, "age of the process");
	text_printf(out, "kcptun_daemon_uptime_seconds %.10g\n",
		    json_number_value(json_object_get(document, "uptime_s")));
}

bool openmetrics_write(struct openmetrics *m, struct text *out, const json_t *document, size_t lines)
{
	const struct kind *k = find_kind(json_string_value(json_object_get(document, "type")));
	const json_t *rows = k != NULL ? json_object_get(document, k->list) : NULL;

	if (!m->begun)
		add_head(out, m->old, document);
	m->begun = true;
	for (; k != NULL && m->family < k->count; m->family++, m->row = 0) {
		const struct metric *metric = &k->metrics[m->family];

		if (lines == 0)
			return false;
		if (m->row == 0 && metric->help != NULL)
			add_family(out, m->old, metric->family, metric->kind, metric->help);
		for (; m->row < json_array_size(rows) && lines > 0; m->row++) {
			add_point(out, k, metric, json_array_get(rows, m->row));
			lines--;
		}
		if (m->row < json_array_size(rows))
			return false;
	}
	if (!m->old)
		text_str(out, "# EOF\n");
	return true;
}
