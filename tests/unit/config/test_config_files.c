/* test_config_files.c - files with keys in them, what was meant as a value, and files that name others. */
#include "config_bed.h"
#include "wire.h"

/* ---- doubtful values ---------------------------------------------------------------- */

static void a_value_that_a_comment_cut_is_told(void **state)
{
	struct config *c;

	expect_warning("[client c]\nlocaladdr = :1\nremoteaddr = h:2\nkey = longenough ;semicolon\n",
		       "t.ini:4: [client c] key: ends at the \" ;\": what follows is a comment; a key "
		       "that has it in it belongs into a keyfile");
	expect_warning(CLIENT "mtu=1000 ; for PPPoE\n",
		       "t.ini:6: [client c] mtu: ends at the \" ;\": what follows is a comment; one in "
		       "a line of its own is not taken for a part of the value");
	expect_warning(CLIENT "snmplog : a=b:c\t;x\n",
		       "t.ini:6: [client c] snmplog: ends at the \" ;\": what follows is a comment; "
		       "one in a line of its own is not taken for a part of the value");
	c = read_good("[client c] ; a section's is none of a value\nlocaladdr = :1\nremoteaddr = h:2\n"
		      "key = some;secret=;#\n");
	assert_memory_equal(c->tunnels[0]->key, "some;secret=;#", c->tunnels[0]->key_len);
	config_free(c);
	assert_null(read_text(CLIENT "mtu = ;1000\n"));
	assert_true(was_said("t.ini:6: [client c] mtu: has no value"));
}

static void a_short_key_is_told(void **state)
{
	expect_warning("[client c]\nlocaladdr = :1\nremoteaddr = h:2\nkey = 1234567\n",
		       "t.ini:4: [client c] key: the key has fewer than 8 characters, so that it can be "
		       "guessed; make one with: kcptunctl genkey");
	config_free(read_good("[client c]\nlocaladdr = :1\nremoteaddr = h:2\nkey = 12345678\n"));
	config_free(read_text("[client c]\nlocaladdr = :1\nremoteaddr = h:2\nkey = 'a'\n"));
	assert_true(was_said("the quotes around it are part of it"));
	assert_true(was_said("fewer than 8 characters"));
}

static void expect_public(mode_t mode, bool is_told)
{
	struct config *c;

	write_file("t.ini", CLIENT, strlen(CLIENT));
	assert_int_equal(chmod("t.ini", mode), 0);
	forget_reports();
	c = config_read("t.ini", note, NULL);
	assert_non_null(c);
	config_free(c);
	assert_int_equal(reports.count, is_told);
	assert_int_equal(reports.errors, 0);
	if (is_told)
		assert_string_equal(reports.lines[0],
				    "t.ini:2: key: stands in a file that every user can read; chmod "
				    "o= t.ini");
}

static void a_key_in_a_public_file_is_told(void **state)
{
	expect_public(0644, true);
	expect_public(0604, true);
	expect_public(0640, false);
	expect_public(0600, false);
	unlink("t.ini");
}

static void a_public_file_without_a_key_is_none_to_tell_of(void **state)
{
	static const char text[] = "[client c]\nlocaladdr = :1\nremoteaddr = h:2\nkeyfile = k\n";

	write_file("k", "some secret", 11);
	write_file("t.ini", text, strlen(text));
	assert_int_equal(chmod("t.ini", 0644), 0);
	forget_reports();
	config_free(config_read("t.ini", note, NULL));
	assert_int_equal(reports.count, 0);
	unlink("k");
	unlink("t.ini");
}

/* ---- files that name others ----------------------------------------------------------- */

#define INCLUDE(what) "[daemon]\ninclude = " what "\n"
/* Lines 1 to 4. */
#define TUNNEL(name, port) \
	"[client " name "]\nkey = some secret\nlocaladdr = :" port "\nremoteaddr = h:2\n"

static void put(const char *name, const char *text)
{
	write_file(name, text, strlen(text));
}

/* The folder d with some files, and no others. */
static void begin_folder(void)
{
	assert_int_equal(mkdir("d", 0700), 0);
}

static void end_folder(void)
{
	assert_int_equal(system("rm -r d"), 0);
}

static void expect_names(const struct config *c, const char *names)
{
	char all[256] = "";

	for (size_t i = 0; i < c->tunnel_count; i++)
		strcat(strcat(all, i > 0 ? " " : ""), c->tunnels[i]->name);
	assert_string_equal(all, names);
}

