package main

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"interop/pb"
)

var cases = map[string]func(*client){
	"unary": unary, "server_stream": serverStream, "client_stream": clientStream, "bidi": bidi, "empty": empty,
	"metadata": metadataBothWays, "metadata_many": metadataMany, "metadata_bin": metadataBin, "metadata_big": metadataBig,
	"sequence": sequence, "status_message": statusMessage, "status_plain": statusPlain, "status_details": statusDetails,
	"status_kinds": statusKinds, "unimplemented": unimplemented, "utf8": utf8, "deadline": deadline,
	"deadline_stream": deadlineStream, "cancel_unary": cancelUnary, "cancel_stream": cancelStream,
	"cancel_bidi": cancelBidi, "server_ends_early": serverEndsEarly, "server_ends_early_ok": serverEndsEarlyOK,
	"large": large, "volume": volume, "many": many, "too_long": tooLong, "crowd": crowd, "crowd_queued": crowdQueued,
	"drain": drain, "ping_pong": pingPong, "load_many": loadMany, "load_large": loadLarge, "load_burst": loadBurst,
}

func checkReply(reply *pb.Reply, request *pb.Request, what string) {
	check(bytes.Equal(reply.Payload, request.Payload), "%s: %d bytes of payload came back as %d others", what, len(request.Payload), len(reply.Payload))
	check(reply.Text == request.Text, "%s: text %q came back as %q", what, request.Text, reply.Text)
}

func checkTotals(reply *pb.Reply, count int, size int64, crc uint32, what string) {
	check(reply.Count == int32(count) && reply.Size == size && reply.Crc == crc, "%s: sent %d messages, %d bytes, crc %08x; the server counted %d, %d, %08x",
		what, count, size, crc, reply.Count, reply.Size, reply.Crc)
}

func unary(c *client) {
	for k := 0; k < 5; k++ {
		ctx, cancel := c.context()
		request := &pb.Request{Payload: pattern(100*k, k), Text: fmt.Sprintf("unary %d", k)}
		reply, err := c.stub.Unary(ctx, request)
		checkOK(err, request.Text)
		checkReply(reply, request, request.Text)
		checkTotals(reply, 1, int64(100*k), crc32.ChecksumIEEE(request.Payload), request.Text)
		cancel()
	}
}

// readStream reads and checks `n` replies of a ServerStream and its end.
func (c *client) readStream(n, size int) {
	ctx, cancel := c.context()
	defer cancel()
	stream, err := c.stub.ServerStream(ctx, &pb.Request{Text: "down", Plan: &pb.Plan{Replies: int32(n), ReplySize: int32(size)}})
	checkOK(err, "ServerStream")
	for i := 0; i < n; i++ {
		reply, err := stream.Recv()
		checkOK(err, fmt.Sprintf("reply %d", i))
		check(reply.Count == int32(i) && reply.Text == "down" && bytes.Equal(reply.Payload, pattern(size, i)), "reply %d of %d: got number %d, %d bytes", i, n, reply.Count, len(reply.Payload))
	}
	_, err = stream.Recv()
	checkEnd(err, "after the last reply")
}

// writeStream sends `n` messages by ClientStream and checks what was counted.
func (c *client) writeStream(n int, size func(i int) int) {
	ctx, cancel := c.context()
	defer cancel()
	stream, err := c.stub.ClientStream(ctx)
	checkOK(err, "ClientStream")
	total, crc := int64(0), uint32(0)
	for i := 0; i < n; i++ {
		payload := pattern(size(i), i)
		total += int64(len(payload))
		crc = crc32.Update(crc, crc32.IEEETable, payload)
		checkOK(stream.Send(&pb.Request{Payload: payload, Text: fmt.Sprint(i)}), fmt.Sprintf("message %d", i))
	}
	reply, err := stream.CloseAndRecv()
	checkOK(err, "CloseAndRecv")
	checkTotals(reply, n, total, crc, "ClientStream")
	check(n == 0 || reply.Text == fmt.Sprint(n-1), "text of the last message: %q", reply.Text)
}

