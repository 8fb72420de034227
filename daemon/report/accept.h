/* accept.h - which form of an answer an HTTP client prefers (RFC 9110, sections 12.4.2 and 12.5.1). */
#ifndef KT_ACCEPT_H
#define KT_ACCEPT_H

#include <stddef.h>

/* How much it wants a media type, in thousandths: the best `q` of the ranges of its Accept fields that name exactly this
 * type, without parameters; 0: it names none.  A request as it came, up to its empty line. */
unsigned accept_quality(const char *request, size_t n, const char *type);

#endif
