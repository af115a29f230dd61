package install

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"
)

// TestDocs: the lines that docs/install.md has for doing it by hand say what rt
// install makes of no file at all.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	for client, section := range map[string]string{
		"docker": "Docker", "containerd": "containerd", "podman": "Podman and buildah", "crio": "CRI-O", "buildkit": "BuildKit",
	} {
		t.Run(client, func(t *testing.T) {
			block := regexp.MustCompile("(?s)\n## " + section + "\n.*?\n```(json|toml)\n(.*?)```").FindSubmatch(text)
			if block == nil {
				t.Fatal("no lines")
			}
			decode := func(data []byte) map[string]any {
				values := map[string]any{}
				unmarshal := toml.Unmarshal
				if string(block[1]) == "json" {
					unmarshal = json.Unmarshal
				}
				if err := unmarshal(data, &values); err != nil {
					t.Fatal(err)
				}
				return values
			}
			change := plan(t, client, Options{Root: t.TempDir(), Binary: "/usr/local/sbin/rt", Default: true})
			got, want := decode(block[2]), decode(change.New)
			if client == "containerd" { // as runc has it, with a comment that says so
				at(want, append(criTable(2), "runtimes", Name, "options")...)["SystemdCgroup"] = true
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("docs/install.md (-what rt install says +what it says):\n%s", diff)
			}
			if name := filepath.Base(change.Path); !regexp.MustCompile("(?s)\n## " + section + "\n.*?" + regexp.QuoteMeta(name)).Match(text) {
				t.Errorf("%s is not named", name)
			}
		})
	}
}
