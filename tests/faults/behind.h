/* behind.h - the allocator behind one that stands in for it, and which of its pieces are live.
 *
 * For whoever defines malloc() and its kin: alloc.c in its own program, preload.c in any.  One thread. */
#ifndef KT_FAULTS_BEHIND_H
#define KT_FAULTS_BEHIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern void *(*behind_malloc)(size_t);
extern void *(*behind_calloc)(size_t, size_t);
extern void *(*behind_realloc)(void *, size_t);
extern void *(*behind_aligned_alloc)(size_t, size_t);
extern int (*behind_posix_memalign)(void **, size_t, size_t);
extern void (*behind_free)(void *);

/* False while they are looked for: the request is dlsym()'s own, and is for behind_early(). */
bool behind_found(void);
void *behind_early(size_t n);
bool behind_is_early(const void *p);
/* *function = what `name` means behind this object. */
void behind_find(void *function, const char *name);

/* C++'s operator new asks.  It would throw and end the process; libsnappy's caller tries before whether there is as
 * much (snappy.c), and that request fails as any. */
bool behind_is_cxx(const void *caller);

/* ---- what is live ----------------------------------------------------------------------- */

/* Its address stands here complemented, so that LeakSanitizer does not take it for a reference. */
struct live_piece {
	uintptr_t not_mem; /* 0: none */
	void *caller;
	unsigned long order;
};
enum { LIVE_BITS = 17, LIVE_PLACES = 1 << LIVE_BITS };
extern struct live_piece live_table[LIVE_PLACES];
extern size_t live_count;

/* NULL is fine. */
void live_note(void *mem, void *caller, unsigned long order);
/* Nothing if it is not noted. */
void live_forget(const void *mem);
void live_clear(void);

#endif
