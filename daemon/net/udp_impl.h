/* udp_impl.h - what the files of the udp module share; nobody else includes it. */
#ifndef KT_UDP_IMPL_H
#define KT_UDP_IMPL_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "udp.h"

/* MSG_WAITFORONE came with recvmmsg() on every system that has the pair. */
#if !defined(UDP_PLAIN) && defined(MSG_WAITFORONE)
#define UDP_HAVE_MMSG
#define udp_msg mmsghdr
#else
struct udp_msg {
	struct msghdr msg_hdr;
	unsigned msg_len;
};
#endif
/* <netinet/udp.h> is left out: older ones lack these options of Linux 4.18 and 5.0, and
 * newer ones define UDP_GRO as a macro, which udp.h has as the name of a feature. */
#if !defined(UDP_PLAIN) && defined(__linux__)
#define UDP_HAVE_OFFLOAD
enum { UDP_OPT_SEGMENT = 103, UDP_OPT_GRO = 104 };
#endif

union udp_sockaddr {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Room for one message's control data: an address of ours and a segment size. */
union udp_ctl {
	size_t align; /* a struct cmsghdr's; that type may not be an array's element */
	unsigned char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
};

/* udp_path.c: the socket options, and the control messages, that carry our own address. */
int udp_path_ask_local(int fd, sa_family_t family);
bool udp_path_from_msg(struct udp_path *p, const struct msghdr *m);
/* Writes the control message that sets the source; returns its space, 0: none needed. */
size_t udp_path_put_source(const struct udp_path *p, struct cmsghdr *c);

/* udp.c: may IP cut what is sent from now on?  At first it may not. */
void udp_set_fragments(struct udp *u, bool may);

/* udp.c: non-blocking, close-on-exec; or -1. */
int udp_open_socket(sa_family_t family);
/* udp_way.c: device and mark of a socket that is not bound yet; the address that it sends from.  0 or -errno. */
int udp_set_way(struct udp *u, const struct udp_options *opt);
int udp_bind_source(struct udp *u, const struct udp_options *opt);

/* udp_send.c */
void udp_backlog_drop(struct udp *u);

#endif
