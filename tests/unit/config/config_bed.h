/* config_bed.h - a file is written and read, and what was reported is looked at. */
#ifndef KT_CONFIG_BED_H
#define KT_CONFIG_BED_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"
#include "config_effective.h"

enum { REPORTS_MAX = 1100 };

static struct {
	char *lines[REPORTS_MAX];
	enum conf_severity severity[REPORTS_MAX];
	size_t count, errors;
} reports;

static inline void note(void *user, enum conf_severity severity, const char *line)
{
	assert_true(reports.count < REPORTS_MAX);
	assert_null(strpbrk(line, "\n\r"));
	reports.lines[reports.count] = strdup(line);
	reports.severity[reports.count++] = severity;
	reports.errors += severity == CONF_ERROR;
}

static inline void forget_reports(void)
{
	for (size_t i = 0; i < reports.count; i++)
		free(reports.lines[i]);
	memset(&reports, 0, sizeof(reports));
}

static inline void write_file(const char *name, const void *text, size_t n)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static inline struct config *read_bytes(const void *text, size_t n)
{
	forget_reports();
	write_file("t.ini", text, n);
	return config_read("t.ini", note, NULL);
}

static inline struct config *read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

static inline struct config *read_good(const char *text)
{
	struct config *c = read_text(text);

	for (size_t i = 0; i < reports.count; i++)
		print_message("unexpected: %s\n", reports.lines[i]);
	assert_int_equal(reports.count, 0);
	assert_non_null(c);
	return c;
}

/* The text has just this fault. */
static inline void expect_fault(const char *text, const char *line)
{
	struct config *c = read_text(text);

	assert_null(c);
	for (size_t i = 0; i < reports.count; i++)
		assert_string_equal(reports.lines[i], line);
	assert_int_equal(reports.count, 1);
	assert_int_equal(reports.errors, 1);
}

/* The text is good and has just this warning. */
static inline void expect_warning(const char *text, const char *line)
{
	struct config *c = read_text(text);

	for (size_t i = 0; i < reports.count; i++)
		assert_string_equal(reports.lines[i], line);
	assert_int_equal(reports.count, 1);
	assert_int_equal(reports.errors, 0);
	assert_non_null(c);
	config_free(c);
}

static inline bool was_said(const char *part)
{
	for (size_t i = 0; i < reports.count; i++) {
		if (strstr(reports.lines[i], part))
			return true;
	}
	return false;
}

static inline void put_value(void *user, const struct conf_effective *v)
{
	fprintf(user, "%s%s = %s\n; ^ %s %d\n", v->kind == CONF_HIDDEN ? "; " : "", v->key, v->text,
		v->origin, v->line);
}

/* The values that hold as a file; malloc'd. */
static inline char *as_ini(const struct config *c)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	fputs("[daemon]\n", f);
	assert_true(config_effective_daemon(&c->daemon, put_value, f));
	for (size_t i = 0; i < c->tunnel_count; i++) {
		fprintf(f, "[%s %s]\n", c->tunnels[i]->role == ROLE_CLIENT ? "client" : "server",
			c->tunnels[i]->name);
		assert_true(config_effective_tunnel(c->tunnels[i], put_value, f));
	}
	fclose(f);
	return text;
}

/* Lines 1 and 2 of what the tests put their own lines behind. */
#define DEFAULTS "[defaults]\nkey = some secret\n"
/* Lines 3 to 5. */
#define CLIENT DEFAULTS "[client c]\nlocaladdr = :1\nremoteaddr = h:2\n"
#define SERVER DEFAULTS "[server s]\nlisten = :1\ntarget = h:2\n"

/* A folder of its own for the files, which others cannot read. */
static char folder[] = "/tmp/test_config.XXXXXX";

static inline int enter_folder(void **state)
{
	umask(077);
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static inline int leave_folder(void **state)
{
	forget_reports();
	unlink("t.ini");
	return chdir("/") == 0 ? rmdir(folder) : -1;
}

#endif
