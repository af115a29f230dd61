/*
 * nsenter.h - the contract between the parent (Go) and nsenter.c: one request,
 * one reply, both of fixed size, over the wire socket before anything else.
 * nsenter.go mirrors it; TestLayout compares the two.
 */
#ifndef RT_NSENTER_H
#define RT_NSENTER_H

#include <stdint.h>

#define RT_INIT_ENV "_RT_INIT_FD"   /* decimal fd of the wire socket, in every init */
#define RT_ENTER_ENV "_RT_ENTER_FD" /* the same, in one that waits for a request */
#define RT_ENTER_MAGIC 0x72740001u
#define RT_ENTER_MAX 8 /* there are eight kinds of namespace */
#define RT_ENTER_OFFSETS 128

/* The request. The fds of the namespaces travel with it (SCM_RIGHTS), in the
 * order of flags. */
struct rt_enter {
	uint32_t magic;
	uint32_t count;               /* namespaces to join */
	uint32_t flags[RT_ENTER_MAX]; /* CLONE_NEW* of each */
	uint32_t unshare;             /* CLONE_NEW* to make, after the joins */
	uint32_t fork;                /* continue in a child (pid, time) */
	uint32_t offsets_len;         /* of a new time namespace, 0: none */
	char offsets[RT_ENTER_OFFSETS]; /* as /proc/self/timens_offsets wants */
};

enum rt_enter_step {
	RT_STEP_DONE = 0,
	RT_STEP_RECEIVE,
	RT_STEP_SETNS,
	RT_STEP_UNSHARE,
	RT_STEP_OFFSETS,
	RT_STEP_FORK,
};

/* The reply. */
struct rt_enter_reply {
	int32_t step;   /* where it stopped */
	int32_t error;  /* errno */
	int32_t object; /* index into flags for RT_STEP_SETNS */
	int32_t pid;    /* of the child that goes on, 0 without fork */
};

#endif
