/* test_compat.c - kcptun's flags and JSON files. */
#include "compat_bed.h"

/* ---- command lines ----------------------------------------------------------- */

enum { WORDS_MAX = 96 };

struct line {
	struct compat c;
	char *words[WORDS_MAX];
	int count;
	int status;
	struct config *config;
};

/* Words in memory of their own, as those of main() are, with NULL at the end. */
static void run_line(struct line *l, enum conf_role role, const char *const *words)
{
	*l = (struct line){ .c = { .role = role, .where = "command line", .report = note } };
	while (words[l->count]) {
		assert_true(l->count < WORDS_MAX);
		l->words[l->count] = strdup(words[l->count]);
		assert_non_null(l->words[l->count++]);
	}
	l->status = compat_parse(&l->c, l->count, l->words);
	if (l->status >= 0)
		return;
	compat_default_key(&l->c);
	compat_finish(&l->c);
	l->config = compat_config(&l->c);
}

static void end_line(struct line *l)
{
	for (int i = 0; i < l->count; i++)
		free(l->words[i]);
	config_free(l->config);
	compat_dispose(&l->c);
}

#define CLIENT(l, ...) run_line(l, ROLE_CLIENT, (const char *const[]){ __VA_ARGS__, NULL })
#define SERVER(l, ...) run_line(l, ROLE_SERVER, (const char *const[]){ __VA_ARGS__, NULL })

static const struct conf_tunnel *only_tunnel(const struct line *l)
{
	if (!l->config) {
		for (size_t i = 0; i < said.count; i++)
			print_error("said: %s\n", said.lines[i]);
	}
	assert_non_null(l->config);
	assert_int_equal(l->config->tunnel_count, 1);
	return l->config->tunnels[0];
}

static void the_quick_start_works_as_it_is_written(void **state)
{
	const struct conf_tunnel *t;
	struct line l;

	CLIENT(&l, "-r", "192.0.2.1:4000", "-l", ":8388", "-mode", "fast3", "-nocomp",
	       "-autoexpire", "900", "-sockbuf", "16777217", "-dscp", "46");
	t = only_tunnel(&l);
	assert_int_equal(t->role, ROLE_CLIENT);
	assert_string_equal(t->remoteaddr.list[0].host, "192.0.2.1");
	assert_int_equal(t->remoteaddr.list[0].port, 4000);
	assert_string_equal(t->localaddr.host, "");
	assert_int_equal(t->localaddr.port, 8388);
	assert_string_equal(conf_modes[t->mode].name, "fast3");
	assert_int_equal(t->compression, CODEC_NONE);
	assert_int_equal(t->autoexpire_s, 900);
	assert_int_equal(t->sockbuf_bytes, 16777217);
	assert_int_equal(t->dscp, 46);
	assert_key(t, "it's a secrect");
	assert_said(CONF_WARNING,
		    "key: is missing, so that kcptun's own is taken: \"it's a secrect\"");
	assert_said(CONF_WARNING, "everybody knows; make one with");
	end_line(&l);

	SERVER(&l, "-t", "192.0.2.7:8388", "-l", ":4000", "-mode", "fast3", "-nocomp", "-sockbuf",
	       "16777217", "-dscp", "46");
	t = only_tunnel(&l);
	assert_int_equal(t->role, ROLE_SERVER);
	assert_int_equal(t->listen.port, 4000);
	assert_string_equal(t->target.list[0].host, "192.0.2.7");
	assert_int_equal(t->sndwnd_segs, 1024);
	end_line(&l);
	assert_int_equal(said_of(CONF_ERROR), 0);
}

