/* test_compat.c - kcptun's flags and JSON files, plugin options of shadowsocks, the import. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "compat.h"
#include "ctl.h"
#include "ctl_import.h"
#include "sip003.h"
#include "wire.h"

/* In the program this is kcptunctl.c's. */
int ctl_usage(const char *command)
{
	return CTL_USAGE;
}

/* ---- what was reported ------------------------------------------------------- */

static struct {
	char lines[32][1024];
	enum conf_severity severity[32];
	size_t count;
} said;

static void note(void *user, enum conf_severity severity, const char *line)
{
	assert_true(said.count < ARRAY_LEN(said.lines));
	said.severity[said.count] = severity;
	snprintf(said.lines[said.count++], sizeof(said.lines[0]), "%s", line);
}

static size_t said_of(enum conf_severity severity)
{
	size_t n = 0;

	for (size_t i = 0; i < said.count; i++)
		n += said.severity[i] == severity;
	return n;
}

static void assert_said(enum conf_severity severity, const char *text)
{
	for (size_t i = 0; i < said.count; i++) {
		if (said.severity[i] == severity && strstr(said.lines[i], text))
			return;
	}
	for (size_t i = 0; i < said.count; i++)
		print_error("said: %s\n", said.lines[i]);
	fail_msg("nobody said: %s", text);
}

/* ---- a folder for each test -------------------------------------------------- */

static char folder[64];

