/* report_rows.c - one thing as one JSON object. */
#include "report_rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "config_effective.h"
#include "derived.h"
#include "seal.h"

/* ---- objects ---------------------------------------------------------------------- */

/* An object under construction; what failed once stays failed. */
struct row {
	json_t *o;
	bool failed;
};

static struct row row_begin(void)
{
	json_t *o = json_object();

	return (struct row){ .o = o, .failed = o == NULL };
}

static json_t *row_end(struct row *r)
{
	if (!r->failed)
		return r->o;
	json_decref(r->o);
	return NULL;
}

static void put(struct row *r, const char *key, json_t *value)
{
	if (json_object_set_new_nocheck(r->o, key, value) != 0)
		r->failed = true;
}

/* Paths may hold any bytes: what is not UTF-8 is shown as such. */
static void put_str(struct row *r, const char *key, const char *value)
{
	json_t *s = json_string(value);

	put(r, key, s != NULL ? s : json_string("(not UTF-8)"));
}

static void put_int(struct row *r, const char *key, uint64_t value)
{
	put(r, key, json_integer((json_int_t)value));
}

/* What is not known is null. */
static void put_real(struct row *r, const char *key, double value)
{
	put(r, key, isfinite(value) ? json_real(value) : json_null());
}

static void put_text_or_null(struct row *r, const char *key, const char *value)
{
	if (value != NULL)
		put_str(r, key, value);
	else
		put(r, key, json_null());
}

static double seconds_since(const struct tunnel *t, uint64_t at_us)
{
	return (double)(t->reactor->now_us - at_us) * 1e-6;
}

static const char *role_text(const struct tunnel *t)
{
	return t->conf->role == ROLE_CLIENT ? "client" : "server";
}

static json_t *shards(unsigned data, unsigned parity)
{
	struct row r;

	if (data == 0)
		return json_null();
	r = row_begin();
	put_int(&r, "data", data);
	put_int(&r, "parity", parity);
	return row_end(&r);
}

/* As it is configured: what is in use is a session's. */
static json_t *fec(const struct conf_tunnel *c)
{
	return c->datashard == CONF_AUTO ? json_string("auto") : shards(c->datashard, c->parityshard);
}

/* ---- tunnels ---------------------------------------------------------------------- */

static json_t *rates(const struct tunnel *t)
{
	struct row r = row_begin();
	struct flow_sample now;
	struct flow_rates f;

	tunnel_flow(t, &now);
	flow_rates(&t->flow, &now, &f);
	put_real(&r, "window_s", f.window_s);
	put_real(&r, "goodput_in", f.payload_in);
	put_real(&r, "goodput_out", f.payload_out);
	put_real(&r, "wire_in", f.wire_in);
	put_real(&r, "wire_out", f.wire_out);
	return row_end(&r);
}

static void put_addresses(struct row *r, const struct conf_tunnel *c)
{
	bool client = c->role == ROLE_CLIENT;

	put_str(r, "local", client ? c->localaddr.text : c->listen.text);
	put_str(r, "remote", client ? c->remoteaddr.text : c->target.text);
}

json_t *report_status_row(const struct tunnel *t)
{
	struct row r = row_begin();

	put_str(&r, "tunnel", t->name);
	put_str(&r, "role", role_text(t));
	put_str(&r, "state", t->draining ? "draining" : "running");
	put_addresses(&r, t->conf);
	put_str(&r, "crypt", t->conf->crypt->name);
	put_str(&r, "mode", conf_modes[t->conf->mode].name);
	put(&r, "fec", fec(t->conf));
	put_real(&r, "age_s", seconds_since(t, t->started_us));
	put_int(&r, "sessions", t->link_count);
	put_int(&r, "streams", t->relay_count);
	put_int(&r, "buffer_bytes", t->fifos.used_bytes);
	put(&r, "rates", rates(t));
	return row_end(&r);
}

void report_gauges_add(struct report_gauges *g, const struct session_info *info)
{
	double rtt_ms = info->kcp.srtt_us / 1000.;

	g->inflight_segs += info->kcp.inflight_segs;
	g->queued_bytes += info->queued_bytes;
	g->memory_bytes += info->memory_bytes;
	if (info->kcp.srtt_us == 0)
		return;
	if (g->rtt_count == 0 || rtt_ms < g->rtt_min_ms)
		g->rtt_min_ms = rtt_ms;
	if (rtt_ms > g->rtt_max_ms)
		g->rtt_max_ms = rtt_ms;
	g->rtt_sum_ms += rtt_ms;
	g->rtt_count++;
}

static json_t *counters_object(const struct counters *c)
{
	struct row r = row_begin();

	for (size_t i = 0; i < counter_count; i++)
		put_int(&r, counter_infos[i].name, counters_get(c, i));
	return row_end(&r);
}

