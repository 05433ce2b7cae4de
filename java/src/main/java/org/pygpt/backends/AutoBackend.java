package org.pygpt.backends;

import java.math.BigInteger;
import org.pygpt.kernels.cuda.CudaException;
import org.pygpt.kernels.cuda.CudaKernels;

/**
 * What backend {@code auto} is for a model, by a rule that is careful and not measured: {@code
 * cuda} where there is a card that can be used, the model has at least {@link #LEAST_WEIGHTS}
 * weights, and four times its weights in float32 (weights, gradients, two moments) are free on the
 * card; else {@code cpu}.
 *
 * @param backend the name of the backend
 * @param why in a few words, for the log
 */
public record AutoBackend(String backend, String why) {
  /** The name that users choose it by. */
  public static final String NAME = "auto";

  /**
   * So many weights are 60 million operations a token of training and 40 MB read a token of
   * generation: far above what starting some hundred kernels costs, whatever the card.
   */
  static final long LEAST_WEIGHTS = 10_000_000;

  private static final long BYTES_A_WEIGHT = 16;

  /** The backend for a model of so many weights. */
  public static AutoBackend choose(long weights) {
    if (weights < LEAST_WEIGHTS) {
      String why = String.format("%,d weights are few (cuda from %,d on)", weights, LEAST_WEIGHTS);
      return new AutoBackend("cpu", why);
    }
    try {
      long free = CudaKernels.freeBytes(0);
      if (free / BYTES_A_WEIGHT < weights) {
        String why = String.format("%,d bytes are free on the card", free);
        return new AutoBackend("cpu", why);
      }
      return new AutoBackend("cuda", "a card is there, and the model is large enough");
    } catch (CudaException error) {
      return new AutoBackend("cpu", error.getMessage().replaceFirst("; use backend cpu$", ""));
    }
  }

  /** The name itself, or for {@code auto} that of the backend for a model of so many weights. */
  public static String resolve(String name, BigInteger weights) {
    long known = weights.min(BigInteger.valueOf(Long.MAX_VALUE)).longValue();
    return name.equals(NAME) ? choose(known).backend : name;
  }
}
