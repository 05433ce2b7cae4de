package org.pygpt.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.pygpt.backends.Backend;
import org.pygpt.backends.MissingBackendException;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.cuda.CudaInfo;
import org.pygpt.tensor.DType;

/**
 * Checks backend cuda on a card, and then measures it: {@code CudaBench [--card N] [--only
 * check|speed] [--small] [--out FILE]}. It prints a line of JSON for each result as it comes, and
 * appends it to a file. It needs no library but CUDA's. The exit status is 1 if a check failed.
 */
public final class CudaBench {
  private CudaBench() {}

  /** Runs it. */
  public static void main(String[] arguments) {
    int card = 0;
    boolean small = false;
    String only = "";
    Path out = Path.of("cuda.jsonl");
    for (int i = 0; i < arguments.length; i++) {
      String name = arguments[i];
      if (name.equals("--small")) {
        small = true;
        continue;
      }
      if (i + 1 == arguments.length) {
        usage(name);
      }
      String value = arguments[++i];
      switch (name) {
        case "--card" -> card = Integer.parseInt(value);
        case "--only" -> only = value;
        case "--out" -> out = Path.of(value);
        default -> usage(name);
      }
    }
    if (!List.of("", "check", "speed").contains(only)) {
      usage("--only " + only);
    }
    System.exit(run(card, small, only, new Report(out)));
  }

  private static void usage(String got) {
    System.err.println(
        "CudaBench: expected [--card N] [--only check|speed] [--small] [--out FILE], got " + got);
    System.exit(2);
  }

  private static int run(int card, boolean small, String only, Report report) {
    CudaInfo.lines().forEach((name, value) -> report.line("info", name, "value", value));
    String backend = card == 0 ? "cuda" : "cuda:" + card;
    try (Kernels kernels = Backend.named(backend).kernels(DType.FLOAT32, 0)) {
      report.line("info", "card", "value", kernels.description());
      List<DType> dtypes = new ArrayList<>(List.of(DType.FLOAT32));
      try {
        kernels.requireBfloat16();
        dtypes.add(DType.BFLOAT16);
      } catch (IllegalArgumentException refusal) {
        report.line("info", "bfloat16", "value", refusal.getMessage());
      }
      if (!only.equals("speed")) {
        new CudaCheck(report, kernels, backend, small).run(dtypes);
      }
      if (!only.equals("check")) {
        new CudaSpeed(report, kernels, backend, small).run(dtypes);
      }
    } catch (MissingBackendException error) {
      System.err.println("CudaBench: " + error.getMessage());
      return 1;
    }
    report.line("end", report.failures() + " failures");
    return report.failures() == 0 ? 0 : 1;
  }
}
