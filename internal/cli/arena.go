package cli

// #include "arena.h"
import "C"

// oneArena says that arena.c is linked: nothing calls it, it runs before Go.
func oneArena() bool { return C.rt_one_arena != 0 }
