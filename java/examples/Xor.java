package examples;

import java.util.Arrays;
import org.pygpt.network.Network;

/**
 * A network of one's own: learns exclusive or.
 *
 * <pre>{@code
 * java @pygpt/data/java.flags -cp 'jbridge/jars/*' java/examples/Xor.java
 * }</pre>
 */
public final class Xor {
  private Xor() {}

  /** Trains it, prints its answers and how many of them are right. */
  public static void main(String... arguments) {
    double[][] x = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
    double[][] y = {{0}, {1}, {1}, {0}};
    try (Network network =
        Network.builder()
            .inputs(2)
            .dense(8, "tanh")
            .dense(1, "sigmoid")
            .loss("binary_cross_entropy")
            .optimizer("adam")
            .learningRate(0.05)
            .build()) {
      network.fit(x, y, 200);
      double[][] said = network.predict(x);
      for (int i = 0; i < x.length; i++) {
        System.out.println(Arrays.toString(x[i]) + " " + Math.round(said[i][0]));
      }
      System.out.println("right: " + network.score(x, y));
    }
  }
}
