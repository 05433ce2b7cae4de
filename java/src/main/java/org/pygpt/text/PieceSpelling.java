package org.pygpt.text;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Immutable: what tokens are as bytes, by the decoder of a tokenizer.json from SentencePiece. */
final class PieceSpelling {
  private static final Pattern BYTE = Pattern.compile("<0x([0-9A-F]{2})>");

  private record Replaced(String old, String by) {}

  private final List<Replaced> replaced = new ArrayList<>();
  private boolean hasBytes;
  private int strips;

  /**
   * The spelling of a decoder.
   *
   * @throws IllegalArgumentException if it is of a kind that is not known here
   */
  PieceSpelling(Object decoder) {
    Map<?, ?> values = decoder instanceof Map<?, ?> is ? is : Map.of();
    boolean isSequence = "Sequence".equals(values.get("type"));
    Object steps = isSequence ? values.get("decoders") : List.of(values);
    TokenizerJson.require(steps instanceof List, "decoder", "a list", Json.write(steps));
    ((List<?>) steps).forEach(step -> add(step instanceof Map<?, ?> is ? is : Map.of()));
  }

  private void add(Map<?, ?> step) {
    Map<?, ?> pattern = step.get("pattern") instanceof Map<?, ?> is ? is : Map.of();
    switch (String.valueOf(step.get("type"))) {
      case "ByteFallback" -> hasBytes = true;
      case "Fuse" -> {} // tokens are spelled one by one
      case "Replace" -> {
        boolean isText = pattern.get("String") instanceof String;
        TokenizerJson.require(isText, "decoder", "a text to replace", Json.write(step));
        replaced.add(
            new Replaced((String) pattern.get("String"), String.valueOf(step.get("content"))));
      }
      case "Metaspace" -> {
        replaced.add(new Replaced(String.valueOf(step.get("replacement")), " "));
        strips += PieceCuts.scheme(step).equals("never") ? 0 : 1;
      }
      case "Strip" -> {
        boolean isStart = " ".equals(step.get("content")) && number(step.get("stop")) == 0;
        TokenizerJson.require(isStart, "decoder", "blanks at the beginning", Json.write(step));
        strips += number(step.get("start"));
      }
      default ->
          TokenizerJson.require(
              false,
              "decoder",
              "ByteLevel, or Replace, ByteFallback, Fuse, Strip and Metaspace",
              Json.write(step));
    }
  }

  private static int number(Object value) {
    return value instanceof Number number ? number.intValue() : 0;
  }

  /** How many blanks the text of a whole sequence loses at its beginning. */
  int strips() {
    return strips;
  }

  /** The bytes that a token spells in the midst of others. */
  byte[] bytes(String token) {
    Matcher one = BYTE.matcher(token);
    if (hasBytes && one.matches()) {
      return new byte[] {(byte) Integer.parseInt(one.group(1), 16)};
    }
    for (Replaced each : replaced) {
      token = token.replace(each.old, each.by);
    }
    return token.getBytes(UTF_8);
  }
}
