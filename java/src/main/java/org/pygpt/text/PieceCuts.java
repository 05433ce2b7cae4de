package org.pygpt.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Immutable: where a tokenizer.json from SentencePiece cuts text into words, if at all. */
final class PieceCuts {
  private final String mark; // of Metaspace, or what a word ends with; null for no cuts
  private final String scheme; // when Metaspace puts a mark before a text; null for no Metaspace
  private final boolean splits;

  /**
   * The cuts of a pre-tokenizer.
   *
   * @throws IllegalArgumentException if it is of a kind that is not known here
   */
  PieceCuts(Object step) {
    Map<?, ?> values = step instanceof Map<?, ?> is ? is : Map.of();
    Map<?, ?> pattern = values.get("pattern") instanceof Map<?, ?> is ? is : Map.of();
    boolean isMarked = "Metaspace".equals(values.get("type"));
    boolean isSplit =
        "Split".equals(values.get("type"))
            && "MergedWithPrevious".equals(values.get("behavior"))
            && !Boolean.TRUE.equals(values.get("invert"))
            && pattern.get("String") instanceof String text
            && !text.isEmpty();
    TokenizerJson.require(
        step == null || isMarked || isSplit,
        "pre_tokenizer",
        "none, Metaspace, or Split at a text that ends a word",
        Json.write(step));
    mark =
        isMarked
            ? String.valueOf(values.get("replacement"))
            : isSplit ? (String) pattern.get("String") : null;
    scheme = isMarked ? scheme(values) : null;
    splits = !isMarked || !Boolean.FALSE.equals(values.get("split"));
  }

  /** When a Metaspace puts its mark before a text: always, first or never. */
  static String scheme(Map<?, ?> step) {
    boolean adds = !Boolean.FALSE.equals(step.get("add_prefix_space"));
    return step.get("prepend_scheme") instanceof String text ? text : adds ? "always" : "never";
  }

  /**
   * The words of a text.
   *
   * @param begins whether it is where the whole text begins
   */
  List<String> words(String text, boolean begins) {
    if (text.isEmpty()) {
      return List.of();
    }
    if (mark == null) {
      return List.of(text);
    }
    String marked = text;
    if (scheme != null) {
      marked = text.replace(" ", mark);
      boolean wants = scheme.equals("always") || scheme.equals("first") && begins;
      marked = wants && !marked.startsWith(mark) ? mark + marked : marked;
    }
    return splits ? split(marked, scheme != null) : List.of(marked);
  }

  /**
   * The parts of a text that begin with the mark, or end with it: of several marks in a row each is
   * one by itself, but for the one beside other text.
   */
  private List<String> split(String text, boolean begin) {
    List<String> words = new ArrayList<>();
    int start = 0;
    for (int at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + mark.length())) {
      int cut = begin ? at : at + mark.length();
      if (start < cut) {
        words.add(text.substring(start, cut));
        start = cut;
      }
    }
    if (start < text.length()) {
      words.add(text.substring(start));
    }
    return words;
  }
}