static void every_flag_of_both_lines_of_kcptun_is_taken(void **state)
{
	struct line l;

	CLIENT(&l, "--localaddr", ":1", "--remoteaddr", "a:2-3", "--key", "some key", "--crypt",
	       "null", "--mode", "manual", "--QPP", "--QPPCount", "61", "--conn", "2",
	       "--autoexpire", "1", "--scavengettl", "-1", "--mtu", "1400", "--ratelimit", "1048576",
	       "--sndwnd", "300", "--rcvwnd", "301", "--datashard", "5", "--parityshard", "2",
	       "--ds", "6", "--ps", "1", "--dscp", "46", "--nocomp", "--acknodelay", "--nodelay",
	       "1", "--interval", "20", "--resend", "1", "--nc", "1", "--sockbuf", "65536",
	       "--smuxver", "2", "--smuxbuf", "8388608", "--framesize", "4096", "--streambuf",
	       "1048576", "--keepalive", "5", "--closewait", "0", "--snmplog", "", "--snmpperiod",
	       "60", "--log", "x.log", "--quiet", "--accesslog", "--tcp=false", "--pprof=false");
	assert_non_null(l.config);
	assert_int_equal(only_tunnel(&l)->datashard, 6);
	assert_int_equal(only_tunnel(&l)->parityshard, 1);
	assert_int_equal(only_tunnel(&l)->scavengettl_s, -1);
	assert_int_equal(only_tunnel(&l)->remoteaddr.list[0].port_last, 3);
	assert_int_equal(only_tunnel(&l)->interval_ms, 20);
	assert_true(only_tunnel(&l)->qpp);
	assert_true(only_tunnel(&l)->quiet);
	assert_true(only_tunnel(&l)->accesslog);
	assert_true(only_tunnel(&l)->acknodelay);
	assert_string_equal(l.c.log_path, "x.log");
	end_line(&l);
	assert_int_equal(said_of(CONF_ERROR), 0);

	SERVER(&l, "--listen", ":1", "--target", "b:2", "--key", "some key", "--crypt",
	       "aes-128-gcm", "--QPP", "--QPPCount", "61", "--mode", "fast2", "--mtu", "1400",
	       "--ratelimit", "0", "--sndwnd", "300", "--rcvwnd", "301", "--datashard", "0",
	       "--parityshard", "0", "--dscp", "0", "--nocomp", "--sockbuf", "65536", "--smuxver",
	       "1", "--smuxbuf", "8388608", "--framesize", "4096", "--streambuf", "1048576",
	       "--keepalive", "5", "--closewait", "30", "--snmplog", "", "--snmpperiod", "60",
	       "--pprof", "--log", "", "--quiet", "--tcp");
	assert_non_null(l.config);
	assert_null(l.c.log_path);
	assert_said(CONF_WARNING, "pprof: is left out");
	assert_said(CONF_WARNING, "tcp: is left out");
	end_line(&l);
	assert_int_equal(said_of(CONF_ERROR), 0);
}

static void one_dash_or_two_and_a_value_behind_an_equals_sign(void **state)
{
	static const char *const forms[][3] = {
		{ "-mtu", "1234" },
		{ "--mtu", "1234" },
		{ "-mtu=1234" },
		{ "--mtu=1234" },
	};

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct line l;

		run_line(&l, ROLE_CLIENT, forms[i]);
		assert_int_equal(only_tunnel(&l)->mtu_bytes, 1234);
		end_line(&l);
	}
}

static void a_switch_takes_a_value_only_behind_an_equals_sign(void **state)
{
	static const struct {
		const char *word;
		bool on;
	} cases[] = {
		{ "-nocomp", true },    { "-nocomp=true", true },   { "-nocomp=T", true },
		{ "--nocomp=1", true }, { "-nocomp=false", false }, { "-nocomp=f", false },
		{ "-nocomp=0", false }, { "-nocomp=yes", true },
	};
	struct line l;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLIENT(&l, cases[i].word);
		assert_int_equal(only_tunnel(&l)->nocomp, cases[i].on);
		end_line(&l);
	}
	CLIENT(&l, "-nocomp", "false");
	assert_int_equal(l.status, 2);
	assert_said(CONF_ERROR, "unexpected argument: false");
	end_line(&l);
}

