package org.pygpt.network;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.pygpt.tensor.ClosedException;

class NetworkTest {
  private static final double[][] X = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
  private static final double[][] Y = {{0}, {1}, {1}, {0}};

  private static Network.Builder builder() {
    return Network.builder()
        .inputs(2)
        .dense(8, "tanh")
        .dense(1, "sigmoid")
        .loss("binary_cross_entropy")
        .optimizer("adam")
        .learningRate(0.05);
  }

  @Test
  void learnsExclusiveOr() {
    try (Network network = builder().build()) {
      double[] losses = network.fit(X, Y, 200);
      assertEquals(200, losses.length);
      assertTrue(losses[199] < losses[0] / 10);
      assertEquals(1, network.score(X, Y));
      double[][] said = network.predict(X);
      assertEquals(4, said.length);
      assertTrue(said[1][0] > 0.9 && said[3][0] < 0.1);
    }
  }

  @Test
  void sameSeedSameBits() {
    try (Network one = builder().seed(3).build();
        Network two = builder().seed(3).build()) {
      assertArrayEquals(one.fit(X, Y, 20), two.fit(X, Y, 20));
    }
  }

  @Test
  void refusesWhatCannotBe() {
    assertMessage("network: expected at least 1 input", () -> Network.builder().build());
    assertMessage("activation: expected sigmoid", () -> builder().dense(1, "relu").build());
    assertMessage(
        "activation: expected softmax in",
        () -> builder().dense(1, "softmax").dense(1, "sigmoid").build());
    assertMessage("loss: expected one of mse", () -> builder().loss("hinge").build());
    assertMessage("optimizer: expected one of sgd", () -> builder().optimizer("lion").build());
    assertMessage("activation: expected one without", () -> new Dense(1, "swiglu"));
    assertMessage("units: expected at least 1", () -> new Dense(0));
    Network closed;
    try (Network network = builder().build()) {
      assertMessage("x: expected rows of 2", () -> network.predict(new double[][] {{1}}));
      assertMessage("y: expected 4 rows of 1", () -> network.fit(X, X, 1));
      closed = network;
    }
    assertThrows(ClosedException.class, () -> closed.predict(X));
  }

  private static void assertMessage(String start, Executable call) {
    String message = assertThrows(IllegalArgumentException.class, call).getMessage();
    assertTrue(message.startsWith(start), message);
  }
}
