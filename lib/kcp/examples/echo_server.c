/* echo_server.c - sends back what echo_clients say, any number of them at once.
 *
 *     echo_server PORT [LOSS]
 *
 * It prints the port, which is drawn if 0 is given.  LOSS percent of its datagrams do not leave.  It is C, and
 * C++ as well.  It believes everybody: a server in an open network proves who is there, by a cipher, and sends
 * little before it knows (kcp_set_allowance()). */
#include "example.h"

enum { PEERS_MAX = 64 };

struct peer {
	struct peer *next;
	struct server *server;
	struct sockaddr_storage addr;
	socklen_t addr_len;
	uint32_t conv; /* one address may have several */
	struct kcp *kcp;
	uint64_t heard_us;
};

struct server {
	int fd;
	unsigned loss;
	struct peer *peers;
	unsigned count;
};

static size_t output(void *user, uint8_t *buf, size_t len)
{
	const struct peer *p = (const struct peer *)user;

	if (!is_lost(p->server->loss))
		sendto(p->server->fd, buf, len, 0, (const struct sockaddr *)&p->addr, p->addr_len);
	return len;
}

static struct peer *find(struct server *s, const struct peer *who)
{
	struct peer *p = s->peers;

	while (p != NULL && (p->conv != who->conv || p->addr_len != who->addr_len ||
			     memcmp(&p->addr, &who->addr, who->addr_len) != 0))
		p = p->next;
	return p;
}

static void drop(struct server *s, struct peer *p)
{
	kcp_free(p->kcp);
	free(p);
	s->count--;
}

/* NULL when there is no room. */
static struct peer *add(struct server *s, const struct peer *who, uint64_t now)
{
	struct kcp_config cfg = example_config(who->conv);
	struct peer *p;

	if (s->count == PEERS_MAX || (p = (struct peer *)malloc(sizeof(*p))) == NULL)
		return NULL;
	*p = *who;
	p->server = s;
	cfg.output = output;
	cfg.user = p;
	p->kcp = kcp_new(&cfg, now);
	s->count++;
	if (p->kcp == NULL) {
		drop(s, p);
		return NULL;
	}
	p->next = s->peers;
	s->peers = p;
	return p;
}

/* A datagram's first segment tells whose it is.  Only one that begins a conversation makes a peer: what comes late
 * of another that was dropped does not. */
static void receive(struct server *s, uint64_t now)
{
	struct kcp_seg_header h;
	struct peer who, *p;
	uint8_t buf[2048];
	ssize_t n;

	for (;;) {
		memset(&who, 0, sizeof(who));
		who.addr_len = sizeof(who.addr);
		n = recvfrom(s->fd, buf, sizeof(buf), 0, (struct sockaddr *)&who.addr, &who.addr_len);
		if (n < 0)
			return;
		if (!kcp_header_decode(&h, buf, (size_t)n))
			continue;
		who.conv = h.conv;
		p = find(s, &who);
		if (p == NULL && h.cmd == KCP_CMD_PUSH && h.una == 0)
			p = add(s, &who, now);
		if (p != NULL && kcp_input(p->kcp, now, buf, (size_t)n, 0) == KCP_OK)
			p->heard_us = now;
	}
}

/* What is not taken shuts the client's window, so that a peer holds no more than its windows. */
static void echo(struct peer *p)
{
	const uint8_t *data;
	uint8_t buf[4096];
	size_t n;

	while (kcp_queued(p->kcp) < QUEUED_SEGS && (n = kcp_peek(p->kcp, &data)) > 0) {
		n = n < sizeof(buf) ? n : sizeof(buf);
		memcpy(buf, data, n); /* data is ours until another call only */
		if (kcp_send(p->kcp, buf, n) != KCP_OK)
			return;
		kcp_consume(p->kcp, n);
	}
}

/* When to look again if nobody says anything. */
static uint64_t serve(struct server *s, uint64_t now)
{
	uint64_t next = KCP_NEVER, at;
	struct peer **link = &s->peers, *p;

	while ((p = *link) != NULL) {
		if (now - p->heard_us > SILENCE_US) {
			*link = p->next;
			drop(s, p);
			continue;
		}
		echo(p);
		kcp_flush(p->kcp, now);
		at = kcp_deadline(p->kcp);
		next = at < next ? at : next;
		link = &p->next;
	}
	return next;
}

static void print_port(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	char port[16];

	if (getsockname(fd, (struct sockaddr *)&addr, &len) != 0 ||
	    getnameinfo((struct sockaddr *)&addr, len, NULL, 0, port, sizeof(port),
			NI_NUMERICSERV) != 0)
		die("getsockname");
	printf("%s\n", port);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct server s;

	if (argc < 2) {
		fprintf(stderr, "usage: echo_server PORT [LOSS]\n");
		return 2;
	}
	memset(&s, 0, sizeof(s));
	s.fd = udp_socket(NULL, argv[1]);
	s.loss = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	print_port(s.fd);
	for (;;) {
		uint64_t now = now_us();

		receive(&s, now);
		wait_until(s.fd, serve(&s, now));
	}
}
