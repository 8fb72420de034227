/* replay.c - a fuzzer's main() without libFuzzer: every file of the folders named is an input. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In a block of exactly its size, so that a sanitizer sees its end. */
static int replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	uint8_t *data;
	size_t size;

	if (f == NULL || fstat(fileno(f), &st) < 0) {
		perror(path);
		return 1;
	}
	size = (size_t)st.st_size;
	data = malloc(size > 0 ? size : 1);
	if (data == NULL || fread(data, 1, size, f) != size) {
		fprintf(stderr, "%s: cannot be read\n", path);
		return 1;
	}
	fclose(f);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

/* Returns how many there were, or -1. */
static int replay_all(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	char path[4096];
	int count = 0;

	if (dir == NULL) {
		perror(folder);
		return -1;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		/* Before it runs: what crashes is the last one told. */
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		puts(path);
		fflush(stdout);
		if (replay(path) != 0)
			return -1;
		count++;
	}
	closedir(dir);
	return count;
}

int main(int argc, char **argv)
{
	int all = 0;

	for (int i = 1; i < argc; i++) {
		int count = replay_all(argv[i]);

		if (count < 0)
			return 1;
		all += count;
	}
	printf("%d inputs\n", all);
	return all > 0 ? 0 : 1; /* a test of nothing is none */
}
