package org.pygpt.text;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/**
 * Immutable: the BPE over characters of a tokenizer.json that came from SentencePiece (Llama 2's,
 * Mistral's, Gemma's): {@code ▁} stands for a blank, and what has no token for its bytes.
 */
public final class PieceTokenizer implements Tokenizer {
  private final Map<Integer, String> texts = new HashMap<>(); // id -> how the file writes it
  private final Map<String, Integer> ids;
  private final Map<String, Integer> specials = new LinkedHashMap<>();
  private final UnaryOperator<String> normalize;
  private final PieceCuts cuts;
  private final PieceSpelling spelling;
  private final Merges merges;
  private final Integer unknown; // the id of characters without one; null to leave them out
  private final boolean fuses; // several such in a row are one
  private final boolean takesWords; // a word that is a token is that token
  private final AddedTokens plainTokens; // looked for in the text as it is
  private final AddedTokens normalTokens; // and in what the normalizer makes of the rest
  private final int[] prefix;
  private final OptionalInt begin;
  private final OptionalInt end;

  /**
   * The tokenizer of a file's content.
   *
   * @param values the JSON object
   * @param rolesBeside of {@link BytePairTokenizer}
   * @throws IllegalArgumentException if it is damaged or needs what is not known here; the message
   *     names the part
   */
  public PieceTokenizer(
      Map<String, Object> values,
      Function<Map<String, Integer>, Map<String, Integer>> rolesBeside) {
    Map<?, ?> model = TokenizerJson.model(values);
    List<AddedTokens.Token> added = TokenizerJson.addedTokens(values);
    ids = TokenizerJson.vocabulary(model);
    spelling = new PieceSpelling(values.get("decoder"));
    normalize = Normalizers.of(values.get("normalizer"));
    cuts = new PieceCuts(values.get("pre_tokenizer"));
    merges = new Merges(ids, TokenizerJson.merges(model));
    unknown = model.get("unk_token") instanceof String token ? ids.get(token) : null;
    fuses = Boolean.TRUE.equals(model.get("fuse_unk"));
    takesWords = Boolean.TRUE.equals(model.get("ignore_merges"));
    boolean spells = Boolean.TRUE.equals(model.get("byte_fallback"));
    TokenizerJson.require(spells, "model.byte_fallback", "true", model.get("byte_fallback"));
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
    plainTokens =
        new AddedTokens(added.stream().filter(token -> !token.normalized()).toList(), text -> text);
    normalTokens =
        new AddedTokens(added.stream().filter(AddedTokens.Token::normalized).toList(), normalize);
    prefix = TokenizerJson.prefix(values.get("post_processor"));
    Map<String, Integer> roles = TokenizerJson.roles(values);
    roles = roles.isEmpty() ? rolesBeside.apply(ids) : roles;
    begin = first(roles.get("bos"), roles.get("eos"));
    end = first(roles.get("eos"), roles.get("bos"));
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
  public int strips() {
    return spelling.strips();
  }

  @Override
  public Map<String, Integer> specials() {
    return Map.copyOf(specials);
  }

  @Override
  public int[] encode(String text, boolean withSpecials) {
    ByteAlphabet.requireWhole(text);
    IntStream.Builder all = IntStream.builder();
    for (AddedTokens.Part outer : plainTokens.parts(text, withSpecials)) {
      if (outer.id() >= 0) {
        all.add(outer.id());
        continue;
      }
      for (var part : normalTokens.parts(normalize.apply(outer.text()), withSpecials)) {
        if (part.id() >= 0) {
          all.add(part.id());
          continue;
        }
        boolean begins = outer.at() == 0 && part.at() == 0;
        for (String word : cuts.words(part.text(), begins)) {
          Arrays.stream(encodeWord(word)).forEach(all);
        }
      }
    }
    return all.build().toArray();
  }

  private int[] encodeWord(String word) {
    Integer whole = takesWords ? ids.get(word) : null;
    return whole == null ? merges.merged(characters(word)) : new int[] {whole};
  }

  /** The ids that a word begins with, before any merge. */
  private int[] characters(String word) {
    IntStream.Builder all = IntStream.builder();
    boolean pending = false; // an unknown token that is not yet added
    for (int point : word.codePoints().toArray()) {
      String character = Character.toString(point);
      Integer found = ids.get(character);
      List<Integer> spelled = found == null ? bytes(character) : List.of(found);
      if (found != null && pending) {
        all.add(unknown);
        pending = false;
      }
      if (spelled != null) {
        spelled.forEach(all::add);
      } else if (unknown != null) {
        if (pending && !fuses) {
          all.add(unknown);
        }
        pending = true;
      }
    }
    if (pending) {
      all.add(unknown);
    }
    return all.build().toArray();
  }

  /** The tokens of a character's bytes, or null where one has none. */
  private List<Integer> bytes(String character) {
    List<Integer> spelled = new ArrayList<>();
    for (byte one : character.getBytes(UTF_8)) {
      Integer id = ids.get("<0x%02X>".formatted(one & 0xFF));
      if (id == null) {
        return null;
      }
      spelled.add(id);
    }
    return spelled;
  }

  @Override
  public byte[] decodeBytes(int... numbers) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int id : numbers) {
      String token = texts.get(id);
      if (token == null) {
        throw new TextException("ids: expected 0 to " + (vocabSize() - 1) + ", got " + id);
      }
      bytes.writeBytes(spelling.bytes(token));
    }
    return bytes.toByteArray();
  }

  @Override
  public String toString() {
    return "byte pairs, " + vocabSize() + " ids";
  }
}
