/* ini.c - the sample file: every key with its default, commented out. */
#include "doc.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 96, RULE = 90 };

static void put_comment(FILE *out, const char *text)
{
	doc_wrap(out, "# ", WIDTH, text);
}

static void put_heading(FILE *out, const char *title)
{
	int column = fprintf(out, "\n# ---- %s ", title);

	while (column++ <= RULE)
		fputc('-', out);
	fputc('\n', out);
}

static void put_crypt_note(FILE *out)
{
	char *theirs = doc_ciphers(false), *ours = doc_ciphers(true);
	char *text = doc_format("For kcptun and kcptund: %s. Only between kcptunds: %s", theirs, ours);

	put_comment(out, text);
	free(text);
	free(ours);
	free(theirs);
}

static void put_key(FILE *out, enum conf_id id)
{
	const struct conf_manual *m = &conf_manuals[id];
	const char *dflt = conf_key_default(id);
	const char *value = dflt[0] ? dflt : m->example ? m->example : "";
	char buf[CONF_DESCRIBE_BYTES], *help, *line;
	struct conf_key_info info;

	conf_key_describe(id, &info, buf, sizeof(buf));
	help = doc_capital(info.help);
	line = doc_format("%s (%s)", help, info.type);
	fputc('\n', out);
	put_comment(out, line);
	if (m->note)
		put_comment(out, m->note);
	if (id == KEY_CRYPT)
		put_crypt_note(out);
	fprintf(out, ";%s =%s%s\n", info.name, value[0] ? " " : "", value);
	free(line);
	free(help);
}

/* A key of both roles stands in [defaults], any other in the section of that which has it. */
static bool stands_in(enum conf_id id, unsigned where)
{
	return conf_rows[id].where == where;
}

static void put_keys(FILE *out, unsigned where)
{
	for (enum conf_id id = 0; id < KEY_COUNT; id++) {
		if (stands_in(id, where))
			put_key(out, id);
	}
}

static void put_defaults(FILE *out)
{
	const char *title = NULL;
	size_t group = 0;

	for (enum conf_id id = 0; id < KEY_COUNT; id++) {
		for (; group < conf_group_count && conf_groups[group].first <= id; group++)
			title = conf_groups[group].title;
		if (!stands_in(id, ON_BOTH))
			continue;
		if (title)
			put_heading(out, title);
		title = NULL;
		put_key(out, id);
	}
}

void doc_ini(FILE *out)
{
	put_comment(out, "The configuration of kcptund; the manual is kcptun.ini(5).");
	fputs("#\n", out);
	put_comment(out, "`kcptund -t` checks this file and tells every fault in it with its line; "
			 "`systemctl reload kcptund` puts it into effect.");
	fputs("#\n", out);
	put_comment(out,
		    "Lines that start with ';' show the built-in defaults: take the ';' away to "
		    "change one. What follows a space and a ';' behind a value is a comment, too, and "
		    "is warned of, since it may have been meant as a part of the value. So a "
		    "key with \" ;\" in it, or one longer than a line can be (about 190 characters), "
		    "belongs into a keyfile.");
	fputs("#\n", out);
	put_comment(out, "Sizes in bytes can be written as 64K, 4M or 1G. Yes or no may also be true "
			 "or false, on or off, 1 or 0.");
	fputs("\n# The daemon as a whole.\n[daemon]\n", out);
	put_keys(out, ON_DAEMON);
	fputc('\n', out);
	put_comment(out, "Any key of a tunnel may stand here. Every tunnel of this file inherits it, "
			 "wherever it stands, and can give a value of its own.");
	fputs("[defaults]\n", out);
	put_defaults(out);
	fputc('\n', out);
	put_comment(out, "A client takes connections and carries them to a server. Any number of "
			 "these sections may be here, each with a name of its own.");
	fputs(";[client home]\n", out);
	put_keys(out, ON_CLIENT);
	fputc('\n', out);
	put_comment(out, "A server takes clients and connects what they carry to a target.");
	fputs(";[server office]\n", out);
	put_keys(out, ON_SERVER);
}
