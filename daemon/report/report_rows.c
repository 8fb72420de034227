/* report_rows.c - one thing as one JSON object. */
#include "report_rows_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "config_effective.h"
#include "derived.h"
#include "health.h"
#include "seal.h"

double report_seconds_since(const struct tunnel *t, uint64_t at_us)
{
	return (double)(t->reactor->now_us - at_us) * 1e-6;
}

const char *report_role(const struct tunnel *t)
{
	return t->conf->role == ROLE_CLIENT ? "client" : "server";
}

json_t *report_shards(unsigned data, unsigned parity)
{
	struct row r;

	if (data == 0)
		return json_null();
	r = row_begin();
	row_int(&r, "data", data);
	row_int(&r, "parity", parity);
	return row_end(&r);
}

/* As it is configured: what is in use is a session's. */
static json_t *fec(const struct conf_tunnel *c)
{
	return c->datashard == CONF_AUTO ? json_string("auto")
					 : report_shards(c->datashard, c->parityshard);
}

/* ---- tunnels ---------------------------------------------------------------------- */

static json_t *rates(const struct tunnel *t)
{
	struct row r = row_begin();
	struct flow_sample now;
	struct flow_rates f;

	tunnel_flow(t, &now);
	flow_rates(&t->flow, &now, &f);
	row_real(&r, "window_s", f.window_s);
	row_real(&r, "goodput_in", f.payload_in);
	row_real(&r, "goodput_out", f.payload_out);
	row_real(&r, "wire_in", f.wire_in);
	row_real(&r, "wire_out", f.wire_out);
	return row_end(&r);
}

static void put_addresses(struct row *r, const struct tunnel *t)
{
	const struct conf_tunnel *c = t->conf;
	bool client = c->role == ROLE_CLIENT;

	row_str(r, "local", client ? c->localaddr.text : c->listen.text);
	row_str(r, "remote", client ? c->remoteaddr.text : c->target.text);
	if (client)
		row_str(r, "server", c->remoteaddr.list[t->server].text);
}

/* Of the streams, with all that is charged to the tunnel, and what that may come to. */
static void put_memory(struct row *r, const struct tunnel *t)
{
	row_int(r, "buffer_bytes", t->fifos.used_bytes);
	row_int(r, "held_bytes", fifo_pool_held(&t->fifos));
	row_int(r, "held_bytes_max", t->fifos.bytes_max);
}

static const char *state_of(const struct tunnel *t)
{
	if (opening_has_failed(t))
		return "failed";
	if (t->state == NULL)
		return "starting";
	return t->draining ? "draining" : "running";
}

/* Of one that has failed also why, and in how many seconds it is tried again. */
static void put_state(struct row *r, const struct tunnel *t)
{
	bool failed = opening_has_failed(t);

	row_str(r, "state", state_of(t));
	row_put(r, "up", json_boolean(t->state != NULL));
	row_text_or_null(r, "error", failed ? t->opening.why : NULL);
	row_real(r, "retry_s", failed ? opening_retry_s(t) : (double)NAN);
}

static void put_health(struct row *r, const struct tunnel *t)
{
	char text[HEALTH_TEXT_BYTES];

	row_str(r, "health", health_words[health_look(t, text)]);
	row_str(r, "health_text", text);
}

json_t *report_status_row(const struct tunnel *t)
{
	struct row r = row_begin();

	row_str(&r, "tunnel", t->name);
	row_str(&r, "role", report_role(t));
	put_state(&r, t);
	put_health(&r, t);
	put_addresses(&r, t);
	row_str(&r, "crypt", t->conf->crypt->name);
	row_str(&r, "mode", conf_modes[t->conf->mode].name);
	row_put(&r, "fec", fec(t->conf));
	row_real(&r, "age_s", report_seconds_since(t, t->started_us));
	row_int(&r, "sessions", t->link_count);
	row_int(&r, "streams", t->relay_count);
	put_memory(&r, t);
	row_put(&r, "rates", rates(t));
	return row_end(&r);
}

static void spread_add(struct report_spread *s, double value)
{
	if (!isfinite(value))
		return;
	if (s->count == 0 || value < s->min)
		s->min = value;
	if (s->count == 0 || value > s->max)
		s->max = value;
	s->sum += value;
	s->count++;
}

void report_gauges_add(struct report_gauges *g, const struct session_info *info)
{
	const struct kcp_info *k = &info->kcp;
	bool measured = k->srtt_us > 0;

	g->inflight_segs += k->inflight_segs;
	g->queued_bytes += info->queued_bytes;
	g->memory_bytes += info->memory_bytes;
	g->path_bytes_s += k->path_rate;
	g->limited[limit_of(k)]++;
	spread_add(&g->rtt_ms, measured ? k->srtt_us / 1000. : (double)NAN);
	spread_add(&g->min_rtt_ms, measured ? k->min_rtt_us / 1000. : (double)NAN);
	spread_add(&g->queue_ms, report_queue_ms(k));
	spread_add(&g->medium_loss, report_medium_loss(k));
	spread_add(&g->total_loss, measured ? k->total_loss_ppm * 1e-6 : (double)NAN);
}