static void the_last_of_repeated_flags_holds(void **state)
{
	struct line l;

	CLIENT(&l, "-mtu", "1000", "--datashard", "3", "-mtu", "1200", "-ds", "4");
	assert_int_equal(only_tunnel(&l)->mtu_bytes, 1200);
	assert_int_equal(only_tunnel(&l)->datashard, 4);
	end_line(&l);
}

static void faults_name_the_flag_and_are_told_at_once(void **state)
{
	struct line l;

	CLIENT(&l, "--conns", "2", "-t", "a:1", "--mtu");
	assert_int_equal(l.status, 2);
	assert_said(CONF_ERROR, "command line: conns: unknown key; did you mean conn?");
	assert_said(CONF_ERROR, "command line: t: is a server's and means nothing in a client");
	assert_said(CONF_ERROR, "command line: mtu: needs a value");
	assert_int_equal(said_of(CONF_ERROR), 3);
	end_line(&l);

	SERVER(&l, "--mtu", "9000", "--sndwnd", "65536", "--crypt", "rot13", "--keepalive", "many");
	assert_int_equal(l.status, -1);
	assert_null(l.config);
	assert_said(CONF_ERROR, "command line: mtu: 9000 is above 1500");
	assert_said(CONF_ERROR, "command line: sndwnd: 65536 is above 65535");
	assert_said(CONF_ERROR, "command line: crypt: 'rot13' is none of");
	assert_said(CONF_ERROR, "command line: keepalive: 'many' is not a number");
	end_line(&l);
}

static void strange_words_are_no_flags(void **state)
{
	static const char *const words[] = { "-", "--",  "---", "=",    "-=", "--=x",
					     "",  "-=-", "x",   "--c=", "-c", "-\x01\xff=3" };
	struct line l;

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		bool ends_flags = strcmp(words[i], "--") == 0;

		memset(&said, 0, sizeof(said));
		CLIENT(&l, words[i]);
		assert_int_equal(l.status, ends_flags ? -1 : 2);
		end_line(&l);
	}
}

static void a_very_long_flag_is_unknown_and_quoted_briefly(void **state)
{
	char word[5000];
	struct line l;

	memset(word, 'm', sizeof(word) - 1);
	word[0] = '-';
	word[sizeof(word) - 1] = '\0';
	CLIENT(&l, word);
	assert_int_equal(l.status, 2);
	assert_int_equal(said.count, 1);
	assert_true(strlen(said.lines[0]) < 200);
	end_line(&l);
}

/* ---- defaults ---------------------------------------------------------------- */

static void addresses_default_to_kcptuns(void **state)
{
	struct line l;

	CLIENT(&l, "-key", "some key");
	assert_string_equal(only_tunnel(&l)->localaddr.text, ":12948");
	assert_string_equal(only_tunnel(&l)->remoteaddr.text, "vps:29900");
	assert_int_equal(only_tunnel(&l)->sndwnd_segs, 128);
	assert_int_equal(only_tunnel(&l)->rcvwnd_segs, 512);
	end_line(&l);
	SERVER(&l, "-key", "some key");
	assert_string_equal(only_tunnel(&l)->listen.text, ":29900");
	assert_string_equal(only_tunnel(&l)->target.text, "127.0.0.1:12948");
	assert_int_equal(only_tunnel(&l)->sndwnd_segs, 1024);
	end_line(&l);
	assert_int_equal(said.count, 0);
}

static void half_of_no_fec_is_none_without_a_word(void **state)
{
	struct line l;

	CLIENT(&l, "-key", "some key", "-ds", "0");
	assert_int_equal(only_tunnel(&l)->parityshard, 0);
	end_line(&l);
	SERVER(&l, "-key", "some key", "-ps", "0");
	assert_int_equal(only_tunnel(&l)->datashard, 0);
	end_line(&l);
	assert_int_equal(said.count, 0);
	CLIENT(&l, "-key", "some key", "-ds", "0", "-ps", "3");
	assert_int_equal(only_tunnel(&l)->parityshard, 0);
	assert_said(CONF_WARNING, "parityshard: has no effect with datashard = 0");
	end_line(&l);
}

