/* session.c - one conversation: FEC, KCP, codec, smux and QPP composed. */
#include "session_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "kcp_reno.h"

/* Segments handed to KCP between two looks at whether it could send them.  What
 * waits in KCP is past the fair order of the streams, so this is kept short. */
enum { PULL_SEGMENTS = 64 };

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
		return "nothing heard for 30 s";
	case SESSION_NO_FRAME:
		return "no smux frame ever came";
	case SESSION_FOREIGN:
		return "the peer's stream is no kcptun stream";
	case SESSION_OTHER_CODEC:
		return "the peer compresses in another way";
	case SESSION_OTHER_VERSION:
		return "the peer speaks another smux version";
	case SESSION_BROKEN_CODEC:
		return "the compressed stream is corrupt";
	case SESSION_BROKEN_SMUX:
		return "the peer broke the smux protocol";
	case SESSION_NO_MEMORY:
		return "out of memory";
	}
	return "unknown";
}

void session_scratch_init(struct session_scratch *w)
{
	w->buf = NULL;
	w->cap = 0;
}

void session_scratch_dispose(struct session_scratch *w)
{
	free(w->buf);
	session_scratch_init(w);
}

static bool scratch_grow(struct session_scratch *w, size_t cap)
{
	uint8_t *buf;

	if (cap <= w->cap)
		return true;
	buf = realloc(w->buf, cap);
	if (buf == NULL)
		return false;
	w->buf = buf;
	w->cap = cap;
	return true;
}

/* ---- life -------------------------------------------------------------------- */

static void fail(struct session *s, enum session_end end)
{
	if (s->end == SESSION_ALIVE)
		s->end = end;
}

static bool start_smux(struct session *s, int version, uint64_t now_us)
{
	struct smux_config cfg = {
		.version = version,
		.client = s->cfg.client,
		.framesize = s->cfg.framesize,
		.recv_bytes_max = s->cfg.smuxbuf,
		.streambuf = s->cfg.streambuf,
		.send_bytes_max = s->cfg.stream_send_bytes_max,
		.streams_max = s->cfg.streams_max,
		.keepalive_us = s->cfg.keepalive_us,
		.timeout_us = SMUX_TIMEOUT_US,
		.pool = s->cfg.pool,
	};

	s->smux = smux_new(&cfg, now_us);
	return s->smux != NULL;
}

static bool start_encoder(struct session *s, enum codec_kind kind)
{
	s->codec_out = kind;
	if (kind == CODEC_NONE)
		return true;
	s->enc = codec_enc_new(kind);
	return s->enc != NULL;
}

static bool start_decoder(struct session *s, enum codec_kind kind)
{
	s->codec_in = kind;
	if (kind == CODEC_NONE)
		return true;
	s->dec = codec_dec_new(kind);
	return s->dec != NULL;
}

static uint8_t *reserve(void *user, size_t cap);
static void output(void *user, uint8_t *buf, size_t len);

/* A server may come to send FEC later; a client without it never will. */
static size_t fec_overhead(const struct session_config *c)
{
	return c->client && (c->data_shards == 0 || c->parity_shards == 0) ? 0 : FEC_PAIR_OVERHEAD;
}

static const struct kcp_cc *controller(bool nc)
{
	return nc ? &kcp_cc_none : &kcp_cc_reno;
}

static bool start_kcp(struct session *s, uint64_t now_us)
{
	const struct session_config *c = &s->cfg;
	struct kcp_config cfg = {
		.conv = c->conv,
		.mtu = (uint32_t)(c->packet_bytes_max - fec_overhead(c)),
		.snd_wnd = c->snd_wnd,
		.rcv_wnd = c->rcv_wnd,
		.nodelay = c->nodelay,
		.interval_ms = c->interval_ms,
		.resend = c->resend,
		.stream = true,
		.ack_nodelay = c->ack_nodelay,
		.rate_limit = c->rate_limit,
		.cc = controller(c->nc),
		.reserve = reserve,
		.output = output,
		.user = s,
	};

	s->kcp = kcp_new(&cfg, now_us);
	return s->kcp != NULL;
}

struct session *session_new(const struct session_config *cfg, uint64_t now_us)
{
	struct session *s;

	if (cfg->packet_bytes_max < FEC_HEADER_DATA + KCP_MTU_MIN ||
	    cfg->packet_bytes_max > PACKET_MTU_MAX)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->cfg = *cfg;
	s->born_us = now_us;
	s->codec_in = CODEC_UNKNOWN;
	s->codec_out = CODEC_UNKNOWN;
	if (!fec_pair_init(&s->fec, cfg->client, cfg->data_shards, cfg->parity_shards,
			   cfg->packet_bytes_max - FEC_PAIR_OVERHEAD))
		goto fail;
	if (!start_kcp(s, now_us))
		goto fail;
	if (cfg->client && (!start_smux(s, cfg->smux_version, now_us) ||
			    !start_encoder(s, cfg->compression)))
		goto fail;
	return s;
fail:
	session_free(s);
	return NULL;
}

