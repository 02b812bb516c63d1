package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"interop/pb"
)

const callTimeout = 20 * time.Second

// client is what a case is given.
type client struct {
	stub    pb.InteropClient
	missing pb.MissingClient
	seconds float64
	joined  bool
	ids     int
}

type outcome struct {
	Case    string  `json:"case"`
	OK      bool    `json:"ok"`
	Why     string  `json:"why"`
	Seconds float64 `json:"seconds"`
}

func runCases(addr string, names []string, seconds float64, joined bool) error {
	scheme, rest, err := splitAddr(addr)
	if err != nil {
		return err
	}
	target := "passthrough:///" + rest
	if scheme == "unix" {
		target = "unix:" + rest
	}
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	c := &client{stub: pb.NewInteropClient(conn), missing: pb.NewMissingClient(conn), seconds: seconds, joined: joined}
	out := json.NewEncoder(os.Stdout)
	for _, name := range names {
		start := time.Now()
		why := c.run(name)
		out.Encode(outcome{name, why == "", why, time.Since(start).Seconds()})
	}
	return nil
}

// failure is what check panics with.
type failure string

func (c *client) run(name string) (why string) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failure:
			why = string(p)
		default:
			why = fmt.Sprintf("panic: %v", p)
			debug.PrintStack()
		}
	}()
	run, ok := cases[name]
	if !ok {
		return "no such case"
	}
	run(c)
	return ""
}

func check(ok bool, format string, args ...any) {
	if !ok {
		panic(failure(fmt.Sprintf(format, args...)))
	}
}

func checkOK(err error, what string) { check(err == nil, "%s: %v", what, err) }

func checkStatus(err error, code codes.Code, message, what string) {
	s := status.Convert(err)
	check(s.Code() == code && s.Message() == message, "%s: want %v %q, got %v %q", what, code, message, s.Code(), s.Message())
}

func checkCode(err error, code codes.Code, what string) {
	check(status.Code(err) == code, "%s: want %v, got: %v", what, code, err)
}

func checkEnd(err error, what string) { check(err == io.EOF, "%s: want the end, got: %v", what, err) }

// context gives one with the deadline of every call, and its cancel function.
func (c *client) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), callTimeout)
}

func (c *client) id() string {
	c.ids++
	return fmt.Sprintf("go-%d-%d", os.Getpid(), c.ids)
}

// seen asks for what the server saw of a call, until it has the answer that `until` wants.
func (c *client) seen(id, what string, until func(*pb.SeenReply) bool) *pb.SeenReply {
	ctx, cancel := c.context()
	defer cancel()
	var reply *pb.SeenReply
	for start := time.Now(); time.Since(start) < 5*time.Second; time.Sleep(5 * time.Millisecond) {
		var err error
		reply, err = c.stub.Seen(ctx, &pb.SeenRequest{Id: id})
		checkOK(err, "Seen")
		if until(reply) {
			return reply
		}
	}
	check(false, "the server did not see %s: %v", what, reply)
	return nil
}

func (c *client) seenCancelled(id string) *pb.SeenReply {
	return c.seen(id, "the cancellation", func(r *pb.SeenReply) bool { return r.Ended == 1 && r.Cancelled })
}
