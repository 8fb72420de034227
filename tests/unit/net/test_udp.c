/* test_udp.c - UDP sockets on loopback, with faults put between them and the kernel. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "udp.h"
#include "wire.h"

enum { ALL_MASKS = 8, WAIT_MS = 5000, SEGMENT_OPTION = 103 };

/* ---- between the module and the kernel ----
 *
 * The program's own definitions of the socket calls win over libc's, so faults need no hook in
 * the code under test.  Each message asks send_fault, each receive call recv_fault. */

static int (*send_fault)(const struct msghdr *m);
static int (*recv_fault)(void);
static void (*recv_change)(struct msghdr *m);
static bool no_mmsg, no_offload;
static size_t messages_sent;

static int sent_or_fault(const struct msghdr *m)
{
	int err = send_fault != NULL ? send_fault(m) : 0;

	if (err == 0)
		messages_sent++;
	return err;
}

static int with_errno(int err)
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
static int pending_err, pending_count; /* of the faults below */

static int setup(void **state)
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

static int teardown(void **state)
{
	(void)state;
	batch_clear(&batch);
	packet_pool_dispose(&pool); /* asserts that every buffer came back */
	udp_rx_free(rx);
	return 0;
}

static union addr {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
} address(const char *text, uint16_t port, socklen_t *len)
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

static struct udp_path path_to(const char *text, uint16_t port)
{
	struct udp_path p;
	socklen_t len;
	union addr a = address(text, port, &len);

	assert_true(udp_path_init(&p, &a.sa, len));
	return p;
}

static struct udp open_at(const char *text, unsigned features)
{
	struct udp_options opt = { .features = features, .sockbuf = 1 << 20 };
	struct udp u;
	socklen_t len;
	union addr a = address(text, 0, &len);

	assert_int_equal(udp_listen(&u, &a.sa, len, &opt), 0);
	assert_true(u.port != 0);
	return u;
}

static struct udp open_to(const char *text, uint16_t port, unsigned features)
{
	struct udp_options opt = { .features = features, .sockbuf = 1 << 20 };
	struct udp u;
	socklen_t len;
	union addr a = address(text, port, &len);

	assert_int_equal(udp_connect(&u, &a.sa, len, &opt), 0);
	return u;
}

static bool wait_for(const struct udp *u, short events)
{
	struct pollfd p = { .fd = u->fd, .events = events };

	return poll(&p, 1, WAIT_MS) == 1;
}

/* Packet number n of a stream: its number, then bytes that depend on it. */
static void write_packet(struct packet *p, uint32_t n, size_t len, const struct udp_path *path)
{
	p->len = len;
	p->path = path;
	for (size_t i = 0; i < len; i++)
		p->data[i] = (uint8_t)(n * 7 + i);
	if (len >= 4)
		store_le32(p->data, n);
}

static void add_packet(uint32_t n, size_t len, const struct udp_path *path)
{
	struct packet *p = batch_add(&batch);

	assert_non_null(p);
	write_packet(p, n, len, path);
}

static void check_packet(const struct packet *p, uint32_t n, size_t len)
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
static size_t mixed_size(uint32_t n)
{
	static const size_t sizes[] = { 1350, 1350, 1350, 900, 60, 60, 1500, 4, 4, 5, 1350, 1350, 24 };

	return sizes[n % ARRAY_LEN(sizes)];
}

static void add_mixed(uint32_t first, uint32_t count, const struct udp_path *path)
{
	for (uint32_t n = first; n < first + count; n++)
		add_packet(n, mixed_size(n), path);
}

/* Receive until packets [first, first + count) of a stream have come, in order. */
static void expect_mixed(struct udp *u, uint32_t first, uint32_t count, struct udp_path *from)
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

static void expect_nothing(struct udp *u)
{
	bool more = true;

	assert_int_equal(udp_recv(u, rx, got, got_path, ARRAY_LEN(got), &more), 0);
	assert_false(more);
}

static bool is_gso(const struct msghdr *m)
{
	struct msghdr *w = (struct msghdr *)(uintptr_t)m;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(w); c != NULL; c = CMSG_NXTHDR(w, c))
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == SEGMENT_OPTION)
			return true;
	return false;
}

/* The next pending_count messages fail with pending_err. */
static int fail_some(const struct msghdr *m)
{
	(void)m;
	if (pending_count == 0)
		return 0;
	pending_count--;
	return pending_err;
}

static int fail_some_calls(void)
{
	return fail_some(NULL);
}

/* pending_count messages pass, then the socket is full. */
static int pass_some(const struct msghdr *m)
{
	(void)m;
	if (pending_count == 0)
		return EAGAIN;
	pending_count--;
	return 0;
}

static int refuse_gso(const struct msghdr *m)
{
	return is_gso(m) ? pending_err : 0;
}

/* ---- addresses ---- */

static void shows_addresses_as_people_write_them(void **state)
{
	char buf[UDP_ADDR_TEXT];
	struct udp_path p = path_to("192.0.2.1", 29900);

	(void)state;
	assert_string_equal(udp_path_text(&p, buf), "192.0.2.1:29900");
	p = path_to("2001:db8::1", 29900);
	assert_string_equal(udp_path_text(&p, buf), "[2001:db8::1]:29900");
	p = path_to("::ffff:192.0.2.1", 1);
	assert_string_equal(udp_path_text(&p, buf), "192.0.2.1:1");
	p = path_to("fe80::1", 65535);
	p.peer.v6.sin6_scope_id = 3;
	assert_string_equal(udp_path_text(&p, buf), "[fe80::1%3]:65535");
	memset(&p, 0, sizeof(p));
	assert_string_equal(udp_path_text(&p, buf), "-");
}

static void shows_the_longest_address_whole(void **state)
{
	char buf[UDP_ADDR_TEXT];
	struct udp_path p = path_to("fe81:1111:2222:3333:4444:5555:6666:7777", 65535);

	(void)state;
	p.peer.v6.sin6_scope_id = UINT32_MAX;
	assert_string_equal(udp_path_text(&p, buf),
			    "[fe81:1111:2222:3333:4444:5555:6666:7777%4294967295]:65535");
}

static void refuses_addresses_it_cannot_send_to(void **state)
{
	struct sockaddr_storage a;
	struct udp_path p;

	(void)state;
	memset(&a, 0, sizeof(a));
	a.ss_family = AF_UNIX;
	assert_false(udp_path_init(&p, (struct sockaddr *)&a, sizeof(a)));
	a.ss_family = AF_INET;
	assert_false(udp_path_init(&p, (struct sockaddr *)&a, sizeof(struct sockaddr_in) - 1));
	a.ss_family = AF_INET6;
	assert_false(udp_path_init(&p, (struct sockaddr *)&a, sizeof(struct sockaddr_in6) - 1));
	assert_false(udp_path_init(&p, (struct sockaddr *)&a, 0));
}

