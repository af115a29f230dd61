package nsenter

import (
	"encoding/binary"
	"testing"
)

func TestLayout(t *testing.T) {
	if got := binary.Size(enter{}); got != cSizeEnter {
		t.Errorf("request: Go has %d bytes, C %d", got, cSizeEnter)
	}
	if got := binary.Size(enterReply{}); got != cSizeReply {
		t.Errorf("reply: Go has %d bytes, C %d", got, cSizeReply)
	}
}
