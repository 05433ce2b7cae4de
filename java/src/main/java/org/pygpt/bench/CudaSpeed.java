package org.pygpt.bench;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.pygpt.generate.Generator;
import org.pygpt.generate.Request;
import org.pygpt.generate.SamplingOptions;
import org.pygpt.generate.Sequence;
import org.pygpt.kernels.Activation;
import org.pygpt.kernels.AdamStep;
import org.pygpt.kernels.AttentionSpec;
import org.pygpt.kernels.CrossEntropy;
import org.pygpt.kernels.Gradient;
import org.pygpt.kernels.Heads;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.MatMul;
import org.pygpt.kernels.Norm;
import org.pygpt.kernels.NormSpec;
import org.pygpt.kernels.Residual;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.model.Layout;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.Tensor;
import org.pygpt.train.AdamW;
import org.pygpt.train.Training;

/**
 * How fast a card is: kernels that only stream memory, as a share of a large copy's rate; products;
 * attention; training of GPT-2; generation. Times are of calls one after another, up to the end of
 * the last one's work.
 */
final class CudaSpeed {
  private static final double GIGA = 1e9;
  private static final double SECONDS_OF_AN_ITEM = 0.3;
  private static final AdamStep ADAM = new AdamStep(1e-9, 0.9, 0.95, 1e-8, 0.1, 1.5, 2.5, 0.25);

  private final Report report;
  private final Kernels kernels;
  private final String backend;
  private final boolean small;
  private final int rows; // of activations: tokens of a batch
  private final int C;
  private final int V;
  private double copyRate; // bytes a second

  CudaSpeed(Report report, Kernels kernels, String backend, boolean small) {
    this.report = report;
    this.kernels = kernels;
    this.backend = backend;
    this.small = small;
    C = small ? 32 : 768;
    V = small ? 67 : 50257;
    long most = kernels.device().freeBytes() / (40L * 4 * 4 * C);
    rows = small ? 64 : (int) Math.min(65536, Long.highestOneBit(most));
  }

  void run(List<DType> dtypes) {
    report.part("copy", this::copy);
    for (DType dtype : dtypes) {
      report.part("streams", () -> streams(dtype));
      report.part("products", () -> products(dtype));
      report.part("attention", () -> attention(dtype));
      report.part("training", () -> training(dtype));
    }
    report.part("optimizer", this::optimizer);
    for (boolean rounded : new boolean[] {false, true}) {
      report.part("generation", () -> generation(rounded));
    }
  }

  /** Seconds a call, when all of it is done. */
  private double seconds(Tensor any, Runnable call) {
    double[] one = new double[1];
    long start = System.nanoTime();
    call.run();
    any.readRow(0, one); // waits
    int calls = small ? 1 : 2;
    for (int round = 0; ; round++) {
      start = System.nanoTime();
      for (int i = 0; i < calls; i++) {
        call.run();
      }
      any.readRow(0, one);
      double all = (System.nanoTime() - start) / GIGA;
      if (round > 0 && (small || all >= SECONDS_OF_AN_ITEM)) {
        return all / calls;
      }
      calls = small ? 1 : (int) Math.clamp(calls * SECONDS_OF_AN_ITEM / all * 1.2, calls, 10_000);
    }
  }

  private void stream(String what, DType dtype, double bytes, double seconds) {
    double rate = bytes / seconds;
    report.line(
        "stream",
        what,
        "dtype",
        dtype.toString(),
        "us",
        round(seconds * 1e6),
        "gb_per_s",
        round(rate / GIGA),
        "share_of_copy",
        round(rate / copyRate));
  }

  private static double round(double value) {
    return new BigDecimal(value).round(new MathContext(4)).doubleValue();
  }

  private void copy() {
    try (Pair pair = new Pair(kernels.device())) {
      Tensor from = pair.zeros(DType.FLOAT32, rows, 4 * C);
      Tensor to = pair.zeros(DType.FLOAT32, rows, 4 * C);
      double seconds = seconds(to, () -> kernels.copy(rows, from, to, 0));
      copyRate = 2.0 * 4 * rows * 4 * C / seconds;
      stream("copy", DType.FLOAT32, copyRate * seconds, seconds);
    }
  }

