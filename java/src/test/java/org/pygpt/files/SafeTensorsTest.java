package org.pygpt.files;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Round trip, and files that were made to do harm. */
class SafeTensorsTest {
  @TempDir Path folder;

  private static byte[] written(SortedMap<String, SafeTensors.Array> arrays) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    SafeTensors.write(Channels.newChannel(bytes), arrays);
    return bytes.toByteArray();
  }

  private Path file(byte[] content) throws IOException {
    return Files.write(folder.resolve("file.safetensors"), content);
  }

  /** A file with this header, and data after it. */
  private Path file(String header, int dataBytes) throws IOException {
    byte[] text = header.getBytes(UTF_8);
    ByteBuffer content = ByteBuffer.allocate(8 + text.length + dataBytes);
    content.order(ByteOrder.LITTLE_ENDIAN).putLong(text.length).put(text);
    return file(content.array());
  }

  private static String problem(Path file) {
    try (Arena arena = Arena.ofConfined()) {
      var error = assertThrows(IllegalArgumentException.class, () -> SafeTensors.read(file, arena));
      assertEquals(1, error.getMessage().lines().count());
      return error.getMessage();
    }
  }

  @Test
  void roundTrip() throws Exception {
    try (Arena arena = Arena.ofConfined()) {
      SortedMap<String, SafeTensors.Array> arrays = new TreeMap<>();
      arrays.put("b \"é\"", SafeTensors.Array.ofFloats(arena, List.of(3L, 5L)));
      arrays.put("a", SafeTensors.Array.ofFloats(arena, List.of(7L)));
      arrays.forEach((name, array) -> {
        for (long i = 0; i < array.bytes().byteSize() / 4; i++) {
          array.setFloat(i, name.length() + i / 3f);
        }
      });
      arrays.get("a").setFloat(0, Float.NaN);
      Path file = file(written(arrays));
      Map<String, SafeTensors.Array> read = SafeTensors.read(file, arena);
      assertEquals(List.of("a", "b \"é\""), List.copyOf(read.keySet()));
      for (String name : read.keySet()) {
        assertEquals(arrays.get(name).shape(), read.get(name).shape());
        assertEquals(-1, arrays.get(name).bytes().mismatch(read.get(name).bytes()));
      }
      assertEquals(5 + 1 / 3f, read.get("b \"é\"").getFloat(1));
    }
  }

  /** Byte by byte what safetensors 0.5 makes of numpy.ones((1, 2), "float32") under the name x. */
  @Test
  void writesWhatPythonWrites() throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      SafeTensors.Array array = SafeTensors.Array.ofFloats(arena, List.of(1L, 2L));
      array.setFloat(0, 1);
      array.setFloat(1, 1);
      String header =
          "{\"__metadata__\":{\"format\":\"np\"},"
              + "\"x\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}";
      byte[] text = (header + " ".repeat(7 - (header.length() + 7) % 8)).getBytes(UTF_8);
      ByteBuffer expected = ByteBuffer.allocate(8 + text.length + 8);
      expected.order(ByteOrder.LITTLE_ENDIAN).putLong(text.length).put(text);
      expected.putFloat(1).putFloat(1);
      SortedMap<String, SafeTensors.Array> arrays = new TreeMap<>(Map.of("x", array));
      assertArrayEquals(expected.array(), written(arrays));
    }
  }

  @Test
  void otherShapes() throws Exception {
    String header =
        "{\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[12,16]},"
            + "\"n\":{\"dtype\":\"F32\",\"shape\":[3,0,2],\"data_offsets\":[12,12]},"
            + "\"h\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}  ";
    try (Arena arena = Arena.ofConfined()) {
      Map<String, SafeTensors.Array> read = SafeTensors.read(file(header, 16), arena);
      assertEquals(List.of(3L), read.get("h").shape());
      assertEquals(0, read.get("n").bytes().byteSize());
      assertEquals(4, read.get("s").bytes().byteSize());
      assertTrue(SafeTensors.read(file("{}", 0), arena).isEmpty());
    }
  }

  @Test
  void lengthsOfTheHeader() throws IOException {
    assertEquals("expected at least 8 bytes, got 0", problem(file(new byte[0])));
    assertEquals("expected at least 8 bytes, got 7", problem(file(new byte[7])));
    for (long length : new long[] {3, 1L << 40, Long.MAX_VALUE, -1, Long.MIN_VALUE}) {
      ByteBuffer content = ByteBuffer.allocate(10).order(ByteOrder.LITTLE_ENDIAN);
      content.putLong(length).put((byte) '{').put((byte) '}');
      assertEquals(
          "header: expected at most 2 bytes, got " + Long.toUnsignedString(length),
          problem(file(content.array())));
    }
  }

  @Test
  void aHeaderAboveTheLimitIsNotRead() throws IOException {
    Path file = file(new byte[0]);
    try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
      channel.write(length.putLong(SafeTensors.MAX_HEADER_BYTES + 1L).flip());
      channel.write(ByteBuffer.allocate(1), 9L + SafeTensors.MAX_HEADER_BYTES); // a hole before it
    }
    assertEquals("header: expected at most 100000000 bytes, got 100000001", problem(file));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "[]", "1", "{", "{}x", "{\"x\": 1}", "{\"x\": {}}", "{\"x\": [1]}", "\u0001"})
  void headersThatAreNone(String header) throws IOException {
    problem(file(header, 8));
  }

  @Test
  void aHeaderThatIsNotUtf8() throws IOException {
    assertEquals(
        "header: expected UTF-8", problem(file(new byte[] {2, 0, 0, 0, 0, 0, 0, 0, '"', -1})));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "F33 | [2]      | [0,8]   | x: expected F32, got F33",
        "I32 | [2]      | [0,8]   | x: expected F32, got I32",
        "F32 | [2]      | [0,4]   | x: expected data_offsets 8 apart, got [0, 4]",
        "F32 | [2]      | [8,0]   | x: expected data_offsets 8 apart, got [8, 0]",
        "F32 | [2]      | [0]     | x: expected data_offsets 8 apart, got [0]",
        "F32 | [2]      | [0,4,8] | x: expected data_offsets 8 apart, got [0, 4, 8]",
        "F32 | [2]      | [1,9]   | x: expected data_offsets from 0 to at most 8, got 1 to 9",
        "F32 | [3]      | [0,12]  | x: expected data_offsets from 0 to at most 8, got 0 to 12",
        "F32 | [1]      | [0,4]   | data: expected 4 bytes after the header, got 8",
        "F32 | [-2]     | [0,8]   | x: expected a list of whole numbers as shape, got [-2]",
        "F32 | [2.0]    | [0,8]   | x: expected a list of whole numbers as shape, got [2.0]",
        "F32 | 2        | [0,8]   | x: expected a list of whole numbers as shape, got 2",
        "F32 | {}       | [0,8]   | x: expected a list of whole numbers as shape, got {}",
        "F32 | [2]      | null    | x: expected a list of whole numbers as data_offsets, got null",
        "F32 | [2]      | [-8, 0]  | x: expected a list of whole numbers as data_offsets, got"
            + " [-8, 0]",
      })
  void placesThatCannotBe(String dtype, String shape, String offsets, String expected)
      throws IOException {
    String form = "{\"x\": {\"dtype\": \"%s\", \"shape\": %s, \"data_offsets\": %s}}";
    assertEquals(expected, problem(file(String.format(form, dtype, shape, offsets), 8)));
  }

  @Test
  void aShapeThatOverflows() throws IOException {
    String form = "{\"x\": {\"dtype\": \"F32\", \"shape\": %s, \"data_offsets\": [0, 0]}}";
    String shape = "[4294967296, 4294967296]"; // 2^64 elements: 0 in 64 bits
    assertEquals(
        "x: expected data_offsets 73786976294838206464 apart, got [0, 0]",
        problem(file(String.format(form, shape), 0)));
    String beyond = "[18446744073709551616]";
    assertEquals(
        "x: expected a list of whole numbers as shape, got " + beyond,
        problem(file(String.format(form, beyond), 0)));
  }

  @Test
  void overlapAndGap() throws IOException {
    String form =
        "{\"x\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 8]},"
            + " \"y\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [%d, %d]}}";
    assertEquals(
        "y: expected data_offsets from 8 to at most 12, got 4 to 8",
        problem(file(String.format(form, 4, 8), 12)));
    assertEquals(
        "y: expected data_offsets from 8 to at most 16, got 12 to 16",
        problem(file(String.format(form, 12, 16), 16)));
    assertEquals(
        "header: Duplicate field 'x'", problem(file(form.replace("y", "x").formatted(8, 12), 12)));
  }
}
