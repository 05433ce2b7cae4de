package org.pygpt.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.pygpt.Trainer;
import org.pygpt.datasets.Dataset;
import org.pygpt.model.Layout;
import org.pygpt.model.ProductWeights;
import org.pygpt.runs.RunPlan;
import org.pygpt.runs.TrainConfig;
import org.pygpt.runs.TrainingRun;
import org.pygpt.tensor.DType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Trains a model from a preset or a TOML file, in a run's folder. */
@Command(
    name = "train",
    description = "train a model from a preset or a TOML file",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class TrainCommand implements Callable<Integer> {
  private static final long GRACE_MS = 1000; // for a step to end by itself after a signal
  private static final long SAME_MS = 500; // signals so close together are one

  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "PRESET|FILE.toml",
      description =
          "microgpt, makemore, shakespeare-char, gpt2, gpt2-medium, gpt2-large or gpt2-xl; or a"
              + " file with the tables [model], [train] and [data]")
  private String recipe;

  @Option(
      names = "--data",
      paramLabel = "DATA",
      description =
          "what to train on: text, JSON-lines, a folder of them, - for standard input, or a folder"
              + " of pygpt prepare (default: the preset's)")
  private String data;

  @Option(
      names = "--tokenizer",
      paramLabel = "TOKENIZER",
      description =
          "which tokenizer reads the text: char, gpt2, cl100k_base, a tokenizer.json or its folder")
  private String tokenizer;

  @Option(names = "--field", paramLabel = "TEXT", description = "the field with the text in JSON")
  private String field;

  @Option(
      names = "--format",
      paramLabel = "text|jsonl",
      description = "what the files are; without it what their names say, and else text")
  private String format;

  @Option(
      names = "--encoding",
      paramLabel = "TEXT",
      description = "the encoding of files without a byte order mark, such as cp1252")
  private String encoding;

  @Option(
      names = "--separator",
      paramLabel = "TEXT",
      description = "what stands between documents within a text, such as <|endoftext|>")
  private String separator;

  @Option(
      names = "--lines",
      description = "take each line of a text file as a document, not the whole file")
  private Boolean lines;

  @Option(names = "--no-lines", description = "take a text file as one document")
  private boolean noLines;

  @Option(names = "--dry-run", description = "show what would be trained, but write nothing")
  private boolean dryRun;

  @Option(
      names = "--out",
      paramLabel = "RUN",
      description = "the run's folder (default: runs/ and the name of preset or file)")
  private Path out;

  @Option(names = "--resume", description = "go on with the run from its last checkpoint")
  private boolean resume;

  @Option(
      names = "--backend",
      paramLabel = "cpu|nd4j|plain|cuda|auto",
      defaultValue = "cpu",
      description =
          "cpu is fast, cuda runs on an NVIDIA card, nd4j is ND4J's own operations, plain the"
              + " reference; auto is cuda where a card is and the model is large enough, else cpu")
  private String backend;

  @Option(
      names = "--threads",
      paramLabel = "N",
      defaultValue = "0",
      description = "how many threads backend cpu uses; 0: one per processor")
  private int threads;

  @Option(names = "--quiet", description = "print nothing but the result")
  private boolean quiet;

  @Override
  public Integer call() {
    if (dryRun && quiet) {
      throw new ParameterException(
          spec.commandLine(),
          "--quiet does not go with --dry-run, which shows and does nothing else");
    }
    try {
      Trainer.Builder builder = builder();
      if (!dryRun) {
        return train(builder);
      }
      try (RunPlan.Opened opened = builder.plan().open(true)) {
        describe(opened.model(), opened.config(), opened.data());
      }
      return 0;
    } catch (IllegalArgumentException error) {
      throw new IllegalArgumentException(FieldOptions.named(error.getMessage()), error);
    }
  }

  private Trainer.Builder builder() {
    Trainer.Builder builder = Trainer.of(recipe).out(out).backend(backend).threads(threads);
    Map<String, Object> from = new LinkedHashMap<>();
    from.put("source", data);
    from.put("tokenizer", tokenizer);
    from.put("field", field);
    from.put("format", format);
    from.put("encoding", encoding);
    from.put("separator", separator);
    from.put("lines", noLines ? Boolean.FALSE : lines);
    from.forEach((name, value) -> {
      if (value != null) {
        builder.data(name, value);
      }
    });
    FieldOptions.given(spec.commandLine().getParseResult()).forEach(builder::option);
    return resume ? builder.resume() : builder;
  }

  private int train(Trainer.Builder builder) {
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    TrainLines shown = new TrainLines(err, quiet);
    try (Trainer trainer = builder.listener(shown).open()) {
      TrainingRun run = trainer.run();
      if (!quiet) {
        describe(run.model(), trainer.config(), trainer.data());
      }
      int first = run.step();
      if (run.finished()) {
        out.printf(
            "nothing to do: %s ended after %,d steps; --max-iters and --patience say when%n",
            trainer.folder(), first);
        return 0;
      }
      if (resume && first == 0 && !quiet) {
        err.println("no checkpoint yet: this is the first step");
      }
      shown.begin(trainer);
      long began = System.nanoTime();
      int signal = fit(trainer, err);
      if (signal != 0 && !run.finished()) {
        if (run.step() > 0) {
          err.printf(
              "checkpoint after step %,d: %s; --resume goes on from there%n",
              run.step(), trainer.folder());
        }
        err.println("pygpt: " + (signal == 2 ? "interrupted" : "terminated"));
        return 128 + signal;
      }
      double seconds = (System.nanoTime() - began) / 1e9;
      String ended =
          run.step() == trainer.config().maxIters() ? "" : ", the last ones without a new best";
      out.printf(
          Locale.ROOT,
          "%,d steps in %s (%.1f s)%s%n",
          run.step() - first,
          TrainLines.duration(seconds),
          seconds,
          ended);
      if (run.best() >= 0) {
        out.printf(
            Locale.ROOT,
            "best validation loss %.4f after step %,d: %s%n",
            run.bestLoss(),
            run.best(),
            trainer.folder().resolve("best"));
      } else {
        out.println("last checkpoint: " + trainer.folder().resolve("last"));
      }
      return 0;
    }
  }

  /** Trains to the end, or until a signal; returns its number, or 0. */
  private static int fit(Trainer trainer, PrintWriter err) {
    AtomicInteger first = new AtomicInteger();
    long[] at = {0};
    CountDownLatch done = new CountDownLatch(1);
    Runnable giveBack =
        Signals.take(number -> {
          if (first.compareAndSet(0, number)) {
            at[0] = System.currentTimeMillis();
            err.println("a checkpoint is written, then the run ends; once more: at once");
            trainer.stop();
            Thread.startVirtualThread(() -> stopAfterGrace(trainer, done));
          } else if (System.currentTimeMillis() - at[0] > SAME_MS) {
            Runtime.getRuntime().halt(128 + number);
          }
        });
    try {
      trainer.fit();
    } finally {
      done.countDown();
      giveBack.run();
    }
    return first.get();
  }

  private static void stopAfterGrace(Trainer trainer, CountDownLatch done) {
    try {
      if (!done.await(GRACE_MS, TimeUnit.MILLISECONDS)) {
        trainer.stopNow();
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void describe(org.pygpt.model.GPT model, TrainConfig config, Dataset data) {
    Layout layout = model.weights().layout();
    Layout trained =
        layout.freeze(config.frozenAmong(model.weights().names()).toArray(String[]::new));
    long count = model.weights().count();
    long learnt = trained.trainable().stream().mapToLong(Layout.Weight::size).sum();
    int B = config.batchSize();
    int T = model.config().blockSize();
    long evaluation = config.evalInterval() > 0 ? model.evaluationBytes(B, T) : 0;
    boolean narrow = config.dtype() == DType.BFLOAT16;
    long copies = narrow ? ProductWeights.byteSize(trained) : 0;
    long activations = model.activationBytes(B, T, trained, config.dtype());
    long moments = 2 * learnt * config.moments().bytes();
    long bytes = 4 * (count + learnt) + moments + copies + activations + evaluation;
    PrintWriter out = spec.commandLine().getOut();
    model.config().values().forEach((name, value) -> out.println(name + " = " + value));
    config.values().forEach((name, value) -> out.println(name + " = " + value));
    String part =
        learnt == count ? "" : String.format(Locale.ROOT, ", %,d of them trained", learnt);
    out.printf(Locale.ROOT, "# %,d parameters%s%n", count, part);
    out.printf(
        Locale.ROOT,
        "# %,d tokens to train on, %,d to validate with, %,d ids%n",
        data.train().count(),
        data.val().count(),
        data.tokenizer().vocabSize());
    out.printf(Locale.ROOT, "# memory: %,.1f MB%n", bytes / 1e6);
  }
}
