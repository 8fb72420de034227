/* test_config.c - every key, every rule, and the files in conf/. */
#include "config_bed.h"
#include "config_effective.h"
#include "log.h"
#include "wire.h"

static void put_value(void *user, const struct conf_effective *v)
{
	fprintf(user, "%s%s = %s\n; ^ %s %d\n", v->kind == CONF_HIDDEN ? "; " : "", v->key, v->text,
		v->origin, v->line);
}

/* The values that hold as a file; malloc'd. */
static char *as_ini(const struct config *c)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	fputs("[daemon]\n", f);
	assert_true(config_effective_daemon(&c->daemon, put_value, f));
	for (size_t i = 0; i < c->tunnel_count; i++) {
		fprintf(f, "[%s %s]\n", c->tunnels[i]->role == ROLE_CLIENT ? "client" : "server",
			c->tunnels[i]->name);
		assert_true(config_effective_tunnel(c->tunnels[i], put_value, f));
	}
	fclose(f);
	return text;
}

/* ---- good files --------------------------------------------------------------------- */

static void gives_a_client_defaults_that_need_no_tuning(void **state)
{
	struct config *c = read_good(CLIENT);
	const struct conf_tunnel *t = c->tunnels[0];

	assert_int_equal(c->tunnel_count, 1);
	assert_int_equal(c->daemon.loglevel, LOG_LEVEL_INFO);
	assert_string_equal(t->name, "c");
	assert_int_equal(t->role, ROLE_CLIENT);
	assert_int_equal(t->line, 3);
	assert_int_equal(t->key_len, 11);
	assert_memory_equal(t->key, "some secret", 11);
	assert_null(t->keyfile);
	assert_string_equal(t->crypt->name, "aes");
	assert_string_equal(conf_modes[t->mode].name, "auto");
	assert_int_equal(t->nodelay, 3);
	assert_int_equal(t->interval_ms, 10);
	assert_int_equal(t->resend, 2);
	assert_int_equal(t->nc, 1);
	assert_int_equal(t->congestion, SESSION_MODEL);
	assert_int_equal(t->copies, CONF_AUTO);
	assert_int_equal(t->conn, CONF_AUTO);
	assert_int_equal(t->autoexpire_s, 0);
	assert_int_equal(t->scavengettl_s, 600);
	assert_int_equal(t->mtu_bytes, CONF_AUTO);
	assert_int_equal(t->ratelimit_bytes, 0);
	assert_int_equal(t->sndwnd_segs, CONF_AUTO);
	assert_int_equal(t->rcvwnd_segs, CONF_AUTO);
	assert_int_equal(t->datashard, CONF_AUTO);
	assert_int_equal(t->parityshard, CONF_AUTO);
	assert_int_equal(t->dscp, 0);
	assert_int_equal(t->compression, CODEC_SNAPPY);
	assert_false(t->acknodelay);
	assert_int_equal(t->sockbuf_bytes, 4194304);
	assert_int_equal(t->smuxver, 2);
	assert_int_equal(t->smuxbuf_bytes, CONF_AUTO);
	assert_int_equal(t->framesize_bytes, 8192);
	assert_int_equal(t->streambuf_bytes, CONF_AUTO);
	assert_int_equal(t->keepalive_s, 10);
	assert_int_equal(t->closewait_s, 30);
	assert_false(t->quiet);
	assert_false(t->qpp);
	assert_int_equal(t->qpp_count, 61);
	assert_int_equal(t->maxstreams, 4096);
	config_free(c);
}

static void gives_a_server_the_same_defaults(void **state)
{
	struct config *c = read_good(SERVER);
	const struct conf_tunnel *t = c->tunnels[0];

	assert_int_equal(t->role, ROLE_SERVER);
	assert_string_equal(conf_modes[t->mode].name, "auto");
	assert_int_equal(t->sndwnd_segs, CONF_AUTO);
	assert_int_equal(t->rcvwnd_segs, CONF_AUTO);
	assert_int_equal(t->datashard, CONF_AUTO);
	assert_int_equal(t->maxsessions, 4096);
	assert_string_equal(t->listen.host, "");
	assert_string_equal(t->target.text, "h:2");
	config_free(c);
}

