package org.pygpt.datasets;

import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.pygpt.files.Checksums;
import org.pygpt.files.FileException;
import org.pygpt.files.TokenizerFiles;
import org.pygpt.text.Tokenizer;

/**
 * Immutable: tokens to train on, tokens to validate with, and what they mean; a folder of
 * train.bin, val.bin and tokenizer.json, as Python's {@code pygpt prepare} writes it.
 *
 * @param source what they were made of for a run, as it keeps it in mind; empty if not known
 */
public record Dataset(
    Path folder, Tokenizer tokenizer, TokenFile train, TokenFile val, Map<String, Object> source) {
  static final String TOKENIZER_FILE = "tokenizer.json";
  static final String TRAIN_FILE = "train.bin";
  static final String VAL_FILE = "val.bin";

  /** How tokens become batches. */
  public enum Batches {
    WINDOWS,
    PACKED
  }

  /**
   * The dataset of a folder.
   *
   * @throws FileException if there is no such folder, or a file is missing, damaged, or of another
   *     tokenizer than the folder's
   */
  public static Dataset load(Path folder) {
    if (!Files.isDirectory(folder)) {
      String state = Files.exists(folder) ? "is no folder" : "does not exist";
      throw new FileException(
          "dataset folder " + folder + ": " + state + "; `pygpt prepare` makes one");
    }
    Tokenizer tokenizer = TokenizerFiles.load(folder.resolve(TOKENIZER_FILE));
    TokenFile train = TokenFile.open(folder.resolve(TRAIN_FILE));
    TokenFile val = TokenFile.open(folder.resolve(VAL_FILE));
    String expected = tokenizer.fingerprint().orElse(train.fingerprint());
    for (TokenFile file : List.of(train, val)) {
      if (!file.fingerprint().equals(expected)) {
        throw new FileException(
            "token file %s: expected tokens of the tokenizer %s…, got %s…; prepare the text again"
                    .formatted(
                        file.path(), expected.substring(0, 12), file.fingerprint().substring(0, 12))
                + ", with this tokenizer");
      }
    }
    return new Dataset(folder, tokenizer, train, val, Map.of());
  }

  /** Whether a folder has one of a dataset's files. */
  public static boolean isIn(Path folder) {
    return Stream.of(TRAIN_FILE, VAL_FILE, TOKENIZER_FILE)
        .anyMatch(name -> Files.isRegularFile(folder.resolve(name)));
  }

  /** These data with what they were made of. */
  public Dataset from(Map<String, Object> source) {
    return new Dataset(folder, tokenizer, train, val, source);
  }

  /** The file of the tokenizer. */
  public Path tokenizerFile() {
    return folder.resolve(TOKENIZER_FILE);
  }

  /** What decides the ids: the tokenizer's, or that of the token files. */
  public String tokenizerFingerprint() {
    return train.fingerprint();
  }

  /** What the data are, for a run that goes on with them. */
  public Map<String, Object> origin() {
    MessageDigest digest = Checksums.sha256();
    train.addTo(digest);
    val.addTo(digest);
    Map<String, Object> origin = new LinkedHashMap<>();
    origin.put("fingerprint", HexFormat.of().formatHex(digest.digest()));
    origin.put("folder", folder.toAbsolutePath().normalize().toString());
    origin.put("source", source);
    return origin;
  }

  /** Bytes of the text to validate with for each of its tokens. */
  public double bytesPerToken() {
    return (double) val.textBytes() / val.count();
  }

  /**
   * A part of the data as batches.
   *
   * @param file {@link #train} or {@link #val}
   * @throws IllegalArgumentException if there are too few tokens, or no documents
   */
  public Sampler sampler(
      TokenFile file, Batches batches, int blockSize, int batchSize, BigInteger seed) {
    try {
      if (batches == Batches.WINDOWS) {
        return new WindowSampler(file, blockSize, batchSize, seed);
      }
      return new PackedSampler(
          file, tokenizer.begin(), tokenizer.end(), blockSize, batchSize, seed);
    } catch (IllegalArgumentException error) {
      boolean isTrain = file == train;
      String what = isTrain ? "what is to train on" : "what is to validate with";
      String advice =
          batches == Batches.PACKED
              ? ", --batches windows; or prepare documents, such as the --lines of a text"
              : isTrain ? "" : ", or prepare a larger part to validate with, --validation";
      throw new FileException(error.getMessage() + advice + " (" + file.path() + ", " + what + ")");
    }
  }
}
