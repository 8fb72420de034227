/* fuzz_kcp.c - a kcp driven by hostile datagrams and by calls in any order, every invariant checked. */
#include "input.h"
#include "kcp.h"
#include "kcp_model.h"
#include "kcp_reno.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct kcp_cc *const controllers[] = { &kcp_cc_model, &kcp_cc_reno, &kcp_cc_none };

struct world {
	struct kcp *kcp;
	uint64_t now_us;
	uint8_t buf[1500];
	unsigned refuse; /* reserve() says no this many times */
};

static uint8_t *fuzz_reserve(void *user, size_t cap)
{
	struct world *w = user;

	if (cap > sizeof(w->buf))
		abort();
	if (w->refuse > 0) {
		w->refuse--;
		return NULL;
	}
	return w->buf;
}

static size_t fuzz_output(void *user, uint8_t *buf, size_t len)
{
	struct kcp_seg_header h;
	const size_t all = len;

	(void)user;
	while (len > 0) {
		if (!kcp_header_decode(&h, buf, len))
			abort();
		buf += KCP_OVERHEAD + h.len;
		len -= KCP_OVERHEAD + h.len;
	}
	return all;
}

static struct kcp *open_kcp(struct view *in, struct world *w)
{
	uint8_t bits = input_byte(in);
	struct kcp *k;
	struct kcp_config cfg = {
		.conv = 1,
		.mtu = KCP_MTU_MIN + input_byte(in) * 5u,
		.snd_wnd = 1 + input_byte(in),
		.rcv_wnd = 1 + input_byte(in),
		.nodelay = (bits & 3u) % 3,
		.interval_ms = 1 + (bits >> 2 & 31),
		.resend = input_byte(in) & 3,
		.stream = bits >> 7,
		.ack_nodelay = bits >> 6 & 1,
		.rate_limit = input_byte(in) * UINT64_C(1000),
		.cc = controllers[input_byte(in) % 3],
		.reserve = fuzz_reserve,
		.output = fuzz_output,
		.user = w,
	};

	k = kcp_new(&cfg, w->now_us);
	if (k != NULL)
		kcp_set_maps(k, cfg.mtu % 2 == 0);
	return k;
}

static int32_t near(struct view *in)
{
	return (int8_t)input_byte(in);
}

/* A segment near the numbers that matter, so that most are taken in. */
static void input(struct view *in, struct world *w)
{
	struct kcp_seg_header h = { .conv = 1 };
	struct kcp_info info;
	uint8_t dgram[300] = { 0 };
	uint8_t kind = input_byte(in);

	kcp_get_info(w->kcp, &info);
	h.cmd = (uint8_t)(kind & 32 ? KCP_CMD_MAP : KCP_CMD_PUSH + (kind & 3));
	h.frg = input_byte(in) & (kind & 4 ? 255 : 0);
	h.wnd = input_byte(in);
	h.ts = (uint32_t)(w->now_us / 1000) - input_byte(in);
	h.sn = (h.cmd == KCP_CMD_ACK || h.cmd == KCP_CMD_MAP ? info.snd_una : info.rcv_nxt) +
	       (uint32_t)near(in);
	h.una = info.snd_una + (uint32_t)(kind & 8 ? near(in) : 0);
	h.len = h.cmd == KCP_CMD_PUSH ? input_byte(in) : h.cmd == KCP_CMD_MAP ? kind & 3 : 0;
	kcp_header_encode(dgram, &h);
	for (uint32_t i = 0; h.cmd == KCP_CMD_MAP && i < h.len; i++)
		dgram[KCP_OVERHEAD + i] = input_byte(in);
	kcp_input(w->kcp, w->now_us, dgram, KCP_OVERHEAD + h.len - (kind & 128 ? 1 : 0),
		  kind & 64 ? KCP_INPUT_RECOVERED : 0);
}

static void raw_input(struct view *in, struct world *w)
{
	size_t n = input_byte(in);
	uint8_t *copy;

	n = n < in->n ? n : in->n;
	copy = malloc(n + 1); /* exact size, so that an overrun shows */
	if (copy == NULL)
		return;
	memcpy(copy, in->p, n);
	kcp_input(w->kcp, w->now_us, copy, n, 0);
	free(copy);
	in->p += n;
	in->n -= n;
}

static void consume(struct view *in, struct world *w)
{
	static uint8_t out[256 * 1500];
	const uint8_t *p;
	size_t n = kcp_peek(w->kcp, &p);

	if (input_byte(in) & 1) {
		int size = kcp_peek_size(w->kcp), got = kcp_recv(w->kcp, out, sizeof(out));

		if (got != size && got != KCP_ELIMIT)
			abort();
	} else if (n > 0) {
		kcp_consume(w->kcp, 1 + input_byte(in) % n);
	}
}

static void send_some(struct view *in, struct world *w)
{
	static const uint8_t zeroes[8192];

	kcp_send(w->kcp, zeroes, input_byte(in) * 32u);
}

static void change(struct view *in, struct world *w)
{
	switch (input_byte(in) % 5) {
	case 0:
		kcp_set_window(w->kcp, input_byte(in), input_byte(in));
		break;
	case 1:
		kcp_set_nodelay(w->kcp, input_byte(in) & 3, input_byte(in), input_byte(in));
		break;
	case 2:
		kcp_set_rate_limit(w->kcp, input_byte(in) * UINT64_C(100));
		break;
	case 3:
		kcp_set_cc(w->kcp, controllers[input_byte(in) % 3], NULL, w->now_us);
		break;
	default:
		kcp_trim(w->kcp);
		break;
	}
}

static void flush(struct view *in, struct world *w)
{
	uint64_t at = kcp_deadline(w->kcp);
	uint8_t how = input_byte(in);

	w->refuse = how & 1 ? how >> 5 : 0;
	if (how & 2 && at != KCP_NEVER && at > w->now_us)
		w->now_us = at;
	kcp_flush(w->kcp, w->now_us);
	w->refuse = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = { data, size };
	struct world w = { .now_us = 1000000 };

	w.kcp = open_kcp(&in, &w);
	if (w.kcp == NULL)
		abort();
	while (in.n > 0) {
		switch (input_byte(&in) & 7) {
		case 0:
			raw_input(&in, &w);
			break;
		case 1:
		case 2:
			input(&in, &w);
			break;
		case 3:
			send_some(&in, &w);
			break;
		case 4:
			consume(&in, &w);
			break;
		case 5:
			change(&in, &w);
			break;
		case 6:
			w.now_us += input_byte(&in) * UINT64_C(1000);
			break;
		default:
			flush(&in, &w);
			break;
		}
		kcp_verify(w.kcp);
	}
	kcp_free(w.kcp);
	return 0;
}