static void files_are_read_in_the_order_of_their_names(void **state)
{
	struct config *c;

	begin_folder();
	put("d/b.ini", TUNNEL("b", "2"));
	put("d/a.ini", TUNNEL("a", "1") TUNNEL("a2", "11"));
	put("d/B.ini", TUNNEL("B", "3"));
	put("d/.hidden.ini", "nonsense");
	put("d/a.ini~", "nonsense");
	c = read_good(INCLUDE("d/*.ini") TUNNEL("first", "9"));
	expect_names(c, "first B a a2 b");
	assert_string_equal(conf_file_name(c->files, c->tunnels[4]->file), "d/b.ini");
	assert_int_equal(c->tunnels[4]->line, 1);
	assert_int_equal(c->tunnels[3]->line, 5);
	config_free(c);
	c = read_good(INCLUDE("./d/[b]*") TUNNEL("first", "9"));
	expect_names(c, "first b");
	config_free(c);
	c = read_good(INCLUDE("d/none*") TUNNEL("first", "9")); /* nothing yet */
	expect_names(c, "first");
	config_free(c);
	c = read_good(INCLUDE("d/b.ini") "include = d/a.ini\n"); /* in the order of the lines */
	expect_names(c, "b a a2");
	config_free(c);
	end_folder();
}

static void a_tunnel_knows_its_file_when_the_config_is_gone(void **state)
{
	struct conf_tunnel *t;
	struct config *c;

	begin_folder();
	put("d/a.ini", TUNNEL("a", "1"));
	c = read_good(INCLUDE("d/a.ini"));
	t = c->tunnels[0];
	c->tunnels[0] = NULL;
	config_free(c);
	assert_string_equal(conf_file_name(t->files, t->file), "d/a.ini");
	assert_null(conf_file_name(t->files, 77));
	conf_tunnel_free(t);
	end_folder();
}

static void the_sections_of_all_files_are_one_configuration(void **state)
{
	struct config *c;

	begin_folder();
	put("d/a.ini", "[defaults]\nmtu = 1000\n[daemon]\nsnmplog = all.csv\n" TUNNEL("a", "1"));
	c = read_good(INCLUDE("d/a.ini") "loglevel = warn\n[defaults]\ndscp = 3\n" TUNNEL("b", "2"));
	assert_string_equal(c->daemon.snmplog, "all.csv");
	assert_int_equal(c->tunnels[0]->mtu_bytes, 1000);
	assert_int_equal(c->tunnels[1]->dscp, 3);
	config_free(c);
	expect_fault(INCLUDE("d/a.ini") "[defaults]\nmtu = 1200\n",
		     "d/a.ini:2: [defaults] mtu: is given twice, first in line 4 of t.ini");
	expect_fault(INCLUDE("d/a.ini") TUNNEL("a", "2"),
		     "d/a.ini:5: [client a]: the name is taken by [client a] at line 3 of t.ini");
	expect_fault(INCLUDE("d/a.ini") TUNNEL("b", "1"),
		     "d/a.ini:7: [client a] localaddr: :1 collides with :1 of [client b] in line 5 of "
		     "t.ini");
	put("d/a.ini", "[daemon]\n[daemon]\n" TUNNEL("a", "1"));
	expect_fault(INCLUDE("d/a.ini"), "d/a.ini:2: [daemon]: a second such section; the first is at "
					 "line 1");
	end_folder();
}

static void a_fault_names_the_file_that_it_is_in(void **state)
{
	begin_folder();
	put("d/b.ini", TUNNEL("b", "1") "mtu = 9\nbogus = 1\n");
	put("d/a.ini", "key = nowhere\n" TUNNEL("a", "2") "keyfile = k\n");
	assert_null(read_text(INCLUDE("d/*.ini") "logevel = x\n" TUNNEL("first", "9")));
	assert_int_equal(reports.count, 5);
	assert_string_equal(reports.lines[0], "t.ini:3: [daemon] logevel: unknown key; did you mean "
					      "loglevel?");
	assert_string_equal(reports.lines[1], "d/a.ini:1: a key stands before the first section");
	assert_string_equal(reports.lines[2], "d/a.ini:6: [client a] keyfile: stands beside key in line "
					      "3; give one of them");
	assert_string_equal(reports.lines[3], "d/b.ini:5: [client b] mtu: 9 is below 50, the least "
					      "allowed");
	assert_non_null(strstr(reports.lines[4], "d/b.ini:6: [client b] bogus: unknown key"));
	unlink("d/a.ini");
	write_file("d/b.ini", "a\0b", 3);
	expect_fault(INCLUDE("d/*.ini") TUNNEL("first", "9"),
		     "d/b.ini: is not a text file: it has NUL bytes");
	end_folder();
}

