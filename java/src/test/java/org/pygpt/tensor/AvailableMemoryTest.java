package org.pygpt.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What memory there is, by the files that Linux shows. */
class AvailableMemoryTest {
  private static final long AVAILABLE = 22949260L * 1024;

  @TempDir Path root;

  /** What is available on a system with these files. */
  private long bytes(String groups, Map<String, String> files) throws IOException {
    Map<String, String> all = new HashMap<>(files);
    all.put(
        "proc/meminfo",
        "MemTotal:       24684084 kB\nMemFree: 7 kB\nMemAvailable:   22949260 kB\n");
    all.put("proc/self/cgroup", groups);
    for (var file : all.entrySet()) {
      Path path = root.resolve(file.getKey());
      Files.createDirectories(path.getParent());
      Files.writeString(path, file.getValue());
    }
    return AvailableMemory.bytes(root);
  }

  /** The files of one control group of version 2. */
  private static Map<String, String> group(String folder, String limit, String use, String cache) {
    String path = "sys/fs/cgroup" + folder + "/memory.";
    return Map.of(
        path + "max",
        limit + "\n",
        path + "current",
        use + "\n",
        path + "stat",
        "anon 5\ninactive_file " + cache + "\nactive_file 3\n");
  }

  @Test
  void noGroupWithALimit() throws IOException {
    assertEquals(AVAILABLE, bytes("0::/\n", Map.of()));
    assertEquals(AVAILABLE, bytes("0::/a\n", group("/a", "max", "400", "30")));
  }

  @Test
  void theTightestGroupCounts() throws IOException {
    Map<String, String> files = new HashMap<>(group("/a/b", "1000", "400", "30"));
    files.putAll(group("/a", "900", "500", "20"));
    assertEquals(900 - 500 + 20, bytes("0::/a/b\n", files));
  }

  @Test
  void aGroupOverItsLimitHasNothing() throws IOException {
    assertEquals(0, bytes("0::/a\n", group("/a", "1000", "1200", "30")));
  }

  @Test
  void pathOfTheHostInAContainer() throws IOException {
    long left = bytes("0::/docker/5ca1ab1e\n", group("", "1000", "400", "30"));
    assertEquals(1000 - 400 + 30, left);
  }

  @Test
  void version1() throws IOException {
    String path = "sys/fs/cgroup/memory/a/memory.";
    Map<String, String> files =
        Map.of(
            path + "limit_in_bytes",
            "1000\n",
            path + "usage_in_bytes",
            "400\n",
            path + "stat",
            "inactive_file 7\ntotal_inactive_file 30\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes",
            "9223372036854771712\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes",
            "500\n");
    String groups = "9:name=systemd:/x\n4:cpu,memory:/a\n1:cpu:/a\n0::/\n";
    assertEquals(1000 - 400 + 30, bytes(groups, files));
  }

  @Test
  void withoutLinuxsFilesItIsTheMachines() {
    long machines = AvailableMemory.bytes(root);
    long available = AvailableMemory.bytes(Path.of("/"));
    assertTrue(1L << 26 < available && available <= machines && machines < 1L << 50);
  }

  @Test
  void message() {
    HostDevice.host().require(BigInteger.ONE, "this");
    BigInteger needed = BigInteger.TEN.pow(21).add(BigInteger.valueOf(12_345_678));
    var error = assertThrows(TooLargeError.class, () -> HostDevice.host().require(needed, "this"));
    assertTrue(
        error
            .getMessage()
            .matches(
                "this needs at least 1,000,000,000,000\\.01 GB of memory and [\\d,]+\\.\\d\\d GB"
                    + " are available; choose smaller sizes, or end other programs"));
  }
}