static void tells_peers_apart_by_all_that_names_them(void **state)
{
	struct udp_path a = path_to("2001:db8::1", 1), b;

	(void)state;
	b = a;
	assert_true(udp_path_equal(&a, &b));
	b.peer.v6.sin6_port++;
	assert_false(udp_path_same_peer(&a, &b));
	b = a;
	b.peer.v6.sin6_addr.s6_addr[15]++;
	assert_false(udp_path_same_peer(&a, &b));
	b = a;
	b.peer.v6.sin6_scope_id++;
	assert_false(udp_path_same_peer(&a, &b));
	a = path_to("192.0.2.1", 1);
	b = path_to("::ffff:192.0.2.1", 1);
	assert_false(udp_path_same_peer(&a, &b));
}

static void knows_a_peer_whichever_of_our_addresses_it_asked(void **state)
{
	struct udp_path a = path_to("2001:db8::1", 1), b = a, c = a;

	(void)state;
	b.local.v6.s6_addr[15] = 1;
	c.local_if = 2;
	assert_true(udp_path_same_peer(&a, &b));
	assert_true(udp_path_same_peer(&a, &c));
	assert_false(udp_path_equal(&a, &b));
	assert_false(udp_path_equal(&a, &c));
	assert_int_equal(udp_path_hash(&a, 5), udp_path_hash(&b, 5));
	assert_int_equal(udp_path_hash(&a, 5), udp_path_hash(&c, 5));
}

static void ignores_the_flow_label_of_a_peer(void **state)
{
	socklen_t len;
	union addr a = address("2001:db8::1", 7, &len);
	struct udp_path p, q;

	(void)state;
	assert_true(udp_path_init(&p, &a.sa, len));
	a.v6.sin6_flowinfo = 99;
	assert_true(udp_path_init(&q, &a.sa, len));
	assert_true(udp_path_equal(&p, &q));
	a.v6.sin6_scope_id = 1; /* this one names the peer */
	assert_true(udp_path_init(&q, &a.sa, len));
	assert_false(udp_path_same_peer(&p, &q));
}

/* Chosen ports of one host, in a table as full as it has buckets: with a random function
 * the fullest of 4096 buckets holds about 7. */
static unsigned fullest_bucket(uint64_t seed, unsigned shift)
{
	static uint8_t load[4096];
	struct udp_path p = path_to("198.51.100.7", 0);
	unsigned most = 0;

	memset(load, 0, sizeof(load));
	for (uint16_t port = 0; port < 4096; port++) {
		uint8_t *b;

		p.peer.v4.sin_port = htons((uint16_t)(port << 4));
		b = &load[udp_path_hash(&p, seed) >> shift & 4095];
		*b = (uint8_t)(*b + 1);
		most = *b > most ? *b : most;
	}
	return most;
}

static void hashes_spread_and_depend_on_the_seed(void **state)
{
	struct udp_path a = path_to("192.0.2.1", 1), b = path_to("192.0.2.1", 2);

	(void)state;
	assert_true(udp_path_hash(&a, 1) != udp_path_hash(&a, 2));
	assert_true(udp_path_hash(&a, 1) != udp_path_hash(&b, 1));
	for (uint64_t seed = 0; seed < 4; seed++) {
		assert_in_range(fullest_bucket(seed << 40, 0), 2, 12);
		assert_in_range(fullest_bucket(seed << 40, 52), 2, 12);
	}
}

/* ---- opening ---- */

static void opens_sockets_that_never_block_nor_leak_into_children(void **state)
{
	struct udp u = open_at("127.0.0.1", ~0u);

	(void)state;
	assert_true(fcntl(u.fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(u.fd, F_GETFD) & FD_CLOEXEC);
	assert_false(u.connected);
	assert_int_equal(u.family, AF_INET);
	udp_close(&u);
	assert_int_equal(u.fd, -1);
	udp_close(&u);
}

static void a_port_that_is_taken_fails_loudly(void **state)
{
	struct udp_options opt = { .features = ~0u };
	struct udp first = open_at("127.0.0.1", ~0u), second;
	socklen_t len;
	union addr a = address("127.0.0.1", first.port, &len);

	(void)state;
	assert_int_equal(udp_listen(&second, &a.sa, len, &opt), -EADDRINUSE);
	assert_int_equal(second.fd, -1);
	udp_close(&first);
}

static void a_failed_open_leaves_no_descriptor(void **state)
{
	struct udp_options opt = { .features = ~0u };
	struct sockaddr odd = { .sa_family = AF_UNIX };
	socklen_t len;
	union addr a = address("255.255.255.255", 9, &len);
	int next = dup(0), refused;
	struct udp u;

	(void)state;
	close(next);
	refused = udp_connect(&u, &a.sa, len, &opt);
	assert_true(refused == -EACCES ||
		    refused == -ENETUNREACH); /* the latter where there is no network */
	assert_int_equal(udp_connect(&u, &odd, sizeof(odd), &opt), -EAFNOSUPPORT);
	a = address("192.0.2.77", 9, &len);
	assert_int_equal(udp_listen(&u, &a.sa, len, &opt), -EADDRNOTAVAIL);
	assert_int_equal(dup(0), next);
	close(next);
}

static int option(const struct udp *u, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(u->fd, level, name, &value, &len), 0);
	return value;
}

static void sets_buffer_sizes_and_tells_what_the_kernel_gave(void **state)
{
	struct udp_options opt = { .features = ~0u, .sockbuf = 100000 };
	socklen_t len;
	union addr a = address("127.0.0.1", 0, &len);
	struct udp u;

	(void)state;
	assert_int_equal(udp_listen(&u, &a.sa, len, &opt), 0);
	assert_int_equal(u.rcvbuf, 100000);
	assert_int_equal(u.sndbuf, 100000);
	udp_close(&u);
	opt.sockbuf = UINT32_MAX; /* clipped somewhere, never wrapped */
	assert_int_equal(udp_listen(&u, &a.sa, len, &opt), 0);
	assert_true(u.rcvbuf > 100000 && u.rcvbuf <= INT32_MAX / 2);
	udp_close(&u);
	opt.sockbuf = 0;
	assert_int_equal(udp_listen(&u, &a.sa, len, &opt), 0);
	assert_true(u.rcvbuf > 0 && u.sndbuf > 0);
	udp_close(&u);
}

