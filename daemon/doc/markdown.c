/* markdown.c - the key table of README.md. */
#include "doc.h"

/* A bar would end the cell. */
static void put_cell(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
}

static void put_row(FILE *out, const struct conf_key_info *info)
{
	bool everywhere = info->where == ON_BOTH;

	fprintf(out, "| `%s` | %s | ", info->name, everywhere ? "" : info->roles);
	put_cell(out, info->type);
	fprintf(out, " | %s | ", info->dflt);
	put_cell(out, info->help);
	fputs(" |\n", out);
}

void doc_markdown(FILE *out)
{
	char buf[CONF_DESCRIBE_BYTES];
	struct conf_key_info info;

	fputs("| key | only | value | default | meaning |\n|---|---|---|---|---|\n", out);
	for (size_t i = 0; i < conf_key_count(); i++) {
		conf_key_describe(i, &info, buf, sizeof(buf));
		put_row(out, &info);
	}
}
