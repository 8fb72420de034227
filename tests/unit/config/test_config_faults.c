/* test_config_faults.c - what is refused and what is warned of, each in a line with its place; and hostile files. */
#include "config_bed.h"
#include "wire.h"

/* A server that lacks its target. */
#define LISTENS DEFAULTS "[server s]\nlisten = :1\n"

/* ---- faults ---------------------------------------------------------------------------- */

static void every_fault_is_one_line_with_its_place(void **state)
{
	static const struct {
		const char *text, *line;
	} faults[] = {
		/* the file */
		{ "", "t.ini: has no tunnel; add a section [client NAME] or [server NAME]" },
		{ "[daemon]\n" DEFAULTS,
		  "t.ini: has no tunnel; add a section [client NAME] or [server NAME]" },
		{ "a = b\n" CLIENT, "t.ini:1: a key stands before the first section" },
		{ CLIENT "hello\n",
		  "t.ini:6: [client c] this line is no section, no comment and has no '='" },
		{ CLIENT "hello", /* in the last line, without a newline */
		  "t.ini:6: [client c] this line is no section, no comment and has no '='" },
		{ CLIENT " = 1\n", "t.ini:6: [client c] there is no key before the '='" },
		{ CLIENT "quiet = \n", "t.ini:6: [client c] quiet: has no value" },
		{ CLIENT "quiet = y\x01\n", "t.ini:6: [client c] a control character is in this line" },
		{ CLIENT "quiet = no\rmtu = 3\n",
		  "t.ini:6: [client c] a control character is in this line" },

		/* sections */
		{ CLIENT "[nonsense]\nmtu = x\n",
		  "t.ini:6: [nonsense]: unknown section; there are "
		  "[daemon], [defaults], [client NAME] and [server NAME]" },
		{ CLIENT "[default]\n",
		  "t.ini:6: [default]: unknown section; did you mean [defaults]?" },
		{ CLIENT "[serve x]\n",
		  "t.ini:6: [serve x]: unknown section; did you mean [server NAME]?" },
		{ CLIENT "[]\n", "t.ini:6: []: unknown section; there are "
				 "[daemon], [defaults], [client NAME] and [server NAME]" },
		{ CLIENT "[client]\n", "t.ini:6: [client]: the tunnel needs a name: [client NAME]" },
		{ CLIENT "[client a b]\n", "t.ini:6: [client a b]: a name has letters, digits, "
					   "'.', '_' and '-' only" },
		{ CLIENT "[server x\n", "t.ini:6: the section's name has no ']' at its end" },
		{ CLIENT "[server x] y\n", "t.ini:6: after the ']' only a comment may follow" },
		{ CLIENT "[server c]\nlisten = :1\ntarget = h:2\n",
		  "t.ini:6: [server c]: the name is taken by [client c] at line 3" },
		{ CLIENT "[defaults]\n",
		  "t.ini:6: [defaults]: a second such section; the first is at line 1" },
		{ CLIENT "[daemon x]\n", "t.ini:6: [daemon]: this section takes no name" },

		/* keys in the wrong place */
		{ CLIENT "mut = 3\n", "t.ini:6: [client c] mut: unknown key; did you mean mtu?" },
		{ CLIENT "MTU = 3\n", "t.ini:6: [client c] MTU: unknown key; did you mean mtu?" },
		{ CLIENT "qpp_count = 3\n",
		  "t.ini:6: [client c] qpp_count: unknown key; did you mean qpp-count?" },
		{ CLIENT "zzzzzz = 3\n",
		  "t.ini:6: [client c] zzzzzz: unknown key; kcptund --help lists all" },
		{ CLIENT "tcp = yes\n", "t.ini:6: [client c] tcp: TCP emulation is not supported; a "
					"tunnel is UDP" },
		{ CLIENT "mtu = 1000\nmtu = 1001\n",
		  "t.ini:7: [client c] mtu: is given twice, first in line 6" },
		{ CLIENT "listen = :3\n",
		  "t.ini:6: [client c] listen: is a server's key; a client "
		  "takes connections on localaddr and carries them to remoteaddr" },
		{ SERVER "remoteaddr = h:3\n",
		  "t.ini:6: [server s] remoteaddr: is a client's key; a "
		  "server awaits clients on listen and carries their streams to target" },
		{ SERVER "conn = 3\n", "t.ini:6: [server s] conn: is a client's key and means nothing "
				       "here; it may stand in [defaults]" },
		{ CLIENT "loglevel = info\n", "t.ini:6: [client c] loglevel: belongs into [daemon]" },
		{ CLIENT "[daemon]\nmtu = 1000\n", "t.ini:7: [daemon] mtu: is a tunnel's key: it "
						   "belongs into [defaults] or into a tunnel" },

		/* values */
		{ CLIENT "mtu = 1501\n",
		  "t.ini:6: [client c] mtu: 1501 is above 1500, the most allowed" },
		{ CLIENT "mtu = 49\n", "t.ini:6: [client c] mtu: 49 is below 50, the least allowed" },
		{ CLIENT "mtu = 0x500\n",
		  "t.ini:6: [client c] mtu: '0x500' is neither auto nor a number from 50 to 1500" },
		{ CLIENT "mtu = 99999999999999999999\n",
		  "t.ini:6: [client c] mtu: '99999999999999999999' is neither auto nor a number from 50 to 1500" },
		{ CLIENT "mtu = -\n",
		  "t.ini:6: [client c] mtu: '-' is neither auto nor a number from 50 to 1500" },
		{ CLIENT "sndwnd = 65536\n", "t.ini:6: [client c] sndwnd: 65536 is above 65535: the "
					     "window field on the wire has 16 bits" },
		{ CLIENT "rcvwnd = 0\n",
		  "t.ini:6: [client c] rcvwnd: 0 is below 1, the least allowed" },
		{ CLIENT "keepalive = 30\n",
		  "t.ini:6: [client c] keepalive: 30 is above 29: a peer "
		  "gives up after 30 s of silence, so that a longer keepalive can never work" },
		{ CLIENT "keepalive = 0\n",
		  "t.ini:6: [client c] keepalive: 0 is below 1, the least allowed" },
		{ CLIENT "scavengettl = -2\n",
		  "t.ini:6: [client c] scavengettl: -2 is below -1, the least allowed" },
		{ CLIENT "sockbuf = 4X\n", "t.ini:6: [client c] sockbuf: '4X' is not a number of "
					   "bytes, such as 65536, 64K or 4M" },
		{ CLIENT "sockbuf = K\n", "t.ini:6: [client c] sockbuf: 'K' is not a number of "
					  "bytes, such as 65536, 64K or 4M" },
		{ CLIENT "ratelimit = 9223372036854775807G\n",
		  "t.ini:6: [client c] ratelimit: "
		  "'9223372036854775807G' is not a number of bytes, such as 65536, 64K or 4M" },
		{ CLIENT "quiet = maybe\n",
		  "t.ini:6: [client c] quiet: 'maybe' is neither yes nor no" },
		{ CLIENT "mode = turbo\n", "t.ini:6: [client c] mode: 'turbo' is none of auto, "
					   "normal, fast, fast2, fast3, manual" },
		{ CLIENT "mode = manual\nnodelay = 4\n",
		  "t.ini:7: [client c] nodelay: 4 is above 3, the most allowed" },
		{ CLIENT "rcvwnd = AUTO\n", "t.ini:6: [client c] rcvwnd: 'AUTO' is neither auto nor "
					    "a number from 1 to 65535" },
		{ CLIENT "conn = autos\n", "t.ini:6: [client c] conn: 'autos' is neither auto nor a "
					   "number from 1 to 1024" },
		{ CLIENT "mtu = autos\n",
		  "t.ini:6: [client c] mtu: 'autos' is neither auto nor a number from 50 to 1500" },
		{ CLIENT "sndwnd = 4294967295\n", "t.ini:6: [client c] sndwnd: 4294967295 is above "
						  "65535: the window field on the wire has 16 bits" },
		{ CLIENT "mode = fast # quick\n",
		  "t.ini:6: [client c] mode: 'fast # quick' is none "
		  "of auto, normal, fast, fast2, fast3, manual; a comment behind a value starts with ';'" },
		{ CLIENT "congestion = bbr\n",
		  "t.ini:6: [client c] congestion: 'bbr' is none of model, reno, none" },
		{ CLIENT "copies = many\n", "t.ini:6: [client c] copies: 'many' is neither auto nor "
					    "a number from 0 to 3" },
		{ CLIENT "copies = 4\n", "t.ini:6: [client c] copies: 4 is above 3, the most allowed" },
		{ CLIENT "copies = Auto\n", "t.ini:6: [client c] copies: 'Auto' is neither auto nor "
					    "a number from 0 to 3" },
		{ CLIENT "mode = manual\nnc = auto\n",
		  "t.ini:7: [client c] nc: 'auto' is not a number from 0 to 1" },
		{ CLIENT "cc = bbr\n", "t.ini:6: [client c] cc: write congestion" },
		{ CLIENT "compression = gzip\n",
		  "t.ini:6: [client c] compression: 'gzip' is none of auto, snappy, zstd, none" },
		{ CLIENT "[daemon]\nloglevel = loud\n",
		  "t.ini:7: [daemon] loglevel: 'loud' is none of error, warn, info, debug" },
		{ DEFAULTS "conn = 0\n"
			   "[server s]\nlisten = :1\ntarget = h:2\n",
		  "t.ini:3: [defaults] conn: 0 is below 1, the least allowed" },

		{ DEFAULTS "[client c]\nlocaladdr = :1\nremoteaddr = a:1,\n",
		  "t.ini:5: [client c] remoteaddr: a server is missing before or behind a comma" },
		{ DEFAULTS "[client c]\nlocaladdr = :1\nremoteaddr = a:1, , b:2\n",
		  "t.ini:5: [client c] remoteaddr: a server is missing before or behind a comma" },
		{ DEFAULTS "[client c]\nlocaladdr = :1\nremoteaddr = a:1, b\n",
		  "t.ini:5: [client c] remoteaddr: of the server 'b': 'b' has no port; write host:port" },
		{ DEFAULTS "[client c]\nlocaladdr = :1\nremoteaddr = a:1, b:1 ,a:1\n",
		  "t.ini:5: [client c] remoteaddr: has the server 'a:1' twice" },
		{ DEFAULTS
		  "[client c]\nlocaladdr = :1\nremoteaddr = a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8,a:9\n",
		  "t.ini:5: [client c] remoteaddr: has more than 8 servers" },
		{ CLIENT "interface = an-interface-name\n",
		  "t.ini:6: [client c] interface: 'an-interface-name' is no name of a network device, such as "
		  "eth0: at most 15 characters, without slash, colon or blank" },
		{ CLIENT "interface = eth 0\n",
		  "t.ini:6: [client c] interface: 'eth 0' is no name of a network device, such as "
		  "eth0: at most 15 characters, without slash, colon or blank" },
		{ SERVER "interface = ../eth0\n",
		  "t.ini:6: [server s] interface: '../eth0' is no name of a network device, such as "
		  "eth0: at most 15 characters, without slash, colon or blank" },
		{ CLIENT "bind = 192.0.2.7:1\n",
		  "t.ini:6: [client c] bind: '192.0.2.7:1' is neither an IPv4 nor an IPv6 address; write "
		  "it without port and brackets, as 192.0.2.7 or 2001:db8::7" },
		{ CLIENT "bind = [2001:db8::7]\n",
		  "t.ini:6: [client c] bind: '[2001:db8::7]' is neither an IPv4 nor an IPv6 address; write "
		  "it without port and brackets, as 192.0.2.7 or 2001:db8::7" },
		{ CLIENT "bind = fe80::1%\n",
		  "t.ini:6: [client c] bind: 'fe80::1%' is neither an IPv4 nor an IPv6 address; write "
		  "it without port and brackets, as 192.0.2.7 or 2001:db8::7" },
		{ CLIENT "bind = ::ffff:192.0.2.7\n",
		  "t.ini:6: [client c] bind: '::ffff:192.0.2.7' is an IPv4 address; write 192.0.2.7" },
		{ SERVER "bind = 192.0.2.7\n",
		  "t.ini:6: [server s] bind: is a client's key and means nothing here; it may stand in "
		  "[defaults]" },
		{ CLIENT "fwmark = 4294967296\n", "t.ini:6: [client c] fwmark: '4294967296' is no mark: 0 "
						  "to 4294967295, or 0x0 to 0xffffffff" },
		{ CLIENT "fwmark = 0x\n", "t.ini:6: [client c] fwmark: '0x' is no mark: 0 to 4294967295, "
					  "or 0x0 to 0xffffffff" },
		{ CLIENT "fwmark = 1a\n", "t.ini:6: [client c] fwmark: '1a' is no mark: 0 to 4294967295, "
					  "or 0x0 to 0xffffffff" },
		{ CLIENT "fwmark = -1\n", "t.ini:6: [client c] fwmark: '-1' is no mark: 0 to 4294967295, "
					  "or 0x0 to 0xffffffff" },
		{ LISTENS "target = h:2,\n",
		  "t.ini:5: [server s] target: a target is missing before or behind a comma" },
		{ LISTENS "target = ,h:2\n",
		  "t.ini:5: [server s] target: a target is missing before or behind a comma" },
		{ LISTENS "target = h:2, ,h:3\n",
		  "t.ini:5: [server s] target: a target is missing before or behind a comma" },
		{ LISTENS "target = h:2, :3\n",
		  "t.ini:5: [server s] target: of the target ':3': the host before the port is missing" },
		{ LISTENS "target = h:2, h:3-4\n",
		  "t.ini:5: [server s] target: of the target 'h:3-4': takes one port, not the range 3-4" },
		{ LISTENS "target = h:2, ::1:3\n",
		  "t.ini:5: [server s] target: of the target '::1:3': an IPv6 "
		  "address goes in brackets: [::1]:29900" },
		{ LISTENS "target = h:2, i:2,h:2\n",
		  "t.ini:5: [server s] target: has the target 'h:2' twice" },
		{ LISTENS "target = a:1,b:1,c:1,d:1,e:1,f:1,g:1,h:1,i:1\n",
		  "t.ini:5: [server s] target: has more than 8 targets" },
		{ LISTENS "target = :3\n",
		  "t.ini:5: [server s] target: the host before the port is missing" },

		{ SERVER "proxyprotocol = yes\n",
		  "t.ini:6: [server s] proxyprotocol: 'yes' is none of no, v2" },
		{ CLIENT "proxyprotocol = v2\n",
		  "t.ini:6: [client c] proxyprotocol: is a server's key and means nothing here; it may stand in [defaults]" },

		/* between keys */
		{ "[client c]\nlocaladdr = :1\nremoteaddr = h:2\n",
		  "t.ini:1: [client c] key: is "
		  "missing, as is keyfile; both ends need the same, make one with: "
		  "kcptunctl genkey" },
		{ CLIENT "snmplog = /var/log/\n", "t.ini:6: [client c] snmplog: '/var/log/' is a "
						  "folder; name a file in it" },
		{ CLIENT "key = a\nkeyfile = b\n",
		  "t.ini:7: [client c] keyfile: stands beside key in line 6; give one of them" },
		{ DEFAULTS "[client c]\nlocaladdr = :1\n",
		  "t.ini:3: [client c] remoteaddr: is "
		  "missing; for example remoteaddr = vps.example.net:29900" },
		{ CLIENT "datashard = 200\nparityshard = 56\n",
		  "t.ini:6: [client c] datashard: "
		  "datashard + parityshard is 256; at most 255 shards make a set" },
		{ DEFAULTS "datashard = 10\nparityshard = 3\n"
			   "[client c]\nlocaladdr = :1\nremoteaddr = h:2\nparityshard = 246\n",
		  "t.ini:8: [client c] parityshard: datashard + parityshard is 256; at most 255 "
		  "shards make a set" },
		{ CLIENT "datashard = 10\n", "t.ini:6: [client c] datashard: datashard is 10 and "
					     "parityshard is auto; give a number to both, or to "
					     "neither" },
		{ CLIENT "parityshard = 3\n", "t.ini:6: [client c] parityshard: datashard is auto and "
					      "parityshard is 3; give a number to both, or to "
					      "neither" },
		{ CLIENT "datashard = auto\nparityshard = 3\n",
		  "t.ini:6: [client c] datashard: datashard is auto and parityshard is 3; give a "
		  "number to both, or to neither" },
		{ DEFAULTS "datashard = 10\nparityshard = 3\n"
			   "[client c]\nlocaladdr = :1\nremoteaddr = h:2\nparityshard = auto\n",
		  "t.ini:8: [client c] parityshard: datashard is 10 and parityshard is auto; give "
		  "a number to both, or to neither" },
		{ CLIENT "mtu = 77\n", "t.ini:6: [client c] mtu: an mtu of 77 is below 78: aes takes "
				       "20, error correction 8 and KCP 50" },
		{ CLIENT "mtu = 85\ncrypt = aes-128-gcm\n",
		  "t.ini:6: [client c] mtu: an mtu of 85 is "
		  "below 86: aes-128-gcm takes 28, error correction 8 and KCP 50" },
		{ CLIENT "streambuf = 2M\nsmuxbuf = 1M\n",
		  "t.ini:6: [client c] streambuf: streambuf, 2097152, is above "
		  "smuxbuf, 1048576: one stream cannot hold more than the session" },
		{ CLIENT "nocomp = yes\ncompression = zstd\n",
		  "t.ini:6: [client c] nocomp: contradicts compression in line 7" },
		{ CLIENT "nocomp = yes\ncompression = auto\n",
		  "t.ini:6: [client c] nocomp: contradicts compression in line 7" },
		{ CLIENT "smuxver = 3\n",
		  "t.ini:6: [client c] smuxver: 3 is above 2, the most allowed" },
		{ CLIENT "smuxver = latest\n",
		  "t.ini:6: [client c] smuxver: 'latest' is neither auto nor a number from 1 to 2" },
		{ CLIENT "nocomp = no\ncompression = none\n",
		  "t.ini:6: [client c] nocomp: contradicts compression in line 7" },
	};

	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		expect_fault(faults[i].text, faults[i].line);
}

