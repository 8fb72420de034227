/* test_resolve.c - names to addresses, with a name server inside the test. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <ev.h>

#include "resolve.h"

/* ---- a name server ------------------------------------------------------------ */

enum { TYPE_A = 1, TYPE_AAAA = 28, RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3 };

/* What it answers is told by the first label of the name:
 *   both    A and AAAA          four    A only, no data for AAAA
 *   silent  nothing at all      half    A, and nothing at all for AAAA
 *   broken  server failure      many    20 A records, two of them the same
 *   junk    bytes of no sense   nodata  the name is there, without addresses
 *   last    A 192.0.2.<octet>   anything else: no such name                    */
struct nameserver {
	ev_io io;
	int fd;
	char where[64]; /* for resolver_set_servers() */
	uint8_t octet;
	unsigned asked;
};

struct reply {
	uint8_t p[2048];
	size_t n;
};

static void put(struct reply *r, const void *bytes, size_t n)
{
	assert_true(r->n + n <= sizeof(r->p));
	memcpy(r->p + r->n, bytes, n);
	r->n += n;
}

static void put_record(struct reply *r, uint8_t type, const void *addr, uint8_t len)
{
	/* a pointer to the question's name, type, class IN, one minute, length */
	uint8_t head[12] = { 0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, len };

	put(r, head, sizeof(head));
	put(r, addr, len);
	r->p[7]++;
}

static void put_a(struct reply *r, uint8_t octet)
{
	uint8_t addr[4] = { 192, 0, 2, octet };

	put_record(r, TYPE_A, addr, sizeof(addr));
}

static void put_aaaa(struct reply *r)
{
	struct in6_addr addr;

	inet_pton(AF_INET6, "2001:db8::7", &addr);
	put_record(r, TYPE_AAAA, &addr, sizeof(addr));
}

/* Header and question of `q`, with an answer of this code and no records yet.
 * Gives the type that was asked for. */
static uint8_t begin_reply(struct reply *r, const uint8_t *q, size_t n, uint8_t code)
{
	size_t end = 12;

	while (end < n && q[end] != 0)
		end += q[end] + 1u;
	end += 5;
	assert_true(end <= n);
	r->n = 0;
	put(r, q, end);
	r->p[2] = 0x81;
	r->p[3] = 0x80 | code;
	memset(r->p + 6, 0, 6);
	return q[end - 3];
}

/* False: no answer. */
static bool compose(const struct nameserver *s, const char *label, const uint8_t *q, size_t n,
		    struct reply *r)
{
	uint8_t type = begin_reply(r, q, n, 0);

	if (strcmp(label, "silent") == 0 || (strcmp(label, "half") == 0 && type == TYPE_AAAA))
		return false;
	if (strcmp(label, "both") == 0 && type == TYPE_AAAA)
		put_aaaa(r);
	else if (strcmp(label, "both") == 0 || strcmp(label, "four") == 0 ||
		 strcmp(label, "half") == 0) {
		if (type == TYPE_A)
			put_a(r, 7);
	} else if (strcmp(label, "last") == 0) {
		if (type == TYPE_A)
			put_a(r, s->octet);
	} else if (strcmp(label, "many") == 0) {
		for (uint8_t i = 0; type == TYPE_A && i < 20; i++)
			put_a(r, i < 2 ? 1 : i);
	} else if (strcmp(label, "junk") == 0) {
		memset(r->p + 4, 0xff, r->n - 4);
	} else if (strcmp(label, "broken") == 0) {
		begin_reply(r, q, n, RCODE_SERVFAIL);
	} else if (strcmp(label, "nodata") != 0) {
		begin_reply(r, q, n, RCODE_NXDOMAIN);
	}
	return true;
}

