/* Owns the counting of operations, errors and wrong answers. */
#include "tests/bench/tally.h"

#include <ctype.h>
#include <stdio.h>

#define WRONG_SHOWN 10
#define WRONG_BYTES 200

void tally_operation(struct tally *t, enum verb verb, uint64_t nanoseconds)
{
	if (!t->measuring)
		return;
	histogram_record(&t->all, nanoseconds);
	histogram_record(&t->verbs[verb], nanoseconds);
}

void tally_error(struct tally *t, struct bytes code)
{
	char name[sizeof(t->errors[0].code)] = "?";
	unsigned i;

	for (i = 0; i < code.len && i < sizeof(name) - 1; i++)
		name[i] = isalnum((unsigned char)code.data[i]) || code.data[i] == '-' ? code.data[i]
										      : '?';
	if (i > 0)
		name[i] = '\0';
	t->error_count++;
	for (i = 0; i < t->code_count && strcmp(t->errors[i].code, name) != 0; i++)
		;
	if (i == TALLY_CODES_MAX)
		return; /* counted in the sum at least */
	if (i == t->code_count) {
		memcpy(t->errors[i].code, name, sizeof(name));
		t->code_count++;
	}
	t->errors[i].count++;
}

void tally_wrong(struct tally *t, const char *why, struct bytes what)
{
	size_t n = what.len < WRONG_BYTES ? what.len : WRONG_BYTES;

	if (t->wrong++ >= WRONG_SHOWN)
		return;
	fprintf(stderr, "stage-bench: wrong: %s: ", why);
	for (size_t i = 0; i < n; i++)
		fputc(isprint((unsigned char)what.data[i]) ? what.data[i] : '.', stderr);
	fprintf(stderr, "%s\n", n < what.len ? "..." : "");
}
