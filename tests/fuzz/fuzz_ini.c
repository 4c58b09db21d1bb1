/* Settings: whatever stands in an ini file, reading it ends, and what was taken can be
 * written and taken again. */
#include "common/ini.h"
#include "tests/fuzz/fuzz.h"

/* A value that was accepted is accepted again as it is written, and means the same. */
static void check_round_trip(struct config *c)
{
	for (const struct config_row *row = config_rows; row->section; row++) {
		struct buffer once = { 0 }, twice = { 0 }, why = { 0 };

		config_format(c, row, &once);
		if (c->origin[row - config_rows] == CONFIG_FILE) {
			FUZZ_CHECK(config_set(c, row, buffer_bytes(&once), CONFIG_FILE, &why) == 0);
			config_format(c, row, &twice);
			FUZZ_CHECK(bytes_equal(buffer_bytes(&once), buffer_bytes(&twice)));
		}
		buffer_fini(&once);
		buffer_fini(&twice);
		buffer_fini(&why);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config c;
	struct buffer errors = { 0 };
	int r;

	config_init(&c);
	r = ini_parse_text(&c, "fuzz.ini", (struct bytes){ (const char *)data, size }, CONFIG_FILE, &errors);
	FUZZ_CHECK((r == 0) == (buffer_length(&errors) == 0));
	check_round_trip(&c);
	buffer_fini(&errors);
	config_fini(&c);
	return 0;
}