static void on_question(struct ev_loop *loop, ev_io *w, int revents)
{
	struct nameserver *s = w->data;
	uint8_t q[512];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char label[64] = "";
	struct reply r;
	ssize_t n = recvfrom(s->fd, q, sizeof(q), 0, (struct sockaddr *)&from, &len);

	if (n < 18 || q[12] >= sizeof(label) || q[12] + 13 > n)
		return;
	s->asked++;
	memcpy(label, q + 13, q[12]);
	if (compose(s, label, q, (size_t)n, &r))
		sendto(s->fd, r.p, r.n, 0, (struct sockaddr *)&from, len);
}

static void nameserver_start(struct nameserver *s, struct ev_loop *loop)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&at, &len), 0);
	snprintf(s->where, sizeof(s->where), "127.0.0.1:%u", ntohs(at.sin_port));
	s->octet = 1;
	s->asked = 0;
	ev_io_init(&s->io, on_question, s->fd, EV_READ);
	s->io.data = s;
	ev_io_start(loop, &s->io);
	ev_unref(loop); /* so that ev_run() ends with the queries */
}

static void nameserver_stop(struct nameserver *s, struct ev_loop *loop)
{
	ev_ref(loop);
	ev_io_stop(loop, &s->io);
	close(s->fd);
}

/* ---- a loop, a resolver, and answers ---------------------------------------------- */

struct world {
	struct ev_loop *loop;
	struct resolver *resolver;
	struct nameserver server;
	size_t open_before; /* descriptors */
};

struct answer {
	unsigned calls;
	size_t count;
	struct sockaddr_storage addrs[RESOLVE_ADDRS_MAX];
	char error[128];
	struct world *world; /* for those that go on in the callback */
	struct resolve_query *victim;
	struct answer *next;
};

static size_t open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int make_world(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->loop = ev_loop_new(EVFLAG_AUTO);
	nameserver_start(&w->server, w->loop);
	w->open_before = open_descriptors();
	w->resolver = resolver_new(w->loop);
	resolver_set_servers(w->resolver, w->server.where);
	*state = w;
	return w->resolver ? 0 : -1;
}

/* Nothing may be left: no descriptor, no watcher that keeps the loop. */
static int end_world(void **state)
{
	struct world *w = *state;
	bool clean;

	resolver_free(w->resolver);
	clean = open_descriptors() == w->open_before && !ev_run(w->loop, EVRUN_NOWAIT);
	nameserver_stop(&w->server, w->loop);
	ev_loop_destroy(w->loop);
	free(w);
	return clean ? 0 : -1;
}

static void note(void *user, const struct sockaddr_storage *addrs, size_t count, const char *error)
{
	struct answer *a = user;

	a->calls++;
	a->count = count;
	assert_true(count <= RESOLVE_ADDRS_MAX);
	assert_int_equal(count == 0, error != NULL);
	if (count > 0)
		memcpy(a->addrs, addrs, count * sizeof(*addrs));
	else
		snprintf(a->error, sizeof(a->error), "%s", error);
}

static struct answer ask(struct world *w, const char *host)
{
	struct answer a = { 0 };

	assert_non_null(resolve_start(w->resolver, host, 443, note, &a));
	assert_int_equal(a.calls, 0); /* never before it returned */
	ev_run(w->loop, 0);
	assert_int_equal(a.calls, 1);
	return a;
}

/* Is there an address with this text among those of the answer? */
static bool has(const struct answer *a, const char *text)
{
	for (size_t i = 0; i < a->count; i++) {
		const struct sockaddr_in *v4 = (const void *)&a->addrs[i];
		const struct sockaddr_in6 *v6 = (const void *)&a->addrs[i];
		bool is4 = a->addrs[i].ss_family == AF_INET;
		char buf[INET6_ADDRSTRLEN];

		assert_int_equal(ntohs(is4 ? v4->sin_port : v6->sin6_port), 443);
		inet_ntop(a->addrs[i].ss_family, is4 ? (const void *)&v4->sin_addr : &v6->sin6_addr,
			  buf, sizeof(buf));
		if (strcmp(buf, text) == 0)
			return true;
	}
	return false;
}

