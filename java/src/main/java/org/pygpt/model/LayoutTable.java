package org.pygpt.model;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.StringTokenizer;

/**
 * Immutable: a table of weights, one line for each, in which the lines of a layer stand once. So it
 * can be counted where there are too many layers for a {@link Layout}.
 *
 * <p>The tables are in {@code pygpt/model/layouts}, which Python reads too; {@code gpt.txt} there
 * says what a line means.
 */
public record LayoutTable(List<Row> rows) {
  /**
   * A line whose conditions hold.
   *
   * @param name with {@code {size}} in place of the number of a repetition
   * @param repeated the size that the lines around it are repeated by together; null for none
   * @param times how often it is repeated
   */
  public record Row(String name, List<Long> shape, Layout.Role role, String repeated, long times) {}

  /** The weights of a GPT. */
  public static LayoutTable of(GPTConfig config) {
    Map<String, Object> values = config.values();
    Variant variant = config.variant();
    long D = config.headSize();
    values.put("qkv_width", (config.nHead() + 2L * config.nKvHead()) * D);
    values.put("attn_width", config.nHead() * D);
    values.put("fc_width", (long) config.activation().inputsPerOutput() * config.nInner());
    boolean perHead = variant.qkNorm() == Variant.QkNorm.HEAD;
    values.put("q_norm_width", perHead ? D : config.nHead() * D);
    values.put("k_norm_width", perHead ? D : config.nKvHead() * D);
    for (String part : Variant.BIASED) {
      values.put(part + "_bias", variant.hasBias(part, config.bias()));
    }
    values.put("block_norm", variant.blockNorm());
    values.put("branch_norm", variant.branchNorm());
    values.put("qk_norm", variant.qkNorm() != Variant.QkNorm.NONE);
    boolean oneNorm = variant.residual() == Variant.Residual.PARALLEL_ONE_NORM;
    values.put("second_norm", variant.blockNorm() && !oneNorm);
    return read("gpt.txt", values);
  }

  /**
   * Reads a table that comes with pygpt.
   *
   * @param name of its file
   * @param values what its sizes and conditions are, by their names
   */
  static LayoutTable read(String name, Map<String, ?> values) {
    try (InputStream file = LayoutTable.class.getResourceAsStream(name)) {
      return parse(new String(file.readAllBytes(), UTF_8), values);
    } catch (IOException error) {
      throw new AssertionError(error); // it is in the jar
    }
  }

  /**
   * Reads a table; see {@code pygpt/model/layouts/gpt.txt}.
   *
   * @param values what its sizes and conditions are, by their names
   * @throws IllegalArgumentException if a size or a role is unknown
   */
  public static LayoutTable parse(String text, Map<String, ?> values) {
    List<Row> rows = new ArrayList<>();
    for (StringTokenizer lines = new StringTokenizer(text, "\n"); lines.hasMoreTokens(); ) {
      String line = lines.nextToken();
      StringTokenizer words = new StringTokenizer(line);
      if (!line.startsWith("#") && words.hasMoreTokens()) {
        String name = words.nextToken();
        String[] shape = words.nextToken().split(",");
        var role = Layout.Role.valueOf(words.nextToken().toUpperCase(Locale.ROOT));
        if (hold(words, values)) {
          int brace = name.indexOf('{');
          String repeated = brace < 0 ? null : name.substring(brace + 1, name.indexOf('}'));
          long times = repeated == null ? 1 : size(repeated, values);
          rows.add(new Row(name, sizes(shape, values), role, repeated, times));
        }
      }
    }
    return new LayoutTable(List.copyOf(rows));
  }

  private static boolean hold(StringTokenizer conditions, Map<String, ?> values) {
    while (conditions.hasMoreTokens()) {
      String condition = conditions.nextToken();
      boolean negated = condition.startsWith("!");
      String[] sides = condition.substring(negated ? 1 : 0).split("=");
      Object expected = sides.length > 1 ? sides[1] : (Object) !negated;
      if (!expected.equals(values.get(sides[0]))) {
        return false;
      }
    }
    return true;
  }

  private static List<Long> sizes(String[] names, Map<String, ?> values) {
    List<Long> sizes = new ArrayList<>();
    for (String name : names) {
      sizes.add(size(name, values));
    }
    return List.copyOf(sizes);
  }

  private static long size(String name, Map<String, ?> values) {
    if (values.get(name) instanceof Number size) {
      return size.longValue();
    }
    throw new IllegalArgumentException("layout: expected a size called " + name + ", got none");
  }

  /** Number of weights, also where no memory holds them. */
  public BigInteger count() {
    return rows.stream()
        .map(row -> product(row).multiply(BigInteger.valueOf(row.times)))
        .reduce(BigInteger.ZERO, BigInteger::add);
  }

  private static BigInteger product(Row row) {
    return row.shape.stream().map(BigInteger::valueOf).reduce(BigInteger.ONE, BigInteger::multiply);
  }

  /** Number of weight arrays. */
  public long tensorCount() {
    return rows.stream().mapToLong(Row::times).sum();
  }

  /** All weights, every layer written out, all of them trainable; matrices decay. */
  public Layout layout() {
    List<Layout.Weight> weights = new ArrayList<>();
    for (int first = 0, end; first < rows.size(); first = end) {
      Row row = rows.get(first);
      for (end = first + 1; end < rows.size(); end++) {
        if (row.repeated == null || !Objects.equals(row.repeated, rows.get(end).repeated)) {
          break;
        }
      }
      for (long i = 0; i < row.times; i++) {
        for (Row each : rows.subList(first, end)) {
          String name = each.name.replace("{" + row.repeated + "}", Long.toString(i));
          weights.add(new Layout.Weight(name, each.shape, each.role, !each.role.isVector(), true));
        }
      }
    }
    return new Layout(weights);
  }
}
