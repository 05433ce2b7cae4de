package org.pygpt.names;

import java.lang.foreign.Arena;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.pygpt.files.FileException;
import org.pygpt.files.ModelFolder;
import org.pygpt.files.SafeTensors;
import org.pygpt.generate.Generator;
import org.pygpt.generate.Request;
import org.pygpt.generate.SamplingOptions;
import org.pygpt.generate.Sequence;
import org.pygpt.jobs.Job;
import org.pygpt.jobs.StepsJob;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.model.LayoutTable;
import org.pygpt.python.PythonRandom;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.Tensor;
import org.pygpt.tensor.TooLargeError;
import org.pygpt.text.CharTokenizer;
import org.pygpt.train.AdamW;
import org.pygpt.train.Training;

/**
 * Mutable: one run of microgpt's protocol, or of a saved model; owns the model.
 *
 * <p>One random stream shuffles the documents, draws the weights and then samples.
 *
 * @see <a href="https://gist.github.com/karpathy/8627fe009c40f57531cb18360106ce95">microgpt</a>
 */
final class NamesRun implements AutoCloseable {
  private static final double INIT_DEVIATION = 0.08; // microgpt's, for every weight
  private static final int POLL_MS = 50;

  private final NamesConfig config;
  private final PythonRandom random;
  private final List<String> documents; // shuffled
  private final CharTokenizer tokenizer;
  private final GPT model;

  private NamesRun(
      NamesConfig config,
      PythonRandom random,
      List<String> documents,
      CharTokenizer tokenizer,
      GPT model) {
    this.config = config;
    this.random = random;
    this.documents = documents;
    this.tokenizer = tokenizer;
    this.model = model;
  }

  /** Takes the losses of the steps from {@code first} (counted from 0) on. */
  interface Losses {
    void take(int first, double[] losses) throws FileException;
  }

  /**
   * A run with a new model.
   *
   * @param documents not empty; copied
   * @throws TooLargeError if the model and what its training needs do not fit into memory
   */
  static NamesRun begin(NamesConfig config, List<String> documents) {
    PythonRandom random = new PythonRandom(config.seed());
    List<String> shuffled = new ArrayList<>(documents);
    random.shuffle(shuffled);
    CharTokenizer tokenizer = CharTokenizer.train(shuffled);
    GPTConfig sizes = config.modelConfig(tokenizer.vocabSize());
    long weightBytes = 4L * config.dtype().bytes(); // value, gradient and Adam's two moments
    HostDevice.host()
        .require(
            LayoutTable.of(sizes).count().multiply(BigInteger.valueOf(weightBytes)),
            "training a model of these sizes");
    GPT model = GPT.create(sizes, config.backend().toString(), config.dtype(), 0);
    drawWeights(model, random);
    return new NamesRun(config, random, shuffled, tokenizer, model);
  }

  /**
   * A run with a saved model, which only samples.
   *
   * @throws FileException if the folder is missing, damaged, not pygpt's, or has no characters or
   *     BOS
   * @throws TooLargeError if the model does not fit into memory
   */
  static NamesRun load(NamesConfig config, Path folder) throws FileException {
    try (Arena arena = Arena.ofShared()) {
      ModelFolder.Saved saved = ModelFolder.load(folder, arena);
      if (saved.tokenizer() == null || !saved.tokenizer().hasBos()) {
        throw new FileException(
            "model folder "
                + folder
                + ": expected a model of documents, got one without characters or BOS");
      }
      GPT model = GPT.create(saved.config(), config.backend().toString(), config.dtype(), 0);
      for (String name : model.weights().names()) {
        Tensor weight = model.weights().get(name);
        SafeTensors.Array array = saved.weights().get(name);
        double[] values = new double[weight.columns()];
        for (int row = 0; row < weight.rows(); row++) {
          long start = (long) row * values.length;
          Arrays.setAll(values, column -> array.getFloat(start + column));
          weight.writeRow(row, values);
        }
      }
      PythonRandom random = new PythonRandom(config.seed());
      return new NamesRun(config, random, List.of(), saved.tokenizer(), model);
    }
  }

  /**
   * Sets every weight to a number of gauss(0, 0.08), in microgpt's order: token embedding, position
   * embedding, output matrix, then for each layer query, key, value, attention output, MLP in, MLP
   * out; output by output.
   */
  private static void drawWeights(GPT model, PythonRandom random) {
    for (String name : List.of("wte", "wpe", "lm_head")) {
      Tensor weight = model.weights().get(name + ".weight"); // (out, in)
      double[] row = new double[weight.columns()];
      for (int output = 0; output < weight.rows(); output++) {
        Arrays.setAll(row, input -> random.gauss(0, INIT_DEVIATION));
        weight.writeRow(output, row);
      }
    }
    for (int layer = 0; layer < model.config().nLayer(); layer++) {
      for (String name : List.of("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")) {
        Tensor weight = model.weights().get("h." + layer + "." + name + ".weight"); // (in, out)
        double[][] rows = new double[weight.rows()][weight.columns()];
        for (int output = 0; output < weight.columns(); output++) {
          for (double[] row : rows) {
            row[output] = random.gauss(0, INIT_DEVIATION);
          }
        }
        for (int input = 0; input < rows.length; input++) {
          weight.writeRow(input, rows[input]);
        }
      }
    }
  }

