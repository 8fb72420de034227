/* session_impl.h - what a session is made of (private to session*.c). */
#ifndef KT_SESSION_IMPL_H
#define KT_SESSION_IMPL_H

#include "fec_pair.h"
#include "session.h"

struct session_stream {
	struct session *session;
	struct session_stream *prev, *next; /* all of the session's */
	struct smux_stream *smux;
	void *user;
	struct span reserved;
	size_t plain; /* unread bytes, from the front, that QPP has decrypted */
	struct qpp_stream tx, rx;
};

struct session {
	struct session_config cfg;
	struct kcp *kcp;
	struct fec_pair fec;
	struct codec_enc *enc;   /* NULL: not known yet (server), or CODEC_NONE */
	struct codec_dec *dec;   /* NULL: not known yet, or CODEC_NONE */
	struct smux *smux;       /* NULL on a server until the client was heard */
	struct session_stream *streams;

	enum codec_kind codec_in, codec_out;
	int peer_version;
	enum session_end end;
	uint64_t born_us;
	uint64_t trim_pkts;   /* packets in and out at the last session_trim() */
	unsigned trims;       /* done since it became idle */

	uint8_t *held; /* plain bytes that smux could not take, or NULL */
	size_t held_off, held_len;

	uint8_t first[CODEC_DETECT_BYTES]; /* the stream's first bytes, until they tell the codec */
	size_t first_len;

	/* of session_flush(), valid while it runs */
	struct batch *out;
	size_t out_start; /* its packets from here on are ours */
	const void *out_path;
	uint64_t flush_us;

	/* counted here; the rest comes from the modules when asked for */
	uint64_t bytes_sent, bytes_received;
	uint64_t in_pkts, in_bytes, out_pkts, out_bytes;
	uint64_t kcp_in_errors, fec_errors, oob_packets;
};

#endif
