/* socket.h - what the sockets of dial, listener, udp and the relays have in common. */
#ifndef KT_SOCKET_H
#define KT_SOCKET_H

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

/* Non-blocking, close-on-exec, no delay; what every stream socket here wants. */
void socket_prepare(int fd);

/* Bytes of an AF_INET, AF_INET6 or AF_UNIX address. */
socklen_t sockaddr_len(const struct sockaddr_storage *ss);

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
