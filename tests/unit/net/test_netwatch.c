/* test_netwatch.c - which of the kernel's messages matter, and how many make one event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "netwatch_impl.h"

#define MS UINT64_C(1000)

/* ---- messages ------------------------------------------------------------------------ */

#ifdef __linux__

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

/* One datagram, messages one after another. */
struct datagram {
	_Alignas(struct nlmsghdr) unsigned char bytes[1024];
	size_t used;
};

static void add(struct datagram *d, uint16_t type, const void *body, size_t bytes)
{
	struct nlmsghdr h = { .nlmsg_len = (uint32_t)NLMSG_LENGTH(bytes), .nlmsg_type = type };

	memcpy(d->bytes + d->used, &h, sizeof(h));
	memcpy(d->bytes + d->used + NLMSG_HDRLEN, body, bytes);
	d->used += NLMSG_SPACE(bytes);
}

static bool address(uint16_t type, uint8_t flags)
{
	struct ifaddrmsg body = { .ifa_family = AF_INET6, .ifa_flags = flags };
	struct datagram d = { .used = 0 };

	add(&d, type, &body, sizeof(body));
	return netwatch_matters(d.bytes, d.used);
}

static bool route(uint16_t type, uint8_t kind, unsigned flags)
{
	struct rtmsg body = { .rtm_family = AF_INET, .rtm_type = kind, .rtm_flags = flags };
	struct datagram d = { .used = 0 };

	add(&d, type, &body, sizeof(body));
	return netwatch_matters(d.bytes, d.used);
}

static bool link_is(uint16_t type, unsigned change)
{
	struct ifinfomsg body = { .ifi_flags = IFF_UP, .ifi_change = change };
	struct datagram d = { .used = 0 };

	add(&d, type, &body, sizeof(body));
	return netwatch_matters(d.bytes, d.used);
}

static void what_may_change_a_way_matters(void **state)
{
	(void)state;
	assert_true(address(RTM_NEWADDR, IFA_F_PERMANENT));
	assert_true(address(RTM_DELADDR, 0));
	assert_false(address(RTM_NEWADDR, IFA_F_TENTATIVE));
	assert_true(route(RTM_NEWROUTE, RTN_UNICAST, 0));
	assert_true(route(RTM_DELROUTE, RTN_UNICAST, 0));
	assert_true(route(RTM_NEWROUTE, RTN_UNREACHABLE, 0));
	assert_false(route(RTM_NEWROUTE, RTN_UNICAST, RTM_F_CLONED));
	assert_false(route(RTM_NEWROUTE, RTN_LOCAL, 0));
	assert_false(route(RTM_NEWROUTE, RTN_BROADCAST, 0));
	assert_false(route(RTM_NEWROUTE, RTN_ANYCAST, 0));
	assert_false(route(RTM_DELROUTE, RTN_MULTICAST, 0));
	assert_true(link_is(RTM_NEWLINK, IFF_UP));
	assert_false(link_is(RTM_NEWLINK, IFF_PROMISC));
	assert_false(link_is(RTM_NEWLINK, 0)); /* a wireless device tells of its signal */
	assert_true(link_is(RTM_DELLINK, 0));
	assert_false(link_is(RTM_NEWNEIGH, IFF_UP));
	assert_false(link_is(NLMSG_DONE, IFF_UP));
}

static void every_message_of_a_datagram_is_looked_at(void **state)
{
	struct ifinfomsg quiet = { .ifi_change = 0 }, up = { .ifi_change = IFF_UP };
	struct datagram d = { .used = 0 };

	(void)state;
	add(&d, RTM_NEWLINK, &quiet, sizeof(quiet));
	add(&d, RTM_NEWADDR, "odd", 3); /* too short for an address, and for where the next one begins */
	assert_false(netwatch_matters(d.bytes, d.used));
	add(&d, RTM_NEWLINK, &up, sizeof(up));
	assert_true(netwatch_matters(d.bytes, d.used));
}

static void nothing_is_read_beyond_the_end(void **state)
{
	struct rtmsg body = { .rtm_type = RTN_UNICAST };
	struct datagram d = { .used = 0 };

	(void)state;
	add(&d, RTM_NEWROUTE, &body, sizeof(body));
	for (size_t n = 0; n < d.used; n++)
		assert_false(netwatch_matters(d.bytes, n));
	assert_true(netwatch_matters(d.bytes, d.used));
	for (uint32_t told = 0; told < NLMSG_LENGTH(sizeof(body)); told++) {
		memcpy(d.bytes, &told, sizeof(told));
		assert_false(netwatch_matters(d.bytes, d.used));
	}
	for (uint32_t told = UINT32_MAX; told > d.used; told /= 2) {
		memcpy(d.bytes, &told, sizeof(told));
		assert_false(netwatch_matters(d.bytes, d.used));
	}
}

#endif

/* ---- bursts --------------------------------------------------------------------------- */

static void a_change_without_more_is_told_at_the_first_look(void **state)
{
	struct netwatch_burst b = { .under_way = false };

	(void)state;
	assert_true(netwatch_burst_news(&b, 1000 * MS));
	assert_false(netwatch_burst_news(&b, 1001 * MS)); /* the look is to come */
	assert_true(netwatch_burst_over(&b, 1100 * MS, false));
	assert_true(netwatch_burst_news(&b, 1200 * MS));
}

static void changes_without_an_end_are_told_after_half_a_second(void **state)
{
	struct netwatch_burst b = { .under_way = false };
	uint64_t now_us = 1000 * MS;

	(void)state;
	assert_true(netwatch_burst_news(&b, now_us));
	for (unsigned looks = 1; looks < 5; looks++)
		assert_false(netwatch_burst_over(&b, now_us += NETWATCH_LOOK_US, true));
	assert_true(netwatch_burst_over(&b, now_us += NETWATCH_LOOK_US, true));
	assert_true(netwatch_burst_news(&b, now_us));
	assert_false(netwatch_burst_over(&b, now_us += NETWATCH_LOOK_US, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef __linux__
		cmocka_unit_test(what_may_change_a_way_matters),
		cmocka_unit_test(every_message_of_a_datagram_is_looked_at),
		cmocka_unit_test(nothing_is_read_beyond_the_end),
#endif
		cmocka_unit_test(a_change_without_more_is_told_at_the_first_look),
		cmocka_unit_test(changes_without_an_end_are_told_after_half_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
