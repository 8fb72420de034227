/* addr_list.c - values of remoteaddr and target: one address, or several in the order in which they are wanted. */
#include "config_impl.h"

#include <stdlib.h>
#include <string.h>

/* What a list is of. */
struct kind {
	const char *noun;
	unsigned allow; /* enum conf_addr_allow */
};

static const struct kind servers = { "server", ADDR_RANGE };
static const struct kind targets = { "target", ADDR_PATH };

static void dispose_all(struct conf_addrs *a)
{
	for (unsigned i = 0; i < a->count; i++)
		conf_addr_dispose(&a->list[i]);
	free(a->text);
	*a = (struct conf_addrs){ 0 };
}

static char *trim(char *text)
{
	static const char blanks[] = " \t";
	size_t n;

	text += strspn(text, blanks);
	n = strlen(text);
	while (n > 0 && strchr(blanks, text[n - 1]))
		n--;
	text[n] = '\0';
	return text;
}

static bool add(struct conf_addrs *a, const struct kind *k, const char *text, char *why)
{
	char quoted[CONF_QUOTE_BYTES], sentence[CONF_WHY_BYTES];

	if (text[0] == '\0')
		return conf_wrong(why, "a %s is missing before or behind a comma", k->noun);
	if (a->count == CONF_ADDRS_MAX)
		return conf_wrong(why, "has more than %d %ss", CONF_ADDRS_MAX, k->noun);
	for (unsigned i = 0; i < a->count; i++)
		if (strcmp(a->list[i].text, text) == 0)
			return conf_wrong(why, "has the %s '%s' twice", k->noun,
					  conf_quote(quoted, text));
	if (!conf_addr_parse(&a->list[a->count], text, k->allow, sentence))
		return conf_wrong(why, "of the %s '%s': %.*s", k->noun, conf_quote(quoted, text),
				  CONF_WHY_BYTES - CONF_QUOTE_BYTES - 24, sentence);
	a->count++;
	return true;
}

static bool add_all(struct conf_addrs *a, const struct kind *k, char *text, char *why)
{
	char *item;

	while ((item = strsep(&text, ",")) != NULL)
		if (!add(a, k, trim(item), why))
			return false;
	return true;
}

/* Of one that stands alone nothing has to be said but what is wrong. */
static bool add_only(struct conf_addrs *a, const struct kind *k, const char *text, char *why)
{
	a->count = conf_addr_parse(&a->list[0], text, k->allow, why);
	return a->count > 0;
}

/* As they stand, with one blank behind each comma. */
static char *join(const struct conf_addrs *a)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	if (!out)
		return NULL;
	for (unsigned i = 0; i < a->count; i++)
		fprintf(out, "%s%s", i > 0 ? ", " : "", a->list[i].text);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static bool parse(struct conf_addrs *to, const struct kind *k, const char *text, char *why)
{
	struct conf_addrs fresh = { 0 };
	char *copy = strdup(text);
	bool good;

	if (!copy)
		return conf_wrong(why, "out of memory");
	good = strchr(copy, ',') ? add_all(&fresh, k, copy, why) : add_only(&fresh, k, copy, why);
	free(copy);
	if (good && !(fresh.text = join(&fresh)))
		good = conf_wrong(why, "out of memory");
	if (good)
		*to = fresh;
	else
		dispose_all(&fresh);
	return good;
}

/* ---- as types of values ---------------------------------------------------- */

static struct conf_addrs *field(const struct conf_row *row, void *base)
{
	return (struct conf_addrs *)(void *)((uint8_t *)base + row->offset);
}

static bool parse_servers(const struct conf_row *row, const char *text, void *base, char *why)
{
	return parse(field(row, base), &servers, text, why);
}

static bool parse_targets(const struct conf_row *row, const char *text, void *base, char *why)
{
	return parse(field(row, base), &targets, text, why);
}

static void print(const struct conf_row *row, const void *base, FILE *out)
{
	const struct conf_addrs *a = (const struct conf_addrs *)(const void *)((const uint8_t *)base +
									       row->offset);

	fputs(a->text, out);
}

static void dispose(const struct conf_row *row, void *base)
{
	dispose_all(field(row, base));
}

const struct conf_type conf_type_servers = { CONF_TEXT, "host:port[-port], up to 8", parse_servers,
					     print, dispose };
const struct conf_type conf_type_targets = { CONF_TEXT, "host:port or path, up to 8", parse_targets,
					     print, dispose };
