/*
 * musl.c - distributions compile libseccomp.a for glibc. All that it takes from
 * there and musl lacks is the printf that looks after its format.
 */
#include <stdarg.h>
#include <stdio.h>

#ifndef __GLIBC__
int __fprintf_chk(FILE *to, int level, const char *format, ...);

int __fprintf_chk(FILE *to, int level, const char *format, ...)
{
	va_list args;
	int n;

	(void)level;
	va_start(args, format);
	n = vfprintf(to, format, args);
	va_end(args);
	return n;
}
#endif
