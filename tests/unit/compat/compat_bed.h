/* compat_bed.h - what was reported, and a folder for each test. */
#ifndef COMPAT_BED_H
#define COMPAT_BED_H

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
#include "ctl_import.h"
#include "sip003.h"
#include "wire.h"

/* ---- what was reported ------------------------------------------------------- */

static struct {
	char lines[32][1024];
	enum conf_severity severity[32];
	size_t count;
} said;

static inline void note(void *user, enum conf_severity severity, const char *line)
{
	assert_true(said.count < ARRAY_LEN(said.lines));
	said.severity[said.count] = severity;
	snprintf(said.lines[said.count++], sizeof(said.lines[0]), "%s", line);
}

static inline size_t said_of(enum conf_severity severity)
{
	size_t n = 0;

	for (size_t i = 0; i < said.count; i++)
		n += said.severity[i] == severity;
	return n;
}

static inline void assert_said(enum conf_severity severity, const char *text)
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

static inline int setup(void **state)
{
	memset(&said, 0, sizeof(said));
	unsetenv("KCPTUN_KEY");
	strcpy(folder, "/tmp/kcptund-compat-XXXXXX");
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static inline int teardown(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static inline void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* clang-format off */
static const char *const hostile_keys[] = {
	"a ;b", ";a", " a", "a ", "  ", "\ta\t", "a\nb", "a\n", "\n", "#a", "a #b", "a=b", "=a", "[a]", "\"a\"",
	"'a'", "\\", "\\n", "a\\;b", "a;b=c\\", "it's a secrect ", "\x01\x02\x7f", "\xff\xfe",
	"\xc3\xa9\xe2\x82\xac", "%s%n", "${x}", "-key", "--", "\xef\xbb\xbfz", "a\r", "yes",
};
/* clang-format on */

static inline void assert_key(const struct conf_tunnel *t, const char *key)
{
	assert_int_equal(t->key_len, strlen(key));
	assert_memory_equal(t->key, key, strlen(key));
}

#endif
