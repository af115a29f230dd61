// Package slack is for a program that lives for milliseconds: who imports it
// has a timer slack of 1 ms from before the Go runtime on, except in an init.
// slack.c says why. It is not for programs that embed the library: theirs is
// their own affair.
package slack

/*
#cgo CFLAGS: -Wall -Wextra -Werror -O2 -std=gnu11 -I${SRCDIR}/..
#include "slack.h"
*/
import "C"

// Given is the slack that the program was started with, in nanoseconds, for
// sys.GivenSlack; 0 where it is still that.
func Given() uintptr { return uintptr(C.rt_given_slack) }
