/* udp.c - opening and closing of UDP sockets, and the options they get. */
#include "udp_impl.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int udp_open_socket(sa_family_t family)
{
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
	return socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
#else
	int fd = socket(family, SOCK_DGRAM, 0);

	if (fd >= 0) {
		fcntl(fd, F_SETFL, O_NONBLOCK);
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	return fd;
#endif
}

/* An option we can live without: what refused it stays visible in last_errno. */
static bool try_option(struct udp *u, int level, int name, int value)
{
	if (setsockopt(u->fd, level, name, &value, sizeof(value)) == 0)
		return true;
	u->stats.last_errno = errno;
	return false;
}

/* The FORCE twin passes the system's limit, for those who may; else the kernel clips. */
static void ask_bufsize(struct udp *u, int force_name, int name, unsigned bytes)
{
	int value = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes;

	if (force_name != 0 && setsockopt(u->fd, SOL_SOCKET, force_name, &value, sizeof(value)) == 0)
		return;
	try_option(u, SOL_SOCKET, name, value);
}

static unsigned real_bufsize(const struct udp *u, int name)
{
	socklen_t len = sizeof(int);
	int value = 0;

	if (getsockopt(u->fd, SOL_SOCKET, name, &value, &len) < 0 || value < 0)
		return 0;
#ifdef __linux__
	value /= 2; /* Linux doubles what was asked, for its own bookkeeping */
#endif
	return (unsigned)value;
}

static void ask_bufsizes(struct udp *u, unsigned rcv_bytes, unsigned snd_bytes)
{
	int force_rcv = 0, force_snd = 0;

#ifdef SO_RCVBUFFORCE
	force_rcv = SO_RCVBUFFORCE;
#endif
#ifdef SO_SNDBUFFORCE
	force_snd = SO_SNDBUFFORCE;
#endif
	ask_bufsize(u, force_rcv, SO_RCVBUF, rcv_bytes);
	ask_bufsize(u, force_snd, SO_SNDBUF, snd_bytes);
}

static void set_bufsizes(struct udp *u, unsigned bytes)
{
	if (bytes > 0)
		ask_bufsizes(u, bytes, bytes);
	u->rcvbuf = real_bufsize(u, SO_RCVBUF);
	u->sndbuf = real_bufsize(u, SO_SNDBUF);
}

/* A dual-stack socket takes the IPv6 class for IPv6 peers and the IPv4 one for mapped peers. */
static void set_dscp(struct udp *u, unsigned dscp)
{
	int tos = (int)(dscp << 2);

	if (u->family == AF_INET6) {
		try_option(u, IPPROTO_IPV6, IPV6_TCLASS, tos);
		(void)setsockopt(u->fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	} else {
		try_option(u, IPPROTO_IP, IP_TOS, tos);
	}
}

/* PROBE and OMIT take no path MTU from anyone: a forged ICMP message then cannot shrink our
 * datagrams, nor make GSO, which never fragments, fall back.  What a path takes is found out by whoever
 * sends (session/pmtu.h).  Where a kernel cannot say "don't fragment", IP cuts what is too long. */
static void set_pmtu_policy(struct udp *u)
{
#ifdef IP_PMTUDISC_PROBE
	int v4 = u->fragments ? IP_PMTUDISC_OMIT : IP_PMTUDISC_PROBE;
	/* Routers never cut IPv6: it has to leave in fragments, as the kernel was told of the path. */
	int v6 = u->fragments ? IPV6_PMTUDISC_DONT : IPV6_PMTUDISC_PROBE;

	(void)setsockopt(u->fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof(v4));
	if (u->family == AF_INET6)
		(void)setsockopt(u->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof(v6));
#elif defined(IP_DONTFRAG) && defined(IPV6_DONTFRAG)
	int value = !u->fragments;

	if (u->family == AF_INET6)
		(void)setsockopt(u->fd, IPPROTO_IPV6, IPV6_DONTFRAG, &value, sizeof(value));
	else
		(void)setsockopt(u->fd, IPPROTO_IP, IP_DONTFRAG, &value, sizeof(value));
#else
	(void)u;
#endif
}

void udp_set_fragments(struct udp *u, bool may)
{
	if (u->fragments == may)
		return;
	u->fragments = may;
	set_pmtu_policy(u);
}

/* Which of the wanted features this build and this kernel have; recvmmsg and sendmmsg
 * are found missing only when called. */
static unsigned find_features(const struct udp *u, unsigned wanted)
{
	unsigned found = 0;

#ifdef UDP_HAVE_MMSG
	found |= UDP_MMSG;
#endif
#ifdef UDP_HAVE_OFFLOAD
	static const int off = 0, on = 1;

	if (wanted & UDP_GSO &&
	    setsockopt(u->fd, IPPROTO_UDP, UDP_OPT_SEGMENT, &off, sizeof(off)) == 0)
		found |= UDP_GSO;
	if (wanted & UDP_GRO && setsockopt(u->fd, IPPROTO_UDP, UDP_OPT_GRO, &on, sizeof(on)) == 0)
		found |= UDP_GRO;
#else
	(void)u;
#endif
	return found & wanted;
}

static int open_with_options(struct udp *u, const struct sockaddr *addr, socklen_t len,
			     const struct udp_options *opt)
{
	struct udp_path check;

	assert(opt->dscp < 64);
	memset(u, 0, sizeof(*u));
	u->fd = -1;
	if (!udp_path_init(&check, addr, len))
		return -EAFNOSUPPORT;
	u->family = check.peer.sa.sa_family;
	u->fd = udp_open_socket(u->family);
	if (u->fd < 0)
		return -errno;
	if (u->family == AF_INET6) {
		int off = 0;

		/* OpenBSD refuses: there IPv6 sockets are never dual-stack. */
		(void)setsockopt(u->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	}
	set_bufsizes(u, opt->sockbuf);
	if (opt->dscp != 0)
		set_dscp(u, opt->dscp);
	set_pmtu_policy(u);
	u->features = find_features(u, opt->features);
	return udp_set_way(u, opt);
}

static int find_port(struct udp *u)
{
	union udp_sockaddr a;
	socklen_t len = sizeof(a);

	memset(&a, 0, sizeof(a));
	if (getsockname(u->fd, &a.sa, &len) < 0)
		return -errno;
	u->port = ntohs(u->family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
	return 0;
}

/* No SO_REUSEADDR: for UDP it would let a second daemon take the port in silence. */
static int bind_listener(struct udp *u, const struct sockaddr *addr, socklen_t len)
{
	if (udp_path_ask_local(u->fd, u->family) < 0)
		return -errno;
	return bind(u->fd, addr, len) < 0 ? -errno : 0;
}

int udp_listen(struct udp *u, const struct sockaddr *addr, socklen_t len, const struct udp_options *opt)
{
	int err = open_with_options(u, addr, len, opt);

	if (err == 0) {
		u->step = UDP_BIND;
		err = bind_listener(u, addr, len);
	}
	if (err == 0)
		err = find_port(u);
	if (err < 0)
		udp_close(u);
	return err;
}

int udp_connect(struct udp *u, const struct sockaddr *addr, socklen_t len,
		const struct udp_options *opt)
{
	int err = open_with_options(u, addr, len, opt);

	if (err == 0)
		err = udp_bind_source(u, opt);
	if (err == 0) {
		u->step = UDP_CONNECT;
		err = connect(u->fd, addr, len) < 0 ? -errno : find_port(u);
	}
	u->connected = err == 0;
	if (err < 0)
		udp_close(u);
	return err;
}

/* As the system has them for a socket that nobody asked anything of. */
static void reset_bufsizes(struct udp *u)
{
	struct udp plain = { .fd = udp_open_socket(u->family) };

	if (plain.fd < 0)
		return;
	ask_bufsizes(u, real_bufsize(&plain, SO_RCVBUF), real_bufsize(&plain, SO_SNDBUF));
	close(plain.fd);
}

void udp_renew(struct udp *u, const struct udp_options *opt)
{
	udp_backlog_drop(u);
	u->blocked = false;
	u->stats = (struct udp_stats){ 0 };
	u->gso_fails = 0;
	u->gso_retry_at = 0;
	if (opt->sockbuf == 0)
		reset_bufsizes(u);
	set_bufsizes(u, opt->sockbuf);
	set_dscp(u, opt->dscp);
}

void udp_close(struct udp *u)
{
	udp_backlog_drop(u);
	if (u->fd >= 0)
		close(u->fd);
	u->fd = -1;
	u->connected = false;
}
