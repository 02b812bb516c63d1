// The benchmark program of grpc-go, client and server in this process, by the same command line and with the same
// rows as the C++ subjects (bench/support). --api pipe: the listener over net.Pipe; --api bufconn: grpc-go's own.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
)

type options struct {
	rows    []int
	api     string
	subject string
	pinning string
	round   int
	seconds float64
	warmup  float64
	first   bool
}

func parse() (options, error) {
	var o options
	var rows string
	flag.StringVar(&rows, "rows", "", "1,3,...")
	flag.StringVar(&o.api, "api", "pipe", "pipe or bufconn")
	flag.StringVar(&o.subject, "subject", "", "printed with each figure")
	flag.StringVar(&o.pinning, "pinning", "free", "printed with each figure")
	flag.IntVar(&o.round, "round", 0, "printed with each figure")
	flag.Float64Var(&o.seconds, "seconds", 1, "length of one measurement")
	flag.Float64Var(&o.warmup, "warmup", 0.2, "and of what comes before it")
	flag.BoolVar(&o.first, "first-reply", false, "makes one call, writes one byte, ends")
	flag.Parse()
	if o.first {
		return o, nil
	}
	for _, text := range strings.Split(rows, ",") {
		row, err := strconv.Atoi(text)
		if err != nil {
			return o, fmt.Errorf("bad argument --rows %s", rows)
		}
		o.rows = append(o.rows, row)
	}
	return o, nil
}

func run() error {
	o, err := parse()
	if err != nil {
		return err
	}
	if o.first {
		return firstReplyOf(o)
	}
	for _, row := range o.rows {
		s, err := newSubject(o.api)
		if err != nil {
			return err
		}
		err = measureRow(row, s, report{o})
		s.close()
		if err != nil {
			return err
		}
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "grpc-go:", err)
		os.Exit(1)
	}
}