static void reads_every_key_of_a_client(void **state)
{
	struct config *c = read_good(
		"[daemon]\nloglevel = debug\n"
		"[client c]\nlocaladdr = /run/a b.sock\nremoteaddr = [2001:db8::1]:100-200\n"
		"key = a b=c:d;e\ncrypt = chacha20-poly1305\nqpp = on\nqpp-count = 7\n"
		"mode = manual\nnodelay = 1\ninterval = 15\nresend = 3\nnc = 1\ncopies = 3\n"
		"sndwnd = 65535\nrcvwnd = 1\nmtu = 1500\nratelimit = 2M\nacknodelay = TRUE\n"
		"datashard = 70\nparityshard = 30\ncompression = zstd\nsmuxver = 2\n"
		"smuxbuf = 1G\nframesize = 65535\nstreambuf = 8m\n"
		"keepalive = 29\nclosewait = 0\nconn = 4\nautoexpire = 60\nscavengettl = -1\n"
		"maxstreams = 9\ndscp = 46\nsockbuf = 64K\nquiet = 1\n");
	const struct conf_tunnel *t = c->tunnels[0];

	assert_int_equal(c->daemon.loglevel, LOG_LEVEL_DEBUG);
	assert_string_equal(t->localaddr.path, "/run/a b.sock");
	assert_null(t->localaddr.host);
	assert_string_equal(t->remoteaddr.host, "2001:db8::1");
	assert_int_equal(t->remoteaddr.port, 100);
	assert_int_equal(t->remoteaddr.port_last, 200);
	assert_int_equal(t->key_len, strlen("a b=c:d;e"));
	assert_memory_equal(t->key, "a b=c:d;e", t->key_len);
	assert_string_equal(t->crypt->name, "chacha20-poly1305");
	assert_true(t->qpp);
	assert_int_equal(t->qpp_count, 7);
	assert_int_equal(t->mode, CONF_MODE_COUNT - 1);
	assert_int_equal(t->nodelay, 1);
	assert_int_equal(t->interval_ms, 15);
	assert_int_equal(t->resend, 3);
	assert_int_equal(t->nc, 1);
	assert_int_equal(t->congestion, SESSION_NONE);
	assert_int_equal(t->copies, 3);
	assert_int_equal(t->sndwnd_segs, 65535);
	assert_int_equal(t->rcvwnd_segs, 1);
	assert_int_equal(t->mtu_bytes, 1500);
	assert_int_equal(t->ratelimit_bytes, 2 << 20);
	assert_true(t->acknodelay);
	assert_int_equal(t->datashard, 70);
	assert_int_equal(t->parityshard, 30);
	assert_int_equal(t->compression, CODEC_ZSTD);
	assert_int_equal(t->smuxbuf_bytes, 1 << 30);
	assert_int_equal(t->framesize_bytes, 65535);
	assert_int_equal(t->streambuf_bytes, 8 << 20);
	assert_int_equal(t->keepalive_s, 29);
	assert_int_equal(t->closewait_s, 0);
	assert_int_equal(t->conn, 4);
	assert_int_equal(t->autoexpire_s, 60);
	assert_int_equal(t->scavengettl_s, -1);
	assert_int_equal(t->maxstreams, 9);
	assert_int_equal(t->dscp, 46);
	assert_int_equal(t->sockbuf_bytes, 64 << 10);
	assert_true(t->quiet);
	config_free(c);
}

static void every_mode_sets_its_four_numbers(void **state)
{
	static const struct {
		const char *text;
		unsigned v[4];
	} modes[] = {
		{ CLIENT, { 3, 10, 2, 1 } },
		{ CLIENT "mode = normal\n", { 0, 40, 2, 1 } },
		{ CLIENT "mode = fast\n", { 0, 30, 2, 1 } },
		{ CLIENT "mode = fast2\n", { 1, 20, 2, 1 } },
		{ CLIENT "mode = fast3\n", { 1, 10, 2, 1 } },
		{ CLIENT "mode = manual\n", { 0, 50, 0, 0 } },
	};

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		struct config *c = read_good(modes[i].text);
		const struct conf_tunnel *t = c->tunnels[0];

		assert_int_equal(t->mode, i);
		assert_int_equal(t->nodelay, modes[i].v[0]);
		assert_int_equal(t->interval_ms, modes[i].v[1]);
		assert_int_equal(t->resend, modes[i].v[2]);
		assert_int_equal(t->nc, modes[i].v[3]);
		/* what else is automatic has nothing to do with it */
		assert_int_equal(t->sndwnd_segs, CONF_AUTO);
		assert_int_equal(t->parityshard, CONF_AUTO);
		config_free(c);
	}
}

static void defaults_are_inherited_wherever_they_stand(void **state)
{
	struct config *c = read_good("[server s]\nlisten = :1\ntarget = h:2\nmtu = 1000\n"
				     "[defaults]\nkey = some secret\nmtu = 1200\ndscp = 3\n"
				     "[client c]\nlocaladdr = :1\nremoteaddr = h:2\ndscp = 4\n");

	assert_int_equal(c->tunnel_count, 2);
	assert_string_equal(c->tunnels[0]->name, "s");
	assert_int_equal(c->tunnels[0]->mtu_bytes, 1000);
	assert_int_equal(c->tunnels[0]->dscp, 3);
	assert_int_equal(c->tunnels[1]->mtu_bytes, 1200);
	assert_int_equal(c->tunnels[1]->dscp, 4);
	config_free(c);
}

