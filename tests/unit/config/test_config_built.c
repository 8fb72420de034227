/* test_config_built.c - what the libraries that a build was made without would do is refused, in words; in a build
 * with all of them the same is taken. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config_effective.h"
#include "wire.h"

#define CLIENT "[client c]\nlocaladdr = 127.0.0.1:1\nremoteaddr = 127.0.0.1:2\nkey = long enough\n"
#define SERVER "[server s]\nlisten = 127.0.0.1:2\ntarget = 127.0.0.1:3\nkey = long enough\n"

static char said[4096];

static void note(void *user, enum conf_severity severity, const char *line)
{
	size_t n = strlen(said);

	snprintf(said + n, sizeof(said) - n, "%s\n", line);
}

static struct config *read_text(const char *text)
{
	FILE *f = fopen("t.ini", "w");

	assert_non_null(f);
	fchmod(fileno(f), 0600);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	said[0] = '\0';
	return config_read("t.ini", note, NULL);
}

struct trial {
	const char *text;
	bool good;
	const char *words; /* of the refusal */
};

/* What it prints of itself is no fault in the same build. */
static void reads_back(const struct config *c)
{
	char *text = NULL;
	bool readable;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	struct config *again;

	assert_true(config_effective_ini(c, f, &readable));
	fclose(f);
	again = read_text(text);
	assert_non_null(again);
	config_free(again);
	free(text);
}

static void each_is_taken_or_refused_in_words(void **state)
{
	static const struct trial trials[] = {
		{ CLIENT, true, NULL },
		{ CLIENT "compression = auto\n", true, NULL },
		{ CLIENT "compression = snappy\n", KT_SNAPPY,
		  "t.ini:5: [client c] compression: is snappy, which this kcptund was built without; say "
		  "nocomp = yes, and the same at a server that is a kcptun" },
		{ CLIENT "nocomp = no\n", KT_SNAPPY, "t.ini:5: [client c] nocomp: is snappy" },
		{ CLIENT "compression = zstd\n", KT_ZSTD,
		  "t.ini:5: [client c] compression: is zstd, which" },
		{ CLIENT "nocomp = yes\n", true, NULL },
		{ CLIENT "compression = none\n", true, NULL },
		{ SERVER, true, NULL },
		{ SERVER "crypt = salsa20\n", KT_NETTLE,
		  "[server s] crypt: is salsa20: this kcptund was built without nettle" },
		{ SERVER "crypt = twofish\n", KT_NETTLE,
		  "[server s] crypt: is twofish: this kcptund was built without nettle" },
		{ SERVER "crypt = aes-128-gcm\n", true, NULL },
		{ SERVER "[daemon]\ncontrol = /tmp/k.sock\n", KT_JANSSON,
		  "t.ini:6: [daemon] control: this kcptund was built without jansson, which that takes; say none" },
		{ SERVER "[daemon]\nmetrics = 127.0.0.1:9\n", KT_JANSSON,
		  "t.ini:6: [daemon] metrics: this kcptund was" },
		{ SERVER "[daemon]\ncontrol = none\nmetrics = none\n", true, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(trials); i++) {
		const struct trial *t = &trials[i];
		struct config *c = read_text(t->text);

		if ((c != NULL) != t->good)
			print_message("%s\n%s", t->text, said);
		assert_int_equal(c != NULL, t->good);
		if (t->good)
			assert_string_equal(said, "");
		if (t->good)
			reads_back(c);
		else
			assert_non_null(strstr(said, t->words));
		config_free(c);
	}
}

static void so_is_a_control_socket_of_the_command_line(void **state)
{
	struct config *c = read_text(SERVER);

	assert_non_null(c);
	assert_int_equal(config_set_control(c, "/tmp/k.sock", note, NULL), KT_JANSSON);
	assert_int_equal(said[0] == '\0', KT_JANSSON);
	assert_true(config_set_control(c, "none", note, NULL));
	config_free(c);
}

/* A folder of its own for the files. */
static int enter_folder(void **state)
{
	char folder[] = "/tmp/test_config_built.XXXXXX";

	*state = mkdtemp(folder) ? strdup(folder) : NULL;
	return *state == NULL || chdir(*state) != 0;
}

static int leave_folder(void **state)
{
	int failed = unlink("t.ini") != 0 || rmdir(*state) != 0;

	free(*state);
	return failed;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_taken_or_refused_in_words),
		cmocka_unit_test(so_is_a_control_socket_of_the_command_line),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
