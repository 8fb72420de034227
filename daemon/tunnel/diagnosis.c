/* diagnosis.c - what is wrong with a peer, in words, once per peer and minute. */
#include "diagnosis.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
	char text[192];

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
		log_info(t->name, "session %08x of %s ended: %s", l->conv, l->peer,
			 session_end_text(l->end));
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

void diagnosis_given_up(struct link *l, const char *local, uint32_t sid, size_t held)
{
	struct tunnel *t = l->tunnel;

	if (line_allowed(t))
		log_warn(t->name,
			 "stream %u between %s and %s was reset: it held %zu bytes that were not taken "
			 "while others found no room; memory = %llu, of which %zu are held",
			 sid, local, l->peer, held, (unsigned long long)t->conf->memory_bytes,
			 fifo_pool_held(&t->fifos));
}

void diagnosis_no_session(struct tunnel *t, const char *why)
{
	remember(t, "no session to %s: %s", t->conf->remoteaddr.text, why);
}

void diagnosis_target(struct tunnel *t, const char *error)
{
	remember(t, "cannot connect to target %s: %s", t->conf->target.text, error);
	if (log_allow(&t->diagnosis.target, t->reactor->now_us, MINUTE_US) && line_allowed(t))
		log_warn(t->name, "cannot connect to target %s: %s", t->conf->target.text, error);
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
