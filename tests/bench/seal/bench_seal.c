/* bench_seal.c - speed of sealing and opening; prints figures and judges nothing.
 *
 * First AES-256-CFB, 64 packets of 1350 bytes, against one EVP CFB call per packet
 * with the same CRC; both sides of a ratio are measured in turns, round by round, and the medians
 * printed.  Then every method, at three sizes of batch. */
#include "seal.h"

#include "seal_impl.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PACKETS = 64, DATAGRAM = 1350, ROUNDS = 41, BATCHES = 8 };

static const uint8_t pass[SEAL_KEY_SIZE] = { 1, 2, 3 }, seed[SEAL_SEED_SIZE] = { 4, 5, 6 };
static const uint8_t iv[16] = {
	0xa7, 0x73, 0x4f, 0x9c, 0x12, 0xac, 0x1b, 0x01,
	0xa4, 0x15, 0xf2, 0xc1, 0xfc, 0x78, 0xe6, 0x6b,
};

/* Everything one measured function needs. */
struct bench {
	struct seal *seal;
	EVP_CIPHER_CTX *encrypt, *decrypt; /* of the plain per-packet way */
	struct packet_pool pool;
	struct batch plain, sealed, work;
	size_t count, datagram;
	size_t wrong;
};

/* --- what is measured; each works on b->work --- */

static void ours_seal(struct bench *b)
{
	seal_batch(b->seal, b->work.v, b->count);
}

static void ours_open(struct bench *b)
{
	b->wrong += b->count - seal_open_batch(b->seal, b->work.v, b->count);
}

static void ours_encrypt(struct bench *b)
{
	for (size_t i = 0; i < b->count; i += SEAL_GROUP)
		seal_cfb_encrypt(&b->seal->cfb, b->work.v + i, SEAL_GROUP);
}

static void ours_decrypt(struct bench *b)
{
	for (size_t i = 0; i < b->count; i += SEAL_GROUP)
		seal_cfb_decrypt(&b->seal->cfb, b->work.v + i, SEAL_GROUP);
}

static void plain_encrypt_one(struct bench *b, struct packet *p)
{
	int n;

	EVP_EncryptInit_ex(b->encrypt, NULL, NULL, NULL, iv);
	EVP_EncryptUpdate(b->encrypt, p->data, &n, p->data, (int)p->len);
}

static void plain_decrypt_one(struct bench *b, struct packet *p)
{
	int n;

	EVP_DecryptInit_ex(b->decrypt, NULL, NULL, NULL, iv);
	EVP_DecryptUpdate(b->decrypt, p->data, &n, p->data, (int)p->len);
}

static void plain_encrypt(struct bench *b)
{
	for (size_t i = 0; i < b->count; i++)
		plain_encrypt_one(b, &b->work.v[i]);
}

static void plain_decrypt(struct bench *b)
{
	for (size_t i = 0; i < b->count; i++)
		plain_decrypt_one(b, &b->work.v[i]);
}

/* The same nonces, CRC and care for the vector unit as ours. */
static void plain_seal(struct bench *b)
{
	for (size_t i = 0; i < b->count; i++) {
		struct packet *p = &b->work.v[i];

		seal_crc_frame(b->seal, p, 1);
		plain_encrypt_one(b, p);
	}
}

static void plain_open(struct bench *b)
{
	for (size_t i = 0; i < b->count; i++) {
		struct packet *p = &b->work.v[i];

		plain_decrypt_one(b, p);
		seal_crc_check(p, 1);
		b->wrong += p->bad;
	}
}

/* --- measuring --- */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void load(struct batch *to, const struct batch *from)
{
	for (size_t i = 0; i < from->count; i++) {
		struct packet *p = &to->v[i];

		p->data = p->mem + (from->v[i].data - from->v[i].mem);
		p->len = from->v[i].len;
		p->bad = false;
		memcpy(p->data, from->v[i].data, p->len);
	}
}