static void names_of_programs_are_roles(void **state)
{
	enum conf_role role = ROLE_CLIENT;

	assert_true(compat_is_program("/usr/sbin/kcptun-server", &role));
	assert_int_equal(role, ROLE_SERVER);
	assert_true(compat_is_program("kcptun-client", &role));
	assert_int_equal(role, ROLE_CLIENT);
	assert_false(compat_is_program("/usr/sbin/kcptund", &role));
	assert_false(compat_is_program("kcptun-client/kcptund", &role));
	assert_false(compat_is_program("client", &role));
	assert_false(compat_is_program("", &role));
}

static void what_is_automatic_in_a_file_is_kcptuns_here(void **state)
{
	struct line l;

	CLIENT(&l, "-key", "some key");
	assert_string_equal(conf_modes[only_tunnel(&l)->mode].name, "fast");
	assert_int_equal(only_tunnel(&l)->interval_ms, 30);
	assert_int_equal(only_tunnel(&l)->datashard, 10);
	assert_int_equal(only_tunnel(&l)->parityshard, 3);
	assert_int_equal(only_tunnel(&l)->conn, 1);
	assert_int_equal(only_tunnel(&l)->congestion, SESSION_MODEL);
	assert_int_equal(only_tunnel(&l)->copies, CONF_AUTO);
	end_line(&l);
	SERVER(&l, "-key", "some key", "-parityshard", "5");
	assert_string_equal(conf_modes[only_tunnel(&l)->mode].name, "fast");
	assert_int_equal(only_tunnel(&l)->rcvwnd_segs, 1024);
	assert_int_equal(only_tunnel(&l)->datashard, 10);
	assert_int_equal(only_tunnel(&l)->parityshard, 5);
	end_line(&l);
	assert_int_equal(said.count, 0);
}

static void auto_can_be_said_on_a_line_of_kcptun(void **state)
{
	static const char *const halves[] = { "-datashard", "-ds", "-parityshard", "-ps" };
	struct line l;

	CLIENT(&l, "-key", "some key", "--mode", "auto", "--sndwnd", "auto", "--rcvwnd=auto",
	       "--conn", "auto", "--ds", "auto", "--ps", "auto", "--copies", "2");
	assert_string_equal(conf_modes[only_tunnel(&l)->mode].name, "auto");
	assert_int_equal(only_tunnel(&l)->nodelay, 3);
	assert_int_equal(only_tunnel(&l)->sndwnd_segs, CONF_AUTO);
	assert_int_equal(only_tunnel(&l)->rcvwnd_segs, CONF_AUTO);
	assert_int_equal(only_tunnel(&l)->conn, CONF_AUTO);
	assert_int_equal(only_tunnel(&l)->datashard, CONF_AUTO);
	assert_int_equal(only_tunnel(&l)->parityshard, CONF_AUTO);
	assert_int_equal(only_tunnel(&l)->copies, 2);
	end_line(&l);
	for (size_t i = 0; i < ARRAY_LEN(halves); i++) { /* one half says it of both */
		SERVER(&l, "-key", "some key", halves[i], "auto");
		assert_int_equal(only_tunnel(&l)->datashard, CONF_AUTO);
		assert_int_equal(only_tunnel(&l)->parityshard, CONF_AUTO);
		assert_int_equal(only_tunnel(&l)->sndwnd_segs, 1024);
		end_line(&l);
	}
	assert_int_equal(said.count, 0);
	SERVER(&l, "-key", "some key", "-ds", "auto", "-ps", "3");
	assert_null(l.config);
	assert_said(CONF_ERROR, "datashard is auto and parityshard is 3; give a number to both");
	end_line(&l);
}

