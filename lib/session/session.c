/* session.c - one conversation: FEC, KCP, codec, smux and QPP composed. */
#include "session_impl.h"

#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "kcp_model.h"
#include "kcp_reno.h"

/* The FEC decoder gives up a set at the second trim that finds it as it was. */
enum { TRIMS = 2 };

/* Between two trims: what keepalives and their acknowledgements come to at most. */
enum { IDLE_PACKETS = 16 };

const char *session_end_text(enum session_end end)
{
	switch (end) {
	case SESSION_ALIVE:
		return "alive";
	case SESSION_TIMEOUT:
		return "nothing heard for too long";
	case SESSION_UNKNOWN:
		return "the peer does not know it: it was restarted";
	case SESSION_NO_FRAME:
		return "no smux frame ever came";
	case SESSION_FOREIGN:
		return "the peer's stream is no kcptun stream";
	case SESSION_OTHER_CODEC:
		return "the peer compresses in another way";
	case SESSION_OTHER_VERSION:
		return "the peer speaks another smux version";
	case SESSION_NOT_UNDERSTOOD:
		return "the peer does not understand our compression or smux version";
	case SESSION_BROKEN_CODEC:
		return "the compressed stream is corrupt";
	case SESSION_BROKEN_SMUX:
		return "the peer broke the smux protocol";
	case SESSION_NO_MEMORY:
		return "out of memory";
	}
	return "unknown";
}

/* ---- life -------------------------------------------------------------------- */

static unsigned shards(unsigned configured)
{
	return configured == SESSION_AUTO ? 0 : configured;
}

/* A server may come to send FEC later; a client without it never will. */
static size_t fec_overhead(const struct session_config *c)
{
	bool none = shards(c->data_shards) == 0 || shards(c->parity_shards) == 0;

	return c->client && none ? 0 : FEC_PAIR_OVERHEAD;
}

static const struct kcp_cc *controller(const struct session_config *c)
{
	if (c->path != NULL)
		return &path_cc;
	switch (c->congestion) {
	case SESSION_MODEL:
		return &kcp_cc_model;
	case SESSION_RENO:
		return &kcp_cc_reno;
	case SESSION_NONE:
		break;
	}
	return &kcp_cc_none;
}

static uint32_t window(uint32_t configured)
{
	return configured == SESSION_AUTO ? KCP_WND_MAX : configured;
}

uint32_t session_copies(const struct session_config *cfg)
{
	return cfg->copies == SESSION_AUTO ? KCP_COPIES_AUTO : cfg->copies;
}

static bool start_kcp(struct session *s, uint64_t now_us)
{
	const struct session_config *c = &s->cfg;
	struct kcp_config cfg = {
		.conv = c->conv,
		.ts_base = c->ts_base,
		.mtu = (uint32_t)(c->packet_bytes_max - s->fec_overhead),
		.snd_wnd = window(c->snd_wnd),
		.rcv_wnd = window(c->rcv_wnd),
		.nodelay = c->nodelay,
		.copies = session_copies(c),
		.interval_ms = c->interval_ms,
		.resend = c->resend,
		.stream = true,
		.ack_nodelay = c->ack_nodelay,
		.rate_limit = c->rate_limit,
		.cc = controller(c),
		.cc_arg = &s->member,
		.reserve = session_reserve_packet,
		.output = session_output_packet,
		.cover = session_cover_segs,
		.user = s,
	};

	if (c->path != NULL)
		path_join(c->path, &s->member);
	s->kcp = kcp_new(&cfg, now_us);
	if (s->kcp == NULL)
		return false;
	session_mtu_init(s);
	kcp_set_steady_acks(s->kcp, true); /* until it is known that the peer bears others */
	return true;
}

struct session *session_new(const struct session_config *cfg, uint64_t now_us)
{
	struct session *s;

