package cgroups

// Properties of the unit that annotations ask for:
// org.systemd.property.NAME, with a value in GVariant text format. Pure.
//
// The list of names is closed. Annotations may come from whoever may ask for a
// container, so a property that acts on anything but the container's own unit
// is not in it: what starts or stops other units (Wants=, Requires=,
// Conflicts=, OnFailure=), what acts on the host (JobTimeoutAction=,
// FailureAction=), what loads programs (BPFProgram=), and what rt decides
// itself (PIDs, Slice, Delegate, DeviceAllow, RefuseManualStop).

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"rt/cgroups/dbus"
	"rt/libcontainer/fault"
)

const annotationPrefix = "org.systemd.property."

// propertyType returns the D-Bus type of a property that an annotation may
// set; "cpus" is a list of numbers that travels as a mask.
func propertyType(name string) (sig string, ok bool) {
	for _, t := range []struct{ sig, names string }{
		{"s", "Description CollectMode KillMode OOMPolicy MemoryPressureWatch ManagedOOMSwap ManagedOOMMemoryPressure ManagedOOMPreference"},
		{"as", "After Before PartOf Requisite Documentation"},
		{"b", "DefaultDependencies IgnoreOnIsolate StopWhenUnneeded SendSIGHUP SendSIGKILL IPAccounting CoredumpReceive MemoryZSwapWriteback"},
		{"i", "KillSignal RestartKillSignal FinalKillSignal"},
		{"u", "ManagedOOMMemoryPressureLimit"},
		{"t", "TimeoutStopUSec RuntimeMaxUSec RuntimeRandomizedExtraUSec JobRunningTimeoutUSec " +
			"MemoryPressureThresholdUSec CPUQuotaPeriodUSec CPUQuotaPerSecUSec CPUWeight StartupCPUWeight CPUShares StartupCPUShares " +
			"IOWeight StartupIOWeight BlockIOWeight StartupBlockIOWeight TasksMax MemoryMin MemoryLow MemoryHigh MemoryMax MemoryLimit " +
			"MemorySwapMax MemoryZSwapMax DefaultMemoryMin DefaultMemoryLow StartupMemoryLow StartupMemoryHigh StartupMemoryMax " +
			"StartupMemorySwapMax StartupMemoryZSwapMax"},
		{"cpus", "AllowedCPUs StartupAllowedCPUs AllowedMemoryNodes StartupAllowedMemoryNodes"},
	} {
		if slices.Contains(strings.Fields(t.names), name) {
			return t.sig, true
		}
	}
	return "", false
}

// annotatedProperties are the properties that annotations ask for, sorted by
// name.
func annotatedProperties(annotations map[string]string) (properties, error) {
	var p properties
	for _, key := range sortedKeys(annotations) {
		name, ok := strings.CutPrefix(key, annotationPrefix)
		if !ok {
			continue
		}
		prop, err := annotatedProperty(name, annotations[key])
		if err != nil {
			var e *fault.Error
			if errors.As(err, &e) {
				e.Step, e.Object = step, "annotations["+strconv.Quote(key)+"]"
			}
			return nil, err
		}
		p = append(p, prop)
	}
	return p, nil
}

func annotatedProperty(name, text string) (prop dbus.Property, err error) {
	// systemd.unit(5) speaks of seconds, the bus of microseconds.
	seconds := strings.HasSuffix(name, "Sec") && !strings.HasSuffix(name, "USec")
	if seconds {
		name = strings.TrimSuffix(name, "Sec") + "USec"
	}
	sig, ok := propertyType(name)
	if !ok {
		return prop, fault.New("", "", "", errors.New("not a property that a container may set")).
			WithHint("docs/cgroups.md lists those that are allowed: they concern the container's own unit only")
	}
	l, rest, err := parseLiteral(strings.TrimSpace(text))
	if err == nil && strings.TrimSpace(rest) != "" {
		err = fmt.Errorf("%q behind the value", strings.TrimSpace(rest))
	}
	var value any
	if err == nil {
		value, err = l.convert(sig, seconds)
	}
	if err != nil {
		return prop, fault.New("", "", text, err).
			WithHint(`values are GVariant text: 'a string', 15, uint64 15, true, ['a', 'list']`)
	}
	return dbus.Property{Name: name, Value: value}, nil
}

// literal is a parsed value.
type literal struct {
	kind byte   // 's'tring, 'n'umber, 'b'ool, 'a'rray
	sig  string // of a type in front of it, or ""
	text string
	list []literal
}

// typeWords are the words that may stand in front of a value.
func typeWords(word string) (sig string, ok bool) {
	if after, ok := strings.CutPrefix(word, "@"); ok && after != "" {
		return after, true
	}
	switch word {
	case "boolean":
		return "b", true
	case "byte":
		return "y", true
	case "int16":
		return "n", true
	case "uint16":
		return "q", true
	case "int32":
		return "i", true
	case "uint32":
		return "u", true
	case "int64":
		return "x", true
	case "uint64":
		return "t", true
	case "double":
		return "d", true
	case "string":
		return "s", true
	}
	return "", false
}

