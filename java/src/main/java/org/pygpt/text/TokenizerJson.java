package org.pygpt.text;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.IntStream;

/** The parts of a tokenizer.json; each method throws IllegalArgumentException for a damaged one. */
public final class TokenizerJson {
  private static final String BOS = "<|bos|>"; // how the file names the BOS of characters
  private static final List<String> ROLES = List.of("bos", "eos", "pad");

  private TokenizerJson() {}

  /**
   * The tokenizer of a file's content: characters, byte pairs, or pieces of characters.
   *
   * @param rolesBeside of {@link BytePairTokenizer}
   * @throws IllegalArgumentException if it is damaged or of another kind
   */
  public static Tokenizer read(
      Map<String, Object> values,
      Function<Map<String, Integer>, Map<String, Integer>> rolesBeside) {
    Map<?, ?> model = model(values);
    if (values.get("pre_tokenizer") == null && merges(model).isEmpty()) {
      return characters(vocabulary(model), addedTokens(values));
    }
    Object decoder = values.get("decoder") instanceof Map<?, ?> is ? is.get("type") : null;
    if ("Sequence".equals(decoder) || "Metaspace".equals(decoder)) {
      return new PieceTokenizer(values, rolesBeside);
    }
    require("ByteLevel".equals(decoder), "decoder", "ByteLevel", Json.write(decoder));
    return new BytePairTokenizer(values, rolesBeside);
  }

  /**
   * The text of a file as Python writes it.
   *
   * @param vocabulary token, as the file spells it -> id; without special ones
   * @param merges left and right half with a space between them
   * @param preTokenizer null for none
   */
  static String write(
      Map<String, Integer> vocabulary,
      List<String> merges,
      Map<String, Integer> specials,
      Map<String, ?> preTokenizer,
      Map<String, ?> decoder,
      String fingerprint) {
    List<Map<String, Object>> added = new ArrayList<>();
    specials.forEach((text, id) -> {
      Map<String, Object> token = new LinkedHashMap<>();
      token.put("id", id);
      token.put("content", text);
      List.of("single_word", "lstrip", "rstrip", "normalized").forEach(f -> token.put(f, false));
      token.put("special", true);
      added.add(token);
    });
    Map<String, Object> model = new LinkedHashMap<>();
    model.put("type", "BPE");
    List.of("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix")
        .forEach(part -> model.put(part, null));
    List.of("fuse_unk", "byte_fallback", "ignore_merges").forEach(part -> model.put(part, false));
    Map<String, Integer> all = new LinkedHashMap<>(vocabulary);
    all.putAll(specials);
    model.put("vocab", all);
    model.put("merges", merges);
    model.put("fingerprint", fingerprint);
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("version", "1.0");
    values.put("truncation", null);
    values.put("padding", null);
    values.put("added_tokens", added);
    values.put("normalizer", null);
    values.put("pre_tokenizer", preTokenizer);
    values.put("post_processor", null);
    values.put("decoder", decoder);
    values.put("model", model);
    return PythonJson.indented(values, 1) + "\n";
  }

  private static CharTokenizer characters(
      Map<String, Integer> vocabulary, List<AddedTokens.Token> added) {
    added.forEach(token -> vocabulary.remove(token.text()));
    boolean hasBos = !added.isEmpty();
    AddedTokens.Token bos = AddedTokens.Token.special(BOS, vocabulary.size());
    String last = BOS + " after the characters, or none";
    require(!hasBos || added.equals(List.of(bos)), "added_tokens", last, added.size());
    String[] characters = new String[vocabulary.size()];
    vocabulary.forEach((text, id) -> {
      boolean isOne = text.codePointCount(0, text.length()) == 1 && id < characters.length;
      require(isOne, "model.vocab", "characters, each with its place as its id", text);
      characters[id] = text;
    });
    return new CharTokenizer(String.join("", characters), hasBos);
  }

  static void require(boolean holds, String name, String expected, Object got) {
    if (!holds) {
      throw new IllegalArgumentException(name + ": expected " + expected + ", got " + got);
    }
  }

  static Map<?, ?> model(Map<String, Object> values) {
    require(values.get("model") instanceof Map, "model", "an object", "none");
    Map<?, ?> model = (Map<?, ?>) values.get("model");
    require("BPE".equals(model.get("type")), "model.type", "BPE", model.get("type"));
    for (String part : List.of("dropout", "continuing_subword_prefix", "end_of_word_suffix")) {
      Object value = model.get(part);
      boolean isOff = value == null || value.equals("") || value.equals(BigInteger.ZERO);
      require(isOff, "model." + part, "none", value);
    }
    return model;
  }

