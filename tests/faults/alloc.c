/* alloc.c - the program's allocator with a fault in it. */
#include "alloc.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "behind.h"

enum { PRINT_MAX = 16 };

static unsigned paused = 1; /* until it is armed */
static unsigned long asked, failed, fail_first, fail_count;
static bool crypto_failed; /* one of those was libcrypto's */

static void note(void *mem, void *caller)
{
	if (paused == 0)
		live_note(mem, caller, asked);
}

void alloc_arm(unsigned long nth, unsigned long count)
{
	live_clear();
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
static bool is_excused(const struct live_piece *p)
{
	return crypto_failed && is_of_libcrypto(p->caller);
}

size_t alloc_live(void)
{
	size_t n = live_count;

	for (size_t i = 0; i < LIVE_PLACES && n > 0; i++)
		n -= live_table[i].not_mem != 0 && is_excused(&live_table[i]);
	return n;
}

void alloc_print_live(void)
{
	size_t printed = 0;

	alloc_pause();
	for (size_t i = 0; i < LIVE_PLACES && printed < PRINT_MAX; i++) {
		Dl_info where = { .dli_fname = "?" };

		if (live_table[i].not_mem == 0 || is_excused(&live_table[i]))
			continue;
		dladdr(live_table[i].caller, &where);
		fprintf(stderr, "    request %lu: %s+0x%lx (%s)\n", live_table[i].order,
			where.dli_fname,
			(unsigned long)((char *)live_table[i].caller - (char *)where.dli_fbase),
			where.dli_sname != NULL ? where.dli_sname : "static");
		printed++;
	}
	alloc_resume();
}

/* ---- in its place ---------------------------------------------------------------------------- */

/* This request is one of those that fail. */
static bool refuses(const void *caller)
{
	if (paused > 0 || behind_is_cxx(caller))
		return false;
	asked++;
	if (asked < fail_first || asked - fail_first >= fail_count)
		return false;
	failed++;
	crypto_failed |= is_of_libcrypto(caller);
	errno = ENOMEM;
	return true;
}

static void forget(void *mem)
{
	live_forget(mem);
}

#include "instead.h"