static void an_unknown_cipher_is_answered_with_the_list(void **state)
{
	assert_null(read_text(CLIENT "crypt = rot13\n"));
	assert_int_equal(reports.count, 1);
	for (size_t i = 0; i < seal_method_count; i++)
		assert_true(was_said(seal_methods[i].name));
}

static void the_least_mtu_follows_the_cipher_and_fec(void **state)
{
	config_free(read_good(CLIENT "mtu = 78\n"));
	config_free(read_good(CLIENT "mtu = 70\nparityshard = 0\n"));
	config_free(read_good(CLIENT "mtu = 86\ncrypt = aes-128-gcm\n"));
	config_free(read_good(CLIENT "mtu = 50\ncrypt = null\ndatashard = 0\n"));
	assert_null(read_text(CLIENT "mtu = 69\nparityshard = 0\n"));
	expect_fault(SERVER "mtu = 77\nparityshard = 0\n",
		     "t.ini:6: [server s] mtu: an mtu of 77 is below 78: aes takes 20, error correction 8 "
		     "and KCP 50");
}

static void addresses_without_sense_are_refused(void **state)
{
	static const struct {
		const char *line, *fault;
	} bad[] = {
		{ "localaddr = 127.0.0.1", "'127.0.0.1' has no port; write host:port, or a path" },
		{ "localaddr = 127.0.0.1:0", "'0' is no port: 1 to 65535" },
		{ "localaddr = 127.0.0.1:65536", "'65536' is no port" },
		{ "localaddr = 127.0.0.1:http", "'http' is no port" },
		{ "localaddr = 127.0.0.1:1-2", "takes one port, not the range 1-2" },
		{ "localaddr = ::1:80", "an IPv6 address goes in brackets" },
		{ "localaddr = [::1", "a ']' is missing" },
		{ "localaddr = [::1]", "'[::1]' has no port" },
		{ "localaddr = [::1]80", "'[::1]80' has no port" },
		{ "localaddr = [1.2.3.4]:80", "'1.2.3.4' in brackets is no IPv6 address" },
		{ "localaddr = [::1%]:80", "'::1%' in brackets is no IPv6 address" },
		{ "localaddr = []:80", "'' in brackets is no IPv6 address" },
		{ "localaddr = 1.2.3:80", "'1.2.3' is no IPv4 address" },
		{ "localaddr = 1.2.3.256:80", "'1.2.3.256' is no IPv4 address" },
		{ "localaddr = *:80", "every local address is written :PORT" },
		{ "localaddr = a b:80", "'a b' is no host name" },
		{ "localaddr = /123456789012345678901234567890123456789012345678901234567890"
		  "123456789012345678901234567890123456789012345678",
		  "longer than 107 bytes" },
		{ "remoteaddr = :80", "the host before the port is missing" },
		{ "remoteaddr = h:2-1", "the port range 2-1 ends before it starts" },
		{ "remoteaddr = h:1-", "'1-' is no port range: 1 to 65535, or first-last" },
		{ "remoteaddr = h:-1", "'-1' is no port range" },
		{ "remoteaddr = h:1-2-3", "'1-2-3' is no port range" },
		{ "remoteaddr = /run/x", "is UDP and takes host:port, not a path" },
	};
	char text[512];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		bool local = bad[i].line[0] == 'l';

		snprintf(text, sizeof(text), "%s[client c]\n%s\n%s\n", DEFAULTS, bad[i].line,
			 local ? "remoteaddr = h:2" : "localaddr = :1");
		assert_null(read_text(text));
		assert_int_equal(reports.count, 1);
		assert_true(was_said(bad[i].fault));
		assert_true(was_said("t.ini:4: [client c] "));
	}
}

