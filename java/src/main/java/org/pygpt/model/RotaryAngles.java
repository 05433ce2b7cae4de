package org.pygpt.model;

import org.pygpt.ops.Rotary;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Device;
import org.pygpt.tensor.Tensor;

/** Immutable: the rotary angles of a model's layers: one table, or one more for local layers. */
final class RotaryAngles implements AutoCloseable {
  private final GPTConfig config;
  private final Tensor global;
  private final Tensor local; // the same one unless local layers have a base of their own

  /** Computes the tables of a model with rotary positions. */
  RotaryAngles(Device device, DType dtype, GPTConfig config) {
    this.config = config;
    double theta = config.ropeTheta();
    RopeScaling scaling = new RopeScaling(config.variant().ropeScaling());
    int T = config.blockSize();
    double[] scaled = scaling.frequencies(frequencies(theta), theta, T);
    global = Rotary.angles(device, dtype, T, scaled, scaling.factor());
    double localTheta = config.variant().localRopeTheta();
    local = localTheta == 0 ? global : Rotary.angles(device, dtype, T, frequencies(localTheta), 1);
  }

  /** Number of elements of all tables. */
  static long size(GPTConfig config) {
    if (config.positions() != GPTConfig.Positions.ROTARY) {
      return 0;
    }
    int tables = config.variant().localRopeTheta() == 0 ? 1 : 2;
    return (long) tables * config.blockSize() * config.rotaryDim();
  }

  /** Those of a layer, (block_size, R); null for a layer without positions. */
  Tensor of(int layer) {
    Variant variant = config.variant();
    if (variant.unrotatedLayers().contains(layer)) {
      return null;
    }
    return variant.isWindowed(layer) ? local : global;
  }

  private double[] frequencies(double theta) {
    int odd = config.variant().rotaryDim() % 2; // exponents are of the columns as they are named
    double divisor = config.rotaryDim() - odd;
    double[] frequencies = new double[config.rotaryDim() / 2];
    for (int d = 0; d < frequencies.length; d++) {
      frequencies[d] = Math.pow(theta, -2.0 * d / divisor);
    }
    return frequencies;
  }

  @Override
  public void close() {
    global.memory().close();
    if (local != global) {
      local.memory().close();
    }
  }
}
