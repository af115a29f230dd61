package install

// docker.go: daemon.json of dockerd. rt is one of "runtimes", and maybe the
// "default-runtime".

import (
	"bytes"
	"encoding/json"
	"fmt"

	"rt/libcontainer/fault"
)

type daemonJSON struct{}

// emptyDaemonJSON is the file where there is none, or an empty one, which
// dockerd takes for none.
const emptyDaemonJSON = "{\n}\n"

func (daemonJSON) set(old []byte, e edit) ([]byte, error) {
	text := old
	if len(bytes.TrimSpace(text)) == 0 {
		text = []byte(emptyDaemonJSON)
	}
	before := text
	text, err := putRuntime(text, e.binary)
	if err == nil && e.def {
		text, err = putDefault(text)
	}
	if err != nil {
		return nil, err
	}
	return text, sameJSON(before, text, func(m map[string]any) {
		runtimes, _ := m["runtimes"].(map[string]any)
		if runtimes == nil {
			runtimes = map[string]any{}
		}
		ours, _ := runtimes[Name].(map[string]any)
		if ours == nil {
			ours = map[string]any{}
		}
		ours["path"], runtimes[Name], m["runtimes"] = e.binary, ours, runtimes
		if e.def {
			m["default-runtime"] = Name
		}
	})
}

func putRuntime(text []byte, binary string) ([]byte, error) {
	type runtime struct {
		Path string `json:"path"`
	}
	doc, err := parseDocument(text)
	if err != nil {
		return nil, err
	}
	all := doc.find("runtimes")
	if all == nil {
		return doc.put(text, "runtimes", map[string]runtime{Name: {binary}})
	}
	runtimes, err := parseObject(text, all.value, `"runtimes"`)
	if err != nil {
		return nil, err
	}
	ours := runtimes.find(Name)
	if ours == nil {
		return runtimes.put(text, Name, runtime{binary})
	}
	one, err := parseObject(text, ours.value, `"runtimes.rt"`)
	if err != nil {
		return nil, err
	}
	if one.find("runtimeType") != nil {
		return nil, fmt.Errorf(`"runtimes.rt" has a runtimeType, with which dockerd takes no path`)
	}
	if m := one.find("path"); m != nil && stringAt(text, *m) == binary {
		return text, nil
	}
	return one.put(text, "path", binary)
}

// putDefault refuses to take the place of a runtime that somebody has chosen.
func putDefault(text []byte) ([]byte, error) {
	doc, err := parseDocument(text)
	if err != nil {
		return nil, err
	}
	if m := doc.find("default-runtime"); m != nil {
		switch was := stringAt(text, *m); was {
		case Name:
			return text, nil
		case "", "runc", "io.containerd.runc.v2": // dockerd's own
		default:
			return nil, otherDefault(`"default-runtime"`, was)
		}
	}
	return doc.put(text, "default-runtime", Name)
}

// otherDefault is the error for a default that is neither rt nor the client's own.
func otherDefault(what, name string) *fault.Error {
	return fault.New("", what, "", fmt.Errorf("is %q already", name)).WithHint("take it out first, or leave out --default")
}

// stringAt is the member's value, "" when it is no string.
func stringAt(text []byte, m member) (s string) {
	_ = json.Unmarshal(text[m.value:m.end], &s)
	return s
}

func (daemonJSON) unset(old []byte) ([]byte, error) {
	if len(bytes.TrimSpace(old)) == 0 {
		return old, nil
	}
	doc, err := parseDocument(old)
	if err != nil {
		return nil, err
	}
	text := old
	if m := doc.find("default-runtime"); m != nil && stringAt(old, *m) == Name {
		text = doc.drop(text, "default-runtime")
	}
	if text, err = dropRuntime(text); err != nil {
		return nil, err
	}
	return text, sameJSON(old, text, func(m map[string]any) {
		if m["default-runtime"] == Name {
			delete(m, "default-runtime")
		}
		runtimes, _ := m["runtimes"].(map[string]any)
		if _, ours := runtimes[Name]; ours {
			delete(runtimes, Name)
			if len(runtimes) == 0 {
				delete(m, "runtimes")
			}
		}
	})
}

// dropRuntime removes rt, and the list when rt was all that was in it.
func dropRuntime(text []byte) ([]byte, error) {
	doc, err := parseDocument(text)
	if err != nil {
		return nil, err
	}
	all := doc.find("runtimes")
	if all == nil {
		return text, nil
	}
	runtimes, err := parseObject(text, all.value, `"runtimes"`)
	switch {
	case err != nil:
		return nil, err
	case runtimes.find(Name) == nil:
		return text, nil
	case len(runtimes.members) == 1:
		return doc.drop(text, "runtimes"), nil
	}
	return runtimes.drop(text, Name), nil
}
