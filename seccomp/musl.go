// musl.c is for those who link libseccomp statically to musl.

package seccomp

import "C"
