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
import java.util.function.Function;
import java.util.stream.IntStream;
import org.pygpt.files.FileException;
import org.pygpt.files.ModelFolder;
import org.pygpt.files.SafeTensors;
import org.pygpt.generate.Generator;
import org.pygpt.generate.Request;
import org.pygpt.generate.SamplingOptions;
import org.pygpt.generate.Sequence;
import org.pygpt.jobs.StepsJob;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.model.LayoutTable;
import org.pygpt.python.PythonRandom;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.Tensor;
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
record NamesRun(
    NamesConfig config,
    PythonRandom random,
    List<String> documents, // shuffled
    CharTokenizer tokenizer,
    GPT model)
    implements AutoCloseable {
  private static final double INIT_DEVIATION = 0.08; // microgpt's, for every weight
  private static final int POLL_MS = 50;

  /** Takes the losses of the steps from {@code first} (counted from 0) on. */
  interface Losses {
    void take(int first, double[] losses) throws FileException;
  }

  /** A run with a new model, of documents that are not empty; TooLargeError: no memory for it. */
  static NamesRun begin(NamesConfig config, List<String> documents) {
    PythonRandom random = new PythonRandom(config.seed());
    List<String> shuffled = new ArrayList<>(documents);
    random.shuffle(shuffled);
    CharTokenizer tokenizer = CharTokenizer.train(shuffled);
    GPTConfig sizes = config.modelConfig(tokenizer.vocabSize());
    var arrays = BigInteger.valueOf(4L * config.dtype().bytes()); // gradients, and two moments
    var bytes = LayoutTable.of(sizes).count().multiply(arrays);
    HostDevice.host().require(bytes, "training a model of these sizes");
    GPT model = GPT.create(sizes, config.backendName(), config.dtype(), 0);
    drawWeights(model, random);
    return new NamesRun(config, random, shuffled, tokenizer, model);
  }

  /** A run with a saved model, which only samples; it must have characters and BOS. */
  static NamesRun load(NamesConfig config, Path folder) throws FileException {
    try (Arena arena = Arena.ofShared()) {
      ModelFolder.Saved saved = ModelFolder.load(folder, arena);
      if (saved.tokenizer() == null || !saved.tokenizer().hasBos()) {
        String problem = "expected a model of documents, got one without characters or BOS";
        throw new FileException("model folder " + folder + ": " + problem);
      }
      GPT model = GPT.create(saved.config(), config.backendName(), config.dtype(), 0);
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
    List<String> names = new ArrayList<>(List.of("wte", "wpe", "lm_head")); // (out, in)
    for (int layer = 0; layer < model.config().nLayer(); layer++) {
      for (String name : List.of("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")) {
        names.add("h." + layer + "." + name); // (in, out)
      }
    }
    for (String name : names) {
      Tensor weight = model.weights().get(name + ".weight");
      boolean outputsAreRows = !name.startsWith("h.");
      double[][] rows = new double[weight.rows()][weight.columns()];
      for (int out = 0; out < (outputsAreRows ? weight.rows() : weight.columns()); out++) {
        for (int in = 0; in < (outputsAreRows ? weight.columns() : weight.rows()); in++) {
          double drawn = random.gauss(0, INIT_DEVIATION);
          rows[outputsAreRows ? out : in][outputsAreRows ? in : out] = drawn;
        }
      }
      for (int row = 0; row < rows.length; row++) {
        weight.writeRow(row, rows[row]);
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
        model.kernels().name(),
        model.kernels().description());
  }

  /**
   * Trains: step s on document s mod n, at a rate that falls linearly to 0.
   *
   * @param losses called about 20 times a second, and with those of the steps before a failure
   * @throws Exception what {@code losses} threw, or the training itself, which has then ended;
   *     ArithmeticException if a loss is no number
   */
  void train(Losses losses) throws Exception {
    double[] rates = new double[config.steps()];
    for (int step = 0; step < rates.length; step++) {
      rates[step] = config.learningRate() * (1 - (double) step / rates.length);
    }
    int most = model.config().blockSize() + 1;
    List<int[]> used =
        documents.stream()
            .limit(rates.length)
            .map(tokenizer::encodeDocument)
            .map(tokens -> tokens.length > most ? Arrays.copyOf(tokens, most) : tokens)
            .toList();
    int[] ids = join(used, tokens -> Arrays.stream(tokens, 0, tokens.length - 1));
    int[] targets = join(used, tokens -> Arrays.stream(tokens, 1, tokens.length));
    int[] sizes = join(used, tokens -> IntStream.of(1, tokens.length - 1)); // B and T of each
    int longest = Arrays.stream(sizes).max().getAsInt();
    try (Training training = new Training(model, 1, longest, AdamW.MICROGPT)) {
      await(new StepsJob(training, ids, targets, sizes, rates), losses);
    }
  }

  private static int[] join(List<int[]> documents, Function<int[], IntStream> part) {
    return documents.stream().flatMapToInt(part).toArray();
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
    } finally { // only a model that nobody works on can be closed
      job.cancel();
      while (job.isRunning()) {
        Thread.sleep(1);
      }
    }
  }

  /** New documents, as many as the configuration says, each ended by BOS or the block size. */
  List<String> sample() {
    List<String> samples = new ArrayList<>();
    int length = model.config().blockSize();
    SamplingOptions sampling = new SamplingOptions(config.temperature(), 0, 1, 0, 1);
    int[] bos = {tokenizer.bos()};
    Request request = new Request(bos, length, sampling, bos, 0, random::random);
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

  /** Saves the model; see {@link ModelFolder#save}. */
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
