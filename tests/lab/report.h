/* report.h - figures as text. */
#ifndef KT_LAB_REPORT_H
#define KT_LAB_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "figures.h"

/* One figure to a line, with what it is. */
void report_one(FILE *to, const struct figures *f);
/* A table's head, and its rows: `first` and `second` say of what; only columns in which `head` has
 * a figure are shown. */
void report_head(FILE *to, const char *first, const char *second, const struct figures *head);
void report_row(FILE *to, const char *first, const char *second, const struct figures *f,
		const struct figures *head);

#endif
