/* footprint.c - give back the memory that only starting up needed.
 *
 * Nearly half of what is resident after start is code that ran once: the dynamic linker's
 * work, libcrypto's set-up of its providers, key derivation, the configuration.  Its pages
 * are clean copies of files; dropped from our address space they come back by
 * themselves, one by one, if they are ever run again. */
#include "footprint.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#ifdef __linux__
#include <sys/mman.h>

/* A debugger's breakpoints are changes of those pages, and would be lost. */
static bool is_traced(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[128];
	bool traced = f == NULL; /* not to be known: leave all as it is */
	int pid;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "TracerPid: %d", &pid) == 1)
			traced = pid != 0;
	if (f != NULL)
		fclose(f);
	return traced;
}

/* Code that is mapped from files, and that nobody can have written to. */
static void drop_code(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	uintptr_t start, end;
	unsigned long inode;
	char line[512], perms[5];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*x %*s %lu", &start, &end, perms,
			   &inode) == 4 &&
		    strcmp(perms, "r-xp") == 0 && inode != 0)
			madvise((void *)start, end - start, MADV_DONTNEED);
	if (f != NULL)
		fclose(f);
}

void footprint_started(void)
{
	footprint_idle();
	if (!is_traced())
		drop_code();
}

#else

void footprint_started(void)
{
	footprint_idle();
}

#endif

void footprint_idle(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
