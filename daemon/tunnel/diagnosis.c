/* diagnosis.c - what is wrong with a peer, in words, once per peer and minute. */
#include "diagnosis.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "relay.h"
#include "tunnel.h"

#define MINUTE_US (60 * 1000000ull)
/* An answer takes a round trip; a firewall takes for ever. */
#define SILENCE_US (5 * 1000000ull)
/* So long nobody waits for a segment that is merely lost. */
#define HOLE_US (3 * 1000000ull)
#define HOLE_LOOK_US 1000000ull

/* The tunnel's own bound, so that a thousand wrong peers do not fill a disk. */
static bool line_allowed(struct tunnel *t)
{
	return log_quota_allow(&t->diagnosis.lines, t->reactor->now_us, DIAGNOSIS_LINES_PER_MINUTE);
}

static void remember(struct tunnel *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void remember(struct tunnel *t, const char *fmt, ...)
{
	struct diagnosis_said *said = &t->diagnosis.said;
	va_list args;

	va_start(args, fmt);
	vsnprintf(said->text, sizeof(said->text), fmt, args);
	va_end(args);
	said->us = t->reactor->now_us;
	said->of_targets = false;
}

/* A client's peer is its server; a server's may be anybody. */
static bool is_ours(const struct tunnel *t)
{
	return t->conf->role == ROLE_CLIENT;
}

/* The entry of a peer, found or made. */
static struct diagnosis_peer *peer_entry(struct tunnel *t, const struct udp_path *path)
{
	static const struct udp_path only_peer; /* a client has one */
	struct diagnosis *d = &t->diagnosis;
	struct diagnosis_peer *oldest = &d->peers[0];

	if (path == NULL)
		path = &only_peer;
	for (unsigned i = 0; i < d->peer_count; i++) {
		struct diagnosis_peer *e = &d->peers[i];

		if (udp_path_same_peer(&e->path, path)) {
			if (t->reactor->now_us - e->seen_us > MINUTE_US)
				e->bad = 0; /* what the network spoils now and then */
			return e;
		}
		if (e->seen_us < oldest->seen_us)
			oldest = e;
	}
	if (d->peer_count < DIAGNOSIS_PEERS)
		oldest = &d->peers[d->peer_count++];
	*oldest = (struct diagnosis_peer){ .path = *path };
	return oldest;
}

/* May this peer be spoken of now? */
static bool peer_allowed(struct tunnel *t, struct diagnosis_peer *e)
{
	return log_allow(&e->limit, t->reactor->now_us, MINUTE_US) && line_allowed(t);
}

void diagnosis_bad_packet(struct tunnel *t, const struct udp_path *path, const char *peer)
{
	struct diagnosis_peer *e = peer_entry(t, path);
	char text[UDP_ADDR_TEXT];

	e->seen_us = t->reactor->now_us;
	if (++e->bad < DIAGNOSIS_BAD_MIN || !peer_allowed(t, e))
		return;
	if (path != NULL)
		peer = udp_path_text(path, text);
	log_warn(t->name,
		 "%s: none of %llu datagrams passes the checksum: "
		 "key or crypt differs from ours (crypt = %s)",
		 peer, (unsigned long long)e->bad, t->conf->crypt->name);
	if (is_ours(t))
		remember(t, "none of %llu datagrams passes the checksum: key or crypt differs",
			 (unsigned long long)e->bad);
}

void diagnosis_silence(struct link *l)
{
	struct tunnel *t = l->tunnel;
	uint64_t now_us = t->reactor->now_us;
	struct counters c;
	int refused = l->port->udp.stats.last_errno;

	if (l->heard || t->conf->role != ROLE_CLIENT || now_us < l->opened_us + SILENCE_US)
		return;
	if (!log_allow(&t->diagnosis.silence, now_us, MINUTE_US))
		return;
	session_counters(l->session, &c);
	log_warn(t->name,
		 "sent %llu, received 0 from %s: %s%sfirewall, wrong port, or wrong key, "
		 "which a server drops silently",
		 (unsigned long long)c.out_pkts, l->peer, refused != 0 ? strerror(refused) : "",
		 refused != 0 ? "; " : "");
	remember(t, "%s%sfirewall, wrong port, or wrong key", refused != 0 ? strerror(refused) : "",
		 refused != 0 ? "; " : "");
}

/* A kcptun's length is its own, and what it is to be we know; "" where that is no explanation. */
static const char *too_long_text(const struct link *l, char *text, size_t cap)
{
	struct session_info info;

	session_get_info(l->session, &info);
	text[0] = '\0';
	if (info.mtu_narrow && !info.mtu_sought && !info.peer_is_ours &&
	    info.in_longest_bytes <= info.mtu_bytes)
		snprintf(text, cap, "large datagrams of the peer do not arrive: lower its mtu to %zu",
			 info.mtu_bytes);
	return text;
}

void diagnosis_hole(struct link *l)
{
	struct tunnel *t = l->tunnel;
	uint64_t now_us = t->reactor->now_us;
	struct session_info info;
	char text[96];

	if (now_us - l->hole_looked_us < HOLE_LOOK_US)
		return;
	l->hole_looked_us = now_us;
	session_get_info(l->session, &info);
	if (info.kcp.rcv_ring_segs == 0 || info.kcp.rcv_nxt != l->hole_sn) {
		l->hole_sn = info.kcp.rcv_nxt;
		l->hole_us = now_us;
	}
	if (now_us - l->hole_us < HOLE_US || too_long_text(l, text, sizeof(text))[0] == '\0' ||
	    !peer_allowed(t, peer_entry(t, t->conf->role == ROLE_CLIENT ? NULL : &l->path)))
		return;
	log_warn(t->name, "%s: %s", l->peer, text);
	if (is_ours(t))
		remember(t, "%s", text);
}

/* What a mismatch is called, and the key to set; false for ends that are none. */
static bool mismatch_text(const struct link *l, char *text, size_t cap)
{
	const struct conf_tunnel *c = l->tunnel->conf;
	enum codec_kind theirs = session_peer_codec(l->session);

	switch (l->end) {
	case SESSION_OTHER_CODEC:
		if (!codec_built_in(theirs)) {
			snprintf(text, cap,
				 "it sends compression %s, which this kcptund was built without: it needs nocomp",
				 codec_name(theirs));
			return true;
		}
		snprintf(text, cap, "it sends compression %s, ours is %s: set compression = %s",
			 codec_name(theirs), codec_name(l->way.compression), codec_name(theirs));
		return true;
	case SESSION_OTHER_VERSION:
		snprintf(text, cap, "it speaks smux %d, ours is %d: set smuxver = %d",
			 session_peer_version(l->session), l->way.smux_version,
			 session_peer_version(l->session));
		return true;
	case SESSION_TIMEOUT:
		if (too_long_text(l, text, cap)[0] != '\0')
			return true;
		if (c->role != ROLE_CLIENT || !l->heard || theirs != CODEC_UNKNOWN)
			return false;
		snprintf(text, cap,
			 "it takes our packets but never speaks: its compression or "
			 "smuxver differs from ours (compression = %s, smuxver = %d)",
			 codec_name(l->way.compression), l->way.smux_version);
		return true;
	case SESSION_FOREIGN:
	case SESSION_BROKEN_CODEC:
	case SESSION_BROKEN_SMUX:
		snprintf(text, cap,
			 "%s: compression or smuxver differs from ours, or it is another "
			 "program",
			 session_end_text(l->end));
		return true;
	default:
		return false;
	}
}

void diagnosis_link_end(struct link *l)
{
	struct tunnel *t = l->tunnel;
	const struct udp_path *path = t->conf->role == ROLE_CLIENT ? NULL : &l->path;
	char text[192], name[LINK_NAME_BYTES];

	if (l->end == SESSION_ALIVE)
		return;
	if (mismatch_text(l, text, sizeof(text))) {
		if (peer_allowed(t, peer_entry(t, path)))
			log_warn(t->name, "%s: %s", l->peer, text);
		if (is_ours(t))
			remember(t, "%s", text);
		return;
	}
	if (line_allowed(t))
		log_info(t->name, "%s ended: %s", link_name(l, name), session_end_text(l->end));
}

void diagnosis_stream(struct link *l, uint64_t sent, uint64_t received, bool far_first)
{
	struct tunnel *t = l->tunnel;
	struct diagnosis *d = &t->diagnosis;
	bool client = t->conf->role == ROLE_CLIENT;
	/* Asked, and hung up on: by the far end, or on a server by the target. */
	bool barren = client ? far_first && sent > 0 && received == 0
			     : !far_first && received > 0 && sent == 0;

	if (!barren) {
		if (sent > 0 && received > 0)
			d->barren_count = 0;
		return;
	}
	if (++d->barren_count >= DIAGNOSIS_BARREN_MIN)
		remember(t, "the last %u streams ended without a byte in answer", d->barren_count);
	if (d->barren_count < DIAGNOSIS_BARREN_MIN ||
	    !log_allow(&d->barren, t->reactor->now_us, MINUTE_US) || !line_allowed(t))
		return;
	log_warn(t->name,
		 "the last %u streams %s %s ended without a byte in answer: "
		 "qpp or qpp-count differs, or the target refuses them",
		 d->barren_count, client ? "to" : "of", l->peer);
}

void diagnosis_given_up(const struct relay *relay, size_t held)
{
	struct tunnel *t = relay_tunnel(relay);
	char name[RELAY_NAME_BYTES];

	if (line_allowed(t))
		log_warn(t->name,
			 "%s was reset: it held %zu bytes that were not taken "
			 "while others found no room; memory = %llu, of which %zu are held",
			 relay_name(relay, name), held, (unsigned long long)t->conf->memory_bytes,
			 fifo_pool_held(&t->fifos));
}

void diagnosis_no_session(struct tunnel *t, const char *why)
{
	remember(t, "no session to %s: %s", t->conf->remoteaddr.text, why);
}

static const char *target_text(const struct tunnel *t, unsigned i)
{
	return t->conf->target.list[i].text;
}

void diagnosis_target(const struct relay *relay, unsigned i, const char *error, bool others)
{
	struct tunnel *t = relay_tunnel(relay);
	struct diagnosis *d = &t->diagnosis;
	char name[RELAY_NAME_BYTES];

	if (!log_allow(&d->targets[i], t->reactor->now_us, MINUTE_US) || !line_allowed(t))
		return;
	d->target_told[i] = true;
	log_warn(t->name, "%s: cannot connect to target %s: %s%s", relay_name(relay, name),
		 target_text(t, i), error, others ? "; another one is tried" : "");
}

void diagnosis_no_target(struct tunnel *t)
{
	const struct targets *s = &t->targets;
	char text[DIAGNOSIS_TEXT_BYTES] = "";
	size_t n = 0;

	for (unsigned i = 0; i < s->count && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s: %s", i > 0 ? "; " : "",
				      target_text(t, i), s->each[i].why);
	remember(t, "cannot connect to target %s", text);
	t->diagnosis.said.of_targets = s->count > 1;
}

/* So that it is seen which one has what the first should have. */
static void remember_substitute(struct tunnel *t, unsigned i)
{
	remember(t, "target %s does not answer: %s; %s serves", target_text(t, 0),
		 t->targets.each[0].why, target_text(t, i));
	t->diagnosis.said.of_targets = true;
}

void diagnosis_target_serves(struct tunnel *t, unsigned i, bool again)
{
	struct diagnosis *d = &t->diagnosis;

	if (again && d->target_told[i]) {
		d->target_told[i] = false;
		if (line_allowed(t))
			log_info(t->name, "target %s answers again", target_text(t, i));
	}
	if (i > 0 && t->targets.each[0].failed)
		remember_substitute(t, i);
	else if (d->said.of_targets)
		d->said.text[0] = '\0';
}

void diagnosis_targets_changed(struct tunnel *t)
{
	struct diagnosis *d = &t->diagnosis;

	memset(d->targets, 0, sizeof(d->targets));
	memset(d->target_told, 0, sizeof(d->target_told));
	if (d->said.of_targets)
		d->said.text[0] = '\0';
}

void diagnosis_replay(struct tunnel *t, const struct udp_path *path)
{
	struct log_limit *limit = &t->diagnosis.replay;
	char text[UDP_ADDR_TEXT];

	if (log_allow(limit, t->reactor->now_us, MINUTE_US) && line_allowed(t))
		log_warn(t->name,
			 "%s: a datagram came a second time that would have opened a session again: "
			 "somebody repeats what was recorded, and is ignored (%llu more until now)",
			 udp_path_text(path, text), (unsigned long long)limit->muted);
}
