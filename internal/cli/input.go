package cli

// input.go: JSON that a command reads besides configurations.

import (
	"fmt"
	"io"
	"os"

	"rt/libcontainer/fault"
)

// maxInput is far more than any linux.resources or mounts.
const maxInput = 16 << 20

// readInput reads a file of any kind (a pipe of the shell is one too), or
// stdin for "-". what is the argument, and name what errors call the file.
func readInput(what, file string) (data []byte, name string, err error) {
	in, name := os.Stdin, "standard input"
	if file != "-" {
		if in, err = os.Open(file); err != nil {
			return nil, "", pathFault(what, err)
		}
		defer in.Close()
		name = file
	}
	data, err = io.ReadAll(io.LimitReader(in, maxInput+1))
	if err != nil {
		return nil, "", pathFault(what, err)
	}
	if len(data) > maxInput {
		return nil, "", fault.New(what, name, "", fmt.Errorf("more than %d MiB", maxInput>>20))
	}
	return data, name, nil
}