static json_t *derived_object(const struct counters *c)
{
	struct row r = row_begin();
	struct derived d;

	derived_compute(&d, c);
	for (size_t i = 0; i < derived_count; i++)
		put_real(&r, derived_infos[i].name, derived_get(&d, i));
	return row_end(&r);
}

static json_t *rtt_object(const struct report_gauges *g)
{
	struct row r;

	if (g->rtt_count == 0)
		return json_null();
	r = row_begin();
	put_real(&r, "mean", g->rtt_sum_ms / g->rtt_count);
	put_real(&r, "min", g->rtt_min_ms);
	put_real(&r, "max", g->rtt_max_ms);
	return row_end(&r);
}

json_t *report_stats_row(const struct tunnel *t, const struct counters *c,
			 const struct report_gauges *g)
{
	struct row r = row_begin();

	put_str(&r, "tunnel", t->name);
	put_str(&r, "role", role_text(t));
	put_real(&r, "age_s", seconds_since(t, t->started_us));
	put_real(&r, "counted_s", seconds_since(t, t->counted_us));
	put_int(&r, "sessions", t->link_count);
	put_int(&r, "streams", t->relay_count);
	put(&r, "rtt_ms", rtt_object(g));
	put_int(&r, "inflight_segs", g->inflight_segs);
	put_int(&r, "queued_bytes", g->queued_bytes);
	put_int(&r, "memory_bytes", g->memory_bytes);
	put_int(&r, "buffer_bytes", t->fifos.used_bytes);
	put(&r, "rates", rates(t));
	put(&r, "derived", derived_object(c));
	put(&r, "counters", counters_object(c));
	return row_end(&r);
}

json_t *report_reset_row(const struct tunnel *t)
{
	struct row r = row_begin();

	put_str(&r, "tunnel", t->name);
	return row_end(&r);
}

/* ---- sessions --------------------------------------------------------------------- */

const char *report_id(const struct link *l, char buf[static REPORT_ID_BYTES])
{
	snprintf(buf, REPORT_ID_BYTES, "%s/%" PRIu64, l->tunnel->name, l->serial);
	return buf;
}

static const char *session_state(const struct link *l)
{
	if (l->ended)
		return "ended";
	if (l->draining)
		return "draining";
	return l->heard ? "open" : "connecting";
}

static const char *codec_text(enum codec_kind kind)
{
	return kind == CODEC_NONE || kind == CODEC_SNAPPY || kind == CODEC_ZSTD ? codec_name(kind)
										: NULL;
}

static void put_kcp(struct row *r, const struct kcp_info *k)
{
	bool measured = k->srtt_us > 0;

	put_real(r, "srtt_ms", measured ? k->srtt_us / 1000. : (double)NAN);
	put_real(r, "rttvar_ms", measured ? k->rttvar_us / 1000. : (double)NAN);
	put_real(r, "min_rtt_ms", measured ? k->min_rtt_us / 1000. : (double)NAN);
	put_real(r, "rto_ms", k->rto_us / 1000.);
	put_int(r, "snd_wnd", k->snd_wnd);
	put_int(r, "rcv_wnd", k->rcv_wnd);
	put_int(r, "rmt_wnd", k->rmt_wnd);
	put(r, "cc_wnd", k->cc_wnd == UINT32_MAX ? json_null() : json_integer(k->cc_wnd));
	put_str(r, "cc", k->cc_name);
	put_int(r, "pacing_bytes_s", k->pacing_rate);
	put_int(r, "inflight_segs", k->inflight_segs);
	put_int(r, "snd_queue_segs", k->snd_queue_segs);
	put_int(r, "rcv_queue_segs", k->rcv_queue_segs);
}

static void put_pipeline(struct row *r, const struct session_info *info)
{
	put(r, "fec_out", shards(info->ds_out, info->ps_out));
	put(r, "fec_in", shards(info->ds_in, info->ps_in));
	put_text_or_null(r, "compression_out", codec_text(info->codec_out));
	put_text_or_null(r, "compression_in", codec_text(info->codec_in));
	put_int(r, "smux", (uint64_t)info->smux_version);
}

static void put_totals(struct row *r, const struct counters *c)
{
	struct derived d;

	derived_compute(&d, c);
	put_real(r, "loss_out", d.loss_out);
	put_real(r, "loss_in", d.loss_in);
	put_int(r, "bytes_sent", c->bytes_sent);
	put_int(r, "bytes_received", c->bytes_received);
	put_int(r, "wire_out_bytes", c->out_bytes);
	put_int(r, "wire_in_bytes", c->in_bytes);
	put_int(r, "wire_out_pkts", c->out_pkts);
	put_int(r, "wire_in_pkts", c->in_pkts);
	put_int(r, "data_segs_out", c->out_data_segs);
	put_int(r, "retrans_segs", c->retrans_segs);
	put_int(r, "spurious_segs", c->spurious_segs);
	put_int(r, "fec_recovered", c->fec_recovered);
}

