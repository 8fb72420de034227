/* socket.h - what the sockets of dial, listener, udp and the relays have in common. */
#ifndef KT_SOCKET_H
#define KT_SOCKET_H

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

enum { SOCKET_BACKLOG = 1024 }; /* connections that nobody has accepted yet */

/* Non-blocking, close-on-exec, no delay; what every stream socket here wants. */
void socket_prepare(int fd);
/* A TCP peer that is silent for half of that is asked whether it is there, and given up when all of it is over, or two
 * seconds are; 0: never. */
void socket_keep_alive(int fd, unsigned seconds);
/* Whether a TCP peer has taken no notice for so long of what was sent to it.  One that takes notice and reads nothing is
 * there: TCP_USER_TIMEOUT, which cannot tell the two apart, would end its connection. */
bool socket_peer_vanished(int fd, unsigned ms);
/* The connection was reset, or its peer given up.  Both of its ways may have ended well in one that has not, with bytes
 * that are still to be read. */
bool socket_has_failed(int fd);

/* When it is closed, the peer of a TCP connection is to see a reset: no regular end. */
void socket_break_off(int fd);

/* Bytes of an AF_INET, AF_INET6 or AF_UNIX address. */
socklen_t sockaddr_len(const struct sockaddr_storage *ss);

/* Where a socket that is bound to `at` stands as against an address of the same kind: at it; in the
 * way of whoever would bind to it; or neither. */
enum socket_place { SOCKET_ELSEWHERE, SOCKET_IN_WAY, SOCKET_THERE };
enum socket_place sockaddr_place(const struct sockaddr_storage *at,
				 const struct sockaddr_storage *addr);
/* The same of an open socket. */
enum socket_place socket_place(int fd, const struct sockaddr_storage *addr);

/* A call failed only because it would have had to wait. */
static inline bool socket_would_block(int err)
{
	return err == EAGAIN || err == EWOULDBLOCK;
}

/* Binding failed for want of the address, or of its family, on this machine. */
static inline bool socket_no_address_here(int err)
{
	return err == EADDRNOTAVAIL || err == EAFNOSUPPORT;
}

#endif
