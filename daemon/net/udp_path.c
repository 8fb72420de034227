/* udp_path.c - addresses of datagrams: text, order, hash, and which of ours was asked. */
#include "udp_impl.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "siphash.h"
#include "wire.h"

/* Comparing byte for byte needs a struct without holes. */
static_assert(sizeof(struct udp_path) == sizeof(((struct udp_path *)0)->peer) + sizeof(socklen_t) +
						 sizeof(struct in6_addr) + sizeof(uint32_t),
	      "struct udp_path has padding");

static void set_v4(struct udp_path *p, const struct sockaddr_in *a)
{
	p->peer.v4.sin_family = AF_INET;
	p->peer.v4.sin_port = a->sin_port;
	p->peer.v4.sin_addr = a->sin_addr;
	p->peer_len = sizeof(struct sockaddr_in);
}

/* The flow label is left out: it may change while the peer stays the same. */
static void set_v6(struct udp_path *p, const struct sockaddr_in6 *a)
{
	p->peer.v6.sin6_family = AF_INET6;
	p->peer.v6.sin6_port = a->sin6_port;
	p->peer.v6.sin6_addr = a->sin6_addr;
	p->peer.v6.sin6_scope_id = a->sin6_scope_id;
	p->peer_len = sizeof(struct sockaddr_in6);
}

bool udp_path_init(struct udp_path *p, const struct sockaddr *peer, socklen_t len)
{
	union udp_sockaddr a;

	memset(p, 0, sizeof(*p));
	memset(&a, 0, sizeof(a));
	memcpy(&a, peer, len < sizeof(a) ? len : sizeof(a));
	if (a.sa.sa_family == AF_INET && len >= sizeof(a.v4))
		set_v4(p, &a.v4);
	else if (a.sa.sa_family == AF_INET6 && len >= sizeof(a.v6))
		set_v6(p, &a.v6);
	else
		return false;
#ifdef SIN6_LEN /* a BSD: the first byte of an address is its length */
	p->peer.sa.sa_len = (uint8_t)p->peer_len;
#endif
	return true;
}

static const char *text_v4(const void *addr, in_port_t port, char buf[UDP_ADDR_TEXT])
{
	char a[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, addr, a, sizeof(a));
	snprintf(buf, UDP_ADDR_TEXT, "%s:%u", a, (unsigned)ntohs(port));
	return buf;
}

static const char *text_v6(const struct sockaddr_in6 *v6, char buf[UDP_ADDR_TEXT])
{
	unsigned port = ntohs(v6->sin6_port);
	char a[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, &v6->sin6_addr, a, sizeof(a));
	if (v6->sin6_scope_id != 0)
		/* 39 is the longest without an IPv4 tail, and no link-local address has one */
		snprintf(buf, UDP_ADDR_TEXT, "[%.39s%%%u]:%u", a, (unsigned)v6->sin6_scope_id, port);
	else
		snprintf(buf, UDP_ADDR_TEXT, "[%s]:%u", a, port);
	return buf;
}

const char *udp_path_text(const struct udp_path *p, char buf[UDP_ADDR_TEXT])
{
	const struct sockaddr_in6 *v6 = &p->peer.v6;

	switch (p->peer.sa.sa_family) {
	case AF_INET:
		return text_v4(&p->peer.v4.sin_addr, p->peer.v4.sin_port, buf);
	case AF_INET6:
		if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
			return text_v4(&v6->sin6_addr.s6_addr[12], v6->sin6_port, buf);
		return text_v6(v6, buf);
	default:
		snprintf(buf, UDP_ADDR_TEXT, "-");
		return buf;
	}
}

/* A dual-stack socket has IPv4 peers, too. */
size_t udp_path_overhead(const struct udp_path *p)
{
	enum { IPV4 = 20, IPV6 = 40, UDP = 8 };
	bool v4 = p->peer.sa.sa_family == AF_INET || IN6_IS_ADDR_V4MAPPED(&p->peer.v6.sin6_addr);

	return (v4 ? IPV4 : IPV6) + UDP;
}

bool udp_path_same_peer(const struct udp_path *a, const struct udp_path *b)
{
	return a->peer_len == b->peer_len && memcmp(&a->peer, &b->peer, sizeof(a->peer)) == 0;
}

bool udp_path_equal(const struct udp_path *a, const struct udp_path *b)
{
	return udp_path_same_peer(a, b) && a->local_if == b->local_if &&
	       memcmp(&a->local, &b->local, sizeof(a->local)) == 0;
}

