package org.pygpt.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Console;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import org.pygpt.Conversation;
import org.pygpt.GPT;
import org.pygpt.GenerateOptions;
import org.pygpt.text.TextException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** A conversation with a model that was fine-tuned on prompts and answers. */
@Command(
    name = "chat",
    description = "talk with a fine-tuned model: answer one line after another",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class ChatCommand implements Callable<Integer> {
  private static final String PROMPT = "> ";
  private static final Map<String, String> COMMANDS = new LinkedHashMap<>();

  static {
    COMMANDS.put("/help", "show these lines");
    COMMANDS.put("/reset", "forget what was said, with --remember");
    COMMANDS.put("/seed N", "set the seed of the answers to come");
    COMMANDS.put("/temperature X", "0 takes the likeliest token, 1 the model's own probabilities");
    COMMANDS.put("/quit", "end; so does Ctrl-D. Ctrl-C stops an answer");
  }

  @Spec private CommandSpec spec;

  @Mixin private ModelOptions saved;

  @Mixin private SamplingFlags flags;

  @Option(
      names = "--remember",
      description =
          "the model sees what was said before; without it each line stands alone, as a pair does"
              + " while fine-tuning")
  private boolean remember;

  @Option(
      names = "--system",
      paramLabel = "TEXT",
      description = "what the model is told at the beginning of a conversation")
  private String system;

  @Mixin private EncodingFlag encoding;

  @Override
  public Integer call() throws IOException {
    GenerateOptions options = flags.options(true, 0);
    saved.check();
    Charset charset = encoding.charset();
    try (GPT model = saved.load()) {
      if (!flags.saysHowMany()) {
        options = options.withMaxNewTokens(Conversation.longestAnswer(model));
      }
      Conversation conversation = new Conversation(model, remember, system, options);
      Console console = System.console();
      if (console != null && console.isTerminal()) {
        onTerminal(conversation, console);
      } else {
        onLines(conversation, charset);
      }
    }
    return 0;
  }

  // ---- lines -----------------------------------------------------------------------------------

  /** Answers the lines of a pipe or a file; an error ends it. */
  private void onLines(Conversation conversation, Charset charset) throws IOException {
    InputStream in = new BufferedInputStream(System.in);
    int number = 0;
    boolean goesOn = true;
    for (byte[] line = line(in); goesOn && line.length > 0; line = line(in)) {
      boolean isWide = number == 0 && isUtf16(line);
      if (isWide || encoding.isGiven()) { // its line ends are not bytes
        byte[] rest = in.readAllBytes();
        byte[] all = ByteBuffer.allocate(line.length + rest.length).put(line).put(rest).array();
        line = new String(all, isWide ? StandardCharsets.UTF_16 : charset).getBytes(UTF_8);
      }
      for (String text : text(line, number + 1).split("\n", -1)) {
        number++;
        goesOn = goesOn && onLine(conversation, text.strip(), number);
      }
    }
  }

  /** Answers a line, or does what it says; returns whether to go on. */
  private boolean onLine(Conversation conversation, String line, int number) {
    try {
      if (isCommand(line)) {
        return run(conversation, line);
      }
      if (!line.isEmpty()) {
        print(conversation, line, new AtomicReference<>());
      }
      return true;
    } catch (TextException error) {
      throw new TextException(error.getMessage() + " (line " + number + " of standard input)");
    }
  }

  /** The bytes of the next line with its end; none at the end. */
  private static byte[] line(InputStream in) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int one = in.read(); one >= 0; one = in.read()) {
      line.write(one);
      if (one == '\n') {
        break;
      }
    }
    return line.toByteArray();
  }

  private static boolean isUtf16(byte[] bytes) {
    int mark = bytes.length < 2 ? 0 : (bytes[0] & 0xFF) << 8 | bytes[1] & 0xFF;
    return mark == 0xFEFF || mark == 0xFFFE;
  }

  private static String text(byte[] line, int number) {
    try {
      String text = UTF_8.newDecoder().decode(ByteBuffer.wrap(line)).toString();
      text = text.replace("\r\n", "\n").replace('\r', '\n');
      text = number == 1 && text.startsWith("\uFEFF") ? text.substring(1) : text;
      return text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
    } catch (CharacterCodingException error) {
      throw new TextException(
          "text: expected UTF-8; --encoding names another encoding (line "
              + number
              + " of standard input)");
    }
  }

  private static boolean isCommand(String line) {
    return line.startsWith("/") && !line.startsWith("//");
  }

  /** Prints the answer to a line while it is made. */
  private void print(
      Conversation conversation, String line, AtomicReference<Conversation.Answer> current) {
    PrintWriter out = spec.commandLine().getOut();
    String prompt = line.startsWith("//") ? line.substring(1) : line;
    try (Conversation.Answer answer = conversation.answering(prompt)) {
      current.set(answer);
      try {
        answer.forEachRemaining(piece -> {
          out.print(piece);
          out.flush();
        });
      } finally {
        current.set(null);
        out.println();
      }
    } catch (IllegalArgumentException error) {
      throw error instanceof TextException
          ? error
          : new IllegalArgumentException("--" + flag(error));
    }
  }

  /** The message with its field as an option. */
  private static String flag(IllegalArgumentException error) {
    String[] parts = error.getMessage().split(":", 2);
    return parts[0].replace('_', '-') + (parts.length > 1 ? ":" + parts[1] : "");
  }

  // ---- commands --------------------------------------------------------------------------------

  /** Does what a line that begins with a slash says; returns whether to go on. */
  private boolean run(Conversation conversation, String line) {
    String[] words = line.split(" ", 2);
    String value = words.length > 1 ? words[1].strip() : "";
    PrintWriter out = spec.commandLine().getOut();
    switch (words[0]) {
      case "/quit" -> {
        return false;
      }
      case "/reset" -> conversation.reset();
      case "/seed", "/temperature" -> set(conversation, words[0].substring(1), value);
      case "/help" -> COMMANDS.forEach((name, does) -> out.printf("%-16s %s%n", name, does));
      default ->
          throw new TextException(
              words[0]
                  + ": expected one of "
                  + String.join(", ", COMMANDS.keySet())
                  + "; text that begins with / is given with two of them, //");
    }
    return true;
  }

  private static void set(Conversation conversation, String name, String value) {
    GenerateOptions options = conversation.options();
    try {
      conversation.set(
          name.equals("seed")
              ? options.withSeed(Long.parseLong(value))
              : options.withTemperature(Double.parseDouble(value)));
    } catch (NumberFormatException error) {
      throw new IllegalArgumentException("--" + name + ": expected a number, got '" + value + "'");
    } catch (IllegalArgumentException error) {
      throw new IllegalArgumentException("--" + flag(error));
    }
  }

  // ---- terminals -------------------------------------------------------------------------------

  /** Answers what is typed; after an error or Ctrl-C comes the next line. */
  private void onTerminal(Conversation conversation, Console console) {
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    out.println("/help lists the commands, /quit or Ctrl-D ends");
    AtomicReference<Conversation.Answer> current = new AtomicReference<>();
    Runnable giveBack = Signals.takeInterrupt(() -> stop(current.get(), out));
    try {
      boolean goesOn = true;
      while (goesOn) {
        out.flush();
        String typed = console.readLine(PROMPT);
        if (typed == null) {
          return;
        }
        String line = typed.strip();
        try {
          if (isCommand(line)) {
            goesOn = run(conversation, line);
          } else if (!line.isEmpty()) {
            print(conversation, line, current);
          }
        } catch (IllegalArgumentException error) {
          err.println("pygpt: error: " + error.getMessage());
        }
      }
    } finally {
      giveBack.run();
    }
  }

  /** Stops an answer; while a line is typed, which the terminal forgets, begins another one. */
  private static void stop(Conversation.Answer answer, PrintWriter out) {
    if (answer != null) {
      answer.stop();
    } else {
      out.print(System.lineSeparator() + PROMPT);
      out.flush();
    }
  }
}