void session_free(struct session *s)
{
	struct session_stream *next;

	if (s == NULL)
		return;
	for (struct session_stream *st = s->streams; st != NULL; st = next) {
		next = st->next;
		free(st);
	}
	smux_free(s->smux);
	codec_enc_free(s->enc);
	codec_dec_free(s->dec);
	free(s->held);
	fec_pair_dispose(&s->fec);
	kcp_free(s->kcp);
	free(s);
}

void session_set_kcp(struct session *s, const struct session_config *cfg, uint64_t now_us)
{
	if (s->cfg.nc != cfg->nc)
		kcp_set_cc(s->kcp, controller(cfg->nc), now_us);
	s->cfg.nc = cfg->nc;
	kcp_set_window(s->kcp, cfg->snd_wnd, cfg->rcv_wnd);
	kcp_set_nodelay(s->kcp, cfg->nodelay, cfg->interval_ms, cfg->resend);
	kcp_set_rate_limit(s->kcp, cfg->rate_limit);
	kcp_set_ack_nodelay(s->kcp, cfg->ack_nodelay);
}

/* ---- packets in ---------------------------------------------------------------- */

bool session_sniff(struct view payload, struct session_sniff *out)
{
	struct kcp_seg_header h;
	struct view inner;

	memset(out, 0, sizeof(*out));
	switch (fec_classify(payload, &inner)) {
	case FEC_PARITY:
	case FEC_OOB:
		return true;
	case FEC_PLAIN:
	case FEC_DATA:
		break;
	case FEC_BAD:
		return false;
	}
	if (!kcp_header_decode(&h, inner.p, inner.n))
		return false;
	out->has_conv = true;
	out->conv = h.conv;
	out->cmd = h.cmd;
	out->sn = h.sn;
	return true;
}

static void input_kcp(struct session *s, uint64_t now_us, struct view pkt, unsigned flags)
{
	if (kcp_input(s->kcp, now_us, pkt.p, pkt.n, flags) != KCP_OK)
		s->kcp_in_errors++;
}

static void input_shard(struct session *s, uint64_t now_us, struct view pkt)
{
	struct view rebuilt;

	if (fec_pair_input(&s->fec, pkt) <= 0)
		return;
	while (fec_pair_next(&s->fec, &rebuilt))
		input_kcp(s, now_us, rebuilt, KCP_INPUT_RECOVERED);
}

/* What stands behind the last segment. */
static struct view rest_of(struct view pkt)
{
	struct kcp_seg_header h;

	while (kcp_header_decode(&h, pkt.p, pkt.n)) {
		pkt.p += KCP_OVERHEAD + h.len;
		pkt.n -= KCP_OVERHEAD + h.len;
	}
	return pkt;
}

void session_input(struct session *s, uint64_t now_us, struct view payload)
{
	struct view inner;

	s->in_pkts++;
	s->in_bytes += payload.n + s->cfg.seal_overhead;
	switch (fec_classify(payload, &inner)) {
	case FEC_PLAIN:
		input_kcp(s, now_us, inner, 0);
		if (s->fec.state == FEC_PAIR_HELD)
			fec_pair_input_rest(&s->fec, rest_of(inner));
		break;
	case FEC_DATA:
		input_kcp(s, now_us, inner, 0);
		input_shard(s, now_us, payload);
		break;
	case FEC_PARITY:
		input_shard(s, now_us, payload);
		break;
	case FEC_OOB:
		s->oob_packets++;
		break;
	case FEC_BAD:
		s->fec_errors++;
		break;
	}
}

/* ---- stream bytes in -------------------------------------------------------------- */

/* The first plain byte is a smux version.  A server takes the client's; a
 * client was told one, and a server that differs will never understand it. */
static bool agree_on_version(struct session *s, uint64_t now_us, uint8_t version)
{
	s->peer_version = version;
	if (version != 1 && version != 2) {
		fail(s, SESSION_FOREIGN);
		return false;
	}
	if (s->smux != NULL) {
		if (s->cfg.smux_version != version)
			fail(s, SESSION_OTHER_VERSION);
		return s->end == SESSION_ALIVE;
	}
	if (!start_smux(s, version, now_us)) {
		fail(s, SESSION_NO_MEMORY);
		return false;
	}
	return true;
}