json_t *report_session_row(const struct link *l)
{
	const struct tunnel *t = l->tunnel;
	struct row r = row_begin();
	char id[REPORT_ID_BYTES], conv[16];
	struct session_info info;
	struct counters c;

	session_get_info(l->session, &info);
	session_counters(l->session, &c);
	snprintf(conv, sizeof(conv), "%08" PRIx32, l->conv);
	put_str(&r, "session", report_id(l, id));
	put_str(&r, "tunnel", t->name);
	put_str(&r, "role", role_text(t));
	put_str(&r, "peer", l->peer);
	put_str(&r, "conv", conv);
	put_str(&r, "state", session_state(l));
	put_real(&r, "age_s", seconds_since(t, l->opened_us));
	put_real(&r, "idle_s", seconds_since(t, l->heard_us));
	put_int(&r, "streams", l->relay_count);
	put_kcp(&r, &info.kcp);
	put_int(&r, "queued_bytes", info.queued_bytes);
	put_int(&r, "unread_bytes", info.unread_bytes);
	put_str(&r, "crypt", t->conf->crypt->name);
	put_pipeline(&r, &info);
	put_totals(&r, &c);
	put_int(&r, "memory_bytes", info.memory_bytes);
	return row_end(&r);
}

/* ---- streams ---------------------------------------------------------------------- */

json_t *report_stream_row(const struct link *l, const struct relay *relay)
{
	struct row r = row_begin();
	char id[REPORT_ID_BYTES];
	struct relay_info info;

	relay_get_info(relay, &info);
	put_str(&r, "session", report_id(l, id));
	put_str(&r, "tunnel", l->tunnel->name);
	put_int(&r, "sid", info.sid);
	put_str(&r, "peer", info.peer);
	put_str(&r, "state", info.state);
	put_real(&r, "age_s", seconds_since(l->tunnel, info.opened_us));
	put_real(&r, "idle_s", seconds_since(l->tunnel, info.active_us));
	put_int(&r, "bytes_out", info.sent);
	put_int(&r, "bytes_in", info.received);
	put_int(&r, "unsent_bytes", info.unsent_bytes);
	put_int(&r, "unread_bytes", info.unread_bytes);
	return row_end(&r);
}

/* ---- configuration ---------------------------------------------------------------- */

/* Some numbers may also be the word auto. */
static json_t *number(const char *text)
{
	char *end;
	long long value = strtoll(text, &end, 10);

	return *end == '\0' ? json_integer(value) : json_string(text);
}

static json_t *value_object(const struct conf_effective *v)
{
	struct row r = row_begin();

	put_str(&r, "key", v->key);
	switch (v->kind) {
	case CONF_NUMBER:
		put(&r, "value", number(v->text));
		break;
	case CONF_SWITCH:
		put(&r, "value", json_boolean(v->text[0] == 'y'));
		break;
	case CONF_HIDDEN:
		put(&r, "value", json_null());
		break;
	case CONF_TEXT:
		put_str(&r, "value", v->text);
		break;
	}
	put_str(&r, "origin", v->origin);
	if (v->line > 0)
		put_int(&r, "line", (uint64_t)v->line);
	return row_end(&r);
}

static void add_value(void *user, const struct conf_effective *v)
{
	struct row *values = user;

	if (json_array_append_new(values->o, value_object(v)) != 0)
		values->failed = true;
}

static struct row values_begin(void)
{
	json_t *a = json_array();

	return (struct row){ .o = a, .failed = a == NULL };
}

json_t *report_config_row(const struct conf_tunnel *t)
{
	struct row r = row_begin(), values = values_begin();

	put_str(&r, "section", t->role == ROLE_CLIENT ? "client" : "server");
	put_str(&r, "tunnel", t->name);
	if (t->line > 0)
		put_int(&r, "line", (uint64_t)t->line);
	if (!config_effective_tunnel(t, add_value, &values))
		r.failed = true;
	put(&r, "values", row_end(&values));
	return row_end(&r);
}

json_t *report_daemon_row(const struct conf_daemon *d)
{
	struct row r = row_begin(), values = values_begin();

	put_str(&r, "section", "daemon");
	put(&r, "tunnel", json_null());
	if (!config_effective_daemon(d, add_value, &values))
		r.failed = true;
	put(&r, "values", row_end(&values));
	return row_end(&r);
}
