package org.pygpt.text;

import java.text.Normalizer;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/** What a tokenizer.json does with a text first. */
final class Normalizers {
  private Normalizers() {}

  /**
   * The normalizer of a part of a file.
   *
   * @throws IllegalArgumentException if it is of a kind that is not known here
   */
  static UnaryOperator<String> of(Object step) {
    if (step == null) {
      return text -> text;
    }
    Map<?, ?> values = step instanceof Map<?, ?> is ? is : Map.of();
    Map<?, ?> pattern = values.get("pattern") instanceof Map<?, ?> is ? is : Map.of();
    String kind = String.valueOf(values.get("type"));
    if (kind.equals("Sequence") && values.get("normalizers") instanceof List<?> steps) {
      return sequence(steps);
    }
    if (List.of("NFC", "NFD", "NFKC", "NFKD").contains(kind)) {
      Normalizer.Form form = Normalizer.Form.valueOf(kind);
      return text -> Normalizer.normalize(text, form);
    }
    if (kind.equals("Prepend") && values.get("prepend") instanceof String before) {
      return text -> text.isEmpty() ? text : before + text;
    }
    boolean replaces = kind.equals("Replace") && values.get("content") instanceof String;
    String known = "NFC, NFD, NFKC, NFKD, Prepend, or Replace of a text";
    boolean isText = replaces && pattern.get("String") instanceof String;
    TokenizerJson.require(isText, "normalizer", known, Json.write(step));
    String old = (String) pattern.get("String");
    String by = (String) values.get("content");
    return text -> text.replace(old, by);
  }

  private static UnaryOperator<String> sequence(List<?> steps) {
    List<UnaryOperator<String>> all = steps.stream().map(Normalizers::of).toList();
    return text -> {
      for (UnaryOperator<String> one : all) {
        text = one.apply(text);
      }
      return text;
    };
  }
}
