/* Owns the files `cluster` (shards, hash key, ids), `starts` and the admin token. */
#include "supervisor/identity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "supervisor/directory.h"

#define FILE_MOST 4096 /* bytes */
#define SHARDS_MOST 16384
#define FORMAT 2 /* of the file `cluster` */

static int random_bytes(void *out, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t got = getrandom((char *)out + at, n - at, 0);
		if (got < 0 && errno != EINTR)
			return -errno;
		at += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

static bool read_hex(const char *text, unsigned char *ret, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned v;
		if (strspn(text + 2 * i, "0123456789abcdef") < 2 || sscanf(text + 2 * i, "%2x", &v) != 1)
			return false;
		ret[i] = (unsigned char)v;
	}
	return text[2 * n] == '\0';
}

/* Takes a line `name hex` off *at; false where it is another one. Its end may be the text's. */
static bool read_line(const char **at, const char *name, unsigned char *ret, size_t n)
{
	char hex[2 * HASH_KEY_SIZE + 1];
	size_t length = strlen(name);

	if (strncmp(*at, name, length) != 0 || strcspn(*at + length, "\n") != 2 * n)
		return false;
	memcpy(hex, *at + length, 2 * n);
	hex[2 * n] = '\0';
	*at += length + 2 * n;
	*at += **at == '\n';
	return read_hex(hex, ret, n);
}

/* Format 1 ends after the key. */
static bool parse(const char *text, struct identity *ret, int *ret_format)
{
	unsigned char node[sizeof(ret->node)] = { 0 };
	unsigned shards;
	int format, used = 0;

	if (sscanf(text, "stage-cluster %d\nshards %u%n", &format, &shards, &used) != 2 || text[used] != '\n')
		return false;
	if (shards == 0 || shards > SHARDS_MOST || (format != 1 && format != FORMAT))
		return false;
	text += used + 1;
	if (!read_line(&text, "key ", ret->key, sizeof(ret->key)))
		return false;
	if (format == FORMAT && (!read_line(&text, "id ", ret->cluster, sizeof(ret->cluster)) ||
	                         !read_line(&text, "node ", node, sizeof(node))))
		return false;
	for (size_t i = 0; i < sizeof(node); i++)
		ret->node = ret->node << 8 | node[i];
	ret->joined = strncmp(text, "joined\n", 7) == 0;
	text += ret->joined ? 7 : 0;
	ret->left = strncmp(text, "left\n", 5) == 0;
	text += ret->left ? 5 : 0;
	ret->shards = shards;
	*ret_format = format;
	return text[strspn(text, "\n")] == '\0' && (format == 1 || ret->node != 0);
}

static int save(const char *file, const struct identity *it)
{
	struct buffer text = { 0 };
	int error;

	buffer_printf(&text, "stage-cluster %d\nshards %u\nkey ", FORMAT, it->shards);
	buffer_append_hex(&text, it->key, sizeof(it->key));
	buffer_append_text(&text, "\nid ");
	buffer_append_hex(&text, it->cluster, sizeof(it->cluster));
	buffer_printf(&text, "\nnode %016llx\n", (unsigned long long)it->node);
	if (it->joined)
		buffer_append_text(&text, "joined\n");
	if (it->left)
		buffer_append_text(&text, "left\n");
	error = directory_write(file, 0600, buffer_bytes(&text));
	buffer_fini(&text);
	return error;
}

/* What format 1 has not had. */
static int upgrade(const char *file, struct identity *it)
{
	int error = random_bytes(it->cluster, sizeof(it->cluster));

	while (error == 0 && it->node == 0)
		error = random_bytes(&it->node, sizeof(it->node));
	return error < 0 ? error : save(file, it);
}

static int create(const char *file, uint32_t shards, struct identity *ret)
{
	int error = random_bytes(ret->key, sizeof(ret->key));

	ret->shards = shards;
	return error < 0 ? error : upgrade(file, ret);
}

/* Shard epochs begin above those of every earlier start, see node_init.c. */
static int count_start(const char *state, uint32_t *ret)
{
	struct buffer text = { 0 };
	char *file;
	unsigned long n = 0;
	int error;

	if (asprintf(&file, "%s/starts", state) < 0)
		abort();
	error = directory_read(file, FILE_MOST, &text);
	if (error == 0) {
		buffer_append(&text, "", 1);
		n = strtoul(buffer_bytes(&text).data, NULL, 10);
	}
	if (error == 0 || error == -ENOENT) {
		buffer_clear(&text);
		buffer_printf(&text, "%lu\n", n + 1);
		error = directory_write(file, 0600, buffer_bytes(&text));
		*ret = (uint32_t)(n + 1);
	}
	buffer_fini(&text);
	free(file);
	return error;
}

