/* test_compat_import.c - kcptun's JSON files become kcptun.ini. */
#include "compat_bed.h"

/* ---- the import -------------------------------------------------------------- */

#define IMPORT(...) \
	import_files((const char *[]){ __VA_ARGS__ }, \
		     ARRAY_LEN(((const char *[]){ __VA_ARGS__ })), note, NULL)

static struct config *read_ini(char *text)
{
	struct config *c;

	if (!text) {
		for (size_t i = 0; i < said.count; i++)
			print_error("said: %s\n", said.lines[i]);
	}
	assert_non_null(text);
	c = config_read_text(text, strlen(text), "kcptun.ini", note, NULL);
	free(text);
	assert_non_null(c);
	return c;
}

static void json_files_become_tunnels(void **state)
{
	struct config *c;
	size_t before;
	char *text;

	write_file("client.json",
		   "{\"localaddr\": \":2000\", \"remoteaddr\": \"192.0.2.1:2000-2010\", \"key\": \"KKKKKKKK\","
		   "\"crypt\": \"aes-128\", \"qpp\": true, \"qpp-count\": 61, \"mode\": \"fast3\","
		   "\"nodelay\": 1, \"interval\": 40, \"resend\": 2, \"nc\": 1, \"nocomp\": true,"
		   "\"smuxver\": 2, \"tcp\": false, \"ratelimit\": 1048576, \"scavengettl\": 5}");
	write_file("my server.json",
		   "{\"listen\": \":2000\", \"target\": \"127.0.0.1:9\", \"key\": \"KKKKKKKK\","
		   "\"pprof\": true, \"sndwnd\": 2048}");
	text = IMPORT("client.json", "./my server.json");
	assert_said(CONF_WARNING, "client.json:1: scavengettl: has no effect without autoexpire");
	assert_said(CONF_WARNING, "my server.json:1: pprof: is left out");
	before = said.count;
	c = read_ini(text);
	assert_int_equal(said.count, before); /* what the file would be warned of is left out */
	assert_int_equal(c->tunnel_count, 2);
	assert_string_equal(c->tunnels[0]->name, "client");
	assert_int_equal(c->tunnels[0]->role, ROLE_CLIENT);
	assert_int_equal(c->tunnels[0]->remoteaddr.list[0].port_last, 2010);
	assert_string_equal(c->tunnels[0]->crypt->name, "aes-128");
	assert_true(c->tunnels[0]->qpp);
	assert_int_equal(c->tunnels[0]->compression, CODEC_NONE);
	assert_int_equal(c->tunnels[0]->ratelimit_bytes, 1048576);
	assert_string_equal(c->tunnels[1]->name, "my-server");
	assert_int_equal(c->tunnels[1]->role, ROLE_SERVER);
	assert_int_equal(c->tunnels[1]->sndwnd_segs, 2048);
	/* what they do not say is kcptun's, not automatic */
	assert_int_equal(c->tunnels[0]->sndwnd_segs, 128);
	assert_int_equal(c->tunnels[0]->conn, 1);
	assert_string_equal(conf_modes[c->tunnels[1]->mode].name, "fast");
	assert_int_equal(c->tunnels[1]->rcvwnd_segs, 1024);
	assert_int_equal(c->tunnels[1]->datashard, 10);
	assert_int_equal(c->tunnels[1]->parityshard, 3);
	config_free(c);
}

static void an_import_leaves_to_auto_what_a_file_says_is_auto(void **state)
{
	struct config *c;

	write_file("s.json", "{\"listen\": \":1\", \"key\": \"some key\", \"mode\": \"auto\","
			     "\"sndwnd\": \"auto\", \"parityshard\": \"auto\"}");
	c = read_ini(IMPORT("s.json"));
	assert_string_equal(conf_modes[c->tunnels[0]->mode].name, "auto");
	assert_int_equal(c->tunnels[0]->sndwnd_segs, CONF_AUTO);
	assert_int_equal(c->tunnels[0]->datashard, CONF_AUTO);
	assert_int_equal(c->tunnels[0]->rcvwnd_segs, CONF_AUTO);
	config_free(c);
}

static void names_of_tunnels_are_unique(void **state)
{
	static const char json[] =
		"{\"target\": \"a:1\", \"key\": \"some key\", \"listen\": \"127.0.0.1:%zu\"}";
	static const char *const paths[] = { "a.json",        "d/a.json", "e/a.json",
					     "\xff\xfe.json", ".json",    "a-2.json" };
	struct config *c;
	char text[128];

	mkdir("d", 0700);
	mkdir("e", 0700);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		snprintf(text, sizeof(text), json, i + 1);
		write_file(paths[i], text);
	}
	c = read_ini(IMPORT("a.json", "d/a.json", "e/a.json", "\xff\xfe.json", ".json", "a-2.json"));
	assert_int_equal(c->tunnel_count, 6);
	assert_string_equal(c->tunnels[0]->name, "a");
	assert_string_equal(c->tunnels[1]->name, "a-2");
	assert_string_equal(c->tunnels[2]->name, "a-3");
	config_free(c);
}

static void json_text(char *out, const char *text)
{
	for (; *text; text++) {
		if ((uint8_t)*text < 0x20 || *text == 0x7f || *text == '"' || *text == '\\')
			out += sprintf(out, "\\u%04x", (uint8_t)*text);
		else
			*out++ = *text;
	}
	*out = '\0';
}

