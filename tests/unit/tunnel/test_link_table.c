/* test_link_table.c - a server's links, found by the address of their peers and by their conversation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdlib.h>

#include "link.h"
#include "link_table.h"

enum { MANY = 1000 };

static struct port ports[2]; /* only told apart */

static struct udp_path at(uint32_t address, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct udp_path path;

	sin.sin_addr.s_addr = htonl(address);
	assert_true(udp_path_init(&path, (struct sockaddr *)&sin, sizeof(sin)));
	return path;
}

static struct link of(struct port *p, struct udp_path path, uint32_t conv, uint64_t heard_us)
{
	return (struct link){ .port = p, .path = path, .conv = conv, .heard_us = heard_us };
}

static unsigned count_of(const struct link_table *t, uint32_t conv)
{
	unsigned n = 0;

	for (struct link *l = NULL; (l = link_table_next(t, l, conv)) != NULL;) {
		assert_int_equal(l->conv, conv);
		n++;
	}
	return n;
}

static int set_up(void **state)
{
	struct link_table *t = malloc(sizeof(*t));

	assert_non_null(t);
	assert_true(link_table_init(t, 0x5eed));
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	struct link_table *t = *state;

	assert_int_equal(t->count, 0);
	link_table_dispose(t);
	free(t);
	return 0;
}

static void several_conversations_are_at_one_address(void **state)
{
	struct link_table *t = *state;
	struct udp_path here = at(1, 1000);
	struct link a = of(&ports[0], here, 7, 10), b = of(&ports[0], here, 8, 30),
		    c = of(&ports[0], here, 9, 20);

	link_table_add(t, &a);
	link_table_add(t, &b);
	link_table_add(t, &c);
	assert_ptr_equal(link_table_at(t, &ports[0], &here, 7), &a);
	assert_ptr_equal(link_table_at(t, &ports[0], &here, 8), &b);
	assert_ptr_equal(link_table_at(t, &ports[0], &here, 9), &c);
	assert_null(link_table_at(t, &ports[0], &here, 10));
	assert_ptr_equal(link_table_latest(t, &ports[0], &here), &b);
	a.heard_us = 40;
	assert_ptr_equal(link_table_latest(t, &ports[0], &here), &a);
	link_table_remove(t, &a);
	assert_null(link_table_at(t, &ports[0], &here, 7));
	assert_ptr_equal(link_table_latest(t, &ports[0], &here), &b);
	assert_ptr_equal(link_table_at(t, &ports[0], &here, 9), &c);
	link_table_remove(t, &b);
	assert_true(link_table_knows(t, &ports[0], &here));
	link_table_remove(t, &c);
	assert_false(link_table_knows(t, &ports[0], &here));
}

static void one_conversation_is_at_several_addresses(void **state)
{
	struct link_table *t = *state;
	struct udp_path here = at(1, 1000), next_port = at(1, 1001), there = at(2, 1000);
	struct link a = of(&ports[0], here, 7, 10), b = of(&ports[0], next_port, 7, 20),
		    c = of(&ports[0], there, 7, 30);

	link_table_add(t, &a);
	link_table_add(t, &b);
	link_table_add(t, &c);
	assert_ptr_equal(link_table_at(t, &ports[0], &here, 7), &a);
	assert_ptr_equal(link_table_at(t, &ports[0], &next_port, 7), &b);
	assert_ptr_equal(link_table_at(t, &ports[0], &there, 7), &c);
	assert_ptr_equal(link_table_latest(t, &ports[0], &here), &a);
	assert_int_equal(count_of(t, 7), 3);
	assert_int_equal(count_of(t, 8), 0);
	link_table_remove(t, &b);
	assert_int_equal(count_of(t, 7), 2);
	assert_null(link_table_at(t, &ports[0], &next_port, 7));
	link_table_remove(t, &a);
	link_table_remove(t, &c);
}

static void ports_of_ours_are_apart(void **state)
{
	struct link_table *t = *state;
	struct udp_path here = at(1, 1000);
	struct link a = of(&ports[0], here, 7, 10), b = of(&ports[1], here, 7, 20);

	link_table_add(t, &a);
	assert_false(link_table_knows(t, &ports[1], &here));
	assert_null(link_table_at(t, &ports[1], &here, 7));
	assert_null(link_table_latest(t, &ports[1], &here));
	link_table_add(t, &b);
	assert_ptr_equal(link_table_at(t, &ports[0], &here, 7), &a);
	assert_ptr_equal(link_table_at(t, &ports[1], &here, 7), &b);
	assert_ptr_equal(link_table_latest(t, &ports[0], &here), &a);
	link_table_remove(t, &a);
	link_table_remove(t, &b);
}

static void the_address_of_ours_that_is_talked_to_does_not_count(void **state)
{
	struct link_table *t = *state;
	struct udp_path here = at(1, 1000), other = here;
	struct link a = of(&ports[0], here, 7, 10);

	other.local.v4.s_addr = htonl(0x7f000002);
	link_table_add(t, &a);
	assert_ptr_equal(link_table_at(t, &ports[0], &other, 7), &a);
	assert_ptr_equal(link_table_latest(t, &ports[0], &other), &a);
	link_table_remove(t, &a);
}

static void what_is_not_in_there_is_not_taken_out(void **state)
{
	struct link_table *t = *state;
	struct link a = of(&ports[0], at(1, 1000), 7, 10), b = of(&ports[0], at(1, 1000), 7, 20);

	link_table_add(t, &a);
	link_table_remove(t, &b);
	assert_int_equal(t->count, 1);
	link_table_remove(t, &a);
	link_table_remove(t, &a);
	assert_int_equal(t->count, 0);
}

/* More than there are buckets at first, a few at each address and of each conversation. */
static void all_are_found_when_it_has_grown(void **state)
{
	struct link_table *t = *state;
	size_t size = t->size;
	struct link *many = calloc(MANY, sizeof(*many));

	assert_non_null(many);
	for (uint32_t i = 0; i < MANY; i++) {
		many[i] = of(&ports[0], at(1 + i / 4, 1000), i % 333, i);
		link_table_add(t, &many[i]);
	}
	assert_int_equal(t->count, MANY);
	assert_true(t->size > size);
	for (uint32_t conv = 0; conv < 333; conv++)
		assert_int_equal(count_of(t, conv), conv == 0 ? 4 : 3);
	for (uint32_t i = 0; i < MANY; i += 3)
		link_table_remove(t, &many[i]);
	for (uint32_t i = 0; i < MANY; i++) {
		struct udp_path path = at(1 + i / 4, 1000);

		assert_ptr_equal(link_table_at(t, &ports[0], &path, i % 333),
				 i % 3 == 0 ? NULL : &many[i]);
	}
	for (uint32_t i = 0; i < MANY; i++)
		link_table_remove(t, &many[i]);
	free(many);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(several_conversations_are_at_one_address),
		TEST(one_conversation_is_at_several_addresses),
		TEST(ports_of_ours_are_apart),
		TEST(the_address_of_ours_that_is_talked_to_does_not_count),
		TEST(what_is_not_in_there_is_not_taken_out),
		TEST(all_are_found_when_it_has_grown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
