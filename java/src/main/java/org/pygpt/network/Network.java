package org.pygpt.network;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import java.util.stream.IntStream;
import org.pygpt.backends.AutoBackend;
import org.pygpt.backends.Backend;
import org.pygpt.backends.BackendProvider;
import org.pygpt.kernels.Kernels;
import org.pygpt.model.Layout;
import org.pygpt.model.Parameters;
import org.pygpt.python.PythonRandom;
import org.pygpt.tensor.ClosedException;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;
import org.pygpt.text.Choice;

/**
 * Mutable: a network of dense layers that is trained on examples; owns its weights.
 *
 * <pre>{@code
 * double[][] x = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
 * double[][] y = {{0}, {1}, {1}, {0}};
 * try (Network network =
 *     Network.builder()
 *         .inputs(2)
 *         .dense(8, "tanh")
 *         .dense(1, "sigmoid")
 *         .loss("binary_cross_entropy")
 *         .optimizer("adam")
 *         .learningRate(0.05)
 *         .build()) {
 *   network.fit(x, y, 200);
 *   network.score(x, y); // 1.0: all of them are right
 * }
 * }</pre>
 *
 * <p>A layer's weights are called {@code 0.weight}, (inputs, units), and {@code 0.bias}. Any thread
 * may use it: calls take turns. The same seed gives the same bits.
 */
public final class Network implements AutoCloseable {
  private static final int CHUNK = 1024; // rows of a forward without backward

  private final List<Dense> layers;
  private final LossFunction loss;
  private final double learningRate;
  private final Kernels kernels;
  private final Parameters weights;
  private final Parameters gradients;
  private final Descent descent;
  private final PythonRandom order;
  private boolean closed;

  /** Told of each step of {@link #fit}. */
  public interface Listener {
    /**
     * A step has been done.
     *
     * @param step its number, from 0
     * @param loss before it
     */
    void step(int step, double loss);
  }

  private Network(Builder options) {
    layers = List.copyOf(options.layers);
    loss = Choice.of("loss", LossFunction.class, options.loss);
    Descent.Method method = Choice.of("optimizer", Descent.Method.class, options.optimizer);
    learningRate = options.learningRate;
    options.check(loss);
    List<Layout.Weight> list = new ArrayList<>();
    int inputs = options.inputs;
    for (int i = 0; i < layers.size(); i++) {
      long units = layers.get(i).units();
      List<Long> shape = List.of((long) inputs, units);
      list.add(new Layout.Weight(i + ".weight", shape, Layout.Role.LINEAR, false, true));
      if (layers.get(i).bias()) {
        list.add(new Layout.Weight(i + ".bias", List.of(units), Layout.Role.BIAS, false, true));
      }
      inputs = layers.get(i).units();
    }
    Layout layout = new Layout(list);
    BigInteger count = BigInteger.valueOf(list.stream().mapToLong(Layout.Weight::size).sum());
    BackendProvider backend = Backend.named(AutoBackend.resolve(options.backend, count));
    kernels = backend.kernels(DType.of(options.dtype), options.threads);
    weights = new Parameters(kernels.device(), layout, DType.of(options.dtype));
    gradients = new Parameters(kernels.device(), layout, weights.dtype());
    descent = new Descent(kernels, method, weights);
    order = new PythonRandom(options.seed);
    initialize(options.seed);
  }

  /** Draws weights and biases from -1 / sqrt(inputs) to 1 / sqrt(inputs), as PyTorch does. */
  private void initialize(long seed) {
    RandomGeneratorFactory<RandomGenerator> factory = RandomGeneratorFactory.of("L64X128MixRandom");
    int index = 0;
    for (String name : weights.names()) {
      RandomGenerator random = factory.create(seed * 0x9e3779b97f4a7c15L + index++);
      Tensor tensor = weights.get(name);
      int inputs = weights.get(name.replace("bias", "weight")).rows();
      double bound = 1 / Math.sqrt(inputs);
      for (int row = 0; row < tensor.rows(); row++) {
        tensor.writeRow(row, random.doubles(tensor.columns(), -bound, bound).toArray());
      }
    }
  }

