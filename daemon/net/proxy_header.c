/* proxy_header.c - the header that tells a target whose connection it is.
 *
 *      0       12      13     14       16          16+n   16+2n       18+2n       20+2n
 *     | signature | 0x21 | family | length | source | dest. | src port | dest. port |
 *
 * 0x21 is version 2, the command PROXY; the family 0x11 is TCP over IPv4, n = 4, and 0x21 TCP over IPv6,
 * n = 16.  The length is that of what follows it.  Numbers are big-endian. */
#include "proxy_header.h"

#include <string.h>

enum {
	VERSION_AND_PROXY = 0x21,
	FAMILY_UNSPEC = 0x00,
	FAMILY_TCP4 = 0x11,
	FAMILY_TCP6 = 0x21,
	HEAD_BYTES = 16,
	V4_BYTES = 4,
	V6_BYTES = 16,
	PORT_BYTES = 2,
};

static const uint8_t signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
				       0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

/* An address as it travels; n is 0: there is none. */
struct place {
	uint8_t addr[V6_BYTES];
	size_t n;
};

static struct place place_v4(const void *addr)
{
	struct place p = { .n = V4_BYTES };

	memcpy(p.addr, addr, V4_BYTES);
	return p;
}

static struct place place_v6(const struct in6_addr *addr)
{
	struct place p = { .n = V6_BYTES };

	if (IN6_IS_ADDR_V4MAPPED(addr))
		return place_v4(&addr->s6_addr[V6_BYTES - V4_BYTES]);
	memcpy(p.addr, addr, V6_BYTES);
	return p;
}

static bool is_zero(const struct place *p)
{
	static const uint8_t zero[V6_BYTES];

	return memcmp(p->addr, zero, sizeof(zero)) == 0;
}

/* In network order. */
struct end {
	struct place at;
	in_port_t port;
};

static struct end end_of(const struct sockaddr *sa)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	switch (sa->sa_family) {
	case AF_INET:
		memcpy(&v4, sa, sizeof(v4));
		return (struct end){ place_v4(&v4.sin_addr), v4.sin_port };
	case AF_INET6:
		memcpy(&v6, sa, sizeof(v6));
		return (struct end){ place_v6(&v6.sin6_addr), v6.sin6_port };
	default:
		return (struct end){ .port = 0 };
	}
}

/* Of ours that the peer talks to. */
static struct end own_end(const struct udp_path *path, const struct sockaddr_storage *bound)
{
	struct end own = end_of((const struct sockaddr *)bound);
	struct place told = path->peer.sa.sa_family == AF_INET6 ? place_v6(&path->local.v6)
								: place_v4(&path->local.v4);

	if (!is_zero(&told))
		own.at = told;
	return own;
}

static uint8_t *put(uint8_t *p, const void *from, size_t n)
{
	memcpy(p, from, n);
	return p + n;
}

static size_t put_head(uint8_t *out, uint8_t family, size_t length)
{
	uint8_t *p = put(out, signature, sizeof(signature));

	*p++ = VERSION_AND_PROXY;
	*p++ = family;
	*p++ = 0;
	*p = (uint8_t)length;
	return HEAD_BYTES + length;
}

size_t proxy_header_encode(uint8_t out[static PROXY_HEADER_MAX], const struct udp_path *path,
			   const struct sockaddr_storage *bound)
{
	struct end src = end_of(&path->peer.sa), dst = own_end(path, bound);
	size_t n = src.at.n;
	uint8_t *p = out + HEAD_BYTES;

	if (n == 0)
		return put_head(out, FAMILY_UNSPEC, 0);
	if (dst.at.n != n)
		dst.at = (struct place){ .n = n };
	p = put(p, src.at.addr, n);
	p = put(p, dst.at.addr, n);
	p = put(p, &src.port, PORT_BYTES);
	put(p, &dst.port, PORT_BYTES);
	return put_head(out, n == V4_BYTES ? FAMILY_TCP4 : FAMILY_TCP6, 2 * n + 2 * PORT_BYTES);
}