static void marks_both_families_with_the_dscp(void **state)
{
	struct udp_options opt = { .features = ~0u, .dscp = 46 };
	socklen_t len;
	union addr a = address("127.0.0.1", 0, &len);
	struct udp u;

	(void)state;
	assert_int_equal(udp_listen(&u, &a.sa, len, &opt), 0);
	assert_int_equal(option(&u, IPPROTO_IP, IP_TOS), 46 << 2);
	udp_close(&u);
	a = address("::", 0, &len);
	assert_int_equal(udp_listen(&u, &a.sa, len, &opt), 0);
	assert_int_equal(option(&u, IPPROTO_IPV6, IPV6_TCLASS), 46 << 2);
	assert_int_equal(option(&u, IPPROTO_IP, IP_TOS), 46 << 2);
	udp_close(&u);
}

#ifdef IP_PMTUDISC_PROBE
static void lets_nobody_fragment(void **state)
{
	struct udp u = open_at("127.0.0.1", ~0u);

	(void)state;
	assert_int_equal(option(&u, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_PROBE);
	udp_close(&u);
	u = open_at("::1", ~0u);
	assert_int_equal(option(&u, IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_PROBE);
	udp_close(&u);
}

static void what_may_be_cut_goes_between_others(void **state)
{
	static uint8_t bytes[1000];

	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp server = open_at("127.0.0.1", mask);
		struct udp client = open_to("127.0.0.1", server.port, mask);

		for (unsigned i = 0; i < 6; i++)
			batch.v[batch.count++] = (struct packet){ .data = bytes,
								  .len = sizeof(bytes),
								  .may_fragment = i % 3 == 1 };
		udp_send(&client, &batch);
		assert_int_equal(client.stats.out_pkts, 6);
		assert_int_equal(option(&client, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_PROBE);
		assert_int_equal(client.stats.send_errs + client.stats.too_long, 0);
		udp_close(&client);
		udp_close(&server);
	}
}
#endif

static void uses_no_feature_that_was_not_asked_for(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp u = open_at("127.0.0.1", mask);

		assert_int_equal(u.features & ~mask, 0);
		udp_close(&u);
	}
}

/* ---- there and back ---- */

struct route {
	const char *server, *dial, *shown;
};

static const struct route routes[] = {
	{ "127.0.0.1", "127.0.0.1", "127.0.0.1:" },
	{ "::1", "::1", "[::1]:" },
	{ "::", "127.0.0.1", "127.0.0.1:" }, /* dual stack, mapped */
	{ "::", "::1", "[::1]:" },
	{ "0.0.0.0", "127.0.0.2", "127." }, /* must answer from 127.0.0.2 */
	{ "::", "127.0.0.2", "127." },
};

static void check_path(const struct udp_path *p, const struct route *r, uint16_t port)
{
	char buf[UDP_ADDR_TEXT], tail[8];

	udp_path_text(p, buf);
	snprintf(tail, sizeof(tail), ":%u", port);
	assert_int_equal(strncmp(buf, r->shown, strlen(r->shown)), 0);
	assert_string_equal(strrchr(buf, ':'), tail);
}

/* A connected client hears nobody but the address it asked, so hearing the
 * answer proves where that came from. */
static void there_and_back(const struct route *r, unsigned server_mask, unsigned client_mask)
{
	struct udp server = open_at(r->server, server_mask);
	struct udp client = open_to(r->dial, server.port, client_mask);
	struct udp_path from;

	add_mixed(0, 100, NULL);
	udp_send(&client, &batch);
	assert_int_equal(batch.count, 0);
	expect_mixed(&server, 0, 100, &from);
	check_path(&from, r, client.port);
	add_mixed(100, 77, &from);
	udp_send(&server, &batch);
	expect_mixed(&client, 100, 77, NULL);
	assert_int_equal(client.stats.out_pkts, 100);
	assert_int_equal(server.stats.in_pkts, 100);
	assert_int_equal(server.stats.in_bytes, client.stats.out_bytes);
	assert_int_equal(client.stats.in_pkts, 77);
	assert_int_equal(client.stats.in_bytes, server.stats.out_bytes);
	assert_int_equal(client.stats.send_errs + client.stats.recv_errs, 0);
	assert_int_equal(server.stats.send_errs + server.stats.recv_errs, 0);
	assert_int_equal(pool.used_count, 0);
	expect_nothing(&client);
	expect_nothing(&server);
	udp_close(&client);
	udp_close(&server);
}

static void carries_batches_on_every_route_with_every_mix_of_features(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(routes); i++)
		for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
			there_and_back(&routes[i], mask, mask);
			there_and_back(&routes[i], mask, ALL_MASKS - 1 - mask);
		}
}

static void carries_batches_where_the_kernel_lacks_everything(void **state)
{
	(void)state;
	no_offload = no_mmsg = true;
	for (size_t i = 0; i < ARRAY_LEN(routes); i++)
		there_and_back(&routes[i], ~0u, ~0u);
}

static void notices_missing_system_calls_once(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u);
	struct udp client = open_to("127.0.0.1", server.port, ~0u);

	(void)state;
	no_mmsg = true;
	add_mixed(0, 10, NULL);
	udp_send(&client, &batch);
	expect_mixed(&server, 0, 10, NULL);
	assert_int_equal(client.features & UDP_MMSG, 0);
	assert_int_equal(server.features & UDP_MMSG, 0);
	assert_int_equal(client.stats.send_errs + server.stats.recv_errs, 0);
	udp_close(&client);
	udp_close(&server);
}

static void serves_many_clients_and_answers_each_in_order(void **state)
{
	enum { CLIENTS = 5, EACH = 12 };

	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp server = open_at("0.0.0.0", mask), client[CLIENTS];
		struct udp_path path[CLIENTS];

		for (int c = 0; c < CLIENTS; c++) {
			client[c] = open_to("127.0.0.1", server.port, mask);
			add_mixed(0, 3, NULL);
			udp_send(&client[c], &batch);
			expect_mixed(&server, 0, 3, &path[c]);
		}
		for (uint32_t n = 0; n < EACH; n++) /* interleaved: every path its own order */
			for (int c = 0; c < CLIENTS; c++)
				add_packet(n, mixed_size(n), &path[c]);
		udp_send(&server, &batch);
		for (int c = 0; c < CLIENTS; c++) {
			expect_mixed(&client[c], 0, EACH, NULL);
			expect_nothing(&client[c]);
			udp_close(&client[c]);
		}
		udp_close(&server);
	}
}

/* ---- grouping ---- */