static void fail_smux(struct session *s)
{
	fail(s, smux_closed(s->smux) == SMUX_CLOSED_TIMEOUT ? SESSION_TIMEOUT
							    : SESSION_BROKEN_SMUX);
}

/* Give plain bytes to smux.  What it cannot take now is copied aside, because
 * it lies in memory of the codec or of KCP that will not stay. */
static void input_smux(struct session *s, uint64_t now_us, struct view plain)
{
	if (plain.n == 0)
		return;
	if (s->peer_version == 0 && !agree_on_version(s, now_us, plain.p[0]))
		return;
	if (smux_input(s->smux, now_us, &plain) == KT_EPROTO) {
		fail_smux(s);
		return;
	}
	if (plain.n == 0)
		return;
	s->held = malloc(plain.n);
	if (s->held == NULL) {
		fail(s, SESSION_NO_MEMORY);
		return;
	}
	memcpy(s->held, plain.p, plain.n);
	s->held_len = plain.n;
	s->held_off = 0;
}

/* Offer smux again what was put aside; true when nothing is left of it. */
static bool input_held(struct session *s, uint64_t now_us)
{
	struct view rest;

	if (s->held == NULL)
		return true;
	rest = (struct view){ s->held + s->held_off, s->held_len - s->held_off };
	if (smux_input(s->smux, now_us, &rest) == KT_EPROTO)
		fail_smux(s);
	s->held_off = s->held_len - rest.n;
	if (rest.n > 0)
		return false;
	free(s->held);
	s->held = NULL;
	s->held_len = 0;
	return true;
}

/* One step of the decoder; what is not compressed goes through as it is. */
static void decode_some(struct session *s, uint64_t now_us, struct view *in)
{
	struct view plain = *in;
	int err = KT_OK;

	if (s->dec != NULL)
		err = codec_decode(s->dec, in, &plain);
	else
		*in = (struct view){ in->p + in->n, 0 };
	if (err != KT_OK) {
		fail(s, err == KT_ENOMEM ? SESSION_NO_MEMORY : SESSION_BROKEN_CODEC);
		return;
	}
	input_smux(s, now_us, plain);
}

/* Find out from the stream's first bytes how it is compressed.  They may come in
 * segments of their own, so they are collected aside and decoded from there. */
static bool detect(struct session *s, uint64_t now_us)
{
	enum codec_kind kind;
	const uint8_t *p;
	struct view first;

	while ((kind = codec_detect((struct view){ s->first, s->first_len })) ==
	       CODEC_UNKNOWN) {
		if (kcp_peek(s->kcp, &p) == 0)
			return false;
		s->first[s->first_len++] = p[0];
		kcp_consume(s->kcp, 1);
		s->bytes_received++;
	}
	s->codec_in = kind;
	if (kind == CODEC_FOREIGN) {
		fail(s, SESSION_FOREIGN);
		return false;
	}
	if (s->cfg.client && kind != s->codec_out) {
		fail(s, SESSION_OTHER_CODEC);
		return false;
	}
	if (!start_decoder(s, kind) || (!s->cfg.client && !start_encoder(s, kind))) {
		fail(s, SESSION_NO_MEMORY);
		return false;
	}
	first = (struct view){ s->first, s->first_len };
	while (first.n > 0 && s->end == SESSION_ALIVE)
		decode_some(s, now_us, &first);
	return s->end == SESSION_ALIVE;
}

void session_process(struct session *s, uint64_t now_us)
{
	const uint8_t *p;
	struct view in;
	size_t n;

	if (s->codec_in == CODEC_UNKNOWN && s->end == SESSION_ALIVE && !detect(s, now_us))
		return;
	while (s->end == SESSION_ALIVE && input_held(s, now_us) &&
	       !(s->smux != NULL && smux_input_blocked(s->smux))) {
		n = kcp_peek(s->kcp, &p);
		if (n == 0)
			break;
		in = (struct view){ p, n };
		decode_some(s, now_us, &in);
		kcp_consume(s->kcp, n - in.n);
		s->bytes_received += n - in.n;
	}
}

/* ---- stream bytes out ---------------------------------------------------------------- */

static bool send_compressed(struct session *s, const struct smux_frame *f)
{
	struct view pieces[SMUX_PIECES_MAX + 1];
	int n;

	if (!scratch_grow(s->cfg.scratch, codec_bound(s->codec_out, f->len)))
		return false;
	pieces[0] = (struct view){ f->header, f->header_len };
	memcpy(pieces + 1, f->pieces, f->piece_count * sizeof(*pieces));
	n = codec_encode(s->enc, pieces, f->piece_count + 1, s->cfg.scratch->buf,
			 s->cfg.scratch->cap);
	if (n < 0)
		return false;
	s->bytes_sent += (size_t)n;
	return kcp_send(s->kcp, s->cfg.scratch->buf, (size_t)n) == KCP_OK;
}

