package examples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Karpathy's microgpt in plain Java, in one file: a GPT whose every number is a node of a graph,
 * trained on names, and 20 new ones, the same that microgpt.py prints.
 *
 * <pre>{@code
 * java java/examples/Microgpt.java pygpt/data/names.txt
 * }</pre>
 *
 * @see <a href="https://gist.github.com/karpathy/8627fe009c40f57531cb18360106ce95">microgpt.py</a>
 */
public final class Microgpt {
  private static final int LAYERS = 1;
  private static final int C = 16; // width of the residual stream
  private static final int BLOCK_SIZE = 16;
  private static final int HEADS = 4;
  private static final int D = C / HEADS;
  private static final double LEARNING_RATE = 0.01;
  private static final double BETA1 = 0.85;
  private static final double BETA2 = 0.99;
  private static final double EPSILON = 1e-8; // Adam's
  private static final double NORM_EPSILON = 1e-5;
  private static final double INIT_DEVIATION = 0.08;
  private static final double TEMPERATURE = 0.5;
  private static final int NAMES = 20;

  /** A number that knows what it was made of: two others at most, and its slope in each. */
  private static final class Value {
    private static final List<Value> TAPE = new ArrayList<>(); // in the order of their making

    private double data;
    private double grad;
    private final Value left;
    private final Value right;
    private final double leftSlope;
    private final double rightSlope;
    private double m; // Adam's moments, of a weight
    private double v;

    Value(double data) {
      this(data, null, 0, null, 0);
    }

    private Value(double data, Value left, double leftSlope, Value right, double rightSlope) {
      this.data = data;
      this.left = left;
      this.leftSlope = leftSlope;
      this.right = right;
      this.rightSlope = rightSlope;
      if (left != null) {
        TAPE.add(this);
      }
    }

    Value plus(Value other) {
      return new Value(data + other.data, this, 1, other, 1);
    }

    Value times(Value other) {
      return new Value(data * other.data, this, other.data, other, data);
    }

    Value times(double number) {
      return new Value(data * number, this, number, null, 0);
    }

    Value minus(double number) {
      return new Value(data - number, this, 1, null, 0);
    }

    Value power(double exponent) {
      double slope = exponent * Math.pow(data, exponent - 1);
      return new Value(Math.pow(data, exponent), this, slope, null, 0);
    }

    Value log() {
      return new Value(Math.log(data), this, 1 / data, null, 0);
    }

    Value exp() {
      double result = Math.exp(data);
      return new Value(result, this, result, null, 0);
    }

    Value relu() {
      return new Value(Math.max(0, data), this, data > 0 ? 1 : 0, null, 0);
    }

    /** Gives each number before this one the slope of this one in it, and forgets the graph. */
    void backward() {
      grad = 1;
      for (Value value : TAPE.reversed()) { // what was made of a number comes before it
        value.left.grad += value.leftSlope * value.grad;
        if (value.right != null) {
          value.right.grad += value.rightSlope * value.grad;
        }
      }
      TAPE.clear();
    }
  }

  /** The weights of a layer; a row of each matrix is one output. */
  private record Layer(
      Value[][] query,
      Value[][] key,
      Value[][] value,
      Value[][] out,
      Value[][] up,
      Value[][] down) {}

  private final MersenneTwister random = new MersenneTwister(42);
  private final List<Value> weights = new ArrayList<>();
  private final int steps;
  private final List<String> documents;
  private final int[] characters;
  private final int bos; // the id that begins and ends a name
  private final Value[][] tokens;
  private final Value[][] positions;
  private final Value[][] head;
  private final List<Layer> layers = new ArrayList<>();

  private Microgpt(List<String> names, int steps) {
    this.steps = steps;
    documents = new ArrayList<>(names);
    for (int i = documents.size() - 1; i > 0; i--) {
      Collections.swap(documents, i, random.below(i + 1));
    }
    characters = String.join("", names).codePoints().sorted().distinct().toArray();
    bos = characters.length;
    tokens = matrix(bos + 1, C);
    positions = matrix(BLOCK_SIZE, C);
    head = matrix(bos + 1, C);
    for (int i = 0; i < LAYERS; i++) {
      layers.add(
          new Layer(
              matrix(C, C),
              matrix(C, C),
              matrix(C, C),
              matrix(C, C),
              matrix(4 * C, C),
              matrix(C, 4 * C)));
    }
  }

  private Value[][] matrix(int rows, int columns) {
    Value[][] matrix = new Value[rows][columns];
    for (Value[] row : matrix) {
      for (int i = 0; i < columns; i++) {
        row[i] = new Value(random.gauss() * INIT_DEVIATION);
        weights.add(row[i]);
      }
    }
    return matrix;
  }

