/*
 * start.h - the program's arguments, for what runs before main.
 */
#ifndef RT_START_H
#define RT_START_H

#include <unistd.h>

/*
 * rt_arguments is for a constructor, whose parameters these are: glibc hands
 * main's to constructors, others hand over nothing. There they are found where
 * the kernel has put them: their count, they, a null, and then the environment
 * (System V ABI, "Process Initialization"), which nothing has changed yet. That
 * is for an init, which has a handful; other programs have none.
 */
static inline void rt_arguments(int *argc, char ***argv)
{
#ifdef __GLIBC__
	(void)argc;
	(void)argv;
#else
	char **end = environ - 1; /* the null */

	for (*argc = 0; *argc < 16; ++*argc) {
		*argv = end - *argc;
		if ((long)(*argv)[-1] == *argc)
			return;
	}
	*argc = 0;
#endif
}

#endif
