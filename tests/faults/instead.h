/* instead.h - malloc() and its kin, in the place of libc's: once in a program, or in what is preloaded into it.
 *
 * Whoever includes this has, before it, for each request and its `caller`:
 *
 *     bool refuses(const void *caller)       it fails, and errno says so
 *     void note(void *mem, void *caller)     it gave this; NULL is fine
 *     void forget(void *mem)                 it is given back; NULL is fine */
#ifndef KT_FAULTS_INSTEAD_H
#define KT_FAULTS_INSTEAD_H

#include <errno.h>
#include <stdlib.h>

#include "behind.h"

static void *get(size_t n, void *caller)
{
	void *p;

	if (!behind_found())
		return behind_early(n);
	if (refuses(caller))
		return NULL;
	p = behind_malloc(n);
	note(p, caller);
	return p;
}

void *malloc(size_t n)
{
	return get(n, __builtin_return_address(0));
}

void *calloc(size_t count, size_t n)
{
	void *p;

	if (!behind_found())
		return behind_early(count * n);
	if (refuses(__builtin_return_address(0)))
		return NULL;
	p = behind_calloc(count, n);
	note(p, __builtin_return_address(0));
	return p;
}

void *realloc(void *old, size_t n)
{
	void *p;

	if (!behind_found() || behind_is_early(old))
		abort();
	if (n > 0 && refuses(__builtin_return_address(0)))
		return NULL;
	forget(old);
	p = behind_realloc(old, n);
	note(p, __builtin_return_address(0));
	return p;
}

void *aligned_alloc(size_t alignment, size_t n)
{
	void *p;

	if (!behind_found())
		abort();
	if (refuses(__builtin_return_address(0)))
		return NULL;
	p = behind_aligned_alloc(alignment, n);
	note(p, __builtin_return_address(0));
	return p;
}

int posix_memalign(void **p, size_t alignment, size_t n)
{
	int err;

	if (!behind_found())
		abort();
	if (refuses(__builtin_return_address(0)))
		return ENOMEM;
	err = behind_posix_memalign(p, alignment, n);
	if (err == 0)
		note(*p, __builtin_return_address(0));
	return err;
}

void free(void *p)
{
	if (p == NULL || behind_is_early(p) || !behind_found())
		return;
	forget(p);
	behind_free(p);
}

#endif
