package org.pygpt.runs;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pygpt.datasets.Dataset.Batches;
import org.pygpt.python.LibraryMath;
import org.pygpt.tensor.DType;
import org.pygpt.text.Choice;
import org.pygpt.text.Options;
import org.pygpt.train.AdamW;

/**
 * Immutable: options of a training run; the names are those of Python's {@code pygpt.TrainConfig},
 * and the defaults nanoGPT's for Shakespeare's characters.
 *
 * @param learningRate of the first step after the warm-up
 * @param maxIters updates of the weights
 * @param batchSize sequences in a batch
 * @param gradientAccumulationSteps batches in an update
 * @param weightDecay of matrices
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param gradClip the largest norm of the gradient; 0 for no limit
 * @param optimizer what moves the weights
 * @param warmupIters updates until the learning rate is reached
 * @param lrDecayIters the update at which the rate has fallen to minLr; 0 for the last one
 * @param minLr what the learning rate falls to
 * @param schedule how it falls
 * @param batches what a sequence is
 * @param evalInterval updates between evaluations; 0 for none
 * @param evalIters batches of an evaluation; 0 for all there are
 * @param patience evaluations without a new best after which the run ends; 0 for no limit
 * @param checkpointInterval updates between checkpoints; 0 for only the best and the last
 * @param keep how many of the newest checkpoints are kept, beside the best
 * @param seed of the first weights, the order of the data and dropout
 * @param frozen weights that stay as they are: beginnings of names, such as {@code wte,h.0}
 * @param dtype what products and most activations are computed in: float32 or bfloat16
 * @param moments what AdamW's moments are: float32 or bfloat16
 * @see <a href="https://github.com/karpathy/nanoGPT">nanoGPT</a>
 */
