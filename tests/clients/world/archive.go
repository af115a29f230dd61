//go:build clients

package world

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Image is an image of one layer, as containerd and others import it.
type Image struct {
	Name  string         // "docker.io/library/busybox:test"
	Layer string         // the path of the layer's tar
	OCI   map[string]any // image-spec's config: "Cmd", "Env", "User" and so on
}

// Archive writes i in the format of `docker save`, which everybody reads, and
// returns the file's path.
func (i Image) Archive(t testing.TB) string {
	t.Helper()
	layer, err := os.ReadFile(i.Layer)
	if err != nil {
		t.Fatal(err)
	}
	config := encode(t, map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "config": i.OCI,
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer))}},
	})
	manifest := encode(t, []any{map[string]any{"Config": "config.json", "RepoTags": []string{i.Name}, "Layers": []string{"layer.tar"}}})

	path := filepath.Join(Dir(), strings.NewReplacer("/", "-", ":", "-").Replace(i.Name)+".image.tar")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := tar.NewWriter(f)
	for _, part := range []struct {
		name string
		data []byte
	}{{"manifest.json", manifest}, {"config.json", config}, {"layer.tar", layer}} {
		if err := w.WriteHeader(&tar.Header{Name: part.name, Mode: 0o644, Size: int64(len(part.data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(part.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func encode(t testing.TB, value any) []byte {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
