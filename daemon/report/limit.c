/* limit.c - what holds a sender back, as one word. */
#include "limit.h"

#include <string.h>

const char *const limit_words[LIMITS] = {
	[KCP_LIMIT_APPLICATION] = "application", [KCP_LIMIT_CONTROLLER] = "path",
	[KCP_LIMIT_PEER] = "peer-window",        [KCP_LIMIT_WINDOW] = "sndwnd",
	[KCP_LIMIT_RATE] = "ratelimit",
};

enum kcp_limit limit_of(const struct kcp_info *k)
{
	if (k->limit != KCP_LIMIT_CONTROLLER || strcmp(k->cc_name, kcp_cc_none.name) != 0)
		return k->limit;
	return k->rmt_wnd < k->snd_wnd ? KCP_LIMIT_PEER : KCP_LIMIT_WINDOW;
}