  // ---- the model -------------------------------------------------------------------------------

  private static Value dot(Value[] x, Value[] y) {
    Value sum = x[0].times(y[0]);
    for (int i = 1; i < x.length; i++) {
      sum = sum.plus(x[i].times(y[i]));
    }
    return sum;
  }

  private static Value[] linear(Value[] x, Value[][] matrix) {
    Value[] out = new Value[matrix.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = dot(matrix[i], x);
    }
    return out;
  }

  private static Value[] norm(Value[] x) {
    Value mean = dot(x, x).times(1.0 / x.length);
    Value scale = mean.minus(-NORM_EPSILON).power(-0.5);
    return each(x, one -> one.times(scale));
  }

  private static Value[] softmax(Value[] x) {
    double max = Double.NEGATIVE_INFINITY;
    for (Value one : x) {
      max = Math.max(max, one.data);
    }
    double most = max;
    Value[] exps = each(x, one -> one.minus(most).exp());
    Value total = exps[0];
    for (int i = 1; i < exps.length; i++) {
      total = total.plus(exps[i]);
    }
    Value part = total.power(-1);
    return each(exps, one -> one.times(part));
  }

  private interface Op {
    Value of(Value one);
  }

  private static Value[] each(Value[] x, Op op) {
    Value[] out = new Value[x.length];
    for (int i = 0; i < x.length; i++) {
      out[i] = op.of(x[i]);
    }
    return out;
  }

  private static Value[] sum(Value[] x, Value[] y) {
    Value[] out = new Value[x.length];
    for (int i = 0; i < x.length; i++) {
      out[i] = x[i].plus(y[i]);
    }
    return out;
  }

  /** The logits of what follows a token; keys and values of those before it are at hand. */
  private Value[] logits(
      int token, int position, List<List<Value[]>> keys, List<List<Value[]>> values) {
    Value[] x = norm(sum(tokens[token], positions[position]));
    for (int i = 0; i < LAYERS; i++) {
      Layer layer = layers.get(i);
      Value[] normed = norm(x);
      Value[] query = linear(normed, layer.query);
      keys.get(i).add(linear(normed, layer.key));
      values.get(i).add(linear(normed, layer.value));
      Value[] attended = new Value[C];
      for (int h = 0; h < HEADS; h++) {
        attend(h, query, keys.get(i), values.get(i), attended);
      }
      x = sum(linear(attended, layer.out), x);
      x = sum(linear(each(linear(norm(x), layer.up), Value::relu), layer.down), x);
    }
    return linear(x, head);
  }

  private static void attend(
      int h, Value[] query, List<Value[]> keys, List<Value[]> values, Value[] out) {
    int T = keys.size();
    Value[] scores = new Value[T];
    for (int t = 0; t < T; t++) {
      scores[t] = dot(part(query, h), part(keys.get(t), h)).times(1 / Math.sqrt(D));
    }
    Value[] weights = softmax(scores);
    for (int j = h * D; j < (h + 1) * D; j++) {
      Value[] column = new Value[T];
      for (int t = 0; t < T; t++) {
        column[t] = values.get(t)[j];
      }
      out[j] = dot(weights, column);
    }
  }

  private static Value[] part(Value[] x, int h) {
    return Arrays.copyOfRange(x, h * D, (h + 1) * D);
  }

  private static List<List<Value[]>> cache() {
    List<List<Value[]>> cache = new ArrayList<>();
    for (int i = 0; i < LAYERS; i++) {
      cache.add(new ArrayList<>());
    }
    return cache;
  }

  // ---- training and sampling -------------------------------------------------------------------

  private double train(int step) {
    String name = documents.get(step % documents.size());
    List<Integer> ids = new ArrayList<>(List.of(bos));
    name.codePoints().forEach(c -> ids.add(Arrays.binarySearch(characters, c)));
    ids.add(bos);
    int n = Math.min(BLOCK_SIZE, ids.size() - 1);
    List<List<Value[]>> keys = cache();
    List<List<Value[]>> values = cache();
    Value loss = null;
    for (int t = 0; t < n; t++) {
      Value[] chances = softmax(logits(ids.get(t), t, keys, values));
      Value one = chances[ids.get(t + 1)].log().times(-1);
      loss = loss == null ? one : loss.plus(one);
    }
    loss = loss.times(1.0 / n);
    loss.backward();
    double rate = LEARNING_RATE * (1 - (double) step / steps);
    for (Value weight : weights) {
      weight.m = BETA1 * weight.m + (1 - BETA1) * weight.grad;
      weight.v = BETA2 * weight.v + (1 - BETA2) * weight.grad * weight.grad;
      double mean = weight.m / (1 - Math.pow(BETA1, step + 1));
      double square = weight.v / (1 - Math.pow(BETA2, step + 1));
      weight.data -= rate * mean / (Math.sqrt(square) + EPSILON);
      weight.grad = 0;
    }
    return loss.data;
  }