/* kcptun has no such mode: who asks for it wants nothing of kcptun's own numbers. */
static void the_mode_auto_leaves_nothing_to_tune(void **state)
{
	const struct conf_tunnel *t;
	struct line l;

	CLIENT(&l, "-key", "some key", "--mode", "auto");
	t = only_tunnel(&l);
	assert_int_equal(t->sndwnd_segs, CONF_AUTO);
	assert_int_equal(t->rcvwnd_segs, CONF_AUTO);
	assert_int_equal(t->datashard, CONF_AUTO);
	assert_int_equal(t->parityshard, CONF_AUTO);
	assert_int_equal(t->conn, CONF_AUTO);
	assert_int_equal(t->smuxbuf_bytes, CONF_AUTO);
	assert_int_equal(t->streambuf_bytes, CONF_AUTO);
	end_line(&l);
	SERVER(&l, "-mode", "auto", "-key", "some key", "-sndwnd", "256", "-ps", "5");
	t = only_tunnel(&l);
	assert_int_equal(t->sndwnd_segs, 256); /* numbers are obeyed */
	assert_int_equal(t->rcvwnd_segs, CONF_AUTO);
	assert_int_equal(t->datashard, 10); /* of what is given by half, the other is kcptun's */
	assert_int_equal(t->parityshard, 5);
	end_line(&l);
	assert_int_equal(said.count, 0);
}

static void addresses_are_read_as_go_reads_them(void **state)
{
	struct line l;

	CLIENT(&l, "-l", "local_socket", "-r", ":4000", "-key", "some key");
	assert_string_equal(only_tunnel(&l)->localaddr.path, "./local_socket");
	assert_string_equal(only_tunnel(&l)->remoteaddr.list[0].host, "127.0.0.1");
	assert_int_equal(only_tunnel(&l)->remoteaddr.list[0].port, 4000);
	end_line(&l);
	SERVER(&l, "-l", "[::]:4000-4010", "-t", ":8388", "-key", "some key");
	assert_string_equal(only_tunnel(&l)->target.text, "127.0.0.1:8388");
	assert_int_equal(only_tunnel(&l)->listen.port_last, 4010);
	end_line(&l);
	SERVER(&l, "-t", ":1,:2", "-key", "some key");
	assert_null(l.config);
	assert_said(CONF_ERROR, "target: is one address here; several are for a kcptun.ini");
	end_line(&l);
	SERVER(&l, "-t", "path/to/unix_socket", "-key", "some key");
	assert_string_equal(only_tunnel(&l)->target.list[0].path, "path/to/unix_socket");
	end_line(&l);
}

static void a_mode_overrides_the_four_whatever_they_are(void **state)
{
	struct line l;

	CLIENT(&l, "-mode", "fast2", "-nodelay", "7", "-interval", "1", "-resend", "-5", "-nc", "9",
	       "-key", "some key");
	assert_int_equal(only_tunnel(&l)->interval_ms, 20);
	assert_int_equal(said.count, 1);
	assert_said(CONF_WARNING, "mode: stands for nodelay, interval, resend and nc");
	end_line(&l);
	CLIENT(&l, "-mode", "manual", "-interval", "1", "-key", "some key");
	assert_null(l.config);
	assert_said(CONF_ERROR, "interval: 1 is below 10");
	end_line(&l);
}

static void nc_of_the_manual_mode_is_the_congestion_that_kcptun_means(void **state)
{
	static const struct {
		const char *words[7];
		enum session_congestion congestion;
	} cases[] = {
		{ { "-mode", "manual", "-nc", "0" }, SESSION_RENO },
		{ { "-mode", "manual", "-nc", "1" }, SESSION_NONE },
		{ { "-mode", "manual" }, SESSION_MODEL },
		{ { "-mode", "manual", "-congestion", "none" }, SESSION_NONE },
		{ { "-mode", "normal" }, SESSION_MODEL },
		{ { "-mode", "fast3", "-congestion", "reno" }, SESSION_RENO },
		{ { NULL }, SESSION_MODEL },
	};
	struct line l;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		run_line(&l, ROLE_SERVER, cases[i].words);
		assert_int_equal(only_tunnel(&l)->congestion, cases[i].congestion);
		end_line(&l);
	}
	write_file("c.json",
		   "{\"key\": \"some key\", \"mode\": \"manual\", \"nc\": 0, \"rcvwnd\": \"auto\"}");
	CLIENT(&l, "-c", "c.json");
	assert_int_equal(only_tunnel(&l)->congestion, SESSION_RENO);
	assert_int_equal(only_tunnel(&l)->rcvwnd_segs, CONF_AUTO);
	assert_int_equal(only_tunnel(&l)->sndwnd_segs, 128);
	end_line(&l);
}