  private void streams(DType dtype) {
    long width = dtype.bytes();
    double element = (double) rows * C;
    try (Pair pair = new Pair(kernels.device())) {
      Tensor weight = pair.normal(DType.FLOAT32, 1, 4 * C);
      Tensor few = weight.columns(0, C);
      Tensor x = pair.zeros(DType.FLOAT32, rows, C);
      Tensor branch = pair.zeros(dtype, rows, C);
      Tensor out = pair.zeros(dtype, rows, C);
      Tensor statistics = pair.zeros(DType.FLOAT32, rows, 2);
      Norm norm = new Norm(new NormSpec(true, 1e-5), few, few);
      Residual residual = new Residual(x, branch, few, x);
      stream(
          "residual and norm",
          dtype,
          element * (4 * 3 + 2 * width),
          seconds(out, () -> kernels.residualNorm(rows, residual, norm, out, statistics)));
      Gradient dX = Gradient.of(x, true);
      Gradient dWeight = Gradient.of(pair.zeros(DType.FLOAT32, 1, C), false);
      Gradient dBias = Gradient.of(pair.zeros(DType.FLOAT32, 1, C), false);
      stream(
          "norm, backward",
          dtype,
          element * (4 * 4 + 3 * width),
          seconds(
              out, () -> kernels.normBackward(rows, norm, out, x, statistics, dX, dWeight, dBias)));
      Tensor hidden = pair.zeros(dtype, rows, 4 * C);
      Tensor active = pair.zeros(dtype, rows, 4 * C);
      Activation gelu = Activation.GELU;
      stream(
          "GELU",
          dtype,
          4 * element * 2 * width,
          seconds(out, () -> kernels.activation(gelu, rows, hidden, weight, active)));
      Gradient dInner = Gradient.of(pair.zeros(DType.FLOAT32, 1, 4 * C), false);
      stream(
          "GELU, backward",
          dtype,
          4 * element * 4 * width,
          seconds(
              out,
              () ->
                  kernels.activationBackward(gelu, rows, hidden, weight, active, active, dInner)));
    }
    int scored = Math.max(1, rows / 8);
    try (Pair pair = new Pair(kernels.device())) {
      Tensor logits = pair.zeros(dtype, scored, V);
      CrossEntropy mean = CrossEntropy.mean(pair.ids(scored, V), logits);
      stream(
          "cross-entropy in place",
          dtype,
          (double) scored * V * 3 * width,
          seconds(logits, () -> kernels.crossEntropy(scored, logits, mean)));
    }
  }

  private void optimizer() {
    int length = small ? 1000 : (int) Math.min(124_000_000, kernels.device().freeBytes() / 40);
    try (Pair pair = new Pair(kernels.device())) {
      Flat[] arrays = new Flat[4];
      for (int i = 0; i < arrays.length; i++) {
        arrays[i] = pair.zeros(DType.FLOAT32, 1, length).flat(length);
      }
      Tensor any = pair.zeros(DType.FLOAT32, 1, 1);
      stream(
          "AdamW",
          DType.FLOAT32,
          28.0 * length,
          seconds(any, () -> kernels.adamW(ADAM, arrays[0], arrays[1], arrays[2], arrays[3])));
      stream(
          "sum of squares",
          DType.FLOAT32,
          4.0 * length,
          seconds(any, () -> kernels.sumOfSquares(arrays[0])));
    }
  }

  private void products(DType dtype) {
    int square = small ? 32 : 8192;
    int[][] shapes = {
      {rows, 3 * C, C},
      {rows, C, C},
      {rows, 4 * C, C},
      {rows, C, 4 * C},
      {Math.max(1, rows / 8), V, C},
      {square, square, square}
    };
    for (int[] s : shapes) {
      try (Pair pair = new Pair(kernels.device())) {
        Tensor a = pair.zeros(dtype, s[0], s[2]);
        Tensor b = pair.zeros(dtype, s[2], s[1]);
        Tensor c = pair.zeros(dtype, s[0], s[1]);
        MatMul product = new MatMul(s[0], s[1], s[2], false, false, false);
        double seconds = seconds(c, () -> kernels.gemm(product, a, b, c));
        report.line(
            "product",
            s[0] + " x " + s[1] + " x " + s[2],
            "dtype",
            dtype.toString(),
            "us",
            round(seconds * 1e6),
            "tflops",
            round(2.0 * s[0] * s[1] * s[2] / seconds / 1e12));
      }
    }
  }

