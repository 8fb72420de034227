/* tunnel.c - one configured instance: its key, its links, its counters, its life. */
#include "tunnel.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "log.h"
#include "opening.h"
#include "relay.h"
#include "seal.h"
#include "walk.h"

/* Many round trips and timeouts of any network that is worth waiting for. */
enum { DRAIN_SILENCE_US = 1500 * 1000 };
enum { TALES_PER_MINUTE = 600 };

static void reap(struct task *task);

/* ---- keys ------------------------------------------------------------------------ */

static bool make_seal(struct tunnel *t, char *why, size_t cap)
{
	const struct conf_tunnel *c = t->conf;
	uint8_t pass[SEAL_KEY_SIZE], seed[SEAL_SEED_SIZE];
	int err = seal_derive_key(pass, c->key, c->key_len);

	if (err == KT_OK) {
		reactor_random(seed, sizeof(seed));
		t->seal = seal_new(c->crypt, pass, seed, &err);
	}
	OPENSSL_cleanse(pass, sizeof(pass));
	OPENSSL_cleanse(seed, sizeof(seed));
	if (t->seal == NULL)
		snprintf(why, cap, "crypt = %s: %s", c->crypt->name,
			 err == KT_ENOSUP ? seal_missing(c->crypt) : kt_strerror(err));
	return t->seal != NULL;
}

static bool make_qpp(struct tunnel *t, char *why, size_t cap)
{
	const struct conf_tunnel *c = t->conf;
	int err;

	t->qpp = qpp_new(c->key, c->key_len, c->qpp_count, &err);
	if (t->qpp == NULL)
		snprintf(why, cap, "qpp: %s", kt_strerror(err));
	return t->qpp != NULL;
}

bool tunnel_make_keys(struct tunnel *t, char *why, size_t cap)
{
	if (t->seal == NULL && !make_seal(t, why, cap))
		return false;
	return !t->conf->qpp || t->qpp != NULL || make_qpp(t, why, cap);
}

void tunnel_seal(struct tunnel *t, struct packet *pkts, size_t count)
{
	if (seal_wants_seed(t->seal)) {
		uint8_t seed[SEAL_SEED_SIZE];

		reactor_random(seed, sizeof(seed));
		seal_reseed(t->seal, seed);
		OPENSSL_cleanse(seed, sizeof(seed));
	}
	seal_batch(t->seal, pkts, count);
}

/* ---- life ------------------------------------------------------------------------ */

struct tunnel *tunnel_new(struct reactor *r, struct conf_tunnel *conf, const struct tunnel_hooks *hooks)
{
	struct tunnel *t = calloc(1, sizeof(*t));
	uint64_t seed;

	if (t == NULL)
		return NULL;
	t->reactor = r;
	t->conf = conf;
	t->name = conf->name;
	targets_set(&t->targets, (unsigned)conf->target.count);
	t->role = conf->role == ROLE_CLIENT ? &client_role : &server_role;
	t->reaper.run = reap;
	relay_alive_init(t);
	t->started_us = t->counted_us = r->now_us;
	flow_init(&t->flow, r->now_us);
	fifo_pool_init(&t->fifos, conf->memory_bytes);
	reactor_random(&seed, sizeof(seed));
	hosts_init(&t->hosts, seed);
	t->hooks = hooks;
	opening_init(t);
	return t;
}

bool tunnel_start(struct tunnel *t, struct binding *b)
{
	t->started_us = t->counted_us = t->reactor->now_us;
	if (!t->role->start(t, b)) {
		if (t->state != NULL)
			t->role->stop(t);
		return false;
	}
	if (t->hooks != NULL)
		t->hooked = t->hooks->started(t);
	return true;
}

static void drain_links(struct tunnel *t)
{
	struct link *next;

	for (struct link *l = t->links; l != NULL; l = next) {
		struct relay *relay, *next_relay;

		next = l->next;
		for (relay = l->relays; relay != NULL; relay = next_relay) {
			next_relay = relay_next(relay);
			relay_drain(relay);
		}
		link_touch(l);
	}
}

