/* test_udp_way.c - sockets with a source, a device and a mark, and what is said of those that cannot have them. */
#include "udp_bed.h"

static int connect_with(struct udp *u, const char *to, const struct udp_options *opt)
{
	socklen_t len;
	union addr a = address(to, 9, &len);

	return udp_connect(u, &a.sa, len, opt);
}

static const char *refusal(const char *to, const struct udp_options *opt)
{
	static char buf[UDP_WHY_BYTES];
	struct udp u;
	int err = connect_with(&u, to, opt);

	assert_true(err < 0);
	assert_int_equal(u.fd, -1);
	return udp_refusal_text(u.step, err, opt, buf);
}

static void sends_from_the_source_that_is_given(void **state)
{
	struct udp_options opt = { .source = "127.0.0.5" };
	struct udp_path to = path_to("127.0.0.1", 9), ours;
	char text[UDP_ADDR_TEXT];
	struct udp u;

	(void)state;
	assert_int_equal(connect_with(&u, "127.0.0.1", &opt), 0);
	assert_int_equal(udp_source(&u, &ours), 0);
	assert_memory_equal(udp_path_text(&ours, text), "127.0.0.5:", 10);
	assert_true(u.port != 0);
	udp_close(&u);
	/* and so would one that is opened now */
	assert_int_equal(udp_source_to(&to, &opt, &ours), 0);
	assert_memory_equal(udp_path_text(&ours, text), "127.0.0.5:", 10);
	opt.source = NULL;
	assert_int_equal(udp_source_to(&to, &opt, &ours), 0);
	assert_memory_equal(udp_path_text(&ours, text), "127.0.0.1:", 10);
}

static void says_what_is_wrong_with_a_source(void **state)
{
	struct udp_options opt = { .source = "192.0.2.99" };
	struct udp_path to = path_to("127.0.0.1", 9), ours;

	(void)state;
	assert_string_equal(refusal("127.0.0.1", &opt),
			    "bind = 192.0.2.99: this machine does not have the address");
	assert_int_equal(udp_source_to(&to, &opt, &ours), -EADDRNOTAVAIL);
	opt.source = "::1";
	assert_string_equal(refusal("127.0.0.1", &opt),
			    "bind = ::1: the address is not of the server's family");
	opt.source = "127.0.0.1";
	assert_string_equal(refusal("192.0.2.1", &opt), "with bind = 127.0.0.1: Invalid argument");
}

static void says_that_the_device_of_a_zone_is_not_there(void **state)
{
	struct udp_options opt = { .source = "fe80::1%kt-none0" };
	struct udp probe = { .fd = socket(AF_INET6, SOCK_DGRAM, 0) };

	(void)state;
	if (probe.fd < 0)
		skip();
	close(probe.fd);
	assert_string_equal(
		refusal("::1", &opt),
		"bind = fe80::1%kt-none0: there is no device of the name that is behind its percent sign");
}

static void knows_which_families_suit_a_source(void **state)
{
	struct udp_path v4 = path_to("192.0.2.1", 1), v6 = path_to("2001:db8::1", 1);
	struct udp_options opt = { 0 };

	(void)state;
	assert_true(udp_source_suits(&v4, &opt) && udp_source_suits(&v6, &opt));
	opt.source = "192.0.2.7";
	assert_true(udp_source_suits(&v4, &opt));
	assert_false(udp_source_suits(&v6, &opt));
	opt.source = "fe80::1%eth0";
	assert_false(udp_source_suits(&v4, &opt));
	assert_true(udp_source_suits(&v6, &opt));
}

static void is_bound_to_the_device_that_is_given(void **state)
{
	struct udp_options opt = { .device = "lo" }, other = { .device = "kt-none0" }, any = { 0 };
	struct udp u;

	(void)state;
	assert_int_equal(connect_with(&u, "127.0.0.1", &opt), 0);
	assert_false(udp_lost_device(&u, &opt));
	assert_true(udp_lost_device(&u, &other));
	assert_false(udp_lost_device(&u, &any));
	udp_close(&u);
	assert_string_equal(refusal("127.0.0.1", &other),
			    "interface = kt-none0: there is no such device");
}

/* Whoever runs the tests may set marks or not. */
static void has_the_mark_that_is_given_or_says_what_it_takes(void **state)
{
	struct udp_options opt = { .mark = 0x8000001a };
	char buf[UDP_WHY_BYTES];
	socklen_t len = sizeof(uint32_t);
	uint32_t mark = 0;
	struct udp u;
	int err = connect_with(&u, "127.0.0.1", &opt);

	(void)state;
	if (err != 0) {
		assert_int_equal(err, -EPERM);
		assert_string_equal(
			udp_refusal_text(u.step, err, &opt, buf),
			"fwmark = 0x8000001a: not permitted; it takes CAP_NET_ADMIN, as kcptun.ini(5) says");
		return;
	}
	assert_int_equal(getsockopt(u.fd, SOL_SOCKET, SO_MARK, &mark, &len), 0);
	assert_int_equal(mark, 0x8000001a);
	udp_close(&u);
}

static void names_all_that_narrows_the_way(void **state)
{
	struct udp_options opt = { .source = "192.0.2.7", .device = "eth0", .mark = 7 };
	char buf[UDP_WHY_BYTES];

	(void)state;
	assert_string_equal(
		udp_refusal_text(UDP_CONNECT, -ENETUNREACH, &opt, buf),
		"with bind = 192.0.2.7, interface = eth0, fwmark = 0x7: Network is unreachable");
	assert_string_equal(udp_refusal_text(UDP_DEVICE, EPERM, &opt, buf),
			    "interface = eth0: not permitted; before Linux 5.7 it takes CAP_NET_RAW");
	assert_string_equal(udp_refusal_text(UDP_SOCKET, EMFILE, &opt, buf), "Too many open files");
	opt = (struct udp_options){ 0 };
	assert_string_equal(udp_refusal_text(UDP_CONNECT, ENETUNREACH, &opt, buf),
			    "Network is unreachable");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(sends_from_the_source_that_is_given),
		T(says_what_is_wrong_with_a_source),
		T(says_that_the_device_of_a_zone_is_not_there),
		T(knows_which_families_suit_a_source),
		T(is_bound_to_the_device_that_is_given),
		T(has_the_mark_that_is_given_or_says_what_it_takes),
		T(names_all_that_narrows_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