static void there_is_no_control_socket_unless_asked_for(void **state)
{
	struct line l;

	CLIENT(&l, "-key", "some key");
	assert_string_equal(settings_get(&l.c.settings, "control"), "none");
	end_line(&l);
	CLIENT(&l, "-key", "some key", "-control", "/tmp/x.sock", "-loglevel", "debug");
	assert_string_equal(settings_get(&l.c.settings, "control"), "/tmp/x.sock");
	assert_int_equal(l.config->daemon.loglevel, 3);
	end_line(&l);
}

/* ---- keys -------------------------------------------------------------------- */

static void a_key_arrives_as_it_was_given(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(hostile_keys); i++) {
		const char *key = hostile_keys[i];
		struct line l;
		char *joined;

		CLIENT(&l, "--key", key);
		assert_key(only_tunnel(&l), key);
		end_line(&l);
		assert_true(asprintf(&joined, "-key=%s", key) > 0);
		SERVER(&l, joined);
		free(joined);
		assert_key(only_tunnel(&l), key);
		end_line(&l);
		setenv("KCPTUN_KEY", key, 1);
		CLIENT(&l, "-mtu", "1000");
		assert_key(only_tunnel(&l), key);
		end_line(&l);
		unsetenv("KCPTUN_KEY");
		memset(&said, 0, sizeof(said));
	}
}

static void a_long_key_arrives_whole(void **state)
{
	static char key[100000];
	struct line l;

	memset(key, 'k', sizeof(key) - 1);
	CLIENT(&l, "--key", key);
	assert_key(only_tunnel(&l), key);
	end_line(&l);
}

static void a_key_is_overwritten_among_the_arguments(void **state)
{
	struct line l;

	CLIENT(&l, "--key", "first", "-key=second", "-mtu", "1000");
	assert_string_equal(l.words[1], "*****");
	assert_string_equal(l.words[2], "-key=******");
	assert_string_equal(l.words[4], "1000");
	assert_key(only_tunnel(&l), "second");
	end_line(&l);
}

static void a_keyfile_stands_in_for_a_key(void **state)
{
	struct line l;

	write_file("secret", " from a file\n");
	CLIENT(&l, "-keyfile", "secret");
	assert_key(only_tunnel(&l), " from a file");
	end_line(&l);
	memset(&said, 0, sizeof(said));
	CLIENT(&l, "-keyfile", "secret", "-key", "some key");
	assert_null(l.config);
	assert_said(CONF_ERROR, "keyfile: stands beside key; give one of them");
	end_line(&l);
}

static void an_empty_key_is_a_fault(void **state)
{
	struct line l;

	CLIENT(&l, "-key", "");
	assert_null(l.config);
	assert_said(CONF_ERROR, "key: has no value");
	end_line(&l);
}

/* ---- JSON -------------------------------------------------------------------- */

