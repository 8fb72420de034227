/* privilege.h - whom the process is, when root starts it, and what that user can read. */
#ifndef KT_PRIVILEGE_H
#define KT_PRIVILEGE_H

#include <stdbool.h>

#include "config.h"

/* The user of the units that come with the daemon. */
#define PRIVILEGE_SERVICE_USER "kcptun"

/* Root becomes `user` of [daemon], for good; with its groups, and with the right to bind ports below
 * 1024 alone, and where a tunnel has an fwmark with CAP_NET_ADMIN.  The state directory is made, and the control socket given to that user, before.  Who
 * is not root stays who he is.  False: it failed, and that was logged. */
bool privilege_drop(const struct config *c);

/* For root: of each file of a configuration a warning if the user that is to run it cannot read it,
 * which is `user` of [daemon], or else the units'; nothing when there is no such user. */
void privilege_check(const struct config *c, conf_report_fn *report, void *user);

#endif
