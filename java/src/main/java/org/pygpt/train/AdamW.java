package org.pygpt.train;

import org.pygpt.tensor.DType;

/**
 * Options of the optimizer: AdamW's, and whether {@link Muon} moves what it is for.
 *
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon added to the root of the second moment
 * @param weightDecay decoupled decay of matrices; vectors are not decayed
 * @param gradClip the largest norm of the gradient; 0 for no limit
 * @param muon whether Muon moves the matrices of the layers, and AdamW only the rest
 * @param moments what AdamW's moments are: float32, which stands for the weights' own dtype, or
 *     bfloat16, which is rounded at random (see {@link org.pygpt.kernels.Kernels#adamW})
 * @see <a href="https://arxiv.org/abs/1711.05101">Loshchilov and Hutter 2017</a>
 */
public record AdamW(
    double beta1,
    double beta2,
    double epsilon,
    double weightDecay,
    double gradClip,
    boolean muon,
    DType moments) {
  /** nanoGPT's. */
  public static final AdamW NANOGPT = new AdamW(0.9, 0.95, 1e-8, 0.1, 1);

  /** microgpt's plain Adam. */
  public static final AdamW MICROGPT = new AdamW(0.85, 0.99, 1e-8, 0, 0);

  /** Added to the norm before the limit is divided by it, as PyTorch does. */
  static final double CLIP_EPSILON = 1e-6;

  /** Moments of the weights' own dtype. */
  public AdamW(
      double beta1,
      double beta2,
      double epsilon,
      double weightDecay,
      double gradClip,
      boolean muon) {
    this(beta1, beta2, epsilon, weightDecay, gradClip, muon, DType.FLOAT32);
  }

  /** AdamW for all weights. */
  public AdamW(double beta1, double beta2, double epsilon, double weightDecay, double gradClip) {
    this(beta1, beta2, epsilon, weightDecay, gradClip, false);
  }

  /**
   * Checks the ranges.
   *
   * @throws IllegalArgumentException if a number is out of its range
   */
  public AdamW {
    require("beta1", "0 to below 1", beta1, beta1 >= 0 && beta1 < 1);
    require("beta2", "0 to below 1", beta2, beta2 >= 0 && beta2 < 1);
    require("epsilon", "more than 0", epsilon, epsilon > 0);
    require("weight_decay", "at least 0", weightDecay, weightDecay >= 0);
    require("grad_clip", "at least 0", gradClip, gradClip >= 0);
    boolean narrow = moments == DType.BFLOAT16;
    require("moments", "float32 or bfloat16", moments, narrow || moments == DType.FLOAT32);
    require("moments", "float32 where Muon moves weights", moments, !narrow || !muon);
  }

  /**
   * The dtype of the moments of weights of another.
   *
   * @throws IllegalArgumentException if they are to be bfloat16 and the weights are not float32
   */
  DType momentsOf(DType weights) {
    boolean narrow = moments == DType.BFLOAT16;
    String expected = "float32 where weights are " + weights;
    require("moments", expected, moments, !narrow || weights == DType.FLOAT32);
    return narrow ? moments : weights;
  }

  private static void require(String name, String expected, Object got, boolean met) {
    if (!met) {
      throw new IllegalArgumentException(name + ": expected " + expected + ", got " + got);
    }
  }
}