func serverStream(c *client) { c.readStream(10, 1000); c.readStream(0, 0) }

func clientStream(c *client) {
	c.writeStream(10, func(i int) int { return 100 * i })
	c.writeStream(0, nil)
}

func bidi(c *client) {
	ctx, cancel := c.context()
	defer cancel()
	stream, err := c.stub.Bidi(ctx)
	checkOK(err, "Bidi")
	total, crc := int64(0), uint32(0)
	for i := 0; i < 10; i++ {
		request := &pb.Request{Payload: pattern(50*i, i), Text: fmt.Sprintf("ping %d", i)}
		if i == 0 {
			request.Plan = &pb.Plan{Replies: 3, ReplySize: 10}
		}
		total += int64(50 * i)
		crc = crc32.Update(crc, crc32.IEEETable, request.Payload)
		checkOK(stream.Send(request), request.Text)
		reply, err := stream.Recv()
		checkOK(err, request.Text)
		checkReply(reply, request, request.Text)
		checkTotals(reply, i+1, total, crc, request.Text)
	}
	checkOK(stream.CloseSend(), "CloseSend")
	for i := 0; i < 3; i++ {
		reply, err := stream.Recv()
		checkOK(err, "after the half-close")
		check(bytes.Equal(reply.Payload, pattern(10, i)), "reply %d after the half-close: %d bytes", i, len(reply.Payload))
		checkTotals(reply, 10, total, crc, "after the half-close")
	}
	_, err = stream.Recv()
	checkEnd(err, "after the last reply")
}

func empty(c *client) {
	ctx, cancel := c.context()
	defer cancel()
	reply, err := c.stub.Unary(ctx, &pb.Request{})
	checkOK(err, "Unary")
	check(proto.Equal(reply, &pb.Reply{Count: 1}), "Unary: %v", reply)
	down, err := c.stub.ServerStream(ctx, &pb.Request{})
	checkOK(err, "ServerStream")
	_, err = down.Recv()
	checkEnd(err, "ServerStream without replies")
	down, err = c.stub.ServerStream(ctx, &pb.Request{Plan: &pb.Plan{Replies: 2}})
	checkOK(err, "ServerStream")
	reply, err = down.Recv()
	checkOK(err, "empty reply")
	check(proto.Size(reply) == 0, "empty reply: %v", reply)
	reply, err = down.Recv()
	checkOK(err, "second reply")
	check(proto.Equal(reply, &pb.Reply{Count: 1}), "second reply: %v", reply)
	_, err = down.Recv()
	checkEnd(err, "ServerStream")
	up, err := c.stub.ClientStream(ctx)
	checkOK(err, "ClientStream")
	both, err := c.stub.Bidi(ctx)
	checkOK(err, "Bidi")
	for i := int32(1); i <= 3; i++ {
		checkOK(up.Send(&pb.Request{}), "ClientStream")
		checkOK(both.Send(&pb.Request{}), "Bidi")
		reply, err = both.Recv()
		checkOK(err, "Bidi")
		check(proto.Equal(reply, &pb.Reply{Count: i}), "Bidi: %v", reply)
	}
	checkOK(both.CloseSend(), "CloseSend")
	_, err = both.Recv()
	checkEnd(err, "Bidi")
	reply, err = up.CloseAndRecv()
	checkOK(err, "ClientStream")
	check(proto.Equal(reply, &pb.Reply{Count: 3}), "ClientStream: %v", reply)
}

// checkValues compares the values of one key. A server that joins them gives one text with commas.
func (c *client) checkValues(md metadata.MD, key, where string, want ...string) {
	got := md.Get(key)
	if c.joined && !strings.HasSuffix(key, "-bin") && len(want) > 1 {
		want = []string{strings.Join(want, ", ")}
	}
	check(slices.Equal(got, want), "%s of the %s: want %q, got %q", key, where, want, got)
}

