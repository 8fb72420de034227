/* report.c - faults and warnings: one line each, each once, in the order of the files.
 *
 * A value of [defaults] is checked again in every tunnel that inherits it, so that
 * the same line can come up many times; and some rules are checked when all is known.  So lines are collected first. */
#include "config_impl.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct conf_line {
	unsigned file;
	int line;
	size_t index; /* in the order of reporting */
	enum conf_severity severity;
	char *text;
};

static bool said_before(const struct conf_reporter *r, const char *text)
{
	for (size_t i = 0; i < r->said_count; i++) {
		if (strcmp(r->said[i].text, text) == 0)
			return true;
	}
	return false;
}

/* Takes `text`. */
static void remember(struct conf_reporter *r, enum conf_severity severity, struct conf_place at,
		     char *text)
{
	struct conf_line *grown = realloc(r->said, (r->said_count + 1) * sizeof(*grown));

	if (!grown) { /* then out of order, and perhaps twice */
		r->fn(r->user, severity, text);
		free(text);
		return;
	}
	grown[r->said_count] = (struct conf_line){ at.file, at.line, r->said_count, severity, text };
	r->said = grown;
	r->said_count++;
}

static int by_place(const void *a, const void *b)
{
	const struct conf_line *x = a, *y = b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

void conf_reporter_flush(struct conf_reporter *r)
{
	if (r->said_count > 0)
		qsort(r->said, r->said_count, sizeof(*r->said), by_place);
	for (size_t i = 0; i < r->said_count; i++) {
		r->fn(r->user, r->said[i].severity, r->said[i].text);
		free(r->said[i].text);
	}
	free(r->said);
	r->said = NULL;
	r->said_count = 0;
}

const char *conf_reporter_file(const struct conf_reporter *r, unsigned file)
{
	const char *name = r->files ? conf_file_name(r->files, file) : NULL;

	return name ? name : r->path;
}

const char *conf_line_text(const struct conf_reporter *r, unsigned here, unsigned file, int line,
			   char buf[static CONF_LINE_BYTES])
{
	if (file == here)
		snprintf(buf, CONF_LINE_BYTES, "line %d", line);
	else
		snprintf(buf, CONF_LINE_BYTES, "line %d of %.200s", line, conf_reporter_file(r, file));
	return buf;
}

/* "file:12: [client home] mtu: ", as much of it as is known. */
static void print_place(FILE *out, const struct conf_reporter *r, struct conf_place at)
{
	fputs(conf_reporter_file(r, at.file), out);
	if (at.line > 0)
		fprintf(out, ":%d", at.line);
	fputc(':', out);
	if (at.section && !r->no_file)
		fprintf(out, " %s", at.section);
	if (at.key)
		fprintf(out, " %s:", at.key);
	fputc(' ', out);
}

static char *compose(const struct conf_reporter *r, struct conf_place at, const char *fmt,
		     va_list ap) __attribute__((format(printf, 3, 0)));
static char *compose(const struct conf_reporter *r, struct conf_place at, const char *fmt, va_list ap)
{
	char *line = NULL;
	size_t len;
	FILE *out = open_memstream(&line, &len);

	if (!out)
		return NULL;
	print_place(out, r, at);
	vfprintf(out, fmt, ap);
	if (fclose(out) == 0)
		return line;
	free(line);
	return NULL;
}

void conf_report(struct conf_reporter *r, enum conf_severity severity, struct conf_place at,
		 const char *fmt, ...)
{
	va_list ap;
	char *line;

	if (severity == CONF_ERROR)
		r->error_count++;
	if (conf_reporter_full(r))
		return;
	va_start(ap, fmt);
	line = compose(r, at, fmt, ap);
	va_end(ap);
	if (!line)
		r->fn(r->user, severity, "out of memory");
	else if (said_before(r, line))
		free(line);
	else
		remember(r, severity, at, line);
}

void conf_why(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, CONF_WHY_BYTES, fmt, ap);
	va_end(ap);
}

const char *conf_quote(char buf[static CONF_QUOTE_BYTES], const char *text)
{
	size_t n = strlen(text), max = CONF_QUOTE_BYTES - sizeof("...");
	size_t kept = n <= max ? n : max;

	for (size_t i = 0; i < kept; i++) {
		uint8_t c = (uint8_t)text[i];

		buf[i] = c < 0x20 || c == 0x7f ? '?' : text[i];
	}
	strcpy(buf + kept, n <= max ? "" : "...");
	return buf;
}
