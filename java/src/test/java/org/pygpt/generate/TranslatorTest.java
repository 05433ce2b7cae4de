package org.pygpt.generate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pygpt.support.Tolerances.FLOAT64;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.graph.Step;
import org.pygpt.model.EncoderDecoder;
import org.pygpt.model.EncoderDecoderConfig;
import org.pygpt.model.PairSession;
import org.pygpt.tensor.DType;

/** Cached generation beside the whole model, run again for each token. */
class TranslatorTest {
  private static final int V = 6;
  private static final int BOUND = V - 1; // begins and ends a target
  private static final int MOST = 9;
  private static final List<int[]> SOURCES = new ArrayList<>();

  static {
    Random random = new Random(3);
    for (int i = 0; i < 21; i++) {
      SOURCES.add(random.ints(1 + i % 5, 0, 7).toArray());
    }
  }

  private final EncoderDecoder model =
      EncoderDecoder.create(config("sinusoidal"), "plain", DType.FLOAT64, 0);

  private static EncoderDecoderConfig config(String positions) {
    return EncoderDecoderConfig.ofJson(
        """
        {"source_block_size": 5, "target_block_size": 9, "source_vocab_size": 7,
        "target_vocab_size": 6, "n_encoder_layer": 1, "n_decoder_layer": 2, "n_head": 2,
        "n_embd": 8, "n_inner": 8, "dropout": 0, "bias": true, "norm": "layernorm",
        "norm_order": "pre", "final_norm": true, "activation": "relu", "positions": "%s",
        "rope_theta": 10000, "scale_embedding": true, "tie_weights": true, "norm_eps": 1e-5}
        """
            .formatted(positions));
  }

  private static void draw(EncoderDecoder model) {
    Random random = new Random(11);
    model
        .weights()
        .views()
        .forEach((_, weight) -> {
          for (int row = 0; row < weight.rows(); row++) {
            weight.writeRow(row, random.doubles(weight.columns(), -0.6, 0.6).toArray());
          }
        });
  }

  private static TranslateOptions options(int beams, double penalty) {
    return new TranslateOptions(SamplingOptions.GREEDY, beams, penalty, MOST, BOUND, BOUND, 1);
  }

  @AfterEach
  void close() {
    model.close();
  }

  /** Log-probabilities of what follows a target, computed anew. */
  private static double[] next(PairSession session, int[] source, int[] target, int length) {
    int[] read = new int[length + 1];
    read[0] = BOUND;
    System.arraycopy(target, 0, read, 1, length);
    session.setSources(source);
    session.setTargets(read);
    session.forward(Step.forward(1, length + 1).from(source.length, null));
    double[] logits = new double[V];
    session.logits().readRow(length, logits);
    double max = Arrays.stream(logits).max().orElseThrow();
    double sum = Arrays.stream(logits).map(x -> Math.exp(x - max)).sum();
    return Arrays.stream(logits).map(x -> x - max - Math.log(sum)).toArray();
  }

  @ParameterizedTest
  @ValueSource(strings = {"sinusoidal", "learned", "rotary"})
  void theLikeliestTokensAreThoseOfTheWholeModel(String positions) {
    try (EncoderDecoder model =
            EncoderDecoder.create(config(positions), "plain", DType.FLOAT64, 0);
        PairSession session = model.evaluation(1, 5, MOST);
        Translator translator = new Translator(model)) {
      draw(model);
      List<Translation> results = translator.translate(SOURCES, options(1, 1));
      for (int i = 0; i < SOURCES.size(); i++) {
        int[] target = new int[MOST];
        int length = 0;
        double total = 0;
        boolean ended = false;
        while (!ended && length < MOST) {
          double[] values = next(session, SOURCES.get(i), target, length);
          int best = 0;
          for (int v = 1; v < V; v++) {
            best = values[v] > values[best] ? v : best;
          }
          total += values[best];
          ended = best == BOUND;
          if (!ended) {
            target[length++] = best;
          }
        }
        assertArrayEquals(Arrays.copyOf(target, length), results.get(i).tokens());
        assertEquals(ended, results.get(i).ended());
        assertEquals(total, results.get(i).logProbability(), FLOAT64);
      }
    }
  }

  /** The best ended target of up to some length, by trying all of them. */
  private static Translation best(PairSession session, int[] source, int[] target, int length) {
    double[] values = next(session, source, target, length);
    Translation best = new Translation(Arrays.copyOf(target, length), true, values[BOUND]);
    for (int v = 0; v < BOUND && length < 3; v++) {
      target[length] = v;
      Translation longer = best(session, source, target.clone(), length + 1);
      double total = values[v] + longer.logProbability();
      if (total > best.logProbability()) {
        best = new Translation(longer.tokens(), true, total);
      }
    }
    return best;
  }

  @Test
  void beamsFindWhatTryingAllFinds() {
    draw(model);
    model.weights().get("decoder.ln_f.bias").writeRow(0, new double[8]);
    try (PairSession session = model.evaluation(1, 5, MOST);
        Translator translator = new Translator(model)) {
      TranslateOptions options =
          new TranslateOptions(SamplingOptions.GREEDY, 8, 0, 4, BOUND, BOUND, 1);
      for (int[] source : SOURCES.subList(0, 5)) {
        Translation expected = best(session, source, new int[MOST], 0);
        Translation got = translator.translate(List.of(source), options).getFirst();
        if (got.ended()) { // all of them tried end
          assertArrayEquals(expected.tokens(), got.tokens());
          assertEquals(expected.logProbability(), got.logProbability(), FLOAT64);
        }
        Translation greedy = translator.translate(List.of(source), options(1, 0)).getFirst();
        assertTrue(!greedy.ended() || got.logProbability() >= greedy.logProbability() - FLOAT64);
      }
    }
  }

  @Test
  void drawnTokensDependOnSeedAndPlaceAlone() {
    draw(model);
    SamplingOptions drawn = new SamplingOptions(1, 0, 1, 0, 1);
    try (Translator translator = new Translator(model)) {
      TranslateOptions options = new TranslateOptions(drawn, 1, 1, MOST, BOUND, BOUND, 7);
      List<Translation> all = translator.translate(SOURCES, options);
      List<Translation> again = translator.translate(SOURCES, options);
      TranslateOptions third = new TranslateOptions(drawn, 1, 1, MOST, BOUND, BOUND, 9);
      Translation alone = translator.translate(SOURCES.subList(2, 3), third).getFirst();
      for (int i = 0; i < SOURCES.size(); i++) {
        assertArrayEquals(all.get(i).tokens(), again.get(i).tokens());
      }
      assertArrayEquals(all.get(2).tokens(), alone.tokens());
      assertEquals(all.get(2).logProbability(), alone.logProbability(), 0);
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    try (Translator translator = new Translator(model)) {
      List<int[]> tooLong = List.of(new int[6]);
      assertThrows(
          IllegalArgumentException.class, () -> translator.translate(tooLong, options(1, 1)));
      List<int[]> unknown = List.of(new int[] {7});
      assertThrows(
          IllegalArgumentException.class, () -> translator.translate(unknown, options(1, 1)));
      assertThrows(IllegalArgumentException.class, () -> options(9, 1));
    }
  }
}
