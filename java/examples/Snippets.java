package examples;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.pygpt.Conversation;
import org.pygpt.GPT;
import org.pygpt.GenerateOptions;
import org.pygpt.Trainer;

/** What the API's documentation shows; the tests run each part. */
public final class Snippets {
  private Snippets() {}

  /** Trains on a file of text. */
  public static void train(Path text, Path run) {
    // @start region="train"
    try (Trainer trainer =
        Trainer.of("shakespeare-char")
            .data(text)
            .out(run)
            .option("max_iters", 20)
            .listener((_, metrics) -> System.out.println(metrics.step() + " " + metrics.loss()))
            .open()) {
      trainer.fit();
    }
    // @end
  }

  /** Continues a prompt. */
  public static String generate(Path folder) {
    // @start region="generate"
    try (GPT model = GPT.load(folder)) { // a model's folder, or a run's
      return model.generate("To be", GenerateOptions.DEFAULT.withSeed(1));
    }
    // @end
  }

  /** How a prompt is continued. */
  public static GenerateOptions options() {
    // @start region="options"
    GenerateOptions options =
        GenerateOptions.DEFAULT.withMaxNewTokens(30).withTemperature(0.8).withSeed(1);
    // @end
    return options;
  }

  /** Takes what follows a prompt while it is made. */
  public static List<String> stream(GPT model) {
    List<String> taken = new ArrayList<>();
    // @start region="stream"
    try (Stream<String> pieces = model.stream("To be", GenerateOptions.DEFAULT)) {
      pieces.limit(5).forEach(taken::add); // no more than these are computed
    }
    // @end
    return taken;
  }

  /** Talks with a model. */
  public static List<String> chat(GPT model) {
    List<String> answers = new ArrayList<>();
    // @start region="chat"
    Conversation chat = new Conversation(model); // remembers what was said
    answers.add(chat.answer("What is a monad?"));
    try (Conversation.Answer answer = chat.answering("Shorter, please.")) {
      answer.forEachRemaining(System.out::print); // as it is made
    }
    // @end
    return answers;
  }

  /** Compares two texts. */
  public static double similarity(GPT model) {
    // @start region="embed"
    float[] one = model.embed("To be");
    float[] other = model.embed("To be or");
    double cosine = 0;
    for (int i = 0; i < one.length; i++) {
      cosine += one[i] * other[i];
    }
    // @end
    return cosine;
  }
}
