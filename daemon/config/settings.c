/* settings.c - a list of keys and values on its way to config_from_settings(). */
#include "settings.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

static void item_dispose(struct conf_setting *item)
{
	/* The strings are our own copies; only the readers of the list may not write to them. */
	char *value = (char *)(uintptr_t)item->value;

	if (value)
		OPENSSL_cleanse(value, strlen(value));
	free(value);
	free((char *)(uintptr_t)item->key);
}

static struct conf_setting *find(const struct settings *s, const char *key)
{
	for (size_t i = 0; i < s->count; i++) {
		if (strcmp(s->items[i].key, key) == 0)
			return &s->items[i];
	}
	return NULL;
}

static struct conf_setting *append(struct settings *s)
{
	struct conf_setting *grown = realloc(s->items, (s->count + 1) * sizeof(*grown));

	if (!grown)
		return NULL;
	s->items = grown;
	return &grown[s->count++];
}

void settings_set(struct settings *s, const char *key, const char *value)
{
	struct conf_setting fresh = { strdup(key), strdup(value), s->where, s->line };
	struct conf_setting *item = find(s, key);

	if (item)
		item_dispose(item);
	else
		item = append(s);
	if (item)
		*item = fresh;
	else
		item_dispose(&fresh);
	if (item && fresh.key && fresh.value)
		return;
	s->failed = true;
	if (item) { /* a half item must not be seen */
		item_dispose(item);
		*item = s->items[--s->count];
	}
}

bool settings_drop(struct settings *s, const char *key)
{
	struct conf_setting *item = find(s, key);

	if (!item)
		return false;
	item_dispose(item);
	s->count--;
	memmove(item, item + 1, (size_t)(s->items + s->count - item) * sizeof(*item));
	return true;
}

const char *settings_get(const struct settings *s, const char *key)
{
	const struct conf_setting *item = find(s, key);

	return item ? item->value : NULL;
}

const struct conf_setting *settings_find(const struct settings *s, const char *key)
{
	return find(s, key);
}

void settings_dispose(struct settings *s)
{
	for (size_t i = 0; i < s->count; i++)
		item_dispose(&s->items[i]);
	free(s->items);
	*s = (struct settings){ 0 };
}
