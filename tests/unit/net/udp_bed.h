/* udp_bed.h - UDP sockets on loopback, packets that are known again, and faults put between the module and the kernel. */
#ifndef UDP_BED_H
#define UDP_BED_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "udp.h"
#include "wire.h"

enum { ALL_MASKS = 8, WAIT_MS = 5000 };

/* ---- between the module and the kernel ----
 *
 * The program's own definitions of the socket calls win over libc's, so faults need no hook in
 * the code under test.  Each message asks send_fault, each receive call recv_fault. */

static int (*send_fault)(const struct msghdr *m);
static int (*recv_fault)(void);
static void (*recv_change)(struct msghdr *m);
static bool no_mmsg, no_offload;
static size_t messages_sent;

static inline int sent_or_fault(const struct msghdr *m)
{
	int err = send_fault != NULL ? send_fault(m) : 0;

	if (err == 0)
		messages_sent++;
	return err;
}

static inline int with_errno(int err)
{
	errno = err;
	return -1;
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	int err = sent_or_fault(m);

	return err != 0 ? with_errno(err) : syscall(SYS_sendmsg, fd, m, flags);
}

int sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags)
{
	unsigned good = 0;
	int err = 0;

	if (no_mmsg)
		return with_errno(ENOSYS);
	while (good < n && (err = sent_or_fault(&m[good].msg_hdr)) == 0)
		good++;
	if (good == 0 && err != 0)
		return with_errno(err);
	return (int)syscall(SYS_sendmmsg, fd, m, good, flags);
}

ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	int err = recv_fault != NULL ? recv_fault() : 0;
	ssize_t r = err != 0 ? with_errno(err) : syscall(SYS_recvmsg, fd, m, flags);

	if (r >= 0 && recv_change != NULL)
		recv_change(m);
	return r;
}

