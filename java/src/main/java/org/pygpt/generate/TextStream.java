package org.pygpt.generate;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.List;

/**
 * Mutable: the text that tokens spell, up to the first stop string: the one that is complete first,
 * and of those that end together the longest.
 */
public final class TextStream {
  private final List<byte[]> stops;
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private int taken; // bytes
  private int end = -1; // where a stop string begins

  /** No text yet. */
  public TextStream(List<String> stops) {
    this.stops = stops.stream().map(stop -> stop.getBytes(UTF_8)).toList();
  }

  /** Whether a stop string has ended it. */
  public boolean stopped() {
    return end >= 0;
  }

  /** Adds the bytes of one token, unless the text has ended. */
  public void add(byte[] token) {
    int before = bytes.size();
    if (!stopped()) {
      bytes.writeBytes(token);
      findStop(before);
    }
  }

  private void findStop(int before) {
    byte[] all = bytes.toByteArray();
    for (int to = before + 1; to <= all.length && !stopped(); to++) {
      int last = to;
      end =
          stops.stream()
              .filter(stop -> stop.length > 0 && endsWith(all, last, stop))
              .mapToInt(stop -> last - stop.length)
              .min()
              .orElse(-1);
    }
  }

  private static boolean endsWith(byte[] all, int to, byte[] stop) {
    return stop.length <= to && Arrays.equals(all, to - stop.length, to, stop, 0, stop.length);
  }

  /**
   * The text since the last call that no later token can change: whole characters, and nothing that
   * may begin a stop string.
   *
   * @param isLast whether no more tokens come; then all that is left is text
   */
  public String take(boolean isLast) {
    byte[] all = bytes.toByteArray();
    int to = stopped() ? end : all.length;
    if (!isLast && !stopped()) {
      to -= begun(all);
      to -= incomplete(all, to);
    }
    String text = new String(all, taken, Math.max(0, to - taken), UTF_8);
    taken = Math.max(taken, to);
    return text;
  }

  /** How many bytes at the end are the beginning of a stop string. */
  private int begun(byte[] all) {
    int most = 0;
    for (byte[] stop : stops) {
      for (int n = Math.min(stop.length - 1, all.length - taken); n > most; n--) {
        if (endsWith(all, all.length, Arrays.copyOf(stop, n))) {
          most = n;
        }
      }
    }
    return most;
  }

  /** How many bytes before {@code to} are a character that lacks its end. */
  private int incomplete(byte[] all, int to) {
    for (int n = 1; n <= 3 && to - n >= taken; n++) {
      int lead = all[to - n] & 0xFF;
      if (lead >= 0xC0) {
        int length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
        return n < length ? n : 0;
      }
      if (lead < 0x80) {
        return 0;
      }
    }
    return 0;
  }
}
