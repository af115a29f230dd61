package state

import "rt/libcontainer/fault"

// maxID is the longest id: it names a directory, and NAME_MAX is 255 on every
// Linux file system.
const maxID = 255

// ValidID tells whether id can name a container: letters, digits and _ + . -
// in any order, up to 255 bytes, but not "." or "..". The error wraps
// fault.ErrInvalidID.
func ValidID(id string) error {
	switch {
	case id == "":
		return invalidID(id, "the id is empty")
	case id == "." || id == "..":
		return invalidID(id, "it would name the state directory itself")
	case len(id) > maxID:
		return invalidID(id[:32]+"…", "an id has at most 255 characters")
	}
	for i := range len(id) {
		if !idByte(id[i]) {
			return invalidID(id, "an id is made of letters, digits and _ + . -")
		}
	}
	return nil
}

func idByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '_' || c == '+' || c == '-' || c == '.'
}

func invalidID(id, hint string) error {
	return fault.New("", quoteID(id), "", fault.ErrInvalidID).WithHint(hint)
}

// quoteID makes an id from the command line safe to print.
func quoteID(id string) string {
	b := []byte(id)
	for i, c := range b {
		if c < ' ' || c == 0x7f {
			b[i] = '?'
		}
	}
	return string(b)
}