static int setup(void **state)
{
	memset(&said, 0, sizeof(said));
	unsetenv("KCPTUN_KEY");
	strcpy(folder, "/tmp/kcptund-compat-XXXXXX");
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

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

static void assert_key(const struct conf_tunnel *t, const char *key)
{
	assert_int_equal(t->key_len, strlen(key));
	assert_memory_equal(t->key, key, strlen(key));
}

static void the_quick_start_works_as_it_is_written(void **state)
{
	const struct conf_tunnel *t;
	struct line l;

	CLIENT(&l, "-r", "192.0.2.1:4000", "-l", ":8388", "-mode", "fast3", "-nocomp",
	       "-autoexpire", "900", "-sockbuf", "16777217", "-dscp", "46");
	t = only_tunnel(&l);
	assert_int_equal(t->role, ROLE_CLIENT);
	assert_string_equal(t->remoteaddr.host, "192.0.2.1");
	assert_int_equal(t->remoteaddr.port, 4000);
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
	assert_string_equal(t->target.host, "192.0.2.7");
	assert_int_equal(t->sndwnd_segs, 1024);
	end_line(&l);
	assert_int_equal(said_of(CONF_ERROR), 0);
}

static void every_flag_of_both_lines_of_kcptun_is_taken(void **state)
{
	struct line l;

	CLIENT(&l, "--localaddr", ":1", "--remoteaddr", "a:2-3", "--key", "k", "--crypt", "null",
	       "--mode", "manual", "--QPP", "--QPPCount", "61", "--conn", "2", "--autoexpire", "1",
	       "--scavengettl", "-1", "--mtu", "1400", "--ratelimit", "1048576", "--sndwnd", "300",
	       "--rcvwnd", "301", "--datashard", "5", "--parityshard", "2", "--ds", "6", "--ps",
	       "1", "--dscp", "46", "--nocomp", "--acknodelay", "--nodelay", "1", "--interval",
	       "20", "--resend", "1", "--nc", "1", "--sockbuf", "65536", "--smuxver", "2",
	       "--smuxbuf", "8388608", "--framesize", "4096", "--streambuf", "1048576",
	       "--keepalive", "5", "--closewait", "0", "--snmplog", "", "--snmpperiod", "60",
	       "--log", "x.log", "--quiet", "--tcp=false", "--pprof=false");
	assert_non_null(l.config);
	assert_int_equal(only_tunnel(&l)->datashard, 6);
	assert_int_equal(only_tunnel(&l)->parityshard, 1);
	assert_int_equal(only_tunnel(&l)->scavengettl_s, -1);
	assert_int_equal(only_tunnel(&l)->remoteaddr.port_last, 3);
	assert_int_equal(only_tunnel(&l)->interval_ms, 20);
	assert_true(only_tunnel(&l)->qpp);
	assert_true(only_tunnel(&l)->quiet);
	assert_true(only_tunnel(&l)->acknodelay);
	assert_string_equal(l.c.log_path, "x.log");
	end_line(&l);
	assert_int_equal(said_of(CONF_ERROR), 0);

	SERVER(&l, "--listen", ":1", "--target", "b:2", "--key", "k", "--crypt", "aes-128-gcm",
	       "--QPP", "--QPPCount", "61", "--mode", "fast2", "--mtu", "1400", "--ratelimit", "0",
	       "--sndwnd", "300", "--rcvwnd", "301", "--datashard", "0", "--parityshard", "0",
	       "--dscp", "0", "--nocomp", "--sockbuf", "65536", "--smuxver", "1", "--smuxbuf",
	       "8388608", "--framesize", "4096", "--streambuf", "1048576", "--keepalive", "5",
	       "--closewait", "30", "--snmplog", "", "--snmpperiod", "60", "--pprof", "--log", "",
	       "--quiet", "--tcp");
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

	CLIENT(&l, "-key", "k");
	assert_string_equal(only_tunnel(&l)->localaddr.text, ":12948");
	assert_string_equal(only_tunnel(&l)->remoteaddr.text, "vps:29900");
	assert_int_equal(only_tunnel(&l)->sndwnd_segs, 128);
	assert_int_equal(only_tunnel(&l)->rcvwnd_segs, 512);
	end_line(&l);
	SERVER(&l, "-key", "k");
	assert_string_equal(only_tunnel(&l)->listen.text, ":29900");
	assert_string_equal(only_tunnel(&l)->target.text, "127.0.0.1:12948");
	assert_int_equal(only_tunnel(&l)->sndwnd_segs, 1024);
	end_line(&l);
	assert_int_equal(said.count, 0);
}

static void what_is_automatic_in_a_file_is_kcptuns_here(void **state)
{
	struct line l;

	CLIENT(&l, "-key", "k");
	assert_string_equal(conf_modes[only_tunnel(&l)->mode].name, "fast");
	assert_int_equal(only_tunnel(&l)->interval_ms, 30);
	assert_int_equal(only_tunnel(&l)->datashard, 10);
	assert_int_equal(only_tunnel(&l)->parityshard, 3);
	assert_int_equal(only_tunnel(&l)->conn, 1);
	assert_int_equal(only_tunnel(&l)->congestion, SESSION_MODEL);
	assert_int_equal(only_tunnel(&l)->copies, CONF_AUTO);
	end_line(&l);
	SERVER(&l, "-key", "k", "-parityshard", "5");
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

	CLIENT(&l, "-key", "k", "--mode", "auto", "--sndwnd", "auto", "--rcvwnd=auto", "--conn",
	       "auto", "--ds", "auto", "--ps", "auto", "--copies", "2");
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
		SERVER(&l, "-key", "k", halves[i], "auto");
		assert_int_equal(only_tunnel(&l)->datashard, CONF_AUTO);
		assert_int_equal(only_tunnel(&l)->parityshard, CONF_AUTO);
		assert_int_equal(only_tunnel(&l)->sndwnd_segs, 1024);
		end_line(&l);
	}
	assert_int_equal(said.count, 0);
	SERVER(&l, "-key", "k", "-ds", "auto", "-ps", "3");
	assert_null(l.config);
	assert_said(CONF_ERROR, "datashard is auto and parityshard is 3; give a number to both");
	end_line(&l);
}