func parseLiteral(s string) (l literal, rest string, err error) {
	if s == "" {
		return l, "", errors.New("there is no value")
	}
	switch s[0] {
	case '\'', '"':
		return parseQuoted(s)
	case '[':
		return parseArray(s)
	}
	n := strings.IndexAny(s, " \t\n,]['\"")
	if n < 0 {
		n = len(s)
	}
	word := s[:n]
	rest = s[n:]
	if sig, ok := typeWords(word); ok {
		l, rest, err = parseLiteral(strings.TrimLeft(rest, " \t\n"))
		if err == nil && l.sig != "" {
			err = errors.New("has two types in front")
		}
		l.sig = sig
		return l, rest, err
	}
	switch {
	case word == "true", word == "false":
		return literal{kind: 'b', text: word}, rest, nil
	case word == "infinity", isNumber(word):
		return literal{kind: 'n', text: word}, rest, nil
	}
	return l, rest, fmt.Errorf("%q is neither a number, true or false, nor quoted", word)
}

func isNumber(word string) bool {
	if _, err := strconv.ParseInt(word, 0, 64); err == nil {
		return true
	}
	if _, err := strconv.ParseUint(word, 0, 64); err == nil {
		return true
	}
	digits := strings.TrimLeft(word, "+-")
	_, err := strconv.ParseFloat(word, 64)
	return err == nil && digits != "" && strings.Trim(digits, "0123456789.eE+-") == "" && (digits[0] == '.' || digits[0] >= '0' && digits[0] <= '9')
}

func parseQuoted(s string) (l literal, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == s[0]:
			return literal{kind: 's', text: b.String()}, s[i+1:], nil
		case s[i] == 0:
			return l, "", errors.New("a string with a zero byte")
		case s[i] != '\\':
			b.WriteByte(s[i])
		case i+1 == len(s):
		default:
			i++
			at := strings.IndexByte(`ntr\'"`, s[i])
			if at < 0 {
				return l, "", fmt.Errorf(`\%c is none of \n \t \r \\ \' \"`, s[i])
			}
			b.WriteByte("\n\t\r\\'\""[at])
		}
	}
	return l, "", errors.New("a string that does not end")
}

func parseArray(s string) (l literal, rest string, err error) {
	l.kind = 'a'
	for rest = strings.TrimLeft(s[1:], " \t\n"); ; {
		if after, ok := strings.CutPrefix(rest, "]"); ok {
			return l, after, nil
		}
		if len(l.list) > 0 {
			after, ok := strings.CutPrefix(rest, ",")
			if !ok {
				return l, "", errors.New("a list that does not end")
			}
			rest = strings.TrimLeft(after, " \t\n")
		}
		var one literal
		if strings.HasPrefix(rest, "[") {
			return l, "", errors.New("a list in a list")
		}
		if one, rest, err = parseLiteral(rest); err != nil {
			return l, "", err
		}
		if one.kind == 'a' {
			return l, "", errors.New("a list in a list")
		}
		l.list = append(l.list, one)
		rest = strings.TrimLeft(rest, " \t\n")
	}
}

// typeNames says in words what a type is.
func typeNames(sig string) string {
	switch sig {
	case "s":
		return "a quoted string"
	case "as":
		return "a list of quoted strings"
	case "b":
		return "true or false"
	case "i":
		return "a number (int32)"
	case "u":
		return "a number (uint32)"
	case "cpus":
		return "a quoted list like '0-3,7'"
	}
	return "a number (uint64) or infinity"
}

// convert makes the value that a property of this type takes.
func (l literal) convert(sig string, seconds bool) (any, error) {
	wrong := fmt.Errorf("wants %s", typeNames(sig))
	if l.sig != "" && l.sig != sig && !seconds {
		return nil, wrong
	}
	switch {
	case seconds && l.kind == 'n':
		return microseconds(l.text)
	case sig == "t" && (l.kind == 'n' || l.kind == 's') && l.text == "infinity":
		return uint64(infinity), nil
	case sig == "s" && l.kind == 's':
		return l.text, nil
	case sig == "b" && l.kind == 'b':
		return l.text == "true", nil
	case sig == "cpus" && l.kind == 's':
		if mask, ok := listMask(l.text); ok {
			return mask, nil
		}
	case sig == "as" && l.kind == 'a':
		list := []string{}
		for _, one := range l.list {
			if one.kind != 's' || one.sig != "" && one.sig != "s" {
				return nil, wrong
			}
			list = append(list, one.text)
		}
		return list, nil
	case l.kind == 'n':
		if v := number(l.text, sig); v != nil {
			return v, nil
		}
	}
	return nil, wrong
}

func number(text, sig string) any {
	switch sig {
	case "t":
		if n, err := strconv.ParseUint(text, 0, 64); err == nil {
			return n
		}
	case "u":
		if n, err := strconv.ParseUint(text, 0, 32); err == nil {
			return uint32(n)
		}
	case "i":
		if n, err := strconv.ParseInt(text, 0, 32); err == nil {
			return int32(n)
		}
	}
	return nil
}

func microseconds(text string) (any, error) {
	if text == "infinity" {
		return uint64(infinity), nil
	}
	if n, err := strconv.ParseUint(text, 0, 64); err == nil && n <= math.MaxUint64/1_000_000 {
		return n * 1_000_000, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f >= 0 && f < 1e12) {
		return nil, errors.New("is no number of seconds")
	}
	return uint64(math.Round(f * 1e6)), nil
}
