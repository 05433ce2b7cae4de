package org.pygpt.tensor;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How much memory there is, asked before a model or its training is allocated.
 *
 * <p>Below the engine nothing asks: a request that the system refuses ends the process, and one
 * that it grants may still be for more than there is, and end the process later.
 */
final class AvailableMemory {
  private static final Path ROOT = Path.of("/");
  private static final String NUMBER = "(\\d{1,18})"; // 19 digits are version 1's "no limit"

  private AvailableMemory() {}

  /** One line that says what was needed and what there is; {@link Device#place} says where. */
  static String message(BigInteger neededBytes, long availableBytes, String what, String place) {
    return String.format(
        "%s needs at least %s of memory and %s are available%s; choose smaller sizes, or end other "
            + "programs",
        what, gigabytes(neededBytes), gigabytes(BigInteger.valueOf(availableBytes)), place);
  }

  /** How much this process can still allocate. */
  static long bytes() {
    return bytes(ROOT);
  }

  private static String gigabytes(BigInteger bytes) {
    BigDecimal exact = new BigDecimal(bytes.doubleValue() / 1e9);
    return String.format(Locale.ROOT, "%,.2f GB", exact.setScale(2, RoundingMode.HALF_EVEN));
  }

  /**
   * How much this process can still allocate. On Linux: what the kernel counts as available, or
   * what the control groups of this process have left, if that is less. On other systems: all the
   * memory that the machine has.
   *
   * @param root of the file system; another one in tests
   */
  static long bytes(Path root) {
    String meminfo = read(root.resolve("proc/meminfo"));
    OptionalLong available = find(meminfo, "MemAvailable: +" + NUMBER + " kB");
    if (available.isEmpty()) {
      return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize();
    }
    return Math.max(0, Math.min(1024 * available.getAsLong(), leftInGroups(root)));
  }

  /** The least that a control group of this process has left, in version 1 or 2 of them. */
  private static long leftInGroups(Path root) {
    Path top = root.resolve("sys/fs/cgroup");
    long least = Long.MAX_VALUE;
    for (String line : read(root.resolve("proc/self/cgroup")).lines().toList()) {
      String[] parts = line.split(":", 3); // number, controllers, path
      if (parts[1].isEmpty()) {
        least = Math.min(least, left(top, parts[2], Version.V2));
      } else if (Arrays.asList(parts[1].split(",")).contains("memory")) {
        least = Math.min(least, left(top.resolve("memory"), parts[2], Version.V1));
      }
    }
    return least;
  }

  /** Names of a control group's files, and of what counts files in memory that can go. */
  private record Version(String limit, String use, String cache) {
    static final Version V1 =
        new Version("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file");
    static final Version V2 = new Version("memory.max", "memory.current", "inactive_file");
  }

  /**
   * The least that a group and those around it have left. In a container the path may be the
   * host's, and only the group at the top is to be seen.
   */
  private static long left(Path top, String path, Version version) {
    long least = Long.MAX_VALUE;
    Path folder = top.resolve(path.replaceFirst("^/+", ""));
    while (true) {
      OptionalLong limit = find(read(folder.resolve(version.limit)), NUMBER);
      OptionalLong use = find(read(folder.resolve(version.use)), NUMBER);
      if (limit.isPresent() && use.isPresent()) { // not "max", which is no limit
        String stat = read(folder.resolve("memory.stat"));
        long cache = find(stat, version.cache + " " + NUMBER).orElse(0);
        least = Math.min(least, limit.getAsLong() - use.getAsLong() + cache);
      }
      if (folder.equals(top)) {
        return least;
      }
      folder = folder.getParent();
    }
  }

  /** The number in the first line that is {@code pattern}, if there is one. */
  private static OptionalLong find(String text, String pattern) {
    Matcher matcher = Pattern.compile("^" + pattern + "$", Pattern.MULTILINE).matcher(text);
    return matcher.find()
        ? OptionalLong.of(Long.parseLong(matcher.group(1)))
        : OptionalLong.empty();
  }

  /** The text of a file, or nothing if it cannot be read. */
  private static String read(Path file) {
    try {
      return new String(Files.readAllBytes(file), UTF_8);
    } catch (IOException error) {
      return "";
    }
  }
}
