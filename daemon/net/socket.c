/* socket.c - what the sockets of dial, listener, udp and the relays have in common. */
#include "socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/un.h>

enum { PROBES = 4 }; /* unanswered, one after another, at most */

void socket_prepare(int fd)
{
	int on = 1, flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* no-op on Unix sockets */
}

static int at_least_one(unsigned n)
{
	return n > 0 ? (int)n : 1;
}

void socket_keep_alive(int fd, unsigned seconds)
{
	int on = seconds > 0, idle = at_least_one(seconds / 2);
	int rest = at_least_one(seconds - seconds / 2), gap = at_least_one((unsigned)rest / PROBES);
	int probes = rest / gap < PROBES ? rest / gap : PROBES;

	if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) != 0 || !on)
		return;
#ifdef TCP_KEEPIDLE
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
#endif
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &gap, sizeof(gap));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

bool socket_peer_vanished(int fd, unsigned ms)
{
#ifdef __linux__
	struct tcp_info info;
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	       (info.tcpi_unacked > 0 || info.tcpi_probes >= PROBES) && info.tcpi_last_ack_recv >= ms;
#else
	(void)fd;
	(void)ms;
	return false;
#endif
}

bool socket_has_failed(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) > 0 && p.revents & POLLERR;
}

void socket_break_off(int fd)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}

socklen_t sockaddr_len(const struct sockaddr_storage *ss)
{
	switch (ss->ss_family) {
	case AF_INET:
		return sizeof(struct sockaddr_in);
	case AF_INET6:
		return sizeof(struct sockaddr_in6);
	default:
		return sizeof(struct sockaddr_un);
	}
}

/* ---- places --------------------------------------------------------------------------- */

static bool is_inet(const struct sockaddr_storage *ss)
{
	return ss->ss_family == AF_INET || ss->ss_family == AF_INET6;
}

/* IPv4 as IPv6 has it, so that both families can be compared. */
static struct in6_addr host_of(const struct sockaddr_storage *ss)
{
	struct in6_addr mapped = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	if (ss->ss_family == AF_INET6)
		return ((const struct sockaddr_in6 *)ss)->sin6_addr;
	memcpy(mapped.s6_addr + 12, &((const struct sockaddr_in *)ss)->sin_addr, 4);
	return mapped;
}

static in_port_t port_of(const struct sockaddr_storage *ss)
{
	return ss->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)ss)->sin6_port
					 : ((const struct sockaddr_in *)ss)->sin_port;
}

static uint32_t scope_of(const struct sockaddr_storage *ss)
{
	return ss->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)ss)->sin6_scope_id : 0;
}

/* Does a socket that is bound to `all` take what is for `one`?  Our sockets of :: take IPv4 as well. */
static bool takes(const struct in6_addr *all, const struct in6_addr *one)
{
	static const struct in6_addr all4 = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	return IN6_IS_ADDR_UNSPECIFIED(all) ||
	       (memcmp(all, &all4, sizeof(all4)) == 0 && IN6_IS_ADDR_V4MAPPED(one));
}

static enum socket_place compare_inet(const struct sockaddr_storage *a,
				      const struct sockaddr_storage *b)
{
	struct in6_addr x = host_of(a), y = host_of(b);

	if (port_of(a) != port_of(b))
		return SOCKET_ELSEWHERE;
	if (memcmp(&x, &y, sizeof(x)) == 0 && a->ss_family == b->ss_family)
		return scope_of(a) == scope_of(b) ? SOCKET_THERE : SOCKET_ELSEWHERE;
	return memcmp(&x, &y, sizeof(x)) == 0 || takes(&x, &y) || takes(&y, &x) ? SOCKET_IN_WAY
										: SOCKET_ELSEWHERE;
}

enum socket_place sockaddr_place(const struct sockaddr_storage *at, const struct sockaddr_storage *addr)
{
	if (is_inet(at) && is_inet(addr))
		return compare_inet(at, addr);
	if (at->ss_family != AF_UNIX || addr->ss_family != AF_UNIX)
		return SOCKET_ELSEWHERE;
	return strcmp(((const struct sockaddr_un *)at)->sun_path,
		      ((const struct sockaddr_un *)addr)->sun_path) == 0
		       ? SOCKET_THERE
		       : SOCKET_ELSEWHERE;
}

enum socket_place socket_place(int fd, const struct sockaddr_storage *addr)
{
	struct sockaddr_storage at = { 0 };
	socklen_t len = sizeof(at) - 1; /* a path is ended by a zero here */

	if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		return SOCKET_ELSEWHERE;
	return sockaddr_place(&at, addr);
}
