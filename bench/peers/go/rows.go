package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// The rows, taken as bench/support/rows.cc takes them.

type measurement struct {
	row          int
	name, params string
}

type report struct{ o options }

func (r report) add(what measurement, metric, unit string, value float64) {
	line, _ := json.Marshal(struct {
		Row     int     `json:"row"`
		Name    string  `json:"name"`
		Subject string  `json:"subject"`
		Params  string  `json:"params"`
		Metric  string  `json:"metric"`
		Unit    string  `json:"unit"`
		Value   float64 `json:"value"`
		Pinning string  `json:"pinning"`
		Round   int     `json:"round"`
	}{what.row, what.name, r.o.subject, what.params, metric, unit, value, r.o.pinning, r.o.round})
	os.Stdout.Write(append(line, '\n'))
}

func percentile(samples []float64, p float64) float64 {
	slices.Sort(samples)
	return samples[int(p*float64(len(samples)-1))]
}

// Processor time and context switches of this process.
type usage struct{ start syscall.Rusage }

func startUsage() usage {
	var u usage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u.start)
	return u
}

func (u usage) report(r report, what measurement, calls uint64) {
	var end syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &end)
	micros := func(t syscall.Rusage) float64 {
		return float64(t.Utime.Sec+t.Stime.Sec)*1e6 + float64(t.Utime.Usec+t.Stime.Usec)
	}
	switches := func(t syscall.Rusage) int64 { return t.Nvcsw + t.Nivcsw }
	r.add(what, "cpu", "us", (micros(end)-micros(u.start))/float64(calls))
	r.add(what, "context_switches", "count", float64(switches(end)-switches(u.start))/float64(calls))
}

func wrong(what measurement, i uint64) error {
	return fmt.Errorf("%s: wrong answer in call %d", what.name, i)
}

func since(start time.Time) float64 { return float64(time.Since(start).Nanoseconds()) }

func (r report) latency(what measurement, batch int, bytesACall float64, call func(uint64) bool) error {
	var i uint64
	several := func() error {
		for range batch {
			if !call(i) {
				return wrong(what, i)
			}
			i++
		}
		return nil
	}
	for start := time.Now(); i == 0 || since(start) < r.o.warmup*1e9; {
		if err := several(); err != nil {
			return err
		}
	}
	first := i
	u := startUsage()
	var batches, singles []float64
	for start := time.Now(); since(start) < r.o.seconds*1e9; {
		batchStart := time.Now()
		if err := several(); err != nil {
			return err
		}
		batches = append(batches, since(batchStart)/float64(batch))
		singleStart := time.Now()
		if !call(i) {
			return wrong(what, i)
		}
		i++
		singles = append(singles, since(singleStart))
	}
	p50 := percentile(batches, 0.5)
	r.add(what, "p50", "ns", p50)
	r.add(what, "p99", "ns", percentile(singles, 0.99))
	r.add(what, "p99_of_batches", "ns", percentile(batches, 0.99))
	if bytesACall > 0 {
		r.add(what, "bytes_per_second", "B/s", bytesACall/p50*1e9)
	}
	u.report(r, what, i-first)
	return nil
}

func (r report) rate(what measurement, outstanding int, run func(uint64) bool) error {
	chunk := max(uint64(16), uint64(4*outstanding))
	for start := time.Now(); since(start) < r.o.warmup*1e9; {
		chunkStart := time.Now()
		if !run(chunk) {
			return wrong(what, chunk)
		}
		if since(chunkStart) < 5e5 {
			chunk *= 2
		}
	}
	var chunks []float64
	var done uint64
	u := startUsage()
	for start := time.Now(); len(chunks) == 0 || since(start) < r.o.seconds*1e9; done += chunk {
		chunkStart := time.Now()
		if !run(chunk) {
			return wrong(what, done)
		}
		chunks = append(chunks, since(chunkStart)/float64(chunk))
	}
	r.add(what, "per_second", "1/s", 1e9/percentile(chunks, 0.5))
	u.report(r, what, done)
	return nil
}

func (r report) stream(s *subject) error {
	const messages = 1024
	what := measurement{5, "stream message 100 B", "messages=1024"}
	for start := time.Now(); since(start) < r.o.warmup*1e9; {
		if !s.stream(messages) {
			return wrong(what, 0)
		}
	}
	var streams []float64
	u := startUsage()
	start := time.Now()
	for len(streams) == 0 || since(start) < r.o.seconds*1e9 {
		streamStart := time.Now()
		if !s.stream(messages) {
			return wrong(what, uint64(len(streams)))
		}
		streams = append(streams, since(streamStart)/messages)
	}
	total := uint64(len(streams)) * messages
	r.add(what, "per_second", "1/s", float64(total)/since(start)*1e9)
	r.add(what, "p50", "ns", percentile(streams, 0.5))
	r.add(what, "p99_of_batches", "ns", percentile(streams, 0.99))
	u.report(r, what, total)
	return nil
}

// firstReplyOf makes one call and writes a byte, for the process that waits for it.
func firstReplyOf(o options) error {
	s, err := newSubject(o.api)
	if err != nil {
		return err
	}
	defer s.close()
	if !s.unary(0) {
		return wrong(measurement{11, "first reply after process start", ""}, 0)
	}
	_, err = os.Stdout.Write([]byte("."))
	return err
}

// counts is row 11 as far as it can be told here: allocations by the runtime's own count, and the first reply.
func (r report) counts(s *subject) error {
	const calls = 1000
	what := measurement{11, "allocations a unary call", ""}
	var before, after runtime.MemStats
	for i := range uint64(4 * calls) {
		if i == 2*calls {
			runtime.ReadMemStats(&before)
		}
		if !s.unary(i) {
			return wrong(what, i)
		}
	}
	runtime.ReadMemStats(&after)
	r.add(what, "allocations", "count", float64(after.Mallocs-before.Mallocs)/(2*calls))

	var times []float64
	for range 5 {
		child := exec.Command("/proc/self/exe", "--first-reply", "--api", r.o.api)
		out, err := child.StdoutPipe()
		if err != nil {
			return err
		}
		start := time.Now()
		if err := child.Start(); err != nil {
			return err
		}
		var byte [1]byte
		if _, err := io.ReadFull(out, byte[:]); err != nil {
			return err
		}
		times = append(times, since(start))
		if err := child.Wait(); err != nil {
			return err
		}
	}
	r.add(measurement{11, "first reply after process start", ""}, "p50", "ns", percentile(times, 0.5))
	return nil
}

func measureRow(row int, s *subject, r report) error {
	switch row {
	case 1:
		return r.latency(measurement{1, "unary", ""}, 32, 0, s.unary)
	case 2:
		return r.latency(measurement{2, "unary, server on another thread", ""}, 16, 0, s.unary)
	case 3:
		for _, outstanding := range []int{1, 8, 64, 512} {
			what := measurement{3, "throughput", fmt.Sprintf("outstanding=%d", outstanding)}
			err := r.rate(what, outstanding, func(calls uint64) bool { return s.unaryMany(calls, outstanding) })
			if err != nil {
				return err
			}
		}
		return nil
	case 4:
		return r.latency(measurement{4, "ping-pong 100 B", ""}, 32, 0, s.pingPong)
	case 5:
		return r.stream(s)
	case 6:
		return r.latency(measurement{6, "unary 1 MiB", ""}, 16, 2*largeSize, s.unaryLarge)
	case 11:
		return r.counts(s)
	}
	fmt.Fprintf(os.Stderr, "%s: no row %d\n", r.o.subject, row)
	return nil
}
