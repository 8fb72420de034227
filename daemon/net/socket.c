/* socket.c - what the sockets of dial, listener, udp and the relays have in common. */
#include "socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

enum { PROBES = 4 }; /* unanswered, one after another */

void socket_prepare(int fd)
{
	int on = 1, flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* no-op on Unix sockets */
}

void socket_keep_alive(int fd, unsigned seconds)
{
	int on = seconds > 0, idle = (int)seconds, gap = (int)(seconds / PROBES), probes = PROBES;

	if (gap == 0)
		gap = 1;
	if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) != 0 || !on)
		return;
#ifdef TCP_KEEPIDLE
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
#endif
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &gap, sizeof(gap));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

bool socket_peer_vanished(int fd, unsigned seconds)
{
#ifdef __linux__
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (seconds == 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return false;
	return info.tcpi_state == TCP_CLOSE ||
	       ((info.tcpi_unacked > 0 || info.tcpi_probes >= PROBES) &&
		info.tcpi_last_ack_recv / 1000 >= seconds);
#else
	(void)fd;
	(void)seconds;
	return false;
#endif
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