void tunnel_drain(struct tunnel *t)
{
	opening_stop(t);
	t->draining = true;
	t->drain_us = t->reactor->now_us;
	if (t->state == NULL)
		return;
	t->role->drain(t);
	drain_links(t);
}

/* A peer that does not answer while we stop is gone, or was never there. */
static bool is_silent(const struct link *l)
{
	const struct tunnel *t = l->tunnel;
	uint64_t since_us = l->heard_us > t->drain_us ? l->heard_us : t->drain_us;

	return !l->heard || t->reactor->now_us - since_us > DRAIN_SILENCE_US;
}

/* What came and the local peers have not taken yet is waited for as well. */
bool tunnel_drained(const struct tunnel *t)
{
	for (const struct link *l = t->links; l != NULL; l = l->next) {
		if (!l->ended && !session_drained(l->session) && !is_silent(l))
			return false;
		for (const struct relay *relay = l->relays; relay != NULL; relay = relay_next(relay))
			if (!relay_idle(relay))
				return false;
	}
	return true;
}

void tunnel_retire(struct tunnel *t)
{
	t->draining = true;
	t->role->drain(t);
	for (struct link *l = t->links; l != NULL; l = l->next) {
		l->draining = true;
		link_touch(l);
	}
}

/* Nobody is told, else peers would give up their sessions, after a while with what is on them. */
void tunnel_refuse_new(struct tunnel *t)
{
	if (t->draining)
		return;
	t->draining = true;
	if (t->role->refuse_new != NULL)
		t->role->refuse_new(t);
}

/* Two that count into one file would be in each other's way. */
void tunnel_replaced(struct tunnel *t)
{
	if (t->hooked != NULL)
		t->hooks->leaves(t, t->hooked);
	t->hooked = NULL;
}

bool tunnel_is_empty(const struct tunnel *t)
{
	return t->links == NULL;
}

/* What was known of the ones before is not known of these. */
static void change_targets(struct tunnel *t, const struct conf_tunnel *conf)
{
	if (t->conf->role != ROLE_SERVER || strcmp(conf->target.text, t->conf->target.text) == 0)
		return;
	targets_set(&t->targets, (unsigned)conf->target.count);
	diagnosis_targets_changed(t);
}

void tunnel_change(struct tunnel *t, struct conf_tunnel *conf, bool changed, bool renew)
{
	bool alive = conf->tcptimeout_s != t->conf->tcptimeout_s;

	change_targets(t, conf);
	conf_tunnel_free(t->conf);
	t->conf = conf;
	t->name = conf->name;
	if (t->hooked != NULL)
		t->hooks->changed(t, t->hooked);
	if (!changed)
		return;
	if (alive)
		relay_alive_renew(t);
	fifo_pool_set_max(&t->fifos, conf->memory_bytes);
	for (struct link *l = t->links; l != NULL; l = l->next)
		link_change(l);
	if (renew && t->role->renew != NULL)
		t->role->renew(t);
}

void tunnel_end_links(struct tunnel *t)
{
	t->draining = true;
	while (t->links != NULL) {
		struct link *l = t->links;

		link_close(l, RELAY_STOPPED);
		t->role->link_reaped(t, l);
	}
	t->to_reap = NULL;
	reactor_forget(t->reactor, &t->reaper);
}

void tunnel_free(struct tunnel *t)
{
	if (t == NULL)
		return;
	opening_dispose(t);
	tunnel_end_links(t);
	if (t->state != NULL)
		t->role->stop(t);
	tunnel_replaced(t);
	relay_alive_stop(t);
	walk_tunnel_leaves(t);
	hosts_dispose(&t->hosts);
	fifo_pool_dispose(&t->fifos);
	seal_free(t->seal);
	qpp_free(t->qpp);
	conf_tunnel_free(t->conf);
	free(t);
}

bool tunnel_trim(struct tunnel *t)
{
	bool again = false;

	for (struct link *l = t->links; l != NULL; l = l->next)
		again |= session_trim(l->session);
	fifo_pool_trim(&t->fifos);
	hosts_trim(&t->hosts, t->reactor->now_us);
	return again || t->fifos.small.free_count + t->fifos.large.free_count > 0;
}

