/* test_config_tunnels.c - tunnels that take each other's address or file. */
#include "config_bed.h"
#include "wire.h"

/* ---- tunnels on one address ------------------------------------------------------------ */

static bool collide(const char *a, const char *b)
{
	char text[512];
	struct config *c;
	bool told;

	snprintf(text, sizeof(text),
		 "%s[server a]\nlisten = %s\ntarget = h:1\n"
		 "[server b]\nlisten = %s\ntarget = h:1\n",
		 DEFAULTS, a, b);
	c = read_text(text);
	told = reports.count == 1 && was_said("t.ini:7: [server b] listen: ") &&
	       was_said(" of [server a] in line 4");
	assert_int_equal(c == NULL, told);
	assert_int_equal(reports.count, told);
	config_free(c);
	return told;
}

static void servers_on_one_address_are_told(void **state)
{
	static const struct {
		const char *a, *b;
		bool collide;
	} pairs[] = {
		{ "1.2.3.4:80", "1.2.3.4:80", true },
		{ "1.2.3.4:80", "1.2.3.4:81", false },
		{ "1.2.3.4:80", "1.2.3.5:80", false },
		{ "1.2.3.4:80-90", "1.2.3.4:90-99", true },
		{ "1.2.3.4:80-90", "1.2.3.4:91-99", false },
		{ "1.2.3.4:1-65535", "1.2.3.4:7", true },
		{ ":80", "1.2.3.4:80", true },
		{ ":80", "[::1]:80", true },
		{ ":80", "somewhere:80", true },
		{ "[::]:80", "0.0.0.0:80", true },
		{ "0.0.0.0:80", "1.2.3.4:80", true },
		{ "0.0.0.0:80", "[::1]:80", false },
		{ "[::1]:80", "[0:0::0:1]:80", true },
		{ "[::ffff:1.2.3.4]:80", "1.2.3.4:80", true },
		{ "[::ffff:0.0.0.0]:80", "1.2.3.4:80", true },
		{ "[fe80::1%a]:80", "[fe80::1%b]:80", false },
		{ "[fe80::1%a]:80", "[fe80::1%a]:80", true },
		{ "Host.example:80", "host.EXAMPLE:80", true },
		{ "host.example:80", "other.example:80", false },
		{ "host.example:80", "1.2.3.4:80", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		assert_int_equal(collide(pairs[i].a, pairs[i].b), pairs[i].collide);
		assert_int_equal(collide(pairs[i].b, pairs[i].a), pairs[i].collide);
	}
}

/* The kernel gives each its own part of what comes. */
static void servers_may_share_an_address_on_devices_of_their_own(void **state)
{
	static const struct {
		const char *a, *b;
		bool collide;
	} pairs[] = {
		{ "", "interface = eth0", true },
		{ "interface = eth0", "interface = eth0", true },
		{ "interface = eth0", "interface = eth1", false },
		{ "interface = none", "fwmark = 7", true },
	};
	char text[512];

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct config *c;

		snprintf(text, sizeof(text),
			 "%s[server a]\nlisten = :1\ntarget = h:1\n%s\n"
			 "[server b]\nlisten = :1\ntarget = h:1\n%s\n",
			 DEFAULTS, pairs[i].a, pairs[i].b);
		c = read_text(text);
		assert_int_equal(c == NULL, pairs[i].collide);
		config_free(c);
	}
	/* A client's is for what it sends, not for where it listens. */
	assert_null(read_text(DEFAULTS
			      "[client a]\nlocaladdr = :1\nremoteaddr = h:1\ninterface = eth0\n"
			      "[client b]\nlocaladdr = :1\nremoteaddr = h:1\ninterface = eth1\n"));
}

static void clients_on_one_address_are_told_but_not_beside_a_server(void **state)
{
	config_free(read_good(CLIENT "[server s]\nlisten = :1\ntarget = h:2\n"));
	expect_fault(CLIENT "[client d]\nlocaladdr = 127.0.0.1:1\nremoteaddr = h:2\n",
		     "t.ini:7: [client d] localaddr: 127.0.0.1:1 collides with :1 of [client c] in "
		     "line 4");
	expect_fault(DEFAULTS "[client a]\nlocaladdr = /run/x\nremoteaddr = h:2\n"
			      "[client b]\nlocaladdr = /run/x\nremoteaddr = h:2\n",
		     "t.ini:7: [client b] localaddr: /run/x collides with /run/x of [client a] in "
		     "line 4");
	config_free(read_good(DEFAULTS "[client a]\nlocaladdr = /run/x\nremoteaddr = h:2\n"
				       "[client b]\nlocaladdr = /run/y\nremoteaddr = h:2\n"
				       "[client d]\nlocaladdr = :9\nremoteaddr = h:2\n"));
}