/* The messages that packets of these sizes to one peer become. */
static size_t messages_for(const size_t *sizes, size_t count)
{
	struct udp server = open_at("127.0.0.1", ~0u);
	struct udp client = open_to("127.0.0.1", server.port, ~0u);
	size_t sent;

	for (size_t i = 0; i < count; i++)
		add_packet((uint32_t)i, sizes[i], NULL);
	messages_sent = 0;
	udp_send(&client, &batch);
	sent = messages_sent;
	assert_int_equal(client.stats.out_pkts, count);
	for (uint32_t n = 0; n < count;) {
		bool more;
		size_t k;

		assert_true(wait_for(&server, POLLIN));
		k = udp_recv(&server, rx, got, got_path, ARRAY_LEN(got), &more);
		for (size_t i = 0; i < k; i++, n++)
			check_packet(&got[i], n, sizes[n]);
	}
	udp_close(&client);
	udp_close(&server);
	return sent;
}

static bool have_gso(void)
{
	struct udp u = open_at("127.0.0.1", ~0u);
	bool have = u.features & UDP_GSO;

	udp_close(&u);
	return have;
}

static void equal_packets_leave_in_one_message(void **state)
{
	static const struct {
		size_t count, messages, sizes[6];
	} cases[] = {
		{ 1, 1, { 100 } },
		{ 3, 1, { 100, 100, 100 } },
		{ 3, 1, { 100, 100, 99 } },
		{ 4, 2, { 100, 100, 50, 50 } },
		{ 3, 2, { 100, 100, 101 } },
		{ 3, 2, { 50, 100, 50 } },
		{ 6, 3, { 100, 50, 100, 50, 100, 50 } },
	};

	(void)state;
	if (!have_gso())
		skip();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(messages_for(cases[i].sizes, cases[i].count), cases[i].messages);
}

static void messages_keep_within_the_limits_of_gso(void **state)
{
	size_t sizes[200];

	(void)state;
	if (!have_gso())
		skip();
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		sizes[i] = 20;
	assert_int_equal(messages_for(sizes, 64), 1);
	assert_int_equal(messages_for(sizes, 65), 2);
	assert_int_equal(messages_for(sizes, 128), 2);
	assert_int_equal(messages_for(sizes, 129), 3);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		sizes[i] = 1500; /* 43 fit in 65507 bytes */
	assert_int_equal(messages_for(sizes, 43), 1);
	assert_int_equal(messages_for(sizes, 44), 2);
	assert_int_equal(messages_for(sizes, 87), 3);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		sizes[i] = 1489; /* 44 of them make 65516 */
	assert_int_equal(messages_for(sizes, 44), 2);
}

static void packets_to_equal_paths_share_a_message_to_others_not(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u);
	struct udp_path a = path_to("127.0.0.1", server.port), same = a, other = a;

	(void)state;
	if (!(server.features & UDP_GSO)) {
		udp_close(&server);
		skip();
	}
	other.local.v4.s_addr = htonl(INADDR_LOOPBACK);
	add_packet(0, 100, &a);
	add_packet(1, 100, &same);
	add_packet(2, 100, &other);
	udp_send(&server, &batch);
	assert_int_equal(messages_sent, 2);
	udp_close(&server);
}

static void a_connected_socket_ignores_paths(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u);
	struct udp client = open_to("127.0.0.1", server.port, ~0u);
	struct udp_path a = path_to("192.0.2.1", 1), b = path_to("192.0.2.2", 2);

	(void)state;
	for (uint32_t n = 0; n < 10; n++)
		add_packet(n, mixed_size(n), n % 2 == 0 ? &a : &b);
	udp_send(&client, &batch);
	expect_mixed(&server, 0, 10, NULL);
	if (client.features & UDP_GSO)
		assert_int_equal(messages_sent, 5); /* 4, 2, 1, 2, 1 */
	udp_close(&client);
	udp_close(&server);
}

static void empty_packets_are_sent_alone_and_skipped_by_the_receiver(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		static const size_t sizes[] = { 0, 40, 40, 0, 0, 20, 40 };
		struct udp server = open_at("127.0.0.1", mask);
		struct udp client = open_to("127.0.0.1", server.port, mask);
		uint32_t seen = 0;

		for (uint32_t i = 0; i < ARRAY_LEN(sizes); i++)
			add_packet(i, sizes[i], NULL);
		udp_send(&client, &batch);
		while (server.stats.in_pkts < ARRAY_LEN(sizes)) {
			bool more;
			size_t k;

			assert_true(wait_for(&server, POLLIN));
			k = udp_recv(&server, rx, got, got_path, ARRAY_LEN(got), &more);
			for (size_t i = 0; i < k; i++)
				seen |= 1u << load_le32(got[i].data);
		}
		assert_int_equal(seen, 0x66);
		assert_int_equal(server.stats.in_bytes, 140);
		udp_close(&client);
		udp_close(&server);
	}
}

/* ---- receiving ---- */

static void a_train_of_packets_comes_in_one_call(void **state)
{
	struct udp server = open_at("127.0.0.1", UDP_GRO);
	struct udp client = open_to("127.0.0.1", server.port, UDP_GSO);
	bool more;

	(void)state;
	if (!(server.features & UDP_GRO) || !(client.features & UDP_GSO)) {
		udp_close(&client);
		udp_close(&server);
		skip();
	}
	for (uint32_t n = 0; n < 40; n++)
		add_packet(n, n < 39 ? 1350 : 8, NULL);
	udp_send(&client, &batch);
	assert_int_equal(client.stats.send_calls, 1);
	assert_true(wait_for(&server, POLLIN));
	assert_int_equal(udp_recv(&server, rx, got, got_path, 64, &more), 40);
	assert_true(more); /* 24 places are too few for another train */
	assert_int_equal(server.stats.recv_calls, 1);
	check_packet(&got[39], 39, 8);
	udp_close(&client);
	udp_close(&server);
}

static void packets_above_max_stay_in_the_socket(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		size_t max = mask & UDP_GRO ? UDP_RECV_MIN : 7;
		struct udp server = open_at("127.0.0.1", mask);
		struct udp client = open_to("127.0.0.1", server.port, mask);
		uint32_t n = 0;

		add_mixed(0, 100, NULL);
		udp_send(&client, &batch);
		while (n < 100) {
			bool more;
			size_t k;

			assert_true(wait_for(&server, POLLIN));
			k = udp_recv(&server, rx, got, got_path, max, &more);
			assert_true(k <= max);
			assert_true(more || n + k == 100);
			for (size_t i = 0; i < k; i++, n++)
				check_packet(&got[i], n, mixed_size(n));
		}
		assert_int_equal(server.stats.recv_errs, 0);
		udp_close(&client);
		udp_close(&server);
	}
}

