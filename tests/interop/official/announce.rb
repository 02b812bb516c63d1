# Loaded before the official server.rb, which tells nobody the port that it got, and answers RESOURCE_EXHAUSTED to
# more calls at once than the 30 threads that it has by default.
require 'grpc'

module Announce
  def initialize(**options)
    super(pool_size: 1000, **options)
  end

  def add_http2_port(addr, credentials)
    port = super
    $stdout.puts "listening tcp:127.0.0.1:#{port}"
    $stdout.flush
    port
  end
end
GRPC::RpcServer.prepend(Announce)