static void the_origin_of_each_value_is_kept(void **state)
{
	struct config *c = read_good("[defaults]\nkey = some secret\ndscp = 3\n"
				     "[client c]\nlocaladdr = :1\nremoteaddr = h:2\nmtu = 1000\n");
	char *text = as_ini(c);

	assert_non_null(strstr(text, "\nmtu = 1000\n; ^ section 7\n"));
	assert_non_null(strstr(text, "\ndscp = 3\n; ^ defaults 3\n"));
	assert_non_null(strstr(text, "\nconn = auto\n; ^ default 0\n"));
	assert_non_null(strstr(text, "\nmode = auto\n; ^ default 0\n"));
	assert_non_null(strstr(text, "\nnodelay = 3\n; ^ mode 0\n"));
	assert_non_null(strstr(text, "\nresend = 2\n; ^ mode 0\n"));
	assert_non_null(strstr(text, "\ncongestion = model\n; ^ default 0\n"));
	assert_non_null(strstr(text, "\ncopies = auto\n; ^ default 0\n"));
	assert_non_null(strstr(text, "[client c]\nlocaladdr = :1\n; ^ section 5\n"));
	free(text);
	config_free(c);
	c = read_good(CLIENT "mode = manual\nnc = 0\n"); /* another word for it */
	text = as_ini(c);
	assert_non_null(strstr(text, "\ncongestion = reno\n; ^ section 7\n"));
	assert_null(strstr(text, "\nnc = "));
	free(text);
	config_free(c);
}

static char *as_file(const struct config *c)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert_true(config_effective_ini(c, f));
	fclose(f);
	return text;
}

static void the_values_that_hold_read_back_as_the_same_config(void **state)
{
	struct config *c = read_good(CLIENT "ratelimit = 5G\nnocomp = yes\nsmuxver = 1\n"
					    "mode = manual\nresend = 9\ndatashard = 0\n"
					    "[daemon]\nsnmplog = all.csv\n"
					    "[server s]\nlisten = [::1]:70-80\ntarget = /run/t.sock\n"
					    "mode = fast2\nmtu = 1000\nacknodelay = on\n");
	char *text = as_file(c), *again;
	struct config *d = read_good(text);
	const struct conf_tunnel *t = d->tunnels[0];

	assert_string_equal(d->daemon.snmplog, "all.csv");
	assert_int_equal(t->ratelimit_bytes, UINT64_C(5) << 30);
	assert_int_equal(t->compression, CODEC_NONE);
	assert_int_equal(t->resend, 9);
	assert_int_equal(t->datashard, 0);
	assert_int_equal(t->parityshard, 0);
	assert_non_null(strstr(text, "\nkey = (not shown)\n"));
	assert_null(strstr(text, "some secret"));
	assert_non_null(strstr(text, "\n; by mode: interval = 20\n"));
	t = d->tunnels[1];
	assert_string_equal(conf_modes[t->mode].name, "fast2");
	assert_int_equal(t->interval_ms, 20);
	assert_int_equal(t->listen.port_last, 80);
	assert_string_equal(t->target.path, "/run/t.sock");
	assert_true(t->acknodelay);
	again = as_file(d);
	assert_string_equal(text, again);
	free(text);
	free(again);
	config_free(c);
	config_free(d);
}

static void a_long_line_reads_back(void **state)
{
	char path[190], *file;
	struct config *c, *d;
	char text[512];

	memset(path, 'p', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	snprintf(text, sizeof(text), CLIENT "snmplog=%s\n", path);
	c = read_good(text);
	file = as_file(c);
	d = read_good(file);
	assert_string_equal(d->tunnels[0]->snmplog, path);
	free(file);
	config_free(c);
	config_free(d);
}

static void bom_crlf_indentation_and_comments_are_accepted(void **state)
{
	struct config *c = read_good("\xef\xbb\xbf# a comment\r\n\r\n  [ defaults ] ; a comment\r\n"
				     "\tkey=some key\r\n; crypt = nothing\r\n"
				     "[client  c]\r\n  localaddr = :1\r\n  remoteaddr : h:2\r\n"
				     "mode = fast3");

	assert_string_equal(c->tunnels[0]->name, "c");
	assert_int_equal(c->tunnels[0]->key_len, 8);
	assert_string_equal(conf_modes[c->tunnels[0]->mode].name, "fast3");
	assert_string_equal(c->tunnels[0]->remoteaddr.text, "h:2");
	config_free(c);
}

static void yes_and_no_have_four_spellings_each(void **state)
{
	static const char *const yes[] = { "yes", "true", "on", "1", "Yes" };
	static const char *const no[] = { "no", "false", "off", "0", "NO" };
	char text[256];

	for (size_t i = 0; i < 2 * ARRAY_LEN(yes); i++) {
		bool on = i < ARRAY_LEN(yes);
		struct config *c;

		snprintf(text, sizeof(text), "%squiet = %s\n", CLIENT,
			 on ? yes[i] : no[i - ARRAY_LEN(yes)]);
		c = read_good(text);
		assert_int_equal(c->tunnels[0]->quiet, on);
		config_free(c);
	}
}

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
		  "t.ini:6: [client c] compression: 'gzip' is none of snappy, zstd, none" },
		{ CLIENT "[daemon]\nloglevel = loud\n",
		  "t.ini:7: [daemon] loglevel: 'loud' is none of error, warn, info, debug" },
		{ DEFAULTS "conn = 0\n"
			   "[server s]\nlisten = :1\ntarget = h:2\n",
		  "t.ini:3: [defaults] conn: 0 is below 1, the least allowed" },

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

