/* checks.h - what must hold, of the laboratory itself and of the tunnels in it. */
#ifndef KT_LAB_CHECKS_H
#define KT_LAB_CHECKS_H

#include <stdbool.h>

/* The links do to packets what they say, the rivals fill a link and share it, and the same seed
 * gives the same figures.  Prints a line each; false when one does not hold. */
bool checks_self(void);

#endif
