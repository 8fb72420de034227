/* session_given.h - what a session needs around it, without a path, and a configuration whose numbers are all given. */
#ifndef SESSION_GIVEN_H
#define SESSION_GIVEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "err.h"
#include "session.h"

struct bed { /* what a session needs around it */
	struct fifo_pool fifos;
	struct session_scratch scratch;
	struct packet_pool packets;
	struct batch out;
};

static inline void bed_init(struct bed *b)
{
	fifo_pool_init(&b->fifos, SIZE_MAX);
	session_scratch_init(&b->scratch);
	packet_pool_init(&b->packets);
	batch_init(&b->out, &b->packets);
}

static inline void bed_dispose(struct bed *b)
{
	batch_clear(&b->out);
	packet_pool_dispose(&b->packets);
	session_scratch_dispose(&b->scratch);
	fifo_pool_dispose(&b->fifos);
}

static inline struct session_config config(struct bed *b, bool client)
{
	return (struct session_config){
		.client = client,
		.conv = 77,
		.packet_bytes_max = 1330,
		.seal_overhead = 20,
		.snd_wnd = 128,
		.rcv_wnd = 512,
		.nodelay = 1,
		.interval_ms = 10,
		.resend = 2,
		.congestion = SESSION_NONE,
		.ack_nodelay = true,
		.data_shards = 10,
		.parity_shards = 3,
		.compression = codec_built_in(CODEC_SNAPPY) ? CODEC_SNAPPY : CODEC_NONE,
		.smux_version = 2,
		.framesize = 8192,
		.smuxbuf = 4 << 20,
		.streambuf = 2 << 20,
		.stream_send_bytes_max = 128 << 10,
		.streams_max = 16,
		.keepalive_us = 10000000,
		.pool = &b->fifos,
		.scratch = &b->scratch,
	};
}

#endif
