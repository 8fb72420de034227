/* fuzz_control.c - whatever a client of the control channel sends. */
#include "control.c"

#include "fuzz_service.h"

static bool no_reload(void *user, control_say_fn *say, void *to)
{
	say(to, NULL, "fuzz");
	return false;
}

static const struct control_ops ops = { .reload = no_reload };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control ctl = { .src = &source, .ops = &ops };
	struct client client = { .may_change = true };
	struct conn c = { .set = &ctl.clients, .user = &client };

	ctl.clients.owner = &ctl;
	feed(&c, data, size);
	report_free(client.report);
	text_dispose(&c.out);
	log_set_level(LOG_LEVEL_ERR); /* the commands may have changed it */
	return 0;
}
