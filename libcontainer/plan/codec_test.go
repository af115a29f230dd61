package plan

import (
	"math/rand"
	"reflect"
	"testing"
	"testing/quick"

	"github.com/google/go-cmp/cmp"
)

func TestCodecRoundTrip(t *testing.T) {
	roundTrip := func(p Plan) bool {
		var got Plan
		if err := Unmarshal(Marshal(&p), &got); err != nil {
			t.Logf("unmarshal: %v", err)
			return false
		}
		if diff := cmp.Diff(p, got); diff != "" {
			t.Logf("(-want +got):\n%s", diff)
			return false
		}
		return true
	}
	config := &quick.Config{MaxCount: 30, Rand: rand.New(rand.NewSource(1))}
	if err := quick.Check(roundTrip, config); err != nil {
		t.Fatal(err)
	}
}

func TestCodecKeepsNilAndEmptyApart(t *testing.T) {
	want := Plan{Join: []Namespace{}, StartState: []byte{}}
	var got Plan
	if err := Unmarshal(Marshal(want), &got); err != nil {
		t.Fatal(err)
	}
	if got.Join == nil || got.StartState == nil || got.StartContainer != nil {
		t.Errorf("got %#v", got)
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	whole := Marshal(Plan{Hostname: "web", Process: Process{Args: []string{"sh"}}})
	for n := range whole {
		if err := Unmarshal(whole[:n], new(Plan)); err == nil {
			t.Errorf("%d of %d bytes were taken for a whole plan", n, len(whole))
		}
	}
	if err := Unmarshal(append(whole, 0), new(Plan)); err == nil {
		t.Error("a byte too many was accepted")
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(Marshal(Plan{Hostname: "web", Rootfs: &Rootfs{Masked: []string{"/proc/keys"}}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		var p Plan
		if Unmarshal(data, &p) != nil {
			return
		}
		var again Plan
		if err := Unmarshal(Marshal(p), &again); err != nil || !reflect.DeepEqual(p, again) {
			t.Fatalf("decoded plan does not survive a round trip: %v", err)
		}
	})
}