  /** What says how a network is. */
  public static Builder builder() {
    return new Builder();
  }

  // ---- training --------------------------------------------------------------------------------

  /**
   * Trains on all examples at once, again and again.
   *
   * @param x (rows, inputs)
   * @param y what should come out: (rows, units of the last layer); with {@code cross_entropy} one
   *     column, the number of the class
   * @return the loss before each step
   * @throws IllegalArgumentException if the sizes do not fit
   * @throws ArithmeticException if a loss is no number; the weights are those before that step
   */
  public double[] fit(double[][] x, double[][] y, int epochs) {
    double[] losses = new double[Math.max(0, epochs)];
    fit(flat(x), flat(y), epochs, x.length, (step, value) -> losses[step] = value);
    return losses;
  }

  /**
   * Trains on batches of examples, which are put in a new order for each epoch if there are
   * several.
   *
   * @param x (rows, inputs), row by row
   * @param y likewise
   * @param batchSize rows of a step
   * @param listener told of each step; what it throws ends the training
   */
  public synchronized void fit(
      double[] x, double[] y, int epochs, int batchSize, Listener listener) {
    int rows = rows(x, y);
    int batch = Math.min(batchSize, rows);
    if (epochs < 0 || batchSize < 1) {
      throw new IllegalArgumentException(
          "fit: expected 0 or more epochs of batches of at least 1 row, got "
              + epochs
              + " of "
              + batchSize);
    }
    List<Integer> rowOrder = new ArrayList<>(IntStream.range(0, rows).boxed().toList());
    try (Program program = program(gradients, batch)) {
      int step = 0;
      for (int epoch = 0; epoch < epochs; epoch++) {
        if (batch < rows) {
          order.shuffle(rowOrder);
        }
        for (int first = 0; first < rows; first += batch) {
          int count = Math.min(batch, rows - first);
          if (batch < rows || step == 0) { // all rows are there since the first step
            load(program, x, y, rowOrder.subList(first, first + count));
          }
          double value = backward(program, count, step);
          descent.update(learningRate, gradients);
          listener.step(step++, value);
        }
      }
    }
  }

  private static double backward(Program program, int count, int step) {
    double value = program.forward(count);
    if (!Double.isFinite(value)) {
      throw new ArithmeticException(
          String.format(
              "loss: expected a finite number in step %d, got %f; the weights are those before it: "
                  + "lower the learning rate, or look at the examples",
              step + 1, value));
    }
    program.backward(count);
    return value;
  }

  /** The gradient of the loss with respect to each weight, shared, computed here. */
  public synchronized Parameters gradients(double[] x, double[] y) {
    int rows = rows(x, y);
    try (Program program = program(gradients, rows)) {
      load(program, x, y, IntStream.range(0, rows).boxed().toList());
      backward(program, rows, 0);
    }
    return gradients;
  }

  private Program program(Parameters into, int rows) {
    if (closed) {
      throw new ClosedException("network");
    }
    return new Program(kernels, layers, loss, weights, into, rows);
  }

  private void load(Program program, double[] x, double[] y, List<Integer> rows) {
    int in = inputs();
    int out = program.targetColumns();
    int place = 0;
    for (int row : rows) {
      double[] target = y == null ? null : Arrays.copyOfRange(y, row * out, (row + 1) * out);
      program.load(place++, Arrays.copyOfRange(x, row * in, (row + 1) * in), target);
    }
  }

  // ---- what it says ----------------------------------------------------------------------------

  /** What the last layer returns for each row of {@code x}: (rows, units). */
  public double[][] predict(double[][] x) {
    double[] flat = predict(flat(x));
    int units = units();
    double[][] rows = new double[x.length][];
    Arrays.setAll(rows, row -> Arrays.copyOfRange(flat, row * units, (row + 1) * units));
    return rows;
  }

  /** Likewise, of and as rows one after another. */
  public double[] predict(double[] x) {
    return run(x, null).out;
  }

