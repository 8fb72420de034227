/* sessions.c - the table of sessions.
 *
 * What one looks for first fits into 80 columns; into some 110 how much goes out beside what the path takes, what
 * stands in its queue, what is lost by whom, and what holds back.  The rest is for --all. */
#include "ctl_show_impl.h"

#include <math.h>
#include <string.h>

#include "wire.h"

/* clang-format off */
static const char *const short_heads[] = {
	"SESSION", "PEER", "STATE", ">IN", ">OUT", ">OUT/PATH", ">RTT", ">MIN/RTT", ">QUEUE", ">LOSS", ">MEDIUM/LOSS",
	">INFLIGHT", "LIMIT",
};
enum {
	SESSION, PEER, STATE, IN, OUT, OUT_PATH, RTT, MIN_RTT, QUEUE, LOSS, MEDIUM_LOSS,
	INFLIGHT, LIMIT,
};

/* On 80 columns the rates, the round trip and the loss; then what explains them. */
static const struct table_wish wishes[] = {
	{ SESSION, SESSION }, { PEER, PEER }, { OUT, OUT }, { IN, IN }, { RTT, RTT }, { LOSS, LOSS }, { STATE, STATE },
	{ LIMIT, LIMIT }, { OUT_PATH, OUT }, { QUEUE, QUEUE }, { MEDIUM_LOSS, LOSS }, { MIN_RTT, RTT },
	{ INFLIGHT, INFLIGHT },
};

static const char *const heads[] = {
	"SESSION", "PEER", "STATE", ">IN", ">OUT/PATH", ">MIN/RTT", ">QUEUE", ">MEDIUM/LOSS", ">INFLIGHT",
	"LIMIT",
	"CONV", ">AGE", ">IDLE", ">STREAMS", ">RTO", "WND SND/RCV/RMT/CC", "CC", ">PACING", ">QUEUED",
	">RECEIVED", ">SENT", ">LOSS IN/OUT", ">MTU IN/OUT", "CIPHER", "FEC IN/OUT", "COMPRESSION IN/OUT", ">SMUX",
	">MEMORY",
};
/* clang-format on */

/* A sum per second between two looks, NAN without a look before. */
static double rate(const json_t *row, const json_t *before, const char *key, double seconds)
{
	double grown = ctl_number(row, key) - ctl_number(before, key);

	return grown >= 0 ? grown / seconds : (double)NAN;
}

/* Since the look before, or else of the last seconds. */
static double wire_rate(const json_t *row, const json_t *before, bool in, double seconds)
{
	double since = rate(row, before, in ? "wire_in_bytes" : "wire_out_bytes", seconds);

	return isfinite(since) ? since : ctl_number_in(row, "rates", in ? "wire_in" : "wire_out");
}

static void add_loss(struct table *t, const json_t *row, bool with_medium)
{
	double medium = ctl_number(row, "medium_loss"), total = ctl_number(row, "total_loss");
	enum table_look look = total > 0.1 ? LOOK_BAD : total > 0.01 ? LOOK_WARN : LOOK_PLAIN;
	ctl_text a;

	table_add_look(t, look, with_medium ? ctl_two_shares(a, medium, total) : ctl_share(a, total));
}

static void add_limit(struct table *t, const json_t *row)
{
	const char *limit = ctl_string(row, "limit");
	bool idle = strcmp(limit, "application") == 0;

	table_add_look(t, idle ? LOOK_FAINT : LOOK_PLAIN, show_or_dash(ctl_limit(limit)));
}

/* `both`: also the columns of which others say more. */
static void add_first(struct table *t, const json_t *row, const json_t *before, double seconds,
		      bool both)
{
	double out = wire_rate(row, before, false, seconds);
	ctl_text a;

	table_add(t, ctl_string(row, "session"));
	table_add(t, ctl_string(row, "peer"));
	table_add_look(t, show_state_look(ctl_string(row, "state")), ctl_string(row, "state"));
	table_add(t, ctl_rate(a, wire_rate(row, before, true, seconds)));
	if (both)
		table_add(t, ctl_rate(a, out));
	table_add(t, ctl_two_rates(a, out, ctl_number(row, "path_bytes_s")));
	if (both)
		table_add(t, ctl_ms(a, ctl_number(row, "srtt_ms")));
	table_add(t, ctl_two_ms(a, ctl_number(row, "min_rtt_ms"), ctl_number(row, "srtt_ms")));
	table_add(t, ctl_ms(a, ctl_number(row, "queue_ms")));
	if (both)
		add_loss(t, row, false);
	add_loss(t, row, true);
	table_addf(t, "%.0f", ctl_number(row, "inflight_segs"));
	add_limit(t, row);
}

