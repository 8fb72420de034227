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
		       "t.ini:4: [client c] key: has fewer than 8 characters, so that it can be "
		       "guessed; make one with: kcptunctl genkey");
	config_free(read_good("[client c]\nlocaladdr = :1\nremoteaddr = h:2\nkey = 12345678\n"));
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

/* ---- main --------------------------------------------------------------------------- */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_that_a_comment_cut_is_told),
		cmocka_unit_test(a_short_key_is_told),
		cmocka_unit_test(a_key_in_a_public_file_is_told),
		cmocka_unit_test(a_public_file_without_a_key_is_none_to_tell_of),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
