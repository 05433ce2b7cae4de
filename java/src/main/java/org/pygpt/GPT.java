package org.pygpt;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.List;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.Flow;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.pygpt.backends.Backend;
import org.pygpt.backends.MissingBackendException;
import org.pygpt.chat.ChatForm;
import org.pygpt.chat.Message;
import org.pygpt.files.FileException;
import org.pygpt.files.PretrainedModel;
import org.pygpt.files.SpecialIds;
import org.pygpt.generate.Generator;
import org.pygpt.generate.Request;
import org.pygpt.generate.Sequence;
import org.pygpt.generate.TextStream;
import org.pygpt.graph.Step;
import org.pygpt.model.GPTConfig;
import org.pygpt.model.Session;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.TooLargeError;
import org.pygpt.text.TextException;
import org.pygpt.text.Tokenizer;

/**
 * Mutable: a trained model with its tokenizer: text in, text out, with no Python.
 *
 * {@snippet file="Snippets.java" region="generate"}
 *
 * <p>The same model, prompt, options and seed give the text that Python's {@code GPT.generate}
 * gives. Any thread may use it.
 */
public final class GPT implements AutoCloseable {
  private final org.pygpt.model.GPT model;
  private final Tokenizer tokenizer;
  private final int[] ends;
  private final SpecialIds specialIds;
  private final String chatTemplate; // null for none
  private final Generator generator;
  private volatile ChatForm chatForm; // made when it is first asked for

  private GPT(org.pygpt.model.GPT model, PretrainedModel saved) {
    this.model = model;
    this.tokenizer = saved.tokenizer();
    this.ends = saved.ends();
    this.specialIds = saved.specialIds();
    this.chatTemplate = saved.chatTemplate().orElse(null);
    this.generator = new Generator(model, Generator.AT_ONCE, true);
  }

  /**
   * The model of a folder that pygpt wrote, or {@code transformers}, on the backend that {@link
   * Backend#chosen} gives.
   *
   * @param folder a model's, or a training run's
   * @throws FileException if it is missing, damaged, without a tokenizer, or needs what Java does
   *     not read
   * @throws TooLargeError if it does not fit into memory
   */
  public static GPT load(Path folder) throws FileException {
    return load(folder, Backend.chosen().backend(), 0);
  }

  /**
   * The model of a folder; see the other method.
   *
   * @param backend {@code cpu}, {@code nd4j}, {@code plain}, {@code cuda} or {@code auto}
   * @param threads of backend cpu; 0 for one a processor
   * @throws IllegalArgumentException if the backend is unknown
   * @throws MissingBackendException if what the backend needs is not there
   */
  public static GPT load(Path folder, String backend, int threads) throws FileException {
    try (Arena arena = Arena.ofShared()) {
      PretrainedModel saved = PretrainedModel.open(folder, arena);
      if (saved.tokenizer() == null) {
        throw new FileException(
            "model "
                + folder
                + ": expected a tokenizer, since there is text; put the tokenizer.json of its"
                + " training beside its weights");
      }
      var model = org.pygpt.model.GPT.create(saved.config(), backend, DType.FLOAT32, threads);
      saved.copyTo(model.weights());
      return new GPT(model, saved);
    }
  }

  /** The architecture. */
  public GPTConfig config() {
    return model.config();
  }

  /** What turns text into token ids. */
  public Tokenizer tokenizer() {
    return tokenizer;
  }

  /** The ids that end a text, by the model's files and its tokenizer, copied. */
  public int[] ends() {
    return ends.clone();
  }

  /**
   * How the model reads a conversation: by the chat template of its folder, or in pygpt's own form.
   *
   * @throws TextException if the template is none
   */
  public ChatForm chatForm() {
    ChatForm form = chatForm;
    if (form == null) {
      form = new ChatForm(tokenizer, chatTemplate, ends, specialIds.bos(), specialIds.pad());
      chatForm = form;
    }
    return form;
  }

