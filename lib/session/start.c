/* start.c - the layers of a session that begin once it is known how the peer speaks. */
#include "session_impl.h"

static void start_qpp(const void *key, void *state)
{
	qpp_stream_init(key, state);
}

static void encrypt_qpp(const void *key, void *state, struct span bytes)
{
	qpp_encrypt(key, state, bytes);
}

static void decrypt_qpp(const void *key, void *state, struct span bytes)
{
	qpp_decrypt(key, state, bytes);
}

static const struct smux_transform transform_qpp = {
	.state_bytes = sizeof(struct qpp_stream),
	.start = start_qpp,
	.out = encrypt_qpp,
	.in = decrypt_qpp,
};

bool session_start_smux(struct session *s, int version, uint64_t now_us)
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
		.timeout_us = s->cfg.timeout_us < SMUX_TIMEOUT_US ? s->cfg.timeout_us : SMUX_TIMEOUT_US,
		.account = &s->account,
		.wake = s->cfg.wake,
		.wake_user = s->cfg.wake_user,
		.transform = s->cfg.qpp != NULL ? &transform_qpp : NULL,
		.transform_key = s->cfg.qpp,
	};

	s->smux = smux_new(&cfg, now_us);
	if (s->smux == NULL)
		return false;
	session_repair_start(s);
	return true;
}

bool session_start_encoder(struct session *s, enum codec_kind kind)
{
	s->codec_out = kind;
	if (kind == CODEC_NONE)
		return true;
	s->enc = codec_enc_new(kind);
	return s->enc != NULL;
}

bool session_start_decoder(struct session *s, enum codec_kind kind)
{
	s->codec_in = kind;
	if (kind == CODEC_NONE)
		return true;
	s->dec = codec_dec_new(kind);
	return s->dec != NULL;
}
