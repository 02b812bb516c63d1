package bench;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The rows, taken as bench/support/rows.cc takes them, but for the warm-up: the compiler needs seconds of processor time
 * until calls get no faster any more. The first row of a process waits for that, the further ones have less to wait for.
 */
final class Rows {
  private interface Call {
    boolean run(long i) throws Exception;
  }

  private static final class Measurement {
    final int row;
    final String name;
    final String params;

    Measurement(int row, String name, String params) {
      this.row = row;
      this.name = name;
      this.params = params;
    }
  }

  /** A growing array of numbers. */
  private static final class Samples {
    private double[] values = new double[1 << 16];
    private int size;

    void add(double value) {
      if (size == values.length) values = Arrays.copyOf(values, 2 * size);
      values[size++] = value;
    }
    double percentile(double p) {
      Arrays.sort(values, 0, size);
      return values[(int) (p * (size - 1))];
    }
    boolean isEmpty() { return size == 0; }
    int size() { return size; }
  }

  private final Main.Options options;
  private static final double WINDOW = 0.5e9;  // warming goes on while windows of this length get faster
  private static final double MOST = 12e9;

  /** One warm-up, by processor time, because the compiler works on another thread, which a busy machine holds up. */
  private final class Warmup {
    private final long start = System.nanoTime();
    private final long startCpu = cpuNanos();
    private final double least = Math.max(first ? 3e9 : 1e9, options.warmup * 1e9);
    private double windowStart = startCpu;
    private long windowCalls;
    private double best = Double.MAX_VALUE;
    private int noFaster;

    /** To be asked after each `calls` calls: true when it is over. */
    boolean over(long calls) {
      double now = cpuNanos();
      windowCalls += calls;
      if (now - windowStart >= WINDOW) {
        double each = (now - windowStart) / windowCalls;
        noFaster = each > 0.95 * best ? noFaster + 1 : 0;
        best = Math.min(best, each);
        windowStart = now;
        windowCalls = 0;
      }
      boolean enough = now - startCpu >= least && noFaster >= (first ? 3 : 1);
      if (!enough && now - startCpu < MOST && System.nanoTime() - start < 3 * MOST) return false;
      first = false;
      return true;
    }
  }

  private boolean first = true;

  Rows(Main.Options options) {
    this.options = options;
  }

  private void add(Measurement what, String metric, String unit, double value) {
    System.out.printf("{\"row\": %d, \"name\": \"%s\", \"subject\": \"%s\", \"params\": \"%s\", \"metric\": \"%s\", "
        + "\"unit\": \"%s\", \"value\": %.9g, \"pinning\": \"%s\", \"round\": %d}%n",
        what.row, what.name, options.subject, what.params, metric, unit, value, options.pinning, options.round);
  }

  private static void require(boolean right, Measurement what, long i) throws IOException {
    if (!right) throw new IOException(what.name + ": wrong answer in call " + i);
  }

  /** Processor time and context switches of this process; those of threads that ended meanwhile are missed. */
  private final class Usage {
    private final long cpu = cpuNanos();
    private final long switches = contextSwitches();

    void report(Measurement what, long calls) throws IOException {
      add(what, "cpu", "us", (cpuNanos() - cpu) / 1e3 / calls);
      add(what, "context_switches", "count", (double) (contextSwitches() - switches) / calls);
    }
  }

