package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"bench/echo"
	"bench/helloworld"
)

const (
	kinds     = 64 // distinct contents
	largeSize = 1 << 20
)

// What is sent, as bench/support/payload.h has it.
type payloads struct {
	names, greetings [kinds]string
	texts            [kinds][]byte
}

func newPayloads() *payloads {
	p := new(payloads)
	for i := range kinds {
		p.names[i] = fmt.Sprintf("world_%d", 1000+i)
		p.greetings[i] = "Hello " + p.names[i]
		p.texts[i] = make([]byte, 100)
		for k := range p.texts[i] {
			p.texts[i][k] = byte('!' + (i*7+k)%90)
		}
	}
	return p
}

type greeter struct {
	helloworld.UnimplementedGreeterServer
}

func (greeter) SayHello(_ context.Context, request *helloworld.HelloRequest) (*helloworld.HelloReply, error) {
	return &helloworld.HelloReply{Message: "Hello " + request.Name}, nil
}

type echoer struct {
	echo.UnimplementedEchoServer
	payloads *payloads
}

func (echoer) Unary(_ context.Context, request *echo.Payload) (*echo.Payload, error) {
	return &echo.Payload{Data: append([]byte(nil), request.Data...)}, nil
}

func (e echoer) Stream(order *echo.Order, stream grpc.ServerStreamingServer[echo.Payload]) error {
	for i := range int(order.Count) {
		if err := stream.Send(&echo.Payload{Data: e.payloads.texts[i%kinds]}); err != nil {
			return err
		}
	}
	return nil
}

func (echoer) Chat(stream grpc.BidiStreamingServer[echo.Payload, echo.Payload]) error {
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&echo.Payload{Data: message.Data}); err != nil {
			return err
		}
	}
}

// Client and server in this process, connected. Each operation checks what it received.
type subject struct {
	payloads *payloads
	server   *grpc.Server
	conn     *grpc.ClientConn
	greeter  helloworld.GreeterClient
	echo     echo.EchoClient
	chat     grpc.BidiStreamingClient[echo.Payload, echo.Payload]
	large    *echo.Payload
}

// Windows as wide as sluice's over a pipe: with the default of 64 KiB, 1 MiB would wait for WINDOW_UPDATEs.
const (
	streamWindow = 8 << 20
	connWindow   = 64 << 20
)

func newSubject(api string) (*subject, error) {
	var listener net.Listener
	var dial func(context.Context, string) (net.Conn, error)
	switch api {
	case "pipe":
		l := newPipeListener()
		listener, dial = l, l.dial
	case "bufconn":
		l := bufconn.Listen(1 << 20)
		listener, dial = l, func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }
	default:
		return nil, fmt.Errorf("bad argument --api %s", api)
	}
	s := &subject{payloads: newPayloads()}
	s.server = grpc.NewServer(grpc.MaxRecvMsgSize(8<<20), grpc.MaxConcurrentStreams(1024),
		grpc.InitialWindowSize(streamWindow), grpc.InitialConnWindowSize(connWindow))
	helloworld.RegisterGreeterServer(s.server, greeter{})
	echo.RegisterEchoServer(s.server, echoer{payloads: s.payloads})
	go s.server.Serve(listener)
	conn, err := grpc.NewClient("passthrough:pipe", grpc.WithContextDialer(dial),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithInitialWindowSize(streamWindow),
		grpc.WithInitialConnWindowSize(connWindow), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(8<<20)))
	if err != nil {
		return nil, err
	}
	s.conn = conn
	s.greeter = helloworld.NewGreeterClient(conn)
	s.echo = echo.NewEchoClient(conn)
	return s, nil
}

func (s *subject) close() {
	s.conn.Close()
	s.server.Stop()
}

func (s *subject) unary(i uint64) bool {
	request := &helloworld.HelloRequest{Name: s.payloads.names[i%kinds]}
	reply, err := s.greeter.SayHello(context.Background(), request)
	return err == nil && reply.Message == s.payloads.greetings[i%kinds]
}

// `calls` calls, `outstanding` of them at a time.
func (s *subject) unaryMany(calls uint64, outstanding int) bool {
	var next atomic.Uint64
	var wrong atomic.Bool
	var all sync.WaitGroup
	for range outstanding {
		all.Go(func() {
			for i := next.Add(1) - 1; i < calls; i = next.Add(1) - 1 {
				if !s.unary(i) {
					wrong.Store(true)
				}
			}
		})
	}
	all.Wait()
	return !wrong.Load()
}

func (s *subject) pingPong(i uint64) bool {
	if s.chat == nil {
		chat, err := s.echo.Chat(context.Background())
		if err != nil {
			return false
		}
		s.chat = chat
	}
	if s.chat.Send(&echo.Payload{Data: s.payloads.texts[i%kinds]}) != nil {
		return false
	}
	reply, err := s.chat.Recv()
	return err == nil && bytes.Equal(reply.Data, s.payloads.texts[i%kinds])
}

func (s *subject) stream(messages uint64) bool {
	stream, err := s.echo.Stream(context.Background(), &echo.Order{Count: uint32(messages)})
	if err != nil {
		return false
	}
	for i := uint64(0); ; i++ {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return i == messages
		}
		if err != nil || !bytes.Equal(message.Data, s.payloads.texts[i%kinds]) {
			return false
		}
	}
}

func (s *subject) unaryLarge(i uint64) bool {
	if s.large == nil {
		s.large = &echo.Payload{Data: make([]byte, largeSize)}
		for k := range s.large.Data {
			s.large.Data[k] = byte(k * 131 >> 3)
		}
	}
	sent := s.large.Data
	binary.LittleEndian.PutUint64(sent, i)
	binary.LittleEndian.PutUint64(sent[largeSize-8:], i)
	reply, err := s.echo.Unary(context.Background(), s.large)
	if err != nil || len(reply.Data) != largeSize {
		return false
	}
	if i%kinds == 0 {
		return bytes.Equal(sent, reply.Data)
	}
	for at := 8; at < largeSize; at += 65536 {
		if sent[at] != reply.Data[at] {
			return false
		}
	}
	return bytes.Equal(sent[:8], reply.Data[:8]) && bytes.Equal(sent[largeSize-8:], reply.Data[largeSize-8:])
}