static void long_lines_are_told_and_never_cut(void **state)
{
	char text[1024], key[400];
	struct config *c;

	for (size_t n = 180; n < sizeof(key) - 1; n++) {
		memset(key, 'k', n);
		key[n] = '\0';
		snprintf(text, sizeof(text),
			 "[client c]\nlocaladdr = :1\nremoteaddr = h:2\nkey = %s\n", key);
		c = read_text(text);
		if (c) { /* then all of it is there */
			assert_int_equal(c->tunnels[0]->key_len, n);
			assert_memory_equal(c->tunnels[0]->key, key, n);
			config_free(c);
		} else {
			assert_true(was_said("t.ini:4: [client c] the line has "));
			assert_false(was_said("kkk"));
		}
	}
	assert_null(c); /* 400 characters are too many for Debian's inih */
}

static void a_long_comment_is_no_long_line(void **state)
{
	char text[2048] = CLIENT "# ";
	struct config *c;

	memset(text + strlen(text), 'x', 1000);
	c = read_good(text);
	config_free(c);
}

static void all_faults_come_at_once_in_the_order_of_the_file(void **state)
{
	int last = 0;

	assert_null(read_text("[server s]\nlisten = [::]:1\ntarget = h:2\nmtu = 1\n"
			      "[defaults]\nkey = some secret\nkeepalive = 40\nmdoe = fast\n"
			      "[client c]\nlocaladdr = :1\nremoteaddr = h:2\ndscp = 64\n"
			      "[server u]\nlisten = 0.0.0.0:1\ntarget = h:2\n"));
	assert_int_equal(reports.count, 5);
	for (size_t i = 0; i < reports.count; i++) {
		int line = 0;

		assert_int_equal(sscanf(reports.lines[i], "t.ini:%d:", &line), 1);
		assert_true(line > last);
		last = line;
	}
	assert_true(was_said("t.ini:4:"));
	assert_true(was_said("t.ini:7: [defaults] keepalive"));
	assert_true(was_said("t.ini:8: [defaults] mdoe"));
	assert_true(was_said("t.ini:12:"));
	assert_true(was_said("t.ini:14: [server u] listen: 0.0.0.0:1 collides with [::]:1 of [server s] "
			     "in line 2"));
}