/* ---- links ----------------------------------------------------------------------- */

enum { SESSION_BYTES_MAX = 1 << 30 };

/* What a session may hold unread, and a stream of it: with auto, parts of what the tunnel may hold. */
static uint32_t session_bytes(const struct tunnel *t)
{
	size_t half = t->fifos.bytes_max / 2;

	if (t->conf->smuxbuf_bytes != CONF_AUTO)
		return t->conf->smuxbuf_bytes;
	return half < SESSION_BYTES_MAX ? (uint32_t)half : SESSION_BYTES_MAX;
}

static uint32_t stream_bytes(const struct tunnel *t)
{
	uint32_t most = session_bytes(t), bytes = t->conf->streambuf_bytes;

	return bytes == CONF_AUTO ? most / 4 : bytes < most ? bytes : most;
}

static size_t datagram_bytes(const struct tunnel *t, const struct udp_path *path)
{
	return t->conf->mtu_bytes != CONF_AUTO ? t->conf->mtu_bytes
					       : PACKET_MTU_MAX - udp_path_overhead(path);
}

void tunnel_session_config(struct tunnel *t, struct session_config *cfg,
			   const struct udp_path *path, uint32_t conv)
{
	const struct conf_tunnel *c = t->conf;
	size_t overhead = c->crypt->head + c->crypt->tail;

	*cfg = (struct session_config){
		.client = c->role == ROLE_CLIENT,
		.conv = conv,
		.packet_bytes_max = datagram_bytes(t, path) - overhead,
		.finds_mtu = true,
		.seal_overhead = overhead,
		.snd_wnd = c->sndwnd_segs,
		.rcv_wnd = c->rcvwnd_segs,
		.nodelay = c->nodelay,
		.interval_ms = c->interval_ms,
		.resend = c->resend,
		.congestion = c->congestion,
		.ack_nodelay = c->acknodelay,
		.rate_limit = c->ratelimit_bytes,
		.copies = c->copies,
		.data_shards = c->datashard,
		.parity_shards = c->parityshard,
		.compression = c->compression, /* and a client's role says more */
		.smux_version = c->smuxver == CONF_AUTO ? 0 : (int)c->smuxver,
		.framesize = c->framesize_bytes,
		.smuxbuf = session_bytes(t),
		.streambuf = stream_bytes(t),
		.stream_send_bytes_max = STREAM_SEND_MAX,
		.streams_max = c->maxstreams,
		.keepalive_us = c->keepalive_s * 1000000ull,
		.timeout_us = c->sessiontimeout_s * 1000000ull,
		.qpp = t->qpp,
		.pool = &t->fifos,
		.scratch = &t->reactor->scratch,
	};
}

bool tunnel_may_log(struct tunnel *t)
{
	if (t->conf->quiet || !log_enabled(LOG_LEVEL_INFO))
		return false;
	if (log_quota_allow(&t->tales, t->reactor->now_us, TALES_PER_MINUTE))
		return true;
	if (t->tales.held == 1)
		log_info(t->name, "so much comes and goes that the rest of this minute is not told");
	return false;
}

void tunnel_udp_options(const struct tunnel *t, struct udp_options *opt)
{
	*opt = (struct udp_options){
		.sockbuf = t->conf->sockbuf_bytes,
		.dscp = t->conf->dscp,
		.features = ~0u,
		.source = t->conf->bind,
		.device = t->conf->interface,
		.mark = t->conf->fwmark,
	};
}

void tunnel_check_sockbuf(struct tunnel *t, const struct udp *u)
{
	unsigned want = t->conf->sockbuf_bytes;

	if (t->sockbuf_told || want == 0)
		return;
	if (u->rcvbuf < want || u->sndbuf < want) {
		t->sockbuf_told = true;
		log_warn(t->name,
			 "sockbuf = %u: the kernel gives only %u to receive and %u to send; "
			 "set sysctl net.core.rmem_max and net.core.wmem_max to %u",
			 want, u->rcvbuf, u->sndbuf, want);
	}
}

void tunnel_add_port(struct tunnel *t, struct port *p)
{
	p->next = t->ports;
	if (p->next != NULL)
		p->next->prev = p;
	t->ports = p;
}