static void relative_paths_start_at_the_file_that_has_them(void **state)
{
	struct config *c;

	begin_folder();
	assert_int_equal(mkdir("d/e", 0700), 0);
	put("d/a.ini", INCLUDE("e/*") "[client a]\nkeyfile = k\nlocaladdr = :1\nremoteaddr = h:2\n");
	put("d/k", "key of the folder d\n");
	put("d/e/b.ini", "[client b]\nkeyfile = ../k\nlocaladdr = :2\nremoteaddr = h:2\n");
	c = read_good(INCLUDE("d/a.ini"));
	expect_names(c, "a b");
	assert_string_equal(c->tunnels[0]->keyfile, "d/k");
	assert_string_equal(c->tunnels[1]->keyfile, "d/e/../k");
	assert_memory_equal(c->tunnels[1]->key, "key of the folder d", 19);
	config_free(c);
	end_folder();
}

static void a_public_file_with_a_key_is_told_wherever_it_is(void **state)
{
	begin_folder();
	put("d/a.ini", TUNNEL("a", "1"));
	assert_int_equal(chmod("d/a.ini", 0644), 0);
	expect_warning(INCLUDE("d/a.ini"), "d/a.ini:2: key: stands in a file that every user can read; "
					   "chmod o= d/a.ini");
	end_folder();
}

static void files_that_cannot_be_read_are_told(void **state)
{
	static const struct {
		const char *text, *fault;
	} bad[] = {
		{ INCLUDE("d/none.ini"), "d/none.ini cannot be opened: No such file or directory" },
		{ INCLUDE("none/*.ini"), "none cannot be opened: No such file or directory" },
		{ INCLUDE("d"), "d is not a regular file" },
		{ INCLUDE("d/f*"), "d/fifo is not a regular file" },
		{ INCLUDE("*/a.ini"), "only the name behind the last slash may be a pattern" },
		{ INCLUDE("t.ini"),
		  "t.ini is read already: each file may be named once, and none by itself" },
		{ INCLUDE("d/a*"),
		  "d/a2.ini is read already: each file may be named once, and none by itself" },
		{ INCLUDE(""), "has no value" },
	};
	char line[256];

	begin_folder();
	assert_int_equal(mkfifo("d/fifo", 0600), 0);
	put("d/a.ini", TUNNEL("a", "1"));
	assert_int_equal(link("d/a.ini", "d/a2.ini"), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char text[512];

		snprintf(text, sizeof(text), "%s%s", bad[i].text, TUNNEL("first", "9"));
		snprintf(line, sizeof(line), "t.ini:2: [daemon] include: %s", bad[i].fault);
		expect_fault(text, line);
	}
	end_folder();
}

static void circles_end(void **state)
{
	begin_folder();
	put("d/a.ini", INCLUDE("b.ini") TUNNEL("a", "1"));
	put("d/b.ini", INCLUDE("a.ini") TUNNEL("b", "2"));
	expect_fault(INCLUDE("d/a.ini"), "d/b.ini:2: [daemon] include: d/a.ini is read already: each "
					 "file may be named once, and none by itself");
	end_folder();
}

static void depth_and_number_are_bounded(void **state)
{
	char name[64], text[256];
	static char many[64 << 10];
	struct config *c;

	begin_folder();
	for (unsigned i = 1; i <= 9; i++) {
		snprintf(name, sizeof(name), "d/%u.ini", i);
		snprintf(text, sizeof(text),
			 "[daemon]\n%s = %u.ini\n[client c%u]\nlocaladdr = :%u\n"
			 "remoteaddr = h:2\nkey = some secret\n",
			 i < 8 ? "include" : "; nothing", i + 1, i, i);
		put(name, text);
	}
	c = read_good(INCLUDE("d/1.ini"));
	assert_int_equal(c->tunnel_count, 8);
	config_free(c);
	put("d/8.ini", INCLUDE("9.ini"));
	expect_fault(INCLUDE("d/1.ini"), "d/8.ini:2: [daemon] include: files name files that name "
					 "files, more than 8 deep");
	strcpy(many, "[daemon]\n");
	for (unsigned i = 0; i < 1001; i++)
		strcat(many, "include = d/x*\n");
	strcat(many, TUNNEL("a", "1"));
	expect_fault(many, "t.ini:1002: [daemon] include: is there more than 1000 times");
	end_folder();
}