// exchange makes a Unary and a Bidi call with the metadata, and checks what came back and what the server saw.
func (c *client) exchange(sent metadata.MD) {
	for _, kind := range []string{"Unary", "Bidi"} {
		ctx, cancel := c.context()
		ctx = metadata.NewOutgoingContext(ctx, sent)
		var header, trailer metadata.MD
		var reply *pb.Reply
		if kind == "Unary" {
			var err error
			reply, err = c.stub.Unary(ctx, &pb.Request{}, grpc.Header(&header), grpc.Trailer(&trailer))
			checkOK(err, kind)
		} else {
			stream, err := c.stub.Bidi(ctx)
			checkOK(err, kind)
			checkOK(stream.Send(&pb.Request{}), kind)
			header, err = stream.Header()
			checkOK(err, "Header")
			reply, err = stream.Recv()
			checkOK(err, kind)
			checkOK(stream.CloseSend(), kind)
			_, err = stream.Recv()
			checkEnd(err, kind)
			trailer = stream.Trailer()
		}
		seen := metadata.MD{}
		for _, pair := range reply.Metadata {
			seen.Append(pair.Key, string(pair.Value))
		}
		for key, values := range sent {
			c.checkValues(seen, key, kind+" request", values...)
			if strings.HasPrefix(key, "x-header") {
				c.checkValues(header, key, kind+" header", values...)
			} else {
				c.checkValues(header, key, kind+" header")
			}
			if strings.HasPrefix(key, "x-trailer") {
				c.checkValues(trailer, key, kind+" trailer", values...)
			} else {
				c.checkValues(trailer, key, kind+" trailer")
			}
		}
		check(len(seen) == len(sent), "%s: sent %v, the server saw %v", kind, sent, seen)
		cancel()
	}
}

func metadataBothWays(c *client) {
	c.exchange(metadata.Pairs("x-header", "one", "x-header-2", "two words, and a comma", "x-trailer", "!\"#$%&'()*+-./:;<=>?@[\\]^_`{|}~", "x-other", "only seen"))
	// The trailer comes with a failure too.
	ctx, cancel := c.context()
	defer cancel()
	var trailer metadata.MD
	ctx = metadata.AppendToOutgoingContext(ctx, "x-trailer", "of a failure")
	_, err := c.stub.Unary(ctx, &pb.Request{Plan: &pb.Plan{Code: 5, Message: "none"}}, grpc.Trailer(&trailer))
	checkStatus(err, codes.NotFound, "none", "Unary")
	c.checkValues(trailer, "x-trailer", "failure's trailer", "of a failure")
}

func metadataMany(c *client) {
	c.exchange(metadata.MD{"x-header": {"one", "two, three", "four"}, "x-trailer": {"b", "a", "b"}, "x-other": {"1", "2"}})
}

func allBytes() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}

func metadataBin(c *client) {
	c.exchange(metadata.MD{"x-header-bin": {allBytes()}, "x-trailer-bin": {"\x00", "\xff\xfe", "abc"}, "x-other-bin": {""}})
}

func metadataBig(c *client) {
	sent := metadata.MD{}
	for i := 0; i < 20; i++ {
		sent[fmt.Sprintf("x-header-%d", i)] = []string{strings.Repeat(string(rune('a'+i)), 150)}
	}
	sent["x-trailer"] = []string{strings.Repeat("t", 3000)}
	c.exchange(sent)
}

func sequence(c *client) {
	for i := 0; i < 1000; i++ {
		ctx, cancel := c.context()
		value := fmt.Sprintf("%d%s", i, strings.Repeat("v", i%97))
		key := fmt.Sprintf("x-header-%d", i%13)
		var header metadata.MD
		_, err := c.stub.Unary(metadata.AppendToOutgoingContext(ctx, key, value), &pb.Request{}, grpc.Header(&header))
		checkOK(err, fmt.Sprintf("call %d", i))
		c.checkValues(header, key, fmt.Sprintf("header of call %d", i), value)
		cancel()
	}
}

