/* linkrelay.c - a UDP relay with a link in it, to run real programs over: no root, no network of its
 * own, one port on loopback.
 *
 *     linkrelay --listen 4000 --to 127.0.0.1:29900 --link wan-5 --seed 7
 *     linkrelay --listen 4000 --to 29900 --link wan,rate=20,down.loss=3,down.run=10
 *
 * The links are those of the laboratory (tests/lab/link.h), with the same stages, names and keys, on
 * real time: what is measured here and there can be compared. What happens to the n-th datagram of a
 * direction depends on the seed alone, as far as it does not depend on when it comes. */
#include "options.h"
#include "relay.h"

int main(int argc, char **argv)
{
	struct options o;

	options_parse(&o, argc, argv);
	return relay_run(&o);
}