static void a_client_at_the_address_of_metrics_is_told(void **state)
{
	config_free(read_good("[daemon]\nmetrics = 127.0.0.1:1\n"
			      "[client c]\nkey = some secret\nlocaladdr = 127.0.0.2:1\nremoteaddr = h:2\n"
			      "[server s]\nkey = some secret\nlisten = 127.0.0.1:1\ntarget = h:2\n"));
	expect_fault("[daemon]\nmetrics = 127.0.0.1:1\n" CLIENT,
		     "t.ini:6: [client c] localaddr: :1 collides with metrics, 127.0.0.1:1, of [daemon] "
		     "in line 2");
	expect_fault("[daemon]\nmetrics = :1\n[defaults]\nkey = some secret\nlocaladdr = 127.0.0.1:1\n"
		     "[client c]\nremoteaddr = h:2\n",
		     "t.ini:5: [defaults] localaddr: 127.0.0.1:1 collides with metrics, :1, of [daemon] "
		     "in line 2");
}

static void an_inherited_address_serves_one_tunnel(void **state)
{
	expect_fault("[defaults]\nkey = some secret\nlisten = :80\ntarget = h:2\n[server a]\n[server b]\n",
		     "t.ini:3: [defaults] listen: :80 is inherited by [server a] and by [server b]; "
		     "each needs its own");
}

static void two_writers_of_one_snmplog_are_a_fault(void **state)
{
	expect_fault("[defaults]\nkey = some secret\nsnmplog = /l/snmp-2006.log\ntarget = h:2\n"
		     "[server a]\nlisten = :1\n[server b]\nlisten = :2\n",
		     "t.ini:3: [defaults] snmplog: /l/snmp-2006.log is inherited by [server a] and by "
		     "[server b]; each needs its own");
	expect_fault(CLIENT "snmplog = x.log\n"
			    "[server s]\nlisten = :1\ntarget = h:2\n"
			    "snmplog = .//x.log\n",
		     "t.ini:10: [server s] snmplog: .//x.log is the file of [client c], too, in line 6; "
		     "each needs its own");
	expect_fault(CLIENT "snmplog = x.log\n[daemon]\nsnmplog = x.log\n",
		     "t.ini:6: [client c] snmplog: x.log is the file of [daemon], too, in line 8; "
		     "each needs its own");
}

static void snmplogs_of_different_names_may_be_many(void **state)
{
	struct config *c = read_good("[daemon]\nsnmplog = /x/all-20060102.log\nsnmpperiod = 5\n" DEFAULTS
				     "snmplog = x.log\nsnmpperiod = 7\n"
				     "[client a]\nlocaladdr = :1\nremoteaddr = h:2\n"
				     "[client b]\nlocaladdr = :3\nremoteaddr = h:2\n"
				     "snmplog = /x.log\n"
				     "[client d]\nlocaladdr = :4\nremoteaddr = h:2\n"
				     "snmplog = none\n");

	assert_string_equal(c->daemon.snmplog, "/x/all-20060102.log");
	assert_int_equal(c->daemon.snmpperiod_s, 5);
	assert_string_equal(c->tunnels[0]->snmplog, "x.log");
	assert_int_equal(c->tunnels[0]->snmpperiod_s, 7);
	assert_string_equal(c->tunnels[1]->snmplog, "/x.log");
	assert_null(c->tunnels[2]->snmplog);
	config_free(c);
}

/* ---- main --------------------------------------------------------------------------------------- */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_on_one_address_are_told),
		cmocka_unit_test(servers_may_share_an_address_on_devices_of_their_own),
		cmocka_unit_test(clients_on_one_address_are_told_but_not_beside_a_server),
		cmocka_unit_test(a_client_at_the_address_of_metrics_is_told),
		cmocka_unit_test(an_inherited_address_serves_one_tunnel),
		cmocka_unit_test(two_writers_of_one_snmplog_are_a_fault),
		cmocka_unit_test(snmplogs_of_different_names_may_be_many),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
