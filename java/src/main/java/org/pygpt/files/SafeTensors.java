package org.pygpt.files;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.stream.Collectors;
import org.pygpt.text.Json;

/**
 * Files of named arrays: 8 bytes with the length of the header, the header (JSON with dtype, shape
 * and place of each array), then all arrays, little-endian, with nothing between them. What is
 * written is float32.
 *
 * @see <a href="https://github.com/huggingface/safetensors#format">the format</a>
 */
public final class SafeTensors {
  /** The longest header that is read, as in the format's own library. */
  public static final int MAX_HEADER_BYTES = 100_000_000;

  private static final int CHUNK_BYTES = 1 << 26; // a ByteBuffer ends at 2 GB
  private static final String METADATA = "__metadata__";

  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private SafeTensors() {}

  /** What the elements of an array are. */
  public enum Type {
    F32,
    F16,
    BF16;

    int bytes() {
      return this == F32 ? 4 : 2;
    }
  }

  /**
   * One array, shared: its bytes are those of the memory that it was made of.
   *
   * @param shape any number of dimensions
   * @param bytes the elements, little-endian, in row-major order
   * @param type of the elements
   */
  public record Array(List<Long> shape, MemorySegment bytes, Type type) {
    /** One of float32. */
    public Array(List<Long> shape, MemorySegment bytes) {
      this(shape, bytes, Type.F32);
    }

    /** Zeros. */
    public static Array ofFloats(Arena arena, List<Long> shape) {
      long size = shape.stream().reduce(1L, Math::multiplyExact);
      return new Array(List.copyOf(shape), arena.allocate(Math.multiplyExact(4, size)));
    }

    /** Element i in row-major order, widened. */
    public float getFloat(long i) {
      return switch (type) {
        case F32 -> bytes.get(FLOAT, 4 * i);
        case F16 -> Float.float16ToFloat(bytes.get(SHORT, 2 * i));
        case BF16 -> Float.intBitsToFloat(bytes.get(SHORT, 2 * i) << 16);
      };
    }

    /** Sets element i. */
    public void setFloat(long i, float value) {
      bytes.set(FLOAT, 4 * i, value);
    }
  }