/* ---- without a name server ----------------------------------------------------------- */

static void addresses_are_answered_without_asking(void **state)
{
	static const char *const hosts[] = { "192.0.2.1", "2001:db8::1", "::", "::ffff:1.2.3.4" };
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct answer a = ask(w, hosts[i]);

		assert_int_equal(a.count, 1);
		assert_true(has(&a, hosts[i]));
	}
	assert_int_equal(w->server.asked, 0);
}

static void a_scope_is_kept(void **state)
{
	struct answer a = ask(*state, "fe80::1%lo");
	const struct sockaddr_in6 *v6 = (const void *)&a.addrs[0];

	assert_int_equal(a.count, 1);
	assert_int_not_equal(v6->sin6_scope_id, 0);
}

static void what_only_looks_like_an_address_fails(void **state)
{
	struct world *w = *state;

	assert_string_equal(ask(w, "fe80::1%nosuchinterface").error, "not an address");
	assert_string_equal(ask(w, "1:2:3").error, "not an address");
	assert_int_equal(w->server.asked, 0);
}

static void no_host_means_every_local_address(void **state)
{
	struct answer a = ask(*state, "");

	assert_int_equal(a.count, 2);
	assert_int_equal(a.addrs[0].ss_family, AF_INET6);
	assert_true(has(&a, "::"));
	assert_true(has(&a, "0.0.0.0"));
}

static void localhost_comes_from_the_hosts_file(void **state)
{
	struct world *w = *state;
	struct answer a = ask(w, "localhost");

	assert_true(has(&a, "127.0.0.1") || has(&a, "::1"));
	assert_int_equal(w->server.asked, 0);
}

/* ---- with one ---------------------------------------------------------------------------- */

static void a_and_aaaa_come_together(void **state)
{
	struct answer a = ask(*state, "both.test.");

	assert_int_equal(a.count, 2);
	assert_true(has(&a, "192.0.2.7"));
	assert_true(has(&a, "2001:db8::7"));
}

static void one_family_is_enough(void **state)
{
	struct answer a = ask(*state, "four.test.");

	assert_int_equal(a.count, 1);
	assert_true(has(&a, "192.0.2.7"));
}

static void repeats_are_left_out_and_the_number_is_bounded(void **state)
{
	struct answer a = ask(*state, "many.test.");

	assert_int_equal(a.count, RESOLVE_ADDRS_MAX);
	for (size_t i = 0; i < a.count; i++) {
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(&a.addrs[i], &a.addrs[j], sizeof(a.addrs[i]));
	}
}

static void failures_are_told_in_words(void **state)
{
	struct world *w = *state;

	assert_string_equal(ask(w, "missing.test.").error, "no such name");
	assert_string_equal(ask(w, "nodata.test.").error, "the name has no address");
	assert_true(ask(w, "broken.test.").error[0] != '\0');
	assert_true(ask(w, "a..b").error[0] != '\0');
}

static void nothing_is_remembered(void **state)
{
	struct world *w = *state;
	struct answer a;

	a = ask(w, "last.test.");
	assert_true(has(&a, "192.0.2.1"));
	w->server.octet = 2;
	a = ask(w, "last.test.");
	assert_true(has(&a, "192.0.2.2"));
}

static void the_servers_can_be_changed(void **state)
{
	struct world *w = *state;
	struct answer silent = { 0 }, last = { 0 };
	struct nameserver other;

	nameserver_start(&other, w->loop);
	other.octet = 99;
	/* one that waits for the old servers does not hold the next one to them */
	resolver_set_timeout(w->resolver, 0.2);
	resolve_start(w->resolver, "silent.test.", 443, note, &silent);
	resolver_set_servers(w->resolver, other.where);
	resolve_start(w->resolver, "last.test.", 443, note, &last);
	ev_run(w->loop, 0);
	assert_true(has(&last, "192.0.2.99"));
	assert_int_equal(silent.count, 0);
	assert_int_equal(w->server.asked, 2);
	nameserver_stop(&other, w->loop);
}

