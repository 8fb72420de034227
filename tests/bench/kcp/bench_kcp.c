/* bench_kcp.c - CPU per packet of the ARQ: large windows against small ones, and a plain flow. */
#include "kcp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	CAP = 1408,
	BATCH = 128, /* datagrams that a caller moves at once; these stay in the cache */
	ROUNDS = 25,
	RTT_US = 100000,
	PER_STEP = 32, /* packets that come and go at once: the same for all windows */
};

struct datagram {
	uint16_t len;
	uint8_t data[CAP];
};

/* Datagrams on their way, in order.  A real network keeps them out of our
 * memory, so they are moved from and to small batches outside of the timing,
 * and the delay is all on the way of the acknowledgements, which are small. */
struct wire {
	struct datagram out[BATCH], in[BATCH];
	size_t out_count, in_count;
	uint8_t *data;
	uint16_t *len;
	uint64_t *at;
	size_t stride, cap, head, count;
	uint64_t delay_us;
	uint32_t loss_permille, seed;
};

static void wire_init(struct wire *w, size_t cap, size_t stride, uint64_t delay_us, uint32_t loss)
{
	memset(w, 0, sizeof(*w));
	w->cap = cap;
	w->stride = stride;
	w->delay_us = delay_us;
	w->loss_permille = loss;
	w->seed = 12345;
	w->data = calloc(cap, stride);
	w->len = calloc(cap, sizeof(*w->len));
	w->at = calloc(cap, sizeof(*w->at));
	if (w->data == NULL || w->len == NULL || w->at == NULL)
		abort();
}

static void wire_free(struct wire *w)
{
	free(w->data);
	free(w->len);
	free(w->at);
}

static uint8_t *wire_reserve(void *user, size_t cap)
{
	struct wire *w = user;

	return w->out_count < BATCH && cap <= CAP ? w->out[w->out_count].data : NULL;
}

static size_t wire_output(void *user, uint8_t *buf, size_t len)
{
	struct wire *w = user;

	(void)buf;
	w->out[w->out_count++].len = (uint16_t)len;
	return len;
}

static void wire_carry(struct wire *w, uint64_t now)
{
	for (size_t i = 0; i < w->out_count; i++) {
		size_t to = (w->head + w->count) % w->cap;

		w->seed = w->seed * 1664525 + 1013904223;
		if ((w->seed >> 8) % 1000 < w->loss_permille)
			continue;
		if (w->count == w->cap || w->out[i].len > w->stride)
			abort();
		memcpy(w->data + to * w->stride, w->out[i].data, w->out[i].len);
		w->len[to] = w->out[i].len;
		w->at[to] = now + w->delay_us;
		w->count++;
	}
	w->out_count = 0;
}

static bool wire_fetch(struct wire *w, uint64_t now)
{
	for (w->in_count = 0; w->in_count < BATCH; w->in_count++) {
		struct datagram *d = &w->in[w->in_count];

		if (w->count == 0 || w->at[w->head] > now)
			break;
		d->len = w->len[w->head];
		memcpy(d->data, w->data + w->head * w->stride, d->len);
		w->head = (w->head + 1) % w->cap;
		w->count--;
	}
	return w->in_count > 0;
}

struct pair {
	struct wire wire[2];
	struct kcp *kcp[2];
	uint64_t now, step_us;
	uint64_t ns[2]; /* CPU of sender and receiver */
	size_t payload;
};

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void pair_init(struct pair *p, uint32_t window, size_t payload, uint32_t loss, bool stream)
{
	p->now = 1000000;
	p->step_us = (uint64_t)RTT_US * PER_STEP / window;
	p->payload = payload;
	for (unsigned i = 0; i < 2; i++) {
		struct kcp_config cfg = {
			.conv = 1,
			.mtu = i == 0 ? (uint32_t)payload + KCP_OVERHEAD : 1350,
			.snd_wnd = window,
			.rcv_wnd = KCP_WND_MAX,
			.nodelay = 1,
			.interval_ms = 10,
			.resend = 2,
			.stream = stream,
			.reserve = wire_reserve,
			.output = wire_output,
			.user = &p->wire[i],
		};

		wire_init(&p->wire[i], 2 * (size_t)window + 1024, (cfg.mtu + 63u) & ~63u,
			  i == 0 ? 0 : RTT_US, i == 0 ? loss : 0);
		if (cfg.mtu < KCP_MTU_MIN || (p->kcp[i] = kcp_new(&cfg, p->now)) == NULL)
			abort();
	}
}

