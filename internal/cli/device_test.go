package cli

import (
	"testing"

	"rt/libcontainer"
)

func TestParseDevice(t *testing.T) {
	for text, want := range map[string]libcontainer.Device{
		"/dev/a":          {Host: "/dev/a"},
		"/dev/a:/dev/b":   {Host: "/dev/a", Path: "/dev/b"},
		"/dev/a:rw":       {Host: "/dev/a", Access: "rw"},
		"/dev/a:/dev/b:r": {Host: "/dev/a", Path: "/dev/b", Access: "r"},
		"":                {}, ":/b": {}, "/a:": {}, "/a:/b:x": {}, "/a:/b:/c:r": {}, "/a::r": {},
	} {
		got, err := parseDevice(text)
		if (err == nil) != (want.Host != "") || err == nil && got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}
