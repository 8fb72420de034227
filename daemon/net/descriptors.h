/* descriptors.h - file descriptors: as many as there may be, and some kept back.
 *
 * Connections come in any number.  Were they to take the last descriptor, there would be none
 * for the UDP socket of the session that is to carry them, nor for a name server or for somebody
 * who looks what is wrong; and as they wait for that session, none would ever come free. */
#ifndef KT_DESCRIPTORS_H
#define KT_DESCRIPTORS_H

#include <stdbool.h>

/* Raise the soft limit to the hard one: nothing here uses select(). */
void descriptors_raise_limit(void);
/* `fd` is one of those kept back.  The kernel gives the lowest that is free, so its number
 * tells how many are. */
bool descriptor_is_kept(int fd);
/* One that is not kept back is free now. */
bool descriptors_left(void);

#endif