static void add_windows(struct table *t, const json_t *row)
{
	double cc = ctl_number(row, "cc_wnd");

	if (isfinite(cc))
		table_addf(t, "%.0f/%.0f/%.0f/%.0f", ctl_number(row, "snd_wnd"),
			   ctl_number(row, "rcv_wnd"), ctl_number(row, "rmt_wnd"), cc);
	else
		table_addf(t, "%.0f/%.0f/%.0f/-", ctl_number(row, "snd_wnd"),
			   ctl_number(row, "rcv_wnd"), ctl_number(row, "rmt_wnd"));
}

static void add_controller(struct table *t, const json_t *row)
{
	const char *phase = ctl_string(row, "cc_phase");
	double pacing = ctl_number(row, "pacing_bytes_s");
	ctl_text a;

	table_addf(t, "%s%s%s", show_or_dash(ctl_string(row, "cc")), phase[0] != '\0' ? " " : "",
		   phase);
	table_add(t, ctl_rate(a, pacing > 0 ? pacing : (double)NAN));
}

/* Bytes of streams, or how fast they pass. */
static void add_stream_bytes(struct table *t, const json_t *row, const json_t *before,
			     const char *key, double seconds)
{
	ctl_text a;

	if (before != NULL && isfinite(seconds))
		table_add(t, ctl_rate(a, rate(row, before, key, seconds)));
	else
		table_add(t, ctl_bytes(a, ctl_number(row, key)));
}

static void add_rest(struct table *t, const json_t *row, const json_t *before, double seconds)
{
	ctl_text a, b;

	table_add(t, ctl_string(row, "conv"));
	table_add(t, ctl_age(a, ctl_number(row, "age_s")));
	table_add(t, ctl_age(a, ctl_number(row, "idle_s")));
	table_addf(t, "%.0f", ctl_number(row, "streams"));
	table_add(t, ctl_ms(a, ctl_number(row, "rto_ms")));
	add_windows(t, row);
	add_controller(t, row);
	table_add(t, ctl_bytes(a, ctl_number(row, "queued_bytes")));
	add_stream_bytes(t, row, before, "bytes_received", seconds);
	add_stream_bytes(t, row, before, "bytes_sent", seconds);
	table_addf(t, "%s/%s", ctl_share(a, ctl_number(row, "loss_in")),
		   ctl_share(b, ctl_number(row, "loss_out")));
	table_addf(t, "%.0f/%.0f", ctl_number(row, "mtu_in_bytes"), ctl_number(row, "mtu_bytes"));
	table_add(t, ctl_string(row, "crypt"));
	table_addf(t, "%s/%s", show_shards(a, row, "fec_in"), show_shards(b, row, "fec_out"));
	table_addf(t, "%s/%s", show_or_dash(ctl_string(row, "compression_in")),
		   show_or_dash(ctl_string(row, "compression_out")));
	if (isnan(ctl_number(row, "smux"))) /* a server's client has not said it yet */
		table_add(t, "-");
	else
		table_addf(t, "%.0f", ctl_number(row, "smux"));
	table_add(t, ctl_bytes(a, ctl_number(row, "memory_bytes")));
}

void show_sessions(const struct ctl_view *v, const json_t *doc, const json_t *before)
{
	const json_t *rows = json_object_get(doc, "sessions");
	const json_t *rows_before = json_object_get(before, "sessions");
	double seconds = ctl_seconds_between(doc, before);
	struct table t;
	json_t *row;
	size_t i;

	if (show_is_empty(v, rows, "sessions"))
		return;
	if (v->all)
		table_init(&t, heads, ARRAY_LEN(heads));
	else
		table_init(&t, short_heads, ARRAY_LEN(short_heads));
	json_array_foreach(rows, i, row) {
		const json_t *row_before = ctl_same_row(rows_before, row, "session");

		add_first(&t, row, row_before, seconds, !v->all);
		if (v->all)
			add_rest(&t, row, row_before, seconds);
	}
	if (!v->all)
		table_fit(&t, wishes, ARRAY_LEN(wishes), v->columns);
	table_print(&t, v->out, v->colour, "");
	table_dispose(&t);
}
