/* proxy_header.h - the header that tells a target whose connection it is.
 *
 * HAProxy's "The PROXY protocol", version 2, section 2.2: the binary one.  No I/O. */
#ifndef KT_PROXY_HEADER_H
#define KT_PROXY_HEADER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "udp.h"

enum { PROXY_HEADER_MAX = 52 };

/* The header of a connection over TCP from the peer of `path` to the address of ours that it talks to, on the port that our
 * socket is bound to; `bound` says where that is.  The address is the one of `bound` where the path has none, and
 * zero where that is all addresses or one of the other family.  IPv4 within IPv6 is told as IPv4.  Returns the bytes. */
size_t proxy_header_encode(uint8_t out[static PROXY_HEADER_MAX], const struct udp_path *path,
			   const struct sockaddr_storage *bound);

#endif
