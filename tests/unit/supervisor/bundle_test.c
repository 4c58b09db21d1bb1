/* Reading class files: what is taken, what is left out, and every limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/msgpack.h"
#include "tests/unit/supervisor/scratch.h"
#include "supervisor/bundle.h"

static const struct bundle_limits small = { .files = 3, .file_bytes = 20, .total_bytes = 40, .depth = 2 };

/* The bundle as `path=source;path=source;`. */
static void read_back(const struct bundle *b, char out[1024])
{
	int fd = bundle_open(b);
	char data[1024];
	ssize_t n;
	struct msgpack_reader r;

	assert_true(fd >= 0);
	n = read(fd, data, sizeof(data));
	close(fd);
	assert_true(n > 0);
	out[0] = '\0';
	r = msgpack_read((struct bytes){ data, (size_t)n });
	for (uint32_t left = msgpack_read_map(&r); left > 0; left--) {
		struct bytes path = msgpack_read_str(&r), source = msgpack_read_str(&r);
		size_t at = strlen(out);
		snprintf(out + at, 1024 - at, "%.*s=%.*s;", (int)path.len, path.data, (int)source.len, source.data);
	}
	assert_false(r.bad);
	assert_ptr_equal(r.at, r.end);
}

static int read_small(const char *path, struct bundle *b, char problems[1024])
{
	struct buffer error = { 0 };
	int result = bundle_read(path, &small, 5, b, &error);

	snprintf(problems, 1024, "%.*s", (int)buffer_length(&error), buffer_length(&error) > 0 ? buffer_bytes(&error).data : "");
	buffer_fini(&error);
	return result;
}

static void lua_files_are_taken_in_order_of_their_names(void **state)
{
	struct bundle b = { 0 };
	char text[1024];

	scratch_write(*state, "b.lua", "two");
	scratch_write(*state, "a.lua", "one");
	scratch_write(*state, "deep/er/c.lua", "three");
	scratch_write(*state, "readme.txt", "no class");
	scratch_write(*state, ".hidden.lua", "an editor's");
	scratch_write(*state, ".git/x.lua", "a tool's");
	assert_int_equal(read_small(*state, &b, text), 0);
	assert_int_equal(b.files, 3);
	assert_int_equal(b.serial, 5);
	read_back(&b, text);
	assert_string_equal(text, "a.lua=one;b.lua=two;deep/er/c.lua=three;");
	read_back(&b, text); /* each reader begins at the beginning */
	assert_string_equal(text, "a.lua=one;b.lua=two;deep/er/c.lua=three;");
	bundle_fini(&b);
	bundle_fini(&b);
}

static void nobody_can_change_it_afterwards(void **state)
{
	struct bundle b = { 0 };
	char text[1024];

	scratch_write(*state, "a.lua", "one");
	assert_int_equal(read_small(*state, &b, text), 0);
	assert_int_equal(write(b.fd, "x", 1), -1);
	assert_int_equal(ftruncate(b.fd, 0), -1);
	assert_ptr_equal(mmap(NULL, 1, PROT_WRITE, MAP_SHARED, b.fd, 0), MAP_FAILED);
	bundle_fini(&b);
}

static void links_stay_below_the_directory(void **state)
{
	struct bundle b = { 0 };
	char text[1024];

	scratch_write(*state, "classes/real/a.lua", "one");
	scratch_write(*state, "secret.lua", "no class");
	assert_int_equal(symlink("real/a.lua", scratch_path(*state, "classes/b.lua")), 0);
	assert_int_equal(read_small(scratch_path(*state, "classes"), &b, text), 0);
	read_back(&b, text);
	assert_string_equal(text, "b.lua=one;real/a.lua=one;");
	bundle_fini(&b);
	assert_int_equal(symlink("../secret.lua", scratch_path(*state, "classes/c.lua")), 0);
	assert_int_equal(symlink("/etc/passwd", scratch_path(*state, "classes/real/d.lua")), 0);
	assert_int_equal(symlink("/etc", scratch_path(*state, "classes/etc")), 0); /* a folder is none */
	assert_int_equal(read_small(scratch_path(*state, "classes"), &b, text), -EINVAL);
	assert_string_equal(text, "c.lua: a link that leads out of the class directory\n"
	                          "real/d.lua: a link that leads out of the class directory\n");
}

static void no_directory_is_told_apart_from_an_empty_one(void **state)
{
	struct bundle b = { 0 };
	char text[1024];

	assert_int_equal(read_small(scratch_path(*state, "absent"), &b, text), -ENOENT);
	assert_int_equal(read_small(*state, &b, text), 0);
	assert_int_equal(b.files, 0);
	read_back(&b, text);
	assert_string_equal(text, "");
	bundle_fini(&b);
}

static void all_problems_are_told_at_once(void **state)
{
	struct bundle b = { 0 };
	char text[1024];

	scratch_write(*state, "long.lua", "123456789012345678901");
	scratch_write(*state, "one/two/three/x.lua", "too deep");
	assert_int_equal(mkfifo(scratch_path(*state, "pipe.lua"), 0600), 0);
	assert_int_equal(read_small(*state, &b, text), -EINVAL);
	assert_non_null(strstr(text, "long.lua: longer than 20 bytes"));
	assert_non_null(strstr(text, "one/two/three: directories are deeper than 2"));
	assert_non_null(strstr(text, "pipe.lua: not a file"));
}

static void number_and_size_of_files_are_bounded(void **state)
{
	struct bundle b = { 0 };
	char text[1024];

	for (char name[] = "a.lua"; name[0] <= 'd'; name[0]++)
		scratch_write(*state, name, "");
	assert_int_equal(read_small(*state, &b, text), -EINVAL);
	assert_non_null(strstr(text, "d.lua: more than 3 class files"));
	unlink(scratch_path(*state, "d.lua"));
	for (char name[] = "a.lua"; name[0] <= 'c'; name[0]++)
		scratch_write(*state, name, "12345678901234");
	assert_int_equal(read_small(*state, &b, text), -EINVAL);
	assert_non_null(strstr(text, "c.lua: the class files together are longer than 40 bytes"));
	scratch_write(*state, "c.lua", "123456789012");
	assert_int_equal(read_small(*state, &b, text), 0);
	bundle_fini(&b);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
	const struct CMUnitTest tests[] = {
		TEST(lua_files_are_taken_in_order_of_their_names),
		TEST(nobody_can_change_it_afterwards),
		TEST(links_stay_below_the_directory),
		TEST(no_directory_is_told_apart_from_an_empty_one),
		TEST(all_problems_are_told_at_once),
		TEST(number_and_size_of_files_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