static void pair_free(struct pair *p)
{
	for (unsigned i = 0; i < 2; i++) {
		kcp_free(p->kcp[i]);
		wire_free(&p->wire[i]);
	}
}

static void drain(struct kcp *k)
{
	const uint8_t *p;
	size_t n;

	while ((n = kcp_peek(k, &p)) > 0)
		kcp_consume(k, n);
}

static void refill(struct kcp *k, size_t payload)
{
	static const uint8_t data[CAP];
	uint32_t room = kcp_send_room(k);

	while (room-- > 0)
		if (kcp_send(k, data, payload) != KCP_OK)
			abort();
}

static void input_batch(const struct wire *w, struct kcp *to, uint64_t now)
{
	for (size_t i = 0; i < w->in_count; i++)
		kcp_input(to, now, w->in[i].data, w->in[i].len, 0);
}

/* What one end does when it is its turn; only its kcp calls are timed. */
static void turn(struct pair *p, unsigned end)
{
	struct kcp *k = p->kcp[end];
	struct wire *out = &p->wire[end], *in = &p->wire[!end];
	bool more = true;

	while (wire_fetch(in, p->now)) {
		uint64_t t0 = clock_ns();

		input_batch(in, k, p->now);
		drain(k);
		p->ns[end] += clock_ns() - t0;
	}
	while (more) {
		uint64_t t0 = clock_ns();

		if (end == 0)
			refill(k, p->payload);
		more = kcp_flush(k, p->now);
		p->ns[end] += clock_ns() - t0;
		wire_carry(out, p->now);
	}
}

static void pair_step(struct pair *p)
{
	p->now += p->step_us;
	turn(p, 0);
	turn(p, 1);
}

struct cost {
	double send, receive; /* ns per packet sent */
};

static struct cost measure(struct pair *p, uint64_t packets)
{
	uint64_t start = kcp_stats(p->kcp[0])->out_push, end = start + packets;

	p->ns[0] = p->ns[1] = 0;
	while (kcp_stats(p->kcp[0])->out_push < end)
		pair_step(p);
	packets = kcp_stats(p->kcp[0])->out_push - start;
	return (struct cost){ (double)p->ns[0] / (double)packets, (double)p->ns[1] / (double)packets };
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double v[ROUNDS])
{
	qsort(v, ROUNDS, sizeof(*v), compare);
	return v[ROUNDS / 2];
}

/* Rounds of both windows alternate, so that a noisy machine disturbs both. */
static void compare_windows(void)
{
	static const uint32_t window[2] = { 128, 32768 };
	double send[2][ROUNDS], receive[2][ROUNDS], ratio[ROUNDS];
	static struct pair p[2];

	for (unsigned i = 0; i < 2; i++) {
		pair_init(&p[i], window[i], 64, 50, false);
		measure(&p[i], 8 * (uint64_t)window[i]);
	}
	for (unsigned r = 0; r < ROUNDS; r++) {
		for (unsigned i = 0; i < 2; i++) {
			struct cost c = measure(&p[i], 60000);

			send[i][r] = c.send;
			receive[i][r] = c.receive;
		}
		ratio[r] = (send[1][r] + receive[1][r]) / (send[0][r] + receive[0][r]);
	}
	for (unsigned i = 0; i < 2; i++) {
		printf("window %5u, 64 bytes, 5 %% loss: send %.1f ns, receive %.1f ns per packet\n",
		       (unsigned)window[i], median(send[i]), median(receive[i]));
		pair_free(&p[i]);
	}
	printf("ratio %.2f\n", median(ratio));
}

static void plain_flow(void)
{
	double send[ROUNDS], receive[ROUNDS];
	static struct pair p;

	pair_init(&p, 1024, 1326, 0, true);
	measure(&p, 50000);
	for (unsigned r = 0; r < ROUNDS; r++) {
		struct cost c = measure(&p, 100000);

		send[r] = c.send;
		receive[r] = c.receive;
	}
	printf("window  1024, 1350 byte datagrams, no loss: send %.1f ns, receive %.1f ns\n",
	       median(send), median(receive));
	pair_free(&p);
}

int main(void)
{
	compare_windows();
	plain_flow();
	return 0;
}
