/* repair_share.c - how much parity a set needs. */
#include "fec_repair.h"

/* Beyond this so much would be needed that it is cheaper to send again. */
#define LOSS_MAX 0.25
#define MISS_MAX 0.005

/* How probable it is that more than `most` of `n` are lost. */
static double probability_of_more(unsigned n, unsigned most, double loss)
{
	double term = 1, sum;

	for (unsigned i = 0; i < n; i++)
		term *= 1 - loss;
	sum = term;
	for (unsigned k = 1; k <= most; k++) {
		term *= loss / (1 - loss) * (n - k + 1) / k;
		sum += term;
	}
	return 1 - sum;
}

unsigned repair_share(unsigned count, uint32_t loss_ppm)
{
	double loss = loss_ppm / 1e6;
	unsigned parity = 0;

	if (count == 0)
		return 0;
	if (loss > LOSS_MAX)
		loss = LOSS_MAX;
	while (parity < REPAIR_PARITY_MAX &&
	       probability_of_more(count + parity, parity, loss) > MISS_MAX)
		parity++;
	return parity;
}