static json_t *counters_object(const struct counters *c)
{
	struct row r = row_begin();

	for (size_t i = 0; i < counter_count; i++)
		row_int(&r, counter_infos[i].name, counters_get(c, i));
	return row_end(&r);
}

static json_t *derived_object(const struct counters *c)
{
	struct row r = row_begin();
	struct derived d;

	derived_compute(&d, c);
	for (size_t i = 0; i < derived_count; i++)
		row_real(&r, derived_infos[i].name, derived_get(&d, i));
	return row_end(&r);
}

static json_t *spread_object(const struct report_spread *s)
{
	struct row r;

	if (s->count == 0)
		return json_null();
	r = row_begin();
	row_real(&r, "mean", s->sum / s->count);
	row_real(&r, "min", s->min);
	row_real(&r, "max", s->max);
	return row_end(&r);
}

static json_t *limits_object(const struct report_gauges *g)
{
	struct row r = row_begin();

	for (size_t i = 0; i < LIMITS; i++)
		row_int(&r, limit_words[i], g->limited[i]);
	return row_end(&r);
}

json_t *report_stats_row(const struct tunnel *t, const struct counters *c,
			 const struct report_gauges *g)
{
	struct row r = row_begin();

	row_str(&r, "tunnel", t->name);
	row_str(&r, "role", report_role(t));
	put_state(&r, t);
	put_health(&r, t);
	row_real(&r, "age_s", report_seconds_since(t, t->started_us));
	row_real(&r, "counted_s", report_seconds_since(t, t->counted_us));
	row_int(&r, "sessions", t->link_count);
	row_int(&r, "streams", t->relay_count);
	row_put(&r, "rtt_ms", spread_object(&g->rtt_ms));
	row_put(&r, "min_rtt_ms", spread_object(&g->min_rtt_ms));
	row_put(&r, "queue_ms", spread_object(&g->queue_ms));
	row_put(&r, "medium_loss", spread_object(&g->medium_loss));
	row_put(&r, "total_loss", spread_object(&g->total_loss));
	row_put(&r, "path_bytes_s",
		g->path_bytes_s != 0 ? json_integer((json_int_t)g->path_bytes_s) : json_null());
	row_put(&r, "limits", limits_object(g));
	row_int(&r, "inflight_segs", g->inflight_segs);
	row_int(&r, "queued_bytes", g->queued_bytes);
	row_int(&r, "memory_bytes", g->memory_bytes);
	put_memory(&r, t);
	row_put(&r, "rates", rates(t));
	row_put(&r, "derived", derived_object(c));
	row_put(&r, "counters", counters_object(c));
	return row_end(&r);
}

json_t *report_reset_row(const struct tunnel *t)
{
	struct row r = row_begin();

	row_str(&r, "tunnel", t->name);
	return row_end(&r);
}

/* ---- streams ---------------------------------------------------------------------- */

json_t *report_stream_row(const struct link *l, const struct relay *relay)
{
	struct row r = row_begin();
	char id[LINK_ID_BYTES], name[RELAY_ID_BYTES];
	struct relay_info info;

	relay_get_info(relay, &info);
	row_str(&r, "stream", relay_id(relay, name));
	row_str(&r, "session", link_id(l, id));
	row_str(&r, "tunnel", l->tunnel->name);
	row_int(&r, "sid", info.sid);
	row_str(&r, "peer", info.peer);
	row_str(&r, "state", info.state);
	row_real(&r, "age_s", report_seconds_since(l->tunnel, info.opened_us));
	row_real(&r, "idle_s", report_seconds_since(l->tunnel, info.active_us));
	row_int(&r, "bytes_out", info.sent);
	row_int(&r, "bytes_in", info.received);
	row_int(&r, "unsent_bytes", info.unsent_bytes);
	row_int(&r, "unread_bytes", info.unread_bytes);
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

	row_str(&r, "key", v->key);
	switch (v->kind) {
	case CONF_NUMBER:
		row_put(&r, "value", number(v->text));
		break;
	case CONF_SWITCH:
		row_put(&r, "value", json_boolean(v->text[0] == 'y'));
		break;
	case CONF_HIDDEN:
		row_put(&r, "value", json_null());
		break;
	case CONF_TEXT:
		row_str(&r, "value", v->text);
		break;
	}
	row_str(&r, "origin", v->origin);
	if (v->file != NULL)
		row_str(&r, "file", v->file);
	if (v->line > 0)
		row_int(&r, "line", (uint64_t)v->line);
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

	row_str(&r, "section", t->role == ROLE_CLIENT ? "client" : "server");
	row_str(&r, "tunnel", t->name);
	if (t->file > 0)
		row_str(&r, "file", conf_file_name(t->files, t->file));
	if (t->line > 0)
		row_int(&r, "line", (uint64_t)t->line);
	if (!config_effective_tunnel(t, add_value, &values))
		r.failed = true;
	row_put(&r, "values", row_end(&values));
	return row_end(&r);
}

json_t *report_daemon_row(const struct conf_daemon *d)
{
	struct row r = row_begin(), values = values_begin();

	row_str(&r, "section", "daemon");
	row_put(&r, "tunnel", json_null());
	if (!config_effective_daemon(d, add_value, &values))
		r.failed = true;
	row_put(&r, "values", row_end(&values));
	return row_end(&r);
}
