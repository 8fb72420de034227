/* ctl_table.c - a table whose columns are as wide as what stands in them. */
#include "ctl_table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2 }; /* between two columns */

void table_init(struct table *t, const char *const *heads, size_t columns)
{
	assert(columns <= TABLE_COLUMNS_MAX);
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

/* ---- how wide --------------------------------------------------------------------- */

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

static uint64_t bit(size_t column)
{
	return UINT64_C(1) << column;
}

/* ---- what there is room for --------------------------------------------------------- */

void table_fit(struct table *t, const struct table_wish *wishes, size_t count, size_t width)
{
	uint64_t shown = 0;
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		size_t column = wishes[i].column, instead = wishes[i].instead;
		bool replaces = instead != column && (shown & bit(instead)) != 0;
		size_t less = replaces ? column_width(t, instead) : 0;
		size_t more = column_width(t, column) + (shown != 0 && !replaces ? GAP : 0);

		if (width > 0 && shown != 0 && used - less + more > width)
			continue;
		used += more - less;
		shown |= bit(column);
		if (replaces)
			shown &= ~bit(instead);
	}
	t->hidden = ~shown;
}

static size_t last_shown(const struct table *t)
{
	size_t c = t->columns - 1;

	while (c > 0 && (t->hidden & bit(c)) != 0)
		c--;
	return c;
}

/* ---- printing --------------------------------------------------------------------- */

static void print_cell(FILE *out, const char *text, size_t width, bool right, bool last,
		       const char *escape)
{
	int gap = (int)(width - width_of(text));

	if (right)
		fprintf(out, "%*s", gap, "");
	fprintf(out, "%s%s%s", escape, text, escape[0] != '\0' ? "\033[0m" : "");
	if (!right && !last)
		fprintf(out, "%*s", gap, "");
	fprintf(out, "%*s", last ? 0 : GAP, "");
	fputs(last ? "\n" : "", out);
}

static const char *escape_of(enum table_look look, bool colour)
{
	static const char *const escapes[] = {
		[LOOK_PLAIN] = "",       [LOOK_GOOD] = "\033[32m", [LOOK_WARN] = "\033[33m",
		[LOOK_BAD] = "\033[31m", [LOOK_FAINT] = "\033[2m",
	};

	return colour ? escapes[look] : "";
}

/* The `indent` stands before the first that is shown. */
static void print_line(const struct table *t, FILE *out, const char *indent, const size_t *widths,
		       const struct table_cell *cells, bool colour)
{
	size_t last = last_shown(t);

	fputs(indent, out);
	for (size_t c = 0; c < t->columns; c++) {
		if ((t->hidden & bit(c)) != 0)
			continue;
		print_cell(out, cells != NULL ? cells[c].text : head_text(t, c), widths[c],
			   t->heads[c][0] == '>', c == last,
			   cells != NULL ? escape_of(cells[c].look, colour)
			   : colour      ? "\033[1m"
					 : "");
	}
}

void table_print(const struct table *t, FILE *out, bool colour, const char *indent)
{
	size_t *widths = calloc(t->columns, sizeof(*widths));

	if (widths == NULL || t->failed) {
		fputs("out of memory\n", stderr);
		free(widths);
		return;
	}
	for (size_t c = 0; c < t->columns; c++)
		widths[c] = column_width(t, c);
	print_line(t, out, indent, widths, NULL, colour);
	for (size_t i = 0; i + t->columns <= t->count; i += t->columns)
		print_line(t, out, indent, widths, t->cells + i, colour);
	free(widths);
}