static void a_train_longer_than_max_is_cut_and_counted(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u);
	struct udp client = open_to("127.0.0.1", server.port, ~0u);
	bool more;

	(void)state;
	if (!(server.features & UDP_GRO)) {
		udp_close(&client);
		udp_close(&server);
		skip();
	}
	for (uint32_t n = 0; n < 40; n++)
		add_packet(n, 100, NULL);
	udp_send(&client, &batch);
	assert_true(wait_for(&server, POLLIN));
	got[10].len = 12345;
	assert_int_equal(udp_recv(&server, rx, got, got_path, 10, &more), 10);
	assert_int_equal(got[10].len, 12345);
	assert_int_equal(server.stats.recv_errs, 1);
	assert_int_equal(server.stats.last_errno, ENOBUFS);
	assert_int_equal(udp_recv(&server, rx, got, got_path, 0, &more), 0);
	assert_true(more);
	udp_close(&client);
	udp_close(&server);
}

static void tells_when_the_socket_is_empty(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp server = open_at("127.0.0.1", mask);
		struct udp client = open_to("127.0.0.1", server.port, mask);
		bool more = true;

		add_mixed(0, 1, NULL);
		udp_send(&client, &batch);
		assert_true(wait_for(&server, POLLIN));
		assert_int_equal(udp_recv(&server, rx, got, got_path, UDP_RECV_MAX, &more), 1);
		assert_false(more);
		udp_close(&client);
		udp_close(&server);
	}
}

static void a_flood_of_empty_datagrams_ends(void **state)
{
	struct udp server = open_at("127.0.0.1", 0);
	struct udp client = open_to("127.0.0.1", server.port, 0);
	bool more;

	(void)state;
	for (uint32_t n = 0; n < 20; n++)
		add_packet(n, 0, NULL);
	udp_send(&client, &batch);
	assert_true(wait_for(&server, POLLIN));
	assert_int_equal(udp_recv(&server, rx, got, got_path, 8, &more), 0);
	assert_int_equal(server.stats.recv_calls, 8);
	assert_true(more);
	udp_close(&client);
	udp_close(&server);
}

static void datagrams_longer_than_ours_are_seen_to_be(void **state)
{
	static const size_t sizes[] = { 1501, 2047, 2048, 2049, 9000, 65507 };
	static uint8_t big[65507];

	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp server = open_at("127.0.0.1", mask);
		struct udp client = open_to("127.0.0.1", server.port, mask);
		bool slots = (server.features & (UDP_MMSG | UDP_GRO)) == UDP_MMSG;

		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			size_t want = slots && sizes[i] > 2048 ? 2048 : sizes[i];
			bool more;

			assert_int_equal(send(client.fd, big, sizes[i], 0), sizes[i]);
			assert_true(wait_for(&server, POLLIN));
			assert_int_equal(udp_recv(&server, rx, got, got_path, 64, &more), 1);
			assert_int_equal(got[0].len, want);
			assert_true(got[0].len > PACKET_MTU_MAX);
		}
		udp_close(&client);
		udp_close(&server);
	}
}

static void forge_port_zero(struct msghdr *m)
{
	((struct sockaddr_in *)m->msg_name)->sin_port = 0;
}

static void forge_no_address(struct msghdr *m)
{
	m->msg_namelen = 0;
}

static void skips_datagrams_that_cannot_be_answered(void **state)
{
	void (*forge[])(struct msghdr *) = { forge_port_zero, forge_no_address };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forge); i++) {
		struct udp server = open_at("127.0.0.1", ~0u);
		struct udp client = open_to("127.0.0.1", server.port, ~0u);
		bool more;

		add_mixed(0, 10, NULL);
		udp_send(&client, &batch);
		recv_change = forge[i];
		while (server.stats.in_pkts < 10) {
			assert_true(wait_for(&server, POLLIN));
			assert_int_equal(udp_recv(&server, rx, got, got_path, 64, &more), 0);
		}
		recv_change = NULL;
		udp_close(&client);
		udp_close(&server);
	}
}

static void learns_the_address_that_was_asked(void **state)
{
	struct udp server = open_at("0.0.0.0", ~0u), six = open_at("::", ~0u);
	struct udp client = open_to("127.0.0.2", server.port, ~0u);
	struct udp mapped = open_to("127.0.0.3", six.port, ~0u);
	struct udp_path from;
	char buf[INET6_ADDRSTRLEN];

	(void)state;
	add_mixed(0, 1, NULL);
	udp_send(&client, &batch);
	expect_mixed(&server, 0, 1, &from);
	assert_string_equal(inet_ntop(AF_INET, &from.local, buf, sizeof(buf)), "127.0.0.2");
	assert_int_equal(from.local_if, 0);
	add_mixed(0, 1, NULL);
	udp_send(&mapped, &batch);
	expect_mixed(&six, 0, 1, &from);
	assert_string_equal(inet_ntop(AF_INET6, &from.local, buf, sizeof(buf)), "::ffff:127.0.0.3");
	assert_int_equal(from.local_if, 0);
	udp_close(&client);
	udp_close(&mapped);
	udp_close(&server);
	udp_close(&six);
}

/* What the kernel would say of a datagram to a group or from a link-local peer. */
static struct in6_pktinfo forged_info;
static const char *forged_peer;

static void forge_info(struct msghdr *m)
{
	struct sockaddr_in6 *peer = m->msg_name;

	inet_pton(AF_INET6, forged_peer, &peer->sin6_addr);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			memcpy(CMSG_DATA(c), &forged_info, sizeof(forged_info));
}

static struct udp_path path_of_forged(const char *peer, const char *local)
{
	struct udp six = open_at("::", ~0u);
	struct udp client = open_to("::1", six.port, ~0u);
	struct udp_path from;

	forged_peer = peer;
	inet_pton(AF_INET6, local, &forged_info.ipi6_addr);
	forged_info.ipi6_ifindex = 9;
	recv_change = forge_info;
	add_mixed(0, 1, NULL);
	udp_send(&client, &batch);
	expect_mixed(&six, 0, 1, &from);
	recv_change = NULL;
	udp_close(&client);
	udp_close(&six);
	return from;
}

static void never_answers_from_a_group_address(void **state)
{
	struct in6_addr none = IN6ADDR_ANY_INIT;
	struct udp_path p = path_of_forged("2001:db8::1", "ff02::1");

	(void)state;
	assert_memory_equal(&p.local, &none, sizeof(none));
	p = path_of_forged("::ffff:192.0.2.1", "::ffff:224.0.0.1");
	assert_memory_equal(&p.local, &none, sizeof(none));
	p = path_of_forged("2001:db8::1", "2001:db8::2");
	assert_int_equal(p.local.v6.s6_addr[15], 2);
}

static void remembers_the_interface_of_link_local_peers_only(void **state)
{
	(void)state;
	assert_int_equal(path_of_forged("fe80::1", "fe80::2").local_if, 9);
	assert_int_equal(path_of_forged("fe80::1", "ff02::1").local_if, 9);
	assert_int_equal(path_of_forged("2001:db8::1", "2001:db8::2").local_if, 0);
}

