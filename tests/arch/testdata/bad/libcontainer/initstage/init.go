package initstage

import (
	"regexp"

	_ "rt/cgroups"
	_ "rt/libcontainer/plan"
)

var pattern = regexp.MustCompile("x")

func init() {}
