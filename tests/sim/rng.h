/* rng.h - seeded random numbers: the same seed gives the same draws everywhere. */
#ifndef KT_SIM_RNG_H
#define KT_SIM_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t s;
};
uint64_t rng_next(struct rng *r);
uint32_t rng_below(struct rng *r, uint32_t n);               /* 0 .. n-1; n > 0 */
uint32_t rng_range(struct rng *r, uint32_t lo, uint32_t hi); /* lo .. hi */
double rng_unit(struct rng *r);                              /* 0 .. below 1 */
bool rng_chance(struct rng *r, double p);
void rng_bytes(struct rng *r, void *p, size_t n);

#endif
