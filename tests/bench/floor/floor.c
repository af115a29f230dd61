/*
 * floor.c - the kernel's share of one container's life. It runs the program of
 * the benchmark's configuration (testdata/docker-config.json) with nothing but
 * what the kernel must be asked for: the same cgroups with their writes, the
 * same namespaces, mounts, devices, masks, capabilities and filter, execve,
 * wait, removal. It reads no configuration, checks nothing, keeps no state and
 * would not be safe with a hostile root file system. It is a scale, no runtime.
 *
 *	floor BUNDLE ID FILTER|- PROGRAM HIERARCHY...
 *
 * FILTER is a file of struct sock_filter. A hierarchy is "1DIR" or "2DIR": the
 * mount point of a cgroup v1 or v2 hierarchy.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOME 32

/* sys/mount.h and linux/mount.h do not go together everywhere. */
int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);

static struct sock_filter filter[32768];
static size_t filter_len;

static void must(long result, const char *what)
{
	if (result >= 0)
		return;
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void put(const char *dir, const char *file, const char *value)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	must(fd, path);
	must(write(fd, value, strlen(value)), path);
	close(fd);
}

static void copy(const char *from, const char *to, const char *file)
{
	char path[512], value[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", from, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	must(fd, path);
	n = read(fd, value, sizeof(value) - 1);
	must(n, path);
	close(fd);
	value[n] = 0;
	put(to, file, value);
}

static void limit(const char *mount_point, const char *dir)
{
	static const char *const allow[] = { "c 1:5 rwm", "c 1:3 rwm", "c 1:9 rwm", "c 1:8 rwm", "c 5:0 rwm", "c 5:1 rwm",
		"c *:* m", "b *:* m", "c 1:7 rwm", "c 5:2 rwm", "c 136:* rwm", "c 10:200 rwm" };
	const char *name = strrchr(mount_point, '/') + 1;

	if (strcmp(name, "cpuset") == 0) {
		copy(mount_point, dir, "cpuset.cpus");
		copy(mount_point, dir, "cpuset.mems");
	}
	if (strcmp(name, "devices") == 0) {
		put(dir, "devices.deny", "a");
		for (size_t i = 0; i < sizeof(allow) / sizeof(*allow); i++)
			put(dir, "devices.allow", allow[i]);
	}
}

static void attach(const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
	must(mount(source, target, type, flags, data), target);
}

static void bind_file(const char *bundle, const char *name)
{
	char source[512], target[64];

	snprintf(source, sizeof(source), "%s/%s", bundle, name);
	snprintf(target, sizeof(target), "etc/%s", name);
	attach(source, target, NULL, MS_BIND | MS_REC, NULL);
}

static void cgroup_mounts(const char *id, char **hierarchies)
{
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };

	attach("cgroup", "sys/fs/cgroup", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755");
	for (; *hierarchies; hierarchies++) {
		char source[512], target[128];

		snprintf(source, sizeof(source), "%s/%s", *hierarchies + 1, id);
		snprintf(target, sizeof(target), "sys/fs/cgroup/%s", strrchr(*hierarchies, '/') + 1);
		must(mkdir(target, 0755), target);
		attach(source, target, NULL, MS_BIND, NULL);
	}
	must(syscall(SYS_mount_setattr, AT_FDCWD, "sys/fs/cgroup", AT_RECURSIVE, &ro, sizeof(ro)), "cgroup mounts read-only");
}

static void devices(void)
{
	static const struct {
		const char *name;
		unsigned major, minor;
	} list[] = { { "null", 1, 3 }, { "zero", 1, 5 }, { "full", 1, 7 }, { "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 } };
	static const char *const links[][2] = { { "/proc/self/fd", "fd" }, { "/proc/self/fd/0", "stdin" },
		{ "/proc/self/fd/1", "stdout" }, { "/proc/self/fd/2", "stderr" }, { "pts/ptmx", "ptmx" } };
	int dev = open("dev", O_PATH | O_CLOEXEC);

	must(dev, "dev");
	umask(0);
	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		must(mknodat(dev, list[i].name, S_IFCHR | 0666, makedev(list[i].major, list[i].minor)), list[i].name);
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		must(symlinkat(links[i][0], dev, links[i][1]), links[i][1]);
	umask(022);
	close(dev);
}

static void hide(void)
{
	static const char *const masked[] = { "/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware" };
	static const char *const readonly[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger" };
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };

	for (size_t i = 0; i < sizeof(masked) / sizeof(*masked); i++) {
		if (mount("/dev/null", masked[i], NULL, MS_BIND, NULL) == 0 || errno == ENOENT)
			continue;
		attach("tmpfs", masked[i], "tmpfs", MS_RDONLY, "nr_inodes=1");
	}
	for (size_t i = 0; i < sizeof(readonly) / sizeof(*readonly); i++) {
		int fd = (int)syscall(SYS_open_tree, AT_FDCWD, readonly[i], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

		if (fd < 0)
			continue;
		must(syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &ro, sizeof(ro)), readonly[i]);
		must(syscall(SYS_move_mount, fd, "", AT_FDCWD, readonly[i], MOVE_MOUNT_F_EMPTY_PATH), readonly[i]);
		close(fd);
	}
}

static void network(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	must(fd, "socket");
	must(ioctl(fd, SIOCSIFFLAGS, &lo), "lo up");
	close(fd);
	put("/proc/sys/net/ipv4", "ip_unprivileged_port_start", "0");
	put("/proc/sys/net/ipv4", "ping_group_range", "0 2147483647");
}

static void privileges(void)
{
	const uint64_t kept = 0xa80425fb; /* the fourteen of the configuration */
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { kept, kept, 0 }, { 0, 0, 0 } };
	struct sock_fprog program = { (unsigned short)filter_len, filter };

	for (int c = 0; c <= CAP_LAST_CAP; c++)
		if (!(kept >> c & 1))
			must(prctl(PR_CAPBSET_DROP, c, 0, 0, 0), "bounding set");
	if (filter_len)
		must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "seccomp");
	must(syscall(SYS_capset, &header, data), "capset");
}

static void container(const char *bundle, const char *id, char *program, char **hierarchies, const int *doors)
{
	char *argv[] = { program, NULL };
	char *envp[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=bench", "HOME=/root", NULL };

	for (; *doors >= 0; doors++)
		must(write(*doors, "0", 1), "enter cgroup");
	must(sethostname("bench", 5), "hostname");
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
	must(chdir(bundle), bundle);
	must(mount("rootfs", "rootfs", NULL, MS_BIND | MS_REC, NULL), "rootfs");
	must(chdir("rootfs"), "rootfs");
	attach("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	attach("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
	must(mkdir("dev/pts", 0755), "dev/pts");
	attach("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
	attach("sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL);
	cgroup_mounts(id, hierarchies);
	must(mkdir("dev/mqueue", 0755), "dev/mqueue");
	attach("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	must(mkdir("dev/shm", 0755), "dev/shm");
	attach("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=67108864");
	bind_file(bundle, "resolv.conf");
	bind_file(bundle, "hostname");
	bind_file(bundle, "hosts");
	devices();
	network();
	must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(umount2(".", 2 /* MNT_DETACH */), "umount");
	must(chdir("/"), "/");
	hide();
	privileges();
	execve(program, argv, envp);
	must(-1, program);
}

int main(int argc, char **argv)
{
	struct clone_args args = {
		.flags = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID, .exit_signal = SIGCHLD
	};
	char dirs[SOME][512];
	int doors[SOME + 1], open_doors = 0, n = argc - 5, status;
	long pid;

	if (n < 1 || n > SOME)
		return 2;
	if (strcmp(argv[3], "-") != 0) {
		int fd = open(argv[3], O_RDONLY | O_CLOEXEC);
		ssize_t size;

		must(fd, argv[3]);
		size = read(fd, filter, sizeof(filter));
		must(size, argv[3]);
		filter_len = (size_t)size / sizeof(*filter);
		close(fd);
	}
	for (int i = 0; i < n; i++) {
		char *hierarchy = argv[5 + i];
		int dir;

		snprintf(dirs[i], sizeof(dirs[i]), "%s/%s", hierarchy + 1, argv[2]);
		must(mkdir(dirs[i], 0755), dirs[i]);
		limit(hierarchy + 1, dirs[i]);
		dir = open(dirs[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		must(dir, dirs[i]);
		if (*hierarchy == '2') {
			args.flags |= CLONE_INTO_CGROUP;
			args.cgroup = (uint64_t)dir;
			continue;
		}
		doors[open_doors] = openat(dir, "tasks", O_WRONLY | O_CLOEXEC);
		must(doors[open_doors++], "tasks");
		close(dir);
	}
	doors[open_doors] = -1;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	must(pid, "clone3");
	if (pid == 0)
		container(argv[1], argv[2], argv[4], argv + 5, doors);
	must(waitpid((pid_t)pid, &status, 0), "wait");
	for (int i = 0; i < n; i++)
		must(rmdir(dirs[i]), dirs[i]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
