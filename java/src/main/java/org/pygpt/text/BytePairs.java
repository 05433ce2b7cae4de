package org.pygpt.text;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Immutable: what Python's {@code BPETokenizer} consists of.
 *
 * @param split where text is cut, {@code gpt2} or {@code cl100k}
 * @param ranks token, a character for each byte -> id; in the order of the ids
 * @param specials special token -> id, likewise
 */
record BytePairs(String split, Map<String, Integer> ranks, Map<String, Integer> specials) {
  private static final Map<String, Object> BYTE_LEVEL = byteLevel(true);

  BytePairs {
    ranks = inOrder(ranks);
    specials = inOrder(specials);
  }

  private static Map<String, Object> byteLevel(boolean cuts) {
    Map<String, Object> step = new LinkedHashMap<>();
    step.put("type", "ByteLevel");
    step.put("add_prefix_space", false);
    step.put("trim_offsets", true);
    step.put("use_regex", cuts);
    return step;
  }

  private static Map<String, Integer> inOrder(Map<String, Integer> ids) {
    Map<String, Integer> sorted = new LinkedHashMap<>();
    ids.entrySet().stream()
        .sorted(Map.Entry.comparingByValue(Comparator.naturalOrder()))
        .forEach(token -> sorted.put(token.getKey(), token.getValue()));
    return sorted;
  }

  String fingerprint() {
    List<Object> tokens = new ArrayList<>();
    ranks.forEach((token, id) -> {
      tokens.add(List.of(HexFormat.of().formatHex(token.getBytes(ISO_8859_1)), id));
    });
    List<Object> named = new ArrayList<>();
    specials.forEach((text, id) -> named.add(List.of(text, id)));
    return PythonJson.fingerprint(List.of("bpe", split, tokens, named));
  }

  String json() {
    Map<String, Integer> vocabulary = new LinkedHashMap<>();
    List<String> merges = new ArrayList<>();
    ranks.forEach((token, id) -> {
      vocabulary.put(spell(token), id);
      if (token.length() > 1) {
        List<String> halves = halves(token);
        merges.add(spell(halves.getFirst()) + " " + spell(halves.getLast()));
      }
    });
    Map<String, Object> cuts = BYTE_LEVEL;
    if (!split.equals("gpt2")) {
      Map<String, Object> at = new LinkedHashMap<>();
      at.put("type", "Split");
      at.put("pattern", Map.of("Regex", PreTokenizer.CL100K_PORTABLE));
      at.put("behavior", "Isolated");
      at.put("invert", false);
      cuts = new LinkedHashMap<>();
      cuts.put("type", "Sequence");
      cuts.put("pretokenizers", List.of(at, byteLevel(false)));
    }
    return TokenizerJson.write(vocabulary, merges, specials, cuts, BYTE_LEVEL, fingerprint());
  }

  private static String spell(String token) {
    return ByteAlphabet.spell(token.getBytes(ISO_8859_1));
  }

  /** The two tokens that merge to this one, by the merges of lower ranks. */
  private List<String> halves(String token) {
    int limit = ranks.get(token);
    List<String> parts = new ArrayList<>(List.of(token.split("")));
    while (parts.size() > 2) {
      int lowest = limit;
      int at = -1;
      for (int i = 0; i + 1 < parts.size(); i++) {
        int rank = ranks.getOrDefault(parts.get(i) + parts.get(i + 1), limit);
        if (rank < lowest) {
          lowest = rank;
          at = i;
        }
      }
      if (at < 0) {
        throw new IllegalArgumentException(
            "ranks: expected " + spell(token) + " to be merged of two tokens before it");
      }
      parts.set(at, parts.get(at) + parts.remove(at + 1));
    }
    return parts;
  }
}