/* kcptun has no such mode: who asks for it wants nothing of kcptun's own numbers. */
static void the_mode_auto_leaves_nothing_to_tune(void **state)
{
	const struct conf_tunnel *t;
	struct line l;

	CLIENT(&l, "-key", "k", "--mode", "auto");
	t = only_tunnel(&l);
	assert_int_equal(t->sndwnd_segs, CONF_AUTO);
	assert_int_equal(t->rcvwnd_segs, CONF_AUTO);
	assert_int_equal(t->datashard, CONF_AUTO);
	assert_int_equal(t->parityshard, CONF_AUTO);
	assert_int_equal(t->conn, CONF_AUTO);
	assert_int_equal(t->smuxbuf_bytes, CONF_AUTO);
	assert_int_equal(t->streambuf_bytes, CONF_AUTO);
	end_line(&l);
	SERVER(&l, "-mode", "auto", "-key", "k", "-sndwnd", "256", "-ps", "5");
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

	CLIENT(&l, "-l", "local_socket", "-r", ":4000", "-key", "k");
	assert_string_equal(only_tunnel(&l)->localaddr.path, "./local_socket");
	assert_string_equal(only_tunnel(&l)->remoteaddr.host, "127.0.0.1");
	assert_int_equal(only_tunnel(&l)->remoteaddr.port, 4000);
	end_line(&l);
	SERVER(&l, "-l", "[::]:4000-4010", "-t", ":8388", "-key", "k");
	assert_string_equal(only_tunnel(&l)->target.text, "127.0.0.1:8388");
	assert_int_equal(only_tunnel(&l)->listen.port_last, 4010);
	end_line(&l);
	SERVER(&l, "-t", "path/to/unix_socket", "-key", "k");
	assert_string_equal(only_tunnel(&l)->target.path, "path/to/unix_socket");
	end_line(&l);
}

static void a_mode_overrides_the_four_whatever_they_are(void **state)
{
	struct line l;

	CLIENT(&l, "-mode", "fast2", "-nodelay", "7", "-interval", "1", "-resend", "-5", "-nc", "9",
	       "-key", "k");
	assert_int_equal(only_tunnel(&l)->interval_ms, 20);
	assert_int_equal(said.count, 1);
	assert_said(CONF_WARNING, "mode: stands for nodelay, interval, resend and nc");
	end_line(&l);
	CLIENT(&l, "-mode", "manual", "-interval", "1", "-key", "k");
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
		   "{\"key\": \"k\", \"mode\": \"manual\", \"nc\": 0, \"rcvwnd\": \"auto\"}");
	CLIENT(&l, "-c", "c.json");
	assert_int_equal(only_tunnel(&l)->congestion, SESSION_RENO);
	assert_int_equal(only_tunnel(&l)->rcvwnd_segs, CONF_AUTO);
	assert_int_equal(only_tunnel(&l)->sndwnd_segs, 128);
	end_line(&l);
}

static void there_is_no_control_socket_unless_asked_for(void **state)
{
	struct line l;

	CLIENT(&l, "-key", "k");
	assert_string_equal(settings_get(&l.c.settings, "control"), "none");
	end_line(&l);
	CLIENT(&l, "-key", "k", "-control", "/tmp/x.sock", "-loglevel", "debug");
	assert_string_equal(settings_get(&l.c.settings, "control"), "/tmp/x.sock");
	assert_int_equal(l.config->daemon.loglevel, 3);
	end_line(&l);
}

/* ---- keys -------------------------------------------------------------------- */

/* clang-format off */
static const char *const hostile_keys[] = {
	"a ;b", ";a", " a", "a ", "  ", "\ta\t", "a\nb", "a\n", "\n", "#a", "a #b", "a=b", "=a", "[a]", "\"a\"",
	"'a'", "\\", "\\n", "a\\;b", "a;b=c\\", "it's a secrect ", "\x01\x02\x7f", "\xff\xfe",
	"\xc3\xa9\xe2\x82\xac", "%s%n", "${x}", "-key", "--", "\xef\xbb\xbfz", "a\r", "yes",
};
/* clang-format on */

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
	CLIENT(&l, "-keyfile", "secret", "-key", "k");
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
		   "{\"key\": \"k\", \"conns\": 2, \"listen\": \":1\", \"_comment\": {\"a\": []},"
		   "\"a name that is much longer than any that there is\": 1}");
	CLIENT(&l, "-c", "c.json");
	assert_non_null(l.config);
	assert_said(CONF_WARNING, "c.json: conns: is passed over: unknown key; did you mean conn?");
	assert_said(CONF_WARNING, "c.json: listen: is passed over: a client has no use for it");
	assert_said(CONF_WARNING, "c.json: _comment: is passed over");
	assert_int_equal(said.count, 4);
	end_line(&l);
}

