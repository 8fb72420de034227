/* test_config.c - what good files come to: defaults, modes, and what is given closer to the tunnel. */
#include "config_bed.h"

#include <grp.h>
#include "log.h"
#include "wire.h"

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
	assert_int_equal(t->compression, CODEC_UNKNOWN);
	assert_false(t->acknodelay);
	assert_int_equal(t->sockbuf_bytes, 4194304);
	assert_int_equal(t->smuxver, CONF_AUTO);
	assert_int_equal(t->smuxbuf_bytes, CONF_AUTO);
	assert_int_equal(t->framesize_bytes, 8192);
	assert_int_equal(t->streambuf_bytes, CONF_AUTO);
	assert_int_equal(t->keepalive_s, 10);
	assert_int_equal(t->closewait_s, 30);
	assert_false(t->quiet);
	assert_false(t->accesslog);
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
		"maxstreams = 9\ndscp = 46\nsockbuf = 64K\nquiet = 1\naccesslog = yes\n");
	const struct conf_tunnel *t = c->tunnels[0];

	assert_int_equal(c->daemon.loglevel, LOG_LEVEL_DEBUG);
	assert_string_equal(t->localaddr.path, "/run/a b.sock");
	assert_null(t->localaddr.host);
	assert_string_equal(t->remoteaddr.list[0].host, "2001:db8::1");
	assert_int_equal(t->remoteaddr.list[0].port, 100);
	assert_int_equal(t->remoteaddr.list[0].port_last, 200);
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
	assert_true(t->accesslog);
	config_free(c);
}

static void reads_one_server_or_several(void **state)
{
	struct config *c = read_good(
		DEFAULTS "[client one]\nlocaladdr = :1\nremoteaddr = h:2-3\n"
			 "[client more]\nlocaladdr = :2\n"
			 "remoteaddr = a.example:1 ,[2001:db8::1]:100-200,\tb.example:3\n");
	const struct conf_addrs *s = &c->tunnels[1]->remoteaddr;

	assert_int_equal(c->tunnels[0]->remoteaddr.count, 1);
	assert_string_equal(c->tunnels[0]->remoteaddr.text, "h:2-3");
	assert_string_equal(s->text, "a.example:1, [2001:db8::1]:100-200, b.example:3");
	assert_int_equal(s->count, 3);
	assert_string_equal(s->list[0].host, "a.example");
	assert_string_equal(s->list[1].host, "2001:db8::1");
	assert_int_equal(s->list[1].port_last, 200);
	assert_string_equal(s->list[2].text, "b.example:3");
	config_free(c);
}

static void reads_which_way_datagrams_take(void **state)
{
	struct config *c = read_good(
		CLIENT "bind = fe80::7%eth0\ninterface = fifteen-letters\nfwmark = 0xFFffFFff\n"
		       "[server s]\nlisten = :1\ntarget = h:1\nkey = some secret\nfwmark = 10\n"
		       "[client none]\nlocaladdr = :3\nremoteaddr = h:1\nkey = some secret\n"
		       "bind = none\ninterface = none\nfwmark = 0\n"
		       "[client four]\nlocaladdr = :4\nremoteaddr = h:1\nkey = some secret\n"
		       "bind = 192.0.2.7\n");
	const struct conf_tunnel *const *t = (const struct conf_tunnel *const *)c->tunnels;

	assert_string_equal(t[0]->bind, "fe80::7%eth0");
	assert_string_equal(t[0]->interface, "fifteen-letters");
	assert_int_equal(t[0]->fwmark, UINT32_MAX);
	assert_null(t[1]->bind);
	assert_null(t[1]->interface);
	assert_int_equal(t[1]->fwmark, 10);
	assert_null(t[2]->bind);
	assert_null(t[2]->interface);
	assert_int_equal(t[2]->fwmark, 0);
	assert_string_equal(t[3]->bind, "192.0.2.7");
	/* a socket of a server is as it was opened; where a client listens it does not matter */
	assert_true(conf_tunnels_same_way(t[0], t[2]));
	assert_false(conf_tunnels_same_way(t[1], t[0]));
	assert_true(conf_tunnels_same_way(t[1], t[1]));
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
	bool readable;

	assert_true(config_effective_ini(c, f, &readable));
	assert_true(readable);
	fclose(f);
	return text;
}

/* Of such a file, in which all is told but the keys. */
static struct config *read_back(const char *text)
{
	struct config *c = read_text(text);

