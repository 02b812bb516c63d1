package bench;

import com.google.protobuf.ByteString;

/** What is sent and how it is checked, as bench/support/payload.h has it. */
final class Payloads {
  static final int KINDS = 64;  // distinct contents
  static final int LARGE_SIZE = 1 << 20;

  private final String[] names = new String[KINDS];
  private final String[] greetings = new String[KINDS];
  private final byte[][] texts = new byte[KINDS][100];
  private final ByteString[] expected = new ByteString[KINDS];

  Payloads() {
    for (int i = 0; i < KINDS; ++i) {
      names[i] = "world_" + (1000 + i);
      greetings[i] = "Hello " + names[i];
      for (int k = 0; k < 100; ++k) texts[i][k] = (byte) ('!' + (i * 7 + k) % 90);
      expected[i] = ByteString.copyFrom(texts[i]);
    }
  }

  String name(long i) { return names[(int) (i % KINDS)]; }
  String greeting(long i) { return greetings[(int) (i % KINDS)]; }

  /** A message's content must be its own, so this copies. */
  ByteString text(long i) { return ByteString.copyFrom(texts[(int) (i % KINDS)]); }

  boolean isText(ByteString got, long i) { return got.equals(expected[(int) (i % KINDS)]); }

  static byte[] makeLarge() {
    byte[] large = new byte[LARGE_SIZE];
    for (int i = 0; i < LARGE_SIZE; ++i) large[i] = (byte) (i * 131 >> 3);
    return large;
  }

  static void stampLarge(byte[] large, long i) {
    for (int k = 0; k < 8; ++k) large[k] = large[LARGE_SIZE - 8 + k] = (byte) (i >> 8 * k);
  }

  static boolean sameLarge(byte[] sent, ByteString got, long i) {
    if (got.size() != LARGE_SIZE) return false;
    if (i % KINDS == 0) return java.util.Arrays.equals(sent, got.toByteArray());
    for (int at = 8; at < LARGE_SIZE; at += 65536) {
      if (sent[at] != got.byteAt(at)) return false;
    }
    for (int k = 0; k < 8; ++k) {
      int last = LARGE_SIZE - 8 + k;
      if (sent[k] != got.byteAt(k) || sent[last] != got.byteAt(last)) return false;
    }
    return true;
  }
}