  private static long cpuNanos() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
  }

  private static long contextSwitches() {
    long sum = 0;
    try (DirectoryStream<Path> tasks = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
      for (Path task : tasks) {
        for (String line : Files.readAllLines(task.resolve("status"))) {
          if (line.contains("ctxt_switches")) sum += Long.parseLong(line.replaceAll("\\D", ""));
        }
      }
    } catch (IOException gone) {
      return sum;  // a thread ended while we looked
    }
    return sum;
  }

  private void latency(Measurement what, int batch, double bytesACall, Call call) throws Exception {
    long i = 0;
    for (Warmup warmup = new Warmup(); !warmup.over(i == 0 ? 0 : batch);) {
      for (int k = 0; k < batch; ++k, ++i) require(call.run(i), what, i);
    }
    long first = i;
    Samples batches = new Samples(), singles = new Samples();
    Usage usage = new Usage();
    for (long start = System.nanoTime(); System.nanoTime() - start < options.seconds * 1e9;) {
      long batchStart = System.nanoTime();
      for (int k = 0; k < batch; ++k, ++i) require(call.run(i), what, i);
      batches.add((double) (System.nanoTime() - batchStart) / batch);
      long singleStart = System.nanoTime();
      require(call.run(i), what, i);
      singles.add(System.nanoTime() - singleStart);
      ++i;
    }
    double p50 = batches.percentile(0.5);
    add(what, "p50", "ns", p50);
    add(what, "p99", "ns", singles.percentile(0.99));
    add(what, "p99_of_batches", "ns", batches.percentile(0.99));
    if (bytesACall > 0) add(what, "bytes_per_second", "B/s", bytesACall / p50 * 1e9);
    usage.report(what, i - first);
  }

  private void rate(Subject subject, int outstanding) throws Exception {
    Measurement what = new Measurement(3, "throughput", "outstanding=" + outstanding);
    long chunk = Math.max(16, 4 * outstanding);
    for (Warmup warmup = new Warmup(); !warmup.over(chunk);) {
      long chunkStart = System.nanoTime();
      require(subject.unaryMany(chunk, outstanding), what, chunk);
      if (System.nanoTime() - chunkStart < 5e5) chunk *= 2;
    }
    Samples chunks = new Samples();
    long done = 0;
    Usage usage = new Usage();
    for (long start = System.nanoTime(); chunks.isEmpty() || System.nanoTime() - start < options.seconds * 1e9; done += chunk) {
      long chunkStart = System.nanoTime();
      require(subject.unaryMany(chunk, outstanding), what, done);
      chunks.add((double) (System.nanoTime() - chunkStart) / chunk);
    }
    add(what, "per_second", "1/s", 1e9 / chunks.percentile(0.5));
    usage.report(what, done);
  }

  private void stream(Subject subject) throws Exception {
    final long messages = 1024;
    Measurement what = new Measurement(5, "stream message 100 B", "messages=1024");
    for (Warmup warmup = new Warmup(); !warmup.over(messages);) require(subject.stream(messages), what, 0);
    Samples streams = new Samples();
    Usage usage = new Usage();
    long start = System.nanoTime();
    while (streams.isEmpty() || System.nanoTime() - start < options.seconds * 1e9) {
      long streamStart = System.nanoTime();
      require(subject.stream(messages), what, streams.size());
      streams.add((double) (System.nanoTime() - streamStart) / messages);
    }
    long total = streams.size() * messages;
    add(what, "per_second", "1/s", total / (double) (System.nanoTime() - start) * 1e9);
    add(what, "p50", "ns", streams.percentile(0.5));
    add(what, "p99_of_batches", "ns", streams.percentile(0.99));
    usage.report(what, total);
  }

  /** The median of five processes that make one call and write one byte. */
  private void firstReply() throws Exception {
    ProcessHandle.Info self = ProcessHandle.current().info();
    List<String> command = new ArrayList<>(List.of(self.command().orElseThrow()));
    for (String argument : self.arguments().orElseThrow()) {
      command.add(argument);
      if (argument.equals(Main.class.getName())) break;
    }
    command.addAll(List.of("--first-reply", "--api", options.api));
    Samples times = new Samples();
    for (int i = 0; i < 5; ++i) {
      long start = System.nanoTime();
      Process child = new ProcessBuilder(command).start();
      int got = child.getInputStream().read();
      times.add(System.nanoTime() - start);
      child.waitFor();
      if (got != '.') throw new IOException("first reply: the new process gave none");
    }
    add(new Measurement(11, "first reply after process start", ""), "p50", "ns", times.percentile(0.5));
  }

  void measure(int row) throws Exception {
    if (row == 11) {
      firstReply();
      return;
    }
    Subject subject = new Subject(options.api);
    switch (row) {
      case 1: latency(new Measurement(1, "unary", ""), 32, 0, subject::unary); break;
      case 2: latency(new Measurement(2, "unary, server on another thread", ""), 16, 0, subject::unary); break;
      case 3:
        for (int outstanding : new int[] {1, 8, 64, 512}) rate(subject, outstanding);
        break;
      case 4: latency(new Measurement(4, "ping-pong 100 B", ""), 32, 0, subject::pingPong); break;
      case 5: stream(subject); break;
      case 6: latency(new Measurement(6, "unary 1 MiB", ""), 16, 2.0 * Payloads.LARGE_SIZE, subject::unaryLarge); break;
      default: System.err.println(options.subject + ": no row " + row);
    }
    subject.close();
  }
}
