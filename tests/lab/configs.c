/* configs.c - named configurations of a tunnel, as the daemon would make them. */
#include "configs.h"

#include <assert.h>
#include <string.h>

#include "link.h"
#include "seal.h"

/* clang-format off */
const struct config configs[] = {
	{ .name = "default", .what = "kcptun's defaults, compression apart",
	  .mode = "fast", .data_shards = 10, .parity_shards = 3, .conn = 1 },
	{ .name = "model", .what = "the model, automatic windows, parity when it pays",
	  .mode = "auto", .wnd = SESSION_AUTO, .conn = 1, .streambuf = 64 << 20, .smuxbuf = 128 << 20,
	  .model = true, .data_shards = SESSION_AUTO, .parity_shards = SESSION_AUTO },
	{ .name = "model-bare", .what = "the model, automatic windows, no FEC",
	  .mode = "auto", .wnd = SESSION_AUTO, .conn = 1, .streambuf = 64 << 20, .smuxbuf = 128 << 20,
	  .model = true },
	{ .name = "shared", .what = "as model, eight sessions on one path",
	  .mode = "auto", .wnd = SESSION_AUTO, .conn = 8, .streambuf = 64 << 20, .smuxbuf = 128 << 20,
	  .model = true, .shared = true },
	{ .name = "foreign-sender", .what = "the model, from a server with kcptun's defaults",
	  .mode = "auto", .wnd = SESSION_AUTO, .conn = 1, .streambuf = 64 << 20, .smuxbuf = 128 << 20,
	  .model = true, .server = "default" },
	{ .name = "fast3-1024", .what = "fast3, windows of 1024, no FEC",
	  .mode = "fast3", .wnd = 1024, .conn = 1 },
	{ .name = "fast3-4096", .what = "fast3, windows of 4096, no FEC",
	  .mode = "fast3", .wnd = 4096, .conn = 1 },
	{ .name = "fast3-16384", .what = "fast3, windows of 16384, no FEC, buffers as large",
	  .mode = "fast3", .wnd = 16384, .conn = 1, .streambuf = 64 << 20, .smuxbuf = 64 << 20 },
	{ .name = "fast3-1024-fec", .what = "fast3, windows of 1024, FEC 10 + 3",
	  .mode = "fast3", .wnd = 1024, .data_shards = 10, .parity_shards = 3, .conn = 1 },
	{ .name = "fast3-4096-fec", .what = "fast3, windows of 4096, FEC 10 + 3",
	  .mode = "fast3", .wnd = 4096, .data_shards = 10, .parity_shards = 3, .conn = 1 },
};
/* clang-format on */
const size_t config_count = sizeof(configs) / sizeof(configs[0]);

const struct config *config_find(const char *name)
{
	for (size_t i = 0; i < config_count; i++)
		if (strcmp(configs[i].name, name) == 0)
			return &configs[i];
	return NULL;
}

/* The daemon's profiles. */
static const struct mode {
	const char *name;
	uint32_t nodelay, interval_ms, resend;
} modes[] = {
	{ "auto", 3, 10, 2 },  { "normal", 0, 40, 2 }, { "fast", 0, 30, 2 },
	{ "fast2", 1, 20, 2 }, { "fast3", 1, 10, 2 },
};

static const struct mode *mode_find(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, name) == 0)
			return &modes[i];
	return NULL;
}

void config_session(const struct config *c, const char *crypt, bool client, uint32_t conv,
		    struct session_config *out)
{
	const struct mode *mode;
	const struct seal_method *m = seal_method_find(crypt);

	if (!client && c->server != NULL)
		c = config_find(c->server);
	mode = mode_find(c->mode);
	assert(mode != NULL && m != NULL);
	*out = (struct session_config){
		.client = client,
		.conv = conv,
		.packet_bytes_max = (c->model ? 1500 - LINK_HEADERS : 1350) - m->head - m->tail,
		.finds_mtu = c->model,
		.seal_overhead = m->head + m->tail,
		.snd_wnd = c->wnd != 0 ? c->wnd
			   : client    ? 128
				       : 1024,
		.rcv_wnd = c->wnd != 0 ? c->wnd
			   : client    ? 512
				       : 1024,
		.nodelay = mode->nodelay,
		.interval_ms = mode->interval_ms,
		.resend = mode->resend,
		.congestion = c->model ? SESSION_MODEL : SESSION_NONE,
		.copies = c->model ? SESSION_AUTO : 0,
		.data_shards = c->data_shards,
		.parity_shards = c->parity_shards,
		.compression = CODEC_NONE, /* the loads do not compress */
		.smux_version = 2,
		.framesize = 8192,
		.smuxbuf = c->smuxbuf != 0 ? c->smuxbuf : 4 << 20,
		.streambuf = c->streambuf != 0 ? c->streambuf : 2 << 20,
		.stream_send_bytes_max = 128 << 10,
		.streams_max = 4096,
		.keepalive_us = 10 * 1000000,
	};
}
