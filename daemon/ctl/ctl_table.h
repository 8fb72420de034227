/* ctl_table.h - a table whose columns are as wide as what stands in them. */
#ifndef KT_CTL_TABLE_H
#define KT_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { TABLE_COLUMNS_MAX = 64 };

/* How a cell looks on a terminal. */
enum table_look { LOOK_PLAIN, LOOK_GOOD, LOOK_WARN, LOOK_BAD, LOOK_FAINT };

struct table_cell {
	char *text;
	enum table_look look;
};

struct table {
	const char *const *heads; /* borrowed; one that starts with '>' is aligned to the right */
	size_t columns;
	struct table_cell *cells;
	size_t count, room;
	uint64_t hidden; /* columns that are not printed, a bit each */
	bool failed;     /* out of memory */
};

void table_init(struct table *t, const char *const *heads, size_t columns);
void table_dispose(struct table *t);
/* The next cell of the row, left to right.  Anything but printable ASCII and UTF-8 becomes '?'. */
void table_add(struct table *t, const char *text);
void table_add_look(struct table *t, enum table_look look, const char *text);
void table_addf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What is worth a column, the most important first.  Where `instead` is another column, this one says
 * all that it does, and takes its place. */
struct table_wish {
	size_t column, instead;
};
/* Print no wider than `width` characters, 0: as wide as it is; of the table's columns, when it is filled, those of the
 * wishes that there is room for.  The first one is there in any case. */
void table_fit(struct table *t, const struct table_wish *wishes, size_t count, size_t width);
/* Each line begins with `indent`. */
void table_print(const struct table *t, FILE *out, bool colour, const char *indent);

#endif