static struct in6_pktinfo sent_info;
static size_t sent_control;

static int keep_info(const struct msghdr *m)
{
	struct msghdr *w = (struct msghdr *)(uintptr_t)m;

	sent_control = m->msg_controllen;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(w); c != NULL; c = CMSG_NXTHDR(w, c))
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			memcpy(&sent_info, CMSG_DATA(c), sizeof(sent_info));
	return ENETUNREACH;
}

static void names_source_and_interface_when_it_answers(void **state)
{
	struct udp six = open_at("::", ~0u);
	struct udp_path p = path_to("fe80::1", 9);

	(void)state;
	send_fault = keep_info;
	p.local.v6 = p.peer.v6.sin6_addr;
	p.local_if = 9;
	add_packet(0, 10, &p);
	udp_send(&six, &batch);
	assert_int_equal(sent_info.ipi6_ifindex, 9);
	assert_memory_equal(&sent_info.ipi6_addr, &p.local.v6, sizeof(p.local.v6));
	p = path_to("2001:db8::1", 9);
	add_packet(0, 10, &p);
	udp_send(&six, &batch);
	assert_int_equal(sent_control, 0);
	udp_close(&six);
}

/* ---- a full socket ---- */

static void a_full_socket_keeps_the_rest_in_order(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		for (int pass = 0; pass < 12; pass++) {
			struct udp server = open_at("127.0.0.1", mask);
			struct udp client = open_to("127.0.0.1", server.port, mask);

			send_fault = pass_some;
			pending_count = pass;
			add_mixed(0, 50, NULL);
			udp_send(&client, &batch);
			assert_true(client.blocked);
			assert_int_equal(batch.count, 0);
			assert_int_equal(pool.used_count, 50 - client.stats.out_pkts);
			for (int i = 0; i < 3; i++) { /* trickle */
				pending_count = 1;
				assert_false(udp_send_backlog(&client));
				assert_int_equal(pool.used_count, 50 - client.stats.out_pkts);
			}
			send_fault = NULL;
			assert_true(udp_send_backlog(&client));
			assert_false(client.blocked);
			assert_null(client.backlog);
			assert_int_equal(pool.used_count, 0);
			expect_mixed(&server, 0, 50, NULL);
			expect_nothing(&server);
			assert_int_equal(client.stats.send_errs, 0);
			udp_close(&client);
			udp_close(&server);
		}
	}
}

static void kept_packets_move_without_a_copy_and_outlive_their_path(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u), other = open_at("127.0.0.1", ~0u);
	struct udp_path path = path_to("127.0.0.1", server.port);
	uint8_t *data;

	(void)state;
	send_fault = pass_some;
	add_mixed(0, 9, &path);
	data = batch.v[8].data;
	udp_send(&other, &batch);
	memset(&path, 0x55, sizeof(path));
	assert_non_null(other.backlog);
	assert_int_equal(other.backlog->count, 9);
	assert_ptr_equal(other.backlog->v[8].data, data);
	send_fault = NULL;
	assert_true(udp_send_backlog(&other));
	expect_mixed(&server, 0, 9, NULL);
	udp_close(&other);
	udp_close(&server);
}

static void packets_sent_to_a_blocked_socket_wait_behind_the_others(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u);
	struct udp client = open_to("127.0.0.1", server.port, ~0u);

	(void)state;
	send_fault = pass_some;
	add_mixed(0, 10, NULL);
	udp_send(&client, &batch);
	send_fault = NULL; /* there is room again, but not for those to overtake */
	add_mixed(10, 10, NULL);
	udp_send(&client, &batch);
	assert_int_equal(client.stats.out_pkts, 0);
	assert_true(udp_send_backlog(&client));
	expect_mixed(&server, 0, 20, NULL);
	udp_close(&client);
	udp_close(&server);
}

static void packets_beyond_the_backlog_are_dropped_and_counted(void **state)
{
	struct udp client = open_to("127.0.0.1", 9, ~0u);

	(void)state;
	send_fault = pass_some;
	for (int i = 0; i < 2; i++) {
		add_mixed(0, 300, NULL);
		udp_send(&client, &batch);
	}
	assert_int_equal(pool.used_count, BATCH_MAX);
	assert_int_equal(client.stats.send_errs, 600 - BATCH_MAX);
	udp_close(&client);
	assert_int_equal(pool.used_count, 0);
}

static void a_packet_without_a_buffer_of_its_own_is_not_kept(void **state)
{
	struct udp client = open_to("127.0.0.1", 9, ~0u);
	uint8_t bytes[10] = { 0 };

	(void)state;
	batch.v[batch.count++] = (struct packet){ .data = bytes, .len = sizeof(bytes) };
	send_fault = pass_some;
	udp_send(&client, &batch);
	assert_int_equal(client.stats.send_errs, 1);
	send_fault = NULL;
	assert_true(udp_send_backlog(&client));
	assert_false(client.blocked);
	udp_close(&client);
}

static void closing_drops_what_waited(void **state)
{
	struct udp client = open_to("127.0.0.1", 9, ~0u);

	(void)state;
	send_fault = pass_some;
	add_mixed(0, 20, NULL);
	udp_send(&client, &batch);
	assert_int_equal(pool.used_count, 20);
	udp_close(&client);
	assert_int_equal(pool.used_count, 0);
	assert_null(client.backlog);
	assert_false(client.blocked);
}

static void sending_nothing_does_nothing(void **state)
{
	struct udp client = open_to("127.0.0.1", 9, ~0u);

	(void)state;
	udp_send(&client, &batch);
	assert_true(udp_send_backlog(&client));
	assert_int_equal(client.stats.send_calls, 0);
	udp_close(&client);
}

/* ---- errors ---- */

/* Wait for the ICMP answer to what was sent, without taking it. */
static void send_into_the_void(struct udp *client)
{
	add_packet(0, 10, NULL);
	udp_send(client, &batch);
	assert_int_equal(client->stats.send_errs, 0);
	assert_true(wait_for(client, 0)); /* POLLERR needs no asking */
}

static void an_old_refusal_costs_no_new_datagram(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp server = open_at("127.0.0.1", mask);
		struct udp client = open_to("127.0.0.1", server.port, mask);
		struct udp_options opt = { .features = mask };
		socklen_t len;
		union addr a = address("127.0.0.1", server.port, &len);

		udp_close(&server);
		send_into_the_void(&client);
		assert_int_equal(udp_listen(&server, &a.sa, len, &opt), 0);
		add_mixed(0, 20, NULL);
		udp_send(&client, &batch);
		assert_int_equal(client.stats.send_errs, 1);
		assert_int_equal(client.stats.last_errno, ECONNREFUSED);
		expect_mixed(&server, 0, 20, NULL);
		udp_close(&client);
		udp_close(&server);
	}
}

