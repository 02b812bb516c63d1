package main

import (
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"interop/pb"
)

func serve(addr string, maxStreams uint32) error {
	scheme, rest, err := splitAddr(addr)
	if err != nil {
		return err
	}
	listener, err := net.Listen(scheme, rest)
	if err != nil {
		return err
	}
	// As strict as can be: no PING but those behind data of ours is forgiven.
	strict := keepalive.EnforcementPolicy{MinTime: time.Hour, PermitWithoutStream: false}
	server := grpc.NewServer(grpc.MaxConcurrentStreams(maxStreams), grpc.KeepaliveEnforcementPolicy(strict))
	pb.RegisterInteropServer(server, &service{calls: map[string]*record{}})
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		<-signals
		server.GracefulStop()
	}()
	fmt.Printf("listening %s:%s\n", scheme, listener.Addr())
	if err := server.Serve(listener); err != nil {
		return err
	}
	server.GracefulStop() // Serve returns when the listener is closed: wait for the calls
	return nil
}

type service struct {
	pb.UnimplementedInteropServer
	mu    sync.Mutex
	calls map[string]*record
}

// record is what was seen of the calls with one id.
type record struct {
	seen   *pb.SeenReply
	gather chan struct{} // closed when enough are here
}

// call is one call while its handler runs.
type call struct {
	service *service
	ctx     context.Context
	id      string
	crc     uint32
	size    int64
	count   int32
	meta    []*pb.Pair
	over    bool // a read or write found it so, which the context may not know yet
}

func (s *service) record(id string) *record {
	r := s.calls[id]
	if r == nil {
		r = &record{seen: &pb.SeenReply{TimeoutMs: -1}, gather: make(chan struct{})}
		s.calls[id] = r
	}
	return r
}

func (c *call) note(change func(r *record)) {
	if c.id == "" {
		return
	}
	c.service.mu.Lock()
	defer c.service.mu.Unlock()
	change(c.service.record(c.id))
}

// begin gives header and trailer that the request's metadata asks for.
func (s *service) begin(ctx context.Context) (c *call, header, trailer metadata.MD) {
	c = &call{service: s, ctx: ctx}
	in, _ := metadata.FromIncomingContext(ctx)
	header, trailer = metadata.MD{}, metadata.MD{}
	for key, values := range in {
		if !strings.HasPrefix(key, "x-") {
			continue
		}
		for _, value := range values {
			c.meta = append(c.meta, &pb.Pair{Key: key, Value: []byte(value)})
		}
		if strings.HasPrefix(key, "x-header") {
			header[key] = values
		} else if strings.HasPrefix(key, "x-trailer") {
			trailer[key] = values
		}
	}
	return c, header, trailer
}

func (c *call) received(request *pb.Request) {
	if c.count == 0 && request.Id != "" {
		c.id = request.Id
		c.note(func(r *record) {
			r.seen.Started++
			if deadline, ok := c.ctx.Deadline(); ok {
				r.seen.TimeoutMs = time.Until(deadline).Milliseconds()
			}
		})
	}
	c.count++
	c.size += int64(len(request.Payload))
	c.crc = crc32.Update(c.crc, crc32.IEEETable, request.Payload)
	c.note(func(r *record) { r.seen.Received++ })
}

func (c *call) reply(payload []byte, text string) *pb.Reply {
	reply := &pb.Reply{Payload: payload, Text: text, Count: c.count, Size: c.size, Crc: c.crc, Metadata: c.meta}
	c.meta = nil
	return reply
}

func (c *call) sent() { c.note(func(r *record) { r.seen.Sent++ }) }

func (c *call) end() {
	c.note(func(r *record) {
		r.seen.Ended++
		r.seen.Cancelled = r.seen.Cancelled || c.over || c.ctx.Err() != nil
	})
}

// failed is what a handler ends with whose read or write failed.
func (c *call) failed(err error) error {
	c.over = true
	return err
}

func (c *call) wait() error {
	<-c.ctx.Done()
	return status.FromContextError(c.ctx.Err()).Err()
}

