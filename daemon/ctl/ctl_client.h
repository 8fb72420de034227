/* ctl_client.h - kcptunctl's end of the control channel. */
#ifndef KT_CTL_CLIENT_H
#define KT_CTL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "text.h"

/* A reload may wait for another one, and either for name servers that do not answer. */
enum { CTL_WHY_BYTES = 512, CTL_ANSWER_S = 40 };

/* Between them the name of an instance, in the path of its socket; that of kcptund.service is CONF_CONTROL_DEFAULT. */
#define CTL_SOCKET_FOLDER "/run/kcptun/"
#define CTL_SOCKET_END ".sock"

struct ctl_client {
	int fd;                  /* -1: not connected */
	struct text answer;      /* the last one, without its newline */
	char why[CTL_WHY_BYTES]; /* what went wrong last, in a sentence, with what to do about it */
};

void ctl_client_init(struct ctl_client *c);
void ctl_client_close(struct ctl_client *c);
/* False with c->why set. */
bool ctl_client_connect(struct ctl_client *c, const char *path);
/* Send one command and wait for its answer, in c->answer as it came.  False: the connection is lost
 * (and closed), c->why says so. */
bool ctl_client_ask(struct ctl_client *c, const char *command);
/* The same in parts, for those who have other things to wait for, too: send, then receive
 * whenever the descriptor is readable, until the answer is whole. */
enum ctl_received { CTL_PART, CTL_WHOLE, CTL_LOST };
bool ctl_client_send(struct ctl_client *c, const char *command);
enum ctl_received ctl_client_receive(struct ctl_client *c); /* does not wait */
void ctl_client_disconnect(struct ctl_client *c);
/* The answer as JSON, the caller's; NULL when it is none. */
json_t *ctl_client_json(const struct ctl_client *c);

#endif
