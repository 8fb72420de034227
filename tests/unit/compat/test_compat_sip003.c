/* test_compat_sip003.c - plugin options of shadowsocks. */
#include "compat_bed.h"

/* ---- SIP003 ------------------------------------------------------------------ */

struct plugin {
	struct compat c;
	struct config *config;
};

static void run_plugin(struct plugin *p, const struct sip003 *env)
{
	bool server = sip003_is_server(env->options);

	memset(&said, 0, sizeof(said));
	*p = (struct plugin){
		.c = { .role = server ? ROLE_SERVER : ROLE_CLIENT, .where = "plugin", .report = note }
	};
	sip003_take(&p->c, env);
	p->config = compat_config(&p->c);
}

static void end_plugin(struct plugin *p)
{
	config_free(p->config);
	compat_dispose(&p->c);
}

static struct sip003 plugin_env(const char *options)
{
	return (struct sip003){ "192.0.2.1", "4000", "127.0.0.1", "51234", options };
}

static void a_plugin_is_a_client_unless_told_server(void **state)
{
	struct sip003 env = plugin_env("key=some key;mode=fast2;nocomp");
	struct plugin p;

	run_plugin(&p, &env);
	assert_non_null(p.config);
	assert_int_equal(p.config->tunnels[0]->role, ROLE_CLIENT);
	assert_string_equal(p.config->tunnels[0]->localaddr.text, "127.0.0.1:51234");
	assert_string_equal(p.config->tunnels[0]->remoteaddr.text, "192.0.2.1:4000");
	assert_int_equal(p.config->tunnels[0]->compression, CODEC_NONE);
	assert_int_equal(p.config->tunnels[0]->interval_ms, 20);
	assert_int_equal(p.config->tunnels[0]->sndwnd_segs, 128);
	assert_int_equal(p.config->tunnels[0]->datashard, 10);
	assert_int_equal(said.count, 0);
	end_plugin(&p);

	env.options = "server;key=some key;mode=auto;sndwnd=auto;ds=auto";
	run_plugin(&p, &env);
	assert_non_null(p.config);
	assert_int_equal(p.config->tunnels[0]->nodelay, 3);
	assert_int_equal(p.config->tunnels[0]->sndwnd_segs, CONF_AUTO);
	assert_int_equal(p.config->tunnels[0]->rcvwnd_segs, CONF_AUTO);
	assert_int_equal(p.config->tunnels[0]->parityshard, CONF_AUTO);
	end_plugin(&p);

	env.options = "server;key=some key;mode=fast2;";
	run_plugin(&p, &env);
	assert_non_null(p.config);
	assert_int_equal(p.config->tunnels[0]->role, ROLE_SERVER);
	assert_string_equal(p.config->tunnels[0]->listen.text, "192.0.2.1:4000");
	assert_string_equal(p.config->tunnels[0]->target.text, "127.0.0.1:51234");
	end_plugin(&p);
}

static void the_word_server_counts_only_as_an_option(void **state)
{
	assert_true(sip003_is_server("server"));
	assert_true(sip003_is_server("key=some key; server"));
	assert_true(sip003_is_server(";;server;;"));
	assert_true(sip003_is_server("key=a\\;b;server"));
	assert_false(sip003_is_server("key=server"));
	assert_false(sip003_is_server("key=a\\;server"));
	assert_false(sip003_is_server("servers"));
	assert_false(sip003_is_server("server=1"));
	assert_false(sip003_is_server(""));
	assert_false(sip003_is_server(NULL));
}

/* As SIP003 wants it: a backslash before ';', '=' and itself. */
static void escape(char *out, const char *text)
{
	while (*text) {
		if (strchr(";=\\", *text))
			*out++ = '\\';
		*out++ = *text++;
	}
	*out = '\0';
}

static void an_escaped_key_comes_through_a_plugin_as_it_was(void **state)
{
	char options[512] = "server;key=";
	struct sip003 env = plugin_env(options);

	for (size_t i = 0; i < ARRAY_LEN(hostile_keys); i++) {
		struct plugin p;

		escape(options + strlen("server;key="), hostile_keys[i]);
		strcat(options, ";mtu=1000");
		run_plugin(&p, &env);
		assert_non_null(p.config);
		assert_key(p.config->tunnels[0], hostile_keys[i]);
		assert_int_equal(p.config->tunnels[0]->mtu_bytes, 1000);
		end_plugin(&p);
	}
}

static void a_key_in_base64_needs_no_escapes(void **state)
{
	struct sip003 env = plugin_env("key=YWJj/+8==;mtu=1000");
	struct plugin p;

	run_plugin(&p, &env);
	assert_non_null(p.config);
	assert_key(p.config->tunnels[0], "YWJj/+8==");
	end_plugin(&p);
}