static void broken_json_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "", "is no JSON" },
		{ "{\n\"key\": \"k\",\n}", "is no JSON in line 3" },
		{ "[]", "is no JSON object" },
		{ "\"text\"", "is no JSON" },
		{ "{\"key\": \"a\\u0000b\"}", "is no JSON in line 1" },
		{ "{\"key\": \"\xff\"}", "is no JSON in line 1" },
		{ "{\"mtu\": 1350.5}", "mtu: takes a text, a whole number, true or false" },
		{ "{\"mtu\": [1]}", "mtu: takes a text" },
		{ "{\"mtu\": {}}", "mtu: takes a text" },
		{ "{\"mtu\": 99999999999999999999}", "is no JSON in line 1" },
		{ "{} {}", "is no JSON in line 1" },
	};
	struct line l;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		memset(&said, 0, sizeof(said));
		write_file("c.json", cases[i].text);
		CLIENT(&l, "-c", "c.json");
		assert_int_equal(l.status, 2);
		assert_said(CONF_ERROR, cases[i].words);
		assert_memory_equal(said.lines[0], "c.json: ", 8);
		end_line(&l);
	}
	memset(&said, 0, sizeof(said));
	CLIENT(&l, "-c", "none.json");
	assert_int_equal(l.status, 2);
	assert_said(CONF_ERROR, "none.json");
	end_line(&l);
}

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
	struct sip003 env = plugin_env("key=k;mode=fast2;nocomp");
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

	env.options = "server;key=k;mode=auto;sndwnd=auto;ds=auto";
	run_plugin(&p, &env);
	assert_non_null(p.config);
	assert_int_equal(p.config->tunnels[0]->nodelay, 3);
	assert_int_equal(p.config->tunnels[0]->sndwnd_segs, CONF_AUTO);
	assert_int_equal(p.config->tunnels[0]->rcvwnd_segs, CONF_AUTO);
	assert_int_equal(p.config->tunnels[0]->parityshard, CONF_AUTO);
	end_plugin(&p);

	env.options = "server;key=k;mode=fast2;";
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
	assert_true(sip003_is_server("key=k; server"));
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
		{ "key=k;conns=2", "conns: unknown key; did you mean conn?" },
		{ "key=k;mtu", "mtu: needs a value" },
		{ "key=k\\", "backslash at the end" },
		{ "key=k;\\", "backslash at the end" },
		{ "server;client;key=k", "client: stands beside server" },
		{ "server;key=k;conn=2", "conn: is a client's" },
		{ "key=k;nocomp=maybe", "nocomp: 'maybe' is neither yes nor no" },
		{ "key=k;=3", "unknown key" },
		{ "key=k;compression=zstd;nocomp", "nocomp: contradicts compression" },
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
		{ "::1", "server;key=k", "[::1]:4000", 0 },
		{ "[::1]", "server;key=k", "[::1]:4000", 0 },
		{ "fe80::1%lo", "server;key=k", "[fe80::1%lo]:4000", 0 },
		{ "0.0.0.0", "server;key=k", "0.0.0.0:4000", 0 },
		{ "::", "server;key=k", ":4000", 0 },
		{ "::0", "server;key=k", ":4000", 0 },
		{ "", "server;key=k", ":4000", 0 },
		{ "::0|0.0.0.0", "server;key=k", ":4000", 0 },
		{ "0.0.0.0|[::0]", "server;key=k", ":4000", 0 },
		{ "192.0.2.1|192.0.2.2", "server;key=k", "192.0.2.1:4000", 1 },
		{ "192.0.2.1", "server;key=k;listen=:3000-3010", ":3000-3010", 0 },
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
	struct sip003 env = plugin_env("key=k");
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
		struct sip003 env = plugin_env("key=k");
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
		   "{\"localaddr\": \":2000\", \"remoteaddr\": \"192.0.2.1:2000-2010\", \"key\": \"K\","
		   "\"crypt\": \"aes-128\", \"qpp\": true, \"qpp-count\": 61, \"mode\": \"fast3\","
		   "\"nodelay\": 1, \"interval\": 40, \"resend\": 2, \"nc\": 1, \"nocomp\": true,"
		   "\"smuxver\": 2, \"tcp\": false, \"ratelimit\": 1048576, \"scavengettl\": 5}");
	write_file("my server.json",
		   "{\"listen\": \":2000\", \"target\": \"127.0.0.1:9\", \"key\": \"K\","
		   "\"pprof\": true, \"sndwnd\": 2048}");
	text = IMPORT("client.json", "./my server.json");
	assert_said(CONF_WARNING, "client.json: scavengettl: has no effect without autoexpire");
	assert_said(CONF_WARNING, "my server.json: pprof: is left out");
	before = said.count;
	c = read_ini(text);
	assert_int_equal(said.count, before); /* what the file would be warned of is left out */
	assert_int_equal(c->tunnel_count, 2);
	assert_string_equal(c->tunnels[0]->name, "client");
	assert_int_equal(c->tunnels[0]->role, ROLE_CLIENT);
	assert_int_equal(c->tunnels[0]->remoteaddr.port_last, 2010);
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

	write_file("s.json", "{\"listen\": \":1\", \"key\": \"k\", \"mode\": \"auto\","
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
	static const char json[] = "{\"target\": \"a:1\", \"key\": \"k\", \"listen\": \"127.0.0.1:%zu\"}";
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
		{ "{\"key\": \"k\"}", "neither a client's nor a server's" },
		{ "{\"listen\": \":1\", \"remoteaddr\": \"a:1\"}", "of a client and of a server" },
		{ "{\"listen\": \":1\", \"key\": \"k\", \"sndwnd\": 70000}", "sndwnd: 70000 is above" },
		{ "{\"listen\": \":1\", \"key\": \"\"}", "key: has no value" },
		{ "{\"listen\": \":1\", \"key\": \"k\", \"target\": \"/a ;b\"}",
		  "cannot stand in an INI" },
		{ "{\"listen\": \":1\", \"key\": \"k\", \"target\": \"/a\\n[client x]\"}",
		  "cannot stand" },
		{ "{\"listen\": \":1\", \"key\": \"k\", \"keyfile\": \"k\"}", "stands beside key" },
		{ "nonsense", "is no JSON" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		memset(&said, 0, sizeof(said));
		write_file("s.json", cases[i].text);
		assert_null(IMPORT("s.json"));
		assert_said(CONF_ERROR, cases[i].words);
	}
	memset(&said, 0, sizeof(said));
	write_file("s.json", "{\"listen\": \":1\", \"key\": \"k\"}");
	assert_null(IMPORT("s.json", "s.json"));
	assert_said(CONF_ERROR, "collides with");
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
	assert_said(CONF_WARNING, "c.json: smuxver: is missing");
	assert_said(CONF_WARNING, "c.json: key: is missing");
	assert_said(CONF_WARNING, "c.json: log: is left out");
	config_free(c);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
		TEST(a_plugin_is_a_client_unless_told_server),
		TEST(the_word_server_counts_only_as_an_option),
		TEST(an_escaped_key_comes_through_a_plugin_as_it_was),
		TEST(a_key_in_base64_needs_no_escapes),
		TEST(faulty_options_are_told),
		TEST(plugin_addresses_of_every_kind),
		TEST(of_several_servers_a_plugin_takes_the_first),
		TEST(ports_that_are_none_are_refused),
		TEST(a_plugin_is_known_by_its_environment),
		TEST(json_files_become_tunnels),
		TEST(an_import_leaves_to_auto_what_a_file_says_is_auto),
		TEST(names_of_tunnels_are_unique),
		TEST(an_imported_key_is_the_same_whatever_it_is),
		TEST(an_imported_key_of_every_length_is_the_same),
		TEST(a_key_file_is_private_and_never_overwritten),
		TEST(what_cannot_be_imported_is_told),
		TEST(what_kcptun_has_built_in_is_said),
		TEST(a_setting_is_there_once_and_can_be_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
