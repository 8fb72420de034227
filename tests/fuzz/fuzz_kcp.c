/* fuzz_kcp.c - a kcp driven by hostile datagrams and by calls in any order, every invariant checked. */
#include "kcp.h"
#include "kcp_model.h"
#include "kcp_reno.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of the input, read byte by byte; zeroes when it is used up. */
struct tape {
	const uint8_t *p;
	size_t n;
};

static const struct kcp_cc *const controllers[] = { &kcp_cc_model, &kcp_cc_reno, &kcp_cc_none };

static uint8_t take(struct tape *t)
{
	if (t->n == 0)
		return 0;
	t->n--;
	return *t->p++;
}

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

static struct kcp *open_kcp(struct tape *t, struct world *w)
{
	uint8_t bits = take(t);
	struct kcp_config cfg = {
		.conv = 1,
		.mtu = KCP_MTU_MIN + take(t) * 5u,
		.snd_wnd = 1 + take(t),
		.rcv_wnd = 1 + take(t),
		.nodelay = (bits & 3u) % 3,
		.interval_ms = 1 + (bits >> 2 & 31),
		.resend = take(t) & 3,
		.stream = bits >> 7,
		.ack_nodelay = bits >> 6 & 1,
		.rate_limit = take(t) * UINT64_C(1000),
		.cc = controllers[take(t) % 3],
		.reserve = fuzz_reserve,
		.output = fuzz_output,
		.user = w,
	};

	return kcp_new(&cfg, w->now_us);
}

/* A segment near the numbers that matter, so that most are taken in. */
static void input(struct tape *t, struct world *w)
{
	struct kcp_seg_header h = { .conv = 1 };
	struct kcp_info info;
	uint8_t dgram[300] = { 0 };
	uint8_t kind = take(t);

	kcp_get_info(w->kcp, &info);
	h.cmd = (uint8_t)(KCP_CMD_PUSH + (kind & 3));
	h.frg = take(t) & (kind & 4 ? 255 : 0);
	h.wnd = take(t);
	h.ts = (uint32_t)(w->now_us / 1000) - take(t);
	h.sn = (h.cmd == KCP_CMD_ACK ? info.snd_una : info.rcv_nxt) + (uint32_t)(int8_t)take(t);
	h.una = info.snd_una + (uint32_t)(kind & 8 ? (int8_t)take(t) : 0);
	h.len = h.cmd == KCP_CMD_PUSH ? take(t) : 0;
	kcp_header_encode(dgram, &h);
	kcp_input(w->kcp, w->now_us, dgram, KCP_OVERHEAD + h.len - (kind & 128 ? 1 : 0),
		  kind & 64 ? KCP_INPUT_RECOVERED : 0);
}

static void raw_input(struct tape *t, struct world *w)
{
	size_t n = take(t);
	uint8_t *copy;

	n = n < t->n ? n : t->n;
	copy = malloc(n + 1); /* exact size, so that an overrun shows */
	if (copy == NULL)
		return;
	memcpy(copy, t->p, n);
	kcp_input(w->kcp, w->now_us, copy, n, 0);
	free(copy);
	t->p += n;
	t->n -= n;
}

static void consume(struct tape *t, struct world *w)
{
	static uint8_t out[256 * 1500];
	const uint8_t *p;
	size_t n = kcp_peek(w->kcp, &p);

	if (take(t) & 1) {
		int size = kcp_peek_size(w->kcp), got = kcp_recv(w->kcp, out, sizeof(out));

		if (got != size && got != KCP_ELIMIT)
			abort();
	} else if (n > 0) {
		kcp_consume(w->kcp, 1 + take(t) % n);
	}
}

static void send_some(struct tape *t, struct world *w)
{
	static const uint8_t zeroes[8192];

	kcp_send(w->kcp, zeroes, take(t) * 32u);
}

static void change(struct tape *t, struct world *w)
{
	switch (take(t) % 5) {
	case 0:
		kcp_set_window(w->kcp, take(t), take(t));
		break;
	case 1:
		kcp_set_nodelay(w->kcp, take(t) & 3, take(t), take(t));
		break;
	case 2:
		kcp_set_rate_limit(w->kcp, take(t) * UINT64_C(100));
		break;
	case 3:
		kcp_set_cc(w->kcp, controllers[take(t) % 3], NULL, w->now_us);
		break;
	default:
		kcp_trim(w->kcp);
		break;
	}
}

static void flush(struct tape *t, struct world *w)
{
	uint64_t at = kcp_deadline(w->kcp);
	uint8_t how = take(t);

	w->refuse = how & 1 ? how >> 5 : 0;
	if (how & 2 && at != KCP_NEVER && at > w->now_us)
		w->now_us = at;
	kcp_flush(w->kcp, w->now_us);
	w->refuse = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tape t = { data, size };
	struct world w = { .now_us = 1000000 };

	w.kcp = open_kcp(&t, &w);
	if (w.kcp == NULL)
		abort();
	while (t.n > 0) {
		switch (take(&t) & 7) {
		case 0:
			raw_input(&t, &w);
			break;
		case 1:
		case 2:
			input(&t, &w);
			break;
		case 3:
			send_some(&t, &w);
			break;
		case 4:
			consume(&t, &w);
			break;
		case 5:
			change(&t, &w);
			break;
		case 6:
			w.now_us += take(&t) * UINT64_C(1000);
			break;
		default:
			flush(&t, &w);
			break;
		}
		kcp_verify(w.kcp);
	}
	kcp_free(w.kcp);
	return 0;
}