  static List<AddedTokens.Token> addedTokens(Map<String, Object> values) {
    List<AddedTokens.Token> tokens = new ArrayList<>();
    for (Object item : list(values, "added_tokens")) {
      Map<?, ?> token = item instanceof Map<?, ?> is ? is : Map.of();
      require(token.get("content") instanceof String, "added_tokens", "content", "none");
      tokens.add(
          new AddedTokens.Token(
              (String) token.get("content"),
              id("added_tokens", token.get("id")),
              Boolean.TRUE.equals(token.get("special")),
              Boolean.TRUE.equals(token.get("single_word")),
              Boolean.TRUE.equals(token.get("lstrip")),
              Boolean.TRUE.equals(token.get("rstrip")),
              Boolean.TRUE.equals(token.get("normalized"))));
    }
    return tokens;
  }

  /**
   * {@code bos}, {@code eos} and {@code pad} -> id, of those that a file which pygpt wrote names
   * so.
   */
  static Map<String, Integer> roles(Map<String, Object> values) {
    Map<String, Integer> roles = new HashMap<>();
    for (Object item : list(values, "added_tokens")) {
      ROLES.stream()
          .filter(role -> Boolean.TRUE.equals(((Map<?, ?>) item).get(role)))
          .forEach(role -> roles.put(role, id(role, ((Map<?, ?>) item).get("id"))));
    }
    Map<?, ?> others = model(values).get("roles") instanceof Map<?, ?> is ? is : Map.of();
    ROLES.stream() // of tokens that are not among the added ones
        .filter(role -> others.containsKey(role))
        .forEach(role -> roles.putIfAbsent(role, id(role, others.get(role))));
    return roles;
  }

  static Map<String, Integer> vocabulary(Map<?, ?> model) {
    require(model.get("vocab") instanceof Map, "model.vocab", "an object", "none");
    Map<String, Integer> ids = new LinkedHashMap<>();
    ((Map<?, ?>) model.get("vocab"))
        .forEach((text, id) -> ids.put((String) text, id("model.vocab: " + text, id)));
    return ids;
  }

  private static int id(String name, Object value) {
    boolean isId = value instanceof BigInteger n && n.signum() >= 0 && n.bitLength() < Integer.SIZE;
    require(isId, name, "an id", Json.write(value));
    return ((BigInteger) value).intValue();
  }

  /** The halves of each merge, which are one text in older files and two in newer ones. */
  static List<String[]> merges(Map<?, ?> model) {
    List<String[]> merges = new ArrayList<>();
    for (Object merge : list(model, "merges")) {
      List<?> parts = merge instanceof String text ? Arrays.asList(text.split(" ", -1)) : null;
      parts = merge instanceof List<?> two ? two : parts;
      boolean isPair = parts != null && parts.size() == 2;
      isPair = isPair && parts.stream().allMatch(String.class::isInstance);
      require(isPair, "model.merges", "pairs", Json.write(merge));
      merges.add(parts.toArray(String[]::new));
    }
    return merges;
  }

  /** Whether the merges are those that the ids of the ordinary tokens say, in their order. */
  static boolean isInOrder(
      Map<String, Integer> ids, List<String[]> merges, Map<String, Integer> specials) {
    int last = -1;
    for (String[] pair : merges) {
      int id = ids.get(pair[0] + pair[1]);
      if (id <= last) {
        return false;
      }
      last = id;
    }
    long merged =
        ids.keySet().stream()
            .filter(text -> text.length() > 1 && !specials.containsKey(text))
            .count();
    return merged == merges.size();
  }

  /** What a post-processor puts before a text. */
  static int[] prefix(Object processor) {
    Map<?, ?> values = processor instanceof Map<?, ?> is ? is : Map.of();
    return switch (processor == null ? "ByteLevel" : String.valueOf(values.get("type"))) {
      case "ByteLevel" -> new int[0];
      case "TemplateProcessing" -> template(values);
      case "Sequence" -> {
        int[] before = {};
        for (Object step : list(values, "processors")) { // each puts its own before the others'
          int[] own = prefix(step);
          before = IntStream.concat(Arrays.stream(own), Arrays.stream(before)).toArray();
        }
        yield before;
      }
      default -> {
        require(false, "post_processor", "a template, or none", Json.write(processor));
        yield null;
      }
    };
  }

  private static int[] template(Map<?, ?> values) {
    IntStream.Builder before = IntStream.builder();
    for (Object item : list(values, "single")) {
      Map<?, ?> piece = item instanceof Map<?, ?> is ? is : Map.of();
      if (piece.containsKey("Sequence")) {
        break;
      }
      Object name = piece.get("SpecialToken") instanceof Map<?, ?> is ? is.get("id") : null;
      Map<?, ?> tokens = values.get("special_tokens") instanceof Map<?, ?> is ? is : Map.of();
      Map<?, ?> token = tokens.get(name) instanceof Map<?, ?> is ? is : Map.of();
      list(token, "ids").forEach(id -> before.add(id("post_processor", id)));
    }
    return before.build().toArray();
  }

  private static List<?> list(Map<?, ?> values, String name) {
    require(values.get(name) instanceof List, name, "a list", Json.write(values.get(name)));
    return (List<?>) values.get(name);
  }
}