static void expect_statedir(const char *text, const char *env, const char *expected)
{
	struct config *c;

	if (env != NULL)
		setenv("STATE_DIRECTORY", env, 1);
	c = read_good(text);
	if (expected != NULL)
		assert_string_equal(c->daemon.statedir, expected);
	else
		assert_null(c->daemon.statedir);
	config_free(c);
	unsetenv("STATE_DIRECTORY");
}

static void the_state_is_where_systemd_or_the_file_says(void **state)
{
	expect_statedir(CLIENT, NULL, NULL);
	expect_statedir(CLIENT, "/var/lib/kcptun", "/var/lib/kcptun");
	expect_statedir(CLIENT, "/var/lib/a:/var/lib/b", "/var/lib/a");
	expect_statedir(CLIENT, "", NULL);
	expect_statedir(CLIENT, "relative", NULL);
	expect_statedir("[daemon]\nstatedir = auto\n" CLIENT, "/s", "/s");
	expect_statedir("[daemon]\nstatedir = none\n" CLIENT, "/s", NULL);
	expect_statedir("[daemon]\nstatedir = /t\n" CLIENT, "/s", "/t");
	expect_fault(
		"[daemon]\nstatedir = t\n" CLIENT,
		"t.ini:2: [daemon] statedir: 't' is neither auto nor none nor a path that starts with /");
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

/* ---- what is given closer to the tunnel holds ------------------------------------------------ */

static enum codec_kind compression_of(const char *defaults, const char *own)
{
	char text[256];
	enum codec_kind kind;
	struct config *c;

	snprintf(text, sizeof(text),
		 "[defaults]\nkey = some secret\n%s\n[client c]\nlocaladdr = :1\n"
		 "remoteaddr = h:2\n%s\n",
		 defaults, own);
	c = read_good(text);
	kind = c->tunnels[0]->compression;
	assert_int_equal(c->tunnels[0]->nocomp, kind == CODEC_NONE);
	config_free(c);
	return kind;
}

static void nocomp_and_compression_override_each_other(void **state)
{
	assert_int_equal(compression_of("", ""), CODEC_SNAPPY);
	assert_int_equal(compression_of("", "nocomp = yes"), CODEC_NONE);
	assert_int_equal(compression_of("nocomp = yes", ""), CODEC_NONE);
	assert_int_equal(compression_of("", "nocomp = yes\ncompression = none"), CODEC_NONE);
	assert_int_equal(compression_of("", "nocomp = no\ncompression = zstd"), CODEC_ZSTD);
	assert_int_equal(compression_of("nocomp = yes", "compression = zstd"), CODEC_ZSTD);
	assert_int_equal(compression_of("compression = zstd", "nocomp = yes"), CODEC_NONE);
	assert_int_equal(compression_of("compression = none", "nocomp = no"), CODEC_SNAPPY);
	assert_int_equal(compression_of("nocomp = yes", "nocomp = no"), CODEC_SNAPPY);
}

static enum session_congestion congestion_of(const char *own)
{
	char text[256];
	enum session_congestion congestion;
	struct config *c;

	snprintf(text, sizeof(text), "%s%s", CLIENT, own);
	c = read_text(text);
	assert_int_equal(reports.errors, 0);
	congestion = c->tunnels[0]->congestion;
	config_free(c);
	return congestion;
}

static void nc_decides_on_congestion_in_manual_mode_alone(void **state)
{
	static const char *const modes[] = { "", "mode = normal\n", "mode = fast\n",
					     "mode = fast2\n", "mode = fast3\n" };
	char text[64];

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		assert_int_equal(congestion_of(modes[i]), SESSION_MODEL);
		for (int nc = 0; nc < 2; nc++) {
			snprintf(text, sizeof(text), "%snc = %d\n", modes[i], nc);
			assert_int_equal(congestion_of(text), SESSION_MODEL);
		}
		snprintf(text, sizeof(text), "%scongestion = reno\n", modes[i]);
		assert_int_equal(congestion_of(text), SESSION_RENO);
		snprintf(text, sizeof(text), "%scongestion = none\n", modes[i]);
		assert_int_equal(congestion_of(text), SESSION_NONE);
	}
	assert_int_equal(congestion_of("mode = manual\n"), SESSION_MODEL);
	assert_int_equal(congestion_of("mode = manual\nnc = 0\n"), SESSION_RENO);
	assert_int_equal(congestion_of("mode = manual\nnc = 1\n"), SESSION_NONE);
	assert_int_equal(congestion_of("mode = manual\ncongestion = none\n"), SESSION_NONE);
	assert_int_equal(congestion_of("mode = manual\nnc = 1\ncongestion = model\n"), SESSION_MODEL);
	assert_int_equal(congestion_of("mode = manual\nnc = 0\ncongestion = none\n"), SESSION_NONE);
	assert_int_equal(congestion_of("mode = manual\nnc = 1\ncongestion = reno\n"), SESSION_RENO);
}

