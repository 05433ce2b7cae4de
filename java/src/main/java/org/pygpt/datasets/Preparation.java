package org.pygpt.datasets;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.pygpt.files.FileException;
import org.pygpt.files.StagedFolder;
import org.pygpt.files.TokenizerFiles;
import org.pygpt.python.PythonRandom;
import org.pygpt.text.CharTokenizer;
import org.pygpt.text.Tokenizer;

/**
 * From text to a dataset, the same that Python's {@code pygpt.prepare} writes: a tenth of one text,
 * its end, is for validation; of many documents a seeded choice, and BOS stands before, between and
 * after them. The text is in memory as a whole.
 */
public final class Preparation {
  private static final String CHARACTERS = "char"; // the tokenizer that is made from the source
  private static final int VALIDATION = 10; // one part in as many, rounded up
  private static final BigInteger SEED = BigInteger.valueOf(42);

  private Preparation() {}

  /**
   * Encodes a source into a new folder.
   *
   * @param tokenizer {@code char}, or what {@link TokenizerFiles#load} takes
   * @throws FileException if the source or the tokenizer cannot be read, or the folder not written
   * @throws IllegalArgumentException if a character has no id, or the tokenizer no BOS for many
   *     documents
   */
  public static Dataset prepare(Source source, String name, String tokenizer, Path folder) {
    List<String> documents = source.documents();
    Tokenizer chosen =
        tokenizer.equals(CHARACTERS) ? characters(documents) : TokenizerFiles.load(tokenizer);
    boolean isMany = documents.size() > 1;
    if (isMany && chosen.end().isEmpty()) {
      throw new IllegalArgumentException(
          "tokenizer: expected one with BOS, to be between %,d documents, got one without"
              .formatted(documents.size()));
    }
    String fingerprint = chosen.fingerprint().orElse(null);
    String json = chosen.json().orElse(null);
    if (fingerprint == null || json == null) {
      throw new IllegalArgumentException(
          "tokenizer: expected char, gpt2, cl100k_base or a tokenizer.json of pygpt's own kind in"
              + " Java, got "
              + tokenizer
              + "; Python's `pygpt prepare` makes a folder that Java reads");
    }
    List<List<String>> parts = isMany ? byChoice(documents, name) : byCharacters(documents, name);
    StagedFolder.inPlace(
        folder,
        "output folder " + folder,
        staged -> {
          Files.writeString(staged.resolve(Dataset.TOKENIZER_FILE), json);
          write(staged.resolve(Dataset.TRAIN_FILE), parts.getFirst(), chosen, isMany, fingerprint);
          write(staged.resolve(Dataset.VAL_FILE), parts.getLast(), chosen, isMany, fingerprint);
        });
    return Dataset.load(folder);
  }

  private static CharTokenizer characters(List<String> documents) {
    BitSet seen = new BitSet();
    documents.forEach(document -> document.codePoints().forEach(seen::set));
    int[] points = seen.stream().toArray();
    return new CharTokenizer(new String(points, 0, points.length), documents.size() > 1);
  }

  /** The beginning of a text to train on, and its end. */
  private static List<List<String>> byCharacters(List<String> documents, String name) {
    String text = documents.getFirst();
    int count = text.codePointCount(0, text.length());
    int at = text.offsetByCodePoints(0, toTrain(count, "characters", name));
    return List.of(List.of(text.substring(0, at)), List.of(text.substring(at)));
  }

  /** Documents to train on, and others: any choice is as likely (Knuth, TAOCP 3.4.2, S). */
  private static List<List<String>> byChoice(List<String> documents, String name) {
    int wanted = documents.size() - toTrain(documents.size(), "documents", name);
    PythonRandom random = new PythonRandom(SEED);
    List<String> train = new ArrayList<>();
    List<String> val = new ArrayList<>();
    for (int i = 0; i < documents.size(); i++) {
      boolean isChosen = random.random() * (documents.size() - i) < wanted;
      wanted -= isChosen ? 1 : 0;
      (isChosen ? val : train).add(documents.get(i));
    }
    return List.of(train, val);
  }

  private static int toTrain(int count, String noun, String name) {
    int train = Math.min((int) ((VALIDATION - 1L) * count / VALIDATION), count - 1);
    if (train < 1) {
      throw new FileException(
          "data %s: expected %s enough to split, got %d; a validation split of 0.1 leaves nothing"
                  .formatted(name, noun, count)
              + " to train on");
    }
    return train;
  }

  private static void write(
      Path file, List<String> documents, Tokenizer tokenizer, boolean isMany, String fingerprint)
      throws IOException {
    OptionalInt begin = isMany ? tokenizer.begin() : OptionalInt.empty();
    OptionalInt end = isMany ? tokenizer.end() : OptionalInt.empty();
    boolean isBetween = isMany && begin.equals(end); // one id ends a document and begins the next
    IntStream.Builder ids = IntStream.builder();
    long bytes = 0;
    if (isBetween) {
      begin.ifPresent(ids::add);
    }
    for (String document : documents) {
      if (!isBetween) {
        begin.ifPresent(ids::add);
      }
      for (int id : tokenizer.encode(document)) {
        ids.add(id);
      }
      end.ifPresent(ids::add);
      bytes += document.getBytes(UTF_8).length;
    }
    int[] all = ids.build().toArray();
    TokenFile.write(file, all, tokenizer.vocabSize(), bytes, fingerprint);
  }
}
