/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the key log goes: to a file of ours and nowhere else, and what is said where that cannot be. */
#include "addresses.h"
#include "clock.h"
#include "folder.h"

#include "ser/shared/key_log.h"
#include "ser/shared/log.h"
#include "ser/shared/services.h"
#include "ser/supervisor/key_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	TO_FILE = KEYLOG_READY | KEYLOG_ACTIVE | KEYLOG_TO_FILE,
	TO_PEER = KEYLOG_READY | KEYLOG_ACTIVE | KEYLOG_TO_PEER,
};

static const char lines[] = "CLIENT_RANDOM 00 11\n", others[] = "CLIENT_RANDOM 22 33\n";
static struct params params;
static char *path, *other_path;
static char said[1024];
static unsigned times; /* something was said */
static ssize_t room;   /* on the disk, in bytes; -1: enough */

ssize_t __real_writev(int fd, const struct iovec *parts, int count);
ssize_t __wrap_writev(int fd, const struct iovec *parts, int count);

ssize_t __wrap_writev(int fd, const struct iovec *parts, int count)
{
	if (room < 0)
		return __real_writev(fd, parts, count);
	if (room)
		return write(fd, parts[count - 1].iov_base, (size_t)room);
	errno = ENOSPC;
	return -1;
}

static void hear(const struct log_place *place, int level, const char *text)
{
	(void)place;
	(void)level;
	snprintf(said, sizeof(said), "%s", text);
	times++;
}

static int set_up(void **state)
{
	(void)state;
	folder_open();
	path = folder_path("keys");
	other_path = folder_path("other");
	params = (struct params){.keylog_mode = TO_FILE, .keylog_file = path};
	services.log = hear;
	said[0] = '\0';
	times = 0;
	room = -1;
	clock_pass(2 * LOG_PERIOD * 1000); /* or the lines of other tests count */
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	folder_close();
	free(path);
	free(other_path);
	return 0;
}

static void assert_content(const char *name, const char *content)
{
	char found[256] = "";
	FILE *f = fopen(name, "r");

	assert_non_null(f);
	found[fread(found, 1, sizeof(found) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(found, content);
}

static void test_written(void **state)
{
	struct stat file;
	mode_t mask = umask(0);

	(void)state;
	key_log_write(&params, lines);
	umask(mask);
	key_log_write(&params, others);
	assert_content(path, "CLIENT_RANDOM 00 11\nCLIENT_RANDOM 22 33\n");
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0600);
	assert_string_equal(said, "");
}

static void test_off(void **state)
{
	static const int modes[] = {0, KEYLOG_READY | KEYLOG_TO_FILE, KEYLOG_ACTIVE | KEYLOG_TO_FILE,
		KEYLOG_READY | KEYLOG_ACTIVE};

	(void)state;
	for (size_t i = 0; i < COUNT(modes); i++) {
		params.keylog_mode = modes[i];
		key_log_start(&params, 1);
		key_log_write(&params, lines);
		assert_int_equal(access(path, F_OK), -1);
	}
	assert_string_equal(said, "");
}

static void test_start(void **state)
{
	(void)state;
	key_log_start(&params, 0);
	assert_string_equal(said, "");
	assert_int_equal(access(path, F_OK), -1);
	key_log_start(&params, 1);
	assert_non_null(strstr(said, "keys of TLS connections are logged"));
	assert_content(path, "");
}

static void test_moved_and_removed(void **state)
{
	(void)state;
	key_log_write(&params, lines);
	assert_int_equal(rename(path, other_path), 0);
	key_log_write(&params, others);
	assert_content(other_path, lines);
	assert_content(path, others);
	assert_int_equal(unlink(path), 0);
	key_log_write(&params, lines);
	assert_content(path, lines);
	assert_string_equal(said, "");
}

static void refuse(const char *why)
{
	said[0] = '\0';
	clock_pass(2 * LOG_PERIOD * 1000);
	key_log_write(&params, lines);
	assert_non_null(strstr(said, path));
	if (!strstr(said, why))
		fail_msg("'%s' is not in: %s", why, said);
}

static void test_links(void **state)
{
	(void)state;
	folder_add_text("other", "mine");
	assert_int_equal(chmod(other_path, 0600), 0);
	assert_int_equal(symlink(other_path, path), 0);
	refuse("a symbolic link");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(link(other_path, path), 0);
	refuse("a second name");
	assert_content(other_path, "mine");
}

static void test_other_kinds(void **state)
{
	int reader;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	refuse("not a regular file");
	reader = open(path, O_RDONLY | O_NONBLOCK);
	refuse("not a regular file");
	close(reader);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	refuse("not a regular file");
	params.keylog_file = folder_path("none/keys");
	free(path);
	path = params.keylog_file;
	refuse("folder is not there");
}

static void test_open_to_others(void **state)
{
	static const mode_t modes[] = {0640, 0604, 0620, 0602};

	(void)state;
	folder_add_text("keys", "");
	for (size_t i = 0; i < COUNT(modes); i++) {
		assert_int_equal(chmod(path, modes[i]), 0);
		refuse("others than SER's user");
	}
	assert_content(path, "");
}

static void test_of_another(void **state)
{
	(void)state;
	if (geteuid())
		skip();
	folder_add_text("keys", "");
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(chown(path, 1, (gid_t)-1), 0);
	refuse("another user");
	assert_content(path, "");
}

static void test_longest(void **state)
{
	(void)state;
	key_log_write(&params, lines);
	assert_int_equal(truncate(path, KEY_LOG_FILE_MAX), 0);
	refuse("64 MB");
}

static void test_full_disk(void **state)
{
	(void)state;
	room = 0;
	refuse("the disk is full");
	room = 5;
	refuse("the disk is full");
	room = -1;
	key_log_write(&params, others);
	key_log_write(&params, lines);
	assert_content(path, "CLIEN\nCLIENT_RANDOM 22 33\nCLIENT_RANDOM 00 11\n");
}

static void test_few_complaints(void **state)
{
	(void)state;
	room = 0;
	for (int i = 0; i < 100; i++)
		key_log_write(&params, lines);
	assert_int_equal(times, LOG_BURST);
}

static void test_peer(void **state)
{
	union uring_address address = make_address("127.0.0.1", 0);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char name[64], found[64] = "";
	socklen_t len = sizeof(address);

	(void)state;
	assert_int_equal(bind(fd, &address.any, sizeof(address.in)), 0);
	assert_int_equal(getsockname(fd, &address.any, &len), 0);
	snprintf(name, sizeof(name), "udp:127.0.0.1:%d", ntohs(address.in.sin_port));
	params = (struct params){.keylog_mode = TO_PEER, .keylog_peer = name};
	key_log_start(&params, 0);
	key_log_write(&params, "CLIENT_RANDOM 00 11\nCLIENT_RANDOM 22 33\n");
	assert_int_equal(recv(fd, found, sizeof(found), MSG_DONTWAIT), sizeof(lines) - 2);
	assert_string_equal(found, "CLIENT_RANDOM 00 11");
	assert_int_equal(recv(fd, found, sizeof(found), MSG_DONTWAIT), sizeof(others) - 2);
	assert_string_equal(found, "CLIENT_RANDOM 22 33");
	assert_int_equal(recv(fd, found, sizeof(found), MSG_DONTWAIT), -1);
	assert_string_equal(said, "");
	close(fd);
	key_log_write(&params, lines); /* the kernel says at the next one that nobody is there */
	key_log_write(&params, lines);
	assert_non_null(strstr(said, "nobody listens"));
	key_log_write(&params, lines);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, &address.any, sizeof(address.in)), 0);
	key_log_write(&params, lines); /* not a line is lost from then on */
	assert_int_equal(recv(fd, found, sizeof(found), MSG_DONTWAIT), sizeof(lines) - 2);
	assert_string_equal(found, "CLIENT_RANDOM 00 11");
	close(fd);
}

