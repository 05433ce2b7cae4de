package org.pygpt.cli;

import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.pygpt.Continuation;
import org.pygpt.GPT;
import org.pygpt.GenerateOptions;
import org.pygpt.files.Documents;
import org.pygpt.files.FileException;
import org.pygpt.text.Json;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Prints a prompt and what the model makes follow it, while it is made. */
@Command(
    name = "generate",
    description = "continue a prompt with a saved model",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class GenerateCommand implements Callable<Integer> {
  private static final String SEPARATOR = "-".repeat(8); // between samples

  @Spec private CommandSpec spec;

  @Mixin private ModelOptions saved;

  @Parameters(
      index = "1",
      paramLabel = "-",
      arity = "0..1",
      description = "read the prompt from standard input")
  private String input;

  @Option(names = "--prompt", paramLabel = "TEXT", description = "the text to continue")
  private String prompt;

  @Option(
      names = "--file",
      paramLabel = "FILE",
      description = "read the prompt from this file; a line end at its end does not count")
  private Path file;

  @Mixin private EncodingFlag encoding;

  @Mixin private SamplingFlags flags;

  @Option(
      names = "--top-logprobs",
      paramLabel = "N",
      defaultValue = "0",
      description = "how many of the likeliest tokens to report at each step, with --json")
  private int topLogprobs;

  @Option(names = "--truncate", description = "cut off the beginning of a prompt that is too long")
  private boolean truncate;

  @Option(
      names = "--samples",
      paramLabel = "N",
      defaultValue = "1",
      description = "how many continuations to make; with --seed each has the next seed")
  private int samples;

  @Option(
      names = "--json",
      description =
          "print each sample as a line of JSON: prompt, text, ids, log_probabilities, stopped")
  private boolean isJson;

  @Override
  public Integer call() throws Exception {
    requireOnePrompt(); // before anything is read
    GenerateOptions options = flags.options(truncate, topLogprobs);
    saved.check();
    if (samples < 1) {
      throw new IllegalArgumentException("samples: expected at least 1, got " + samples);
    }
    String prompt = promptText();
    try (GPT model = saved.load()) {
      options = withRoom(model, prompt, options);
      for (int i = 0; i < samples; i++) {
        boolean isSeeded = options.seed().isPresent();
        var each = isSeeded ? options.withSeed(options.seed().getAsLong() + i) : options;
        if (isJson) {
          printJson(model, prompt, each);
        } else {
          print(model, prompt, each, i == 0);
        }
      }
    }
    return 0;
  }

  private void print(GPT model, String prompt, GenerateOptions options, boolean isFirst) {
    PrintWriter out = spec.commandLine().getOut();
    try (Continuation text = model.begin(prompt, options)) { // what it refuses is not printed
      out.print(before(isFirst) + prompt);
      out.flush();
      text.forEachRemaining(piece -> {
        out.print(piece);
        out.flush();
      });
      out.println();
    }
  }

  private void printJson(GPT model, String prompt, GenerateOptions options) {
    Map<String, Object> line = new LinkedHashMap<>();
    try (Continuation text = model.begin(prompt, options)) {
      StringBuilder all = new StringBuilder();
      text.forEachRemaining(all::append);
      line.put("prompt", prompt);
      line.put("text", all.toString());
      line.put("ids", Arrays.stream(text.tokens()).boxed().toList());
      line.put("log_probabilities", Arrays.stream(text.logProbabilities()).boxed().toList());
      line.put("stopped", text.stopped());
      if (topLogprobs > 0) {
        line.put("top_ids", rows(Arrays.stream(text.topTokens(topLogprobs)).boxed().toList()));
        line.put(
            "top_log_probabilities",
            rows(Arrays.stream(text.topLogProbabilities(topLogprobs)).boxed().toList()));
      }
    }
    spec.commandLine().getOut().println(Json.write(line));
  }

  private <T> List<List<T>> rows(List<T> all) {
    List<List<T>> rows = new ArrayList<>();
    for (int i = 0; i < all.size(); i += topLogprobs) {
      rows.add(all.subList(i, i + topLogprobs));
    }
    return rows;
  }

  private void requireOnePrompt() {
    if (input != null && !input.equals("-")) {
      throw new IllegalArgumentException("prompt: expected - or --prompt, got " + input);
    }
    if (Stream.of(input, prompt, file).filter(Objects::nonNull).count() != 1) {
      throw new IllegalArgumentException("prompt: expected one of --prompt, --file and -");
    }
  }

  private static String before(boolean isFirst) {
    return isFirst ? "" : SEPARATOR + "\n";
  }

  private String promptText() throws FileException {
    if (prompt != null) {
      return prompt;
    }
    Charset charset = encoding.charset();
    String text = file == null ? Documents.standardInput(charset) : Documents.text(file, charset);
    text = text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
    if (text.isEmpty()) {
      throw new FileException("prompt: expected text, got none; --prompt '' begins with BOS alone");
    }
    return text;
  }

  /** Settles how many tokens are added by default, and whether the context has to slide. */
  private GenerateOptions withRoom(GPT model, String prompt, GenerateOptions options) {
    int size = model.config().blockSize();
    int room = size - model.encoded(prompt, options.specials()).length;
    if (truncate && options.maxNewTokens() < size) {
      return options;
    }
    PrintWriter err = spec.commandLine().getErr();
    if (!flags.saysHowMany() && room > 0 && room < options.maxNewTokens()) {
      err.printf(
          "(the context of %d tokens ends after %d new ones; with --max-new-tokens there are"
              + " more)%n",
          size, room);
      return options.withMaxNewTokens(room);
    }
    if (options.maxNewTokens() > room && !options.slide()) {
      err.printf("(longer than the context: the model sees the last %d tokens)%n", size);
      return options.sliding();
    }
    return options;
  }
}
