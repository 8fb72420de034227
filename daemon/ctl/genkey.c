/* genkey.c - print a new random key. */
#include "ctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

/* As many as the ciphers make of a key; base64 passes through INI files, shells and JSON unharmed. */
enum { KEY_BYTES = 32, TEXT_BYTES = (KEY_BYTES + 2) / 3 * 4 + 1 };

int ctl_genkey(int argc, char **argv)
{
	uint8_t key[KEY_BYTES];
	uint8_t text[TEXT_BYTES];
	int rc = ctl_parse_options(argc, argv);

	if (rc >= 0)
		return rc;
	if (argc != optind)
		return ctl_usage(argv[0]);
	/* up to 256 bytes come whole or not at all */
	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key)) {
		fprintf(stderr, "kcptunctl: no random bytes: %s\n", strerror(errno));
		return CTL_REFUSED;
	}
	EVP_EncodeBlock(text, key, KEY_BYTES);
	rc = printf("%s\n", (const char *)text) > 0 && fflush(stdout) == 0 ? CTL_DONE : CTL_REFUSED;
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(text, sizeof(text));
	return rc;
}
