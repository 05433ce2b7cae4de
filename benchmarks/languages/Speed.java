import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.pygpt.GPT;
import org.pygpt.GenerateOptions;
import org.pygpt.Trainer;

/** Java's side of {@code python -m benchmarks.languages}: prints seconds, as speed.py does. */
final class Speed {
  private static double seconds(Runnable work) {
    long began = System.nanoTime();
    work.run();
    return (System.nanoTime() - began) * 1e-9;
  }

  /** Arguments: the run's folder, steps, the model's folder, a prompt, new tokens, repeats. */
  public static void main(String[] arguments) {
    int steps = Integer.parseInt(arguments[1]);
    int tokens = Integer.parseInt(arguments[4]);
    int repeats = Integer.parseInt(arguments[5]);
    List<Long> times = new ArrayList<>();
    Trainer.Builder builder = Trainer.of("shakespeare-char").out(Path.of(arguments[0]));
    builder.option("max_iters", 2 * steps).option("eval_interval", 0);
    try (Trainer trainer = builder.listener((_, _) -> times.add(System.nanoTime())).open()) {
      trainer.fit();
    }
    double taken = (times.getLast() - times.get(steps - 1)) * 1e-9;
    System.out.printf("step %.6g%n", taken / steps);
    try (GPT model = GPT.load(Path.of(arguments[2]))) {
      GenerateOptions greedy = GenerateOptions.DEFAULT.withTemperature(0);
      Runnable reads = () -> model.generate(arguments[3], greedy.withMaxNewTokens(1));
      Runnable writes =
          () -> model.generate(arguments[3].substring(0, 1), greedy.withMaxNewTokens(tokens));
      List<Double> prompts = new ArrayList<>();
      List<Double> texts = new ArrayList<>();
      for (int i = 0; i < 2 * repeats; i++) {
        prompts.add(seconds(reads));
        texts.add(seconds(writes));
      }
      System.out.printf("prompt %.6g%n", median(prompts.subList(repeats, 2 * repeats)));
      System.out.printf("token %.6g%n", median(texts.subList(repeats, 2 * repeats)) / tokens);
    }
  }

  private static double median(List<Double> values) {
    List<Double> sorted = values.stream().sorted().toList();
    return sorted.get(sorted.size() / 2);
  }
}