func statusMessage(c *client) {
	ctx, cancel := c.context()
	defer cancel()
	for code := int32(1); code <= 16; code++ {
		message := fmt.Sprintf("code %d", code)
		_, err := c.stub.Unary(ctx, &pb.Request{Plan: &pb.Plan{Code: code, Message: message}})
		checkStatus(err, codes.Code(code), message, message)
	}
	for _, message := range []string{"grüße, 火, 🎈", "100% of %41 and %zz, %", "a\nb\tc\x7f", strings.Repeat("long ", 200) + "end"} {
		_, err := c.stub.Unary(ctx, &pb.Request{Plan: &pb.Plan{Code: 9, Message: message}})
		checkStatus(err, codes.FailedPrecondition, message, "Unary")
	}
}

func statusPlain(c *client) {
	ctx, cancel := c.context()
	defer cancel()
	var trailer metadata.MD
	_, err := c.stub.Unary(ctx, &pb.Request{Plan: &pb.Plan{Code: 5}}, grpc.Trailer(&trailer))
	checkStatus(err, codes.NotFound, "", "Unary")
	check(len(status.Convert(err).Details()) == 0, "there are details: %v", status.Convert(err).Details())
	check(trailer.Get("grpc-status-details-bin") == nil, "the trailer has grpc-status-details-bin")
}

func statusDetails(c *client) {
	ctx, cancel := c.context()
	defer cancel()
	details, err := proto.Marshal(&pb.StatusDetails{Code: 7, Message: "with details", Details: []*pb.Detail{
		{TypeUrl: "type.googleapis.com/sluice.interop.Pair", Value: []byte("\x0a\x01k\x12\x01v")}}})
	checkOK(err, "Marshal")
	_, err = c.stub.Unary(ctx, &pb.Request{Plan: &pb.Plan{Code: 7, Message: "with details", Details: details}})
	checkStatus(err, codes.PermissionDenied, "with details", "Unary")
	got, err := proto.MarshalOptions{Deterministic: true}.Marshal(status.Convert(err).Proto())
	checkOK(err, "Marshal")
	check(bytes.Equal(got, details), "details: want %q, got %q", details, got)
}

func statusKinds(c *client) {
	ctx, cancel := c.context()
	defer cancel()
	plan := &pb.Plan{Replies: 2, Code: 10, Message: "aborted, after all"}
	down, err := c.stub.ServerStream(ctx, &pb.Request{Plan: plan})
	checkOK(err, "ServerStream")
	for i := 0; i < 2; i++ {
		_, err = down.Recv()
		checkOK(err, "ServerStream")
	}
	_, err = down.Recv()
	checkStatus(err, codes.Aborted, plan.Message, "ServerStream")
	up, err := c.stub.ClientStream(ctx)
	checkOK(err, "ClientStream")
	checkOK(up.Send(&pb.Request{Plan: plan}), "ClientStream")
	_, err = up.CloseAndRecv()
	checkStatus(err, codes.Aborted, plan.Message, "ClientStream")
	both, err := c.stub.Bidi(ctx)
	checkOK(err, "Bidi")
	checkOK(both.Send(&pb.Request{Plan: plan}), "Bidi")
	checkOK(both.CloseSend(), "Bidi")
	for i := 0; i < 3; i++ {
		_, err = both.Recv()
		checkOK(err, "Bidi")
	}
	_, err = both.Recv()
	checkStatus(err, codes.Aborted, plan.Message, "Bidi")
}

func unimplemented(c *client) {
	ctx, cancel := c.context()
	defer cancel()
	_, err := c.stub.NotThere(ctx, &pb.Request{})
	checkCode(err, codes.Unimplemented, "a method that is not there")
	_, err = c.missing.Call(ctx, &pb.Request{})
	checkCode(err, codes.Unimplemented, "a service that is not there")
	unary(c)
}

