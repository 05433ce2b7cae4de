package example;

import java.nio.file.Path;
import org.pygpt.GPT;
import org.pygpt.GenerateOptions;
import org.pygpt.Trainer;

/** Trains a small model on a text, and lets it continue a line. */
public final class Poems {
  private Poems() {}

  /** Trains a model on a text; the run's folder has it. */
  public static void train(Path text, Path run, int steps) {
    try (Trainer trainer =
        Trainer.of("shakespeare-char")
            .data(text)
            .out(run)
            .option("n_layer", 2)
            .option("n_embd", 32)
            .option("max_iters", steps)
            .listener((_, metrics) -> System.err.println(metrics.step() + ": " + metrics.loss()))
            .open()) {
      trainer.fit();
    }
  }

  /** What a run's model makes of the beginning of a line. */
  public static String continued(Path run, String beginning) {
    try (GPT model = GPT.load(run)) {
      return model.generate(beginning, GenerateOptions.DEFAULT.withMaxNewTokens(40).withSeed(1));
    }
  }

  /** Trains on a file of text and prints a continuation of "The ". */
  public static void main(String[] arguments) {
    Path run = Path.of("runs", "poems");
    train(Path.of(arguments[0]), run, 200);
    System.out.println(continued(run, "The "));
  }
}
