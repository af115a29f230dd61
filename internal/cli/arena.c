/*
 * arena.c - one memory arena for all threads. Go's threads hardly call malloc,
 * but glibc gives each its own arena when it first does: four system
 * calls and some page faults for every thread of every command. It must be said
 * before the Go runtime makes its first thread, and is for the rt command alone:
 * a program that embeds the library may want its arenas.
 */
#include <malloc.h>

#include "arena.h"

const int rt_one_arena = 1;

__attribute__((constructor)) static void one_arena(void)
{
#ifdef __GLIBC__ /* musl has no others */
	mallopt(M_ARENA_MAX, 1);
#endif
}
