/* Owns the bar on the terminal. */
#include "stagectl/progress.h"

#include <stdio.h>
#include <string.h>

#define WIDTH 40 /* characters */

static bool drawn;

void progress_end(void)
{
	if (drawn)
		fputs("\n", stderr);
	drawn = false;
}

static void draw(unsigned left, unsigned all)
{
	unsigned done = all > left ? all - left : 0, filled = all > 0 ? WIDTH * done / all : WIDTH;

	fputs("\r[", stderr);
	for (unsigned i = 0; i < WIDTH; i++)
		fputc(i < filled ? '#' : '.', stderr);
	fprintf(stderr, "] %u shards left ", left);
	fflush(stderr);
	drawn = true;
}

void progress_show(struct bytes note, bool terminal)
{
	char text[64];
	unsigned left, all;

	snprintf(text, sizeof(text), "%.*s", (int)(note.len < sizeof(text) ? note.len : sizeof(text) - 1), note.data);
	if (terminal && sscanf(text, "shards=%u of=%u", &left, &all) == 2) {
		draw(left, all);
		return;
	}
	progress_end();
	fwrite(note.data, 1, note.len, stderr);
	fputs("\n", stderr);
}
