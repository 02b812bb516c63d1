// The grpc-go peer of the interop matrix: server and client of interop.proto (tests/interop/README.md).
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"google.golang.org/grpc"
)

func main() {
	listen := flag.String("listen", "", "serve on tcp:HOST:PORT or unix:PATH")
	maxStreams := flag.Uint("max-streams", 2000, "calls at once on one connection (server)")
	target := flag.String("target", "", "call the server on tcp:HOST:PORT or unix:PATH")
	names := flag.String("case", "", "cases to run, separated by commas (client)")
	seconds := flag.Float64("seconds", 1, "length of ping_pong (client)")
	joined := flag.Bool("joined", false, "the server joins the values of one key (client)")
	version := flag.Bool("version", false, "print the version of grpc-go")
	flag.Parse()
	var err error
	switch {
	case *version:
		fmt.Println(grpc.Version)
	case *listen != "":
		err = serve(*listen, uint32(*maxStreams))
	case *target != "":
		err = runCases(*target, strings.Split(*names, ","), *seconds, *joined)
	default:
		err = fmt.Errorf("want --listen or --target")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop-go:", err)
		os.Exit(1)
	}
}

// splitAddr takes "tcp:127.0.0.1:0" apart into "tcp" and "127.0.0.1:0".
func splitAddr(addr string) (scheme, rest string, err error) {
	scheme, rest, found := strings.Cut(addr, ":")
	if !found || (scheme != "tcp" && scheme != "unix") {
		return "", "", fmt.Errorf("want tcp:HOST:PORT or unix:PATH, got: %s", addr)
	}
	return scheme, rest, nil
}

// pattern is the payload number `seed`: byte i is seed + 7 i.
func pattern(size, seed int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(seed + 7*i)
	}
	return b
}
