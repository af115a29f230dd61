/*
 * demote.c - the Go runtime starts threads of its own, and the kernel keeps
 * credentials for each thread: when init's main thread has become the
 * container's user, the others would still have all that init was started
 * with, until execve ends them. A created container waits there for as long as
 * its engine likes. There is no call that changes another thread, so each gets
 * a signal and does it itself, as glibc does for setuid(2).
 *
 * Threads that are started later inherit from a thread that has been demoted:
 * Go never starts one from a locked thread, which the main one is.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "demote.h"

#define DEMOTE_SIGNAL 63 /* neither glibc's (32, 33) nor one that users send */
#define MAX_THREADS 256
#define DEADLINE 10 /* seconds for all threads to answer */

static struct {
	uint32_t uid, gid;
	int32_t done;  /* threads that have answered; a futex */
	int32_t error; /* errno of one that could not */
} order;

static int give_up_all(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2];

	memset(none, 0, sizeof(none));
	/* Denied in the user namespace of an unprivileged user. */
	if (syscall(SYS_setgroups, 0, NULL) != 0 && errno != EPERM)
		return errno;
	if (syscall(SYS_setresgid, order.gid, order.gid, order.gid) != 0)
		return errno;
	if (syscall(SYS_setresuid, order.uid, order.uid, order.uid) != 0)
		return errno;
	if (syscall(SYS_capset, &header, none) != 0)
		return errno;
	/* Else an execve of uid 0 or of a setuid program would bring back the
	 * whole bounding set. */
	if (syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return errno;
	return 0;
}

static void on_signal(int sig)
{
	int saved = errno;
	int error = give_up_all();

	(void)sig;
	if (error)
		__atomic_store_n(&order.error, error, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&order.done, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &order.done, FUTEX_WAKE, 1, NULL, NULL, 0);
	errno = saved;
}

/*
 * own_tid is the thread's id in its own pid namespace: the last number of the
 * line NSpid of its status (proc_pid_status(5)). 0: the thread is gone.
 */
static int own_tid(int task, const char *name)
{
	char text[4096];
	char path[32];
	const char *p;
	ssize_t n;
	int fd;

	if (strlen(name) > 16)
		return 0;
	strcpy(path, name);
	strcat(path, "/status");
	fd = openat(task, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	p = strstr(text, "\nNSpid:");
	if (!p)
		return 0;
	n = (ssize_t)strcspn(p + 1, "\n");
	while (n > 0 && p[n] >= '0' && p[n] <= '9')
		n--;
	return atoi(p + n + 1);
}

/* wait_for waits until this many threads have answered. */
static int wait_for(int32_t count)
{
	struct timespec limit = { .tv_sec = DEADLINE };

	for (;;) {
		int32_t done = __atomic_load_n(&order.done, __ATOMIC_SEQ_CST);

		if (done >= count)
			return -__atomic_load_n(&order.error, __ATOMIC_SEQ_CST);
		if (syscall(SYS_futex, &order.done, FUTEX_WAIT, done, &limit, NULL, 0) != 0 &&
		    errno == ETIMEDOUT)
			return -ETIMEDOUT;
	}
}

/* signal_new signals every thread that is not among the known ones, and
 * returns how many are known now, or a negative errno. */
static int signal_new(int task, int known[], int count)
{
	const int self = (int)syscall(SYS_gettid);
	union {
		uint64_t align;
		char bytes[2048];
	} buf;
	long n;

	if (lseek(task, 0, SEEK_SET) != 0)
		return -errno;
	while ((n = syscall(SYS_getdents64, task, buf.bytes, sizeof(buf.bytes))) > 0) {
		for (long at = 0; at < n;) {
			/* struct linux_dirent64: ino, off, reclen, type, name */
			uint16_t length;
			const char *name = buf.bytes + at + 19;
			int tid, i;

			memcpy(&length, buf.bytes + at + 16, sizeof(length));
			at += length;
			if (name[0] < '0' || name[0] > '9')
				continue;
			tid = own_tid(task, name);
			if (tid == 0 || tid == self)
				continue;
			for (i = 0; i < count && known[i] != tid; i++)
				;
			if (i < count)
				continue;
			if (count == MAX_THREADS)
				return -E2BIG;
			if (syscall(SYS_tgkill, getpid(), tid, DEMOTE_SIGNAL) != 0) {
				if (errno == ESRCH)
					continue;
				return -errno;
			}
			known[count++] = tid;
		}
	}
	return n < 0 ? -errno : count;
}

int rt_demote_others(uint32_t uid, uint32_t gid)
{
	struct sigaction action, before;
	int known[MAX_THREADS];
	int count = 0, result = 0, task;

	memset(&order, 0, sizeof(order));
	order.uid = uid;
	order.gid = gid;
	task = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (task < 0)
		return -errno;
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	action.sa_flags = SA_ONSTACK | SA_RESTART; /* Go's stacks are small */
	sigfillset(&action.sa_mask);
	if (sigaction(DEMOTE_SIGNAL, &action, &before) != 0)
		result = -errno;
	/* Again until nobody new turns up: a thread may start another before it
	 * has been demoted itself. */
	while (result == 0) {
		int now = signal_new(task, known, count);

		if (now == count)
			break;
		result = now < 0 ? now : wait_for(now);
		count = now;
	}
	if (sigaction(DEMOTE_SIGNAL, &before, NULL) != 0 && result == 0)
		result = -errno;
	close(task);
	return result;
}