/* GB/s of datagram bytes; the clock runs for the measured function only. */
static double measure(struct bench *b, void (*f)(struct bench *), const struct batch *input)
{
	double spent = 0;

	for (int i = 0; i < BATCHES; i++) {
		double start;

		load(&b->work, input);
		start = now();
		f(b);
		spent += now() - start;
	}
	return (double)BATCHES * (double)b->count * (double)b->datagram / spent / 1e9;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double median(double *v, size_t count)
{
	qsort(v, count, sizeof(*v), by_value);
	return v[count / 2];
}

static void fill_batch(struct batch *to, const struct seal_method *m, size_t count, size_t datagram)
{
	batch_clear(to);
	for (size_t i = 0; i < count; i++) {
		struct packet *p = batch_add(to);

		if (p == NULL)
			abort();
		p->len = datagram - m->head - m->tail;
		for (size_t k = 0; k < p->len; k++)
			p->data[k] = (uint8_t)(i + k * k);
	}
}

static void prepare(struct bench *b, size_t count, size_t datagram)
{
	const struct seal_method *m = b->seal->method;

	b->count = count;
	b->datagram = datagram;
	fill_batch(&b->plain, m, count, datagram);
	fill_batch(&b->sealed, m, count, datagram);
	fill_batch(&b->work, m, count, datagram);
	seal_batch(b->seal, b->sealed.v, count);
}

static struct bench *bench_new(void)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (b == NULL)
		abort();
	packet_pool_init(&b->pool);
	batch_init(&b->plain, &b->pool);
	batch_init(&b->sealed, &b->pool);
	batch_init(&b->work, &b->pool);
	b->encrypt = EVP_CIPHER_CTX_new();
	b->decrypt = EVP_CIPHER_CTX_new();
	if (!EVP_EncryptInit_ex(b->encrypt, EVP_aes_256_cfb128(), NULL, pass, iv) ||
	    !EVP_DecryptInit_ex(b->decrypt, EVP_aes_256_cfb128(), NULL, pass, iv))
		abort();
	return b;
}

static void bench_free(struct bench *b)
{
	if (b->wrong > 0)
		printf("%zu packets did not open\n", b->wrong);
	batch_clear(&b->plain);
	batch_clear(&b->sealed);
	batch_clear(&b->work);
	packet_pool_dispose(&b->pool);
	EVP_CIPHER_CTX_free(b->encrypt);
	EVP_CIPHER_CTX_free(b->decrypt);
	free(b);
}

/* --- AES-256-CFB against one call per packet --- */

static void compare(struct bench *b, const char *what, void (*ours)(struct bench *),
		    void (*plain)(struct bench *), const struct batch *input)
{
	double fast[ROUNDS], slow[ROUNDS], ratio[ROUNDS];

	for (size_t i = 0; i < ROUNDS; i++) {
		slow[i] = measure(b, plain, input);
		fast[i] = measure(b, ours, input);
		ratio[i] = fast[i] / slow[i];
	}
	printf("%-30s %7.3f GB/s   per packet %6.3f GB/s   ratio %5.2f\n", what,
	       median(fast, ROUNDS), median(slow, ROUNDS), median(ratio, ROUNDS));
}

static void aes_against_per_packet(struct bench *b)
{
	b->seal = seal_new(seal_method_find("aes"), pass, seed, NULL);
	if (b->seal == NULL)
		abort();
	prepare(b, PACKETS, DATAGRAM);
	printf("AES-256-CFB, %d packets of %d bytes, medians of %d interleaved rounds\n", PACKETS,
	       DATAGRAM, ROUNDS);
	compare(b, "seal (nonce, CRC, cipher)", ours_seal, plain_seal, &b->plain);
	compare(b, "open (cipher, CRC)", ours_open, plain_open, &b->sealed);
	compare(b, "seal, cipher only", ours_encrypt, plain_encrypt, &b->sealed);
	compare(b, "open, cipher only", ours_decrypt, plain_decrypt, &b->sealed);
	seal_free(b->seal);
}

/* --- every method --- */

static void print_speed(struct bench *b, size_t count, size_t datagram)
{
	double s[5], o[5];

	prepare(b, count, datagram);
	for (size_t i = 0; i < ARRAY_LEN(s); i++) {
		s[i] = measure(b, ours_seal, &b->plain);
		o[i] = measure(b, ours_open, &b->sealed);
	}
	printf("   %7.3f %7.3f", median(s, ARRAY_LEN(s)), median(o, ARRAY_LEN(o)));
}

static void every_method(struct bench *b)
{
	printf("\nGB/s           64 x 1350 bytes     1 x 1350 bytes      64 x 80 bytes\n");
	printf("%-14s", "");
	for (int i = 0; i < 3; i++)
		printf("      seal    open");
	printf("\n");
	for (size_t i = 0; i < seal_method_count; i++) {
		const struct seal_method *m = &seal_methods[i];

		b->seal = seal_new(m, pass, seed, NULL);
		printf("%-17s", m->name);
		if (b->seal == NULL) {
			printf("   %s\n", seal_missing(m));
			continue;
		}
		print_speed(b, 64, DATAGRAM);
		print_speed(b, 1, DATAGRAM);
		print_speed(b, 64, 80);
		printf("\n");
		seal_free(b->seal);
	}
}

int main(void)
{
	struct bench *b = bench_new();

	aes_against_per_packet(b);
	every_method(b);
	bench_free(b);
	return 0;
}