  /** The model itself: weights, backend, sessions; closed with this. */
  public org.pygpt.model.GPT engine() {
    return model;
  }

  /**
   * A prompt and what the model makes follow it, without what ended it.
   *
   * @throws IllegalArgumentException if the prompt is empty and the tokenizer has no token that
   *     begins a text, has a character that the tokenizer lacks, or is too long
   * @throws ArithmeticException if the logits are no numbers
   * @throws TooLargeError if its keys and values do not fit into memory
   */
  public String generate(String prompt, GenerateOptions options) {
    StringBuilder text = new StringBuilder(prompt);
    generate(prompt, options, text::append);
    return text.toString();
  }

  /**
   * Gives what follows a prompt piece by piece, whole characters at a time; errors are those of the
   * other method.
   *
   * @return the new tokens, with the one that ended them
   */
  public int[] generate(String prompt, GenerateOptions options, Consumer<String> pieces) {
    try (Continuation text = begin(prompt, options)) {
      text.forEachRemaining(pieces);
      return text.tokens();
    }
  }

  /**
   * What follows a prompt, as it is taken; closing the stream ends it.
   *
   * {@snippet file="Snippets.java" region="stream"}
   *
   * <p>Errors are those of {@link #generate}; those of the prompt come at once.
   */
  public Stream<String> stream(String prompt, GenerateOptions options) {
    Continuation text = begin(prompt, options);
    int kind = Spliterator.ORDERED | Spliterator.NONNULL;
    return StreamSupport.stream(Spliterators.spliteratorUnknownSize(text, kind), false)
        .onClose(text::close);
  }

  /** What follows a prompt, as each subscriber asks for it, on a thread of its own. */
  public Flow.Publisher<String> publisher(String prompt, GenerateOptions options) {
    return new TextPublisher(() -> begin(prompt, options));
  }

  /** What follows a prompt, to be taken piece by piece and closed; see {@link #generate}. */
  public Continuation begin(String prompt, GenerateOptions options) {
    return begin(encoded(prompt, options.specials()), options);
  }

  /** What follows the ids of a prompt; see the other method. */
  public Continuation begin(int[] prompt, GenerateOptions options) {
    int[] stops = options.stopTokens().map(GPT::ints).orElse(ends);
    int V = model.config().vocabSize();
    for (int stop : stops) {
      if (stop < 0 || stop >= V) {
        throw new TextException("stop_tokens: expected 0 to " + (V - 1) + ", got " + stop);
      }
    }
    Sequence sequence = generator.submit(request(cut(prompt, options), stops, options));
    IntStream around = IntStream.concat(tokenizer.begin().stream(), tokenizer.end().stream());
    int[] silent = IntStream.concat(around, Arrays.stream(stops)).toArray();
    return new Continuation(
        generator,
        sequence,
        tokenizer,
        new TextStream(options.stop()),
        id -> Arrays.stream(silent).anyMatch(other -> other == id),
        id -> Arrays.stream(stops).anyMatch(other -> other == id));
  }

  /**
   * The answer to a conversation, to be taken piece by piece and closed; a conversation that is too
   * long loses its beginning. {@link Conversation} keeps one.
   *
   * @param options those without stop tokens end with what ends a turn
   * @throws TextException if the chat template refuses it, or for a character that the tokenizer
   *     lacks
   * @throws IllegalArgumentException if the options leave the conversation no room
   */
  public Continuation reply(List<Message> messages, GenerateOptions options) {
    Integer[] turnEnds = Arrays.stream(chatForm().ends()).boxed().toArray(Integer[]::new);
    boolean stops = options.stopTokens().isPresent();
    GenerateOptions all = (stops ? options : options.withStopTokens(turnEnds)).truncated();
    return begin(chatForm().prompt(messages), all);
  }