  /**
   * The loss of examples that are not trained on.
   *
   * @param y see {@link #fit(double[][], double[][], int)}
   */
  public double loss(double[] x, double[] y) {
    rows(x, y);
    return run(x, y).loss;
  }

  /** Share of the answers that are right; see the other one. */
  public double score(double[][] x, double[][] y) {
    return score(flat(x), flat(y));
  }

  /**
   * The metric: with a sigmoid the share of numbers that are on the right side of 0.5, with a
   * softmax the share of rows whose likeliest class is the right one; with {@code mse} the share of
   * the targets' variance that is explained (R²).
   */
  public double score(double[] x, double[] y) {
    int rows = rows(x, y);
    double[] out = predict(x);
    int units = units();
    return switch (loss) {
      case MSE -> explained(out, y, units);
      case BINARY_CROSS_ENTROPY ->
          IntStream.range(0, out.length).filter(i -> out[i] >= 0.5 == y[i] >= 0.5).count()
              / (double) out.length;
      case CROSS_ENTROPY ->
          IntStream.range(0, rows)
                  .filter(row -> likeliest(out, row * units, units) == (int) y[row])
                  .count()
              / (double) rows;
    };
  }

  private static int likeliest(double[] out, int from, int units) {
    int best = 0;
    for (int i = 1; i < units; i++) {
      best = out[from + i] > out[from + best] ? i : best;
    }
    return best;
  }

  private static double explained(double[] out, double[] y, int units) {
    double residual = 0;
    double total = 0;
    for (int column = 0; column < units; column++) {
      double mean = 0;
      for (int i = column; i < y.length; i += units) {
        mean += y[i] * units / y.length;
      }
      for (int i = column; i < y.length; i += units) {
        residual += (y[i] - out[i]) * (y[i] - out[i]);
        total += (y[i] - mean) * (y[i] - mean);
      }
    }
    return total == 0 ? residual == 0 ? 1 : 0 : 1 - residual / total;
  }

  private record Outputs(double[] out, double loss) {}

  private synchronized Outputs run(double[] x, double[] y) {
    int rows = rows(x);
    int units = units();
    double[] all = new double[rows * units];
    double total = 0;
    int chunk = Math.min(rows, CHUNK);
    try (Program program = program(null, chunk)) {
      for (int first = 0; first < rows; first += chunk) {
        int count = Math.min(chunk, rows - first);
        load(program, x, y, IntStream.range(first, first + count).boxed().toList());
        total += program.forward(count) * count;
        double[] row = new double[units];
        for (int i = 0; i < count; i++) {
          program.read(i, row);
          if (loss == LossFunction.CROSS_ENTROPY) {
            softmax(row);
          }
          System.arraycopy(row, 0, all, (first + i) * units, units);
        }
      }
    }
    return new Outputs(all, total / rows);
  }

  private static void softmax(double[] row) {
    double max = Arrays.stream(row).max().getAsDouble();
    double sum = 0;
    for (int i = 0; i < row.length; i++) {
      row[i] = Math.exp(row[i] - max);
      sum += row[i];
    }
    for (int i = 0; i < row.length; i++) {
      row[i] /= sum;
    }
  }

  // ---- sizes and parts -------------------------------------------------------------------------

  /** Numbers of a row of examples. */
  public int inputs() {
    return weights.get("0.weight").rows();
  }

  /** Numbers that the last layer returns. */
  public int units() {
    return layers.getLast().units();
  }

  /** The weights by name, shared. */
  public Parameters weights() {
    return weights;
  }

  /** What computes. */
  public Kernels kernels() {
    return kernels;
  }

  /** The ops of a step on {@code rows} examples, first to last, as text. */
  public synchronized List<String> describeOps(int rows) {
    try (Program program = program(gradients, rows)) {
      return program.describe();
    }
  }

  private int rows(double[] x) {
    if (x.length == 0 || x.length % inputs() != 0) {
      throw new IllegalArgumentException(
          "x: expected rows of " + inputs() + " numbers, got " + x.length + " numbers");
    }
    return x.length / inputs();
  }

