package plan

import (
	_ "encoding/json"
	"errors"
	raw "syscall"
)

var table = map[int]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7, 8: 8, 9: 9}

var errFine = errors.New("a call that costs nothing")

var later = func() int { return raw.Getppid2 }

func f() error {
	_ = raw.Getpid()
	return raw.Errno(1)
}
