package reference

import "strings"

// validDomain reports whether s is host[:port], the host a name, an IPv4
// address or an IPv6 address in brackets.
func validDomain(s string) bool {
	if v6, ok := strings.CutPrefix(s, "["); ok {
		addr, port, ok := strings.Cut(v6, "]")
		return ok && addr != "" && only(addr, isHexOrColon) && (port == "" || validPort(port))
	}
	host, port := s, ""
	if i := strings.IndexByte(s, ':'); i >= 0 {
		host, port = s[:i], s[i:]
	}
	for part := range strings.SplitSeq(host, ".") {
		if part == "" || part[0] == '-' || part[len(part)-1] == '-' || !only(part, isLabel) {
			return false
		}
	}
	return port == "" || validPort(port)
}

// validPort takes the colon, too.
func validPort(s string) bool { return len(s) > 1 && s[0] == ':' && only(s[1:], isDigit) }

// validPath reports whether s is parts of a-z and 0-9 with single separators
// inside: ".", "_", "__" or any number of "-".
func validPath(s string) bool {
	for part := range strings.SplitSeq(s, "/") {
		if !validPart(part) {
			return false
		}
	}
	return true
}

func validPart(s string) bool {
	if s == "" || !isLowerAlnum(s[0]) || !isLowerAlnum(s[len(s)-1]) {
		return false
	}
	for i := 0; i < len(s); {
		n := 1
		if !isLowerAlnum(s[i]) {
			n = len(s[i:]) - len(strings.TrimLeft(s[i:], "._-"))
			sep := s[i : i+n]
			if sep != "." && sep != "_" && sep != "__" && strings.Trim(sep, "-") != "" || n == 0 {
				return false
			}
		}
		i += n
	}
	return true
}

func validTag(s string) bool {
	return s != "" && len(s) <= maxTag && s[0] != '.' && s[0] != '-' && only(s, isTag)
}

// validDigest accepts the algorithms in use, each with its own length.
func validDigest(s string) bool {
	algorithm, hex, _ := strings.Cut(s, ":")
	length := map[string]int{"sha256": 64, "sha384": 96, "sha512": 128}[algorithm]
	return length > 0 && len(hex) == length && isHex(hex)
}

// only reports whether every byte of s is of a kind; an empty s is.
func only(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}

func isHex(s string) bool {
	return only(s, func(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' })
}

func isDigit(c byte) bool      { return '0' <= c && c <= '9' }
func isLowerAlnum(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'z' }
func isAlnum(c byte) bool      { return isLowerAlnum(c) || 'A' <= c && c <= 'Z' }
func isLabel(c byte) bool      { return isAlnum(c) || c == '-' }
func isTag(c byte) bool        { return isAlnum(c) || c == '_' || c == '.' || c == '-' }

func isHexOrColon(c byte) bool {
	return isDigit(c) || c == ':' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
