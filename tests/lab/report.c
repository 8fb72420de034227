/* report.c - figures as text. */
#include "report.h"

#include <math.h>

void report_one(FILE *to, const struct figures *f)
{
	if (!f->good)
		fprintf(to, "%-10s %s\n", "failed:", f->why);
	for (int i = 0; i < FIG_COUNT; i++)
		if (!isnan(f->v[i]))
			fprintf(to, "%-10s %10.*f   %s\n", figure_infos[i].name,
				figure_infos[i].decimals, f->v[i], figure_infos[i].what);
}

void report_head(FILE *to, const char *first, const char *second, const struct figures *head)
{
	fprintf(to, "%-28s %-16s", first, second);
	for (int i = 0; i < FIG_COUNT; i++)
		if (!isnan(head->v[i]))
			fprintf(to, " %9s", figure_infos[i].name);
	fputc('\n', to);
}

void report_row(FILE *to, const char *first, const char *second, const struct figures *f,
		const struct figures *head)
{
	fprintf(to, "%-28s %-16s", first, second);
	for (int i = 0; i < FIG_COUNT; i++)
		if (!isnan(head->v[i]))
			fprintf(to, " %9.*f", figure_infos[i].decimals, f->v[i]);
	fprintf(to, "%s%s\n", f->good ? "" : "  failed: ", f->good ? "" : f->why);
	fflush(to);
}