static void many_at_once_are_all_answered(void **state)
{
	enum { MANY = 90 };
	struct world *w = *state;
	struct answer *a = calloc(MANY, sizeof(*a));

	for (size_t i = 0; i < MANY; i++)
		resolve_start(w->resolver,
			      i % 3   ? "both.test."
			      : i % 2 ? "192.0.2.7"
				      : "no.test.",
			      443, note, &a[i]);
	assert_true(open_descriptors() < w->open_before + 20); /* they share sockets */
	ev_run(w->loop, 0);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(a[i].calls, 1);
		assert_int_equal(has(&a[i], "192.0.2.7"), i % 3 || i % 2);
	}
	assert_int_equal(open_descriptors(), w->open_before);
	free(a);
}

/* ---- silence ------------------------------------------------------------------------------- */

static void silence_and_junk_end_in_time(void **state)
{
	struct world *w = *state;
	struct answer silent = { 0 }, junk = { 0 };
	ev_tstamp start = ev_time();

	resolve_start(w->resolver, "silent.test.", 443, note, &silent);
	resolve_start(w->resolver, "junk.test.", 443, note, &junk);
	ev_run(w->loop, 0);
	assert_true(ev_time() - start < RESOLVE_TIMEOUT_S);
	assert_int_equal(silent.calls, 1);
	assert_string_equal(silent.error, "no answer from the name servers");
	assert_int_equal(junk.calls, 1);
	assert_int_equal(junk.count, 0);
	assert_true(w->server.asked >= 6); /* each of the silent ones twice */
}

static void at_the_deadline_half_an_answer_counts(void **state)
{
	struct world *w = *state;
	struct answer silent = { 0 }, half = { 0 };
	ev_tstamp start = ev_time();

	resolver_set_timeout(w->resolver, 0.5);
	resolve_start(w->resolver, "silent.test.", 443, note, &silent);
	resolve_start(w->resolver, "half.test.", 443, note, &half);
	ev_run(w->loop, 0);
	assert_true(ev_time() - start < 1.4); /* before c-ares itself gives up */
	assert_int_equal(silent.calls, 1);
	assert_string_equal(silent.error, "no answer from the name servers");
	assert_int_equal(half.calls, 1);
	assert_int_equal(half.count, 1);
	assert_true(has(&half, "192.0.2.7"));
}

static void on_later(struct ev_loop *loop, ev_timer *w, int revents)
{
	ev_break(loop, EVBREAK_ONE);
}

static void while_a_query_hangs_later_ones_get_a_new_channel(void **state)
{
	struct world *w = *state;
	struct answer a = { 0 };
	struct resolve_query *first, *soon, *later;
	size_t open;
	ev_timer timer;

	first = resolve_start(w->resolver, "silent.test.", 443, note, &a);
	open = open_descriptors();
	soon = resolve_start(w->resolver, "silent.test.", 443, note, &a);
	assert_int_equal(open_descriptors(), open);
	ev_timer_init(&timer, on_later, 1.1, 0.);
	ev_timer_start(w->loop, &timer);
	ev_run(w->loop, 0);
	later = resolve_start(w->resolver, "silent.test.", 443, note, &a);
	assert_int_equal(open_descriptors() - open, open - w->open_before);
	resolve_cancel(first);
	resolve_cancel(soon);
	assert_int_equal(open_descriptors(), open);
	resolve_cancel(later);
	assert_int_equal(open_descriptors(), w->open_before);
	assert_int_equal(a.calls, 0);
}

/* ---- cancelling ------------------------------------------------------------------------------ */