func statusOf(plan *pb.Plan) error {
	if plan.GetCode() == 0 {
		return nil
	}
	if len(plan.Details) > 0 {
		var s spb.Status
		if err := proto.Unmarshal(plan.Details, &s); err != nil {
			return err
		}
		return status.ErrorProto(&s)
	}
	return status.Error(codes.Code(plan.Code), plan.Message)
}

func (s *service) Unary(ctx context.Context, request *pb.Request) (*pb.Reply, error) {
	c, header, trailer := s.begin(ctx)
	c.received(request)
	defer c.end()
	grpc.SetHeader(ctx, header)
	grpc.SetTrailer(ctx, trailer)
	if request.Plan.GetWait() {
		return nil, c.wait()
	}
	if n := request.Plan.GetGather(); n > 0 {
		var gathered chan struct{}
		c.note(func(r *record) {
			gathered = r.gather
			if r.seen.Started == n {
				close(r.gather)
			}
		})
		select {
		case <-gathered:
		case <-ctx.Done():
			return nil, c.wait()
		}
	}
	if err := statusOf(request.Plan); err != nil {
		return nil, err
	}
	c.sent()
	payload := request.Payload
	if n := request.Plan.GetReplySize(); n > 0 {
		payload = pattern(int(n), 0)
	}
	return c.reply(payload, request.Text), nil
}

func (s *service) ServerStream(request *pb.Request, stream grpc.ServerStreamingServer[pb.Reply]) error {
	c, header, trailer := s.begin(stream.Context())
	c.received(request)
	defer c.end()
	stream.SetHeader(header)
	stream.SetTrailer(trailer)
	for i := int32(0); i < request.Plan.GetReplies(); i++ {
		reply := &pb.Reply{Payload: pattern(int(request.Plan.ReplySize), int(i)), Text: request.Text, Count: i, Metadata: c.meta}
		c.meta = nil
		if err := stream.Send(reply); err != nil {
			return c.failed(err)
		}
		c.sent()
	}
	if request.Plan.GetWait() {
		return c.wait()
	}
	return statusOf(request.Plan)
}

func (s *service) ClientStream(stream grpc.ClientStreamingServer[pb.Request, pb.Reply]) error {
	c, header, trailer := s.begin(stream.Context())
	defer c.end()
	stream.SetHeader(header)
	stream.SetTrailer(trailer)
	var plan *pb.Plan
	text := ""
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			break
		} else if err != nil {
			return c.failed(err)
		}
		c.received(request)
		text = request.Text
		if c.count == 1 {
			plan = request.Plan
			if plan.GetWait() {
				return c.wait()
			}
		}
		if c.count == plan.GetRead() {
			break
		}
	}
	if err := statusOf(plan); err != nil {
		return err
	}
	c.sent()
	return stream.SendAndClose(c.reply(nil, text))
}

func (s *service) Bidi(stream grpc.BidiStreamingServer[pb.Request, pb.Reply]) error {
	c, header, trailer := s.begin(stream.Context())
	defer c.end()
	stream.SetHeader(header)
	stream.SetTrailer(trailer)
	var plan *pb.Plan
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			break
		} else if err != nil {
			return c.failed(err)
		}
		c.received(request)
		if err := stream.Send(c.reply(request.Payload, request.Text)); err != nil {
			return c.failed(err)
		}
		c.sent()
		if c.count == 1 {
			plan = request.Plan
			if plan.GetWait() {
				return c.wait()
			}
		}
		if c.count == plan.GetRead() {
			return statusOf(plan)
		}
	}
	for i := int32(0); i < plan.GetReplies(); i++ {
		if err := stream.Send(c.reply(pattern(int(plan.ReplySize), int(i)), "")); err != nil {
			return c.failed(err)
		}
		c.sent()
	}
	return statusOf(plan)
}

func (s *service) Seen(_ context.Context, request *pb.SeenRequest) (*pb.SeenReply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return proto.Clone(s.record(request.Id).seen).(*pb.SeenReply), nil
}

func (s *service) Drain(context.Context, *pb.DrainRequest) (*pb.DrainReply, error) {
	return &pb.DrainReply{}, syscall.Kill(os.Getpid(), syscall.SIGTERM)
}