static void a_json_file_overrides_flags_and_environment(void **state)
{
	struct line l;

	write_file("c.json",
		   "{\"MTU\": 1300, \"key\": \"of the file\", \"nocomp\": false, \"qpp-count\": 7,"
		   "\"QPP\": true, \"conn\": null, \"crypt\": \"\", \"scavengettl\": -1,"
		   "\"autoexpire\": 5, \"snmplog\": \"\", \"log\": \"\", \"tcp\": false}");
	setenv("KCPTUN_KEY", "of the environment", 1);
	CLIENT(&l, "-c", "c.json", "-mtu", "1000", "-nocomp", "-conn", "3", "-crypt", "salsa20",
	       "-dscp", "46", "-key", "of the flag");
	assert_int_equal(only_tunnel(&l)->mtu_bytes, 1300);
	assert_key(only_tunnel(&l), "of the file");
	assert_int_equal(only_tunnel(&l)->compression, CODEC_SNAPPY);
	assert_true(only_tunnel(&l)->qpp);
	assert_int_equal(only_tunnel(&l)->qpp_count, 7);
	assert_int_equal(only_tunnel(&l)->conn, 3);
	assert_string_equal(only_tunnel(&l)->crypt->name, "aes");
	assert_int_equal(only_tunnel(&l)->dscp, 46);
	assert_int_equal(only_tunnel(&l)->scavengettl_s, -1);
	end_line(&l);
	assert_int_equal(said.count, 0);
}

static void a_flag_goes_before_the_environment(void **state)
{
	struct line l;

	setenv("KCPTUN_KEY", "of the environment", 1);
	CLIENT(&l, "-key", "of the flag");
	assert_key(only_tunnel(&l), "of the flag");
	end_line(&l);
	write_file("secret", "of a keyfile");
	CLIENT(&l, "-keyfile", "secret");
	assert_key(only_tunnel(&l), "of a keyfile");
	end_line(&l);
}

static void unknown_members_of_json_are_passed_over_with_a_word(void **state)
{
	struct line l;

	write_file("c.json",
		   "{\"key\": \"some key\", \"conns\": 2, \"listen\": \":1\", \"_comment\": {\"a\": []},"
		   "\"a name that is much longer than any that there is\": 1}");
	CLIENT(&l, "-c", "c.json");
	assert_non_null(l.config);
	assert_said(CONF_WARNING, "c.json:1: conns: is passed over: unknown key; did you mean conn?");
	assert_said(CONF_WARNING, "c.json:1: listen: is passed over: a client has no use for it");
	assert_said(CONF_WARNING, "c.json:1: _comment: is passed over");
	assert_int_equal(said.count, 4);
	end_line(&l);
}

static void broken_json_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "", "is no JSON" },
		{ "{\n\"key\": \"some key\",\n}", "c.json:3: is no JSON: " },
		{ "[]", "is no JSON object" },
		{ "\"text\"", "is no JSON" },
		{ "{\"key\": \"a\\u0000b\"}", "c.json:1: is no JSON: " },
		{ "{\"key\": \"\xff\"}", "c.json:1: is no JSON: " },
		{ "{\"mtu\": 1350.5}", "mtu: takes a text, a whole number, true or false" },
		{ "{\"mtu\": [1]}", "mtu: takes a text" },
		{ "{\"mtu\": {}}", "mtu: takes a text" },
		{ "{\"mtu\": 99999999999999999999}", "c.json:1: is no JSON: " },
		{ "{} {}", "c.json:1: is no JSON: " },
	};
	struct line l;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		memset(&said, 0, sizeof(said));
		write_file("c.json", cases[i].text);
		CLIENT(&l, "-c", "c.json");
		assert_int_equal(l.status, 2);
		assert_said(CONF_ERROR, cases[i].words);
		assert_memory_equal(said.lines[0], "c.json:", 7);
		end_line(&l);
	}
	memset(&said, 0, sizeof(said));
	write_file("c.json",
		   "{\n\"key\": \"a \\\"{,\\\\\",\n\"_\": {\"mtu\": [\n1,\n\"mtu\"]},\n\n"
		   "\"\\u006dtu\": 9000,\n\"Crypt\":\n\"rot13\", \"mode\": \"fast\", \"nc\": 1,\n"
		   "\"qpp\": true, \"qpp-count\": 8}");
	CLIENT(&l, "-c", "c.json", "-dscp", "99");
	assert_int_equal(l.status, -1);
	assert_said(CONF_WARNING, "c.json:3: _: is passed over");
	assert_said(CONF_ERROR, "c.json:7: mtu: 9000 is above 1500");
	assert_said(CONF_ERROR, "c.json:8: crypt: 'rot13' is none of");
	assert_said(CONF_ERROR, "command line: dscp: 99 is above 63");
	assert_said(CONF_WARNING, "c.json:9: mode: stands for nodelay, interval, resend and nc");
	assert_said(CONF_WARNING, "c.json:10: qpp-count: 8 is even");
	end_line(&l);
	memset(&said, 0, sizeof(said));
	CLIENT(&l, "-c", "none.json");
	assert_int_equal(l.status, 2);
	assert_said(CONF_ERROR, "none.json");
	end_line(&l);
}