static void a_tunnel_whose_name_is_taken_is_checked_all_the_same(void **state)
{
	assert_null(read_text(CLIENT
			      "[client c]\nlocaladdr = :3\nremoteaddr = h:2\nmtu = 1\nmut = 1\n"));
	assert_int_equal(reports.count, 3);
	assert_true(was_said("t.ini:6: [client c]: the name is taken by [client c] at line 3"));
	assert_true(was_said("t.ini:9: [client c] mtu"));
	assert_true(was_said("t.ini:10: [client c] mut: unknown key"));
}

static void a_fault_of_the_defaults_is_told_once(void **state)
{
	expect_fault("[defaults]\nkey = some secret\nmtu = 60\n"
		     "[client a]\nlocaladdr = :1\nremoteaddr = h:2\n"
		     "[client b]\nlocaladdr = :2\nremoteaddr = h:2\n",
		     "t.ini:3: [defaults] mtu: an mtu of 60 is below 78: aes takes 20, error "
		     "correction 8 and KCP 50");
}

static void the_key_is_never_printed(void **state)
{
	static const char *const texts[] = {
		"[client c]\nkey = hunter2hunter2\nkey = hunter2hunter2\nkeyfile = x\nlocaladdr = 1\n",
		"[daemon]\nkey = hunter2hunter2\n",
		"[client c]\nkey = \"hunter2hunter2\"\nlocaladdr = :1\nremoteaddr = h:2\n",
		"[client c]\nkey hunter2hunter2\n",
		"[client c]\nkey = hunter2hunter2\x01\n",
		"key = hunter2hunter2\n",
		"[client c]\nkye = hunter2hunter2\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct config *c = read_text(texts[i]);
		char *text;

		assert_true(reports.count > 0);
		assert_false(was_said("hunter"));
		if (!c)
			continue;
		text = as_ini(c);
		assert_null(strstr(text, "hunter"));
		assert_non_null(strstr(text, "\n; key = "));
		free(text);
		config_free(c);
	}
}