  private void attention(DType dtype) {
    int T = small ? 32 : 1024;
    int H = small ? 2 : 12;
    int D = small ? 16 : 64;
    int B = Math.max(1, Math.min(16, rows / T));
    try (Pair pair = new Pair(kernels.device())) {
      AttentionSpec spec = AttentionSpec.causal(B, T, H, H);
      Heads in = Heads.packed(pair.zeros(dtype, B * T, 3 * H * D), H, H);
      Heads gradients = Heads.packed(pair.zeros(dtype, B * T, 3 * H * D), H, H);
      Tensor out = pair.zeros(dtype, B * T, H * D);
      Tensor dOut = pair.zeros(dtype, B * T, H * D);
      Tensor sums = pair.zeros(DType.FLOAT32, B * H, T);
      double operations = 2.0 * B * H * T * T * D; // causal: half of two products
      for (boolean backward : new boolean[] {false, true}) {
        double seconds =
            seconds(
                out,
                () -> {
                  if (backward) {
                    kernels.attentionBackward(spec, in, null, out, sums, dOut, gradients);
                  } else {
                    kernels.attention(spec, in, null, out, sums);
                  }
                });
        report.line(
            "attention",
            backward ? "backward" : "forward",
            "shape",
            List.of(B, T, H, D),
            "dtype",
            dtype.toString(),
            "us",
            round(seconds * 1e6),
            "tflops",
            round(operations * (backward ? 2.5 : 1) / seconds / 1e12));
      }
    }
  }

  private GPTConfig gpt2() {
    return small ? GPTConfig.gpt2(32, 67, 1, 2, 32) : GPTConfig.gpt2(1024, 50257, 12, 12, 768);
  }

  private void training(DType dtype) {
    GPTConfig config = gpt2();
    int T = config.blockSize();
    try (GPT model = GPT.create(config, backend, DType.FLOAT32, 0)) {
      model.initialize(1);
      Layout layout = model.weights().layout();
      long weights = layout.weights().stream().mapToLong(Layout.Weight::size).sum();
      long state = 18 * weights;
      int B = small ? 2 : 64;
      long free = kernels.device().freeBytes() / 10 * 9;
      while (B > 1 && state + model.activationBytes(B, T, layout, dtype) > free) {
        B /= 2;
      }
      try (Training training = new Training(model, B, T, AdamW.NANOGPT, layout, dtype)) {
        Random random = new Random(1);
        int steps = small ? 1 : 10;
        double loss = 0;
        long start = 0;
        for (int step = -steps / 3 - 1; step < steps; step++) {
          if (step == 0) {
            model.weights().get("ln_f.bias").readRow(0, new double[1]); // waits
            start = System.nanoTime();
          }
          int[] ids = random.ints((long) B * T + 1, 0, config.vocabSize()).toArray();
          int[] next = Arrays.copyOfRange(ids, 1, ids.length);
          training.setBatch(ids, next, B, T);
          loss = training.backward(B, T);
          training.update(1e-4);
        }
        model.weights().get("ln_f.bias").readRow(0, new double[1]);
        double seconds = (System.nanoTime() - start) / GIGA / steps;
        double perToken = 6.0 * weights + 6.0 * 12 * T * C;
        double rate = B * T / seconds;
        report.line(
            "training",
            "GPT-2",
            "weights",
            weights,
            "batch",
            List.of(B, T),
            "dtype",
            dtype.toString(),
            "ms_per_step",
            round(seconds * 1e3),
            "tokens_per_s",
            round(rate),
            "tflops",
            round(rate * perToken / 1e12),
            "loss",
            round(loss));
      }
    }
  }

  private void generation(boolean rounded) {
    int count = small ? 4 : 256;
    try (GPT model = GPT.create(gpt2(), backend, DType.FLOAT32, 0)) {
      model.initialize(1);
      if (rounded) {
        model.quantize("bfloat16");
      }
      double seconds = 0;
      for (int round = 0; round < 2; round++) {
        try (Generator generator = new Generator(model)) {
          Request request =
              Request.seeded(
                  new int[] {1, 2, 3}, count, SamplingOptions.GREEDY, new int[0], 0, round);
          Sequence sequence = generator.submit(request);
          generator.advance(); // reads the prompt
          long start = System.nanoTime();
          while (generator.advance()) {
            continue;
          }
          sequence.throwIfFailed();
          seconds = (System.nanoTime() - start) / GIGA / (count - 1);
        }
      }
      report.line(
          "generation",
          "GPT-2, one sequence",
          "weights",
          rounded ? "bfloat16" : "float32",
          "ms_per_token",
          round(seconds * 1e3),
          "tokens_per_s",
          round(1 / seconds));
    }
  }
}