int recvmmsg(int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *t)
{
	int err = recv_fault != NULL ? recv_fault() : 0;
	int r;

	if (no_mmsg)
		return with_errno(ENOSYS);
	r = err != 0 ? with_errno(err) : (int)syscall(SYS_recvmmsg, fd, m, n, flags, t);
	for (int i = 0; i < r && recv_change != NULL; i++)
		recv_change(&m[i].msg_hdr);
	return r;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	if (no_offload && level == IPPROTO_UDP)
		return with_errno(ENOPROTOOPT);
	return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

/* ---- what tests share ---- */

static struct packet_pool pool;
static struct batch batch;
static struct udp_rx *rx;
static struct packet got[UDP_RECV_MAX];
static struct udp_path got_path[UDP_RECV_MAX];
static int pending_err, pending_count; /* of faults that count */

static inline int setup(void **state)
{
	(void)state;
	send_fault = NULL;
	recv_fault = NULL;
	recv_change = NULL;
	no_mmsg = no_offload = false;
	messages_sent = 0;
	pending_err = pending_count = 0;
	packet_pool_init(&pool);
	batch_init(&batch, &pool);
	rx = udp_rx_new();
	return rx == NULL;
}

static inline int teardown(void **state)
{
	(void)state;
	batch_clear(&batch);
	packet_pool_dispose(&pool); /* asserts that every buffer came back */
	udp_rx_free(rx);
	return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

union addr {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static inline union addr address(const char *text, uint16_t port, socklen_t *len)
{
	union addr a;

	memset(&a, 0, sizeof(a));
	if (inet_pton(AF_INET, text, &a.v4.sin_addr) == 1) {
		a.v4.sin_family = AF_INET;
		a.v4.sin_port = htons(port);
		*len = sizeof(a.v4);
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &a.v6.sin6_addr), 1);
		a.v6.sin6_family = AF_INET6;
		a.v6.sin6_port = htons(port);
		*len = sizeof(a.v6);
	}
	return a;
}

static inline struct udp_path path_to(const char *text, uint16_t port)
{
	struct udp_path p;
	socklen_t len;
	union addr a = address(text, port, &len);

	assert_true(udp_path_init(&p, &a.sa, len));
	return p;
}

static inline struct udp open_at(const char *text, unsigned features)
{
	struct udp_options opt = { .features = features, .sockbuf = 1 << 20 };
	struct udp u;
	socklen_t len;
	union addr a = address(text, 0, &len);

	assert_int_equal(udp_listen(&u, &a.sa, len, &opt), 0);
	assert_true(u.port != 0);
	return u;
}

static inline struct udp open_to(const char *text, uint16_t port, unsigned features)
{
	struct udp_options opt = { .features = features, .sockbuf = 1 << 20 };
	struct udp u;
	socklen_t len;
	union addr a = address(text, port, &len);

	assert_int_equal(udp_connect(&u, &a.sa, len, &opt), 0);
	return u;
}

static inline bool wait_for(const struct udp *u, short events)
{
	struct pollfd p = { .fd = u->fd, .events = events };

	return poll(&p, 1, WAIT_MS) == 1;
}

/* Packet number n of a stream: its number, then bytes that depend on it. */
static inline void write_packet(struct packet *p, uint32_t n, size_t len, const struct udp_path *path)
{
	p->len = len;
	p->path = path;
	for (size_t i = 0; i < len; i++)
		p->data[i] = (uint8_t)(n * 7 + i);
	if (len >= 4)
		store_le32(p->data, n);
}

static inline void add_packet(uint32_t n, size_t len, const struct udp_path *path)
{
	struct packet *p = batch_add(&batch);

	assert_non_null(p);
	write_packet(p, n, len, path);
}

static inline void check_packet(const struct packet *p, uint32_t n, size_t len)
{
	assert_int_equal(p->len, len);
	assert_null(p->mem);
	assert_false(p->bad);
	if (len >= 4)
		assert_int_equal(load_le32(p->data), n);
	for (size_t i = 4; i < len; i++)
		assert_int_equal(p->data[i], (uint8_t)(n * 7 + i));
}

/* Sizes that make groups of every shape: runs, a shorter last one, singles, a growing one. */
static inline size_t mixed_size(uint32_t n)
{
	static const size_t sizes[] = { 1350, 1350, 1350, 900, 60, 60, 1500, 4, 4, 5, 1350, 1350, 24 };

	return sizes[n % ARRAY_LEN(sizes)];
}

static inline void add_mixed(uint32_t first, uint32_t count, const struct udp_path *path)
{
	for (uint32_t n = first; n < first + count; n++)
		add_packet(n, mixed_size(n), path);
}

/* Receive until packets [first, first + count) of a stream have come, in order. */
static inline void expect_mixed(struct udp *u, uint32_t first, uint32_t count, struct udp_path *from)
{
	uint32_t n = first;

	while (n < first + count) {
		bool more;
		size_t k;

		assert_true(wait_for(u, POLLIN));
		k = udp_recv(u, rx, got, got_path, ARRAY_LEN(got), &more);
		for (size_t i = 0; i < k; i++, n++) {
			check_packet(&got[i], n, mixed_size(n));
			assert_ptr_equal(got[i].path, u->connected ? NULL : &got_path[i]);
			if (from != NULL)
				*from = got_path[i];
		}
	}
	assert_int_equal(n, first + count);
}

static inline void expect_nothing(struct udp *u)
{
	bool more = true;

	assert_int_equal(udp_recv(u, rx, got, got_path, ARRAY_LEN(got), &more), 0);
	assert_false(more);
}

static inline bool have_gso(void)
{
	struct udp u = open_at("127.0.0.1", ~0u);
	bool have = u.features & UDP_GSO;

	udp_close(&u);
	return have;
}

/* pending_count messages pass, then the socket is full. */
static inline int pass_some(const struct msghdr *m)
{
	(void)m;
	if (pending_count == 0)
		return EAGAIN;
	pending_count--;
	return 0;
}

#endif