static void of_kcptuns_options_one_server_is_taken(void **state)
{
	struct line l;

	CLIENT(&l, "-key", "some key", "-r", "a.example:1, b.example:1");
	assert_int_equal(l.status, -1);
	assert_said(CONF_ERROR,
		    "command line: remoteaddr: takes one address here; several can stand in a "
		    "kcptun.ini");
	end_line(&l);
	memset(&said, 0, sizeof(said));
	write_file("c.json", "{\"key\": \"some key\",\n\"remoteaddr\": \"a.example:1,b.example:1\"}");
	CLIENT(&l, "-c", "c.json");
	assert_said(CONF_ERROR, "c.json:2: remoteaddr: takes one address here");
	end_line(&l);
}

/* ---- settings ---------------------------------------------------------------- */

static void a_setting_is_there_once_and_can_be_dropped(void **state)
{
	struct settings s = { 0 };

	settings_set(&s, "a", "1");
	settings_set(&s, "b", "2");
	settings_set(&s, "c", "3");
	settings_set(&s, "b", "4");
	assert_int_equal(s.count, 3);
	assert_string_equal(settings_get(&s, "b"), "4");
	assert_true(settings_drop(&s, "a"));
	assert_false(settings_drop(&s, "a"));
	assert_null(settings_get(&s, "a"));
	assert_string_equal(s.items[0].key, "b");
	assert_string_equal(settings_get(&s, "c"), "3");
	settings_dispose(&s);
	assert_int_equal(s.count, 0);
	assert_null(settings_get(&s, "b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_quick_start_works_as_it_is_written),
		TEST(every_flag_of_both_lines_of_kcptun_is_taken),
		TEST(one_dash_or_two_and_a_value_behind_an_equals_sign),
		TEST(a_switch_takes_a_value_only_behind_an_equals_sign),
		TEST(the_last_of_repeated_flags_holds),
		TEST(faults_name_the_flag_and_are_told_at_once),
		TEST(strange_words_are_no_flags),
		TEST(a_very_long_flag_is_unknown_and_quoted_briefly),
		TEST(addresses_default_to_kcptuns),
		TEST(half_of_no_fec_is_none_without_a_word),
		TEST(names_of_programs_are_roles),
		TEST(what_is_automatic_in_a_file_is_kcptuns_here),
		TEST(auto_can_be_said_on_a_line_of_kcptun),
		TEST(the_mode_auto_leaves_nothing_to_tune),
		TEST(addresses_are_read_as_go_reads_them),
		TEST(a_mode_overrides_the_four_whatever_they_are),
		TEST(nc_of_the_manual_mode_is_the_congestion_that_kcptun_means),
		TEST(there_is_no_control_socket_unless_asked_for),
		TEST(a_key_arrives_as_it_was_given),
		TEST(a_long_key_arrives_whole),
		TEST(a_key_is_overwritten_among_the_arguments),
		TEST(a_keyfile_stands_in_for_a_key),
		TEST(an_empty_key_is_a_fault),
		TEST(a_json_file_overrides_flags_and_environment),
		TEST(a_flag_goes_before_the_environment),
		TEST(unknown_members_of_json_are_passed_over_with_a_word),
		TEST(broken_json_is_told_with_its_line),
		TEST(of_kcptuns_options_one_server_is_taken),
		TEST(a_setting_is_there_once_and_can_be_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