static void nc_of_the_defaults_is_as_good_as_one_of_the_tunnel(void **state)
{
	struct config *c = read_good("[defaults]\nkey = some secret\nmode = manual\nnc = 0\n"
				     "[client a]\nlocaladdr = :1\nremoteaddr = h:2\n"
				     "[client b]\nlocaladdr = :2\nremoteaddr = h:2\nnc = 1\n"
				     "[client d]\nlocaladdr = :3\nremoteaddr = h:2\n"
				     "congestion = model\n");

	assert_int_equal(c->tunnels[0]->congestion, SESSION_RENO);
	assert_int_equal(c->tunnels[1]->congestion, SESSION_NONE);
	assert_int_equal(c->tunnels[2]->congestion, SESSION_MODEL);
	config_free(c);
}

static void one_zero_turns_fec_off(void **state)
{
	struct config *c = read_good(CLIENT "parityshard = 0\n");

	assert_int_equal(c->tunnels[0]->datashard, 0);
	assert_int_equal(c->tunnels[0]->parityshard, 0);
	config_free(c);
	c = read_good("[defaults]\nkey = some secret\ndatashard = 10\nparityshard = auto\n"
		      "[client c]\nlocaladdr = :1\nremoteaddr = h:2\ndatashard = 0\n");
	assert_int_equal(c->tunnels[0]->datashard, 0);
	assert_int_equal(c->tunnels[0]->parityshard, 0);
	config_free(c);
	c = read_good(CLIENT "datashard = 252\nparityshard = 3\n");
	assert_int_equal(c->tunnels[0]->datashard, 252);
	assert_int_equal(c->tunnels[0]->parityshard, 3);
	config_free(c);
}

/* Lines 3 to 5. */
#define PATH_CLIENT DEFAULTS "[client c]\nlocaladdr = /run/c.sock\nremoteaddr = h:2\n"

static void a_unix_socket_has_a_mode_and_a_group(void **state)
{
	static const struct {
		const char *lines;
		bool has_mode, has_group;
		mode_t mode;
	} good[] = {
		{ "", false, false, 0 },
		{ "socketmode = auto\nsocketgroup = none\n", false, false, 0 },
		{ "socketmode = 0666\n", true, false, 0666 },
		{ "socketmode = 600\n", true, false, 0600 },
		{ "socketgroup = root\n", true, true, 0660 },
		{ "socketgroup = root\nsocketmode = 0770\n", true, true, 0770 },
	};
	static const char *const bad[] = { "0999", "66", "1777", "00660", "rw-rw----", "-1", "0x1ff" };
	struct config *c;
	char text[256], *file;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		const struct conf_rights *r;

		snprintf(text, sizeof(text), PATH_CLIENT "%s", good[i].lines);
		c = read_good(text);
		r = &c->tunnels[0]->localaddr.rights;
		assert_int_equal(r->has_mode, good[i].has_mode);
		assert_int_equal(r->has_group, good[i].has_group);
		assert_true(!r->has_mode || r->mode == good[i].mode);
		assert_int_equal(r->group, 0);
		config_free(c);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char line[256];

		snprintf(text, sizeof(text), PATH_CLIENT "socketmode = %s\n", bad[i]);
		snprintf(line, sizeof(line),
			 "t.ini:6: [client c] socketmode: '%s' is neither auto nor a mode, "
			 "such as 0660",
			 bad[i]);
		expect_fault(text, line);
	}
	expect_fault(PATH_CLIENT "socketgroup = no-such-group\n",
		     "t.ini:6: [client c] socketgroup: there is no group 'no-such-group' here");
	expect_warning(CLIENT "socketmode = 0600\n",
		       "t.ini:6: [client c] socketmode: has no effect unless localaddr is a path");
	c = read_good(PATH_CLIENT "socketmode = 0640\n");
	file = as_file(c);
	assert_non_null(strstr(file, "\nsocketmode = 0640\nsocketgroup = none\n"));
	free(file);
	config_free(c);
	c = read_good(CLIENT);
	file = as_file(c);
	assert_null(strstr(file, "socketmode"));
	free(file);
	config_free(c);
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

static void auto_can_be_said_as_well(void **state)
{
	struct config *c = read_good("[defaults]\nkey = some secret\nmode = fast\nsndwnd = 9\nrcvwnd = 9\n"
				     "conn = 2\ndatashard = 5\nparityshard = 2\ncopies = 1\n"
				     "[client c]\nlocaladdr = :1\nremoteaddr = h:2\nmode = auto\n"
				     "sndwnd = auto\nrcvwnd = auto\nconn = auto\n"
				     "datashard = auto\nparityshard = auto\ncopies = auto\n");
	const struct conf_tunnel *t = c->tunnels[0];

	assert_string_equal(conf_modes[t->mode].name, "auto");
	assert_int_equal(t->sndwnd_segs, CONF_AUTO);
	assert_int_equal(t->rcvwnd_segs, CONF_AUTO);
	assert_int_equal(t->conn, CONF_AUTO);
	assert_int_equal(t->datashard, CONF_AUTO);
	assert_int_equal(t->parityshard, CONF_AUTO);
	assert_int_equal(t->copies, CONF_AUTO);
	config_free(c);
}