static void faulty_options_are_told(void **state)
{
	static const struct {
		const char *options, *words;
	} cases[] = {
		{ NULL, "key: is missing, as is keyfile" },
		{ "", "key: is missing, as is keyfile" },
		{ "key=some key;conns=2", "conns: unknown key; did you mean conn?" },
		{ "key=some key;mtu", "mtu: needs a value" },
		{ "key=some key\\", "backslash at the end" },
		{ "key=some key;\\", "backslash at the end" },
		{ "server;client;key=some key", "client: stands beside server" },
		{ "server;key=some key;conn=2", "conn: is a client's" },
		{ "key=some key;nocomp=maybe", "nocomp: 'maybe' is neither yes nor no" },
		{ "key=some key;=3", "unknown key" },
		{ "key=some key;compression=zstd;nocomp", "nocomp: contradicts compression" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sip003 env = plugin_env(cases[i].options);
		struct plugin p;

		run_plugin(&p, &env);
		assert_null(p.config);
		assert_said(CONF_ERROR, cases[i].words);
		end_plugin(&p);
	}
}

static void plugin_addresses_of_every_kind(void **state)
{
	static const struct {
		const char *remote, *options, *listen;
		size_t warnings;
	} cases[] = {
		{ "::1", "server;key=some key", "[::1]:4000", 0 },
		{ "[::1]", "server;key=some key", "[::1]:4000", 0 },
		{ "fe80::1%lo", "server;key=some key", "[fe80::1%lo]:4000", 0 },
		{ "0.0.0.0", "server;key=some key", "0.0.0.0:4000", 0 },
		{ "::", "server;key=some key", ":4000", 0 },
		{ "::0", "server;key=some key", ":4000", 0 },
		{ "", "server;key=some key", ":4000", 0 },
		{ "::0|0.0.0.0", "server;key=some key", ":4000", 0 },
		{ "0.0.0.0|[::0]", "server;key=some key", ":4000", 0 },
		{ "192.0.2.1|192.0.2.2", "server;key=some key", "192.0.2.1:4000", 1 },
		{ "192.0.2.1", "server;key=some key;listen=:3000-3010", ":3000-3010", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sip003 env = plugin_env(cases[i].options);
		struct plugin p;

		env.remote_host = cases[i].remote;
		run_plugin(&p, &env);
		assert_non_null(p.config);
		assert_string_equal(p.config->tunnels[0]->listen.text, cases[i].listen);
		assert_int_equal(said.count, cases[i].warnings);
		end_plugin(&p);
	}
}

static void of_several_servers_a_plugin_takes_the_first(void **state)
{
	struct sip003 env = plugin_env("key=some key");
	struct plugin p;

	env.remote_host = "2001:db8::1|vps.example.net";
	run_plugin(&p, &env);
	assert_non_null(p.config);
	assert_string_equal(p.config->tunnels[0]->remoteaddr.text, "[2001:db8::1]:4000");
	assert_said(CONF_WARNING, "only the first is used");
	end_plugin(&p);
}

static void ports_that_are_none_are_refused(void **state)
{
	static const char *const ports[] = { "", "0", "65536", "x", "1 2", "-1" };

	for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
		struct sip003 env = plugin_env("key=some key");
		struct plugin p;

		env.local_port = ports[i];
		run_plugin(&p, &env);
		assert_null(p.config);
		assert_said(CONF_ERROR, "localaddr:");
		end_plugin(&p);
	}
}

static void a_plugin_is_known_by_its_environment(void **state)
{
	static const char *const names[] = { "SS_REMOTE_HOST", "SS_REMOTE_PORT", "SS_LOCAL_HOST",
					     "SS_LOCAL_PORT" };
	char program[] = "kcptund", flag[] = "--fast-open", test[] = "-t";
	char *none[] = { program, NULL }, *fast[] = { program, flag, NULL };
	char *own[] = { program, test, NULL };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_false(sip003_wanted(1, none));
		setenv(names[i], "1", 1);
	}
	assert_true(sip003_wanted(1, none));
	assert_true(sip003_wanted(2, fast));
	assert_false(sip003_wanted(2, own));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_plugin_is_a_client_unless_told_server),
		TEST(the_word_server_counts_only_as_an_option),
		TEST(an_escaped_key_comes_through_a_plugin_as_it_was),
		TEST(a_key_in_base64_needs_no_escapes),
		TEST(faulty_options_are_told),
		TEST(plugin_addresses_of_every_kind),
		TEST(of_several_servers_a_plugin_takes_the_first),
		TEST(ports_that_are_none_are_refused),
		TEST(a_plugin_is_known_by_its_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
