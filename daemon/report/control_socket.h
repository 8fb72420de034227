/* control_socket.h - the Unix socket of the control channel: made, guarded, not taken from another. */
#ifndef KT_CONTROL_SOCKET_H
#define KT_CONTROL_SOCKET_H

#include <stdbool.h>

/* Who may open the socket, besides root and the daemon's user. */
#define CONTROL_GROUP "kcptun"

enum { CONTROL_WHY_BYTES = 512 };

/* A socket bound to `path`, mode 0660, of the group if that exists; a path that nobody answers on any more is replaced.
 * -1: `why` not, a sentence; at the default path, where an ordinary user may not write, *without is set: a daemon may go
 * on without one.  Else `why` is "", or says why it is not the group's. */
int control_socket(const char *path, char why[static CONTROL_WHY_BYTES], bool *without);
/* Both lead to one and the same socket. */
bool control_same_socket(const char *a, const char *b);

#endif
