/* ctl_table.c - a table whose columns are as wide as what stands in them. */
#include "ctl_table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void table_init(struct table *t, const char *const *heads, size_t columns)
{
	*t = (struct table){ .heads = heads, .columns = columns };
}

void table_dispose(struct table *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i].text);
	free(t->cells);
	*t = (struct table){ 0 };
}

/* What a daemon says may quote its peers: it must not speak to the terminal. */
static void clean(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = '?';
}

static bool make_room(struct table *t)
{
	size_t room = t->room > 0 ? 2 * t->room : 64;
	struct table_cell *cells;

	if (t->count < t->room)
		return true;
	cells = realloc(t->cells, room * sizeof(*cells));
	if (cells == NULL)
		return false;
	t->cells = cells;
	t->room = room;
	return true;
}

void table_add_look(struct table *t, enum table_look look, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL || !make_room(t)) {
		free(copy);
		t->failed = true;
		return;
	}
	clean(copy);
	t->cells[t->count++] = (struct table_cell){ copy, look };
}

void table_add(struct table *t, const char *text)
{
	table_add_look(t, LOOK_PLAIN, text);
}

void table_addf(struct table *t, const char *fmt, ...)
{
	char buf[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	table_add(t, buf);
}

/* ---- printing --------------------------------------------------------------------- */

static const char *head_text(const struct table *t, size_t column)
{
	return t->heads[column] + (t->heads[column][0] == '>');
}

/* Characters, not bytes: a UTF-8 character's further bytes are 10xxxxxx. */
static size_t width_of(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static size_t column_width(const struct table *t, size_t column)
{
	size_t width = width_of(head_text(t, column));

	for (size_t i = column; i < t->count; i += t->columns) {
		size_t w = width_of(t->cells[i].text);

		width = w > width ? w : width;
	}
	return width;
}

static void print_cell(FILE *out, const char *text, size_t width, bool right, bool last,
		       const char *escape)
{
	int gap = (int)(width - width_of(text));

	if (right)
		fprintf(out, "%*s", gap, "");
	fprintf(out, "%s%s%s", escape, text, escape[0] != '\0' ? "\033[0m" : "");
	if (!right && !last)
		fprintf(out, "%*s", gap, "");
	fputs(last ? "\n" : "  ", out);
}

static const char *escape_of(enum table_look look, bool colour)
{
	static const char *const escapes[] = {
		[LOOK_PLAIN] = "",       [LOOK_GOOD] = "\033[32m", [LOOK_WARN] = "\033[33m",
		[LOOK_BAD] = "\033[31m", [LOOK_FAINT] = "\033[2m",
	};

	return colour ? escapes[look] : "";
}

void table_print(const struct table *t, FILE *out, bool colour, const char *indent)
{
	size_t *widths = calloc(t->columns, sizeof(*widths));

	if (widths == NULL || t->failed) {
		fputs("out of memory\n", stderr);
		free(widths);
		return;
	}
	for (size_t c = 0; c < t->columns; c++) {
		widths[c] = column_width(t, c);
		fputs(c == 0 ? indent : "", out);
		print_cell(out, head_text(t, c), widths[c], t->heads[c][0] == '>',
			   c + 1 == t->columns, colour ? "\033[1m" : "");
	}
	for (size_t i = 0; i < t->count; i++) {
		size_t c = i % t->columns;

		fputs(c == 0 ? indent : "", out);
		print_cell(out, t->cells[i].text, widths[c], t->heads[c][0] == '>',
			   c + 1 == t->columns, escape_of(t->cells[i].look, colour));
	}
	free(widths);
}