static void a_refusal_met_while_receiving_is_counted_only(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp server = open_at("127.0.0.1", mask);
		struct udp client = open_to("127.0.0.1", server.port, mask);

		udp_close(&server);
		send_into_the_void(&client);
		expect_nothing(&client);
		assert_int_equal(client.stats.recv_errs, 1);
		assert_int_equal(client.stats.last_errno, ECONNREFUSED);
		udp_close(&client);
	}
}

static void reads_on_behind_errors_but_not_for_ever(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp server = open_at("127.0.0.1", mask);
		struct udp client = open_to("127.0.0.1", server.port, mask);
		bool more;

		add_mixed(0, 5, NULL);
		udp_send(&client, &batch);
		recv_fault = fail_some_calls;
		pending_err = EHOSTUNREACH;
		pending_count = 1000;
		assert_int_equal(udp_recv(&server, rx, got, got_path, 64, &more), 0);
		assert_int_equal(server.stats.recv_errs, 4);
		pending_count = 2;
		expect_mixed(&server, 0, 5, NULL);
		assert_int_equal(server.stats.recv_errs, 6);
		pending_err = EINTR;
		pending_count = 2;
		expect_nothing(&server);
		assert_int_equal(server.stats.recv_errs, 6);
		udp_close(&client);
		udp_close(&server);
	}
}

/* Which datagrams survive when the first message meets `err` so many times. */
static void first_message_meets(int err, int times, uint32_t lost, uint64_t errs)
{
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp server = open_at("127.0.0.1", mask & ~(unsigned)UDP_GSO);
		struct udp client = open_to("127.0.0.1", server.port, mask & ~(unsigned)UDP_GSO);

		send_fault = fail_some;
		pending_err = err;
		pending_count = times;
		add_mixed(0, 20, NULL);
		udp_send(&client, &batch);
		assert_int_equal(client.stats.send_errs, errs);
		if (errs > 0)
			assert_int_equal(client.stats.last_errno, err);
		assert_false(client.blocked);
		expect_mixed(&server, lost, 20 - lost, NULL);
		expect_nothing(&server);
		udp_close(&client);
		udp_close(&server);
	}
}

static void a_datagram_that_meets_an_error_is_tried_once_more(void **state)
{
	(void)state;
	first_message_meets(EHOSTUNREACH, 1, 0, 1);
	first_message_meets(EHOSTUNREACH, 2, 1, 2);
	first_message_meets(ENETUNREACH, 4, 2, 4);
	first_message_meets(EINTR, 3, 0, 0);
}

static int every_other_fails(const struct msghdr *m)
{
	(void)m;
	return pending_count++ % 2 == 0 ? ECONNREFUSED : 0;
}

static void each_datagram_has_its_own_second_try(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp server = open_at("127.0.0.1", mask);
		struct udp client = open_to("127.0.0.1", server.port, mask);

		send_fault = every_other_fails;
		pending_count = 0;
		add_mixed(0, 30, NULL);
		udp_send(&client, &batch);
		/* sendmmsg keeps quiet about an error behind a message that went */
		assert_true(client.stats.send_errs > (client.features & UDP_MMSG ? 0 : 1));
		expect_mixed(&server, 0, 30, NULL);
		udp_close(&client);
		udp_close(&server);
	}
}

static void a_datagram_without_buffer_space_is_lost_and_the_rest_goes(void **state)
{
	(void)state;
	first_message_meets(ENOBUFS, 1, 1, 1);
	first_message_meets(ENOMEM, 2, 2, 2);
}

static void an_unconnected_socket_tries_each_datagram_once(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u), other = open_at("127.0.0.1", 0);
	struct udp_path path = path_to("127.0.0.1", server.port);

	(void)state;
	send_fault = fail_some;
	pending_err = EPERM; /* a firewall's refusal */
	pending_count = 1;
	add_mixed(0, 5, &path);
	udp_send(&other, &batch);
	assert_int_equal(other.stats.send_errs, 1);
	assert_int_equal(other.stats.send_calls, 5);
	expect_mixed(&server, 1, 4, NULL);
	udp_close(&other);
	udp_close(&server);
}

static void a_datagram_too_long_for_udp_is_counted_and_the_rest_goes(void **state)
{
	static uint8_t big[70000];

	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp server = open_at("127.0.0.1", mask);
		struct udp client = open_to("127.0.0.1", server.port, mask);

		batch.v[batch.count++] = (struct packet){ .data = big, .len = sizeof(big) };
		batch.v[batch.count++] = (struct packet){ .data = big, .len = sizeof(big) };
		add_mixed(0, 20, NULL);
		udp_send(&client, &batch);
		assert_true(client.stats.too_long >= 2);
		assert_int_equal(client.stats.send_errs, 0);
		assert_int_equal(client.stats.out_pkts, 20);
		expect_mixed(&server, 0, 20, NULL);
		assert_int_equal(client.features & UDP_GSO, server.features & UDP_GSO);
		udp_close(&client);
		udp_close(&server);
	}
}

/* ---- GSO refused ---- */

static void send_equal(struct udp *client, struct udp *server, uint32_t count)
{
	for (uint32_t n = 0; n < count; n++)
		add_packet(n, 500, NULL);
	udp_send(client, &batch);
	for (uint32_t n = 0; n < count;) {
		bool more;
		size_t k;

		assert_true(wait_for(server, POLLIN));
		k = udp_recv(server, rx, got, got_path, ARRAY_LEN(got), &more);
		for (size_t i = 0; i < k; i++, n++)
			check_packet(&got[i], n, 500);
	}
}

static void gso_that_is_always_refused_is_given_up_and_tried_again_later(void **state)
{
	static const int errors[] = { EINVAL, EIO, EMSGSIZE, EOPNOTSUPP };

	(void)state;
	if (!have_gso())
		skip();
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		struct udp server = open_at("127.0.0.1", ~0u);
		struct udp client = open_to("127.0.0.1", server.port, ~0u);

		send_fault = refuse_gso;
		pending_err = errors[i];
		for (int n = 0; n < 8; n++) {
			assert_true(client.features & UDP_GSO);
			send_equal(&client, &server, 20);
		}
		assert_false(client.features & UDP_GSO);
		assert_int_equal(client.stats.send_errs, 0);
		client.stats.send_calls += 20000;
		send_equal(&client, &server, 20); /* one more refusal */
		assert_false(client.features & UDP_GSO);
		send_fault = NULL;
		client.stats.send_calls += 20000;
		messages_sent = 0;
		send_equal(&client, &server, 20);
		assert_int_equal(messages_sent, 1);
		assert_int_equal(client.gso_fails, 0);
		udp_close(&client);
		udp_close(&server);
	}
}

