/* behind.c - the allocator behind one that stands in for it, and which of its pieces are live. */
#include "behind.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	EARLY_BYTES = 1 << 16,
	CXX_NEW_BYTES = 256, /* the length of operator new is less */
};

void *(*behind_malloc)(size_t);
void *(*behind_calloc)(size_t, size_t);
void *(*behind_realloc)(void *, size_t);
void *(*behind_aligned_alloc)(size_t, size_t);
int (*behind_posix_memalign)(void **, size_t, size_t);
void (*behind_free)(void *);
static uintptr_t cxx_new; /* 0: no such library */
static bool finding;

/* Never given back. */
static _Alignas(16) char early[EARLY_BYTES];
static size_t early_used;

bool behind_is_early(const void *p)
{
	return (const char *)p >= early && (const char *)p < early + sizeof(early);
}

void *behind_early(size_t n)
{
	void *p = early + early_used;

	n = (n + 15) & ~(size_t)15;
	if (n > sizeof(early) - early_used)
		abort();
	early_used += n;
	return p;
}

/* POSIX wants it: a function's address comes as a pointer to an object. */
void behind_find(void *function, const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	if (symbol == NULL)
		abort();
	memcpy(function, &symbol, sizeof(symbol));
}

bool behind_found(void)
{
	if (behind_free != NULL)
		return true;
	if (finding)
		return false;
	finding = true;
	behind_find(&behind_malloc, "malloc");
	behind_find(&behind_calloc, "calloc");
	behind_find(&behind_realloc, "realloc");
	behind_find(&behind_aligned_alloc, "aligned_alloc");
	behind_find(&behind_posix_memalign, "posix_memalign");
	behind_find(&behind_free, "free");
	cxx_new = (uintptr_t)dlsym(RTLD_DEFAULT, "_Znwm");
	finding = false;
	return true;
}

bool behind_is_cxx(const void *caller)
{
	return cxx_new != 0 && (uintptr_t)caller - cxx_new < CXX_NEW_BYTES;
}

/* ---- what is live ------------------------------------------------------------------------ */

struct live_piece live_table[LIVE_PLACES];
size_t live_count;

static size_t home(uintptr_t not_mem)
{
	return (size_t)((not_mem >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - LIVE_BITS));
}

static size_t next(size_t place)
{
	return (place + 1) % LIVE_PLACES;
}

void live_note(void *mem, void *caller, unsigned long order)
{
	uintptr_t not_mem = ~(uintptr_t)mem;
	size_t i = home(not_mem);

	if (mem == NULL)
		return;
	if (live_count > LIVE_PLACES / 2)
		abort();
	while (live_table[i].not_mem != 0)
		i = next(i);
	live_table[i] = (struct live_piece){ not_mem, caller, order };
	live_count++;
}

/* Those behind it move up, so that no search ends before them. */
void live_forget(const void *mem)
{
	uintptr_t not_mem = ~(uintptr_t)mem;
	size_t i = home(not_mem);

	if (mem == NULL)
		return;
	for (; live_table[i].not_mem != not_mem; i = next(i))
		if (live_table[i].not_mem == 0)
			return;
	live_count--;
	for (size_t j = next(i); live_table[j].not_mem != 0; j = next(j)) {
		size_t from_home = (j - home(live_table[j].not_mem)) % LIVE_PLACES;

		if (from_home < (j - i) % LIVE_PLACES)
			continue;
		live_table[i] = live_table[j];
		i = j;
	}
	live_table[i].not_mem = 0;
}

void live_clear(void)
{
	if (live_count > 0)
		memset(live_table, 0, sizeof(live_table));
	live_count = 0;
}