	if (cfg->packet_bytes_max < fec_overhead(cfg) + KCP_MTU_MIN ||
	    cfg->packet_bytes_max > PACKET_MTU_MAX)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->cfg = *cfg;
	s->fec_overhead = fec_overhead(cfg);
	if (s->cfg.timeout_us == 0)
		s->cfg.timeout_us = SMUX_TIMEOUT_US;
	fifo_account_init(&s->account, cfg->pool);
	s->born_us = now_us;
	s->codec_in = CODEC_UNKNOWN;
	s->codec_out = CODEC_UNKNOWN;
	session_fit_init(s);
	if (!fec_pair_init(&s->fec, cfg->client, shards(cfg->data_shards),
			   shards(cfg->parity_shards), cfg->packet_bytes_max - FEC_PAIR_OVERHEAD))
		goto fail;
	if (!start_kcp(s, now_us))
		goto fail;
	if (cfg->client && (!session_start_smux(s, cfg->smux_version, now_us) ||
			    !session_start_encoder(s, cfg->compression)))
		goto fail;
	return s;
fail:
	session_free(s);
	return NULL;
}

void session_free(struct session *s)
{
	if (s == NULL)
		return;
	smux_free(s->smux);
	fifo_account_dispose(&s->account);
	codec_enc_free(s->enc);
	codec_dec_free(s->dec);
	free(s->kept.mem);
	fec_pair_dispose(&s->fec);
	session_repair_dispose(&s->repair);
	session_cover_dispose(&s->cover);
	piece_in_free(s->pieces);
	kcp_free(s->kcp);
	path_leave(&s->member);
	free(s);
}

/* A path is left when its controller has been, and joined before that has a say. */
static void set_controller(struct session *s, const struct session_config *cfg, uint64_t now_us)
{
	const struct kcp_cc *before = controller(&s->cfg);

	if (before == controller(cfg) && s->cfg.path == cfg->path)
		return;
	s->cfg.congestion = cfg->congestion;
	s->cfg.path = cfg->path;
	kcp_set_cc(s->kcp, &kcp_cc_none, NULL, now_us);
	path_leave(&s->member);
	if (cfg->path != NULL)
		path_join(cfg->path, &s->member);
	kcp_set_cc(s->kcp, controller(&s->cfg), &s->member, now_us);
	session_repair_changed(s);
}

void session_set_kcp(struct session *s, const struct session_config *cfg, uint64_t now_us)
{
	set_controller(s, cfg, now_us);
	s->cfg.rcv_wnd = cfg->rcv_wnd;
	if (s->cfg.rcv_wnd != SESSION_AUTO) /* a number is told as it is */
		kcp_set_told_window(s->kcp, 0);
	kcp_set_window(s->kcp, window(cfg->snd_wnd), window(cfg->rcv_wnd));
	kcp_set_nodelay(s->kcp, cfg->nodelay, cfg->interval_ms, cfg->resend);
	s->cfg.copies = cfg->copies;
	kcp_set_copies(s->kcp, session_copies(cfg));
	s->repair.burst = false; /* it is seen anew with the next flush */
	kcp_set_rate_limit(s->kcp, cfg->rate_limit);
	kcp_set_ack_nodelay(s->kcp, cfg->ack_nodelay);
}

/* ---- time ------------------------------------------------------------------------------ */

uint64_t session_deadline(const struct session *s)
{
	uint64_t at = kcp_deadline(s->kcp);
	uint64_t smux_at = s->smux != NULL ? smux_deadline(s->smux)
					   : s->born_us + SESSION_FIRST_FRAME_US;

	uint64_t repair_at = session_repair_deadline(&s->repair);
	uint64_t mtu_at = session_mtu_deadline(s);
	uint64_t guard_at = session_guard_deadline(s);

	at = at < repair_at ? at : repair_at;
	at = at < mtu_at ? at : mtu_at;
	at = at < guard_at ? at : guard_at;
	at = at < s->fit.ask_at_us ? at : s->fit.ask_at_us;
	return at < smux_at ? at : smux_at;
}

