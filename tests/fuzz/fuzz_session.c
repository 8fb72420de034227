/* fuzz_session.c - hostile datagrams into a whole session, and what it answers.
 *
 * Input: the first byte chooses the role, then records of a length byte pair, flags and a
 * datagram's bytes.  The KCP headers' conv is set right, or nothing would get far. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

enum { CONV = 0x01020304, STEP_US = 20000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct fifo_pool fifos;
	struct session_scratch scratch;
	struct packet_pool packets;
	struct batch out;
	struct session *session;
	uint64_t now_us;
};

static void start(struct world *w, uint8_t choice)
{
	struct session_config cfg = {
		.client = choice & 1,
		.conv = CONV,
		.packet_bytes_max = 1330,
		.finds_mtu = choice & 64,
		.seal_overhead = 20,
		.snd_wnd = 32,
		.rcv_wnd = 64,
		.nodelay = 1,
		.interval_ms = 10,
		.resend = 2,
		.congestion = SESSION_NONE,
		.data_shards = choice & 32  ? SESSION_AUTO
			       : choice & 2 ? 3
					    : 0,
		.parity_shards = choice & 32  ? SESSION_AUTO
				 : choice & 2 ? 2
					      : 0,
		.compression = choice & 4   ? CODEC_SNAPPY
			       : choice & 8 ? CODEC_ZSTD
					    : CODEC_NONE,
		.smux_version = choice & 16 ? 1 : 2,
		.framesize = 1000,
		.smuxbuf = 65536,
		.streambuf = 32768,
		.stream_send_bytes_max = 8192,
		.streams_max = 8,
		.keepalive_us = 10000000,
		.pool = &w->fifos,
		.scratch = &w->scratch,
	};

	if (!codec_built_in(cfg.compression))
		cfg.compression = CODEC_NONE;
	fifo_pool_init(&w->fifos, 1 << 20);
	session_scratch_init(&w->scratch);
	packet_pool_init(&w->packets);
	batch_init(&w->out, &w->packets);
	w->now_us = 1000000;
	w->session = session_new(&cfg, w->now_us);
	if (w->session == NULL)
		abort();
}

/* An application that echoes what it reads and leaves when it is told to. */
static void serve(struct world *w)
{
	struct smux_event ev;
	struct span piece, room;

	while (session_next(w->session, &ev)) {
		while (smux_peek(ev.stream, &piece, 1) == 1) {
			room = smux_reserve(ev.stream);
			if (room.n > piece.n)
				room.n = piece.n;
			if (room.n > 0)
				memcpy(room.p, piece.p, room.n);
			smux_commit(ev.stream, room.n);
			smux_consume(ev.stream, piece.n);
		}
		if (smux_eof(ev.stream) || (ev.what & SMUX_RESET))
			smux_release(ev.stream, false);
	}
}

static void turn(struct world *w)
{
	session_process(w->session, w->now_us);
	serve(w);
	while (session_flush(w->session, w->now_us, &w->out, NULL))
		batch_clear(&w->out);
	batch_clear(&w->out);
	if (session_deadline(w->session) <= w->now_us)
		session_tick(w->session, w->now_us);
	session_verify(w->session);
}

static void give(struct world *w, uint8_t flags, const uint8_t *bytes, size_t n)
{
	uint8_t pkt[1500];
	size_t conv_at = flags & 1 ? 8 : 0;

	if (n > sizeof(pkt))
		n = sizeof(pkt);
	memcpy(pkt, bytes, n);
	if (n >= conv_at + 4)
		store_le32(pkt + conv_at, CONV);
	session_input(w->session, w->now_us, (struct view){ pkt, n });
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w;
	size_t at = 1;

	if (size < 1)
		return 0;
	start(&w, data[0]);
	while (at + 3 <= size) {
		size_t n = load_le16(data + at) % 1501;
		uint8_t flags = data[at + 2];

		at += 3;
		if (n > size - at)
			n = size - at;
		give(&w, flags, data + at, n);
		at += n;
		if (flags & 2) {
			w.now_us += STEP_US;
			turn(&w);
		}
	}
	turn(&w);
	session_free(w.session);
	session_scratch_dispose(&w.scratch);
	packet_pool_dispose(&w.packets);
	fifo_pool_dispose(&w.fifos);
	return 0;
}
