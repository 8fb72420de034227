/* test_hosts.c - hosts that sessions come from, and what is kept of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "hosts.h"

#define S UINT64_C(1000000)

static struct udp_path v4(uint32_t address, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct udp_path path;

	sin.sin_addr.s_addr = htonl(address);
	assert_true(udp_path_init(&path, (struct sockaddr *)&sin, sizeof(sin)));
	return path;
}

static struct udp_path v6(uint8_t last, uint16_t port)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct udp_path path;

	sin6.sin6_addr.s6_addr[0] = 0x20;
	sin6.sin6_addr.s6_addr[15] = last;
	assert_true(udp_path_init(&path, (struct sockaddr *)&sin6, sizeof(sin6)));
	return path;
}

static struct host *take(struct hosts *h, struct udp_path path, uint64_t now_us)
{
	struct host *host = hosts_take(h, &path, now_us);

	assert_non_null(host);
	return host;
}

static void ports_do_not_count(void **state)
{
	struct hosts h;
	struct host *a, *b, *c, *d, *e;

	hosts_init(&h, 7);
	a = take(&h, v4(0x0a000001, 1000), S);
	b = take(&h, v4(0x0a000001, 2000), S);
	c = take(&h, v4(0x0a000002, 1000), S);
	d = take(&h, v6(1, 1000), S);
	e = take(&h, v6(1, 9), S);
	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, c);
	assert_ptr_equal(d, e);
	assert_int_equal(h.count, 3);
	hosts_give_back(&h, a, S);
	assert_int_equal(h.idle, 0);
	hosts_give_back(&h, b, S);
	hosts_give_back(&h, c, S);
	hosts_give_back(&h, d, S);
	hosts_give_back(&h, e, S);
	assert_int_equal(h.idle, 3);
	hosts_dispose(&h);
}

static void a_host_is_kept_for_a_while(void **state)
{
	struct hosts h;
	struct host *a;
	struct path *path;

	hosts_init(&h, 7);
	a = take(&h, v4(1, 1), S);
	path = a->path;
	hosts_give_back(&h, a, S);
	assert_true(hosts_trim(&h, S + PATH_KEEP_US));
	a = take(&h, v4(1, 2), S + PATH_KEEP_US);
	assert_ptr_equal(a->path, path);
	assert_int_equal(h.idle, 0);
	assert_false(hosts_trim(&h, 3 * PATH_KEEP_US)); /* it is in use */
	assert_int_equal(h.count, 1);
	hosts_give_back(&h, a, 3 * PATH_KEEP_US);
	assert_false(hosts_trim(&h, 4 * PATH_KEEP_US + 1));
	assert_int_equal(h.count, 0);
	hosts_dispose(&h);
}

static void those_without_a_user_are_bounded(void **state)
{
	struct hosts h;
	struct host *used;

	hosts_init(&h, 7);
	used = take(&h, v4(5, 1), S);
	for (uint32_t i = 0; i < 4 * HOSTS_IDLE_MAX; i++)
		hosts_give_back(&h, take(&h, v4(1000 + i, 1), S + i), S + i);
	assert_int_equal(h.idle, HOSTS_IDLE_MAX);
	assert_int_equal(h.count, HOSTS_IDLE_MAX + 1);
	/* the latest ones */
	assert_int_equal(h.oldest->left_us, S + 3 * HOSTS_IDLE_MAX);
	hosts_give_back(&h, used, 2 * S);
	hosts_dispose(&h);
	hosts_dispose(&h);
}

static void the_same_host_has_many_ports(void **state)
{
	struct udp_path a = v4(1, 1), b = v4(1, 2), c = v4(2, 1), d = v6(1, 1);

	assert_true(hosts_same(&a, &b));
	assert_false(hosts_same(&a, &c));
	assert_false(hosts_same(&a, &d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_do_not_count),
		cmocka_unit_test(a_host_is_kept_for_a_while),
		cmocka_unit_test(those_without_a_user_are_bounded),
		cmocka_unit_test(the_same_host_has_many_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
