package bench;

import com.google.protobuf.Message;
import echo.EchoOuterClass.Order;
import echo.EchoOuterClass.Payload;
import helloworld.Helloworld.HelloReply;
import helloworld.Helloworld.HelloRequest;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.ServerServiceDefinition;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;

/** The methods, made and bound by the same functions of grpc-java that its generated code calls. */
final class Services {
  static final MethodDescriptor<HelloRequest, HelloReply> SAY_HELLO = method(
      MethodType.UNARY, "helloworld.Greeter/SayHello", HelloRequest.getDefaultInstance(), HelloReply.getDefaultInstance());
  static final MethodDescriptor<Payload, Payload> UNARY = method(
      MethodType.UNARY, "echo.Echo/Unary", Payload.getDefaultInstance(), Payload.getDefaultInstance());
  static final MethodDescriptor<Order, Payload> STREAM = method(
      MethodType.SERVER_STREAMING, "echo.Echo/Stream", Order.getDefaultInstance(), Payload.getDefaultInstance());
  static final MethodDescriptor<Payload, Payload> CHAT = method(
      MethodType.BIDI_STREAMING, "echo.Echo/Chat", Payload.getDefaultInstance(), Payload.getDefaultInstance());

  private Services() {}

  private static <Req extends Message, Rep extends Message> MethodDescriptor<Req, Rep> method(
      MethodType type, String name, Req request, Rep reply) {
    return MethodDescriptor.<Req, Rep>newBuilder(ProtoUtils.marshaller(request), ProtoUtils.marshaller(reply))
        .setType(type)
        .setFullMethodName(name)
        .setSampledToLocalTracing(true)
        .build();
  }

  static ServerServiceDefinition greeter() {
    return ServerServiceDefinition.builder("helloworld.Greeter")
        .addMethod(SAY_HELLO, ServerCalls.asyncUnaryCall(Services::sayHello))
        .build();
  }

  static ServerServiceDefinition echo(Payloads payloads) {
    return ServerServiceDefinition.builder("echo.Echo")
        .addMethod(UNARY, ServerCalls.asyncUnaryCall(Services::unary))
        .addMethod(STREAM, ServerCalls.asyncServerStreamingCall((order, observer) -> stream(payloads, order, observer)))
        .addMethod(CHAT, ServerCalls.asyncBidiStreamingCall(Services::chat))
        .build();
  }

  private static Payload copyOf(Payload message) {
    return Payload.newBuilder().setData(com.google.protobuf.ByteString.copyFrom(message.getData().asReadOnlyByteBuffer())).build();
  }

  private static void sayHello(HelloRequest request, StreamObserver<HelloReply> observer) {
    observer.onNext(HelloReply.newBuilder().setMessage("Hello " + request.getName()).build());
    observer.onCompleted();
  }

  private static void unary(Payload request, StreamObserver<Payload> observer) {
    observer.onNext(copyOf(request));
    observer.onCompleted();
  }

  private static void stream(Payloads payloads, Order order, StreamObserver<Payload> observer) {
    for (int i = 0; i < order.getCount(); ++i) observer.onNext(Payload.newBuilder().setData(payloads.text(i)).build());
    observer.onCompleted();
  }

  private static StreamObserver<Payload> chat(StreamObserver<Payload> observer) {
    return new StreamObserver<Payload>() {
      @Override public void onNext(Payload message) { observer.onNext(copyOf(message)); }
      @Override public void onError(Throwable error) {}
      @Override public void onCompleted() { observer.onCompleted(); }
    };
  }
}
