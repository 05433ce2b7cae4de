package org.pygpt.runs;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.pygpt.datasets.Batch;
import org.pygpt.datasets.Dataset;
import org.pygpt.datasets.Sampler;
import org.pygpt.files.FileException;
import org.pygpt.files.ModelFolder;
import org.pygpt.files.PretrainedModel;
import org.pygpt.files.SafeTensors;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.model.Layout;
import org.pygpt.python.NumpyRandom;
import org.pygpt.tensor.DType;
import org.pygpt.text.CharTokenizer;
import org.pygpt.text.Json;
import org.pygpt.train.Training;

/**
 * Mutable: the training loop, a step at a time. Equal seeds, data, models and numbers of threads
 * give equal bits, those of Python's {@code pygpt.Trainer}; also of a run that was killed and
 * resumed, in either language. It owns AdamW's state, activations and the run's folder.
 */
public final class TrainingRun implements AutoCloseable {
  static final List<String> FILES =
      List.of(ModelFolder.CONFIG_FILE, ModelFolder.WEIGHTS_FILE, "tokenizer.json", RunState.FILE);

  private static final long DROPOUT = 0x64726f70; // "drop": far from the streams of other seeds
  private static final double LN_2 = Math.log(2);

  private final GPT model;
  private final Dataset data;
  private final TrainConfig config;
  private final Sampler train;
  private final Sampler validation;
  private final Map<String, Object> origin;
  private final Layout layout;
  private final Training training;
  private final Evaluator evaluator;
  private final RunFolder run;
  private final MetricsFile metrics;
  private int step;
  private int best = -1; // a step
  private double bestLoss = Double.NaN;
  private int waited;
  private Metrics unevaluated;

  /**
   * A run that is ready for its next step.
   *
   * @param run held; is this one's as soon as there is one
   * @throws IllegalArgumentException if options or data do not fit the model, or the run that is to
   *     go on
   * @throws FileException if the last checkpoint is damaged, or of another model
   * @throws org.pygpt.tensor.TooLargeError if training does not fit into memory
   */
  TrainingRun(GPT model, Dataset data, TrainConfig config, RunFolder run, boolean resume) {
    this.model = model;
    this.data = data;
    this.config = config;
    this.run = run;
    int T = model.config().blockSize();
    train = data.sampler(data.train(), config.batches(), T, config.batchSize(), config.seed());
    validation = data.sampler(data.val(), config.batches(), T, config.batchSize(), config.seed());
    origin = data.origin();
    layout = model.weights().layout();
    Layout trained =
        layout.freeze(config.frozenAmong(model.weights().names()).toArray(String[]::new));
    training =
        new Training(model, config.batchSize(), T, config.adamw(), trained, dtype(model, config));
    evaluator = new Evaluator(model);
    training.resume(0, NumpyRandom.seedSequence(config.seed(), DROPOUT, 1)[0] >>> 2);
    try {
      proceed(resume);
      metrics = new MetricsFile(run.path().resolve(RunFolder.METRICS_FILE), step);
    } catch (IOException error) {
      training.close();
      throw new FileException("run folder " + run.path() + ": cannot be written", error);
    } catch (RuntimeException error) {
      training.close();
      throw error;
    }
  }

  /** What a run computes in: bfloat16, or, as float32 says, the model's own dtype. */
  private static DType dtype(GPT model, TrainConfig config) {
    return config.dtype() == DType.BFLOAT16 ? DType.BFLOAT16 : model.dtype();
  }

  // ---- steps -----------------------------------------------------------------------------------

  /** What the run trains. */
  public GPT model() {
    return model;
  }

  /** Updates done, those of earlier processes included. */
  public int step() {
    return step;
  }

  /** The step with the lowest validation loss; -1 before the first evaluation. */
  public int best() {
    return best;
  }

  /** That loss, in nats. */
  public double bestLoss() {
    return bestLoss;
  }