public record TrainConfig(
    double learningRate,
    int maxIters,
    int batchSize,
    int gradientAccumulationSteps,
    double weightDecay,
    double beta1,
    double beta2,
    double gradClip,
    Optimizer optimizer,
    int warmupIters,
    int lrDecayIters,
    double minLr,
    Schedule schedule,
    Batches batches,
    int evalInterval,
    int evalIters,
    int patience,
    int checkpointInterval,
    int keep,
    BigInteger seed,
    String frozen,
    DType dtype,
    DType moments) {
  /** What may change when a run goes on; everything else decides the bits of the steps to come. */
  static final List<String> MAY_CHANGE =
      List.of(
          "max_iters",
          "lr_decay_iters",
          "eval_interval",
          "eval_iters",
          "patience",
          "checkpoint_interval",
          "keep");

  /** nanoGPT's for Shakespeare's characters on a CPU. */
  public static final TrainConfig DEFAULT =
      new TrainConfig(
          1e-3,
          2000,
          12,
          1,
          0.1,
          0.9,
          0.99,
          1,
          Optimizer.ADAMW,
          100,
          0,
          1e-4,
          Schedule.COSINE,
          Batches.WINDOWS,
          250,
          20,
          0,
          250,
          2,
          BigInteger.valueOf(1337),
          "",
          DType.FLOAT32,
          DType.FLOAT32);

  /** What moves the weights: AdamW alone, or Muon the matrices of the layers. */
  public enum Optimizer {
    ADAMW,
    MUON
  }

  /** How the learning rate falls. */
  public enum Schedule {
    COSINE,
    LINEAR,
    CONSTANT
  }

  /**
   * Checks the values.
   *
   * @throws IllegalArgumentException if one is out of its range or two do not fit each other
   */
  public TrainConfig {
    require(learningRate > 0, "learning_rate", "more than 0", learningRate);
    requireLeast("max_iters", maxIters, 1);
    requireLeast("batch_size", batchSize, 1);
    requireLeast("gradient_accumulation_steps", gradientAccumulationSteps, 1);
    adamw(beta1, beta2, weightDecay, gradClip, optimizer, moments); // checks them
    requireLeast("warmup_iters", warmupIters, 0);
    requireLeast("lr_decay_iters", lrDecayIters, 0);
    require(minLr >= 0, "min_lr", "at least 0", minLr);
    requireLeast("eval_interval", evalInterval, 0);
    requireLeast("eval_iters", evalIters, 0);
    requireLeast("patience", patience, 0);
    requireLeast("checkpoint_interval", checkpointInterval, 0);
    requireLeast("keep", keep, 1);
    boolean computes = dtype == DType.FLOAT32 || dtype == DType.BFLOAT16;
    require(computes, "dtype", "one of float32, bfloat16", dtype);
    boolean falls = minLr <= learningRate || schedule == Schedule.CONSTANT;
    require(falls, "min_lr", "at most learning_rate = " + learningRate, minLr);
    require(
        patience == 0 || evalInterval > 0,
        "eval_interval",
        "evaluations, since patience = " + patience,
        evalInterval);
  }

  private static void requireLeast(String name, int value, int least) {
    require(value >= least, name, "at least " + least, value);
  }

  private static void require(boolean holds, String name, String expected, Object got) {
    boolean isFinite = !(got instanceof Double number) || Double.isFinite(number);
    if (!holds || !isFinite) {
      throw new IllegalArgumentException(
          name + ": expected " + (isFinite ? expected : "a finite number") + ", got " + got);
    }
  }

  /**
   * The options with these values, by their names in Python; what is missing is {@link #DEFAULT}'s.
   *
   * @throws IllegalArgumentException if a name is unknown, or a value does not fit
   */
  public static TrainConfig of(Map<String, ?> values) {
    Map<String, Object> all = DEFAULT.all();
    all.put("lr_decay_iters", 0);
    new Options(values).requireAmong(DEFAULT.all().keySet());
    all.putAll(values);
    Options options = new Options(all);
    return new TrainConfig(
        options.number("learning_rate"),
        options.size("max_iters", 1),
        options.size("batch_size", 1),
        options.size("gradient_accumulation_steps", 1),
        options.number("weight_decay"),
        options.number("beta1"),
        options.number("beta2"),
        options.number("grad_clip"),
        options.choice("optimizer", Optimizer.class),
        options.size("warmup_iters", 0),
        options.size("lr_decay_iters", 0),
        options.number("min_lr"),
        options.choice("schedule", Schedule.class),
        options.choice("batches", Batches.class),
        options.size("eval_interval", 0),
        options.size("eval_iters", 0),
        options.size("patience", 0),
        options.size("checkpoint_interval", 0),
        options.size("keep", 1),
        options.whole("seed"),
        options.text("frozen"),
        options.choice("dtype", DType.class),
        moments(options.text("moments")));
  }

  private static DType moments(String name) {
    boolean known = List.of("float32", "bfloat16").contains(name);
    require(known, "moments", "one of float32, bfloat16", name);
    return DType.of(name);
  }

  /**
   * A copy with some values changed, by their names in Python.
   *
   * @throws IllegalArgumentException if a name is unknown, or a value does not fit
   */
  public TrainConfig with(Map<String, ?> changes) {
    Map<String, Object> values = given();
    values.putAll(changes);
    return of(values);
  }

  /**
   * What files have: {@link #all}, but {@code moments} only where they are not float32, so that the
   * files of other runs are as they were before it could be chosen.
   */
  public Map<String, Object> values() {
    Map<String, Object> values = all();
    if (moments == DType.FLOAT32) {
      values.remove("moments");
    }
    return values;
  }

  /** Every value by its name in Python, in order; {@code lr_decay_iters} is never 0. */
  public Map<String, Object> all() {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("learning_rate", learningRate);
    values.put("max_iters", maxIters);
    values.put("batch_size", batchSize);
    values.put("gradient_accumulation_steps", gradientAccumulationSteps);
    values.put("weight_decay", weightDecay);
    values.put("beta1", beta1);
    values.put("beta2", beta2);
    values.put("grad_clip", gradClip);
    values.put("optimizer", Choice.name(optimizer));
    values.put("warmup_iters", warmupIters);
    values.put("lr_decay_iters", decayEnd());
    values.put("min_lr", minLr);
    values.put("schedule", Choice.name(schedule));
    values.put("batches", Choice.name(batches));
    values.put("eval_interval", evalInterval);
    values.put("eval_iters", evalIters);
    values.put("patience", patience);
    values.put("checkpoint_interval", checkpointInterval);
    values.put("keep", keep);
    values.put("seed", seed);
    values.put("frozen", frozen);
    values.put("dtype", Choice.name(dtype));
    values.put("moments", Choice.name(moments));
    return values;
  }

  /** The names of the values that were not given, but follow from others. */
  public List<String> derived() {
    return lrDecayIters == 0 ? List.of("lr_decay_iters") : List.of();
  }

  /** Every value but those that are {@link #derived}. */
  public Map<String, Object> given() {
    Map<String, Object> values = new LinkedHashMap<>(values());
    values.keySet().removeAll(derived());
    return values;
  }

  private int decayEnd() {
    return lrDecayIters == 0 ? maxIters : lrDecayIters;
  }

  /** The options of the optimizer. */
  public AdamW adamw() {
    return adamw(beta1, beta2, weightDecay, gradClip, optimizer, moments);
  }

  private static AdamW adamw(
      double beta1,
      double beta2,
      double weightDecay,
      double gradClip,
      Optimizer optimizer,
      DType moments) {
    double epsilon = AdamW.NANOGPT.epsilon();
    boolean muon = optimizer == Optimizer.MUON;
    return new AdamW(beta1, beta2, epsilon, weightDecay, gradClip, muon, moments);
  }

  /**
   * The learning rate of a step, counted from 1: it rises in a straight line for {@code
   * warmupIters} steps, then falls to {@code minLr}.
   */
  public double rate(int step) {
    int done = step - 1;
    if (done < warmupIters) {
      return learningRate * step / (warmupIters + 1);
    }
    if (schedule == Schedule.CONSTANT) {
      return learningRate;
    }
    if (done >= decayEnd()) {
      return minLr;
    }
    double part = (double) (done - warmupIters) / (decayEnd() - warmupIters);
    double left =
        schedule == Schedule.LINEAR ? 1 - part : 0.5 * (1 + LibraryMath.COS.of(Math.PI * part));
    return minLr + left * (learningRate - minLr);
  }

  /**
   * Options of a base, and what was given instead of it; a {@code min_lr} that nobody gave follows
   * a lower {@code learning_rate} that somebody did: a tenth of it.
   */
  static Map<String, Object> merged(Map<String, ?> base, Map<String, ?> given) {
    Map<String, Object> values = new HashMap<>(base);
    values.putAll(given);
    Object lowest = values.getOrDefault("min_lr", DEFAULT.minLr);
    boolean follows = given.containsKey("learning_rate") && !given.containsKey("min_lr");
    if (follows
        && values.get("learning_rate") instanceof Number rate
        && lowest instanceof Number least
        && rate.doubleValue() > 0
        && rate.doubleValue() < least.doubleValue()) {
      values.put("min_lr", rate.doubleValue() / 10);
    }
    return values;
  }

  /**
   * The names of the weights that {@code frozen} stands for, among these.
   *
   * @throws IllegalArgumentException if a part is the beginning of none, or no weight is left
   */
  public List<String> frozenAmong(List<String> names) {
    List<String> found = new ArrayList<>();
    for (String part : frozen.split(",")) {
      if (!part.isBlank()) {
        String begin = part.strip() + ".";
        List<String> those = names.stream().filter(n -> (n + ".").startsWith(begin)).toList();
        require(
            !those.isEmpty(),
            "frozen",
            "beginnings of names such as " + names.getFirst() + " or h.0",
            "'" + part.strip() + "'");
        found.addAll(those);
      }
    }
    require(!found.containsAll(names), "frozen", "weights that are left to train", "none");
    return names.stream().filter(found::contains).toList();
  }
}
