/* servers_value.c - values of remoteaddr: one server, or several in the order in which they are wanted. */
#include "config_impl.h"

#include <stdlib.h>
#include <string.h>

static void dispose_servers(struct conf_servers *s)
{
	free(s->text);
	for (unsigned i = 0; i < s->count; i++)
		conf_addr_dispose(&s->at[i]);
	*s = (struct conf_servers){ 0 };
}

/* The next of the list, without blanks around it: its length.  *rest is behind the comma, or NULL. */
static size_t next_item(const char **item, const char **rest)
{
	const char *from = *rest, *comma = strchr(from, ',');
	size_t n = comma ? (size_t)(comma - from) : strlen(from);

	*rest = comma ? comma + 1 : NULL;
	while (n > 0 && (from[0] == ' ' || from[0] == '\t')) {
		from++;
		n--;
	}
	while (n > 0 && (from[n - 1] == ' ' || from[n - 1] == '\t'))
		n--;
	*item = from;
	return n;
}

static bool stands_already(const struct conf_servers *s, const char *item)
{
	for (unsigned i = 0; i < s->count; i++)
		if (strcmp(s->at[i].text, item) == 0)
			return true;
	return false;
}

static bool add_server(struct conf_servers *s, const char *item, char *why)
{
	char quoted[CONF_QUOTE_BYTES];

	if (item[0] == '\0')
		return conf_wrong(why, "a server is missing before or behind a comma");
	if (s->count == CONF_SERVERS_MAX)
		return conf_wrong(why, "takes %d servers at most", CONF_SERVERS_MAX);
	if (stands_already(s, item))
		return conf_wrong(why, "'%s' stands in it twice", conf_quote(quoted, item));
	if (!conf_addr_parse(&s->at[s->count], item, ADDR_RANGE, why))
		return false;
	s->count++;
	return true;
}

static bool add_all(struct conf_servers *s, const char *text, char *why)
{
	const char *rest = text, *item;

	do {
		size_t n = next_item(&item, &rest);
		char *copy = strndup(item, n);
		bool good = copy ? add_server(s, copy, why) : conf_wrong(why, "out of memory");

		free(copy);
		if (!good)
			return false;
	} while (rest);
	return true;
}

/* As it was written, but for blanks. */
static char *join(const struct conf_servers *s)
{
	size_t n = 1;
	char *text;

	for (unsigned i = 0; i < s->count; i++)
		n += strlen(s->at[i].text) + 2;
	text = calloc(1, n);
	for (unsigned i = 0; text && i < s->count; i++) {
		strcat(text, i > 0 ? ", " : "");
		strcat(text, s->at[i].text);
	}
	return text;
}

static bool parse(const struct conf_row *row, const char *text, void *base, char *why)
{
	struct conf_servers *to = (struct conf_servers *)(void *)((uint8_t *)base + row->offset);
	struct conf_servers fresh = { 0 };
	bool good = add_all(&fresh, text, why);

	if (good) {
		fresh.text = join(&fresh);
		good = fresh.text || conf_wrong(why, "out of memory");
	}
	if (good)
		*to = fresh;
	else
		dispose_servers(&fresh);
	return good;
}

static void print(const struct conf_row *row, const void *base, FILE *out)
{
	const struct conf_servers *s =
		(const struct conf_servers *)(const void *)((const uint8_t *)base + row->offset);

	fputs(s->text, out);
}

static void dispose(const struct conf_row *row, void *base)
{
	dispose_servers((struct conf_servers *)(void *)((uint8_t *)base + row->offset));
}

const struct conf_type conf_type_servers = { CONF_TEXT, "host:port[-port], ...", parse, print,
					     dispose };