static bool send_plain(struct session *s, const struct smux_frame *f)
{
	if (kcp_send(s->kcp, f->header, f->header_len) != KCP_OK)
		return false;
	for (size_t i = 0; i < f->piece_count; i++)
		if (kcp_send(s->kcp, f->pieces[i].p, f->pieces[i].n) != KCP_OK)
			return false;
	s->bytes_sent += f->len;
	return true;
}

/* Move frames from smux to KCP, about as much as KCP can send at once.  Control
 * frames go even when the window is shut: they are few and bounded.  A frame
 * that was taken but could not be queued leaves a hole, which ends the session. */
static bool pull_frames(struct session *s, uint64_t now_us)
{
	uint32_t room = kcp_send_room(s->kcp);
	uint32_t target = kcp_waiting(s->kcp) + (room < PULL_SEGMENTS ? room : PULL_SEGMENTS);
	struct smux_frame f;
	bool any = false;

	if (s->smux == NULL || s->codec_out == CODEC_UNKNOWN)
		return false;
	while (s->end == SESSION_ALIVE &&
	       smux_next_frame(s->smux, now_us,
			       kcp_waiting(s->kcp) < target ? SMUX_FRAME_MAX : 0, &f)) {
		if (!(s->enc != NULL ? send_compressed(s, &f) : send_plain(s, &f)))
			fail(s, SESSION_NO_MEMORY);
		any = true;
	}
	return any;
}

/* ---- packets out --------------------------------------------------------------------- */

/* kcp.h's reserve: room for this packet and for the parity it may complete. */
static uint8_t *reserve(void *user, size_t cap)
{
	struct session *s = user;
	struct packet *pkt;

	(void)cap; /* a batch's packets hold any datagram */
	if (s->out->count - s->out_start >= SESSION_FLUSH_PACKETS ||
	    batch_room(s->out) < 1 + fec_pair_parity_max(&s->fec))
		return NULL;
	pkt = batch_add(s->out);
	if (pkt == NULL)
		return NULL;
	pkt->path = s->out_path;
	return pkt->data;
}

static void output(void *user, uint8_t *buf, size_t len)
{
	struct session *s = user;
	size_t index = s->out->count - 1;

	assert(buf == s->out->v[index].data);
	s->out->v[index].len = len;
	fec_pair_add(&s->fec, s->flush_us, s->out, index);
}

static void count_output(struct session *s)
{
	for (size_t i = s->out_start; i < s->out->count; i++)
		s->out_bytes += s->out->v[i].len + s->cfg.seal_overhead;
	s->out_pkts += s->out->count - s->out_start;
}

bool session_flush(struct session *s, uint64_t now_us, struct batch *out, const void *path)
{
	struct kcp_info info;
	bool stopped;

	s->out = out;
	s->out_start = out->count;
	s->out_path = path;
	s->flush_us = now_us;
	do {
		bool pulled = pull_frames(s, now_us);

		stopped = kcp_flush(s->kcp, now_us);
		if (!pulled)
			break;
		kcp_get_info(s->kcp, &info);
	} while (!stopped && info.snd_queue_segs == 0 && kcp_send_room(s->kcp) > 0);
	fec_pair_settle(&s->fec);
	count_output(s);
	s->out = NULL;
	return stopped;
}

/* ---- time ------------------------------------------------------------------------------ */

uint64_t session_deadline(const struct session *s)
{
	uint64_t at = kcp_deadline(s->kcp);
	uint64_t smux_at = s->smux != NULL ? smux_deadline(s->smux)
					   : s->born_us + SESSION_FIRST_FRAME_US;

	return at < smux_at ? at : smux_at;
}

void session_tick(struct session *s, uint64_t now_us)
{
	if (s->smux == NULL) {
		if (now_us >= s->born_us + SESSION_FIRST_FRAME_US)
			fail(s, SESSION_NO_FRAME);
		return;
	}
	smux_tick(s->smux, now_us);
	if (smux_closed(s->smux) != SMUX_ALIVE)
		fail_smux(s);
}

void session_ping(struct session *s)
{
	if (s->smux != NULL)
		smux_ping(s->smux);
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
	if (s->enc != NULL)
		codec_enc_trim(s->enc);
	if (s->dec != NULL)
		codec_dec_trim(s->dec);
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

bool session_exhausted(const struct session *s)
{
	return s->end != SESSION_ALIVE || s->smux == NULL || smux_exhausted(s->smux);
}
