/* replay.h - which datagrams came before: a set of what tells each from all others, that forgets the oldest.
 *
 * What seal_identity() says of a datagram becomes a print, a hash of 64 bits with a secret key.  The set keeps the prints
 * in two generations: once the younger one is full it becomes the older, and what that held is forgotten.  So the
 * last REPLAY_GENERATION datagrams are known in any case, and never more than twice as many.
 *
 * A table of prints in order of their values, with gaps; it doubles as it fills, so that memory is taken for what
 * came and not for what may come: 8 KB to begin with, 11 MB for a full generation.  Two datagrams are taken for one
 * only when their prints are equal: with both generations full that is a probability of 2^-43 for each.  Whoever
 * does not have the key cannot look for such.
 *
 * Where memory fails a generation ends early, and never is anything refused for that. */
#ifndef KT_REPLAY_H
#define KT_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	REPLAY_GENERATION = 1000000, /* prints */
	REPLAY_SECRET_SIZE = 16,
};

struct replay;

/* `secret` is random, and copied.  NULL when out of memory. */
struct replay *replay_new(const uint8_t secret[static REPLAY_SECRET_SIZE]);
void replay_free(struct replay *r); /* NULL is fine */

/* Of `len` bytes that tell a datagram from all others.  Never 0. */
uint64_t replay_print(const struct replay *r, const uint8_t *identity, size_t len);
/* Keep it.  False: it came before. */
bool replay_note(struct replay *r, uint64_t print);
/* The younger generation becomes the older, whether it is full or not. */
void replay_rotate(struct replay *r);

/* How often that has happened, by itself or not. */
uint64_t replay_rotations(const struct replay *r);
/* Prints in the younger generation and in both. */
size_t replay_young_count(const struct replay *r);
size_t replay_count(const struct replay *r);
/* Bytes held. */
size_t replay_memory(const struct replay *r);

/* Assert every invariant; for tests. */
void replay_verify(const struct replay *r);

#endif