func utf8(c *client) {
	ctx, cancel := c.context()
	defer cancel()
	for _, text := range []string{"grüße", "日本語", "🎈\U0010ffff", "\u0000\u0001\u007f\u0080\uffff", "العربية\u200f", "e\u0301"} {
		request := &pb.Request{Text: text}
		reply, err := c.stub.Unary(ctx, request)
		checkOK(err, text)
		checkReply(reply, request, "Unary")
	}
}

func deadline(c *client) {
	id := c.id()
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	_, err := c.stub.Unary(ctx, &pb.Request{Id: id, Plan: &pb.Plan{Wait: true}})
	checkCode(err, codes.DeadlineExceeded, "Unary")
	check(time.Since(start) > 250*time.Millisecond && time.Since(start) < 5*time.Second, "after %v", time.Since(start))
	seen := c.seenCancelled(id)
	check(seen.TimeoutMs > 0 && seen.TimeoutMs <= 350, "of 300 ms the server saw %d", seen.TimeoutMs)
	// A long one, and none.
	id = c.id()
	long, cancelLong := context.WithTimeout(context.Background(), 100*time.Second)
	defer cancelLong()
	_, err = c.stub.Unary(long, &pb.Request{Id: id})
	checkOK(err, "Unary with a deadline of 100 s")
	seen = c.seen(id, "the end", func(r *pb.SeenReply) bool { return r.Ended == 1 })
	check(seen.TimeoutMs > 80_000 && seen.TimeoutMs <= 101_000, "of 100 s the server saw %d ms", seen.TimeoutMs)
	id = c.id()
	_, err = c.stub.Unary(context.Background(), &pb.Request{Id: id})
	checkOK(err, "Unary without deadline")
	seen = c.seen(id, "the end", func(r *pb.SeenReply) bool { return r.Ended == 1 })
	check(seen.TimeoutMs == -1 && !seen.Cancelled, "without deadline the server saw %v", seen)
}

func deadlineStream(c *client) {
	id := c.id()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	stream, err := c.stub.Bidi(ctx)
	checkOK(err, "Bidi")
	checkOK(stream.Send(&pb.Request{Id: id, Plan: &pb.Plan{Wait: true}}), "Bidi")
	_, err = stream.Recv()
	checkOK(err, "the first reply")
	_, err = stream.Recv()
	checkCode(err, codes.DeadlineExceeded, "Bidi")
	c.seenCancelled(id)
}

func cancelUnary(c *client) {
	id := c.id()
	ctx, cancel := c.context()
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := c.stub.Unary(ctx, &pb.Request{Id: id, Plan: &pb.Plan{Wait: true}})
		ended <- err
	}()
	c.seen(id, "the call", func(r *pb.SeenReply) bool { return r.Started == 1 })
	cancel()
	checkCode(<-ended, codes.Canceled, "Unary")
	c.seenCancelled(id)
}

func cancelStream(c *client) {
	id := c.id()
	ctx, cancel := c.context()
	defer cancel()
	stream, err := c.stub.ServerStream(ctx, &pb.Request{Id: id, Plan: &pb.Plan{Replies: 1_000_000, ReplySize: 1000}})
	checkOK(err, "ServerStream")
	for i := 0; i < 5; i++ {
		_, err = stream.Recv()
		checkOK(err, "ServerStream")
	}
	cancel()
	for err == nil {
		_, err = stream.Recv()
	}
	checkCode(err, codes.Canceled, "ServerStream")
	seen := c.seenCancelled(id)
	check(seen.Sent < 1_000_000, "the server sent all %d replies", seen.Sent)
}

func cancelBidi(c *client) {
	id := c.id()
	ctx, cancel := c.context()
	defer cancel()
	stream, err := c.stub.Bidi(ctx)
	checkOK(err, "Bidi")
	checkOK(stream.Send(&pb.Request{Id: id, Plan: &pb.Plan{Wait: true}}), "Bidi")
	_, err = stream.Recv()
	checkOK(err, "Bidi")
	cancel()
	_, err = stream.Recv()
	checkCode(err, codes.Canceled, "Bidi")
	c.seenCancelled(id)
}

