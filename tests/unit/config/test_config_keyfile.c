/* test_config_keyfile.c - keys in files of their own. */
#include "config_bed.h"
#include "wire.h"

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

/* ---- main --------------------------------------------------------------------------------------- */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_keyfile_loses_one_newline_and_nothing_else),
		cmocka_unit_test(a_keyfile_that_cannot_be_used_is_a_fault),
		cmocka_unit_test(a_doubtful_keyfile_is_told),
		cmocka_unit_test(key_and_keyfile_override_each_other),
		cmocka_unit_test(a_relative_keyfile_starts_at_the_config),
		cmocka_unit_test(a_bare_keyfile_may_be_a_credential),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
