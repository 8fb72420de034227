/* alloc.c - the program's allocator with a fault in it. */
#include "alloc.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LIVE_BITS = 15,
	LIVE_MAX = 1 << LIVE_BITS, /* places in the table of what is live */
	EARLY_BYTES = 1 << 16,
	PRINT_MAX = 16,
	CXX_NEW_BYTES = 256, /* its length is less */
};

/* ---- the allocator behind ------------------------------------------------------------- */

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static void *(*next_aligned_alloc)(size_t, size_t);
static int (*next_posix_memalign)(void **, size_t, size_t);
static void (*next_free)(void *);
static uintptr_t cxx_new; /* where C++'s operator new begins; 0: no such library */

/* What is asked for while dlsym() looks for it; never given back. */
static _Alignas(16) char early[EARLY_BYTES];
static size_t early_used;
static bool resolving;

static bool is_early(const void *p)
{
	return (const char *)p >= early && (const char *)p < early + sizeof(early);
}

static void *early_alloc(size_t n)
{
	void *p = early + early_used;

	n = (n + 15) & ~(size_t)15;
	if (n > sizeof(early) - early_used)
		abort();
	early_used += n;
	return p;
}

/* POSIX wants it: a function's address comes as a pointer to an object. */
static void find(void *function, const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	if (symbol == NULL)
		abort();
	memcpy(function, &symbol, sizeof(symbol));
}

/* False while that is under way: the request is one of dlsym()'s. */
static bool resolved(void)
{
	if (next_free != NULL)
		return true;
	if (resolving)
		return false;
	resolving = true;
	find(&next_malloc, "malloc");
	find(&next_calloc, "calloc");
	find(&next_realloc, "realloc");
	find(&next_aligned_alloc, "aligned_alloc");
	find(&next_posix_memalign, "posix_memalign");
	find(&next_free, "free");
	cxx_new = (uintptr_t)dlsym(RTLD_DEFAULT, "_Znwm");
	resolving = false;
	return true;
}

/* ---- what is live ------------------------------------------------------------------------ */

static struct piece {
	void *mem;
	void *caller;
	unsigned long order;
} table[LIVE_MAX];
static size_t live;
static unsigned paused = 1; /* until it is armed */
static unsigned long asked, failed, fail_first, fail_count;
static bool crypto_failed; /* one of those was libcrypto's */

static size_t home(const void *mem)
{
	return (size_t)(((uintptr_t)mem >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - LIVE_BITS));
}

static void note(void *mem, void *caller)
{
	size_t i = home(mem);

	if (mem == NULL || paused > 0)
		return;
	if (live > LIVE_MAX / 2)
		abort();
	while (table[i].mem != NULL)
		i = (i + 1) % LIVE_MAX;
	table[i] = (struct piece){ mem, caller, asked };
	live++;
}

/* Those behind it move up, so that no search ends before them. */
static void forget(const void *mem)
{
	size_t i = home(mem);

	while (table[i].mem != mem || mem == NULL) {
		if (table[i].mem == NULL)
			return;
		i = (i + 1) % LIVE_MAX;
	}
	live--;
	for (size_t j = (i + 1) % LIVE_MAX; table[j].mem != NULL; j = (j + 1) % LIVE_MAX) {
		if ((j - home(table[j].mem)) % LIVE_MAX < (j - i) % LIVE_MAX)
			continue;
		table[i] = table[j];
		i = j;
	}
	table[i].mem = NULL;
}

void alloc_arm(unsigned long nth, unsigned long count)
{
	memset(table, 0, sizeof(table));
	live = 0;
	asked = failed = 0;
	crypto_failed = false;
	fail_first = nth;
	fail_count = count;
	paused = 0;
}

unsigned long alloc_asked(void)
{
	return asked;
}

unsigned long alloc_failed(void)
{
	return failed;
}

void alloc_pause(void)
{
	paused++;
}

void alloc_resume(void)
{
	paused--;
}

static bool is_of_libcrypto(const void *caller)
{
	Dl_info where;

	return dladdr(caller, &where) != 0 && strstr(where.dli_fname, "libcrypto") != NULL;
}

/* libcrypto loses some itself when a request of its own fails; what we made with it is to be freed all the same
 * where the request was another's. */
static bool is_excused(const struct piece *p)
{
	return crypto_failed && is_of_libcrypto(p->caller);
}

size_t alloc_live(void)
{
	size_t n = live;

	for (size_t i = 0; i < LIVE_MAX && n > 0; i++)
		n -= table[i].mem != NULL && is_excused(&table[i]);
	return n;
}

void alloc_print_live(void)
{
	size_t printed = 0;

	alloc_pause();
	for (size_t i = 0; i < LIVE_MAX && printed < PRINT_MAX; i++) {
		Dl_info where = { .dli_fname = "?" };

		if (table[i].mem == NULL || is_excused(&table[i]))
			continue;
		dladdr(table[i].caller, &where);
		fprintf(stderr, "    request %lu: %s+0x%lx (%s)\n", table[i].order, where.dli_fname,
			(unsigned long)((char *)table[i].caller - (char *)where.dli_fbase),
			where.dli_sname != NULL ? where.dli_sname : "static");
		printed++;
	}
	alloc_resume();
}

/* ---- in its place ---------------------------------------------------------------------------- */

/* libsnappy's operator new would throw, and end the process.  The codec tries before it calls whether there is as
 * much (snappy.c), which is a request that fails as any. */
static bool is_spared(const void *caller)
{
	return cxx_new != 0 && (uintptr_t)caller - cxx_new < CXX_NEW_BYTES;
}

/* This request is one of those that fail. */
static bool fails(const void *caller)
{
	if (paused > 0 || is_spared(caller))
		return false;
	asked++;
	if (asked < fail_first || asked - fail_first >= fail_count)
		return false;
	failed++;
	crypto_failed |= is_of_libcrypto(caller);
	errno = ENOMEM;
	return true;
}

void *malloc(size_t n)
{
	void *p;

	if (!resolved())
		return early_alloc(n);
	if (fails(__builtin_return_address(0)))
		return NULL;
	p = next_malloc(n);
	note(p, __builtin_return_address(0));
	return p;
}

void *calloc(size_t count, size_t n)
{
	void *p;

	if (!resolved())
		return early_alloc(count * n);
	if (fails(__builtin_return_address(0)))
		return NULL;
	p = next_calloc(count, n);
	note(p, __builtin_return_address(0));
	return p;
}

void *realloc(void *old, size_t n)
{
	void *p;

	if (!resolved() || is_early(old))
		abort();
	if (n > 0 && fails(__builtin_return_address(0)))
		return NULL;
	forget(old);
	p = next_realloc(old, n);
	note(p, __builtin_return_address(0));
	return p;
}

void *aligned_alloc(size_t alignment, size_t n)
{
	void *p;

	if (!resolved())
		abort();
	if (fails(__builtin_return_address(0)))
		return NULL;
	p = next_aligned_alloc(alignment, n);
	note(p, __builtin_return_address(0));
	return p;
}

int posix_memalign(void **p, size_t alignment, size_t n)
{
	int err;

	if (!resolved())
		abort();
	if (fails(__builtin_return_address(0)))
		return ENOMEM;
	err = next_posix_memalign(p, alignment, n);
	if (err == 0)
		note(*p, __builtin_return_address(0));
	return err;
}

void free(void *p)
{
	if (p == NULL || is_early(p) || !resolved())
		return;
	forget(p);
	next_free(p);
}
