/* mdoc.c - the key list of kcptun.ini(5), as mdoc. */
#include "doc.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 70 };

/* Where a key may stand, as a reader of the list wants to know it. */
static const char *place_of(const struct conf_row *row)
{
	switch (row->where) {
	case ON_DAEMON:
		return "in [daemon]";
	case ON_CLIENT:
		return "of a client";
	case ON_SERVER:
		return "of a server";
	default:
		return NULL; /* most are of both, and it is said once */
	}
}

static void put_facts(FILE *out, const struct conf_key_info *info, const struct conf_row *row)
{
	const char *place = place_of(row);

	fputs(".Pq ", out);
	if (place)
		fprintf(out, "%s; ", place);
	doc_put_mdoc(out, info->type);
	if (info->dflt[0])
		fputs("; default ", out);
	doc_put_mdoc(out, info->dflt);
	fputc('\n', out);
}

static void put_ciphers(FILE *out)
{
	fputs(".Bl -tag -width chacha20\\-poly1305 -compact\n", out);
	for (size_t i = 0; i < seal_method_count; i++) {
		fputs(".It Cm ", out);
		doc_put_mdoc(out, seal_methods[i].name);
		fputc('\n', out);
		doc_wrap_mdoc(out, WIDTH, seal_methods[i].summary);
	}
	fputs(".El\n", out);
}

static void put_key(FILE *out, enum conf_id id)
{
	const struct conf_manual *m = &conf_manuals[id];
	char buf[CONF_DESCRIBE_BYTES], *help, *line;
	struct conf_key_info info;

	conf_key_describe(id, &info, buf, sizeof(buf));
	help = doc_capital(info.help);
	line = doc_format("%s.", help);
	fputs(".It Ic ", out);
	doc_put_mdoc(out, info.name);
	fputc('\n', out);
	put_facts(out, &info, &conf_rows[id]);
	fputs(".br\n", out);
	doc_wrap_mdoc(out, WIDTH, line);
	if (m->note)
		doc_wrap_mdoc(out, WIDTH, m->note);
	if (m->text)
		doc_wrap_mdoc(out, WIDTH, m->text);
	if (id == KEY_CRYPT)
		put_ciphers(out);
	free(line);
	free(help);
}

static void put_group(FILE *out, size_t group)
{
	bool last = group + 1 == conf_group_count;
	enum conf_id end = last ? KEY_COUNT : conf_groups[group + 1].first;

	fprintf(out, ".Ss %s\n.Bl -tag -width Ds\n", conf_groups[group].title);
	for (enum conf_id id = conf_groups[group].first; id < end; id++)
		put_key(out, id);
	fputs(".El\n", out);
}

void doc_mdoc(FILE *out)
{
	for (size_t i = 0; i < conf_group_count; i++)
		put_group(out, i);
}
