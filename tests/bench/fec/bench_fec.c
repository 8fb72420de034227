/* bench_fec.c - speed of making parity, of receiving, and of rebuilding. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fec.h"

enum {
	PAYLOAD = 1350,
	BATCH = 64, /* data packets in one flush */
	SETS = 32,  /* prepared for the receiver */
	RUN_NS = 300000000,
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void print_rate(const char *what, unsigned ds, unsigned ps, size_t payload, uint64_t packets,
		       uint64_t ns)
{
	printf("%-22s %3u+%-3u %5zu bytes %7.2f GB/s of data %8.1f ns/data packet\n", what, ds, ps,
	       payload, (double)packets * (double)payload / (double)ns, (double)ns / (double)packets);
}

/* One flush: `BATCH` packets written as KCP would, made shards, and sent off. */
static void flush(struct fec_enc *e, struct batch *b, size_t payload, bool shards)
{
	for (size_t i = 0; i < BATCH; i++) {
		struct packet *pkt = batch_add(b);

		if (pkt == NULL)
			abort();
		memset(pkt->data, (int)i, 64);
		pkt->len = payload;
		if (shards)
			fec_enc_add(e, 1000, b, b->count - 1);
	}
	if (shards)
		fec_enc_settle(e);
	batch_clear(b);
}

static uint64_t time_flushes(struct fec_enc *e, struct batch *b, size_t payload, bool shards,
			     uint64_t *packets)
{
	uint64_t start = now_ns(), end;

	*packets = 0;
	do {
		for (unsigned i = 0; i < 64; i++)
			flush(e, b, payload, shards);
		*packets += 64 * BATCH;
		end = now_ns();
	} while (end - start < RUN_NS);
	return end - start;
}

static void bench_encode(unsigned ds, unsigned ps, size_t payload)
{
	struct packet_pool pool;
	struct batch *b = malloc(sizeof(*b));
	struct fec_enc *e = fec_enc_new(ds, ps, PAYLOAD);
	uint64_t packets, bare_packets, bare, ns;

	if (b == NULL || e == NULL)
		abort();
	packet_pool_init(&pool);
	batch_init(b, &pool);
	bare = time_flushes(e, b, payload, false, &bare_packets);
	ns = time_flushes(e, b, payload, true, &packets);
	/* The batch itself is not ours to count. */
	ns -= (uint64_t)((double)bare / (double)bare_packets * (double)packets);
	print_rate("encode", ds, ps, payload, packets, ns);
	fec_enc_free(e);
	batch_clear(b);
	packet_pool_dispose(&pool);
	free(b);
}

struct shards {
	unsigned ds, ps;
	size_t len;
	uint8_t (*bytes)[PACKET_MTU_MAX]; /* seqid is written at each use */
};

/* SETS times one set of equally long packets, made by the encoder. */
static void make_set(struct shards *set, unsigned ds, unsigned ps)
{
	struct packet_pool pool;
	struct batch *b = malloc(sizeof(*b));
	struct fec_enc *e = fec_enc_new(ds, ps, PAYLOAD);

	set->ds = ds;
	set->ps = ps;
	set->len = FEC_HEADER_DATA + PAYLOAD;
	set->bytes = calloc((size_t)SETS * (ds + ps), sizeof(*set->bytes));
	if (b == NULL || e == NULL || set->bytes == NULL)
		abort();
	packet_pool_init(&pool);
	batch_init(b, &pool);
	for (unsigned i = 0; i < ds; i++) {
		struct packet *pkt = batch_add(b);

		memset(pkt->data, (int)i, PAYLOAD);
		pkt->len = PAYLOAD;
		fec_enc_add(e, i, b, i);
	}
	for (unsigned k = 0; k < SETS; k++)
		for (size_t i = 0; i < b->count; i++)
			memcpy(set->bytes[k * (ds + ps) + i], b->v[i].data, set->len);
	batch_clear(b);
	packet_pool_dispose(&pool);
	fec_enc_free(e);
	free(b);
}

/* Receive sets that lack their first `lost` data packets. */
static void bench_decode(unsigned ds, unsigned ps, unsigned lost)
{
	struct fec_dec *d = fec_dec_new(ds, ps, PAYLOAD);
	struct shards set;
	uint64_t sets = 0, rebuilt = 0, start, end;
	uint32_t seqid = 0;
	char what[64];
	struct view v;

	make_set(&set, ds, ps);
	start = now_ns();
	do {
		for (unsigned k = 0; k < SETS; k++, seqid += ds + ps) {
			for (unsigned i = lost; i < ds + ps; i++) {
				uint8_t *p = set.bytes[k * (ds + ps) + i];

				store_le32(p, seqid + i);
				fec_dec_input(d, (struct view){ p, set.len });
				while (fec_dec_next(d, &v))
					rebuilt++;
			}
		}
		sets += SETS;
		end = now_ns();
	} while (end - start < RUN_NS);
	if (rebuilt != sets * lost)
		abort();
	snprintf(what, sizeof(what), "decode, %u of %u lost", lost, ds + ps);
	print_rate(what, ds, ps, PAYLOAD, sets * ds, end - start);
	fec_dec_free(d);
	free(set.bytes);
}

int main(void)
{
	static const unsigned shapes[][2] = { { 10, 3 }, { 20, 10 }, { 70, 30 }, { 2, 1 } };

	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		bench_encode(shapes[i][0], shapes[i][1], PAYLOAD);
		bench_decode(shapes[i][0], shapes[i][1], 0);
		bench_decode(shapes[i][0], shapes[i][1], 1);
		if (shapes[i][1] >= 2)
			bench_decode(shapes[i][0], shapes[i][1], 2);
	}
	bench_encode(10, 3, 24); /* acknowledgements */
	return 0;
}
