/* Cuts one write short, as a system may: preloaded into the campaigns' driver by errors.py.
 *
 * The SHORT_AT-th write on a file below SHORT_BELOW takes half of its bytes, at least one, and says
 * so. With SHORT_THEN=full every later write there fails for want of space. What was cut, and how
 * many writes there were, is told in SHORT_SAID. strace cannot do this: it gives a call another
 * result, and then the call is not made.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

typedef ssize_t writes(int, const void *, size_t);
typedef ssize_t writes_at(int, const void *, size_t, off_t);

static atomic_long seen;
static atomic_int is_full;

static const char *told(const char *name)
{
	const char *value = getenv(name);
	return value ? value : "";
}

static void say(const char *line)
{
	int said = open(told("SHORT_SAID"), O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (said < 0)
		return;
	writes *next = (writes *)dlsym(RTLD_NEXT, "write");
	next(said, line, strlen(line));
	close(said);
}

/* How many bytes this write may take; none when there is no space. */
static size_t most(int fd, size_t count, const char *call)
{
	char link[64], path[4096], line[4300];
	const char *below = told("SHORT_BELOW");
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, sizeof path - 1);
	if (length < 0 || count < 2)
		return count;
	path[length] = 0;
	if (!*below || strncmp(path, below, strlen(below)) != 0)
		return count;
	if (is_full)
		return 0;
	if (++seen != atol(told("SHORT_AT")))
		return count;
	is_full = !strcmp(told("SHORT_THEN"), "full");
	snprintf(line, sizeof line, "cut %s %s\n", call, path);
	say(line);
	return count / 2;
}

ssize_t write(int fd, const void *bytes, size_t count)
{
	static writes *next;
	if (!next)
		next = (writes *)dlsym(RTLD_NEXT, "write");
	size_t taken = most(fd, count, "write");
	if (count && !taken) {
		errno = ENOSPC;
		return -1;
	}
	return next(fd, bytes, taken);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t offset)
{
	static writes_at *next;
	if (!next)
		next = (writes_at *)dlsym(RTLD_NEXT, "pwrite64");
	size_t taken = most(fd, count, "pwrite64");
	if (count && !taken) {
		errno = ENOSPC;
		return -1;
	}
	return next(fd, bytes, taken, offset);
}

__attribute__((destructor)) static void tell(void)
{
	char line[64];
	snprintf(line, sizeof line, "seen %ld\n", (long)seen);
	say(line);
}