// endEarly sends on a Bidi call until it ends, and gives the replies and the end.
func (c *client) endEarly(plan *pb.Plan) (replies int, err error) {
	ctx, cancel := c.context()
	defer cancel()
	stream, err := c.stub.Bidi(ctx)
	checkOK(err, "Bidi")
	sent := make(chan int)
	go func() {
		i := 0
		for stream.Send(&pb.Request{Payload: pattern(1000, i), Plan: plan}) == nil && i < 100_000 {
			i++
		}
		sent <- i
	}()
	for err == nil {
		if _, err = stream.Recv(); err == nil {
			replies++
		}
	}
	check(<-sent < 100_000, "the server read on")
	return replies, err
}

func serverEndsEarly(c *client) {
	plan := &pb.Plan{Read: 3, Code: 10, Message: "enough"}
	replies, err := c.endEarly(plan)
	checkStatus(err, codes.Aborted, "enough", "Bidi")
	check(replies == 3, "Bidi: %d replies", replies)
	ctx, cancel := c.context()
	defer cancel()
	stream, err := c.stub.ClientStream(ctx)
	checkOK(err, "ClientStream")
	i := 0
	for ; i < 100_000 && stream.Send(&pb.Request{Payload: pattern(1000, i), Plan: plan}) == nil; i++ {
	}
	check(i < 100_000, "the server read on")
	_, err = stream.CloseAndRecv()
	checkStatus(err, codes.Aborted, "enough", "ClientStream")
	unary(c)
}

func serverEndsEarlyOK(c *client) {
	replies, err := c.endEarly(&pb.Plan{Read: 3})
	checkEnd(err, "Bidi")
	check(replies == 3, "Bidi: %d replies", replies)
	unary(c)
}

func large(c *client) {
	ctx, cancel := c.context()
	defer cancel()
	request := &pb.Request{Payload: pattern(1<<20, 1)}
	reply, err := c.stub.Unary(ctx, request)
	checkOK(err, "Unary")
	checkReply(reply, request, "Unary")
	stream, err := c.stub.Bidi(ctx)
	checkOK(err, "Bidi")
	for i := 0; i < 4; i++ {
		request := &pb.Request{Payload: pattern(1<<20, i)}
		checkOK(stream.Send(request), "Bidi")
		reply, err := stream.Recv()
		checkOK(err, "Bidi")
		checkReply(reply, request, "Bidi")
	}
	checkOK(stream.CloseSend(), "Bidi")
	_, err = stream.Recv()
	checkEnd(err, "Bidi")
}

func volume(c *client) {
	c.readStream(256, 64<<10)
	c.writeStream(256, func(int) int { return 64 << 10 })
}

func many(c *client) {
	c.readStream(10_000, 10)
	c.writeStream(10_000, func(int) int { return 10 })
}

func tooLong(c *client) {
	ctx, cancel := c.context()
	defer cancel()
	_, err := c.stub.Unary(ctx, &pb.Request{Payload: pattern(5<<20, 0)})
	checkCode(err, codes.ResourceExhausted, "a request of 5 MiB")
	_, err = c.stub.Unary(ctx, &pb.Request{Plan: &pb.Plan{ReplySize: 5 << 20}})
	checkCode(err, codes.ResourceExhausted, "a reply of 5 MiB")
	unary(c)
}

// all makes 1,000 Unary calls at once.
func (c *client) all(id string, plan *pb.Plan) {
	ctx, cancel := c.context()
	defer cancel()
	var group sync.WaitGroup
	whys := make(chan string, 1000)
	for i := 0; i < 1000; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			request := &pb.Request{Id: id, Text: fmt.Sprint(i), Payload: pattern(i%100, i), Plan: plan}
			reply, err := c.stub.Unary(ctx, request)
			if err != nil || reply.Text != request.Text || !bytes.Equal(reply.Payload, request.Payload) {
				whys <- fmt.Sprintf("call %d: %v", i, err)
			}
		}()
	}
	group.Wait()
	if failed := len(whys); failed > 0 {
		check(false, "%d of 1000 calls failed; %s", failed, <-whys)
	}
}