  /** Whether there is no step left, or the validation loss has not fallen for too long. */
  public boolean finished() {
    boolean waits = config.patience() > 0 && waited >= config.patience();
    return unevaluated == null && (step >= config.maxIters() || waits);
  }

  /**
   * Trains one step; evaluates and writes a checkpoint where they are due.
   *
   * @throws ArithmeticException if the loss or the gradient is no number; the weights are as they
   *     were
   * @throws FileException if a record or a checkpoint cannot be written
   */
  public Metrics next() {
    Metrics record = unevaluated == null ? trainStep() : unevaluated;
    int interval = config.evalInterval();
    boolean isDue = interval > 0 && (step % interval == 0 || step == config.maxIters());
    boolean isBest = false;
    if (unevaluated != null || isDue) {
      unevaluated = record;
      double loss = evaluator.loss(validation, config.evalIters());
      isBest = best < 0 || loss < bestLoss;
      waited = isBest ? 0 : waited + 1;
      best = isBest ? step : best;
      bestLoss = isBest ? loss : bestLoss;
      record = record.evaluated(loss, loss / LN_2 / data.bytesPerToken());
      unevaluated = null;
    }
    metrics.write(record);
    interval = config.checkpointInterval();
    if (interval > 0 && step % interval == 0 || isBest || finished()) {
      save();
    }
    return record;
  }

