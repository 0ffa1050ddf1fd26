package ps

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// column is one of "STANDARD FORMAT SPECIFIERS" of ps(1).
type column struct {
	title string
	value func(process) string
}

// columns are those known, by all their names.
func columns() map[string]column {
	out := map[string]column{}
	for _, c := range []struct {
		names, title string
		value        func(process) string
	}{
		{"pid tgid", "PID", func(p process) string { return strconv.Itoa(p.pid) }},
		{"ppid", "PPID", func(p process) string { return p.text(4) }},
		{"pgid pgrp", "PGID", func(p process) string { return p.text(5) }},
		{"sid", "SID", func(p process) string { return p.text(6) }},
		{"tpgid", "TPGID", func(p process) string { return p.text(8) }},
		{"lwp", "LWP", func(p process) string { return strconv.Itoa(p.tid) }},
		{"tid", "TID", func(p process) string { return strconv.Itoa(p.tid) }},
		{"nlwp thcount", "NLWP", func(p process) string { return p.text(20) }},
		{"user euser uname", "USER", func(p process) string { return p.name(p.users, "Uid", 1) }},
		{"ruser", "RUSER", func(p process) string { return p.name(p.users, "Uid", 0) }},
		{"group egroup", "GROUP", func(p process) string { return p.name(p.groups, "Gid", 1) }},
		{"rgroup", "RGROUP", func(p process) string { return p.name(p.groups, "Gid", 0) }},
		{"uid euid", "UID", func(p process) string { return p.id("Uid", 1) }},
		{"ruid", "RUID", func(p process) string { return p.id("Uid", 0) }},
		{"gid egid", "GID", func(p process) string { return p.id("Gid", 1) }},
		{"rgid", "RGID", func(p process) string { return p.id("Gid", 0) }},
		{"comm ucomm", "COMMAND", process.command},
		{"ucmd", "CMD", process.command},
		{"args command", "COMMAND", process.arguments},
		{"cmd", "CMD", process.arguments},
		{"etime", "ELAPSED", func(p process) string { return clock(p.elapsed(), true) }},
		{"etimes", "ELAPSED", func(p process) string { return strconv.FormatInt(p.elapsed(), 10) }},
		{"time cputime", "TIME", func(p process) string { return clock(p.cpu()/hz, false) }},
		{"times cputimes", "TIME", func(p process) string { return strconv.FormatInt(p.cpu()/hz, 10) }},
		{"bsdtime", "TIME", func(p process) string { s := p.cpu() / hz; return fmt.Sprintf("%d:%02d", s/60, s%60) }},
		{"stime", "STIME", process.began},
		{"start_time start", "START", process.began},
		{"lstart", "STARTED", func(p process) string { return p.start().Format("Mon Jan _2 15:04:05 2006") }},
		{"stat", "STAT", process.states},
		{"s state", "S", func(p process) string { return p.text(3) }},
		{"rss rssize rsz", "RSS", func(p process) string { return strconv.FormatInt(p.rss()/1024, 10) }},
		{"vsz vsize", "VSZ", func(p process) string { return strconv.FormatInt(p.field(23)/1024, 10) }},
		{"sz", "SZ", func(p process) string { return strconv.FormatInt(p.field(23)/pageSize, 10) }},
		{"pcpu %cpu", "%CPU", func(p process) string { return fmt.Sprintf("%.1f", p.share()) }},
		{"c", "C", func(p process) string { return strconv.Itoa(min(int(p.share()), 99)) }},
		{"pmem %mem", "%MEM", func(p process) string { return fmt.Sprintf("%.1f", float64(p.rss())*100/float64(max(p.memory, 1))) }},
		{"tty tt", "TT", process.terminal},
		{"tname", "TTY", process.terminal},
		{"nice ni", "NI", func(p process) string { return p.text(19) }},
		{"pri", "PRI", func(p process) string { return strconv.FormatInt(39-p.field(18), 10) }},
		{"opri", "PRI", func(p process) string { return strconv.FormatInt(60+p.field(18), 10) }},
		{"psr", "PSR", func(p process) string { return p.text(39) }},
		{"f flag flags", "F", func(p process) string { return strconv.FormatInt(p.field(9)>>6&7, 8) }},
		{"addr", "ADDR", func(process) string { return "-" }},
		{"wchan", "WCHAN", func(p process) string { return dash(p.wchan) }},
	} {
		for _, n := range strings.Fields(c.names) {
			out[n] = column{c.title, c.value}
		}
	}
	return out
}