static void the_right_name_is_hinted_at(void **state)
{
	static const struct {
		const char *line, *hint;
	} names[] = {
		{ "crypt = aes-256", "; did you mean aes, which is AES-256, or aes-256-gcm?" },
		{ "crypt = AES256", "; did you mean aes, which is AES-256, or aes-256-gcm?" },
		{ "crypt = aes-128-cfb", "; did you mean aes-128?" },
		{ "crypt = aes-gcm", "; did you mean aes-256-gcm or aes-128-gcm?" },
		{ "crypt = chacha20-poly1350", "; did you mean chacha20-poly1305?" },
		{ "crypt = blowfsh", "; did you mean blowfish?" },
		{ "crypt = rot13", "chacha20-poly1305" },
		{ "mode = fst3", "; did you mean fast3?" },
		{ "compression = gzip", "none" },
		{ "congestion = renow", "; did you mean reno?" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char text[256];
		size_t hint = strlen(names[i].hint), all;

		snprintf(text, sizeof(text), CLIENT "%s\n", names[i].line);
		assert_null(read_text(text));
		assert_int_equal(reports.count, 1);
		all = strlen(reports.lines[0]);
		assert_true(all > hint);
		assert_string_equal(reports.lines[0] + all - hint, names[i].hint);
	}
}

/* ---- warnings ------------------------------------------------------------------------------ */

static void keys_without_effect_are_told(void **state)
{
	static const struct {
		const char *text, *line;
	} warnings[] = {
		{ CLIENT "interval = 20\n",
		  "t.ini:6: [client c] interval: has no effect without mode = manual" },
		{ CLIENT "nodelay = 1\n",
		  "t.ini:6: [client c] nodelay: has no effect without mode = manual" },
		{ CLIENT "resend = 1\n",
		  "t.ini:6: [client c] resend: has no effect without mode = manual" },
		{ CLIENT "nc = 1\n", "t.ini:6: [client c] nc: has no effect without mode = manual" },
		{ CLIENT "congestion = reno\nnc = 1\n",
		  "t.ini:7: [client c] nc: has no effect without mode = manual" },
		{ CLIENT "mode = manual\ncongestion = model\nnc = 1\n",
		  "t.ini:8: [client c] nc: has no effect beside congestion" },
		{ "[defaults]\nkey = some secret\ncongestion = none\n"
		  "[client a]\nlocaladdr = :1\nremoteaddr = h:2\nmode = manual\nnc = 0\n",
		  "t.ini:8: [client a] nc: has no effect beside congestion" },
		{ CLIENT "scavengettl = 1\n",
		  "t.ini:6: [client c] scavengettl: has no effect without autoexpire" },
		{ CLIENT "snmpperiod = 7\n",
		  "t.ini:6: [client c] snmpperiod: has no effect without snmplog" },
		{ "[daemon]\nsnmpperiod = 7\n" CLIENT,
		  "t.ini:2: [daemon] snmpperiod: has no effect without snmplog" },
		{ CLIENT "qpp-count = 7\n",
		  "t.ini:6: [client c] qpp-count: has no effect without qpp = yes" },
		{ CLIENT "smuxver = 1\nstreambuf = 1M\n",
		  "t.ini:7: [client c] streambuf: has no effect with smuxver = 1" },
		{ SERVER "smuxver = 1\n", "t.ini:6: [server s] smuxver: has no effect in a server, "
					  "which follows each client" },
		{ CLIENT "qpp = yes\nqpp-count = 64\n",
		  "t.ini:7: [client c] qpp-count: 64 is even, "
		  "which makes QPP weak; take a prime, such as 61" },
		{ CLIENT "streambuf = 8000\n",
		  "t.ini:6: [client c] streambuf: framesize, 8192, is "
		  "above streambuf, 8000: a frame so large will not be sent to a peer with the same "
		  "streambuf" },
		{ "[client c]\nlocaladdr = :1\nremoteaddr = h:2\nkey = it's a secrect\n",
		  "t.ini:4: [client c] key: is the one built into kcptun, which everybody knows; "
		  "make one with: kcptunctl genkey" },
		{ "[client c]\nlocaladdr = :1\nremoteaddr = h:2\nkey = \"long enough\"\n",
		  "t.ini:4: [client c] key: the quotes around it are part of it" },
		/* settled in [defaults]: once, and only if no tunnel has a use for it */
		{ "[defaults]\nkey = some secret\ninterval = 20\n"
		  "[client a]\nlocaladdr = :1\nremoteaddr = h:2\n"
		  "[client b]\nlocaladdr = :2\nremoteaddr = h:2\n",
		  "t.ini:3: [defaults] interval: has no effect without mode = manual" },
	};

	for (size_t i = 0; i < ARRAY_LEN(warnings); i++)
		expect_warning(warnings[i].text, warnings[i].line);
}

static void a_default_that_one_tunnel_uses_is_no_warning(void **state)
{
	config_free(read_good("[defaults]\nkey = some secret\ninterval = 20\nsmuxver = 1\n"
			      "[client a]\nlocaladdr = :1\nremoteaddr = h:2\nmode = manual\n"
			      "[server b]\nlisten = :2\ntarget = h:2\n"));
	config_free(read_good(CLIENT "autoexpire = 1\nscavengettl = 1\n"));
}

static void parity_beside_a_zero_is_told(void **state)
{
	expect_warning(CLIENT "datashard = 0\nparityshard = 3\n",
		       "t.ini:7: [client c] parityshard: has no effect with datashard = 0: there is no "
		       "error correction");
	expect_warning(SERVER "datashard = 10\nparityshard = 0\n",
		       "t.ini:6: [server s] datashard: has no effect with parityshard = 0: there is no "
		       "error correction");
	expect_warning("[defaults]\nkey = some secret\ndatashard = 0\n[client c]\nlocaladdr = :1\n"
		       "remoteaddr = h:2\nparityshard = 3\n",
		       "t.ini:7: [client c] parityshard: has no effect with datashard = 0: there is no "
		       "error correction");
	/* the others of that file have a use for it */
	config_free(read_good("[defaults]\nkey = some secret\ndatashard = 10\nparityshard = 3\n"
			      "[client c]\nlocaladdr = :1\nremoteaddr = h:2\ndatashard = 0\n"));
	config_free(read_good(CLIENT "datashard = 0\nparityshard = 0\n"));
}

/* ---- hostile files ------------------------------------------------------------------------------ */

static void files_that_are_none_are_refused(void **state)
{
	static char big[(1 << 20) + 1];

	forget_reports();
	assert_null(config_read("no/such/file", note, NULL));
	assert_string_equal(reports.lines[0],
			    "no/such/file: cannot be opened: No such file or directory");
	forget_reports();
	assert_null(config_read("/", note, NULL));
	assert_string_equal(reports.lines[0], "/: cannot be read: Is a directory");
	memset(big, '\n', sizeof(big));
	assert_null(read_bytes(big, sizeof(big)));
	assert_string_equal(reports.lines[0], "t.ini: is larger than 1024 KiB");
	assert_null(read_bytes(CLIENT "\0", sizeof(CLIENT)));
	assert_string_equal(reports.lines[0], "t.ini: is not a text file: it has NUL bytes");
}

static void faults_without_end_end(void **state)
{
	static char text[1 << 19];
	size_t n = 0;

	for (unsigned i = 0; n < sizeof(text) - 64; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "[client c%u]\nx%u = 1\n", i, i);
	assert_null(read_bytes(text, n));
	assert_int_equal(reports.count, 1000);
}

static void messages_quote_little_and_nothing_harmful(void **state)
{
	char text[400] = CLIENT "[";

	memset(text + strlen(text), 'x', 300);
	strcat(text, "\x1b]\n");
	assert_null(read_text(text));
	assert_true(was_said("control character"));
	memset(text, 0, sizeof(text));
	strcpy(text, CLIENT "[");
	memset(text + strlen(text), 'x', 300);
	strcat(text, "]\n");
	assert_null(read_text(text));
	assert_true(was_said("xxx...: unknown section"));
	assert_true(strlen(reports.lines[0]) < 200);
}

/* ---- main --------------------------------------------------------------------------------------- */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fault_is_one_line_with_its_place),
		cmocka_unit_test(an_unknown_cipher_is_answered_with_the_list),
		cmocka_unit_test(the_least_mtu_follows_the_cipher_and_fec),
		cmocka_unit_test(addresses_without_sense_are_refused),
		cmocka_unit_test(long_lines_are_told_and_never_cut),
		cmocka_unit_test(a_long_comment_is_no_long_line),
		cmocka_unit_test(all_faults_come_at_once_in_the_order_of_the_file),
		cmocka_unit_test(a_tunnel_whose_name_is_taken_is_checked_all_the_same),
		cmocka_unit_test(a_fault_of_the_defaults_is_told_once),
		cmocka_unit_test(the_key_is_never_printed),
		cmocka_unit_test(the_right_name_is_hinted_at),
		cmocka_unit_test(keys_without_effect_are_told),
		cmocka_unit_test(a_default_that_one_tunnel_uses_is_no_warning),
		cmocka_unit_test(parity_beside_a_zero_is_told),
		cmocka_unit_test(files_that_are_none_are_refused),
		cmocka_unit_test(faults_without_end_end),
		cmocka_unit_test(messages_quote_little_and_nothing_harmful),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