static void a_refusal_now_and_then_leaves_gso_on(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u);
	struct udp client = open_to("127.0.0.1", server.port, ~0u);

	(void)state;
	if (client.features & UDP_GSO) {
		pending_err = EINVAL;
		for (int n = 0; n < 30; n++) {
			send_fault = n % 4 == 3 ? NULL : refuse_gso;
			send_equal(&client, &server, 20);
			assert_true(client.features & UDP_GSO);
		}
	}
	udp_close(&client);
	udp_close(&server);
}

/* Port 0 makes every send fail with EINVAL, which is also how GSO is refused. */
static void gso_is_not_blamed_for_a_bad_peer(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u), other = open_at("127.0.0.1", ~0u);
	struct udp_path good = path_to("127.0.0.1", server.port), bad = path_to("127.0.0.1", 0);
	unsigned features = server.features;

	(void)state;
	for (int n = 0; n < 20; n++) {
		for (uint32_t i = 0; i < 4; i++)
			add_packet(i, 100, &bad);
		udp_send(&server, &batch);
	}
	assert_int_equal(server.features, features);
	assert_int_equal(server.stats.send_errs, 80);
	assert_int_equal(server.stats.out_pkts, 0);
	add_packet(0, 100, &bad);
	add_packet(1, 100, &bad);
	add_mixed(0, 10, &good);
	udp_send(&other, &batch);
	expect_mixed(&server, 0, 10, NULL);
	udp_close(&other);
	udp_close(&server);
}

/* The firewall stops the group, and then its first datagram. */
static int refuse_group_and_first(const struct msghdr *m)
{
	if (is_gso(m)) {
		pending_count = 1;
		return EIO;
	}
	return pending_count-- > 0 ? EPERM : 0;
}

static void gso_is_not_blamed_when_a_datagram_alone_fails_too(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u), other = open_at("127.0.0.1", ~0u);
	struct udp_path path = path_to("127.0.0.1", server.port);
	unsigned features = other.features;

	(void)state;
	send_fault = refuse_group_and_first;
	for (int n = 0; n < 20; n++) {
		for (uint32_t i = 0; i < 4; i++)
			add_packet(i, 100, &path);
		udp_send(&other, &batch);
	}
	assert_int_equal(other.features, features);
	if (features & UDP_GSO)
		assert_int_equal(other.stats.out_pkts, 60);
	udp_close(&other);
	udp_close(&server);
}

static bool refused_once;

static int refuse_gso_then_fill_up(const struct msghdr *m)
{
	if (is_gso(m)) {
		refused_once = true;
		return EINVAL;
	}
	return refused_once ? pass_some(m) : 0;
}

static void a_socket_that_fills_up_during_the_fallback_loses_nothing(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u);
	struct udp client = open_to("127.0.0.1", server.port, ~0u);

	(void)state;
	if (client.features & UDP_GSO) {
		refused_once = false;
		send_fault = refuse_gso_then_fill_up;
		pending_count = 3;
		for (uint32_t n = 0; n < 20; n++)
			add_packet(n, mixed_size(0), NULL);
		udp_send(&client, &batch);
		assert_true(client.blocked);
		assert_int_equal(client.stats.out_pkts, 3);
		send_fault = NULL;
		assert_true(udp_send_backlog(&client));
		assert_int_equal(client.stats.out_pkts, 20);
	}
	udp_close(&client);
	udp_close(&server);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(shows_addresses_as_people_write_them),
		T(shows_the_longest_address_whole),
		T(refuses_addresses_it_cannot_send_to),
		T(tells_peers_apart_by_all_that_names_them),
		T(knows_a_peer_whichever_of_our_addresses_it_asked),
		T(ignores_the_flow_label_of_a_peer),
		T(hashes_spread_and_depend_on_the_seed),
		T(opens_sockets_that_never_block_nor_leak_into_children),
		T(a_port_that_is_taken_fails_loudly),
		T(a_failed_open_leaves_no_descriptor),
		T(sets_buffer_sizes_and_tells_what_the_kernel_gave),
		T(marks_both_families_with_the_dscp),
#ifdef IP_PMTUDISC_PROBE
		T(lets_nobody_fragment),
		T(what_may_be_cut_goes_between_others),
#endif
		T(uses_no_feature_that_was_not_asked_for),
		T(carries_batches_on_every_route_with_every_mix_of_features),
		T(carries_batches_where_the_kernel_lacks_everything),
		T(notices_missing_system_calls_once),
		T(serves_many_clients_and_answers_each_in_order),
		T(equal_packets_leave_in_one_message),
		T(messages_keep_within_the_limits_of_gso),
		T(packets_to_equal_paths_share_a_message_to_others_not),
		T(a_connected_socket_ignores_paths),
		T(empty_packets_are_sent_alone_and_skipped_by_the_receiver),
		T(a_train_of_packets_comes_in_one_call),
		T(packets_above_max_stay_in_the_socket),
		T(a_train_longer_than_max_is_cut_and_counted),
		T(tells_when_the_socket_is_empty),
		T(a_flood_of_empty_datagrams_ends),
		T(datagrams_longer_than_ours_are_seen_to_be),
		T(skips_datagrams_that_cannot_be_answered),
		T(learns_the_address_that_was_asked),
		T(never_answers_from_a_group_address),
		T(remembers_the_interface_of_link_local_peers_only),
		T(names_source_and_interface_when_it_answers),
		T(a_full_socket_keeps_the_rest_in_order),
		T(kept_packets_move_without_a_copy_and_outlive_their_path),
		T(packets_sent_to_a_blocked_socket_wait_behind_the_others),
		T(packets_beyond_the_backlog_are_dropped_and_counted),
		T(a_packet_without_a_buffer_of_its_own_is_not_kept),
		T(closing_drops_what_waited),
		T(sending_nothing_does_nothing),
		T(an_old_refusal_costs_no_new_datagram),
		T(a_refusal_met_while_receiving_is_counted_only),
		T(reads_on_behind_errors_but_not_for_ever),
		T(a_datagram_that_meets_an_error_is_tried_once_more),
		T(each_datagram_has_its_own_second_try),
		T(a_datagram_without_buffer_space_is_lost_and_the_rest_goes),
		T(an_unconnected_socket_tries_each_datagram_once),
		T(a_datagram_too_long_for_udp_is_counted_and_the_rest_goes),
		T(gso_that_is_always_refused_is_given_up_and_tried_again_later),
		T(a_refusal_now_and_then_leaves_gso_on),
		T(gso_is_not_blamed_for_a_bad_peer),
		T(gso_is_not_blamed_when_a_datagram_alone_fails_too),
		T(a_socket_that_fills_up_during_the_fallback_loses_nothing),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