  private int rows(double[] x, double[] y) {
    int rows = rows(x);
    boolean isClass = loss == LossFunction.CROSS_ENTROPY;
    int columns = isClass ? 1 : units();
    if (y.length != rows * columns) {
      throw new IllegalArgumentException(
          String.format(
              "y: expected %d rows of %d numbers, got %d numbers", rows, columns, y.length));
    }
    for (double value : y) {
      if (isClass && (value < 0 || value >= units() || value != Math.rint(value))) {
        throw new IllegalArgumentException(
            "y: expected classes from 0 to " + (units() - 1) + ", got " + value);
      }
    }
    return rows;
  }

  private static double[] flat(double[][] rows) {
    return Arrays.stream(rows).flatMapToDouble(Arrays::stream).toArray();
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      descent.close();
      gradients.close();
      weights.close();
      kernels.close();
    }
  }

  /** Mutable: how a network is to be. */
  public static final class Builder {
    private final List<Dense> layers = new ArrayList<>();
    private int inputs;
    private String loss = Choice.name(LossFunction.MSE);
    private String optimizer = Choice.name(Descent.Method.ADAM);
    private double learningRate = 0.01;
    private long seed = 1;
    private String backend = Choice.name(Backend.CPU);
    private String dtype = DType.FLOAT32.toString();
    private int threads;

    private Builder() {}

    /** Numbers of a row of examples. */
    public Builder inputs(int count) {
      inputs = count;
      return this;
    }

    /** One more layer, with biases; see {@link Dense}. */
    public Builder dense(int units, String activation) {
      return layer(new Dense(units, activation));
    }

    /** One more layer. */
    public Builder layer(Dense layer) {
      layers.add(layer);
      return this;
    }

    /** {@code mse}, {@code binary_cross_entropy} or {@code cross_entropy}. */
    public Builder loss(String name) {
      loss = name;
      return this;
    }

    /** {@code sgd}, {@code momentum} or {@code adam}. */
    public Builder optimizer(String name) {
      optimizer = name;
      return this;
    }

    /** How far a step goes; 0.01 if nothing is said. */
    public Builder learningRate(double rate) {
      learningRate = rate;
      return this;
    }

    /** Decides first weights and the order of batches; 1 if nothing is said. */
    public Builder seed(long number) {
      seed = number;
      return this;
    }

    /** {@code cpu}, {@code nd4j}, {@code plain}, {@code cuda}, {@code auto}, or another's. */
    public Builder backend(String name) {
      backend = name;
      return this;
    }

    /** {@code float32}, or {@code float64} on {@code plain}. */
    public Builder dtype(String name) {
      dtype = name;
      return this;
    }

    /** Threads of backend cpu; 0 for one a processor. */
    public Builder threads(int count) {
      threads = count;
      return this;
    }

    /**
     * The network, its first weights drawn.
     *
     * @throws IllegalArgumentException if something of it cannot be
     */
    public Network build() {
      return new Network(this);
    }

    private void check(LossFunction function) {
      if (inputs < 1 || layers.isEmpty()) {
        throw new IllegalArgumentException(
            "network: expected at least 1 input and 1 layer, got "
                + inputs
                + " and "
                + layers.size());
      }
      if (!Double.isFinite(learningRate)) {
        throw new IllegalArgumentException(
            "learning_rate: expected a finite number, got " + learningRate);
      }
      String last = layers.getLast().activation();
      String needed =
          switch (function) {
            case MSE -> last.equals(Dense.SOFTMAX) ? "another activation than softmax" : last;
            case BINARY_CROSS_ENTROPY -> Dense.SIGMOID;
            case CROSS_ENTROPY -> Dense.SOFTMAX;
          };
      boolean inside =
          layers.stream()
              .limit(layers.size() - 1)
              .anyMatch(l -> l.activation().equals(Dense.SOFTMAX));
      if (!last.equals(needed) || inside) {
        throw new IllegalArgumentException(
            inside
                ? "activation: expected softmax in the last layer alone, got it before"
                : String.format(
                    "activation: expected %s in the last layer with loss %s, got %s",
                    needed, Choice.name(function), last));
      }
    }
  }
}
