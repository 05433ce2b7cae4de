package org.pygpt.chat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.IntStream;
import org.pygpt.text.Tokenizer;

/**
 * Immutable: how a model reads a conversation: by its chat template, or in pygpt's own form, where
 * prompts and answers stand one after another, each encoded by itself, and what ends a text ends
 * each answer.
 */
public final class ChatForm {
  /** pygpt's own form as a template. */
  private static final String PLAIN =
      "{% for message in messages %}{{ message['content'] }}"
          + "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}";

  private final Tokenizer tokenizer;
  private final ChatTemplate template; // null for pygpt's own form
  private final Map<String, String> names; // bos_token and the like
  private final int[] end; // what an answer ends with in pygpt's own form: one id or none
  private final Set<Integer> ends;

  /**
   * The form of a model.
   *
   * @param template its chat template; null for pygpt's own form
   * @param ends the ids that end a text by the model's files and its tokenizer
   * @param bos the id that begins one by the model's files
   * @throws TemplateException if the template is none
   */
  public ChatForm(
      Tokenizer tokenizer, String template, int[] ends, OptionalInt bos, OptionalInt pad) {
    this.tokenizer = tokenizer;
    this.ends = new LinkedHashSet<>(Arrays.stream(ends).boxed().toList());
    IntStream own = tokenizer.end().isPresent() ? tokenizer.end().stream() : Arrays.stream(ends);
    this.end = own.limit(1).toArray();
    String plain = (tokenizer.prefix().length > 0 ? "{{ bos_token }}" : "") + PLAIN;
    boolean isPlain = template == null || template.equals(plain);
    this.template = isPlain ? null : new ChatTemplate(template);
    this.names = names(bos.isPresent() ? bos : tokenizer.begin(), pad);
    this.ends.addAll(turnEnd());
  }

  private Map<String, String> names(OptionalInt bos, OptionalInt pad) {
    Map<String, String> names = new HashMap<>();
    bos.ifPresent(id -> names.put("bos_token", text(id)));
    Arrays.stream(end).forEach(id -> names.put("eos_token", text(id)));
    pad.ifPresent(id -> names.put("pad_token", text(id)));
    return names;
  }

  /** A token's text; that of an end may be ordinary text, such as a line end. */
  private String text(int id) {
    return tokenizer.specials().entrySet().stream()
        .filter(special -> special.getValue() == id)
        .map(Map.Entry::getKey)
        .findFirst()
        .orElseGet(() -> tokenizer.decode(id));
  }

  /** The ids that end an answer. */
  public int[] ends() {
    return ends.stream().mapToInt(id -> id).toArray();
  }

  /** The special token that the template has after an answer, if it has one. */
  private List<Integer> turnEnd() {
    if (template == null) {
      return List.of();
    }
    try {
      String said = render(List.of(Message.user("?"), Message.assistant("!")), false);
      String after = said.substring(said.lastIndexOf('!') + 1).replaceFirst("^ +", "");
      int bos = tokenizer.begin().orElse(-1);
      return Arrays.stream(tokenizer.encode(after, true))
          .limit(1)
          .boxed()
          .filter(id -> tokenizer.specials().containsValue(id) && id != bos)
          .toList();
    } catch (IllegalArgumentException refused) {
      return List.of();
    }
  }

  /**
   * What the template makes of a conversation.
   *
   * @param asks whether an answer shall follow
   * @throws TemplateException if it refuses it
   * @throws IllegalStateException if this is pygpt's own form
   */
  public String render(List<Message> messages, boolean asks) {
    if (template == null) {
      throw new IllegalStateException("chat template: expected one, got none");
    }
    Map<String, Object> values = new HashMap<>(names);
    values.put("messages", messages.stream().map(Message::values).toList());
    values.put("add_generation_prompt", asks);
    values.put("tools", null);
    values.put("documents", null);
    return template.render(values);
  }

  /**
   * The ids of a conversation, up to where the next answer begins.
   *
   * @throws IllegalArgumentException if the template refuses it, or for a character that the
   *     tokenizer lacks
   */
  public int[] prompt(List<Message> messages) {
    if (template != null) {
      return tokenizer.encode(render(messages, true), true);
    }
    List<int[]> parts = new ArrayList<>(List.of(tokenizer.prefix()));
    for (Message message : messages) {
      parts.add(tokenizer.encode(message.content()));
      if (message.role().equals(Message.ASSISTANT)) {
        parts.add(end);
      }
    }
    return parts.stream().flatMapToInt(Arrays::stream).toArray();
  }
}
