/* alloc.h - the program's allocator with a fault in it: some requests fail, and what is live is known.
 *
 * alloc.c stands in for malloc() and its kin in the whole process, libraries included.  One thread. */
#ifndef KT_FAULTS_ALLOC_H
#define KT_FAULTS_ALLOC_H

#include <stddef.h>

/* From now on requests are counted from 1; `count` of them from the nth on fail.  0, 0: none. */
void alloc_arm(unsigned long nth, unsigned long count);
/* Requests since then, and those that failed. */
unsigned long alloc_asked(void);
unsigned long alloc_failed(void);

/* In between the process allocates for itself: nothing is counted, nothing fails.  Nests. */
void alloc_pause(void);
void alloc_resume(void);

/* Pieces that were allocated since alloc_arm(), pauses apart, and are not freed; but not those that
 * libcrypto keeps after a failure of its own. */
size_t alloc_live(void);
/* A line on stderr for each of them, 16 at most: who asked. */
void alloc_print_live(void);

#endif