  /**
   * A text as a vector of length 1, the mean of what the model makes of its tokens: that of the
   * endpoint's {@code /v1/embeddings}.
   *
   * @return float32, (C)
   * @throws TextException if it is empty, longer than the context, or has a character that the
   *     tokenizer lacks
   */
  public float[] embed(String text) {
    int[] ids = encoded(text, false);
    int T = ids.length;
    if (T > config().blockSize()) {
      throw new TextException(
          "text: expected at most block_size = %d tokens, got %d"
              .formatted(config().blockSize(), T));
    }
    int[] targets = new int[T];
    Arrays.fill(targets, -1); // none is scored
    double[] sum = new double[config().nEmbd()];
    try (Session session = model.hidden(1, T);
        var _ = model.turn()) {
      session.setBatch(ids, targets, T);
      session.forward(Step.forward(1, T));
      for (int t = 0; t < T; t++) {
        double[] state = new double[sum.length];
        session.hidden().readRow(t, state);
        Arrays.setAll(sum, i -> sum[i] + state[i]);
      }
    }
    double length = Math.sqrt(Arrays.stream(sum).map(x -> x * x).sum());
    float[] vector = new float[sum.length];
    for (int i = 0; i < vector.length; i++) {
      vector[i] = (float) (length > 0 ? sum[i] / length : 0);
    }
    return vector;
  }

  private static int[] ints(List<Integer> ids) {
    return ids.stream().mapToInt(id -> id).toArray();
  }

  private Request request(int[] ids, int[] stops, GenerateOptions options) {
    long seed = options.seed().orElseGet(() -> new SecureRandom().nextLong(1L << 62));
    int[] beyond = IntStream.range(tokenizer.vocabSize(), config().vocabSize()).toArray();
    int[] never =
        IntStream.concat(Arrays.stream(tokenizer.unused()), Arrays.stream(beyond)).toArray();
    return Request.seeded(
            ids,
            options.maxNewTokens(),
            options.sampling(),
            stops,
            never,
            options.slide(),
            options.topLogprobs(),
            seed)
        .withLookup(options.lookup());
  }

  /**
   * The ids of a prompt; an empty one is the id that begins a text.
   *
   * @throws IllegalArgumentException as {@link #generate} does
   */
  public int[] encoded(String prompt, boolean specials) {
    int[] prefix = tokenizer.prefix();
    if (prompt.isEmpty()) {
      if (prefix.length == 0 && tokenizer.begin().isEmpty()) {
        throw new TextException(
            "prompt: expected text, got none; the tokenizer has no token that begins one");
      }
      return prefix.length > 0 ? prefix : new int[] {tokenizer.begin().getAsInt()};
    }
    int[] ids = tokenizer.encode(prompt, specials);
    int[] first = Arrays.copyOf(ids, Math.min(ids.length, prefix.length));
    return Arrays.equals(first, prefix) // written there already
        ? ids
        : IntStream.concat(Arrays.stream(prefix), Arrays.stream(ids)).toArray();
  }

  private int[] cut(int[] ids, GenerateOptions options) {
    int size = config().blockSize();
    int room = size - options.maxNewTokens();
    if (ids.length <= room) {
      return ids;
    }
    if (options.slide() && !(options.truncate() && room >= 1)) {
      return Arrays.copyOfRange(ids, Math.max(0, ids.length - size), ids.length);
    }
    if (!options.truncate()) {
      throw new TextException(
          "prompt: expected with max_new_tokens at most block_size = %d tokens, got %d + %d"
                  .formatted(size, ids.length, options.maxNewTokens())
              + "; shorten it, ask for fewer or set truncate");
    }
    if (room < 1) {
      throw new IllegalArgumentException(
          "max_new_tokens: expected less than block_size = %d to leave room for the prompt, got %d"
              .formatted(size, options.maxNewTokens()));
    }
    return Arrays.copyOfRange(ids, ids.length - room, ids.length);
  }

  @Override
  public void close() {
    generator.close();
    model.close();
  }
}
