/* text.c - wrapping and marking up the words of the documentation. */
#include "doc.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

char *doc_format(const char *fmt, ...)
{
	char *text;
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (rc >= 0)
		return text;
	fputs("kcptun-doc: out of memory\n", stderr);
	exit(1);
}

char *doc_capital(const char *text)
{
	char *copy = doc_format("%s", text);
	bool is_key = strncmp(text + strcspn(text, " "), " = ", 3) == 0;

	if (!is_key)
		copy[0] = (char)toupper((unsigned char)copy[0]);
	return copy;
}

char *doc_ciphers(bool ours)
{
	char *names = doc_format("%s", "");

	for (size_t i = 0; i < seal_method_count; i++) {
		char *longer;

		if (seal_methods[i].ours != ours)
			continue;
		longer = doc_format("%s%s%s", names, names[0] ? " " : "", seal_methods[i].name);
		free(names);
		names = longer;
	}
	return names;
}

/* ---- lines ------------------------------------------------------------------- */

/* What a character of the text becomes in the output, or NULL: itself. */
typedef const char *put_fn(char c, bool *quoted);

static const char *put_plain(char c, bool *quoted)
{
	return NULL;
}

static const char *put_mdoc(char c, bool *quoted)
{
	switch (c) {
	case '`':
		*quoted = !*quoted;
		return *quoted ? "\\fB" : "\\fR";
	case '\\':
		return "\\e";
	case '-':
		return "\\-"; /* what is typed is no hyphen */
	default:
		return NULL;
	}
}

/* A word is also what stands in backquotes, spaces and all, so that no quote is torn. */
static size_t word_length(const char *at)
{
	bool quoted = false;
	size_t n;

	for (n = 0; at[n] && (at[n] != ' ' || quoted); n++)
		quoted ^= at[n] == '`';
	return n;
}

static bool ends_sentence(const char *at, size_t n)
{
	const char *next = at + n + strspn(at + n, " ");

	return at[n - 1] == '.' && (isupper((unsigned char)next[0]) || next[0] == '`');
}

struct wrapper {
	FILE *out;
	const char *prefix;
	int width, column; /* column 0: at the begin of a line */
	put_fn *put;
	bool quoted;
};

static void put_word(struct wrapper *w, const char *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *instead = w->put(at[i], &w->quoted);

		if (instead)
			fputs(instead, w->out);
		else
			fputc(at[i], w->out);
	}
}

static void end_line(struct wrapper *w)
{
	if (w->column > 0)
		fputc('\n', w->out);
	w->column = 0;
}

static void add_word(struct wrapper *w, const char *at, size_t n)
{
	if (w->column > 0 && w->column + 1 + (int)n > w->width)
		end_line(w);
	if (w->column == 0)
		w->column = fprintf(w->out, "%s", w->prefix);
	else
		w->column += fprintf(w->out, " ");
	if (w->put == put_mdoc && w->column == 0 && (at[0] == '.' || at[0] == '\''))
		fputs("\\&", w->out); /* or it would be a request */
	put_word(w, at, n);
	w->column += (int)n;
}

static void wrap(struct wrapper *w, const char *text)
{
	while (*(text += strspn(text, " ")) != '\0') {
		size_t n = word_length(text);

		add_word(w, text, n);
		if (w->put == put_mdoc && ends_sentence(text, n))
			end_line(w);
		text += n;
	}
	end_line(w);
}

void doc_wrap(FILE *out, const char *prefix, int width, const char *text)
{
	wrap(&(struct wrapper){ .out = out, .prefix = prefix, .width = width, .put = put_plain },
	     text);
}

void doc_wrap_mdoc(FILE *out, int width, const char *text)
{
	wrap(&(struct wrapper){ .out = out, .prefix = "", .width = width, .put = put_mdoc }, text);
}

void doc_put_mdoc(FILE *out, const char *text)
{
	struct wrapper w = { .out = out, .put = put_mdoc };

	put_word(&w, text, strlen(text));
}