static void a_cancelled_query_is_silent_and_frees_its_socket(void **state)
{
	struct world *w = *state;
	struct answer a = { 0 };
	struct resolve_query *q = resolve_start(w->resolver, "silent.test.", 443, note, &a);

	assert_true(open_descriptors() > w->open_before);
	resolve_cancel(q);
	assert_int_equal(open_descriptors(), w->open_before);
	resolve_cancel(resolve_start(w->resolver, "192.0.2.1", 443, note, &a));
	ev_run(w->loop, 0); /* returns: there is nothing to wait for */
	assert_int_equal(a.calls, 0);
}

static void cancelling_one_leaves_the_other(void **state)
{
	struct world *w = *state;
	struct answer gone = { 0 }, kept = { 0 };
	struct resolve_query *q = resolve_start(w->resolver, "both.test.", 443, note, &gone);

	resolve_start(w->resolver, "both.test.", 443, note, &kept);
	resolve_cancel(q);
	ev_run(w->loop, 0);
	assert_int_equal(gone.calls, 0);
	assert_int_equal(kept.calls, 1);
	assert_int_equal(kept.count, 2);
}

static void cancel_and_go_on(void *user, const struct sockaddr_storage *addrs, size_t count,
			     const char *error)
{
	struct answer *a = user;

	note(user, addrs, count, error);
	if (a->victim)
		resolve_cancel(a->victim);
	a->victim = NULL;
	resolve_start(a->world->resolver, "both.test.", 443, note, a->next);
}

static void a_callback_may_start_and_cancel(void **state)
{
	struct world *w = *state;
	struct answer next = { 0 }, victim = { 0 };
	struct answer first = { .world = w, .next = &next };

	/* both are known at once, so both are due in the same turn */
	resolve_start(w->resolver, "192.0.2.1", 443, cancel_and_go_on, &first);
	first.victim = resolve_start(w->resolver, "192.0.2.2", 443, note, &victim);
	ev_run(w->loop, 0);
	assert_int_equal(first.calls, 1);
	assert_int_equal(victim.calls, 0);
	assert_int_equal(next.calls, 1);
	assert_int_equal(next.count, 2);
}

static void freeing_the_resolver_cancels_all(void **state)
{
	struct world *w = *state;
	struct answer a[3] = { 0 };

	resolve_start(w->resolver, "silent.test.", 443, note, &a[0]);
	resolve_start(w->resolver, "both.test.", 443, note, &a[1]);
	resolve_start(w->resolver, "192.0.2.1", 443, note, &a[2]);
	resolver_free(w->resolver);
	w->resolver = NULL;
	ev_run(w->loop, 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(a[i].calls, 0);
	assert_int_equal(open_descriptors(), w->open_before);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, make_world, end_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(addresses_are_answered_without_asking),
		WORLD_TEST(a_scope_is_kept),
		WORLD_TEST(what_only_looks_like_an_address_fails),
		WORLD_TEST(no_host_means_every_local_address),
		WORLD_TEST(localhost_comes_from_the_hosts_file),
		WORLD_TEST(a_and_aaaa_come_together),
		WORLD_TEST(one_family_is_enough),
		WORLD_TEST(repeats_are_left_out_and_the_number_is_bounded),
		WORLD_TEST(failures_are_told_in_words),
		WORLD_TEST(nothing_is_remembered),
		WORLD_TEST(the_servers_can_be_changed),
		WORLD_TEST(many_at_once_are_all_answered),
		WORLD_TEST(silence_and_junk_end_in_time),
		WORLD_TEST(at_the_deadline_half_an_answer_counts),
		WORLD_TEST(while_a_query_hangs_later_ones_get_a_new_channel),
		WORLD_TEST(a_cancelled_query_is_silent_and_frees_its_socket),
		WORLD_TEST(cancelling_one_leaves_the_other),
		WORLD_TEST(a_callback_may_start_and_cancel),
		WORLD_TEST(freeing_the_resolver_cancels_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