/* ---- keyfiles --------------------------------------------------------------------------------- */

#define KEYFILE_CLIENT "[client c]\nlocaladdr = :1\nremoteaddr = h:2\nkeyfile = k\n"

static void give_keyfile(const void *bytes, size_t n, mode_t mode)
{
	unlink("k");
	write_file("k", bytes, n);
	assert_int_equal(chmod("k", mode), 0);
}

static void a_keyfile_loses_one_newline_and_nothing_else(void **state)
{
	static const struct {
		const char *bytes;
		size_t n, key;
	} files[] = {
		{ "abcdefgh", 8, 8 },           { "abcdefgh\n", 9, 8 },
		{ "abcdefgh\n\n", 10, 9 },      { " abc\0def \n", 10, 9 },
		{ "\n\n\n\n\n\n\n\n\n", 9, 8 },
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct config *c;

		give_keyfile(files[i].bytes, files[i].n, 0600);
		c = read_good(KEYFILE_CLIENT);
		assert_int_equal(c->tunnels[0]->key_len, files[i].key);
		assert_memory_equal(c->tunnels[0]->key, files[i].bytes, files[i].key);
		assert_string_equal(c->tunnels[0]->keyfile, "k");
		config_free(c);
	}
}

static void a_keyfile_that_cannot_be_used_is_a_fault(void **state)
{
	static char big[(64 << 10) + 1];

	unlink("k");
	expect_fault(KEYFILE_CLIENT, "t.ini:4: [client c] keyfile: k cannot be opened: No such file or "
				     "directory");
	give_keyfile("", 0, 0600);
	expect_fault(KEYFILE_CLIENT, "t.ini:4: [client c] keyfile: k is empty; make a key with: "
				     "kcptunctl genkey > k");
	give_keyfile("\n", 1, 0600);
	expect_fault(KEYFILE_CLIENT, "t.ini:4: [client c] keyfile: k is empty; make a key with: "
				     "kcptunctl genkey > k");
	memset(big, 'x', sizeof(big));
	give_keyfile(big, sizeof(big), 0600);
	expect_fault(KEYFILE_CLIENT, "t.ini:4: [client c] keyfile: k is larger than 64 KiB");
	give_keyfile(big, sizeof(big) - 1, 0600);
	config_free(read_good(KEYFILE_CLIENT));
	unlink("k");
	assert_int_equal(mkfifo("k", 0600), 0); /* must not hold us up */
	expect_fault(KEYFILE_CLIENT, "t.ini:4: [client c] keyfile: k is not a regular file");
	unlink("k");
}

static void a_doubtful_keyfile_is_told(void **state)
{
	give_keyfile("abcdefgh\n", 9, 0644);
	expect_warning(KEYFILE_CLIENT, "t.ini:4: [client c] keyfile: k can be read by every user; "
				       "chmod o= it");
	give_keyfile("abcdefg\r\n", 9, 0600);
	expect_warning(KEYFILE_CLIENT, "t.ini:4: [client c] keyfile: k has a carriage return at its "
				       "end, which is part of the key");
	give_keyfile("abcdefg\n", 8, 0600);
	expect_warning(KEYFILE_CLIENT, "t.ini:4: [client c] keyfile: the key has fewer than 8 "
				       "characters, so that it can be guessed; make one with: "
				       "kcptunctl genkey");
	unlink("k");
}

static void key_and_keyfile_override_each_other(void **state)
{
	struct config *c;

	give_keyfile("filefile\n", 9, 0600);
	c = read_good(CLIENT "keyfile = k\n");
	assert_int_equal(c->tunnels[0]->key_len, 8);
	assert_memory_equal(c->tunnels[0]->key, "filefile", 8);
	config_free(c);
	c = read_good("[defaults]\nkeyfile = missing\n"
		      "[client c]\nlocaladdr = :1\nremoteaddr = h:2\nkey = its own key\n");
	assert_memory_equal(c->tunnels[0]->key, "its own key", 11);
	assert_null(c->tunnels[0]->keyfile);
	config_free(c);
	unlink("k");
}

static void a_relative_keyfile_starts_at_the_config(void **state)
{
	struct config *c;

	assert_int_equal(mkdir("d", 0700), 0);
	write_file("d/k", "deep down", 9);
	chmod("d/k", 0600);
	write_file("d/t.ini", KEYFILE_CLIENT, strlen(KEYFILE_CLIENT));
	forget_reports();
	c = config_read("d/t.ini", note, NULL);
	assert_non_null(c);
	assert_string_equal(c->tunnels[0]->keyfile, "d/k");
	assert_memory_equal(c->tunnels[0]->key, "deep down", 9);
	config_free(c);
	unlink("d/k");
	unlink("d/t.ini");
	rmdir("d");
}