static void large_files_are_refused(void **state)
{
	static char big[(1 << 20) + 1];
	char name[64];

	begin_folder();
	memset(big, '\n', sizeof(big));
	write_file("d/a.ini", big, sizeof(big));
	expect_fault(INCLUDE("d/a.ini") TUNNEL("a", "1"), "d/a.ini: is larger than 1024 KiB");
	for (unsigned i = 0; i < 17; i++) {
		snprintf(name, sizeof(name), "d/%c.ini", 'a' + (char)i);
		write_file(name, big, sizeof(big) - 1);
	}
	expect_fault(INCLUDE("d/*") TUNNEL("a", "1"), "d/q.ini: with it the files that were named are "
						      "larger than 16 MiB");
	end_folder();
}

static void too_many_files_are_refused(void **state)
{
	char name[64];

	begin_folder();
	for (unsigned i = 0; i < 4097; i++) {
		snprintf(name, sizeof(name), "d/%u", i);
		put(name, "");
	}
	expect_fault(INCLUDE("d/*") TUNNEL("a", "1"), "t.ini:2: [daemon] include: names more than 4096 "
						      "files");
	unlink("d/0");
	config_free(read_good(INCLUDE("d/*") TUNNEL("a", "1")));
	put("e.ini", "");
	expect_fault(INCLUDE("d/*") "include = e.ini\n" TUNNEL("a", "1"),
		     "t.ini:3: [daemon] include: names more than 4096 files");
	unlink("e.ini");
	end_folder();
}

static void only_a_file_can_name_files(void **state)
{
	static const char text[] = INCLUDE("t.ini") TUNNEL("a", "1");
	static const struct conf_setting given[] = {
		{ .key = "include", .value = "t.ini" },
		{ .key = "key", .value = "some secret" },
		{ .key = "localaddr", .value = ":1" },
		{ .key = "remoteaddr", .value = "h:2" },
	};

	forget_reports();
	assert_null(config_read_text(text, strlen(text), "text", note, NULL));
	assert_string_equal(reports.lines[0], "text:2: [daemon] include: means nothing here: this text "
					      "is no file");
	forget_reports();
	assert_null(config_from_settings(ROLE_CLIENT, "a", given, ARRAY_LEN(given), "command line",
					 note, NULL));
	assert_string_equal(reports.lines[0], "command line: include: names files of the configuration, "
					      "and there is none");
	expect_fault(TUNNEL("a", "1") "include = x\n", "t.ini:5: [client a] include: belongs into "
						       "[daemon]");
}

static void all_that_was_opened_is_listed(void **state)
{
	static const char *const expected[] = { "t.ini", "d", "d/a.ini", "d/k" };
	struct config *c;

	begin_folder();
	put("d/a.ini", "[defaults]\nkeyfile = k\n[client a]\nlocaladdr = :1\nremoteaddr = h:2\n"
		       "[client b]\nlocaladdr = :2\nremoteaddr = h:2\n");
	put("d/k", "some secret");
	c = read_good(INCLUDE("d/a*"));
	assert_int_equal(config_file_count(c), ARRAY_LEN(expected));
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		struct conf_opened file = config_file(c, i);

		assert_string_equal(file.path, expected[i]);
		assert_int_equal(file.is_folder, i == 1);
		assert_int_equal(file.may_be_credential, i == 3);
	}
	config_free(c);
	end_folder();
}

/* ---- main --------------------------------------------------------------------------- */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_that_a_comment_cut_is_told),
		cmocka_unit_test(a_short_key_is_told),
		cmocka_unit_test(a_key_in_a_public_file_is_told),
		cmocka_unit_test(a_public_file_without_a_key_is_none_to_tell_of),
		cmocka_unit_test(files_are_read_in_the_order_of_their_names),
		cmocka_unit_test(a_tunnel_knows_its_file_when_the_config_is_gone),
		cmocka_unit_test(the_sections_of_all_files_are_one_configuration),
		cmocka_unit_test(a_fault_names_the_file_that_it_is_in),
		cmocka_unit_test(relative_paths_start_at_the_file_that_has_them),
		cmocka_unit_test(a_public_file_with_a_key_is_told_wherever_it_is),
		cmocka_unit_test(files_that_cannot_be_read_are_told),
		cmocka_unit_test(circles_end),
		cmocka_unit_test(depth_and_number_are_bounded),
		cmocka_unit_test(large_files_are_refused),
		cmocka_unit_test(too_many_files_are_refused),
		cmocka_unit_test(only_a_file_can_name_files),
		cmocka_unit_test(all_that_was_opened_is_listed),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
