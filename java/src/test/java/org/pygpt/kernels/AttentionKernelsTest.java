package org.pygpt.kernels;

import static org.pygpt.support.Tolerances.SUMS_OF_SUMS;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pygpt.backends.Backend;
import org.pygpt.tensor.Tensor;

/** Attention of every backend against the plain kernels. */
class AttentionKernelsTest extends KernelsTest {
  AttentionKernelsTest(Backend backend, int threads) {
    super(backend, threads);
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 0, 1, 1, 1",
    "1, 1, 16, 4, 4, 4",
    "2, 2, 0, 3, 3, 1",
    "3, 5, 0, 2, 1, 2",
    "1, 2, 5, 6, 2, 8",
    "2, 16, 0, 4, 4, 4",
    "2, 17, 0, 3, 3, 13",
    "1, 64, 0, 2, 2, 64",
    "3, 67, 0, 4, 2, 8",
    "1, 131, 0, 2, 1, 13",
    "1, 1, 66, 5, 1, 64",
    "1, 17, 50, 2, 1, 16",
    "1, 1, 1020, 6, 2, 37",
    "1, 1, 1200, 2, 1, 5",
    "1, 1, 2, 1, 1, 8209",
    "1, 1, 15, 3, 3, 64",
    "1, 64, 3, 4, 2, 64",
    "2, 67, 0, 3, 1, 64",
    "1, 131, 0, 2, 2, 31"
  })
  void attention(int B, int T, int past, int H, int kvHeads, int D) {
    for (boolean summed : NO_AND_YES) {
      compare(
          SUMS_OF_SUMS,
          "sums " + summed,
          (kernels, tensors) ->
              kernels.attention(
                  new AttentionSpec(B, T, past + T, H, kvHeads, true),
                  new Heads(
                      tensors.input(B * T, H * D),
                      tensors.input(B * T + past, kvHeads * D),
                      tensors.input(B * T + past, kvHeads * D)),
                  null,
                  tensors.output(B * T, H * D),
                  summed ? tensors.output(B * H, T) : null));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 1, 1",
    "2, 2, 3, 3, 1",
    "3, 5, 2, 1, 2",
    "2, 16, 4, 4, 4",
    "2, 17, 6, 2, 13",
    "1, 64, 2, 2, 64",
    "3, 67, 4, 2, 8",
    "1, 131, 2, 1, 13",
    "2, 67, 3, 1, 64",
    "1, 131, 4, 2, 31"
  })
  void attentionBackward(int B, int T, int H, int kvHeads, int D) {
    for (boolean dropped : NO_AND_YES) {
      compare(
          SUMS_OF_SUMS,
          "dropout " + dropped,
          (kernels, tensors) -> {
            DropoutMask mask = dropped ? new DropoutMask(0.2) : null;
            if (dropped) {
              mask.setKey(-987654321L);
            }
            // Columns of one packed tensor, as in the model.
            Tensor qkv = tensors.input(B * T, (H + 2 * kvHeads) * D);
            Tensor q = qkv.columns(0, H * D);
            Tensor k = qkv.columns(H * D, kvHeads * D);
            Tensor v = qkv.columns((H + kvHeads) * D, kvHeads * D);
            Tensor out = tensors.output(B * T, H * D);
            Tensor logsumexp = tensors.output(B * H, T);
            kernels.attention(
                new AttentionSpec(B, T, T, H, kvHeads, true),
                new Heads(q, k, v),
                mask,
                out,
                logsumexp);
            kernels.attentionBackward(
                AttentionSpec.causal(B, T, H, kvHeads),
                new Heads(q, k, v),
                mask,
                out,
                logsumexp,
                tensors.input(B * T, H * D),
                new Heads(
                    tensors.output(B * T, H * D),
                    tensors.output(B * T, kvHeads * D),
                    tensors.output(B * T, kvHeads * D)));
          });
    }
  }

  /** One sequence attends to another, or a sequence to itself in both directions. */
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 1, 1, 1, false",
    "2, 3, 5, 3, 1, 7, false",
    "3, 17, 5, 4, 2, 13, false",
    "2, 67, 31, 3, 3, 16, false",
    "1, 31, 131, 2, 1, 64, false",
    "2, 64, 64, 4, 4, 64, false",
    "2, 17, 17, 6, 2, 37, false",
    "2, 3, 7, 3, 1, 5, true",
    "3, 17, 67, 4, 2, 8, true",
    "2, 31, 131, 2, 2, 64, true",
    "2, 67, 131, 4, 2, 64, true",
    "2, 67, 131, 2, 1, 64, false",
    "3, 1, 67, 2, 1, 64, false"
  })
  void attentionToOtherKeys(
      int B, int queries, int keys, int H, int kvHeads, int D, boolean causal) {
    AttentionSpec spec = new AttentionSpec(B, queries, keys, H, kvHeads, causal);
    for (boolean dropped : NO_AND_YES) {
      compare(
          SUMS_OF_SUMS,
          "dropout " + dropped,
          (kernels, tensors) -> {
            DropoutMask mask = dropped ? new DropoutMask(0.2) : null;
            if (dropped) {
              mask.setKey(-987654321L);
            }
            Tensor packed = tensors.input(B * keys, 2 * kvHeads * D); // keys beside values
            Heads in =
                new Heads(
                    tensors.input(B * queries, H * D),
                    packed.columns(0, kvHeads * D),
                    packed.columns(kvHeads * D, kvHeads * D));
            Tensor out = tensors.output(B * queries, H * D);
            Tensor logsumexp = tensors.output(B * H, queries);
            kernels.attention(spec, in, mask, out, logsumexp);
            Heads gradients =
                new Heads(
                    tensors.output(B * queries, H * D),
                    tensors.output(B * keys, kvHeads * D),
                    tensors.output(B * keys, kvHeads * D));
            Tensor dOut = tensors.input(B * queries, H * D);
            kernels.attentionBackward(spec, in, mask, out, logsumexp, dOut, gradients);
          });
    }
  }

  /** Keys beyond a sequence's length are padding, which gets no gradient. */
  @ParameterizedTest
  @CsvSource({"3, 5, 17, 4, 2, 13", "2, 67, 67, 2, 2, 64", "3, 3, 7, 1, 1, 261"})
  void paddingIsNotAttendedTo(int B, int queries, int keys, int H, int kvHeads, int D) {
    int[] lengths = {keys - 2, 1, keys};
    AttentionSpec spec =
        new AttentionSpec(B, queries, keys, H, kvHeads, false, ScoreSpec.PLAIN, lengths);
    compare(
        SUMS_OF_SUMS,
        "lengths",
        (kernels, tensors) -> {
          Heads in =
              new Heads(
                  tensors.input(B * queries, H * D),
                  tensors.input(B * keys, kvHeads * D),
                  tensors.input(B * keys, kvHeads * D));
          Tensor out = tensors.output(B * queries, H * D);
          Tensor logsumexp = tensors.output(B * H, queries);
          kernels.attention(spec, in, null, out, logsumexp);
          Heads gradients =
              new Heads(
                  tensors.output(B * queries, H * D),
                  tensors.output(B * keys, kvHeads * D),
                  tensors.output(B * keys, kvHeads * D));
          Tensor dOut = tensors.input(B * queries, H * D);
          kernels.attentionBackward(spec, in, null, out, logsumexp, dOut, gradients);
        });
  }

  /**
   * Windows, caps, slopes of distance and scales, on long and short heads, with and without past.
   */
  @ParameterizedTest
  @CsvSource({
    "2, 7, 0, 3, 1, 5, 3, 0, 0, 0",
    "2, 67, 0, 4, 2, 8, 17, 0, 0, 0.3",
    "1, 131, 0, 2, 1, 64, 20, 0, 0, 0",
    "1, 131, 7, 2, 1, 64, 1, 0, 0, 0",
    "2, 17, 5, 6, 2, 13, 0, 2.5, 0, 0",
    "2, 67, 0, 2, 2, 64, 0, 1.5, 0, 0.4",
    "2, 17, 3, 6, 2, 13, 0, 0, 8, 0",
    "1, 131, 0, 5, 5, 64, 0, 0, 4, 0",
    "1, 67, 11, 3, 1, 48, 9, 2, 8, 0.7",
    "2, 1, 66, 3, 1, 64, 9, 2, 8, 0",
    "2, 1, 3, 3, 3, 5, 2, 2, 8, 0"
  })
  void shapedScores(
      int B, int T, int past, int H, int K, int D, int window, double cap, double alibi, double s) {
    ScoreSpec scores = new ScoreSpec(s, cap, window, alibi);
    AttentionSpec spec = new AttentionSpec(B, T, past + T, H, K, true, scores);
    compare(
        SUMS_OF_SUMS,
        "forward and backward",
        (kernels, tensors) -> {
          int keys = B * (past + T);
          Heads in =
              new Heads(
                  tensors.input(B * T, H * D),
                  tensors.input(keys, K * D),
                  tensors.input(keys, K * D));
          Tensor out = tensors.output(B * T, H * D);
          Tensor logsumexp = tensors.output(B * H, T);
          kernels.attention(spec, in, null, out, logsumexp);
          Heads gradients =
              new Heads(
                  tensors.output(B * T, H * D),
                  tensors.output(keys, K * D),
                  tensors.output(keys, K * D));
          Tensor dOut = tensors.input(B * T, H * D);
          kernels.attentionBackward(spec, in, null, out, logsumexp, dOut, gradients);
        });
  }

  @Test
  void attentionOfLargeScores() {
    compare(
        100 * SUMS_OF_SUMS, // scores of some 300 have an error of 300 u, and so has their
        // exponential
        "deviation 10",
        (kernels, tensors) ->
            kernels.attention(
                new AttentionSpec(1, 17, 17, 3, 3, true),
                new Heads(
                    tensors.input(17, 21, 0, 10),
                    tensors.input(17, 21, 0, 10),
                    tensors.input(17, 21)),
                null,
                tensors.output(17, 21),
                tensors.output(3, 17)));
  }
}
