/* look.c - counters, figures and invariants of a session. */
#include "session_impl.h"

#include <assert.h>
#include <string.h>

static void count_kcp(const struct session *s, struct counters *c)
{
	const struct kcp_stats *k = kcp_stats(s->kcp);
	struct kcp_info info;

	kcp_get_info(s->kcp, &info);
	c->in_segs = k->in_segs;
	c->out_segs = k->out_segs;
	c->in_data_segs = k->in_push;
	c->out_data_segs = k->out_push;
	c->retrans_segs = k->retrans_segs;
	c->fast_retrans_segs = k->fast_retrans_segs;
	c->early_retrans_segs = k->early_retrans_segs;
	c->lost_segs = k->lost_segs;
	c->repeat_segs = k->repeat_segs;
	c->spurious_segs = k->spurious_segs;
	c->out_copy_segs = k->copy_segs;
	c->in_copy_segs = k->copies_in_segs;
	c->ring_buffer_snd_queue = info.snd_queue_segs;
	c->ring_buffer_rcv_queue = info.rcv_queue_segs;
	c->ring_buffer_snd_buffer = info.inflight_segs;
}

static void count_repair(const struct session *s, struct counters *c)
{
	struct repair_in_stats sum;
	struct rlc_in_stats cover;

	session_repair_stats(&s->repair, &sum);
	session_cover_stats(&s->cover, &cover);
	c->fec_parity_shards = sum.parity + cover.symbols;
	c->fec_recovered = sum.repaired + cover.repaired;
	c->fec_errs += sum.errors + cover.errors;
}

static void count_fec(const struct session *s, struct counters *c)
{
	const struct fec_dec_stats *f;

	c->fec_errs = s->fec_errors;
	count_repair(s, c);
	if (s->fec.dec == NULL)
		return;
	f = fec_dec_stats(s->fec.dec);
	c->fec_full_shards = f->full_sets;
	c->fec_parity_shards += f->parity_shards;
	c->fec_errs += f->errors;
	c->fec_recovered += f->recovered;
	c->fec_retunes = f->retunes;
	c->fec_shard_set = f->sets_held;
	c->fec_shard_min = f->shard_min;
}

static void count_smux(const struct session *s, struct counters *c)
{
	const struct smux_stats *m;

	if (s->smux == NULL)
		return;
	m = smux_stats(s->smux);
	c->streams_opened = m->streams_opened + m->streams_accepted;
	c->streams_refused = m->streams_refused;
	c->memory_resets = m->memory_resets;
	c->curr_streams = smux_stream_count(s->smux);
}

void session_counters(const struct session *s, struct counters *out)
{
	memset(out, 0, sizeof(*out));
	out->active_opens = s->cfg.client;
	out->passive_opens = !s->cfg.client;
	out->curr_estab = 1;
	out->bytes_sent = s->bytes_sent;
	out->bytes_received = s->bytes_received;
	out->in_pkts = s->in_pkts;
	out->in_bytes = s->in_bytes;
	out->out_pkts = s->out_pkts;
	out->out_bytes = s->out_bytes;
	out->kcp_in_errors = s->kcp_in_errors;
	out->oob_packets = s->oob_packets;
	count_kcp(s, out);
	count_fec(s, out);
	count_smux(s, out);
}

void session_get_info(const struct session *s, struct session_info *info)
{
	memset(info, 0, sizeof(*info));
	kcp_get_info(s->kcp, &info->kcp);
	if (s->cfg.path != NULL)
		info->kcp.cc_name = path_cc_name(s->cfg.path);
	info->codec_in = s->codec_in;
	info->codec_out = s->codec_out;
	info->kcp_bytes = kcp_memory(s->kcp);
	info->queued_bytes = s->bytes_sent - kcp_stats(s->kcp)->acked_bytes;
	if (s->smux != NULL) {
		info->streams = smux_stream_count(s->smux);
		info->unread_bytes = smux_unread_bytes(s->smux);
		info->smux_version = s->peer_version != 0 ? s->peer_version : s->cfg.smux_version;
	}
	info->codec_bytes = session_codec_memory(s);
	fec_pair_sending(&s->fec, &info->ds_out, &info->ps_out);
	if (s->repair.sends) {
		info->ds_out = s->repair.count;
		info->ps_out = s->repair.parity;
	}
	if (s->fec.dec != NULL)
		fec_dec_params(s->fec.dec, &info->ds_in, &info->ps_in);
	info->fec_bytes = fec_pair_memory(&s->fec) + session_repair_memory(&s->repair) +
			  session_cover_memory(&s->cover);
	info->memory_bytes = session_memory(s);
	info->mtu_bytes = s->pmtu.size;
	info->mtu_sought = s->pmtu.sounded != 0;
	info->in_longest_bytes = s->in_longest;
	info->mtu_narrow = s->cfg.finds_mtu && s->pmtu.fails <= s->pmtu.most;
	info->peer_is_ours = s->repair.heard_note;
}

void session_verify(const struct session *s)
{
	kcp_verify(s->kcp);
	if (s->smux != NULL)
		smux_verify(s->smux);
	if (s->fec.dec != NULL)
		fec_dec_verify(s->fec.dec);
	if (s->repair.in != NULL)
		repair_in_verify(s->repair.in);
	if (s->cover.in != NULL)
		rlc_in_verify(s->cover.in);
	assert(s->kept.mem == NULL ? s->kept.len == 0 : s->kept.off < s->kept.len);
}
