package spec

// scan.go walks JSON text byte by byte, without a parser's tables and without
// recursion: to bound the depth before encoding/json sees the text, and to say
// where in the text an error is.

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// tooDeep returns the offset of the bracket that opens level limit+1, or -1.
// It accepts any bytes; what is no JSON gets some answer and then a syntax
// error from the parser.
func tooDeep(data []byte, limit int) int {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			i = stringEnd(data, i)
		case '{', '[':
			if depth++; depth > limit {
				return i
			}
		case '}', ']':
			depth--
		}
	}
	return -1
}

// stringEnd returns the offset of the quote that ends the string starting at
// data[start], or len(data).
func stringEnd(data []byte, start int) int {
	for i := start + 1; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(data)
}

// position is "name:line:column" of an offset, both counted from 1, the column
// in bytes.
func position(data []byte, offset int, name string) string {
	before := data[:min(offset, len(data))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf("%s:%d:%d", name, line, column)
}

// pathTo is the JSON path of the value that stands, or should stand, at
// offset. The text up to there is well-formed as far as brackets go.
func pathTo(data []byte, offset int) string {
	type level struct {
		array bool
		index int
		name  string
	}
	var levels []level
	for i := 0; i < min(offset, len(data)); i++ {
		switch data[i] {
		case '"':
			end := stringEnd(data, i)
			if n := len(levels); n > 0 && !levels[n-1].array && end < offset {
				if rest := bytes.TrimLeft(data[end+1:], " \t\r\n"); len(rest) > 0 && rest[0] == ':' {
					var name string
					if json.Unmarshal(data[i:end+1], &name) == nil {
						levels[n-1].name = name
					}
				}
			}
			i = end
		case '{':
			levels = append(levels, level{})
		case '[':
			levels = append(levels, level{array: true})
		case '}', ']':
			if len(levels) > 0 {
				levels = levels[:len(levels)-1]
			}
		case ',':
			if n := len(levels); n > 0 {
				levels[n-1].index++
				levels[n-1].name = ""
			}
		}
	}
	var parts []any
	for _, l := range levels {
		switch {
		case l.array:
			parts = append(parts, l.index)
		case plainName(l.name):
			parts = append(parts, l.name)
		case l.name != "":
			parts = append(parts, key(l.name))
		}
	}
	return at(parts...)
}

// plainName tells the specification's own field names from the users' keys.
func plainName(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return s != ""
}