var pageSize = int64(os.Getpagesize())

// name returns the host's name of a user or group, or its number.
func (p process) name(known map[string]string, kind string, n int) string {
	id := p.id(kind, n)
	if name := known[id]; name != "" {
		return name
	}
	return id
}

func (p process) rss() int64 { return p.field(24) * pageSize }

// cpu returns the ticks spent in user and kernel mode.
func (p process) cpu() int64 { return p.field(14) + p.field(15) }

// elapsed returns the seconds since it started.
func (p process) elapsed() int64 {
	return max(int64(p.uptime)-p.field(22)/hz, 0)
}

func (p process) start() time.Time {
	return p.boot.Add(time.Duration(p.field(22)) * time.Second / hz).Local()
}

// share returns how much of a CPU it has used in its life, in percent.
func (p process) share() float64 {
	life := p.uptime*hz - float64(p.field(22))
	if life < 1 {
		return 0
	}
	return float64(p.cpu()) * 100 / life
}

// began is the time of the start today, else its day, or its year.
func (p process) began() string {
	s, now := p.start(), p.now.Local()
	switch {
	case s.Year() != now.Year():
		return s.Format("2006")
	case s.YearDay() != now.YearDay():
		return s.Format("Jan02")
	}
	return s.Format("15:04")
}

// clock shows seconds as [DAYS-]HH:MM:SS; short leaves out hours that are none.
func clock(s int64, short bool) string {
	days, text := s/86400, fmt.Sprintf("%02d:%02d", s/60%60, s%60)
	if !short || s >= 3600 {
		text = fmt.Sprintf("%02d:", s/3600%24) + text
	}
	if days > 0 {
		text = fmt.Sprintf("%d-", days) + text
	}
	return text
}

// states is the state with its marks, see "PROCESS STATE CODES" of ps(1).
func (p process) states() string {
	s := p.text(3)
	switch nice := p.field(19); {
	case nice < 0:
		s += "<"
	case nice > 0:
		s += "N"
	}
	if number(field(p.status, "VmLck")) > 0 {
		s += "L"
	}
	if p.field(6) == int64(p.pid) {
		s += "s"
	}
	if p.field(20) > 1 {
		s += "l"
	}
	if p.field(8) == p.field(5) {
		s += "+"
	}
	return s
}

// terminal names the controlling terminal by its number, see proc_pid_stat(5).
func (p process) terminal() string {
	dev := uint32(p.field(7))
	major, minor := dev>>8&0xfff, dev&0xff|dev>>12&0xfff00
	switch {
	case major >= 136 && major <= 143:
		return fmt.Sprintf("pts/%d", (major-136)<<8|minor)
	case major == 4 && minor < 64:
		return fmt.Sprintf("tty%d", minor)
	case major == 4:
		return fmt.Sprintf("ttyS%d", minor-64)
	case major == 5 && minor == 1:
		return "console"
	}
	return "?"
}

func (p process) command() string { return printable(p.comm) + p.defunct() }

// arguments are the words of the command, or its name in brackets where it has none.
func (p process) arguments() string {
	if len(p.cmdline) == 0 {
		return "[" + printable(p.comm) + "]" + p.defunct()
	}
	return printable(strings.Join(p.cmdline, " "))
}

func (p process) defunct() string {
	if p.text(3) == "Z" {
		return " <defunct>"
	}
	return ""
}

// printable keeps what a process calls itself from doing anything to a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

func dash(s string) string {
	if s == "" || s == "0" {
		return "-"
	}
	return s
}