static void test_names_of_peers(void **state)
{
	static const char *const wrong[] = {"", "udp:", "127.0.0.1:8020", "tcp:127.0.0.1:8020",
		"udp:127.0.0.1", "udp:127.0.0.1:0", "udp:example.org:8020", "udp:::1:8020",
		"udp:127.0.0.1:80200"};
	union uring_address peer, right = make_address("2001:db8::1", 8020);

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_int_equal(key_log_peer(wrong[i], &peer), -EINVAL);
	assert_int_equal(key_log_peer("udp:[2001:db8::1]:8020", &peer), 0);
	assert_true(uring_address_is_same(&peer, &right));
	assert_int_equal(key_log_peer("udp:192.0.2.1:1", &peer), 0);
}

static void test_networks(void **state)
{
	static const struct {
		const char *networks, *address;
		int has;
	} cases[] = {
		{"192.0.2.7", "192.0.2.7", 1},
		{"192.0.2.7", "192.0.2.6", 0},
		{"192.0.2.7", "::ffff:192.0.2.7", 1},
		{"192.0.2.8/29", "192.0.2.15", 1},
		{"192.0.2.8/29", "192.0.2.16", 0},
		{"192.0.2.8/32", "192.0.2.9", 0},
		{"0.0.0.0/0", "198.51.100.1", 1},
		{"0.0.0.0/0", "2001:db8::1", 0},
		{"2001:db8::/32", "2001:db8:ffff::1", 1},
		{"2001:db8::/32", "2001:db9::1", 0},
		{"2001:db8::1", "2001:db8::1", 1},
		{"2001:db8::1", "192.0.2.1", 0},
		{"198.51.100.1,192.0.2.7", "192.0.2.7", 1},
		{" 198.51.100.1 , 2001:db8::/64, ", "2001:db8::9", 1},
	};
	static const char *const wrong[] = {"", " ,", "192.0.2", "192.0.2.1/33", "192.0.2.1/", "192.0.2.1/-1",
		"2001:db8::/129", "example.org", "[2001:db8::1]", "192.0.2.1:5061", "192.0.2.1; 192.0.2.2",
		"192.0.2.1, x"};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		union uring_address a = make_address(cases[i].address, 5061);

		assert_int_equal(key_log_has(cases[i].networks, NULL), 0);
		if (key_log_has(cases[i].networks, &a) != cases[i].has)
			fail_msg("%s in %s", cases[i].address, cases[i].networks);
	}
	for (size_t i = 0; i < COUNT(wrong); i++)
		if (key_log_has(wrong[i], NULL) != -EINVAL)
			fail_msg("'%s' was taken", wrong[i]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, clean_up)
	const struct CMUnitTest tests[] = {
		TEST(test_written),
		TEST(test_off),
		TEST(test_start),
		TEST(test_moved_and_removed),
		TEST(test_links),
		TEST(test_other_kinds),
		TEST(test_open_to_others),
		TEST(test_of_another),
		TEST(test_longest),
		TEST(test_full_disk),
		TEST(test_few_complaints),
		TEST(test_peer),
		cmocka_unit_test(test_names_of_peers),
		cmocka_unit_test(test_networks),
	};

	clock_stop();
	return cmocka_run_group_tests_name("key_log_file", tests, NULL, NULL);
}
