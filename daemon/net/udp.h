/* udp.h - one UDP socket: datagrams in and out, in batches.
 *
 * They leave with "don't fragment" where that can be said, unless a packet says that it may be cut:
 * one that is too long for its path is lost, and to be noticed by those who sent it.
 *
 * On Linux a receive is one recvmmsg with GRO and a send is GSO and sendmmsg;
 * where the kernel or the build lacks them it falls back, down to one plain call per datagram
 * (-Dudp_batch=plain builds only that).  Replies leave from the address that was asked. */
#ifndef KT_UDP_H
#define KT_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include "packet.h"

/* An address of the peer, and ours that it talks to.  Compared byte for byte:
 * built by udp.c only, unused bytes are zero. */
struct udp_path {
	union {
		struct sockaddr sa;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} peer;
	socklen_t peer_len;
	union {
		struct in_addr v4;
		struct in6_addr v6;
	} local;           /* source address of replies; all zero: the kernel's choice */
	uint32_t local_if; /* interface index for link-local addresses, else 0 */
};

/* "192.0.2.1:29900", "[2001:db8::1]:29900"; returns buf. */
enum { UDP_ADDR_TEXT = 64 };
const char *udp_path_text(const struct udp_path *p, char buf[UDP_ADDR_TEXT]);
/* The path to `peer` with the kernel's choice of source; false when the address
 * is neither IPv4 nor IPv6, or `len` is too short for it. */
bool udp_path_init(struct udp_path *p, const struct sockaddr *peer, socklen_t len);
/* Bytes of the IP and UDP headers of a datagram to the peer. */
size_t udp_path_overhead(const struct udp_path *p);
/* Same peer, and same address of ours. */
bool udp_path_equal(const struct udp_path *a, const struct udp_path *b);
/* Same peer, whichever of our addresses it talks to: what a session is known by. */
bool udp_path_same_peer(const struct udp_path *a, const struct udp_path *b);
/* Of the peer alone, to go with udp_path_same_peer().  A secret random `seed`
 * keeps strangers from choosing addresses that collide. */
uint64_t udp_path_hash(const struct udp_path *p, uint64_t seed);

/* The memory that receives land in: one for all sockets of a process.  */
struct udp_rx;
struct udp_rx *udp_rx_new(void); /* NULL: out of memory */
void udp_rx_free(struct udp_rx *rx);

enum udp_feature { UDP_GSO = 1, UDP_GRO = 2, UDP_MMSG = 4 };

struct udp_options {
	unsigned sockbuf;  /* SO_RCVBUF and SO_SNDBUF, bytes; 0: leave */
	unsigned dscp;     /* 0 .. 63 */
	unsigned features; /* of enum udp_feature to use if there; ~0u for all */
	/* udp_way.c; the strings are borrowed */
	const char *source; /* the address, as text, that a connected socket sends from; NULL: the kernel's choice */
	const char *device; /* the one network device that is used; NULL: any */
	uint32_t mark;      /* by which the kernel's rules know what is sent; 0: none */
};

/* What is done to open a socket, one after another. */
enum udp_step { UDP_SOCKET, UDP_DEVICE, UDP_MARK, UDP_SOURCE, UDP_BIND, UDP_CONNECT };

struct udp_stats {
	uint64_t recv_errs, send_errs;                   /* errors other than "would block" */
	uint64_t recv_calls, send_calls;                 /* system calls */
	uint64_t in_pkts, in_bytes, out_pkts, out_bytes; /* datagrams, their payload */
	uint64_t too_long; /* tries with what was too long, as the kernel said; no errors */
	int last_errno;    /* of the last error, 0: none so far */
};

struct udp {
	int fd;
	sa_family_t family;
	bool connected;
	enum udp_step step;      /* of its opening the last, at which it may have failed */
	unsigned features;       /* in use */
	uint16_t port;           /* ours, host order */
	unsigned rcvbuf, sndbuf; /* what the kernel gave, in the unit that was asked for */
	struct udp_stats stats;
	bool fragments;        /* IP may cut what is sent now; private */
	bool blocked;          /* the last send met a full socket */
	bool failing;          /* the last udp_recv() met one error after another: rest a little */
	struct batch *backlog; /* sealed packets that wait for it; private */
	unsigned gso_fails;    /* GSO sends refused in a row; private */
	uint64_t gso_retry_at; /* send_calls at which to try GSO again, 0: never; private */
};

/* A non-blocking, close-on-exec socket bound to `addr` (server).  An IPv6 wildcard
 * takes IPv4 as well where the system allows.  0 or -errno. */
int udp_listen(struct udp *u, const struct sockaddr *addr, socklen_t len,
	       const struct udp_options *opt);
/* A socket connected to `addr` (client).  0 or -errno. */
int udp_connect(struct udp *u, const struct sockaddr *addr, socklen_t len,
		const struct udp_options *opt);
/* Why one could not be opened, in words: what udp_listen() or udp_connect() returned, at which step.  Returns buf. */
enum { UDP_WHY_BYTES = 256 };
const char *udp_refusal_text(enum udp_step step, int err, const struct udp_options *opt,
			     char buf[UDP_WHY_BYTES]);
void udp_close(struct udp *u); /* drops the backlog */
/* It goes on for somebody else, who wants these options, of which device and mark are as they were: what it has received
 * waits for him, and what it had to send is dropped.  The statistics begin anew. */
void udp_renew(struct udp *u, const struct udp_options *opt);

/* Our own address that a connected socket sends from, in the place of the peer's; and that which one with these options
 * would get that is connected to this peer now, to which nothing is sent.  0 or -errno. */
int udp_source(const struct udp *u, struct udp_path *ours);
int udp_source_to(const struct udp_path *peer, const struct udp_options *opt, struct udp_path *ours);
/* Can the peer have datagrams from opt->source, as far as its family says? */
bool udp_source_suits(const struct udp_path *peer, const struct udp_options *opt);
/* The device that the socket is bound to is gone, or has another name than opt->device by now; one that came in its place
 * is another one for the kernel. */
bool udp_lost_device(const struct udp *u, const struct udp_options *opt);

/* Receive what is there, at most `max` packets: fills pkts[] with views into rx
 * and paths[] with where each came from; pkts[i].path points to &paths[i].  Valid until the
 * next udp_recv() with this rx.  Returns the number; 0 when nothing was there or only an error
 * (counted; ECONNREFUSED and the like end nothing). *more tells that the socket may
 * hold more.
 * On a connected socket path is NULL and paths[] is left alone (it may be NULL).
 * The kernel may hand over up to UDP_RECV_MIN datagrams in one piece: with a smaller `max`
 * those that do not fit are lost (and counted). */
enum { UDP_RECV_MIN = 64, UDP_RECV_MAX = 1024 };
size_t udp_recv(struct udp *u, struct udp_rx *rx, struct packet *pkts, struct udp_path *paths,
		size_t max, bool *more);

/* Send all packets of a batch, each to its `path` (a const struct udp_path *, borrowed for this
 * call; ignored on a connected socket), in order per path, and clear the batch.  What the
 * socket would not take now is kept, buffers and all, and sets u->blocked: then send nothing
 * more, wait until the fd is writable and call udp_send_backlog().  All batches sent on one
 * socket share a pool, which must outlive the socket.  Other errors are counted and the
 * datagrams they hit are lost. */
void udp_send(struct udp *u, struct batch *b);
/* Try the backlog again; true when it is gone. */
bool udp_send_backlog(struct udp *u);

#endif
