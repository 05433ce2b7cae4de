package org.pygpt.support;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.nd4j.shade.jackson.databind.ObjectMapper;

/** The frozen answers in tests/golden, which the Python tests use too. */
public final class Golden {
  /** The folder of the Python tests' data. */
  public static final Path DATA = Path.of("tests", "data");

  private static final Path GOLDEN = Path.of("tests", "golden");

  private Golden() {}

  /** A file of JSON. */
  public static JsonNode json(String name) throws IOException {
    return new ObjectMapper().readTree(GOLDEN.resolve(name).toFile());
  }

  /** The lines of a text file. */
  public static List<String> lines(String name) throws IOException {
    return Files.readAllLines(GOLDEN.resolve(name));
  }

  /** A list of numbers. */
  public static double[] doubles(JsonNode list) {
    return stream(list).flatMapToDouble(v -> DoubleStream.of(v.doubleValue())).toArray();
  }

  /** A list of whole numbers. */
  public static int[] ints(JsonNode list) {
    return stream(list).flatMapToInt(v -> IntStream.of(v.intValue())).toArray();
  }

  /** A list of texts. */
  public static List<String> texts(JsonNode list) {
    return stream(list).map(JsonNode::textValue).toList();
  }

  /** A list's items. */
  public static Stream<JsonNode> stream(JsonNode list) {
    return StreamSupport.stream(list.spliterator(), false);
  }
}