  private Metrics trainStep() {
    double rate = config.rate(step + 1);
    long began = System.nanoTime();
    Map<String, Object> place = train.state();
    long key = training.dropoutKey();
    int count = config.gradientAccumulationSteps();
    double loss = 0;
    long tokens = 0;
    try {
      List<Batch> batches = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        batches.add(train.next());
      }
      double[] shares = shares(batches);
      for (int i = 0; i < count; i++) {
        Batch batch = batches.get(i);
        loss += shares[i] * backward(batch, shares[i]);
        tokens += batch.ids().length;
      }
      training.update(rate);
    } catch (RuntimeException | Error error) {
      train.restore(place);
      training.resume(step, key);
      throw error;
    }
    step++;
    double seconds = (System.nanoTime() - began) / 1e9;
    return new Metrics(
        step, loss / count, rate, training.gradientNorm(), tokens / seconds, 1e3 * seconds);
  }

  private double backward(Batch batch, double share) {
    try (var _ = training.turn()) {
      training.setBatch(batch.ids(), batch.targets(), batch.rows(), batch.columns());
      return training.backward(batch.rows(), batch.columns(), share);
    }
  }

  /** What each batch counts for: the targets that it scores, 1 on average. */
  private static double[] shares(List<Batch> batches) {
    int[] counts = batches.stream().mapToInt(Batch::scored).toArray();
    long sum = 0;
    boolean isSame = true;
    for (int count : counts) {
      sum += count;
      isSame &= count == counts[0];
    }
    double[] shares = new double[counts.length];
    for (int i = 0; i < shares.length; i++) {
      shares[i] = isSame ? 1 : (double) ((long) counts[i] * counts.length) / sum;
    }
    return shares;
  }

  /**
   * Breaks off the step or the evaluation that goes on, or the next one, from another thread: it
   * ends with a {@link java.util.concurrent.CancellationException} and begins again the next time.
   */
  public void cancel() {
    training.cancel();
    evaluator.cancel();
  }

  // ---- checkpoints -----------------------------------------------------------------------------

  /**
   * Writes a checkpoint of the run as it is, unless there is one of this step.
   *
   * @throws FileException if it cannot be written; all others are as they were
   */
  public void save() {
    run.write(step, best, config.keep(), this::writeFiles);
  }

  /** Whether there is a checkpoint of the last step. */
  public boolean isSaved() {
    return RunFolder.steps(run.path()).contains(step);
  }

  /**
   * The folder of the best checkpoint, or of the last.
   *
   * @throws FileException if there is none yet
   */
  public Path checkpoint() {
    List<Integer> steps = RunFolder.steps(run.path());
    if (steps.isEmpty()) {
      throw new FileException("run folder " + run.path() + ": expected checkpoints, got none yet");
    }
    return RunFolder.checkpoint(run.path(), steps.contains(best) ? best : steps.getLast());
  }

  private void writeFiles(Path folder) throws IOException {
    boolean fits = data.tokenizer().vocabSize() == model.config().vocabSize();
    CharTokenizer characters =
        fits && data.tokenizer() instanceof CharTokenizer tokenizer ? tokenizer : null;
    try (Arena arena = Arena.ofConfined()) {
      SortedMap<String, SafeTensors.Array> weights = new TreeMap<>();
      layout
          .shapes()
          .forEach((name, shape) -> {
            SafeTensors.Array array = SafeTensors.Array.ofFloats(arena, shape);
            RunState.copyOut(model.weights().get(name), array);
            weights.put(name, array);
          });
      ModelFolder.writeFiles(folder, model.config(), characters, weights);
    }
    Files.copy(data.tokenizerFile(), folder.resolve("tokenizer.json"));
    new RunState(
            step,
            training.dropoutKey(),
            train.state(),
            best,
            bestLoss,
            waited,
            data.tokenizerFingerprint(),
            config,
            origin,
            unevaluated)
        .write(folder, training, layout);
  }

  /** Goes to where the run's last checkpoint was, if there is one. */
  private void proceed(boolean resume) throws IOException {
    if (!resume) {
      RunFolder.checkUnused(run.path());
    }
    Path folder = RunFolder.newest(run.path(), FILES);
    if (folder == null) {
      return;
    }
    RunState state = RunState.read(folder);
    checkConfig(state);
    Origins.check(state.origin(), origin);
    try (Arena arena = Arena.ofShared()) {
      PretrainedModel saved = PretrainedModel.open(folder, arena);
      checkSame(folder, saved.config());
      train.restore(state.sampler());
      RunState.readArrays(folder, training, layout);
      saved.copyTo(model.weights());
    }
    model.changed();
    training.resume(state.step(), state.dropoutKey());
    step = state.step();
    best = state.best();
    bestLoss = state.bestLoss();
    waited = state.waited();
    unevaluated = state.unevaluated();
    run.point(step, best);
  }

  private void checkConfig(RunState state) {
    if (!data.tokenizerFingerprint().equals(state.tokenizer())) {
      throw new IllegalArgumentException(
          "tokenizer: expected that of the data that the run began with, got another");
    }
    Map<String, Object> now = config.all();
    state
        .config()
        .all()
        .forEach((name, value) -> {
          if (!TrainConfig.MAY_CHANGE.contains(name) && !now.get(name).equals(value)) {
            throw new IllegalArgumentException(
                "%s: expected %s, as the run began with, got %s"
                    .formatted(name, Json.write(value), Json.write(now.get(name))));
          }
        });
  }

  private void checkSame(Path folder, GPTConfig saved) {
    Map<String, Object> got = saved.values();
    model
        .config()
        .values()
        .forEach((name, expected) -> {
          if (!expected.equals(got.get(name))) {
            throw new FileException(
                "checkpoint %s: %s: expected %s, as the model has, got %s"
                    .formatted(folder, name, Json.write(expected), Json.write(got.get(name))));
          }
        });
  }

  /** What a new run begins with, as Python writes it. */
  void writeBegun() {
    Map<String, Object> values = new TreeMap<>();
    values.put("model", model.config().values());
    values.put("train", config.given());
    values.put("origin", origin);
    run.writeBegun(Json.write(values));
  }

  /** Frees AdamW's state, and lets others have the folder; a second call does nothing. */
  @Override
  public void close() {
    metrics.close();
    evaluator.close();
    training.close();
    run.close();
  }
}
