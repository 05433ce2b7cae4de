package org.pygpt.text;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/**
 * Immutable: the byte-level BPE of a tokenizer.json, one that pygpt trained or one of Hugging
 * Face's (GPT-2's, Llama 3's, Qwen's).
 */
public final class BytePairTokenizer implements Tokenizer {
  private static final String END_OF_TEXT = "<|endoftext|>"; // begins and ends texts by default

  private final Map<Integer, String> texts = new HashMap<>(); // id -> how the file writes it
  private final Map<String, Integer> specials = new LinkedHashMap<>();
  private final boolean isPlain; // as pygpt trains them: specials are no spelled bytes
  private final UnaryOperator<String> normalize;
  private final PreTokenizer cuts;
  private final ByteMerges merges;
  private final AddedTokens plainTokens; // looked for in the text as it is
  private final AddedTokens normalTokens; // and in what the normalizer makes of the rest
  private final String fingerprint; // of the file; null where it has none
  private final int[] prefix;
  private final OptionalInt begin;
  private final OptionalInt end;

  /**
   * The tokenizer of a file's content.
   *
   * @param values the JSON object
   * @param rolesBeside token -> id of all tokens to {@code bos} and {@code eos} -> id, as far as
   *     files beside it name them; is asked where the file does not say
   * @throws IllegalArgumentException if it is damaged or needs what is not known here; the message
   *     names the part
   */
  public BytePairTokenizer(
      Map<String, Object> values,
      Function<Map<String, Integer>, Map<String, Integer>> rolesBeside) {
    Map<?, ?> model = TokenizerJson.model(values);
    List<AddedTokens.Token> added = TokenizerJson.addedTokens(values);
    Map<String, Integer> ids = TokenizerJson.vocabulary(model);
    List<String[]> pairs = TokenizerJson.merges(model);
    for (AddedTokens.Token token : added) {
      int id = ids.merge(token.text(), token.id(), (there, _) -> there);
      TokenizerJson.require(
          id == token.id(), "added_tokens: " + token.text(), "id " + id, token.id());
      if (token.special()) {
        specials.put(token.text(), token.id());
      }
    }
    ids.forEach((text, id) -> {
      String other = texts.put(id, text);
      TokenizerJson.require(other == null, "model.vocab", "an id for each token", id + " for two");
    });
    normalize = Normalizers.of(values.get("normalizer"));
    cuts = new PreTokenizer(values.get("pre_tokenizer"));
    merges = new ByteMerges(ids, pairs, Boolean.TRUE.equals(model.get("ignore_merges")));
    boolean isWhole = model.get("unk_token") == null || merges.hasAllBytes();
    TokenizerJson.require(isWhole, "model.vocab", "all 256 bytes", "fewer, and an unknown token");
    plainTokens =
        new AddedTokens(added.stream().filter(token -> !token.normalized()).toList(), text -> text);
    normalTokens =
        new AddedTokens(added.stream().filter(AddedTokens.Token::normalized).toList(), normalize);
    prefix = TokenizerJson.prefix(values.get("post_processor"));
    fingerprint = model.get("fingerprint") instanceof String text ? text : null;
    isPlain =
        model.containsKey("fingerprint")
            || prefix.length == 0
                && values.get("normalizer") == null
                && cuts.known() != null
                && merges.hasAllBytes()
                && TokenizerJson.isInOrder(ids, pairs, specials)
                && added.stream().allMatch(BytePairTokenizer::isPlain);
    Map<String, Integer> roles = TokenizerJson.roles(values);
    Integer endOfText = specials.get(END_OF_TEXT);
    if (!model.containsKey("fingerprint") && roles.isEmpty()) {
      roles = rolesBeside.apply(isPlain ? specials : ids);
    }
    boolean isDefault = roles.values().stream().allMatch(id -> isPlain && id.equals(endOfText));
    begin = first(roles.get("bos"), roles.get("eos"), isDefault ? endOfText : null);
    end = first(roles.get("eos"), roles.get("bos"), isDefault ? endOfText : null);
  }

  private static boolean isPlain(AddedTokens.Token token) {
    return token.special() && !token.singleWord() && !token.stripsLeft() && !token.stripsRight();
  }

  private static OptionalInt first(Integer... ids) {
    return Arrays.stream(ids).filter(id -> id != null).mapToInt(id -> id).findFirst();
  }

  @Override
  public int vocabSize() {
    return texts.keySet().stream().mapToInt(id -> id).max().getAsInt() + 1;
  }

  @Override
  public OptionalInt begin() {
    return begin;
  }

  @Override
  public OptionalInt end() {
    return end;
  }

  @Override
  public int[] prefix() {
    return prefix.clone();
  }

  @Override
  public int[] unused() {
    return IntStream.range(0, vocabSize()).filter(id -> !texts.containsKey(id)).toArray();
  }

  @Override
  public Map<String, Integer> specials() {
    return Map.copyOf(specials);
  }

  @Override
  public Optional<String> fingerprint() {
    return fingerprint == null ? pairs().map(BytePairs::fingerprint) : Optional.of(fingerprint);
  }

  @Override
  public Optional<String> json() {
    return pairs().map(BytePairs::json);
  }

  private Optional<BytePairs> pairs() {
    if (!isPlain || cuts.known() == null) {
      return Optional.empty();
    }
    Map<String, Integer> ranks = new HashMap<>();
    texts.forEach((id, text) -> {
      if (!specials.containsKey(text)) {
        ranks.put(new String(ByteAlphabet.unspell(text), ISO_8859_1), id);
      }
    });
    return Optional.of(new BytePairs(cuts.known(), ranks, specials));
  }

  @Override
  public int[] encode(String text, boolean withSpecials) {
    ByteAlphabet.requireWhole(text);
    IntStream.Builder ids = IntStream.builder();
    for (AddedTokens.Part outer : plainTokens.parts(text, withSpecials)) {
      if (outer.id() >= 0) {
        ids.add(outer.id());
        continue;
      }
      for (var part : normalTokens.parts(normalize.apply(outer.text()), withSpecials)) {
        if (part.id() >= 0) {
          ids.add(part.id());
        } else {
          cuts.words(part.text()).forEach(word -> Arrays.stream(merges.encode(word)).forEach(ids));
        }
      }
    }
    return ids.build().toArray();
  }

  @Override
  public byte[] decodeBytes(int... ids) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int id : ids) {
      String token = texts.get(id);
      if (token == null) {
        throw new TextException("ids: expected 0 to " + (vocabSize() - 1) + ", got " + id);
      }
      boolean isText = isPlain && specials.containsKey(token);
      byte[] spelled = isText ? null : ByteAlphabet.unspell(token);
      bytes.writeBytes(spelled == null ? token.getBytes(UTF_8) : spelled);
    }
    return bytes.toByteArray();
  }

  @Override
  public String toString() {
    return "byte pairs, " + vocabSize() + " ids";
  }
}
