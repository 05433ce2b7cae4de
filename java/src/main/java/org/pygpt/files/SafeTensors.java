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
import org.pygpt.text.Json;

/**
 * Files of named arrays: 8 bytes with the length of the header, the header (JSON with dtype, shape
 * and place of each array), then all arrays, little-endian, with nothing between them.
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
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final Map<String, Integer> DTYPE_BYTES =
      Map.ofEntries(
          Map.entry("BOOL", 1),
          Map.entry("U8", 1),
          Map.entry("I8", 1),
          Map.entry("F8_E4M3", 1),
          Map.entry("F8_E5M2", 1),
          Map.entry("I16", 2),
          Map.entry("U16", 2),
          Map.entry("F16", 2),
          Map.entry("BF16", 2),
          Map.entry("I32", 4),
          Map.entry("U32", 4),
          Map.entry("F32", 4),
          Map.entry("I64", 8),
          Map.entry("U64", 8),
          Map.entry("F64", 8));

  private SafeTensors() {}

  /**
   * One array, shared: its bytes are those of the memory that it was made of.
   *
   * @param dtype the format's name for it, such as F32
   * @param shape any number of dimensions
   * @param bytes the elements, little-endian, in row-major order
   */
  public record Array(String dtype, List<Long> shape, MemorySegment bytes) {
    /** Zeros of float32. */
    public static Array ofFloats(Arena arena, List<Long> shape) {
      long size = shape.stream().reduce(1L, Math::multiplyExact);
      return new Array("F32", List.copyOf(shape), arena.allocate(Math.multiplyExact(4, size)));
    }

    /** Element i of a float32 array, counted in row-major order. */
    public float getFloat(long i) {
      return bytes.get(FLOAT, 4 * i);
    }

    /** Sets element i of a float32 array. */
    public void setFloat(long i, float value) {
      bytes.set(FLOAT, 4 * i, value);
    }
  }

  /** Writes arrays in the order of their names: the bytes that Python's safetensors writes. */
  static void write(WritableByteChannel channel, SortedMap<String, Array> arrays)
      throws IOException {
    StringBuilder header = new StringBuilder("{\"" + METADATA + "\":{\"format\":\"np\"}");
    long offset = 0;
    for (var entry : arrays.entrySet()) {
      Array array = entry.getValue();
      long end = offset + array.bytes.byteSize();
      header.append(",").append(Json.quote(entry.getKey()));
      header.append(":{\"dtype\":\"").append(array.dtype);
      header.append("\",\"shape\":").append(array.shape.toString().replace(" ", ""));
      header.append(",\"data_offsets\":[").append(offset).append(',').append(end).append("]}");
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

  /**
   * Maps the arrays of a file into memory.
   *
   * @param arena how long they stay there
   * @throws DamageException if the file is damaged; the message says where, not in which file
   */
  static Map<String, Array> read(Path file, Arena arena) throws IOException, DamageException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      MemorySegment bytes = channel.map(MapMode.READ_ONLY, 0, channel.size(), arena);
      if (bytes.byteSize() < 8) {
        throw new DamageException("expected at least 8 bytes, got " + bytes.byteSize());
      }
      long length = bytes.get(LONG, 0);
      long most = Math.min(MAX_HEADER_BYTES, bytes.byteSize() - 8);
      if (length < 0 || length > most) {
        throw new DamageException(
            "header: expected at most " + most + " bytes, got " + Long.toUnsignedString(length));
      }
      Map<String, Object> header = parse(bytes.asSlice(8, length));
      return arrays(header, bytes.asSlice(8 + length));
    }
  }

  private static Map<String, Object> parse(MemorySegment bytes) throws DamageException {
    try {
      String text = UTF_8.newDecoder().decode(bytes.asByteBuffer()).toString();
      return Json.parseObject(text);
    } catch (CharacterCodingException error) {
      throw new DamageException("header: expected UTF-8");
    } catch (IllegalArgumentException error) {
      throw new DamageException("header: " + error.getMessage());
    }
  }

  /** Where an array is, in bytes from the end of the header. */
  private record Place(String name, String dtype, List<Long> shape, long from, long to) {}

  /** The arrays, once it is sure that they fill the data without gap or overlap. */
  private static Map<String, Array> arrays(Map<String, Object> header, MemorySegment data)
      throws DamageException {
    List<Place> places = new ArrayList<>();
    for (var field : header.entrySet()) {
      if (!field.getKey().equals(METADATA)) {
        Object value = field.getValue();
        places.add(place(field.getKey(), value instanceof Map<?, ?> is ? is : Map.of()));
      }
    }
    places.sort(Comparator.comparingLong(Place::from).thenComparingLong(Place::to));
    Map<String, Array> arrays = new TreeMap<>();
    long offset = 0;
    for (Place place : places) {
      if (place.from != offset || place.to > data.byteSize()) {
        throw new DamageException(
            String.format(
                "%s: expected data_offsets from %d to at most %d, got %d to %d",
                place.name, offset, data.byteSize(), place.from, place.to));
      }
      MemorySegment bytes = data.asSlice(place.from, place.to - place.from);
      arrays.put(place.name, new Array(place.dtype, place.shape, bytes));
      offset = place.to;
    }
    if (offset != data.byteSize()) {
      throw new DamageException(
          "data: expected " + offset + " bytes after the header, got " + data.byteSize());
    }
    return arrays;
  }

  private static Place place(String name, Map<?, ?> value) throws DamageException {
    Object dtype = value.get("dtype");
    if (!(dtype instanceof String known) || !DTYPE_BYTES.containsKey(known)) {
      throw new DamageException(name + ": expected a known dtype, got " + Json.write(dtype));
    }
    List<Long> shape = numbers(name, "shape", value);
    List<Long> offsets = numbers(name, "data_offsets", value);
    long bytes = DTYPE_BYTES.get(known);
    try {
      for (long size : shape) {
        bytes = Math.multiplyExact(bytes, size);
      }
    } catch (ArithmeticException error) {
      throw new DamageException(name + ": expected a shape of fewer than 2^63 bytes, got " + shape);
    }
    if (offsets.size() != 2 || offsets.get(1) - offsets.get(0) != bytes) {
      throw new DamageException(
          name + ": expected data_offsets " + bytes + " apart, got " + offsets);
    }
    return new Place(name, known, shape, offsets.get(0), offsets.get(1));
  }

  private static List<Long> numbers(String name, String field, Map<?, ?> array)
      throws DamageException {
    Object values = array.get(field);
    List<Long> numbers = new ArrayList<>();
    for (Object item : values instanceof List<?> items ? items : List.of("no list")) {
      if (!(item instanceof BigInteger n) || n.signum() < 0 || n.bitLength() >= Long.SIZE) {
        throw new DamageException(
            String.format(
                "%s: expected a list of whole numbers as %s, got %s",
                name, field, Json.write(values)));
      }
      numbers.add(n.longValue());
    }
    return numbers;
  }
}
