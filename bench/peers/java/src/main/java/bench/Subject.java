package bench;

import com.google.protobuf.UnsafeByteOperations;
import echo.EchoOuterClass.Order;
import echo.EchoOuterClass.Payload;
import helloworld.Helloworld.HelloReply;
import helloworld.Helloworld.HelloRequest;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.ServerBuilder;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

/** Client and server in this process, connected. Each operation checks what it received. Called from one thread. */
final class Subject {
  private static final int MAX_MESSAGE = 8 << 20;

  private final Payloads payloads = new Payloads();
  private final boolean direct;
  private final Server server;
  private final ManagedChannel channel;
  private final byte[] large = Payloads.makeLarge();
  private StreamObserver<Payload> chat;
  private final Received answers = new Received();

  /** The last message of a stream, handed from the transport's thread to the one that waits; both may be one. */
  private static final class Received implements StreamObserver<Payload> {
    private final Thread waiter = Thread.currentThread();
    private volatile Payload message;
    private volatile boolean failed;

    @Override public void onNext(Payload value) {
      message = value;
      wake();
    }
    @Override public void onError(Throwable error) {
      failed = true;
      wake();
    }
    @Override public void onCompleted() {}

    private void wake() {
      if (Thread.currentThread() != waiter) LockSupport.unpark(waiter);
    }
    Payload take() {
      while (message == null) {
        if (failed) return null;
        LockSupport.park(this);
      }
      Payload taken = message;
      message = null;
      return taken;
    }
  }

  Subject(String api) throws Exception {
    direct = api.equals("direct");
    ServerBuilder<?> builder;
    switch (api) {
      case "direct":
        builder = InProcessServerBuilder.forName("bench").directExecutor();
        channel = InProcessChannelBuilder.forName("bench").directExecutor().build();
        break;
      case "inprocess":
        builder = InProcessServerBuilder.forName("bench");
        channel = InProcessChannelBuilder.forName("bench").build();
        break;
      default:
        throw new IllegalArgumentException("grpc-java has direct and inprocess, not \"" + api + "\"");
    }
    builder.maxInboundMessageSize(MAX_MESSAGE);
    server = builder.addService(Services.greeter()).addService(Services.echo(payloads)).build().start();
  }

  void close() {
    channel.shutdownNow();
    server.shutdownNow();
  }

  boolean unary(long i) {
    HelloRequest request = HelloRequest.newBuilder().setName(payloads.name(i)).build();
    HelloReply reply = direct ? callInline(request)
        : ClientCalls.blockingUnaryCall(channel, Services.SAY_HELLO, CallOptions.DEFAULT, request);
    return reply != null && reply.getMessage().equals(payloads.greeting(i));
  }

  /** With directExecutor an asynchronous call ends before it returns, and costs less than a blocking one. */
  private HelloReply callInline(HelloRequest request) {
    HelloReply[] reply = {null};
    boolean[] ended = {false};
    ClientCalls.asyncUnaryCall(channel.newCall(Services.SAY_HELLO, CallOptions.DEFAULT), request, new StreamObserver<>() {
      @Override public void onNext(HelloReply value) { reply[0] = value; }
      @Override public void onError(Throwable error) {}
      @Override public void onCompleted() { ended[0] = true; }
    });
    return ended[0] ? reply[0] : null;
  }

  /** `calls` calls, `outstanding` of them at a time. With directExecutor in process each ends before it returns. */
  boolean unaryMany(long calls, int outstanding) throws InterruptedException {
    Semaphore free = new Semaphore(outstanding);
    AtomicBoolean wrong = new AtomicBoolean();
    for (long n = 0; n < calls; ++n) {
      final long i = n;
      free.acquire();
      HelloRequest request = HelloRequest.newBuilder().setName(payloads.name(i)).build();
      ClientCalls.asyncUnaryCall(channel.newCall(Services.SAY_HELLO, CallOptions.DEFAULT), request, new StreamObserver<>() {
        private boolean right;
        @Override public void onNext(HelloReply reply) { right = reply.getMessage().equals(payloads.greeting(i)); }
        @Override public void onError(Throwable error) { end(); }
        @Override public void onCompleted() { end(); }
        private void end() {
          if (!right) wrong.set(true);
          free.release();
        }
      });
    }
    free.acquire(outstanding);
    return !wrong.get();
  }

  boolean pingPong(long i) {
    if (chat == null) chat = ClientCalls.asyncBidiStreamingCall(channel.newCall(Services.CHAT, CallOptions.DEFAULT), answers);
    chat.onNext(Payload.newBuilder().setData(payloads.text(i)).build());
    Payload answer = answers.take();
    return answer != null && payloads.isText(answer.getData(), i);
  }

  boolean stream(long messages) throws InterruptedException {
    Semaphore done = new Semaphore(0);
    AtomicBoolean right = new AtomicBoolean();
    Order order = Order.newBuilder().setCount((int) messages).build();
    ClientCalls.asyncServerStreamingCall(channel.newCall(Services.STREAM, CallOptions.DEFAULT), order, new StreamObserver<>() {
      private long count;
      private boolean allRight = true;
      @Override public void onNext(Payload message) { allRight &= payloads.isText(message.getData(), count++); }
      @Override public void onError(Throwable error) { done.release(); }
      @Override public void onCompleted() {
        right.set(allRight && count == messages);
        done.release();
      }
    });
    done.acquire();
    return right.get();
  }

  boolean unaryLarge(long i) {
    Payloads.stampLarge(large, i);
    Payload request = Payload.newBuilder().setData(UnsafeByteOperations.unsafeWrap(large)).build();
    Payload reply = ClientCalls.blockingUnaryCall(channel, Services.UNARY, CallOptions.DEFAULT, request);
    return Payloads.sameLarge(large, reply.getData(), i);
  }
}