void session_tick(struct session *s, uint64_t now_us)
{
	if (s->smux == NULL) {
		if (now_us >= s->born_us + SESSION_FIRST_FRAME_US)
			session_fail(s, SESSION_NO_FRAME);
		return;
	}
	smux_tick(s->smux, now_us);
	if (smux_closed(s->smux) != SMUX_ALIVE)
		session_fail_smux(s);
}

void session_ping(struct session *s)
{
	if (s->smux != NULL)
		smux_ping(s->smux);
	kcp_ask(s->kcp);
}

void session_pad(struct session *s)
{
	s->pads = true;
}

bool session_trim(struct session *s)
{
	uint64_t pkts = s->in_pkts + s->out_pkts - s->trim_pkts;

	s->trim_pkts += pkts;
	if (pkts > IDLE_PACKETS) {
		s->trims = 0;
		return true;
	}
	if (s->trims == TRIMS)
		return false;
	s->trims++;
	kcp_trim(s->kcp);
	fec_pair_trim(&s->fec);
	session_repair_trim(&s->repair);
	session_cover_trim(&s->cover);
	piece_in_free(s->pieces);
	s->pieces = NULL;
	if (s->enc != NULL)
		codec_enc_trim(s->enc);
	if (s->dec != NULL)
		codec_dec_trim(s->dec);
	session_report_memory(s);
	return s->trims < TRIMS;
}

enum session_end session_ended(const struct session *s)
{
	return s->end;
}

enum codec_kind session_peer_codec(const struct session *s)
{
	return s->codec_in;
}

int session_peer_version(const struct session *s)
{
	return s->peer_version;
}

bool session_drained(const struct session *s)
{
	return kcp_waiting(s->kcp) == 0 && (s->smux == NULL || !smux_has_output(s->smux));
}

uint64_t session_sent_bytes(const struct session *s)
{
	return s->bytes_sent;
}

uint64_t session_acked_bytes(const struct session *s)
{
	return kcp_stats(s->kcp)->acked_bytes;
}

bool session_unanswered(const struct session *s)
{
	return kcp_waiting(s->kcp) > kcp_queued(s->kcp);
}

void session_way_changed(struct session *s)
{
	kcp_way_changed(s->kcp);
}

bool session_peer_forgot(const struct session *s)
{
	return s->cfg.client && s->end == SESSION_ALIVE && s->peer_version == 0 &&
	       kcp_peer_forgot(s->kcp);
}

bool session_understood(const struct session *s)
{
	return !s->fit.open;
}

bool session_is_headless(const struct session *s, uint64_t now_us)
{
	struct kcp_info info;

	if (s->smux != NULL || now_us - s->born_us < SESSION_HEADLESS_US)
		return false;
	kcp_get_info(s->kcp, &info);
	return info.rcv_nxt == 0;
}

uint32_t session_peer_uptime_ms(const struct session *s)
{
	return s->peer_uptime_ms;
}

void session_leave(struct session *s)
{
	if (s->smux != NULL && s->repair.peer_follows)
		smux_note(s->smux, SMUX_NOTE_LEAVES, 1);
}

bool session_peer_leaves(const struct session *s)
{
	return s->smux != NULL && smux_noted(s->smux, SMUX_NOTE_LEAVES) > 0;
}

bool session_peer_follows(const struct session *s)
{
	return s->repair.peer_follows;
}

uint64_t session_carried_bytes(const struct session *s)
{
	return s->bytes_sent + s->bytes_received;
}

bool session_exhausted(const struct session *s)
{
	return s->end != SESSION_ALIVE || s->smux == NULL || smux_exhausted(s->smux);
}

/* ---- streams --------------------------------------------------------------------------- */

bool session_next(struct session *s, struct smux_event *ev)
{
	return s->smux != NULL && smux_next(s->smux, ev);
}

int session_open(struct session *s, struct smux_stream **st)
{
	return s->end == SESSION_ALIVE && s->smux != NULL ? smux_open(s->smux, st) : KT_ECLOSED;
}
