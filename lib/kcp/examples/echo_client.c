/* echo_client.c - sends bytes to an echo_server, and sees whether they come back as they were.
 *
 *     echo_client HOST PORT [BYTES [LOSS]]
 *
 * LOSS percent of its datagrams do not leave.  It is C, and C++ as well. */
#include "example.h"

struct client {
	int fd;
	unsigned loss;
	struct kcp *kcp;
	size_t bytes, sent, heard; /* of the whole: to send, given to KCP, come back */
	bool intact;
	uint64_t heard_us;
};

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

/* A datagram that the socket does not take is lost like any other: KCP sends again what was in it. */
static size_t output(void *user, uint8_t *buf, size_t len)
{
	const struct client *c = (const struct client *)user;

	if (!is_lost(c->loss))
		send(c->fd, buf, len, 0);
	return len;
}

static void receive(struct client *c, uint64_t now)
{
	uint8_t buf[2048];
	ssize_t n;

	while ((n = recv(c->fd, buf, sizeof(buf), 0)) >= 0)
		if (kcp_input(c->kcp, now, buf, (size_t)n, 0) == KCP_OK)
			c->heard_us = now;
}

static void check(struct client *c)
{
	const uint8_t *data;
	size_t n;

	while ((n = kcp_peek(c->kcp, &data)) > 0) {
		for (size_t i = 0; i < n; i++)
			c->intact = c->intact && data[i] == byte_at(c->heard + i);
		c->heard += n;
		kcp_consume(c->kcp, n);
	}
}

/* No more than leaves soon: the rest waits here, and not in KCP's memory. */
static void give(struct client *c)
{
	uint8_t buf[1000];

	while (c->sent < c->bytes && kcp_queued(c->kcp) < QUEUED_SEGS) {
		size_t n = c->bytes - c->sent < sizeof(buf) ? c->bytes - c->sent : sizeof(buf);

		for (size_t i = 0; i < n; i++)
			buf[i] = byte_at(c->sent + i);
		if (kcp_send(c->kcp, buf, n) != KCP_OK)
			return;
		c->sent += n;
	}
}

/* True when all came back, and the server has all of ours: then nothing is due any more. */
static bool transfer(struct client *c)
{
	while (c->heard < c->bytes || kcp_deadline(c->kcp) != KCP_NEVER) {
		uint64_t now = now_us();

		receive(c, now);
		check(c);
		if (!c->intact || c->heard > c->bytes || now - c->heard_us > SILENCE_US)
			return false;
		give(c);
		kcp_flush(c->kcp, now);
		wait_until(c->fd, kcp_deadline(c->kcp));
	}
	return true;
}

static void tell(const struct client *c, uint64_t us)
{
	const struct kcp_stats *stats = kcp_stats(c->kcp);
	struct kcp_info info;

	kcp_get_info(c->kcp, &info);
	printf("%zu of %zu bytes came back in %.2f s, %s\n", c->heard, c->bytes, (double)us / 1e6,
	       c->intact ? "intact" : "altered");
	printf("round trip %.1f ms, %llu of %llu segments were sent again\n", info.srtt_us / 1e3,
	       (unsigned long long)stats->retrans_segs, (unsigned long long)stats->out_push);
}

int main(int argc, char **argv)
{
	struct kcp_config cfg = example_config(draw());
	const uint64_t start = now_us();
	struct client c;
	bool done;

	if (argc < 3) {
		fprintf(stderr, "usage: echo_client HOST PORT [BYTES [LOSS]]\n");
		return 2;
	}
	memset(&c, 0, sizeof(c));
	c.fd = udp_socket(argv[1], argv[2]);
	c.bytes = argc > 3 ? strtoul(argv[3], NULL, 10) : 300000;
	c.loss = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 0;
	c.intact = true;
	c.heard_us = start;
	cfg.output = output;
	cfg.user = &c;
	c.kcp = kcp_new(&cfg, start);
	if (c.kcp == NULL)
		die("kcp_new");
	done = transfer(&c);
	tell(&c, now_us() - start);
	kcp_free(c.kcp);
	close(c.fd);
	return done ? 0 : 1;
}
