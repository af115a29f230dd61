package sys

import "testing"

func TestKeyPermissions(t *testing.T) {
	for text, want := range map[string]uint32{
		"keyring;0;0;3f130000;_ses":       0x3f130000,
		"keyring;1000;-1;3f1b0000;a;b;c":  0x3f1b0000,
		"keyring;0;0;3f130000":            0,
		"":                                0,
		"keyring;0;0;notahexnumber;_ses":  0,
		"keyring;0;0;3f13000000000000;_s": 0,
	} {
		got, err := keyPermissions(text)
		if got != want && err == nil || (want == 0) != (err != nil) {
			t.Errorf("%q: %#x, %v", text, got, err)
		}
	}
}