static void a_bare_keyfile_may_be_a_credential(void **state)
{
	char here[4096], expected[4200];
	struct config *c;

	give_keyfile("plain key\n", 10, 0600);
	assert_int_equal(mkdir("cred", 0700), 0);
	write_file("cred/k", "some secret\n", 12);
	chmod("cred/k", 0400);
	assert_non_null(getcwd(here, sizeof(here)));
	snprintf(expected, sizeof(expected), "%s/cred", here);
	setenv("CREDENTIALS_DIRECTORY", expected, 1);
	c = read_good(KEYFILE_CLIENT);
	assert_memory_equal(c->tunnels[0]->key, "some secret", 11);
	snprintf(expected, sizeof(expected), "%s/cred/k", here);
	assert_string_equal(c->tunnels[0]->keyfile, expected);
	config_free(c);

	/* with a slash it is a path, and what is no credential is looked for beside the config */
	c = read_good("[client c]\nlocaladdr = :1\nremoteaddr = h:2\nkeyfile = ./k\n");
	assert_memory_equal(c->tunnels[0]->key, "plain key", 9);
	config_free(c);
	unlink("cred/k");
	c = read_good(KEYFILE_CLIENT);
	assert_memory_equal(c->tunnels[0]->key, "plain key", 9);
	config_free(c);
	unsetenv("CREDENTIALS_DIRECTORY");
	rmdir("cred");
	unlink("k");
}

static void the_command_line_moves_the_control_socket(void **state)
{
	struct config *c = read_good("[daemon]\ncontrol = /a\n" CLIENT "key = some secret\n");

	forget_reports();
	assert_true(config_set_control(c, "/run/b.sock", note, NULL));
	assert_string_equal(c->daemon.control, "/run/b.sock");
	assert_true(config_set_control(c, "none", note, NULL));
	assert_null(c->daemon.control);
	assert_int_equal(reports.count, 0);
	assert_false(config_set_control(c, "relative", note, NULL));
	assert_string_equal(reports.lines[0], "command line: control: 'relative' is neither none nor a "
					      "path that starts with /");
	config_free(c);
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

/* ---- the table and the files in conf/ -------------------------------------------------------------- */

static char *read_source(const char *name)
{
	const char *root = getenv("KT_SOURCE");
	char path[4096], *text = calloc(1, 1 << 16);
	FILE *f;

	assert_non_null(root);
	snprintf(path, sizeof(path), "%s/%s", root, name);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(fread(text, 1, (1 << 16) - 1, f) > 0);
	fclose(f);
	return text;
}

static void every_key_is_described(void **state)
{
	struct conf_key_info info;
	char buf[CONF_DESCRIBE_BYTES];

	for (size_t i = 0; i < conf_key_count(); i++) {
		conf_key_describe(i, &info, buf, sizeof(buf));
		assert_true(strlen(info.name) > 0);
		assert_true(strlen(info.type) > 0);
		assert_true(strlen(info.help) > 10);
		assert_non_null(strstr("client server both daemon", info.roles));
		assert_non_null(info.dflt);
	}
}

static void the_help_names_every_key_with_its_default(void **state)
{
	struct conf_key_info info;
	char buf[CONF_DESCRIBE_BYTES], *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	config_print_help(f);
	fclose(f);
	for (size_t i = 0; i < conf_key_count(); i++) {
		char needle[64];
		const char *at;

		conf_key_describe(i, &info, buf, sizeof(buf));
		snprintf(needle, sizeof(needle), "\n  %s ", info.name);
		at = i == 0 ? text : strstr(text, needle);
		assert_non_null(at);
		assert_non_null(strstr(at, info.type));
		assert_non_null(strstr(at, info.help));
		assert_non_null(strstr(at, info.dflt));
	}
	free(text);
}

static void expect_every_key_given(const struct config *c)
{
	struct conf_key_info info;
	char buf[CONF_DESCRIBE_BYTES];

	for (size_t i = 0; i < conf_key_count(); i++) {
		conf_key_describe(i, &info, buf, sizeof(buf));
		/* the one excludes key, the other has no value */
		if (strcmp(info.name, "keyfile") == 0 || strcmp(info.name, "include") == 0)
			continue;
		if (info.where == ON_DAEMON)
			assert_int_not_equal(c->daemon.origins[i].from, CONF_BUILTIN);
		if (info.where & ON_CLIENT)
			assert_int_not_equal(c->tunnels[0]->origins[i].from, CONF_BUILTIN);
		if (info.where & ON_SERVER)
			assert_int_not_equal(c->tunnels[1]->origins[i].from, CONF_BUILTIN);
	}
}

/* Without the semicolons the sample is a config: all that it says is understood. */
static void the_sample_file_without_its_semicolons_is_good(void **state)
{
	char *text = read_source("conf/kcptun.ini"), *live = calloc(1, 1 << 16), *save;
	struct config *c;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		size_t len = strlen(line);

		if (strcmp(line, ";key =") == 0)
			strcat(live, "key = some secret\n");
		else if (strncmp(line, ";include =", 10) == 0)
			continue; /* its folder is not here */
		else if (line[len - 1] != '=')
			strcat(strcat(live, line + (line[0] == ';')), "\n");
	}
	c = read_text(live);
	assert_int_equal(reports.errors, 0);
	assert_non_null(c);
	assert_int_equal(c->tunnel_count, 2);
	assert_string_equal(c->tunnels[0]->name, "home");
	assert_string_equal(c->tunnels[1]->name, "office");
	expect_every_key_given(c);
	config_free(c);
	free(live);
	free(text);
}