func crowd(c *client)       { c.all(c.id(), &pb.Plan{Gather: 1000}) }
func crowdQueued(c *client) { c.all("", nil) }

func drain(c *client) {
	ctx, cancel := c.context()
	defer cancel()
	id := c.id()
	stream, err := c.stub.Bidi(ctx)
	checkOK(err, "Bidi")
	turn := func() {
		request := &pb.Request{Id: id, Text: "turn"}
		checkOK(stream.Send(request), "the call that runs")
		reply, err := stream.Recv()
		checkOK(err, "the call that runs")
		checkReply(reply, request, "the call that runs")
	}
	turn()
	_, err = c.stub.Drain(ctx, &pb.DrainRequest{})
	checkOK(err, "Drain")
	err = nil
	for start := time.Now(); err == nil && time.Since(start) < 10*time.Second; time.Sleep(5 * time.Millisecond) {
		turn()
		_, err = c.stub.Unary(ctx, &pb.Request{})
	}
	checkCode(err, codes.Unavailable, "a new call")
	for i := 0; i < 10; i++ {
		turn()
	}
	checkOK(stream.CloseSend(), "CloseSend")
	_, err = stream.Recv()
	checkEnd(err, "the call that runs")
}

func pingPong(c *client) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout+time.Duration(c.seconds*float64(time.Second)))
	defer cancel()
	stream, err := c.stub.Bidi(ctx)
	checkOK(err, "Bidi")
	turns := 0
	for start := time.Now(); time.Since(start).Seconds() < c.seconds; turns++ {
		request := &pb.Request{Payload: pattern(turns%1000, turns)}
		checkOK(stream.Send(request), fmt.Sprintf("turn %d", turns))
		reply, err := stream.Recv()
		checkOK(err, fmt.Sprintf("turn %d", turns))
		checkReply(reply, request, fmt.Sprintf("turn %d", turns))
		check(int(reply.Count) == turns+1, "turn %d was counted as %d", turns, reply.Count)
	}
	checkOK(stream.CloseSend(), "CloseSend")
	_, err = stream.Recv()
	checkEnd(err, "Bidi")
	check(float64(turns) > 100*c.seconds, "only %d turns in %v s", turns, c.seconds)
}

// load makes Unary calls of `size` bytes, so many at once.
func (c *client) load(calls, atOnce, size int) {
	request := &pb.Request{Payload: pattern(size, 1), Plan: &pb.Plan{ReplySize: 10}}
	crc, want := crc32.ChecksumIEEE(request.Payload), pattern(10, 0)
	one := func() string {
		ctx, cancel := c.context()
		defer cancel()
		reply, err := c.stub.Unary(ctx, request)
		if err != nil {
			return err.Error()
		}
		if !bytes.Equal(reply.Payload, want) || reply.Count != 1 || reply.Size != int64(size) || reply.Crc != crc {
			return fmt.Sprintf("the server counted %d messages, %d bytes, crc %08x", reply.Count, reply.Size, reply.Crc)
		}
		return ""
	}
	var group sync.WaitGroup
	places, whys := make(chan struct{}, atOnce), make(chan string, calls)
	for i := 0; i < calls; i++ {
		places <- struct{}{}
		group.Add(1)
		go func() {
			defer group.Done()
			if why := one(); why != "" {
				whys <- why
			}
			<-places
		}()
	}
	group.Wait()
	if failed := len(whys); failed > 0 {
		check(false, "%d of %d calls failed; the first: %s", failed, calls, <-whys)
	}
}

func loadMany(c *client)  { c.load(3000, 100, 300_000) }
func loadLarge(c *client) { c.load(200, 16, 3<<20) }
func loadBurst(c *client) { c.load(100, 100, 300_000) }