  private String sample() {
    StringBuilder name = new StringBuilder();
    List<List<Value[]>> keys = cache();
    List<List<Value[]>> values = cache();
    int token = bos;
    for (int t = 0; t < BLOCK_SIZE; t++) {
      Value[] scaled = each(logits(token, t, keys, values), x -> x.times(1 / TEMPERATURE));
      token = choose(softmax(scaled));
      if (token == bos) {
        break;
      }
      name.appendCodePoint(characters[token]);
    }
    Value.TAPE.clear();
    return name.toString();
  }

  private int choose(Value[] chances) {
    double[] sums = new double[chances.length];
    double sum = 0;
    for (int i = 0; i < sums.length; i++) {
      sum += chances[i].data;
      sums[i] = sum;
    }
    double drawn = random.next() * sum;
    int token = 0;
    while (token < sums.length - 1 && sums[token] <= drawn) {
      token++;
    }
    return token;
  }

  /** Trains on the names of a file, a name a line, and prints new ones. */
  public static void main(String[] arguments) throws IOException {
    String file = arguments.length > 0 ? arguments[0] : "pygpt/data/names.txt";
    List<String> names =
        Files.readAllLines(Path.of(file)).stream()
            .map(String::strip)
            .filter(name -> !name.isEmpty())
            .collect(Collectors.toList());
    int steps = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 1000;
    Microgpt model = new Microgpt(names, steps);
    for (int step = 0; step < steps; step++) {
      double loss = model.train(step);
      if (step % 100 == 0) {
        System.err.printf("step %4d / %d  loss %.4f%n", step + 1, steps, loss);
      }
    }
    for (int i = 0; i < NAMES; i++) {
      System.out.println(model.sample());
    }
  }

  /** CPython's {@code random.Random}: MT19937, and what it makes of its numbers. */
  private static final class MersenneTwister {
    private static final int SIZE = 624;

    private final int[] state = new int[SIZE];
    private int at = SIZE;
    private double kept = Double.NaN; // normal numbers come in pairs

    MersenneTwister(int seed) {
      state[0] = 19650218;
      for (int i = 1; i < SIZE; i++) {
        state[i] = 1812433253 * (state[i - 1] ^ state[i - 1] >>> 30) + i;
      }
      int i = 1;
      for (int k = 0; k < SIZE; k++) {
        state[i] = (state[i] ^ (state[i - 1] ^ state[i - 1] >>> 30) * 1664525) + seed;
        i = wrapped(i + 1);
      }
      for (int k = 1; k < SIZE; k++) {
        state[i] = (state[i] ^ (state[i - 1] ^ state[i - 1] >>> 30) * 1566083941) - i;
        i = wrapped(i + 1);
      }
      state[0] = 0x80000000;
    }

    private int wrapped(int i) {
      if (i < SIZE) {
        return i;
      }
      state[0] = state[SIZE - 1];
      return 1;
    }

    private int bits() {
      if (at == SIZE) {
        for (int i = 0; i < SIZE; i++) {
          int y = state[i] & 0x80000000 | state[(i + 1) % SIZE] & 0x7fffffff;
          state[i] = state[(i + 397) % SIZE] ^ y >>> 1 ^ ((y & 1) == 0 ? 0 : 0x9908b0df);
        }
        at = 0;
      }
      int y = state[at++];
      y ^= y >>> 11;
      y ^= y << 7 & 0x9d2c5680;
      y ^= y << 15 & 0xefc60000;
      return y ^ y >>> 18;
    }

    /** A number in [0, 1). */
    double next() {
      long high = bits() >>> 5;
      long low = bits() >>> 6;
      return (high * 67108864.0 + low) / 9007199254740992.0;
    }

    /** A whole number in [0, bound). */
    int below(int bound) {
      int count = 32 - Integer.numberOfLeadingZeros(bound);
      int drawn = bits() >>> 32 - count;
      while (drawn >= bound) {
        drawn = bits() >>> 32 - count;
      }
      return drawn;
    }

    /** A number of the standard normal distribution. */
    double gauss() {
      double number = kept;
      kept = Double.NaN;
      if (Double.isNaN(number)) {
        double angle = next() * 2 * Math.PI;
        double radius = Math.sqrt(-2 * Math.log(1 - next()));
        number = Math.cos(angle) * radius;
        kept = Math.sin(angle) * radius;
      }
      return number;
    }
  }
}
