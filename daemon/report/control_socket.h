/* control_socket.h - the Unix socket of the control channel: made, guarded, not taken from another. */
#ifndef KT_CONTROL_SOCKET_H
#define KT_CONTROL_SOCKET_H

#include <stdbool.h>

/* Who may open the socket, besides root and the daemon's user. */
#define CONTROL_GROUP "kcptun"

/* A socket bound to `path`, mode 0660, of the group if that exists; a path that nobody answers on
 * any more is replaced.  -1 after having logged why: at the default path, where an
 * ordinary user may not write, as a warning, and *without is set: go on without one. */
int control_socket(const char *path, bool *without);

#endif
