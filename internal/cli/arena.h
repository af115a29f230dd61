/* arena.h - see arena.c */
extern const int rt_one_arena;