	assert_non_null(c);
	assert_int_equal(reports.count, c->tunnel_count);
	for (size_t i = 0; i < reports.count; i++)
		assert_non_null(
			strstr(reports.lines[i],
			       "key: is what stands for a key that was not shown, and no secret"));
	return c;
}

static void the_values_that_hold_read_back_as_the_same_config(void **state)
{
	struct config *c = read_good(
		CLIENT "ratelimit = 5G\nnocomp = yes\nsmuxver = 1\n"
		       "mode = manual\nresend = 9\ndatashard = 0\n"
		       "[daemon]\nsnmplog = all.csv\n"
		       "[server s]\nlisten = [::1]:70-80\ntarget = /run/t.sock\nproxyprotocol = v2\n"
		       "mode = fast2\nmtu = 1000\nacknodelay = on\n");
	char *text = as_file(c), *again;
	struct config *d = read_back(text);
	const struct conf_tunnel *t = d->tunnels[0];

	assert_string_equal(d->daemon.snmplog, "all.csv");
	assert_int_equal(t->ratelimit_bytes, UINT64_C(5) << 30);
	assert_int_equal(t->compression, CODEC_NONE);
	assert_int_equal(t->resend, 9);
	assert_int_equal(t->datashard, 0);
	assert_int_equal(t->parityshard, 0);
	assert_non_null(strstr(text, "\nstatedir = auto\n"));
	assert_non_null(strstr(text, "\nkey = (not shown)\n"));
	assert_null(strstr(text, "some secret"));
	assert_non_null(strstr(text, "\n; by mode: interval = 20\n"));
	t = d->tunnels[1];
	assert_string_equal(conf_modes[t->mode].name, "fast2");
	assert_int_equal(t->interval_ms, 20);
	assert_int_equal(t->listen.port_last, 80);
	assert_string_equal(t->target.list[0].path, "/run/t.sock");
	assert_int_equal(t->proxyprotocol, CONF_PROXY_V2);
	assert_true(t->acknodelay);
	again = as_file(d);
	assert_string_equal(text, again);
	free(text);
	free(again);
	config_free(c);
	config_free(d);
}

static void targets_are_a_list(void **state)
{
	struct config *c = read_good(
		"[defaults]\nkey = some secret\n"
		"[server s]\nlisten = :1\n"
		"target = 127.0.0.1:8388,[::1]:8389 ,\t/run/app.sock\n"
		"[server t]\nlisten = :2\ntarget = 127.0.0.1:8388, [::1]:8389, /run/app.sock\n"
		"[server u]\nlisten = :3\ntarget = [::1]:8389, 127.0.0.1:8388, /run/app.sock\n"
		"[server v]\nlisten = :4\ntarget = a:1,b:1,c:1,d:1,e:1,f:1,g:1,h:1\n");
	const struct conf_addrs *t = &c->tunnels[0]->target;
	size_t key = 0;

	assert_string_equal(t->text, "127.0.0.1:8388, [::1]:8389, /run/app.sock");
	assert_int_equal(t->count, 3);
	assert_string_equal(t->list[0].host, "127.0.0.1");
	assert_int_equal(t->list[0].port, 8388);
	assert_string_equal(t->list[1].host, "::1");
	assert_int_equal(t->list[1].port, 8389);
	assert_string_equal(t->list[2].path, "/run/app.sock");
	assert_int_equal(c->tunnels[3]->target.count, CONF_ADDRS_MAX);
	assert_string_equal(c->tunnels[3]->target.list[7].host, "h");
	while (strcmp(conf_key_name(key), "target") != 0)
		key++;
	assert_true(conf_tunnel_key_equal(c->tunnels[0], c->tunnels[1], key));
	assert_false(conf_tunnel_key_equal(c->tunnels[0], c->tunnels[2], key));
	assert_int_equal(conf_key_reach(key), CONF_IN_USE);
	assert_int_equal(c->tunnels[0]->proxyprotocol, CONF_PROXY_NO);
	config_free(c);
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
	d = read_back(file);
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
	assert_int_equal(compression_of("", ""), CODEC_UNKNOWN);
	assert_int_equal(compression_of("", "compression = auto"), CODEC_UNKNOWN);
	assert_int_equal(compression_of("compression = none", "compression = auto"), CODEC_UNKNOWN);
	assert_int_equal(compression_of("nocomp = yes", "compression = auto"), CODEC_UNKNOWN);
	assert_int_equal(compression_of("", "nocomp = no\ncompression = auto"), CODEC_UNKNOWN);
	assert_int_equal(compression_of("", "nocomp = no"), CODEC_SNAPPY);
	assert_int_equal(compression_of("compression = auto", "nocomp = no"), CODEC_SNAPPY);
	assert_int_equal(compression_of("compression = auto", "nocomp = yes"), CODEC_NONE);
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
		{ "socketgroup = daemon\n", true, true, 0660 },
		{ "socketgroup = daemon\nsocketmode = 0770\n", true, true, 0770 },
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
		assert_int_equal(r->group, r->has_group ? getgrnam("daemon")->gr_gid : 0);
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

static void what_a_reload_cannot_change_is_kept_and_differs_again(void **state)
{
	const char *tunnel = "[client c]\nlocaladdr = :1\nremoteaddr = h:2\nkey = some secret\n";
	char text[512];
	struct config *now, *then;
	static const char *const names[] = { "control", "metrics", "statedir", "user" };

	snprintf(text, sizeof(text),
		 "[daemon]\ncontrol = /a\nmetrics = :9\nstatedir = /s\nuser = root\n%s", tunnel);
	now = read_good(text);
	then = read_good(tunnel);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t key = conf_daemon_key(names[i]);

		assert_string_equal(conf_key_name(key), names[i]);
		assert_false(conf_daemon_key_equal(&now->daemon, &then->daemon, key));
		conf_daemon_keep(&then->daemon, &now->daemon, key);
		assert_int_equal(then->daemon.origins[key].from, CONF_KEPT);
		assert_false(conf_daemon_key_equal(&now->daemon, &then->daemon, key));
	}
	assert_string_equal(then->daemon.control, "/a");
	assert_string_equal(now->daemon.control, CONF_CONTROL_DEFAULT);
	assert_string_equal(then->daemon.metrics.text, ":9");
	assert_null(now->daemon.metrics.text);
	assert_string_equal(then->daemon.statedir, "/s");
	assert_false(then->daemon.statedir_auto);
	assert_true(now->daemon.statedir_auto);
	assert_string_equal(then->daemon.user, "root");
	config_free(now);
	config_free(then);
}