  /** What is trained, and by what, in one line. */
  String description() {
    return String.format(
        Locale.ROOT,
        "%,d documents, %d characters, %,d parameters; backend %s: %s",
        documents.size(),
        tokenizer.bos(),
        model.weights().count(),
        config.backend(),
        model.kernels().description());
  }

  /**
   * Trains: step s on document s mod n, at a rate that falls linearly to 0.
   *
   * @param losses called about 20 times a second, and with those of the steps before a failure
   * @throws ArithmeticException if a loss is no number
   * @throws Exception what {@code losses} threw, or the training itself; it has then ended
   */
  void train(Losses losses) throws Exception {
    double[] rates = new double[config.steps()];
    for (int step = 0; step < rates.length; step++) {
      rates[step] = config.learningRate() * (1 - (double) step / rates.length);
    }
    List<String> used = documents.subList(0, Math.min(rates.length, documents.size()));
    int blockSize = model.config().blockSize();
    int[][] encoded = used.stream().map(tokenizer::encodeDocument).toArray(int[][]::new);
    int[] sizes = new int[2 * encoded.length]; // one sequence of T tokens each
    int longest = 1;
    for (int d = 0; d < encoded.length; d++) {
      int T = Math.min(blockSize, encoded[d].length - 1);
      sizes[2 * d] = 1;
      sizes[2 * d + 1] = T;
      longest = Math.max(longest, T);
    }
    try (Training training = new Training(model, 1, longest, AdamW.MICROGPT)) {
      int[] ids = join(encoded, sizes, 0);
      int[] targets = join(encoded, sizes, 1);
      await(new StepsJob(training, ids, targets, sizes, rates), losses);
    }
  }

  /** Tokens from {@code shift} on of each document, as many as its size says. */
  private static int[] join(int[][] documents, int[] sizes, int shift) {
    IntStream all =
        IntStream.range(0, documents.length)
            .flatMap(d -> Arrays.stream(documents[d], shift, shift + sizes[2 * d + 1]));
    return all.toArray();
  }

  private static void await(StepsJob job, Losses losses) throws Exception {
    job.start();
    try {
      int seen = 0;
      for (boolean ended = false; !ended; ) {
        try {
          ended = job.awaitMillis(POLL_MS);
        } finally {
          int completed = job.completed();
          losses.take(seen, job.losses(seen, completed));
          seen = completed;
        }
      }
    } finally {
      end(job);
    }
  }

  /** Waits for the end of a job, which is told to end if it has not: its model can be closed. */
  private static void end(Job job) {
    job.cancel();
    try {
      boolean ended = false;
      while (!ended) {
        ended = job.awaitMillis(POLL_MS);
      }
    } catch (Exception error) {
      // It was told to end; or it has failed, and the caller has that exception already.
    }
  }

  /** New documents, as many as the configuration says, each ended by BOS or the block size. */
  List<String> sample() {
    int bos = tokenizer.bos();
    int length = model.config().blockSize();
    List<String> samples = new ArrayList<>();
    SamplingOptions sampling = new SamplingOptions(config.temperature(), 0, 1, 0, 1);
    int[] start = {bos};
    Request request = new Request(start, length, sampling, start, 0, random::random);
    try (Generator generator = new Generator(model, 1, true)) { // one after another
      for (int i = 0; i < config.samples(); i++) {
        Sequence sequence = generator.submit(request);
        while (generator.advance()) {}
        sequence.throwIfFailed();
        samples.add(tokenizer.decode(sequence.tokensBeforeStop()));
      }
    }
    return samples;
  }

  /**
   * Saves the model; see {@link ModelFolder#save}.
   *
   * @throws FileException if the folder is not pygpt's, or cannot be written
   */
  void save(Path folder) throws FileException {
    try (Arena arena = Arena.ofShared()) {
      SortedMap<String, SafeTensors.Array> arrays = new TreeMap<>();
      for (var entry : model.weights().layout().shapes().entrySet()) {
        Tensor weight = model.weights().get(entry.getKey());
        var array = SafeTensors.Array.ofFloats(arena, entry.getValue());
        double[] values = new double[weight.columns()];
        for (int row = 0; row < weight.rows(); row++) {
          weight.readRow(row, values);
          for (int column = 0; column < values.length; column++) {
            array.setFloat((long) row * values.length + column, (float) values[column]);
          }
        }
        arrays.put(entry.getKey(), array);
      }
      ModelFolder.save(folder, model.config(), tokenizer, arrays);
    }
  }

  @Override
  public void close() {
    model.close();
  }
}
