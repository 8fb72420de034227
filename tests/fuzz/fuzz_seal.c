/* fuzz_seal.c - hostile datagrams to every method; what is sealed opens again.
 *
 * Input: method, key byte, then datagrams, each behind a 16-bit length.  Each goes in as it is
 * and, as a payload, through seal and open. */
#include "err.h"
#include "seal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PACKETS_MAX = 70 };

static void require(bool what)
{
	if (!what)
		abort();
}

/* Buffers of exactly the promised size: the sanitizer guards their ends. */
static struct packet make_packet(struct view text, size_t head, size_t tail)
{
	uint8_t *mem = malloc(head + text.n + tail + 1);

	require(mem != NULL);
	memcpy(mem + head, text.p, text.n);
	return (struct packet){ .data = mem + head, .len = text.n, .mem = mem };
}

static size_t split(struct view *v, const uint8_t *data, size_t size)
{
	size_t count = 0;

	while (size >= 2 && count < PACKETS_MAX) {
		size_t len = load_le16(data);

		data += 2;
		size -= 2;
		len = len < size ? len : size;
		v[count++] = (struct view){ data, len };
		data += len;
		size -= len;
	}
	return count;
}

static void free_packets(struct packet *p, size_t count)
{
	while (count > 0)
		free(p[--count].mem);
}

static void open_as_received(struct seal *s, const struct view *v, size_t count)
{
	struct packet p[PACKETS_MAX];
	size_t good = 0;

	for (size_t i = 0; i < count; i++)
		p[i] = make_packet(v[i], 0, 0);
	for (size_t n = seal_open_batch(s, p, count), i = 0; i < count; i++) {
		good += !p[i].bad;
		require(i + 1 < count || good == n);
		if (p[i].bad)
			continue;
		require(p[i].len >= SEAL_PAYLOAD_MIN);
		require(p[i].data >= p[i].mem);
		require((size_t)(p[i].data - p[i].mem) + p[i].len <= v[i].n);
	}
	free_packets(p, count);
}

static void seal_and_open(struct seal *s, const struct seal_method *m, const struct view *v,
			  size_t count)
{
	size_t longest = PACKET_MTU_MAX - m->head - m->tail;
	struct packet p[PACKETS_MAX];
	struct view text[PACKETS_MAX];

	for (size_t i = 0; i < count; i++) {
		text[i] = (struct view){ v[i].p, v[i].n < longest ? v[i].n : longest };
		p[i] = make_packet(text[i], m->head, m->tail);
	}
	seal_batch(s, p, count);
	seal_open_batch(s, p, count);
	for (size_t i = 0; i < count; i++) {
		require(p[i].bad == (text[i].n < SEAL_PAYLOAD_MIN));
		if (p[i].bad)
			continue;
		require(p[i].len == text[i].n);
		require(memcmp(p[i].data, text[i].p, text[i].n) == 0);
	}
	free_packets(p, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[SEAL_SEED_SIZE] = { 1 };
	const struct seal_method *m;
	uint8_t pass[SEAL_KEY_SIZE] = { 0 };
	struct view v[PACKETS_MAX];
	struct seal *s;
	size_t count;
	int err;

	if (size < 2)
		return 0;
	pass[0] = data[1];
	m = &seal_methods[data[0] % seal_method_count];
	s = seal_new(m, pass, seed, &err);
	if (s == NULL) {
		require(err == KT_ENOSUP);
		return 0;
	}
	count = split(v, data + 2, size - 2);
	open_as_received(s, v, count);
	seal_and_open(s, m, v, count);
	seal_free(s);
	return 0;
}