static void an_imported_key_is_the_same_whatever_it_is(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(hostile_keys); i++) {
		char key[256], json[512];
		struct config *c;

		if (strchr(hostile_keys[i], '\xff')) /* no JSON text */
			continue;
		json_text(key, hostile_keys[i]);
		snprintf(json, sizeof(json), "{\"listen\": \":1\", \"key\": \"%s\"}", key);
		write_file("s.json", json);
		unlink("s.key");
		memset(&said, 0, sizeof(said));
		c = read_ini(IMPORT("s.json"));
		assert_key(c->tunnels[0], hostile_keys[i]);
		config_free(c);
	}
}

static void an_imported_key_of_every_length_is_the_same(void **state)
{
	char key[1024], json[1200];

	for (size_t n = 150; n < 1000; n += n < 260 ? 1 : 100) {
		struct config *c;

		memset(key, 'k', n);
		key[n] = '\0';
		snprintf(json, sizeof(json), "{\"listen\": \":1\", \"key\": \"%s\"}", key);
		write_file("s.json", json);
		unlink("s.key");
		memset(&said, 0, sizeof(said));
		c = read_ini(IMPORT("s.json"));
		assert_key(c->tunnels[0], key);
		config_free(c);
	}
}

static void a_key_file_is_private_and_never_overwritten(void **state)
{
	struct stat st;

	write_file("s.json", "{\"listen\": \":1\", \"key\": \"a ;b\"}");
	config_free(read_ini(IMPORT("s.json")));
	assert_said(CONF_WARNING, "it is now in s.key");
	assert_int_equal(stat("s.key", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	config_free(read_ini(IMPORT("s.json"))); /* the same once more is fine */
	write_file("s.json", "{\"listen\": \":1\", \"key\": \"c ;d\"}");
	assert_null(IMPORT("s.json"));
	assert_said(CONF_ERROR, "s.key cannot be written");
}

static void what_cannot_be_imported_is_told(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "{}", "neither a client's nor a server's" },
		{ "{\"key\": \"some key\"}", "neither a client's nor a server's" },
		{ "{\"listen\": \":1\", \"remoteaddr\": \"a:1\"}",
		  "s.json: has the addresses of a client, in line 1, and of a server, in line 1" },
		{ "{\"listen\": \":1\", \"key\": \"some key\", \"sndwnd\": 70000}",
		  "sndwnd: 70000 is above" },
		{ "{\"listen\": \":1\", \"key\": \"\"}", "key: has no value" },
		{ "{\"listen\": \":1\", \"key\": \"some key\", \"target\": \"/a ;b\"}",
		  "cannot stand in an INI" },
		{ "{\"listen\": \":1\", \"key\": \"some key\", \"target\": \"/a\\n[client x]\"}",
		  "cannot stand" },
		{ "{\"listen\": \":1\", \"key\": \"some key\", \"keyfile\": \"k\"}",
		  "stands beside key" },
		{ "nonsense", "is no JSON" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		memset(&said, 0, sizeof(said));
		write_file("s.json", cases[i].text);
		assert_null(IMPORT("s.json"));
		assert_said(CONF_ERROR, cases[i].words);
	}
	memset(&said, 0, sizeof(said));
	write_file("s.json", "{\"listen\": \":1\", \"key\": \"some key\"}");
	assert_null(IMPORT("s.json", "s.json"));
	assert_said(CONF_ERROR, "s.json:1: listen: :1 collides with :1 of s.json:1");
	memset(&said, 0, sizeof(said));
	write_file("b.json", "{\n\"key\": \"some key\",\n\"listen\": \":1-5\",\n\"sndwnd\": 70000\n}");
	assert_null(IMPORT("b.json"));
	assert_said(CONF_ERROR, "b.json:4: sndwnd: 70000 is above 65535");
	write_file("b.json", "{\n\"key\": \"some key\",\n\"Listen\": \":1-5\"}");
	assert_null(IMPORT("s.json", "b.json"));
	assert_said(CONF_ERROR, "b.json:3: listen: :1-5 collides with :1 of s.json:1");
	memset(&said, 0, sizeof(said));
	assert_null(IMPORT("none.json"));
	assert_said(CONF_ERROR, "none.json");
}

static void what_kcptun_has_built_in_is_said(void **state)
{
	struct config *c;

	write_file("c.json", "{\"remoteaddr\": \"a:1\", \"log\": \"x\"}");
	c = read_ini(IMPORT("c.json"));
	assert_key(c->tunnels[0], "it's a secrect");
	assert_string_equal(c->tunnels[0]->localaddr.text, ":12948");
	assert_said(CONF_WARNING, "c.json: localaddr: is missing");
	assert_int_equal(c->tunnels[0]->smuxver, CONF_AUTO);
	assert_int_equal(c->tunnels[0]->compression, CODEC_UNKNOWN);
	assert_said(CONF_WARNING, "c.json: key: is missing");
	assert_said(CONF_WARNING, "c.json: log: is left out");
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(json_files_become_tunnels),
		TEST(an_import_leaves_to_auto_what_a_file_says_is_auto),
		TEST(names_of_tunnels_are_unique),
		TEST(an_imported_key_is_the_same_whatever_it_is),
		TEST(an_imported_key_of_every_length_is_the_same),
		TEST(a_key_file_is_private_and_never_overwritten),
		TEST(what_cannot_be_imported_is_told),
		TEST(what_kcptun_has_built_in_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
