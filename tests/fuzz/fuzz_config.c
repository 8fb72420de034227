/* fuzz_config.c - any bytes as a config file: no fault of ours, and what is good reads back from its own dump. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config_effective.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	size_t errors;
};

static void note(void *user, enum conf_severity severity, const char *line)
{
	struct seen *s = user;

	s->errors += severity == CONF_ERROR;
	if (strpbrk(line, "\n\r"))
		abort(); /* a report is one line */
}

static bool is_window(unsigned segs)
{
	return segs == CONF_AUTO || (segs > 0 && segs <= 65535);
}

static bool are_shards(unsigned data, unsigned parity)
{
	if (data == CONF_AUTO || parity == CONF_AUTO)
		return data == parity;
	return data + parity <= 255 && (data == 0) == (parity == 0);
}

static void check_tunnel(const struct conf_tunnel *t)
{
	if (!t->key || t->key_len == 0 || !t->crypt || t->keepalive_s >= 30 || t->mtu_bytes < 50 ||
	    !are_shards(t->datashard, t->parityshard) || !is_window(t->sndwnd_segs) ||
	    !is_window(t->rcvwnd_segs))
		abort();
}

static void check_value(void *user, const struct conf_effective *value)
{
	if (strpbrk(value->text, "\n\r") || (value->kind == CONF_HIDDEN && value->text[0] != '\0'))
		abort();
}

/* What is in effect is a file as good as the first. */
static void check_dump(const struct config *c)
{
	int fd = memfd_create("dump", 0);
	FILE *out = fdopen(fd, "w");
	struct seen seen = { 0 };
	struct config *again = NULL;
	bool readable;
	char path[64];

	if (!out || !config_effective_ini(c, out, &readable))
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (readable) {
		again = config_read(path, note, &seen);
		if (!again || again->tunnel_count != c->tunnel_count)
			abort();
	}
	config_free(again);
	fclose(out);
}

static void check_good(const struct config *c)
{
	if (!config_effective_daemon(&c->daemon, check_value, NULL))
		abort();
	for (size_t i = 0; i < c->tunnel_count; i++) {
		check_tunnel(c->tunnels[i]);
		if (!config_effective_tunnel(c->tunnels[i], check_value, NULL))
			abort();
	}
	check_dump(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	struct seen seen = { 0 };
	struct config *c;
	int fd = memfd_create("config", 0);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	c = config_read(path, note, &seen);
	if ((c == NULL) != (seen.errors > 0))
		abort(); /* refused without a word, or good with a fault */
	if (c)
		check_good(c);
	config_free(c);
	close(fd);
	return 0;
}
