// The benchmark program of grpc-java, client and server in this process, by the same command line and with the same
// rows as the C++ subjects (bench/support). --api direct: in-process transport, both ends with directExecutor, so that
// a call runs on the caller's thread; --api inprocess: the same with its usual executor. The in-process transport hands
// over message objects, not bytes.
package bench;

import java.io.OutputStream;

public final class Main {
  static final class Options {
    int[] rows = {};
    String api = "";
    String subject = "";
    String pinning = "free";
    int round;
    double seconds = 1;
    double warmup = 0.2;
    boolean firstReply;
  }

  private static Options parse(String[] arguments) {
    Options options = new Options();
    for (int at = 0; at < arguments.length; ++at) {
      String flag = arguments[at];
      if (flag.equals("--first-reply")) {
        options.firstReply = true;
        continue;
      }
      if (at + 1 == arguments.length) throw new IllegalArgumentException("bad argument " + flag);
      String value = arguments[++at];
      switch (flag) {
        case "--rows":
          String[] rows = value.split(",");
          options.rows = new int[rows.length];
          for (int i = 0; i < rows.length; ++i) options.rows[i] = Integer.parseInt(rows[i]);
          break;
        case "--api": options.api = value; break;
        case "--subject": options.subject = value; break;
        case "--pinning": options.pinning = value; break;
        case "--round": options.round = Integer.parseInt(value); break;
        case "--seconds": options.seconds = Double.parseDouble(value); break;
        case "--warmup": options.warmup = Double.parseDouble(value); break;
        default: throw new IllegalArgumentException("bad argument " + flag);
      }
    }
    return options;
  }

  private static boolean replyOnce(Options options) throws Exception {
    Subject subject = new Subject(options.api);
    boolean right = subject.unary(0);
    OutputStream out = System.out;
    out.write(right ? '.' : '!');
    out.flush();
    subject.close();
    return right;
  }

  public static void main(String[] arguments) {
    int status = 0;
    try {
      Options options = parse(arguments);
      if (options.firstReply) {
        status = replyOnce(options) ? 0 : 1;
      } else {
        Rows rows = new Rows(options);
        for (int row : options.rows) rows.measure(row);
      }
    } catch (Exception error) {
      System.err.println("grpc-java: " + error);
      status = 1;
    }
    System.exit(status);  // executors' threads may linger
  }
}