uint64_t udp_path_hash(const struct udp_path *p, uint64_t seed)
{
	uint8_t key[SIPHASH_KEY_SIZE] = { 0 }, peer[sizeof(p->peer)];

	store_le64(key, seed);
	memcpy(peer, &p->peer, sizeof(peer));
	return siphash(key, peer, sizeof(peer));
}

/* Ours as the kernel tells it.  IP_SENDSRCADDR is the BSDs' pair of IP_RECVDSTADDR;
 * Linux has IP_PKTINFO, whose ipi_spec_dst is the address to answer from even if the
 * datagram was a broadcast. */
#if defined(IP_SENDSRCADDR)
static void local_from_v4(struct udp_path *p, struct cmsghdr *c)
{
	if (c->cmsg_type == IP_RECVDSTADDR)
		memcpy(&p->local.v4, CMSG_DATA(c), sizeof(p->local.v4));
}

static size_t put_source_v4(const struct udp_path *p, struct cmsghdr *c)
{
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_SENDSRCADDR;
	c->cmsg_len = CMSG_LEN(sizeof(p->local.v4));
	memcpy(CMSG_DATA(c), &p->local.v4, sizeof(p->local.v4));
	return CMSG_SPACE(sizeof(p->local.v4));
}
#else
static void local_from_v4(struct udp_path *p, struct cmsghdr *c)
{
	struct in_pktinfo info;

	if (c->cmsg_type != IP_PKTINFO)
		return;
	memcpy(&info, CMSG_DATA(c), sizeof(info));
	p->local.v4 = info.ipi_spec_dst;
}

static size_t put_source_v4(const struct udp_path *p, struct cmsghdr *c)
{
	struct in_pktinfo info = { .ipi_spec_dst = p->local.v4 };

	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	return CMSG_SPACE(sizeof(info));
}
#endif

/* Nothing can be sent from a multicast or broadcast address. */
static bool usable_source(const struct in6_addr *a)
{
	if (IN6_IS_ADDR_V4MAPPED(a))
		return a->s6_addr[12] < 224;
	return !IN6_IS_ADDR_MULTICAST(a);
}

static void local_from_v6(struct udp_path *p, struct cmsghdr *c)
{
	struct in6_pktinfo info;

	if (c->cmsg_type != IPV6_PKTINFO)
		return;
	memcpy(&info, CMSG_DATA(c), sizeof(info));
	if (usable_source(&info.ipi6_addr))
		p->local.v6 = info.ipi6_addr;
	/* Elsewhere the routing table chooses, as routes may change under a session. */
	if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr) || IN6_IS_ADDR_LINKLOCAL(&p->peer.v6.sin6_addr))
		p->local_if = (uint32_t)info.ipi6_ifindex;
}

bool udp_path_from_msg(struct udp_path *p, const struct msghdr *m)
{
	/* CMSG_NXTHDR() asks for a msghdr it could write to, and does not. */
	struct msghdr *w = (struct msghdr *)(uintptr_t)m;

	if (!udp_path_init(p, m->msg_name, m->msg_namelen))
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(w); c != NULL; c = CMSG_NXTHDR(w, c)) {
		if (c->cmsg_level == IPPROTO_IP && p->peer.sa.sa_family == AF_INET)
			local_from_v4(p, c);
		else if (c->cmsg_level == IPPROTO_IPV6 && p->peer.sa.sa_family == AF_INET6)
			local_from_v6(p, c);
	}
	return true;
}

/* An IPv4 peer of an IPv6 socket has an IPv4-mapped source, in an IPv6 message. */
static size_t put_source_v6(const struct udp_path *p, struct cmsghdr *c)
{
	struct in6_pktinfo info = { .ipi6_addr = p->local.v6 };

	info.ipi6_ifindex = (__typeof__(info.ipi6_ifindex))p->local_if;
	c->cmsg_level = IPPROTO_IPV6;
	c->cmsg_type = IPV6_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	return CMSG_SPACE(sizeof(info));
}

size_t udp_path_put_source(const struct udp_path *p, struct cmsghdr *c)
{
	if (p->peer.sa.sa_family == AF_INET)
		return p->local.v4.s_addr != 0 ? put_source_v4(p, c) : 0;
	if (IN6_IS_ADDR_UNSPECIFIED(&p->local.v6) && p->local_if == 0)
		return 0;
	return put_source_v6(p, c);
}

int udp_path_ask_local(int fd, sa_family_t family)
{
	static const int on = 1;

	if (family == AF_INET6)
		return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
#if defined(IP_SENDSRCADDR)
	return setsockopt(fd, IPPROTO_IP, IP_RECVDSTADDR, &on, sizeof(on));
#else
	return setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
#endif
}
