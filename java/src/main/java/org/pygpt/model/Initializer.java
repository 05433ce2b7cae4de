package org.pygpt.model;

import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import java.util.stream.IntStream;
import org.pygpt.tensor.Tensor;

/**
 * First weights, as nanoGPT draws them: N(0, 0.02) for matrices, N(0, 0.02 / sqrt(n)) for the n
 * projections back to the residual stream (two in each layer of a GPT), so that its variance does
 * not grow with depth, 0 for biases and 1 for gains.
 *
 * <p>Each matrix has a generator of its own, seeded by the model's seed and its place, so that
 * matrices can be drawn in parallel.
 *
 * @see <a href="https://github.com/karpathy/nanoGPT/blob/master/model.py">nanoGPT</a>
 */
final class Initializer {
  private static final double STD = 0.02; // GPT-2's initializer_range

  private Initializer() {}

  static void initialize(Parameters weights, long seed) {
    List<Layout.Weight> layout = weights.layout().weights();
    long projections = layout.stream().filter(w -> w.role() == Layout.Role.PROJECTION).count();
    double residual = STD / Math.sqrt(projections);
    RandomGeneratorFactory<RandomGenerator.SplittableGenerator> factory =
        RandomGeneratorFactory.of("L64X128MixRandom");
    IntStream.range(0, layout.size())
        .parallel()
        .forEach(index -> {
          Layout.Weight weight = layout.get(index);
          Tensor tensor = weights.get(weight.name());
          RandomGenerator random = factory.create(seed * 0x9e3779b97f4a7c15L + index);
          switch (weight.role()) {
            case GAIN -> fill(tensor, 1);
            case BIAS -> fill(tensor, 0);
            case PROJECTION -> draw(tensor, residual, random);
            default -> draw(tensor, STD, random);
          }
        });
  }

  private static void fill(Tensor vector, double value) {
    double[] row = new double[vector.columns()];
    Arrays.fill(row, value);
    vector.writeRow(0, row);
  }

  private static void draw(Tensor matrix, double std, RandomGenerator random) {
    double[] drawn = new double[matrix.columns()];
    for (int row = 0; row < matrix.rows(); row++) {
      for (int c = 0; c < drawn.length; c++) {
        drawn[c] = std * random.nextGaussian();
      }
      matrix.writeRow(row, drawn);
    }
  }
}