static void count_port(const struct port *p, struct counters *c)
{
	c->in_errs += p->udp.stats.recv_errs;
	c->out_errs += p->udp.stats.send_errs;
}

void tunnel_remove_port(struct tunnel *t, struct port *p)
{
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		t->ports = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
	count_port(p, &t->past);
	t->past_udp.in_bytes += p->udp.stats.in_bytes;
	t->past_udp.out_bytes += p->udp.stats.out_bytes;
}

void tunnel_add_link(struct tunnel *t, struct link *l)
{
	l->serial = ++t->link_serial;
	l->next = t->links;
	if (l->next != NULL)
		l->next->prev = l;
	t->links = l;
	if (++t->link_count > t->link_peak)
		t->link_peak = t->link_count;
}

void tunnel_remove_link(struct tunnel *t, struct link *l)
{
	struct counters c;

	session_counters(l->session, &c);
	walk_link_leaves(t, l, &c);
	if (l->prev != NULL)
		l->prev->next = l->next;
	else
		t->links = l->next;
	if (l->next != NULL)
		l->next->prev = l->prev;
	t->link_count--;
	t->heard_count -= l->heard;
	counters_retire(&t->past, &c);
	reactor_busy(t->reactor); /* its memory, and the status that counts it */
}

void tunnel_link_ended(struct tunnel *t, struct link *l)
{
	if (l->end != SESSION_ALIVE)
		t->past.sessions_dead++;
	if (t->role->mends == NULL || !t->role->mends(t, l))
		diagnosis_link_end(l);
	t->role->link_ended(t, l);
}

void tunnel_reap(struct tunnel *t, struct link *l)
{
	if (l->reaped)
		return;
	l->reaped = true;
	l->reap_next = t->to_reap;
	t->to_reap = l;
	reactor_touch(t->reactor, &t->reaper);
}

static void reap(struct task *task)
{
	struct tunnel *t = container_of(task, struct tunnel, reaper);

	while (t->to_reap != NULL) {
		struct link *l = t->to_reap;

		t->to_reap = l->reap_next;
		t->role->link_reaped(t, l);
	}
}

static uint64_t less(uint64_t value, uint64_t base)
{
	return value > base ? value - base : 0;
}

void tunnel_settle_counters(const struct tunnel *t, struct counters *sum)
{
	for (const struct port *p = t->ports; p != NULL; p = p->next)
		count_port(p, sum);
	sum->max_conn = t->link_peak;
#define X(field, name, kind, help) sum->field = less(sum->field, t->baseline.field);
	KT_COUNTERS(X)
#undef X
}

void tunnel_reset_counters(struct tunnel *t, const struct counters *sum)
{
	struct counters base = { 0 };

	t->link_peak = t->link_count;
	t->counted_us = t->reactor->now_us;
	t->baseline = base; /* or it would be taken off */
	base = *sum;
	tunnel_settle_counters(t, &base);
	counters_retire(&t->baseline, &base); /* gauges and peaks tell of the present */
}

void tunnel_flow(const struct tunnel *t, struct flow_sample *out)
{
	*out = (struct flow_sample){
		.at_us = t->reactor->now_us,
		.payload_in = t->past.payload_in_bytes,
		.payload_out = t->past.payload_out_bytes,
		.wire_in = t->past_udp.in_bytes,
		.wire_out = t->past_udp.out_bytes,
	};
	for (const struct port *p = t->ports; p != NULL; p = p->next) {
		out->wire_in += p->udp.stats.in_bytes;
		out->wire_out += p->udp.stats.out_bytes;
	}
}

void tunnel_counters(const struct tunnel *t, struct counters *out)
{
	*out = t->past;
	for (const struct link *l = t->links; l != NULL; l = l->next) {
		struct counters c;

		session_counters(l->session, &c);
		counters_add(out, &c);
	}
	tunnel_settle_counters(t, out);
}

void tunnel_totals(const struct tunnel *t, struct counters *out)
{
	tunnel_counters(t, out);
	counters_add(out, &t->baseline); /* which has no gauges and no peaks */
}