int identity_load(const char *state, uint32_t shards, bool fixed,
                  struct identity *ret, struct buffer *error)
{
	struct buffer text = { 0 };
	struct identity found = { 0 };
	char *file;
	int result, format;

	if (asprintf(&file, "%s/" IDENTITY_FILE, state) < 0)
		abort();
	result = directory_read(file, FILE_MOST, &text);
	if (result == 0) {
		buffer_append(&text, "", 1);
		if (!parse(buffer_bytes(&text).data, &found, &format)) {
			result = -EINVAL;
			buffer_printf(error, "%s is damaged: restore it, the state cannot be found without it\n", file);
			goto out;
		}
		if (fixed && found.shards != shards) {
			result = -EINVAL;
			buffer_printf(error, "[cluster] shards is %u, but %s was made with %u; it is fixed then\n",
			              shards, file, found.shards);
			goto out;
		}
		if (format != FORMAT)
			result = upgrade(file, &found);
	} else if (result == -ENOENT) {
		result = create(file, shards, &found);
	}
	if (result == 0)
		result = count_start(state, &found.starts);
	if (result < 0)
		buffer_printf(error, "%s cannot be read or made: %s\n", file, strerror(-result));
	else
		*ret = found;
out:
	buffer_fini(&text);
	free(file);
	return result;
}

int identity_adopt(const char *state, const struct identity *next, struct identity *ret, struct buffer *error)
{
	char *file;
	int result;

	if (asprintf(&file, "%s/" IDENTITY_FILE, state) < 0)
		abort();
	result = save(file, next);
	if (result == 0)
		*ret = *next;
	else
		buffer_printf(error, "%s cannot be written: %s\n", file, strerror(-result));
	free(file);
	return result;
}

int identity_renew(const char *state, const struct identity *former, struct buffer *error)
{
	struct identity next = { .shards = former->shards, .starts = former->starts, .left = true }, written;
	int result = random_bytes(next.key, sizeof(next.key));

	if (result == 0)
		result = random_bytes(next.cluster, sizeof(next.cluster));
	while (result == 0 && next.node == 0)
		result = random_bytes(&next.node, sizeof(next.node));
	if (result < 0) {
		buffer_printf(error, "there are no random numbers: %s\n", strerror(-result));
		return result;
	}
	return identity_adopt(state, &next, &written, error);
}

static int make_token(const char *file, struct buffer *error)
{
	struct buffer text = { 0 };
	unsigned char secret[32];
	int result = random_bytes(secret, sizeof(secret));

	if (result == 0) {
		buffer_append_hex(&text, secret, sizeof(secret));
		buffer_append_text(&text, "\n");
		result = directory_write(file, 0600, buffer_bytes(&text));
	}
	if (result < 0)
		buffer_printf(error, "the admin token %s cannot be made: %s\n", file, strerror(-result));
	explicit_bzero(secret, sizeof(secret));
	buffer_fini(&text);
	return result;
}

int identity_token(const char *file, char ret_token[IDENTITY_TOKEN_MAX], struct buffer *error)
{
	struct buffer text = { 0 };
	struct bytes token;
	struct stat st;
	int result;

	if (stat(file, &st) < 0 && errno == ENOENT) {
		result = make_token(file, error);
		if (result < 0)
			return result;
	}
	result = stat(file, &st) < 0 ? -errno : directory_read(file, FILE_MOST, &text);
	if (result == 0 && (st.st_mode & 077) != 0) {
		buffer_printf(error, "the admin token %s may be read by others: chmod 600 it\n", file);
		result = -EPERM;
		goto out;
	}
	token = buffer_bytes(&text);
	while (token.len > 0 && strchr(" \t\r\n", token.data[token.len - 1]) != NULL)
		token.len--;
	if (result == 0 && (token.len < 16 || token.len >= IDENTITY_TOKEN_MAX ||
	                    memchr(token.data, '\0', token.len) != NULL ||
	                    memchr(token.data, ' ', token.len) != NULL)) {
		buffer_printf(error, "the admin token %s must be one word of 16 to %d characters\n", file,
		              IDENTITY_TOKEN_MAX - 1);
		result = -EINVAL;
		goto out;
	}
	if (result < 0) {
		buffer_printf(error, "the admin token %s cannot be read: %s\n", file, strerror(-result));
		goto out;
	}
	memcpy(ret_token, token.data, token.len);
	ret_token[token.len] = '\0';
out:
	buffer_fini(&text);
	return result;
}
