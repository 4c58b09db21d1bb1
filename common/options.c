/* Owns the parsing of command lines by tables of options. */
#include "common/options.h"

#include <errno.h>
#include <stdio.h>

/* *ret_value gets what is attached to the word, or NULL. */
static const struct options_row *find(const struct options_row *rows, const char *word, const char **ret_value)
{
	for (const struct options_row *row = rows; row->word != NULL; row++) {
		size_t n = strlen(row->word);

		*ret_value = NULL;
		if (strcmp(word, row->word) == 0 || (row->letter != NULL && strcmp(word, row->letter) == 0))
			return row;
		if (row->argument == NULL)
			continue;
		if (strncmp(word, row->word, n) == 0 && word[n] == '=')
			*ret_value = word + n + 1;
		else if (row->letter != NULL && strncmp(word, row->letter, 2) == 0)
			*ret_value = word + 2;
		if (*ret_value != NULL)
			return row;
	}
	return NULL;
}

int options_parse(const struct options_row *rows, void *ret, int argc, char **argv,
                  int *ret_next, struct buffer *error)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
		const struct options_row *row;
		const char *value;

		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		row = find(rows, argv[i], &value);
		if (row == NULL) {
			buffer_printf(error, "there is no option %s", argv[i]);
			return -EINVAL;
		}
		if (row->argument == NULL) {
			*(bool *)((char *)ret + row->offset) = true;
			continue;
		}
		if (value == NULL && i + 1 < argc)
			value = argv[++i];
		if (value == NULL || value[0] == '\0') {
			buffer_printf(error, "%s needs %s", row->word, row->argument);
			return -EINVAL;
		}
		*(const char **)((char *)ret + row->offset) = value;
	}
	*ret_next = i;
	return 0;
}

void options_usage(const struct options_row *rows, struct buffer *out)
{
	for (const struct options_row *row = rows; row->word != NULL; row++) {
		char words[80];

		snprintf(words, sizeof(words), "%s%s%s%s%s", row->letter != NULL ? row->letter : "",
		         row->letter != NULL ? ", " : "    ", row->word, row->argument != NULL ? " " : "",
		         row->argument != NULL ? row->argument : "");
		buffer_printf(out, "  %-24s %s\n", words, row->help);
	}
}