  /** Writes a new file of arrays with metadata, and waits until the disk has it. */
  public static void write(Path file, SortedMap<String, Array> arrays, Map<String, String> metadata)
      throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      write(channel, arrays, metadata);
      channel.force(true);
    }
  }

  /** Writes arrays in the order of their names: the bytes that Python's safetensors writes. */
  static void write(WritableByteChannel channel, SortedMap<String, Array> arrays)
      throws IOException {
    write(channel, arrays, Map.of("format", "np"));
  }

  private static void write(
      WritableByteChannel channel, SortedMap<String, Array> arrays, Map<String, String> metadata)
      throws IOException {
    String about = Json.write(metadata).replaceFirst("\": \"", "\":\"");
    StringBuilder header = new StringBuilder("{\"" + METADATA + "\":" + about);
    long offset = 0;
    for (var entry : arrays.entrySet()) {
      Array array = entry.getValue();
      long end = offset + array.bytes.byteSize();
      String shape = array.shape.toString().replace(" ", "");
      header.append("," + Json.quote(entry.getKey()) + ":{\"dtype\":\"F32\",\"shape\":" + shape);
      header.append(",\"data_offsets\":[" + offset + "," + end + "]}");
      offset = end;
    }
    byte[] text = header.append('}').toString().getBytes(UTF_8);
    int length = (text.length + 7) / 8 * 8; // so that the arrays are aligned
    ByteBuffer start = ByteBuffer.allocate(8 + length).order(ByteOrder.LITTLE_ENDIAN);
    start.putLong(length).put(text);
    while (start.hasRemaining()) {
      start.put((byte) ' ');
    }
    writeAll(channel, MemorySegment.ofBuffer(start.flip()));
    for (Array array : arrays.values()) {
      writeAll(channel, array.bytes);
    }
  }

  private static void writeAll(WritableByteChannel channel, MemorySegment bytes)
      throws IOException {
    for (long from = 0; from < bytes.byteSize(); from += CHUNK_BYTES) {
      long count = Math.min(CHUNK_BYTES, bytes.byteSize() - from);
      ByteBuffer chunk = bytes.asSlice(from, count).asByteBuffer();
      while (chunk.hasRemaining()) {
        channel.write(chunk);
      }
    }
  }

  /** Maps a file's arrays into memory; IllegalArgumentException: where in it something is wrong. */
  public static Map<String, Array> read(Path file, Arena arena) throws IOException {
    return withHeader(file, arena, (header, data) -> arrays(header, data, List.of(Type.F32)));
  }

  /** Maps a file's arrays, which may also be of 16 bits; see {@link #read}. */
  static Map<String, Array> readAny(Path file, Arena arena) throws IOException {
    return withHeader(file, arena, (header, data) -> arrays(header, data, List.of(Type.values())));
  }

  /** The texts of a file's metadata; IllegalArgumentException as {@link #read}. */
  public static Map<String, String> metadata(Path file) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      return withHeader(
          file,
          arena,
          (header, _) -> {
            Map<String, String> texts = new TreeMap<>();
            if (header.get(METADATA) instanceof Map<?, ?> values) {
              values.forEach((name, text) -> texts.put((String) name, String.valueOf(text)));
            }
            return texts;
          });
    }
  }

  private static <T> T withHeader(
      Path file, Arena arena, BiFunction<Map<String, Object>, MemorySegment, T> reader)
      throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      MemorySegment bytes = channel.map(MapMode.READ_ONLY, 0, channel.size(), arena);
      require(bytes.byteSize() >= 8, "expected at least 8 bytes, got %d", bytes.byteSize());
      long length = bytes.get(LONG, 0);
      long most = Math.min(MAX_HEADER_BYTES, bytes.byteSize() - 8);
      String got = Long.toUnsignedString(length);
      require(
          length >= 0 && length <= most, "header: expected at most %d bytes, got %s", most, got);
      return reader.apply(parse(bytes.asSlice(8, length)), bytes.asSlice(8 + length));
    }
  }

  private static void require(boolean holds, String problem, Object... values) {
    if (!holds) {
      throw new IllegalArgumentException(String.format(problem, values));
    }
  }

  private static Map<String, Object> parse(MemorySegment bytes) throws IOException {
    try {
      return Json.parseObject(UTF_8.newDecoder().decode(bytes.asByteBuffer()).toString());
    } catch (CharacterCodingException error) {
      throw new IllegalArgumentException("header: expected UTF-8");
    } catch (IllegalArgumentException error) {
      throw new IllegalArgumentException("header: " + error.getMessage());
    }
  }

  /** Where an array is, in bytes from the end of the header. */
  private record Place(String name, List<Long> shape, Type type, long from, long to) {}

  /** The arrays, once it is sure that they fill the data without gap or overlap. */
  private static Map<String, Array> arrays(
      Map<String, Object> header, MemorySegment data, List<Type> allowed) {
    List<Place> places = new ArrayList<>();
    header.forEach((name, value) -> {
      if (!name.equals(METADATA)) {
        places.add(place(name, value instanceof Map<?, ?> is ? is : Map.of(), allowed));
      }
    });
    places.sort(Comparator.comparingLong(Place::from).thenComparingLong(Place::to));
    Map<String, Array> arrays = new TreeMap<>();
    long offset = 0;
    for (Place place : places) {
      require(
          place.from == offset && place.to <= data.byteSize(),
          "%s: expected data_offsets from %d to at most %d, got %d to %d",
          place.name,
          offset,
          data.byteSize(),
          place.from,
          place.to);
      offset = place.to;
      MemorySegment bytes = data.asSlice(place.from, place.to - place.from);
      arrays.put(place.name, new Array(place.shape, bytes, place.type));
    }
    String problem = "data: expected %d bytes after the header, got %d";
    require(offset == data.byteSize(), problem, offset, data.byteSize());
    return arrays;
  }

  private static Place place(String name, Map<?, ?> value, List<Type> allowed) {
    Object dtype = value.get("dtype");
    Type type = allowed.stream().filter(one -> one.name().equals(dtype)).findFirst().orElse(null);
    String expected = allowed.stream().map(Type::name).collect(Collectors.joining(", "));
    require(type != null, "%s: expected %s, got %s", name, expected, dtype);
    List<Long> shape = numbers(name, "shape", value);
    List<Long> offsets = numbers(name, "data_offsets", value);
    BigInteger bytes = BigInteger.valueOf(type.bytes());
    for (long size : shape) {
      bytes = bytes.multiply(BigInteger.valueOf(size));
    }
    boolean fits =
        offsets.size() == 2 && BigInteger.valueOf(offsets.get(1) - offsets.get(0)).equals(bytes);
    require(fits, "%s: expected data_offsets %d apart, got %s", name, bytes, offsets);
    return new Place(name, shape, type, offsets.get(0), offsets.get(1));
  }

  private static List<Long> numbers(String name, String field, Map<?, ?> array) {
    Object values = array.get(field);
    List<Long> numbers = new ArrayList<>();
    for (Object item : values instanceof List<?> items ? items : List.of("no list")) {
      boolean holds = item instanceof BigInteger n && n.signum() >= 0 && n.bitLength() < Long.SIZE;
      String problem = "%s: expected a list of whole numbers as %s, got %s";
      require(holds, problem, name, field, holds ? null : Json.write(values));
      numbers.add(((BigInteger) item).longValue());
    }
    return numbers;
  }
}
