// Package ps reads processes from /proc, and shows them in the columns of ps(1)
// of procps: for a chosen set of processes, without executing that program.
package ps

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Format is what of each process is shown.
type Format struct {
	columns []titled
	threads bool // a row for each thread
}

// titled is a column under a title.
type titled struct {
	column
	title string
}

// ErrNoPID says that nothing would tell which process a row is, in Docker's words.
var ErrNoPID = errors.New("Couldn't find PID field in ps output")

// sets are the columns that options stand for.
const (
	plainSet   = "pid,tname,time,ucmd"
	bsdSet     = "pid,tname,stat,bsdtime,args=COMMAND"
	fullSet    = "user=UID,pid,ppid,c,stime,tname,time,cmd"
	threadSet  = "user=UID,pid,ppid,lwp,c,nlwp,stime,tname,time,cmd"
	bareLWPSet = "pid,lwp,tname,time,ucmd"
	userSet    = "user,pid,pcpu,pmem,vsz,rss,tname,stat,stime=START,bsdtime,args=COMMAND"
	longSet    = "f,s,uid,pid,ppid,c,opri,ni,addr,sz,wchan,tname,time,ucmd"
	jobSet     = "pid,pgid,sid,tname,time,ucmd"
)

// parser collects what the options say.
type parser struct {
	f                                  Format
	own                                bool // columns of the user's own
	full, user, long, job, bsd, thread bool
}

// Parse reads the options of ps(1): what selects processes is accepted and
// without effect, since they are chosen already. What would change the rows in
// a way that this package does not know is an error that names it.
func Parse(args []string) (Format, error) {
	p := &parser{}
	for i := 0; i < len(args); i++ {
		used, err := p.option(args[i], args[i+1:])
		if err != nil {
			return Format{}, err
		}
		i += used
	}
	if !p.own {
		if err := p.list(p.set()); err != nil {
			return Format{}, err
		}
	}
	p.f.threads = p.thread
	if !slices.ContainsFunc(p.f.columns, func(c titled) bool { return c.title == "PID" }) {
		return Format{}, ErrNoPID
	}
	return p.f, nil
}

// set returns the columns where the user names none.
func (p *parser) set() string {
	switch {
	case p.user:
		return userSet
	case p.long:
		return longSet
	case p.job:
		return jobSet
	case p.full && p.thread:
		return threadSet
	case p.full:
		return fullSet
	case p.thread:
		return bareLWPSet
	case p.bsd:
		return bsdSet
	}
	return plainSet
}

// option reads one argument, and as many of the next as it returns.
func (p *parser) option(arg string, rest []string) (used int, err error) {
	if name, ok := strings.CutPrefix(arg, "--"); ok {
		name, list, given := strings.Cut(name, "=")
		if name == "format" && given {
			return 0, p.list(list)
		}
		if name == "format" && len(rest) > 0 {
			return 1, p.list(rest[0])
		}
		return 0, unsupported(arg)
	}
	letters, unixStyle := strings.CutPrefix(arg, "-")
	if letters == "aux" || letters == "auxw" || letters == "auxww" { // as ps takes it
		unixStyle = false
	}
	p.bsd = p.bsd || !unixStyle
	for i, l := range letters {
		if l == 'o' {
			if list := letters[i+1:]; list != "" {
				return 0, p.list(list)
			}
			if len(rest) == 0 {
				return 0, fmt.Errorf("ps: format specification must follow %s", arg)
			}
			return 1, p.list(rest[0])
		}
		if !p.letter(l, unixStyle) {
			return 0, unsupported(arg)
		}
	}
	return 0, nil
}

// letter reads one option; false where it is unknown.
func (p *parser) letter(l rune, unixStyle bool) bool {
	switch {
	case l == 'w':
	case l == 'l':
		p.long = true
	case l == 'j':
		p.job = true
	case unixStyle && strings.ContainsRune("eAad", l):
	case unixStyle && l == 'f':
		p.full = true
	case unixStyle && l == 'L':
		p.thread = true
	case !unixStyle && strings.ContainsRune("axg", l):
	case !unixStyle && l == 'u':
		p.user = true
	default:
		return false
	}
	return true
}

func unsupported(option string) error {
	return fmt.Errorf("ps: the option %q is not supported; these are: -e -f -L -l -j aux ax, and -o with a list of columns", option)
}

// list adds columns: NAME or NAME=TITLE, separated by commas or spaces. A title
// ends there, too.
func (p *parser) list(list string) error {
	p.own = true
	for _, word := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		name, title, given := strings.Cut(word, "=")
		c, ok := columns()[name]
		if !ok {
			return fmt.Errorf("ps: unknown column %q", name)
		}
		if !given {
			title = c.title
		}
		p.f.columns = append(p.f.columns, titled{c, title})
	}
	if len(p.f.columns) == 0 {
		return fmt.Errorf("ps: no column in %q", list)
	}
	return nil
}

// Titles returns the header.
func (f Format) Titles() (out []string) {
	for _, c := range f.columns {
		out = append(out, c.title)
	}
	return out
}

// Rows returns what there is to say of each process. One that is gone has no row.
func (f Format) Rows(pids []int) (rows [][]string, err error) {
	m, err := readMachine()
	if err != nil {
		return nil, err
	}
	for _, pid := range pids {
		for _, p := range m.read(pid, f.threads) {
			var row []string
			for _, c := range f.columns {
				row = append(row, c.value(p))
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}
