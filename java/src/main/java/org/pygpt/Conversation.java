package org.pygpt;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.pygpt.chat.Message;

/**
 * Mutable: what was said to a model that was fine-tuned on prompts and answers, or on chats, and
 * the options of the next answer; for one thread.
 *
 * {@snippet file="Snippets.java" region="chat"}
 *
 * <p>The model reads it by the chat template of its folder, or else as in the pairs that it was
 * fine-tuned on: prompt and answer each encoded by itself, with what ends a text after each answer.
 * Of what is too long it sees the end. The answers are those of Python's {@code Conversation}.
 */
public final class Conversation {
  private static final int LONGEST_ANSWER = 256; // tokens, unless the options say otherwise

  private final GPT model;
  private final boolean remembers;
  private final List<Message> beginning;
  private List<Message> said = List.of();
  private GenerateOptions options;

  /**
   * A conversation in which nothing was said yet.
   *
   * @param model stays the caller's
   * @param remembers whether the model sees what was said before; else each prompt stands alone
   * @param system what the model is told at the beginning; null for nothing
   * @param options of the answers; a prompt that is too long loses its beginning in any case
   * @throws org.pygpt.text.TextException if the model's chat template is none
   */
  public Conversation(GPT model, boolean remembers, String system, GenerateOptions options) {
    this.model = model;
    this.remembers = remembers;
    this.beginning = Stream.ofNullable(system).map(Message::system).toList();
    this.options = options;
    model.chatForm(); // or what is wrong with it, before anything is said
  }

  /** A conversation that remembers, with answers of at most {@link #longestAnswer} tokens. */
  public Conversation(GPT model) {
    this(model, true, null, GenerateOptions.DEFAULT.withMaxNewTokens(longestAnswer(model)));
  }

  /** How many tokens an answer has at most where nobody says: 256, or half the context. */
  public static int longestAnswer(GPT model) {
    return Math.max(1, Math.min(LONGEST_ANSWER, model.config().blockSize() / 2));
  }

  /** The options of the answers to come. */
  public GenerateOptions options() {
    return options;
  }

  /** Sets the options of the answers to come. */
  public void set(GenerateOptions options) {
    this.options = options;
  }

  /** Forgets what was said. */
  public void reset() {
    said = List.of();
  }

  /** The whole answer to a prompt; errors are those of {@link #answering}. */
  public String answer(String prompt) {
    StringBuilder text = new StringBuilder();
    try (Answer answer = answering(prompt)) {
      answer.forEachRemaining(text::append);
    }
    return text.toString();
  }

  /**
   * The answer to a prompt, as it is taken.
   *
   * @throws org.pygpt.text.TextException if the chat template refuses the prompt, or for a
   *     character that the tokenizer lacks
   * @throws IllegalArgumentException if the options leave the prompt no room
   */
  public Answer answering(String prompt) {
    List<Message> asked = new ArrayList<>(said);
    asked.add(Message.user(Objects.requireNonNull(prompt)));
    List<Message> all = new ArrayList<>(beginning);
    all.addAll(asked);
    return new Answer(asked, model.reply(all, options));
  }

  /** Mutable: an answer, piece by piece; where it is left, it counts as said so far. */
  public final class Answer implements Iterator<String>, AutoCloseable {
    private final List<Message> asked;
    private final Continuation text;
    private final StringBuilder taken = new StringBuilder();
    private boolean closed;

    private Answer(List<Message> asked, Continuation text) {
      this.asked = asked;
      this.text = text;
    }

    @Override
    public boolean hasNext() {
      boolean goesOn = text.hasNext();
      if (!goesOn) {
        close();
      }
      return goesOn;
    }

    @Override
    public String next() {
      String piece = text.next();
      if (taken.isEmpty()) { // the tokenizer's own blanks before a text
        piece = piece.replaceFirst("^ {0," + model.tokenizer().strips() + "}", "");
      }
      taken.append(piece);
      return piece;
    }

    /** Lets it end after the piece that is computed; from any thread. */
    public void stop() {
      text.close();
    }

    @Override
    public void close() {
      text.close();
      if (!closed && remembers) {
        asked.add(Message.assistant(taken.toString()));
        said = asked;
      }
      closed = true;
    }
  }
}
