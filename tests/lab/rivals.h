/* rivals.h - the flows beside the one that is measured: TCP-like ones, or tunnels of its kind. */
#ifndef KT_LAB_RIVALS_H
#define KT_LAB_RIVALS_H

#include <stdbool.h>

#include "tunnel.h"
#include "world.h"

struct rivals;

/* `kind` is "cubic", "bbr" or "same"; tunnels get `like` with other seeds, and begin to warm up. */
struct rivals *rivals_new(struct world *w, const char *kind, unsigned count,
			  const struct tunnel_params *like);
bool rivals_known(const char *kind);
/* NULL is fine. */
void rivals_free(struct rivals *r);
/* Those that are tunnels have carried their first bytes. */
bool rivals_warm(const struct rivals *r);
/* Each carries bulk over link `way` from now on. */
void rivals_start(struct rivals *r, unsigned way, uint64_t from_us, uint64_t to_us);
unsigned rivals_count(const struct rivals *r);
/* Payload of one that arrived. */
uint64_t rivals_bytes(const struct rivals *r, unsigned i);
/* NULL: all is well. */
const char *rivals_why(const struct rivals *r);

#endif
