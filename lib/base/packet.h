/* packet.h - datagram buffers from a pool, and batches of them.
 *
 * A batch is the unit that travels: a receive fills one, a flush fills one, the
 * seal works on one, a send empties one.
 *
 * Layout of one buffer (PACKET_CAP bytes).  A layer prepends its header by
 * moving `data` back into the headroom, and appends into the tailroom:
 *
 *     mem                data                data+len
 *     | PACKET_HEADROOM  | payload (<= 1500) | tailroom ... |
 */
#ifndef KT_PACKET_H
#define KT_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PACKET_MTU_MAX = 1500, /* largest datagram, protocol section 1 */
	PACKET_HEADROOM = 64,  /* >= seal header (20) + FEC header (8) */
	PACKET_TAILROOM = 36,  /* >= AEAD tag (16) */
	PACKET_CAP = PACKET_HEADROOM + PACKET_MTU_MAX + PACKET_TAILROOM,
	BATCH_MAX = 512, /* packets; > the 255 shards of the largest FEC set */
};

/* One datagram on its way.  Received packets point into the receiver's memory
 * and have mem == NULL. */
struct packet {
	uint8_t *data;    /* first byte at the present layer */
	size_t len;       /* bytes at the present layer */
	uint8_t *mem;     /* the pool buffer that holds it, or NULL */
	const void *path; /* where it goes or came from: the driver's, opaque here */
	bool bad;         /* set by seal_open(): failed its checksum or tag */
	/* It is longer than the path takes, and is to go all the same, cut into fragments by IP. */
	bool may_fragment;
	bool alone; /* not in one message with others, whose fate it would share */
};

/* A free list of PACKET_CAP-byte buffers. */
struct packet_pool {
	void *free;        /* singly linked through the buffers' first bytes */
	size_t free_count; /* buffers in the list */
	size_t used_count; /* buffers handed out */
	size_t low_water;  /* least free_count since the last trim */
};

void packet_pool_init(struct packet_pool *pool);
/* Every buffer must have come back. */
void packet_pool_dispose(struct packet_pool *pool);
/* A buffer of PACKET_CAP bytes, or NULL when out of memory. */
uint8_t *packet_pool_get(struct packet_pool *pool);
void packet_pool_put(struct packet_pool *pool, uint8_t *mem);
/* Return to the system the buffers that were not needed since the last call;
 * call it every few seconds. */
void packet_pool_trim(struct packet_pool *pool);

/* An array of packets being collected, oldest first. */
struct batch {
	struct packet_pool *pool;
	size_t count;
	struct packet v[BATCH_MAX];
};

void batch_init(struct batch *b, struct packet_pool *pool);
/* Room for how many more. */
static inline size_t batch_room(const struct batch *b)
{
	return BATCH_MAX - b->count;
}
/* Append an empty packet: data at mem + PACKET_HEADROOM, len 0, path NULL.
 * NULL when the batch is full or memory ran out.  Valid until batch_clear(). */
struct packet *batch_add(struct batch *b);
/* Take back the packet last added. */
void batch_undo(struct batch *b);
/* Forget all packets, their buffers go back to the pool. */
void batch_clear(struct batch *b);

#endif
