/* session_row.c - one session as one JSON object. */
#include "report_rows_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "derived.h"
#include "seal.h"

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

double report_queue_ms(const struct kcp_info *k)
{
	if (k->srtt_us == 0)
		return (double)NAN;
	return k->srtt_us > k->min_rtt_us ? (k->srtt_us - k->min_rtt_us) / 1000. : 0;
}

double report_medium_loss(const struct kcp_info *k)
{
	return k->path_rate != 0 ? k->medium_loss_ppm * 1e-6 : (double)NAN;
}

static json_t *rates(const struct link *l)
{
	struct row r = row_begin();
	struct pace_rates p;

	link_rates(l, &p);
	row_real(&r, "window_s", p.window_s);
	row_real(&r, "wire_in", p.in);
	row_real(&r, "wire_out", p.out);
	return row_end(&r);
}

static void put_path(struct row *r, const struct kcp_info *k)
{
	row_put(r, "path_bytes_s",
		k->path_rate != 0 ? json_integer((json_int_t)k->path_rate) : json_null());
	row_real(r, "queue_ms", report_queue_ms(k));
	row_real(r, "medium_loss", report_medium_loss(k));
	row_real(r, "total_loss", k->total_loss_ppm * 1e-6);
	row_str(r, "limit", limit_words[limit_of(k)]);
}

static void put_kcp(struct row *r, const struct kcp_info *k)
{
	bool measured = k->srtt_us > 0;

	row_real(r, "srtt_ms", measured ? k->srtt_us / 1000. : (double)NAN);
	row_real(r, "rttvar_ms", measured ? k->rttvar_us / 1000. : (double)NAN);
	row_real(r, "min_rtt_ms", measured ? k->min_rtt_us / 1000. : (double)NAN);
	row_real(r, "rto_ms", k->rto_us / 1000.);
	row_int(r, "snd_wnd", k->snd_wnd);
	row_int(r, "rcv_wnd", k->rcv_wnd);
	row_int(r, "rmt_wnd", k->rmt_wnd);
	row_put(r, "cc_wnd", k->cc_wnd == UINT32_MAX ? json_null() : json_integer(k->cc_wnd));
	row_str(r, "cc", k->cc_name);
	row_text_or_null(r, "cc_phase", k->cc_phase[0] != '\0' ? k->cc_phase : NULL);
	row_int(r, "pacing_bytes_s", k->pacing_rate);
	row_int(r, "inflight_segs", k->inflight_segs);
	row_int(r, "unacked_segs", k->unacked_segs);
	row_int(r, "snd_queue_segs", k->snd_queue_segs);
	row_int(r, "rcv_queue_segs", k->rcv_queue_segs);
}

static void put_pipeline(struct row *r, const struct session_info *info)
{
	row_put(r, "fec_out", report_shards(info->ds_out, info->ps_out));
	row_put(r, "fec_in", report_shards(info->ds_in, info->ps_in));
	row_text_or_null(r, "compression_out", codec_text(info->codec_out));
	row_text_or_null(r, "compression_in", codec_text(info->codec_in));
	row_put(r, "smux", info->smux_version != 0 ? json_integer(info->smux_version) : json_null());
}

static void put_totals(struct row *r, const struct counters *c)
{
	struct derived d;

	derived_compute(&d, c);
	row_real(r, "loss_out", d.loss_out);
	row_real(r, "loss_in", d.loss_in);
	row_int(r, "bytes_sent", c->bytes_sent);
	row_int(r, "bytes_received", c->bytes_received);
	row_int(r, "wire_out_bytes", c->out_bytes);
	row_int(r, "wire_in_bytes", c->in_bytes);
	row_int(r, "wire_out_pkts", c->out_pkts);
	row_int(r, "wire_in_pkts", c->in_pkts);
	row_int(r, "data_segs_out", c->out_data_segs);
	row_int(r, "retrans_segs", c->retrans_segs);
	row_int(r, "spurious_segs", c->spurious_segs);
	row_int(r, "copy_segs_out", c->out_copy_segs);
	row_int(r, "copy_segs_in", c->in_copy_segs);
	row_int(r, "fec_recovered", c->fec_recovered);
}

json_t *report_session_row(const struct link *l)
{
	const struct tunnel *t = l->tunnel;
	struct row r = row_begin();
	char id[LINK_ID_BYTES], conv[16];
	struct session_info info;
	struct counters c;

	session_get_info(l->session, &info);
	session_counters(l->session, &c);
	snprintf(conv, sizeof(conv), "%08" PRIx32, l->conv);
	row_str(&r, "session", link_id(l, id));
	row_str(&r, "tunnel", t->name);
	row_str(&r, "role", report_role(t));
	row_str(&r, "peer", l->peer);
	row_str(&r, "conv", conv);
	row_str(&r, "state", session_state(l));
	row_real(&r, "age_s", report_seconds_since(t, l->opened_us));
	row_real(&r, "idle_s", report_seconds_since(t, l->heard_us));
	row_int(&r, "streams", l->relay_count);
	row_put(&r, "rates", rates(l));
	put_path(&r, &info.kcp);
	put_kcp(&r, &info.kcp);
	row_int(&r, "queued_bytes", info.queued_bytes);
	row_int(&r, "unread_bytes", info.unread_bytes);
	row_str(&r, "crypt", t->conf->crypt->name);
	row_int(&r, "mtu_bytes", info.mtu_bytes);
	row_int(&r, "mtu_in_bytes", info.in_longest_bytes);
	put_pipeline(&r, &info);
	put_totals(&r, &c);
	row_int(&r, "memory_bytes", info.memory_bytes);
	return row_end(&r);
}
