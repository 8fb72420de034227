/* fuzz_metrics.c - whatever a client of /metrics sends. */
#include "metrics.c"

#include "fuzz_service.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct metrics m = { .src = &source };
	struct conn c = { .set = &m.clients };

	m.clients.owner = &m;
	feed(&c, data, size);
	end_scrape(&c);
	text_dispose(&c.out);
	return 0;
}