static void a_group_without_a_user_is_no_difference(void **state)
{
	const char *tunnel = "[client c]\nlocaladdr = :1\nremoteaddr = h:2\nkey = some secret\n";
	struct config *a = read_good(tunnel), *b = read_good(tunnel);
	size_t key = conf_daemon_key("group");

	b->daemon.group = strdup("root");
	assert_true(conf_daemon_key_equal(&a->daemon, &b->daemon, key));
	b->daemon.user = strdup("root");
	assert_false(conf_daemon_key_equal(&a->daemon, &b->daemon, key));
	config_free(a);
	config_free(b);
}

/* ---- main --------------------------------------------------------------------------------------- */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_a_client_defaults_that_need_no_tuning),
		cmocka_unit_test(gives_a_server_the_same_defaults),
		cmocka_unit_test(reads_every_key_of_a_client),
		cmocka_unit_test(reads_one_server_or_several),
		cmocka_unit_test(reads_which_way_datagrams_take),
		cmocka_unit_test(every_mode_sets_its_four_numbers),
		cmocka_unit_test(defaults_are_inherited_wherever_they_stand),
		cmocka_unit_test(the_origin_of_each_value_is_kept),
		cmocka_unit_test(the_values_that_hold_read_back_as_the_same_config),
		cmocka_unit_test(targets_are_a_list),
		cmocka_unit_test(a_long_line_reads_back),
		cmocka_unit_test(bom_crlf_indentation_and_comments_are_accepted),
		cmocka_unit_test(yes_and_no_have_four_spellings_each),
		cmocka_unit_test(the_state_is_where_systemd_or_the_file_says),
		cmocka_unit_test(nocomp_and_compression_override_each_other),
		cmocka_unit_test(nc_decides_on_congestion_in_manual_mode_alone),
		cmocka_unit_test(nc_of_the_defaults_is_as_good_as_one_of_the_tunnel),
		cmocka_unit_test(one_zero_turns_fec_off),
		cmocka_unit_test(a_unix_socket_has_a_mode_and_a_group),
		cmocka_unit_test(auto_can_be_said_as_well),
		cmocka_unit_test(the_command_line_moves_the_control_socket),
		cmocka_unit_test(what_a_reload_cannot_change_is_kept_and_differs_again),
		cmocka_unit_test(a_group_without_a_user_is_no_difference),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
