package org.pygpt.text;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingType;
import com.knuddels.jtokkit.api.IntArrayList;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/**
 * Immutable: a tokenizer that OpenAI published, with no download; JTokkit has its ranks and runs
 * it.
 *
 * @see <a href="https://github.com/knuddelsgmbh/jtokkit">JTokkit</a>
 */
public final class PublishedTokenizer implements Tokenizer {
  private static final String END_OF_TEXT = "<|endoftext|>"; // begins and ends a text
  private static final String FILE = ".tiktoken"; // of ranks, in JTokkit's jar
  private static final Map<String, PublishedTokenizer> KNOWN = new HashMap<>();

  private final EncodingType type;
  private final int ranks; // ordinary tokens have the ids below
  private final Map<String, Integer> specials;
  private final Map<Integer, String> texts = new HashMap<>(); // of the special tokens
  private final AddedTokens finder;
  private Encoding encoding; // read on first use

  private PublishedTokenizer(EncodingType type, int ranks, Map<String, Integer> specials) {
    this.type = type;
    this.ranks = ranks;
    this.specials = specials;
    specials.forEach((text, id) -> texts.put(id, text));
    finder =
        new AddedTokens(
            specials.entrySet().stream()
                .map(token -> AddedTokens.Token.special(token.getKey(), token.getValue()))
                .toList(),
            text -> text);
  }

  static {
    KNOWN.put(
        "gpt2", new PublishedTokenizer(EncodingType.R50K_BASE, 50256, Map.of(END_OF_TEXT, 50256)));
    KNOWN.put(
        "cl100k_base",
        new PublishedTokenizer(
            EncodingType.CL100K_BASE,
            100256,
            Map.of(
                END_OF_TEXT,
                100257,
                "<|fim_prefix|>",
                100258,
                "<|fim_middle|>",
                100259,
                "<|fim_suffix|>",
                100260,
                "<|endofprompt|>",
                100276)));
    KNOWN.put(
        "o200k_base",
        new PublishedTokenizer(
            EncodingType.O200K_BASE,
            199998,
            Map.of(END_OF_TEXT, 199999, "<|endofprompt|>", 200018)));
  }

  /** The names of {@link #named}. */
  public static List<String> names() {
    return KNOWN.keySet().stream().sorted().toList();
  }

  /**
   * The tokenizer of this name.
   *
   * @throws IllegalArgumentException if there is none; the message lists the names
   */
  public static PublishedTokenizer named(String name) {
    if (!KNOWN.containsKey(name)) {
      throw new IllegalArgumentException(
          "tokenizer: expected one of " + String.join(", ", names()) + ", got " + name);
    }
    return KNOWN.get(name);
  }

  private synchronized Encoding encoding() {
    if (encoding == null) {
      encoding = Encodings.newLazyEncodingRegistry().getEncoding(type);
    }
    return encoding;
  }

  @Override
  public int vocabSize() {
    return specials.values().stream().mapToInt(id -> id).max().getAsInt() + 1;
  }

  @Override
  public OptionalInt begin() {
    return OptionalInt.of(specials.get(END_OF_TEXT));
  }

  @Override
  public OptionalInt end() {
    return begin();
  }

  @Override
  public int[] unused() {
    return IntStream.range(ranks, vocabSize()).filter(id -> !texts.containsKey(id)).toArray();
  }

  @Override
  public Map<String, Integer> specials() {
    return specials;
  }

  @Override
  public Optional<String> fingerprint() {
    return pairs().map(BytePairs::fingerprint);
  }

  @Override
  public Optional<String> json() {
    return pairs().map(BytePairs::json);
  }

  /** The tokens with their ranks; empty where Python has no such tokenizer. */
  private Optional<BytePairs> pairs() {
    String split =
        switch (type) {
          case R50K_BASE -> "gpt2";
          case CL100K_BASE -> "cl100k";
          default -> null;
        };
    if (split == null) {
      return Optional.empty();
    }
    Map<String, Integer> found = new HashMap<>();
    try (InputStream file =
            Encodings.class.getResourceAsStream("/com/knuddels/jtokkit/" + type.getName() + FILE);
        BufferedReader lines = new BufferedReader(new InputStreamReader(file, ISO_8859_1))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        String[] parts = line.split(" ");
        byte[] token = Base64.getDecoder().decode(parts[0]);
        found.put(new String(token, ISO_8859_1), Integer.valueOf(parts[1]));
      }
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
    return Optional.of(new BytePairs(split, found, specials));
  }

  @Override
  public int[] encode(String text, boolean withSpecials) {
    ByteAlphabet.requireWhole(text);
    return finder.parts(text, withSpecials).stream()
        .flatMapToInt(part -> part.id() >= 0 ? IntStream.of(part.id()) : ordinary(part.text()))
        .toArray();
  }

  private IntStream ordinary(String text) {
    return Arrays.stream(encoding().encodeOrdinary(text).toArray());
  }

  @Override
  public byte[] decodeBytes(int... ids) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int id : ids) {
      if (texts.containsKey(id)) {
        bytes.writeBytes(texts.get(id).getBytes(UTF_8));
      } else if (id >= 0 && id < ranks) {
        IntArrayList one = new IntArrayList(1);
        one.add(id);
        bytes.writeBytes(encoding().decodeBytes(one));
      } else {
        throw new TextException("ids: expected 0 to " + (vocabSize() - 1) + ", got " + id);
      }
    }
    return bytes.toByteArray();
  }

  @Override
  public String toString() {
    return "byte pairs of " + type.getName();
  }
}