static void the_sample_file_as_it_is_wants_a_tunnel(void **state)
{
	char *text = read_source("conf/kcptun.ini");

	expect_fault(text, "t.ini: has no tunnel; add a section [client NAME] or [server NAME]");
	free(text);
}

static void the_demo_holds_both_ends_of_a_tunnel(void **state)
{
	char *text = read_source("conf/demo.ini");
	struct config *c = read_good(text);
	const struct conf_tunnel *near = c->tunnels[0], *far = c->tunnels[1];

	assert_int_equal(c->tunnel_count, 2);
	assert_int_equal(near->role, ROLE_CLIENT);
	assert_int_equal(far->role, ROLE_SERVER);
	assert_string_equal(near->localaddr.text, "127.0.0.1:12948");
	assert_string_equal(near->remoteaddr.text, far->listen.text);
	assert_string_equal(far->target.text, "127.0.0.1:8080");
	assert_string_equal(conf_modes[near->mode].name, "auto");
	assert_int_equal(near->key_len, far->key_len);
	assert_memory_equal(near->key, far->key, far->key_len);
	config_free(c);
	free(text);
}

/* ---- main --------------------------------------------------------------------------------------- */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_a_client_defaults_that_need_no_tuning),
		cmocka_unit_test(gives_a_server_the_same_defaults),
		cmocka_unit_test(reads_every_key_of_a_client),
		cmocka_unit_test(every_mode_sets_its_four_numbers),
		cmocka_unit_test(defaults_are_inherited_wherever_they_stand),
		cmocka_unit_test(the_origin_of_each_value_is_kept),
		cmocka_unit_test(the_values_that_hold_read_back_as_the_same_config),
		cmocka_unit_test(a_long_line_reads_back),
		cmocka_unit_test(bom_crlf_indentation_and_comments_are_accepted),
		cmocka_unit_test(yes_and_no_have_four_spellings_each),
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
		cmocka_unit_test(servers_on_one_address_are_told),
		cmocka_unit_test(clients_on_one_address_are_told_but_not_beside_a_server),
		cmocka_unit_test(an_inherited_address_serves_one_tunnel),
		cmocka_unit_test(two_writers_of_one_snmplog_are_a_fault),
		cmocka_unit_test(the_state_is_where_systemd_or_the_file_says),
		cmocka_unit_test(snmplogs_of_different_names_may_be_many),
		cmocka_unit_test(keys_without_effect_are_told),
		cmocka_unit_test(a_default_that_one_tunnel_uses_is_no_warning),
		cmocka_unit_test(nocomp_and_compression_override_each_other),
		cmocka_unit_test(nc_decides_on_congestion_in_manual_mode_alone),
		cmocka_unit_test(nc_of_the_defaults_is_as_good_as_one_of_the_tunnel),
		cmocka_unit_test(one_zero_turns_fec_off),
		cmocka_unit_test(a_unix_socket_has_a_mode_and_a_group),
		cmocka_unit_test(parity_beside_a_zero_is_told),
		cmocka_unit_test(a_client_at_the_address_of_metrics_is_told),
		cmocka_unit_test(the_right_name_is_hinted_at),
		cmocka_unit_test(auto_can_be_said_as_well),
		cmocka_unit_test(a_keyfile_loses_one_newline_and_nothing_else),
		cmocka_unit_test(a_keyfile_that_cannot_be_used_is_a_fault),
		cmocka_unit_test(a_doubtful_keyfile_is_told),
		cmocka_unit_test(key_and_keyfile_override_each_other),
		cmocka_unit_test(a_relative_keyfile_starts_at_the_config),
		cmocka_unit_test(a_bare_keyfile_may_be_a_credential),
		cmocka_unit_test(the_command_line_moves_the_control_socket),
		cmocka_unit_test(files_that_are_none_are_refused),
		cmocka_unit_test(faults_without_end_end),
		cmocka_unit_test(messages_quote_little_and_nothing_harmful),
		cmocka_unit_test(every_key_is_described),
		cmocka_unit_test(the_help_names_every_key_with_its_default),
		cmocka_unit_test(the_sample_file_without_its_semicolons_is_good),
		cmocka_unit_test(the_sample_file_as_it_is_wants_a_tunnel),
		cmocka_unit_test(the_demo_holds_both_ends_of_a_tunnel),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
