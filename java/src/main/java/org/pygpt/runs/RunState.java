package org.pygpt.runs;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.pygpt.files.FileException;
import org.pygpt.files.SafeTensors;
import org.pygpt.model.Layout;
import org.pygpt.model.Parameters;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;
import org.pygpt.text.Json;
import org.pygpt.train.Training;

/**
 * Immutable: where a run is, but for its arrays; training.safetensors of a checkpoint, which has
 * AdamW's moments as {@code m.NAME} and {@code v.NAME}, float32 whatever they are in memory, and
 * this as JSON in its metadata.
 *
 * @param step updates done
 * @param dropoutKey what decides the dropout of the next batch
 * @param sampler the state of the stream of batches
 * @param best the step with the lowest validation loss, or -1
 * @param bestLoss that loss
 * @param waited evaluations since the best
 * @param tokenizer its fingerprint
 * @param config the run's options
 * @param origin what the data are; null if not known
 * @param unevaluated the record of the last step, if its evaluation was broken off; or null
 */
record RunState(
    int step,
    long dropoutKey,
    Map<?, ?> sampler,
    int best,
    double bestLoss,
    int waited,
    String tokenizer,
    TrainConfig config,
    Map<?, ?> origin,
    Metrics unevaluated) {
  static final String FILE = "training.safetensors";

  private static final BigInteger VERSION = BigInteger.ONE;
  private static final String KEY = "pygpt";

  /** Writes the file. */
  void write(Path folder, Training training, Layout layout) throws IOException {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("version", VERSION);
    values.put("step", step);
    values.put("dropout_key", dropoutKey);
    values.put("sampler", sampler);
    Map<String, Object> lowest = new LinkedHashMap<>();
    lowest.put("step", best);
    lowest.put("loss", bestLoss);
    values.put("best", best < 0 ? null : lowest);
    values.put("waited", waited);
    values.put("tokenizer", tokenizer);
    values.put("config", config.values());
    values.put("derived", config.derived());
    values.put("origin", origin);
    values.put("unevaluated", unevaluated == null ? null : unevaluated.values());
    try (Arena arena = Arena.ofConfined()) {
      SortedMap<String, SafeTensors.Array> arrays = new TreeMap<>();
      for (Layout.Weight weight : layout.weights()) {
        add("m.", weight, training.firstMoments(), arena, arrays);
        add("v.", weight, training.secondMoments(), arena, arrays);
      }
      SafeTensors.write(folder.resolve(FILE), arrays, Map.of(KEY, Json.write(values)));
    }
  }

  private static void add(
      String prefix,
      Layout.Weight weight,
      Parameters moments,
      Arena arena,
      Map<String, SafeTensors.Array> arrays) {
    SafeTensors.Array array = SafeTensors.Array.ofFloats(arena, weight.shape());
    if (moments.has(weight.name())) { // else zeros, of a frozen weight
      copyOut(moments.get(weight.name()), array);
    }
    arrays.put(prefix + weight.name(), array);
  }

  /** Copies a tensor of float32, or of bfloat16, which is widened, to an array. */
  static void copyOut(Tensor tensor, SafeTensors.Array array) {
    long rowBytes = 4L * tensor.columns();
    for (int row = 0; row < tensor.rows(); row++) {
      MemorySegment bytes = array.bytes().asSlice(row * rowBytes, rowBytes);
      if (tensor.dtype() == DType.BFLOAT16) {
        double[] wide = new double[tensor.columns()];
        tensor.readRow(row, wide);
        for (int i = 0; i < wide.length; i++) {
          bytes.setAtIndex(JAVA_FLOAT_UNALIGNED, i, (float) wide[i]);
        }
      } else {
        tensor.read(row, bytes);
      }
    }
  }

  /**
   * Reads what is no array.
   *
   * @throws FileException if the file is missing, damaged, or of another version
   */
  static RunState read(Path folder) {
    String where = "checkpoint " + folder + ": " + FILE;
    try {
      String json = SafeTensors.metadata(folder.resolve(FILE)).get(KEY);
      Map<String, Object> values = Json.parseObject(json == null ? "" : json);
      if (!VERSION.equals(values.get("version"))) {
        throw new FileException(
            where + ": expected version 1, got " + Json.write(values.get("version")));
      }
      return of(values);
    } catch (NoSuchFileException error) {
      throw new FileException(where + " is missing; a run cannot go on from there");
    } catch (IOException | UncheckedIOException error) {
      throw new FileException(where + " cannot be read: " + error.getMessage());
    } catch (IllegalArgumentException | NullPointerException | ClassCastException error) {
      throw new FileException(where + " is damaged: " + error.getMessage());
    }
  }

  private static RunState of(Map<String, Object> values) {
    Map<?, ?> best = (Map<?, ?>) values.get("best");
    Map<String, Object> options = new LinkedHashMap<>();
    ((Map<?, ?>) values.get("config")).forEach((name, value) -> options.put((String) name, value));
    Object derived = values.getOrDefault("derived", List.of());
    ((List<?>) derived).forEach(options::remove);
    Map<?, ?> unevaluated = (Map<?, ?>) values.get("unevaluated");
    return new RunState(
        ((BigInteger) values.get("step")).intValueExact(),
        ((BigInteger) values.get("dropout_key")).longValueExact(),
        (Map<?, ?>) values.get("sampler"),
        best == null ? -1 : ((BigInteger) best.get("step")).intValueExact(),
        best == null ? Double.NaN : ((Number) best.get("loss")).doubleValue(),
        ((BigInteger) values.get("waited")).intValueExact(),
        (String) values.get("tokenizer"),
        TrainConfig.of(options),
        (Map<?, ?>) values.get("origin"),
        unevaluated == null ? null : Metrics.of(unevaluated));
  }

  /**
   * Reads the arrays into those of a training.
   *
   * @throws FileException if they are not those of such a model; nothing has been changed
   */
  static void readArrays(Path folder, Training training, Layout layout) {
    String where = "checkpoint " + folder + ": " + FILE;
    try (Arena arena = Arena.ofShared()) {
      Map<String, SafeTensors.Array> arrays = SafeTensors.read(folder.resolve(FILE), arena);
      boolean holds = arrays.size() == 2 * layout.weights().size();
      for (Layout.Weight weight : layout.weights()) {
        for (String prefix : List.of("m.", "v.")) {
          SafeTensors.Array array = arrays.get(prefix + weight.name());
          holds = holds && array != null && array.shape().equals(weight.shape());
        }
      }
      if (!holds) {
        throw new FileException(where + ": expected the arrays of a float32 model of this shape");
      }
      training
          .firstMoments()
          .names()
          .forEach(name -> {
            copyIn(arrays.get("m." + name), training.firstMoments().get(name));
            copyIn(arrays.get("v." + name), training.secondMoments().get(name));
          });
    } catch (IOException error) {
      throw new FileException(where + " cannot be read", error);
    } catch (IllegalArgumentException error) {
      throw new FileException(where + " is damaged: " + error.getMessage());
    }
  }

  private static void copyIn(SafeTensors.Array array, Tensor tensor) {
    long rowBytes = 4L * tensor.columns();
    for (int row = 0; row < tensor.rows(); row++) {
      MemorySegment bytes = array.bytes().asSlice(row * rowBytes, rowBytes);
      if (tensor.dtype() == DType.BFLOAT16) {
        double[] wide = new double[tensor.columns()];
        Arrays.setAll(wide, i -> bytes.getAtIndex(JAVA_FLOAT_UNALIGNED, i));
        tensor.writeRow(row, wide);
      } else {
        tensor.write(row, bytes);
      }
    }
  }

  /** Whether a checkpoint's folder has this file. */
  static boolean isIn(Path folder) {
    return Files.isRegularFile(folder.resolve(FILE));
  }
}
