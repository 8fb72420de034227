/* kcp_standalone.c - a foreign program with kcp.c and kcp.h alone: a lossy transfer, both ways. */
#include "kcp.h"

#include <stdio.h>
#include <string.h>

enum { TOTAL = 300000, SLOTS = 512 };

/* One direction of a network: a delay line of 20 ms that drops each 7th packet. */
struct line {
	struct {
		uint64_t at_us;
		size_t len;
		uint8_t data[1400];
	} slot[SLOTS];
	size_t head, count, sent;
	uint64_t now_us;
	uint8_t buf[1400];
};

static uint8_t *room(void *user, size_t cap)
{
	struct line *l = user;

	return l->count < SLOTS && cap <= sizeof(l->buf) ? l->buf : NULL;
}

static size_t output(void *user, uint8_t *buf, size_t len)
{
	struct line *l = user;
	size_t i = (l->head + l->count) % SLOTS;

	if (++l->sent % 7 == 0)
		return len;
	memcpy(l->slot[i].data, buf, len);
	l->slot[i].len = len;
	l->slot[i].at_us = l->now_us + 20000;
	l->count++;
	return len;
}

static void deliver(struct line *l, struct kcp *to)
{
	while (l->count > 0 && l->slot[l->head].at_us <= l->now_us) {
		kcp_input(to, l->now_us, l->slot[l->head].data, l->slot[l->head].len, 0);
		l->head = (l->head + 1) % SLOTS;
		l->count--;
	}
}

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

static bool read_all(struct kcp *k, size_t *got)
{
	const uint8_t *p;
	size_t n;

	while ((n = kcp_peek(k, &p)) > 0) {
		for (size_t i = 0; i < n; i++)
			if (p[i] != byte_at(*got + i))
				return false;
		*got += n;
		kcp_consume(k, n);
	}
	return true;
}

static struct line line[2];

int main(void)
{
	static uint8_t data[TOTAL];
	struct kcp *k[2];
	size_t got[2] = { 0, 0 };
	uint64_t now = 0;
	bool intact = true;

	for (size_t i = 0; i < TOTAL; i++)
		data[i] = byte_at(i);
	for (int i = 0; i < 2; i++) {
		struct kcp_config cfg = {
			.conv = 7,
			.mtu = 1400,
			.snd_wnd = 128,
			.rcv_wnd = 128,
			.nodelay = 1,
			.interval_ms = 10,
			.resend = 2,
			.stream = true,
			.reserve = room,
			.output = output,
			.user = &line[i],
		};

		k[i] = kcp_new(&cfg, now);
		if (k[i] == NULL || kcp_send(k[i], data, TOTAL) != KCP_OK)
			return 1;
	}
	for (; intact && (got[0] < TOTAL || got[1] < TOTAL) && now < 60000000; now += 1000) {
		for (int i = 0; i < 2; i++) {
			line[i].now_us = now;
			deliver(&line[!i], k[i]);
			intact = intact && read_all(k[i], &got[i]);
			kcp_flush(k[i], now);
			kcp_verify(k[i]);
		}
	}
	printf("%lu and %lu of %d bytes after %lu ms, %s\n", (unsigned long)got[0],
	       (unsigned long)got[1], TOTAL, (unsigned long)(now / 1000),
	       intact ? "intact" : "corrupt");
	kcp_free(k[0]);
	kcp_free(k[1]);
	return intact && got[0] == TOTAL && got[1] == TOTAL ? 0 : 1;
}
