package install

// buildkit.go: buildkitd.toml. A buildkitd has one runtime, so rt is the one.

import (
	"path/filepath"
)

type buildkitTOML struct{ binary string }

func buildkitTable() []string { return []string{"worker", "oci"} }

// isOurs: a binary of that name elsewhere is an rt that has moved.
func (b buildkitTOML) isOurs(binary string) bool {
	return binary == b.binary || filepath.Base(binary) == Name
}

func (b buildkitTOML) set(old []byte, e edit) ([]byte, error) {
	before, err := parseTOML(old)
	if err != nil {
		return nil, err
	}
	switch now := before.lookupString("worker", "oci", "binary"); {
	case now == "" || now == "runc" || now == "buildkit-runc" || b.isOurs(now):
	default:
		return nil, otherDefault("worker.oci.binary", now).WithHint("take it out first")
	}
	doc, err := before.put(buildkitTable(), "binary", e.binary)
	if err != nil {
		return nil, err
	}
	return doc.text, sameTOML(before, doc, func(m map[string]any) { at(m, "worker", "oci")["binary"] = e.binary })
}

func (b buildkitTOML) unset(old []byte) ([]byte, error) {
	if old == nil {
		return nil, nil
	}
	before, err := parseTOML(old)
	if err != nil || !b.isOurs(before.lookupString("worker", "oci", "binary")) {
		return old, err
	}
	doc, err := before.drop("worker", "oci", "binary")
	if err != nil {
		return nil, err
	}
	return doc.text, sameTOML(before, doc, func(m map[string]any) { delete(at(m, "worker", "oci"), "binary") })
}
