/* example.h - what both examples need of the system: a clock, random numbers, a socket, and a path that loses. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <kcp/kcp.h>
#include <kcp/kcp_model.h>

static const uint64_t SILENCE_US = 10000000; /* KCP has no end of its own: who is silent for so long has gone */
static const uint32_t QUEUED_SEGS = 64; /* more need not wait in KCP than leave at once */

static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* Of any monotonic clock; KCP reads none. */
static inline uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static inline uint32_t draw(void)
{
	uint32_t n;

	if (getrandom(&n, sizeof(n), 0) != (ssize_t)sizeof(n))
		die("getrandom");
	return n;
}

/* True for so many of a hundred datagrams, which shall not leave. */
static inline bool is_lost(unsigned percent)
{
	return draw() % 100 < percent;
}

/* A socket that is connected to host, or without a host waits at the port. */
static inline int udp_socket(const char *host, const char *port)
{
	struct addrinfo hints, *found;
	int fd, status;

	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = SOCK_DGRAM;
	hints.ai_flags = host == NULL ? AI_PASSIVE : 0;
	status = getaddrinfo(host, port, &hints, &found);
	if (status != 0) {
		fprintf(stderr, "%s: %s\n", host != NULL ? host : port, gai_strerror(status));
		exit(1);
	}
	fd = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
	if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		die("socket");
	if ((host == NULL ? bind : connect)(fd, found->ai_addr, found->ai_addrlen) != 0)
		die(host != NULL ? host : port);
	freeaddrinfo(found);
	return fd;
}

/* Until there is something to read, or that time has come; a second at most. */
static inline void wait_until(int fd, uint64_t until_us)
{
	struct pollfd p = { fd, POLLIN, 0 };
	uint64_t now = now_us(), ms = until_us <= now ? 0 : (until_us - now + 999) / 1000;

	if (poll(&p, 1, ms < 1000 ? (int)ms : 1000) < 0 && errno != EINTR)
		die("poll");
}

/* What both ends begin with. */
static inline struct kcp_config example_config(uint32_t conv)
{
	struct kcp_config cfg;

	kcp_config_init(&cfg);
	cfg.conv = conv;
	cfg.ts_base = draw();
	cfg.cc = &kcp_cc_model;
	return cfg;
}

#endif
