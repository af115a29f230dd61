package cli

// size.go: amounts of memory as people write them.

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

var errSize = errors.New("is no size: want a number with an optional unit, like 50M, 1.5GiB or -1 for no limit")

// parseSize reads a number of bytes with an optional unit: k, m, g, t or p in
// either case, each 1024 times the one before, and "b" or "ib" behind it, with or
// without a blank between. This is what runc takes. -1 is -1.
func parseSize(s string) (int64, error) {
	if s == "-1" {
		return -1, nil
	}
	end := strings.LastIndexAny(s, "0123456789.") + 1
	n, err := strconv.ParseFloat(s[:end], 64)
	if err != nil || strings.ContainsAny(s[:end], "+-xXeEpP_nN") {
		return 0, errSize
	}
	unit := strings.ToLower(strings.TrimPrefix(s[end:], " "))
	power := 0
	if unit != "" && unit != "b" {
		power = strings.IndexByte("kmgtp", unit[0]) + 1
		if rest := unit[1:]; power == 0 || rest != "" && rest != "b" && rest != "ib" {
			return 0, errSize
		}
	}
	if whole, err := strconv.ParseInt(s[:end], 10, 64); err == nil && power == 0 {
		return whole, nil // floats lose digits
	}
	n *= math.Pow(1024, float64(power))
	if n >= math.MaxInt64 {
		return 0, errSize
	}
	return int64(n), nil
}
